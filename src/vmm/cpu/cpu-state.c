/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Architectural processor state: table, reset values and crash report.
 */
#define G_LOG_DOMAIN "cpu"

#include "cpu/cpu-state.h"

#include "core/vm.h"

#include <string.h>

enum
{
  CR0_PE = 1u << 0,
  CR0_ET = 1u << 4,
  CR0_NW = 1u << 29,
  CR0_CD = 1u << 30,
  CR0_PG = 1u << 31,
  CR4_PAE = 1u << 5,
  RFLAGS_VM = 1u << 17,
  EFER_LME = 1u << 8,
  EFER_LMA = 1u << 10,
  PTE_P = 1u << 0,
};

/* Of a present entry, whatever the width of physical addresses: volume 3, table 4-8. */
#define PDPTE_RESERVED 0xfff00000000001e6ULL

static const StateField segment_fields[]
    = { STATE_U16 (CpuSegment, selector), STATE_U16 (CpuSegment, attributes), STATE_U32 (CpuSegment, limit),
        STATE_U64 (CpuSegment, base), STATE_END };

static const StateField msr_fields[] = { STATE_U32 (CpuMsr, index), STATE_U64 (CpuMsr, value), STATE_END };

const StateField cpu_state_fields[] = { STATE_U64_ARRAY (CpuState, gpr),
                                        STATE_U64 (CpuState, rip),
                                        STATE_U64 (CpuState, rflags),
                                        STATE_STRUCTS (CpuState, segment, CpuSegment, segment_fields),
                                        STATE_U64 (CpuState, gdt_base),
                                        STATE_U64 (CpuState, idt_base),
                                        STATE_U32_MAX (CpuState, gdt_limit, 0xffff),
                                        STATE_U32_MAX (CpuState, idt_limit, 0xffff),
                                        STATE_U64 (CpuState, cr0),
                                        STATE_U64 (CpuState, cr2),
                                        STATE_U64 (CpuState, cr3),
                                        STATE_U64 (CpuState, cr4),
                                        STATE_U64_MAX (CpuState, cr8, 15),
                                        STATE_U64 (CpuState, xcr0),
                                        STATE_U64_ARRAY (CpuState, dr),
                                        STATE_U64 (CpuState, efer),
                                        STATE_U64 (CpuState, apic_base),
                                        STATE_U32_MAX (CpuState, n_msrs, CPU_MAX_MSRS),
                                        STATE_STRUCTS (CpuState, msr, CpuMsr, msr_fields),
                                        STATE_U8_ARRAY (CpuState, xsave),
                                        STATE_U8_ARRAY (CpuState, apic),
                                        STATE_U32_MAX (CpuState, run_state, CPU_RUN_WAIT_SIPI),
                                        STATE_U32_MAX (CpuState, interrupt_shadow, 2),
                                        STATE_U32_MAX (CpuState, nmi_masked, 1),
                                        STATE_U32_MAX (CpuState, nmi_pending, 1),
                                        STATE_U32 (CpuState, injected_vector),
                                        STATE_U32_MAX (CpuState, injected_type, 4),
                                        STATE_U32 (CpuState, injected_error),
                                        STATE_U32_MAX (CpuState, injected_has_error, 1),
                                        STATE_ADDED,
                                        STATE_U64 (CpuState, paravirtual_clock),
                                        STATE_U32_MAX (CpuState, init_pending, 1),
                                        STATE_U32_MAX (CpuState, sipi_pending, 0x1ff),
                                        STATE_U32_MAX (CpuState, debug_pending, 0xffff),
                                        STATE_U32_MAX (CpuState, extint_pending, 1),
                                        STATE_U32_MAX (CpuState, apic_errors, 0xff),
                                        STATE_U64_ARRAY (CpuState, pdpte),
                                        STATE_U32_MAX (CpuState, pdptes_known, 1),
                                        STATE_U32 (CpuState, smbase),
                                        STATE_U32_MAX (CpuState, in_smm, 1),
                                        STATE_U32_MAX (CpuState, smi_pending, 1),
                                        STATE_U32_MAX (CpuState, smm_nmi_masked, 1),
                                        STATE_OPTIONAL_SINCE (1, 0),
                                        STATE_U32 (CpuState, tsc_khz),
                                        STATE_END };

void
cpu_state_init (CpuState *state, gboolean first)
{
  memset (state, 0, sizeof *state);
  state->rip = 0xfff0;
  state->rflags = 2;
  state->gpr[CPU_RDX] = 0x600; /* family 6 */
  for (unsigned i = CPU_ES; i <= CPU_GS; i++)
    state->segment[i] = (CpuSegment){ .limit = 0xffff, .attributes = 0x93 };
  state->segment[CPU_CS]
      = (CpuSegment){ .selector = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attributes = 0x9b };
  state->segment[CPU_LDTR] = (CpuSegment){ .limit = 0xffff, .attributes = 0x82 };
  state->segment[CPU_TR] = (CpuSegment){ .limit = 0xffff, .attributes = 0x8b };
  state->gdt_limit = state->idt_limit = 0xffff;
  state->cr0 = CR0_ET | CR0_NW | CR0_CD;
  state->dr[6] = 0xffff0ff0;
  state->dr[7] = 0x400;
  state->xcr0 = 1;
  state->apic_base = 0xfee00000 | 1u << 11 | (first ? 1u << 8 : 0);
  state->run_state = first ? CPU_RUN_RUNNING : CPU_RUN_WAIT_INIT;
  /* FCW 0x37f in the legacy area of XSAVE, MXCSR 0x1f80 at 24. */
  state->xsave[0] = 0x7f;
  state->xsave[1] = 0x03;
  state->xsave[24] = 0x80;
  state->xsave[25] = 0x1f;
}

