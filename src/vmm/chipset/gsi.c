/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Global system interrupts.  See gsi.h.
 */
#define G_LOG_DOMAIN "gsi"

#include "chipset/gsi.h"
#include "chipset/common.h"
#include "chipset/ioapic.h"
#include "chipset/pic.h"

#define N_ISA        16
#define MAX_SOURCES  32
#define CASCADE      2
#define SOURCE_SHIFT 8
#define TIMER_PIN    2

/* Flags of the MADT. */
enum
{
  ACTIVE_HIGH = 1,
  LEVEL = 3 << 2,
};

typedef struct
{
  unsigned n;
  GsiAckFunc func;
  void *opaque;
} Watcher;

typedef struct
{
  Device device;
  Device *pic_device, *ioapic_device;
  GArray *watchers;
  IrqLine pic[GSI_COUNT], ioapic[GSI_COUNT];
  unsigned n_sources[GSI_COUNT];
  GMutex
      lock; /* of the levels; held while the controllers are told, so that they hear of changes in one order */
  uint32_t level[GSI_COUNT]; /* a bit a source */
} Gsi;

static const StateField gsi_state[] = {
  STATE_U32_ARRAY (Gsi, level),
  STATE_END,
};

static void
gsi_set (void *opaque, unsigned n, gboolean level)
{
  Gsi *gsi = opaque;
  unsigned number = n & ((1 << SOURCE_SHIFT) - 1);
  uint32_t bit = 1u << (n >> SOURCE_SHIFT);
  gboolean before, after;

  g_mutex_lock (&gsi->lock);
  before = gsi->level[number] != 0;
  gsi->level[number] = level ? gsi->level[number] | bit : gsi->level[number] & ~bit;
  after = gsi->level[number] != 0;
  if (before != after)
    {
      irq_set (&gsi->pic[number], after);
      irq_set (&gsi->ioapic[number], after);
    }
  g_mutex_unlock (&gsi->lock);
}

static void
gsi_reset (Device *device)
{
  Gsi *gsi = (Gsi *)device;

  g_mutex_lock (&gsi->lock);
  for (unsigned n = 0; n < GSI_COUNT; n++)
    gsi->level[n] = 0;
  g_mutex_unlock (&gsi->lock);
}

static void
acknowledged (Gsi *gsi, unsigned n)
{
  for (unsigned i = 0; i < gsi->watchers->len; i++)
    {
      const Watcher *watcher = &g_array_index (gsi->watchers, Watcher, i);

      if (watcher->n == n)
        watcher->func (watcher->opaque);
    }
}

static unsigned
ioapic_pin (unsigned n)
{
  return n == 0 ? TIMER_PIN : n;
}

static void
on_pic_ack (void *opaque, unsigned irq)
{
  acknowledged (opaque, irq);
}

static void
on_ioapic_ack (void *opaque, unsigned pin)
{
  acknowledged (opaque, pin == TIMER_PIN ? 0 : pin);
}

static gboolean
gsi_realize (Device *device, GError **error)
{
  Gsi *gsi = (Gsi *)device;

  gsi->watchers = g_array_new (FALSE, FALSE, sizeof (Watcher));
  g_mutex_init (&gsi->lock);
  if (gsi->pic_device != NULL)
    pic_set_ack_func (gsi->pic_device, on_pic_ack, gsi);
  if (gsi->ioapic_device != NULL)
    ioapic_set_ack_func (gsi->ioapic_device, on_ioapic_ack, gsi);
  return TRUE;
}

static void
gsi_unrealize (Device *device)
{
  Gsi *gsi = (Gsi *)device;

  if (gsi->pic_device != NULL)
    pic_set_ack_func (gsi->pic_device, NULL, NULL);
  if (gsi->ioapic_device != NULL)
    ioapic_set_ack_func (gsi->ioapic_device, NULL, NULL);
  g_array_unref (gsi->watchers);
  g_mutex_clear (&gsi->lock);
}

/* MADT, interrupt source override. */
static void
acpi_override (Aml *madt, unsigned irq, unsigned pin, unsigned flags)
{
  enum
  {
    OVERRIDE = 2,
    OVERRIDE_SIZE = 10,
  };

  aml_put (madt, OVERRIDE, 1);
  aml_put (madt, OVERRIDE_SIZE, 1);
  aml_put (madt, 0, 1); /* ISA */
  aml_put (madt, irq, 1);
  aml_put (madt, pin, 4);
  aml_put (madt, flags, 2);
}

static void
gsi_acpi (Device *device, AcpiPieces *pieces)
{
  /* What PCI's wires and the SCI take: level. */
  static const uint8_t level_irqs[] = { 5, 9, 10, 11 };
  Aml *madt = acpi_madt (pieces);

  acpi_override (madt, 0, TIMER_PIN, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (level_irqs); i++)
    acpi_override (madt, level_irqs[i], level_irqs[i], ACTIVE_HIGH | LEVEL);
}

static const DeviceClass gsi_class = {
  .name = "gsi",
  .instance_size = sizeof (Gsi),
  .state = gsi_state,
  .realize = gsi_realize,
  .reset = gsi_reset,
  .unrealize = gsi_unrealize,
  .acpi = gsi_acpi,
};

Device *
gsi_new (Vm *vm, Device *pic, Device *ioapic, GError **error)
{
  Gsi *gsi = device_new (vm, &gsi_class, "gsi");

  gsi->pic_device = pic;
  gsi->ioapic_device = ioapic;
  for (unsigned n = 0; n < GSI_COUNT; n++)
    {
      if (pic != NULL && n < N_ISA && n != CASCADE)
        gsi->pic[n] = pic_line (pic, n);
      if (ioapic != NULL && n != TIMER_PIN)
        gsi->ioapic[n] = ioapic_line (ioapic, ioapic_pin (n));
    }
  return chipset_realize (gsi, error);
}

IrqLine
gsi_line (Device *device, unsigned n)
{
  Gsi *gsi = (Gsi *)device;

  g_return_val_if_fail (n < GSI_COUNT && gsi->n_sources[n] < MAX_SOURCES, (IrqLine){ 0 });
  return IRQ_LINE (gsi_set, device, n | gsi->n_sources[n]++ << SOURCE_SHIFT);
}

void
gsi_watch (Device *device, unsigned n, GsiAckFunc func, void *opaque)
{
  Gsi *gsi = (Gsi *)device;
  Watcher watcher = { n, func, opaque };

  g_return_if_fail (n < GSI_COUNT);
  g_array_append_val (gsi->watchers, watcher);
  if (gsi->ioapic_device != NULL)
    ioapic_watch (gsi->ioapic_device, ioapic_pin (n));
}

gboolean
gsi_open (Device *device, unsigned n)
{
  const Gsi *gsi = (const Gsi *)device;

  return (gsi->pic_device != NULL && n < N_ISA && !pic_masked (gsi->pic_device, n))
         || (gsi->ioapic_device != NULL && !ioapic_masked (gsi->ioapic_device, ioapic_pin (n)));
}
