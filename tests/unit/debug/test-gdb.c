/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * GDB's protocol: packets whole, damaged, cut and hostile; what each command answers and does.
 */
#include "fake-target.h"

#include <stdio.h>

typedef struct
{
  FakeMachine *fake;
  GdbStub *stub;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->fake = fake_machine_new ();
  f->stub = gdb_stub_new (&fake_target, f->fake, 2, data != NULL ? GDB_BITS_32 : GDB_BITS_64);
  gdb_stub_stopped (f->stub, NULL, GDB_SIGNAL_INT, NULL);
  g_assert_cmpuint (gdb_stub_link (f->stub)->out->len, ==, 0); /* nobody has asked yet */
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gdb_stub_free (f->stub);
  fake_machine_free (f->fake);
}

static void
feed (Fixture *f, const void *data, size_t length)
{
  gdb_link_feed (gdb_stub_link (f->stub), data, length);
}

static char *
take (Fixture *f)
{
  GByteArray *out = gdb_stub_link (f->stub)->out;
  char *text = g_strndup ((const char *)out->data, out->len);

  g_byte_array_set_size (out, 0);
  return text;
}

/* The answer to one packet, between $ and #; "" also if there was none. */
static char *
ask (Fixture *f, const char *packet)
{
  uint8_t sum = 0;
  g_autofree char *framed = NULL, *all = NULL;
  const char *begin, *end;

  for (const char *p = packet; *p != '\0'; p++)
    sum = (uint8_t)(sum + (uint8_t)*p);
  framed = g_strdup_printf ("$%s#%02x", packet, sum);
  feed (f, framed, strlen (framed));
  gdb_stub_work (f->stub);
  all = take (f);
  begin = strrchr (all, '$');
  end = begin != NULL ? strchr (begin, '#') : NULL;
  return end != NULL ? g_strndup (begin + 1, (gsize)(end - begin - 1)) : g_strdup ("");
}

static void
expect (Fixture *f, const char *packet, const char *wanted)
{
  g_autofree char *answer = ask (f, packet);

  g_assert_cmpstr (answer, ==, wanted);
}

static void
test_framing (Fixture *f, gconstpointer data)
{
  g_autofree char *answers = NULL, *again = NULL, *wrong = NULL;

  /* In pieces, with noise in front. */
  feed (f, "+++x\x03$", 6);
  gdb_stub_work (f->stub);
  feed (f, "?#3", 3);
  gdb_stub_work (f->stub);
  g_assert_cmpuint (gdb_stub_link (f->stub)->out->len, ==, 0);
  feed (f, "f", 1);
  g_assert_true (gdb_stub_work (f->stub));
  answers = take (f);
  g_assert_cmpstr (answers, ==, "+$T02thread:1;#d4");
  feed (f, "-", 1);
  gdb_stub_work (f->stub);
  again = take (f);
  g_assert_cmpstr (again, ==, "$T02thread:1;#d4");
  feed (f, "$?#00$?#zz", 10);
  gdb_stub_work (f->stub);
  wrong = take (f);
  g_assert_cmpstr (wrong, ==, "--");
  /* Acknowledgements end where that is agreed. */
  expect (f, "QStartNoAckMode", "OK");
  feed (f, "$?#3f", 5);
  gdb_stub_work (f->stub);
  g_free (again);
  again = take (f);
  g_assert_cmpstr (again, ==, "$T02thread:1;#d4");
}

static void
test_registers (Fixture *f, gconstpointer data)
{
  f->fake->states[0].gpr[CPU_RBX] = 0x1122334455667788;
  f->fake->states[1].gpr[CPU_RBX] = 5;
  /* rbx is the second. */
  expect (f, "p1", "8877665544332211");
  expect (f, "P1=0100000000000080", "OK");
  g_assert_cmphex (f->fake->states[0].gpr[CPU_RBX], ==, 0x8000000000000001);
  expect (f, "Hg2", "OK");
  expect (f, "p1", "0500000000000000");
  expect (f, "Hg3", "E16");
  /* The first instruction behind a reset is where the segment's base says. */
  expect (f, "p10", "f0ffffff00000000");
  expect (f, "P10=00f0ffff00000000", "OK");
  g_assert_cmphex (f->fake->states[1].rip, ==, 0xf000);
  /* Neither too long, too short, unknown nor what no processor can be in: paging without protection. */
  expect (f, "P1=01", "E16");
  expect (f, "P1=0100000000000000ff", "E16");
  expect (f, "Pff=01", "E16");
  expect (f, "pff", "E16");
  expect (f, "P", "E16");
  for (unsigned i = 0; i < gdb_registers_count (GDB_BITS_64); i++)
    {
      g_autofree char *packet = g_strdup_printf ("P%x=000000800000ffff", i);
      g_autofree char *answer = ask (f, packet);

      g_assert_true (cpu_state_check (&f->fake->states[1], NULL));
    }
}

