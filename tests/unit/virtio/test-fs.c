/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Shared folders: the driver on one side, a virtiofsd of the test's own on the other.
 */
#include "virtio-hostile.h"

#include "false-virtiofsd.h"
#include "virtio/fs.h"

#include <errno.h>

#define REQUEST 0x100000u
#define ANSWER  0x180000u
#define HIGH    0
#define NORMAL  1
enum
{
  OP_FORGET = 2,
  OP_GETATTR = 3,
  OP_WRITE = 16,
  OP_INIT = 26,
  OP_DESTROY = 38,
};

static FalseVirtiofsd other = { .helper = -1, .socket = -1, .features = 1ull << 32 };
static gboolean one_user, absent;
static unsigned n_notices;

static int
start (void *opaque, const char *id, unsigned *number, GError **error)
{
  if (!absent)
    return false_start (&other, id, number, error);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "it is not there");
  return -1;
}

static void
notice (void *opaque, const char *sentence)
{
  n_notices++;
}

static Device *
make (Driver *d, GError **error)
{
  const VirtFsConfig config = { "files", one_user, start, false_end, notice, NULL };

  return virt_fs_new (d->vm, "share0", pci_root_bus (d->root), DRIVER_DEVFN, &config, error);
}

static const Hostile hostile = { make, 2, 0 };

/* Its own turn between ours. */
static void
turn (void)
{
  for (unsigned i = 0; i < 4; i++)
    {
      driver_pump ();
      while (false_hear (&other))
        ;
    }
}

static void
ask (Driver *d, unsigned queue, unsigned slot, uint32_t op, const char *rest, uint32_t room)
{
  const uint32_t length = 40 + (rest != NULL ? (uint32_t)strlen (rest) : 0), at = REQUEST + 0x1000 * slot;
  const uint32_t header[10] = { length, op, 77 + slot, 0, 1, 0, 1000, 100, 42, 0 };

  memcpy (driver_ram (d, at), header, sizeof header);
  if (rest != NULL)
    memcpy (driver_ram (d, at + 40), rest, strlen (rest));
  driver_describe (d, driver_queue (queue), 2 * slot, at, length, room > 0 ? DESC_NEXT : 0, 2 * slot + 1);
  if (room > 0)
    driver_describe (d, driver_queue (queue), 2 * slot + 1, ANSWER + 0x1000 * slot, room, DESC_WRITE, 0);
  driver_put (d, queue, 2 * slot);
  driver_ring (d, queue);
  turn ();
}

static void
answer (const char *text)
{
  uint8_t bytes[4096], *where;
  size_t room;
  const int head = false_take (&other, NORMAL);

  g_assert_cmpint (head, >=, 0);
  false_read (&other, NORMAL, (unsigned)head, bytes, sizeof bytes, &where, &room);
  g_assert_cmpuint (strlen (text), <=, room);
  memcpy (where, text, strlen (text));
  false_give (&other, NORMAL, (uint32_t)head, (uint32_t)strlen (text));
  turn ();
}

/* The error that the guest has found. */
static int
error_of (Driver *d, unsigned slot)
{
  uint32_t header[4];

  memcpy (header, driver_ram (d, ANSWER + 0x1000 * slot), sizeof header);
  g_assert_cmpuint (header[0], ==, 16);
  g_assert_cmpuint (header[2], ==, 77 + slot);
  return -(int)header[1];
}

static Device *
mounted (Driver *d)
{
  Device *device = hostile_open (d, &hostile);

  driver_start (d, VIRT_F_VERSION_1, 2);
  ask (d, NORMAL, 0, OP_INIT, "hello", 64);
  answer ("the first answer");
  g_assert_cmpuint (driver_used (d, NORMAL), ==, 1);
  return device;
}

static void
done (Driver *d)
{
  driver_close (d);
  false_close (&other);
  one_user = absent = FALSE;
  n_notices = 0;
}

