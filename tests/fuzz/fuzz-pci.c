/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Configuration space, BARs, MSI-X, bridges and slots: a guest that does anything to them while devices are plugged and unplugged, reset,
 * paused, saved and loaded.  Input: steps of 8 bytes, see step().
 */
#include "fuzz.h"

#include "tests/unit/pci/board.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP 8

typedef struct
{
  PciBoard board;
  AccessCache cache;
} Machine;

static void
pump (void)
{
  for (unsigned i = 0; i < 16 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

static const char *
device_id (unsigned port)
{
  return port == 0 ? BOARD_DEVICE : "dut1";
}

static void
pause_machine (Machine *m)
{
  vm_pause (m->board.vm, NULL);
  while (vm_state (m->board.vm) == VM_STATE_PAUSING)
    g_main_context_iteration (NULL, TRUE);
}

static void
save_and_load (Machine *m)
{
  g_autofree char *path = g_strdup_printf ("%s/state", fuzz_folder ());
  g_autoptr (GError) error = NULL;

  pause_machine (m);
  /* What goes from a machine that was paused already goes first. */
  for (unsigned i = 0; i < m->board.vm->devices->len;)
    if (((const Device *)m->board.vm->devices->pdata[i])->held)
      g_main_context_iteration (NULL, TRUE);
    else
      i++;
  if (vm_state (m->board.vm) == VM_STATE_PAUSED)
    if (!vm_save (m->board.vm, path, &error) || !vm_load (m->board.vm, path, &error))
      {
        fprintf (stderr, "a machine doesn't load what it saved: %s\n", error->message);
        abort ();
      }
  g_unlink (path);
  vm_resume (m->board.vm);
}

static uint64_t
address (unsigned kind, unsigned offset)
{
  const uint64_t bases[8] = { board_registers (0), board_bells (0), board_table (0), board_table (1),
                              BOARD_WINDOW,        BOARD_PREFETCH,  BOARD_ECAM,      BOARD_RAM };

  return bases[kind & 7] + offset;
}

static void
step (Machine *m, const uint8_t *s)
{
  uint32_t value = s[4] | (uint32_t)s[5] << 8 | (uint32_t)s[6] << 16 | (uint32_t)s[7] << 24;
  unsigned port = s[1] & 1, size = 1u << (s[0] >> 4 & 3), offset = s[2] | (unsigned)s[3] << 8;
  PciBoard *board = &m->board;

  switch (s[0] & 15)
    {
    case 0:
      board_put (board, &m->cache, 0, BOARD_PORT_DEVFN (port), offset & 0xfff, value, size);
      break;
    case 1:
    case 2:
      board_put (board, &m->cache, 1 + port, 0, offset & 0xfff, value, size);
      break;
    case 3:
      board_get (board, &m->cache, s[1] & 7, s[4], offset & 0xfff, size);
      break;
    case 4:
    case 5:
      board_store (board, &m->cache, address (s[1], offset), value * 0x100000001ull, size);
      break;
    case 6:
      board_load (board, &m->cache, address (s[1], offset), size);
      break;
    case 7:
      pci_plug (board->root, "pci-test", port == 0 ? "port0" : "port1", device_id (port), NULL, NULL);
      break;
    case 8:
      pci_unplug (board->root, device_id (port), s[1] & 2 ? PCI_UNPLUG_FORCE : PCI_UNPLUG_ASK, NULL, NULL,
                  NULL);
      break;
    case 9:
      board_serve_slot (board, &m->cache, port);
      break;
    case 10:
      board_set_up_port (board, &m->cache, port);
      board_set_up_device (board, &m->cache, port);
      break;
    case 11:
      vm_lock (board->vm);
      vm_clock_advance (board->vm->clock, value);
      vm_unlock (board->vm);
      pump ();
      break;
    case 12:
      if (s[1] & 1)
        vm_reset (board->vm);
      else if (s[1] & 2)
        vm_pause (board->vm, NULL);
      else
        vm_resume (board->vm);
      break;
    case 13:
      save_and_load (m);
      break;
    default:
      pump ();
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  Machine m = { 0 };

  board_open (&m.board, TRUE);
  for (size_t i = 0; i + STEP <= length; i += STEP)
    step (&m, data + i);
  access_cache_clear (&m.cache);
  board_close (&m.board);
  return 0;
}

/* -- Seeds ---------------------------------------------------------------------------------------- */

static GByteArray *program;

static void
add (uint8_t what, uint8_t a, uint16_t b, uint32_t value)
{
  const uint8_t bytes[STEP] = { what,
                                a,
                                (uint8_t)b,
                                (uint8_t)(b >> 8),
                                (uint8_t)value,
                                (uint8_t)(value >> 8),
                                (uint8_t)(value >> 16),
                                (uint8_t)(value >> 24) };

  g_byte_array_append (program, bytes, sizeof bytes);
}

static void
end (void)
{
  fuzz_seed (program->data, program->len);
  g_byte_array_set_size (program, 0);
}

static void
come (uint8_t port)
{
  add (7, port, 0, 0);
  add (9, port, 0, 0);
}

static void
poke (uint8_t where, uint16_t offset, uint32_t value)
{
  add (4 | 0x20, where, offset, value);
}

static void
copy (uint32_t source, uint32_t length)
{
  poke (0, PCI_TEST_SOURCE, source);
  poke (0, PCI_TEST_DESTINATION, 0x100000);
  poke (0, PCI_TEST_LENGTH, length);
  poke (0, PCI_TEST_COMMAND, PCI_TEST_COMMAND_COPY | 0x300);
}

static void
make_hotplug (void)
{
  come (0);
  copy (0x1000, 0x40000);
  add (8, 0, 0, 0); /* asked */
  add (9, 0, 0, 0);
  add (14, 0, 0, 0);
  come (0);
  copy (0x1000, 0x40000);
  add (8, 2, 0, 0); /* by surprise */
  add (9, 0, 0, 0);
  come (1);
  end ();
  come (0);
  come (1);
  copy (0, 0x100000);
  add (13, 0, 0, 0); /* saved with a transfer under way */
  add (12, 2, 0, 0);
  add (8, 2, 0, 0);
  add (12, 0, 0, 0);
  add (8, 1, 0, 0);
  add (12, 1, 0, 0);
  add (14, 0, 0, 0);
  end ();
}

static void
make_function (void)
{
  static const uint16_t registers[] = { 0x04, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x30, 0x3c, 0x44, 0x4a,  0x4c,
                                        0x50, 0x54, 0x5a, 0x62, 0x6a, 0x6c, 0x70, 0x78, 0x80, 0x100, 0xffc };

  come (0);
  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    {
      add (1 | 0x20, 0, registers[i], 0xffffffff);
      add (3 | 0x20, 1, registers[i], 0);
      add (1 | 0x10, 0, registers[i], 0x8000 + i);
      add (10, 0, 0, 0);
    }
  end ();
  come (0);
  for (uint16_t v = 0; v < PCI_TEST_N_VECTORS; v++)
    {
      poke (2, (uint16_t)(16 * v + 12), 1);
      poke (0, PCI_TEST_RAISE_NOW, v);
      poke (0, PCI_TEST_RAISE, v);
      add (6 | 0x30, 2, 0x800, 0);
      poke (2, (uint16_t)(16 * v + 12), 0);
      poke (1, (uint16_t)(4 * v), v);
    }
  poke (1, PCI_TEST_BELL_MATCH, PCI_TEST_BELL_VALUE);
  poke (0, PCI_TEST_TIMER, 100);
  add (11, 0, 0, 1000000);
  copy (0xfff000, 0x3000);
  add (14, 0, 0, 0);
  end ();
}

static void
make_bridge (void)
{
  static const uint16_t registers[]
      = { 0x04, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x3e, 0x44, 0x4a, 0x60, 0x78, 0x7a, 0x7c };

  come (0);
  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    {
      add (0x20, 0, registers[i], 0xffffffff);
      add (6 | 0x20, 0, 0, 0);
      add (0x20, 0, registers[i], 0);
      add (6 | 0x20, 4, 0x1000, 0);
      add (10, 0, 0, 0);
      add (9, 0, 0, 0);
    }
  add (0x10, 0, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CONTROL_RESET);
  add (14, 0, 0, 0);
  end ();
}

static void
make (void)
{
  program = g_byte_array_new ();
  make_hotplug ();
  make_function ();
  make_bridge ();
}

const FuzzTarget fuzz_target = { "vmm/pci vmm/chipset/pci-test.c", 4096, make };
