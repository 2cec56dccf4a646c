/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What somebody chose or dropped: an image of any shape and size, recognised, matched with the profiles of operating systems and
 * made into a proposal that must be a definition.
 *
 * Input: a byte for the file's size, a byte for what its head is, then the texts of an ISO's descriptor (32 bytes each: volume, system,
 * publisher, application), or the head's bytes; a name of an operating system is what the input begins with where the bit says so.
 */
#include "fuzz.h"

#include "machine/plan.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum
{
  HOW_ISO = 1 << 0,
  HOW_UDF = 1 << 1,
  HOW_BOOTABLE = 1 << 2,
  HOW_SIGNATURE = 1 << 3,
  HOW_NAME = 1 << 4,
};

#define TEXT 32u

static void
put (int fd, off_t at, const void *data, size_t length)
{
  if (length > 0 && pwrite (fd, data, length, at) != (ssize_t)length)
    abort ();
}

static void
put_iso (int fd, FuzzBytes *bytes, unsigned how)
{
  static const unsigned fields[] = { 40, 8, 318, 574 };
  uint8_t sector[2048] = { 1, 'C', 'D', '0', '0', '1', 1 };
  off_t at = 32768;

  memset (sector + 8, ' ', 64);
  memset (sector + 318, ' ', 3 * 128);
  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autofree char *text = fuzz_text (bytes, TEXT);

      memcpy (sector + fields[i], text, strlen (text));
    }
  for (unsigned i = 0; i < 4; i++)
    sector[80 + i] = fuzz_u8 (bytes);
  put (fd, at, sector, sizeof sector);
  if (how & HOW_BOOTABLE)
    put (fd, at += 2048, "\0CD001\1EL TORITO SPECIFICATION", 30);
  put (fd, at += 2048, "\377CD001\1", 7);
  if (how & HOW_UDF)
    put (fd, at + 2048, "\0NSR02\1", 7);
}

/* libosinfo with a database of one system: the host's takes seconds to load and milliseconds to ask, and is not what is tested. */
static void
make_database (void)
{
  static const char text[]
      = "<libosinfo version='0.0.1'><os id='http://example.org/os/1'><short-id>fuzzos1</short-id><name>Fuzz OS 1</name>"
        "<media arch='all'><iso><volume-id>FUZZ.*</volume-id><system-id>LINUX</system-id></iso></media></os></libosinfo>\n";
  static const char *const variables[]
      = { "OSINFO_SYSTEM_DIR", "OSINFO_LOCAL_DIR", "OSINFO_USER_DIR", "OSINFO_DATA_DIR" };
  g_autofree char *folder = g_build_filename (fuzz_folder (), "osinfo", NULL);
  g_autofree char *systems = g_build_filename (folder, "os", "example.org", NULL);
  g_autofree char *file = g_build_filename (systems, "fuzzos-1.xml", NULL);
  static gboolean done;

  if (done)
    return;
  done = TRUE;
  if (g_mkdir_with_parents (systems, 0700) < 0 || !g_file_set_contents (file, text, -1, NULL))
    abort ();
  for (unsigned i = 0; i < G_N_ELEMENTS (variables); i++)
    g_setenv (variables[i], i == 0 ? folder : fuzz_folder (), TRUE);
}

