/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The makers' differences without their processors: cases of which an Intel host's answer is known.  The software processor answers as
 * AMD's does; that answer is accepted of an AMD host, Intel's of an Intel host, both of an unknown one, and no third of any.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "masks.h"
#include "table.h"

#include <string.h>

typedef struct
{
  const char *code; /* hexadecimal */
  uint8_t klass, map, opcode;
  int8_t digit;
  uint8_t compat;
  uint64_t gpr[16], rflags;
  uint16_t fcw, fsw;
  uint8_t ftw;
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
  { "0f7f4816",
    FUZZ_CLASS_MMX,
    1,
    0x7f,
    -1,
    0,
    { 0x1fffffe1, 0x7a432e1956c7da53, 0x65f62815, 0x7fffffffffffffff, 0x20000280, 0x33, 0x4,
      0x726ef2a099690fb3, 0xf957cf88, 0x77084639bee649ee, 0xaaaaaaaaaaaaaaaa, 0x2b2b2b2b2b2b2b2b,
      0xe7e7e7e7e7e7e7e7, 0xff82b6506be34a48, 0x8, 0x14 },
    0xa16,
    0x37f,
    0x7600,
    0xc4,
    0x1ffffff7,
    14,
    14,
    6,
    6,
    0x1ffffff7,
    0x1ffffff7,
    mmx_entered },
  { "6651",
    FUZZ_CLASS_STACK,
    0,
    0x51,
    -1,
    1,
    { 0x953a82e0, 0xcb864462, 0xad3df0ed, 0xa0a0a0a, 0x1, 0x20000e00, 0x7f, 0x89898989 },
    0xad3,
    0x37f,
    0x0,
    0x0,
    0x0,
    12,
    14,
    0,
    6,
    0,
    0xffffffff,
    NULL },
  { "df3c47",
    FUZZ_CLASS_X87,
    0,
    0xdf,
    7,
    0,
    { 0x2000070a, 0xffffffffffffff81, 0xc4769a48, 0xa7a7a7a7a7a7a7a7, 0x4f4f4f4f4f4f4f4f, 0xf118c7494e8d8072,
      0x909090909090909, 0xffffffffdffff1e8, 0xe9e9e9e9e9e9e9e9, 0xfffffffffffd2bb9, 0x2e, 0xfffffffda2c62b34,
      0xe1548f937870222, 0x2929292929292929, 0x4e3132d19ea292ee, 0xe0e0e0e0e0e0e0e0 },
    0xad3,
    0x356,
    0x3200,
    0x0,
    0x1ffffffc,
    14,
    -1,
    6,
    0,
    0x1ffffffc,
    0,
    stack_fault_pending },
  { "670f7f24f9",
    FUZZ_CLASS_MMX,
    1,
    0x7f,
    -1,
    0,
    { 0x2a2a2a2a2a2a2a2a, 0x7d44d9ce1fffe412, 0x57cf8cb51e428e, 0x1616161616161616, 0x20000a98, 0x20,
      0x4f2a74c7ed976fc1, 0x2000057d, 0xb, 0x30, 0x17, 0xc2fd4812d6fa0d7a, 0x671f167c, 0x35,
      0xffffffff00000000, 0xf629b234fe889446 },
    0x207,
    0x47f,
    0x5400,
    0xfe,
    0x20000ffa,
    14,
    14,
    7,
    7,
    0x20001000,
    0x20001000,
    mmx_entered },
  { "0fe72e",
    FUZZ_CLASS_SSE,
    1,
    0xe7,
    -1,
    0,
    { 0x20000aad, 0xe33fe8273bedc32f, 0x9f16f47f043e5a82, 0x70e27c3a7d131c89, 0x20000770, 0xbaa5228a,
      0x20001ffb, 0x2020202020202020, 0x20000da6, 0x7fff, 0xffffffff00000000, 0x10000, 0x29c504baea75eba0,
      0xa7d7e823614952d, 0xffffc5b88caa1ff6, 0x29 },
    0xe16,
    0xc7b,
    0x2100,
    0xff,
    0x20001ffb,
    14,
    14,
    7,
    7,
    0x20001ffb,
    0x20001ffb,
    mmx_entered },
  { "2ef3a5",
    FUZZ_CLASS_STRING,
    0,
    0xa5,
    -1,
    1,
    { 0x7fff, 0x78787878, 0xb9450417, 0x23, 0x20000488, 0x1d, 0x200004cb, 0xffffffff },
    0xed3,
    0x37f,
    0x0,
    0x0,
    0x0,
    13,
    14,
    0,
    6,
    0,
    0xffffffff,
    NULL },
  { "676650",
    FUZZ_CLASS_STACK,
    0,
    0x50,
    -1,
    1,
    { 0xffffff9a, 0x20000074, 0x973334d1, 0x0, 0x1, 0x20000a88, 0x2c, 0x20000e2a },
    0x287,
    0x37f,
    0x0,
    0x0,
    0x0,
    12,
    14,
    0,
    6,
    0,
    0xffffffff,
    NULL },
  { "0fe7248c",
    FUZZ_CLASS_SSE,
    1,
    0xe7,
    -1,
    0,
    { 0xffffffffffff8001, 0x20000855, 0x100, 0x2000032b, 0xffffffff9fffdea8, 0xed7542cb, 0x20000b72, 0x247368,
      0x2000072b, 0x9898989898989898, 0x2000054f, 0x9, 0x8f3791b769a92ed3, 0x9, 0xffffffffffffff80,
      0x2000063b },
    0x4e17,
    0x37f,
    0x4c00,
    0x9,
    0x1ffffffc,
    14,
    14,
    6,
    6,
    0x1ffffffc,
    0x1ffffffc,
    mmx_entered },
  { "6215f91f0020",
    FUZZ_CLASS_MISC,
    0,
    0x62,
    -1,
    1,
    { 0xffff8001, 0x0, 0xf920de05, 0x655ef34b, 0x20000ef8, 0xffffff80, 0x99999999, 0x3a },
    0x217,
    0x37f,
    0x0,
    0x0,
    0x20001ff9,
    14,
    5,
    4,
    0,
    0x20002000,
    0,
    NULL },
  { "66f267a5",
    FUZZ_CLASS_STRING,
    0,
    0xa5,
    -1,
    0,
    { 0x0, 0xb, 0xf14854f08b93c62d, 0x0, 0x20000af0, 0x7f, 0x20000340, 0x8484848484848484, 0xd,
      0x61352201e438940d, 0xd7e0f174, 0xffffffffffff8000, 0x2836fae3610ad622, 0x4040404040404040,
      0xb8b8b8b8b8b8b8b8, 0x7fff },
    0x697,
    0x37f,
    0x0,
    0x0,
    0x0,
    14,
    14,
    6,
    6,
    0x84848484,
    0x84848484,
    halves_cleared },
};

