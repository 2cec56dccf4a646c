/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * q35: the memory controller hub, the LPC bridge and the SMBus.
 */
#include "chipset/gsi.h"
#include "chipset/ich9-lpc.h"
#include "chipset/ich9-smbus.h"
#include "chipset/ioapic.h"
#include "chipset/mch.h"
#include "chipset/pic.h"
#include "tests/unit/chipset/fixture.h"

#define RAM_SIZE  0x1000000
#define BIOS_SIZE 0x40000
#define LPC       PCI_DEVFN (0x1f, 0)
#define SMBUS     PCI_DEVFN (0x1f, 3)
#define ECAM      0xb0000000ull
#define RCBA      0xfed1c000ull
#define PM        0x600

typedef struct
{
  Vm *vm;
  Region *ram, *bios;
  Device *pic, *ioapic, *gsi, *host, *lpc, *smbus;
  Wire intr;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  f->bios = region_new_ram ("bios", BIOS_SIZE, RAM_ROM, NULL);
  memset (region_host (f->bios), 0xb1, BIOS_SIZE);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->bios, 0xe0000, BIOS_SIZE - 0x20000, 0x20000, 0);
  f->pic = pic_new (f->vm, WIRE (&f->intr), NULL);
  f->ioapic = ioapic_new (f->vm, IOAPIC_ADDRESS, NULL);
  f->gsi = gsi_new (f->vm, f->pic, f->ioapic, NULL);
  f->host = mch_new (f->vm, f->ram, f->bios, 0, 36, NULL);
  f->lpc = ich9_lpc_new (f->vm, f->host, f->gsi, NULL);
  f->smbus = ich9_smbus_new (f->vm, pci_root_bus (mch_root (f->host)), NULL);
  vm_unlock (f->vm);
  for (unsigned i = 0; i < f->vm->devices->len; i++)
    reset_device (f->vm, f->vm->devices->pdata[i]);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  region_unref (f->ram);
  region_unref (f->bios);
}

static uint32_t
config_read (Fixture *f, unsigned devfn, unsigned reg, unsigned size)
{
  outl (f->vm, 0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc));
  return (uint32_t)load (f->vm, f->vm->ports, 0xcfc + (reg & 3), size);
}

static void
config_write (Fixture *f, unsigned devfn, unsigned reg, uint32_t value, unsigned size)
{
  outl (f->vm, 0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc));
  store (f->vm, f->vm->ports, 0xcfc + (reg & 3), value, size);
}

/* What SeaBIOS does. */
static void
program (Fixture *f)
{
  config_write (f, 0, 0x60, ECAM | 1, 4);
  config_write (f, LPC, 0x40, PM | 1, 4);
  config_write (f, LPC, 0x44, 0x80, 1);
  config_write (f, LPC, 0xf0, RCBA | 1, 4);
  config_write (f, SMBUS, 0x20, 0x701, 4);
  config_write (f, SMBUS, 0x40, 1, 1);
  config_write (f, SMBUS, 0x04, 1, 2);
}

static void
test_identities (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (config_read (f, 0, 0, 4), ==, 0x29c08086);
  g_assert_cmphex (config_read (f, LPC, 0, 4), ==, 0x29188086);
  g_assert_cmphex (config_read (f, SMBUS, 0, 4), ==, 0x29308086);
  g_assert_cmphex (config_read (f, LPC, 0x0e, 1), ==, 0x80);
}

