/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A fuzz target without libFuzzer: fuzz-NAME runs each of its own seeds once, fuzz-NAME FILE… those inputs.  So targets are built and run
 * with all other tests, and what a fuzzer found can be looked at in any build.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static GPtrArray *inputs; /* GBytes */

static void
keep (const void *data, size_t length)
{
  g_ptr_array_add (inputs, g_bytes_new (data, length));
}

int
main (int argc, char **argv)
{
  inputs = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  fuzz_catch_criticals ();
  /* All first: a target may have one machine at a time. */
  if (argc == 1)
    fuzz_make (keep, NULL);
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *data = NULL;
      gsize length;

      if (!g_file_get_contents (argv[i], &data, &length, &error))
        {
          fprintf (stderr, "%s\n", error->message);
          return EXIT_FAILURE;
        }
      keep (data, length);
    }
  printf ("1..%u\n", inputs->len);
  for (guint i = 0; i < inputs->len; i++)
    {
      gsize length;
      const uint8_t *data = g_bytes_get_data (inputs->pdata[i], &length);

      LLVMFuzzerTestOneInput (data, length);
      printf ("ok %u %s\n", i + 1, argc == 1 ? "seed" : argv[i + 1]);
      fflush (stdout);
    }
  g_ptr_array_unref (inputs);
  return EXIT_SUCCESS;
}
