/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Coprocessor error latch.
 */
#define G_LOG_DOMAIN "ferr"

#include "chipset/ferr.h"

#define ERROR_REGISTER 0xf0

typedef struct
{
  Device device;
  IrqLine irq;
  Region *region;
  Mapping *mapping;
  gboolean latched;
} Ferr;

static const StateField ferr_state[] = { STATE_BOOL (Ferr, latched), STATE_END };

static void
set_latch (Ferr *ferr, gboolean level)
{
  ferr->latched = level;
  irq_set (&ferr->irq, level);
}

static void
on_ferr (void *opaque, unsigned n, gboolean level)
{
  if (level)
    set_latch (opaque, TRUE);
}

static void
error_register_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  set_latch (opaque, FALSE);
}

static const IoOps ferr_ops = { .write = error_register_write, .impl_max = 1 };

static void
ferr_reset (Device *device)
{
  set_latch ((Ferr *)device, FALSE);
}

static gboolean
ferr_post_load (Device *device, GError **error)
{
  Ferr *ferr = (Ferr *)device;

  irq_set (&ferr->irq, ferr->latched);
  return TRUE;
}

static gboolean
ferr_realize (Device *device, GError **error)
{
  Ferr *ferr = (Ferr *)device;

  ferr->region = region_new_io ("coprocessor error", 2, &ferr_ops, ferr);
  ferr->mapping = address_space_map (device->vm->ports, ferr->region, ERROR_REGISTER, 0, 2, 0);
  device->vm->ferr = IRQ_LINE (on_ferr, ferr, 0);
  return TRUE;
}

static void
ferr_unrealize (Device *device)
{
  Ferr *ferr = (Ferr *)device;

  device->vm->ferr = IRQ_LINE (NULL, NULL, 0);
  mapping_remove (ferr->mapping);
  region_unref (ferr->region);
}

static void
ferr_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "FPU");
  aml_name_eisa_id (aml, "_HID", "PNP0C04");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0xf0, 0x10);
  aml_res_irq (aml, 13);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass ferr_class = {
  .name = "ferr",
  .instance_size = sizeof (Ferr),
  .state = ferr_state,
  .realize = ferr_realize,
  .reset = ferr_reset,
  .post_load = ferr_post_load,
  .unrealize = ferr_unrealize,
  .acpi = ferr_acpi,
};

Device *
ferr_new (Vm *vm, IrqLine irq13, GError **error)
{
  Ferr *ferr = device_new (vm, &ferr_class, "ferr");

  ferr->irq = irq13;
  if (!device_realize (&ferr->device, error))
    {
      device_free (&ferr->device);
      return NULL;
    }
  return &ferr->device;
}
