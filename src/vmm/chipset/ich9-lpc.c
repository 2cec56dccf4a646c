/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ICH9's LPC bridge.  See ich9-lpc.h.
 */
#define G_LOG_DOMAIN "ich9-lpc"

#include "chipset/ich9-lpc.h"
#include "chipset/acpi-parts.h"
#include "chipset/common.h"
#include "chipset/mch.h"
#include "chipset/pirq.h"

#include <string.h>

/* Configuration space. */
enum
{
  PMBASE = 0x40,
  ACPI_CNTL = 0x44,
  ACPI_ENABLE = 1 << 7,
  GPIOBASE = 0x48,
  GPIO_CNTL = 0x4c,
  GPIO_ENABLE = 1 << 4,
  GEN_PMCON_1 = 0xa0,
  SMI_LOCK = 1 << 4,
  PIRQA_ROUT = 0x60,
  PIRQE_ROUT = 0x68,
  RCBA = 0xf0,
  RCBA_ENABLE = 1 << 0,

  N_PIRQS = 8,
  FIRST_PIN = 16, /* of the I/O APIC, for PIRQA */
};

/* Offsets from PMBASE: the first block is acpi-pm.h's. */
enum
{
  GPE0_STS = 0x20, /* 8 bytes each */
  GPE0_EN = 0x28,
  SMI_EN = 0x30,
  PM_SIZE = 0x80,
  GPE_BYTES = 16,

  SMI_STS = 0x34, /* 4 bytes each */

  SMI_EN_GLOBAL = 1 << 0,
  SMI_EN_APMC = 1 << 5, /* in SMI_STS, too */
};

/* Offsets from RCBA: chapter 10.1. */
enum
{
  RCBA_SIZE = 0x4000,
  RCBA_FIRST = 0x3100, /* what is kept */
  D31IR = 0x3140,
  D30IR = 0x3142,
  D29IR = 0x3144,
  D28IR = 0x3146,
  D27IR = 0x3148,
  D26IR = 0x314c,
  D25IR = 0x3150,
  OIC = 0x31fe,
  HPTC = 0x3404,
  GCS = 0x3410,
  RCBA_LAST = 0x341f,
  N_CHIPSET = RCBA_LAST + 1 - RCBA_FIRST,

  IR_DEFAULT = 0x3210,    /* INTA# to PIRQA, … */
  GCS_NO_REBOOT = 1 << 5, /* strapped: there is no TCO timer that resets the machine */
  FIRST_ROUTED = 25,      /* devices below are wired to PIRQE to PIRQH, turned by their number */
};

#define GPIO_SIZE 0x40
#define RC_HARD   (1 << 1) /* what kind of reset bit 2 makes: here both are the same */
#define RC_RESET  (1 << 2)

typedef struct
{
  PciDevice pci;
  Device *host;
  AcpiPm power;
  IrqLine sci;
  uint64_t gpe_status, gpe_enable;
  uint8_t pm[PM_SIZE]; /* the rest of the block: kept */
  uint8_t gpio[GPIO_SIZE];
  uint8_t chipset[N_CHIPSET];
  uint8_t apm_command, apm_status, reset_control;
  gboolean smm; /* firmware may use system-management mode */
  Region *pm_region, *gpio_region, *rcba_region;
  Mapping *pm_mapping, *gpio_mapping, *rcba_mapping, *apm_mapping;

  GMutex lock; /* of what follows, which any thread's PIRQ changes */
  PirqRouter pirq;
  uint16_t interrupts[32]; /* of DnIR, by device; 0: none */
  IrqLine pin[N_PIRQS];
} Ich9Lpc;

static const StateField ich9_lpc_state[] = {
  STATE_STRUCT (Ich9Lpc, pci, pci_device_state),
  ACPI_PM_STATE_REGISTERS (Ich9Lpc, power),
  ACPI_PM_STATE_SLEEP (Ich9Lpc, power),
  STATE_U64 (Ich9Lpc, gpe_status),
  STATE_U64 (Ich9Lpc, gpe_enable),
  STATE_U8_ARRAY (Ich9Lpc, pm),
  STATE_U8_ARRAY (Ich9Lpc, gpio),
  STATE_U8_ARRAY (Ich9Lpc, chipset),
  STATE_U8 (Ich9Lpc, apm_command),
  STATE_U8 (Ich9Lpc, apm_status),
  STATE_U8 (Ich9Lpc, reset_control),
  PIRQ_STATE (Ich9Lpc, pirq, N_PIRQS),
  STATE_END,
};

