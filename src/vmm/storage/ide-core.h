/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of ATA and packet drives: what the IDE function and AHCI ports share.  How a command runs:
 *
 *   task   what the command is about, and so what happens when the buffer is full or empty;
 *   xfer   how the guest and the buffer meet: data port or bus master (on a serial cable always the latter);
 *   io     what is wanted of the image: set first, started by ide_io_kick() unless the machine is paused.
 *
 * All of it is state, none is a function pointer: a machine can be saved in the middle of any transfer.
 *
 * Who calls whom, downwards only; what is below calls up by the tables of an IdeDrive and its cable.  All under the VM lock.
 *
 *   ide.c                       IDE function: ports, configuration space, life cycle
 *   ide-bmdma.c                 its IdeMaster        (ahci*.c: another controller, with an IdeMaster of its own)
 *   ide-drive.c                 drives come and go, their state
 *   ide-ata.c   ide-atapi.c     IdeCommandSet: commands of disks, of CD-ROM drives
 *               mmc.c           what a CD-ROM drive says of itself and its disc
 *               ide-packet.c    endings and answers of packet commands
 *   ide-master.c                what a bus master moves, by the IdeMaster of the cable
 *   ide-identify.c ide-features.c ide-smart.c
 *   ide-core.c                  buffer, DRQ blocks, image requests, endings
 */
#pragma once

#include "pci/pci.h"
#include "storage/ide-types.h"
#include "storage/storage-port.h"

G_BEGIN_DECLS

#define IDE_BUFFER_SIZE  (256u * 512u)
#define IDE_MAX_MULTIPLE 16u
#define IDE_DIRECT_BYTES (1024u * 1024u) /* of a request that goes straight to guest memory */
#define IDE_CDB_SIZE     12u
#define CD_SECTOR_SIZE   2048u
#define CD_RAW_SIZE      2352u
#define CD_CHUNK_SECTORS 62u /* of 2048 bytes in the buffer */
#define CD_RAW_CHUNK     24u /* so that raw sectors and what they are made from fit side by side */
#define CD_RAW_SOURCE    (CD_RAW_CHUNK * CD_RAW_SIZE)

/* Status register. */
enum
{
  ATA_ERR = 0x01, /* CHK for packet commands */
  ATA_DRQ = 0x08,
  ATA_DSC = 0x10, /* seek complete; SERV for packet devices */
  ATA_DF = 0x20,
  ATA_DRDY = 0x40,
  ATA_BSY = 0x80,
};

/* Error register. */
enum
{
  ATA_ABRT = 0x04,
  ATA_IDNF = 0x10,
  ATA_UNC = 0x40,
};

/* Device control register. */
enum
{
  ATA_CONTROL_NIEN = 0x02,
  ATA_CONTROL_SRST = 0x04,
  ATA_CONTROL_HOB = 0x80,
};

/* Device register. */
enum
{
  ATA_DEVICE_DEV = 0x10,
  ATA_DEVICE_LBA = 0x40,
  ATA_DEVICE_OBSOLETE = 0xa0,
};

/* Interrupt reason, in the sector count register of a packet device. */
enum
{
  ATAPI_CD = 0x01,
  ATAPI_IO = 0x02,
};

typedef enum
{
  IDE_TASK_NONE,
  IDE_TASK_REPLY, /* the buffer goes to the guest, then the command ends */
  IDE_TASK_READ,  /* disk → guest */
  IDE_TASK_WRITE, /* guest → disk */
  IDE_TASK_FLUSH,
  IDE_TASK_TRIM,   /* ranges from the guest, then discards */
  IDE_TASK_SINK,   /* bytes that nobody needs (WRITE BUFFER, SMART WRITE LOG) */
  IDE_TASK_PACKET, /* the twelve bytes of a packet command */
  IDE_TASK_CD_READ,
  IDE_TASK_CD_SELECT, /* parameters of MODE SELECT */
  IDE_TASK_LAST = IDE_TASK_CD_SELECT
} IdeTask;

typedef enum
{
  IDE_XFER_NONE,
  IDE_XFER_PIO_IN,
  IDE_XFER_PIO_OUT,
  IDE_XFER_DMA_IN,
  IDE_XFER_DMA_OUT,
  IDE_XFER_LAST = IDE_XFER_DMA_OUT
} IdeXfer;

typedef enum
{
  IDE_IO_NONE,
  IDE_IO_READ,
  IDE_IO_WRITE,
  IDE_IO_FLUSH,
  IDE_IO_DISCARD,
  IDE_IO_LAST = IDE_IO_DISCARD
} IdeIo;

