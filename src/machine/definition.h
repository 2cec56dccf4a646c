/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a machine is: machine.ini (a GKeyFile), a list of devices.  One table (device_kinds) says of each kind how many there may be, where
 * they go and which keys they have, and of each key its type, default, range and help; the settings page, `vivctl set`, the board and the
 * documentation are built on it.  A new kind is a row there and a builder in vmm/board.  Unknown keys and groups are kept on save.
 *
 *   [machine]  name uuid os tags chipset firmware engine memory cpus clock boot kernel initrd modules append …
 *   [disk0] [cdrom0] [floppy0] …   path format readonly discard
 *   [display0]  video video-memory aspect vnc-address vnc-password-file
 *   [input]  absolute-pointer layout
 *   [net0] …  kind network tap bridge card mac link rate dump forward restrict tftp bootfile
 *   [share0] …  path tag readonly
 *   [tpm0]    model
 *   [vsock0]  cid
 *   [serial0] …  backend
 *   [usb0]  model
 *   [pcitest0] …  slot
 *
 * A definition is its maker's until it is published (by a VivMachine, to a board): from then on it never changes.  Not locked; references may
 * be taken in any thread.
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
  DRIVE_NONE, /* the device is no drive */
} DriveKind;

/* -- The table ---------------------------------------------------------------------------------------------- */

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
  const char *name;
  const char *old_name; /* still read, never written; may be NULL */
  DefinitionKeyType type;
  const char *fallback; /* NULL: may be unset */
  uint64_t min,
      max; /* of numbers and sizes (bytes; `min` 0: "0" is one, too); of strings `max` is the longest in bytes, 0: 4096 */
  const char *choices;                   /* "auto|kvm|software|none" */
  const char *help;                      /* translatable, one line */
  const char *accepts;                   /* translatable; what `check` lets through, for its error */
  gboolean (*check) (const char *value); /* beyond type and range; may be NULL */
  gboolean required;                     /* no default, and not to be unset */
  gboolean spelled;                      /* written to the file also where it is the default, or empty */
  gboolean folder;                       /* a path is a folder's */
  gboolean live;                         /* can be changed while the machine runs */
} DefinitionKey;

typedef struct
{
  const char *
      name; /* "disk": its devices are disk0, disk1, …; of one of which there is just one the id is the name itself: "machine" */
  const char *label; /* translatable: "Disk" */
  unsigned most;     /* per machine; 0: just one, without a number */
  unsigned present;  /* so many are there whether the file has them or not, and can't be removed */
  const char *
      bus; /* where it goes: a name of device_buses; NULL: nowhere, it is a part of the board or says how it is used */
  const char *page; /* of the settings: "machine", "drives", "screen", "input", "network", "ports" */
  DriveKind drive;
  gboolean
      for_tests; /* proposed and listed nowhere; the monitor takes it where a switch for tests gives it a place */
  const DefinitionKey *keys; /* ends with a NULL name */
} DeviceKind;

/* What the control socket's AttachSerial goes by besides COM1 to COM4 (0 to 3): the two ports of console0. */
#define DEVICE_PORT_CONSOLE 4
#define DEVICE_PORT_AGENT   5

extern const DeviceKind device_kinds[]; /* ends with a NULL name */
const DeviceKind *device_kind_find (const char *name);
/* "disk3" → disk, 3.  Numbers as people write them only: no "disk03", so that a device has one name.  NULL: no such device can be.  `number`
 * may be NULL. */
const DeviceKind *device_kind_of (const char *id, unsigned *number);
/* NULL: unknown. */
const DefinitionKey *device_kind_key (const DeviceKind *kind, const char *name);
/* The table's line for "disk0" and "path"; NULL: unknown. */
const DefinitionKey *definition_find_key (const char *id, const char *name);
/* Buses.  One with slots has them by number, a device each; its kinds have a key "slot", and so may kinds of other buses, which are in
 * one only if that is set. */
