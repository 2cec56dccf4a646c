/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Addresses of VNC servers, as text.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct
{
  char *host; /* a name or a number, without brackets; "": any; NULL: a UNIX socket */
  char *path; /* of a UNIX socket */
  uint16_t port;
} VncAddress;

/* "127.0.0.1:5901", "[::1]:5901", "name:5901", ":5901", "unix:/path".  With a `default_port` above 0 the port may be left out, and then a bare
 * "::1" is a host too; else it must be there.  FALSE: it is none; nothing is to be freed then.  Looks nothing up. */
gboolean vnc_address_parse (const char *text, uint16_t default_port, VncAddress *address);
void vnc_address_clear (VncAddress *address);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VncAddress, vnc_address_clear)

/* Whether two that listen there might be in each other's way: the same path, or the same port of the same host, of any, or of this computer by
 * two of its names. */
gboolean vnc_address_meets (const VncAddress *a, const VncAddress *b);

G_END_DECLS
