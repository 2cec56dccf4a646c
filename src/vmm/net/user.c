/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "net"

#include "net/user.h"

#include "base/net-forward.h"
#include "base/net-messages.h"
#include "base/ready-source.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_A_TURN 16
#define RESTARTS        3 /* within RESTART_WINDOW */
#define RESTART_WINDOW  G_TIME_SPAN_MINUTE

struct NetUser
{
  NetUserConfig config;
  char *id, *hostname, *bootfile, *forwards;
  int socket; /* -1: there is no process */
  unsigned process;
  uint32_t serial;
  gboolean ready;
  GSource *watch;
  GSource *lost; /* ready: the port has lost its wire */
  gint64 restarts[RESTARTS];
  unsigned n_restarts;
};

static void begin (NetUser *user);

/* What a host may be called: letters, digits, and hyphens within. */
static char *
hostname_of (const char *name)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (; *name != '\0' && text->len < NET_HOSTNAME_SIZE; name++)
    if (g_ascii_isalnum (*name))
      g_string_append_c (text, g_ascii_tolower (*name));
    else if (text->len > 0 && text->str[text->len - 1] != '-')
      g_string_append_c (text, '-');
  while (text->len > 0 && text->str[text->len - 1] == '-')
    g_string_truncate (text, text->len - 1);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void G_GNUC_PRINTF (2, 3) say (NetUser *user, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *words = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *sentence = g_strdup_printf ("%s: %s", user->id, words);
  g_message ("%s", sentence);
  user->config.notice (user->config.opaque, sentence);
}

/* -- Life ------------------------------------------------------------------------------------------ */

static void
drop_process (NetUser *user)
{
  if (user->watch != NULL)
    g_source_destroy (user->watch);
  g_clear_pointer (&user->watch, g_source_unref);
  if (user->socket >= 0)
    close (user->socket);
  user->socket = -1;
  user->ready = FALSE;
  if (user->process != 0)
    user->config.end (user->config.opaque, user->process);
  user->process = 0;
}

static void
switch_off (NetUser *user, const char *why)
{
  drop_process (user);
  net_port_connect (user->config.port, -1);
  net_port_set_network (user->config.port, FALSE);
  say (user, "the network is off: %s", why);
}

static gboolean
may_restart (NetUser *user)
{
  const gint64 now = g_get_monotonic_time ();
  gint64 *oldest = &user->restarts[user->n_restarts % RESTARTS];

  if (user->n_restarts >= RESTARTS && now - *oldest < RESTART_WINDOW)
    return FALSE;
  *oldest = now;
  user->n_restarts++;
  return TRUE;
}

static void
on_gone (NetUser *user, const char *why)
{
  const gboolean was_ready = user->ready;

  drop_process (user);
  g_message ("%s: %s", user->id, why);
  if (was_ready && may_restart (user))
    begin (user);
  else
    switch_off (user, why);
}

/* -- From the process ------------------------------------------------------------------------------ */

static void
tell_refused (NetUser *user, const Message *message)
{
  g_auto (GStrv) forwards = g_strsplit (user->forwards, ",", -1);

  if (message->a < g_strv_length (forwards))
    say (user, "the port of %s can't be opened: %s", g_strstrip (forwards[message->a]),
         g_strerror (message->result));
}

static const char *
failure_text (unsigned failure)
{
  static const char *const texts[] = { [NET_FAILURE_MESSAGE] = "its process didn't understand what was asked",
                                       [NET_FAILURE_CONFINE] = "its process couldn't be confined",
                                       [NET_FAILURE_NETWORK] = "its process couldn't make it" };

  return failure < G_N_ELEMENTS (texts) ? texts[failure] : "its process has failed";
}

/* FALSE: the process is over, and may be another one by now. */
static gboolean
handle (NetUser *user, const Message *message)
{
  switch (message->n_fds == 0 ? message->op : 0)
    {
    case NET_MESSAGE_READY:
      if (user->ready)
        break;
      user->ready = TRUE;
      g_message ("%s: the user network is there", user->id);
      return TRUE;
    case NET_MESSAGE_REFUSED:
      if (message->result <= 0 || message->a >= NET_MOST_FORWARDS)
        break;
      tell_refused (user, message);
      return TRUE;
    case NET_MESSAGE_DONE:
      if (message->serial > user->serial)
        break;
      return TRUE;
    case NET_MESSAGE_FAILED:
      if (user->ready)
        break;
      switch_off (user, failure_text (message->a));
      return FALSE;
    default:
      break;
    }
  on_gone (user, "its process said what makes no sense");
  return FALSE;
}

