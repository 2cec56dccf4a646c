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
#include "attack.h"
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
  char *thread;
  gboolean filter, namespaces;
  int landlock; /* highest ABI; 0: none */
  gboolean up;  /* atomic */
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

static gboolean
on_idle (gpointer data)
{
  attack_run ();
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
    attack_run ();
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
    attack_give_up ("VIVARIUM_ATTACK_WALLS=all|filter|landlock[=ABI]|namespaces|flatpak|none");
}

/* Before main(), which is the monitor's own. */
__attribute__ ((constructor)) static void
begin (void)
{
  const char *what = getenv ("VIVARIUM_ATTACK"), *walls = getenv ("VIVARIUM_ATTACK_WALLS");

  if (what == NULL)
    {
      op_list ();
      exit (0);
    }
  char **words = g_strsplit (what, "@", 2);
  attack_read (words[0]);
  attack.thread = words[1] != NULL ? words[1] : g_strdup ("main");
  read_walls (walls != NULL ? walls : "all");
}
