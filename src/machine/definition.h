/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a machine is: machine.ini (a GKeyFile).  One table (definition_keys) gives each key its parser, default, range, help;
 * the settings page, `vivctl set` and the documentation are built on it.  Unknown keys and groups are kept on save.
 *
 *   [machine]  name uuid os chipset firmware engine memory cpus clock boot kernel initrd modules append …
 *   [disk0] [cdrom0] [floppy0] …   path format readonly snapshot
 *   [display0]  video video-memory aspect vnc-address vnc-password-file
 *   [input]  absolute-pointer layout
 *   [net0]  mac
 *   [serial0] …  backend
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
  char *id; /* the group's name: "disk0", "cdrom0", "floppy0" */
  DriveKind kind;
  char *path;   /* relative to the machine's folder, or absolute; NULL or "": empty drive */
  char *format; /* "raw" */
  gboolean readonly;
  gboolean snapshot; /* throw writes away at the end */
} MachineDrive;

typedef struct
{
  char *id;      /* "serial0" */
  char *backend; /* "socket" (the control socket's AttachSerial), "none" */
} MachineSerial;

typedef struct MachineDefinition
{
  gint refs;
  GKeyFile *file; /* as loaded, with unknown keys */
  char *folder;   /* absolute; relative paths start here; NULL for none */

  char *name; /* see definition_check_name() */
  char *uuid;
  char *os;        /* libosinfo short id or NULL */
  char *chipset;   /* "pc" */
  char *firmware;  /* "bios", or a path */
  char *engine;    /* "auto", "kvm", "software", "none" */
  uint64_t memory; /* bytes, a multiple of 1 MiB */
  uint32_t cpus;
  gboolean memory_huge, memory_merge, memory_shared;
  char *clock_base;   /* "utc", "localtime" */
  char *clock_policy; /* "stop", "catch-up" */
  char *boot_order;   /* "cdn" letters: a floppy, c disk, d CD-ROM, n network */
  gboolean boot_menu;
  char *kernel, *initrd, *append; /* direct boot */
  char *modules;                  /* see boot-modules.h */
  char *video;                    /* "vga", "none" */
  uint32_t video_memory;          /* MiB */
  char *aspect;                   /* "auto", "square", "4:3": how a viewer shows it */
  gboolean absolute_pointer;
  char *input_layout; /* of the guest's keyboard, as display/layout.h has it */
  char *vnc_address;  /* NULL: off */
  char *vnc_password_file;
  GPtrArray *drives;  /* MachineDrive *, in order: disks, CD-ROMs, floppies */
  GPtrArray *serials; /* MachineSerial * */
  char *mac;          /* of net0, unique; kept for the time when a NIC exists */
} MachineDefinition;

/* Drives and serial ports that a definition may have: disk0 … disk15, cdrom0 … cdrom3, floppy0, floppy1, serial0 … serial3. */
#define DEFINITION_MAX_DISKS    16
#define DEFINITION_MAX_CDROMS   4
#define DEFINITION_MAX_FLOPPIES 2
#define DEFINITION_MAX_SERIALS  4

MachineDefinition *definition_new (const char *name); /* defaults, new UUID and MAC; serial0 */
/* From text; `path` names it in errors and its folder is the definition's (NULL: none). */
MachineDefinition *definition_parse (const char *text, gssize length, const char *path, GError **error);
/* As definition_save() would write it. */
char *definition_to_text (const MachineDefinition *definition);
/* A deep copy, unknown keys included. */
MachineDefinition *definition_copy (const MachineDefinition *definition);
/* Errors name the file, the group, the key and what is accepted. */
MachineDefinition *definition_load (const char *path, GError **error);
/* In one step that a power cut can't halve (machine/output-file.h); keeps what it doesn't know.  A machine's file is changed by
 * machine/edit.h, which locks. */
gboolean definition_save (const MachineDefinition *definition, const char *path, GError **error);
MachineDefinition *definition_ref (MachineDefinition *definition);
void definition_unref (MachineDefinition *definition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MachineDefinition, definition_unref)

/* "machine.memory" = "2G", "cdrom0.path" = "…": one door for files, `vivctl set` and the settings page. */
gboolean definition_set (MachineDefinition *definition, const char *key, const char *value, GError **error);
char *definition_get (const MachineDefinition *definition, const char *key, GError **error);
/* Absolute path of a drive's or kernel's file; NULL for an empty one. */
char *definition_resolve (const MachineDefinition *definition, const char *path);
MachineDrive *definition_add_drive (MachineDefinition *definition, DriveKind kind, const char *path);
MachineDrive *definition_find_drive (const MachineDefinition *definition, const char *id);
/* Takes the drive out (its image stays).  FALSE if there is none. */
gboolean definition_remove_drive (MachineDefinition *definition, const char *id);
const char *drive_kind_name (DriveKind kind); /* "disk", "cdrom", "floppy" */
/* A new locally administered unicast address, "02:…" */
char *definition_new_mac (void);

typedef enum
{
  KEY_STRING,
  KEY_CHOICE,
  KEY_BOOL,
  KEY_NUMBER,
  KEY_SIZE,
  KEY_PATH
} DefinitionKeyType;
typedef struct
{
  const char *group; /* "machine", "display", "disk*", … */
  const char *name;
  DefinitionKeyType type;
  size_t
      offset; /* in MachineDefinition or the group's struct: char *, gboolean, uint32_t or uint64_t by type */
  const char *fallback;
  uint64_t min, max;   /* of numbers and sizes (bytes); of strings `max` is the longest in bytes, 0: 4096 */
  const char *choices; /* "auto|kvm|software|none" */
  const char *help;    /* translatable, one line */
  const char *accepts; /* translatable; what `check` lets through, for its error */
  gboolean (*check) (const char *value); /* beyond type and range; may be NULL */
} DefinitionKey;
extern const DefinitionKey definition_keys[]; /* ends with a NULL name */

/* A name is what a person types: "C++", "Tom's PC", "a/b".  1 to DEFINITION_MAX_NAME bytes of UTF-8 in one line, no blank at either
 * end.  The folder's name is derived from it (viv_folder_name()). */
#define DEFINITION_MAX_NAME 128
gboolean definition_check_name (const char *name, GError **error);
/* A path is bytes.  Where text must be UTF-8 (machine.ini, the control socket) one that isn't, or that looks so, is written
 * "file:///tmp/a%FF.img", relative ones "file:a%FF.img".  NULL stays NULL. */
char *definition_path_to_text (const char *path);
char *definition_path_from_text (const char *text);
/* "512M", "2G", "1536" (MiB) → bytes. */
gboolean definition_parse_size (const char *text, uint64_t *bytes, GError **error);
/* 2147483648 → "2G": the shortest text that parses back to the same number of bytes. */
char *definition_format_size (uint64_t bytes);
/* The table's line for "disk0" and "path"; NULL: unknown. */
const DefinitionKey *definition_find_key (const char *group, const char *name);

G_END_DECLS
