/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to cpu/kvm: the KVM engine (Linux: Documentation/virt/kvm/api.rst).
 *
 * Threads: one a virtual processor.  `mutex` protects run control; slots change under the VM lock.
 */
#pragma once

#include "cpu/engine.h"
#include "cpu/hyperv.h"

#include <linux/kvm.h>
#include <pthread.h>

G_BEGIN_DECLS

typedef struct KvmEngine KvmEngine;

typedef struct
{
  KvmEngine *engine;
  unsigned index;
  int fd;
  struct kvm_run *run;
  size_t run_size;
  GThread *gthread;
  pthread_t thread;
  gboolean thread_known; /* atomic: `thread` is valid */
  gboolean in_guest;     /* atomic: in KVM_RUN, or about to be */
  gboolean in_run;       /* under the engine's mutex: executing guest code or an exit */
  gboolean stopped;      /* crashed or shut down: waits for a reset */
  gboolean nmi_wanted;   /* atomic: KVM_NMI is to be asked for, by this thread */
  gboolean handed; /* the thread's: KVM_INTERRUPT has passed a vector that no entry may have taken yet */
  /* While the machine's clock stands: IA32_TSC_DEADLINE, and the current count of the local APIC's timer in its other modes; 0:
   * none. */
  uint64_t deadline;
  uint32_t count;
  gboolean count_told; /* the timer's vector was in IRR */
  uint64_t exits;      /* atomic, written by the thread: so often has KVM_RUN come back with work */
  /* Engine.debug as it is for this one.  `debug_stopped`: it has met something, and stands until it is resumed. */
  gboolean debug_step, debug_stands, debug_stopped, debug_met;
  uint32_t debug_control;
  AccessCache memory, ports;
  CpuState *initial;
} KvmVcpu;

typedef struct
{
  gboolean used;
  uint64_t base, size, offset;
  Region *region; /* referenced */
  gboolean readonly, log;
} KvmSlot;

struct KvmEngine
{
  Engine engine;
  int kvm_fd, vm_fd;
  KvmVcpu *vcpus;
  unsigned n_vcpus;

  GMutex mutex;
  GCond cond;
  gboolean run, quit; /* run control; atomic reads on the way */
  gboolean held;      /* atomic; cleared under the mutex: nobody enters the guest, though `run` may be set */
  gboolean hold;      /* memory slots change: no processor enters KVM_RUN; atomic reads on the way */

  gint intr; /* INTR of the 8259 pair; atomic */
  KvmSlot *slots;
  unsigned n_slots;
  GArray *doorbells;    /* kvm-doorbells.c */
  uint32_t debug_flags; /* KVM_GUESTDBG_BLOCKIRQ where the kernel has it */
  struct kvm_irq_routing *routing;
  /* While the machine's clock stands: kvmclock in ns, and the first processor's time stamp counter. */
  uint64_t clock, tsc;
  gboolean clock_known, tsc_known;
  struct kvm_cpuid2 *cpuid; /* of the first processor */
  HypervParts hyperv;       /* what of Hyper-V the guest finds */
  uint32_t *msr_list;       /* what is saved, of what this kernel has */
  unsigned n_msrs;
};

/* kvm-slots.c */
extern const AddressSpaceListener kvm_slots_listener;
void kvm_slots_free (KvmEngine *kvm);

/* kvm-doorbells.c */
void kvm_doorbells_init (KvmEngine *kvm);
void kvm_doorbells_free (KvmEngine *kvm);

/* kvm-state.c */
gboolean kvm_get_state (Engine *engine, unsigned n, CpuState *state);
gboolean kvm_set_state (Engine *engine, unsigned n, const CpuState *state);
void kvm_list_msrs (KvmEngine *kvm);
/* Without MSR_IA32_TSC, which goes on over a reset. */
gboolean kvm_restore_state (KvmVcpu *vcpu, const CpuState *state, gboolean with_tsc);
/* KVM_GET_MSRS or KVM_SET_MSRS; steps over those that the kernel refuses and then returns FALSE. */
gboolean kvm_transfer_msrs (KvmVcpu *vcpu, unsigned long request, CpuMsr *msrs, unsigned n);

/* kvm_restore_state() without what programs don't have. */
gboolean kvm_set_registers (Engine *engine, unsigned n, const CpuState *state);

/* kvm-debug.c */
gboolean kvm_debug_changed (Engine *engine, GError **error);
/* KVM_EXIT_DEBUG; the processor's thread. */
void kvm_debug_exit (KvmVcpu *vcpu);
/* Paused. */
void kvm_debug_resume (KvmVcpu *vcpu);
static inline gboolean
kvm_vcpu_stands (const KvmVcpu *vcpu)
{
  return vcpu->stopped || vcpu->debug_stopped || vcpu->debug_stands;
}

/* kvm-clock.c: processors paused. */
void kvm_clock_stop (KvmEngine *kvm);
void kvm_clock_start (KvmEngine *kvm, int64_t missed);
/* The local APIC's registers as they were when the clock stopped. */
void kvm_clock_put_count (const KvmVcpu *vcpu, uint8_t *apic);
/* Of the first processor's time stamp counter; 0: the kernel doesn't say. */
uint32_t kvm_clock_khz (const KvmEngine *kvm);
/* Before the state of processor `n` is restored from a saved machine. */
void kvm_clock_loaded (KvmEngine *kvm, unsigned n, const CpuState *state);

/* kvm-cpuid.c */
/* Of the first processor; zeroes: none. */
void kvm_get_cpuid (const KvmEngine *kvm, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
gboolean kvm_set_cpuid (KvmVcpu *vcpu, const EngineConfig *config, GError **error);

/* kvm-hyperv.c */
/* Where the definition asks for it, the leaves that this kernel can stand for, KVM's own behind them; `most`: entries of `cpuid`. */
void kvm_hyperv_add (KvmVcpu *vcpu, const EngineConfig *config, struct kvm_cpuid2 *cpuid, unsigned most);
/* The n-th MSR of it that a machine's state needs; FALSE: that was the last one. */
gboolean kvm_hyperv_msr (const KvmEngine *kvm, unsigned n, uint32_t *index);
/* KVM_EXIT_HYPERV; the processor's thread. */
void kvm_hyperv_exit (KvmVcpu *vcpu);

/* kvm-probe.c: opens /dev/kvm; an error says what is missing and how to mend it. */
int kvm_open (GError **error);

/* kvm-run.c */
gpointer kvm_vcpu_thread (gpointer data);
void kvm_vcpu_kick (KvmVcpu *vcpu);
/* Keeps all processors out of the guest from one to the other; those that serve an exit go on with that.  VM lock held. */
void kvm_hold (KvmEngine *kvm);
void kvm_release (KvmEngine *kvm);
void kvm_kick_init (void);

G_END_DECLS
