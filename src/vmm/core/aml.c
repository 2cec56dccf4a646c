/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See aml.h.
 */
#define G_LOG_DOMAIN "acpi"

#include "core/aml.h"

#include <string.h>

#define MAX_DEPTH  16
#define SEGMENT    4
#define MAX_PARTS  255
#define MAX_LENGTH ((1u << 28) - 1)

enum
{
  OP_NAME = 0x08,
  OP_BYTE = 0x0a,
  OP_WORD = 0x0b,
  OP_DWORD = 0x0c,
  OP_STRING = 0x0d,
  OP_QWORD = 0x0e,
  OP_SCOPE = 0x10,
  OP_BUFFER = 0x11,
  OP_PACKAGE = 0x12,
  OP_METHOD = 0x14,
  OP_DUAL_NAME = 0x2e,
  OP_MULTI_NAME = 0x2f,
  OP_EXTENDED = 0x5b,
  OP_REGION = 0x80, /* these four behind OP_EXTENDED */
  OP_FIELD = 0x81,
  OP_DEVICE = 0x82,
  OP_PROCESSOR = 0x83,
  OP_IF = 0xa0,
  OP_ELSE = 0xa1,

  METHOD_SERIALIZED = 1 << 3,
  FIELD_PRESERVE = 0 << 5,
};

/* Resource descriptors: small ones carry their length in the tag. */
enum
{
  RES_IRQ = 0x22,
  RES_DMA = 0x2a,
  RES_IO = 0x47,
  RES_END = 0x79,
  RES_MEMORY32 = 0x86,
  RES_DWORD = 0x87,
  RES_WORD = 0x88,
  RES_INTERRUPT = 0x89,
  RES_QWORD = 0x8a,

  IO_DECODE16 = 1,
  INTERRUPT_CONSUMER = 1 << 0,
  INTERRUPT_SHARED = 1 << 3,
  SPACE_MEMORY = 0,
  SPACE_IO = 1,
  SPACE_BUS = 2,
  SPACE_FIXED = 1 << 2 | 1 << 3, /* _MIF and _MAF */
  MEMORY_WRITABLE = 1 << 0,
  MEMORY_CACHEABLE = 1 << 1,
  IO_ENTIRE = 3,
};

typedef struct
{
  guint at; /* where the length goes */
  enum
  {
    BLOCK,
    BUFFER,
    RESOURCES,
  } kind;
} Block;

struct Aml
{
  GByteArray *bytes;
  Block open[MAX_DEPTH];
  unsigned depth;
};

Aml *
aml_new (void)
{
  Aml *aml = g_new0 (Aml, 1);

  aml->bytes = g_byte_array_new ();
  return aml;
}

void
aml_free (Aml *aml)
{
  if (aml == NULL)
    return;
  g_byte_array_unref (aml->bytes);
  g_free (aml);
}

const uint8_t *
aml_data (const Aml *aml)
{
  return aml->bytes->data;
}

guint
aml_length (const Aml *aml)
{
  return aml->bytes->len;
}

void
aml_append (Aml *aml, const Aml *other)
{
  g_return_if_fail (other->depth == 0);
  g_byte_array_append (aml->bytes, other->bytes->data, other->bytes->len);
}

