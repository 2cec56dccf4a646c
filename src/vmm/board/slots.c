/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Slots of a board.  See slots.h.
 */
#define G_LOG_DOMAIN "board"

#include "board/slots.h"

#include "chipset/pci-test.h"
#include "machine/start-blame.h"
#include "net/e1000.h"
#include "pci/root-port.h"
#include "virtio/net.h"

#include <gio/gio.h>

/* On bus 0, where the switch for tests puts them: the first slot's place, the others follow. */
#define TEST_SLOTS_DEVFN PCI_DEVFN (0x1e, 0)
#define TEST_N_SLOTS     2

/* By the names of device_kinds. */
static const struct
{
  const char *kind;
  const DeviceClass *klass;
} classes[] = {
  { "pcitest", &pci_test_class },
};

static gboolean
is_net (const MachineDevice *device)
{
  return g_str_equal (device->kind->name, "net");
}

static const DeviceClass *
class_of (const MachineDevice *device)
{
  if (is_net (device))
    return board_slot_net_class (device);
  for (unsigned i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_str_equal (classes[i].kind, device->kind->name))
      return classes[i].klass;
  return NULL;
}

static char *
port_id (unsigned slot)
{
  return g_strdup_printf ("pci-slot%u", slot);
}

gboolean
board_add_slots (Board *board, PciRoot *root, unsigned devfn, unsigned n_slots, GError **error)
{
  gboolean ok = TRUE;

  g_return_val_if_fail (board->slots == NULL && n_slots <= DEVICE_MAX_SLOT, FALSE);
  vm_lock (board->vm);
  board->slots = root;
  board->n_slots = n_slots;
  for (unsigned i = 0; i < G_N_ELEMENTS (classes); i++)
    pci_root_add_class (root, classes[i].klass);
  pci_root_add_class (root, &e1000e_class);
  pci_root_add_class (root, &virt_net_device_class);
  for (unsigned slot = 1; ok && slot <= n_slots; slot++)
    {
      g_autofree char *id = port_id (slot);

      ok = pci_root_port_new (board->vm, pci_root_bus (root), devfn + PCI_DEVFN (slot - 1, 0), id, slot,
                              error)
           != NULL;
    }
  vm_unlock (board->vm);
  return ok;
}

typedef struct
{
  Board *board;
  const MachineDevice *device;
} Wanted;

/* VM lock held. */
static gboolean
prepare (Device *made, void *opaque, GError **error)
{
  const Wanted *wanted = opaque;

  if (is_net (wanted->device))
    board_prepare_slot_net (wanted->board, wanted->device, made);
  return TRUE;
}

/* VM lock NOT held. */
static gboolean
plug (Board *board, const MachineDevice *device, GError **error)
{
  const DeviceClass *klass = class_of (device);
  unsigned slot = machine_device_slot (device);
  g_autofree char *port = port_id (slot);

  if (slot < 1 || slot > board->n_slots)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   board->n_slots == 0 ? "%s: this machine has no slots for devices"
                                       : "%s: this machine has no slot %u, but 1 to %u",
                   device->id, slot, board->n_slots);
      return FALSE;
    }
  if (klass == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "%s: its card is for conventional PCI; those for a slot are e1000e and virtio",
                   device->id);
      return FALSE;
    }
  return pci_plug_prepared (board->slots, klass->name, port, device->id, prepare, &(Wanted){ board, device },
                            error);
}

/* What a device is of the machine's, whether it is in its slot or not. */
static gboolean
begin (Board *board, const MachineDevice *device, GError **error)
{
  return !is_net (device) || board_begin_slot_net (board, device, error);
}

static gboolean
is_plugged (const MachineDevice *device)
{
  return device_kind_key (device->kind, "plugged") == NULL || machine_device_flag (device, "plugged");
}

