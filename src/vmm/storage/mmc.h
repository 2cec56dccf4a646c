/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a CD-ROM drive makes of a command, on whatever bus: MMC-5, SPC-3.  No bus, no image, no thread: a drive's state and a command come in, an answer or an order to read
 * comes out.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MMC_CDB_SIZE    12u
#define MMC_SECTOR_SIZE 2048u
#define MMC_ANSWER_SIZE 2100u /* no answer is longer */

/* Sense keys. */
enum
{
  MMC_SENSE_NONE = 0,
  MMC_SENSE_NOT_READY = 2,
  MMC_SENSE_ILLEGAL_REQUEST = 5,
  MMC_SENSE_UNIT_ATTENTION = 6,
};
#define MMC_ASC_MEDIUM_CHANGED 0x28

/* READ CD, byte 9. */
enum
{
  MMC_RAW_SYNC = 0x80,
  MMC_RAW_HEADER = 0x20,
  MMC_RAW_USER_DATA = 0x10,
  MMC_RAW_EDC = 0x08,
};

typedef enum
{
  MMC_DONE,
  MMC_REPLY,  /* `length` bytes of `buffer`, cut at what the command allows */
  MMC_CHECK,  /* `key`, `asc`, `ascq` */
  MMC_READ,   /* `n` (more than 0) sectors from `lba` on, within the disc; of each what `raw` says */
  MMC_SELECT, /* `length` bytes of parameters are to come, for mmc_mode_select() */
} MmcOutcome;

typedef struct
{
  const char *serial, *revision;
  gboolean atapi;
  gboolean loaded;  /* a disc lies in it, be the tray open or not */
  uint32_t sectors; /* of that; 0: there is none, or the tray is open */

  /* What commands change. */
  gboolean tray_open, tray_locked;
  uint8_t medium_change; /* 2: say "not present" once, 1: say "may have changed" once */
  uint8_t media_event;   /* GET EVENT STATUS NOTIFICATION: event code of class 4, 0: none */
  uint8_t error_page[8]; /* mode page 1, its parameters */

  const uint8_t *cdb; /* MMC_CDB_SIZE bytes */
  uint8_t *buffer;    /* MMC_ANSWER_SIZE bytes */

  MmcOutcome outcome;
  uint8_t key, asc, ascq;
  uint32_t length, lba, n;
  uint8_t raw; /* MMC_RAW_… */
  gboolean tray_moved;
} Mmc;

/* REQUEST SENSE is the bus's, which has the sense. */
void mmc_command (Mmc *mmc);
/* The `length` bytes that a MODE SELECT has brought along are in `buffer`. */
void mmc_mode_select (Mmc *mmc, uint32_t length);
/* The user has put a disc in (`medium`) or taken one out (`had`: there was one), and the tray is closed. */
void mmc_medium_changed (Mmc *mmc, gboolean medium, gboolean had);
/* The user wants to change the disc: FALSE and an error if the guest has locked the drive, which is asked to let go. */
gboolean mmc_may_change (Mmc *mmc, gboolean had, gboolean force, GError **error);
/* Bytes of a sector. */
uint32_t mmc_raw_size (uint8_t raw);

G_END_DECLS
