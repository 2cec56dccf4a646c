/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The window on a screen over VNC, against our own server: addresses, the password, the picture, keys, pointer and clipboard.
 */
#include "ui/console/viv-display-picture.h"
#include "ui/console/viv-display-view.h"
#include "ui/app/viv-remote-window.h"

#include "../unit/vnc-local.h"

#include <glib/gstdio.h>
#include <string.h>

#define WIDTH    320
#define HEIGHT   200
#define COLOUR   0x204060u
#define PATIENCE (20 * G_USEC_PER_SEC)

typedef struct
{
  DisplayOutput *output;
  VncLocal local;
  VncServer *server;
  unsigned keys, buttons, moves;
  uint16_t last_key;
  char *clipboard;
} Server;

static void
on_refresh (void *opaque)
{
}

static void
on_watched (void *opaque, gboolean watched)
{
}

static void
on_server_input (void *opaque, const InputEvent *event)
{
  Server *server = opaque;

  switch (event->type)
    {
    case INPUT_EVENT_KEY:
      server->keys++;
      server->last_key = event->code;
      break;
    case INPUT_EVENT_BUTTON:
      server->buttons++;
      break;
    case INPUT_EVENT_ABSOLUTE:
      server->moves++;
      break;
    default:
      break;
    }
}

static void
on_server_clipboard (void *opaque, const char *text)
{
  Server *server = opaque;

  g_free (server->clipboard);
  server->clipboard = g_strdup (text);
}

static const DisplaySource source = { on_refresh, on_watched, NULL, NULL };
static const VncServerFuncs funcs = { on_server_input, on_server_clipboard };

static void
server_start (Server *server, const char *password)
{
  VncServerConfig config = { .password = password, .name = "A vase" };
  Framebuffer *fb;

  memset (server, 0, sizeof *server);
  server->output = display_output_new ("screen", &source, server);
  fb = display_output_surface (server->output, WIDTH, HEIGHT);
  for (unsigned y = 0; y < HEIGHT; y++)
    for (unsigned x = 0; x < WIDTH; x++)
      ((uint32_t *)(fb->pixels + y * fb->stride))[x] = COLOUR;
  display_output_set_scanout (server->output, fb);
  vnc_local_begin (&server->local, server->output, "127.0.0.1:0", &config, &funcs, server);
  server->server = server->local.server;
}

static void
server_stop (Server *server)
{
  vnc_local_end (&server->local);
  server->server = NULL;
  g_clear_pointer (&server->output, display_output_free);
  g_clear_pointer (&server->clipboard, g_free);
}

static void
settle (void)
{
  for (int i = 0; i < 20; i++)
    {
      while (g_main_context_pending (NULL))
        g_main_context_iteration (NULL, FALSE);
      g_usleep (5000);
    }
}

#define until(condition)                                  \
  G_STMT_START                                            \
  {                                                       \
    gint64 end = g_get_monotonic_time () + PATIENCE;      \
    while (!(condition) && g_get_monotonic_time () < end) \
      if (!g_main_context_iteration (NULL, FALSE))        \
        g_usleep (2000);                                  \
    g_assert_true (condition);                            \
  }                                                       \
  G_STMT_END

static GtkWidget *
find (GtkWidget *widget, GType type, const char *id)
{
  if (g_type_is_a (G_OBJECT_TYPE (widget), type)
      && (!id || g_strcmp0 (gtk_buildable_get_buildable_id (GTK_BUILDABLE (widget)), id) == 0))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find (child, type, id);

      if (found)
        return found;
    }
  return NULL;
}

static const char *
page (GtkWidget *window)
{
  GtkWidget *stack = find (window, GTK_TYPE_STACK, "stack");

  return gtk_stack_get_visible_child_name (GTK_STACK (stack));
}

static AdwMessageDialog *
dialog_of (GtkWidget *window)
{
  GListModel *toplevels = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (toplevels); i++)
    {
      g_autoptr (GtkWindow) toplevel = g_list_model_get_item (toplevels, i);

      if (ADW_IS_MESSAGE_DIALOG (toplevel) && gtk_window_get_transient_for (toplevel) == GTK_WINDOW (window))
        return ADW_MESSAGE_DIALOG (toplevel);
    }
  return NULL;
}

/* By a click, as a person does: the dialog then goes by itself. */
static gboolean
click (GtkWidget *widget, const char *label)
{
  if (GTK_IS_BUTTON (widget) && g_strcmp0 (gtk_button_get_label (GTK_BUTTON (widget)), label) == 0)
    {
      g_signal_emit_by_name (widget, "clicked");
      return TRUE;
    }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (click (child, label))
      return TRUE;
  return FALSE;
}

static void
answer (GtkWidget *window, const char *password)
{
  AdwMessageDialog *dialog;

  until (dialog_of (window) != NULL);
  dialog = dialog_of (window);
  settle ();
  if (password)
    gtk_editable_set_text (GTK_EDITABLE (adw_message_dialog_get_extra_child (dialog)), password);
  g_assert_true (click (GTK_WIDGET (dialog), password ? "_Connect" : "_Cancel"));
  until (dialog_of (window) == NULL);
}

static GtkWidget *
open_window (const char *address)
{
  g_autofree char *link = g_strdup_printf ("vnc://%s/", address);
  GtkWidget *window = viv_remote_window_new (NULL, link);

  gtk_window_present (GTK_WINDOW (window));
  return window;
}

