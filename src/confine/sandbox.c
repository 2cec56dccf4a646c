/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Namespaces, Landlock and seccomp.
 */
#define G_LOG_DOMAIN "confine"

#include "confine/sandbox.h"

#include "base/family.h"
#include "confine/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int landlock_abi; /* 0: Landlock doesn't hold */
static gboolean seccomp_on, trapping;
static const char *no_namespaces = "this host refused them"; /* why there are none; NULL: there are */
static char *walls;

gboolean
sandbox_is_sanitized (void)
{
  return SANITIZED;
}

const char *
sandbox_walls (void)
{
  return walls != NULL ? walls : "none";
}

static gboolean
fail (GError **error, int code, const char *what)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "The process can't be confined: %s: %s.",
               what, g_strerror (code));
  return FALSE;
}

/* -- Namespaces ----------------------------------------------------------------------------------- */

static gboolean
write_file (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean ok = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t)strlen (text);

  if (fd >= 0)
    close (fd);
  return ok;
}

/* user_namespaces(7): each number for itself, and no groups to drop. */
static gboolean
map_ids (uid_t uid, gid_t gid)
{
  g_autofree char *users = g_strdup_printf ("%u %u 1", (unsigned)uid, (unsigned)uid);
  g_autofree char *groups = g_strdup_printf ("%u %u 1", (unsigned)gid, (unsigned)gid);

  return write_file ("/proc/self/setgroups", "deny") && write_file ("/proc/self/uid_map", users)
         && write_file ("/proc/self/gid_map", groups);
}

/* pivot_root(2): the new root over the old one, and away with that. */
static gboolean
empty_root (void)
{
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

  return mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
         && mount ("none", "/tmp", "tmpfs", flags, "size=4k,nr_inodes=2,mode=500") == 0 && chdir ("/tmp") == 0
         && syscall (SYS_pivot_root, ".", ".") == 0 && umount2 (".", MNT_DETACH) == 0 && chdir ("/") == 0
         && mount (NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) == 0;
}

/* Those in the namespace; there are none outside of it. */
static gboolean
drop_capabilities (void)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct none[2] = { 0 };

  (void)prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return syscall (SYS_capset, &header, none) == 0;
}

