/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lists of this computer's USB devices, made up in a folder; their names, and words for what goes wrong.
 */
#include "machine/usb-outside.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *top;

static void
put (const char *device, const char *name, const char *text)
{
  g_autofree char *folder = g_build_filename (top, "sys/bus/usb/devices", device, NULL);
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static char *
node (const char *name)
{
  g_autofree char *path = g_build_filename (top, "dev/bus/usb", name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  g_mkdir_with_parents (folder, 0700);
  return g_steal_pointer (&path);
}

static void
put_device (const char *device, const char *bus, const char *address, const char *vendor, const char *product,
            const char *class)
{
  put (device, "busnum", bus);
  put (device, "devnum", address);
  put (device, "idVendor", vendor);
  put (device, "idProduct", product);
  put (device, "bDeviceClass", class);
}

static void
put_driver (const char *interface, const char *driver)
{
  g_autofree char *target = g_strconcat ("../../../../bus/usb/drivers/", driver, NULL);
  g_autofree char *path = g_build_filename (top, "sys/bus/usb/devices", interface, "driver", NULL);

  put (interface, "bInterfaceNumber", "00\n");
  g_assert_cmpint (symlink (target, path), ==, 0);
}

static void
make (void)
{
  g_autofree char *first = node ("001/004"), *second = node ("002/003");

  put_device ("usb1", "1\n", "1\n", "1d6b\n", "0002\n", "09\n");
  put_device ("1-2", "1\n", "4\n", "046d\n", "c52b\n", "00\n");
  put ("1-2", "manufacturer", "Logitech\n");
  put ("1-2", "product", "Unifying \033[31mReceiver\n");
  put_driver ("1-2:1.0", "usbhid");
  put_driver ("1-2:1.1", "usbhid");
  put_device ("2-1.4", "2\n", "3\n", "0781\n", "5581\n", "00\n");
  put ("2-1.4", "serial", "4C53:0001\n");
  put_driver ("2-1.4:1.0", "usb-storage");
  put_device ("3-1", "3\n", "9\n", "abcd\n", "1234\n", "ff\n");
  put ("4-1", "busnum", "what?\n");
  g_assert_true (g_file_set_contents (first, "one", -1, NULL));
  g_assert_true (g_file_set_contents (second, "two", -1, NULL));
}

static void
test_list (void)
{
  g_autoptr (GPtrArray) list = usb_outside_list ();

  g_assert_cmpuint (list->len, ==, 3);
  const UsbOutside *usb = g_ptr_array_index (list, 0);
  g_autofree char *id = usb_outside_id (usb);
  g_assert_cmpstr (id, ==, "046d:c52b");
  /* A device's word never reaches a terminal as it is. */
  g_assert_true (g_str_has_prefix (usb->name, "Logitech Unifying "));
  g_assert_null (strchr (usb->name, '\033'));
  g_assert_cmpstr (usb->drivers, ==, "usbhid");
  g_assert_cmpstr (usb_outside_use (usb), ==, "keyboard, mouse or other input");
  g_assert_true (usb->allowed);
  usb = g_ptr_array_index (list, 1);
  g_autofree char *with_serial = usb_outside_id (usb);
  g_assert_cmpstr (with_serial, ==, "0781:5581:4C53:0001");
  g_assert_true (usb_outside_is (usb, with_serial));
  g_assert_true (usb_outside_is (usb, "0781:5581"));
  g_assert_false (usb_outside_is (usb, "0781:5581:4C53"));
  g_assert_cmpstr (usb->name, ==, "USB device 0781:5581");
  usb = g_ptr_array_index (list, 2);
  g_assert_null (usb->drivers);
  g_assert_null (usb_outside_use (usb));
  g_assert_false (usb->allowed);
}

static void
test_names (void)
{
  static const char *const good[] = { "046d:c52b", "046D:C52B", "0000:ffff:x", "0781:5581:4C53:0001" };
  static const char *const bad[]
      = { "", "046d", "046d:", "046d:c52", "046d:c52b:", "046d-c52b", "046d:c52bx", "usb1", "04 d:c52b" };

  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (usb_outside_check (good[i]));
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (usb_outside_check (bad[i]));
}

static void
test_open (void)
{
  char text[4] = "";
  int fd = -1;

  g_assert_cmpint (usb_outside_open ("0781:5581:4C53:0001", &fd), ==, 0);
  g_assert_cmpint (read (fd, text, 3), ==, 3);
  g_assert_cmpstr (text, ==, "two");
  close (fd);
  g_assert_cmpint (usb_outside_open ("0781:5581:other", &fd), ==, ENODEV);
  g_assert_cmpint (usb_outside_open ("1111:2222", &fd), ==, ENODEV);
  g_assert_cmpint (usb_outside_open ("nonsense", &fd), ==, EINVAL);
  g_assert_cmpint (usb_outside_open ("abcd:1234", &fd), ==, ENODEV); /* it has just gone */
  g_autofree char *gone = usb_outside_explain ("abcd:1234", ENODEV);
  g_assert_nonnull (strstr (gone, "abcd:1234"));
  /* What a person is to do where rights are missing. */
  g_autofree char *refused = usb_outside_explain ("046D:C52B", EACCES);
  g_assert_nonnull (strstr (
      refused, "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"046d\", ATTR{idProduct}==\"c52b\", TAG+=\"uaccess\""));
  if (geteuid () == 0)
    return;
  g_autofree char *path = node ("001/004");
  g_assert_cmpint (chmod (path, 0), ==, 0);
  g_assert_cmpint (usb_outside_open ("046d:c52b", &fd), ==, EACCES);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  top = g_dir_make_tmp ("usb-outside-XXXXXX", NULL);
  g_setenv ("VIVARIUM_USB_ROOT", top, TRUE);
  make ();
  g_test_add_func ("/machine/usb-outside/list", test_list);
  g_test_add_func ("/machine/usb-outside/names", test_names);
  g_test_add_func ("/machine/usb-outside/open", test_open);
  int status = g_test_run ();
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", top);
  g_assert_cmpint (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL), ==, TRUE);
  return status;
}
