/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bulk-only transport.  Numbers of sections are its.
 */
#define G_LOG_DOMAIN "usb-storage"

#include "usb/storage-private.h"

#include <string.h>

#define CBW_SIZE      31u
#define CBW_SIGNATURE 0x43425355u
#define CSW_SIZE      13u
#define CSW_SIGNATURE 0x53425355u
#define CHUNK         USB_STORAGE_CHUNK
#define PIPE_IN       USB_STORAGE_IN
#define PIPE_OUT      USB_STORAGE_OUT

enum
{
  REQUEST_RESET = 0xff,   /* 3.1 */
  REQUEST_MAX_LUN = 0xfe, /* 3.2 */

  CSW_GOOD = 0,
  CSW_FAILED = 1,
  CSW_PHASE = 2,

  REQUEST_SENSE = 0x03,
  INQUIRY = 0x12,
};

#define FIELDS                                                                                            \
  STATE_STRUCT (UsbStorage, usb, usb_device_state), STATE_U8_MAX (UsbStorage, phase, PHASE_LAST),         \
      STATE_U8_MAX (UsbStorage, work, WORK_LAST), STATE_U8_MAX (UsbStorage, status, CSW_PHASE),           \
      STATE_BOOL (UsbStorage, through), STATE_U32 (UsbStorage, tag), STATE_U32 (UsbStorage, host_length), \
      STATE_U8_ARRAY (UsbStorage, cdb), STATE_U64 (UsbStorage, lba), STATE_U64 (UsbStorage, blocks),      \
      STATE_U32_MAX (UsbStorage, filled, CHUNK), STATE_U32_MAX (UsbStorage, position, CHUNK),             \
      STATE_U32 (UsbStorage, left), STATE_U8_ARRAY (UsbStorage, sense),                                   \
      STATE_U32_MAX (UsbStorage, sense_length, SCSI_SENSE_SIZE), STATE_BUFFER (UsbStorage, buffer, CHUNK),

static const StateField storage_state[] = {
  FIELDS STATE_ADDED,
  STATE_U8_MAX (UsbStorage, usb.alternate, 1),
  STATE_STRUCT (UsbStorage, uas, uas_state),
  STATE_END,
};

static const StateField disc_state[] = {
  FIELDS STATE_BOOL (UsbStorage, mmc.tray_open),   STATE_BOOL (UsbStorage, mmc.tray_locked),
  STATE_U8_MAX (UsbStorage, mmc.medium_change, 2), STATE_U8 (UsbStorage, mmc.media_event),
  STATE_U8_ARRAY (UsbStorage, mmc.error_page),     STATE_END,
};

static const UsbEndpoint endpoints[] = {
  { .address = PIPE_IN, .attributes = USB_ENDPOINT_BULK, .burst = 15, .max_packet = { 8, 64, 512, 1024 } },
  { .address = PIPE_OUT, .attributes = USB_ENDPOINT_BULK, .burst = 15, .max_packet = { 8, 64, 512, 1024 } },
};
/* SCSI commands, bulk only. */
#define INTERFACE .klass = 8, .subclass = 6, .protocol = 0x50, .n_endpoints = 2, .endpoints = endpoints
static const UsbInterface interface = { INTERFACE },
                          interface_with_uas = { INTERFACE, .alternate = &uas_interface };
#define DESCRIPTION(product_, name_, interface_)                                                 \
  {                                                                                              \
    .vendor = 0x46f4, .product = (product_), .release = 0x0100,                                  \
    .speeds = 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH | 1u << USB_SPEED_SUPER, .power = 100, \
    .name = (name_), .n_interfaces = 1, .interfaces = &(interface_),                             \
  }
static const UsbDescription description = DESCRIPTION (0x0001, "Vivarium USB Stick", interface),
                            disc_description = DESCRIPTION (0x0002, "Vivarium USB CD Drive", interface),
                            uas_description = DESCRIPTION (0x0003, "Vivarium USB Disk", interface_with_uas);

/* -- Ends ---------------------------------------------------------------------------------------------------- */

