/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hardware task switches (SDM volume 3, chapter 7).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

/* Offsets in the 32-bit and the 16-bit TSS. */
enum
{
  TSS32_LINK = 0,
  TSS32_CR3 = 0x1c,
  TSS32_EIP = 0x20,
  TSS32_EFLAGS = 0x24,
  TSS32_GPR = 0x28,
  TSS32_SEGMENT = 0x48,
  TSS32_LDT = 0x60,
  TSS32_TRAP = 0x64,
  TSS32_SIZE = 0x68,
  TSS16_IP = 0x0e,
  TSS16_FLAGS = 0x10,
  TSS16_GPR = 0x12,
  TSS16_SEGMENT = 0x22,
  TSS16_LDT = 0x2a,
  TSS16_SIZE = 0x2c,
};

typedef struct
{
  uint32_t cr3, eip, eflags, gpr[8];
  uint16_t segment[6], ldt;
  gboolean trap;
} TaskState;

static void
read_state (SoftCpu *cpu, const SoftInsn *insn, uint64_t base, gboolean wide, TaskState *t)
{
  memset (t, 0, sizeof *t);
  if (wide)
    {
      t->cr3 = (uint32_t)soft_system_read (cpu, insn, base + TSS32_CR3, 4);
      t->eip = (uint32_t)soft_system_read (cpu, insn, base + TSS32_EIP, 4);
      t->eflags = (uint32_t)soft_system_read (cpu, insn, base + TSS32_EFLAGS, 4);
      for (unsigned i = 0; i < 8; i++)
        t->gpr[i] = (uint32_t)soft_system_read (cpu, insn, base + TSS32_GPR + i * 4, 4);
      for (unsigned i = 0; i < 6; i++)
        t->segment[i] = (uint16_t)soft_system_read (cpu, insn, base + TSS32_SEGMENT + i * 4, 2);
      t->ldt = (uint16_t)soft_system_read (cpu, insn, base + TSS32_LDT, 2);
      t->trap = (soft_system_read (cpu, insn, base + TSS32_TRAP, 2) & 1) != 0;
    }
  else
    {
      t->eip = (uint32_t)soft_system_read (cpu, insn, base + TSS16_IP, 2);
      t->eflags = (uint32_t)soft_system_read (cpu, insn, base + TSS16_FLAGS, 2);
      for (unsigned i = 0; i < 8; i++)
        t->gpr[i] = (uint32_t)soft_system_read (cpu, insn, base + TSS16_GPR + i * 2, 2) | 0xffff0000u;
      for (unsigned i = 0; i < 4; i++)
        t->segment[i] = (uint16_t)soft_system_read (cpu, insn, base + TSS16_SEGMENT + i * 2, 2);
      t->ldt = (uint16_t)soft_system_read (cpu, insn, base + TSS16_LDT, 2);
    }
}

static void
write_state (SoftCpu *cpu, const SoftInsn *insn, uint64_t base, gboolean wide, uint32_t eip, uint32_t eflags)
{
  if (wide)
    {
      soft_system_write (cpu, insn, base + TSS32_EIP, eip, 4);
      soft_system_write (cpu, insn, base + TSS32_EFLAGS, eflags, 4);
      for (unsigned i = 0; i < 8; i++)
        soft_system_write (cpu, insn, base + TSS32_GPR + i * 4, cpu->reg[i], 4);
      for (unsigned i = 0; i < 6; i++)
        soft_system_write (cpu, insn, base + TSS32_SEGMENT + i * 4, cpu->segment[i].selector, 2);
    }
  else
    {
      soft_system_write (cpu, insn, base + TSS16_IP, eip, 2);
      soft_system_write (cpu, insn, base + TSS16_FLAGS, eflags, 2);
      for (unsigned i = 0; i < 8; i++)
        soft_system_write (cpu, insn, base + TSS16_GPR + i * 2, cpu->reg[i], 2);
      for (unsigned i = 0; i < 4; i++)
        soft_system_write (cpu, insn, base + TSS16_SEGMENT + i * 2, cpu->segment[i].selector, 2);
    }
}

static void
set_busy (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, gboolean busy)
{
  soft_system_change_bits (cpu, insn, soft_descriptor_address (cpu, selector) + 5, SYS_TSS_BIT_BUSY,
                           busy ? SYS_TSS_BIT_BUSY : 0);
}

