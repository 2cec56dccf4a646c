/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the software processor says it is: x86-64-v2, and of what came later that which the host has (host.h).
 * Vendor and family are those of an early 64-bit AMD processor: systems of all ages know it, it isn't subject to the
 * flaws whose workarounds (page table isolation) would cost most here, and nothing is inferred from it beyond the bits.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/host.h"

enum
{
  /* Leaf 1, EDX */
  F_FPU = 1 << 0,
  F_VME = 1 << 1,
  F_DE = 1 << 2,
  F_PSE = 1 << 3,
  F_TSC = 1 << 4,
  F_MSR = 1 << 5,
  F_PAE = 1 << 6,
  F_MCE = 1 << 7,
  F_CX8 = 1 << 8,
  F_APIC = 1 << 9,
  F_SEP = 1 << 11,
  F_MTRR = 1 << 12,
  F_PGE = 1 << 13,
  F_MCA = 1 << 14,
  F_CMOV = 1 << 15,
  F_PAT = 1 << 16,
  F_PSE36 = 1 << 17,
  F_CLFSH = 1 << 19,
  F_MMX = 1 << 23,
  F_FXSR = 1 << 24,
  F_SSE = 1 << 25,
  F_SSE2 = 1 << 26,
  F_HTT = 1 << 28,
  /* Leaf 1, ECX */
  F_SSE3 = 1 << 0,
  F_PCLMULQDQ = 1 << 1,
  F_SSSE3 = 1 << 9,
  F_FMA = 1 << 12,
  F_CX16 = 1 << 13,
  F_PCID = 1 << 17,
  F_SSE41 = 1 << 19,
  F_SSE42 = 1 << 20,
  F_X2APIC = 1 << 21,
  F_MOVBE = 1 << 22,
  F_POPCNT = 1 << 23,
  F_TSC_DEADLINE = 1 << 24,
  F_AES = 1 << 25,
  F_XSAVE = 1 << 26,
  F_OSXSAVE = 1 << 27,
  F_AVX = 1 << 28,
  F_F16C = 1 << 29,
  F_RDRAND = 1 << 30,
  /* Leaf 7, EBX */
  F_FSGSBASE = 1 << 0,
  F_BMI1 = 1 << 3,
  F_AVX2 = 1 << 5,
  F_SMEP = 1 << 7,
  F_BMI2 = 1 << 8,
  F_ERMS = 1 << 9,
  F_INVPCID = 1 << 10,
  F_RDSEED = 1 << 18,
  F_ADX = 1 << 19,
  F_SMAP = 1 << 20,
  F_SHA = 1 << 29,
  /* Leaf 7, ECX */
  F_UMIP = 1 << 2,
  F_VAES = 1 << 9,
  F_VPCLMULQDQ = 1 << 10,
  F_RDPID = 1 << 22,
  /* Leaf 0xd, subleaf 1 */
  F_XSAVEOPT = 1 << 0,
  F_XSAVEC = 1 << 1,
  F_XGETBV1 = 1 << 2,
  /* Leaf 8000_0001, EDX */
  F_SYSCALL = 1 << 11,
  F_NX = 1 << 20,
  F_PAGE1GB = 1 << 26,
  F_RDTSCP = 1 << 27,
  F_LM = 1 << 29,
  /* Leaf 8000_0001, ECX */
  F_LAHF = 1 << 0,
  F_CMP_LEGACY = 1 << 1,
  F_CR8_LEGACY = 1 << 4,
  F_LZCNT = 1 << 5,
  F_PREFETCHW = 1 << 8,
};
#define F_HYPERVISOR (1u << 31)

#define FEATURES_1_EDX                                                                                    \
  (F_FPU | F_VME | F_DE | F_PSE | F_TSC | F_MSR | F_PAE | F_MCE | F_CX8 | F_APIC | F_SEP | F_MTRR | F_PGE \
   | F_MCA | F_CMOV | F_PAT | F_PSE36 | F_CLFSH | F_MMX | F_FXSR | F_SSE | F_SSE2)
#define FEATURES_1_ECX                                                                                     \
  (F_SSE3 | F_SSSE3 | F_CX16 | F_PCID | F_SSE41 | F_SSE42 | F_X2APIC | F_MOVBE | F_POPCNT | F_TSC_DEADLINE \
   | F_XSAVE | F_HYPERVISOR)
