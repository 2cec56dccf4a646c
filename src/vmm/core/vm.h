/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine: spaces, clock, lock, devices and life cycle.
 *
 * Loops.  A running monitor has two, each a thread that turns a GMainContext (core/loop.h):
 *   the device loop (Vm.context)   timers, completions of block/, serial ports' sockets; carries out orders and requests
 *   the control loop (Vm.control)  the main thread: D-Bus, signals, VNC, frame ticks and the rendering of pictures; gives orders, hears of
 *                                  their end and of the machine's state
 * and those of I/O threads (vm_io_context()), where queues of disks are served and their requests end: they never take the VM lock, so its
 * holder may wait for them.
 * Beside them: a thread a processor (or one for all), block/'s workers, one a VNC client, and one that writes a saved machine while it is
 * under way.  Nothing that control or display do may hold the device loop up for longer than a bounded copy takes: they have the VM
 * lock for registers and bitmaps, never for pixels, files or sockets.  Tests, and machines whose clock is moved by hand, have one
 * context for both loops; then orders are carried out inside the call that gives them, as far as nothing is in flight.
 *
 * Lock order (take downwards only):
 *   1. the VM lock (legacy devices, mappings, timers)
 *   2. the clock's, the requests' and the news' mutex (core/; the requests' is held while processors are told to hold)
 *   3. a device's own lock for what its threads share with its registers
 *   4. interrupts, which any thread raises: a function's lock for messages, the PCI root's for lines; then, as a line runs, those of
 *      the ISA bridge, of the global system interrupts, and of the 8259 pair or the I/O APIC
 *   5. an engine's own locks
 *   6. an address space's publication lock, a region's locks for dirty pages and doorbells
 *   7. block/ and display/ internal locks (never held while they call back)
 * No lock is held while a thread is waited for, but for a paused machine's processors: VmProcessorOps.pause is called without any.
 */
#pragma once

#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"
#include "core/lock.h"
#include "core/memory.h"

G_BEGIN_DECLS

typedef enum
{
  VM_STATE_STARTING,
  VM_STATE_RUNNING,
  VM_STATE_PAUSING, /* stands still, but requests of its devices are in flight; orders wait */
  VM_STATE_PAUSED,
  VM_STATE_CRASHED, /* the processor can't go on; see vm_state_reason() */
  VM_STATE_STOPPED, /* powered off; the process is about to end */
} VmState;

typedef enum
{
  VM_REQUEST_RESET,
  VM_REQUEST_POWER_OFF,
  VM_REQUEST_CRASH,
  VM_REQUEST_PAUSE, /* something outside of the guest must be put right first; see the reason */
  VM_REQUEST_DEBUG, /* a debugger's: pauses, with no line in the log; no processor gets further meanwhile */
  /* The INIT line alone, as a triple fault, the keyboard controller and port 0x92 pull it on a PC: resets the processors and
   * leaves memory and devices as they are if the firmware will go on where the guest told it to (`vm->firmware_resumes`);
   * otherwise firmware would start the machine anew, and gets it reset. */
  VM_REQUEST_INIT,
  VM_REQUEST_SLEEP, /* `vm->asleep` was set: stops the processors */
  VM_REQUEST_WAKE,  /* `vm->asleep` was cleared: resets the processors and lets them run */
  VM_N_REQUESTS,
} VmRequest;

/* vm_state_reason() of a machine that runs while its guest sleeps. */
#define VM_REASON_ASLEEP "the guest sleeps (suspended to RAM); a key or the power button wakes it"

