/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One VNC client: see vnc-peer.h.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "display/vnc-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pseudo-encodings and messages of QEMU, as registered with the RFB protocol's community registry. */
#define ENCODING_POINTER_MOTION_CHANGE (-257)
#define ENCODING_EXTENDED_KEY_EVENT    (-258)
#define ENCODING_LED_STATE             (-261) /* a byte: bit 0 scroll, 1 num, 2 caps lock */
#define MESSAGE_QEMU                   255
#define RELATIVE_ORIGIN                0x7fff

#define GREETING_SECONDS 10 /* what programs do by themselves, before a person is asked for the password */
#define MAX_CUT_TEXT     (1 << 20)
#define MAX_DRAINED_TEXT (1 << 28) /* nobody's clipboard */
#define IO_TIMEOUT_MS    10000
#define EVENTS_MAX       256
#define STATUS_FORWARDED 4 /* ExtendedDesktopSize: the request went to somebody else and may complete later */

typedef struct
{
  GSource source;
  VncPeer *peer;
} MailSource;

struct VncPeer
{
  GThread *thread;
  int fd;       /* given to libvncserver */
  int alarm_fd; /* a duplicate: to shut the connection down whatever the thread is at */
  int wake_fd;
  char *name;
  char password[9];
  gboolean has_password, view_only;
  gint64 delay, handshake;
  void (*event) (VncPeer *peer, const VncPeerEvent *event, void *opaque);
  void *opaque;
  GSource *mail_source;

  /* The main loop's. */
  Damage held;
  gboolean all_held;

  GMutex lock; /* of what follows; never held over I/O */
  GCond stopped;
  GQueue mail;
  gboolean stop, lent, resizable;
  gboolean main_waits, told_main; /* the main loop holds pixels back; it was told that it can deliver them */
  uint8_t *buffer;                /* the main loop writes to it only while it is lent */
  uint32_t width, height;
  uint8_t *next_buffer;
  uint32_t next_width, next_height;
  Damage fresh;
  DisplayCursor *next_cursor;
  char *next_clipboard;
  gboolean absolute;
  uint8_t leds;

  /* The thread's. */
  rfbScreenInfo *screen;
  rfbClientRec *client;
  gboolean authenticated, ready;
  gboolean want_key_ack, motion_change, motion_told, told_absolute;
  gboolean led_state, leds_told;
  uint8_t told_leds;
};

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

static void
post (VncPeer *peer, const VncPeerEvent *event)
{
  g_mutex_lock (&peer->lock);
  g_queue_push_tail (&peer->mail, g_memdup2 (event, sizeof *event));
  g_mutex_unlock (&peer->lock);
  g_source_set_ready_time (peer->mail_source, 0);
}

static gboolean
mail_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  VncPeer *peer = ((MailSource *)source)->peer;
  GQueue mail;

  g_source_set_ready_time (source, -1);
  g_mutex_lock (&peer->lock);
  mail = peer->mail;
  g_queue_init (&peer->mail);
  g_mutex_unlock (&peer->lock);
  while (!g_queue_is_empty (&mail))
    {
      VncPeerEvent *event = g_queue_pop_head (&mail);

      peer->event (peer, event, peer->opaque);
      event_free (event);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs mail_funcs = { .dispatch = mail_dispatch };

static void
wake (VncPeer *peer)
{
  uint64_t one = 1;

  if (write (peer->wake_fd, &one, sizeof one) < 0)
    g_debug ("eventfd: %s", g_strerror (errno));
}

/* -- libvncserver's callbacks, on the client's thread -- */

static void
on_log (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_logv (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, format, args);
  va_end (args);
}

static VncPeer *
peer_of (rfbClientRec *client)
{
  return client->screen->screenData;
}

static void
on_key (rfbBool down, rfbKeySym keysym, rfbClientRec *client)
{
  post (peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_KEY, .down = !!down, .keysym = keysym });
}

