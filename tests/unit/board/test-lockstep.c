/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two machines in lockstep: the same accesses, the same time.  One of them is saved now and then and goes on as another machine that
 * was loaded from the file.  A field that is missing from a state table shows as a register that reads otherwise, an interrupt
 * that comes in one and not in the other, or a different state later on, which a comparison of a table with itself can't show.
 */
#include "../../fuzz/fuzz-machine.h"

#include "core/save.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/socket.h>

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

/* -- The same by a socket, memory in passes while the guest runs: what a migration does ---------------- */

typedef struct
{
  Twin other;
  int ends[2];
  SaveSink *sink;
  VmSave *save;
  GThread *reader, *worker;
  GError *error, *write_error;
  gint passes, stop;
} Move;

static gpointer
read_machine (gpointer data)
{
  Move *move = data;
  gboolean ok = vm_load_fd (move->other.m.vm, move->ends[1], "the socket", &move->error);

  close (move->ends[1]); /* a writer doesn't wait for us for ever */
  return GINT_TO_POINTER (ok);
}

static gpointer
send_passes (gpointer data)
{
  Move *move = data;
  uint64_t sent;

  while (!g_atomic_int_get (&move->stop) && vm_save_pass (move->save, &sent, &move->write_error))
    g_atomic_int_inc (&move->passes);
  return NULL;
}

static void
move_begin (Move *move, Twin *from)
{
  *move = (Move){ 0 };
  twin_open (&move->other);
  fuzz_machine_pause (&move->other.m);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, move->ends), ==, 0);
  move->sink = save_sink_new_fd (move->ends[0], "the socket");
  move->save = vm_save_begin (from->m.vm, move->sink, TRUE);
  move->reader = g_thread_new ("reader", read_machine, move);
  move->worker = g_thread_new ("passes", send_passes, move);
}

static void
move_end (Move *move, Twin *from)
{
  g_autoptr (GError) error = NULL;
  gboolean read;

  g_atomic_int_set (&move->stop, 1);
  g_thread_join (move->worker);
  g_assert_no_error (move->write_error);
  fuzz_machine_pause (&from->m);
  vm_save_finish (move->save, &error);
  g_assert_no_error (error);
  read = GPOINTER_TO_INT (g_thread_join (move->reader));
  g_assert_no_error (move->error);
  g_assert_true (read);
  vm_save_free (move->save);
  save_sink_free (move->sink);
  close (move->ends[0]);
  for (guint i = 0; i < from->m.vm->rams->len; i++)
    {
      Region *x = from->m.vm->rams->pdata[i], *y = move->other.m.vm->rams->pdata[i];

      g_assert_cmpmem (region_host (x), region_size (x), region_host (y), region_size (y));
    }
  vm_resume (move->other.m.vm);
  g_string_append (move->other.trace, from->trace->str);
  twin_close (from);
  *from = move->other;
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
  else if (kind < 89)
    {
      at = value % (3u << 20);
      if (at >= 0xa0000 && at < 0x100000)
        at += 0x100000;
      fuzz_poke (&twin->m, at, value, 4);
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

static void
unpack (const char *from, const char *to)
{
  g_autoptr (GFile) packed = g_file_new_for_path (from), file = g_file_new_for_path (to);
  g_autoptr (GZlibDecompressor) gzip = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInputStream) in = g_file_read (packed, NULL, &error);
  g_autoptr (GFileOutputStream) out = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL, &error);
  g_autoptr (GInputStream) plain = NULL;

  g_assert_no_error (error);
  plain = g_converter_input_stream_new (G_INPUT_STREAM (in), G_CONVERTER (gzip));
  g_output_stream_splice (G_OUTPUT_STREAM (out), plain, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);
}

/* What other versions have saved of fuzz-machine.h's machine loads, and goes on.  tests/data/board-N.state.gz: N is the format. */
static void
test_golden (void)
{
  g_autofree char *folder = g_build_filename (g_getenv ("VIVARIUM_SRCDIR"), "tests", "data", NULL);
  g_autofree char *room = g_dir_make_tmp ("viv-golden-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (room, "state", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  unsigned n = 0;

  g_assert_nonnull (dir);
  for (const char *name; (name = g_dir_read_name (dir)) != NULL;)
    {
      g_autofree char *packed = g_build_filename (folder, name, NULL);
      g_autoptr (GError) error = NULL;
      Twin twin;

      if (!g_str_has_prefix (name, "board-") || !g_str_has_suffix (name, ".state.gz"))
        continue;
      n++;
      unpack (packed, file);
      twin_open (&twin);
      fuzz_machine_pause (&twin.m);
      g_assert_true (vm_load (twin.m.vm, file, &error));
      g_assert_no_error (error);
      g_assert_cmpmem (region_host (twin.m.vm->rams->pdata[0]) + 0x8000, 8, "vivarium", 8);
      vm_resume (twin.m.vm);
      for (unsigned round = 0; round < 300; round++)
        {
          g_autoptr (GRand) rand = g_rand_new_with_seed (round);

          step (&twin, rand);
        }
      twin_close (&twin);
    }
  g_assert_cmpuint (n, >=, 2);
  g_remove (file);
  g_rmdir (room);
}

/* test-board-lockstep --write FILE: a new one. */
static void
write_golden (const char *path)
{
  g_autoptr (GError) error = NULL;
  Twin twin;

  twin_open (&twin);
  fuzz_machine_map (&twin.m);
  for (unsigned round = 0; round < 3000; round++)
    {
      g_autoptr (GRand) rand = g_rand_new_with_seed (round);

      step (&twin, rand);
    }
  release_keys (&twin);
  fuzz_machine_pause (&twin.m);
  /* Memory full of noise doesn't get smaller. */
  for (guint i = 0; i < twin.m.vm->rams->len; i++)
    memset (region_host (twin.m.vm->rams->pdata[i]), 0, region_size (twin.m.vm->rams->pdata[i]));
  memcpy (region_host (twin.m.vm->rams->pdata[0]) + 0x8000, "vivarium", 8);
  if (!vm_save (twin.m.vm, path, &error))
    g_error ("%s", error->message);
  twin_close (&twin);
}

static void
test_moving (gconstpointer data)
{
  unsigned seed = GPOINTER_TO_UINT (data), n = g_test_slow () ? 12000 : 1500;
  Twin a, b;
  Move move;

  twin_open (&a);
  twin_open (&b);
  fuzz_machine_map (&a.m);
  fuzz_machine_map (&b.m);
  for (unsigned round = 0; round < n; round++)
    {
      g_autoptr (GRand) first = g_rand_new_with_seed (seed * 1000003 + round), second = g_rand_copy (first);

      if (round % 300 == 100)
        move_begin (&move, &b);
      step (&a, first);
      step (&b, second);
      if (round % 300 == 299)
        {
          release_keys (&a);
          release_keys (&b);
          settle (&a);
          move_end (&move, &b);
          compare (&a, &b, round);
        }
    }
  twin_close (&a);
  twin_close (&b);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--write"))
    {
      write_golden (argv[2]);
      return 0;
    }
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lockstep/golden", test_golden);
  for (unsigned seed = 1; seed <= 4; seed++)
    {
      g_autofree char *path = g_strdup_printf ("/lockstep/devices-%u", seed);

      g_test_add_data_func (path, GUINT_TO_POINTER (seed), test_lockstep);
    }
  for (unsigned seed = 1; seed <= 2; seed++)
    {
      g_autofree char *path = g_strdup_printf ("/lockstep/moving-%u", seed);

      g_test_add_data_func (path, GUINT_TO_POINTER (seed), test_moving);
    }
  return g_test_run ();
}
