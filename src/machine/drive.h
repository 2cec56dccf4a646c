/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A drive of a machine that runs: what its definition says, and what became of it since the start.  Who built the machine owns them;
 * others read, on its control loop, VM lock NOT held.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

typedef struct
{
  char *id; /* "cdrom0" */
  DriveKind kind;
  char *path; /* absolute; NULL: empty */
  gboolean readonly;
  unsigned channel, unit; /* IDE; for floppies the unit alone */
  unsigned
      slot; /* device number on PCI bus 0 of one that is a function of its own, or of its SCSI controller; 0: IDE, floppy */
  gboolean scsi;    /* on that controller, as target `unit` */
  gboolean nvme;    /* a controller of its own, in slot `slot` */
  gboolean usb;     /* on the USB controller */
  gboolean ahci;    /* on the AHCI controller, at port `unit` */
  gboolean ejected; /* the guest has opened the tray, and that was told */
} MachineDrive;

static inline void
machine_drive_free (gpointer data)
{
  MachineDrive *drive = data;

  g_free (drive->id);
  g_free (drive->path);
  g_free (drive);
}

/* The medium as a person at the machine sees it; NULL: none, or on a tray that is out. */
static inline const char *
machine_drive_medium (const MachineDrive *drive)
{
  return drive->ejected ? NULL : drive->path;
}

G_END_DECLS
