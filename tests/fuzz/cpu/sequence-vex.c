/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "sequence-vex.h"

#include "cpu/soft/vex.h"

/* What isn't in the software processor's table. */
typedef struct
{
  uint8_t map, pp, opcode;
  int8_t digit;    /* ModRM.reg, or -1 */
  uint8_t l;       /* VEX.L: 0, 1, or 2 for either */
  gboolean v, imm; /* vvvv is a register; there is an immediate */
  gboolean memory, reg;
} Other;

static const Other others[] = {
  { 1, 1, 0x71, 2, 2, TRUE, TRUE, FALSE, TRUE },    /* shifts by an immediate */
  { 1, 1, 0x72, 6, 2, TRUE, TRUE, FALSE, TRUE },    /**/
  { 1, 1, 0x73, 3, 2, TRUE, TRUE, FALSE, TRUE },    /**/
  { 1, 1, 0x73, 7, 2, TRUE, TRUE, FALSE, TRUE },    /**/
  { 2, 1, 0x1a, -1, 1, FALSE, FALSE, TRUE, FALSE }, /* VBROADCASTF128, VBROADCASTI128 */
  { 2, 1, 0x5a, -1, 1, FALSE, FALSE, TRUE, FALSE }, /**/
  { 2, 1, 0x2c, -1, 2, TRUE, FALSE, TRUE, FALSE },  /* VMASKMOVPS */
  { 2, 1, 0x2e, -1, 2, TRUE, FALSE, TRUE, FALSE },  /**/
  { 1, 0, 0xae, 3, 0, FALSE, FALSE, TRUE, FALSE },  /* VSTMXCSR */
  { 3, 1, 0x63, -1, 0, FALSE, TRUE, FALSE, FALSE }, /* VPCMPISTRI */
  { 2, 0, 0xf2, -1, 0, TRUE, FALSE, FALSE, FALSE }, /* ANDN */
  { 2, 0, 0xf3, 1, 0, TRUE, FALSE, FALSE, FALSE },  /* BLSR, BLSMSK, BLSI */
  { 2, 0, 0xf3, 2, 0, TRUE, FALSE, FALSE, FALSE },  /**/
  { 2, 0, 0xf3, 3, 0, TRUE, FALSE, FALSE, FALSE },  /**/
  { 2, 0, 0xf5, -1, 0, TRUE, FALSE, FALSE, FALSE }, /* BZHI, PEXT, PDEP */
  { 2, 2, 0xf5, -1, 0, TRUE, FALSE, FALSE, FALSE }, /**/
  { 2, 3, 0xf5, -1, 0, TRUE, FALSE, FALSE, FALSE }, /**/
  { 2, 3, 0xf6, -1, 0, TRUE, FALSE, FALSE, FALSE }, /* MULX */
  { 2, 0, 0xf7, -1, 0, TRUE, FALSE, FALSE, FALSE }, /* BEXTR, SHLX, SARX, SHRX */
  { 2, 1, 0xf7, -1, 0, TRUE, FALSE, FALSE, FALSE }, /**/
  { 2, 2, 0xf7, -1, 0, TRUE, FALSE, FALSE, FALSE }, /**/
  { 2, 3, 0xf7, -1, 0, TRUE, FALSE, FALSE, FALSE }, /**/
  { 3, 3, 0xf0, -1, 0, FALSE, TRUE, FALSE, FALSE }, /* RORX */
};

#define ROW(map, pp, first, last, v, w, imm, form, memory, flags) \
  { map, pp, first, last, v, w, imm, form, memory, flags },
static const SoftVexRow rows[] = { VEX_LIST (ROW) };

static unsigned
below (uint64_t *random, unsigned n)
{
  uint64_t z = *random += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return (unsigned)((z >> 32) * n >> 32);
}

typedef struct
{
  unsigned map, pp, opcode, reg, v, l, w;
  gboolean memory, imm;
  unsigned gpr; /* which operands are general registers: 1 reg, 2 vvvv, 4 rm */
} Form;

