/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a CD-ROM drive says of itself and of its disc: INQUIRY, TOC, mode pages, features, events.  MMC-5, SPC-3.
 * Each answer is built in full in the buffer and then cut at the allocation length.
 */
#define G_LOG_DOMAIN "mmc"

#include "storage/mmc-private.h"

#include <string.h>

/* More than a 90 minute CD holds: it must be a DVD. */
#define CD_MAX_SECTORS (90u * 60 * 75)

enum
{
  PROFILE_NONE = 0x0000,
  PROFILE_CD_ROM = 0x0008,
  PROFILE_DVD_ROM = 0x0010,
};

static uint32_t
allocation16 (const Mmc *mmc, unsigned at)
{
  return (uint32_t)mmc->cdb[at] << 8 | mmc->cdb[at + 1];
}

static uint8_t *
start_answer (Mmc *mmc)
{
  memset (mmc->buffer, 0, MMC_ANSWER_SIZE);
  return mmc->buffer;
}

static void
put_padded (uint8_t *p, const char *text, size_t n)
{
  size_t length = strlen (text);

  memset (p, ' ', n);
  memcpy (p, text, MIN (length, n));
}

/* -- INQUIRY ------------------------------------------------------------------------------------- */

static void
inquiry_page (Mmc *mmc, uint8_t *data)
{
  uint8_t page = mmc->cdb[2];
  uint32_t n;

  data[0] = 5;
  data[1] = page;
  switch (page)
    {
    case 0x00: /* supported pages */
      data[4] = 0x00;
      data[5] = 0x80;
      data[6] = 0x83;
      n = 3;
      break;
    case 0x80: /* unit serial number */
      put_padded (data + 4, mmc->serial, 20);
      n = 20;
      break;
    case 0x83: /* identification: vendor specific, ASCII */
      data[4] = 2;
      data[7] = 20;
      put_padded (data + 8, mmc->serial, 20);
      n = 24;
      break;
    default:
      mmc_invalid_field (mmc);
      return;
    }
  data[3] = (uint8_t)n;
  mmc_reply (mmc, n + 4, allocation16 (mmc, 3));
}

void
mmc_inquiry (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);

  if (mmc->cdb[1] & 1)
    {
      inquiry_page (mmc, data);
      return;
    }
  if (mmc->cdb[2] != 0)
    {
      mmc_invalid_field (mmc);
      return;
    }
  data[0] = 0x05;               /* CD/DVD device */
  data[1] = 0x80;               /* removable */
  data[2] = mmc->atapi ? 0 : 5; /* SPC-3 */
  data[3] = mmc->atapi ? 0x21 : 0x12;
  data[4] = 31;
  put_padded (data + 8, "Vivarium", 8);
  put_padded (data + 16, "DVD-ROM", 16);
  put_padded (data + 32, mmc->revision, 4);
  mmc_reply (mmc, 36, allocation16 (mmc, 3));
}

/* -- TOC ----------------------------------------------------------------------------------------- */

static void
put_address (uint8_t *p, uint32_t lba, gboolean msf)
{
  if (!msf)
    {
      put_be32 (p, lba);
      return;
    }
  lba += 150;
  p[0] = 0;
  p[1] = (uint8_t)MIN (lba / (60 * 75), 255);
  p[2] = (uint8_t)(lba / 75 % 60);
  p[3] = (uint8_t)(lba % 75);
}

static uint32_t
toc_tracks (Mmc *mmc, uint8_t *data, gboolean msf)
{
  uint8_t start = mmc->cdb[6];
  uint8_t *p = data + 4;

  if (start > 1 && start != 0xaa)
    return 0;
  data[2] = data[3] = 1;
  if (start <= 1)
    {
      p[1] = 0x14; /* data track */
      p[2] = 1;
      put_address (p + 4, 0, msf);
      p += 8;
    }
  p[1] = 0x14;
  p[2] = 0xaa;
  put_address (p + 4, mmc->sectors, msf);
  return (uint32_t)(p + 8 - data);
}

static uint32_t
toc_session (uint8_t *data, gboolean msf)
{
  data[2] = data[3] = 1;
  data[5] = 0x14;
  data[6] = 1;
  put_address (data + 8, 0, msf);
  return 12;
}

