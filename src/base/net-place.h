/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a network card leads besides the user network, as people and machine.ini write it.
 */
#pragma once

#include <glib.h>
#include <netinet/in.h>

G_BEGIN_DECLS

/* Of net0.network where none is set. */
#define NET_PRIVATE_NAME "private"
#define NET_GROUP        "239.255.86.77:5886"

/* A private network's: a letter or digit and up to 31 more of these, “-” and “_”. */
gboolean net_private_name_is_good (const char *name);
/* ADDRESS:PORT of a multicast group (RFC 5771). */
gboolean net_group_parse (const char *text, struct sockaddr_in *place);

/* One end of a connection between two computers. */
typedef struct
{
  union
  {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
  };
  socklen_t length;
} NetEndpoint;

/* ADDRESS:PORT or [ADDRESS]:PORT, of IPv4 or IPv6 and of one computer: no name is looked up, and a group is none. */
gboolean net_endpoint_parse (const char *text, NetEndpoint *endpoint);
/* Of an interface of the host: 1 to 15 bytes without “/”, “:” and blanks. */
gboolean net_interface_is_good (const char *name);

G_END_DECLS
