/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * String instructions.  With REP they work in pieces: within a page of plain RAM on both sides a piece is one copy
 * or fill by the host, else one element at a time; between pieces interrupts are taken, with RCX, RSI and RDI at the
 * next element and RIP still at the instruction.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

#define PIECE 1024 /* elements between looks at pending work */

typedef struct
{
  SoftCpu *cpu;
  const SoftInsn *insn;
  uint64_t mask; /* of the address size */
  uint64_t src, dst;
  int64_t step;
  unsigned size;
} String;

static inline void
set_index (SoftCpu *cpu, unsigned n, uint64_t mask, uint64_t value)
{
  if (mask == 0xffff)
    SOFT_R16 (cpu, n) = (uint16_t)value;
  else
    cpu->reg[n] = value & mask;
}

/* How many elements from `offset` on lie in one page of RAM, as host pointer; 0: take the general way. */
static uint64_t
run_of (String *s, unsigned seg, uint64_t offset, gboolean write, uint64_t want, uint8_t **host)
{
  SoftCpu *cpu = s->cpu;
  const SoftSegmentCheck *check = &cpu->check[seg];
  uint64_t linear, n;

  /* No wrap of the index, nothing beyond the limit. */
  n = MIN (want, (s->mask - offset) / s->size);
  if (n == 0 || offset < check->low[write] || offset > check->high[write])
    return 0;
  if (check->high[write] - offset < n * s->size)
    n = (check->high[write] - offset) / s->size;
  linear = (check->base + offset) & cpu->linear_mask;
  n = MIN (n, (4096 - (linear & 0xfff)) / s->size);
  if (n == 0)
    return 0;
  *host = soft_host_range (cpu, s->insn, linear, write);
  return *host != NULL ? n : 0;
}

/* -- One element ----------------------------------------------------------------------------------------------- */

static void
string_element (String *s, unsigned op)
{
  SoftCpu *cpu = s->cpu;
  const SoftInsn *insn = s->insn;
  uint64_t value, other;

  switch (op)
    {
    case 0x6c: /* INS */
      {
        uint64_t linear = soft_linear (cpu, insn, CPU_ES, s->dst, s->size, TRUE);
        soft_port_check (cpu, insn, (uint16_t)cpu->reg[CPU_RDX], s->size);
        soft_probe_write (cpu, insn, linear, s->size);
        value = soft_port_in (cpu, insn, (uint16_t)cpu->reg[CPU_RDX], s->size);
        soft_write (cpu, insn, linear, value, s->size);
        s->dst = (s->dst + (uint64_t)s->step) & s->mask;
        set_index (cpu, CPU_RDI, s->mask, s->dst);
        break;
      }
    case 0x6e: /* OUTS */
      soft_port_check (cpu, insn, (uint16_t)cpu->reg[CPU_RDX], s->size);
      value = soft_load (cpu, insn, insn->seg, s->src, s->size);
      soft_port_out (cpu, insn, (uint16_t)cpu->reg[CPU_RDX], (uint32_t)value, s->size);
      s->src = (s->src + (uint64_t)s->step) & s->mask;
      set_index (cpu, CPU_RSI, s->mask, s->src);
      break;
    case 0xa4: /* MOVS */
      value = soft_load (cpu, insn, insn->seg, s->src, s->size);
      soft_store (cpu, insn, CPU_ES, s->dst, value, s->size);
      s->src = (s->src + (uint64_t)s->step) & s->mask;
      s->dst = (s->dst + (uint64_t)s->step) & s->mask;
      set_index (cpu, CPU_RSI, s->mask, s->src);
      set_index (cpu, CPU_RDI, s->mask, s->dst);
      break;
    case 0xa6: /* CMPS */
      value = soft_load (cpu, insn, insn->seg, s->src, s->size);
      other = soft_load (cpu, insn, CPU_ES, s->dst, s->size);
      soft_alu_value (7, s->size, value, other, &cpu->af);
      s->src = (s->src + (uint64_t)s->step) & s->mask;
      s->dst = (s->dst + (uint64_t)s->step) & s->mask;
      set_index (cpu, CPU_RSI, s->mask, s->src);
      set_index (cpu, CPU_RDI, s->mask, s->dst);
      break;
    case 0xaa: /* STOS */
      soft_store (cpu, insn, CPU_ES, s->dst, cpu->reg[CPU_RAX], s->size);
      s->dst = (s->dst + (uint64_t)s->step) & s->mask;
      set_index (cpu, CPU_RDI, s->mask, s->dst);
      break;
    case 0xac: /* LODS */
      soft_set_reg (cpu, CPU_RAX, s->size, soft_load (cpu, insn, insn->seg, s->src, s->size));
      s->src = (s->src + (uint64_t)s->step) & s->mask;
      set_index (cpu, CPU_RSI, s->mask, s->src);
      break;
    default: /* SCAS */
      other = soft_load (cpu, insn, CPU_ES, s->dst, s->size);
      soft_alu_value (7, s->size, cpu->reg[CPU_RAX], other, &cpu->af);
      s->dst = (s->dst + (uint64_t)s->step) & s->mask;
      set_index (cpu, CPU_RDI, s->mask, s->dst);
      break;
    }
}

