/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Queues of an NVMe controller on threads of their own: requests need neither the device loop nor the VM lock, and a pause, a reset, a queue or a bus master
 * that goes and an unplugging find nothing of them left, whatever is in flight.  Also meant for ThreadSanitizer: what a guest would do with its memory is done
 * here under the queue's locks, so that only the device's own races are seen.
 */
#include "nvme-driver.h"

#include "block/block-testing.h"
#include "core/loop.h"
#include "storage/nvme-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define N_QUEUES 3u /* and the administrator's */
#define N_SLOTS  4u /* a queue; each has its memory and its part of the disk */
#define DISK     (1u << 20)
#define SLOT     8192u
#define SECTORS  (SLOT / 512)
#define DATA     0x200000u
#define WRITE    1
#define READ     2
#define COMPARE  5
#define DIFFERS  0x285u

typedef enum
{
  IDLE,
  WRITING,
  READING,
  COMPARING,
} Doing;

typedef struct
{
  Doing doing;
  gboolean known, differs;
  uint8_t holds;
} Slot;

static Driver d;
static VmLoop *loop;
static Block *image;
static char *folder, *path;
static Slot slots[N_QUEUES + 1][N_SLOTS];
static unsigned n_right;

static Nvme *
nvme (void)
{
  return (Nvme *)d.device;
}

static NvmeQueue *
queue_at (unsigned n)
{
  return &nvme ()->queues[n];
}

/* -- The machine ------------------------------------------------------------------------------------ */

static void
start_queue (unsigned n)
{
  memset (slots[n], 0, sizeof slots[n]);
  d.head[n] = 0;
  g_mutex_lock (&queue_at (n)->lock);
  memset (driver_ram (&d, driver_cq (n)), 0, 0x1000);
  g_mutex_unlock (&queue_at (n)->lock);
  g_assert_cmpuint (driver_create_cq (&d, n, n), ==, 0);
  g_assert_cmpuint (driver_create_sq (&d, n, n), ==, 0);
}

static void
start_driver (void)
{
  driver_enable (&d);
  for (unsigned n = 1; n <= N_QUEUES; n++)
    start_queue (n);
}

static void
begin (const char *test)
{
  const BlockConfig config = { .path = path, .format = "raw", .test = test, .flags = BLOCK_READ_WRITE };
  g_autoptr (GError) error = NULL;

  loop = vm_loop_new ("devices");
  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", DISK, &error));
  image = block_open (&config, &error);
  g_assert_no_error (error);
  driver_open_vm (&d, vm_new_with_loops (vm_loop_context (loop), NULL, FALSE), image, N_QUEUES);
  vm_start (d.vm, FALSE);
  vm_loop_start (loop);
  driver_map (&d); /* the start was a reset */
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

static uint64_t
data_at (unsigned queue, unsigned slot)
{
  return DATA + SLOT * (N_SLOTS * queue + slot);
}

static uint8_t *
data_of (unsigned queue, unsigned slot)
{
  return driver_ram (&d, data_at (queue, slot));
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

static void
reap (unsigned queue)
{
  const Completion *at;
  unsigned n = 0;

  g_mutex_lock (&queue_at (queue)->lock);
  g_mutex_lock (&queue_at (queue)->completion_lock);
  for (; (at = driver_next (&d, queue)) != NULL; n++, d.head[queue]++)
    {
      Slot *slot = &slots[queue][at->id % N_SLOTS];
      const unsigned status = at->status >> 1 & 0x7ff;

      g_assert_true (slot->doing != IDLE);
      g_assert_cmphex (status, ==, slot->doing == COMPARING && slot->differs ? DIFFERS : 0);
      if (slot->doing == READING)
        check_read (queue, slot, data_of (queue, at->id % N_SLOTS));
      slot->known |= slot->doing == WRITING;
      slot->doing = IDLE;
    }
  g_mutex_unlock (&queue_at (queue)->completion_lock);
  g_mutex_unlock (&queue_at (queue)->lock);
  if (n > 0)
    driver_write (&d, 0x1004 + 8 * queue, d.head[queue] % DRIVER_SIZE, 4);
}

static void
ask (unsigned queue, unsigned n, Doing doing)
{
  Slot *slot = &slots[queue][n];
  Command *at;

  if (slot->doing != IDLE || (doing == COMPARING && !slot->known))
    return;
  g_mutex_lock (&queue_at (queue)->lock);
  if (doing == WRITING)
    slot->holds++;
  slot->differs = doing == COMPARING && g_test_rand_int_range (0, 2) == 0;
  memset (data_of (queue, n), doing == READING ? 0xdd : slot->holds, SLOT);
  if (slot->differs)
    data_of (queue, n)[g_test_rand_int_range (0, SLOT)] ^= 1;
  slot->doing = doing;
  at = (Command *)(void *)(driver_ram (&d, driver_sq (queue)) + d.tail[queue] * sizeof *at);
  *at = (Command){ .opcode = doing == WRITING   ? WRITE
                             : doing == READING ? READ
                                                : COMPARE,
                   .id = (uint16_t)n,
                   .space = 1,
                   .prp1 = data_at (queue, n),
                   .prp2 = data_at (queue, n) + NVME_PAGE,
                   .dword = { SECTORS * (N_SLOTS * queue + n), 0, SECTORS - 1 } };
  d.tail[queue] = (d.tail[queue] + 1) % DRIVER_SIZE;
  g_mutex_unlock (&queue_at (queue)->lock);
  driver_ring (&d, queue);
}

static void
reap_all (void)
{
  gboolean busy = TRUE;

  while (busy)
    {
      busy = FALSE;
      for (unsigned queue = 1; queue <= N_QUEUES; queue++)
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

static gboolean
has_ended (unsigned queue)
{
  gboolean ended;

  g_mutex_lock (&queue_at (queue)->lock);
  ended = queue_at (queue)->first == NULL && nvme ()->sq[queue].head == d.tail[queue];
  g_mutex_unlock (&queue_at (queue)->lock);
  return ended;
}

static void
test_alone (void)
{
  GSource *source = g_idle_source_new ();

  standing = may_go_on = FALSE;
  begin (NULL);
  g_source_set_callback (source, stand_still, NULL, NULL);
  g_source_attach (source, vm_loop_context (loop));
  g_source_unref (source);
  while (!g_atomic_int_get (&standing))
    g_usleep (100);
  for (unsigned i = 0; i < 8; i++)
    {
      for (unsigned queue = 1; queue <= N_QUEUES; queue++)
        for (unsigned n = 0; n < N_SLOTS; n++)
          ask (queue, n, i % 2 == 0 ? WRITING : READING);
      vm_lock (d.vm);
      for (unsigned queue = 1; queue <= N_QUEUES; queue++)
        while (!has_ended (queue))
          g_usleep (100);
      vm_unlock (d.vm);
      reap_all ();
    }
  g_assert_cmpuint (n_right, >=, 4 * N_QUEUES * N_SLOTS);
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

#define RINGS_SIZE (DRIVER_CQ + 0x1000u * (N_QUEUES + 1) - DRIVER_SQ)
#define DATA_SIZE  (SLOT * N_SLOTS * (N_QUEUES + 1))

/* All that the controller ever writes. */
static void
assert_quiet (void)
{
  g_autofree uint8_t *rings = g_memdup2 (driver_ram (&d, DRIVER_SQ), RINGS_SIZE);
  g_autofree uint8_t *data = g_memdup2 (driver_ram (&d, DATA), DATA_SIZE);

  g_usleep (1500);
  g_assert_true (memcmp (driver_ram (&d, DRIVER_SQ), rings, RINGS_SIZE) == 0);
  g_assert_true (memcmp (driver_ram (&d, DATA), data, DATA_SIZE) == 0);
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

/* Its memory is the driver's as soon as it is deleted. */
static void
delete_queue (unsigned n)
{
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 0, .dword = { n } }), ==, 0);
  for (unsigned i = 0; i < N_SLOTS; i++)
    memset (data_of (n, i), 0x55, SLOT);
  g_usleep (500);
  for (unsigned i = 0; i < N_SLOTS * SLOT; i++)
    g_assert_cmpuint (data_of (n, 0)[i], ==, 0x55);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 4, .dword = { n } }), ==, 0);
  start_queue (n);
}

