/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-vnc"

#include "vnc/vnc-helper.h"

#include "display/vnc-password.h"
#include "vnc/vnc-server.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_A_TURN 16
#define REFUSE_MS       5000

typedef struct
{
  VncHelper *helper;
  unsigned id;
  int listener, socket; /* -1: the server's now */
  VncServer *server;
} Screen;

struct VncHelper
{
  int socket;
  GSource *watch;
  GString *name;
  unsigned n_pieces, n_screens;
  Screen screens[VNC_MAX_SCREENS];
  char *password;
  gboolean absolute, ended;
  unsigned leds;
  void (*on_ended) (void *opaque);
  void *opaque;
};

/* -- To the monitor -- */

/* From inside a server, which is still needed there. */
static void
hang_up (VncHelper *helper)
{
  helper->ended = TRUE;
  g_source_set_ready_time (helper->watch, 0);
}

/* Waits while the monitor has much to read: so do the clients then.  Nothing is lost, as a key that goes up must not be. */
static void
tell (VncHelper *helper, const Message *message)
{
  if (!helper->ended && message_send (helper->socket, message, NULL, -1) != 0)
    hang_up (helper);
}

void
vnc_helper_fail (VncHelper *helper, VncFailure failure, int code)
{
  message_send (helper->socket,
                &(Message){ .op = VNC_MESSAGE_FAILED, .a = failure, .result = (int32_t)ABS (code) }, NULL,
                1000);
}

/* -- What is to be served -- */

