/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Processor models: reading, comparing, and the names of features.
 */
#define G_LOG_DOMAIN "cpu"

#include "cpu/cpu-model.h"

#include "cpu/hyperv.h"

#include <string.h>

#define HYPERVISOR   0x40000000u
#define KVM_FEATURES (HYPERVISOR + 1)

enum
{
  EAX,
  EBX,
  ECX,
  EDX,
};

static const StateField leaf_fields[] = { STATE_U32 (CpuidLeaf, leaf), STATE_U32 (CpuidLeaf, subleaf),
                                          STATE_U32_ARRAY (CpuidLeaf, out), STATE_END };
const StateField cpu_model_fields[] = { STATE_U32_MAX (CpuModel, n, CPU_MODEL_LEAVES),
                                        STATE_STRUCTS (CpuModel, leaf, CpuidLeaf, leaf_fields), STATE_END };

/* -- Features --------------------------------------------------------------------------------------- */

/* Words of feature bits, with those that say something of the moment or of the machine's shape left out. */
static const struct
{
  uint32_t leaf, subleaf;
  unsigned reg;
  uint32_t ignore;
} words[] = {
  { 1, 0, ECX, 1u << 27 | 1u << 31 }, /* OSXSAVE, the hypervisor's bit */
  { 1, 0, EDX, 1u << 9 | 1u << 28 },  /* APIC (may be switched off), HTT */
  { 7, 0, EBX, 0 },
  { 7, 0, ECX, 1u << 4 }, /* OSPKE */
  { 7, 0, EDX, 0 },
  { 7, 1, EAX, 0 },
  { 0xd, 0, EAX, 0 }, /* what XCR0 takes */
  { 0xd, 1, EAX, 0 },
  { KVM_FEATURES, 0, EAX, 0 },    /* KVM's paravirtual devices */
  { HYPERV_LEAF + 3, 0, EAX, 0 }, /* Hyper-V's registers */
  { HYPERV_LEAF + 3, 0, EDX, 0 },
  { HYPERV_LEAF + 4, 0, EAX, ~(1u << 2 | 1u << 10) }, /* its hypercalls; the rest is advice */
  { 0x80000001, 0, ECX, 1u << 1 | 1u << 22 },         /* CMP_LEGACY, TOPOEXT */
  { 0x80000001, 0, EDX, 1u << 9 },                    /* APIC */
  { 0x80000008, 0, EBX, 0 },
};

