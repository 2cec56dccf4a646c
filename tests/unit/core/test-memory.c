/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Address spaces, regions, dirty logs and DMA.
 */
#include "core/region.h"
#include "core/vm.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct
{
  uint64_t reads, writes, last_addr, last_value;
  unsigned last_size;
} Probe;

static uint64_t
probe_read (void *opaque, uint64_t addr, unsigned size)
{
  Probe *probe = opaque;

  probe->reads++;
  probe->last_addr = addr;
  probe->last_size = size;
  return 0x8877665544332211ULL >> (8 * (addr & 7));
}

static void
probe_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Probe *probe = opaque;

  probe->writes++;
  probe->last_addr = addr;
  probe->last_value = value;
  probe->last_size = size;
}

static uint64_t
load (AddressSpace *as, uint64_t addr, unsigned size)
{
  AccessCache cache = { 0 };
  uint64_t value = address_space_load (as, &cache, addr, size, FALSE);

  access_cache_clear (&cache);
  return value;
}

static void
store (AddressSpace *as, uint64_t addr, uint64_t value, unsigned size)
{
  AccessCache cache = { 0 };

  address_space_store (as, &cache, addr, value, size, FALSE);
  access_cache_clear (&cache);
}

static void
test_overlay (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) low = region_new_ram ("low", 0x10000, RAM_DEFAULT, NULL);
  g_autoptr (Region) high = region_new_ram ("high", 0x1000, RAM_DEFAULT, NULL);
  Mapping *over;
  FlatView *view;

  address_space_map (vm->memory, low, 0, 0, 0x10000, 0);
  over = address_space_map (vm->memory, high, 0x4000, 0, 0x1000, 1);
  memset (region_host (low), 0x11, 0x10000);
  memset (region_host (high), 0x22, 0x1000);

  view = address_space_ref_view (vm->memory);
  g_assert_cmpuint (view->n_ranges, ==, 3);
  g_assert_cmpuint (view->ranges[2].start, ==, 0x5000);
  g_assert_cmpuint (view->ranges[2].offset, ==, 0x5000);
  flat_view_unref (view);
  /* Across both edges of the overlay, byte by byte. */
  g_assert_cmphex (load (vm->memory, 0x3ffe, 4), ==, 0x22221111);
  g_assert_cmphex (load (vm->memory, 0x4ffe, 4), ==, 0x11112222);
  mapping_set_enabled (over, FALSE);
  g_assert_cmphex (load (vm->memory, 0x4000, 4), ==, 0x11111111);
  mapping_set_enabled (over, TRUE);
  mapping_move (over, 0xf000);
  g_assert_cmphex (load (vm->memory, 0xf000, 2), ==, 0x2222);
  g_assert_cmphex (load (vm->memory, 0x4000, 2), ==, 0x1111);
  /* Nothing is mapped behind: all ones. */
  g_assert_cmphex (load (vm->memory, 0x10000, 8), ==, G_MAXUINT64);
  g_assert_cmphex (load (vm->memory, 0x10000, 1), ==, 0xff);
  /* A load that begins in the hole and ends in memory. */
  mapping_move (over, 0x11000);
  g_assert_cmphex (load (vm->memory, 0x10ffe, 4), ==, 0x2222ffff);
  mapping_move (over, 0xf000);
  mapping_remove (over);
  g_assert_cmphex (load (vm->memory, 0xf000, 2), ==, 0x1111);
}

