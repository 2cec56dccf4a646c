/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the NVMe controller.  Numbers of sections are those of the NVM Express Base Specification 1.4.
 *
 * nvme.c has registers and life, nvme-queue.c rings and interrupts, nvme-admin.c the administrator's commands, nvme-io.c reads and writes.  A command has an
 * NvmeRequest from when it was fetched until its completion is in the ring.
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

typedef struct
{
  Nvme *owner;
  BlockRequest block;
  DmaVector vector;
  gboolean parked; /* until the machine goes on */
  gboolean flush;  /* behind the write */
  uint8_t ranges[16 * 256];
  unsigned n_ranges, range;

  /* Saved. */
  uint8_t state;
  uint16_t sq, status;
  uint32_t result;
  uint8_t command[NVME_COMMAND];
} NvmeRequest;

struct Nvme
{
  PciDevice pci;
  Block *block;
  Region *registers;
  char serial[21];
  char *machine; /* its UUID, or NULL */
  uint8_t uuid[16];
  unsigned n_queues; /* with the administrator's */
  BlockQueue *images[NVME_QUEUES];
  BlockRequest shutdown; /* a flush */
  gboolean shutdown_runs, paused;
  unsigned n_running, n_parked; /* of the image */
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

/* Takes what the ring has, as long as there are requests. */
void nvme_look (Nvme *nvme, unsigned sq);
void nvme_look_at_all (Nvme *nvme);
/* Begins a request that has its command. */
void nvme_begin (NvmeRequest *request);
/* Its completion, as soon as there is room. */
void nvme_end (NvmeRequest *request, unsigned status);
void nvme_ring (Nvme *nvme, unsigned doorbell, uint32_t value);
/* Forgets what was fetched from this queue; afterwards nothing of it touches memory. */
void nvme_drop (Nvme *nvme, unsigned sq);
void nvme_update_intx (Nvme *nvme);
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
/* What the limits of temperature say has perhaps changed. */
void nvme_look_at_health (Nvme *nvme);
/* The image has failed; 0xffff in `sq`: it was nobody's command. */
void nvme_log_error (Nvme *nvme, unsigned sq, unsigned id, unsigned status, uint64_t lba);
/* Of the controller; the errors stay. */
void nvme_reset_events (Nvme *nvme);

/* -- nvme-io.c ---------------------------------------------------------------------------------------------- */

unsigned nvme_io (NvmeRequest *request);
/* The guest's memory for a command, by its PRPs (4.3), appended to the request's empty vector.  NVME_OK or why not. */
unsigned nvme_map (NvmeRequest *request, uint32_t length, gboolean to_memory);
/* Copies to it.  A status. */
unsigned nvme_answer (NvmeRequest *request, const void *data, uint32_t length);
void nvme_free_request (NvmeRequest *request);
/* For the image's queue; `opaque` is the controller. */
gboolean nvme_on_error (void *opaque, const BlockRequest *block, int error);

G_END_DECLS
