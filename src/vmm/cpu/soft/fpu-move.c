/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * x87 loads, stores, constants, exchanges and conditional moves.  SDM volume 1, 8.3.3.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu-stack.h"

/* -- Loads ----------------------------------------------------------------------------------------- */

/* Pushes `value`, whose conversion gave `sw`. */
static inline void
push_value (SoftCpu *cpu, uint16_t sw, const SoftX87 *value)
{
  if (G_UNLIKELY (!soft_st_empty (cpu, 7)))
    {
      if (soft_fpu_stack_fault (cpu, TRUE))
        memcpy (soft_fpu_push (cpu)->bytes, soft_fpu_indefinite.bytes, 10);
      return;
    }
  soft_fpu_flags (cpu, sw & ~FSW_C1, FSW_C1);
  /* A denormal is loaded all the same. */
  if (G_UNLIKELY ((sw & ~cpu->fcw & FSW_IE) != 0))
    return;
  memcpy (soft_fpu_push (cpu)->bytes, value->bytes, 10);
}

/* The host's control word is the initial one here: loads round nothing. */
#define OP_LOAD(name, bits, load)                                   \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn)        \
  {                                                                 \
    SoftX87 value;                                                  \
    uint64_t ea;                                                    \
    uint##bits##_t operand;                                         \
    uint16_t sw;                                                    \
    soft_fpu_begin (cpu, insn);                                     \
    ea = soft_ea (cpu, insn);                                       \
    operand = soft_load##bits (cpu, insn, insn->seg, ea);           \
    soft_fpu_pointers (cpu, insn);                                  \
    soft_fpu_data_pointer (cpu, insn, ea);                          \
    __asm__ volatile(load " %[m]\n\t" SOFT_HOST_STATUS "fstpt %[r]" \
                     : "=a"(sw), [r] "=m"(value)                    \
                     : [m] "m"(operand)                             \
                     : SOFT_HOST_CLOBBERS);                         \
    push_value (cpu, sw, &value);                                   \
  }
OP_LOAD (fld_m32, 32, "flds")
OP_LOAD (fld_m64, 64, "fldl")
OP_LOAD (fild_m16, 16, "filds")
OP_LOAD (fild_m32, 32, "fildl")
OP_LOAD (fild_m64, 64, "fildll")

static void
op_fld_m80 (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftX87 value;
  uint64_t ea;

  soft_fpu_begin (cpu, insn);
  ea = soft_ea (cpu, insn);
  soft_load_bytes (cpu, insn, insn->seg, ea, value.bytes, 10);
  soft_fpu_pointers (cpu, insn);
  soft_fpu_data_pointer (cpu, insn, ea);
  push_value (cpu, 0, &value);
}

static void
op_fbld (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftX87 value, operand;
  uint64_t ea;

  soft_fpu_begin (cpu, insn);
  ea = soft_ea (cpu, insn);
  soft_load_bytes (cpu, insn, insn->seg, ea, operand.bytes, 10);
  soft_fpu_pointers (cpu, insn);
  soft_fpu_data_pointer (cpu, insn, ea);
  __asm__ volatile("fbld %[m]\n\tfstpt %[r]" : [r] "=m"(value) : [m] "m"(operand) : SOFT_HOST_CLOBBERS);
  push_value (cpu, 0, &value);
}

static void
op_fld_st (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned i = insn->modrm & 7;
  SoftX87 value;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  soft_x87_copy (&value, soft_st (cpu, i));
  if (G_UNLIKELY (soft_st_empty (cpu, i)))
    {
      if (soft_fpu_stack_fault (cpu, FALSE))
        memcpy (soft_fpu_push (cpu)->bytes, soft_fpu_indefinite.bytes, 10);
      return;
    }
  push_value (cpu, 0, &value);
}

