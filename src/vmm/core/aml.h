/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI machine language, byte by byte.  ACPI Specification 6.4, chapter 20 (AML) and 6.4 (resource descriptors).
 *
 * AML is prefix code: an operator, then its operands in order, a target last.  So `Return (PRQA & 0x80)` is
 *
 *   aml_op (aml, AML_RETURN); aml_op (aml, AML_AND); aml_path (aml, "PRQA"); aml_number (aml, 0x80); aml_op (aml, AML_NOWHERE);
 *
 * What has a length is begun and ended; aml_end() writes the length and complains of what doesn't fit or was never begun.  The same
 * bytes serve for tables that aren't code: aml_put() and aml_text().  Threads: none; whoever builds the tables owns it.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct Aml Aml;

typedef enum
{
  AML_NOWHERE = 0x00, /* no target */
  AML_ZERO = 0x00,
  AML_ONE = 0x01,
  AML_DWORD_PREFIX = 0x0c, /* four bytes follow */
  AML_LOCAL0 = 0x60,       /* and the seven behind it */
  AML_ARG0 = 0x68,         /* and the six behind it */
  AML_STORE = 0x70,
  AML_ADD = 0x72,
  AML_SUBTRACT = 0x74,
  AML_INCREMENT = 0x75,
  AML_SHIFT_LEFT = 0x79,
  AML_SHIFT_RIGHT = 0x7a,
  AML_AND = 0x7b,
  AML_OR = 0x7d,
  AML_NOT = 0x80,
  AML_NOTIFY = 0x86,
  AML_INDEX = 0x88,       /* what, number, target */
  AML_DWORD_FIELD = 0x8a, /* buffer, byte offset, name */
  AML_LAND = 0x90,
  AML_LOR = 0x91,
  AML_LNOT = 0x92,
  AML_LEQUAL = 0x93,
  AML_LGREATER = 0x94,
  AML_LLESS = 0x95,
  AML_RETURN = 0xa4,
} AmlOp;

typedef enum
{
  AML_SYSTEM_MEMORY = 0,
  AML_SYSTEM_IO = 1,
  AML_PCI_CONFIG = 2,
} AmlSpace;

typedef enum
{
  AML_ANY = 0,
  AML_BYTE = 1,
  AML_WORD = 2,
  AML_DWORD = 3,
} AmlAccess;

Aml *aml_new (void);
void aml_free (Aml *aml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Aml, aml_free)
const uint8_t *aml_data (const Aml *aml);
guint aml_length (const Aml *aml);
void aml_append (Aml *aml, const Aml *other);

/* `size` bytes, little endian; an ASCII field of exactly `size` bytes, filled with NULs. */
void aml_put (Aml *aml, uint64_t value, unsigned size);
void aml_text (Aml *aml, const char *text, unsigned size);
/* Over what is there already. */
void aml_poke (Aml *aml, guint at, uint64_t value, unsigned size);

void aml_op (Aml *aml, AmlOp op);
/* "_HID", "\\_SB.PCI0", "^ISA": each part has one to four characters and is filled with '_'. */
void aml_path (Aml *aml, const char *path);
void aml_number (Aml *aml, uint64_t value);
/* Always of four bytes, for who changes it later: it stands at aml_length() - 4 then. */
void aml_dword (Aml *aml, uint32_t value);
void aml_string (Aml *aml, const char *text);
/* "PNP0A03" */
void aml_eisa_id (Aml *aml, const char *id);

/* Name (NAME, …) */
void aml_name (Aml *aml, const char *name);
void aml_name_number (Aml *aml, const char *name, uint64_t value);
void aml_name_string (Aml *aml, const char *name, const char *text);
/* As _STR has it (ACPI 6.4, 6.1.10): a buffer of UTF-16 with its end; the text is ASCII. */
void aml_name_unicode (Aml *aml, const char *name, const char *text);
void aml_name_eisa_id (Aml *aml, const char *name, const char *id);
void aml_region (Aml *aml, const char *name, AmlSpace space, uint64_t offset, uint64_t length);

void aml_begin_scope (Aml *aml, const char *path);
void aml_begin_device (Aml *aml, const char *path);
void aml_begin_method (Aml *aml, const char *path, unsigned n_args, gboolean serialized);
void aml_begin_if (Aml *aml);
void aml_begin_else (Aml *aml); /* right behind the aml_end() of an If */
/* Fields of a region, in order: bits with a name, or between them without (NULL).  Preserves what isn't written. */
void aml_begin_field (Aml *aml, const char *region, AmlAccess access);
void aml_field (Aml *aml, const char *name, unsigned bits);
/* Elements are counted by the caller: at most 255, which is all that every system takes. */
void aml_begin_package (Aml *aml, unsigned n_elements);
/* Processor (NAME, ID, block of ports: none) */
void aml_begin_processor (Aml *aml, const char *name, uint8_t id);
/* Buffer () of the bytes that are put. */
void aml_begin_buffer (Aml *aml);
/* A ResourceTemplate (); its end tag comes by aml_end(). */
void aml_begin_resources (Aml *aml);
void aml_end (Aml *aml);

void aml_res_io (Aml *aml, uint16_t base, uint8_t length);
void aml_res_irq (Aml *aml, unsigned irq); /* ISA's: edge, active high, exclusive */
void aml_res_dma (Aml *aml, unsigned channel);
void aml_res_memory (Aml *aml, gboolean writable, uint32_t base, uint32_t length);
/* Level, active high, shared: the interrupts of `mask`, which are below 32. */
void aml_res_interrupts (Aml *aml, uint32_t mask);
/* Windows that a bridge hands on: first to last. */
void aml_res_buses (Aml *aml, uint16_t first, uint16_t last);
void aml_res_ports (Aml *aml, uint16_t first, uint16_t last);
void aml_res_window (Aml *aml, gboolean cacheable, uint64_t first,
                     uint64_t last); /* QWord where it needs it */

G_END_DECLS