static gboolean
on_message (gint fd, GIOCondition condition, gpointer data)
{
  NetUser *user = data;

  for (unsigned turn = 0; turn < MESSAGES_A_TURN; turn++)
    {
      Message message;
      int fds[MESSAGE_MAX_FDS];
      const int code = message_receive (user->socket, &message, fds, 0);

      if (code == -ETIMEDOUT)
        return G_SOURCE_CONTINUE;
      if (code != 1)
        {
          on_gone (user, code == 0 ? "its process has ended" : "its process said what makes no sense");
          return G_SOURCE_REMOVE;
        }
      message_close_fds (fds);
      if (!handle (user, &message))
        return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

/* Control loop. */
static gboolean
on_lost (gpointer data)
{
  NetUser *user = data;

  /* Mostly its socket says so, too. */
  if (user->socket >= 0 && user->ready)
    on_gone (user, "its process has hung up");
  return G_SOURCE_CONTINUE;
}

/* Device loop. */
static void
on_wire_lost (void *opaque)
{
  g_source_set_ready_time (((NetUser *)opaque)->lost, 0);
}

/* -- To the process -------------------------------------------------------------------------------- */

static void
begin (NetUser *user)
{
  g_autoptr (GError) error = NULL;
  int ends[2] = { -1, -1 }, config, code;

  user->socket = user->config.start (user->config.opaque, user->id, &user->process, &error);
  if (user->socket < 0)
    {
      switch_off (user, error->message);
      return;
    }
  config = net_config_new (user->hostname, user->bootfile, user->forwards);
  code = config >= 0 && socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0
             ? message_send (user->socket,
                             &(Message){ .op = NET_MESSAGE_START,
                                         .n_fds = 2,
                                         .a = user->config.restricted ? NET_START_RESTRICTED : 0 },
                             (int[]){ config, ends[1] }, 0)
             : -errno;
  if (config >= 0)
    close (config);
  if (ends[1] >= 0)
    close (ends[1]);
  if (code != 0)
    {
      if (ends[0] >= 0)
        close (ends[0]);
      switch_off (user, g_strerror (-code));
      return;
    }
  net_port_connect (user->config.port, ends[0]);
  user->watch = g_unix_fd_source_new (user->socket, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (user->watch, G_SOURCE_FUNC (on_message), user, NULL);
  g_source_attach (user->watch, user->config.control);
}

NetUser *
net_user_new (const NetUserConfig *config)
{
  NetUser *user = g_new0 (NetUser, 1);

  user->config = *config;
  user->id = g_strdup (config->id);
  user->hostname = hostname_of (config->name);
  user->bootfile = g_strdup (config->bootfile != NULL ? config->bootfile : "");
  user->forwards = g_strdup (config->forwards != NULL ? config->forwards : "");
  user->socket = -1;
  user->lost = ready_source_new (config->control, G_PRIORITY_DEFAULT, "net-lost", on_lost, user);
  net_port_set_lost_func (config->port, on_wire_lost, user);
  begin (user);
  return user;
}

void
net_user_free (NetUser *user)
{
  if (user == NULL)
    return;
  net_port_set_lost_func (user->config.port, NULL, NULL);
  drop_process (user);
  g_source_destroy (user->lost);
  g_source_unref (user->lost);
  g_free (user->id);
  g_free (user->hostname);
  g_free (user->bootfile);
  g_free (user->forwards);
  g_free (user);
}

const char *
net_user_id (NetUser *user)
{
  return user->id;
}

gboolean
net_user_set_forwards (NetUser *user, const char *forwards, GError **error)
{
  g_autoptr (GArray) list = net_forwards_parse (forwards);
  int config, code;

  if (list == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s: that is no list of forwards",
                   user->id);
      return FALSE;
    }
  if (user->socket < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "%s: the network is off", user->id);
      return FALSE;
    }
  config = net_config_new (user->hostname, user->bootfile, forwards);
  code = config >= 0
             ? message_send (user->socket,
                             &(Message){ .op = NET_MESSAGE_FORWARDS, .n_fds = 1, .serial = ++user->serial },
                             &config, 0)
             : -errno;
  if (config >= 0)
    close (config);
  if (code != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (-code), "%s: %s", user->id, g_strerror (-code));
      return FALSE;
    }
  g_free (user->forwards);
  user->forwards = g_strdup (forwards);
  return TRUE;
}
