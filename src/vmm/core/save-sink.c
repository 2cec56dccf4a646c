/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A saved machine's bytes, into a file or a socket.
 */
#define G_LOG_DOMAIN "state"

#include "core/save.h"

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

typedef struct
{
  SaveSink parent;
  int fd;
  gboolean is_socket;
  char *name;
  GChecksum *sum;
  GByteArray *header; /* being made */
  /* Pages that follow one another. */
  Region *region;
  uint64_t first;
  unsigned n;
  uint8_t *pages, *packed;
} FdSink;

static gboolean
put_raw (FdSink *s, const uint8_t *p, size_t length, GError **error)
{
  while (length > 0)
    {
      /* A reader that has gone away is an error, not a signal. */
      ssize_t n = s->is_socket ? send (s->fd, p, length, MSG_NOSIGNAL) : write (s->fd, p, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        {
          struct pollfd wait = { .fd = s->fd, .events = POLLOUT };

          if (poll (&wait, 1, -1) >= 0 || errno == EINTR)
            continue;
        }
      if (n <= 0)
        {
          int code = n < 0 ? errno : EIO;

          g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code),
                       "Can't save the machine to %s: %s", s->name, g_strerror (code));
          return FALSE;
        }
      p += n;
      length -= (size_t)n;
    }
  return TRUE;
}

static gboolean
put (FdSink *s, const void *data, size_t length, GError **error)
{
  g_checksum_update (s->sum, data, (gssize)length);
  return put_raw (s, data, length, error);
}

static void
add_number (GByteArray *out, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *)&value, size);
}

/* Ready in `header`; the caller adds what it likes and writes it. */
static void
start_section (FdSink *s, char kind, const char *name, unsigned version, uint64_t length)
{
  size_t name_length = strlen (name);

  g_assert (name_length < 256);
  add_number (s->header, (uint8_t)kind, 1);
  add_number (s->header, name_length, 1);
  g_byte_array_append (s->header, (const guint8 *)name, (guint)name_length);
  add_number (s->header, version, 4);
  add_number (s->header, length, 8);
}

static gboolean
put_header (FdSink *s, GError **error)
{
  gboolean ok = put (s, s->header->data, s->header->len, error);

  g_byte_array_set_size (s->header, 0);
  return ok;
}

static gboolean
all_zero (const uint8_t *p, size_t length)
{
  return p[0] == 0 && memcmp (p, p + 1, length - 1) == 0;
}

static gboolean
flush_pages (FdSink *s, GError **error)
{
  size_t length = (size_t)s->n * GUEST_PAGE_SIZE, packed = 0;

  if (s->n == 0)
    return TRUE;
  if (!all_zero (s->pages, length))
    {
      packed = ZSTD_compress (s->packed, ZSTD_compressBound (SAVE_BATCH), s->pages, length, 1);
      if (ZSTD_isError (packed))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Can't save the machine to %s: %s", s->name,
                       ZSTD_getErrorName (packed));
          return FALSE;
        }
    }
  start_section (s, SAVE_PAGES, region_name (s->region), 0, 16 + packed);
  add_number (s->header, s->first, 8);
  add_number (s->header, s->n, 4);
  add_number (s->header, packed, 4);
  s->n = 0;
  return put_header (s, error) && put (s, s->packed, packed, error);
}

static gboolean
fd_section (SaveSink *sink, char kind, const char *name, unsigned version, const void *data, size_t length,
            GError **error)
{
  FdSink *s = (FdSink *)sink;

  if (!flush_pages (s, error))
    return FALSE;
  start_section (s, kind, name, version, length);
  return put_header (s, error) && put (s, data, length, error);
}

static gboolean
fd_page (SaveSink *sink, Region *region, uint64_t n, const uint8_t *data, GError **error)
{
  FdSink *s = (FdSink *)sink;

  if (s->n > 0
      && (s->region != region || n != s->first + s->n
          || s->n == SAVE_BATCH / GUEST_PAGE_SIZE
          /* So that a stretch of zeroes costs nothing. */
          || (n * GUEST_PAGE_SIZE) % SAVE_BATCH == 0)
      && !flush_pages (s, error))
    return FALSE;
  if (s->n == 0)
    {
      s->region = region;
      s->first = n;
    }
  memcpy (s->pages + (size_t)s->n++ * GUEST_PAGE_SIZE, data, GUEST_PAGE_SIZE);
  return TRUE;
}

static gboolean
fd_end (SaveSink *sink, GError **error)
{
  FdSink *s = (FdSink *)sink;
  uint8_t digest[SAVE_SHA];
  gsize length = sizeof digest;

  if (!flush_pages (s, error))
    return FALSE;
  start_section (s, SAVE_END, "", 0, SAVE_SHA);
  if (!put_header (s, error))
    return FALSE;
  g_checksum_get_digest (s->sum, digest, &length);
  return put_raw (s, digest, sizeof digest, error);
}

static void
fd_free (SaveSink *sink)
{
  FdSink *s = (FdSink *)sink;

  g_checksum_free (s->sum);
  g_byte_array_unref (s->header);
  g_free (s->name);
  g_free (s->pages);
  g_free (s->packed);
  g_free (s);
}

SaveSink *
save_sink_new_fd (int fd, const char *name)
{
  FdSink *s = g_new0 (FdSink, 1);
  struct stat st;

  s->parent = (SaveSink){ fd_section, fd_page, fd_end, fd_free };
  s->fd = fd;
  s->is_socket = fstat (fd, &st) == 0 && S_ISSOCK (st.st_mode);
  s->name = g_strdup (name);
  s->sum = g_checksum_new (G_CHECKSUM_SHA256);
  s->header = g_byte_array_new ();
  s->pages = g_malloc (SAVE_BATCH);
  s->packed = g_malloc (ZSTD_compressBound (SAVE_BATCH));
  /* Goes out with the first section's. */
  g_byte_array_append (s->header, (const guint8 *)SAVE_MAGIC, 8);
  add_number (s->header, SAVE_FORMAT, 4);
  return &s->parent;
}

void
save_sink_free (SaveSink *sink)
{
  if (sink != NULL)
    sink->free (sink);
}
