/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The room that a machine's disks have to grow.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/space-check.h"

#include <glib/gi18n.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define MIB          (G_GUINT64_CONSTANT (1) << 20)
#define LEAST        (512 * MIB)
#define MOST         (4096 * MIB)
#define PART         50
#define MOST_THREADS 8

typedef struct
{
  GWeakRef machine;
  GMainContext *context;
  VivSpaceCheckFunc func;
  GPtrArray *paths;
  char *low;
} Check;

static gboolean
space_left (const char *path, guint64 *left, guint64 *size)
{
  struct statvfs info;

  if (statvfs (path, &info) != 0)
    return FALSE;
  *left = (guint64)info.f_bavail * info.f_frsize;
  *size = (guint64)info.f_blocks * info.f_frsize;
  return TRUE;
}

gboolean (*viv_space_left) (const char *path, guint64 *left, guint64 *size) = space_left;

gboolean
viv_space_is_low (guint64 left, guint64 size)
{
  return left < CLAMP (size / PART, LEAST, MOST);
}

/* One that has all its blocks needs no more. */
static gboolean
can_grow (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0 && S_ISREG (info.st_mode) && (gint64)info.st_blocks * 512 < info.st_size;
}

static void
check_free (gpointer data)
{
  Check *check = data;

  g_weak_ref_clear (&check->machine);
  g_main_context_unref (check->context);
  g_ptr_array_unref (check->paths);
  g_free (check->low);
  g_free (check);
}

static gboolean
on_checked (gpointer data)
{
  Check *check = data;
  g_autoptr (GObject) machine = g_weak_ref_get (&check->machine);

  if (machine != NULL)
    check->func (machine, check->low);
  return G_SOURCE_REMOVE;
}

static void
look (gpointer data, gpointer unused)
{
  Check *check = data;
  g_autoptr (GSource) done = g_idle_source_new ();
  guint64 fullest = G_MAXUINT64;

  for (guint i = 0; i < check->paths->len; i++)
    {
      const char *path = check->paths->pdata[i];
      guint64 left, size;

      if (!can_grow (path) || !viv_space_left (path, &left, &size) || !viv_space_is_low (left, size)
          || left >= fullest)
        continue;
      g_autofree char *shown = g_filename_display_basename (path),
                      *room = g_format_size_full (left, G_FORMAT_SIZE_IEC_UNITS);
      fullest = left;
      g_free (check->low);
      /* Translators: the name of a disk image, and an amount of memory such as "300.0 MiB" */
      check->low
          = g_strdup_printf (_ ("The disk with “%s” is nearly full: %s are left. Make room there, or the "
                                "machine will have to pause."),
                             shown, room);
    }
  g_source_set_priority (done, G_PRIORITY_DEFAULT);
  g_source_set_callback (done, on_checked, check, check_free);
  g_source_attach (done, check->context);
}

void
viv_space_check (GObject *machine, const MachineDefinition *definition, VivSpaceCheckFunc func)
{
  static GThreadPool *pool;
  Check *check = g_new0 (Check, 1);

  if (pool == NULL)
    pool = g_thread_pool_new (look, NULL, MOST_THREADS, FALSE, NULL);
  g_weak_ref_init (&check->machine, machine);
  check->context = g_main_context_ref_thread_default ();
  check->func = func;
  check->paths = g_ptr_array_new_with_free_func (g_free);
  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      char *path = drive->kind->drive == DRIVE_DISK
                           && g_strcmp0 (machine_device_text (drive, "readonly"), "true") != 0
                       ? definition_resolve (definition, machine_device_text (drive, "path"))
                       : NULL;

      if (path != NULL)
        g_ptr_array_add (check->paths, path);
    }
  g_thread_pool_push (pool, check, NULL);
}
