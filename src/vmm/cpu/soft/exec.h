/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The dispatcher: blocks of decoded instructions whose handlers end in a jump to the next handler.
 *
 * This is the seam for the translator (translate/): it gives blocks another way to run (SoftBlock.unit), and uses the
 * decoder, the translation buffer and the slow paths as they are.
 */
#pragma once

#include "cpu/soft/insn.h"

G_BEGIN_DECLS

/* Straight code within one page.  Blocks and their instructions live in the arena and die with all others at once. */
struct SoftBlock
{
  const uint8_t *host;  /* its first byte in the host's memory: what identifies it, with the key */
  const uint8_t *host2; /* rest of an instruction that crosses into the next page, else NULL */
  uint32_t key;
  uint16_t bytes, n_insns; /* n_insns of a unit: twice its instructions */
  int64_t cost;            /* instructions; SOFT_STALE once its bytes were overwritten */
  SoftBlock *hash_next;
  SoftBlock *page_next[2];     /* in the lists of the pages of host and host2 */
  struct SoftUnit *unit;       /* what it was translated to; such a block isn't in the hash */
  struct SoftUnit *translated; /* the last unit that was found for the same bytes, by whatever address */
  uint16_t heat;               /* runs that a translator has seen */
  SoftInsn insns[] __attribute__ ((aligned (16)));
};
#define SOFT_STALE (INT64_MAX / 4)

#define SOFT_MAX_BLOCK_INSNS 48
#define SOFT_MAX_BLOCK_BYTES 480

/* Handlers that end in a sibling call need an optimising compiler and no instrumentation; else they return and a loop
 * calls the next one. */
#if defined(__OPTIMIZE__) && !defined(SOFT_PLAIN_DISPATCH)
#define SOFT_THREADED       1
#define SOFT_GO(cpu, insn_) return (insn_)->handler (cpu, insn_)
#define SOFT_EXIT(cpu)      return
#else
#define SOFT_THREADED 0
#define SOFT_GO(cpu, insn_)  \
  do                         \
    {                        \
      (cpu)->next = (insn_); \
      return;                \
    }                        \
  while (0)
#define SOFT_EXIT(cpu)    \
  do                      \
    {                     \
      (cpu)->next = NULL; \
      return;             \
    }                     \
  while (0)
#endif

#define SOFT_NEXT(cpu, insn_) SOFT_GO (cpu, (insn_) + 1)

/* Where reg[SOFT_REG_RIP] is the block's address already.  Leaves the blocks if the slice is over or the block is stale. */
#define SOFT_ENTER(cpu, block_)                                                       \
  do                                                                                  \
    {                                                                                 \
      int64_t left_ = (cpu)->budget - (block_)->cost;                                 \
      if (G_UNLIKELY (left_ < __atomic_load_n (&(cpu)->threshold, __ATOMIC_RELAXED))) \
        SOFT_EXIT (cpu);                                                              \
      (cpu)->budget = left_;                                                          \
      (cpu)->block = (block_);                                                        \
      SOFT_GO (cpu, (block_)->insns);                                                 \
    }                                                                                 \
  while (0)

static inline unsigned
soft_jump_slot (uint64_t linear)
{
  return (unsigned)(linear ^ (linear >> 12)) & (SOFT_JUMP_CACHE_SIZE - 1);
}

/* Near branch to `rip_`, cut to the code size and within SoftCpu.jump_limit. */
#define SOFT_JUMP_TO(cpu, rip_)                                                      \
  do                                                                                 \
    {                                                                                \
      uint64_t target_ = (rip_);                                                     \
      uint64_t linear_ = ((cpu)->check[CPU_CS].base + target_) & (cpu)->linear_mask; \
      const SoftJump *jump_ = &(cpu)->jumps[soft_jump_slot (linear_)];               \
      (cpu)->reg[SOFT_REG_RIP] = target_;                                            \
      if (G_UNLIKELY (jump_->linear != linear_ || jump_->key != (cpu)->jump_key      \
                      || target_ > (cpu)->jump_limit))                               \
        SOFT_EXIT (cpu);                                                             \
      SOFT_ENTER (cpu, jump_->block);                                                \
    }                                                                                \
  while (0)

