/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the NVMe controller.  Numbers of sections are those of the NVM Express Base Specification 1.4.
 *
 * nvme.c has registers and life, nvme-queue.c rings and interrupts, nvme-admin.c the administrator's commands, nvme-io.c reads and writes.  A command has an
 * NvmeRequest from when it was fetched until its completion is in the ring.
 *
 * Threads: registers and the administrator's queue are the VM lock holder's.  The queue n of reads and writes is served by an I/O thread (vm_io_context (n - 1)),
 * which its doorbell wakes and where its requests end, without the VM lock.  Locks, downwards behind it:
 *   NvmeQueue.lock             a submission queue and its requests
 *   NvmeQueue.completion_lock  the completion queue of the same number
 *   Nvme.pin_lock              what the pin shows; takes completion locks
 *   Nvme.pool_lock, log_lock   requests that nobody has; the log of errors
 * Which queues there are and what they are like changes under the VM lock and the queue's, so either is enough to look.  In a machine with one loop for all a
 * doorbell serves its queue there and then.
 */
#pragma once

#include "storage/nvme.h"

G_BEGIN_DECLS

#define NVME_QUEUES       (NVME_MAX_IO_QUEUES + 1) /* and the administrator's, 0 */
#define NVME_MOST_ENTRIES 1024u
#define NVME_COMMAND      64u
#define NVME_COMPLETION   16u
#define NVME_PAGE         4096u
#define NVME_MDTS         7u /* a power of two, in pages */
#define NVME_MOST_BYTES   (NVME_PAGE << NVME_MDTS)
#define NVME_EVENTS       4u /* requests for events that may wait */
#define NVME_REQUESTS     128u
#define NVME_RESERVED     8u  /* of them for the administrator */
#define NVME_ERRORS       16u /* that its log has */
#define NVME_ERROR_SIZE   64u
#define NVME_N_FEATURES   16u
#define NVME_NAMESPACE    1u
#define NVME_ALL          0xffffffffu

/* 3.1 */
enum
{
  NVME_CAP = 0x00,
  NVME_VS = 0x08,
  NVME_INTMS = 0x0c,
  NVME_INTMC = 0x10,
  NVME_CC = 0x14,
  NVME_CSTS = 0x1c,
  NVME_AQA = 0x24,
  NVME_ASQ = 0x28,
  NVME_ACQ = 0x30,
  NVME_DOORBELLS = 0x1000,

  CC_ENABLE = 1 << 0,
  CC_CSS = 7 << 4,
  CC_MPS = 0xf << 7,
  CC_AMS = 7 << 11,
  CC_SHUTDOWN = 3 << 14,
  CC_KEPT = 0x00fffff1,

  CSTS_READY = 1 << 0,
  CSTS_FATAL = 1 << 1,
  CSTS_SHUTTING = 1 << 2,
  CSTS_SHUT = 2 << 2,
  CSTS_SHUTDOWN = 3 << 2,
};

/* 4.6.1: status code, and its type from bit 8 on. */
enum
{
  NVME_OK = 0x000,
  NVME_INVALID_OPCODE = 0x001,
  NVME_INVALID_FIELD = 0x002,
  NVME_TRANSFER_ERROR = 0x004,
  NVME_ABORTED = 0x007,
  NVME_INVALID_NAMESPACE = 0x00b,
  NVME_INVALID_PRP = 0x013,
  NVME_OUT_OF_RANGE = 0x080,
  NVME_NO_COMPLETION_QUEUE = 0x100,
  NVME_INVALID_QUEUE = 0x101,
  NVME_INVALID_QUEUE_SIZE = 0x102,
  NVME_TOO_MANY_EVENTS = 0x105,
  NVME_INVALID_VECTOR = 0x108,
  NVME_INVALID_LOG = 0x109,
  NVME_INVALID_DELETION = 0x10c,
  NVME_NOT_SAVEABLE = 0x10d,
  NVME_READ_ONLY = 0x182,
  NVME_WRITE_FAULT = 0x280,
  NVME_READ_ERROR = 0x281,
  NVME_COMPARE_FAILURE = 0x285,

