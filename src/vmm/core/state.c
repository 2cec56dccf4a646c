/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * State tables: save, load, print.
 *
 * A field is: length of its name (1 byte), name, type (1 byte; bit 7: who doesn't know the field may skip it), element count
 * (32 bits), elements; all little endian.  A nested structure is a 32-bit length and its fields.
 */
#define G_LOG_DOMAIN "state"

#include "core/state.h"

#include "core/clock.h"

#include <string.h>

G_DEFINE_QUARK (state - error - quark, state_error)

#define MAX_FIELDS 256
#define OPTIONAL   0x80u

static void
put (GByteArray *out, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  for (unsigned i = 0; i < size; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  g_byte_array_append (out, bytes, size);
}

static uint64_t
get (const uint8_t *data, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)data[i] << (8 * i);
  return value;
}

/* Bytes of an element on the wire; 0 for a structure. */
static unsigned
wire_size (StateType type)
{
  switch (type)
    {
    case STATE_TYPE_BOOL:
    case STATE_TYPE_U8:
    case STATE_TYPE_BUFFER:
      return 1;
    case STATE_TYPE_U16:
      return 2;
    case STATE_TYPE_U32:
      return 4;
    case STATE_TYPE_U64:
    case STATE_TYPE_TIMER:
      return 8;
    case STATE_TYPE_STRUCT:
    case STATE_TYPE_SINCE:
    case STATE_TYPE_END:
      break;
    }
  return 0;
}

unsigned
state_version (const StateField *fields)
{
  unsigned version = 0;

  for (const StateField *f = fields; f->type != STATE_TYPE_END; f++)
    if (f->type == STATE_TYPE_SINCE)
      version = MAX (version, f->count);
    else if (f->type == STATE_TYPE_STRUCT)
      version = MAX (version, state_version (f->fields));
  return version;
}

static uint64_t
element_value (const StateField *f, const uint8_t *p)
{
  switch (f->type)
    {
    case STATE_TYPE_BOOL:
      return *(const gboolean *)p != FALSE;
    case STATE_TYPE_U8:
      return *p;
    case STATE_TYPE_U16:
      return *(const uint16_t *)p;
    case STATE_TYPE_U32:
      return *(const uint32_t *)p;
    case STATE_TYPE_U64:
      return *(const uint64_t *)p;
    case STATE_TYPE_TIMER:
      return (uint64_t)((const VmTimer *)p)->deadline;
    default:
      return 0;
    }
}

static void
set_element (const StateField *f, uint8_t *p, uint64_t value)
{
  switch (f->type)
    {
    case STATE_TYPE_BOOL:
      *(gboolean *)p = value != 0;
      break;
    case STATE_TYPE_U8:
      *p = (uint8_t)value;
      break;
    case STATE_TYPE_U16:
      *(uint16_t *)p = (uint16_t)value;
      break;
    case STATE_TYPE_U32:
      *(uint32_t *)p = (uint32_t)value;
      break;
    case STATE_TYPE_U64:
      *(uint64_t *)p = value;
      break;
    case STATE_TYPE_TIMER:
      if ((int64_t)value >= 0)
        vm_timer_arm ((VmTimer *)p, (int64_t)value);
      else
        vm_timer_cancel ((VmTimer *)p);
      break;
    default:
      break;
    }
}

void
state_save (const StateField *fields, const void *object, GByteArray *out)
{
  unsigned optional = 0;

  for (const StateField *f = fields; f->type != STATE_TYPE_END; f++)
    {
      const uint8_t *base = (const uint8_t *)object + f->offset;
      size_t name_length = strlen (f->name);

      if (f->type == STATE_TYPE_SINCE)
        {
          optional = f->stride != 0 ? OPTIONAL : 0;
          continue;
        }
      g_assert (name_length < 256);
      put (out, name_length, 1);
      g_byte_array_append (out, (const guint8 *)f->name, (guint)name_length);
      put (out, f->type | optional, 1);
      put (out, f->count, 4);
      if (f->type == STATE_TYPE_BUFFER)
        {
          g_byte_array_append (out, *(uint8_t *const *)base, f->count);
          continue;
        }
      for (unsigned i = 0; i < f->count; i++)
        {
          const uint8_t *p = base + i * f->stride;

          if (f->type == STATE_TYPE_STRUCT)
            {
              guint at = out->len;

              put (out, 0, 4);
              state_save (f->fields, p, out);
              for (unsigned b = 0; b < 4; b++)
                out->data[at + b] = (uint8_t)((out->len - at - 4) >> (8 * b));
            }
          else
            put (out, element_value (f, p), wire_size (f->type));
        }
    }
}

static gboolean
bad_format (GError **error, const char *what, const char *field)
{
  g_set_error (error, STATE_ERROR, STATE_ERROR_FORMAT, "Saved state is damaged: %s%s%s", what,
               field ? " in " : "", field ? field : "");
  return FALSE;
}

static gboolean
load_elements (const StateField *f, void *object, unsigned version, const uint8_t **data, size_t *left,
               GError **error)
{
  uint8_t *base = (uint8_t *)object + f->offset;
  unsigned size = wire_size (f->type);

  if (f->type != STATE_TYPE_STRUCT && (uint64_t)size * f->count > *left)
    return bad_format (error, "cut short", f->name);
  if (f->type == STATE_TYPE_BUFFER)
    {
      memcpy (*(uint8_t **)base, *data, f->count);
      *data += f->count;
      *left -= f->count;
      return TRUE;
    }
  for (unsigned i = 0; i < f->count; i++)
    {
      uint8_t *p = base + i * f->stride;
      uint64_t value;

      if (f->type == STATE_TYPE_STRUCT)
        {
          uint32_t length;

          if (*left < 4)
            return bad_format (error, "cut short", f->name);
          length = (uint32_t)get (*data, 4);
          *data += 4;
          *left -= 4;
          if (length > *left)
            return bad_format (error, "cut short", f->name);
          if (!state_load_version (f->fields, p, version, *data, length, error))
            {
              g_prefix_error (error, "%s: ", f->name);
              return FALSE;
            }
          *data += length;
          *left -= length;
          continue;
        }
      value = get (*data, size);
      *data += size;
      *left -= size;
      if (f->max != 0 && value > f->max)
        {
          g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                       "Saved state is damaged: %s is %" G_GUINT64_FORMAT ", at most %" G_GUINT64_FORMAT
                       " is possible",
                       f->name, value, f->max);
          return FALSE;
        }
      set_element (f, p, value);
    }
  return TRUE;
}

