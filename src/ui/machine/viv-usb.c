/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices of this computer that a running machine is given, and gives back.
 */
#define G_LOG_DOMAIN "viv-usb"

#include "config.h"

#include "ui/machine/viv-usb.h"

#include "machine/machine-usb.h"
#include "machine/usb-outside.h"
#include "ui/app/viv-dialogs.h"
#include "ui/machine/viv-operations.h"

#include <glib/gi18n.h>
#include <string.h>

typedef struct
{
  GWeakRef shell;
  char *host; /* NULL: it goes */
} Change;

static Change *
change_new (VivShell *shell, const char *host)
{
  Change *change = g_new0 (Change, 1);

  g_weak_ref_init (&change->shell, shell);
  change->host = g_strdup (host);
  return change;
}

static void
change_free (Change *change)
{
  g_weak_ref_clear (&change->shell);
  g_free (change->host);
  g_free (change);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Change, change_free)

/* -- What the machine has --------------------------------------------------------------------------------- */

static GQuark
devices_quark (void)
{
  return g_quark_from_static_string ("viv-usb-devices");
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  GPtrArray *devices = viv_machine_list_usb_finish (VIV_MACHINE (source), result, NULL);

  g_object_set_qdata_full (source, devices_quark (), devices,
                           devices ? (GDestroyNotify)g_ptr_array_unref : NULL);
}

static void
look (VivMachine *machine)
{
  viv_machine_list_usb (machine, NULL, on_listed, NULL);
}

/* By its name, as the machine knows no other; where this computer has several of that name, those are it that a program has. */
static gboolean
is_taken (GPtrArray *devices, GPtrArray *list, const UsbOutside *usb)
{
  gboolean taken = FALSE;
  guint same = 0;

  for (guint i = 0; devices && i < devices->len; i++)
    taken |= g_str_equal (((VivUsbDevice *)g_ptr_array_index (devices, i))->name, usb->name);
  for (guint i = 0; i < list->len; i++)
    same += g_str_equal (((UsbOutside *)g_ptr_array_index (list, i))->name, usb->name);
  return taken && (same == 1 || (usb->drivers && strstr (usb->drivers, "usbfs")));
}

/* -- The menu -------------------------------------------------------------------------------------------------- */

/* A name may have underscores, which are no accelerators. */
static void
append (GMenu *menu, const char *label, const char *action, const char *target)
{
  g_auto (GStrv) parts = g_strsplit (label, "_", -1);
  g_autofree char *plain = g_strjoinv ("__", parts);
  g_autoptr (GMenuItem) item = g_menu_item_new (plain, NULL);

  if (action)
    g_menu_item_set_action_and_target_value (item, action, g_variant_new_string (target));
  else
    g_menu_item_set_action_and_target_value (item, "machine.none", NULL);
  g_menu_append_item (menu, item);
}

GMenuModel *
viv_usb_menu (VivMachine *machine)
{
  GMenu *menu = g_menu_new ();
  g_autoptr (GMenu) taken = g_menu_new ();
  g_autoptr (GMenu) there = g_menu_new ();
  g_autoptr (GPtrArray) list = usb_outside_list ();
  GPtrArray *devices = g_object_get_qdata (G_OBJECT (machine), devices_quark ());

  for (guint i = 0; devices && i < devices->len; i++)
    {
      const VivUsbDevice *device = g_ptr_array_index (devices, i);
      /* Translators: %s is a USB device, which the machine has */
      g_autofree char *label = g_strdup_printf (_ ("Give Back %s"), device->name);

      append (taken, label, "machine.usb-disconnect", device->id);
    }
  for (guint i = 0; i < list->len; i++)
    {
      const UsbOutside *usb = g_ptr_array_index (list, i);
      const char *use = usb_outside_use (usb);
      g_autofree char *id = usb_outside_id (usb);
      /* Translators: a USB device, and what it is used for now */
      g_autofree char *label = use ? g_strdup_printf (_ ("%s (%s)"), usb->name, use) : g_strdup (usb->name);

      if (!is_taken (devices, list, usb))
        append (there, label, "machine.usb-connect", id);
    }
  if (list->len == 0)
    append (there, _ ("No USB Devices"), NULL, NULL);
  g_menu_append_section (menu, NULL, G_MENU_MODEL (taken));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (there));
  look (machine);
  return G_MENU_MODEL (menu);
}

/* -- Coming and going ---------------------------------------------------------------------------------------------- */

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Change) change = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&change->shell);
  g_autoptr (GError) error = NULL;
  g_autofree char *id = viv_machine_connect_usb_finish (VIV_MACHINE (source), result, &error);

  look (VIV_MACHINE (source));
  if (id || !shell)
    return;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED) && usb_outside_check (change->host))
    {
      g_autofree char *rule = usb_outside_rule (change->host);
      /* Translators: %s is a file's path */
      g_autofree char *body = g_strdup_printf (
          _ ("This computer lets you use the device when the line below stands in the file %s, which its "
             "administrator can write. Plug the device in again afterwards."),
          USB_OUTSIDE_RULES);
      viv_show_to_copy (GTK_WINDOW (shell), _ ("The USB Device May Not Be Opened"), body, rule);
    }
  else
    viv_operation_failed (shell, VIV_MACHINE (source), _ ("The USB Device Could Not Be Used"), error);
}

void
viv_usb_connect (VivShell *shell, VivMachine *machine, const char *host)
{
  viv_machine_connect_usb (machine, host, NULL, on_connected, change_new (shell, host));
}

static void
on_disconnected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Change) change = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&change->shell);
  g_autoptr (GError) error = NULL;

  look (VIV_MACHINE (source));
  if (!viv_machine_disconnect_usb_finish (VIV_MACHINE (source), result, &error) && shell)
    viv_shell_message (shell, error->message);
}

void
viv_usb_disconnect (VivShell *shell, VivMachine *machine, const char *id)
{
  viv_machine_disconnect_usb (machine, id, NULL, on_disconnected, change_new (shell, NULL));
}
