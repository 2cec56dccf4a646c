/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen seen over VNC.  libvncclient waits on its socket, so it has a thread; the thread is left to itself when the client is
 * freed, and lets go of what is shared when it ends.  It ends soon, whatever it is at: looking up a name and connecting are cancelled, the
 * connection is shut down, and what has arrived already is no longer drawn.
 */
#define G_LOG_DOMAIN "viv-vnc-client"

#include "display/keymap.h"
#include "display/vnc-client.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gi18n.h>
#include <linux/input-event-codes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <rfb/rfbclient.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_PORT    5900
#define CONNECT_SECONDS 15
#define READ_SECONDS    30
#define MAX_PIXELS      (1 << 27)
#define MAX_CUT_TEXT    (1 << 20)
/* What a message may draw: so many times the screen.  A rectangle counts for some pixels more than it has. */
#define MAX_WORK           64
#define RECT_WORK          256
#define COMMANDS_MAX       4096
#define RELATIVE_ORIGIN    0x7fff
#define ENCODING_MOTION    (-257)
#define ENCODING_LED_STATE (-261)

/* Pixels that the thread writes and the main loop shows. */
typedef struct
{
  Framebuffer fb;
} Picture;

typedef enum
{
  EVENT_CONNECTED,
  EVENT_SCANOUT,
  EVENT_CURSOR,
  EVENT_CLIPBOARD,
  EVENT_LEDS,
  EVENT_PASSWORD,
  EVENT_CLOSED,
} EventType;

typedef struct
{
  EventType type;
  char *text;
  Picture *picture;
  DisplayCursor cursor;
  unsigned leds;
  GError *error;
} Event;

typedef enum
{
  COMMAND_INPUT,
  COMMAND_CLIPBOARD,
  COMMAND_RESIZE,
} CommandType;

typedef struct
{
  CommandType type;
  InputEvent input;
  char *text;
  uint32_t width, height;
} Command;

struct VncClient
{
  gatomicrefcount refs;
  VncClientFuncs funcs;
  void *opaque;
  char *host;
  int port;
  int wake_fd;
  GSource *mail_source; /* the main loop's */
  Picture *picture;     /* the main loop's */

  GMutex lock;
  GCond answered;
  gboolean freed, password_given;
  char *password;
  int alarm_fd;              /* a duplicate of the connection, to shut it down */
  GCancellable *cancellable; /* of the look-up, the connecting and the drawing */
  GQueue mail, commands;
  gint64 rested; /* the main loop's next turn is not before; µs */
  Damage damage;
  uint32_t width, height;

  /* The thread's. */
  rfbClient *rfb;
  Picture *drawn;
  gboolean too_big, too_much, gave_up, asked;
  uint64_t work; /* pixels of this message */
  GotFillRectProc fill;
  GotCopyRectProc copy;
  GotBitmapProc bitmap;
  gboolean relative;
  unsigned buttons;
  int x, y;
  gboolean shift[2];
  uint32_t pressed[KEY_CNT]; /* the keysym that a held key was pressed as */
};

typedef struct
{
  GSource source;
  VncClient *client;
} MailSource;

static char client_tag;
static __thread char last_error[256];

/* -- Sharing -- */

static Picture *
picture_new (uint32_t width, uint32_t height)
{
  Picture *picture = g_atomic_rc_box_new0 (Picture);

  picture->fb = (Framebuffer){ .width = width, .height = height, .stride = width * 4, .fd = -1 };
  picture->fb.pixels = g_try_malloc0 ((size_t)width * height * 4);
  return picture;
}

static void
picture_clear (void *data)
{
  g_free (((Picture *)data)->fb.pixels);
}

static void
picture_unref (Picture *picture)
{
  if (picture)
    g_atomic_rc_box_release_full (picture, picture_clear);
}

static void
event_free (void *data)
{
  Event *event = data;

  g_free (event->text);
  picture_unref (event->picture);
  g_free (event->cursor.pixels);
  g_clear_error (&event->error);
  g_free (event);
}

static void
command_free (void *data)
{
  g_free (((Command *)data)->text);
  g_free (data);
}

