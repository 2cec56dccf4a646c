/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands of a CD-ROM drive: what stands in their way, the tray, reads and short answers.  MMC-5; SPC-3.
 */
#define G_LOG_DOMAIN "mmc"

#include "storage/mmc-private.h"

#include <gio/gio.h>
#include <string.h>

/* Additional sense codes. */
enum
{
  ASC_INVALID_COMMAND = 0x20,
  ASC_LBA_OUT_OF_RANGE = 0x21,
  ASC_INVALID_FIELD = 0x24,
  ASC_NO_MEDIUM = 0x3a,
  ASC_REMOVAL_PREVENTED = 0x53,
  ASC_ILLEGAL_MODE_FOR_TRACK = 0x64,
};

/* -- Endings ------------------------------------------------------------------------------------- */

void
mmc_check (Mmc *mmc, uint8_t key, uint8_t asc, uint8_t ascq)
{
  mmc->outcome = MMC_CHECK;
  mmc->key = key;
  mmc->asc = asc;
  mmc->ascq = ascq;
}

void
mmc_invalid_field (Mmc *mmc)
{
  mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
}

void
mmc_reply (Mmc *mmc, uint32_t length, uint32_t allocation)
{
  mmc->length = MIN (length, allocation);
  mmc->outcome = mmc->length > 0 ? MMC_REPLY : MMC_DONE;
}

static void
no_medium (Mmc *mmc)
{
  mmc_check (mmc, MMC_SENSE_NOT_READY, ASC_NO_MEDIUM, mmc->tray_open ? 2 : 1);
}

/* -- Reads --------------------------------------------------------------------------------------- */

uint32_t
mmc_raw_size (uint8_t raw)
{
  return (raw & MMC_RAW_SYNC ? 12u : 0) + (raw & MMC_RAW_HEADER ? 4u : 0)
         + (raw & MMC_RAW_USER_DATA ? MMC_SECTOR_SIZE : 0) + (raw & MMC_RAW_EDC ? 288u : 0);
}

static gboolean
check_extent (Mmc *mmc, uint32_t lba, uint32_t n)
{
  if (lba <= mmc->sectors && n <= mmc->sectors - lba)
    return TRUE;
  mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
  return FALSE;
}

static void
start_read (Mmc *mmc, uint32_t lba, uint32_t n, uint8_t raw)
{
  if (n == 0 || !check_extent (mmc, lba, n))
    return;
  if (n > 65536 * 16)
    {
      mmc_invalid_field (mmc); /* 2 GiB at once: no driver does, and it bounds the time of one command */
      return;
    }
  mmc->outcome = MMC_READ;
  mmc->lba = lba;
  mmc->n = n;
  mmc->raw = raw;
}

static void
read_cd (Mmc *mmc, uint32_t lba, uint32_t n)
{
  const uint8_t raw = mmc->cdb[9] & 0xf8, type = mmc->cdb[1] >> 2 & 7;

  if ((mmc->cdb[10] & 7) != 0 || (mmc->cdb[9] & 6) != 0)
    mmc_invalid_field (mmc); /* subchannels and C2 pointers */
  else if (type != 0 && type != 2)
    mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_MODE_FOR_TRACK, 0);
  else
    start_read (mmc, lba, mmc_raw_size (raw) != 0 ? n : 0, raw);
}

static uint32_t
msf_to_lba (const uint8_t *msf)
{
  const uint32_t frame = ((uint32_t)msf[0] * 60 + msf[1]) * 75 + msf[2];

  return frame >= 150 ? frame - 150 : G_MAXUINT32;
}

static void
read_cd_msf (Mmc *mmc)
{
  const uint32_t start = msf_to_lba (mmc->cdb + 3), end = msf_to_lba (mmc->cdb + 6);

  if (start > end || end == G_MAXUINT32)
    mmc_invalid_field (mmc);
  else
    read_cd (mmc, start, end - start);
}

static void
read_capacity (Mmc *mmc)
{
  put_be32 (mmc->buffer, mmc->sectors - 1);
  put_be32 (mmc->buffer + 4, MMC_SECTOR_SIZE);
  mmc_reply (mmc, 8, 8);
}

