/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Makes a case from a seed and a number.
 *
 * Registers hold numbers near the edges of their widths, pointers into the data page and noise; a memory operand's base register or
 * displacement is then bent so that the operand lies in the data page, or now and then over its edge.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "table.h"

#include <string.h>

#include "cpu/soft/host.h"

typedef struct
{
  uint64_t state;
  FuzzCase *c;
  const FuzzTemplate *t;
  const FuzzOptions *options;
  gboolean compat;
  unsigned operand_size, address_size;
  uint8_t rex;
  int segment;             /* override: 0 none, else the prefix */
  uint64_t operand;        /* linear address of the memory operand, 0 for none */
  unsigned rip_relative;   /* position of a displacement to be made relative, 0 for none */
  unsigned relative;       /* position of a branch distance, 0 for none */
  unsigned modrm_position; /* 0: none */
  unsigned vex_position;   /* 0: none */
  unsigned vex_v;
  gboolean vex_l, vex_short;
  gboolean register_operand;
} Generator;

enum
{
  RSP = 4,
  RBP = 5,
  RSI = 6,
  RDI = 7,
};

/* splitmix64 */
static uint64_t
rnd (Generator *g)
{
  uint64_t z = g->state += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static unsigned
below (Generator *g, unsigned n)
{
  return (unsigned)((rnd (g) >> 32) * n >> 32);
}

static gboolean
one_in (Generator *g, unsigned n)
{
  return below (g, n) == 0;
}

/* -- Values ---------------------------------------------------------------------------------------- */

static uint64_t
integer (Generator *g)
{
  static const uint64_t edges[] = { 0,
                                    1,
                                    2,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0x100,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x10000,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    0x100000000,
                                    0x7fffffffffffffff,
                                    0x8000000000000000 };
  uint64_t r = rnd (g);

  switch (r & 7)
    {
    case 0:
      return edges[(r >> 8) % G_N_ELEMENTS (edges)];
    case 1:
      return -edges[(r >> 8) % G_N_ELEMENTS (edges)];
    case 2:
      return r >> 8 & 0x3f;
    case 3:
      return (uint64_t)((int64_t)r >> (r >> 8 & 63));
    case 4:
      return (uint32_t)(r >> 16);
    case 5:
      return (r >> 16 & 0xff) * 0x0101010101010101;
    default:
      return rnd (g);
    }
}

static uint32_t
single (Generator *g)
{
  static const uint32_t values[]
      = { 0,          0x3f800000, 0x40000000, 0x3f000000, 0x7f7fffff, 0x00800000, 0x00000001,
          0x007fffff, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fffffff, 0x4f000000, 0x5f000000,
          0x4effffff, 0x3fc00000, 0x40200000, 0x4b000000, 0x34000000, 0x00800001 };
  uint64_t r = rnd (g);
  uint32_t sign = (uint32_t)(r >> 63) << 31;

  switch (r & 3)
    {
    case 0:
      return sign | values[(r >> 8) % G_N_ELEMENTS (values)];
    case 1: /* near one */
      return sign | ((uint32_t)(127 - 12 + (r >> 8) % 24) << 23) | (uint32_t)(r >> 32 & 0x7fffff);
    case 2: /* few bits */
      return sign | ((uint32_t)(127 - 30 + (r >> 8) % 64) << 23) | (uint32_t)(r >> 32 & 7) << 20;
    default:
      return (uint32_t)(r >> 16);
    }
}

static uint64_t
double_ (Generator *g)
{
  static const uint64_t values[] = { 0,
                                     0x3ff0000000000000,
                                     0x4000000000000000,
                                     0x3fe0000000000000,
                                     0x7fefffffffffffff,
                                     0x0010000000000000,
                                     1,
                                     0x000fffffffffffff,
                                     0x7ff0000000000000,
                                     0x7ff8000000000000,
                                     0x7ff0000000000001,
                                     0x7fffffffffffffff,
                                     0x41e0000000000000,
                                     0x43e0000000000000,
                                     0x41dfffffffc00000,
                                     0x3ff8000000000000,
                                     0x4004000000000000,
                                     0x36a0000000000000,
                                     0x380fffffffffffff,
                                     0x47efffffe0000000,
                                     0x47f0000000000000,
                                     0x3690000000000000 };
  uint64_t r = rnd (g), sign = r >> 63 << 63;

  switch (r & 3)
    {
    case 0:
      return sign | values[(r >> 8) % G_N_ELEMENTS (values)];
    case 1:
      return sign | ((1023 - 40 + (r >> 8) % 80) << 52) | (rnd (g) & 0xfffffffffffff);
    case 2:
      return sign | ((1023 - 140 + (r >> 8) % 280) << 52) | (r >> 32 & 7) << 49;
    default:
      return rnd (g);
    }
}

static void
extended (Generator *g, uint8_t out[10])
{
  static const struct
  {
    uint64_t significand;
    uint16_t exponent;
  } values[] = {
    { 0, 0 },
    { 0x8000000000000000, 0x3fff },
    { 0x8000000000000000, 0x7fff },
    { 0xc000000000000000, 0x7fff },
    { 0xa000000000000000, 0x7fff },
    { 0x8000000000000001, 0x7fff },
    { 1, 0 },
    { 0x7fffffffffffffff, 0 },
    { 0x8000000000000000, 0 },
    { 0x8000000000000000, 1 },
    { 0xffffffffffffffff, 0x7ffe },
    { 0x4000000000000000, 0x3fff },
    { 0, 0x7fff },
    { 0, 0x4000 },
    { 0x8000000000000000, 0x3ffe },
    { 0xc90fdaa22168c235, 0x4000 },
    { 0xc90fdaa22168c235, 0x3ffe },
    { 0x8000000000000000, 0x403e },
    { 0x8000000000000000, 0x401e },
    { 0x8000000000000000, 0x400e },
    { 0xde0b6b3a763ffff0, 0x403a },
    { 0xb504f333f9de6484, 0x3ffe },
    { 0xa000000000000000, 0x4000 },
    { 0x8000000000000000, 0x3f81 },
    { 0x8000000000000000, 0x3c01 },
    { 0xffffff8000000000, 0x407e },
    { 0xfffffffffffffc00, 0x43fe },
  };
  uint64_t r = rnd (g), significand;
  uint16_t exponent;

  switch (r & 7)
    {
    case 0:
    case 1:
      significand = values[(r >> 8) % G_N_ELEMENTS (values)].significand;
      exponent = values[(r >> 8) % G_N_ELEMENTS (values)].exponent;
      break;
    case 2:
    case 3:
      significand = rnd (g) | (uint64_t)1 << 63;
      exponent = (uint16_t)(0x3fff - 20 + (r >> 8) % 40);
      break;
    case 4:
      significand = (r >> 16 & 0xff) << 56 | (uint64_t)1 << 63;
      exponent = (uint16_t)(0x3fff - 70 + (r >> 8) % 140);
      break;
    case 5:
      significand = rnd (g) | (uint64_t)1 << 63;
      exponent = (uint16_t)(r >> 8 & 0x7fff);
      break;
    case 6: /* a single or double */
      significand = rnd (g) | (uint64_t)1 << 63;
      significand &= (r & 8) != 0 ? 0xffffff0000000000 : 0xfffffffffffff800;
      exponent = (uint16_t)(0x3fff - 130 + (r >> 8) % 260);
      break;
    default:
      significand = rnd (g);
      exponent = (uint16_t)(r >> 8 & 0x7fff);
      break;
    }
  exponent |= (uint16_t)(r >> 63 << 15);
  memcpy (out, &significand, 8);
  memcpy (out + 8, &exponent, 2);
}

/* 16 bytes of the kind. */
static void
vector (Generator *g, unsigned kind, uint8_t out[16])
{
  uint64_t words[2];

  switch (kind)
    {
    case V_F32:
      for (unsigned i = 0; i < 2; i++)
        {
          uint64_t low = single (g);

          words[i] = low | (uint64_t)single (g) << 32;
        }
      break;
    case V_F64:
      words[0] = double_ (g);
      words[1] = double_ (g);
      break;
    default:
      words[0] = integer (g);
      words[1] = integer (g);
      break;
    }
  memcpy (out, words, 16);
}

static void
put (FuzzCase *c, uint64_t linear, const void *bytes, unsigned length)
{
  uint64_t offset = linear >= FUZZ_DATA ? linear - FUZZ_DATA : linear - FUZZ_LOW;

  if (offset < FUZZ_PAGE && linear != 0)
    memcpy (c->memory + offset, bytes, MIN (length, FUZZ_PAGE - offset));
}

/* -- Initial state --------------------------------------------------------------------------------- */

static void
put16 (uint8_t *p, uint16_t value)
{
  memcpy (p, &value, 2);
}

/* A bit that AMD's processors have and others refuse. */
#define AMD_MXCSR_MM 0x20000u

static uint32_t
random_mxcsr (Generator *g)
{
  uint32_t value = 0x1f80, r = (uint32_t)rnd (g);

  if (one_in (g, 2))
    return value;
  value |= r & 0x6000; /* rounding */
  if ((r & 1) != 0)
    value |= r & 0x8040; /* flush to zero, denormals are zero */
  if ((r & 6) == 2)
    value = (value & ~0x1f80u) | (r >> 8 & 0x1f80);
  if ((r & 8) != 0)
    value |= r >> 24 & 0x3f;
  return value;
}

static void
random_x87 (Generator *g, uint8_t *fx, gboolean full)
{
  uint16_t fcw = 0x37f, fsw;
  uint64_t r = rnd (g), fip = rnd (g) & 0x7fffffffffff, fdp = rnd (g) & 0x7fffffffffff;

  if ((r & 3) == 1)
    fcw = (uint16_t)(0x7f | (r >> 8 & 0xf00));
  if ((r & 3) == 2)
    fcw = (uint16_t)(0x40 | (r >> 8 & 0xf3f));
  fsw = (uint16_t)(r >> 32 & 0x7f00);
  if ((r & 0x70) == 0)
    fsw |= (uint16_t)(r >> 24 & 0x7f);
  if ((fsw & ~fcw & 0x3f) != 0)
    fsw |= 0x8080;
  put16 (fx + FX_FCW, fcw);
  put16 (fx + FX_FSW, fsw);
  put16 (fx + FX_FTW, full || (r >> 48 & 3) == 0 ? 0xff
                      : (r >> 48 & 3) == 1       ? 0
                                                 : (uint16_t)(r >> 50 & 0xff));
  put16 (fx + FX_FOP, (uint16_t)(rnd (g) & 0x7ff));
  memcpy (fx + FX_FIP, &fip, 8);
  memcpy (fx + FX_FDP, &fdp, 8);
}

static void
initial_state (Generator *g)
{
  FuzzState *s = &g->c->in;
  uint8_t *fx = s->fx;
  gboolean floats = g->t->klass >= FUZZ_CLASS_X87;

  for (unsigned i = 0; i < 16; i++)
    s->gpr[i] = one_in (g, 8) ? FUZZ_DATA + below (g, FUZZ_PAGE) : integer (g);
  if (!one_in (g, 16))
    s->gpr[RSP] = FUZZ_DATA + 256 + below (g, FUZZ_PAGE - 512) / 8 * 8;
  if (g->t->attributes & A_STACK && !one_in (g, 4))
    s->gpr[RBP] = FUZZ_DATA + 256 + below (g, FUZZ_PAGE - 512) / 8 * 8;
  if (g->c->short_stack)
    {
      static const uint32_t upper[] = { 0, 0x10000, FUZZ_DATA, 0xffff0000 };

      s->gpr[RSP] = upper[below (g, G_N_ELEMENTS (upper))] | (FUZZ_LOW + (s->gpr[RSP] & (FUZZ_PAGE - 1)));
      s->gpr[RBP] = upper[below (g, G_N_ELEMENTS (upper))] | (FUZZ_LOW + (s->gpr[RBP] & (FUZZ_PAGE - 1)));
    }
  s->rflags = 0x202 | (rnd (g) & (FUZZ_CF | FUZZ_PF | FUZZ_AF | FUZZ_ZF | FUZZ_SF | FUZZ_OF));
  if (one_in (g, 8))
    s->rflags |= FUZZ_DF;
  if (one_in (g, 16))
    s->rflags |= rnd (g) & (FUZZ_ID | FUZZ_NT);
  s->fs_base = one_in (g, 2) ? 0 : one_in (g, 2) ? below (g, 4096) : FUZZ_DATA + below (g, 256);
  s->gs_base = one_in (g, 2) ? 0 : one_in (g, 2) ? -(uint64_t)below (g, 4096) : FUZZ_DATA;

  memset (fx, 0, sizeof s->fx);
  uint32_t mxcsr = 0x1f80;
  put16 (fx + FX_FCW, 0x37f);
  if (floats)
    {
      gboolean mmx = g->t->klass == FUZZ_CLASS_MMX || (g->t->klass != FUZZ_CLASS_X87 && g->t->prefix == 0);

      mxcsr = random_mxcsr (g);
      if (g->t->klass == FUZZ_CLASS_X87 || g->t->klass == FUZZ_CLASS_FXSAVE || mmx)
        random_x87 (g, fx, FALSE);
      for (unsigned i = 0; i < 8; i++)
        if (mmx && !one_in (g, 8))
          {
            uint64_t value = integer (g);

            memcpy (fx + FX_ST + 16 * i, &value, 8);
          }
        else if (g->t->klass == FUZZ_CLASS_X87 || g->t->klass == FUZZ_CLASS_FXSAVE)
          extended (g, fx + FX_ST + 16 * i);
      if (g->t->klass != FUZZ_CLASS_X87 && g->t->klass != FUZZ_CLASS_MMX)
        for (unsigned i = 0; i < (g->compat ? 8u : 16u); i++)
          vector (g, one_in (g, 8) ? below (g, 3) : g->t->values, fx + FX_XMM + 16 * i);
      memset (s->ymm, 0, sizeof s->ymm);
      if (!one_in (g, 4))
        for (unsigned i = 0; i < (g->compat ? 8u : 16u); i++)
          vector (g, one_in (g, 8) ? below (g, 3) : g->t->values, s->ymm + 16 * i);
    }
  else
    memset (s->ymm, 0, sizeof s->ymm);
  if ((g->options->features & SOFT_HOST_AVX) == 0)
    memset (s->ymm, 0, sizeof s->ymm);
  memcpy (fx + FX_MXCSR, &mxcsr, 4);
}

/* -- Operands -------------------------------------------------------------------------------------- */

static void
emit (Generator *g, uint8_t byte)
{
  g->c->code[g->c->length++] = byte;
}

static void
emit_n (Generator *g, uint64_t value, unsigned n)
{
  while (n-- > 0)
    {
      emit (g, (uint8_t)value);
      value >>= 8;
    }
}

static unsigned
operand_bytes (const Generator *g)
{
  if ((g->t->attributes & A_BY_W) != 0)
    return (g->rex & 8) != 0 ? 8 : 4;
  if ((g->t->attributes & A_TWICE) != 0)
    return g->t->size << g->vex_l;
  if (g->t->size != 0)
    return g->t->size;
  return (g->t->attributes & A_BYTE) != 0 ? 1 : g->operand_size;
}

/* Where an operand of `size` bytes is to be. */
static uint64_t
pick_target (Generator *g, unsigned size)
{
  unsigned alignment = size >= 512                ? (g->t->values == V_XSAVE ? 64 : 16)
                       : (size & (size - 1)) == 0 ? size
                                                  : 2;
  unsigned r = below (g, 32);
  uint64_t target;

  if (r == 0) /* over the end, into a page that can only be read */
    return FUZZ_DATA + FUZZ_PAGE - below (g, size + 1);
  if (r == 1) /* from an unmapped page, or into it */
    return one_in (g, 2) ? FUZZ_DATA - below (g, size + 2) : FUZZ_READONLY + FUZZ_PAGE - below (g, size + 1);
  target = FUZZ_DATA + 16 + below (g, FUZZ_PAGE - size - 32);
  if ((g->t->attributes & A_ALIGNED) != 0 ? !one_in (g, 16) : one_in (g, 3))
    target &= ~(uint64_t)(MAX (alignment, 1) - 1);
  return target;
}

static uint64_t
segment_base (const Generator *g)
{
  if (g->compat)
    return 0;
  return g->segment == 0x64 ? g->c->in.fs_base : g->segment == 0x65 ? g->c->in.gs_base : 0;
}

static void
emit_memory_16 (Generator *g, unsigned reg)
{
  static const uint8_t bases[8] = { 3, 3, RBP, RBP, RSI, RDI, RBP, 3 };
  static const uint8_t indices[4] = { RSI, RDI, RSI, RDI };
  unsigned rm = below (g, 8), mod = below (g, 3);
  uint16_t ea = (uint16_t)(FUZZ_LOW + (g->operand & (FUZZ_PAGE - 1)));
  int16_t disp = mod == 0 ? 0 : mod == 1 ? (int8_t)rnd (g) : (int16_t)rnd (g);

  g->operand = ea;
  emit (g, (uint8_t)(mod << 6 | reg << 3 | rm));
  if (mod == 0 && rm == 6)
    {
      emit_n (g, ea, 2);
      return;
    }
  uint16_t index = rm < 4 ? (uint16_t)g->c->in.gpr[indices[rm]] : 0;
  uint64_t *base = &g->c->in.gpr[bases[rm]];
  *base = (*base & ~(uint64_t)0xffff) | (uint16_t)(ea - disp - index);
  if (mod != 0)
    emit_n (g, (uint64_t)disp, mod);
}

static void
emit_memory (Generator *g, unsigned reg)
{
  uint64_t ea = g->operand - segment_base (g), mask = g->address_size == 8 ? ~(uint64_t)0 : 0xffffffff;
  unsigned form = below (g, 8), base, index, scale, mod;
  int64_t disp = 0;

  if (g->address_size == 2)
    {
      emit_memory_16 (g, reg);
      return;
    }
  if (g->address_size == 4)
    {
      ea = (uint32_t)ea;
      g->operand = segment_base (g) + ea;
    }
  if (form == 0) /* disp32: RIP-relative in 64-bit code */
    {
      emit (g, (uint8_t)(reg << 3 | 5));
      if (!g->compat)
        g->rip_relative = g->c->length;
      emit_n (g, ea, 4);
      return;
    }
  if (form == 1
      && (g->address_size == 4 || (int64_t)ea == (int32_t)ea)) /* SIB without base or index: absolute */
    {
      emit (g, (uint8_t)(reg << 3 | 4));
      emit (g, 0x25);
      emit_n (g, ea, 4);
      g->rex &= (uint8_t)~2; /* X would make R12 an index */
      return;
    }
  mod = below (g, 3);
  disp = mod == 0 ? 0 : mod == 1 ? (int8_t)rnd (g) : (int32_t)rnd (g);
  base = below (g, 8) | ((g->rex & 1) != 0 ? 8 : 0);
  if ((base & 7) == 5 && mod == 0)
    base ^= 2;
  if (form < 5 && (base & 7) != 4) /* no SIB */
    {
      emit (g, (uint8_t)(mod << 6 | reg << 3 | (base & 7)));
      index = 4;
      scale = 0;
    }
  else
    {
      index = below (g, 8) | ((g->rex & 2) != 0 ? 8 : 0);
      scale = below (g, 4);
      if (index == base && index != 4)
        index ^= 1;
      emit (g, (uint8_t)(mod << 6 | reg << 3 | 4));
      emit (g, (uint8_t)(scale << 6 | (index & 7) << 3 | (base & 7)));
    }
  if (mod != 0)
    emit_n (g, (uint64_t)disp, mod == 1 ? 1 : 4);
  uint64_t value = ea - (uint64_t)disp - (index == 4 ? 0 : g->c->in.gpr[index] << scale);
  if (g->address_size == 4 && !g->compat && one_in (g, 2))
    value = (value & mask) | rnd (g) << 32;
  g->c->in.gpr[base] = value;
}

static void
fill_operand (Generator *g)
{
  FuzzCase *c = g->c;
  uint8_t bytes[16];

  switch (g->t->values)
    {
    case V_X87:
      {
        unsigned op = g->t->opcode & 7, digit = (unsigned)MAX (0, g->t->digit);

        if ((op == 1 && digit >= 4) || (op == 5 && digit >= 4))
          {
            uint8_t image[108];

            for (unsigned i = 0; i < sizeof image; i++)
              image[i] = (uint8_t)rnd (g);
            if (op == 1 && digit == 5 && one_in (g, 2))
              put16 (image, 0x37f);
            put (c, g->operand, image, sizeof image);
          }
        else if (op == 7 && digit == 4) /* decimal */
          {
            for (unsigned i = 0; i < 10; i++)
              bytes[i] = (uint8_t)(below (g, 10) << 4 | below (g, 10));
            bytes[9] = (uint8_t)(rnd (g) & 0x80);
            put (c, g->operand, bytes, 10);
          }
        else if (op == 3 && digit >= 5)
          {
            extended (g, bytes);
            put (c, g->operand, bytes, 10);
          }
        else if (op == 0 || op == 1)
          {
            uint32_t value = single (g);

            put (c, g->operand, &value, 4);
          }
        else if (op == 4 || op == 5)
          {
            uint64_t value = double_ (g);

            put (c, g->operand, &value, 8);
          }
        else
          {
            uint64_t value = integer (g);

            put (c, g->operand, &value, 8);
          }
        break;
      }
    case V_F32:
    case V_F64:
      for (unsigned done = 0; done < operand_bytes (g); done += 16)
        {
          vector (g, g->t->values, bytes);
          put (c, g->operand + done, bytes, MIN (16, operand_bytes (g) - done));
        }
      break;
    case V_MXCSR:
      {
        uint32_t value = one_in (g, 4) ? (uint32_t)rnd (g) & ~AMD_MXCSR_MM : random_mxcsr (g);

        put (c, g->operand, &value, 4);
        break;
      }
    case V_FXSAVE:
    case V_XSAVE:
      {
        uint8_t image[832];
        uint32_t mxcsr = one_in (g, 16) ? (uint32_t)rnd (g) & ~AMD_MXCSR_MM : random_mxcsr (g);

        for (unsigned i = 0; i < sizeof image / 8; i++)
          {
            uint64_t value = rnd (g);

            memcpy (image + 8 * i, &value, 8);
          }
        random_x87 (g, image, FALSE);
        memcpy (image + FX_MXCSR, &mxcsr, 4);
        if (!one_in (g, 16))
          memset (image + 512, 0, 64);
        image[512] = (uint8_t)below (g, 8);
        if (one_in (g, 3)) /* compacted */
          {
            image[520] = (uint8_t)(image[512] | below (g, 8));
            image[527] = 0x80;
          }
        put (c, g->operand, image, g->t->values == V_XSAVE ? 832 : 512);
        break;
      }
    default:
      {
        uint64_t values[2] = { integer (g), integer (g) };

        put (c, g->operand, values, MIN (16, operand_bytes (g)));
        break;
      }
    }
}

/* -- Undefined results ----------------------------------------------------------------------------- */

/* Shifts and rotates: SDM volume 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD. */
static uint32_t
shift_undefined (const Generator *g, unsigned count)
{
  unsigned size = operand_bytes (g) * 8, digit = (unsigned)MAX (0, g->t->digit);
  gboolean twice = g->t->map == 1;

  count &= g->operand_size == 8 && size == 64 ? 63 : 31;
  if (count == 0)
    return 0;
  if (twice)
    return FUZZ_AF | (count > 1 ? FUZZ_OF : 0);
  if (digit < 4)
    return count > 1 ? FUZZ_OF : 0;
  return FUZZ_AF | (count > 1 ? FUZZ_OF : 0) | (count >= size && digit != 7 ? FUZZ_CF : 0);
}

/* -- A case ---------------------------------------------------------------------------------------- */

static const FuzzTemplate *
pick_template (Generator *g)
{
  static const FuzzTemplate *chosen[FUZZ_MAX_TEMPLATES];
  static unsigned n_chosen;

  if (n_chosen == 0)
    {
      fuzz_templates_init ();
      for (unsigned i = 0; i < fuzz_n_templates; i++)
        {
          const FuzzTemplate *t = &fuzz_templates[i];

          if ((g->options->only < 0 || t->klass == g->options->only)
              && (g->options->name == NULL || strstr (t->name, g->options->name) != NULL))
            chosen[n_chosen++] = t;
        }
      g_assert (n_chosen > 0);
    }
  /* Classes come up equally often, whatever their number of opcodes. */
  if (g->options->only < 0 && g->options->name == NULL)
    {
      unsigned klass = below (g, FUZZ_N_CLASSES);

      for (unsigned tries = 0; tries < 64; tries++)
        {
          const FuzzTemplate *t = chosen[below (g, n_chosen)];

          if (t->klass == klass)
            return t;
        }
    }
  return chosen[below (g, n_chosen)];
}

/* What a VEX prefix says, mostly as the instruction wants it. */
static void
vex_fields (Generator *g)
{
  uint32_t a = g->t->attributes;
  gboolean w = (a & A_W1) != 0 || ((a & A_W0) == 0 && one_in (g, 2));

  if (one_in (g, 60))
    w = !w;
  g->vex_l = (a & A_L1) != 0 || ((a & A_L0) == 0 && one_in (g, 2));
  if (one_in (g, 60))
    g->vex_l = !g->vex_l;
  g->vex_v = (a & A_NO_V) != 0 && !one_in (g, 40) ? 0 : below (g, g->compat ? 8 : 16);
  g->rex = (uint8_t)(w ? 8 : 0);
  if (!g->compat && one_in (g, 2))
    g->rex |= (uint8_t)below (g, 8);
  g->vex_short = g->t->map == FUZZ_VEX + 1 && (g->rex & 11) == 0 && one_in (g, 2);
  g->operand_size = w ? 8 : 4;
}

/* Room for it, and then its bytes: where the operand lies may cost it X. */
static void
emit_vex (Generator *g)
{
  g->vex_position = g->c->length;
  emit_n (g, 0, g->vex_short ? 2 : 3);
}

static void
fill_vex (Generator *g)
{
  uint8_t *at = g->c->code + g->vex_position;
  unsigned pp = g->t->prefix == 0x66 ? 1 : g->t->prefix == 0xf3 ? 2 : g->t->prefix == 0xf2 ? 3 : 0;
  uint8_t last = (uint8_t)((~g->vex_v & 15) << 3 | (g->vex_l ? 4 : 0) | pp);

  if (g->t->klass == FUZZ_CLASS_DECODE)
    last = (uint8_t)((last & ~3) | (g->c->number >> 8 & 3));
  if (g->vex_short)
    {
      at[0] = 0xc5;
      at[1] = (uint8_t)(((g->rex & 4) != 0 ? 0 : 0x80) | last);
      return;
    }
  at[0] = 0xc4;
  at[1] = (uint8_t)((~g->rex & 7) << 5 | (g->t->map - FUZZ_VEX));
  /* R, X, B in the order of REX's bits 2, 1, 0. */
  at[2] = (uint8_t)(((g->rex & 8) != 0 ? 0x80 : 0) | last);
}

/* An operand whose index is a vector of small numbers, of which some leave the page; and a mask. */
static void
emit_gather (Generator *g, unsigned reg)
{
  FuzzCase *c = g->c;
  unsigned base = below (g, 8) | ((g->rex & 1) != 0 ? 8 : 0), scale = below (g, 4), mod = 1 + below (g, 2);
  unsigned index = below (g, 8) | ((g->rex & 2) != 0 ? 8 : 0), size = (g->t->opcode & 1) != 0 ? 8 : 4;
  int64_t disp = mod == 1 ? (int8_t)rnd (g) : (int32_t)rnd (g) >> 16;

  if ((base & 7) == RSP && one_in (g, 2))
    base ^= 1;
  emit (g, (uint8_t)(mod << 6 | reg << 3 | 4));
  emit (g, (uint8_t)(scale << 6 | (index & 7) << 3 | (base & 7)));
  emit_n (g, (uint64_t)disp, mod == 1 ? 1 : 4);
  g->operand = FUZZ_DATA + 1024 + below (g, 2048);
  c->in.gpr[base] = g->operand - segment_base (g) - (uint64_t)disp;
  for (unsigned half = 0; half < 2; half++)
    for (unsigned i = 0; i < 16 / size; i++)
      {
        int64_t value = (int64_t)below (g, 2000 >> scale) - (1000 >> scale);

        if (one_in (g, 24))
          value = (int64_t)integer (g);
        memcpy ((half == 0 ? c->in.fx + FX_XMM : c->in.ymm) + 16 * index + i * size, &value, size);
      }
}

static void
prefixes (Generator *g)
{
  static const uint8_t segments[] = { 0x64, 0x65, 0x64, 0x65, 0x26, 0x2e, 0x36, 0x3e };
  const FuzzTemplate *t = g->t;
  uint32_t a = t->attributes;
  uint8_t list[5];
  unsigned n = 0;

  g->operand_size = 4;
  if ((a & A_OSIZE) != 0 && one_in (g, 3))
    {
      list[n++] = 0x66;
      g->operand_size = 2;
    }
  g->address_size = g->compat ? 4 : 8;
  if (one_in (g, 10) && (a & A_BRANCH) == 0)
    {
      list[n++] = 0x67;
      g->address_size = g->compat ? 2 : 4;
    }
  if (one_in (g, 8) && (a & A_BRANCH) == 0)
    {
      g->segment = segments[below (g, G_N_ELEMENTS (segments))];
      list[n++] = (uint8_t)g->segment;
    }
  if (t->map >= FUZZ_VEX)
    {
      static const uint8_t wrong[] = { 0x66, 0xf2, 0xf3, 0xf0 };

      if (one_in (g, 100))
        list[n++] = wrong[below (g, sizeof wrong)];
    }
  else if (t->prefix != 0)
    list[n++] = t->prefix;
  else if ((a & A_REP) != 0 && !one_in (g, 3))
    list[n++] = one_in (g, 2) ? 0xf2 : 0xf3;
  if ((a & A_LOCK) != 0 && one_in (g, 6))
    list[n++] = 0xf0;
  else if ((a & A_MODRM) != 0 && one_in (g, 500))
    list[n++] = 0xf0; /* not legal: #UD */
  /* Any order will do. */
  for (unsigned i = n; i > 1; i--)
    {
      unsigned j = below (g, i);
      uint8_t swap = list[i - 1];

      list[i - 1] = list[j];
      list[j] = swap;
    }
  for (unsigned i = 0; i < n; i++)
    emit (g, list[i]);
  if (t->map >= FUZZ_VEX)
    {
      vex_fields (g);
      return;
    }
  if (!g->compat && one_in (g, 2))
    {
      g->rex = (uint8_t)(0x40 | below (g, 16));
      if ((a & A_NO_W) != 0)
        g->rex &= 0x47;
      if ((g->rex & 8) != 0 && (a & A_OSIZE) != 0)
        g->operand_size = 8;
    }
}

/* Registers that an instruction uses without naming them, set so that it mostly does something. */
static void
implicit_registers (Generator *g)
{
  FuzzCase *c = g->c;
  const FuzzTemplate *t = g->t;
  uint64_t *gpr = c->in.gpr;

  if ((t->attributes & A_STRING) != 0)
    {
      uint64_t low = g->address_size == 2 ? FUZZ_LOW : FUZZ_DATA;

      if (!one_in (g, 8))
        gpr[RSI] = low + 128 + below (g, FUZZ_PAGE - 256);
      if (!one_in (g, 8))
        gpr[RDI] = low + 128 + below (g, FUZZ_PAGE - 256);
      if (g->segment != 0)
        gpr[RSI] -= segment_base (g);
      if (t->map == 1 || t->map == FUZZ_VEX + 1) /* MASKMOV: the override applies to RDI */
        gpr[RDI] -= segment_base (g);
      if (!one_in (g, 32))
        gpr[1] = below (g, one_in (g, 8) ? 300 : 20);
      if (one_in (g, 4)) /* equal strings */
        memcpy (c->memory + (gpr[RDI] & 0xff0), c->memory + (gpr[RSI] & 0xff0), 16);
    }
  else if (t->klass == FUZZ_CLASS_SHIFT && (t->attributes & A_CL) != 0)
    gpr[1] = (gpr[1] & ~(uint64_t)0xff) | below (g, 72);
  else if (t->klass == FUZZ_CLASS_MULDIV && !one_in (g, 4))
    gpr[2] = one_in (g, 2) ? 0 : (uint64_t)((int64_t)gpr[0] >> 63);
  else if ((t->klass == FUZZ_CLASS_SSE42 || t->klass == FUZZ_CLASS_AVX) && one_in (g, 2))
    {
      gpr[0] = below (g, 20);
      gpr[2] = below (g, 20);
    }
  else if (t->klass == FUZZ_CLASS_MOVE && t->opcode == 0xd7 && !one_in (g, 8))
    gpr[3] = (g->address_size == 2 ? FUZZ_LOW : FUZZ_DATA) - segment_base (g) + below (g, FUZZ_PAGE - 256);
  else if (t->values == V_XSAVE)
    {
      gpr[0] = (gpr[0] & ~(uint64_t)0xffffffff) | below (g, 8);
      gpr[2] = 0;
    }
  if ((t->attributes & A_BITREG) != 0)
    for (unsigned i = 0; i < 16; i++)
      if (one_in (g, 2))
        gpr[i] = (uint64_t)((int64_t)below (g, 20000) - 10000);
}

/* Places in the slot that hold INT3: where a branch may go. */
static uint32_t
pad (Generator *g, unsigned slot, uint32_t page)
{
  uint32_t start = page + slot * FUZZ_SLOT;

  if (slot == FUZZ_BATCH - 1 || one_in (g, 2))
    return start + below (g, FUZZ_SLOT_START);
  return start + FUZZ_SLOT_START + 15 + 7 + below (g, FUZZ_SLOT - FUZZ_SLOT_START - 22);
}

static void
opcode_and_operands (Generator *g)
{
  const FuzzTemplate *t = g->t;
  FuzzCase *c = g->c;
  unsigned rex_position = c->length, reg = t->digit >= 0 ? (unsigned)t->digit : below (g, 8), imm = 0;

  if (t->map >= FUZZ_VEX)
    emit_vex (g);
  else
    {
      if (g->rex != 0)
        emit (g, g->rex);
      if (t->map >= 1)
        emit (g, 0x0f);
      if (t->map >= 2)
        emit (g, t->map == 2 ? 0x38 : 0x3a);
    }
  emit (g, t->opcode);
  implicit_registers (g);
  if ((t->attributes & A_MODRM) != 0)
    {
      gboolean memory = (t->attributes & A_MEM) != 0 || ((t->attributes & A_REG) == 0 && !one_in (g, 3));

      if (one_in (g, 200)) /* what it doesn't take, too */
        memory = !memory;
      if (t->klass == FUZZ_CLASS_X87 || (t->opcode == 0xae && t->map < FUZZ_VEX + 2) || t->values == V_XSAVE)
        memory = (t->attributes & A_MEM) != 0;
      if (t->klass == FUZZ_CLASS_ATOMIC && t->opcode == 0xc7)
        memory = TRUE; /* with a register: RDRAND */
      if (t->opcode == 0x8c && t->map == 0)
        reg %= 6;
      if (memory && (t->attributes & A_NO_V_MEM) != 0 && !one_in (g, 40))
        g->vex_v = 0;
      g->modrm_position = c->length;
      if (memory && (t->attributes & A_GATHER) != 0)
        emit_gather (g, reg);
      else if (memory)
        {
          g->operand = pick_target (g, operand_bytes (g));
          emit_memory (g, reg);
          fill_operand (g);
          if (g->rex != 0 && t->map < FUZZ_VEX)
            c->code[rex_position] = g->rex;
        }
      else
        {
          emit (g, (uint8_t)(0xc0 | reg << 3 | below (g, 8)));
          g->register_operand = TRUE;
        }
    }
  if (t->map >= FUZZ_VEX)
    fill_vex (g);
  switch (t->imm)
    {
    case I_8:
      imm = (unsigned)integer (g) & 0xff;
      if (t->klass == FUZZ_CLASS_SHIFT)
        imm = below (g, 72);
      emit (g, (uint8_t)imm);
      break;
    case I_16:
      emit_n (g, t->klass == FUZZ_CLASS_BRANCH ? below (g, 64) * 8 : integer (g), 2);
      break;
    case I_Z:
      emit_n (g, integer (g), g->operand_size == 2 ? 2 : 4);
      break;
    case I_V:
      emit_n (g, integer (g), g->operand_size);
      break;
    case I_16_8:
      emit_n (g, below (g, 200), 2);
      emit (g, (uint8_t)(one_in (g, 2) ? 0 : below (g, 34)));
      break;
    case I_MOFFS:
      g->operand = pick_target (g, operand_bytes (g));
      if (g->address_size == 2)
        g->operand = FUZZ_LOW + (g->operand & (FUZZ_PAGE - 1));
      if (g->address_size == 4)
        g->operand = segment_base (g) + (uint32_t)(g->operand - segment_base (g));
      emit_n (g, g->operand - segment_base (g), g->address_size);
      break;
    case I_REL8:
      g->relative = c->length;
      emit (g, 0);
      break;
    case I_RELZ:
      g->relative = c->length;
      emit_n (g, 0, 4);
      break;
    default:
      break;
    }
  if (t->klass == FUZZ_CLASS_SHIFT)
    c->undefined_flags = shift_undefined (g, (t->attributes & A_ONE) != 0  ? 1
                                             : (t->attributes & A_CL) != 0 ? (unsigned)c->in.gpr[1]
                                                                           : imm);
  /* SHLD and SHRD by more than the operand has bits: nothing is defined. */
  if (t->klass == FUZZ_CLASS_SHIFT && t->map == 1 && g->operand_size == 2
      && (((t->attributes & A_CL) != 0 ? (unsigned)c->in.gpr[1] : imm) & 31) > 16)
    c->skip = TRUE;
  /* BSWAP of a 16-bit register is undefined; so is the reach of one after 66h. */
}

static void
fix_up (Generator *g, unsigned which, unsigned slot)
{
  FuzzCase *c = g->c;
  uint32_t page = FUZZ_CODE + which * FUZZ_CODE_STRIDE;

  c->in.rip = fuzz_code_address (which, slot, c);
  if (g->rip_relative != 0)
    {
      uint64_t ea = g->operand - segment_base (g);
      int32_t disp = (int32_t)(ea - (c->in.rip + c->length));

      memcpy (c->code + g->rip_relative, &disp, 4);
    }
  if (g->relative != 0)
    {
      int32_t distance = (int32_t)(pad (g, slot, page) - (uint32_t)(c->in.rip + c->length));

      memcpy (c->code + g->relative, &distance, g->t->imm == I_REL8 ? 1 : 4);
    }
  if ((g->t->attributes & A_BRANCH) != 0 && !one_in (g, 8))
    {
      uint64_t target = pad (g, slot, page);

      if ((g->t->attributes & A_MODRM) == 0)
        put (c, fuzz_stack (c, c->in.gpr[RSP]), &target, g->compat ? 4 : 8);
      else if (g->register_operand)
        c->in.gpr[(c->code[g->modrm_position] & 7) | ((g->rex & 1) != 0 ? 8 : 0)] = target;
      else
        put (c, g->operand, &target, g->compat ? 4 : 8);
    }
}

/* -- Any bytes ------------------------------------------------------------------------------------- */

/* Opcodes that are left out: what depends on the host's descriptors or kernel, branches, what is covered with masks of its own, and
 * encodings that the host has and the guest has not. */
static gboolean
left_out (const Generator *g, unsigned map, unsigned opcode)
{
  static const uint8_t one_byte[]
      = { 0x07, 0x0f, 0x17, 0x1f, 0x26, 0x2e, 0x36, 0x3e, 0x60, 0x61, 0x62, 0x64, 0x65, 0x66, 0x67,
          0x8e, 0x8f, 0x9a, 0x9d, 0xa6, 0xa7, 0xc2, 0xc3, 0xc4, 0xc5, 0xc8, 0xca, 0xcb, 0xcd, 0xcf,
          0xe0, 0xe1, 0xe2, 0xe3, 0xe8, 0xe9, 0xea, 0xeb, 0xf0, 0xf1, 0xf2, 0xf3, 0xff };
  static const uint8_t two_byte[]
      = { 0x00, 0x01, 0x02, 0x03, 0x05, 0x07, 0x0f, 0x31, 0x33, 0x34, 0x35, 0x37, 0x38, 0x3a,
          0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xae, 0xb2, 0xb4, 0xb5, 0xbc, 0xbd, 0xc7, 0xf7 };

  if (map == 0)
    return memchr (one_byte, (int)opcode, sizeof one_byte) != NULL || (opcode & 0xf8) == 0xd8
           || (opcode & 0xf0) == 0x70 || (opcode & 0xe7) == 0x06 || (!g->compat && (opcode & 0xf0) == 0x40);
  return map == 1
         && (memchr (two_byte, (int)opcode, sizeof two_byte) != NULL || (opcode & 0xf0) == 0x80
             || (opcode & 0xf8) == 0xc8);
}

/* SDM volume 2, appendix A. */
static gboolean
has_modrm (unsigned map, unsigned opcode)
{
  if (map == 0)
    return (opcode < 0x40 && (opcode & 7) < 4) || opcode == 0x63 || opcode == 0x69 || opcode == 0x6b
           || (opcode & 0xf0) == 0x80 || (opcode & 0xfe) == 0xc0 || (opcode & 0xfe) == 0xc6
           || (opcode & 0xfc) == 0xd0 || (opcode & 0xf6) == 0xf6;
  if (map == 1)
    return !((opcode >= 0x04 && opcode <= 0x0e && opcode != 0x0d) || (opcode & 0xf8) == 0x30 || opcode == 0x77
             || opcode == 0xaa || (opcode & 0xf8) == 0xc8);
  return TRUE;
}

static void
any_bytes (Generator *g)
{
  static const uint8_t list[] = { 0x66, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
  unsigned n = below (g, 4), map = below (g, 4), opcode;
  unsigned rex_position = 0;

  while (n-- > 0)
    {
      uint8_t prefix = list[below (g, sizeof list)];

      if (!g->compat && one_in (g, 8))
        emit (g, (uint8_t)(0x40 | below (g, 16))); /* has no effect here */
      if (prefix == 0x67)
        g->address_size = g->compat ? 2 : 4;
      if (prefix >= 0x26 && prefix <= 0x65 && (prefix == 0x64 || prefix == 0x65 || g->compat))
        g->segment = prefix;
      emit (g, prefix);
    }
  if (!g->compat && one_in (g, 2))
    {
      rex_position = g->c->length;
      emit (g, g->rex = (uint8_t)(0x40 | below (g, 16)));
    }
  do
    opcode = below (g, 256);
  while (left_out (g, map, opcode));
  if (map >= 1)
    emit (g, 0x0f);
  if (map >= 2)
    emit (g, map == 2 ? 0x38 : 0x3a);
  emit (g, (uint8_t)opcode);
  implicit_registers (g);
  if (!has_modrm (map, opcode))
    ;
  else if (one_in (g, 2))
    {
      g->operand = pick_target (g, 16);
      emit_memory (g, below (g, 8));
      if (g->rex != 0)
        g->c->code[rex_position] = g->rex;
    }
  else
    emit (g, (uint8_t)(0xc0 | below (g, 64)));
  g->c->no_exit = TRUE;
}

void
fuzz_generate (const FuzzOptions *options, uint64_t number, unsigned which, unsigned slot, FuzzCase *c)
{
  static uint8_t pool[8192];
  static gboolean pool_filled;
  Generator g = { .state = options->seed * 0xd1342543de82ef95 + number * 0x2545f4914f6cdd1d,
                  .c = c,
                  .options = options };

  if (!pool_filled)
    {
      Generator fill = { .state = 1 };

      for (unsigned i = 0; i < sizeof pool / 8; i++)
        {
          uint64_t value = integer (&fill);

          memcpy (pool + 8 * i, &value, 8);
        }
      pool_filled = TRUE;
    }
  rnd (&g);
  c->number = number;
  c->length = 0;
  c->skip = FALSE;
  c->no_exit = FALSE;
  /* A whole batch is in one mode, so that switching costs little. */
  g.compat = (number / FUZZ_BATCH) % 3 == 2;
  c->compat = (uint8_t)g.compat;
  c->short_stack = g.compat && options->short_stack;
  unsigned tries = 0;
  do
    g.t = pick_template (&g);
  while ((g.t->attributes & (g.compat ? A_64 : A_32)) != 0 && ++tries < 10000);
  if (tries == 10000) /* what was asked for by name is not in this mode */
    c->skip = TRUE;
  c->template = g.t;
  c->undefined_flags = g.t->undefined;
  memcpy (c->memory, pool + below (&g, 64) * 64, FUZZ_PAGE);
  initial_state (&g);
  if (g.t->klass == FUZZ_CLASS_DECODE)
    {
      g.address_size = g.compat ? 4 : 8;
      g.operand_size = 4;
      if (g.t->map == 0)
        any_bytes (&g);
      else
        {
          prefixes (&g);
          opcode_and_operands (&g);
          c->no_exit = TRUE;
        }
    }
  else
    {
      prefixes (&g);
      opcode_and_operands (&g);
    }

  /* CMPXCHG: half of them equal. */
  if (g.t->klass == FUZZ_CLASS_ATOMIC && g.operand != 0 && one_in (&g, 2))
    {
      unsigned wide = g.t->opcode == 0xc7 ? ((g.rex & 8) != 0 ? 8 : 4) : 8;
      uint64_t offset = (g.operand >= FUZZ_DATA ? g.operand - FUZZ_DATA : g.operand - FUZZ_LOW);

      if (offset < FUZZ_PAGE - 16)
        {
          memcpy (&c->in.gpr[0], c->memory + offset, wide);
          if (g.t->opcode == 0xc7)
            memcpy (&c->in.gpr[2], c->memory + offset + wide, wide);
        }
    }
  /* POPF must not turn on single step (a signal at the next instruction) nor alignment checks (nor BOUND, if it isn't one). */
  if (g.t->map == 0 && g.t->opcode == 0x9d)
    {
      uint64_t offset = fuzz_stack (c, c->in.gpr[RSP]) - (c->short_stack ? FUZZ_LOW : FUZZ_DATA);

      if (offset < FUZZ_PAGE - 1)
        c->memory[offset + 1] &= 0xfe;
      if (offset < FUZZ_PAGE - 2)
        c->memory[offset + 2] &= 0xfb;
    }
  /* The host may have more components than the guest. */
  if (g.t->values == V_XSAVE && (c->in.gpr[0] & 0xfffffff8) != 0)
    c->skip = TRUE;
  if ((g.t->needs & ~options->features) != 0)
    c->skip = TRUE;
  /* The same cases on every host, but some can't be run there. */
  if (g.compat && (!options->compat || (g.address_size == 2 && !options->low)))
    c->skip = TRUE;
  /* A kernel that keeps WRFSBASE to itself sets no base beyond its programs' half. */
  if (!options->fsgsbase
      && ((g.t->map == 1 && g.t->opcode == 0xae && g.t->prefix == 0xf3 && g.t->digit < 4)
          || (!g.compat && c->in.gs_base >> 47 != 0)))
    c->skip = TRUE;
  fix_up (&g, which, slot);
  c->operand = g.operand;
  if (g.compat)
    {
      for (unsigned i = 0; i < 8; i++)
        c->in.gpr[i] = (uint32_t)c->in.gpr[i];
      for (unsigned i = 8; i < 16; i++)
        c->in.gpr[i] = 0;
      c->in.fs_base = c->in.gs_base = 0;
    }
}

const char *
fuzz_class_name (FuzzClass klass)
{
  static const char *const names[FUZZ_N_CLASSES]
      = { "alu",    "shift", "muldiv", "bit", "string", "stack", "branch", "flags", "move",
          "atomic", "bcd",   "misc",   "x87", "mmx",    "sse",   "sse2",   "sse3",  "ssse3",
          "sse41",  "sse42", "fxsave", "bmi", "crypto", "avx",   "avx2",   "fma",   "decode" };

  return names[klass];
}
