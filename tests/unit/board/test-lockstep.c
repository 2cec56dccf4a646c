/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two machines in lockstep: the same accesses, the same time.  One of them is saved now and then and goes on as another machine that
 * was loaded from the file.  A field that is missing from a state table shows as a register that reads otherwise, an interrupt
 * that comes in one and not in the other, or a different state later on, which a comparison of a table with itself can't show.
 */
#include "../../fuzz/fuzz-machine.h"

#include <glib/gstdio.h>

typedef struct
{
  FuzzMachine m;
  GString *trace; /* what its guest could see since the last comparison */
} Twin;

static void
note (Twin *twin, const char *what, uint64_t at, uint64_t value)
{
  g_string_append_printf (twin->trace, "%s %" G_GINT64_MODIFIER "x = %" G_GINT64_MODIFIER "x\n", what, at,
                          value);
}

/* Disks work on other threads: their requests end within the step that began them. */
static void
settle (Twin *twin)
{
  fuzz_machine_pause (&twin->m);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  vm_resume (twin->m.vm);
}

static void
twin_open (Twin *twin)
{
  fuzz_machine_open (&twin->m);
  twin->trace = g_string_new (NULL);
}

static void
twin_close (Twin *twin)
{
  fuzz_machine_close (&twin->m);
  g_string_free (twin->trace, TRUE);
}

static GBytes *
saved (Twin *twin, const char *path)
{
  g_autoptr (GError) error = NULL;
  char *data;
  gsize length;

  fuzz_machine_pause (&twin->m);
  g_assert_true (vm_save (twin->m.vm, path, &error));
  g_assert_no_error (error);
  vm_resume (twin->m.vm);
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  return g_bytes_new_take (data, length);
}

static char *
printed (Vm *vm)
{
  GString *text = g_string_new (NULL);

  vm_lock (vm);
  for (guint i = 0; i < vm->devices->len; i++)
    {
      Device *device = g_ptr_array_index (vm->devices, i);

      g_string_append_printf (text, "%s\n", device->id);
      state_print (device->klass->state, device, "  ", text);
    }
  vm_unlock (vm);
  return g_string_free (text, FALSE);
}

/* Where two texts part, with the lines before. */
static void
assert_same (const char *a, const char *b, const char *what, unsigned round)
{
  g_auto (GStrv) x = NULL, y = NULL;
  unsigned i = 0;

  if (g_str_equal (a, b))
    return;
  x = g_strsplit (a, "\n", -1);
  y = g_strsplit (b, "\n", -1);
  while (x[i] != NULL && y[i] != NULL && g_str_equal (x[i], y[i]))
    i++;
  for (unsigned k = i > 12 ? i - 12 : 0; k < i; k++)
    g_test_message ("%s", x[k]);
  g_test_message ("stayed: %s", x[i] != NULL ? x[i] : "(end)");
  g_test_message ("loaded: %s", y[i] != NULL ? y[i] : "(end)");
  g_error ("round %u: %s differ: “%s”, and “%s” in the machine that was loaded", round, what,
           x[i] != NULL ? x[i] : "(end)", y[i] != NULL ? y[i] : "(end)");
}

static void
compare (Twin *a, Twin *b, unsigned round)
{
  g_autofree char *x = printed (a->m.vm), *y = printed (b->m.vm);

  assert_same (a->trace->str, b->trace->str, "what the guests saw", round);
  g_string_truncate (a->trace, 0);
  g_string_truncate (b->trace, 0);
  assert_same (x, y, "the states", round);
}

static void
release_keys (Twin *twin)
{
  vm_lock (twin->m.vm);
  input_router_forget (twin->m.board->router);
  vm_unlock (twin->m.vm);
}

/* The file of the one becomes a new machine, which takes its place. */
static void
replace (Twin *twin, const char *path)
{
  g_autoptr (GBytes) unused = saved (twin, path);
  g_autoptr (GError) error = NULL;
  Twin other;

  twin_open (&other);
  fuzz_machine_pause (&other.m);
  g_assert_true (vm_load (other.m.vm, path, &error));
  g_assert_no_error (error);
  vm_resume (other.m.vm);
  g_string_append (other.trace, twin->trace->str);
  twin_close (twin);
  *twin = other;
}

/* -- Accesses --------------------------------------------------------------------------------------- */

typedef struct
{
  uint16_t first, n;
  uint8_t size;
} Ports;

/* What changes disks is left out: they are no part of the state. */
static const Ports ports[] = {
  { 0x20, 2, 1 },   { 0xa0, 2, 1 },    { 0x4d0, 2, 1 },  { 0x40, 4, 1 },  { 0x61, 1, 1 },  { 0x70, 4, 1 },
  { 0x00, 16, 1 },  { 0x80, 16, 1 },   { 0xc0, 32, 1 },  { 0x60, 1, 1 },  { 0x64, 1, 1 },  { 0x92, 1, 1 },
  { 0x3f8, 8, 1 },  { 0x3c0, 16, 1 },  { 0x3d0, 16, 1 }, { 0x1ce, 2, 2 }, { 0x1f1, 6, 1 }, { 0x171, 6, 1 },
  { 0x3f6, 1, 1 },  { 0x376, 1, 1 },   { 0x3f2, 1, 1 },  { 0x510, 2, 1 }, { 0x600, 6, 2 }, { 0x608, 1, 4 },
  { 0xafe0, 4, 1 }, { 0xc000, 16, 1 }, { 0xf0, 1, 1 },   { 0x402, 1, 1 }, { 0x4d0, 2, 1 }, { 0xb2, 2, 1 },
};
static const uint8_t ata_commands[]
    = { 0xec, 0xa1, 0x20, 0xc4, 0x90, 0x00, 0x91, 0xef, 0xe5, 0x70, 0x40, 0xc6, 0x08 };
