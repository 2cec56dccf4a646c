/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Code on its way through vivarium-decode.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/disassembly.h"

#include "base/code.h"
#include "machine/paths.h"
#include "machine/plain-text.h"

#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <glib/gi18n.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIMEOUT_MS  10000
#define MOST_OUTPUT (CODE_MOST_BYTES * CODE_MOST_LINE)

gboolean
disassembly_is (const char *line)
{
  g_auto (GStrv) parts = g_strsplit_set (line, " \t", -1);
  const char *words[3] = { NULL };
  unsigned n = 0;

  for (unsigned i = 0; parts[i] != NULL && n < G_N_ELEMENTS (words); i++)
    if (*parts[i] != '\0')
      words[n++] = parts[i];
  if (n == 3 && g_str_equal (words[0], "cpu"))
    return g_str_equal (words[2], "disassemble");
  return n > 0 && g_str_equal (words[0], "disassemble");
}

typedef struct
{
  unsigned bits;
  uint64_t address;
  uint8_t bytes[CODE_MOST_BYTES];
  size_t length;
} Code;

/* The value in a line "KEY  VALUE"; NULL: no such line. */
static char *
value_of (char **lines, const char *key)
{
  for (unsigned i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], key) && lines[i][strlen (key)] == ' ')
      return g_strstrip (g_strdup (lines[i] + strlen (key)));
  return NULL;
}

static gboolean
parse (const char *answer, Code *code)
{
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  g_autofree char *bits = value_of (lines, "bits"), *address = value_of (lines, "address"),
                  *bytes = value_of (lines, "bytes");
  uint64_t number;

  if (bits == NULL || address == NULL || bytes == NULL
      || !g_ascii_string_to_unsigned (bits, 10, 16, 64, &number, NULL)
      || (number != 16 && number != 32 && number != 64) || !g_str_has_prefix (address, "0x")
      || !g_ascii_string_to_unsigned (address + 2, 16, 0, G_MAXUINT64, &code->address, NULL))
    return FALSE;
  code->bits = (unsigned)number;
  code->length = strlen (bytes) / 2;
  if (strlen (bytes) % 2 != 0 || code->length > CODE_MOST_BYTES)
    return FALSE;
  for (size_t i = 0; i < code->length; i++)
    {
      int high = g_ascii_xdigit_value (bytes[2 * i]), low = g_ascii_xdigit_value (bytes[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      code->bytes[i] = (uint8_t)(high << 4 | low);
    }
  return TRUE;
}

/* What was read until its end; FALSE: it took too long, or was too much. */
static gboolean
read_all (int fd, GString *out)
{
  const gint64 end = g_get_monotonic_time () + TIMEOUT_MS * 1000;
  char buffer[4096];

  while (out->len <= MOST_OUTPUT)
    {
      const gint64 left = (end - g_get_monotonic_time ()) / 1000;
      struct pollfd poller = { .fd = fd, .events = POLLIN };

      if (left <= 0 || poll (&poller, 1, (int)left) <= 0)
        {
          if (left > 0 && errno == EINTR)
            continue;
          return FALSE;
        }
      ssize_t n = read (fd, buffer, sizeof buffer);

      if (n == 0)
        return TRUE;
      if (n > 0)
        g_string_append_len (out, buffer, n);
      else if (errno != EINTR)
        return FALSE;
    }
  return FALSE;
}

/* The lines of vivarium-decode; NULL with an error. */
static char *
decode (const Code *code, GError **error)
{
  g_autofree char *program = viv_find_program ("vivarium-decode", error), *bits = NULL, *address = NULL;
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GString) out = g_string_new (NULL);
  int fd;
  gboolean whole;

  if (program == NULL)
    return NULL;
  /* Not on the command line, which other users of this computer can read. */
  fd = memfd_create ("code", MFD_CLOEXEC);
  if (fd < 0 || pwrite (fd, code->bytes, code->length, 0) != (ssize_t)code->length)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s", g_strerror (errno));
      if (fd >= 0)
        close (fd);
      return NULL;
    }
  g_subprocess_launcher_take_stdin_fd (launcher, fd);
  bits = g_strdup_printf ("%u", code->bits);
  address = g_strdup_printf ("%" G_GINT64_MODIFIER "x", code->address);
  process = g_subprocess_launcher_spawn (launcher, error, program, bits, address, NULL);
  if (process == NULL)
    return NULL;
  whole = read_all (g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (g_subprocess_get_stdout_pipe (process))),
                    out);
  if (!whole)
    g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
  if (!whole || !g_subprocess_get_if_exited (process) || g_subprocess_get_exit_status (process) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("%s has failed; its messages say why"), program);
      return NULL;
    }
  return viv_plain_text (out->str, (gssize)out->len, MOST_OUTPUT, VIV_PLAIN_DEFAULT);
}

/* Instructions are ASCII. */
static void
append_json (GString *out, const char *key, const char *value)
{
  g_string_append_printf (out, "\"%s\": \"", key);
  for (const char *c = value; *c != '\0'; c++)
    g_string_append_c (out, !g_ascii_isprint (*c) || *c == '"' || *c == '\\' ? '?' : *c);
  g_string_append_c (out, '"');
}

static char *
to_json (const char *lines)
{
  g_auto (GStrv) rows = g_strsplit (lines, "\n", -1);
  GString *out = g_string_new ("{\"code\": [");
  gboolean first = TRUE;

  for (unsigned i = 0; rows[i] != NULL; i++)
    {
      g_auto (GStrv) cells = g_strsplit (rows[i], "\t", 3);

      if (g_strv_length (cells) != 3)
        continue;
      g_string_append (out, first ? "{" : ", {");
      append_json (out, "address", cells[0]);
      g_string_append (out, ", ");
      append_json (out, "bytes", cells[1]);
      g_string_append (out, ", ");
      append_json (out, "instruction", cells[2]);
      g_string_append_c (out, '}');
      first = FALSE;
    }
  g_string_append (out, "]}\n");
  return g_string_free (out, FALSE);
}

static char *
to_text (const char *lines)
{
  g_auto (GStrv) rows = g_strsplit (lines, "\n", -1);
  GString *out = g_string_new (NULL);
  int width = 0;

  for (unsigned pass = 0; pass < 2; pass++)
    for (unsigned i = 0; rows[i] != NULL; i++)
      {
        g_auto (GStrv) cells = g_strsplit (rows[i], "\t", 3);

        if (g_strv_length (cells) != 3)
          continue;
        if (pass == 0)
          width = MAX (width, (int)strlen (cells[1]));
        else
          g_string_append_printf (out, "%s  %-*s  %s\n", cells[0], width, cells[1], cells[2]);
      }
  return g_string_free (out, FALSE);
}

char *
disassembly_of (const char *answer, gboolean json, GError **error)
{
  g_autofree Code *code = g_new0 (Code, 1);
  g_autofree char *lines = NULL;
  g_autoptr (GError) failure = NULL;

  if (!parse (answer, code))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("the machine’s monitor has answered with what is no code"));
      return NULL;
    }
  lines = decode (code, &failure);
  if (lines == NULL && g_error_matches (failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
          _ ("this build of Vivarium has no disassembler (it was built without libcapstone); the command “x $rip” shows the bytes"));
      return NULL;
    }
  if (lines == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
  return json ? to_json (lines) : to_text (lines);
}
