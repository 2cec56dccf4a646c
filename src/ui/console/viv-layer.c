/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest's picture at one size, as textures that outlive a frame.
 */
#define G_LOG_DOMAIN "viv-layer"

#include "ui/console/viv-layer.h"

#include "ui/console/viv-copy.h"

#include <math.h>

#define MAX_MULTIPLE 4
#define MAX_TEXTURE  8192 /* what any GL can do */
#define TILE         64   /* image pixels: a cell of text and its neighbours */
#define LARGE_TILE   1024 /* where the whole is too large for a texture */
#define MARGIN       2    /* image pixels around a patch, for a filter that looks beyond its edge */
/* More than these, of image or texture, are copied on a thread: some milliseconds of a slow processor. */
#define DEAR_PIXELS (4 * 1024 * 1024)
#define WHOLE       G_MAXUINT /* a VivCopyPart's index; else a tile's */

typedef struct
{
  GBytes *bytes;
  int width, height;   /* of the bytes */
  GdkTexture *texture; /* for a renderer that keeps textures */
  GskRenderNode *node; /* as it was drawn last */
} Piece;

typedef struct
{
  Piece piece;
  DisplayRect tile, shown; /* image pixels: what is to be seen of it, and what the texture holds */
} Patch;

struct VivLayer
{
  VivLevel level;
  uint32_t width, height; /* of the image; 0: nothing is known */
  int tile;               /* image pixels; 0: no patches */
  guint columns, rows;
  Piece whole; /* empty where it would be too large */
  GArray *
      patches; /* Patch, oldest first: what is new comes last, so that GTK sees what was there as unchanged */
  guint16 *slots;     /* a tile's patch, from 1 on; 0: none */
  gboolean *dirty;    /* a tile each */
  VivTransform drawn; /* where, and for what renderer, the nodes were made */
  gboolean cairo;
  guint n_dirty;
  gboolean all_dirty;
  VivCopy *copy; /* under way: pieces stay as they are, and what gets dirty waits */
  VivLayerFunc func;
  gpointer data;
};

static void
piece_clear (Piece *piece)
{
  g_clear_pointer (&piece->node, gsk_render_node_unref);
  g_clear_object (&piece->texture);
  g_clear_pointer (&piece->bytes, g_bytes_unref);
}

/* Takes `bytes` over. */
static void
piece_take (Piece *piece, GBytes *bytes, const DisplayRect *rect, const VivLevel *level)
{
  piece_clear (piece);
  viv_level_size (level, rect->width, rect->height, &piece->width, &piece->height);
  piece->bytes = bytes;
}

static void
piece_update (Piece *piece, const Framebuffer *fb, const DisplayRect *rect, const VivLevel *level)
{
  g_autoptr (GBytes) bytes = viv_pixels_copy (fb, rect, level);

  /* A guest that writes what is there already. */
  if (!piece->bytes || !g_bytes_equal (piece->bytes, bytes))
    piece_take (piece, g_steal_pointer (&bytes), rect, level);
}

/* GTK's cairo renderer would convert a whole texture, by way of floats, whenever any part of it is drawn. */
static GskRenderNode *
cairo_node (const Piece *piece, const graphene_rect_t *bounds)
{
  GskRenderNode *node = gsk_cairo_node_new (bounds);
  cairo_t *cr = gsk_cairo_node_get_draw_context (node);
  static const cairo_user_data_key_t key;
  cairo_surface_t *surface = cairo_image_surface_create_for_data (
      (uint8_t *)g_bytes_get_data (piece->bytes, NULL), CAIRO_FORMAT_RGB24, piece->width, piece->height,
      piece->width * 4);
  double scale_x = bounds->size.width / piece->width, scale_y = bounds->size.height / piece->height;

  cairo_surface_set_user_data (surface, &key, g_bytes_ref (piece->bytes),
                               (cairo_destroy_func_t)g_bytes_unref);
  cairo_rectangle (cr, bounds->origin.x, bounds->origin.y, bounds->size.width, bounds->size.height);
  cairo_clip (cr);
  cairo_translate (cr, bounds->origin.x, bounds->origin.y);
  cairo_scale (cr, scale_x, scale_y);
  cairo_set_source_surface (cr, surface, 0, 0);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_pattern_set_filter (cairo_get_source (cr), CAIRO_FILTER_BILINEAR);
  cairo_paint (cr);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return node;
}

