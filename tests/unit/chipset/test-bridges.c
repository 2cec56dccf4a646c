/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Host bridge with PAM, SMRAM and configuration cycles; ISA bridge; power management; A20 and the small ports.
 */
#include "chipset/a20.h"
#include "chipset/debugcon.h"
#include "chipset/gsi.h"
#include "chipset/i440fx.h"
#include "chipset/piix3.h"
#include "chipset/piix4-pm.h"
#include "chipset/pic.h"
#include "chipset/port92.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Region *ram, *bios;
  Device *host, *isa, *pm, *pic, *gsi, *a20, *port92, *debugcon;
  Wire intr, sci;
} Fixture;

#define RAM_SIZE  0x400000
#define BIOS_SIZE 0x40000

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  f->bios = region_new_ram ("bios", BIOS_SIZE, RAM_ROM, NULL);
  memset (region_host (f->bios), 0xb1, BIOS_SIZE);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->bios, 0x100000000ull - BIOS_SIZE, 0, BIOS_SIZE, 0);
  address_space_map (f->vm->memory, f->bios, 0xe0000, BIOS_SIZE - 0x20000, 0x20000, 0);
  f->pic = pic_new (f->vm, WIRE (&f->intr), NULL);
  f->gsi = gsi_new (f->vm, f->pic, NULL, NULL);
  f->host = i440fx_new (f->vm, f->ram, f->bios, NULL);
  f->isa = piix3_new (f->vm, f->host, f->gsi, NULL);
  f->pm = piix4_pm_new (f->vm, i440fx_bus (f->host), WIRE (&f->sci), NULL);
  f->a20 = a20_new (f->vm, f->ram, NULL);
  f->port92 = port92_new (f->vm, f->a20, NULL);
  f->debugcon = debugcon_new (f->vm, NULL);
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

static void
test_configuration (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (config_read (f, 0, 0, 4), ==, 0x12378086);
  g_assert_cmphex (config_read (f, 0, 2, 2), ==, 0x1237);
  g_assert_cmphex (config_read (f, 0, 3, 1), ==, 0x12);
  g_assert_cmphex (config_read (f, 0, 0x2c, 4), ==, 0x11001af4);
  g_assert_cmphex (config_read (f, PCI_DEVFN (1, 0), 0, 4), ==, 0x70008086);
  g_assert_cmphex (config_read (f, PCI_DEVFN (1, 0), 0x0e, 1), ==, 0x80);
  g_assert_cmphex (config_read (f, PCI_DEVFN (1, 3), 0, 4), ==, 0x71138086);
  g_assert_cmphex (config_read (f, PCI_DEVFN (2, 0), 0, 4), ==, 0xffffffff);
  outl (f->vm, 0xcf8, 0x80010000); /* bus 1 */
  g_assert_cmphex (inl (f->vm, 0xcfc), ==, 0xffffffff);
  outl (f->vm, 0xcf8, 0x00000000);
  g_assert_cmphex (inl (f->vm, 0xcfc), ==, 0xffffffff);
  outl (f->vm, 0xcf8, 0x80000844);
  g_assert_cmphex (inl (f->vm, 0xcf8), ==, 0x80000844);
  outb (f->vm, 0xcf8, 0x12); /* only a dword is the address */
  outw (f->vm, 0xcfa, 0x1234);
  g_assert_cmphex (inl (f->vm, 0xcf8), ==, 0x80000844);
  outb (f->vm, 0xcf9, 0x02);
  g_assert_cmphex (inb (f->vm, 0xcf9), ==, 0x02);
  g_assert_cmphex (inl (f->vm, 0xcf8), ==, 0x80000844);
  inl (f->vm, 0xcfe);
  outl (f->vm, 0xcff, 0xffffffff);
}

