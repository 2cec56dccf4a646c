/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI and SMBIOS tables, placed as firmware would place them.
 */
#include "board/pc.h"
#include "cpu/engine.h"
#include "firmware/acpi.h"
#include "firmware/fw-cfg.h"
#include "firmware/smbios.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define TABLES_AT     0x07ff0000u
#define RSDP_AT       0x000f5000u
#define GENERATION_AT 0x07fe0000u

typedef struct
{
  Vm *vm;
  Engine *engine;
  Board *board;
  Device *fw_cfg;
  uint8_t *tables, *rsdp;
  size_t tables_length, rsdp_length;
} Fixture;

static uint64_t
get (const uint8_t *p, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, p, size);
  return value;
}

static uint8_t *
blob (Fixture *f, const char *name)
{
  g_assert_true (g_str_equal (name, "etc/acpi/tables") || g_str_equal (name, "etc/acpi/rsdp")
                 || g_str_equal (name, "etc/vmgenid_guid"));
  return g_str_equal (name, "etc/acpi/rsdp") ? f->rsdp : f->tables;
}

/* What SeaBIOS does with etc/table-loader. */
static void
run_loader (Fixture *f)
{
  size_t length;
  const uint8_t *script = fw_cfg_file (f->fw_cfg, "etc/table-loader", &length);

  g_assert_nonnull (script);
  g_assert_cmpuint (length % 128, ==, 0);
  for (const uint8_t *c = script; c < script + length; c += 128)
    switch (get (c, 4))
      {
      case 0: /* room */
        break;
      case 1:
        g_assert_nonnull (blob (f, (const char *)c + 4));
        break;
      case 2:
        {
          uint8_t *at = blob (f, (const char *)c + 4) + get (c + 116, 4);
          unsigned size = c[120];
          uint64_t value;

          if (g_str_equal (c + 60, "etc/vmgenid_guid"))
            {
              value = get (at, size) + GENERATION_AT;
              memcpy (at, &value, size);
              break;
            }
          g_assert_cmpstr ((const char *)c + 60, ==, "etc/acpi/tables");
          value = get (at, size) + TABLES_AT;
          g_assert_cmpuint (value, <, TABLES_AT + f->tables_length);
          memcpy (at, &value, size);
          break;
        }
      case 3:
        {
          uint8_t *at = blob (f, (const char *)c + 4), sum = 0;
          uint32_t where = (uint32_t)get (c + 60, 4), from = (uint32_t)get (c + 64, 4),
                   n = (uint32_t)get (c + 68, 4);

          for (uint32_t i = 0; i < n; i++)
            sum = (uint8_t)(sum + at[from + i]);
          at[where] = (uint8_t)(at[where] - sum);
          break;
        }
      case 4: /* where it is, for the device */
        g_assert_cmpstr ((const char *)c + 4, ==, "etc/vmgenid_addr");
        break;
      default:
        g_assert_not_reached ();
      }
}

static void
out (Fixture *f, uint16_t port, uint32_t value, unsigned size)
{
  AccessCache cache = { 0 };

  address_space_store (f->vm->ports, &cache, port, value, size, TRUE);
  access_cache_clear (&cache);
}

static void
config (Fixture *f, unsigned devfn, unsigned at, uint32_t value, unsigned size)
{
  out (f, 0xcf8, 0x80000000u | devfn << 8 | (at & ~3u), 4);
  out (f, 0xcfc + (at & 3), value, size);
}

/* What firmware does before it fetches the tables. */
static void
place_ports (Fixture *f, const char *chipset)
{
  if (g_str_equal (chipset, "q35"))
    {
      config (f, 0, 0x60, 0xb0000001, 4);
      config (f, PCI_DEVFN (0x1f, 0), 0x40, 0x601, 4);
      config (f, PCI_DEVFN (0x1f, 0), 0x44, 0x80, 1);
      return;
    }
  config (f, PCI_DEVFN (1, 3), 0x40, 0x601, 4);
  config (f, PCI_DEVFN (1, 3), 0x80, 1, 1);
}

