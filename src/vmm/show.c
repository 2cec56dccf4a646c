/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vmm"

#include "config.h"

#include "show.h"

#include "confine/sandbox.h"
#include "cpu/engine.h"

#include <fcntl.h>
#include <unistd.h>

static char *
json_string (const char *text)
{
  GString *out = g_string_new ("\"");

  for (const char *p = text; *p != '\0'; p++)
    if (*p == '"' || *p == '\\')
      g_string_append_printf (out, "\\%c", *p);
    else if ((guchar)*p < 0x20)
      g_string_append_printf (out, "\\u%04x", *p);
    else
      g_string_append_c (out, *p);
  g_string_append_c (out, '"');
  return g_string_free (out, FALSE);
}

int
show_engines (gboolean json)
{
  const KvmProbe *probe = kvm_probe ();
  g_autofree char *why = NULL;
  const EngineClass *choice = engine_choose ("auto", &why, NULL);
  g_autofree char *software = soft_engine_detail ();

  if (json)
    {
      g_autofree char *detail = json_string (probe->detail), *reason = json_string (why),
                      *soft = json_string (software);
      char mips[G_ASCII_DTOSTR_BUF_SIZE];

      g_print (
          "{\"present\": %s, \"usable\": %s, \"fast\": %s, \"mips\": %s, \"detail\": %s, \"auto\": \"%s\", \"reason\": %s, \"software\": %s}\n",
          probe->present ? "true" : "false", probe->usable ? "true" : "false", probe->fast ? "true" : "false",
          g_ascii_formatd (mips, sizeof mips, "%.1f", probe->mips), detail, choice->name, reason, soft);
    }
  else
    g_print ("%s\nAutomatic choice: %s\n%s\n", probe->detail, why, software);
  return 0;
}

/* By going behind them. */
int
show_walls (gboolean no_namespaces)
{
  const SandboxConfig config = { .namespaces = !no_namespaces };
  g_autoptr (GError) error = NULL;

  int null = open ("/dev/null", O_WRONLY | O_CLOEXEC);

  dup2 (null, STDERR_FILENO); /* its line is for the log */
  if (sandbox_enter (&config, &error))
    g_print ("%s\n", sandbox_walls ());
  else
    g_print ("%s\n", error->message);
  return 0;
}
