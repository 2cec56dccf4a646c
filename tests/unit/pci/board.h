/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine of RAM, a root complex with ECAM and root ports, until there is a board of that kind: for tests and the fuzzer `pci`.  What
 * a guest's drivers do to them stands here as functions; the processor is whoever calls those.
 */
#pragma once

#include "chipset/pci-test.h"
#include "pci/bridge.h"
#include "pci/express.h"
#include "pci/root-port.h"

#define BOARD_RAM      0x1000000u
#define BOARD_ECAM     0xb0000000u
#define BOARD_N_BUSES  8
#define BOARD_N_PORTS  2
#define BOARD_WINDOW   0xe0000000u /* of the first port's memory; 1 MiB a port */
#define BOARD_PREFETCH 0x800000000ull
#define BOARD_DEVICE   "dut"

/* Slot control and status: PCI Express Base Specification, 7.5.3.10 and 7.5.3.11. */
enum
{
  SLOT_ENABLE_ALL = 0x103f & ~(1 << 1), /* button, fault, presence, completed, link; interrupts */
  SLOT_INDICATOR_ON = 1 << 8,
  SLOT_INDICATOR_BLINK = 2 << 8,
  SLOT_INDICATOR_OFF = 3 << 8,
  SLOT_POWER_OFF = 1 << 10,
  SLOT_BUTTON = 1 << 0,
  SLOT_PRESENCE_CHANGED = 1 << 3,
  SLOT_COMPLETED = 1 << 4,
  SLOT_PRESENT = 1 << 6,
  SLOT_LINK_CHANGED = 1 << 8,
};

typedef struct
{
  Vm *vm;
  PciRoot *root;
  Region *ram;
  Device *port[BOARD_N_PORTS];
  /* Atomic. */
  gint messages, last_data;
  gint level[4];
} PciBoard;

static inline void
board_on_msi (void *opaque, uint64_t address, uint32_t data)
{
  PciBoard *board = opaque;

  g_atomic_int_set (&board->last_data, (gint)data);
  g_atomic_int_inc (&board->messages);
}

static inline void
board_on_intx (void *opaque, unsigned wire, gboolean level)
{
  g_atomic_int_set (&((PciBoard *)opaque)->level[wire], level);
}

static inline void
board_nothing (void *opaque)
{
}

static inline void
board_open (PciBoard *board, gboolean manual_clock)
{
  static const VmProcessorOps processor
      = { .resume = board_nothing, .pause = board_nothing, .reset = board_nothing, .msi = board_on_msi };
  g_autoptr (Region) ecam = NULL;

  *board = (PciBoard){ .vm = vm_new (NULL, manual_clock) };
  vm_set_processor (board->vm, &processor, board);
  vm_lock (board->vm);
  board->ram = region_new_ram ("ram", BOARD_RAM, RAM_DEFAULT, NULL);
  vm_add_ram (board->vm, board->ram);
  address_space_map (board->vm->memory, board->ram, 0, 0, BOARD_RAM, 0);
  board->root = pci_root_new (board->vm, board_on_intx, NULL, board);
  pci_root_add_class (board->root, &pci_test_class);
  ecam = pci_root_ecam_region (board->root, BOARD_N_BUSES);
  address_space_map (board->vm->memory, ecam, BOARD_ECAM, 0, region_size (ecam), 0);
  for (unsigned i = 0; i < BOARD_N_PORTS; i++)
    {
      g_autofree char *id = g_strdup_printf ("port%u", i);

      board->port[i]
          = pci_root_port_new (board->vm, pci_root_bus (board->root), PCI_DEVFN (1 + i, 0), id, 1 + i, NULL);
      g_assert_nonnull (board->port[i]);
    }
  vm_unlock (board->vm);
  vm_start (board->vm, FALSE);
}

