/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The generic part of a function: header, base addresses, configuration writes.  PCI Local Bus Specification 3.0: chapter 6
 * (configuration space), 6.2.5 (base addresses).
 */
#define G_LOG_DOMAIN "pci"

#include "pci/bridge.h"
#include "pci/message.h"
#include "pci/pci-private.h"
#include "pci/quiet.h"

#include <gio/gio.h>
#include <string.h>

#define MEMORY_BITS 52
/* Memory of the bridge (RAM, firmware, interrupt controllers) wins over a BAR that was moved onto it; on the I/O side
 * PCI decodes before the ISA bridge does, whose decode is subtractive. */
#define PRIORITY_MEMORY (-1)
#define PRIORITY_IO     1

enum
{
  BAR_IO_FLAG = 1 << 0,
  ROM_ENABLE = 1 << 0,
};

const StateField pci_device_state[] = {
  STATE_U8_ARRAY (PciDevice, config),
  STATE_BOOL (PciDevice, intx_level),
  STATE_BUFFER (PciDevice, msix, PCI_MSIX_STATE),
  STATE_SINCE (2, 0), /* functions' own tables have had a version 1 */
  STATE_U32 (PciDevice, msi_pending),
  STATE_END,
};

static uint16_t
command_of (const PciDevice *pci)
{
  return pci_get16 (pci->config + PCI_COMMAND);
}

gboolean
pci_device_on (const PciDevice *pci)
{
  return !pci->off && (pci->pm_cap == 0 || (pci->config[pci->pm_cap + 4] & 3) == 0);
}

/* -- Base addresses --------------------------------------------------------------------------------- */

static unsigned
bar_offset (unsigned n)
{
  return n == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BAR0 + 4 * n;
}

