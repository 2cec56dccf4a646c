/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * usb: devices of this computer, and machines that have them.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/machine-usb.h"
#include "machine/usb-outside.h"

static void
print_one (const UsbOutside *usb)
{
  g_autofree char *id = usb_outside_id (usb);
  const char *use = usb_outside_use (usb);

  g_print ("%-28s %s", id, usb->name);
  if (use != NULL)
    g_print (" (%s)", use);
  g_print ("%s\n", usb->allowed ? "" : _ (": may not be opened; “vivctl usb rule” says how to mend that"));
}

static void
add_one (GVariantBuilder *all, const UsbOutside *usb)
{
  g_autofree char *id = usb_outside_id (usb);
  GVariantBuilder one;

  g_variant_builder_init (&one, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&one, "{sv}", "host", g_variant_new_string (id));
  g_variant_builder_add (&one, "{sv}", "name", g_variant_new_string (usb->name));
  g_variant_builder_add (&one, "{sv}", "bus", g_variant_new_uint32 (usb->bus));
  g_variant_builder_add (&one, "{sv}", "address", g_variant_new_uint32 (usb->address));
  g_variant_builder_add (&one, "{sv}", "drivers",
                         g_variant_new_string (usb->drivers != NULL ? usb->drivers : ""));
  g_variant_builder_add (&one, "{sv}", "allowed", g_variant_new_boolean (usb->allowed));
  g_variant_builder_add_value (all, g_variant_builder_end (&one));
}

static int
list_host (gboolean json)
{
  g_autoptr (GPtrArray) devices = usb_outside_list ();
  GVariantBuilder all;

  if (!json && devices->len == 0)
    g_printerr ("vivctl: %s\n", _ ("no USB devices are plugged into this computer"));
  g_variant_builder_init (&all, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < devices->len; i++)
    if (json)
      add_one (&all, g_ptr_array_index (devices, i));
    else
      print_one (g_ptr_array_index (devices, i));
  if (json)
    cli_print_json (g_variant_builder_end (&all));
  else
    g_variant_builder_clear (&all);
  return EXIT_DONE;
}

static int
list_machine (VivMachine *machine, gboolean json)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  GVariantBuilder all;

  viv_machine_list_usb (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autoptr (GPtrArray) devices = viv_machine_list_usb_finish (machine, done, &error);
  if (devices == NULL)
    return cli_fail (error);
  g_variant_builder_init (&all, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < devices->len; i++)
    {
      const VivUsbDevice *device = g_ptr_array_index (devices, i);

      if (json)
        g_variant_builder_add_parsed (&all, "{'id': <%s>, 'name': <%s>, 'place': <%s>}", device->id,
                                      device->name, device->place);
      else
        g_print ("%-10s %-8s %s\n", device->id, device->place, device->name);
    }
  if (json)
    cli_print_json (g_variant_builder_end (&all));
  else
    g_variant_builder_clear (&all);
  return EXIT_DONE;
}

static int
connect_one (VivMachine *machine, const char *what)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;

  if (usb_outside_check (what))
    viv_machine_connect_usb (machine, what, NULL, cli_on_result, &result);
  else
    viv_machine_reconnect_usb (machine, what, what, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autofree char *id = viv_machine_connect_usb_finish (machine, done, &error);
  if (id == NULL)
    return cli_fail (error);
  g_print ("%s\n", id);
  return EXIT_DONE;
}

static int
disconnect_one (VivMachine *machine, const char *id)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;

  viv_machine_disconnect_usb (machine, id, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  return viv_machine_disconnect_usb_finish (machine, done, &error) ? EXIT_DONE : cli_fail (error);
}

static int
print_rule (const char *host)
{
  if (!usb_outside_check (host))
    return cli_usage (_ ("“%s” is no USB device: give VENDOR:PRODUCT, such as 046d:c52b"), host);
  g_autofree char *advice = usb_outside_advice (host);
  g_print ("%s\n", advice);
  return EXIT_DONE;
}

int
cli_usb (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("As JSON"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 3, &status))
    return status;
  if (g_str_equal (argv[1], "list") && argc == 2)
    return list_host (json);
  if (g_str_equal (argv[1], "rule") && argc == 3)
    return print_rule (argv[2]);
  if (argc < 3 || (g_str_equal (argv[1], "list") ? argc != 3 : argc != 4)
      || (!g_str_equal (argv[1], "list") && !g_str_equal (argv[1], "connect")
          && !g_str_equal (argv[1], "disconnect")))
    return cli_usage (
        _ ("“usb” is followed by list, list NAME, connect NAME DEVICE, disconnect NAME ID or rule DEVICE"));
  g_autoptr (VivMachine) machine = cli_find_live (argv[2], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (g_str_equal (argv[1], "list"))
    return list_machine (machine, json);
  return g_str_equal (argv[1], "connect") ? connect_one (machine, argv[3])
                                          : disconnect_one (machine, argv[3]);
}
