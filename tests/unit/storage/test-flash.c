/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Flash memory: its commands, what fails, what is kept, and drivers that do all of it wrongly.
 */
#include "storage/flash.h"

#include "storage-fixture.h"

#define SIZE 0x10000u
#define BASE 0xffc00000u

static Device *flash;
static gboolean secure, in_smm;
static AccessCache cache;

static void
setup (Block *image, const void *content)
{
  const FlashConfig config
      = { .base = BASE, .size = SIZE, .content = content, .image = image, .secure = secure };
  g_autoptr (GError) error = NULL;

  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  flash = flash_new (vm, "flash1", &config, &error);
  vm_unlock (vm);
  g_assert_no_error (error);
  vm_start (vm, FALSE);
}

static void
teardown (void)
{
  vm_stop (vm, "done");
  pump ();
  access_cache_clear (&cache);
  vm_free (vm);
  pump ();
}

static void
put (uint32_t at, uint8_t value)
{
  address_space_store (vm->memory, &cache, BASE + at, value, 1, FALSE);
}

static uint8_t
get (uint32_t at)
{
  return (uint8_t)address_space_load (vm->memory, &cache, BASE + at, 1, FALSE);
}

/* A command of two cycles; its status. */
static uint8_t
command (uint32_t at, uint8_t first, uint8_t second)
{
  put (at, 0x50);
  put (at, first);
  put (at, second);
  const uint8_t status = get (at);
  put (at, 0xff);
  return status;
}

static Block *
blank (const char *name)
{
  Block *image = new_image (name, SIZE, BLOCK_READ_WRITE);
  g_autofree uint8_t *ones = g_malloc (SIZE);

  memset (ones, 0xff, SIZE);
  g_assert_true (block_write_sync (image, 0, ones, SIZE, NULL));
  return image;
}

/* What the file has when the machine is gone. */
static uint8_t
kept (const char *name, uint32_t at)
{
  g_autofree char *path = image_path (name), *data = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  g_assert_cmpuint (length, ==, SIZE);
  return (uint8_t)data[at];
}

static void
test_query (void)
{
  setup (blank ("query"), NULL);
  g_assert_cmphex (get (0), ==, 0xff);
  put (0x55, 0x98);
  g_assert_cmphex (get (0x10), ==, 'Q');
  g_assert_cmphex (get (0x11), ==, 'R');
  g_assert_cmphex (get (0x12), ==, 'Y');
  g_assert_cmphex (get (0x13), ==, 1);
  g_assert_cmphex (1u << get (0x27), ==, SIZE);
  const unsigned blocks = (get (0x2d) | get (0x2e) << 8) + 1, size = (get (0x2f) | get (0x30) << 8) * 256;
  g_assert_cmpuint (blocks * size, ==, SIZE);
  const unsigned extended = get (0x15) | get (0x16) << 8;
  g_assert_cmphex (get (extended), ==, 'P');
  put (0, 0x90);
  g_assert_cmphex (get (0), ==, 0x89);
  g_assert_cmphex (get (0x1002), ==, 0);
  /* As UEFI's driver looks for one: a status of zero after it was cleared. */
  put (0, 0x50);
  g_assert_cmphex (get (0), ==, 0xff);
  put (0, 0x70);
  g_assert_cmphex (get (0), ==, 0);
  put (0, 0xff);
  g_assert_cmphex (get (0), ==, 0xff);
  teardown ();
}

static void
test_program (void)
{
  setup (blank ("program"), NULL);
  g_assert_cmphex (command (0x1234, 0x40, 0x5a), ==, 0x80);
  g_assert_cmphex (get (0x1234), ==, 0x5a);
  g_assert_cmphex (command (0x1234, 0x10, 0x50), ==, 0x80);
  g_assert_cmphex (get (0x1234), ==, 0x50);
  /* No bit is ever set but by erasing. */
  g_assert_cmphex (command (0x1234, 0x10, 0x0f), ==, 0x90);
  g_assert_cmphex (get (0x1234), ==, 0);
  g_assert_cmphex (command (0x1fff, 0x20, 0xd0), ==, 0x80);
  g_assert_cmphex (get (0x1234), ==, 0xff);
  g_assert_cmphex (command (0x1000, 0x20, 0xff), ==, 0xb0);
  /* A wide store is so many cycles, in ascending order: here the command and its byte. */
  address_space_store (vm->memory, &cache, BASE + 0x2000, 0x6640, 2, FALSE);
  put (0, 0xff);
  g_assert_cmphex (get (0x2001), ==, 0x66);
  command (0x3000, 0x40, 0x11);
  teardown ();
  g_assert_cmphex (kept ("program", 0x2001), ==, 0x66);
  g_assert_cmphex (kept ("program", 0x3000), ==, 0x11);
  g_assert_cmphex (kept ("program", 0x1234), ==, 0xff);
}

