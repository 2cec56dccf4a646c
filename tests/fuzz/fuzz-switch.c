/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Machines on a private network, and a stream beside a card, that say what they like.
 *
 * Input: a byte for the kind of switch (1: machines, or two ends; 2: without patience; 4: the other end is datagrams, not a stream); then steps of a byte for what is done and by whom, and two for its length; packets are the input's next bytes, as far as
 * they go.
 */
#include "fuzz.h"

#include "switch/switch.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_STEPS 200
#define N_MEMBERS  4u

static int ends[N_MEMBERS];

static void
join (Switch *self, unsigned i, SwitchKind kind)
{
  int pair[2];

  if (socketpair (AF_UNIX,
                  kind == SWITCH_STREAM ? SOCK_STREAM
                  : kind == SWITCH_PAIR ? SOCK_DGRAM
                                        : SOCK_SEQPACKET,
                  0, pair)
      != 0)
    abort ();
  ends[i] = pair[0];
  if (!switch_add (self, pair[1], kind))
    abort ();
}

static void
step (Switch *self, FuzzBytes *bytes, gboolean stream)
{
  static uint8_t packet[SWITCH_LONGEST + 16];
  const uint8_t what = fuzz_u8 (bytes);
  const unsigned who = what % (stream ? 2 : N_MEMBERS);
  size_t length = fuzz_u16 (bytes), given;

  switch (what >> 4 & 3)
    {
    case 0: /* a packet */
    case 1:
      if (what & 0x80)
        length += 16; /* up to the longest, and beyond */
      length = MIN (length, sizeof packet);
      given = MIN (length, bytes->length);
      memcpy (packet, bytes->data, given);
      memset (packet + given, 0, length - given);
      bytes->data += given;
      bytes->length -= given;
      (void)!send (ends[who], packet, length, MSG_DONTWAIT | MSG_NOSIGNAL);
      break;
    case 2: /* somebody reads */
      for (unsigned i = 0; i < (length & 0xff); i++)
        if (recv (ends[who], packet, sizeof packet, MSG_DONTWAIT) <= 0)
          break;
      break;
    default: /* leaves, and comes again */
      if (stream)
        break;
      close (ends[who]);
      switch_turn (self, 0);
      join (self, who, SWITCH_PACKETS);
      break;
    }
  if (what & 0x40)
    switch_turn (self, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  const uint8_t kind = fuzz_u8 (&bytes);
  const gboolean stream = kind & 1;
  const SwitchKind other = kind & 4 ? SWITCH_PAIR : SWITCH_STREAM;
  const unsigned n = stream ? 2 : N_MEMBERS;
  Switch *self = switch_new (&(SwitchConfig){ .header = stream ? 0 : 10, .patient = stream && !(kind & 2) });

  for (unsigned i = 0; i < n; i++)
    join (self, i, stream && i == 1 ? other : SWITCH_PACKETS);
  for (unsigned i = 0; i < MOST_STEPS && bytes.length > 0; i++)
    step (self, &bytes, stream);
  for (unsigned i = 0; i < 4; i++)
    switch_turn (self, 0);
  for (unsigned i = 0; i < n; i++)
    close (ends[i]);
  switch_free (self);
  return 0;
}

static void
put (GByteArray *all, uint8_t what, unsigned length, const char *bytes, size_t n)
{
  const uint8_t head[] = { what, (uint8_t)length, (uint8_t)(length >> 8) };

  g_byte_array_append (all, head, sizeof head);
  g_byte_array_append (all, (const guint8 *)bytes, (guint)n);
}

#define FRAME "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\1\x88\xb5"
#define TO_1  "\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5"
#define EMPTY "\0\0\0\0\0\0\0\0\0\0"

static void
make (void)
{
  g_autoptr (GByteArray) machines = g_byte_array_new (), stream = g_byte_array_new ();

  g_byte_array_append (machines, (const guint8 *)"", 1);
  put (machines, 0x40, 60, EMPTY FRAME "hello", 29);
  put (machines, 0x41, 24, EMPTY TO_1, 24);
  put (machines, 0x60, 9, "", 0);
  put (machines, 0xc2, 65000, EMPTY TO_1, 24);
  put (machines, 0x70, 0, "", 0);
  put (machines, 0x43, 24, EMPTY TO_1, 24);
  fuzz_seed (machines->data, machines->len);
  g_byte_array_append (stream, (const guint8 *)"\1", 1);
  put (stream, 0x40, 14, FRAME, 14);
  put (stream, 0x41, 36, "\0\0\0\x0e" TO_1 "\0\0\0\x0e" TO_1, 36);
  put (stream, 0x41, 10, "\0\0\1\0abcdef", 10);
  put (stream, 0xc1, 65000, "", 0);
  put (stream, 0x61, 9, "", 0);
  put (stream, 0x41, 4, "\xff\xff\xff\xff", 4);
  for (guint8 more = 0; more < 4; more++)
    {
      stream->data[0] = (guint8)(1 | more << 1);
      fuzz_seed (stream->data, stream->len);
    }
  fuzz_word ("\x02\0\0\0\0\1", 6);
  fuzz_word ("\xff\xff\xff\xff\xff\xff", 6);
  fuzz_word (EMPTY, 10);
}

const FuzzTarget fuzz_target = { .room = "switch", .max_length = 4096, .make = make };