/* -- Interrupts ----------------------------------------------------------------------------------- */

static void
on_intx (void *opaque, unsigned wire, gboolean level)
{
  Ich9Lpc *lpc = opaque;

  g_mutex_lock (&lpc->lock);
  irq_set (&lpc->pin[wire], level);
  pirq_set (&lpc->pirq, wire, level);
  g_mutex_unlock (&lpc->lock);
}

/* Chapter 10.1.20 and on: four bits a pin, of which three count. */
static unsigned
wire_of (void *opaque, unsigned devfn, unsigned pin)
{
  Ich9Lpc *lpc = opaque;
  const unsigned device = devfn >> 3;
  unsigned wire;

  if (device < FIRST_ROUTED)
    return 4 + ((device + pin) & 3);
  g_mutex_lock (&lpc->lock);
  wire = lpc->interrupts[device] >> (4 * pin) & 7;
  g_mutex_unlock (&lpc->lock);
  return wire;
}

static void
update_routes (Ich9Lpc *lpc)
{
  g_mutex_lock (&lpc->lock);
  memcpy (lpc->pirq.route, lpc->pci.config + PIRQA_ROUT, 4);
  memcpy (lpc->pirq.route + 4, lpc->pci.config + PIRQE_ROUT, 4);
  pirq_update (&lpc->pirq);
  g_mutex_unlock (&lpc->lock);
}

static void
update_interrupts (Ich9Lpc *lpc)
{
  static const uint16_t registers[] = { D25IR, D26IR, D27IR, D28IR, D29IR, D30IR, D31IR };

  g_mutex_lock (&lpc->lock);
  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    lpc->interrupts[FIRST_ROUTED + i] = pci_get16 (lpc->chipset + (registers[i] - RCBA_FIRST));
  g_mutex_unlock (&lpc->lock);
  pci_root_reroute (mch_root (lpc->host));
}

/* -- Power management ----------------------------------------------------------------------------- */

static void
update_gpe (Ich9Lpc *lpc)
{
  acpi_pm_set_gpe (&lpc->power, (lpc->gpe_status & lpc->gpe_enable) != 0);
}

static uint8_t
pm_byte (Ich9Lpc *lpc, unsigned at)
{
  if (at >= GPE0_STS && at < GPE0_EN)
    return (uint8_t)(lpc->gpe_status >> (8 * (at - GPE0_STS)));
  if (at >= GPE0_EN && at < GPE0_EN + 8)
    return (uint8_t)(lpc->gpe_enable >> (8 * (at - GPE0_EN)));
  return lpc->pm[at];
}

static uint64_t
pm_read (void *opaque, uint64_t addr, unsigned size)
{
  Ich9Lpc *lpc = opaque;
  uint64_t value = 0;

  if (addr < ACPI_PM_SIZE)
    return acpi_pm_read (&lpc->power, addr, size);
  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)pm_byte (lpc, (unsigned)addr + i) << (8 * i);
  return value;
}

static void
pm_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ich9Lpc *lpc = opaque;

  if (addr < ACPI_PM_SIZE)
    {
      acpi_pm_write (&lpc->power, addr, value, size);
      return;
    }
  for (unsigned i = 0; i < size; i++)
    {
      const unsigned at = (unsigned)addr + i;
      const uint64_t byte = value >> (8 * i) & 0xff;

      if (at >= GPE0_STS && at < GPE0_EN)
        lpc->gpe_status &= ~(byte << (8 * (at - GPE0_STS)));
      else if (at >= GPE0_EN && at < GPE0_EN + 8)
        lpc->gpe_enable
            = (lpc->gpe_enable & ~(0xffull << (8 * (at - GPE0_EN)))) | byte << (8 * (at - GPE0_EN));
      else if (at == SMI_EN && (lpc->pci.config[GEN_PMCON_1] & SMI_LOCK))
        lpc->pm[at] = (uint8_t)((byte & ~(uint64_t)SMI_EN_GLOBAL) | (lpc->pm[at] & SMI_EN_GLOBAL));
      else if (at >= SMI_EN && at < SMI_EN + 4)
        lpc->pm[at] = (uint8_t)byte;
      else if (at >= SMI_STS && at < SMI_STS + 4)
        lpc->pm[at] &= (uint8_t)~byte;
    }
  update_gpe (lpc);
}

