/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Disks.
 */
#pragma once

#include "storage/ide-core.h"

G_BEGIN_DECLS

extern const IdeCommandSet ide_ata_set;

G_END_DECLS
