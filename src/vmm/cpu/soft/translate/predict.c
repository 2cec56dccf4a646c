/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What registers will most likely hold at each instruction of a unit: their values when it is made, followed through what moves and adds, loads
 * included.  Only the choice between ways that are all right depends on it: a window, or a look-up.
 */
#include "cpu/soft/translate/integer-private.h"

#define SMALL 0x10000 /* rather a number than an address */

void
gen_predict_begin (Gen *g)
{
  memcpy (g->value, g->cpu->reg, sizeof g->value);
  g->known = 0xffff;
}

static gboolean
is_known (const Gen *g, unsigned reg)
{
  return reg < 16 && (g->known & 1u << reg) != 0;
}

gboolean
gen_predict_address (const Gen *g, const GenAddress *a, uint64_t *linear)
{
  *linear = (uint64_t)(int64_t)a->disp;
  if (a->constant)
    *linear = a->value;
  else if ((a->base != SOFT_REG_ZERO && !is_known (g, a->base))
           || (a->index != SOFT_REG_ZERO && !is_known (g, a->index)))
    return FALSE;
  else
    {
      if (a->base != SOFT_REG_ZERO)
        *linear += g->value[a->base];
      if (a->index != SOFT_REG_ZERO)
        *linear += g->value[a->index] << a->scale;
    }
  if (a->size == 4)
    *linear = (uint32_t)*linear;
  return a->segment == 0;
}

gboolean
gen_predict_near (const Gen *g, const GenAddress *a, uint64_t *linear)
{
  uint64_t value;

  if (gen_predict_address (g, a, linear))
    return TRUE;
  /* Whichever looks like where something begins. */
  if (is_known (g, a->base))
    value = g->value[a->base];
  else if (is_known (g, a->index) && a->scale == 0)
    value = g->value[a->index];
  else
    return FALSE;
  *linear = value + (uint64_t)(int64_t)a->disp;
  if (a->size == 4)
    *linear = (uint32_t)*linear;
  return a->segment == 0 && value >= SMALL;
}

/* From RAM that the translation buffer or a window knows. */
static gboolean
load (const Gen *g, const GenAddress *a, unsigned size, uint64_t *value)
{
  const SoftTlbEntry *entry;
  const uint8_t *host = NULL;
  uint64_t linear;

  if (!gen_predict_address (g, a, &linear) || (linear & 0xfff) + size > 4096)
    return FALSE;
  entry = &g->cpu->tlbs[g->mmu][(linear >> 12) & (SOFT_TLB_SIZE - 1)];
  if (entry->read == (linear & SOFT_PAGE_MASK))
    host = (const uint8_t *)(entry->addend + linear);
  for (unsigned i = 0; i < G_N_ELEMENTS (g->cpu->load_windows) && host == NULL; i++)
    if (soft_in_window (&g->cpu->load_windows[i], linear))
      host = (const uint8_t *)(g->cpu->load_windows[i].host + (linear - g->cpu->load_windows[i].low));
  if (host == NULL)
    return FALSE;
  *value = 0;
  memcpy (value, host, size);
  return TRUE;
}

/* The operand that ModRM.rm names, or its value in memory. */
static gboolean
source (const Gen *g, unsigned size, uint64_t *value)
{
  const SoftInsn *insn = g->insn;
  GenAddress a;

  if (!insn->mem)
    {
      *value = g->value[insn->b & 15];
      return is_known (g, insn->b);
    }
  a = gen_operand (g);
  return gen_can_access (g) && load (g, &a, size, value);
}

