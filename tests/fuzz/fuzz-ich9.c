/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any registers of q35's hub, LPC bridge and SMBus, with interrupts, saves, resets and what ACPI's tables are made of in between.
 * Input: eight bytes a step, {what, size, address (2), value (4)}.
 */
#include "fuzz.h"

#include "chipset/gsi.h"
#include "chipset/ich9-lpc.h"
#include "chipset/ich9-smbus.h"
#include "chipset/ioapic.h"
#include "chipset/mch.h"
#include "chipset/pic.h"
#include "firmware/acpi.h"
#include "firmware/fw-cfg.h"

#include <stdlib.h>

#define STEP     8
#define RAM_SIZE 0x400000
#define ECAM     0xb0000000u
#define RCBA     0xfed1c000u
#define PM       0x600
#define SMBUS    0x700

typedef struct
{
  Vm *vm;
  AccessCache memory, ports;
  Device *host, *lpc, *smbus, *fw_cfg;
} Machine;

static const unsigned functions[]
    = { PCI_DEVFN (0, 0), PCI_DEVFN (0x1f, 0), PCI_DEVFN (0x1f, 3), PCI_DEVFN (1, 0) };

static void
pump (void)
{
  for (unsigned i = 0; i < 16 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

static void
config (Machine *m, unsigned devfn, unsigned at, uint32_t value, unsigned size)
{
  address_space_store (m->vm->ports, &m->ports, 0xcf8, 0x80000000u | devfn << 8 | (at & 0xfc), 4, FALSE);
  address_space_store (m->vm->ports, &m->ports, 0xcfc + (at & 3), value, size, FALSE);
}

/* As firmware does, so that what follows finds registers. */
static void
program (Machine *m)
{
  config (m, functions[0], 0x60, ECAM | 1, 4);
  config (m, functions[1], 0x40, PM | 1, 4);
  config (m, functions[1], 0x44, 0x80, 1);
  config (m, functions[1], 0xf0, RCBA | 1, 4);
  config (m, functions[2], 0x20, SMBUS | 1, 4);
  config (m, functions[2], 0x40, 1, 1);
  config (m, functions[2], 0x04, 1, 2);
}

/* Saves, changes a byte of that, and loads it; then what was saved, which must load. */
static void
reload (Device *device, unsigned at, uint8_t value)
{
  g_autoptr (GByteArray) good = g_byte_array_new (), bad = g_byte_array_new ();

  vm_lock (device->vm);
  state_save (device->klass->state, device, good);
  g_byte_array_append (bad, good->data, good->len);
  bad->data[at % bad->len] ^= value;
  if (state_load (device->klass->state, device, bad->data, bad->len, NULL))
    device->klass->post_load (device, NULL);
  if (!state_load (device->klass->state, device, good->data, good->len, NULL)
      || !device->klass->post_load (device, NULL))
    abort ();
  vm_unlock (device->vm);
}

static void
step (Machine *m, const uint8_t *s)
{
  const uint32_t value = s[4] | (uint32_t)s[5] << 8 | (uint32_t)s[6] << 16 | (uint32_t)s[7] << 24;
  const unsigned size = 1u << s[1] % 3, at = (s[2] | (unsigned)s[3] << 8) & ~(size - 1);
  const unsigned devfn = functions[s[1] >> 4 & 3];
  Device *const devices[] = { m->host, m->lpc, m->smbus };

  switch (s[0] % 12)
    {
    case 0 ... 2:
      config (m, devfn, at & 0xff, value, size);
      break;
    case 3:
      address_space_store (m->vm->memory, &m->memory, ECAM + (devfn << 12) + (at & 0xfff), value, size,
                           FALSE);
      break;
    case 4:
      /* Not to sleep: nobody wakes it. */
      address_space_store (m->vm->ports, &m->ports, PM + (at & 0x7f), value & ~0x2000u, size, FALSE);
      break;
    case 5:
      address_space_store (m->vm->memory, &m->memory, RCBA + (at & 0x3fff), value, size, FALSE);
      break;
    case 6:
      address_space_store (m->vm->ports, &m->ports, SMBUS + (at & 0x1f), value, size, FALSE);
      break;
    case 7:
      pci_device_intx ((PciDevice *)devices[s[1] >> 4 & 1 ? 2 : 0], value & 1);
      break;
    case 8:
      reload (devices[value % 3], at, s[7]);
      break;
    case 9:
      vm_lock (m->vm);
      if (value & 1)
        acpi_pm_power_button (ich9_lpc_power (m->lpc));
      else
        ich9_lpc_raise_gpe (m->lpc, value);
      vm_unlock (m->vm);
      break;
    case 10:
      vm_lock (m->vm);
      acpi_build (m->fw_cfg);
      vm_unlock (m->vm);
      break;
    default:
      address_space_load (m->vm->memory, &m->memory, ECAM + value % 0x10000000u, size, FALSE);
      address_space_load (m->vm->ports, &m->ports, PM + (at & 0x7f), size, FALSE);
      program (m);
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  Machine m = { .vm = vm_new (NULL, TRUE) };
  Region *ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  Device *pic, *ioapic, *gsi;

  vm_lock (m.vm);
  pic = pic_new (m.vm, vm_intr_line (m.vm), NULL);
  ioapic = ioapic_new (m.vm, IOAPIC_ADDRESS, NULL);
  gsi = gsi_new (m.vm, pic, ioapic, NULL);
  m.host = mch_new (m.vm, ram, NULL, 0, 40, NULL);
  m.lpc = ich9_lpc_new (m.vm, m.host, gsi, NULL);
  m.smbus = ich9_smbus_new (m.vm, pci_root_bus (mch_root (m.host)), NULL);
  m.fw_cfg = fw_cfg_new (m.vm, NULL);
  acpi_build (m.fw_cfg);
  vm_unlock (m.vm);
  vm_start (m.vm, FALSE);
  program (&m);
  for (size_t i = 0; i + STEP <= length && vm_state (m.vm) != VM_STATE_STOPPED; i += STEP)
    step (&m, data + i);
  vm_stop (m.vm, "done");
  pump ();
  access_cache_clear (&m.memory);
  access_cache_clear (&m.ports);
  vm_free (m.vm);
  region_unref (ram);
  pump ();
  return 0;
}

static void
make (void)
{
  static const uint8_t routes[]
      = { 7,    0x10, 0, 0, 1, 0, 0, 0, 5, 1, 0x40, 0x31, 0x60, 0x32, 0, 0, 0, 0x10, 0x6a, 0,
          0x0b, 0,    0, 0, 8, 0, 9, 0, 1, 0, 0,    3,    7,    0x10, 0, 0, 0, 0,    0,    0 };
  static const uint8_t tseg[] = { 0, 0, 0x9e, 0, 3, 0, 0, 0, 0, 0, 0x9d, 0, 0x5a, 0, 0, 0,
                                  8, 0, 0,    0, 0, 0, 0, 1, 0, 0, 0x9d, 0, 0x4a, 0, 0, 0 };
  static const uint8_t power[] = { 0, 0x10, 0x44, 0, 0x80, 0, 0, 0,    4, 1,    2,  0, 0, 1, 0, 0,    9, 0, 0,
                                   0, 1,    0,    0, 0,    4, 1, 0x28, 0, 0xff, 0,  0, 0, 9, 0, 0,    0, 2, 0,
                                   0, 0,    10,   0, 0,    0, 0, 0,    0, 0,    11, 0, 0, 0, 0, 0x10, 0, 0 };
  static const uint8_t bus[] = { 6, 0, 4, 0, 0xa1, 0, 0, 0, 6, 0, 2, 0, 0x49, 0, 0, 0,
                                 8, 0, 0, 0, 2,    0, 0, 9, 6, 0, 0, 0, 0xff, 0, 0, 0 };
  static const uint8_t ecam[] = { 0, 2, 0x60, 0, 3, 0, 0, 0xe0, 3,  2, 0, 0, 0, 0, 0, 0,
                                  0, 2, 0x60, 0, 7, 0, 0, 0xe0, 10, 0, 0, 0, 0, 0, 0, 0 };

  fuzz_seed (routes, sizeof routes);
  fuzz_seed (tseg, sizeof tseg);
  fuzz_seed (power, sizeof power);
  fuzz_seed (bus, sizeof bus);
  fuzz_seed (ecam, sizeof ecam);
}

const FuzzTarget fuzz_target
    = { .room = "vmm/chipset/mch.c vmm/chipset/ich9-lpc.c vmm/chipset/ich9-smbus.c vmm/chipset/acpi-pm.c "
                "vmm/chipset/shadow.c",
        .max_length = 2048,
        .make = make };
