/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any commands to a flash memory of sixteen blocks, with saves, resets and completions in between.
 * Input: four bytes a step, {what, address low, address high, value}.
 */
#include "fuzz.h"

#include "block/block.h"
#include "core/vm.h"
#include "storage/flash.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define SIZE 0x10000u
#define BASE 0xffc00000u

static void
pump (void)
{
  for (unsigned i = 0; i < 64 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

static Block *
image_new (void)
{
  static char *path;

  if (path == NULL)
    {
      path = g_build_filename (fuzz_folder (), "flash.img", NULL);
      const int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (fd < 0 || ftruncate (fd, SIZE) < 0)
        abort ();
      close (fd);
    }
  return block_open (&(BlockConfig){ .path = path, .format = "raw", .test = "memory" }, NULL);
}

/* Saves, changes a byte of that, and loads it; then what was saved, which must load. */
static void
reload (Vm *vm, Device *flash, unsigned at, uint8_t value)
{
  g_autoptr (GByteArray) good = g_byte_array_new (), bad = g_byte_array_new ();

  vm_lock (vm);
  state_save (flash->klass->state, flash, good);
  g_byte_array_append (bad, good->data, good->len);
  bad->data[at % MIN (bad->len, 800u)] ^= value;
  if (state_load (flash->klass->state, flash, bad->data, bad->len, NULL))
    flash->klass->post_load (flash, NULL);
  if (value % 2 == 0
      && (!state_load (flash->klass->state, flash, good->data, good->len, NULL)
          || !flash->klass->post_load (flash, NULL)))
    abort ();
  if (value % 2 != 0)
    flash->klass->reset (flash);
  vm_unlock (vm);
}

static void
step (Vm *vm, AccessCache *cache, Device *flash, const uint8_t *s)
{
  static const uint8_t commands[]
      = { 0xff, 0x90, 0x98, 0x70, 0x50, 0x40, 0x10, 0xe8, 0x20, 0xb0, 0xd0, 0x60, 0x01, 0x00, 0x1f, 0x02 };
  const uint32_t at = s[1] | (uint32_t)s[2] << 8;
  const unsigned size = 1u << (s[0] >> 6);

  switch (s[0] & 15)
    {
    case 0 ... 3:
      address_space_store (vm->memory, cache, BASE + at, s[3] * 0x0101010101010101ull, size, FALSE);
      break;
    case 4 ... 9:
      address_space_store (vm->memory, cache, BASE + at, commands[s[3] & 15], 1, FALSE);
      break;
    case 10 ... 11:
      address_space_load (vm->memory, cache, BASE + at, size, FALSE);
      break;
    case 12:
      reload (vm, flash, at, s[3]);
      break;
    case 13:
      vm_reset (vm);
      pump ();
      break;
    default:
      g_usleep (10);
      pump ();
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  const FlashConfig config = { .base = BASE, .size = SIZE, .image = image_new () };
  AccessCache cache = { 0 };

  Vm *vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  Device *flash = flash_new (vm, "flash1", &config, NULL);
  vm_unlock (vm);
  if (flash == NULL)
    abort ();
  vm_start (vm, FALSE);
  for (size_t i = 0; i + 4 <= length; i += 4)
    step (vm, &cache, flash, data + i);
  vm_stop (vm, "done");
  pump ();
  access_cache_clear (&cache);
  vm_free (vm);
  pump ();
  return 0;
}

static void
make (void)
{
  static const uint8_t program[]
      = { 4, 0, 0x10, 6, 0, 0, 0x10, 0x55, 10, 0, 0x10, 0, 4, 0, 0, 0, 14, 0, 0, 0 };
  static const uint8_t erase[] = { 4, 0, 0x20, 8, 4, 0, 0x20, 10, 12, 0, 0, 0, 4, 0, 0, 4, 13, 0, 0, 0 };
  static const uint8_t buffer[] = { 4, 0, 0x30, 7, 0,    0, 0x30, 1, 0,    0,  0x30, 1, 12, 5,
                                    0, 2, 0,    1, 0x30, 2, 4,    0, 0x30, 10, 10,   0, 0,  0 };
  static const uint8_t locks[]
      = { 4, 0, 0x40, 11, 4, 0, 0x40, 12, 4, 0, 0x40, 8, 4, 0, 0x40, 10, 4, 0, 0, 2, 10, 16, 0, 0 };

  fuzz_seed (program, sizeof program);
  fuzz_seed (erase, sizeof erase);
  fuzz_seed (buffer, sizeof buffer);
  fuzz_seed (locks, sizeof locks);
}

const FuzzTarget fuzz_target = { .room = "vmm/storage/flash.c", .max_length = 1024, .make = make };