/* Its writer asks for a system-management interrupt.  What a handler would do for ACPI is done at once: most machines have none. */
static uint64_t
apm_read (void *opaque, uint64_t addr, unsigned size)
{
  Ich9Lpc *lpc = opaque;

  return addr == 0 ? lpc->apm_command : lpc->apm_status;
}

static void
apm_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ich9Lpc *lpc = opaque;

  if (addr == 1)
    {
      lpc->apm_status = (uint8_t)value;
      return;
    }
  lpc->apm_command = (uint8_t)value;
  if (value == ICH9_ACPI_ENABLE || value == ICH9_ACPI_DISABLE)
    acpi_pm_enable (&lpc->power, value == ICH9_ACPI_ENABLE);
  if ((lpc->pm[SMI_EN] & (SMI_EN_GLOBAL | SMI_EN_APMC)) != (SMI_EN_GLOBAL | SMI_EN_APMC))
    return;
  lpc->pm[SMI_STS] |= SMI_EN_APMC;
  vm_smi (lpc->pci.device.vm, TRUE);
}

/* -- General purpose pins: chapter 13.10; nothing is wired to them ---------------------------------- */

static uint64_t
gpio_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((Ich9Lpc *)opaque)->gpio[addr];
}

static void
gpio_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  ((Ich9Lpc *)opaque)->gpio[addr] = (uint8_t)value;
}

/* -- RCBA ----------------------------------------------------------------------------------------- */

static uint64_t
rcba_read (void *opaque, uint64_t addr, unsigned size)
{
  Ich9Lpc *lpc = opaque;

  return addr >= RCBA_FIRST && addr <= RCBA_LAST ? lpc->chipset[addr - RCBA_FIRST] : 0;
}

static void
rcba_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ich9Lpc *lpc = opaque;

  if (addr >= D31IR && addr < D25IR + 2)
    {
      lpc->chipset[addr - RCBA_FIRST] = (uint8_t)value;
      update_interrupts (lpc);
    }
  else if (addr == OIC || addr == OIC + 1 || (addr >= HPTC && addr < HPTC + 4))
    {
      lpc->chipset[addr - RCBA_FIRST] = (uint8_t)value;
    }
}

static const IoOps pm_ops = { .read = pm_read, .write = pm_write, .impl_min = 1, .impl_max = 4 };
static const IoOps apm_ops = { .read = apm_read, .write = apm_write, .impl_min = 1, .impl_max = 1 };
static const IoOps gpio_ops = { .read = gpio_read, .write = gpio_write, .impl_min = 1, .impl_max = 1 };
static const IoOps rcba_ops = { .read = rcba_read, .write = rcba_write, .impl_min = 1, .impl_max = 1 };

/* -- Reset control -------------------------------------------------------------------------------- */

static uint64_t
reset_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((Ich9Lpc *)opaque)->reset_control;
}

static void
reset_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ich9Lpc *lpc = opaque;

  lpc->reset_control = value & RC_HARD;
  if (value & RC_RESET)
    vm_request (lpc->pci.device.vm, value & RC_HARD ? VM_REQUEST_RESET : VM_REQUEST_INIT,
                "the guest asked for it through port 0xcf9");
}

static const IoOps reset_ops = { .read = reset_read, .write = reset_write, .impl_min = 1, .impl_max = 1 };

/* -- Configuration -------------------------------------------------------------------------------- */

static void
update_mappings (Ich9Lpc *lpc)
{
  Vm *vm = lpc->pci.device.vm;
  const uint8_t *config = lpc->pci.config;

  address_space_begin (vm->ports);
  address_space_begin (vm->memory);
  chipset_place (lpc->pm_mapping, pci_get16 (config + PMBASE) & 0xff80u, config[ACPI_CNTL] & ACPI_ENABLE);
  chipset_place (lpc->gpio_mapping, pci_get16 (config + GPIOBASE) & 0xffc0u, config[GPIO_CNTL] & GPIO_ENABLE);
  chipset_place (lpc->rcba_mapping, pci_get32 (config + RCBA) & 0xffffc000u, config[RCBA] & RCBA_ENABLE);
  address_space_commit (vm->memory);
  address_space_commit (vm->ports);
}