static void
end_command (UsbStorage *s, unsigned status)
{
  if (s->usb.alternate != 0)
    {
      uas_end (s, status == CSW_GOOD);
      return;
    }
  s->phase = PHASE_STATUS;
  s->work = WORK_NONE;
  s->status = (uint8_t)status;
  s->filled = s->position = s->left = 0;
  s->blocks = 0;
  usb_device_wake (&s->usb, PIPE_IN);
}

void
usb_storage_keep_sense (UsbStorage *s, const ScsiTask *task)
{
  s->sense_length = MIN (task->sense_length, SCSI_SENSE_SIZE);
  memcpy (s->sense, task->sense, s->sense_length);
}

/* What data the host expects to move now moves no more: the pipe is halted, and the status comes when the host has cleared that.  6.7. */
static void
end_with_halt (UsbStorage *s, unsigned status, gboolean in)
{
  end_command (s, status);
  if (s->host_length == 0)
    return;
  usb_device_halt (&s->usb, in ? PIPE_IN : PIPE_OUT);
  usb_device_wake (&s->usb, in ? PIPE_IN : PIPE_OUT);
}

/* -- The image -------------------------------------------------------------------------------------------------- */

/* Also when something older has ended at last. */
static void
give_work (UsbStorage *s)
{
  static const BlockOp ops[] = { [WORK_READ] = BLOCK_OP_READ,
                                 [WORK_WRITE] = BLOCK_OP_WRITE,
                                 [WORK_FLUSH] = BLOCK_OP_FLUSH,
                                 [WORK_DISCARD] = BLOCK_OP_DISCARD,
                                 [WORK_ZEROES] = BLOCK_OP_WRITE_ZEROES };
  uint64_t length = s->filled;

  if (s->work == WORK_NONE || storage_port_busy (&s->port))
    return;
  if (s->work == WORK_READ)
    length = MIN (s->blocks * SCSI_BLOCK_SIZE, CHUNK);
  else if (s->work == WORK_FLUSH)
    length = 0;
  else if (s->work != WORK_WRITE)
    length = s->blocks * SCSI_BLOCK_SIZE;
  storage_port_submit (&s->port, ops[s->work], s->lba * SCSI_BLOCK_SIZE,
                       s->work == WORK_READ || s->work == WORK_WRITE ? s->buffer : NULL, (size_t)length);
}

void
usb_storage_start (UsbStorage *s, Work work)
{
  s->work = (uint8_t)work;
  give_work (s);
}

static void
fail_work (UsbStorage *s, gboolean write)
{
  ScsiTask task = { 0 };
  const gboolean out = s->phase == PHASE_OUT;

  scsi_failed (&task, write);
  usb_storage_keep_sense (s, &task);
  if (s->phase == PHASE_WORK)
    end_command (s, CSW_FAILED);
  else
    end_with_halt (s, CSW_FAILED, !out);
}

void
usb_storage_abort (UsbStorage *s, uint32_t what)
{
  ScsiTask task = { 0 };

  storage_port_cancel (&s->port, &s->buffer, CHUNK);
  if (s->phase != PHASE_IN && s->phase != PHASE_WORK)
    return;
  s->work = WORK_NONE;
  scsi_check (&task, what);
  usb_storage_keep_sense (s, &task);
  end_with_halt (s, CSW_FAILED, TRUE);
}

/* The host has given all of what is to be written, and it is. */
static void
end_write (UsbStorage *s)
{
  if (s->through)
    {
      s->through = FALSE;
      s->phase = PHASE_WORK;
      usb_storage_start (s, WORK_FLUSH);
    }
  else if (s->host_length > 0)
    end_with_halt (s, CSW_GOOD, FALSE);
  else
    end_command (s, CSW_GOOD);
}