#define OP_CONSTANT(name, op)                                                       \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn)                        \
  {                                                                                 \
    SoftX87 value;                                                                  \
    soft_fpu_begin (cpu, insn);                                                     \
    soft_fpu_pointers (cpu, insn);                                                  \
    soft_host_cw (cpu->fcw);                                                        \
    __asm__ volatile(op "\n\tfstpt %[r]" : [r] "=m"(value) : : SOFT_HOST_CLOBBERS); \
    soft_host_cw_end (cpu->fcw);                                                    \
    push_value (cpu, 0, &value);                                                    \
  }
OP_CONSTANT (fld1, "fld1")
OP_CONSTANT (fldl2t, "fldl2t")
OP_CONSTANT (fldl2e, "fldl2e")
OP_CONSTANT (fldpi, "fldpi")
OP_CONSTANT (fldlg2, "fldlg2")
OP_CONSTANT (fldln2, "fldln2")
OP_CONSTANT (fldz, "fldz")

/* -- Stores ---------------------------------------------------------------------------------------- */

/* Flags that keep a value from memory when they aren't masked. */
#define FSW_NO_STORE (FSW_IE | FSW_OE | FSW_UE)

#define HOST_STORE(name, type, op)                                    \
  static inline uint16_t host_##name (const SoftX87 *a, type *result) \
  {                                                                   \
    uint16_t sw;                                                      \
    __asm__ volatile("fldt %[a]\n\t" op " %[r]\n\t" SOFT_HOST_STATUS  \
                     : "=a"(sw), [r] "=m"(*result)                    \
                     : [a] "m"(*a)                                    \
                     : SOFT_HOST_CLOBBERS);                           \
    return sw;                                                        \
  }
#define DROP "\n\tfstp %%st(0)"
/* FNSTSW comes before the drop so that its C1 is the store's. */
#define HOST_STORE_KEEP(name, type, op)                                             \
  static inline uint16_t host_##name (const SoftX87 *a, type *result)               \
  {                                                                                 \
    uint16_t sw;                                                                    \
    __asm__ volatile("fldt %[a]\n\t" op " %[r]\n\t" SOFT_HOST_STATUS "fstp %%st(0)" \
                     : "=a"(sw), [r] "=m"(*result)                                  \
                     : [a] "m"(*a)                                                  \
                     : SOFT_HOST_CLOBBERS);                                         \
    return sw;                                                                      \
  }
HOST_STORE_KEEP (fst_m32, uint32_t, "fsts")
HOST_STORE_KEEP (fst_m64, uint64_t, "fstl")
HOST_STORE_KEEP (fist_m16, uint16_t, "fists")
HOST_STORE_KEEP (fist_m32, uint32_t, "fistl")
HOST_STORE (fist_m64, uint64_t, "fistpll")
HOST_STORE (fistt_m16, uint16_t, "fisttps")
HOST_STORE (fistt_m32, uint32_t, "fisttpl")
HOST_STORE (fistt_m64, uint64_t, "fisttpll")

/* Forms that pop on the host run with exceptions masked, so that they always do; integers have no exception whose masked answer
 * differs from what is seen here.  The others run with the guest's masks, on which underflow depends. */
