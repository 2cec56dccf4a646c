/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Makes the programs by which the kernel looks at system calls (calls-programs.h, seccomp(2)) while Vivarium is built: sorting some 300 rules takes a few
 * milliseconds, which no machine's start shall pay.
 */
#include "confine/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

#define LENGTH(array) (sizeof (array) / sizeof *(array))

/* Stands for the number of the process, which isn't known yet: above all that there are. */
#define OWN_PID 0x7a5b3c1du

#define LAST_CALL 1024 /* names are looked up to there */

/* -- The lists ------------------------------------------------------------------------------------ */

/* A list for each kind of thread, and one for all (main); each name is followed by a space.  What a list has is allowed whatever the arguments; calls whose
 * arguments are looked at come below. */

/* What any thread does. */
static const char common[] =
    /* descriptors that are there */
    "read readv write writev close fstat poll ppoll lseek _llseek fsync fdatasync "
    /* waiting */
    "futex futex_wait futex_wake futex_waitv nanosleep clock_nanosleep restart_syscall sched_yield "
    /* memory; what executes is looked at below */
    "brk munmap mremap madvise membarrier "
    /* time and self */
    "clock_gettime clock_getres gettimeofday time getpid gettid getuid geteuid getgid getegid getcpu "
    "getrandom sched_getaffinity "
    /* threads and signals */
    "set_robust_list get_robust_list rseq set_tid_address exit exit_group rt_sigaction "
    "rt_sigprocmask rt_sigreturn sigaltstack ";

/* A processor: it serves exits, so it asks disks for what is in the host's cache, wakes others and sends what a guest says on a serial port. */
static const char of_processors[]
    = "pread64 preadv preadv2 eventfd eventfd2 timerfd_settime timerfd_gettime ";

static const char of_disks[] = "pread64 preadv preadv2 pwrite64 pwritev pwritev2 fallocate ftruncate "
                               "copy_file_range ";

static const char of_all[] =
    /* descriptors that are there */
    "pread64 preadv preadv2 pwrite64 pwritev pwritev2 close_range dup dup2 dup3 fstatfs ftruncate "
    "fallocate copy_file_range sendfile pipe pipe2 eventfd eventfd2 memfd_create timerfd_create "
    "timerfd_settime timerfd_gettime "
    /* waiting */
    "select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 pause "
    /* memory */
    "msync get_mempolicy "
    /* self */
    "getppid getresuid getresgid getgroups getrusage getrlimit uname sysinfo getpriority sched_getattr "
    "sched_getparam sched_getscheduler sched_get_priority_min sched_get_priority_max "
    /* signals */
    "rt_sigpending rt_sigsuspend rt_sigtimedwait "
    /* sockets that are there */
    "accept accept4 shutdown getsockname getpeername getsockopt recvfrom recvmsg recvmmsg ";

/* A helper with the network as its outside end: what of_all has, and Internet sockets, whose addresses no filter sees. */
static const char of_networks[]
    = "pread64 preadv preadv2 pwrite64 close_range dup dup2 dup3 eventfd eventfd2 memfd_create select pselect6 pause msync "
      "getppid getresuid getresgid getgroups getrusage getrlimit uname sysinfo "
      "rt_sigpending rt_sigsuspend rt_sigtimedwait "
      "bind connect listen accept accept4 shutdown getsockname getpeername getsockopt recvfrom recvmsg recvmmsg "
      /* Files that Landlock has left: the host's name servers, and a folder for TFTP. */
      "stat lstat newfstatat statx getdents64 ";
/* Whose arguments rules_of_networks() looks at. */
static const char looked_at_of_networks[] = "open openat ";

/* Timers that signal: KVM's probe has one. */
static const char of_start[] = "timer_create timer_settime timer_delete ";

/* What libraries try, and who asks for a file by name: they get what a file without rights gives. */
static const char no_access[] =
    /* names: the broker opens (base/host-files.h) */
    "open openat stat lstat statx access faccessat faccessat2 getdents64 getcwd rename renameat "
    "renameat2 unlink unlinkat bind listen umask openat2 creat statfs mkdir mkdirat rmdir link linkat symlink symlinkat readlink readlinkat "
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
    "mq_open mq_unlink setitimer alarm io_setup "
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

static const int file_commands[] = {
  F_GETFD, F_SETFD, F_GETFL, F_DUPFD, F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS, F_OFD_SETLK, F_OFD_GETLK,
};