static void
test_session (void)
{
  Driver d;
  uint8_t bytes[4096], *where;
  size_t room;
  int head;

  hostile_open (&d, &hostile);
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x105a1af4);
  for (unsigned i = 0; i < 5; i++)
    g_assert_cmphex (driver_read (&d, DRIVER_CONFIG + i, 1), ==, (uint8_t) "files"[i]);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 36, 4), ==, 1);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  /* Nothing is started before somebody mounts it, and nothing answers before. */
  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  g_assert_cmpint (error_of (&d, 1), ==, ENOTCONN);
  g_assert_cmpuint (other.n_started, ==, 0);
  ask (&d, NORMAL, 0, OP_INIT, "hello", 64);
  g_assert_cmpuint (other.n_started, ==, 1);
  head = false_take (&other, NORMAL);
  g_assert_cmpint (head, ==, 0);
  g_assert_cmpuint (false_read (&other, NORMAL, 0, bytes, sizeof bytes, &where, &room), ==, 45);
  g_assert_cmpuint (room, ==, 64);
  g_assert_cmpmem (bytes + 40, 5, "hello", 5);
  g_assert_cmpuint (bytes[24] | bytes[25] << 8, ==, 1000); /* who asks */
  memcpy (where, "welcome", 7);
  false_give (&other, NORMAL, 0, 7);
  turn ();
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 2);
  g_assert_cmpuint (driver_used_length (&d, NORMAL, 1), ==, 7);
  g_assert_cmpmem (driver_ram (&d, ANSWER), 8, "welcome", 8);
  /* What wants no answer has no room for one. */
  ask (&d, HIGH, 0, OP_FORGET, "12345678", 0);
  head = false_take (&other, HIGH);
  g_assert_cmpint (head, ==, 0);
  g_assert_cmpuint (false_read (&other, HIGH, 0, bytes, sizeof bytes, &where, &room), ==, 48);
  g_assert_cmpuint (room, ==, 0);
  false_give (&other, HIGH, 0, 0);
  turn ();
  g_assert_cmpuint (driver_used (&d, HIGH), ==, 1);
  /* Out of order. */
  ask (&d, NORMAL, 2, OP_GETATTR, NULL, 64);
  ask (&d, NORMAL, 3, OP_GETATTR, NULL, 64);
  head = false_take (&other, NORMAL);
  const int second = false_take (&other, NORMAL);
  g_assert_cmpint (second, !=, head);
  false_give (&other, NORMAL, (uint32_t)second, 20);
  turn ();
  g_assert_cmpuint (driver_used_head (&d, NORMAL, 2), ==, 6);
  false_give (&other, NORMAL, (uint32_t)head, 20);
  turn ();
  g_assert_cmpuint (driver_used_head (&d, NORMAL, 3), ==, 4);
  /* A write's data lie apart, behind both of its headers. */
  ask (&d, NORMAL, 4, OP_WRITE, "0123456789012345678901234567890123456789data", 64);
  head = false_take (&other, NORMAL);
  g_assert_cmpuint (false_descriptor (&other, NORMAL, (unsigned)head).length, ==, 40);
  g_assert_cmpuint (false_descriptor (&other, NORMAL, (unsigned)head + 1).length, ==, 40);
  g_assert_cmpuint (false_descriptor (&other, NORMAL, (unsigned)head + 2).length, ==, 4);
  false_give (&other, NORMAL, (uint32_t)head, 16);
  turn ();
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 5);
  /* Unmounted: the process is let go of, and another mount has another one. */
  ask (&d, NORMAL, 5, OP_DESTROY, NULL, 16);
  answer ("0123456789012345");
  g_assert_cmpint ((int)recv (other.socket, bytes, 1, MSG_DONTWAIT), ==, 0);
  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  g_assert_cmpint (error_of (&d, 1), ==, ENOTCONN);
  ask (&d, NORMAL, 0, OP_INIT, "again", 64);
  g_assert_cmpuint (other.n_started, ==, 2);
  answer ("again");
  g_assert_cmpuint (n_notices, ==, 0);
  done (&d);
}

/* Of a host's ordinary user nobody but that user is there. */
static void
test_one_user (void)
{
  Driver d;
  uint8_t bytes[4096], *where;
  size_t room;

  one_user = TRUE;
  mounted (&d);
  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  false_read (&other, NORMAL, (unsigned)false_take (&other, NORMAL), bytes, sizeof bytes, &where, &room);
  for (unsigned i = 24; i < 32; i++)
    g_assert_cmpuint (bytes[i], ==, 0);
  g_assert_cmpuint (bytes[32], ==, 42); /* the process stays */
  done (&d);
}

/* More than it takes at once waits in the ring. */
static void
test_many (void)
{
  Driver d;
  int heads[8];

  mounted (&d);
  for (unsigned i = 0; i < 8; i++)
    ask (&d, NORMAL, i, OP_GETATTR, NULL, 64);
  for (unsigned round = 0; round < 5; round++)
    {
      for (unsigned i = 0; i < 8; i++)
        {
          heads[i] = false_take (&other, NORMAL);
          g_assert_cmpint (heads[i], >=, 0);
        }
      for (unsigned i = 0; i < 8; i++)
        false_give (&other, NORMAL, (uint32_t)heads[7 - i], 16);
      turn ();
      g_assert_cmpuint (driver_used (&d, NORMAL), ==, 1 + 8 * (round + 1));
      for (unsigned i = 0; i < 8 && round < 4; i++)
        ask (&d, NORMAL, i, OP_GETATTR, NULL, 64);
    }
  done (&d);
}

