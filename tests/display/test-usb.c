/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The menu of this computer's USB devices, which are made up in a folder: what it lists, what is given to a machine and given back, and what is said where that fails.
 */
#include "display-app.h"

#include "machine/edit.h"
#include "machine/machine-private.h"
#include "machine/usb-outside.h"
#include "ui/machine/viv-usb.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char *top;
static gboolean with_nodes = TRUE; /* who may make device nodes gives some */

static void
put (const char *device, const char *name, const char *text)
{
  g_autofree char *folder = g_build_filename (top, "sys/bus/usb/devices", device, NULL);
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
put_device (const char *device, const char *address, const char *vendor, const char *product,
            const char *driver)
{
  g_autofree char *interface = g_strconcat (device, ":1.0", NULL);
  g_autofree char *target = g_strconcat ("../../../../bus/usb/drivers/", driver, NULL);
  g_autofree char *link = g_build_filename (top, "sys/bus/usb/devices", interface, "driver", NULL);
  g_autofree char *node = g_build_filename (top, "dev/bus/usb/001", address, NULL);
  g_autofree char *folder = g_path_get_dirname (node);

  put (device, "busnum", "1\n");
  put (device, "devnum", address);
  put (device, "idVendor", vendor);
  put (device, "idProduct", product);
  put (device, "bDeviceClass", "00\n");
  put (interface, "bInterfaceNumber", "00\n");
  g_assert_cmpint (symlink (target, link), ==, 0);
  g_mkdir_with_parents (folder, 0700);
  /* As a machine wants it; that it is null's doesn't matter to one without a processor. */
  if (mknod (node, S_IFCHR | 0600, makedev (1, 3)) == 0)
    return;
  with_nodes = FALSE;
  g_assert_true (g_file_set_contents (node, "x", -1, NULL));
}

static void
make_devices (void)
{
  top = g_dir_make_tmp ("viv-usb-XXXXXX", NULL);
  put_device ("1-2", "004", "046d\n", "c52b\n", "usbhid");
  put ("1-2", "manufacturer", "Logitech\n");
  put ("1-2", "product", "Unifying_Receiver\n");
  put_device ("1-3", "005", "0781\n", "5581\n", "usb-storage");
  put ("1-3", "manufacturer", "SanDisk\n");
  put ("1-3", "product", "Ultra\n");
  put ("1-3", "serial", "4C53\n");
  g_setenv ("VIVARIUM_USB_ROOT", top, TRUE);
}

static VivMachine *
run_machine (Fixture *f, const char *behaviour)
{
  VivMachine *machine = add_machine (f->library, "Fern");
  const VivChange changes[] = { { "usb0.model", "xhci" }, { "machine.append", behaviour } };

  g_assert_true (viv_machine_edit (machine, changes, behaviour ? 2 : 1, NULL));
  viv_window_view (f->window, machine);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.start", NULL));
  until (g_str_equal (viv_machine_get_state (machine), "running"));
  settle ();
  return machine;
}

static void
end_machine (VivMachine *machine)
{
  viv_machine_force_off (machine, NULL, NULL, NULL);
  until (!viv_machine_is_busy (machine));
  settle ();
}

/* All lines of the menu as it is now, "label -> action(target)" each. */
static char *
lines (VivMachine *machine)
{
  g_autoptr (GMenuModel) menu = viv_usb_menu (machine);
  g_autoptr (GString) text = g_string_new ("");

  for (int s = 0; s < g_menu_model_get_n_items (menu); s++)
    {
      g_autoptr (GMenuModel) section = g_menu_model_get_item_link (menu, s, G_MENU_LINK_SECTION);

      for (int i = 0; i < g_menu_model_get_n_items (section); i++)
        {
          g_autofree char *label = NULL, *action = NULL, *target = NULL;

          g_menu_model_get_item_attribute (section, i, G_MENU_ATTRIBUTE_LABEL, "s", &label);
          g_menu_model_get_item_attribute (section, i, G_MENU_ATTRIBUTE_ACTION, "s", &action);
          g_menu_model_get_item_attribute (section, i, G_MENU_ATTRIBUTE_TARGET, "s", &target);
          g_string_append_printf (text, "%s -> %s(%s)\n", label, action, target ? target : "");
        }
    }
  return g_strdup (text->str);
}

/* Each menu asks the machine once, so it isn't made without end. */
static void
wait_for (VivMachine *machine, const char *wanted)
{
  const gint64 last = g_get_monotonic_time () + 2 * PATIENCE;
  g_autofree char *text = lines (machine);

  while (!g_str_equal (text, wanted) && g_get_monotonic_time () < last)
    {
      const gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC / 5;

      while (g_get_monotonic_time () < end)
        if (!g_main_context_iteration (NULL, FALSE))
          g_usleep (2000);
      g_free (text);
      text = lines (machine);
    }
  g_assert_cmpstr (text, ==, wanted);
}

static void
act (Fixture *f, const char *action, const char *target)
{
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), action, "s", target));
}

