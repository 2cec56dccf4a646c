/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tables as text and as JSON.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/report.h"

#include <string.h>

typedef struct
{
  char *name;
  char **columns; /* as given, with their marks */
  unsigned n_columns;
  GPtrArray *cells; /* rows one after the other, each of n_columns */
} Table;

struct DebugReport
{
  GPtrArray *tables;
};

static void
table_free (gpointer data)
{
  Table *table = data;

  g_free (table->name);
  g_strfreev (table->columns);
  g_ptr_array_unref (table->cells);
  g_free (table);
}

DebugReport *
debug_report_new (void)
{
  DebugReport *report = g_new0 (DebugReport, 1);

  report->tables = g_ptr_array_new_with_free_func (table_free);
  return report;
}

void
debug_report_free (DebugReport *report)
{
  if (report == NULL)
    return;
  g_ptr_array_unref (report->tables);
  g_free (report);
}

void
debug_report_table (DebugReport *report, const char *name, const char *columns)
{
  Table *table = g_new0 (Table, 1);

  table->name = g_strdup (name);
  table->columns = g_strsplit (columns, " ", -1);
  table->n_columns = g_strv_length (table->columns);
  table->cells = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (report->tables, table);
}

static Table *
last_table (DebugReport *report)
{
  return report->tables->pdata[report->tables->len - 1];
}

void
debug_report_end_row (DebugReport *report)
{
  Table *table = last_table (report);

  while (table->cells->len % table->n_columns != 0)
    g_ptr_array_add (table->cells, g_strdup (""));
}

void
debug_report_pair (DebugReport *report, const char *key, const char *value)
{
  GPtrArray *cells = last_table (report)->cells;

  g_ptr_array_add (cells, g_strdup (key));
  g_ptr_array_add (cells, g_strdup (value));
  debug_report_end_row (report);
}

void
debug_report_cell (DebugReport *report, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (last_table (report)->cells, g_strdup_vprintf (format, args));
  va_end (args);
}

static const char *
column_name (const Table *table, unsigned n)
{
  return table->columns[n] + (table->columns[n][0] == '-');
}

static void
append_cell (GString *out, const Table *table, unsigned n, const char *text, int width)
{
  int pad = MAX (width - (int)g_utf8_strlen (text, -1), 0);
  gboolean right = table->columns[n][0] == '-', last = n + 1 == table->n_columns;

  if (right)
    g_string_append_printf (out, "%*s", pad, "");
  g_string_append (out, text);
  if (!right && !last)
    g_string_append_printf (out, "%*s", pad, "");
  if (!last)
    g_string_append (out, "  ");
}

static void
append_table (GString *out, const Table *table)
{
  g_autofree int *widths = g_new0 (int, table->n_columns);
  gboolean head = table->n_columns > 2;

  for (guint i = 0; i < table->cells->len; i++)
    widths[i % table->n_columns]
        = MAX (widths[i % table->n_columns], (int)g_utf8_strlen (table->cells->pdata[i], -1));
  for (unsigned i = 0; head && i < table->n_columns; i++)
    widths[i] = MAX (widths[i], (int)strlen (column_name (table, i)));
  for (unsigned i = 0; head && i < table->n_columns; i++)
    append_cell (out, table, i, column_name (table, i), widths[i]);
  if (head)
    g_string_append_c (out, '\n');
  for (guint i = 0; i < table->cells->len; i++)
    {
      append_cell (out, table, i % table->n_columns, table->cells->pdata[i], widths[i % table->n_columns]);
      if ((i + 1) % table->n_columns != 0)
        continue;
      while (out->len > 0 && out->str[out->len - 1] == ' ')
        g_string_truncate (out, out->len - 1);
      g_string_append_c (out, '\n');
    }
}

char *
debug_report_text (const DebugReport *report)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < report->tables->len; i++)
    {
      if (i > 0)
        g_string_append_c (out, '\n');
      append_table (out, report->tables->pdata[i]);
    }
  return g_string_free (out, FALSE);
}

static void
append_string (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (out, '"');
  for (const char *p = valid; *p != '\0'; p++)
    if (*p == '"' || *p == '\\')
      g_string_append_printf (out, "\\%c", *p);
    else if ((guchar)*p < 0x20)
      g_string_append_printf (out, "\\u%04x", *p);
    else
      g_string_append_c (out, *p);
  g_string_append_c (out, '"');
}

static void
append_json (GString *out, const Table *table)
{
  gboolean pairs = table->n_columns == 2 && g_str_equal (table->columns[0], "key");

  append_string (out, table->name);
  g_string_append (out, pairs ? ": {" : ": [");
  for (guint i = 0; i < table->cells->len; i++)
    {
      const unsigned n = i % table->n_columns;

      if (n == 0)
        g_string_append_printf (out, "%s%s", i > 0 ? ", " : "", pairs ? "" : "{");
      if (pairs && n == 1)
        g_string_append (out, ": ");
      if (!pairs)
        {
          append_string (out, column_name (table, n));
          g_string_append (out, ": ");
        }
      append_string (out, table->cells->pdata[i]);
      if (!pairs)
        g_string_append (out, n + 1 < table->n_columns ? ", " : "}");
    }
  g_string_append (out, pairs ? "}" : "]");
}

char *
debug_report_json (const DebugReport *report)
{
  GString *out = g_string_new ("{");

  for (guint i = 0; i < report->tables->len; i++)
    {
      if (i > 0)
        g_string_append (out, ", ");
      append_json (out, report->tables->pdata[i]);
    }
  g_string_append (out, "}\n");
  return g_string_free (out, FALSE);
}
