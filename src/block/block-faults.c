/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A layer that fails, delays, holds and forgets, for tests.  See block-testing.h.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-testing.h"
#include "block/block-vector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR        BLOCK_SECTOR_SIZE
#define CACHE_SECTORS 131072u
#define EXIT_CRASH    86

/* What a sector would hold after one of the writes since the last flush. */
typedef struct
{
  uint64_t stamp;
  uint8_t data[SECTOR];
} Version;

typedef struct
{
  int error;
  unsigned left, skip;
} Rule;

struct BlockFaults
{
  const BlockDriver *driver;
  void *image;
  gboolean cache, partial, on_hold, crashed;
  unsigned delay, crash_in;
  Rule rules[BLOCK_N_OPS];
  GPtrArray *held; /* BlockRequest * */
  GRand *rand;

  GHashTable *sectors; /* number → GArray of Version, oldest first */
  uint64_t clock;
  GMutex lock;
};

/* -- Words ------------------------------------------------------------------------------------------ */

static gboolean
parse_number (const char *text, unsigned *number, GError **error)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT32, &value, error))
    return FALSE;
  *number = (unsigned)value;
  return TRUE;
}

static int
parse_errno (const char *name)
{
  static const struct
  {
    const char *name;
    int value;
  } names[] = {
    { "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },       { "EACCES", EACCES },
    { "EROFS", EROFS },   { "ENOMEM", ENOMEM }, { "ESTALE", ESTALE },       { "ENOTCONN", ENOTCONN },
    { "ENXIO", ENXIO },   { "ENODEV", ENODEV }, { "ETIMEDOUT", ETIMEDOUT }, { "EBADMSG", EBADMSG },
    { "EINVAL", EINVAL }, { "EFBIG", EFBIG },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, name) == 0)
      return names[i].value;
  return 0;
}

static gboolean
parse_failure (BlockFaults *faults, const char *value, GError **error)
{
  static const char *const ops[BLOCK_N_OPS] = { "read", "write", "flush", "discard", "zeroes" };
  g_auto (GStrv) part = g_strsplit (value, ":", 4);
  unsigned n = g_strv_length (part), op = 0, count = G_MAXUINT, skip = 0;

  while (op < BLOCK_N_OPS && (n < 2 || strcmp (ops[op], part[0]) != 0))
    op++;
  int code = n >= 2 ? parse_errno (part[1]) : 0;
  if (op == BLOCK_N_OPS || code == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "“fail=%s” isn't OP:ERRNO", value);
      return FALSE;
    }
  if ((n > 2 && !parse_number (part[2], &count, error)) || (n > 3 && !parse_number (part[3], &skip, error)))
    return FALSE;
  faults->rules[op] = (Rule){ code, count, skip };
  return TRUE;
}

static gboolean
parse_word (BlockFaults *faults, const char *word, GError **error)
{
  const char *equals = strchr (word, '=');
  g_autofree char *name = equals != NULL ? g_strndup (word, (gsize)(equals - word)) : g_strdup (word);
  const char *value = equals != NULL ? equals + 1 : "";
  unsigned seed;

  if (*word == '\0' || strcmp (name, "memory") == 0)
    return TRUE;
  if (strcmp (name, "fail") == 0)
    return parse_failure (faults, value, error);
  if (strcmp (name, "delay") == 0)
    return parse_number (value, &faults->delay, error);
  if (strcmp (name, "partial") == 0)
    return faults->partial = TRUE;
  if (strcmp (name, "volatile") == 0)
    return faults->cache = TRUE;
  if (strcmp (name, "crash") == 0)
    {
      faults->cache = TRUE;
      return parse_number (value, &faults->crash_in, error);
    }
  if (strcmp (name, "seed") == 0)
    {
      if (!parse_number (value, &seed, error))
        return FALSE;
      g_rand_set_seed (faults->rand, seed);
      return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "“%s” is no fault of a test drive", word);
  return FALSE;
}

/* -- The cache that a crash loses: lock held -------------------------------------------------------- */

static int
below (BlockFaults *faults, BlockOp op, uint64_t offset, void *bytes, size_t length)
{
  const struct iovec iov = { .iov_base = bytes, .iov_len = length };
  const BlockRequest request = { .op = op, .offset = offset, .iov = &iov, .n_iov = 1, .length = length };

  return faults->driver->run (faults->image, &request);
}

static Version *
newest (BlockFaults *faults, uint64_t sector)
{
  GArray *versions = g_hash_table_lookup (faults->sectors, &sector);

  return versions != NULL && versions->len > 0 ? &g_array_index (versions, Version, versions->len - 1) : NULL;
}

