/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which of GTK's renderers draws the windows.
 */
#pragma once

#include <gdk/gdk.h>

G_BEGIN_DECLS

/* Before the first window.  OpenGL that the processor carries out (llvmpipe) has no buffer age: it paints the whole window anew for a
 * blinking cursor, a fifth of a core.  GTK's cairo renderer paints what has changed, so it takes that one's place, even where
 * GSK_RENDERER asks for GL.  VIVARIUM_SOFTWARE_GL=1 keeps GTK's choice, for debugging. */
void viv_renderer_choose (GdkDisplay *display);

G_END_DECLS