/* What an older file says of a field that it doesn't have. */
static void
clear_field (const StateField *f, void *object, uint64_t fallback)
{
  uint8_t *base = (uint8_t *)object + f->offset;

  if (f->type == STATE_TYPE_SINCE)
    return;
  if (f->type == STATE_TYPE_BUFFER)
    {
      memset (*(uint8_t **)base, (int)fallback, f->count);
      return;
    }
  for (unsigned i = 0; i < f->count; i++)
    if (f->type != STATE_TYPE_STRUCT)
      set_element (f, base + i * f->stride, f->type == STATE_TYPE_TIMER ? G_MAXUINT64 : fallback);
    else
      for (const StateField *inner = f->fields; inner->type != STATE_TYPE_END; inner++)
        clear_field (inner, base + i * f->stride, fallback);
}

/* A field of a newer version; `data` is behind its name. */
static gboolean
skip_field (const uint8_t **data, size_t *left, const char *name, GError **error)
{
  unsigned type = (*data)[0];
  uint64_t count = get (*data + 1, 4);
  unsigned size = wire_size ((StateType)(type & ~OPTIONAL));

  if ((type & OPTIONAL) == 0)
    {
      g_autofree char *valid = g_utf8_make_valid (name, -1);

      g_set_error (error, STATE_ERROR, STATE_ERROR_NEWER,
                   "The saved state has a field “%s” that this version doesn't know: load it with the newer "
                   "Vivarium that saved it",
                   valid);
      return FALSE;
    }
  *data += 5;
  *left -= 5;
  if ((type & ~OPTIONAL) != STATE_TYPE_STRUCT)
    {
      if (size == 0)
        return bad_format (error, "field of an unknown type", NULL);
      if (count > *left / size)
        return bad_format (error, "cut short", NULL);
      *data += count * size;
      *left -= count * size;
      return TRUE;
    }
  for (; count > 0; count--)
    {
      uint64_t length;

      if (*left < 4 || (length = get (*data, 4)) > *left - 4)
        return bad_format (error, "cut short", NULL);
      *data += 4 + length;
      *left -= 4 + length;
    }
  return TRUE;
}

