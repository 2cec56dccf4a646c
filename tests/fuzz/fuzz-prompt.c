/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines for the prompt, and a guest whose memory (page tables, code) and registers are anything.
 *
 * Input: lines; the first begins with the registers that page tables are found by, and all of it is the guest's memory, too.
 */
#include "fuzz.h"

#include "debug/commands.h"

#include <stdlib.h>

#define RAM (1u << 20)

static struct
{
  Vm *vm;
  Engine *engine;
  Region *ram;
} machine;

static void
tell_nothing (void *opaque, DebugReport *report)
{
  debug_report_table (report, "nothing", "key value");
}

static const DebugView views[] = { { "info view", "A view.", tell_nothing }, { NULL } };

/* A processor lies where LeakSanitizer doesn't look for who has what. */
static void
end (void)
{
  engine_free (machine.engine);
  vm_free (machine.vm);
  region_unref (machine.ram);
}

/* Once: what lines do to it is nothing. */
static void
begin (void)
{
  const EngineConfig config = { .n_cpus = 2 };

  if (machine.vm != NULL)
    return;
  machine.vm = vm_new (NULL, TRUE);
  machine.engine = engine_new (&soft_engine_class, machine.vm, &config, NULL);
  machine.ram = region_new_ram ("ram", RAM, RAM_DEFAULT, NULL);
  vm_lock (machine.vm);
  address_space_map (machine.vm->memory, machine.ram, 0, 0, RAM, 0);
  vm_unlock (machine.vm);
  vm_start (machine.vm, TRUE);
  atexit (end);
}

/* Modes by the length, so that any input has one: none, 32 bits, PAE, four levels. */
static void
set_registers (const uint8_t *data, size_t length)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  FuzzBytes bytes = { data, length };

  if (!machine.engine->klass->get_state (machine.engine, 0, state))
    return;
  state->cr3 = fuzz_u32 (&bytes) & (RAM - 1) & ~0xfffu;
  state->rip = fuzz_u32 (&bytes);
  state->gpr[CPU_RSP] = fuzz_u64 (&bytes);
  state->cr0 = length % 4 == 0 ? 0x10 : 0x80000011;
  state->cr4 = length % 4 >= 2 ? 0x20 : 0x10;
  state->efer = length % 4 == 3 ? 0x500 : 0;
  state->segment[CPU_CS]
      = (CpuSegment){ .selector = 8, .attributes = length % 4 == 3 ? 0xa9b : 0xc9b, .limit = 0xffffffff };
  machine.engine->klass->set_registers (machine.engine, 0, state);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  g_autofree char *text = g_strndup ((const char *)data, length);
  g_auto (GStrv) lines = NULL;
  g_autofree CpuState *before = g_new0 (CpuState, 1), *after = g_new0 (CpuState, 1);

  begin ();
  const DebugContext context = { machine.vm, machine.engine, 0, length % 2 != 0, views, NULL };
  memset (region_host (machine.ram), 0, RAM);
  for (size_t at = 0; length > 0 && at + length <= RAM; at += 0x1000)
    memcpy (region_host (machine.ram) + at, data, MIN (length, 0x1000));
  set_registers (data, length);
  machine.engine->klass->get_state (machine.engine, 0, before);
  lines = g_strsplit (text, "\n", 16);
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *answer = NULL, *json = NULL;

      /* It is an order, which changes the machine. */
      if (strstr (lines[i], "reset") != NULL)
        continue;
      answer = debug_command_text (&context, lines[i]);
      json = debug_command (&context, lines[i], TRUE, NULL);
      if (answer == NULL || (json != NULL && json[0] != '{' && !g_str_has_prefix (lines[i], "complete ")))
        g_critical ("no answer to “%s”", lines[i]);
    }
  machine.engine->klass->get_state (machine.engine, 0, after);
  if (memcmp (before, after, sizeof *before) != 0)
    g_critical ("looking has changed the processor");
  return 0;
}

static void
make (void)
{
  static const char *const seeds[] = {
    "info registers\ninfo cpus\ninfo msrs\ninfo lapic\ninfo status\nhelp",
    "info pages\ninfo pages 0x1000\npage-walk 0x1000\npage-walk $rip\nx $rsp+0x20 64",
    "xp 0 4096\nx 0x1000 17\ndisassemble\ndisassemble $rip 100\ncpu 1 info registers",
    "info devices\ninfo device pic\ninfo pci\ninfo map\ninfo ports\ninfo interrupts\ninfo clocks\ninfo view",
    "complete info \ncomplete cpu 1 info re\ncomplete \ncomplete x",
  };
  static const char *const words[] = { "info ", "cpu ", "page-walk ", "disassemble ", "$rip", "$rsp",
                                       "$cr3",  "+0x",  "complete ",  "x ",           "xp " };

  for (unsigned i = 0; i < G_N_ELEMENTS (seeds); i++)
    fuzz_seed (seeds[i], strlen (seeds[i]));
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    fuzz_word_text (words[i]);
}

const FuzzTarget fuzz_target = {
  .room
  = "vmm/debug/commands.c vmm/debug/commands-machine.c vmm/debug/commands-processor.c vmm/debug/report.c vmm/debug/memory.c",
  .max_length = 4096,
  .make = make,
};
