/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the windows on machines and screens have in common: toasts over the page or, while a screen is seen, in a bar below it, and full screen.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

#define VIV_TYPE_SHELL_WINDOW (viv_shell_window_get_type ())
G_DECLARE_DERIVABLE_TYPE (VivShellWindow, viv_shell_window, VIV, SHELL_WINDOW, AdwApplicationWindow)

/* A VivShell; who derives implements the interface again for what more the window knows, and keeps the toasts.  Property "page": what is
 * shown, a widget, once.  Action "win.fullscreen". */
struct _VivShellWindowClass
{
  AdwApplicationWindowClass parent_class;

  /* Whether a living screen is what is seen now; NULL: never. */
  gboolean (*shows_screen) (VivShellWindow *self);
};

G_END_DECLS
