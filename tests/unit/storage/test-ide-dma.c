/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bus-master transfers straight between image and guest memory: what goes that way and what doesn't, pages marked as written, and who
 * waits for what is in flight: stop, resets, bus master enable, unplugging.  Requests that are saved, and that wait for room.
 */
#include "block/block-testing.h"
#include "core/loop.h"
#include "storage/ide.h"
#include "storage/ide-channel.h"
#include "tests/unit/storage/storage-fixture.h"

#include <errno.h>

#define RAM_SIZE  (16u << 20)
#define DISK_SIZE (8u << 20)
#define BM_BASE   0xc000
#define TABLE     0x1000u
#define DATA      0x100000u
#define DEVFN     PCI_DEVFN (1, 1)

static Device *ide;
static PciRoot *root;
static PciBus *bus;
static Region *ram, *rom;
static BlockFaults *faults;
static uint64_t written;
static VmLoop *loop; /* of the devices; NULL: one loop for all */

static void
on_intx (void *opaque, unsigned pin, gboolean level)
{
}

static void
on_written (Region *region, uint64_t offset, uint64_t length, void *opaque)
{
  written += offset >= DATA ? length : 0;
}

static void
setup (void)
{
  const IrqLine irq[2] = { IRQ_LINE (on_irq, NULL, 0), IRQ_LINE (on_irq, NULL, 1) };
  IdeDriveConfig disk = { .kind = IDE_DRIVE_DISK };

  memset (irq_count, 0, sizeof irq_count);
  memset (irq_level, 0, sizeof irq_level);
  memset (&port_cache, 0, sizeof port_cache);
  image_test = "";
  vm = loop != NULL ? vm_new_with_loops (vm_loop_context (loop), NULL, TRUE) : vm_new (NULL, TRUE);
  vm_lock (vm);
  ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  rom = region_new_ram ("rom", 0x10000, RAM_ROM, NULL);
  address_space_map (vm->memory, ram, 0, 0, RAM_SIZE, 0);
  mapping_set_readonly (address_space_map (vm->memory, rom, RAM_SIZE, 0, 0x10000, 0), TRUE);
  root = pci_root_new (vm, on_intx, NULL, NULL);
  bus = pci_root_bus (root);
  ide = ide_new (vm, "ide", bus, DEVFN, irq);
  g_assert_true (device_realize (ide, NULL));
  disk.block = new_image ("disk.img", DISK_SIZE, 0);
  faults = block_get_faults (disk.block);
  g_assert_true (ide_attach (ide, 0, 0, &disk, NULL));
  ide->klass->reset (ide);
  pci_bus_config_write (bus, DEVFN, 0x20, BM_BASE, 4);
  pci_bus_config_write (bus, DEVFN, 4, 5, 2);
  region_set_written (ram, on_written, NULL);
  written = 0;
  vm_unlock (vm);
}

static void
teardown (void)
{
  vm_lock (vm);
  device_free (ide);
  pci_root_free (root);
  vm_unlock (vm);
  pump ();
  access_cache_clear (&port_cache);
  vm_free (vm);
  region_unref (ram);
  region_unref (rom);
  remove_folder ();
}

static IdeDrive *
drive (void)
{
  return &((Ide *)ide)->channel[0].drive[0];
}

static void
prd (unsigned n, uint32_t address, uint32_t count)
{
  uint8_t entry[8];

  pci_set32 (entry, address);
  pci_set32 (entry + 4, count);
  address_space_write_memory (vm->memory, TABLE + 8 * n, entry, 8);
}

/* READ or WRITE DMA EXT, the bus master started. */
static void
begin (gboolean write, uint64_t lba, uint16_t count)
{
  out (BM_BASE, 0, 1);
  out (BM_BASE + 4, TABLE, 4);
  out (BM_BASE, write ? 0 : 8, 1);
  out (BM_BASE + 2, 6, 1);
  out (0x1f6, 0xe0, 1);
  out (0x1f2, count >> 8, 1);
  out (0x1f3, lba >> 24 & 255, 1);
  out (0x1f4, 0, 1);
  out (0x1f5, 0, 1);
  out (0x1f2, count & 255, 1);
  out (0x1f3, lba & 255, 1);
  out (0x1f4, lba >> 8 & 255, 1);
  out (0x1f5, lba >> 16 & 255, 1);
  out (0x1f7, write ? 0x35 : 0x25, 1);
  out (BM_BASE, write ? 1 : 9, 1);
}