static void
test_all_registers (Fixture *f, gconstpointer data)
{
  const GdbBits bits = data != NULL ? GDB_BITS_32 : GDB_BITS_64;
  CpuState before;
  g_autofree char *all = NULL, *again = NULL, *packet = NULL;
  size_t bytes = 0;
  uint8_t value[GDB_REGISTER_MOST];

  for (unsigned i = 0; i < CPU_N_GPRS; i++)
    f->fake->states[0].gpr[i] = 0x0101010101010101 * i;
  memset (f->fake->states[0].xsave + 32, 0x5a, 200);
  before = f->fake->states[0];
  all = ask (f, "g");
  again = ask (f, "g");
  g_assert_cmpstr (all, ==, again);
  for (unsigned i = 0; i < gdb_registers_count (bits); i++)
    bytes += gdb_register_get (bits, i, &before, value);
  g_assert_cmpuint (strlen (all), ==, 2 * bytes);
  g_assert_cmpmem (&f->fake->states[0], sizeof before, &before, sizeof before);
  /* Written back as they were nothing changes. */
  packet = g_strconcat ("G", all, NULL);
  expect (f, packet, "OK");
  g_assert_cmpmem (&f->fake->states[0], sizeof before, &before, sizeof before);
  expect (f, "G00", "E16");
  expect (f, "Gxx", "E16");
}

/* Upper halves: zero until AVX is on, whatever lies in the area; then what was set. */
static void
test_ymm (Fixture *f, gconstpointer data)
{
  CpuState *state = &f->fake->states[0];
  const char *xml = gdb_registers_xml (GDB_BITS_64);
  const char *entry = strstr (xml, "name=\"ymm3h\"");
  unsigned number = 0;

  g_assert_nonnull (strstr (xml, "<feature name=\"org.gnu.gdb.i386.avx\">"));
  g_assert_nonnull (entry);
  g_assert_nonnull (strstr (gdb_registers_xml (GDB_BITS_32), "ymm7h"));
  g_assert_null (strstr (gdb_registers_xml (GDB_BITS_32), "ymm8h"));
  g_assert_cmpint (sscanf (strstr (entry, "regnum="), "regnum=\"%u", &number), ==, 1);
  g_autofree char *read = g_strdup_printf ("p%x", number),
                  *write = g_strdup_printf ("P%x=0102030405060708090a0b0c0d0e0f10", number),
                  *clear = g_strdup_printf ("P%x=00000000000000000000000000000000", number);

  state->xcr0 = 3;
  state->xsave[512] = 3;
  memset (state->xsave + 576, 0x77, 256);
  expect (f, read, "00000000000000000000000000000000");
  expect (f, write, "E16");
  expect (f, clear, "OK");
  g_assert_cmphex (state->xsave[512], ==, 3);
  state->xcr0 = 7;
  expect (f, read, "00000000000000000000000000000000");
  expect (f, write, "OK");
  expect (f, read, "0102030405060708090a0b0c0d0e0f10");
  g_assert_cmphex (state->xsave[512], ==, 7);
  g_assert_cmphex (state->xsave[576 + 3 * 16], ==, 1);
  /* The others had been zero, and are. */
  g_assert_cmphex (state->xsave[576 + 4 * 16], ==, 0);
}

static void
test_description (Fixture *f, gconstpointer data)
{
  g_autofree char *whole = ask (f, "qXfer:features:read:target.xml:0,1fff");
  g_autoptr (GString) parts = g_string_new (NULL);
  const GdbBits bits = data != NULL ? GDB_BITS_32 : GDB_BITS_64;

  for (unsigned at = 0;; at += 0x100)
    {
      g_autofree char *question = g_strdup_printf ("qXfer:features:read:target.xml:%x,100", at);
      g_autofree char *part = ask (f, question);

      g_string_append (parts, part + 1);
      if (part[0] == 'l')
        break;
      g_assert_cmpint (part[0], ==, 'm');
    }
  /* Escapes are for the one who reads packets: there are none in XML. */
  g_assert_cmpstr (parts->str, ==, gdb_registers_xml (bits));
  g_assert_true (g_str_has_prefix (gdb_registers_xml (bits), whole + 1));
  expect (f, "qXfer:features:read:other.xml:0,100", "E00");
  expect (f, "qXfer:features:read:target.xml:fffff,100", "E16");
}

