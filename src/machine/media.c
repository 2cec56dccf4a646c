/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a file is that somebody chose or dropped.  For proposals to a person: what is opened later is opened as the format that
 * the definition says.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "block/floppy.h"
#include "machine/iso9660.h"
#include "machine/os-profile-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <osinfo/osinfo.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES (ISO_DESCRIPTOR_OFFSET + ISO_MAX_DESCRIPTORS * ISO_SECTOR)

/* Formats that can't be used, so that the person is told so and not "unknown". */
static const struct
{
  const char *format, *magic;
  uint8_t length;
} foreign[] = {
  { "qcow2", "QFI\xfb", 4 },  { "vmdk", "KDMV", 4 },
  { "vhdx", "vhdxfile", 8 },  { "vhd", "conectix", 8 },
  { "gzip", "\x1f\x8b", 2 },  { "xz", "\xfd\x37zXZ", 6 },
  { "zip", "PK\x03\x04", 4 }, { "zstd", "\x28\xb5\x2f\xfd", 4 },
  { "bzip2", "BZh", 3 },
};

/* -- Which system ------------------------------------------------------------------------------------- */

/* libosinfo's database of install media; loading it takes about a second, so once a process.  NULL: not installed. */
static OsinfoDb *
osinfo_database (void)
{
  static gsize loaded;
  static OsinfoDb *db;

  if (g_once_init_enter (&loaded))
    {
      g_autoptr (OsinfoLoader) loader = osinfo_loader_new ();
      g_autoptr (GError) error = NULL;

      osinfo_loader_process_default_path (loader, &error);
      if (error == NULL)
        db = g_object_ref (osinfo_loader_get_db (loader));
      else
        g_debug ("no database of operating systems: %s", error->message);
      g_once_init_leave (&loaded, 1);
    }
  return db;
}

/* TRUE and a short id if the database knows the medium. */
static gboolean
ask_osinfo (const IsoInfo *iso, MediaInfo *info)
{
  static GMutex lock;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock); /* the database says nothing about threads */
  OsinfoDb *db = osinfo_database ();
  g_autoptr (OsinfoMedia) media = NULL;

  if (db == NULL || iso->volume_id == NULL)
    return FALSE;
  media = osinfo_media_new ("vivarium", NULL);
  const struct
  {
    const char *key, *value;
  } facts[] = {
    { OSINFO_MEDIA_PROP_VOLUME_ID, iso->volume_id },
    { OSINFO_MEDIA_PROP_SYSTEM_ID, iso->system_id },
    { OSINFO_MEDIA_PROP_PUBLISHER_ID, iso->publisher },
    { OSINFO_MEDIA_PROP_APPLICATION_ID, iso->application },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (facts); i++)
    if (facts[i].value != NULL)
      osinfo_entity_set_param (OSINFO_ENTITY (media), facts[i].key, facts[i].value);
  if (iso->size > 0 && iso->size <= G_MAXINT64)
    osinfo_entity_set_param_int64 (OSINFO_ENTITY (media), OSINFO_MEDIA_PROP_VOLUME_SIZE, iso->size);
  if (!osinfo_db_identify_media (db, media))
    return FALSE;

  g_autoptr (OsinfoOs) os = osinfo_media_get_os (media);
  if (os == NULL || osinfo_product_get_short_id (OSINFO_PRODUCT (os)) == NULL)
    return FALSE;
  info->os_id = g_strdup (osinfo_product_get_short_id (OSINFO_PRODUCT (os)));
  info->os_name = g_strdup (osinfo_product_get_name (OSINFO_PRODUCT (os)));
  return TRUE;
}

static void
identify_system (const IsoInfo *iso, MediaInfo *info)
{
  if (ask_osinfo (iso, info))
    return;
  g_autoptr (OsProfile) profile = os_profile_for_volume (iso->volume_id);
  if (profile == NULL)
    return;
  info->os_id = g_strdup (profile->id);
  info->os_name = g_strdup (profile->name);
}

/* -- What file ---------------------------------------------------------------------------------------- */

