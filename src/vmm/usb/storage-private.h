/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to USB's drives: storage.c (bulk-only transport, and the image), storage-uas.c (USB Attached SCSI), storage-disc.c (discs and trays).  VM lock held.
 */
#pragma once

#include "storage/scsi-command.h"
#include "storage/storage-port.h"
#include "usb/storage.h"

G_BEGIN_DECLS

#define USB_STORAGE_CHUNK 0x10000u /* a multiple of each packet size */
#define USB_STORAGE_IN    (USB_DIR_IN | 1u)
#define USB_STORAGE_OUT   2u

typedef enum
{
  PHASE_COMMAND,
  PHASE_IN,      /* data to the host */
  PHASE_OUT,     /* data from it, to the image */
  PHASE_COLLECT, /* parameters of a command, which is carried out behind them */
  PHASE_WORK,    /* the image is at it, and there is no data (any more) */
  PHASE_STATUS,
  PHASE_WRONG, /* until a reset: 6.6.1 */
  PHASE_LAST = PHASE_WRONG,
} Phase;

/* What the image is asked for. */
typedef enum
{
  WORK_NONE,
  WORK_READ,
  WORK_WRITE,
  WORK_FLUSH,
  WORK_DISCARD,
  WORK_ZEROES,
  WORK_LAST = WORK_ZEROES,
} Work;

/* What storage-uas.c keeps. */

#define UAS_PIPE_COMMAND 4u
#define UAS_PIPE_STATUS  (USB_DIR_IN | 3u)
#define UAS_STREAMS      4u  /* as a power of two */
#define UAS_MOST         64u /* commands and answers that are kept… */
#define UAS_QUEUE        48u /* …and where the host is told that there are too many */

typedef enum
{
  UAS_WAITING,
  UAS_ACTIVE,   /* the one that the image and the data pipes are at */
  UAS_STATUS,   /* the host is yet to hear how it ended… */
  UAS_RESPONSE, /* …or what became of a function of the task manager */
  UAS_LAST = UAS_RESPONSE,
} UasState;

typedef struct
{
  uint16_t tag;
  uint8_t state;
  uint8_t unit; /* 0: the disk; 1: there is none of this number */
  uint8_t cdb[SCSI_CDB_SIZE];
  uint8_t status; /* SCSI's, or the response code */
  uint8_t sense_length, sense[SCSI_SENSE_SIZE];
} UasTask;

typedef struct
{
  UasTask tasks[UAS_MOST]; /* as they came */
  uint32_t n;
  gboolean ready_due; /* the host is to hear that the active one's data can be moved */
} Uas;

extern const StateField uas_state[];
extern const UsbInterface uas_interface;

typedef struct
{
  UsbDevice usb;
  StoragePort port;
  ScsiUnit unit;

  uint8_t phase, work, status;
  gboolean through;          /* a flush comes behind the write */
  gboolean loaded;           /* the work is to be given out again */
  uint32_t tag, host_length; /* as the host has it; what of that is still to be moved */
  uint8_t cdb[SCSI_CDB_SIZE];
  uint64_t lba, blocks;      /* that are still to be asked for */
  uint32_t filled, position; /* bytes in the buffer, and of those that the host has had */
  uint32_t left;             /* bytes that the host is still to give to the image, or to the parameters */
  uint8_t sense[SCSI_SENSE_SIZE];
  uint32_t sense_length; /* 0: none is kept */
  uint8_t *buffer;       /* USB_STORAGE_CHUNK */

  gboolean with_uas; /* it has the other setting… */
  Uas uas;           /* …and what that keeps */

  /* Of a CD-ROM drive: `unit.disc` is it. */
  Mmc mmc;
  uint8_t *disc_answer; /* MMC_ANSWER_SIZE */
  gboolean tray;        /* that it is open, as was told */
  void (*tray_moved) (void *opaque);
  void *tray_opaque;
} UsbStorage;

/* storage.c */
UsbStorage *usb_storage_make (Vm *vm, const char *id, const char *serial, gboolean disc);
/* What it was asked for is over, and failed with this sense (scsi_check()). */
void usb_storage_abort (UsbStorage *s, uint32_t what);

/* The command in `cdb`.  `absent`: it is for a unit that isn't there. */
void usb_storage_run (UsbStorage *s, gboolean absent, const uint8_t *parameters, uint32_t length,
                      ScsiTask *task);
void usb_storage_keep_sense (UsbStorage *s, const ScsiTask *task);
void usb_storage_start (UsbStorage *s, Work work);
/* The command that is under way, if one is. */
void usb_storage_forget (UsbStorage *s);

/* storage-uas.c */
/* A packet for the command pipe; what the status pipe has. */
UsbStatus uas_take (UsbStorage *s, const uint8_t *data, uint32_t length, uint32_t *actual);
UsbStatus uas_give (UsbStorage *s, uint8_t *data, uint32_t length, uint32_t *actual);
/* Whether the active command's data goes by a data pipe now. */
gboolean uas_moves (const UsbStorage *s, gboolean in);
gboolean uas_wants_stream (UsbDevice *device, unsigned endpoint, unsigned stream);
/* The active command has what it brings along. */
void uas_collected (UsbStorage *s, const uint8_t *parameters, uint32_t length);
/* It is over; where not good, the sense is kept in `s`. */
void uas_end (UsbStorage *s, gboolean good);
/* What was loaded makes sense. */
gboolean uas_check (const UsbStorage *s);

/* storage-disc.c */
/* The disc as it is now, for commands. */
void usb_storage_look_at_disc (UsbStorage *s);
/* Whether the guest has moved the tray. */
void usb_storage_look_at_tray (UsbStorage *s);

G_END_DECLS