static uint8_t
finish (void)
{
  for (int i = 0; i < 200000 && ((in (0x3f6, 1) & ATA_BSY) || block_in_flight (drive ()->port.queue) > 0);
       i++)
    {
      pump ();
      g_usleep (50);
    }
  pump ();
  return (uint8_t)in (0x3f6, 1);
}

static uint8_t *
memory (uint32_t address)
{
  return region_host (ram) + address;
}

static uint32_t
number_at (uint32_t address)
{
  return pci_get32 (memory (address));
}

/* -- Ways ------------------------------------------------------------------------------------------- */

static void
test_in_place (void)
{
  setup ();
  /* Two pages apart from each other, one request, no byte in the buffer, all of it marked. */
  prd (0, DATA, 4096);
  prd (1, DATA + 0x10000, 0x80000000u | 4096);
  block_faults_hold (faults, TRUE);
  begin (FALSE, 16, 16);
  g_assert_true (drive ()->direct);
  g_assert_cmpuint (block_faults_held (faults), ==, 1);
  g_assert_cmphex (in (0x3f6, 1) & ATA_BSY, ==, ATA_BSY);
  g_assert_cmpuint (written, ==, 0);
  block_faults_release (faults, 0);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (written, ==, 8192);
  g_assert_cmpuint (irq_count[0], ==, 1);
  g_assert_cmphex (in (BM_BASE + 2, 1), ==, 4);
  for (unsigned i = 0; i < 8; i++)
    {
      g_assert_cmpuint (number_at (DATA + 512 * i), ==, 16 + i);
      g_assert_cmpuint (number_at (DATA + 0x10000 + 512 * i), ==, 24 + i);
    }
  in (0x1f7, 1);
  /* And back to another place, by odd pieces. */
  block_faults_hold (faults, FALSE);
  prd (0, DATA, 1000);
  prd (1, DATA + 1000, 2);
  prd (2, DATA + 1002, 0x80000000u | (4096 - 1002));
  written = 0;
  begin (TRUE, 100, 8);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (written, ==, 0);
  in (0x1f7, 1);
  prd (0, DATA + 0x20000, 0x80000000u | 4096);
  begin (FALSE, 100, 8);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpmem (memory (DATA), 4096, memory (DATA + 0x20000), 4096);
  in (0x1f7, 1);
  /* Several requests: more than a megabyte. */
  for (unsigned i = 0; i < 64; i++)
    prd (i, DATA + 0x10000 * i, (i == 63 ? 0x80000000u : 0) | 0);
  begin (FALSE, 0, 8192);
  g_assert_cmphex (finish (), ==, 0x50);
  for (unsigned i = 0; i < 8192; i += 63)
    g_assert_cmpuint (number_at (DATA + 512 * i), ==, i);
  g_assert_cmphex (in (BM_BASE + 2, 1), ==, 4);
  teardown ();
}

