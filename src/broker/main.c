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

#include "broker/family.h"
#include "broker/files.h"
#include "broker/helpers.h"
#include "broker/log.h"
#include "broker/networks.h"
#include "broker/questions.h"
#include "broker/serials.h"
#include "broker/snapshots.h"
#include "machine/control-socket.h"
#include "machine/folder-lock.h"
#include "machine/paths.h"
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
  BrokerHelpers helpers;
  char *vsock;         /* where clients of vsock0 come; NULL: there is none */
  unsigned beside;     /* a bit a screen that has had its listener */
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
start_helper (void *opaque, unsigned helper, unsigned index, unsigned *number, int *fd)
{
  return broker_helpers_start (&((Broker *)opaque)->helpers, helper, index, number, fd);
}

static int
end_helper (void *opaque, unsigned number)
{
  return broker_helpers_end (&((Broker *)opaque)->helpers, number);
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
  broker->helpers.definition = broker_files_definition (broker->files);
  broker->helpers.networks = &broker->networks;
  broker->helpers.log = broker->log.write_end;
  broker->helpers.no_namespaces = o->no_namespaces;
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
      const unsigned n_helpers = broker_helpers_wait (&broker->helpers, waits + HELPERS);

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
      /* Not by `waits`: an answer may have ended or started some. */
      broker_helpers_bury (&broker->helpers);
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
      broker->options.no_namespaces = broker->helpers.no_namespaces = TRUE;
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
  broker_helpers_begin (&broker.helpers);
  if (!parse_options (argc, argv, &broker.options, &error) || !start (&broker, &error))
    g_printerr ("%s\n", error->message);
  else
    status = run (&broker, signals);
  broker_helpers_clear (&broker.helpers);
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
  options_clear (&broker.options);
  return end_as (status);
}