static const FuzzTemplate *
find_template (const Known *k)
{
  for (unsigned i = 0; i < fuzz_n_templates; i++)
    {
      const FuzzTemplate *t = &fuzz_templates[i];

      if (t->klass == k->klass && t->map == k->map && t->opcode == k->opcode && t->digit == k->digit
          && t->prefix == 0)
        return t;
    }
  g_assert_not_reached ();
}

static void
run (const Known *k, FuzzBatch *batch, FuzzResult *soft)
{
  static uint8_t page[FUZZ_PAGE];
  FuzzCase *c = &batch->cases[0];

  batch->n_cases = 1;
  c->template = find_template (k);
  for (const char *p = k->code; *p != '\0'; p += 2)
    c->code[c->length++] = (uint8_t)(g_ascii_xdigit_value (p[0]) << 4 | g_ascii_xdigit_value (p[1]));
  c->compat = k->compat;
  c->operand = k->operand;
  memcpy (c->in.gpr, k->gpr, sizeof c->in.gpr);
  c->in.rflags = k->rflags;
  put16 (c->in.fx + FX_FCW, k->fcw);
  put16 (c->in.fx + FX_FSW, k->fsw);
  c->in.fx[FX_FTW] = k->ftw;
  put16 (c->in.fx + FX_MXCSR, 0x1f80);
  for (unsigned i = 0; i < 8 * 16; i++)
    c->in.fx[FX_ST + i] = i % 16 < 10 ? (uint8_t)(i * 7 + 1) : 0;
  c->in.rip = fuzz_code_address (0, 0, c);
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
  fuzz_templates_init ();
  fuzz_soft_init (TRUE, TRUE);
  g_test_add_func ("/vendors/host", test_vendor);
  g_test_add_func ("/vendors/wide", test_wide);
  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autofree char *path = g_strdup_printf ("/vendors/%u-%s", i, known[i].code);

      g_test_add_data_func (path, &known[i], test_known);
    }
  status = g_test_run ();
  fuzz_soft_free ();
  return status;
}