/* ROM, holes and tables that end early go by the buffer, up to where they go wrong; so do very many pieces, which are right. */
static void
test_by_buffer (void)
{
  setup ();
  prd (0, DATA, 512);
  prd (1, RAM_SIZE, 0x80000000u | 512); /* ROM */
  block_faults_hold (faults, TRUE);
  begin (FALSE, 7, 2);
  g_assert_false (drive ()->direct);
  block_faults_hold (faults, FALSE);
  block_faults_release (faults, 0);
  g_assert_cmphex (finish (), ==, 0x51);
  g_assert_cmphex (in (BM_BASE + 2, 1) & 3, ==, 2);
  g_assert_cmpuint (number_at (DATA), ==, 7);
  in (0x1f7, 1);
  begin (TRUE, 200, 2); /* from ROM: plain memory */
  g_assert_cmphex (finish (), ==, 0x50);
  in (0x1f7, 1);
  prd (1, RAM_SIZE + 0x10000, 0x80000000u | 512); /* nothing */
  begin (TRUE, 200, 2);
  g_assert_cmphex (finish (), ==, 0x51);
  in (0x1f7, 1);
  prd (0, DATA, 0x80000000u | 512);
  begin (FALSE, 9, 2);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (number_at (DATA), ==, 9);
  g_assert_cmphex (in (BM_BASE + 2, 1) & 1, ==, 0);
  for (unsigned i = 0; i < 1024; i++)
    prd (i, DATA + 4 * i, (i == 1023 ? 0x80000000u : 0) | 2);
  begin (FALSE, 11, 4);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (pci_get16 (memory (DATA)), ==, 11);
  g_assert_cmpuint (pci_get16 (memory (DATA + 4 * 256)), ==, 12);
  in (0x1f7, 1);
  /* The image fails: the guest hears which sector. */
  prd (0, DATA, 0x80000000u | 1024);
  block_faults_fail (faults, BLOCK_OP_READ, EIO, 1, 0);
  begin (FALSE, 13, 2);
  g_assert_cmphex (finish (), ==, 0x51);
  g_assert_cmphex (in (0x1f1, 1), ==, ATA_UNC);
  g_assert_cmpuint (in (0x1f3, 1), ==, 13);
  teardown ();
}

/* -- Who waits --------------------------------------------------------------------------------------- */

static gint released;

static gpointer
release_later (gpointer data)
{
  g_usleep (5000);
  g_atomic_int_set (&released, TRUE);
  block_faults_release (faults, 0);
  return NULL;
}

typedef enum
{
  BY_STOP,
  BY_SOFT_RESET,
  BY_BUS_MASTER,
  BY_HARD_RESET,
  BY_DETACH,
  N_WAYS
} Way;

/* After each of these returns nothing is written to the guest's memory any more. */
static void
test_waits (void)
{
  for (Way way = 0; way < N_WAYS; way++)
    {
      setup ();
      prd (0, DATA, 0x80000000u | 4096);
      block_faults_hold (faults, TRUE);
      begin (FALSE, 40, 8);
      g_assert_cmpuint (block_faults_held (faults), ==, 1);
      g_atomic_int_set (&released, FALSE);
      GThread *thread = g_thread_new ("release", release_later, NULL);
      switch (way)
        {
        case BY_STOP:
          out (BM_BASE, 8, 1);
          break;
        case BY_SOFT_RESET:
          out (0x3f6, 4, 1);
          break;
        case BY_BUS_MASTER:
          vm_lock (vm);
          pci_bus_config_write (bus, DEVFN, 4, 1, 2);
          vm_unlock (vm);
          break;
        case BY_HARD_RESET:
          vm_lock (vm);
          ide->klass->reset (ide);
          vm_unlock (vm);
          break;
        default:
          vm_lock (vm);
          ide_detach (ide, 0, 0);
          vm_unlock (vm);
          break;
        }
      g_assert_true (g_atomic_int_get (&released));
      memset (memory (DATA), 0xee, 4096);
      g_thread_join (thread);
      if (way != BY_DETACH)
        block_faults_hold (faults, FALSE);
      pump ();
      for (unsigned i = 0; i < 4096; i++)
        g_assert_cmphex (*memory (DATA + i), ==, 0xee);
      /* The next command works. */
      if (way != BY_DETACH)
        {
          out (0x3f6, 0, 1);
          vm_lock (vm);
          pci_bus_config_write (bus, DEVFN, 0x20, BM_BASE, 4);
          pci_bus_config_write (bus, DEVFN, 4, 5, 2);
          vm_unlock (vm);
          finish ();
          begin (FALSE, 50, 8);
          g_assert_cmphex (finish (), ==, 0x50);
          g_assert_cmpuint (number_at (DATA), ==, 50);
        }
      teardown ();
    }
}

