/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a device says of itself to ACPI: DeviceClass.acpi is called for each device of the machine, in the order of their making, when
 * firmware fetches the tables; firmware/acpi.c puts the pieces together.  ACPI Specification 6.4, chapter 5.
 *
 *   static void
 *   hpet_acpi (Device *device, AcpiPieces *pieces)
 *   {
 *     Aml *aml = acpi_scope (pieces, ACPI_SCOPE_SB);
 *
 *     aml_begin_device (aml, "HPET"); aml_name_eisa_id (aml, "_HID", "PNP0103"); … aml_end (aml);
 *   }
 *
 * Under the VM lock; the registers of devices are then as firmware has programmed them, and the same machine must give the same bytes.
 */
#pragma once

#include "core/aml.h"

G_BEGIN_DECLS

/* Where in the namespace of the DSDT. */
typedef enum
{
  ACPI_SCOPE_SB,   /* \_SB */
  ACPI_SCOPE_PCI0, /* \_SB.PCI0, the host bridge's */
  ACPI_SCOPE_ISA,  /* \_SB.PCI0.ISA, the ISA or LPC bridge's: what has ISA's ports and interrupts */
  ACPI_SCOPE_GPE,  /* \_GPE: methods _Lnn and _Enn */
  ACPI_SCOPE_ROOT, /* \ */
  ACPI_N_SCOPES,
} AcpiScope;

/* The fixed hardware (FADT), which one device has. */
typedef struct
{
  uint16_t event, control, timer; /* ports of the PM1 blocks and the PM timer; event 0: not placed */
  uint16_t gpe;                   /* GPE0, half status, half enable */
  uint8_t gpe_length;
  uint16_t smi_command;
  uint8_t acpi_enable, acpi_disable;
  gboolean sleep_button; /* the fixed one is there */
} AcpiPower;

typedef struct
{
  guint at; /* in the table, behind its header */
  unsigned size;
  const char *file;
  uint64_t offset;
} AcpiPointer;

typedef struct
{
  char signature[5];
  uint8_t revision;
  Aml *body;
  GArray *pointers; /* AcpiPointer */
} AcpiTable;

typedef struct
{
  const char *name;
  uint32_t align;
  gboolean low;
} AcpiFile;

typedef struct
{
  const char *back, *file;
  uint32_t offset;
} AcpiTell;

/* Read by firmware/acpi.c; devices use the functions. */
typedef struct
{
  Aml *scopes[ACPI_N_SCOPES], *madt;
  GPtrArray *tables; /* AcpiTable * */
  AcpiTable *open;
  GArray *files, *tells; /* AcpiFile, AcpiTell */
  AcpiPower power;
} AcpiPieces;

AcpiPieces *acpi_pieces_new (void);
void acpi_pieces_free (AcpiPieces *pieces);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AcpiPieces, acpi_pieces_free)

Aml *acpi_scope (AcpiPieces *pieces, AcpiScope scope);

/* A table of its own.  Its body is what is appended to the result until acpi_table_end(); header and checksum are made. */
Aml *acpi_table_begin (AcpiPieces *pieces, const char *signature, uint8_t revision);
void acpi_table_end (AcpiPieces *pieces);
/* Appends a field of `size` bytes (4 or 8) to the table that is open: the address of byte `offset` of the file `file` (a constant),
 * which acpi_place_file() has named.  Not inside of anything that is begun but not ended. */
void acpi_table_pointer (AcpiPieces *pieces, const char *file, uint64_t offset, unsigned size);
/* A file of fw_cfg that firmware is to put into memory for the guest; `low`: below 1 MiB. */
void acpi_place_file (AcpiPieces *pieces, const char *file, uint32_t align, gboolean low);
/* Where it has put `file`, plus `offset`, is to be written by firmware over the writable file `back`, in 8 bytes. */
void acpi_tell_address (AcpiPieces *pieces, const char *back, const char *file, uint32_t offset);

/* Entries of the MADT, behind the processors. */
Aml *acpi_madt (AcpiPieces *pieces);
void acpi_set_power (AcpiPieces *pieces, const AcpiPower *power);

G_END_DECLS
