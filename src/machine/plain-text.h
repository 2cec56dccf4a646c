/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text that a monitor, a guest, a log or a file's name brings, made harmless before a terminal or Pango gets it: valid UTF-8, no
 * control characters (Unicode's category Cc, so C0 with ESC, DEL and C1) but line ends and tabs, nothing that turns the text around it
 * (explicit directions, UAX #9) or ends a line or paragraph in its own way, and no more than so many bytes.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a sentence, a name or an error may have; a whole screen of text or the end of a log has more. */
#define VIV_PLAIN_MOST     4096
#define VIV_PLAIN_MOST_LOG (64 * 1024)

typedef enum
{
  VIV_PLAIN_DEFAULT = 0,
  VIV_PLAIN_KEEP_BYTES
  = 1
    << 0, /* bytes that are not UTF-8 stay, and directions: names of files, on their way to another program */
  VIV_PLAIN_LINE = 1 << 1, /* one line: ends of lines and tabs become spaces */
} VivPlainFlags;

/* `length` -1: up to its NUL.  In place of what may not be there stands U+FFFD; "…" ends what was cut.  CR before LF goes.  NULL for
 * NULL. */
char *viv_plain_text (const char *text, gssize length, gsize most, VivPlainFlags flags);
/* A copy with all strings in it made plain, and of each array and dictionary the first 1024 elements.  Sinks nothing; transfer
 * full. */
GVariant *viv_plain_variant (GVariant *value, gsize most, VivPlainFlags flags);
/* Makes an error's message plain, in place; NULL is fine. */
void viv_plain_error (GError *error);

G_END_DECLS
