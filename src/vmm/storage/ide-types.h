/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an IDE function's users and its parts both speak of.
 */
#pragma once

#include <glib.h>

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

G_END_DECLS
