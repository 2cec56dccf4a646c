/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The attacks on files and processes, what must work, and the table of all.  Calls are made by number where a library would look first, or try another way.
 */
#include "ops-private.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>

/* -- Files ---------------------------------------------------------------------------------------- */

static char *
in (const char *folder, const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static int
opens (const char *folder, const char *name, int flags)
{
  g_autofree char *path = in (folder, name);

  return RESULT (open (path, flags | O_CLOEXEC, 0600));
}

OP (open_ini)
{
  return opens (prey->folder, "machine.ini", O_RDWR);
}
OP (create_inside)
{
  return opens (prey->folder, "new", O_RDWR | O_CREAT);
}
OP (tmpfile_inside)
{
  return opens (prey->folder, ".", O_RDWR | O_TMPFILE);
}
OP (create_outside)
{
  return opens (prey->outside, "new", O_RDWR | O_CREAT);
}
OP (write_outside)
{
  return opens (prey->outside, "file", O_RDWR);
}
OP (open_truncate)
{
  return opens (prey->outside, "file", O_RDONLY | O_TRUNC);
}
OP (read_outside)
{
  return opens (prey->outside, "file", O_RDONLY);
}
OP (read_etc)
{
  return opens ("/etc", "passwd", O_RDONLY);
}
OP (list_root)
{
  return opens ("/", ".", O_RDONLY | O_DIRECTORY);
}
OP (dev_kvm)
{
  return opens ("/dev", "kvm", O_RDONLY);
}

OP (openat2)
{
  uint64_t how[3] = { O_RDONLY, 0, 0 };

  return RESULT (syscall (437, AT_FDCWD, "/etc/passwd", how, sizeof how));
}

static int
of_victim (const Prey *prey, const char *name, int flags)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d", (int)prey->victim);

  return opens (folder, name, flags);
}

OP (victim_mem)
{
  return of_victim (prey, "mem", O_RDWR);
}
/* Code that can't be written in its place is written by way of this file. */
OP (own_mem)
{
  return opens ("/proc/self", "mem", O_RDWR);
}
OP (victim_environ)
{
  return of_victim (prey, "environ", O_RDONLY);
}

OP (reopen_rw)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", prey->file_ro);

  return RESULT (open (path, O_RDWR | O_CLOEXEC));
}

/* With the call's own number: the C library has newer ones for some. */
#define PATH_OP(name, folder_, file_, call)               \
  OP (name)                                               \
  {                                                       \
    g_autofree char *path = in (prey->folder_, file_);    \
    g_autofree char *other = in (prey->folder_, "other"); \
                                                          \
    (void)other;                                          \
    return RESULT (call);                                 \
  }

static const struct timespec epoch[2];
static const struct timeval epoch_us[2];

PATH_OP (rename_inside, folder, "machine.ini", syscall (SYS_rename, path, other))
PATH_OP (rename_outside, outside, "file", syscall (SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, 0))
PATH_OP (unlink_inside, folder, "machine.ini", syscall (SYS_unlink, path))
PATH_OP (unlink_outside, outside, "file", syscall (SYS_unlinkat, AT_FDCWD, path, 0))
PATH_OP (link_outside, outside, "file", link (path, other))
PATH_OP (symlink_inside, folder, "new", symlink ("/etc", path))
PATH_OP (symlink_outside, outside, "new", symlink ("/etc", path))
PATH_OP (mkdir_inside, folder, "new", mkdir (path, 0700))
PATH_OP (mkdir_outside, outside, "new", mkdir (path, 0700))
PATH_OP (mkfifo_outside, outside, "new", syscall (SYS_mknod, path, S_IFIFO | 0600, 0))
PATH_OP (truncate_inside, folder, "machine.ini", truncate (path, 0))
PATH_OP (truncate_outside, outside, "file", truncate (path, 0))
PATH_OP (chmod_outside, outside, "file", syscall (SYS_chmod, path, 0777))
PATH_OP (fchmodat_outside, outside, "file", syscall (SYS_fchmodat, AT_FDCWD, path, 0777))
PATH_OP (fchmodat2_outside, outside, "file", syscall (452, AT_FDCWD, path, 0777, 0))
PATH_OP (chown_outside, outside, "file", syscall (SYS_chown, path, getuid (), getgid ()))
PATH_OP (utimensat_outside, outside, "file", syscall (SYS_utimensat, AT_FDCWD, path, epoch, 0))
PATH_OP (utimes_outside, outside, "file", syscall (SYS_utimes, path, epoch_us))
PATH_OP (setxattr_outside, outside, "file", setxattr (path, "user.viv", "x", 1, 0))
PATH_OP (listxattr_outside, outside, "file", listxattr (path, NULL, 0))
PATH_OP (stat_outside, outside, "file", access (path, F_OK))
PATH_OP (inotify, outside, ".", inotify_add_watch (inotify_init1 (IN_CLOEXEC), path, IN_ALL_EVENTS))

