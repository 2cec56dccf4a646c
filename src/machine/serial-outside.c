/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/serial-outside.h"

#include "display/socket-place.h"
#include "display/vnc-address.h"
#include "machine/vsock-socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* A peer that is gone without a word is found out within some five minutes, and the next one can have the line. */
#define KEEP_IDLE_S     120
#define KEEP_INTERVAL_S 30
#define KEEP_TIMES      5

/* May wait while another has the line. */
#define BACKLOG 1

static gboolean
is (const MachineDevice *serial, const char *key, const char *value)
{
  return g_strcmp0 (machine_device_text (serial, key), value) == 0;
}

SerialOutside
serial_outside_kind (const MachineDevice *serial)
{
  if (is (serial, "backend", "pty"))
    return SERIAL_OUTSIDE_PTY;
  if (is (serial, "backend", "device"))
    return SERIAL_OUTSIDE_LINE;
  if (is (serial, "backend", "tcp") || is (serial, "backend", "unix"))
    return is (serial, "mode", "connect") ? SERIAL_OUTSIDE_CALL : SERIAL_OUTSIDE_LISTENER;
  return SERIAL_OUTSIDE_NONE;
}

/* -- TTYs ------------------------------------------------------------------------------------------ */

/* Bytes as they are, 8 of them a character. */
static int
make_raw (int fd, speed_t speed)
{
  struct termios line;

  if (tcgetattr (fd, &line) != 0)
    return errno;
  cfmakeraw (&line);
  line.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
  line.c_cflag |= CLOCAL | CREAD;
  if (speed != B0 && cfsetspeed (&line, speed) != 0)
    return errno;
  return tcsetattr (fd, TCSANOW, &line) == 0 ? 0 : errno;
}

