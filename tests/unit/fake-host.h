/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A second kind of host, of two machines that are nowhere: no folder, no process, no connection.  One of them can be started and edited, the
 * other only be looked at.  It shows what the rest of the house takes for granted that isn't said by VivHost and VivMachine.
 */
#pragma once

#include "machine/edit.h"
#include "machine/host.h"
#include "machine/machine-private.h"

G_DECLARE_FINAL_TYPE (FakeMachine, fake_machine, FAKE, MACHINE, VivMachine)
struct _FakeMachine
{
  VivMachine parent_instance;
  gboolean able, on;
};
G_DEFINE_FINAL_TYPE (FakeMachine, fake_machine, VIV_TYPE_MACHINE)

static VivMachineCapabilities
fake_machine_capabilities (VivMachine *machine)
{
  return FAKE_MACHINE (machine)->able ? VIV_MACHINE_CAN_START | VIV_MACHINE_CAN_EDIT : 0;
}

static VivMachineActivity
fake_machine_activity (VivMachine *machine)
{
  return FAKE_MACHINE (machine)->on ? VIV_MACHINE_BUSY : 0;
}

static void
fake_machine_switch (VivMachine *machine, gboolean on, GTask *task)
{
  FAKE_MACHINE (machine)->on = on;
  viv_machine_set_state (machine, on ? "running" : "off", "", FALSE);
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
fake_machine_start (VivMachine *machine, const VivStartOptions *options, GTask *task)
{
  if (FAKE_MACHINE (machine)->able)
    fake_machine_switch (machine, TRUE, task);
  else
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "only to be looked at");
      g_object_unref (task);
    }
}

static void
fake_machine_force_off (VivMachine *machine, GTask *task)
{
  fake_machine_switch (machine, FALSE, task);
}

static gboolean
fake_machine_edit (VivMachine *machine, const VivChange *changes, unsigned n, GError **error)
{
  MachineDefinition *copy = definition_copy (viv_machine_get_definition (machine));

  if (viv_definition_apply (copy, changes, n, error))
    {
      viv_machine_take_definition (machine, copy, NULL, NULL);
      return TRUE;
    }
  definition_unref (copy);
  return FALSE;
}

static void
fake_machine_class_init (FakeMachineClass *klass)
{
  VivMachineClass *machine_class = VIV_MACHINE_CLASS (klass);

  machine_class->capabilities = fake_machine_capabilities;
  machine_class->activity = fake_machine_activity;
  machine_class->start = fake_machine_start;
  machine_class->force_off = fake_machine_force_off;
  machine_class->edit = fake_machine_edit;
}

static void
fake_machine_init (FakeMachine *self)
{
}

G_DECLARE_FINAL_TYPE (FakeHost, fake_host, FAKE, HOST, GObject)
struct _FakeHost
{
  GObject parent_instance;
  GPtrArray *machines;
};

static GType
fake_host_get_item_type (GListModel *model)
{
  return VIV_TYPE_MACHINE;
}

static guint
fake_host_get_n_items (GListModel *model)
{
  return FAKE_HOST (model)->machines->len;
}

static gpointer
fake_host_get_item (GListModel *model, guint position)
{
  GPtrArray *machines = FAKE_HOST (model)->machines;

  return position < machines->len ? g_object_ref (machines->pdata[position]) : NULL;
}

static void
fake_host_list_init (GListModelInterface *iface)
{
  iface->get_item_type = fake_host_get_item_type;
  iface->get_n_items = fake_host_get_n_items;
  iface->get_item = fake_host_get_item;
}

static void
fake_host_add (FakeHost *self, MachineDefinition *definition, gboolean able)
{
  FakeMachine *machine = g_object_new (fake_machine_get_type (), NULL);

  machine->able = able;
  viv_machine_take_definition (VIV_MACHINE (machine), definition, NULL, NULL);
  g_ptr_array_add (self->machines, machine);
  g_list_model_items_changed (G_LIST_MODEL (self), self->machines->len - 1, 0, 1);
}

/* It makes machines, and does nothing else. */
static void
fake_host_create (VivHost *host, MachineDefinition *definition, const VivNewImage *images, unsigned n,
                  GTask *task)
{
  FakeHost *self = FAKE_HOST (host);

  fake_host_add (self, definition_copy (definition), TRUE);
  g_task_return_pointer (task, g_object_ref (self->machines->pdata[self->machines->len - 1]), g_object_unref);
  g_object_unref (task);
}

static void
fake_host_iface_init (VivHostInterface *iface)
{
  iface->create = fake_host_create;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeHost, fake_host, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, fake_host_list_init)
                                   G_IMPLEMENT_INTERFACE (VIV_TYPE_HOST, fake_host_iface_init))

static void
fake_host_finalize (GObject *object)
{
  g_ptr_array_unref (FAKE_HOST (object)->machines);
  G_OBJECT_CLASS (fake_host_parent_class)->finalize (object);
}

static void
fake_host_class_init (FakeHostClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = fake_host_finalize;
}

static void
fake_host_init (FakeHost *self)
{
  self->machines = g_ptr_array_new_with_free_func (g_object_unref);
  fake_host_add (self, definition_new ("Able"), TRUE);
  fake_host_add (self, definition_new ("Shown"), FALSE);
}

static inline VivHost *
fake_host_new (void)
{
  return g_object_new (fake_host_get_type (), NULL);
}
