/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands about processors and what they address.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/commands.h"

#include "base/code.h"
#include "debug/gdb-registers.h"
#include "debug/memory.h"

#include <gio/gio.h>
#include <string.h>

#define HEX64 "0x%016" G_GINT64_MODIFIER "x"
#define HEX   "0x%" G_GINT64_MODIFIER "x"

enum
{
  EFER_LMA = 1u << 10,
  CR0_PE = 1u << 0,
  RFLAGS_VM = 1u << 17,
  SEGMENT_L = 1u << 9,
  SEGMENT_DB = 1u << 10,
};

static gboolean
usage (GError **error, const char *text)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "it is “%s”", text);
  return FALSE;
}

static const char *
mode_name (const CpuState *state)
{
  const uint16_t cs = state->segment[CPU_CS].attributes;

  if ((state->cr0 & CR0_PE) == 0)
    return "real mode";
  if ((state->efer & EFER_LMA) != 0)
    return (cs & SEGMENT_L) != 0    ? "64-bit"
           : (cs & SEGMENT_DB) != 0 ? "compatibility, 32-bit"
                                    : "compatibility, 16-bit";
  if ((state->rflags & RFLAGS_VM) != 0)
    return "virtual 8086";
  return (cs & SEGMENT_DB) != 0 ? "protected, 32-bit" : "protected, 16-bit";
}

static void
pair (DebugReport *report, const char *key, uint64_t value)
{
  debug_report_cell (report, "%s", key);
  debug_report_cell (report, HEX64, value);
}