/* -- Beside the loop of the devices ------------------------------------------------------------------ */

#define CD_SIZE (256u << 10)

static gint guest_done;

static void
send_read (uint32_t lba, uint8_t n)
{
  const uint8_t cdb[12] = { 0x28, 0, 0, 0, (uint8_t)(lba >> 8), (uint8_t)lba, 0, 0, n };

  prd (0, DATA, 0x80000000u | n * 2048u);
  out (BM_BASE + 8, 0, 1);
  out (BM_BASE + 12, TABLE, 4);
  out (BM_BASE + 10, 6, 1);
  out (0x176, 0xa0, 1);
  out (0x171, 1, 1);
  out (0x177, 0xa0, 1);
  for (unsigned i = 0; i < 12; i += 2)
    out (0x170, cdb[i] | cdb[i + 1] << 8, 2);
  out (BM_BASE + 8, 9, 1);
}

/* Reads the disc, loses patience now and then, and doesn't care whether there is one. */
static gpointer
play_guest (gpointer data)
{
  for (unsigned i = 0; i < 600; i++)
    {
      gint64 end = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;

      send_read (i * 7 % 100, (uint8_t)(1 + i % 16));
      if (i % 5 == 1)
        g_usleep (100);
      if (i % 5 < 2)
        out (0x177, 8, 1); /* DEVICE RESET */
      else if (i % 5 == 2)
        out (BM_BASE + 8, 8, 1);
      while (i % 5 > 2 && (in (0x376, 1) & ATA_BSY))
        g_assert_cmpint (g_get_monotonic_time (), <, end);
      in (0x177, 1);
    }
  out (0x177, 8, 1);
  g_atomic_int_set (&guest_done, TRUE);
  return NULL;
}

static Block *
open_disc (const char *name)
{
  g_autofree char *path = image_path (name);
  g_autoptr (GError) error = NULL;
  const BlockConfig config
      = { .path = path, .format = "raw", .flags = BLOCK_READ_ONLY | BLOCK_SHARED_READ, .test = "delay=200" };
  Block *block = block_open (&config, &error);

  g_assert_no_error (error);
  return block;
}

/* Discs come and go on the control loop while the guest reads and the devices' loop hears of the ends. */
static void
test_media_beside_loop (void)
{
  static const char *const names[] = { "one.iso", "two.iso" };
  IdeDriveConfig cd = { .kind = IDE_DRIVE_CDROM };

  loop = vm_loop_new ("devices");
  setup ();
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    block_close (new_image (names[i], CD_SIZE, 0));
  vm_lock (vm);
  g_assert_true (ide_attach (ide, 1, 0, &cd, NULL));
  vm_unlock (vm);
  vm_loop_start (loop);
  g_atomic_int_set (&guest_done, FALSE);
  GThread *guest = g_thread_new ("guest", play_guest, NULL);
  for (unsigned i = 0; !g_atomic_int_get (&guest_done); i++)
    {
      Block *block = i % 3 < 2 ? open_disc (names[i % 3]) : NULL, *old = NULL;

      vm_lock (vm);
      g_assert_true (ide_change_media (ide, 1, 0, block, TRUE, &old, NULL));
      vm_unlock (vm);
      block_close (old);
      g_usleep (i % 7 * 200);
    }
  g_thread_join (guest);
  /* It reads yet. */
  Block *old = NULL;
  vm_lock (vm);
  g_assert_true (ide_change_media (ide, 1, 0, open_disc (names[0]), TRUE, &old, NULL));
  vm_unlock (vm);
  block_close (old);
  for (unsigned i = 0; i < 3; i++) /* gone, changed, there */
    {
      send_read (5, 4);
      while (in (0x376, 1) & ATA_BSY)
        g_usleep (100);
      in (0x177, 1);
    }
  g_assert_cmphex (in (0x376, 1), ==, 0x50);
  g_assert_cmpuint (number_at (DATA), ==, 20);
  vm_loop_stop (loop);
  teardown ();
  g_clear_pointer (&loop, vm_loop_free);
}

