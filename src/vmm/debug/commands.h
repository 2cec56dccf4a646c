/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The commands that look into a machine: of vivctl's prompt, of the application's, and of gdb behind “monitor”.
 *
 * They read: registers of devices come from their state tables, memory as debug/memory.h has it, so that looking changes nothing.  What changes something says so in
 * its help.
 *
 * Threads: the device loop, VM lock NOT held, no processor runs.
 */
#pragma once

#include "cpu/engine.h"
#include "debug/view.h"

G_BEGIN_DECLS

typedef struct
{
  Vm *vm;
  Engine *engine;
  unsigned cpu;           /* whose page tables and registers, unless the command says */
  gboolean gdb;           /* it is gdb that asks */
  const DebugView *views; /* ends with a NULL name; NULL: there are none */
  void *views_opaque;
} DebugContext;

typedef struct DebugCommand
{
  const char *name;      /* one or two words: "info registers" */
  const char *arguments; /* for help */
  const char *help;      /* a sentence */
  /* `words` are what comes behind the name.  FALSE with an error for a person. */
  gboolean (*run) (const DebugContext *context, char **words, DebugReport *report, GError **error);
} DebugCommand;
/* Ends with a NULL name each. */
extern const DebugCommand debug_commands_machine[], debug_commands_processor[];

/* The answer; NULL with an error that says what could be asked instead. */
char *debug_command (const DebugContext *context, const char *line, gboolean json, GError **error);
/* The same as lines, an error's too. */
char *debug_command_text (const DebugContext *context, const char *line);

/* For commands: a number as C has them, a register's name with $ ("$rip", "$rsp") of the context's processor, or their sum "A+B". */
gboolean debug_parse_number (const DebugContext *context, const char *text, uint64_t *value, GError **error);
/* State of the context's processor; NULL with an error. */
CpuState *debug_state (const DebugContext *context, GError **error);

G_END_DECLS
