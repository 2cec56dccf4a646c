/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bytes of AML: names, numbers, and lengths at each of their edges.
 */
#include "core/aml.h"

#include <string.h>

#define BYTES(aml, ...)                                                        \
  G_STMT_START                                                                 \
  {                                                                            \
    const uint8_t bytes_[] = { __VA_ARGS__ };                                  \
    g_assert_cmpmem (aml_data (aml), aml_length (aml), bytes_, sizeof bytes_); \
  }                                                                            \
  G_STMT_END

static void
test_names (void)
{
  g_autoptr (Aml) one = aml_new (), two = aml_new (), three = aml_new (), up = aml_new (), root = aml_new ();

  aml_path (one, "SB");
  BYTES (one, 'S', 'B', '_', '_');
  aml_path (two, "\\_SB.PCI0");
  BYTES (two, '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0');
  aml_path (three, "A.B.C");
  BYTES (three, 0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_');
  aml_path (up, "^^X");
  BYTES (up, '^', '^', 'X', '_', '_', '_');
  aml_path (root, "\\");
  BYTES (root, '\\', 0);
}

static void
test_numbers (void)
{
  g_autoptr (Aml) aml = aml_new ();

  aml_number (aml, 0);
  aml_number (aml, 1);
  aml_number (aml, 2);
  aml_number (aml, 0x100);
  aml_number (aml, 0x10000);
  aml_number (aml, 0x100000000);
  BYTES (aml, 0, 1, 0x0a, 2, 0x0b, 0, 1, 0x0c, 0, 0, 1, 0, 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void
test_eisa (void)
{
  g_autoptr (Aml) aml = aml_new ();

  aml_eisa_id (aml, "PNP0A03");
  BYTES (aml, 0x0c, 0x41, 0xd0, 0x0a, 0x03);
}

static void
test_unicode (void)
{
  g_autoptr (Aml) aml = aml_new ();

  aml_name_unicode (aml, "_STR", "Ab");
  BYTES (aml, 0x08, '_', 'S', 'T', 'R', 0x11, 9, 0x0a, 6, 'A', 0, 'b', 0, 0, 0);
}

/* What the length says is all up to the end, itself among it; nothing takes a byte more than it must. */
static void
check_length (guint inside)
{
  g_autoptr (Aml) aml = aml_new ();
  g_autoptr (Aml) filling = aml_new ();
  const uint8_t *bytes;
  guint more, length;

  for (guint i = 0; i < inside - 1; i++)
    aml_put (filling, 0xa3, 1);
  aml_begin_package (aml, 7);
  aml_append (aml, filling);
  aml_end (aml);
  bytes = aml_data (aml) + 1;
  more = bytes[0] >> 6;
  length = more == 0 ? bytes[0] : bytes[0] & 15;
  for (guint i = 0; i < more; i++)
    length |= (guint)bytes[1 + i] << (4 + 8 * i);
  g_assert_cmpuint (length, ==, aml_length (aml) - 1);
  g_assert_cmpuint (length, ==, 1 + more + inside);
  g_assert_cmpuint (bytes[1 + more], ==, 7);
  g_assert_true (more == 0 || length - 1 >= (1u << (more == 1 ? 6 : more == 2 ? 12 : 20)) - 1);
}

static void
test_lengths (void)
{
  static const guint edges[] = { 62, 4093, 1048572 };

  for (guint i = 0; i < G_N_ELEMENTS (edges); i++)
    for (guint inside = edges[i] - 4; inside < edges[i] + 4; inside++)
      check_length (inside);
  check_length (1);
}

/* A template's size is that of its descriptors and the end tag. */
static void
test_resources (void)
{
  g_autoptr (Aml) aml = aml_new ();

  aml_begin_resources (aml);
  aml_res_irq (aml, 9);
  aml_end (aml);
  BYTES (aml, 0x11, 8, 0x0a, 5, 0x22, 0, 2, 0x79, 0);
}

static void
test_nested (void)
{
  g_autoptr (Aml) aml = aml_new ();

  aml_begin_scope (aml, "\\_SB");
  aml_begin_device (aml, "A");
  aml_end (aml);
  aml_begin_device (aml, "B");
  aml_name_number (aml, "C", 0);
  aml_end (aml);
  aml_end (aml);
  BYTES (aml, 0x10, 26, '\\', '_', 'S', 'B', '_', 0x5b, 0x82, 5, 'A', '_', '_', '_', 0x5b, 0x82, 11, 'B', '_',
         '_', '_', 8, 'C', '_', '_', '_', 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/aml/names", test_names);
  g_test_add_func ("/aml/numbers", test_numbers);
  g_test_add_func ("/aml/eisa", test_eisa);
  g_test_add_func ("/aml/unicode", test_unicode);
  g_test_add_func ("/aml/lengths", test_lengths);
  g_test_add_func ("/aml/resources", test_resources);
  g_test_add_func ("/aml/nested", test_nested);
  return g_test_run ();
}
