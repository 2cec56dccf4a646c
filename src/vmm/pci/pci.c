/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A PCI bus and the generic part of its functions.  PCI Local Bus Specification 3.0: chapter 6 (configuration space),
 * 6.2.5 (base addresses), 6.8 (MSI and MSI-X), 2.2.6 (interrupt pins).
 */
#define G_LOG_DOMAIN "pci"

#include "pci/pci.h"

#include <gio/gio.h>
#include <string.h>

#define N_PINS      4
#define N_DEVFNS    256
#define MSIX_MAX    128
#define MSIX_ENTRY  16
#define MSIX_STATE  (MSIX_MAX * MSIX_ENTRY + MSIX_MAX / 8)
#define MEMORY_BITS 52
/* Memory of the bridge (RAM, firmware, interrupt controllers) wins over a BAR that was moved onto it; on the I/O side
 * PCI decodes before the ISA bridge does, whose decode is subtractive. */
#define PRIORITY_MEMORY (-1)
#define PRIORITY_IO     1

enum
{
  BAR_IO_FLAG = 1 << 0,
  ROM_ENABLE = 1 << 0,

  CAP_MSI = 0x05,
  CAP_MSIX = 0x11,

  MSI_CONTROL = 2,
  MSI_ADDRESS = 4,
  MSI_ENABLE = 1 << 0,
  MSI_CAPABLE_SHIFT = 1,
  MSI_COUNT_SHIFT = 4,
  MSI_COUNT_MASK = 7,
  MSI_64BIT = 1 << 7,

  MSIX_CONTROL = 2,
  MSIX_TABLE = 4,
  MSIX_PBA = 8,
  MSIX_FUNCTION_MASK = 1 << 14,
  MSIX_ENABLE = 1 << 15,
  MSIX_ENTRY_CONTROL = 12,
  MSIX_ENTRY_MASKED = 1 << 0,
};

struct PciBus
{
  Vm *vm;
  PciIntxFunc intx;
  void *opaque;
  PciDevice *functions[N_DEVFNS];
  GPtrArray *present;
  gboolean level[N_PINS];
};

/* The state table saves MSIX_STATE bytes from the start: table, then pending bits. */
typedef struct
{
  uint8_t table[MSIX_MAX * MSIX_ENTRY];
  uint8_t pending[MSIX_MAX / 8];
  unsigned n_vectors;
  unsigned pba_offset;
  Region *region;
} PciMsix;

G_STATIC_ASSERT (G_STRUCT_OFFSET (PciMsix, n_vectors) >= MSIX_STATE);

const StateField pci_device_state[] = {
  STATE_U8_ARRAY (PciDevice, config),
  STATE_BOOL (PciDevice, intx_level),
  STATE_BUFFER (PciDevice, msix, MSIX_STATE),
  STATE_END,
};

/* -- Bus ------------------------------------------------------------------------------------------ */

PciBus *
pci_bus_new (Vm *vm, PciIntxFunc intx, void *opaque)
{
  PciBus *bus = g_new0 (PciBus, 1);

  bus->vm = vm;
  bus->intx = intx;
  bus->opaque = opaque;
  bus->present = g_ptr_array_new ();
  return bus;
}

void
pci_bus_free (PciBus *bus)
{
  if (bus == NULL)
    return;
  for (unsigned i = 0; i < bus->present->len; i++)
    ((PciDevice *)g_ptr_array_index (bus->present, i))->bus = NULL;
  g_ptr_array_unref (bus->present);
  g_free (bus);
}

PciDevice *
pci_bus_device (PciBus *bus, unsigned devfn)
{
  return devfn < N_DEVFNS ? bus->functions[devfn] : NULL;
}

int
pci_bus_free_devfn (PciBus *bus)
{
  for (unsigned device = 0; device < N_DEVFNS / 8; device++)
    {
      gboolean used = FALSE;

      for (unsigned function = 0; function < 8; function++)
        used |= bus->functions[PCI_DEVFN (device, function)] != NULL;
      if (!used)
        return (int)PCI_DEVFN (device, 0);
    }
  return -1;
}

/* The wiring of PC boards with a PIIX: INTA# of device 1 is PIRQA, and each device rotates by one. */
static unsigned
swizzle (const PciDevice *pci)
{
  unsigned pin = pci->config[PCI_INTERRUPT_PIN];

  return ((pci->devfn >> 3) + pin + N_PINS - 2) % N_PINS;
}