static gboolean
identify_iso (const uint8_t *head, size_t length, MediaInfo *info)
{
  IsoInfo iso = { 0 };

  if (length <= ISO_DESCRIPTOR_OFFSET
      || !iso_parse_descriptors (head + ISO_DESCRIPTOR_OFFSET, length - ISO_DESCRIPTOR_OFFSET, &iso))
    {
      iso_info_clear (&iso);
      return FALSE;
    }
  info->kind = MEDIA_ISO;
  info->format = g_strdup ("iso9660");
  info->bootable = iso.bootable;
  identify_system (&iso, info);
  info->system_id = g_steal_pointer (&iso.system_id);
  info->volume_id = g_steal_pointer (&iso.volume_id);
  info->publisher = g_steal_pointer (&iso.publisher);
  info->application = g_steal_pointer (&iso.application);
  iso_info_clear (&iso);
  return TRUE;
}

static void
set_kernel (MediaInfo *info, const char *format)
{
  info->format = g_strdup (format);
  info->kind = MEDIA_KERNEL;
  info->bootable = TRUE;
}

/* As Multiboot and PVH kernels are. */
static gboolean
identify_elf (const uint8_t *head, size_t length, MediaInfo *info)
{
  static const uint8_t magic[] = { 0x7f, 'E', 'L', 'F' };

  if (length < 64 || memcmp (head, magic, sizeof magic) != 0)
    return FALSE;
  set_kernel (info, "elf");
  return TRUE;
}

/* The Linux boot protocol: 0xaa55 at 0x1fe and "HdrS" at 0x202. */
static gboolean
identify_linux (const uint8_t *head, size_t length, MediaInfo *info)
{
  if (length < 0x206 || head[0x1fe] != 0x55 || head[0x1ff] != 0xaa || memcmp (head + 0x202, "HdrS", 4) != 0)
    return FALSE;
  set_kernel (info, "bzImage");
  return TRUE;
}

static void
identify (const uint8_t *head, size_t length, MediaInfo *info)
{
  gboolean signature = length >= 512 && head[510] == 0x55 && head[511] == 0xaa;
  FloppyGeometry floppy;

  /* A floppy is known by its size, which a program may have too; a bzImage is something that a floppy can begin with. */
  if (identify_elf (head, length, info))
    return;
  if (floppy_recognize (length >= 512 ? head : NULL, info->size, &floppy))
    {
      info->kind = MEDIA_FLOPPY;
      info->format = g_strdup ("raw");
      info->bootable = signature;
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (foreign); i++)
    if (length >= foreign[i].length && memcmp (head, foreign[i].magic, foreign[i].length) == 0)
      {
        info->kind = MEDIA_FOREIGN;
        info->format = g_strdup (foreign[i].format);
        return;
      }
  /* Hybrid ISOs have a partition table too: look for the CD first.  A bzImage has a boot sector of old. */
  if (identify_iso (head, length, info) || identify_linux (head, length, info))
    return;
  if (signature)
    {
      info->kind = MEDIA_DISK;
      info->format = g_strdup ("raw");
      info->bootable = TRUE;
    }
}

MediaInfo *
media_identify (const char *path, GError **error)
{
  g_autofree uint8_t *head = g_malloc (HEAD_BYTES);
  struct stat file;
  size_t length = 0;
  off_t size = -1;

  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0 && fstat (fd, &file) == 0 && (S_ISREG (file.st_mode) || S_ISBLK (file.st_mode)))
    size = lseek (fd, 0, SEEK_END);
  if (size < 0)
    {
      int code = fd < 0 ? errno : EINVAL;
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't read %s: %s"), path,
                   fd < 0 ? g_strerror (code) : _ ("it is no file"));
      if (fd >= 0)
        close (fd);
      return NULL;
    }
  while (length < HEAD_BYTES)
    {
      ssize_t got = pread (fd, head + length, HEAD_BYTES - length, length);
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        break;
      length += got;
    }
  close (fd);

  MediaInfo *info = g_new0 (MediaInfo, 1);
  info->size = size;
  identify (head, length, info);
  return info;
}

void
media_info_free (MediaInfo *info)
{
  if (info == NULL)
    return;
  g_free (info->format);
  g_free (info->system_id);
  g_free (info->volume_id);
  g_free (info->publisher);
  g_free (info->application);
  g_free (info->os_id);
  g_free (info->os_name);
  g_free (info);
}

/* -- In a thread -------------------------------------------------------------------------------------- */

static void
identify_thread (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  GError *error = NULL;
  MediaInfo *info = media_identify (path, &error);

  if (info != NULL)
    g_task_return_pointer (task, info, (GDestroyNotify)media_info_free);
  else
    g_task_return_error (task, error);
}

void
media_identify_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_source_tag (task, media_identify_async);
  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, identify_thread);
}

MediaInfo *
media_identify_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