/* Its other end is opened once, to be the user's alone and raw; so the master knows from the beginning that nobody has it open. */
static int
open_pty (int *fd, char name[SERIAL_OUTSIDE_NAME])
{
  int slave, code;

  *fd = posix_openpt (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (*fd < 0)
    return errno;
  if (grantpt (*fd) != 0 || unlockpt (*fd) != 0 || ptsname_r (*fd, name, SERIAL_OUTSIDE_NAME) != 0)
    return errno;
  slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (slave < 0)
    return errno;
  code = fchmod (slave, 0600) == 0 ? make_raw (slave, B0) : errno;
  close (slave);
  return code;
}

static speed_t
speed_of (const MachineDevice *serial)
{
  static const struct
  {
    const char *text;
    speed_t speed;
  } speeds[] = {
    { "300", B300 },       { "1200", B1200 },     { "2400", B2400 },     { "4800", B4800 },
    { "9600", B9600 },     { "19200", B19200 },   { "38400", B38400 },   { "57600", B57600 },
    { "115200", B115200 }, { "230400", B230400 }, { "460800", B460800 }, { "921600", B921600 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (speeds); i++)
    if (is (serial, "speed", speeds[i].text))
      return speeds[i].speed;
  return B115200;
}

/* Opening alone makes some devices act, so look first; and again. */
static int
open_line (const char *path, speed_t speed, int *fd)
{
  struct stat info;

  if (stat (path, &info) != 0)
    return errno;
  if (!S_ISCHR (info.st_mode))
    return ENOTTY;
  *fd = open (path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (*fd < 0)
    return errno;
  if (!isatty (*fd))
    return ENOTTY;
  /* As terminal programs tell each other; it goes with the descriptor. */
  if (flock (*fd, LOCK_EX | LOCK_NB) != 0)
    return errno == EWOULDBLOCK ? EBUSY : errno;
  return make_raw (*fd, speed);
}

/* -- Sockets --------------------------------------------------------------------------------------- */

gboolean
serial_outside_parse (const char *text, struct sockaddr_storage *place, socklen_t *length)
{
  g_auto (VncAddress) address = { 0 };
  struct sockaddr_in *in = (struct sockaddr_in *)place;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)place;

  if (!vnc_address_parse (text, 0, &address) || address.host == NULL)
    return FALSE;
  const char *host = g_ascii_strcasecmp (address.host, "localhost") == 0 ? "127.0.0.1" : address.host;
  memset (place, 0, sizeof *place);
  if (inet_pton (AF_INET, host, &in->sin_addr) == 1)
    {
      in->sin_family = AF_INET;
      in->sin_port = htons (address.port);
      *length = sizeof *in;
      return TRUE;
    }
  if (inet_pton (AF_INET6, host, &in6->sin6_addr) != 1)
    return FALSE;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons (address.port);
  *length = sizeof *in6;
  return TRUE;
}

static void
describe (int fd, const struct sockaddr_storage *wanted, char name[SERIAL_OUTSIDE_NAME])
{
  struct sockaddr_storage bound;
  const struct sockaddr_storage *place = wanted;
  socklen_t length = sizeof bound;
  char host[INET6_ADDRSTRLEN] = "";

  /* Port 0 is any that is free. */
  if (fd >= 0 && getsockname (fd, (struct sockaddr *)&bound, &length) == 0)
    place = &bound;
  if (place->ss_family == AF_INET6)
    {
      inet_ntop (AF_INET6, &((const struct sockaddr_in6 *)place)->sin6_addr, host, sizeof host);
      g_snprintf (name, SERIAL_OUTSIDE_NAME, "[%s]:%u", host,
                  ntohs (((const struct sockaddr_in6 *)place)->sin6_port));
      return;
    }
  inet_ntop (AF_INET, &((const struct sockaddr_in *)place)->sin_addr, host, sizeof host);
  g_snprintf (name, SERIAL_OUTSIDE_NAME, "%s:%u", host,
              ntohs (((const struct sockaddr_in *)place)->sin_port));
}

/* What is asked of a listener its connections inherit. */
static void
set_options (int fd)
{
  static const struct
  {
    int level, name, value;
  } options[] = {
    { SOL_SOCKET, SO_KEEPALIVE, 1 },
    { IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
    { IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S },
    { IPPROTO_TCP, TCP_KEEPCNT, KEEP_TIMES },
    { IPPROTO_TCP, TCP_NODELAY, 1 }, /* keys */
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    (void)setsockopt (fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

static int
open_tcp (const MachineDevice *serial, gboolean call, int *fd, char name[SERIAL_OUTSIDE_NAME])
{
  const char *text = machine_device_text (serial, "address");
  struct sockaddr_storage place;
  socklen_t length;
  const int one = 1;

  if (text == NULL || !serial_outside_parse (text, &place, &length))
    return EINVAL;
  *fd = socket (place.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (*fd < 0)
    return errno;
  set_options (*fd);
  if (call)
    {
      describe (-1, &place, name);
      return connect (*fd, (const struct sockaddr *)&place, length) == 0 || errno == EINPROGRESS ? 0 : errno;
    }
  (void)setsockopt (*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (place.ss_family == AF_INET6)
    (void)setsockopt (*fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (bind (*fd, (const struct sockaddr *)&place, length) != 0 || listen (*fd, BACKLOG) != 0)
    return errno;
  describe (*fd, &place, name);
  return 0;
}

/* In place of a socket that nobody has any more, and of nothing else. */
static int
listen_unix (const char *path, int *fd)
{
  struct stat info;

  if (strlen (path) >= sizeof ((struct sockaddr_un *)NULL)->sun_path)
    return ENAMETOOLONG;
  if (lstat (path, &info) == 0)
    {
      if (!S_ISSOCK (info.st_mode))
        return EEXIST;
      if (socket_place_look (path) != SOCKET_PLACE_STALE)
        return EADDRINUSE;
      if (unlink (path) != 0)
        return errno;
    }
  *fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return *fd >= 0 && socket_place_listen (*fd, path, BACKLOG) ? 0 : errno;
}

static int
open_unix (const char *path, gboolean call, int *fd)
{
  if (path == NULL)
    return EINVAL;
  if (!call)
    return listen_unix (path, fd);
  *fd = vsock_socket_connect (path);
  return *fd >= 0 ? 0 : errno;
}

/* -- All ------------------------------------------------------------------------------------------- */

int
serial_outside_open (const MachineDefinition *definition, const MachineDevice *serial, int *fd,
                     char name[SERIAL_OUTSIDE_NAME])
{
  const SerialOutside kind = serial_outside_kind (serial);
  g_autofree char *path = definition_resolve (definition, machine_device_text (serial, "path"));
  int code;

  *fd = -1;
  *name = '\0';
  if (kind == SERIAL_OUTSIDE_NONE)
    return ENODEV;
  if (kind == SERIAL_OUTSIDE_PTY)
    code = open_pty (fd, name);
  else if (kind == SERIAL_OUTSIDE_LINE)
    code = path != NULL ? open_line (path, speed_of (serial), fd) : EINVAL;
  else if (is (serial, "backend", "tcp"))
    code = open_tcp (serial, kind == SERIAL_OUTSIDE_CALL, fd, name);
  else
    code = open_unix (path, kind == SERIAL_OUTSIDE_CALL, fd);
  if (code == 0 && *name == '\0')
    {
      const size_t length = strlen (path);

      g_strlcpy (name, path + (length >= SERIAL_OUTSIDE_NAME ? length - SERIAL_OUTSIDE_NAME + 1 : 0),
                 SERIAL_OUTSIDE_NAME);
    }
  if (code != 0 && *fd >= 0)
    {
      close (*fd);
      *fd = -1;
    }
  return code;
}

char *
serial_outside_explain (const MachineDefinition *definition, const MachineDevice *serial, int code,
                        const char **key)
{
  const gboolean tcp = is (serial, "backend", "tcp"), line = is (serial, "backend", "device");
  g_autofree char *path = definition_resolve (definition, machine_device_text (serial, "path"));
  const char *what;

  *key = is (serial, "backend", "pty") ? "backend" : tcp ? "address" : "path";
  what = tcp ? machine_device_text (serial, "address") : path;
  if (code == EINVAL && (what == NULL || *what == '\0'))
    return g_strdup_printf (
        tcp ? _ ("%s.address: the serial port is to lead to a TCP address; say which, as 127.0.0.1:4000")
            : _ ("%s.path: the serial port is to lead to a socket or a port of this computer; say which"),
        serial->id);
  if (*key == NULL || what == NULL)
    return g_strdup_printf (_ ("%s.backend: no pseudo-terminal can be made: %s"), serial->id,
                            g_strerror (code));
  if (line && code == ENOTTY)
    return g_strdup_printf (_ ("%s.path: %s is no serial port"), serial->id, what);
  if (line && code == EACCES)
    return g_strdup_printf (
        _ ("%s.path: you may not use %s; become a member of the group that it belongs to (often “dialout”), and log in again"),
        serial->id, what);
  if (line && code == EBUSY)
    return g_strdup_printf (_ ("%s.path: another program uses %s"), serial->id, what);
  if (code == EADDRINUSE)
    return g_strdup_printf (_ ("%s.%s: somebody listens on %s already; choose another"), serial->id, *key,
                            what);
  if (code == ENAMETOOLONG)
    return g_strdup_printf (_ ("%s.path: %s is too long for a socket's name; choose a shorter one"),
                            serial->id, what);
  return g_strdup_printf (_ ("%s.%s: %s can't be opened: %s"), serial->id, *key, what, g_strerror (code));
}

void
serial_outside_tidy (const MachineDefinition *definition, const MachineDevice *serial)
{
  g_autofree char *path = definition_resolve (definition, machine_device_text (serial, "path"));

  if (path != NULL && serial_outside_kind (serial) == SERIAL_OUTSIDE_LISTENER
      && is (serial, "backend", "unix") && socket_place_look (path) == SOCKET_PLACE_STALE)
    unlink (path);
}
