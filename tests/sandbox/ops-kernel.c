/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The attacks by descriptors, sockets, memory, new processes and rare calls.
 */
#include "ops-private.h"

#include "confine/requests.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* -- Descriptors ---------------------------------------------------------------------------------- */

OP (setown)
{
  return RESULT (fcntl (prey->pair[0], F_SETOWN, prey->victim));
}
OP (setsig)
{
  return RESULT (fcntl (prey->pair[0], F_SETSIG, SIGKILL));
}
OP (setfl_async)
{
  return RESULT (fcntl (prey->pair[0], F_SETFL, O_RDWR | O_ASYNC));
}

OP (setown_ex)
{
  struct f_owner_ex owner = { F_OWNER_PID, prey->victim };

  return RESULT (fcntl (prey->pair[0], F_SETOWN_EX, &owner));
}

OP (fioasync)
{
  int on = 1;

  return RESULT (ioctl (prey->pair[0], FIOASYNC, &on));
}

OP (fiosetown)
{
  int pid = prey->victim;

  return RESULT (ioctl (prey->pair[0], FIOSETOWN, &pid));
}

OP (setlease)
{
  return RESULT (fcntl (prey->file_ro, F_SETLEASE, F_RDLCK));
}
OP (dnotify)
{
  return RESULT (fcntl (open ("/", O_RDONLY | O_CLOEXEC), F_NOTIFY, 1));
}
OP (posix_lock)
{
  struct flock lock = { .l_type = F_RDLCK };

  return RESULT (fcntl (prey->file_ro, F_SETLK, &lock));
}

OP (pipe_size)
{
  int fds[2];

  return pipe2 (fds, O_CLOEXEC) < 0 ? errno : RESULT (fcntl (fds[0], F_SETPIPE_SZ, 1 << 20));
}

/* No terminal is at hand: without a wall the kernel says that this is none. */
static int
reached (int code)
{
  return code == ENOTTY || code == EOPNOTSUPP || code == EINVAL ? 0 : code;
}

OP (tiocsti)
{
  return reached (RESULT (ioctl (prey->pair[0], TIOCSTI, "x")));
}
OP (ficlone)
{
  return reached (RESULT (ioctl (prey->file_rw, FICLONE, prey->file_ro)));
}

OP (setflags)
{
  long flags = 0;

  return reached (RESULT (ioctl (prey->file_rw, FS_IOC_SETFLAGS, &flags)));
}

OP (kvm_create)
{
  return reached (RESULT (ioctl (prey->pair[0], KVM_CREATE_VM, 0)));
}

static const unsigned long before[] = {
#define ITEM(name) name,
  REQUESTS_BEFORE (ITEM)
}, of_all[] = {
  REQUESTS (ITEM)
}, of_processors[] = {
  REQUESTS_PROCESSORS (ITEM)
}, of_disks[] = {
  REQUESTS_DISKS (ITEM)
#undef ITEM
};

/* What makes machines, or changes what they can; each must be refused in the same way. */
OP (kvm_requests)
{
  int answer = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (before); i++)
    {
      int code = reached (RESULT (ioctl (prey->pair[0], before[i], 0)));

      answer = i == 0 || code == answer ? code : 0;
    }
  return answer;
}

/* Each gets through to the kernel (which finds no machine and no disk behind this descriptor). */
static int
ask (const Prey *prey, const unsigned long *requests, size_t n)
{
  uint64_t argument[4] = { 0 };

  for (size_t i = 0; i < n; i++)
    {
      int code = reached (RESULT (ioctl (prey->memfd, requests[i], argument)));

      if (code != 0)
        return code;
    }
  return 0;
}

OP (requests)
{
  return ask (prey, of_all, G_N_ELEMENTS (of_all));
}
OP (requests_vcpu)
{
  return ask (prey, of_processors, G_N_ELEMENTS (of_processors));
}
OP (requests_disk)
{
  return ask (prey, of_disks, G_N_ELEMENTS (of_disks));
}

