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

/* The address before the last colon, and the port behind it; NULL: it isn't of this form. */
static char *
split_port (const char *text, in_port_t *port)
{
  const char *colon = strrchr (text, ':');
  guint64 number;

  if (colon == NULL || !g_ascii_isdigit (colon[1])
      || !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &number, NULL))
    return NULL;
  *port = htons ((uint16_t)number);
  return g_strndup (text, (gsize)(colon - text));
}

gboolean
net_group_parse (const char *text, struct sockaddr_in *place)
{
  in_port_t port = 0;
  g_autofree char *address = split_port (text, &port);

  *place = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
  return address != NULL && inet_pton (AF_INET, address, &place->sin_addr) == 1
         && IN_MULTICAST (ntohl (place->sin_addr.s_addr));
}

gboolean
net_endpoint_parse (const char *text, NetEndpoint *endpoint)
{
  in_port_t port = 0;
  g_autofree char *address = split_port (text, &port);
  const size_t length = address != NULL ? strlen (address) : 0;

  if (length > 2 && address[0] == '[' && address[length - 1] == ']')
    {
      address[length - 1] = '\0';
      *endpoint = (NetEndpoint){ .ip6 = { .sin6_family = AF_INET6, .sin6_port = port },
                                 .length = sizeof endpoint->ip6 };
      return inet_pton (AF_INET6, address + 1, &endpoint->ip6.sin6_addr) == 1
             && !IN6_IS_ADDR_MULTICAST (&endpoint->ip6.sin6_addr);
    }
  *endpoint
      = (NetEndpoint){ .ip4 = { .sin_family = AF_INET, .sin_port = port }, .length = sizeof endpoint->ip4 };
  return length > 0 && inet_pton (AF_INET, address, &endpoint->ip4.sin_addr) == 1
         && !IN_MULTICAST (ntohl (endpoint->ip4.sin_addr.s_addr))
         && endpoint->ip4.sin_addr.s_addr != INADDR_BROADCAST;
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
