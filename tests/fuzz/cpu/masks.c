/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What need not be equal, and why.  SDM is Intel's manual, APM is AMD's.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "masks.h"

#include <cpuid.h>
#include <string.h>

enum
{
  RAX = 0,
  RCX = 1,
  RSP = 4,
  RSI = 6,
  RDI = 7,
};

enum
{
  UD = 6,
  BR = 5,
  SS = 12,
  GP = 13,
  PF = 14,
  XM = 19,
};

/* The longest operand: XSAVE's. */
#define LONGEST 832

/* x87 status word: SDM 1, 8.1.3. */
enum
{
  FSW_IE = 1 << 0,
  FSW_OE = 1 << 3,
  FSW_UE = 1 << 4,
  FSW_ES = 1 << 7,
  FSW_C1 = 1 << 9,
  FSW_TOP = 7 << 11,
};

FuzzVendor
fuzz_vendor (const char id[12])
{
  return memcmp (id, "AuthenticAMD", 12) == 0   ? FUZZ_AMD
         : memcmp (id, "GenuineIntel", 12) == 0 ? FUZZ_INTEL
                                                : FUZZ_ANY_VENDOR;
}

FuzzVendor
fuzz_host_vendor (void)
{
  uint32_t max, id[3];

  __cpuid (0, max, id[0], id[2], id[1]);
  return fuzz_vendor ((const char *)id);
}

const char *
fuzz_vendor_name (FuzzVendor vendor)
{
  return vendor == FUZZ_AMD     ? "AMD"
         : vendor == FUZZ_INTEL ? "Intel"
                                : "a maker that is neither AMD nor Intel";
}

/* -- Helpers --------------------------------------------------------------------------------------- */

static uint16_t
get16 (const uint8_t *p)
{
  uint16_t value;

  memcpy (&value, p, 2);
  return value;
}

static void
put16 (uint8_t *p, uint16_t value)
{
  memcpy (p, &value, 2);
}

/* The software processor's value counts as the host's. */
static void
ignore (const FuzzResult *native, FuzzResult *soft, unsigned fx_offset, unsigned length)
{
  memcpy (soft->out.fx + fx_offset, native->out.fx + fx_offset, length);
}

static void
ignore_memory (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft, unsigned offset,
               unsigned length)
{
  uint64_t at = (c->operand >= FUZZ_DATA ? c->operand - FUZZ_DATA : c->operand - FUZZ_LOW) + offset;

  if (at < FUZZ_PAGE)
    memcpy (soft->memory + at, native->memory + at, MIN (length, FUZZ_PAGE - at));
}

static void
take_exception (const FuzzResult *native, FuzzResult *soft)
{
  soft->vector = native->vector;
  soft->error = native->error;
  soft->address = native->address;
}

static gboolean
both_fault (const FuzzResult *native, const FuzzResult *soft)
{
  return native->vector >= SS && soft->vector >= SS;
}

static gboolean
both_page_fault (const FuzzResult *native, const FuzzResult *soft)
{
  return native->vector == PF && soft->vector == PF;
}

static gboolean
is (const FuzzCase *c, FuzzClass klass, unsigned map, unsigned opcode)
{
  return c->template->klass == klass && c->template->map == map && c->template->opcode == opcode;
}

static gboolean
has_prefix (const FuzzCase *c, uint8_t prefix)
{
  static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3 };

  for (unsigned i = 0; i < c->length && memchr (prefixes, c->code[i], sizeof prefixes) != NULL; i++)
    if (c->code[i] == prefix)
      return TRUE;
  return FALSE;
}

/* -- What no manual says, and what the host's kernel does ------------------------------------------- */

/* The host has instructions that the guest's CPUID doesn't announce; those that it does are checked by their own classes. */
static void
unannounced (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (c->template->klass == FUZZ_CLASS_DECODE && soft->vector == UD && native->vector != UD)
    *soft = *native;
}

