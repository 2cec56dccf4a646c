/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB Attached SCSI (UAS, T10/2095-D; UASP 1.0 of USB-IF): the second setting of a stick's interface.  Commands come by a pipe of their own, each with a tag, and wait in the
 * order of their coming; the image has one at a time.  At high speed the host is told when to move data (READ READY, WRITE READY), at super speed a command's data and
 * status have the stream of its tag.
 *
 * Information units: UAS 6.2; task management: UAS 6.2.6 and SAM-5, 7.
 */
#define G_LOG_DOMAIN "usb-storage"

#include "core/big-endian.h"
#include "usb/storage-private.h"

#include <string.h>

/* 6.2: units by their first byte, and their sizes. */
enum
{
  IU_COMMAND = 1,
  IU_SENSE = 3,
  IU_RESPONSE = 4,
  IU_FUNCTION = 5,
  IU_READ_READY = 6,
  IU_WRITE_READY = 7,

  COMMAND_SIZE = 32,
  SENSE_SIZE = 16, /* and the sense data */
  RESPONSE_SIZE = 8,
  FUNCTION_SIZE = 16,
  READY_SIZE = 4,
};
enum
{
  RESPONSE_COMPLETE = 0x00,
  RESPONSE_INVALID = 0x02,
  RESPONSE_UNSUPPORTED = 0x04,
  RESPONSE_SUCCEEDED = 0x08,
  RESPONSE_WRONG_UNIT = 0x09,
  RESPONSE_OVERLAPPED = 0x0a,
};
enum
{
  FUNCTION_ABORT = 0x01,
  FUNCTION_ABORT_SET = 0x02,
  FUNCTION_CLEAR_SET = 0x04,
  FUNCTION_RESET_UNIT = 0x08,
  FUNCTION_RESET_NEXUS = 0x10,
  FUNCTION_QUERY = 0x80,
  FUNCTION_QUERY_SET = 0x81,
};

#define STATUS_TASK_SET_FULL 0x28
#define INVALID_FIELD        0x052400u
#define MOST_BLOCKS          0x400000u /* of a command that moves data */

static const StateField task_state[] = {
  STATE_U16 (UasTask, tag),        STATE_U8_MAX (UasTask, state, UAS_LAST),
  STATE_U8_MAX (UasTask, unit, 1), STATE_U8_ARRAY (UasTask, cdb),
  STATE_U8 (UasTask, status),      STATE_U8_MAX (UasTask, sense_length, SCSI_SENSE_SIZE),
  STATE_U8_ARRAY (UasTask, sense), STATE_END,
};
const StateField uas_state[] = {
  STATE_STRUCTS (Uas, tasks, UasTask, task_state),
  STATE_U32_MAX (Uas, n, UAS_MOST),
  STATE_BOOL (Uas, ready_due),
  STATE_END,
};

/* 5.3.3: which pipe is which. */
static const UsbEndpoint endpoints[] = {
  { .address = UAS_PIPE_COMMAND,
    .attributes = USB_ENDPOINT_BULK,
    .pipe = 1,
    .max_packet = { 8, 64, 512, 1024 } },
  { .address = UAS_PIPE_STATUS,
    .attributes = USB_ENDPOINT_BULK,
    .streams = UAS_STREAMS,
    .pipe = 2,
    .max_packet = { 8, 64, 512, 1024 } },
  { .address = USB_STORAGE_IN,
    .attributes = USB_ENDPOINT_BULK,
    .burst = 15,
    .streams = UAS_STREAMS,
    .pipe = 3,
    .max_packet = { 8, 64, 512, 1024 } },
  { .address = USB_STORAGE_OUT,
    .attributes = USB_ENDPOINT_BULK,
    .burst = 15,
    .streams = UAS_STREAMS,
    .pipe = 4,
    .max_packet = { 8, 64, 512, 1024 } },
};
const UsbInterface uas_interface
    = { .klass = 8, .subclass = 6, .protocol = 0x62, .n_endpoints = 4, .endpoints = endpoints };

static gboolean
has_streams (const UsbStorage *s)
{
  return s->usb.speed == USB_SPEED_SUPER;
}

/* -- Tasks --------------------------------------------------------------------------------------------------- */

static UasTask *
find_state (UsbStorage *s, UasState state)
{
  for (uint32_t i = 0; i < s->uas.n; i++)
    if (s->uas.tasks[i].state == state)
      return &s->uas.tasks[i];
  return NULL;
}