static void
on_pointer (int mask, int x, int y, rfbClientRec *client)
{
  VncPeer *peer = peer_of (client);
  VncPeerEvent event = { .type = VNC_PEER_POINTER, .mask = mask & 0xff, .x = x, .y = y };

  if (peer->motion_change && peer->motion_told && !peer->told_absolute)
    {
      event.relative = TRUE;
      event.x -= RELATIVE_ORIGIN;
      event.y -= RELATIVE_ORIGIN;
    }
  else
    {
      /* Where the cursor has to be drawn into the picture, and for CursorPos of nobody else. */
      event.x = CLAMP (x, 0, client->screen->width - 1);
      event.y = CLAMP (y, 0, client->screen->height - 1);
      rfbDefaultPtrAddEvent (mask, event.x, event.y, client);
    }
  post (peer, &event);
}

static void
post_text (rfbClientRec *client, char *text)
{
  if (text && *text)
    post (peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_CLIPBOARD, .text = text });
  else
    g_free (text);
}

static void
on_cut_text (char *text, int len, rfbClientRec *client)
{
  if (len > 0)
    post_text (client, g_convert (text, len, "UTF-8", "ISO-8859-1", NULL, NULL, NULL));
}

static void
on_cut_text_utf8 (char *text, int len, rfbClientRec *client)
{
  if (len > 0)
    post_text (client, g_utf8_make_valid (text, strnlen (text, len)));
}

static int
on_set_desktop_size (int width, int height, int n_screens, rfbExtDesktopScreen *screens, rfbClientRec *client)
{
  if (width <= 0 || height <= 0 || width > DISPLAY_MAX_SIZE || height > DISPLAY_MAX_SIZE || n_screens != 1)
    return rfbExtDesktopSize_InvalidScreenLayout;
  if (client->viewOnly)
    return rfbExtDesktopSize_ResizeProhibited;
  post (peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_RESIZE, .x = width, .y = height });
  return STATUS_FORWARDED;
}

/* Or until the owner wants no more. */
static void
pause_for (VncPeer *peer, gint64 us)
{
  gint64 end = g_get_monotonic_time () + us;

  g_mutex_lock (&peer->lock);
  while (!peer->stop && g_cond_wait_until (&peer->stopped, &peer->lock, end))
    ;
  g_mutex_unlock (&peer->lock);
}

static rfbBool
on_check_password (rfbClientRec *client, const char *response, int len)
{
  VncPeer *peer = peer_of (client);
  uint8_t want[CHALLENGESIZE];
  unsigned differ = len != CHALLENGESIZE;

  memcpy (want, client->authChallenge, sizeof want);
  rfbEncryptBytes (want, peer->password);
  for (int i = 0; i < MIN (len, CHALLENGESIZE); i++)
    differ |= want[i] ^ (uint8_t)response[i];
  if (!differ)
    {
      peer->authenticated = TRUE;
      return TRUE;
    }
  post (peer, &(VncPeerEvent){ .type = VNC_PEER_WRONG_PASSWORD });
  /* Slows guessing down; only this client waits.  The next from its address waits longer. */
  pause_for (peer, G_TIME_SPAN_SECOND);
  return FALSE;
}

/* Formats that would make the translation tables shift out of their words. */
static rfbBool
on_set_format (rfbClientRec *client)
{
  const rfbPixelFormat *f = &client->format;
  gboolean good = f->bitsPerPixel == 8 || f->bitsPerPixel == 16 || f->bitsPerPixel == 32;

  if (f->trueColour)
    {
      const unsigned max[] = { f->redMax, f->greenMax, f->blueMax };
      const unsigned shift[] = { f->redShift, f->greenShift, f->blueShift };

      for (unsigned i = 0; i < 3; i++)
        good = good && max[i] > 0 && (max[i] & (max[i] + 1)) == 0 && shift[i] < f->bitsPerPixel
               && ((uint64_t)max[i] << shift[i]) >> f->bitsPerPixel == 0;
    }
  else
    good = good && f->bitsPerPixel == 8;
  if (!good)
    {
      g_debug ("a VNC client asked for a pixel format that can't be");
      rfbCloseClient (client);
      return FALSE;
    }
  return rfbSetTranslateFunction (client);
}