static void
pushed_selector (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;
  gboolean push = t->klass == FUZZ_CLASS_STACK
                  && ((t->map == 0 && (t->opcode & 0xe7) == 0x06)
                      || (t->map == 1 && (t->opcode == 0xa0 || t->opcode == 0xa8)));

  if (push && c->in.gpr[RSP] - native->out.gpr[RSP] == 4)
    {
      uint64_t at = fuzz_stack (c, native->out.gpr[RSP]);
      uint64_t upper = at + 2 - (at >= FUZZ_DATA ? FUZZ_DATA : FUZZ_LOW);

      if (upper < FUZZ_PAGE)
        memcpy (soft->memory + upper, native->memory + upper, MIN (2, FUZZ_PAGE - upper));
    }
}

/* FXSAVE, XSAVE, XSAVEOPT, XSAVEC. */
static gboolean
saves_state (const FuzzTemplate *t)
{
  return t->klass == FUZZ_CLASS_FXSAVE
         && (t->values == V_XSAVE ? t->digit != 5 : t->opcode == 0xae && t->digit == 0);
}

static void
x87_pointers (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  static const uint8_t zeroes[8];
  const FuzzTemplate *t = c->template;

  if ((get16 (native->out.fx + FX_FSW) & FSW_ES) == 0)
    {
      ignore (native, soft, FX_FOP, 2);
      ignore (native, soft, FX_FIP, 16);
    }
  else if (memcmp (native->out.fx + FX_FDP, zeroes, 8) == 0)
    /* For the same reason the host's kernel may lose what FXRSTOR loaded, when it switches tasks before the instruction. */
    ignore (native, soft, FX_FDP, 8);
  if (saves_state (t) && (get16 (c->in.fx + FX_FSW) & FSW_ES) == 0)
    {
      ignore_memory (c, native, soft, FX_FOP, 2);
      ignore_memory (c, native, soft, FX_FIP, 16);
    }
}

/* MXCSR's mask: AMD's has one bit more, which the guest's CPUID doesn't announce. */
static void
mxcsr_mask (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;

  ignore (native, soft, FX_MXCSR_MASK, 4);
  if (saves_state (t))
    ignore_memory (c, native, soft, FX_MXCSR_MASK, 4);
}

/* Whether upper halves that are zero count as their initial state, in which XSAVE and its kin may leave them out. */
static void
zero_ymm (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;

  if (t->values != V_XSAVE || !saves_state (t))
    return;
  for (unsigned i = 0; i < sizeof c->in.ymm; i++)
    if (c->in.ymm[i] != 0)
      return;
  ignore_memory (c, native, soft, 512, 1);
  ignore_memory (c, native, soft, 576, 256);
}

static void
two_bad_pages (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (both_page_fault (native, soft) && native->address != soft->address
      && (c->template->klass == FUZZ_CLASS_X87 || c->template->klass == FUZZ_CLASS_FXSAVE)
      && native->address - c->operand < LONGEST && soft->address - c->operand < LONGEST)
    take_exception (native, soft);
}

/* Linux reports every fault of user code in its own half as a protection violation, so as not to tell what is mapped there.  Nor
 * need what the child has mapped elsewhere for itself be unmapped there. */
static void
kernel_half (const FuzzCase *c G_GNUC_UNUSED, const FuzzResult *native, FuzzResult *soft)
{
  if (both_page_fault (native, soft) && (int64_t)native->address < 0)
    soft->error |= 1;
  if (both_page_fault (native, soft) && native->address == soft->address && native->address >> 31 != 0)
    soft->error = native->error;
}

/* The child's own words are mapped where the guest has nothing. */
static void
child_memory (const FuzzCase *c G_GNUC_UNUSED, const FuzzResult *native, FuzzResult *soft)
{
  if (soft->vector == PF && (soft->address & ~(uint64_t)(FUZZ_PAGE - 1)) == FUZZ_CONTROL)
    *soft = *native;
}

