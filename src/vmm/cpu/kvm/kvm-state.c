/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Architectural state between KVM and CpuState.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define MSR_IA32_TSC          0x10u
#define MSR_IA32_TSC_DEADLINE 0x6e0u

/* What a machine's state needs of the MSRs that a kernel lists: SDM volume 4; Documentation/virt/kvm/x86/msr.rst. */
static const uint32_t wanted_msrs[] = {
  MSR_IA32_TSC,
  0x174,
  0x175,
  0x176, /* SYSENTER */
  0x1a0,
  0x277,
  0x2ff,
  0x250,
  0x258,
  0x259, /* MISC_ENABLE, PAT, MTRR default and fixed */
  0x268,
  0x269,
  0x26a,
  0x26b,
  0x26c,
  0x26d,
  0x26e,
  0x26f,
  0x200,
  0x201,
  0x202,
  0x203,
  0x204,
  0x205,
  0x206,
  0x207, /* MTRR variable */
  0x208,
  0x209,
  0x20a,
  0x20b,
  0x20c,
  0x20d,
  0x20e,
  0x20f,
  0xc0000081,
  0xc0000082,
  0xc0000083,
  0xc0000084,
  0xc0000102, /* STAR, LSTAR, CSTAR, FMASK, KERNEL_GS_BASE */
  0xc0000103,
  0x3b,
  0x48,
  0x17a,
  0x17b,
  0x9e,
  MSR_IA32_TSC_DEADLINE, /* TSC_AUX, TSC_ADJUST, SPEC_CTRL, MCG, deadline */
  0x11,
  0x12,
  0x4b564d00,
  0x4b564d01, /* KVM's clock, by its old and its new numbers */
  0x4b564d06, /* asynchronous page faults: the vector before what enables it */
  0x4b564d02,
  0x4b564d03,
  0x4b564d04,
  0x4b564d05,
  0x4b564d08, /* steal time, EOI, polling, migration control */
};

void
kvm_list_msrs (KvmEngine *kvm)
{
  struct kvm_msr_list probe = { 0 };
  g_autofree struct kvm_msr_list *list = NULL;
  uint32_t hyperv;

  G_STATIC_ASSERT (G_N_ELEMENTS (wanted_msrs) <= CPU_MAX_MSRS);

  kvm->msr_list = g_new0 (uint32_t, CPU_MAX_MSRS);
  (void)ioctl (kvm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe);
  list = g_malloc0 (sizeof *list + probe.nmsrs * sizeof (uint32_t));
  list->nmsrs = probe.nmsrs;
  if (ioctl (kvm->kvm_fd, KVM_GET_MSR_INDEX_LIST, list) < 0)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (wanted_msrs); i++)
    {
      gboolean mtrr = wanted_msrs[i] >= 0x200 && wanted_msrs[i] <= 0x2ff;

      /* Kernels don't list the MTRRs and PAT, but have them. */
      for (unsigned j = 0; !mtrr && j < list->nmsrs; j++)
        mtrr = list->indices[j] == wanted_msrs[i];
      if (mtrr)
        kvm->msr_list[kvm->n_msrs++] = wanted_msrs[i];
    }
  for (unsigned i = 0; kvm->n_msrs < CPU_MAX_MSRS && kvm_hyperv_msr (kvm, i, &hyperv); i++)
    for (unsigned j = 0; j < list->nmsrs; j++)
      if (list->indices[j] == hyperv)
        {
          kvm->msr_list[kvm->n_msrs++] = hyperv;
          break;
        }
}

static void
segment_from_kvm (CpuSegment *to, const struct kvm_segment *from)
{
  to->selector = from->selector;
  to->base = from->base;
  to->limit = from->limit;
  to->attributes
      = (uint16_t)(from->type | from->s << 4 | from->dpl << 5 | (from->present && !from->unusable) << 7
                   | from->avl << 8 | from->l << 9 | from->db << 10 | from->g << 11);
}

static void
segment_to_kvm (struct kvm_segment *to, const CpuSegment *from)
{
  memset (to, 0, sizeof *to);
  to->selector = from->selector;
  to->base = from->base;
  to->limit = from->limit;
  to->type = from->attributes & 15;
  to->s = from->attributes >> 4 & 1;
  to->dpl = from->attributes >> 5 & 3;
  to->present = from->attributes >> 7 & 1;
  to->avl = from->attributes >> 8 & 1;
  to->l = from->attributes >> 9 & 1;
  to->db = from->attributes >> 10 & 1;
  to->g = from->attributes >> 11 & 1;
  to->unusable = !to->present;
}

