/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The only door to a processor.  An engine owns its threads and its virtual processors, runs guest code against the
 * machine's address spaces, and serves what the machine asks of a processor (VmProcessorOps in core/vm.h).
 * Engines: kvm, soft (software processor), none (no processor; tests).
 *
 * Events an engine reports: a triple fault is vm_request (VM_REQUEST_INIT); what it can't go on from is
 * vm_request (VM_REQUEST_CRASH) with cpu_state_report() as the reason, the processors stopped.
 */
#pragma once

#include "core/vm.h"
#include "cpu/cpu-baseline.h"
#include "cpu/cpu-state.h"
#include "cpu/engine-debug.h"

G_BEGIN_DECLS

typedef struct Engine Engine;

typedef struct
{
  unsigned n_cpus;             /* 1 to 64 */
  const CpuBaseline *baseline; /* what CPUID says, else STATE_ERROR_HOST; NULL: all that there is */
  /* Instructions a second of each, at most; 0: as fast as they are.  The software processor's alone. */
  uint64_t speed;
  gboolean hyperv; /* the guest is to find Hyper-V's interface; KVM's alone, and of it what the kernel has */
  unsigned cores, threads; /* of a package, and of a core; 0: all are cores of one package */
} EngineConfig;

static inline unsigned
engine_threads (const EngineConfig *config)
{
  return MAX (config->threads, 1);
}
/* Processors of a package. */
static inline unsigned
engine_package (const EngineConfig *config)
{
  return config->cores != 0 ? config->cores * engine_threads (config) : MAX (config->n_cpus, 1);
}

typedef struct
{
  const char *name;  /* "kvm", "soft", "none" */
  const char *title; /* for a person, translatable: "KVM", "software processor" */
  /* Creates the virtual processors, paused, in reset state, and connects itself with vm_set_processor() and the
   * address spaces' listeners; fills in the Engine before it starts a thread.  An error says what is missing and how to mend it. */
  Engine *(*create) (Vm *vm, const EngineConfig *config, GError **error);
  /* All processors are paused. */
  void (*free) (Engine *engine);
  /* Architectural state of processor n (0 .. n_cpus - 1), paused. */
  gboolean (*get_state) (Engine *engine, unsigned n, CpuState *state);
  gboolean (*set_state) (Engine *engine, unsigned n, const CpuState *state);
  /* Of these the registers that programs have, control registers, EFER and segments; the rest stays: local APIC, other MSRs, what is pending.
   * FALSE: no processor can be in that state, and nothing has changed.  NULL: none can be set.  Paused. */
  gboolean (*set_registers) (Engine *engine, unsigned n, const CpuState *state);
  /* Engine.debug has changed, all processors are paused.  FALSE with words: the engine can't do it.  NULL: it has no debugging. */
  gboolean (*debug_changed) (Engine *engine, GError **error);
} EngineClass;

struct Engine
{
  const EngineClass *klass;
  Vm *vm;
  EngineConfig config;
  EngineDebug debug; /* changes while all processors are paused */
  EngineStop stop;   /* engine.c */
};

extern const EngineClass kvm_engine_class;
extern const EngineClass soft_engine_class;
extern const EngineClass none_engine_class;

/* What a short measurement found out about /dev/kvm on this host.  Texts are for a person. */
typedef struct
{
  gboolean present; /* the device exists */
  gboolean usable;  /* it can be opened and has what the engine needs */
  gboolean fast;    /* ring-0 guest code runs at hardware speed */
  double mips;  /* of a small loop of ring-0 code with memory and system instructions; millions a second */
  char *detail; /* why, and the way out: "there is no /dev/kvm: …" */
} KvmProbe;
/* A few milliseconds; measured once a process. */
const KvmProbe *kvm_probe (void);

/* How fast a way the software processor has on this host, and why; a sentence for a person, owned by the caller. */
char *soft_engine_detail (void);
/* Before a process is confined: the memory for translated code, which an engine takes.  Costs nothing until then. */
void soft_reserve (void);
/* When the engine is made: if it hasn't taken that, it is gone for good. */
void soft_forgo (void);

/* "auto", "kvm", "software" (or "soft"), "none".  For "auto", picks KVM where the probe says fast, else the software processor.
 * `*why` (owned by the caller) says in a sentence what was chosen and why. */
const EngineClass *engine_choose (const char *wanted, char **why, GError **error);
Engine *engine_new (const EngineClass *klass, Vm *vm, const EngineConfig *config, GError **error);
void engine_free (Engine *engine);

/* -- Debugging ------------------------------------------------------------------------------------ */
/* Device loop, processors paused.  On error what held before holds. */
gboolean engine_set_debug (Engine *engine, const EngineDebug *debug, GError **error);
/* For engines, any thread: the processor stands and begins no other instruction until it is resumed; the machine will be paused.  FALSE: no debugger is
 * there (any more), or it doesn't want to know. */
gboolean engine_debug_stop (Engine *engine, const EngineStop *stop);
/* What was met first since the last call. */
EngineStop engine_take_stop (Engine *engine);

G_END_DECLS
