/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a machine is: machine.ini (a GKeyFile).  One table (definition_keys) gives each key its parser, default, range, help;
 * the settings page, `vivctl set` and the documentation are built on it.  Unknown keys and groups are kept on save.
 *
 *   [machine]  name uuid os chipset firmware engine memory cpus clock boot kernel initrd append …
 *   [disk0] [cdrom0] [floppy0] …   path format readonly
 *   [display0] [net0] [serial0] …
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define DEFINITION_ERROR (definition_error_quark ())
GQuark definition_error_quark (void);
typedef enum
{
  DEFINITION_ERROR_SYNTAX,
  DEFINITION_ERROR_RANGE,
  DEFINITION_ERROR_UNKNOWN,
} DefinitionError;

typedef enum
{
  DRIVE_DISK,
  DRIVE_CDROM,
  DRIVE_FLOPPY,
} DriveKind;

typedef struct
{
  char *id;        /* the group's name: "disk0", "cdrom0", "floppy0" */
  DriveKind kind;
  char *path;      /* relative to the machine's folder, or absolute; NULL or "": empty drive */
  char *format;    /* "raw" */
  gboolean readonly;
  gboolean snapshot; /* throw writes away at the end */
} MachineDrive;

typedef struct
{
  char *id;        /* "serial0" */
  char *backend;   /* "socket" (the control socket's AttachSerial), "none" */
} MachineSerial;

typedef struct MachineDefinition
{
  gint refs;
  GKeyFile *file;      /* as loaded, with unknown keys */
  char *folder;        /* absolute; relative paths start here; NULL for none */

  char *name;          /* see definition_check_name() */
  char *uuid;
  char *os;            /* libosinfo short id or NULL */
  char *chipset;       /* "pc" */
  char *firmware;      /* "bios", or a path */
  char *engine;        /* "auto", "kvm", "software", "none" */
  uint64_t memory;     /* bytes, a multiple of 1 MiB */
  uint32_t cpus;
  gboolean memory_huge, memory_merge, memory_shared;
  char *clock_base;    /* "utc", "localtime" */
  char *boot_order;    /* "cdn" letters: a floppy, c disk, d CD-ROM, n network */
  gboolean boot_menu;
  char *kernel, *initrd, *append;  /* direct boot */
  char *video;         /* "vga", "none" */
  uint32_t video_memory; /* MiB */
  gboolean absolute_pointer;
  char *vnc_address;   /* NULL: off */
  char *vnc_password_file;
  GPtrArray *drives;   /* MachineDrive *, in order: disks, CD-ROMs, floppies */
  GPtrArray *serials;  /* MachineSerial * */
  char *mac;           /* of net0, unique; kept for the time when a NIC exists */
} MachineDefinition;

MachineDefinition *definition_new (const char *name); /* defaults, new UUID */
/* Errors name the file, the group, the key and what is accepted. */
MachineDefinition *definition_load (const char *path, GError **error);
/* Atomically; keeps what it doesn't know. */
gboolean definition_save (MachineDefinition *definition, const char *path, GError **error);
MachineDefinition *definition_ref (MachineDefinition *definition);
void definition_unref (MachineDefinition *definition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MachineDefinition, definition_unref)

/* "machine.memory" = "2G", "cdrom0.path" = "…": one door for files, `vivctl set` and the settings page. */
gboolean definition_set (MachineDefinition *definition, const char *key, const char *value, GError **error);
char *definition_get (MachineDefinition *definition, const char *key, GError **error);
/* Absolute path of a drive's or kernel's file; NULL for an empty one. */
char *definition_resolve (const MachineDefinition *definition, const char *path);
MachineDrive *definition_add_drive (MachineDefinition *definition, DriveKind kind, const char *path);
MachineDrive *definition_find_drive (const MachineDefinition *definition, const char *id);

typedef enum { KEY_STRING, KEY_CHOICE, KEY_BOOL, KEY_NUMBER, KEY_SIZE, KEY_PATH } DefinitionKeyType;
typedef struct
{
  const char *group;     /* "machine", "display", "disk*", … */
  const char *name;
  DefinitionKeyType type;
  size_t offset;         /* in MachineDefinition or the group's struct */
  const char *fallback;
  uint64_t min, max;
  const char *choices;   /* "auto|kvm|software|none" */
  const char *help;      /* translatable, one line */
} DefinitionKey;
extern const DefinitionKey definition_keys[]; /* ends with a NULL name */

/* Letters, digits, space, ._- ; 1 to 64 bytes; no leading dot or blank at either end. */
gboolean definition_check_name (const char *name, GError **error);
/* "512M", "2G", "1536" (MiB) → bytes. */
gboolean definition_parse_size (const char *text, uint64_t *bytes, GError **error);

G_END_DECLS