static struct kvm_segment *
kvm_segment_of (struct kvm_sregs *s, unsigned i)
{
  struct kvm_segment *const all[] = { &s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs, &s->ldt, &s->tr };

  return all[i];
}

/* Kernels refuse single MSRs; that is no reason to give the others up: step over each and go on. */
gboolean
kvm_transfer_msrs (KvmVcpu *vcpu, unsigned long request, CpuMsr *msrs, unsigned n)
{
  struct
  {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[CPU_MAX_MSRS];
  } block;
  unsigned done = 0;
  gboolean all = TRUE;

  n = MIN (n, CPU_MAX_MSRS);
  while (done < n)
    {
      int ret;

      memset (&block.head, 0, sizeof block.head);
      block.head.nmsrs = n - done;
      for (unsigned i = done; i < n; i++)
        block.entries[i - done] = (struct kvm_msr_entry){ .index = msrs[i].index, .data = msrs[i].value };
      ret = ioctl (vcpu->fd, request, &block);
      if (ret < 0)
        return FALSE;
      for (int i = 0; request == KVM_GET_MSRS && i < ret; i++)
        msrs[done + (unsigned)i].value = block.entries[i].data;
      done += (unsigned)ret;
      if (done < n)
        {
          g_debug ("MSR %#x is refused by the kernel", msrs[done].index);
          done++;
          all = FALSE;
        }
    }
  return all;
}

/* Before all others but events: the kernel carries out a pending INIT or SIPI here, which changes registers. */
static void
get_mp_state (KvmVcpu *vcpu, CpuState *state)
{
  struct kvm_mp_state mp = { 0 };

  if (ioctl (vcpu->fd, KVM_GET_MP_STATE, &mp) == 0)
    switch (mp.mp_state)
      {
      case KVM_MP_STATE_HALTED:
        state->run_state = CPU_RUN_HALTED;
        break;
      case KVM_MP_STATE_UNINITIALIZED:
        state->run_state = CPU_RUN_WAIT_INIT;
        break;
      case KVM_MP_STATE_INIT_RECEIVED:
        state->run_state = CPU_RUN_WAIT_SIPI;
        break;
      default:
        state->run_state = CPU_RUN_RUNNING;
        break;
      }
}

/* First of all: an exception that the guest has not had yet is handed over as if it were being delivered, and the kernel puts what it
 * tells into DR6 or CR2 only now (a trap after an instruction that left the guest is one).  That is without KVM_CAP_EXCEPTION_PAYLOAD,
 * which we don't ask for; api.rst, 4.31. */
static void
get_events (KvmVcpu *vcpu, CpuState *state)
{
  struct kvm_vcpu_events events = { 0 };

  if (ioctl (vcpu->fd, KVM_GET_VCPU_EVENTS, &events) == 0)
    {
      state->interrupt_shadow = events.interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ? 2
                                : events.interrupt.shadow                           ? 1
                                                                                    : 0;
      state->nmi_masked = events.nmi.masked != 0;
      state->nmi_pending = events.nmi.pending != 0;
      if (events.exception.injected)
        {
          state->injected_vector = 0x80000000u | events.exception.nr;
          state->injected_type = 3;
          state->injected_has_error = events.exception.has_error_code != 0;
          state->injected_error = events.exception.error_code;
        }
      else if (events.interrupt.injected)
        {
          state->injected_vector = 0x80000000u | events.interrupt.nr;
          state->injected_type = events.interrupt.soft ? 4 : 0;
        }
      else if (events.nmi.injected)
        {
          state->injected_vector = 0x80000002u;
          state->injected_type = 2;
        }
    }
}

static void
set_events (KvmVcpu *vcpu, const CpuState *state)
{
  struct kvm_vcpu_events events = { 0 };
  uint8_t vector = (uint8_t)state->injected_vector;

  events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
  events.interrupt.shadow = state->interrupt_shadow == 2   ? KVM_X86_SHADOW_INT_MOV_SS
                            : state->interrupt_shadow == 1 ? KVM_X86_SHADOW_INT_STI
                                                           : 0;
  events.nmi.masked = state->nmi_masked != 0;
  events.nmi.pending = state->nmi_pending != 0;
  if (state->injected_vector & 0x80000000u)
    switch (state->injected_type)
      {
      case 3:
        events.exception.injected = 1;
        events.exception.nr = vector;
        events.exception.has_error_code = state->injected_has_error != 0;
        events.exception.error_code = state->injected_error;
        break;
      case 2:
        events.nmi.injected = 1;
        break;
      default:
        events.interrupt.injected = 1;
        events.interrupt.nr = vector;
        events.interrupt.soft = state->injected_type == 4;
        break;
      }
  if (ioctl (vcpu->fd, KVM_SET_VCPU_EVENTS, &events) < 0)
    g_debug ("processor events: %s", g_strerror (errno));
}

