/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screen over VNC: the main loop's part.  Accepts, hands each connection to a VncPeer, and shows them the screen; what they send is in
 * vnc-server-input.c.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "base/ready-source.h"
#include "display/vnc-messages.h"
#include "vnc/vnc-server-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_STRANGERS     4  /* of one address, that have not given the password yet */
#define MAX_THREADS       64 /* with those whose threads are about to end */
#define HANDSHAKE_SECONDS 60 /* a person types the password in this time */

/* -- Clients -- */

/* What anybody can cause as often as they like must not fill the log. */
static void G_GNUC_PRINTF (2, 3) say (VncServer *server, const char *format, ...)
{
  g_autofree char *text = NULL;
  unsigned unsaid = 0;
  va_list args;

  if (!vnc_guard_may_log (server->guard, g_get_monotonic_time (), &unsaid))
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (unsaid > 0)
    g_message ("%s (and %u more before it)", text, unsaid);
  else
    g_message ("%s", text);
}

static gboolean
is_stranger (const VncServerClient *client)
{
  return !client->ready && !client->leaving && !client->dead;
}

static void
hang_up (VncServerClient *client)
{
  client->leaving = TRUE;
  vnc_peer_hang_up (client->peer);
}

static gboolean
on_deadline (gpointer data)
{
  VncServer *server = data;
  gint64 now = g_get_monotonic_time (), next = -1;

  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      if (!is_stranger (client))
        continue;
      if (client->deadline <= now)
        hang_up (client);
      else if (next < 0 || client->deadline < next)
        next = client->deadline;
    }
  g_source_set_ready_time (server->deadline, next);
  return G_SOURCE_CONTINUE;
}

static unsigned
count_strangers (VncServer *server, const char *key)
{
  unsigned n = 0;

  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      n += is_stranger (client) && g_str_equal (client->key, key);
    }
  return n;
}

/* The array is in the order of arrival. */
static void
hang_up_oldest (VncServer *server, const char *key)
{
  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      if (is_stranger (client) && g_str_equal (client->key, key))
        {
          hang_up (client);
          return;
        }
    }
}

/* Those who wait and say nothing lock nobody out: the newcomer takes the place of the oldest, of its own address if that has
 * enough, else of the one that has the most.  FALSE: all places are taken by those who know the password. */
static gboolean
make_place (VncServer *server, const char *key)
{
  unsigned present = 0, most = 0;
  const char *crowd = NULL;

  if (count_strangers (server, key) >= MAX_STRANGERS)
    hang_up_oldest (server, key);
  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];
      unsigned n = is_stranger (client) ? count_strangers (server, client->key) : 0;

      present += !client->leaving && !client->dead;
      if (n > most)
        {
          most = n;
          crowd = client->key;
        }
    }
  if (present >= VNC_MAX_CLIENTS && crowd != NULL)
    hang_up_oldest (server, crowd);
  return (present < VNC_MAX_CLIENTS || crowd != NULL) && server->clients->len < MAX_THREADS;
}

static void
client_free (void *data)
{
  VncServerClient *client = data;

  vnc_peer_free (client->peer);
  g_free (client->key);
  g_free (client);
}

static void
clients_changed (VncServer *server)
{
  unsigned n = vnc_server_n_clients (server);

  if (server->freeing)
    return;
  shm_viewer_set_interval (server->viewer, n > 0 ? 16 : 0);
  if (server->funcs.clients_changed)
    server->funcs.clients_changed (server->opaque, n);
}

static gboolean
on_reap (gpointer data)
{
  VncServer *server = data;
  gboolean changed = FALSE;

  for (unsigned i = server->clients->len; i-- > 0;)
    {
      VncServerClient *client = server->clients->pdata[i];

      if (!client->dead)
        continue;
      changed |= client->ready;
      g_ptr_array_remove_index (server->clients, i); /* keeps the order */
    }
  if (changed)
    clients_changed (server);
  return G_SOURCE_CONTINUE;
}

static const Framebuffer *
current (VncServer *server)
{
  return server->have_fb ? &server->fb : NULL;
}