static void
setup (Fixture *f, gconstpointer data)
{
  g_autoptr (MachineDefinition) definition = definition_new ("a machine");
  g_autoptr (GError) error = NULL;
  const char *chipset = data != NULL ? data : "pc";
  const SmbiosProcessors processors = { .n = 3,
                                        .cores = 4,
                                        .threads = 2,
                                        .signature = 0x00000f4a,
                                        .features = 0x178bfbff,
                                        .version = "A Processor of Ours" };
  const uint8_t *p;

  definition_put (definition, "machine.memory", "128M");
  definition_put (definition, "machine.chipset", chipset);
  g_assert_true (definition_set (definition, "serial0.backend", "none", &error));
  g_assert_true (definition_set (definition, "panic0.action", "pause", &error));
  g_assert_no_error (error);
  f->vm = vm_new (NULL, TRUE);
  f->engine = engine_new (&none_engine_class, f->vm, &(EngineConfig){ .n_cpus = 3 }, &error);
  f->board = pc_new (f->vm, definition, &error);
  g_assert_no_error (error);
  f->fw_cfg = f->board->fw_cfg;
  vm_lock (f->vm);
  place_ports (f, chipset);
  acpi_build (f->fw_cfg);
  smbios_build (f->fw_cfg, "a machine", "12345678-9abc-def0-1122-334455667788", 128u << 20, &processors);
  p = fw_cfg_file (f->fw_cfg, "etc/acpi/tables", &f->tables_length);
  f->tables = g_memdup2 (p, f->tables_length);
  p = fw_cfg_file (f->fw_cfg, "etc/acpi/rsdp", &f->rsdp_length);
  f->rsdp = g_memdup2 (p, f->rsdp_length);
  run_loader (f);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  vm_unlock (f->vm);
  engine_free (f->engine);
  board_free (f->board);
  vm_free (f->vm);
  g_free (f->tables);
  g_free (f->rsdp);
}

static uint8_t
sum (const uint8_t *p, size_t length)
{
  uint8_t total = 0;

  while (length--)
    total = (uint8_t)(total + *p++);
  return total;
}

static const uint8_t *
table_at (Fixture *f, uint64_t address)
{
  const uint8_t *t;

  g_assert_cmpuint (address, >=, TABLES_AT);
  g_assert_cmpuint (address + 36, <=, TABLES_AT + f->tables_length);
  t = f->tables + (address - TABLES_AT);
  g_assert_cmpuint (address + get (t + 4, 4), <=, TABLES_AT + f->tables_length);
  return t;
}

/* The nth by signature, through the XSDT; each found in the RSDT too. */
static const uint8_t *
find_nth (Fixture *f, const char *signature, unsigned nth)
{
  const uint8_t *xsdt = table_at (f, get (f->rsdp + 24, 8)), *rsdt = table_at (f, get (f->rsdp + 16, 4));
  unsigned n = (unsigned)(get (xsdt + 4, 4) - 36) / 8;

  g_assert_cmpuint ((get (rsdt + 4, 4) - 36) / 4, ==, n);
  for (unsigned i = 0; i < n; i++)
    {
      uint64_t address = get (xsdt + 36 + 8 * i, 8);

      g_assert_cmphex (address, ==, get (rsdt + 36 + 4 * i, 4));
      if (memcmp (table_at (f, address), signature, 4) == 0 && nth-- == 0)
        return table_at (f, address);
    }
  return NULL;
}

static const uint8_t *
find (Fixture *f, const char *signature)
{
  return find_nth (f, signature, 0);
}

static void
test_roots (Fixture *f, gconstpointer data)
{
  static const char *const all[] = { "FACP", "APIC", "HPET", "WAET", "SSDT" };

  g_assert_cmpmem (f->rsdp, 8, "RSD PTR ", 8);
  g_assert_cmpuint (sum (f->rsdp, 20), ==, 0);
  g_assert_cmpuint (sum (f->rsdp, 36), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (all); i++)
    {
      const uint8_t *t = find (f, all[i]);

      g_assert_nonnull (t);
      g_assert_cmpuint (sum (t, get (t + 4, 4)), ==, 0);
    }
}

