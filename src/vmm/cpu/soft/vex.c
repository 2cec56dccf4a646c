/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of vector instructions behind VEX, and the functions that carry out its forms.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/vex.h"

#include <stddef.h>

#include "cpu/soft/host.h"

G_STATIC_ASSERT (offsetof (SoftVexOperands, v) == 32 && offsetof (SoftVexOperands, m) == 64
                 && offsetof (SoftVexOperands, fourth) == 96 && offsetof (SoftVexOperands, gpr_r) == 128
                 && offsetof (SoftVexOperands, gpr_m) == 136 && offsetof (SoftVexOperands, af) == 144);

#define STUB_SIZE 8

#define ROW(map, pp, first, last, v, w, imm, form, memory, flags) \
  { map, pp, first, last, v, w, imm, form, memory, flags },
static const SoftVexRow rows[] = { VEX_LIST (ROW) };
G_STATIC_ASSERT (G_N_ELEMENTS (rows) < 255);

/* -- Finding ------------------------------------------------------------------------------------------- */

static uint8_t lookup[3][4][256]; /* map, prefix, opcode: 1 + the row */
static uint32_t stubs[G_N_ELEMENTS (rows)];

static unsigned
n_opcodes (const SoftVexRow *row)
{
  return row->last - row->first + 1u;
}

/* Functions of one VEX.L and VEX.W. */
static unsigned
n_stubs (const SoftVexRow *row)
{
  return n_opcodes (row) * (row->imm != 0 ? 256 : 1);
}

static void
build (void)
{
  uint32_t at = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const SoftVexRow *row = &rows[i];

      for (unsigned opcode = row->first; opcode <= row->last; opcode++)
        {
          g_assert (lookup[row->map - 1][row->pp][opcode] == 0);
          lookup[row->map - 1][row->pp][opcode] = (uint8_t)(i + 1);
        }
      stubs[i] = at;
      at += n_stubs (row) * (row->w == 2 ? 2 : 1) * 2 * STUB_SIZE;
    }
  g_assert (at == soft_vex_stubs_size);
}

static gboolean
host_has (const SoftVexRow *row, unsigned wide)
{
  gboolean l = (wide & SOFT_VEX_L) != 0;
  uint32_t needs = SOFT_HOST_AVX;

  if ((row->flags & VEX_FMA) != 0)
    needs |= SOFT_HOST_FMA;
  if ((row->flags & VEX_F16C) != 0)
    needs |= SOFT_HOST_F16C;
  if ((row->flags & VEX_AES) != 0)
    needs |= SOFT_HOST_AES | (l ? SOFT_HOST_VAES : 0);
  if ((row->flags & VEX_PCLMUL) != 0)
    needs |= SOFT_HOST_PCLMUL | (l ? SOFT_HOST_VPCLMUL : 0);
  return soft_host_has (needs);
}

const SoftVexRow *
soft_vex_find (const SoftDecode *d)
{
  static gsize built;
  unsigned map = d->map - SOFT_MAP_VEX, pp = d->vex_pp, n;
  gboolean l = (d->vex_wide & SOFT_VEX_L) != 0, w = (d->vex_wide & SOFT_VEX_W) != 0;
  const SoftVexRow *row;

  if (g_once_init_enter (&built))
    {
      build ();
      g_once_init_leave (&built, 1);
    }
  if (map < 1 || map > 3)
    return NULL;
  /* VMOVLPD and VMOVHPD from memory are VMOVLPS and VMOVHPS. */
  if (map == 1 && pp == 1 && (d->opcode == 0x12 || d->opcode == 0x16))
    pp = 0;
  n = lookup[map - 1][pp][d->opcode];
  if (n == 0)
    return NULL;
  row = &rows[n - 1];
  if (((row->flags & VEX_L0) != 0 && l) || ((row->flags & VEX_L1) != 0 && !l)
      || ((row->flags & VEX_W0) != 0 && w) || ((row->flags & VEX_W1) != 0 && !w)
      || !host_has (row, d->vex_wide))
    return NULL;
  return row;
}

const uint8_t *
soft_vex_stub (const SoftVexRow *row, unsigned opcode, unsigned wide, unsigned imm)
{
  unsigned l = (wide & SOFT_VEX_L) != 0, w = (wide & SOFT_VEX_W) != 0, n;

  n = row->w == 2 ? 2 * l + w : l;
  n = n * n_stubs (row) + (opcode - row->first) * (row->imm != 0 ? 256 : 1)
      + (row->imm != 0 ? imm & 0xff : 0);
  return soft_vex_stubs + stubs[row - rows] + n * STUB_SIZE;
}