static void
client_unref (VncClient *client)
{
  if (!g_atomic_ref_count_dec (&client->refs))
    return;
  g_queue_clear_full (&client->mail, event_free);
  g_queue_clear_full (&client->commands, command_free);
  picture_unref (client->picture);
  picture_unref (client->drawn);
  if (client->password)
    explicit_bzero (client->password, strlen (client->password));
  g_free (client->password);
  g_free (client->host);
  g_object_unref (client->cancellable);
  if (client->wake_fd >= 0)
    close (client->wake_fd);
  g_source_unref (client->mail_source);
  g_mutex_clear (&client->lock);
  g_cond_clear (&client->answered);
  g_free (client);
}

static void
wake_main (VncClient *client)
{
  gint64 rested;

  g_mutex_lock (&client->lock);
  rested = client->rested;
  g_mutex_unlock (&client->lock);
  g_source_set_ready_time (client->mail_source, rested);
}

/* The newest of a kind wins: a server that sends more than the main loop takes fills no memory. */
static void
post (VncClient *client, const Event *event)
{
  g_mutex_lock (&client->lock);
  for (GList *l = client->mail.head; l != NULL; l = l->next)
    if (((Event *)l->data)->type == event->type)
      {
        event_free (l->data);
        g_queue_delete_link (&client->mail, l);
        break;
      }
  g_queue_push_tail (&client->mail, g_memdup2 (event, sizeof *event));
  g_mutex_unlock (&client->lock);
  wake_main (client);
}

/* A connection that is only shut down still delivers what a server goes on sending: it is also reset.  (A UNIX socket can't be, and
 * needn't.) */
static void
hang_up (int fd)
{
  const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

  shutdown (fd, SHUT_RDWR);
  if (connect (fd, &nowhere, sizeof nowhere) < 0)
    g_debug ("disconnect: %s", g_strerror (errno));
}

static gboolean
is_freed (VncClient *client)
{
  gboolean freed;

  g_mutex_lock (&client->lock);
  freed = client->freed;
  g_mutex_unlock (&client->lock);
  return freed;
}

/* -- The main loop -- */

static void
deliver (VncClient *client, Event *event)
{
  const VncClientFuncs *funcs = &client->funcs;

  switch (event->type)
    {
    case EVENT_CONNECTED:
      if (funcs->connected)
        funcs->connected (client->opaque, event->text);
      break;
    case EVENT_SCANOUT:
      {
        Picture *old = client->picture;

        client->picture = g_steal_pointer (&event->picture);
        if (funcs->scanout)
          funcs->scanout (client->opaque, &client->picture->fb);
        picture_unref (old);
        break;
      }
    case EVENT_CURSOR:
      if (funcs->cursor)
        funcs->cursor (client->opaque, &event->cursor);
      break;
    case EVENT_CLIPBOARD:
      if (funcs->clipboard)
        funcs->clipboard (client->opaque, event->text);
      break;
    case EVENT_LEDS:
      if (funcs->leds)
        funcs->leds (client->opaque, event->leds);
      break;
    case EVENT_PASSWORD:
      if (funcs->password)
        funcs->password (client->opaque);
      else
        vnc_client_password (client, NULL);
      break;
    case EVENT_CLOSED:
      if (funcs->closed)
        funcs->closed (client->opaque, event->error);
      break;
    }
}

static gboolean
mail_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  VncClient *client = ((MailSource *)source)->client;
  gint64 start = g_get_monotonic_time ();
  Damage damage = { 0 };
  GQueue mail;

  g_source_set_ready_time (source, -1);
  g_atomic_ref_count_inc (&client->refs); /* a callback may free it */
  g_mutex_lock (&client->lock);
  mail = client->mail;
  g_queue_init (&client->mail);
  damage = client->damage;
  damage_clear (&client->damage);
  g_mutex_unlock (&client->lock);
  while (!g_queue_is_empty (&mail))
    {
      Event *event = g_queue_pop_head (&mail);

      if (!client->freed)
        deliver (client, event);
      event_free (event);
    }
  if (damage.n > 0 && !client->freed && client->picture && client->funcs.damage)
    {
      Damage clipped = { 0 };

      for (unsigned i = 0; i < damage.n; i++)
        damage_add (&clipped, &damage.rect[i], client->picture->fb.width, client->picture->fb.height);
      if (clipped.n > 0)
        client->funcs.damage (client->opaque, &clipped);
    }
  /* As long a rest as the work has taken: nobody has the main loop to themselves. */
  g_mutex_lock (&client->lock);
  client->rested = 2 * g_get_monotonic_time () - start;
  g_mutex_unlock (&client->lock);
  client_unref (client);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs mail_funcs = { .dispatch = mail_dispatch };

