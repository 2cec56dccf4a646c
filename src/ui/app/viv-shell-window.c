/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the windows on machines and screens have in common.
 */
#define G_LOG_DOMAIN "viv-shell-window"

#include "config.h"

#include "ui/app/viv-shell-window.h"

#include "ui/app/viv-message-bar.h"

#define WIDTH_LEAST  360
#define HEIGHT_LEAST 294

static void shell_init (VivShellInterface *iface);

typedef struct
{
  GtkBox *box;
  GtkWidget *page;
  VivMessageBar *below, *over; /* the page */
} VivShellWindowPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (VivShellWindow, viv_shell_window, ADW_TYPE_APPLICATION_WINDOW,
                                  G_ADD_PRIVATE (VivShellWindow)
                                      G_IMPLEMENT_INTERFACE (VIV_TYPE_SHELL, shell_init))

enum
{
  PROP_0,
  PROP_PAGE,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

static VivShellWindowPrivate *
private_of (gpointer self)
{
  return viv_shell_window_get_instance_private (VIV_SHELL_WINDOW (self));
}

/* -- Toasts -- */

static void
take_toast (VivShell *shell, AdwToast *toast)
{
  VivShellWindowClass *class = VIV_SHELL_WINDOW_GET_CLASS (shell);
  /* Not over a guest's last line. */
  gboolean screen = class->shows_screen && class->shows_screen (VIV_SHELL_WINDOW (shell));

  viv_message_bar_show (screen ? private_of (shell)->below : private_of (shell)->over, toast);
}

static void
dismiss_toast (VivShell *shell, AdwToast *toast)
{
  g_autoptr (AdwToast) held = g_object_ref (toast);

  viv_message_bar_dismiss (private_of (shell)->below, held);
  viv_message_bar_dismiss (private_of (shell)->over, held);
}

static void
shell_init (VivShellInterface *iface)
{
  iface->toast = take_toast;
  iface->dismiss = dismiss_toast;
}

/* -- Widget -- */

static void
action_fullscreen (GtkWidget *widget, const char *name, GVariant *parameter)
{
  if (gtk_window_is_fullscreen (GTK_WINDOW (widget)))
    gtk_window_unfullscreen (GTK_WINDOW (widget));
  else
    gtk_window_fullscreen (GTK_WINDOW (widget));
}

static void
set_page (VivShellWindow *self, GtkWidget *page)
{
  VivShellWindowPrivate *private = private_of (self);

  g_return_if_fail (!private->page && page);
  private->page = page;
  gtk_widget_set_vexpand (page, TRUE);
  gtk_box_prepend (private->box, page);
}

static void
viv_shell_window_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_PAGE:
      g_value_set_object (value, private_of (object)->page);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_shell_window_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_PAGE:
      set_page (VIV_SHELL_WINDOW (object), g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_shell_window_dispose (GObject *object)
{
  private_of (object)->page = NULL;
  adw_application_window_set_content (ADW_APPLICATION_WINDOW (object), NULL);
  G_OBJECT_CLASS (viv_shell_window_parent_class)->dispose (object);
}

static void
viv_shell_window_class_init (VivShellWindowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = viv_shell_window_dispose;
  object_class->get_property = viv_shell_window_get_property;
  object_class->set_property = viv_shell_window_set_property;
  props[PROP_PAGE]
      = g_param_spec_object ("page", NULL, NULL, GTK_TYPE_WIDGET, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  gtk_widget_class_install_action (GTK_WIDGET_CLASS (klass), "win.fullscreen", NULL, action_fullscreen);
}

static void
viv_shell_window_init (VivShellWindow *self)
{
  VivShellWindowPrivate *private = private_of (self);

  private->box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_VERTICAL, 0));
  private->below = g_object_new (VIV_TYPE_MESSAGE_BAR, NULL);
  gtk_box_append (private->box, GTK_WIDGET (private->below));
  adw_application_window_set_content (ADW_APPLICATION_WINDOW (self),
                                      viv_message_bar_over (GTK_WIDGET (private->box), &private->over));
  gtk_widget_set_size_request (GTK_WIDGET (self), WIDTH_LEAST, HEIGHT_LEAST);
}
