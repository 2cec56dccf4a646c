/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Queues of disks on threads of their own: requests need neither the device loop nor the VM lock, and a pause, a reset, a bus master that goes, another disc
 * and an unplugging find nothing of them left, whatever is in flight.  Also meant for ThreadSanitizer: what a guest would do with its memory is done here under
 * the queue's lock, so that only the device's own races are seen.
 */
#include "virtio-driver.h"

#include "block/block-testing.h"
#include "core/loop.h"
#include "virtio/blk.h"
#include "virtio/scsi.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define N_QUEUES  3u
#define N_SLOTS   4u /* a queue; each has its memory and its part of the disk */
#define DISK      (1u << 20)
#define SLOT      8192u
#define SECTORS   (SLOT / 512)
#define HEADERS   0x100000u /* a page a slot: header, and the answer in its second half */
#define DATA      0x200000u
#define ANSWER    0x800u
#define OUT_FIXED 51u
#define IN_FIXED  108u

typedef enum
{
  IDLE,
  WRITING,
  READING,
} Doing;

typedef struct
{
  Doing doing;
  gboolean known;
  uint8_t holds;
} Slot;

static Driver d;
static VmLoop *loop;
static Device *device;
static Block *image;
static gboolean scsi;
static char *folder, *path, *disc_path;
static Slot slots[N_QUEUES][N_SLOTS];
static unsigned seen[N_QUEUES], n_right;

static unsigned
queue_of (unsigned n)
{
  return scsi ? 2 + n : n;
}

static VirtQueue *
virt_queue (unsigned n)
{
  return &((VirtDevice *)device)->queues[queue_of (n)];
}

/* -- The machine ------------------------------------------------------------------------------------ */

static Block *
open_disc (void)
{
  const BlockConfig config
      = { .path = disc_path, .format = "raw", .test = "delay=300", .flags = BLOCK_READ_ONLY };
  g_autoptr (GError) error = NULL;
  Block *disc = block_open (&config, &error);

  g_assert_no_error (error);
  return disc;
}

static void
start_driver (void)
{
  driver_start (&d, VIRT_F_VERSION_1 | VIRT_F_RING_RESET, queue_of (N_QUEUES));
  memset (slots, 0, sizeof slots);
  memset (seen, 0, sizeof seen);
}

static void
begin (const char *test)
{
  const BlockConfig config = { .path = path, .format = "raw", .test = test, .flags = BLOCK_READ_WRITE };
  g_autoptr (GError) error = NULL;

  loop = vm_loop_new ("devices");
  driver_open_vm (&d, vm_new_with_loops (vm_loop_context (loop), NULL, FALSE));
  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", DISK, &error));
  image = block_open (&config, &error);
  g_assert_no_error (error);
  vm_lock (d.vm);
  if (scsi)
    {
      device = virt_scsi_new (d.vm, "scsi", pci_root_bus (d.root), DRIVER_DEVFN, N_QUEUES, &error);
      g_assert_no_error (error);
      g_assert_cmpint (virt_scsi_add_disk (device, image, "DISK"), ==, 0);
      g_assert_cmpint (virt_scsi_add_cdrom (device, open_disc (), "DISC"), ==, 1);
    }
  else
    {
      const VirtBlockConfig disk = { image, "DISK", N_QUEUES };
      device = virt_block_new (d.vm, "disk0", pci_root_bus (d.root), DRIVER_DEVFN, &disk, &error);
      g_assert_no_error (error);
    }
  vm_unlock (d.vm);
  vm_start (d.vm, FALSE);
  vm_loop_start (loop);
  driver_map (&d);
  start_driver ();
}

/* With the device, and whatever it is at; as an unplugging, or when the monitor ends. */
static void
end (gboolean monitor_ends)
{
  vm_loop_stop (loop);
  if (monitor_ends)
    vm_stop_io (d.vm);
  driver_close (&d);
  vm_loop_free (loop);
}

/* -- Requests ---------------------------------------------------------------------------------------- */

static uint8_t *
data_of (unsigned queue, unsigned slot)
{
  return driver_ram (&d, DATA + SLOT * (N_SLOTS * queue + slot));
}

static uint8_t *
header_of (unsigned queue, unsigned slot)
{
  return driver_ram (&d, HEADERS + 4096 * (N_SLOTS * queue + slot));
}

static void
fill_header (unsigned queue, unsigned slot, gboolean write)
{
  const uint32_t lba = SECTORS * (N_SLOTS * queue + slot);
  uint8_t *header = header_of (queue, slot);

  memset (header, 0, 64);
  memset (header + ANSWER, 0xee, IN_FIXED);
  if (scsi)
    {
      const uint8_t cdb[10]
          = { write ? 0x2a : 0x28, 0, 0, 0, (uint8_t)(lba >> 8), (uint8_t)lba, 0, 0, SECTORS };

      header[0] = 1;
      header[2] = 0x40;
      header[8] = (uint8_t)slot;
      memcpy (header + 19, cdb, sizeof cdb);
    }
  else
    {
      header[0] = write;
      memcpy (header + 8, &lba, sizeof lba);
    }
}

