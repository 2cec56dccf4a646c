/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What stands between a monitor's socket and GDBus.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/monitor-guard.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY "viv-monitor-guard"

#define HEADER        16 /* D-Bus 0.38, "Message Format": as much as says how long a message is */
#define MOST_LINE     1024
#define OUR_FDS       16
#define OUR_BYTES     (128 * 1024 * 1024) /* D-Bus has no more in a message */
#define STUCK_US      G_USEC_PER_SEC
#define LAST_WORDS_MS 5000
#define STEPS         64 /* in one go, before others have their turn */
#define METHOD_CALL   1
#define LAST_TYPE     4 /* a signal */

typedef struct Guard Guard;

/* One of the two ways. */
typedef struct
{
  Guard *guard;
  int from, to;
  gboolean theirs; /* the monitor's: what it says is checked */
  gboolean text;   /* lines, before the first message */
  gboolean sending;
  GByteArray *data;
  gsize want, sent; /* `want`: bytes until the next look */
  int fds[OUR_FDS];
  unsigned n_fds;
  GSource *source; /* what it waits for; NULL: it is running, or over */
} Way;

struct Guard
{
  gatomicrefcount refs;
  GSocketConnection *monitor;
  int ours;
  Way in, out; /* from the monitor, and to it */
  /* Of the thread. */
  unsigned owed; /* lines of ours that have no answer yet */
  gboolean over;
  double messages, bytes; /* that may come now; negative: not yet */
  gint64 filled;          /* when they were counted last, µs */
  /* Of all. */
  GMutex lock;
  const char *complaint; /* untranslated; static */
  gint64 stuck;          /* since when, µs; 0: it isn't */
};

static GMainContext *context; /* the thread's */

/* -- Its life -- */

static void
close_fds (Way *way)
{
  while (way->n_fds > 0)
    close (way->fds[--way->n_fds]);
}

static void
way_clear (Way *way)
{
  close_fds (way);
  g_byte_array_unref (way->data);
}

static void
guard_unref (gpointer data)
{
  Guard *guard = data;

  if (!g_atomic_ref_count_dec (&guard->refs))
    return;
  way_clear (&guard->in);
  way_clear (&guard->out);
  close (guard->ours);
  g_object_unref (guard->monitor);
  g_mutex_clear (&guard->lock);
  g_free (guard);
}

static void
drop_source (Way *way)
{
  if (way->source != NULL)
    g_source_destroy (way->source);
  g_clear_pointer (&way->source, g_source_unref);
}

/* `complaint` NULL: one of the two has gone. */
static void
end (Guard *guard, const char *complaint)
{
  if (guard->over)
    return;
  guard->over = TRUE;
  g_mutex_lock (&guard->lock);
  guard->complaint = complaint;
  guard->stuck = 0;
  g_mutex_unlock (&guard->lock);
  if (complaint != NULL)
    g_info ("A monitor's connection is ended: %s", complaint);
  drop_source (&guard->in);
  drop_source (&guard->out);
  /* Whoever else has these descriptors, nothing goes through them any more. */
  shutdown (guard->ours, SHUT_RDWR);
  shutdown (g_socket_get_fd (g_socket_connection_get_socket (guard->monitor)), SHUT_RDWR);
  guard_unref (guard); /* the thread's */
}

/* -- What a message is -- */

static guint32
word_at (const Way *way, gsize at)
{
  guint32 word;

  memcpy (&word, way->data->data + at, sizeof word);
  return word;
}

/* How long the message is whose header has come; 0: it is none. */
static gsize
message_length (const Way *way)
{
  const char native = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B';
  guint64 length = HEADER + ((guint64)word_at (way, 12) + 7) / 8 * 8 + word_at (way, 4);

  if (way->data->data[0] != native || length > OUR_BYTES)
    return 0;
  return (gsize)length;
}

static const char *
wrong_with_header (const Way *way, gsize length)
{
  guint8 type = way->data->data[1];

  if (length == 0 || type <= METHOD_CALL || type > LAST_TYPE)
    return N_ ("it sent what is no answer");
  if (length > VIV_GUARD_MOST_BYTES)
    return N_ ("it sent a message that is too large");
  return NULL;
}

static void
begin_message (Way *way)
{
  g_byte_array_set_size (way->data, 0);
  way->sent = 0;
  way->sending = FALSE;
  way->want = way->text ? 1 : HEADER;
}

