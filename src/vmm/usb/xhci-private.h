/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the xHCI: registers, contexts, rings.  Numbers of sections are those of xHCI 1.1.  All under the VM lock; whatever lies in guest memory is
 * read once, into copies.
 */
#pragma once

#include "usb/xhci.h"

G_BEGIN_DECLS

/* -- Registers: 5 -------------------------------------------------------------------------------------- */

#define XHCI_BAR_SIZE    0x4000u
#define XHCI_OPERATIONAL 0x40u
#define XHCI_PORTS       0x440u
#define XHCI_RUNTIME     0x1000u
#define XHCI_DOORBELLS   0x2000u

#define XHCI_SLOTS        32u
#define XHCI_INTERRUPTERS 8u
#define XHCI_N_REGS       (2 * XHCI_N_PORTS) /* ports as the guest counts them: USB 2, then USB 3 */
#define XHCI_ENDPOINTS    31u                /* device context indexes 1 to 31 */
#define XHCI_STREAMS      3u                 /* as MaxPSASize has it: 16 contexts */

enum
{
  USBCMD_RUN = 1 << 0,
  USBCMD_RESET = 1 << 1,
  USBCMD_INTE = 1 << 2,
  USBCMD_CSS = 1 << 8,
  USBCMD_CRS = 1 << 9,
  USBCMD_KEPT = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 10 | 1 << 11,

  USBSTS_HALTED = 1 << 0,
  USBSTS_HSE = 1 << 2,
  USBSTS_EINT = 1 << 3,
  USBSTS_PCD = 1 << 4,
  USBSTS_SRE = 1 << 10,
  USBSTS_CLEAR = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 10,

  CRCR_RCS = 1 << 0,
  CRCR_STOP = 1 << 1,
  CRCR_ABORT = 1 << 2,
  CRCR_RUNNING = 1 << 3,

  IMAN_IP = 1 << 0,
  IMAN_IE = 1 << 1,
  ERDP_EHB = 1 << 3,
};

/* 5.4.8 */
#define PORTSC_CCS       (1u << 0)
#define PORTSC_PED       (1u << 1)
#define PORTSC_PR        (1u << 4)
#define PORTSC_PLS_SHIFT 5
#define PORTSC_PLS       (0xfu << PORTSC_PLS_SHIFT)
#define PORTSC_PP        (1u << 9)
#define PORTSC_SPEED     10
#define PORTSC_PIC       (3u << 14)
#define PORTSC_LWS       (1u << 16)
#define PORTSC_CSC       (1u << 17)
#define PORTSC_PEC       (1u << 18)
#define PORTSC_WRC       (1u << 19)
#define PORTSC_PRC       (1u << 21)
#define PORTSC_PLC       (1u << 22)
#define PORTSC_CHANGES   (0x7fu << 17)
#define PORTSC_WAKES     (7u << 25)
#define PORTSC_WPR       (1u << 31)
enum
{
  PLS_U0 = 0,
  PLS_U3 = 3,
  PLS_RX_DETECT = 5,
  PLS_POLLING = 7,
  PLS_RESUME = 15,
};

/* -- TRBs: 6.4 --------------------------------------------------------------------------------------------- */

#define XHCI_TRB_SIZE 16u
enum
{
  TRB_NORMAL = 1,
  TRB_SETUP = 2,
  TRB_DATA = 3,
  TRB_STATUS = 4,
  TRB_ISOCH = 5,
  TRB_LINK = 6,
  TRB_EVENT_DATA = 7,
  TRB_NO_OP = 8,
  TRB_ENABLE_SLOT = 9,
  TRB_DISABLE_SLOT = 10,
  TRB_ADDRESS_DEVICE = 11,
  TRB_CONFIGURE = 12,
  TRB_EVALUATE = 13,
  TRB_RESET_ENDPOINT = 14,
  TRB_STOP_ENDPOINT = 15,
  TRB_SET_DEQUEUE = 16,
  TRB_RESET_DEVICE = 17,
  TRB_BANDWIDTH = 21,
  TRB_COMMAND_NO_OP = 23,
  TRB_EVENT_TRANSFER = 32,
  TRB_EVENT_COMMAND = 33,
  TRB_EVENT_PORT = 34,
  TRB_EVENT_HOST = 37,
};
#define TRB_CYCLE      (1u << 0)
#define TRB_TOGGLE     (1u << 1) /* of a link */
#define TRB_EVENT_ED   (1u << 2)
#define TRB_ISP        (1u << 2)
#define TRB_CHAIN      (1u << 4)
#define TRB_IOC        (1u << 5)
#define TRB_IDT        (1u << 6)
#define TRB_BSR        (1u << 9)
#define TRB_BEI        (1u << 9)
#define TRB_DIR_IN     (1u << 16)
#define TRB_TYPE_SHIFT 10
#define TRB_LENGTH     0x1ffffu

