/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor, taken over: its own objects, and behind its walls operations of ops.c on one of its threads.
 *
 *   VIVARIUM_ATTACK=OP[,OP…][@main|vcpu|block]   what and where; each prints its errno, then the process ends
 *   VIVARIUM_ATTACK_WALLS=all|filter|landlock[=ABI]|namespaces|flatpak|none   flatpak: all but namespaces
 *   VIVARIUM_ATTACK_PREY=FOLDER:OUTSIDE:SIBLING:DATAGRAMS:VICTIM:PORT
 *
 * The linker gives us the calls by which the monitor builds its walls (--wrap), so one wall is left out and an older kernel is shown without
 * a switch in the product.
 */
#include "base/thread-kind.h"
#include "confine/sandbox.h"
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct
{
  char **names, *thread;
  gboolean filter, namespaces;
  int landlock; /* highest ABI; 0: none */
  gboolean up;  /* atomic */
  Prey prey;
} attack;

/* -- Walls ---------------------------------------------------------------------------------------- */

long __real_syscall (long number, ...);
long __wrap_syscall (long number, ...);
gboolean __real_sandbox_narrow (GError **error);
gboolean __wrap_sandbox_narrow (GError **error);
void __real_thread_kind_begin (ThreadKind kind);
void __wrap_thread_kind_begin (ThreadKind kind);
ssize_t __wrap_preadv64v2 (int fd, const struct iovec *iov, int n_iov, off_t offset, int flags);

long
__wrap_syscall (long number, ...)
{
  long a[6], answer;
  va_list list;

  va_start (list, number);
  for (unsigned i = 0; i < G_N_ELEMENTS (a); i++)
    a[i] = va_arg (list, long);
  va_end (list);
  if (number == SYS_unshare && !attack.namespaces)
    {
      errno = EPERM;
      return -1;
    }
  if (number == SYS_landlock_create_ruleset && attack.landlock == 0)
    {
      errno = EOPNOTSUPP;
      return -1;
    }
  /* The filter, not one that an operation would add. */
  if (number == SYS_seccomp && !attack.filter && !g_atomic_int_get (&attack.up))
    return 0;
  answer = __real_syscall (number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (number == SYS_landlock_create_ruleset && a[2] == LANDLOCK_CREATE_RULESET_VERSION)
    answer = MIN (answer, attack.landlock);
  return answer;
}

/* -- The operations -------------------------------------------------------------------------------- */

static void
run_ops (void)
{
  char line[96];

  for (char **name = attack.names; *name != NULL; name++)
    {
      int code = op_find (*name) (&attack.prey);
      int n = snprintf (line, sizeof line, "%s: %s\n", *name, code == 0 ? "works" : strerrorname_np (code));

      if (write (STDOUT_FILENO, line, (size_t)n) != n)
        _exit (3);
    }
  _exit (0);
}

static gboolean
on_idle (gpointer data)
{
  run_ops ();
  return G_SOURCE_REMOVE;
}

gboolean
__wrap_sandbox_narrow (GError **error)
{
  if (!__real_sandbox_narrow (error))
    return FALSE;
  if (g_str_equal (attack.thread, "main"))
    g_idle_add (on_idle, NULL);
  g_atomic_int_set (&attack.up, TRUE);
  return TRUE;
}

/* A processor's or a disk's thread, behind its own wall if it has one. */
void
__wrap_thread_kind_begin (ThreadKind kind)
{
  __real_thread_kind_begin (kind);
  if (g_atomic_int_get (&attack.up)
      && g_str_equal (attack.thread, kind == THREAD_PROCESSOR ? "vcpu" : "block"))
    run_ops ();
}

/* Nothing is in the host's cache, so it is a block thread that reads. */
ssize_t
__wrap_preadv64v2 (int fd, const struct iovec *iov, int n_iov, off_t offset, int flags)
{
  errno = EAGAIN;
  return -1;
}

/* -- Beginning ------------------------------------------------------------------------------------ */

static void
give_up (const char *text)
{
  fprintf (stderr, "attack: %s\n", text);
  exit (2);
}

static void
read_walls (const char *walls)
{
  gboolean all = g_str_equal (walls, "all"), flatpak = g_str_equal (walls, "flatpak");

  attack.filter = all || flatpak || g_str_equal (walls, "filter");
  attack.namespaces = all || g_str_equal (walls, "namespaces");
  if (all || flatpak || g_str_equal (walls, "landlock"))
    attack.landlock = G_MAXINT;
  else if (g_str_has_prefix (walls, "landlock="))
    attack.landlock = atoi (strchr (walls, '=') + 1);
  else if (!attack.filter && !attack.namespaces && !g_str_equal (walls, "none"))
    give_up ("VIVARIUM_ATTACK_WALLS=all|filter|landlock[=ABI]|namespaces|flatpak|none");
}

static void
read_prey (const char *text)
{
  char **words = g_strsplit (text, ":", -1);

  if (g_strv_length (words) != 6)
    give_up ("VIVARIUM_ATTACK_PREY=FOLDER:OUTSIDE:SIBLING:DATAGRAMS:VICTIM:PORT");
  Prey *prey = &attack.prey;
  g_autofree char *disk = g_build_filename (words[0], "disk", NULL);
  g_autofree char *file = g_build_filename (words[1], "file", NULL);
  *prey = (Prey){ .folder = words[0],
                  .outside = words[1],
                  .sibling = words[2],
                  .datagrams = words[3],
                  .victim = (pid_t)atoi (words[4]),
                  .tcp_port = atoi (words[5]),
                  .file_ro = open (file, O_RDONLY | O_CLOEXEC),
                  .file_rw = open (disk, O_RDWR | O_CLOEXEC),
                  .memfd = memfd_create ("attack", MFD_CLOEXEC) };
  if (prey->file_ro < 0 || prey->file_rw < 0 || prey->memfd < 0 || ftruncate (prey->memfd, 4096) < 0
      || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, prey->pair) < 0)
    give_up (strerror (errno));
  prey->unit_rw = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, prey->memfd, 0);
}

/* Before main(), which is the monitor's own. */
__attribute__ ((constructor)) static void
begin (void)
{
  const char *what = getenv ("VIVARIUM_ATTACK"), *walls = getenv ("VIVARIUM_ATTACK_WALLS"),
             *prey = getenv ("VIVARIUM_ATTACK_PREY");

  if (what == NULL)
    {
      op_list ();
      exit (0);
    }
  char **words = g_strsplit (what, "@", 2);
  attack.names = g_strsplit (words[0], ",", -1);
  attack.thread = words[1] != NULL ? words[1] : g_strdup ("main");
  for (char **name = attack.names; *name != NULL; name++)
    if (op_find (*name) == NULL)
      give_up ("no such operation");
  read_walls (walls != NULL ? walls : "all");
  read_prey (prey != NULL ? prey : "");
}