/* The same with rubbish in the half of the number that the kernel doesn't look at. */
OP (ioctl_high)
{
  return reached (RESULT (syscall (SYS_ioctl, prey->pair[0], TIOCSTI | (1ULL << 32), "x")));
}

OP (attach_filter)
{
  struct sock_filter all = { BPF_RET | BPF_K, 0, 0, 0xffff };
  struct sock_fprog program = { 1, &all };

  return RESULT (setsockopt (prey->pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

/* -- Sockets -------------------------------------------------------------------------------------- */

static int
loopback (const Prey *prey, int type, int call)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons (prey->tcp_port),
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, type | SOCK_CLOEXEC, 0);

  if (fd < 0)
    return errno;
  if (call == SYS_sendto)
    return RESULT (syscall (call, fd, "x", 1, type == SOCK_STREAM ? MSG_FASTOPEN : 0, &to, sizeof to));
  if (call == SYS_sendmsg)
    {
      struct iovec data = { (char[]){ "x" }, 1 };
      struct msghdr message
          = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &data, .msg_iovlen = 1 };

      return RESULT (syscall (call, fd, &message, type == SOCK_STREAM ? MSG_FASTOPEN : 0));
    }
  if (call == SYS_bind)
    to.sin_port = 0;
  return RESULT (syscall (call, fd, &to, sizeof to));
}

