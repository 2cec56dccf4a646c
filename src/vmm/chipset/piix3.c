/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PIIX3 ISA bridge.  See piix3.h.
 */
#define G_LOG_DOMAIN "piix3"

#include "chipset/piix3.h"
#include "chipset/common.h"
#include "chipset/acpi-parts.h"
#include "chipset/i440fx.h"
#include "chipset/pirq.h"

#include <string.h>

enum
{
  PIRQRCA = 0x60,
  N_PIRQS = 4,

  HEADER_MULTIFUNCTION = 0x80,
  RC_HARD = 1 << 1, /* what kind of reset bit 2 makes: here both are the same */
  RC_RESET = 1 << 2,
};

typedef struct
{
  PciDevice pci;
  PciBus *bus;
  Device *host;
  uint8_t reset_control;
  GMutex lock; /* of what follows, which any thread's PIRQ changes */
  PirqRouter pirq;
} Piix3;

static const StateField piix3_state[] = {
  STATE_STRUCT (Piix3, pci, pci_device_state),
  STATE_U8 (Piix3, reset_control),
  PIRQ_STATE (Piix3, pirq, N_PIRQS),
  STATE_END,
};

static void
piix3_intx (void *opaque, unsigned pin, gboolean level)
{
  Piix3 *piix3 = opaque;

  g_mutex_lock (&piix3->lock);
  pirq_set (&piix3->pirq, pin, level);
  g_mutex_unlock (&piix3->lock);
}

/* The routing registers were changed. */
static void
update_routes (Piix3 *piix3)
{
  g_mutex_lock (&piix3->lock);
  memcpy (piix3->pirq.route, piix3->pci.config + PIRQRCA, N_PIRQS);
  pirq_update (&piix3->pirq);
  g_mutex_unlock (&piix3->lock);
}

static uint64_t
reset_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((Piix3 *)opaque)->reset_control;
}

static void
reset_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Piix3 *piix3 = opaque;

  piix3->reset_control = value & RC_HARD;
  if (value & RC_RESET)
    vm_request (piix3->pci.device.vm, value & RC_HARD ? VM_REQUEST_RESET : VM_REQUEST_INIT,
                "the guest asked for it through port 0xcf9");
}

static const IoOps reset_ops = { .read = reset_read, .write = reset_write, .impl_min = 1, .impl_max = 1 };

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  if (offset < PIRQRCA + N_PIRQS && offset + size > PIRQRCA)
    update_routes ((Piix3 *)pci);
}

static void
piix3_reset (Device *device)
{
  Piix3 *piix3 = (Piix3 *)device;

  pci_device_reset (&piix3->pci);
  piix3->reset_control = 0;
  update_routes (piix3);
}

static gboolean
piix3_post_load (Device *device, GError **error)
{
  Piix3 *piix3 = (Piix3 *)device;

  pirq_loaded (&piix3->pirq);
  update_routes (piix3);
  return pci_device_post_load (&piix3->pci, error);
}

static gboolean
piix3_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x7000,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x060100 };
  /* Data sheet, chapter 2: what each register is after a reset. */
  static const struct
  {
    uint8_t offset, value;
  } defaults[] = {
    { PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER },
    { 0x4c, 0x4d }, /* IORT */
    { 0x4e, 0x03 }, /* XBCS */
    { PIRQRCA, PIRQ_DISABLE },
    { PIRQRCA + 1, PIRQ_DISABLE },
    { PIRQRCA + 2, PIRQ_DISABLE },
    { PIRQRCA + 3, PIRQ_DISABLE },
    { 0x69, 0x02 }, /* TOM */
    { 0x70, 0x80 }, /* MBIRQ0 */
    { 0x76, 0x0c }, /* MBDMA0 */
    { 0x77, 0x0c },
    { 0x78, 0x02 }, /* PCSC */
    { 0xa0, 0x08 }, /* SMICNTL */
    { 0xa8, 0x0f }, /* FTMR */
  };
  Piix3 *piix3 = (Piix3 *)device;
  PciDevice *pci = &piix3->pci;

  if (!pci_device_init (pci, piix3->bus, PCI_DEVFN (1, 0), &identity, error))
    return FALSE;
  pci->config[PCI_HEADER_TYPE] = HEADER_MULTIFUNCTION;
  pci_set16 (pci->write_mask + PCI_COMMAND, 1 << 8); /* decoding and bus mastering are always on */
  memset (pci->write_mask + 0x4c, 0xff, 0xb0 - 0x4c);
  memset (pci->write_mask + PIRQRCA, PIRQ_DISABLE | PIRQ_IRQ, N_PIRQS);
  for (unsigned i = 0; i < G_N_ELEMENTS (defaults); i++)
    pci->config[defaults[i].offset] = pci->reset_config[defaults[i].offset] = defaults[i].value;
  pci->config_written = config_written;
  memcpy (piix3->pirq.route, pci->config + PIRQRCA, N_PIRQS);
  g_mutex_init (&piix3->lock);
  i440fx_set_intx (piix3->host, piix3_intx, piix3);
  i440fx_set_reset_control (piix3->host, &reset_ops, piix3);
  return TRUE;
}

