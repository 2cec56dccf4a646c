/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A small reader of HID report descriptors: where in a report a usage is, and between which values.  HID 1.11, 6.2.2.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

#define HID_MAX_FIELDS 64

typedef struct
{
  uint32_t usage; /* page in the upper half; 0: padding */
  unsigned bit, size;
  int32_t least, most;
  gboolean output, relative, variable;
  uint32_t usage_most; /* of an array */
} HidField;

typedef struct
{
  HidField fields[HID_MAX_FIELDS];
  unsigned n;
  unsigned input_bits, output_bits;
  unsigned depth; /* collections that are open at the end */
} HidReport;

/* FALSE: it makes no sense. */
static inline gboolean
hid_report_parse (HidReport *report, const uint8_t *data, unsigned length)
{
  uint32_t page = 0, size = 0, count = 0, usages[32];
  uint32_t usage_least = 0, usage_most = 0;
  int32_t least = 0, most = 0;
  unsigned n_usages = 0;

  memset (report, 0, sizeof *report);
  for (unsigned at = 0; at < length;)
    {
      const unsigned item = data[at] & 0xfc, n = (data[at] & 3) == 3 ? 4 : data[at] & 3;
      uint32_t value = 0;
      int32_t with_sign;

      if (at + 1 + n > length)
        return FALSE;
      for (unsigned i = 0; i < n; i++)
        value |= (uint32_t)data[at + 1 + i] << 8 * i;
      with_sign = n == 1 ? (int8_t)value : n == 2 ? (int16_t)value : (int32_t)value;
      at += 1 + n;
      switch (item)
        {
        case 0x04:
          page = value;
          break;
        case 0x14:
          least = with_sign;
          break;
        case 0x24:
          most = with_sign;
          break;
        case 0x74:
          size = value;
          break;
        case 0x94:
          count = value;
          break;
        case 0x08:
          if (n_usages == G_N_ELEMENTS (usages))
            return FALSE;
          usages[n_usages++] = value;
          break;
        case 0x18:
          usage_least = value;
          break;
        case 0x28:
          usage_most = value;
          break;
        case 0xa0:
          report->depth++;
          n_usages = 0;
          break;
        case 0xc0:
          if (report->depth-- == 0)
            return FALSE;
          break;
        case 0x80:
        case 0x90:
          {
            unsigned *bits = item == 0x90 ? &report->output_bits : &report->input_bits;

            for (uint32_t i = 0; i < count; i++)
              {
                HidField *field = &report->fields[report->n++];

                if (report->n > HID_MAX_FIELDS || size == 0 || size > 32)
                  return FALSE;
                *field = (HidField){ .bit = *bits,
                                     .size = size,
                                     .least = least,
                                     .most = most,
                                     .output = item == 0x90,
                                     .relative = (value & 4) != 0,
                                     .variable = (value & 2) != 0 };
                *bits += size;
                if (value & 1)
                  continue;
                if (!field->variable)
                  {
                    field->usage = page << 16 | usage_least;
                    field->usage_most = page << 16 | usage_most;
                  }
                else if (n_usages > 0)
                  field->usage = page << 16 | usages[MIN (i, n_usages - 1)];
                else
                  field->usage = page << 16 | MIN (usage_least + i, usage_most);
              }
            n_usages = 0;
            usage_least = usage_most = 0;
            break;
          }
        default:
          return FALSE;
        }
    }
  return report->depth == 0;
}

static inline int32_t
hid_field_value (const HidField *field, const uint8_t *data)
{
  uint32_t value = 0;

  for (unsigned i = 0; i < field->size; i++)
    value |= (uint32_t)(data[(field->bit + i) / 8] >> (field->bit + i) % 8 & 1) << i;
  if (field->least < 0 && field->size < 32 && value >> (field->size - 1) & 1)
    value |= ~0u << field->size;
  return (int32_t)value;
}

/* A variable usage's value in a report; each is within the limits that the descriptor has. */
static inline int32_t
hid_report_value (const HidReport *report, uint32_t usage, const uint8_t *data)
{
  for (unsigned i = 0; i < report->n; i++)
    {
      const HidField *field = &report->fields[i];

      if (field->usage != usage || field->output || !field->variable)
        continue;
      const int32_t value = hid_field_value (field, data);
      g_assert_cmpint (value, >=, field->least);
      g_assert_cmpint (value, <=, field->most);
      return value;
    }
  g_error ("the report has no usage %x", usage);
}

/* Whether an array of the report has the usage. */
static inline gboolean
hid_report_has (const HidReport *report, uint32_t usage, const uint8_t *data)
{
  for (unsigned i = 0; i < report->n; i++)
    {
      const HidField *field = &report->fields[i];

      if (field->variable || field->output || field->usage == 0 || usage < field->usage
          || usage > field->usage_most)
        continue;
      if ((field->usage & 0xffff0000u) + (uint32_t)hid_field_value (field, data) == usage)
        return TRUE;
    }
  return FALSE;
}
