/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of the floppy controller.  Who calls whom, downwards only:
 *
 *   fdc.c           registers, life cycle, drives
 *   fdc-command.c   the table of commands, and those that end at once
 *   fdc-exec.c      those that move data
 *   fdc-core.c      interrupt, phases           fdc-media.c   formats
 */
#pragma once

#include "storage/fdc.h"
#include "storage/storage-port.h"

G_BEGIN_DECLS

#define FDC_N_SELECTS   4u /* of the controller; only two have connectors */
#define FDC_FIFO_SIZE   16u
#define FDC_MAX_SECTORS 64u
#define FDC_SECTOR_SIZE 512u
#define FDC_BUFFER_SIZE (FDC_MAX_SECTORS * FDC_SECTOR_SIZE)
#define FDC_MAX_TRACK   83u

/* Status registers 0 to 3 of the result phase; 82077AA data sheet, 5.1. */
enum
{
  ST0_EQUIPMENT_CHECK = 0x10,
  ST0_SEEK_END = 0x20,
  ST0_ABNORMAL = 0x40,
  ST0_INVALID = 0x80,
  ST0_POLLING = 0xc0,
};
enum
{
  ST1_MISSING_ADDRESS = 0x01,
  ST1_NOT_WRITABLE = 0x02,
  ST1_NO_DATA = 0x04,
  ST1_OVERRUN = 0x10,
  ST1_DATA_ERROR = 0x20,
  ST1_END_OF_CYLINDER = 0x80,
};
enum
{
  ST2_SCAN_NOT_SATISFIED = 0x04,
  ST2_SCAN_EQUAL = 0x08,
  ST2_WRONG_CYLINDER = 0x10,
  ST2_DATA_ERROR = 0x20,
  ST2_CONTROL_MARK = 0x40,
};

enum
{
  DOR_SELECT = 0x03,
  DOR_NOT_RESET = 0x04,
  DOR_DMA_GATE = 0x08,
  DOR_MOTOR0 = 0x10,
};

typedef enum
{
  FDC_PHASE_COMMAND,
  FDC_PHASE_EXECUTE,
  FDC_PHASE_RESULT,
  FDC_PHASE_LAST = FDC_PHASE_RESULT
} FdcPhase;

/* What the execution phase waits for. */
typedef enum
{
  FDC_WAIT_NONE,
  FDC_WAIT_START, /* the timer: head settles, sector comes round */
  FDC_WAIT_IMAGE,
  FDC_WAIT_HOST, /* DMA, or the guest at the FIFO */
  FDC_WAIT_LAST = FDC_WAIT_HOST
} FdcWait;

typedef enum
{
  FDC_OP_NONE,
  FDC_OP_READ,
  FDC_OP_WRITE,
  FDC_OP_SCAN,
  FDC_OP_FORMAT,
  FDC_OP_READ_ID,
  FDC_OP_VERIFY,
  FDC_OP_LAST = FDC_OP_VERIFY
} FdcOp;

typedef struct
{
  uint8_t cylinders, heads, sectors;
  uint8_t rates; /* bit n: the medium can be read at rate code n */
  FdcDriveType drive;
} FdcFormat;

typedef struct Fdc Fdc;

typedef struct
{
  Fdc *fdc;
  uint32_t unit;
  uint32_t type; /* FdcDriveType */
  StoragePort port;
  const FdcFormat *format; /* of the medium, in `medium`; NULL: none */
  FdcFormat medium;
  uint8_t track;    /* where the heads are */
  gboolean changed; /* DSKCHG */
  gboolean seeking;
  uint8_t seek_target;
  VmTimer seek_timer;
  gboolean sense; /* SENSE INTERRUPT STATUS has something to say: */
  uint8_t sense_st0;
} FdcDrive;

struct Fdc
{
  Device device;
  IrqLine irq;
  IsaDmaOps dma;
  uint32_t dma_channel;
  Region *region, *dir_region;
  Mapping *mapping, *dir_mapping;
  FdcDrive drive[FDC_N_SELECTS];
  VmTimer timer; /* of the execution phase */
  VmTimer reset_timer;
  gboolean paused;

  uint8_t dor, tdr, dsr, rate;
  gboolean irq_pending, irq_level;
  uint8_t specify[2], config[3], lock, perpendicular, last_eot;
  gboolean in_reset;

  uint32_t phase, wait, op;
  uint8_t fifo[FDC_FIFO_SIZE];
  uint8_t fifo_pos, fifo_len; /* command: bytes got and wanted; result: bytes read and there */

  /* Execution phase. */
  uint8_t command; /* opcode with its option bits */
  uint8_t unit, head, c, h, r, n, eot, step;
  uint8_t fill;  /* FORMAT TRACK */
  uint8_t scan;  /* opcode of the SCAN command */
  uint8_t track; /* of the medium, in tracks of its own format */
  uint8_t st1, st2;
  gboolean non_dma, terminal_count;
  uint32_t piece; /* sectors in the buffer or wanted there */
  uint32_t pos, len;
  uint8_t *buffer;
  uint8_t *compare; /* one sector from the host for SCAN */
  uint32_t dma_retries;
  gboolean image_write;
};

static inline FdcDrive *
fdc_selected (Fdc *fdc)
{
  return &fdc->drive[fdc->unit & 3];
}

/* fdc-media.c */
/* The format of the medium by its image's first sector and size; FALSE if it is no floppy.  Reads the image. */
gboolean fdc_format_of (Block *block, FdcFormat *format);

/* fdc-core.c */
void fdc_update_irq (Fdc *fdc);
void fdc_raise (Fdc *fdc);
void fdc_lower (Fdc *fdc);
void fdc_enter_command (Fdc *fdc); /* the command phase */
void fdc_result (Fdc *fdc, unsigned n_bytes, gboolean interrupt);
void fdc_result_byte (Fdc *fdc, uint8_t value);

/* fdc-command.c */
void fdc_command_byte (Fdc *fdc, uint8_t value); /* in the command phase */
void fdc_on_seek_timer (void *opaque);

/* fdc-exec.c */
void fdc_exec_start (Fdc *fdc, FdcOp op);
void fdc_exec_stop (Fdc *fdc);
void fdc_exec_medium_gone (Fdc *fdc);
void fdc_on_timer (void *opaque);
void fdc_image_kick (Fdc *fdc);
void fdc_on_image_done (void *opaque, int error);
void fdc_on_image_idle (void *opaque);
uint8_t fdc_host_read (Fdc *fdc);
void fdc_host_write (Fdc *fdc, uint8_t value);

G_END_DECLS