/* libosinfo loses some of its lists. */
const char *__lsan_default_suppressions (void);
const char *
__lsan_default_suppressions (void)
{
  return "leak:libosinfo\n";
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const off_t sizes[]
      = { 0,      1,      511,     512,     4096,    163840,  184320,    327680,
          368640, 737280, 1228800, 1474560, 1720320, 2949120, 700 << 20, (off_t)9 << 30 };
  FuzzBytes bytes = { data, length };
  unsigned size = fuzz_u8 (&bytes), how = fuzz_u8 (&bytes);
  g_autofree char *name = how & HOW_NAME ? fuzz_text (&bytes, TEXT) : NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int fd = memfd_create ("medium", MFD_CLOEXEC);

  make_database ();
  if (name != NULL && g_utf8_validate (name, -1, NULL))
    {
      g_autoptr (OsProfile) profile = os_profile_lookup (name);
      g_autoptr (MachineDefinition) definition = definition_new ("fuzz");

      if (profile == NULL)
        g_error ("no profile at all for %s", name);
      os_profile_apply (profile, definition);
    }
  if (fd < 0 || ftruncate (fd, sizes[size % 16]) < 0)
    abort ();
  if (how & HOW_ISO)
    put_iso (fd, &bytes, how);
  put (fd, 0, bytes.data, bytes.length);
  if (how & HOW_SIGNATURE)
    put (fd, 510, "\x55\xaa", 2);
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (MediaInfo) media = media_identify (path, &error);
  if (media == NULL)
    g_error ("a file that is there: %s", error->message);
  const char *const texts[]
      = { media->system_id, media->volume_id, media->publisher, media->application, media->os_name };
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i] != NULL && !g_utf8_validate (texts[i], -1, NULL))
      g_error ("text that isn't UTF-8");

  uint64_t disk;
  g_autofree char *shown = name != NULL && *name != 0 ? g_strdup (name) : g_strdup ("fuzz.iso");
  g_autofree char *where = g_strconcat ("/images/", shown, NULL);
  g_autoptr (MachineDefinition) proposal = plan_for_medium (media, where, &disk);
  g_autofree char *text = definition_to_text (proposal);
  g_autoptr (MachineDefinition) again = definition_parse (text, -1, "/m/machine.ini", &error);
  if (again == NULL && g_utf8_validate (where, -1, NULL))
    g_error ("a proposal is no definition: %s\n%s", error->message, text);
  close (fd);
  return 0;
}

static void
make (void)
{
  static const char *const volumes[] = { "Debian 12.5.0 amd64 n",
                                         "FREEDOS",
                                         "WINDOWS95",
                                         "WIN_98SE",
                                         "OpenBSD/amd64 7.4",
                                         "Fedora-WS-Live-39",
                                         "GRMCPRXFRER_EN_DVD",
                                         "HAIKU",
                                         "KOLIBRIOS",
                                         "no such volume" };
  static const struct
  {
    uint8_t size, how;
    const char *head;
    size_t length;
  } heads[] = { { 3, 0, "QFI\xfb", 4 },
                { 4, 0, "KDMV", 4 },
                { 4, 0, "vhdxfile", 8 },
                { 4, 0, "conectix", 8 },
                { 4, 0, "\x1f\x8b", 2 },
                { 4, 0,
                  "\xfd"
                  "7zXZ",
                  6 },
                { 4, 0, "PK\3\4", 4 },
                { 4, 0,
                  "\x7f"
                  "ELF\2\1\1",
                  7 },
                { 11, HOW_SIGNATURE, "\xeb\x3c\x90MSDOS5.0\0\2\1\1\0\2\340\0\100\013\360\11\0\22\0\2\0", 28 },
                { 5, HOW_SIGNATURE, "\xeb", 1 },
                { 14, HOW_SIGNATURE, "\x33\xc0", 2 },
                { 0, 0, "", 0 },
                { 15, 0, "BZh9", 4 } };
  g_auto (GStrv) profiles = os_profile_list ();
  uint8_t kernel[600] = { 4, HOW_SIGNATURE };

  for (char **p = profiles; *p != NULL; p += 2)
    {
      g_autofree char *seed = g_strdup_printf ("%c%c%-32s", 10, HOW_NAME, *p);

      fuzz_word_text (*p);
      for (char *c = seed + 2; *c != 0; c++)
        if (*c == ' ')
          *c = 0;
      fuzz_seed (seed, 2 + TEXT);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (volumes); i++)
    {
      uint8_t seed[2 + 4 * TEXT + 4] = { 14, HOW_ISO | HOW_BOOTABLE | (i & 1 ? HOW_UDF : 0) };

      fuzz_word_text (volumes[i]);
      memcpy (seed + 2, volumes[i], strlen (volumes[i]));
      memcpy (seed + 2 + TEXT, "LINUX", 5);
      memcpy (seed + 2 + 2 * TEXT, "MICROSOFT CORPORATION", 21);
      fuzz_seed (seed, sizeof seed);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      uint8_t seed[64] = { heads[i].size, heads[i].how };

      fuzz_word (heads[i].head, heads[i].length);
      memcpy (seed + 2, heads[i].head, heads[i].length);
      fuzz_seed (seed, 2 + heads[i].length);
    }
  memcpy (kernel + 2 + 0x202, "HdrS", 4);
  fuzz_seed (kernel, sizeof kernel);
  fuzz_word_text ("HdrS");
}

const FuzzTarget fuzz_target
    = { "machine/media.c machine/os-profile.c machine/plan.c block/floppy.c", 1024, make };