static gboolean
run_registers (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  static const char *const gpr[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                     "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
  static const char *const segments[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
  g_autofree CpuState *state = debug_state (context, error);

  if (state == NULL)
    return FALSE;
  debug_report_table (report, "registers", "key value");
  debug_report_cell (report, "processor");
  debug_report_cell (report, "%u, %s", context->cpu, mode_name (state));
  for (unsigned i = 0; i < CPU_N_GPRS; i++)
    pair (report, gpr[i], state->gpr[i]);
  pair (report, "rip", state->rip);
  pair (report, "rflags", state->rflags);
  pair (report, "cr0", state->cr0);
  pair (report, "cr2", state->cr2);
  pair (report, "cr3", state->cr3);
  pair (report, "cr4", state->cr4);
  pair (report, "cr8", state->cr8);
  pair (report, "efer", state->efer);
  for (unsigned i = 0; i < 8; i++)
    if (i != 4 && i != 5)
      {
        const char name[] = { 'd', 'r', (char)('0' + i), 0 };
        pair (report, name, state->dr[i]);
      }
  debug_report_table (report, "segments", "segment selector base limit attributes");
  for (unsigned i = 0; i < CPU_N_SEGMENTS; i++)
    {
      const CpuSegment *s = &state->segment[i];

      debug_report_cell (report, "%s", segments[i]);
      debug_report_cell (report, "0x%04x", s->selector);
      debug_report_cell (report, HEX64, s->base);
      debug_report_cell (report, "0x%08x", s->limit);
      debug_report_cell (report, "0x%04x", s->attributes);
    }
  debug_report_cell (report, "gdt");
  debug_report_cell (report, "-");
  debug_report_cell (report, HEX64, state->gdt_base);
  debug_report_cell (report, "0x%08x", state->gdt_limit);
  debug_report_end_row (report);
  debug_report_cell (report, "idt");
  debug_report_cell (report, "-");
  debug_report_cell (report, HEX64, state->idt_base);
  debug_report_cell (report, "0x%08x", state->idt_limit);
  debug_report_end_row (report);
  return TRUE;
}

static gboolean
run_msrs (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  g_autofree CpuState *state = debug_state (context, error);

  if (state == NULL)
    return FALSE;
  debug_report_table (report, "msrs", "key value");
  for (unsigned i = 0; i < MIN (state->n_msrs, CPU_MAX_MSRS); i++)
    {
      debug_report_cell (report, "0x%08x", state->msr[i].index);
      debug_report_cell (report, HEX64, state->msr[i].value);
    }
  return TRUE;
}

static gboolean
run_cpus (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  static const char *const states[] = { "running", "halted", "waits for INIT", "waits for SIPI" };

  debug_report_table (report, "cpus", "cpu state mode pc");
  for (unsigned i = 0; i < context->vm->n_cpus; i++)
    {
      DebugContext one = *context;
      g_autofree CpuState *state = NULL;

      one.cpu = i;
      state = debug_state (&one, error);
      if (state == NULL)
        return FALSE;
      debug_report_cell (report, "%u", i);
      debug_report_cell (report, "%s", states[MIN (state->run_state, 3)]);
      debug_report_cell (report, "%s", mode_name (state));
      debug_report_cell (report, HEX64, gdb_linear_pc (state));
    }
  return TRUE;
}

/* Of the local APIC's page: SDM volume 3, table 11-1. */
static gboolean
run_lapic (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  static const struct
  {
    const char *name;
    unsigned offset;
  } registers[] = {
    { "id", 0x20 },
    { "version", 0x30 },
    { "task priority", 0x80 },
    { "processor priority", 0xa0 },
    { "logical dest", 0xd0 },
    { "dest format", 0xe0 },
    { "spurious", 0xf0 },
    { "error status", 0x280 },
    { "lvt cmci", 0x2f0 },
    { "icr low", 0x300 },
    { "icr high", 0x310 },
    { "lvt timer", 0x320 },
    { "lvt thermal", 0x330 },
    { "lvt performance", 0x340 },
    { "lvt lint0", 0x350 },
    { "lvt lint1", 0x360 },
    { "lvt error", 0x370 },
    { "initial count", 0x380 },
    { "current count", 0x390 },
    { "divide", 0x3e0 },
  };
  g_autofree CpuState *state = debug_state (context, error);

  if (state == NULL)
    return FALSE;
  debug_report_table (report, "lapic", "key value");
  debug_report_cell (report, "base");
  debug_report_cell (report, HEX "%s", state->apic_base & ~(uint64_t)0xfff,
                     (state->apic_base & 0x800) == 0   ? " disabled"
                     : (state->apic_base & 0x400) != 0 ? " x2APIC"
                                                       : " xAPIC");
  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    {
      uint32_t value;

      memcpy (&value, state->apic + registers[i].offset, 4);
      debug_report_cell (report, "%s", registers[i].name);
      debug_report_cell (report, "0x%08x", value);
    }
  debug_report_table (report, "vectors", "vector isr irr tmr");
  for (unsigned v = 0; v < 256; v++)
    {
      const unsigned at = v / 32 * 16 + v % 32 / 8, bit = v % 8;
      gboolean isr = state->apic[0x100 + at] >> bit & 1, tmr = state->apic[0x180 + at] >> bit & 1,
               irr = state->apic[0x200 + at] >> bit & 1;

      if (!isr && !irr && !tmr)
        continue;
      debug_report_cell (report, "0x%02x", v);
      debug_report_cell (report, "%d", isr);
      debug_report_cell (report, "%d", irr);
      debug_report_cell (report, "%d", tmr);
    }
  return TRUE;
}

/* SDM volume 3, table 4-19: what an entry's low bits say. */
static char *
entry_flags (uint64_t entry)
{
  static const struct
  {
    unsigned bit;
    const char *name;
  } flags[] = { { 0, "P" }, { 1, "W" }, { 2, "U" },  { 3, "PWT" }, { 4, "PCD" },
                { 5, "A" }, { 6, "D" }, { 7, "PS" }, { 8, "G" },   { 63, "NX" } };
  GString *out = g_string_new (NULL);

  for (unsigned i = 0; i < G_N_ELEMENTS (flags); i++)
    if ((entry >> flags[i].bit & 1) != 0)
      g_string_append_printf (out, "%s%s", out->len > 0 ? " " : "", flags[i].name);
  return g_string_free (out, FALSE);
}

static gboolean
run_walk (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  g_autofree CpuState *state = NULL;
  CpuWalkStep steps[CPU_WALK_MOST];
  unsigned n;
  uint64_t linear, physical, size;
  gboolean mapped;

  if (words[0] == NULL || words[1] != NULL)
    return usage (error, "page-walk ADDRESS");
  if (!debug_parse_number (context, words[0], &linear, error))
    return FALSE;
  state = debug_state (context, error);
  if (state == NULL)
    return FALSE;
  mapped = cpu_state_walk (context->vm, state, linear, steps, &n, &physical, &size);
  debug_report_table (report, "walk", "level at entry flags");
  for (unsigned i = 0; i < n; i++)
    {
      g_autofree char *flags = entry_flags (steps[i].entry);

      debug_report_cell (report, "%s", steps[i].level);
      debug_report_cell (report, HEX64, steps[i].at);
      debug_report_cell (report, HEX64, steps[i].entry);
      debug_report_cell (report, "%s", flags);
    }
  debug_report_table (report, "result", "key value");
  pair (report, "linear", linear);
  debug_report_cell (report, "physical");
  if (!mapped)
    debug_report_cell (report, "not mapped");
  else if (size == 0)
    debug_report_cell (report, HEX64 ", without paging", physical);
  else
    debug_report_cell (report, HEX64 ", in a page of %" G_GUINT64_FORMAT " KiB", physical, size >> 10);
  return TRUE;
}

#define MOST_DUMP 4096u

static gboolean
dump (const DebugContext *context, char **words, DebugReport *report, gboolean physical, GError **error)
{
  g_autofree CpuState *state = NULL;
  uint8_t bytes[MOST_DUMP];
  uint64_t address, length = 64;
  size_t n;

  if (words[0] == NULL || (words[1] != NULL && words[2] != NULL))
    return usage (error, physical ? "xp ADDRESS [BYTES]" : "x ADDRESS [BYTES]");
  if (!debug_parse_number (context, words[0], &address, error)
      || (words[1] != NULL && !debug_parse_number (context, words[1], &length, error)))
    return FALSE;
  if (length > MOST_DUMP)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "at most %u bytes at a time", MOST_DUMP);
      return FALSE;
    }
  if (!physical && (state = debug_state (context, error)) == NULL)
    return FALSE;
  n = debug_read_memory (context->vm, state, address, bytes, length);
  if (n == 0 && length > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no memory at " HEX "%s", address,
                   physical ? "" : " (page-walk says why)");
      return FALSE;
    }
  debug_report_table (report, "memory", "key value");
  for (size_t i = 0; i < n; i += 16)
    {
      GString *line = g_string_new (NULL);

      for (size_t j = i; j < MIN (i + 16, n); j++)
        g_string_append_printf (line, "%02x ", bytes[j]);
      while (line->len < 49)
        g_string_append_c (line, ' ');
      for (size_t j = i; j < MIN (i + 16, n); j++)
        g_string_append_c (line, g_ascii_isprint (bytes[j]) ? (char)bytes[j] : '.');
      debug_report_cell (report, HEX64, address + i);
      debug_report_cell (report, "%s", line->str);
      g_string_free (line, TRUE);
    }
  return TRUE;
}

