/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How to get the keyboard back.
 */
#define G_LOG_DOMAIN "viv-grab-hints"

#include "ui/app/viv-grab-hints.h"

#include "ui/app/viv-preferences.h"
#include "ui/app/viv-shell.h"

typedef struct
{
  AdwToast *toast; /* weak */
} Hints;

static void
hints_free (gpointer data, GClosure *closure)
{
  Hints *hints = data;

  g_clear_weak_pointer (&hints->toast);
  g_free (hints);
}

static void
on_tell (VivConsole *console, const char *text, Hints *hints)
{
  VivShell *shell = viv_shell_of (GTK_WIDGET (console));
  AdwToast *toast;

  if (!shell)
    return;
  toast = adw_toast_new (text);
  g_set_weak_pointer (&hints->toast, toast);
  viv_shell_toast (shell, toast);
}

static void
on_grabbed (VivConsole *console, GParamSpec *pspec, Hints *hints)
{
  VivShell *shell = viv_shell_of (GTK_WIDGET (console));

  if (!viv_console_get_grabbed (console) && hints->toast && shell)
    viv_shell_dismiss (shell, hints->toast);
}

void
viv_grab_hints_attach (VivConsole *console)
{
  Hints *hints = g_new0 (Hints, 1);

  viv_console_set_settings (console, viv_settings ());
  g_signal_connect (console, "notify::grabbed", G_CALLBACK (on_grabbed), hints);
  g_signal_connect_data (console, "tell", G_CALLBACK (on_tell), hints, hints_free, 0);
}
