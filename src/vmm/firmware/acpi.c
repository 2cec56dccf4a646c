/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI tables: made as one blob with offsets where addresses belong, and a script ("table-loader") by which firmware
 * places it, adds its address and makes the checksums.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/acpi.h"

#include "firmware/fw-cfg.h"

#include <string.h>

/* Made by iasl from dsdt.asl. */
#include "dsdt.hex"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

#define HEADER_SIZE     36u
#define CHECKSUM_OFFSET 9u
#define PMEM_MARK       0xc0de0001u
#define PVST_MARK       0xc0de0002u

/* Commands of the table loader: 128 bytes each. */
enum
{
  LOADER_ALLOCATE = 1,
  LOADER_ADD_POINTER = 2,
  LOADER_ADD_CHECKSUM = 3,
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
  FADT_SLP_BUTTON = 1 << 5,
  FADT_RTC_S4 = 1 << 7,
  FADT_RESET_REG_SUP = 1 << 10,
  FADT_BOOT_LEGACY_DEVICES = 1 << 0,
  FADT_BOOT_8042 = 1 << 1,
};

typedef struct
{
  GByteArray *tables, *loader;
} Builder;

static void
put (GByteArray *out, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  for (unsigned i = 0; i < size; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  g_byte_array_append (out, bytes, size);
}

static void
put_text (GByteArray *out, const char *text, unsigned size)
{
  char field[64] = { 0 };

  memcpy (field, text, MIN (strlen (text), size));
  g_byte_array_append (out, (const guint8 *)field, size);
}

static void
poke (GByteArray *out, guint at, uint64_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    out->data[at + i] = (uint8_t)(value >> (8 * i));
}

/* -- Loader script -------------------------------------------------------------------------------- */

static void
loader_finish (Builder *b, guint start)
{
  while (b->loader->len - start < LOADER_ENTRY_SIZE)
    put (b->loader, 0, 1);
}

static void
loader_allocate (Builder *b, const char *file, uint32_t align, uint8_t zone)
{
  guint start = b->loader->len;

  put (b->loader, LOADER_ALLOCATE, 4);
  put_text (b->loader, file, LOADER_NAME_SIZE);
  put (b->loader, align, 4);
  put (b->loader, zone, 1);
  loader_finish (b, start);
}

/* The field at `offset` of `file` holds an offset into the tables; firmware adds their address. */
static void
loader_pointer (Builder *b, const char *file, uint32_t offset, uint8_t size)
{
  guint start = b->loader->len;

  put (b->loader, LOADER_ADD_POINTER, 4);
  put_text (b->loader, file, LOADER_NAME_SIZE);
  put_text (b->loader, TABLES_FILE, LOADER_NAME_SIZE);
  put (b->loader, offset, 4);
  put (b->loader, size, 1);
  loader_finish (b, start);
}

static void
loader_checksum (Builder *b, const char *file, uint32_t at, uint32_t from, uint32_t length)
{
  guint start = b->loader->len;

  put (b->loader, LOADER_ADD_CHECKSUM, 4);
  put_text (b->loader, file, LOADER_NAME_SIZE);
  put (b->loader, at, 4);
  put (b->loader, from, 4);
  put (b->loader, length, 4);
  loader_finish (b, start);
}

/* -- Tables --------------------------------------------------------------------------------------- */

static guint
begin (Builder *b, const char *signature, uint8_t revision)
{
  guint start;

  while (b->tables->len % 16 != 0)
    put (b->tables, 0, 1);
  start = b->tables->len;
  put_text (b->tables, signature, 4);
  put (b->tables, 0, 4);
  put (b->tables, revision, 1);
  put (b->tables, 0, 1);
  put_text (b->tables, "VIVAR ", 6);
  put_text (b->tables, "VIVPC   ", 8);
  put (b->tables, 1, 4);
  put_text (b->tables, "VIVA", 4);
  put (b->tables, 1, 4);
  return start;
}

static guint
end (Builder *b, guint start)
{
  guint length = b->tables->len - start;

  poke (b->tables, start + 4, length, 4);
  loader_checksum (b, TABLES_FILE, start + CHECKSUM_OFFSET, start, length);
  return start;
}

static guint
build_facs (Builder *b)
{
  guint start;

  /* The FACS stands on a 64-byte boundary. */
  while (b->tables->len % 64 != 0)
    put (b->tables, 0, 1);
  start = b->tables->len;
  put_text (b->tables, "FACS", 4);
  put (b->tables, 64, 4);
  for (unsigned i = 8; i < 64; i++)
    put (b->tables, 0, 1);
  return start;
}

/* In the table that begins at `start`. */
static void
replace_mark (Builder *b, guint start, uint32_t mark, uint32_t value)
{
  for (guint at = start; at + 4 <= b->tables->len; at++)
    {
      uint32_t found;

      memcpy (&found, b->tables->data + at, 4);
      if (found == GUINT32_TO_LE (mark))
        {
          poke (b->tables, at, value, 4);
          return;
        }
    }
}

static guint
build_dsdt (Builder *b, const AcpiConfig *config)
{
  /* SeaBIOS begins the PCI window at 2 GiB, or at 3 GiB if RAM reaches further. */
  uint32_t window = config->low_ram <= 0x80000000u ? 0x80000000u : 0xc0000000u;
  guint start;

  while (b->tables->len % 16 != 0)
    put (b->tables, 0, 1);
  start = b->tables->len;
  g_byte_array_append (b->tables, dsdt_aml_code, sizeof dsdt_aml_code);
  replace_mark (b, start, PMEM_MARK, window);
  replace_mark (b, start, PVST_MARK, config->pvpanic ? 0x0f : 0);
  poke (b->tables, start + CHECKSUM_OFFSET, 0, 1);
  loader_checksum (b, TABLES_FILE, start + CHECKSUM_OFFSET, start, sizeof dsdt_aml_code);
  return start;
}

/* Generic address structure in port space; access size: 1 byte, 2 word, 3 dword. */
static void
put_port (GByteArray *out, uint64_t address, uint8_t bits, uint8_t access)
{
  put (out, 1, 1);
  put (out, bits, 1);
  put (out, 0, 1);
  put (out, access, 1);
  put (out, address, 8);
}

static guint
build_fadt (Builder *b, const AcpiConfig *c, guint facs, guint dsdt)
{
  guint start = begin (b, "FACP", 3);
  GByteArray *t = b->tables;
  unsigned pm = c->pm_base;

  put (t, facs, 4);
  put (t, dsdt, 4);
  put (t, 1, 1); /* INT_MODEL: dual PIC, as ACPI 1 has it */
  put (t, 0, 1); /* preferred profile: unspecified */
  put (t, 9, 2); /* SCI_INT */
  put (t, c->smi_command, 4);
  put (t, c->acpi_enable, 1);
  put (t, c->acpi_disable, 1);
  put (t, 0, 1);      /* S4BIOS_REQ */
  put (t, 0, 1);      /* PSTATE_CNT */
  put (t, pm, 4);     /* PM1a event */
  put (t, 0, 4);      /* PM1b event */
  put (t, pm + 4, 4); /* PM1a control */
  put (t, 0, 4);      /* PM1b control */
  put (t, 0, 4);      /* PM2 control */
  put (t, pm + 8, 4); /* PM timer */
  put (t, c->gpe_base, 4);
  put (t, 0, 4); /* GPE1 */
  put (t, 4, 1); /* lengths: PM1 event, PM1 control, PM2 control, timer, GPE0, GPE1 */
  put (t, 2, 1);
  put (t, 0, 1);
  put (t, 4, 1);
  put (t, 4, 1);
  put (t, 0, 1);
  put (t, 0, 1);     /* GPE1_BASE */
  put (t, 0, 1);     /* CST_CNT */
  put (t, 0xfff, 2); /* C2 latency: none */
  put (t, 0xfff, 2); /* C3 latency: none */
  put (t, 0, 2);     /* FLUSH_SIZE */
  put (t, 0, 2);     /* FLUSH_STRIDE */
  put (t, 0, 1);     /* DUTY_OFFSET */
  put (t, 0, 1);     /* DUTY_WIDTH */
  put (t, 0, 1);     /* DAY_ALRM */
  put (t, 0, 1);     /* MON_ALRM */
  put (t, 0x32, 1);  /* CENTURY */
  put (t, FADT_BOOT_LEGACY_DEVICES | FADT_BOOT_8042, 2);
  put (t, 0, 1);
  put (t, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RTC_S4 | FADT_RESET_REG_SUP, 4);
  put_port (t, 0xcf9, 8, 1);
  put (t, 0x0f, 1); /* RESET_VALUE: full reset */
  put (t, 0, 3);
  put (t, facs, 8); /* X_FIRMWARE_CTRL */
  put (t, dsdt, 8); /* X_DSDT */
  put_port (t, pm, 32, 2);
  put_port (t, 0, 0, 0);
  put_port (t, pm + 4, 16, 2);
  put_port (t, 0, 0, 0);
  put_port (t, 0, 0, 0);
  put_port (t, pm + 8, 32, 3);
  put_port (t, c->gpe_base, 32, 1);
  put_port (t, 0, 0, 0);
  g_assert (t->len - start == FADT_SIZE);
  loader_pointer (b, TABLES_FILE, start + FADT_FACS, 4);
  loader_pointer (b, TABLES_FILE, start + FADT_DSDT, 4);
  loader_pointer (b, TABLES_FILE, start + FADT_X_DSDT, 8);
  /* X_FIRMWARE_CTRL stays 0: only one of the two may be set. */
  poke (t, start + 132, 0, 8);
  return end (b, start);
}

static guint
build_madt (Builder *b, const AcpiConfig *c)
{
  static const uint8_t level_irqs[] = { 5, 9, 10, 11 };
  guint start = begin (b, "APIC", 3);
  GByteArray *t = b->tables;

  put (t, 0xfee00000, 4);
  put (t, 1, 4); /* PCAT_COMPAT */
  for (unsigned i = 0; i < c->n_cpus; i++)
    {
      put (t, 0, 1); /* processor local APIC */
      put (t, 8, 1);
      put (t, i, 1);
      put (t, i, 1);
      put (t, 1, 4);
    }
  put (t, 1, 1); /* I/O APIC */
  put (t, 12, 1);
  put (t, 0, 2); /* its id */
  put (t, c->ioapic_address, 4);
  put (t, 0, 4);
  put (t, 2, 1); /* ISA interrupt 0 is pin 2 */
  put (t, 10, 1);
  put (t, 0, 2);
  put (t, 2, 4);
  put (t, 0, 2);
  for (unsigned i = 0; i < G_N_ELEMENTS (level_irqs); i++)
    {
      put (t, 2, 1);
      put (t, 10, 1);
      put (t, 0, 1);
      put (t, level_irqs[i], 1);
      put (t, level_irqs[i], 4);
      put (t, 0x0d, 2); /* active high, level */
    }
  put (t, 4, 1); /* NMI on LINT1 of all */
  put (t, 6, 1);
  put (t, 0xff, 1);
  put (t, 0, 2);
  put (t, 1, 1);
  return end (b, start);
}

static guint
build_hpet (Builder *b, const AcpiConfig *c)
{
  guint start = begin (b, "HPET", 1);
  GByteArray *t = b->tables;

  put (t, 0x8086a201, 4); /* vendor, legacy replacement, 64 bit, 3 timers, revision 1 */
  put (t, 0, 1);          /* memory space */
  put (t, 0, 3);
  put (t, c->hpet_address, 8);
  put (t, 0, 1);
  put (t, 0, 2);
  put (t, 0, 1);
  return end (b, start);
}

/* Windows ACPI Emulated Devices Table: the RTC and the PM timer need no workarounds. */
static guint
build_waet (Builder *b)
{
  guint start = begin (b, "WAET", 1);

  put (b->tables, 3, 4);
  return end (b, start);
}

/* Scope (\_PR) { Processor (CPnn, nn, 0, 0) {} … } in AML (chapter 20). */
static guint
build_ssdt (Builder *b, const AcpiConfig *c)
{
  static const char hex[] = "0123456789ABCDEF";
  guint start = begin (b, "SSDT", 1);
  GByteArray *t = b->tables;
  unsigned length = 2 + 5 + c->n_cpus * 13; /* PkgLength itself (2 bytes), name, processors */

  put (t, 0x10, 1); /* ScopeOp */
  put (t, 0x40 | (length & 15), 1);
  put (t, length >> 4, 1);
  put_text (t, "\\_PR_", 5);
  for (unsigned i = 0; i < c->n_cpus; i++)
    {
      put (t, 0x5b, 1); /* ProcessorOp */
      put (t, 0x83, 1);
      put (t, 11, 1);
      put_text (t, "CP", 2);
      put (t, (uint8_t)hex[i >> 4 & 15], 1);
      put (t, (uint8_t)hex[i & 15], 1);
      put (t, i, 1);
      put (t, 0, 4);
      put (t, 0, 1);
    }
  return end (b, start);
}

static guint
build_root (Builder *b, const char *signature, const guint *tables, unsigned n, unsigned size)
{
  guint start = begin (b, signature, 1);

  for (unsigned i = 0; i < n; i++)
    {
      loader_pointer (b, TABLES_FILE, b->tables->len, (uint8_t)size);
      put (b->tables, tables[i], size);
    }
  return end (b, start);
}

void
acpi_build (Device *fw_cfg, const AcpiConfig *config)
{
  g_autoptr (GByteArray) tables = g_byte_array_new ();
  g_autoptr (GByteArray) loader = g_byte_array_new ();
  g_autoptr (GByteArray) rsdp = g_byte_array_new ();
  Builder b = { tables, loader };
  guint list[5], facs, dsdt, rsdt, xsdt;

  loader_allocate (&b, TABLES_FILE, 64, ZONE_HIGH);
  loader_allocate (&b, RSDP_FILE, 16, ZONE_FSEG);
  facs = build_facs (&b);
  dsdt = build_dsdt (&b, config);
  list[0] = build_fadt (&b, config, facs, dsdt);
  list[1] = build_madt (&b, config);
  list[2] = build_hpet (&b, config);
  list[3] = build_waet (&b);
  list[4] = build_ssdt (&b, config);
  rsdt = build_root (&b, "RSDT", list, G_N_ELEMENTS (list), 4);
  xsdt = build_root (&b, "XSDT", list, G_N_ELEMENTS (list), 8);

  put_text (rsdp, "RSD PTR ", 8);
  put (rsdp, 0, 1);
  put_text (rsdp, "VIVAR ", 6);
  put (rsdp, 2, 1);
  put (rsdp, rsdt, 4);
  put (rsdp, 36, 4);
  put (rsdp, xsdt, 8);
  put (rsdp, 0, 4);
  loader_pointer (&b, RSDP_FILE, 16, 4);
  loader_pointer (&b, RSDP_FILE, 24, 8);
  loader_checksum (&b, RSDP_FILE, 8, 0, 20);
  loader_checksum (&b, RSDP_FILE, 32, 0, 36);

  fw_cfg_add_file (fw_cfg, TABLES_FILE, tables->data, tables->len);
  fw_cfg_add_file (fw_cfg, RSDP_FILE, rsdp->data, rsdp->len);
  fw_cfg_add_file (fw_cfg, LOADER_FILE, loader->data, loader->len);
}
