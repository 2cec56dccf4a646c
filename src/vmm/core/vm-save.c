/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Saved machines: one file, written beside its final name and renamed.
 *
 *   "VIVSTATE" version(32)
 *   { kind(8) name-length(8) name length(64) payload }…  kinds below; little endian
 *   kind 'E': SHA-256 of all before it
 *
 * RAM is cut into chunks of 1 MiB, each a compressed length (32; 0 for a chunk of zeroes) and a zstd frame.
 */
#define G_LOG_DOMAIN "state"

#include "core/vm-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define MAGIC "VIVSTATE"
/* 2: fields were added to state tables.  Older files are read, see STATE_ADDED. */
#define VERSION    2u
#define RAM_CHUNK  (1u << 20)
#define SHA_LENGTH 32u

enum
{
  SECTION_CLOCK = 'C',
  SECTION_RAM = 'R',
  SECTION_DEVICE = 'D',
  SECTION_CPU = 'P',
  SECTION_END = 'E',
};

typedef struct
{
  int fd;
  GChecksum *sum;
  gboolean failed;
  int code;
} Writer;

static void
writer_raw (Writer *w, const void *data, size_t length)
{
  const uint8_t *p = data;

  while (length > 0 && !w->failed)
    {
      ssize_t n = write (w->fd, p, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          w->failed = TRUE;
          w->code = errno;
          return;
        }
      p += n;
      length -= (size_t)n;
    }
}

static void
writer_put (Writer *w, const void *data, size_t length)
{
  g_checksum_update (w->sum, data, (gssize)length);
  writer_raw (w, data, length);
}

static void
writer_put_number (Writer *w, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  writer_put (w, &value, size);
}

static void
writer_section (Writer *w, char kind, const char *name, uint64_t length)
{
  writer_put_number (w, (uint8_t)kind, 1);
  writer_put_number (w, strlen (name), 1);
  writer_put (w, name, strlen (name));
  writer_put_number (w, length, 8);
}

static gboolean
all_zero (const uint8_t *p, size_t length)
{
  return p[0] == 0 && memcmp (p, p + 1, length - 1) == 0;
}

/* The section's length is known only afterwards, so RAM goes through a buffer a chunk and the length is written back. */
static void
save_ram (Writer *w, Region *region)
{
  g_autofree uint8_t *buffer = g_malloc (ZSTD_compressBound (RAM_CHUNK));
  uint64_t size = region_size (region);
  const uint8_t *host = region_host (region);

  /* Length field: the region's size; chunks carry their own lengths. */
  writer_section (w, SECTION_RAM, region_name (region), size);
  for (uint64_t at = 0; at < size && !w->failed; at += RAM_CHUNK)
    {
      size_t n = MIN (RAM_CHUNK, size - at);
      size_t packed;

      if (all_zero (host + at, n))
        {
          writer_put_number (w, 0, 4);
          continue;
        }
      packed = ZSTD_compress (buffer, ZSTD_compressBound (RAM_CHUNK), host + at, n, 1);
      if (ZSTD_isError (packed))
        {
          w->failed = TRUE;
          w->code = EIO;
          return;
        }
      writer_put_number (w, packed, 4);
      writer_put (w, buffer, packed);
    }
}

static void
save_all (Vm *vm, Writer *w)
{
  writer_put (w, MAGIC, 8);
  writer_put_number (w, VERSION, 4);
  writer_section (w, SECTION_CLOCK, "clock", 16);
  writer_put_number (w, (uint64_t)vm_clock_now (vm->clock), 8);
  writer_put_number (w, (uint64_t)vm_clock_stopped_at (vm->clock), 8);
  for (unsigned i = 0; i < vm->rams->len; i++)
    save_ram (w, vm->rams->pdata[i]);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];
      g_autoptr (GByteArray) out = g_byte_array_new ();

      state_save (device->klass->state, device, out);
      writer_section (w, SECTION_DEVICE, device->id, out->len);
      writer_put (w, out->data, out->len);
    }
  for (unsigned i = 0; i < vm->n_cpus && vm->processor != NULL && vm->processor->save != NULL; i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autofree char *name = g_strdup_printf ("cpu%u", i);

      vm->processor->save (vm->processor_opaque, i, out);
      writer_section (w, SECTION_CPU, name, out->len);
      writer_put (w, out->data, out->len);
    }
}

