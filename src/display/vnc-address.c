/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Addresses of VNC servers, as text.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "display/vnc-address.h"

#include <string.h>

#define UNIX_PREFIX "unix:"

void
vnc_address_clear (VncAddress *address)
{
  g_free (address->host);
  g_free (address->path);
  *address = (VncAddress){ 0 };
}

gboolean
vnc_address_parse (const char *text, uint16_t default_port, VncAddress *address)
{
  const char *colon, *end;
  guint64 port = default_port;

  *address = (VncAddress){ 0 };
  if (g_str_has_prefix (text, UNIX_PREFIX))
    {
      address->path = g_strdup (text + strlen (UNIX_PREFIX));
      return TRUE;
    }
  colon = strrchr (text, ':');
  /* A colon belongs to a bare IPv6 address if there are more of them, and to one in brackets if it stands there. */
  if (colon && (strchr (colon, ']') || (*text != '[' && strchr (text, ':') != colon)))
    colon = NULL;
  if (colon ? !g_ascii_string_to_unsigned (colon + 1, 10, 0, 65535, &port, NULL) : default_port == 0)
    return FALSE;
  end = colon ? colon : text + strlen (text);
  if (*text == '[')
    {
      if (end < text + 2 || end[-1] != ']')
        return FALSE;
      text++;
      end--;
    }
  if (strcspn (text, "[] ") < (size_t)(end - text))
    return FALSE;
  address->host = g_strndup (text, end - text);
  address->port = port;
  return TRUE;
}

static gboolean
is_any (const char *host)
{
  return *host == '\0' || g_str_equal (host, "0.0.0.0") || g_str_equal (host, "::");
}

static gboolean
names_loopback (const char *host)
{
  return g_ascii_strcasecmp (host, "localhost") == 0 || g_str_equal (host, "127.0.0.1")
         || g_str_equal (host, "::1");
}

gboolean
vnc_address_meets (const VncAddress *a, const VncAddress *b)
{
  if (a->path != NULL || b->path != NULL)
    return g_strcmp0 (a->path, b->path) == 0;
  return a->port == b->port
         && (g_ascii_strcasecmp (a->host, b->host) == 0 || is_any (a->host) || is_any (b->host)
             || (names_loopback (a->host) && names_loopback (b->host)));
}