unsigned
soft_vex_memory (const SoftVexRow *row, unsigned wide)
{
  unsigned l = (wide & SOFT_VEX_L) != 0;

  if (row->memory == VEX_M_W)
    return (wide & SOFT_VEX_W) != 0 ? 8 : 4;
  if (row->form == VEX_RM_DOUBLE)
    return l ? 32 : 8;
  return (row->memory & VEX_M_L) != 0 ? (row->memory & 0x7fu) << l : row->memory;
}

/* -- Memory -------------------------------------------------------------------------------------------- */

static uint64_t
linear_of (SoftCpu *cpu, const SoftInsn *insn, gboolean write)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), insn->size, write);

  if ((insn->wide & SOFT_VEX_ALIGNED) != 0 && (linear & (insn->size - 1u)) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  return linear;
}

/* insn->size bytes, zeroes above. */
static void
load_memory (SoftCpu *cpu, const SoftInsn *insn, SoftYmm *value)
{
  uint64_t linear = linear_of (cpu, insn, FALSE);
  const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);

  memset (value, 0, sizeof *value);
  if (insn->size <= 8)
    value->u64[0] = soft_read (cpu, insn, linear, insn->size);
  else if (G_LIKELY (entry->read == ((linear + insn->size - 1) & SOFT_PAGE_MASK)))
    memcpy (value, (const void *)(entry->addend + linear), insn->size);
  else
    soft_read_bytes (cpu, insn, linear, value, insn->size);
}

static void
store_memory (SoftCpu *cpu, const SoftInsn *insn, const void *value)
{
  uint64_t linear = linear_of (cpu, insn, TRUE), word = 0;
  const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);

  if (insn->size <= 8)
    {
      memcpy (&word, value, insn->size);
      soft_write (cpu, insn, linear, word, insn->size);
    }
  else if (G_LIKELY (entry->write == ((linear + insn->size - 1) & SOFT_PAGE_MASK)))
    memcpy ((void *)(entry->addend + linear), value, insn->size);
  else
    soft_write_bytes (cpu, insn, linear, value, insn->size);
}

/* -- Forms --------------------------------------------------------------------------------------------- */

static void
run (SoftCpu *cpu, const SoftInsn *insn, SoftVexOperands *o)
{
  const uint8_t *stub = (const uint8_t *)(uintptr_t)insn->imm;
  SoftVexOperands done;

  if ((insn->wide & SOFT_VEX_FLOAT) == 0)
    {
      soft_vex_run (stub, o);
      return;
    }
  SSE_FLOAT (cpu, insn, {
    done = *o;
    soft_vex_run (stub, &done);
  });
  *o = done;
}

static void
load_operands (SoftCpu *cpu, const SoftInsn *insn, SoftVexOperands *o)
{
  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->a, &o->r);
  soft_get_ymm (cpu, insn->v, &o->v);
  if (insn->mem)
    load_memory (cpu, insn, &o->m);
  else
    soft_get_ymm (cpu, insn->b, &o->m);
}

static void
op_rvm (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  run (cpu, insn, &o);
  soft_set_ymm (cpu, insn->a, &o.r);
}

static void
op_rvm_high (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  if (insn->mem)
    o.m.u64[1] = o.m.u64[0];
  run (cpu, insn, &o);
  soft_set_ymm (cpu, insn->a, &o.r);
}

/* The register that selects is in insn->scale with a register operand, else in insn->b. */
static void
op_blend (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  soft_get_ymm (cpu, insn->mem ? insn->b : insn->scale, &o.fourth);
  run (cpu, insn, &o);
  soft_set_ymm (cpu, insn->a, &o.r);
}

static void
op_mr (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->a, &o.r);
  run (cpu, insn, &o);
  if (insn->mem)
    store_memory (cpu, insn, &o.m);
  else
    soft_set_ymm (cpu, insn->b, &o.m);
}

/* Half precision knows no flush-to-zero, by which SSE_FLOAT() tells tiny results apart.  Those that need it are exact, so they are denormal ones. */
static void
op_to_half (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;
  uint32_t flags;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->a, &o.r);
  if (insn->mem)
    soft_probe_write (cpu, insn, linear_of (cpu, insn, TRUE), insn->size);
  soft_host_set_mxcsr ((cpu->mxcsr & MXCSR_CONTROL) | MXCSR_MASKS);
  soft_vex_run ((const uint8_t *)(uintptr_t)insn->imm, &o);
  flags = soft_host_mxcsr () & MXCSR_FLAGS;
  soft_host_set_mxcsr (MXCSR_INIT);
  if ((cpu->mxcsr & MXCSR_UM) == 0)
    for (unsigned i = 0; i < 8; i++)
      if ((o.m.u16[i] & 0x7c00) == 0 && (o.m.u16[i] & 0x3ff) != 0)
        flags |= MXCSR_UE;
  soft_float_finish (cpu, insn, flags);
  if (insn->mem)
    store_memory (cpu, insn, &o.m);
  else
    soft_set_ymm (cpu, insn->b, &o.m);
}

