/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-broker: opens what a machine's definition names, and has the processes of the machine as its children.  Everything a guest, an image or a
 * network can say ends in them; they have descriptors only, and this process believes nothing that they say.  It reads machine.ini
 * and messages of 64 bytes (base/family.h), and nothing else.
 *
 * SIGTERM, SIGINT and SIGHUP ask the monitor to end; SIGQUIT ends it there and then.
 */
#define G_LOG_DOMAIN "broker"

#include "config.h"

#include "base/message.h"
#include "broker/family.h"
#include "broker/files.h"
#include "broker/log.h"
#include "broker/networks.h"
#include "broker/questions.h"
#include "broker/serials.h"
#include "broker/snapshots.h"
#include "machine/control-socket.h"
#include "machine/folder-lock.h"
#include "machine/paths.h"
#include "machine/usb-outside.h"
#include "machine/vnc-start.h"
#include "machine/vsock-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A monitor that was asked to end and doesn't. */
#define END_TIMEOUT_US (20 * G_USEC_PER_SEC)
/* That there are no namespaces is believed for so long. */
#define KNOWN_SECONDS (10 * 60)

typedef struct
{
  char *definition, *folder, *socket, *load, *qtest; /* paths, absolute but for `folder` */
  char *vnc, *vnc_password_file;
  int ready_fd, lock_fd, owner_fd;
  gboolean test_device, no_namespaces;
  char **rest; /* for the monitor */
} Options;

typedef struct
{
  Options options;
  BrokerLog log;
  BrokerFiles *files;
  BrokerSnapshots *snapshots;
  BrokerNetworks networks;
  ControlSocket *place;
  VncListeners vnc;    /* the first screen's, to tidy up at the end */
  gboolean vnc_public; /* there is a password */
  FamilyProcess monitor;
  GArray *helpers;     /* FamilyProcess */
  unsigned n_helpers;  /* that were ever started */
  char *vsock;         /* where clients of vsock0 come; NULL: there is none */
  unsigned beside;     /* a bit a screen that has had its listener */
  GQueue starts;       /* when helpers were started, in the last minute */
  gint64 asked_to_end; /* 0: not */
  gboolean end_now;
  BrokerQuestions questions;
} Broker;

/* -- Arguments ------------------------------------------------------------------------------------ */

static void
make_absolute (char **path)
{
  char *absolute = *path != NULL ? g_canonicalize_filename (*path, NULL) : NULL;

  g_free (*path);
  *path = absolute;
}

