/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-usb: one USB device of this computer for one machine, behind libusb.  The machine's monitor has it started; people have no use for it.
 */
#define G_LOG_DOMAIN "viv-usb"

#include "base/child.h"
#include "confine/helper-start.h"
#include "usbhost/usb-helper.h"

#include <errno.h>
#include <libusb.h>

/* libusb looks for where nodes are, and asks the kernel's version. */
static void
warm_up_library (void)
{
  static libusb_context *context; /* what it has found out is the process's, as long as there is one */

  libusb_set_option (NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
  (void)libusb_init (&context);
}

int
main (int argc, char **argv)
{
  gboolean node = FALSE, namespaces = TRUE;
  const GOptionEntry entries[] = {
    { "node", 0, 0, G_OPTION_ARG_NONE, &node, "The device's node is descriptor 4", NULL },
    { NULL },
  };
  const HelperProgram program = { .name = "vivarium-usb",
                                  .starter = "monitor",
                                  .summary = "- a USB device of this computer",
                                  .entries = entries };
  int socket;
  const int status = helper_begin (&program, argc, argv, &socket, &namespaces);

  if (status >= 0)
    return status;
  helper_warm_up ();
  warm_up_library ();
  if (!helper_confine (&(SandboxConfig){ .helper = TRUE, .usb = TRUE, .namespaces = namespaces }))
    {
      usb_helper_fail (socket, USB_FAILURE_CONFINE, EPERM);
      return 1;
    }
  return usb_helper_serve (socket, node ? CHILD_EXTRA : -1, &usb_library) ? 0 : 1;
}