static void
maskmovq_fault (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (native->vector >= SS && is (c, FUZZ_CLASS_SSE, 1, 0xf7))
    {
      ignore (native, soft, FX_FSW, 4);
      ignore (native, soft, FX_ST, 128);
    }
}

/* The software processor takes the result for inexact. */
static void
unmasked_overflow (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  uint16_t mxcsr = get16 (native->out.fx + FX_MXCSR);

  if (native->vector == XM && c->template->klass >= FUZZ_CLASS_SSE && (mxcsr & 0x18) != 0)
    put16 (soft->out.fx + FX_MXCSR, (uint16_t)((get16 (soft->out.fx + FX_MXCSR) & ~0x20) | (mxcsr & 0x20)));
}

/* What they have pushed by then is below the stack pointer. */
static void
many_pushes (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;

  if (t->klass == FUZZ_CLASS_STACK && t->map == 0 && (t->opcode == 0xc8 || (t->opcode & 0xfe) == 0x60)
      && both_fault (native, soft))
    {
      memcpy (soft->memory, native->memory, FUZZ_PAGE);
      if (both_page_fault (native, soft) && native->address >> 12 == soft->address >> 12)
        soft->address = native->address;
    }
}

/* Registers that were popped before the access that faulted; the stack pointer is the old one, so it can begin again. */
static void
popa_half_way (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  unsigned size = has_prefix (c, 0x66) ? 2 : 4;

  if (!is (c, FUZZ_CLASS_STACK, 0, 0x61) || !both_fault (native, soft))
    return;
  for (unsigned i = 0; i < 8; i++)
    {
      uint64_t at = fuzz_stack (c, c->in.gpr[RSP] + i * size),
               offset = at - (at >= FUZZ_DATA ? FUZZ_DATA : FUZZ_LOW);
      uint64_t popped = c->in.gpr[7 - i];

      if (7 - i == RSP || offset > FUZZ_PAGE - size)
        continue;
      memcpy (&popped, c->memory + offset, size);
      if ((uint32_t)native->out.gpr[7 - i] == (uint32_t)popped)
        soft->out.gpr[7 - i] = native->out.gpr[7 - i];
    }
}

static void
invalid_at_page_end (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  gboolean one = native->vector == PF && native->error == 0x14 && soft->vector == UD,
           other = soft->vector == PF && soft->error == 0x14 && native->vector == UD;

  if ((one || other) && c->in.rip % FUZZ_PAGE + c->length >= FUZZ_PAGE)
    *soft = *native;
}

static void
cmps_order (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (c->template->klass == FUZZ_CLASS_STRING && (c->template->opcode & 0xfe) == 0xa6
      && both_fault (native, soft))
    take_exception (native, soft);
}

static gboolean
is_canonical (uint64_t address, unsigned bits)
{
  return (uint64_t)((int64_t)(address << (64 - bits)) >> (64 - bits)) == address;
}

/* A host with five levels of page tables takes linear addresses of 57 bits; the guest's CPUID announces 48. */
static void
wide_addresses (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;

  if (c->compat || soft->error != 0 || (soft->vector != GP && soft->vector != SS))
    return;
  if (native->vector == PF && is_canonical (native->address, 57) && !is_canonical (native->address, 48))
    {
      if ((t->attributes & A_BRANCH) != 0) /* it arrives there */
        *soft = *native;
      else
        take_exception (native, soft);
    }
  else if (native->vector < 0 && is (c, FUZZ_CLASS_MOVE, 1, 0xae) && c->length >= 4)
    {
      /* WRFSBASE, WRGSBASE */
      uint8_t rex = (c->code[c->length - 4] & 0xf0) == 0x40 ? c->code[c->length - 4] : 0;
      uint64_t value = c->in.gpr[(c->code[c->length - 1] & 7) | (rex & 1) << 3];

      if (is_canonical (value, 57) && !is_canonical (value, 48))
        *soft = *native;
    }
}