static void
on_done (void *opaque, int error)
{
  UsbStorage *s = opaque;
  const Work work = (Work)s->work;

  s->work = WORK_NONE;
  if (work == WORK_NONE)
    return;
  if (error != 0)
    {
      fail_work (s, work != WORK_READ);
      return;
    }
  switch (work)
    {
    case WORK_READ:
      s->filled = (uint32_t)MIN (s->blocks * SCSI_BLOCK_SIZE, CHUNK);
      s->position = 0;
      s->lba += s->filled / SCSI_BLOCK_SIZE;
      s->blocks -= s->filled / SCSI_BLOCK_SIZE;
      usb_device_wake (&s->usb, PIPE_IN);
      break;
    case WORK_WRITE:
      s->lba += s->filled / SCSI_BLOCK_SIZE;
      s->filled = 0;
      if (s->left > 0)
        usb_device_wake (&s->usb, PIPE_OUT);
      else
        end_write (s);
      break;
    default:
      end_command (s, CSW_GOOD);
      break;
    }
}

static void
on_idle (void *opaque)
{
  give_work (opaque);
}

/* -- Commands ------------------------------------------------------------------------------------------------------ */

void
usb_storage_forget (UsbStorage *s)
{
  storage_port_cancel (&s->port, &s->buffer, CHUNK);
  s->phase = PHASE_COMMAND;
  s->work = WORK_NONE;
  s->filled = s->position = s->left = s->host_length = 0;
  s->blocks = 0;
  s->through = s->uas.ready_due = FALSE;
}

void
usb_storage_run (UsbStorage *s, gboolean absent, const uint8_t *parameters, uint32_t length, ScsiTask *task)
{
  ScsiUnit none = { .serial = s->unit.serial, .absent = TRUE };

  scsi_command (absent ? &none : &s->unit, s->cdb, parameters, length, task);
  if (task->action == SCSI_ANSWERED && s->cdb[0] == INQUIRY && task->answer_length > 1 && !(s->cdb[1] & 1)
      && task->longer == NULL)
    task->answer[1] |= 0x80; /* it can be pulled out */
}

/* There is no sense but what was kept: a status has no room for it. */
static void
answer_sense (UsbStorage *s, ScsiTask *task)
{
  if (s->cdb[0] == REQUEST_SENSE && s->sense_length > 0 && task->status == SCSI_STATUS_GOOD)
    {
      memcpy (task->answer, s->sense, s->sense_length);
      task->answer_length = MIN (s->sense_length, s->cdb[4]);
    }
  s->sense_length = 0;
}

/* 6.7: the thirteen cases.  `in`: the host expects data. */
static void
carry_out (UsbStorage *s, gboolean in, const uint8_t *parameters, uint32_t length)
{
  ScsiTask task;
  uint64_t bytes;

  usb_storage_run (s, FALSE, parameters, length, &task);
  answer_sense (s, &task);
  if (s->unit.disc != NULL)
    usb_storage_look_at_tray (s);
  bytes = task.n * SCSI_BLOCK_SIZE;
  if (task.action == SCSI_ANSWERED && task.status != SCSI_STATUS_GOOD)
    {
      usb_storage_keep_sense (s, &task);
      end_with_halt (s, CSW_FAILED, in);
      return;
    }
  s->lba = task.lba;
  s->blocks = task.n;
  s->through = task.through;
  switch (task.action)
    {
    case SCSI_ANSWERED:
      if (!in && task.answer_length > 0)
        {
          end_with_halt (s, CSW_PHASE, FALSE);
          return;
        }
      s->filled = MIN (task.answer_length, s->host_length);
      s->position = 0;
      s->blocks = 0;
      memcpy (s->buffer, task.longer != NULL ? task.longer : task.answer, s->filled);
      if (s->filled > 0)
        s->phase = PHASE_IN;
      else
        end_with_halt (s, CSW_GOOD, in);
      break;
    case SCSI_READ:
      if (!in || bytes > s->host_length)
        {
          end_with_halt (s, CSW_PHASE, in);
          return;
        }
      s->phase = PHASE_IN;
      usb_storage_start (s, WORK_READ);
      break;
    case SCSI_WRITE:
      if (in || bytes > s->host_length)
        {
          end_with_halt (s, CSW_PHASE, in);
          return;
        }
      s->phase = PHASE_OUT;
      s->left = (uint32_t)bytes;
      break;
    default:
      if (s->host_length > 0)
        {
          end_with_halt (s, CSW_PHASE, in);
          return;
        }
      s->phase = PHASE_WORK;
      usb_storage_start (s, task.action == SCSI_FLUSH     ? WORK_FLUSH
                            : task.action == SCSI_DISCARD ? WORK_DISCARD
                                                          : WORK_ZEROES);
      break;
    }
}

