/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A second screen for tests, and the smallest display adapter there is: made by a switch on the monitor's command line, never by a definition.
 * HACKING.md, "A display adapter", goes through it.
 *
 * PCI function 1234:7d15.  BAR 0 is 4 MiB of video memory (prefetchable), BAR 1 registers of 32 bits:
 *
 *   0x00  "VTDP", read only
 *   0x04  mode: 0 off, 1 linear, 2 pages (others: off)
 *   0x08  width    0x0c  height    in pixels of 32 bits, 0x00RRGGBB
 *   0x10  stride   0x14  offset    in bytes; multiples of 4
 *   0x1000 + 4 * n  page n of a picture in mode 2: the number of a page of video memory (1024 of them)
 *
 * What does not fit into video memory is off.  After a reset it shows eight bars of colour, 640 by 480, without any driver.
 */
#pragma once

#include "display/output.h"
#include "pci/pci.h"

G_BEGIN_DECLS

extern const DeviceClass test_display_class;

/* Realized.  VM lock held. */
Device *test_display_new (Vm *vm, PciBus *bus, unsigned devfn, const char *id, GError **error);
/* The screen; owned by the device. */
DisplayOutput *test_display_output (Device *device);

G_END_DECLS
