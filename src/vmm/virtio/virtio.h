/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A virtio device on PCI, modern and transitional.  Virtual I/O Device (VIRTIO) 1.2, chapters 2 (common parts) and 4.1 (PCI).
 *
 * A device of ours begins with a VirtDevice, whose first part is the PciDevice.  This part has the registers, the state machine, interrupts and doorbells;
 * the device has its configuration and does what its queues ask.
 *
 * Threads: registers under the VM lock, on a processor's thread.  A doorbell is an eventfd; what it asks for is done on the queue's thread without the VM
 * lock, with the queue's.  So whoever resets takes the queue's lock, and finds nobody at it.  The queue's thread is that of the device loop, or an I/O thread
 * (VirtClass.threaded), where requests end, too, and which never takes the VM lock.
 */
#pragma once

#include "pci/pci.h"
#include "virtio/queue.h"

G_BEGIN_DECLS

#define VIRT_MAX_QUEUES 32

/* 5: device types. */
enum
{
  VIRT_TYPE_NET = 1,
  VIRT_TYPE_BLOCK = 2,
  VIRT_TYPE_CONSOLE = 3,
  VIRT_TYPE_ENTROPY = 4,
  VIRT_TYPE_BALLOON = 5,
  VIRT_TYPE_SCSI = 8,
  VIRT_TYPE_INPUT = 18,
  VIRT_TYPE_VSOCK = 19,
  VIRT_TYPE_FS = 26,
};

/* 6: features of all devices. */
#define VIRT_FEATURE(n)        (UINT64_C (1) << (n))
#define VIRT_F_NOTIFY_ON_EMPTY VIRT_FEATURE (24)
#define VIRT_F_ANY_LAYOUT      VIRT_FEATURE (27)
#define VIRT_F_INDIRECT        VIRT_FEATURE (28)
#define VIRT_F_EVENT_INDEX     VIRT_FEATURE (29)
#define VIRT_F_VERSION_1       VIRT_FEATURE (32)
#define VIRT_F_RING_PACKED     VIRT_FEATURE (34)
#define VIRT_F_RING_RESET      VIRT_FEATURE (40)

typedef struct VirtDevice VirtDevice;

typedef struct
{
  uint16_t type;         /* VIRT_TYPE_… */
  uint16_t transitional; /* PCI device id of the transitional device; 0: modern only */
  uint32_t class_code;
  uint64_t features; /* the device's own, at most */
  unsigned queue_size;
  unsigned config_size; /* bytes at VirtDevice.config */
  gboolean locked;      /* room(), run() and unused() want the VM lock, too */
  gboolean
      threaded; /* I/O threads serve the queues from `first_threaded` on, one each: vm_io_context (vm, n - first_threaded) */
  unsigned first_threaded;
  /* The driver has rung for queue `n`, or the machine goes on: the queue's thread, its lock held.  room() gives an empty chain for the next one, or
   * NULL: there can be no more now; run() takes one that is full; unused() takes back what room() gave. */
  VirtChain *(*room) (VirtDevice *virt, unsigned n);
  void (*run) (VirtDevice *virt, unsigned n, VirtChain *chain);
  void (*unused) (VirtDevice *virt, unsigned n, VirtChain *chain);
  /* Around room() and run(), where a bell was heard: the queue's thread, no lock held.  Both NULL, or neither. */
  void (*begin) (VirtDevice *virt, unsigned n);
  void (*end) (VirtDevice *virt, unsigned n);
  /* Queue `n` is to stop: returns when nothing that was taken from it touches guest memory any more.  What ends later has another generation of the
   * queue, and is not given back.  VM lock held, the queue's not; nothing is taken meanwhile.  NULL: run() gives each chain back before it returns. */
  void (*stop) (VirtDevice *virt, unsigned n);
  /* Returns when nothing that was taken from queue `n` touches guest memory; it may be given back later.  VM lock held, the queue's not.  NULL: as
   * for stop(). */
  void (*settle) (VirtDevice *virt, unsigned n);
  /* A byte of the configuration that isn't (all) in `config`, VM lock held.  NULL: it is. */
  uint8_t (*config_byte) (VirtDevice *virt, unsigned offset);
  /* The driver has written to `config`, VM lock held.  May be NULL. */
  void (*configured) (VirtDevice *virt, unsigned offset, unsigned size);
  /* The driver is ready (DRIVER_OK), VM lock held.  May be NULL. */
  void (*started) (VirtDevice *virt);
} VirtClass;