/* -- libvncclient's callbacks, on the thread -- */

static void
on_log (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_logv (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, format, args);
  va_end (args);
}

static void
on_error (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (last_error, sizeof last_error, format, args);
  va_end (args);
  g_strchomp (last_error);
  g_debug ("%s", last_error);
}

static VncClient *
client_of (rfbClient *rfb)
{
  return rfbClientGetClientData (rfb, &client_tag);
}

/* FALSE: it isn't to be drawn.  libvncclient's decoders can't be stopped, but without drawing they only read what has arrived. */
static gboolean
may_draw (rfbClient *rfb, int width, int height)
{
  VncClient *client = client_of (rfb);

  if (client->too_much || g_cancellable_is_cancelled (client->cancellable))
    return FALSE;
  client->work += (uint64_t)MAX (width, 0) * MAX (height, 0) + RECT_WORK;
  if (client->work <= (uint64_t)MAX_WORK * MAX (rfb->width * rfb->height, 1 << 16))
    return TRUE;
  client->too_much = TRUE;
  hang_up (rfb->sock);
  return FALSE;
}

static void
on_fill (rfbClient *rfb, int x, int y, int width, int height, uint32_t colour)
{
  if (may_draw (rfb, width, height))
    client_of (rfb)->fill (rfb, x, y, width, height, colour);
}

static void
on_copy (rfbClient *rfb, int from_x, int from_y, int width, int height, int x, int y)
{
  if (may_draw (rfb, width, height))
    client_of (rfb)->copy (rfb, from_x, from_y, width, height, x, y);
}

static void
on_bitmap (rfbClient *rfb, const uint8_t *pixels, int x, int y, int width, int height)
{
  if (may_draw (rfb, width, height))
    client_of (rfb)->bitmap (rfb, pixels, x, y, width, height);
}

static rfbBool
on_malloc (rfbClient *rfb)
{
  VncClient *client = client_of (rfb);
  Picture *picture = NULL;

  /* A picture costs as much as drawing all of it. */
  if (client->drawn && !may_draw (rfb, rfb->width, rfb->height))
    {
      rfb->width = rfb->height = 0;
      return FALSE;
    }

  if (rfb->width > 0 && rfb->height > 0 && rfb->width <= DISPLAY_MAX_SIZE && rfb->height <= DISPLAY_MAX_SIZE
      && (int64_t)rfb->width * rfb->height <= MAX_PIXELS)
    picture = picture_new (rfb->width, rfb->height);
  if (picture == NULL || picture->fb.pixels == NULL)
    {
      /* Whatever follows must not find the old memory with the new size. */
      picture_unref (picture);
      client->too_big = TRUE;
      rfb->width = rfb->height = 0;
      return FALSE;
    }
  picture_unref (client->drawn);
  client->drawn = picture;
  rfb->frameBuffer = picture->fb.pixels;
  rfb->updateRect.x = rfb->updateRect.y = 0;
  rfb->updateRect.w = rfb->width;
  rfb->updateRect.h = rfb->height;
  g_mutex_lock (&client->lock);
  client->width = rfb->width;
  client->height = rfb->height;
  damage_clear (&client->damage);
  damage_add (&client->damage, &(DisplayRect){ 0, 0, rfb->width, rfb->height }, rfb->width, rfb->height);
  g_mutex_unlock (&client->lock);
  post (client, &(Event){ .type = EVENT_SCANOUT, .picture = g_atomic_rc_box_acquire (picture) });
  return TRUE;
}

static void
on_update (rfbClient *rfb, int x, int y, int width, int height)
{
  VncClient *client = client_of (rfb);

  g_mutex_lock (&client->lock);
  damage_add (&client->damage, &(DisplayRect){ x, y, width, height }, client->width, client->height);
  g_mutex_unlock (&client->lock);
}

static void
on_update_end (rfbClient *rfb)
{
  wake_main (client_of (rfb));
}