static void
test_pam (Fixture *f, gconstpointer data)
{
  uint8_t *ram = region_host (f->ram);

  poke (f->vm, 0x9ffff, 0x11, 1);
  g_assert_cmphex (peek (f->vm, 0x9ffff, 1), ==, 0x11);
  poke (f->vm, 0x100000, 0x22, 1);
  g_assert_cmphex (peek (f->vm, 0x100000, 1), ==, 0x22);
  g_assert_cmphex (peek (f->vm, RAM_SIZE - 1, 1), ==, 0);
  g_assert_cmphex (peek (f->vm, RAM_SIZE, 1), ==, 0xff);
  for (unsigned n = 0; n < 13; n++)
    {
      uint32_t at = n == 12 ? 0xf1234 : 0xc0000 + n * 0x4000 + 0x123;
      unsigned reg = n == 12 ? 0x59 : 0x5a + n / 2, shift = n == 12 || n % 2 ? 4 : 0;
      uint8_t below = at >= 0xe0000 ? 0xb1 : 0xff;

      ram[at] = 0x77;
      g_assert_cmphex (peek (f->vm, at, 1), ==, below);
      poke (f->vm, at, 0x01, 1);
      g_assert_cmphex (ram[at], ==, 0x77);

      config_write (f, 0, reg, 2u << shift, 1); /* write only */
      g_assert_cmphex (peek (f->vm, at, 1), ==, below);
      poke (f->vm, at, 0x02, 1);
      g_assert_cmphex (ram[at], ==, 0x02);
      g_assert_cmphex (peek (f->vm, at, 1), ==, below);

      config_write (f, 0, reg, 1u << shift, 1); /* read only */
      g_assert_cmphex (peek (f->vm, at, 1), ==, 0x02);
      poke (f->vm, at, 0x03, 1);
      g_assert_cmphex (ram[at], ==, 0x02);

      config_write (f, 0, reg, 3u << shift, 1);
      poke (f->vm, at, 0x04, 1);
      g_assert_cmphex (ram[at], ==, 0x04);
      g_assert_cmphex (peek (f->vm, at, 1), ==, 0x04);
      /* The neighbours stayed. */
      g_assert_cmphex (peek (f->vm, at + (n == 12 ? -0x4000 : 0x4000), 1) == 0x77, ==, FALSE);
      config_write (f, 0, reg, 0, 1);
    }

  g_assert_cmphex (peek (f->vm, 0xa0000, 1), ==, 0xff);
  config_write (f, 0, 0x72, 0x4a, 1);
  poke (f->vm, 0xbffff, 0x99, 1);
  g_assert_cmphex (peek (f->vm, 0xbffff, 1), ==, 0x99);
  config_write (f, 0, 0x72, 0x5a, 1); /* lock closes it for good */
  g_assert_cmphex (peek (f->vm, 0xbffff, 1), ==, 0xff);
  config_write (f, 0, 0x72, 0x4a, 1);
  g_assert_cmphex (config_read (f, 0, 0x72, 1), ==, 0x1a);
  config_write (f, 0, 0x59, 0x33333333, 4);
  check_round_trip (f->vm, f->host);
  g_assert_cmphex (config_read (f, 0, 0x59, 1), ==, 0x30);
  reset_device (f->vm, f->host);
  g_assert_cmphex (config_read (f, 0, 0x59, 1), ==, 0x00);
  config_write (f, 0, 0x72, 0x4a, 1);
  g_assert_cmphex (peek (f->vm, 0xbffff, 1), ==, 0x99);
  check_hostile (f->vm, f->host, 0xcf8, 8);
}

static void
test_a20 (Fixture *f, gconstpointer data)
{
  uint8_t *ram = region_host (f->ram);

  ram[0x500] = 1;
  ram[0x100500] = 2;
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 2);
  drive (f->vm, a20_line (f->a20), FALSE);
  g_assert_false (a20_is_open (f->a20));
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 1);
  poke (f->vm, 0x10fff0, 3, 1);
  g_assert_cmphex (ram[0xfff0], ==, 3);
  check_round_trip (f->vm, f->a20);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 1);
  outb (f->vm, 0x92, 0x02);
  g_assert_cmphex (inb (f->vm, 0x92), ==, 0x02);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 2);
  check_round_trip (f->vm, f->port92);
  outb (f->vm, 0x92, 0x00);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 1);
  /* The last write wins, each way round, and both see the line. */
  drive (f->vm, a20_line (f->a20), TRUE);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 2);
  g_assert_cmphex (inb (f->vm, 0x92), ==, 0x02);
  outb (f->vm, 0x92, inb (f->vm, 0x92) & 0xfd);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 1);
  outb (f->vm, 0x92, 0x02);
  drive (f->vm, a20_line (f->a20), FALSE);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 1);
  g_assert_cmphex (inb (f->vm, 0x92), ==, 0x00);
  reset_device (f->vm, f->a20);
  g_assert_cmphex (peek (f->vm, 0x100500, 1), ==, 2);
  check_hostile (f->vm, f->a20, 0x92, 1);
  check_hostile (f->vm, f->port92, 0x92, 1);
}

