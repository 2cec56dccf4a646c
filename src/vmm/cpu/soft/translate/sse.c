/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SSE to SSE4.2 on the host's unit: XMM registers are the host's of the same number, and MXCSR, with the exceptions it has collected, the host's, while
 * SoftCpu.sse_live is set.  Exceptions that aren't masked are the interpreter's (SOFT_UNIT_KEY_SSE).
 */
#include "cpu/soft/ops.h"
#include "cpu/soft/sse.h"
#include "cpu/soft/translate/generate.h"
#include "cpu/soft/translate/layout.h"

enum
{
  FORM_NONE,
  FORM_SOURCE,    /* xmm, xmm/m */
  FORM_TARGET,    /* xmm/m, xmm */
  FORM_TO_GPR,    /* reg, xmm/m: CVT…2SI */
  FORM_FROM_GPR,  /* xmm, r/m: MOVD, CVTSI2… */
  FORM_STORE_GPR, /* r/m, xmm: MOVD */
  FORM_MASK,      /* reg, xmm: PMOVMSKB */
  FORM_FLAGS,     /* xmm, xmm/m, sets flags */
  FORM_SHIFT,     /* xmm by an immediate; ModRM.reg says how */
};

typedef struct
{
  uint8_t form;
  uint8_t size; /* of the memory operand; 0: of the general register */
  gboolean aligned, immediate;
} Shape;

