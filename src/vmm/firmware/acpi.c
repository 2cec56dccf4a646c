/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI tables: the devices' pieces as one blob with offsets where addresses belong, and a script ("table-loader") by which firmware
 * places it, adds its address and makes the checksums.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/acpi.h"

#include "firmware/fw-cfg.h"

#include <string.h>

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

#define HEADER_SIZE     36u
#define CHECKSUM_OFFSET 9u
#define FACS_ALIGN      64u
#define TABLE_ALIGN     16u
/* Firmware reads the sizes of files before it has placed what the tables tell of: they have room to grow. */
#define FILE_UNIT 0x1000u
#define FILE_ROOM 0x400u

/* Commands of the table loader: 128 bytes each. */
enum
{
  LOADER_ALLOCATE = 1,
  LOADER_ADD_POINTER = 2,
  LOADER_ADD_CHECKSUM = 3,
  LOADER_WRITE_POINTER = 4,
  LOADER_ENTRY_SIZE = 128,
  LOADER_NAME_SIZE = 56,
  ZONE_HIGH = 1,
  ZONE_FSEG = 2,
};

/* FADT: offsets, and flags (table 5.10). */
enum
{
  FADT_SIZE = 244,
  FADT_FACS = 36,
  FADT_DSDT = 40,
  FADT_X_DSDT = 140,
  FADT_WBINVD = 1 << 0,
  FADT_PROC_C1 = 1 << 2,
  FADT_SLP_BUTTON = 1 << 5, /* a button that is a device, or none */
  FADT_RTC_S4 = 1 << 7,
  FADT_RESET_REG_SUP = 1 << 10,
  FADT_BOOT_LEGACY_DEVICES = 1 << 0,
  FADT_BOOT_8042 = 1 << 1,
};

typedef struct
{
  Vm *vm;
  AcpiPieces *pieces;
  Aml *tables, *loader;
} Builder;

/* -- Loader script -------------------------------------------------------------------------------- */

static void
loader_finish (Builder *b, guint start)
{
  while (aml_length (b->loader) - start < LOADER_ENTRY_SIZE)
    aml_put (b->loader, 0, 1);
}

static void
loader_allocate (Builder *b, const char *file, uint32_t align, uint8_t zone)
{
  guint start = aml_length (b->loader);

  aml_put (b->loader, LOADER_ALLOCATE, 4);
  aml_text (b->loader, file, LOADER_NAME_SIZE);
  aml_put (b->loader, align, 4);
  aml_put (b->loader, zone, 1);
  loader_finish (b, start);
}

/* The field at `offset` of `file` holds an offset into `target`; firmware adds its address. */
static void
loader_pointer (Builder *b, const char *file, const char *target, uint32_t offset, uint8_t size)
{
  guint start = aml_length (b->loader);

  aml_put (b->loader, LOADER_ADD_POINTER, 4);
  aml_text (b->loader, file, LOADER_NAME_SIZE);
  aml_text (b->loader, target, LOADER_NAME_SIZE);
  aml_put (b->loader, offset, 4);
  aml_put (b->loader, size, 1);
  loader_finish (b, start);
}

static void
loader_write_pointer (Builder *b, const AcpiTell *tell)
{
  guint start = aml_length (b->loader);

  aml_put (b->loader, LOADER_WRITE_POINTER, 4);
  aml_text (b->loader, tell->back, LOADER_NAME_SIZE);
  aml_text (b->loader, tell->file, LOADER_NAME_SIZE);
  aml_put (b->loader, 0, 4);
  aml_put (b->loader, tell->offset, 4);
  aml_put (b->loader, 8, 1);
  loader_finish (b, start);
}

static void
loader_checksum (Builder *b, const char *file, uint32_t at, uint32_t from, uint32_t length)
{
  guint start = aml_length (b->loader);

  aml_put (b->loader, LOADER_ADD_CHECKSUM, 4);
  aml_text (b->loader, file, LOADER_NAME_SIZE);
  aml_put (b->loader, at, 4);
  aml_put (b->loader, from, 4);
  aml_put (b->loader, length, 4);
  loader_finish (b, start);
}

/* -- Tables --------------------------------------------------------------------------------------- */