/* -- QEMU's extensions -- */

static int qemu_encodings[]
    = { ENCODING_POINTER_MOTION_CHANGE, ENCODING_EXTENDED_KEY_EVENT, ENCODING_LED_STATE, 0 };

static rfbBool
qemu_enable (rfbClientRec *client, void **data, int encoding)
{
  VncPeer *peer = peer_of (client);

  /* The answers are sent from the thread's loop: here libvncserver holds a lock that all clients share. */
  if (encoding == ENCODING_EXTENDED_KEY_EVENT)
    peer->want_key_ack = TRUE;
  else if (encoding == ENCODING_POINTER_MOTION_CHANGE)
    {
      peer->motion_change = TRUE;
      peer->motion_told = FALSE;
    }
  else if (encoding == ENCODING_LED_STATE)
    {
      peer->led_state = TRUE;
      peer->leds_told = FALSE;
    }
  else
    return FALSE;
  return TRUE;
}

static rfbBool
qemu_message (rfbClientRec *client, void *data, const rfbClientToServerMsg *message)
{
  rfbQemuExtendedKeyEventMsg key;

  if (message->type != MESSAGE_QEMU)
    return FALSE;
  if (rfbReadExact (client, (char *)&key + 1, sz_rfbQemuExtendedKeyEventMsg - 1) <= 0 || key.subtype != 0)
    {
      rfbCloseClient (client);
      return TRUE;
    }
  if (!client->viewOnly)
    post (peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_KEY,
                                             .down = key.down != 0,
                                             .keysym = GUINT32_FROM_BE (key.keysym),
                                             .qnum = GUINT32_FROM_BE (key.keycode) });
  return TRUE;
}

static rfbProtocolExtension qemu_extension = {
  .pseudoEncodings = qemu_encodings,
  .enablePseudoEncoding = qemu_enable,
  .handleMessage = qemu_message,
};

/* A rectangle without pixels says that an encoding is understood, or (in x) what the pointer does.  QEMU gives it the size of the
 * screen, at which libvncclient takes offence. */
static void
send_pseudo_rect (rfbClientRec *client, int encoding, uint16_t x)
{
  struct
  {
    rfbFramebufferUpdateMsg update;
    rfbFramebufferUpdateRectHeader rect;
  } message = { 0 };

  G_STATIC_ASSERT (sizeof message == sz_rfbFramebufferUpdateMsg + sz_rfbFramebufferUpdateRectHeader);
  message.update.type = rfbFramebufferUpdate;
  message.update.nRects = GUINT16_TO_BE (1);
  message.rect.r.x = GUINT16_TO_BE (x);
  message.rect.encoding = GUINT32_TO_BE ((uint32_t)encoding);
  if (rfbWriteExact (client, (char *)&message, sizeof message) < 0)
    rfbCloseClient (client);
}

/* -- The screen that libvncserver sees -- */

/* rfbGetScreen() initializes a mutex that all screens share, so it is called once and its result copied. */
static rfbScreenInfo *
screen_template (void)
{
  static gsize once;
  static rfbScreenInfo *template;

  if (g_once_init_enter (&once))
    {
      rfbLog = rfbErr = on_log;
      template = rfbGetScreen (NULL, NULL, 64, 64, 8, 3, 4);
      rfbRegisterProtocolExtension (&qemu_extension);
      g_once_init_leave (&once, 1);
    }
  return template;
}