static int
option_of (int fd, int option)
{
  int value = -1;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

static gboolean
is_listener (int fd)
{
  int domain = option_of (fd, SO_DOMAIN);

  return option_of (fd, SO_ACCEPTCONN) == 1 && option_of (fd, SO_TYPE) == SOCK_STREAM
         && (domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX);
}

static gboolean
is_screen (int fd)
{
  return option_of (fd, SO_DOMAIN) == AF_UNIX && option_of (fd, SO_TYPE) == SOCK_SEQPACKET
         && option_of (fd, SO_ACCEPTCONN) == 0;
}

static gboolean
take_state (VncHelper *helper, const Message *message)
{
  if (message->a > 1 || message->b > 7 || message->n_fds != 0)
    return FALSE;
  helper->absolute = message->a != 0;
  helper->leds = message->b;
  return TRUE;
}

/* FALSE: the message makes no sense, or what it brings is of no use.  `fds` that are taken are -1 afterwards. */
static gboolean
take_config (VncHelper *helper, const Message *message, int fds[MESSAGE_MAX_FDS], VncFailure *failure)
{
  Screen *screen = &helper->screens[MIN (helper->n_screens, VNC_MAX_SCREENS - 1)];

  *failure = VNC_FAILURE_MESSAGE;
  switch (message->op)
    {
    case VNC_MESSAGE_NAME:
      if (helper->n_pieces++ >= VNC_NAME_PIECES || message->n_fds != 0)
        return FALSE;
      g_string_append (helper->name, message->text);
      return TRUE;
    case VNC_MESSAGE_SCREEN:
      if (helper->n_screens >= VNC_MAX_SCREENS || message->a != helper->n_screens || message->n_fds != 2)
        return FALSE;
      *failure = is_screen (fds[0]) ? VNC_FAILURE_LISTENER : VNC_FAILURE_SCREEN;
      if (!is_screen (fds[0]) || !is_listener (fds[1]))
        return FALSE;
      *screen = (Screen){ .helper = helper, .id = helper->n_screens++, .socket = fds[0], .listener = fds[1] };
      fds[0] = fds[1] = -1;
      return TRUE;
    case VNC_MESSAGE_PASSWORD:
      if (helper->password != NULL || message->n_fds != 1)
        return FALSE;
      *failure = VNC_FAILURE_PASSWORD;
      helper->password = vnc_password_read (fds[0]);
      return helper->password != NULL;
    case VNC_MESSAGE_START:
      return helper->n_screens > 0 && take_state (helper, message);
    default:
      return FALSE;
    }
}

void
vnc_helper_refuse (int socket, VncFailure failure, int code)
{
  VncHelper helper = { .socket = socket };
  Message message = { 0 };
  int fds[MESSAGE_MAX_FDS];

  while (message.op != VNC_MESSAGE_START && message_receive (socket, &message, fds, REFUSE_MS) == 1)
    message_close_fds (fds);
  vnc_helper_fail (&helper, failure, code);
}

VncHelper *
vnc_helper_new (int socket)
{
  VncHelper *helper = g_new0 (VncHelper, 1);
  VncFailure failure = VNC_FAILURE_MESSAGE;
  gboolean good = TRUE;
  Message message = { 0 };
  int fds[MESSAGE_MAX_FDS];

  helper->socket = socket;
  helper->name = g_string_new (NULL);
  /* To its end even if it is of no use: an answer is lost when the socket is closed over what wasn't read. */
  while (message.op != VNC_MESSAGE_START && message_receive (socket, &message, fds, -1) == 1)
    {
      good = good && take_config (helper, &message, fds, &failure);
      message_close_fds (fds);
    }
  if (good && message.op == VNC_MESSAGE_START)
    return helper;
  vnc_helper_fail (helper, good ? VNC_FAILURE_MESSAGE : failure, 0);
  vnc_helper_free (helper);
  return NULL;
}

/* -- From the servers -- */

static void
on_input (void *opaque, const InputEvent *event)
{
  VncHelper *helper = ((Screen *)opaque)->helper;
  Message message = vnc_message_of_event (event);

  tell (helper, &message);
}

static void
on_clients_changed (void *opaque, unsigned n)
{
  Screen *screen = opaque;

  tell (screen->helper, &(Message){ .op = VNC_MESSAGE_CLIENTS, .a = screen->id, .b = n });
}

static void
on_look (void *opaque)
{
  Screen *screen = opaque;

  tell (screen->helper, &(Message){ .op = VNC_MESSAGE_LOOK, .a = screen->id });
}

static void
on_screen_closed (void *opaque, const GError *error)
{
  if (error != NULL)
    g_message ("%s", error->message);
  hang_up (((Screen *)opaque)->helper);
}

/* -- From the monitor -- */

static gboolean
handle (VncHelper *helper, const Message *message)
{
  switch (message->op)
    {
    case VNC_MESSAGE_INPUT_STATE:
      if (!take_state (helper, message))
        return FALSE;
      for (unsigned i = 0; i < helper->n_screens; i++)
        {
          vnc_server_set_absolute (helper->screens[i].server, helper->absolute);
          vnc_server_set_leds (helper->screens[i].server, helper->leds);
        }
      tell (helper, &(Message){ .op = VNC_MESSAGE_STATE_TAKEN });
      return TRUE;
    case VNC_MESSAGE_SIZE:
      if (message->a >= helper->n_screens || message->n_fds != 0)
        return FALSE;
      vnc_server_greet (helper->screens[message->a].server, message->b >> 16, message->b & 0xffff);
      return TRUE;
    default:
      return FALSE;
    }
}

static void
end (VncHelper *helper)
{
  helper->ended = TRUE;
  g_source_destroy (helper->watch);
  helper->on_ended (helper->opaque);
}

static gboolean
on_message (int fd, GIOCondition condition, void *data)
{
  VncHelper *helper = data;

  for (unsigned turn = 0; turn < MESSAGES_A_TURN && !helper->ended; turn++)
    {
      Message message;
      int fds[MESSAGE_MAX_FDS];
      int code = message_receive (helper->socket, &message, fds, 0);

      if (code == -ETIMEDOUT)
        return G_SOURCE_CONTINUE;
      if (code == 1)
        message_close_fds (fds); /* nothing comes with descriptors from here on */
      if (code != 1 || !handle (helper, &message))
        {
          if (code != 0)
            g_message ("the monitor says what makes no sense");
          helper->ended = TRUE;
        }
    }
  if (!helper->ended)
    return G_SOURCE_CONTINUE;
  end (helper);
  return G_SOURCE_REMOVE;
}

gboolean
vnc_helper_start (VncHelper *helper, void (*ended) (void *opaque), void *opaque)
{
  static const VncServerFuncs funcs = { .input = on_input,
                                        .clients_changed = on_clients_changed,
                                        .look = on_look,
                                        .screen_closed = on_screen_closed };
  g_autofree char *name = g_utf8_make_valid (helper->name->str, (gssize)helper->name->len);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  helper->on_ended = ended;
  helper->opaque = opaque;
  helper->watch = g_unix_fd_source_new (helper->socket, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (helper->watch, G_SOURCE_FUNC (on_message), helper, NULL);
  for (unsigned i = 0; i < helper->n_screens; i++)
    {
      Screen *screen = &helper->screens[i];
      g_autofree char *numbered = i > 0 ? g_strdup_printf ("%s (%u)", name, i + 1) : NULL;
      g_autoptr (GError) error = NULL;
      VncServerConfig config = { .listener = screen->listener,
                                 .screen_socket = screen->socket,
                                 .password = helper->password,
                                 .name = numbered != NULL ? numbered : name,
                                 .screen = i };

      screen->server = vnc_server_new (&config, &funcs, screen, &error);
      screen->listener = screen->socket = -1;
      if (screen->server == NULL)
        {
          g_message ("%s", error->message);
          vnc_helper_fail (helper, VNC_FAILURE_SCREEN, 0);
          return FALSE;
        }
      vnc_server_set_absolute (screen->server, helper->absolute);
      vnc_server_set_leds (screen->server, helper->leds);
    }
  g_source_attach (helper->watch, context);
  tell (helper, &(Message){ .op = VNC_MESSAGE_READY });
  return TRUE;
}

void
vnc_helper_free (VncHelper *helper)
{
  if (helper == NULL)
    return;
  helper->ended = TRUE; /* nothing is told from here on */
  for (unsigned i = 0; i < helper->n_screens; i++)
    {
      Screen *screen = &helper->screens[i];

      vnc_server_free (screen->server);
      if (screen->listener >= 0)
        close (screen->listener);
      if (screen->socket >= 0)
        close (screen->socket);
    }
  if (helper->watch != NULL)
    g_source_destroy (helper->watch);
  g_clear_pointer (&helper->watch, g_source_unref);
  close (helper->socket);
  if (helper->password != NULL)
    explicit_bzero (helper->password, strlen (helper->password));
  g_free (helper->password);
  g_string_free (helper->name, TRUE);
  g_free (helper);
}
