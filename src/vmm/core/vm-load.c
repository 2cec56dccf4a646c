/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Loading a machine that save-sink.c has written, of this format or an older one; all of it is hostile.  Pages go to memory as they come,
 * everything else waits until the checksum has been seen, and is then applied in the machine's own order.
 */
#define G_LOG_DOMAIN "state"

#include "base/host-files.h"
#include "core/save.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define RAM_CHUNK (1u << 20) /* formats 1 and 2 */
/* Of one section, and of all that wait, where a stream says how much there is. */
#define MAX_SECTION (64u << 20)
#define MAX_STREAM  (256u << 20)
/* A machine has some tens, and each new one is compared with all. */
#define MAX_PARTS 4096

typedef struct
{
  char kind;
  char *name;
  unsigned version;
  const uint8_t *data;
  size_t length;
  uint8_t *owned; /* data, if it isn't the mapping's */
  gboolean used;
} Part;

typedef struct
{
  Vm *vm;
  const char *name; /* for errors */
  unsigned format;
  GPtrArray *parts;
  GHashTable *rams; /* Region: declared or loaded */
  /* A mapping of a file that has been checked, or a stream. */
  const uint8_t *data;
  size_t left;
  int fd;
  GChecksum *sum;
  size_t waiting;   /* bytes of parts */
  uint8_t *scratch; /* SAVE_BATCH and a frame's worth */
} Load;

#define SCRATCH (ZSTD_COMPRESSBOUND (SAVE_BATCH) + 64)

static void
part_free (gpointer data)
{
  Part *part = data;

  g_free (part->name);
  g_free (part->owned);
  g_free (part);
}

static gboolean
damaged (const char *name, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (name != NULL ? name : "?", -1);

  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "The saved state is damaged (section “%s”)", valid);
  return FALSE;
}

/* -- Bytes ----------------------------------------------------------------------------------------- */

static gboolean
read_stream (Load *load, uint8_t *out, size_t length, GError **error)
{
  while (length > 0)
    {
      ssize_t n = read (load->fd, out, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          if (n == 0)
            g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "The saved state is cut short");
          else
            g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno),
                         "The saved state can't be read: %s", g_strerror (errno));
          return FALSE;
        }
      out += n;
      length -= (size_t)n;
    }
  return TRUE;
}

/* Exactly `length` bytes; from a stream into `buffer`, of a mapping where they are. */
static const uint8_t *
take (Load *load, size_t length, uint8_t *buffer, GError **error)
{
  const uint8_t *p = load->data;

  if (load->fd >= 0)
    {
      if (!read_stream (load, buffer, length, error))
        return NULL;
      g_checksum_update (load->sum, buffer, (gssize)length);
      return buffer;
    }
  if (length > load->left)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "The saved state is cut short");
      return NULL;
    }
  load->data += length;
  load->left -= length;
  return p;
}

static uint64_t
number (const uint8_t *p, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, p, size);
  return GUINT64_FROM_LE (value);
}

/* -- Memory ---------------------------------------------------------------------------------------- */

static gboolean
all_zero (const uint8_t *p, size_t length)
{
  return p[0] == 0 && memcmp (p, p + 1, length - 1) == 0;
}

static Region *
find_ram (Load *load, const char *name, GError **error)
{
  for (guint i = 0; i < load->vm->rams->len; i++)
    if (g_strcmp0 (region_name (load->vm->rams->pdata[i]), name) == 0)
      return load->vm->rams->pdata[i];
  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
               "The saved state has memory “%s” that this machine does not have", name);
  return NULL;
}

/* `n` bytes of frame, 0 for zeroes, to `length` bytes of memory. */
static gboolean
unpack (Region *region, uint64_t offset, size_t length, const uint8_t *frame, size_t n)
{
  uint8_t *host = region_host (region) + offset;

  if (n != 0)
    return ZSTD_decompress (host, length, frame, n) == length;
  if (!region_untouched (region, offset, length) && !all_zero (host, length))
    memset (host, 0, length);
  return TRUE;
}

/* Formats 1 and 2; always a mapping. */
static gboolean
load_ram_old (Load *load, Region *region, uint64_t length, GError **error)
{
  uint64_t size = region_size (region);

  if (length != size)
    return damaged (region_name (region), error);
  for (uint64_t at = 0; at < size; at += RAM_CHUNK)
    {
      const uint8_t *p = take (load, 4, NULL, error);
      size_t packed = p != NULL ? number (p, 4) : 0;

      if (p == NULL || (p = take (load, packed, NULL, error)) == NULL)
        return FALSE;
      if (!unpack (region, at, MIN (RAM_CHUNK, size - at), p, packed))
        return damaged (region_name (region), error);
    }
  region_mark_dirty (region, 0, size);
  return TRUE;
}