static gboolean
intx_asserted (const PciDevice *pci)
{
  return pci->intx_level && pci->config[PCI_INTERRUPT_PIN] != 0
         && !(pci_get16 (pci->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
}

gboolean
pci_bus_intx_level (PciBus *bus, unsigned pin)
{
  for (unsigned i = 0; i < bus->present->len; i++)
    {
      const PciDevice *pci = g_ptr_array_index (bus->present, i);

      if (intx_asserted (pci) && swizzle (pci) == pin)
        return TRUE;
    }
  return FALSE;
}

static void
update_intx (PciBus *bus)
{
  for (unsigned pin = 0; pin < N_PINS; pin++)
    {
      gboolean level = pci_bus_intx_level (bus, pin);

      if (level == bus->level[pin])
        continue;
      bus->level[pin] = level;
      if (bus->intx != NULL)
        bus->intx (bus->opaque, pin, level);
    }
}

/* -- Base addresses --------------------------------------------------------------------------------- */

static unsigned
bar_offset (unsigned n)
{
  return n == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BAR0 + 4 * n;
}

static gboolean
bar_is_64bit (const PciDevice *pci, unsigned n)
{
  return n < PCI_ROM_BAR && !(pci->bar[n].flags & PCI_BAR_IO) && (pci->bar[n].flags & PCI_BAR_MEMORY64);
}

uint64_t
pci_device_bar_address (PciDevice *pci, unsigned n)
{
  const PciBar *bar;
  uint16_t command = pci_get16 (pci->config + PCI_COMMAND);
  uint64_t address;
  uint32_t low;

  if (n >= PCI_N_BARS || pci->bar[n].region == NULL)
    return G_MAXUINT64;
  bar = &pci->bar[n];
  low = pci_get32 (pci->config + bar_offset (n));

  if (n != PCI_ROM_BAR && (bar->flags & PCI_BAR_IO))
    {
      if (!(command & PCI_COMMAND_IO))
        return G_MAXUINT64;
      address = low & ~(bar->size - 1) & ~3ull;
      return address == 0 || address + bar->size > 0x10000 ? G_MAXUINT64 : address;
    }

  if (!(command & PCI_COMMAND_MEMORY) || (n == PCI_ROM_BAR && !(low & ROM_ENABLE)))
    return G_MAXUINT64;
  address = low;
  if (bar_is_64bit (pci, n))
    address |= (uint64_t)pci_get32 (pci->config + bar_offset (n + 1)) << 32;
  address &= ~(bar->size - 1) & ~15ull;
  /* 0 is how firmware leaves a BAR without an address, the top is what sizing writes: neither is decoded. */
  if (address == 0 || address + bar->size <= address)
    return G_MAXUINT64;
  if (bar_is_64bit (pci, n))
    return address + bar->size > 1ull << MEMORY_BITS || address + bar->size == 1ull << 32 ? G_MAXUINT64
                                                                                          : address;
  return address + bar->size >= 1ull << 32 ? G_MAXUINT64 : address;
}

static void
update_bar (PciDevice *pci, unsigned n)
{
  PciBar *bar = &pci->bar[n];
  uint64_t address;

  if (bar->mapping == NULL)
    return;
  address = pci_device_bar_address (pci, n);
  if (address == G_MAXUINT64)
    {
      if (mapping_enabled (bar->mapping))
        mapping_set_enabled (bar->mapping, FALSE);
      return;
    }
  if (mapping_base (bar->mapping) != address)
    mapping_move (bar->mapping, address);
  if (!mapping_enabled (bar->mapping))
    mapping_set_enabled (bar->mapping, TRUE);
}

static void
update_mappings (PciDevice *pci)
{
  Vm *vm = pci->device.vm;

  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  for (unsigned n = 0; n < PCI_N_BARS; n++)
    update_bar (pci, n);
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  dma_enable (&pci->dma, (pci_get16 (pci->config + PCI_COMMAND) & PCI_COMMAND_MASTER) != 0);
}

void
pci_device_add_bar (PciDevice *pci, unsigned n, Region *region, PciBarFlags flags)
{
  Vm *vm = pci->device.vm;
  uint64_t size = region_size (region);
  gboolean io = n != PCI_ROM_BAR && (flags & PCI_BAR_IO);
  AddressSpace *as = io ? vm->ports : vm->memory;
  unsigned offset;
  uint64_t mask;
  PciBar *bar;

  g_return_if_fail (n < PCI_N_BARS && pci->bar[n].region == NULL);
  g_return_if_fail (size >= (io ? 4 : 16) && (size & (size - 1)) == 0);
  g_return_if_fail (n != PCI_ROM_BAR || size >= 2048);

  bar = &pci->bar[n];
  bar->region = region_ref (region);
  bar->size = size;
  bar->flags = n == PCI_ROM_BAR ? PCI_BAR_MEMORY32 : flags;

  offset = bar_offset (n);
  mask = ~(size - 1);
  pci_set32 (pci->write_mask + offset, (uint32_t)mask);
  if (n == PCI_ROM_BAR)
    pci->write_mask[offset] |= ROM_ENABLE;
  else
    pci_set32 (pci->config + offset,
               io ? BAR_IO_FLAG : (uint32_t)flags & (PCI_BAR_MEMORY64 | PCI_BAR_PREFETCH));
  if (bar_is_64bit (pci, n))
    pci_set32 (pci->write_mask + offset + 4, (uint32_t)(mask >> 32));
  memcpy (pci->reset_config + offset, pci->config + offset, 4);

  address_space_begin (as);
  bar->mapping = address_space_map (as, region, 0, 0, size, io ? PRIORITY_IO : PRIORITY_MEMORY);
  mapping_set_enabled (bar->mapping, FALSE);
  update_bar (pci, n);
  address_space_commit (as);
}

/* -- Configuration space ------------------------------------------------------------------------------ */

static uint32_t
ones (unsigned size)
{
  return size >= 4 ? G_MAXUINT32 : (1u << (8 * size)) - 1;
}

uint32_t
pci_bus_config_read (PciBus *bus, unsigned devfn, unsigned offset, unsigned size)
{
  PciDevice *pci = pci_bus_device (bus, devfn);
  uint32_t value = 0;

  if (pci == NULL || size == 0 || size > 4 || offset >= pci->config_size || size > pci->config_size - offset)
    return ones (size);
  if (pci->config_read != NULL)
    return pci->config_read (pci, offset, size) & ones (size);
  for (unsigned i = 0; i < size; i++)
    value |= (uint32_t)pci->config[offset + i] << (8 * i);
  return value;
}

static gboolean
touches (unsigned offset, unsigned size, unsigned first, unsigned length)
{
  return offset < first + length && offset + size > first;
}

static void msix_flush (PciDevice *pci);

void
pci_bus_config_write (PciBus *bus, unsigned devfn, unsigned offset, uint32_t value, unsigned size)
{
  PciDevice *pci = pci_bus_device (bus, devfn);

  if (pci == NULL || size == 0 || size > 4 || offset >= pci->config_size || size > pci->config_size - offset)
    return;
  for (unsigned i = 0; i < size; i++)
    {
      uint8_t byte = (uint8_t)(value >> (8 * i));
      uint8_t mask = pci->write_mask[offset + i];
      uint8_t *to = &pci->config[offset + i];

      *to = (uint8_t)((*to & ~mask) | (byte & mask));
      *to &= (uint8_t) ~(byte & pci->clear_mask[offset + i]);
    }
  if (touches (offset, size, PCI_COMMAND, 2))
    update_intx (bus);
  if (touches (offset, size, PCI_COMMAND, 2) || touches (offset, size, PCI_BAR0, 24)
      || touches (offset, size, PCI_ROM_ADDRESS, 4))
    update_mappings (pci);
  if (touches (offset, size, PCI_COMMAND, 2)
      || (pci->msix_cap != 0 && touches (offset, size, pci->msix_cap, 4)))
    msix_flush (pci);
  if (pci->config_written != NULL)
    pci->config_written (pci, offset, size);
}

gboolean
pci_device_init (PciDevice *pci, PciBus *bus, unsigned devfn, const PciIdentity *identity, GError **error)
{
  uint8_t *config = pci->config;

  if (devfn >= N_DEVFNS || bus->functions[devfn] != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   "PCI address %02x.%u is taken: give the device %s another", devfn >> 3, devfn & 7,
                   pci->device.id);
      return FALSE;
    }
  pci->devfn = (uint8_t)devfn;
  if (pci->config_size != sizeof pci->config)
    pci->config_size = 256;
  pci_set16 (config + PCI_VENDOR_ID, identity->vendor);
  pci_set16 (config + PCI_DEVICE_ID, identity->device);
  config[PCI_REVISION_ID] = identity->revision;
  config[PCI_CLASS_PROG] = (uint8_t)identity->class_code;
  pci_set16 (config + PCI_CLASS_DEVICE, (uint16_t)(identity->class_code >> 8));
  pci_set16 (config + PCI_SUBSYSTEM_VENDOR_ID, identity->subsystem_vendor);
  pci_set16 (config + PCI_SUBSYSTEM_ID, identity->subsystem);
  config[PCI_INTERRUPT_PIN] = identity->interrupt_pin <= N_PINS ? identity->interrupt_pin : 0;

  /* Parity and SERR are there to be set; nothing comes of them.  Status bits 8 and 11-15 are cleared by ones. */
  pci_set16 (pci->write_mask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER
                                                | PCI_COMMAND_INTX_DISABLE | 1 << 6 | 1 << 8);
  pci_set16 (pci->clear_mask + PCI_STATUS, 0xf900);
  pci->write_mask[PCI_CACHE_LINE_SIZE] = 0xff;
  pci->write_mask[PCI_LATENCY_TIMER] = 0xff;
  pci->write_mask[PCI_INTERRUPT_LINE] = 0xff;
  pci->next_cap = 0x40;
  memcpy (pci->reset_config, config, sizeof pci->config);

  pci->msix = g_new0 (PciMsix, 1);
  dma_init (&pci->dma, pci->device.vm->memory);
  pci->bus = bus;
  bus->functions[devfn] = pci;
  g_ptr_array_add (bus->present, pci);
  return TRUE;
}

void
pci_device_exit (PciDevice *pci)
{
  PciMsix *msix = pci->msix;

  if (msix == NULL)
    return;
  pci_device_intx (pci, FALSE);
  for (unsigned n = 0; n < PCI_N_BARS; n++)
    {
      g_clear_pointer (&pci->bar[n].mapping, mapping_remove);
      g_clear_pointer (&pci->bar[n].region, region_unref);
    }
  if (pci->bus != NULL)
    {
      pci->bus->functions[pci->devfn] = NULL;
      g_ptr_array_remove (pci->bus->present, pci);
      pci->bus = NULL;
    }
  dma_clear (&pci->dma);
  g_clear_pointer (&msix->region, region_unref);
  g_clear_pointer (&pci->msix, g_free);
}

void
pci_device_reset (PciDevice *pci)
{
  PciMsix *msix = pci->msix;

  for (unsigned i = 0; i < pci->config_size; i++)
    {
      uint8_t mask = pci->write_mask[i] | pci->clear_mask[i];

      pci->config[i] = (uint8_t)((pci->config[i] & ~mask) | (pci->reset_config[i] & mask));
    }
  memset (msix->pending, 0, sizeof msix->pending);
  memset (msix->table, 0, sizeof msix->table);
  for (unsigned i = 0; i < MSIX_MAX; i++)
    msix->table[i * MSIX_ENTRY + MSIX_ENTRY_CONTROL] = MSIX_ENTRY_MASKED;
  pci_device_intx (pci, FALSE);
  update_mappings (pci);
  if (pci->bus != NULL)
    update_intx (pci->bus);
}

gboolean
pci_device_post_load (PciDevice *pci, GError **error)
{
  /* A saved state can't make another device of this one. */
  if (memcmp (pci->config, pci->reset_config, 4) != 0
      || pci->config[PCI_INTERRUPT_PIN] != pci->reset_config[PCI_INTERRUPT_PIN])
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                   "%s: the saved PCI header is that of another device", pci->device.id);
      return FALSE;
    }
  update_mappings (pci);
  if (pci->bus != NULL)
    update_intx (pci->bus);
  return TRUE;
}

