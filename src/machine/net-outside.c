/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/net-outside.h"

#include "base/child.h"
#include "base/net-place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define END       ".net"
#define LOCK      "lock"
#define BACKLOG   64
#define STEP_US   5000
#define STEPS     100
#define TAP       "/dev/net/tun"
#define HELPER_MS 10000

/* -- Private networks ------------------------------------------------------------------------------ */

/* -1 and errno. */
static int
open_folder (const char *folder)
{
  struct stat info;
  const int fd = open (folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd < 0 || (fstat (fd, &info) == 0 && info.st_uid == geteuid () && (info.st_mode & 077) == 0))
    return fd;
  close (fd);
  errno = EACCES;
  return -1;
}

/* By the folder's descriptor: names of sockets are short. */
static struct sockaddr_un
place_of (int folder, const char *file)
{
  struct sockaddr_un place = { .sun_family = AF_UNIX };

  snprintf (place.sun_path, sizeof place.sun_path, "/proc/self/fd/%d/%s", folder, file);
  return place;
}

static int
new_socket (void)
{
  return socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* 0 and a connection, or an errno; ENOENT: nobody listens. */
static int
connect_to (int folder, const char *file, int *wire)
{
  const struct sockaddr_un place = place_of (folder, file);
  const int fd = new_socket ();
  struct ucred peer;
  socklen_t length = sizeof peer;
  int code;

  if (fd < 0)
    return errno;
  code = connect (fd, (const struct sockaddr *)&place, sizeof place) == 0 ? 0 : errno;
  if (code == 0 && (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.uid != geteuid ()))
    code = EACCES;
  if (code == 0)
    *wire = fd;
  else
    close (fd);
  return code == ECONNREFUSED ? ENOENT : code;
}

static int
listen_at (int folder, const char *file, int *listener)
{
  const struct sockaddr_un place = place_of (folder, file);
  const int fd = new_socket ();
  int code = fd < 0 ? errno : 0;

  if (code == 0 && unlinkat (folder, file, 0) != 0 && errno != ENOENT)
    code = errno;
  if (code == 0
      && (bind (fd, (const struct sockaddr *)&place, sizeof place) != 0 || listen (fd, BACKLOG) != 0))
    code = errno;
  if (code == 0)
    *listener = fd;
  else if (fd >= 0)
    close (fd);
  return code;
}

/* Who makes a name anew has this; it goes with the descriptor.  -1 and errno. */
static int
lock_folder (int folder)
{
  const int fd = openat (folder, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

  for (unsigned i = 0; fd >= 0 && i < STEPS; i++)
    {
      if (flock (fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
      g_usleep (STEP_US);
    }
  if (fd >= 0)
    close (fd);
  errno = EAGAIN;
  return -1;
}

int
net_outside_join (const char *folder, const char *name, int *wire, int *listener)
{
  g_autofree char *file = g_strconcat (name, END, NULL);
  int fd, lock, code;

  *wire = *listener = -1;
  if (!net_private_name_is_good (name))
    return EINVAL;
  if (mkdir (folder, 0700) != 0 && errno != EEXIST)
    return errno;
  fd = open_folder (folder);
  if (fd < 0)
    return errno;
  code = connect_to (fd, file, wire);
  if (code == ENOENT)
    {
      lock = lock_folder (fd);
      code = lock < 0 ? errno : connect_to (fd, file, wire);
      if (code == ENOENT)
        code = listen_at (fd, file, listener);
      if (lock >= 0)
        close (lock);
    }
  close (fd);
  return code;
}

void
net_outside_sweep (const char *folder)
{
  const int fd = open_folder (folder);
  const int lock = fd >= 0 ? lock_folder (fd) : -1;
  g_autoptr (GDir) files = lock >= 0 ? g_dir_open (folder, 0, NULL) : NULL;
  const char *file;

  while (files != NULL && (file = g_dir_read_name (files)) != NULL)
    {
      int wire = -1;

      if (g_str_has_suffix (file, END) && connect_to (fd, file, &wire) == ENOENT)
        (void)unlinkat (fd, file, 0);
      if (wire >= 0)
        close (wire);
    }
  if (lock >= 0)
    close (lock);
  if (fd >= 0)
    close (fd);
}

/* -- Between hosts --------------------------------------------------------------------------------- */

int
net_outside_group (const char *group, int *fd)
{
  const int one = 1;
  struct sockaddr_in place;
  int code = 0;

  if (!net_group_parse (group, &place))
    return EINVAL;
  *fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (*fd < 0)
    return errno;
  const struct ip_mreqn member = { .imr_multiaddr = place.sin_addr };
  if (setsockopt (*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0
      || setsockopt (*fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one) != 0
      || bind (*fd, (struct sockaddr *)&place, sizeof place) != 0
      || setsockopt (*fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member) != 0)
    code = errno;
  if (code != 0)
    close (*fd);
  return code;
}

/* A socket for `place`; -1 and errno. */
static int
socket_for (const NetEndpoint *place, int type)
{
  const int one = 1;
  const int fd = socket (place->any.sa_family, type | SOCK_CLOEXEC, 0);

  /* Both families have a network of their own. */
  if (fd >= 0 && place->any.sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  return fd;
}

/* 0, or an errno; a way that isn't there can come. */
static int
connect_endpoint (int fd, const NetEndpoint *remote)
{
  if (connect (fd, &remote->any, remote->length) == 0 || errno == EINPROGRESS)
    return 0;
  return errno == ENETUNREACH || errno == EHOSTUNREACH || errno == ENETDOWN ? EAGAIN : errno;
}

static NetEndpoint
any_with_port_of (const NetEndpoint *other)
{
  NetEndpoint any = { .length = other->length };

  if (other->any.sa_family == AF_INET6)
    any.ip6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = other->ip6.sin6_port };
  else
    any.ip4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = other->ip4.sin_port };
  return any;
}

int
net_outside_udp (const char *local, const char *remote, int *fd)
{
  NetEndpoint here, there;
  int code;

  if (!net_endpoint_parse (remote, &there))
    return EINVAL;
  if (local == NULL)
    here = any_with_port_of (&there);
  else if (!net_endpoint_parse (local, &here) || here.any.sa_family != there.any.sa_family)
    return EINVAL;
  *fd = socket_for (&there, SOCK_DGRAM);
  if (*fd < 0)
    return errno;
  code = bind (*fd, &here.any, here.length) == 0 ? connect_endpoint (*fd, &there) : errno;
  if (code != 0)
    close (*fd);
  return code;
}

/* Who is accepted has them from the listener. */
static void
set_tcp_options (int fd)
{
  static const struct
  {
    int level, name, value;
  } options[] = {
    { IPPROTO_TCP, TCP_NODELAY, 1 },   { SOL_SOCKET, SO_KEEPALIVE, 1 },
    { IPPROTO_TCP, TCP_KEEPIDLE, 15 }, { IPPROTO_TCP, TCP_KEEPINTVL, 5 },
    { IPPROTO_TCP, TCP_KEEPCNT, 3 },   { IPPROTO_TCP, TCP_USER_TIMEOUT, 30 * 1000 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    setsockopt (fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

int
net_outside_tcp_listen (const char *local, int *listener)
{
  const int one = 1;
  NetEndpoint here;
  int code = 0;

  if (!net_endpoint_parse (local, &here))
    return EINVAL;
  *listener = socket_for (&here, SOCK_STREAM | SOCK_NONBLOCK);
  if (*listener < 0)
    return errno;
  set_tcp_options (*listener);
  if (setsockopt (*listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0
      || bind (*listener, &here.any, here.length) != 0 || listen (*listener, 1) != 0)
    code = errno;
  if (code != 0)
    close (*listener);
  return code;
}

int
net_outside_tcp_connect (const char *remote, int *fd)
{
  NetEndpoint there;
  int code;

  if (!net_endpoint_parse (remote, &there))
    return EINVAL;
  *fd = socket_for (&there, SOCK_STREAM | SOCK_NONBLOCK);
  if (*fd < 0)
    return errno;
  set_tcp_options (*fd);
  code = connect_endpoint (*fd, &there);
  if (code != 0)
    close (*fd);
  return code;
}

int
net_outside_stream (int ends[2])
{
  return socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
}

/* -- The host's own -------------------------------------------------------------------------------- */

/* What the kernel hands over is as unfinished as what it takes. */
static int
set_offloads (int fd)
{
  return ioctl (fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) == 0 ? 0 : errno;
}

int
net_outside_tap (const char *name, int *fd)
{
  struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
  int code;

  if (!net_interface_is_good (name))
    return EINVAL;
  g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
  *fd = open (TAP, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0)
    return errno;
  code = ioctl (*fd, TUNSETIFF, &request) == 0 ? set_offloads (*fd) : errno;
  if (code != 0)
    close (*fd);
  return code;
}

/* The descriptor that comes with a byte; -1. */
static int
receive_fd (int socket)
{
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control;
  char byte;
  struct iovec iov = { &byte, 1 };
  struct msghdr message
      = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  struct pollfd wait = { socket, POLLIN, 0 };
  const struct cmsghdr *first;
  int fd;

  if (poll (&wait, 1, HELPER_MS) <= 0 || recvmsg (socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
    return -1;
  first = CMSG_FIRSTHDR (&message);
  if (first == NULL || first->cmsg_level != SOL_SOCKET || first->cmsg_type != SCM_RIGHTS
      || first->cmsg_len != CMSG_LEN (sizeof fd))
    return -1;
  memcpy (&fd, CMSG_DATA (first), sizeof fd);
  return fd;
}

int
net_outside_bridge (const char *bridge, int *fd)
{
  static const char *const programs[]
      = { "/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper",
          "/usr/local/libexec/qemu-bridge-helper" };
  const ChildFiles files = { -1, -1, -1 };
  g_autofree char *name = g_strconcat ("--br=", bridge, NULL),
                  *number = g_strdup_printf ("--fd=%d", CHILD_SOCKET);
  const char *program = NULL;
  pid_t pid;
  int socket, code;

  for (unsigned i = 0; i < G_N_ELEMENTS (programs) && program == NULL; i++)
    if (access (programs[i], X_OK) == 0)
      program = programs[i];
  if (!net_interface_is_good (bridge))
    return EINVAL;
  if (program == NULL)
    return ENOENT;
  char *const arguments[] = { (char *)program, (char *)"--use-vnet", number, name, NULL };
  socket = child_start (arguments, &files, &pid, NULL);
  if (socket < 0)
    return ENOENT;
  *fd = receive_fd (socket);
  if (*fd < 0)
    kill (pid, SIGKILL);
  close (socket);
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
  if (*fd < 0)
    return EPERM;
  code = set_offloads (*fd);
  if (code == 0 && fcntl (*fd, F_SETFL, O_NONBLOCK) != 0)
    code = errno;
  if (code != 0)
    close (*fd);
  return code;
}
