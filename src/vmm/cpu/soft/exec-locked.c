/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Locked instructions (SDM volume 3, 8.1.2): LOCK, and XCHG with memory.  On RAM each is one locked instruction of the host, in a loop of
 * compare and exchange; so they are atomic towards other processors and towards devices, which have threads of their own, and
 * order memory as they should.
 *
 * An operand over the end of a cache line isn't left to the host, which may forbid such locks or make them slow: there, over the end of a page, and
 * where not even RAM lies, the world is stopped, and the instruction is carried out step by step.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/exec-integer-private.h"
#include "cpu/soft/ops.h"
#include "cpu/soft/world.h"

#define CACHE_LINE 64

/* The operand in the host's memory, or NULL; faults as a store.  `watched`: code lies in its page, soft_code_stored() is to follow. */
static uint8_t *
operand_host (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, gboolean *watched)
{
  const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);
  const uint64_t page = linear & SOFT_PAGE_MASK;

  *watched = FALSE;
  if (cpu->watching || (linear & (CACHE_LINE - 1)) + size > CACHE_LINE)
    return NULL;
  if (entry->write != page)
    {
      soft_probe_write (cpu, insn, linear, size);
      if (entry->write != page)
        {
          *watched = entry->read == page && cpu->guarded[cpu->mmu][(linear >> 12) & (SOFT_TLB_SIZE - 1)];
          if (!*watched)
            return NULL;
        }
    }
  return (uint8_t *)(entry->addend + linear);
}

static gboolean
exchange (uint8_t *host, unsigned size, uint64_t *old, uint64_t new)
{
#define EXCHANGE(T)                                                                                      \
  {                                                                                                      \
    T expected = (T)*old;                                                                                \
    gboolean done = __atomic_compare_exchange_n ((T *)host, &expected, (T) new, FALSE, __ATOMIC_SEQ_CST, \
                                                 __ATOMIC_SEQ_CST);                                      \
    *old = expected;                                                                                     \
    return done;                                                                                         \
  }
  switch (size)
    {
    case 1:
      EXCHANGE (uint8_t)
    case 2:
      EXCHANGE (uint16_t)
    case 4:
      EXCHANGE (uint32_t)
    default:
      EXCHANGE (uint64_t)
    }
#undef EXCHANGE
}

/* What becomes of `old`, and of flags. */
typedef uint64_t (*Change) (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af);

/* Returns what was there; flags are set. */
static uint64_t
modify (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, Change change)
{
  gboolean watched;
  uint8_t *host = operand_host (cpu, insn, linear, size, &watched);
  uint64_t old = 0, new;
  uint16_t af;

  if (host == NULL)
    {
      soft_world_stop (cpu);
      soft_probe_write (cpu, insn, linear, size);
      old = soft_read (cpu, insn, linear, size);
      af = cpu->af;
      new = change (cpu, insn, old, &af);
      soft_write (cpu, insn, linear, new, size);
      soft_world_go (cpu);
      cpu->af = af;
      return old;
    }
  old = soft_load_host (host, size);
  do
    {
      af = cpu->af;
      new = change (cpu, insn, old, &af);
    }
  while (!exchange (host, size, &old, new));
  if (watched)
    soft_code_stored (cpu, host, size);
  cpu->af = af;
  return old;
}

static uint64_t
operand_linear (SoftCpu *cpu, const SoftInsn *insn, unsigned size)
{
  return soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), size, TRUE);
}

/* -- One operand and another ------------------------------------------------------------------------------------- */

static uint64_t
change_integer (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  const unsigned digit = insn->modrm >> 3 & 7;

  switch (insn->opcode)
    {
    case 0x80 ... 0x83:
      return soft_alu_value (digit, insn->size, old, insn->imm, af);
    case 0xf6:
    case 0xf7:
      return digit == 2 ? ~old : soft_alu_value (5, insn->size, 0, old, af);
    case 0xfe:
    case 0xff:
      return soft_alu_value (8 + digit, insn->size, old, 0, af);
    default:
      return soft_alu_value (insn->opcode >> 3 & 7, insn->size, old, soft_get_reg (cpu, insn->b, insn->size),
                             af);
    }
}

static void
locked_integer (SoftCpu *cpu, const SoftInsn *insn)
{
  modify (cpu, insn, operand_linear (cpu, insn, insn->size), insn->size, change_integer);
}

static uint64_t
change_swap (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  return soft_get_reg (cpu, insn->a, insn->size);
}

static void
locked_xchg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_set_reg (cpu, insn->a, insn->size,
                modify (cpu, insn, operand_linear (cpu, insn, insn->size), insn->size, change_swap));
}

static uint64_t
change_add (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  return soft_alu_value (0, insn->size, old, soft_get_reg (cpu, insn->a, insn->size), af);
}

