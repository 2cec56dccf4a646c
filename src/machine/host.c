/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is the same for all hosts: looking through the list, and handing on what is asked.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/host.h"

#include "machine/machine-find.h"

#include <glib/gi18n.h>

G_DEFINE_INTERFACE (VivHost, viv_host, G_TYPE_LIST_MODEL)

static void
viv_host_default_init (VivHostInterface *iface)
{
}

VivHostCapabilities
viv_host_get_capabilities (VivHost *self)
{
  g_return_val_if_fail (VIV_IS_HOST (self), 0);
  const VivHostInterface *iface = VIV_HOST_GET_IFACE (self);

  return (iface->create != NULL ? VIV_HOST_CAN_CREATE : 0) | (iface->rename != NULL ? VIV_HOST_CAN_RENAME : 0)
         | (iface->trash != NULL ? VIV_HOST_CAN_TRASH : 0);
}

const char *
viv_host_get_folder (VivHost *self)
{
  g_return_val_if_fail (VIV_IS_HOST (self), NULL);

  return VIV_HOST_GET_IFACE (self)->get_folder != NULL ? VIV_HOST_GET_IFACE (self)->get_folder (self) : NULL;
}

/* -- Names ---------------------------------------------------------------------------------------------- */

VivMachine *
viv_host_find (VivHost *self, const char *name, GError **error)
{
  GListModel *model = G_LIST_MODEL (self);
  VivSearch *search = viv_search_new (name);

  for (guint i = 0; i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (model, i);
      viv_search_consider (search, viv_machine_get_folder (machine), viv_machine_get_name (machine),
                           viv_machine_get_uuid (machine), machine);
    }
  VivMachine *found = viv_search_end (search, error);
  return found != NULL ? g_object_ref (found) : NULL;
}

gboolean
viv_host_has_name (VivHost *self, const char *name, VivMachine *except)
{
  GListModel *model = G_LIST_MODEL (self);

  for (guint i = 0; i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (model, i);
      if (machine != except && g_strcmp0 (viv_machine_get_name (machine), name) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
viv_host_check_name (VivHost *self, const char *name, VivMachine *except, GError **error)
{
  if (!definition_check_name (name, error))
    return FALSE;
  if (!viv_host_has_name (self, name, except))
    return TRUE;
  g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS, _ ("there is a machine “%s” already"),
               name);
  return FALSE;
}

char *
viv_host_propose_name (VivHost *self, const char *base)
{
  g_autoptr (GString) clean = g_string_new (NULL);
  g_autofree char *valid = g_utf8_make_valid (base != NULL ? base : "", -1);

  for (const char *p = valid; *p != '\0' && clean->len < DEFINITION_MAX_NAME - 16; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (!g_unichar_iscntrl (c))
        g_string_append_unichar (clean, c);
    }
  g_autofree char *stripped = g_strstrip (g_strdup (clean->str));
  g_autofree char *name = g_strdup (definition_check_name (stripped, NULL) ? stripped : _ ("Machine"));
  if (!viv_host_has_name (self, name, NULL))
    return g_steal_pointer (&name);
  for (unsigned i = 2;; i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s %u", name, i);
      if (!viv_host_has_name (self, numbered, NULL))
        return g_steal_pointer (&numbered);
    }
}

/* -- Handing on ----------------------------------------------------------------------------------------- */

static void
refuse (GTask *task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _ ("that can't be done here"));
  g_object_unref (task);
}

void
viv_host_create (VivHost *self, MachineDefinition *definition, const VivNewImage *images, unsigned n,
                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_create);
  if (VIV_HOST_GET_IFACE (self)->create != NULL)
    VIV_HOST_GET_IFACE (self)->create (self, definition, images, n, task);
  else
    refuse (task);
}

VivMachine *
viv_host_create_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

void
viv_host_rename (VivHost *self, VivMachine *machine, const char *name, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_rename);
  if (VIV_HOST_GET_IFACE (self)->rename != NULL)
    VIV_HOST_GET_IFACE (self)->rename (self, machine, name, task);
  else
    refuse (task);
}

VivMachine *
viv_host_rename_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

void
viv_host_trash (VivHost *self, VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_trash);
  if (VIV_HOST_GET_IFACE (self)->trash != NULL)
    VIV_HOST_GET_IFACE (self)->trash (self, machine, task);
  else
    refuse (task);
}

char *
viv_host_trash_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

void
viv_host_restore (VivHost *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_restore);
  if (VIV_HOST_GET_IFACE (self)->restore != NULL)
    VIV_HOST_GET_IFACE (self)->restore (self, id, task);
  else
    refuse (task);
}

VivMachine *
viv_host_restore_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

void
viv_host_purge (VivHost *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_purge);
  if (VIV_HOST_GET_IFACE (self)->purge != NULL)
    VIV_HOST_GET_IFACE (self)->purge (self, id, task);
  else
    refuse (task);
}

gboolean
viv_host_purge_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

void
viv_host_list_trash (VivHost *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_list_trash);
  if (VIV_HOST_GET_IFACE (self)->list_trash != NULL)
    VIV_HOST_GET_IFACE (self)->list_trash (self, task);
  else
    refuse (task);
}

GPtrArray *
viv_host_list_trash_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

void
viv_host_measure_trash (VivHost *self, const char *id, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_host_measure_trash);
  if (VIV_HOST_GET_IFACE (self)->measure_trash != NULL)
    VIV_HOST_GET_IFACE (self)->measure_trash (self, id, task);
  else
    refuse (task);
}

gssize
viv_host_measure_trash_finish (VivHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), -1);

  return g_task_propagate_int (G_TASK (result), error);
}