/* -- What AMD's processors do in another way than the manuals say -------------------------------------- */

/* VPERMQ and VPERMPD with VEX.W = 0. */
static void
permute_w0 (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;

  if (t->map == FUZZ_VEX + 3 && (t->opcode == 0x00 || t->opcode == 0x01) && soft->vector == UD
      && native->vector != UD)
    *soft = *native;
}

/* -- What Intel's processors do in another way ------------------------------------------------------- */

static void
fcomi (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;
  uint16_t fsw = get16 (native->out.fx + FX_FSW);

  if (t->klass == FUZZ_CLASS_X87 && (t->attributes & A_REG) != 0 && (t->opcode == 0xdb || t->opcode == 0xdf)
      && (t->digit == 5 || t->digit == 6))
    {
      put16 (soft->out.fx + FX_FSW, (uint16_t)((get16 (soft->out.fx + FX_FSW) & ~FSW_C1) | (fsw & FSW_C1)));
      if ((fsw & FSW_ES) != 0)
        soft->out.rflags = native->out.rflags;
    }
}

/* The page of an end that is looked at instead; nothing of the instruction is done in either case. */
static void
wrapped_operand (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (c->compat && (soft->vector == SS || soft->vector == GP) && soft->error == 0 && native->vector == PF
      && (native->address >= 0x100000000 - LONGEST || native->address < LONGEST))
    take_exception (native, soft);
}

/* An x87 store that an unmasked exception keeps from memory: AMD's processors look at the page all the same. */
static void
x87_no_store (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  uint16_t before = get16 (c->in.fx + FX_FSW), after = get16 (native->out.fx + FX_FSW);
  uint16_t unmasked = (uint16_t)(after & ~before & ~get16 (c->in.fx + FX_FCW));

  if (c->template->klass != FUZZ_CLASS_X87 || (c->template->attributes & A_MEM) == 0 || soft->vector != PF
      || soft->address - c->operand >= 10 || native->vector >= 0 || (after & FSW_ES) == 0
      || (unmasked & (FSW_IE | FSW_OE | FSW_UE)) == 0 || ((before ^ after) & FSW_TOP) != 0)
    return;
  soft->vector = -1;
  soft->error = 0;
  soft->address = 0;
  soft->out.rip = c->in.rip + c->length;
  ignore (native, soft, FX_FSW, 2);
  ignore (native, soft, FX_FOP, 2);
  ignore (native, soft, FX_FIP, 16);
}

/* An MMX store that faults may have made the registers MMX ones by then: the top is 0 and all are in use; their contents stay. */
static void
mmx_store_fault (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;
  uint16_t fsw = get16 (soft->out.fx + FX_FSW);
  unsigned top = (fsw & FSW_TOP) >> 11;
  uint8_t registers[128];

  if (!both_fault (native, soft) || t->map != 1
      || !((t->klass == FUZZ_CLASS_MMX && (t->opcode == 0x7e || t->opcode == 0x7f))
           || (t->klass == FUZZ_CLASS_SSE && t->prefix == 0 && t->opcode == 0xe7)))
    return;
  if (native->out.fx[FX_FTW] == 0xff)
    soft->out.fx[FX_FTW] = 0xff;
  if (get16 (native->out.fx + FX_FSW) != (fsw & ~FSW_TOP))
    return;
  /* The image has the registers by their distance from the top. */
  memcpy (registers, soft->out.fx + FX_ST, sizeof registers);
  for (unsigned i = 0; i < 8; i++)
    memcpy (soft->out.fx + FX_ST + 16 * ((i + top) & 7), registers + 16 * i, 16);
  put16 (soft->out.fx + FX_FSW, (uint16_t)(fsw & ~FSW_TOP));
}