static int
cache_read (BlockFaults *faults, const BlockRequest *request)
{
  int error = faults->driver->run (faults->image, request);
  uint64_t end = request->offset + request->length;

  for (uint64_t at = request->offset; at < end && error == 0;)
    {
      size_t start = at % SECTOR, n = (size_t)MIN (SECTOR - start, end - at);
      const Version *version = newest (faults, at / SECTOR);
      if (version != NULL)
        block_vector_put (request->iov, request->n_iov, (size_t)(at - request->offset), version->data + start,
                          n);
      at += n;
    }
  return error;
}

static int
cache_write (BlockFaults *faults, const BlockRequest *request, uint64_t length)
{
  uint64_t end = request->offset + length, stamp = ++faults->clock;
  int error = 0;

  for (uint64_t at = request->offset; at < end && error == 0;)
    {
      uint64_t sector = at / SECTOR;
      size_t start = at % SECTOR, n = (size_t)MIN (SECTOR - start, end - at);
      const Version *last = newest (faults, sector);
      Version version = { .stamp = stamp };
      if (last != NULL)
        memcpy (version.data, last->data, SECTOR);
      else if (n < SECTOR)
        error = below (faults, BLOCK_OP_READ, sector * SECTOR, version.data, SECTOR);
      if (request->op == BLOCK_OP_WRITE)
        block_vector_get (request->iov, request->n_iov, (size_t)(at - request->offset), version.data + start,
                          n);
      else
        memset (version.data + start, 0, n);
      GArray *versions = g_hash_table_lookup (faults->sectors, &sector);
      if (versions == NULL)
        {
          versions = g_array_new (FALSE, FALSE, sizeof (Version));
          g_hash_table_insert (faults->sectors, g_memdup2 (&sector, sizeof sector), versions);
        }
      g_array_append_val (versions, version);
      at += n;
    }
  return error;
}

/* Writes that were done before `mark` reach the image. */
static int
cache_flush (BlockFaults *faults, uint64_t mark)
{
  GHashTableIter iter;
  gpointer key, value;
  int error = 0;

  g_hash_table_iter_init (&iter, faults->sectors);
  while (error == 0 && g_hash_table_iter_next (&iter, &key, &value))
    {
      GArray *versions = value;
      guint n = 0;
      while (n < versions->len && g_array_index (versions, Version, n).stamp < mark)
        n++;
      if (n == 0)
        continue;
      error = below (faults, BLOCK_OP_WRITE, *(uint64_t *)key * SECTOR,
                     g_array_index (versions, Version, n - 1).data, SECTOR);
      if (n == versions->len)
        g_hash_table_iter_remove (&iter);
      else
        g_array_remove_range (versions, 0, n);
    }
  return error != 0 ? error : below (faults, BLOCK_OP_FLUSH, 0, NULL, 0);
}

static void
crash (BlockFaults *faults)
{
  GHashTableIter iter;
  gpointer key, value;

  faults->crashed = TRUE;
  g_hash_table_iter_init (&iter, faults->sectors);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      GArray *versions = value;
      guint n = (guint)g_rand_int_range (faults->rand, 0, (gint32)versions->len + 1);
      if (n > 0)
        below (faults, BLOCK_OP_WRITE, *(uint64_t *)key * SECTOR,
               g_array_index (versions, Version, n - 1).data, SECTOR);
    }
  g_hash_table_remove_all (faults->sectors);
}

static int
run_cached (BlockFaults *faults, const BlockRequest *request)
{
  switch (request->op)
    {
    case BLOCK_OP_READ:
      return cache_read (faults, request);
    case BLOCK_OP_WRITE:
    case BLOCK_OP_WRITE_ZEROES:
      if (g_hash_table_size (faults->sectors) > CACHE_SECTORS)
        cache_flush (faults, G_MAXUINT64);
      return cache_write (faults, request, request->length);
    case BLOCK_OP_FLUSH:
      return cache_flush (faults, request->driver_mark != 0 ? request->driver_mark : G_MAXUINT64);
    default:
      return 0; /* a discard may leave what was there */
    }
}

/* -- Requests ---------------------------------------------------------------------------------------- */

/* Lock held.  0, or what the request is to fail with. */
static int
take_fault (BlockFaults *faults, const BlockRequest *request)
{
  Rule *rule = &faults->rules[request->op];

  if (faults->crashed)
    return EIO;
  if (rule->left == 0)
    return 0;
  if (rule->skip > 0)
    {
      rule->skip--;
      return 0;
    }
  if (rule->left != G_MAXUINT)
    rule->left--;
  return rule->error;
}

static void
write_half (BlockFaults *faults, const BlockRequest *request)
{
  g_autofree struct iovec *part = g_new (struct iovec, request->n_iov + 1);
  /* Not a copy: the queue has its own with the rest of it. */
  BlockRequest half
      = { .op = request->op, .offset = request->offset, .length = request->length / 2, .iov = part };

  half.n_iov
      = block_vector_slice (request->iov, request->n_iov, 0, (size_t)half.length, part, request->n_iov);
  if (faults->cache)
    cache_write (faults, &half, half.length);
  else
    faults->driver->run (faults->image, &half);
}

