/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sets of dirty rectangles.  The rectangles of a set never touch each other, so nothing is drawn twice.
 */
#define G_LOG_DOMAIN "viv-damage"

#include "display/output.h"

gboolean
display_rect_intersect (const DisplayRect *a, const DisplayRect *b, DisplayRect *out)
{
  int64_t x0 = MAX (a->x, b->x), y0 = MAX (a->y, b->y);
  int64_t x1 = MIN ((int64_t)a->x + a->width, (int64_t)b->x + b->width);
  int64_t y1 = MIN ((int64_t)a->y + a->height, (int64_t)b->y + b->height);

  if (x1 <= x0 || y1 <= y0)
    {
      if (out)
        *out = (DisplayRect){ 0, 0, 0, 0 };
      return FALSE;
    }
  if (out)
    *out = (DisplayRect){ x0, y0, x1 - x0, y1 - y0 };
  return TRUE;
}

DisplayRect
display_rect_union (const DisplayRect *a, const DisplayRect *b)
{
  int64_t x0, y0, x1, y1;

  if (a->width <= 0 || a->height <= 0)
    return *b;
  if (b->width <= 0 || b->height <= 0)
    return *a;
  x0 = MIN (a->x, b->x);
  y0 = MIN (a->y, b->y);
  x1 = MAX ((int64_t)a->x + a->width, (int64_t)b->x + b->width);
  y1 = MAX ((int64_t)a->y + a->height, (int64_t)b->y + b->height);
  return (DisplayRect){ x0, y0, MIN (x1 - x0, G_MAXINT), MIN (y1 - y0, G_MAXINT) };
}

void
damage_clear (Damage *damage)
{
  damage->n = 0;
}

/* Both are clipped to the screen: no sum overflows. */
static gboolean
touches (const DisplayRect *a, const DisplayRect *b)
{
  return a->x <= b->x + b->width && b->x <= a->x + a->width && a->y <= b->y + b->height
         && b->y <= a->y + a->height;
}

static int64_t
growth (const DisplayRect *a, const DisplayRect *b)
{
  DisplayRect u = display_rect_union (a, b);

  return (int64_t)u.width * u.height - (int64_t)a->width * a->height;
}

void
damage_add (Damage *damage, const DisplayRect *rect, uint32_t width, uint32_t height)
{
  DisplayRect screen = { 0, 0, MIN (width, DISPLAY_MAX_SIZE), MIN (height, DISPLAY_MAX_SIZE) };
  DisplayRect r;
  unsigned i;

  if (!display_rect_intersect (rect, &screen, &r))
    return;
restart:
  for (i = 0; i < damage->n; i++)
    if (touches (&damage->rect[i], &r))
      {
        /* The union may touch others that neither did. */
        r = display_rect_union (&damage->rect[i], &r);
        damage->rect[i] = damage->rect[--damage->n];
        goto restart;
      }
  if (damage->n == DAMAGE_MAX)
    {
      unsigned best = 0;
      int64_t least = G_MAXINT64;

      for (i = 0; i < damage->n; i++)
        {
          int64_t g = growth (&damage->rect[i], &r);

          if (g < least)
            {
              least = g;
              best = i;
            }
        }
      r = display_rect_union (&damage->rect[best], &r);
      damage->rect[best] = damage->rect[--damage->n];
      goto restart;
    }
  damage->rect[damage->n++] = r;
}
