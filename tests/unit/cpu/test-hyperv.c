/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hyper-V's leaves of CPUID: what Windows must find together, and what is left out where an engine lacks a part.
 */
#include "cpu/cpu-model.h"
#include "cpu/hyperv.h"

#include <string.h>

/* Bits by their numbers in the functional specification, 2.4.4 and 2.4.5. */
#define BIT(n) (1u << (n))
#define ALL_PRIVILEGES \
  (BIT (0) | BIT (1) | BIT (2) | BIT (3) | BIT (4) | BIT (5) | BIT (6) | BIT (9) | BIT (11))
#define ALL_HINTS (BIT (2) | BIT (3) | BIT (10) | BIT (11))

static HypervParts
all (void)
{
  return hyperv_parts (ALL_PRIVILEGES, BIT (8), ALL_HINTS, TRUE);
}

static void
test_leaves (void)
{
  uint32_t out[4];

  hyperv_cpuid (all (), HYPERV_LEAF, out);
  g_assert_cmphex (out[0], ==, 0x40000006);
  g_assert_cmpmem (&out[1], 12, "Microsoft Hv", 12);
  hyperv_cpuid (all (), HYPERV_LEAF + 1, out);
  g_assert_cmphex (out[0], ==, 0x31237648);
  hyperv_cpuid (all (), HYPERV_LEAF + 3, out);
  g_assert_cmphex (out[0], ==, ALL_PRIVILEGES);
  g_assert_cmphex (out[1], ==, 0); /* no partitions, messages or ports of ours */
  g_assert_cmphex (out[3], ==, BIT (8));
  hyperv_cpuid (all (), HYPERV_LEAF + 4, out);
  g_assert_cmphex (out[0], ==, ALL_HINTS | BIT (5) | BIT (9));
  g_assert_cmphex (out[1], ==, 0xffffffff);
  hyperv_cpuid (all (), HYPERV_LEAF + 5, out);
  g_assert_cmpuint (out[0], >=, 64);
  for (uint32_t leaf = HYPERV_LEAF; leaf < HYPERV_LEAF + 0x200; leaf++)
    {
      hyperv_cpuid (leaf < HYPERV_LEAF + HYPERV_LEAVES ? 0 : all (), leaf, out);
      g_assert_cmphex (out[0] | out[1] | out[2] | out[3], ==, 0);
    }
}

/* Whatever an engine lacks: nothing is told that it doesn't have, and a part never without what it stands on. */
static void
test_less (void)
{
  g_assert_cmpuint (hyperv_parts (0, 0, 0, FALSE), ==, 0);
  for (unsigned n = 0; n < 12; n++)
    for (unsigned hint = 0; hint < 12; hint++)
      for (unsigned more = 0; more < 4; more++)
        {
          uint32_t privileges = ALL_PRIVILEGES & ~BIT (n), hints = ALL_HINTS & ~BIT (hint), out[4];
          gboolean synic = more & 1;
          uint32_t features = more & 2 ? BIT (8) : 0;
          HypervParts parts = hyperv_parts (privileges, features, hints, synic);

          hyperv_cpuid (parts, HYPERV_LEAF + 3, out);
          g_assert_cmphex (out[0] & ~privileges, ==, 0);
          g_assert_cmphex (out[3] & ~features, ==, 0);
          g_assert_true ((out[0] & BIT (2)) == 0 || synic);
          g_assert_true ((out[0] & BIT (3)) == 0 || (out[0] & BIT (2)) != 0);
          g_assert_true (parts == 0 || (out[0] & (BIT (5) | BIT (6))) == (BIT (5) | BIT (6)));
          /* Counter and page, or neither. */
          g_assert_cmpint ((out[0] & BIT (1)) != 0, ==, (out[0] & BIT (9)) != 0);
          hyperv_cpuid (parts, HYPERV_LEAF + 4, out);
          g_assert_cmphex (out[0] & ~(hints | BIT (5) | BIT (9)), ==, 0);
        }
}

static HypervParts shown;

static void
as_kvm (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  uint32_t base = shown != 0 ? HYPERV_KVM_LEAF : HYPERV_LEAF;

  memset (out, 0, 4 * sizeof *out);
  if (shown != 0)
    hyperv_cpuid (shown, leaf, out);
  if (leaf == base)
    {
      out[0] = base + 1;
      memcpy (&out[1], "KVMKVMKVM\0\0\0", 12);
    }
  else if (leaf == base + 1)
    out[0] = BIT (0) | BIT (3);
}

/* A saved machine's: KVM's own features are the same ones wherever they stand, and Hyper-V's are missed where there are none. */
static void
test_model (void)
{
  g_autofree CpuModel *with = g_new (CpuModel, 1), *without = g_new (CpuModel, 1),
                      *less = g_new (CpuModel, 1);

  shown = all ();
  cpu_model_read (with, as_kvm, NULL);
  shown = all () & ~(HYPERV_SYNIC | HYPERV_STIMER);
  cpu_model_read (less, as_kvm, NULL);
  shown = 0;
  cpu_model_read (without, as_kvm, NULL);
  g_assert_null (cpu_model_missing (with, with));
  g_assert_null (cpu_model_missing (without, with));
  g_assert_null (cpu_model_missing (less, with));
  g_autofree char *missing = cpu_model_missing (with, without);
  g_assert_nonnull (strstr (missing, "Hyper-V's interface (machine.hyperv)"));
  g_assert_null (strstr (missing, "kvmclock"));
  g_autofree char *few = cpu_model_missing (with, less);
  g_assert_cmpstr (few, ==, "Hyper-V's interrupt controller, Hyper-V's timers");
  memset (without->leaf, 0, sizeof without->leaf);
  g_autofree char *none = cpu_model_missing (with, without);
  g_assert_nonnull (strstr (none, "kvmclock"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hyperv/leaves", test_leaves);
  g_test_add_func ("/hyperv/less", test_less);
  g_test_add_func ("/hyperv/model", test_model);
  return g_test_run ();
}
