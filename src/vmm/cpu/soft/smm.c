/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * System-management mode (AMD64 Architecture Programmer's Manual volume 2, chapter 10; SDM volume 3, chapter 34).  The state-save area is AMD64's (table
 * 10-1), which has room for all of a 64-bit processor and which firmware knows by its revision.  What an instruction could be restarted for is not kept:
 * an interrupt here always comes behind the instruction that asked for it.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

#define ENTRY    0x8000u /* the handler, from SMBASE on */
#define AREA     0xfe00u /* the state-save area */
#define SIZE     0x200u
#define REVISION 0x00020064u /* AMD64's layout; SMBASE can be changed */
/* Offsets into the area. */
enum
{
  AREA_SEGMENTS = 0x00, /* ES, CS, SS, DS, FS, GS; 16 bytes each, as those that follow */
  AREA_GDTR = 0x60,
  AREA_LDTR = 0x70,
  AREA_IDTR = 0x80,
  AREA_TR = 0x90,
  AREA_HALTED = 0xc9, /* RSM goes back to HLT */
  AREA_EFER = 0xd0,
  AREA_REVISION = 0xfc,
  AREA_SMBASE = 0x100,
  AREA_CR4 = 0x148,
  AREA_CR3 = 0x150,
  AREA_CR0 = 0x158,
  AREA_DR7 = 0x160,
  AREA_DR6 = 0x168,
  AREA_RFLAGS = 0x170,
  AREA_RIP = 0x178,
  AREA_R15 = 0x180, /* down to RAX, the last one */

  SEGMENT_SIZE = 16,
  SEGMENT_ATTRIBUTES = 2,
  SEGMENT_LIMIT = 4,
  SEGMENT_BASE = 8,
};
/* Behind the processor's: where in the area a general register is. */
static unsigned
place_of (unsigned gpr)
{
  return AREA_R15 + (CPU_R15 - gpr) * 8;
}

static void
put (uint8_t *area, unsigned at, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  memcpy (area + at, &value, size);
}

static uint64_t
get (const uint8_t *area, unsigned at, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, area + at, size);
  return GUINT64_FROM_LE (value);
}

/* Attributes are bits 40 to 55 of a descriptor, the limit's left out. */
static void
put_segment (uint8_t *area, unsigned at, const CpuSegment *segment)
{
  put (area, at, segment->selector, 2);
  put (area, at + SEGMENT_ATTRIBUTES, (segment->attributes & 0xffu) | (segment->attributes & 0xf00u) << 4, 2);
  put (area, at + SEGMENT_LIMIT, segment->limit, 4);
  put (area, at + SEGMENT_BASE, segment->base, 8);
}

static void
get_segment (const uint8_t *area, unsigned at, CpuSegment *segment)
{
  const unsigned attributes = (unsigned)get (area, at + SEGMENT_ATTRIBUTES, 2);

  segment->selector = (uint16_t)get (area, at, 2);
  segment->attributes = (uint16_t)((attributes & 0xff) | (attributes >> 4 & 0xf00));
  segment->limit = (uint32_t)get (area, at + SEGMENT_LIMIT, 4);
  segment->base = get (area, at + SEGMENT_BASE, 8);
}

static void
put_table (uint8_t *area, unsigned at, uint64_t base, uint32_t limit)
{
  put (area, at + SEGMENT_LIMIT, limit, 4);
  put (area, at + SEGMENT_BASE, base, 8);
}

static void
fill_area (const SoftCpu *cpu, uint8_t *area)
{
  for (unsigned i = CPU_ES; i <= CPU_GS; i++)
    put_segment (area, AREA_SEGMENTS + i * SEGMENT_SIZE, &cpu->segment[i]);
  put_segment (area, AREA_LDTR, &cpu->segment[CPU_LDTR]);
  put_segment (area, AREA_TR, &cpu->segment[CPU_TR]);
  put_table (area, AREA_GDTR, cpu->gdt_base, cpu->gdt_limit);
  put_table (area, AREA_IDTR, cpu->idt_base, cpu->idt_limit);
  for (unsigned i = 0; i < CPU_N_GPRS; i++)
    put (area, place_of (i), cpu->reg[i], 8);
  put (area, AREA_HALTED, cpu->run_state == CPU_RUN_HALTED, 1);
  put (area, AREA_EFER, cpu->efer, 8);
  put (area, AREA_REVISION, REVISION, 4);
  put (area, AREA_SMBASE, cpu->smbase, 4);
  put (area, AREA_CR4, cpu->cr4, 8);
  put (area, AREA_CR3, cpu->cr3, 8);
  put (area, AREA_CR0, cpu->cr0, 8);
  put (area, AREA_DR7, cpu->dr[7], 8);
  put (area, AREA_DR6, cpu->dr[6], 8);
  put (area, AREA_RFLAGS, soft_get_eflags (cpu), 8);
  put (area, AREA_RIP, cpu->reg[SOFT_REG_RIP], 8);
}

