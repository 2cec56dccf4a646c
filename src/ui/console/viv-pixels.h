/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pixels of a guest made into pixels of a texture.  GTK 4.8 filters every texture linearly, so a picture that is to be
 * sharp is multiplied here, and one that is to be small is averaged here (a linear filter skips pixels below one half).
 * Pure C.
 */
#pragma once

#include "display/output.h"

G_BEGIN_DECLS

typedef struct
{
  int multiply; /* each image pixel becomes multiply × multiply */
  int divide;   /* divide × divide image pixels become one; one of the two is 1 */
} VivLevel;

/* For a picture shown at `scale` device pixels an image pixel. */
void viv_level_choose (VivLevel *level, double scale, int width, int height, int max_multiple, int max_size);
void viv_level_size (const VivLevel *level, int width, int height, int *out_width, int *out_height);
/* `rect` lies within `fb`.  Opaque BGRA, rows packed; the memory of `fb` may change meanwhile. */
GBytes *viv_pixels_copy (const Framebuffer *fb, const DisplayRect *rect, const VivLevel *level);

G_END_DECLS
