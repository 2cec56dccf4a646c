/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The clocks that the kernel keeps for a guest stop and start with the machine's own: kvmclock and the time stamp counters.
 * (Documentation/virt/kvm/api.rst, KVM_GET_CLOCK, KVM_KVMCLOCK_CTRL; devices/vcpu.rst, KVM_VCPU_TSC_CTRL.)
 *
 * A guest compares its time stamp counter with HPET and PM timer, which stand still in a pause, and calls unstable what went on.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define MSR_IA32_TSC          0x10u
#define MSR_IA32_TSC_DEADLINE 0x6e0u

static gboolean
get_msr (KvmVcpu *vcpu, uint32_t index, uint64_t *value)
{
  CpuMsr msr = { .index = index };

  if (!kvm_transfer_msrs (vcpu, KVM_GET_MSRS, &msr, 1))
    return FALSE;
  *value = msr.value;
  return TRUE;
}

/* By the offset, which is exact: a write to the MSR is taken for an attempt to synchronise, and rounded, if it is within a second of
 * what the kernel expects. */
static gboolean
turn_back (KvmVcpu *vcpu, uint64_t ticks)
{
#ifdef KVM_VCPU_TSC_CTRL
  uint64_t offset = 0;
  struct kvm_device_attr attr
      = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset };

  if (ioctl (vcpu->fd, KVM_HAS_DEVICE_ATTR, &attr) == 0 && ioctl (vcpu->fd, KVM_GET_DEVICE_ATTR, &attr) == 0)
    {
      offset -= ticks;
      if (ioctl (vcpu->fd, KVM_SET_DEVICE_ATTR, &attr) == 0)
        return TRUE;
    }
#endif
  return FALSE;
}

void
kvm_clock_stop (KvmEngine *kvm)
{
  struct kvm_clock_data data = { 0 };

  kvm->clock_known = ioctl (kvm->vm_fd, KVM_GET_CLOCK, &data) == 0;
  kvm->clock = data.clock;
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    {
      KvmVcpu *vcpu = &kvm->vcpus[i];

      if (!get_msr (vcpu, MSR_IA32_TSC_DEADLINE, &vcpu->deadline))
        vcpu->deadline = 0;
    }
  kvm->tsc_known = get_msr (&kvm->vcpus[0], MSR_IA32_TSC, &kvm->tsc);
}

/* Timers that were armed by the counter fire by the kernel's clock, which went on: they are armed again. */
static void
start_counters (KvmEngine *kvm)
{
  uint64_t now;

  if (!kvm->tsc_known || !get_msr (&kvm->vcpus[0], MSR_IA32_TSC, &now) || now <= kvm->tsc)
    return;
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    if (!turn_back (&kvm->vcpus[i], now - kvm->tsc))
      {
        CpuMsr msr = { MSR_IA32_TSC, kvm->tsc };

        kvm_transfer_msrs (&kvm->vcpus[i], KVM_SET_MSRS, &msr, 1);
      }
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    if (kvm->vcpus[i].deadline != 0)
      {
        CpuMsr msr = { MSR_IA32_TSC_DEADLINE, kvm->vcpus[i].deadline };

        kvm_transfer_msrs (&kvm->vcpus[i], KVM_SET_MSRS, &msr, 1);
      }
}

void
kvm_clock_start (KvmEngine *kvm)
{
  struct kvm_clock_data data = { .clock = kvm->clock };

  start_counters (kvm);
  if (kvm->clock_known && ioctl (kvm->vm_fd, KVM_SET_CLOCK, &data) < 0)
    g_debug ("paravirtual clock: %s", g_strerror (errno));
  /* A guest with kvmclock is told that it stood, so that its watchdogs keep calm; EINVAL: it has none. */
  for (unsigned i = 0; kvm->tsc_known && i < kvm->n_vcpus; i++)
    if (ioctl (kvm->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0) < 0 && errno != EINVAL)
      g_debug ("telling of a pause: %s", g_strerror (errno));
}

void
kvm_clock_loaded (KvmEngine *kvm, unsigned n, const CpuState *state)
{
  struct kvm_clock_data data = { .clock = state->paravirtual_clock };

  kvm->vcpus[n].deadline = 0;
  for (unsigned i = 0; i < MIN (state->n_msrs, CPU_MAX_MSRS); i++)
    if (state->msr[i].index == MSR_IA32_TSC && n == 0)
      {
        kvm->tsc = state->msr[i].value;
        kvm->tsc_known = TRUE;
      }
    else if (state->msr[i].index == MSR_IA32_TSC_DEADLINE)
      kvm->vcpus[n].deadline = state->msr[i].value;
  if (n != 0 || state->paravirtual_clock == 0)
    return;
  kvm->clock = state->paravirtual_clock;
  kvm->clock_known = TRUE;
  /* Now, too: the wall clock that the MSR's restoring makes the kernel write is reckoned from it. */
  if (ioctl (kvm->vm_fd, KVM_SET_CLOCK, &data) < 0)
    g_debug ("paravirtual clock: %s", g_strerror (errno));
}