/* One that isn't over. */
static UasTask *
find_tag (UsbStorage *s, unsigned tag)
{
  for (uint32_t i = 0; i < s->uas.n; i++)
    if (s->uas.tasks[i].tag == tag && s->uas.tasks[i].state < UAS_STATUS)
      return &s->uas.tasks[i];
  return NULL;
}

static UasTask *
add (UsbStorage *s, unsigned tag, UasState state, unsigned status)
{
  UasTask *task = &s->uas.tasks[s->uas.n++];

  memset (task, 0, sizeof *task);
  task->tag = (uint16_t)tag;
  task->state = (uint8_t)state;
  task->status = (uint8_t)status;
  if (state >= UAS_STATUS)
    usb_device_wake (&s->usb, UAS_PIPE_STATUS);
  return task;
}

static void
drop (UsbStorage *s, UasTask *task)
{
  const uint32_t behind = s->uas.n - 1 - (uint32_t)(task - s->uas.tasks);

  memmove (task, task + 1, behind * sizeof *task);
  if (s->uas.n-- == UAS_MOST)
    usb_device_wake (&s->usb, UAS_PIPE_COMMAND);
}

static void
end_active (UsbStorage *s, gboolean good)
{
  UasTask *task = find_state (s, UAS_ACTIVE);

  s->phase = PHASE_COMMAND;
  s->work = WORK_NONE;
  s->filled = s->position = s->left = s->host_length = 0;
  s->blocks = 0;
  s->through = s->uas.ready_due = FALSE;
  if (task == NULL)
    return;
  task->state = UAS_STATUS;
  task->status = good ? SCSI_STATUS_GOOD : SCSI_STATUS_CHECK;
  task->sense_length = good ? 0 : (uint8_t)s->sense_length;
  memcpy (task->sense, s->sense, sizeof task->sense);
  usb_device_wake (&s->usb, UAS_PIPE_STATUS);
}

/* Data can be moved: the host hears of it, or sees it by its stream. */
static void
begin_data (UsbStorage *s, Phase phase, uint32_t bytes)
{
  s->phase = (uint8_t)phase;
  s->host_length = bytes;
  s->uas.ready_due = !has_streams (s);
  if (!has_streams (s))
    usb_device_wake (&s->usb, UAS_PIPE_STATUS);
  else if (phase != PHASE_IN)
    usb_device_wake (&s->usb, USB_STORAGE_OUT);
  else if (s->filled > 0)
    usb_device_wake (&s->usb, USB_STORAGE_IN);
}

/* The active one, with all that it brings along. */
static void
carry_out (UsbStorage *s, const uint8_t *parameters, uint32_t length)
{
  const UasTask *active = find_state (s, UAS_ACTIVE);
  ScsiTask task;

  if (active == NULL)
    return;
  s->filled = s->position = 0;
  usb_storage_run (s, active->unit != 0, parameters, length, &task);
  if (task.n > MOST_BLOCKS && (task.action == SCSI_READ || task.action == SCSI_WRITE))
    scsi_check (&task, INVALID_FIELD);
  if (task.action == SCSI_ANSWERED && task.status != SCSI_STATUS_GOOD)
    usb_storage_keep_sense (s, &task);
  s->lba = task.action != SCSI_ANSWERED ? task.lba : 0;
  s->blocks = task.action != SCSI_ANSWERED ? task.n : 0;
  s->through = task.through;
  switch (task.action)
    {
    case SCSI_ANSWERED:
      if (task.status != SCSI_STATUS_GOOD || task.answer_length == 0)
        {
          end_active (s, task.status == SCSI_STATUS_GOOD);
          return;
        }
      s->filled = task.answer_length;
      memcpy (s->buffer, task.answer, s->filled);
      begin_data (s, PHASE_IN, s->filled);
      break;
    case SCSI_READ:
      begin_data (s, PHASE_IN, (uint32_t)(task.n * SCSI_BLOCK_SIZE));
      usb_storage_start (s, WORK_READ);
      break;
    case SCSI_WRITE:
      s->left = (uint32_t)(task.n * SCSI_BLOCK_SIZE);
      begin_data (s, PHASE_OUT, s->left);
      break;
    default:
      s->phase = PHASE_WORK;
      usb_storage_start (s, task.action == SCSI_FLUSH     ? WORK_FLUSH
                            : task.action == SCSI_DISCARD ? WORK_DISCARD
                                                          : WORK_ZEROES);
      break;
    }
}

