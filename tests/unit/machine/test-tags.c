/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tags: what is one, each once, added and taken away, and the definition's key.
 */
#include "machine/definition.h"
#include "machine/tags.h"

static void
assert_tags (const char *text, const char *wanted)
{
  g_auto (GStrv) tags = tags_parse (text);
  g_autofree char *joined = tags_to_text ((const char *const *)tags);

  g_assert_cmpstr (joined, ==, wanted);
}

static void
test_parse (void)
{
  assert_tags (NULL, "");
  assert_tags ("", "");
  assert_tags (" , ,", "");
  assert_tags ("work", "work");
  assert_tags (" work ,  home office", "home office, work");
  /* Once, whatever the case. */
  assert_tags ("Work,work,WORK", "Work");
  assert_tags ("a\tb, c", "c");
  assert_tags ("\xff, c", "c");
  g_assert_true (tags_check ("work, home office"));
  g_assert_false (tags_check ("work,,home"));
  g_assert_false (tags_check ("a\nb"));
}

static void
test_change (void)
{
  g_autofree char *added
      = tags_change ("b", (const char *[]){ "a", "B", "x,y", NULL }, (const char *[]){ NULL });
  g_autofree char *removed
      = tags_change ("a, b, c", (const char *[]){ "d", NULL }, (const char *[]){ "B", NULL });
  g_autofree char *none = tags_change ("a", (const char *[]){ NULL }, (const char *[]){ "a", NULL });

  g_assert_cmpstr (added, ==, "a, b");
  g_assert_cmpstr (removed, ==, "a, c, d");
  g_assert_cmpstr (none, ==, "");
}

static void
test_key (void)
{
  g_autoptr (MachineDefinition) definition = definition_new ("Fern");
  g_autoptr (MachineDefinition) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_assert_true (definition_set (definition, "machine.tags", "work, lab", &error));
  g_assert_no_error (error);
  g_assert_false (definition_set (definition, "machine.tags", "work,,lab", &error));
  g_assert_nonnull (error);
  text = definition_to_text (definition);
  again = definition_parse (text, -1, NULL, NULL);
  g_assert_cmpstr (definition_text (again, "machine.tags"), ==, "work, lab");
  g_assert_true (definition_set (again, "machine.tags", "", NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tags/parse", test_parse);
  g_test_add_func ("/tags/change", test_change);
  g_test_add_func ("/tags/key", test_key);
  return g_test_run ();
}
