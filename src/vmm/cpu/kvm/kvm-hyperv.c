/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hyper-V's interface where the kernel has it: Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_HV_CPUID, KVM_CAP_HYPERV_SYNIC2, KVM_EXIT_HYPERV.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <string.h>
#include <sys/ioctl.h>

#define MAX_ENTRIES 64

enum
{
  KVM_LEAF = 0x40000000,
  /* HV_STATUS_INVALID_HYPERCALL_CODE */
  STATUS_INVALID_CODE = 2,
};

/* What is kept of it, in the order in which it is restored (TLFS, appendix F; the hypercall page wants the guest's identity first, a timer's count its
 * configuration). */
static const uint32_t msrs[] = {
  0x40000000, 0x40000001,             /* guest's identity, hypercall page */
  0x40000010, 0x40000021, 0x40000073, /* run time, TSC page, assist page */
  0x40000080, 0x40000082, 0x40000083, /* SynIC: control, events' page, messages' page */
  0x40000090, 0x40000091, 0x40000092, 0x40000093, 0x40000094, /* its sources */
  0x40000095, 0x40000096, 0x40000097, 0x40000098, 0x40000099, 0x4000009a, 0x4000009b,
  0x4000009c, 0x4000009d, 0x4000009e, 0x4000009f, 0x400000b0, /* timers: configuration, count */
  0x400000b1, 0x400000b2, 0x400000b3, 0x400000b4, 0x400000b5, 0x400000b6, 0x400000b7,
};

gboolean
kvm_hyperv_msr (const KvmEngine *kvm, unsigned n, uint32_t *index)
{
  if (kvm->hyperv == 0 || n >= G_N_ELEMENTS (msrs))
    return FALSE;
  *index = msrs[n];
  return TRUE;
}

static struct kvm_cpuid_entry2 *
find (struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
  for (unsigned i = 0; i < cpuid->nent; i++)
    if (cpuid->entries[i].function == leaf)
      return &cpuid->entries[i];
  return NULL;
}

static HypervParts
supported (KvmVcpu *vcpu)
{
  int kvm = vcpu->engine->kvm_fd, asked = -1;
  g_autofree struct kvm_cpuid2 *cpuid = g_malloc0 (sizeof *cpuid + MAX_ENTRIES * sizeof cpuid->entries[0]);
  struct kvm_cpuid_entry2 *features, *hints;
  struct kvm_enable_cap synic = { .cap = KVM_CAP_HYPERV_SYNIC2 };
  gboolean has_synic;

#ifdef KVM_CAP_SYS_HYPERV_CPUID
  if (ioctl (kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYS_HYPERV_CPUID) > 0)
    asked = kvm;
#endif
  if (asked < 0 && ioctl (kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_CPUID) > 0)
    asked = vcpu->fd;
  cpuid->nent = MAX_ENTRIES;
  if (asked < 0 || ioctl (asked, KVM_GET_SUPPORTED_HV_CPUID, cpuid) < 0)
    return 0;
  features = find (cpuid, HYPERV_LEAF + 3);
  hints = find (cpuid, HYPERV_LEAF + 4);
  if (features == NULL || hints == NULL)
    return 0;
  /* The kernel has the registers only once this is on; it costs the guest nothing if the rest isn't there. */
  has_synic = ioctl (kvm, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) > 0
              && ioctl (vcpu->fd, KVM_ENABLE_CAP, &synic) == 0;
  return hyperv_parts (features->eax, features->edx, hints->eax, has_synic);
}

void
kvm_hyperv_add (KvmVcpu *vcpu, const EngineConfig *config, struct kvm_cpuid2 *cpuid, unsigned most)
{
  HypervParts parts = config->hyperv ? supported (vcpu) : 0;

  if (vcpu->index == 0)
    vcpu->engine->hyperv = parts;
  else
    parts &= vcpu->engine->hyperv;
  if (config->hyperv && parts == 0 && vcpu->index == 0)
    g_message ("machine.hyperv: this KVM has no interface of Hyper-V, the guest is shown KVM's own");
  if (parts == 0 || cpuid->nent + HYPERV_LEAVES > most)
    return;
  for (unsigned i = 0; i < cpuid->nent; i++)
    {
      struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

      if (e->function < KVM_LEAF || e->function > KVM_LEAF + 0xff)
        continue;
      /* The first one's EAX is the last one's number; old kernels leave it 0. */
      if (e->function == KVM_LEAF)
        e->eax = MAX (e->eax, KVM_LEAF + 1) - KVM_LEAF + HYPERV_KVM_LEAF;
      e->function += HYPERV_KVM_LEAF - KVM_LEAF;
    }
  for (uint32_t leaf = HYPERV_LEAF; leaf < HYPERV_LEAF + HYPERV_LEAVES; leaf++)
    {
      struct kvm_cpuid_entry2 *e = &cpuid->entries[cpuid->nent++];
      uint32_t out[4];

      hyperv_cpuid (parts, leaf, out);
      *e = (struct kvm_cpuid_entry2){
        .function = leaf, .eax = out[0], .ebx = out[1], .ecx = out[2], .edx = out[3]
      };
    }
}

/* Messages and events are nobody's here, and where SynIC's pages lie is the kernel's business. */
void
kvm_hyperv_exit (KvmVcpu *vcpu)
{
  if (vcpu->run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
    vcpu->run->hyperv.u.hcall.result = STATUS_INVALID_CODE;
}