unsigned
pci_device_add_capability (PciDevice *pci, uint8_t id, unsigned size)
{
  unsigned offset = pci->next_cap;
  unsigned last = PCI_CAPABILITY_LIST;

  g_return_val_if_fail (size >= 2 && offset >= 0x40 && offset + size <= 256, 0);

  /* Appended to the chain, so that guests see capabilities in the order they were added. */
  while (pci->config[last] != 0)
    last = pci->config[last] + 1;
  pci->config[last] = (uint8_t)offset;
  pci->config[offset] = id;
  pci->config[offset + 1] = 0;
  pci->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
  memcpy (pci->reset_config + PCI_CAPABILITY_LIST, pci->config + PCI_CAPABILITY_LIST, 1);
  pci->next_cap = (uint8_t)MIN ((offset + size + 3) & ~3u, 252u);
  return offset;
}

/* -- Interrupts ------------------------------------------------------------------------------------- */

void
pci_device_intx (PciDevice *pci, gboolean level)
{
  level = !!level;
  if (level)
    pci->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
  else
    pci->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
  if (pci->intx_level == level)
    return;
  pci->intx_level = level;
  if (pci->bus != NULL)
    update_intx (pci->bus);
}

/* A message is a write to memory; only the local APICs' window makes an interrupt of it. */
static void
send_message (PciDevice *pci, uint64_t address, uint32_t data)
{
  if (!dma_enabled (&pci->dma))
    return;
  if ((address & ~0xfffffull) == 0xfee00000)
    vm_send_msi (pci->device.vm, address, data);
  else
    dma_write32 (&pci->dma, address & ~3ull, data);
}

