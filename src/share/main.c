/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-share: becomes virtiofsd for one folder, behind walls.  A machine's broker starts it, the folder from the definition; the monitor gets a connection
 * in the first message of the socket, or an errno: ENOENT (no virtiofsd here), ENOTDIR (no such folder), EPERM (it can't be confined).
 *
 * Walls: namespaces of its own for mounts and the network, and for users where it isn't root, in which the user is root and there is nobody else.  A folder
 * that is only to be read is mounted so, whatever is asked of virtiofsd.  virtiofsd adds its own: the folder as root, processes, a list of system calls.
 */
#define G_LOG_DOMAIN "viv-share"

#include "config.h"

#include "base/child.h"
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct
{
  const char *folder;
  gboolean readonly;
} Options;

static void G_GNUC_NORETURN
fail (int code, const char *what)
{
  message_send (CHILD_SOCKET, &(Message){ .result = code }, NULL, 0);
  fprintf (stderr, "vivarium-share: %s\n", what);
  _exit (1);
}

static gboolean
parse (int argc, char **argv, Options *o)
{
  for (int i = 1; i < argc; i++)
    if (g_str_equal (argv[i], "--readonly"))
      o->readonly = TRUE;
    else if (g_str_equal (argv[i], "--folder") && i + 1 < argc)
      o->folder = argv[++i];
    else if (g_str_equal (argv[i], "--socket") && i + 1 < argc)
      i++;
    else if (!g_str_equal (argv[i], "--no-namespaces"))
      return FALSE;
  return o->folder != NULL && o->folder[0] == '/';
}

static gboolean
put (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  const gboolean ok = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t)strlen (text);

  if (fd >= 0)
    close (fd);
  return ok;
}

/* Root of a namespace where there is only this user. */
static gboolean
enter_namespaces (void)
{
  const uid_t uid = geteuid ();
  const gid_t gid = getegid ();
  g_autofree char *uids = g_strdup_printf ("0 %u 1", uid), *gids = g_strdup_printf ("0 %u 1", gid);
  const pid_t parent = getppid ();

  if (unshare (CLONE_NEWNS | CLONE_NEWNET | (uid != 0 ? CLONE_NEWUSER : 0)) < 0
      || (uid != 0
          && (!put ("/proc/self/setgroups", "deny") || !put ("/proc/self/uid_map", uids)
              || !put ("/proc/self/gid_map", gids)))
      || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return FALSE;
  /* Forgotten where rights have changed. */
  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  return getppid () == parent;
}

static gboolean
make_readonly (const char *folder)
{
  struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

  return mount (folder, folder, NULL, MS_BIND | MS_REC, NULL) == 0
         && mount_setattr (AT_FDCWD, folder, AT_RECURSIVE, &attributes, sizeof attributes) == 0;
}

/* A listener that nobody else can reach, as its name is one of this network's, and our connection to it; -1: errno. */
static int
listen_and_connect (int *connection)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t length = sizeof address.sun_family;
  int listener = socket (AF_UNIX, SOCK_STREAM, 0);

  *connection = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || *connection < 0 || bind (listener, (struct sockaddr *)&address, length) < 0
      || listen (listener, 1) < 0)
    return -1;
  length = sizeof address;
  if (getsockname (listener, (struct sockaddr *)&address, &length) < 0
      || connect (*connection, (struct sockaddr *)&address, length) < 0)
    return -1;
  return listener;
}

static const char *
find_virtiofsd (void)
{
  static const char *const places[]
      = { "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd" };
  const char *wanted = g_getenv ("VIVARIUM_VIRTIOFSD");

  if (wanted != NULL && *wanted != '\0')
    return access (wanted, X_OK) == 0 ? wanted : NULL;
  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    if (access (places[i], X_OK) == 0)
      return places[i];
  return NULL;
}

/* Of the older virtiofsd's lists of options. */
static char *
quote (const char *path)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (; *path != '\0'; path++)
    {
      if (*path == ',' || *path == '\\')
        g_string_append_c (text, '\\');
      g_string_append_c (text, *path);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

int
main (int argc, char **argv)
{
  Options o = { NULL, FALSE };
  struct rlimit files = { 0, 0 };
  struct stat info;
  int connection;

  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      printf ("vivarium-share %s\n", PACKAGE_VERSION);
      return 0;
    }
  if (!parse (argc, argv, &o))
    {
      fprintf (
          stderr,
          "vivarium-share is started by a machine's broker: vivarium-share --socket %d --folder FOLDER [--readonly]\n",
          CHILD_SOCKET);
      return 2;
    }
  const char *program = find_virtiofsd ();
  if (program == NULL)
    fail (ENOENT, "virtiofsd is not installed");
  if (stat (o.folder, &info) < 0 || !S_ISDIR (info.st_mode))
    fail (ENOTDIR, "the folder isn't there");
  if (!enter_namespaces ())
    fail (EPERM, "this host allows no namespaces");
  if (o.readonly && !make_readonly (o.folder))
    fail (EPERM, "the folder can't be made read-only");
  int listener = listen_and_connect (&connection);
  if (listener < 0)
    fail (EIO, g_strerror (errno));
  if (message_send (CHILD_SOCKET, &(Message){ .n_fds = 1 }, &connection, 0) != 0)
    return 1;
  close (CHILD_SOCKET);
  /* It holds a descriptor for each file that the guest knows; more than this it may not ask for. */
  getrlimit (RLIMIT_NOFILE, &files);
  g_autofree char *fd = g_strdup_printf ("--fd=%d", listener), *quoted = quote (o.folder);
  g_autofree char *limit = g_strdup_printf ("--rlimit-nofile=%lu", (unsigned long)files.rlim_max);
  g_autofree char *source = g_strdup_printf ("source=%s,sandbox=namespace,log_level=warn", quoted);
  g_autofree char *shared = g_strdup_printf ("--shared-dir=%s", o.folder);
  const char *const older[] = { program, fd, limit, "-f", "-o", source, NULL };
  const char *const newer[] = { program, fd, limit, "--sandbox=namespace", "--log-level=warn", shared, NULL };

  execv (program, (char *const *)(strstr (program, "/qemu/") != NULL ? older : newer));
  fprintf (stderr, "vivarium-share: %s: %s\n", program, g_strerror (errno));
  return 1;
}
