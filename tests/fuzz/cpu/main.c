/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fuzz-cpu: random instructions on the host's processor and on the software processor.
 *
 *   fuzz-cpu [--seconds N] [--count N] [--seed S] [--first N] [--only CLASS] [--name TEMPLATE] [--short-stack]
 *            [--max-differences N] [--verbose]
 *
 * Ends with 0 if there was no difference, 1 if there was one, 77 (skipped) where the host can't run it.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "masks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/soft/host.h"

static const char *const gpr_names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static gint64 seconds = 0, count = 0, first = 0, max_differences = 10;
static gint64 seed = 1;
static char *only_name, *template_name;
static gboolean verbose, short_stack;

static const GOptionEntry entries[] = {
  { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "Run for this long", "N" },
  { "count", 0, 0, G_OPTION_ARG_INT64, &count, "Run this many cases", "N" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Seed of the run", "S" },
  { "first", 0, 0, G_OPTION_ARG_INT64, &first, "Number of the first case to look at", "N" },
  { "only", 0, 0, G_OPTION_ARG_STRING, &only_name, "One class of instructions", "CLASS" },
  { "name", 0, 0, G_OPTION_ARG_STRING, &template_name, "Templates whose name holds this", "TEXT" },
  { "short-stack", 0, 0, G_OPTION_ARG_NONE, &short_stack, "32-bit code with a 16-bit stack pointer", NULL },
  { "max-differences", 0, 0, G_OPTION_ARG_INT64, &max_differences, "Stop after this many", "N" },
  { "verbose", 0, 0, G_OPTION_ARG_NONE, &verbose, "Print each case", NULL },
  { NULL },
};

/* -- Comparison ------------------------------------------------------------------------------------ */

static void
print_bytes (const uint8_t *bytes, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    printf ("%02x", bytes[i]);
}

static void
print_x87 (const char *title, const uint8_t *fx)
{
  uint16_t words[4];
  uint64_t fip, fdp;
  uint32_t mxcsr;

  memcpy (words, fx, 8);
  memcpy (&fip, fx + FX_FIP, 8);
  memcpy (&fdp, fx + FX_FDP, 8);
  memcpy (&mxcsr, fx + FX_MXCSR, 4);
  printf ("  %-8s fcw %04x fsw %04x ftw %02x fop %03x fip %" PRIx64 " fdp %" PRIx64 " mxcsr %04x\n", title,
          words[0], words[1], words[2], words[3], fip, fdp, mxcsr);
}

static void
print_outcome (const char *title, const FuzzResult *r)
{
  printf ("  %-8s ", title);
  if (r->vector < 0)
    printf ("no exception");
  else
    printf ("exception %d error %x address %" PRIx64, r->vector, r->error, r->address);
  printf (" rip %" PRIx64 " rflags %" PRIx64 "\n", r->out.rip, r->out.rflags);
}

static void
print_case (const char *title, const FuzzCase *c, const FuzzResult *native, const FuzzResult *soft)
{
  char *hex = g_strdup ("");

  printf ("%s seed %" PRId64 " case %" PRIu64 ": %s [%s] %d-bit, ", title, seed, c->number, c->template->name,
          fuzz_class_name (c->template->klass), c->compat ? 32 : 64);
  for (unsigned i = 0; i < c->length; i++)
    {
      char *more = g_strdup_printf ("%s%02x ", hex, c->code[i]);

      g_free (hex);
      hex = more;
    }
  printf ("%s\n", hex);
  printf ("  again:   fuzz-cpu --seed %" PRId64 " --first %" PRIu64 " --count 1%s%s%s%s%s\n", seed, c->number,
          short_stack ? " --short-stack" : "", only_name != NULL ? " --only " : "",
          only_name != NULL ? only_name : "", template_name != NULL ? " --name " : "",
          template_name != NULL ? template_name : "");
  printf ("  hint:    echo %s| xxd -r -p | ndisasm -b %d -\n", hex, c->compat ? 32 : 64);
  g_free (hex);
  printf ("  before   rip %" PRIx64 " rflags %" PRIx64 " operand %" PRIx64 " fs %" PRIx64 " gs %" PRIx64 "\n",
          c->in.rip, c->in.rflags, c->operand, c->in.fs_base, c->in.gs_base);
  print_outcome ("native", native);
  print_outcome ("soft", soft);
  for (unsigned i = 0; i < 16; i++)
    if (verbose || native->out.gpr[i] != soft->out.gpr[i])
      printf ("  %-3s      before %016" PRIx64 " native %016" PRIx64 " soft %016" PRIx64 "\n", gpr_names[i],
              c->in.gpr[i], native->out.gpr[i], soft->out.gpr[i]);
  if (verbose || memcmp (native->out.fx, soft->out.fx, FX_END) != 0)
    {
      print_x87 ("before", c->in.fx);
      print_x87 ("native", native->out.fx);
      print_x87 ("soft", soft->out.fx);
      for (unsigned i = 0; i < 24; i++)
        {
          unsigned offset = FX_ST + 16 * i, n = i < 8 ? 10 : 16;
          gboolean differs = memcmp (native->out.fx + offset, soft->out.fx + offset, n) != 0;

          if (differs || (i < 2 && c->template->klass == FUZZ_CLASS_X87))
            {
              printf ("  %s%-2u    before ", i < 8 ? "st" : "xmm", i < 8 ? i : i - 8);
              print_bytes (c->in.fx + offset, n);
              printf ("\n           native ");
              print_bytes (native->out.fx + offset, n);
              printf ("\n           soft   ");
              print_bytes (soft->out.fx + offset, n);
              printf ("\n");
            }
        }
    }
  for (unsigned i = 0; i < 16; i++)
    if (memcmp (native->out.ymm + 16 * i, soft->out.ymm + 16 * i, 16) != 0)
      {
        printf ("  ymm%-2u    upper half before ", i);
        print_bytes (c->in.ymm + 16 * i, 16);
        printf ("\n           native ");
        print_bytes (native->out.ymm + 16 * i, 16);
        printf ("\n           soft   ");
        print_bytes (soft->out.ymm + 16 * i, 16);
        printf ("\n");
      }
  unsigned shown = 0;
  for (unsigned i = 0; i < FUZZ_PAGE && shown < 8; i += 8)
    if (memcmp (native->memory + i, soft->memory + i, 8) != 0)
      {
        printf ("  memory   %x before ", FUZZ_DATA + i);
        print_bytes (c->memory + i, 8);
        printf (" native ");
        print_bytes (native->memory + i, 8);
        printf (" soft ");
        print_bytes (soft->memory + i, 8);
        printf ("\n");
        shown++;
      }
  fflush (stdout);
}

/* -- Runs ------------------------------------------------------------------------------------------ */

typedef struct
{
  uint64_t cases, exceptions, differences;
} Coverage;

/* A case that came out differently, as it was then. */
typedef struct
{
  FuzzCase c;
  FuzzResult native, soft;
  unsigned which; /* batch that it was in: its addresses depend on it */
} Suspect;

enum
{
  MAX_SUSPECTS = 200,
  ASKED = 3, /* times that the host is asked again */
};

static Coverage coverage[FUZZ_MAX_TEMPLATES];
static uint64_t n_cases, n_differences, n_lost, n_unsteady;
static GPtrArray *suspects;
static FuzzVendor vendor;

static void
generate (const FuzzOptions *options, unsigned which, uint64_t number, unsigned n)
{
  FuzzBatch *batch = fuzz_native_batch (which);

  batch->n_cases = n;
  for (unsigned i = 0; i < n; i++)
    {
      unsigned slot = (unsigned)((number + i) % FUZZ_BATCH);

      fuzz_generate (options, number + i, which, slot, &batch->cases[i]);
    }
}

static void
check (unsigned which)
{
  static uint8_t page[FUZZ_PAGE];
  FuzzBatch *batch = fuzz_native_batch (which);
  static FuzzResult soft;

  fuzz_fill_code (batch, page);
  fuzz_soft_code (which, page);
  for (unsigned i = 0; i < batch->n_cases; i++)
    {
      const FuzzCase *c = &batch->cases[i];
      Coverage *cover = &coverage[c->template->index];

      if (c->skip)
        continue;
      fuzz_soft_run (c, &soft);
      n_cases++;
      cover->cases++;
      if (batch->native[i].vector >= 0)
        cover->exceptions++;
      if (verbose)
        print_case ("CASE", c, &batch->native[i], &soft);
      if (fuzz_equal (vendor, c, &batch->native[i], &soft))
        continue;
      if (suspects->len >= MAX_SUSPECTS)
        {
          cover->differences++;
          n_differences++;
          continue;
        }
      Suspect *suspect = g_new (Suspect, 1);
      *suspect = (Suspect){ *c, batch->native[i], soft, which };
      g_ptr_array_add (suspects, suspect);
    }
}

typedef struct
{
  FuzzOptions options;
  gint64 next, last, end; /* cases, cases, monotonic microseconds */
  unsigned which;         /* batch that comes next */
  gboolean done;
} Run;

static gboolean
await (Run *run, unsigned which)
{
  unsigned culprit;
  const FuzzCase *c;

  if (fuzz_native_wait (which, &culprit))
    return TRUE;
  c = &fuzz_native_batch (which)->cases[culprit];
  printf ("the native process did not survive case %" PRIu64 " (%s): ", c->number, c->template->name);
  print_bytes (c->code, c->length);
  printf ("\n");
  n_lost++;
  run->which = 0;
  return FALSE;
}

/* One batch runs natively while the one before is compared, until all have or there are enough suspects.  None is under way then. */
static void
run_batches (Run *run)
{
  gboolean waiting = FALSE;

  for (;;)
    {
      gboolean enough = max_differences != 0 && !verbose && suspects->len >= (uint64_t)max_differences;

      run->done = run->next >= run->last || g_get_monotonic_time () >= run->end;
      gboolean more = !run->done && !enough;
      if (more)
        {
          unsigned n = (unsigned)MIN ((gint64)FUZZ_BATCH - run->next % FUZZ_BATCH, run->last - run->next);

          generate (&run->options, run->which, (uint64_t)run->next, n);
          run->next += n;
        }
      if (waiting && !await (run, run->which ^ 1))
        {
          waiting = FALSE;
          continue;
        }
      if (more)
        fuzz_native_submit (run->which);
      if (waiting)
        check (run->which ^ 1);
      if (!more)
        return;
      waiting = TRUE;
      run->which ^= 1;
    }
}

static gboolean
run_one (Run *run)
{
  static uint8_t page[FUZZ_PAGE];
  unsigned which = run->which;

  fuzz_fill_code (fuzz_native_batch (which), page);
  fuzz_soft_code (which, page);
  fuzz_native_submit (which);
  if (!await (run, which))
    return FALSE;
  run->which ^= 1;
  return TRUE;
}

/* The same case alone, at the same place.  FALSE: the native process did not survive it. */
static gboolean
ask_again (Run *run, const Suspect *suspect, FuzzResult *native, FuzzResult *soft)
{
  FuzzBatch *batch = fuzz_native_batch (suspect->which);

  if (run->which != suspect->which)
    {
      fuzz_native_batch (run->which)->n_cases = 0;
      if (!run_one (run) || run->which != suspect->which)
        return FALSE;
    }
  generate (&run->options, suspect->which, suspect->c.number, 1);
  if (!run_one (run))
    return FALSE;
  *native = batch->native[0];
  fuzz_soft_run (&batch->cases[0], soft);
  return TRUE;
}

/* Some kernels keep only half of the x87's pointers when they give a processor to another program in the middle of a case: a host that
 * says one thing now and another then, and in the end what the software processor said both times, had not answered at first. */
static gboolean
is_unsteady (Run *run, const Suspect *suspect)
{
  static FuzzResult native, soft;

  for (unsigned i = 0; i < ASKED; i++)
    if (ask_again (run, suspect, &native, &soft) && fuzz_equal (vendor, &suspect->c, &native, &suspect->soft)
        && fuzz_equal (vendor, &suspect->c, &native, &soft))
      return TRUE;
  return FALSE;
}

static void
judge (Run *run)
{
  for (unsigned i = 0; i < suspects->len; i++)
    {
      const Suspect *suspect = suspects->pdata[i];
      Coverage *cover = &coverage[suspect->c.template->index];

      if (is_unsteady (run, suspect))
        {
          n_unsteady++;
          continue;
        }
      cover->differences++;
      /* One of a kind says enough. */
      if (n_differences++ < (uint64_t)max_differences && (cover->differences <= 2 || max_differences > 1000))
        print_case ("DIFFERENCE", &suspect->c, &suspect->native, &suspect->soft);
    }
  g_ptr_array_set_size (suspects, 0);
}

static void
print_coverage (gint64 microseconds)
{
  printf ("%-8s %9s %8s %10s %12s %12s\n", "class", "opcodes", "covered", "cases", "exceptions",
          "differences");
  for (unsigned k = 0; k < FUZZ_N_CLASSES; k++)
    {
      Coverage sum = { 0 };
      unsigned n = 0, covered = 0;

      for (unsigned i = 0; i < fuzz_n_templates; i++)
        if (fuzz_templates[i].klass == k)
          {
            n++;
            covered += coverage[i].cases != 0;
            sum.cases += coverage[i].cases;
            sum.exceptions += coverage[i].exceptions;
            sum.differences += coverage[i].differences;
          }
      if (sum.cases != 0)
        printf ("%-8s %9u %8u %10" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", fuzz_class_name (k), n, covered,
                sum.cases, sum.exceptions, sum.differences);
      if (sum.differences != 0)
        for (unsigned i = 0; i < fuzz_n_templates; i++)
          if (fuzz_templates[i].klass == k && coverage[i].differences != 0)
            printf ("    %-20s map %u prefix %02x opcode %02x digit %d: %" PRIu64 " of %" PRIu64 "\n",
                    fuzz_templates[i].name, fuzz_templates[i].map, fuzz_templates[i].prefix,
                    fuzz_templates[i].opcode, fuzz_templates[i].digit, coverage[i].differences,
                    coverage[i].cases);
    }
  printf ("%" PRIu64 " cases, %" PRIu64 " differences, %" PRIu64 " batches lost, %.0f cases a second\n",
          n_cases, n_differences, n_lost, (double)n_cases * 1e6 / (double)MAX (1, microseconds));
  if (n_unsteady != 0)
    printf ("%" PRIu64 " more came out differently at first, and as here when the host was asked again\n",
            n_unsteady);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  FuzzOptions options = { .only = -1 };
  gint64 start = g_get_monotonic_time ();

  g_option_context_set_summary (
      context, "Random instructions on the host's processor and on the software processor, compared.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "fuzz-cpu: %s\n", error->message);
      return 2;
    }
  for (unsigned k = 0; only_name != NULL && k < FUZZ_N_CLASSES; k++)
    if (g_strcmp0 (only_name, fuzz_class_name (k)) == 0)
      options.only = (int)k;
  if (only_name != NULL && options.only < 0)
    {
      fprintf (stderr, "fuzz-cpu: there is no class \"%s\"; they are:", only_name);
      for (unsigned k = 0; k < FUZZ_N_CLASSES; k++)
        fprintf (stderr, " %s", fuzz_class_name (k));
      fprintf (stderr, "\n");
      return 2;
    }
  if (seconds == 0 && count == 0)
    count = 100000;
  fuzz_templates_init ();
#ifdef __SANITIZE_THREAD__
  printf ("fuzz-cpu: ThreadSanitizer's signal handlers need the base of FS that a case has changed\n");
  return 77;
#endif
#ifdef __SANITIZE_ADDRESS__
  printf ("fuzz-cpu: AddressSanitizer's shadow lies where cases expect no memory\n");
  return 77;
#endif
  if (!fuzz_native_start ())
    return 77;
  options.seed = (uint64_t)seed;
  options.name = template_name;
  options.low = fuzz_native_low ();
  options.compat = fuzz_native_compat ();
  options.fsgsbase = fuzz_native_fsgsbase ();
  options.features = soft_host_features ();
  if (!options.compat)
    printf ("this host has no 32-bit code segment: 64-bit instructions only\n");
  if (!options.fsgsbase)
    printf ("this host's kernel keeps WRFSBASE to itself: not compared, nor bases beyond a program's half\n");
  if (!options.low)
    printf ("low addresses can't be mapped here: no 16-bit addressing\n");
  options.short_stack = short_stack;
  if (short_stack && (!options.low || !fuzz_native_short_stack ()))
    {
      printf ("this host has no 16-bit stack for 32-bit code: %s\n",
              options.low ? "no segments can be made (modify_ldt)" : "its addresses can't be mapped");
      fuzz_native_stop ();
      return 77;
    }
  vendor = fuzz_host_vendor ();
  printf ("this host's processor is of %s\n", fuzz_vendor_name (vendor));
  fuzz_soft_init (options.low, options.fsgsbase);
  suspects = g_ptr_array_new_with_free_func (g_free);

  Run run = { .options = options,
              .next = first,
              .last = count != 0 ? first + count : G_MAXINT64,
              .end = seconds != 0 ? start + seconds * G_USEC_PER_SEC : G_MAXINT64 };
  do
    {
      run_batches (&run);
      judge (&run);
    }
  while (!run.done && n_differences < (uint64_t)MAX (1, max_differences));
  gint64 took = g_get_monotonic_time () - start;
  print_coverage (took);
  g_ptr_array_unref (suspects);
  fuzz_native_stop ();
  fuzz_soft_free ();
  /* A batch may be lost to an instruction that the generator should not have made; more than a few say nothing was tested. */
  return n_differences != 0 || n_lost > 2 || n_unsteady > 2 + n_cases / 10000 ? 1 : 0;
}