  NVME_PENDING = 0xffff, /* its end comes later */
};

/* 5.2: of events */
enum
{
  NVME_EVENT_ERROR,
  NVME_EVENT_HEALTH,
  NVME_EVENT_TYPES,

  NVME_ERROR_DOORBELL = 0,
  NVME_ERROR_DOORBELL_VALUE = 1,
};

/* 5.21.1 */
enum
{
  FEATURE_ARBITRATION = 1,
  FEATURE_POWER = 2,
  FEATURE_TEMPERATURE = 4,
  FEATURE_RECOVERY = 5,
  FEATURE_WRITE_CACHE = 6,
  FEATURE_QUEUES = 7,
  FEATURE_COALESCING = 8,
  FEATURE_VECTOR = 9,
  FEATURE_ATOMICITY = 10,
  FEATURE_EVENTS = 11,
};

typedef struct
{
  gboolean enabled;
  uint16_t size, head, tail, cq;
  uint64_t base;
} NvmeSubmission;

typedef struct
{
  gboolean enabled, interrupts, phase;
  uint16_t size, head, tail, vector;
  uint64_t base;
} NvmeCompletion;

typedef enum
{
  NVME_FREE,
  NVME_RUNNING,
  NVME_DONE,  /* there was no room in the completion queue */
  NVME_EVENT, /* asks for an event */
  NVME_DEAD,  /* its queue is gone, and the image hasn't let go of it yet */
  NVME_LAST_STATE = NVME_DEAD,
} NvmeRequestState;

typedef struct Nvme Nvme;

typedef struct NvmeRequest NvmeRequest;
typedef struct NvmeQueue NvmeQueue;

struct NvmeRequest
{
  Nvme *owner;
  NvmeQueue *queue;             /* that has it; a load that failed may have left another number in `sq` */
  NvmeRequest *next, *previous; /* of its queue, or `next` of those that nobody has */
  BlockRequest block;
  DmaVector vector;
  gboolean at_image; /* its done() is yet to come… */
  gboolean parked;   /* …but not until the machine goes on */
  gboolean flush;    /* behind the write */
  void *compared;    /* what the image has, for a comparison */
  struct iovec compared_iov;
  uint8_t ranges[16 * 256];
  unsigned n_ranges, range;

  /* Saved. */
  uint8_t state;
  uint16_t sq, status;
  uint32_t result;
  uint8_t command[NVME_COMMAND];
};

/* What serves a pair of queues, which need not belong together. */
struct NvmeQueue
{
  Nvme *owner;
  unsigned n;
  GMutex lock;
  Dma dma;
  BlockQueue *image;
  int bell; /* an eventfd, or -1 */
  GSource *source;
  NvmeRequest *first;           /* all that were fetched here */
  unsigned n_running, n_parked; /* of the image */
  GMutex completion_lock;
  Dma completion_dma;
  gboolean full; /* some completion waits for room */
};

struct Nvme
{
  PciDevice pci;
  Block *block;
  Region *registers;
  char serial[21];
  char *machine; /* its UUID, or NULL */
  uint8_t uuid[16];
  unsigned n_queues; /* with the administrator's */
  NvmeQueue queues[NVME_QUEUES];
  BlockRequest shutdown; /* a flush */
  gboolean shutdown_runs;
  gint paused;   /* atomic */
  gboolean here; /* doorbells serve queues: one loop for all */
  GMutex pin_lock, pool_lock, log_lock;
  NvmeRequest *unused;
  unsigned n_unused;
  uint32_t starving; /* a bit a queue that found none */
  uint64_t commands_read, commands_written;
  uint64_t n_errors, n_media_errors;
  uint8_t errors[NVME_ERRORS * NVME_ERROR_SIZE]; /* the newest first */
  uint8_t events[NVME_EVENT_TYPES];              /* what is to be told, plus 1; 0: nothing */
  uint8_t events_told;                           /* a bit a type: not again before its log was read */
  uint8_t warnings;                              /* of health */
  uint16_t threshold_low;                        /* K */

