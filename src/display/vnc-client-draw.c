/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a VNC server draws and shows: libvncclient's callbacks for pixels and the cursor.  On the connection's thread.
 */
#define G_LOG_DOMAIN "viv-vnc-client"

#include "display/vnc-client-private.h"

#include <string.h>

#define MAX_PIXELS (1 << 27)
/* What a message may draw: so many times the screen.  A rectangle counts for some pixels more than it has. */
#define MAX_WORK  64
#define RECT_WORK 256

static VncPicture *
vnc_picture_new (uint32_t width, uint32_t height)
{
  VncPicture *picture = g_atomic_rc_box_new0 (VncPicture);

  picture->fb = (Framebuffer){ .width = width, .height = height, .stride = width * 4, .fd = -1 };
  picture->fb.pixels = g_try_malloc0 ((size_t)width * height * 4);
  if (picture->fb.pixels)
    picture->fb.memory = g_bytes_new_take (picture->fb.pixels, (size_t)width * height * 4);
  return picture;
}

/* FALSE: it isn't to be drawn.  libvncclient's decoders can't be stopped, but without drawing they only read what has arrived. */
static gboolean
may_draw (rfbClient *rfb, int width, int height)
{
  VncClient *client = vnc_client_of (rfb);

  if (client->too_much || g_cancellable_is_cancelled (client->cancellable))
    return FALSE;
  client->work += (uint64_t)MAX (width, 0) * MAX (height, 0) + RECT_WORK;
  if (client->work <= (uint64_t)MAX_WORK * MAX ((uint64_t)rfb->width * rfb->height, 1 << 16))
    return TRUE;
  client->too_much = TRUE;
  vnc_client_hang_up (rfb->sock);
  return FALSE;
}

void
vnc_client_on_fill (rfbClient *rfb, int x, int y, int width, int height, uint32_t colour)
{
  if (may_draw (rfb, width, height))
    vnc_client_of (rfb)->fill (rfb, x, y, width, height, colour);
}

void
vnc_client_on_copy (rfbClient *rfb, int from_x, int from_y, int width, int height, int x, int y)
{
  if (may_draw (rfb, width, height))
    vnc_client_of (rfb)->copy (rfb, from_x, from_y, width, height, x, y);
}

void
vnc_client_on_bitmap (rfbClient *rfb, const uint8_t *pixels, int x, int y, int width, int height)
{
  if (may_draw (rfb, width, height))
    vnc_client_of (rfb)->bitmap (rfb, pixels, x, y, width, height);
}

rfbBool
vnc_client_on_malloc (rfbClient *rfb)
{
  VncClient *client = vnc_client_of (rfb);
  VncPicture *picture = NULL;

  /* A picture costs as much as drawing all of it. */
  if (client->drawn && !may_draw (rfb, rfb->width, rfb->height))
    {
      rfb->width = rfb->height = 0;
      return FALSE;
    }

  if (rfb->width > 0 && rfb->height > 0 && rfb->width <= DISPLAY_MAX_SIZE && rfb->height <= DISPLAY_MAX_SIZE
      && (int64_t)rfb->width * rfb->height <= MAX_PIXELS)
    picture = vnc_picture_new (rfb->width, rfb->height);
  if (picture == NULL || picture->fb.pixels == NULL)
    {
      /* Whatever follows must not find the old memory with the new size. */
      vnc_picture_unref (picture);
      client->too_big = TRUE;
      rfb->width = rfb->height = 0;
      return FALSE;
    }
  vnc_picture_unref (client->drawn);
  client->drawn = picture;
  rfb->frameBuffer = picture->fb.pixels;
  rfb->updateRect.x = rfb->updateRect.y = 0;
  rfb->updateRect.w = rfb->width;
  rfb->updateRect.h = rfb->height;
  g_mutex_lock (&client->lock);
  client->width = rfb->width;
  client->height = rfb->height;
  damage_clear (&client->damage);
  damage_add (&client->damage, &(DisplayRect){ 0, 0, rfb->width, rfb->height }, rfb->width, rfb->height);
  g_mutex_unlock (&client->lock);
  vnc_client_post (client,
                   &(VncClientEvent){ .type = EVENT_SCANOUT, .picture = g_atomic_rc_box_acquire (picture) });
  return TRUE;
}

void
vnc_client_on_update (rfbClient *rfb, int x, int y, int width, int height)
{
  VncClient *client = vnc_client_of (rfb);

  g_mutex_lock (&client->lock);
  damage_add (&client->damage, &(DisplayRect){ x, y, width, height }, client->width, client->height);
  g_mutex_unlock (&client->lock);
}

void
vnc_client_on_update_end (rfbClient *rfb)
{
  vnc_client_wake_main (vnc_client_of (rfb));
}

void
vnc_client_on_cursor (rfbClient *rfb, int hot_x, int hot_y, int width, int height, int bytes_per_pixel)
{
  VncClientEvent event = { .type = EVENT_CURSOR };
  gboolean visible = FALSE;

  if (bytes_per_pixel != 4 || width < 0 || height < 0 || width > DISPLAY_MAX_CURSOR
      || height > DISPLAY_MAX_CURSOR)
    goto out;
  if (width > 0 && height > 0 && rfb->rcSource && rfb->rcMask)
    {
      event.cursor.width = width;
      event.cursor.height = height;
      event.cursor.hot_x = CLAMP (hot_x, 0, width - 1);
      event.cursor.hot_y = CLAMP (hot_y, 0, height - 1);
      event.cursor.pixels = g_new0 (uint32_t, (gsize)width * height);
      for (int i = 0; i < width * height; i++)
        if (rfb->rcMask[i])
          {
            uint32_t pixel;

            memcpy (&pixel, rfb->rcSource + 4 * i, 4);
            event.cursor.pixels[i] = 0xff000000 | pixel;
            visible = TRUE;
          }
    }
  event.cursor.visible = visible;
  vnc_client_post (vnc_client_of (rfb), &event);
out:
  /* libvncclient leaves them, and forgets the mask when the next one comes. */
  g_clear_pointer (&rfb->rcSource, free);
  g_clear_pointer (&rfb->rcMask, free);
}
