/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/files.h"

#include "base/device-access.h"
#include "block/block.h"
#include "block/regular-file.h"
#include "machine/definition-files.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KVM            "/dev/kvm"
#define MOST_REFUSED   16         /* are told of */
#define MAX_DEFINITION (1u << 20) /* bytes, as machine/definition-file.c has it */

struct BrokerFiles
{
  GPtrArray *named; /* DefinitionFile *; their numbers begin behind FAMILY_N_FILES */
  char *state;
  MachineDefinition *definition;
  int passed[FAMILY_N_FILES]; /* open; -1.  The definition's are its bytes, sealed */
  GHashTable
      *kept; /* its number → descriptor: as long as we have an image open, others find who has locked it */
  unsigned n_refused;
};

/* What nobody can change any more. */
static int
seal (const char *text, gsize length, GError **error)
{
  int fd = memfd_create ("machine.ini", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd >= 0 && write (fd, text, length) == (ssize_t)length && lseek (fd, 0, SEEK_SET) == 0
      && fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
    return fd;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "No memory for the definition: %s",
               g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return -1;
}

BrokerFiles *
broker_files_new (const char *path, const char *folder, const char *state, GError **error)
{
  g_autoptr (MachineDefinition) definition = NULL;
  g_autofree char *text = NULL;
  gsize length;
  int fd;

  if (!regular_file_read (path, MAX_DEFINITION, &text, &length, error))
    return NULL;
  definition = definition_parse (text, (gssize)length, path, error);
  if (definition == NULL)
    return NULL;
  if (folder != NULL)
    {
      g_free (definition->folder);
      definition->folder = g_canonicalize_filename (folder, NULL);
    }
  fd = seal (text, length, error);
  if (fd < 0)
    return NULL;
  BrokerFiles *files = g_new0 (BrokerFiles, 1);
  files->named = definition_files (definition);
  files->state = g_strdup (state);
  for (unsigned i = 0; i < FAMILY_N_FILES; i++)
    files->passed[i] = -1;
  files->passed[FAMILY_FILE_DEFINITION] = fd;
  files->definition = g_steal_pointer (&definition);
  files->kept = g_hash_table_new (NULL, NULL);
  return files;
}

void
broker_files_free (BrokerFiles *files)
{
  if (files == NULL)
    return;
  GHashTableIter each;
  gpointer kept;
  g_hash_table_iter_init (&each, files->kept);
  while (g_hash_table_iter_next (&each, NULL, &kept))
    close (GPOINTER_TO_INT (kept));
  g_hash_table_unref (files->kept);
  g_ptr_array_unref (files->named);
  for (unsigned i = 0; i < FAMILY_N_FILES; i++)
    if (files->passed[i] >= 0)
      close (files->passed[i]);
  definition_unref (files->definition);
  g_free (files->state);
  g_free (files);
}

const MachineDefinition *
broker_files_definition (BrokerFiles *files)
{
  return files->definition;
}

void
broker_files_add (BrokerFiles *files, unsigned file, int fd)
{
  files->passed[file] = fd;
}

/* NULL: it has none, or there is no such file. */
static const char *
path_of (BrokerFiles *files, unsigned file)
{
  if (file == FAMILY_FILE_STATE)
    return files->state;
  if (file == FAMILY_FILE_KVM)
    return KVM;
  if (file < FAMILY_N_FILES || file - FAMILY_N_FILES >= files->named->len)
    return NULL;
  return ((DefinitionFile *)files->named->pdata[file - FAMILY_N_FILES])->path;
}

static gboolean
may_write (BrokerFiles *files, unsigned file)
{
  return file == FAMILY_FILE_KVM
         || (file >= FAMILY_N_FILES && ((DefinitionFile *)files->named->pdata[file - FAMILY_N_FILES])->write);
}

/* The new and empty file that one is which isn't there yet. */
static int
create (BrokerFiles *files, unsigned file)
{
  const DefinitionFile *named = file >= FAMILY_N_FILES ? files->named->pdata[file - FAMILY_N_FILES] : NULL;

  if (named == NULL || !named->create)
    {
      errno = ENOENT;
      return -1;
    }
  return open (named->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
}

static gboolean
is_right (BrokerFiles *files, unsigned file, uint32_t mode)
{
  return file == FAMILY_FILE_KVM ? S_ISCHR (mode) : S_ISREG (mode) || S_ISBLK (mode);
}

int
broker_files_open (BrokerFiles *files, unsigned file, gboolean write, int *fd)
{
  const char *path = path_of (files, file);
  struct stat info;

  int *passed = file < FAMILY_N_FILES ? &files->passed[file] : NULL;
  if (passed != NULL && *passed >= 0)
    {
      *fd = fcntl (*passed, F_DUPFD_CLOEXEC, 0);
      if (*fd < 0)
        return errno;
      /* Who switches VNC off must be the last who listens. */
      if (file >= FAMILY_FILE_VNC)
        {
          close (*passed);
          *passed = -1;
        }
      return 0;
    }
  if (path == NULL)
    return ENOENT;
  if (write && !may_write (files, file))
    return EACCES;
  /* Opening alone makes some devices act, so look first; and again, for somebody may have put another one there. */
  if (stat (path, &info) != 0)
    {
      if (errno != ENOENT || !write)
        return errno;
      *fd = create (files, file);
      return *fd >= 0 ? 0 : errno;
    }
  if (!is_right (files, file, info.st_mode))
    return ENODEV;
  *fd = open (path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (*fd < 0)
    return errno;
  if (fstat (*fd, &info) != 0 || !is_right (files, file, info.st_mode))
    {
      close (*fd);
      return ENODEV;
    }
  /* The last one: it has the lock, if somebody has. */
  int ours = file >= FAMILY_N_FILES ? fcntl (*fd, F_DUPFD_CLOEXEC, 0) : -1;
  gpointer before;
  if (ours >= 0 && g_hash_table_steal_extended (files->kept, GUINT_TO_POINTER (file), NULL, &before))
    close (GPOINTER_TO_INT (before));
  if (ours >= 0)
    g_hash_table_insert (files->kept, GUINT_TO_POINTER (file), GINT_TO_POINTER (ours));
  return 0;
}

int
broker_files_open_backing (BrokerFiles *files, unsigned disk, unsigned depth, const char *name, int *fd)
{
  for (guint i = 0; i < files->named->len && depth > 0; i++)
    {
      const DefinitionFile *file = files->named->pdata[i];

      if (file->disk >= 0 && (unsigned)file->disk == disk && file->depth == depth)
        return broker_files_open (files, FAMILY_N_FILES + i, FALSE, fd);
    }
  /* Who asks often says nothing new. */
  if (files->n_refused++ >= MOST_REFUSED)
    return ENOENT;
  /* It comes from an image. */
  g_autofree char *plain = g_strescape (name, NULL);
  g_printerr (
      "disk%u lies on a file whose name ends in \"%s\". The machine's definition doesn't list it, so it was not opened: make one "
      "image of both, and use that.\n",
      disk, plain);
  return ENOENT;
}

int
broker_files_look (BrokerFiles *files, unsigned file, uint32_t *mode, uint64_t *size)
{
  const char *path = path_of (files, file);
  struct stat info;
  int result;

  if (file == FAMILY_FILE_DEFINITION)
    result = fstat (files->passed[FAMILY_FILE_DEFINITION], &info);
  else if (path == NULL)
    return ENOENT;
  else
    result = stat (path, &info);
  if (result != 0)
    return errno;
  *mode = info.st_mode;
  *size = (uint64_t)info.st_size;
  return 0;
}

static char *
explain (const char *path, unsigned file)
{
  char *words;
  int fd;

  if (file == FAMILY_FILE_KVM)
    return device_access_advice_of (path);
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return NULL;
  words = block_describe_lock_holder (fd);
  close (fd);
  return words;
}

int
broker_files_explain (BrokerFiles *files, unsigned file, int *fd)
{
  const char *path = path_of (files, file);
  g_autofree char *words = path != NULL ? explain (path, file) : NULL;
  int ends[2];

  if (words == NULL)
    return ENODATA;
  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return errno;
  /* What is longer than a pipe holds is cut. */
  ssize_t n = write (ends[1], words, strlen (words));
  (void)n;
  close (ends[1]);
  *fd = ends[0];
  return 0;
}
