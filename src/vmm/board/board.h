/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine assembled from its definition: memory, chipset, drives, screen, input.
 * Control loop only (core/vm.h); the VM lock is taken inside.
 */
#pragma once

#include "block/block.h"
#include "chipset/acpi-pm.h"
#include "chipset/test-device.h"
#include "core/vm.h"
#include "display/output.h"
#include "input/router.h"
#include "machine/drive.h"
#include "net/backend.h"
#include "pci/pci.h"
#include "serial/far-end.h"

G_BEGIN_DECLS

typedef struct Board Board;

#define BOARD_MAX_SERIALS 4
#define BOARD_MAX_PORTS   (DEVICE_PORT_AGENT + 1)

/* A network card of the definition. */
typedef struct
{
  char *id;
  NetPort *port;    /* the machine's, as the card is */
  unsigned slot;    /* on bus 0; 0: on the ISA bus, or */
  gboolean in_slot; /* in one that is to be plugged into (board/slots.h) */
} BoardNet;

/* Who starts the processes of shared folders (virtio/fs.h has what these do). */
typedef struct
{
  int (*start) (void *opaque, const char *id, unsigned *number, GError **error);
  void (*end) (void *opaque, unsigned number);
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
  GDestroyNotify free; /* of `opaque` */
} BoardShares;

/* Who finds the other end of what the guest begins on vsock0 (virtio/vsock.h). */
typedef struct
{
  int (*connect) (void *opaque, uint32_t port);
  void *opaque;
} BoardVsock;

/* What the thread of a serial port's far end knows of it. */
typedef struct
{
  MachineDefinition *definition;
  char *id;
  char *name; /* "/dev/pts/4"; NULL: it has none yet */
} BoardSerialEnd;

struct Board
{
  Vm *vm;
  MachineDefinition *definition;
  Region *low_ram, *high_ram, *bios;
  const struct BoardChipset *chipset;
  PciRoot *root;
  AcpiPm *power;
  Device *host, *pm, *gsi, *rtc, *fw_cfg, *ide, *fdc, *vga, *i8042, *debugcon;
  Device *pvpanic; /* NULL: none */
  Device *tpm;     /* NULL: none; the owner connects it (chipset/tpm.h), before the machine starts */
  /* The guest's watchdog has run out, or it panics: a sentence for a person.  Control loop; set before the machine runs. */
  void (*guest_event) (void *opaque, const char *sentence);
  void *guest_event_opaque;
  Device *uart[BOARD_MAX_SERIALS];
  SerialPort *serial[BOARD_MAX_PORTS];      /* behind COM1 to COM4: DEVICE_PORT_… */
  SerialFarEnd *far_ends[BOARD_MAX_PORTS];  /* of those; NULL: the control socket alone */
  BoardSerialEnd outsides[BOARD_MAX_PORTS]; /* of those that are no file */
  unsigned n_serials;
  InputRouter *router;
  GPtrArray *usb_hubs;    /* UsbDevice * */
  GPtrArray *usb_disks;   /* UsbDevice *, by the ids of their drives */
  GPtrArray *usb_serials; /* UsbDevice *, by the ids of serial ports */
  GPtrArray *usb_hosts;   /* UsbDevice *: this computer's (board/usb-hosts.h) */
  /* A sentence for a person on one of these.  Any thread, VM lock held; may be NULL. */
  void (*usb_notice) (void *opaque, const char *sentence);
  void *usb_notice_opaque;
  Device *usb; /* the controller of usb0; likewise */
  const struct BoardUsbModel *usb_model;
  Device *balloon, *scsi;        /* of `functions`; NULL: there is none */
  Device *ahci;                  /* NULL: there is none */
  GPtrArray *outputs;            /* DisplayOutput *, the devices' own; a screen's id is its place */
  GPtrArray *drives;             /* MachineDrive * */
  GPtrArray *nets;               /* BoardNet * */
  unsigned next_slot, last_slot; /* see board_take_slot(); the last is the chipset's */
  Device *functions[32];         /* by these numbers; NULL */
  /* The guest has ejected a medium or drawn it in again: control loop, VM lock NOT held.  Set by the owner; may be NULL. */
  void (*media_changed) (void *opaque, const MachineDrive *drive);
  void *media_opaque;
  GSource *tray_source;  /* NULL: no news */
  Device *vsock;         /* of `functions`; NULL: there is none */
  BoardVsock vsock_host; /* as `shares` */
  BoardShares shares;    /* set by the owner, before the machine runs; `start` NULL: there are none */
  PciRoot *slots;        /* whose root ports are slots, see board/slots.h; NULL: it has none */
  unsigned n_slots;
  /* Where the chipset has put a device that is no drive; NULL: nowhere. */
  char *(*place) (struct Board *board, const MachineDevice *device);
};

