/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A NOR flash memory of Intel's command set, eight bits wide, in blocks of 4 KiB: what firmware of a PC lies in, and what UEFI keeps its variables in.
 * "Common Flash Interface" (JEDEC JESD68.01, JEP137B), Intel "Basic Command Set" (0x0001, with the extended query of 0x0003), commands and status
 * register as in the Numonyx StrataFlash J3 data sheet, chapters 9 to 11.
 *
 * In array mode the guest reads and runs memory; a store is a cycle of a command.  In the other modes reads are registers.  Programming clears bits and never
 * sets one; what asks for that fails with SR.4.  A locked block, or a whole read-only part, fails with SR.1.  Locks hold until a reset.
 *
 * What is programmed or erased is written to the image at once, block by block, and flushed; an error of the host that a person can put right pauses the
 * machine (storage-port.h).  The content is also in a saved machine, and is written to the image of who loads it.
 */
#pragma once

#include "block/block.h"
#include "core/vm.h"

G_BEGIN_DECLS

#define FLASH_BLOCK_SIZE 4096u
/* Bytes of one that is written to. */
#define FLASH_MOST_WRITABLE 0x84000u

typedef struct
{
  uint64_t base, size; /* where it is mapped; whole blocks */
  const void *content; /* copied; NULL: the image's */
  Block *image;        /* taken; NULL: it is read-only */
  gboolean secure;     /* heeds commands from system-management mode alone */
} FlashConfig;

/* VM lock held.  NULL and an error: the image can't be read; it is closed. */
Device *flash_new (Vm *vm, const char *id, const FlashConfig *config, GError **error);

G_END_DECLS
