/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The classic PC without a processor, driven by the qtest line protocol.
 */
#include "board/pc.h"
#include "cpu/engine.h"
#include "cpu/none/qtest.h"

#include <string.h>

typedef struct
{
  Vm *vm;
  Engine *engine;
  Board *board;
} Fixture;

static void
setup (Fixture *f, gconstpointer data)
{
  EngineConfig config = { .n_cpus = 1 };
  g_autoptr (MachineDefinition) definition = definition_new ("none");
  g_autoptr (GError) error = NULL;

  g_assert_true (definition_set (definition, "machine.memory", "16M", &error));
  f->vm = vm_new (NULL, TRUE);
  f->engine = engine_new (&none_engine_class, f->vm, &config, &error);
  g_assert_no_error (error);
  f->board = pc_new (f->vm, definition, &error);
  g_assert_no_error (error);
  vm_start (f->vm, FALSE);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  vm_stop (f->vm, NULL);
  engine_free (f->engine);
  board_free (f->board);
  vm_free (f->vm);
}

static void
check (Fixture *f, const char *line, const char *expected)
{
  g_autofree char *answer = qtest_command (f->vm, line);

  g_assert_cmpstr (answer, ==, expected);
}

static void
test_memory (Fixture *f, gconstpointer data)
{
  check (f, "writel 0x1000 0x12345678", "OK\n");
  check (f, "readw 0x1002", "OK 0x1234\n");
  check (f, "write 0x2000 3 0xa1b2c3", "OK\n");
  check (f, "read 0x1fff 5", "OK 0x00a1b2c300\n");
  check (f, "memset 0x2000 2 0x5a", "OK\n");
  check (f, "read 0x2000 3", "OK 0x5a5ac3\n");
  /* The reset vector of the firmware. */
  check (f, "readb 0xfffffff0", "OK 0x00ea\n");
}

/* The host bridge answers configuration cycles. */
static void
test_ports (Fixture *f, gconstpointer data)
{
  check (f, "outl 0xcf8 0x80000000", "OK\n");
  check (f, "inl 0xcfc", "OK 0x12378086\n");
  check (f, "inb 0x1234", "OK 0x00ff\n");
}

/* Counter 2 of the 8254 in mode 0 counts the clock. */
static void
test_clock (Fixture *f, gconstpointer data)
{
  check (f, "outb 0x61 1", "OK\n");
  check (f, "outb 0x43 0xb0", "OK\n");
  check (f, "outb 0x42 0xff", "OK\n");
  check (f, "outb 0x42 0x00", "OK\n");
  check (f, "clock_step 1000000", "OK 1000000\n");
  {
    g_autofree char *answer = qtest_command (f->vm, "inb 0x61");

    g_assert_true (g_ascii_strtoull (answer + 3, NULL, 0) & 0x20); /* OUT2: 255 counts have passed */
  }
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  static const char *const lines[] = { "",
                                       "nonsense",
                                       "inb",
                                       "inb x",
                                       "outb 1",
                                       "inq 0x60",
                                       "readx 0x1",
                                       "write 0x10 4 0x12",
                                       "write 0 1 1g",
                                       "read 0 -1",
                                       "memset 0 10 300",
                                       "clock_step -5",
                                       "read 0 99999999999999999999999",
                                       "write 0 1 0xzz" };

  for (unsigned i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *answer = qtest_command (f->vm, lines[i]);

      g_assert_true (g_str_has_prefix (answer, "FAIL"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/qtest/" name, Fixture, NULL, setup, func, teardown)
  ADD ("memory", test_memory);
  ADD ("ports", test_ports);
  ADD ("clock", test_clock);
  ADD ("refused", test_refused);
  return g_test_run ();
}