static uint32_t
toc_full (Mmc *mmc, uint8_t *data)
{
  static const uint8_t points[4] = { 0xa0, 0xa1, 0xa2, 0x01 };
  uint8_t *p = data + 4;

  data[2] = data[3] = 1;
  for (unsigned i = 0; i < G_N_ELEMENTS (points); i++, p += 11)
    {
      uint8_t address[4] = { 0 };
      p[0] = 1;
      p[1] = 0x14;
      p[3] = points[i];
      if (points[i] == 0xa0 || points[i] == 0xa1)
        address[1] = 1; /* first and last track */
      else
        put_address (address, points[i] == 0xa2 ? mmc->sectors : 0, TRUE);
      memcpy (p + 8, address + 1, 3);
    }
  return (uint32_t)(p - data);
}

void
mmc_read_toc (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);
  gboolean msf = mmc->cdb[1] & 2;
  uint8_t format = mmc->cdb[2] & 0x0f;
  uint32_t length = 0;

  if (format == 0)
    format = mmc->cdb[9] >> 6; /* where SFF-8020i has it */
  if (format == 0)
    length = toc_tracks (mmc, data, msf);
  else if (format == 1)
    length = toc_session (data, msf);
  else if (format == 2)
    length = toc_full (mmc, data);
  if (length == 0)
    {
      mmc_invalid_field (mmc);
      return;
    }
  put_be16 (data, length - 2);
  mmc_reply (mmc, length, allocation16 (mmc, 7));
}

/* -- Mode pages ---------------------------------------------------------------------------------- */

enum
{
  PAGE_ERROR_RECOVERY = 0x01,
  PAGE_CD = 0x0d,
  PAGE_AUDIO = 0x0e,
  PAGE_CAPABILITIES = 0x2a,
  PAGE_ALL = 0x3f,
};

/* `changeable` asks for a mask of the bits that MODE SELECT can set. */
static uint32_t
put_page (Mmc *mmc, uint8_t *p, uint8_t page, uint8_t control)
{
  gboolean changeable = control == 1;
  uint32_t length;

  p[0] = page;
  switch (page)
    {
    case PAGE_ERROR_RECOVERY:
      length = 6;
      if (changeable)
        memset (p + 2, 0xff, 2);
      else if (control == 2)
        p[3] = 5;
      else
        memcpy (p + 2, mmc->error_page, 6);
      break;
    case PAGE_CD:
      length = 6;
      if (!changeable)
        {
          p[5] = 60; /* S units in M */
          p[7] = 75; /* F units in S */
        }
      break;
    case PAGE_AUDIO:
      length = 14;
      if (!changeable)
        {
          p[2] = 4; /* IMMED */
          p[8] = 1; /* port 0: channel 0, full volume */
          p[9] = 0xff;
          p[10] = 2;
          p[11] = 0xff;
        }
      break;
    case PAGE_CAPABILITIES:
      length = 20;
      if (changeable)
        break;
      p[2] = 0x3b;                                         /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
      p[4] = 0x70;                                         /* multi-session, mode 2 forms 1 and 2 */
      p[6] = (uint8_t)(0x29 | (mmc->tray_locked ? 2 : 0)); /* tray, ejects, locks */
      put_be16 (p + 8, 8467);                              /* kB/s: 48 times */
      put_be16 (p + 12, 512);                              /* kB of buffer */
      put_be16 (p + 14, 8467);
      break;
    default:
      return 0;
    }
  p[1] = (uint8_t)length;
  return length + 2;
}

