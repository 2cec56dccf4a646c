/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The generic part of PCI functions: header, BARs, interrupts, messages, saved states.
 */
#include "pci/msi.h"
#include "pci/msix.h"
#include "pci/pci.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  PciDevice pci;
  PciBus *bus;
  unsigned devfn;
  Region *memory, *io, *big, *rom;
} TestDevice;

typedef struct
{
  Vm *vm;
  PciRoot *root;
  PciBus *bus;
  TestDevice *a, *b;
  Wire pin[4];
  unsigned n_messages;
  uint64_t address;
  uint32_t data;
} Fixture;

static uint64_t
ops_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0x40 + addr;
}

static void
ops_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const IoOps ops = { .read = ops_read, .write = ops_write };

static gboolean
test_realize (Device *device, GError **error)
{
  static const PciIdentity identity
      = { .vendor = 0x1234, .device = 0x5678, .class_code = 0x020000, .revision = 3, .interrupt_pin = 1 };
  TestDevice *t = (TestDevice *)device;

  if (!pci_device_init (&t->pci, t->bus, t->devfn, &identity, error))
    return FALSE;
  t->memory = region_new_io ("memory", 0x1000, &ops, t);
  t->io = region_new_io ("io", 0x20, &ops, t);
  t->big = region_new_io ("big", 1ull << 33, &ops, t);
  t->rom = region_new_io ("rom", 0x10000, &ops, t);
  pci_device_add_bar (&t->pci, 0, t->memory, PCI_BAR_MEMORY32);
  pci_device_add_bar (&t->pci, 1, t->io, PCI_BAR_IO);
  pci_device_add_bar (&t->pci, 2, t->big, PCI_BAR_MEMORY64 | PCI_BAR_PREFETCH);
  pci_device_add_bar (&t->pci, PCI_ROM_BAR, t->rom, PCI_BAR_MEMORY32);
  pci_msi_add (&t->pci, 4, PCI_MSI_64BIT);
  pci_msix_add (&t->pci, 5, 4);
  return TRUE;
}

static void
test_reset (Device *device)
{
  pci_device_reset ((PciDevice *)device);
}

static gboolean
test_post_load (Device *device, GError **error)
{
  return pci_device_post_load ((PciDevice *)device, error);
}

static void
test_unrealize (Device *device)
{
  TestDevice *t = (TestDevice *)device;

  pci_device_exit (&t->pci);
  region_unref (t->memory);
  region_unref (t->io);
  region_unref (t->big);
  region_unref (t->rom);
}

static const StateField test_state[] = {
  STATE_STRUCT (TestDevice, pci, pci_device_state),
  STATE_END,
};

static const DeviceClass test_class = {
  .name = "test",
  .instance_size = sizeof (TestDevice),
  .state = test_state,
  .realize = test_realize,
  .reset = test_reset,
  .post_load = test_post_load,
  .unrealize = test_unrealize,
};

static Fixture *current;

static void
on_msi (void *opaque, uint64_t address, uint32_t data)
{
  current->n_messages++;
  current->address = address;
  current->data = data;
}

static const VmProcessorOps processor = { .msi = on_msi };

static void
on_intx (void *opaque, unsigned pin, gboolean level)
{
  wire_set (((Fixture *)opaque)->pin, pin, level);
}

static TestDevice *
add (Fixture *f, const char *id, unsigned devfn)
{
  TestDevice *t = device_new (f->vm, &test_class, id);

  t->bus = f->bus;
  t->devfn = devfn;
  g_assert_true (device_realize (&t->pci.device, NULL));
  return t;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  current = f;
  f->vm = vm_new (NULL, TRUE);
  vm_set_processor (f->vm, &processor, NULL);
  vm_lock (f->vm);
  f->root = pci_root_new (f->vm, on_intx, NULL, f);
  f->bus = pci_root_bus (f->root);
  f->a = add (f, "a", PCI_DEVFN (0, 0));
  f->b = add (f, "b", PCI_DEVFN (4, 0));
  vm_unlock (f->vm);
  reset_device (f->vm, &f->a->pci.device);
  reset_device (f->vm, &f->b->pci.device);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_lock (f->vm);
  while (f->vm->devices->len > 0)
    device_free (f->vm->devices->pdata[f->vm->devices->len - 1]);
  vm_unlock (f->vm);
  pci_root_free (f->root);
  vm_free (f->vm);
}