static void
enter_namespaces (void)
{
  const uid_t uid = geteuid ();
  const gid_t gid = getegid ();

  /* By number: a test takes this wall away. */
  if (syscall (SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
    {
      no_namespaces = g_strerror (errno);
      return;
    }
  /* Half a namespace is none: who started us does it again without. */
  if (!map_ids (uid, gid) || !empty_root () || !drop_capabilities ())
    _exit (FAMILY_EXIT_NO_NAMESPACES);
  no_namespaces = NULL;
}

/* -- Landlock ------------------------------------------------------------------------------------- */

/* Rights and fields that came after ABI 2; headers of that age don't have them. */
#define ACCESS_TRUNCATE  (1ULL << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, ABI 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* LANDLOCK_ACCESS_FS_IOCTL_DEV, ABI 5 */

/* A ruleset of ABI 6; older kernels take the first field (to ABI 3) or two (to ABI 5). */
typedef struct
{
  uint64_t files, net, scopes;
} Ruleset;
#define NET_ALL    3ULL /* LANDLOCK_ACCESS_NET_BIND_TCP, _CONNECT_TCP */
#define SCOPES_ALL 3ULL /* LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, _SIGNAL */

/* All of ABI 1. */
#define FILES_ALL ((1ULL << 13) - 1)

static uint64_t
known_rights (int abi)
{
  return FILES_ALL | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | (abi >= 3 ? ACCESS_TRUNCATE : 0)
         | (abi >= 5 ? ACCESS_IOCTL_DEV : 0);
}

/* What isn't there needs no rule. */
static gboolean
let_read (int ruleset, const char *path)
{
  const int fd = open (path, O_PATH | O_CLOEXEC);
  struct landlock_path_beneath_attr rule
      = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = fd };
  struct stat info;
  gboolean ok;

  if (fd < 0)
    return TRUE;
  if (fstat (fd, &info) == 0 && S_ISDIR (info.st_mode))
    rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
  ok = syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  close (fd);
  return ok;
}

/* Everything is handled, and nothing allowed but what is named. */
static gboolean
enter_landlock (const SandboxConfig *config, GError **error)
{
  int abi = (int)syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  Ruleset attr = { 0 };
  size_t size = abi >= 6 ? sizeof attr : abi >= 4 ? 2 * sizeof attr.files : sizeof attr.files;

  if (abi < 1)
    return TRUE; /* not built in, or off at boot */
  attr.files = known_rights (abi);
  attr.net = abi >= 4 && !config->network ? NET_ALL : 0;
  attr.scopes = abi >= 6 ? SCOPES_ALL : 0;
  int ruleset = (int)syscall (SYS_landlock_create_ruleset, &attr, size, 0);
  gboolean ok = ruleset >= 0;
  for (const char *const *path = config->readable; ok && path != NULL && *path != NULL; path++)
    ok = let_read (ruleset, *path);
  ok = ok && syscall (SYS_landlock_restrict_self, ruleset, 0) == 0;
  int code = errno;

  if (ruleset >= 0)
    close (ruleset);
  if (!ok)
    return fail (error, code, "Landlock");
  landlock_abi = abi;
  return TRUE;
}

/* -- seccomp -------------------------------------------------------------------------------------- */

/* On such a thread.  All that it could lose without is depth, and it is a user's machine that would end. */
static void
confine_thread (ThreadKind kind)
{
  int code = calls_confine_thread (kind, trapping);

  if (code != 0)
    g_warning ("sandbox: a thread has only the list of all: %s", g_strerror (-code));
}

static gboolean
enter_seccomp (const SandboxConfig *config, GError **error)
{
  int code;

  if (SANITIZED)
    return TRUE;
  /* The wall that stops most, and every kernel that we know of has it: without it no guest is run. */
  if (prctl (PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
    return fail (error, errno, "this kernel has no seccomp");
  code = config->network  ? calls_confine_network (config->trap)
         : config->usb    ? calls_confine_usb (config->trap)
         : config->helper ? calls_confine_helper (config->trap)
                          : calls_confine_start (config->trap);
  if (code != 0)
    return fail (error, -code, "seccomp");
  seccomp_on = TRUE;
  trapping = config->trap;
  return TRUE;
}

/* -- All ------------------------------------------------------------------------------------------ */

#ifndef PR_SET_MDWE /* Linux 6.3 */
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static void
describe (void)
{
  g_autofree char *spaces = no_namespaces != NULL ? g_strdup_printf ("no namespaces (%s)", no_namespaces)
                                                  : g_strdup ("namespaces");
  g_autofree char *files = landlock_abi > 0 ? g_strdup_printf ("Landlock ABI %d", landlock_abi)
                                            : g_strdup ("no Landlock (this kernel has none, or it is off)");

  walls = g_strdup_printf ("%s, %s, %s", spaces, files,
                           seccomp_on ? "seccomp" : "no seccomp (a build with a sanitizer)");
}

gboolean
sandbox_enter (const SandboxConfig *config, GError **error)
{
  const struct rlimit no_core = { 0, 0 };
  const pid_t parent = getppid ();

  if (config->network)
    no_namespaces = "its outside end is the network";
  else if (config->namespaces)
    enter_namespaces ();
  /* After the change of credentials, which would forget it. */
  prctl (PR_SET_PDEATHSIG, config->usb ? 0 : SIGKILL, 0, 0, 0);
  if (getppid () != parent)
    _exit (1); /* it ended meanwhile */
  setrlimit (RLIMIT_CORE, &no_core);
  if (!SANITIZED)
    {
      prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
      (void)prctl (PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
    }
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail (error, errno, "no_new_privs");
  if (!enter_landlock (config, error) || !enter_seccomp (config, error))
    return FALSE;
  describe ();
  g_message ("sandbox: %s", walls);
  return TRUE;
}

gboolean
sandbox_narrow (GError **error)
{
  int code;

  if (!seccomp_on)
    return TRUE;
  code = calls_confine (trapping);
  if (code != 0)
    return fail (error, -code, "seccomp");
  thread_kind_set_func (confine_thread);
  return TRUE;
}
