/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What CPUID said is saved with a machine: another processor must have it, too, and the guest goes on to see it.
 */
#include "tests/unit/cpu/soft-guest.h"
#include "cpu/soft/host.h"

#include "core/save.h"

#include <glib/gstdio.h>

static void
own (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  soft_cpuid_own (((Guest *)opaque)->cpu, leaf, subleaf, out);
}

static CpuidLeaf *
leaf_of (CpuModel *model, uint32_t leaf, uint32_t subleaf)
{
  for (unsigned i = 0; i < model->n; i++)
    if (model->leaf[i].leaf == leaf && model->leaf[i].subleaf == subleaf)
      return &model->leaf[i];
  g_assert_not_reached ();
}

static gboolean
load (Guest *g, const CpuModel *model, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  cpu_model_save (model, bytes);
  return g->vm->processor->load_model (g->vm->processor_opaque, 0, bytes->data, bytes->len, error);
}

static void
test_missing (void)
{
  Guest *g = guest_new (1);
  g_autofree CpuModel *model = g_new (CpuModel, 1), *have = g_new (CpuModel, 1);
  g_autoptr (GError) error = NULL;

  cpu_model_read (have, own, g);
  *model = *have;
  g_assert_true (load (g, model, &error));
  g_assert_no_error (error);
  leaf_of (model, 7, 0)->out[1] |= 1u << 5;
  leaf_of (model, 1, 0)->out[2] |= 1u << 28 | 1u << 27; /* OSXSAVE is no feature */
  g_assert_false (load (g, model, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_HOST);
  g_assert_cmpstr (
      error->message, ==,
      "The guest was saved on a processor with AVX, AVX2, which the software processor doesn't have");
  g_clear_error (&error);
  /* Bits that nobody has named, and many of them. */
  *model = *have;
  leaf_of (model, 7, 0)->out[3] = 1u << 31;
  g_assert_false (load (g, model, &error));
  g_assert_nonnull (strstr (error->message, "CPUID leaf 0x7 EDX bit 31,"));
  g_clear_error (&error);
  leaf_of (model, 7, 0)->out[3] = ~0u;
  g_assert_false (load (g, model, &error));
  g_assert_nonnull (strstr (error->message, " and 24 more features,"));
  guest_free (g);
}

static void
test_guest_sees (void)
{
  Guest *g = guest_new (2), *other = guest_new (2);
  g_autofree CpuModel *model = g_new (CpuModel, 1);
  g_autoptr (GByteArray) saved = g_byte_array_new (), again = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  uint32_t out[4], before[4];

  cpu_model_read (model, own, g);
  leaf_of (model, 1, 0)->out[2] &= ~(1u << 20); /* without SSE4.2 */
  leaf_of (model, 0, 0)->out[0] = 7;
  memcpy (&leaf_of (model, 0x80000002, 0)->out[0], "Anot", 4);
  soft_cpuid (g->cpu, 1, 0, before);
  g_assert_cmphex (before[2] & 1u << 20, !=, 0);
  g_assert_true (load (g, model, &error));
  g_assert_no_error (error);
  soft_cpuid (g->cpu, 1, 99, out);
  g_assert_cmphex (out[2], ==, before[2] & ~(1u << 20));
  g_assert_cmphex (out[1], ==, before[1]);
  soft_cpuid (g->cpu, 0x80000002, 0, out);
  g_assert_cmpmem (out, 4, "Anot", 4);
  /* What is the processor's own. */
  soft_cpuid (((SoftEngine *)g->engine)->cpus[1], 1, 0, out);
  g_assert_cmpuint (out[1] >> 24, ==, 1);
  soft_cpuid (((SoftEngine *)g->engine)->cpus[1], 0xb, 0, out);
  g_assert_cmpuint (out[3], ==, 1);
  /* And it is saved again as it was. */
  g->vm->processor->save_model (g->vm->processor_opaque, saved);
  g_assert_true (
      other->vm->processor->load_model (other->vm->processor_opaque, 0, saved->data, saved->len, &error));
  g_assert_no_error (error);
  other->vm->processor->save_model (other->vm->processor_opaque, again);
  g_assert_cmpmem (saved->data, saved->len, again->data, again->len);
  /* Hostile: whatever is said of leaves. */
  for (unsigned i = 0; i < 3000; i++)
    {
      g_autofree uint8_t *copy = g_memdup2 (saved->data, saved->len);

      for (unsigned n = 0; n < 4; n++)
        copy[g_test_rand_int_range (0, (gint32)saved->len)] = (uint8_t)g_test_rand_int ();
      other->vm->processor->load_model (other->vm->processor_opaque, 0, copy, saved->len, NULL);
      soft_cpuid (other->cpu, 1, 0, out);
    }
  guest_free (g);
  guest_free (other);
}

/* The whole file: refused before anything of the machine is changed. */
static void
test_file (void)
{
  g_autofree char *folder = g_dir_make_tmp ("viv-model-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  g_autofree CpuModel *model = g_new (CpuModel, 1);
  g_autoptr (GError) error = NULL;
  Guest *g = guest_new (1), *other = guest_new (1);
  CpuState s, after;

  guest_state (g, &s, 32, 0, FALSE);
  guest_start (g, &s);
  /* As if this engine had had more once. */
  cpu_model_read (model, own, g);
  leaf_of (model, 1, 0)->out[2] |= 1u << 25;
  ((SoftEngine *)g->engine)->model = g_steal_pointer (&model);
  g_assert_true (vm_save (g->vm, path, &error));
  g_assert_no_error (error);
  g_assert_false (vm_load (other->vm, path, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_HOST);
  g_assert_nonnull (strstr (error->message, " with AES, "));
  soft_engine_class.get_state (other->engine, 0, &after);
  g_assert_cmphex (after.rip, ==, 0xfff0);
  g_remove (path);
  g_rmdir (folder);
  guest_free (g);
  guest_free (other);
}

static const char *const baselines[] = { "486", "pentium", "pentium3", "x86-64", "x86-64-v2", "x86-64-v3" };

typedef struct
{
  const CpuBaseline *baseline;
  gboolean intel;
  Guest *guest;
} Below;

static void
of_its_time (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  const Below *below = opaque;

  soft_cpuid_own (below->guest->cpu, leaf, subleaf, out);
  cpu_baseline_apply (below->baseline, below->intel, leaf, subleaf, out);
}

/* A processor that has everything, as one of KVM's might. */
static void
everything (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  const Below *below = opaque;

  memset (out, 0xff, 4 * sizeof *out);
  if (leaf == 0)
    out[0] = 0x1f;
  if (leaf == 0x80000000 || leaf == 0x40000000)
    out[0] = leaf + 8;
  cpu_baseline_apply (below->baseline, below->intel, leaf, subleaf, out);
}

/* What each says, bit by bit: guests decide by these. */
static void
test_baselines (void)
{
  static const struct
  {
    uint32_t max, signature[2], edx, ecx, ebx7, extended, ext_edx, ext_ecx;
  } want[] = {
    { 1, { 0x4f4, 0x480 }, 0x00000001, 0, 0, 0, 0, 0 },
    { 1, { 0x562, 0x543 }, 0x008003bf, 0, 0, 0, 0, 0 },
    { 2, { 0x661, 0x683 }, 0x0383fbff, 0, 0, 0, 0, 0 },
    { 0xb, { 0x60fb1, 0x6f6 }, 0x178bfbff, 0x81200000, 0, 0x80000008, 0x2193fbff, 0x12 },
    { 0xb, { 0x60fb1, 0x106a5 }, 0x178bfbff, 0x81b82201, 0, 0x80000008, 0x2993fbff, 0x113 },
    { 0xd, { 0x60fb1, 0x306c3 }, 0x178bfbff, 0xbdfa3201, 0x7a9, 0x80000008, 0x2d93fbff, 0x133 },
  };

  g_assert_null (cpu_baseline_find ("host"));
  g_assert_null (cpu_baseline_find ("i386"));
  g_assert_null (cpu_baseline_find (NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (baselines); i++)
    for (unsigned intel = 0; intel < 2; intel++)
      {
        Below below = { cpu_baseline_find (baselines[i]), intel, NULL };
        uint32_t out[4];

        g_assert_nonnull (below.baseline);
        everything (&below, 0, 0, out);
        g_assert_cmphex (out[0], ==, want[i].max);
        g_assert_cmphex (out[1], ==, 0xffffffff); /* whose it is */
        everything (&below, 1, 0, out);
        g_assert_cmphex (out[0], ==, want[i].signature[intel]);
        g_assert_cmphex (out[2], ==, want[i].ecx);
        g_assert_cmphex (out[3], ==, want[i].edx);
        everything (&below, 7, 0, out);
        g_assert_cmphex (out[1], ==, want[i].ebx7);
        g_assert_cmphex (out[0] | out[2] | out[3], ==, 0);
        everything (&below, 0x80000000, 0, out);
        g_assert_cmphex (out[0], ==, want[i].extended);
        everything (&below, 0x80000001, 0, out);
        /* Intel's repeat no bits of leaf 1. */
        g_assert_cmphex (out[3], ==, intel ? want[i].ext_edx & 0x3c100800 : want[i].ext_edx);
        g_assert_cmphex (out[2], ==, want[i].ext_ecx);
        everything (&below, 0x40000000, 0, out);
        g_assert_cmphex (out[0], ==, i < 3 ? 0 : 0x40000008);
        /* Nothing behind the last leaf, and nothing of leaves that nobody has named. */
        static const uint32_t none[]
            = { 3, 5, 6, 9, 0xa, 0xe, 0x14, 0x19, 0x1f, 0x80000009, 0x8000001f, 0xc0000000 };
        for (unsigned n = 0; n < G_N_ELEMENTS (none); n++)
          {
            everything (&below, none[n], 0, out);
            g_assert_cmphex (out[0] | out[1] | out[2] | out[3], ==, 0);
          }
      }
}

/* The software processor as each of them, or the words that say why not. */
static void
test_baselines_here (void)
{
  Guest *g = guest_new (2);
  g_autofree CpuModel *have = g_new (CpuModel, 1), *seen = g_new (CpuModel, 1);
  g_autoptr (GError) error = NULL;

  cpu_model_read (have, own, g);
  for (unsigned i = 0; i < 5; i++)
    {
      Below below = { cpu_baseline_find (baselines[i]), FALSE, g };

      g_assert_true (cpu_baseline_check (below.baseline, have, "The test", &error));
      g_assert_no_error (error);
      /* It only takes away. */
      cpu_model_read (seen, of_its_time, &below);
      g_assert_true (cpu_model_check (seen, have, "the test", &error));
      g_assert_no_error (error);
    }
  g_assert_false (cpu_baseline_check (cpu_baseline_find ("x86-64-v3"), have, "The test", &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_HOST);
  g_assert_cmpstr (
      error->message, ==,
      "The test doesn't have FMA, AVX, F16C, BMI1, AVX2, BMI2, LZCNT, which a processor of the model x86-64-v3 has; "
      "choose another one (machine.cpu)");
  guest_free (g);
}

/* What is in the definition is what a guest sees, and a machine that was saved goes on as the one it was. */
static void
test_baseline_engine (void)
{
  const EngineConfig pentium = { 1, cpu_baseline_find ("pentium"), 0 };
  Guest *old = guest_new_with (&pentium), *other = guest_new (1);
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  const EngineConfig config = { 1, cpu_baseline_find ("x86-64-v3"), 0 };
  uint32_t out[4];

  soft_cpuid (old->cpu, 1, 0, out);
  g_assert_cmphex (out[3], ==, 0x008003bf);
  old->vm->processor->save_model (old->vm->processor_opaque, saved);
  g_assert_true (
      other->vm->processor->load_model (other->vm->processor_opaque, 0, saved->data, saved->len, &error));
  g_assert_no_error (error);
  for (uint32_t leaf = 0; leaf < 0x20; leaf++)
    {
      uint32_t before[4];

      soft_cpuid (old->cpu, leaf, 0, before);
      soft_cpuid (other->cpu, leaf, 0, out);
      g_assert_cmpmem (before, sizeof before, out, sizeof out);
    }
  guest_free (old);
  guest_free (other);
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_assert_null (engine_new (&soft_engine_class, vm, &config, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_HOST);
  g_assert_true (g_str_has_prefix (error->message, "The software processor doesn't have FMA, "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  soft_host_forget (~0u); /* the same processor on any host: x86-64-v2 */
  g_test_add_func ("/cpu-model/missing", test_missing);
  g_test_add_func ("/cpu-model/guest-sees", test_guest_sees);
  g_test_add_func ("/cpu-model/file", test_file);
  g_test_add_func ("/cpu-model/baselines", test_baselines);
  g_test_add_func ("/cpu-model/baselines-here", test_baselines_here);
  g_test_add_func ("/cpu-model/baseline-engine", test_baseline_engine);
  return g_test_run ();
}