static GskRenderNode *
texture_node (Piece *piece, const graphene_rect_t *bounds)
{
  if (!piece->texture)
    piece->texture = gdk_memory_texture_new (piece->width, piece->height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED,
                                             piece->bytes, (gsize)piece->width * 4);
  return gsk_texture_node_new (piece->texture, bounds);
}

static void
piece_draw (Piece *piece, GtkSnapshot *snapshot, const graphene_rect_t *bounds, gboolean cairo)
{
  if (!piece->node)
    piece->node = cairo ? cairo_node (piece, bounds) : texture_node (piece, bounds);
  gtk_snapshot_append_node (snapshot, piece->node);
}

static void
patch_clear (gpointer data)
{
  piece_clear (&((Patch *)data)->piece);
}

VivLayer *
viv_layer_new (void)
{
  VivLayer *layer = g_new0 (VivLayer, 1);

  layer->patches = g_array_new (FALSE, TRUE, sizeof (Patch));
  g_array_set_clear_func (layer->patches, patch_clear);
  return layer;
}

void
viv_layer_set_func (VivLayer *layer, VivLayerFunc func, gpointer data)
{
  layer->func = func;
  layer->data = data;
}

static void
drop_patches (VivLayer *layer)
{
  g_array_set_size (layer->patches, 0);
  if (layer->slots)
    memset (layer->slots, 0, sizeof *layer->slots * layer->columns * layer->rows);
}

static void
forget_dirt (VivLayer *layer)
{
  if (layer->dirty)
    memset (layer->dirty, 0, sizeof *layer->dirty * layer->columns * layer->rows);
  layer->n_dirty = 0;
  layer->all_dirty = FALSE;
}

void
viv_layer_clear (VivLayer *layer)
{
  g_clear_pointer (&layer->copy, viv_copy_cancel);
  drop_patches (layer);
  forget_dirt (layer);
  piece_clear (&layer->whole);
  g_clear_pointer (&layer->slots, g_free);
  g_clear_pointer (&layer->dirty, g_free);
  layer->width = layer->height = 0;
  layer->columns = layer->rows = 0;
}

void
viv_layer_free (VivLayer *layer)
{
  if (layer == NULL)
    return;
  viv_layer_clear (layer);
  g_array_unref (layer->patches);
  g_free (layer);
}

guint
viv_layer_n_patches (VivLayer *layer)
{
  return layer->patches->len;
}

void
viv_layer_damage (VivLayer *layer, const DisplayRect *rect)
{
  const DisplayRect image = { 0, 0, layer->width, layer->height };
  /* The filter mixes each pixel with its neighbours. */
  DisplayRect wide = { rect->x - 1, rect->y - 1, rect->width + 2, rect->height + 2 };

  if (!layer->width || !display_rect_intersect (&wide, &image, &wide))
    return;
  if (!layer->tile)
    {
      layer->all_dirty = TRUE;
      return;
    }
  for (guint row = wide.y / layer->tile; (int)(row * layer->tile) < wide.y + wide.height; row++)
    for (guint column = wide.x / layer->tile; (int)(column * layer->tile) < wide.x + wide.width; column++)
      {
        gboolean *dirty = &layer->dirty[row * layer->columns + column];

        layer->n_dirty += !*dirty;
        *dirty = TRUE;
      }
}

static void
set_up (VivLayer *layer, const Framebuffer *fb, const VivLevel *level)
{
  if (layer->width == fb->width && layer->height == fb->height && layer->level.multiply == level->multiply
      && layer->level.divide == level->divide)
    return;
  viv_layer_clear (layer);
  layer->width = fb->width;
  layer->height = fb->height;
  layer->level = *level;
  layer->all_dirty = TRUE;
  /* Squares that are averaged would not end where tiles do; such a picture is small anyway. */
  layer->tile = level->divide > 1                                             ? 0
                : MAX (fb->width, fb->height) * level->multiply > MAX_TEXTURE ? LARGE_TILE
                                                                              : TILE;
  if (!layer->tile)
    return;
  layer->columns = (fb->width + layer->tile - 1) / layer->tile;
  layer->rows = (fb->height + layer->tile - 1) / layer->tile;
  layer->slots = g_new0 (guint16, layer->columns * layer->rows);
  layer->dirty = g_new0 (gboolean, layer->columns * layer->rows);
}

