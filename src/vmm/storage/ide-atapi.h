/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CD-ROM drives.
 */
#pragma once

#include "storage/ide-core.h"

G_BEGIN_DECLS

extern const IdeCommandSet ide_atapi_set;

/* A disc that has nothing on it is a mistake, such as a download that failed.  NULL: no disc, which is fine. */
gboolean ide_check_disc (const Block *block, GError **error);
/* See ide_change_media(); `block` has been checked. */
gboolean ide_atapi_change_media (IdeDrive *drive, Block *block, gboolean force, Block **old, GError **error);

G_END_DECLS
