/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One VNC client: see vnc-peer.h.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "base/ready-source.h"
#include "vnc/vnc-peer-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <rfb/rfbregion.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING_SECONDS 10 /* what programs do by themselves, before a person is asked for the password */
/* What the main loop has not read yet: then the client isn't read either. */
#define EVENTS_MAX      256
#define EVENTS_TEXT_MAX (4 << 20)
/* libvncserver keeps its list of security types in a global that each new client rewrites. */
static GMutex handshake_lock;

/* -- Events to the main loop -- */

static void
event_free (void *data)
{
  VncPeerEvent *event = data;

  g_free (event->text);
  g_free (event);
}

void
vnc_peer_post (VncPeer *peer, const VncPeerEvent *event)
{
  g_mutex_lock (&peer->lock);
  peer->mail_text += event->text ? strlen (event->text) : 0;
  g_queue_push_tail (&peer->mail, g_memdup2 (event, sizeof *event));
  g_mutex_unlock (&peer->lock);
  g_source_set_ready_time (peer->mail_source, 0);
}

static gboolean
on_mail (gpointer data)
{
  VncPeer *peer = data;
  GQueue mail;

  g_mutex_lock (&peer->lock);
  mail = peer->mail;
  g_queue_init (&peer->mail);
  peer->mail_text = 0;
  g_mutex_unlock (&peer->lock);
  while (!g_queue_is_empty (&mail))
    {
      VncPeerEvent *event = g_queue_pop_head (&mail);

      peer->event (peer, event, peer->opaque);
      event_free (event);
    }
  return G_SOURCE_CONTINUE;
}

static void
wake (VncPeer *peer)
{
  uint64_t one = 1;

  if (write (peer->wake_fd, &one, sizeof one) < 0)
    g_debug ("eventfd: %s", g_strerror (errno));
}

/* -- The thread -- */

VncPeer *
vnc_peer_of (rfbClientRec *client)
{
  return client->screen->screenData;
}

void
vnc_peer_pause (VncPeer *peer, gint64 us)
{
  gint64 end = g_get_monotonic_time () + us;

  g_mutex_lock (&peer->lock);
  while (!peer->stop && g_cond_wait_until (&peer->stopped, &peer->lock, end))
    ;
  g_mutex_unlock (&peer->lock);
}

gboolean
vnc_peer_stopping (VncPeer *peer, gboolean *full)
{
  gboolean stop;

  g_mutex_lock (&peer->lock);
  stop = peer->stop;
  *full = peer->mail.length >= EVENTS_MAX || peer->mail_text >= EVENTS_TEXT_MAX;
  g_mutex_unlock (&peer->lock);
  return stop;
}

/* Takes the buffer back, with what the main loop left. */
static void
take (VncPeer *peer)
{
  uint8_t *old = NULL;
  Damage fresh;
  DisplayCursor *cursor;
  char *text;

  g_mutex_lock (&peer->lock);
  peer->lent = FALSE;
  if (peer->next_buffer)
    {
      old = peer->buffer;
      peer->buffer = g_steal_pointer (&peer->next_buffer);
      peer->width = peer->next_width;
      peer->height = peer->next_height;
    }
  fresh = peer->fresh;
  damage_clear (&peer->fresh);
  cursor = g_steal_pointer (&peer->next_cursor);
  text = g_steal_pointer (&peer->next_clipboard);
  g_mutex_unlock (&peer->lock);

  if (old)
    {
      vnc_peer_use_buffer (peer);
      g_free (old);
    }
  for (unsigned i = 0; i < fresh.n; i++)
    {
      const DisplayRect *r = &fresh.rect[i];

      rfbMarkRectAsModified (peer->screen, r->x, r->y, r->x + r->width, r->y + r->height);
    }
  if (cursor)
    {
      rfbSetCursor (peer->screen, vnc_peer_cursor_new (cursor));
      g_free (cursor->pixels);
      g_free (cursor);
    }
  if (text)
    vnc_peer_send_text (peer, text);
  g_free (text);
}

static void
send_update (VncPeer *peer)
{
  rfbClientRec *client = peer->client;

  if (peer->screen->cursor == NULL)
    client->cursorWasChanged = FALSE; /* the client shows its own */
  /* A change of size goes out alone, and the picture right after it. */
  for (unsigned i = 0; i < 2 && client->sock >= 0; i++)
    if (FB_UPDATE_PENDING (client) && !sraRgnEmpty (client->requestedRegion))
      rfbSendFramebufferUpdate (client, client->modifiedRegion);
}