static void
on_cursor (rfbClient *rfb, int hot_x, int hot_y, int width, int height, int bytes_per_pixel)
{
  Event event = { .type = EVENT_CURSOR };
  gboolean visible = FALSE;

  if (bytes_per_pixel != 4 || width < 0 || height < 0 || width > DISPLAY_MAX_CURSOR
      || height > DISPLAY_MAX_CURSOR)
    goto out;
  if (width > 0 && height > 0 && rfb->rcSource && rfb->rcMask)
    {
      event.cursor.width = width;
      event.cursor.height = height;
      event.cursor.hot_x = CLAMP (hot_x, 0, width - 1);
      event.cursor.hot_y = CLAMP (hot_y, 0, height - 1);
      event.cursor.pixels = g_new0 (uint32_t, (gsize)width * height);
      for (int i = 0; i < width * height; i++)
        if (rfb->rcMask[i])
          {
            uint32_t pixel;

            memcpy (&pixel, rfb->rcSource + 4 * i, 4);
            event.cursor.pixels[i] = 0xff000000 | pixel;
            visible = TRUE;
          }
    }
  event.cursor.visible = visible;
  post (client_of (rfb), &event);
out:
  /* libvncclient leaves them, and forgets the mask when the next one comes. */
  g_clear_pointer (&rfb->rcSource, free);
  g_clear_pointer (&rfb->rcMask, free);
}

static void
on_cut_text (rfbClient *rfb, const char *text, int len)
{
  Event event = { .type = EVENT_CLIPBOARD };

  if (len <= 0)
    return;
  event.text = g_convert (text, len, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
  if (event.text)
    post (client_of (rfb), &event);
}

static void
on_leds (rfbClient *rfb, int value, int pad)
{
  post (client_of (rfb), &(Event){ .type = EVENT_LEDS, .leds = value & 7 });
}

static char *
on_password (rfbClient *rfb)
{
  VncClient *client = client_of (rfb);
  char *password = NULL;

  client->asked = TRUE;
  post (client, &(Event){ .type = EVENT_PASSWORD });
  g_mutex_lock (&client->lock);
  while (!client->freed && !client->password_given)
    g_cond_wait (&client->answered, &client->lock);
  if (client->password && !client->freed)
    password = strdup (client->password); /* libvncclient frees it with free() */
  client->password_given = FALSE;
  g_mutex_unlock (&client->lock);
  if (password == NULL)
    client->gave_up = TRUE;
  return password;
}

/* -- QEMU's pseudo-encodings that libvncclient doesn't know -- */

static int extension_encodings[] = { ENCODING_MOTION, ENCODING_LED_STATE, 0 };

static rfbBool
on_encoding (rfbClient *rfb, rfbFramebufferUpdateRectHeader *rect)
{
  VncClient *client = client_of (rfb);
  uint8_t leds;

  if (client == NULL)
    return FALSE;
  switch ((int32_t)rect->encoding)
    {
    case ENCODING_MOTION:
      client->relative = rect->r.x == 0;
      return TRUE;
    case ENCODING_LED_STATE:
      if (!ReadFromRFBServer (rfb, (char *)&leds, 1))
        return FALSE;
      on_leds (rfb, leds, 0);
      return TRUE;
    default:
      return FALSE;
    }
}

static rfbClientProtocolExtension extension = {
  .encodings = extension_encodings,
  .handleEncoding = on_encoding,
};

/* -- Commands -- */

static gboolean
send_key (VncClient *client, const InputEvent *event)
{
  gboolean down = event->value != 0;
  uint32_t keysym;

  if (event->code >= KEY_CNT)
    return TRUE;
  if (event->code == KEY_LEFTSHIFT || event->code == KEY_RIGHTSHIFT)
    client->shift[event->code == KEY_RIGHTSHIFT] = down;
  /* A key goes up as what it went down as, whatever Shift did in between. */
  keysym = client->pressed[event->code];
  if (keysym == 0 || down)
    keysym = keymap_evdev_to_keysym (event->code, client->shift[0] || client->shift[1]);
  client->pressed[event->code] = down ? keysym : 0;
  if (keymap_evdev_to_qnum (event->code)
      && SendExtendedKeyEvent (client->rfb, keysym, keymap_evdev_to_qnum (event->code), down))
    return TRUE;
  return keysym == 0 || SendKeyEvent (client->rfb, keysym, down);
}

static gboolean
send_pointer (VncClient *client, unsigned buttons)
{
  if (client->relative)
    return SendPointerEvent (client->rfb, RELATIVE_ORIGIN, RELATIVE_ORIGIN, buttons);
  return SendPointerEvent (client->rfb, client->x, client->y, buttons);
}

static gboolean
send_wheel (VncClient *client, int clicks, unsigned back, unsigned forth)
{
  unsigned button = clicks < 0 ? back : forth;

  for (int i = MIN (ABS (clicks), 20); i > 0; i--)
    if (!send_pointer (client, client->buttons | button) || !send_pointer (client, client->buttons))
      return FALSE;
  return TRUE;
}

static gboolean
send_input (VncClient *client, const InputEvent *event)
{
  static const struct
  {
    uint16_t code;
    unsigned mask;
  } buttons[] = { { BTN_LEFT, 1 }, { BTN_MIDDLE, 2 }, { BTN_RIGHT, 4 }, { BTN_SIDE, 0x80 } };
  int width = client->drawn->fb.width, height = client->drawn->fb.height;

  switch (event->type)
    {
    case INPUT_EVENT_KEY:
      return send_key (client, event);
    case INPUT_EVENT_BUTTON:
      for (unsigned i = 0; i < G_N_ELEMENTS (buttons); i++)
        if (buttons[i].code == event->code)
          client->buttons
              = event->value ? client->buttons | buttons[i].mask : client->buttons & ~buttons[i].mask;
      return send_pointer (client, client->buttons);
    case INPUT_EVENT_ABSOLUTE:
      client->x = ((int64_t)CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX) * (width - 1) + INPUT_ABSOLUTE_MAX / 2)
                  / INPUT_ABSOLUTE_MAX;
      client->y = ((int64_t)CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX) * (height - 1) + INPUT_ABSOLUTE_MAX / 2)
                  / INPUT_ABSOLUTE_MAX;
      return client->relative || send_pointer (client, client->buttons);
    case INPUT_EVENT_RELATIVE:
      if (client->relative)
        return SendPointerEvent (
            client->rfb, RELATIVE_ORIGIN + CLAMP (event->x, -RELATIVE_ORIGIN, RELATIVE_ORIGIN),
            RELATIVE_ORIGIN + CLAMP (event->y, -RELATIVE_ORIGIN, RELATIVE_ORIGIN), client->buttons);
      client->x = CLAMP ((int64_t)client->x + event->x, 0, width - 1);
      client->y = CLAMP ((int64_t)client->y + event->y, 0, height - 1);
      return send_pointer (client, client->buttons);
    case INPUT_EVENT_WHEEL:
      return send_wheel (client, event->y, 1 << 3, 1 << 4) && send_wheel (client, event->x, 1 << 5, 1 << 6);
    default:
      return TRUE;
    }
}