struct VirtDevice
{
  PciDevice pci;
  const VirtClass *virt_class;
  unsigned n_queues;
  VirtQueue queues[VIRT_MAX_QUEUES];
  uint8_t config[64];   /* as the driver reads it */
  uint8_t writable[64]; /* bytes of it that the driver may write: 0xff */

  uint64_t offered;  /* features */
  uint64_t features; /* atomic, as the status is: a queue's thread reads them */
  uint32_t offered_half, driver_half, queue_selected;
  uint8_t status, generation;
  uint16_t vector;

  GMutex isr_lock; /* behind the queues' */
  uint8_t isr;     /* under it */

  gboolean paused;  /* atomic: no new work */
  GSource *failing; /* atomic: a queue was found broken, and that is yet to be told */
  unsigned window;  /* the capability of that name, in configuration space */
  Region *registers, *legacy;
  int bells[VIRT_MAX_QUEUES]; /* eventfds */
  GSource *sources[VIRT_MAX_QUEUES];
  struct VirtBell
  {
    VirtDevice *virt;
    unsigned n;
  } bell_of[VIRT_MAX_QUEUES];
};

/* For a device's table: STATE_STRUCT (VirtBlock, virt, virt_device_state). */
extern const StateField virt_device_state[];

/* -- For the class functions of a device ------------------------------------------------------------ */

/* In realize, with pci.bus and pci.devfn set, `n_queues` up to VIRT_MAX_QUEUES.  `features`: those of virt_class->features that this one has. */
gboolean virt_device_realize (VirtDevice *virt, const VirtClass *virt_class, unsigned n_queues,
                              uint64_t features, GError **error);
/* Its rings may be packed, if the driver likes.  Before the machine starts, VM lock held. */
void virt_offer_packed (VirtDevice *virt);
void virt_device_unrealize (VirtDevice *virt);
void virt_device_reset (VirtDevice *virt);
void virt_device_pause (VirtDevice *virt);
void virt_device_resume (VirtDevice *virt);
gboolean virt_device_post_load (VirtDevice *virt, GError **error);
/* The same for the DeviceClass of one that has nothing of its own to do then. */
void virt_plain_reset (Device *device);
void virt_plain_pause (Device *device);
void virt_plain_resume (Device *device);
gboolean virt_plain_post_load (Device *device, GError **error);

/* -- For what a device does ----------------------------------------------------------------------------- */

static inline gboolean
virt_has (const VirtDevice *virt, uint64_t feature)
{
  /* A driver that goes on though it was refused has what it was offered. */
  return (__atomic_load_n (&virt->features, __ATOMIC_RELAXED) & virt->offered & feature) != 0;
}

/* Any thread, the queue's lock held or not: the driver wants to hear of queue `n`. */
void virt_interrupt_queue (VirtDevice *virt, unsigned n);
/* Gives a chain back with `length` bytes written, whose memory is then no more the device's, and tells the driver if it wants to hear of it.  The
 * queue's lock held. */
void virt_give (VirtDevice *virt, unsigned n, VirtChain *chain, uint32_t length);
/* The context of queue `n`'s thread.  VM lock held. */
GMainContext *virt_queue_context (const VirtDevice *virt, unsigned n);
/* vm_io_call() of queue `n`, which is a threaded one. */
void virt_queue_call (VirtDevice *virt, unsigned n, VmFunc func, void *opaque);
/* At the beginning of unrealize: nothing is taken from the queues any more.  VM lock held. */
void virt_device_retire (VirtDevice *virt);
/* What was taken from a queue has ended, or is held: whoever waits for `drained` looks again.  The queue's lock was taken and let go of since. */
void virt_ended (VirtDevice *virt);
/* Has the queue's thread look at queue `n`.  Any thread. */
void virt_ring (VirtDevice *virt, unsigned n);
/* `config` has changed.  VM lock held. */
void virt_config_changed (VirtDevice *virt);
/* Looks at queue `n` again, as if the driver had rung: there is room again.  The queue's thread, its lock held, and the VM lock if the class wants
 * it (then on any thread). */
void virt_queue_look (VirtDevice *virt, unsigned n);
/* For a device that takes chains as it needs them, with room() always NULL.  1; 0: there is none, and the driver rings when there is; -1: there is no driver, or
 * none that makes sense.  The queue's thread, its lock held. */
int virt_queue_next (VirtDevice *virt, unsigned n, VirtChain *chain);

G_END_DECLS
