/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is known about operating systems, as data (data/os/ *.ini), and what a file that somebody chose or dropped is.
 */
#pragma once

#include "machine/definition.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  MEDIA_UNKNOWN, /* empty or of no known shape */
  MEDIA_ISO,     /* an ISO 9660 or UDF image */
  MEDIA_FLOPPY,  /* 160 K to 2.88 M, by its size */
  MEDIA_DISK,    /* has a boot sector with a partition table or loader */
  MEDIA_KERNEL,  /* bzImage, or an ELF file */
  MEDIA_FOREIGN, /* an image of a format that can't be used; see format */
} MediaKind;

typedef struct
{
  MediaKind kind;
  char *format;      /* "iso9660", "raw", "bzImage", "elf", "qcow2", "vmdk", … */
  uint64_t size;     /* bytes */
  gboolean bootable; /* ISO: has an El Torito catalogue; disk, floppy: has the boot signature */
  char *system_id, *volume_id, *publisher, *application; /* ISO; trimmed, UTF-8; NULL: none */
  char *os_id;   /* libosinfo's short id or one of ours; NULL: not recognised */
  char *os_name; /* for a person */
} MediaInfo;

/* Reads the first sectors.  Never fails because of what is in them. */
MediaInfo *media_identify (const char *path, GError **error);
/* The same in a thread: the database of systems takes most of a second to load, and an image may be on a server that doesn't answer. */
void media_identify_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data);
MediaInfo *media_identify_finish (GAsyncResult *result, GError **error);
void media_info_free (MediaInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MediaInfo, media_info_free)

/* Proposals, not rules. */
typedef struct
{
  char *id;              /* of the profile: "windows-nt5" */
  char *name;            /* for a person */
  char *family;          /* "dos", "windows", "linux", "bsd", "other" */
  uint64_t memory, disk; /* bytes; disk 0: none needed */
  uint32_t cpus, video_memory;
  char *chipset, *firmware, *cpu, *clock_base, *clock_policy, *boot_order;
  char *card;                 /* net0.card; "none": it knows none */
  char *usb;                  /* usb0.model; "none": it knows none */
  char *disk_bus, *cdrom_bus; /* of disks and CD-ROM drives that come with the machine */
  char *
      *lacks; /* what it would rather have and this version or computer hasn't: sentences, NULL-terminated */
  gboolean absolute_pointer;
  gboolean hyperv;
  gboolean tpm; /* it wants one, and this computer has what makes one */
  gboolean rng; /* it has a driver for virtio's random numbers */
} OsProfile;

/* By libosinfo's short id or a profile's own id, or NULL; always finds one ("generic" at last).  The proposal is cut to what the host
 * has.  */
OsProfile *os_profile_lookup (const char *os_id);
void os_profile_free (OsProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OsProfile, os_profile_free)
/* Ids and names of all profiles, for a list: a NULL-terminated array of id, name, id, name, … */
char **os_profile_list (void);
/* The keys of which a profile says something, and what: as text; NULL: nothing. */
#define OS_PROFILE_N_KEYS 11
extern const char *const os_profile_keys[OS_PROFILE_N_KEYS];
char *os_profile_value (const OsProfile *profile, const char *key);
/* Of a drive: the bus. */
void os_profile_apply_drive (const OsProfile *profile, MachineDevice *drive);
/* The keys, and the devices that a new machine has for its system: those of another one go. */
void os_profile_apply (const OsProfile *profile, MachineDefinition *definition);

G_END_DECLS
