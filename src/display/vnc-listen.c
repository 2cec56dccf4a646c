/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The listening sockets of VNC.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "display/vnc-listen.h"

#include "display/socket-place.h"
#include "display/vnc-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG    8
#define FIRST_PORT 5900 /* where people look for VNC */
#define LAST_PORT  5963

/* -- One -- */

static int
fail_errno (const char *address, int fd, GError **error)
{
  int errsv = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errsv), _ ("cannot listen for VNC on %s: %s"),
               address, g_strerror (errsv));
  if (fd >= 0)
    close (fd);
  return -1;
}

static int
listen_unix (const char *address, const char *path, char **actual, GError **error)
{
  const size_t longest = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;
  int fd;

  if (*path == 0 || strlen (path) > longest)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("cannot listen for VNC on %s: the path must have 1 to %zu characters"), address,
                   longest);
      return -1;
    }
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return fail_errno (address, -1, error);
  /* The socket of a machine that was killed lies around; one that listens is somebody's. */
  if (socket_place_look (path) == SOCKET_PLACE_STALE)
    unlink (path);
  if (!socket_place_listen (fd, path, BACKLOG))
    return fail_errno (address, fd, error);
  *actual = g_strconcat ("unix:", path, NULL);
  return fd;
}

static gboolean
is_loopback (const struct sockaddr *sa)
{
  if (sa->sa_family == AF_INET)
    return ntohl (((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
  if (sa->sa_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK (&((const struct sockaddr_in6 *)sa)->sin6_addr);
  return FALSE;
}

char *
vnc_listen_describe (int fd)
{
  struct sockaddr_storage ss = { 0 };
  socklen_t len = sizeof ss;
  char host[INET6_ADDRSTRLEN] = "";

  if (getsockname (fd, (struct sockaddr *)&ss, &len) < 0)
    return g_strdup ("");
  if (ss.ss_family == AF_UNIX)
    return g_strconcat ("unix:", ((struct sockaddr_un *)&ss)->sun_path, NULL);
  if (ss.ss_family == AF_INET6)
    {
      struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

      inet_ntop (AF_INET6, &in6->sin6_addr, host, sizeof host);
      return g_strdup_printf ("[%s]:%u", host, ntohs (in6->sin6_port));
    }
  inet_ntop (AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, host, sizeof host);
  return g_strdup_printf ("%s:%u", host, ntohs (((struct sockaddr_in *)&ss)->sin_port));
}

/* A non-blocking socket, and what it is bound to; -1 with an error. */
static int
listen_at (const char *address, gboolean allow_public, char **actual, GError **error)
{
  struct addrinfo hints = { .ai_family = AF_UNSPEC,
                            .ai_socktype = SOCK_STREAM,
                            .ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST };
  struct addrinfo *list = NULL;
  g_auto (VncAddress) parts = { 0 };
  g_autofree char *port = NULL;
  const char *host;
  int fd, rc, one = 1;
  gboolean good = vnc_address_parse (address, 0, &parts);

  if (good && parts.path)
    return listen_unix (address, parts.path, actual, error);
  if (!good)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("“%s” is not a VNC address: write it as 127.0.0.1:5901, [::1]:5901 or unix:/path"),
                   address);
      return -1;
    }
  /* Nothing else is looked up: a name server may take its time. */
  host = g_ascii_strcasecmp (parts.host, "localhost") == 0 ? "127.0.0.1" : parts.host;
  port = g_strdup_printf ("%u", parts.port);
  rc = getaddrinfo (*host ? host : NULL, port, &hints, &list);
  if (rc == EAI_NONAME)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND,
                   _ ("cannot listen for VNC on %s: give this host's address in numbers, such as 127.0.0.1, "
                      "or localhost"),
                   address);
      return -1;
    }
  if (rc != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND, _ ("cannot listen for VNC on %s: %s"),
                   address, gai_strerror (rc));
      return -1;
    }
  if (!allow_public && !is_loopback (list->ai_addr))
    {
      freeaddrinfo (list);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   _ ("VNC on %s could be reached by others: give a password file, or listen on 127.0.0.1"),
                   address);
      return -1;
    }
  fd = socket (list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0)
    {
      setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
      if (list->ai_family == AF_INET6)
        setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    }
  if (fd < 0 || bind (fd, list->ai_addr, list->ai_addrlen) < 0 || listen (fd, BACKLOG) < 0)
    {
      fail_errno (address, fd, error);
      freeaddrinfo (list);
      return -1;
    }
  freeaddrinfo (list);
  *actual = vnc_listen_describe (fd);
  return fd;
}

/* -- One a screen -- */

/* The ports where people look for VNC first, then any. */
static int
listen_somewhere (gboolean allow_public, char **actual, GError **error)
{
  int fd = -1;

  for (unsigned port = FIRST_PORT; fd < 0 && port <= LAST_PORT; port++)
    {
      g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", port);
      fd = listen_at (address, allow_public, actual, NULL);
    }
  return fd >= 0 ? fd : listen_at ("127.0.0.1:0", allow_public, actual, error);
}

/* Another screen, near to where the first one is: "127.0.0.1:5901" and 1 give "127.0.0.1:5902". */
int
vnc_listen_beside (const char *first, unsigned screen, gboolean allow_public, char **actual, GError **error)
{
  const char *colon = strrchr (first, ':');
  g_autofree char *host = g_strndup (first, colon - first), *near = NULL, *any = NULL;
  guint64 port = 0;
  int fd = -1;

  if (g_str_has_prefix (first, "unix:"))
    {
      near = g_strdup_printf ("%s.%u", first, screen);
      return listen_at (near, allow_public, actual, error);
    }
  g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL);
  if (port + screen <= G_MAXUINT16)
    {
      near = g_strdup_printf ("%s:%u", host, (unsigned)port + screen);
      fd = listen_at (near, allow_public, actual, NULL);
    }
  any = g_strdup_printf ("%s:0", host);
  return fd >= 0 ? fd : listen_at (any, allow_public, actual, error);
}

gboolean
vnc_listen (const char *address, unsigned n, gboolean allow_public, VncListeners *listeners, GError **error)
{
  *listeners = (VncListeners){ .fds = g_new0 (int, n), .addresses = g_new0 (char *, n + 1) };
  for (unsigned i = 0; i < n; i++)
    {
      char **actual = &listeners->addresses[i];
      int fd = i > 0 ? vnc_listen_beside (listeners->addresses[0], i, allow_public, actual, error)
               : address != NULL && *address != '\0' ? listen_at (address, allow_public, actual, error)
                                                     : listen_somewhere (allow_public, actual, error);

      if (fd < 0)
        {
          g_auto (GStrv) made = g_steal_pointer (&listeners->addresses);

          vnc_listeners_clear (listeners);
          for (unsigned j = 0; j < i; j++)
            vnc_listen_tidy (made[j]);
          return FALSE;
        }
      listeners->fds[listeners->n++] = fd;
    }
  return TRUE;
}

void
vnc_listeners_clear (VncListeners *listeners)
{
  for (unsigned i = 0; i < listeners->n; i++)
    close (listeners->fds[i]);
  g_free (listeners->fds);
  g_strfreev (listeners->addresses);
  *listeners = (VncListeners){ 0 };
}

void
vnc_listen_tidy (const char *address)
{
  g_auto (VncAddress) parts = { 0 };

  if (vnc_address_parse (address, 0, &parts) && parts.path != NULL
      && socket_place_look (parts.path) == SOCKET_PLACE_STALE)
    unlink (parts.path);
}
