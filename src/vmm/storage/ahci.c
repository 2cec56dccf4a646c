/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The AHCI controller: PCI, registers of the whole (AHCI 1.3, 2 and 3.1), life, state, drives.
 */
#define G_LOG_DOMAIN "ahci"

#include "storage/ahci-private.h"

#include "pci/msi.h"
#include "pci/pm.h"
#include "storage/ide-atapi.h"

#include <gio/gio.h>

#define ABAR      5u
#define ABAR_SIZE 0x1000u

#define CAP_S64A (1u << 31) /* addresses of 64 bits */
#define CAP_SNCQ (1u << 30) /* queued commands */
#define CAP_SCLO (1u << 24) /* BSY can be cleared */
#define CAP_GEN2 (2u << 20)
#define CAP_SAM  (1u << 18) /* no legacy registers */
#define CAP_PMD  (1u << 15) /* PIO in one go */
#define CAPABILITIES                                                                       \
  (CAP_S64A | CAP_SNCQ | CAP_SCLO | CAP_GEN2 | CAP_SAM | CAP_PMD | (AHCI_N_SLOTS - 1) << 8 \
   | (AHCI_N_PORTS - 1))
#define VERSION 0x00010300u

/* The 82801IR's: map register, AHCI; all ports enabled. */
#define ICH_MAP      0x90
#define ICH_MAP_AHCI 0x40
#define ICH_PCS      0x92

/* -- Interrupts ----------------------------------------------------------------------------------- */

uint32_t
ahci_port_status (const AhciPort *port)
{
  return port->is | (port->serr & SERR_X ? IS_PC : 0) | (port->serr & SERR_N ? IS_PRC : 0);
}

/* Bits of IS that rise are told by a message each; the pin is up as long as one is. */
void
ahci_update_irq (Ahci *ahci)
{
  const uint32_t old = ahci->is;
  gboolean on;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    if ((ahci_port_status (&ahci->port[i]) & ahci->port[i].ie) != 0)
      ahci->is |= 1u << i;
  on = (ahci->ghc & GHC_IE) != 0;
  if (on && (ahci->is & ~old) != 0 && pci_msi_enabled (&ahci->pci))
    pci_msi_notify (&ahci->pci, 0);
  pci_device_intx (&ahci->pci, on && ahci->is != 0 && !pci_msi_enabled (&ahci->pci));
}

void
ahci_event (AhciPort *port, uint32_t bits)
{
  Ahci *ahci = port->ahci;

  port->is |= bits;
  /* It may have taken the others of this port, and not cleared IS yet: then its clearing brings this one up. */
  ahci_update_irq (ahci);
}

/* -- Registers ------------------------------------------------------------------------------------ */

static void
reset_controller (Ahci *ahci)
{
  ahci->ghc = GHC_AE;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    ahci_port_reset (&ahci->port[i]);
  ahci->is = 0;
  ahci_update_irq (ahci);
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  Ahci *ahci = opaque;

  if (addr >= AHCI_PORTS)
    {
      const unsigned n = (unsigned)(addr - AHCI_PORTS) / AHCI_PORT_SIZE;

      return n < AHCI_N_PORTS ? ahci_port_read (&ahci->port[n], addr % AHCI_PORT_SIZE) : 0;
    }
  switch (addr)
    {
    case AHCI_CAP:
      return CAPABILITIES;
    case AHCI_GHC:
      return ahci->ghc;
    case AHCI_IS:
      return ahci->is;
    case AHCI_PI:
      return (1u << AHCI_N_PORTS) - 1;
    case AHCI_VS:
      return VERSION;
    default:
      return 0;
    }
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  Ahci *ahci = opaque;
  const uint32_t value = (uint32_t)wide;
  uint32_t old;

  if (addr >= AHCI_PORTS)
    {
      const unsigned n = (unsigned)(addr - AHCI_PORTS) / AHCI_PORT_SIZE;

      if (n < AHCI_N_PORTS)
        ahci_port_write (&ahci->port[n], addr % AHCI_PORT_SIZE, value);
      return;
    }
  switch (addr)
    {
    case AHCI_GHC:
      if ((value & GHC_HR) != 0)
        {
          reset_controller (ahci);
          return;
        }
      old = ahci->ghc;
      ahci->ghc = GHC_AE | (value & GHC_IE);
      if ((old & GHC_IE) == 0 && (value & GHC_IE) != 0)
        ahci->is = 0; /* what is up rises anew, for the message */
      ahci_update_irq (ahci);
      break;
    case AHCI_IS:
      ahci->is &= ~value;
      ahci_update_irq (ahci);
      break;
    default:
      break;
    }
}