/* By name and with what it is used for now; given, and given back.  Underscores are no accelerators. */
static void
test_menu (Fixture *f)
{
  const char *all
      = "Logitech Unifying__Receiver (keyboard, mouse or other input) -> machine.usb-connect(046d:c52b)\n"
        "SanDisk Ultra (disk) -> machine.usb-connect(0781:5581:4C53)\n";
  g_autoptr (VivMachine) machine = run_machine (f, NULL);

  g_autofree char *before = lines (machine);
  g_assert_cmpstr (before, ==, all);
  if (!with_nodes)
    {
      end_machine (machine);
      g_test_skip ("this user makes no device nodes");
      return;
    }
  act (f, "machine.usb-connect", "046d:c52b");
  wait_for (machine, "Give Back Logitech Unifying__Receiver -> machine.usb-disconnect(usb-host0)\n"
                     "SanDisk Ultra (disk) -> machine.usb-connect(0781:5581:4C53)\n");
  act (f, "machine.usb-connect", "0781:5581:4C53");
  wait_for (machine, "Give Back Logitech Unifying__Receiver -> machine.usb-disconnect(usb-host0)\n"
                     "Give Back SanDisk Ultra -> machine.usb-disconnect(usb-host1)\n");
  act (f, "machine.usb-disconnect", "usb-host0");
  act (f, "machine.usb-disconnect", "usb-host1");
  wait_for (machine, all);
  g_assert_null (window_over (f->window, ADW_TYPE_MESSAGE_DIALOG));
  end_machine (machine);
}

/* Two of one make: the other one stays in the menu. */
static void
test_twins (Fixture *f)
{
  g_autofree char *link = g_build_filename (top, "sys/bus/usb/devices/1-3:1.0/driver", NULL);
  g_autofree char *other = g_build_filename (top, "sys/bus/usb/devices/1-4", NULL);
  g_autofree char *hidden = g_build_filename (top, "1-4", NULL);
  g_autoptr (VivMachine) machine = run_machine (f, NULL);

  put_device ("1-4", "006", "0781\n", "5581\n", "usb-storage");
  put ("1-4", "manufacturer", "SanDisk\n");
  put ("1-4", "product", "Ultra\n");
  put ("1-4", "serial", "4C54\n");
  if (with_nodes)
    {
      act (f, "machine.usb-connect", "0781:5581:4C53");
      /* What the kernel says of one that a program has. */
      g_assert_cmpint (g_unlink (link), ==, 0);
      g_assert_cmpint (symlink ("../../../../bus/usb/drivers/usbfs", link), ==, 0);
      wait_for (
          machine,
          "Give Back SanDisk Ultra -> machine.usb-disconnect(usb-host0)\n"
          "Logitech Unifying__Receiver (keyboard, mouse or other input) -> machine.usb-connect(046d:c52b)\n"
          "SanDisk Ultra (disk) -> machine.usb-connect(0781:5581:4C54)\n");
      g_assert_cmpint (g_unlink (link), ==, 0);
      g_assert_cmpint (symlink ("../../../../bus/usb/drivers/usb-storage", link), ==, 0);
    }
  else
    g_test_skip ("this user makes no device nodes");
  g_assert_cmpint (g_rename (other, hidden), ==, 0);
  end_machine (machine);
}

static GtkWidget *
dialog_of (Fixture *f)
{
  GtkWidget *dialog = NULL;

  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  settle ();
  return dialog;
}

static void
close_dialog (Fixture *f, GtkWidget *dialog)
{
  g_assert_true (press (dialog, "_Close"));
  until (window_over (f->window, ADW_TYPE_MESSAGE_DIALOG) == NULL);
}

/* It was pulled out while the menu was open; a machine without room for it. */
static void
test_failures (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, "usb-full");
  GtkWidget *dialog;

  act (f, "machine.usb-connect", "dead:beef");
  dialog = dialog_of (f);
  g_assert_true (shows (dialog, "No USB device dead:beef is plugged into this computer."));
  close_dialog (f, dialog);
  act (f, "machine.usb-connect", "046d:c52b");
  dialog = dialog_of (f);
  g_assert_true (shows (dialog, with_nodes ? "no port left" : "USB device"));
  close_dialog (f, dialog);
  end_machine (machine);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  *(char **)data = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);
}

/* The rule is shown, and what is copied is that line and nothing else. */
static void
test_rights (Fixture *f)
{
  g_autofree char *node = g_build_filename (top, "dev/bus/usb/001/005", NULL);
  g_autoptr (VivMachine) machine = run_machine (f, "usb-denied"); /* as a machine's broker says it */
  g_autofree char *rule = usb_outside_rule ("0781:5581:4C53"), *copied = NULL;
  GtkTextIter first, last;
  GtkWidget *dialog, *view;

  g_assert_cmpint (chmod (node, 0), ==, 0); /* who isn't root is refused here */
  act (f, "machine.usb-connect", "0781:5581:4C53");
  dialog = dialog_of (f);
  g_assert_true (shows (dialog, "May Not Be Opened"));
  g_assert_true (shows (dialog, USB_OUTSIDE_RULES));
  view = find (dialog, GTK_TYPE_TEXT_VIEW, NULL);
  g_assert_nonnull (view);
  g_assert_true (gtk_widget_get_mapped (view));
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (view));
  gtk_text_buffer_get_bounds (buffer, &first, &last);
  g_autofree char *shown = gtk_text_buffer_get_text (buffer, &first, &last, FALSE);
  g_assert_cmpstr (shown, ==, rule);
  g_assert_true (press (dialog, "C_opy"));
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (dialog), NULL, on_read, &copied);
  until (copied != NULL);
  g_assert_cmpstr (copied, ==, rule);
  close_dialog (f, dialog);
  end_machine (machine);
}

int
main (int argc, char **argv)
{
  int result;

  make_devices ();
  g_setenv ("VIVARIUM_VMM", FAKE_VMM, TRUE);
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  add_test ("/usb-menu/menu", test_menu);
  add_test ("/usb-menu/twins", test_twins);
  add_test ("/usb-menu/failures", test_failures);
  add_test ("/usb-menu/rights", test_rights);
  result = g_test_run ();
  g_free (top);
  return result;
}
