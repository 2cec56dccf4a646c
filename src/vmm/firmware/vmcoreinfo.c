/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "firmware/vmcoreinfo.h"

#include "firmware/fw-cfg.h"

#include <string.h>

#define FILE_NAME  "etc/vmcoreinfo"
#define FORMAT_ELF 1u

/* All little endian. */
typedef struct
{
  uint16_t host_format, guest_format; /* bits of what one understands; what the other has chosen */
  uint32_t size;
  uint64_t address;
} VmcoreInfo;
G_STATIC_ASSERT (sizeof (VmcoreInfo) == 16);

/* The file is what was written. */
static void
on_written (void *opaque, const uint8_t *content, size_t size, size_t offset, size_t length)
{
}

void
vmcoreinfo_add (Device *fw_cfg)
{
  const VmcoreInfo info = { .host_format = GUINT16_TO_LE (FORMAT_ELF) };

  fw_cfg_add_file_callback (fw_cfg, FILE_NAME, &info, sizeof info, NULL, on_written, NULL);
}

gboolean
vmcoreinfo_find (Device *fw_cfg, uint64_t *address, uint32_t *size)
{
  size_t length;
  const uint8_t *content = fw_cfg_file (fw_cfg, FILE_NAME, &length);
  VmcoreInfo info;

  if (content == NULL || length != sizeof info)
    return FALSE;
  memcpy (&info, content, sizeof info);
  *address = GUINT64_FROM_LE (info.address);
  *size = GUINT32_FROM_LE (info.size);
  return GUINT16_FROM_LE (info.guest_format) == FORMAT_ELF && *size > 0;
}