/* TRUE if newer pixels than ours are only waiting for our leave: a client that asks gets those. */
static gboolean
is_stale (VncPeer *peer)
{
  gboolean stale;

  g_mutex_lock (&peer->lock);
  stale = peer->main_waits;
  g_mutex_unlock (&peer->lock);
  return stale;
}

static void
lend (VncPeer *peer)
{
  gboolean want;

  if (peer->client->sock < 0 || sraRgnEmpty (peer->client->requestedRegion))
    return;
  g_mutex_lock (&peer->lock);
  peer->lent = TRUE;
  peer->resizable = peer->client->useNewFBSize;
  want = peer->main_waits && !peer->told_main;
  peer->told_main |= want;
  g_mutex_unlock (&peer->lock);
  if (want)
    vnc_peer_post (peer, &(VncPeerEvent){ .type = VNC_PEER_WANT });
}

/* -- Messages -- */

static gboolean
allowed (uint8_t type)
{
  switch (type)
    {
    case rfbSetPixelFormat:
    case rfbFixColourMapEntries:
    case rfbSetEncodings:
    case rfbFramebufferUpdateRequest:
    case rfbKeyEvent:
    case rfbPointerEvent:
    case rfbClientCutText:
    case rfbSetDesktopSize:
    case rfbQemuEvent:
      return TRUE;
    default:
      /* File transfer, chat, scaling (whose buffers don't follow a resize), xvp: not for us. */
      return FALSE;
    }
}

static void
process (VncPeer *peer)
{
  rfbClientRec *client = peer->client;
  uint8_t head[sz_rfbProtocolVersionMsg];
  ssize_t n = recv (client->sock, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      rfbCloseClient (client);
      return;
    }
  switch (client->state)
    {
    case RFB_PROTOCOL_VERSION:
      if (n < sz_rfbProtocolVersionMsg)
        {
          /* It must not wait for the rest with the lock; the deadline ends those who never send it. */
          g_usleep (10 * 1000);
          return;
        }
      G_GNUC_FALLTHROUGH;
    case RFB_SECURITY_TYPE:
      g_mutex_lock (&handshake_lock);
      rfbProcessClientMessage (client);
      g_mutex_unlock (&handshake_lock);
      break;
    case RFB_NORMAL:
      if (!allowed (head[0]))
        {
          g_debug ("a VNC client sent a message of type %u", head[0]);
          rfbCloseClient (client);
          return;
        }
      if (head[0] == rfbClientCutText && vnc_peer_take_long_text (peer))
        break;
      G_GNUC_FALLTHROUGH;
    default:
      rfbProcessClientMessage (client);
    }
  /* That global list could have offered another server's "None". */
  if (peer->has_password && !peer->authenticated && client->sock >= 0
      && (client->state == RFB_INITIALISATION || client->state == RFB_INITIALISATION_SHARED
          || client->state == RFB_NORMAL))
    rfbCloseClient (client);
  if (client->sock >= 0 && client->state == RFB_NORMAL && !peer->ready)
    {
      peer->ready = TRUE;
      vnc_peer_post (peer, &(VncPeerEvent){ .type = VNC_PEER_READY });
    }
}

static void
serve (VncPeer *peer)
{
  rfbClientRec *client = peer->client;
  gint64 deadline = g_get_monotonic_time () + MIN (GREETING_SECONDS * G_TIME_SPAN_SECOND, peer->handshake);
  gboolean full;

  while (client->sock >= 0 && !vnc_peer_stopping (peer, &full))
    {
      /* What the main loop has not read yet is not added to. */
      struct pollfd fds[] = { { peer->wake_fd, POLLIN, 0 }, { full ? -1 : client->sock, POLLIN, 0 } };
      uint64_t count;

      if (peer->ready)
        {
          take (peer);
          if (client->sock >= 0 && !is_stale (peer))
            send_update (peer);
          if (client->sock >= 0)
            vnc_peer_send_answers (peer);
          lend (peer);
        }
      else if ((client->state == RFB_PROTOCOL_VERSION || client->state == RFB_SECURITY_TYPE)
               && g_get_monotonic_time () > deadline)
        break; /* the owner has another deadline for all of it */
      if (client->sock < 0)
        break;
      if (poll (fds, 2, full ? 5 : peer->ready ? -1 : 500) < 0 && errno != EINTR)
        break;
      if (fds[0].revents && read (peer->wake_fd, &count, sizeof count) < 0)
        g_debug ("eventfd: %s", g_strerror (errno));
      if (fds[1].revents)
        process (peer);
    }
}

