/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Operating systems as a person sees them.
 */
#include "config.h"

#include "ui/app/viv-os.h"

#include "machine/os-profile.h"

#include <glib/gi18n.h>

/* The names in data/os that are more than a name; xgettext can't read them there.  tests/display/test-windows.c compares. */
static const char *const names[] G_GNUC_UNUSED = {
  N_ ("Windows 1 to 3"),
  N_ ("Small Linux"),
  N_ ("Another system"),
  N_ ("Windows 95, 98 and Me"),
  N_ ("Windows 2000, XP and Server 2003"),
  N_ ("Windows Vista, 7 and 8"),
};

static const struct
{
  const char *family, *icon;
} icons[] = {
  { "dos", "vivarium-os-dos-symbolic" },     { "windows", "vivarium-os-windows-symbolic" },
  { "linux", "vivarium-os-linux-symbolic" }, { "bsd", "vivarium-os-bsd-symbolic" },
  { "other", "vivarium-os-other-symbolic" },
};

const char *
viv_os_name (const char *name)
{
  return name && *name ? _ (name) : "";
}

/* A library asks for each machine it shows, and a look-up reads all the profiles. */
static const OsProfile *
profile_of (const char *os_id)
{
  static GHashTable *profiles;
  OsProfile *profile;

  if (!profiles)
    profiles = g_hash_table_new (g_str_hash, g_str_equal);
  if (!os_id)
    os_id = "";
  profile = g_hash_table_lookup (profiles, os_id);
  if (!profile)
    {
      profile = os_profile_lookup (os_id);
      g_hash_table_insert (profiles, g_strdup (os_id), profile);
    }
  return profile;
}

const char *
viv_os_label (const char *os_id)
{
  return os_id && *os_id ? viv_os_name (profile_of (os_id)->name) : "";
}

const char *
viv_os_icon (const char *os_id)
{
  const char *family = profile_of (os_id)->family;

  for (unsigned i = 0; i < G_N_ELEMENTS (icons); i++)
    if (g_strcmp0 (icons[i].family, family) == 0)
      return icons[i].icon;
  return "vivarium-os-other-symbolic";
}