static void
on_event (VncPeer *peer, const VncPeerEvent *event, void *opaque)
{
  VncServerClient *client = opaque;
  VncServer *server = client->server;

  switch (event->type)
    {
    case VNC_PEER_READY:
      client->ready = TRUE;
      if (server->password)
        vnc_guard_passed (server->guard, client->key);
      vnc_peer_cursor (peer, &server->cursor);
      clients_changed (server);
      vnc_peer_flush (peer, current (server));
      break;
    case VNC_PEER_KEY:
      vnc_server_key (client, event);
      break;
    case VNC_PEER_POINTER:
      vnc_server_pointer (client, event);
      break;
    case VNC_PEER_CLIPBOARD:
      if (server->funcs.clipboard && !server->view_only)
        server->funcs.clipboard (server->opaque, event->text);
      break;
    case VNC_PEER_WRONG_PASSWORD:
      vnc_guard_failed (server->guard, client->key, g_get_monotonic_time ());
      say (server, "a VNC client (%s) gave a wrong password", client->key);
      break;
    case VNC_PEER_NOTE:
      say (server, "a VNC client (%s): %s", client->key, event->text);
      break;
    case VNC_PEER_RESIZE:
      shm_viewer_resize (server->viewer, event->x, event->y);
      break;
    case VNC_PEER_WANT:
      vnc_peer_flush (peer, current (server));
      break;
    case VNC_PEER_GONE:
      vnc_server_release_all (client);
      client->dead = TRUE;
      g_source_set_ready_time (server->reaper, 0); /* not from inside the peer's own source */
      break;
    }
}

static gboolean on_accept (int fd, GIOCondition condition, void *data);

static void
watch (VncServer *server)
{
  server->watch = g_unix_fd_source_new (server->socket, G_IO_IN);
  g_source_set_callback (server->watch, G_SOURCE_FUNC (on_accept), server, NULL);
  g_source_attach (server->watch, server->context);
}

static void
drop_source (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
on_pause_end (gpointer data)
{
  VncServer *server = data;

  drop_source (&server->pause);
  watch (server);
  return G_SOURCE_REMOVE;
}

/* Before a client is greeted the screen is brought up to date: nobody may have looked for long. */
static gboolean
on_accept (int fd, GIOCondition condition, void *data)
{
  VncServer *server = data;

  drop_source (&server->watch);
  server->looking = TRUE;
  server->funcs.look (server->opaque);
  return G_SOURCE_REMOVE;
}

/* FALSE: nobody waits any more. */
static gboolean
accept_one (VncServer *server, uint32_t width, uint32_t height)
{
  struct pollfd waits = { .fd = server->socket, .events = POLLIN };
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  g_autofree char *key = NULL;
  VncPeerConfig config = { .name = server->name,
                           .password = server->password,
                           .view_only = server->view_only,
                           .width = width,
                           .height = height,
                           .absolute = server->absolute,
                           .handshake = server->handshake };
  VncServerClient *client;

  /* That it doesn't block is for those to say who have it too. */
  if (poll (&waits, 1, 0) != 1)
    return FALSE;
  int connection = accept4 (server->socket, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
  if (connection < 0)
    {
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
        return FALSE;
      /* The connection stays readable: without a pause this would spin. */
      server->pause = g_timeout_source_new_seconds (1);
      g_source_set_callback (server->pause, on_pause_end, server, NULL);
      g_source_attach (server->pause, server->context);
      return FALSE;
    }
  key = vnc_guard_key ((struct sockaddr *)&address, length);
  if (!make_place (server, key))
    {
      say (server, "a VNC client (%s) was refused: there are %d already", key, VNC_MAX_CLIENTS);
      close (connection);
      return TRUE;
    }
  config.delay = vnc_guard_delay (server->guard, key, g_get_monotonic_time ());
  client = g_new0 (VncServerClient, 1);
  client->server = server;
  client->key = g_steal_pointer (&key);
  client->deadline = g_get_monotonic_time () + config.delay + server->handshake;
  client->peer = vnc_peer_new (connection, &config, on_event, client);
  if (client->peer)
    {
      vnc_peer_set_leds (client->peer, (uint8_t)server->leds);
      g_ptr_array_add (server->clients, client);
    }
  else
    {
      say (server, "a VNC client (%s) was refused: too many open files", client->key);
      client_free (client);
    }
  on_deadline (server);
  return TRUE;
}

void
vnc_server_greet (VncServer *server, uint32_t width, uint32_t height)
{
  if (!server->looking)
    return;
  server->looking = FALSE;
  /* Clients that can't follow a change of size live with the one they are greeted with, so it has to be right. */
  if (width == 0 || height == 0 || width > DISPLAY_MAX_SIZE || height > DISPLAY_MAX_SIZE)
    {
      width = 640;
      height = 480;
    }
  for (unsigned i = 0; i < MAX_STRANGERS && accept_one (server, width, height); i++)
    ;
  if (server->pause == NULL)
    watch (server);
}

/* -- The screen -- */

void
vnc_server_set_absolute (VncServer *server, gboolean absolute)
{
  if (absolute == server->absolute)
    return;
  server->absolute = absolute;
  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      client->placed = FALSE;
      vnc_peer_set_absolute (client->peer, absolute);
    }
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  VncServer *server = opaque;

  server->have_fb = fb != NULL;
  if (fb)
    server->fb = *fb;
  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      vnc_peer_damage_all (client->peer);
      if (fb == NULL && client->ready)
        vnc_peer_flush (client->peer, NULL); /* there will be no damage of a dark screen */
    }
}

