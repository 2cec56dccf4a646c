/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The clipboard, both ways, and what is too long of it.  On the connection's thread.
 */
#define G_LOG_DOMAIN "viv-vnc-client"

#include "display/vnc-client-private.h"

#include <string.h>

#define MAX_CUT_TEXT (1 << 20) /* more would end the connection at many servers */

static void
on_cut_text (rfbClient *rfb, const char *text, int len)
{
  VncClientEvent event = { .type = EVENT_CLIPBOARD };

  if (len <= 0)
    return;
  event.text = g_convert (text, len, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
  if (event.text)
    vnc_client_post (vnc_client_of (rfb), &event);
}

/* Kept as far as it is reasonable, and the rest read. */
gboolean
vnc_client_read_cut_text (VncClient *client)
{
  rfbClient *rfb = client->rfb;
  rfbServerCutTextMsg message;
  g_autofree char *text = NULL;
  char rest[16384];
  uint32_t length, kept;

  if (!ReadFromRFBServer (rfb, (char *)&message, sz_rfbServerCutTextMsg))
    return FALSE;
  length = GUINT32_FROM_BE (message.length);
  kept = MIN (length, MAX_CUT_TEXT);
  text = g_malloc (kept + 1);
  if (kept > 0 && !ReadFromRFBServer (rfb, text, kept))
    return FALSE;
  if (length > kept)
    g_message ("the clipboard of %s, of %u bytes, was cut to 1 MiB", client->host, length);
  for (length -= kept; length > 0;)
    {
      uint32_t n = MIN (length, sizeof rest);

      if (g_cancellable_is_cancelled (client->cancellable) || !ReadFromRFBServer (rfb, rest, n))
        return FALSE;
      length -= n;
    }
  on_cut_text (rfb, text, kept);
  return TRUE;
}

gboolean
vnc_client_send_text (VncClient *client, const char *text)
{
  gsize len = 0;
  g_autofree char *latin1 = g_convert_with_fallback (text, -1, "ISO-8859-1", "UTF-8", "?", NULL, &len, NULL);

  if (len > MAX_CUT_TEXT)
    g_message ("%s gets the clipboard cut to 1 MiB", client->host);
  return latin1 == NULL || SendClientCutText (client->rfb, latin1, MIN (len, MAX_CUT_TEXT));
}
