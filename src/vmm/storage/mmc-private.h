/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to mmc*.c: endings, and the longer answers.
 */
#pragma once

#include "core/big-endian.h"
#include "storage/mmc.h"

G_BEGIN_DECLS

void mmc_check (Mmc *mmc, uint8_t key, uint8_t asc, uint8_t ascq);
void mmc_invalid_field (Mmc *mmc);
/* The first `length` bytes of the buffer, cut at the allocation length. */
void mmc_reply (Mmc *mmc, uint32_t length, uint32_t allocation);

/* mmc-answers.c */
void mmc_inquiry (Mmc *mmc);
void mmc_read_toc (Mmc *mmc);
void mmc_mode_sense (Mmc *mmc);
void mmc_mechanism_status (Mmc *mmc);
void mmc_get_configuration (Mmc *mmc);
void mmc_get_event (Mmc *mmc);
void mmc_disc_information (Mmc *mmc);
void mmc_track_information (Mmc *mmc);
void mmc_dvd_structure (Mmc *mmc);

G_END_DECLS
