/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "confine"

#include "confine/broker-link.h"

#include "base/host-files.h"
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MOST_ERRNO 4095

typedef struct
{
  unsigned number;
  char *path;
  gboolean write;
} Named;

static struct
{
  GMutex lock; /* a question and its answer */
  int socket;
  uint32_t serial;
  GArray *files; /* Named; before there are threads */
} broker = { .socket = -1 };

/* 0 and what the answer says, or an errno.  `fd` NULL: no descriptor comes with it. */
static int
ask (Message *message, int *fd)
{
  int fds[MESSAGE_MAX_FDS] = { -1, -1, -1, -1 }, code;
  Message answer = { 0 };

  g_mutex_lock (&broker.lock);
  message->serial = ++broker.serial;
  code = message_send (broker.socket, message, NULL, -1);
  if (code == 0)
    code = message_receive (broker.socket, &answer, fds, -1);
  g_mutex_unlock (&broker.lock);
  if (code == 1
      && (answer.op != message->op || answer.serial != message->serial || answer.result < 0
          || answer.result > MOST_ERRNO))
    code = -EPROTO;
  if (code <= 0)
    {
      message_close_fds (fds);
      return code == 0 ? EPIPE : -code;
    }
  if (fd != NULL && answer.result == 0)
    {
      *fd = fds[0];
      fds[0] = -1;
    }
  message_close_fds (fds);
  *message = answer;
  return answer.result == 0 && fd != NULL && *fd < 0 ? EPROTO : answer.result;
}

static int
ask_for_fd (FamilyOp op, unsigned a, unsigned b)
{
  Message message = { .op = (uint16_t)op, .a = a, .b = b };
  int fd = -1, code = ask (&message, &fd);

  errno = code;
  return code == 0 ? fd : -1;
}

/* A file may be in the table twice, once to be written. */
static gboolean
find (const char *path, gboolean write, unsigned *number)
{
  gboolean found = FALSE;

  for (guint i = 0; i < broker.files->len; i++)
    {
      const Named *named = &g_array_index (broker.files, Named, i);
      if (!g_str_equal (named->path, path) || (found && !(write && named->write)))
        continue;
      *number = named->number;
      found = TRUE;
      if (!write || named->write)
        break;
    }
  if (!found)
    errno = EACCES; /* as by Landlock */
  return found;
}

static int
link_open (void *opaque, const char *path, int flags)
{
  gboolean write = (flags & O_ACCMODE) != O_RDONLY;
  unsigned number;

  return find (path, write, &number) ? ask_for_fd (FAMILY_OPEN, number, write ? FAMILY_WRITE : 0) : -1;
}

static int
link_look (void *opaque, const char *path, uint32_t *mode, uint64_t *size)
{
  Message message = { .op = FAMILY_LOOK };
  int code;

  if (!find (path, FALSE, &message.a))
    return -1;
  code = ask (&message, NULL);
  errno = code;
  if (code != 0)
    return -1;
  *mode = message.a;
  *size = message.size;
  return 0;
}

static int
link_temporary (void *opaque)
{
  return ask_for_fd (FAMILY_TEMPORARY, 0, 0);
}

static char *
link_explain (void *opaque, const char *path)
{
  char words[1024];
  unsigned number;
  int fd = find (path, FALSE, &number) ? ask_for_fd (FAMILY_EXPLAIN, number, 0) : -1;
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  /* All has been written before it was sent. */
  ssize_t n = fd >= 0 && poll (&wait, 1, 0) > 0 ? read (fd, words, sizeof words) : 0;

  if (fd >= 0)
    close (fd);
  return n > 0 ? g_strndup (words, (gsize)n) : NULL;
}

static int
link_serial (void *opaque, unsigned number, char *name, gsize size)
{
  Message message = { .op = FAMILY_SERIAL, .a = number };
  int fd = -1, code = ask (&message, &fd);

  g_strlcpy (name, code == 0 ? message.text : "", size);
  errno = code;
  return code == 0 ? fd : -1;
}

void
broker_link_begin (int socket)
{
  static const HostFiles files = { .open = link_open,
                                   .look = link_look,
                                   .temporary = link_temporary,
                                   .explain = link_explain,
                                   .serial = link_serial };

  broker.socket = socket;
  (void)fcntl (socket, F_SETFD, FD_CLOEXEC);
  broker.files = g_array_new (FALSE, FALSE, sizeof (Named));
  broker_link_add_file (FAMILY_FILE_KVM, "/dev/kvm", TRUE);
  host_files_set (&files, NULL);
}

void
broker_link_add_file (unsigned number, const char *path, gboolean write)
{
  Named named = { .number = number, .path = g_strdup (path), .write = write };

  g_array_append_val (broker.files, named);
}

gboolean
broker_link_is_up (void)
{
  return broker.socket >= 0;
}

int
broker_link_open (unsigned number)
{
  return ask_for_fd (FAMILY_OPEN, number, 0);
}

void
broker_link_blame (const char *key)
{
  Message message = { .op = FAMILY_BLAME };

  message_set_text (&message, key);
  ask (&message, NULL);
}

void
broker_link_ready (void)
{
  Message message = { .op = FAMILY_READY };

  ask (&message, NULL);
}

int
broker_link_helper (FamilyHelper helper, unsigned index, unsigned *number, GError **error)
{
  Message message = { .op = FAMILY_HELPER, .a = helper, .b = index };
  int fd = -1, code = ask (&message, &fd);

  errno = code;
  *number = message.a;

  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 errno == EAGAIN ? "It was started too often within a minute; try again later"
                                 : "The program that serves it can't be started: %s",
                 g_strerror (errno));
  return fd;
}

void
broker_link_end_helper (unsigned number)
{
  Message message = { .op = FAMILY_END_HELPER, .a = number };

  ask (&message, NULL);
}

int
broker_link_connect (unsigned port)
{
  Message message = { .op = FAMILY_CONNECT, .a = port };
  int fd = -1;

  errno = ask (&message, &fd);
  return fd;
}

int
broker_link_new_file (FamilyNew kind, unsigned disk, uint64_t size, unsigned *number)
{
  Message message = { .op = FAMILY_NEW, .a = kind, .b = disk, .size = size };
  int fd = -1, code = ask (&message, &fd);

  *number = message.a;
  errno = code;
  return code == 0 ? fd : -1;
}

int
broker_link_keep_file (unsigned number, unsigned serial)
{
  Message message = { .op = FAMILY_KEEP, .a = number, .b = serial };

  return ask (&message, NULL);
}

int
broker_link_drop_file (unsigned number)
{
  Message message = { .op = FAMILY_DROP, .a = number };

  return ask (&message, NULL);
}

int
broker_link_open_backing (unsigned disk, unsigned depth, const char *name)
{
  Message message = { .op = FAMILY_BACKING, .a = disk, .b = depth };
  int fd = -1, code;

  message_set_text (&message, name);
  code = ask (&message, &fd);
  errno = code;
  return code == 0 ? fd : -1;
}
