/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-net"

#include "nat/nat-helper.h"

#include "base/net-forward.h"
#include "nat/nat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MS 5000 /* who doesn't read what it is told is gone */

typedef struct
{
  char text[NET_CONFIG_SIZE];
  const char *hostname, *bootfile, *forwards;
  GArray *list; /* NetForward */
} Config;

typedef struct
{
  int socket;
  Nat *nat;
  gboolean over;
} Helper;

static void
tell (Helper *helper, const Message *message)
{
  if (!helper->over && message_send (helper->socket, message, NULL, ANSWER_MS) != 0)
    helper->over = TRUE;
}

void
nat_helper_fail (int socket, NetFailure failure, int code)
{
  message_send (socket, &(Message){ .op = NET_MESSAGE_FAILED, .a = failure, .result = ABS (code) }, NULL,
                1000);
}

/* -- What is asked for ----------------------------------------------------------------------------- */

static gboolean
is_hostname (const char *text)
{
  const size_t length = strlen (text);

  if (length > NET_HOSTNAME_SIZE || (length > 0 && (text[0] == '-' || text[length - 1] == '-')))
    return FALSE;
  for (; *text != '\0'; text++)
    if (!g_ascii_isalnum (*text) && *text != '-')
      return FALSE;
  return TRUE;
}

/* Nobody can change it or make a read of it wait. */
static gboolean
is_sealed (int fd)
{
  const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const int seals = fcntl (fd, F_GET_SEALS);
  struct stat info;

  return seals >= 0 && (seals & wanted) == wanted && fstat (fd, &info) == 0 && S_ISREG (info.st_mode)
         && info.st_size > 0 && info.st_size <= (off_t)NET_CONFIG_SIZE;
}

static gboolean
config_read (Config *config, int fd)
{
  const char **const texts[NET_CONFIG_TEXTS] = { &config->hostname, &config->bootfile, &config->forwards };
  const char *at = config->text, *end;
  ssize_t n;

  config->list = NULL;
  if (!is_sealed (fd))
    return FALSE;
  n = pread (fd, config->text, sizeof config->text, 0);
  if (n <= 0 || config->text[n - 1] != '\0')
    return FALSE;
  end = config->text + n;
  for (unsigned i = 0; i < NET_CONFIG_TEXTS; i++)
    {
      if (at >= end)
        return FALSE;
      *texts[i] = at;
      at += strlen (at) + 1;
    }
  if (at != end || !is_hostname (config->hostname) || strlen (config->bootfile) > NET_BOOTFILE_SIZE
      || !g_utf8_validate (config->bootfile, -1, NULL))
    return FALSE;
  config->list = net_forwards_parse (config->forwards);
  return config->list != NULL;
}

static gboolean
is_wire (int fd)
{
  int value = -1;
  socklen_t length = sizeof value;

  if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &value, &length) != 0 || value != AF_UNIX)
    return FALSE;
  length = sizeof value;
  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_SEQPACKET;
}

/* -- Serving --------------------------------------------------------------------------------------- */

static void
on_refused (void *opaque, unsigned forward, int code)
{
  tell (opaque, &(Message){ .op = NET_MESSAGE_REFUSED, .a = forward, .result = code });
}

/* FALSE: it makes no sense. */
static gboolean
begin (Helper *helper, const char *tftp, const Message *message, int fds[MESSAGE_MAX_FDS])
{
  Config config;
  NatConfig nat;

  if (message->op != NET_MESSAGE_START || message->n_fds != 2 || (message->a & ~NET_START_RESTRICTED) != 0
      || !is_wire (fds[1]) || !config_read (&config, fds[0]))
    return FALSE;
  nat = (NatConfig){ .hostname = config.hostname,
                     .bootfile = config.bootfile,
                     .tftp = tftp,
                     .restricted = message->a == NET_START_RESTRICTED };
  helper->nat = nat_new (&nat, fds[1]);
  fds[1] = -1;
  if (helper->nat != NULL)
    nat_set_forwards (helper->nat, config.list, on_refused, helper);
  g_array_unref (config.list);
  return TRUE;
}

static gboolean
set_forwards (Helper *helper, const Message *message, int fds[MESSAGE_MAX_FDS])
{
  Config config;

  if (message->op != NET_MESSAGE_FORWARDS || message->n_fds != 1 || !config_read (&config, fds[0]))
    return FALSE;
  nat_set_forwards (helper->nat, config.list, on_refused, helper);
  g_array_unref (config.list);
  tell (helper, &(Message){ .op = NET_MESSAGE_DONE, .serial = message->serial });
  return TRUE;
}

static void
hear (Helper *helper)
{
  Message message;
  int fds[MESSAGE_MAX_FDS];
  const int code = message_receive (helper->socket, &message, fds, 0);

  if (code == -ETIMEDOUT)
    return;
  if (code != 1)
    {
      helper->over = TRUE;
      return;
    }
  if (!set_forwards (helper, &message, fds))
    {
      g_message ("the monitor says what makes no sense");
      helper->over = TRUE;
    }
  message_close_fds (fds);
}

gboolean
nat_helper_serve (int socket, const char *tftp)
{
  Helper helper = { .socket = socket };
  Message message;
  int fds[MESSAGE_MAX_FDS];
  gboolean good;

  if (message_receive (socket, &message, fds, -1) != 1)
    return FALSE;
  good = begin (&helper, tftp, &message, fds);
  message_close_fds (fds);
  if (!good || helper.nat == NULL)
    {
      nat_helper_fail (socket, good ? NET_FAILURE_NETWORK : NET_FAILURE_MESSAGE, 0);
      return FALSE;
    }
  tell (&helper, &(Message){ .op = NET_MESSAGE_READY });
  while (!helper.over && nat_run (helper.nat, socket))
    hear (&helper);
  nat_free (helper.nat);
  return TRUE;
}
