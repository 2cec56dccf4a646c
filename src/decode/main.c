/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-decode: bytes of a guest's code as instructions, a line each: address, bytes and words, with tabs between.  Who looks into a machine starts it
 * (machine/disassembly.h): vivarium-decode 16|32|64 ADDRESS < BYTES
 *
 * The bytes are the guest's, the decoder is capstone's: so it works behind walls, with its input and its output alone, and ends after a few seconds whatever
 * happens.  Exit status 3: there are no walls.
 */
#define G_LOG_DOMAIN "viv-decode"

#include "config.h"

#include "base/code.h"
#include "confine/helper-start.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the walls say of themselves is for logs, and this has none. */
static void
on_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

static gboolean
confine (void)
{
  g_log_set_handler ("confine", G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO, on_log, NULL);
  return helper_confine (&(SandboxConfig){ .helper = TRUE });
}

/* How many came. */
static size_t
read_code (uint8_t *code)
{
  size_t length = 0;

  while (length < CODE_MOST_BYTES)
    {
      ssize_t n = read (STDIN_FILENO, code + length, CODE_MOST_BYTES - length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      length += (size_t)n;
    }
  return length;
}

static void
add_line (GString *out, uint64_t address, const uint8_t *bytes, size_t length, const char *name,
          const char *operands)
{
  g_string_append_printf (out, "0x%016" G_GINT64_MODIFIER "x\t", address);
  for (size_t i = 0; i < length; i++)
    g_string_append_printf (out, i > 0 ? " %02x" : "%02x", bytes[i]);
  g_string_append_printf (out, "\t%s%s%s\n", name, *operands != '\0' ? " " : "", operands);
}

/* Bytes that are no instruction are told as such, and the next one is tried; what the end cuts is left out where there was something before. */
static void
decode (csh handle, const uint8_t *code, size_t length, uint64_t address, GString *out)
{
  cs_insn *insn = cs_malloc (handle);

  while (length > 0)
    if (cs_disasm_iter (handle, &code, &length, &address, insn))
      add_line (out, insn->address, insn->bytes, insn->size, insn->mnemonic, insn->op_str);
    else
      {
        if (length < CODE_MOST_INSTRUCTION && out->len > 0)
          break;
        g_autofree char *byte = g_strdup_printf ("0x%02x", *code);

        add_line (out, address, code, 1, "(bad)", byte);
        code++;
        length--;
        address++;
      }
  cs_free (insn, 1);
}

int
main (int argc, char **argv)
{
  g_autofree uint8_t *code = g_malloc (CODE_MOST_BYTES);
  g_autoptr (GString) out = g_string_new (NULL);
  const struct rlimit seconds = { 5, 5 };
  uint64_t bits, address;
  csh handle;

  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      g_print ("vivarium-decode %s\n", PACKAGE_VERSION);
      return 0;
    }
  if (argc != 3 || !g_ascii_string_to_unsigned (argv[1], 10, 16, 64, &bits, NULL)
      || !g_ascii_string_to_unsigned (argv[2], 16, 0, G_MAXUINT64, &address, NULL))
    {
      g_printerr (
          "vivarium-decode is started by who looks into a machine: vivarium-decode 16|32|64 ADDRESS < BYTES\n");
      return 2;
    }
  setrlimit (RLIMIT_CPU, &seconds);
  if (cs_open (CS_ARCH_X86,
               bits == 16   ? CS_MODE_16
               : bits == 32 ? CS_MODE_32
                            : CS_MODE_64,
               &handle)
      != CS_ERR_OK)
    return 1;
  if (!confine ())
    return 3;
  decode (handle, code, read_code (code), address, out);
  for (size_t done = 0; done < out->len;)
    {
      ssize_t n = write (STDOUT_FILENO, out->str + done, out->len - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return 1;
      done += (size_t)n;
    }
  return 0;
}