static rfbScreenInfo *
screen_new (VncPeer *peer)
{
  /* Its own allocator: libvncserver frees what it finds with free(). */
  rfbScreenInfo *screen = malloc (sizeof *screen);

  if (screen == NULL)
    return NULL;
  *screen = *screen_template ();
  pthread_mutex_init (&screen->cursorMutex, NULL);
  screen->screenData = peer;
  screen->desktopName = peer->name;
  screen->frameBuffer = (char *)peer->buffer;
  screen->width = peer->width;
  screen->height = peer->height;
  screen->paddedWidthInBytes = peer->width * 4;
  screen->sizeInBytes = (int)MIN ((uint64_t)peer->width * peer->height * 4, G_MAXINT);
  screen->depth = 24;
  screen->serverFormat = (rfbPixelFormat){ .bitsPerPixel = 32,
                                           .depth = 24,
                                           .bigEndian = G_BYTE_ORDER == G_BIG_ENDIAN,
                                           .trueColour = TRUE,
                                           .redMax = 255,
                                           .greenMax = 255,
                                           .blueMax = 255,
                                           .redShift = 16,
                                           .greenShift = 8,
                                           .blueShift = 0 };
  screen->cursor = NULL;
  screen->alwaysShared = TRUE;
  screen->permitFileTransfer = FALSE;
  screen->deferUpdateTime = 0;
  screen->deferPtrUpdateTime = 0;
  screen->maxRectsPerUpdate = 2 * DAMAGE_MAX;
  screen->maxClientWait = IO_TIMEOUT_MS;
  screen->fdQuota = 1.0f;
  screen->authPasswdData = peer->has_password ? peer->password : NULL;
  screen->passwordCheck = on_check_password;
  screen->kbdAddEvent = on_key;
  screen->ptrAddEvent = on_pointer;
  screen->setXCutText = on_cut_text;
  screen->setXCutTextUTF8 = on_cut_text_utf8;
  screen->setDesktopSizeHook = on_set_desktop_size;
  screen->setTranslateFunction = on_set_format;
  return screen;
}

static void
screen_free (rfbScreenInfo *screen)
{
  if (screen == NULL)
    return;
  if (screen->cursor && screen->cursor->cleanup)
    rfbFreeCursor (screen->cursor);
  free (screen->underCursorBuffer);
  pthread_mutex_destroy (&screen->cursorMutex);
  free (screen);
}

static rfbCursor *
cursor_new (const DisplayCursor *cursor)
{
  /* An invisible cursor has no opaque pixel; NULL would leave the client its own, and 1 × 1 is one that libvncclient ignores. */
  gboolean shown = cursor->visible && cursor->pixels;
  unsigned width = shown ? cursor->width : 2, height = shown ? cursor->height : 2, stride = (width + 7) / 8;
  rfbCursor *c;

  if (cursor->visible && cursor->pixels == NULL)
    return NULL;
  c = calloc (1, sizeof *c);
  c->cleanup = c->cleanupSource = c->cleanupMask = c->cleanupRichSource = TRUE;
  c->width = width;
  c->height = height;
  c->foreRed = c->foreGreen = c->foreBlue = 0xffff;
  c->mask = calloc (height, stride);
  c->richSource = calloc ((size_t)width * height, 4);
  c->alphaSource = calloc (width, height);
  if (!shown)
    return c;
  c->xhot = cursor->hot_x;
  c->yhot = cursor->hot_y;
  for (unsigned y = 0; y < height; y++)
    for (unsigned x = 0; x < width; x++)
      {
        uint32_t pixel = cursor->pixels[y * width + x], alpha = pixel >> 24, plain = 0;

        for (unsigned shift = 0; alpha > 0 && shift < 24; shift += 8)
          plain |= MIN (((pixel >> shift) & 0xff) * 255 / alpha, 255) << shift;
        ((uint32_t *)c->richSource)[y * width + x] = plain;
        c->alphaSource[y * width + x] = alpha;
        if (alpha >= 0x80)
          c->mask[y * stride + x / 8] |= 0x80 >> (x & 7);
      }
  return c;
}