/* A space over another one hides what it has there, whatever the priorities, and follows it. */
static void
test_over (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) low = region_new_ram ("low", 0x10000, RAM_DEFAULT, NULL);
  g_autoptr (Region) own = region_new_ram ("own", 0x1000, RAM_DEFAULT, NULL);
  Mapping *below, *above;

  memset (region_host (low), 0x11, 0x10000);
  memset (region_host (own), 0x22, 0x1000);
  below = address_space_map (vm->memory, low, 0, 0, 0x10000, 100);
  g_assert_false (address_space_is_used (vm->smm_memory));
  g_assert_true (vm_memory_in_smm (vm) == vm->memory);
  above = address_space_map (vm->smm_memory, own, 0x4000, 0, 0x1000, 0);
  g_assert_true (vm_memory_in_smm (vm) == vm->smm_memory);
  g_assert_cmphex (load (vm->smm_memory, 0x3ffe, 4), ==, 0x22221111);
  g_assert_cmphex (load (vm->memory, 0x3ffe, 4), ==, 0x11111111);
  g_assert_cmphex (load (vm->smm_memory, 0xfff0, 4), ==, 0x11111111);
  store (vm->smm_memory, 0x4000, 0x33, 1);
  g_assert_cmphex (region_host (low)[0x4000], ==, 0x11);
  g_assert_cmphex (region_host (own)[0], ==, 0x33);
  mapping_move (below, 0x2000);
  g_assert_cmphex (load (vm->smm_memory, 0x1ffe, 4), ==, 0x1111ffff);
  g_assert_cmphex (load (vm->smm_memory, 0x4ffe, 4), ==, 0x11112222);
  mapping_set_enabled (above, FALSE);
  g_assert_cmphex (load (vm->smm_memory, 0x4000, 4), ==, 0x11111111);
  address_space_begin (vm->smm_memory);
  mapping_set_enabled (above, TRUE);
  mapping_move (below, 0);
  g_assert_cmphex (load (vm->smm_memory, 0x4000, 4), ==, 0x11111111);
  address_space_commit (vm->smm_memory);
  g_assert_cmphex (load (vm->smm_memory, 0x4000, 4), ==, 0x22222233);
  mapping_remove (above);
  g_assert_cmphex (load (vm->smm_memory, 0x4000, 4), ==, 0x11111111);
}

static void
test_readonly (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 0x1000, RAM_DEFAULT, NULL);
  g_autoptr (Region) rom = region_new_ram ("rom", 0x1000, RAM_ROM, NULL);
  Mapping *m = address_space_map (vm->memory, ram, 0, 0, 0x1000, 0);

  address_space_map (vm->memory, rom, 0x1000, 0, 0x1000, 0);
  store (vm->memory, 0, 0x1234, 2);
  mapping_set_readonly (m, TRUE);
  store (vm->memory, 0, 0xffff, 2);
  g_assert_cmphex (load (vm->memory, 0, 2), ==, 0x1234);
  store (vm->memory, 0x1000, 0xff, 1);
  g_assert_cmphex (load (vm->memory, 0x1000, 1), ==, 0);
  /* Loaders may write ROM. */
  g_assert_true (address_space_write_memory (vm->memory, 0x1000, "\x5a", 1));
  g_assert_cmphex (load (vm->memory, 0x1000, 1), ==, 0x5a);
}

static void
test_io_sizes (void)
{
  static const IoOps bytes = { probe_read, probe_write, 1, 1, 0, 0 };
  static const IoOps dwords = { probe_read, probe_write, 4, 4, 0, 0 };
  static const IoOps only_words = { probe_read, probe_write, 2, 2, 2, 2 };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Probe probe = { 0 };
  g_autoptr (Region) a = region_new_io ("bytes", 8, &bytes, &probe);
  g_autoptr (Region) b = region_new_io ("dwords", 8, &dwords, &probe);
  g_autoptr (Region) c = region_new_io ("words", 8, &only_words, &probe);

  address_space_map (vm->ports, a, 0x100, 0, 8, 0);
  address_space_map (vm->ports, b, 0x200, 0, 8, 0);
  address_space_map (vm->ports, c, 0x300, 0, 8, 0);
  g_assert_cmphex (load (vm->ports, 0x100, 4), ==, 0x44332211);
  g_assert_cmpuint (probe.reads, ==, 4);
  g_assert_cmphex (load (vm->ports, 0x202, 1), ==, 0x33);
  g_assert_cmpuint (probe.last_size, ==, 4);
  g_assert_cmpuint (probe.last_addr, ==, 0);
  store (vm->ports, 0x205, 0xab, 1);
  g_assert_cmpuint (probe.writes, ==, 0); /* 5 + 4 is past the end */
  g_assert_cmphex (load (vm->ports, 0x300, 1), ==, 0xff);
  g_assert_cmphex (load (vm->ports, 0x302, 2), ==, 0x4433);
  g_assert_cmphex (load (vm->ports, 0xfffe, 2), ==, 0xffff);
}

