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

typedef struct
{
  Device device;
  IrqLine pic[GSI_COUNT], ioapic[GSI_COUNT];
  unsigned n_sources[GSI_COUNT];
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
  gboolean before = gsi->level[number] != 0;
  gboolean after;

  gsi->level[number] = level ? gsi->level[number] | bit : gsi->level[number] & ~bit;
  after = gsi->level[number] != 0;
  if (before == after)
    return;
  irq_set (&gsi->pic[number], after);
  irq_set (&gsi->ioapic[number], after);
}

static void
gsi_reset (Device *device)
{
  Gsi *gsi = (Gsi *)device;

  for (unsigned n = 0; n < GSI_COUNT; n++)
    gsi->level[n] = 0;
}

static gboolean
gsi_realize (Device *device, GError **error)
{
  return TRUE;
}

static const DeviceClass gsi_class = {
  .name = "gsi",
  .instance_size = sizeof (Gsi),
  .state = gsi_state,
  .realize = gsi_realize,
  .reset = gsi_reset,
};

Device *
gsi_new (Vm *vm, Device *pic, Device *ioapic, GError **error)
{
  Gsi *gsi = device_new (vm, &gsi_class, "gsi");

  for (unsigned n = 0; n < GSI_COUNT; n++)
    {
      if (pic != NULL && n < N_ISA && n != CASCADE)
        gsi->pic[n] = pic_line (pic, n);
      if (ioapic != NULL && n != TIMER_PIN)
        gsi->ioapic[n] = ioapic_line (ioapic, n == 0 ? TIMER_PIN : n);
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