/* Near branch of `insn_`: imm is the distance from the block's first byte. */
#define SOFT_BRANCH(cpu, insn_)                                                       \
  do                                                                                  \
    {                                                                                 \
      uint64_t rip_new_ = (cpu)->reg[SOFT_REG_RIP] + (insn_)->imm;                    \
      SoftBlock *chain_ = (insn_)->chain;                                             \
      int64_t left_;                                                                  \
      if (G_UNLIKELY (rip_new_ > (cpu)->jump_limit || chain_ == NULL))                \
        {                                                                             \
          soft_branch_out (cpu, insn_);                                               \
          return;                                                                     \
        }                                                                             \
      left_ = (cpu)->budget - chain_->cost;                                           \
      if (G_UNLIKELY (left_ < __atomic_load_n (&(cpu)->threshold, __ATOMIC_RELAXED))) \
        {                                                                             \
          soft_branch_out (cpu, insn_);                                               \
          return;                                                                     \
        }                                                                             \
      (cpu)->reg[SOFT_REG_RIP] = rip_new_;                                            \
      (cpu)->budget = left_;                                                          \
      (cpu)->block = chain_;                                                          \
      SOFT_GO (cpu, chain_->insns);                                                   \
    }                                                                                 \
  while (0)

/* A handler: the same for a branch that isn't chained, leaves the limit, or meets the slice's end. */
void soft_branch_out (SoftCpu *cpu, const SoftInsn *insn);

/* -- Effective addresses, by how much there is to compute ------------------------------------------- */
enum
{
  SOFT_EA_64, /* base + displacement */
  SOFT_EA_64_INDEX,
  SOFT_EA_32, /* the same in a flat 32-bit segment */
  SOFT_EA_32_INDEX,
  SOFT_EA_ANY, /* through the segment's base and limits */
  SOFT_N_EA
};

#define SOFT_LINEAR_0(cpu, i, size, w) ((cpu)->reg[(i)->base] + (int64_t)(i)->disp)
#define SOFT_LINEAR_1(cpu, i, size, w) \
  ((cpu)->reg[(i)->base] + ((cpu)->reg[(i)->index] << (i)->scale) + (int64_t)(i)->disp)
#define SOFT_LINEAR_2(cpu, i, size, w) ((uint64_t)(uint32_t)SOFT_LINEAR_0 (cpu, i, size, w))
#define SOFT_LINEAR_3(cpu, i, size, w) ((uint64_t)(uint32_t)SOFT_LINEAR_1 (cpu, i, size, w))
#define SOFT_LINEAR_4(cpu, i, size, w) soft_linear (cpu, i, (i)->seg, soft_ea (cpu, i), size, w)

/* Which of them `insn` (ModRM read) takes. */
unsigned soft_ea_variant (const SoftDecode *d, const SoftInsn *insn);

/* -- Registers --------------------------------------------------------------------------------------- */
#define SOFT_R8(cpu, n)  (((uint8_t *)(cpu)->reg)[n])
#define SOFT_R16(cpu, n) (*(uint16_t *)&(cpu)->reg[n])
#define SOFT_R32(cpu, n) (*(uint32_t *)&(cpu)->reg[n])
#define SOFT_R64(cpu, n) ((cpu)->reg[n])

static inline void
soft_set_reg (SoftCpu *cpu, unsigned n, unsigned size, uint64_t value)
{
  if (size == 8)
    cpu->reg[n] = value;
  else if (size == 4)
    cpu->reg[n] = (uint32_t)value;
  else if (size == 2)
    SOFT_R16 (cpu, n) = (uint16_t)value;
  else
    SOFT_R8 (cpu, n) = (uint8_t)value;
}

static inline uint64_t
soft_get_reg (const SoftCpu *cpu, unsigned n, unsigned size)
{
  if (size == 8)
    return cpu->reg[n];
  if (size == 4)
    return (uint32_t)cpu->reg[n];
  if (size == 2)
    return (uint16_t)cpu->reg[n];
  return ((const uint8_t *)cpu->reg)[n];
}

static inline uint64_t
soft_read (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size)
{
  switch (size)
    {
    case 1:
      return soft_read8 (cpu, insn, linear);
    case 2:
      return soft_read16 (cpu, insn, linear);
    case 4:
      return soft_read32 (cpu, insn, linear);
    default:
      return soft_read64 (cpu, insn, linear);
    }
}

static inline void
soft_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size)
{
  switch (size)
    {
    case 1:
      soft_write8 (cpu, insn, linear, (uint8_t)value);
      break;
    case 2:
      soft_write16 (cpu, insn, linear, (uint16_t)value);
      break;
    case 4:
      soft_write32 (cpu, insn, linear, (uint32_t)value);
      break;
    default:
      soft_write64 (cpu, insn, linear, value);
      break;
    }
}