/* The lower bound is compared before the upper one is read. */
static void
bound_order (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (is (c, FUZZ_CLASS_MISC, 0, 0x62) && native->vector == BR && soft->vector == PF
      && soft->address - c->operand < 8)
    {
      soft->vector = BR;
      soft->error = 0;
      soft->address = 0;
    }
}

/* A repeated string instruction with 32-bit addresses in 64-bit code writes its registers back when it faults, which clears their
 * upper halves. */
static void
string_upper_halves (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  static const uint8_t registers[] = { RCX, RSI, RDI };

  if (c->template->klass != FUZZ_CLASS_STRING || c->compat || !both_fault (native, soft)
      || !has_prefix (c, 0x67) || !(has_prefix (c, 0xf2) || has_prefix (c, 0xf3)))
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    {
      uint64_t *value = &soft->out.gpr[registers[i]];

      if (native->out.gpr[registers[i]] == (uint32_t)*value)
        *value = (uint32_t)*value;
    }
}

static void
movsxd_16 (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (native->vector < 0 && soft->vector == PF && is (c, FUZZ_CLASS_MOVE, 0, 0x63) && !c->compat)
    *soft = *native;
}

/* AMD's processors take LOCK before MOV CR0 for MOV CR8; it is then a privileged instruction. */
static void
lock_mov_cr0 (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (c->template->klass == FUZZ_CLASS_DECODE && has_prefix (c, 0xf0) && native->vector == UD
      && soft->vector == GP && c->length >= 3 && (c->code[c->length - 2] & 0xfd) == 0x20
      && (c->code[c->length - 1] & 0x38) == 0)
    take_exception (native, soft);
}

/* SHA's memory operands. */
static void
sha_alignment (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  if (c->template->klass == FUZZ_CLASS_CRYPTO && c->template->prefix == 0 && native->vector == GP
      && native->error == 0 && (c->operand & 15) != 0)
    *soft = *native;
}

/* VPINSRD, VPEXTRD with VEX.W = 1 outside of 64-bit mode. */
static void
element_w1 (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;

  if (c->compat && t->map == FUZZ_VEX + 3 && (t->opcode == 0x16 || t->opcode == 0x22) && soft->vector == UD
      && native->vector != UD)
    *soft = *native;
}

/* -- The table --------------------------------------------------------------------------------------- */

