/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A virtual processor's thread: enter the guest, serve the exit, again.
 */
#define G_LOG_DOMAIN "kvm"

#include "base/thread-kind.h"
#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#define KICK_SIGNAL SIGUSR1

static void
on_kick_signal (int signal_number)
{
  /* Its only effect is that KVM_RUN returns. */
}

void
kvm_kick_init (void)
{
  struct sigaction action = { .sa_handler = on_kick_signal };

  sigaction (KICK_SIGNAL, &action, NULL);
}

/* immediate_exit closes the window between the check and the entry: a kick that arrives before KVM_RUN makes it return
 * at once. */
void
kvm_vcpu_kick (KvmVcpu *vcpu)
{
  if (vcpu->run == NULL)
    return;
  __atomic_store_n (&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
  if (g_atomic_int_get (&vcpu->thread_known))
    pthread_kill (vcpu->thread, KICK_SIGNAL);
}

void
kvm_hold (KvmEngine *kvm)
{
  g_mutex_lock (&kvm->mutex);
  __atomic_store_n (&kvm->hold, TRUE, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    if (__atomic_load_n (&kvm->vcpus[i].in_guest, __ATOMIC_SEQ_CST))
      kvm_vcpu_kick (&kvm->vcpus[i]);
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    while (__atomic_load_n (&kvm->vcpus[i].in_guest, __ATOMIC_SEQ_CST))
      g_cond_wait (&kvm->cond, &kvm->mutex);
  g_mutex_unlock (&kvm->mutex);
}

void
kvm_release (KvmEngine *kvm)
{
  g_mutex_lock (&kvm->mutex);
  __atomic_store_n (&kvm->hold, FALSE, __ATOMIC_SEQ_CST);
  g_cond_broadcast (&kvm->cond);
  g_mutex_unlock (&kvm->mutex);
}

static void
leave_guest (KvmVcpu *vcpu)
{
  KvmEngine *kvm = vcpu->engine;

  __atomic_store_n (&vcpu->in_guest, FALSE, __ATOMIC_SEQ_CST);
  if (G_LIKELY (!__atomic_load_n (&kvm->hold, __ATOMIC_SEQ_CST)))
    return;
  g_mutex_lock (&kvm->mutex);
  g_cond_broadcast (&kvm->cond);
  g_mutex_unlock (&kvm->mutex);
}

/* KVM_RUN, unless slots are about to change: either we see that, or who changes them sees us and kicks. */
static int
enter_guest (KvmVcpu *vcpu)
{
  KvmEngine *kvm = vcpu->engine;
  int ret, code;

  for (;;)
    {
      __atomic_store_n (&vcpu->in_guest, TRUE, __ATOMIC_SEQ_CST);
      if (G_LIKELY (!__atomic_load_n (&kvm->hold, __ATOMIC_SEQ_CST)))
        break;
      leave_guest (vcpu);
      g_mutex_lock (&kvm->mutex);
      while (kvm->hold)
        g_cond_wait (&kvm->cond, &kvm->mutex);
      g_mutex_unlock (&kvm->mutex);
    }
  ret = ioctl (vcpu->fd, KVM_RUN, 0);
  code = errno;
  leave_guest (vcpu);
  errno = code;
  return ret;
}

static void
crash (KvmVcpu *vcpu, const char *title)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  g_autofree char *report = NULL;

  kvm_get_state (&vcpu->engine->engine, vcpu->index, state);
  report = cpu_state_report (vcpu->engine->engine.vm, state, vcpu->index, title);
  vcpu->stopped = TRUE;
  vm_request (vcpu->engine->engine.vm, VM_REQUEST_CRASH, report);
}

static void
crash_internal (KvmVcpu *vcpu)
{
  struct kvm_run *run = vcpu->run;
  GString *title = g_string_new (NULL);

  if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
    g_string_append (title,
                     "KVM met an instruction that it can't execute (internal error 1: emulation failure)");
  else
    g_string_append_printf (title, "KVM reports an internal error (%u)", run->internal.suberror);
  for (unsigned i = 0; i < MIN (run->internal.ndata, 16); i++)
    g_string_append_printf (title, "%s%" G_GINT64_MODIFIER "x", i == 0 ? "; data " : " ",
                            (guint64)run->internal.data[i]);
  crash (vcpu, title->str);
  g_string_free (title, TRUE);
}

static void
exit_io (KvmVcpu *vcpu)
{
  struct kvm_run *run = vcpu->run;
  AddressSpace *ports = vcpu->engine->engine.vm->ports;
  uint8_t *data = (uint8_t *)run + run->io.data_offset;
  unsigned size = run->io.size;

  for (uint32_t i = 0; i < run->io.count; i++, data += size)
    {
      uint32_t value = 0;

      if (run->io.direction == KVM_EXIT_IO_OUT)
        {
          memcpy (&value, data, size);
          address_space_store (ports, &vcpu->ports, run->io.port, value, size, FALSE);
        }
      else
        {
          value = (uint32_t)address_space_load (ports, &vcpu->ports, run->io.port, size, FALSE);
          memcpy (data, &value, size);
        }
    }
}

static void
exit_mmio (KvmVcpu *vcpu)
{
  struct kvm_run *run = vcpu->run;
  AddressSpace *memory = vcpu->engine->engine.vm->memory;
  uint64_t value = 0;

  if (run->mmio.len > 8)
    return;
  if (run->mmio.is_write)
    {
      memcpy (&value, run->mmio.data, run->mmio.len);
      address_space_store (memory, &vcpu->memory, run->mmio.phys_addr, value, run->mmio.len, FALSE);
    }
  else
    {
      value = address_space_load (memory, &vcpu->memory, run->mmio.phys_addr, run->mmio.len, FALSE);
      memcpy (run->mmio.data, &value, run->mmio.len);
    }
}

static void
serve_exit (KvmVcpu *vcpu)
{
  struct kvm_run *run = vcpu->run;
  Vm *vm = vcpu->engine->engine.vm;

  switch (run->exit_reason)
    {
    case KVM_EXIT_IO:
      exit_io (vcpu);
      break;
    case KVM_EXIT_MMIO:
      exit_mmio (vcpu);
      break;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_INTR:
    case KVM_EXIT_HLT:
      break;
    case KVM_EXIT_IOAPIC_EOI:
      vm_lock (vm);
      if (vm->eoi != NULL)
        vm->eoi (vm->eoi_opaque, run->eoi.vector);
      vm_unlock (vm);
      break;
    case KVM_EXIT_SHUTDOWN:
      {
        g_autofree CpuState *state = g_new0 (CpuState, 1);
        g_autofree char *report = NULL;

        kvm_get_state (&vcpu->engine->engine, vcpu->index, state);
        report = cpu_state_report (vm, state, vcpu->index, "triple fault");
        vcpu->stopped = TRUE;
        if (!engine_debug_stop (&vcpu->engine->engine,
                                &(EngineStop){ .kind = ENGINE_STOP_TRIPLE_FAULT, .cpu = vcpu->index }))
          vm_request (vm, VM_REQUEST_INIT, report);
        break;
      }
    case KVM_EXIT_SYSTEM_EVENT:
      vcpu->stopped = TRUE;
      if (run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN)
        vm_request (vm, VM_REQUEST_POWER_OFF, "the guest powered off");
      else
        vm_request (vm, VM_REQUEST_RESET, "the guest asked for a reset");
      break;
    case KVM_EXIT_HYPERV:
      kvm_hyperv_exit (vcpu);
      break;
    case KVM_EXIT_DEBUG:
      kvm_debug_exit (vcpu);
      break;
    case KVM_EXIT_INTERNAL_ERROR:
      crash_internal (vcpu);
      break;
    case KVM_EXIT_FAIL_ENTRY:
      {
        g_autofree char *title
            = g_strdup_printf ("KVM could not enter the guest (hardware reason %#" G_GINT64_MODIFIER "x)",
                               (guint64)run->fail_entry.hardware_entry_failure_reason);

        crash (vcpu, title);
        break;
      }
    default:
      {
        g_autofree char *title = g_strdup_printf (
            "KVM left the guest for a reason that is not known here (%u)", run->exit_reason);

        crash (vcpu, title);
        break;
      }
    }
}

/* The 8259 pair's INTR reaches the first processor here; the local APIC's own interrupts are the kernel's business. */
static void
inject_intr (KvmVcpu *vcpu)
{
  KvmEngine *kvm = vcpu->engine;
  Vm *vm = kvm->engine.vm;
  struct kvm_run *run = vcpu->run;

  run->request_interrupt_window = 0;
  if (!g_atomic_int_get (&kvm->intr))
    return;
  if (run->ready_for_interrupt_injection && run->if_flag)
    {
      int vector = -1;

      vm_lock (vm);
      if (g_atomic_int_get (&kvm->intr) && vm->intack != NULL)
        vector = vm->intack (vm->intack_opaque);
      vm_unlock (vm);
      if (vector >= 0)
        {
          struct kvm_interrupt interrupt = { .irq = (uint32_t)vector };

          if (ioctl (vcpu->fd, KVM_INTERRUPT, &interrupt) < 0)
            g_debug ("interrupt %d: %s", vector, g_strerror (errno));
          else
            vcpu->handed = TRUE;
        }
      run->ready_for_interrupt_injection = 0;
    }
  if (g_atomic_int_get (&kvm->intr))
    run->request_interrupt_window = 1;
}

/* A vector that KVM_INTERRUPT has passed stands in no field that can be read, until an entry makes an injected event of it.  So
 * there is one more entry, which a signal that waits from the beginning turns back at the processor's door; immediate_exit would
 * turn it back before it looked at interrupts. */
static void
push_vector (KvmVcpu *vcpu)
{
  struct
  {
    struct kvm_signal_mask head;
    uint8_t set[8];
  } mask = { .head.len = sizeof mask.set };
  sigset_t blocked, old, open;

  sigemptyset (&blocked);
  sigaddset (&blocked, KICK_SIGNAL);
  pthread_sigmask (SIG_BLOCK, &blocked, &old);
  pthread_kill (pthread_self (), KICK_SIGNAL);
  open = old;
  sigdelset (&open, KICK_SIGNAL);
  memcpy (mask.set, &open, sizeof mask.set);
  if (ioctl (vcpu->fd, KVM_SET_SIGNAL_MASK, &mask) == 0)
    {
      __atomic_store_n (&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
      if (enter_guest (vcpu) == 0)
        serve_exit (vcpu);
      (void)ioctl (vcpu->fd, KVM_SET_SIGNAL_MASK, NULL);
    }
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  vcpu->handed = FALSE;
}

static void
ask_nmi (KvmVcpu *vcpu)
{
  if (g_atomic_int_compare_and_exchange (&vcpu->nmi_wanted, TRUE, FALSE) && ioctl (vcpu->fd, KVM_NMI, 0) < 0)
    g_message ("NMI: %s", g_strerror (errno));
}

static void
run_guest (KvmVcpu *vcpu)
{
  KvmEngine *kvm = vcpu->engine;

  while (__atomic_load_n (&kvm->run, __ATOMIC_ACQUIRE) && !__atomic_load_n (&kvm->held, __ATOMIC_ACQUIRE)
         && !kvm_vcpu_stands (vcpu))
    {
      if (vcpu->index == 0)
        {
          ask_nmi (vcpu);
          inject_intr (vcpu);
        }
      if (enter_guest (vcpu) < 0)
        {
          if (errno == EINTR || errno == EAGAIN)
            {
              __atomic_store_n (&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
              continue;
            }
          {
            g_autofree char *title = g_strdup_printf ("KVM_RUN failed: %s", g_strerror (errno));

            crash (vcpu, title);
          }
          return;
        }
      vcpu->handed = FALSE;
      __atomic_store_n (&vcpu->exits, vcpu->exits + 1, __ATOMIC_RELAXED);
      serve_exit (vcpu);
    }
  if (vcpu->handed)
    push_vector (vcpu);
  /* An exit that was served is finished only by the next entry (KVM completes the instruction then): enter once more with
   * immediate_exit so that the state that others read is whole.  That entry may be the way to the instruction's next exit: one that
   * reads a device's memory and writes it has two, and so has one that KVM cuts in pieces. */
  while (!kvm_vcpu_stands (vcpu))
    {
      __atomic_store_n (&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
      if (enter_guest (vcpu) < 0)
        break;
      serve_exit (vcpu);
    }
  __atomic_store_n (&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

gpointer
kvm_vcpu_thread (gpointer data)
{
  KvmVcpu *vcpu = data;
  KvmEngine *kvm = vcpu->engine;

  vcpu->thread = pthread_self ();
  g_atomic_int_set (&vcpu->thread_known, TRUE);
  g_mutex_lock (&kvm->mutex);
  while (!kvm->quit)
    {
      if (!kvm->run || __atomic_load_n (&kvm->held, __ATOMIC_ACQUIRE) || kvm_vcpu_stands (vcpu))
        {
          g_cond_wait (&kvm->cond, &kvm->mutex);
          continue;
        }
      vcpu->in_run = TRUE;
      g_mutex_unlock (&kvm->mutex);
      thread_kind_begin (THREAD_PROCESSOR);
      run_guest (vcpu);
      g_mutex_lock (&kvm->mutex);
      vcpu->in_run = FALSE;
      /* Wanted since it was last looked: whoever saves the machine now is to find it. */
      ask_nmi (vcpu);
      g_cond_broadcast (&kvm->cond);
    }
  g_mutex_unlock (&kvm->mutex);
  return NULL;
}