static gboolean
bar_is_io (const PciDevice *pci, unsigned n)
{
  return n != PCI_ROM_BAR && (pci->bar[n].flags & PCI_BAR_IO);
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
  uint16_t command = command_of (pci);
  uint64_t address;
  uint32_t low;

  if (n >= PCI_N_BARS || pci->bar[n].region == NULL)
    return G_MAXUINT64;
  bar = &pci->bar[n];
  low = pci_get32 (pci->config + bar_offset (n));

  if (bar_is_io (pci, n))
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

/* What the windows of the bridges above let through is a part of it, or nothing. */
static void
update_bar (PciDevice *pci, unsigned n)
{
  PciBar *bar = &pci->bar[n];
  uint64_t address, first, last;

  if (bar->mapping == NULL)
    return;
  address = pci->bus != NULL && pci_device_on (pci) ? pci_device_bar_address (pci, n) : G_MAXUINT64;
  first = address;
  last = address + bar->size - 1;
  if (address == G_MAXUINT64 || !pci_bus_clip (pci->bus, bar_is_io (pci, n), &first, &last))
    {
      mapping_set_enabled (bar->mapping, FALSE);
      return;
    }
  mapping_move (bar->mapping, first);
  mapping_set_offset (bar->mapping, first - address, last - first + 1);
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
  if (pci->secondary != NULL)
    for (unsigned i = 0; i < pci->secondary->present->len; i++)
      update_mappings (g_ptr_array_index (pci->secondary->present, i));
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
}

static void
update_masters (PciDevice *pci)
{
  gboolean master = pci->bus != NULL && pci_device_on (pci) && (command_of (pci) & PCI_COMMAND_MASTER)
                    && pci_bus_masters (pci->bus);

  dma_enable (&pci->dma, master);
  pci_messages_set_master (pci, master);
  if (pci->secondary != NULL)
    for (unsigned i = 0; i < pci->secondary->present->len; i++)
      update_masters (g_ptr_array_index (pci->secondary->present, i));
}

void
pci_device_update (PciDevice *pci)
{
  update_mappings (pci);
  update_masters (pci);
  if (pci->bus != NULL)
    pci_device_update_intx (pci, !pci_device_on (pci) || (command_of (pci) & PCI_COMMAND_INTX_DISABLE));
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

  g_return_if_fail (n < PCI_N_BARS && pci->bar[n].region == NULL && (pci->secondary == NULL || n < 2));
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

static uint8_t
byte_of (const PciDevice *pci, unsigned offset)
{
  uint8_t byte = pci->config[offset];

  /* What other threads change is put in as it is read. */
  if (offset == PCI_STATUS && __atomic_load_n (&pci->intx_level, __ATOMIC_RELAXED))
    byte |= PCI_STATUS_INTERRUPT;
  return byte | pci_messages_byte (pci, offset);
}

uint32_t
pci_device_config_read (PciDevice *pci, unsigned offset, unsigned size)
{
  uint32_t value = 0;

  if (pci->config_reading != NULL)
    pci->config_reading (pci, offset, size);
  for (unsigned i = 0; i < size; i++)
    value |= (uint32_t)byte_of (pci, offset + i) << (8 * i);
  return value;
}

void
pci_device_config_write (PciDevice *pci, unsigned offset, uint32_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    {
      uint8_t byte = (uint8_t)(value >> (8 * i));
      uint8_t mask = pci->write_mask[offset + i];
      uint8_t *to = &pci->config[offset + i];

      *to = (uint8_t)((*to & ~mask) | (byte & mask));
      *to &= (uint8_t) ~(byte & pci->clear_mask[offset + i]);
    }
  if (pci_pm_written (pci, offset, size) || pci_touches (offset, size, PCI_COMMAND, 2))
    pci_device_update (pci);
  else if (pci_touches (offset, size, PCI_BAR0, 24) || pci_touches (offset, size, PCI_ROM_ADDRESS, 4)
           || (pci->secondary != NULL && pci_bridge_decodes (offset, size)))
    update_mappings (pci);
  pci_messages_written (pci, offset, size);
  if (pci->config_written != NULL)
    pci->config_written (pci, offset, size);
  if (pci->secondary != NULL)
    pci_bridge_written (pci, offset, size);
  /* Last: a reset of the function may be among it. */
  pci_express_written (pci, offset, size);
}

/* -- Life --------------------------------------------------------------------------------------------- */

gboolean
pci_device_init (PciDevice *pci, PciBus *bus, unsigned devfn, const PciIdentity *identity, GError **error)
{
  uint8_t *config = pci->config;

  pci->bus = NULL;
  if (devfn >= PCI_N_DEVFNS || bus->functions[devfn] != NULL)
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
  pci->pin = identity->interrupt_pin <= PCI_N_PINS ? identity->interrupt_pin : 0;
  config[PCI_INTERRUPT_PIN] = pci->pin;

  /* Parity and SERR are there to be set; nothing comes of them.  Status bits 8 and 11-15 are cleared by ones. */
  pci_set16 (pci->write_mask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER
                                                | PCI_COMMAND_INTX_DISABLE | 1 << 6 | 1 << 8);
  pci_set16 (pci->clear_mask + PCI_STATUS, 0xf900);
  pci->write_mask[PCI_CACHE_LINE_SIZE] = 0xff;
  pci->write_mask[PCI_LATENCY_TIMER] = 0xff;
  pci->write_mask[PCI_INTERRUPT_LINE] = 0xff;
  pci->next_cap = 0x40;
  memcpy (pci->reset_config, config, sizeof pci->config);

  pci_messages_init (pci);
  dma_init (&pci->dma, pci->device.vm->memory);
  pci->bus = bus;
  bus->functions[devfn] = pci;
  g_ptr_array_add (bus->present, pci);
  return TRUE;
}

void
pci_device_leave (PciDevice *pci)
{
  PciBus *bus = pci->bus;
  Vm *vm = pci->device.vm;

  pci->off = TRUE;
  if (bus != NULL)
    {
      pci_device_update_intx (pci, TRUE);
      bus->functions[pci->devfn] = NULL;
      g_ptr_array_remove (bus->present, pci);
      g_mutex_lock (&bus->root->intx_lock);
      __atomic_store_n (&pci->bus, NULL, __ATOMIC_RELEASE);
      g_mutex_unlock (&bus->root->intx_lock);
    }
  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  for (unsigned n = 0; n < PCI_N_BARS; n++)
    {
      g_clear_pointer (&pci->bar[n].mapping, mapping_remove);
      g_clear_pointer (&pci->bar[n].region, region_unref);
    }
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  update_masters (pci);
}

void
pci_device_exit (PciDevice *pci)
{
  if (pci->msix == NULL)
    {
      pci->bus = NULL;
      return;
    }
  /* What lies behind a bridge leaves before the way to the root does. */
  if (pci->secondary != NULL)
    pci_bridge_exit (pci);
  pci_device_leave (pci);
  if (pci->quiet != NULL)
    pci_quiet_end (pci);
  dma_clear (&pci->dma);
  pci_messages_free (pci);
}

void
pci_device_reset (PciDevice *pci)
{
  for (unsigned i = 0; i < pci->config_size; i++)
    {
      uint8_t mask = pci->write_mask[i] | pci->clear_mask[i];

      pci->config[i] = (uint8_t)((pci->config[i] & ~mask) | (pci->reset_config[i] & mask));
    }
  pci_messages_reset (pci);
  pci_device_intx (pci, FALSE);
  pci_device_update (pci);
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
  pci->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
  pci_messages_loaded (pci);
  pci_device_update (pci);
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