static gboolean
parse_options (int argc, char **argv, Options *o, GError **error)
{
  const GOptionEntry entries[] = {
    { "definition", 0, 0, G_OPTION_ARG_FILENAME, &o->definition, NULL, NULL },
    { "folder", 0, 0, G_OPTION_ARG_FILENAME, &o->folder, NULL, NULL },
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &o->socket, NULL, NULL },
    { "load", 0, 0, G_OPTION_ARG_FILENAME, &o->load, NULL, NULL },
    { "qtest", 0, 0, G_OPTION_ARG_FILENAME, &o->qtest, NULL, NULL },
    { "vnc", 0, 0, G_OPTION_ARG_STRING, &o->vnc, NULL, NULL },
    { "vnc-password-file", 0, 0, G_OPTION_ARG_FILENAME, &o->vnc_password_file, NULL, NULL },
    { "ready-fd", 0, 0, G_OPTION_ARG_INT, &o->ready_fd, NULL, NULL },
    { "lock-fd", 0, 0, G_OPTION_ARG_INT, &o->lock_fd, NULL, NULL },
    { "owner-fd", 0, 0, G_OPTION_ARG_INT, &o->owner_fd, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_auto (GStrv) arguments = g_strdupv (argv);

  o->ready_fd = o->lock_fd = o->owner_fd = -1;
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  if (!g_option_context_parse_strv (context, &arguments, error))
    return FALSE;
  if (o->definition == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--definition FILE is needed");
      return FALSE;
    }
  make_absolute (&o->definition);
  make_absolute (&o->load);
  make_absolute (&o->qtest);
  o->rest = g_strdupv (arguments + 1);
  o->test_device = g_strv_contains ((const char *const *)o->rest, "--test-device");
  return TRUE;
}

static void
options_clear (Options *o)
{
  g_free (o->definition);
  g_free (o->folder);
  g_free (o->socket);
  g_free (o->load);
  g_free (o->qtest);
  g_free (o->vnc);
  g_free (o->vnc_password_file);
  g_strfreev (o->rest);
}

/* -- Start ---------------------------------------------------------------------------------------- */

static void
tell_launcher (Broker *broker, const char *text)
{
  int fd = broker->options.ready_fd;
  ssize_t n = fd >= 0 ? write (fd, text, strlen (text)) : 0;

  (void)n;
}

/* A listener for the first screen, and the password, which goes to who serves it. */
static gboolean
open_vnc (Broker *broker, GError **error)
{
  const Options *o = &broker->options;
  int password;

  if (broker->place == NULL)
    return TRUE;
  /* Before its socket is there. */
  const char *address
      = o->vnc != NULL ? o->vnc
                       : definition_text (broker_files_definition (broker->files), "display0.vnc-address");
  if (address != NULL && *address != '\0')
    control_socket_note_vnc (broker->place, address);
  if (!viv_vnc_prepare (broker_files_definition (broker->files), o->vnc, o->vnc_password_file, 1,
                        &broker->vnc, &password, error))
    {
      if (o->vnc == NULL)
        tell_launcher (broker, "blame display0.vnc-address\n");
      return FALSE;
    }
  if (broker->vnc.n == 0)
    return TRUE;
  broker_files_add (broker->files, FAMILY_FILE_PASSWORD, password);
  broker_files_add (broker->files, FAMILY_FILE_VNC, broker->vnc.fds[0]);
  broker->vnc.n = 0; /* it is not ours any more; the address is */
  broker->vnc_public = password >= 0;
  return TRUE;
}

/* Noted as VNC's are, for who tidies up. */
static gboolean
open_vsock (Broker *broker, GError **error)
{
  if (broker->place == NULL || definition_find (broker_files_definition (broker->files), "vsock0") == NULL)
    return TRUE;
  broker->vsock = vsock_socket_path (broker->options.socket);
  g_autofree char *address = g_strconcat ("unix:", broker->vsock, NULL);
  control_socket_note_vnc (broker->place, address);
  const int fd = vsock_socket_listen (broker->vsock, error);
  if (fd >= 0)
    broker_files_add (broker->files, FAMILY_FILE_VSOCK, fd);
  return fd >= 0;
}

/* Where namespaces can be made and nothing be done in them, each start would be one in vain: so that is known for a while, beside the control
 * sockets. */
static char *
path_of_no_namespaces (const Broker *broker)
{
  g_autofree char *folder
      = broker->options.socket != NULL ? g_path_get_dirname (broker->options.socket) : NULL;

  return folder != NULL ? g_build_filename (folder, "no-namespaces", NULL) : NULL;
}

/* A host may have been taught better meanwhile, or it was only short of memory. */
static gboolean
is_fresh (const char *known)
{
  struct stat info;
  const gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  return stat (known, &info) == 0 && now - info.st_mtime >= 0 && now - info.st_mtime < KNOWN_SECONDS;
}

static gboolean
start_monitor (Broker *broker, GError **error)
{
  const Options *o = &broker->options;
  g_autofree char *program = viv_find_program ("vivarium-vmm", error);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *number = g_strdup_printf ("%d", CHILD_SOCKET);

  if (program == NULL)
    return FALSE;
  const struct
  {
    const char *option, *value;
  } values[] = {
    { "--broker-fd", number }, { "--definition", o->definition }, { "--folder", o->folder },
    { "--load", o->load },     { "--qtest", o->qtest },
  };
  g_ptr_array_add (argv, program);
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    if (values[i].value != NULL)
      {
        g_ptr_array_add (argv, (char *)values[i].option);
        g_ptr_array_add (argv, (char *)values[i].value);
      }
  if (o->no_namespaces)
    g_ptr_array_add (argv, (char *)"--no-namespaces");
  for (char **word = o->rest; *word != NULL; word++)
    g_ptr_array_add (argv, *word);
  g_ptr_array_add (argv, NULL);
  broker->questions.heard = FALSE;
  /* Not with the folder's lock: whoever has that file can let go of it, and take others' (machine/control-socket.h). */
  const ChildFiles files = { .output = o->test_device ? -1 : broker->log.write_end,
                             .errors = broker->log.write_end,
                             .extra = broker->place != NULL ? control_socket_family (broker->place) : -1 };
  return family_start (&broker->monitor, (char *const *)argv->pdata, &files, error);
}

/* -- Questions ------------------------------------------------------------------------------------ */

static void
tell (void *opaque, const char *line)
{
  Broker *broker = opaque;

  tell_launcher (broker, line);
  if (!broker->questions.ready || broker->options.ready_fd < 0)
    return;
  close (broker->options.ready_fd);
  broker->options.ready_fd = -1;
}

/* So many that each is watched. */
static gboolean
may_start (Broker *broker)
{
  const gint64 now = g_get_monotonic_time ();

  while (!g_queue_is_empty (&broker->starts)
         && *(gint64 *)g_queue_peek_head (&broker->starts) < now - 60 * G_USEC_PER_SEC)
    g_free (g_queue_pop_head (&broker->starts));
  if (g_queue_get_length (&broker->starts) >= FAMILY_MOST_HELPERS
      || broker->helpers->len >= FAMILY_MOST_HELPERS)
    return FALSE;
  g_queue_push_tail (&broker->starts, g_memdup2 (&now, sizeof now));
  return TRUE;
}

/* Ours gets a socket to the monitor and `options`, behind what says how it is confined.  An errno, or 0, its number and, unless `fd` is NULL, the other end. */
static int
start_program (Broker *broker, const char *name, gboolean foreign, GPtrArray *options, int extra,
               unsigned *number, int *fd)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *program = foreign ? g_find_program_in_path (name) : viv_find_program (name, &error);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  const ChildFiles files = { broker->log.write_end, broker->log.write_end, extra };
  FamilyProcess process;

  if (!may_start (broker))
    return EAGAIN;
  g_ptr_array_add (argv, program);
  if (!foreign)
    {
      g_ptr_array_add (argv, (char *)"--socket");
      g_ptr_array_add (argv, (char *)"3");
    }
  if (!foreign && broker->options.no_namespaces)
    g_ptr_array_add (argv, (char *)"--no-namespaces");
  for (guint i = 0; options != NULL && i < options->len; i++)
    g_ptr_array_add (argv, options->pdata[i]);
  g_ptr_array_add (argv, NULL);
  if (program == NULL || !family_start (&process, (char *const *)argv->pdata, &files, &error))
    {
      g_printerr ("%s\n", error != NULL ? error->message : name);
      return ENOENT;
    }
  if (fd != NULL)
    *fd = process.socket;
  else
    close (process.socket);
  process.socket = -1;
  *number = process.number = ++broker->n_helpers;
  g_array_append_val (broker->helpers, process);
  return 0;
}