/* Bytes that a command brings along besides blocks for the disk: WRITE SAME, UNMAP. */
static uint32_t
brings_along (const uint8_t *cdb)
{
  switch (cdb[0])
    {
    case 0x41:
      return SCSI_BLOCK_SIZE;
    case 0x93:
      return cdb[1] & 1 ? 0 : SCSI_BLOCK_SIZE;
    case 0x42:
      return get_be16 (cdb + 7);
    default:
      return 0;
    }
}

/* Whoever waits goes on, if nobody is active. */
static void
next (UsbStorage *s)
{
  while (find_state (s, UAS_ACTIVE) == NULL)
    {
      UasTask *task = find_state (s, UAS_WAITING);

      if (task == NULL)
        return;
      task->state = UAS_ACTIVE;
      s->tag = task->tag;
      memcpy (s->cdb, task->cdb, sizeof s->cdb);
      s->sense_length = 0;
      s->left = brings_along (s->cdb);
      s->filled = s->position = 0;
      if (s->left > 0 && task->unit == 0)
        begin_data (s, PHASE_COLLECT, s->left);
      else
        carry_out (s, NULL, 0);
    }
}

void
uas_collected (UsbStorage *s, const uint8_t *parameters, uint32_t length)
{
  carry_out (s, parameters, length);
  next (s);
}

void
uas_end (UsbStorage *s, gboolean good)
{
  end_active (s, good);
  next (s);
}

/* -- From the host ---------------------------------------------------------------------------------------------- */

/* Without a word: the host has asked for that. */
static void
abort_task (UsbStorage *s, UasTask *task)
{
  if (task->state == UAS_ACTIVE)
    {
      usb_storage_forget (s);
      end_active (s, TRUE);
    }
  drop (s, task);
}

static void
abort_all (UsbStorage *s)
{
  usb_storage_forget (s);
  for (uint32_t i = s->uas.n; i-- > 0;)
    if (s->uas.tasks[i].state != UAS_RESPONSE)
      drop (s, &s->uas.tasks[i]);
}

static gboolean
is_other_unit (const uint8_t *address)
{
  static const uint8_t zero[8];

  return memcmp (address, zero, sizeof zero) != 0;
}

static unsigned
manage (UsbStorage *s, const uint8_t *iu)
{
  UasTask *task = find_tag (s, get_be16 (iu + 6));

  if (is_other_unit (iu + 8))
    return RESPONSE_WRONG_UNIT;
  switch (iu[4])
    {
    case FUNCTION_ABORT:
      if (task != NULL)
        abort_task (s, task);
      return RESPONSE_COMPLETE;
    case FUNCTION_RESET_UNIT:
    case FUNCTION_RESET_NEXUS:
      s->unit.attention = TRUE;
      G_GNUC_FALLTHROUGH;
    case FUNCTION_ABORT_SET:
    case FUNCTION_CLEAR_SET:
      abort_all (s);
      return RESPONSE_COMPLETE;
    case FUNCTION_QUERY:
      return task != NULL ? RESPONSE_SUCCEEDED : RESPONSE_COMPLETE;
    case FUNCTION_QUERY_SET:
      return find_state (s, UAS_ACTIVE) != NULL || find_state (s, UAS_WAITING) != NULL ? RESPONSE_SUCCEEDED
                                                                                       : RESPONSE_COMPLETE;
    default:
      return RESPONSE_UNSUPPORTED;
    }
}

static void
take_command (UsbStorage *s, unsigned tag, const uint8_t *iu)
{
  UasTask *task;

  if (s->uas.n >= UAS_QUEUE)
    {
      add (s, tag, UAS_STATUS, STATUS_TASK_SET_FULL);
      return;
    }
  task = add (s, tag, UAS_WAITING, 0);
  task->unit = is_other_unit (iu + 8);
  memcpy (task->cdb, iu + 16, sizeof task->cdb);
  next (s);
}