/* 10.3.3: as in real mode, but with segments of 4 GiB. */
static void
begin_handler (SoftCpu *cpu)
{
  for (unsigned i = CPU_ES; i <= CPU_GS; i++)
    cpu->segment[i] = (CpuSegment){ .limit = 0xffffffff, .attributes = SEG_G | 0x93 };
  cpu->segment[CPU_CS].selector = (uint16_t)(cpu->smbase >> 4);
  cpu->segment[CPU_CS].base = cpu->smbase;
  cpu->reg[SOFT_REG_RIP] = ENTRY;
  cpu->af = soft_eflags_to_af (0);
  cpu->eflags = 0;
  cpu->cpl = 0;
  cpu->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
  cpu->cr4 = 0;
  cpu->efer = 0;
  cpu->dr[7] = 0x400;
  cpu->nmi_masked = TRUE;
  cpu->run_state = CPU_RUN_RUNNING;
}

void
soft_smm_enter (SoftCpu *cpu)
{
  uint8_t area[SIZE] = { 0 };

  fill_area (cpu, area);
  cpu->in_smm = TRUE;
  cpu->smm_nmi_masked = cpu->nmi_masked;
  soft_choose_memory (cpu, vm_memory_in_smm (cpu->vm));
  for (unsigned i = 0; i < SIZE; i += 8)
    soft_physical_write (cpu, (uint64_t)cpu->smbase + AREA + i, get (area, i, 8), 8);
  begin_handler (cpu);
  soft_tlb_flush (cpu);
  soft_update_mode (cpu);
}

static void
take_area (const uint8_t *area, CpuState *state)
{
  for (unsigned i = CPU_ES; i <= CPU_GS; i++)
    get_segment (area, AREA_SEGMENTS + i * SEGMENT_SIZE, &state->segment[i]);
  get_segment (area, AREA_LDTR, &state->segment[CPU_LDTR]);
  get_segment (area, AREA_TR, &state->segment[CPU_TR]);
  state->gdt_base = get (area, AREA_GDTR + SEGMENT_BASE, 8);
  state->gdt_limit = (uint32_t)get (area, AREA_GDTR + SEGMENT_LIMIT, 2);
  state->idt_base = get (area, AREA_IDTR + SEGMENT_BASE, 8);
  state->idt_limit = (uint32_t)get (area, AREA_IDTR + SEGMENT_LIMIT, 2);
  for (unsigned i = 0; i < CPU_N_GPRS; i++)
    state->gpr[i] = get (area, place_of (i), 8);
  state->efer = get (area, AREA_EFER, 8);
  state->cr4 = get (area, AREA_CR4, 8);
  state->cr3 = get (area, AREA_CR3, 8);
  state->cr0 = get (area, AREA_CR0, 8);
  state->rflags = get (area, AREA_RFLAGS, 8);
  state->rip = get (area, AREA_RIP, 8);
  state->pdptes_known = FALSE;
}

/* The handler may have written what no processor can be in: that shuts it down. */
void
soft_do_rsm (SoftCpu *cpu, const SoftInsn *insn)
{
  uint8_t area[SIZE];
  g_autofree CpuState *state = NULL;

  if (!cpu->in_smm)
    soft_raise (cpu, insn, EXC_UD);
  for (unsigned i = 0; i < SIZE; i += 8)
    put (area, i, soft_physical_read (cpu, (uint64_t)cpu->smbase + AREA + i, 8), 8);
  state = g_new (CpuState, 1);
  soft_cpu_get_state (cpu, state);
  take_area (area, state);
  cpu->in_smm = FALSE;
  cpu->nmi_masked = cpu->smm_nmi_masked;
  cpu->smm_nmi_masked = FALSE;
  cpu->smbase = (uint32_t)get (area, AREA_SMBASE, 4);
  soft_choose_memory (cpu, cpu->vm->memory);
  cpu->irq_check = TRUE;
  if (!soft_cpu_set_registers (cpu, state, NULL))
    {
      soft_set_rip (cpu, soft_rip (cpu, insn));
      soft_triple_fault (cpu);
      return;
    }
  cpu->dr[6] = (get (area, AREA_DR6, 8) & 0xe00f) | 0xffff0ff0;
  cpu->dr[7] = (get (area, AREA_DR7, 8) & 0xffff2bff) | 0x400;
  if (get (area, AREA_HALTED, 1) & 1)
    cpu->run_state = CPU_RUN_HALTED;
  soft_set_rip (cpu, state->rip);
  soft_update_mode (cpu);
}
