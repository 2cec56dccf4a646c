/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The list of system calls.
 */
#define G_LOG_DOMAIN "confine"

#include "confine/calls.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel looks at 32 bits of these arguments; what is above must not make a difference. */
#define LOW(value)       SCMP_CMP_MASKED_EQ, 0xffffffffu, (scmp_datum_t)(uint32_t)(value)
#define WITHOUT(bits)    SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0
#define BUT(bits, value) SCMP_CMP_MASKED_EQ, 0xffffffffu & ~(scmp_datum_t)(bits), (scmp_datum_t)(value)

/* -- The lists ------------------------------------------------------------------------------------ */

/* Of any thread, whatever the arguments; each name is followed by a space.  Names that an architecture or a library of calls doesn't know are left out. */
static const char allowed[] =
    /* descriptors that are there */
    "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek "
    "close close_range dup dup2 dup3 fstat fstatfs ftruncate fallocate fsync fdatasync "
    "copy_file_range sendfile pipe pipe2 eventfd eventfd2 memfd_create timerfd_create "
    "timerfd_settime timerfd_gettime "
    /* waiting */
    "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "epoll_pwait2 futex futex_wait futex_wake futex_waitv nanosleep clock_nanosleep pause "
    "restart_syscall sched_yield "
    /* memory; what executes is looked at below */
    "brk munmap mremap madvise msync membarrier get_mempolicy "
    /* time and self */
    "clock_gettime clock_getres gettimeofday time getpid gettid getppid getuid geteuid getgid "
    "getegid getresuid getresgid getgroups getrusage getrlimit getcpu getrandom uname sysinfo "
    "getpriority sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
    "sched_get_priority_min sched_get_priority_max "
    /* threads and signals */
    "set_robust_list get_robust_list rseq set_tid_address exit exit_group rt_sigaction "
    "rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait sigaltstack "
    /* sockets that are there */
    "accept accept4 shutdown getsockname getpeername getsockopt recvfrom recvmsg recvmmsg "
    /* By name, until a broker opens what the definition names and others pass what they want read or written (design, steps 3 and 4); Landlock says where writing is. Then all of these are answered as the names below. */
    "open openat stat lstat newfstatat statx access faccessat faccessat2 getdents64 getcwd "
    /* A saved state's file takes its place; old sockets are removed (step 4). */
    "rename renameat renameat2 unlink unlinkat "
    /* The sockets of control (step 4) and of VNC (step 7, when a helper is handed its listener). */
    "bind listen umask ";

/* What libraries try, and who asks for a file by name: they get what a file without rights gives. */
static const char no_access[] =
    /* names; stat and its like join them with step 4 */
    "openat2 creat statfs mkdir mkdirat rmdir link linkat symlink symlinkat readlink readlinkat "
    "mknod mknodat truncate chdir fchdir inotify_init inotify_init1 inotify_add_watch "
    "inotify_rm_watch utime utimes futimesat utimensat getdents flock "
    /* modes, owners, attributes */
    "chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat setxattr lsetxattr fsetxattr "
    "setxattrat getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr "
    "lremovexattr fremovexattr file_setattr "
    /* Who has a listener needs none of it. (No message's address is seen here: see socketpair and the flags of sendmsg.) */
    "connect "
    /* other processes */
    "kill tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal setpgid setsid "
    "wait4 waitid "
    /* priorities */
    "setpriority ioprio_set ioprio_get sched_setaffinity sched_setscheduler sched_setparam "
    /* System V's and POSIX's objects, timers that signal */
    "shmget shmat shmctl shmdt semget semctl semop semtimedop msgget msgctl msgsnd msgrcv "
    "mq_open mq_unlink timer_create timer_settime timer_delete setitimer alarm io_setup "
    "io_submit io_destroy io_getevents setrlimit ";