static const IoOps registers_ops = {
  .read = registers_read,
  .write = registers_write,
  .impl_min = 4,
  .impl_max = 4,
  .valid_min = 1,
  .valid_max = 8,
};

/* -- State ---------------------------------------------------------------------------------------- */

static const StateField prd_state[] = {
  STATE_U64_MAX (IdePrd, next, 0x10000),
  STATE_U64 (IdePrd, addr),
  STATE_U32_MAX (IdePrd, left, 0x400000),
  STATE_BOOL (IdePrd, last),
  STATE_END,
};
static const StateField tag_state[] = {
  STATE_BOOL (AhciTag, active),
  STATE_BOOL (AhciTag, write),
  STATE_BOOL (AhciTag, flush),
  STATE_U64 (AhciTag, table),
  STATE_U32_MAX (AhciTag, n_prds, 0xffff),
  STATE_STRUCT (AhciTag, place, prd_state),
  STATE_U64 (AhciTag, lba),
  STATE_U32_MAX (AhciTag, left, 65536),
  STATE_END,
};
static const StateField port_state[] = {
  STATE_STRUCT (AhciPort, drive, ide_drive_state),
  STATE_BOOL (AhciPort, drive.pio),
  STATE_BOOL (AhciPort, drive.queued_failed),
  STATE_U8_MAX (AhciPort, drive.queued_tag, AHCI_N_SLOTS - 1),
  STATE_U8 (AhciPort, drive.queued_error),
  STATE_U64 (AhciPort, drive.queued_lba),
  STATE_U64 (AhciPort, cable.moved),
  STATE_STRUCTS (AhciPort, tags, AhciTag, tag_state),
  STATE_BOOL (AhciPort, plugged),
  STATE_U64 (AhciPort, clb),
  STATE_U64 (AhciPort, fb),
  STATE_U32 (AhciPort, is),
  STATE_U32 (AhciPort, ie),
  STATE_U32 (AhciPort, cmd),
  STATE_U32 (AhciPort, tfd),
  STATE_U32 (AhciPort, sig),
  STATE_U32 (AhciPort, ssts),
  STATE_U32 (AhciPort, sctl),
  STATE_U32 (AhciPort, serr),
  STATE_U32 (AhciPort, sact),
  STATE_U32 (AhciPort, ci),
  STATE_BOOL (AhciPort, signature_due),
  STATE_BOOL (AhciPort, soft_reset),
  STATE_BOOL (AhciPort, halted),
  STATE_BOOL (AhciPort, running),
  STATE_U32_MAX (AhciPort, slot, AHCI_N_SLOTS - 1),
  STATE_U64 (AhciPort, table),
  STATE_U32_MAX (AhciPort, n_prds, 0xffff),
  STATE_STRUCT (AhciPort, place, prd_state),
  STATE_END,
};
static const StateField ahci_state[] = {
  STATE_STRUCT (Ahci, pci, pci_device_state),
  STATE_STRUCTS (Ahci, port, AhciPort, port_state),
  STATE_U32 (Ahci, ghc),
  STATE_U32 (Ahci, is),
  STATE_END,
};