static void
begin_messages (Guard *guard)
{
  guard->in.text = guard->out.text = FALSE;
  begin_message (&guard->in);
}

/* -- How much may come -- */

static void
fill (Guard *guard)
{
  gint64 now = g_get_monotonic_time ();
  double seconds = (double)(now - guard->filled) / G_USEC_PER_SEC;

  guard->filled = now;
  guard->messages = MIN (guard->messages + seconds * VIV_GUARD_RATE, VIV_GUARD_BURST);
  guard->bytes = MIN (guard->bytes + seconds * VIV_GUARD_BYTE_RATE, VIV_GUARD_BYTE_BURST);
}

/* Until the next message may come, in ms; 0: now. */
static guint
rest (Guard *guard)
{
  fill (guard);
  double seconds = MAX (-guard->messages / VIV_GUARD_RATE, -guard->bytes / VIV_GUARD_BYTE_RATE);
  return seconds > 0 ? (guint)(seconds * 1000) + 1 : 0;
}

/* -- Reading -- */

typedef enum
{
  WAIT, /* for what `source` says, or for the other way */
  GO_ON,
  OVER
} Step;

static void
note_stuck (Guard *guard, gboolean stuck)
{
  g_mutex_lock (&guard->lock);
  if (!stuck)
    guard->stuck = 0;
  else if (guard->stuck == 0)
    guard->stuck = g_get_monotonic_time ();
  g_mutex_unlock (&guard->lock);
}

static void take_turns (Way *way);

static gboolean
on_ready (int fd, GIOCondition condition, gpointer data)
{
  Way *way = data;

  drop_source (way);
  take_turns (way);
  return G_SOURCE_REMOVE;
}

static gboolean
on_hung_up (int fd, GIOCondition condition, gpointer data)
{
  end (((Way *)data)->guard, NULL);
  return G_SOURCE_REMOVE;
}

static gboolean
on_rested (gpointer data)
{
  return on_ready (-1, 0, data);
}

static Step
wait_on (Way *way, GSource *source, GSourceFunc func)
{
  way->source = source;
  g_source_set_callback (source, func, way, NULL);
  g_source_attach (source, context);
  return WAIT;
}

static Step
wait_for (Way *way, int fd, GIOCondition condition)
{
  return wait_on (way, g_unix_fd_source_new (fd, condition), G_SOURCE_FUNC (on_ready));
}

/* FALSE: more came than there may be. */
static gboolean
take_fds (Way *way, struct msghdr *message)
{
  unsigned most = way->theirs ? VIV_GUARD_MOST_FDS : OUR_FDS;
  gboolean fit = (message->msg_flags & MSG_CTRUNC) == 0;

  for (struct cmsghdr *part = CMSG_FIRSTHDR (message); part != NULL; part = CMSG_NXTHDR (message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
      for (gsize at = 0; at + sizeof (int) <= part->cmsg_len - CMSG_LEN (0); at += sizeof (int))
        {
          int fd;

          memcpy (&fd, CMSG_DATA (part) + at, sizeof fd);
          if (way->n_fds < most)
            way->fds[way->n_fds++] = fd;
          else
            {
              close (fd);
              fit = FALSE;
            }
        }
  return fit;
}

/* Never more than the message has left: the descriptors that come are its own. */
static Step
read_some (Way *way)
{
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * OUR_FDS)];
  } control;
  gsize have = way->data->len;

  g_byte_array_set_size (way->data, (guint)way->want);
  struct iovec bytes = { way->data->data + have, way->want - have };
  struct msghdr message = {
    .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control
  };
  ssize_t n;
  do
    n = recvmsg (way->from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  int code = errno;
  g_byte_array_set_size (way->data, (guint)(have + MAX (n, 0)));
  if (n < 0 && code == EAGAIN)
    return wait_for (way, way->from, G_IO_IN | G_IO_HUP | G_IO_ERR);
  if (n <= 0)
    {
      end (way->guard, NULL);
      return OVER;
    }
  if (!take_fds (way, &message))
    {
      end (way->guard, N_ ("it sent too many descriptors"));
      return OVER;
    }
  return GO_ON;
}