/* The guest stops the bus master and starts it again, with another table, before it has heard of the end. */
static void
test_started_again (void)
{
  setup ();
  prd (0, DATA, 0);
  prd (1, DATA + 0x10000, 0);
  for (unsigned i = 2; i < 40; i++)
    prd (i, DATA + 0x10000 * i, i == 39 ? 0x80000000u : 0);
  block_faults_hold (faults, TRUE);
  begin (FALSE, 0, 4096);
  g_atomic_int_set (&released, FALSE);
  GThread *thread = g_thread_new ("release", release_later, NULL);
  out (BM_BASE, 8, 1);
  g_thread_join (thread);
  block_faults_hold (faults, FALSE);
  prd (0, DATA + 0x300000, 0);
  out (BM_BASE, 9, 1);
  g_assert_cmphex (finish (), ==, 0x50);
  /* What follows goes by the table from its start. */
  g_assert_cmpuint (number_at (DATA), ==, 0);
  g_assert_cmpuint (number_at (DATA + 0x300000), ==, 2048);
  teardown ();
}

/* A transfer that waits for a request of before a reset: a guest that stops the bus master, or takes mastering away, has its memory back, and one
 * that starts it again has it where the new table says. */
static void
test_stopped_while_queued (void)
{
  for (unsigned way = 0; way < 3; way++)
    {
      setup ();
      block_faults_hold (faults, TRUE);
      out (0x1f6, 0xe0, 1);
      out (0x1f2, 1, 1);
      out (0x1f7, 0x20, 1); /* READ SECTORS, by the buffer */
      g_assert_cmpuint (block_faults_held (faults), ==, 1);
      out (0x3f6, 4, 1);
      out (0x3f6, 0, 1);
      prd (0, DATA, 0x80000000u | 4096);
      begin (FALSE, 40, 8);
      g_assert_true (drive ()->direct);
      g_assert_cmpuint (block_faults_held (faults), ==, 1);
      prd (0, DATA + 0x10000, 0x80000000u | 4096);
      if (way == 1)
        {
          vm_lock (vm);
          pci_bus_config_write (bus, DEVFN, 4, 1, 2);
          vm_unlock (vm);
        }
      else
        out (BM_BASE, 8, 1);
      memset (memory (DATA), 0xee, 4096);
      if (way == 2)
        out (BM_BASE, 9, 1);
      block_faults_hold (faults, FALSE);
      g_assert_true (block_faults_release (faults, 0));
      uint8_t status = finish ();
      for (unsigned i = 0; i < 4096; i++)
        g_assert_cmphex (*memory (DATA + i), ==, 0xee);
      if (way == 0)
        {
          g_assert_cmphex (status, ==, 0x58);
          out (BM_BASE, 9, 1);
          status = finish ();
        }
      g_assert_cmphex (status, ==, way == 1 ? 0x51 : 0x50);
      if (way != 1)
        g_assert_cmpuint (number_at (DATA + 0x10000), ==, 40);
      teardown ();
    }
}

/* -- State ------------------------------------------------------------------------------------------- */

static void
wait_paused (void)
{
  for (unsigned i = 0; i < 20000 && vm_state (vm) != VM_STATE_PAUSED; i++)
    {
      pump ();
      g_usleep (50);
    }
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
}

