/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a machine's picture lies in a view, and which pixel of it is under the pointer.  The only arithmetic on
 * coordinates in the viewer; no GTK, so that it is tested by table.
 *
 * Three spaces: image (pixels of the guest), view (GTK's logical pixels, from the view's top left) and device (view times
 * the surface's integer scale factor).
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  VIV_SCALING_FIT,   /* as large as fits, its shape kept, centred (letterbox) */
  VIV_SCALING_EXACT, /* a pixel of the image is a pixel of the device; the view scrolls if it is smaller */
} VivScaling;

typedef enum
{
  VIV_ASPECT_SQUARE, /* pixels are as tall as wide */
  VIV_ASPECT_4_3,    /* the whole is shown 4 to 3, as on a tube */
  VIV_ASPECT_AUTO,   /* 4 to 3 for what a VGA makes (320x200, 640x350, 720x400, …), else square */
} VivAspect;

typedef struct
{
  double x, y, width, height; /* of the picture, in view space; x and y lie on the device's grid */
  double scale;               /* device pixels an image pixel; the lesser of across and down */
  int image_width, image_height;
  int factor; /* device pixels a view pixel */
} VivTransform;

/* How tall a pixel of the image is shown, in its width. */
double viv_aspect_pixel_height (VivAspect aspect, int image_width, int image_height);
/* Empty (width 0) if any size is 0 or less.  `factor` less than 1 counts as 1.  `aspect` is for VIV_SCALING_FIT alone. */
/* The same for a picture that was averaged down to a whole fraction of its size before it was kept (a thumbnail): 640x350 is there as
 * 320x175. */
double viv_aspect_kept_pixel_height (VivAspect aspect, int image_width, int image_height);
void viv_transform_init (VivTransform *transform, VivScaling scaling, VivAspect aspect, int image_width,
                         int image_height, double view_width, double view_height, int factor);
/* Whether image pixels fall exactly on whole device pixels: nothing is to be filtered then. */
gboolean viv_transform_is_exact (const VivTransform *transform);
/* From view space to image space, fractions kept, not clamped. */
void viv_transform_to_image (const VivTransform *transform, double x, double y, double *image_x,
                             double *image_y);
void viv_transform_from_image (const VivTransform *transform, double image_x, double image_y, double *x,
                               double *y);
/* A point of the view as an absolute pointer position (0 to INPUT_ABSOLUTE_MAX), clamped to the picture: of the image's pixel that is seen in
 * the device pixel there, as an X server names device pixels by their upper left corner.  Chosen so that a guest with up to 16384 pixels arrives at that
 * one whether it multiplies by its width or by its width less one, cuts off or, with the latter, rounds. */
void viv_transform_to_absolute (const VivTransform *transform, double x, double y, int *absolute_x,
                                int *absolute_y);
/* What the view must measure, in view pixels, to show all of an exact picture. */
void viv_transform_natural_size (int image_width, int image_height, int factor, int *width, int *height);

G_END_DECLS