static void
reset_controller (void)
{
  driver_write (&d, 0x14, 0, 4);
  assert_quiet ();
  start_driver ();
}

static void
reset_device (void)
{
  vm_lock (d.vm);
  d.device->klass->reset (d.device);
  vm_unlock (d.vm);
  assert_quiet ();
  driver_map (&d);
  start_driver ();
}

/* Nothing reaches memory while the bit is clear; what ended meanwhile is lost to the driver, which resets. */
static void
take_the_bus_away (void)
{
  driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  assert_quiet ();
  driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
  reset_controller ();
}

/* What the administrator does beside it: an abort of what is under way, a log. */
static void
administer (unsigned queue)
{
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 8, .dword = { queue } }), ==, 0);
  g_assert_cmphex (
      driver_status (&d, 0, &(Command){ .opcode = 2, .prp1 = DRIVER_DATA, .dword = { 2 | 127 << 16 } }), ==,
      0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 6, queue & 1 } }), ==, 0);
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
      delete_queue (queue);
      break;
    case 3:
      reset_controller ();
      break;
    case 4:
      take_the_bus_away ();
      break;
    case 5:
      reset_device ();
      break;
    default:
      administer (queue);
      break;
    }
}

static unsigned
rounds (void)
{
  const char *wanted = g_getenv ("VIVARIUM_TEST_ROUNDS");

  return wanted != NULL ? (unsigned)atoi (wanted) : g_test_thorough () ? 20000 : 400;
}

static void
test_hammer (void)
{
  n_right = 0;
  begin ("delay=150");
  for (unsigned i = rounds (); i > 0; i--)
    {
      const unsigned queue = (unsigned)g_test_rand_int_range (1, N_QUEUES + 1);

      for (unsigned n = (unsigned)g_test_rand_int_range (1, 8); n > 0; n--)
        ask ((unsigned)g_test_rand_int_range (1, N_QUEUES + 1), (unsigned)g_test_rand_int_range (0, N_SLOTS),
             (Doing)g_test_rand_int_range (WRITING, COMPARING + 1));
      if (g_test_rand_int_range (0, 4) != 0)
        reap (queue);
      else
        act ((unsigned)g_test_rand_int_range (0, 7), queue);
    }
  reap_all ();
  for (unsigned i = 0; i < 2; i++)
    {
      for (unsigned n = 0; n < N_SLOTS; n++)
        ask (1, n, i == 0 ? WRITING : READING);
      reap_all ();
    }
  g_assert_cmpuint (n_right, >=, N_SLOTS);
  /* It goes in the middle of it. */
  for (unsigned queue = 1; queue <= N_QUEUES; queue++)
    for (unsigned n = 0; n < N_SLOTS; n++)
      ask (queue, n, WRITING);
  end (g_test_rand_int_range (0, 2) == 0);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-nvme-XXXXXX", NULL);
  path = g_build_filename (folder, "disk.img", NULL);
  g_test_add_func ("/nvme-threads/alone", test_alone);
  g_test_add_func ("/nvme-threads/hammer", test_hammer);
  result = g_test_run ();
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
  g_free (folder);
  return result;
}
