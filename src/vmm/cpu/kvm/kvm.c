/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The KVM engine: making, run control, interrupts.  Split irqchip: the local APICs are the kernel's, the 8259 pair, the
 * IOAPIC and the PIT are ours.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/cpu-model.h"
#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define IOAPIC_PINS 24

/* Three pages that Intel processors without unrestricted guest want, below the BIOS. */
#define TSS_ADDRESS          0xfffbd000ULL
#define IDENTITY_MAP_ADDRESS 0xfffbc000ULL

/* -- What the machine asks ------------------------------------------------------------------------ */

static void
ops_resume (void *opaque)
{
  KvmEngine *kvm = opaque;

  g_mutex_lock (&kvm->mutex);
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    kvm_debug_resume (&kvm->vcpus[i]);
  kvm->run = TRUE;
  g_cond_broadcast (&kvm->cond);
  g_mutex_unlock (&kvm->mutex);
}

static void
ops_hold (void *opaque)
{
  KvmEngine *kvm = opaque;

  /* The processor that asks is on its way through run_guest(); the others get no further than to their next exit. */
  __atomic_store_n (&kvm->held, TRUE, __ATOMIC_RELEASE);
}

static void
ops_release (void *opaque)
{
  KvmEngine *kvm = opaque;

  g_mutex_lock (&kvm->mutex);
  __atomic_store_n (&kvm->held, FALSE, __ATOMIC_RELEASE);
  g_cond_broadcast (&kvm->cond);
  g_mutex_unlock (&kvm->mutex);
}

static void
ops_pause (void *opaque)
{
  KvmEngine *kvm = opaque;

  g_mutex_lock (&kvm->mutex);
  kvm->run = FALSE;
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    kvm_vcpu_kick (&kvm->vcpus[i]);
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    while (kvm->vcpus[i].in_run)
      g_cond_wait (&kvm->cond, &kvm->mutex);
  g_mutex_unlock (&kvm->mutex);
}

static void
ops_reset (void *opaque)
{
  KvmEngine *kvm = opaque;

  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    {
      KvmVcpu *vcpu = &kvm->vcpus[i];

      kvm_restore_state (vcpu, vcpu->initial, FALSE);
      vcpu->deadline = 0;
      vcpu->count = 0;
      g_mutex_lock (&kvm->mutex);
      vcpu->stopped = FALSE;
      g_mutex_unlock (&kvm->mutex);
    }
}

static void
ops_clock_stop (void *opaque)
{
  kvm_clock_stop (opaque);
}

static void
ops_clock_start (void *opaque, int64_t missed)
{
  kvm_clock_start (opaque, missed);
}

static void
ops_cpuid (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  kvm_get_cpuid (opaque, leaf, subleaf, out);
}

static void
ops_save_model (void *opaque, GByteArray *out)
{
  g_autofree CpuModel *model = g_new (CpuModel, 1);

  cpu_model_read (model, ops_cpuid, opaque);
  cpu_model_save (model, out);
}

static gboolean
ops_load_model (void *opaque, unsigned version, const uint8_t *data, size_t length, GError **error)
{
  g_autofree CpuModel *saved = g_new0 (CpuModel, 1), *own = g_new (CpuModel, 1);

  cpu_model_read (own, ops_cpuid, opaque);
  return cpu_model_load (saved, own, "KVM on this host", version, data, length, error);
}

static void
ops_set_intr (void *opaque, gboolean level)
{
  KvmEngine *kvm = opaque;

  if (g_atomic_int_get (&kvm->intr) == (level != FALSE))
    return;
  g_atomic_int_set (&kvm->intr, level != FALSE);
  if (level && g_thread_self () != kvm->vcpus[0].gthread)
    kvm_vcpu_kick (&kvm->vcpus[0]);
}

static void
ops_nmi (void *opaque)
{
  KvmEngine *kvm = opaque;
  KvmVcpu *vcpu = &kvm->vcpus[0];
  gboolean runs;

  /* A processor's requests wait while it is in KVM_RUN, which a guest that hangs never leaves by itself: its own thread asks. */
  g_mutex_lock (&kvm->mutex);
  runs = vcpu->in_run;
  if (runs)
    {
      g_atomic_int_set (&vcpu->nmi_wanted, TRUE);
      kvm_vcpu_kick (vcpu);
    }
  g_mutex_unlock (&kvm->mutex);
  if (!runs && ioctl (vcpu->fd, KVM_NMI, 0) < 0)
    g_message ("NMI: %s", g_strerror (errno));
}

static void
ops_msi (void *opaque, uint64_t address, uint32_t data)
{
  KvmEngine *kvm = opaque;
  struct kvm_msi msi
      = { .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data };

  /* 0 means that no local APIC took it, as on hardware without one enabled. */
  if (ioctl (kvm->vm_fd, KVM_SIGNAL_MSI, &msi) < 0 && errno != EINVAL)
    g_debug ("MSI %#x: %s", data, g_strerror (errno));
}

