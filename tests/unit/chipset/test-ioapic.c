/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * I/O APIC and the numbering of interrupts.
 */
#include "chipset/gsi.h"
#include "chipset/ioapic.h"
#include "chipset/pic.h"
#include "tests/unit/chipset/fixture.h"

static unsigned n_messages, n_routes;
static uint64_t last_address;
static uint32_t last_data;
static gboolean last_active, pin_active[IOAPIC_N_PINS];

static void
on_msi (void *opaque, uint64_t address, uint32_t data)
{
  n_messages++;
  last_address = address;
  last_data = data;
}

static void
on_route (void *opaque, unsigned pin, gboolean active, uint64_t address, uint32_t data)
{
  n_routes++;
  last_active = active;
  pin_active[pin] = active;
}

static void
on_intr (void *opaque, gboolean level)
{
}

static const VmProcessorOps processor = { .msi = on_msi, .ioapic_route = on_route, .set_intr = on_intr };

static void
set_entry (Vm *vm, unsigned pin, uint64_t entry)
{
  poke (vm, IOAPIC_ADDRESS, 0x11 + 2 * pin, 4);
  poke (vm, IOAPIC_ADDRESS + 0x10, entry >> 32, 4);
  poke (vm, IOAPIC_ADDRESS, 0x10 + 2 * pin, 4);
  poke (vm, IOAPIC_ADDRESS + 0x10, entry & 0xffffffff, 4);
}

static uint32_t
low_entry (Vm *vm, unsigned pin)
{
  poke (vm, IOAPIC_ADDRESS, 0x10 + 2 * pin, 4);
  return (uint32_t)peek (vm, IOAPIC_ADDRESS + 0x10, 4);
}

static void
test_ioapic (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Device *ioapic;
  IrqLine line;

  vm_set_processor (vm, &processor, NULL);
  vm_lock (vm);
  ioapic = ioapic_new (vm, IOAPIC_ADDRESS, NULL);
  vm_unlock (vm);
  reset_device (vm, ioapic);
  line = ioapic_line (ioapic, 5);

  poke (vm, IOAPIC_ADDRESS, 1, 4);
  g_assert_cmphex (peek (vm, IOAPIC_ADDRESS + 0x10, 4), ==, 0x170020);
  g_assert_cmphex (low_entry (vm, 23), ==, 0x10000);

  /* An edge on a masked pin is lost; on an open one it is one message. */
  n_messages = 0;
  drive (vm, line, TRUE);
  drive (vm, line, FALSE);
  set_entry (vm, 5, 0x0300000000000031ull);
  g_assert_cmpuint (n_messages, ==, 0);
  drive (vm, line, TRUE);
  drive (vm, line, TRUE);
  drive (vm, line, FALSE);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_address, ==, 0xfee03000);
  g_assert_cmphex (last_data, ==, 0x31);

  /* Level: one message until its end, again if the line is still high. */
  set_entry (vm, 5, 0x0000000000008842ull);
  g_assert_true (last_active);
  n_messages = 0;
  drive (vm, line, TRUE);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_address, ==, 0xfee00004);
  g_assert_cmphex (last_data, ==, 0xc042);
  g_assert_cmphex (low_entry (vm, 5), ==, 0xc842);
  drive (vm, line, FALSE);
  drive (vm, line, TRUE);
  g_assert_cmpuint (n_messages, ==, 1);
  vm_lock (vm);
  vm->eoi (vm->eoi_opaque, 0x41);
  g_assert_cmpuint (n_messages, ==, 1);
  vm->eoi (vm->eoi_opaque, 0x42);
  vm_unlock (vm);
  g_assert_cmpuint (n_messages, ==, 2);
  drive (vm, line, FALSE);
  poke (vm, IOAPIC_ADDRESS + 0x40, 0x42, 4);
  g_assert_cmpuint (n_messages, ==, 2);
  g_assert_cmphex (low_entry (vm, 5), ==, 0x8842);
  /* Masked while high: told when it opens. */
  set_entry (vm, 5, 0x18042);
  g_assert_false (last_active);
  drive (vm, line, TRUE);
  g_assert_cmpuint (n_messages, ==, 2);
  set_entry (vm, 5, 0x8042);
  g_assert_cmpuint (n_messages, ==, 3);
  /* Switching to edge and back clears remote IRR, as old kernels do. */
  drive (vm, line, FALSE);
  set_entry (vm, 5, 0x10042);
  set_entry (vm, 5, 0x18042);
  g_assert_cmphex (low_entry (vm, 5), ==, 0x18042);

  /* Registers that don't exist. */
  poke (vm, IOAPIC_ADDRESS, 0xff, 4);
  poke (vm, IOAPIC_ADDRESS + 0x10, 0xffffffff, 4);
  g_assert_cmphex (peek (vm, IOAPIC_ADDRESS + 0x10, 4), ==, 0);
  g_assert_cmphex (peek (vm, IOAPIC_ADDRESS + 0x10, 1), ==, 0);

  set_entry (vm, 7, 0x0000000000008042ull);
  drive (vm, ioapic_line (ioapic, 7), TRUE);
  check_round_trip (vm, ioapic);
  check_hostile (vm, ioapic, 0, 0);
}

