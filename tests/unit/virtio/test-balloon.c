/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The memory balloon: what is really given back, and what isn't the guest's to give.
 */
#include "virtio-hostile.h"

#include "core/give-back.h"
#include "virtio/balloon.h"

#include <sys/mman.h>
#include <unistd.h>

#define F_STATS     VIRT_FEATURE (1)
#define F_POISON    VIRT_FEATURE (4)
#define F_REPORTING VIRT_FEATURE (5)
#define PAGES       0x100000u /* a list of numbers */
#define FIRST       0x200u    /* page: at 2 MiB */

static Device *
make (Driver *d, GError **error)
{
  return virt_balloon_new (d->vm, "balloon0", pci_root_bus (d->root), DRIVER_DEVFN, DRIVER_RAM, 0, error);
}

static const Hostile hostile = { make, 5, F_STATS | F_REPORTING };

static VirtBalloonInfo
look (Driver *d, Device *device)
{
  VirtBalloonInfo info;

  vm_lock (d->vm);
  virt_balloon_look (device, &info);
  vm_unlock (d->vm);
  return info;
}

static unsigned
n_resident (Driver *d, unsigned first, unsigned n)
{
  unsigned char pages[1024];
  unsigned resident = 0;

  g_assert_cmpuint (n, <=, sizeof pages);
  g_assert_cmpint (mincore (driver_ram (d, (uint64_t)first << 12), (size_t)n << 12, pages), ==, 0);
  for (unsigned i = 0; i < n; i++)
    resident += pages[i] & 1;
  return resident;
}

static void
put_pages (Driver *d, unsigned queue, const uint32_t *pages, unsigned n)
{
  memcpy (driver_ram (d, PAGES), pages, 4 * n);
  driver_describe (d, driver_queue (queue), 0, PAGES, 4 * n, 0, 0);
  driver_put (d, queue, 0);
  driver_ring (d, queue);
  driver_pump ();
}

/* From the top, as Linux does. */
static void
test_inflate (void)
{
  Driver d;
  Device *device = hostile_open (&d, &hostile);
  uint32_t pages[256];
  const unsigned page_size = (unsigned)sysconf (_SC_PAGESIZE);

  driver_start (&d, VIRT_F_VERSION_1, 2);
  memset (driver_ram (&d, FIRST << 12), 0xaa, 258 << 12);
  for (unsigned i = 0; i < 256; i++)
    pages[i] = FIRST + 256 - i;
  put_pages (&d, 0, pages, 256);
  g_assert_cmpuint (driver_used (&d, 0), ==, 1);
  g_assert_cmphex (*driver_ram (&d, (FIRST + 1) << 12), ==, 0);
  g_assert_cmphex (*driver_ram (&d, (FIRST + 256) << 12), ==, 0);
  /* Its neighbours stay. */
  g_assert_cmphex (*driver_ram (&d, ((FIRST + 1) << 12) - 1), ==, 0xaa);
  g_assert_cmphex (*driver_ram (&d, (FIRST + 257) << 12), ==, 0xaa);
  if (page_size == 4096)
    g_assert_cmpuint (look (&d, device).given_back, ==, 256 << 12);
  put_pages (&d, 1, pages, 256);
  g_assert_cmpuint (driver_used (&d, 1), ==, 1);
  driver_close (&d);
}

/* The host has it, until somebody looks there again. */
static void
test_memory (void)
{
  Driver d;
  uint32_t pages[256];

  hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  memset (driver_ram (&d, FIRST << 12), 0xaa, 256 << 12);
  g_assert_cmpuint (n_resident (&d, FIRST, 256), ==, 256);
  for (unsigned i = 0; i < 256; i++)
    pages[i] = FIRST + i;
  put_pages (&d, 0, pages, 256);
  g_assert_cmpuint (n_resident (&d, FIRST, 256), ==, 0);
  driver_close (&d);
}