/* A write that waits for room: it goes on, or is saved and made by the machine that is loaded, or forgotten with a reset. */
static void
test_no_room (void)
{
  static const int kinds[] = { ENOSPC, EDQUOT, ENOMEM, ESTALE, ENOTCONN, ETIMEDOUT };
  uint8_t data[512];

  for (unsigned k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (unsigned way = 0; way < 3; way++)
      {
        setup ();
        vm_start (vm, FALSE);
        vm_lock (vm);
        pci_bus_config_write (bus, DEVFN, 0x20, BM_BASE, 4);
        pci_bus_config_write (bus, DEVFN, 4, 5, 2);
        vm_unlock (vm);
        prd (0, DATA, 512);
        prd (1, DATA + 0x4000, 0x80000000u | 512);
        memset (memory (DATA), 0x11, 512);
        memset (memory (DATA + 0x4000), 0x22, 512);
        block_faults_fail (faults, BLOCK_OP_WRITE, kinds[k], way == 1 ? 1 : 2, 0);
        block_faults_set_partial (faults, TRUE);
        begin (TRUE, 300, 2);
        wait_paused ();
        g_assert_nonnull (strstr (vm_state_reason (vm), "disk.img"));
        g_assert_nonnull (strstr (vm_state_reason (vm), g_strerror (kinds[k])));
        g_assert_true (ide->klass->drained (ide));
        g_assert_true (drive ()->direct);
        if (way == 0)
          {
            vm_resume (vm);
            wait_paused ();
          }
        if (way == 1)
          {
            g_autoptr (GByteArray) state = save_state (ide);
            g_assert_true (load_state (ide, state));
            pump ();
          }
        if (way == 2)
          {
            vm_reset (vm);
            pump ();
          }
        vm_resume (vm);
        finish ();
        g_assert_true (block_read_sync (drive ()->port.block, 301 * 512, data, sizeof data, NULL));
        g_assert_cmphex (data[0], ==, way == 2 ? 301 & 255 : 0x22);
        g_assert_true (block_read_sync (drive ()->port.block, 300 * 512, data, sizeof data, NULL));
        g_assert_cmphex (data[0], ==, 0x11); /* half of it was written at the first attempt */
        if (way != 2)
          g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
        vm_stop (vm, "");
        teardown ();
      }
}

/* A read that waits for its server while the guest stops the bus master: it is not tried again into memory that is the guest's. */
static void
test_stopped_while_parked (void)
{
  setup ();
  vm_start (vm, FALSE);
  vm_lock (vm);
  pci_bus_config_write (bus, DEVFN, 0x20, BM_BASE, 4);
  pci_bus_config_write (bus, DEVFN, 4, 5, 2);
  vm_unlock (vm);
  prd (0, DATA, 0x80000000u | 4096);
  block_faults_fail (faults, BLOCK_OP_READ, ESTALE, 1, 0);
  begin (FALSE, 40, 8);
  /* Its end is on its way to the loop. */
  out (BM_BASE, 8, 1);
  memset (memory (DATA), 0xee, 4096);
  wait_paused ();
  vm_resume (vm);
  g_assert_cmphex (finish (), ==, 0x58);
  for (unsigned i = 0; i < 4096; i++)
    g_assert_cmphex (*memory (DATA + i), ==, 0xee);
  out (BM_BASE, 9, 1);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (number_at (DATA), ==, 40);
  vm_stop (vm, "");
  teardown ();
}

/* Paused before the request was made, saved, loaded, and made from the table; reads that wait for the bus master, too. */
static void
test_save (void)
{
  setup ();
  prd (0, DATA, 0x80000000u | 4096);
  vm_lock (vm);
  ide->klass->pause (ide);
  vm_unlock (vm);
  begin (FALSE, 60, 8);
  g_assert_true (drive ()->direct);
  g_autoptr (GByteArray) wanted = save_state (ide);
  out (0x3f6, 4, 1);
  out (0x3f6, 0, 1);
  g_assert_true (load_state (ide, wanted));
  vm_lock (vm);
  ide->klass->resume (ide);
  vm_unlock (vm);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (number_at (DATA), ==, 60);
  in (0x1f7, 1);
  /* Its table is gone: it goes by the buffer, to the ending that has. */
  prd (0, 0xf0000000u, 0x80000000u | 4096);
  g_assert_true (load_state (ide, wanted));
  vm_lock (vm);
  ide->klass->resume (ide);
  vm_unlock (vm);
  g_assert_cmphex (finish (), ==, 0x51);
  in (0x1f7, 1);
  /* The drive before the bus master. */
  prd (0, DATA, 0x80000000u | 4096);
  out (BM_BASE, 8, 1);
  out (0x1f2, 0, 1);
  out (0x1f2, 8, 1);
  out (0x1f3, 70, 1);
  out (0x1f4, 0, 1);
  out (0x1f5, 0, 1);
  out (0x1f7, 0xc8, 1);
  g_assert_cmphex (in (0x3f6, 1), ==, 0x58);
  g_autoptr (GByteArray) waiting = save_state (ide);
  g_assert_true (load_state (ide, waiting));
  out (BM_BASE, 9, 1);
  g_assert_cmphex (finish (), ==, 0x50);
  g_assert_cmpuint (number_at (DATA), ==, 70);
  teardown ();
}

/* States that contradict themselves. */
static void
test_hostile_state (void)
{
  setup ();
  prd (0, DATA, 0x80000000u | 4096);
  vm_lock (vm);
  ide->klass->pause (ide);
  vm_unlock (vm);
  begin (FALSE, 60, 8);
  const IdeDrive was = *drive ();
  const struct
  {
    uint32_t task, xfer, io, sectors;
    gboolean raw, ok;
  } cases[] = {
    { IDE_TASK_READ, IDE_XFER_DMA_IN, IDE_IO_READ, 8, FALSE, TRUE },
    { IDE_TASK_READ, IDE_XFER_DMA_IN, IDE_IO_READ, 0, FALSE, FALSE },
    { IDE_TASK_READ, IDE_XFER_DMA_IN, IDE_IO_READ, 4096, FALSE, FALSE },
    { IDE_TASK_READ, IDE_XFER_DMA_IN, IDE_IO_WRITE, 8, FALSE, FALSE },
    { IDE_TASK_READ, IDE_XFER_PIO_IN, IDE_IO_READ, 8, FALSE, FALSE },
    { IDE_TASK_REPLY, IDE_XFER_DMA_IN, IDE_IO_READ, 8, FALSE, FALSE },
    { IDE_TASK_WRITE, IDE_XFER_DMA_IN, IDE_IO_WRITE, 8, FALSE, FALSE },
    { IDE_TASK_TRIM, IDE_XFER_DMA_OUT, IDE_IO_DISCARD, 8, FALSE, FALSE },
    { IDE_TASK_READ, IDE_XFER_DMA_IN, IDE_IO_READ, 8, TRUE, FALSE },
    { IDE_TASK_READ, IDE_XFER_DMA_IN, IDE_IO_NONE, 8, FALSE, FALSE },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      drive ()->task = cases[i].task;
      drive ()->xfer = cases[i].xfer;
      drive ()->io = cases[i].io;
      drive ()->io_sectors = cases[i].sectors;
      drive ()->raw = cases[i].raw;
      drive ()->direct = TRUE;
      g_autoptr (GByteArray) state = save_state (ide);
      g_assert_cmpint (load_state (ide, state), ==, cases[i].ok);
    }
  drive ()->task = was.task;
  drive ()->xfer = was.xfer;
  drive ()->io = was.io;
  drive ()->raw = FALSE;
  drive ()->direct = TRUE;
  drive ()->io_sectors = 8;
  vm_lock (vm);
  ide->klass->resume (ide);
  vm_unlock (vm);
  g_assert_cmphex (finish (), ==, 0x50);
  teardown ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ide-dma/in-place", test_in_place);
  g_test_add_func ("/ide-dma/by-buffer", test_by_buffer);
  g_test_add_func ("/ide-dma/waits", test_waits);
  g_test_add_func ("/ide-dma/media-beside-loop", test_media_beside_loop);
  g_test_add_func ("/ide-dma/started-again", test_started_again);
  g_test_add_func ("/ide-dma/stopped-while-queued", test_stopped_while_queued);
  g_test_add_func ("/ide-dma/stopped-while-parked", test_stopped_while_parked);
  g_test_add_func ("/ide-dma/no-room", test_no_room);
  g_test_add_func ("/ide-dma/save", test_save);
  g_test_add_func ("/ide-dma/hostile-state", test_hostile_state);
  return g_test_run ();
}