static guint
begin (Builder *b, const char *signature, uint8_t revision)
{
  guint start;

  while (aml_length (b->tables) % TABLE_ALIGN != 0)
    aml_put (b->tables, 0, 1);
  start = aml_length (b->tables);
  aml_text (b->tables, signature, 4);
  aml_put (b->tables, 0, 4);
  aml_put (b->tables, revision, 1);
  aml_put (b->tables, 0, 1);
  aml_text (b->tables, "VIVAR ", 6);
  aml_text (b->tables, "VIVPC   ", 8);
  aml_put (b->tables, 1, 4);
  aml_text (b->tables, "VIVA", 4);
  aml_put (b->tables, 1, 4);
  return start;
}

static guint
end (Builder *b, guint start)
{
  guint length = aml_length (b->tables) - start;

  aml_poke (b->tables, start + 4, length, 4);
  loader_checksum (b, TABLES_FILE, start + CHECKSUM_OFFSET, start, length);
  return start;
}

static guint
build_facs (Builder *b)
{
  guint start;

  while (aml_length (b->tables) % FACS_ALIGN != 0)
    aml_put (b->tables, 0, 1);
  start = aml_length (b->tables);
  aml_text (b->tables, "FACS", 4);
  aml_put (b->tables, FACS_ALIGN, 4);
  while (aml_length (b->tables) < start + FACS_ALIGN)
    aml_put (b->tables, 0, 1);
  return start;
}

static guint
build_dsdt (Builder *b)
{
  guint start = begin (b, "DSDT", 1);
  Aml *t = b->tables;

  aml_begin_scope (t, "\\_SB");
  aml_begin_device (t, "PCI0");
  aml_append (t, acpi_scope (b->pieces, ACPI_SCOPE_PCI0));
  aml_begin_device (t, "ISA");
  aml_append (t, acpi_scope (b->pieces, ACPI_SCOPE_ISA));
  aml_end (t);
  aml_end (t);
  aml_append (t, acpi_scope (b->pieces, ACPI_SCOPE_SB));
  aml_end (t);
  if (aml_length (acpi_scope (b->pieces, ACPI_SCOPE_GPE)) > 0)
    {
      aml_begin_scope (t, "\\_GPE");
      aml_append (t, acpi_scope (b->pieces, ACPI_SCOPE_GPE));
      aml_end (t);
    }
  aml_append (t, acpi_scope (b->pieces, ACPI_SCOPE_ROOT));
  return end (b, start);
}

/* Generic address structure in port space; access size: 1 byte, 2 word, 3 dword. */
static void
put_port (Aml *out, uint64_t address, uint8_t bits, uint8_t access)
{
  aml_put (out, 1, 1);
  aml_put (out, bits, 1);
  aml_put (out, 0, 1);
  aml_put (out, access, 1);
  aml_put (out, address, 8);
}

