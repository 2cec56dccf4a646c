/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The makers' differences without their processors: cases of which an Intel host's answer is known.  The software processor answers as
 * AMD's does; that answer is accepted of an AMD host, Intel's of an Intel host, both of an unknown one, and no third of any.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "masks.h"

#include <string.h>

typedef struct
{
  uint64_t seed, number;
  const char *code; /* hexadecimal: what the generator makes of seed and number */
  uint64_t operand;
  int32_t soft, intel; /* vectors */
  uint32_t soft_error, intel_error;
  uint64_t soft_address, intel_address;
  /* What else an Intel processor has changed. */
  void (*intel_state) (const FuzzCase *c, FuzzResult *r);
} Known;

static uint16_t
get16 (const uint8_t *p)
{
  return (uint16_t)(p[0] | p[1] << 8);
}

static void
put16 (uint8_t *p, unsigned value)
{
  p[0] = (uint8_t)value;
  p[1] = (uint8_t)(value >> 8);
}

/* The registers were made MMX ones before the store: top 0, all in use.  The image has them by their distance from the top. */
static void
mmx_entered (const FuzzCase *c, FuzzResult *r)
{
  unsigned fsw = get16 (c->in.fx + FX_FSW), top = fsw >> 11 & 7;

  for (unsigned i = 0; i < 8; i++)
    memcpy (r->out.fx + FX_ST + 16 * i, c->in.fx + FX_ST + 16 * ((i - top) & 7), 10);
  put16 (r->out.fx + FX_FSW, fsw & ~0x3800u);
  r->out.fx[FX_FTW] = 0xff;
}

/* Invalid operation by a stack fault, pending; nothing stored, nothing popped. */
static void
stack_fault_pending (const FuzzCase *c, FuzzResult *r)
{
  uint64_t fip = c->in.rip;

  g_assert_cmphex (c->in.fx[FX_FTW], ==, 0);
  g_assert_cmphex (get16 (c->in.fx + FX_FCW) & 1, ==, 0);
  put16 (r->out.fx + FX_FSW, (get16 (c->in.fx + FX_FSW) & ~0x200u) | 0x80c1);
  put16 (r->out.fx + FX_FOP, 0x73c);
  memcpy (r->out.fx + FX_FIP, &fip, 8);
  memcpy (r->out.fx + FX_FDP, &c->operand, 8);
  r->out.rip = c->in.rip + c->length;
}

/* RCX, RSI and RDI written back with 32 bits. */
static void
halves_cleared (const FuzzCase *c G_GNUC_UNUSED, FuzzResult *r)
{
  r->out.gpr[1] = (uint32_t)r->out.gpr[1];
  r->out.gpr[6] = (uint32_t)r->out.gpr[6];
  r->out.gpr[7] = (uint32_t)r->out.gpr[7];
}

static const Known known[] = {
  { 1, 7548, "0f7f4816", 0x1ffffff7, 14, 14, 6, 6, 0x1ffffff7, 0x1ffffff7, mmx_entered },
  { 1, 12263, "6651", 0, 12, 14, 0, 6, 0, 0xffffffff, NULL },
  { 1, 18504, "df3c47", 0x1ffffffc, 14, -1, 6, 0, 0x1ffffffc, 0, stack_fault_pending },
  { 2, 19268, "670f7f24f9", 0x20000ffa, 14, 14, 7, 7, 0x20001000, 0x20001000, mmx_entered },
  { 2, 25628, "0fe72e", 0x20001ffb, 14, 14, 7, 7, 0x20001ffb, 0x20001ffb, mmx_entered },
  { 2, 25906, "2ef3a5", 0, 13, 14, 0, 6, 0, 0xffffffff, NULL },
  { 3, 12451, "676650", 0, 12, 14, 0, 6, 0, 0xffffffff, NULL },
  { 3, 15281, "0fe7248c", 0x1ffffffc, 14, 14, 6, 6, 0x1ffffffc, 0x1ffffffc, mmx_entered },
  { 3, 25909, "6215f91f0020", 0x20001ff9, 14, 5, 4, 0, 0x20002000, 0, NULL },
  { 3, 27134, "66f267a5", 0, 14, 14, 6, 6, 0x84848484, 0x84848484, halves_cleared },
};

static void
run (const Known *k, FuzzBatch *batch, FuzzResult *soft)
{
  static uint8_t page[FUZZ_PAGE];
  FuzzOptions options = { .seed = k->seed, .only = -1, .low = TRUE, .compat = TRUE, .fsgsbase = TRUE };
  g_autoptr (GString) hex = g_string_new (NULL);
  FuzzCase *c = &batch->cases[0];

  batch->n_cases = 1;
  fuzz_generate (&options, k->number, 0, (unsigned)(k->number % FUZZ_BATCH), c);
  for (unsigned i = 0; i < c->length; i++)
    g_string_append_printf (hex, "%02x", c->code[i]);
  g_assert_cmpstr (hex->str, ==, k->code);
  g_assert_cmphex (c->operand, ==, k->operand);
  fuzz_fill_code (batch, page);
  fuzz_soft_code (0, page);
  fuzz_soft_run (c, soft);
}

