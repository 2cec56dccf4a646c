/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which of GTK's renderers draws the windows.
 */
#define G_LOG_DOMAIN "viv-renderer"

#include "ui/app/viv-renderer.h"

#include <epoxy/gl.h>
#include <string.h>

static gboolean
is_software (const char *renderer)
{
  static const char *const names[]
      = { "llvmpipe", "softpipe", "swrast", "Software Rasterizer", "SwiftShader" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strstr (renderer, names[i]))
      return TRUE;
  return FALSE;
}

void
viv_renderer_choose (GdkDisplay *display)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkGLContext) context = NULL;

  if (g_strcmp0 (g_getenv ("GSK_RENDERER"), "cairo") == 0
      || g_strcmp0 (g_getenv ("VIVARIUM_SOFTWARE_GL"), "1") == 0)
    return;
  context = gdk_display_create_gl_context (display, &error);
  if (!context || !gdk_gl_context_realize (context, &error))
    {
      /* GTK finds that out for itself. */
      g_debug ("No OpenGL: %s", error->message);
      return;
    }
  gdk_gl_context_make_current (context);
  const char *renderer = (const char *)glGetString (GL_RENDERER);
  if (renderer && is_software (renderer))
    {
      g_debug ("OpenGL is %s: windows are drawn by cairo", renderer);
      g_setenv ("GSK_RENDERER", "cairo", TRUE);
    }
  gdk_gl_context_clear_current ();
}