/* Kernels before 5.14 don't tell them, and read them from memory when they are set. */
static void
get_pdptes (KvmVcpu *vcpu, CpuState *state)
{
  struct kvm_sregs2 sregs = { 0 };

  if (ioctl (vcpu->fd, KVM_GET_SREGS2, &sregs) < 0 || (sregs.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) == 0)
    return;
  memcpy (state->pdpte, sregs.pdptrs, sizeof state->pdpte);
  state->pdptes_known = TRUE;
}

static void
set_pdptes (KvmVcpu *vcpu, const CpuState *state)
{
  struct kvm_sregs2 sregs = { 0 };

  /* The kernel says that they are valid where they are paged by. */
  if (!state->pdptes_known || ioctl (vcpu->fd, KVM_GET_SREGS2, &sregs) < 0
      || (sregs.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) == 0)
    return;
  memcpy (sregs.pdptrs, state->pdpte, sizeof state->pdpte);
  if (ioctl (vcpu->fd, KVM_SET_SREGS2, &sregs) < 0)
    g_debug ("page directory pointers: %s", g_strerror (errno));
}

gboolean
kvm_get_state (Engine *engine, unsigned n, CpuState *state)
{
  KvmEngine *kvm = (KvmEngine *)engine;
  KvmVcpu *vcpu = &kvm->vcpus[n];
  struct kvm_regs regs;
  struct kvm_sregs sregs;
  struct kvm_debugregs debug = { 0 };
  struct kvm_xcrs xcrs = { 0 };

  memset (state, 0, sizeof *state);
  get_events (vcpu, state);
  get_mp_state (vcpu, state);
  if (ioctl (vcpu->fd, KVM_GET_REGS, &regs) < 0 || ioctl (vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
    return FALSE;
  {
    const uint64_t gpr[CPU_N_GPRS]
        = { regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi, regs.rdi,
            regs.r8,  regs.r9,  regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15 };

    memcpy (state->gpr, gpr, sizeof gpr);
  }
  state->rip = regs.rip;
  state->rflags = regs.rflags;
  for (unsigned i = 0; i < CPU_N_SEGMENTS; i++)
    segment_from_kvm (&state->segment[i], kvm_segment_of (&sregs, i));
  state->gdt_base = sregs.gdt.base;
  state->gdt_limit = sregs.gdt.limit;
  state->idt_base = sregs.idt.base;
  state->idt_limit = sregs.idt.limit;
  state->cr0 = sregs.cr0;
  state->cr2 = sregs.cr2;
  state->cr3 = sregs.cr3;
  state->cr4 = sregs.cr4;
  state->cr8 = sregs.cr8 & 15;
  state->efer = sregs.efer;
  state->apic_base = sregs.apic_base;
  get_pdptes (vcpu, state);
  if (ioctl (vcpu->fd, KVM_GET_DEBUGREGS, &debug) == 0)
    {
      memcpy (state->dr, debug.db, sizeof debug.db);
      state->dr[6] = debug.dr6;
      state->dr[7] = debug.dr7;
    }
  if (ioctl (vcpu->fd, KVM_GET_XSAVE, state->xsave) < 0)
    g_debug ("XSAVE: %s", g_strerror (errno));
  if (ioctl (vcpu->fd, KVM_GET_XCRS, &xcrs) == 0 && xcrs.nr_xcrs > 0)
    state->xcr0 = xcrs.xcrs[0].value;
  if (ioctl (vcpu->fd, KVM_GET_LAPIC, state->apic) < 0)
    g_debug ("local APIC: %s", g_strerror (errno));
  state->n_msrs = kvm->n_msrs;
  for (unsigned i = 0; i < kvm->n_msrs; i++)
    state->msr[i].index = kvm->msr_list[i];
  kvm_transfer_msrs (vcpu, KVM_GET_MSRS, state->msr, state->n_msrs);
  return TRUE;
}

static gboolean
put_registers (KvmVcpu *vcpu, const CpuState *state)
{
  struct kvm_regs regs = {
    .rax = state->gpr[CPU_RAX],
    .rbx = state->gpr[CPU_RBX],
    .rcx = state->gpr[CPU_RCX],
    .rdx = state->gpr[CPU_RDX],
    .rsi = state->gpr[CPU_RSI],
    .rdi = state->gpr[CPU_RDI],
    .rsp = state->gpr[CPU_RSP],
    .rbp = state->gpr[CPU_RBP],
    .r8 = state->gpr[CPU_R8],
    .r9 = state->gpr[CPU_R9],
    .r10 = state->gpr[CPU_R10],
    .r11 = state->gpr[CPU_R11],
    .r12 = state->gpr[CPU_R12],
    .r13 = state->gpr[CPU_R13],
    .r14 = state->gpr[CPU_R14],
    .r15 = state->gpr[CPU_R15],
    .rip = state->rip,
    .rflags = state->rflags | 2,
  };
  struct kvm_sregs sregs = { 0 };
  gboolean ok;

  for (unsigned i = 0; i < CPU_N_SEGMENTS; i++)
    segment_to_kvm (kvm_segment_of (&sregs, i), &state->segment[i]);
  sregs.gdt.base = state->gdt_base;
  sregs.gdt.limit = (uint16_t)state->gdt_limit;
  sregs.idt.base = state->idt_base;
  sregs.idt.limit = (uint16_t)state->idt_limit;
  sregs.cr0 = state->cr0;
  sregs.cr2 = state->cr2;
  sregs.cr3 = state->cr3;
  sregs.cr4 = state->cr4;
  sregs.cr8 = state->cr8;
  sregs.efer = state->efer;
  sregs.apic_base = state->apic_base;
  ok = ioctl (vcpu->fd, KVM_SET_SREGS, &sregs) == 0;
  set_pdptes (vcpu, state);
  return ioctl (vcpu->fd, KVM_SET_REGS, &regs) == 0 && ok;
}

gboolean
kvm_set_registers (Engine *engine, unsigned n, const CpuState *state)
{
  KvmVcpu *vcpu = &((KvmEngine *)engine)->vcpus[n];

  if (!cpu_state_check (state, NULL) || !put_registers (vcpu, state))
    return FALSE;
  return ioctl (vcpu->fd, KVM_SET_XSAVE, state->xsave) == 0;
}

gboolean
kvm_restore_state (KvmVcpu *vcpu, const CpuState *state, gboolean with_tsc)
{
  struct kvm_debugregs debug = { .dr6 = state->dr[6], .dr7 = state->dr[7] };
  struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
  static const uint32_t mp_states[] = { KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_HALTED,
                                        KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED };
  struct kvm_mp_state mp = { .mp_state = mp_states[MIN (state->run_state, 3)] };
  CpuMsr msrs[CPU_MAX_MSRS], deadline = { 0 };
  unsigned n = 0;
  gboolean ok;

  memcpy (debug.db, state->dr, sizeof debug.db);
  xcrs.xcrs[0].value = state->xcr0 | 1;

  (void)ioctl (vcpu->fd, KVM_SET_MP_STATE, &mp);
  ok = put_registers (vcpu, state);
  (void)ioctl (vcpu->fd, KVM_SET_XCRS, &xcrs);
  ok = ioctl (vcpu->fd, KVM_SET_XSAVE, state->xsave) == 0 && ok;
  (void)ioctl (vcpu->fd, KVM_SET_DEBUGREGS, &debug);
  for (unsigned i = 0; i < MIN (state->n_msrs, CPU_MAX_MSRS); i++)
    if (state->msr[i].index == MSR_IA32_TSC_DEADLINE)
      deadline = state->msr[i];
    else if (with_tsc || state->msr[i].index != MSR_IA32_TSC)
      msrs[n++] = state->msr[i];
  kvm_transfer_msrs (vcpu, KVM_SET_MSRS, msrs, n);
  if (ioctl (vcpu->fd, KVM_SET_LAPIC, state->apic) < 0)
    g_debug ("local APIC: %s", g_strerror (errno));
  /* After the counter by which it is reckoned, and after the APIC, whose timer must be in that mode for the kernel to take it. */
  if (deadline.index != 0)
    kvm_transfer_msrs (vcpu, KVM_SET_MSRS, &deadline, 1);
  set_events (vcpu, state);
  return ok;
}

gboolean
kvm_set_state (Engine *engine, unsigned n, const CpuState *state)
{
  return kvm_restore_state (&((KvmEngine *)engine)->vcpus[n], state, TRUE);
}
