/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * I/O APIC.  See ioapic.h.
 */
#define G_LOG_DOMAIN "ioapic"

#include "chipset/ioapic.h"
#include "chipset/common.h"

#include <string.h>

enum
{
  IOREGSEL = 0x00,
  IOWIN = 0x10,
  IOEOI = 0x40,
  IOAPIC_SIZE = 0x1000,

  IOAPICID = 0x00,
  IOAPICVER = 0x01,
  IOAPICARB = 0x02,
  IOREDTBL = 0x10,
  ID_SHIFT = 24,
  VERSION = 0x20,
};

#define RED_VECTOR            0xffull
#define RED_DELIVERY_SHIFT    8
#define RED_DELIVERY          (7ull << RED_DELIVERY_SHIFT)
#define RED_LOGICAL           (1ull << 11)
#define RED_DELIVERY_STATUS   (1ull << 12)
#define RED_REMOTE_IRR        (1ull << 14)
#define RED_LEVEL             (1ull << 15)
#define RED_MASK              (1ull << 16)
#define RED_DESTINATION_SHIFT 56
#define RED_WRITABLE          (0xff00000000000000ull | 0x1afffull)
#define DELIVERY_EXTINT       7

#define MSI_LEVEL_ASSERT (1u << 14)

/* A driver that leaves its line high at each end of the interrupt, and does its work in a thread, would never come to that: real hardware takes time from one message
 * to the next.  After so many in a row the next one waits. */
#define STORM      10000u
#define STORM_REST (5 * 1000 * 1000ll) /* ns */

typedef struct
{
  Device device;
  uint64_t address;
  GMutex lock;    /* of what follows: lines come from any thread, all else under the VM lock as well */
  uint32_t input; /* levels */
  uint8_t select;
  uint8_t id;
  uint64_t entry[IOAPIC_N_PINS];
  uint32_t resting;               /* pins that wait for `rest` */
  uint16_t storms[IOAPIC_N_PINS]; /* ends in a row with the line still high */
  VmTimer rest;
  uint32_t watched; /* edges of whose end somebody wants to know */
  void (*acked) (void *opaque, unsigned pin);
  void *acked_opaque;
  Mapping *mapping;
} Ioapic;

static const StateField ioapic_state[] = {
  STATE_U32_MAX (Ioapic, input, (1u << IOAPIC_N_PINS) - 1),
  STATE_U8 (Ioapic, select),
  STATE_U8_MAX (Ioapic, id, 15),
  STATE_U64_ARRAY (Ioapic, entry),
  STATE_ADDED,
  STATE_U32_MAX (Ioapic, resting, (1u << IOAPIC_N_PINS) - 1),
  STATE_TIMER (Ioapic, rest),
  STATE_END,
};

static uint64_t
message_address (uint64_t entry)
{
  return 0xfee00000u | (entry >> RED_DESTINATION_SHIFT) << 12 | (entry & RED_LOGICAL ? 1 << 2 : 0);
}

static uint32_t
message_data (uint64_t entry)
{
  return (uint32_t)(entry & (RED_VECTOR | RED_DELIVERY | RED_LEVEL))
         | (entry & RED_LEVEL ? MSI_LEVEL_ASSERT : 0);
}

static gboolean
edge_watched (const Ioapic *ioapic, unsigned pin)
{
  return (ioapic->watched >> pin & 1) && !(ioapic->entry[pin] & (RED_LEVEL | RED_MASK));
}

/* Local APICs tell the end of level-triggered interrupts, and of these. */
static void
update_eoi_edges (Ioapic *ioapic)
{
  Vm *vm = ioapic->device.vm;
  uint32_t edges[8] = { 0 };

  for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++)
    if (edge_watched (ioapic, pin))
      edges[(ioapic->entry[pin] & RED_VECTOR) / 32] |= 1u << (ioapic->entry[pin] & 31);
  for (unsigned i = 0; i < G_N_ELEMENTS (edges); i++)
    __atomic_store_n (&vm->eoi_edges[i], edges[i], __ATOMIC_RELAXED);
}