static void
on_damage (void *opaque, const Damage *damage)
{
  VncServer *server = opaque;

  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      if (client->ready && !client->dead)
        vnc_peer_damage (client->peer, current (server), damage);
      else
        vnc_peer_damage_all (client->peer);
    }
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  VncServer *server = opaque;

  g_free (server->cursor.pixels);
  server->cursor = *cursor;
  server->cursor.pixels = g_memdup2 (cursor->pixels, (gsize)cursor->width * cursor->height * 4);
  for (unsigned i = 0; i < server->clients->len; i++)
    vnc_peer_cursor (((VncServerClient *)server->clients->pdata[i])->peer, &server->cursor);
}

static void
on_screen_closed (void *opaque, const GError *error)
{
  VncServer *server = opaque;

  if (server->funcs.screen_closed)
    server->funcs.screen_closed (server->opaque, error);
}

/* -- Public -- */

VncServer *
vnc_server_new (const VncServerConfig *config, const VncServerFuncs *funcs, void *opaque, GError **error)
{
  static const ShmViewerFuncs viewer_funcs = { on_scanout, on_damage, on_cursor, on_screen_closed };
  VncServer *server = g_new0 (VncServer, 1);

  server->viewer = shm_viewer_new (config->screen_socket, &viewer_funcs, server, error);
  if (server->viewer == NULL)
    {
      close (config->listener);
      g_free (server);
      return NULL;
    }
  shm_viewer_set_interval (server->viewer, 0);
  server->name = g_strdup (config->name && *config->name ? config->name : "Vivarium");
  server->password = g_strdup (config->password);
  server->view_only = config->view_only;
  server->screen = config->screen;
  server->funcs = *funcs;
  server->opaque = opaque;
  server->absolute = TRUE;
  server->socket = config->listener;
  server->context = g_main_context_ref_thread_default ();
  server->clients = g_ptr_array_new_with_free_func (client_free);
  server->reaper = ready_source_new (server->context, G_PRIORITY_DEFAULT, "vnc reaper", on_reap, server);
  server->deadline
      = ready_source_new (server->context, G_PRIORITY_DEFAULT, "vnc deadline", on_deadline, server);
  server->guard = vnc_guard_new ();
  server->handshake = config->handshake_ms ? config->handshake_ms * G_TIME_SPAN_MILLISECOND
                                           : HANDSHAKE_SECONDS * G_TIME_SPAN_SECOND;
  watch (server);
  return server;
}

void
vnc_server_free (VncServer *server)
{
  if (server == NULL)
    return;
  server->freeing = TRUE;
  drop_source (&server->watch);
  drop_source (&server->pause);
  for (unsigned i = 0; i < server->clients->len; i++)
    vnc_server_release_all (server->clients->pdata[i]);
  g_ptr_array_unref (server->clients);
  drop_source (&server->reaper);
  drop_source (&server->deadline);
  vnc_guard_free (server->guard);
  shm_viewer_free (server->viewer);
  close (server->socket);
  if (server->password)
    explicit_bzero (server->password, strlen (server->password));
  g_main_context_unref (server->context);
  g_free (server->password);
  g_free (server->cursor.pixels);
  g_free (server->name);
  g_free (server);
}

unsigned
vnc_server_n_clients (VncServer *server)
{
  unsigned n = 0;

  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      /* Who was hung up on has given his place away, even if he got ready in that moment. */
      n += client->ready && !client->leaving && !client->dead;
    }
  return n;
}

void
vnc_server_set_leds (VncServer *server, unsigned leds)
{
  server->leds = leds & 7;
  for (unsigned i = 0; i < server->clients->len; i++)
    vnc_peer_set_leds (((VncServerClient *)server->clients->pdata[i])->peer, (uint8_t)server->leds);
}

void
vnc_server_send_clipboard (VncServer *server, const char *text)
{
  for (unsigned i = 0; i < server->clients->len; i++)
    {
      VncServerClient *client = server->clients->pdata[i];

      if (client->ready && !client->dead)
        vnc_peer_clipboard (client->peer, text);
    }
}