static const int file_commands_of_threads[] = { F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC };

static const int file_commands_of_networks[] = { F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, F_GET_SEALS };

/* Of whom: accepted. */
static const struct
{
  int level, name;
} options[] = {
  { SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_SNDBUF },    { SOL_SOCKET, SO_RCVBUF },
  { SOL_SOCKET, SO_PASSCRED },  { IPPROTO_TCP, TCP_NODELAY },
};

/* -- Rules ---------------------------------------------------------------------------------------- */

/* Newer than the library of calls may be; all architectures give them the same numbers. */
static const struct
{
  const char *name;
  int number;
} newer[] = {
  { "epoll_pwait2", 441 },  { "futex_waitv", 449 },    { "fchmodat2", 452 },    { "futex_wake", 454 },
  { "futex_wait", 455 },    { "setxattrat", 463 },     { "getxattrat", 464 },   { "listxattrat", 465 },
  { "removexattrat", 466 }, { "open_tree_attr", 467 }, { "file_getattr", 468 }, { "file_setattr", 469 },
};

static int
number_of (const char *name)
{
  int number = seccomp_syscall_resolve_name (name);

  for (unsigned i = 0; i < LENGTH (newer) && number == __NR_SCMP_ERROR; i++)
    if (strcmp (name, newer[i].name) == 0)
      number = newer[i].number;
  return number;
}

static bool
has_name (const char *names, const char *name)
{
  const size_t length = strlen (name);

  for (; *names != 0; names += strcspn (names, " ") + 1)
    if (strncmp (names, name, length) == 0 && names[length] == ' ')
      return true;
  return false;
}

/* But those in one of `except`, two of them or NULL. */
static int
add_names (scmp_filter_ctx filter, uint32_t action, const char *names, const char *const *except)
{
  char name[64];
  int code = 0;

  for (; code == 0 && *names != 0; names += strlen (name) + 1)
    {
      size_t length = strcspn (names, " ");
      int number;

      if (length >= sizeof name || names[length] == 0)
        return -EINVAL;
      memcpy (name, names, length);
      name[length] = 0;
      if (except != NULL && (has_name (except[0], name) || has_name (except[1], name)))
        continue;
      number = number_of (name);
      if (number == __NR_SCMP_ERROR)
        {
          fprintf (stderr, "calls-make: no call has the name %s\n", name);
          return -EINVAL;
        }
      /* Below 0: this architecture hasn't got it. */
      if (number >= 0)
        code = seccomp_rule_add (filter, action, number, 0);
    }
  return code;
}

#define ALLOW(call, ...)                                                                                     \
  do                                                                                                         \
    {                                                                                                        \
      const struct scmp_arg_cmp arguments[] = { __VA_ARGS__ };                                               \
      int added                                                                                              \
          = seccomp_rule_add_array (filter, SCMP_ACT_ALLOW, SCMP_SYS (call), LENGTH (arguments), arguments); \
      if (added != 0)                                                                                        \
        return added;                                                                                        \
    }                                                                                                        \
  while (0)

#define ITEM(name) name,
#define ALLOW_REQUESTS(list)                                   \
  do                                                           \
    {                                                          \
      static const unsigned long requests[] = { list (ITEM) }; \
      for (unsigned i = 0; i < LENGTH (requests); i++)         \
        ALLOW (ioctl, SCMP_A1 (LOW (requests[i])));            \
    }                                                          \
  while (0)

static int
add_files (scmp_filter_ctx filter, const int *commands, size_t n)
{
  for (size_t i = 0; i < n; i++)
    ALLOW (fcntl, SCMP_A1 (LOW (commands[i])));
  /* A descriptor that signals its owner is a kill() of anybody. */
  ALLOW (fcntl, SCMP_A1 (LOW (F_SETFL)), SCMP_A2 (WITHOUT (O_ASYNC)));
  /* Whether a log goes to a terminal is asked for each line; none is as good as one without colours. */
  return seccomp_rule_add (filter, SCMP_ACT_ERRNO (EACCES), SCMP_SYS (ioctl), 1, SCMP_A1 (LOW (TCGETS)));
}

