/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/net-forward.h"

#include <arpa/inet.h>
#include <string.h>

static gboolean
parse_port (const char *text, uint16_t *port)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, 65535, &number, NULL) || !g_ascii_isdigit (*text))
    return FALSE;
  *port = (uint16_t)number;
  return TRUE;
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT", ":PORT"; an address that isn't there is all 0.  `family` AF_UNSPEC: none. */
static gboolean
parse_end (const char *text, int *family, uint8_t address[16], uint16_t *port)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *host = NULL;

  if (colon == NULL || !parse_port (colon + 1, port))
    return FALSE;
  memset (address, 0, 16);
  *family = AF_UNSPEC;
  if (colon == text)
    return TRUE;
  if (text[0] == '[' && colon[-1] == ']' && colon - text > 2)
    {
      host = g_strndup (text + 1, (gsize)(colon - text - 2));
      *family = AF_INET6;
    }
  else
    {
      host = g_strndup (text, (gsize)(colon - text));
      *family = AF_INET;
    }
  return inet_pton (*family, host, address) == 1;
}

static gboolean
parse_one (const char *text, NetForward *forward)
{
  g_auto (GStrv) ends = g_strsplit (text, "-", 2);
  int host, guest;

  memset (forward, 0, sizeof *forward);
  if (g_strv_length (ends) != 2)
    return FALSE;
  if (!g_str_has_prefix (ends[0], "tcp:") && !g_str_has_prefix (ends[0], "udp:"))
    return FALSE;
  forward->udp = ends[0][0] == 'u';
  if (!parse_end (ends[0] + 4, &host, forward->host, &forward->host_port)
      || !parse_end (ends[1], &guest, forward->guest, &forward->guest_port))
    return FALSE;
  if (host == AF_UNSPEC && guest != AF_INET6)
    {
      static const uint8_t loopback[4] = { 127, 0, 0, 1 };

      host = AF_INET;
      memcpy (forward->host, loopback, sizeof loopback);
    }
  forward->ip6 = host == AF_INET6;
  /* What a guest has taken for itself by IPv6 nobody knows. */
  return host != AF_UNSPEC && (guest == host || (guest == AF_UNSPEC && host == AF_INET));
}

GArray *
net_forwards_parse (const char *text)
{
  g_autoptr (GArray) forwards = g_array_new (FALSE, FALSE, sizeof (NetForward));
  g_auto (GStrv) words = NULL;

  if (text == NULL || *text == '\0')
    return g_steal_pointer (&forwards);
  words = g_strsplit (text, ",", NET_MOST_FORWARDS + 1);
  for (unsigned i = 0; words[i] != NULL; i++)
    {
      NetForward forward;

      if (i >= NET_MOST_FORWARDS || !parse_one (g_strstrip (words[i]), &forward))
        return NULL;
      g_array_append_val (forwards, forward);
    }
  return g_steal_pointer (&forwards);
}