/* rfbNewFramebuffer() would set a pixel format of its own. */
static void
use_buffer (VncPeer *peer)
{
  rfbScreenInfo *screen = peer->screen;
  rfbClientRec *client = peer->client;

  screen->frameBuffer = (char *)peer->buffer;
  screen->width = peer->width;
  screen->height = peer->height;
  screen->paddedWidthInBytes = peer->width * 4;
  screen->sizeInBytes = (int)MIN ((uint64_t)peer->width * peer->height * 4, G_MAXINT);
  screen->cursorX = MIN (screen->cursorX, screen->width - 1);
  screen->cursorY = MIN (screen->cursorY, screen->height - 1);
  pthread_mutex_lock (&client->updateMutex);
  sraRgnDestroy (client->modifiedRegion);
  client->modifiedRegion = sraRgnCreateRect (0, 0, peer->width, peer->height);
  sraRgnMakeEmpty (client->copyRegion);
  client->copyDX = client->copyDY = 0;
  if (client->useNewFBSize)
    client->newFBSizePending = TRUE;
  pthread_mutex_unlock (&client->updateMutex);
}

/* To what other programs take (libvncclient hangs up on more), at a character's end. */
static gboolean
cut_text (char *text)
{
  const char *end;

  if (strlen (text) <= MAX_CUT_TEXT)
    return FALSE;
  g_utf8_validate_len (text, MAX_CUT_TEXT, &end);
  text[end - text] = 0;
  return TRUE;
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
      use_buffer (peer);
      g_free (old);
    }
  for (unsigned i = 0; i < fresh.n; i++)
    {
      const DisplayRect *r = &fresh.rect[i];

      rfbMarkRectAsModified (peer->screen, r->x, r->y, r->x + r->width, r->y + r->height);
    }
  if (cursor)
    {
      rfbSetCursor (peer->screen, cursor_new (cursor));
      g_free (cursor->pixels);
      g_free (cursor);
    }
  if (text)
    {
      g_autofree char *latin1 = NULL;
      gsize len = 0;

      if (cut_text (text))
        post (peer,
              &(VncPeerEvent){ .type = VNC_PEER_NOTE, .text = g_strdup ("gets the clipboard cut to 1 MiB") });
      latin1 = g_convert_with_fallback (text, -1, "ISO-8859-1", "UTF-8", "?", NULL, &len, NULL);
      if (latin1 && peer->client->enableExtendedClipboard)
        rfbSendServerCutTextUTF8 (peer->screen, text, strlen (text), latin1, len);
      else if (latin1)
        rfbSendServerCutText (peer->screen, latin1, len);
      g_free (text);
    }
}