static inline void
board_close (PciBoard *board)
{
  vm_stop (board->vm, "done");
  while (vm_state (board->vm) != VM_STATE_STOPPED)
    g_main_context_iteration (NULL, TRUE);
  vm_lock (board->vm);
  while (board->vm->devices->len > 0)
    device_free (board->vm->devices->pdata[board->vm->devices->len - 1]);
  vm_unlock (board->vm);
  pci_root_free (board->root);
  vm_free (board->vm);
  region_unref (board->ram);
}

/* -- What a processor does: any thread, each with a cache of its own ------------------------------------ */

static inline uint64_t
board_load (PciBoard *board, AccessCache *cache, uint64_t addr, unsigned size)
{
  return address_space_load (board->vm->memory, cache, addr, size, FALSE);
}

static inline void
board_store (PciBoard *board, AccessCache *cache, uint64_t addr, uint64_t value, unsigned size)
{
  address_space_store (board->vm->memory, cache, addr, value, size, FALSE);
}

static inline uint64_t
board_config (unsigned bus, unsigned devfn, unsigned offset)
{
  return BOARD_ECAM + ((uint64_t)bus << 20 | devfn << 12 | offset);
}

static inline uint32_t
board_get (PciBoard *board, AccessCache *cache, unsigned bus, unsigned devfn, unsigned offset, unsigned size)
{
  return (uint32_t)board_load (board, cache, board_config (bus, devfn, offset), size);
}

static inline void
board_put (PciBoard *board, AccessCache *cache, unsigned bus, unsigned devfn, unsigned offset, uint32_t value,
           unsigned size)
{
  board_store (board, cache, board_config (bus, devfn, offset), value, size);
}

static inline unsigned
board_find_cap (PciBoard *board, AccessCache *cache, unsigned bus, unsigned devfn, uint8_t id)
{
  unsigned at = board_get (board, cache, bus, devfn, PCI_CAPABILITY_LIST, 1);

  for (unsigned i = 0; i < 48 && at >= 0x40 && at != 0xff; i++)
    {
      if (board_get (board, cache, bus, devfn, at, 1) == id)
        return at;
      at = board_get (board, cache, bus, devfn, at + 1, 1);
    }
  return 0;
}

#define BOARD_PORT_DEVFN(n) PCI_DEVFN (1 + (n), 0)

static inline unsigned
board_slot (PciBoard *board, AccessCache *cache, unsigned n, unsigned offset)
{
  return board_find_cap (board, cache, 0, BOARD_PORT_DEVFN (n), PCI_CAP_EXPRESS) + offset;
}

static inline uint16_t
board_slot_get (PciBoard *board, AccessCache *cache, unsigned n, unsigned offset)
{
  return (uint16_t)board_get (board, cache, 0, BOARD_PORT_DEVFN (n), board_slot (board, cache, n, offset), 2);
}

static inline void
board_slot_put (PciBoard *board, AccessCache *cache, unsigned n, unsigned offset, uint16_t value)
{
  board_put (board, cache, 0, BOARD_PORT_DEVFN (n), board_slot (board, cache, n, offset), value, 2);
}