static inline uint64_t
soft_load (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, unsigned size)
{
  return soft_read (cpu, insn, soft_linear (cpu, insn, seg, offset, size, FALSE), size);
}

static inline void
soft_store (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, uint64_t value, unsigned size)
{
  soft_write (cpu, insn, soft_linear (cpu, insn, seg, offset, size, TRUE), value, size);
}

/* The operand that ModRM.rm names: register insn->b or memory. */
static inline uint64_t
soft_rm_read (SoftCpu *cpu, const SoftInsn *insn)
{
  if (insn->mem)
    return soft_load (cpu, insn, insn->seg, soft_ea (cpu, insn), insn->size);
  return soft_get_reg (cpu, insn->b, insn->size);
}

static inline void
soft_rm_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t value)
{
  if (insn->mem)
    soft_store (cpu, insn, insn->seg, soft_ea (cpu, insn), value, insn->size);
  else
    soft_set_reg (cpu, insn->b, insn->size, value);
}

/* Reads it with the faults of a write, so that soft_rm_write() afterwards can't fault. */
static inline uint64_t
soft_rm_modify (SoftCpu *cpu, const SoftInsn *insn)
{
  if (insn->mem)
    {
      uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), insn->size, TRUE);
      if (soft_tlb_entry (cpu, linear)->write != ((linear + insn->size - 1) & SOFT_PAGE_MASK))
        soft_probe_write (cpu, insn, linear, insn->size);
      return soft_read (cpu, insn, linear, insn->size);
    }
  return soft_get_reg (cpu, insn->b, insn->size);
}

static inline void
soft_set_flags (SoftCpu *cpu, uint32_t mask, uint32_t value)
{
  cpu->af = soft_eflags_to_af ((soft_af_to_eflags (cpu->af) & ~mask) | (value & mask));
}

/* -- Handlers that the decoder picks ------------------------------------------------------------------ */
enum
{
  SOFT_SIZE_8,
  SOFT_SIZE_16,
  SOFT_SIZE_32,
  SOFT_SIZE_64
};
extern const SoftHandler soft_alu_rr[8][4], soft_alu_ri[8][4];
extern const SoftHandler soft_alu_rm[8][4][SOFT_N_EA], soft_alu_mr[8][4][SOFT_N_EA],
    soft_alu_mi[8][4][SOFT_N_EA];
extern const SoftHandler soft_test_rr[4], soft_test_ri[4], soft_test_mr[4][SOFT_N_EA],
    soft_test_mi[4][SOFT_N_EA];
extern const SoftHandler soft_inc_r[4], soft_dec_r[4], soft_neg_r[4], soft_not_r[4];
extern const SoftHandler soft_shift_i[8][4], soft_shift_cl[8][4];
extern const SoftHandler soft_mov_rr[4], soft_mov_ri[4], soft_mov_rm[4][SOFT_N_EA], soft_mov_mr[4][SOFT_N_EA],
    soft_mov_mi[4][SOFT_N_EA];
extern const SoftHandler soft_movx_rr[2][2][4]; /* [sign][source 8, 16][destination size] */
extern const SoftHandler soft_movx_rm[2][2][4][SOFT_N_EA];
extern const SoftHandler soft_movsxd_rr, soft_movsxd_rm[SOFT_N_EA];
extern const SoftHandler soft_lea[4]; /* 64, 64 with index, 32 of either, any */
extern const SoftHandler soft_cmov_r[16][4];
extern const SoftHandler soft_setcc_r[16];
extern const SoftHandler soft_push_r[2], soft_pop_r[2]; /* 64-bit stack, flat 32-bit stack */
extern const SoftHandler soft_push_i[2];
extern const SoftHandler soft_jcc[16], soft_jmp, soft_goto, soft_call[2], soft_ret[2], soft_jmp_indirect,
    soft_call_indirect;
extern const SoftHandler soft_fused_cmp_rr[4][16], soft_fused_cmp_ri[4][16], soft_fused_test_rr[4][16],
    soft_fused_test_ri[4][16], soft_fused_dec[4][16], soft_fused_cmp_mi[4][SOFT_N_EA][2],
    soft_fused_cmp_rm[4][SOFT_N_EA][2];
extern const SoftHandler soft_nop, soft_stale, soft_imul_rr[4], soft_bt_ri[4], soft_xchg_rr[4];