static void
put (unsigned queue, unsigned slot, gboolean write)
{
  const uint64_t table = driver_queue (queue_of (queue)),
                 header = (uint64_t)(header_of (queue, slot) - driver_ram (&d, 0)),
                 data = (uint64_t)(data_of (queue, slot) - driver_ram (&d, 0));
  const unsigned at = 4 * slot, out = scsi ? OUT_FIXED : 16, in = scsi ? IN_FIXED : 1;

  fill_header (queue, slot, write);
  driver_describe (&d, table, at, header, out, DESC_NEXT, at + 1);
  /* blk has its answer behind the data, scsi before what it reads. */
  const gboolean data_first = write || !scsi;
  driver_describe (&d, table, at + 1, data_first ? data : header + ANSWER, data_first ? SLOT : in,
                   DESC_NEXT | (write ? 0 : DESC_WRITE), at + 2);
  driver_describe (&d, table, at + 2, data_first ? header + ANSWER : data, data_first ? in : SLOT, DESC_WRITE,
                   0);
  driver_put (&d, queue_of (queue), at);
}

static gboolean
is_good (unsigned queue, unsigned slot)
{
  const uint8_t *answer = header_of (queue, slot) + ANSWER;

  return scsi ? answer[10] == 0 && answer[11] == 0 : answer[0] == 0;
}

static void
check_read (unsigned queue, const Slot *slot, const uint8_t *data)
{
  if (!slot->known)
    return;
  for (unsigned i = 0; i < SLOT; i++)
    if (data[i] != slot->holds)
      g_error ("queue %u: byte %u is %u, not %u", queue, i, data[i], slot->holds);
  n_right++;
}

/* What has come back. */
static void
reap (unsigned queue)
{
  g_mutex_lock (&virt_queue (queue)->lock);
  while (seen[queue] != driver_used (&d, queue_of (queue)))
    {
      const unsigned n = driver_used_head (&d, queue_of (queue), seen[queue]++) / 4;
      Slot *slot = &slots[queue][n];

      g_assert_cmpuint (n, <, N_SLOTS);
      g_assert_true (slot->doing != IDLE);
      /* A unit that was reset says so once. */
      g_assert_true (scsi || is_good (queue, n));
      if (slot->doing == READING && is_good (queue, n))
        check_read (queue, slot, data_of (queue, n));
      slot->known = slot->doing == WRITING ? is_good (queue, n) : slot->known;
      slot->doing = IDLE;
    }
  g_mutex_unlock (&virt_queue (queue)->lock);
}

static void
ask (unsigned queue, unsigned n, gboolean write)
{
  Slot *slot = &slots[queue][n];

  if (slot->doing != IDLE)
    return;
  g_mutex_lock (&virt_queue (queue)->lock);
  if (write)
    slot->holds++;
  memset (data_of (queue, n), write ? slot->holds : 0xdd, SLOT);
  slot->doing = write ? WRITING : READING;
  put (queue, n, write);
  g_mutex_unlock (&virt_queue (queue)->lock);
  driver_ring (&d, queue_of (queue));
}

static void
reap_all (void)
{
  gboolean busy = TRUE;

  while (busy)
    {
      busy = FALSE;
      for (unsigned queue = 0; queue < N_QUEUES; queue++)
        {
          reap (queue);
          for (unsigned n = 0; n < N_SLOTS; n++)
            busy |= slots[queue][n].doing != IDLE;
        }
      g_thread_yield ();
    }
}

/* -- Nobody else is needed ------------------------------------------------------------------------------ */

static gint standing, may_go_on;

static gboolean
stand_still (gpointer data)
{
  g_atomic_int_set (&standing, TRUE);
  while (!g_atomic_int_get (&may_go_on))
    g_usleep (100);
  return G_SOURCE_REMOVE;
}

static void
test_alone (gconstpointer data)
{
  GSource *source = g_idle_source_new ();

  scsi = GPOINTER_TO_INT (data);
  standing = may_go_on = FALSE;
  begin (NULL);
  /* The first one looks the doorbell's region up. */
  ask (0, 0, TRUE);
  reap_all ();
  g_source_set_callback (source, stand_still, NULL, NULL);
  g_source_attach (source, vm_loop_context (loop));
  g_source_unref (source);
  while (!g_atomic_int_get (&standing))
    g_usleep (100);
  vm_lock (d.vm);
  for (unsigned i = 0; i < 8; i++)
    {
      for (unsigned queue = 0; queue < N_QUEUES; queue++)
        for (unsigned n = 0; n < N_SLOTS; n++)
          ask (queue, n, i % 2 == 0);
      reap_all ();
    }
  vm_unlock (d.vm);
  g_atomic_int_set (&may_go_on, TRUE);
  end (FALSE);
}

