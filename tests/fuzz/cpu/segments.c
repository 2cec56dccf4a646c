/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fuzz-cpu-segments: short programs where segments have bases and limits, on the interpreter and on the translator, and compared to the last bit.
 *
 *   fuzz-cpu-segments [--seconds N] [--count N] [--seed S] [--first N] [--length N] [--verbose]
 *
 * Real mode, virtual-8086 mode, 16-bit and 32-bit protected mode of ring 0 and 3, with and without paging: addresses that are cut to 16 bits, limits that
 * are met or not, segments that grow down, are read-only or aren't there, stacks of either size, segment registers that are loaded, code near its segment's
 * end.  All registers and the memory are compared, so what faults push counts, too.  Ends as fuzz-cpu-sequences does.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "segments.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cpu/soft/engine-soft.h"

static gint64 seconds = 0, count = 0, first = 0, seed = 1, longest = 20;
static gboolean verbose;

static const GOptionEntry entries[] = {
  { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "Run for this long", "N" },
  { "count", 0, 0, G_OPTION_ARG_INT64, &count, "Run this many programs", "N" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Seed of the run", "S" },
  { "first", 0, 0, G_OPTION_ARG_INT64, &first, "Number of the first program", "N" },
  { "length", 0, 0, G_OPTION_ARG_INT64, &longest, "Instructions at most", "N" },
  { "verbose", 0, 0, G_OPTION_ARG_NONE, &verbose, "Print each program", NULL },
  { NULL },
};

typedef struct
{
  Vm *vm;
  Engine *engine;
  SoftCpu *cpu;
  uint8_t *ram;
} Machine;

typedef struct
{
  CpuState state;
  uint32_t eflags;
  gboolean ended;
} Result;

static Machine machines[2];
static uint8_t memory[SEGMENTS_RAM]; /* what both begin with */
static gint quit;

static void
make_machine (Machine *m)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Region) region = NULL;
  EngineConfig config = { .n_cpus = 1 };

  m->vm = vm_new (NULL, TRUE);
  region = region_new_ram ("ram", SEGMENTS_RAM, RAM_DEFAULT, &error);
  if (region == NULL)
    g_error ("%s", error->message);
  m->ram = region_host (region);
  vm_lock (m->vm);
  vm_add_ram (m->vm, region);
  address_space_map (m->vm->memory, region, 0, 0, SEGMENTS_RAM, 0);
  vm_unlock (m->vm);
  m->engine = engine_new (&soft_engine_class, m->vm, &config, &error);
  if (m->engine == NULL)
    g_error ("%s", error->message);
  m->cpu = ((SoftEngine *)m->engine)->cpus[0];
}

static void
free_machines (void)
{
  for (unsigned i = 0; i < 2; i++)
    {
      engine_free (machines[i].engine);
      vm_free (machines[i].vm);
    }
}

/* As a device would, so that decoded code is dropped. */
static void
fill (Machine *m, const SegmentsProgram *p, gboolean all)
{
  segments_memory (p, memory);
  address_space_write_memory (m->vm->memory, 0, memory, all ? SEGMENTS_RAM : SEGMENTS_USED);
}

static void
run (Machine *m, const SegmentsProgram *p, const CpuState *start, gboolean count_them, Result *result)
{
  SoftCpu *cpu = m->cpu;

  fill (m, p, FALSE);
  soft_cpu_set_counting (cpu, count_them);
  if (!soft_cpu_set_registers (cpu, start, NULL))
    g_error ("the software processor refuses the state");
  cpu->run_state = CPU_RUN_RUNNING;
  cpu->shadow = 0;
  cpu->nmi_masked = FALSE;
  cpu->pending_db = 0;
  for (unsigned tries = 0; cpu->run_state == CPU_RUN_RUNNING && tries < 20; tries++)
    soft_cpu_run (cpu, 5000);
  result->ended = cpu->run_state != CPU_RUN_RUNNING;
  soft_cpu_get_state (cpu, &result->state);
  result->eflags = soft_get_eflags (cpu);
}

static gpointer
clock_thread (gpointer data)
{
  while (g_atomic_int_get (&quit) == 0)
    {
      g_usleep (1000);
      soft_attend (machines[1].cpu, SOFT_ATTENTION_YIELD);
    }
  return NULL;
}

static gboolean
same_segments (const CpuState *a, const CpuState *b)
{
  for (unsigned i = 0; i < CPU_N_SEGMENTS; i++)
    if (a->segment[i].selector != b->segment[i].selector || a->segment[i].base != b->segment[i].base
        || a->segment[i].limit != b->segment[i].limit || a->segment[i].attributes != b->segment[i].attributes)
      return FALSE;
  return TRUE;
}

static void
print_program (const SegmentsProgram *p, uint64_t number, const CpuState *s)
{
  printf ("program %" PRIu64 ", %s, at %04x:%04x (base %x limit %x), cr0 %x, at linear %x:\n ", number,
          segments_mode_name (p), s->segment[CPU_CS].selector, (unsigned)s->rip,
          (unsigned)s->segment[CPU_CS].base, s->segment[CPU_CS].limit, (unsigned)s->cr0, p->linear);
  for (unsigned i = 0; i < p->length; i++)
    printf (" %02x", p->code[i]);
  printf ("\n");
  for (unsigned i = 0; i < 6; i++)
    printf ("  segment %u: %04x base %x limit %x attributes %x\n", i, s->segment[i].selector,
            (unsigned)s->segment[i].base, s->segment[i].limit, s->segment[i].attributes);
}

