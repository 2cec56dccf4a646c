/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The prompt's commands at a machine that is known: each answers as text and as JSON, twice the same, and hostile lines get words.
 */
#include "debug/commands.h"
#include "debug/memory.h"

#include <string.h>

#define RAM (16u << 20)

typedef struct
{
  Vm *vm;
  Engine *engine;
  Region *ram;
  DebugContext context;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  const EngineConfig config = { .n_cpus = 2 };

  f->vm = vm_new (NULL, TRUE);
  f->engine = engine_new (&soft_engine_class, f->vm, &config, NULL);
  g_assert_nonnull (f->engine);
  f->ram = region_new_ram ("ram", RAM, RAM_DEFAULT, NULL);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->ram, 0, 0, RAM, 0);
  vm_unlock (f->vm);
  vm_start (f->vm, TRUE);
  f->context = (DebugContext){ f->vm, f->engine, 0, FALSE };
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  engine_free (f->engine);
  vm_free (f->vm);
  region_unref (f->ram);
}

static void
store (Fixture *f, uint64_t at, uint64_t value, unsigned size)
{
  g_assert_true (address_space_write_memory (f->vm->memory, at, &value, size));
}

/* Long mode: linear 0xffff800000200000 is the page of 2 MiB at 4 MiB, 0x1000 the small one at 0x5000, user and writable. */
static void
map_long (Fixture *f)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  store (f, 0x10000, 0x11007, 8);
  store (f, 0x10000 + 256 * 8, 0x13003, 8);
  store (f, 0x11000, 0x12007, 8);
  store (f, 0x12000, 0x14007, 8);
  store (f, 0x14008, 0x5007, 8);
  store (f, 0x13000, 0x15003, 8);
  store (f, 0x15008, 0x8000000000400083, 8);
  g_assert_true (f->engine->klass->get_state (f->engine, 0, state));
  state->cr0 = 0x80000011;
  state->cr3 = 0x10000;
  state->cr4 = 0x20;
  state->efer = 0xd00;
  state->segment[CPU_CS] = (CpuSegment){ .selector = 8, .attributes = 0xa9b, .limit = 0xffffffff };
  state->rip = 0x1000;
  g_assert_true (f->engine->klass->set_registers (f->engine, 0, state));
}

static void
test_twice (Fixture *f, gconstpointer data)
{
  static const char *const lines[] = { "help",
                                       "info status",
                                       "info cpus",
                                       "info registers",
                                       "info msrs",
                                       "info lapic",
                                       "info pages",
                                       "page-walk 0x1000",
                                       "x 0x1000",
                                       "xp 0x5000 17",
                                       "disassemble",
                                       "disassemble 0x1000 16",
                                       "info devices",
                                       "info map",
                                       "info ports",
                                       "info pci",
                                       "info interrupts",
                                       "info clocks",
                                       "cpu 1 info registers",
                                       "x $rsp+0x20 4" };
  g_autofree CpuState *before = g_new0 (CpuState, 1), *after = g_new0 (CpuState, 1);

  map_long (f);
  f->engine->klass->get_state (f->engine, 0, before);
  for (unsigned i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *text = debug_command_text (&f->context, lines[i]),
                      *again = debug_command_text (&f->context, lines[i]);
      g_autofree char *json = debug_command (&f->context, lines[i], TRUE, NULL);

      g_assert_cmpstr (text, ==, again);
      g_test_message ("%s\n%s", lines[i], text);
      if (g_str_has_prefix (lines[i], "x $rsp"))
        continue; /* not mapped */
      g_assert_nonnull (json);
      g_assert_cmpint (json[0], ==, '{');
    }
  f->engine->klass->get_state (f->engine, 0, after);
  g_assert_cmpmem (before, sizeof *before, after, sizeof *after);
}

static void
has (Fixture *f, const char *line, const char *wanted)
{
  g_autofree char *text = debug_command_text (&f->context, line);

  if (strstr (text, wanted) == NULL)
    g_error ("“%s” answers without “%s”:\n%s", line, wanted, text);
}

