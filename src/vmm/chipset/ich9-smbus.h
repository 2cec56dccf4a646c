/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82801IB (ICH9) SMBus controller at 00:1f.3, with an empty bus: every transaction ends in "no device answered".  Intel I/O Controller
 * Hub 9 (ICH9) Family data sheet, order number 316972, chapter 19.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

Device *ich9_smbus_new (Vm *vm, PciBus *bus, GError **error);

G_END_DECLS