static gboolean
tags_consistent (const AhciPort *port)
{
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    {
      const AhciTag *tag = &port->tags[i];

      if (tag->active
          && (port->queue == NULL || tag->lba > port->drive.n_sectors
              || tag->left > port->drive.n_sectors - tag->lba
              || (tag->write && block_read_only (port->drive.port.block))))
        return FALSE;
    }
  return TRUE;
}

static gboolean
ahci_post_load (Device *device, GError **error)
{
  Ahci *ahci = (Ahci *)device;

  if (!pci_device_post_load (&ahci->pci, error))
    return FALSE;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->port[i];

      ahci_queued_drop (port);
      if (!ide_drive_loaded (&port->drive, error))
        return FALSE;
      if (!tags_consistent (port) || (port->drive.task != IDE_TASK_NONE) != port->running)
        {
          g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                       "The saved state of port %u of %s contradicts itself.", i, device->id);
          return FALSE;
        }
      port->clb &= ~0x3ffull;
      port->fb &= ~0xffull;
    }
  ahci->ghc = GHC_AE | (ahci->ghc & GHC_IE);
  ahci->is &= (1u << AHCI_N_PORTS) - 1;
  return TRUE;
}

/* -- Life ----------------------------------------------------------------------------------------- */

static void
on_quiesce (void *opaque)
{
  Ahci *ahci = opaque;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      ide_master_settle (&ahci->port[i].drive);
      if (ahci->port[i].queue != NULL)
        block_settle (ahci->port[i].queue);
    }
}

static gboolean
ahci_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x2922,
                                        .class_code = 0x010601, /* Serial ATA, AHCI */
                                        .revision = 2,
                                        .interrupt_pin = 1 };
  Ahci *ahci = (Ahci *)device;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->port[i];

      port->ahci = ahci;
      port->cable.device = device;
      port->cable.index = i;
      port->cable.master = &ahci_master;
      ide_drive_setup (&port->drive, &port->cable, 0);
    }
  if (!pci_device_init (&ahci->pci, ahci->pci.bus, ahci->pci.devfn, &identity, error))
    return FALSE;
  ahci->pci.dma.quiesce = on_quiesce;
  ahci->pci.dma.opaque = ahci;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    dma_init_queue (&ahci->port[i].cable.dma, &ahci->pci.dma);
  ahci->pci.config[ICH_MAP] = ahci->pci.reset_config[ICH_MAP] = ICH_MAP_AHCI;
  ahci->pci.config[ICH_PCS] = ahci->pci.reset_config[ICH_PCS] = (1u << AHCI_N_PORTS) - 1;
  ahci->registers = region_new_io ("ahci", ABAR_SIZE, &registers_ops, ahci);
  pci_device_add_bar (&ahci->pci, ABAR, ahci->registers, PCI_BAR_MEMORY32);
  pci_msi_add (&ahci->pci, 1, PCI_MSI_64BIT);
  pci_pm_add (&ahci->pci);
  reset_controller (ahci);
  return TRUE;
}

static void
ahci_reset (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  pci_device_reset (&ahci->pci);
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->port[i];

      port->clb = port->fb = 0;
      ide_drive_defaults (&port->drive);
    }
  reset_controller (ahci);
}

static void
ahci_pause (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    ahci->port[i].cable.paused = TRUE;
}

static gboolean
ahci_drained (Device *device)
{
  const Ahci *ahci = (Ahci *)device;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    if (!storage_port_drained (&ahci->port[i].drive.port)
        || ahci->port[i].n_transfers != ahci->port[i].n_parked)
      return FALSE;
  return TRUE;
}

static void
ahci_resume (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->port[i];

      port->cable.paused = FALSE;
      ide_master_resume (&port->drive);
      storage_port_resume (&port->drive.port);
      ide_io_kick (&port->drive);
      ahci_queued_resume (port);
      ahci_look (port);
    }
  ahci_update_irq (ahci);
}

