/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a CD-ROM drive says of itself and of its disc.
 */
#pragma once

#include "storage/ide-core.h"

G_BEGIN_DECLS

/* Answers and settings. */
void ide_mmc_inquiry (IdeDrive *drive);
void ide_mmc_read_toc (IdeDrive *drive);
void ide_mmc_mode_sense (IdeDrive *drive);
void ide_mmc_mode_select (IdeDrive *drive, uint32_t length);
void ide_mmc_mechanism_status (IdeDrive *drive);
void ide_mmc_get_configuration (IdeDrive *drive);
void ide_mmc_get_event (IdeDrive *drive);
void ide_mmc_disc_information (IdeDrive *drive);
void ide_mmc_track_information (IdeDrive *drive);
void ide_mmc_dvd_structure (IdeDrive *drive);

G_END_DECLS
