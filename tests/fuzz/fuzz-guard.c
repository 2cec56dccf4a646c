/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drivers of the small devices that look after a guest or print for it: watchdog, pvpanic, parallel port.
 *
 * Input: steps of four bytes, what and where, and the value.
 */
#include "fuzz.h"

#include "chipset/i6300esb.h"
#include "chipset/parallel.h"
#include "chipset/pvpanic.h"
#include "pci/pci.h"

#include <fcntl.h>

#define BASE  0xe0000000u
#define DEVFN PCI_DEVFN (3, 0)

enum
{
  DO_REGISTER,
  DO_CONFIG,
  DO_PORT,
  DO_PANIC,
  DO_ADVANCE,
  DO_LIFE, /* save and load, reset, pause and resume */
  DO_UNLOCKED,
  DO_MAP,
  DO_N,
};

typedef struct
{
  Vm *vm;
  PciRoot *root;
  AccessCache memory, ports;
  unsigned events;
} Machine;

static void
on_event (void *opaque, const char *sentence)
{
  ((Machine *)opaque)->events++;
}

static void
on_wire (void *opaque, unsigned n, gboolean level)
{
}

static void
save_and_load (Machine *m)
{
  vm_lock (m->vm);
  for (guint i = 0; i < m->vm->devices->len; i++)
    {
      Device *device = m->vm->devices->pdata[i];
      g_autoptr (GByteArray) saved = g_byte_array_new (), again = g_byte_array_new ();

      state_save (device->klass->state, device, saved);
      if (!state_load (device->klass->state, device, saved->data, saved->len, NULL)
          || (device->klass->post_load != NULL && !device->klass->post_load (device, NULL)))
        g_critical ("%s doesn't load what it has saved", device->id);
      state_save (device->klass->state, device, again);
      if (saved->len != again->len || memcmp (saved->data, again->data, saved->len) != 0)
        g_critical ("%s is another one behind a load", device->id);
    }
  vm_unlock (m->vm);
}

static void
live (Machine *m, unsigned how)
{
  if (how % 4 == 0)
    vm_reset (m->vm);
  else if (how % 4 == 1)
    vm_pause (m->vm, NULL);
  else if (how % 4 == 2)
    vm_resume (m->vm);
  else
    save_and_load (m);
}

static void
config (Machine *m, unsigned at, uint32_t value, unsigned size)
{
  vm_lock (m->vm);
  pci_root_config_write (m->root, 0, DEVFN, at & ~(size - 1), value, size);
  pci_root_config_read (m->root, 0, DEVFN, at & ~(size - 1), size);
  vm_unlock (m->vm);
}

static void
put (Machine *m, unsigned at, uint32_t value, unsigned size)
{
  address_space_store (m->vm->memory, &m->memory, BASE + at, value, size, FALSE);
  address_space_load (m->vm->memory, &m->memory, BASE + at, size, FALSE);
}

static void
do_step (Machine *m, unsigned what, unsigned at, uint16_t value)
{
  const unsigned size = 1u << (what >> 4) % 3;

  switch (what % DO_N)
    {
    case DO_REGISTER:
      put (m, at, value, size);
      break;
    case DO_CONFIG:
      config (m, at, value, size);
      break;
    case DO_PORT:
      address_space_store (m->vm->ports, &m->ports, PARALLEL_LPT1 + at % 10, value, size, FALSE);
      address_space_load (m->vm->ports, &m->ports, PARALLEL_LPT1 + at % 10, size, FALSE);
      break;
    case DO_PANIC:
      address_space_store (m->vm->ports, &m->ports, PVPANIC_PORT, value, 1, FALSE);
      break;
    case DO_ADVANCE:
      vm_clock_advance (m->vm->clock, (int64_t)value << (at % 24));
      break;
    case DO_LIFE:
      live (m, at);
      break;
    case DO_UNLOCKED:
      put (m, 0x0c, 0x80, 2);
      put (m, 0x0c, 0x86, 2);
      put (m, at, value, size);
      break;
    case DO_MAP:
      config (m, PCI_BAR0, BASE, 4);
      config (m, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
      break;
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  Machine m = { .vm = vm_new (NULL, TRUE) };
  FuzzBytes bytes = { data, length };
  const GuestAction action = (GuestAction)(length % 5);

  vm_lock (m.vm);
  m.root = pci_root_new (m.vm, on_wire, NULL, &m);
  i6300esb_new (m.vm, "watchdog0", pci_root_bus (m.root), DEVFN, action, on_event, &m, NULL);
  pvpanic_new (m.vm, "panic0", action, on_event, &m, NULL);
  parallel_new (m.vm, "parallel0", IRQ_LINE (on_wire, NULL, 0),
                open (length % 2 == 0 ? "/dev/null" : "/dev/full", O_WRONLY | O_CLOEXEC), "the file", NULL);
  vm_unlock (m.vm);
  vm_start (m.vm, FALSE);
  while (bytes.length > 0)
    {
      const uint8_t what = fuzz_u8 (&bytes), at = fuzz_u8 (&bytes);

      do_step (&m, what, at, fuzz_u16 (&bytes));
    }
  access_cache_clear (&m.memory);
  access_cache_clear (&m.ports);
  vm_lock (m.vm);
  while (m.vm->devices->len > 0)
    device_free (m.vm->devices->pdata[m.vm->devices->len - 1]);
  pci_root_free (m.root);
  vm_unlock (m.vm);
  vm_free (m.vm);
  return 0;
}

static void
make (void)
{
  /* The watchdog's: map, stages of a tick, enable, let it run; print with and without interrupts; panic. */
  static const uint8_t watchdog[]
      = { DO_MAP,     0,  0,   0, DO_UNLOCKED, 0, 1, 0, DO_UNLOCKED | 16, 4,  1,   0,  DO_CONFIG, 0x68, 2, 0,
          DO_ADVANCE, 23, 255, 0, DO_LIFE,     3, 0, 0, DO_ADVANCE,       23, 255, 255 },
      printer[] = { DO_PORT, 0, 'x', 0, DO_PORT, 2, 0x0d, 0, DO_PORT, 2, 0x0c, 0, DO_PORT, 1, 1, 0,
                    DO_PORT, 4, 5,   0, DO_PORT, 2, 0x1d, 0, DO_LIFE, 3, 0,    0, DO_LIFE, 0, 0, 0 },
      panic[] = { DO_PANIC, 0, 2, 0, DO_PANIC, 0, 1, 0, DO_LIFE, 2, 0, 0, DO_LIFE, 0, 0, 0, 1 };

  fuzz_seed (watchdog, sizeof watchdog);
  fuzz_seed (printer, sizeof printer);
  fuzz_seed (panic, sizeof panic);
}

const FuzzTarget fuzz_target = {
  .room = "vmm/chipset/i6300esb.c vmm/chipset/pvpanic.c vmm/chipset/parallel.c vmm/chipset/guest-action.c",
  .max_length = 1024,
  .make = make,
};
