/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hot unplug of a device while four processors hammer it: registers, doorbells, configuration space, BARs that move, DMA, MSI-X and a
 * timer under way.  300 times, or as often as VIVARIUM_TEST_ROUNDS says; 10 000 times with -m thorough.  It looks for nothing but what
 * AddressSanitizer and ThreadSanitizer find, and for an end.
 */
#include "tests/unit/pci/board.h"

#include <stdlib.h>

#define N_PROCESSORS 4
#define ROUNDS       300
#define THOROUGH     10000

typedef struct
{
  PciBoard board;
  gint quit; /* atomic */
  gint ups;  /* atomic: how often the driver has brought the device up */
} Hammer;

typedef struct
{
  Hammer *hammer;
  unsigned n;
} Processor;

/* Any byte of configuration space, but such writes as a driver could make by mistake more often than others. */
static void
hit_config (PciBoard *board, AccessCache *cache, GRand *rand)
{
  static const uint16_t registers[] = { 0x04, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x44, 0x4a, 0x52, 0x6a, 0x78 };
  unsigned offset = registers[g_rand_int_range (rand, 0, G_N_ELEMENTS (registers))];

  switch (g_rand_int_range (rand, 0, 8))
    {
    case 0:
      board_put (board, cache, 1, 0, g_rand_int (rand) & 0xfff, g_rand_int (rand), 1);
      break;
    case 1:
      board_put (board, cache, 1, 0, offset, g_rand_int (rand), 2);
      break;
    case 2: /* moves registers within the window, now and then onto the table */
      board_put (board, cache, 1, 0, PCI_BAR0, BOARD_WINDOW + ((g_rand_int (rand) & 0x1f) << 12), 4);
      break;
    case 3: /* the bridge's own decoding */
      board_put (board, cache, 0, BOARD_PORT_DEVFN (0), PCI_COMMAND, g_rand_int (rand) & 6, 2);
      board_put (board, cache, 0, BOARD_PORT_DEVFN (0), PCI_COMMAND, 6, 2);
      break;
    case 4:
      board_set_up_device (board, cache, 0);
      break;
    default:
      board_get (board, cache, 1, 0, g_rand_int (rand) & 0xffc, 4);
      break;
    }
}

static void
hit (PciBoard *board, AccessCache *cache, GRand *rand)
{
  uint32_t value = g_rand_int (rand);
  uint64_t registers = board_registers (0);

  switch (g_rand_int_range (rand, 0, 16))
    {
    case 0 ... 4:
      board_store (board, cache, board_bells (0) + (value & 0xc), value, 4);
      break;
    case 5:
      board_store (board, cache, board_bells (0) + PCI_TEST_BELL_MATCH, PCI_TEST_BELL_VALUE, 4);
      break;
    case 6:
    case 7:
      board_store (board, cache, registers + PCI_TEST_SOURCE, value & 0xfff000, 4);
      board_store (board, cache, registers + PCI_TEST_DESTINATION, value >> 8 & 0xfff000, 4);
      board_store (board, cache, registers + PCI_TEST_LENGTH, value & 0x3ffff, 4);
      board_store (board, cache, registers + PCI_TEST_COMMAND, PCI_TEST_COMMAND_COPY | (value & 0x700), 4);
      break;
    case 8:
      board_store (board, cache, registers + PCI_TEST_RAISE, value & 7, 4);
      board_store (board, cache, registers + PCI_TEST_RAISE_NOW, value & 7, 4);
      break;
    case 9: /* masks a vector and lets it go */
      board_store (board, cache, board_table (0) + 16 * (value & 7) + 12, 1, 4);
      board_store (board, cache, board_table (0) + 16 * (value & 7) + 12, 0, 4);
      break;
    case 10:
      board_store (board, cache, registers + PCI_TEST_TIMER, value & 0xff, 4);
      break;
    case 11:
    case 12:
      hit_config (board, cache, rand);
      break;
    case 13:
      board_store (board, cache, registers + (value & 0x7c), value, 4);
      break;
    default:
      board_load (board, cache, registers + (value & 0x7c), 4);
      break;
    }
}

static gpointer
processor (gpointer data)
{
  Processor *p = data;
  Hammer *hammer = p->hammer;
  g_autoptr (GRand) rand = g_rand_new_with_seed (p->n);
  AccessCache cache = { 0 };

  while (!g_atomic_int_get (&hammer->quit))
    {
      /* The first is the one that the driver of the slot runs on. */
      if (p->n == 0 && board_serve_slot (&hammer->board, &cache, 0))
        g_atomic_int_inc (&hammer->ups);
      for (unsigned i = 0; i < 16; i++)
        hit (&hammer->board, &cache, rand);
      /* On one host processor the others and the main loop want it, too. */
      g_thread_yield ();
    }
  access_cache_clear (&cache);
  return NULL;
}

static unsigned
rounds (void)
{
  const char *wanted = g_getenv ("VIVARIUM_TEST_ROUNDS");

  if (wanted != NULL)
    return (unsigned)strtoul (wanted, NULL, 10);
  return g_test_thorough () ? THOROUGH : ROUNDS;
}

static void
on_gone (Vm *vm, const char *id, const GError *error, void *opaque)
{
  g_assert_no_error (error);
  *(gboolean *)opaque = TRUE;
}

static void
test_hammer (void)
{
  Hammer hammer = { 0 };
  Processor processors[N_PROCESSORS];
  GThread *threads[N_PROCESSORS];
  PciBoard *board = &hammer.board;
  g_autoptr (GRand) rand = g_rand_new_with_seed (99);
  unsigned n = rounds ();

  board_open (board, FALSE);
  for (unsigned i = 0; i < N_PROCESSORS; i++)
    {
      processors[i] = (Processor){ &hammer, i };
      threads[i] = g_thread_new ("processor", processor, &processors[i]);
    }
  for (unsigned round = 0; round < n; round++)
    {
      PciUnplug how = g_rand_int (rand) & 1 ? PCI_UNPLUG_ASK : PCI_UNPLUG_FORCE;
      gint ups = g_atomic_int_get (&hammer.ups);
      g_autoptr (GError) error = NULL;
      gboolean gone = FALSE;

      pci_plug (board->root, "pci-test", "port0", BOARD_DEVICE, NULL, &error);
      g_assert_no_error (error);
      /* Mostly it goes when it is in full use; now and then at any moment of its coming up. */
      if (g_rand_int (rand) & 7)
        while (g_atomic_int_get (&hammer.ups) == ups)
          {
            g_main_context_iteration (NULL, FALSE);
            g_thread_yield ();
          }
      for (unsigned i = g_rand_int (rand) & 15; i > 0; i--)
        {
          g_main_context_iteration (NULL, FALSE);
          g_thread_yield ();
        }
      pci_unplug (board->root, BOARD_DEVICE, how, on_gone, &gone, &error);
      g_assert_no_error (error);
      while (!gone)
        g_main_context_iteration (NULL, TRUE);
    }
  g_atomic_int_set (&hammer.quit, 1);
  for (unsigned i = 0; i < N_PROCESSORS; i++)
    g_thread_join (threads[i]);
  g_test_message ("%u rounds, %d times up, %d messages", n, hammer.ups, hammer.board.messages);
  g_assert_cmpint (hammer.ups, >, 0);
  g_assert_cmpint (hammer.board.messages, >, 0);
  board_close (board);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pci/hammer", test_hammer);
  return g_test_run ();
}
