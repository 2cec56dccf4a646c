/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SMBIOS tables: BIOS, system, chassis, processor, memory.
 */
#define G_LOG_DOMAIN "firmware"

#include "config.h"

#include "firmware/smbios.h"

#include "firmware/fw-cfg.h"

#include <string.h>

typedef struct
{
  GByteArray *out;
  guint start; /* of the structure being made */
  GPtrArray *strings;
  unsigned n, largest;
} Smbios;

static void
put (Smbios *s, uint64_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    {
      uint8_t byte = (uint8_t)(value >> (8 * i));

      g_byte_array_append (s->out, &byte, 1);
    }
}

static void
put_string (Smbios *s, const char *text)
{
  g_ptr_array_add (s->strings, (gpointer)text);
  put (s, s->strings->len, 1);
}

static void
begin (Smbios *s, uint8_t type, uint16_t handle)
{
  s->start = s->out->len;
  g_ptr_array_set_size (s->strings, 0);
  put (s, type, 1);
  put (s, 0, 1);
  put (s, handle, 2);
}

static void
end (Smbios *s)
{
  s->out->data[s->start + 1] = (uint8_t)(s->out->len - s->start);
  for (unsigned i = 0; i < s->strings->len; i++)
    g_byte_array_append (s->out, s->strings->pdata[i], (guint)strlen (s->strings->pdata[i]) + 1);
  put (s, 0, s->strings->len > 0 ? 1 : 2);
  s->n++;
  s->largest = MAX (s->largest, s->out->len - s->start);
}

/* The first three fields are little endian numbers. */
static void
put_uuid (Smbios *s, const char *text)
{
  static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
  uint8_t bytes[16] = { 0 };
  unsigned nibble = 0;

  for (const char *p = text; p != NULL && *p != '\0' && nibble < 32; p++)
    if (g_ascii_isxdigit (*p))
      {
        bytes[nibble / 2] = (uint8_t)(bytes[nibble / 2] << 4 | g_ascii_xdigit_value (*p));
        nibble++;
      }
  for (unsigned i = 0; i < 16; i++)
    put (s, bytes[order[i]], 1);
}

static void
put_processors (Smbios *s, const SmbiosProcessors *processors)
{
  for (unsigned i = 0; i < processors->n; i++)
    {
      begin (s, 4, (uint16_t)(0x400 + i));
      put_string (s, "CPU");
      put (s, 3, 1); /* central processor */
      put (s, 1, 1); /* family: other */
      put_string (s, "Vivarium");
      put (s, processors->signature, 4); /* 7.5.3.1: EAX, EDX */
      put (s, processors->features, 4);
      if (processors->version != NULL && processors->version[0] != '\0')
        put_string (s, processors->version);
      else
        put (s, 0, 1);
      put (s, 0, 1); /* voltage */
      put (s, 0, 2);
      put (s, 0, 2); /* speeds: unknown */
      put (s, 0, 2);
      put (s, 0x41, 1); /* enabled */
      put (s, 1, 1);
      put (s, 0xffff, 2);
      put (s, 0xffff, 2);
      put (s, 0xffff, 2);
      put (s, 0, 3); /* serial number, asset tag, part number */
      put (s, processors->cores, 1);
      put (s, processors->cores, 1); /* all are on */
      put (s, processors->cores * processors->threads, 1);
      put (s, 4, 2); /* 64-bit capable */
      put (s, 1, 2);
      end (s);
    }
}