void
pci_device_add_msi (PciDevice *pci, unsigned n_vectors, gboolean is_64bit)
{
  unsigned cap, shift = 0;

  g_return_if_fail (n_vectors >= 1 && n_vectors <= 32 && pci->msi_cap == 0);

  while (1u << shift < n_vectors)
    shift++;
  cap = pci_device_add_capability (pci, CAP_MSI, is_64bit ? 14 : 10);
  pci_set16 (pci->config + cap + MSI_CONTROL,
             (uint16_t)(shift << MSI_CAPABLE_SHIFT | (is_64bit ? MSI_64BIT : 0)));
  pci_set16 (pci->write_mask + cap + MSI_CONTROL, MSI_ENABLE | MSI_COUNT_MASK << MSI_COUNT_SHIFT);
  pci_set32 (pci->write_mask + cap + MSI_ADDRESS, 0xfffffffc);
  if (is_64bit)
    pci_set32 (pci->write_mask + cap + MSI_ADDRESS + 4, 0xffffffff);
  pci_set16 (pci->write_mask + cap + MSI_ADDRESS + (is_64bit ? 8 : 4), 0xffff);
  memcpy (pci->reset_config + cap, pci->config + cap, is_64bit ? 14 : 10);
  pci->msi_cap = (uint8_t)cap;
}