static gboolean
pdptes_reserved (const CpuState *state)
{
  for (unsigned i = 0; state->pdptes_known && i < 4; i++)
    if ((state->pdpte[i] & PTE_P) != 0 && (state->pdpte[i] & PDPTE_RESERVED) != 0)
      return TRUE;
  return FALSE;
}

gboolean
cpu_state_check (const CpuState *state, GError **error)
{
  const char *wrong = NULL;
  /* LMA follows from the other two (volume 3, 4.1.1), and engines make it so whatever the file says. */
  gboolean long_mode
      = (state->efer & EFER_LMA) != 0 || ((state->efer & EFER_LME) != 0 && (state->cr0 & CR0_PG) != 0);

  if ((state->cr0 & CR0_PG) != 0 && (state->cr0 & CR0_PE) == 0)
    wrong = "paging without protection";
  else if ((state->cr0 >> 32) != 0 || (state->cr4 >> 32) != 0)
    wrong = "reserved control register bits";
  else if (long_mode && (state->cr4 & CR4_PAE) == 0)
    wrong = "long mode without PAE";
  else if (long_mode && (state->rflags & RFLAGS_VM) != 0)
    wrong = "virtual 8086 mode in long mode";
  else if (state->run_state > CPU_RUN_WAIT_SIPI || state->interrupt_shadow > 2
           || state->n_msrs > CPU_MAX_MSRS)
    wrong = "numbers beyond their tables";
  else if (pdptes_reserved (state))
    wrong = "reserved bits in page directory pointers";
  if (wrong == NULL)
    return TRUE;
  g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "Saved state is damaged: processor state with %s",
               wrong);
  return FALSE;
}

/* -- Report --------------------------------------------------------------------------------------- */

static void
append_code (Vm *vm, const CpuState *state, GString *out)
{
  uint64_t linear = state->segment[CPU_CS].base + state->rip;

  if (state->efer & EFER_LMA && state->segment[CPU_CS].attributes & 1u << 9)
    linear = state->rip;
  g_string_append (out, "code at RIP:");
  for (unsigned i = 0; i < 16; i++)
    {
      uint64_t physical;
      uint8_t byte;

      if (!cpu_state_translate (vm, state, linear + i, &physical)
          || !address_space_read_memory (vm->memory, physical, &byte, 1))
        {
          g_string_append (out, i == 0 ? " not readable" : " …");
          break;
        }
      g_string_append_printf (out, " %02x", byte);
    }
  g_string_append_c (out, '\n');
}

char *
cpu_state_report (Vm *vm, const CpuState *state, unsigned n, const char *title)
{
  static const char *const gpr[] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                     "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
  static const char *const segments[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR" };
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "%s\nprocessor %u\n", title, n);
  for (unsigned i = 0; i < CPU_N_GPRS; i++)
    g_string_append_printf (out, "%s %016" G_GINT64_MODIFIER "x%s", gpr[i], state->gpr[i],
                            i % 4 == 3 ? "\n" : "  ");
  g_string_append_printf (out, "RIP %016" G_GINT64_MODIFIER "x  RFLAGS %08" G_GINT64_MODIFIER "x  %s\n",
                          state->rip, state->rflags, state->run_state == CPU_RUN_HALTED ? "halted" : "");
  append_code (vm, state, out);
  for (unsigned i = 0; i < CPU_N_SEGMENTS; i++)
    {
      const CpuSegment *s = &state->segment[i];

      g_string_append_printf (out, "%-3s %04x base %016" G_GINT64_MODIFIER "x limit %08x attributes %04x\n",
                              segments[i], s->selector, s->base, s->limit, s->attributes);
    }
  g_string_append_printf (out, "GDT %016" G_GINT64_MODIFIER "x %04x  IDT %016" G_GINT64_MODIFIER "x %04x\n",
                          state->gdt_base, state->gdt_limit, state->idt_base, state->idt_limit);
  g_string_append_printf (out,
                          "CR0 %08" G_GINT64_MODIFIER "x  CR2 %016" G_GINT64_MODIFIER
                          "x  CR3 %016" G_GINT64_MODIFIER "x  CR4 %08" G_GINT64_MODIFIER
                          "x  EFER %04" G_GINT64_MODIFIER "x\n",
                          state->cr0, state->cr2, state->cr3, state->cr4, state->efer);
  return g_string_free (out, FALSE);
}