static guint
build_fadt (Builder *b, guint facs, guint dsdt)
{
  guint start = begin (b, "FACP", 3);
  const AcpiPower *p = &b->pieces->power;
  Aml *t = b->tables;

  aml_put (t, facs, 4);
  aml_put (t, dsdt, 4);
  aml_put (t, 1, 1); /* INT_MODEL: dual PIC, as ACPI 1 has it */
  aml_put (t, 0, 1); /* preferred profile: unspecified */
  aml_put (t, 9, 2); /* SCI_INT */
  aml_put (t, p->smi_command, 4);
  aml_put (t, p->acpi_enable, 1);
  aml_put (t, p->acpi_disable, 1);
  aml_put (t, 0, 1);          /* S4BIOS_REQ */
  aml_put (t, 0, 1);          /* PSTATE_CNT */
  aml_put (t, p->event, 4);   /* PM1a event */
  aml_put (t, 0, 4);          /* PM1b event */
  aml_put (t, p->control, 4); /* PM1a control */
  aml_put (t, 0, 4);          /* PM1b control */
  aml_put (t, 0, 4);          /* PM2 control */
  aml_put (t, p->timer, 4);   /* PM timer */
  aml_put (t, p->gpe, 4);
  aml_put (t, 0, 4); /* GPE1 */
  aml_put (t, 4, 1); /* lengths: PM1 event, PM1 control, PM2 control, timer, GPE0, GPE1 */
  aml_put (t, 2, 1);
  aml_put (t, 0, 1);
  aml_put (t, 4, 1);
  aml_put (t, p->gpe_length, 1);
  aml_put (t, 0, 1);
  aml_put (t, 0, 1);     /* GPE1_BASE */
  aml_put (t, 0, 1);     /* CST_CNT */
  aml_put (t, 0xfff, 2); /* C2 latency: none */
  aml_put (t, 0xfff, 2); /* C3 latency: none */
  aml_put (t, 0, 2);     /* FLUSH_SIZE */
  aml_put (t, 0, 2);     /* FLUSH_STRIDE */
  aml_put (t, 0, 1);     /* DUTY_OFFSET */
  aml_put (t, 0, 1);     /* DUTY_WIDTH */
  aml_put (t, 0, 1);     /* DAY_ALRM */
  aml_put (t, 0, 1);     /* MON_ALRM */
  aml_put (t, 0x32, 1);  /* CENTURY */
  aml_put (t, FADT_BOOT_LEGACY_DEVICES | FADT_BOOT_8042, 2);
  aml_put (t, 0, 1);
  aml_put (t,
           FADT_WBINVD | FADT_PROC_C1 | (p->sleep_button ? 0 : FADT_SLP_BUTTON) | FADT_RTC_S4
               | FADT_RESET_REG_SUP,
           4);
  put_port (t, 0xcf9, 8, 1);
  aml_put (t, 0x0f, 1); /* RESET_VALUE: full reset */
  aml_put (t, 0, 3);
  aml_put (t, facs, 8); /* X_FIRMWARE_CTRL */
  aml_put (t, dsdt, 8); /* X_DSDT */
  put_port (t, p->event, 32, 2);
  put_port (t, 0, 0, 0);
  put_port (t, p->control, 16, 2);
  put_port (t, 0, 0, 0);
  put_port (t, 0, 0, 0);
  put_port (t, p->timer, 32, 3);
  put_port (t, p->gpe, (uint8_t)(8 * p->gpe_length), 1);
  put_port (t, 0, 0, 0);
  g_assert (aml_length (t) - start == FADT_SIZE);
  loader_pointer (b, TABLES_FILE, TABLES_FILE, start + FADT_FACS, 4);
  loader_pointer (b, TABLES_FILE, TABLES_FILE, start + FADT_DSDT, 4);
  loader_pointer (b, TABLES_FILE, TABLES_FILE, start + FADT_X_DSDT, 8);
  /* X_FIRMWARE_CTRL stays 0: only one of the two may be set. */
  aml_poke (t, start + 132, 0, 8);
  return end (b, start);
}

static guint
build_madt (Builder *b)
{
  guint start = begin (b, "APIC", 3);
  Aml *t = b->tables;

  aml_put (t, 0xfee00000, 4);
  aml_put (t, 1, 4); /* PCAT_COMPAT */
  for (unsigned i = 0; i < b->vm->n_cpus; i++)
    {
      aml_put (t, 0, 1); /* processor local APIC */
      aml_put (t, 8, 1);
      aml_put (t, i, 1);
      aml_put (t, i, 1);
      aml_put (t, 1, 4);
    }
  aml_append (t, acpi_madt (b->pieces));
  aml_put (t, 4, 1); /* NMI on LINT1 of all */
  aml_put (t, 6, 1);
  aml_put (t, 0xff, 1);
  aml_put (t, 0, 2);
  aml_put (t, 1, 1);
  return end (b, start);
}

/* Windows ACPI Emulated Devices Table: the RTC and the PM timer need no workarounds. */
static guint
build_waet (Builder *b)
{
  guint start = begin (b, "WAET", 1);

  aml_put (b->tables, 3, 4);
  return end (b, start);
}

/* Processors as objects, not as devices: all systems know these. */
static guint
build_ssdt (Builder *b)
{
  static const char hex[] = "0123456789ABCDEF";
  guint start = begin (b, "SSDT", 1);

  aml_begin_scope (b->tables, "\\_PR");
  for (unsigned i = 0; i < b->vm->n_cpus; i++)
    {
      const char name[] = { 'C', 'P', hex[i >> 4 & 15], hex[i & 15], '\0' };

      aml_begin_processor (b->tables, name, (uint8_t)i);
      aml_end (b->tables);
    }
  aml_end (b->tables);
  return end (b, start);
}