#define DEVICE_MAX_SLOT 31
typedef struct
{
  const char *name; /* "ide" */
  gboolean plugs;   /* devices come and go while the machine runs, where its board has the slots */
  unsigned slots;   /* 1 to this; 0: where a device goes is the board's affair */
} DeviceBus;
extern const DeviceBus device_buses[]; /* ends with a NULL name */
/* NULL: none. */
const DeviceBus *device_kind_bus (const DeviceKind *kind);
const char *drive_kind_name (DriveKind kind); /* "disk", "cdrom", "floppy" */

/* -- Devices ------------------------------------------------------------------------------------------------ */

typedef struct
{
  char *id; /* the group's name: "disk0" */
  const DeviceKind *kind;
  unsigned number;
  char **values; /* of kind->keys, as in the file but with paths as bytes; NULL: not set */
} MachineDevice;

typedef struct MachineDefinition
{
  gint refs;
  GKeyFile *file;     /* as loaded, with unknown keys */
  char *folder;       /* absolute; relative paths start here; NULL for none */
  GPtrArray *devices; /* MachineDevice *, in the table's order, then by number */
} MachineDefinition;

/* What is set, else the default; NULL where there is none.  The device's, until the key is set.  A key that the kind doesn't have is a bug
 * of the caller's. */
const char *machine_device_text (const MachineDevice *device, const char *key);
gboolean machine_device_flag (const MachineDevice *device, const char *key);
/* Numbers, and sizes in bytes. */
uint64_t machine_device_number (const MachineDevice *device, const char *key);
/* The same by "machine.memory"; of a device that isn't there: NULL, FALSE, 0. */
const char *definition_text (const MachineDefinition *definition, const char *key);
gboolean definition_flag (const MachineDefinition *definition, const char *key);
uint64_t definition_number (const MachineDefinition *definition, const char *key);
/* The slot that it is in; 0: none, or none yet. */
unsigned machine_device_slot (const MachineDevice *device);
/* For the program's own values: nothing is refused here; what won't do is refused by definition_save().  Paths as bytes; NULL unsets. */
void machine_device_put (MachineDevice *device, const char *key, const char *value);
void definition_put (MachineDefinition *definition, const char *key, const char *value);

/* NULL: there is none. */
MachineDevice *definition_find (const MachineDefinition *definition, const char *id);
/* With the lowest free number; NULL: there are as many as there may be. */
MachineDevice *definition_add (MachineDefinition *definition, const DeviceKind *kind);
/* Takes it out (a drive's image stays).  An error says why not. */
gboolean definition_remove (MachineDefinition *definition, const char *id, GError **error);
/* The one that gives out slots.  A device keeps the one that it has; each of the others gets the lowest that is free, in the table's order and
 * then by number.  So a machine that is started again, saved or cloned has its devices where they were.  FALSE: two had the same one, of
 * which the second got another; or there are more devices than slots.  Done where a definition is read and by viv_definition_apply(). */
gboolean definition_place (MachineDefinition *definition, GError **error);
/* The drives: disks, CD-ROMs, floppies.  NULL behind the last. */
MachineDevice *definition_drive (const MachineDefinition *definition, unsigned i);
/* NULL: none, or no drive. */
MachineDevice *definition_find_drive (const MachineDefinition *definition, const char *id);
/* `path` may be NULL: an empty one.  NULL: there are as many as there may be. */
MachineDevice *definition_add_drive (MachineDefinition *definition, DriveKind kind, const char *path);

/* -- Definitions -------------------------------------------------------------------------------------------- */

MachineDefinition *definition_new (const char *name); /* defaults, new UUID; serial0 */
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

/* "machine.memory" = "2G", "cdrom0.path" = "…": one door for files, `vivctl set` and the settings page.  A device that isn't there is
 * made.  Nothing changes on error, which names the key, and what is nearest to one that there isn't. */
gboolean definition_set (MachineDefinition *definition, const char *key, const char *value, GError **error);
char *definition_get (const MachineDefinition *definition, const char *key, GError **error);
/* Absolute path of a drive's or kernel's file; NULL for an empty one. */
char *definition_resolve (const MachineDefinition *definition, const char *path);
/* The address of a device of kind net: what is set, else one that belongs to the machine's UUID and the device's number, locally administered: "02:…".
 * A copy of the machine has another UUID, and so another address. */
char *definition_mac (const MachineDefinition *definition, const MachineDevice *net);

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

G_END_DECLS