static void
op_from_gpr (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->v, &o.v);
  o.gpr_m = insn->mem ? soft_read (cpu, insn, linear_of (cpu, insn, FALSE), insn->size) : cpu->reg[insn->b];
  run (cpu, insn, &o);
  soft_set_ymm (cpu, insn->a, &o.r);
}

/* The host's instruction clears the upper half where the guest's does. */
static void
op_to_gpr (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  run (cpu, insn, &o);
  cpu->reg[insn->a] = o.gpr_r;
}

static void
op_store_gpr (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->a, &o.r);
  run (cpu, insn, &o);
  if (insn->mem)
    store_memory (cpu, insn, &o.gpr_m);
  else
    cpu->reg[insn->b] = o.gpr_m;
}

static void
op_flags (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  run (cpu, insn, &o);
  cpu->af = o.af;
}

static void
op_load_scalar (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  if (!insn->mem)
    {
      run (cpu, insn, &o);
      soft_set_ymm (cpu, insn->a, &o.r);
    }
  else
    soft_set_ymm (cpu, insn->a, &o.m);
}

static void
op_store_scalar (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->a, &o.r);
  soft_get_ymm (cpu, insn->v, &o.v);
  if (insn->mem)
    {
      store_memory (cpu, insn, &o.r);
      return;
    }
  run (cpu, insn, &o);
  soft_set_ymm (cpu, insn->b, &o.m);
}

static void
op_store_high (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_avx_check (cpu, insn);
  store_memory (cpu, insn, &cpu->xmm[insn->a].u64[1]);
}

/* Dot products are several roundings one after the other.  If the guest wants an exception, they are done one by one, so that one which comes later
 * does not show. */
static void
dot_stages (SoftCpu *cpu, const SoftInsn *insn, const SoftVexOperands *in)
{
  static const SoftDecode multiply = { .map = SOFT_MAP_VEX + 1, .opcode = 0x59 };
  SoftDecode d = multiply;
  gboolean wide = (insn->opcode & 0xff) == 0x41;
  unsigned select = insn->rex; /* the immediate */
  const SoftVexRow *mul, *add;
  SoftVexOperands o = *in, done;

  d.vex_pp = wide ? 1 : 0;
  mul = soft_vex_find (&d);
  d.opcode = 0x7c;
  d.vex_pp = wide ? 1 : 3;
  add = soft_vex_find (&d);
  for (unsigned i = 0; i < (wide ? 4u : 8u); i++)
    if ((select >> (wide ? 4 + i % 2 : 4 + i % 4) & 1) == 0)
      {
        if (wide)
          o.v.u64[i] = o.m.u64[i] = 0;
        else
          o.v.u32[i] = o.m.u32[i] = 0;
      }
  SSE_FLOAT (cpu, insn, {
    done = o;
    soft_vex_run (soft_vex_stub (mul, 0x59, insn->wide, 0), &done);
  });
  for (unsigned stage = wide ? 1 : 0; stage < 2; stage++)
    {
      o.v = o.m = done.r;
      SSE_FLOAT (cpu, insn, {
        done = o;
        soft_vex_run (soft_vex_stub (add, 0x7c, insn->wide, 0), &done);
      });
    }
}

static void
op_dot (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  load_operands (cpu, insn, &o);
  if (G_UNLIKELY ((cpu->mxcsr & MXCSR_MASKS) != MXCSR_MASKS))
    dot_stages (cpu, insn, &o);
  run (cpu, insn, &o);
  soft_set_ymm (cpu, insn->a, &o.r);
}

SoftHelper
soft_vex_helper (SoftVexForm form)
{
  static const SoftHelper helpers[] = {
    [VEX_RVM] = op_rvm,
    [VEX_RM] = op_rvm,
    [VEX_MR] = op_mr,
    [VEX_TO_HALF] = op_to_half,
    [VEX_BLEND] = op_blend,
    [VEX_DOT] = op_dot,
    [VEX_FROM_GPR] = op_from_gpr,
    [VEX_TO_GPR] = op_to_gpr,
    [VEX_STORE_GPR] = op_store_gpr,
    [VEX_MASK] = op_to_gpr,
    [VEX_FLAGS] = op_flags,
    [VEX_LOAD_SCALAR] = op_load_scalar,
    [VEX_STORE_SCALAR] = op_store_scalar,
    [VEX_RVM_HIGH] = op_rvm_high,
    [VEX_RM_DOUBLE] = op_rvm,
    [VEX_LOAD_ALL] = op_load_scalar,
    [VEX_STORE_ALL] = op_store_scalar,
    [VEX_STORE_LOW] = op_store_scalar,
    [VEX_STORE_HIGH] = op_store_high,
  };

  return helpers[form];
}