#define OP_STORE(name, bits, host, host_masks, indefinite, pop)                                       \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn)                                          \
  {                                                                                                   \
    uint##bits##_t value = 0;                                                                         \
    uint64_t ea;                                                                                      \
    uint16_t sw, cw = cpu->fcw | (host_masks);                                                        \
    soft_fpu_begin (cpu, insn);                                                                       \
    ea = soft_ea (cpu, insn);                                                                         \
    if (G_UNLIKELY (soft_st_empty (cpu, 0)))                                                          \
      {                                                                                               \
        sw = FSW_IE | FSW_SF;                                                                         \
        value = (uint##bits##_t) (indefinite);                                                        \
      }                                                                                               \
    else                                                                                              \
      {                                                                                               \
        soft_host_cw (cw);                                                                            \
        sw = host (soft_st (cpu, 0), &value);                                                         \
        soft_host_cw_end (cw);                                                                        \
      }                                                                                               \
    if (G_LIKELY ((sw & ~cpu->fcw & FSW_NO_STORE) == 0))                                              \
      soft_store##bits (cpu, insn, insn->seg, ea, value);                                             \
    else                                                                                              \
      soft_probe_write (cpu, insn, soft_linear (cpu, insn, insn->seg, ea, bits / 8, TRUE), bits / 8); \
    soft_fpu_pointers (cpu, insn);                                                                    \
    soft_fpu_data_pointer (cpu, insn, ea);                                                            \
    soft_fpu_flags (cpu, sw, FSW_C1);                                                                 \
    if (pop && G_LIKELY ((sw & ~cpu->fcw & FSW_NO_STORE) == 0))                                       \
      soft_fpu_pop (cpu);                                                                             \
  }
OP_STORE (fst_m32, 32, host_fst_m32, 0, 0xffc00000, FALSE)
OP_STORE (fstp_m32, 32, host_fst_m32, 0, 0xffc00000, TRUE)
OP_STORE (fst_m64, 64, host_fst_m64, 0, 0xfff8000000000000, FALSE)
OP_STORE (fstp_m64, 64, host_fst_m64, 0, 0xfff8000000000000, TRUE)
OP_STORE (fist_m16, 16, host_fist_m16, FCW_MASKS, 0x8000, FALSE)
OP_STORE (fistp_m16, 16, host_fist_m16, FCW_MASKS, 0x8000, TRUE)
OP_STORE (fist_m32, 32, host_fist_m32, FCW_MASKS, 0x80000000, FALSE)
OP_STORE (fistp_m32, 32, host_fist_m32, FCW_MASKS, 0x80000000, TRUE)
OP_STORE (fistp_m64, 64, host_fist_m64, FCW_MASKS, 0x8000000000000000, TRUE)
OP_STORE (fisttp_m16, 16, host_fistt_m16, FCW_MASKS, 0x8000, TRUE)
OP_STORE (fisttp_m32, 32, host_fistt_m32, FCW_MASKS, 0x80000000, TRUE)
OP_STORE (fisttp_m64, 64, host_fistt_m64, FCW_MASKS, 0x8000000000000000, TRUE)

/* Ten bytes: FSTP m80 and FBSTP. */
static void
store_ten (SoftCpu *cpu, const SoftInsn *insn, const SoftX87 *value, uint16_t sw, uint64_t ea)
{
  if (G_LIKELY ((sw & ~cpu->fcw & FSW_NO_STORE) == 0))
    soft_store_bytes (cpu, insn, insn->seg, ea, value->bytes, 10);
  else
    soft_probe_write (cpu, insn, soft_linear (cpu, insn, insn->seg, ea, 10, TRUE), 10);
  soft_fpu_pointers (cpu, insn);
  soft_fpu_data_pointer (cpu, insn, ea);
  soft_fpu_flags (cpu, sw, FSW_C1);
  if (G_LIKELY ((sw & ~cpu->fcw & FSW_NO_STORE) == 0))
    soft_fpu_pop (cpu);
}

static void
op_fstp_m80 (SoftCpu *cpu, const SoftInsn *insn)
{
  gboolean empty;

  soft_fpu_begin (cpu, insn);
  empty = soft_st_empty (cpu, 0);
  store_ten (cpu, insn, empty ? &soft_fpu_indefinite : soft_st (cpu, 0), empty ? FSW_IE | FSW_SF : 0,
             soft_ea (cpu, insn));
}

static void
op_fbstp (SoftCpu *cpu, const SoftInsn *insn)
{
  static const SoftX87 indefinite = { { 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff } };
  SoftX87 value = indefinite;
  uint16_t sw = FSW_IE | FSW_SF, cw = cpu->fcw | FCW_MASKS;

  soft_fpu_begin (cpu, insn);
  if (!soft_st_empty (cpu, 0))
    {
      soft_host_cw (cw);
      __asm__ volatile("fldt %[a]\n\tfbstp %[r]\n\t" SOFT_HOST_STATUS
                       : "=a"(sw), [r] "=m"(value)
                       : [a] "m"(*soft_st (cpu, 0))
                       : SOFT_HOST_CLOBBERS);
      soft_host_cw_end (cw);
    }
  store_ten (cpu, insn, &value, sw, soft_ea (cpu, insn));
}

static inline void
store_register (SoftCpu *cpu, const SoftInsn *insn, gboolean pop)
{
  unsigned i = insn->modrm & 7;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0)))
    {
      if (!soft_fpu_stack_fault (cpu, FALSE))
        return;
      soft_st_set (cpu, i, &soft_fpu_indefinite);
    }
  else
    {
      SoftX87 value;

      soft_x87_copy (&value, soft_st (cpu, 0));
      cpu->fsw &= (uint16_t)~FSW_C1;
      soft_st_set (cpu, i, &value);
    }
  if (pop)
    soft_fpu_pop (cpu);
}

