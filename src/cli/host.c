/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * host: what this computer offers to machines, in words, and how to mend what it lacks.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "base/device-access.h"
#include "cli/cli.h"
#include "machine/definition-files.h"
#include "machine/paths.h"
#include "machine/usb-outside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  GVariantBuilder values;
  gboolean json;
} Report;

/* One finding: its word for scripts, and a sentence for people. */
static void
say (Report *report, const char *key, GVariant *value, const char *sentence)
{
  if (report->json)
    g_variant_builder_add (&report->values, "{sv}", key, value);
  else
    {
      g_variant_unref (g_variant_ref_sink (value));
      g_print ("%-14s %s\n", key, sentence);
    }
}

static guint64
meminfo (const char *key)
{
  g_autofree char *text = NULL;
  g_autofree char *start = g_strconcat (key, ":", NULL);

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return 0;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, start))
      return g_ascii_strtoull (*line + strlen (start), NULL, 10);
  return 0;
}

static char *
read_word (const char *path)
{
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("");
  return g_strstrip (text);
}

static char *
advise_kvm (void)
{
  g_autofree char *advice = NULL;

  if (access ("/dev/kvm", F_OK) != 0)
    return g_strdup (
        _ ("/dev/kvm is missing: turn on VT-x or SVM in the firmware's setup, and load the module "
           "kvm_intel or kvm_amd"));
  if (access ("/dev/kvm", R_OK | W_OK) == 0)
    return g_strdup (_ ("/dev/kvm is there and may be used"));
  advice = device_access_advice_of ("/dev/kvm");
  return g_strdup_printf (_ ("/dev/kvm may not be used: %s"), advice);
}

static void
report_kvm (Report *report)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *vmm = viv_find_program ("vivarium-vmm", &error);
  g_autofree char *output = NULL, *advice = advise_kvm ();

  say (report, "kvm-device", g_variant_new_boolean (access ("/dev/kvm", R_OK | W_OK) == 0), advice);
  const char *argv[] = { vmm, "--probe", report->json ? "--json" : NULL, NULL };
  if (vmm == NULL
      || !g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, NULL, &error))
    {
      say (report, "engine", g_variant_new_string (""), error->message);
      return;
    }
  g_strstrip (output);
  if (!report->json)
    {
      g_strdelimit (output, "\n", ' ');
      say (report, "engine", g_variant_new_string (output), output);
      return;
    }
  /* The monitor's own JSON goes in as the object it is. */
  g_variant_builder_add (&report->values, "{sv}", CLI_RAW_JSON "engine", g_variant_new_string (output));
}

/* What a monitor says once it is behind them; half a namespace is none. */
static char *
ask_walls (const char *vmm)
{
  char *output = NULL;
  int status = 0;

  for (unsigned way = 0; way < 2; way++)
    {
      const char *argv[] = { vmm, "--walls", way == 1 ? "--no-namespaces" : NULL, NULL };

      g_clear_pointer (&output, g_free);
      if (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output, NULL,
                        &status, NULL)
          && g_spawn_check_wait_status (status, NULL))
        return g_strstrip (output);
    }
  g_free (output);
  return g_strdup ("");
}

static void
report_walls (Report *report)
{
  g_autofree char *vmm = viv_find_program ("vivarium-vmm", NULL);
  g_autofree char *walls = vmm != NULL ? ask_walls (vmm) : g_strdup ("");
  g_autoptr (GString) text = g_string_new (*walls != '\0' ? walls : _ ("unknown"));

  if (strstr (walls, "no namespaces") != NULL)
    g_string_append_printf (
        text, "; %s",
        g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS)
            ? _ ("in a Flatpak there are no namespaces")
            : _ (
                "for namespaces, allow this user some: sysctl user.max_user_namespaces, or an AppArmor profile with "
                "“userns,” on Ubuntu"));
  if (strstr (walls, "no Landlock") != NULL)
    g_string_append_printf (
        text, "; %s", _ ("for Landlock, boot Linux 5.13 or newer with “landlock” in the parameter lsm="));
  say (report, "walls", g_variant_new_string (walls), text->str);
}

