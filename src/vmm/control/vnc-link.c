/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "control"

#include "control/vnc-link.h"

#include "display/shm-socket.h"
#include "display/shm.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_A_TURN 32

typedef struct
{
  VncLink *link;
  DisplayOutput *output;
  ShmServer *share;
  unsigned n_clients;
} LinkScreen;

struct VncLink
{
  int socket;
  GSource *watch;
  VncLinkFuncs funcs;
  void *opaque;
  LinkScreen screens[VNC_MAX_SCREENS];
  unsigned n_served, n_screens;
  gboolean absolute;
  unsigned leds;
  gboolean state_due, state_in_flight;
  gboolean ready, over, refused, leaving;
  char *why;
};

/* The first reason counts.  Told from the loop: the caller may be in the middle of something. */
static void
end (VncLink *link, const char *why)
{
  if (link->over)
    return;
  link->over = TRUE;
  link->why = g_strdup (why);
  shm_socket_watch_wake (link->watch);
}

/* Never waits: who doesn't read the little that it is told is no use. */
static void
tell (VncLink *link, const Message *message, const int *fds)
{
  if (!link->over && !link->leaving && message_send (link->socket, message, fds, 0) != 0)
    end (link, "it doesn't read what it is told");
}

static Message
state_message (VncLink *link, VncMessageOp op)
{
  return (Message){ .op = op, .a = link->absolute, .b = link->leds & 7 };
}

static void
send_state (VncLink *link)
{
  if (!link->ready || !link->state_due || link->state_in_flight)
    return;
  Message message = state_message (link, VNC_MESSAGE_INPUT_STATE);
  tell (link, &message, NULL);
  link->state_due = FALSE;
  link->state_in_flight = TRUE;
}

/* -- From the other side -- */

static const char *
failure_text (unsigned failure)
{
  static const char *const texts[] = {
    [VNC_FAILURE_MESSAGE] = "it didn't understand what was asked",
    [VNC_FAILURE_LISTENER] = "what came for it to listen on is no listening socket",
    [VNC_FAILURE_SCREEN] = "it got no screen",
    [VNC_FAILURE_PASSWORD] = "what came with the call is no file with a password in its first line",
    [VNC_FAILURE_CONFINE] = "it couldn't be confined",
  };

  return failure < G_N_ELEMENTS (texts) ? texts[failure] : "it failed";
}

static void
look (VncLink *link, unsigned screen)
{
  const Framebuffer *fb = display_output_snapshot (link->screens[screen].output);
  Message size = vnc_message_of_size (screen, fb != NULL ? fb->width : 0, fb != NULL ? fb->height : 0);

  tell (link, &size, NULL);
}

