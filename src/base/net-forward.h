/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ports of this computer that lead to a guest, as people and machine.ini write them: a list
 *
 *   PROTOCOL:[ADDRESS]:PORT-[GUEST]:PORT,…      tcp:127.0.0.1:2222-:22,udp::5353-10.0.2.15:53,tcp:[::1]:8080-[fec0::15]:80
 *
 * PROTOCOL is tcp or udp.  Without ADDRESS the port is open on this computer only (127.0.0.1); 0.0.0.0 and [::] are all of its addresses.  Without GUEST
 * it is the address that the guest gets by DHCP.  Addresses are numbers, of the same kind on both sides.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define NET_MOST_FORWARDS 64u

typedef struct
{
  gboolean udp, ip6;
  uint8_t host[16], guest[16]; /* as on the wire, 4 bytes or 16; `guest` 0: the address by DHCP */
  uint16_t host_port, guest_port;
} NetForward;

/* Of NetForward; an empty text is an empty list.  NULL: it is none, or one too long. */
GArray *net_forwards_parse (const char *text);

G_END_DECLS
