/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * x87: decoding, control instructions, the environment in memory, and the state as others save it.
 * SDM volume 1, 8.1.8 (pointers), 8.1.10 (formats in memory), 8.7 (exceptions); volume 2, FSTENV, FSAVE.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu-stack.h"
#include "cpu/soft/fpu.h"

const SoftX87 soft_fpu_indefinite = { { 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff } };

void
soft_fpu_pending (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((cpu->cr0 & CR0_NE) != 0)
    soft_raise (cpu, insn, EXC_MF);
  /* As a PC/AT wires it: FERR# asks for IRQ 13, IGNNE# lets this instruction run. */
  soft_fpu_error_line (cpu);
}

void
soft_fpu_wait (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
    soft_raise (cpu, insn, EXC_NM);
  if ((cpu->fsw & FSW_ES) != 0)
    soft_fpu_pending (cpu, insn);
}

/* -- Control --------------------------------------------------------------------------------------- */

static void
initialize (SoftCpu *cpu)
{
  cpu->fcw = FCW_INIT;
  cpu->fsw = 0;
  cpu->ftw = 0;
  cpu->fop = 0;
  cpu->fip = cpu->fdp = 0;
  cpu->fcs = cpu->fds = 0;
}

static void
op_fninit (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
  initialize (cpu);
}

static void
op_fnclex (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
  cpu->fsw &= (uint16_t) ~(FSW_EXCEPTIONS | FSW_SF | FSW_ES | FSW_B);
}

/* FENI, FDISI, FSETPM: of the 8087 and the 287; nothing since. */
static void
op_nothing (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
}

static void
set_control (SoftCpu *cpu, uint16_t fcw)
{
  cpu->fcw = (uint16_t)((fcw & FCW_DEFINED) | FCW_ONE);
}

static void
op_fldcw (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  set_control (cpu, soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
  soft_fpu_summary (cpu);
}

static void
op_fnstcw (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
  soft_store16 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->fcw);
}

static void
op_fnstsw (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
  soft_store16 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->fsw);
}

static void
op_fnstsw_ax (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
  cpu->reg[CPU_RAX] = (cpu->reg[CPU_RAX] & ~(uint64_t)0xffff) | cpu->fsw;
}

/* -- Environment ----------------------------------------------------------------------------------- */

enum
{
  TAG_VALID,
  TAG_ZERO,
  TAG_SPECIAL,
  TAG_EMPTY,
};

static uint16_t
full_tag_word (const SoftCpu *cpu)
{
  uint16_t word = 0;

  for (unsigned i = 0; i < 8; i++)
    {
      uint64_t significand;
      uint16_t exponent;
      unsigned tag;

      memcpy (&significand, cpu->x87[i].bytes, 8);
      memcpy (&exponent, cpu->x87[i].bytes + 8, 2);
      exponent &= 0x7fff;
      if (((cpu->ftw >> i) & 1) == 0)
        tag = TAG_EMPTY;
      else if (exponent == 0)
        tag = significand == 0 ? TAG_ZERO : TAG_SPECIAL;
      else
        tag = exponent == 0x7fff || (significand >> 63) == 0 ? TAG_SPECIAL : TAG_VALID;
      word |= (uint16_t)(tag << (2 * i));
    }
  return word;
}

static inline void
put16 (uint8_t *p, uint32_t value)
{
  uint16_t v = (uint16_t)value;

  memcpy (p, &v, 2);
}

static inline void
put32 (uint8_t *p, uint32_t value)
{
  memcpy (p, &value, 4);
}

static inline uint16_t
get16 (const uint8_t *p)
{
  uint16_t v;

  memcpy (&v, p, 2);
  return v;
}

static inline uint32_t
get32 (const uint8_t *p)
{
  uint32_t v;

  memcpy (&v, p, 4);
  return v;
}

static unsigned
environment_size (const SoftInsn *insn)
{
  return insn->size == 2 ? 14 : 28;
}

