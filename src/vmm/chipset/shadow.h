/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * RAM below 4 GiB as a host bridge shows it: PAM sends the pieces of 0xc0000 to 0xfffff to RAM or to ROM, SMRAM shows RAM below VGA's
 * window.  82441FX data sheet (290549), 3.2.14; the MCHs of later chipsets have the same seven registers.
 *
 * Memory below 4 GiB, who maps what and with which priority:
 *   RAM [0, 640 K) and [1 M, its end)          this, 0
 *   RAM 0xa0000-0xbffff while SMRAM is open    this, SHADOW_PRIORITY
 *   RAM 0xc0000-0xfffff as PAM says            this, SHADOW_PRIORITY
 *   firmware at 4G - size, its last 128 K at 0xe0000   the board, 0
 *   VGA's window at 0xa0000                    VGA, 0 to SHADOW_PRIORITY - 1
 *   PCI BARs                                   pci/, -1
 *   the A20 alias at 1 M                       a20, SHADOW_PRIORITY + 10
 * In Vm.smm_memory: RAM 0xa0000-0xbffff while SMRAM is enabled, and TSEG.
 * Under the VM lock.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define SHADOW_PRIORITY 10
#define SHADOW_N_PAM    7

/* Bits of a PAM register's half; its other half is four bits higher. */
enum
{
  SHADOW_READ = 1 << 0,
  SHADOW_WRITE = 1 << 1,
  SHADOW_HIGH_SHIFT = 4,
};
/* The SMRAM control register, which the bridges have alike. */
enum
{
  SMRAM_BASE = 0x02, /* C_BASE_SEG: 0xa0000, the only one there is */
  SMRAM_G_ENABLE = 1 << 3,
  SMRAM_LOCK = 1 << 4,
  SMRAM_CLOSE = 1 << 5,
  SMRAM_OPEN = 1 << 6,
};

typedef struct Shadow Shadow;

/* `ram` is the RAM below 4 GiB (at least 1 MiB), which this maps, and the board must not.  `bios` (may be NULL) is the firmware that
 * the board maps: where PAM sends reads to ROM and writes to RAM, its last 128 K are read through this.  Takes references. */
Shadow *shadow_new (Vm *vm, Region *ram, Region *bios);
void shadow_free (Shadow *shadow);
/* As the registers PAM0 to PAM6 and SMRAM say. */
void shadow_update (Shadow *shadow, const uint8_t pam[SHADOW_N_PAM], uint8_t smram);
/* The last `size` bytes of RAM (0: none) answer nobody but system-management mode, as TSEG. */
void shadow_hide_top (Shadow *shadow, uint64_t size);
Region *shadow_ram (Shadow *shadow);

G_END_DECLS