static void
test_dirty (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 200 * 4096, RAM_DEFAULT, NULL);
  uint64_t bits[4];

  address_space_map (vm->memory, ram, 0, 0, 200 * 4096, 0);
  store (vm->memory, 0, 1, 1);
  g_assert_false (region_take_dirty (ram, DIRTY_DISPLAY, 0, 200, bits));
  region_set_dirty_log (ram, DIRTY_DISPLAY, TRUE);
  g_assert_true (region_take_dirty (ram, DIRTY_DISPLAY, 0, 200, bits));
  g_assert_cmphex (bits[0], ==, G_MAXUINT64);
  g_assert_cmphex (bits[3], ==, 0xff);
  g_assert_false (region_take_dirty (ram, DIRTY_DISPLAY, 0, 200, bits));
  store (vm->memory, 70 * 4096 - 1, 0, 2);
  /* A window that starts inside a word. */
  g_assert_true (region_take_dirty (ram, DIRTY_DISPLAY, 60, 100, bits));
  g_assert_cmphex (bits[0], ==, 1ULL << 9 | 1ULL << 10);
  g_assert_cmphex (bits[1], ==, 0);
  region_mark_dirty (ram, 199 * 4096, 1 << 20);
  region_mark_dirty (ram, 1ULL << 40, 1);
  g_assert_true (region_take_dirty (ram, DIRTY_DISPLAY, 130, 70, bits));
  g_assert_cmphex (bits[0], ==, 0);
  g_assert_cmphex (bits[1], ==, 1ULL << 5);
}

/* Each window of each width must give the same bits as a plain model. */
static void
test_dirty_windows (void)
{
  g_autoptr (Region) ram = region_new_ram ("ram", 300 * 4096, RAM_DEFAULT, NULL);

  region_set_dirty_log (ram, DIRTY_MIGRATION, TRUE);
  for (unsigned i = 0; i < 2000; i++)
    {
      unsigned first = (unsigned)g_test_rand_int_range (0, 300),
               count = (unsigned)g_test_rand_int_range (1, 300);
      gboolean model[300] = { FALSE };
      uint64_t bits[6];

      region_take_dirty (ram, DIRTY_MIGRATION, 0, 300, bits);
      for (unsigned n = 0; n < 20; n++)
        {
          unsigned page = (unsigned)g_test_rand_int_range (0, 300);

          model[page] = TRUE;
          region_mark_dirty (ram, page * 4096ULL, 1);
        }
      region_take_dirty (ram, DIRTY_MIGRATION, first, count, bits);
      for (unsigned n = 0; n < count; n++)
        g_assert_cmpint ((bits[n / 64] >> (n % 64)) & 1, ==, first + n < 300 && model[first + n]);
    }
}

static void
on_quiesce (void *opaque)
{
  ++*(unsigned *)opaque;
}

static void
test_dma (void)
{
  static const IoOps ops = { probe_read, probe_write, 0, 0, 0, 0 };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 0x2000, RAM_DEFAULT, NULL);
  Probe probe = { 0 };
  g_autoptr (Region) io = region_new_io ("io", 0x1000, &ops, &probe);
  uint8_t buffer[64];
  unsigned quiesced = 0;
  Dma dma, queue;

  address_space_map (vm->memory, ram, 0, 0, 0x2000, 0);
  address_space_map (vm->memory, io, 0x2000, 0, 0x1000, 0);
  dma_init (&dma, vm->memory);
  g_assert_false (dma_write (&dma, 0, "x", 1)); /* not a bus master yet */
  dma_init_queue (&queue, &dma);
  g_assert_false (dma_enabled (&queue));
  dma.quiesce = on_quiesce;
  dma.opaque = &quiesced;
  dma_enable (&dma, TRUE);
  g_assert_true (dma_enabled (&queue));
  g_assert_true (dma_write32 (&dma, 0x1ffc, 0x11223344));
  g_assert_cmphex (dma_read32 (&dma, 0x1ffc), ==, 0x11223344);
  /* Into registers: refused, and the device isn't touched. */
  g_assert_false (dma_write (&dma, 0x1ffe, "abcd", 4));
  g_assert_cmpuint (probe.writes + probe.reads, ==, 0);
  g_assert_false (dma_read (&dma, 0x1ffe, buffer, 4));
  g_assert_cmphex (buffer[2], ==, 0xff);
  g_assert_false (dma_read (&dma, G_MAXUINT64 - 1, buffer, 4));
  g_assert_cmpuint (quiesced, ==, 0);
  dma_enable (&dma, FALSE);
  dma_enable (&dma, FALSE);
  g_assert_cmpuint (quiesced, ==, 1);
  g_assert_false (dma_write (&queue, 0, "x", 1));
  dma_clear (&dma);
  dma_clear (&queue);
}