gboolean
state_load (const StateField *fields, void *object, const uint8_t *data, size_t length, GError **error)
{
  return state_load_version (fields, object, 0, data, length, error);
}

gboolean
state_load_version (const StateField *fields, void *object, unsigned version, const uint8_t *data,
                    size_t length, GError **error)
{
  gboolean seen[MAX_FIELDS] = { FALSE };
  size_t left = length;
  unsigned n_fields = 0, since = 0;
  uint64_t fallback = 0;

  for (const StateField *f = fields; f->type != STATE_TYPE_END; f++)
    n_fields++;
  g_assert (n_fields <= MAX_FIELDS);

  while (left > 0)
    {
      size_t name_length = data[0];
      const StateField *f;
      const uint8_t *name = data + 1;

      if (left < 1 + name_length + 5)
        return bad_format (error, "cut short", NULL);
      for (f = fields; f->type != STATE_TYPE_END; f++)
        if (f->type != STATE_TYPE_SINCE && strlen (f->name) == name_length
            && memcmp (f->name, name, name_length) == 0)
          break;
      if (f->type == STATE_TYPE_END)
        {
          g_autofree char *text = g_strndup ((const char *)name, name_length);

          data += 1 + name_length;
          left -= 1 + name_length;
          if (!skip_field (&data, &left, text, error))
            return FALSE;
          continue;
        }
      if (seen[f - fields])
        return bad_format (error, "field twice", f->name);
      seen[f - fields] = TRUE;
      data += 1 + name_length;
      left -= 1 + name_length;
      if ((data[0] & ~OPTIONAL) != f->type || get (data + 1, 4) != f->count)
        return bad_format (error, "wrong type or count", f->name);
      data += 5;
      left -= 5;
      if (!load_elements (f, object, version, &data, &left, error))
        return FALSE;
    }
  for (unsigned i = 0; i < n_fields; i++)
    if (fields[i].type == STATE_TYPE_SINCE)
      {
        since = fields[i].count;
        fallback = fields[i].max;
      }
    else if (!seen[i] && since > version)
      clear_field (&fields[i], object, fallback);
    else if (!seen[i])
      return bad_format (error, "missing field", fields[i].name);
  return TRUE;
}

static void
print_bytes (const uint8_t *data, size_t length, GString *out)
{
  size_t used = length;

  while (used > 0 && data[used - 1] == 0)
    used--;
  for (size_t i = 0; i < MIN (used, 256); i++)
    g_string_append_printf (out, "%02x", data[i]);
  if (used > 256)
    g_string_append (out, "…");
  g_string_append_printf (out, " (%zu bytes)\n", length);
}

void
state_print (const StateField *fields, const void *object, const char *indent, GString *out)
{
  for (const StateField *f = fields; f->type != STATE_TYPE_END; f++)
    {
      const uint8_t *base = (const uint8_t *)object + f->offset;

      if (f->type == STATE_TYPE_SINCE)
        continue;
      if (f->type == STATE_TYPE_BUFFER || (f->type == STATE_TYPE_U8 && f->count > 1))
        {
          g_string_append_printf (out, "%s%s = ", indent, f->name);
          print_bytes (f->type == STATE_TYPE_BUFFER ? *(uint8_t *const *)base : base, f->count, out);
          continue;
        }
      if (f->type == STATE_TYPE_STRUCT)
        {
          for (unsigned i = 0; i < f->count; i++)
            {
              g_autofree char *deeper = g_strconcat (indent, "  ", NULL);

              if (f->count > 1)
                g_string_append_printf (out, "%s%s[%u]:\n", indent, f->name, i);
              else
                g_string_append_printf (out, "%s%s:\n", indent, f->name);
              state_print (f->fields, base + i * f->stride, deeper, out);
            }
          continue;
        }
      g_string_append_printf (out, "%s%s =", indent, f->name);
      for (unsigned i = 0; i < f->count; i++)
        {
          uint64_t value = element_value (f, base + i * f->stride);

          if (f->type == STATE_TYPE_TIMER)
            g_string_append_printf (out, " %" G_GINT64_FORMAT, (int64_t)value);
          else
            g_string_append_printf (out, " %#" G_GINT64_MODIFIER "x", value);
        }
      g_string_append_c (out, '\n');
    }
}
