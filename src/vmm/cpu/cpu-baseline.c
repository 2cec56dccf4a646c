/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "cpu"

#include "cpu/cpu-baseline.h"

#include <string.h>

enum
{
  EAX,
  EBX,
  ECX,
  EDX,
};

#define BIT(n)         (1u << (n))
#define HYPERVISOR     0x40000000u
#define HYPERVISOR_END 0x40010000u
#define EXTENDED       0x80000000u

/* Leaf 1, EDX. */
#define EDX_486 BIT (0) /* FPU */
#define EDX_PENTIUM                                                                        \
  (EDX_486 | BIT (1) | BIT (2) | BIT (3) | BIT (4) | BIT (5) | BIT (7) | BIT (8) | BIT (9) \
   | BIT (23)) /* … MMX */
/* PAE, SEP, MTRR, PGE, MCA, CMOV, PAT, PSE36, FXSR, SSE */
#define EDX_PENTIUM3                                                                                  \
  (EDX_PENTIUM | BIT (6) | BIT (11) | BIT (12) | BIT (13) | BIT (14) | BIT (15) | BIT (16) | BIT (17) \
   | BIT (24) | BIT (25))
#define EDX_X86_64 (EDX_PENTIUM3 | BIT (19) | BIT (26) | BIT (28)) /* CLFLUSH, SSE2, HTT */
/* Leaf 1, ECX: x2APIC, the deadline timer and the hypervisor's bit, as there is one. */
#define ECX_X86_64 (BIT (21) | BIT (24) | BIT (31))
#define ECX_V2                                        \
  (BIT (0) | BIT (9) | BIT (13) | BIT (19) | BIT (20) \
   | BIT (23)) /* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT */
#define ECX_V3    (BIT (12) | BIT (22) | BIT (26) | BIT (28) | BIT (29)) /* FMA, MOVBE, XSAVE, AVX, F16C */
#define ECX_XSAVE BIT (26)
#define ECX_OS    BIT (27) /* OSXSAVE: the moment's */
#define ECX_PCID  BIT (17)
/* Leaf 7, EBX. */
#define EBX7_V3 (BIT (3) | BIT (5) | BIT (8)) /* BMI1, AVX2, BMI2 */
#define EBX7_MORE \
  (BIT (0) | BIT (7) | BIT (9) | BIT (10)) /* FSGSBASE, SMEP, ERMS, INVPCID: of the same time */
/* Leaf 8000_0001.  AMD repeats bits of leaf 1 in EDX. */
#define EXT_EDX_REPEATED 0x0183f3ffu
#define EXT_EDX_X86_64   (BIT (11) | BIT (20) | BIT (29)) /* SYSCALL, NX, long mode */
#define EXT_ECX_X86_64   (BIT (1) | BIT (4))              /* CMP_LEGACY, CR8 */

struct CpuBaseline
{
  const char *name, *brand;
  uint32_t max_basic, max_extended; /* 0: no extended leaves */
  uint32_t signature[2];            /* AMD's, Intel's: family, model, stepping as in leaf 1 */
  /* What it may show, and which of that the processor below must have. */
  uint32_t edx1, ecx1, ebx7, ext_edx, ext_ecx;
  uint32_t must_edx1, must_ecx1, must_ebx7, must_ext_edx, must_ext_ecx;
  gboolean hypervisor; /* shows that there is one */
};

static const CpuBaseline baselines[] = {
  /* Am5x86 and 80486DX4. */
  { .name = "486", .max_basic = 1, .signature = { 0x4f4, 0x480 }, .edx1 = EDX_486, .must_edx1 = EDX_486 },
  /* K6 and P55C. */
  { .name = "pentium",
    .max_basic = 1,
    .signature = { 0x562, 0x543 },
    .edx1 = EDX_PENTIUM,
    .must_edx1 = EDX_PENTIUM & ~BIT (9) },
  /* Athlon XP and Coppermine. */
  { .name = "pentium3",
    .max_basic = 2,
    .signature = { 0x661, 0x683 },
    .edx1 = EDX_PENTIUM3,
    .must_edx1 = EDX_PENTIUM3 & ~BIT (9) },
  { .name = "x86-64",
    .brand = "Vivarium x86-64",
    .max_basic = 0xb,
    .max_extended = 0x80000008,
    .signature = { 0x60fb1, 0x6f6 },
    .edx1 = EDX_X86_64,
    .ecx1 = ECX_X86_64,
    .ext_edx = EXT_EDX_REPEATED | EXT_EDX_X86_64,
    .ext_ecx = EXT_ECX_X86_64,
    .must_edx1 = EDX_X86_64 & ~(BIT (9) | BIT (28)),
    .must_ext_edx = EXT_EDX_X86_64,
    .hypervisor = TRUE },
  { .name = "x86-64-v2",
    .brand = "Vivarium x86-64-v2",
    .max_basic = 0xb,
    .max_extended = 0x80000008,
    .signature = { 0x60fb1, 0x106a5 },
    .edx1 = EDX_X86_64,
    .ecx1 = ECX_X86_64 | ECX_V2,
    .ext_edx = EXT_EDX_REPEATED | EXT_EDX_X86_64 | BIT (27), /* RDTSCP */
    .ext_ecx = EXT_ECX_X86_64 | BIT (0) | BIT (8),           /* LAHF, PREFETCHW */
    .must_edx1 = EDX_X86_64 & ~(BIT (9) | BIT (28)),
    .must_ecx1 = ECX_V2,
    .must_ext_edx = EXT_EDX_X86_64,
    .must_ext_ecx = BIT (0),
    .hypervisor = TRUE },
  { .name = "x86-64-v3",
    .brand = "Vivarium x86-64-v3",
    .max_basic = 0xd,
    .max_extended = 0x80000008,
    .signature = { 0x60fb1, 0x306c3 },
    .edx1 = EDX_X86_64,
    .ecx1 = ECX_X86_64 | ECX_V2 | ECX_V3 | ECX_OS | ECX_PCID,
    .ebx7 = EBX7_V3 | EBX7_MORE,
    .ext_edx = EXT_EDX_REPEATED | EXT_EDX_X86_64 | BIT (26) | BIT (27), /* 1-GiB pages */
    .ext_ecx = EXT_ECX_X86_64 | BIT (0) | BIT (5) | BIT (8),            /* LZCNT */
    .must_edx1 = EDX_X86_64 & ~(BIT (9) | BIT (28)),
    .must_ecx1 = ECX_V2 | ECX_V3,
    .must_ebx7 = EBX7_V3,
    .must_ext_edx = EXT_EDX_X86_64,
    .must_ext_ecx = BIT (0) | BIT (5),
    .hypervisor = TRUE },
};