OP (inet_connect)
{
  return loopback (prey, SOCK_STREAM, SYS_connect);
}
OP (inet_fast_open)
{
  return loopback (prey, SOCK_STREAM, SYS_sendto);
}
OP (inet_fast_message)
{
  return loopback (prey, SOCK_STREAM, SYS_sendmsg);
}
OP (inet_bind)
{
  return loopback (prey, SOCK_STREAM, SYS_bind);
}
OP (inet_udp)
{
  return loopback (prey, SOCK_DGRAM, SYS_sendto);
}
OP (inet_mptcp)
{
  return RESULT (socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262));
}
OP (inet_raw)
{
  return RESULT (socket (AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
}
OP (packet)
{
  return RESULT (socket (AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}
OP (netlink)
{
  return RESULT (socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}
OP (vsock)
{
  return RESULT (socket (AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}
OP (alg)
{
  return RESULT (socket (AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}
OP (unix_datagram)
{
  return RESULT (socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static socklen_t
unix_name (struct sockaddr_un *name, const char *path, gboolean abstract)
{
  *name = (struct sockaddr_un){ .sun_family = AF_UNIX };
  g_strlcpy (name->sun_path + (abstract ? 1 : 0), path, sizeof name->sun_path - 1);
  return (socklen_t)(offsetof (struct sockaddr_un, sun_path) + strlen (path) + 1);
}

static int
unix_call (const char *path, gboolean abstract, int call)
{
  struct sockaddr_un name;
  socklen_t length = unix_name (&name, path, abstract);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  return fd < 0 ? errno : RESULT (syscall (call, fd, &name, length));
}

OP (unix_sibling)
{
  return unix_call (prey->sibling, FALSE, SYS_connect);
}
OP (unix_abstract)
{
  return unix_call (prey->sibling, TRUE, SYS_connect);
}
OP (unix_bind_abstract)
{
  return unix_call ("vivarium-attack", TRUE, SYS_bind);
}

OP (unix_bind_inside)
{
  g_autofree char *path = g_build_filename (prey->folder, "socket", NULL);

  return unix_call (path, FALSE, SYS_bind);
}

OP (unix_bind_outside)
{
  g_autofree char *path = g_build_filename (prey->outside, "new-socket", NULL);

  return unix_call (path, FALSE, SYS_bind);
}

/* A pair that sends to somebody else than its other end, by a message's name, where no filter looks. */
static int
pair_to_name (int type, const char *path)
{
  struct sockaddr_un name;
  struct iovec data = { (char[]){ "x" }, 1 };
  struct msghdr message = { .msg_name = &name, .msg_iov = &data, .msg_iovlen = 1 };
  int fds[2];

  message.msg_namelen = unix_name (&name, path, FALSE);
  if (socketpair (AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
    return errno;
  return RESULT (sendmsg (fds[0], &message, MSG_NOSIGNAL));
}

OP (datagram_pair)
{
  return pair_to_name (SOCK_DGRAM, prey->datagrams);
}
OP (stream_to_name)
{
  return pair_to_name (SOCK_STREAM, prey->sibling);
}
OP (seqpacket_to_name)
{
  return pair_to_name (SOCK_SEQPACKET, prey->sibling);
}

OP (stream_sendto)
{
  struct sockaddr_un name;
  socklen_t length = unix_name (&name, prey->sibling, FALSE);

  return RESULT (sendto (prey->pair[0], "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&name, length));
}

/* -- Memory --------------------------------------------------------------------------------------- */

static int
maps (int protection, int flags, int fd)
{
  return mmap (NULL, 4096, protection, flags, fd, 0) == MAP_FAILED ? errno : 0;
}

OP (map_wx)
{
  return maps (PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}
OP (map_x_memfd)
{
  return maps (PROT_READ | PROT_EXEC, MAP_SHARED, prey->memfd);
}
OP (map_ro_writable)
{
  return maps (PROT_READ | PROT_WRITE, MAP_SHARED, prey->file_ro);
}

OP (heap_x)
{
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  return RESULT (mprotect (page, 4096, PROT_READ | PROT_EXEC));
}

OP (memfd_x)
{
  return RESULT (mprotect (prey->unit_rw, 4096, PROT_READ | PROT_EXEC));
}

OP (pkey_mprotect)
{
  return RESULT (syscall (SYS_pkey_mprotect, prey->unit_rw, 4096, PROT_READ | PROT_EXEC, -1));
}

/* A process's personality makes all that is readable executable. */
OP (personality)
{
  return RESULT (syscall (SYS_personality, 0x0400000));
}

/* -- Programs, processes, rare calls -------------------------------------------------------------- */

OP (execve)
{
  char *const arguments[] = { (char[]){ "true" }, NULL };

  return RESULT (syscall (SYS_execve, "/bin/true", arguments, NULL));
}

static int
gone (long child)
{
  if (child == 0)
    _exit (0);
  return child < 0 ? errno : 0;
}

OP (clone_process)
{
  return gone (syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, 0));
}
OP (clone_newuser)
{
  return gone (syscall (SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
}
OP (fork)
{
#ifdef SYS_fork
  return gone (syscall (SYS_fork));
#else
  return ENOSYS;
#endif
}

OP (clone3)
{
  uint64_t arguments[8] = { 0, 0, 0, 0, SIGCHLD };

  return gone (syscall (SYS_clone3, arguments, sizeof arguments));
}

OP (unshare)
{
  return RESULT (unshare (CLONE_NEWUSER));
}
OP (mount)
{
  return RESULT (mount ("none", prey->folder, "tmpfs", 0, NULL));
}
OP (dumpable)
{
  return RESULT (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0));
}
OP (prctl_mm)
{
  return reached (RESULT (prctl (PR_SET_MM, PR_SET_MM_ARG_START, prey, 0, 0)));
}
OP (ptracer)
{
  return RESULT (prctl (PR_SET_PTRACER, prey->victim, 0, 0, 0));
}
OP (subreaper)
{
  return RESULT (prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

OP (seccomp_listener)
{
  struct sock_filter all = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
  struct sock_fprog program = { 1, &all };

  return RESULT (syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

/* What a thread adds to its list makes it narrower. */
OP (narrower)
{
  struct sock_filter all = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
  struct sock_fprog program = { 1, &all };

  return RESULT (syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

OP (new_number)
{
  /* One that no kernel has: “works” says that the wall let it through. */
  return RESULT (syscall (1000));
}

OP (io_uring)
{
  char parameters[120] = { 0 };

  return RESULT (syscall (SYS_io_uring_setup, 1, parameters));
}

OP (userfaultfd)
{
  return RESULT (syscall (SYS_userfaultfd, O_CLOEXEC | 1));
}
OP (bpf)
{
  return reached (RESULT (syscall (SYS_bpf, 0, NULL, 0)));
}
OP (perf)
{
  uint32_t attribute[28] = { 1, sizeof attribute };

  return RESULT (syscall (SYS_perf_event_open, attribute, 0, -1, -1, 0));
}

OP (add_key)
{
  return RESULT (syscall (SYS_add_key, "user", "viv", "x", 1, -1));
}
OP (keyctl)
{
  return RESULT (syscall (SYS_keyctl, 0, -3, 1));
}

OP (vmsplice)
{
  int fds[2];
  struct iovec data = { (char[]){ "x" }, 1 };

  return pipe2 (fds, O_CLOEXEC) < 0 ? errno : RESULT (vmsplice (fds[1], &data, 1, 0));
}

OP (setuid)
{
  return RESULT (syscall (SYS_setuid, getuid ()));
}
OP (clock_settime)
{
  return RESULT (syscall (SYS_clock_settime, 0, NULL));
}

OP (modify_ldt)
{
#ifdef SYS_modify_ldt
  char table[64];

  return RESULT (syscall (SYS_modify_ldt, 0, table, sizeof table));
#else
  return ENOSYS;
#endif
}

OP (x32)
{
#ifdef __x86_64__
  return RESULT (syscall (0x40000000 | SYS_getpid));
#else
  return ENOSYS;
#endif
}

OP (int80)
{
#ifdef __x86_64__
  long number = 20; /* getpid, by the numbers of 32-bit programs */

  __asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
  return number < 0 ? (int)-number : 0;
#else
  return ENOSYS;
#endif
}

const Op more_ops[] = {
  NAMED (setown),
  NAMED (setsig),
  NAMED (setfl_async),
  NAMED (setown_ex),
  NAMED (fioasync),
  NAMED (fiosetown),
  NAMED (setlease),
  NAMED (dnotify),
  NAMED (posix_lock),
  NAMED (pipe_size),
  NAMED (tiocsti),
  NAMED (ficlone),
  NAMED (setflags),
  NAMED (kvm_create),
  NAMED (kvm_requests),
  NAMED (requests),
  NAMED (requests_vcpu),
  NAMED (requests_disk),
  NAMED (ioctl_high),
  NAMED (attach_filter),
  NAMED (inet_connect),
  NAMED (inet_fast_open),
  NAMED (inet_fast_message),
  NAMED (inet_bind),
  NAMED (inet_udp),
  NAMED (inet_mptcp),
  NAMED (inet_raw),
  NAMED (packet),
  NAMED (netlink),
  NAMED (vsock),
  NAMED (alg),
  NAMED (unix_datagram),
  NAMED (unix_sibling),
  NAMED (unix_abstract),
  NAMED (unix_bind_abstract),
  NAMED (unix_bind_inside),
  NAMED (unix_bind_outside),
  NAMED (datagram_pair),
  NAMED (stream_to_name),
  NAMED (seqpacket_to_name),
  NAMED (stream_sendto),
  NAMED (map_wx),
  NAMED (map_x_memfd),
  NAMED (map_ro_writable),
  NAMED (heap_x),
  NAMED (memfd_x),
  NAMED (pkey_mprotect),
  NAMED (personality),
  NAMED (execve),
  NAMED (clone_process),
  NAMED (clone_newuser),
  NAMED (fork),
  NAMED (clone3),
  NAMED (unshare),
  NAMED (mount),
  NAMED (dumpable),
  NAMED (prctl_mm),
  NAMED (ptracer),
  NAMED (subreaper),
  NAMED (seccomp_listener),
  NAMED (narrower),
  NAMED (new_number),
  NAMED (io_uring),
  NAMED (userfaultfd),
  NAMED (bpf),
  NAMED (perf),
  NAMED (add_key),
  NAMED (keyctl),
  NAMED (vmsplice),
  NAMED (setuid),
  NAMED (clock_settime),
  NAMED (modify_ldt),
  NAMED (x32),
  NAMED (int80),
  { NULL },
};