/* 6.4.5 */
enum
{
  CC_SUCCESS = 1,
  CC_BABBLE = 3,
  CC_TRANSACTION = 4,
  CC_TRB = 5,
  CC_STALL = 6,
  CC_RESOURCE = 7,
  CC_NO_SLOTS = 9,
  CC_SLOT_NOT_ENABLED = 11,
  CC_SHORT_PACKET = 13,
  CC_PARAMETER = 17,
  CC_CONTEXT_STATE = 19,
  CC_RING_FULL = 21,
  CC_COMMAND_STOPPED = 24,
  CC_STOPPED = 26,
};

typedef struct
{
  uint64_t address; /* of itself */
  uint64_t parameter;
  uint32_t status, control;
} XhciTrb;

static inline unsigned
trb_type (const XhciTrb *trb)
{
  return trb->control >> TRB_TYPE_SHIFT & 0x3f;
}

/* -- Contexts: 6.2 ----------------------------------------------------------------------------------------- */

#define XHCI_CONTEXT 32u
enum
{
  SLOT_DISABLED, /* also enabled, without an address */
  SLOT_DEFAULT,
  SLOT_ADDRESSED,
  SLOT_CONFIGURED,
};
enum
{
  EP_DISABLED,
  EP_RUNNING,
  EP_HALTED,
  EP_STOPPED,
  EP_ERROR,
};
enum
{
  EP_TYPE_ISO_OUT = 1,
  EP_TYPE_BULK_OUT = 2,
  EP_TYPE_CONTROL = 4,
  EP_TYPE_ISO_IN = 5,
  EP_TYPE_BULK_IN = 6,
};

/* A ring of the guest's, and where its reader is: in front of the TRB at `dequeue`, of which `offset` bytes were moved already. */
typedef struct
{
  uint8_t state, type, cycle;
  uint8_t pid;    /* of the TD that is under way */
  uint8_t in_td;  /* the TRB before this one is chained to it */
  uint8_t parked; /* the device has answered NAK; for who looks at it */
  uint16_t max_packet;
  uint32_t offset;
  uint32_t moved; /* EDTLA, 24 bits */
  uint64_t dequeue;
  /* Isochronous, not saved: when the next TD is due (the machine's clock, 0: at once), and how far apart they are. */
  int64_t due, interval;
  /* Streams: the ring above is that of `stream` (0: of none yet). */
  uint8_t streams; /* as MaxPStreams has it; 0: none */
  uint8_t stream;
  uint16_t ready; /* a bit a stream that the guest has rung for */
  uint64_t stream_contexts;
} XhciEndpoint;

typedef struct
{
  gboolean enabled;
  uint8_t state, port; /* register of the root port, from 0 */
  uint32_t route;
  uint64_t context; /* the guest's, 32 of 32 bytes */
  uint32_t pending; /* a bit a device context index: look at its ring */
  XhciEndpoint endpoints[XHCI_ENDPOINTS];
} XhciSlot;

/* -- Interrupters ------------------------------------------------------------------------------------------ */

#define XHCI_QUEUE 256u /* events that the ring had no room for… */
#define XHCI_GATE  64u /* …where nothing more is begun; the most that one step makes is below the difference */

typedef struct
{
  uint64_t parameter;
  uint32_t status, control;
} XhciEvent;

typedef struct
{
  uint32_t iman, imod, erstsz;
  uint64_t erstba, erdp;
  /* The one segment of its ring. */
  uint64_t ring;
  uint32_t ring_size, enqueue;    /* TRBs */
  uint8_t cycle, full;            /* the guest was told that it is */
  uint32_t first, n;              /* of the queue */
  uint64_t queue[2 * XHCI_QUEUE]; /* parameter; status, and control in the upper half */
} XhciInterrupter;

/* -- The controller --------------------------------------------------------------------------------------------- */

#define XHCI_CHUNK 0x10000u /* bytes that are moved at a time; a multiple of each packet size */