static int
add_sends (scmp_filter_ctx filter)
{
  /* MSG_FASTOPEN is a connect(). */
  ALLOW (sendto, SCMP_A3 (WITHOUT (MSG_FASTOPEN)), SCMP_A4 (SCMP_CMP_EQ, 0));
  ALLOW (sendmsg, SCMP_A2 (WITHOUT (MSG_FASTOPEN)));
  return 0;
}

static int
add_sockets (scmp_filter_ctx filter)
{
  const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

  /* By a message's name a datagram socket reaches any other of the user, and no filter sees that. */
  for (unsigned i = 0; i < LENGTH (types); i++)
    ALLOW (socketpair, SCMP_A0 (LOW (AF_UNIX)), SCMP_A1 (BUT (flags, types[i])), SCMP_A2 (LOW (0)));
  for (unsigned i = 0; i < LENGTH (options); i++)
    ALLOW (setsockopt, SCMP_A1 (LOW (options[i].level)), SCMP_A2 (LOW (options[i].name)));
  ALLOW (sendmmsg, SCMP_A3 (WITHOUT (MSG_FASTOPEN)));
  return add_sends (filter);
}

/* Of any thread. */
static int
add_common (scmp_filter_ctx filter)
{
  /* The translator's views of its code are made before (cpu/soft/translate/buffer.c), and so are the libraries'. */
  ALLOW (mmap, SCMP_A2 (WITHOUT (PROT_EXEC)));
  ALLOW (mprotect, SCMP_A2 (WITHOUT (PROT_EXEC)));
  ALLOW (prctl, SCMP_A0 (LOW (0x53564d41))); /* PR_SET_VMA: names of anonymous memory */
  ALLOW (prctl, SCMP_A0 (LOW (PR_GET_NAME)));
  ALLOW (tgkill, SCMP_A0 (LOW (OWN_PID)));
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
  ALLOW (prctl, SCMP_A0 (LOW (PR_SET_NAME)));
  return 0;
}

/* -- Kinds of threads ----------------------------------------------------------------------------- */

static int
rules_of_all (scmp_filter_ctx filter)
{
  int code = 0;

  ALLOW_REQUESTS (REQUESTS);
  ALLOW (newfstatat, SCMP_A3 (LOW (AT_EMPTY_PATH)));
  ALLOW (prlimit64, SCMP_A0 (LOW (0)), SCMP_A2 (SCMP_CMP_EQ, 0));
  /* What a thread adds to this list makes it narrower.  No flags: a listener would answer calls. */
  ALLOW (seccomp, SCMP_A0 (LOW (SECCOMP_SET_MODE_FILTER)), SCMP_A1 (LOW (0)));
  if (code == 0)
    code = add_files (filter, file_commands, LENGTH (file_commands));
  if (code == 0)
    code = add_sockets (filter);
  if (code == 0)
    code = add_threads (filter);
  /* GLib's pools give their threads the settings of the one that made the pool, which they have, and complain of a refusal. */
  if (code == 0)
    code = seccomp_rule_add (filter, SCMP_ACT_ERRNO (0), SCMP_SYS (sched_setattr), 0);
  return code;
}

/* A program beside the monitor that serves somebody: no machine, no disks. */
static int
rules_of_helpers (scmp_filter_ctx filter)
{
  int code = add_files (filter, file_commands, LENGTH (file_commands));

  ALLOW_REQUESTS (REQUESTS_SOCKETS);
  ALLOW (newfstatat, SCMP_A3 (LOW (AT_EMPTY_PATH)));
  ALLOW (prlimit64, SCMP_A0 (LOW (0)), SCMP_A2 (SCMP_CMP_EQ, 0));
  if (code == 0)
    code = add_sockets (filter);
  if (code == 0)
    code = add_threads (filter);
  if (code == 0)
    code = seccomp_rule_add (filter, SCMP_ACT_ERRNO (0), SCMP_SYS (sched_setattr), 0);
  return code;
}

/* One with a device of this computer's USB in its hands. */
static int
rules_of_usb (scmp_filter_ctx filter)
{
  ALLOW_REQUESTS (REQUESTS_USB);
  return rules_of_helpers (filter);
}

