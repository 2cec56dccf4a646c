/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets of GDB's remote serial protocol ("Debugging with GDB", appendix E.1): framing, checksums, acknowledgements, escapes.  What comes in is
 * a stranger's.
 *
 * Threads: one at a time; nothing blocks.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Of what is between $ and #, both ways. */
#define GDB_MAX_PACKET 0x4000u
/* What waits at most to be understood; who reads the socket stops there. */
#define GDB_MAX_INPUT (4u * GDB_MAX_PACKET)

typedef struct
{
  GByteArray *in;   /* not understood yet */
  GByteArray *out;  /* to be sent: who sends takes it from the front */
  GByteArray *last; /* the last packet as it was sent, for who asks for it once more */
  gboolean no_ack;
} GdbLink;

void gdb_link_init (GdbLink *link);
void gdb_link_clear (GdbLink *link);
/* What is beyond GDB_MAX_INPUT is lost. */
void gdb_link_feed (GdbLink *link, const void *data, size_t length);
/* The next packet, without escapes, in `packet`, with a 0 behind it that does not count; FALSE: there is no whole one.  Damaged ones are asked for again, lone
 * interrupts (0x03) skipped. */
gboolean gdb_link_next (GdbLink *link, GByteArray *packet);
/* Whether the next that came is an interrupt, which is taken; packets stay. */
gboolean gdb_link_interrupted (GdbLink *link);
/* Of at most GDB_MAX_PACKET bytes; more is cut. */
void gdb_link_send (GdbLink *link, const void *data, size_t length);
void gdb_link_send_text (GdbLink *link, const char *text);

/* Lower-case hexadecimal digits, two a byte, behind `text`. */
void gdb_append_hex (GString *text, const void *data, size_t length);
/* As many bytes as `length` pairs of digits; FALSE: there are other characters. */
gboolean gdb_read_hex (const char *digits, size_t length, uint8_t *out);
/* A number in hexadecimal; moves `*p` behind it.  FALSE: there is none, or one of more than 64 bits. */
gboolean gdb_read_number (const char **p, uint64_t *value);

G_END_DECLS
