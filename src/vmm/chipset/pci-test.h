/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A PCI function for tests, which does what those of real use do: registers, doorbells, DMA and interrupts by a thread of its own, a
 * timer, and going away while all of that is under way.  Made by a switch on the monitor's command line or a test, never by a
 * definition.  HACKING.md, "A PCI device", reads it as an example.
 *
 *   BAR 0  registers of 4 bytes, see below
 *   BAR 2  doorbells: stores of 4 bytes at 0, 4, 8, 12 (any value) and at 0x100 (the value PCI_TEST_BELL_VALUE); while they are armed
 *          the thread counts them and raises the vector of their number
 *   BAR 4  MSI-X, 8 vectors
 *   MSI with 4 vectors and masks; INTA# where neither is on
 *
 * A transfer goes in steps of PCI_TEST_STEP bytes.  A pause stops between two of them, and a saved state holds what is left.
 */
#pragma once

#include "pci/hotplug.h"

G_BEGIN_DECLS

#define PCI_TEST_ID         0x31564956u /* "VIV1" */
#define PCI_TEST_BUFFER     0x10000u
#define PCI_TEST_STEP       4096u
#define PCI_TEST_MAX_LENGTH 0x100000u
#define PCI_TEST_N_BELLS    5
#define PCI_TEST_N_VECTORS  8
#define PCI_TEST_BELL_MATCH 0x100u
#define PCI_TEST_BELL_VALUE 0x600du

/* Registers in BAR 0; RO unless said otherwise. */
enum
{
  PCI_TEST_IDENTITY = 0x00,
  PCI_TEST_SCRATCH = 0x04, /* RW */
  PCI_TEST_STATUS = 0x08,
  PCI_TEST_CONTROL = 0x0c,     /* RW */
  PCI_TEST_SOURCE = 0x10,      /* RW, 64 bits; the guest's */
  PCI_TEST_DESTINATION = 0x18, /* RW, 64 bits; the guest's */
  PCI_TEST_LENGTH = 0x20,      /* RW */
  PCI_TEST_COMMAND = 0x24,     /* a write starts, unless one is under way; bits 8-10: vector at the end */
  PCI_TEST_DONE = 0x28,        /* transfers that ended well, */
  PCI_TEST_FAILED = 0x2c,      /* and that met no memory */
  PCI_TEST_RAISE = 0x30,       /* WO: a vector for the thread to raise */
  PCI_TEST_RAISE_NOW = 0x34,   /* WO: at once */
  PCI_TEST_ACK = 0x38,         /* WO: lowers INTA# */
  PCI_TEST_MISSES = 0x3c,      /* stores to BAR 2 that were no doorbell */
  PCI_TEST_RINGS = 0x40,       /* to 0x50: one a doorbell */
  PCI_TEST_TIMER = 0x54,       /* WO: raises vector 7 in so many microseconds */
  PCI_TEST_TICKS = 0x58,
  PCI_TEST_READS = 0x5c, /* counts its reads */

  PCI_TEST_STATUS_BUSY = 1 << 0,
  PCI_TEST_CONTROL_ARMED = 1 << 0,

  PCI_TEST_COMMAND_TO_DEVICE = 1, /* SOURCE to the buffer */
  PCI_TEST_COMMAND_FROM_DEVICE = 2,
  PCI_TEST_COMMAND_COPY = 3, /* SOURCE by way of the buffer to DESTINATION */
};

extern const DeviceClass pci_test_class;

/* What a guest plugs and unplugs the device "pcitest" by, as a person would by control.  Port PCI_TEST_PORT, 4 bytes: a write of
 * PCI_TEST_PORT_… orders, to be done on the device loop; a read gives bit 0: it is there, bit 1: an order is under way, bits 8-31: how
 * many orders were carried out. */
#define PCI_TEST_PORT 0x0e00
enum
{
  PCI_TEST_PORT_PLUG = 1,
  PCI_TEST_PORT_ASK = 2,
  PCI_TEST_PORT_FORCE = 3,
};
Device *pci_test_port_new (Vm *vm, PciRoot *root, GError **error);

G_END_DECLS