static void
send_answers (VncPeer *peer)
{
  rfbClientRec *client = peer->client;
  gboolean absolute;
  uint8_t leds;

  /* Not before the list of supported messages, which would take it back from a libvncclient. */
  if (peer->want_key_ack && !client->enableSupportedMessages)
    {
      peer->want_key_ack = FALSE;
      send_pseudo_rect (client, ENCODING_EXTENDED_KEY_EVENT, 0);
    }
  g_mutex_lock (&peer->lock);
  absolute = peer->absolute;
  leds = peer->leds;
  g_mutex_unlock (&peer->lock);
  if (client->sock >= 0 && peer->led_state && (!peer->leds_told || peer->told_leds != leds))
    {
      peer->leds_told = TRUE;
      peer->told_leds = leds;
      send_pseudo_rect (client, ENCODING_LED_STATE, 0);
      if (client->sock >= 0 && rfbWriteExact (client, (const char *)&leds, 1) < 0)
        rfbCloseClient (client);
    }
  if (client->sock >= 0 && peer->motion_change && (!peer->motion_told || peer->told_absolute != absolute))
    {
      peer->motion_told = TRUE;
      peer->told_absolute = absolute;
      send_pseudo_rect (client, ENCODING_POINTER_MOTION_CHANGE, absolute);
    }
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
    post (peer, &(VncPeerEvent){ .type = VNC_PEER_WANT });
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

static gboolean stopping (VncPeer *peer, unsigned *mail);

/* libvncserver hangs up on more than 1 MiB.  TRUE: it was such a message, and is done with. */
static gboolean
take_long_text (VncPeer *peer)
{
  rfbClientRec *client = peer->client;
  gint64 end = g_get_monotonic_time () + IO_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;
  rfbClientCutTextMsg message;
  g_autofree char *text = NULL;
  char rest[16384];
  uint32_t length, kept;
  unsigned mail;

  /* Looked at only: what is not too long is libvncserver's. */
  while (recv (client->sock, &message, sizeof message, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)sizeof message)
    {
      if (stopping (peer, &mail) || g_get_monotonic_time () > end)
        return FALSE;
      g_usleep (2000);
    }
  length = GUINT32_FROM_BE (message.length);
  /* The extended clipboard's lengths are negative; what it holds is compressed and can't be cut. */
  kept = length & 0x80000000u ? 0 : MAX_CUT_TEXT;
  if (kept == 0)
    length = -length;
  if (length <= MAX_CUT_TEXT)
    return FALSE;
  text = g_malloc (kept + 1);
  if (length > MAX_DRAINED_TEXT || rfbReadExact (client, (char *)&message, sizeof message) <= 0
      || (kept > 0 && rfbReadExact (client, text, kept) <= 0))
    {
      rfbCloseClient (client);
      return TRUE;
    }
  for (uint32_t left = length - kept; left > 0;)
    {
      uint32_t n = MIN (left, sizeof rest);

      if (stopping (peer, &mail) || rfbReadExact (client, rest, n) <= 0)
        {
          rfbCloseClient (client);
          return TRUE;
        }
      left -= n;
    }
  post (peer,
        &(VncPeerEvent){ .type = VNC_PEER_NOTE,
                         .text = g_strdup_printf (kept > 0 ? "its clipboard of %u bytes was cut to 1 MiB"
                                                           : "its clipboard of %u bytes was refused",
                                                  length) });
  if (kept > 0 && !client->viewOnly)
    on_cut_text (text, kept, client);
  return TRUE;
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
      if (head[0] == rfbClientCutText && take_long_text (peer))
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
      post (peer, &(VncPeerEvent){ .type = VNC_PEER_READY });
    }
}

static gboolean
stopping (VncPeer *peer, unsigned *mail)
{
  gboolean stop;

  g_mutex_lock (&peer->lock);
  stop = peer->stop;
  *mail = peer->mail.length;
  g_mutex_unlock (&peer->lock);
  return stop;
}

static void
serve (VncPeer *peer)
{
  rfbClientRec *client = peer->client;
  gint64 deadline = g_get_monotonic_time () + MIN (GREETING_SECONDS * G_TIME_SPAN_SECOND, peer->handshake);
  unsigned mail;

  while (client->sock >= 0 && !stopping (peer, &mail))
    {
      /* What the main loop has not read yet is not added to. */
      struct pollfd fds[]
          = { { peer->wake_fd, POLLIN, 0 }, { mail < EVENTS_MAX ? client->sock : -1, POLLIN, 0 } };
      uint64_t count;

      if (peer->ready)
        {
          take (peer);
          if (client->sock >= 0 && !is_stale (peer))
            send_update (peer);
          if (client->sock >= 0)
            send_answers (peer);
          lend (peer);
        }
      else if ((client->state == RFB_PROTOCOL_VERSION || client->state == RFB_SECURITY_TYPE)
               && g_get_monotonic_time () > deadline)
        break; /* the owner has another deadline for all of it */
      if (client->sock < 0)
        break;
      if (poll (fds, 2, mail < EVENTS_MAX ? (peer->ready ? -1 : 500) : 5) < 0 && errno != EINTR)
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

  pause_for (peer, peer->delay);
  peer->screen = screen_new (peer);
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
  screen_free (peer->screen);
  post (peer, &(VncPeerEvent){ .type = VNC_PEER_GONE });
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
  peer->mail_source = g_source_new (&mail_funcs, sizeof (MailSource));
  ((MailSource *)peer->mail_source)->peer = peer;
  g_source_set_ready_time (peer->mail_source, -1);
  g_source_attach (peer->mail_source, context);
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