static void
test_memory (Fixture *f, gconstpointer data)
{
  g_autofree char *most = NULL;

  expect (f, "m10,4", "70777e85");
  expect (f, "M10,2:abcd", "OK");
  expect (f, "m10,4", "abcd7e85");
  /* $ # } * are escaped. */
  feed (f, "$X20,3:}\x03}\x04}]#2e", 16);
  gdb_stub_work (f->stub);
  g_free (take (f));
  g_assert_cmpmem (f->fake->memory + 0x20, 3, "#$}", 3);
  expect (f, "m20,3", "23247d");
  /* What isn't there, in part and as a whole; numbers that are none. */
  expect (f, "mffff,4", "f9");
  expect (f, "m10000,4", "E0e");
  expect (f, "Mffff,2:0000", "E0e");
  expect (f, "m", "E16");
  expect (f, "m10", "E16");
  expect (f, "m10,", "E16");
  expect (f, "m10,4x", "E16");
  expect (f, "m11112222333344445,4", "E16");
  expect (f, "M10,2:ab", "E16");
  expect (f, "M10,2:abxx", "E16");
  expect (f, "M10,ffffffffffffffff:ab", "E16");
  expect (f, "X10,ffffffff:", "E16");
  most = ask (f, "m0,ffffffffffffffff");
  g_assert_cmpuint (strlen (most), <=, GDB_MAX_PACKET);
  g_assert_cmpuint (strlen (most), >, 1000);
}

static void
test_points (Fixture *f, gconstpointer data)
{
  const EngineStop stop
      = { .kind = ENGINE_STOP_POINT, .cpu = 1, .point = ENGINE_POINT_WRITE, .address = 0x600 };
  const EngineStop code
      = { .kind = ENGINE_STOP_POINT, .cpu = 0, .point = ENGINE_POINT_EXECUTE, .address = 0x7c00 };
  g_autofree char *told = NULL, *code_told = NULL, *refused = NULL;

  expect (f, "Z0,7c00,1", "OK");
  expect (f, "Z0,7c00,1", "OK");
  expect (f, "Z2,600,4", "OK");
  g_assert_cmpuint (f->fake->debug.n_points, ==, 2);
  g_assert_cmphex (f->fake->debug.points[1].address, ==, 0x600);
  g_assert_cmpuint (f->fake->debug.points[1].length, ==, 4);
  expect (f, "vCont;c", "");
  g_assert_cmpuint (f->fake->n_resumed, ==, 1);
  g_assert_true (gdb_stub_waits (f->stub));
  gdb_stub_stopped (f->stub, &stop, GDB_SIGNAL_INT, NULL);
  told = take (f);
  g_assert_nonnull (strstr (told, "$T05thread:2;watch:600;#"));
  expect (f, "qC", "QC2");
  expect (f, "c", "");
  gdb_stub_stopped (f->stub, &code, GDB_SIGNAL_INT, NULL);
  code_told = take (f);
  g_assert_nonnull (strstr (code_told, "$T05thread:1;swbreak:;#"));
  expect (f, "Z1,1,1", "OK");
  expect (f, "Z3,1,1", "OK");
  refused = ask (f, "Z4,2,1");
  g_assert_cmpstr (refused, ==, "E.no more than 4");
  expect (f, "z3,1,1", "OK");
  expect (f, "Z4,2,1", "OK");
  expect (f, "Z5,2,1", "");
  expect (f, "Z2,2,100", "E16");
  expect (f, "Z2", "E16");
  expect (f, "z0,9999,1", "OK");
}

static void
test_stepping (Fixture *f, gconstpointer data)
{
  const EngineStop stop = { .kind = ENGINE_STOP_STEP, .cpu = 1 };
  g_autofree char *told = NULL;

  /* One steps, the other runs; one alone; all. */
  expect (f, "vCont;s:2;c", "");
  g_assert_cmphex (f->fake->debug.steps, ==, 2);
  g_assert_cmphex (f->fake->debug.stands, ==, 0);
  gdb_stub_stopped (f->stub, &stop, GDB_SIGNAL_INT, NULL);
  told = take (f);
  g_assert_nonnull (strstr (told, "T05thread:2;"));
  expect (f, "vCont;S05:2", "");
  g_assert_cmphex (f->fake->debug.steps, ==, 2);
  g_assert_cmphex (f->fake->debug.stands, ==, 1);
  gdb_stub_stopped (f->stub, &stop, GDB_SIGNAL_INT, NULL);
  g_free (take (f));
  expect (f, "vCont;c:-1", "");
  g_assert_cmphex (f->fake->debug.steps | f->fake->debug.stands, ==, 0);
  gdb_stub_stopped (f->stub, &stop, GDB_SIGNAL_INT, NULL);
  g_free (take (f));
  expect (f, "vCont", "");
  expect (f, "vCont;", "E16");
  expect (f, "vCont;x", "E16");
  expect (f, "vCont;s:9", "E16");
  expect (f, "vCont;C", "E16");
  expect (f, "vCont?", "vCont;c;C;s;S");
  g_assert_cmpuint (f->fake->n_resumed, ==, 3);
}