/* -- At any moment --------------------------------------------------------------------------------------- */

static void
on_order (Vm *vm, const GError *error, void *opaque)
{
  g_assert_no_error (error);
  *(gboolean *)opaque = TRUE;
}

static void
wait_order (gboolean *done)
{
  while (!*done)
    g_main_context_iteration (NULL, TRUE);
}

/* All memory that requests may touch, and how far the rings are. */
static char *
look (void)
{
  return g_compute_checksum_for_data (G_CHECKSUM_MD5, driver_ram (&d, 0), DRIVER_RAM);
}

static void
assert_quiet (void)
{
  g_autofree char *before = look (), *after = NULL;

  g_usleep (1500);
  after = look ();
  g_assert_cmpstr (before, ==, after);
}

static void
pause_and_go_on (gboolean save)
{
  gboolean paused = FALSE, saved = FALSE, resumed = FALSE;

  vm_pause_async (d.vm, NULL, on_order, &paused);
  wait_order (&paused);
  assert_quiet ();
  if (save)
    {
      int fd = g_open ("/dev/null", O_WRONLY | O_CLOEXEC, 0);

      vm_save_async (d.vm, fd, "nowhere", NULL, on_order, &saved);
      wait_order (&saved);
      close (fd);
    }
  vm_resume_async (d.vm, on_order, &resumed);
  wait_order (&resumed);
}

/* What was in flight is nobody's, and its memory the guest's. */
static void
forget (unsigned queue)
{
  for (unsigned n = 0; n < N_SLOTS; n++)
    slots[queue][n] = (Slot){ 0 };
  seen[queue] = 0;
}

static void
reset_queue (unsigned queue)
{
  driver_write (&d, DRIVER_SELECT, queue_of (queue), 2);
  driver_write (&d, DRIVER_QUEUE_RESET, 1, 2);
  for (unsigned n = 0; n < N_SLOTS; n++)
    memset (data_of (queue, n), 0x55, SLOT);
  g_usleep (500);
  for (unsigned n = 0; n < N_SLOTS; n++)
    for (unsigned i = 0; i < SLOT; i++)
      g_assert_cmpuint (data_of (queue, n)[i], ==, 0x55);
  forget (queue);
  driver_start_queue (&d, queue_of (queue));
}

static void
reset_device (void)
{
  driver_write (&d, DRIVER_STATUS, 0, 1);
  assert_quiet ();
  start_driver ();
}

