/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A slot: what the guest sees as a device comes and goes, asked for or by surprise, and machines that are paused, reset, saved and loaded
 * on the way.
 */
#include "tests/unit/pci/board.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <unistd.h>

typedef struct
{
  PciBoard board;
  AccessCache cache;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  board_open (&f->board, TRUE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  access_cache_clear (&f->cache);
  board_close (&f->board);
}

static uint16_t
status (Fixture *f)
{
  return board_slot_get (&f->board, &f->cache, 0, PCI_EXPRESS_SLOT_STATUS);
}

static void
clear (Fixture *f)
{
  board_slot_put (&f->board, &f->cache, 0, PCI_EXPRESS_SLOT_STATUS, 0xffff);
}

static void
control (Fixture *f, uint16_t value)
{
  board_slot_put (&f->board, &f->cache, 0, PCI_EXPRESS_SLOT_CONTROL, value);
}

static gboolean
link_active (Fixture *f)
{
  return (board_slot_get (&f->board, &f->cache, 0, PCI_EXPRESS_LINK_STATUS) & PCI_EXPRESS_LINK_ACTIVE) != 0;
}

static uint32_t
identity (Fixture *f)
{
  return board_get (&f->board, &f->cache, 1, 0, 0, 4);
}

static void
plug (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  pci_plug (f->board.root, "pci-test", "port0", BOARD_DEVICE, NULL, &error);
  g_assert_no_error (error);
}

typedef struct
{
  unsigned n;
  gboolean gone;
} Answer;

static void
on_answer (Vm *vm, const char *id, const GError *error, void *opaque)
{
  Answer *answer = opaque;

  g_assert_cmpstr (id, ==, BOARD_DEVICE);
  answer->n++;
  answer->gone = error == NULL;
}

static gboolean
unplug (Fixture *f, PciUnplug how, Answer *answer, int code)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = pci_unplug (f->board.root, BOARD_DEVICE, how, on_answer, answer, &error);

  if (ok)
    g_assert_no_error (error);
  else
    g_assert_error (error, G_IO_ERROR, code);
  return ok;
}

static void
wait_for (Answer *answer)
{
  while (answer->n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (answer->n, ==, 1);
}

static unsigned
n_devices (Fixture *f)
{
  return f->board.vm->devices->len - BOARD_N_PORTS;
}

static void
test_capabilities (Fixture *f, gconstpointer data)
{
  unsigned cap = board_slot (&f->board, &f->cache, 0, 0);

  g_assert_cmpuint (cap, >=, 0x40);
  g_assert_cmphex (board_get (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), cap + 2, 2), ==,
                   0x0142); /* a root port with a slot */
  g_assert_cmphex (
      board_get (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), cap + PCI_EXPRESS_SLOT_CAPABILITIES, 4), ==,
      1 << 19 | 0x7b);
  g_assert_cmphex (board_get (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), PCI_HEADER_TYPE, 1), ==, 1);
  g_assert_cmphex (board_get (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), PCI_CLASS_DEVICE, 2), ==,
                   0x0604);
  /* An empty slot has no power; nothing has happened yet. */
  g_assert_cmphex (status (f), ==, 0);
  g_assert_cmphex (board_slot_get (&f->board, &f->cache, 0, PCI_EXPRESS_SLOT_CONTROL), ==, 0x07c0);
  g_assert_false (link_active (f));
}