static void
test_fadt (Fixture *f, gconstpointer data)
{
  const uint8_t *fadt = find (f, "FACP"), *dsdt, *facs;

  /* Windows 7 wants X_DSDT, older ones DSDT: both, and the same. */
  g_assert_cmphex (get (fadt + 40, 4), ==, get (fadt + 140, 8));
  dsdt = table_at (f, get (fadt + 40, 4));
  g_assert_cmpmem (dsdt, 4, "DSDT", 4);
  g_assert_cmpuint (sum (dsdt, get (dsdt + 4, 4)), ==, 0);
  facs = f->tables + (get (fadt + 36, 4) - TABLES_AT);
  g_assert_cmpmem (facs, 4, "FACS", 4);
  g_assert_cmpuint (get (fadt + 36, 4) % 64, ==, 0);
  g_assert_cmphex (get (fadt + 56, 4), ==, 0x600);
  g_assert_cmphex (get (fadt + 76, 4), ==, 0x608);
  g_assert_cmphex (get (fadt + 148 + 4, 8), ==, 0x600);
  /* A complete _S5: four elements. */
  g_assert_nonnull (memmem (dsdt, get (dsdt + 4, 4), "_S5_\x12\x06\x04", 7));
}

static void
test_madt (Fixture *f, gconstpointer data)
{
  const uint8_t *madt = find (f, "APIC"), *end = madt + get (madt + 4, 4);
  unsigned count[8] = { 0 };

  for (const uint8_t *p = madt + 44; p < end; p += p[1])
    {
      g_assert_cmpuint (p[1], >, 0);
      g_assert_cmpuint (p[0], <, 8);
      count[p[0]]++;
    }
  g_assert_cmpuint (count[0], ==, 3);
  g_assert_cmpuint (count[1], ==, 1);
  g_assert_cmpuint (count[2], ==, 5);
  g_assert_cmpuint (count[4], ==, 1);
}

/* -- What iasl reads in them ---------------------------------------------------------------------- */

static char *
run_iasl (const char *folder, const char *const *args)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL, *err = NULL;
  int status;

  g_ptr_array_add (argv, (gpointer) "iasl");
  for (; *args != NULL; args++)
    g_ptr_array_add (argv, (gpointer)*args);
  g_ptr_array_add (argv, NULL);
  if (!g_spawn_sync (folder, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status,
                     &error))
    {
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      return NULL;
    }
  return g_strconcat (out, err, NULL);
}

static void
write_table (const char *folder, const uint8_t *table, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (const char *)table, (gssize)get (table + 4, 4), &error);
  g_assert_no_error (error);
}

/* Without the comments, in which paths and versions are. */
static char *
without_comments (const char *text)
{
  GString *out = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;

  for (const char *p = text; *p != '\0'; p++)
    {
      if (g_str_has_prefix (p, "/*"))
        {
          const char *behind = strstr (p, "*/");

          g_assert_nonnull (behind);
          p = behind + 1;
        }
      else if (g_str_has_prefix (p, "//"))
        p += strcspn (p, "\n") - 1;
      else
        g_string_append_c (out, *p);
    }
  lines = g_strsplit (out->str, "\n", -1);
  g_string_truncate (out, 0);
  for (char **line = lines; *line != NULL; line++)
    if (*g_strchomp (*line) != '\0')
      g_string_append_printf (out, "%s\n", *line);
  text = out->str;
  /* A route a line. */
  g_autoptr (GRegex) package = g_regex_new (
      "Package \\(0x04\\)\\s*\\{\\s*([^{},]*),\\s*([^{},]*),\\s*([^{},]*),\\s*([^{},]*?)\\s*\\}", 0, 0, NULL);
  char *short_text = g_regex_replace (package, text, -1, 0, "{ \\1, \\2, \\3, \\4 }", 0, NULL);
  g_string_free (out, TRUE);
  return short_text;
}

/* Decompiled and compiled again with nothing to remark, and as it was when it was last looked at: test-tables --write. */
static gboolean writing;

