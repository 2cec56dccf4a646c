/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Debug ports.  See debugcon.h.
 */
#define G_LOG_DOMAIN "firmware"

#include "chipset/debugcon.h"
#include "chipset/common.h"

#define PRESENT   0xe9 /* what both consoles read as */
#define LINE_SIZE 256

typedef struct
{
  Device device;
  uint8_t post;
  char line[LINE_SIZE];
  unsigned length;
  DebugconFunc func;
  void *opaque;
  Mapping *mapping[3];
} Debugcon;

/* A line that isn't complete is not worth saving. */
static const StateField debugcon_state[] = {
  STATE_U8 (Debugcon, post),
  STATE_END,
};

static void
flush_line (Debugcon *debugcon)
{
  debugcon->line[debugcon->length] = '\0';
  debugcon->length = 0;
  if (debugcon->func != NULL)
    debugcon->func (debugcon->opaque, debugcon->line);
  else
    g_debug ("%s", debugcon->line);
}

static uint64_t
console_read (void *opaque, uint64_t addr, unsigned size)
{
  return PRESENT;
}

static void
console_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Debugcon *debugcon = opaque;
  uint8_t c = (uint8_t)value;

  if (c == '\r')
    return;
  if (c == '\n')
    {
      flush_line (debugcon);
      return;
    }
  debugcon->line[debugcon->length++] = g_ascii_isprint (c) || c == '\t' ? (char)c : '?';
  if (debugcon->length == LINE_SIZE - 1)
    flush_line (debugcon);
}

static uint64_t
post_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((Debugcon *)opaque)->post;
}

static void
post_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  ((Debugcon *)opaque)->post = (uint8_t)value;
}

static const IoOps console_ops
    = { .read = console_read, .write = console_write, .impl_min = 1, .impl_max = 1 };
static const IoOps post_ops = { .read = post_read, .write = post_write, .impl_min = 1, .impl_max = 1 };

static void
debugcon_reset (Device *device)
{
  Debugcon *debugcon = (Debugcon *)device;

  if (debugcon->length > 0)
    flush_line (debugcon);
  debugcon->post = 0;
}

static gboolean
debugcon_realize (Device *device, GError **error)
{
  Debugcon *debugcon = (Debugcon *)device;
  AddressSpace *ports = device->vm->ports;

  debugcon->mapping[0] = chipset_map_io (ports, "debugcon", 0x402, 1, &console_ops, debugcon);
  debugcon->mapping[1] = chipset_map_io (ports, "port-e9", 0xe9, 1, &console_ops, debugcon);
  debugcon->mapping[2] = chipset_map_io (ports, "post", 0x80, 1, &post_ops, debugcon);
  return TRUE;
}

static void
debugcon_unrealize (Device *device)
{
  Debugcon *debugcon = (Debugcon *)device;

  for (unsigned i = 0; i < G_N_ELEMENTS (debugcon->mapping); i++)
    g_clear_pointer (&debugcon->mapping[i], mapping_remove);
}

static const DeviceClass debugcon_class = {
  .name = "debugcon",
  .instance_size = sizeof (Debugcon),
  .state = debugcon_state,
  .realize = debugcon_realize,
  .reset = debugcon_reset,
  .unrealize = debugcon_unrealize,
};

Device *
debugcon_new (Vm *vm, GError **error)
{
  return chipset_realize (device_new (vm, &debugcon_class, "debugcon"), error);
}

void
debugcon_set_func (Device *device, DebugconFunc func, void *opaque)
{
  Debugcon *debugcon = (Debugcon *)device;

  debugcon->func = func;
  debugcon->opaque = opaque;
}

uint8_t
debugcon_post_code (Device *device)
{
  return ((Debugcon *)device)->post;
}