/* 13.8.1.1: once set, until the next reset. */
static void
set_lock (Ich9Lpc *lpc)
{
  lpc->pci.write_mask[GEN_PMCON_1] = lpc->pci.config[GEN_PMCON_1] & SMI_LOCK ? 0 : SMI_LOCK;
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  set_lock ((Ich9Lpc *)pci);
  if (offset < PIRQE_ROUT + 4 && offset + size > PIRQA_ROUT)
    update_routes ((Ich9Lpc *)pci);
  if (offset >= PMBASE)
    update_mappings ((Ich9Lpc *)pci);
}

static void
ich9_lpc_reset (Device *device)
{
  Ich9Lpc *lpc = (Ich9Lpc *)device;

  lpc->pci.write_mask[GEN_PMCON_1] = SMI_LOCK;
  pci_device_reset (&lpc->pci);
  lpc->gpe_status = lpc->gpe_enable = 0;
  lpc->apm_command = lpc->apm_status = lpc->reset_control = 0;
  memset (lpc->pm, 0, sizeof lpc->pm);
  /* Firmware takes this for "system-management mode is set up, or there is none", and waits for no interrupt. */
  lpc->pm[SMI_EN] = lpc->smm ? 0 : SMI_EN_APMC;
  memset (lpc->gpio, 0, sizeof lpc->gpio);
  memset (lpc->chipset, 0, sizeof lpc->chipset);
  for (unsigned at = D31IR; at <= D25IR; at += 2)
    if (at <= D27IR || at == D26IR || at == D25IR)
      pci_set16 (lpc->chipset + (at - RCBA_FIRST), IR_DEFAULT);
  lpc->chipset[OIC + 1 - RCBA_FIRST] = 1;   /* the I/O APIC is on */
  lpc->chipset[HPTC - RCBA_FIRST] = 1 << 7; /* as the HPET is */
  lpc->chipset[GCS - RCBA_FIRST] = GCS_NO_REBOOT;
  update_mappings (lpc);
  update_routes (lpc);
  update_interrupts (lpc);
  acpi_pm_reset (&lpc->power);
}

static gboolean
ich9_lpc_post_load (Device *device, GError **error)
{
  Ich9Lpc *lpc = (Ich9Lpc *)device;

  set_lock (lpc);
  pirq_loaded (&lpc->pirq);
  for (unsigned n = 0; n < N_PIRQS; n++)
    irq_set (&lpc->pin[n], lpc->pirq.level >> n & 1);
  update_routes (lpc);
  update_interrupts (lpc);
  update_mappings (lpc);
  lpc->power.gpe = (lpc->gpe_status & lpc->gpe_enable) != 0;
  acpi_pm_loaded (&lpc->power);
  return pci_device_post_load (&lpc->pci, error);
}

