/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drivers of the smaller virtio devices that do as they like, see fuzz-virtio.h.  Input: which device, then the steps; a step of more than N_WHATS is the host's
 * part (a key, a client that sends or reads, another target for the balloon).
 */
#include "fuzz-virtio.h"

#include "virtio/balloon.h"
#include "virtio/console.h"
#include "virtio/input.h"
#include "virtio/rng.h"

#include <sys/socket.h>
#include <unistd.h>

enum
{
  DEVICE_RNG,
  DEVICE_BALLOON,
  DEVICE_CONSOLE,
  DEVICE_KEYBOARD,
  DEVICE_TABLET,
  DEVICE_MOUSE,
  DEVICE_TOUCHSCREEN,
  N_DEVICES,
};
static const unsigned n_queues[N_DEVICES] = { 1, 5, 6, 2, 2, 2, 2 };

typedef struct
{
  Driver d;
  unsigned which;
  Device *device;
  InputRouter *router;
  SerialPort *ports[2];
  int clients[2];
} Machine;

static Device *
make_device (Machine *m)
{
  PciBus *bus = pci_root_bus (m->d.root);
  Vm *vm = m->d.vm;
  const VirtConsoleConfig console = { m->ports[0], m->ports[1], "org.agent.0" };

  switch (m->which)
    {
    case DEVICE_RNG:
      return virt_rng_new (vm, "rng0", bus, DRIVER_DEVFN, 1000, NULL);
    case DEVICE_BALLOON:
      return virt_balloon_new (vm, "balloon0", bus, DRIVER_DEVFN, DRIVER_RAM, 0, NULL);
    case DEVICE_CONSOLE:
      return virt_console_new (vm, "console0", bus, DRIVER_DEVFN, &console, NULL);
    default:
      return virt_input_new (vm, "input0", bus, DRIVER_DEVFN, (VirtInputKind)(m->which - DEVICE_KEYBOARD),
                             m->router, NULL);
    }
}

static void
host (Machine *m, FuzzBytes *bytes)
{
  const unsigned what = fuzz_u8 (bytes), small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);
  const InputEventType type = (InputEventType)(small % (INPUT_EVENT_TOUCH + 1));
  const InputEvent event
      = { type, (uint16_t)(type == INPUT_EVENT_TOUCH ? middle % (INPUT_FINGERS + 1) : middle), value & 1,
          (int16_t)value, (int16_t)(value >> 16) };
  uint8_t buffer[4096] = { 0 };
  VirtBalloonInfo info;

  vm_lock (m->d.vm);
  if (m->which == DEVICE_BALLOON)
    {
      virt_balloon_set_target (m->device, value);
      virt_balloon_look (m->device, &info);
    }
  else if (m->which >= DEVICE_KEYBOARD)
    input_router_send (m->router, &event);
  else if (m->which == DEVICE_RNG)
    vm_clock_advance (m->d.vm->clock, value);
  vm_unlock (m->d.vm);
  if (m->which != DEVICE_CONSOLE)
    return;
  if (what & 1)
    (void)!send (m->clients[small & 1], buffer, middle % sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL);
  else
    (void)!recv (m->clients[small & 1], buffer, sizeof buffer, MSG_DONTWAIT);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  Machine m = { .which = fuzz_u8 (&bytes) % N_DEVICES };

  driver_open (&m.d);
  vm_lock (m.d.vm);
  m.router = input_router_new (m.d.vm);
  for (unsigned i = 0; i < 2; i++)
    {
      m.ports[i] = serial_port_new (m.d.vm);
      m.clients[i] = serial_port_attach (m.ports[i], FALSE, NULL);
    }
  m.device = make_device (&m);
  m.device->klass->reset (m.device);
  vm_unlock (m.d.vm);
  driver_map (&m.d);
  while (bytes.length > 0)
    if (*bytes.data >= 0x80)
      host (&m, &bytes);
    else
      virt_step (&m.d, m.device, 0x3f, n_queues[m.which], &bytes);
  driver_pump ();
  vm_lock (m.d.vm);
  while (m.d.vm->devices->len > 0)
    device_free (m.d.vm->devices->pdata[m.d.vm->devices->len - 1]);
  for (unsigned i = 0; i < 2; i++)
    {
      serial_port_free (m.ports[i]);
      close (m.clients[i]);
    }
  input_router_free (m.router);
  vm_unlock (m.d.vm);
  driver_close (&m.d);
  return 0;
}

#define QUEUE(n)        ((n)*4)
#define HOST(value)     STEP (0x81, 0, 30, value)
#define HOST_KIND(kind) STEP (0x81, kind, 30, 0x00050001)
/* A buffer for the device, or from it, on queue `n`. */
#define GIVE(n, where, length, flags)                                                    \
  STEP (WHAT_DESCRIBE, QUEUE (n), 0 | (flags) << 8, (uint32_t)(where) << 29 | (length)), \
      STEP (WHAT_PUT, 0x80 | QUEUE (n), 0, 0), STEP (WHAT_PUMP, 0, 0, 0)