static gboolean
is_write (unsigned opcode)
{
  return opcode == 0x0a || opcode == 0x2a || opcode == 0xaa || opcode == 0x8a;
}

/* 5.1 */
static UsbStatus
take_command (UsbStorage *s, const uint8_t *data, uint32_t length)
{
  const gboolean in = length == CBW_SIZE && (data[12] & 0x80);
  uint32_t wanted;

  if (length != CBW_SIZE || usb_read32 (data) != CBW_SIGNATURE || (data[13] & 0xf) != 0 || data[14] < 1
      || data[14] > SCSI_CDB_SIZE)
    {
      s->phase = PHASE_WRONG;
      usb_device_halt (&s->usb, PIPE_IN);
      return USB_STALL;
    }
  s->tag = usb_read32 (data + 4);
  s->host_length = wanted = usb_read32 (data + 8);
  memset (s->cdb, 0, sizeof s->cdb);
  memcpy (s->cdb, data + 15, data[14]);
  s->filled = s->position = 0;
  if (!in && wanted > 0 && wanted <= CHUNK && !is_write (s->cdb[0]))
    {
      s->phase = PHASE_COLLECT;
      s->left = wanted;
    }
  else
    carry_out (s, in, NULL, 0);
  return USB_OK;
}

static UsbStatus
take_data (UsbStorage *s, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  const uint32_t packet = usb_device_packet_size (&s->usb, PIPE_OUT), room = CHUNK - s->filled;
  uint32_t n = MIN (length, s->left);
  gboolean all;

  if (s->work != WORK_NONE)
    return USB_NAK;
  if (n > room)
    n = room - room % packet;
  memcpy (s->buffer + s->filled, data, n);
  s->filled += n;
  s->left -= n;
  s->host_length -= MIN (n, s->host_length);
  *actual = n;
  all = s->left == 0;
  if (s->phase == PHASE_COLLECT)
    {
      if (all)
        {
          uint8_t parameters[SCSI_PARAMETERS_SIZE] = { 0 };
          const uint32_t known = MIN (s->filled, sizeof parameters);

          memcpy (parameters, s->buffer, known);
          if (s->usb.alternate != 0)
            uas_collected (s, parameters, known);
          else
            carry_out (s, FALSE, parameters, known);
        }
    }
  else if (all || s->filled > CHUNK - packet)
    {
      if (s->filled % SCSI_BLOCK_SIZE != 0) /* packets that were cut short */
        {
          end_with_halt (s, CSW_PHASE, FALSE);
          return USB_STALL;
        }
      usb_storage_start (s, WORK_WRITE);
    }
  return n == length ? USB_OK : all ? USB_STALL : USB_NAK;
}

static UsbStatus
storage_out (UsbDevice *usb, unsigned endpoint, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbStorage *s = (UsbStorage *)usb;
  UsbStatus status;

  if (usb->alternate != 0)
    return endpoint == UAS_PIPE_COMMAND ? uas_take (s, data, length, actual)
           : uas_moves (s, FALSE)       ? take_data (s, data, length, actual)
                                        : USB_NAK;
  switch (s->phase)
    {
    case PHASE_COMMAND:
      status = take_command (s, data, length);
      *actual = status == USB_OK ? length : 0;
      return status;
    case PHASE_OUT:
    case PHASE_COLLECT:
      return take_data (s, data, length, actual);
    case PHASE_WORK:
      return USB_NAK;
    default:
      return USB_STALL;
    }
}