void
aml_put (Aml *aml, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  g_return_if_fail (size <= sizeof bytes);
  for (unsigned i = 0; i < size; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  g_byte_array_append (aml->bytes, bytes, size);
}

void
aml_text (Aml *aml, const char *text, unsigned size)
{
  const size_t length = strlen (text);

  for (unsigned i = 0; i < size; i++)
    aml_put (aml, i < length ? (uint8_t)text[i] : 0, 1);
}

void
aml_poke (Aml *aml, guint at, uint64_t value, unsigned size)
{
  g_return_if_fail (size <= 8 && at <= aml->bytes->len && size <= aml->bytes->len - at);
  for (unsigned i = 0; i < size; i++)
    aml->bytes->data[at + i] = (uint8_t)(value >> (8 * i));
}

static void
insert (Aml *aml, guint at, const uint8_t *bytes, guint n)
{
  const guint behind = aml->bytes->len - at;

  g_byte_array_append (aml->bytes, bytes, n);
  memmove (aml->bytes->data + at + n, aml->bytes->data + at, behind);
  memcpy (aml->bytes->data + at, bytes, n);
}

/* -- Names and data (20.2.2, 20.2.3) ------------------------------------------------------------------------ */

static gboolean
name_char (char c, gboolean first)
{
  return g_ascii_isupper (c) || c == '_' || (!first && g_ascii_isdigit (c));
}

void
aml_path (Aml *aml, const char *path)
{
  g_auto (GStrv) parts = NULL;
  guint n;

  for (; *path == '\\' || *path == '^'; path++)
    aml_put (aml, (uint8_t)*path, 1);
  parts = g_strsplit (path, ".", -1);
  n = *path != '\0' ? g_strv_length (parts) : 0;
  g_return_if_fail (n <= MAX_PARTS);
  if (n == 0)
    aml_put (aml, 0, 1);
  else if (n == 2)
    aml_put (aml, OP_DUAL_NAME, 1);
  else if (n > 2)
    aml_put (aml, OP_MULTI_NAME | n << 8, 2);
  for (guint i = 0; i < n; i++)
    {
      const size_t length = strlen (parts[i]);

      g_return_if_fail (length >= 1 && length <= SEGMENT);
      for (guint j = 0; j < SEGMENT; j++)
        {
          g_return_if_fail (j >= length || name_char (parts[i][j], j == 0));
          aml_put (aml, j < length ? (uint8_t)parts[i][j] : '_', 1);
        }
    }
}

void
aml_op (Aml *aml, AmlOp op)
{
  aml_put (aml, op, 1);
}

void
aml_number (Aml *aml, uint64_t value)
{
  if (value <= 1)
    aml_put (aml, value, 1);
  else if (value <= 0xff)
    aml_put (aml, OP_BYTE | value << 8, 2);
  else if (value <= 0xffff)
    aml_put (aml, OP_WORD | value << 8, 3);
  else if (value <= 0xffffffff)
    aml_dword (aml, (uint32_t)value);
  else
    {
      aml_put (aml, OP_QWORD, 1);
      aml_put (aml, value, 8);
    }
}

void
aml_dword (Aml *aml, uint32_t value)
{
  aml_put (aml, OP_DWORD, 1);
  aml_put (aml, value, 4);
}

void
aml_string (Aml *aml, const char *text)
{
  aml_put (aml, OP_STRING, 1);
  aml_text (aml, text, (unsigned)strlen (text) + 1);
}

/* Three letters of five bits, four hexadecimal digits, big endian (19.3.4). */
void
aml_eisa_id (Aml *aml, const char *id)
{
  uint32_t value = 0;

  g_return_if_fail (strlen (id) == 7);
  for (unsigned i = 0; i < 3; i++)
    value = value << 5 | ((uint32_t)(id[i] - 'A' + 1) & 0x1f);
  for (unsigned i = 3; i < 7; i++)
    value = value << 4 | (uint32_t)g_ascii_xdigit_value (id[i]);
  aml_dword (aml, GUINT32_SWAP_LE_BE (value));
}

void
aml_name (Aml *aml, const char *name)
{
  aml_put (aml, OP_NAME, 1);
  aml_path (aml, name);
}

void
aml_name_number (Aml *aml, const char *name, uint64_t value)
{
  aml_name (aml, name);
  aml_number (aml, value);
}

void
aml_name_string (Aml *aml, const char *name, const char *text)
{
  aml_name (aml, name);
  aml_string (aml, text);
}

void
aml_name_eisa_id (Aml *aml, const char *name, const char *id)
{
  aml_name (aml, name);
  aml_eisa_id (aml, id);
}

void
aml_region (Aml *aml, const char *name, AmlSpace space, uint64_t offset, uint64_t length)
{
  aml_put (aml, OP_EXTENDED | OP_REGION << 8, 2);
  aml_path (aml, name);
  aml_put (aml, space, 1);
  aml_number (aml, offset);
  aml_number (aml, length);
}

/* -- What has a length (20.2.4) ------------------------------------------------------------------------------ */

/* Six bits in one byte, or four and eight for each of one to three more. */
static guint
encode_length (uint8_t out[4], uint32_t length)
{
  guint more = length < 1u << 6 ? 0 : length < 1u << 12 ? 1 : length < 1u << 20 ? 2 : 3;

  if (more == 0)
    {
      out[0] = (uint8_t)length;
      return 1;
    }
  out[0] = (uint8_t)(more << 6 | (length & 15));
  for (guint i = 0; i < more; i++)
    out[1 + i] = (uint8_t)(length >> (4 + 8 * i));
  return more + 1;
}

static void
begin (Aml *aml, unsigned kind)
{
  g_return_if_fail (aml->depth < MAX_DEPTH);
  aml->open[aml->depth++] = (Block){ .at = aml->bytes->len, .kind = kind };
}

void
aml_end (Aml *aml)
{
  uint8_t bytes[9];
  uint32_t inside;
  guint n;
  Block block;

  g_return_if_fail (aml->depth > 0);
  block = aml->open[--aml->depth];
  if (block.kind == RESOURCES)
    aml_put (aml, RES_END, 2); /* with a checksum of zero: not made */
  if (block.kind != BLOCK)
    {
      g_autoptr (Aml) size = aml_new ();

      aml_number (size, aml->bytes->len - block.at);
      insert (aml, block.at, size->bytes->data, size->bytes->len);
    }
  inside = aml->bytes->len - block.at;
  g_return_if_fail (inside <= MAX_LENGTH - 4);
  /* The length counts its own bytes. */
  n = encode_length (bytes, inside + 1);
  while (n != encode_length (bytes, inside + n))
    n = encode_length (bytes, inside + n);
  insert (aml, block.at, bytes, n);
}

void
aml_name_unicode (Aml *aml, const char *name, const char *text)
{
  aml_name (aml, name);
  aml_begin_buffer (aml);
  for (const char *at = text; at == text || at[-1] != '\0'; at++)
    aml_put (aml, (uint8_t)*at, 2);
  aml_end (aml);
}

void
aml_begin_scope (Aml *aml, const char *path)
{
  aml_put (aml, OP_SCOPE, 1);
  begin (aml, BLOCK);
  aml_path (aml, path);
}

void
aml_begin_device (Aml *aml, const char *path)
{
  aml_put (aml, OP_EXTENDED | OP_DEVICE << 8, 2);
  begin (aml, BLOCK);
  aml_path (aml, path);
}

void
aml_begin_method (Aml *aml, const char *path, unsigned n_args, gboolean serialized)
{
  g_return_if_fail (n_args <= 7);
  aml_put (aml, OP_METHOD, 1);
  begin (aml, BLOCK);
  aml_path (aml, path);
  aml_put (aml, n_args | (serialized ? METHOD_SERIALIZED : 0), 1);
}

void
aml_begin_if (Aml *aml)
{
  aml_put (aml, OP_IF, 1);
  begin (aml, BLOCK);
}

void
aml_begin_else (Aml *aml)
{
  aml_put (aml, OP_ELSE, 1);
  begin (aml, BLOCK);
}

void
aml_begin_field (Aml *aml, const char *region, AmlAccess access)
{
  aml_put (aml, OP_EXTENDED | OP_FIELD << 8, 2);
  begin (aml, BLOCK);
  aml_path (aml, region);
  aml_put (aml, (unsigned)access | FIELD_PRESERVE, 1);
}

void
aml_field (Aml *aml, const char *name, unsigned bits)
{
  uint8_t length[4];

  g_return_if_fail (bits > 0 && bits <= MAX_LENGTH);
  if (name != NULL)
    aml_path (aml, name);
  else
    aml_put (aml, 0, 1);
  g_byte_array_append (aml->bytes, length, encode_length (length, bits));
}

void
aml_begin_package (Aml *aml, unsigned n_elements)
{
  g_return_if_fail (n_elements <= 255);
  aml_put (aml, OP_PACKAGE, 1);
  begin (aml, BLOCK);
  aml_put (aml, n_elements, 1);
}

void
aml_begin_processor (Aml *aml, const char *name, uint8_t id)
{
  aml_put (aml, OP_EXTENDED | OP_PROCESSOR << 8, 2);
  begin (aml, BLOCK);
  aml_path (aml, name);
  aml_put (aml, id, 1);
  aml_put (aml, 0, 5);
}

void
aml_begin_buffer (Aml *aml)
{
  aml_put (aml, OP_BUFFER, 1);
  begin (aml, BUFFER);
}

/* -- Resources (6.4) --------------------------------------------------------------------------------------- */

void
aml_begin_resources (Aml *aml)
{
  aml_put (aml, OP_BUFFER, 1);
  begin (aml, RESOURCES);
}

void
aml_res_io (Aml *aml, uint16_t base, uint8_t length)
{
  aml_put (aml, RES_IO, 1);
  aml_put (aml, IO_DECODE16, 1);
  aml_put (aml, base, 2);
  aml_put (aml, base, 2);
  aml_put (aml, 1, 1);
  aml_put (aml, length, 1);
}

void
aml_res_irq (Aml *aml, unsigned irq)
{
  g_return_if_fail (irq < 16);
  aml_put (aml, RES_IRQ, 1);
  aml_put (aml, 1u << irq, 2);
}

void
aml_res_dma (Aml *aml, unsigned channel)
{
  g_return_if_fail (channel < 8);
  aml_put (aml, RES_DMA, 1);
  aml_put (aml, 1u << channel, 1);
  aml_put (aml, 0, 1); /* compatible, no bus master, 8 bits */
}

void
aml_res_memory (Aml *aml, gboolean writable, uint32_t base, uint32_t length)
{
  aml_put (aml, RES_MEMORY32, 1);
  aml_put (aml, 9, 2);
  aml_put (aml, writable ? MEMORY_WRITABLE : 0, 1);
  aml_put (aml, base, 4);
  aml_put (aml, length, 4);
}

void
aml_res_interrupts (Aml *aml, uint32_t mask)
{
  const unsigned n = (unsigned)__builtin_popcount (mask);

  aml_put (aml, RES_INTERRUPT, 1);
  aml_put (aml, 2 + 4 * n, 2);
  aml_put (aml, INTERRUPT_CONSUMER | INTERRUPT_SHARED, 1);
  aml_put (aml, n, 1);
  for (unsigned i = 0; i < 32; i++)
    if (mask >> i & 1)
      aml_put (aml, i, 4);
}

static void
window (Aml *aml, unsigned tag, unsigned size, unsigned space, unsigned flags, uint64_t first, uint64_t last)
{
  g_return_if_fail (first <= last);
  aml_put (aml, tag, 1);
  aml_put (aml, 3 + 5 * size, 2);
  aml_put (aml, space, 1);
  aml_put (aml, SPACE_FIXED, 1);
  aml_put (aml, flags, 1);
  aml_put (aml, 0, size); /* granularity */
  aml_put (aml, first, size);
  aml_put (aml, last, size);
  aml_put (aml, 0, size); /* translation */
  aml_put (aml, last - first + 1, size);
}

void
aml_res_buses (Aml *aml, uint16_t first, uint16_t last)
{
  window (aml, RES_WORD, 2, SPACE_BUS, 0, first, last);
}

void
aml_res_ports (Aml *aml, uint16_t first, uint16_t last)
{
  window (aml, RES_WORD, 2, SPACE_IO, IO_ENTIRE, first, last);
}

void
aml_res_window (Aml *aml, gboolean cacheable, uint64_t first, uint64_t last)
{
  const gboolean wide = last > G_MAXUINT32;

  window (aml, wide ? RES_QWORD : RES_DWORD, wide ? 8 : 4, SPACE_MEMORY,
          MEMORY_WRITABLE | (cacheable ? MEMORY_CACHEABLE : 0), first, last);
}