/* An interrupt in service needs its route until it ends, though systems mask the pin meanwhile (BSD at each interrupt, Linux when it
 * moves one to another processor): without it the engine would not tell us of the end. */
static void
tell_route (Ioapic *ioapic, unsigned pin)
{
  Vm *vm = ioapic->device.vm;
  uint64_t entry = ioapic->entry[pin];
  gboolean watched = edge_watched (ioapic, pin);

  if (ioapic->watched >> pin & 1)
    update_eoi_edges (ioapic);
  if (watched)
    entry |= RED_LEVEL; /* of the route alone: the engine tells of no other ends */
  if (vm->processor != NULL && vm->processor->ioapic_route != NULL)
    vm->processor->ioapic_route (
        vm->processor_opaque, pin,
        watched || ((entry & RED_LEVEL) && (!(entry & RED_MASK) || (entry & RED_REMOTE_IRR))),
        message_address (entry), message_data (entry));
}

static void
deliver (Ioapic *ioapic, unsigned pin)
{
  uint64_t entry = ioapic->entry[pin];

  if ((entry & RED_DELIVERY) >> RED_DELIVERY_SHIFT == DELIVERY_EXTINT)
    {
      device_log (&ioapic->device, "pin %u is programmed for ExtINT, to which no 8259 is wired", pin);
      return;
    }
  vm_send_msi (ioapic->device.vm, message_address (entry), message_data (entry));
}

/* A level that is high, not masked, and not yet answered. */
static void
service_level (Ioapic *ioapic, unsigned pin)
{
  uint64_t entry = ioapic->entry[pin];

  if ((entry & (RED_MASK | RED_REMOTE_IRR)) || !(entry & RED_LEVEL) || !(ioapic->input & 1u << pin)
      || (ioapic->resting & 1u << pin))
    return;
  ioapic->entry[pin] |= RED_REMOTE_IRR;
  deliver (ioapic, pin);
}

static void
end_storm (Ioapic *ioapic, unsigned pin)
{
  ioapic->storms[pin] = 0;
  ioapic->resting &= ~(1u << pin);
}

/* The interrupt has ended.  TRUE: the next one waits for `rest`, which the caller arms without our lock. */
static gboolean
service_again (Ioapic *ioapic, unsigned pin)
{
  if (!(ioapic->input & 1u << pin))
    ioapic->storms[pin] = 0;
  else if (++ioapic->storms[pin] >= STORM)
    {
      ioapic->storms[pin] = 0;
      ioapic->resting |= 1u << pin;
      return TRUE;
    }
  service_level (ioapic, pin);
  return FALSE;
}

static void
on_rest (void *opaque)
{
  Ioapic *ioapic = opaque;
  uint32_t pins;

  g_mutex_lock (&ioapic->lock);
  pins = ioapic->resting;
  ioapic->resting = 0;
  for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++)
    if (pins & 1u << pin)
      service_level (ioapic, pin);
  g_mutex_unlock (&ioapic->lock);
}

static void
ioapic_set_irq (void *opaque, unsigned pin, gboolean level)
{
  Ioapic *ioapic = opaque;
  gboolean rises;

  g_mutex_lock (&ioapic->lock);
  rises = level && !(ioapic->input & 1u << pin);
  if (level)
    ioapic->input |= 1u << pin;
  else
    {
      ioapic->input &= ~(1u << pin);
      end_storm (ioapic, pin);
    }

  if (ioapic->entry[pin] & RED_LEVEL)
    service_level (ioapic, pin);
  else if (rises && !(ioapic->entry[pin] & RED_MASK)) /* an edge on a masked pin is lost */
    deliver (ioapic, pin);
  g_mutex_unlock (&ioapic->lock);
}