static gboolean
run_command (VncClient *client, const Command *command)
{
  switch (command->type)
    {
    case COMMAND_INPUT:
      return send_input (client, &command->input);
    case COMMAND_CLIPBOARD:
      {
        gsize len;
        g_autofree char *latin1
            = g_convert_with_fallback (command->text, -1, "ISO-8859-1", "UTF-8", "?", NULL, &len, NULL);

        if (len > MAX_CUT_TEXT)
          g_message ("%s gets the clipboard cut to 1 MiB",
                     client->host); /* more would end the connection at many servers */
        return latin1 == NULL || SendClientCutText (client->rfb, latin1, MIN (len, MAX_CUT_TEXT));
      }
    case COMMAND_RESIZE:
      return SendExtDesktopSize (client->rfb, command->width, command->height);
    default:
      return TRUE;
    }
}

static gboolean
run_commands (VncClient *client)
{
  gboolean ok = TRUE;
  GQueue commands;

  g_mutex_lock (&client->lock);
  commands = client->commands;
  g_queue_init (&client->commands);
  g_mutex_unlock (&client->lock);
  while (ok && !g_queue_is_empty (&commands))
    {
      Command *command = g_queue_pop_head (&commands);

      ok = run_command (client, command);
      command_free (command);
    }
  g_queue_clear_full (&commands, command_free);
  return ok;
}

/* -- The thread -- */