/* What a network's process gets by name is the definition's. */
static int
start_network (Broker *broker, unsigned index, unsigned *number, int *fd)
{
  NetworkPlan plan;
  unsigned other;
  int code = broker_networks_plan (&broker->networks, broker_files_definition (broker->files), index, &plan);

  *number = 0;
  if (code == 0 && plan.wire >= 0)
    {
      *fd = plan.wire;
      plan.wire = -1;
    }
  for (unsigned i = 0; code == 0 && i < G_N_ELEMENTS (plan.programs) && plan.programs[i].name != NULL; i++)
    code = start_program (broker, plan.programs[i].name, plan.programs[i].foreign, plan.programs[i].options,
                          plan.programs[i].extra, i == 0 ? number : &other, i == 0 ? fd : NULL);
  /* The first one ends by itself when the other isn't there. */
  if (code != 0 && *fd >= 0)
    {
      close (*fd);
      *fd = -1;
    }
  network_plan_clear (&plan);
  return code;
}

/* A folder's: what its process gets by name is the definition's. */
static int
start_share (Broker *broker, unsigned index, unsigned *number, int *fd)
{
  const MachineDefinition *definition = broker_files_definition (broker->files);
  g_autofree char *id = g_strdup_printf ("share%u", index);
  const MachineDevice *share = definition_find (definition, id);
  g_autoptr (GPtrArray) options = g_ptr_array_new_with_free_func (g_free);
  char *folder = share != NULL ? definition_resolve (definition, machine_device_text (share, "path")) : NULL;

  if (folder == NULL)
    return ENOENT;
  g_ptr_array_add (options, g_strdup ("--folder"));
  g_ptr_array_add (options, folder);
  if (machine_device_flag (share, "readonly"))
    g_ptr_array_add (options, g_strdup ("--readonly"));
  return start_program (broker, "vivarium-share", FALSE, options, -1, number, fd);
}

