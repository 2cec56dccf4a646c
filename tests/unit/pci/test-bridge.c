/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Buses behind bridges: numbers, windows, bus mastering, interrupt wires, resets; and configuration space by ECAM.
 */
#include "tests/unit/pci/board.h"

typedef struct
{
  PciBoard board;
  AccessCache cache;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  board_open (&f->board, TRUE);
  pci_plug (f->board.root, "pci-test", "port0", BOARD_DEVICE, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  access_cache_clear (&f->cache);
  board_close (&f->board);
}

static uint32_t
get (Fixture *f, unsigned bus, unsigned devfn, unsigned offset, unsigned size)
{
  return board_get (&f->board, &f->cache, bus, devfn, offset, size);
}

static void
put (Fixture *f, unsigned bus, unsigned devfn, unsigned offset, uint32_t value, unsigned size)
{
  board_put (&f->board, &f->cache, bus, devfn, offset, value, size);
}

static uint64_t
peek (Fixture *f, uint64_t addr)
{
  return board_load (&f->board, &f->cache, addr, 4);
}

#define PORT BOARD_PORT_DEVFN (0)

static void
test_ecam (Fixture *f, gconstpointer data)
{
  /* One value by each size and alignment; what crosses the end of a function's space reaches nobody. */
  g_assert_cmphex (get (f, 1, 0, 0, 4), ==, 0x11e91234);
  g_assert_cmphex (get (f, 1, 0, 2, 2), ==, 0x11e9);
  g_assert_cmphex (get (f, 1, 0, 1, 1), ==, 0x12);
  g_assert_cmphex (board_load (&f->board, &f->cache, board_config (1, 0, 0), 8), ==, 0x0010000611e91234ull);
  g_assert_cmphex (get (f, 1, 0, 0xffe, 4), ==, 0xffffffff);
  put (f, 1, 0, 0xffe, 0, 4);
  put (f, 1, 0, PCI_INTERRUPT_LINE, 0x11, 1);
  g_assert_cmphex (get (f, 1, 0, PCI_INTERRUPT_LINE, 2), ==, 0x0111);
  /* The extended part is there, and empty. */
  g_assert_cmphex (get (f, 1, 0, 0x100, 4), ==, 0);
  g_assert_cmphex (get (f, 0, PORT, 0xffc, 4), ==, 0);
  /* Nobody. */
  g_assert_cmphex (get (f, 1, PCI_DEVFN (1, 0), 0, 4), ==, 0xffffffff);
  g_assert_cmphex (get (f, 0, PCI_DEVFN (9, 0), 0, 4), ==, 0xffffffff);
  g_assert_cmphex (get (f, 7, 0, 0, 2), ==, 0xffff);
}

static void
test_numbers (Fixture *f, gconstpointer data)
{
  put (f, 0, PORT, PCI_PRIMARY_BUS, 0x00050300, 4); /* bus 3, to 5 */
  g_assert_cmphex (get (f, 3, 0, 0, 4), ==, 0x11e91234);
  g_assert_cmphex (get (f, 1, 0, 0, 4), ==, 0xffffffff);
  g_assert_cmphex (get (f, 4, 0, 0, 4), ==, 0xffffffff); /* nobody there takes it further */
  /* Both ports say that it is theirs: the first has it. */
  put (f, 0, BOARD_PORT_DEVFN (1), PCI_PRIMARY_BUS, 0x00030300, 4);
  g_assert_cmphex (get (f, 3, 0, 0, 4), ==, 0x11e91234);
  put (f, 0, PORT, PCI_PRIMARY_BUS, 0x00040700, 4); /* ends before it begins */
  g_assert_cmphex (get (f, 7, 0, 0, 4), ==, 0xffffffff);
  put (f, 0, PORT, PCI_PRIMARY_BUS, 0, 4); /* bus 0 is the root's for ever */
  g_assert_cmphex (get (f, 0, 0, 0, 4), ==, 0xffffffff);
  g_assert_cmphex (get (f, 0, PORT, 0, 4), ==, 0x000c1b36);
}

static void
test_windows (Fixture *f, gconstpointer data)
{
  uint64_t registers = board_registers (0);

  g_assert_cmphex (peek (f, registers), ==, PCI_TEST_ID);
  /* Out of the window, by a move of either. */
  put (f, 1, 0, PCI_BAR0, BOARD_WINDOW + 0x200000, 4);
  g_assert_cmphex (peek (f, BOARD_WINDOW + 0x200000), ==, 0xffffffff);
  put (f, 0, PORT, PCI_MEMORY_LIMIT, (BOARD_WINDOW + 0x200000) >> 16, 2);
  g_assert_cmphex (peek (f, BOARD_WINDOW + 0x200000), ==, PCI_TEST_ID);
  put (f, 1, 0, PCI_BAR0, (uint32_t)registers, 4);
  /* The prefetchable window of 64 bits lets through what lies in it, whatever the BAR says of itself. */
  board_store (&f->board, &f->cache, registers + PCI_TEST_CONTROL, 0, 4);
  board_store (&f->board, &f->cache, board_bells (0) + 0x20, 1, 4);
  g_assert_cmphex (peek (f, registers + PCI_TEST_MISSES), ==, 1);
  put (f, 0, PORT, PCI_PREFETCH_BASE_HIGH, 9, 4);
  board_store (&f->board, &f->cache, board_bells (0) + 0x20, 1, 4);
  g_assert_cmphex (peek (f, registers + PCI_TEST_MISSES), ==, 1);
  /* Closed: base above limit, or no decoding at all. */
  put (f, 0, PORT, PCI_MEMORY_BASE, 0x0000fff0, 4);
  g_assert_cmphex (peek (f, registers), ==, 0xffffffff);
  board_set_up_port (&f->board, &f->cache, 0);
  g_assert_cmphex (peek (f, registers), ==, PCI_TEST_ID);
  put (f, 0, PORT, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
  g_assert_cmphex (peek (f, registers), ==, 0xffffffff);
  put (f, 0, PORT, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
  g_assert_cmphex (peek (f, registers), ==, PCI_TEST_ID);
  /* Only bits that exist can be set. */
  put (f, 0, PORT, PCI_MEMORY_BASE, 0xffffffff, 4);
  g_assert_cmphex (get (f, 0, PORT, PCI_MEMORY_BASE, 4), ==, 0xfff0fff0);
  put (f, 0, PORT, PCI_PREFETCH_BASE, 0xffffffff, 4);
  g_assert_cmphex (get (f, 0, PORT, PCI_PREFETCH_BASE, 4), ==, 0xfff1fff1);
  put (f, 0, PORT, PCI_IO_BASE, 0xffff, 2);
  g_assert_cmphex (get (f, 0, PORT, PCI_IO_BASE, 2), ==, 0xf0f0);
}

/* Two BARs on one place, and one on RAM: memory wins, and moving away uncovers again. */
static void
test_overlap (Fixture *f, gconstpointer data)
{
  uint64_t registers = board_registers (0);

  put (f, 1, 0, PCI_BAR0 + 16, (uint32_t)registers, 4);
  peek (f, registers);
  put (f, 1, 0, PCI_BAR0 + 16, (uint32_t)registers + 0x10000, 4);
  g_assert_cmphex (peek (f, registers), ==, PCI_TEST_ID);
  put (f, 0, PORT, PCI_MEMORY_BASE, 0xfff00000, 4);
  board_store (&f->board, &f->cache, 0x2000, 0x12345678, 4);
  put (f, 1, 0, PCI_BAR0, 0x2000, 4);
  g_assert_cmphex (peek (f, 0x2000), ==, 0x12345678);
  put (f, 1, 0, PCI_BAR0, BOARD_RAM, 4);
  g_assert_cmphex (peek (f, BOARD_RAM), ==, PCI_TEST_ID);
  put (f, 1, 0, PCI_BAR0, BOARD_ECAM, 4); /* the root's own window is in its way */
  g_assert_cmphex (get (f, 1, 0, 0, 4), ==, 0x11e91234);
}

static void
wait_idle (Fixture *f)
{
  while (peek (f, board_registers (0) + PCI_TEST_STATUS) & PCI_TEST_STATUS_BUSY)
    g_thread_yield ();
}

static void
copy (Fixture *f, uint32_t length)
{
  uint64_t registers = board_registers (0);

  board_store (&f->board, &f->cache, registers + PCI_TEST_SOURCE, 0x10000, 8);
  board_store (&f->board, &f->cache, registers + PCI_TEST_DESTINATION, 0x20000, 8);
  board_store (&f->board, &f->cache, registers + PCI_TEST_LENGTH, length, 4);
  board_store (&f->board, &f->cache, registers + PCI_TEST_COMMAND, PCI_TEST_COMMAND_COPY, 4);
  wait_idle (f);
}

/* DMA and messages want each bridge on the way to be a bus master. */
static void
test_masters (Fixture *f, gconstpointer data)
{
  uint64_t registers = board_registers (0);
  gint before;

  memset (region_host (f->board.ram) + 0x10000, 0x5a, 0x3000);
  copy (f, 0x2800);
  g_assert_cmphex (peek (f, registers + PCI_TEST_DONE), ==, 1);
  g_assert_cmphex (board_load (&f->board, &f->cache, 0x227fc, 8), ==, 0x5a5a5a5a);
  put (f, 0, PORT, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  copy (f, 0x1000);
  g_assert_cmphex (peek (f, registers + PCI_TEST_FAILED), ==, 1);
  before = g_atomic_int_get (&f->board.messages);
  board_store (&f->board, &f->cache, registers + PCI_TEST_RAISE_NOW, 2, 4);
  g_assert_cmpint (g_atomic_int_get (&f->board.messages), ==, before);
  put (f, 0, PORT, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
  board_store (&f->board, &f->cache, registers + PCI_TEST_RAISE_NOW, 2, 4);
  g_assert_cmpint (g_atomic_int_get (&f->board.messages), ==, before + 1);
  g_assert_cmphex ((unsigned)g_atomic_int_get (&f->board.last_data), ==, 0x42);
  copy (f, 0x1000);
  g_assert_cmphex (peek (f, registers + PCI_TEST_DONE), ==, 2);
}

static gint
level (Fixture *f, unsigned wire)
{
  return g_atomic_int_get (&f->board.level[wire]);
}

/* The pin of device 0 behind the port in slot 1 is the port's own: wire 1. */
static void
test_intx (Fixture *f, gconstpointer data)
{
  unsigned cap = board_find_cap (&f->board, &f->cache, 1, 0, PCI_CAP_MSIX);
  uint64_t registers = board_registers (0);

  /* The slot's own interrupt is on the same wire. */
  g_assert_true (level (f, 1));
  board_slot_put (&f->board, &f->cache, 0, PCI_EXPRESS_SLOT_CONTROL, SLOT_INDICATOR_ON);
  g_assert_false (level (f, 1));
  put (f, 1, 0, cap + 2, 0, 2);
  board_store (&f->board, &f->cache, registers + PCI_TEST_RAISE_NOW, 0, 4);
  g_assert_true (level (f, 1) && pci_root_intx_level (f->board.root, 1));
  g_assert_false (level (f, 0) || level (f, 2) || level (f, 3));
  g_assert_cmphex (get (f, 1, 0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
  put (f, 1, 0, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE, 2);
  g_assert_false (level (f, 1));
  g_assert_cmphex (get (f, 1, 0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
  put (f, 1, 0, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  g_assert_true (level (f, 1));
  board_store (&f->board, &f->cache, registers + PCI_TEST_ACK, 0, 4);
  g_assert_false (level (f, 1));
}

/* D3hot: nothing of it is reached, and all of it is there again in D0. */
static void
test_power (Fixture *f, gconstpointer data)
{
  unsigned cap = board_find_cap (&f->board, &f->cache, 1, 0, PCI_CAP_PM);
  uint64_t registers = board_registers (0);

  board_store (&f->board, &f->cache, registers + PCI_TEST_SCRATCH, 0xabcd, 4);
  put (f, 1, 0, cap + 4, 1, 2); /* D1 isn't there */
  g_assert_cmphex (get (f, 1, 0, cap + 4, 2), ==, 8);
  put (f, 1, 0, cap + 4, 3, 2);
  g_assert_cmphex (get (f, 1, 0, cap + 4, 2), ==, 0xb);
  g_assert_cmphex (peek (f, registers), ==, 0xffffffff);
  g_assert_cmphex (get (f, 1, 0, 0, 4), ==, 0x11e91234);
  put (f, 1, 0, cap + 4, 0, 2);
  g_assert_cmphex (peek (f, registers + PCI_TEST_SCRATCH), ==, 0xabcd);
}

static void
settle (Fixture *f)
{
  while (get (f, 1, 0, 0, 4) == 0xffffffff)
    g_main_context_iteration (NULL, TRUE);
}

/* Resets of the bus behind and of the function: with a transfer under way it answers again when that has stopped. */
static void
test_resets (Fixture *f, gconstpointer data)
{
  unsigned cap = board_find_cap (&f->board, &f->cache, 1, 0, PCI_CAP_EXPRESS);
  uint64_t registers = board_registers (0);

  for (unsigned how = 0; how < 2; how++)
    {
      board_store (&f->board, &f->cache, registers + PCI_TEST_SCRATCH, 0xabcd, 4);
      board_store (&f->board, &f->cache, registers + PCI_TEST_SOURCE, 0, 8);
      board_store (&f->board, &f->cache, registers + PCI_TEST_DESTINATION, 0x800000, 8);
      board_store (&f->board, &f->cache, registers + PCI_TEST_LENGTH, PCI_TEST_MAX_LENGTH, 4);
      board_store (&f->board, &f->cache, registers + PCI_TEST_COMMAND, PCI_TEST_COMMAND_COPY, 4);
      if (how == 0)
        {
          put (f, 0, PORT, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CONTROL_RESET, 2);
          put (f, 0, PORT, PCI_BRIDGE_CONTROL, 0, 2);
        }
      else
        {
          put (f, 1, 0, cap + PCI_EXPRESS_DEVICE_CONTROL, 0xa810, 2);
        }
      settle (f);
      g_assert_cmphex (get (f, 1, 0, PCI_COMMAND, 2), ==, 0);
      g_assert_cmphex (get (f, 1, 0, PCI_BAR0, 4), ==, 0);
      g_assert_cmphex (get (f, 1, 0, cap + PCI_EXPRESS_DEVICE_CONTROL, 2), ==, 0x2810);
      board_set_up_device (&f->board, &f->cache, 0);
      g_assert_cmphex (peek (f, registers + PCI_TEST_SCRATCH), ==, 0);
      g_assert_cmphex (peek (f, registers + PCI_TEST_DONE), ==, 0);
      copy (f, 0x1000);
      g_assert_cmphex (peek (f, registers + PCI_TEST_DONE), ==, 1);
    }
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (unsigned i = 0; i < 20000; i++)
    {
      unsigned bus = g_rand_int (rand) & 3, size = 1u << (g_rand_int (rand) & 3);
      unsigned devfn = bus == 0 ? BOARD_PORT_DEVFN (g_rand_int (rand) & 1) : 0;

      put (f, bus, devfn, g_rand_int (rand) & (i & 8 ? 0xfff : 0xff), g_rand_int (rand), size);
      if (i % 16 == 0)
        board_set_up_port (&f->board, &f->cache, 0);
      if (i % 64 == 0)
        peek (f, board_registers (0));
      if (i % 256 == 0)
        g_main_context_iteration (NULL, FALSE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/pci/bridge/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (ecam);
  ADD (numbers);
  ADD (windows);
  ADD (overlap);
  ADD (masters);
  ADD (intx);
  ADD (power);
  ADD (resets);
  ADD (hostile);
  return g_test_run ();
}