static void
read_sub_channel (Mmc *mmc)
{
  const uint8_t *cdb = mmc->cdb;
  uint8_t *data = mmc->buffer;

  memset (data, 0, 24);
  data[1] = 0x15; /* no audio status to say */
  if (!(cdb[2] & 0x40))
    {
      mmc_reply (mmc, 4, get_be16 (cdb + 7));
      return;
    }
  if (cdb[3] < 1 || cdb[3] > 3)
    {
      mmc_invalid_field (mmc);
      return;
    }
  const uint32_t length = cdb[3] == 1 ? 16 : 24;
  data[3] = (uint8_t)(length - 4);
  data[4] = cdb[3];
  if (cdb[3] == 1)
    {
      data[5] = 0x14;
      data[6] = data[7] = 1;
    }
  mmc_reply (mmc, length, get_be16 (cdb + 7));
}

static void
read_header (Mmc *mmc)
{
  const uint32_t lba = get_be32 (mmc->cdb + 2);
  uint8_t *data = mmc->buffer;

  if (!check_extent (mmc, lba, 1))
    return;
  memset (data, 0, 8);
  data[0] = 1; /* mode 1 */
  if (mmc->cdb[1] & 2)
    {
      data[5] = (uint8_t)((lba + 150) / (60 * 75));
      data[6] = (uint8_t)((lba + 150) / 75 % 60);
      data[7] = (uint8_t)((lba + 150) % 75);
    }
  else
    memcpy (data + 4, mmc->cdb + 2, 4);
  mmc_reply (mmc, 8, get_be16 (mmc->cdb + 7));
}

/* -- Tray ---------------------------------------------------------------------------------------- */

static void
start_stop_unit (Mmc *mmc)
{
  const gboolean start = mmc->cdb[4] & 1, load_eject = mmc->cdb[4] & 2;

  if ((mmc->cdb[4] & 0xf0) != 0 || !load_eject)
    return;
  if (!start && mmc->tray_locked)
    {
      mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED, 2);
      return;
    }
  if (start != mmc->tray_open)
    return;
  mmc->tray_open = !start;
  mmc->tray_moved = TRUE;
  if (!start)
    {
      mmc->medium_change = 0;
      mmc->media_event = 3; /* medium removal */
    }
  else if (mmc->loaded)
    {
      mmc->medium_change = 1;
      mmc->media_event = 2; /* new medium */
    }
}

gboolean
mmc_may_change (Mmc *mmc, gboolean had, gboolean force, GError **error)
{
  if (!mmc->tray_locked || !had || force)
    return TRUE;
  mmc->media_event = 1; /* eject request: a guest that listens unlocks and ejects */
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_PENDING,
      "The guest has locked the CD-ROM drive and was asked to release it. Eject the disc in the guest and "
      "try again, or change it by force.");
  return FALSE;
}

void
mmc_medium_changed (Mmc *mmc, gboolean medium, gboolean had)
{
  mmc->tray_open = mmc->tray_locked = FALSE;
  mmc->media_event = medium ? 2 : had ? 3 : 0; /* new medium, medium removal */
  mmc->medium_change = !medium ? 0 : had ? 2 : 1;
}

/* -- Commands ------------------------------------------------------------------------------------ */

static void
nothing (Mmc *mmc)
{
}

/* READ (6), (10), (12). */
static void
read_some (Mmc *mmc)
{
  const uint8_t *cdb = mmc->cdb;

  if (cdb[0] == 0x08)
    start_read (mmc, (cdb[1] & 0x1fu) << 16 | get_be16 (cdb + 2), cdb[4] != 0 ? cdb[4] : 256,
                MMC_RAW_USER_DATA);
  else
    start_read (mmc, get_be32 (cdb + 2), cdb[0] == 0x28 ? get_be16 (cdb + 7) : get_be32 (cdb + 6),
                MMC_RAW_USER_DATA);
}

static void
read_cd_lba (Mmc *mmc)
{
  read_cd (mmc, get_be32 (mmc->cdb + 2), (uint32_t)mmc->cdb[6] << 16 | get_be16 (mmc->cdb + 7));
}

static void
look_there (Mmc *mmc)
{
  check_extent (mmc, get_be32 (mmc->cdb + 2), mmc->cdb[0] == 0x2f ? get_be16 (mmc->cdb + 7) : 1);
}

static void
play (Mmc *mmc)
{
  mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_MODE_FOR_TRACK, 0);
}

/* Nothing plays. */
static void
pause_resume (Mmc *mmc)
{
  mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, 0x2c, 0);
}

static void
prevent_allow (Mmc *mmc)
{
  mmc->tray_locked = mmc->cdb[4] & 1;
}