static void
test_ecam (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (peek (f->vm, ECAM, 4), ==, 0xffffffff);
  config_write (f, 0, 0x60, ECAM | 1, 4);
  g_assert_cmphex (peek (f->vm, ECAM, 4), ==, 0x29c08086);
  g_assert_cmphex (peek (f->vm, ECAM + (LPC << 12), 4), ==, 0x29188086);
  /* 64 MiB elsewhere, above 4 GiB too. */
  config_write (f, 0, 0x60, 0xe4000000 | 2 << 1 | 1, 4);
  g_assert_cmphex (peek (f->vm, ECAM, 4), ==, 0xffffffff);
  g_assert_cmphex (peek (f->vm, 0xe4000000, 4), ==, 0x29c08086);
  config_write (f, 0, 0x64, 0x0a, 4);
  g_assert_cmphex (peek (f->vm, 0xe4000000, 4), ==, 0xffffffff);
  g_assert_cmphex (peek (f->vm, 0xae4000000, 4), ==, 0x29c08086);
  check_round_trip (f->vm, f->host);
  g_assert_cmphex (peek (f->vm, 0xae4000000, 4), ==, 0x29c08086);
  /* The reserved length, and an address that RAM has. */
  config_write (f, 0, 0x60, 0xe4000000 | 3 << 1 | 1, 4);
  g_assert_cmphex (peek (f->vm, 0xae4000000, 4), ==, 0xffffffff);
  config_write (f, 0, 0x64, 0, 4);
  config_write (f, 0, 0x60, 1, 4);
  poke (f->vm, 0x200000, 0x12345678, 4);
  g_assert_cmphex (peek (f->vm, 0x200000, 4), ==, 0x12345678);
  reset_device (f->vm, f->host);
  g_assert_cmphex (config_read (f, 0, 0x60, 4), ==, 0);
}

static void
test_shadow (Fixture *f, gconstpointer data)
{
  uint8_t *ram = region_host (f->ram);

  ram[0xf1234] = 0x55;
  ram[0xa0000] = 0x66;
  g_assert_cmphex (peek (f->vm, 0xf1234, 1), ==, 0xb1);
  config_write (f, 0, 0x90, 0x10, 1);
  g_assert_cmphex (peek (f->vm, 0xf1234, 1), ==, 0x55);
  config_write (f, 0, 0x90, 0x30, 1);
  poke (f->vm, 0xf1234, 0x56, 1);
  g_assert_cmphex (ram[0xf1234], ==, 0x56);
  g_assert_cmphex (peek (f->vm, 0xa0000, 1), ==, 0xff);
  config_write (f, 0, 0x9d, 0x4a, 1);
  g_assert_cmphex (peek (f->vm, 0xa0000, 1), ==, 0x66);

  /* 2 MiB of TSEG at RAM's end. */
  ram[RAM_SIZE - 0x200000] = 0x77;
  config_write (f, 0, 0x9e, 1 << 1 | 1, 1);
  g_assert_cmphex (peek (f->vm, RAM_SIZE - 0x200000, 1), ==, 0xff);
  poke (f->vm, RAM_SIZE - 0x200000, 0, 1);
  g_assert_cmphex (ram[RAM_SIZE - 0x200000], ==, 0x77);
  g_assert_cmphex (peek (f->vm, RAM_SIZE - 0x200001, 1), ==, 0);
  config_write (f, 0, 0x9e, 0, 1);
  g_assert_cmphex (peek (f->vm, RAM_SIZE - 0x200000, 1), ==, 0x77);

  /* Locked: closed, and so it stays until a reset. */
  config_write (f, 0, 0x9e, 1, 1);
  config_write (f, 0, 0x9d, 0x5a, 1);
  g_assert_cmphex (config_read (f, 0, 0x9d, 1), ==, 0x1a);
  config_write (f, 0, 0x9d, 0x4a, 1);
  config_write (f, 0, 0x9e, 0, 1);
  g_assert_cmphex (config_read (f, 0, 0x9d, 1), ==, 0x1a);
  g_assert_cmphex (config_read (f, 0, 0x9e, 1), ==, 0x39);
  g_assert_cmphex (peek (f->vm, 0xa0000, 1), ==, 0xff);
  check_round_trip (f->vm, f->host);
  config_write (f, 0, 0x9d, 0x4a, 1);
  g_assert_cmphex (config_read (f, 0, 0x9d, 1), ==, 0x1a);
  reset_device (f->vm, f->host);
  g_assert_cmphex (config_read (f, 0, 0x9d, 1), ==, 0x02);
  g_assert_cmphex (peek (f->vm, RAM_SIZE - 1, 1), ==, 0);
}

static void
open_pic (Fixture *f)
{
  outb (f->vm, 0x4d1, 0x0e);
  outb (f->vm, 0x20, 0x11);
  outb (f->vm, 0x21, 0x08);
  outb (f->vm, 0x21, 0x04);
  outb (f->vm, 0x21, 0x01);
  outb (f->vm, 0xa0, 0x0a);
}

static unsigned
wires (Fixture *f)
{
  unsigned on = 0;

  for (unsigned n = 0; n < 8; n++)
    on |= (unsigned)pci_root_intx_level (mch_root (f->host), n) << n;
  return on;
}