const CpuBaseline *
cpu_baseline_find (const char *name)
{
  for (unsigned i = 0; name != NULL && i < G_N_ELEMENTS (baselines); i++)
    if (g_str_equal (baselines[i].name, name))
      return &baselines[i];
  return NULL;
}

static void
apply_extended (const CpuBaseline *baseline, gboolean intel, uint32_t leaf, uint32_t out[4])
{
  char brand[48] = { 0 };

  switch (leaf)
    {
    case EXTENDED:
      out[EAX] = MIN (out[EAX], baseline->max_extended);
      break;
    case EXTENDED + 1:
      out[EAX] = intel ? 0 : baseline->signature[FALSE];
      out[EBX] = 0;
      out[ECX] &= baseline->ext_ecx;
      out[EDX] &= intel ? baseline->ext_edx & ~EXT_EDX_REPEATED : baseline->ext_edx;
      break;
    case EXTENDED + 2 ... EXTENDED + 4:
      g_strlcpy (brand, baseline->brand, sizeof brand);
      memcpy (out, brand + (leaf - EXTENDED - 2) * 16, 16);
      break;
    case EXTENDED + 8: /* widths of addresses and the number of cores are the machine's */
      out[EBX] = 0;
      break;
    default:
      break;
    }
}

static void
apply_basic (const CpuBaseline *baseline, gboolean intel, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  switch (leaf)
    {
    case 0:
      out[EAX] = MIN (out[EAX], baseline->max_basic);
      break;
    case 1:
      out[EAX] = baseline->signature[intel];
      out[ECX] &= baseline->ecx1;
      out[EDX] &= baseline->edx1;
      /* Brand index, length of lines, processors, number of this one. */
      if ((baseline->edx1 & BIT (19)) == 0)
        out[EBX] &= 0xffff0000;
      if ((baseline->edx1 & BIT (9)) == 0)
        out[EBX] = 0;
      break;
    case 2:
    case 4:
    case 0xb:
      break;
    case 7:
      out[EAX] = out[ECX] = out[EDX] = 0;
      out[EBX] &= subleaf == 0 ? baseline->ebx7 : 0;
      break;
    case 0xd:
      if (subleaf == 0)
        out[EAX] &= 7; /* x87, SSE, AVX */
      else if (subleaf != 2)
        memset (out, 0, 4 * sizeof *out);
      break;
    default:
      memset (out, 0, 4 * sizeof *out);
      break;
    }
}

void
cpu_baseline_apply (const CpuBaseline *baseline, gboolean intel, uint32_t leaf, uint32_t subleaf,
                    uint32_t out[4])
{
  if (baseline == NULL)
    return;
  if (leaf >= HYPERVISOR && leaf < HYPERVISOR_END)
    {
      if (!baseline->hypervisor)
        memset (out, 0, 4 * sizeof *out);
    }
  else if (leaf > baseline->max_basic && (leaf < EXTENDED || leaf > baseline->max_extended))
    memset (out, 0, 4 * sizeof *out);
  else if (leaf >= EXTENDED)
    apply_extended (baseline, intel, leaf, out);
  else
    apply_basic (baseline, intel, leaf, subleaf, out);
}

gboolean
cpu_baseline_check (const CpuBaseline *baseline, const CpuModel *have, const char *title, GError **error)
{
  const CpuModel must
      = { .n = 3,
          .leaf = { { 1, 0, { 0, 0, baseline->must_ecx1, baseline->must_edx1 } },
                    { 7, 0, { 0, baseline->must_ebx7, 0, 0 } },
                    { EXTENDED + 1, 0, { 0, 0, baseline->must_ext_ecx, baseline->must_ext_edx } } } };
  g_autofree char *missing = cpu_model_missing (&must, have);

  if (missing == NULL)
    return TRUE;
  g_set_error (error, STATE_ERROR, STATE_ERROR_HOST,
               "%s doesn't have %s, which a processor of the model %s has; choose another one (machine.cpu)",
               title, missing, baseline->name);
  return FALSE;
}