/* In the new task: its LDT and segments.  Faults are #TS of the new task. */
static void
load_segments (SoftCpu *cpu, const TaskState *t)
{
  CpuSegment segment;
  SoftDescriptor d;
  uint32_t error = t->ldt & 0xfffc;
  unsigned cpl = t->segment[CPU_CS] & 3;

  if (error != 0)
    {
      if ((t->ldt & 4) != 0 || !soft_read_descriptor (cpu, NULL, t->ldt, &d))
        soft_raise_error (cpu, NULL, EXC_TS, error);
      soft_parse_descriptor (&d, t->ldt, &segment);
      if ((segment.attributes & (SEG_S | SEG_TYPE)) != SYS_LDT || (segment.attributes & SEG_P) == 0)
        soft_raise_error (cpu, NULL, EXC_TS, error);
      cpu->segment[CPU_LDTR] = segment;
    }
  if (t->eflags & FLAG_VM)
    {
      soft_set_cpl (cpu, 3);
      for (unsigned i = 0; i < 6; i++)
        soft_load_real_segment (cpu, i, t->segment[i]);
      soft_update_mode (cpu);
      return;
    }

  error = t->segment[CPU_CS] & 0xfffc;
  if (error == 0 || !soft_read_descriptor (cpu, NULL, t->segment[CPU_CS], &d))
    soft_raise_error (cpu, NULL, EXC_TS, error);
  soft_parse_descriptor (&d, t->segment[CPU_CS], &segment);
  if ((segment.attributes & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE)
      || ((segment.attributes & SEG_DOWN) != 0 ? soft_dpl (segment.attributes) > cpl
                                               : soft_dpl (segment.attributes) != cpl))
    soft_raise_error (cpu, NULL, EXC_TS, error);
  if ((segment.attributes & SEG_P) == 0)
    soft_raise_error (cpu, NULL, EXC_NP, error);
  soft_mark_accessed (cpu, NULL, &segment);
  soft_set_cpl (cpu, cpl);
  cpu->segment[CPU_CS] = segment;
  soft_update_mode (cpu);

  soft_check_stack_segment (cpu, NULL, t->segment[CPU_SS], cpl, EXC_TS, &segment);
  soft_mark_accessed (cpu, NULL, &segment);
  cpu->segment[CPU_SS] = segment;

  for (unsigned i = 0; i < 6; i++)
    {
      uint16_t selector = t->segment[i];

      if (i == CPU_CS || i == CPU_SS || (selector & 0xfffc) == 0)
        continue;
      error = selector & 0xfffc;
      if (!soft_read_descriptor (cpu, NULL, selector, &d))
        soft_raise_error (cpu, NULL, EXC_TS, error);
      soft_parse_descriptor (&d, selector, &segment);
      if ((segment.attributes & SEG_S) == 0 || (segment.attributes & (SEG_CODE | SEG_WRITABLE)) == SEG_CODE)
        soft_raise_error (cpu, NULL, EXC_TS, error);
      if ((segment.attributes & (SEG_CODE | SEG_DOWN)) != (SEG_CODE | SEG_DOWN)
          && (soft_dpl (segment.attributes) < (selector & 3u) || soft_dpl (segment.attributes) < cpl))
        soft_raise_error (cpu, NULL, EXC_TS, error);
      if ((segment.attributes & SEG_P) == 0)
        soft_raise_error (cpu, NULL, EXC_NP, error);
      soft_mark_accessed (cpu, NULL, &segment);
      cpu->segment[i] = segment;
    }
  soft_update_mode (cpu);
  soft_check_rip (cpu, NULL, &cpu->segment[CPU_CS], t->eip);
}

void
soft_task_switch (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, SoftTaskSwitch how, uint64_t rip)
{
  uint32_t error = selector & 0xfffc, eflags = soft_get_eflags (cpu);
  unsigned wrong = how == SOFT_TASK_IRET ? EXC_TS : EXC_GP, type;
  CpuSegment tss, old = cpu->segment[CPU_TR];
  gboolean wide, old_wide = (old.attributes & 8) != 0;
  SoftDescriptor d;
  TaskState t;

  if (error == 0 || (selector & 4) != 0 || !soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, wrong, error);
  soft_parse_descriptor (&d, selector, &tss);
  type = tss.attributes & (SEG_S | SEG_TYPE);
  if (how == SOFT_TASK_IRET ? type != SYS_TSS_BUSY && type != SYS_TSS16_BUSY
                            : type != SYS_TSS && type != SYS_TSS16)
    soft_raise_error (cpu, insn, wrong, error);
  if ((tss.attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  wide = (type & 8) != 0;
  if (tss.limit < (wide ? TSS32_SIZE : TSS16_SIZE) - 1u)
    soft_raise_error (cpu, insn, EXC_TS, error);

  /* Every access that may fault, before anything is changed. */
  soft_system_probe_write (cpu, insn, old.base, old_wide ? TSS32_SIZE : TSS16_SIZE);
  if (how == SOFT_TASK_CALL)
    soft_system_probe_write (cpu, insn, tss.base, 2);
  read_state (cpu, insn, tss.base, wide, &t);

  if (how == SOFT_TASK_IRET)
    eflags &= ~(uint32_t)FLAG_NT;
  if (how != SOFT_TASK_CALL)
    set_busy (cpu, insn, old.selector, FALSE);
  write_state (cpu, insn, old.base, old_wide, (uint32_t)rip, eflags);
  if (how == SOFT_TASK_CALL)
    {
      soft_system_write (cpu, insn, tss.base, old.selector, 2);
      t.eflags |= FLAG_NT;
    }
  if (how != SOFT_TASK_IRET)
    set_busy (cpu, insn, selector, TRUE);

  /* From here on all happens in the new task. */
  tss.attributes |= 2;
  cpu->segment[CPU_TR] = tss;
  cpu->cr0 |= CR0_TS;
  cpu->dr[7] &= ~(uint64_t)0x155; /* local breakpoints and LE */
  if (wide && (cpu->cr0 & CR0_PG) != 0)
    {
      cpu->cr3 = t.cr3;
      if ((cpu->cr4 & CR4_PAE) != 0)
        soft_load_pdptes (cpu, t.cr3);
      soft_tlb_flush_local (cpu);
    }
  cpu->eflags = 0;
  soft_set_eflags (cpu, wide ? t.eflags : t.eflags & 0xffff, ~(uint32_t)0);
  for (unsigned i = 0; i < 8; i++)
    cpu->reg[i] = t.gpr[i];
  cpu->segment[CPU_LDTR] = (CpuSegment){ .selector = t.ldt };
  for (unsigned i = 0; i < 6; i++)
    cpu->segment[i] = (CpuSegment){ .selector = t.segment[i] };
  soft_set_rip (cpu, t.eip);
  load_segments (cpu, &t);
  if (t.trap)
    cpu->pending_db |= 1u << 15; /* BT */
}
