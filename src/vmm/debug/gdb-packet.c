/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * GDB's packets.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/gdb-packet.h"

#include <string.h>

#define INTERRUPT 0x03

void
gdb_link_init (GdbLink *link)
{
  *link = (GdbLink){ g_byte_array_new (), g_byte_array_new (), g_byte_array_new (), FALSE };
}

void
gdb_link_clear (GdbLink *link)
{
  g_byte_array_unref (link->in);
  g_byte_array_unref (link->out);
  g_byte_array_unref (link->last);
}

void
gdb_link_feed (GdbLink *link, const void *data, size_t length)
{
  size_t room = GDB_MAX_INPUT - MIN (link->in->len, GDB_MAX_INPUT);

  g_byte_array_append (link->in, data, (guint)MIN (length, room));
}

static void
drop (GdbLink *link, size_t n)
{
  g_byte_array_remove_range (link->in, 0, (guint)n);
}

static void
put (GdbLink *link, const void *data, size_t length)
{
  g_byte_array_append (link->out, data, (guint)length);
}

static gboolean
is_sum (const uint8_t *packet, size_t length, const uint8_t *digits)
{
  uint8_t sum = 0, told;

  for (size_t i = 0; i < length; i++)
    sum = (uint8_t)(sum + packet[i]);
  return gdb_read_hex ((const char *)digits, 1, &told) && told == sum;
}

static void
unescape (GByteArray *packet, const uint8_t *data, size_t length)
{
  g_byte_array_set_size (packet, 0);
  for (size_t i = 0; i < length; i++)
    {
      uint8_t byte = data[i];

      if (byte == '}' && i + 1 < length)
        byte = data[++i] ^ 0x20;
      g_byte_array_append (packet, &byte, 1);
    }
  g_byte_array_append (packet, (const uint8_t *)"", 1);
  g_byte_array_set_size (packet, packet->len - 1);
}

gboolean
gdb_link_next (GdbLink *link, GByteArray *packet)
{
  while (link->in->len > 0)
    {
      const uint8_t *data = link->in->data, *end;
      size_t length;

      if (data[0] == '-' && !link->no_ack)
        put (link, link->last->data, link->last->len);
      if (data[0] != '$')
        {
          drop (link, 1); /* acknowledgements, interrupts, and what is nothing */
          continue;
        }
      end = memchr (data, '#', link->in->len);
      if (end == NULL && link->in->len > GDB_MAX_PACKET)
        {
          drop (link, 1);
          continue;
        }
      if (end == NULL || link->in->len - (size_t)(end - data) < 3)
        return FALSE;
      length = (size_t)(end - data) - 1;
      if (length > GDB_MAX_PACKET || !is_sum (data + 1, length, end + 1))
        {
          drop (link, length + 4);
          if (!link->no_ack)
            put (link, "-", 1);
          continue;
        }
      unescape (packet, data + 1, length);
      drop (link, length + 4);
      if (!link->no_ack)
        put (link, "+", 1);
      return TRUE;
    }
  return FALSE;
}

gboolean
gdb_link_interrupted (GdbLink *link)
{
  size_t n = 0;

  while (n < link->in->len && (link->in->data[n] == '+' || link->in->data[n] == '-'))
    n++;
  if (n < link->in->len && link->in->data[n] == INTERRUPT)
    {
      drop (link, n + 1);
      return TRUE;
    }
  return FALSE;
}

void
gdb_link_send (GdbLink *link, const void *data, size_t length)
{
  static const char digits[] = "0123456789abcdef";
  const uint8_t *bytes = data;
  uint8_t sum = 0;

  g_byte_array_set_size (link->last, 0);
  g_byte_array_append (link->last, (const uint8_t *)"$", 1);
  for (size_t i = 0; i < length && link->last->len <= GDB_MAX_PACKET; i++)
    {
      uint8_t pair[2] = { '}', bytes[i] ^ 0x20 };
      gboolean escaped = memchr ("$#}*", bytes[i], 4) != NULL;

      if (escaped)
        g_byte_array_append (link->last, pair, 2);
      else
        g_byte_array_append (link->last, &bytes[i], 1);
    }
  for (guint i = 1; i < link->last->len; i++)
    sum = (uint8_t)(sum + link->last->data[i]);
  const uint8_t tail[3] = { '#', (uint8_t)digits[sum >> 4], (uint8_t)digits[sum & 15] };
  g_byte_array_append (link->last, tail, 3);
  put (link, link->last->data, link->last->len);
}

void
gdb_link_send_text (GdbLink *link, const char *text)
{
  gdb_link_send (link, text, strlen (text));
}

void
gdb_append_hex (GString *text, const void *data, size_t length)
{
  for (size_t i = 0; i < length; i++)
    g_string_append_printf (text, "%02x", ((const uint8_t *)data)[i]);
}

gboolean
gdb_read_hex (const char *digits, size_t length, uint8_t *out)
{
  for (size_t i = 0; i < length; i++)
    {
      int high = g_ascii_xdigit_value (digits[2 * i]);
      int low = high >= 0 ? g_ascii_xdigit_value (digits[2 * i + 1]) : -1;

      if (low < 0)
        return FALSE;
      out[i] = (uint8_t)(high << 4 | low);
    }
  return TRUE;
}

gboolean
gdb_read_number (const char **p, uint64_t *value)
{
  const char *start = *p;
  int digit;

  *value = 0;
  for (; (digit = g_ascii_xdigit_value (**p)) >= 0; (*p)++)
    {
      if ((*value >> 60) != 0)
        return FALSE;
      *value = *value << 4 | (unsigned)digit;
    }
  return *p > start;
}
