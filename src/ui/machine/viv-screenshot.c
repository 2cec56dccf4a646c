/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pictures of a machine's screen.
 */
#define G_LOG_DOMAIN "viv-screenshot"

#include "config.h"

#include "ui/machine/viv-screenshot.h"

#include "machine/folder.h"

#include "ui/machine/viv-operations.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>

#define MANY 1000 /* pictures of a second */

typedef struct
{
  GWeakRef shell;
  char *path;
} Shot;

static void
shot_free (Shot *shot)
{
  g_weak_ref_clear (&shot->shell);
  g_free (shot->path);
  g_free (shot);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Shot, shot_free)

char *
viv_screenshot_reserve (const char *folder, const char *name, GDateTime *when, GError **error)
{
  g_autofree char *stamp = g_date_time_format (when, "%Y-%m-%d %H-%M-%S");
  g_autofree char *base = viv_folder_name (name); /* a machine may be called "a/b" */
  int code = EEXIST;

  for (unsigned i = 1; i <= MANY && code == EEXIST; i++)
    {
      g_autofree char *number = i > 1 ? g_strdup_printf (" %u", i) : g_strdup ("");
      g_autofree char *file = g_strdup_printf ("%s %s%s.png", base, stamp, number);
      g_autofree char *path = g_build_filename (folder, file, NULL);
      int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

      if (fd >= 0)
        {
          close (fd);
          return g_steal_pointer (&path);
        }
      code = errno;
    }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't write to %s: %s"), folder,
               g_strerror (code));
  return NULL;
}

static void
on_open (AdwToast *toast, const char *uri)
{
  gtk_show_uri (NULL, uri, GDK_CURRENT_TIME);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Shot) shot = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&shot->shell);
  g_autoptr (GError) error = NULL;
  AdwToast *toast;

  if (!viv_machine_finish (VIV_MACHINE (source), result, &error))
    {
      g_unlink (shot->path);
      if (shell)
        viv_operation_failed (shell, VIV_MACHINE (source), _ ("The Screenshot Could Not Be Saved"), error);
      return;
    }
  if (!shell)
    return;
  toast = adw_toast_new (_ ("Screenshot saved"));
  adw_toast_set_button_label (toast, _ ("_Open"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_open),
                         g_filename_to_uri (shot->path, NULL, NULL), (GClosureNotify)(GCallback)g_free, 0);
  viv_shell_toast (shell, toast);
}

void
viv_screenshot_take (VivShell *shell, VivMachine *machine)
{
  const char *pictures = g_get_user_special_dir (G_USER_DIRECTORY_PICTURES);
  const char *folder = pictures && g_file_test (pictures, G_FILE_TEST_IS_DIR) ? pictures : g_get_home_dir ();
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autoptr (GError) error = NULL;
  char *path = viv_screenshot_reserve (folder, viv_machine_get_name (machine), now, &error);
  Shot *shot;

  if (!path)
    {
      viv_operation_failed (shell, machine, _ ("The Screenshot Could Not Be Saved"), error);
      return;
    }
  shot = g_new0 (Shot, 1);
  g_weak_ref_init (&shot->shell, shell);
  shot->path = path;
  viv_machine_screenshot (machine, 0, path, NULL, on_done, shot);
}
