/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/net-place.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#define LONGEST_NAME 32

gboolean
net_private_name_is_good (const char *name)
{
  const size_t length = strlen (name);

  if (length == 0 || length > LONGEST_NAME || !g_ascii_isalnum (name[0]))
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && *p != '-' && *p != '_')
      return FALSE;
  return TRUE;
}

gboolean
net_group_parse (const char *text, struct sockaddr_in *place)
{
  const char *colon = strchr (text, ':');
  g_autofree char *address = colon != NULL ? g_strndup (text, (gsize)(colon - text)) : NULL;
  guint64 port;

  if (colon == NULL || !g_ascii_isdigit (colon[1])
      || !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
    return FALSE;
  *place = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons ((uint16_t)port) };
  return inet_pton (AF_INET, address, &place->sin_addr) == 1 && IN_MULTICAST (ntohl (place->sin_addr.s_addr));
}

gboolean
net_interface_is_good (const char *name)
{
  const size_t length = strlen (name);

  if (length == 0 || length >= IFNAMSIZ || g_str_equal (name, ".") || g_str_equal (name, ".."))
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    if (*p == '/' || *p == ':' || *p == '%' || !g_ascii_isgraph (*p))
      return FALSE;
  return TRUE;
}
