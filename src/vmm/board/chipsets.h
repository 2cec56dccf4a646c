/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The chipsets that a board can have (machine.chipset): host bridge, ISA bridge, power management and what comes with them.
 *
 *   pc    00:00.0 host bridge   00:01.0 ISA bridge   00:01.1 IDE   00:01.3 power management   00:02.0 VGA
 *   q35   00:00.0 host bridge   00:02.0 VGA   00:18.0 to 00:1b.0 root ports   00:1f.0 LPC bridge   00:1f.3 SMBus
 *         00:1f.2 AHCI, if there is a drive for it; IDE is then a card in a slot
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

typedef struct BoardChipset
{
  const char *name;     /* as machine.chipset has it */
  uint64_t low_ram_max; /* RAM below 4 GiB ends here at the latest; above it is the PCI hole */
  unsigned last_slot;   /* board_take_slot() */
  unsigned ide_devfn;   /* its IDE function, always there; 0: one takes a slot where a drive asks for it */
  unsigned ahci_devfn;  /* its own place for AHCI; 0: that takes a slot */
  gboolean smm;         /* it has system-management RAM that firmware can lock */
  const char *isa_path; /* what firmware calls the ISA bridge */
  /* The host bridge: sets board->host and board->root.  `bridges` comes when board->gsi is there, sets board->power.  VM lock held. */
  gboolean (*make_host) (Board *board, GError **error);
  gboolean (*make_bridges) (Board *board, GError **error);
  /* Sets the status of general purpose event `n`.  VM lock held. */
  void (*raise_gpe) (Board *board, unsigned n);
  /* When the rest is made: slots.  VM lock NOT held; may be NULL. */
  gboolean (*finish) (Board *board, GError **error);
} BoardChipset;

/* NULL: there is no such one. */
const BoardChipset *board_chipset (const char *name);
/* Whether firmware keeps its variables in system-management mode, where the system that it starts can't get at them: Secure Boot, where processor and
 * chipset have that mode. */
gboolean board_guards_variables (Board *board);

G_END_DECLS