static void
test_ask (Fixture *f, gconstpointer data)
{
  Answer answer = { 0 };

  board_set_up_port (&f->board, &f->cache, 0);
  plug (f);
  g_assert_cmphex (status (f), ==, SLOT_PRESENT | SLOT_PRESENCE_CHANGED | SLOT_BUTTON);
  g_assert_cmphex (identity (f), ==, 0xffffffff); /* no power yet */
  clear (f);
  g_assert_cmphex (status (f), ==, SLOT_PRESENT);
  control (f, SLOT_INDICATOR_ON);
  g_assert_cmphex (status (f), ==, SLOT_PRESENT | SLOT_COMPLETED | SLOT_LINK_CHANGED);
  g_assert_true (link_active (f));
  g_assert_cmphex (identity (f), ==, 0x11e91234);
  clear (f);

  g_assert_true (unplug (f, PCI_UNPLUG_ASK, &answer, 0));
  g_assert_cmphex (status (f), ==, SLOT_PRESENT | SLOT_BUTTON);
  g_assert_false (unplug (f, PCI_UNPLUG_ASK, &answer, G_IO_ERROR_PENDING));
  clear (f);
  control (f, SLOT_INDICATOR_BLINK);
  g_assert_cmphex (identity (f), ==, 0x11e91234);
  control (f, SLOT_INDICATOR_BLINK | SLOT_POWER_OFF);
  g_assert_cmphex (status (f) & SLOT_PRESENT, ==, SLOT_PRESENT);
  g_assert_false (link_active (f));
  g_assert_cmphex (identity (f), ==, 0xffffffff);
  g_assert_cmpuint (answer.n, ==, 0);
  clear (f);
  control (f, SLOT_INDICATOR_OFF | SLOT_POWER_OFF);
  g_assert_cmphex (status (f), ==, SLOT_PRESENCE_CHANGED | SLOT_COMPLETED);
  wait_for (&answer);
  g_assert_true (answer.gone);
  g_assert_cmpuint (n_devices (f), ==, 0);
  /* The slot takes another. */
  plug (f);
  answer = (Answer){ 0 };
  g_assert_true (unplug (f, PCI_UNPLUG_ASK, &answer, 0)); /* at once: there is no power */
  wait_for (&answer);
  g_assert_true (answer.gone);
}

static void
test_surprise (Fixture *f, gconstpointer data)
{
  Answer asked = { 0 }, answer = { 0 };

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  clear (f);
  g_assert_true (unplug (f, PCI_UNPLUG_ASK, &asked, 0));
  g_assert_true (unplug (f, PCI_UNPLUG_FORCE, &answer, 0));
  g_assert_cmphex (status (f), ==, SLOT_BUTTON | SLOT_PRESENCE_CHANGED | SLOT_LINK_CHANGED);
  g_assert_cmphex (identity (f), ==, 0xffffffff);
  g_assert_cmphex (board_load (&f->board, &f->cache, board_registers (0), 4), ==, 0xffffffff);
  g_assert_false (unplug (f, PCI_UNPLUG_FORCE, &answer, G_IO_ERROR_PENDING));
  wait_for (&answer);
  wait_for (&asked);
  g_assert_true (answer.gone && asked.gone);
  g_assert_false (unplug (f, PCI_UNPLUG_FORCE, &answer, G_IO_ERROR_NOT_FOUND));
}

/* A message each time that the condition comes about, or a level while it stands. */
static void
test_interrupts (Fixture *f, gconstpointer data)
{
  unsigned msi = board_find_cap (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), PCI_CAP_MSI);
  Answer answer = { 0 };

  control (f, SLOT_ENABLE_ALL | SLOT_POWER_OFF);
  g_assert_cmpint (f->board.level[1], ==, 1); /* the command is completed */
  clear (f);
  g_assert_cmpint (f->board.level[1], ==, 0);
  plug (f);
  g_assert_cmpint (f->board.level[1], ==, 1);
  control (f, SLOT_POWER_OFF);
  g_assert_cmpint (f->board.level[1], ==, 0);
  g_assert_cmpint (f->board.messages, ==, 0);

  board_put (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), PCI_COMMAND, PCI_COMMAND_MASTER, 2);
  board_put (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 4, 0xfee00000, 4);
  board_put (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 12, 0x31, 2);
  board_put (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 2, 1, 2);
  control (f, SLOT_ENABLE_ALL | SLOT_POWER_OFF);
  g_assert_cmpint (f->board.messages, ==, 1);
  g_assert_cmphex ((unsigned)f->board.last_data, ==, 0x31);
  g_assert_cmpint (f->board.level[1], ==, 0);
  control (f, SLOT_ENABLE_ALL | SLOT_POWER_OFF); /* it stands already */
  g_assert_cmpint (f->board.messages, ==, 1);
  clear (f);
  g_assert_true (unplug (f, PCI_UNPLUG_FORCE, &answer, 0));
  g_assert_cmpint (f->board.messages, ==, 2);
  wait_for (&answer);
  clear (f);
  /* Masked: pending, and sent when the mask goes. */
  board_put (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 16, 1, 4);
  plug (f);
  g_assert_cmpint (f->board.messages, ==, 2);
  g_assert_cmphex (board_get (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 20, 4), ==, 1);
  board_put (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 16, 0, 4);
  g_assert_cmpint (f->board.messages, ==, 3);
  g_assert_cmphex (board_get (&f->board, &f->cache, 0, BOARD_PORT_DEVFN (0), msi + 20, 4), ==, 0);
}

