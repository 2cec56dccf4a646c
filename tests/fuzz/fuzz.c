/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What all fuzz targets share: seeds and dictionaries are written, and a g_critical() is a finding.
 */
#include "fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);

static const char *seed_folder;
static unsigned n_seeds;
static GString *dictionary;
static void (*take_seed) (const void *data, size_t length);

static void
write_file (const char *path, const void *data, size_t length)
{
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path, data, (gssize)length, &error))
    g_error ("%s", error->message);
}

void
fuzz_seed (const void *data, size_t length)
{
  if (length > fuzz_target.max_length)
    g_error ("seed %u has %zu bytes, more than the target takes", n_seeds, length);
  n_seeds++;
  take_seed (data, length);
}

/* A line "word" a word, with \xNN for what isn't a letter (libFuzzer's and AFL's form). */
void
fuzz_word (const void *data, size_t length)
{
  const char *p = data;

  if (length == 0 || dictionary == NULL) /* libFuzzer takes no empty ones */
    return;
  g_string_append_c (dictionary, '"');
  for (size_t i = 0; i < length; i++)
    if (g_ascii_isalnum (p[i]))
      g_string_append_c (dictionary, p[i]);
    else
      g_string_append_printf (dictionary, "\\x%02x", (uint8_t)p[i]);
  g_string_append (dictionary, "\"\n");
}

static void
write_seed (const void *data, size_t length)
{
  g_autofree char *path = g_strdup_printf ("%s/%03u", seed_folder, n_seeds - 1);

  write_file (path, data, length);
}

void
fuzz_make (void (*take) (const void *data, size_t length), GString *words)
{
  take_seed = take;
  dictionary = words;
  n_seeds = 0;
  fuzz_target.make ();
}

static void
make (const char *folder)
{
  g_autoptr (GString) text_of_words = g_string_new (NULL);
  g_autofree char *seeds = g_build_filename (folder, "seeds", NULL);
  g_autofree char *words = g_build_filename (folder, "words", NULL);
  g_autofree char *facts = g_build_filename (folder, "facts", NULL);
  g_autofree char *text
      = g_strdup_printf ("max-length %zu\nroom %s\n", fuzz_target.max_length, fuzz_target.room);

  seed_folder = seeds;
  if (g_mkdir_with_parents (seeds, 0700) < 0)
    g_error ("%s can't be made", seeds);
  fuzz_make (write_seed, text_of_words);
  write_file (words, text_of_words->str, text_of_words->len);
  write_file (facts, text, strlen (text));
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  /* g_return_if_fail() on something that came from outside. */
  if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR))
    {
      g_log_writer_standard_streams (level, fields, n_fields, data);
      abort ();
    }
  return G_LOG_WRITER_HANDLED;
}

void
fuzz_catch_criticals (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_catch_criticals ();
  if (*argc == 3 && g_str_equal ((*argv)[1], "--make"))
    {
      make ((*argv)[2]);
      exit (0);
    }
  return 0;
}

static char *folder;

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *where)
{
  return remove (path);
}

static void
remove_folder (void)
{
  nftw (folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
fuzz_folder (void)
{
  g_autoptr (GError) error = NULL;

  if (folder == NULL)
    {
      folder = g_dir_make_tmp ("vivarium-fuzz-XXXXXX", &error);
      if (folder == NULL)
        g_error ("%s", error->message);
      atexit (remove_folder);
    }
  return folder;
}

uint64_t
fuzz_u64 (FuzzBytes *bytes)
{
  uint64_t low = fuzz_u32 (bytes);

  return low | (uint64_t)fuzz_u32 (bytes) << 32;
}

uint32_t
fuzz_u32 (FuzzBytes *bytes)
{
  uint32_t low = fuzz_u16 (bytes);

  return low | (uint32_t)fuzz_u16 (bytes) << 16;
}

uint16_t
fuzz_u16 (FuzzBytes *bytes)
{
  uint16_t low = fuzz_u8 (bytes);

  return (uint16_t)(low | fuzz_u8 (bytes) << 8);
}

uint8_t
fuzz_u8 (FuzzBytes *bytes)
{
  if (bytes->length == 0)
    return 0;
  bytes->length--;
  return *bytes->data++;
}

char *
fuzz_text (FuzzBytes *bytes, size_t most)
{
  size_t length = MIN (most, bytes->length);
  GString *text = g_string_sized_new (length);

  for (size_t i = 0; i < length; i++)
    if (bytes->data[i] != 0)
      g_string_append_c (text, (char)bytes->data[i]);
  bytes->data += length;
  bytes->length -= length;
  return g_string_free (text, FALSE);
}