/* A reset forgets what is on its way: what is answered later touches nothing. */
static void
test_reset (void)
{
  Driver d;

  mounted (&d);
  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  const int head = false_take (&other, NORMAL);
  g_assert_cmpint (head, >=, 0);
  driver_write (&d, DRIVER_STATUS, 0, 1);
  memset (driver_ram (&d, ANSWER), 0x5a, 0x8000);
  false_give (&other, NORMAL, (uint32_t)head, 64);
  turn ();
  for (unsigned i = 0; i < 0x8000; i++)
    g_assert_cmphex (*driver_ram (&d, ANSWER + i), ==, 0x5a);
  /* The next one is mounted in the same turn. */
  driver_start (&d, VIRT_F_VERSION_1, 2);
  ask (&d, NORMAL, 0, OP_INIT, "hello", 64);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  ask (&d, NORMAL, 0, OP_INIT, "hello", 64);
  answer ("welcome");
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 1);
  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  answer ("fine");
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 2);
  done (&d);
}

/* While the machine stands answers wait; in one that was loaded there is nobody any more who could answer. */
static void
test_pause (void)
{
  Driver d;
  Device *device = mounted (&d);

  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  const int head = false_take (&other, NORMAL);
  vm_lock (d.vm);
  device->klass->pause (device);
  vm_unlock (d.vm);
  false_give (&other, NORMAL, (uint32_t)head, 64);
  turn ();
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 1);
  vm_lock (d.vm);
  device->klass->resume (device);
  vm_unlock (d.vm);
  turn ();
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 2);
  ask (&d, NORMAL, 2, OP_GETATTR, NULL, 64);
  hostile_save (&d, device);
  turn ();
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 3);
  g_assert_cmpint (error_of (&d, 2), ==, ENOTCONN);
  ask (&d, NORMAL, 3, OP_GETATTR, NULL, 64);
  g_assert_cmpint (error_of (&d, 3), ==, ENOTCONN);
  ask (&d, NORMAL, 0, OP_INIT, "hello", 64);
  answer ("welcome");
  g_assert_cmpuint (driver_used (&d, NORMAL), ==, 5);
  done (&d);
}

/* The other side is hung up on, the guest told, and the machine goes on. */
static void
test_liar (void)
{
  static const struct
  {
    uint32_t head, length;
    unsigned n;
  } lies[]
      = { { 1, 16, 1 }, { 8, 16, 1 }, { 4 * 16, 16, 1 }, { UINT32_MAX, 0, 1 }, { 0, 16, 2 }, { 0, 16, 100 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      Driver d;

      mounted (&d);
      ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
      for (unsigned k = 0; k < lies[i].n; k++)
        false_give (&other, NORMAL, lies[i].head, lies[i].length);
      turn ();
      g_assert_cmpuint (n_notices, ==, 1);
      g_assert_cmpuint (driver_used (&d, NORMAL), ==, 2);
      if (lies[i].n == 1)
        g_assert_cmpint (error_of (&d, 1), ==, ENOTCONN);
      done (&d);
    }
  /* More than there is room for is not more. */
  Driver d;
  mounted (&d);
  ask (&d, NORMAL, 1, OP_GETATTR, NULL, 64);
  false_give (&other, NORMAL, (uint32_t)false_take (&other, NORMAL), UINT32_MAX);
  turn ();
  g_assert_cmpuint (driver_used_length (&d, NORMAL, 1), ==, 64);
  /* It has nothing to say any more. */
  g_assert_cmpint ((int)send (other.socket, "abcdefghijklmnopqrst", 20, MSG_NOSIGNAL), ==, 20);
  turn ();
  g_assert_cmpuint (n_notices, ==, 1);
  done (&d);
}

static void
test_absent (void)
{
  Driver d;

  hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  absent = TRUE;
  ask (&d, NORMAL, 0, OP_INIT, "hello", 64);
  g_assert_cmpint (error_of (&d, 0), ==, ENOTCONN);
  g_assert_cmpuint (n_notices, ==, 1);
  done (&d);
  /* Its helper says why, or has no VERSION_1. */
  hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  other.features = 0;
  ask (&d, NORMAL, 0, OP_INIT, "hello", 64);
  g_assert_cmpint (error_of (&d, 0), ==, ENOTCONN);
  other.features = 1ull << 32;
  done (&d);
}

static void
test_hostile (void)
{
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
  false_close (&other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-fs/session", test_session);
  g_test_add_func ("/virtio-fs/one-user", test_one_user);
  g_test_add_func ("/virtio-fs/many", test_many);
  g_test_add_func ("/virtio-fs/reset", test_reset);
  g_test_add_func ("/virtio-fs/pause", test_pause);
  g_test_add_func ("/virtio-fs/liar", test_liar);
  g_test_add_func ("/virtio-fs/absent", test_absent);
  g_test_add_func ("/virtio-fs/hostile", test_hostile);
  return g_test_run ();
}