/* Nobody but who has taken us over. */
static const char deadly[] =
    /* programs and processes; clone is looked at below */
    "execve execveat fork vfork uselib "
    /* other processes' insides */
    "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd "
    "move_pages migrate_pages "
    /* mounts and namespaces */
    "mount umount umount2 move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick "
    "mount_setattr pivot_root chroot unshare setns open_by_handle_at name_to_handle_at quotactl "
    "quotactl_fd swapon swapoff fanotify_init fanotify_mark "
    /* keys, kernel code, and where bugs of the kernel are reached from */
    "add_key request_key keyctl bpf perf_event_open userfaultfd io_uring_setup io_uring_enter "
    "io_uring_register init_module finit_module delete_module create_module kexec_load "
    "kexec_file_load lookup_dcookie nfsservctl vm86 vm86old modify_ldt vmsplice memfd_secret "
    "pkey_mprotect personality "
    /* the host */
    "reboot syslog acct settimeofday stime clock_settime clock_settime64 clock_adjtime "
    "clock_adjtime64 adjtimex sethostname setdomainname iopl ioperm vhangup "
    /* identity */
    "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset ";

/* Requests to KVM once the machine is built: a machine, its processors and its devices are not made any more, and no more capabilities are switched
 * on.  The numbers of the kernel's headers have sizes in them, so they are the architecture's. */
static const unsigned long requests[] = {
#if defined(__x86_64__) || defined(__i386__)
  KVM_RUN,
  KVM_INTERRUPT,
  KVM_NMI,
  KVM_SIGNAL_MSI,
  KVM_IOEVENTFD,
  KVM_SET_GSI_ROUTING,
  KVM_SET_USER_MEMORY_REGION,
  KVM_GET_DIRTY_LOG,
  KVM_SET_SIGNAL_MASK,
  KVM_GET_REGS,
  KVM_SET_REGS,
  KVM_GET_SREGS,
  KVM_SET_SREGS,
  KVM_GET_MSRS,
  KVM_SET_MSRS,
  KVM_GET_XSAVE,
  KVM_SET_XSAVE,
  KVM_GET_XCRS,
  KVM_SET_XCRS,
  KVM_GET_LAPIC,
  KVM_SET_LAPIC,
  KVM_GET_MP_STATE,
  KVM_SET_MP_STATE,
  KVM_GET_VCPU_EVENTS,
  KVM_SET_VCPU_EVENTS,
  KVM_GET_DEBUGREGS,
  KVM_SET_DEBUGREGS,
  KVM_GET_CLOCK,
  KVM_SET_CLOCK,
  KVM_KVMCLOCK_CTRL,
  KVM_HAS_DEVICE_ATTR,
  KVM_GET_DEVICE_ATTR,
  KVM_SET_DEVICE_ATTR,
  KVM_CHECK_EXTENSION,
  KVM_GET_MSR_INDEX_LIST,
  KVM_GET_SUPPORTED_CPUID,
  KVM_SET_CPUID2,
#ifdef KVM_GET_SREGS2
  KVM_GET_SREGS2,
  KVM_SET_SREGS2,
#endif
#endif
  FIONREAD,
  FIONBIO,
  /* A medium that is a block device, opened by name (step 3 passes it opened and measured); discarding on it. */
  BLKGETSIZE64,
  BLKDISCARD,
  BLKZEROOUT,
};

static const int file_commands[] = {
  F_GETFD, F_SETFD, F_GETFL, F_DUPFD, F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS, F_OFD_SETLK, F_OFD_GETLK,
};

/* Of whom: accepted, or made for a listener (VNC's until step 7, control's until step 4). */
static const struct
{
  int level, name;
} options[] = {
  { SOL_SOCKET, SO_KEEPALIVE },  { SOL_SOCKET, SO_SNDBUF },    { SOL_SOCKET, SO_RCVBUF },
  { SOL_SOCKET, SO_PASSCRED },   { SOL_SOCKET, SO_REUSEADDR }, { IPPROTO_TCP, TCP_NODELAY },
  { IPPROTO_IPV6, IPV6_V6ONLY },
};

