/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A process of our own user that calls anything at the control socket of a machine without a processor: every method with arguments of
 * the right type and hostile values, with others, with descriptors of any kind; and bytes that are no messages at all.
 *
 * Input: a byte that says whether calls are made or bytes sent (HOW_…), then steps: a byte for the method, a byte for how, arguments.
 */
#include "fuzz-machine.h"

#include "base/message.h"
#include "board/slots.h"
#include "control/service.h"
#include "machine/control-socket.h"

#include <gio/gunixfdlist.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum
{
  HOW_BYTES = 1 << 0,     /* after the handshake come bytes, not calls */
  HOW_NO_SHAKE = 1 << 1,  /* and no handshake either */
  HOW_NO_SCREEN = 1 << 2, /* a machine with neither screen, router, drives nor ports */
};

#define PATIENCE (60 * G_TIME_SPAN_SECOND)

typedef struct
{
  FuzzMachine machine;
  ControlService *service;
  GDBusConnection *client;
  GArray *fds; /* that the service has given */
  unsigned pending;
  gboolean ended;
} Fuzz;

static char *socket_path;
static ControlSocket *place_of_socket;

static gboolean
change_media (void *opaque, const char *id, const char *path, int fd, gboolean readonly, gboolean force,
              GError **error)
{
  return board_change_media (((Fuzz *)opaque)->machine.board, id, path, fd, readonly, force, error);
}

static Block *
drive_block (void *opaque, const char *id)
{
  return board_drive_block (((Fuzz *)opaque)->machine.board, id);
}

static char *
place (void *opaque, const char *id)
{
  return board_place (((Fuzz *)opaque)->machine.board, id);
}

static void
plug (void *opaque, MachineDefinition *definition, const char *id, VmDoneFunc done, void *done_opaque)
{
  board_plug (((Fuzz *)opaque)->machine.board, definition, id, done, done_opaque);
}

static void
unplug (void *opaque, const char *id, gboolean force, VmDoneFunc done, void *done_opaque)
{
  board_unplug (((Fuzz *)opaque)->machine.board, id, force, done, done_opaque);
}

static gboolean
sleep_button (void *opaque)
{
  return board_sleep_button (((Fuzz *)opaque)->machine.board);
}

static gboolean
power_button (void *opaque)
{
  return board_power_button (((Fuzz *)opaque)->machine.board);
}

static void
quit (void *opaque)
{
  ((Fuzz *)opaque)->ended = TRUE;
}

/* One that is gone, or one that says nothing. */
static int
start_helper (void *opaque, const char *kind, unsigned *number, GError **error)
{
  static int silent = -1;
  int ends[2];

  if (!message_pair (ends))
    g_error ("no socketpair");
  if (silent >= 0)
    close (silent);
  silent = ends[1];
  return ends[0];
}

static void
serve (Fuzz *f, unsigned how)
{
  g_autoptr (GError) error = NULL;
  ControlConfig config = { .vm = f->machine.vm,
                           .listener = control_socket_fd (place_of_socket),
                           .name = "fuzz",
                           .uuid = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
                           .engine = "none",
                           .engine_reason = "there is none",
                           .start_helper = start_helper,
                           .quit = quit,
                           .opaque = f };

  if (!(how & HOW_NO_SCREEN))
    {
      config.folder = fuzz_folder ();
      config.outputs = (DisplayOutput *const *)f->machine.board->outputs->pdata;
      config.n_outputs = f->machine.board->outputs->len;
      config.router = f->machine.board->router;
      config.drives = f->machine.board->drives;
      config.change_media = change_media;
      config.block = drive_block;
      config.serials = f->machine.board->serial;
      config.n_serials = f->machine.board->n_serials;
      config.power_button = power_button;
      config.sleep_button = sleep_button;
      config.definition = f->machine.board->definition;
      config.place = place;
      config.plug = plug;
      config.unplug = unplug;
      config.unplug_ms = 1; /* the guest of this machine answers nobody, or at once */
    }
  f->service = control_service_new (&config, &error);
  if (f->service == NULL)
    g_error ("%s", error->message);
}

/* -- Calls -- */

