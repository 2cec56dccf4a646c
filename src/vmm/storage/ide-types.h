/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What users of drives and their parts both speak of.
 */
#pragma once

#include "block/block.h"

G_BEGIN_DECLS

#define IDE_N_CHANNELS 2
#define IDE_N_UNITS    2

typedef enum
{
  IDE_DRIVE_NONE,
  IDE_DRIVE_DISK,
  IDE_DRIVE_CDROM,
} IdeDriveKind;

/* The guest has opened or closed the tray of a drive.  VM lock held, any thread. */
typedef void (*IdeTrayFunc) (void *opaque, unsigned channel, unsigned unit, gboolean open);

typedef struct
{
  IdeDriveKind kind;
  Block *block;         /* taken over on success; a disk must have one, a CD-ROM drive may be empty (NULL) */
  const char *serial;   /* at most 20 characters; NULL: made from the drive's place */
  const char *model;    /* at most 40 characters; NULL: "Vivarium disk" or "Vivarium DVD-ROM" */
  const char *revision; /* at most 8 characters; NULL: "1.0" */
  uint64_t wwn;         /* World Wide Name; 0: it has none */
} IdeDriveConfig;

G_END_DECLS
