/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * no_new_privs, Landlock and seccomp for all threads.
 */
#define G_LOG_DOMAIN "confine"

#include "confine/sandbox.h"

#include "confine/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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
static gboolean seccomp_on;

gboolean
sandbox_restricts_files (void)
{
  return landlock_abi > 0;
}

gboolean
sandbox_restricts_calls (void)
{
  return seccomp_on;
}

static gboolean
fail (GError **error, int code, const char *what)
{
  g_set_error (
      error, G_IO_ERROR, g_io_error_from_errno (code),
      "The monitor can't be confined: %s: %s. To run the machine without that protection, set VIVARIUM_SANDBOX=0.",
      what, g_strerror (code));
  return FALSE;
}

/* -- Landlock ------------------------------------------------------------------------------------- */

/* Rights that came after ABI 2; headers of that age don't have them. */
#define ACCESS_TRUNCATE (1ULL << 14) /* LANDLOCK_ACCESS_FS_TRUNCATE, ABI 3 */

/* A ruleset of ABI 4; older kernels take the first field alone. */
typedef struct
{
  uint64_t files, net;
} Ruleset;
#define CONNECT_TCP (1ULL << 1) /* LANDLOCK_ACCESS_NET_CONNECT_TCP, ABI 4 */

#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)
#define FOLDER_RIGHTS                                                                         \
  (FILE_RIGHTS | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE               \
   | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK \
   | LANDLOCK_ACCESS_FS_REFER)
#define ALL_RIGHTS                                                                                          \
  (FOLDER_RIGHTS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_FIFO \
   | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

#define THREAD_TIMEOUT_US (2 * G_USEC_PER_SEC)

/* The C library has no wrappers for these. */
static int
create_ruleset (const Ruleset *attr, size_t size, uint32_t flags)
{
  return (int)syscall (SYS_landlock_create_ruleset, attr, size, flags);
}

static int
restrict_self (int ruleset)
{
  return (int)syscall (SYS_landlock_restrict_self, ruleset, 0);
}

static uint64_t
known_rights (int abi)
{
  uint64_t rights = ALL_RIGHTS;

  if (abi < 2)
    rights &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
  if (abi < 3)
    rights &= ~(uint64_t)ACCESS_TRUNCATE;
  return rights;
}

/* A path that isn't there, or can't be reached, needs no rule. */
static gboolean
allow_path (int ruleset, const char *path, uint64_t rights, GError **error)
{
  struct landlock_path_beneath_attr rule = { .parent_fd = open (path, O_PATH | O_CLOEXEC) };
  struct stat st;
  int code = 0;

  if (rule.parent_fd < 0)
    return TRUE;
  /* A file takes no folder's rights. */
  if (fstat (rule.parent_fd, &st) != 0 || !S_ISDIR (st.st_mode))
    rights &= FILE_RIGHTS;
  rule.allowed_access = rights;
  if (syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    code = errno;
  close (rule.parent_fd);
  return code == 0 || fail (error, code, path);
}

static gboolean
allow_paths (int ruleset, const SandboxConfig *config, uint64_t known, GError **error)
{
  for (const char *const *p = config->folders; p != NULL && *p != NULL; p++)
    if (!allow_path (ruleset, *p, FOLDER_RIGHTS & known, error))
      return FALSE;
  for (const char *const *p = config->files; p != NULL && *p != NULL; p++)
    if (!allow_path (ruleset, *p, FILE_RIGHTS & known, error))
      return FALSE;
  return allow_path (ruleset, "/dev/null", FILE_RIGHTS & known, error);
}

/* Landlock confines the calling thread and those it starts later, so each thread that runs already does it in a signal's
 * handler, as the C library does to change the user id of all threads. */
static struct
{
  int ruleset;
  int answers, failures; /* atomic */
} others;

static void
on_restrict_signal (int signal_number)
{
  int saved = errno;

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || restrict_self (others.ruleset) != 0)
    __atomic_add_fetch (&others.failures, 1, __ATOMIC_SEQ_CST);
  __atomic_add_fetch (&others.answers, 1, __ATOMIC_SEQ_CST);
  errno = saved;
}

/* A thread that the kernel made for itself in our process (KVM's recovery of huge pages, io_uring): runs none of our code and
 * takes no signal. */
static gboolean
is_kernels_thread (const char *thread)
{
  const unsigned long user_worker = 0x4000; /* PF_USER_WORKER of the kernel's sched.h, since Linux 6.4 */
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/stat", thread);
  g_autofree char *text = NULL;
  unsigned long flags = 0;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  /* proc(5): the name in parentheses may have any character; the 9th field is the flags. */
  const char *after = strrchr (text, ')');
  return after != NULL && sscanf (after, ") %*c %*d %*d %*d %*d %*d %lu", &flags) == 1
         && (flags & user_worker) != 0;
}

static gboolean
restrict_thread (pid_t thread, int signal_number)
{
  int before = __atomic_load_n (&others.answers, __ATOMIC_SEQ_CST);
  gint64 deadline = g_get_monotonic_time () + THREAD_TIMEOUT_US;

  if (syscall (SYS_tgkill, getpid (), thread, signal_number) != 0)
    return errno == ESRCH; /* it has ended */
  while (__atomic_load_n (&others.answers, __ATOMIC_SEQ_CST) == before)
    {
      /* It may end with the signal pending. */
      if (syscall (SYS_tgkill, getpid (), thread, 0) != 0 && errno == ESRCH)
        return TRUE;
      if (g_get_monotonic_time () > deadline)
        return FALSE;
      g_usleep (200);
    }
  return __atomic_load_n (&others.failures, __ATOMIC_SEQ_CST) == 0;
}

/* A thread not yet done may start another, so look until there is none that isn't known. */
static gboolean
restrict_others (int ruleset, GError **error)
{
  const int signal_number = SIGRTMAX - 1;
  struct sigaction action = { .sa_handler = on_restrict_signal, .sa_flags = SA_RESTART }, old;
  g_autoptr (GHashTable) done = g_hash_table_new (NULL, NULL);
  gboolean more = TRUE, ok = TRUE;

  others.ruleset = ruleset;
  others.answers = others.failures = 0;
  sigfillset (&action.sa_mask);
  sigaction (signal_number, &action, &old);
  g_hash_table_add (done, GINT_TO_POINTER ((int)gettid ()));
  while (more && ok)
    {
      g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, error);
      const char *name;

      more = FALSE;
      ok = tasks != NULL;
      while (ok && (name = g_dir_read_name (tasks)) != NULL)
        if (g_hash_table_add (done, GINT_TO_POINTER (atoi (name))) && !is_kernels_thread (name))
          {
            more = TRUE;
            ok = restrict_thread ((pid_t)atoi (name), signal_number);
            if (!ok)
              g_set_error (
                  error, G_IO_ERROR, G_IO_ERROR_FAILED,
                  "The monitor can't be confined: its thread %s doesn't take Landlock's rules. To run the "
                  "machine without that protection, set VIVARIUM_SANDBOX=0.",
                  name);
          }
    }
  /* One that comes late (a thread that timed out) must not end the process. */
  if (!ok)
    old.sa_handler = SIG_IGN;
  sigaction (signal_number, &old, NULL);
  return ok;
}