gboolean
board_fill_slots (Board *board, GError **error)
{
  const GPtrArray *devices = board->definition->devices;

  for (guint i = 0; i < devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (devices, i);
      const DeviceBus *bus = device_kind_bus (device->kind);

      if (machine_device_slot (device) == 0 && (bus == NULL || bus->slots == 0))
        continue;
      if (!begin (board, device, error))
        return FALSE;
      if (is_plugged (device) && !plug (board, device, error))
        {
          viv_start_blame (device->id, class_of (device) == NULL && is_net (device) ? "card" : "slot");
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
board_add_test_pci (Board *board, GError **error)
{
  PciRoot *root = board->root;
  gboolean ok;

  /* A chipset that has slots of its own needs no others. */
  if (board->slots == NULL && !board_add_slots (board, root, TEST_SLOTS_DEVFN, TEST_N_SLOTS, error))
    return FALSE;
  vm_lock (board->vm);
  ok = pci_test_port_new (board->vm, root, error) != NULL;
  vm_unlock (board->vm);
  return ok;
}

char *
board_slot_place (Board *board, const MachineDevice *device)
{
  unsigned slot = machine_device_slot (device);

  return slot <= board->n_slots ? g_strdup_printf ("slot %u", slot) : NULL;
}

/* -- While the machine runs ------------------------------------------------------------------------ */

typedef struct
{
  Board *board;
  MachineDefinition *definition; /* NULL: the device goes */
  char *id;
  gboolean force;
  gboolean begun; /* an unplugging is under way, and on_unplugged() comes */
  GError *error;  /* of its end */
  VmDoneFunc done;
  void *opaque;
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_clear_pointer (&change->definition, definition_unref);
  g_clear_error (&change->error);
  g_free (change->id);
  g_free (change);
}

static gboolean
act_plug (Vm *vm, void *data, GError **error)
{
  Change *change = data;

  return plug (change->board, definition_find (change->definition, change->id), error);
}

/* Control loop. */
static void
on_plugged (Vm *vm, const GError *error, void *opaque)
{
  Change *change = opaque;
  Board *board = change->board;

  if (error == NULL)
    {
      definition_unref (board->definition);
      board->definition = definition_ref (change->definition);
    }
  change->done (vm, error, change->opaque);
  change_free (change);
}

void
board_plug (Board *board, MachineDefinition *definition, const char *id, VmDoneFunc done, void *opaque)
{
  Change *change = g_new0 (Change, 1);

  *change = (Change){ .board = board,
                      .definition = definition_ref (definition),
                      .id = g_strdup (id),
                      .done = done,
                      .opaque = opaque };
  vm_act_async (board->vm, act_plug, change, NULL, on_plugged, change);
}

/* Control loop: it is gone, or the machine has ended. */
static void
tell_unplugged (Vm *vm, void *data)
{
  Change *change = data;

  change->done (vm, change->error, change->opaque);
  change->done = NULL;
}

/* Also where the machine is freed before the control loop has heard. */
static void
drop_unplugged (gpointer data)
{
  Change *change = data;

  if (change->done != NULL)
    change->done (NULL, change->error, change->opaque);
  change_free (change);
}

/* Device loop. */
static void
on_unplugged (Vm *vm, const char *id, const GError *error, void *opaque)
{
  Change *change = opaque;

  change->error = error != NULL ? g_error_copy (error) : NULL;
  vm_tell_control (vm, tell_unplugged, change, drop_unplugged);
}

static gboolean
act_unplug (Vm *vm, void *data, GError **error)
{
  Change *change = data;

  if (change->board->slots == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "%s: this machine has no slots for devices",
                   change->id);
      return FALSE;
    }
  change->begun = pci_unplug (change->board->slots, change->id,
                              change->force ? PCI_UNPLUG_FORCE : PCI_UNPLUG_ASK, on_unplugged, change, error);
  return change->begun;
}

/* Control loop; also where the machine is freed before that has heard, with an error. */
static void
on_begun (Vm *vm, const GError *error, void *opaque)
{
  Change *change = opaque;

  if (change->begun)
    return;
  change->done (vm, error, change->opaque);
  change_free (change);
}

void
board_unplug (Board *board, const char *id, gboolean force, VmDoneFunc done, void *opaque)
{
  Change *change = g_new0 (Change, 1);

  *change = (Change){ .board = board, .id = g_strdup (id), .force = force, .done = done, .opaque = opaque };
  vm_act_async (board->vm, act_unplug, change, NULL, on_begun, change);
}