/* It gives the device back when it ends, which it does by itself. */
#define GIVE_BACK_MS 3000

/* What is opened for it is the definition's. */
static int
start_usb (Broker *broker, unsigned index, unsigned *number, int *fd)
{
  const MachineDefinition *definition = broker_files_definition (broker->files);
  g_autofree char *id = g_strdup_printf ("usb%u", index);
  const MachineDevice *usb = definition_find (definition, id);
  g_autoptr (GPtrArray) options = g_ptr_array_new_with_free_func (g_free);
  int node = -1, code = 0;

  if (index > 0)
    {
      code = usb != NULL ? usb_outside_open (machine_device_text (usb, "host"), &node) : ENOENT;
      g_ptr_array_add (options, g_strdup ("--node"));
    }
  if (code == 0)
    code = start_program (broker, "vivarium-usb", FALSE, options, node, number, fd);
  if (code == 0)
    g_array_index (broker->helpers, FamilyProcess, broker->helpers->len - 1).patience_ms = GIVE_BACK_MS;
  if (node >= 0)
    close (node);
  return code;
}

/* Ours is its control channel.  It has a list of system calls of its own. */
static int
start_tpm (Broker *broker, unsigned *number, int *fd)
{
  const MachineDefinition *definition = broker_files_definition (broker->files);
  g_autofree char *folder = definition_resolve (definition, "tpm");
  g_autoptr (GPtrArray) options = g_ptr_array_new_with_free_func (g_free);
  int ends[2], code;

  if (definition_find (definition, "tpm0") == NULL || folder == NULL)
    return ENOENT;
  if (strchr (folder, ',') != NULL)
    return EINVAL; /* swtpm's options have no way to write one */
  if (mkdir (folder, 0700) != 0 && errno != EEXIST)
    return errno;
  if (!message_stream_pair (ends))
    return errno;
  g_ptr_array_add (options, g_strdup ("socket"));
  g_ptr_array_add (options, g_strdup ("--tpm2"));
  g_ptr_array_add (options, g_strdup ("--tpmstate"));
  g_ptr_array_add (options, g_strdup_printf ("dir=%s,mode=0600", folder));
  g_ptr_array_add (options, g_strdup ("--ctrl"));
  g_ptr_array_add (options, g_strdup_printf ("type=unixio,clientfd=%d", CHILD_EXTRA));
  g_ptr_array_add (options, g_strdup ("--terminate"));
  code = start_program (broker, "swtpm", TRUE, options, ends[1], number, NULL);
  close (ends[1]);
  if (code == 0)
    *fd = ends[0];
  else
    close (ends[0]);
  return code;
}