static gboolean
enter_landlock (const SandboxConfig *config, GError **error)
{
  int abi = create_ruleset (NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  Ruleset attr = { 0 };
  gboolean ok;
  int ruleset;

  if (abi < 1)
    return TRUE; /* not built in, or off at boot */
  attr.files = known_rights (abi);
  attr.net = abi >= 4 ? CONNECT_TCP : 0;
  /* Fields that a kernel doesn't know must not be there. */
  ruleset = create_ruleset (&attr, abi >= 4 ? sizeof attr : sizeof attr.files, 0);
  if (ruleset < 0)
    return fail (error, errno, "Landlock");
  ok = allow_paths (ruleset, config, attr.files, error) && restrict_others (ruleset, error);
  if (ok && restrict_self (ruleset) != 0)
    ok = fail (error, errno, "Landlock");
  close (ruleset);
  if (ok)
    landlock_abi = abi;
  return ok;
}

/* -- seccomp -------------------------------------------------------------------------------------- */

static gboolean trapping;

/* On such a thread.  All that it could lose without is depth, and it is a user's machine that would end. */
static void
confine_thread (ThreadKind kind)
{
  int code = calls_confine_thread (kind, trapping);

  if (code != 0)
    g_warning ("sandbox: a thread has only the list of all: %s", g_strerror (-code));
}

static gboolean
enter_seccomp (gboolean trap, GError **error)
{
  int code;

  if (SANITIZED)
    return TRUE;
  /* A kernel without seccomp says EINVAL. */
  if (prctl (PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
    return TRUE;
  code = calls_confine (trap);
  if (code != 0)
    return fail (error, -code, "seccomp");
  seccomp_on = TRUE;
  trapping = trap;
  thread_kind_set_func (confine_thread);
  return TRUE;
}

/* -- Both ----------------------------------------------------------------------------------------- */

gboolean
sandbox_enter (const SandboxConfig *config, GError **error)
{
  g_autofree char *files = NULL;

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail (error, errno, "no_new_privs");
  if (!enter_landlock (config, error) || !enter_seccomp (config->trap, error))
    return FALSE;
  files = landlock_abi > 0
              ? g_strdup_printf ("Landlock ABI %d", landlock_abi)
              : g_strdup ("no Landlock (this kernel has none, or it is off: the monitor may write "
                          "wherever you may)");
  g_message ("sandbox: %s, seccomp %s", files,
             seccomp_on  ? "on"
             : SANITIZED ? "off (a build with a sanitizer)"
                         : "off (this kernel has none)");
  return TRUE;
}