static void
test_buffer (void)
{
  setup (blank ("buffer"), NULL);
  put (0x1010, 0xe8);
  g_assert_cmphex (get (0x1010), ==, 0x80);
  put (0x1010, 2);
  put (0x1010, 0x01);
  put (0x102f, 0x03);
  put (0x1011, 0x02);
  put (0x1000, 0xd0);
  g_assert_cmphex (get (0), ==, 0x80);
  put (0, 0xff);
  g_assert_cmphex (get (0x1010), ==, 0x01);
  g_assert_cmphex (get (0x1011), ==, 0x02);
  g_assert_cmphex (get (0x1012), ==, 0xff);
  g_assert_cmphex (get (0x102f), ==, 0x03);
  /* Too many, outside of the buffer, another block, no confirmation: nothing is programmed. */
  static const struct
  {
    uint32_t count_at, count, at, last;
  } wrong[] = {
    { 0x2000, 32, 0x2000, 0xd0 }, { 0x3000, 0, 0x2000, 0xd0 },   { 0x2000, 0, 0x3000, 0xd0 },
    { 0x2000, 0, 0x2000, 0xff },  { 0x2000, 255, 0x2000, 0xd0 },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      put (0x2000, 0x50);
      put (0x2000, 0xe8);
      put (wrong[i].count_at, (uint8_t)wrong[i].count);
      put (wrong[i].at, 0x00);
      put (0x2000, (uint8_t)wrong[i].last);
      put (0x2000, 0x70);
      g_assert_cmphex (get (0x2000) & 0x30, ==, 0x30);
      put (0x2000, 0xff);
      g_assert_cmphex (get (0x2000), ==, 0xff);
      g_assert_cmphex (get (0x3000), ==, 0xff);
    }
  /* At the end of a block and of the memory. */
  put (0xffff, 0xe8);
  put (0xffff, 0);
  put (0xffff, 0x77);
  put (0xffff, 0xd0);
  g_assert_cmphex (get (0) & 0xb0, ==, 0xb0); /* SR.4 and SR.5 stay until they are cleared */
  put (0, 0xff);
  g_assert_cmphex (get (0xffff), ==, 0x77);
  teardown ();
}

static void
test_locks (void)
{
  setup (blank ("locks"), NULL);
  g_assert_cmphex (command (0x1000, 0x60, 0x01), ==, 0x80);
  put (0, 0x90);
  g_assert_cmphex (get (0x1002), ==, 1);
  g_assert_cmphex (get (0x2002), ==, 0);
  g_assert_cmphex (command (0x1000, 0x40, 0x00), ==, 0x92);
  g_assert_cmphex (command (0x1000, 0x20, 0xd0), ==, 0xa2);
  g_assert_cmphex (get (0x1000), ==, 0xff);
  g_assert_cmphex (command (0x5000, 0x60, 0xd0), ==, 0x80);
  g_assert_cmphex (command (0x1000, 0x40, 0x00), ==, 0x80);
  g_assert_cmphex (command (0x1000, 0x60, 0x55), ==, 0xb0);
  command (0x1000, 0x60, 0x01);
  /* Once what is on its way to the file is there. */
  vm_reset (vm);
  put (0, 0x90);
  for (unsigned i = 0; i < 10000 && get (0x1002) == 1; i++)
    {
      g_usleep (100);
      pump ();
    }
  g_assert_cmphex (command (0x1001, 0x40, 0x00), ==, 0x80);
  teardown ();
}