typedef struct IdeDrive IdeDrive;

/* What kind of drive it is. */
typedef struct
{
  void (*command) (IdeDrive *drive, uint8_t command);
  /* The next DRQ block to the guest, by the data port. */
  void (*block_in) (IdeDrive *drive);
  /* The buffer has `n` sectors of the image now.  May be NULL. */
  void (*sectors_read) (IdeDrive *drive, uint32_t n);
  /* The guest has given all that a task of this set's own wanted. */
  void (*taken) (IdeDrive *drive);
  /* A discard has been done. */
  void (*discarded) (IdeDrive *drive);
  /* The command has done all that it should. */
  void (*finish) (IdeDrive *drive, gboolean irq);
  void (*image_failed) (IdeDrive *drive);
  void (*master_failed) (IdeDrive *drive);
} IdeCommandSet;

/* A place in a table of physical region descriptors. */
typedef struct
{
  uint64_t next; /* the next descriptor: its address, or its number */
  uint64_t addr; /* of the present one */
  uint32_t left;
  gboolean last;
} IdePrd;

/* The other end of the cable: how a controller hears of its drives, and where its table of memory is. */
typedef struct
{
  gboolean serial;                 /* no data port: all data goes by the table, also of PIO commands */
  void (*raise) (IdeDrive *drive); /* the drive's interrupt */
  void (*ended) (IdeDrive *drive); /* a DMA command, before its interrupt */
  void (*over) (IdeDrive *drive);  /* the drive is ready again, its registers say how it went.  May be NULL */
  IdePrd (*place) (const IdeDrive *drive);
  void (*set_place) (IdeDrive *drive, const IdePrd *prd);
  gboolean (*next) (IdeDrive *drive, IdePrd *prd); /* FALSE: the table can't be read */
  gboolean (*can_run) (const IdeDrive *drive);     /* the guest has started it */
  void (*failed) (IdeDrive *drive);                /* what the table says is no memory */
  void (*exhausted) (IdeDrive *drive);             /* the table ends before the data */
} IdeMaster;

/* What drives hang on: a channel of the IDE function, an AHCI port.  Both begin with it. */
typedef struct
{
  Device *device; /* the controller */
  unsigned index; /* of the channel, or port */
  gboolean paused;
  const IdeMaster *master;
  Dma dma;
  uint32_t epoch;         /* starts of the bus master; not state: with nothing in flight nobody asks */
  uint64_t moved;         /* bytes by the table, of the command that runs */
  IdeTrayFunc tray_moved; /* may be NULL */
  void *tray_opaque;
} IdeCable;

struct IdeDrive
{
  IdeCable *cable;
  const IdeCommandSet *set; /* NULL: no drive is there */
  uint32_t unit;
  uint32_t kind; /* IdeDriveKind */
  StoragePort port;
  char serial[21], model[41], revision[9];
  uint64_t wwn;       /* 0: none */
  uint64_t n_sectors; /* disk: of 512 bytes */
  uint32_t cylinders, heads, sectors;

  /* Task file.  The hob_ half is what was written before the last write (48 bit commands). */
  uint8_t features, count, lba_low, lba_mid, lba_high, device;
  uint8_t hob_features, hob_count, hob_lba_low, hob_lba_mid, hob_lba_high;
  uint8_t error, status, command;
  gboolean intrq;

  /* What SET FEATURES and friends have set. */
  uint32_t cur_cylinders, cur_heads, cur_sectors;
  uint8_t multiple;                        /* sectors a DRQ block of READ MULTIPLE; 0: off */
  uint8_t pio_mode, mwdma_mode, udma_mode; /* mode | 8 while chosen */
  uint8_t apm, power;
  gboolean write_cache, look_ahead, smart;

  /* The command that runs. */
  uint32_t task, xfer, io;
  uint8_t *buffer;
  uint32_t pos, len; /* of the buffer */
  uint32_t drq_end;  /* PIO: end of this DRQ block */
  uint32_t drq_size; /* PIO: bytes a DRQ block */
  uint64_t lba;      /* next sector of the image */
  uint32_t left;     /* sectors that haven't passed the buffer yet */
  uint32_t io_sectors;
  gboolean ext, fua, pio; /* `pio`: on a serial cable, a PIO command that reads */
  uint32_t trim_next;     /* index of a range */
  gboolean
      direct; /* `io` is between the image and the guest's memory, from the channel's place in the table */
  DmaVector vector; /* that memory, or empty: made again from the table after a load */
  IdePrd after;     /* the place in the table when that request has been done */
  uint32_t after_epoch;

