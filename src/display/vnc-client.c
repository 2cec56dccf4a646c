/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen seen over VNC.  libvncclient waits on its socket, so it has a thread; the thread is left to itself when the client is
 * freed, and lets go of what is shared when it ends.  It ends soon, whatever it is at: looking up a name and connecting are cancelled, the
 * connection is shut down, and what has arrived already is no longer drawn.
 */
#define G_LOG_DOMAIN "viv-vnc-client"

#include "base/ready-source.h"
#include "display/vnc-address.h"
#include "display/vnc-client-private.h"

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
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_PORT       5900
#define CONNECT_SECONDS    15
#define READ_SECONDS       30
#define COMMANDS_MAX       4096
#define ENCODING_MOTION    (-257)
#define ENCODING_LED_STATE (-261)

static char client_tag;
static __thread char last_error[256];

/* -- Sharing -- */

static void
picture_clear (void *data)
{
  g_clear_pointer (&((VncPicture *)data)->fb.memory, g_bytes_unref);
}

void
vnc_picture_unref (VncPicture *picture)
{
  if (picture)
    g_atomic_rc_box_release_full (picture, picture_clear);
}

static void
event_free (void *data)
{
  VncClientEvent *event = data;

  g_free (event->text);
  vnc_picture_unref (event->picture);
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
  vnc_picture_unref (client->picture);
  vnc_picture_unref (client->drawn);
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

void
vnc_client_wake_main (VncClient *client)
{
  gint64 rested;

  g_mutex_lock (&client->lock);
  rested = client->rested;
  g_mutex_unlock (&client->lock);
  g_source_set_ready_time (client->mail_source, rested);
}

/* A connection that is only shut down still delivers what a server goes on sending: it is also reset.  (A UNIX socket can't be, and
 * needn't.) */
void
vnc_client_hang_up (int fd)
{
  const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

  shutdown (fd, SHUT_RDWR);
  if (connect (fd, &nowhere, sizeof nowhere) < 0)
    g_debug ("disconnect: %s", g_strerror (errno));
}

/* The newest of a kind wins: a server that sends more than the main loop takes fills no memory. */
void
vnc_client_post (VncClient *client, const VncClientEvent *event)
{
  g_mutex_lock (&client->lock);
  for (GList *l = client->mail.head; l != NULL; l = l->next)
    if (((VncClientEvent *)l->data)->type == event->type)
      {
        event_free (l->data);
        g_queue_delete_link (&client->mail, l);
        break;
      }
  g_queue_push_tail (&client->mail, g_memdup2 (event, sizeof *event));
  g_mutex_unlock (&client->lock);
  vnc_client_wake_main (client);
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
deliver (VncClient *client, VncClientEvent *event)
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
        VncPicture *old = client->picture;

        client->picture = g_steal_pointer (&event->picture);
        if (funcs->scanout)
          funcs->scanout (client->opaque, &client->picture->fb);
        vnc_picture_unref (old);
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
on_mail (gpointer data)
{
  VncClient *client = data;
  gint64 start = g_get_monotonic_time ();
  Damage damage = { 0 };
  GQueue mail;

  g_atomic_ref_count_inc (&client->refs); /* a callback may free it */
  g_mutex_lock (&client->lock);
  mail = client->mail;
  g_queue_init (&client->mail);
  damage = client->damage;
  damage_clear (&client->damage);
  g_mutex_unlock (&client->lock);
  while (!g_queue_is_empty (&mail))
    {
      VncClientEvent *event = g_queue_pop_head (&mail);

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

VncClient *
vnc_client_of (rfbClient *rfb)
{
  return rfbClientGetClientData (rfb, &client_tag);
}

static void
on_leds (rfbClient *rfb, int value, int pad)
{
  vnc_client_post (vnc_client_of (rfb), &(VncClientEvent){ .type = EVENT_LEDS, .leds = value & 7 });
}

static char *
on_password (rfbClient *rfb)
{
  VncClient *client = vnc_client_of (rfb);
  char *password = NULL;

  client->asked = TRUE;
  vnc_client_post (client, &(VncClientEvent){ .type = EVENT_PASSWORD });
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
  VncClient *client = vnc_client_of (rfb);
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
run_command (VncClient *client, const Command *command)
{
  switch (command->type)
    {
    case COMMAND_INPUT:
      return vnc_client_send_input (client, &command->input);
    case COMMAND_CLIPBOARD:
      return vnc_client_send_text (client, command->text);
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
    vnc_client_hang_up (client->alarm_fd);
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
  rfb->GotFillRect = vnc_client_on_fill;
  rfb->GotCopyRect = vnc_client_on_copy;
  rfb->GotBitmap = vnc_client_on_bitmap;
  rfb->readTimeout = READ_SECONDS;
  rfb->MallocFrameBuffer = vnc_client_on_malloc;
  rfb->GotFrameBufferUpdate = vnc_client_on_update;
  rfb->FinishedFrameBufferUpdate = vnc_client_on_update_end;
  rfb->GotCursorShape = vnc_client_on_cursor;
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
    return vnc_client_read_cut_text (client);
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
      vnc_client_post (client, &(VncClientEvent){ .type = EVENT_CONNECTED,
                                                  .text = g_utf8_make_valid (client->rfb->desktopName, -1) });
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
  vnc_client_post (client, &(VncClientEvent){ .type = EVENT_CLOSED, .error = error });
  client_unref (client);
  return NULL;
}

/* -- Public -- */

VncClient *
vnc_client_new (const char *address, const VncClientFuncs *funcs, void *opaque)
{
  VncClient *client = g_new0 (VncClient, 1);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_auto (VncAddress) parts = { 0 };

  g_atomic_ref_count_init (&client->refs);
  g_atomic_ref_count_inc (&client->refs); /* the thread's */
  client->funcs = *funcs;
  client->opaque = opaque;
  client->alarm_fd = -1;
  client->cancellable = g_cancellable_new ();
  client->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  /* What is no address is a host that nobody finds. */
  if (vnc_address_parse (address, DEFAULT_PORT, &parts))
    {
      client->host = g_strdup (parts.path != NULL ? parts.path : parts.host);
      client->port = parts.port;
    }
  else
    client->host = g_strdup (address);
  g_mutex_init (&client->lock);
  g_cond_init (&client->answered);
  g_queue_init (&client->mail);
  g_queue_init (&client->commands);
  client->mail_source = ready_source_new (context, DISPLAY_PRIORITY_VIEWER, "vnc mail", on_mail, client);
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
    vnc_client_hang_up (client->alarm_fd);
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
