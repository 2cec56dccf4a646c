/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where things are.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/paths.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

char *
viv_machines_dir (void)
{
  const char *wanted = g_getenv ("VIVARIUM_DATA_DIR");

  if (wanted != NULL && *wanted != '\0')
    return g_canonicalize_filename (wanted, NULL);
  return g_build_filename (g_get_user_data_dir (), "vivarium", "machines", NULL);
}

/* A directory of ours that nobody else can look into.  In /tmp somebody else may have been first. */
static gboolean
make_private_dir (const char *path, GError **error)
{
  struct stat info;

  if (mkdir (path, 0700) != 0 && errno != EEXIST)
    {
      int code = errno;
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't make %s: %s"), path,
                   g_strerror (code));
      return FALSE;
    }
  if (lstat (path, &info) == 0 && S_ISDIR (info.st_mode) && info.st_uid == geteuid ()
      && ((info.st_mode & 077) == 0 || chmod (path, 0700) == 0))
    return TRUE;
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_PERM,
               _ ("%s is not a directory of yours; remove it, or set XDG_RUNTIME_DIR to one"), path);
  return FALSE;
}

char *
viv_runtime_dir (GError **error)
{
  const char *xdg = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *run = g_strdup_printf ("/run/user/%u", (unsigned)geteuid ());
  g_autofree char *path = NULL;

  if (xdg != NULL && g_path_is_absolute (xdg))
    path = g_build_filename (xdg, "vivarium", NULL);
  else if (access (run, W_OK | X_OK) == 0)
    path = g_build_filename (run, "vivarium", NULL);
  else
    path = g_strdup_printf ("/tmp/vivarium-%u", (unsigned)geteuid ());
  return make_private_dir (path, error) ? g_steal_pointer (&path) : NULL;
}

char *
viv_run_dir (GError **error)
{
  g_autofree char *runtime = viv_runtime_dir (error);
  g_autofree char *path = runtime != NULL ? g_build_filename (runtime, "run", NULL) : NULL;

  if (path == NULL || !make_private_dir (path, error))
    return NULL;
  return g_steal_pointer (&path);
}

char *
viv_socket_path (const char *uuid, GError **error)
{
  g_autofree char *runtime = viv_runtime_dir (error);
  g_autofree char *file = NULL;

  if (runtime == NULL)
    return NULL;
  if (!g_uuid_string_is_valid (uuid))
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, _ ("“%s” is not a UUID"), uuid);
      return NULL;
    }
  file = g_strconcat (uuid, ".sock", NULL);
  return g_build_filename (runtime, file, NULL);
}

char *
viv_find_program (const char *name, GError **error)
{
  /* Where the rooms' programs are in a build tree, seen from any of them or from a test. */
  static const char *const near_us[] = { ".",
                                         "../vmm",
                                         "../vnc",
                                         "../nat",
                                         "../share",
                                         "../switch",
                                         "../decode",
                                         "../broker",
                                         "../cli",
                                         "../ui",
                                         "../../../src/vmm",
                                         "../../../src/broker",
                                         "../../src/broker",
                                         "../../src/vmm",
                                         "../../../src/vnc",
                                         "../../src/vnc",
                                         "../../../src/nat",
                                         "../../src/nat",
                                         "../../../src/share",
                                         "../../src/share",
                                         "../../../src/switch",
                                         "../../src/switch",
                                         "../../../src/decode",
                                         "../../src/decode",
                                         "../../../src/ui",
                                         "../../../src/cli" };
  static const struct
  {
    const char *name, *variable;
  } others[] = { { "vivarium-vmm", "VIVARIUM_VMM" },
                 { "vivarium-vnc", "VIVARIUM_VNC" },
                 { "vivarium-net", "VIVARIUM_NET" },
                 { "vivarium-share", "VIVARIUM_SHARE" } };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = self != NULL ? g_path_get_dirname (self) : NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (others); i++)
    {
      const char *wanted = g_str_equal (name, others[i].name) ? g_getenv (others[i].variable) : NULL;
      if (wanted != NULL && *wanted != '\0')
        return g_canonicalize_filename (wanted, NULL);
    }
  for (unsigned i = 0; directory != NULL && i < G_N_ELEMENTS (near_us); i++)
    {
      g_autofree char *relative = g_build_filename (near_us[i], name, NULL);
      g_autofree char *path = g_canonicalize_filename (relative, directory);
      if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE) && g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
    }
  g_autofree char *libexec = g_build_filename (LIBEXECDIR, name, NULL),
                  *bin = g_build_filename (BINDIR, name, NULL);
  if (g_file_test (libexec, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer (&libexec);
  if (g_file_test (bin, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer (&bin);
  char *found = g_find_program_in_path (name);
  if (found == NULL)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                 _ ("the program %s is missing; is Vivarium installed whole?"), name);
  return found;
}

/* Translations that meson has built: po/LANGUAGE/LC_MESSAGES/vivarium.mo. */
static gboolean
has_translations (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *language;

  while (directory != NULL && (language = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, language, "LC_MESSAGES", GETTEXT_PACKAGE ".mo", NULL);
      if (g_file_test (file, G_FILE_TEST_EXISTS))
        return TRUE;
    }
  return FALSE;
}

void
viv_bind_text_domain (void)
{
  /* Seen from a room's programs, and from a test. */
  static const char *const near_us[] = { "../../po", "../../../po" };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = self != NULL ? g_path_get_dirname (self) : NULL;
  g_autofree char *found = NULL;

  for (unsigned i = 0; directory != NULL && found == NULL && i < G_N_ELEMENTS (near_us); i++)
    {
      g_autofree char *path = g_canonicalize_filename (near_us[i], directory);
      if (has_translations (path))
        found = g_steal_pointer (&path);
    }
  bindtextdomain (GETTEXT_PACKAGE, found != NULL ? found : LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