uint64_t soft_shift_value (unsigned op, unsigned size, uint64_t value, uint8_t count, uint16_t *af);
/* op: 0-7 as in group 1, 8 INC, 9 DEC. */
uint64_t soft_alu_value (unsigned op, unsigned size, uint64_t dst, uint64_t src, uint16_t *af);
gboolean soft_condition (const SoftCpu *cpu, unsigned n);

/* -- mmu*.c --------------------------------------------------------------------------------------------- */
/* Of a processor that is `checking`: before a store of `size` bytes at `host`; NULL: an access that can't be done twice, so that it ends here. */
void soft_check_store (SoftCpu *cpu, uint8_t *host, unsigned size);
/* Drops all translations, and with them all that was found through linear addresses. */
void soft_tlb_flush (SoftCpu *cpu);
/* As a load of CR3 does: spares global pages. */
void soft_tlb_flush_local (SoftCpu *cpu);
void soft_tlb_flush_page (SoftCpu *cpu, uint64_t linear);
/* Stores to this page of the host's have to be seen from now on. */
void soft_tlb_protect (SoftCpu *cpu, uintptr_t page);
/* Linear to the host's memory for execution; NULL: not RAM, then *physical says what.  Raises #PF. */
const uint8_t *soft_translate_exec (SoftCpu *cpu, uint64_t linear, uint64_t *physical, Region **region);
/* Accesses of the processor itself, at supervisor privilege (descriptor tables, TSS). */
uint64_t soft_system_read (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size);
void soft_system_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size);
/* Bits of a byte in a table, in one step: other processors may use the same table.  Returns what was there. */
uint8_t soft_system_change_bits (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint8_t clear,
                                 uint8_t set);
void soft_system_probe_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned length);
/* At another privilege than the present one. */
uint64_t soft_read_cpl (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, unsigned cpl);
void soft_write_cpl (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size,
                     unsigned cpl);
uint64_t soft_physical_read (SoftCpu *cpu, uint64_t physical, unsigned size);
void soft_physical_write (SoftCpu *cpu, uint64_t physical, uint64_t value, unsigned size);
/* Host address of `linear`, good to its page's end, for string instructions; NULL where it isn't plain RAM. */
uint8_t *soft_host_range (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, gboolean write);
/* Where a store of `size` bytes within a page goes that is known to be writable but for code in it, of which what lies there is dropped; NULL if it isn't, or the running block lies there. */
uint8_t *soft_guarded_store (SoftCpu *cpu, uint64_t linear, unsigned size);
/* PAE page directory pointers from memory at CR3; FALSE if a reserved bit is set. */
gboolean soft_load_pdptes (SoftCpu *cpu, uint64_t cr3);
gboolean soft_is_canonical (uint64_t linear);
/* The memory map may have changed: forgets what follows from it. */
void soft_physical_map_changed (SoftCpu *cpu);
/* Forgets which pages of regions under a dirty log are writable, having marked them. */
void soft_drop_logged (SoftCpu *cpu);
#define SOFT_PHYSICAL_BITS 44

/* -- block.c -------------------------------------------------------------------------------------------- */
/* A processor's cache of decoded code: its thread, or it is paused. */
SoftCode *soft_code_new (SoftCpu *cpu, size_t arena_size);
void soft_code_free (SoftCode *code);
void soft_code_flush (SoftCpu *cpu);
/* That of all processors, which are paused. */
void soft_code_flush_all (SoftEngine *engine);
/* Where code is that was fetched from before, or NULL. */
const uint8_t *soft_fetched (const SoftCpu *cpu, uint64_t linear);
/* For units: room for a block of that many instructions; and its registration as made of `bytes`, which were copied from host and host2 after
 * the processor had become an owner of their pages.  FALSE: they have changed, or may have. */
SoftBlock *soft_code_reserve (SoftCpu *cpu, unsigned n_insns);
gboolean soft_code_commit (SoftCpu *cpu, SoftBlock *block, unsigned n_insns, const uint8_t *bytes);
/* Of what others may write at the same time. */
void soft_code_copy (uint8_t *to, const uint8_t *from, unsigned length);
/* Where in the arena an instruction is, in 16 bytes. */
uint32_t soft_code_ref (const SoftCode *code, const SoftInsn *insn);
const SoftInsn *soft_code_deref (const SoftCode *code, uint32_t ref);
/* The block at CS:RIP in the present mode, if it was found before; NULL: there may be one all the same. */
SoftBlock *soft_known_block (SoftCpu *cpu);
/* The same, decoded if need be. */
SoftBlock *soft_find_block (SoftCpu *cpu);
/* What the processor has decoded from these bytes is dropped. */
void soft_code_drop (SoftCpu *cpu, const uint8_t *host, uint64_t length);
/* How far bytes around [at, at + size) of a page are those that no processor has decoded from; they take turns.  Nothing where these are not. */
void soft_code_bytes_between (const SoftEngine *engine, const uint8_t *page, unsigned at, unsigned size,
                              unsigned *first, unsigned *end);
