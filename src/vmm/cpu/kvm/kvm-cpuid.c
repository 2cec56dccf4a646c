/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CPUID as the guest sees it: what KVM supports on this host, with the machine's own topology.
 * SDM volume 2, CPUID; AMD APM volume 3, appendix E.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_ENTRIES 256

enum
{
  LEAF1_ECX_X2APIC = 1u << 21,
  LEAF1_ECX_TSC_DEADLINE = 1u << 24,
  LEAF1_ECX_HYPERVISOR = 1u << 31,
  LEAF1_EDX_HTT = 1u << 28,
  LEAF80000001_ECX_CMP_LEGACY = 1u << 1,
  LEAF80000001_ECX_TOPOEXT = 1u << 22,
};

static unsigned
bits_for (unsigned n)
{
  unsigned bits = 0;

  while ((1u << bits) < n)
    bits++;
  return bits;
}

static void
adjust_entry (struct kvm_cpuid_entry2 *e, unsigned index, const EngineConfig *config, gboolean deadline)
{
  const unsigned n = engine_package (config), threads = engine_threads (config);

  switch (e->function)
    {
    case 1:
      e->ebx = (e->ebx & 0x0000ffff) | index << 24 | (n & 0xff) << 16;
      e->ecx |= LEAF1_ECX_HYPERVISOR | LEAF1_ECX_X2APIC | (deadline ? LEAF1_ECX_TSC_DEADLINE : 0);
      e->edx = n > 1 ? e->edx | LEAF1_EDX_HTT : e->edx & ~LEAF1_EDX_HTT;
      break;
    case 4:
      if ((e->eax & 31) != 0)
        {
          unsigned level = e->eax >> 5 & 7, sharing = level >= 3 ? n : threads;

          e->eax = (e->eax & 0x3fff) | (sharing - 1) << 14 | (n / threads - 1) << 26;
        }
      break;
    case 0xa:
      /* No performance counters: their state is not saved. */
      e->eax = e->ebx = e->ecx = e->edx = 0;
      break;
    case 0xb:
    case 0x1f:
      if (e->index == 0)
        {
          e->eax = bits_for (threads);
          e->ebx = threads;
          e->ecx = 1 << 8;
        }
      else if (e->index == 1)
        {
          e->eax = bits_for (n);
          e->ebx = n;
          e->ecx = 2 << 8 | 1;
        }
      else
        {
          e->eax = e->ebx = 0;
          e->ecx = e->index;
        }
      e->edx = index;
      break;
    case 0x80000001:
      if (n > 1)
        e->ecx |= LEAF80000001_ECX_CMP_LEGACY;
      e->ecx &= ~LEAF80000001_ECX_TOPOEXT;
      break;
    case 0x80000008:
      e->ecx = (bits_for (n) << 12) | (n - 1);
      break;
    default:
      break;
    }
}

static void
find_entry (const struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  memset (out, 0, 4 * sizeof *out);
  for (unsigned i = 0; cpuid != NULL && i < cpuid->nent; i++)
    {
      const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

      if (e->function != leaf
          || e->index != ((e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0 ? subleaf : 0))
        continue;
      out[0] = e->eax;
      out[1] = e->ebx;
      out[2] = e->ecx;
      out[3] = e->edx;
      return;
    }
}

static void
answer (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  find_entry (opaque, leaf, subleaf, out);
}

static gboolean
check_baseline (struct kvm_cpuid2 *cpuid, const CpuBaseline *baseline, GError **error)
{
  g_autofree CpuModel *have = g_new (CpuModel, 1);

  if (baseline == NULL)
    return TRUE;
  cpu_model_read (have, answer, cpuid);
  return cpu_baseline_check (baseline, have, "KVM on this host", error);
}

static void
apply_baseline (struct kvm_cpuid2 *cpuid, const CpuBaseline *baseline)
{
  uint32_t out[4];

  find_entry (cpuid, 0, 0, out);
  const gboolean intel = memcmp (&out[1], "Genu", 4) == 0;
  for (unsigned i = 0; i < cpuid->nent; i++)
    {
      struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

      memcpy (out, (const uint32_t[]){ e->eax, e->ebx, e->ecx, e->edx }, sizeof out);
      cpu_baseline_apply (baseline, intel, e->function, e->index, out);
      e->eax = out[0];
      e->ebx = out[1];
      e->ecx = out[2];
      e->edx = out[3];
    }
}

gboolean
kvm_set_cpuid (KvmVcpu *vcpu, const EngineConfig *config, GError **error)
{
  g_autofree struct kvm_cpuid2 *cpuid
      = g_malloc0 (sizeof (struct kvm_cpuid2) + MAX_ENTRIES * sizeof (struct kvm_cpuid_entry2));
  gboolean deadline = ioctl (vcpu->engine->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

  cpuid->nent = MAX_ENTRIES;
  if (ioctl (vcpu->engine->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
    goto failed;
  if (vcpu->index == 0 && !check_baseline (cpuid, config->baseline, error))
    return FALSE;
  for (unsigned i = 0; i < cpuid->nent; i++)
    adjust_entry (&cpuid->entries[i], vcpu->index, config, deadline);
  kvm_hyperv_add (vcpu, config, cpuid, MAX_ENTRIES);
  apply_baseline (cpuid, config->baseline);
  if (ioctl (vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
    goto failed;
  if (vcpu->index == 0)
    {
      g_free (vcpu->engine->cpuid);
      vcpu->engine->cpuid = g_steal_pointer (&cpuid);
    }
  return TRUE;

failed:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "KVM does not take the processor's description (CPUID): %s", g_strerror (errno));
  return FALSE;
}

void
kvm_get_cpuid (const KvmEngine *kvm, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  find_entry (kvm->cpuid, leaf, subleaf, out);
}