/* -- Rules ---------------------------------------------------------------------------------------- */

static int
add_names (scmp_filter_ctx filter, uint32_t action, const char *names)
{
  g_auto (GStrv) words = g_strsplit (names, " ", -1);
  int code = 0;

  for (char **name = words; *name != NULL && code == 0; name++)
    {
      int number = **name != '\0' ? seccomp_syscall_resolve_name (*name) : -1;

      /* Below 0: this library or this architecture doesn't know the call. */
      if (number >= 0)
        code = seccomp_rule_add (filter, action, number, 0);
    }
  return code;
}

#define ALLOW(call, ...)                                                                                     \
  do                                                                                                         \
    {                                                                                                        \
      const struct scmp_arg_cmp arguments[] = { __VA_ARGS__ };                                               \
      int added = seccomp_rule_add_array (filter, SCMP_ACT_ALLOW, SCMP_SYS (call), G_N_ELEMENTS (arguments), \
                                          arguments);                                                        \
      if (added != 0)                                                                                        \
        return added;                                                                                        \
    }                                                                                                        \
  while (0)

static int
add_descriptors (scmp_filter_ctx filter)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (requests); i++)
    ALLOW (ioctl, SCMP_A1 (LOW (requests[i])));
  /* Whether a log goes to a terminal is asked for each line; none is as good as one without colours. */
  int code = seccomp_rule_add (filter, SCMP_ACT_ERRNO (EACCES), SCMP_SYS (ioctl), 1, SCMP_A1 (LOW (TCGETS)));
  if (code != 0)
    return code;
  for (unsigned i = 0; i < G_N_ELEMENTS (file_commands); i++)
    ALLOW (fcntl, SCMP_A1 (LOW (file_commands[i])));
  /* A descriptor that signals its owner is a kill() of anybody. */
  ALLOW (fcntl, SCMP_A1 (LOW (F_SETFL)), SCMP_A2 (WITHOUT (O_ASYNC)));
  return 0;
}

static int
add_sockets (scmp_filter_ctx filter)
{
  const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
  const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

  /* By a message's name a datagram socket reaches any other of the user, and no filter sees that. */
  for (unsigned i = 0; i < G_N_ELEMENTS (types); i++)
    ALLOW (socketpair, SCMP_A0 (LOW (AF_UNIX)), SCMP_A1 (BUT (flags, types[i])), SCMP_A2 (LOW (0)));
  /* For listeners: control's until step 4, VNC's until step 7. */
  for (unsigned i = 0; i < G_N_ELEMENTS (families); i++)
    ALLOW (socket, SCMP_A0 (LOW (families[i])), SCMP_A1 (BUT (flags, SOCK_STREAM)), SCMP_A2 (LOW (0)));
  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    ALLOW (setsockopt, SCMP_A1 (LOW (options[i].level)), SCMP_A2 (LOW (options[i].name)));
  /* MSG_FASTOPEN is a connect(). */
  ALLOW (sendto, SCMP_A3 (WITHOUT (MSG_FASTOPEN)), SCMP_A4 (SCMP_CMP_EQ, 0));
  ALLOW (sendmsg, SCMP_A2 (WITHOUT (MSG_FASTOPEN)));
  ALLOW (sendmmsg, SCMP_A3 (WITHOUT (MSG_FASTOPEN)));
  return 0;
}

static int
add_memory (scmp_filter_ctx filter)
{
  /* The translator's views of its code are made before (cpu/soft/translate/buffer.c), and so are the libraries'. */
  ALLOW (mmap, SCMP_A2 (WITHOUT (PROT_EXEC)));
  ALLOW (mprotect, SCMP_A2 (WITHOUT (PROT_EXEC)));
  return 0;
}