/* An errno, or 0 and the helper's socket. */
static int
start_helper (void *opaque, unsigned helper, unsigned index, unsigned *number, int *fd)
{
  switch ((FamilyHelper)helper)
    {
    case FAMILY_HELPER_VNC:
      return start_program (opaque, "vivarium-vnc", FALSE, NULL, -1, number, fd);
    case FAMILY_HELPER_NET:
      return start_network (opaque, index, number, fd);
    case FAMILY_HELPER_SHARE:
      return start_share (opaque, index, number, fd);
    case FAMILY_HELPER_USB:
      return start_usb (opaque, index, number, fd);
    case FAMILY_HELPER_TPM:
      return start_tpm (opaque, number, fd);
    default:
      return EINVAL;
    }
}

static int
end_helper (void *opaque, unsigned number)
{
  Broker *broker = opaque;

  for (guint i = 0; i < broker->helpers->len; i++)
    if (g_array_index (broker->helpers, FamilyProcess, i).number == number)
      {
        family_end (&g_array_index (broker->helpers, FamilyProcess, i));
        g_array_remove_index (broker->helpers, i);
        return 0;
      }
  return ESRCH;
}

/* Only the monitor knows how many screens there are. */
static int
listen_beside (void *opaque, unsigned screen, int *fd)
{
  Broker *broker = opaque;
  g_autofree char *actual = NULL;
  g_autoptr (GError) error = NULL;

  /* Once, as the first screen's. */
  if (broker->vnc.addresses == NULL || broker->beside >> screen & 1)
    return ENOENT;
  broker->beside |= 1u << screen;
  *fd = vnc_listen_beside (broker->vnc.addresses[0], screen, broker->vnc_public, &actual, &error);
  if (*fd >= 0)
    return 0;
  g_printerr ("%s\n", error->message);
  return EADDRINUSE;
}

/* Whoever the user has put there; nobody but the user can. */
static int
connect_vsock (void *opaque, unsigned port, int *fd)
{
  const Broker *broker = opaque;

  if (broker->vsock == NULL)
    return ENOENT;
  g_autofree char *path = vsock_socket_port_path (broker->vsock, port);
  *fd = vsock_socket_connect (path);
  return *fd >= 0 ? 0 : ECONNREFUSED;
}

static int
open_serial (void *opaque, unsigned number, gboolean again, int *fd, char *name)
{
  return broker_serials_open (broker_files_definition (((Broker *)opaque)->files), number, again, fd, name);
}

static const BrokerQuestionFuncs question_funcs
    = { tell, start_helper, end_helper, listen_beside, connect_vsock, open_serial };

/* FALSE: it says what no monitor says and is ended, or is going. */
static gboolean
answer_one (Broker *broker)
{
  unsigned op;

  switch (broker_questions_answer (&broker->questions, broker->monitor.socket, &op))
    {
    case BROKER_ANSWERED:
      return TRUE;
    case BROKER_LIED:
      g_printerr ("The monitor has said what no monitor says (%u); it is ended.\n", op);
      kill (broker->monitor.pid, SIGKILL);
      return FALSE;
    case BROKER_GONE:
      break;
    }
  return FALSE;
}

/* What other machines' brokers left that were killed. */
static void
sweep_beside (const char *socket)
{
  g_autofree char *directory = g_path_get_dirname (socket);

  control_socket_sweep_all (directory);
}

static gboolean
start (Broker *broker, GError **error)
{
  Options *o = &broker->options;

  if (!broker_log_open (&broker->log))
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "No pipe: %s", g_strerror (errno));
      return FALSE;
    }
  broker_log_take_ours (&broker->log);
  if (!viv_folder_lock_to_run (o->definition, &o->lock_fd, error))
    return FALSE;
  if (o->socket != NULL)
    broker->place = control_socket_new (o->socket, error);
  if (o->socket != NULL && broker->place == NULL)
    return FALSE;
  if (o->socket != NULL)
    sweep_beside (o->socket);
  broker->files = broker_files_new (o->definition, o->folder, o->load, error);
  if (broker->files == NULL)
    return FALSE;
  g_autofree char *sockets = o->socket != NULL ? g_path_get_dirname (o->socket) : viv_runtime_dir (NULL);
  broker_networks_begin (&broker->networks, broker_files_definition (broker->files), sockets);
  /* From here on no program that is started has more rights than we. */
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  g_autofree char *known = path_of_no_namespaces (broker);
  o->no_namespaces = known != NULL && is_fresh (known);
  broker->snapshots = broker_snapshots_new (broker_files_definition (broker->files)->folder);
  broker_questions_begin (&broker->questions, broker->files, broker->snapshots, &question_funcs, broker);
  if (broker->place != NULL)
    broker_files_add (broker->files, FAMILY_FILE_LISTENER,
                      fcntl (control_socket_fd (broker->place), F_DUPFD_CLOEXEC, 0));
  return open_vnc (broker, error) && open_vsock (broker, error) && start_monitor (broker, error);
}

