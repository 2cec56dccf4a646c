/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to virtio-scsi: what its commands (scsi.c) and its functions (scsi-control.c) share.  VIRTIO 1.2, 5.6.
 */
#pragma once

#include "storage/scsi-command.h"
#include "virtio/scsi.h"

G_BEGIN_DECLS

/* 5.6.4 */
enum
{
  CONFIG_QUEUES = 0,
  CONFIG_SEG_MAX = 4,
  CONFIG_MAX_SECTORS = 8,
  CONFIG_PER_LUN = 12,
  CONFIG_EVENT_SIZE = 16,
  CONFIG_SENSE_SIZE = 20,
  CONFIG_CDB_SIZE = 24,
  CONFIG_MAX_CHANNEL = 28,
  CONFIG_MAX_TARGET = 30,
  CONFIG_MAX_LUN = 32,
  CONFIG_SIZE = 36,
};
enum
{
  QUEUE_CONTROL,
  QUEUE_EVENT,
  QUEUE_FIRST, /* of commands */
};

/* 5.6.6.1: the parts of fixed size. */
typedef struct __attribute__ ((packed))
{
  uint8_t lun[8];
  uint64_t tag;
  uint8_t attribute, priority, reference;
} Header; /* and the command */
typedef struct __attribute__ ((packed))
{
  uint32_t sense_length, residual;
  uint16_t qualifier;
  uint8_t status, response;
} Footer; /* and the sense data */
enum
{
  RESPONSE_OK = 0,
  RESPONSE_OVERRUN = 1,
  RESPONSE_ABORTED = 2,
  RESPONSE_BAD_TARGET = 3,
  RESPONSE_RESET = 4,
  RESPONSE_FAILURE = 9,
  RESPONSE_FUNCTION_SUCCEEDED = 10,
  RESPONSE_FUNCTION_REJECTED = 11,
};

#define QUEUE_SIZE  256
#define MOST_PIECES (QUEUE_SIZE - 2)
#define SENSE_SIZE  96u /* as a driver finds it; so the next */
#define CDB_SIZE    32u
#define MOST_BYTES  (4u << 20) /* of a command; what the driver is told */

typedef struct VirtScsi VirtScsi;

/* A function that waits for requests; under the control queue's lock. */
typedef struct
{
  VirtScsi *owner;
  VirtChain chain;
  unsigned generation; /* of the control queue */
  unsigned n_waiting;
} Waiting;

typedef struct Request
{
  BlockRequest block;
  VirtChain chain;
  VirtScsi *owner;
  unsigned queue, generation, target;
  uint64_t tag;
  ScsiTask task;
  uint32_t data_length; /* bytes of data that the driver's buffers have, in the direction of the command */
  GSList *waiting;      /* Waiting *: it is to end as aborted… */
  uint8_t end_as;       /* …with this RESPONSE_… */
  gboolean parked;
  struct iovec *iov;
  unsigned n_iov;                /* room */
  struct Request *next, *before; /* taken: of its queue; else unused */
} Request;

typedef struct
{
  Request *unused, *taken;
  unsigned n_taken;
  unsigned n_telling; /* requests that have ended, with a function that is yet to be told */
  gboolean full;      /* there was no request left: look again */
} Queue;

typedef struct
{
  char serial[33];
  gint tray;          /* of a CD-ROM drive, as mmc.tray_open; atomic */
  gboolean event_due; /* the guest is to hear of another disc; device loop */
  GMutex lock;        /* behind the queues'; of what follows, which of a disk is constant but for the unit */
  ScsiUnit unit;
  Mmc mmc; /* of a CD-ROM drive */
  uint8_t *answer;
  /* Changed under the VM lock, too. */
  Block *block;                             /* NULL: a CD-ROM drive without a disc */
  BlockQueue *images[VIRT_SCSI_MAX_QUEUES]; /* one a queue of commands */
} Target;

struct VirtScsi
{
  VirtDevice virt;
  unsigned n_targets;
  Target targets[VIRT_SCSI_MAX_TARGETS];
  Queue queues[VIRT_SCSI_MAX_QUEUES];
  VirtChain event;
  void (*tray_moved) (void *opaque);
  void *tray_opaque;
  GSource *trays;       /* tells of them; NULL: nobody is told */
  Waiting *spare;       /* for the next chain of the control queue */
  unsigned n_functions; /* that wait */
  gboolean full;        /* as Queue.full */
  gboolean loaded;
};

/* 5.6.6.1: 1, the target, and a LUN of one level.  -1: there is nothing; `lun` is that of the target. */
int virt_scsi_find_target (const VirtScsi *scsi, const uint8_t *address, unsigned *lun);

/* 5.6.3 */
#define VIRT_SCSI_F_CHANGE VIRT_FEATURE (2)

/* Queues of its image, if it has one, for each of commands; and their end, which has called done() for all.  VM lock held. */
void virt_scsi_open_queues (VirtScsi *scsi, Target *target);
void virt_scsi_close_queues (VirtScsi *scsi, BlockQueue *images[VIRT_SCSI_MAX_QUEUES]);

/* -- scsi-media.c: device loop ------------------------------------------------------------------------------- */

extern const StateField virt_scsi_target_state[];
/* Of the event queue, its lock held. */
VirtChain *virt_scsi_event_room (VirtScsi *scsi);
void virt_scsi_run_event (VirtScsi *scsi, VirtChain *chain);
/* The target's lock held.  After a command: the guest may have moved it. */
void virt_scsi_look_at_tray (VirtScsi *scsi, Target *target);
/* The target's lock held.  After the image or the tray has changed. */
void virt_scsi_look_at_disc (Target *target);

/* -- scsi-control.c --------------------------------------------------------------------------------------------- */

/* Of the control queue, its lock held; device loop. */
VirtChain *virt_scsi_control_room (VirtScsi *scsi);
void virt_scsi_run_control (VirtScsi *scsi, VirtChain *chain);
/* A request that `all` of them (Waiting *) wait for has ended; takes the list.  No lock held, any thread. */
void virt_scsi_one_less (VirtScsi *scsi, GSList *all);
void virt_scsi_waiting_free (Waiting *waiting);

G_END_DECLS