static void
take_drive (AhciPort *port)
{
  ahci_stop (port);
  g_clear_pointer (&port->queue, block_queue_free);
}

static void
ahci_unrealize (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->port[i];

      if (port->drive.buffer == NULL)
        continue;
      take_drive (port);
      ide_drive_clear (&port->drive);
      dma_clear (&port->cable.dma);
    }
  pci_device_exit (&ahci->pci);
  g_clear_pointer (&ahci->registers, region_unref);
}

static const DeviceClass ahci_class = {
  .name = "ahci",
  .instance_size = sizeof (Ahci),
  .state = ahci_state,
  .realize = ahci_realize,
  .reset = ahci_reset,
  .pause = ahci_pause,
  .drained = ahci_drained,
  .resume = ahci_resume,
  .post_load = ahci_post_load,
  .unrealize = ahci_unrealize,
};

Device *
ahci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, GError **error)
{
  Ahci *ahci = device_new (vm, &ahci_class, id);

  ahci->pci.bus = bus;
  ahci->pci.devfn = (uint8_t)devfn;
  if (device_realize (&ahci->pci.device, error))
    return &ahci->pci.device;
  device_free (&ahci->pci.device);
  return NULL;
}

/* -- Drives --------------------------------------------------------------------------------------- */

static AhciPort *
get_port (Device *device, unsigned port)
{
  g_return_val_if_fail (device->klass == &ahci_class && port < AHCI_N_PORTS, NULL);
  return &((Ahci *)device)->port[port];
}

gboolean
ahci_attach (Device *device, unsigned n, const IdeDriveConfig *config, GError **error)
{
  AhciPort *port = get_port (device, n);

  if (port == NULL || port->drive.kind != IDE_DRIVE_NONE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s: a drive is at port %u already", device->id, n);
      return FALSE;
    }
  if (!ide_drive_plug (&port->drive, config, error))
    return FALSE;
  if (config->kind == IDE_DRIVE_DISK)
    ahci_queued_open (port);
  port->plugged = TRUE;
  ahci_port_link (port);
  return TRUE;
}

void
ahci_detach (Device *device, unsigned n)
{
  AhciPort *port = get_port (device, n);

  if (port == NULL || port->drive.kind == IDE_DRIVE_NONE)
    return;
  take_drive (port);
  ide_drive_unplug (&port->drive);
  port->plugged = FALSE;
  ahci_port_link (port);
}

void
ahci_plug (Device *device, unsigned n, gboolean plugged)
{
  AhciPort *port = get_port (device, n);

  if (port == NULL || port->plugged == plugged || port->drive.kind == IDE_DRIVE_NONE)
    return;
  port->plugged = plugged;
  ahci_port_link (port);
}

IdeDriveKind
ahci_drive_kind (Device *device, unsigned n)
{
  const AhciPort *port = get_port (device, n);

  return port != NULL ? (IdeDriveKind)port->drive.kind : IDE_DRIVE_NONE;
}

gboolean
ahci_change_media (Device *device, unsigned n, Block *block, gboolean force, Block **old, GError **error)
{
  AhciPort *port = get_port (device, n);

  if (port == NULL || port->drive.kind != IDE_DRIVE_CDROM)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s: no CD-ROM drive is at port %u", device->id,
                   n);
      return FALSE;
    }
  return ide_check_disc (block, error) && ide_atapi_change_media (&port->drive, block, force, old, error);
}

Block *
ahci_drive_media (Device *device, unsigned n)
{
  const AhciPort *port = get_port (device, n);

  return port != NULL ? port->drive.port.block : NULL;
}

gboolean
ahci_tray_open (Device *device, unsigned n)
{
  const AhciPort *port = get_port (device, n);

  return port != NULL && port->drive.tray_open;
}

void
ahci_set_tray_func (Device *device, IdeTrayFunc func, void *opaque)
{
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = get_port (device, i);

      port->cable.tray_moved = func;
      port->cable.tray_opaque = opaque;
    }
}