/* The kernel leaves a level-triggered vector's end of interrupt to us only if it stands in the routing table. */
static void
ops_ioapic_route (void *opaque, unsigned pin, gboolean active, uint64_t address, uint32_t data)
{
  KvmEngine *kvm = opaque;
  struct kvm_irq_routing_entry *entry;

  if (pin >= IOAPIC_PINS)
    return;
  entry = &kvm->routing->entries[pin];
  address = active ? address : 0;
  data = active ? data : 0;
  if (entry->u.msi.address_lo == (uint32_t)address && entry->u.msi.data == data)
    return;
  entry->u.msi.address_lo = (uint32_t)address;
  entry->u.msi.address_hi = (uint32_t)(address >> 32);
  entry->u.msi.data = data;
  if (ioctl (kvm->vm_fd, KVM_SET_GSI_ROUTING, kvm->routing) < 0)
    g_message ("interrupt routing: %s", g_strerror (errno));
}

static uint64_t
ops_exits (void *opaque)
{
  KvmEngine *kvm = opaque;
  uint64_t exits = 0;

  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    exits += __atomic_load_n (&kvm->vcpus[i].exits, __ATOMIC_RELAXED);
  return exits;
}

static void
ops_save (void *opaque, unsigned n, GByteArray *out)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  kvm_get_state (opaque, n, state);
  kvm_clock_put_count (&((KvmEngine *)opaque)->vcpus[n], state->apic);
  if (n == 0 && ((KvmEngine *)opaque)->clock_known)
    state->paravirtual_clock = ((KvmEngine *)opaque)->clock;
  if (n == 0)
    state->tsc_khz = kvm_clock_khz (opaque);
  state_save (cpu_state_fields, state, out);
}

static gboolean
ops_load (void *opaque, unsigned n, const uint8_t *data, size_t length, GError **error)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  if (!state_load (cpu_state_fields, state, data, length, error) || !cpu_state_check (state, error))
    return FALSE;
  if (state->in_smm || state->smi_pending)
    {
      g_set_error_literal (
          error, STATE_ERROR, STATE_ERROR_HOST,
          "The guest is in system-management mode, which only the software processor has: load it "
          "with machine.engine=software");
      return FALSE;
    }
  kvm_clock_loaded (opaque, n, state);
  if (!kvm_set_state (opaque, n, state))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "KVM refuses the saved state of processor %u", n);
      return FALSE;
    }
  return TRUE;
}

static const VmProcessorOps kvm_ops = {
  .resume = ops_resume,
  .pause = ops_pause,
  .hold = ops_hold,
  .release = ops_release,
  .reset = ops_reset,
  .clock_stop = ops_clock_stop,
  .clock_start = ops_clock_start,
  .set_intr = ops_set_intr,
  .nmi = ops_nmi,
  .msi = ops_msi,
  .ioapic_route = ops_ioapic_route,
  .cpuid = ops_cpuid,
  .exits = ops_exits,
  .save_model = ops_save_model,
  .load_model = ops_load_model,
  .save = ops_save,
  .load = ops_load,
};

/* -- Making --------------------------------------------------------------------------------------- */

static gboolean
fail (GError **error, const char *what)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code), "KVM: %s failed: %s", what,
               g_strerror (code));
  return FALSE;
}