static void
test_gsi (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Device *pic, *ioapic, *gsi;
  IrqLine a, b, timer;
  Wire intr = { 0 };

  vm_set_processor (vm, &processor, NULL);
  vm_lock (vm);
  pic = pic_new (vm, WIRE (&intr), NULL);
  ioapic = ioapic_new (vm, IOAPIC_ADDRESS, NULL);
  gsi = gsi_new (vm, pic, ioapic, NULL);
  a = gsi_line (gsi, 11);
  b = gsi_line (gsi, 11);
  timer = gsi_line (gsi, 0);
  vm_unlock (vm);
  reset_device (vm, pic);
  reset_device (vm, ioapic);
  set_entry (vm, 2, 0x30);
  n_messages = 0;
  drive (vm, timer, TRUE);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_data, ==, 0x30);

  set_entry (vm, 11, 0x8050);
  n_messages = 0;
  drive (vm, a, TRUE);
  drive (vm, b, TRUE);
  drive (vm, a, FALSE);
  g_assert_cmpuint (n_messages, ==, 1);
  vm_lock (vm);
  vm->eoi (vm->eoi_opaque, 0x50);
  vm_unlock (vm);
  g_assert_cmpuint (n_messages, ==, 2); /* b still holds it */
  check_round_trip (vm, gsi);
  drive (vm, b, FALSE);
  check_hostile (vm, gsi, 0x20, 2);
}

/* The end of an interrupt whose pin was masked while it was in service: the engine tells of it only while it knows the route. */
static void
test_masked_in_service (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Device *ioapic;
  IrqLine line;

  vm_set_processor (vm, &processor, NULL);
  vm_lock (vm);
  ioapic = ioapic_new (vm, IOAPIC_ADDRESS, NULL);
  vm_unlock (vm);
  reset_device (vm, ioapic);
  line = ioapic_line (ioapic, 9);
  set_entry (vm, 9, 0x8041);
  g_assert_true (pin_active[9]);
  n_messages = 0;
  drive (vm, line, TRUE);
  g_assert_cmpuint (n_messages, ==, 1);
  drive (vm, line, FALSE);
  n_routes = 0;
  set_entry (vm, 9, 0x18041);
  g_assert_true (pin_active[9]);
  /* Moved to another processor meanwhile: the old route holds until the end. */
  set_entry (vm, 9, 0x0200000000018041ull);
  set_entry (vm, 9, 0x0200000000008041ull);
  g_assert_cmpuint (n_routes, ==, 0);
  check_round_trip (vm, ioapic);
  g_assert_true (pin_active[9]);
  set_entry (vm, 9, 0x0200000000018041ull);
  vm_lock (vm);
  vm->eoi (vm->eoi_opaque, 0x41);
  vm_unlock (vm);
  g_assert_false (pin_active[9]);
  g_assert_cmphex (low_entry (vm, 9), ==, 0x18041);
  set_entry (vm, 9, 0x0200000000008041ull);
  g_assert_true (pin_active[9]);
  g_assert_cmphex (last_address, ==, 0xfee00000);
  drive (vm, line, TRUE);
  g_assert_cmpuint (n_messages, ==, 2);
  g_assert_cmphex (last_address, ==, 0xfee02000);
  vm_set_processor (vm, NULL, NULL);
}

/* How many messages come when each is ended at once, with the line high; at most `most`. */
static unsigned
storm (Vm *vm, unsigned most)
{
  const unsigned first = n_messages;

  vm_lock (vm);
  for (unsigned before = G_MAXUINT; n_messages != before && n_messages - first < most;)
    {
      before = n_messages;
      vm->eoi (vm->eoi_opaque, 0x41);
    }
  vm_unlock (vm);
  return n_messages - first;
}

/* A driver that ends its interrupts while the line is high, without end: the processor comes to something else, and the interrupt is not lost. */
static void
test_storm (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Device *ioapic;
  IrqLine line;

  vm_set_processor (vm, &processor, NULL);
  vm_lock (vm);
  ioapic = ioapic_new (vm, IOAPIC_ADDRESS, NULL);
  vm_unlock (vm);
  reset_device (vm, ioapic);
  line = ioapic_line (ioapic, 9);
  set_entry (vm, 9, 0x8041);
  n_messages = 0;
  drive (vm, line, TRUE);
  g_assert_cmpuint (storm (vm, 1000000), <, 1000000);
  g_assert_cmpuint (storm (vm, 10), ==, 0);
  check_round_trip (vm, ioapic);
  g_assert_cmpuint (storm (vm, 10), ==, 0);
  const unsigned before = n_messages;
  vm_clock_advance (vm->clock, 100 * 1000 * 1000);
  g_assert_cmpuint (n_messages, ==, before + 1);
  g_assert_cmpuint (storm (vm, 10), ==, 10);
  /* A line that falls is no storm: each rise is told at once, however often. */
  for (unsigned i = 0; i < 30000; i++)
    {
      const unsigned n = n_messages;

      drive (vm, line, FALSE);
      vm_lock (vm);
      vm->eoi (vm->eoi_opaque, 0x41);
      vm_unlock (vm);
      drive (vm, line, TRUE);
      g_assert_cmpuint (n_messages, ==, n + 1);
    }
  /* A driver that masks the pin and opens it again has come so far. */
  g_assert_cmpuint (storm (vm, 1000000), <, 1000000);
  const unsigned masked = n_messages;
  set_entry (vm, 9, 0x18041);
  set_entry (vm, 9, 0x8041);
  g_assert_cmpuint (n_messages, >, masked);
  vm_set_processor (vm, NULL, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ioapic/redirection", test_ioapic);
  g_test_add_func ("/ioapic/gsi", test_gsi);
  g_test_add_func ("/ioapic/masked-in-service", test_masked_in_service);
  g_test_add_func ("/ioapic/storm", test_storm);
  return g_test_run ();
}