/* SDM volume 1, figures 8-9 to 8-12. */
static void
put_environment (const SoftCpu *cpu, const SoftInsn *insn, uint8_t *p)
{
  gboolean protected_mode = (cpu->key & SOFT_KEY_PROTECTED) != 0;
  uint32_t ip = (uint32_t)cpu->fip, dp = (uint32_t)cpu->fdp;

  if (!protected_mode)
    {
      ip += (uint32_t)cpu->fcs << 4;
      dp += (uint32_t)cpu->fds << 4;
    }
  if (insn->size == 2)
    {
      put16 (p, cpu->fcw);
      put16 (p + 2, cpu->fsw);
      put16 (p + 4, full_tag_word (cpu));
      put16 (p + 6, ip);
      put16 (p + 8, protected_mode ? cpu->fcs : (ip >> 16 & 0xf) << 12 | (cpu->fop & 0x7ff));
      put16 (p + 10, dp);
      put16 (p + 12, protected_mode ? cpu->fds : (dp >> 16 & 0xf) << 12);
      return;
    }
  put32 (p, 0xffff0000u | cpu->fcw);
  put32 (p + 4, 0xffff0000u | cpu->fsw);
  put32 (p + 8, 0xffff0000u | full_tag_word (cpu));
  if (protected_mode)
    {
      put32 (p + 12, ip);
      put32 (p + 16, (uint32_t)(cpu->fop & 0x7ff) << 16 | cpu->fcs);
      put32 (p + 20, dp);
      put32 (p + 24, 0xffff0000u | cpu->fds);
    }
  else
    {
      put32 (p + 12, 0xffff0000u | (ip & 0xffff));
      put32 (p + 16, (ip >> 16) << 12 | (cpu->fop & 0x7ff));
      put32 (p + 20, 0xffff0000u | (dp & 0xffff));
      put32 (p + 24, (dp >> 16) << 12);
    }
}

static void
get_environment (SoftCpu *cpu, const SoftInsn *insn, const uint8_t *p)
{
  gboolean protected_mode = (cpu->key & SOFT_KEY_PROTECTED) != 0;
  unsigned step = insn->size == 2 ? 2 : 4;
  uint16_t tags = get16 (p + 2 * step);

  set_control (cpu, get16 (p));
  cpu->fsw = get16 (p + step);
  soft_fpu_summary (cpu);
  cpu->ftw = 0;
  for (unsigned i = 0; i < 8; i++)
    if (((tags >> (2 * i)) & 3) != TAG_EMPTY)
      cpu->ftw |= (uint8_t)(1u << i);
  if (insn->size == 2)
    {
      cpu->fip = get16 (p + 6);
      cpu->fcs = get16 (p + 8);
      cpu->fdp = get16 (p + 10);
      cpu->fds = get16 (p + 12);
      if (!protected_mode)
        {
          cpu->fip |= (uint32_t)(cpu->fcs >> 12) << 16;
          cpu->fdp |= (uint32_t)(cpu->fds >> 12) << 16;
          cpu->fop = cpu->fcs & 0x7ff;
          cpu->fcs = cpu->fds = 0;
        }
      else
        cpu->fop = 0;
      return;
    }
  cpu->fip = get32 (p + 12);
  cpu->fdp = get32 (p + 20);
  if (protected_mode)
    {
      cpu->fcs = get16 (p + 16);
      cpu->fop = get16 (p + 18) & 0x7ff;
      cpu->fds = get16 (p + 24);
    }
  else
    {
      cpu->fip = (cpu->fip & 0xffff) | (get32 (p + 16) >> 12 & 0xffff) << 16;
      cpu->fdp = (cpu->fdp & 0xffff) | (get32 (p + 24) >> 12 & 0xffff) << 16;
      cpu->fop = get16 (p + 16) & 0x7ff;
      cpu->fcs = cpu->fds = 0;
    }
}

static void
op_fnstenv (SoftCpu *cpu, const SoftInsn *insn)
{
  uint8_t area[28];

  soft_fpu_check (cpu, insn);
  put_environment (cpu, insn, area);
  soft_store_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), area, environment_size (insn));
  cpu->fcw |= FCW_MASKS;
  soft_fpu_summary (cpu);
}

static void
op_fldenv (SoftCpu *cpu, const SoftInsn *insn)
{
  uint8_t area[28];

  soft_fpu_begin (cpu, insn);
  soft_load_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), area, environment_size (insn));
  get_environment (cpu, insn, area);
}

static void
op_fnsave (SoftCpu *cpu, const SoftInsn *insn)
{
  uint8_t area[28 + 80];
  unsigned size = environment_size (insn);

  soft_fpu_check (cpu, insn);
  put_environment (cpu, insn, area);
  for (unsigned i = 0; i < 8; i++)
    memcpy (area + size + 10 * i, soft_st (cpu, i)->bytes, 10);
  soft_store_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), area, size + 80);
  initialize (cpu);
}

static void
op_frstor (SoftCpu *cpu, const SoftInsn *insn)
{
  uint8_t area[28 + 80];
  unsigned size = environment_size (insn);

  soft_fpu_begin (cpu, insn);
  soft_load_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), area, size + 80);
  get_environment (cpu, insn, area);
  for (unsigned i = 0; i < 8; i++)
    memcpy (soft_st (cpu, i)->bytes, area + size + 10 * i, 10);
}