static Shape
shape_of (const SoftDecode *d, unsigned prefix)
{
  Shape s = { .form = FORM_SOURCE, .size = 16, .aligned = TRUE };
  gboolean scalar = prefix == SSE_F3 || prefix == SSE_F2;
  unsigned scalar_size = prefix == SSE_F3 ? 4 : 8;
  const Shape none = { 0 };

  if (d->map == 2)
    {
      if (prefix == SSE_NP && d->opcode >= 0xc8 && d->opcode <= 0xcd)
        return s; /* SHA, of which the decoder knows whether it is there */
      if (prefix != SSE_66)
        return none;
      switch (d->opcode)
        {
        case 0x00 ... 0x0b:
        case 0x1c ... 0x1e:
        case 0x28:
        case 0x29:
        case 0x2a:
        case 0x2b:
        case 0x37 ... 0x41:
        case 0xdb ... 0xdf:
          return s;
        case 0x17:
          s.form = FORM_FLAGS;
          return s;
        case 0x20 ... 0x25:
        case 0x30 ... 0x35:
          {
            static const uint8_t sizes[6] = { 8, 4, 2, 8, 4, 8 };
            s.size = sizes[d->opcode & 7];
            s.aligned = FALSE;
            return s;
          }
        default:
          return none;
        }
    }
  if (d->map == 3)
    {
      s.immediate = TRUE;
      if (prefix == SSE_NP && d->opcode == 0xcc)
        return s;
      if (prefix != SSE_66)
        return none;
      switch (d->opcode)
        {
        case 0x08:
        case 0x09:
          return s;
        case 0x0a:
        case 0x0b:
          s.aligned = FALSE;
          s.size = d->opcode == 0x0a ? 4 : 8;
          return s;
        case 0x0c ... 0x0f:
        case 0x44:
        case 0xdf:
          return s;
        default:
          return none;
        }
    }
  switch (d->opcode)
    {
    case 0x10:
    case 0x11:
      s.form = d->opcode == 0x10 ? FORM_SOURCE : FORM_TARGET;
      s.aligned = FALSE;
      s.size = scalar ? scalar_size : 16;
      return s;
    case 0x12:
    case 0x16:
      if (prefix == SSE_F3)
        return s;
      if (prefix == SSE_F2 && d->opcode == 0x16)
        return none;
      s.size = 8;
      s.aligned = FALSE;
      return s;
    case 0x13:
    case 0x17:
      if (scalar)
        return none;
      s.form = FORM_TARGET;
      s.size = 8;
      s.aligned = FALSE;
      return s;
    case 0x14:
    case 0x15:
    case 0x54 ... 0x57:
      return scalar ? none : s;
    case 0x28:
      return scalar ? none : s;
    case 0x29:
    case 0x2b:
      s.form = FORM_TARGET;
      return scalar ? none : s;
    case 0x2a:
      s.form = FORM_FROM_GPR;
      s.size = 0;
      return scalar ? s : none;
    case 0x2c:
    case 0x2d:
      s.form = FORM_TO_GPR;
      s.size = scalar_size;
      s.aligned = FALSE;
      return scalar ? s : none;
    case 0x2e:
    case 0x2f:
      s.form = FORM_FLAGS;
      s.size = prefix == SSE_66 ? 8 : 4;
      s.aligned = FALSE;
      return scalar ? none : s;
    case 0x50:
      s.form = FORM_MASK;
      return scalar ? none : s;
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c ... 0x5f:
      if (scalar)
        {
          s.size = scalar_size;
          s.aligned = FALSE;
        }
      return s;
    case 0x52:
    case 0x53:
      if (prefix == SSE_F3)
        {
          s.size = 4;
          s.aligned = FALSE;
        }
      return prefix == SSE_66 || prefix == SSE_F2 ? none : s;
    case 0x5a:
      if (prefix != SSE_66)
        {
          s.size = prefix == SSE_F3 ? 4 : 8;
          s.aligned = FALSE;
        }
      return s;
    case 0x5b:
      return prefix == SSE_F2 ? none : s;
    case 0x60 ... 0x6d:
    case 0x74 ... 0x76:
    case 0xd1 ... 0xd5:
    case 0xd8 ... 0xdf:
    case 0xe0 ... 0xe5:
    case 0xe8 ... 0xef:
    case 0xf1 ... 0xf6:
    case 0xf8 ... 0xfe:
      return prefix == SSE_66 ? s : none;
    case 0x6e:
      s.form = FORM_FROM_GPR;
      s.size = 0;
      return prefix == SSE_66 ? s : none;
    case 0x6f:
    case 0x7f:
      s.form = d->opcode == 0x6f ? FORM_SOURCE : FORM_TARGET;
      s.aligned = prefix == SSE_66;
      return prefix == SSE_66 || prefix == SSE_F3 ? s : none;
    case 0x70:
      s.immediate = TRUE;
      return prefix == SSE_NP ? none : s;
    case 0x71 ... 0x73:
      s.form = FORM_SHIFT;
      s.immediate = TRUE;
      return prefix == SSE_66 ? s : none;
    case 0x7c:
    case 0x7d:
    case 0xd0:
      return prefix == SSE_66 || prefix == SSE_F2 ? s : none;
    case 0x7e:
      if (prefix == SSE_F3)
        {
          s.size = 8;
          s.aligned = FALSE;
          return s;
        }
      s.form = FORM_STORE_GPR;
      s.size = 0;
      return prefix == SSE_66 ? s : none;
    case 0xc2:
      s.immediate = TRUE;
      if (scalar)
        {
          s.size = scalar_size;
          s.aligned = FALSE;
        }
      return s;
    case 0xc6:
      s.immediate = TRUE;
      return scalar ? none : s;
    case 0xd6:
      s.form = FORM_TARGET;
      s.size = 8;
      s.aligned = FALSE;
      return prefix == SSE_66 ? s : none;
    case 0xd7:
      s.form = FORM_MASK;
      return prefix == SSE_66 ? s : none;
    case 0xe6:
      if (prefix == SSE_F3)
        {
          s.size = 8;
          s.aligned = FALSE;
        }
      return prefix == SSE_NP ? none : s;
    case 0xe7:
      s.form = FORM_TARGET;
      return prefix == SSE_66 ? s : none;
    case 0xf0:
      s.aligned = FALSE;
      return prefix == SSE_F2 ? s : none;
    default:
      return none;
    }
}

void
gen_use_vectors (Gen *g, unsigned level)
{
  GenCold *cold;

  if (g->sse >= level)
    return;
  gen_flags_lose (g);
  emit_alu_imm (&g->e, 4, 7, GEN_FIELD (sse_live), (int32_t)level);
  cold = gen_cold (g);
  cold->kind = GEN_COLD_SSE;
  cold->jump = emit_jcc (&g->e, CC_B);
  cold->retry = g->e.at;
  cold->access = (uint8_t)level;
  g->sse = (uint8_t)level;
}

static unsigned
prefix_of (const SoftDecode *d)
{
  return d->rep == 0xf3 ? SSE_F3 : d->rep == 0xf2 ? SSE_F2 : d->opsize ? SSE_66 : SSE_NP;
}