static void
test_pirq (Fixture *f, gconstpointer data)
{
  PciDevice *pm = (PciDevice *)f->pm; /* device 1, INTA#: PIRQA */

  outb (f->vm, 0x4d1, 0x0c);
  outb (f->vm, 0x20, 0x11);
  outb (f->vm, 0x21, 0x08);
  outb (f->vm, 0x21, 0x04);
  outb (f->vm, 0x21, 0x01);
  outb (f->vm, 0x21, 0x00);
  vm_lock (f->vm);
  pci_device_intx (pm, TRUE);
  vm_unlock (f->vm);
  outb (f->vm, 0xa0, 0x0a);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0); /* not routed */
  config_write (f, PCI_DEVFN (1, 0), 0x60, 0x0b, 1);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x08);
  config_write (f, PCI_DEVFN (1, 0), 0x60, 0x0a, 1);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x04);
  config_write (f, PCI_DEVFN (1, 0), 0x60, 0x00, 1); /* the timer's: reserved */
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x00);
  config_write (f, PCI_DEVFN (1, 0), 0x60, 0x0b, 1);
  check_round_trip (f->vm, f->isa);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x08);
  vm_lock (f->vm);
  pci_device_intx (pm, FALSE);
  vm_unlock (f->vm);
  g_assert_cmphex (inb (f->vm, 0xa0), ==, 0x00);
  check_hostile (f->vm, f->isa, 0xcf8, 8);
}

static void
count_request (Vm *vm, VmState state, void *opaque)
{
  if (state == VM_STATE_STOPPED)
    ++*(unsigned *)opaque;
}

static void
test_pm (Fixture *f, gconstpointer data)
{
  unsigned fn = PCI_DEVFN (1, 3), stopped = 0;
  uint32_t before;

  g_assert_cmphex (config_read (f, fn, 0x58, 4) >> 24 & 2, ==, 2);
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0xffff);
  config_write (f, fn, 0x40, 0x601, 4);
  config_write (f, fn, 0x80, 1, 1);
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0);
  before = inl (f->vm, 0x608);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND);
  g_assert_cmpuint ((inl (f->vm, 0x608) - before) & 0xffffff, ==, 3579545);

  g_assert_false (acpi_pm_power_button (piix4_pm_power (f->pm)));
  g_assert_false (f->sci.level);
  outw (f->vm, 0x600, 0x100);
  outb (f->vm, 0xb2, PIIX4_PM_ACPI_ENABLE);
  g_assert_cmphex (inw (f->vm, 0x604), ==, 1);
  outw (f->vm, 0x602, 0x100);
  vm_lock (f->vm);
  g_assert_true (acpi_pm_power_button (piix4_pm_power (f->pm)));
  vm_unlock (f->vm);
  g_assert_true (f->sci.level);
  check_round_trip (f->vm, f->pm);
  g_assert_true (f->sci.level);
  outb (f->vm, 0x601, 0x01); /* a byte of the status register */
  g_assert_false (f->sci.level);

  /* The timer's top bit. */
  outw (f->vm, 0x600, 1);
  outw (f->vm, 0x602, 1);
  g_assert_false (f->sci.level);
  vm_clock_advance (f->vm->clock, 2400 * (NS_PER_SECOND / 1000));
  g_assert_true (f->sci.level);
  outw (f->vm, 0x600, 1);
  g_assert_false (f->sci.level);

  outw (f->vm, PIIX4_PM_GPE_BASE + 2, 0x8);
  vm_lock (f->vm);
  piix4_pm_raise_gpe (f->pm, 0x8);
  vm_unlock (f->vm);
  g_assert_true (f->sci.level);
  outw (f->vm, PIIX4_PM_GPE_BASE, 0x8);
  g_assert_false (f->sci.level);

  /* It is placed from the start. */
  g_assert_cmphex (config_read (f, fn, 0x90, 4), ==, 0x701);
  g_assert_cmphex (config_read (f, fn, 0xd2, 1), ==, 9);
  outb (f->vm, 0x702, 0x48);
  g_assert_cmphex (inb (f->vm, 0x700), ==, 0x04);
  outb (f->vm, 0x700, 0x1e);
  g_assert_cmphex (inb (f->vm, 0x700), ==, 0x00);

  vm_add_state_func (f->vm, count_request, &stopped);
  outw (f->vm, 0x604, 0x2001 | 7 << 10); /* not offered */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (stopped, ==, 0);
  outw (f->vm, 0x604, 0x2001);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (stopped, ==, 1);
}

static void
on_wake (void *opaque)
{
  ++*(unsigned *)opaque;
}