/* -- Loop ----------------------------------------------------------------------------------------- */

static void
ask_to_end (Broker *broker)
{
  kill (broker->monitor.pid, SIGTERM);
  if (broker->asked_to_end == 0)
    broker->asked_to_end = g_get_monotonic_time ();
}

static void
bury_helpers (Broker *broker, const struct pollfd *waits)
{
  for (guint i = broker->helpers->len; i-- > 0;)
    if (waits == NULL || waits[i].revents != 0)
      {
        family_end (&g_array_index (broker->helpers, FamilyProcess, i));
        g_array_remove_index (broker->helpers, i);
      }
}

static int
time_left (const Broker *broker)
{
  if (broker->asked_to_end == 0)
    return -1;
  return (int)(MAX (broker->asked_to_end + END_TIMEOUT_US - g_get_monotonic_time (), 0) / 1000) + 1;
}

/* Until the monitor has ended. */
static void
attend (Broker *broker, int signals)
{
  enum
  {
    MONITOR,
    SIGNALS,
    QUESTIONS,
    LOG,
    OWNER,
    HELPERS,
  };
  struct signalfd_siginfo info;

  for (;;)
    {
      struct pollfd waits[HELPERS + FAMILY_MOST_HELPERS] = {
        [MONITOR] = { broker->monitor.pid_fd, POLLIN, 0 },   [SIGNALS] = { signals, POLLIN, 0 },
        [QUESTIONS] = { broker->monitor.socket, POLLIN, 0 }, [LOG] = { broker->log.read_end, POLLIN, 0 },
        [OWNER] = { broker->options.owner_fd, 0, 0 },
      };
      unsigned n_helpers = MIN (broker->helpers->len, G_N_ELEMENTS (waits) - HELPERS);

      for (unsigned i = 0; i < n_helpers; i++)
        waits[HELPERS + i]
            = (struct pollfd){ g_array_index (broker->helpers, FamilyProcess, i).pid_fd, POLLIN, 0 };
      if (poll (waits, HELPERS + n_helpers, time_left (broker)) < 0 && errno != EINTR)
        return;
      if (broker->asked_to_end != 0 && time_left (broker) <= 1)
        return;
      if (waits[LOG].revents != 0)
        broker_log_read (&broker->log);
      if (waits[QUESTIONS].revents != 0 && !answer_one (broker))
        {
          close (broker->monitor.socket);
          broker->monitor.socket = -1;
        }
      if (waits[SIGNALS].revents != 0 && read (signals, &info, sizeof info) == (ssize_t)sizeof info)
        {
          broker->end_now = info.ssi_signo == SIGQUIT;
          if (broker->end_now)
            return;
          ask_to_end (broker);
        }
      if (waits[OWNER].revents != 0)
        {
          ask_to_end (broker);
          close (broker->options.owner_fd);
          broker->options.owner_fd = -1;
        }
      if (waits[MONITOR].revents != 0)
        return;
      bury_helpers (broker, waits + HELPERS);
    }
}

/* Ends as the monitor did, so that who started us sees what became of it. */
static int
end_as (int status)
{
  if (WIFEXITED (status))
    return WEXITSTATUS (status);
  if (WIFSIGNALED (status))
    {
      sigset_t one;

      signal (WTERMSIG (status), SIG_DFL);
      sigemptyset (&one);
      sigaddset (&one, WTERMSIG (status)); /* others may be pending */
      sigprocmask (SIG_UNBLOCK, &one, NULL);
      raise (WTERMSIG (status));
    }
  return 1;
}