/* The bits of leaf 1 that AMD repeats in 8000_0001. */
#define REPEATED                                                                                          \
  (F_FPU | F_VME | F_DE | F_PSE | F_TSC | F_MSR | F_PAE | F_MCE | F_CX8 | F_APIC | F_MTRR | F_PGE | F_MCA \
   | F_CMOV | F_PAT | F_PSE36 | F_MMX | F_FXSR)

/* Family 15, model 107, stepping 1. */
#define SIGNATURE 0x00060fb1u

#define MAX_BASIC      0xdu
#define MAX_EXTENDED   0x80000008u
#define HYPERVISOR     0x40000000u
#define HYPERVISOR_MAX 0x40000010u

static void
text (uint32_t out[4], const char *bytes, unsigned from)
{
  char buffer[48] = { 0 };

  g_strlcpy (buffer, bytes, sizeof buffer);
  memcpy (out, buffer + from, 16);
}

/* Of what comes from the host. */
static uint32_t
when (uint32_t features, uint32_t bit)
{
  return soft_host_has (features) ? bit : 0;
}

static uint32_t
host_1_ecx (void)
{
  return when (SOFT_HOST_PCLMUL, F_PCLMULQDQ) | when (SOFT_HOST_FMA, F_FMA) | when (SOFT_HOST_AES, F_AES)
         | when (SOFT_HOST_AVX, F_AVX) | when (SOFT_HOST_F16C, F_F16C) | when (SOFT_HOST_RDRAND, F_RDRAND);
}

static void
leaf_7 (uint32_t out[4])
{
  out[1] = F_FSGSBASE | F_SMEP | F_ERMS | F_INVPCID | F_ADX | F_SMAP | when (SOFT_HOST_BMI1, F_BMI1)
           | when (SOFT_HOST_AVX, F_AVX2) | when (SOFT_HOST_BMI2, F_BMI2) | when (SOFT_HOST_RDSEED, F_RDSEED)
           | when (SOFT_HOST_SHA, F_SHA);
  out[2] = F_UMIP | F_RDPID | when (SOFT_HOST_AVX | SOFT_HOST_AES | SOFT_HOST_VAES, F_VAES)
           | when (SOFT_HOST_AVX | SOFT_HOST_PCLMUL | SOFT_HOST_VPCLMUL, F_VPCLMULQDQ);
}

/* Sizes of XSAVE's area: SDM volume 1, 13.2. */
static void
leaf_xsave (const SoftCpu *cpu, uint32_t subleaf, uint32_t out[4])
{
  const uint32_t legacy = 576, avx = 256;
  gboolean on = (cpu->xcr0 & XCR0_AVX) != 0, known = (soft_xcr0_known () & XCR0_AVX) != 0;

  if (subleaf == 0)
    {
      out[0] = (uint32_t)soft_xcr0_known ();
      out[1] = legacy + (on ? avx : 0);
      out[2] = legacy + (known ? avx : 0);
    }
  else if (subleaf == 1)
    {
      out[0] = F_XSAVEOPT | F_XSAVEC | F_XGETBV1;
      out[1] = legacy + (on ? avx : 0);
    }
  else if (subleaf == 2 && known)
    {
      out[0] = avx;
      out[1] = legacy;
    }
}

static unsigned
bits_for (unsigned n)
{
  unsigned bits = 0;
  while ((1u << bits) < n)
    bits++;
  return bits;
}