static guint
build_piece (Builder *b, const AcpiTable *table)
{
  guint start = begin (b, table->signature, table->revision);

  aml_append (b->tables, table->body);
  for (guint i = 0; i < table->pointers->len; i++)
    {
      const AcpiPointer *pointer = &g_array_index (table->pointers, AcpiPointer, i);

      loader_pointer (b, TABLES_FILE, pointer->file, start + HEADER_SIZE + pointer->at,
                      (uint8_t)pointer->size);
    }
  return end (b, start);
}

static guint
build_root (Builder *b, const char *signature, const GArray *list, unsigned size)
{
  guint start = begin (b, signature, 1);

  for (unsigned i = 0; i < list->len; i++)
    {
      loader_pointer (b, TABLES_FILE, TABLES_FILE, aml_length (b->tables), (uint8_t)size);
      aml_put (b->tables, g_array_index (list, guint, i), size);
    }
  return end (b, start);
}

static void
add (GArray *list, guint table)
{
  g_array_append_val (list, table);
}

/* As large as last time, if it fits. */
static void
publish (Device *fw_cfg, const char *name, Aml *data, FwCfgSelectFunc select)
{
  size_t size = 0;

  if (fw_cfg_file (fw_cfg, name, &size) == NULL || size < aml_length (data))
    size = (aml_length (data) + FILE_ROOM + FILE_UNIT - 1) / FILE_UNIT * FILE_UNIT;
  while (aml_length (data) < size)
    aml_put (data, 0, 1);
  fw_cfg_add_file_callback (fw_cfg, name, aml_data (data), aml_length (data), select, NULL, fw_cfg);
}

/* The script is what firmware reads first; by then it has placed what the tables tell of. */
static void
on_script_selected (void *opaque)
{
  acpi_build (opaque);
}

void
acpi_build (Device *fw_cfg)
{
  g_autoptr (Aml) tables = aml_new (), loader = aml_new (), rsdp = aml_new ();
  g_autoptr (AcpiPieces) pieces = acpi_pieces_new ();
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (guint));
  Builder b = { fw_cfg->vm, pieces, tables, loader };
  guint facs, dsdt, rsdt, xsdt;

  for (unsigned i = 0; i < b.vm->devices->len; i++)
    {
      Device *device = b.vm->devices->pdata[i];

      if (device->realized && device->klass->acpi != NULL)
        device->klass->acpi (device, pieces);
    }
  loader_allocate (&b, TABLES_FILE, FACS_ALIGN, ZONE_HIGH);
  loader_allocate (&b, RSDP_FILE, 16, ZONE_FSEG);
  for (guint i = 0; i < pieces->files->len; i++)
    {
      const AcpiFile *file = &g_array_index (pieces->files, AcpiFile, i);

      loader_allocate (&b, file->name, file->align, file->low ? ZONE_FSEG : ZONE_HIGH);
    }
  facs = build_facs (&b);
  dsdt = build_dsdt (&b);
  add (list, build_fadt (&b, facs, dsdt));
  add (list, build_madt (&b));
  add (list, build_waet (&b));
  add (list, build_ssdt (&b));
  for (guint i = 0; i < pieces->tables->len; i++)
    add (list, build_piece (&b, pieces->tables->pdata[i]));
  rsdt = build_root (&b, "RSDT", list, 4);
  xsdt = build_root (&b, "XSDT", list, 8);
  for (guint i = 0; i < pieces->tells->len; i++)
    loader_write_pointer (&b, &g_array_index (pieces->tells, AcpiTell, i));

  aml_text (rsdp, "RSD PTR ", 8);
  aml_put (rsdp, 0, 1);
  aml_text (rsdp, "VIVAR ", 6);
  aml_put (rsdp, 2, 1);
  aml_put (rsdp, rsdt, 4);
  aml_put (rsdp, 36, 4);
  aml_put (rsdp, xsdt, 8);
  aml_put (rsdp, 0, 4);
  loader_pointer (&b, RSDP_FILE, TABLES_FILE, 16, 4);
  loader_pointer (&b, RSDP_FILE, TABLES_FILE, 24, 8);
  loader_checksum (&b, RSDP_FILE, 8, 0, 20);
  loader_checksum (&b, RSDP_FILE, 32, 0, 36);

  publish (fw_cfg, TABLES_FILE, tables, NULL);
  publish (fw_cfg, LOADER_FILE, loader, on_script_selected);
  fw_cfg_add_file (fw_cfg, RSDP_FILE, aml_data (rsdp), aml_length (rsdp));
}