/* The wait(2) status. */
static int
run (Broker *broker, int signals)
{
  g_autoptr (GError) error = NULL;
  int status;

  for (;;)
    {
      attend (broker, signals);
      /* What it has said before its end. */
      while (broker->monitor.socket >= 0 && !broker->questions.ready && answer_one (broker))
        {
          struct pollfd wait = { broker->monitor.socket, POLLIN, 0 };
          if (poll (&wait, 1, 0) <= 0)
            break;
        }
      status = family_end (&broker->monitor);
      if (broker->asked_to_end != 0 || broker->end_now || !WIFEXITED (status)
          || WEXITSTATUS (status) != FAMILY_EXIT_NO_NAMESPACES || broker->questions.heard
          || broker->options.no_namespaces)
        return status;
      broker->options.no_namespaces = TRUE;
      g_autofree char *known = path_of_no_namespaces (broker);
      int fd = known != NULL ? open (known, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
      if (fd >= 0)
        {
          futimens (fd, NULL);
          close (fd);
        }
      if (!start_monitor (broker, &error))
        {
          g_printerr ("%s\n", error->message);
          return 1 << 8;
        }
    }
}

static int
catch_signals (void)
{
  sigset_t caught;

  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&caught);
  sigaddset (&caught, SIGTERM);
  sigaddset (&caught, SIGINT);
  sigaddset (&caught, SIGHUP);
  sigaddset (&caught, SIGQUIT);
  sigprocmask (SIG_BLOCK, &caught, NULL);
  return signalfd (-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Names of sockets that nobody listens on any more. */
static void
tidy_vnc (const Broker *broker)
{
  if (broker->vnc.addresses == NULL)
    return;
  vnc_listen_tidy (broker->vnc.addresses[0]);
  for (unsigned screen = FAMILY_FILE_VNC; screen < FAMILY_FILE_VNC_LAST; screen++)
    {
      g_autofree char *address
          = g_strdup_printf ("%s.%u", broker->vnc.addresses[0], screen - FAMILY_FILE_VNC + 1);
      vnc_listen_tidy (address);
    }
}

int
main (int argc, char **argv)
{
  const struct rlimit no_core = { 0, 0 };
  g_autoptr (GError) error = NULL;
  Broker broker = { .log = { -1, -1, 0 }, .monitor = { 0, -1, -1 } };
  int signals, status = 1 << 8;

  /* What it says to people; each further part of a locale is a file to read. */
  setlocale (LC_CTYPE, "");
  setlocale (LC_MESSAGES, "");
  viv_bind_text_domain ();
  setrlimit (RLIMIT_CORE, &no_core);
  signals = catch_signals ();
  broker.helpers = g_array_new (FALSE, FALSE, sizeof (FamilyProcess));
  g_queue_init (&broker.starts);
  if (!parse_options (argc, argv, &broker.options, &error) || !start (&broker, &error))
    g_printerr ("%s\n", error->message);
  else
    status = run (&broker, signals);
  bury_helpers (&broker, NULL);
  broker_networks_end (&broker.networks);
  broker_log_close (&broker.log);
  /* Another machine's, if this one had no place. */
  if (broker.options.qtest != NULL && broker.files != NULL)
    unlink (broker.options.qtest);
  broker_snapshots_free (broker.snapshots);
  if (broker.files != NULL)
    broker_serials_tidy (broker_files_definition (broker.files));
  broker_files_free (broker.files);
  tidy_vnc (&broker);
  /* Behind what its lock file has a note of.  The folder's lock goes last, with the process: nobody has the folder while anything of us is there. */
  control_socket_free (broker.place);
  g_free (broker.vsock);
  vnc_listeners_clear (&broker.vnc);
  g_array_unref (broker.helpers);
  g_queue_clear_full (&broker.starts, g_free);
  options_clear (&broker.options);
  return end_as (status);
}