static uint32_t
get (Fixture *f, TestDevice *t, unsigned offset, unsigned size)
{
  uint32_t value;

  vm_lock (f->vm);
  value = pci_bus_config_read (f->bus, t->devfn, offset, size);
  vm_unlock (f->vm);
  return value;
}

static void
put (Fixture *f, TestDevice *t, unsigned offset, uint32_t value, unsigned size)
{
  vm_lock (f->vm);
  pci_bus_config_write (f->bus, t->devfn, offset, value, size);
  vm_unlock (f->vm);
}

static void
test_header (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  TestDevice *clash;

  put (f, f->a, 0, 0, 4);
  g_assert_cmphex (get (f, f->a, 0, 4), ==, 0x56781234);
  g_assert_cmphex (get (f, f->a, 8, 4), ==, 0x02000003);
  put (f, f->a, 0x3c, 0xffff, 2);
  g_assert_cmphex (get (f, f->a, 0x3c, 2), ==, 0x01ff);
  /* Status bits are cleared by ones, and only those. */
  f->a->pci.config[PCI_STATUS + 1] |= 0xf0;
  put (f, f->a, 0x06, 0x3000, 2);
  g_assert_cmphex (get (f, f->a, 0x06, 2), ==, 0xc010);
  put (f, f->a, 0x04, 0xffff, 2);
  g_assert_cmphex (get (f, f->a, 0x04, 2), ==, 0x0547);
  g_assert_true (dma_enabled (&f->a->pci.dma));
  put (f, f->a, 0x04, 0, 2);
  g_assert_false (dma_enabled (&f->a->pci.dma));
  /* Edges. */
  g_assert_cmphex (get (f, f->a, 0xfe, 4), ==, 0xffffffff);
  g_assert_cmphex (get (f, f->a, 0x100, 1), ==, 0xff);
  put (f, f->a, 0xff, 0xffffffff, 4);
  vm_lock (f->vm);
  g_assert_cmphex (pci_bus_config_read (f->bus, 0x100, 0, 4), ==, 0xffffffff);
  g_assert_cmphex (pci_bus_config_read (f->bus, 0x08, 0, 2), ==, 0xffff);
  clash = device_new (f->vm, &test_class, "clash");
  clash->bus = f->bus;
  clash->devfn = f->b->devfn;
  g_assert_false (device_realize (&clash->pci.device, &error));
  g_assert_nonnull (error);
  device_free (&clash->pci.device);
  vm_unlock (f->vm);
}