UsbStatus
uas_take (UsbStorage *s, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  if (length < READY_SIZE)
    return USB_STALL;
  const unsigned tag = get_be16 (data + 2);
  const uint32_t size = data[0] == IU_COMMAND && length >= COMMAND_SIZE ? COMMAND_SIZE + (data[6] & 0xfcu)
                        : data[0] == IU_COMMAND                         ? COMMAND_SIZE
                                                                        : FUNCTION_SIZE;

  if (has_streams (s) && (tag == 0 || tag >= 1u << UAS_STREAMS))
    return USB_STALL; /* no stream would have the answer */
  if (s->uas.n == UAS_MOST)
    return USB_NAK;
  *actual = length;
  if ((data[0] != IU_COMMAND && data[0] != IU_FUNCTION) || length < size)
    {
      add (s, tag, UAS_RESPONSE, RESPONSE_INVALID);
    }
  else if (find_tag (s, tag) != NULL)
    {
      abort_all (s);
      add (s, tag, UAS_RESPONSE, RESPONSE_OVERLAPPED);
    }
  else if (data[0] == IU_COMMAND)
    {
      take_command (s, tag, data);
    }
  else
    {
      const unsigned response = manage (s, data);

      add (s, tag, UAS_RESPONSE, response);
      next (s);
    }
  return USB_OK;
}

/* -- To the host -------------------------------------------------------------------------------------------------- */

static uint32_t
put_ready (UsbStorage *s, uint8_t *iu)
{
  iu[0] = s->phase == PHASE_IN ? IU_READ_READY : IU_WRITE_READY;
  put_be16 (iu + 2, (uint16_t)s->tag);
  s->uas.ready_due = FALSE;
  usb_device_wake (&s->usb, s->phase == PHASE_IN ? USB_STORAGE_IN : USB_STORAGE_OUT);
  return READY_SIZE;
}

static uint32_t
put_answer (const UasTask *task, uint8_t *iu)
{
  iu[0] = task->state == UAS_STATUS ? IU_SENSE : IU_RESPONSE;
  put_be16 (iu + 2, task->tag);
  if (task->state == UAS_RESPONSE)
    {
      iu[7] = task->status;
      return RESPONSE_SIZE;
    }
  iu[6] = task->status;
  put_be16 (iu + 14, task->sense_length);
  memcpy (iu + SENSE_SIZE, task->sense, task->sense_length);
  return SENSE_SIZE + task->sense_length;
}

/* The first that the host is to hear, of this stream. */
static UasTask *
find_answer (const UsbStorage *s, unsigned stream)
{
  for (uint32_t i = 0; i < s->uas.n; i++)
    if (s->uas.tasks[i].state >= UAS_STATUS && (stream == 0 || s->uas.tasks[i].tag == stream))
      return (UasTask *)&s->uas.tasks[i];
  return NULL;
}

UsbStatus
uas_give (UsbStorage *s, uint8_t *data, uint32_t length, uint32_t *actual)
{
  UasTask *task = find_answer (s, s->usb.stream);
  uint8_t iu[SENSE_SIZE + SCSI_SENSE_SIZE] = { 0 };
  uint32_t n;

  if (has_streams (s) && s->usb.stream == 0)
    return USB_NAK;
  if (task != NULL)
    {
      n = put_answer (task, iu);
      drop (s, task);
    }
  else if (s->uas.ready_due)
    n = put_ready (s, iu);
  else
    return USB_NAK;
  *actual = MIN (length, n);
  memcpy (data, iu, *actual);
  return length < n ? USB_BABBLE : USB_OK;
}

gboolean
uas_moves (const UsbStorage *s, gboolean in)
{
  return s->work == WORK_NONE && !s->uas.ready_due
         && (in ? s->phase == PHASE_IN : s->phase == PHASE_OUT || s->phase == PHASE_COLLECT)
         && (!has_streams (s) || s->usb.stream == s->tag);
}

gboolean
uas_wants_stream (UsbDevice *device, unsigned endpoint, unsigned stream)
{
  UsbStorage *s = (UsbStorage *)device;

  if (device->alternate == 0)
    return FALSE;
  device->stream = stream;
  return endpoint == UAS_PIPE_STATUS ? find_answer (s, stream) != NULL
                                     : uas_moves (s, endpoint == USB_STORAGE_IN);
}

gboolean
uas_check (const UsbStorage *s)
{
  unsigned n_active = 0;

  for (uint32_t i = 0; i < s->uas.n; i++)
    n_active += s->uas.tasks[i].state == UAS_ACTIVE;
  if (s->usb.alternate == 0)
    return s->uas.n == 0;
  return s->with_uas && n_active == (s->phase == PHASE_COMMAND ? 0 : 1) && s->phase < PHASE_STATUS;
}
