/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SMBIOS tables (DMTF DSP0134 2.8) for firmware: fw_cfg's "etc/smbios/smbios-tables" and "etc/smbios/smbios-anchor".
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef struct
{
  unsigned n;                   /* sockets */
  unsigned cores, threads;      /* of each socket */
  uint32_t signature, features; /* CPUID leaf 1: EAX and EDX */
  const char *version;          /* brand string; NULL or "": not given */
} SmbiosProcessors;

/* `uuid` as text; `memory` in bytes. */
void smbios_build (Device *fw_cfg, const char *name, const char *uuid, uint64_t memory,
                   const SmbiosProcessors *processors);

G_END_DECLS