static void
test_addresses (void)
{
  static const struct
  {
    const char *text, *address;
  } cases[] = {
    { "example.org", "example.org" },
    { "  example.org:5901 ", "example.org:5901" },
    { "vnc://example.org:5901", "example.org:5901" },
    { "VNC://example.org:5901/", "example.org:5901" },
    { "vnc://somebody@example.org/x?y#z", "example.org" },
    { "vnc://[::1]:5900", "[::1]:5900" },
    { "", NULL },
    { "vnc://", NULL },
    { ":5901", NULL },
    { "two words", NULL },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *address = viv_remote_parse_address (cases[i].text);

      g_assert_cmpstr (address, ==, cases[i].address);
    }
}

static void
test_screen (void)
{
  Server server;
  GtkWidget *window;
  VivDisplayView *view;
  VivDisplayPicture *picture;
  GdkClipboard *clipboard;

  server_start (&server, "glass");
  window = open_window (server.local.address);
  g_assert_cmpstr (page (window), ==, "connecting");
  answer (window, "glass");
  until (g_str_equal (page (window), "screen"));
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (window)), ==, "A vase");
  settle ();

  view = VIV_DISPLAY_VIEW (find (window, VIV_TYPE_DISPLAY_VIEW, NULL));
  picture = VIV_DISPLAY_PICTURE (find (window, VIV_TYPE_DISPLAY_PICTURE, NULL));
  until (viv_display_picture_get_transform (picture)->image_width == WIDTH);
  g_assert_cmpint (viv_display_picture_get_transform (picture)->image_height, ==, HEIGHT);

  g_signal_emit_by_name (view, "input", &(InputEvent){ .type = INPUT_EVENT_KEY, .code = KEY_A, .value = 1 });
  g_signal_emit_by_name (view, "input", &(InputEvent){ .type = INPUT_EVENT_KEY, .code = KEY_A, .value = 0 });
  until (server.keys >= 2);
  g_assert_cmpuint (server.last_key, ==, KEY_A);
  g_signal_emit_by_name (view, "input",
                         &(InputEvent){ .type = INPUT_EVENT_ABSOLUTE, .x = 16384, .y = 16384 });
  until (server.moves >= 1);
  gtk_widget_activate_action (window, "console.send-keys", "s", "ctrl-alt-delete");
  until (server.keys >= 8);

  /* Each way only when asked for. */
  clipboard = gtk_widget_get_clipboard (window);
  gdk_clipboard_set_text (clipboard, "to the guest");
  settle ();
  g_assert_null (server.clipboard);
  gtk_widget_activate_action (window, "remote.send-clipboard", NULL);
  until (g_strcmp0 (server.clipboard, "to the guest") == 0);
  vnc_server_send_clipboard (server.server, "from the guest");
  for (int i = 0; i < 5; i++)
    settle ();
  {
    GdkContentProvider *content = gdk_clipboard_get_content (clipboard);
    g_auto (GValue) value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_STRING);
    g_assert_true (gdk_content_provider_get_value (content, &value, NULL));
    g_assert_cmpstr (g_value_get_string (&value), ==, "to the guest");
    gtk_widget_activate_action (window, "remote.take-clipboard", NULL);
    content = gdk_clipboard_get_content (clipboard);
    g_value_reset (&value);
    g_assert_true (gdk_content_provider_get_value (content, &value, NULL));
    g_assert_cmpstr (g_value_get_string (&value), ==, "from the guest");
  }

  /* The server goes: the window says so and offers to try again. */
  server_stop (&server);
  until (g_str_equal (page (window), "closed"));
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
}

static void
test_password (void)
{
  Server server;
  GtkWidget *window;

  server_start (&server, "glass");
  window = open_window (server.local.address);
  answer (window, "wrong");
  until (g_str_equal (page (window), "closed"));
  settle ();
  gtk_widget_activate_action (window, "remote.reconnect", NULL);
  g_assert_cmpstr (page (window), ==, "connecting");
  answer (window, NULL);
  until (g_str_equal (page (window), "closed"));
  settle ();
  gtk_widget_activate_action (window, "remote.reconnect", NULL);
  answer (window, "glass");
  until (g_str_equal (page (window), "screen"));
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
  server_stop (&server);
}

/* Nobody listens: the page says where, and what to look for; not what a library calls its functions. */
static void
test_nobody (void)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", port);
  g_autofree char *number = g_strdup_printf ("%u", port);
  const char *text;
  GtkWidget *window;

  g_socket_listener_close (listener);
  window = open_window (address);
  until (g_str_equal (page (window), "closed"));
  text = adw_status_page_get_description (ADW_STATUS_PAGE (find (window, ADW_TYPE_STATUS_PAGE, "closed")));
  g_assert_nonnull (strstr (text, "127.0.0.1"));
  g_assert_nonnull (strstr (text, number));
  g_assert_nonnull (strstr (text, "Is the machine there on"));
  g_assert_null (strstr (text, "ConnectClient"));
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  g_test_add_func ("/screen/addresses", test_addresses);
  g_test_add_func ("/screen/screen", test_screen);
  g_test_add_func ("/screen/password", test_password);
  g_test_add_func ("/screen/nobody", test_nobody);
  return g_test_run ();
}