/* Devices, the ROM, nothing, the far end of all addresses, twice the same: none of it is memory of the guest's. */
static void
test_not_memory (void)
{
  static const uint32_t wrong[] = {
    DRIVER_BAR >> 12, 0xfee00, 0xffffffff, 0xfffff, DRIVER_RAM >> 12, 0x300, 0x300, 0x301, 0x300, 0x500
  };
  Driver d;
  Device *device;
  Region *rom = region_new_ram ("rom", 0x1000, RAM_ROM, NULL);

  device = hostile_open (&d, &hostile);
  memset (region_host (rom), 0x77, 0x1000);
  vm_lock (d.vm);
  Mapping *mapping = address_space_map (d.vm->memory, rom, 0x500000, 0, 0x1000, 0);
  mapping_set_readonly (mapping, TRUE);
  vm_unlock (d.vm);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  put_pages (&d, 0, wrong, G_N_ELEMENTS (wrong));
  g_assert_cmpuint (driver_used (&d, 0), ==, 1);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  g_assert_cmphex (*region_host (rom), ==, 0x77);
  if (sysconf (_SC_PAGESIZE) == 4096)
    g_assert_cmpuint (look (&d, device).given_back, ==, 2 << 12);
  driver_close (&d);
  region_unref (rom);
}

/* Free pages, whole ones only, unless the guest wants its poison to be there. */
static void
test_report (void)
{
  for (unsigned poison = 0; poison < 3; poison++)
    {
      const uint64_t features = F_REPORTING | (poison > 0 ? F_POISON : 0);
      Driver d;

      hostile_open (&d, &hostile);
      driver_start (&d, VIRT_F_VERSION_1 | features, 5);
      driver_write (&d, DRIVER_CONFIG + 12, poison == 2 ? 0xaaaaaaaa : 0, 4);
      memset (driver_ram (&d, FIRST << 12), 0xaa, 16 << 12);
      /* Queue 2, as Linux counts without statistics; 4, as the specification has it. */
      for (unsigned i = 0; i < 2; i++)
        {
          const unsigned queue = i == 0 ? 2 : 4;

          driver_describe (&d, driver_queue (queue), 0, ((FIRST + 8 * i) << 12) + 1, 5 << 12, DESC_WRITE, 0);
          driver_put (&d, queue, 0);
          driver_ring (&d, queue);
          driver_pump ();
          g_assert_cmpuint (driver_used (&d, queue), ==, 1);
          g_assert_cmphex (*driver_ram (&d, (FIRST + 8 * i) << 12), ==, 0xaa);
          g_assert_cmphex (*driver_ram (&d, (FIRST + 8 * i + 5) << 12), ==, 0xaa);
          if (sysconf (_SC_PAGESIZE) == 4096)
            g_assert_cmphex (*driver_ram (&d, (FIRST + 8 * i + 1) << 12), ==, poison == 2 ? 0xaa : 0);
        }
      driver_close (&d);
    }
}

static void
test_target (void)
{
  Driver d;
  Device *device = hostile_open (&d, &hostile);

  driver_start (&d, VIRT_F_VERSION_1, 2);
  g_assert_cmpuint (look (&d, device).target, ==, DRIVER_RAM);
  vm_lock (d.vm);
  virt_balloon_set_target (device, DRIVER_RAM / 4);
  vm_unlock (d.vm);
  g_assert_cmpuint (driver_read (&d, DRIVER_ISR, 1), ==, 2);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG, 4), ==, DRIVER_RAM / 4 * 3 >> 12);
  driver_write (&d, DRIVER_CONFIG + 4, DRIVER_RAM / 2 >> 12, 4);
  g_assert_cmpuint (look (&d, device).actual, ==, DRIVER_RAM / 2);
  g_assert_cmpuint (look (&d, device).target, ==, DRIVER_RAM / 4);
  hostile_save (&d, device);
  g_assert_cmpuint (look (&d, device).actual, ==, DRIVER_RAM / 2);
  /* The guest may say what it likes. */
  driver_write (&d, DRIVER_CONFIG + 4, 0xffffffff, 4);
  g_assert_cmpuint (look (&d, device).actual, ==, 0);
  /* But not what it is to do. */
  driver_write (&d, DRIVER_CONFIG, 0, 4);
  g_assert_cmpuint (look (&d, device).target, ==, DRIVER_RAM / 4);
  vm_lock (d.vm);
  virt_balloon_set_target (device, 0);
  vm_unlock (d.vm);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG, 4), ==, 0);
  driver_close (&d);
}