static void *
run (void *data)
{
  VncPeer *peer = data;
  sigset_t pipe;

  /* libvncserver writes without MSG_NOSIGNAL; the signal of a socket comes to the thread that wrote. */
  sigemptyset (&pipe);
  sigaddset (&pipe, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &pipe, NULL);

  vnc_peer_pause (peer, peer->delay);
  peer->screen = vnc_peer_screen_new (peer);
  if (peer->screen == NULL)
    close (peer->fd);
  else
    peer->client = rfbNewClient (peer->screen, peer->fd);
  if (peer->client)
    {
      rfbClientRec *client = peer->client;

      client->viewOnly = peer->view_only;
      /* WebSockets would let any page in a browser reach a server on loopback. */
      if (client->wsctx || client->sslctx)
        rfbCloseClient (client);
      serve (peer);
      if (client->sock >= 0)
        rfbCloseClient (client);
      while (client->extensions) /* libvncserver forgets to free them */
        {
          rfbExtensionData *next = client->extensions->next;

          free (client->extensions);
          client->extensions = next;
        }
      rfbClientConnectionGone (client);
    }
  vnc_peer_screen_free (peer->screen);
  vnc_peer_post (peer, &(VncPeerEvent){ .type = VNC_PEER_GONE });
  return NULL;
}

/* -- The main loop's side -- */

VncPeer *
vnc_peer_new (int fd, const VncPeerConfig *config,
              void (*event) (VncPeer *peer, const VncPeerEvent *event, void *opaque), void *opaque)
{
  VncPeer *peer;
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  int alarm_fd = fcntl (fd, F_DUPFD_CLOEXEC, 0), wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  /* libvncserver uses select(), whose sets end at FD_SETSIZE. */
  if (alarm_fd < 0 || wake_fd < 0 || fd >= FD_SETSIZE)
    {
      close (fd);
      if (alarm_fd >= 0)
        close (alarm_fd);
      if (wake_fd >= 0)
        close (wake_fd);
      return NULL;
    }
  peer = g_new0 (VncPeer, 1);
  peer->fd = fd;
  peer->alarm_fd = alarm_fd;
  peer->wake_fd = wake_fd;
  peer->name = g_strdup (config->name);
  peer->has_password = config->password != NULL;
  if (config->password)
    g_strlcpy (peer->password, config->password, sizeof peer->password);
  peer->view_only = config->view_only;
  peer->absolute = config->absolute;
  peer->delay = config->delay;
  peer->handshake = config->handshake;
  peer->event = event;
  peer->opaque = opaque;
  peer->width = config->width;
  peer->height = config->height;
  peer->buffer = g_malloc0 ((size_t)peer->width * peer->height * 4);
  peer->all_held = peer->main_waits = TRUE;
  g_mutex_init (&peer->lock);
  g_cond_init (&peer->stopped);
  g_queue_init (&peer->mail);
  peer->mail_source = ready_source_new (context, G_PRIORITY_DEFAULT, "vnc mail", on_mail, peer);
  peer->thread = g_thread_new ("vnc-client", run, peer);
  return peer;
}

void
vnc_peer_hang_up (VncPeer *peer)
{
  g_mutex_lock (&peer->lock);
  peer->stop = TRUE;
  g_cond_broadcast (&peer->stopped);
  g_mutex_unlock (&peer->lock);
  shutdown (peer->alarm_fd, SHUT_RDWR);
  wake (peer);
}

void
vnc_peer_free (VncPeer *peer)
{
  if (peer == NULL)
    return;
  vnc_peer_hang_up (peer);
  g_thread_join (peer->thread);
  g_source_destroy (peer->mail_source);
  g_source_unref (peer->mail_source);
  g_queue_clear_full (&peer->mail, event_free);
  if (peer->next_cursor)
    g_free (peer->next_cursor->pixels);
  g_free (peer->next_cursor);
  g_free (peer->next_clipboard);
  g_free (peer->next_buffer);
  g_free (peer->buffer);
  g_free (peer->name);
  explicit_bzero (peer->password, sizeof peer->password);
  close (peer->alarm_fd);
  close (peer->wake_fd);
  g_mutex_clear (&peer->lock);
  g_cond_clear (&peer->stopped);
  g_free (peer);
}

static void
copy_rect (uint8_t *buffer, uint32_t width, const Framebuffer *fb, const DisplayRect *r)
{
  for (int y = r->y; y < r->y + r->height; y++)
    memcpy (buffer + ((size_t)y * width + r->x) * 4, fb->pixels + (size_t)y * fb->stride + (size_t)r->x * 4,
            (size_t)r->width * 4);
}