gboolean
pci_device_msi_enabled (const PciDevice *pci)
{
  return pci->msi_cap != 0 && (pci->config[pci->msi_cap + MSI_CONTROL] & MSI_ENABLE);
}

void
pci_device_msi (PciDevice *pci, unsigned vector)
{
  const uint8_t *cap = pci->config + pci->msi_cap;
  uint16_t control;
  unsigned shift;
  uint64_t address;
  uint16_t data;

  if (!pci_device_msi_enabled (pci))
    return;
  control = pci_get16 (cap + MSI_CONTROL);
  /* Software may grant no more than the function asked for; what it says beyond that counts as that. */
  shift
      = MIN ((control >> MSI_COUNT_SHIFT) & MSI_COUNT_MASK, (control >> MSI_CAPABLE_SHIFT) & MSI_COUNT_MASK);
  shift = MIN (shift, 5);
  address = pci_get32 (cap + MSI_ADDRESS);
  if (control & MSI_64BIT)
    address |= (uint64_t)pci_get32 (cap + MSI_ADDRESS + 4) << 32;
  data = pci_get16 (cap + MSI_ADDRESS + (control & MSI_64BIT ? 8 : 4));
  data = (uint16_t)((data & ~((1u << shift) - 1)) | (vector & ((1u << shift) - 1)));
  send_message (pci, address, data);
}

gboolean
pci_device_msix_enabled (const PciDevice *pci)
{
  return pci->msix_cap != 0 && (pci_get16 (pci->config + pci->msix_cap + MSIX_CONTROL) & MSIX_ENABLE);
}