static void
test_running (Fixture *f, gconstpointer data)
{
  g_autofree char *told = NULL, *late = NULL;

  expect (f, "c", "");
  /* What comes while it runs waits; an interrupt doesn't. */
  feed (f, "\x03", 1);
  gdb_stub_work (f->stub);
  g_assert_cmpuint (f->fake->n_interrupted, ==, 1);
  feed (f, "$m10,4#2e", 9);
  gdb_stub_work (f->stub);
  g_assert_cmpuint (f->fake->n_read, ==, 0);
  gdb_stub_stopped (f->stub, NULL, GDB_SIGNAL_INT, "because");
  told = take (f);
  g_assert_nonnull (strstr (told, "T02thread:1;"));
  g_assert_nonnull (strstr (told, "O62656361757365")); /* the words */
  gdb_stub_work (f->stub);
  g_assert_cmpuint (f->fake->n_read, ==, 1);
  g_free (take (f));
  /* Somebody else lets it run: the next question stops it, and gets its answer alone. */
  gdb_stub_resumed (f->stub);
  feed (f, "$m10,4#2e", 9);
  gdb_stub_work (f->stub);
  g_assert_cmpuint (f->fake->n_interrupted, ==, 2);
  gdb_stub_stopped (f->stub, NULL, GDB_SIGNAL_INT, NULL);
  gdb_stub_work (f->stub);
  late = take (f);
  g_assert_cmpstr (late, ==, "+$70777e85#de");
  expect (f, "c", "");
  gdb_stub_ended (f->stub);
  g_free (told);
  told = take (f);
  g_assert_nonnull (strstr (told, "$W00#"));
  g_assert_false (gdb_stub_work (f->stub));
}

static void
test_questions (Fixture *f, gconstpointer data)
{
  g_autofree char *supported = ask (f, "qSupported:swbreak+;xmlRegisters=i386"), *words = NULL;

  g_assert_nonnull (strstr (supported, "qXfer:features:read+"));
  expect (f, "qfThreadInfo", "m1,2");
  expect (f, "qsThreadInfo", "l");
  expect (f, "qAttached", "1");
  expect (f, "T2", "OK");
  expect (f, "T3", "E16");
  expect (f, "qThreadExtraInfo,9", "E16");
  words = ask (f, "qThreadExtraInfo,2");
  g_assert_cmpuint (strlen (words), >, 10);
  expect (f, "qRcmd,68656c70", "OK");
  g_assert_cmpstr (f->fake->command, ==, "help");
  expect (f, "qRcmd,xx", "E16");
  expect (f, "Qvivarium.PhysicalMemory:1", "OK");
  expect (f, "Qvivarium.PhysicalMemory:2", "");
  expect (f, "vMustReplyEmpty", "");
  expect (f, "!", "");
  expect (f, "", "");
  expect (f, "k", "");
  g_assert_false (gdb_stub_work (f->stub));
}

static void
test_too_much (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *much = g_malloc (3 * GDB_MAX_INPUT);

  /* A packet without an end, and ones that are too long, are dropped, and what comes then is read. */
  memset (much, '$', 3 * GDB_MAX_INPUT);
  for (unsigned i = 0; i < 64; i++)
    {
      feed (f, much, GDB_MAX_INPUT / 2 + i);
      gdb_stub_work (f->stub);
      g_assert_cmpuint (gdb_stub_link (f->stub)->in->len, <=, GDB_MAX_PACKET + 1);
    }
  feed (f, "#00", 3);
  gdb_stub_work (f->stub);
  g_free (take (f));
  expect (f, "qAttached", "1");
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*run) (Fixture *f, gconstpointer data);
    gboolean both;
  } tests[] = {
    { "framing", test_framing, FALSE },
    { "registers", test_registers, FALSE },
    { "all-registers", test_all_registers, TRUE },
    { "ymm", test_ymm, FALSE },
    { "description", test_description, TRUE },
    { "memory", test_memory, FALSE },
    { "points", test_points, FALSE },
    { "stepping", test_stepping, FALSE },
    { "running", test_running, FALSE },
    { "questions", test_questions, FALSE },
    { "too-much", test_too_much, FALSE },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *name = g_strconcat ("/gdb/", tests[i].name, NULL),
                      *both = g_strconcat (name, "-32", NULL);

      g_test_add (name, Fixture, NULL, set_up, tests[i].run, tear_down);
      if (tests[i].both)
        g_test_add (both, Fixture, "32", set_up, tests[i].run, tear_down);
    }
  return g_test_run ();
}