/* Nothing reaches memory while the bit is clear; what ended meanwhile is lost to the driver, which resets. */
static void
take_the_bus_away (void)
{
  driver_config (&d, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
  assert_quiet ();
  driver_config (&d, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
  reset_device ();
}

/* LOGICAL UNIT RESET on the control queue, which waits for the unit's commands. */
static void
reset_unit (void)
{
  const uint64_t at = HEADERS + 0x80000;
  uint8_t *function = driver_ram (&d, at);
  VirtQueue *control = &((VirtDevice *)device)->queues[0];
  unsigned before;

  g_mutex_lock (&control->lock);
  before = driver_used (&d, 0);
  memset (function, 0, 64);
  function[4] = 5;
  function[8] = 1;
  function[10] = 0x40;
  function[32] = 0xee;
  driver_describe (&d, driver_queue (0), 0, at, 24, DESC_NEXT, 1);
  driver_describe (&d, driver_queue (0), 1, at + 32, 1, DESC_WRITE, 0);
  driver_put (&d, 0, 0);
  g_mutex_unlock (&control->lock);
  driver_ring (&d, 0);
  for (gboolean done = FALSE; !done;)
    {
      g_thread_yield ();
      g_mutex_lock (&control->lock);
      done = driver_used (&d, 0) != before;
      g_mutex_unlock (&control->lock);
    }
  g_assert_cmpuint (function[32], ==, 0);
}

/* A command for the drive at target 1 is under way while the disc goes. */
static void
change_disc (void)
{
  g_autoptr (GError) error = NULL;
  Block *old = NULL;

  reap_all ();
  g_mutex_lock (&virt_queue (0)->lock);
  slots[0][0].doing = READING;
  slots[0][0].known = FALSE;
  put (0, 0, FALSE);
  header_of (0, 0)[1] = 1;
  header_of (0, 0)[19 + 8] = SLOT / 2048;
  header_of (0, 0)[19 + 5] = 0;
  g_mutex_unlock (&virt_queue (0)->lock);
  driver_ring (&d, queue_of (0));
  g_assert_true (virt_scsi_change_media (device, 1, open_disc (), TRUE, &old, &error));
  g_assert_no_error (error);
  block_close (old);
}

static unsigned
rounds (void)
{
  const char *wanted = g_getenv ("VIVARIUM_TEST_ROUNDS");

  return wanted != NULL ? (unsigned)atoi (wanted) : g_test_thorough () ? 20000 : 400;
}

static void
act (unsigned what, unsigned queue)
{
  switch (what)
    {
    case 0:
    case 1:
      pause_and_go_on (what == 1);
      break;
    case 2:
      reset_queue (queue);
      break;
    case 3:
      reset_device ();
      break;
    case 4:
      take_the_bus_away ();
      break;
    case 5:
      if (scsi)
        reset_unit ();
      break;
    default:
      if (scsi)
        change_disc ();
      break;
    }
}

static void
test_hammer (gconstpointer data)
{
  scsi = GPOINTER_TO_INT (data);
  n_right = 0;
  begin ("delay=150");
  for (unsigned i = rounds (); i > 0; i--)
    {
      const unsigned queue = (unsigned)g_test_rand_int_range (0, N_QUEUES);

      for (unsigned n = (unsigned)g_test_rand_int_range (1, 8); n > 0; n--)
        ask ((unsigned)g_test_rand_int_range (0, N_QUEUES), (unsigned)g_test_rand_int_range (0, N_SLOTS),
             g_test_rand_int_range (0, 3) == 0);
      if (g_test_rand_int_range (0, 4) != 0)
        reap (queue);
      else
        act ((unsigned)g_test_rand_int_range (0, 7), queue);
    }
  reap_all ();
  g_assert_cmpuint (n_right, >, 0);
  /* It goes in the middle of it. */
  for (unsigned queue = 0; queue < N_QUEUES; queue++)
    for (unsigned n = 0; n < N_SLOTS; n++)
      ask (queue, n, TRUE);
  end (g_test_rand_int_range (0, 2) == 0);
}

/* -- The host has no room ---------------------------------------------------------------------------------- */

static gboolean
is_paused (void)
{
  return vm_state (d.vm) == VM_STATE_PAUSED;
}

static void
test_no_room (gconstpointer data)
{
  gboolean resumed = FALSE;

  scsi = GPOINTER_TO_INT (data);
  begin ("");
  for (unsigned i = 0; i < 20; i++)
    {
      block_faults_fail (block_get_faults (image), BLOCK_OP_WRITE, ENOSPC, G_MAXUINT, 0);
      for (unsigned queue = 0; queue < N_QUEUES; queue++)
        ask (queue, i % N_SLOTS, TRUE);
      while (!is_paused ())
        g_main_context_iteration (NULL, TRUE);
      assert_quiet ();
      /* All of them wait; a driver may be reset while they do. */
      if (i % 4 == 3)
        reset_device ();
      block_faults_fail (block_get_faults (image), BLOCK_OP_WRITE, 0, 0, 0);
      resumed = FALSE;
      vm_resume_async (d.vm, on_order, &resumed);
      wait_order (&resumed);
      reap_all ();
      for (unsigned queue = 0; queue < N_QUEUES; queue++)
        ask (queue, i % N_SLOTS, FALSE);
      reap_all ();
    }
  g_assert_cmpuint (n_right, >, 0);
  end (TRUE);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-io-threads-XXXXXX", NULL);
  path = g_build_filename (folder, "disk.img", NULL);
  disc_path = g_build_filename (folder, "disc.iso", NULL);
  g_assert_true (block_image_create (disc_path, "raw", DISK, NULL));
  g_test_add_data_func ("/io-threads/blk/alone", GINT_TO_POINTER (FALSE), test_alone);
  g_test_add_data_func ("/io-threads/scsi/alone", GINT_TO_POINTER (TRUE), test_alone);
  g_test_add_data_func ("/io-threads/blk/no-room", GINT_TO_POINTER (FALSE), test_no_room);
  g_test_add_data_func ("/io-threads/scsi/no-room", GINT_TO_POINTER (TRUE), test_no_room);
  g_test_add_data_func ("/io-threads/blk/hammer", GINT_TO_POINTER (FALSE), test_hammer);
  g_test_add_data_func ("/io-threads/scsi/hammer", GINT_TO_POINTER (TRUE), test_hammer);
  status = g_test_run ();
  g_unlink (path);
  g_unlink (disc_path);
  g_rmdir (folder);
  g_free (path);
  g_free (disc_path);
  g_free (folder);
  return status;
}