/* A connected socket of our own; -1 on error.  libvncclient's own look-up and connect can't be cancelled. */
static int
dial (VncClient *client, GError **error)
{
  g_autoptr (GSocketClient) dialer = g_socket_client_new ();
  g_autoptr (GSocketConnectable) where = NULL;
  g_autoptr (GSocketConnection) connection = NULL;
  int fd, one = 1;

  if (client->host[0] == '/')
    where = G_SOCKET_CONNECTABLE (g_unix_socket_address_new (client->host));
  else
    where = g_network_address_new (client->host, client->port);
  g_socket_client_set_enable_proxy (dialer, FALSE);
  g_socket_client_set_timeout (dialer, CONNECT_SECONDS);
  connection = g_socket_client_connect (dialer, where, client->cancellable, error);
  if (connection == NULL)
    return -1;
  fd = fcntl (g_socket_get_fd (g_socket_connection_get_socket (connection)), F_DUPFD_CLOEXEC, 0);
  /* libvncclient uses select(), whose sets end at FD_SETSIZE. */
  if (fd < 0 || fd >= FD_SETSIZE)
    {
      if (fd >= 0)
        close (fd);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES, _ ("too many open files"));
      return -1;
    }
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl (fd, F_SETFL, O_NONBLOCK);
  g_mutex_lock (&client->lock);
  client->alarm_fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (client->freed && client->alarm_fd >= 0)
    hang_up (client->alarm_fd);
  g_mutex_unlock (&client->lock);
  return fd;
}

static gboolean
connect_server (VncClient *client, GError **error)
{
  static const uint32_t schemes[] = { rfbVncAuth, rfbNoAuth };
  static gsize once;
  rfbClient *rfb;
  g_autoptr (GError) local = NULL;
  int fd;

  if (g_once_init_enter (&once))
    {
      rfbClientLog = on_log;
      rfbClientErr = on_error;
      rfbClientRegisterExtension (&extension);
      g_once_init_leave (&once, 1);
    }
  last_error[0] = 0;
  fd = dial (client, &local);
  if (fd < 0)
    {
      if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED)
          || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        g_set_error (
            error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
            _ ("nobody answers at %s, port %d. Is the machine there on, and is its screen shared at this "
               "port?"),
            client->host, client->port);
      else
        g_set_error (error, G_IO_ERROR,
                     g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED)
                         ? G_IO_ERROR_CANCELLED
                         : G_IO_ERROR_CONNECTION_REFUSED,
                     _ ("cannot connect to %s: %s"), client->host, local->message);
      return FALSE;
    }
  rfb = rfbGetClient (8, 3, 4);
  rfbClientSetClientData (rfb, &client_tag, client);
  rfb->format.redShift = 16;
  rfb->format.greenShift = 8;
  rfb->format.blueShift = 0;
  rfb->format.depth = 24;
  rfb->format.bigEndian = G_BYTE_ORDER == G_BIG_ENDIAN;
  rfb->appData.encodingsString = "tight zrle copyrect hextile zlib corre rre raw";
  rfb->appData.enableJPEG = FALSE; /* text in lossy pictures is hard to read */
  rfb->appData.compressLevel = 1;
  rfb->appData.useRemoteCursor = TRUE;
  rfb->appData.shareDesktop = TRUE;
  rfb->canHandleNewFBSize = TRUE;
  client->fill = rfb->GotFillRect;
  client->copy = rfb->GotCopyRect;
  client->bitmap = rfb->GotBitmap;
  rfb->GotFillRect = on_fill;
  rfb->GotCopyRect = on_copy;
  rfb->GotBitmap = on_bitmap;
  rfb->readTimeout = READ_SECONDS;
  rfb->MallocFrameBuffer = on_malloc;
  rfb->GotFrameBufferUpdate = on_update;
  rfb->FinishedFrameBufferUpdate = on_update_end;
  rfb->GotCursorShape = on_cursor;
  rfb->GotXCutText = on_cut_text;
  rfb->HandleKeyboardLedState = on_leds;
  rfb->GetPassword = on_password;
  SetClientAuthSchemes (rfb, schemes, G_N_ELEMENTS (schemes));
  free (rfb->serverHost);
  rfb->serverHost = strdup (client->host);
  rfb->serverPort = client->port;
  rfb->listenSpecified = TRUE; /* "there is a connection already" */
  rfb->sock = fd;
  client->rfb = rfb;
  if (rfbInitClient (rfb, NULL, NULL))
    return TRUE;
  client->rfb = NULL; /* freed */
  if (client->gave_up)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("no password was given"));
  else if (client->asked)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, _ ("%s did not accept the password"),
                 client->host);
  else if (client->too_big)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("the screen of %s has an impossible size"),
                 client->host);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("the screen of %s, port %d, can't be shown: %s"),
                 client->host, client->port, last_error[0] ? last_error : _ ("no VNC server answers there"));
  return FALSE;
}

