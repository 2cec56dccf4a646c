/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/usb-outside.h"

#include "machine/plain-text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define FOLDER    "sys/bus/usb/devices"
#define CLASS_HUB 9
#define ID_LENGTH 9   /* "046d:c52b" */
#define MOST_NAME 126 /* of a string descriptor: USB 2.0, 9.6.7 */

static const char *
root (void)
{
  const char *other = g_getenv ("VIVARIUM_USB_ROOT");

  return other != NULL && *other != '\0' ? other : "/";
}

/* -- What the kernel lists --------------------------------------------------------------------------------- */

/* A line of a file of the device; NULL: there is none. */
static char *
read_line (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  text[strcspn (text, "\n")] = '\0';
  g_autofree char *plain = viv_plain_text (g_strstrip (text), -1, MOST_NAME, VIV_PLAIN_LINE);
  return *plain != '\0' ? g_steal_pointer (&plain) : NULL;
}

static gboolean
read_number (const char *folder, const char *name, unsigned base, uint64_t max, uint64_t *value)
{
  g_autofree char *text = read_line (folder, name);

  return text != NULL && g_ascii_string_to_unsigned (text, base, 0, max, value, NULL);
}

static int
compare_names (gconstpointer one, gconstpointer other)
{
  return strcmp (*(const char *const *)one, *(const char *const *)other);
}

/* Of its interfaces, each once: links beside it, "1-2:1.0/driver". */
static char *
find_drivers (const char *devices, const char *device)
{
  g_autoptr (GDir) folder = g_dir_open (devices, 0, NULL);
  g_autoptr (GPtrArray) drivers = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *prefix = g_strconcat (device, ":", NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      if (!g_str_has_prefix (name, prefix))
        continue;
      g_autofree char *path = g_build_filename (devices, name, "driver", NULL);
      g_autofree char *target = g_file_read_link (path, NULL);
      g_autofree char *driver = target != NULL ? g_path_get_basename (target) : NULL;
      if (driver != NULL && !g_ptr_array_find_with_equal_func (drivers, driver, g_str_equal, NULL))
        g_ptr_array_add (drivers, g_steal_pointer (&driver));
    }
  if (drivers->len == 0)
    return NULL;
  g_ptr_array_sort (drivers, compare_names);
  g_ptr_array_add (drivers, NULL);
  return g_strjoinv (", ", (char **)drivers->pdata);
}

static void
usb_outside_free (gpointer data)
{
  UsbOutside *usb = data;

  g_free (usb->serial);
  g_free (usb->name);
  g_free (usb->drivers);
  g_free (usb->node);
  g_free (usb);
}

static char *
make_name (const char *folder, const UsbOutside *usb)
{
  g_autofree char *maker = read_line (folder, "manufacturer"), *product = read_line (folder, "product");

  if (maker != NULL && product != NULL && !g_str_has_prefix (product, maker))
    return g_strdup_printf ("%s %s", maker, product);
  if (product != NULL || maker != NULL)
    return g_strdup (product != NULL ? product : maker);
  return g_strdup_printf (_ ("USB device %04x:%04x"), usb->vendor, usb->product);
}

/* NULL: it is a hub, or none. */
static UsbOutside *
read_device (const char *devices, const char *name)
{
  g_autofree char *folder = g_build_filename (devices, name, NULL);
  g_autofree char *node = NULL;
  uint64_t bus, address, vendor, product, class;
  UsbOutside *usb;

  if (!read_number (folder, "busnum", 10, 999, &bus) || !read_number (folder, "devnum", 10, 999, &address)
      || !read_number (folder, "idVendor", 16, 0xffff, &vendor)
      || !read_number (folder, "idProduct", 16, 0xffff, &product)
      || !read_number (folder, "bDeviceClass", 16, 0xff, &class) || class == CLASS_HUB)
    return NULL;
  node = g_strdup_printf ("%03u/%03u", (unsigned)bus, (unsigned)address);
  usb = g_new0 (UsbOutside, 1);
  *usb = (UsbOutside){ .bus = (unsigned)bus,
                       .address = (unsigned)address,
                       .vendor = (uint16_t)vendor,
                       .product = (uint16_t)product,
                       .serial = read_line (folder, "serial"),
                       .drivers = find_drivers (devices, name),
                       .node = g_build_filename (root (), "dev/bus/usb", node, NULL) };
  usb->name = make_name (folder, usb);
  usb->allowed = access (usb->node, R_OK | W_OK) == 0;
  return usb;
}

static int
compare (gconstpointer one, gconstpointer other)
{
  const UsbOutside *a = *(UsbOutside *const *)one, *b = *(UsbOutside *const *)other;

  return a->bus != b->bus ? (int)a->bus - (int)b->bus : (int)a->address - (int)b->address;
}