/* The SMBus has INTB#, which is PIRQB until RCBA says otherwise. */
static void
test_routes (Fixture *f, gconstpointer data)
{
  PciDevice *smbus = (PciDevice *)f->smbus;

  program (f);
  open_pic (f);
  pci_device_intx (smbus, TRUE);
  g_assert_cmphex (wires (f), ==, 1 << 1);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  config_write (f, LPC, 0x61, 0x0b, 1);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x08);
  config_write (f, LPC, 0x61, 0x0a, 1);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x04);

  /* To PIRQG while it is on: it leaves the old wire and comes on the new one. */
  config_write (f, LPC, 0x6a, 0x0b, 1);
  poke (f->vm, RCBA + 0x3140, 0x3260, 2);
  g_assert_cmphex (wires (f), ==, 1 << 6);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x08);
  check_round_trip (f->vm, f->lpc);
  g_assert_cmphex (wires (f), ==, 1 << 6);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x08);
  pci_device_intx (smbus, FALSE);
  g_assert_cmphex (wires (f), ==, 0);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  /* The timer's interrupt is nobody's. */
  config_write (f, LPC, 0x6a, 0x00, 1);
  pci_device_intx (smbus, TRUE);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  pci_device_intx (smbus, FALSE);
}

/* Level-triggered, unmasked, to vector 0x40 of processor 0: the request bit tells. */
static gboolean
pin_is_on (Fixture *f, unsigned pin)
{
  uint32_t low;

  poke (f->vm, IOAPIC_ADDRESS, 0x10 + 2 * pin, 4);
  poke (f->vm, IOAPIC_ADDRESS + 0x10, 1 << 15 | 0x40, 4);
  low = (uint32_t)peek (f->vm, IOAPIC_ADDRESS + 0x10, 4);
  poke (f->vm, IOAPIC_ADDRESS + 0x10, 1 << 16, 4);
  return low >> 14 & 1;
}

static void
test_pins (Fixture *f, gconstpointer data)
{
  g_assert_false (pin_is_on (f, 17));
  pci_device_intx ((PciDevice *)f->smbus, TRUE);
  g_assert_true (pin_is_on (f, 17));
  g_assert_false (pin_is_on (f, 16));
  pci_device_intx ((PciDevice *)f->smbus, FALSE);
}

static void
test_pm (Fixture *f, gconstpointer data)
{
  AcpiPm *power = ich9_lpc_power (f->lpc);

  g_assert_cmphex (inw (f->vm, PM + 4), ==, 0xffff);
  program (f);
  open_pic (f);
  g_assert_cmphex (inw (f->vm, PM + 4), ==, 0);
  g_assert_cmphex (inb (f->vm, PM + 0x30) & 0x20, ==, 0x20); /* there is no SMM to set up */
  vm_lock (f->vm);
  g_assert_false (acpi_pm_power_button (power)); /* nobody listens */
  vm_unlock (f->vm);
  outb (f->vm, 0xb2, ICH9_ACPI_ENABLE);
  g_assert_cmphex (inw (f->vm, PM + 4), ==, 1);
  outw (f->vm, PM + 2, 0x100);
  vm_lock (f->vm);
  g_assert_true (acpi_pm_power_button (power));
  vm_unlock (f->vm);
  g_assert_cmphex (inw (f->vm, PM), ==, 0x100);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x02);
  outw (f->vm, PM, 0x100);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  vm_lock (f->vm);
  g_assert_false (acpi_pm_sleep_button (power)); /* its event is not enabled */
  vm_unlock (f->vm);
  outw (f->vm, PM + 2, 0x300);
  vm_lock (f->vm);
  g_assert_true (acpi_pm_sleep_button (power));
  vm_unlock (f->vm);
  g_assert_cmphex (inw (f->vm, PM), ==, 0x200);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x02);
  outw (f->vm, PM, 0x200);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  outw (f->vm, PM + 2, 0x100);

  vm_lock (f->vm);
  ich9_lpc_raise_gpe (f->lpc, 1ull << 37);
  vm_unlock (f->vm);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  outb (f->vm, PM + 0x2c, 0x20);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x02);
  g_assert_cmphex (inl (f->vm, PM + 0x24), ==, 0x20);
  check_round_trip (f->vm, f->lpc);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x02);
  outb (f->vm, PM + 0x24, 0x20);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0);
  outb (f->vm, 0xb2, ICH9_ACPI_DISABLE);
  g_assert_cmphex (inw (f->vm, PM + 4), ==, 0);
}