  /* The queued command that failed, for its log. */
  gboolean queued_failed;
  uint8_t queued_tag, queued_error;
  uint64_t queued_lba;

  /* Packet devices. */
  uint8_t cdb[IDE_CDB_SIZE];
  uint16_t byte_limit;
  gboolean packet_dma, raw;
  uint8_t raw_flags; /* byte 9 of READ CD */
  uint8_t sense_key, asc, ascq;
  gboolean tray_open, tray_locked;
  uint8_t medium_change; /* 2: say "not present" once, 1: say "may have changed" once */
  uint8_t media_event;   /* GET EVENT STATUS NOTIFICATION: event code of class 4, 0: none */
  uint8_t error_page[8]; /* mode page 1, its parameters */
};

/* -- ide-core.c -- */
static inline void
ide_raise (IdeDrive *drive)
{
  drive->cable->master->raise (drive);
}
/* How data go that a command wants to go by `xfer`. */
IdeXfer ide_xfer (IdeDrive *drive, IdeXfer xfer);
void ide_drive_setup (IdeDrive *drive, IdeCable *cable, unsigned unit);
void ide_drive_clear (IdeDrive *drive);
void ide_drive_stop (IdeDrive *drive); /* forgets the command that runs */
void ide_drive_signature (IdeDrive *drive);
void ide_drive_defaults (IdeDrive *drive); /* power-on settings */
void ide_done (IdeDrive *drive, gboolean irq);
void ide_fail (IdeDrive *drive, uint8_t error); /* ends the command with bits of the error register */
void ide_abort_status (IdeDrive *drive, uint8_t error, uint8_t extra_status);
void ide_reply (IdeDrive *drive, uint32_t length);
/* Wants `length` bytes of the guest. */
void ide_take (IdeDrive *drive, IdeTask task, IdeXfer xfer, uint32_t length);
void ide_fetch (IdeDrive *drive);        /* next piece of READ or CD_READ */
void ide_fetch_buffer (IdeDrive *drive); /* the same, by the buffer */
void ide_start_write (IdeDrive *drive, gboolean first);
void ide_flush (IdeDrive *drive);
void ide_start_io (IdeDrive *drive, IdeIo io);
void ide_io_kick (IdeDrive *drive);
void ide_buffer_empty (IdeDrive *drive); /* the guest has taken all */
void ide_buffer_full (IdeDrive *drive);  /* the guest has given all */
uint32_t ide_data_read (IdeDrive *drive, unsigned size);
void ide_data_write (IdeDrive *drive, uint32_t value, unsigned size);
uint32_t ide_cd_sectors (const IdeDrive *drive); /* of 2048 bytes; 0: no medium */

/* -- ide-master.c -- */
void ide_master_next (IdeDrive *drive); /* the next piece of READ, CD_READ or WRITE */
void ide_master_pump (
    IdeDrive *drive); /* moves what the buffer has or needs, as far as the guest has started it */
gboolean ide_master_submit (IdeDrive *drive); /* `direct`.  FALSE: the table has no such place (any more) */
void ide_master_completed (IdeDrive *drive);  /* `direct` */
void ide_master_forget (IdeDrive *drive);     /* nothing touches the memory any more */
/* Returns when no request in flight touches guest memory any more. */
void ide_master_settle (IdeDrive *drive);
/* Before requests that are parked are tried again: gives those up whose memory the guest has taken back meanwhile. */
void ide_master_resume (IdeDrive *drive);

/* -- ide-identify.c -- */
void ide_identify_disk (IdeDrive *drive, uint8_t *data);
void ide_identify_cdrom (IdeDrive *drive, uint8_t *data);

/* -- ide-smart.c -- */
void ide_smart (IdeDrive *drive);
/* READ LOG EXT, READ LOG DMA EXT. */
void ide_read_log (IdeDrive *drive, gboolean dma);
/* The last byte makes the sum of all 0. */
void ide_put_checksum (uint8_t *data);

/* -- ide-drive.c -- */
extern const StateField ide_drive_state[];
/* A state was loaded.  FALSE and an error: it contradicts itself. */
gboolean ide_drive_loaded (IdeDrive *drive, GError **error);
gboolean ide_drive_plug (IdeDrive *drive, const IdeDriveConfig *config, GError **error);
/* Requests in flight or not.  VM lock held, which closing the image keeps. */
void ide_drive_unplug (IdeDrive *drive);

/* -- ide-features.c: SET FEATURES -- */
void ide_set_features (IdeDrive *drive);

G_END_DECLS