/* -- State as FXSAVE has it ------------------------------------------------------------------------ */

void
soft_fpu_put_fx (const SoftCpu *cpu, uint8_t *area, gboolean wide)
{
  put16 (area, cpu->fcw);
  put16 (area + 2, cpu->fsw);
  put16 (area + 4, cpu->ftw);
  put16 (area + 6, cpu->fop & 0x7ff);
  memcpy (area + 8, &cpu->fip, 8);
  memcpy (area + 16, &cpu->fdp, 8);
  if (!wide)
    {
      put32 (area + 12, cpu->fcs);
      put32 (area + 20, cpu->fds);
    }
  for (unsigned i = 0; i < 8; i++)
    {
      memcpy (area + 32 + 16 * i, cpu->x87[soft_fpu_phys (cpu, i)].bytes, 10);
      memset (area + 42 + 16 * i, 0, 6);
    }
}

void
soft_fpu_get_fx (SoftCpu *cpu, const uint8_t *area, gboolean wide)
{
  set_control (cpu, get16 (area));
  cpu->fsw = get16 (area + 2);
  soft_fpu_summary (cpu);
  cpu->ftw = area[4];
  cpu->fop = get16 (area + 6) & 0x7ff;
  memcpy (&cpu->fip, area + 8, 8);
  memcpy (&cpu->fdp, area + 16, 8);
  if (!wide)
    {
      cpu->fcs = get16 (area + 12);
      cpu->fds = get16 (area + 20);
      cpu->fip = (uint32_t)cpu->fip;
      cpu->fdp = (uint32_t)cpu->fdp;
    }
  else
    cpu->fcs = cpu->fds = 0;
  for (unsigned i = 0; i < 8; i++)
    memcpy (soft_st (cpu, i)->bytes, area + 32 + 16 * i, 10);
}

void
soft_fpu_reset (SoftCpu *cpu)
{
  initialize (cpu);
  cpu->fcw = 0x40; /* RESET leaves it so, FNINIT gives 37FH (SDM volume 3, table 9-1) */
  cpu->ftw = 0xff;
  cpu->mxcsr = 0x1f80;
  memset (cpu->x87, 0, sizeof cpu->x87);
  memset (cpu->xmm, 0, sizeof cpu->xmm);
  memset (cpu->ymm_high, 0, sizeof cpu->ymm_high);
}

/* -- Decoding -------------------------------------------------------------------------------------- */

static SoftHelper
find_control (unsigned op, unsigned reg, unsigned rm, gboolean memory)
{
  static const SoftHelper d9[8] = { NULL, NULL, NULL, NULL, op_fldenv, op_fldcw, op_fnstenv, op_fnstcw };
  static const SoftHelper dd[8] = { NULL, NULL, NULL, NULL, op_frstor, NULL, op_fnsave, op_fnstsw };
  static const SoftHelper db_e0[8]
      = { op_nothing, op_nothing, op_fnclex, op_fninit, op_nothing, NULL, NULL, NULL };

  if (memory)
    return op == 1 ? d9[reg] : op == 5 ? dd[reg] : NULL;
  if (op == 3 && reg == 4)
    return db_e0[rm];
  if (op == 7 && reg == 4 && rm == 0)
    return op_fnstsw_ax;
  return NULL;
}

gboolean
soft_decode_fpu (SoftDecode *d, SoftInsn *insn)
{
  unsigned op = d->opcode & 7, reg, rm;
  SoftHelper helper;

  soft_decode_modrm (d, insn);
  reg = insn->modrm >> 3 & 7;
  rm = insn->modrm & 7;
  insn->opcode = (uint16_t)(op << 8 | insn->modrm);
  insn->size = d->operand_size == 2 ? 2 : 4;
  helper = find_control (op, reg, rm, insn->mem);
  if (helper == NULL && !insn->mem)
    helper = soft_fpu_find_compare (op, insn->modrm);
  if (helper == NULL && !insn->mem && op == 1)
    helper = soft_fpu_find_transcendental (insn->modrm);
  if (helper == NULL)
    helper = soft_fpu_find_arithmetic (op, reg, insn->mem);
  if (helper == NULL)
    helper = soft_fpu_find_move (op, reg, rm, insn->mem);
  if (helper == NULL)
    return FALSE;
  soft_decode_call (insn, helper);
  return TRUE;
}
