/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What lets a user open a device node that refuses.
 */
#include "config.h"

#include "base/device-access.h"

#include <glib/gi18n.h>
#include <grp.h>

char *
device_access_advice (const char *path, const struct stat *info, const char *group)
{
  if (info->st_gid != 0 && (info->st_mode & 060) == 060 && group != NULL)
    return g_strdup_printf (_ ("add yourself to its group (sudo usermod -aG %s $USER) and log in again"),
                            group);
  return g_strdup_printf (
      _ ("it has the mode %04o and no group that you could join; “sudo chmod 0666 %s” opens "
         "it until the next boot, a udev rule for good"),
      (unsigned)info->st_mode & 07777, path);
}

char *
device_access_advice_of (const char *path)
{
  struct stat info = { 0 };
  struct group *group = stat (path, &info) == 0 ? getgrgid (info.st_gid) : NULL;

  return device_access_advice (path, &info, group != NULL ? group->gr_name : NULL);
}