/* Bus number 1 + n and windows for port `n`. */
static inline void
board_set_up_port (PciBoard *board, AccessCache *cache, unsigned n)
{
  unsigned devfn = BOARD_PORT_DEVFN (n);
  uint32_t base = (BOARD_WINDOW >> 16) + n * 16;

  board_put (board, cache, 0, devfn, PCI_PRIMARY_BUS, (1 + n) << 8 | (1 + n) << 16, 4);
  board_put (board, cache, 0, devfn, PCI_MEMORY_BASE, base | base << 16, 4);
  board_put (board, cache, 0, devfn, PCI_PREFETCH_BASE, n * 0x00100010u, 4);
  board_put (board, cache, 0, devfn, PCI_PREFETCH_BASE_HIGH, BOARD_PREFETCH >> 32, 4);
  board_put (board, cache, 0, devfn, PCI_PREFETCH_LIMIT_HIGH, BOARD_PREFETCH >> 32, 4);
  board_put (board, cache, 0, devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static inline uint64_t
board_registers (unsigned n)
{
  return BOARD_WINDOW + n * 0x100000u;
}

static inline uint64_t
board_bells (unsigned n)
{
  return BOARD_PREFETCH + n * 0x100000u;
}

static inline uint64_t
board_table (unsigned n)
{
  return board_registers (n) + 0x10000;
}

/* Addresses for the test function behind port `n`, decoding, doorbells and MSI-X with vector v's data 0x40 + v. */
static inline void
board_set_up_device (PciBoard *board, AccessCache *cache, unsigned n)
{
  unsigned bus = 1 + n, cap;

  board_put (board, cache, bus, 0, PCI_BAR0, (uint32_t)board_registers (n), 4);
  board_put (board, cache, bus, 0, PCI_BAR0 + 8, (uint32_t)board_bells (n), 4);
  board_put (board, cache, bus, 0, PCI_BAR0 + 12, (uint32_t)(board_bells (n) >> 32), 4);
  board_put (board, cache, bus, 0, PCI_BAR0 + 16, (uint32_t)board_table (n), 4);
  board_put (board, cache, bus, 0, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
  for (unsigned v = 0; v < PCI_TEST_N_VECTORS; v++)
    {
      board_store (board, cache, board_table (n) + 16 * v, 0xfee00000, 8);
      board_store (board, cache, board_table (n) + 16 * v + 8, 0x40 + v, 8);
    }
  cap = board_find_cap (board, cache, bus, 0, PCI_CAP_MSIX);
  if (cap != 0)
    board_put (board, cache, bus, 0, cap + 2, 0x8000, 2);
  board_store (board, cache, board_registers (n) + PCI_TEST_CONTROL, PCI_TEST_CONTROL_ARMED, 4);
}

/* What a hot-plug driver does when it looks at its slot.  Returns TRUE if it has brought a device up. */
static inline gboolean
board_serve_slot (PciBoard *board, AccessCache *cache, unsigned n)
{
  unsigned slot = board_slot (board, cache, n, 0);
  unsigned devfn = BOARD_PORT_DEVFN (n);
  uint32_t both;
  uint16_t control, status;

  both = board_get (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_CONTROL, 4);
  control = (uint16_t)both;
  status = (uint16_t)(both >> 16);
  if (both == G_MAXUINT32 || !(status & ~SLOT_PRESENT))
    return FALSE;
  board_put (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_STATUS, status, 2);
  /* What came about between the look and the clearing is told by no event of its own: who is there is asked behind it. */
  status &= (uint16_t)~SLOT_PRESENT;
  status |= board_get (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_STATUS, 2) & SLOT_PRESENT;
  if ((status & SLOT_BUTTON) && !(control & SLOT_POWER_OFF))
    {
      board_put (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_CONTROL,
                 SLOT_ENABLE_ALL | SLOT_INDICATOR_BLINK | SLOT_POWER_OFF, 2);
      board_put (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_CONTROL,
                 SLOT_ENABLE_ALL | SLOT_INDICATOR_OFF | SLOT_POWER_OFF, 2);
      return FALSE;
    }
  if (!(status & SLOT_PRESENT))
    {
      board_put (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_CONTROL,
                 SLOT_ENABLE_ALL | SLOT_INDICATOR_OFF | SLOT_POWER_OFF, 2);
      return FALSE;
    }
  if (!(status & SLOT_PRESENCE_CHANGED))
    return FALSE;
  board_put (board, cache, 0, devfn, slot + PCI_EXPRESS_SLOT_CONTROL, SLOT_ENABLE_ALL | SLOT_INDICATOR_ON, 2);
  board_set_up_port (board, cache, n);
  board_set_up_device (board, cache, n);
  return TRUE;
}
