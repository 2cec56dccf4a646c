/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the storage tests share: a machine without a processor, ports, a line that counts, images in a temporary folder.
 */
#pragma once

#include "block/block.h"
#include "core/vm.h"

#include <glib/gstdio.h>
#include <string.h>

static Vm *vm;
static AccessCache port_cache;
static char *folder;
static unsigned irq_count[2];
static gboolean irq_level[2];
static const char *image_test; /* BlockConfig.test of images that are made */

static inline void
on_irq (void *opaque, unsigned n, gboolean level)
{
  if (level && !irq_level[n])
    irq_count[n]++;
  irq_level[n] = level;
}

static inline uint32_t
in (unsigned port, unsigned size)
{
  return (uint32_t)address_space_load (vm->ports, &port_cache, port, size, FALSE);
}

static inline void
out (unsigned port, uint32_t value, unsigned size)
{
  address_space_store (vm->ports, &port_cache, port, value, size, FALSE);
}

/* Lets completions in. */
static inline void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static inline void
advance (int64_t ns)
{
  vm_clock_advance (vm->clock, ns);
  pump ();
}

static inline char *
image_path (const char *name)
{
  if (folder == NULL)
    folder = g_dir_make_tmp ("viv-storage-XXXXXX", NULL);
  return g_build_filename (folder, name, NULL);
}

/* A new image whose sector n begins with n as a little endian number, and is filled with its low byte. */
static inline Block *
new_image (const char *name, uint64_t size, BlockFlags flags)
{
  g_autofree char *path = image_path (name);
  g_autoptr (GError) error = NULL;
  BlockConfig config = { .path = path, .format = "raw" };

  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", size, &error));
  Block *block = block_open (&config, &error);
  g_assert_no_error (error);
  for (uint64_t at = 0; at < MIN (size, 4 << 20); at += 512)
    {
      uint8_t sector[512];
      uint64_t n = at / 512;
      memset (sector, (int)n, sizeof sector);
      memcpy (sector, &n, 4);
      g_assert_true (block_write_sync (block, at, sector, sizeof sector, &error));
    }
  if (flags == 0 && image_test == NULL)
    return block;
  block_close (block);
  config.flags = flags;
  config.test = image_test;
  block = block_open (&config, &error);
  g_assert_no_error (error);
  return block;
}

static inline void
remove_folder (void)
{
  g_autoptr (GDir) dir = folder != NULL ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_unlink (path);
    }
  if (folder != NULL)
    g_rmdir (folder);
  g_clear_pointer (&folder, g_free);
}

/* The device's state, out and in again. */
static inline GByteArray *
save_state (Device *device)
{
  GByteArray *bytes = g_byte_array_new ();
  state_save (device->klass->state, device, bytes);
  return bytes;
}

static inline gboolean
load_state (Device *device, GByteArray *bytes)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  vm_lock (vm);
  ok = state_load (device->klass->state, device, bytes->data, bytes->len, &error)
       && device->klass->post_load (device, &error);
  vm_unlock (vm);
  return ok;
}