/* Suspend to RAM: the power button, the RTC's alarm and a key wake, each says so in PM1_STS, and firmware is told. */
static void
test_pm_sleep (Fixture *f, gconstpointer data)
{
  unsigned fn = PCI_DEVFN (1, 3), woken = 0;
  IrqLine rtc = acpi_pm_rtc_line (piix4_pm_power (f->pm));

  acpi_pm_set_wake_func (piix4_pm_power (f->pm), on_wake, &woken);
  config_write (f, fn, 0x40, 0x601, 4);
  config_write (f, fn, 0x80, 1, 1);
  outb (f->vm, 0xb2, PIIX4_PM_ACPI_ENABLE);

  /* RTC_STS and its interrupt, awake. */
  outw (f->vm, 0x602, 0x400);
  drive (f->vm, rtc, TRUE);
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0x400);
  g_assert_true (f->sci.level);
  outw (f->vm, 0x600, 0x400);
  g_assert_false (f->sci.level); /* the line is still high: one event */
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0);
  drive (f->vm, rtc, FALSE);
  g_assert_cmpuint (woken, ==, 0);

  outw (f->vm, 0x604, 0x2001 | 1 << 10);
  g_assert_true (f->vm->asleep);
  check_round_trip (f->vm, f->pm);
  g_assert_true (f->vm->asleep);
  drive (f->vm, rtc, TRUE);
  g_assert_false (f->vm->asleep);
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0x8400);
  g_assert_cmpuint (woken, ==, 1);
  drive (f->vm, rtc, FALSE);

  /* One that isn't enabled doesn't wake; the power button always does. */
  outw (f->vm, 0x600, 0xffff);
  outw (f->vm, 0x602, 0);
  outw (f->vm, 0x604, 0x2001 | 1 << 10);
  drive (f->vm, rtc, TRUE);
  g_assert_true (f->vm->asleep);
  vm_lock (f->vm);
  g_assert_true (acpi_pm_power_button (piix4_pm_power (f->pm)));
  vm_unlock (f->vm);
  g_assert_false (f->vm->asleep);
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0x8500);

  outw (f->vm, 0x600, 0xffff);
  outw (f->vm, 0x604, 0x2001 | 1 << 10);
  vm_lock (f->vm);
  vm_wake (f->vm, "a test");
  vm_unlock (f->vm);
  g_assert_false (f->vm->asleep);
  g_assert_cmphex (inw (f->vm, 0x600), ==, 0x8000);
  g_assert_cmpuint (woken, ==, 3);

  /* An event on the way. */
  outw (f->vm, 0x602, 0x100);
  vm_lock (f->vm);
  acpi_pm_power_button (piix4_pm_power (f->pm));
  vm_unlock (f->vm);
  outw (f->vm, 0x604, 0x2001 | 1 << 10);
  g_assert_false (f->vm->asleep);
  g_assert_cmpuint (woken, ==, 4);

  outw (f->vm, 0x600, 0xffff);
  outw (f->vm, 0x604, 0x2001 | 1 << 10);
  g_assert_true (f->vm->asleep);
  reset_device (f->vm, f->pm);
  g_assert_false (f->vm->asleep);
}

static void
test_pm_hostile (Fixture *f, gconstpointer data)
{
  config_write (f, PCI_DEVFN (1, 3), 0x40, 0x601, 4);
  config_write (f, PCI_DEVFN (1, 3), 0x80, 1, 1);
  check_hostile (f->vm, f->pm, 0x600, 0x40);
  /* A block put on other devices' ports. */
  config_write (f, PCI_DEVFN (1, 3), 0x40, 0xcc1, 4);
  config_write (f, PCI_DEVFN (1, 3), 0x80, 1, 1);
  g_assert_cmphex (config_read (f, 0, 0, 4), ==, 0x12378086);
}

static void
on_line (void *opaque, const char *line)
{
  g_string_append_printf (opaque, "[%s]", line);
}

static void
test_debugcon (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) lines = g_string_new (NULL);

  debugcon_set_func (f->debugcon, on_line, lines);
  g_assert_cmphex (inb (f->vm, 0x402), ==, 0xe9);
  for (const char *p = "SeaBIOS\r\n\x1bx\n"; *p != '\0'; p++)
    outb (f->vm, p[0] == 'S' ? 0xe9 : 0x402, (uint8_t)*p);
  g_assert_cmpstr (lines->str, ==, "[SeaBIOS][?x]");
  g_string_truncate (lines, 0);
  for (unsigned i = 0; i < 1000; i++)
    outb (f->vm, 0x402, 'a');
  g_assert_cmpuint (lines->len, ==, 3 * 257);
  outb (f->vm, 0x80, 0x55);
  g_assert_cmphex (debugcon_post_code (f->debugcon), ==, 0x55);
  check_round_trip (f->vm, f->debugcon);
  debugcon_set_func (f->debugcon, NULL, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/bridges/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (configuration);
  ADD (pam);
  ADD (pm_sleep);
  ADD (a20);
  ADD (pirq);
  ADD (pm);
  ADD (pm_hostile);
  ADD (debugcon);
  return g_test_run ();
}