/* What a tile's patch shows, and what its texture holds. */
static void
place_patch (const VivLayer *layer, guint index, DisplayRect *tile, DisplayRect *shown)
{
  const DisplayRect image = { 0, 0, layer->width, layer->height };

  *tile = (DisplayRect){ .x = (int)(index % layer->columns) * layer->tile,
                         .y = (int)(index / layer->columns) * layer->tile,
                         .width = layer->tile,
                         .height = layer->tile };
  display_rect_intersect (tile, &image, tile);
  *shown = (DisplayRect){ tile->x - MARGIN, tile->y - MARGIN, tile->width + 2 * MARGIN,
                          tile->height + 2 * MARGIN };
  display_rect_intersect (shown, &image, shown);
}

static Patch *
patch_at (VivLayer *layer, guint index)
{
  if (!layer->slots[index])
    {
      Patch fresh = { 0 };

      place_patch (layer, index, &fresh.tile, &fresh.shown);
      g_array_append_val (layer->patches, fresh);
      layer->slots[index] = layer->patches->len;
    }
  return &g_array_index (layer->patches, Patch, layer->slots[index] - 1);
}

static void
on_copied (VivCopyPart *parts, guint n, gint64 took, gpointer data)
{
  VivLayer *layer = data;

  layer->copy = NULL;
  for (guint i = 0; i < n; i++)
    {
      gboolean whole = parts[i].index == WHOLE;

      if (whole)
        drop_patches (layer);
      if (parts[i].bytes)
        piece_take (whole ? &layer->whole : &patch_at (layer, parts[i].index)->piece, parts[i].bytes,
                    &parts[i].rect, &layer->level);
      parts[i].bytes = NULL;
    }
  if (layer->func)
    layer->func (layer->data, took);
}

/* Whether the dirty tiles are so many that one picture is better. */
static gboolean
wants_whole (const VivLayer *layer)
{
  return layer->tile != LARGE_TILE
         && (layer->all_dirty || (layer->patches->len + layer->n_dirty) * 2 > layer->columns * layer->rows);
}

static gboolean
is_dear (const VivLayer *layer, gboolean whole)
{
  int64_t pixels = whole || layer->all_dirty ? (int64_t)layer->width * layer->height
                                             : (int64_t)layer->n_dirty * layer->tile * layer->tile;

  return pixels * layer->level.multiply * layer->level.multiply > DEAR_PIXELS;
}

static void
update_on_thread (VivLayer *layer, const Framebuffer *fb, gboolean whole)
{
  layer->copy = viv_copy_new (fb, &layer->level);
  if (whole)
    viv_copy_add (layer->copy, WHOLE, &(DisplayRect){ 0, 0, fb->width, fb->height }, layer->whole.bytes);
  for (guint i = 0; !whole && i < layer->columns * layer->rows; i++)
    if (layer->dirty[i] || layer->all_dirty)
      {
        GBytes *before
            = layer->slots[i] ? g_array_index (layer->patches, Patch, layer->slots[i] - 1).piece.bytes : NULL;
        DisplayRect tile, shown;

        place_patch (layer, i, &tile, &shown);
        viv_copy_add (layer->copy, i, &shown, before);
      }
  viv_copy_start (layer->copy, on_copied, layer);
}

static void
update (VivLayer *layer, const Framebuffer *fb)
{
  gboolean whole = wants_whole (layer);

  if (fb->memory && is_dear (layer, whole))
    update_on_thread (layer, fb, whole);
  else if (whole)
    {
      drop_patches (layer);
      piece_update (&layer->whole, fb, &(DisplayRect){ 0, 0, fb->width, fb->height }, &layer->level);
    }
  else
    for (guint i = 0; i < layer->columns * layer->rows; i++)
      if (layer->dirty[i] || layer->all_dirty)
        {
          Patch *patch = patch_at (layer, i);

          piece_update (&patch->piece, fb, &patch->shown, &layer->level);
        }
  forget_dirt (layer);
}