  uint32_t cc, csts, aqa, mask;
  uint64_t asq, acq;
  uint32_t features[NVME_N_FEATURES];
  NvmeSubmission sq[NVME_QUEUES];
  NvmeCompletion cq[NVME_QUEUES];
  NvmeRequest requests[NVME_REQUESTS];
};

static inline uint32_t
nvme_dword (const NvmeRequest *request, unsigned n)
{
  return pci_get32 (request->command + 4 * n);
}

static inline uint64_t
nvme_qword (const NvmeRequest *request, unsigned n)
{
  return nvme_dword (request, n) | (uint64_t)nvme_dword (request, n + 1) << 32;
}

/* -- nvme-queue.c ------------------------------------------------------------------------------------------- */

/* Locks, and for reads and writes the bell and the thread.  FALSE and an error: the host has no eventfd. */
gboolean nvme_queue_init (Nvme *nvme, unsigned n, GError **error);
/* The bell is heard no more, and the image's queue is gone with all requests. */
void nvme_queue_clear (NvmeQueue *queue);
/* Behind a load: requests by what their states say. */
void nvme_sort_requests (Nvme *nvme);
/* Puts completions that wait, takes what the ring has as long as there are requests.  Its thread; the administrator's: VM lock held. */
void nvme_serve (NvmeQueue *queue);
/* Has its thread do that soon; any thread.  The administrator's queue is served here: VM lock held. */
void nvme_wake (NvmeQueue *queue);
/* Begins a request that has its command.  The queue's lock is held, here and below. */
void nvme_begin (NvmeRequest *request);
/* Its completion, as soon as there is room. */
void nvme_end (NvmeRequest *request, unsigned status);
void nvme_free_request (NvmeRequest *request);
/* VM lock held, no queue's. */
void nvme_ring (Nvme *nvme, unsigned doorbell, uint32_t value);
/* The queue is none any more and what was fetched from it forgotten; afterwards nothing of it touches memory.  VM lock held, the queue's not. */
void nvme_drop (Nvme *nvme, unsigned sq);
/* Any thread, no lock of completions held. */
void nvme_update_intx (Nvme *nvme);
/* 9.5: the driver has to reset it.  Any thread. */
void nvme_fail (Nvme *nvme);

/* -- nvme-admin.c ------------------------------------------------------------------------------------------- */

/* A status, or NVME_PENDING. */
unsigned nvme_admin (NvmeRequest *request);
/* As a reset leaves them. */
void nvme_reset_features (Nvme *nvme);

/* Fills up with blanks. */
void nvme_set_text (uint8_t *at, size_t length, const char *text);

/* -- nvme-logs.c -------------------------------------------------------------------------------------------- */

unsigned nvme_get_log (NvmeRequest *request);
unsigned nvme_ask_for_event (NvmeRequest *request);
void nvme_tell (Nvme *nvme, unsigned type, unsigned what);
/* VM lock and the administrator's queue's held. */
/* What the limits of temperature say has perhaps changed. */
void nvme_look_at_health (Nvme *nvme);
/* The image has failed; 0xffff in `sq`: it was nobody's command.  Any thread. */
void nvme_log_error (Nvme *nvme, unsigned sq, unsigned id, unsigned status, uint64_t lba);
/* Of the controller; the errors stay. */
void nvme_reset_events (Nvme *nvme);

/* -- nvme-io.c ---------------------------------------------------------------------------------------------- */

unsigned nvme_io (NvmeRequest *request);
/* The guest's memory for a command, by its PRPs (4.3), appended to the request's empty vector.  NVME_OK or why not. */
unsigned nvme_map (NvmeRequest *request, uint32_t length, gboolean to_memory);
/* Copies to it.  A status. */
unsigned nvme_answer (NvmeRequest *request, const void *data, uint32_t length);
/* For the image's queue; `opaque` is the controller.  Its thread, no lock held. */
gboolean nvme_on_error (void *opaque, const BlockRequest *block, int error);

G_END_DECLS
