/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A debugger that says anything: GDB's protocol, between the machine's stops.
 *
 * Input: bytes for the stub, as lines: each but those that begin with ! is framed as a packet, with its sum; behind ! come bytes as they are.  A ^ at a line's
 * beginning lets the machine stop first.
 */
#include "fuzz.h"

#include "../unit/debug/fake-target.h"

static void
feed_packet (GdbStub *stub, const uint8_t *data, size_t length)
{
  uint8_t sum = 0, tail[4];

  for (size_t i = 0; i < length; i++)
    sum = (uint8_t)(sum + data[i]);
  g_snprintf ((char *)tail, sizeof tail, "#%02x", sum);
  gdb_link_feed (gdb_stub_link (stub), "$", 1);
  gdb_link_feed (gdb_stub_link (stub), data, length);
  gdb_link_feed (gdb_stub_link (stub), tail, 3);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FakeMachine *fake = fake_machine_new ();
  GdbStub *stub = gdb_stub_new (&fake_target, fake, 2, length % 2 != 0 ? GDB_BITS_32 : GDB_BITS_64);
  const uint8_t *end = data + length;
  unsigned stops = 0;

  gdb_stub_stopped (stub, NULL, GDB_SIGNAL_INT, NULL);
  while (data < end)
    {
      const uint8_t *line_end = memchr (data, '\n', (size_t)(end - data));

      if (line_end == NULL)
        line_end = end;
      if (*data == '^' && gdb_stub_waits (stub))
        {
          const EngineStop stop
              = { .kind = stops % 4, .cpu = stops % 3, .point = stops % 3, .address = 0x7c00 };

          stops++;
          gdb_stub_stopped (stub, &stop, GDB_SIGNAL_TRAP, stops % 2 != 0 ? "words" : NULL);
        }
      data += data < line_end && *data == '^';
      if (data < line_end && *data == '!')
        gdb_link_feed (gdb_stub_link (stub), data + 1, (size_t)(line_end - data - 1));
      else
        feed_packet (stub, data, (size_t)(line_end - data));
      if (!gdb_stub_work (stub))
        break;
      if (!cpu_state_check (&fake->states[0], NULL) || gdb_stub_link (stub)->in->len > GDB_MAX_INPUT)
        g_critical ("a state that no processor can be in, or more input than there may be");
      g_byte_array_set_size (gdb_stub_link (stub)->out, 0);
      data = line_end + (line_end < end);
    }
  gdb_stub_free (stub);
  fake_machine_free (fake);
  return 0;
}

static void
make (void)
{
  static const char *const seeds[] = {
    "qSupported:swbreak+\nQStartNoAckMode\n?\ng\nqXfer:features:read:target.xml:0,100\nqfThreadInfo\nHg2\nqC",
    "m10,4\nM10,2:abcd\nX20,1:a\nZ0,7c00,1\nZ2,600,4\nvCont;c\n^\nz0,7c00,1\nvCont;s:1;c\n^c\n^D",
    "p1\nP1=0100000000000000\nP10=00f0ffff00000000\nG0000\nqRcmd,68656c70\nqThreadExtraInfo,1",
    "!+-\x03$?#3f\n!$?#00\n!$\n!#\ns\n^S05;100\n^C05\nk",
  };
  static const char *const words[] = { "vCont;", "qXfer:features:read:target.xml:",
                                       "qRcmd,", "Hc-1",
                                       "}\x03",  "ffffffffffffffff",
                                       "Z4,",    ";c",
                                       "^",      "!" };

  for (unsigned i = 0; i < G_N_ELEMENTS (seeds); i++)
    fuzz_seed (seeds[i], strlen (seeds[i]));
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    fuzz_word_text (words[i]);
}

const FuzzTarget fuzz_target = {
  .room = "vmm/debug/gdb-memory.c vmm/debug/gdb-packet.c vmm/debug/gdb-stub.c vmm/debug/gdb-registers.c",
  .max_length = 4096,
  .make = make,
};