gboolean
vm_save_fd (Vm *vm, int fd, const char *name, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  Writer w = { .fd = fd, .sum = sum };
  uint8_t digest[SHA_LENGTH];
  gsize digest_length = sizeof digest;

  vm_lock (vm);
  save_all (vm, &w);
  vm_unlock (vm);
  writer_section (&w, SECTION_END, "", SHA_LENGTH);
  g_checksum_get_digest (sum, digest, &digest_length);
  writer_raw (&w, digest, sizeof digest);
  if (w.failed)
    g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (w.code), "Can't save the machine to %s: %s",
                 name, g_strerror (w.code));
  return !w.failed;
}

gboolean
vm_save (Vm *vm, const char *path, GError **error)
{
  g_autofree char *temporary = g_strdup_printf ("%s.part", path);
  int fd = open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean ok;

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't write %s: %s", temporary,
                   g_strerror (errno));
      return FALSE;
    }
  ok = vm_save_fd (vm, fd, path, error);
  if (ok && fsync (fd) < 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't save the machine to %s: %s",
                   path, g_strerror (errno));
      ok = FALSE;
    }
  close (fd);
  if (ok && rename (temporary, path) < 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't save the machine to %s: %s",
                   path, g_strerror (errno));
      ok = FALSE;
    }
  if (!ok)
    unlink (temporary);
  return ok;
}

/* -- Load ----------------------------------------------------------------------------------------- */

typedef struct
{
  const uint8_t *data;
  size_t left;
} Reader;

static gboolean
reader_number (Reader *r, unsigned size, uint64_t *value)
{
  if (r->left < size)
    return FALSE;
  *value = 0;
  memcpy (value, r->data, size);
  *value = GUINT64_FROM_LE (*value);
  r->data += size;
  r->left -= size;
  return TRUE;
}

static const uint8_t *
reader_bytes (Reader *r, uint64_t length)
{
  const uint8_t *p = r->data;

  if (length > r->left)
    return NULL;
  r->data += length;
  r->left -= length;
  return p;
}

static gboolean
load_ram (Region *region, uint64_t length, Reader *r)
{
  uint64_t size = region_size (region);
  uint8_t *host = region_host (region);

  if (length != size)
    return FALSE;
  for (uint64_t at = 0; at < size; at += RAM_CHUNK)
    {
      size_t n = MIN (RAM_CHUNK, size - at);
      uint64_t packed;
      const uint8_t *p;

      if (!reader_number (r, 4, &packed))
        return FALSE;
      if (packed == 0)
        {
          if (!all_zero (host + at, n))
            memset (host + at, 0, n);
          continue;
        }
      p = reader_bytes (r, packed);
      if (p == NULL || ZSTD_decompress (host + at, n, p, packed) != n)
        return FALSE;
    }
  region_mark_dirty (region, 0, size);
  return TRUE;
}

static gboolean
load_device (Vm *vm, const char *id, const uint8_t *data, size_t length, GHashTable *seen, GError **error)
{
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (g_strcmp0 (device->id, id) != 0)
        continue;
      if (!g_hash_table_add (seen, device))
        break;
      if (!state_load (device->klass->state, device, data, length, error)
          || (device->klass->post_load != NULL && !device->klass->post_load (device, error)))
        {
          g_prefix_error (error, "%s: ", id);
          return FALSE;
        }
      return TRUE;
    }
  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
               "The saved state has a device “%s” that this machine does not have, or has it twice", id);
  return FALSE;
}