static void
test_bars (Fixture *f, gconstpointer data)
{
  static const struct
  {
    unsigned offset;
    uint32_t size;
  } sizes[] = { { 0x10, 0xfffff000 }, { 0x14, 0xffffffe1 }, { 0x18, 0x0000000c }, { 0x1c, 0xfffffffe },
                { 0x20, 0xfffff000 }, { 0x24, 0 },          { 0x30, 0xffff0001 } };

  put (f, f->a, 4, 7, 2);
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      put (f, f->a, sizes[i].offset, 0xffffffff, 4);
      g_assert_cmphex (get (f, f->a, sizes[i].offset, 4), ==, sizes[i].size);
    }
  for (unsigned n = 0; n < PCI_N_BARS; n++)
    g_assert_cmphex (pci_device_bar_address (&f->a->pci, n), ==, G_MAXUINT64);

  put (f, f->a, 0x10, 0xe0000000, 4);
  put (f, f->a, 0x14, 0xc001, 4);
  g_assert_cmphex (peek (f->vm, 0xe0000010, 1), ==, 0x50);
  g_assert_cmphex (peek (f->vm, 0xe0001000, 1), ==, 0xff);
  g_assert_cmphex (inb (f->vm, 0xc01f), ==, 0x5f);
  g_assert_cmphex (inb (f->vm, 0xc020), ==, 0xff);
  /* Byte by byte, moving at each step; then onto the neighbour. */
  put (f, f->a, 0x13, 0xf0, 1);
  g_assert_cmphex (peek (f->vm, 0xe0000010, 1), ==, 0xff);
  g_assert_cmphex (peek (f->vm, 0xf0000010, 1), ==, 0x50);
  put (f, f->b, 4, 7, 2);
  put (f, f->b, 0x10, 0xf0000000, 4);
  g_assert_cmphex (peek (f->vm, 0xf0000010, 1), ==, 0x50);
  put (f, f->a, 0x10, 0xf1000000, 4);
  g_assert_cmphex (peek (f->vm, 0xf0000010, 1), ==, 0x50);
  g_assert_cmphex (peek (f->vm, 0xf1000010, 1), ==, 0x50);
  /* Decoding off and on. */
  put (f, f->a, 4, 1, 2);
  g_assert_cmphex (peek (f->vm, 0xf1000010, 1), ==, 0xff);
  g_assert_cmphex (inb (f->vm, 0xc000), ==, 0x40);
  put (f, f->a, 4, 2, 2);
  g_assert_cmphex (inb (f->vm, 0xc000), ==, 0xff);
  /* 64 bits: above 4 GiB, and past what there is. */
  put (f, f->a, 0x18, 0, 4);
  put (f, f->a, 0x1c, 0x80, 4);
  g_assert_cmphex (pci_device_bar_address (&f->a->pci, 2), ==, 0x8000000000ull);
  g_assert_cmphex (peek (f->vm, 0x8000000020ull, 1), ==, 0x60);
  put (f, f->a, 0x1c, 0x100000, 4);
  g_assert_cmphex (pci_device_bar_address (&f->a->pci, 2), ==, G_MAXUINT64);
  /* The ROM has a switch of its own. */
  put (f, f->a, 0x30, 0xd0000000, 4);
  g_assert_cmphex (peek (f->vm, 0xd0000000, 1), ==, 0xff);
  put (f, f->a, 0x30, 0xd0000001, 4);
  g_assert_cmphex (peek (f->vm, 0xd0000000, 1), ==, 0x40);
  check_round_trip (f->vm, &f->a->pci.device);
  g_assert_cmphex (peek (f->vm, 0xd0000000, 1), ==, 0x40);
  reset_device (f->vm, &f->a->pci.device);
  g_assert_cmphex (peek (f->vm, 0xd0000000, 1), ==, 0xff);
  g_assert_cmphex (get (f, f->a, 0x18, 4), ==, 0x0c);
}

static void
intx (Fixture *f, TestDevice *t, gboolean level)
{
  vm_lock (f->vm);
  pci_device_intx (&t->pci, level);
  vm_unlock (f->vm);
}

static void
test_intx (Fixture *f, gconstpointer data)
{
  intx (f, f->a, TRUE); /* devices 0 and 4 share a wire */
  g_assert_true (f->pin[0].level);
  g_assert_cmphex (get (f, f->a, 6, 2) & 8, ==, 8);
  intx (f, f->b, TRUE);
  intx (f, f->a, FALSE);
  g_assert_true (f->pin[0].level);
  put (f, f->b, 4, 0x400, 2);
  g_assert_false (f->pin[0].level);
  put (f, f->b, 4, 0, 2);
  g_assert_true (f->pin[0].level);
  check_round_trip (f->vm, &f->b->pci.device);
  g_assert_true (f->pin[0].level);
  reset_device (f->vm, &f->b->pci.device);
  g_assert_false (f->pin[0].level);
  g_assert_cmpuint (f->pin[3].rises + f->pin[1].rises + f->pin[2].rises, ==, 0);
}

static void
msi (Fixture *f, gboolean x, unsigned vector)
{
  vm_lock (f->vm);
  if (x)
    pci_msix_notify (&f->a->pci, vector);
  else
    pci_msi_notify (&f->a->pci, vector);
  vm_unlock (f->vm);
}