static void
test_smbus (Fixture *f, gconstpointer data)
{
  program (f);
  /* Whoever sees it free has it. */
  g_assert_cmphex (inb (f->vm, 0x700), ==, 0);
  g_assert_cmphex (inb (f->vm, 0x700), ==, 0x40);
  outb (f->vm, 0x704, 0xa1);
  outb (f->vm, 0x702, 0x48 | 1);
  g_assert_cmphex (inb (f->vm, 0x700), ==, 0x44); /* nobody answered */
  g_assert_cmphex (wires (f), ==, 1 << 1);
  check_round_trip (f->vm, f->smbus);
  g_assert_cmphex (wires (f), ==, 1 << 1);
  outb (f->vm, 0x700, 0x44);
  g_assert_cmphex (wires (f), ==, 0);
  g_assert_cmphex (inb (f->vm, 0x700), ==, 0);
}

/* Any registers of all three in any order and size, saved and loaded between. */
static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (35);
  static const unsigned functions[] = { 0, LPC, SMBUS };

  program (f);
  for (unsigned i = 0; i < 30000; i++)
    {
      const unsigned size = 1u << g_rand_int_range (rand, 0, 3), kind = g_rand_int_range (rand, 0, 7);
      const uint32_t value = g_rand_int (rand), at = g_rand_int (rand) & ~(size - 1);

      if (kind == 0)
        config_write (f, functions[at / 256 % 3], at & 0xff, value, size);
      else if (kind == 1)
        store (f->vm, f->vm->ports, PM + (at & 0xff), value & ~0x2000u, size);
      else if (kind == 2)
        poke (f->vm, RCBA + (at & 0x3fff), value, size);
      else if (kind == 3)
        store (f->vm, f->vm->ports, 0x700 + (at & 0x1f), value, size);
      else if (kind == 4)
        poke (f->vm, ECAM + (functions[at / 4096 % 3] << 12) + (at & 0xfff), value, size);
      else if (kind == 5)
        outb (f->vm, 0x702, 0x48 | (value & 1)); /* its interrupt */
      else
        peek (f->vm, ECAM + (at & 0xfffffff), size);
      if (i % 1000 == 0)
        {
          check_round_trip (f->vm, f->host);
          check_round_trip (f->vm, f->lpc);
          check_round_trip (f->vm, f->smbus);
          program (f);
        }
    }
  check_hostile (f->vm, f->host, 0xcf8, 8);
  check_hostile (f->vm, f->lpc, 0xcf8, 8);
  check_hostile (f->vm, f->smbus, 0x700, 32);
  g_assert_cmphex (wires (f) & ~(1u << 1), ==, 0);
}

/* -- System management ------------------------------------------------------------------------------ */

static unsigned n_smi;
static gboolean smi_of_all;

static void
count_smi (void *opaque, gboolean all)
{
  n_smi++;
  smi_of_all = all;
}

static gboolean
never (void *opaque)
{
  return FALSE;
}

static const VmProcessorOps smm_processor = { .smi = count_smi, .in_smm = never };