/* FALSE: it makes no sense. */
static gboolean
handle (VncLink *link, const Message *message)
{
  InputEvent event;

  if (message->n_fds != 0)
    return FALSE;
  if (!link->ready)
    switch (message->op)
      {
      case VNC_MESSAGE_READY:
        link->ready = TRUE;
        send_state (link);
        link->funcs.ready (link->opaque);
        return TRUE;
      case VNC_MESSAGE_FAILED:
        link->refused = TRUE;
        end (link, failure_text (message->a));
        return TRUE;
      default:
        return FALSE;
      }
  switch (message->op)
    {
    case VNC_MESSAGE_STATE_TAKEN:
      if (!link->state_in_flight)
        return FALSE;
      link->state_in_flight = FALSE;
      send_state (link);
      return TRUE;
    case VNC_MESSAGE_INPUT:
      if (!vnc_message_to_event (message, link->n_screens, &event))
        return FALSE;
      link->funcs.input (link->opaque, &event);
      return TRUE;
    case VNC_MESSAGE_LOOK:
      if (message->a >= link->n_served)
        return FALSE;
      look (link, message->a);
      return TRUE;
    case VNC_MESSAGE_CLIENTS:
      if (message->a >= link->n_served || message->b > VNC_MAX_CLIENTS)
        return FALSE;
      link->screens[message->a].n_clients = message->b;
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
on_message (int fd, GIOCondition condition, void *data)
{
  VncLink *link = data;

  for (unsigned turn = 0; turn < MESSAGES_A_TURN && !link->over; turn++)
    {
      Message message;
      int fds[MESSAGE_MAX_FDS];
      int code = message_receive (link->socket, &message, fds, 0);

      if (code == -ETIMEDOUT)
        return G_SOURCE_CONTINUE;
      if (code == 1)
        message_close_fds (fds);
      if (code == 0)
        end (link, "its process has ended");
      else if (code < 0 || (!link->leaving && !handle (link, &message)))
        end (link, "it says what makes no sense");
    }
  if (!link->over)
    return G_SOURCE_CONTINUE;
  g_source_destroy (link->watch);
  link->funcs.gone (link->opaque, link->refused, link->why);
  return G_SOURCE_REMOVE;
}

static void
on_share_closed (ShmServer *share, void *opaque)
{
  LinkScreen *screen = opaque;

  screen->share = NULL; /* it frees itself */
  end (screen->link, "it hung up on a screen");
}

/* -- What it is to serve -- */

static void
send_name (VncLink *link, const char *name)
{
  size_t left = strlen (name);

  for (unsigned i = 0; i < VNC_NAME_PIECES && left > 0; i++)
    {
      Message message = { .op = VNC_MESSAGE_NAME };
      size_t n = MIN (left, MESSAGE_TEXT - 1);

      memcpy (message.text, name, n);
      tell (link, &message, NULL);
      name += n;
      left -= n;
    }
}

static void
send_screen (VncLink *link, unsigned id, int listener)
{
  LinkScreen *screen = &link->screens[id];
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    {
      end (link, g_strerror (errno));
      return;
    }
  screen->share = shm_server_new (screen->output, ends[0], on_share_closed, screen);
  tell (link, &(Message){ .op = VNC_MESSAGE_SCREEN, .n_fds = 2, .a = id }, (int[]){ ends[1], listener });
  close (ends[1]);
}

VncLink *
vnc_link_new (int socket, const VncLinkConfig *config, const VncLinkFuncs *funcs, void *opaque)
{
  VncLink *link = g_new0 (VncLink, 1);

  link->socket = socket;
  link->funcs = *funcs;
  link->opaque = opaque;
  link->n_served = MIN (config->n_served, VNC_MAX_SCREENS);
  link->n_screens = config->n_screens;
  link->absolute = config->absolute;
  link->leds = config->leds;
  link->watch = shm_socket_watch (socket, G_PRIORITY_DEFAULT, on_message, link);
  send_name (link, config->name);
  for (unsigned i = 0; i < link->n_served; i++)
    {
      link->screens[i] = (LinkScreen){ .link = link, .output = config->screens[i] };
      send_screen (link, i, config->listeners[i]);
    }
  if (config->password >= 0)
    tell (link, &(Message){ .op = VNC_MESSAGE_PASSWORD, .n_fds = 1 }, &config->password);
  Message start = state_message (link, VNC_MESSAGE_START);
  tell (link, &start, NULL);
  return link;
}

static void
drop_screens (VncLink *link)
{
  for (unsigned i = 0; i < link->n_served; i++)
    g_clear_pointer (&link->screens[i].share, shm_server_free);
}

void
vnc_link_leave (VncLink *link)
{
  link->leaving = TRUE;
  drop_screens (link);
  shutdown (link->socket, SHUT_WR);
}

void
vnc_link_free (VncLink *link)
{
  if (link == NULL)
    return;
  drop_screens (link);
  g_source_destroy (link->watch);
  g_source_unref (link->watch);
  close (link->socket);
  g_free (link->why);
  g_free (link);
}

void
vnc_link_set_state (VncLink *link, gboolean absolute, unsigned leds)
{
  if (link->absolute == absolute && link->leds == leds)
    return;
  link->absolute = absolute;
  link->leds = leds;
  link->state_due = TRUE;
  send_state (link);
}

unsigned
vnc_link_n_clients (VncLink *link)
{
  unsigned n = 0;

  for (unsigned i = 0; i < link->n_served; i++)
    n += link->screens[i].n_clients;
  return n;
}