static void
test_refusals (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *klass, *port, *id;
    int code;
  } cases[] = {
    { "no-such", NULL, "x", G_IO_ERROR_NOT_FOUND },
    { "pci-test", "port7", "x", G_IO_ERROR_NOT_FOUND },
    { "pci-test", "port0", "x", G_IO_ERROR_EXISTS },
    { "pci-test", NULL, BOARD_DEVICE, G_IO_ERROR_EXISTS },
  };
  static const char *const properties[] = { "speed", "9", NULL };
  g_autoptr (GError) error = NULL;
  Answer answer = { 0 };

  plug (f);
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (pci_plug (f->board.root, cases[i].klass, cases[i].port, cases[i].id, NULL, &error));
      g_assert_error (error, G_IO_ERROR, cases[i].code);
      g_clear_error (&error);
    }
  g_assert_false (pci_plug (f->board.root, "pci-test", NULL, "x", properties, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_cmpuint (n_devices (f), ==, 1);
  /* The other slot is still empty. */
  g_assert_true (pci_plug (f->board.root, "pci-test", NULL, "x", NULL, &error));
  g_assert_false (pci_plug (f->board.root, "pci-test", NULL, "y", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);
  g_assert_false (pci_unplug (f->board.root, "port1", PCI_UNPLUG_FORCE, on_answer, &answer, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

static void
wait_for_state (Fixture *f, VmState state)
{
  while (vm_state (f->board.vm) != state)
    g_main_context_iteration (NULL, TRUE);
}

/* A guest that doesn't answer: the reset does. */
static void
test_reset (Fixture *f, gconstpointer data)
{
  Answer answer = { 0 };

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  vm_reset (f->board.vm);
  wait_for_state (f, VM_STATE_RUNNING);
  /* It is there from power on, in a slot with power. */
  g_assert_cmphex (status (f), ==, SLOT_PRESENT);
  g_assert_true (link_active (f));
  board_set_up_port (&f->board, &f->cache, 0);
  g_assert_cmphex (identity (f), ==, 0x11e91234);
  g_assert_true (unplug (f, PCI_UNPLUG_ASK, &answer, 0));
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (answer.n, ==, 0);
  vm_reset (f->board.vm);
  wait_for (&answer);
  g_assert_true (answer.gone);
  wait_for_state (f, VM_STATE_RUNNING);
  g_assert_cmphex (status (f), ==, 0);
  /* The end of the machine answers, too. */
  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
}

static void
start_copy (Fixture *f, uint32_t length)
{
  uint64_t registers = board_registers (0);

  board_store (&f->board, &f->cache, registers + PCI_TEST_SOURCE, 0, 8);
  board_store (&f->board, &f->cache, registers + PCI_TEST_DESTINATION, 0x800000, 8);
  board_store (&f->board, &f->cache, registers + PCI_TEST_LENGTH, length, 4);
  board_store (&f->board, &f->cache, registers + PCI_TEST_COMMAND, PCI_TEST_COMMAND_COPY | 3 << 8, 4);
}

/* Paused in the middle of its work, a device goes; what is asked of a paused machine is done there. */
static void
test_paused (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("%s/vivarium-hotplug-%d.state", g_get_tmp_dir (), getpid ());
  g_autoptr (GError) error = NULL;
  Answer answer = { 0 };

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  start_copy (f, PCI_TEST_MAX_LENGTH);
  g_assert_true (unplug (f, PCI_UNPLUG_FORCE, &answer, 0));
  vm_pause (f->board.vm, NULL);
  wait_for_state (f, VM_STATE_PAUSED);
  g_assert_cmpuint (answer.n, ==, 1); /* a pause waits for it */
  plug (f);
  answer = (Answer){ 0 };
  g_assert_true (unplug (f, PCI_UNPLUG_FORCE, &answer, 0));
  g_assert_false (vm_save (f->board.vm, path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  wait_for (&answer);
  plug (f);
  vm_resume (f->board.vm);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  start_copy (f, 0x3000);
  while (board_load (&f->board, &f->cache, board_registers (0) + PCI_TEST_DONE, 4) != 1)
    g_thread_yield ();
}

/* Saved with a transfer under way, doorbells armed and unheard rings, loaded into another machine of this shape: all of it goes on. */
static void
test_saved (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("%s/vivarium-hotplug-%d.state", g_get_tmp_dir (), getpid ());
  g_autoptr (GError) error = NULL;
  Fixture other = { 0 };
  uint64_t registers = board_registers (0);

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  for (unsigned i = 0; i < PCI_TEST_MAX_LENGTH; i++)
    region_host (f->board.ram)[i] = (uint8_t)(i * 7 + i / 4096);
  start_copy (f, PCI_TEST_MAX_LENGTH);
  for (unsigned i = 0; i < 5; i++)
    board_store (&f->board, &f->cache, board_bells (0) + 4, i, 4);
  vm_pause (f->board.vm, NULL);
  wait_for_state (f, VM_STATE_PAUSED);
  vm_save (f->board.vm, path, &error);
  g_assert_no_error (error);

  set_up (&other, NULL);
  plug (&other);
  vm_pause (other.board.vm, NULL);
  wait_for_state (&other, VM_STATE_PAUSED);
  vm_load (other.board.vm, path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_assert_true (link_active (&other));
  g_assert_cmphex (identity (&other), ==, 0x11e91234);
  g_assert_cmphex (board_load (&other.board, &other.cache, registers + PCI_TEST_RINGS + 4, 4), ==, 5);
  vm_resume (other.board.vm);
  while (board_load (&other.board, &other.cache, registers + PCI_TEST_DONE, 4) != 1)
    g_thread_yield ();
  g_assert_cmpmem (region_host (other.board.ram), PCI_TEST_MAX_LENGTH,
                   region_host (other.board.ram) + 0x800000, PCI_TEST_MAX_LENGTH);
  /* The doorbells are armed: no miss. */
  board_store (&other.board, &other.cache, board_bells (0) + PCI_TEST_BELL_MATCH, PCI_TEST_BELL_VALUE, 4);
  while (board_load (&other.board, &other.cache, registers + PCI_TEST_RINGS + 16, 4) != 1)
    g_thread_yield ();
  g_assert_cmphex (board_load (&other.board, &other.cache, registers + PCI_TEST_MISSES, 4), ==, 0);
  board_store (&other.board, &other.cache, board_bells (0) + PCI_TEST_BELL_MATCH, 1, 4);
  g_assert_cmphex (board_load (&other.board, &other.cache, registers + PCI_TEST_MISSES, 4), ==, 1);
  tear_down (&other, NULL);
}

static void
on_done (Vm *vm, const GError *error, void *opaque)
{
  g_assert_no_error (error);
  *(gboolean *)opaque = TRUE;
}

/* What leaves a paused machine, or has just come to it, is not caught half way. */
static void
test_save_waits (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("vivarium-hotplug-XXXXXX", &path, NULL);
  gboolean saved = FALSE;
  Answer answer = { 0 };

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  vm_pause (f->board.vm, NULL);
  wait_for_state (f, VM_STATE_PAUSED);
  g_assert_true (unplug (f, PCI_UNPLUG_FORCE, &answer, 0));
  vm_save_async (f->board.vm, fd, path, NULL, on_done, &saved);
  while (!saved)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (answer.n, ==, 1);
  plug (f);
  saved = FALSE;
  vm_save_async (f->board.vm, fd, path, NULL, on_done, &saved);
  while (!saved)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (n_devices (f), ==, 1);
  close (fd);
  g_unlink (path);
}

/* The guest was asked before, and answers behind the load. */
static void
test_saved_while_asked (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("%s/vivarium-hotplug-%d.state", g_get_tmp_dir (), getpid ());
  g_autoptr (GError) error = NULL;
  Fixture other = { 0 };
  Answer asked = { 0 }, again = { 0 };

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  clear (f);
  g_assert_true (unplug (f, PCI_UNPLUG_ASK, &asked, 0));
  vm_pause (f->board.vm, NULL);
  wait_for_state (f, VM_STATE_PAUSED);
  vm_save (f->board.vm, path, &error);
  g_assert_no_error (error);

  set_up (&other, NULL);
  plug (&other);
  vm_pause (other.board.vm, NULL);
  wait_for_state (&other, VM_STATE_PAUSED);
  vm_load (other.board.vm, path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  vm_resume (other.board.vm);
  /* Who asks there waits with it, and presses no second time. */
  clear (&other);
  g_assert_true (unplug (&other, PCI_UNPLUG_ASK, &again, 0));
  g_assert_cmphex (status (&other), ==, SLOT_PRESENT);
  control (&other, SLOT_INDICATOR_OFF | SLOT_POWER_OFF);
  wait_for (&again);
  g_assert_true (again.gone);
  g_assert_cmpuint (n_devices (&other), ==, 0);
  tear_down (&other, NULL);
  g_assert_cmpuint (asked.n, ==, 0);
  vm_resume (f->board.vm);
  control (f, SLOT_INDICATOR_OFF | SLOT_POWER_OFF);
  wait_for (&asked);
}

static gboolean
load_state (Device *device, const uint8_t *data, size_t length)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  vm_lock (device->vm);
  ok = state_load (device->klass->state, device, data, length, &error)
       && device->klass->post_load (device, &error);
  vm_unlock (device->vm);
  g_assert_true (ok == (error == NULL));
  return ok;
}

/* Mutated states of the slot and of the device in it, with accesses and a moment of running in between. */
static void
test_hostile_states (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);

  plug (f);
  g_assert_true (board_serve_slot (&f->board, &f->cache, 0));
  for (unsigned d = 0; d < 2; d++)
    {
      Device *device = d == 0 ? f->board.port[0] : &pci_root_port_occupant (f->board.port[0])->device;
      g_autoptr (GByteArray) good = g_byte_array_new ();
      unsigned step;

      vm_pause (f->board.vm, NULL);
      wait_for_state (f, VM_STATE_PAUSED);
      vm_lock (f->board.vm);
      state_save (device->klass->state, device, good);
      vm_unlock (f->board.vm);
      step = MAX (1, good->len / 1500);
      for (unsigned i = 0; i < good->len; i += step)
        {
          g_autofree uint8_t *bad = g_memdup2 (good->data, good->len);

          bad[i] = i % 3 == 0 ? 0xff : (uint8_t)g_rand_int (rand);
          load_state (device, bad, good->len);
          board_serve_slot (&f->board, &f->cache, 0);
          board_load (&f->board, &f->cache, board_registers (0) + (g_rand_int (rand) & 0x7c), 4);
          board_store (&f->board, &f->cache, board_table (0) + (g_rand_int (rand) & 0xffc), g_rand_int (rand),
                       4);
          board_get (&f->board, &f->cache, 1, 0, g_rand_int (rand) & 0xffc, 4);
          if (i % 16 == 0)
            {
              vm_resume (f->board.vm);
              vm_pause (f->board.vm, NULL);
              while (vm_state (f->board.vm) == VM_STATE_PAUSING)
                g_main_context_iteration (NULL, TRUE);
            }
        }
      load_state (device, good->data, good->len / 2);
      g_assert_true (load_state (device, good->data, good->len));
      vm_resume (f->board.vm);
    }
  g_assert_cmphex (identity (f), ==, 0x11e91234);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/pci/hotplug/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (capabilities);
  ADD (ask);
  ADD (surprise);
  ADD (interrupts);
  ADD (refusals);
  ADD (reset);
  ADD (paused);
  ADD (saved);
  ADD (save_waits);
  ADD (saved_while_asked);
  ADD (hostile_states);
  return g_test_run ();
}
