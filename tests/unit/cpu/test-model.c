/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What CPUID said is saved with a machine: another processor must have it, too, and the guest goes on to see it.
 */
#include "tests/unit/cpu/soft-guest.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu-model/missing", test_missing);
  g_test_add_func ("/cpu-model/guest-sees", test_guest_sees);
  g_test_add_func ("/cpu-model/file", test_file);
  return g_test_run ();
}