static const struct
{
  FuzzVendor vendors; /* whose processors may differ so */
  const char *source; /* what leaves it open, or says it */
  void (*apply) (const FuzzCase *c, const FuzzResult *native, FuzzResult *soft);
} rows[] = {
  { FUZZ_ANY_VENDOR, "the host's CPUID", unannounced },
  { FUZZ_ANY_VENDOR, "SDM 2, PUSH; APM 3, PUSH: bytes above the selector", pushed_selector },
  { FUZZ_ANY_VENDOR, "APM 2, 11.4.4; SDM 1, 8.1.8: pointers without a pending exception", x87_pointers },
  { FUZZ_ANY_VENDOR, "APM 1, 4.2.2; SDM 1, 11.6.6", mxcsr_mask },
  { FUZZ_ANY_VENDOR, "SDM 1, 13.6: XINUSE of a component in its initial state may be either", zero_ymm },
  { FUZZ_ANY_VENDOR, "not in the manuals: which byte of an operand with two bad pages is reported",
    two_bad_pages },
  { FUZZ_ANY_VENDOR, "SDM 3, 4.5; APM 2, 5.3: CR4.LA57", wide_addresses },
  { FUZZ_ANY_VENDOR, "Linux, arch/x86/mm/fault.c", kernel_half },
  { FUZZ_ANY_VENDOR, "native.c: FUZZ_CONTROL", child_memory },
  { FUZZ_ANY_VENDOR, "not in the manuals: whether registers count as MMX by then", maskmovq_fault },
  { FUZZ_ANY_VENDOR, "SDM 1, 4.9.1.4: PE by the result with an unbounded exponent", unmasked_overflow },
  { FUZZ_ANY_VENDOR, "not in the manuals: order of the accesses of ENTER, PUSHA, POPA", many_pushes },
  { FUZZ_ANY_VENDOR, "not in the manuals: registers of a POPA that faults half-way", popa_half_way },
  { FUZZ_ANY_VENDOR, "not in the manuals: how much of no instruction is fetched", invalid_at_page_end },
  { FUZZ_ANY_VENDOR, "not in the manuals: order of CMPS's reads", cmps_order },
  { FUZZ_AMD, "APM 4, VPERMQ, VPERMPD: W is 1; processors take both", permute_w0 },
  { FUZZ_INTEL, "SDM 2, 2.4, exception type 4; APM 4, SHA1MSG1: no alignment", sha_alignment },
  { FUZZ_INTEL, "SDM 2, PEXTRD, PINSRD: W1 in 32-bit code as W0; APM's processors raise #UD", element_w1 },
  { FUZZ_INTEL, "SDM 2, FCOMI: C1 cleared, flags kept with an unmasked exception", fcomi },
  { FUZZ_INTEL, "SDM 3, 5.3: a wrap at 4 GiB may or may not fault; APM 2, 4.12.1 says it does",
    wrapped_operand },
  { FUZZ_INTEL, "SDM 1, 8.5.1.1: a stack fault that isn't masked stores nothing", x87_no_store },
  { FUZZ_INTEL, "SDM 3, 12.2: TOP and tags; not said for one that faults", mmx_store_fault },
  { FUZZ_INTEL, "SDM 2, BOUND: the order of its operation", bound_order },
  { FUZZ_INTEL, "SDM 1, 3.4.1.1: a 32-bit result is zero-extended", string_upper_halves },
  { FUZZ_INTEL, "SDM 2, MOVSXD: 16 bits are read; APM 3, MOVSXD: 32", movsxd_16 },
  { FUZZ_INTEL, "SDM 2, MOV CR: LOCK is #UD; APM 3, MOV CRn: CR8", lock_mov_cr0 },
};

gboolean
fuzz_equal (FuzzVendor vendor, const FuzzCase *c, const FuzzResult *native_result,
            const FuzzResult *soft_result)
{
  static FuzzResult native, soft;
  /* RF of a fault's image is the kernel's business; undefined flags as the table says. */
  uint64_t flags = ~(uint64_t)(c->undefined_flags | FUZZ_RF);

  native = *native_result;
  soft = *soft_result;
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    if ((rows[i].vendors & vendor) != 0)
      rows[i].apply (c, &native, &soft);
  native.out.rflags &= flags;
  soft.out.rflags &= flags;
  /* Bits 80 to 127 of the register slots are reserved (SDM 1, table 10-2). */
  for (unsigned i = 0; i < 8; i++)
    ignore (&native, &soft, FX_ST + 16 * i + 10, 6);
  if (c->compat)
    {
      /* Out of 32-bit code R8 to R15 and XMM8 to XMM15 can't be seen. */
      for (unsigned i = 0; i < 16; i++)
        {
          native.out.gpr[i] = i < 8 ? (uint32_t)native.out.gpr[i] : 0;
          soft.out.gpr[i] = i < 8 ? (uint32_t)soft.out.gpr[i] : 0;
        }
      ignore (&native, &soft, FX_XMM + 128, 128);
      memcpy (soft.out.ymm + 128, native.out.ymm + 128, 128);
    }
  return native.vector == soft.vector && native.error == soft.error && native.address == soft.address
         && native.out.rip == soft.out.rip && native.out.rflags == soft.out.rflags
         && memcmp (native.out.gpr, soft.out.gpr, sizeof native.out.gpr) == 0
         && memcmp (native.out.fx, soft.out.fx, FX_END) == 0
         && memcmp (native.out.ymm, soft.out.ymm, sizeof native.out.ymm) == 0
         && memcmp (native.memory, soft.memory, FUZZ_PAGE) == 0;
}