static gboolean
load_pages (Load *load, const char *name, uint64_t length, GError **error)
{
  Region *region = find_ram (load, name, error);
  const uint8_t *p;
  uint64_t first, n_pages, count, packed;

  if (region == NULL)
    return FALSE;
  if (!g_hash_table_contains (load->rams, region) || length < 16 || length > SCRATCH)
    return damaged (name, error);
  p = take (load, (size_t)length, load->scratch, error);
  if (p == NULL)
    return FALSE;
  first = number (p, 8);
  count = number (p + 8, 4);
  packed = number (p + 12, 4);
  n_pages = region_size (region) / GUEST_PAGE_SIZE;
  if (packed != length - 16 || count == 0 || count > SAVE_BATCH / GUEST_PAGE_SIZE || first >= n_pages
      || count > n_pages - first
      || !unpack (region, first * GUEST_PAGE_SIZE, (size_t)count * GUEST_PAGE_SIZE, p + 16, (size_t)packed))
    return damaged (name, error);
  region_mark_dirty (region, first * GUEST_PAGE_SIZE, count * GUEST_PAGE_SIZE);
  return TRUE;
}

static gboolean
load_ram (Load *load, const char *name, uint64_t length, GError **error)
{
  Region *region = find_ram (load, name, error);
  uint8_t size[8];
  const uint8_t *p;

  if (region == NULL)
    return FALSE;
  if (!g_hash_table_add (load->rams, region))
    return damaged (name, error);
  if (load->format < 3)
    return load_ram_old (load, region, length, error);
  if (length != sizeof size)
    return damaged (name, error);
  p = take (load, sizeof size, size, error);
  if (p != NULL && number (p, 8) != region_size (region))
    return damaged (name, error);
  return p != NULL;
}

/* -- The other parts ------------------------------------------------------------------------------- */

static gboolean
same_kind (char a, char b)
{
  return a == b || (g_ascii_toupper (a) == SAVE_DEVICE && g_ascii_toupper (b) == SAVE_DEVICE);
}

static Part *
find_part (Load *load, char kind, const char *name)
{
  for (guint i = 0; i < load->parts->len; i++)
    {
      Part *part = load->parts->pdata[i];

      if (same_kind (part->kind, kind) && g_str_equal (part->name, name))
        return part;
    }
  return NULL;
}

static gboolean
keep_part (Load *load, char kind, const char *name, unsigned version, uint64_t length, GError **error)
{
  Part *part;

  if (find_part (load, kind, name) != NULL)
    return damaged (name, error);
  if (load->parts->len >= MAX_PARTS
      || (load->fd >= 0 && (length > MAX_SECTION || length > MAX_STREAM - load->waiting)))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "The saved state has more data than a machine has");
      return FALSE;
    }
  part = g_new0 (Part, 1);
  *part = (Part){ .kind = kind, .name = g_strdup (name), .version = version, .length = (size_t)length };
  g_ptr_array_add (load->parts, part);
  if (load->fd >= 0)
    {
      part->owned = g_malloc (MAX (part->length, 1));
      load->waiting += part->length;
    }
  part->data = take (load, part->length, part->owned, error);
  return part->data != NULL;
}

static gboolean
load_end (Load *load, uint64_t length, GError **error)
{
  uint8_t digest[SAVE_SHA], said[SAVE_SHA];
  gsize n = sizeof digest;

  if (length != SAVE_SHA)
    return damaged ("end", error);
  if (load->fd < 0)
    return load->left == SAVE_SHA || damaged ("end", error); /* the whole has been checked */
  g_checksum_get_digest (load->sum, digest, &n);
  if (!read_stream (load, said, sizeof said, error))
    return FALSE;
  if (memcmp (said, digest, sizeof digest) == 0)
    return TRUE;
  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "The saved state is damaged: its checksum is wrong");
  return FALSE;
}