/* What has come is all that was wanted. */
static Step
look_at_text (Way *way)
{
  Guard *guard = way->guard;
  gsize length = way->data->len;

  if (length == MOST_LINE || way->n_fds > 0)
    {
      end (guard, way->theirs ? N_ ("it sent what is no greeting") : NULL);
      return OVER;
    }
  if (way->data->data[length - 1] != '\n')
    {
      way->want = length + 1;
      return GO_ON;
    }
  way->sending = TRUE;
  if (way->theirs)
    guard->owed--;
  else if (g_str_has_prefix ((const char *)way->data->data, "BEGIN\r"))
    begin_messages (guard);
  else
    guard->owed++;
  return GO_ON;
}

static Step
look_at_message (Way *way)
{
  if (way->want == HEADER)
    {
      gsize length = message_length (way);
      const char *wrong = way->theirs ? wrong_with_header (way, length) : NULL;

      if (wrong != NULL || length == 0)
        {
          end (way->guard, wrong);
          return OVER;
        }
      if (length > HEADER)
        {
          way->want = length;
          return GO_ON;
        }
    }
  if (way->theirs)
    {
      way->guard->messages -= 1;
      way->guard->bytes -= (double)way->data->len;
    }
  way->sending = TRUE;
  return GO_ON;
}

static Step
read_on (Way *way)
{
  Guard *guard = way->guard;

  if (way->theirs && way->text && guard->owed == 0)
    /* Only that it has gone is of interest. */
    return wait_on (way, g_unix_fd_source_new (way->from, G_IO_HUP | G_IO_ERR), G_SOURCE_FUNC (on_hung_up));
  if (way->theirs && !way->text && way->data->len == 0)
    {
      guint ms = rest (guard);
      if (ms > 0)
        return wait_on (way, g_timeout_source_new (ms), on_rested);
    }
  Step step = read_some (way);
  if (step != GO_ON || way->data->len < way->want)
    return step;
  return way->text ? look_at_text (way) : look_at_message (way);
}

/* -- Writing -- */

/* With the first byte goes who we are: the monitor may ask the socket for it later than we send. */
static gsize
add_control (Way *way, struct msghdr *message, char *space)
{
  gboolean greeting = !way->theirs && way->text && way->data->data[0] == '\0';
  const struct ucred us = { .pid = getpid (), .uid = geteuid (), .gid = getegid () };
  gsize size = greeting ? sizeof us : way->n_fds * sizeof (int);

  if (size == 0 || way->sent > 0)
    return way->data->len - way->sent;
  message->msg_control = space;
  message->msg_controllen = CMSG_SPACE (size);
  struct cmsghdr *part = CMSG_FIRSTHDR (message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = greeting ? SCM_CREDENTIALS : SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN (size);
  memcpy (CMSG_DATA (part), greeting ? (const void *)&us : (const void *)way->fds, size);
  return greeting ? 1 : way->data->len;
}

static Step
write_on (Way *way)
{
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * OUR_FDS)];
  } control = { 0 };
  struct msghdr message = { .msg_iovlen = 1 };
  struct iovec bytes = { way->data->data + way->sent, 0 };
  ssize_t n;

  G_STATIC_ASSERT (sizeof (struct ucred) <= sizeof (int) * OUR_FDS);
  message.msg_iov = &bytes;
  bytes.iov_len = add_control (way, &message, control.space);
  do
    n = sendmsg (way->to, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  /* ETOOMANYREFS: too many descriptors are on their way as it is. */
  gboolean full = n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS);
  if (!way->theirs)
    note_stuck (way->guard, full);
  if (full && errno != EAGAIN)
    return wait_on (way, g_timeout_source_new (10), on_rested);
  if (full)
    return wait_for (way, way->to, G_IO_OUT | G_IO_HUP | G_IO_ERR);
  if (n <= 0)
    {
      end (way->guard, NULL);
      return OVER;
    }
  close_fds (way);
  way->sent += (gsize)n;
  if (way->sent == way->data->len)
    begin_message (way);
  return GO_ON;
}

static void
take_turns (Way *way)
{
  Guard *guard = way->guard;
  Way *other = way == &guard->in ? &guard->out : &guard->in;
  unsigned owed = guard->owed;
  gboolean text = way->text;
  Step step = GO_ON;

  g_atomic_ref_count_inc (&guard->refs);
  for (unsigned i = 0; i < STEPS && step == GO_ON; i++)
    step = way->sending ? write_on (way) : read_on (way);
  if (step == GO_ON)
    wait_on (way, g_idle_source_new (), on_rested);
  /* What the monitor may say has changed. */
  if (!guard->over && way == &guard->out && (guard->owed != owed || way->text != text))
    {
      drop_source (other);
      wait_on (other, g_idle_source_new (), on_rested);
    }
  guard_unref (guard);
}