static void
test_read_only (void)
{
  g_autofree uint8_t *code = g_malloc (SIZE);

  memset (code, 0xc3, SIZE);
  setup (NULL, code);
  g_assert_cmphex (get (0x10), ==, 0xc3);
  g_assert_cmphex (command (0x10, 0x40, 0x00), ==, 0x92);
  g_assert_cmphex (command (0x10, 0x20, 0xd0), ==, 0xa2);
  g_assert_cmphex (get (0x10), ==, 0xc3);
  teardown ();
}

/* In the middle of each command, into another machine, which ends it. */
static void
test_saved (void)
{
  setup (blank ("saved"), NULL);
  command (0x4000, 0x40, 0x44);
  put (0x1010, 0xe8);
  put (0x1010, 1);
  put (0x1010, 0x12);
  g_autoptr (GByteArray) state = save_state (flash);
  teardown ();

  setup (blank ("loaded"), NULL);
  command (0x5000, 0x40, 0x55);
  g_assert_true (load_state (flash, state));
  vm_lock (vm);
  flash->klass->resume (flash);
  vm_unlock (vm);
  put (0x1011, 0x34);
  put (0x1010, 0xd0);
  g_assert_cmphex (get (0), ==, 0x80);
  put (0, 0xff);
  g_assert_cmphex (get (0x1010), ==, 0x12);
  g_assert_cmphex (get (0x1011), ==, 0x34);
  g_assert_cmphex (get (0x5000), ==, 0xff);
  teardown ();
  g_assert_cmphex (kept ("loaded", 0x1011), ==, 0x34);
  g_assert_cmphex (kept ("loaded", 0x4000), ==, 0x44);
  g_assert_cmphex (kept ("loaded", 0x5000), ==, 0xff);
}

/* A part that comes behind it refuses the saved machine, which then never goes on: the file has what it had. */
static void
test_refused (void)
{
  setup (blank ("moment"), NULL);
  command (0x4000, 0x40, 0x44);
  g_autoptr (GByteArray) state = save_state (flash);
  teardown ();

  setup (blank ("refused"), NULL);
  command (0x5000, 0x40, 0x55);
  /* A worker writes it. */
  for (unsigned i = 0; i < 10000 && kept ("refused", 0x5000) != 0x55; i++)
    {
      g_usleep (100);
      pump ();
    }
  g_assert_true (load_state (flash, state));
  g_assert_cmphex (get (0x4000), ==, 0x44);
  pump ();
  teardown ();
  g_assert_cmphex (kept ("refused", 0x4000), ==, 0xff);
  g_assert_cmphex (kept ("refused", 0x5000), ==, 0x55);
}

/* The file can't be written to: the machine stands, and writes again when it goes on. */
static void
test_no_room (void)
{
  image_test = "fail=write:ENOSPC:1";
  Block *image = new_image ("full", SIZE, BLOCK_READ_WRITE);
  image_test = NULL;
  setup (image, NULL);
  command (0x1001, 0x20, 0xd0);
  for (unsigned i = 0; i < 10000 && vm_state (vm) != VM_STATE_PAUSED; i++)
    {
      g_usleep (100);
      pump ();
    }
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
  g_assert_cmphex (kept ("full", 0x1000), ==, 8);
  vm_resume (vm);
  pump ();
  g_assert_cmphex (get (0x1001), ==, 0xff);
  teardown ();
  g_assert_cmphex (kept ("full", 0x1000), ==, 0xff);
}

/* Any bytes at any address, with saving and resets: every read gives something, and what was saved loads. */
static void
test_hostile (void)
{
  static const uint8_t likely[]
      = { 0xff, 0x90, 0x98, 0x70, 0x50, 0x40, 0x10, 0xe8, 0x20, 0xb0, 0xd0, 0x60, 0x01, 0x00, 0x1f };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  setup (blank ("hostile"), NULL);
  for (unsigned i = 0; i < 20000; i++)
    {
      const uint32_t at
          = (uint32_t)g_rand_int_range (rand, 0, 16) * 0x1000 + (uint32_t)g_rand_int_range (rand, 0, 64) - 32;
      const unsigned size = 1u << g_rand_int_range (rand, 0, 4);

      if (at < SIZE)
        address_space_store (vm->memory, &cache, BASE + at,
                             g_rand_boolean (rand) ? likely[g_rand_int_range (rand, 0, G_N_ELEMENTS (likely))]
                                                   : g_rand_int (rand),
                             size, FALSE);
      address_space_load (vm->memory, &cache, BASE + at % SIZE, size, FALSE);
      if (i % 500 == 0)
        {
          g_autoptr (GByteArray) state = save_state (flash);
          g_assert_true (load_state (flash, state));
        }
      if (i % 3000 == 0)
        vm_reset (vm);
    }
  teardown ();
}