/* A message of the console's control. */
#define SAY(port, event, value) \
  STEP (WHAT_BYTES, 0, 0, port), STEP (WHAT_BYTES, 0, 4, (event) | (value) << 16), GIVE (3, 0, 8, 0)

static void
make (void)
{
  static const uint8_t rng[] = { DEVICE_RNG,
                                 STEP (WHAT_START, 0, 0, 0),
                                 GIVE (0, 0, 64, DESC_WRITE),
                                 GIVE (0, 1, 0x2000, DESC_WRITE),
                                 HOST (100000000),
                                 STEP (WHAT_PAUSE, 1, 0, 0),
                                 GIVE (0, 2, 64, DESC_WRITE),
                                 STEP (WHAT_RESET, 0, 0, 0) };
  static const uint8_t balloon[] = { DEVICE_BALLOON,
                                     STEP (WHAT_START, 3, 0, 0),
                                     STEP (WHAT_BYTES, 0, 0, 0x180),
                                     STEP (WHAT_BYTES, 0, 4, 0xfee00),
                                     GIVE (0, 0, 8, 0),
                                     HOST (0x100000),
                                     GIVE (1, 0, 8, 0),
                                     STEP (WHAT_BYTES, 0, 0, 0x10004),
                                     GIVE (2, 0, 20, 0),
                                     HOST (0),
                                     GIVE (4, 6, 0x1000, DESC_WRITE),
                                     STEP (WHAT_PAUSE, 1, 0, 0),
                                     STEP (WHAT_REGISTER, 2, 0x2004, 77),
                                     STEP (WHAT_RESET, 0, 0, 0) };
  static const uint8_t console[] = { DEVICE_CONSOLE,
                                     STEP (WHAT_START, 3, 0, 0),
                                     SAY (0, 0, 1),
                                     GIVE (2, 0, 64, DESC_WRITE),
                                     SAY (0, 3, 1),
                                     SAY (1, 3, 1),
                                     SAY (0, 6, 1),
                                     GIVE (1, 1, 0x4000, 0),
                                     GIVE (1, 1, 0xffff, 0),
                                     HOST (0),
                                     GIVE (0, 0, 64, DESC_WRITE),
                                     STEP (WHAT_PAUSE, 1, 0, 0),
                                     STEP (0x80, 0, 0, 0),
                                     GIVE (5, 1, 64, 0),
                                     STEP (WHAT_RESET, 0, 0, 0) };
  static const uint8_t keyboard[] = { DEVICE_KEYBOARD,
                                      STEP (WHAT_START, 0, 0, 0),
                                      GIVE (0, 0, 8, DESC_WRITE),
                                      HOST_KIND (0),
                                      STEP (WHAT_REGISTER, 1, 0x2000, 0x111),
                                      STEP (WHAT_READ, 0, 0x2002, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0x00010011),
                                      STEP (WHAT_BYTES, 0, 4, 1),
                                      GIVE (1, 0, 8, 0),
                                      STEP (WHAT_PAUSE, 1, 0, 0),
                                      STEP (WHAT_RESET, 0, 0, 0) };
  static const uint8_t tablet[] = { DEVICE_TABLET,
                                    STEP (WHAT_START, 0, 0, 0),
                                    HOST_KIND (3),
                                    HOST_KIND (4),
                                    GIVE (0, 0, 8, DESC_WRITE),
                                    GIVE (0, 0, 3, DESC_WRITE),
                                    STEP (WHAT_REGISTER, 1, 0x2000, 0x012),
                                    STEP (WHAT_READ, 2, 0x2008, 0) };
  static const uint8_t mouse[] = { DEVICE_MOUSE,  STEP (WHAT_START, 0, 0, 0), HOST_KIND (2),
                                   HOST_KIND (4), GIVE (0, 0, 8, DESC_WRITE), STEP (WHAT_CONFIG, 1, 4, 0),
                                   HOST_KIND (2), STEP (WHAT_PUMP, 0, 0, 0) };

  static const uint8_t touchscreen[]
      = { DEVICE_TOUCHSCREEN,         STEP (WHAT_START, 0, 0, 0),  HOST_KIND (5),
          GIVE (0, 0, 8, DESC_WRITE), STEP (WHAT_CONFIG, 1, 4, 0), HOST_KIND (5),
          STEP (WHAT_PUMP, 0, 0, 0) };

  virt_seed (rng, sizeof rng, 1);
  virt_seed (balloon, sizeof balloon, 1);
  virt_seed (console, sizeof console, 1);
  virt_seed (keyboard, sizeof keyboard, 1);
  virt_seed (tablet, sizeof tablet, 1);
  virt_seed (mouse, sizeof mouse, 1);
  virt_seed (touchscreen, sizeof touchscreen, 1);
}

const FuzzTarget fuzz_target
    = { "vmm/virtio/rng.c vmm/virtio/balloon.c vmm/virtio/console.c vmm/virtio/input.c", 800, make };