/* ServerCutText, whose length libvncclient takes as a reason to hang up: kept as far as it is reasonable, and the rest read. */
static gboolean
read_cut_text (VncClient *client)
{
  rfbClient *rfb = client->rfb;
  rfbServerCutTextMsg message;
  g_autofree char *text = NULL;
  char rest[16384];
  uint32_t length, kept;

  if (!ReadFromRFBServer (rfb, (char *)&message, sz_rfbServerCutTextMsg))
    return FALSE;
  length = GUINT32_FROM_BE (message.length);
  kept = MIN (length, MAX_CUT_TEXT);
  text = g_malloc (kept + 1);
  if (kept > 0 && !ReadFromRFBServer (rfb, text, kept))
    return FALSE;
  if (length > kept)
    g_message ("the clipboard of %s, of %u bytes, was cut to 1 MiB", client->host, length);
  for (length -= kept; length > 0;)
    {
      uint32_t n = MIN (length, sizeof rest);

      if (g_cancellable_is_cancelled (client->cancellable) || !ReadFromRFBServer (rfb, rest, n))
        return FALSE;
      length -= n;
    }
  on_cut_text (rfb, text, kept);
  return TRUE;
}

static gboolean
handle_message (VncClient *client)
{
  rfbClient *rfb = client->rfb;
  uint8_t type;
  ssize_t n = 1;

  client->work = 0;
  if (rfb->buffered > 0)
    type = *rfb->bufoutptr;
  else
    n = recv (rfb->sock, &type, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  if (n == 0) /* the server has gone; errno says nothing here */
    return FALSE;
  if (type == rfbServerCutText)
    return read_cut_text (client);
  return HandleRFBServerMessage (rfb) && !client->too_much;
}

static void
serve (VncClient *client)
{
  rfbClient *rfb = client->rfb;

  while (!is_freed (client) && !client->too_big)
    {
      struct pollfd fds[] = { { rfb->sock, POLLIN, 0 }, { client->wake_fd, POLLIN, 0 } };
      uint64_t count;

      if (!run_commands (client))
        return;
      if (rfb->buffered == 0)
        {
          if (poll (fds, 2, -1) < 0 && errno != EINTR)
            return;
          if (fds[1].revents && read (client->wake_fd, &count, sizeof count) < 0)
            g_debug ("eventfd: %s", g_strerror (errno));
          if (fds[0].revents == 0)
            continue;
        }
      if (!handle_message (client))
        return;
    }
}

static void *
run (void *data)
{
  VncClient *client = data;
  GError *error = NULL;
  sigset_t pipe;

  sigemptyset (&pipe);
  sigaddset (&pipe, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &pipe, NULL);
  if (connect_server (client, &error))
    {
      post (client,
            &(Event){ .type = EVENT_CONNECTED, .text = g_utf8_make_valid (client->rfb->desktopName, -1) });
      serve (client);
      client->rfb->frameBuffer = NULL; /* ours */
      rfbClientCleanup (client->rfb);
      client->rfb = NULL;
      if (client->too_big)
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     _ ("the screen of %s took an impossible size"), client->host);
      else if (client->too_much)
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     _ ("%s draws without end: the connection was closed"), client->host);
      else
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, _ ("%s closed the connection"),
                     client->host);
    }
  g_mutex_lock (&client->lock);
  if (client->alarm_fd >= 0)
    close (client->alarm_fd);
  client->alarm_fd = -1;
  g_mutex_unlock (&client->lock);
  post (client, &(Event){ .type = EVENT_CLOSED, .error = error });
  client_unref (client);
  return NULL;
}

/* -- Public -- */

