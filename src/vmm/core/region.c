/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Regions: host memory with its dirty log, and register functions with their access sizes.
 */
#define G_LOG_DOMAIN "memory"

#include "core/region.h"

#include "base/host-files.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static Region *
region_alloc (const char *name, uint64_t size)
{
  Region *region = g_new0 (Region, 1);

  region->refs = 1;
  region->name = g_strdup (name);
  region->size = size;
  region->fd = -1;
  region->spaces = g_ptr_array_new ();
  g_mutex_init (&region->bell_lock);
  return region;
}

#ifndef F_SEAL_FUTURE_WRITE /* Linux 5.1; older C libraries */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* A memfd that can neither shrink (a viewer would get SIGBUS) nor grow. */
static int
sealed_memfd (const char *name, uint64_t size, GError **error)
{
  int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, (off_t)size) < 0 || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    {
      int code = errno;

      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code),
                   "Can't make %" G_GUINT64_FORMAT " MiB of shared memory for %s: %s", size >> 20, name,
                   g_strerror (code));
      if (fd >= 0)
        close (fd);
      return -1;
    }
  return fd;
}

#ifdef __SANITIZE_THREAD__
void AnnotateBenignRaceSized (const char *file, int line, const volatile void *memory, size_t size,
                              const char *description);
#endif

/* Of this process: a number of 64 bits a page.  Opened with the first RAM, before the monitor confines itself. */
static int
pagemap (void)
{
  static gsize opened;
  static int fd;

  if (g_once_init_enter (&opened))
    {
      fd = host_file_open ("/proc/self/pagemap", O_RDONLY);
      g_once_init_leave (&opened, 1);
    }
  return fd;
}