/* For who builds one (board/pc.h): empty, and to be freed by board_free(). */
Board *board_alloc (Vm *vm, MachineDefinition *definition);
/* What the IDE controller calls when the guest moves a tray: `opaque` is the board. */
void board_tray_moved (void *opaque, unsigned channel, unsigned unit, gboolean open);
/* The devices of test programs for processors (chipset/test-device.h), before the machine starts.  VM lock NOT held. */
gboolean board_add_test_device (Board *board, TestDeviceExit exit, void *opaque, GError **error);
/* A second screen for tests (video/test-display.h), before the machine starts.  VM lock NOT held. */
gboolean board_add_test_display (Board *board, GError **error);
/* Before vm_free(): the serial ports and the router go, devices stay with the machine until then. */
void board_free (Board *board);
/* Press a button; FALSE if the guest doesn't listen.  VM lock held. */
gboolean board_power_button (Board *board);
gboolean board_sleep_button (Board *board);
/* Puts `path` (absolute; NULL: nothing) in a drive with removable media, by the caller's descriptor if it isn't -1; `force`: also in one that the guest has locked.
 * What the drive says of itself is then what became of it: a medium that only opened for reading is write-protected.  VM lock NOT held. */
gboolean board_change_media (Board *board, const char *id, const char *path, int fd, gboolean readonly,
                             gboolean force, GError **error);
/* Where a device of the definition is, the same at each start: "ide 0:1" (channel, unit), "floppy 0", "isa 0x3f8", "pci 00:02.0",
 * "slot 1"; NULL: nowhere in particular. */
char *board_place (Board *board, const char *id);
/* The next device number on bus 0 for a function from the definition, in its order; it goes to `functions`.  0 and an error: none is left. */
unsigned board_take_slot (Board *board, const char *id, GError **error);
/* Numbers of devices that are no drives, for statistics: `add` is called with "balloon0.actual-bytes" and its value.  VM lock NOT held. */
typedef void (*BoardStatFunc) (void *opaque, const char *name, uint64_t value);
void board_statistics (Board *board, BoardStatFunc add, void *opaque);
/* Likewise of network cards, "net0.sent-packets". */
void board_net_statistics (Board *board, BoardStatFunc add, void *opaque);
/* A key of a device that is no drive has another value while the machine runs.  VM lock NOT held. */
void board_set_key (Board *board, const char *id, const char *key, const char *value);
/* Clients of vsock0 come by `listener`, which is taken.  VM lock NOT held. */
void board_serve_vsock (Board *board, int listener);
/* A network card of the definition on `slot` of `bus`.  VM lock held. */
gboolean board_add_net (Board *board, const MachineDevice *net, PciBus *bus, unsigned slot, GError **error);
/* Of one that is in a slot, there or not: its port and counts.  At build time; VM lock NOT held. */
gboolean board_begin_slot_net (Board *board, const MachineDevice *net, GError **error);
/* What its card is there; NULL: it is for conventional PCI. */
const DeviceClass *board_slot_net_class (const MachineDevice *net);
/* Such a card, before it is realized.  VM lock held. */
void board_prepare_slot_net (Board *board, const MachineDevice *net, Device *card);
gboolean board_net_is_isa (const MachineDevice *net);
/* Such a one; `irq` is the wire of NE2000_ISA_IRQ. */
gboolean board_add_isa_net (Board *board, const MachineDevice *net, IrqLine irq, GError **error);
/* What the far ends of serial ports knew, when those are freed. */
void board_clear_far_ends (Board *board);
/* What a person finds a serial port's other end by: "/dev/pts/4", "127.0.0.1:4000"; NULL: by nothing but the control socket. */
const char *board_serial_name (Board *board, const char *id);
/* NULL: there is none. */
BoardNet *board_find_net (Board *board, const char *id);
/* Of a disk on USB, or a device of this computer's (board/usb.h): "usb 2"; NULL: it isn't plugged in. */
char *board_usb_place (Board *board, const char *id);
Block *board_usb_image (Board *board, const char *id);
/* Of a drive on AHCI (board/ahci.h): "pci 00:03.0 port 1". */
char *board_ahci_place (Board *board, const MachineDrive *drive);
/* A World Wide Name (locally assigned, NAA 3) for a drive: of the machine's UUID and its id, so it stays the same. */
uint64_t board_wwn (Board *board, const char *id);
/* Of a CD-ROM drive on USB; VM lock held. */
gboolean board_usb_tray_open (Board *board, const char *id);
gboolean board_usb_change_media (Board *board, const char *id, Block *block, gboolean force, Block **old,
                                 GError **error);
/* The medium in a drive, or NULL. */
Block *board_drive_block (Board *board, const char *id);

G_END_DECLS