static void
on_written (Region *region, uint64_t offset, uint64_t length, void *opaque)
{
  *(uint64_t *)opaque += length;
}

/* Guest pages as a vector: in place, whole or not at all, kept while they are mapped, and marked when they are given back. */
static void
test_dma_vector (void)
{
  static const IoOps ops = { probe_read, probe_write, 0, 0, 0, 0 };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Region *ram = region_new_ram ("ram", 0x4000, RAM_DEFAULT, NULL);
  g_autoptr (Region) rom = region_new_ram ("rom", 0x1000, RAM_DEFAULT, NULL);
  Probe probe = { 0 };
  g_autoptr (Region) io = region_new_io ("io", 0x1000, &ops, &probe);
  uint64_t written = 0, dirty[1];
  DmaVector vector;
  Dma dma;

  Mapping *mapping = address_space_map (vm->memory, ram, 0, 0, 0x4000, 0);
  mapping_set_readonly (address_space_map (vm->memory, rom, 0x4000, 0, 0x1000, 0), TRUE);
  address_space_map (vm->memory, io, 0x5000, 0, 0x1000, 0);
  region_set_written (ram, on_written, &written);
  dma_init (&dma, vm->memory);
  dma_vector_init (&vector);
  g_assert_false (dma_map_sg (&dma, &vector, 0, 16, TRUE)); /* no bus master */
  dma_enable (&dma, TRUE);
  g_assert_true (dma_map_sg (&dma, &vector, 0x1000, 0x800, TRUE));
  g_assert_true (dma_map_sg (&dma, &vector, 0x1800, 0x800, TRUE)); /* behind it: one piece */
  g_assert_true (dma_map_sg (&dma, &vector, 0x3ffe, 2, TRUE));
  g_assert_cmpuint (dma_vector_n (&vector), ==, 2);
  g_assert_cmpuint (vector.length, ==, 0x1002);
  g_assert_true (dma_vector_iov (&vector)[0].iov_base == region_host (ram) + 0x1000);
  g_assert_cmpuint (dma_vector_iov (&vector)[0].iov_len, ==, 0x1000);
  /* What isn't all writable memory changes nothing; reading from ROM is fine. */
  g_assert_false (dma_map_sg (&dma, &vector, 0x3fff, 2, TRUE));
  g_assert_false (dma_map_sg (&dma, &vector, 0x4fff, 2, FALSE));
  g_assert_false (dma_map_sg (&dma, &vector, 0x5000, 1, FALSE));
  g_assert_false (dma_map_sg (&dma, &vector, 0x6000, 1, FALSE));
  g_assert_false (dma_map_sg (&dma, &vector, 0, UINT64_C (1) << 60, TRUE));
  g_assert_false (dma_map_sg (&dma, &vector, G_MAXUINT64, 2, TRUE));
  g_assert_cmpuint (vector.length, ==, 0x1002);
  g_assert_cmpuint (dma_vector_n (&vector), ==, 2);
  g_assert_cmpuint (probe.reads + probe.writes, ==, 0);
  region_set_dirty_log (ram, DIRTY_MIGRATION, TRUE);
  region_take_dirty (ram, DIRTY_MIGRATION, 0, 4, dirty);
  dma_unmap_sg (&vector, TRUE);
  g_assert_true (region_take_dirty (ram, DIRTY_MIGRATION, 0, 4, dirty));
  g_assert_cmphex (dirty[0], ==, 0xa);
  g_assert_cmpuint (written, ==, 0x1002);
  g_assert_cmpuint (vector.length, ==, 0);
  /* From memory: read only, so nothing is marked. */
  g_assert_true (dma_map_sg (&dma, &vector, 0x3800, 0x1000, FALSE));
  g_assert_cmpuint (dma_vector_n (&vector), ==, 2);
  dma_unmap_sg (&vector, TRUE);
  g_assert_false (region_take_dirty (ram, DIRTY_MIGRATION, 0, 4, dirty));
  /* More pieces than there is room for. */
  for (unsigned i = 0; i < DMA_MAX_PIECES; i++)
    g_assert_true (dma_map_sg (&dma, &vector, 4 * i, 2, TRUE));
  g_assert_false (dma_map_sg (&dma, &vector, 0x3000, 2, TRUE));
  /* The memory stays, whatever happens to its mapping and its owner. */
  vm_lock (vm);
  mapping_remove (mapping);
  vm_unlock (vm);
  dma_clear (&dma);
  region_set_dirty_log (ram, DIRTY_MIGRATION, FALSE);
  region_unref (ram);
  *(volatile uint8_t *)dma_vector_iov (&vector)[0].iov_base = 1;
  dma_vector_free (&vector);
}