/* States that no flash memory saves: refused, or one that works. */
static void
test_hostile_state (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  unsigned refused = 0;

  setup (blank ("state"), NULL);
  put (0x1010, 0xe8);
  put (0x1010, 3);
  put (0x1010, 0x12);
  g_autoptr (GByteArray) state = save_state (flash);
  for (unsigned i = 0; i < 600; i++)
    {
      uint8_t *byte = state->data + g_rand_int_range (rand, 0, 500);
      const uint8_t before = *byte;

      *byte = (uint8_t)g_rand_int (rand);
      refused += !load_state (flash, state);
      *byte = before;
      for (unsigned n = 0; n < 4; n++)
        put (0xfff8 + n, 0xd0);
    }
  g_assert_cmpuint (refused, >, 0);
  g_assert_true (load_state (flash, state));
  teardown ();
}

static void
no_smi (void *opaque, gboolean all)
{
}

static gboolean
say_in_smm (void *opaque)
{
  return in_smm;
}

/* Whatever a refused file has left behind, a reset makes a state that can be saved and loaded. */
static void
test_after_refusal (void)
{
  setup (blank ("after"), NULL);
  g_autoptr (GByteArray) good = save_state (flash);
  for (unsigned i = 0; i < 800; i++)
    {
      good->data[i] ^= 0x80;
      load_state (flash, good);
      good->data[i] ^= 0x80;
      vm_lock (vm);
      flash->klass->reset (flash);
      vm_unlock (vm);
      g_autoptr (GByteArray) again = save_state (flash);
      g_assert_true (load_state (flash, again));
    }
  teardown ();
}

/* What the firmware keeps for Secure Boot heeds system-management mode alone. */
static void
test_secure (void)
{
  static const VmProcessorOps processor = { .smi = no_smi, .in_smm = say_in_smm };

  secure = TRUE;
  setup (blank ("secure.img"), NULL);
  vm_set_processor (vm, &processor, NULL);
  in_smm = FALSE;
  put (0x10, 0x40);
  put (0x10, 0x5a);
  g_assert_cmphex (get (0x10), ==, 0xff);
  put (0, 0x70);
  g_assert_cmphex (get (0x10), ==, 0xff); /* still the array */
  in_smm = TRUE;
  g_assert_cmphex (command (0x10, 0x40, 0x5a), ==, 0x80);
  g_assert_cmphex (get (0x10), ==, 0x5a);
  /* The second cycle comes from outside. */
  put (0x20, 0x40);
  in_smm = FALSE;
  put (0x20, 0x33);
  in_smm = TRUE;
  put (0x20, 0x44);
  put (0x20, 0xff);
  g_assert_cmphex (get (0x20), ==, 0x44);
  /* A saved machine goes on where its firmware finds that mode, and nowhere else. */
  g_autoptr (GByteArray) state = save_state (flash);
  g_assert_true (load_state (flash, state));
  vm_set_processor (vm, NULL, NULL);
  teardown ();
  secure = FALSE;
  setup (blank ("open.img"), NULL);
  g_assert_false (load_state (flash, state));
  g_autoptr (GByteArray) other = save_state (flash);
  g_assert_true (load_state (flash, other));
  teardown ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/flash/query", test_query);
  g_test_add_func ("/flash/program", test_program);
  g_test_add_func ("/flash/buffer", test_buffer);
  g_test_add_func ("/flash/locks", test_locks);
  g_test_add_func ("/flash/read-only", test_read_only);
  g_test_add_func ("/flash/after-refusal", test_after_refusal);
  g_test_add_func ("/flash/secure", test_secure);
  g_test_add_func ("/flash/saved", test_saved);
  g_test_add_func ("/flash/refused", test_refused);
  g_test_add_func ("/flash/no-room", test_no_room);
  g_test_add_func ("/flash/hostile", test_hostile);
  g_test_add_func ("/flash/hostile-state", test_hostile_state);
  int result = g_test_run ();
  remove_folder ();
  return result;
}