static gboolean
load_section (Load *load, gboolean *end, GError **error)
{
  uint8_t head[2], rest[12];
  char name[256] = "";
  const uint8_t *p = take (load, 2, head, error);
  unsigned name_length, version = 0;
  uint64_t length;
  char kind;

  if (p == NULL)
    return FALSE;
  kind = (char)p[0];
  name_length = p[1];
  if ((p = take (load, name_length, (uint8_t *)name, error)) == NULL)
    return FALSE;
  if (p != (const uint8_t *)name)
    memcpy (name, p, name_length);
  if (!g_utf8_validate (name, -1, NULL))
    return damaged (name, error);
  if ((p = take (load, load->format < 3 ? 8 : 12, rest, error)) == NULL)
    return FALSE;
  if (load->format >= 3)
    {
      version = (unsigned)number (p, 4);
      p += 4;
    }
  length = number (p, 8);
  if (load->fd < 0 && kind != SAVE_RAM && length > load->left)
    return damaged (name, error);
  switch (kind)
    {
    case SAVE_RAM:
      return load_ram (load, name, length, error);
    case SAVE_END:
      *end = TRUE;
      return load_end (load, length, error);
    case SAVE_PAGES:
      if (load->format < 3)
        break;
      return load_pages (load, name, length, error);
    case SAVE_CLOCK:
    case SAVE_DEVICE:
    case SAVE_DEVICE_OPTIONAL:
    case SAVE_MODEL:
    case SAVE_CPU:
      return keep_part (load, kind, name, version, length, error);
    default:
      if (load->format < 3)
        break;
      if (g_ascii_islower (kind))
        return keep_part (load, kind, name, version, length, error);
      g_set_error (error, STATE_ERROR, STATE_ERROR_NEWER,
                   "The saved state has a part (“%s”) that this version doesn't know: load it with the newer "
                   "Vivarium that saved it",
                   name);
      return FALSE;
    }
  return damaged (name, error);
}

/* -- What was read becomes the machine's ------------------------------------------------------------ */

static gboolean
apply_clock (Load *load, GError **error)
{
  Part *part = find_part (load, SAVE_CLOCK, "clock");

  /* Below 2^62 ns (146 years), so that sums of times stay in their type.  Format 1 doesn't tell when. */
  if (part == NULL || (part->length != 8 && part->length != 16) || part->data[7] > 0x3f)
    return damaged ("clock", error);
  part->used = TRUE;
  vm_clock_set (load->vm->clock, (int64_t)number (part->data, 8),
                part->length == 16 ? (int64_t)number (part->data + 8, 8) : -1);
  return TRUE;
}

static gboolean
lacks (Load *load, const char *what, GError **error)
{
  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
               "It lacks a part of this machine (“%s”): it was saved by a machine of another shape", what);
  return FALSE;
}

static gboolean
apply_device (Load *load, Device *device, GError **error)
{
  Part *part = find_part (load, SAVE_DEVICE, device->id);

  if (part == NULL)
    return device->klass->optional || lacks (load, device->id, error);
  part->used = TRUE;
  if (state_load_version (device->klass->state, device, part->version, part->data, part->length, error)
      && (device->klass->post_load == NULL || device->klass->post_load (device, error)))
    return TRUE;
  g_prefix_error (error, "%s: ", device->id);
  return FALSE;
}

static gboolean
accept_all (Load *load, GError **error)
{
  for (guint i = 0; i < load->vm->devices->len; i++)
    {
      Device *device = load->vm->devices->pdata[i];

      if (device->klass->accept != NULL && !device->klass->accept (device, error))
        {
          g_prefix_error (error, "%s: ", device->id);
          return FALSE;
        }
    }
  return TRUE;
}

/* Older files don't have one. */
static gboolean
apply_model (Load *load, GError **error)
{
  const VmProcessorOps *processor = load->vm->processor;
  Part *part = find_part (load, SAVE_MODEL, "processor");

  if (processor == NULL || processor->load_model == NULL || part == NULL)
    return TRUE;
  part->used = TRUE;
  return processor->load_model (load->vm->processor_opaque, part->version, part->data, part->length, error);
}