static void
test_messages (Fixture *f, gconstpointer data)
{
  unsigned cap = get (f, f->a, 0x34, 1), capx = get (f, f->a, cap + 1, 1);

  g_assert_cmphex (get (f, f->a, 6, 2) & 0x10, ==, 0x10);
  g_assert_cmphex (get (f, f->a, cap, 1), ==, 0x05);
  g_assert_cmphex (get (f, f->a, capx, 1), ==, 0x11);
  g_assert_cmphex (get (f, f->a, capx + 1, 1), ==, 0);
  g_assert_cmphex (get (f, f->a, cap + 2, 2), ==, 0x0084);

  put (f, f->a, 4, 6, 2);
  put (f, f->a, cap + 4, 0xfee01003, 4);
  put (f, f->a, cap + 12, 0x4041, 2);
  msi (f, FALSE, 0);
  g_assert_cmpuint (f->n_messages, ==, 0);
  put (f, f->a, cap + 2, 0x0021, 2); /* on, four vectors granted */
  g_assert_true (pci_msi_enabled (&f->a->pci));
  msi (f, FALSE, 3);
  g_assert_cmphex (f->address, ==, 0xfee01000);
  g_assert_cmphex (f->data, ==, 0x4043);
  put (f, f->a, cap + 2, 0x0071, 2); /* more than it asked for */
  msi (f, FALSE, 1000001);
  g_assert_cmphex (f->data, ==, 0x4041);
  put (f, f->a, 4, 2, 2); /* no bus master, no message */
  msi (f, FALSE, 0);
  g_assert_cmpuint (f->n_messages, ==, 2);
  put (f, f->a, 4, 6, 2);
  put (f, f->a, cap + 8, 1, 4); /* not the APICs' window */
  msi (f, FALSE, 0);
  g_assert_cmpuint (f->n_messages, ==, 2);
  put (f, f->a, cap + 2, 0, 2);

  g_assert_cmphex (get (f, f->a, capx + 2, 2), ==, 4);
  g_assert_cmphex (get (f, f->a, capx + 4, 4), ==, 4);
  put (f, f->a, 0x20, 0xe0000000, 4);
  g_assert_cmphex (peek (f->vm, 0xe000000c, 4), ==, 1);
  poke (f->vm, 0xe0000010, 0xfee00000, 4);
  poke (f->vm, 0xe0000018, 0x31, 4);
  put (f, f->a, capx + 2, 0x8000, 2);
  f->n_messages = 0;
  msi (f, TRUE, 1);
  g_assert_cmpuint (f->n_messages, ==, 0);
  g_assert_cmphex (peek (f->vm, 0xe0000800, 8), ==, 2);
  put (f, f->a, capx + 2, 0xc000, 2);
  poke (f->vm, 0xe000001c, 0xfffffffe, 4);
  g_assert_cmpuint (f->n_messages, ==, 0); /* the function is masked */
  check_round_trip (f->vm, &f->a->pci.device);
  put (f, f->a, capx + 2, 0x8000, 2);
  g_assert_cmpuint (f->n_messages, ==, 1);
  g_assert_cmphex (f->data, ==, 0x31);
  g_assert_cmphex (peek (f->vm, 0xe0000800, 8), ==, 0);
  msi (f, TRUE, 1);
  g_assert_cmpuint (f->n_messages, ==, 2);
  msi (f, TRUE, 5);
  msi (f, TRUE, 100000);
  g_assert_cmpuint (f->n_messages, ==, 2);
  for (unsigned i = 0; i < 0x1000; i++)
    {
      poke (f->vm, 0xe0000000 + i, i * 0x0101010101010101ull, 1u << (i & 3));
      peek (f->vm, 0xe0000000 + i, 1u << (i & 3));
    }
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (unsigned i = 0; i < 5000; i++)
    put (f, i & 1 ? f->a : f->b, g_rand_int (rand) & 0xff, g_rand_int (rand),
         1u << g_rand_int_range (rand, 0, 3));
  check_hostile (f->vm, &f->a->pci.device, 0, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/pci/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (header);
  ADD (bars);
  ADD (intx);
  ADD (messages);
  ADD (hostile);
  return g_test_run ();
}