typedef struct
{
  PciDevice pci;
  Region *registers;
  VmTimer work;
  VmTimer iso; /* the next isochronous TD */
  uint64_t turns;
  unsigned turn; /* whose it is: 32 a slot, and the device context index; not saved */

  uint32_t usbcmd, usbsts, dnctrl, config;
  uint64_t dcbaap;
  uint64_t crcr; /* as the guest has written it */
  uint64_t command_dequeue;
  uint8_t command_cycle, command_running, commands_waiting;
  uint32_t portsc[XHCI_N_REGS];
  UsbPort ports[XHCI_N_PORTS];
  XhciInterrupter interrupters[XHCI_INTERRUPTERS];
  XhciSlot slots[XHCI_SLOTS];
  uint8_t *buffer; /* XHCI_CHUNK, of a step */
} Xhci;

static inline gboolean
xhci_running (const Xhci *x)
{
  return !(x->usbsts & USBSTS_HALTED);
}

/* xhci.c */
/* There is something to look at. */
void xhci_kick (Xhci *x);
/* Memory that must be there isn't: 4.10.2.6. */
void xhci_die (Xhci *x, const char *what);
gboolean xhci_read_trb (Xhci *x, uint64_t address, XhciTrb *trb);
/* The device of a slot; NULL: it is gone, or a port on the way is off. */
UsbDevice *xhci_slot_device (Xhci *x, const XhciSlot *slot);

/* xhci-event.c */
void xhci_event (Xhci *x, unsigned interrupter, const XhciEvent *event, gboolean quiet);
/* TRUE: nothing may be begun that makes events. */
gboolean xhci_gated (const Xhci *x);
void xhci_load_ring (Xhci *x, unsigned n);
/* ERDP was written: `value` has its low bits. */
void xhci_dequeued (Xhci *x, unsigned n, uint32_t value);
void xhci_update_line (Xhci *x);

/* xhci-port.c */
extern const UsbPortOps xhci_port_ops;
void xhci_ports_reset (Xhci *x);
void xhci_port_write (Xhci *x, unsigned reg, uint32_t value);
/* Which of the ports let signals through follows the registers. */
void xhci_ports_update (Xhci *x);

/* xhci-command.c */
/* The next command of the ring.  FALSE: there is none. */
gboolean xhci_command (Xhci *x);
void xhci_command_stopped (Xhci *x);

/* xhci-transfer.c */
typedef enum
{
  XHCI_STEP_IDLE, /* nothing to do until something happens */
  XHCI_STEP_MORE,
} XhciStep;
/* A piece of a transfer. */
XhciStep xhci_transfer (Xhci *x, unsigned slot, unsigned dci);
/* xhci-iso.c */
static inline gboolean
xhci_is_iso (const XhciEndpoint *ep)
{
  return ep->type == EP_TYPE_ISO_OUT || ep->type == EP_TYPE_ISO_IN;
}
/* FALSE: its next TD isn't due yet; it is looked at then. */
gboolean xhci_iso_due (Xhci *x, const XhciSlot *slot, unsigned dci);
/* A TD was carried out. */
void xhci_iso_done (XhciEndpoint *ep);
void xhci_iso_init (Xhci *x);

/* xhci-stream.c */
/* Contexts, with that of stream 0; 0: the endpoint has none. */
unsigned xhci_n_streams (const XhciEndpoint *ep);
/* The guest has rung for it. */
void xhci_stream_ring (XhciEndpoint *ep, unsigned stream);
/* The ring of a stream for which both sides have something is the endpoint's now.  FALSE: there is none.  `device` may be NULL. */
gboolean xhci_stream_choose (Xhci *x, UsbDevice *device, XhciEndpoint *ep, unsigned dci);
/* Nothing is in the ring of that stream. */
void xhci_stream_empty (XhciEndpoint *ep);
/* Where the ring's reader is goes into the stream's context. */
void xhci_stream_store (Xhci *x, XhciEndpoint *ep);
/* FALSE: there is no such stream. */
gboolean xhci_stream_dequeue (Xhci *x, XhciEndpoint *ep, unsigned stream, uint64_t where);
/* What was loaded makes sense. */
gboolean xhci_stream_check (const XhciEndpoint *ep);

/* The endpoint is to stand still: tells of the TD that is under way. */
void xhci_transfer_stopped (Xhci *x, unsigned slot, unsigned dci);
/* State and dequeue pointer of an endpoint into the guest's context. */
void xhci_write_endpoint (Xhci *x, const XhciSlot *slot, unsigned dci);

G_END_DECLS