static gboolean
ich9_lpc_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x2918,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x060100,
                                        .revision = 2 };
  Ich9Lpc *lpc = (Ich9Lpc *)device;
  PciDevice *pci = &lpc->pci;
  Vm *vm = device->vm;

  if (!pci_device_init (pci, pci_root_bus (mch_root (lpc->host)), PCI_DEVFN (0x1f, 0), &identity, error))
    return FALSE;
  pci->config[PCI_HEADER_TYPE] = PCI_HEADER_MULTIFUNCTION;
  pci_set16 (pci->config + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  pci_set16 (pci->write_mask + PCI_COMMAND, 1 << 8); /* decoding and bus mastering are always on */
  pci->config[PMBASE] = pci->config[GPIOBASE] = 1;
  pci_set16 (pci->write_mask + PMBASE, 0xff80);
  pci->write_mask[ACPI_CNTL] = ACPI_ENABLE;
  pci_set16 (pci->write_mask + GPIOBASE, 0xffc0);
  pci->write_mask[GPIO_CNTL] = GPIO_ENABLE;
  for (unsigned n = 0; n < 4; n++)
    {
      pci->write_mask[PIRQA_ROUT + n] = pci->write_mask[PIRQE_ROUT + n] = PIRQ_DISABLE | PIRQ_IRQ;
      pci->config[PIRQA_ROUT + n] = pci->config[PIRQE_ROUT + n] = PIRQ_DISABLE;
    }
  /* Decoding of LPC's ports, power management and the flash: kept, without effect. */
  memset (pci->write_mask + 0x80, 0xff, 0x94 - 0x80);
  memset (pci->write_mask + 0xa0, 0xff, 0xe0 - 0xa0);
  pci_set32 (pci->write_mask + RCBA, 0xffffc000u | RCBA_ENABLE);
  memcpy (pci->reset_config, pci->config, 256);
  pci->config_written = config_written;
  g_mutex_init (&lpc->lock);
  acpi_pm_init (&lpc->power, device, lpc->sci);

  lpc->pm_region = region_new_io ("ich9-pm", PM_SIZE, &pm_ops, lpc);
  lpc->gpio_region = region_new_io ("ich9-gpio", GPIO_SIZE, &gpio_ops, lpc);
  lpc->rcba_region = region_new_io ("ich9-rcba", RCBA_SIZE, &rcba_ops, lpc);
  address_space_begin (vm->ports);
  address_space_begin (vm->memory);
  lpc->pm_mapping = address_space_map (vm->ports, lpc->pm_region, 0, 0, PM_SIZE, 1);
  lpc->gpio_mapping = address_space_map (vm->ports, lpc->gpio_region, 0, 0, GPIO_SIZE, 1);
  lpc->apm_mapping = chipset_map_io (vm->ports, "ich9-apm", ICH9_APM_COMMAND, 2, &apm_ops, lpc);
  /* RAM and firmware win where it is put on them. */
  lpc->rcba_mapping = address_space_map (vm->memory, lpc->rcba_region, 0, 0, RCBA_SIZE, -1);
  update_mappings (lpc);
  address_space_commit (vm->memory);
  address_space_commit (vm->ports);
  mch_set_intx (lpc->host, on_intx, wire_of, lpc);
  mch_set_reset_control (lpc->host, &reset_ops, lpc);
  return TRUE;
}

static void
ich9_lpc_unrealize (Device *device)
{
  Ich9Lpc *lpc = (Ich9Lpc *)device;

  mch_set_intx (lpc->host, NULL, NULL, NULL);
  mch_set_reset_control (lpc->host, NULL, NULL);
  acpi_pm_exit (&lpc->power);
  g_clear_pointer (&lpc->pm_mapping, mapping_remove);
  g_clear_pointer (&lpc->gpio_mapping, mapping_remove);
  g_clear_pointer (&lpc->apm_mapping, mapping_remove);
  g_clear_pointer (&lpc->rcba_mapping, mapping_remove);
  g_clear_pointer (&lpc->pm_region, region_unref);
  g_clear_pointer (&lpc->gpio_region, region_unref);
  g_clear_pointer (&lpc->rcba_region, region_unref);
  pci_device_exit (&lpc->pci);
  g_mutex_clear (&lpc->lock);
}

/* -- ACPI ----------------------------------------------------------------------------------------- */

/* One entry of a _PRT: without a link the interrupt stands there itself. */
static void
put_route (Aml *aml, unsigned device, unsigned pin, const char *link, unsigned interrupt)
{
  aml_begin_package (aml, 4);
  aml_number (aml, device << 16 | 0xffff);
  aml_number (aml, pin);
  if (link != NULL)
    aml_path (aml, link);
  else
    aml_number (aml, 0);
  aml_number (aml, link != NULL ? 0 : interrupt);
  aml_end (aml);
}

static void
put_routes (Ich9Lpc *lpc, Aml *aml, const char *name, const char *const *links)
{
  aml_name (aml, name);
  aml_begin_package (aml, 32 * 4);
  for (unsigned device = 0; device < 32; device++)
    for (unsigned pin = 0; pin < 4; pin++)
      {
        const unsigned wire = wire_of (lpc, PCI_DEVFN (device, 0), pin);

        put_route (aml, device, pin, links != NULL ? links[wire] : NULL, FIRST_PIN + wire);
      }
  aml_end (aml);
}