/* 5.2 */
static UsbStatus
give_status (UsbStorage *s, uint8_t *data, uint32_t length, uint32_t *actual)
{
  uint8_t csw[CSW_SIZE];

  usb_write32 (csw, CSW_SIGNATURE);
  usb_write32 (csw + 4, s->tag);
  usb_write32 (csw + 8, s->host_length);
  csw[12] = s->status;
  *actual = MIN (length, CSW_SIZE);
  memcpy (data, csw, *actual);
  s->phase = PHASE_COMMAND;
  s->host_length = 0;
  return length < CSW_SIZE ? USB_BABBLE : USB_OK;
}

static UsbStatus
give_data (UsbStorage *s, uint8_t *data, uint32_t length, uint32_t *actual)
{
  const uint32_t n = MIN (MIN (length, s->filled - MIN (s->position, s->filled)), s->host_length);

  if (s->work != WORK_NONE)
    return USB_NAK;
  memcpy (data, s->buffer + s->position, n);
  s->position += n;
  s->host_length -= n;
  *actual = n;
  if (s->position < s->filled)
    return USB_OK;
  if (s->blocks > 0)
    {
      usb_storage_start (s, WORK_READ);
      return n < length ? USB_NAK : USB_OK;
    }
  if (s->host_length > 0 && n == length)
    end_with_halt (s, CSW_GOOD, TRUE); /* the host would go on asking */
  else
    end_command (s, CSW_GOOD);
  return USB_OK;
}

static UsbStatus
storage_in (UsbDevice *usb, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbStorage *s = (UsbStorage *)usb;

  if (usb->alternate != 0)
    return endpoint == (UAS_PIPE_STATUS & 0xf) ? uas_give (s, data, length, actual)
           : uas_moves (s, TRUE)               ? give_data (s, data, length, actual)
                                               : USB_NAK;
  switch (s->phase)
    {
    case PHASE_IN:
      return give_data (s, data, length, actual);
    case PHASE_STATUS:
      return give_status (s, data, length, actual);
    case PHASE_WORK:
    case PHASE_OUT: /* the last piece is still being written */
      return s->work != WORK_NONE ? USB_NAK : USB_STALL;
    default:
      return USB_STALL;
    }
}

/* -- Requests ------------------------------------------------------------------------------------------------------ */