/* A write to the APM port interrupts, once that is on, and on it stays behind the lock. */
static void
test_smi (Fixture *f, gconstpointer data)
{
  vm_set_processor (f->vm, &smm_processor, NULL);
  n_smi = 0;
  program (f);
  /* Where no such mode is offered firmware finds it set up. */
  g_assert_cmphex (load (f->vm, f->vm->ports, PM + 0x30, 4) & 0x21, ==, 0x20);
  ich9_lpc_offer_smm (f->lpc);
  reset_device (f->vm, f->lpc);
  program (f);
  g_assert_cmphex (load (f->vm, f->vm->ports, PM + 0x30, 4), ==, 0);
  store (f->vm, f->vm->ports, 0xb2, 0x12, 1);
  store (f->vm, f->vm->ports, PM + 0x30, 0x20, 4);
  store (f->vm, f->vm->ports, 0xb2, 0x12, 1);
  g_assert_cmpuint (n_smi, ==, 0);
  store (f->vm, f->vm->ports, PM + 0x30, 0x21, 4);
  store (f->vm, f->vm->ports, 0xb2, 0x12, 1);
  g_assert_cmpuint (n_smi, ==, 1);
  g_assert_true (smi_of_all);
  g_assert_cmphex (load (f->vm, f->vm->ports, PM + 0x34, 4), ==, 0x20);
  store (f->vm, f->vm->ports, PM + 0x34, 0x20, 4);
  g_assert_cmphex (load (f->vm, f->vm->ports, PM + 0x34, 4), ==, 0);
  store (f->vm, f->vm->ports, PM + 0x30, 0x20, 4);
  g_assert_cmphex (load (f->vm, f->vm->ports, PM + 0x30, 4), ==, 0x20);
  store (f->vm, f->vm->ports, PM + 0x30, 0x21, 4);
  config_write (f, LPC, 0xa0, 0x10, 1);
  store (f->vm, f->vm->ports, PM + 0x30, 0, 4);
  g_assert_cmphex (load (f->vm, f->vm->ports, PM + 0x30, 4), ==, 1);
  config_write (f, LPC, 0xa0, 0, 1);
  g_assert_cmphex (config_read (f, LPC, 0xa0, 1) & 0x10, ==, 0x10);
  reset_device (f->vm, f->lpc);
  g_assert_cmphex (config_read (f, LPC, 0xa0, 1) & 0x10, ==, 0);
  vm_set_processor (f->vm, NULL, NULL);
}

/* TSEG and the old SMRAM are RAM for who is in that mode, and for nobody else. */
static void
test_smram (Fixture *f, gconstpointer data)
{
  const uint32_t top = RAM_SIZE - 0x200000;

  region_host (f->ram)[top] = 0x77;
  region_host (f->ram)[0xa8000] = 0x55;
  config_write (f, 0, 0x9d, 0x0a, 1);
  config_write (f, 0, 0x9e, 1 << 1 | 1, 1);
  g_assert_cmphex (load (f->vm, f->vm->memory, top, 1), ==, 0xff);
  g_assert_cmphex (load (f->vm, f->vm->smm_memory, top, 1), ==, 0x77);
  g_assert_cmphex (load (f->vm, f->vm->smm_memory, 0xa8000, 1), ==, 0x55);
  g_assert_cmphex (load (f->vm, f->vm->memory, 0xa8000, 1), ==, 0xff);
  store (f->vm, f->vm->smm_memory, top + 1, 0x66, 1);
  g_assert_cmphex (region_host (f->ram)[top + 1], ==, 0x66);
  store (f->vm, f->vm->memory, top + 1, 0, 1);
  g_assert_cmphex (region_host (f->ram)[top + 1], ==, 0x66);
  /* Other RAM is the same on both sides. */
  store (f->vm, f->vm->smm_memory, 0x1000, 0x42, 1);
  g_assert_cmphex (load (f->vm, f->vm->memory, 0x1000, 1), ==, 0x42);
  /* Open for firmware that fills it. */
  config_write (f, 0, 0x9e, 1 << 1, 1);
  g_assert_cmphex (load (f->vm, f->vm->memory, top, 1), ==, 0x77);
  config_write (f, 0, 0x9e, 1 << 1 | 1, 1);
  config_write (f, 0, 0x9d, 0x1a, 1); /* locked */
  config_write (f, 0, 0x9e, 0, 1);
  config_write (f, 0, 0x9d, 0x4a, 1);
  g_assert_cmphex (load (f->vm, f->vm->memory, top, 1), ==, 0xff);
  g_assert_cmphex (load (f->vm, f->vm->memory, 0xa8000, 1), ==, 0xff);
  /* Notes of firmware's. */
  config_write (f, 0, 0xac, 0x1f80, 2);
  g_assert_cmphex (config_read (f, 0, 0xac, 2), ==, 0x1f80);
  config_write (f, 0, 0x50, 0xffff, 2);
  g_assert_cmphex (config_read (f, 0, 0x50, 2), ==, 0xffff);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/ich9/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (identities);
  ADD (ecam);
  ADD (shadow);
  ADD (routes);
  ADD (pins);
  ADD (pm);
  ADD (smbus);
  ADD (smi);
  ADD (smram);
  ADD (hostile);
  return g_test_run ();
}