/* What the rest of the machine asks of a processor.  cpu/engine.h implements it. */
typedef struct
{
  void (*resume) (void *opaque); /* let the processors run; VM lock held */
  void (*pause) (void *opaque);  /* returns when none runs; called WITHOUT the VM lock */
  void (*reset) (void *opaque);  /* paused */
  /* Called inside an instruction that switches the machine off, resets it or sends it to sleep: on hardware the next one isn't
   * reached.  The processor that carries it out begins no other one until `release`, even if it is resumed.  Any thread, VM lock
   * held or not; with nothing running there is nothing to do.  Both may be NULL. */
  void (*hold) (void *opaque);
  void (*release) (void *opaque);
  /* The machine's clock stops and starts again: clocks that the processors have of their own (time stamp counter,
   * paravirtual ones) do the same.  Paused, VM lock held.  May be NULL. */
  void (*clock_stop) (void *opaque);
  void (*clock_start) (void *opaque, int64_t missed); /* ns by which a clock that shows the time goes ahead */
  /* INTR of the 8259 pair, wired to LINT0 of the first processor. */
  void (*set_intr) (void *opaque, gboolean level);
  void (*nmi) (void *opaque);
  /* A system-management interrupt: of all processors, or of the one that the calling thread runs, whose instruction asked for it (the first
   * one if it runs none).  Any thread.  NULL: there is no system-management mode. */
  void (*smi) (void *opaque, gboolean all);
  /* Whether the instruction that the calling thread carries out is in that mode; FALSE where it carries out none.  Together with `smi`. */
  gboolean (*in_smm) (void *opaque);
  /* An interrupt message, from MSI or from the IOAPIC: address 0xfee..... and data. Any thread. */
  void (*msi) (void *opaque, uint64_t address, uint32_t data);
  /* The IOAPIC's redirection entry `pin` as message, so that the engine knows which vectors want an end of
   * interrupt; `active` is FALSE for a masked or edge-triggered entry.  May be NULL. */
  void (*ioapic_route) (void *opaque, unsigned pin, gboolean active, uint64_t address, uint32_t data);
  /* How often the processors have left the guest so far, which grows while the guest does anything that a device sees.  Any thread.
   * May be NULL. */
  uint64_t (*exits) (void *opaque);
  /* What CPUID says on the first processor: EAX, EBX, ECX, EDX.  May be NULL. */
  void (*cpuid) (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
  /* What CPUID says, for the file, and whether this processor has all that the file's had, in which case the guest goes on to see
   * that where the engine can show it; else an error names what is missing.  Before `load`, paused.  Both may be NULL. */
  void (*save_model) (void *opaque, GByteArray *out);
  gboolean (*load_model) (void *opaque, unsigned version, const uint8_t *data, size_t length, GError **error);
  /* State of all processors: saved and loaded in section "cpuN".  Paused. */
  void (*save) (void *opaque, unsigned n, GByteArray *out);
  gboolean (*load) (void *opaque, unsigned n, const uint8_t *data, size_t length, GError **error);
  /* RAM in small pages makes the guest much slower: the host is asked for huge ones. */
  gboolean wants_huge_pages;
} VmProcessorOps;

/* Control loop, VM lock NOT held. */
typedef void (*VmStateFunc) (Vm *vm, VmState state, void *opaque);
/* An order was carried out, or refused: `error` says why, for a person.  Called once for each order: vm_free() does it for those that wait
 * still, with G_IO_ERROR_CANCELLED, and `vm` is then good for nothing.  Control loop, VM lock NOT held. */
typedef void (*VmDoneFunc) (Vm *vm, const GError *error, void *opaque);

struct Vm
{
  AddressSpace *memory;     /* 52 bits of physical addresses */
  AddressSpace *smm_memory; /* over it: what a chipset shows to system-management mode alone (SMRAM) */
  AddressSpace *ports;      /* 65536 */
  VmClock *clock;
  GMainContext *context; /* of the device loop */
  GMainContext *control; /* of the control loop; may be the same */
  VmLock lock;
  GPtrArray *devices; /* in order of creation; owned */
  GPtrArray *rams;    /* Region *, saved with the machine, in order of registration */
  unsigned n_cpus;

  /* The interrupt controllers' side, set by the 8259 and the IOAPIC; called with the VM lock held. */
  int (*intack) (void *opaque); /* vector of the 8259 pair, as on INTA */
  void *intack_opaque;
  void (*eoi) (void *opaque,
               unsigned vector); /* a local APIC ended a level-triggered vector, or one of these: */
  void *eoi_opaque;
  uint32_t eoi_edges[8]; /* a bit a vector; set by the IOAPIC, words read atomically */

  /* Set by the owner of the AT's shutdown byte; device loop, VM lock held.  NULL: never. */
  gboolean (*firmware_resumes) (void *opaque);
  void *firmware_resumes_opaque;

  /* machine.clock-policy: the guest gets the time of a pause afterwards; see DeviceClass.missed. */
  gboolean catch_up;

  /* The guest sleeps (suspend to RAM): processors stand still, memory, devices and the clock go on.  Under the VM lock; power
   * management's, which also saves it.  See vm_wake(). */
  gboolean asleep;
  void (*wake) (void *opaque, const char *reason);
  void *wake_opaque;

  /* A debugger's wish: a reset that the guest causes leaves the machine paused before its first instruction.  Device loop. */
  gboolean stop_at_reset;
  gboolean debugger; /* there is one: VM_REQUEST_DEBUG counts.  Device loop */

  /* FERR#: a processor with CR0.NE clear raises it at an unmasked x87 exception; VM lock held. */
  IrqLine ferr;

  const VmProcessorOps *processor;
  void *processor_opaque;
  struct VmPrivate *priv;
};

/* One loop for all.  `context` NULL: the default one.  `manual_clock` for tests and the engine without a processor. */
Vm *vm_new (GMainContext *context, gboolean manual_clock);
/* `devices` is turned by another thread (core/loop.h), which must not run before vm_start() has returned; the calling thread is the control
 * loop's.  NULL: the default context. */
Vm *vm_new_with_loops (GMainContext *devices, GMainContext *control, gboolean manual_clock);
/* Frees devices in reverse order, then the spaces.  The device loop has been stopped. */
void vm_free (Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Vm, vm_free)

void vm_lock (Vm *vm);
void vm_unlock (Vm *vm);
/* For checks in code that must hold it. */
gboolean vm_lock_held (Vm *vm);

void vm_set_processor (Vm *vm, const VmProcessorOps *ops, void *opaque);
static inline void
vm_send_msi (Vm *vm, uint64_t address, uint32_t data)
{
  if (vm->processor != NULL)
    vm->processor->msi (vm->processor_opaque, address, data);
}
/* What processors in system-management mode see. */
static inline AddressSpace *
vm_memory_in_smm (Vm *vm)
{
  return address_space_is_used (vm->smm_memory) ? vm->smm_memory : vm->memory;
}
static inline gboolean
vm_has_smm (const Vm *vm)
{
  return vm->processor != NULL && vm->processor->smi != NULL;
}
static inline gboolean
vm_in_smm (const Vm *vm)
{
  return vm_has_smm (vm) && vm->processor->in_smm (vm->processor_opaque);
}
/* See VmProcessorOps.smi; nothing where there is no such mode. */
static inline void
vm_smi (Vm *vm, gboolean all)
{
  if (vm_has_smm (vm))
    vm->processor->smi (vm->processor_opaque, all);
}
/* The line into the processor. */
IrqLine vm_intr_line (Vm *vm);

/* RAM that belongs to the saved state and to statistics, under a stable name.  Takes a reference. */
void vm_add_ram (Vm *vm, Region *region);

/* -- Life cycle: control loop only, VM lock NOT held ---------------------------------------------- */
/* What the control loop was told last; the device loop may be a step ahead. */
VmState vm_state (Vm *vm);
/* Why it is paused, crashed or stopped: one or more lines for a person; "" if there is nothing to say. */
const char *vm_state_reason (Vm *vm);
void vm_add_state_func (Vm *vm, VmStateFunc func, void *opaque);
/* Power on: resets everything and leaves it paused or running.  Before the device loop runs. */
void vm_start (Vm *vm, gboolean paused);
/* Orders.  The device loop carries them out one after the other: at once where nothing is in flight, else when the last request of a
 * device has ended (VM_STATE_PAUSING until then).  `done` may be NULL, comes behind the states that the order has led to, and may be
 * called before these return. An order
 * for what is so already succeeds; one that the state then forbids is refused with words.  None is lost.  A pause is done when what
 * the guest had asked for until then is, too (a reset, a crash): a machine that is saved lacks nothing. */
void vm_pause_async (Vm *vm, const char *reason, VmDoneFunc done, void *opaque);
void vm_resume_async (Vm *vm, VmDoneFunc done, void *opaque);
void vm_reset_async (Vm *vm, VmDoneFunc done, void *opaque);
/* What changes the machine's parts, in line with the orders: `func` runs on the device loop without the VM lock, in whatever state the
 * machine is but off, and while none is under way: so nothing that it does is half in a file that is being saved.  FALSE with an error: for
 * `done`.  `drop` (may be NULL) frees `data` afterwards, also where `func` was not called. */
typedef gboolean (*VmActFunc) (Vm *vm, void *data, GError **error);
void vm_act_async (Vm *vm, VmActFunc func, void *data, GDestroyNotify drop, VmDoneFunc done, void *opaque);
/* The same, for who need not know. */
void vm_pause (Vm *vm, const char *reason);
void vm_resume (Vm *vm);
void vm_reset (Vm *vm);
/* Ends: the state becomes VM_STATE_STOPPED, orders behind it are refused. */
void vm_stop (Vm *vm, const char *reason);

/* From any thread, locked or not: done on the device loop's next turn.  The reason is copied.  A second request of the same
 * kind before that is dropped.  A processor whose write asked for it doesn't get beyond it; see VmProcessorOps.hold. */
void vm_request (Vm *vm, VmRequest request, const char *reason);
/* Something wakes a sleeping guest: a key, a packet.  VM lock held. */
static inline void
vm_wake (Vm *vm, const char *reason)
{
  if (G_UNLIKELY (vm->asleep) && vm->wake != NULL)
    vm->wake (vm->wake_opaque, reason);
}

/* For debuggers; device loop, in a source of its own or a VmActFunc. -------------------------------- */
/* What the machine is in, where vm_state() is what control has heard. */
VmState vm_state_here (Vm *vm);
/* An order waits for devices, or is being written to a file: memory and processors are to stay as they are. */
gboolean vm_order_under_way (Vm *vm);
/* `func` hears of each state on the device loop, further up whose stack an order may be under way: it only notes that there is something to look
 * at.  NULL: nobody. */
void vm_set_state_watch (Vm *vm, VmStateFunc func, void *opaque);
/* No processor runs from the first to the second, whatever the state is; the clock goes on.  VM lock NOT held. */
void vm_processors_stand (Vm *vm);
void vm_processors_go_on (Vm *vm);

/* -- Saved machines (paused) ---------------------------------------------------------------------- */
/* As an order: pauses if need be, and writes on a thread of its own while the machine stands and later orders wait (but for vm_stop(), which
 * breaks it off).  It begins when nothing is in flight, so a device that is on its way out is gone.  A save that fails lets a machine that ran run on.  `fd` stays the caller's, who brings the file to stable
 * storage; `name` is for errors.  `progress` (control loop; may be NULL) hears of a fraction of 1 a hundred times at most, and
 * nothing more once `done` was called. */
typedef void (*VmProgressFunc) (Vm *vm, double fraction, void *opaque);
void vm_save_async (Vm *vm, int fd, const char *name, VmProgressFunc progress, VmDoneFunc done, void *opaque);
/* Here and now, where nothing else runs: device loop, or one loop for all.  Refused while a device is on its way out of a machine that
 * was paused before, or has just come to it.  Sections: RAM (zstd), clock, a section a device, a section a processor; SHA-256 at the end.  See core/save.h, also
 * for machines that run. */
gboolean vm_save (Vm *vm, const char *path, GError **error);
/* The same to a file that the caller has opened, brings to stable storage (which may take long), and closes; what was written stays on
 * error.  `name` is for errors. */
gboolean vm_save_fd (Vm *vm, int fd, const char *name, GError **error);
/* Into a machine of the same shape, before the device loop runs.  On error the machine must be reset or ended by the caller. */
gboolean vm_load (Vm *vm, const char *path, GError **error);

/* -- Loops ---------------------------------------------------------------------------------------- */
typedef void (*VmFunc) (void *opaque);
typedef void (*VmFdFunc) (int fd, GIOCondition condition, void *opaque);
/* The callback runs on the device loop and has the VM lock.  Returns a source; g_source_destroy(), with the VM lock, and g_source_unref() end
 * it. */
GSource *vm_watch_fd (Vm *vm, int fd, GIOCondition condition, VmFdFunc func, void *opaque);
/* The context of I/O thread `n`, which is there from the first call on; the device loop's in a machine with one loop for all.  VM lock held. */
GMainContext *vm_io_context (Vm *vm, unsigned n);
/* Carries out `func` on that thread, behind what is due there, and returns when it has; in a machine with one loop for all here and now.  Any thread but an
 * I/O thread, the VM lock held: `func` is not to want that. */
void vm_io_call (Vm *vm, unsigned n, VmFunc func, void *opaque);
/* From any thread, locked or not: `func` runs on the control loop's next turn without the VM lock, in the order of the calls, and behind
 * what orders have told before.  `drop` (may be NULL) frees `data` afterwards, also if the machine is freed first. */
typedef void (*VmNewsFunc) (Vm *vm, void *data);
void vm_tell_control (Vm *vm, VmNewsFunc func, void *data, GDestroyNotify drop);

/* -- What the host can't do ----------------------------------------------------------------------- */
/* A device's file is `path` (may be NULL); `sentence` is for a person.  Control loop, VM lock NOT held. */
typedef void (*VmErrorFunc) (Vm *vm, const char *path, const char *sentence, void *opaque);
/* Who is told; `func` NULL: nobody.  Control loop. */
void vm_set_error_func (Vm *vm, VmErrorFunc func, void *opaque);
/* From any thread, locked or not; whoever reports pauses the machine himself if it can't go on. */
void vm_report_error (Vm *vm, const char *path, const char *sentence);

G_END_DECLS
