/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Proposals for a new machine.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/plan.h"

#include <glib/gi18n.h>
#include <string.h>

/* "debian-12.5.0-amd64-netinst.iso" → "debian-12.5.0-amd64-netinst"; what reads badly becomes blanks. */
static char *
name_from_file (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *valid = g_utf8_make_valid (base, -1);
  g_autoptr (GString) name = g_string_new (NULL);
  char *dot = strrchr (valid, '.');

  if (dot != NULL && dot != valid && strlen (dot) <= 5)
    *dot = '\0';
  for (const char *p = valid; *p != '\0' && name->len < 56; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (g_unichar_isalnum (c) || (name->len > 0 && c < 128 && strchr ("._-+()", (int)c) != NULL))
        g_string_append_unichar (name, c);
      else if (name->len > 0)
        g_string_append_c (name, ' ');
    }
  g_strstrip (name->str);
  return g_strdup (definition_check_name (name->str, NULL) ? name->str : _ ("Machine"));
}

/* A drive of the kind with something in it. */
static gboolean
has_medium (const MachineDefinition *definition, DriveKind kind)
{
  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      const char *path = machine_device_text (drive, "path");
      if (drive->kind->drive == kind && path != NULL && *path != '\0')
        return TRUE;
    }
  return FALSE;
}

/* Before the machine is made, a path in its own folder is that of an image which will be made with it. */
MachineDevice *
plan_new_disk (const MachineDefinition *definition)
{
  MachineDevice *found = NULL;

  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      MachineDevice *drive = definition_drive (definition, i);
      const char *path = machine_device_text (drive, "path");
      if (drive->kind->drive == DRIVE_DISK && path != NULL && *path != '\0' && !g_path_is_absolute (path))
        found = drive;
    }
  return found;
}

/* Puts `first` just before `second` if it comes later. */
static void
put_before (char *order, char first, char second)
{
  char *a = strchr (order, first), *b = strchr (order, second);

  if (a == NULL || b == NULL || a < b)
    return;
  memmove (b + 1, b, a - b);
  *b = first;
}

void
plan_order (MachineDefinition *definition)
{
  g_autofree char *order = g_strdup (definition_text (definition, "machine.boot"));

  if (plan_new_disk (definition) != NULL)
    put_before (order, 'c', 'd');
  else if (has_medium (definition, DRIVE_CDROM))
    put_before (order, 'd', 'c');
  if (has_medium (definition, DRIVE_FLOPPY))
    put_before (order, 'a', order[0]);
  definition_put (definition, "machine.boot", order);
}

/* The card that the system knows, on this computer's network; none for a system that knows none. */
static void
plan_network (MachineDefinition *definition, const OsProfile *profile)
{
  MachineDevice *net = definition_find (definition, "net0");

  if (g_str_equal (profile->card, "none"))
    {
      if (net != NULL)
        definition_remove (definition, net->id, NULL);
      return;
    }
  if (net == NULL)
    net = definition_add (definition, device_kind_find ("net"));
  machine_device_put (net, "kind", "user");
  machine_device_put (net, "card", profile->card);
}

void
plan_set_system (MachineDefinition *definition, const char *os_id)
{
  g_autoptr (OsProfile) profile = os_profile_lookup (os_id);

  os_profile_apply (profile, definition);
  plan_network (definition, profile);
  definition_put (definition, "machine.os", os_id != NULL && *os_id != '\0' ? os_id : NULL);
  plan_order (definition);
}

MachineDevice *
plan_add_new_disk (MachineDefinition *definition)
{
  MachineDevice *drive = definition_add_drive (definition, DRIVE_DISK, NULL);

  if (drive == NULL)
    return NULL;
  g_autofree char *file = g_strconcat (drive->id, ".img", NULL);
  machine_device_put (drive, "path", file);
  g_autoptr (OsProfile) profile = os_profile_lookup (definition_text (definition, "machine.os"));
  os_profile_apply_drive (profile, drive);
  plan_order (definition);
  return drive;
}

MachineDefinition *
plan_empty (const char *name)
{
  MachineDefinition *definition = definition_new (name);

  definition_add_drive (definition, DRIVE_CDROM, NULL);
  plan_set_system (definition, NULL);
  return definition;
}

MachineDefinition *
plan_for_medium (const MediaInfo *media, const char *path, uint64_t *disk_size)
{
  g_autoptr (OsProfile) profile = os_profile_lookup (media->os_id);
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *name = media->os_name != NULL && definition_check_name (media->os_name, NULL)
                              ? g_strdup (media->os_name)
                              : name_from_file (path);
  MachineDefinition *definition = definition_new (name);

  *disk_size = media->kind == MEDIA_DISK ? 0 : profile->disk;
  if (media->kind == MEDIA_DISK)
    definition_add_drive (definition, DRIVE_DISK, absolute);
  if (*disk_size != 0)
    plan_add_new_disk (definition);
  definition_add_drive (definition, DRIVE_CDROM, media->kind == MEDIA_ISO ? absolute : NULL);
  if (media->kind == MEDIA_FLOPPY)
    definition_add_drive (definition, DRIVE_FLOPPY, absolute);
  if (media->kind == MEDIA_KERNEL)
    definition_put (definition, "machine.kernel", absolute);
  plan_set_system (definition, media->os_id);
  return definition;
}
