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

/* Offsets in the local APIC's page (SDM volume 3, 11.4.1). */
enum
{
  APIC_IRR = 0x200, /* 32 vectors every 16 bytes */
  APIC_LVTT = 0x320,
  APIC_TMCCT = 0x390,
  LVTT_VECTOR = 0xff,
  LVTT_MODE_DEADLINE = 1 << 18,
};

static uint32_t
apic_register (const uint8_t *apic, unsigned at)
{
  uint32_t value;

  memcpy (&value, apic + at, 4);
  return value;
}

static unsigned
irr_byte (const uint8_t *apic)
{
  unsigned vector = apic_register (apic, APIC_LVTT) & LVTT_VECTOR;

  return APIC_IRR + vector / 32 * 16 + vector % 32 / 8;
}

static uint8_t
irr_bit (const uint8_t *apic)
{
  return (uint8_t)(1 << (apic_register (apic, APIC_LVTT) & 7));
}

static void
note_count (KvmVcpu *vcpu, const uint8_t *apic)
{
  vcpu->count = apic_register (apic, APIC_LVTT) & LVTT_MODE_DEADLINE ? 0 : apic_register (apic, APIC_TMCCT);
  vcpu->count_told = (apic[irr_byte (apic)] & irr_bit (apic)) != 0;
}

/* What the timer has done since belongs to a time that the guest has not seen. */
void
kvm_clock_put_count (const KvmVcpu *vcpu, uint8_t *apic)
{
  if (vcpu->count == 0)
    return;
  memcpy (apic + APIC_TMCCT, &vcpu->count, 4);
  if (!vcpu->count_told)
    apic[irr_byte (apic)] &= (uint8_t)~irr_bit (apic);
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

      struct kvm_lapic_state apic;

      if (!get_msr (vcpu, MSR_IA32_TSC_DEADLINE, &vcpu->deadline))
        vcpu->deadline = 0;
      vcpu->count = 0;
      if (ioctl (vcpu->fd, KVM_GET_LAPIC, &apic) == 0)
        note_count (vcpu, (const uint8_t *)apic.regs);
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

/* The kernel's timer behind a one-shot or periodic count goes on, too, and is late or early by what it likes.  KVM_SET_LAPIC starts it
 * from the current count; kernels before 5.10 know the initial count alone, and then the timer is late. */
static void
start_timers (KvmEngine *kvm)
{
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    {
      KvmVcpu *vcpu = &kvm->vcpus[i];
      struct kvm_lapic_state apic;

      if (vcpu->count == 0 || ioctl (vcpu->fd, KVM_GET_LAPIC, &apic) < 0)
        continue;
      kvm_clock_put_count (vcpu, (uint8_t *)apic.regs);
      if (ioctl (vcpu->fd, KVM_SET_LAPIC, &apic) < 0)
        g_debug ("local APIC's timer: %s", g_strerror (errno));
      vcpu->count = 0;
    }
}

void
kvm_clock_start (KvmEngine *kvm, int64_t missed)
{
  struct kvm_clock_data data = { .clock = kvm->clock + (uint64_t)missed };

  start_counters (kvm);
  start_timers (kvm);
  if (kvm->clock_known && ioctl (kvm->vm_fd, KVM_SET_CLOCK, &data) < 0)
    g_debug ("paravirtual clock: %s", g_strerror (errno));
  /* A guest with kvmclock is told that it stood, so that its watchdogs keep calm; EINVAL: it has none. */
  for (unsigned i = 0; kvm->tsc_known && i < kvm->n_vcpus; i++)
    if (ioctl (kvm->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0) < 0 && errno != EINVAL)
      g_debug ("telling of a pause: %s", g_strerror (errno));
}

uint32_t
kvm_clock_khz (const KvmEngine *kvm)
{
  int khz = ioctl (kvm->vcpus[0].fd, KVM_GET_TSC_KHZ, 0);

  return khz > 0 ? (uint32_t)khz : 0;
}

/* A counter that a guest has measured goes on at that speed, where the processor can scale it (KVM_CAP_TSC_CONTROL).  Half a thousandth is what hosts differ
 * in by measuring alone. */
static void
keep_speed (KvmEngine *kvm, uint32_t khz)
{
  uint32_t own = kvm_clock_khz (kvm);
  gboolean ok = TRUE;

  if (khz == 0 || own == 0 || (uint64_t)(MAX (khz, own) - MIN (khz, own)) * 2000 <= own)
    return;
  for (unsigned i = 0; i < kvm->n_vcpus; i++)
    ok = ioctl (kvm->vcpus[i].fd, KVM_SET_TSC_KHZ, (unsigned long)khz) == 0 && ok;
  if (!ok)
    g_message ("the guest knows a time stamp counter of %u kHz, this computer's has %u and can't be scaled: "
               "clocks that count by it are wrong until the guest starts again",
               khz, own);
}

void
kvm_clock_loaded (KvmEngine *kvm, unsigned n, const CpuState *state)
{
  struct kvm_clock_data data = { .clock = state->paravirtual_clock };

  if (n == 0)
    keep_speed (kvm, state->tsc_khz);
  kvm->vcpus[n].deadline = 0;
  note_count (&kvm->vcpus[n], state->apic);
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