static void
report_memory (Report *report)
{
  guint64 total = meminfo ("MemTotal"), available = meminfo ("MemAvailable"),
          huge = meminfo ("HugePages_Free");
  g_autofree char *thp = read_word ("/sys/kernel/mm/transparent_hugepage/enabled");
  g_autofree char *ksm = read_word ("/sys/kernel/mm/ksm/run");
  g_autofree char *memory
      = g_strdup_printf (_ ("%lu MiB, of which %lu MiB can be had now"), (unsigned long)(total / 1024),
                         (unsigned long)(available / 1024));
  g_autofree char *pages = g_strdup_printf (_ ("%lu reserved pages are free; transparent huge pages: %s"),
                                            (unsigned long)huge, *thp != '\0' ? thp : _ ("unknown"));

  g_autofree char *processors = g_strdup_printf ("%u", g_get_num_processors ());
  say (report, "processors", g_variant_new_uint32 (g_get_num_processors ()), processors);
  say (report, "memory", g_variant_new_uint64 (total * 1024), memory);
  say (report, "huge-pages", g_variant_new_uint64 (huge), pages);
  say (report, "ksm", g_variant_new_boolean (g_str_equal (ksm, "1")),
       g_str_equal (ksm, "1") ? _ ("on: machines share equal pages")
       : *ksm == '\0'
           ? _ ("this kernel has none")
           : _ ("off; “echo 1 | sudo tee /sys/kernel/mm/ksm/run” lets machines share equal pages"));
}

static void
report_firmware (Report *report)
{
  static const struct
  {
    const char *name, *key, *package;
  } files[] = {
    { "bios-256k.bin", "firmware", "seabios" },
    { "vgabios-stdvga.bin", "video-firmware", "seabios" },
    { "OVMF_CODE_4M.fd", "uefi-firmware", "ovmf" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_auto (GStrv) places = definition_firmware_places (files[i].name);
      const char *found = NULL;

      for (unsigned j = 0; places[j] != NULL && found == NULL; j++)
        if (access (places[j], R_OK) == 0)
          found = places[j];
      g_autofree char *missing
          = g_strdup_printf (_ ("%s is missing: install the package %s"), files[i].name, files[i].package);
      say (report, files[i].key, g_variant_new_string (found != NULL ? found : ""),
           found != NULL ? found : missing);
    }
}

/* How many devices there are for machines, and which may not be opened. */
static void
report_usb (Report *report)
{
  g_autoptr (GPtrArray) devices = usb_outside_list ();
  g_autofree char *vivarium = viv_find_program ("vivarium-usb", NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  guint n_refused = 0;

  for (guint i = 0; i < devices->len; i++)
    n_refused += !((UsbOutside *)g_ptr_array_index (devices, i))->allowed;
  g_string_printf (text, _ ("%u plugged in"), devices->len);
  if (n_refused > 0)
    g_string_append_printf (
        text, _ (", of which %u may not be opened: “vivctl usb rule DEVICE” says how to mend that"),
        n_refused);
  if (vivarium == NULL)
    g_string_append (text, _ ("; machines can't use them: this program was built without libusb"));
  say (report, "usb-devices", g_variant_new_uint32 (devices->len), text->str);
}

static void
report_places (Report *report)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *machines = viv_machines_dir (), *runtime = viv_runtime_dir (&error);

  say (report, "machines", g_variant_new_string (machines), machines);
  say (report, "sockets", g_variant_new_string (runtime != NULL ? runtime : ""),
       runtime != NULL ? runtime : error->message);
}

int
cli_host (int argc, char **argv)
{
  Report report = { 0 };
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &report.json, N_ ("As JSON"), NULL },
    { NULL },
  };
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 0, &status))
    return status;
  g_variant_builder_init (&report.values, G_VARIANT_TYPE_VARDICT);
  report_kvm (&report);
  report_walls (&report);
  report_memory (&report);
  report_firmware (&report);
  report_usb (&report);
  report_places (&report);
  if (report.json)
    cli_print_json (g_variant_builder_end (&report.values));
  else
    g_variant_builder_clear (&report.values);
  return EXIT_DONE;
}