void
soft_cpuid_own (SoftCpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  const EngineConfig *config = &cpu->engine->parent.config;
  const unsigned n = engine_package (config), threads = engine_threads (config);

  out[0] = out[1] = out[2] = out[3] = 0;
  if (leaf >= HYPERVISOR && leaf <= HYPERVISOR_MAX)
    {
      if (leaf == HYPERVISOR)
        {
          out[0] = HYPERVISOR_MAX;
          memcpy (&out[1], "VIVARIUM\0\0\0\0", 12);
        }
      else if (leaf == HYPERVISOR_MAX)
        {
          /* kHz of the time stamp counter and of the local APIC's timer. */
          out[0] = (uint32_t)(cpu->engine->tsc_hz / 1000);
          out[1] = 1000000;
        }
      return;
    }
  /* Leaves that don't exist answer as the last basic one would; AMD's answer zeroes, which is easier to trust. */
  switch (leaf)
    {
    case 0:
      out[0] = MAX_BASIC;
      memcpy (&out[1], "Auth", 4);
      memcpy (&out[3], "enti", 4);
      memcpy (&out[2], "cAMD", 4);
      break;
    case 1:
      out[0] = SIGNATURE;
      out[1] = 8 << 8 | n << 16 | (cpu->n & 0xff) << 24; /* CLFLUSH of 64 bytes */
      out[2] = FEATURES_1_ECX | host_1_ecx () | ((cpu->cr4 & CR4_OSXSAVE) != 0 ? F_OSXSAVE : 0);
      out[3] = FEATURES_1_EDX | (n > 1 ? F_HTT : 0);
      if ((cpu->msr.apic_base & 0x800) == 0)
        out[3] &= ~(uint32_t)F_APIC;
      break;
    case 7:
      if (subleaf == 0)
        leaf_7 (out);
      break;
    case 0xb:
      if (subleaf < 2)
        {
          out[0] = subleaf == 0 ? bits_for (threads) : bits_for (n);
          out[1] = subleaf == 0 ? threads : n;
          out[2] = subleaf | (subleaf + 1) << 8;
        }
      else
        out[2] = subleaf;
      out[3] = cpu->n;
      break;
    case 0xd:
      leaf_xsave (cpu, subleaf, out);
      break;
    case 0x80000000:
      out[0] = MAX_EXTENDED;
      memcpy (&out[1], "Auth", 4);
      memcpy (&out[3], "enti", 4);
      memcpy (&out[2], "cAMD", 4);
      break;
    case 0x80000001:
      out[0] = SIGNATURE;
      out[2] = F_LAHF | F_CR8_LEGACY | F_PREFETCHW | when (SOFT_HOST_LZCNT, F_LZCNT)
               | (n > 1 ? F_CMP_LEGACY : 0);
      out[3] = (REPEATED & FEATURES_1_EDX) | F_SYSCALL | F_NX | F_PAGE1GB | F_RDTSCP | F_LM;
      break;
    case 0x80000002 ... 0x80000004:
      text (out, "Vivarium Software Processor", (leaf - 0x80000002) * 16);
      break;
    case 0x80000005: /* 64 KiB, 2-way, lines of 64 bytes; 32 entries */
      out[0] = 0xff20ff20;
      out[1] = 0xff20ff20;
      out[2] = out[3] = 64u << 24 | 2 << 16 | 1 << 8 | 64;
      break;
    case 0x80000006: /* 512 KiB, 16-way */
      out[2] = 512u << 16 | 8 << 12 | 1 << 8 | 64;
      break;
    case 0x80000007:
      out[3] = 1 << 8; /* the counter's rate never changes */
      break;
    case 0x80000008:
      out[0] = SOFT_PHYSICAL_BITS | 48 << 8;
      out[2] = n > 1 ? (n - 1) | bits_for (n) << 12 : 0;
      break;
    default:
      break;
    }
}

/* A guest goes on to see the processor that it was started on: what it has seen it relies on.  Rates and what says something of this
 * processor alone, or of the moment, stay ours. */
void
soft_cpuid (SoftCpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  const CpuModel *model = cpu->engine->model;
  uint32_t own[4];

  soft_cpuid_own (cpu, leaf, subleaf, out);
  if (model == NULL)
    cpu_baseline_apply (cpu->engine->parent.config.baseline, FALSE, leaf, subleaf, out);
  if (model == NULL || (leaf >= HYPERVISOR && leaf <= HYPERVISOR + 0xff))
    return;
  memcpy (own, out, sizeof own);
  if (!cpu_model_find (model, leaf, subleaf, out))
    return;
  switch (leaf)
    {
    case 1:
      out[1] = (out[1] & 0x00ffffff) | (cpu->n & 0xff) << 24;
      out[2] = (out[2] & ~(uint32_t)F_OSXSAVE) | (own[2] & F_OSXSAVE);
      out[3] = (out[3] & ~(uint32_t)F_APIC) | (own[3] & F_APIC);
      break;
    case 0xb:
    case 0x1f:
      out[3] = cpu->n;
      break;
    case 0xd:
      /* Components and instructions are what was saved; sizes are of what is on now. */
      if (subleaf < 2)
        out[1] = own[1];
      break;
    case 0x80000001:
      out[3] = (out[3] & ~(uint32_t)F_APIC) | (own[3] & F_APIC);
      break;
    default:
      break;
    }
}