static void
keep_fds (Fuzz *f, GUnixFDList *list)
{
  int n = 0;
  g_autofree int *fds = list != NULL ? g_unix_fd_list_steal_fds (list, &n) : NULL;

  g_array_append_vals (f->fds, fds, (guint)MAX (n, 0));
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Fuzz *f = data;
  g_autoptr (GUnixFDList) list = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer
      = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), &list, result, &error);

  f->pending--;
  keep_fds (f, list);
  if (answer == NULL && (error == NULL || !g_utf8_validate (error->message, -1, NULL)))
    g_error ("neither an answer nor an error");
}

static void
call (Fuzz *f, const char *interface, const char *method, GVariant *arguments, GUnixFDList *list)
{
  f->pending++;
  g_dbus_connection_call_with_unix_fd_list (f->client, NULL, CONTROL_OBJECT_PATH, interface, method,
                                            arguments, NULL, G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, on_reply,
                                            f);
}

/* Time passes for what is typed, which is all that may take long. */
static void
wait_for (Fuzz *f, unsigned left)
{
  gint64 end = g_get_monotonic_time () + PATIENCE;

  while (f->pending > left)
    {
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (20);
      vm_clock_advance (f->machine.vm->clock, 1000000);
      address_space_load (f->machine.vm->ports, &f->machine.ports, 0x60, 1, FALSE);
      if (g_get_monotonic_time () > end)
        g_error ("a call is not answered");
    }
}

/* A string that D-Bus carries. */
static char *
text (FuzzBytes *bytes)
{
  static const char *const usual[]
      = { "",       ".",           "/",       "state",     "../state",  "cdrom0",   "floppy0",
          "disk0",  "127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "localhost", "password", "missing/file",
          "disk0 ", "/dev/null" };
  unsigned how = fuzz_u8 (bytes);

  if (how < 128)
    return g_strdup (usual[how % G_N_ELEMENTS (usual)]);
  g_autofree char *any = fuzz_text (bytes, (how & 31) + 1);
  return g_utf8_make_valid (any, -1);
}

/* A file of this process's own folder: nothing else of the host may be written or bound. */
static char *
path (FuzzBytes *bytes)
{
  static const char *const names[] = { "state", "missing/state", ".", "", "disk", "control", "fifo" };
  unsigned how = fuzz_u8 (bytes);

  if (how & 0x80)
    return g_strdup (names[how % G_N_ELEMENTS (names)]);
  return how % G_N_ELEMENTS (names) == 4
             ? g_strdup (fuzz_image)
             : g_build_filename (fuzz_folder (), names[how % G_N_ELEMENTS (names)], NULL);
}

static char *
vnc_address (FuzzBytes *bytes)
{
  g_autofree char *any = text (bytes);

  if (g_str_has_prefix (any, "unix:") || strchr (any, '/') != NULL)
    return g_strdup_printf ("unix:%s/vnc", fuzz_folder ());
  return g_steal_pointer (&any);
}

