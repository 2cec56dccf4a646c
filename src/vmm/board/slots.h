/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Slots of a board, for the kinds of devices whose bus is one with slots (DeviceBus): root ports, filled when the machine is made, and
 * plugged and unplugged while it runs.  Which slot a device is in stands in the definition (definition_place()).
 */
#pragma once

#include "board/board.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* Root ports for slots 1 to n_slots, at `devfn` and the device numbers behind it on bus 0 of `root`.  At build time; VM lock NOT held. */
gboolean board_add_slots (Board *board, PciRoot *root, unsigned devfn, unsigned n_slots, GError **error);
/* Two, and a port by which the guest plugs the function of chipset/pci-test.h into them; likewise. */
gboolean board_add_test_pci (Board *board, GError **error);
/* Puts in what the definition has for slots; an error if the board hasn't got them.  At build time, when all slots are there; VM lock NOT
 * held. */
gboolean board_fill_slots (Board *board, GError **error);
/* "slot 2"; NULL: the board has no such slot.  Transfer full. */
char *board_slot_place (Board *board, const MachineDevice *device);

/* Control loop; `done` comes there.  The device `id` of `definition`, which the board has from then on.  G_IO_ERROR_NOT_SUPPORTED: the
 * board has no such slot, or no such kind. */
void board_plug (Board *board, MachineDefinition *definition, const char *id, VmDoneFunc done, void *opaque);
/* Likewise: `done` comes when it is gone, which without `force` the guest decides, and never may.  G_IO_ERROR_PENDING: somebody waits for
 * that already. */
void board_unplug (Board *board, const char *id, gboolean force, VmDoneFunc done, void *opaque);

G_END_DECLS