static gboolean
shape (const Gen *g, Shape *s)
{
  const SoftInsn *insn = g->insn;

  /* Behind VEX maps have other numbers. */
  if ((g->unit->key & SOFT_UNIT_KEY_SSE) == 0 || insn->handler != soft_op_call || g->d->map > 3)
    return FALSE;
  *s = shape_of (g->d, prefix_of (g->d));
  if (s->form == FORM_NONE || (insn->mem && !gen_can_access (g)))
    return FALSE;
  if (s->size == 0)
    s->size = insn->size == 8 ? 8 : 4;
  return !insn->mem || (s->form != FORM_MASK && s->form != FORM_SHIFT);
}

static gboolean
stores (const Shape *s)
{
  return s->form == FORM_TARGET || s->form == FORM_STORE_GPR;
}

gboolean
gen_sse_effects (Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  Shape s;

  if (!shape (g, &s))
    return FALSE;
  effects->calls = FALSE;
  effects->flags = s.form == FORM_FLAGS ? EFFECT_SET : EFFECT_NONE;
  effects->writes = 0;
  if (s.form == FORM_TO_GPR || s.form == FORM_MASK)
    effects->writes = (uint16_t)(1u << insn->a);
  else if (s.form == FORM_STORE_GPR && !insn->mem)
    effects->writes = (uint16_t)(1u << insn->b);
  if (insn->mem)
    {
      effects->address = gen_operand (g);
      effects->size = s.size;
      effects->write = stores (&s);
    }
  return TRUE;
}

gboolean
gen_sse (Gen *g)
{
  const SoftInsn *insn = g->insn;
  const SoftDecode *d = g->d;
  static const uint32_t prefixes[] = { 0, EMIT_66, EMIT_F3, EMIT_F2 };
  static const uint32_t maps[] = { 0, 0x0f00, 0x0f3800, 0x0f3a00 };
  uint32_t opcode = prefixes[prefix_of (d)] | maps[d->map] | d->opcode;
  unsigned wide = insn->size == 8 ? 8 : 4, target;
  Shape s;
  EmitRm rm;
  Emit *e = &g->e;

  if (!shape (g, &s))
    return FALSE;
  gen_use_vectors (g, 1);
  if (insn->mem)
    {
      gboolean aligned = s.aligned && s.size == 16;

      /* In RAX, as the interpreter may have to do it after all. */
      if (aligned)
        gen_flags_clobber (g);
      rm = gen_access (g, s.size,
                       (stores (&s) ? SOFT_ACCESS_WRITE : 0) | (aligned ? SOFT_ACCESS_ALIGNED : 0));
      if (aligned)
        rm = gen_aligned (g, rm);
    }
  else
    rm = emit_reg (insn->b);

  switch (s.form)
    {
    case FORM_SOURCE:
    case FORM_TARGET:
      emit_rm (e, 4, opcode, insn->a, rm);
      break;
    case FORM_SHIFT:
      emit_digit (e, 4, opcode, insn->modrm >> 3 & 7, rm);
      break;
    case FORM_FROM_GPR:
      emit_full (e, opcode, insn->a, wide, insn->mem ? rm : gen_reg (insn->b), wide);
      break;
    case FORM_STORE_GPR:
      if (!insn->mem)
        rm = gen_reg (insn->b).is_memory ? emit_reg (HOST_RSI) : gen_reg (insn->b);
      emit_full (e, opcode, insn->a, wide, rm, wide);
      if (!insn->mem && rm.reg == HOST_RSI)
        gen_set_reg (g, insn->b, wide, HOST_RSI);
      break;
    case FORM_TO_GPR:
    case FORM_MASK:
      target = gen_reg (insn->a).is_memory ? HOST_RSI : gen_reg (insn->a).reg;
      if (s.form == FORM_MASK)
        wide = 4;
      emit_full (e, opcode, target, wide, rm, 4);
      if (target == HOST_RSI)
        gen_set_reg (g, insn->a, wide, HOST_RSI);
      break;
    default:
      gen_flags_set (g);
      emit_rm (e, 4, opcode, insn->a, rm);
      break;
    }
  if (s.immediate)
    emit8 (e, (unsigned)insn->imm & 0xff);
  return TRUE;
}