static int
faults_run (void *image, const BlockRequest *request)
{
  BlockFaults *faults = image;
  gboolean writes = request->op == BLOCK_OP_WRITE || request->op == BLOCK_OP_WRITE_ZEROES;

  g_mutex_lock (&faults->lock);
  unsigned wait = faults->delay > 0 ? (unsigned)g_rand_int_range (faults->rand, 0, (gint32)faults->delay) : 0;
  g_mutex_unlock (&faults->lock);
  if (wait > 0)
    g_usleep (wait);
  g_mutex_lock (&faults->lock);
  int error = take_fault (faults, request);
  if (error == 0 && writes && faults->crash_in > 0 && --faults->crash_in == 0)
    {
      crash (faults);
      g_message ("the test drive has crashed");
      _exit (EXIT_CRASH);
    }
  if (error != 0 && !faults->crashed && faults->partial && request->op == BLOCK_OP_WRITE)
    write_half (faults, request);
  if (error == 0 && faults->cache)
    error = run_cached (faults, request);
  else if (error == 0)
    {
      g_mutex_unlock (&faults->lock);
      return faults->driver->run (faults->image, request);
    }
  g_mutex_unlock (&faults->lock);
  return error;
}

static gboolean
faults_start (void *image, BlockRequest *request)
{
  BlockFaults *faults = image;

  g_mutex_lock (&faults->lock);
  /* What was done before a flush was asked for has a smaller stamp. */
  request->driver_mark = faults->clock + 1;
  gboolean hold = faults->on_hold;
  if (hold)
    g_ptr_array_add (faults->held, request);
  g_mutex_unlock (&faults->lock);
  return hold;
}

static uint64_t
faults_size (void *image)
{
  BlockFaults *faults = image;

  return faults->driver->size (faults->image);
}

static void
faults_close (void *image)
{
  BlockFaults *faults = image;

  faults->driver->close (faults->image);
  g_ptr_array_unref (faults->held);
  g_hash_table_unref (faults->sectors);
  g_rand_free (faults->rand);
  g_mutex_clear (&faults->lock);
  g_free (faults);
}

static void
versions_free (gpointer versions)
{
  g_array_unref (versions);
}

void *
block_faults_new (const BlockDriver *driver, void *image, const BlockConfig *config, GError **error)
{
  BlockFaults *faults = g_new0 (BlockFaults, 1);
  g_auto (GStrv) words = g_strsplit (config->test, ",", -1);

  faults->driver = driver;
  faults->image = image;
  faults->held = g_ptr_array_new ();
  faults->rand = g_rand_new_with_seed (1);
  faults->sectors = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, versions_free);
  g_mutex_init (&faults->lock);
  for (char **word = words; *word != NULL; word++)
    if (!parse_word (faults, *word, error))
      {
        g_prefix_error (error, "Can't open “%s”: ", config->path);
        faults_close (faults);
        return NULL;
      }
  return faults;
}

const BlockDriver block_faults_driver = {
  .format = "faults",
  .testing = TRUE,
  .close = faults_close,
  .size = faults_size,
  .run = faults_run,
  .start = faults_start,
};

/* -- Orders of a test --------------------------------------------------------------------------------- */

void
block_faults_fail (BlockFaults *faults, BlockOp op, int error, unsigned n, unsigned skip)
{
  g_mutex_lock (&faults->lock);
  faults->rules[op] = (Rule){ error, n, skip };
  g_mutex_unlock (&faults->lock);
}

void
block_faults_set_partial (BlockFaults *faults, gboolean partial)
{
  g_mutex_lock (&faults->lock);
  faults->partial = partial;
  g_mutex_unlock (&faults->lock);
}

void
block_faults_set_delay (BlockFaults *faults, unsigned us)
{
  g_mutex_lock (&faults->lock);
  faults->delay = us;
  g_mutex_unlock (&faults->lock);
}

void
block_faults_hold (BlockFaults *faults, gboolean on)
{
  g_mutex_lock (&faults->lock);
  faults->on_hold = on;
  g_mutex_unlock (&faults->lock);
}

unsigned
block_faults_held (BlockFaults *faults)
{
  g_mutex_lock (&faults->lock);
  unsigned n = faults->held->len;
  g_mutex_unlock (&faults->lock);
  return n;
}

gboolean
block_faults_release (BlockFaults *faults, unsigned n)
{
  BlockRequest *request = NULL;

  g_mutex_lock (&faults->lock);
  if (n < faults->held->len)
    request = g_ptr_array_remove_index (faults->held, n);
  g_mutex_unlock (&faults->lock);
  if (request == NULL)
    return FALSE;
  block_complete (request, faults_run (faults, request));
  return TRUE;
}

void
block_faults_crash (BlockFaults *faults)
{
  g_mutex_lock (&faults->lock);
  crash (faults);
  g_mutex_unlock (&faults->lock);
}