/* An image coordinate in view space, on the device's grid. */
static double
edge (double origin, double unit, int position, int factor)
{
  return round ((origin + position * unit) * factor) / factor;
}

static void
forget_nodes (VivLayer *layer)
{
  g_clear_pointer (&layer->whole.node, gsk_render_node_unref);
  for (guint i = 0; i < layer->patches->len; i++)
    g_clear_pointer (&g_array_index (layer->patches, Patch, i).piece.node, gsk_render_node_unref);
}

static void
draw_patch (VivLayer *layer, Patch *patch, GtkSnapshot *snapshot, double unit_x, double unit_y)
{
  const VivTransform *transform = &layer->drawn;
  double left = edge (transform->x, unit_x, patch->tile.x, transform->factor);
  double top = edge (transform->y, unit_y, patch->tile.y, transform->factor);
  double right = edge (transform->x, unit_x, patch->tile.x + patch->tile.width, transform->factor);
  double bottom = edge (transform->y, unit_y, patch->tile.y + patch->tile.height, transform->factor);

  if (right <= left || bottom <= top)
    return;
  gtk_snapshot_push_clip (snapshot, &GRAPHENE_RECT_INIT (left, top, right - left, bottom - top));
  piece_draw (&patch->piece, snapshot,
              &GRAPHENE_RECT_INIT (transform->x + patch->shown.x * unit_x,
                                   transform->y + patch->shown.y * unit_y, patch->shown.width * unit_x,
                                   patch->shown.height * unit_y),
              layer->cairo);
  gtk_snapshot_pop (snapshot);
}

static void
choose_level (VivLevel *level, const Framebuffer *fb, const VivTransform *transform)
{
  viv_level_choose (level, transform->scale, fb->width, fb->height, MAX_MULTIPLE, MAX_TEXTURE);
}

gboolean
viv_layer_suits (VivLayer *layer, const Framebuffer *fb, const VivTransform *transform)
{
  VivLevel level;

  choose_level (&level, fb, transform);
  return layer->width == fb->width && layer->height == fb->height && layer->level.multiply == level.multiply
         && layer->level.divide == level.divide;
}

gboolean
viv_layer_draw_old (VivLayer *layer, GtkSnapshot *snapshot, GskRenderer *renderer, const Framebuffer *fb,
                    const VivTransform *transform)
{
  double unit_x = transform->width / fb->width, unit_y = transform->height / fb->height;
  gboolean cairo = renderer && GSK_IS_CAIRO_RENDERER (renderer);

  if (layer->width != fb->width || layer->height != fb->height
      || (!layer->whole.bytes && layer->patches->len == 0))
    return FALSE;
  if (layer->cairo != cairo || layer->drawn.x != transform->x || layer->drawn.y != transform->y
      || layer->drawn.width != transform->width || layer->drawn.height != transform->height
      || layer->drawn.factor != MAX (transform->factor, 1))
    forget_nodes (layer);
  layer->cairo = cairo;
  layer->drawn = *transform;
  layer->drawn.factor = MAX (transform->factor, 1);

  if (layer->whole.bytes)
    piece_draw (&layer->whole, snapshot,
                &GRAPHENE_RECT_INIT (transform->x, transform->y, transform->width, transform->height), cairo);
  for (guint i = 0; i < layer->patches->len; i++)
    draw_patch (layer, &g_array_index (layer->patches, Patch, i), snapshot, unit_x, unit_y);
  return TRUE;
}

gboolean
viv_layer_draw (VivLayer *layer, GtkSnapshot *snapshot, GskRenderer *renderer, const Framebuffer *fb,
                const VivTransform *transform)
{
  VivLevel level;

  choose_level (&level, fb, transform);
  set_up (layer, fb, &level);
  if (!layer->copy && (layer->n_dirty || layer->all_dirty))
    update (layer, fb);
  return viv_layer_draw_old (layer, snapshot, renderer, fb, transform);
}
