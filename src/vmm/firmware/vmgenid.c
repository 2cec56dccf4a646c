/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VM generation id.  See vmgenid.h.
 */
#define G_LOG_DOMAIN "vmgenid"

#include "firmware/vmgenid.h"

#include "firmware/fw-cfg.h"

#include <string.h>
#include <sys/random.h>

#define PAGE_FILE    "etc/vmgenid_guid"
#define ADDRESS_FILE "etc/vmgenid_addr"
#define PAGE_SIZE    4096u
#define ID_OFFSET    40u /* in the page, behind what OVMF takes for the header of a table */
#define ID_SIZE      16u
#define GPE_METHOD   "_E05"

G_STATIC_ASSERT (VMGENID_GPE == 5);

typedef struct
{
  Device device;
  Device *fw_cfg;
  uint64_t address; /* of the page, as firmware has said; 0: not yet */
  gboolean changed; /* the guest hasn't heard of it */
  Dma dma;
  void (*raise) (void *opaque);
  void *opaque;
} Vmgenid;

static const StateField vmgenid_state[] = {
  STATE_U64 (Vmgenid, address),
  STATE_BOOL (Vmgenid, changed),
  STATE_END,
};

/* Firmware that runs anew reads the file, a guest its memory. */
static void
make_id (Vmgenid *gen)
{
  uint8_t page[PAGE_SIZE] = { 0 };

  if (getrandom (page + ID_OFFSET, ID_SIZE, GRND_NONBLOCK) != (ssize_t)ID_SIZE)
    for (unsigned i = 0; i < ID_SIZE; i += 4)
      {
        const uint32_t word = g_random_int ();

        memcpy (page + ID_OFFSET + i, &word, sizeof word);
      }
  fw_cfg_add_file (gen->fw_cfg, PAGE_FILE, page, sizeof page);
}

static void
on_address (void *opaque, const uint8_t *content, size_t size, size_t offset, size_t length)
{
  Vmgenid *gen = opaque;
  uint64_t address;

  memcpy (&address, content, sizeof address);
  gen->address = GUINT64_FROM_LE (address);
}

/* The memory is the guest's by now, and processors stand. */
static void
vmgenid_resume (Device *device)
{
  Vmgenid *gen = (Vmgenid *)device;
  const uint8_t *page;

  if (!gen->changed)
    return;
  gen->changed = FALSE;
  page = fw_cfg_file (gen->fw_cfg, PAGE_FILE, NULL);
  /* What isn't memory there is the guest's own affair. */
  if (gen->address != 0 && gen->address <= G_MAXUINT64 - PAGE_SIZE
      && dma_write (&gen->dma, gen->address + ID_OFFSET, page + ID_OFFSET, ID_SIZE))
    gen->raise (gen->opaque);
}

static gboolean
vmgenid_post_load (Device *device, GError **error)
{
  Vmgenid *gen = (Vmgenid *)device;

  make_id (gen);
  gen->changed = TRUE;
  return TRUE;
}

static void
vmgenid_reset (Device *device)
{
  Vmgenid *gen = (Vmgenid *)device;

  gen->address = 0;
  gen->changed = FALSE;
}

static gboolean
vmgenid_realize (Device *device, GError **error)
{
  static const uint8_t nowhere[8];
  Vmgenid *gen = (Vmgenid *)device;

  dma_init (&gen->dma, device->vm->memory);
  dma_enable (&gen->dma, TRUE);
  make_id (gen);
  fw_cfg_add_file_callback (gen->fw_cfg, ADDRESS_FILE, nowhere, sizeof nowhere, NULL, on_address, gen);
  return TRUE;
}

static void
vmgenid_unrealize (Device *device)
{
  dma_clear (&((Vmgenid *)device)->dma);
}

/* Local0 [index] = what follows */
static void
into_local0 (Aml *aml, unsigned index)
{
  aml_op (aml, AML_INDEX);
  aml_op (aml, AML_LOCAL0);
  aml_number (aml, index);
  aml_op (aml, AML_NOWHERE);
}

static void
vmgenid_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *gpe = acpi_scope (pieces, ACPI_SCOPE_GPE), *aml;

  acpi_place_file (pieces, PAGE_FILE, PAGE_SIZE, FALSE);
  acpi_tell_address (pieces, ADDRESS_FILE, PAGE_FILE, 0);

  /* A table of its own, as firmware writes the page's address into it. */
  aml = acpi_table_begin (pieces, "SSDT", 1);
  aml_name (aml, "\\VGIA");
  aml_put (aml, AML_DWORD_PREFIX, 1);
  acpi_table_pointer (pieces, PAGE_FILE, 0, 4);
  aml_begin_scope (aml, "\\_SB");
  aml_begin_device (aml, "VGEN");
  aml_name_string (aml, "_HID", "VIVA0001");
  aml_name_string (aml, "_CID", "VM_Gen_Counter");
  aml_name_string (aml, "_DDN", "VM_Gen_Counter");
  aml_name_number (aml, "_STA", 0x0f);
  aml_begin_method (aml, "ADDR", 0, FALSE);
  aml_op (aml, AML_STORE);
  aml_begin_package (aml, 2);
  aml_number (aml, 0);
  aml_number (aml, 0);
  aml_end (aml);
  aml_op (aml, AML_LOCAL0);
  aml_op (aml, AML_STORE);
  aml_op (aml, AML_ADD);
  aml_path (aml, "\\VGIA");
  aml_number (aml, ID_OFFSET);
  aml_op (aml, AML_NOWHERE);
  into_local0 (aml, 0);
  aml_op (aml, AML_RETURN);
  aml_op (aml, AML_LOCAL0);
  aml_end (aml);
  aml_end (aml);
  aml_end (aml);
  acpi_table_end (pieces);

  aml_begin_method (gpe, GPE_METHOD, 0, FALSE);
  aml_op (gpe, AML_NOTIFY);
  aml_path (gpe, "\\_SB.VGEN");
  aml_number (gpe, 0x80);
  aml_end (gpe);
}

static const DeviceClass vmgenid_class = {
  .name = "vmgenid",
  .instance_size = sizeof (Vmgenid),
  .state = vmgenid_state,
  .optional = TRUE,
  .realize = vmgenid_realize,
  .reset = vmgenid_reset,
  .resume = vmgenid_resume,
  .post_load = vmgenid_post_load,
  .unrealize = vmgenid_unrealize,
  .acpi = vmgenid_acpi,
};

Device *
vmgenid_new (Vm *vm, Device *fw_cfg, void (*raise) (void *opaque), void *opaque, GError **error)
{
  Vmgenid *gen = device_new (vm, &vmgenid_class, "vmgenid");

  gen->fw_cfg = fw_cfg;
  gen->raise = raise;
  gen->opaque = opaque;
  if (device_realize (&gen->device, error))
    return &gen->device;
  device_free (&gen->device);
  return NULL;
}
