/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a chosen file is, and what is proposed for it.
 */
#include "config.h"

#include "machine/iso9660.h"
#include "machine/os-profile.h"
#include "machine/plan.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* libosinfo is built without frame pointers: only slow unwinding sees that what its loader loses is not ours (tests/sanitize/lsan.supp). */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "fast_unwind_on_malloc=0";
}

static char *
write_file (const void *data, size_t length, off_t size)
{
  char *path = NULL;
  int fd = g_file_open_tmp ("viv-media-XXXXXX", &path, NULL);

  g_assert_cmpint (write (fd, data, length), ==, length);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  close (fd);
  return path;
}

/* Descriptors: boot record, primary, Joliet, end. */
static uint8_t *
make_iso (const char *volume)
{
  uint8_t *iso = g_malloc0 (ISO_DESCRIPTOR_OFFSET + 6 * ISO_SECTOR), *d = iso + ISO_DESCRIPTOR_OFFSET;

  d[0] = 1;
  memcpy (d + 1, "CD001\1", 6);
  memset (d + 8, ' ', 64);
  memcpy (d + 8, "LINUX", 5);
  memcpy (d + 40, volume, strlen (volume));
  memset (d + 318, ' ', 128);
  memcpy (d + 318, "NOBODY", 6);
  d[81] = 1;
  d += ISO_SECTOR;
  memcpy (d, "\0CD001\1EL TORITO SPECIFICATION", 30);
  d += ISO_SECTOR;
  memcpy (d, "\377CD001\1", 7);
  return iso;
}

static MediaInfo *
identify (const void *data, size_t length, off_t size)
{
  g_autofree char *path = write_file (data, length, size);
  MediaInfo *info = media_identify (path, NULL);

  g_assert_nonnull (info);
  g_unlink (path);
  return info;
}

static void
test_kinds (void)
{
  uint8_t sector[1024] = { 0 };
  static const unsigned floppies[] = { 160, 180, 320, 360, 720, 1200, 1440, 2880 };

  for (unsigned i = 0; i < G_N_ELEMENTS (floppies); i++)
    {
      g_autoptr (MediaInfo) floppy = identify (sector, 512, floppies[i] * 1024);
      g_assert_cmpint (floppy->kind, ==, MEDIA_FLOPPY);
      g_assert_false (floppy->bootable);
    }
  g_autoptr (MediaInfo) nothing = identify (sector, 512, 5000), empty = identify (sector, 0, 0);
  g_assert_cmpint (nothing->kind, ==, MEDIA_UNKNOWN);
  g_assert_cmpint (empty->kind, ==, MEDIA_UNKNOWN);

  sector[510] = 0x55;
  sector[511] = 0xaa;
  g_autoptr (MediaInfo) disk = identify (sector, 512, 10 << 20);
  g_assert_cmpint (disk->kind, ==, MEDIA_DISK);
  memcpy (sector + 0x202, "HdrS", 4);
  g_autoptr (MediaInfo) kernel = identify (sector, sizeof (sector), 10 << 20);
  g_assert_cmpint (kernel->kind, ==, MEDIA_KERNEL);
  g_assert_cmpstr (kernel->format, ==, "bzImage");
  memcpy (sector, "\177ELF", 4);
  sector[510] = 0;
  g_autoptr (MediaInfo) elf = identify (sector, sizeof (sector), 10 << 20);
  g_assert_cmpint (elf->kind, ==, MEDIA_KERNEL);
  /* No floppy, though it is as long as one. */
  g_autoptr (MediaInfo) short_elf = identify (sector, sizeof (sector), 360 << 10);
  g_assert_cmpint (short_elf->kind, ==, MEDIA_KERNEL);
  g_autoptr (MediaInfo) qcow2 = identify ("QFI\xfb\0\0\0\3", 8, 200000);
  g_assert_cmpint (qcow2->kind, ==, MEDIA_FOREIGN);
  g_assert_cmpstr (qcow2->format, ==, "qcow2");
  g_assert_null (media_identify ("/nonexistent/x.iso", NULL));
  g_assert_null (media_identify ("/dev/null", NULL));
  g_assert_null (media_identify ("/", NULL));
}