static const struct
{
  uint32_t leaf, subleaf;
  unsigned reg, bit;
  const char *name;
} names[] = {
  { 1, 0, ECX, 0, "SSE3" },
  { 1, 0, ECX, 1, "PCLMULQDQ" },
  { 1, 0, ECX, 3, "MONITOR" },
  { 1, 0, ECX, 5, "VMX" },
  { 1, 0, ECX, 9, "SSSE3" },
  { 1, 0, ECX, 12, "FMA" },
  { 1, 0, ECX, 13, "CMPXCHG16B" },
  { 1, 0, ECX, 17, "PCID" },
  { 1, 0, ECX, 19, "SSE4.1" },
  { 1, 0, ECX, 20, "SSE4.2" },
  { 1, 0, ECX, 21, "x2APIC" },
  { 1, 0, ECX, 22, "MOVBE" },
  { 1, 0, ECX, 23, "POPCNT" },
  { 1, 0, ECX, 24, "TSC-Deadline" },
  { 1, 0, ECX, 25, "AES" },
  { 1, 0, ECX, 26, "XSAVE" },
  { 1, 0, ECX, 28, "AVX" },
  { 1, 0, ECX, 29, "F16C" },
  { 1, 0, ECX, 30, "RDRAND" },
  { 7, 0, EBX, 0, "FSGSBASE" },
  { 7, 0, EBX, 1, "TSC_ADJUST" },
  { 7, 0, EBX, 3, "BMI1" },
  { 7, 0, EBX, 4, "HLE" },
  { 7, 0, EBX, 5, "AVX2" },
  { 7, 0, EBX, 7, "SMEP" },
  { 7, 0, EBX, 8, "BMI2" },
  { 7, 0, EBX, 9, "ERMS" },
  { 7, 0, EBX, 10, "INVPCID" },
  { 7, 0, EBX, 11, "RTM" },
  { 7, 0, EBX, 16, "AVX512F" },
  { 7, 0, EBX, 18, "RDSEED" },
  { 7, 0, EBX, 19, "ADX" },
  { 7, 0, EBX, 20, "SMAP" },
  { 7, 0, EBX, 23, "CLFLUSHOPT" },
  { 7, 0, EBX, 24, "CLWB" },
  { 7, 0, EBX, 29, "SHA" },
  { 7, 0, ECX, 2, "UMIP" },
  { 7, 0, ECX, 3, "PKU" },
  { 7, 0, ECX, 9, "VAES" },
  { 7, 0, ECX, 10, "VPCLMULQDQ" },
  { 7, 0, ECX, 16, "LA57" },
  { 7, 0, ECX, 22, "RDPID" },
  { 0xd, 0, EAX, 2, "the AVX state of XSAVE" },
  { 0xd, 1, EAX, 0, "XSAVEOPT" },
  { 0xd, 1, EAX, 1, "XSAVEC" },
  { 0xd, 1, EAX, 3, "XSAVES" },
  { KVM_FEATURES, 0, EAX, 0, "kvmclock" },
  { KVM_FEATURES, 0, EAX, 3, "kvmclock" },
  { HYPERV_LEAF + 3, 0, EAX, 2, "Hyper-V's interrupt controller" },
  { HYPERV_LEAF + 3, 0, EAX, 3, "Hyper-V's timers" },
  { HYPERV_LEAF + 3, 0, EAX, 5, "Hyper-V's interface (machine.hyperv)" },
  { HYPERV_LEAF + 3, 0, EAX, 9, "Hyper-V's clock" },
  { 0x80000001, 0, ECX, 2, "SVM" },
  { 0x80000001, 0, ECX, 5, "LZCNT" },
  { 0x80000001, 0, ECX, 6, "SSE4A" },
  { 0x80000001, 0, EDX, 11, "SYSCALL" },
  { 0x80000001, 0, EDX, 20, "NX" },
  { 0x80000001, 0, EDX, 26, "1-GiB pages" },
  { 0x80000001, 0, EDX, 27, "RDTSCP" },
  { 0x80000001, 0, EDX, 29, "64-bit mode" },
};

/* A word of a model's.  Hyper-V's leaves are where KVM's are without it, so they count by whose they are. */
static uint32_t
word_of (const CpuModel *model, unsigned word)
{
  uint32_t leaf = words[word].leaf, out[4];

  if (leaf > HYPERVISOR && leaf < HYPERVISOR + 0x100)
    {
      cpu_model_find (model, HYPERVISOR, 0, out);
      gboolean hyperv = memcmp (&out[EBX], "Microsoft Hv", 12) == 0;
      if (leaf == KVM_FEATURES && hyperv)
        leaf += HYPERV_KVM_LEAF - HYPERVISOR;
      else if (leaf != KVM_FEATURES && !hyperv)
        return 0;
    }
  cpu_model_find (model, leaf, words[word].subleaf, out);
  return out[words[word].reg];
}

static char *
feature_name (unsigned word, unsigned bit)
{
  static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].leaf == words[word].leaf && names[i].subleaf == words[word].subleaf
        && names[i].reg == words[word].reg && names[i].bit == bit)
      return g_strdup (names[i].name);
  return g_strdup_printf ("CPUID leaf %#x %s bit %u", words[word].leaf, registers[words[word].reg], bit);
}

