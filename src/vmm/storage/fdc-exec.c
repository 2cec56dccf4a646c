/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The execution phase of commands that need the medium: READ, WRITE, SCAN, VERIFY, FORMAT TRACK, READ ID.
 * 82077AA data sheet, chapter 6.  A track's rest is one request to the image; data goes by DMA or by the FIFO.
 */
#define G_LOG_DOMAIN "fdc"

#include "storage/fdc-internal.h"

#include <string.h>

#define DMA_RETRY_NS   (100 * 1000)
#define DMA_RETRIES    1000u /* 100 ms: the guest may start the command before it unmasks the channel */
#define EXEC_DELAY_NS  (50 * 1000)
#define NO_ID_DELAY_NS (2 * 1000 * 1000) /* two turns without an address mark, shortened */

enum
{
  OPTION_SKIP = 0x20,
  OPTION_MFM = 0x40,
  OPTION_MULTI_TRACK = 0x80,
};

/* -- Endings ------------------------------------------------------------------------------------- */

static void
set_dreq (Fdc *fdc, gboolean level)
{
  if (fdc->dma.dma != NULL && fdc->dma.set_dreq != NULL)
    fdc->dma.set_dreq (fdc->dma.dma, fdc->dma_channel, level);
}

void
fdc_exec_stop (Fdc *fdc)
{
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    storage_port_cancel (&fdc->drive[i].port, &fdc->buffer, FDC_BUFFER_SIZE);
  vm_timer_cancel (&fdc->timer);
  if (fdc->op != FDC_OP_NONE)
    set_dreq (fdc, FALSE);
  fdc->op = FDC_OP_NONE;
  fdc->wait = FDC_WAIT_NONE;
  fdc->pos = fdc->len = fdc->piece = 0;
}

static void
finish (Fdc *fdc, uint8_t st0, uint8_t st1, uint8_t st2)
{
  fdc_exec_stop (fdc);
  fdc->fifo[0] = (uint8_t)(st0 | fdc->head << 2 | fdc->unit);
  fdc->fifo[1] = st1;
  fdc->fifo[2] = st2;
  fdc->fifo[3] = fdc->c;
  fdc->fifo[4] = fdc->h;
  fdc->fifo[5] = fdc->r;
  fdc->fifo[6] = fdc->n;
  fdc_result (fdc, 7, TRUE);
}

static void
fail (Fdc *fdc, uint8_t st1, uint8_t st2)
{
  finish (fdc, ST0_ABNORMAL, (uint8_t)(fdc->st1 | st1), (uint8_t)(fdc->st2 | st2));
}

void
fdc_exec_medium_gone (Fdc *fdc)
{
  if (fdc->phase == FDC_PHASE_EXECUTE)
    fail (fdc, ST1_MISSING_ADDRESS | ST1_NO_DATA, 0);
}

/* -- Where the sector is ------------------------------------------------------------------------- */

static gboolean
motor_on (const Fdc *fdc, unsigned unit)
{
  return (fdc->dor & (DOR_MOTOR0 << unit)) != 0;
}

/* Are there address marks that can be read: a medium, turning, at this rate and in MFM? */
static gboolean
marks_readable (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);

  return drive->format != NULL && drive->port.block != NULL && motor_on (fdc, fdc->unit)
         && (fdc->command & OPTION_MFM) && (drive->format->rates >> fdc->rate & 1)
         && fdc->head < drive->format->heads && drive->track < drive->format->cylinders * 2;
}

/* A medium of 40 tracks in a drive of 80: some software steps twice a cylinder, some doesn't; both find theirs. */
static gboolean
find_track (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);
  gboolean double_step = drive->format->cylinders <= 43 && drive->type != FDC_DRIVE_360K;

  fdc->track = fdc->c;
  return fdc->c < drive->format->cylinders
         && (fdc->c == drive->track || (double_step && fdc->c == drive->track / 2));
}

static gboolean
locate (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);

  if (!marks_readable (fdc))
    fail (fdc, ST1_MISSING_ADDRESS, 0);
  else if (!find_track (fdc))
    fail (fdc, ST1_NO_DATA, ST2_WRONG_CYLINDER);
  else if (fdc->h != fdc->head || fdc->n != 2 || fdc->r == 0 || fdc->r > drive->format->sectors)
    fail (fdc, ST1_NO_DATA, 0);
  else
    return TRUE;
  return FALSE;
}