static gboolean
run_x (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  return dump (context, words, report, FALSE, error);
}

static gboolean
run_xp (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  return dump (context, words, report, TRUE, error);
}

/* What a decoder needs (base/code.h): decoding what a guest wrote is none of a monitor's work. */
static gboolean
run_disassemble (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  g_autofree CpuState *state = debug_state (context, error);
  uint8_t bytes[CODE_MOST_BYTES];
  uint64_t address, length = CODE_DEFAULT_BYTES;
  uint16_t cs;
  size_t n;
  GString *hex;

  if (state == NULL)
    return FALSE;
  if (words[0] != NULL && words[1] != NULL && words[2] != NULL)
    return usage (error, "disassemble [ADDRESS [BYTES]]");
  if (!debug_parse_number (context, words[0] != NULL ? words[0] : "$rip", &address, error)
      || (words[0] != NULL && words[1] != NULL && !debug_parse_number (context, words[1], &length, error)))
    return FALSE;
  if (length < 1 || length > CODE_MOST_BYTES)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "1 to %u bytes at a time",
                   CODE_MOST_BYTES);
      return FALSE;
    }
  n = debug_read_memory (context->vm, state, address, bytes, length);
  if (n == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "there is no memory at " HEX " (page-walk says why)", address);
      return FALSE;
    }
  cs = state->segment[CPU_CS].attributes;
  debug_report_table (report, "code", "key value");
  debug_report_pair (
      report, "bits",
      (state->efer & EFER_LMA) != 0 && (cs & SEGMENT_L) != 0                                     ? "64"
      : (state->cr0 & CR0_PE) != 0 && (state->rflags & RFLAGS_VM) == 0 && (cs & SEGMENT_DB) != 0 ? "32"
                                                                                                 : "16");
  pair (report, "address", address);
  hex = g_string_new (NULL);
  for (size_t i = 0; i < n; i++)
    g_string_append_printf (hex, "%02x", bytes[i]);
  debug_report_pair (report, "bytes", hex->str);
  g_string_free (hex, TRUE);
  return TRUE;
}