static GUnixFDList *
descriptor (unsigned how)
{
  int fd = -1, other = -1, ends[2];

  switch (how % 8)
    {
    case 0:
    case 1:
      fd = memfd_create ("state", MFD_CLOEXEC);
      break;
    case 2:
      if (pipe2 (ends, O_CLOEXEC) == 0)
        {
          fd = ends[1];
          other = ends[0];
        }
      break;
    case 3:
      fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
      break;
    case 4:
      fd = open (fuzz_folder (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      break;
    case 5:
      fd = eventfd (0, EFD_CLOEXEC);
      break;
    case 6: /* sealed */
      fd = memfd_create ("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
      fcntl (fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE);
      break;
    default:
      return NULL;
    }
  if (other >= 0)
    close (other);
  return g_unix_fd_list_new_from_array (&fd, 1);
}

static GVariant *
events (FuzzBytes *bytes)
{
  GVariantBuilder builder;
  unsigned n = fuzz_u8 (bytes);

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("(a(uqiii))"));
  g_variant_builder_open (&builder, G_VARIANT_TYPE ("a(uqiii)"));
  for (n = n == 255 ? 4097 : n % 16; n > 0; n--)
    {
      unsigned type = fuzz_u8 (bytes), code = fuzz_u16 (bytes);
      int value = (int8_t)fuzz_u8 (bytes), x = (int32_t)fuzz_u32 (bytes), y = (int32_t)fuzz_u32 (bytes);

      g_variant_builder_add (&builder, "(uqiii)", type & 0x80 ? type : type % 5, code, value, x, y);
    }
  g_variant_builder_close (&builder);
  return g_variant_builder_end (&builder);
}

static GVariant *
keys (FuzzBytes *bytes, unsigned how)
{
  GVariantBuilder builder;
  unsigned n = how % 32;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("(a(qb))"));
  g_variant_builder_open (&builder, G_VARIANT_TYPE ("a(qb)"));
  for (; n > 0; n--)
    {
      unsigned code = fuzz_u16 (bytes);

      g_variant_builder_add (&builder, "(qb)", how & 0x40 ? code : code & 0x7f, code >> 15);
    }
  g_variant_builder_close (&builder);
  return g_variant_builder_end (&builder);
}

/* One of these, or anything. */
static char *
word (FuzzBytes *bytes, const char *const *usual, unsigned n)
{
  unsigned how = fuzz_u8 (bytes);

  if (how < 0xc0)
    return g_strdup (usual[how % n]);
  g_autofree char *any = fuzz_text (bytes, (how & 31) + 1);
  return g_utf8_make_valid (any, -1);
}

static char *
device_id (FuzzBytes *bytes)
{
  static const char *const ids[]
      = { "pcitest0", "pcitest1", "pcitest2", "disk0",   "cdrom0",   "floppy0", "display0", "serial0",
          "machine",  "net0",     "disk1",    "pcitest", "pcitest8", "ide",     "",         "pci-slot1" };

  return word (bytes, ids, G_N_ELEMENTS (ids));
}

static char *
key_name (FuzzBytes *bytes)
{
  static const char *const names[]
      = { "slot", "path",    "format", "readonly", "aspect", "vnc-address", "memory", "layout", "video",
          "mac",  "discard", "name",   "uuid",     "cpus",   "backend",     "",       "a.b",    "+" };

  return word (bytes, names, G_N_ELEMENTS (names));
}

/* Files of this process's own folder, and addresses there: nothing else of the host may be opened or bound. */
static char *
key_value (FuzzBytes *bytes, const char *key)
{
  static const char *const values[] = { "1",   "2",   "3",   "0",    "",   "99", "true",
                                        "raw", "4:3", "64M", "none", "us", "-1", "18446744073709551616" };

  if (g_str_equal (key, "path"))
    return path (bytes);
  if (g_str_equal (key, "vnc-address"))
    return vnc_address (bytes);
  return word (bytes, values, G_N_ELEMENTS (values));
}

static GVariant *
new_device (FuzzBytes *bytes)
{
  static const char *const kinds[] = { "pcitest", "pcitest", "pcitest", "disk",   "cdrom", "floppy",
                                       "serial",  "net",     "machine", "dragon", "" };
  g_autofree char *kind = word (bytes, kinds, G_N_ELEMENTS (kinds));
  unsigned n = fuzz_u8 (bytes);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("(sa{ss})"));
  g_variant_builder_add (&builder, "s", kind);
  g_variant_builder_open (&builder, G_VARIANT_TYPE ("a{ss}"));
  for (n = n == 255 ? 70 : n % 4; n > 0; n--)
    {
      g_autofree char *key = key_name (bytes), *value = key_value (bytes, key);

      g_variant_builder_add (&builder, "{ss}", key, value);
    }
  g_variant_builder_close (&builder);
  return g_variant_builder_end (&builder);
}