static void
ioapic_eoi (void *opaque, unsigned vector)
{
  Ioapic *ioapic = opaque;
  uint32_t acked = 0;
  gboolean rest = FALSE;

  g_mutex_lock (&ioapic->lock);
  for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++)
    {
      uint64_t entry = ioapic->entry[pin];

      if ((entry & RED_VECTOR) != vector)
        continue;
      if (edge_watched (ioapic, pin))
        acked |= 1u << pin;
      if (!(entry & RED_REMOTE_IRR))
        continue;
      ioapic->entry[pin] &= ~RED_REMOTE_IRR;
      tell_route (ioapic, pin); /* what was written meanwhile */
      rest |= service_again (ioapic, pin);
    }
  g_mutex_unlock (&ioapic->lock);
  if (rest && !vm_timer_armed (&ioapic->rest))
    vm_timer_arm (&ioapic->rest, vm_clock_now (ioapic->device.vm->clock) + STORM_REST);
  /* Without the lock: who is told may set a line at once. */
  for (unsigned pin = 0; acked != 0 && ioapic->acked != NULL; pin++, acked >>= 1)
    if (acked & 1)
      ioapic->acked (ioapic->acked_opaque, pin);
}

static uint32_t
read_register (Ioapic *ioapic)
{
  switch (ioapic->select)
    {
    case IOAPICID:
    case IOAPICARB:
      return (uint32_t)ioapic->id << ID_SHIFT;
    case IOAPICVER:
      return VERSION | (IOAPIC_N_PINS - 1) << 16;
    default:
      if (ioapic->select >= IOREDTBL && ioapic->select < IOREDTBL + 2 * IOAPIC_N_PINS)
        {
          uint64_t entry = ioapic->entry[(ioapic->select - IOREDTBL) / 2];

          return (uint32_t)(ioapic->select & 1 ? entry >> 32 : entry);
        }
      return 0;
    }
}

static void
write_entry (Ioapic *ioapic, unsigned n, uint32_t value)
{
  unsigned pin = n / 2;
  uint64_t entry = ioapic->entry[pin];
  uint64_t kept = entry & ~RED_WRITABLE;

  if (n & 1)
    entry = (entry & 0xffffffff) | (uint64_t)value << 32;
  else
    entry = (entry & ~0xffffffffull) | value;
  entry = (entry & RED_WRITABLE) | kept;
  /* Without an EOI register, software clears remote IRR by a switch to edge and back. */
  if (!(entry & RED_LEVEL))
    entry &= ~RED_REMOTE_IRR;
  ioapic->entry[pin] = entry;
  end_storm (ioapic, pin);
  /* In service, the route by which it came stays. */
  if (!(entry & RED_REMOTE_IRR))
    tell_route (ioapic, pin);
  service_level (ioapic, pin);
}

static uint64_t
ioapic_read (void *opaque, uint64_t addr, unsigned size)
{
  Ioapic *ioapic = opaque;
  uint32_t value = 0;

  g_mutex_lock (&ioapic->lock);
  if (addr == IOREGSEL)
    value = ioapic->select;
  else if (addr == IOWIN)
    value = read_register (ioapic);
  g_mutex_unlock (&ioapic->lock);
  return value;
}

static void
ioapic_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ioapic *ioapic = opaque;

  if (addr == IOEOI)
    {
      ioapic_eoi (ioapic, value & 0xff);
      return;
    }
  g_mutex_lock (&ioapic->lock);
  if (addr == IOREGSEL)
    ioapic->select = (uint8_t)value;
  else if (addr == IOWIN && ioapic->select == IOAPICID)
    ioapic->id = value >> ID_SHIFT & 15;
  else if (addr == IOWIN && ioapic->select >= IOREDTBL && ioapic->select < IOREDTBL + 2 * IOAPIC_N_PINS)
    write_entry (ioapic, ioapic->select - IOREDTBL, (uint32_t)value);
  g_mutex_unlock (&ioapic->lock);
}

static const IoOps ioapic_ops = { .read = ioapic_read, .write = ioapic_write, .impl_min = 4, .impl_max = 4 };