/* A helper whose outside end is the network. */
static int
rules_of_networks (scmp_filter_ctx filter)
{
  static const int families[] = { AF_INET, AF_INET6 };
  /* ICMP is a ping, where the host lets its users.  No others: MPTCP and SCTP are much of a kernel that nobody asks for. */
  static const struct
  {
    int type, protocol;
  } sockets[] = { { SOCK_STREAM, 0 },          { SOCK_STREAM, IPPROTO_TCP }, { SOCK_DGRAM, 0 },
                  { SOCK_DGRAM, IPPROTO_UDP }, { SOCK_DGRAM, IPPROTO_ICMP }, { SOCK_DGRAM, IPPROTO_ICMPV6 } };
  static const struct
  {
    int level, name;
  } wanted[] = {
    { SOL_SOCKET, SO_REUSEADDR },  { SOL_SOCKET, SO_OOBINLINE },   { SOL_SOCKET, SO_KEEPALIVE },
    { SOL_SOCKET, SO_SNDBUF },     { SOL_SOCKET, SO_RCVBUF },      { IPPROTO_TCP, TCP_NODELAY },
    { IPPROTO_IPV6, IPV6_V6ONLY }, { IPPROTO_IP, IP_TTL },         { IPPROTO_IPV6, IPV6_UNICAST_HOPS },
    { IPPROTO_IP, IP_RECVERR },    { IPPROTO_IPV6, IPV6_RECVERR },
  };
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  int code = add_files (filter, file_commands_of_networks, LENGTH (file_commands_of_networks));

  ALLOW_REQUESTS (REQUESTS_SOCKETS);
  for (unsigned i = 0; i < LENGTH (families); i++)
    for (unsigned j = 0; j < LENGTH (sockets); j++)
      ALLOW (socket, SCMP_A0 (LOW (families[i])), SCMP_A1 (BUT (flags, sockets[j].type)),
             SCMP_A2 (LOW (sockets[j].protocol)));
  for (unsigned i = 0; i < LENGTH (wanted); i++)
    ALLOW (setsockopt, SCMP_A1 (LOW (wanted[i].level)), SCMP_A2 (LOW (wanted[i].name)));
  ALLOW (sendto, SCMP_A3 (WITHOUT (MSG_FASTOPEN)));
  ALLOW (sendmsg, SCMP_A2 (WITHOUT (MSG_FASTOPEN)));
  ALLOW (open, SCMP_A1 (WITHOUT (O_ACCMODE | O_CREAT | O_TRUNC)));
  ALLOW (openat, SCMP_A2 (WITHOUT (O_ACCMODE | O_CREAT | O_TRUNC)));
  ALLOW (prlimit64, SCMP_A0 (LOW (0)), SCMP_A2 (SCMP_CMP_EQ, 0));
  return code;
}

/* While the machine is built. */
static int
rules_of_start (scmp_filter_ctx filter)
{
  ALLOW_REQUESTS (REQUESTS_BEFORE);
  /* The list of all comes to all threads. */
  ALLOW (seccomp, SCMP_A0 (LOW (SECCOMP_SET_MODE_FILTER)), SCMP_A1 (LOW (SECCOMP_FILTER_FLAG_TSYNC)));
  return rules_of_all (filter);
}

static int
rules_of_processors (scmp_filter_ctx filter)
{
  int code = add_files (filter, file_commands_of_threads, LENGTH (file_commands_of_threads));

  ALLOW_REQUESTS (REQUESTS_PROCESSORS);
  ALLOW (newfstatat, SCMP_A3 (LOW (AT_EMPTY_PATH)));
  return code == 0 ? add_sends (filter) : code;
}

static int
rules_of_disks (scmp_filter_ctx filter)
{
  int code = add_files (filter, file_commands_of_threads, LENGTH (file_commands_of_threads));

  ALLOW_REQUESTS (REQUESTS_DISKS);
  ALLOW (newfstatat, SCMP_A3 (LOW (AT_EMPTY_PATH)));
  /* They start each other (block/block-queue.c). */
  return code == 0 ? add_threads (filter) : code;
}

static const struct
{
  const char *name, *calls;
  int (*rules) (scmp_filter_ctx filter);
  const char *looked_at; /* of no_access, by the rules; NULL: none */
} kinds[] = {
  { "all", of_all, rules_of_all },
  { "start", of_all, rules_of_start },
  { "helpers", of_all, rules_of_helpers },
  { "processors", of_processors, rules_of_processors },
  { "disks", of_disks, rules_of_disks },
  { "usb", of_all, rules_of_usb },
  { "networks", of_networks, rules_of_networks, looked_at_of_networks },
};

/* -- Programs ------------------------------------------------------------------------------------- */