static const uint8_t fdc_bytes[] = { 0x10, 0x08, 0x0e, 0x03, 0x04, 0x07, 0x0f, 0x4a, 0x00, 0x01 };

static uint64_t
load_port (Twin *twin, uint16_t port, unsigned size)
{
  return address_space_load (twin->m.vm->ports, &twin->m.ports, port, size, FALSE);
}

static void
step (Twin *twin, GRand *rand)
{
  Vm *vm = twin->m.vm;
  unsigned kind = (unsigned)g_rand_int_range (rand, 0, 100);
  uint32_t value = g_rand_int (rand);
  const Ports *p = &ports[g_rand_int_range (rand, 0, G_N_ELEMENTS (ports))];
  uint16_t port = (uint16_t)(p->first + g_rand_int_range (rand, 0, p->n));
  static const uint16_t hpet[] = { 0x10, 0x20, 0xf0, 0x100, 0x108, 0x120, 0x128, 0x140, 0x148, 0x104, 0x10c };
  uint64_t at;

  if (kind < 35)
    {
      /* Not the output port's reset line, nor the pulses of it: they would restart the machines all the time. */
      if (port == 0x64 && (value & 0xff) >= 0xd0)
        value &= 0x3f;
      if (port == 0x92)
        value &= ~1u;
      if (port == 0x604 || port == 0x605)
        value &= 0x00ff00ff;
      fuzz_out (&twin->m, port, value, p->size);
    }
  else if (kind < 60)
    note (twin, "in", port, load_port (twin, port, p->size));
  else if (kind < 68)
    {
      at = 0xfed00000 + hpet[value % G_N_ELEMENTS (hpet)];
      if (value & 1 << 16)
        note (twin, "hpet", at, address_space_load (vm->memory, &twin->m.memory, at, 4, FALSE));
      else
        fuzz_poke (&twin->m, at, value >> 20, 4);
    }
  else if (kind < 74)
    {
      fuzz_poke (&twin->m, 0xfec00000, 0x10 + value % 48, 4);
      if (value & 1 << 16)
        note (twin, "ioapic", value % 48,
              address_space_load (vm->memory, &twin->m.memory, 0xfec00010, 4, FALSE));
      else
        fuzz_poke (&twin->m, 0xfec00010, value >> 15, 4);
    }
  else if (kind < 78)
    {
      fuzz_out (&twin->m, value & 1 ? 0x1f7 : 0x177, ata_commands[(value >> 8) % G_N_ELEMENTS (ata_commands)],
                1);
      settle (twin);
      for (unsigned i = 0; i < (value >> 16 & 7); i++)
        note (twin, "ata", i, load_port (twin, value & 1 ? 0x1f0 : 0x170, 2));
    }
  else if (kind < 81)
    {
      fuzz_out (&twin->m, 0x3f5, fdc_bytes[value % G_N_ELEMENTS (fdc_bytes)], 1);
      settle (twin);
      note (twin, "fdc", 0x3f4, load_port (twin, 0x3f4, 1));
      if (value & 1 << 16)
        note (twin, "fdc", 0x3f5, load_port (twin, 0x3f5, 1));
    }
  else if (kind < 85)
    {
      int vector;

      vm_lock (vm);
      vector = vm->intack (vm->intack_opaque);
      vm->eoi (vm->eoi_opaque, value & 0xff);
      vm_unlock (vm);
      note (twin, "vector", 0, (uint64_t)vector);
    }
  else if (kind < 88)
    {
      InputEvent key
          = { .type = INPUT_EVENT_KEY, .code = (uint16_t)(1 + value % 80), .value = value >> 16 & 1 };

      vm_lock (vm);
      input_router_send (twin->m.board->router, &key);
      vm_unlock (vm);
    }
  else if (kind < 90)
    {
      at = 0xa0000 + (value & 0x1ffff);
      if (value & 1u << 31)
        note (twin, "vga", at, address_space_load (vm->memory, &twin->m.memory, at, 1, FALSE));
      else
        fuzz_poke (&twin->m, at, value >> 20, 1);
    }
  else
    vm_clock_advance (vm->clock, kind < 97 ? value % 3000000 : value % (NS_PER_SECOND / 2));
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_lockstep (gconstpointer data)
{
  unsigned seed = GPOINTER_TO_UINT (data), n = g_test_slow () ? 20000 : 2500;
  g_autofree char *folder = g_dir_make_tmp ("viv-lockstep-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  Twin a, b;

  twin_open (&a);
  twin_open (&b);
  fuzz_machine_map (&a.m);
  fuzz_machine_map (&b.m);
  for (unsigned round = 0; round < n; round++)
    {
      g_autoptr (GRand) first = g_rand_new_with_seed (seed * 1000003 + round), second = g_rand_copy (first);

      step (&a, first);
      step (&b, second);
      if (round % 97 == 96)
        {
          /* Nobody holds a key of a machine that is loaded: it releases them, and what waited for the guest is gone. */
          release_keys (&a);
          release_keys (&b);
          settle (&a);
          replace (&b, path);
          compare (&a, &b, round);
        }
    }
  compare (&a, &b, n);
  twin_close (&a);
  twin_close (&b);
  g_remove (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned seed = 1; seed <= 4; seed++)
    {
      g_autofree char *path = g_strdup_printf ("/lockstep/devices-%u", seed);

      g_test_add_data_func (path, GUINT_TO_POINTER (seed), test_lockstep);
    }
  return g_test_run ();
}
