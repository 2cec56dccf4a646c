/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Addresses of VNC servers.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "display/vnc-address.h"

#include "display/socket-place.h"

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

#define BACKLOG     8
#define UNIX_PREFIX "unix:"

/* -- As text -------------------------------------------------------------------------------------- */

void
vnc_address_clear (VncAddress *address)
{
  g_free (address->host);
  g_free (address->path);
  *address = (VncAddress){ 0 };
}

gboolean
vnc_address_parse (const char *text, uint16_t default_port, VncAddress *address)
{
  const char *colon, *end;
  guint64 port = default_port;

  *address = (VncAddress){ 0 };
  if (g_str_has_prefix (text, UNIX_PREFIX))
    {
      address->path = g_strdup (text + strlen (UNIX_PREFIX));
      return TRUE;
    }
  colon = strrchr (text, ':');
  /* A colon belongs to a bare IPv6 address if there are more of them, and to one in brackets if it stands there. */
  if (colon && (strchr (colon, ']') || (*text != '[' && strchr (text, ':') != colon)))
    colon = NULL;
  if (colon ? !g_ascii_string_to_unsigned (colon + 1, 10, 0, 65535, &port, NULL) : default_port == 0)
    return FALSE;
  end = colon ? colon : text + strlen (text);
  if (*text == '[')
    {
      if (end < text + 2 || end[-1] != ']')
        return FALSE;
      text++;
      end--;
    }
  if (strcspn (text, "[] ") < (size_t)(end - text))
    return FALSE;
  address->host = g_strndup (text, end - text);
  address->port = port;
  return TRUE;
}

/* -- To listen on --------------------------------------------------------------------------------- */

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

static gboolean
is_any (const char *host)
{
  return *host == '\0' || g_str_equal (host, "0.0.0.0") || g_str_equal (host, "::");
}

static gboolean
names_loopback (const char *host)
{
  return g_ascii_strcasecmp (host, "localhost") == 0 || g_str_equal (host, "127.0.0.1")
         || g_str_equal (host, "::1");
}

gboolean
vnc_address_meets (const VncAddress *a, const VncAddress *b)
{
  if (a->path != NULL || b->path != NULL)
    return g_strcmp0 (a->path, b->path) == 0;
  return a->port == b->port
         && (g_ascii_strcasecmp (a->host, b->host) == 0 || is_any (a->host) || is_any (b->host)
             || (names_loopback (a->host) && names_loopback (b->host)));
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

static char *
describe (int fd)
{
  struct sockaddr_storage ss;
  socklen_t len = sizeof ss;
  char host[INET6_ADDRSTRLEN] = "";

  if (getsockname (fd, (struct sockaddr *)&ss, &len) < 0)
    return g_strdup ("");
  if (ss.ss_family == AF_INET6)
    {
      struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

      inet_ntop (AF_INET6, &in6->sin6_addr, host, sizeof host);
      return g_strdup_printf ("[%s]:%u", host, ntohs (in6->sin6_port));
    }
  inet_ntop (AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, host, sizeof host);
  return g_strdup_printf ("%s:%u", host, ntohs (((struct sockaddr_in *)&ss)->sin_port));
}

int
vnc_listen (const char *address, gboolean allow_public, char **actual, GError **error)
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
  /* Nothing else is looked up: this is the loop of a machine that runs, and a name server may take its time. */
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
  *actual = describe (fd);
  return fd;
}
