/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The board of test programs.  See test-device.h.
 */
#define G_LOG_DOMAIN "test-device"

#include "chipset/test-device.h"

#include "chipset/common.h"
#include "chipset/gsi.h"

#include <string.h>
#include <sys/mman.h>

#define MEMORY_BASE 0xff000000u
#define MEMORY_SIZE 0x10000u

enum
{
  PORT_EXIT = 0xf4,
  PORT_WIDE = 0xe0,
  PORT_FLUSH = 0xe4,
  PORT_BYTES = 0xe8,
  PORT_LINES = 0x2000,
};

enum
{
  MAP_EXIT,
  MAP_WIDE,
  MAP_FLUSH,
  MAP_BYTES,
  MAP_LINES,
  MAP_MEMORY,
  N_MAPS
};

typedef struct
{
  Device device;
  Device *gsi;
  IrqLine line[GSI_COUNT];
  uint8_t level[GSI_COUNT], wide[4], bytes[4];
  uint8_t memory[MEMORY_SIZE];
  TestDeviceExit exit;
  void *opaque;
  Mapping *mapping[N_MAPS];
} TestDevice;

static const StateField test_device_state[] = {
  STATE_U8_ARRAY (TestDevice, level),
  STATE_U8_ARRAY (TestDevice, wide),
  STATE_U8_ARRAY (TestDevice, bytes),
  STATE_U8_ARRAY (TestDevice, memory),
  STATE_END,
};

static uint64_t
get (const uint8_t *bytes, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, bytes, size);
  return value;
}

static void
exit_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  TestDevice *t = opaque;

  t->exit (t->opaque, (int)((value << 1 | 1) & 0xff));
}

static uint64_t
wide_read (void *opaque, uint64_t addr, unsigned size)
{
  return get (((TestDevice *)opaque)->wide + addr, size);
}

static void
wide_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  memcpy (((TestDevice *)opaque)->wide + addr, &value, size);
}

static uint64_t
bytes_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((TestDevice *)opaque)->bytes[addr];
}

static void
bytes_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  ((TestDevice *)opaque)->bytes[addr] = (uint8_t)value;
}

static void
lines_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  TestDevice *t = opaque;

  t->level[addr] = value & 1;
  irq_set (&t->line[addr], t->level[addr]);
}

static uint64_t
memory_read (void *opaque, uint64_t addr, unsigned size)
{
  return get (((TestDevice *)opaque)->memory + addr, size);
}

static void
memory_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  memcpy (((TestDevice *)opaque)->memory + addr, &value, size);
}

/* A change of protection and back: the kernel tells KVM, which forgets what it knew of the page.  Reads go on meanwhile. */
static void
flush_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  TestDevice *t = opaque;
  uint64_t page = value & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  AccessCache cache = { 0 };
  const FlatRange *range = access_cache_find (&cache, t->device.vm->memory, page);

  if (range != NULL && region_is_ram (range->region) && !range->readonly)
    {
      uint8_t *host = region_host (range->region) + range->offset + (page - range->start);

      if (mprotect (host, GUEST_PAGE_SIZE, PROT_READ) != 0
          || mprotect (host, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
        device_log (&t->device, "The host's page of %#" G_GINT64_MODIFIER "x can't be protected", page);
    }
  access_cache_clear (&cache);
}

static uint64_t
nothing_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0;
}

static const IoOps ops[N_MAPS] = {
  [MAP_EXIT] = { nothing_read, exit_write, .impl_min = 1, .impl_max = 4 },
  [MAP_WIDE] = { wide_read, wide_write, .impl_min = 1, .impl_max = 4 },
  [MAP_FLUSH] = { nothing_read, flush_write, .impl_min = 1, .impl_max = 4 },
  [MAP_BYTES] = { bytes_read, bytes_write, .impl_min = 1, .impl_max = 1 },
  [MAP_LINES] = { nothing_read, lines_write, .impl_min = 1, .impl_max = 1 },
  [MAP_MEMORY] = { memory_read, memory_write, .impl_min = 1, .impl_max = 8 },
};

static void
test_device_reset (Device *device)
{
  TestDevice *t = (TestDevice *)device;

  for (unsigned i = 0; i < GSI_COUNT; i++)
    irq_set (&t->line[i], t->level[i] = 0);
  memset (t->wide, 0, sizeof t->wide);
  memset (t->bytes, 0, sizeof t->bytes);
  memset (t->memory, 0, sizeof t->memory);
}

static gboolean
test_device_post_load (Device *device, GError **error)
{
  TestDevice *t = (TestDevice *)device;

  for (unsigned i = 0; i < GSI_COUNT; i++)
    irq_set (&t->line[i], t->level[i] & 1);
  return TRUE;
}

static gboolean
test_device_realize (Device *device, GError **error)
{
  TestDevice *t = (TestDevice *)device;
  AddressSpace *ports = device->vm->ports;

  for (unsigned i = 0; i < GSI_COUNT; i++)
    t->line[i] = gsi_line (t->gsi, i);
  t->mapping[MAP_EXIT] = chipset_map_io (ports, "test-exit", PORT_EXIT, 4, &ops[MAP_EXIT], t);
  t->mapping[MAP_WIDE] = chipset_map_io (ports, "test-wide", PORT_WIDE, 4, &ops[MAP_WIDE], t);
  t->mapping[MAP_FLUSH] = chipset_map_io (ports, "test-flush", PORT_FLUSH, 4, &ops[MAP_FLUSH], t);
  t->mapping[MAP_BYTES] = chipset_map_io (ports, "test-bytes", PORT_BYTES, 4, &ops[MAP_BYTES], t);
  t->mapping[MAP_LINES] = chipset_map_io (ports, "test-lines", PORT_LINES, GSI_COUNT, &ops[MAP_LINES], t);
  t->mapping[MAP_MEMORY]
      = chipset_map_io (device->vm->memory, "test-memory", MEMORY_BASE, MEMORY_SIZE, &ops[MAP_MEMORY], t);
  return TRUE;
}

static void
test_device_unrealize (Device *device)
{
  TestDevice *t = (TestDevice *)device;

  for (unsigned i = 0; i < N_MAPS; i++)
    g_clear_pointer (&t->mapping[i], mapping_remove);
}

static const DeviceClass test_device_class = {
  .name = "test-device",
  .instance_size = sizeof (TestDevice),
  .state = test_device_state,
  .realize = test_device_realize,
  .reset = test_device_reset,
  .post_load = test_device_post_load,
  .unrealize = test_device_unrealize,
};

Device *
test_device_new (Vm *vm, Device *gsi, TestDeviceExit exit, void *opaque, GError **error)
{
  TestDevice *t = device_new (vm, &test_device_class, "test-device");

  t->gsi = gsi;
  t->exit = exit;
  t->opaque = opaque;
  return chipset_realize (t, error);
}
