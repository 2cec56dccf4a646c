/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A monitor's code on its way through the decoder: what a person reads, and monitors that lie.
 */
#include "machine/disassembly.h"

#include <gio/gio.h>
#include <string.h>

static char *
decode (const char *answer, gboolean json)
{
  g_autoptr (GError) error = NULL;
  char *text = disassembly_of (answer, json, &error);

  if (text == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    {
      g_test_skip ("built without libcapstone");
      return NULL;
    }
  g_assert_no_error (error);
  return text;
}

static void
test_is (void)
{
  static const char *const are[]
      = { "disassemble", " disassemble 0x1000", "cpu 1 disassemble", "cpu  3\tdisassemble $rip 5" },
      *const are_not[] = { "", "cpu", "cpu 1", "x disassemble", "disassembles", "cpu 1 x disassemble" };

  for (unsigned i = 0; i < G_N_ELEMENTS (are); i++)
    g_assert_true (disassembly_is (are[i]));
  for (unsigned i = 0; i < G_N_ELEMENTS (are_not); i++)
    g_assert_false (disassembly_is (are_not[i]));
}

static void
test_modes (void)
{
  /* The same bytes are other instructions in each mode. */
  static const struct
  {
    const char *bits, *first;
  } modes[]
      = { { "16", "mov ax, 0x5678" }, { "32", "mov eax, 0x12345678" }, { "64", "mov eax, 0x12345678" } };

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autofree char *answer = g_strdup_printf (
          "bits     %s\naddress  0xffff800000001000\nbytes    b87856341290\n", modes[i].bits);
      g_autofree char *text = decode (answer, FALSE);

      if (text == NULL)
        return;
      g_test_message ("%s", text);
      g_assert_true (g_str_has_prefix (text, "0xffff800000001000  b8"));
      g_assert_nonnull (strstr (text, modes[i].first));
    }
}

static void
test_json (void)
{
  /* NOP, and at the end one that is cut. */
  g_autofree char *json = decode ("bits 64\naddress 0x10\nbytes 90e8", TRUE);

  if (json != NULL)
    g_assert_cmpstr (
        json, ==,
        "{\"code\": [{\"address\": \"0x0000000000000010\", \"bytes\": \"90\", \"instruction\": \"nop\"}]}\n");
}

/* Any bytes: the decoder answers something, and ends. */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  for (unsigned round = 0; round < 12; round++)
    {
      static const unsigned bits[] = { 16, 32, 64 };
      GString *answer = g_string_new (NULL);

      g_string_printf (answer, "bits %u\naddress 0xfffffffffffffff0\nbytes ", bits[round % 3]);
      for (unsigned i = 0; i < 4096; i++)
        g_string_append_printf (answer, "%02x", g_rand_int (rand) & 0xff);
      g_autofree char *text = decode (answer->str, (round & 1) != 0);
      g_string_free (answer, TRUE);
      if (text == NULL)
        return;
      g_assert_cmpuint (strlen (text), >, 1000);
    }
}

static void
test_liars (void)
{
  g_autofree char *zeros = g_strnfill (2 * 4097, '0');
  g_autofree char *much = g_strconcat ("bits 64\naddress 0x0\nbytes ", zeros, NULL);
  const char *const lies[] = { "",
                               "bits 64",
                               "bits 65\naddress 0x0\nbytes 90",
                               "bits 64\naddress 0\nbytes 90",
                               "bits 64\naddress 0x11112222333344445\nbytes 90",
                               "bits 64\naddress 0x0\nbytes 9",
                               "bits 64\naddress 0x0\nbytes 9g",
                               "bits 64\naddress 0x0 --help\nbytes 90",
                               "bits -16\naddress 0x0\nbytes 90",
                               much };

  for (unsigned i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = disassembly_of (lies[i], FALSE, &error);

      g_assert_null (text);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/disassembly/is", test_is);
  g_test_add_func ("/disassembly/modes", test_modes);
  g_test_add_func ("/disassembly/json", test_json);
  g_test_add_func ("/disassembly/random", test_random);
  g_test_add_func ("/disassembly/liars", test_liars);
  return g_test_run ();
}