/* -- From outside -- */

static gpointer
run (gpointer data)
{
  g_main_context_push_thread_default (context);
  for (;;)
    g_main_context_iteration (context, TRUE);
  return NULL;
}

static void
ensure_thread (void)
{
  static gsize made;

  if (!g_once_init_enter (&made))
    return;
  context = g_main_context_new ();
  g_thread_unref (g_thread_new ("monitor-guard", run, NULL));
  g_once_init_leave (&made, 1);
}

static gboolean
begin (gpointer data)
{
  Guard *guard = data;

  g_atomic_ref_count_inc (&guard->refs);
  take_turns (&guard->in);
  if (!guard->over)
    take_turns (&guard->out);
  guard_unref (guard);
  return G_SOURCE_REMOVE;
}

static gboolean
on_overdue (gpointer data)
{
  end (data, NULL);
  return G_SOURCE_REMOVE;
}

/* Nobody has the stream any more.  What was written to it is still sent, if it is taken. */
static void
let_go (gpointer data)
{
  g_autoptr (GSource) source = g_timeout_source_new (LAST_WORDS_MS);

  g_source_set_callback (source, on_overdue, data, guard_unref);
  g_source_attach (source, context);
}

static void
way_init (Way *way, Guard *guard, int from, int to, gboolean theirs)
{
  *way = (Way){ .guard = guard, .from = from, .to = to, .theirs = theirs, .text = TRUE };
  way->data = g_byte_array_new ();
  begin_message (way);
}

GIOStream *
viv_monitor_guard_new (GSocketConnection *monitor, GError **error)
{
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    {
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (errno), g_strerror (errno));
      return NULL;
    }
  g_autoptr (GSocket) socket = g_socket_new_from_fd (pair[0], error);
  if (socket == NULL)
    {
      close (pair[0]);
      close (pair[1]);
      return NULL;
    }
  ensure_thread ();
  int theirs = g_socket_get_fd (g_socket_connection_get_socket (monitor));
  Guard *guard = g_new0 (Guard, 1);
  g_atomic_ref_count_init (&guard->refs);
  g_atomic_ref_count_inc (&guard->refs); /* the thread's, and the stream's */
  guard->monitor = g_object_ref (monitor);
  guard->ours = pair[1];
  guard->messages = VIV_GUARD_BURST;
  guard->bytes = VIV_GUARD_BYTE_BURST;
  guard->filled = g_get_monotonic_time ();
  g_mutex_init (&guard->lock);
  way_init (&guard->in, guard, theirs, pair[1], TRUE);
  way_init (&guard->out, guard, pair[1], theirs, FALSE);
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_callback (source, begin, guard, NULL);
  g_source_attach (source, context);
  GSocketConnection *stream = g_socket_connection_factory_create_connection (socket);
  g_object_set_data_full (G_OBJECT (stream), KEY, guard, let_go);
  return G_IO_STREAM (stream);
}

static Guard *
guard_of (GDBusConnection *connection)
{
  return g_object_get_data (G_OBJECT (g_dbus_connection_get_stream (connection)), KEY);
}

GSocket *
viv_monitor_guard_socket (GDBusConnection *connection)
{
  Guard *guard = guard_of (connection);

  return guard != NULL ? g_socket_connection_get_socket (guard->monitor) : NULL;
}

char *
viv_monitor_guard_complaint (GDBusConnection *connection)
{
  Guard *guard = guard_of (connection);
  const char *complaint;

  if (guard == NULL)
    return NULL;
  g_mutex_lock (&guard->lock);
  complaint = guard->complaint;
  g_mutex_unlock (&guard->lock);
  return complaint != NULL
             ? g_strdup_printf (_ ("the connection to its monitor was ended: %s"), _ (complaint))
             : NULL;
}

gboolean
viv_monitor_guard_is_stuck (GDBusConnection *connection)
{
  Guard *guard = guard_of (connection);
  gboolean stuck;

  if (guard == NULL)
    return FALSE;
  g_mutex_lock (&guard->lock);
  stuck = guard->stuck != 0 && g_get_monotonic_time () - guard->stuck >= STUCK_US;
  g_mutex_unlock (&guard->lock);
  return stuck;
}