static void
locked_xadd (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_set_reg (cpu, insn->a, insn->size,
                modify (cpu, insn, operand_linear (cpu, insn, insn->size), insn->size, change_add));
}

static uint64_t
change_compare (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  const uint64_t want = soft_get_reg (cpu, 0, insn->size);

  soft_alu_value (7, insn->size, want, old, af);
  return want == old ? soft_get_reg (cpu, insn->a, insn->size) : old;
}

static void
locked_cmpxchg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t old = modify (cpu, insn, operand_linear (cpu, insn, insn->size), insn->size, change_compare);

  if (old != soft_get_reg (cpu, 0, insn->size))
    soft_set_reg (cpu, 0, insn->size, old);
}

/* -- Bits -------------------------------------------------------------------------------------------------------- */

static uint64_t
change_bit (unsigned op, uint64_t value, uint64_t bit)
{
  return op == 1 ? value | bit : op == 2 ? value & ~bit : value ^ bit;
}

static uint64_t
change_bit_reg (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  const uint64_t bit = 1ULL << (cpu->reg[insn->a] & (insn->size * 8u - 1));

  *af = (uint16_t)((*af & ~0x100) | ((old & bit) != 0 ? 0x100 : 0));
  return change_bit (insn->opcode, old, bit);
}

static uint64_t
change_bit_imm (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  const uint64_t bit = 1ULL << (insn->imm & (insn->size * 8u - 1));

  *af = (uint16_t)((*af & ~0x100) | ((old & bit) != 0 ? 0x100 : 0));
  return change_bit (insn->opcode, old, bit);
}

static void
locked_bit_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  const uint64_t offset = soft_bit_offset (cpu, insn);

  modify (cpu, insn, soft_linear (cpu, insn, insn->seg, offset, insn->size, TRUE), insn->size,
          change_bit_reg);
}

static void
locked_bit_imm (SoftCpu *cpu, const SoftInsn *insn)
{
  modify (cpu, insn, operand_linear (cpu, insn, insn->size), insn->size, change_bit_imm);
}

/* -- Two words --------------------------------------------------------------------------------------------------- */

static uint64_t
change_pair (SoftCpu *cpu, const SoftInsn *insn, uint64_t old, uint16_t *af)
{
  const uint64_t want = cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX];

  return old == want ? cpu->reg[CPU_RCX] << 32 | (uint32_t)cpu->reg[CPU_RBX] : old;
}

static void
locked_cmpxchg8b (SoftCpu *cpu, const SoftInsn *insn)
{
  const uint64_t want = cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX];
  uint64_t old = modify (cpu, insn, operand_linear (cpu, insn, 8), 8, change_pair);

  soft_set_flags (cpu, FLAG_ZF, old == want ? FLAG_ZF : 0);
  if (old == want)
    return;
  cpu->reg[CPU_RAX] = (uint32_t)old;
  cpu->reg[CPU_RDX] = old >> 32;
}

static gboolean
exchange16 (uint8_t *host, uint64_t *low, uint64_t *high, uint64_t new_low, uint64_t new_high)
{
  gboolean done;

  __asm__ volatile("lock cmpxchg16b %1"
                   : "=@ccz"(done), "+m"(*(unsigned __int128 *)host), "+a"(*low), "+d"(*high)
                   : "b"(new_low), "c"(new_high)
                   : "memory");
  return done;
}

static void
locked_cmpxchg16b (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t linear = operand_linear (cpu, insn, 16);
  uint64_t low = cpu->reg[CPU_RAX], high = cpu->reg[CPU_RDX];
  gboolean watched, done;
  uint8_t *host;

  if ((linear & 15) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  host = operand_host (cpu, insn, linear, 16, &watched);
  if (host == NULL)
    {
      soft_world_stop (cpu);
      soft_do_cmpxchg16b (cpu, insn);
      soft_world_go (cpu);
      return;
    }
  done = exchange16 (host, &low, &high, cpu->reg[CPU_RBX], cpu->reg[CPU_RCX]);
  if (watched)
    soft_code_stored (cpu, host, 16);
  soft_set_flags (cpu, FLAG_ZF, done ? FLAG_ZF : 0);
  cpu->reg[CPU_RAX] = low;
  cpu->reg[CPU_RDX] = high;
}

SoftHelper
soft_locked (const SoftInsn *insn)
{
  if (insn->handler == soft_op_bt_mem)
    return locked_bit_reg;
  if (insn->handler == soft_op_bt_imm)
    return locked_bit_imm;
  switch (insn->opcode)
    {
    case 0x86:
    case 0x87:
      return locked_xchg;
    case 0x1b0:
    case 0x1b1:
      return locked_cmpxchg;
    case 0x1c0:
    case 0x1c1:
      return locked_xadd;
    case 0x1c7:
      return insn->size == 8 ? locked_cmpxchg16b : locked_cmpxchg8b;
    default:
      return locked_integer;
    }
}
