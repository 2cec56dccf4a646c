/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest's picture at one size, as textures that outlive a frame.
 */
#define G_LOG_DOMAIN "viv-layer"

#include "ui/console/viv-layer.h"

#include <math.h>

#define MAX_MULTIPLE 4
#define MAX_TEXTURE  8192 /* what any GL can do */
#define TILE         64   /* image pixels: a cell of text and its neighbours */
#define LARGE_TILE   1024 /* where the whole is too large for a texture */
#define MARGIN       2    /* image pixels around a patch, for a filter that looks beyond its edge */

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
};

static void
piece_clear (Piece *piece)
{
  g_clear_pointer (&piece->node, gsk_render_node_unref);
  g_clear_object (&piece->texture);
  g_clear_pointer (&piece->bytes, g_bytes_unref);
}

static void
piece_update (Piece *piece, const Framebuffer *fb, const DisplayRect *rect, const VivLevel *level)
{
  g_autoptr (GBytes) bytes = viv_pixels_copy (fb, rect, level);

  /* A guest that writes what is there already. */
  if (piece->bytes && g_bytes_equal (piece->bytes, bytes))
    return;
  piece_clear (piece);
  viv_level_size (level, rect->width, rect->height, &piece->width, &piece->height);
  piece->bytes = g_steal_pointer (&bytes);
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

static void
drop_patches (VivLayer *layer)
{
  g_array_set_size (layer->patches, 0);
  if (layer->slots)
    {
      memset (layer->slots, 0, sizeof *layer->slots * layer->columns * layer->rows);
      memset (layer->dirty, 0, sizeof *layer->dirty * layer->columns * layer->rows);
    }
  layer->n_dirty = 0;
  layer->all_dirty = FALSE;
}

void
viv_layer_clear (VivLayer *layer)
{
  drop_patches (layer);
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

static void
update_patch (VivLayer *layer, const Framebuffer *fb, guint index)
{
  const DisplayRect image = { 0, 0, fb->width, fb->height };
  Patch *patch;

  if (!layer->slots[index])
    {
      Patch fresh = { .tile = { .x = (int)(index % layer->columns) * layer->tile,
                                .y = (int)(index / layer->columns) * layer->tile,
                                .width = layer->tile,
                                .height = layer->tile } };

      display_rect_intersect (&fresh.tile, &image, &fresh.tile);
      fresh.shown = (DisplayRect){ fresh.tile.x - MARGIN, fresh.tile.y - MARGIN,
                                   fresh.tile.width + 2 * MARGIN, fresh.tile.height + 2 * MARGIN };
      display_rect_intersect (&fresh.shown, &image, &fresh.shown);
      g_array_append_val (layer->patches, fresh);
      layer->slots[index] = layer->patches->len;
    }
  patch = &g_array_index (layer->patches, Patch, layer->slots[index] - 1);
  piece_update (&patch->piece, fb, &patch->shown, &layer->level);
  layer->dirty[index] = FALSE;
}

static void
update (VivLayer *layer, const Framebuffer *fb)
{
  const DisplayRect image = { 0, 0, fb->width, fb->height };
  guint tiles = layer->columns * layer->rows;
  gboolean large = layer->tile == LARGE_TILE;

  if (!large && (layer->all_dirty || (layer->patches->len + layer->n_dirty) * 2 > tiles))
    {
      drop_patches (layer);
      piece_update (&layer->whole, fb, &image, &layer->level);
      return;
    }
  for (guint i = 0; i < tiles && (layer->n_dirty || layer->all_dirty); i++)
    if (layer->dirty[i] || layer->all_dirty)
      update_patch (layer, fb, i);
  layer->n_dirty = 0;
  layer->all_dirty = FALSE;
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

void
viv_layer_draw (VivLayer *layer, GtkSnapshot *snapshot, GskRenderer *renderer, const Framebuffer *fb,
                const VivTransform *transform)
{
  double unit_x = transform->width / fb->width, unit_y = transform->height / fb->height;
  gboolean cairo = renderer && GSK_IS_CAIRO_RENDERER (renderer);
  VivLevel level;

  viv_level_choose (&level, transform->scale, fb->width, fb->height, MAX_MULTIPLE, MAX_TEXTURE);
  set_up (layer, fb, &level);
  if (layer->n_dirty || layer->all_dirty)
    update (layer, fb);
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
}
