/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "net"

#include "net/dump.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_WAITING  (2u << 20)   /* bytes */
#define MOST_BYTES    (4ull << 30) /* of the file */
#define LINK_ETHERNET 1
#define SNAPLEN       262144u

typedef struct
{
  uint32_t magic;
  uint16_t major, minor;
  uint32_t reserved[2];
  uint32_t snaplen, link;
} FileHeader;
G_STATIC_ASSERT (sizeof (FileHeader) == 24);

typedef struct
{
  uint32_t seconds, microseconds, captured, length;
} PacketHeader;
G_STATIC_ASSERT (sizeof (PacketHeader) == 16);

#define MAGIC      0xa1b2c3d4u
#define MAGIC_NANO 0xa1b23c4du

struct NetDump
{
  int fd;
  char *name;
  GThread *thread;
  GMutex lock;
  GCond cond;
  GByteArray *waiting; /* for the thread */
  uint64_t size;       /* of the file with what waits */
  uint64_t lost;
  gboolean over, failed;
};

/* FALSE: errno. */
static gboolean
write_all (int fd, const uint8_t *data, size_t length)
{
  while (length > 0)
    {
      const ssize_t n = write (fd, data, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      data += n;
      length -= (size_t)n;
    }
  return TRUE;
}

static gpointer
write_waiting (gpointer data)
{
  NetDump *dump = data;
  GByteArray *taken = g_byte_array_new ();

  g_mutex_lock (&dump->lock);
  while (!dump->over || dump->waiting->len > 0)
    {
      GByteArray *full = dump->waiting;
      gboolean good;
      int code;

      if (full->len == 0)
        {
          g_cond_wait (&dump->cond, &dump->lock);
          continue;
        }
      dump->waiting = taken;
      g_mutex_unlock (&dump->lock);
      good = write_all (dump->fd, full->data, full->len);
      code = errno;
      g_byte_array_set_size (full, 0);
      taken = full;
      g_mutex_lock (&dump->lock);
      if (good)
        continue;
      g_message ("%s: the capture ends here: %s", dump->name, g_strerror (code));
      dump->failed = TRUE;
      g_byte_array_set_size (dump->waiting, 0);
    }
  g_mutex_unlock (&dump->lock);
  g_byte_array_unref (taken);
  return NULL;
}

/* Nobody's letters are written over because of a slip in a name. */
static gboolean
may_begin (int fd, const char *name, GError **error)
{
  uint32_t magic = 0;
  struct stat info;
  const ssize_t n = pread (fd, &magic, sizeof magic, 0);

  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)
      || (n != 0
          && (n != (ssize_t)sizeof magic
              || (magic != MAGIC && magic != MAGIC_NANO && magic != GUINT32_SWAP_LE_BE_CONSTANT (MAGIC)
                  && magic != GUINT32_SWAP_LE_BE_CONSTANT (MAGIC_NANO)))))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   "%s is there and is no capture of packets: remove it, or take another name", name);
      return FALSE;
    }
  if (ftruncate (fd, 0) == 0 && lseek (fd, 0, SEEK_SET) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", name, g_strerror (errno));
  return FALSE;
}

NetDump *
net_dump_new (int fd, const char *name, GError **error)
{
  const FileHeader header
      = { .magic = MAGIC, .major = 2, .minor = 4, .snaplen = SNAPLEN, .link = LINK_ETHERNET };
  NetDump *dump;

  if (!may_begin (fd, name, error))
    {
      close (fd);
      return NULL;
    }
  dump = g_new0 (NetDump, 1);
  dump->fd = fd;
  dump->name = g_strdup (name);
  dump->waiting = g_byte_array_new ();
  dump->size = sizeof header;
  g_byte_array_append (dump->waiting, (const guint8 *)&header, sizeof header);
  g_mutex_init (&dump->lock);
  g_cond_init (&dump->cond);
  dump->thread = g_thread_new ("net-dump", write_waiting, dump);
  return dump;
}

void
net_dump_free (NetDump *dump)
{
  if (dump == NULL)
    return;
  g_mutex_lock (&dump->lock);
  dump->over = TRUE;
  g_cond_signal (&dump->cond);
  g_mutex_unlock (&dump->lock);
  g_thread_join (dump->thread);
  if (dump->lost > 0)
    g_message ("%s lacks %" G_GUINT64_FORMAT " packets: the file was slower than the network, or is full",
               dump->name, dump->lost);
  close (dump->fd);
  g_byte_array_unref (dump->waiting);
  g_mutex_clear (&dump->lock);
  g_cond_clear (&dump->cond);
  g_free (dump->name);
  g_free (dump);
}

void
net_dump_add (NetDump *dump, const struct iovec *iov, unsigned n, size_t length)
{
  const gint64 now = g_get_real_time ();
  const PacketHeader header = { .seconds = (uint32_t)(now / G_USEC_PER_SEC),
                                .microseconds = (uint32_t)(now % G_USEC_PER_SEC),
                                .captured = (uint32_t)length,
                                .length = (uint32_t)length };

  g_mutex_lock (&dump->lock);
  if (dump->failed || dump->waiting->len + sizeof header + length > MOST_WAITING
      || dump->size + sizeof header + length > MOST_BYTES)
    dump->lost++;
  else
    {
      if (dump->waiting->len == 0)
        g_cond_signal (&dump->cond);
      dump->size += sizeof header + length;
      g_byte_array_append (dump->waiting, (const guint8 *)&header, sizeof header);
      for (unsigned i = 0; i < n; i++)
        g_byte_array_append (dump->waiting, iov[i].iov_base, (guint)iov[i].iov_len);
    }
  g_mutex_unlock (&dump->lock);
}

uint64_t
net_dump_lost (NetDump *dump)
{
  uint64_t lost;

  g_mutex_lock (&dump->lock);
  lost = dump->lost;
  g_mutex_unlock (&dump->lock);
  return lost;
}