/* -- Image --------------------------------------------------------------------------------------- */

static uint64_t
image_offset (Fdc *fdc, const FdcFormat *format)
{
  uint32_t r = fdc->op == FDC_OP_FORMAT ? 1 : fdc->r;
  return (((uint64_t)fdc->track * format->heads + fdc->head) * format->sectors + r - 1) * FDC_SECTOR_SIZE;
}

void
fdc_image_kick (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);

  if (fdc->wait != FDC_WAIT_IMAGE || fdc->paused || storage_port_busy (&drive->port))
    return;
  if (drive->format == NULL || drive->port.block == NULL)
    {
      fail (fdc, ST1_MISSING_ADDRESS, 0);
      return;
    }
  uint64_t offset = image_offset (fdc, drive->format);
  size_t length = fdc->piece * FDC_SECTOR_SIZE;
  /* Behind the end of an image that was cut there are zeros to read and nothing to write. */
  if (!fdc->image_write && offset >= block_size (drive->port.block))
    {
      memset (fdc->buffer, 0, length);
      fdc_on_image_done (drive, 0);
      return;
    }
  storage_port_submit (&drive->port, fdc->image_write ? BLOCK_OP_WRITE : BLOCK_OP_READ, offset, fdc->buffer,
                       length);
}

void
fdc_on_image_idle (void *opaque)
{
  FdcDrive *drive = opaque;
  fdc_image_kick (drive->fdc);
}

static void
want_image (Fdc *fdc, gboolean write)
{
  fdc->wait = FDC_WAIT_IMAGE;
  fdc->image_write = write;
  fdc_image_kick (fdc);
}

/* -- Order of sectors ---------------------------------------------------------------------------- */

static uint8_t
last_of_track (Fdc *fdc)
{
  return MIN (MAX (fdc->eot, fdc->r), fdc_selected (fdc)->format->sectors);
}

/* The address after the sector that was just done (82077AA, table 6-6).  FALSE at the end of the cylinder.  A multi-track
 * command turns to the other side behind EOT or behind the track's last sector: a BIOS gives the last sector that it wants as EOT,
 * wherever that is. */
static gboolean
advance (Fdc *fdc, unsigned by)
{
  unsigned last
      = fdc->command & OPTION_MULTI_TRACK ? MIN (fdc->eot, fdc_selected (fdc)->format->sectors) : fdc->eot;

  if (fdc->r + by <= last)
    {
      fdc->r = (uint8_t)(fdc->r + by);
      return TRUE;
    }
  fdc->r = 1;
  if (!(fdc->command & OPTION_MULTI_TRACK))
    {
      fdc->c++;
      return FALSE;
    }
  fdc->h ^= 1;
  if (fdc->head == 0 && fdc_selected (fdc)->format->heads > 1)
    {
      fdc->head = 1;
      return TRUE;
    }
  fdc->c++;
  return FALSE;
}

static void begin_piece (Fdc *fdc);

/* -- Data to and from the host -------------------------------------------------------------------- */

/* The host has given the terminal count, or a last byte. */
static void
host_finished (Fdc *fdc)
{
  finish (fdc, 0, fdc->st1, fdc->st2);
}

static void
scan_sector (Fdc *fdc)
{
  const uint8_t *disk = fdc->buffer + fdc->pos - FDC_SECTOR_SIZE;
  gboolean equal = TRUE, low = TRUE, high = TRUE;

  for (unsigned i = 0; i < FDC_SECTOR_SIZE; i++)
    {
      uint8_t host = fdc->compare[i];
      if (host == 0xff || disk[i] == 0xff || disk[i] == host)
        continue;
      equal = FALSE;
      low = low && disk[i] < host;
      high = high && disk[i] > host;
    }
  gboolean hit = fdc->scan == 0x11 ? equal : fdc->scan == 0x19 ? low : high;
  fdc->st2 &= (uint8_t) ~(ST2_SCAN_EQUAL | ST2_SCAN_NOT_SATISFIED);
  if (hit)
    {
      if (equal)
        fdc->st2 |= ST2_SCAN_EQUAL;
      host_finished (fdc);
      return;
    }
  fdc->st2 |= ST2_SCAN_NOT_SATISFIED;
  gboolean more = advance (fdc, MAX (fdc->step, 1));
  if (fdc->terminal_count || !more)
    host_finished (fdc);
  else
    begin_piece (fdc);
}