static void
test_golden (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "FACP", "APIC", "WAET", "SSDT", "HPET", "SSDT2", "MCFG" };
  const unsigned n_names = G_N_ELEMENTS (names) - g_str_equal (data, "pc");
  g_autofree char *folder = g_dir_make_tmp ("viv-tables-XXXXXX", NULL);
  g_autofree char *golden
      = g_strdup_printf ("%s/tests/data/acpi-%s.dsl", g_getenv ("VIVARIUM_SRCDIR"), (const char *)data);
  g_autofree char *expected = NULL, *said = NULL, *again = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GDir) dir = NULL;
  const uint8_t *fadt = find (f, "FACP");
  const char *name;

  write_table (folder, table_at (f, get (fadt + 40, 4)), "DSDT.dat");
  for (unsigned i = 0; i < n_names; i++)
    {
      g_autofree char *file = g_strconcat (names[i], ".dat", NULL);

      const uint8_t *table = find_nth (f, names[i], names[i][4] != '\0');
      g_assert_nonnull (table);
      write_table (folder, table, file);
    }
  said = run_iasl (folder, (const char *const[]){
                               "-d", "DSDT.dat", "FACP.dat", "APIC.dat", "WAET.dat", "SSDT.dat", "HPET.dat",
                               "SSDT2.dat", n_names == G_N_ELEMENTS (names) ? "MCFG.dat" : NULL, NULL });
  if (said == NULL)
    {
      g_test_skip ("iasl is not installed");
      return;
    }
  again = run_iasl (folder, (const char *const[]){ "-p", "again", "DSDT.dsl", NULL });
  g_test_message ("%s", again);
  g_assert_nonnull (strstr (again, " 0 Errors, 0 Warnings, 0 Remarks"));
  for (unsigned i = 0; i <= n_names; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/%s.dsl", folder, i == 0 ? "DSDT" : names[i - 1]);
      g_autofree char *dsl = NULL, *plain = NULL;

      g_assert_true (g_file_get_contents (path, &dsl, NULL, NULL));
      plain = without_comments (dsl);
      g_string_append (text, plain);
    }
  if (writing)
    g_assert_true (g_file_set_contents (golden, text->str, -1, NULL));
  g_assert_true (g_file_get_contents (golden, &expected, NULL, NULL));
  g_assert_cmpstr (text->str, ==, expected);
  dir = g_dir_open (folder, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_remove (path);
    }
  g_rmdir (folder);
}

/* The strings stand behind a structure; the first is 1. */
static const char *
string_of (const uint8_t *structure, unsigned n)
{
  const char *p = (const char *)structure + structure[1];

  g_assert_cmpuint (n, >, 0);
  while (--n > 0)
    p += strlen (p) + 1;
  return p;
}

static void
test_smbios (Fixture *f, gconstpointer data)
{
  size_t length, anchor_length;
  const uint8_t *tables = fw_cfg_file (f->fw_cfg, "etc/smbios/smbios-tables", &length);
  const uint8_t *anchor = fw_cfg_file (f->fw_cfg, "etc/smbios/smbios-anchor", &anchor_length);
  static const uint8_t uuid[16]
      = { 0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
  const uint8_t *p = tables;
  unsigned n = 0, n_processors = 0;

  g_assert_cmpmem (anchor, 4, "_SM_", 4);
  g_assert_cmpuint (get (anchor + 22, 2), ==, length);
  while (p < tables + length)
    {
      const uint8_t *structure = p;

      if (p[0] == 1)
        g_assert_cmpmem (p + 8, 16, uuid, 16);
      if (p[0] == 4)
        {
          g_assert_cmphex (get (p + 8, 4), ==, 0x00000f4a);  /* CPUID leaf 1, EAX */
          g_assert_cmphex (get (p + 12, 4), ==, 0x178bfbff); /* EDX */
          g_assert_cmpstr (string_of (p, p[16]), ==, "A Processor of Ours");
          /* Speeds that would be made up: 0, unknown (7.5). */
          g_assert_cmpuint (get (p + 0x12, 2), ==, 0);
          g_assert_cmpuint (get (p + 0x14, 2), ==, 0);
          g_assert_cmpuint (get (p + 0x16, 2), ==, 0);
          g_assert_cmpuint (p[0x23], ==, 4);
          g_assert_cmpuint (p[0x24], ==, 4);
          g_assert_cmpuint (p[0x25], ==, 8);
          n_processors++;
        }
      for (p += p[1]; p[0] != 0 || p[1] != 0; p++)
        g_assert_true (p + 1 < tables + length);
      p += 2;
      n++;
      if (structure[0] == 127)
        break;
    }
  g_assert_true (p == tables + length);
  g_assert_cmpuint (n_processors, ==, 3);
  g_assert_cmpuint (n, ==, get (anchor + 28, 2));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  writing = argc > 1 && g_str_equal (argv[1], "--write");
#define ADD(name, func) g_test_add ("/tables/" name, Fixture, NULL, setup, func, teardown)
  ADD ("roots", test_roots);
  ADD ("fadt", test_fadt);
  ADD ("madt", test_madt);
  ADD ("smbios", test_smbios);
  g_test_add ("/tables/golden/pc", Fixture, "pc", setup, test_golden, teardown);
  g_test_add ("/tables/golden/q35", Fixture, "q35", setup, test_golden, teardown);
  return g_test_run ();
}