static gboolean
storage_control (UsbDevice *usb, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  UsbStorage *s = (UsbStorage *)usb;

  if (setup->index != 0 || usb->alternate != 0)
    return FALSE;
  switch (setup->type << 8 | setup->request)
    {
    case (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | REQUEST_RESET:
      usb_storage_forget (s);
      return TRUE;
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | REQUEST_MAX_LUN:
      data[0] = 0;
      *length = 1;
      return TRUE;
    default:
      return FALSE;
    }
}

static void
storage_configured (UsbDevice *usb)
{
  UsbStorage *s = (UsbStorage *)usb;

  usb_storage_forget (s);
  s->uas.n = 0;
  s->sense_length = 0;
}

/* Nonsense halts the pipes until the host has reset them: 5.3.4. */
static void
storage_unhalted (UsbDevice *usb, unsigned endpoint)
{
  UsbStorage *s = (UsbStorage *)usb;

  if (s->phase == PHASE_WRONG)
    usb_device_halt (usb, endpoint);
}

#define MODEL(what)                                                                       \
  {                                                                                       \
    .description = &(what), .prompt = TRUE, .control = storage_control, .in = storage_in, \
    .out = storage_out, .configured = storage_configured, .unhalted = storage_unhalted,   \
    .wants_stream = uas_wants_stream,                                                     \
  }
static const UsbModel model = MODEL (description), disc_model = MODEL (disc_description),
                      uas_model = MODEL (uas_description);

/* -- Life ------------------------------------------------------------------------------------------------------------ */

static void
storage_reset (Device *device)
{
  UsbStorage *s = (UsbStorage *)device;

  usb_device_reset (&s->usb);
  s->unit.attention = FALSE;
  s->loaded = FALSE;
  s->mmc.tray_locked = FALSE;
  s->mmc.medium_change = s->mmc.media_event = 0;
  if (s->unit.disc != NULL)
    {
      usb_storage_look_at_disc (s);
      usb_storage_look_at_tray (s);
    }
}

static gboolean
storage_drained (Device *device)
{
  return storage_port_drained (&((UsbStorage *)device)->port);
}

static void
storage_resume (Device *device)
{
  UsbStorage *s = (UsbStorage *)device;

  storage_port_resume (&s->port);
  if (s->loaded)
    give_work (s);
  s->loaded = FALSE;
}

static gboolean
storage_post_load (Device *device, GError **error)
{
  UsbStorage *s = (UsbStorage *)device;

  const uint64_t room = s->lba <= s->unit.n_blocks ? s->unit.n_blocks - s->lba : 0;
  const uint64_t written = ((uint64_t)s->left + s->filled + SCSI_BLOCK_SIZE - 1) / SCSI_BLOCK_SIZE;

  if (s->lba > s->unit.n_blocks || s->blocks > room || s->position > s->filled
      || (s->work == WORK_WRITE && s->filled % SCSI_BLOCK_SIZE != 0)
      || ((s->phase == PHASE_OUT || s->work == WORK_WRITE) && (written > room || s->unit.readonly))
      || (s->phase == PHASE_COLLECT && (uint64_t)s->left + s->filled > CHUNK)
      || (s->unit.readonly && (s->work == WORK_DISCARD || s->work == WORK_ZEROES)) || !uas_check (s))
    {
      g_set_error_literal (error, STATE_ERROR, STATE_ERROR_RANGE,
                           "A transfer makes no sense, or is beyond the disk's end");
      return FALSE;
    }
  if (s->unit.disc != NULL)
    {
      usb_storage_look_at_disc (s);
      usb_storage_look_at_tray (s);
    }
  storage_port_loaded (&s->port, &s->buffer, CHUNK);
  s->loaded = TRUE;
  return TRUE;
}

static void
storage_unrealize (Device *device)
{
  UsbStorage *s = (UsbStorage *)device;

  usb_device_exit (&s->usb);
  storage_port_cancel (&s->port, &s->buffer, CHUNK);
  storage_port_clear (&s->port);
  g_free (s->buffer);
  g_free (s->disc_answer);
}

#define CLASS(what, table, version_)                                                                \
  {                                                                                                 \
    .name = (what), .instance_size = sizeof (UsbStorage), .state = (table), .reset = storage_reset, \
    .drained = storage_drained, .resume = storage_resume, .post_load = storage_post_load,           \
    .unrealize = storage_unrealize, .version = (version_),                                          \
  }
static const DeviceClass storage_class = CLASS ("usb-storage", storage_state, 1),
                         disc_class = CLASS ("usb-cdrom", disc_state, 0);

UsbStorage *
usb_storage_make (Vm *vm, const char *id, const char *serial, gboolean disc)
{
  UsbStorage *s = device_new (vm, disc ? &disc_class : &storage_class, id);

  s->usb.model = disc ? &disc_model : &model;
  g_strlcpy (s->usb.serial, serial, sizeof s->usb.serial);
  s->buffer = g_malloc0 (CHUNK);
  storage_port_init (&s->port, vm, on_done, on_idle, s);
  s->unit.serial = s->usb.serial;
  return s;
}

UsbDevice *
usb_storage_new (Vm *vm, const char *id, Block *block, const char *serial, gboolean uas, GError **error)
{
  UsbStorage *s = usb_storage_make (vm, id, serial, FALSE);

  s->with_uas = uas;
  if (uas)
    s->usb.model = &uas_model;
  storage_port_set_block (&s->port, block);
  s->unit.n_blocks = block_size (block) / SCSI_BLOCK_SIZE;
  s->unit.readonly = block_read_only (block);
  if (device_realize (&s->usb.device, error))
    return &s->usb;
  device_free (&s->usb.device);
  return NULL;
}

Block *
usb_storage_image (const UsbDevice *device)
{
  return ((const UsbStorage *)device)->port.block;
}
