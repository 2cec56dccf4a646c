/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A definition's USB controller and what hangs on it, for who builds a board (board/pc.c).  VM lock held.
 */
#pragma once

#include "board/board.h"
#include "usb/usb.h"

G_BEGIN_DECLS

/* A controller, and where there is room in its ports. */
typedef struct BoardUsbModel
{
  const char *name;
  unsigned n_ports;
  Device *(*make) (Vm *vm, const char *id, PciBus *bus, unsigned slot, GError **error);
  UsbPort *(*free_port) (Device *device); /* NULL: none is free */
} BoardUsbModel;

gboolean board_build_usb (Board *board, const MachineDevice *usb, GError **error);
/* Into the first port that is free. */
gboolean board_usb_attach (Board *board, UsbDevice *device, GError **error);
/* Takes the image.  It goes into a port when there is the controller. */
gboolean board_build_usb_disk (Board *board, MachineDrive *drive, Block *block, GError **error);
/* A serial port; likewise. */
gboolean board_build_usb_serial (Board *board, const MachineDevice *serial, GError **error);
/* A disk of the definition is pulled out of its port, or put into one.  FALSE: there is no such disk. */
gboolean board_usb_plug (Board *board, const char *id, gboolean plugged);
/* Those of keyboard and pointer that are to be on USB; behind the controller. */
gboolean board_build_usb_input (Board *board, const MachineDevice *input, GError **error);
/* For tests of drivers of hubs: five, one behind the other, and 25 serial ports that lead nowhere, before the machine starts. VM lock NOT held. */
gboolean board_add_test_usb (Board *board, GError **error);

G_END_DECLS