/* MODE SELECT (6), (10). */
static void
select_parameters (Mmc *mmc)
{
  mmc->length = mmc->cdb[0] == 0x15 ? mmc->cdb[4] : get_be16 (mmc->cdb + 7);
  mmc->outcome = mmc->length > 0 ? MMC_SELECT : MMC_DONE;
}

enum
{
  NEEDS_MEDIUM = 1,
  IGNORES_ATTENTION = 2, /* MMC-5, 4.1.6.1 */
};

static const struct
{
  uint8_t opcode, flags;
  void (*run) (Mmc *mmc);
} commands[] = {
  { 0x00, NEEDS_MEDIUM, nothing },      /* TEST UNIT READY */
  { 0x03, IGNORES_ATTENTION, nothing }, /* REQUEST SENSE */
  { 0x08, NEEDS_MEDIUM, read_some },
  { 0x12, IGNORES_ATTENTION, mmc_inquiry },
  { 0x15, 0, select_parameters },
  { 0x1a, 0, mmc_mode_sense },
  { 0x1b, 0, start_stop_unit },
  { 0x1e, 0, prevent_allow },
  { 0x25, NEEDS_MEDIUM, read_capacity },
  { 0x28, NEEDS_MEDIUM, read_some },
  { 0x2b, NEEDS_MEDIUM, look_there }, /* SEEK (10) */
  { 0x2f, NEEDS_MEDIUM, look_there }, /* VERIFY (10) */
  { 0x35, 0, nothing },               /* SYNCHRONIZE CACHE */
  { 0x42, NEEDS_MEDIUM, read_sub_channel },
  { 0x43, NEEDS_MEDIUM, mmc_read_toc },
  { 0x44, NEEDS_MEDIUM, read_header },
  { 0x45, NEEDS_MEDIUM, play }, /* PLAY AUDIO (10), MSF, TRACK/INDEX: there are only data tracks */
  { 0x46, IGNORES_ATTENTION, mmc_get_configuration },
  { 0x47, NEEDS_MEDIUM, play },
  { 0x48, NEEDS_MEDIUM, play },
  { 0x4a, IGNORES_ATTENTION, mmc_get_event },
  { 0x4b, NEEDS_MEDIUM, pause_resume },
  { 0x4e, NEEDS_MEDIUM, nothing }, /* STOP PLAY */
  { 0x51, NEEDS_MEDIUM, mmc_disc_information },
  { 0x52, NEEDS_MEDIUM, mmc_track_information },
  { 0x55, 0, select_parameters },
  { 0x5a, 0, mmc_mode_sense },
  { 0xa5, NEEDS_MEDIUM, play }, /* PLAY AUDIO (12) */
  { 0xa8, NEEDS_MEDIUM, read_some },
  { 0xad, NEEDS_MEDIUM, mmc_dvd_structure },
  { 0xb9, NEEDS_MEDIUM, read_cd_msf },
  { 0xbb, 0, nothing }, /* SET CD SPEED */
  { 0xbd, 0, mmc_mechanism_status },
  { 0xbe, NEEDS_MEDIUM, read_cd_lba },
};

/* What stands in a command's way: TRUE if it was answered already. */
static gboolean
refuse (Mmc *mmc, uint8_t flags)
{
  if (mmc->medium_change == 2 && (flags & NEEDS_MEDIUM))
    {
      /* The old disc must be seen to go before the new one comes, or some guests keep what they have cached. */
      mmc->medium_change = 1;
      mmc_check (mmc, MMC_SENSE_NOT_READY, ASC_NO_MEDIUM, 1);
      return TRUE;
    }
  if (mmc->medium_change == 1 && !(flags & IGNORES_ATTENTION))
    {
      mmc->medium_change = 0;
      mmc_check (mmc, MMC_SENSE_UNIT_ATTENTION, MMC_ASC_MEDIUM_CHANGED, 0);
      return TRUE;
    }
  if ((flags & NEEDS_MEDIUM) && mmc->sectors == 0)
    {
      no_medium (mmc);
      return TRUE;
    }
  return FALSE;
}

void
mmc_command (Mmc *mmc)
{
  mmc->outcome = MMC_DONE;
  mmc->tray_moved = FALSE;
  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    if (commands[i].opcode == mmc->cdb[0])
      {
        if (!refuse (mmc, commands[i].flags))
          commands[i].run (mmc);
        return;
      }
  mmc_check (mmc, MMC_SENSE_ILLEGAL_REQUEST, ASC_INVALID_COMMAND, 0);
}
