/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-usb: one USB device of this computer for one machine, behind libusb.  The machine's monitor has it started; people have no use for it.
 */
#define G_LOG_DOMAIN "viv-usb"

#include "config.h"

#include "base/child.h"
#include "confine/sandbox.h"
#include "usbhost/usb-helper.h"

#include <errno.h>
#include <libusb.h>
#include <locale.h>
#include <signal.h>
#include <time.h>

/* What libraries open at their first use and could not behind the walls: libusb looks for where nodes are, and asks the kernel's version. */
static void
warm_up (void)
{
  static libusb_context *context; /* what it has found out is the process's, as long as there is one */

  g_setenv ("TZ", g_file_test ("/etc/localtime", G_FILE_TEST_EXISTS) ? ":/etc/localtime" : "UTC", FALSE);
  g_time_zone_unref (g_time_zone_new_local ());
  tzset ();
  g_random_int ();
  libusb_set_option (NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
  (void)libusb_init (&context);
}

static gboolean
confine (gboolean namespaces)
{
  const char *environment = g_getenv ("VIVARIUM_SANDBOX");
  const SandboxConfig config = {
    .helper = TRUE, .usb = TRUE, .namespaces = namespaces, .trap = g_strcmp0 (environment, "trap") == 0
  };
  g_autoptr (GError) error = NULL;

  /* A sanitizer's report needs files. */
  if (sandbox_is_sanitized () && g_strcmp0 (environment, "0") == 0)
    return TRUE;
  if (sandbox_enter (&config, &error))
    return TRUE;
  g_printerr ("%s\n", error->message);
  return FALSE;
}

int
main (int argc, char **argv)
{
  guint64 socket = 0;
  gboolean node = FALSE, no_namespaces = FALSE;
  const GOptionEntry entries[] = {
    { "node", 0, 0, G_OPTION_ARG_NONE, &node, "The device's node is descriptor 4", NULL },
    { "no-namespaces", 0, 0, G_OPTION_ARG_NONE, &no_namespaces, "Try no namespaces", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- a USB device of this computer");

  /* What it says is for the log: no catalogues of translations. */
  setlocale (LC_CTYPE, "");
  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      g_print ("vivarium-usb %s\n", PACKAGE_VERSION);
      return 0;
    }
  if (argc < 3 || !g_str_equal (argv[1], "--socket")
      || !g_ascii_string_to_unsigned (argv[2], 10, CHILD_SOCKET, G_MAXINT, &socket, NULL))
    {
      g_printerr ("vivarium-usb is started by a machine's monitor: vivarium-usb --socket %d\n", CHILD_SOCKET);
      return 2;
    }
  argv[2] = argv[0];
  argc -= 2;
  argv += 2;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, NULL) || argc != 1)
    return 2;
  /* It ends when the monitor does, which hears these itself: a device is given back then. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  warm_up ();
  if (!confine (!no_namespaces))
    {
      usb_helper_fail ((int)socket, USB_FAILURE_CONFINE, EPERM);
      return 1;
    }
  return usb_helper_serve ((int)socket, node ? CHILD_EXTRA : -1, &usb_library) ? 0 : 1;
}
