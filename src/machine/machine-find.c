/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Finding machines, in a list or on the disk.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/machine-find.h"

#include "machine/local-machine.h"
#include "machine/paths.h"

#include <glib/gi18n.h>
#include <string.h>

#define MOST_NAMED 5

/* In order: what is said more exactly wins over what is said less so. */
typedef enum
{
  BY_IDENTITY, /* the UUID, or the folder's path */
  BY_NAME,
  BY_FOLDER, /* its name */
  BY_UUID_PREFIX,
  N_WAYS
} SearchWay;

typedef struct
{
  char *shown;
  gpointer what;
} Candidate;

struct VivSearch
{
  char *wanted;
  char *path; /* what it is as a path */
  GArray *found[N_WAYS];
};

static void
candidate_clear (gpointer data)
{
  g_free (((Candidate *)data)->shown);
}

VivSearch *
viv_search_new (const char *wanted)
{
  VivSearch *search = g_new0 (VivSearch, 1);

  search->wanted = g_strdup (wanted);
  search->path = g_canonicalize_filename (wanted, NULL);
  for (unsigned i = 0; i < N_WAYS; i++)
    {
      search->found[i] = g_array_new (FALSE, FALSE, sizeof (Candidate));
      g_array_set_clear_func (search->found[i], candidate_clear);
    }
  return search;
}

void
viv_search_consider (VivSearch *search, const char *folder, const char *name, const char *uuid, gpointer what)
{
  const char *base = folder != NULL ? strrchr (folder, '/') : NULL;
  const gboolean fits[N_WAYS] = {
    [BY_IDENTITY]
    = (uuid != NULL && g_ascii_strcasecmp (uuid, search->wanted) == 0)
      || (strchr (search->wanted, '/') != NULL && folder != NULL && g_str_equal (folder, search->path)),
    [BY_NAME] = g_strcmp0 (name, search->wanted) == 0,
    [BY_FOLDER] = base != NULL && g_str_equal (base + 1, search->wanted),
    [BY_UUID_PREFIX] = uuid != NULL && strlen (search->wanted) >= 4
                       && g_ascii_strncasecmp (uuid, search->wanted, strlen (search->wanted)) == 0,
  };

  for (unsigned i = 0; i < N_WAYS; i++)
    if (fits[i])
      {
        const Candidate candidate
            = { folder != NULL ? g_filename_display_name (folder) : g_strdup (uuid != NULL ? uuid : name),
                what };
        g_array_append_val (search->found[i], candidate);
      }
}

gpointer
viv_search_end (VivSearch *search, GError **error)
{
  g_autofree char *shown = g_utf8_make_valid (search->wanted, -1);
  gpointer what = NULL;
  unsigned way = 0;

  while (way < N_WAYS && search->found[way]->len == 0)
    way++;
  if (way == N_WAYS)
    g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND, _ ("there is no machine “%s”"),
                 shown);
  else if (search->found[way]->len == 1)
    what = g_array_index (search->found[way], Candidate, 0).what;
  else
    {
      g_autoptr (GString) list = g_string_new (NULL);
      for (guint i = 0; i < search->found[way]->len && i < MOST_NAMED; i++)
        g_string_append_printf (list, "%s%s", i > 0 ? ", " : "",
                                g_array_index (search->found[way], Candidate, i).shown);
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND,
                   _ ("“%s” could be one of %u machines: %s; give the folder or more of the UUID"), shown,
                   search->found[way]->len, list->str);
    }
  for (unsigned i = 0; i < N_WAYS; i++)
    g_array_unref (search->found[i]);
  g_free (search->path);
  g_free (search->wanted);
  g_free (search);
  return what;
}

/* -- On the disk -- */

void
viv_each_machine_folder (const char *path, gboolean all, VivFolderFunc func, gpointer data)
{
  g_autoptr (GDir) directory = path != NULL ? g_dir_open (path, 0, NULL) : NULL;
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *folder = g_build_filename (path, name, NULL);
      g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);

      if (name[0] != '.'
          && (g_file_test (file, G_FILE_TEST_EXISTS) || (all && g_file_test (folder, G_FILE_TEST_IS_DIR))))
        func (folder, data);
    }
}

typedef struct
{
  VivSearch *search;
  GPtrArray *folders;
} DiskSearch;

static void
consider_folder (const char *folder, gpointer data)
{
  DiskSearch *disk = data;
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL),
                  *base = g_path_get_basename (folder);
  g_autoptr (MachineDefinition) definition = definition_load (file, NULL);
  char *kept = g_strdup (folder);

  g_ptr_array_add (disk->folders, kept);
  viv_search_consider (disk->search, folder,
                       definition != NULL ? definition_text (definition, "machine.name") : base,
                       definition != NULL ? definition_text (definition, "machine.uuid") : NULL, kept);
}

VivMachine *
viv_find_machine (const char *name, GError **error)
{
  g_autofree char *run = viv_run_dir (NULL), *machines = viv_machines_dir ();
  g_autoptr (GPtrArray) folders = g_ptr_array_new_with_free_func (g_free);
  DiskSearch disk = { viv_search_new (name), folders };

  viv_each_machine_folder (run, FALSE, consider_folder, &disk);
  viv_each_machine_folder (machines, FALSE, consider_folder, &disk);
  const char *folder = viv_search_end (disk.search, error);
  return folder != NULL ? viv_local_machine_new (folder) : NULL;
}