static Form
from_table (uint64_t *random, gboolean compat)
{
  const SoftVexRow *row = &rows[below (random, G_N_ELEMENTS (rows))];
  unsigned n = compat ? 8 : 16;
  Form f = { .map = row->map, .pp = row->pp, .opcode = row->first, .imm = row->imm != 0 };

  f.opcode += below (random, row->last - row->first + 1u);
  f.l = (row->flags & VEX_L1) != 0 || ((row->flags & VEX_L0) == 0 && below (random, 2) == 0);
  f.w = (row->flags & VEX_W1) != 0 || ((row->flags & VEX_W0) == 0 && below (random, 2) == 0);
  f.memory = (row->flags & VEX_MEM) != 0 || ((row->flags & VEX_REG) == 0 && below (random, 2) == 0);
  f.reg = below (random, n);
  f.v = row->v == 15 || (f.memory && (row->form == VEX_LOAD_SCALAR || row->form == VEX_STORE_SCALAR))
            ? 0
            : below (random, n);
  f.gpr = row->form == VEX_TO_GPR || row->form == VEX_MASK          ? 1
          : row->form == VEX_FROM_GPR || row->form == VEX_STORE_GPR ? 4
                                                                    : 0;
  return f;
}

static Form
from_others (uint64_t *random, gboolean compat)
{
  const Other *o = &others[below (random, G_N_ELEMENTS (others))];
  unsigned n = compat ? 8 : 16;
  Form f = { .map = o->map, .pp = o->pp, .opcode = o->opcode, .imm = o->imm };

  f.l = o->l == 2 ? below (random, 2) : o->l;
  f.memory = o->memory || (!o->reg && below (random, 2) == 0);
  f.reg = o->digit >= 0 ? (unsigned)o->digit : below (random, n);
  f.v = o->v ? below (random, n) : 0;
  if (o->opcode >= 0xf0)
    {
      f.w = below (random, 2);
      f.gpr = 7 & ~(o->digit >= 0 ? 1u : 0u) & ~(o->v ? 0u : 2u);
    }
  return f;
}

/* Not one that points into the data page, but now and then. */
static unsigned
plain (uint64_t *random, gboolean compat)
{
  static const uint8_t all[] = { 0, 2, 5, 8, 10, 11, 13, 14, 15 };

  return all[below (random, compat ? 3 : G_N_ELEMENTS (all))];
}

unsigned
sequence_vex (uint64_t *random, gboolean compat, unsigned base, uint8_t code[16])
{
  unsigned rm = below (random, compat ? 8 : 16), at = 0;
  Form f;

  if (below (random, 12) == 0)
    {
      /* VZEROUPPER, VZEROALL */
      code[0] = 0xc5;
      code[1] = below (random, 4) == 0 ? 0xfc : 0xf8;
      code[2] = 0x77;
      return 3;
    }
  f = below (random, 3) == 0 ? from_others (random, compat) : from_table (random, compat);
  if ((f.gpr & 1) != 0)
    f.reg = plain (random, compat);
  if ((f.gpr & 2) != 0)
    f.v = plain (random, compat);
  if ((f.gpr & 4) != 0)
    rm = plain (random, compat);
  if (f.memory)
    rm = base;
  code[at++] = 0xc4;
  code[at++] = (uint8_t)((f.reg < 8 ? 0x80 : 0) | 0x40 | (rm < 8 ? 0x20 : 0) | f.map);
  code[at++] = (uint8_t)(f.w << 7 | (~f.v & 15) << 3 | f.l << 2 | f.pp);
  code[at++] = (uint8_t)f.opcode;
  code[at++] = (uint8_t)((f.memory ? 0x40 : 0xc0) | (f.reg & 7) << 3 | (rm & 7));
  if (f.memory)
    {
      if ((rm & 7) == 4)
        code[at++] = 0x24;
      code[at++] = (uint8_t)(below (random, 4) == 0 ? below (random, 256) : below (random, 8) * 32 - 128);
    }
  if (f.imm)
    code[at++] = (uint8_t)below (random, 256);
  return at;
}