static void
test_known (gconstpointer data)
{
  const Known *k = data;
  g_autofree FuzzBatch *batch = g_new0 (FuzzBatch, 1);
  g_autofree FuzzResult *soft = g_new0 (FuzzResult, 1), *intel = g_new0 (FuzzResult, 1);
  const FuzzCase *c = &batch->cases[0];

  run (k, batch, soft);
  g_assert_cmpint (soft->vector, ==, k->soft);
  g_assert_cmphex (soft->error, ==, k->soft_error);
  g_assert_cmphex (soft->address, ==, k->soft_address);
  g_assert_cmphex (soft->out.rip, ==, c->in.rip);

  *intel = *soft;
  intel->vector = k->intel;
  intel->error = k->intel_error;
  intel->address = k->intel_address;
  if (k->intel_state != NULL)
    k->intel_state (c, intel);

  g_assert_true (fuzz_equal (FUZZ_AMD, c, soft, soft));
  g_assert_false (fuzz_equal (FUZZ_AMD, c, intel, soft));
  g_assert_true (fuzz_equal (FUZZ_INTEL, c, intel, soft));
  g_assert_true (fuzz_equal (FUZZ_INTEL, c, soft, soft));
  g_assert_true (fuzz_equal (FUZZ_ANY_VENDOR, c, intel, soft));
  g_assert_true (fuzz_equal (FUZZ_ANY_VENDOR, c, soft, soft));

  /* A third answer is one of nobody. */
  for (unsigned i = 0; i < 9; i++)
    {
      FuzzResult other = *intel;

      switch (i)
        {
        case 0:
          other.vector = other.vector == 6 ? 7 : 6;
          break;
        case 1:
          other.address ^= 0x10000;
          break;
        case 2:
          other.out.gpr[1] ^= 1;
          break;
        case 3:
          other.out.rip++;
          break;
        case 4:
          other.out.rflags ^= FUZZ_CF;
          break;
        case 5:
          other.memory[100] ^= 1;
          break;
        case 6:
          put16 (other.out.fx + FX_FSW, get16 (other.out.fx + FX_FSW) ^ 0x1000); /* TOP */
          break;
        case 7:
          other.out.fx[FX_FTW] ^= 0x10;
          break;
        default:
          other.out.fx[FX_ST + 16 * 3] ^= 1;
          break;
        }
      g_assert_false (fuzz_equal (FUZZ_INTEL, c, &other, soft));
      g_assert_false (fuzz_equal (FUZZ_ANY_VENDOR, c, &other, soft));
    }
}

/* Hosts with linear addresses of 57 bits. */
static void
test_wide (void)
{
  static const uint8_t load[] = { 0x48, 0x8b, 0x01 }; /* mov (%rcx), %rax */
  static const FuzzTemplate template
      = { .name = "mov", .klass = FUZZ_CLASS_MOVE, .opcode = 0x8b, .digit = -1 };
  static uint8_t page[FUZZ_PAGE];
  g_autofree FuzzBatch *batch = g_new0 (FuzzBatch, 1);
  g_autofree FuzzResult *soft = g_new0 (FuzzResult, 1), *native = g_new0 (FuzzResult, 1);
  FuzzCase *c = &batch->cases[0];

  batch->n_cases = 1;
  c->template = &template;
  c->length = sizeof load;
  memcpy (c->code, load, sizeof load);
  c->in.gpr[1] = (uint64_t)1 << 50;
  c->in.rflags = 0x202;
  put16 (c->in.fx + FX_FCW, 0x37f);
  put16 (c->in.fx + FX_MXCSR, 0x1f80);
  c->in.rip = fuzz_code_address (0, 0, c);
  fuzz_fill_code (batch, page);
  fuzz_soft_code (0, page);
  fuzz_soft_run (c, soft);
  g_assert_cmpint (soft->vector, ==, 13);
  *native = *soft;
  native->vector = 14;
  native->error = 4;
  native->address = c->in.gpr[1];
  g_assert_true (fuzz_equal (FUZZ_AMD, c, native, soft));
  native->address = (uint64_t)1 << 60; /* that is none there either */
  g_assert_false (fuzz_equal (FUZZ_AMD, c, native, soft));
  native->address = 1 << 20;
  g_assert_false (fuzz_equal (FUZZ_AMD, c, native, soft));
}

static void
test_vendor (void)
{
  g_assert_cmpint (fuzz_vendor ("AuthenticAMD"), ==, FUZZ_AMD);
  g_assert_cmpint (fuzz_vendor ("GenuineIntel"), ==, FUZZ_INTEL);
  g_assert_cmpint (fuzz_vendor ("  Shanghai  "), ==, FUZZ_ANY_VENDOR);
  g_assert_nonnull (fuzz_vendor_name (fuzz_host_vendor ()));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  fuzz_soft_init (TRUE, TRUE);
  g_test_add_func ("/vendors/host", test_vendor);
  g_test_add_func ("/vendors/wide", test_wide);
  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autofree char *path = g_strdup_printf ("/vendors/%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "-%s",
                                               known[i].seed, known[i].number, known[i].code);

      g_test_add_data_func (path, &known[i], test_known);
    }
  status = g_test_run ();
  fuzz_soft_free ();
  return status;
}