static void
test_shared (void)
{
  g_autoptr (Region) ram = region_new_ram ("shared", 5000, RAM_SHARED, NULL);

  g_assert_cmpuint (region_size (ram), ==, 8192);
  g_assert_cmpint (region_fd (ram), >=, 0);
}

/* -- Listeners and regions that lose their device ---------------------------------------------------- */

typedef struct
{
  uint64_t at_begin, at_commit;
} Seen;

static void
seen_begin (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  ((Seen *)opaque)->at_begin = address_space_generation (as);
}

static void
seen_commit (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  FlatView *view = address_space_ref_view (as);

  g_assert_true (view == new_view);
  flat_view_unref (view);
  ((Seen *)opaque)->at_commit = address_space_generation (as);
}

static void
test_listener_order (void)
{
  static const AddressSpaceListener listener = { seen_begin, seen_commit };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", GUEST_PAGE_SIZE, RAM_DEFAULT, NULL);
  Seen seen = { 0 };
  uint64_t before;

  address_space_add_listener (vm->memory, &listener, &seen);
  before = address_space_generation (vm->memory);
  vm_lock (vm);
  address_space_map (vm->memory, ram, 0, 0, GUEST_PAGE_SIZE, 0);
  vm_unlock (vm);
  g_assert_cmpuint (seen.at_begin, ==, before);
  g_assert_cmpuint (seen.at_commit, ==, before + 1);
  address_space_remove_listener (vm->memory, &listener, &seen);
}

static uint64_t
gone_read (void *opaque, uint64_t addr, unsigned size)
{
  ++*(gint *)opaque;
  return 0;
}

static gpointer
reader (gpointer data)
{
  Vm *vm = data;
  AccessCache cache = { 0 };
  uint64_t value = address_space_load (vm->memory, &cache, 0x1000, 1, FALSE);

  access_cache_clear (&cache);
  return GUINT_TO_POINTER ((guint)value);
}

/* A processor that has found a device and waits for the lock comes to it when it is gone. */
static void
test_disconnect (void)
{
  static const IoOps ops = { .read = gone_read };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Region *io;
  Mapping *mapping;
  GThread *thread;
  gint reads = 0;
  AccessCache cache = { 0 };
  const FlatRange *range;

  vm_lock (vm);
  io = region_new_io ("gone", 0x1000, &ops, &reads);
  mapping = address_space_map (vm->memory, io, 0x1000, 0, 0x1000, 0);
  region_unref (io);
  range = access_cache_find (&cache, vm->memory, 0x1000);
  thread = g_thread_new ("reader", reader, vm);
  g_usleep (20000); /* time to come to the lock; the test holds whether it has or not */
  mapping_remove (mapping);
  vm_unlock (vm);
  g_assert_cmphex (GPOINTER_TO_UINT (g_thread_join (thread)), ==, 0xff);
  /* The same without luck: the range that was found is still there. */
  g_assert_cmphex (region_io_read (range->region, 0, 2), ==, 0xffff);
  region_io_write (range->region, 0, 1, 2);
  g_assert_cmpint (reads, ==, 0);
  access_cache_clear (&cache);
}