static gboolean
create_vm (KvmEngine *kvm, GError **error)
{
  uint64_t identity = IDENTITY_MAP_ADDRESS;
  struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { IOAPIC_PINS } };
  int slots;

  kvm->kvm_fd = kvm_open (error);
  if (kvm->kvm_fd < 0)
    return FALSE;
  do
    kvm->vm_fd = ioctl (kvm->kvm_fd, KVM_CREATE_VM, 0);
  while (kvm->vm_fd < 0 && errno == EINTR);
  if (kvm->vm_fd < 0)
    return fail (error, "creating a machine");
  /* Only needed by some Intel processors; kernels for others refuse or ignore it. */
  (void)ioctl (kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
  (void)ioctl (kvm->vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
  if (ioctl (kvm->vm_fd, KVM_ENABLE_CAP, &split) < 0)
    return fail (error, "splitting the interrupt controllers");
  slots = ioctl (kvm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
  kvm->n_slots = (unsigned)CLAMP (slots, 32, 512);
#ifdef KVM_GUESTDBG_BLOCKIRQ
  int debug = ioctl (kvm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);
  if (debug > 0)
    kvm->debug_flags = (uint32_t)debug & KVM_GUESTDBG_BLOCKIRQ;
#endif
  kvm->slots = g_new0 (KvmSlot, kvm->n_slots);
  kvm->routing = g_malloc0 (sizeof *kvm->routing + IOAPIC_PINS * sizeof (struct kvm_irq_routing_entry));
  kvm->routing->nr = IOAPIC_PINS;
  for (unsigned i = 0; i < IOAPIC_PINS; i++)
    {
      kvm->routing->entries[i].gsi = i;
      kvm->routing->entries[i].type = KVM_IRQ_ROUTING_MSI;
    }
  return TRUE;
}

static gboolean
create_vcpu (KvmEngine *kvm, unsigned n, const EngineConfig *config, GError **error)
{
  KvmVcpu *vcpu = &kvm->vcpus[n];
  int size = ioctl (kvm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

  vcpu->engine = kvm;
  vcpu->index = n;
  vcpu->fd = ioctl (kvm->vm_fd, KVM_CREATE_VCPU, n);
  if (vcpu->fd < 0)
    return fail (error, "creating a processor");
  if (size < (int)sizeof (struct kvm_run))
    return fail (error, "asking for the size of a processor's page");
  vcpu->run_size = (size_t)size;
  vcpu->run = mmap (NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  if (vcpu->run == MAP_FAILED)
    {
      vcpu->run = NULL;
      return fail (error, "mapping a processor's page");
    }
  return kvm_set_cpuid (vcpu, config, error);
}

static void
kvm_free (Engine *engine)
{
  KvmEngine *kvm = (KvmEngine *)engine;

  g_mutex_lock (&kvm->mutex);
  kvm->quit = TRUE;
  kvm->run = FALSE;
  g_cond_broadcast (&kvm->cond);
  g_mutex_unlock (&kvm->mutex);
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    {
      KvmVcpu *vcpu = &kvm->vcpus[i];

      if (vcpu->gthread != NULL)
        {
          kvm_vcpu_kick (vcpu);
          g_thread_join (vcpu->gthread);
        }
      if (vcpu->run != NULL)
        munmap (vcpu->run, vcpu->run_size);
      if (vcpu->fd >= 0)
        close (vcpu->fd);
      access_cache_clear (&vcpu->memory);
      access_cache_clear (&vcpu->ports);
      g_free (vcpu->initial);
    }
  kvm_doorbells_free (kvm);
  address_space_remove_listener (kvm->engine.vm->memory, &kvm_slots_listener, kvm);
  kvm_slots_free (kvm);
  if (kvm->vm_fd >= 0)
    close (kvm->vm_fd);
  if (kvm->kvm_fd >= 0)
    close (kvm->kvm_fd);
  g_free (kvm->routing);
  g_free (kvm->cpuid);
  g_free (kvm->msr_list);
  g_free (kvm->vcpus);
  g_mutex_clear (&kvm->mutex);
  g_cond_clear (&kvm->cond);
  g_free (kvm);
}

static Engine *
kvm_create (Vm *vm, const EngineConfig *config, GError **error)
{
  KvmEngine *kvm = g_new0 (KvmEngine, 1);

  kvm_kick_init ();
  kvm->engine = (Engine){ .klass = &kvm_engine_class, .vm = vm, .config = *config };
  kvm->kvm_fd = kvm->vm_fd = -1;
  kvm->n_vcpus = config->n_cpus;
  kvm->vcpus = g_new0 (KvmVcpu, config->n_cpus);
  for (unsigned i = 0; i < config->n_cpus; i++)
    kvm->vcpus[i].fd = -1;
  g_mutex_init (&kvm->mutex);
  g_cond_init (&kvm->cond);

  if (!create_vm (kvm, error))
    goto failed;
  for (unsigned i = 0; i < config->n_cpus; i++)
    if (!create_vcpu (kvm, i, config, error))
      goto failed;
  kvm_list_msrs (kvm);
  for (unsigned i = 0; i < config->n_cpus; i++)
    {
      KvmVcpu *vcpu = &kvm->vcpus[i];

      vcpu->initial = g_new0 (CpuState, 1);
      if (!kvm_get_state (&kvm->engine, i, vcpu->initial))
        {
          fail (error, "reading a processor's state");
          goto failed;
        }
    }
  for (unsigned i = 0; i < config->n_cpus; i++)
    {
      g_autofree char *name = g_strdup_printf ("vcpu%u", i);

      kvm->vcpus[i].gthread = g_thread_new (name, kvm_vcpu_thread, &kvm->vcpus[i]);
    }
  address_space_add_listener (vm->memory, &kvm_slots_listener, kvm);
  kvm_doorbells_init (kvm);
  vm_set_processor (vm, &kvm_ops, kvm);
  return &kvm->engine;

failed:
  kvm_free (&kvm->engine);
  return NULL;
}

const EngineClass kvm_engine_class = {
  .name = "kvm",
  .title = "KVM",
  .create = kvm_create,
  .free = kvm_free,
  .get_state = kvm_get_state,
  .set_state = kvm_set_state,
  .set_registers = kvm_set_registers,
  .debug_changed = kvm_debug_changed,
};