OP (fchmod)
{
  return RESULT (syscall (SYS_fchmod, prey->file_ro, 0777));
}
OP (futimens)
{
  return RESULT (syscall (SYS_utimensat, prey->file_ro, NULL, epoch, 0));
}
OP (fsetxattr)
{
  return RESULT (fsetxattr (prey->file_rw, "user.viv", "x", 1, 0));
}
OP (flock)
{
  return RESULT (syscall (SYS_flock, prey->file_ro, 2 /* LOCK_EX */));
}
OP (chdir)
{
  return RESULT (chdir ("/"));
}

OP (readlink)
{
  char target[64];

  return RESULT (readlink ("/proc/self/exe", target, sizeof target));
}

/* -- Other processes ------------------------------------------------------------------------------ */

OP (kill)
{
  return RESULT (kill (prey->victim, 0));
}
OP (kill_group)
{
  return RESULT (kill (-1, 0));
}
OP (tkill)
{
  return RESULT (syscall (SYS_tkill, prey->victim, 0));
}
OP (tgkill)
{
  return RESULT (syscall (SYS_tgkill, prey->victim, prey->victim, 0));
}
OP (setpriority)
{
  return RESULT (setpriority (PRIO_PROCESS, (id_t)prey->victim, 19));
}
OP (ioprio)
{
  return RESULT (syscall (SYS_ioprio_set, 1, prey->victim, 3 << 13));
}
OP (pidfd_open)
{
  return RESULT (syscall (SYS_pidfd_open, prey->victim, 0));
}
OP (setpgid)
{
  return RESULT (setpgid (0, 0));
}
OP (setsid)
{
  return RESULT (setsid ());
}
OP (ptrace)
{
  return RESULT (ptrace (PTRACE_ATTACH, prey->victim, NULL, NULL));
}
OP (kcmp)
{
  return RESULT (syscall (SYS_kcmp, getpid (), prey->victim, 0, 0, 0));
}

OP (sigqueue)
{
  siginfo_t info = { .si_code = SI_QUEUE, .si_pid = getpid (), .si_uid = getuid () };

  return RESULT (syscall (SYS_rt_sigqueueinfo, prey->victim, 0, &info));
}

OP (affinity)
{
  unsigned long mask[16] = { 1 };

  return RESULT (syscall (SYS_sched_setaffinity, prey->victim, sizeof mask, mask));
}

OP (scheduler)
{
  const struct sched_param param = { 0 };

  return RESULT (syscall (SYS_sched_setscheduler, prey->victim, SCHED_BATCH, &param));
}

/* It is answered as if it had been done, since GLib's pools complain otherwise; so look whether it was. */
OP (sched_setattr)
{
  struct
  {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t times[3];
  } attr = { .size = 48, .nice = 15 };

  int code = RESULT (syscall (SYS_sched_setattr, prey->victim, &attr, 0));
  errno = 0;
  return code != 0 || getpriority (PRIO_PROCESS, (id_t)prey->victim) == 15 ? code : EALREADY;
}

OP (process_vm_writev)
{
  char byte = 0;
  struct iovec here = { &byte, 1 }, there = { (void *)prey, 1 };
  int code = RESULT (syscall (SYS_process_vm_writev, prey->victim, &here, 1, &there, 1, 0));

  return code == EFAULT ? 0 : code; /* the right was there */
}

OP (prlimit_other)
{
  const struct rlimit limit = { 0, RLIM_INFINITY };

  return RESULT (prlimit (prey->victim, RLIMIT_CORE, &limit, NULL));
}

OP (prlimit_own)
{
  const struct rlimit limit = { 0, 0 };

  return RESULT (prlimit (0, RLIMIT_CORE, &limit, NULL));
}

OP (prlimit_look)
{
  struct rlimit limit;

  return RESULT (prlimit (0, RLIMIT_NOFILE, NULL, &limit));
}