GPtrArray *
usb_outside_list (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (usb_outside_free);
  g_autofree char *devices = g_build_filename (root (), FOLDER, NULL);
  g_autoptr (GDir) folder = g_dir_open (devices, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      UsbOutside *usb = strchr (name, ':') == NULL ? read_device (devices, name) : NULL;

      if (usb != NULL)
        g_ptr_array_add (list, usb);
    }
  g_ptr_array_sort (list, compare);
  return list;
}

/* -- Names -------------------------------------------------------------------------------------------------- */

char *
usb_outside_id (const UsbOutside *usb)
{
  const gboolean usable = usb->serial != NULL && strpbrk (usb->serial, " ,;") == NULL;

  return usable ? g_strdup_printf ("%04x:%04x:%s", usb->vendor, usb->product, usb->serial)
                : g_strdup_printf ("%04x:%04x", usb->vendor, usb->product);
}

gboolean
usb_outside_check (const char *host)
{
  for (unsigned i = 0; i < ID_LENGTH; i++)
    if (i == 4 ? host[i] != ':' : !g_ascii_isxdigit (host[i]))
      return FALSE;
  return host[ID_LENGTH] == '\0' || (host[ID_LENGTH] == ':' && host[ID_LENGTH + 1] != '\0');
}

gboolean
usb_outside_is (const UsbOutside *usb, const char *host)
{
  if (!usb_outside_check (host) || g_ascii_strtoull (host, NULL, 16) != usb->vendor
      || g_ascii_strtoull (host + 5, NULL, 16) != usb->product)
    return FALSE;
  return host[ID_LENGTH] == '\0' || g_strcmp0 (host + ID_LENGTH + 1, usb->serial) == 0;
}

const char *
usb_outside_use (const UsbOutside *usb)
{
  static const struct
  {
    const char *driver, *use;
  } uses[] = {
    { "usbhid", N_ ("keyboard, mouse or other input") },
    { "usb-storage", N_ ("disk") },
    { "uas", N_ ("disk") },
    { "snd-usb-audio", N_ ("sound") },
    { "uvcvideo", N_ ("camera") },
    { "btusb", N_ ("Bluetooth") },
    { "usblp", N_ ("printer") },
    { "cdc_acm", N_ ("serial port") },
    { "ftdi_sio", N_ ("serial port") },
    { "cp210x", N_ ("serial port") },
    { "ch341", N_ ("serial port") },
    { "pl2303", N_ ("serial port") },
    { "cdc_ether", N_ ("network") },
    { "cdc_ncm", N_ ("network") },
    { "r8152", N_ ("network") },
    { "ax88179_178a", N_ ("network") },
    { "usbfs", N_ ("another program") },
  };
  g_auto (GStrv) drivers = usb->drivers != NULL ? g_strsplit (usb->drivers, ", ", -1) : NULL;

  for (unsigned i = 0; drivers != NULL && i < G_N_ELEMENTS (uses); i++)
    if (g_strv_contains ((const char *const *)drivers, uses[i].driver))
      return _ (uses[i].use);
  return NULL;
}

/* -- Opening ------------------------------------------------------------------------------------------------ */

int
usb_outside_open (const char *host, int *fd)
{
  g_autoptr (GPtrArray) list = NULL;
  int code = ENODEV;

  if (host == NULL || !usb_outside_check (host))
    return EINVAL;
  list = usb_outside_list ();
  for (guint i = 0; i < list->len && code == ENODEV; i++)
    {
      const UsbOutside *usb = g_ptr_array_index (list, i);

      if (!usb_outside_is (usb, host))
        continue;
      *fd = open (usb->node, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      code = *fd >= 0 ? 0 : errno == ENOENT ? ENODEV : errno == EPERM ? EACCES : errno;
    }
  return code;
}

char *
usb_outside_rule (const char *host)
{
  g_autofree char *vendor = g_ascii_strdown (host, 4), *product = g_ascii_strdown (host + 5, 4);

  return g_strdup_printf (
      "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%s\", ATTR{idProduct}==\"%s\", TAG+=\"uaccess\"", vendor,
      product);
}

char *
usb_outside_advice (const char *host)
{
  g_autofree char *rule = usb_outside_rule (host);

  return g_strdup_printf (_ ("Put this line into a file %s, as root, and plug the device in again:\n\n%s"),
                          USB_OUTSIDE_RULES, rule);
}

char *
usb_outside_explain (const char *host, int code)
{
  g_autofree char *advice = NULL;

  switch (code)
    {
    case ENODEV:
      return g_strdup_printf (_ ("No USB device %s is plugged into this computer."), host);
    case EINVAL:
      return g_strdup_printf (
          _ ("“%s” names no USB device: it is VENDOR:PRODUCT, such as 046d:c52b, and a serial "
             "number behind another colon if there are several."),
          host != NULL ? host : "");
    case EACCES:
      advice = usb_outside_advice (host);
      return g_strdup_printf (_ ("This user may not open the USB device %s. %s"), host, advice);
    default:
      return g_strdup_printf (_ ("The USB device %s can't be opened: %s."), host, g_strerror (code));
    }
}
