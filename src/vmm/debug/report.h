/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a command of the prompt answers: tables of text, one after the other, for people or as JSON.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct DebugReport DebugReport;

DebugReport *debug_report_new (void);
void debug_report_free (DebugReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DebugReport, debug_report_free)

/* Begins a table: its name in JSON, and the names of its columns, separated by blanks.  A column that begins with "-" has numbers at its right
 * edge, the last one isn't padded. */
void debug_report_table (DebugReport *report, const char *name, const char *columns);
/* A row of two columns. */
void debug_report_pair (DebugReport *report, const char *key, const char *value);
/* The next cell; a row ends with its last column, or where it is said, the others empty. */
void debug_report_cell (DebugReport *report, const char *format, ...) G_GNUC_PRINTF (2, 3);
void debug_report_end_row (DebugReport *report);
/* As lines, with the columns' names where there are several. */
char *debug_report_text (const DebugReport *report);
/* {"name": [{"column": "text", …}, …], …}; of a table of two columns that are called key and value: {"name": {"KEY": "VALUE", …}} */
char *debug_report_json (const DebugReport *report);

G_END_DECLS
