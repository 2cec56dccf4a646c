/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the page of a machine (viv-machine-page.c) and its actions (viv-machine-page-actions.c) share.
 */
#pragma once

#include "ui/machine/viv-machine-page.h"

#include "ui/app/viv-shell.h"
#include "ui/console/viv-console.h"
#include "ui/console/viv-header-flap.h"
#include "ui/machine/viv-thumbnail.h"

G_BEGIN_DECLS

struct _VivMachinePage
{
  AdwBin parent_instance;

  VivHeaderFlap *flap;
  AdwWindowTitle *title;
  GtkWidget *back_button, *start_button, *pause_button, *resume_button, *screenshot_button,
      *fullscreen_button;
  GtkMenuButton *menu_button, *keys_button, *media_button;
  GtkStack *stack;
  VivConsole *console;
  GtkWidget *paused, *try_again_button;
  GtkLabel *paused_reason, *space_label;
  GtkInfoBar *space_bar;
  GtkWidget *big_resume_button, *big_start_button;
  VivThumbnail *thumbnail;
  GtkLabel *off_name, *off_facts, *off_error;
  GtkWidget *off_problem;
  GtkSpinner *spinner;
  AdwStatusPage *trouble;
  GtkWidget *restart_button, *trouble_off_button, *trouble_folder_button;
  GtkTextView *report;

  VivMachine *machine;
  GtkWindow *window; /* while rooted */
  gboolean own_window;
  GSimpleActionGroup *
      actions; /* "machine.…", here and, while we are shown, in the window: its accelerators are asked there */
  GHashTable *missing; /* ids of the drives whose image was looked for and isn't there */
};

static inline VivShell *
viv_machine_page_shell (VivMachinePage *self)
{
  return viv_shell_of (GTK_WIDGET (self));
}

static inline gboolean
viv_can_have_focus (GtkWidget *widget)
{
  return widget && gtk_widget_get_mapped (widget) && gtk_widget_is_sensitive (widget);
}

/* viv-machine-page-actions.c */
void viv_machine_page_make_actions (VivMachinePage *self);
/* Which of them make sense now; the header bar's buttons for them are shown accordingly.  There is a machine. */
void viv_machine_page_update_actions (VivMachinePage *self);

G_END_DECLS