/* A sector has gone to the host.  FALSE: the command went elsewhere. */
static gboolean
sector_read (Fdc *fdc)
{
  gboolean marked = (fdc->st2 & ST2_CONTROL_MARK) != 0;
  gboolean more = advance (fdc, 1);

  if (fdc->terminal_count || marked)
    {
      host_finished (fdc);
      return FALSE;
    }
  if (!more)
    {
      fail (fdc, ST1_END_OF_CYLINDER, 0);
      return FALSE;
    }
  if (fdc->pos >= fdc->len)
    {
      begin_piece (fdc);
      return FALSE;
    }
  return TRUE;
}

static void
track_formatted (Fdc *fdc)
{
  const FdcFormat *format = fdc_selected (fdc)->format;
  uint8_t last = 0;

  for (uint32_t at = 0; at + 4 <= fdc->pos; at += 4)
    if (fdc->buffer[at + 2] <= format->sectors)
      last = MAX (last, fdc->buffer[at + 2]);
  fdc->c = fdc->track;
  fdc->h = fdc->head;
  if (last == 0)
    {
      fail (fdc, ST1_NO_DATA, 0);
      return;
    }
  fdc->piece = last;
  memset (fdc->buffer, fdc->fill, last * FDC_SECTOR_SIZE);
  want_image (fdc, TRUE);
}

/* All that the buffer needs has come, or the host said that this was all. */
static void
host_gave (Fdc *fdc)
{
  if (fdc->op == FDC_OP_FORMAT)
    {
      track_formatted (fdc);
      return;
    }
  /* The rest of the last sector is zeros. */
  uint32_t n = (fdc->pos + FDC_SECTOR_SIZE - 1) / FDC_SECTOR_SIZE;
  memset (fdc->buffer + fdc->pos, 0, n * FDC_SECTOR_SIZE - fdc->pos);
  fdc->piece = n;
  if (n == 0)
    host_finished (fdc);
  else
    want_image (fdc, TRUE);
}

/* `n` bytes have passed.  TRUE if the data phase goes on. */
static gboolean
moved (Fdc *fdc, uint32_t n)
{
  fdc->pos += n;
  if (fdc->op == FDC_OP_WRITE || fdc->op == FDC_OP_FORMAT)
    {
      if (fdc->pos < fdc->len && !fdc->terminal_count)
        return TRUE;
      host_gave (fdc);
      return FALSE;
    }
  if (n == 0)
    {
      host_finished (fdc); /* the count was at its end before this sector */
      return FALSE;
    }
  if (fdc->terminal_count && fdc->pos % FDC_SECTOR_SIZE != 0)
    {
      /* The drive reads on to the sector's end; nothing of it is seen. */
      uint32_t end = (fdc->pos | (FDC_SECTOR_SIZE - 1)) + 1;
      if (fdc->op == FDC_OP_SCAN)
        memset (fdc->compare + fdc->pos % FDC_SECTOR_SIZE, 0xff, end - fdc->pos);
      fdc->pos = end;
    }
  if (fdc->pos % FDC_SECTOR_SIZE != 0)
    return TRUE;
  if (fdc->op == FDC_OP_SCAN)
    {
      scan_sector (fdc);
      return FALSE;
    }
  return sector_read (fdc);
}

static uint8_t *
host_side (Fdc *fdc)
{
  return fdc->op == FDC_OP_SCAN ? fdc->compare + fdc->pos % FDC_SECTOR_SIZE : fdc->buffer + fdc->pos;
}

