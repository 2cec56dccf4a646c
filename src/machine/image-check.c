/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Looking for a machine's images, in threads of its own: GTask's are few, and a dead server must not take those from others.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/image-check.h"

#include <glib/gi18n.h>

/* So many looks may hang before later ones wait for them. */
#define MOST_THREADS 16

typedef struct
{
  char *path;
  const char *missing; /* a sentence with %s */
} Image;

typedef struct
{
  GWeakRef machine;
  GMainContext *context;
  GCancellable *cancellable;
  VivImageCheckFunc func;
  GArray *images; /* Image */
  char *missing;
} Check;

static gboolean
exists (const char *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

gboolean (*viv_image_exists) (const char *path) = exists;

static void
check_free (gpointer data)
{
  Check *check = data;

  g_weak_ref_clear (&check->machine);
  g_main_context_unref (check->context);
  g_object_unref (check->cancellable);
  for (guint i = 0; i < check->images->len; i++)
    g_free (g_array_index (check->images, Image, i).path);
  g_array_unref (check->images);
  g_free (check->missing);
  g_free (check);
}

static gboolean
on_checked (gpointer data)
{
  Check *check = data;
  g_autoptr (GObject) machine = g_weak_ref_get (&check->machine);

  if (machine != NULL && !g_cancellable_is_cancelled (check->cancellable))
    check->func (machine, check->missing);
  return G_SOURCE_REMOVE;
}

static void
look (gpointer data, gpointer unused)
{
  Check *check = data;
  g_autoptr (GSource) done = g_idle_source_new ();

  for (guint i = 0; i < check->images->len && check->missing == NULL; i++)
    {
      const Image *image = &g_array_index (check->images, Image, i);
      if (g_cancellable_is_cancelled (check->cancellable) || viv_image_exists (image->path))
        continue;
      g_autofree char *shown = g_filename_display_name (image->path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
      check->missing = g_strdup_printf (image->missing, shown);
#pragma GCC diagnostic pop
    }
  g_source_set_priority (done, G_PRIORITY_DEFAULT);
  g_source_set_callback (done, on_checked, check, check_free);
  g_source_attach (done, check->context);
}

static void
add (Check *check, const MachineDefinition *definition, const char *path, const char *missing)
{
  Image image = { definition_resolve (definition, path), missing };

  if (image.path != NULL)
    g_array_append_val (check->images, image);
}

void
viv_image_check (GObject *machine, const MachineDefinition *definition, GCancellable *cancellable,
                 VivImageCheckFunc func)
{
  static GThreadPool *pool;
  Check *check = g_new0 (Check, 1);

  if (pool == NULL)
    pool = g_thread_pool_new (look, NULL, MOST_THREADS, FALSE, NULL);
  g_weak_ref_init (&check->machine, machine);
  check->context = g_main_context_ref_thread_default ();
  check->cancellable = g_object_ref (cancellable);
  check->func = func;
  check->images = g_array_new (FALSE, FALSE, sizeof (Image));
  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      add (check, definition, machine_device_text (drive, "path"),
           drive->kind->drive == DRIVE_DISK    ? _ ("The disk image %s is missing")
           : drive->kind->drive == DRIVE_CDROM ? _ ("The disc image %s is missing")
                                               : _ ("The floppy image %s is missing"));
    }
  add (check, definition, definition_text (definition, "machine.kernel"), _ ("The file %s is missing"));
  add (check, definition, definition_text (definition, "machine.initrd"), _ ("The file %s is missing"));
  g_thread_pool_push (pool, check, NULL);
}