static void
op_fst_st (SoftCpu *cpu, const SoftInsn *insn)
{
  store_register (cpu, insn, FALSE);
}

static void
op_fstp_st (SoftCpu *cpu, const SoftInsn *insn)
{
  store_register (cpu, insn, TRUE);
}

/* D9 D8: an alias of FSTP that takes an empty top without a stack fault, and then only pops. */
static void
op_fstpnce (SoftCpu *cpu, const SoftInsn *insn)
{
  if (G_LIKELY (!soft_st_empty (cpu, 0)))
    {
      store_register (cpu, insn, TRUE);
      return;
    }
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  cpu->fsw &= (uint16_t)~FSW_C1;
  soft_fpu_pop (cpu);
}

static void
op_fxch (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned i = insn->modrm & 7;
  SoftX87 a, b;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  soft_x87_copy (&a, soft_st (cpu, 0));
  soft_x87_copy (&b, soft_st (cpu, i));
  if (G_UNLIKELY (soft_st_empty (cpu, 0) || soft_st_empty (cpu, i)))
    {
      if (!soft_fpu_stack_fault (cpu, FALSE))
        return;
      if (soft_st_empty (cpu, 0))
        a = soft_fpu_indefinite;
      if (soft_st_empty (cpu, i))
        b = soft_fpu_indefinite;
    }
  else
    cpu->fsw &= (uint16_t)~FSW_C1;
  soft_st_set (cpu, 0, &b);
  soft_st_set (cpu, i, &a);
}

static void
op_fcmov (SoftCpu *cpu, const SoftInsn *insn)
{
  static const uint32_t flags[4] = { FLAG_CF, FLAG_ZF, FLAG_CF | FLAG_ZF, FLAG_PF };
  unsigned i = insn->modrm & 7;
  gboolean negate = (insn->opcode & 0x700) == 0x300; /* DB */
  gboolean condition;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0) || soft_st_empty (cpu, i)))
    {
      if (soft_fpu_stack_fault (cpu, FALSE))
        soft_st_set (cpu, 0, &soft_fpu_indefinite);
      return;
    }
  condition = (soft_af_to_eflags (cpu->af) & flags[(insn->modrm >> 3) & 3]) != 0;
  if (condition != negate)
    {
      SoftX87 value;

      soft_x87_copy (&value, soft_st (cpu, i));
      soft_st_set (cpu, 0, &value);
    }
}

static void
op_ffree (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  cpu->fsw &= (uint16_t)~FSW_C1;
  cpu->ftw &= (uint8_t) ~(1u << soft_fpu_phys (cpu, insn->modrm & 7));
}

static void
op_ffreep (SoftCpu *cpu, const SoftInsn *insn)
{
  op_ffree (cpu, insn);
  soft_fpu_pop (cpu);
}

static void
op_fchs (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0)))
    {
      if (soft_fpu_stack_fault (cpu, FALSE))
        soft_st_set (cpu, 0, &soft_fpu_indefinite);
      return;
    }
  cpu->fsw &= (uint16_t)~FSW_C1;
  soft_st (cpu, 0)->bytes[9] ^= 0x80;
}