static gboolean
load_section (Vm *vm, Reader *r, GHashTable *seen, gboolean *end, GError **error)
{
  uint64_t kind, name_length, length;
  const uint8_t *p;
  g_autofree char *name = NULL;

  if (!reader_number (r, 1, &kind) || !reader_number (r, 1, &name_length)
      || (p = reader_bytes (r, name_length)) == NULL)
    goto damaged;
  name = g_strndup ((const char *)p, name_length);
  if (!reader_number (r, 8, &length))
    goto damaged;
  if (kind == SECTION_RAM)
    {
      for (unsigned i = 0; i < vm->rams->len; i++)
        if (g_strcmp0 (region_name (vm->rams->pdata[i]), name) == 0
            && g_hash_table_add (seen, vm->rams->pdata[i]))
          {
            if (!load_ram (vm->rams->pdata[i], length, r))
              goto damaged;
            return TRUE;
          }
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
                   "The saved state has memory “%s” that this machine does not have", name);
      return FALSE;
    }
  p = reader_bytes (r, length);
  if (p == NULL)
    goto damaged;
  switch (kind)
    {
    case SECTION_CLOCK:
      /* Below 2^62 ns (146 years), so that sums of times stay in their type.  Format 1 doesn't tell when. */
      if ((length != 8 && length != 16) || p[7] > 0x3f)
        goto damaged;
      {
        uint64_t now, stopped_at = G_MAXUINT64;

        memcpy (&now, p, 8);
        if (length == 16)
          memcpy (&stopped_at, p + 8, 8);
        vm_clock_set (vm->clock, (int64_t)GUINT64_FROM_LE (now), (int64_t)GUINT64_FROM_LE (stopped_at));
      }
      return TRUE;
    case SECTION_DEVICE:
      return load_device (vm, name, p, length, seen, error);
    case SECTION_CPU:
      {
        guint64 n;

        if (!g_str_has_prefix (name, "cpu") || !g_ascii_string_to_unsigned (name + 3, 10, 0, 1023, &n, NULL)
            || n >= vm->n_cpus || vm->processor == NULL || vm->processor->load == NULL
            || !g_hash_table_add (seen, GUINT_TO_POINTER ((guint)n + 1)))
          goto damaged;
        return vm->processor->load (vm->processor_opaque, (unsigned)n, p, length, error);
      }
    case SECTION_END:
      *end = TRUE;
      return TRUE;
    default:
      break;
    }
damaged:
  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "The saved state is damaged (section “%s”)",
               name ? name : "?");
  return FALSE;
}

static gboolean
check_digest (const uint8_t *data, size_t length)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  uint8_t digest[SHA_LENGTH];
  gsize n = sizeof digest;

  g_checksum_update (sum, data, (gssize)(length - SHA_LENGTH));
  g_checksum_get_digest (sum, digest, &n);
  return memcmp (digest, data + length - SHA_LENGTH, SHA_LENGTH) == 0;
}

gboolean
vm_load (Vm *vm, const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  gboolean end = FALSE, ok = TRUE;
  guint expected;
  uint64_t version;
  Reader r;

  if (file == NULL)
    return FALSE;
  r = (Reader){ (const uint8_t *)g_mapped_file_get_contents (file), g_mapped_file_get_length (file) };
  if (r.left < 12 + SHA_LENGTH || memcmp (r.data, MAGIC, 8) != 0 || !check_digest (r.data, r.left))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "%s is not a saved machine, or it is damaged",
                   path);
      return FALSE;
    }
  r.data += 8;
  r.left -= 8;
  if (!reader_number (&r, 4, &version) || version < 1 || version > VERSION)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
                   "%s was saved by a newer Vivarium (format %u; this one reads up to %u): load it with that",
                   path, (unsigned)version, VERSION);
      return FALSE;
    }
  vm_lock (vm);
  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  while (ok && !end)
    ok = load_section (vm, &r, seen, &end, error);
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  vm_unlock (vm);
  if (!ok)
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  expected = vm->rams->len + vm->devices->len
             + (vm->processor != NULL && vm->processor->load != NULL ? vm->n_cpus : 0);
  if (g_hash_table_size (seen) != expected)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
                   "%s lacks a part of this machine: it was saved by a machine of another shape", path);
      return FALSE;
    }
  return TRUE;
}