static void
piix3_unrealize (Device *device)
{
  Piix3 *piix3 = (Piix3 *)device;

  i440fx_set_intx (piix3->host, NULL, NULL);
  i440fx_set_reset_control (piix3->host, NULL, NULL);
  pci_device_exit (&piix3->pci);
  g_mutex_clear (&piix3->lock);
}

/* Ports that belong to the board and to nobody's driver: POST codes, port 0x92, firmware's debug port. */
static const AcpiPorts board_ports[] = { { 0x80, 1 }, { 0x92, 1 }, { 0x402, 1 } };

/* As the board is wired: pin p of device n is link (n + p - 1) & 3. */
static void
piix3_acpi_routes (Aml *aml, const char *const *links)
{
  aml_name (aml, "_PRT");
  aml_begin_package (aml, 31 * N_PIRQS);
  for (unsigned device = 1; device < 32; device++)
    for (unsigned pin = 0; pin < N_PIRQS; pin++)
      {
        aml_begin_package (aml, 4);
        aml_number (aml, device << 16 | 0xffff);
        aml_number (aml, pin);
        aml_path (aml, device == 1 && pin == 0 ? "LNKS" : links[(device + pin + 3) % N_PIRQS]);
        aml_number (aml, 0);
        aml_end (aml);
      }
  aml_end (aml);
}

static void
piix3_acpi (Device *device, AcpiPieces *pieces)
{
  static const char *const links[N_PIRQS] = { "LNKA", "LNKB", "LNKC", "LNKD" };
  Aml *isa = acpi_scope (pieces, ACPI_SCOPE_ISA), *aml = acpi_scope (pieces, ACPI_SCOPE_SB);

  aml_name_number (isa, "_ADR", 0x00010000);
  aml_region (isa, "PIRQ", AML_PCI_CONFIG, PIRQRCA, N_PIRQS);
  aml_begin_field (isa, "PIRQ", AML_BYTE);
  for (unsigned n = 0; n < N_PIRQS; n++)
    aml_field (isa, pirq_link_register (n), 8);
  aml_end (isa);
  for (unsigned n = 0; n < N_PIRQS; n++)
    pirq_link_acpi (aml, links[n], n, pirq_link_register (n));

  /* The SCI comes from the same bridge as PIRQA but on interrupt 9 alone, so INTA# of device 1 does. */
  aml_begin_device (aml, "LNKS");
  aml_name_eisa_id (aml, "_HID", "PNP0C0F");
  aml_name_number (aml, "_UID", N_PIRQS);
  aml_name (aml, "_PRS");
  aml_begin_resources (aml);
  aml_res_interrupts (aml, 1 << 9);
  aml_end (aml);
  aml_name_number (aml, "_STA", 0x0b);
  aml_begin_method (aml, "_DIS", 0, FALSE);
  aml_end (aml);
  aml_begin_method (aml, "_CRS", 0, FALSE);
  aml_op (aml, AML_RETURN);
  aml_path (aml, "_PRS");
  aml_end (aml);
  aml_begin_method (aml, "_SRS", 1, FALSE);
  aml_end (aml);
  aml_end (aml);

  piix3_acpi_routes (acpi_scope (pieces, ACPI_SCOPE_PCI0), links);
  acpi_reserve_ports (isa, "RSVD", board_ports, G_N_ELEMENTS (board_ports));
}

static const DeviceClass piix3_class = {
  .name = "piix3",
  .instance_size = sizeof (Piix3),
  .state = piix3_state,
  .realize = piix3_realize,
  .reset = piix3_reset,
  .post_load = piix3_post_load,
  .unrealize = piix3_unrealize,
  .acpi = piix3_acpi,
};

Device *
piix3_new (Vm *vm, Device *i440fx, Device *gsi, GError **error)
{
  Piix3 *piix3 = device_new (vm, &piix3_class, "piix3");

  piix3->host = i440fx;
  piix3->bus = i440fx_bus (i440fx);
  pirq_init (&piix3->pirq, gsi);
  return chipset_realize (piix3, error);
}
