/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What libvncserver sees of a VNC client's thread: the screen, its callbacks, and QEMU's extensions.  All on that thread.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "vnc/vnc-peer-private.h"

#include <rfb/rfbregion.h>
#include <string.h>

/* Pseudo-encodings and messages of QEMU, as registered with the RFB protocol's community registry. */
#define ENCODING_POINTER_MOTION_CHANGE (-257)
#define ENCODING_EXTENDED_KEY_EVENT    (-258)
#define ENCODING_LED_STATE             (-261) /* a byte: bit 0 scroll, 1 num, 2 caps lock */
#define MESSAGE_QEMU                   255
#define RELATIVE_ORIGIN                0x7fff

#define STATUS_FORWARDED 4 /* ExtendedDesktopSize: the request went to somebody else and may complete later */

/* -- Callbacks -- */

static void
on_log (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_logv (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, format, args);
  va_end (args);
}

static void
on_key (rfbBool down, rfbKeySym keysym, rfbClientRec *client)
{
  vnc_peer_post (vnc_peer_of (client),
                 &(VncPeerEvent){ .type = VNC_PEER_KEY, .down = !!down, .keysym = keysym });
}

static void
on_pointer (int mask, int x, int y, rfbClientRec *client)
{
  VncPeer *peer = vnc_peer_of (client);
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
  vnc_peer_post (peer, &event);
}

static int
on_set_desktop_size (int width, int height, int n_screens, rfbExtDesktopScreen *screens, rfbClientRec *client)
{
  if (width <= 0 || height <= 0 || width > DISPLAY_MAX_SIZE || height > DISPLAY_MAX_SIZE || n_screens != 1)
    return rfbExtDesktopSize_InvalidScreenLayout;
  if (client->viewOnly)
    return rfbExtDesktopSize_ResizeProhibited;
  vnc_peer_post (vnc_peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_RESIZE, .x = width, .y = height });
  return STATUS_FORWARDED;
}

static rfbBool
on_check_password (rfbClientRec *client, const char *response, int len)
{
  VncPeer *peer = vnc_peer_of (client);
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
  vnc_peer_post (peer, &(VncPeerEvent){ .type = VNC_PEER_WRONG_PASSWORD });
  /* Slows guessing down; only this client waits.  The next from its address waits longer. */
  vnc_peer_pause (peer, G_TIME_SPAN_SECOND);
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
  VncPeer *peer = vnc_peer_of (client);

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
    vnc_peer_post (vnc_peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_KEY,
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

void
vnc_peer_warm_up (void)
{
  unsigned char challenge[CHALLENGESIZE];
  char password[] = "warm up";

  screen_template ();
  rfbRandomBytes (challenge);
  rfbEncryptBytes (challenge, password);
}

rfbScreenInfo *
vnc_peer_screen_new (VncPeer *peer)
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
  screen->maxClientWait = VNC_PEER_IO_MS;
  screen->fdQuota = 1.0f;
  screen->authPasswdData = peer->has_password ? peer->password : NULL;
  screen->passwordCheck = on_check_password;
  screen->kbdAddEvent = on_key;
  screen->ptrAddEvent = on_pointer;
  screen->setXCutText = vnc_peer_on_cut_text;
  screen->setXCutTextUTF8 = vnc_peer_on_cut_text_utf8;
  screen->setDesktopSizeHook = on_set_desktop_size;
  screen->setTranslateFunction = on_set_format;
  return screen;
}

void
vnc_peer_screen_free (rfbScreenInfo *screen)
{
  if (screen == NULL)
    return;
  if (screen->cursor && screen->cursor->cleanup)
    rfbFreeCursor (screen->cursor);
  free (screen->underCursorBuffer);
  pthread_mutex_destroy (&screen->cursorMutex);
  free (screen);
}

rfbCursor *
vnc_peer_cursor_new (const DisplayCursor *cursor)
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
void
vnc_peer_use_buffer (VncPeer *peer)
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

/* -- Answers -- */

void
vnc_peer_send_answers (VncPeer *peer)
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