void
mmc_mode_sense (Mmc *mmc)
{
  static const uint8_t pages[] = { PAGE_ERROR_RECOVERY, PAGE_CD, PAGE_AUDIO, PAGE_CAPABILITIES };
  gboolean ten = mmc->cdb[0] == 0x5a;
  uint8_t *data = start_answer (mmc);
  uint32_t header = ten ? 8 : 4, length = header;
  uint8_t wanted = mmc->cdb[2] & 0x3f, control = mmc->cdb[2] >> 6;

  if (control == 3)
    {
      mmc_check (mmc, 5, 0x39, 0); /* saving parameters not supported */
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    if (wanted == pages[i] || wanted == PAGE_ALL)
      length += put_page (mmc, data + length, pages[i], control);
  if (length == header || (mmc->cdb[3] != 0 && mmc->cdb[3] != 0xff))
    {
      mmc_invalid_field (mmc);
      return;
    }
  /* Medium type: door closed and a data disc of 120 mm, no disc, door open (SFF-8020i). */
  uint8_t medium = mmc->tray_open ? 0x71 : mmc->sectors != 0 ? 0x01 : 0x70;
  if (ten)
    {
      put_be16 (data, length - 2);
      data[2] = medium;
    }
  else
    {
      data[0] = (uint8_t)(length - 1);
      data[1] = medium;
    }
  mmc_reply (mmc, length, ten ? allocation16 (mmc, 7) : mmc->cdb[4]);
}

/* The parameter list has arrived.  Pages that can't be changed are accepted if they are whole. */
void
mmc_mode_select (Mmc *mmc, uint32_t length)
{
  gboolean ten = mmc->cdb[0] == 0x55;
  uint32_t at = ten ? 8 : 4;
  const uint8_t *data = mmc->buffer;

  if (length >= at)
    at += ten ? (uint32_t)data[6] << 8 | data[7] : data[3]; /* block descriptors */
  if (at > length)
    {
      mmc_check (mmc, 5, 0x1a, 0);
      return;
    }
  while (at + 2 <= length)
    {
      uint8_t page = data[at] & 0x3f;
      uint32_t size = data[at + 1];
      if (size > length - at - 2)
        {
          mmc_check (mmc, 5, 0x1a, 0);
          return;
        }
      if (page != PAGE_ERROR_RECOVERY && page != PAGE_CD && page != PAGE_AUDIO && page != PAGE_CAPABILITIES)
        {
          mmc_check (mmc, 5, 0x26, 0); /* invalid field in parameter list */
          return;
        }
      if (page == PAGE_ERROR_RECOVERY)
        memcpy (mmc->error_page, data + at + 2, MIN (size, 2));
      at += size + 2;
    }
  mmc->outcome = MMC_DONE;
}

/* -- State of drive and disc --------------------------------------------------------------------- */

void
mmc_mechanism_status (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);

  data[1] = mmc->tray_open ? 0x10 : 0;
  data[5] = 1; /* slots */
  mmc_reply (mmc, 8, allocation16 (mmc, 8));
}

static uint32_t
current_profile (const Mmc *mmc)
{
  uint32_t sectors = mmc->sectors;

  return sectors == 0 ? PROFILE_NONE : sectors > CD_MAX_SECTORS ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

typedef struct
{
  uint16_t code;
  uint8_t version, length;
  enum
  {
    ALWAYS,
    PERSISTENT,
    WITH_CD,
    WITH_DVD,
    WITH_DISC,
  } when;
  uint8_t data[8];
} Feature;

/* MMC-5, 5.3. */
static const Feature features[] = {
  { 0x0000, 0, 8, PERSISTENT, { 0x00, PROFILE_DVD_ROM, 0, 0, 0x00, PROFILE_CD_ROM, 0, 0 } },
  { 0x0001, 2, 8, PERSISTENT, { 0, 0, 0, 2, 1, 0, 0, 0 } }, /* core: ATAPI; SCSI below */
  { 0x0002, 1, 4, PERSISTENT, { 2, 0, 0, 0 } },             /* morphing */
  { 0x0003, 0, 4, PERSISTENT, { 0x29, 0, 0, 0 } },          /* removable medium: tray, ejects, locks */
  { 0x0010, 0, 8, WITH_DISC, { 0, 0, 8, 0, 0, 16, 1, 0 } }, /* random readable: 2048 bytes */
  { 0x001d, 0, 0, WITH_CD, { 0 } },                         /* multi-read */
  { 0x001e, 0, 4, WITH_CD, { 0 } },                         /* CD read */
  { 0x001f, 0, 4, WITH_DVD, { 0 } },                        /* DVD read */
  { 0x0100, 0, 0, PERSISTENT, { 0 } },                      /* power management */
  { 0x0105, 0, 4, PERSISTENT, { 0 } },                      /* timeout */
};

static gboolean
feature_current (const Feature *feature, uint32_t profile)
{
  switch (feature->when)
    {
    case WITH_CD:
      return profile == PROFILE_CD_ROM;
    case WITH_DVD:
      return profile == PROFILE_DVD_ROM;
    case WITH_DISC:
      return profile != PROFILE_NONE;
    default:
      return TRUE;
    }
}

void
mmc_get_configuration (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);
  uint8_t *p = data + 8;
  uint32_t profile = current_profile (mmc);
  uint32_t first = allocation16 (mmc, 2);
  uint8_t type = mmc->cdb[1] & 3;

  if (type == 3)
    {
      mmc_invalid_field (mmc);
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (features); i++)
    {
      const Feature *feature = &features[i];
      gboolean current = feature_current (feature, profile);
      if (type == 2 ? feature->code != first : feature->code < first || (type == 1 && !current))
        continue;
      put_be16 (p, feature->code);
      p[2] = (uint8_t)(feature->version << 2 | (feature->when == PERSISTENT ? 2 : 0) | (current ? 1 : 0));
      p[3] = feature->length;
      memcpy (p + 4, feature->data, feature->length);
      if (feature->code == 1 && !mmc->atapi)
        p[7] = 1; /* the SCSI family */
      if (feature->code == 0)
        {
          p[6] = profile == PROFILE_DVD_ROM;
          p[10] = profile == PROFILE_CD_ROM;
        }
      p += 4 + feature->length;
    }
  uint32_t length = (uint32_t)(p - data);
  put_be32 (data, length - 4);
  put_be16 (data + 6, profile);
  mmc_reply (mmc, length, allocation16 (mmc, 7));
}