typedef struct
{
  Dma device, queue;
  gint quit;
} Copier;

static gpointer
copy_all_the_time (gpointer data)
{
  Copier *copier = data;
  g_autofree uint8_t *buffer = g_malloc (0x20000);

  for (uint8_t i = 0; !g_atomic_int_get (&copier->quit); i++)
    {
      memset (buffer, i, 0x20000);
      dma_write (&copier->queue, 0, buffer, 0x20000);
    }
  return NULL;
}

/* When bus mastering has been turned off, a transfer that was under way has ended, and none begins. */
static void
test_dma_disable (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 0x20000, RAM_DEFAULT, NULL);
  const uint8_t *host = region_host (ram);
  Copier copier = { 0 };
  GThread *thread;

  address_space_map (vm->memory, ram, 0, 0, 0x20000, 0);
  dma_init (&copier.device, vm->memory);
  dma_init_queue (&copier.queue, &copier.device);
  thread = g_thread_new ("copier", copy_all_the_time, &copier);
  for (unsigned round = 0; round < 60; round++)
    {
      uint8_t first;

      dma_enable (&copier.device, TRUE);
      g_thread_yield ();
      dma_enable (&copier.device, FALSE);
      first = host[0];
      for (unsigned i = 0; i < 0x20000; i += 512)
        g_assert_cmphex (host[i], ==, first);
      g_thread_yield ();
      g_assert_cmphex (host[0], ==, first);
      g_assert_cmphex (host[0x1ffff], ==, first);
    }
  g_atomic_int_set (&copier.quit, 1);
  g_thread_join (thread);
  dma_clear (&copier.queue);
  dma_clear (&copier.device);
}

/* -- Doorbells ------------------------------------------------------------------------------------ */

static uint64_t
rings (int fd)
{
  uint64_t n = 0;

  return read (fd, &n, sizeof n) == sizeof n ? n : 0;
}

static unsigned bell_changes;

static void
on_bells (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  bell_changes++;
}

static void
test_doorbell (void)
{
  static const IoOps ops = { .read = probe_read, .write = probe_write };
  static const AddressSpaceListener listener = { .commit = on_bells };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Probe probe = { 0 };
  Region *region = region_new_io ("io", 0x100, &ops, &probe);
  const uint64_t value = 0xabcd1234u, other = 0xffffffff00000007u;
  int any = eventfd (0, EFD_NONBLOCK), match = eventfd (0, EFD_NONBLOCK);
  const Doorbell *bells;
  Mapping *m;
  unsigned n;

  vm_lock (vm);
  address_space_add_listener (vm->memory, &listener, NULL);
  m = address_space_map (vm->memory, region, 0x1000, 0x40, 0x40, 0);
  bell_changes = 0;
  g_assert_true (region_set_doorbell (region, 0x40, 0, NULL, any));
  g_assert_true (region_set_doorbell (region, 0x48, 4, &value, match));
  g_assert_true (region_set_doorbell (region, 0x48, 4, &other, match)); /* 7: more than the size has */
  g_assert_false (region_set_doorbell (region, 0x48, 4, &value, any));
  g_assert_false (region_set_doorbell (region, 0xfe, 4, NULL, any));
  g_assert_false (region_set_doorbell (region, 0x100, 0, NULL, any));
  g_assert_cmpuint (bell_changes, ==, 3);
  bells = region_doorbells (region, &n);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (bells[2].value, ==, 7);

  /* With the VM lock held by this very thread: a doorbell takes none. */
  store (vm->memory, 0x1000, 5, 1);
  store (vm->memory, 0x1000, 5, 8);
  g_assert_cmpuint (rings (any), ==, 2);
  vm_unlock (vm);
  store (vm->memory, 0x1001, 5, 1); /* beside it */
  g_assert_cmpuint (probe.writes, ==, 1);
  store (vm->memory, 0x1008, value, 4);
  store (vm->memory, 0x1008, 7, 4);
  g_assert_cmpuint (rings (match), ==, 2);
  store (vm->memory, 0x1008, value, 8); /* another size, another value */
  store (vm->memory, 0x1008, 8, 4);
  g_assert_cmpuint (probe.writes, ==, 3);
  g_assert_cmphex (load (vm->memory, 0x1000, 1), ==, 0x11);
  g_assert_cmpuint (rings (any) + rings (match), ==, 0);

  vm_lock (vm);
  g_assert_true (region_set_doorbell (region, 0x48, 4, &value, -1));
  g_assert_false (region_set_doorbell (region, 0x48, 4, &value, -1));
  vm_unlock (vm);
  store (vm->memory, 0x1008, value, 4);
  g_assert_cmpuint (probe.writes, ==, 4);
  store (vm->memory, 0x1008, 7, 4);
  g_assert_cmpuint (rings (match), ==, 1);
  vm_lock (vm);
  mapping_remove (m);
  region_doorbells (region, &n);
  g_assert_cmpuint (n, ==, 0);
  address_space_remove_listener (vm->memory, &listener, NULL);
  vm_unlock (vm);
  region_unref (region);
  close (any);
  close (match);
}