static gboolean
msix_masked (const PciDevice *pci, const PciMsix *msix, unsigned vector)
{
  return (pci_get16 (pci->config + pci->msix_cap + MSIX_CONTROL) & MSIX_FUNCTION_MASK)
         || (msix->table[vector * MSIX_ENTRY + MSIX_ENTRY_CONTROL] & MSIX_ENTRY_MASKED);
}

void
pci_device_msix (PciDevice *pci, unsigned vector)
{
  PciMsix *msix = pci->msix;
  const uint8_t *entry;

  if (!pci_device_msix_enabled (pci) || vector >= msix->n_vectors)
    return;
  if (msix_masked (pci, msix, vector))
    {
      msix->pending[vector / 8] |= (uint8_t)(1 << (vector % 8));
      return;
    }
  msix->pending[vector / 8] &= (uint8_t) ~(1 << (vector % 8));
  entry = msix->table + vector * MSIX_ENTRY;
  send_message (pci, pci_get32 (entry) | (uint64_t)pci_get32 (entry + 4) << 32, pci_get32 (entry + 8));
}

/* Sends what became pending behind a mask that is gone. */
static void
msix_flush (PciDevice *pci)
{
  PciMsix *msix = pci->msix;

  if (!pci_device_msix_enabled (pci))
    return;
  for (unsigned i = 0; i < msix->n_vectors; i++)
    if ((msix->pending[i / 8] & 1 << (i % 8)) && !msix_masked (pci, msix, i))
      pci_device_msix (pci, i);
}

static uint64_t
msix_read (void *opaque, uint64_t addr, unsigned size)
{
  PciDevice *pci = opaque;
  PciMsix *msix = pci->msix;
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    {
      uint64_t at = addr + i;
      uint8_t byte = 0;

      if (at < (uint64_t)msix->n_vectors * MSIX_ENTRY)
        byte = msix->table[at];
      else if (at >= msix->pba_offset && at - msix->pba_offset < sizeof msix->pending)
        byte = msix->pending[at - msix->pba_offset];
      value |= (uint64_t)byte << (8 * i);
    }
  return value;
}

static void
msix_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  PciDevice *pci = opaque;
  PciMsix *msix = pci->msix;

  for (unsigned i = 0; i < size && addr + i < (uint64_t)msix->n_vectors * MSIX_ENTRY; i++)
    {
      unsigned in_entry = (addr + i) % MSIX_ENTRY;
      uint8_t mask = 0xff;

      if (in_entry >= MSIX_ENTRY_CONTROL)
        mask = in_entry == MSIX_ENTRY_CONTROL ? MSIX_ENTRY_MASKED : 0;
      else if (in_entry == 0)
        mask = 0xfc;
      msix->table[addr + i] = (uint8_t)(value >> (8 * i)) & mask;
    }
  msix_flush (pci);
}

static const IoOps msix_ops = { .read = msix_read, .write = msix_write, .impl_min = 1, .impl_max = 8 };

void
pci_device_add_msix (PciDevice *pci, unsigned n_vectors, unsigned bar)
{
  PciMsix *msix = pci->msix;
  uint64_t size = 4096;
  unsigned cap;

  g_return_if_fail (n_vectors >= 1 && n_vectors <= MSIX_MAX && bar < PCI_ROM_BAR && pci->msix_cap == 0);

  msix->n_vectors = n_vectors;
  msix->pba_offset = (unsigned)size / 2;
  for (unsigned i = 0; i < MSIX_MAX; i++)
    msix->table[i * MSIX_ENTRY + MSIX_ENTRY_CONTROL] = MSIX_ENTRY_MASKED;
  msix->region = region_new_io ("msix", size, &msix_ops, pci);
  pci_device_add_bar (pci, bar, msix->region, PCI_BAR_MEMORY32);

  cap = pci_device_add_capability (pci, CAP_MSIX, 12);
  pci_set16 (pci->config + cap + MSIX_CONTROL, (uint16_t)(n_vectors - 1));
  pci_set16 (pci->write_mask + cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_FUNCTION_MASK);
  pci_set32 (pci->config + cap + MSIX_TABLE, bar);
  pci_set32 (pci->config + cap + MSIX_PBA, msix->pba_offset | bar);
  memcpy (pci->reset_config + cap, pci->config + cap, 12);
  pci->msix_cap = (uint8_t)cap;
}
