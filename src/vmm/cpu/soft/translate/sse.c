/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SSE to SSE4.2 on the host's unit.  XMM registers live in SoftCpu; an instruction takes its operands to XMM0 and XMM1, is done there, and
 * puts the result back.  So nothing has to be saved when C is called, and the host's store buffer makes it cheap.
 *
 * Arithmetic needs the guest's MXCSR, with the exceptions it has collected, in the host's.  That is so where its control half is the initial
 * one; other modes are the interpreter's.
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
  gboolean aligned, arithmetic, immediate;
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
      if (prefix != SSE_66)
        return none;
      switch (d->opcode)
        {
        case 0x08:
        case 0x09:
          s.arithmetic = TRUE;
          return s;
        case 0x0a:
        case 0x0b:
          s.arithmetic = TRUE;
          s.aligned = FALSE;
          s.size = d->opcode == 0x0a ? 4 : 8;
          return s;
        case 0x0c ... 0x0f:
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
      s.arithmetic = TRUE;
      return scalar ? s : none;
    case 0x2c:
    case 0x2d:
      s.form = FORM_TO_GPR;
      s.size = scalar_size;
      s.aligned = FALSE;
      s.arithmetic = TRUE;
      return scalar ? s : none;
    case 0x2e:
    case 0x2f:
      s.form = FORM_FLAGS;
      s.size = prefix == SSE_66 ? 8 : 4;
      s.aligned = FALSE;
      s.arithmetic = TRUE;
      return scalar ? none : s;
    case 0x50:
      s.form = FORM_MASK;
      return scalar ? none : s;
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c ... 0x5f:
      s.arithmetic = TRUE;
      if (scalar)
        {
          s.size = scalar_size;
          s.aligned = FALSE;
        }
      return s;
    case 0x52:
    case 0x53:
      s.arithmetic = TRUE;
      if (prefix == SSE_F3)
        {
          s.size = 4;
          s.aligned = FALSE;
        }
      return prefix == SSE_66 || prefix == SSE_F2 ? none : s;
    case 0x5a:
      s.arithmetic = TRUE;
      if (prefix != SSE_66)
        {
          s.size = prefix == SSE_F3 ? 4 : 8;
          s.aligned = FALSE;
        }
      return s;
    case 0x5b:
      s.arithmetic = TRUE;
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
      s.arithmetic = TRUE;
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
      s.immediate = s.arithmetic = TRUE;
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
      s.arithmetic = TRUE;
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

static inline EmitRm
xmm (unsigned n)
{
  return gen_frame ((uint32_t)(offsetof (SoftCpu, xmm) + n * sizeof (SoftXmm)));
}

static void
load_xmm (Gen *g, unsigned host, EmitRm rm)
{
  emit_rm (&g->e, 4, 0x0f28, host, rm);
}

static void
store_xmm (Gen *g, unsigned n, unsigned host)
{
  emit_rm (&g->e, 4, 0x0f29, host, xmm (n));
}

/* Before arithmetic; the interpreter does the instruction if the modes are not the initial ones. */
static void
take_mxcsr (Gen *g)
{
  gen_flags_clobber (g);
  emit_load (&g->e, 4, HOST_RSI, GEN_FIELD (mxcsr));
  emit_alu_imm (&g->e, 4, 4, emit_reg (HOST_RSI), MXCSR_CONTROL);
  emit_alu_imm (&g->e, 4, 7, emit_reg (HOST_RSI), MXCSR_INIT);
  gen_run_if (g, CC_NE);
  emit_digit (&g->e, 4, 0x0fae, 2, GEN_FIELD (mxcsr));
  g->mxcsr = TRUE;
}

static void
keep_mxcsr (Gen *g)
{
  emit_digit (&g->e, 4, 0x0fae, 3, GEN_FIELD (mxcsr));
}

gboolean
gen_sse (Gen *g)
{
  const SoftInsn *insn = g->insn;
  const SoftDecode *d = g->d;
  unsigned prefix = d->rep == 0xf3 ? SSE_F3 : d->rep == 0xf2 ? SSE_F2 : d->opsize ? SSE_66 : SSE_NP;
  static const uint32_t prefixes[] = { 0, EMIT_66, EMIT_F3, EMIT_F2 };
  static const uint32_t maps[] = { 0, 0x0f00, 0x0f3800, 0x0f3a00 };
  uint32_t opcode = prefixes[prefix] | maps[d->map] | d->opcode;
  unsigned wide = insn->size == 8 ? 8 : 4;
  Shape s = { 0 };
  EmitRm rm = { 0 };
  Emit *e = &g->e;

  if ((g->unit->key & SOFT_UNIT_KEY_SSE) == 0 || insn->handler != soft_op_call)
    return FALSE;
  s = shape_of (d, prefix);
  if (s.form == FORM_NONE || (insn->mem && !gen_can_access (g))
      || ((s.form == FORM_MASK || s.form == FORM_SHIFT) && insn->mem))
    return FALSE;
  if (insn->mem)
    {
      unsigned access = s.form == FORM_TARGET || s.form == FORM_STORE_GPR ? SOFT_ACCESS_WRITE : 0;

      /* In RAX, as the interpreter may have to do it after all. */
      gen_flags_clobber (g);
      rm = gen_access (g, s.size == 0 ? wide : s.size,
                       access | (s.aligned && s.size == 16 ? SOFT_ACCESS_ALIGNED : 0));
      if (s.aligned && s.size == 16)
        rm = gen_aligned (g, rm);
    }
  if (s.arithmetic && !g->mxcsr)
    take_mxcsr (g);

  switch (s.form)
    {
    case FORM_SOURCE:
      load_xmm (g, 0, xmm (insn->a));
      if (!insn->mem)
        {
          load_xmm (g, 1, xmm (insn->b));
          rm = emit_reg (1);
        }
      emit_rm (e, 4, opcode, 0, rm);
      if (s.immediate)
        emit8 (e, (unsigned)insn->imm & 0xff);
      store_xmm (g, insn->a, 0);
      break;
    case FORM_SHIFT:
      load_xmm (g, 0, xmm (insn->b));
      emit_digit (e, 4, opcode, insn->modrm >> 3 & 7, emit_reg (0));
      emit8 (e, (unsigned)insn->imm & 0xff);
      store_xmm (g, insn->b, 0);
      break;
    case FORM_TARGET:
      load_xmm (g, 0, xmm (insn->a));
      if (!insn->mem)
        {
          load_xmm (g, 1, xmm (insn->b));
          emit_rm (e, 4, opcode, 0, emit_reg (1));
          store_xmm (g, insn->b, 1);
        }
      else
        emit_rm (e, 4, opcode, 0, rm);
      break;
    case FORM_FROM_GPR:
      load_xmm (g, 0, xmm (insn->a));
      emit_full (e, opcode, 0, wide, insn->mem ? rm : gen_reg (insn->b), wide);
      store_xmm (g, insn->a, 0);
      break;
    case FORM_STORE_GPR:
      load_xmm (g, 0, xmm (insn->a));
      if (insn->mem)
        emit_full (e, opcode, 0, wide, rm, wide);
      else if (!gen_reg (insn->b).is_memory)
        emit_full (e, opcode, 0, wide, gen_reg (insn->b), wide);
      else
        {
          emit_full (e, opcode, 0, wide, emit_reg (HOST_RSI), wide);
          gen_set_reg (g, insn->b, wide, HOST_RSI);
        }
      break;
    case FORM_TO_GPR:
    case FORM_MASK:
      if (!insn->mem)
        {
          load_xmm (g, 1, xmm (insn->b));
          rm = emit_reg (1);
        }
      if (!gen_reg (insn->a).is_memory)
        emit_full (e, opcode, gen_reg (insn->a).reg, s.form == FORM_MASK ? 4 : wide, rm, 4);
      else
        {
          emit_full (e, opcode, HOST_RSI, s.form == FORM_MASK ? 4 : wide, rm, 4);
          gen_set_reg (g, insn->a, s.form == FORM_MASK ? 4 : wide, HOST_RSI);
        }
      break;
    default:
      load_xmm (g, 0, xmm (insn->a));
      if (!insn->mem)
        {
          load_xmm (g, 1, xmm (insn->b));
          rm = emit_reg (1);
        }
      gen_flags_set (g);
      emit_rm (e, 4, opcode, 0, rm);
      break;
    }
  if (s.arithmetic)
    keep_mxcsr (g);
  return TRUE;
}
