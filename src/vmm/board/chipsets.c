/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See chipsets.h.
 */
#define G_LOG_DOMAIN "board"

#include "board/chipsets.h"

#include "board/slots.h"
#include "chipset/gsi.h"
#include "chipset/i440fx.h"
#include "chipset/ich9-lpc.h"
#include "chipset/ich9-smbus.h"
#include "chipset/mch.h"
#include "chipset/piix3.h"
#include "chipset/piix4-pm.h"
#include "machine/definition-files.h"

/* Behind the last two numbers are those for tests (board/slots.c). */
#define PC_LAST_SLOT 0x1d
#define PC_LOW_RAM   0xc0000000ull
#define PC_IDE_DEVFN PCI_DEVFN (1, 1)

#define Q35_PORTS_DEVFN PCI_DEVFN (0x18, 0)
#define Q35_N_PORTS     4
#define Q35_LAST_SLOT   0x17
#define Q35_AHCI_DEVFN  PCI_DEVFN (0x1f, 2)

#define CPUID_ADDRESS_BITS 0x80000008u
#define CPUID_EXTENDED     0x80000000u
#define ADDRESS_BITS       36 /* of processors that don't say */

gboolean
board_guards_variables (Board *board)
{
  const UefiImages *images = definition_uefi (board->definition);

  return images != NULL && images->code_without_smm != NULL && board->chipset->smm && vm_has_smm (board->vm);
}

/* -- pc -------------------------------------------------------------------------------------------- */

static gboolean
pc_make_host (Board *board, GError **error)
{
  board->host = i440fx_new (board->vm, board->low_ram, board->bios, error);
  if (board->host == NULL)
    return FALSE;
  board->root = i440fx_root (board->host);
  return TRUE;
}

static gboolean
pc_make_bridges (Board *board, GError **error)
{
  if (piix3_new (board->vm, board->host, board->gsi, error) == NULL
      || (board->pm = piix4_pm_new (board->vm, i440fx_bus (board->host), gsi_line (board->gsi, 9), error))
             == NULL)
    return FALSE;
  board->power = piix4_pm_power (board->pm);
  return TRUE;
}

static void
pc_raise_gpe (Board *board, unsigned n)
{
  piix4_pm_raise_gpe (board->pm, (uint16_t)(1u << n));
}

/* -- q35 ------------------------------------------------------------------------------------------- */

static unsigned
address_bits (Board *board)
{
  const VmProcessorOps *processor = board->vm->processor;
  uint32_t leaf[4] = { 0 };

  if (processor == NULL || processor->cpuid == NULL)
    return ADDRESS_BITS;
  processor->cpuid (board->vm->processor_opaque, CPUID_EXTENDED, 0, leaf);
  if (leaf[0] < CPUID_ADDRESS_BITS)
    return ADDRESS_BITS;
  processor->cpuid (board->vm->processor_opaque, CPUID_ADDRESS_BITS, 0, leaf);
  return CLAMP (leaf[0] & 0xff, 32, 52);
}

static gboolean
q35_make_host (Board *board, GError **error)
{
  const uint64_t high = board->high_ram != NULL ? region_size (board->high_ram) : 0;

  board->host = mch_new (board->vm, board->low_ram, board->bios, high, address_bits (board), error);
  if (board->host == NULL)
    return FALSE;
  board->root = mch_root (board->host);
  return TRUE;
}

static gboolean
q35_make_bridges (Board *board, GError **error)
{
  board->pm = ich9_lpc_new (board->vm, board->host, board->gsi, error);
  if (board->pm == NULL || ich9_smbus_new (board->vm, pci_root_bus (board->root), error) == NULL)
    return FALSE;
  if (board_guards_variables (board))
    ich9_lpc_offer_smm (board->pm);
  board->power = ich9_lpc_power (board->pm);
  return TRUE;
}

static void
q35_raise_gpe (Board *board, unsigned n)
{
  ich9_lpc_raise_gpe (board->pm, 1ull << n);
}

static gboolean
q35_finish (Board *board, GError **error)
{
  return board_add_slots (board, board->root, Q35_PORTS_DEVFN, Q35_N_PORTS, error);
}

/* -- All ------------------------------------------------------------------------------------------- */

static const BoardChipset chipsets[] = {
  { .name = "pc",
    .low_ram_max = PC_LOW_RAM,
    .last_slot = PC_LAST_SLOT,
    .ide_devfn = PC_IDE_DEVFN,
    .isa_path = "isa@1",
    .make_host = pc_make_host,
    .make_bridges = pc_make_bridges,
    .raise_gpe = pc_raise_gpe },
  { .name = "q35",
    .low_ram_max = MCH_LOW_RAM_MAX,
    .last_slot = Q35_LAST_SLOT,
    .ahci_devfn = Q35_AHCI_DEVFN,
    .smm = TRUE,
    .isa_path = "isa@1f",
    .make_host = q35_make_host,
    .make_bridges = q35_make_bridges,
    .raise_gpe = q35_raise_gpe,
    .finish = q35_finish },
};

const BoardChipset *
board_chipset (const char *name)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (chipsets); i++)
    if (g_strcmp0 (chipsets[i].name, name) == 0)
      return &chipsets[i];
  return NULL;
}