static void
test_pages (Fixture *f, gconstpointer data)
{
  uint64_t entry;

  map_long (f);
  store (f, 0x5010, 0x6f6c6c6548, 8);
  has (f, "page-walk 0x1000", "0x0000000000005000, in a page of 4 KiB");
  has (f, "page-walk 0xffff800000234567", "0x0000000000434567, in a page of 2048 KiB");
  has (f, "page-walk 0x2000", "not mapped");
  has (f, "page-walk 0x8000000000000", "not mapped"); /* not canonical */
  has (f, "x 0x1010 5", "48 65 6c 6c 6f");
  has (f, "x $rip+0x10 5", "Hello");
  has (f, "xp 0x5010 5", "Hello");
  has (f, "disassemble 0x1010 5", "48656c6c6f");
  has (f, "disassemble 0x1ffe 5", "bytes    0000"); /* up to the end of what is mapped */
  has (f, "disassemble", "bits     64");
  has (f, "info pages", "0x0000000000005000  uwx");
  has (f, "info pages", "0x0000000000400000  -w-");
  has (f, "info registers", "64-bit");
  /* No accessed bit was set. */
  g_assert_true (address_space_read_memory (f->vm->memory, 0x14008, &entry, 8));
  g_assert_cmphex (entry, ==, 0x5007);
}

static void
test_write (Fixture *f, gconstpointer data)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, found[8];

  map_long (f);
  f->engine->klass->get_state (f->engine, 0, state);
  g_assert_true (debug_write_memory (f->vm, state, 0x1ff0, bytes, 8));
  g_assert_cmpuint (debug_read_memory (f->vm, NULL, 0x5ff0, found, 8), ==, 8);
  g_assert_cmpmem (bytes, 8, found, 8);
  /* Over the end of what is mapped: nothing is written. */
  g_assert_false (debug_write_memory (f->vm, state, 0x1ffc, bytes, 8));
  g_assert_cmpuint (debug_read_memory (f->vm, state, 0x1ffc, found, 8), ==, 4);
  g_assert_cmpuint (found[0], ==, 0);
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  static const char *const lines[] = { "",
                                       " ",
                                       "nonsense",
                                       "info",
                                       "info nothing",
                                       "x",
                                       "x 1 2 3",
                                       "x zzz",
                                       "x 0x",
                                       "x 0x11112222333344445",
                                       "x 0 5000",
                                       "x +",
                                       "x 1+",
                                       "cpu",
                                       "cpu 9 info registers",
                                       "cpu x y",
                                       "page-walk",
                                       "page-walk 1 2",
                                       "disassemble 1 2 3",
                                       "disassemble zzz",
                                       "disassemble 0x1000 0",
                                       "disassemble 0x1000 4097",
                                       "disassemble 0x8000000000000",
                                       "info device",
                                       "info device none",
                                       "info pages x",
                                       "x $nothing",
                                       "xp 0xffffffffffffffff 4096",
                                       "info pages 0xfffffffffffff000",
                                       "\xff\xfe",
                                       "x 1+1+1+1+1+1" };
  g_autofree char *long_line = g_strnfill (100000, 'x');

  map_long (f);
  for (unsigned i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *text = debug_command_text (&f->context, lines[i]),
                      *json = debug_command (&f->context, lines[i], TRUE, NULL);

      g_assert_nonnull (text);
    }
  has (f, long_line, "at most");
}

static void
test_complete (Fixture *f, gconstpointer data)
{
  has (f, "complete info re", "registers");
  has (f, "complete pa", "page-walk");
  has (f, "complete ", "help");
  g_autofree char *none = debug_command_text (&f->context, "complete info registers x");
  g_assert_cmpstr (none, ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/commands/twice", Fixture, NULL, set_up, test_twice, tear_down);
  g_test_add ("/commands/pages", Fixture, NULL, set_up, test_pages, tear_down);
  g_test_add ("/commands/write", Fixture, NULL, set_up, test_write, tear_down);
  g_test_add ("/commands/complete", Fixture, NULL, set_up, test_complete, tear_down);
  g_test_add ("/commands/hostile", Fixture, NULL, set_up, test_hostile, tear_down);
  return g_test_run ();
}