OP (timer_create)
{
  struct sigevent event = { .sigev_notify = SIGEV_NONE };
  int timer;

  return RESULT (syscall (SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
}

OP (shmget)
{
  return RESULT (shmget (IPC_PRIVATE, 4096, IPC_CREAT | 0600));
}
OP (semget)
{
  return RESULT (semget (IPC_PRIVATE, 1, IPC_CREAT | 0600));
}
OP (msgget)
{
  return RESULT (msgget (IPC_PRIVATE, IPC_CREAT | 0600));
}

OP (io_setup)
{
  unsigned long context = 0;

  return RESULT (syscall (SYS_io_setup, 1, &context));
}

/* -- What a monitor does all day ------------------------------------------------------------------ */

static void *
nothing (void *data)
{
  return data;
}

OP (thread)
{
  pthread_t thread;
  int code = pthread_create (&thread, NULL, nothing, NULL);

  return code != 0 ? code : pthread_join (thread, NULL);
}

OP (pread)
{
  char byte;

  return RESULT (pread (prey->file_ro, &byte, 1, 0));
}

OP (pwrite)
{
  return RESULT (pwrite (prey->file_rw, "x", 1, 0));
}
OP (eventfd)
{
  return RESULT (eventfd (0, EFD_CLOEXEC));
}

OP (fstat)
{
  struct stat st;

  return RESULT (fstat (prey->file_ro, &st));
}

OP (memfd)
{
  int fd = memfd_create ("op", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, 4096) < 0 || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    return errno;
  return mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0;
}

OP (fd_passing)
{
  char byte = 'x', control[CMSG_SPACE (sizeof (int))] = { 0 };
  struct iovec data = { &byte, 1 };
  struct msghdr message
      = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (header), &prey->file_ro, sizeof (int));
  if (sendmsg (prey->pair[0], &message, MSG_NOSIGNAL) < 0)
    return errno;
  return RESULT (recvmsg (prey->pair[1], &message, MSG_CMSG_CLOEXEC));
}

/* -- All ------------------------------------------------------------------------------------------ */

static const Op ops[] = {
  NAMED (open_ini),
  NAMED (create_inside),
  NAMED (tmpfile_inside),
  NAMED (create_outside),
  NAMED (write_outside),
  NAMED (open_truncate),
  NAMED (read_outside),
  NAMED (read_etc),
  NAMED (list_root),
  NAMED (dev_kvm),
  NAMED (openat2),
  NAMED (victim_mem),
  NAMED (own_mem),
  NAMED (victim_environ),
  NAMED (reopen_rw),
  NAMED (rename_inside),
  NAMED (rename_outside),
  NAMED (unlink_inside),
  NAMED (unlink_outside),
  NAMED (link_outside),
  NAMED (symlink_inside),
  NAMED (symlink_outside),
  NAMED (mkdir_inside),
  NAMED (mkdir_outside),
  NAMED (mkfifo_outside),
  NAMED (truncate_inside),
  NAMED (truncate_outside),
  NAMED (chmod_outside),
  NAMED (fchmodat_outside),
  NAMED (fchmodat2_outside),
  NAMED (chown_outside),
  NAMED (utimensat_outside),
  NAMED (utimes_outside),
  NAMED (setxattr_outside),
  NAMED (listxattr_outside),
  NAMED (stat_outside),
  NAMED (inotify),
  NAMED (fchmod),
  NAMED (futimens),
  NAMED (fsetxattr),
  NAMED (flock),
  NAMED (chdir),
  NAMED (readlink),
  NAMED (kill),
  NAMED (kill_group),
  NAMED (tkill),
  NAMED (tgkill),
  NAMED (setpriority),
  NAMED (ioprio),
  NAMED (pidfd_open),
  NAMED (setpgid),
  NAMED (setsid),
  NAMED (ptrace),
  NAMED (kcmp),
  NAMED (sigqueue),
  NAMED (affinity),
  NAMED (scheduler),
  NAMED (sched_setattr),
  NAMED (process_vm_writev),
  NAMED (prlimit_other),
  NAMED (prlimit_own),
  NAMED (prlimit_look),
  NAMED (timer_create),
  NAMED (shmget),
  NAMED (semget),
  NAMED (msgget),
  NAMED (io_setup),
  NAMED (thread),
  NAMED (pread),
  NAMED (pwrite),
  NAMED (eventfd),
  NAMED (fstat),
  NAMED (memfd),
  NAMED (fd_passing),
  { NULL },
};

OpFunc
op_find (const char *name)
{
  const Op *const tables[] = { ops, more_ops };

  for (unsigned i = 0; i < G_N_ELEMENTS (tables); i++)
    for (const Op *op = tables[i]; op->name != NULL; op++)
      if (g_str_equal (op->name, name))
        return op->func;
  return NULL;
}

void
op_list (void)
{
  const Op *const tables[] = { ops, more_ops };

  for (unsigned i = 0; i < G_N_ELEMENTS (tables); i++)
    for (const Op *op = tables[i]; op->name != NULL; op++)
      puts (op->name);
}