static gboolean
compute (unsigned op, uint64_t a, uint64_t b, uint64_t *value)
{
  switch (op)
    {
    case ALU_ADD:
      *value = a + b;
      return TRUE;
    case ALU_SUB:
      *value = a - b;
      return TRUE;
    case ALU_AND:
      *value = a & b;
      return TRUE;
    case ALU_OR:
      *value = a | b;
      return TRUE;
    case ALU_XOR:
      *value = a ^ b;
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
shift (const SoftInsn *insn, uint64_t a, uint64_t *value)
{
  unsigned count = (unsigned)insn->imm & (insn->size == 8 ? 63 : 31);

  if (insn->size == 4)
    a = (uint32_t)a;
  switch (insn->modrm >> 3 & 7)
    {
    case 4:
      *value = a << count;
      return TRUE;
    case 5:
      *value = a >> count;
      return TRUE;
    case 7:
      *value = (uint64_t)(insn->size == 4 ? (int32_t)a >> count : (int64_t)a >> count);
      return TRUE;
    default:
      return FALSE;
    }
}

/* The value of the only register that the instruction writes, and which one that is. */
static gboolean
result_one (const Gen *g, unsigned *reg, uint64_t *value)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode, size = insn->size;
  GenAddress a;
  uint64_t b;

  *reg = insn->a;
  switch (op)
    {
    case 0x00 ... 0x3f:
      if ((op & 0xfd) == 0x31 && !insn->mem && insn->b == *reg)
        {
          *value = 0;
          return TRUE;
        }
      if ((op & 7) >= 4)
        return is_known (g, *reg) && compute (op >> 3, g->value[*reg & 15], insn->imm, value);
      return source (g, size, &b) && is_known (g, *reg) && compute (op >> 3, g->value[*reg & 15], b, value);
    case 0x63:
      if (!source (g, 4, &b))
        return FALSE;
      *value = (uint64_t)(int64_t)(int32_t)b;
      return TRUE;
    case 0x81:
    case 0x83:
      return is_known (g, *reg) && compute (insn->modrm >> 3 & 7, g->value[*reg & 15], insn->imm, value);
    case 0x89:
    case 0x8b:
      return source (g, size, value);
    case 0x8d:
      a = gen_operand (g);
      a.segment = 0;
      return gen_predict_address (g, &a, value);
    case 0xb8 ... 0xbf:
      *value = insn->imm;
      return TRUE;
    case 0xc1:
      *reg = insn->b;
      return is_known (g, *reg) && shift (insn, g->value[*reg & 15], value);
    case 0xc7:
      *value = insn->imm;
      return TRUE;
    case 0xff:
      *reg = insn->b;
      *value = g->value[*reg & 15] + ((insn->modrm & 0x38) == 0 ? 1u : ~(uint64_t)0);
      return is_known (g, *reg);
    default:
      return FALSE;
    }
}

static gboolean
result_two (const Gen *g, unsigned *reg, uint64_t *value)
{
  *reg = g->insn->a;
  /* MOVZX; of registers AH to DH are left out. */
  if ((g->d->opcode & 0xfe) != 0xb6 || (g->d->opcode == 0xb6 && !g->insn->mem)
      || !source (g, g->d->opcode == 0xb6 ? 1 : 2, value))
    return FALSE;
  if (g->d->opcode == 0xb7)
    *value &= 0xffff;
  return TRUE;
}

/* PUSH and POP of registers. */
static gboolean
stack (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode, size = g->mode64 ? 8 : 4;
  const GenAddress top = { .base = CPU_RSP, .index = SOFT_REG_ZERO, .size = (uint8_t)size };
  uint64_t value;

  if (g->d->map != 0 || op < 0x50 || op > 0x5f || insn->size != size || !is_known (g, CPU_RSP))
    return FALSE;
  if (op >= 0x58)
    {
      gboolean known = load (g, &top, size, &value) && insn->b != CPU_RSP;

      g->known &= (uint16_t) ~(1u << (insn->b & 15));
      if (known)
        {
          g->value[insn->b & 15] = value;
          g->known |= (uint16_t)(1u << (insn->b & 15));
        }
    }
  g->value[CPU_RSP] += op >= 0x58 ? size : -(uint64_t)size;
  return TRUE;
}

void
gen_predict (Gen *g)
{
  uint16_t writes = g->effects[g->n].writes;
  uint64_t value = 0;
  unsigned reg = 0, size;
  gboolean known;

  if (writes == 0 || stack (g))
    return;
  size = g->d->map == 1 ? g->d->operand_size : g->insn->size;
  known = size >= 4
          && (g->d->map == 0   ? result_one (g, &reg, &value)
              : g->d->map == 1 ? result_two (g, &reg, &value)
                               : FALSE);
  g->known &= (uint16_t)~writes;
  if (known && writes == 1u << (reg & 15))
    {
      g->value[reg & 15] = size == 4 ? (uint32_t)value : value;
      g->known |= writes;
    }
}
