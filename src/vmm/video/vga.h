/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The standard VGA as a PCI function (1234:1111) with the Bochs display interface: what SeaBIOS's vgabios-stdvga, OVMF's
 * QemuVideoDxe, Linux's bochs-drm and every system's plain VGA and VBE drivers expect.
 *
 * BAR 0 is video memory (prefetchable), BAR 2 registers (VGA ports at 0x400, DISPI at 0x500, byte order at 0x604), the
 * expansion ROM comes from a file.  Legacy ports 0x3b0-0x3df and 0x1ce-0x1d1 and the window 0xa0000-0xbffff are always decoded.
 *
 * Properties: "vram-mib" (1 to 256, rounded up to a power of two; 16), "romfile" (path; none: no ROM),
 * "xres" and "yres" (what the EDID prefers; 1280 by 800).
 */
#pragma once

#include "display/output.h"
#include "pci/pci.h"

G_BEGIN_DECLS

extern const DeviceClass vga_class;

/* The device is not yet realized: set properties, then device_realize(). */
Device *vga_new (Vm *vm, PciBus *bus, unsigned devfn, const char *id);
/* The screen.  After realize; owned by the device. */
DisplayOutput *vga_output (Device *device);

G_END_DECLS