typedef struct
{
  Vm *vm;
  gint quit;
} Ringer;

static gpointer
ring_all_the_time (gpointer data)
{
  Ringer *ringer = data;
  AccessCache cache = { 0 };

  while (!g_atomic_int_get (&ringer->quit))
    address_space_store (ringer->vm->memory, &cache, 0x1000, 1, 4, FALSE);
  access_cache_clear (&cache);
  return NULL;
}

/* An eventfd that is closed as soon as its doorbell is gone: no store writes to what has got its number since. */
static void
test_doorbell_race (void)
{
  static const IoOps ops = { .read = probe_read, .write = probe_write };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Ringer ringer = { .vm = vm };
  Probe probe = { 0 };
  Region *region = region_new_io ("io", 0x100, &ops, &probe);
  GThread *threads[3];
  uint64_t heard = 0;

  vm_lock (vm);
  address_space_map (vm->memory, region, 0x1000, 0, 0x100, 0);
  vm_unlock (vm);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("ringer", ring_all_the_time, &ringer);
  for (unsigned round = 0; round < 60 || heard == 0; round++)
    {
      int fd = eventfd (0, EFD_NONBLOCK), innocent;

      vm_lock (vm);
      g_assert_true (region_set_doorbell (region, 0, 4, NULL, fd));
      vm_unlock (vm);
      g_thread_yield ();
      vm_lock (vm);
      g_assert_true (region_set_doorbell (region, 0, 4, NULL, -1));
      heard += rings (fd);
      close (fd);
      innocent = eventfd (0, EFD_NONBLOCK);
      vm_unlock (vm);
      g_assert_cmpuint (rings (innocent), ==, 0);
      close (innocent);
    }
  g_atomic_int_set (&ringer.quit, 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  region_unref (region);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory/overlay", test_overlay);
  g_test_add_func ("/memory/over", test_over);
  g_test_add_func ("/memory/readonly", test_readonly);
  g_test_add_func ("/memory/io-sizes", test_io_sizes);
  g_test_add_func ("/memory/dirty", test_dirty);
  g_test_add_func ("/memory/dirty-windows", test_dirty_windows);
  g_test_add_func ("/memory/dma", test_dma);
  g_test_add_func ("/memory/dma-vector", test_dma_vector);
  g_test_add_func ("/memory/shared", test_shared);
  g_test_add_func ("/memory/listener-order", test_listener_order);
  g_test_add_func ("/memory/disconnect", test_disconnect);
  g_test_add_func ("/memory/dma-disable", test_dma_disable);
  g_test_add_func ("/memory/doorbell", test_doorbell);
  g_test_add_func ("/memory/doorbell-race", test_doorbell_race);
  return g_test_run ();
}