static void
pump_dma (Fdc *fdc)
{
  gboolean more = TRUE;

  while (more)
    {
      uint32_t want = MIN (fdc->len - fdc->pos, FDC_SECTOR_SIZE - fdc->pos % FDC_SECTOR_SIZE);
      size_t got = 0;
      gboolean tc = FALSE;
      if (fdc->dma.dma != NULL && (fdc->dor & DOR_DMA_GATE))
        got = fdc->dma.transfer (fdc->dma.dma, fdc->dma_channel, host_side (fdc), want,
                                 fdc->op == FDC_OP_READ, &tc);
      if (got == 0 && !tc)
        {
          if (++fdc->dma_retries > DMA_RETRIES)
            fail (fdc, ST1_OVERRUN, 0);
          else
            vm_timer_arm (&fdc->timer, vm_clock_now (fdc->device.vm->clock) + DMA_RETRY_NS);
          return;
        }
      fdc->dma_retries = 0;
      fdc->terminal_count = tc;
      more = moved (fdc, (uint32_t)MIN (got, want));
    }
}

static void
start_host (Fdc *fdc)
{
  fdc->wait = FDC_WAIT_HOST;
  if (fdc->non_dma)
    fdc_raise (fdc);
  else
    {
      set_dreq (fdc, TRUE);
      pump_dma (fdc);
    }
}

/* In non-DMA mode each byte is asked for with an interrupt. */
static void
host_moved_byte (Fdc *fdc)
{
  fdc_lower (fdc);
  if (moved (fdc, 1))
    fdc_raise (fdc);
}

uint8_t
fdc_host_read (Fdc *fdc)
{
  if (fdc->wait != FDC_WAIT_HOST || fdc->op != FDC_OP_READ || fdc->pos >= fdc->len)
    return 0;
  uint8_t value = fdc->buffer[fdc->pos];
  host_moved_byte (fdc);
  return value;
}

void
fdc_host_write (Fdc *fdc, uint8_t value)
{
  if (fdc->wait != FDC_WAIT_HOST || fdc->op == FDC_OP_READ || fdc->pos >= fdc->len)
    return;
  *host_side (fdc) = value;
  host_moved_byte (fdc);
}

/* -- Steps --------------------------------------------------------------------------------------- */

/* The sectors from here to the end of this side of the track. */
static void
begin_piece (Fdc *fdc)
{
  if (!locate (fdc))
    return;
  fdc->piece = last_of_track (fdc) - fdc->r + 1u;
  if (fdc->op == FDC_OP_SCAN)
    fdc->piece = 1;
  fdc->pos = 0;
  fdc->len = fdc->piece * FDC_SECTOR_SIZE;
  if (fdc->op == FDC_OP_WRITE)
    start_host (fdc);
  else
    want_image (fdc, FALSE);
}

void
fdc_on_image_done (void *opaque, int error)
{
  FdcDrive *drive = opaque;
  Fdc *fdc = drive->fdc;

  if (error != 0)
    {
      device_log (&fdc->device, "drive %u: %s", drive->unit, g_strerror (error));
      fail (fdc, ST1_DATA_ERROR, ST2_DATA_ERROR);
      return;
    }
  if (fdc->op == FDC_OP_FORMAT)
    host_finished (fdc);
  else if (fdc->op == FDC_OP_WRITE)
    {
      gboolean more = TRUE;
      for (uint32_t i = 0; i < fdc->piece; i++)
        more = advance (fdc, 1);
      if (fdc->terminal_count)
        host_finished (fdc);
      else if (!more)
        fail (fdc, ST1_END_OF_CYLINDER, 0);
      else
        begin_piece (fdc);
    }
  else
    start_host (fdc);
}

static void
verify (Fdc *fdc)
{
  uint32_t left = fdc->fifo[1] & 0x80 ? fdc->fifo[8] : 256; /* EC: byte 8 is a count of sectors */
  gboolean more = TRUE;

  for (; left > 0 && more; left--)
    {
      if (!locate (fdc))
        return;
      more = advance (fdc, 1);
    }
  if (left > 0 && (fdc->fifo[1] & 0x80))
    fail (fdc, ST1_END_OF_CYLINDER, 0);
  else
    host_finished (fdc);
}