static void
use_fds (Fuzz *f, FuzzBytes *bytes)
{
  for (guint i = 0; i < f->fds->len; i++)
    {
      int fd = g_array_index (f->fds, int, i);
      uint8_t data[64];
      size_t wanted = fuzz_u8 (bytes) % sizeof data, n = MIN (wanted, bytes->length);

      memcpy (data, bytes->data, n);
      if (send (fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
          || recv (fd, data, sizeof data, MSG_DONTWAIT) < 0)
        continue;
    }
}

enum
{
  METHOD_PAUSE,
  METHOD_RESUME,
  METHOD_RESET,
  METHOD_POWER_DOWN,
  METHOD_QUIT,
  METHOD_ATTACH_SCREEN,
  METHOD_INPUT,
  METHOD_RELEASE_KEYS,
  METHOD_TYPE_KEYS,
  METHOD_TEXT,
  METHOD_LIST_DRIVES,
  METHOD_INSERT_MEDIUM,
  METHOD_ATTACH_SERIAL,
  METHOD_VNC_SERVE,
  METHOD_VNC_STOP,
  METHOD_STATISTICS,
  METHOD_DUMP_STATE,
  METHOD_EJECT_MEDIUM,
  METHOD_SAVE_STATE_FILE,
  METHOD_LIST_DEVICES,
  METHOD_ADD_DEVICE,
  METHOD_REMOVE_DEVICE,
  METHOD_FORCE_REMOVE_DEVICE,
  METHOD_SET_PROPERTY,
  METHOD_SLEEP_BUTTON,
  N_METHODS
};

static const char *const methods[N_METHODS] = {
  [METHOD_PAUSE] = "Pause",
  [METHOD_RESUME] = "Resume",
  [METHOD_RESET] = "Reset",
  [METHOD_POWER_DOWN] = "PowerDown",
  [METHOD_SLEEP_BUTTON] = "SleepButton",
  [METHOD_QUIT] = "Quit",
  [METHOD_ATTACH_SCREEN] = "AttachScreen",
  [METHOD_INPUT] = "Input",
  [METHOD_RELEASE_KEYS] = "ReleaseKeys",
  [METHOD_TYPE_KEYS] = "TypeKeys",
  [METHOD_TEXT] = "Text",
  [METHOD_LIST_DRIVES] = "ListDrives",
  [METHOD_INSERT_MEDIUM] = "InsertMedium",
  [METHOD_ATTACH_SERIAL] = "AttachSerial",
  [METHOD_VNC_SERVE] = "VncServe",
  [METHOD_VNC_STOP] = "VncStop",
  [METHOD_STATISTICS] = "Statistics",
  [METHOD_DUMP_STATE] = "DumpState",
  [METHOD_SAVE_STATE_FILE] = "SaveStateFile",
  [METHOD_EJECT_MEDIUM] = "EjectMedium",
  [METHOD_LIST_DEVICES] = "ListDevices",
  [METHOD_ADD_DEVICE] = "AddDevice",
  [METHOD_REMOVE_DEVICE] = "RemoveDevice",
  [METHOD_FORCE_REMOVE_DEVICE] = "ForceRemoveDevice",
  [METHOD_SET_PROPERTY] = "SetProperty",
};

#define INTERFACE "org.vivarium.Machine1"
enum
{
  OTHER_TYPES = N_METHODS, /* a method with arguments that it doesn't have */
  PROPERTY,
  ALL_PROPERTIES,
  SET_PROPERTY,
  INTROSPECT,
  USE_FDS,
  GUEST, /* the machine goes on */
  N_STEPS,
};

static GVariant *
other_arguments (FuzzBytes *bytes)
{
  switch (fuzz_u8 (bytes) % 6)
    {
    case 0:
      return NULL;
    case 1:
      return g_variant_new ("(u)", fuzz_u32 (bytes));
    case 2:
      return g_variant_new ("(s)", "text");
    case 3:
      return g_variant_new ("(h)", (gint32)fuzz_u32 (bytes));
    case 4:
      return g_variant_new ("(v)", g_variant_new ("a{sv}", NULL));
    default:
      return g_variant_new ("(ssb)", "", "", FALSE);
    }
}

static void
step (Fuzz *f, FuzzBytes *bytes)
{
  unsigned what = fuzz_u8 (bytes) % N_STEPS, how = fuzz_u8 (bytes);
  g_autofree char *one = NULL, *two = NULL;
  g_autoptr (GUnixFDList) list = NULL;
  GVariant *arguments = NULL;

  switch (what)
    {
    case METHOD_ATTACH_SCREEN:
      arguments = g_variant_new ("(u)", how & 0x80 ? fuzz_u32 (bytes) : 0);
      break;
    case METHOD_INPUT:
      arguments = events (bytes);
      break;
    case METHOD_TYPE_KEYS:
      arguments = keys (bytes, how);
      break;
    case METHOD_INSERT_MEDIUM:
      one = text (bytes);
      two = path (bytes);
      list = descriptor (how);
      arguments
          = g_variant_new ("(ssbbh)",
                           how & 1   ? "cdrom0"
                           : how & 2 ? "floppy0"
                                     : one,
                           two, (how & 4) != 0, (how & 8) != 0, how & 0x80 ? (gint32)fuzz_u32 (bytes) : 0);
      break;
    case METHOD_EJECT_MEDIUM:
      one = text (bytes);
      arguments = g_variant_new ("(sb)", how & 1 ? "cdrom0" : how & 2 ? "floppy0" : one, how >> 7);
      break;
    case METHOD_ATTACH_SERIAL:
      arguments = g_variant_new ("(ub)", how & 0x80 ? fuzz_u32 (bytes) : 0, how & 1);
      break;
    case METHOD_VNC_SERVE:
      {
        const char *addresses[2] = { one = vnc_address (bytes), NULL };

        list = descriptor (how);
        arguments = g_variant_new_parsed ("(%^as, [%h], @ah [])", addresses,
                                          how & 0x80 ? (gint32)fuzz_u32 (bytes) : 0);
        break;
      }
    case METHOD_SAVE_STATE_FILE:
      list = descriptor (how);
      arguments = g_variant_new ("(h)", how & 0x80 ? (gint32)fuzz_u32 (bytes) : 0);
      break;
    case METHOD_ADD_DEVICE:
      arguments = new_device (bytes);
      break;
    case METHOD_REMOVE_DEVICE:
    case METHOD_FORCE_REMOVE_DEVICE:
      one = device_id (bytes);
      arguments = g_variant_new ("(s)", one);
      break;
    case METHOD_SET_PROPERTY:
      {
        g_autofree char *id = device_id (bytes);

        one = key_name (bytes);
        two = key_value (bytes, one);
        arguments = g_variant_new ("(sss)", id, one, two);
        break;
      }
    case OTHER_TYPES:
      list = descriptor (how);
      call (f, INTERFACE, methods[how % G_N_ELEMENTS (methods)], other_arguments (bytes), list);
      return;
    case PROPERTY:
      one = text (bytes);
      call (f, "org.freedesktop.DBus.Properties", "Get",
            g_variant_new ("(ss)", INTERFACE, how & 1 ? "State" : one), NULL);
      return;
    case ALL_PROPERTIES:
      call (f, "org.freedesktop.DBus.Properties", "GetAll", g_variant_new ("(s)", how & 1 ? "" : INTERFACE),
            NULL);
      return;
    case SET_PROPERTY:
      call (f, "org.freedesktop.DBus.Properties", "Set",
            g_variant_new ("(ssv)", INTERFACE, "Name", g_variant_new_string ("x")), NULL);
      return;
    case INTROSPECT:
      call (f, "org.freedesktop.DBus.Introspectable", "Introspect", NULL, NULL);
      return;
    case USE_FDS:
      use_fds (f, bytes);
      return;
    case GUEST:
      if (bytes->length >= FUZZ_STEP)
        {
          fuzz_machine_step (&f->machine, bytes->data);
          bytes->data += FUZZ_STEP;
          bytes->length -= FUZZ_STEP;
        }
      return;
    default:
      break;
    }
  call (f, INTERFACE, methods[what], arguments, list);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  Fuzz *f = data;
  g_autoptr (GError) error = NULL;

  f->pending--;
  f->client = g_dbus_connection_new_for_address_finish (result, &error);
  if (f->client == NULL)
    g_error ("no connection: %s", error->message);
}

static void
on_client_closed (GObject *source, GAsyncResult *result, gpointer data)
{
  ((Fuzz *)data)->pending--;
  g_dbus_connection_close_finish (G_DBUS_CONNECTION (source), result, NULL);
}

static void
make_calls (Fuzz *f, FuzzBytes *bytes)
{
  g_autofree char *address = g_strconcat ("unix:path=", socket_path, NULL);

  f->pending++;
  g_dbus_connection_new_for_address (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                                     on_connected, f);
  wait_for (f, 0);
  for (unsigned i = 0; i < 32 && bytes->length > 0 && !f->ended; i++)
    {
      step (f, bytes);
      wait_for (f, i % 3); /* so that some calls overlap */
    }
  if (!f->ended)
    wait_for (f, 0);
  f->pending++;
  g_dbus_connection_close (f->client, NULL, on_client_closed, f);
  wait_for (f, 0);
}

/* -- Bytes -- */

static void
send_bytes (Fuzz *f, FuzzBytes *bytes, unsigned how)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GString) text = g_string_new (NULL);

  g_strlcpy (address.sun_path, socket_path, sizeof address.sun_path);
  if (fd < 0 || connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
    abort ();
  if (!(how & HOW_NO_SHAKE))
    {
      g_autofree char *uid = g_strdup_printf ("%u", (unsigned)geteuid ());

      g_string_append_c (text, 0);
      g_string_append (text, "AUTH EXTERNAL ");
      for (const char *p = uid; *p != '\0'; p++)
        g_string_append_printf (text, "%02x", *p);
      g_string_append (text, "\r\nBEGIN\r\n");
    }
  g_string_append_len (text, (const char *)bytes->data, (gssize)bytes->length);
  if (send (fd, text->str, text->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    abort ();
  for (unsigned i = 0; i < 20; i++)
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (100);
    }
  close (fd);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  unsigned how = fuzz_u8 (&bytes);
  Fuzz f = { .fds = g_array_new (FALSE, FALSE, sizeof (int)) };

  if (socket_path == NULL)
    {
      g_autofree char *password = g_build_filename (fuzz_folder (), "password", NULL);

      socket_path = g_build_filename (fuzz_folder (), "control", NULL);
      g_file_set_contents (password, "secret\n", -1, NULL);
    }
  fuzz_machine_open_with (&f.machine, TRUE);
  place_of_socket = control_socket_new (socket_path, NULL);
  g_assert_nonnull (place_of_socket);
  serve (&f, how);
  if (how & HOW_BYTES)
    send_bytes (&f, &bytes, how);
  else
    make_calls (&f, &bytes);
  for (guint i = 0; i < f.fds->len; i++)
    close (g_array_index (f.fds, int, i));
  g_array_unref (f.fds);
  fuzz_pump ();
  control_service_free (f.service);
  control_socket_free (place_of_socket);
  fuzz_pump ();
  g_clear_object (&f.client);
  fuzz_machine_close (&f.machine);
  return 0;
}

/* -- Seeds -- */

static void
seed_calls (uint8_t how, const char *steps, size_t length)
{
  g_autofree char *seed = g_malloc (length + 1);

  seed[0] = (char)how;
  memcpy (seed + 1, steps, length);
  fuzz_seed (seed, length + 1);
}
#define CALLS(how, steps) seed_calls (how, steps, sizeof steps - 1)

static void
seed_message (const char *interface, const char *method, GVariant *arguments, uint8_t how)
{
  g_autoptr (GDBusMessage) message
      = g_dbus_message_new_method_call (NULL, CONTROL_OBJECT_PATH, interface, method);
  g_autofree guchar *blob = NULL;
  gsize size;

  g_dbus_message_set_serial (message, 1);
  if (arguments != NULL)
    g_dbus_message_set_body (message, arguments);
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
  seed_calls (how, (const char *)blob, size);
}

/* What is on the wire, so that headers, signatures and lengths of messages that are right but for a byte come in. */
static void
make_messages (void)
{
  for (unsigned i = 0; i < N_METHODS; i++)
    seed_message (INTERFACE, methods[i], NULL, HOW_BYTES);
  seed_message (INTERFACE, "Pause", NULL, HOW_BYTES | HOW_NO_SHAKE);
  seed_message (INTERFACE, "TypeKeys", g_variant_new_parsed ("([(%q, true), (%q, false)],)", 30, 30),
                HOW_BYTES);
  seed_message (INTERFACE, "TypeKeys", g_variant_new ("(s)", "text"), HOW_BYTES);
  seed_message (INTERFACE, "Input", g_variant_new_parsed ("([(%u, %q, %i, %i, %i)],)", 0, 30, 1, 0, 0),
                HOW_BYTES);
  seed_message (INTERFACE, "AttachScreen", g_variant_new ("(u)", 0), HOW_BYTES);
  seed_message (INTERFACE, "AttachSerial", g_variant_new ("(ub)", 0, TRUE), HOW_BYTES);
  seed_message (INTERFACE, "EjectMedium", g_variant_new ("(sb)", "floppy0", FALSE), HOW_BYTES);
  seed_message (INTERFACE, "InsertMedium", g_variant_new ("(ssbbh)", "floppy0", "/a", FALSE, FALSE, 3),
                HOW_BYTES);
  seed_message (INTERFACE, "AddDevice", g_variant_new_parsed ("('pcitest', {'slot': '2'})"), HOW_BYTES);
  seed_message (INTERFACE, "AddDevice", g_variant_new_parsed ("('disk', {'path': 'disk'})"), HOW_BYTES);
  seed_message (INTERFACE, "RemoveDevice", g_variant_new ("(s)", "pcitest0"), HOW_BYTES);
  seed_message (INTERFACE, "ForceRemoveDevice", g_variant_new ("(s)", "pcitest0"), HOW_BYTES);
  seed_message (INTERFACE, "SetProperty", g_variant_new ("(sss)", "display0", "aspect", "4:3"), HOW_BYTES);
  seed_message (INTERFACE, "SaveStateFile", g_variant_new ("(h)", 3), HOW_BYTES);
  seed_message ("org.freedesktop.DBus.Properties", "Get", g_variant_new ("(ss)", INTERFACE, "State"),
                HOW_BYTES);
  seed_message ("org.freedesktop.DBus.Properties", "GetAll", g_variant_new ("(s)", INTERFACE), HOW_BYTES);
  seed_message ("org.freedesktop.DBus.Properties", "Set",
                g_variant_new ("(ssv)", INTERFACE, "Name", g_variant_new_string ("x")), HOW_BYTES);
  seed_message ("org.freedesktop.DBus.Introspectable", "Introspect", NULL, HOW_BYTES);
  seed_message ("org.freedesktop.DBus.Peer", "Ping", NULL, HOW_BYTES);
  seed_message ("org.freedesktop.DBus.Peer", "GetMachineId", NULL, HOW_BYTES);
}

/* Steps in an order in which they have something to do with one another. */
static void
make_stories (void)
{
  static const uint8_t stories[][16] = {
    { METHOD_ATTACH_SCREEN, 0, USE_FDS, 0, 40, METHOD_ATTACH_SCREEN, 0, USE_FDS, 0, 8, METHOD_QUIT, 0 },
    { METHOD_ATTACH_SERIAL, 1, USE_FDS, 0, 12, METHOD_ATTACH_SERIAL, 0, METHOD_RESET, 0, USE_FDS, 0, 5 },
    { METHOD_PAUSE, 0, METHOD_INSERT_MEDIUM, 1, 0, 4, METHOD_RESUME, 0, METHOD_EJECT_MEDIUM, 2, 0, 4,
      METHOD_LIST_DRIVES, 0 },
    { METHOD_VNC_SERVE, 0, 8, METHOD_PAUSE, 0, METHOD_VNC_SERVE, 0, 8, METHOD_VNC_STOP, 0, METHOD_VNC_STOP,
      0 },
    { METHOD_SAVE_STATE_FILE, 0, METHOD_SAVE_STATE_FILE, 0, METHOD_RESUME, 0, METHOD_DUMP_STATE, 0,
      METHOD_STATISTICS, 0 },
    { METHOD_TYPE_KEYS, 2, 30, 0x80, 30, 0, METHOD_RELEASE_KEYS, 0, METHOD_TYPE_KEYS, 1, 30, 0x80,
      METHOD_PAUSE, 0 },
    { METHOD_ADD_DEVICE, 0, 0, 0, METHOD_ADD_DEVICE, 0, 0, 1, 0, 1, METHOD_LIST_DEVICES, 0,
      METHOD_REMOVE_DEVICE, 0, 0, METHOD_FORCE_REMOVE_DEVICE },
    { METHOD_ADD_DEVICE, 0, 0, 0, METHOD_RESET, 0, METHOD_REMOVE_DEVICE, 0, 0, METHOD_REMOVE_DEVICE, 0, 0,
      METHOD_FORCE_REMOVE_DEVICE, 0, 0 },
    { METHOD_PAUSE, 0, METHOD_ADD_DEVICE, 0, 0, 0, METHOD_SAVE_STATE_FILE, 0, METHOD_FORCE_REMOVE_DEVICE, 0,
      0, METHOD_SAVE_STATE_FILE, 0 },
    { METHOD_SET_PROPERTY, 0, 4, 1, 4, METHOD_SET_PROPERTY, 0, 6, 4, 8, METHOD_SET_PROPERTY, 0, 6, 5, 8 },
    { METHOD_ADD_DEVICE, 0, 3, 1, 1, 4, METHOD_REMOVE_DEVICE, 0, 3, METHOD_SET_PROPERTY, 0, 8, 6, 9 },
    { METHOD_POWER_DOWN, 0, METHOD_QUIT, 0, METHOD_RESET, 0, METHOD_TEXT, 0, METHOD_ATTACH_SCREEN, 0 },
    { GUEST, 0, 0, 0x1f, 0, 1, 1, 0, 0, 0, METHOD_TEXT, 0, ALL_PROPERTIES, 0, INTROSPECT, 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (stories); i++)
    for (unsigned how = 0; how <= HOW_NO_SCREEN; how += HOW_NO_SCREEN)
      seed_calls ((uint8_t)how, (const char *)stories[i], sizeof stories[i]);
}

static void
make (void)
{
  for (unsigned what = 0; what < N_STEPS; what++)
    {
      for (unsigned how = what % 3; how < 8; how += 3)
        {
          const char steps[] = { (char)what,
                                 (char)(how | (how & 1) << 7),
                                 (char)(how * 3),
                                 (char)(how & 4),
                                 1,
                                 0,
                                 0,
                                 0,
                                 5,
                                 0,
                                 0,
                                 0,
                                 1,
                                 2,
                                 3,
                                 4,
                                 15,
                                 0,
                                 16,
                                 0 };

          seed_calls (0, steps, sizeof steps);
        }
      seed_calls (HOW_NO_SCREEN, (const char[]){ (char)what, 1, 6, 0, 0, 0 }, 6);
    }
  CALLS (0, "\5\0\x1d\0\14\1\x1d\0\4abcd\6\0\2\0\x1e\0\1\0\0\0\0\0\0\0\0\3\0\0\0\xff\x7f\0\0\0\x40\0\0");
  CALLS (0, "\0\0\1\0\0\0\x11\0\0\1\0\2\0\3\0\17\0\20\0");
  CALLS (0, "\x10\0\x0b\1\0\4\x0b\2\0\4\x0b\5\0\0\x0b\0\5\4\x0a\0");
  CALLS (0, "\x0d\0\x08\0\x0d\1\x08\0\x0e\0\x0d\0\x8fnowhere:99\0");
  CALLS (0, "\x08\x04\x1e\x80\x1e\0\x2a\x80\x30\x80\7\0\x08\x42\xff\xff\xff\x03\0\0\4\0");
  CALLS (0, "\6\0\xff\1\2\3\4\5\6\7\10");
  CALLS (0, "\x12\0\x12\1\x12\2\x12\3\x12\4\x12\5\x12\6\x12\7\x12\x80\5\0\0\0");
  CALLS (HOW_BYTES | HOW_NO_SHAKE, "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
  CALLS (HOW_BYTES | HOW_NO_SHAKE, "\0AUTH ANONYMOUS 61\r\nCANCEL\r\nAUTH DBUS_COOKIE_SHA1 30\r\n");
  CALLS (HOW_BYTES | HOW_NO_SHAKE, "GET / HTTP/1.0\r\n\r\n");
  make_messages ();
  make_stories ();
}

const FuzzTarget fuzz_target = { "vmm/control vmm/serial", 512, make };