static void
ioapic_reset (Device *device)
{
  Ioapic *ioapic = (Ioapic *)device;

  vm_timer_cancel (&ioapic->rest);
  g_mutex_lock (&ioapic->lock);
  ioapic->input = ioapic->resting = 0;
  ioapic->select = ioapic->id = 0;
  memset (ioapic->storms, 0, sizeof ioapic->storms);
  for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++)
    {
      ioapic->entry[pin] = RED_MASK;
      tell_route (ioapic, pin);
    }
  g_mutex_unlock (&ioapic->lock);
}

static gboolean
ioapic_post_load (Device *device, GError **error)
{
  Ioapic *ioapic = (Ioapic *)device;
  const gboolean timed = vm_timer_armed (&ioapic->rest);

  g_mutex_lock (&ioapic->lock);
  for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++)
    {
      ioapic->entry[pin] &= RED_WRITABLE | RED_REMOTE_IRR;
      tell_route (ioapic, pin);
    }
  /* A pin that waits has its timer, whatever a file says. */
  if (!timed)
    ioapic->resting = 0;
  g_mutex_unlock (&ioapic->lock);
  return TRUE;
}

static gboolean
ioapic_realize (Device *device, GError **error)
{
  Ioapic *ioapic = (Ioapic *)device;

  g_mutex_init (&ioapic->lock);
  vm_timer_init (&ioapic->rest, device->vm->clock, on_rest, ioapic);
  ioapic->mapping
      = chipset_map_io (device->vm->memory, "ioapic", ioapic->address, IOAPIC_SIZE, &ioapic_ops, ioapic);
  device->vm->eoi = ioapic_eoi;
  device->vm->eoi_opaque = ioapic;
  return TRUE;
}

static void
ioapic_unrealize (Device *device)
{
  Ioapic *ioapic = (Ioapic *)device;

  g_clear_pointer (&ioapic->mapping, mapping_remove);
  device->vm->eoi = NULL;
  vm_timer_cancel (&ioapic->rest);
  g_mutex_clear (&ioapic->lock);
}

static void
ioapic_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *madt = acpi_madt (pieces);

  aml_put (madt, 1, 1); /* I/O APIC */
  aml_put (madt, 12, 1);
  aml_put (madt, 0, 2); /* its id */
  aml_put (madt, ((Ioapic *)device)->address, 4);
  aml_put (madt, 0, 4); /* the first global system interrupt */
}

static const DeviceClass ioapic_class = {
  .name = "ioapic",
  .version = 1,
  .instance_size = sizeof (Ioapic),
  .state = ioapic_state,
  .realize = ioapic_realize,
  .reset = ioapic_reset,
  .post_load = ioapic_post_load,
  .unrealize = ioapic_unrealize,
  .acpi = ioapic_acpi,
};

Device *
ioapic_new (Vm *vm, uint64_t address, GError **error)
{
  Ioapic *ioapic = device_new (vm, &ioapic_class, "ioapic");

  ioapic->address = address;
  return chipset_realize (ioapic, error);
}

IrqLine
ioapic_line (Device *device, unsigned pin)
{
  g_return_val_if_fail (pin < IOAPIC_N_PINS, (IrqLine){ 0 });
  return IRQ_LINE (ioapic_set_irq, device, pin);
}

void
ioapic_set_ack_func (Device *device, void (*func) (void *opaque, unsigned pin), void *opaque)
{
  Ioapic *ioapic = (Ioapic *)device;

  ioapic->acked = func;
  ioapic->acked_opaque = opaque;
}

void
ioapic_watch (Device *device, unsigned pin)
{
  Ioapic *ioapic = (Ioapic *)device;

  g_return_if_fail (pin < IOAPIC_N_PINS);
  g_mutex_lock (&ioapic->lock);
  ioapic->watched |= 1u << pin;
  tell_route (ioapic, pin);
  g_mutex_unlock (&ioapic->lock);
}

gboolean
ioapic_masked (Device *device, unsigned pin)
{
  Ioapic *ioapic = (Ioapic *)device;
  gboolean masked;

  g_mutex_lock (&ioapic->lock);
  masked = (ioapic->entry[pin] & RED_MASK) != 0;
  g_mutex_unlock (&ioapic->lock);
  return masked;
}
