/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB Attached SCSI (UAS, T10/2095-D; UASP 1.0 of USB-IF): the second setting of a stick's interface.  Commands come by a pipe of their own, each with a tag, and
 * wait in the order of their coming; the image has one at a time.  At high speed the host is told when to move data (READ READY, WRITE READY), at super
 * speed a command's data and status have the stream of its tag.
 *
 * Threads: all under the VM lock.
 */
#pragma once

#include "storage/scsi-command.h"
#include "usb/usb.h"

G_BEGIN_DECLS

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

struct UsbStorage;

/* A packet for the command pipe; what the status pipe has. */
UsbStatus uas_take (struct UsbStorage *s, const uint8_t *data, uint32_t length, uint32_t *actual);
UsbStatus uas_give (struct UsbStorage *s, uint8_t *data, uint32_t length, uint32_t *actual);
/* Whether the active command's data goes by a data pipe now. */
gboolean uas_moves (const struct UsbStorage *s, gboolean in);
gboolean uas_wants_stream (UsbDevice *device, unsigned endpoint, unsigned stream);
/* The active command has what it brings along. */
void uas_collected (struct UsbStorage *s, const uint8_t *parameters, uint32_t length);
/* It is over; where not good, the sense is kept in `s`. */
void uas_end (struct UsbStorage *s, gboolean good);
/* What was loaded makes sense. */
gboolean uas_check (const struct UsbStorage *s);

G_END_DECLS