static void
parse_address (VncClient *client, const char *address)
{
  const char *colon = strrchr (address, ':');
  guint64 port;

  client->port = DEFAULT_PORT;
  if (g_str_has_prefix (address, "unix:"))
    {
      client->host = g_strdup (address + 5);
      return;
    }
  if (colon && (colon[-(colon > address)] == ']' || strchr (address, ':') == colon)
      && g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
    {
      client->port = port;
      client->host = g_strndup (address, colon - address);
    }
  else
    client->host = g_strdup (address);
  if (client->host[0] == '[' && g_str_has_suffix (client->host, "]"))
    {
      char *inner = g_strndup (client->host + 1, strlen (client->host) - 2);

      g_free (client->host);
      client->host = inner;
    }
}

VncClient *
vnc_client_new (const char *address, const VncClientFuncs *funcs, void *opaque)
{
  VncClient *client = g_new0 (VncClient, 1);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  g_atomic_ref_count_init (&client->refs);
  g_atomic_ref_count_inc (&client->refs); /* the thread's */
  client->funcs = *funcs;
  client->opaque = opaque;
  client->alarm_fd = -1;
  client->cancellable = g_cancellable_new ();
  client->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  parse_address (client, address);
  g_mutex_init (&client->lock);
  g_cond_init (&client->answered);
  g_queue_init (&client->mail);
  g_queue_init (&client->commands);
  client->mail_source = g_source_new (&mail_funcs, sizeof (MailSource));
  ((MailSource *)client->mail_source)->client = client;
  g_source_set_priority (client->mail_source, DISPLAY_PRIORITY_VIEWER);
  g_source_set_ready_time (client->mail_source, -1);
  g_source_attach (client->mail_source, context);
  g_thread_unref (g_thread_new ("vnc", run, client));
  return client;
}

static void
wake (VncClient *client)
{
  uint64_t one = 1;

  if (write (client->wake_fd, &one, sizeof one) < 0)
    g_debug ("eventfd: %s", g_strerror (errno));
}

void
vnc_client_free (VncClient *client)
{
  if (client == NULL)
    return;
  g_mutex_lock (&client->lock);
  client->freed = TRUE;
  g_cond_broadcast (&client->answered);
  if (client->alarm_fd >= 0)
    hang_up (client->alarm_fd);
  g_mutex_unlock (&client->lock);
  g_cancellable_cancel (client->cancellable);
  wake (client);
  g_source_destroy (client->mail_source);
  client_unref (client);
}

void
vnc_client_password (VncClient *client, const char *password)
{
  g_mutex_lock (&client->lock);
  if (client->password)
    explicit_bzero (client->password, strlen (client->password));
  g_free (client->password);
  client->password = g_strdup (password);
  client->password_given = TRUE;
  g_cond_broadcast (&client->answered);
  g_mutex_unlock (&client->lock);
}

static void
command (VncClient *client, const Command *command)
{
  g_mutex_lock (&client->lock);
  if (client->commands.length < COMMANDS_MAX)
    g_queue_push_tail (&client->commands, g_memdup2 (command, sizeof *command));
  else
    g_free (command->text);
  g_mutex_unlock (&client->lock);
  wake (client);
}

void
vnc_client_input (VncClient *client, const InputEvent *event)
{
  Command *last;
  gboolean merged = FALSE;

  if (event->type == INPUT_EVENT_ABSOLUTE)
    {
      /* A server that reads slowly gets the newest position, not all. */
      g_mutex_lock (&client->lock);
      last = g_queue_peek_tail (&client->commands);
      merged = last && last->type == COMMAND_INPUT && last->input.type == INPUT_EVENT_ABSOLUTE;
      if (merged)
        last->input = *event;
      g_mutex_unlock (&client->lock);
    }
  if (!merged)
    command (client, &(Command){ .type = COMMAND_INPUT, .input = *event });
}

void
vnc_client_clipboard (VncClient *client, const char *text)
{
  command (client, &(Command){ .type = COMMAND_CLIPBOARD, .text = g_strdup (text) });
}

void
vnc_client_resize (VncClient *client, uint32_t width, uint32_t height)
{
  if (width > 0 && height > 0 && width <= DISPLAY_MAX_SIZE && height <= DISPLAY_MAX_SIZE)
    command (client, &(Command){ .type = COMMAND_RESIZE, .width = width, .height = height });
}

const Framebuffer *
vnc_client_framebuffer (VncClient *client)
{
  return client->picture ? &client->picture->fb : NULL;
}