static void
begin_format (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);
  gboolean double_step = drive->format != NULL && drive->format->cylinders <= 43
                         && drive->type != FDC_DRIVE_360K && drive->track >= drive->format->cylinders;

  if (!marks_readable (fdc))
    {
      fail (fdc, ST1_MISSING_ADDRESS, 0);
      return;
    }
  fdc->track = double_step ? drive->track / 2 : drive->track;
  if (fdc->n != 2 || fdc->eot == 0 || fdc->track >= drive->format->cylinders)
    {
      fail (fdc, ST1_NO_DATA, 0);
      return;
    }
  fdc->pos = 0;
  fdc->len = MIN (fdc->eot * 4u, FDC_BUFFER_SIZE);
  start_host (fdc);
}

static void
read_id (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);

  if (!marks_readable (fdc) || drive->track >= drive->format->cylinders)
    {
      fail (fdc, ST1_MISSING_ADDRESS, 0);
      return;
    }
  fdc->c = drive->track;
  fdc->h = fdc->head;
  /* The disk turns: each time another sector. */
  fdc->r = (uint8_t)(fdc->r % drive->format->sectors + 1);
  fdc->n = 2;
  host_finished (fdc);
}

static void
begin (Fdc *fdc)
{
  FdcDrive *drive = fdc_selected (fdc);
  gboolean writes = fdc->op == FDC_OP_WRITE || fdc->op == FDC_OP_FORMAT;

  if (writes && drive->port.block != NULL && block_read_only (drive->port.block))
    fail (fdc, ST1_NOT_WRITABLE, 0);
  else if (fdc->op == FDC_OP_READ_ID)
    read_id (fdc);
  else if (fdc->op == FDC_OP_FORMAT)
    begin_format (fdc);
  else if (fdc->op == FDC_OP_VERIFY)
    verify (fdc);
  else
    begin_piece (fdc);
}

void
fdc_on_timer (void *opaque)
{
  Fdc *fdc = opaque;

  if (fdc->wait == FDC_WAIT_START)
    begin (fdc);
  else if (fdc->wait == FDC_WAIT_HOST && !fdc->non_dma)
    pump_dma (fdc);
}

/* The command's bytes are in the FIFO. */
void
fdc_exec_start (Fdc *fdc, FdcOp op)
{
  const uint8_t *p = fdc->fifo;
  uint8_t opcode = p[0] & 0x1f;
  int64_t delay = EXEC_DELAY_NS;

  fdc->op = op;
  fdc->phase = FDC_PHASE_EXECUTE;
  fdc->wait = FDC_WAIT_START;
  fdc->command = p[0];
  fdc->unit = p[1] & 3;
  fdc->head = p[1] >> 2 & 1;
  fdc->st1 = fdc->st2 = 0;
  fdc->dma_retries = 0;
  fdc->terminal_count = FALSE;
  fdc->non_dma = fdc->specify[1] & 1;
  if (op == FDC_OP_FORMAT)
    {
      fdc->n = p[2];
      fdc->eot = p[3];
      fdc->fill = p[5];
    }
  else if (op != FDC_OP_READ_ID)
    {
      fdc->c = p[2];
      fdc->h = p[3];
      fdc->r = p[4];
      fdc->n = p[5];
      fdc->eot = p[6];
      fdc->step = p[8] & 3;
      fdc->last_eot = p[6];
    }
  if (opcode == 0x02) /* READ TRACK begins at the index hole and knows no second side */
    {
      fdc->r = 1;
      fdc->command &= (uint8_t)~OPTION_MULTI_TRACK;
    }
  if (opcode == 0x0c) /* READ DELETED DATA finds sectors with the other mark */
    {
      if (fdc->command & OPTION_SKIP)
        fdc->r = fdc->eot = 0xff;
      else
        fdc->st2 |= ST2_CONTROL_MARK;
    }
  fdc->scan = opcode;
  if ((fdc->config[1] & 0x40) && op != FDC_OP_READ_ID && op != FDC_OP_FORMAT) /* EIS: implied seek */
    {
      FdcDrive *drive = fdc_selected (fdc);
      uint8_t target = MIN (fdc->c, FDC_MAX_TRACK);
      if (drive->type != FDC_DRIVE_NONE && drive->track != target)
        {
          drive->track = target;
          drive->changed = drive->changed && drive->format == NULL;
        }
    }
  if (!marks_readable (fdc))
    delay = NO_ID_DELAY_NS;
  vm_timer_arm (&fdc->timer, vm_clock_now (fdc->device.vm->clock) + delay);
}
