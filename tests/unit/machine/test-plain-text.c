/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text from outside before a terminal and before Pango.
 */
#include "config.h"

#include "machine/plain-text.h"

#include <string.h>

static void
test_text (void)
{
  static const struct
  {
    const char *in, *out;
  } cases[] = {
    { "", "" },
    { "plain\ttext\nand lines", "plain\ttext\nand lines" },
    { "dos\r\nlines\r\n", "dos\nlines\n" },
    { "over\rwrite", "over\357\277\275write" },
    { "\033]0;title\007", "\357\277\275]0;title\357\277\275" },
    { "\177", "\357\277\275" },
    { "\302\233"
      "31m",
      "\357\277\275"
      "31m" }, /* U+009B, CSI in one */
    { "\233"
      "31m",
      "\357\277\275"
      "31m" }, /* the same as a byte */
    { "na\303\257ve \360\237\220\247", "na\303\257ve \360\237\220\247" },
    { "a\342\200\256b\342\201\246c", "a\357\277\275b\357\277\275c" }, /* U+202E, U+2066: turned around */
    { "a\342\200\250b\342\200\251c",
      "a\357\277\275b\357\277\275c" },                      /* U+2028, U+2029: other ends of lines */
    { "a\342\200\217\330\247b", "a\342\200\217\330\247b" }, /* U+200F, a mark */
    { "cut \360\237", "cut \357\277\275\357\277\275" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *out = viv_plain_text (cases[i].in, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
      g_assert_cmpstr (out, ==, cases[i].out);
    }
  g_assert_null (viv_plain_text (NULL, -1, 1, VIV_PLAIN_DEFAULT));
  g_autofree char *bytes = viv_plain_text ("a\351\033b", -1, VIV_PLAIN_MOST, VIV_PLAIN_KEEP_BYTES);
  g_assert_cmpstr (bytes, ==, "a\351\357\277\275b");
  g_autofree char *name = viv_plain_text ("a\342\200\256b", -1, VIV_PLAIN_MOST, VIV_PLAIN_KEEP_BYTES);
  g_assert_cmpstr (name, ==, "a\342\200\256b");
  g_autofree char *line = viv_plain_text ("a\r\nb\tc\033", -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE);
  g_assert_cmpstr (line, ==, "a b c\357\277\275");
  g_autofree char *zero = viv_plain_text ("a\0b", 3, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
  g_assert_cmpstr (zero, ==, "a\357\277\275b");
}

static void
test_limit (void)
{
  g_autofree char *text = g_strnfill (100000, 'x'), *just = g_strnfill (VIV_PLAIN_MOST, 'x');

  for (gsize most = 0; most < 20; most++)
    {
      g_autofree char *out
          = viv_plain_text ("\303\244\303\244\033\303\244\303\244\303\244\303\244\303\244\303\244", -1, most,
                            VIV_PLAIN_DEFAULT);
      g_assert_cmpuint (strlen (out), <=, most);
      g_assert_true (g_utf8_validate (out, -1, NULL));
    }
  g_autofree char *cut = viv_plain_text (text, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
  g_assert_cmpuint (strlen (cut), ==, VIV_PLAIN_MOST);
  g_assert_true (g_str_has_suffix (cut, "x\342\200\246"));
  g_autofree char *whole = viv_plain_text (just, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
  g_assert_cmpstr (whole, ==, just);
}

static void
test_variant (void)
{
  g_autofree char *text = g_strnfill (100000, 'x');
  g_autoptr (GVariant) value = g_variant_ref_sink (
      g_variant_new_parsed ("({'a\033': <('\033[2J', %s, uint64 7)>, 'b': <@as []>}, true)", text));
  g_autoptr (GVariant) plain = viv_plain_variant (value, 8, VIV_PLAIN_DEFAULT);
  g_autofree char *printed = g_variant_print (plain, FALSE);

  g_assert_cmpstr (
      printed, ==,
      "({'a\357\277\275': <('\357\277\275[2J', 'xxxxx\342\200\246', uint64 7)>, 'b': <@as []>}, true)");
  g_assert_true (g_variant_is_of_type (plain, g_variant_get_type (value)));

  GVariantBuilder many;
  g_variant_builder_init (&many, G_VARIANT_TYPE ("a(ss)"));
  for (unsigned i = 0; i < 5000; i++)
    g_variant_builder_add (&many, "(ss)", "a", "b");
  g_autoptr (GVariant) list = g_variant_ref_sink (g_variant_builder_end (&many));
  g_autoptr (GVariant) few = viv_plain_variant (list, 8, VIV_PLAIN_DEFAULT);
  g_assert_cmpuint (g_variant_n_children (few), ==, 1024);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plain-text/text", test_text);
  g_test_add_func ("/plain-text/limit", test_limit);
  g_test_add_func ("/plain-text/variant", test_variant);
  return g_test_run ();
}