/* MMC-5, 6.6: only the polled form, only the media class. */
void
mmc_get_event (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);
  uint32_t length = 4;

  if (!(mmc->cdb[1] & 1))
    {
      mmc_invalid_field (mmc);
      return;
    }
  data[2] = 0x80; /* no event available */
  data[3] = 0x10;
  if (mmc->cdb[4] & 0x10)
    {
      data[2] = 4;
      data[4] = mmc->media_event;
      data[5] = (uint8_t)((mmc->tray_open ? 1 : 0) | (mmc->sectors != 0 ? 2 : 0));
      length = 8;
      if (allocation16 (mmc, 7) > 4)
        mmc->media_event = 0;
    }
  put_be16 (data, length - 2);
  mmc_reply (mmc, length, allocation16 (mmc, 7));
}

void
mmc_disc_information (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);

  if ((mmc->cdb[1] & 7) != 0)
    {
      mmc_invalid_field (mmc);
      return;
    }
  put_be16 (data, 32);
  data[2] = 0x0e; /* last session complete, disc finalised */
  data[3] = data[4] = data[5] = data[6] = 1;
  data[7] = 0x20; /* unrestricted use */
  memset (data + 17, 0xff, 7);
  mmc_reply (mmc, 34, allocation16 (mmc, 7));
}

void
mmc_track_information (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);
  uint32_t address = (uint32_t)allocation16 (mmc, 2) << 16 | allocation16 (mmc, 4);
  uint8_t type = mmc->cdb[1] & 3;

  if (type == 3 || (type == 0 ? address >= mmc->sectors : address != 1))
    {
      mmc_invalid_field (mmc);
      return;
    }
  put_be16 (data, 34);
  data[2] = data[3] = 1;
  data[5] = 4; /* data track */
  data[6] = 1; /* mode 1 */
  put_be32 (data + 24, mmc->sectors);
  mmc_reply (mmc, 36, allocation16 (mmc, 7));
}

void
mmc_dvd_structure (Mmc *mmc)
{
  uint8_t *data = start_answer (mmc);
  uint32_t length;

  if (current_profile (mmc) != PROFILE_DVD_ROM && mmc->cdb[7] != 0xff)
    {
      mmc_check (mmc, 5, 0x30, 0x02); /* cannot read medium: incompatible format */
      return;
    }
  if ((mmc->cdb[1] & 0x0f) != 0 || mmc->cdb[6] != 0)
    {
      mmc_invalid_field (mmc);
      return;
    }
  switch (mmc->cdb[7])
    {
    case 0x00:        /* physical format */
      data[4] = 0x01; /* DVD-ROM, version 1 */
      data[5] = 0x0f; /* 120 mm, no minimum rate */
      data[6] = 0x01; /* one layer */
      put_be32 (data + 8, 0x30000);
      put_be32 (data + 12, 0x30000 + mmc->sectors - 1);
      length = 2052;
      break;
    case 0x01: /* copyright: none */
      length = 8;
      break;
    case 0x04: /* manufacturing information */
      length = 2052;
      break;
    case 0xff: /* the formats that there are */
      data[5] = 0x40;
      put_be16 (data + 6, 2052);
      data[8] = 0x01;
      data[9] = 0x40;
      put_be16 (data + 10, 8);
      data[12] = 0x04;
      data[13] = 0x40;
      put_be16 (data + 14, 2052);
      length = 16;
      break;
    default:
      mmc_invalid_field (mmc);
      return;
    }
  put_be16 (data, length - 2);
  mmc_reply (mmc, length, allocation16 (mmc, 8));
}
