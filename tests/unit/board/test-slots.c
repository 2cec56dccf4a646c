/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices that come into a machine's slots and out of them, without a processor: places that stay, refusals, saved machines; with one
 * loop and with two.
 */
#include "board/cards.h"
#include "board/pc.h"
#include "board/slots.h"
#include "core/loop.h"
#include "pci/express.h"
#include "virtio/virtio.h"
#include "cpu/engine.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  VmLoop *loop; /* NULL: one for all */
  Vm *vm;
  Engine *engine;
  Board *board;
} Machine;

typedef struct
{
  unsigned n;
  int code; /* 0: done */
} Answer;

static void
on_answer (Vm *vm, const GError *error, void *opaque)
{
  Answer *answer = opaque;

  answer->n++;
  answer->code = error != NULL ? error->code : 0;
  if (error != NULL)
    {
      g_test_message ("%s", error->message);
      g_assert_cmpuint (error->domain, ==, G_IO_ERROR);
    }
  else
    answer->code = 0;
}

static int
wait_for (Answer *answer)
{
  while (answer->n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (answer->n, ==, 1);
  answer->n = 0;
  return answer->code;
}

static MachineDefinition *
definition_of (const char *const *keys)
{
  MachineDefinition *plain = definition_new ("slots"), *definition;
  g_autoptr (GError) error = NULL;

  definition_put (plain, "machine.memory", "16M");
  for (; *keys != NULL; keys += 2)
    {
      definition_set (plain, keys[0], keys[1], &error);
      g_assert_no_error (error);
    }
  definition = definition_copy (plain); /* as from a file: all have their slots */
  definition_unref (plain);
  return definition;
}

static gboolean
machine_open (Machine *m, MachineDefinition *definition, gboolean two_loops, gboolean slots, GError **error)
{
  gboolean ok;

  *m = (Machine){ 0 };
  if (two_loops)
    {
      m->loop = vm_loop_new ("devices");
      m->vm = vm_new_with_loops (vm_loop_context (m->loop), NULL, FALSE);
    }
  else
    m->vm = vm_new (NULL, TRUE);
  m->engine = engine_new (&none_engine_class, m->vm, &(EngineConfig){ .n_cpus = 1 }, NULL);
  m->board = pc_new (m->vm, definition, error);
  g_assert_nonnull (m->board);
  ok = (!slots || board_add_test_pci (m->board, error)) && board_fill_slots (m->board, error);
  if (!ok)
    return FALSE;
  vm_start (m->vm, TRUE);
  if (m->loop != NULL)
    vm_loop_start (m->loop);
  return TRUE;
}

static void
machine_close (Machine *m)
{
  if (m->loop != NULL)
    vm_loop_stop (m->loop);
  vm_stop_io (m->vm);
  engine_free (m->engine);
  board_free (m->board);
  vm_free (m->vm);
  if (m->loop != NULL)
    vm_loop_free (m->loop);
}

static gboolean
has (Machine *m, const char *id)
{
  gboolean found = FALSE;

  vm_lock (m->vm);
  for (guint i = 0; i < m->vm->devices->len; i++)
    found |= g_str_equal (((Device *)m->vm->devices->pdata[i])->id, id);
  vm_unlock (m->vm);
  return found;
}

#define assert_place(m, id, wanted)                             \
  do                                                            \
    {                                                           \
      g_autofree char *place_ = board_place ((m)->board, (id)); \
      g_assert_cmpstr (place_, ==, (wanted));                   \
      g_assert_true (has ((m), (id)) == (place_ != NULL));      \
    }                                                           \
  while (0)

/* Which slot of the root port the function answers in is what the guest goes by. */
static PciDevice *
behind (Machine *m, unsigned slot)
{
  g_autofree char *id = g_strdup_printf ("pci-slot%u", slot);
  PciDevice *found = NULL;

  vm_lock (m->vm);
  for (guint i = 0; i < m->vm->devices->len; i++)
    {
      PciDevice *port = m->vm->devices->pdata[i];
      if (g_str_equal (port->device.id, id))
        found = pci_bus_device (port->secondary, 0);
    }
  vm_unlock (m->vm);
  return found;
}

static void
plug (Machine *m, MachineDefinition *definition, const char *id, int code)
{
  Answer answer = { 0 };

  board_plug (m->board, definition, id, on_answer, &answer);
  g_assert_cmpint (wait_for (&answer), ==, code);
}

static void
unplug (Machine *m, const char *id, int code)
{
  Answer answer = { 0 };

  board_unplug (m->board, id, FALSE, on_answer, &answer);
  g_assert_cmpint (wait_for (&answer), ==, code);
}

static void
test_come_and_go (gconstpointer two_loops)
{
  g_autoptr (MachineDefinition) none
      = definition_of ((const char *[]){ NULL }),
      one = definition_of ((const char *[]){ "pcitest0.slot", "", NULL }),
      two = definition_of ((const char *[]){ "pcitest0.slot", "1", "pcitest3.slot", "", NULL }),
      far = definition_of ((const char *[]){ "pcitest0.slot", "3", NULL }),
      same = definition_of ((const char *[]){ "pcitest5.slot", "1", NULL });
  g_autoptr (GError) error = NULL;
  Answer answer = { 0 };
  Machine m;

  machine_open (&m, none, two_loops != NULL, TRUE, &error);
  g_assert_no_error (error);
  vm_resume_async (m.vm, on_answer, &answer);
  g_assert_cmpint (wait_for (&answer), ==, 0);
  plug (&m, far, "pcitest0", G_IO_ERROR_NOT_SUPPORTED);
  g_assert_false (has (&m, "pcitest0"));
  plug (&m, one, "pcitest0", 0);
  assert_place (&m, "pcitest0", "slot 1");
  plug (&m, same, "pcitest5", G_IO_ERROR_EXISTS);
  plug (&m, one, "pcitest0", G_IO_ERROR_EXISTS);
  plug (&m, two, "pcitest3", 0);
  assert_place (&m, "pcitest0", "slot 1");
  assert_place (&m, "pcitest3", "slot 2");
  g_assert_nonnull (behind (&m, 1));
  g_assert_nonnull (behind (&m, 2));
  unplug (&m, "pcitest0", 0);
  g_assert_false (has (&m, "pcitest0"));
  assert_place (&m, "pcitest3", "slot 2");
  g_assert_null (behind (&m, 1));
  unplug (&m, "pcitest0", G_IO_ERROR_NOT_FOUND);
  unplug (&m, "ide", G_IO_ERROR_NOT_SUPPORTED);
  plug (&m, one, "pcitest0", 0);
  g_assert_nonnull (behind (&m, 1));
  machine_close (&m);

  /* A board that has none. */
  machine_open (&m, none, two_loops != NULL, FALSE, &error);
  g_assert_no_error (error);
  plug (&m, one, "pcitest0", G_IO_ERROR_NOT_SUPPORTED);
  unplug (&m, "pcitest0", G_IO_ERROR_NOT_SUPPORTED);
  machine_close (&m);
  g_assert_false (machine_open (&m, one, FALSE, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  machine_close (&m);
}

/* The end of the machine answers who waits for a guest that never does. */
static void
test_end (void)
{
  g_autoptr (MachineDefinition) one = definition_of ((const char *[]){ "pcitest0.slot", "", NULL });
  Answer answer = { 0 };
  Machine m;

  g_assert_true (machine_open (&m, one, FALSE, TRUE, NULL));
  vm_resume (m.vm);
  board_unplug (m.board, "pcitest0", FALSE, on_answer, &answer);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (answer.n, ==, 0);
  machine_close (&m);
  g_assert_cmpuint (answer.n, ==, 1);
  g_assert_cmpint (answer.code, ==, G_IO_ERROR_CANCELLED);
}

/* What came while it ran is where it was in the machine that is started from the new definition, a clone, or a saved state; also if what
 * had the slot before it has gone. */
static void
test_saved (gconstpointer two_loops)
{
  g_autoptr (MachineDefinition) two
      = definition_of ((const char *[]){ "pcitest0.slot", "", "pcitest1.slot", "", NULL });
  g_autoptr (MachineDefinition) left = definition_copy (two);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("viv-slots-XXXXXX", &path, &error);
  Answer answer = { 0 }, saved = { 0 };
  Machine m, clone;

  g_assert_no_error (error);
  g_assert_true (definition_remove (left, "pcitest0", &error));
  g_assert_true (machine_open (&m, two, two_loops != NULL, TRUE, &error));
  assert_place (&m, "pcitest0", "slot 1");
  assert_place (&m, "pcitest1", "slot 2");
  /* The save waits until it is gone, and comes behind it. */
  board_unplug (m.board, "pcitest0", TRUE, on_answer, &answer);
  vm_save_async (m.vm, fd, path, NULL, on_answer, &saved);
  g_assert_cmpint (wait_for (&saved), ==, 0);
  g_assert_cmpint (wait_for (&answer), ==, 0);
  machine_close (&m);

  g_autoptr (MachineDefinition) copy = definition_copy (left);
  g_assert_true (machine_open (&clone, copy, FALSE, TRUE, &error));
  assert_place (&clone, "pcitest1", "slot 2");
  vm_load (clone.vm, path, &error);
  g_assert_no_error (error);
  vm_resume (clone.vm);
  g_assert_null (behind (&clone, 1));
  g_assert_nonnull (behind (&clone, 2));
  plug (&clone, two, "pcitest0", 0);
  assert_place (&clone, "pcitest0", "slot 1");
  machine_close (&clone);
  close (fd);
  g_remove (path);
}

/* -- Network cards ------------------------------------------------------------------------------------ */

static void
on_notice (void *opaque, const char *sentence)
{
  g_test_message ("%s", sentence);
  g_string_append (opaque, sentence);
}

static void
wait_for_state (Cards *cards, const char *id, const char *wanted)
{
  while (!g_str_equal (cards_state (cards, id), wanted))
    g_main_context_iteration (NULL, TRUE);
}

/* 0: it has none. */
static unsigned
find_express (const PciDevice *pci)
{
  unsigned at = pci->config[0x34];

  while (at != 0 && pci->config[at] != 0x10)
    at = pci->config[at + 1];
  return at;
}

#define INDICATOR_ON  0x100
#define INDICATOR_OFF 0x300
#define POWER_OFF     0x400

/* As the guest's driver: the slot's power and its indicator (PCI Express Base Specification, 7.5.3.10). */
static void
set_power (Machine *m, unsigned slot, gboolean on)
{
  g_autofree char *id = g_strdup_printf ("pci-slot%u", slot);

  vm_lock (m->vm);
  for (guint i = 0; i < m->vm->devices->len; i++)
    {
      PciDevice *port = m->vm->devices->pdata[i];
      unsigned at;

      if (!g_str_equal (port->device.id, id))
        continue;
      at = find_express (port) + PCI_EXPRESS_SLOT_CONTROL;
      pci_bus_config_write (port->bus, port->devfn, at,
                            (pci_bus_config_read (port->bus, port->devfn, at, 2) & ~0x700u)
                                | (on ? INDICATOR_ON : INDICATOR_OFF | POWER_OFF),
                            2);
    }
  vm_unlock (m->vm);
}

/* Both cards that may be in a slot come and go, with their networks there all the time. */
static void
test_cards (gconstpointer two_loops)
{
  static const char *const names[] = { "virtio", "e1000e", "auto" };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      Machine m;
      g_autoptr (GString) said = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (MachineDefinition) definition = definition_of (
          (const char *[]){ "machine.chipset", "q35", "net0.kind", "none", "net1.kind", "none", "net1.card",
                            names[i], "net1.slot", "2", "pcitest0.slot", "", NULL });
      Cards *cards;
      PciDevice *card;

      g_assert_true (machine_open (&m, definition, two_loops != NULL, FALSE, &error));
      g_assert_no_error (error);
      set_power (&m, 2, TRUE);
      cards = cards_new (m.board, on_notice, said);
      g_assert_null (cards_state (cards, "net0"));
      g_assert_false (cards_set_plugged (cards, "net0", FALSE, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
      g_assert_cmpstr (cards_state (cards, "net1"), ==, "yes");
      assert_place (&m, "net1", "slot 2");
      assert_place (&m, "pcitest0", "slot 1");
      card = behind (&m, 2);
      g_assert_nonnull (card);
      g_assert_cmpstr (card->device.id, ==, "net1");
      g_assert_cmpuint (find_express (card), !=, 0);

      for (unsigned round = 0; round < 2; round++)
        {
          g_assert_true (cards_set_plugged (cards, "net1", FALSE, NULL));
          g_assert_cmpstr (cards_state (cards, "net1"), ==, "leaving");
          /* Nobody has let it go. */
          g_assert_true (has (&m, "net1"));
          set_power (&m, 2, FALSE);
          wait_for_state (cards, "net1", "no");
          g_assert_false (has (&m, "net1"));
          g_assert_true (has (&m, "net1-port"));
          g_assert_null (behind (&m, 2));
          g_assert_true (cards_set_plugged (cards, "net1", FALSE, NULL));
          g_assert_true (cards_set_plugged (cards, "net1", TRUE, NULL));
          wait_for_state (cards, "net1", "yes");
          g_assert_nonnull (behind (&m, 2));
          set_power (&m, 2, TRUE);
        }
      /* Wanted again while it goes: it goes, and comes. */
      g_assert_true (cards_set_plugged (cards, "net1", FALSE, NULL));
      g_assert_true (cards_set_plugged (cards, "net1", TRUE, NULL));
      g_assert_cmpstr (cards_state (cards, "net1"), ==, "leaving");
      set_power (&m, 2, FALSE);
      wait_for_state (cards, "net1", "yes");
      g_assert_cmpstr (said->str, ==, "");
      /* The list goes before a change has ended. */
      g_assert_true (cards_set_plugged (cards, "net1", FALSE, NULL));
      cards_free (cards);
      machine_close (&m);
    }
}

static void
test_card_absent (void)
{
  Machine m;
  g_autoptr (GString) said = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = definition_of ((const char *[]){
      "machine.chipset", "q35", "net1.kind", "none", "net1.slot", "1", "net1.plugged", "false", NULL });
  Cards *cards;

  g_assert_true (machine_open (&m, definition, FALSE, FALSE, &error));
  cards = cards_new (m.board, on_notice, said);
  g_assert_cmpstr (cards_state (cards, "net1"), ==, "no");
  g_assert_false (has (&m, "net1"));
  g_assert_true (cards_set_plugged (cards, "net1", TRUE, NULL));
  wait_for_state (cards, "net1", "yes");
  g_assert_true (has (&m, "net1"));
  cards_free (cards);
  machine_close (&m);
}

/* A card in a slot offers what its machine's others do. */
static void
test_card_packed (void)
{
  static const char *const rings[] = { "split", "packed" };

  for (unsigned packed = 0; packed < 2; packed++)
    {
      Machine m;
      g_autoptr (GError) error = NULL;
      g_autoptr (MachineDefinition) definition = definition_of (
          (const char *[]){ "machine.chipset", "q35", "machine.virtio-rings", rings[packed], "net0.kind",
                            "none", "net0.card", "virtio", "net0.slot", "1", NULL });

      g_assert_true (machine_open (&m, definition, FALSE, FALSE, &error));
      g_assert_cmpuint ((((VirtDevice *)behind (&m, 1))->offered & VIRT_F_RING_PACKED) != 0, ==, packed);
      machine_close (&m);
    }
}

static void
test_cards_refused (void)
{
  static const char *const refused[][6] = {
    { "machine.chipset", "q35", "net0.card", "rtl8139", "net0.slot", "1" },
    { "machine.chipset", "q35", "net0.card", "e1000e", "net0.slot", "9" },
    { "machine.chipset", "pc", "net0.card", "e1000e", "net0.slot", "1" },
  };
  static const char *const words[] = { "conventional PCI", "no slot 9, but 1 to 4", "no slots" };

  for (unsigned i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      Machine m;
      g_autoptr (GError) error = NULL;
      const char *keys[9] = { "net0.kind", "none" };
      g_autoptr (MachineDefinition) definition = NULL;

      memcpy (keys + 2, refused[i], sizeof refused[i]);
      definition = definition_of (keys);
      g_assert_false (machine_open (&m, definition, FALSE, FALSE, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
      g_assert_nonnull (strstr (error->message, words[i]));
      machine_close (&m);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/board/slots/one-loop", NULL, test_come_and_go);
  g_test_add_data_func ("/board/slots/two-loops", "two", test_come_and_go);
  g_test_add_data_func ("/board/slots/saved-one-loop", NULL, test_saved);
  g_test_add_data_func ("/board/slots/saved-two-loops", "two", test_saved);
  g_test_add_func ("/board/slots/end", test_end);
  g_test_add_data_func ("/board/cards/one-loop", NULL, test_cards);
  g_test_add_data_func ("/board/cards/two-loops", "two", test_cards);
  g_test_add_func ("/board/cards/absent", test_card_absent);
  g_test_add_func ("/board/cards/packed", test_card_packed);
  g_test_add_func ("/board/cards/refused", test_cards_refused);
  return g_test_run ();
}