char *
cpu_model_missing (const CpuModel *wanted, const CpuModel *have)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new_with_free_func (g_free);
  unsigned more = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    {
      uint32_t bits = word_of (wanted, i) & ~word_of (have, i) & ~words[i].ignore;

      for (unsigned bit = 0; bit < 32; bit++)
        if ((bits >> bit & 1) != 0 && missing->len < 8)
          g_ptr_array_add (missing, feature_name (i, bit));
        else
          more += bits >> bit & 1;
    }
  if (missing->len == 0)
    return NULL;
  g_ptr_array_add (missing, NULL);
  g_autofree char *list = g_strjoinv (", ", (char **)missing->pdata);
  return more == 0 ? g_steal_pointer (&list) : g_strdup_printf ("%s and %u more features", list, more);
}

gboolean
cpu_model_check (const CpuModel *saved, const CpuModel *have, const char *title, GError **error)
{
  g_autofree char *missing = cpu_model_missing (saved, have);

  if (missing == NULL)
    return TRUE;
  g_set_error (error, STATE_ERROR, STATE_ERROR_HOST,
               "The guest was saved on a processor with %s, which %s doesn't have", missing, title);
  return FALSE;
}

/* -- Leaves ----------------------------------------------------------------------------------------- */

/* How many subleaves of a leaf are kept; 1: it has none. */
static unsigned
n_subleaves (uint32_t leaf)
{
  switch (leaf)
    {
    case 4:
    case 0x8000001d:
      return 6;
    case 7:
      return 2;
    case 0xb:
    case 0x1f:
      return 3;
    case 0xd:
      return 20;
    default:
      return 1;
    }
}

static void
add (CpuModel *model, CpuidFunc cpuid, void *opaque, uint32_t leaf)
{
  for (unsigned i = 0; i < n_subleaves (leaf) && model->n < CPU_MODEL_LEAVES; i++)
    {
      CpuidLeaf *l = &model->leaf[model->n];

      l->leaf = leaf;
      l->subleaf = i;
      cpuid (opaque, leaf, i, l->out);
      /* What isn't there is found as zeroes. */
      if ((l->out[EAX] | l->out[EBX] | l->out[ECX] | l->out[EDX]) != 0)
        model->n++;
    }
}

void
cpu_model_read (CpuModel *model, CpuidFunc cpuid, void *opaque)
{
  static const uint32_t firsts[] = { 0, HYPERVISOR, HYPERV_KVM_LEAF, 0x80000000 },
                        most[] = { 0x20, 0x10, 0x10, 0x22 };

  memset (model, 0, sizeof *model);
  for (unsigned i = 0; i < G_N_ELEMENTS (firsts); i++)
    {
      uint32_t out[4], last;

      cpuid (opaque, firsts[i], 0, out);
      last = out[EAX] >= firsts[i] ? MIN (out[EAX] - firsts[i], most[i]) : 0;
      for (uint32_t n = 0; n <= last; n++)
        add (model, cpuid, opaque, firsts[i] + n);
    }
  memset (&model->leaf[model->n], 0, (CPU_MODEL_LEAVES - model->n) * sizeof (CpuidLeaf));
}

gboolean
cpu_model_find (const CpuModel *model, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  if (n_subleaves (leaf) == 1)
    subleaf = 0;
  for (unsigned i = 0; i < model->n; i++)
    if (model->leaf[i].leaf == leaf && model->leaf[i].subleaf == subleaf)
      {
        memcpy (out, model->leaf[i].out, sizeof model->leaf[i].out);
        return TRUE;
      }
  memset (out, 0, 4 * sizeof *out);
  return FALSE;
}

/* -- Saved ------------------------------------------------------------------------------------------ */

void
cpu_model_save (const CpuModel *model, GByteArray *out)
{
  state_save (cpu_model_fields, model, out);
}

gboolean
cpu_model_load (CpuModel *saved, const CpuModel *have, const char *title, unsigned version,
                const uint8_t *data, size_t length, GError **error)
{
  return state_load_version (cpu_model_fields, saved, version, data, length, error)
         && cpu_model_check (saved, have, title, error);
}