static int
add_threads (scmp_filter_ctx filter)
{
  const scmp_datum_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
                              | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

  /* What pthread_create() says; musl's has the flag that has no meaning any more.  clone3's flags are in memory, where a filter can't look: ENOSYS, and
   * the C library takes clone. */
  ALLOW (clone, SCMP_A0 (SCMP_CMP_EQ, thread));
  ALLOW (clone, SCMP_A0 (SCMP_CMP_EQ, thread | CLONE_DETACHED));
  ALLOW (tgkill, SCMP_A0 (LOW (getpid ())));
  ALLOW (prlimit64, SCMP_A0 (LOW (0)), SCMP_A2 (SCMP_CMP_EQ, 0));
  ALLOW (prctl, SCMP_A0 (LOW (PR_SET_NAME)));
  ALLOW (prctl, SCMP_A0 (LOW (PR_GET_NAME)));
  ALLOW (prctl, SCMP_A0 (LOW (0x53564d41))); /* PR_SET_VMA: names of anonymous memory */
  /* GLib's pools give their threads the settings of the one that made the pool, which they have, and complain of a refusal. */
  return seccomp_rule_add (filter, SCMP_ACT_ERRNO (0), SCMP_SYS (sched_setattr), 0);
}

/* -- The debugging aid ---------------------------------------------------------------------------- */

/* Not what a handler should do, but the process ends here. */
static void
on_refused (int signal_number, siginfo_t *info, void *context)
{
  char name[16] = "", text[160];
  void *frames[64];
  char *call = seccomp_syscall_resolve_num_arch (info->si_arch, info->si_syscall);
  int n;

  prctl (PR_GET_NAME, name, 0, 0, 0);
  n = snprintf (text, sizeof text, "sandbox: thread “%s” made the call %d (%s), which is not on the list:\n",
                name, info->si_syscall, call != NULL ? call : "unknown");
  if (write (STDERR_FILENO, text, (size_t)n) == n)
    backtrace_symbols_fd (frames, backtrace (frames, G_N_ELEMENTS (frames)), STDERR_FILENO);
  signal (SIGSYS, SIG_DFL);
  raise (SIGSYS);
}

static void
prepare_trap (void)
{
  const struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER };
  void *frame;

  backtrace (&frame, 1); /* loads a library at first */
  sigaction (SIGSYS, &action, NULL);
}

/* -- All ------------------------------------------------------------------------------------------ */

int
calls_confine (gboolean trap)
{
  /* Before Linux 4.14 a filter ends threads only; nothing of an attack is done either way. */
  uint32_t kill = seccomp_api_get () >= 3 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL_THREAD;
  uint32_t unknown = SCMP_ACT_ERRNO (ENOSYS);
  scmp_filter_ctx filter;
  int code;

  if (trap)
    {
      prepare_trap ();
      kill = unknown = SCMP_ACT_TRAP;
    }
  filter = seccomp_init (unknown);
  if (filter == NULL)
    return -ENOMEM;
  /* Calls by another architecture's numbers (32-bit, x32) would pass the list by. */
  code = seccomp_attr_set (filter, SCMP_FLTATR_ACT_BADARCH, kill);
  if (code == 0)
    code = seccomp_attr_set (filter, SCMP_FLTATR_CTL_TSYNC, 1);
  /* A binary tree instead of the whole list. */
  if (code == 0)
    (void)seccomp_attr_set (filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (code == 0)
    code = add_names (filter, SCMP_ACT_ALLOW, allowed);
  if (code == 0)
    code = add_names (filter, SCMP_ACT_ERRNO (EACCES), no_access);
  if (code == 0 && !trap)
    code = add_names (filter, kill, deadly);
  if (code == 0 && trap) /* else the C library's first try would end it */
    code = seccomp_rule_add (filter, SCMP_ACT_ERRNO (ENOSYS), SCMP_SYS (clone3), 0);
  if (code == 0)
    code = add_descriptors (filter);
  if (code == 0)
    code = add_sockets (filter);
  if (code == 0)
    code = add_memory (filter);
  if (code == 0)
    code = add_threads (filter);
  if (code == 0)
    code = seccomp_load (filter);
  seccomp_release (filter);
  return code;
}