/* For code-pages.c: whether it has decoded from these bytes of a page (any thread); another number of a page (the world is stopped). */
gboolean soft_code_uses (const SoftCpu *cpu, unsigned index, unsigned first, unsigned length);
void soft_code_page_moved (SoftCpu *cpu, unsigned from, unsigned to);

/* -- code-pages.c --------------------------------------------------------------------------------------- */
/* TRUE if any processor has decoded code in the page of `host`. */
gboolean soft_code_in_page (SoftEngine *engine, const uint8_t *host);
/* The largest part of these pages of the host's without. */
void soft_code_gap (const SoftEngine *engine, uintptr_t *first, uintptr_t *end);
/* The processor has written there, within a page: what was decoded from that is dropped, by others when they next look.  Its thread. */
void soft_code_stored (SoftCpu *cpu, const uint8_t *host, unsigned length);
/* The same of any length, perhaps before the bytes are written if no other processor runs beside it. */
void soft_code_written (SoftCpu *cpu, const uint8_t *host, uint64_t length);
/* A RegionWritten. */
void soft_code_on_region_written (Region *region, uint64_t offset, uint64_t length, void *opaque);
/* An empty array for SoftCpu.written. */
GArray *soft_code_written_new (void);
/* Any thread: the processor drops it when it next looks; NULL: all. */
void soft_code_written_elsewhere (SoftCpu *cpu, const uint8_t *host, uint64_t length);
void soft_code_take_written (SoftCpu *cpu);

/* The block's entry has been charged for all of its instructions: those from `insn` on, less `done`, have not come about. */
void soft_give_back (SoftCpu *cpu, const SoftInsn *insn, unsigned done);
/* Until released, no way leads from one block into another. */
static inline void
soft_hold (SoftCpu *cpu)
{
  cpu->held = cpu->budget;
  cpu->budget = 0;
  cpu->holding = TRUE;
}
static inline void
soft_release (SoftCpu *cpu)
{
  cpu->budget += cpu->held;
  cpu->holding = FALSE;
}

/* -- decode.c ------------------------------------------------------------------------------------------- */
/* Decodes one instruction; FALSE when it ends the block.  `d` is set up by the caller, `insn` is zeroed. */
gboolean soft_decode (SoftDecode *d, SoftInsn *insn);

/* -- mode.c --------------------------------------------------------------------------------------------- */
/* Recomputes all that is derived from control registers, segments and EFLAGS. */
void soft_update_mode (SoftCpu *cpu);
void soft_set_eflags (SoftCpu *cpu, uint32_t value, uint32_t mask);
/* For helpers run by soft_op_call_end(). */
void soft_set_rip (SoftCpu *cpu, uint64_t rip);
static inline gboolean
soft_in_protected (const SoftCpu *cpu)
{
  return (cpu->cr0 & CR0_PE) != 0 && (cpu->eflags & FLAG_VM) == 0;
}
static inline gboolean
soft_in_long (const SoftCpu *cpu)
{
  return (cpu->efer & EFER_LMA) != 0;
}
static inline gboolean
soft_in_64 (const SoftCpu *cpu)
{
  return (cpu->key & SOFT_KEY_SIZE) == SOFT_KEY_64;
}

/* -- engine.c ------------------------------------------------------------------------------------------- */
enum
{
  SOFT_ATTENTION_INTERRUPT = 1 << 0, /* the local APIC or INTR has something, or may have */
  SOFT_ATTENTION_STOP = 1 << 1,
  SOFT_ATTENTION_MAP = 1 << 2,   /* address spaces changed */
  SOFT_ATTENTION_DIRTY = 1 << 3, /* dirty bits were taken */
  SOFT_ATTENTION_CODE = 1 << 4,  /* somebody else wrote into decoded code */
  SOFT_ATTENTION_YIELD = 1 << 5, /* the turn is over */
  SOFT_ATTENTION_WORLD = 1 << 6, /* another processor stops the world (world.h) */
};
/* Any thread. */
void soft_attend (SoftCpu *cpu, gint what);

G_END_DECLS