static void
put_memory (Smbios *s, uint64_t memory)
{
  uint64_t mib = memory >> 20;

  begin (s, 16, 0x1000);
  put (s, 1, 1); /* other */
  put (s, 3, 1); /* system memory */
  put (s, 6, 1); /* multi-bit ECC */
  put (s, mib < 0x200000 ? mib << 10 : 0x80000000u, 4);
  put (s, 0xfffe, 2);
  put (s, 1, 2);
  put (s, mib < 0x200000 ? 0 : memory, 8);
  end (s);
  begin (s, 17, 0x1100);
  put (s, 0x1000, 2);
  put (s, 0xfffe, 2);
  put (s, 0xffff, 2);
  put (s, 0xffff, 2);
  put (s, mib < 0x7fff ? mib : 0x7fff, 2);
  put (s, 9, 1); /* DIMM */
  put (s, 0, 1);
  put_string (s, "DIMM 0");
  put (s, 0, 1);
  put (s, 7, 1); /* RAM */
  put (s, 2, 2);
  put (s, 0, 2);
  put_string (s, "Vivarium");
  put (s, 0, 3);
  put (s, 0, 1);
  put (s, mib < 0x7fff ? 0 : mib, 4);
  put (s, 0, 2);
  put (s, 0, 6);
  end (s);
  begin (s, 19, 0x1300);
  put (s, 0, 4);
  put (s, mib < 0x400000 ? (mib << 10) - 1 : 0xffffffffu, 4);
  put (s, 0x1000, 2);
  put (s, 1, 1);
  put (s, 0, 8);
  put (s, mib < 0x400000 ? 0 : memory - 1, 8);
  end (s);
}

/* The SMBIOS 2.1 entry point: firmware fills in address and checksums. */
static void
build_anchor (Device *fw_cfg, const Smbios *s)
{
  uint8_t anchor[31] = { 0 };

  memcpy (anchor, "_SM_", 4);
  anchor[5] = sizeof anchor;
  anchor[6] = 2;
  anchor[7] = 8;
  anchor[8] = (uint8_t)s->largest;
  anchor[9] = (uint8_t)(s->largest >> 8);
  memcpy (anchor + 16, "_DMI_", 5);
  anchor[22] = (uint8_t)s->out->len;
  anchor[23] = (uint8_t)(s->out->len >> 8);
  anchor[28] = (uint8_t)s->n;
  anchor[29] = (uint8_t)(s->n >> 8);
  anchor[30] = 0x28;
  fw_cfg_add_file (fw_cfg, "etc/smbios/smbios-anchor", anchor, sizeof anchor);
}

void
smbios_build (Device *fw_cfg, const char *name, const char *uuid, uint64_t memory,
              const SmbiosProcessors *processors)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GPtrArray) strings = g_ptr_array_new ();
  Smbios s = { .out = out, .strings = strings };

  begin (&s, 0, 0);
  put_string (&s, "Vivarium");
  put_string (&s, PACKAGE_VERSION);
  put (&s, 0xe800, 2);
  put_string (&s, "11/01/2026");
  put (&s, 0, 1);
  put (&s, 1 << 3, 8);          /* characteristics not given */
  put (&s, 1 << 0 | 0x1000, 2); /* ACPI; virtual machine */
  put (&s, 0, 2);
  put (&s, 0xffff, 2);
  end (&s);

  begin (&s, 1, 0x100);
  put_string (&s, "Vivarium");
  put_string (&s, "Virtual Machine");
  put_string (&s, "pc");
  put (&s, 0, 1);
  put_uuid (&s, uuid);
  put (&s, 6, 1); /* woken by the power switch */
  put (&s, 0, 1);
  put_string (&s, name);
  end (&s);

  begin (&s, 3, 0x300);
  put_string (&s, "Vivarium");
  put (&s, 1, 1);
  put_string (&s, "pc");
  put (&s, 0, 2);
  put (&s, 3, 1);
  put (&s, 3, 1);
  put (&s, 3, 1);
  put (&s, 2, 1);
  put (&s, 0, 4);
  put (&s, 0, 4);
  put (&s, 0, 1);
  end (&s);

  put_processors (&s, processors);
  put_memory (&s, memory);

  begin (&s, 32, 0x2000);
  put (&s, 0, 6);
  put (&s, 0, 1);
  end (&s);
  begin (&s, 127, 0x7f00);
  end (&s);

  fw_cfg_add_file (fw_cfg, "etc/smbios/smbios-tables", out->data, out->len);
  build_anchor (fw_cfg, &s);
}