static void
op_fabs (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0)))
    {
      if (soft_fpu_stack_fault (cpu, FALSE))
        soft_st_set (cpu, 0, &soft_fpu_indefinite);
      return;
    }
  cpu->fsw &= (uint16_t)~FSW_C1;
  soft_st (cpu, 0)->bytes[9] &= 0x7f;
}

/* What a number is, whether its register is empty or not (SDM volume 1, table 8-1). */
static void
op_fxam (SoftCpu *cpu, const SoftInsn *insn)
{
  const SoftX87 *value;
  uint16_t sw;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  value = soft_st (cpu, 0);
  __asm__ volatile("fldt %[a]\n\tfxam\n\tfnstsw %%ax\n\tfstp %%st(0)"
                   : "=a"(sw)
                   : [a] "m"(*value)
                   : SOFT_HOST_CLOBBERS);
  sw &= FSW_CONDITION;
  if (soft_st_empty (cpu, 0))
    sw = (uint16_t)((sw & FSW_C1) | FSW_C3 | FSW_C0);
  cpu->fsw = (uint16_t)((cpu->fsw & ~FSW_CONDITION) | sw);
}

static void
op_fincstp (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  cpu->fsw &= (uint16_t)~FSW_C1;
  soft_fpu_set_top (cpu, soft_fpu_top (cpu) + 1);
}

static void
op_fdecstp (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  cpu->fsw &= (uint16_t)~FSW_C1;
  soft_fpu_set_top (cpu, soft_fpu_top (cpu) - 1);
}

static void
op_fnop (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
}

static SoftHelper
find_register (unsigned op, unsigned reg, unsigned rm)
{
  static const SoftHelper constants[8]
      = { op_fld1, op_fldl2t, op_fldl2e, op_fldpi, op_fldlg2, op_fldln2, op_fldz, NULL };

  switch (op << 3 | reg)
    {
    case 1 << 3 | 0:
      return op_fld_st;
    case 1 << 3 | 1:
    case 5 << 3 | 1: /* aliases, as the 8087 decoded them */
    case 7 << 3 | 1:
      return op_fxch;
    case 1 << 3 | 2:
      return rm == 0 ? op_fnop : NULL;
    case 1 << 3 | 3:
      return op_fstpnce;
    case 1 << 3 | 4:
      return rm == 0 ? op_fchs : rm == 1 ? op_fabs : rm == 5 ? op_fxam : NULL;
    case 1 << 3 | 5:
      return constants[rm];
    case 1 << 3 | 6:
      return rm == 6 ? op_fdecstp : rm == 7 ? op_fincstp : NULL;
    case 5 << 3 | 0:
      return op_ffree;
    case 7 << 3 | 0:
      return op_ffreep;
    case 5 << 3 | 2:
      return op_fst_st;
    case 5 << 3 | 3:
    case 7 << 3 | 2:
    case 7 << 3 | 3:
      return op_fstp_st;
    default:
      return (op == 2 || op == 3) && reg < 4 ? op_fcmov : NULL;
    }
}

SoftHelper
soft_fpu_find_move (unsigned op, unsigned reg, unsigned rm, gboolean memory)
{
  static const SoftHelper loads_and_stores[4][8] = {
    { op_fld_m32, NULL, op_fst_m32, op_fstp_m32, NULL, NULL, NULL, NULL },
    { op_fild_m32, op_fisttp_m32, op_fist_m32, op_fistp_m32, NULL, op_fld_m80, NULL, op_fstp_m80 },
    { op_fld_m64, op_fisttp_m64, op_fst_m64, op_fstp_m64, NULL, NULL, NULL, NULL },
    { op_fild_m16, op_fisttp_m16, op_fist_m16, op_fistp_m16, op_fbld, op_fild_m64, op_fbstp, op_fistp_m64 },
  };

  if (!memory)
    return find_register (op, reg, rm);
  return (op & 1) != 0 ? loads_and_stores[op >> 1][reg] : NULL;
}