void
vnc_peer_flush (VncPeer *peer, const Framebuffer *fb)
{
  uint32_t width, height;
  uint8_t *buffer;

  g_mutex_lock (&peer->lock);
  if (peer->held.n == 0 && !peer->all_held)
    {
      gboolean waiting = peer->main_waits;

      peer->main_waits = peer->told_main = FALSE;
      g_mutex_unlock (&peer->lock);
      if (waiting)
        wake (peer);
      return;
    }
  if (!peer->lent)
    {
      peer->main_waits = TRUE;
      peer->told_main = FALSE; /* what was told has come too early: tell again */
      g_mutex_unlock (&peer->lock);
      return;
    }
  buffer = peer->buffer;
  width = peer->width;
  height = peer->height;
  if (fb && (fb->width != width || fb->height != height) && peer->resizable)
    {
      width = peer->next_width = fb->width;
      height = peer->next_height = fb->height;
      buffer = peer->next_buffer = g_malloc0 ((size_t)width * height * 4);
      peer->all_held = TRUE;
    }
  if (peer->all_held)
    {
      DisplayRect picture = { 0, 0, width, height }, r;

      /* A client that can't be resized sees the corner that fits; the rest is black. */
      if (fb == NULL || fb->width < width || fb->height < height)
        memset (buffer, 0, (size_t)width * height * 4);
      if (fb && display_rect_intersect (&picture, &(DisplayRect){ 0, 0, fb->width, fb->height }, &r))
        copy_rect (buffer, width, fb, &r);
      damage_add (&peer->fresh, &picture, width, height);
    }
  else
    for (unsigned i = 0; fb && i < peer->held.n; i++)
      {
        DisplayRect limit = { 0, 0, MIN (width, fb->width), MIN (height, fb->height) }, r;

        if (!display_rect_intersect (&peer->held.rect[i], &limit, &r))
          continue;
        copy_rect (buffer, width, fb, &r);
        damage_add (&peer->fresh, &r, width, height);
      }
  peer->all_held = FALSE;
  damage_clear (&peer->held);
  peer->lent = peer->main_waits = peer->told_main = FALSE;
  g_mutex_unlock (&peer->lock);
  wake (peer);
}

void
vnc_peer_damage (VncPeer *peer, const Framebuffer *fb, const Damage *damage)
{
  for (unsigned i = 0; i < damage->n; i++)
    damage_add (&peer->held, &damage->rect[i], DISPLAY_MAX_SIZE, DISPLAY_MAX_SIZE);
  vnc_peer_flush (peer, fb);
}

void
vnc_peer_damage_all (VncPeer *peer)
{
  peer->all_held = TRUE;
}

void
vnc_peer_cursor (VncPeer *peer, const DisplayCursor *cursor)
{
  DisplayCursor *copy = g_memdup2 (cursor, sizeof *cursor), *old;

  copy->pixels = g_memdup2 (cursor->pixels, (gsize)cursor->width * cursor->height * 4);
  if (cursor->width == 0)
    copy->visible = TRUE; /* none defined: not the same as hidden */
  g_mutex_lock (&peer->lock);
  old = peer->next_cursor;
  peer->next_cursor = copy;
  g_mutex_unlock (&peer->lock);
  if (old)
    g_free (old->pixels);
  g_free (old);
  wake (peer);
}

void
vnc_peer_clipboard (VncPeer *peer, const char *text)
{
  g_mutex_lock (&peer->lock);
  g_free (peer->next_clipboard);
  peer->next_clipboard = g_strdup (text);
  g_mutex_unlock (&peer->lock);
  wake (peer);
}

void
vnc_peer_set_absolute (VncPeer *peer, gboolean absolute)
{
  g_mutex_lock (&peer->lock);
  peer->absolute = absolute;
  g_mutex_unlock (&peer->lock);
  wake (peer);
}

void
vnc_peer_set_leds (VncPeer *peer, uint8_t leds)
{
  g_mutex_lock (&peer->lock);
  peer->leds = leds;
  g_mutex_unlock (&peer->lock);
  wake (peer);
}

void
vnc_peer_get_size (VncPeer *peer, uint32_t *width, uint32_t *height)
{
  g_mutex_lock (&peer->lock);
  *width = peer->width;
  *height = peer->height;
  g_mutex_unlock (&peer->lock);
}