static gboolean
apply_processors (Load *load, GError **error)
{
  Vm *vm = load->vm;
  const VmProcessorOps *processor = vm->processor;

  if (processor == NULL || processor->load == NULL)
    return TRUE;
  for (unsigned i = 0; i < vm->n_cpus; i++)
    {
      g_autofree char *name = g_strdup_printf ("cpu%u", i);
      Part *part = find_part (load, SAVE_CPU, name);

      if (part == NULL)
        return lacks (load, name, error);
      part->used = TRUE;
      if (!processor->load (vm->processor_opaque, i, part->data, part->length, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
apply_all (Load *load, GError **error)
{
  Vm *vm = load->vm;

  for (guint i = 0; i < vm->rams->len; i++)
    if (!g_hash_table_contains (load->rams, vm->rams->pdata[i]))
      return lacks (load, region_name (vm->rams->pdata[i]), error);
  if (!apply_model (load, error) || !apply_clock (load, error))
    return FALSE;
  for (guint i = 0; i < vm->devices->len; i++)
    if (!apply_device (load, vm->devices->pdata[i], error))
      return FALSE;
  if (!apply_processors (load, error))
    return FALSE;
  for (guint i = 0; i < load->parts->len; i++)
    {
      Part *part = load->parts->pdata[i];

      if (part->used || g_ascii_islower (part->kind))
        continue;
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT,
                   part->kind == SAVE_DEVICE
                       ? "The saved state has a device “%s” that this machine does not have"
                       : "The saved state has a part “%s” that this machine has no place for",
                   part->name);
      return FALSE;
    }
  return accept_all (load, error);
}

static gboolean
load_all (Load *load, GError **error)
{
  uint8_t head[12];
  const uint8_t *p = take (load, sizeof head, head, error);
  gboolean end = FALSE, ok;

  if (p == NULL)
    return FALSE;
  if (memcmp (p, SAVE_MAGIC, 8) != 0)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "This is not a saved machine");
      return FALSE;
    }
  load->format = (unsigned)number (p + 8, 2); /* any minor version */
  if (load->format < 1 || load->format > SAVE_FORMAT || (load->fd >= 0 && load->format < 3)
      || (load->format < 3 && number (p + 10, 2) != 0))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_NEWER,
                   "It was saved by a newer Vivarium (format %u; this one reads up to %u): load it with that",
                   load->format, SAVE_FORMAT);
      return FALSE;
    }
  while (!end)
    if (!load_section (load, &end, error))
      return FALSE;
  vm_lock (load->vm);
  address_space_begin (load->vm->memory);
  address_space_begin (load->vm->ports);
  ok = apply_all (load, error);
  address_space_commit (load->vm->ports);
  address_space_commit (load->vm->memory);
  vm_unlock (load->vm);
  return ok;
}

static gboolean
run (Load *load, GError **error)
{
  gboolean ok;

  load->parts = g_ptr_array_new_with_free_func (part_free);
  load->rams = g_hash_table_new (NULL, NULL);
  load->sum = g_checksum_new (G_CHECKSUM_SHA256);
  load->scratch = load->fd >= 0 ? g_malloc (SCRATCH) : NULL;
  ok = load_all (load, error);
  if (!ok)
    g_prefix_error (error, "%s: ", load->name);
  g_free (load->scratch);
  g_checksum_free (load->sum);
  g_hash_table_unref (load->rams);
  g_ptr_array_unref (load->parts);
  return ok;
}

static gboolean
check_digest (const uint8_t *data, size_t length)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  uint8_t digest[SAVE_SHA];
  gsize n = sizeof digest;

  g_checksum_update (sum, data, (gssize)(length - SAVE_SHA));
  g_checksum_get_digest (sum, digest, &n);
  return memcmp (digest, data + length - SAVE_SHA, SAVE_SHA) == 0;
}

gboolean
vm_load (Vm *vm, const char *path, GError **error)
{
  int fd = host_file_open (path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  g_autoptr (GMappedFile) file = fd >= 0 ? g_mapped_file_new_from_fd (fd, FALSE, error) : NULL;
  Load load = { .vm = vm, .name = path, .fd = -1 };

  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, (gint)g_file_error_from_errno (errno), "Can't read “%s”: %s", path,
                 g_strerror (errno));
  else
    close (fd);

  if (file == NULL)
    return FALSE;
  load.data = (const uint8_t *)g_mapped_file_get_contents (file);
  load.left = g_mapped_file_get_length (file);
  if (load.left < 12 + SAVE_SHA || memcmp (load.data, SAVE_MAGIC, 8) != 0
      || !check_digest (load.data, load.left))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "%s is not a saved machine, or it is damaged",
                   path);
      return FALSE;
    }
  return run (&load, error);
}

gboolean
vm_load_fd (Vm *vm, int fd, const char *name, GError **error)
{
  Load load = { .vm = vm, .name = name, .fd = fd };

  g_return_val_if_fail (fd >= 0, FALSE);
  return run (&load, error);
}