Region *
region_new_ram (const char *name, uint64_t size, RamFlags flags, GError **error)
{
  Region *region;
  int fd = -1;
  void *host;

  size = (size + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  g_return_val_if_fail (size > 0, NULL);
  if (flags & RAM_SHARED)
    {
      fd = sealed_memfd (name, size, error);
      if (fd < 0)
        return NULL;
      host = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
  else
    {
      /* Huge pages want 2 MiB alignment on both sides: take more, give the ends back. */
      const size_t align = 2u << 20;
      size_t want = size >= align ? size + align : size;
      uint8_t *raw
          = mmap (NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

      host = raw;
      if (raw != MAP_FAILED && want > size)
        {
          uint8_t *aligned = (uint8_t *)(((uintptr_t)raw + align - 1) & ~(uintptr_t)(align - 1));

          if (aligned > raw)
            munmap (raw, (size_t)(aligned - raw));
          if (aligned + size < raw + want)
            munmap (aligned + size, (size_t)(raw + want - (aligned + size)));
          host = aligned;
        }
    }
  if (host == MAP_FAILED)
    {
      int code = errno;

      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code),
                   "The host can't give %" G_GUINT64_FORMAT
                   " MiB of memory for %s: %s. Give the machine less memory "
                   "or end other programs.",
                   size >> 20, name, g_strerror (code));
      if (fd >= 0)
        close (fd);
      return NULL;
    }
#ifdef __SANITIZE_THREAD__
  /* A guest's own programs may race on its memory, and its processor with the devices that it has set to work there. */
  AnnotateBenignRaceSized (__FILE__, __LINE__, host, size, "guest memory");
#endif
  /* Advice only: a host without these features runs the machine as well. */
  if (flags & RAM_HUGE)
    (void)madvise (host, size, MADV_HUGEPAGE);
  if (flags & RAM_MERGEABLE)
    (void)madvise (host, size, MADV_MERGEABLE);
  /* A crash of the monitor should not write the guest's memory to disk. */
  (void)madvise (host, size, MADV_DONTDUMP);

  region = region_alloc (name, size);
  region->host = host;
  region->fd = fd;
  region->flags = flags;
  (void)pagemap ();
  return region;
}

gboolean
region_untouched (const Region *region, uint64_t offset, uint64_t length)
{
  const uint64_t present_or_swapped = (uint64_t)3 << 62; /* admin-guide/mm/pagemap.rst */
  const uintptr_t page_size = (uintptr_t)sysconf (_SC_PAGESIZE);
  uintptr_t at = (uintptr_t)region->host + offset, end = at + length;
  uint64_t entries[256];

  /* Shared memory may have pages that this process has not mapped. */
  if (region->host == NULL || region->fd >= 0)
    return FALSE;
  for (at /= page_size, end = (end + page_size - 1) / page_size; at < end;)
    {
      size_t n = MIN (end - at, G_N_ELEMENTS (entries));

      if (pread (pagemap (), entries, 8 * n, (off_t)(8 * at)) != (ssize_t)(8 * n))
        return FALSE;
      for (size_t i = 0; i < n; i++)
        if ((entries[i] & present_or_swapped) != 0)
          return FALSE;
      at += n;
    }
  return TRUE;
}

Region *
region_new_io (const char *name, uint64_t size, const IoOps *ops, void *opaque)
{
  Region *region = region_alloc (name, size);

  region->ops = ops;
  region->opaque = opaque;
  return region;
}

void
region_set_rom_write (Region *region, const IoOps *ops, void *opaque)
{
  g_return_if_fail (region_is_rom (region));
  region->ops = ops;
  region->opaque = opaque;
}

static void
region_changed (Region *region)
{
  for (unsigned i = 0; i < region->spaces->len; i++)
    address_space_region_changed (region->spaces->pdata[i]);
}

void
region_disconnect (Region *region)
{
  static const IoOps nothing = { 0 };

  g_return_if_fail (region->host == NULL);
  region->ops = &nothing;
  region->opaque = NULL;
  if (region->n_bells > 0)
    {
      g_mutex_lock (&region->bell_lock);
      g_clear_pointer (&region->bells, g_free);
      __atomic_store_n (&region->n_bells, 0, __ATOMIC_RELAXED);
      g_mutex_unlock (&region->bell_lock);
      region_changed (region);
    }
}

Region *
region_ref (Region *region)
{
  g_atomic_int_inc (&region->refs);
  return region;
}

void
region_unref (Region *region)
{
  if (region == NULL || !g_atomic_int_dec_and_test (&region->refs))
    return;
  if (region->host != NULL)
    munmap (region->host, region->size);
  if (region->fd >= 0)
    close (region->fd);
  for (unsigned i = 0; i < N_DIRTY_CLIENTS; i++)
    g_free (region->dirty[i]);
  g_ptr_array_unref (region->spaces);
  g_mutex_clear (&region->bell_lock);
  g_free (region->bells);
  g_free (region->name);
  g_free (region);
}

const char *
region_name (const Region *region)
{
  return region->name;
}

uint64_t
region_size (const Region *region)
{
  return region->size;
}

gboolean
region_is_ram (const Region *region)
{
  return region->host != NULL;
}

gboolean
region_is_rom (const Region *region)
{
  return region->host != NULL && (region->flags & RAM_ROM) != 0;
}

uint8_t *
region_host (const Region *region)
{
  return region->host;
}

int
region_fd (const Region *region)
{
  /* Who gets the descriptor reads.  Before Linux 5.1 a viewer is given one of its own.  Not before somebody asks: a file that is sealed so
   * gives no page back. */
  if (region->fd >= 0)
    {
      (void)fcntl (region->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
      (void)fcntl (region->fd, F_ADD_SEALS, F_SEAL_SEAL);
    }
  return region->fd;
}

/* -- Dirty log ------------------------------------------------------------------------------------ */

void
region_set_dirty_log (Region *region, DirtyClient client, gboolean on)
{
  guint bit = 1u << client;
  guint before = (guint)g_atomic_int_get (&region->dirty_on);

  g_return_if_fail (region->host != NULL);
  if (((before & bit) != 0) == (on != FALSE))
    return;
  if (region->dirty[client] == NULL)
    {
      region->dirty_words = (region->size / GUEST_PAGE_SIZE + 63) / 64;
      region->dirty[client] = g_new0 (uint64_t, region->dirty_words);
    }
  if (on)
    {
      memset (region->dirty[client], 0xff, region->dirty_words * sizeof (uint64_t));
      g_atomic_int_or (&region->dirty_on, bit);
    }
  else
    g_atomic_int_and (&region->dirty_on, ~bit);
  if ((before == 0) != (g_atomic_int_get (&region->dirty_on) == 0))
    region_changed (region);
}

gboolean
region_dirty_log_on (const Region *region)
{
  return g_atomic_int_get (&region->dirty_on) != 0;
}

static inline void
dirty_or (uint64_t *word, uint64_t bits)
{
  /* Mostly set already: a load is cheaper than a locked instruction. */
  if ((__atomic_load_n (word, __ATOMIC_RELAXED) & bits) != bits)
    __atomic_fetch_or (word, bits, __ATOMIC_RELEASE);
}

void
region_mark_dirty (Region *region, uint64_t offset, uint64_t length)
{
  guint on = (guint)g_atomic_int_get (&region->dirty_on);
  uint64_t first, last;
  RegionWritten written;

  if (length == 0 || offset >= region->size)
    return;
  length = MIN (length, region->size - offset);
  written = __atomic_load_n (&region->written, __ATOMIC_ACQUIRE);
  if (written != NULL)
    written (region, offset, length, region->written_opaque);
  if (on == 0)
    return;
  first = offset >> GUEST_PAGE_SHIFT;
  last = (offset + length - 1) >> GUEST_PAGE_SHIFT;
  for (unsigned c = 0; c < N_DIRTY_CLIENTS; c++)
    if (on & 1u << c)
      for (uint64_t page = first; page <= last; page++)
        dirty_or (&region->dirty[c][page / 64], 1ULL << (page % 64));
}

void
region_merge_dirty (Region *region, uint64_t first, uint64_t count, const uint64_t *bitmap)
{
  guint on = (guint)g_atomic_int_get (&region->dirty_on);
  uint64_t n_pages = region->size >> GUEST_PAGE_SHIFT;

  for (uint64_t i = 0; i < (count + 63) / 64; i++)
    {
      uint64_t word = bitmap[i];

      while (word != 0)
        {
          uint64_t page = first + i * 64 + (unsigned)__builtin_ctzll (word);

          word &= word - 1;
          if (page >= n_pages || page >= first + count)
            continue;
          for (unsigned c = 0; c < N_DIRTY_CLIENTS; c++)
            if (on & 1u << c)
              dirty_or (&region->dirty[c][page / 64], 1ULL << (page % 64));
        }
    }
}

void
region_set_sync_dirty (Region *region, RegionSyncDirty sync, void *opaque)
{
  region->sync = sync;
  region->sync_opaque = opaque;
}

void
region_set_written (Region *region, RegionWritten written, void *opaque)
{
  if (written != NULL)
    region->written_opaque = opaque;
  __atomic_store_n (&region->written, written, __ATOMIC_RELEASE);
}

gboolean
region_take_dirty (Region *region, DirtyClient client, uint64_t first, uint64_t count, uint64_t *bitmap)
{
  uint64_t n_pages = region->size >> GUEST_PAGE_SHIFT;
  gboolean any = FALSE;

  memset (bitmap, 0, (count + 63) / 64 * sizeof (uint64_t));
  if (region->dirty[client] == NULL || first >= n_pages)
    return FALSE;
  count = MIN (count, n_pages - first);
  if (region->sync != NULL)
    region->sync (region, region->sync_opaque);

  for (uint64_t i = 0; i < count;)
    {
      uint64_t page = first + i;
      unsigned shift = page % 64;
      unsigned n = (unsigned)MIN (64 - shift, count - i);
      uint64_t mask = (n == 64 ? ~0ULL : (1ULL << n) - 1) << shift;
      uint64_t *word = &region->dirty[client][page / 64];
      uint64_t bits = __atomic_load_n (word, __ATOMIC_RELAXED) & mask;

      if (bits != 0)
        {
          bits = __atomic_fetch_and (word, ~mask, __ATOMIC_ACQ_REL) & mask;
          bits >>= shift;
          any = TRUE;
          bitmap[i / 64] |= bits << (i % 64);
          if (i % 64 != 0 && i % 64 + n > 64)
            bitmap[i / 64 + 1] |= bits >> (64 - i % 64);
        }
      i += n;
    }
  return any;
}

/* -- Registers ------------------------------------------------------------------------------------ */

static inline uint64_t
ones (unsigned size)
{
  return size >= 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

uint64_t
region_io_read (Region *region, uint64_t offset, unsigned size)
{
  const IoOps *ops = region->ops;
  unsigned impl_min = MAX (ops->impl_min, 1), impl_max = ops->impl_max ? ops->impl_max : 8;
  uint64_t value = 0;

  if (ops->read == NULL || size < ops->valid_min || (ops->valid_max && size > ops->valid_max))
    return ones (size);
  if (size >= impl_min && size <= impl_max)
    return ops->read (region->opaque, offset, size) & ones (size);
  if (size < impl_min)
    {
      uint64_t base = offset & ~(uint64_t)(impl_min - 1);

      if (base + impl_min > region->size)
        return ones (size);
      return (ops->read (region->opaque, base, impl_min) >> (8 * (offset - base))) & ones (size);
    }
  for (unsigned i = 0; i < size; i += impl_max)
    value |= (ops->read (region->opaque, offset + i, impl_max) & ones (impl_max)) << (8 * i);
  return value;
}

void
region_io_write (Region *region, uint64_t offset, uint64_t value, unsigned size)
{
  const IoOps *ops = region->ops;
  unsigned impl_min = MAX (ops->impl_min, 1), impl_max = ops->impl_max ? ops->impl_max : 8;

  if (ops->write == NULL || size < ops->valid_min || (ops->valid_max && size > ops->valid_max))
    return;
  value &= ones (size);
  if (size < impl_min)
    {
      if (offset + impl_min <= region->size)
        ops->write (region->opaque, offset, value, impl_min);
      return;
    }
  if (size <= impl_max)
    {
      ops->write (region->opaque, offset, value, size);
      return;
    }
  for (unsigned i = 0; i < size; i += impl_max)
    ops->write (region->opaque, offset + i, (value >> (8 * i)) & ones (impl_max), impl_max);
}

/* -- Doorbells ------------------------------------------------------------------------------------ */

static unsigned
find_bell (const Region *region, const Doorbell *wanted)
{
  unsigned n;

  for (n = 0; n < region->n_bells; n++)
    {
      const Doorbell *bell = &region->bells[n];

      if (bell->address == wanted->address && bell->size == wanted->size && bell->match == wanted->match
          && bell->value == wanted->value)
        break;
    }
  return n;
}

gboolean
region_set_doorbell (Region *region, uint64_t address, unsigned size, const uint64_t *value, int fd)
{
  Doorbell wanted = { .address = address, .size = size, .match = value != NULL, .fd = fd };
  unsigned at, n = region->n_bells;
  gboolean found;

  g_return_val_if_fail (region->host == NULL && (size & (size - 1)) == 0 && size <= 8, FALSE);
  if (address >= region->size || region->size - address < MAX (size, 1))
    return FALSE;
  if (value != NULL)
    wanted.value = size == 0 ? *value : *value & ones (size);
  at = find_bell (region, &wanted);
  found = at < n;
  if (found == (fd >= 0))
    return FALSE;

  g_mutex_lock (&region->bell_lock);
  if (found)
    {
      region->bells[at] = region->bells[--n];
    }
  else
    {
      region->bells = g_renew (Doorbell, region->bells, n + 1);
      region->bells[n++] = wanted;
    }
  __atomic_store_n (&region->n_bells, n, __ATOMIC_RELAXED);
  g_mutex_unlock (&region->bell_lock);
  region_changed (region);
  return TRUE;
}

const Doorbell *
region_doorbells (const Region *region, unsigned *n)
{
  *n = region->n_bells;
  return region->bells;
}

gboolean
region_ring (Region *region, uint64_t offset, uint64_t value, unsigned size)
{
  const uint64_t one = 1;
  gboolean hit = FALSE;

  if (G_LIKELY (__atomic_load_n (&region->n_bells, __ATOMIC_RELAXED) == 0))
    return FALSE;
  value &= ones (size);
  g_mutex_lock (&region->bell_lock);
  for (unsigned i = 0; i < region->n_bells && !hit; i++)
    {
      const Doorbell *bell = &region->bells[i];

      if (bell->address != offset || (bell->size != 0 && bell->size != size)
          || (bell->match && bell->value != value))
        continue;
      hit = TRUE;
      /* A counter that is full says what one more would say. */
      if (write (bell->fd, &one, sizeof one) < 0 && errno != EAGAIN)
        g_warning ("%s: doorbell: %s", region->name, g_strerror (errno));
    }
  g_mutex_unlock (&region->bell_lock);
  return hit;
}