static gboolean
same (const SegmentsProgram *p, uint64_t number, const CpuState *start, const Result *a, const Result *b)
{
  if (memcmp (a->state.gpr, b->state.gpr, sizeof a->state.gpr) == 0 && a->state.rip == b->state.rip
      && a->eflags == b->eflags && a->state.cr2 == b->state.cr2 && a->state.run_state == b->state.run_state
      && same_segments (&a->state, &b->state)
      && memcmp (machines[0].ram, machines[1].ram, SEGMENTS_USED) == 0)
    return TRUE;
  printf ("DIFFERENCE in ");
  print_program (p, number, start);
  printf ("  again: fuzz-cpu-segments --seed %" PRId64 " --first %" PRIu64 " --count 1 --length %" PRId64
          "\n",
          seed, number, longest);
  printf ("  interpreter: rip %" PRIx64 " eflags %x cr2 %" PRIx64 " state %u\n", a->state.rip, a->eflags,
          a->state.cr2, a->state.run_state);
  printf ("  translator:  rip %" PRIx64 " eflags %x cr2 %" PRIx64 " state %u\n", b->state.rip, b->eflags,
          b->state.cr2, b->state.run_state);
  for (unsigned i = 0; i < 8; i++)
    if (a->state.gpr[i] != b->state.gpr[i])
      printf ("  register %u: before %" PRIx64 " interpreter %" PRIx64 " translator %" PRIx64 "\n", i,
              start->gpr[i], a->state.gpr[i], b->state.gpr[i]);
  for (unsigned i = 0; i < 6; i++)
    if (a->state.segment[i].base != b->state.segment[i].base
        || a->state.segment[i].selector != b->state.segment[i].selector)
      printf ("  segment %u: interpreter %x %" PRIx64 " translator %x %" PRIx64 "\n", i,
              a->state.segment[i].selector, a->state.segment[i].base, b->state.segment[i].selector,
              b->state.segment[i].base);
  for (unsigned i = 0, shown = 0; i < SEGMENTS_USED && shown < 8; i++)
    if (machines[0].ram[i] != machines[1].ram[i])
      {
        printf ("  memory %x: interpreter %02x translator %02x\n", i, machines[0].ram[i], machines[1].ram[i]);
        shown++;
      }
  return FALSE;
}

int
main (int argc, char **argv)
{
  static const char *const modes[2] = { "interpret", "always" };
  static Result results[2];
  static SegmentsProgram p;
  static CpuState base, start;
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  gint64 begun = g_get_monotonic_time ();
  uint64_t number, differences = 0, runs = 0, lost = 0, untold = 0, whole = 0;
  GThread *clock;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "fuzz-cpu-segments: %s\n", error->message);
      return 2;
    }
  if (seconds == 0 && count == 0)
    count = 20000;
  longest = CLAMP (longest, 2, 40);
  for (unsigned i = 0; i < 2; i++)
    {
      g_setenv ("VIVARIUM_SOFT", modes[i], TRUE);
      make_machine (&machines[i]);
    }
  if (machines[1].cpu->translator == NULL)
    {
      printf ("this build, or this host, doesn't translate\n");
      free_machines ();
      return 77;
    }
  soft_cpu_get_state (machines[0].cpu, &base);
  clock = g_thread_new ("clock", clock_thread, NULL);
  for (number = (uint64_t)first;
       (count == 0 || number < (uint64_t)(first + count)) && differences < 10
       && (seconds == 0 || g_get_monotonic_time () - begun < seconds * G_USEC_PER_SEC);
       number++)
    {
      segments_build (&p, (uint64_t)seed * 0xd1342543de82ef95 + number * 0x2545f4914f6cdd1d,
                      (unsigned)longest);
      /* The second time the units are there already, and linked; memory is written anew all the same. */
      for (unsigned round = 0; round < 3; round++)
        {
          start = base;
          segments_start (&p, &start);
          if (verbose && round == 0)
            print_program (&p, number, &start);
          for (unsigned i = 0; i < 2; i++)
            run (&machines[i], &p, &start, number % 4 == 0, &results[i]);
          runs++;
          if (!results[0].ended || !results[1].ended)
            {
              lost++;
              for (unsigned i = 0; i < 2; i++)
                fill (&machines[i], &p, TRUE);
              break;
            }
          if (!segments_tables_kept (&p, memory, machines[0].ram)
              || !segments_tables_kept (&p, memory, machines[1].ram))
            {
              untold++;
              break;
            }
          whole += results[0].state.rip == start.rip + p.length;
          if (!same (&p, number, &start, &results[0], &results[1]))
            {
              differences++;
              break;
            }
        }
    }
  g_atomic_int_set (&quit, 1);
  g_thread_join (clock);
  printf ("%" PRIu64 " runs, %" PRIu64 " to their end, %" PRIu64 " without one, %" PRIu64
          " with page tables of their own, %" PRIu64 " differences\n",
          runs, whole, lost, untold, differences);
  free_machines ();
  /* If most have no end, or all fault at once, nothing was compared. */
  return differences != 0 || lost + untold > runs / 10 || whole < runs / 20 ? 1 : 0;
}
