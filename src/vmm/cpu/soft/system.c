/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * System instructions: control registers, ports, fast system calls, interrupts' flag, halt.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

#define CR0_KNOWN \
  (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

static inline void
privileged (SoftCpu *cpu, const SoftInsn *insn)
{
  if (cpu->cpl != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
}

/* -- Control registers --------------------------------------------------------------------------------------------- */

void
soft_set_cr0 (SoftCpu *cpu, const SoftInsn *insn, uint64_t value)
{
  uint64_t old = cpu->cr0;

  if ((value >> 32) != 0 || ((value & CR0_PG) != 0 && (value & CR0_PE) == 0)
      || ((value & CR0_NW) != 0 && (value & CR0_CD) == 0))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  value = (value & CR0_KNOWN) | CR0_ET;
  if ((value & CR0_PG) != 0 && (old & CR0_PG) == 0)
    {
      if (cpu->efer & EFER_LME)
        {
          if ((cpu->cr4 & CR4_PAE) == 0 || (cpu->segment[CPU_CS].attributes & SEG_L) != 0)
            soft_raise_error (cpu, insn, EXC_GP, 0);
          cpu->efer |= EFER_LMA;
        }
      else if ((cpu->cr4 & CR4_PAE) != 0 && !soft_load_pdptes (cpu, cpu->cr3))
        soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  else if ((value & CR0_PG) == 0 && (old & CR0_PG) != 0)
    {
      if (soft_in_64 (cpu) || (cpu->cr4 & CR4_PCIDE) != 0)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      cpu->efer &= ~(uint64_t)EFER_LMA;
    }
  cpu->cr0 = value;
  if (((old ^ value) & (CR0_PG | CR0_WP | CR0_PE)) != 0)
    soft_tlb_flush (cpu);
  soft_update_mode (cpu);
}

void
soft_set_cr3 (SoftCpu *cpu, const SoftInsn *insn, uint64_t value)
{
  if (soft_in_long (cpu))
    {
      if (cpu->cr4 & CR4_PCIDE)
        value &= ~(1ULL << 63); /* "keep translations": a hint */
      if ((value >> SOFT_PHYSICAL_BITS) != 0)
        soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  else
    {
      value = (uint32_t)value;
      if ((cpu->cr0 & CR0_PG) != 0 && (cpu->cr4 & CR4_PAE) != 0 && !soft_load_pdptes (cpu, value))
        soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  cpu->cr3 = value;
  if (cpu->cr0 & CR0_PG)
    soft_tlb_flush_local (cpu);
}

void
soft_set_cr4 (SoftCpu *cpu, const SoftInsn *insn, uint64_t value)
{
  uint64_t old = cpu->cr4;

  if ((value & ~(uint64_t)SOFT_CR4_KNOWN) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (soft_in_long (cpu) && (value & CR4_PAE) == 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if ((value & CR4_PCIDE) != 0 && (old & CR4_PCIDE) == 0 && (!soft_in_long (cpu) || (cpu->cr3 & 0xfff) != 0))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if ((cpu->cr0 & CR0_PG) != 0 && !soft_in_long (cpu) && (value & CR4_PAE) != 0
      && ((old ^ value) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) != 0 && !soft_load_pdptes (cpu, cpu->cr3))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->cr4 = value;
  if (((old ^ value) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PCIDE)) != 0)
    soft_tlb_flush (cpu);
  soft_update_mode (cpu);
}

void
soft_do_mov_cr (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned n = insn->a;
  uint64_t value;

  privileged (cpu, insn);
  if (insn->lock && n == 0)
    n = 8;
  if ((insn->opcode & 0xff) == 0x20)
    {
      switch (n)
        {
        case 0:
          value = cpu->cr0;
          break;
        case 2:
          value = cpu->cr2;
          break;
        case 3:
          value = cpu->cr3;
          break;
        case 4:
          value = cpu->cr4;
          break;
        default:
          value = soft_apic_get_cr8 (cpu);
          break;
        }
      soft_set_reg (cpu, insn->b, insn->size, value);
      return;
    }
  value = soft_get_reg (cpu, insn->b, insn->size);
  switch (n)
    {
    case 0:
      soft_set_cr0 (cpu, insn, value);
      break;
    case 2:
      cpu->cr2 = value;
      break;
    case 3:
      soft_set_cr3 (cpu, insn, value);
      break;
    case 4:
      soft_set_cr4 (cpu, insn, value);
      break;
    default:
      if (value > 15)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      soft_apic_set_tpr (cpu, (uint32_t)value << 4);
      break;
    }
}

void
soft_do_mov_dr (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((insn->opcode & 0xff) == 0x21)
    soft_set_reg (cpu, insn->b, insn->size, soft_get_dr (cpu, insn, insn->a));
  else
    soft_set_dr (cpu, insn, insn->a, soft_get_reg (cpu, insn->b, insn->size));
}

void
soft_do_clts (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
  cpu->cr0 &= ~(uint64_t)CR0_TS;
  soft_update_mode (cpu);
}

void
soft_do_smsw (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((cpu->cr4 & CR4_UMIP) != 0 && cpu->cpl > 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (insn->mem)
    soft_store16 (cpu, insn, insn->seg, soft_ea (cpu, insn), (uint16_t)cpu->cr0);
  else
    soft_set_reg (cpu, insn->b, insn->size, cpu->cr0);
}

void
soft_do_lmsw (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value;

  privileged (cpu, insn);
  value = soft_rm_read (cpu, insn);
  /* It can't clear PE. */
  soft_set_cr0 (cpu, insn, (cpu->cr0 & ~(uint64_t)0xe) | (value & 0xf));
}

void
soft_do_sgdt (SoftCpu *cpu, const SoftInsn *insn)
{
  gboolean idt = (insn->modrm & 0x38) != 0;
  uint8_t bytes[10];
  uint16_t limit = (uint16_t)(idt ? cpu->idt_limit : cpu->gdt_limit);
  uint64_t base = idt ? cpu->idt_base : cpu->gdt_base;

  if ((cpu->cr4 & CR4_UMIP) != 0 && cpu->cpl > 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  memcpy (bytes, &limit, 2);
  memcpy (bytes + 2, &base, 8);
  soft_store_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), bytes, soft_in_64 (cpu) ? 10 : 6);
}

void
soft_do_lgdt (SoftCpu *cpu, const SoftInsn *insn)
{
  gboolean idt = (insn->modrm & 0x38) == 0x18;
  uint8_t bytes[10] = { 0 };
  uint16_t limit;
  uint64_t base;

  privileged (cpu, insn);
  soft_load_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), bytes, soft_in_64 (cpu) ? 10 : 6);
  memcpy (&limit, bytes, 2);
  memcpy (&base, bytes + 2, 8);
  if (!soft_in_64 (cpu))
    base &= insn->size == 2 ? 0xffffffu : 0xffffffffu;
  else if (!soft_is_canonical (base))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (idt)
    {
      cpu->idt_base = base;
      cpu->idt_limit = limit;
    }
  else
    {
      cpu->gdt_base = base;
      cpu->gdt_limit = limit;
    }
}

void
soft_do_invlpg (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
  soft_tlb_flush_page (cpu, (cpu->check[insn->seg].base + soft_ea (cpu, insn)) & cpu->linear_mask);
}

void
soft_do_invpcid (SoftCpu *cpu, const SoftInsn *insn)
{
  uint8_t bytes[16];
  uint64_t type = soft_get_reg (cpu, insn->a, insn->size), pcid, linear;

  privileged (cpu, insn);
  soft_load_bytes (cpu, insn, insn->seg, soft_ea (cpu, insn), bytes, 16);
  memcpy (&pcid, bytes, 8);
  memcpy (&linear, bytes + 8, 8);
  /* The descriptor's reserved bits count for each type, the address for the first alone. */
  if (type > 3 || pcid > 0xfff || (type < 2 && pcid != 0 && (cpu->cr4 & CR4_PCIDE) == 0)
      || (type == 0 && !soft_is_canonical (linear)))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_tlb_flush (cpu);
}

/* -- Flags ------------------------------------------------------------------------------------------------------------- */

/* CLI and STI: FALSE if IF itself may not be touched but VIF stands in for it (VME, PVI). */
static gboolean
may_touch_if (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned iopl = (cpu->eflags >> 12) & 3;

  if ((cpu->cr0 & CR0_PE) == 0)
    return TRUE;
  if (cpu->eflags & FLAG_VM)
    {
      if (iopl == 3)
        return TRUE;
      if (cpu->cr4 & CR4_VME)
        return FALSE;
    }
  else
    {
      if (cpu->cpl <= iopl)
        return TRUE;
      if (cpu->cpl == 3 && (cpu->cr4 & CR4_PVI) != 0)
        return FALSE;
    }
  soft_raise_error (cpu, insn, EXC_GP, 0);
}

void
soft_do_cli (SoftCpu *cpu, const SoftInsn *insn)
{
  cpu->eflags &= ~(uint32_t)(may_touch_if (cpu, insn) ? FLAG_IF : FLAG_VIF);
}

void
soft_do_sti (SoftCpu *cpu, const SoftInsn *insn)
{
  if (may_touch_if (cpu, insn))
    {
      if ((cpu->eflags & FLAG_IF) == 0)
        cpu->shadow = 1;
      cpu->eflags |= FLAG_IF;
    }
  else
    {
      if (cpu->eflags & FLAG_VIP)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      cpu->eflags |= FLAG_VIF;
    }
}

void
soft_do_clac (SoftCpu *cpu, const SoftInsn *insn)
{
  if (cpu->cpl != 0)
    soft_raise (cpu, insn, EXC_UD);
  soft_set_eflags (cpu, insn->modrm == 0xcb ? FLAG_AC : 0, FLAG_AC);
}

void
soft_do_hlt (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
  cpu->run_state = CPU_RUN_HALTED;
}

/* A processor that waits for another gives it the rest of its slice: they share a thread. */
#define PAUSES_A_YIELD 64

void
soft_do_pause (SoftCpu *cpu, const SoftInsn *insn)
{
  int64_t *left = cpu->holding ? &cpu->held : &cpu->budget;

  if (cpu->beside)
    {
      __builtin_ia32_pause ();
      /* Whoever it waits for may not have a core of the host. */
      if (++cpu->pauses % PAUSES_A_YIELD == 0)
        g_thread_yield ();
      return;
    }
  if (cpu->engine->parent.config.n_cpus > 1 && *left > 0)
    {
      cpu->slice -= *left;
      *left = 0;
    }
}

void
soft_do_monitor (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
  if ((uint32_t)cpu->reg[CPU_RCX] != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_load8 (cpu, insn, insn->seg == CPU_ES ? CPU_DS : insn->seg, cpu->reg[CPU_RAX] & cpu->linear_mask);
}

void
soft_do_mwait (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
}

void
soft_do_wbinvd (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
}

/* -- Ports ----------------------------------------------------------------------------------------------------------------- */

void
soft_port_check (SoftCpu *cpu, const SoftInsn *insn, unsigned port, unsigned size)
{
  const CpuSegment *tr = &cpu->segment[CPU_TR];
  uint32_t map, bits;

  if ((cpu->cr0 & CR0_PE) == 0 || ((cpu->eflags & FLAG_VM) == 0 && cpu->cpl <= ((cpu->eflags >> 12) & 3u)))
    return;
  if ((tr->attributes & SEG_P) == 0 || (tr->attributes & 8) == 0 || tr->limit < 0x67)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  map = (uint32_t)soft_system_read (cpu, insn, tr->base + 0x66, 2);
  if (map + port / 8 + 1 > tr->limit)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  bits = (uint32_t)soft_system_read (cpu, insn, tr->base + map + port / 8, 2);
  if (((bits >> (port & 7)) & ((1u << size) - 1)) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
}

uint32_t
soft_port_in (SoftCpu *cpu, const SoftInsn *insn, unsigned port, unsigned size)
{
  soft_watch_io (cpu, port, size);
  return (uint32_t)address_space_load (cpu->vm->ports, &cpu->port_cache, port, size, cpu->vm_locked);
}

void
soft_port_out (SoftCpu *cpu, const SoftInsn *insn, unsigned port, uint32_t value, unsigned size)
{
  soft_watch_io (cpu, port, size);
  address_space_store (cpu->vm->ports, &cpu->port_cache, port, value, size, cpu->vm_locked);
}

void
soft_do_in (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned port = insn->imm > 0xffff ? SOFT_R16 (cpu, CPU_RDX) : (unsigned)insn->imm;

  soft_port_check (cpu, insn, port, insn->size);
  soft_set_reg (cpu, CPU_RAX, insn->size, soft_port_in (cpu, insn, port, insn->size));
}

void
soft_do_out (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned port = insn->imm > 0xffff ? SOFT_R16 (cpu, CPU_RDX) : (unsigned)insn->imm;

  soft_port_check (cpu, insn, port, insn->size);
  soft_port_out (cpu, insn, port, (uint32_t)soft_get_reg (cpu, CPU_RAX, insn->size), insn->size);
}

/* -- Fast system calls ------------------------------------------------------------------------------------------------------- */

static CpuSegment
flat_code (unsigned selector, unsigned cpl, gboolean is64)
{
  return (CpuSegment){
    .selector = (uint16_t)selector,
    .limit = 0xffffffff,
    .attributes = (uint16_t)(SEG_P | SEG_S | SEG_CODE | SEG_WRITABLE | SEG_ACCESSED | cpl << 5 | SEG_G
                             | (is64 ? SEG_L : SEG_DB)),
  };
}

static CpuSegment
flat_data (unsigned selector, unsigned cpl)
{
  return (CpuSegment){
    .selector = (uint16_t)selector,
    .limit = 0xffffffff,
    .attributes = (uint16_t)(SEG_P | SEG_S | SEG_WRITABLE | SEG_ACCESSED | cpl << 5 | SEG_G | SEG_DB),
  };
}

void
soft_do_syscall (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t next = (soft_rip (cpu, insn) + insn->length) & cpu->rip_mask, target;
  unsigned selector = (cpu->msr.star >> 32) & 0xfffc;

  if ((cpu->efer & EFER_SCE) == 0 || (cpu->cr0 & CR0_PE) == 0 || (cpu->eflags & FLAG_VM) != 0)
    soft_raise (cpu, insn, EXC_UD);
  if (soft_in_long (cpu))
    {
      uint32_t flags = soft_get_eflags (cpu);

      target = soft_in_64 (cpu) ? cpu->msr.lstar : cpu->msr.cstar;
      cpu->reg[CPU_RCX] = next;
      cpu->reg[CPU_R11] = flags & ~(uint32_t)FLAG_RF;
      cpu->segment[CPU_CS] = flat_code (selector, 0, TRUE);
      cpu->segment[CPU_SS] = flat_data (selector + 8, 0);
      soft_set_cpl (cpu, 0);
      soft_set_eflags (cpu, flags & ~(uint32_t)(cpu->msr.fmask | FLAG_RF), ~(uint32_t)0);
      /* TF counts as it is behind SYSCALL, not as it was before: a masked one doesn't trap in the kernel. */
      if ((cpu->eflags & FLAG_TF) == 0)
        cpu->step_db = FALSE;
    }
  else
    {
      target = cpu->msr.star & 0xffffffff;
      cpu->reg[CPU_RCX] = (uint32_t)next;
      cpu->segment[CPU_CS] = flat_code (selector, 0, FALSE);
      cpu->segment[CPU_SS] = flat_data (selector + 8, 0);
      soft_set_cpl (cpu, 0);
      soft_set_eflags (cpu, 0, FLAG_VM | FLAG_IF | FLAG_RF);
    }
  soft_set_rip (cpu, target);
  soft_update_mode (cpu);
}

void
soft_do_sysret (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned selector = (cpu->msr.star >> 48) & 0xffff;

  if ((cpu->efer & EFER_SCE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if ((cpu->cr0 & CR0_PE) == 0 || cpu->cpl != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (soft_in_64 (cpu))
    {
      uint64_t rip = cpu->reg[CPU_RCX];

      if (insn->size == 8)
        {
          if (!soft_is_canonical (rip))
            soft_raise_error (cpu, insn, EXC_GP, 0);
          cpu->segment[CPU_CS] = flat_code ((selector + 16) | 3, 3, TRUE);
        }
      else
        {
          rip = (uint32_t)rip;
          cpu->segment[CPU_CS] = flat_code (selector | 3, 3, FALSE);
        }
      cpu->segment[CPU_SS] = flat_data ((selector + 8) | 3, 3);
      soft_set_cpl (cpu, 3);
      soft_set_eflags (cpu, (uint32_t)cpu->reg[CPU_R11] & ~(uint32_t)(FLAG_RF | FLAG_VM), ~(uint32_t)0);
      /* As with SYSCALL, TF counts as it is now: the trap comes before the program's next instruction. */
      if (cpu->eflags & FLAG_TF)
        cpu->pending_db |= 1u << 14; /* BS */
      else
        cpu->step_db = FALSE;
      soft_set_rip (cpu, rip);
    }
  else
    {
      cpu->segment[CPU_CS] = flat_code (selector | 3, 3, FALSE);
      cpu->segment[CPU_SS] = flat_data ((selector + 8) | 3, 3);
      soft_set_cpl (cpu, 3);
      soft_set_eflags (cpu, FLAG_IF, FLAG_IF);
      soft_set_rip (cpu, (uint32_t)cpu->reg[CPU_RCX]);
    }
  soft_update_mode (cpu);
}

void
soft_do_sysenter (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned selector = (unsigned)cpu->msr.sysenter_cs & 0xfffc;
  gboolean in_long = soft_in_long (cpu);

  if ((cpu->cr0 & CR0_PE) == 0 || selector == 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_set_eflags (cpu, 0, FLAG_VM | FLAG_IF | FLAG_RF);
  cpu->segment[CPU_CS] = flat_code (selector, 0, in_long);
  cpu->segment[CPU_SS] = flat_data (selector + 8, 0);
  soft_set_cpl (cpu, 0);
  cpu->reg[CPU_RSP] = in_long ? cpu->msr.sysenter_esp : (uint32_t)cpu->msr.sysenter_esp;
  soft_set_rip (cpu, in_long ? cpu->msr.sysenter_eip : (uint32_t)cpu->msr.sysenter_eip);
  soft_update_mode (cpu);
}

void
soft_do_sysexit (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned selector = (unsigned)cpu->msr.sysenter_cs & 0xfffc;

  if ((cpu->cr0 & CR0_PE) == 0 || selector == 0 || cpu->cpl != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (insn->size == 8)
    {
      if (!soft_is_canonical (cpu->reg[CPU_RDX]) || !soft_is_canonical (cpu->reg[CPU_RCX]))
        soft_raise_error (cpu, insn, EXC_GP, 0);
      cpu->segment[CPU_CS] = flat_code ((selector + 32) | 3, 3, TRUE);
      cpu->segment[CPU_SS] = flat_data ((selector + 40) | 3, 3);
      cpu->reg[CPU_RSP] = cpu->reg[CPU_RCX];
      soft_set_rip (cpu, cpu->reg[CPU_RDX]);
    }
  else
    {
      cpu->segment[CPU_CS] = flat_code ((selector + 16) | 3, 3, FALSE);
      cpu->segment[CPU_SS] = flat_data ((selector + 24) | 3, 3);
      cpu->reg[CPU_RSP] = (uint32_t)cpu->reg[CPU_RCX];
      soft_set_rip (cpu, (uint32_t)cpu->reg[CPU_RDX]);
    }
  soft_set_cpl (cpu, 3);
  soft_update_mode (cpu);
}

void
soft_do_swapgs (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t base = cpu->segment[CPU_GS].base;

  privileged (cpu, insn);
  cpu->segment[CPU_GS].base = cpu->msr.kernel_gs_base;
  cpu->msr.kernel_gs_base = base;
  cpu->check[CPU_GS].base = cpu->segment[CPU_GS].base;
}

void
soft_do_fsgsbase (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned op = (insn->modrm >> 3) & 7, seg = (op & 1) == 0 ? CPU_FS : CPU_GS;
  uint64_t value;

  if ((cpu->cr4 & CR4_FSGSBASE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if (op < 2)
    {
      soft_set_reg (cpu, insn->b, insn->size, cpu->segment[seg].base);
      return;
    }
  value = soft_get_reg (cpu, insn->b, insn->size);
  if (!soft_is_canonical (value))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->segment[seg].base = value;
  cpu->check[seg].base = value;
}

/* -- Clocks, identification, model specific registers --------------------------------------------------------------------------- */

static void
set_edx_eax (SoftCpu *cpu, uint64_t value)
{
  cpu->reg[CPU_RAX] = (uint32_t)value;
  cpu->reg[CPU_RDX] = value >> 32;
}

void
soft_do_rdtsc (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((cpu->cr4 & CR4_TSD) != 0 && cpu->cpl != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  set_edx_eax (cpu, soft_tsc (cpu));
}

void
soft_do_rdtscp (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_do_rdtsc (cpu, insn);
  cpu->reg[CPU_RCX] = (uint32_t)cpu->msr.tsc_aux;
}

void
soft_do_rdpmc (SoftCpu *cpu, const SoftInsn *insn)
{
  /* The four counters that each processor of this family has, which stand still. */
  if ((cpu->cpl != 0 && (cpu->cr0 & CR0_PE) != 0 && (cpu->cr4 & CR4_PCE) == 0)
      || (uint32_t)cpu->reg[CPU_RCX] > 3)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  set_edx_eax (cpu, 0);
}

void
soft_do_rdmsr (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value;

  privileged (cpu, insn);
  if (!soft_msr_read (cpu, (uint32_t)cpu->reg[CPU_RCX], &value))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  set_edx_eax (cpu, value);
}

void
soft_do_wrmsr (SoftCpu *cpu, const SoftInsn *insn)
{
  privileged (cpu, insn);
  if (!soft_msr_write (cpu, (uint32_t)cpu->reg[CPU_RCX],
                       cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX]))
    soft_raise_error (cpu, insn, EXC_GP, 0);
}

void
soft_do_cpuid (SoftCpu *cpu, const SoftInsn *insn)
{
  uint32_t out[4];

  soft_cpuid (cpu, (uint32_t)cpu->reg[CPU_RAX], (uint32_t)cpu->reg[CPU_RCX], out);
  cpu->reg[CPU_RAX] = out[0];
  cpu->reg[CPU_RBX] = out[1];
  cpu->reg[CPU_RCX] = out[2];
  cpu->reg[CPU_RDX] = out[3];
}