/* -- Many at once ------------------------------------------------------------------------------------------------ */

/* As the guest's processor would: each element once, and whole.  A library's copy may write the same place twice, with
 * what another processor has stored there in between lost. */
static void
copy_beside (uint8_t *dst, const uint8_t *src, uint64_t n, unsigned size)
{
  switch (size)
    {
    case 1:
      __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
      break;
    case 2:
      __asm__ volatile("rep movsw" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
      break;
    case 4:
      __asm__ volatile("rep movsl" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
      break;
    default:
      __asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
      break;
    }
}

static void
fill_beside (uint8_t *dst, uint64_t value, uint64_t n, unsigned size)
{
  switch (size)
    {
    case 1:
      __asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(value) : "memory");
      break;
    case 2:
      __asm__ volatile("rep stosw" : "+D"(dst), "+c"(n) : "a"(value) : "memory");
      break;
    case 4:
      __asm__ volatile("rep stosl" : "+D"(dst), "+c"(n) : "a"(value) : "memory");
      break;
    default:
      __asm__ volatile("rep stosq" : "+D"(dst), "+c"(n) : "a"(value) : "memory");
      break;
    }
}

static void
copy_forward (uint8_t *dst, const uint8_t *src, uint64_t n, unsigned size)
{
  uint64_t bytes = n * size;

  if (dst <= src || dst >= src + bytes)
    memmove (dst, src, bytes);
  else
    /* Each element sees what the ones before it wrote: a pattern fill. */
    for (uint64_t i = 0; i < n; i++)
      {
        uint64_t value;
        memcpy (&value, src + i * size, size);
        memcpy (dst + i * size, &value, size);
      }
}

static void
fill_forward (uint8_t *dst, uint64_t value, uint64_t n, unsigned size)
{
  switch (size)
    {
    case 1:
      memset (dst, (int)(value & 0xff), n);
      break;
    case 2:
      for (uint64_t i = 0; i < n; i++)
        memcpy (dst + i * 2, &value, 2);
      break;
    case 4:
      for (uint64_t i = 0; i < n; i++)
        memcpy (dst + i * 4, &value, 4);
      break;
    default:
      for (uint64_t i = 0; i < n; i++)
        memcpy (dst + i * 8, &value, 8);
      break;
    }
}

/* Does up to `count` elements in one piece; 0 if it can't. */
static uint64_t
string_run (String *s, unsigned op, uint64_t count)
{
  SoftCpu *cpu = s->cpu;
  uint8_t *src, *dst;
  uint64_t n;

  if (s->step < 0)
    return 0;
  switch (op)
    {
    case 0xa4:
      n = run_of (s, s->insn->seg, s->src, FALSE, count, &src);
      if (n == 0)
        return 0;
      n = run_of (s, CPU_ES, s->dst, TRUE, n, &dst);
      if (n == 0)
        return 0;
      /* Filling the second entry may have dropped the first: the pointer stays good, the page is the same. */
      (cpu->beside ? copy_beside : copy_forward) (dst, src, n, s->size);
      s->src += n * s->size;
      s->dst += n * s->size;
      set_index (cpu, CPU_RSI, s->mask, s->src);
      set_index (cpu, CPU_RDI, s->mask, s->dst);
      return n;
    case 0xaa:
      n = run_of (s, CPU_ES, s->dst, TRUE, count, &dst);
      if (n == 0)
        return 0;
      (cpu->beside ? fill_beside : fill_forward) (dst, cpu->reg[CPU_RAX], n, s->size);
      s->dst += n * s->size;
      set_index (cpu, CPU_RDI, s->mask, s->dst);
      return n;
    case 0x6c:
    case 0x6e:
      {
        unsigned port = (uint16_t)cpu->reg[CPU_RDX];
        gboolean input = op == 0x6c;

        soft_port_check (cpu, s->insn, port, s->size);
        n = input ? run_of (s, CPU_ES, s->dst, TRUE, MIN (count, 256), &dst)
                  : run_of (s, s->insn->seg, s->src, FALSE, MIN (count, 256), &dst);
        if (n == 0)
          return 0;
        vm_lock (cpu->vm);
        cpu->vm_locked = TRUE;
        for (uint64_t i = 0; i < n; i++)
          {
            uint32_t value = 0;
            if (input)
              {
                value = soft_port_in (cpu, s->insn, port, s->size);
                memcpy (dst + i * s->size, &value, s->size);
              }
            else
              {
                memcpy (&value, dst + i * s->size, s->size);
                soft_port_out (cpu, s->insn, port, value, s->size);
              }
          }
        cpu->vm_locked = FALSE;
        vm_unlock (cpu->vm);
        if (input)
          {
            s->dst += n * s->size;
            set_index (cpu, CPU_RDI, s->mask, s->dst);
          }
        else
          {
            s->src += n * s->size;
            set_index (cpu, CPU_RSI, s->mask, s->src);
          }
        return n;
      }
    default:
      return 0;
    }
}

/* Of the slice, whoever holds it. */
static inline int64_t
budget_left (const SoftCpu *cpu)
{
  return cpu->holding ? cpu->held + cpu->budget : cpu->budget;
}

/* TRUE: all done; FALSE: it was left between two elements. */
static G_GNUC_NO_INLINE gboolean
run_string (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned op = insn->opcode & 0xfe;
  String s = {
    .cpu = cpu,
    .insn = insn,
    .size = insn->size,
    .mask = insn->address == 8   ? ~(uint64_t)0
            : insn->address == 4 ? 0xffffffffu
                                 : 0xffffu,
  };
  gboolean one = (cpu->key & SOFT_KEY_STEP) != 0;
  uint64_t count, done = 0;

  cpu->insn = insn;
  s.step = (cpu->eflags & FLAG_DF) != 0 ? -(int64_t)insn->size : insn->size;
  s.src = cpu->reg[CPU_RSI] & s.mask;
  s.dst = cpu->reg[CPU_RDI] & s.mask;
  if (insn->rep == 0)
    {
      string_element (&s, op);
      return TRUE;
    }
  count = cpu->reg[CPU_RCX] & s.mask;
  /* The port must be allowed even if nothing is to be moved. */
  if (op == 0x6c || op == 0x6e)
    soft_port_check (cpu, insn, (uint16_t)cpu->reg[CPU_RDX], s.size);
  while (count > 0)
    {
      uint64_t n = one ? 0 : string_run (&s, op, count);

      if (n == 0)
        {
          string_element (&s, op);
          n = 1;
        }
      count -= n;
      done += n;
      set_index (cpu, CPU_RCX, s.mask, count);
      if (op == 0xa6 || op == 0xae)
        {
          gboolean equal = (soft_af_to_eflags (cpu->af) & FLAG_ZF) != 0;
          if (equal != (insn->rep == 0xf3))
            break;
        }
      if (count > 0 && (one || done >= PIECE))
        {
          /* Elements count as instructions of the slice. */
          cpu->budget -= PIECE / 16;
          done = 0;
          if (one || budget_left (cpu) < __atomic_load_n (&cpu->threshold, __ATOMIC_RELAXED)
              || cpu->block == NULL || cpu->block->cost == SOFT_STALE)
            {
              if (cpu->block != NULL)
                soft_give_back (cpu, insn, 0);
              cpu->reg[SOFT_REG_RIP] += insn->offset;
              cpu->block = NULL;
              cpu->rep_stopped = TRUE;
              return FALSE;
            }
        }
    }
  return TRUE;
}

void
soft_op_string (SoftCpu *cpu, const SoftInsn *insn)
{
  if (!run_string (cpu, insn))
    SOFT_EXIT (cpu);
  SOFT_NEXT (cpu, insn);
}