static void
ich9_lpc_acpi (Device *device, AcpiPieces *pieces)
{
  static const char *const links[N_PIRQS]
      = { "LNKA", "LNKB", "LNKC", "LNKD", "LNKE", "LNKF", "LNKG", "LNKH" };
  Ich9Lpc *lpc = (Ich9Lpc *)device;
  Aml *isa = acpi_scope (pieces, ACPI_SCOPE_ISA), *sb = acpi_scope (pieces, ACPI_SCOPE_SB);
  Aml *host = acpi_scope (pieces, ACPI_SCOPE_PCI0), *root = acpi_scope (pieces, ACPI_SCOPE_ROOT);
  const uint16_t base = pci_get16 (lpc->pci.config + PMBASE) & 0xff80u;
  const AcpiPower power = {
    .event = base,
    .control = base + ACPI_PM_CONTROL,
    .timer = base + ACPI_PM_TIMER,
    .gpe = base + GPE0_STS,
    .gpe_length = GPE_BYTES,
    .smi_command = ICH9_APM_COMMAND,
    .acpi_enable = ICH9_ACPI_ENABLE,
    .acpi_disable = ICH9_ACPI_DISABLE,
    .sleep_button = TRUE,
  };
  /* POST codes, port 0x92, firmware's debug port, and what lies here. */
  const AcpiPorts ports[] = {
    { 0x80, 1 },  { 0x92, 1 },       { ICH9_APM_COMMAND, 2 },
    { 0x402, 1 }, { base, PM_SIZE }, { pci_get16 (lpc->pci.config + GPIOBASE) & 0xffc0u, GPIO_SIZE },
  };

  acpi_set_power (pieces, &power);
  acpi_sleep_states (root, ACPI_PM_S3, ACPI_PM_S4, ACPI_PM_S5);
  aml_name_number (isa, "_ADR", 0x001f0000);
  aml_region (isa, "PIRQ", AML_PCI_CONFIG, PIRQA_ROUT, PIRQE_ROUT + 4 - PIRQA_ROUT);
  aml_begin_field (isa, "PIRQ", AML_BYTE);
  for (unsigned n = 0; n < N_PIRQS; n++)
    {
      if (n == 4)
        aml_field (isa, NULL, 8 * (PIRQE_ROUT - PIRQA_ROUT - 4));
      aml_field (isa, pirq_link_register (n), 8);
    }
  aml_end (isa);
  for (unsigned n = 0; n < N_PIRQS; n++)
    pirq_link_acpi (sb, links[n], n, pirq_link_register (n));
  acpi_reserve_ports (isa, "RSVD", ports, G_N_ELEMENTS (ports));

  /* Which controller the system uses: it says so itself (5.8.1). */
  aml_name_number (root, "\\PICF", 0);
  aml_begin_method (root, "\\_PIC", 1, FALSE);
  aml_op (root, AML_STORE);
  aml_op (root, AML_ARG0);
  aml_path (root, "\\PICF");
  aml_end (root);
  put_routes (lpc, host, "PRTP", links);
  put_routes (lpc, host, "PRTA", NULL);
  aml_begin_method (host, "_PRT", 0, FALSE);
  aml_begin_if (host);
  aml_path (host, "\\PICF");
  aml_op (host, AML_RETURN);
  aml_path (host, "PRTA");
  aml_end (host);
  aml_op (host, AML_RETURN);
  aml_path (host, "PRTP");
  aml_end (host);
}

static const DeviceClass ich9_lpc_class = {
  .name = "ich9-lpc",
  .instance_size = sizeof (Ich9Lpc),
  .state = ich9_lpc_state,
  .realize = ich9_lpc_realize,
  .reset = ich9_lpc_reset,
  .post_load = ich9_lpc_post_load,
  .unrealize = ich9_lpc_unrealize,
  .acpi = ich9_lpc_acpi,
};

Device *
ich9_lpc_new (Vm *vm, Device *mch, Device *gsi, GError **error)
{
  Ich9Lpc *lpc = device_new (vm, &ich9_lpc_class, "ich9-lpc");

  lpc->host = mch;
  pirq_init (&lpc->pirq, gsi);
  for (unsigned n = 0; n < N_PIRQS; n++)
    lpc->pin[n] = gsi_line (gsi, FIRST_PIN + n);
  lpc->sci = gsi_line (gsi, 9);
  return chipset_realize (lpc, error);
}

void
ich9_lpc_offer_smm (Device *device)
{
  ((Ich9Lpc *)device)->smm = TRUE;
}

AcpiPm *
ich9_lpc_power (Device *device)
{
  return &((Ich9Lpc *)device)->power;
}

void
ich9_lpc_raise_gpe (Device *device, uint64_t bits)
{
  Ich9Lpc *lpc = (Ich9Lpc *)device;

  lpc->gpe_status |= bits;
  update_gpe (lpc);
}
