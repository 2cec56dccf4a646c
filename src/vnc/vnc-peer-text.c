/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The clipboard of a VNC client, both ways, and what is too long of it.  On the client's thread.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "vnc/vnc-peer-private.h"

#include <string.h>
#include <sys/socket.h>

#define MAX_CUT_TEXT     (1 << 20)
#define MAX_DRAINED_TEXT (1 << 28) /* nobody's clipboard */

/* -- From the client -- */

static void
post_text (rfbClientRec *client, char *text)
{
  if (text && *text)
    vnc_peer_post (vnc_peer_of (client), &(VncPeerEvent){ .type = VNC_PEER_CLIPBOARD, .text = text });
  else
    g_free (text);
}

void
vnc_peer_on_cut_text (char *text, int len, rfbClientRec *client)
{
  if (len > 0)
    post_text (client, g_convert (text, len, "UTF-8", "ISO-8859-1", NULL, NULL, NULL));
}

void
vnc_peer_on_cut_text_utf8 (char *text, int len, rfbClientRec *client)
{
  if (len > 0)
    post_text (client, g_utf8_make_valid (text, strnlen (text, len)));
}

/* libvncserver hangs up on more than 1 MiB.  TRUE: it was such a message, and is done with. */
gboolean
vnc_peer_take_long_text (VncPeer *peer)
{
  rfbClientRec *client = peer->client;
  gint64 end = g_get_monotonic_time () + VNC_PEER_IO_MS * G_TIME_SPAN_MILLISECOND;
  rfbClientCutTextMsg message;
  g_autofree char *text = NULL;
  char rest[16384];
  uint32_t length, kept;
  gboolean full;

  /* Looked at only: what is not too long is libvncserver's. */
  while (recv (client->sock, &message, sizeof message, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)sizeof message)
    {
      if (vnc_peer_stopping (peer, &full) || g_get_monotonic_time () > end)
        return FALSE;
      g_usleep (2000);
    }
  length = GUINT32_FROM_BE (message.length);
  /* The extended clipboard's lengths are negative; what it holds is compressed and can't be cut. */
  kept = length & 0x80000000u ? 0 : MAX_CUT_TEXT;
  if (kept == 0)
    length = -length;
  if (length <= MAX_CUT_TEXT)
    return FALSE;
  text = g_malloc (kept + 1);
  if (length > MAX_DRAINED_TEXT || rfbReadExact (client, (char *)&message, sizeof message) <= 0
      || (kept > 0 && rfbReadExact (client, text, kept) <= 0))
    {
      rfbCloseClient (client);
      return TRUE;
    }
  for (uint32_t left = length - kept; left > 0;)
    {
      uint32_t n = MIN (left, sizeof rest);

      if (vnc_peer_stopping (peer, &full) || rfbReadExact (client, rest, n) <= 0)
        {
          rfbCloseClient (client);
          return TRUE;
        }
      left -= n;
    }
  vnc_peer_post (
      peer, &(VncPeerEvent){ .type = VNC_PEER_NOTE,
                             .text = g_strdup_printf (kept > 0 ? "its clipboard of %u bytes was cut to 1 MiB"
                                                               : "its clipboard of %u bytes was refused",
                                                      length) });
  if (kept > 0 && !client->viewOnly)
    vnc_peer_on_cut_text (text, kept, client);
  return TRUE;
}

/* -- To the client -- */

/* To what other programs take (libvncclient hangs up on more), at a character's end. */
static gboolean
cut_text (char *text)
{
  const char *end;

  if (strlen (text) <= MAX_CUT_TEXT)
    return FALSE;
  g_utf8_validate_len (text, MAX_CUT_TEXT, &end);
  text[end - text] = 0;
  return TRUE;
}

void
vnc_peer_send_text (VncPeer *peer, char *text)
{
  g_autofree char *latin1 = NULL;
  gsize len = 0;

  if (cut_text (text))
    vnc_peer_post (
        peer, &(VncPeerEvent){ .type = VNC_PEER_NOTE, .text = g_strdup ("gets the clipboard cut to 1 MiB") });
  latin1 = g_convert_with_fallback (text, -1, "ISO-8859-1", "UTF-8", "?", NULL, &len, NULL);
  if (latin1 && peer->client->enableExtendedClipboard)
    rfbSendServerCutTextUTF8 (peer->screen, text, strlen (text), latin1, len);
  else if (latin1)
    rfbSendServerCutText (peer->screen, latin1, len);
}