/* What is mapped, in runs of equal rights. */
#define MOST_RUNS  400u
#define MOST_PAGES (1u << 16)

typedef struct
{
  uint64_t first, end, physical;
  uint64_t rights; /* W, U, NX */
} Run;

static void
add_run (DebugReport *report, const Run *run)
{
  debug_report_cell (report, HEX64, run->first);
  debug_report_cell (report, HEX64, run->end - 1);
  debug_report_cell (report, HEX64, run->physical);
  debug_report_cell (report, "%c%c%c", (run->rights & 4) != 0 ? 'u' : '-', (run->rights & 2) != 0 ? 'w' : '-',
                     (run->rights >> 63) != 0 ? '-' : 'x');
}

static gboolean
run_tlb (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  g_autofree CpuState *state = NULL;
  uint64_t from = 0, linear, top;
  unsigned runs = 0, pages = 0;
  Run run = { 0 };

  if (words[0] != NULL && words[1] != NULL)
    return usage (error, "info pages [FROM]");
  if (words[0] != NULL && !debug_parse_number (context, words[0], &from, error))
    return FALSE;
  state = debug_state (context, error);
  if (state == NULL)
    return FALSE;
  top = (state->efer & EFER_LMA) != 0 ? ~(uint64_t)0 : 0xffffffff;
  debug_report_table (report, "pages", "from to physical rights");
  for (linear = from & ~(uint64_t)0xfff; runs < MOST_RUNS && pages < MOST_PAGES; pages++)
    {
      CpuWalkStep steps[CPU_WALK_MOST];
      unsigned n;
      uint64_t physical, size, rights = ~(uint64_t)0, no_execute = 0, next;
      gboolean mapped = cpu_state_walk (context->vm, state, linear, steps, &n, &physical, &size);

      if (mapped && size == 0)
        break;
      for (unsigned i = 0; i < n; i++)
        {
          rights &= steps[i].entry;
          no_execute |= steps[i].entry & (uint64_t)1 << 63;
        }
      rights = (rights & 6) | no_execute;
      if (!mapped)
        {
          /* What the entry that isn't there would have covered; none: not canonical, up to the upper half. */
          static const unsigned shifts[] = { 39, 30, 21, 12 };
          const unsigned levels = (state->efer & EFER_LMA) != 0 ? 0 : (state->cr4 & 0x20) != 0 ? 1 : 2;

          if (n == 0)
            size = 0;
          else if (levels == 2)
            size = n == 1 ? 1u << 22 : 1u << 12;
          else
            size = (uint64_t)1 << shifts[MIN (levels + n - 1, 3)];
        }
      next = n == 0 ? 0xffff800000000000ULL : (linear & ~(size - 1)) + size;
      if (run.end != 0
          && (!mapped || rights != run.rights || linear != run.end
              || physical != run.physical + (linear - run.first)))
        {
          add_run (report, &run);
          runs++;
          run.end = 0;
        }
      if (mapped && run.end == 0)
        run = (Run){ linear, next, physical, rights };
      else if (mapped)
        run.end = next;
      if (next <= linear || next - 1 >= top)
        break;
      linear = next;
    }
  if (run.end != 0)
    add_run (report, &run);
  if (runs >= MOST_RUNS || pages >= MOST_PAGES)
    {
      debug_report_table (report, "more", "key value");
      debug_report_cell (report, "go on with");
      debug_report_cell (report, "info pages " HEX, linear);
    }
  return TRUE;
}

const DebugCommand debug_commands_processor[] = {
  { "info cpus", "", "The processors, what they do and where.", run_cpus },
  { "info registers", "", "A processor's registers; “cpu N” in front of any command chooses another one.",
    run_registers },
  { "info msrs", "", "Model specific registers, as far as they are saved with the machine.", run_msrs },
  { "info lapic", "", "The local APIC: its registers, and the vectors that are in service or wait.",
    run_lapic },
  { "info pages", "[FROM]", "What the page tables map.", run_tlb },
  { "page-walk", "ADDRESS", "The way of an address through the page tables.", run_walk },
  { "disassemble", "[ADDRESS [BYTES]]", "Code as instructions, from where the processor is.",
    run_disassemble },
  { "x", "ADDRESS [BYTES]", "Memory by linear address.", run_x },
  { "xp", "ADDRESS [BYTES]", "Memory by physical address.", run_xp },
  { NULL },
};