static int
add_rules (scmp_filter_ctx filter, unsigned kind, bool trap)
{
  const char *const allowed[]
      = { kinds[kind].calls, kinds[kind].looked_at != NULL ? kinds[kind].looked_at : "" };
  /* Before Linux 4.14 this ends the thread only; nothing of an attack is done either way. */
  const uint32_t kill = trap ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS;
  /* Calls by another architecture's numbers (32-bit, x32) would pass the list by. */
  int code = seccomp_attr_set (filter, SCMP_FLTATR_ACT_BADARCH, kill);

  /* A binary tree instead of the whole list. */
  if (code == 0)
    (void)seccomp_attr_set (filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (code == 0)
    code = add_names (filter, SCMP_ACT_ALLOW, common, NULL);
  if (code == 0)
    code = add_names (filter, SCMP_ACT_ALLOW, kinds[kind].calls, NULL);
  if (code == 0)
    code = add_names (filter, SCMP_ACT_ERRNO (EACCES), no_access, allowed);
  if (code == 0 && !trap)
    code = add_names (filter, kill, deadly, NULL);
  if (code == 0)
    code = add_names (filter, kinds[kind].rules == rules_of_start ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO (EACCES),
                      of_start, NULL);
  if (code == 0 && trap) /* else the C library's first try would end it */
    code = seccomp_rule_add (filter, SCMP_ACT_ERRNO (ENOSYS), SCMP_SYS (clone3), 0);
  if (code == 0)
    code = add_common (filter);
  return code == 0 ? kinds[kind].rules (filter) : code;
}

static bool
give_up (const char *what, int code)
{
  fprintf (stderr, "calls-make: %s: %s\n", what, strerror (code));
  return false;
}

/* The rules as the kernel takes them; `length` in bytes. */
static bool
compile (unsigned kind, bool trap, void *program, size_t size, size_t *length)
{
  scmp_filter_ctx filter = seccomp_init (trap ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO (ENOSYS));
  int fd = memfd_create ("calls", 0), code;
  ssize_t n = -1;

  if (filter == NULL || fd < 0)
    return give_up ("no filter", ENOMEM);
  code = add_rules (filter, kind, trap);
  if (code == 0)
    code = seccomp_export_bpf (filter, fd);
  if (code == 0)
    n = pread (fd, program, size, 0);
  close (fd);
  seccomp_release (filter);
  if (code != 0)
    return give_up ("rules", -code);
  if (n <= 0 || (size_t)n >= size || n % (ssize_t)sizeof (struct sock_filter) != 0)
    return give_up ("program", EFBIG);
  *length = (size_t)n;
  return true;
}

static bool
print_program (unsigned kind, bool trap)
{
  static struct sock_filter program[BPF_MAXINSNS];
  size_t length = 0, places = 0;

  if (!compile (kind, trap, program, sizeof program, &length))
    return false;
  length /= sizeof *program;
  printf ("static const struct sock_filter calls_of_%s%s[] = {\n", kinds[kind].name, trap ? "_trap" : "");
  for (unsigned i = 0; i < length; i++)
    {
      bool own_pid = program[i].k == OWN_PID && program[i].code == (BPF_JMP | BPF_JEQ | BPF_K);

      printf ("  { %#x, %u, %u, %#x },%s\n", program[i].code, program[i].jt, program[i].jf, program[i].k,
              own_pid ? " /* the process's number */" : "");
      places += own_pid;
    }
  printf ("};\n\n");
  return places == 1 || give_up ("there is not one comparison with the process's number", EINVAL);
}

static void
print_names (void)
{
  printf ("static const char *const calls_names[] = {\n");
  for (int i = 0; i < LAST_CALL; i++)
    {
      char *name = seccomp_syscall_resolve_num_arch (SCMP_ARCH_NATIVE, i);

      if (name != NULL)
        printf ("  [%d] = \"%s\",\n", i, name);
      free (name);
    }
  printf ("};\n");
}

int
main (void)
{
  printf ("/* Made by calls-make.c. */\n#include <linux/filter.h>\n\n");
  printf ("#define CALLS_OWN_PID %#x /* stands for the process's number in a comparison */\n\n", OWN_PID);
  for (unsigned kind = 0; kind < LENGTH (kinds); kind++)
    if (!print_program (kind, false) || !print_program (kind, true))
      return 1;
  print_names ();
  return ferror (stdout) || fflush (stdout) != 0;
}