static void
test_iso (void)
{
  static const struct
  {
    const char *volume, *profile;
  } cases[] = {
    { "Debian 12.5.0 amd64 n", "debian" },
    { "GRMCPRXFREO_EN_DVD", "windows-nt6" },
    { "FD13-LiveCD", "dos" },
    { "KolibriOS", "kolibrios" },
    { "OpenBSD/amd64   7.5 Install CD", "openbsd" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree uint8_t *iso = make_iso (cases[i].volume);
      g_autoptr (MediaInfo) info = identify (iso, ISO_DESCRIPTOR_OFFSET + 6 * ISO_SECTOR, 1 << 20);
      g_assert_cmpint (info->kind, ==, MEDIA_ISO);
      g_assert_true (info->bootable);
      g_assert_cmpstr (info->volume_id, ==, cases[i].volume);
      g_assert_cmpstr (info->publisher, ==, "NOBODY");
      g_assert_nonnull (info->os_id);
      g_autoptr (OsProfile) profile = os_profile_lookup (info->os_id);
      g_assert_cmpstr (profile->id, ==, cases[i].profile);
    }
}

static void
test_iso_hostile (void)
{
  g_autofree uint8_t *good = make_iso ("VOLUME");
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  size_t length = 6 * ISO_SECTOR;

  for (unsigned round = 0; round < 5000; round++)
    {
      IsoInfo info;
      g_autofree uint8_t *data = g_memdup2 (good + ISO_DESCRIPTOR_OFFSET, length);
      for (unsigned n = g_rand_int_range (rand, 0, 64); n > 0; n--)
        data[g_rand_int_range (rand, 0, length)] = g_rand_int_range (rand, 0, 256);
      /* Exactly as long as said, so that a sanitizer sees a byte too much. */
      size_t cut = g_rand_int_range (rand, 0, length + 1);
      g_autofree uint8_t *exact = g_memdup2 (data, MAX (cut, 1));
      iso_parse_descriptors (exact, cut, &info);
      const char *texts[]
          = { info.system_id, info.volume_id, info.publisher, info.preparer, info.application };
      for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
        g_assert_true (texts[i] == NULL || g_utf8_validate (texts[i], -1, NULL));
      iso_info_clear (&info);
    }
}

static void
test_profiles (void)
{
  g_auto (GStrv) list = os_profile_list ();
  unsigned n = 0;

  for (char **p = list; *p != NULL; p += 2, n++)
    {
      g_autoptr (OsProfile) profile = os_profile_lookup (p[0]);
      g_autoptr (MachineDefinition) definition = definition_new ("x"), again = NULL;
      g_autoptr (GError) error = NULL;
      g_assert_cmpstr (profile->id, ==, p[0]);
      g_assert_nonnull (p[1]);
      os_profile_apply (profile, definition);
      g_assert_true ((definition_find (definition, "rng0") != NULL)
                     == (g_str_equal (profile->family, "linux")));
      /* Every profile makes a definition that loads. */
      g_autofree char *text = definition_to_text (definition);
      again = definition_parse (text, -1, NULL, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (n, >, 15);
  const char *ids[][2]
      = { { "win10", "windows-nt10" },  { "winxp", "windows-nt5" },  { "win98", "windows-9x" },
          { "debian12", "debian" },     { "openbsd7.4", "openbsd" }, { "freebsd14.0", "freebsd" },
          { "archlinux", "linux" },     { "nonsense", "generic" },   { "win3.1", "windows-dos" },
          { "win8.1", "windows-nt62" }, { "win11", "windows-11" } };
  for (unsigned i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      g_autoptr (OsProfile) profile = os_profile_lookup (ids[i][0]);
      g_assert_cmpstr (profile->id, ==, ids[i][1]);
    }
  /* A USB controller that the system knows, or none; another system takes the first one's away. */
  const char *usb[][2]
      = { { "win11", "xhci" },    { "win8.1", "xhci" }, { "win7", "ehci" }, { "winxp", "uhci" },
          { "debian12", "xhci" }, { "winnt4.0", NULL }, { "msdos6", NULL } };
  g_autoptr (MachineDefinition) changing = definition_new ("usb");
  for (unsigned i = 0; i < G_N_ELEMENTS (usb); i++)
    {
      g_autoptr (OsProfile) profile = os_profile_lookup (usb[i][0]);
      os_profile_apply (profile, changing);
      g_assert_cmpstr (definition_text (changing, "usb0.model"), ==, usb[i][1]);
    }
  /* What a system would rather have and can't get is told; disks get their bus, whoever comes first. */
  g_autoptr (OsProfile) eleven = os_profile_lookup ("win11");
  g_assert_cmpstr (eleven->chipset, ==, "q35");
  g_assert_cmpstr (eleven->disk_bus, ==, "ahci");
  g_assert_cmpstr (eleven->card, ==, "e1000e");
  g_assert_true (eleven->hyperv);
  /* By what this computer has: each of the two is there, or a sentence says why not. */
  g_autofree char *lacks = g_strjoinv ("\n", eleven->lacks), *swtpm = g_find_program_in_path ("swtpm");
  g_assert_true ((strstr (lacks, "firmware: ") == NULL) == g_str_equal (eleven->firmware, "uefi-secure"));
  g_assert_true (eleven->tpm == (swtpm != NULL));
  g_assert_true ((strstr (lacks, "tpm: ") == NULL) == eleven->tpm);
  g_autoptr (MachineDefinition) disks = definition_new ("disks");
  g_assert_nonnull (definition_add_drive (disks, DRIVE_DISK, NULL));
  g_assert_nonnull (definition_add_drive (disks, DRIVE_CDROM, NULL));
  os_profile_apply (eleven, disks);
  g_assert_cmpstr (definition_text (disks, "disk0.bus"), ==, "ahci");
  g_assert_cmpstr (definition_text (disks, "cdrom0.bus"), ==, "ahci");
  g_assert_cmpstr (definition_text (disks, "tpm0.model"), ==, eleven->tpm ? "crb" : NULL);
  g_assert_true (definition_flag (disks, "machine.hyperv"));
  g_autoptr (OsProfile) dos = os_profile_lookup ("msdos6");
  g_assert_null (dos->lacks[0]);
  os_profile_apply (dos, disks);
  g_assert_cmpstr (definition_text (disks, "disk0.bus"), ==, "auto");
  g_assert_null (definition_find (disks, "tpm0"));
  g_assert_false (definition_flag (disks, "machine.hyperv"));
  g_autoptr (OsProfile) none = os_profile_lookup (NULL);
  g_assert_cmpstr (none->id, ==, "generic");
  g_autoptr (OsProfile) windows = os_profile_lookup ("win10");
  g_assert_cmpstr (windows->clock_base, ==, "localtime");
  g_assert_cmpstr (windows->clock_policy, ==, "catch-up");
  g_assert_cmpstr (windows->cpu, ==, "host");
  /* A processor of its time; each profile's is one that there is. */
  g_autoptr (OsProfile) old = os_profile_lookup ("winnt4.0");
  g_assert_cmpstr (old->cpu, ==, "pentium");
  g_auto (GStrv) all = os_profile_list ();
  for (char **one = all; *one != NULL; one += 2)
    {
      g_autoptr (OsProfile) profile = os_profile_lookup (one[0]);
      g_autoptr (MachineDefinition) definition = definition_new ("a");
      g_autoptr (GError) error = NULL;
      g_assert_true (definition_set (definition, "machine.cpu", profile->cpu, &error));
      g_assert_no_error (error);
    }
}

static void
test_propose (void)
{
  g_autofree uint8_t *iso = make_iso ("Unheard of");
  uint64_t disk;

  g_autoptr (MediaInfo) info = identify (iso, ISO_DESCRIPTOR_OFFSET + 6 * ISO_SECTOR, 1 << 20);
  g_autoptr (MachineDefinition) definition = plan_for_medium (info, "/isos/my:odd (name)-1.0.iso", &disk);
  g_assert_true (definition_check_name (definition_text (definition, "machine.name"), NULL));
  g_assert_cmpstr (definition_text (definition, "cdrom0.path"), ==, "/isos/my:odd (name)-1.0.iso");
  g_assert_cmpstr (definition_text (definition, "disk0.path"), ==, "disk0.img");
  g_assert_cmpuint (disk, >, 0);

  uint8_t zero[512] = { 0 };
  g_autoptr (MediaInfo) floppy = identify (zero, 512, 1474560);
  g_autoptr (MachineDefinition) small = plan_for_medium (floppy, "/x/boot.img", &disk);
  g_assert_cmpstr (definition_text (small, "machine.name"), ==, "boot");
  g_assert_cmpstr (definition_text (small, "floppy0.path"), ==, "/x/boot.img");
  g_assert_cmpint (definition_text (small, "machine.boot")[0], ==, 'a');
}

static void
assert_order (MachineDefinition *definition, const char *order)
{
  g_autofree char *there = definition_get (definition, "machine.boot", NULL);

  g_assert_cmpstr (there, ==, order);
}

/* One plan for the assistant and the command line. */
static void
test_plan (void)
{
  g_autofree uint8_t *iso = make_iso ("Unheard of");
  g_autoptr (MediaInfo) info = identify (iso, ISO_DESCRIPTOR_OFFSET + 6 * ISO_SECTOR, 1 << 20);
  uint64_t disk;
  g_autoptr (MachineDefinition) definition = plan_for_medium (info, "/isos/x.iso", &disk);

  /* The installer does not come again after the installation, whatever system is chosen; and the choice is kept. */
  g_assert_cmpuint (disk, >, 0);
  assert_order (definition, "cda");
  g_auto (GStrv) profiles = os_profile_list ();
  for (unsigned i = 0; profiles[i] != NULL; i += 2)
    {
      plan_set_system (definition, profiles[i]);
      g_assert_cmpstr (definition_text (definition, "machine.os"), ==, profiles[i]);
      g_assert_nonnull (strchr (definition_text (definition, "machine.boot"), 'c'));
      g_assert_true (strchr (definition_text (definition, "machine.boot"), 'c')
                     < strchr (definition_text (definition, "machine.boot"), 'd'));
    }
  plan_set_system (definition, NULL);
  g_assert_null (definition_text (definition, "machine.os"));
  assert_order (definition, "cda");

  /* Without the disk the medium is all there is; and it is again second when a new disk comes. */
  g_assert_true (definition_remove (definition, "disk0", NULL));
  plan_order (definition);
  assert_order (definition, "dca");
  g_assert_cmpstr (machine_device_text (plan_add_new_disk (definition), "path"), ==, "disk0.img");
  assert_order (definition, "cda");
  definition_add_drive (definition, DRIVE_FLOPPY, "/x/a.img");
  plan_order (definition);
  plan_order (definition);
  assert_order (definition, "acd");

  /* A disk that somebody has: what was put into the CD drive comes first. */
  g_autoptr (MachineDefinition) live = plan_empty ("live");
  definition_add_drive (live, DRIVE_DISK, "/x/disk.img");
  plan_order (live);
  assert_order (live, "dca");
}

static void
on_identified (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static void
test_async (void)
{
  g_autoptr (GAsyncResult) good = NULL, bad = NULL, cancelled = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);

  media_identify_async (self, NULL, on_identified, &good);
  media_identify_async ("/nonexistent", NULL, on_identified, &bad);
  media_identify_async (self, cancellable, on_identified, &cancelled);
  g_cancellable_cancel (cancellable);
  while (good == NULL || bad == NULL || cancelled == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_autoptr (MediaInfo) info = media_identify_finish (good, &error);
  g_assert_no_error (error);
  g_assert_cmpint (info->kind, ==, MEDIA_KERNEL);
  g_assert_null (media_identify_finish (bad, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);
  g_assert_null (media_identify_finish (cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/media/kinds", test_kinds);
  g_test_add_func ("/media/iso", test_iso);
  g_test_add_func ("/media/iso-hostile", test_iso_hostile);
  g_test_add_func ("/media/profiles", test_profiles);
  g_test_add_func ("/media/propose", test_propose);
  g_test_add_func ("/media/plan", test_plan);
  g_test_add_func ("/media/async", test_async);
  return g_test_run ();
}