/* One buffer goes to and fro; who asks gets what the guest told last. */
static void
test_stats (void)
{
  Driver d;
  Device *device = hostile_open (&d, &hostile);
  const uint16_t tags[] = { BALLOON_FREE, 77, BALLOON_TOTAL };

  driver_start (&d, VIRT_F_VERSION_1 | F_STATS, 3);
  for (unsigned i = 0; i < 3; i++)
    {
      const uint64_t value = 1000 + i;

      memcpy (driver_ram (&d, PAGES + 10 * i), &tags[i], 2);
      memcpy (driver_ram (&d, PAGES + 10 * i + 2), &value, 8);
    }
  g_assert_false (look (&d, device).known[BALLOON_FREE]);
  driver_describe (&d, driver_queue (2), 5, PAGES, 33, 0, 0);
  driver_put (&d, 2, 5);
  driver_ring (&d, 2);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 2), ==, 0);
  hostile_save (&d, device);
  VirtBalloonInfo info = look (&d, device);
  g_assert_cmpuint (info.stats[BALLOON_FREE], ==, 1000);
  g_assert_cmpuint (info.stats[BALLOON_TOTAL], ==, 1002);
  g_assert_false (info.known[BALLOON_AVAILABLE]);
  /* Now it may write anew. */
  g_assert_cmpuint (driver_used (&d, 2), ==, 1);
  g_assert_cmpuint (driver_used_head (&d, 2, 0), ==, 5);
  look (&d, device);
  g_assert_cmpuint (driver_used (&d, 2), ==, 1);
  driver_put (&d, 2, 5);
  driver_ring (&d, 2);
  driver_pump ();
  look (&d, device);
  g_assert_cmpuint (driver_used (&d, 2), ==, 2);
  /* A reset takes the buffer away. */
  driver_put (&d, 2, 5);
  driver_ring (&d, 2);
  driver_pump ();
  driver_start (&d, VIRT_F_VERSION_1 | F_STATS, 3);
  look (&d, device);
  g_assert_cmpuint (driver_used (&d, 2), ==, 0);
  driver_close (&d);
}

/* Memory in a file that others may map. */
static void
test_shared (void)
{
  Region *sealed = region_new_ram ("sealed", 0x10000, RAM_SHARED, NULL);
  Region *returns = region_new_ram ("returns", 0x10000, RAM_SHARED, NULL);

  g_assert_cmpint (region_fd (sealed), >=, 0);
  memset (region_host (sealed), 0x55, 0x10000);
  memset (region_host (returns), 0x55, 0x10000);
  /* Either is left as it was or is zeroes. */
  g_assert_cmphex (region_give_back (sealed, 0, 0x10000) != 0 ? 0 : 0x55, ==, *region_host (sealed));
  g_assert_cmpuint (region_give_back (returns, 0, 0x10000), ==, 0x10000);
  g_assert_cmphex (region_host (returns)[0xffff], ==, 0);
  g_assert_cmpuint (region_give_back (returns, 0x10000, 1), ==, 0);
  g_assert_cmpuint (region_give_back (returns, UINT64_MAX, UINT64_MAX), ==, 0);
  g_assert_cmpuint (region_give_back (returns, 1, 0xfff), ==, 0);
  region_unref (sealed);
  region_unref (returns);
}

/* Who looks at written pages hears of those that vanished. */
static void
test_written (void)
{
  Region *region = region_new_ram ("ram", 0x10000, RAM_DEFAULT, NULL);
  uint64_t dirty;

  region_set_dirty_log (region, DIRTY_MIGRATION, TRUE);
  region_take_dirty (region, DIRTY_MIGRATION, 0, 16, &dirty);
  region_give_back (region, 0x2000, 0x2000);
  dirty = 0;
  g_assert_true (region_take_dirty (region, DIRTY_MIGRATION, 0, 16, &dirty));
  if (sysconf (_SC_PAGESIZE) == 4096)
    g_assert_cmphex (dirty, ==, 0xc);
  region_unref (region);
}

static void
test_hostile (void)
{
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-balloon/inflate", test_inflate);
  g_test_add_func ("/virtio-balloon/memory", test_memory);
  g_test_add_func ("/virtio-balloon/not-memory", test_not_memory);
  g_test_add_func ("/virtio-balloon/report", test_report);
  g_test_add_func ("/virtio-balloon/target", test_target);
  g_test_add_func ("/virtio-balloon/stats", test_stats);
  g_test_add_func ("/virtio-balloon/shared", test_shared);
  g_test_add_func ("/virtio-balloon/written", test_written);
  g_test_add_func ("/virtio-balloon/hostile", test_hostile);
  return g_test_run ();
}
