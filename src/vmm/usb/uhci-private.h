/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the UHCI: registers and what lies in guest memory.  Numbers are those of the design guide.
 */
#pragma once

#include "usb/uhci.h"

G_BEGIN_DECLS

/* 2.1 */
enum
{
  USBCMD_RS = 1 << 0,
  USBCMD_HCRESET = 1 << 1,
  USBCMD_GRESET = 1 << 2,
  USBCMD_EGSM = 1 << 3,
  USBCMD_FGR = 1 << 4,

  USBSTS_USBINT = 1 << 0,
  USBSTS_ERROR = 1 << 1,
  USBSTS_RESUME = 1 << 2,
  USBSTS_HSE = 1 << 3,
  USBSTS_HCPE = 1 << 4,
  USBSTS_HALTED = 1 << 5,

  USBINTR_ERROR = 1 << 0,
  USBINTR_RESUME = 1 << 1,
  USBINTR_IOC = 1 << 2,
  USBINTR_SHORT = 1 << 3,

  PORT_CCS = 1 << 0,
  PORT_CSC = 1 << 1,
  PORT_ENABLED = 1 << 2,
  PORT_PEC = 1 << 3,
  PORT_LINES = 3 << 4,
  PORT_RESUME = 1 << 6,
  PORT_ONE = 1 << 7,
  PORT_LOW_SPEED = 1 << 8,
  PORT_RESET = 1 << 9,
  PORT_SUSPEND = 1 << 12,
};

/* 3.1, 3.2 */
#define LINK_END   (1u << 0)
#define LINK_QH    (1u << 1)
#define LINK_DEPTH (1u << 2)

#define TD_LENGTH  0x7ffu
#define TD_TIMEOUT (1u << 18)
#define TD_NAK     (1u << 19)
#define TD_BABBLE  (1u << 20)
#define TD_BUFFER  (1u << 21)
#define TD_STALLED (1u << 22)
#define TD_ACTIVE  (1u << 23)
#define TD_IOC     (1u << 24)
#define TD_ERRORS  (3u << 27)
#define TD_SHORT   (1u << 29)
#define TD_MAX     1280u

typedef struct
{
  PciDevice pci;
  Region *registers;
  VmTimer work;
  uint64_t turns;
  UhciModel model;

  uint16_t usbcmd, usbsts, usbintr;
  uint8_t causes; /* of USBINT: 1 a TD with IOC, 2 a short packet */
  uint8_t sofmod;
  uint32_t frame_base;
  uint32_t frame; /* the next to be done, as a running number of milliseconds from `started` on */
  uint32_t first; /* FRNUM where it started */
  int64_t started;
  uint32_t quiet; /* turns without anything to do */
  uint16_t portsc[UHCI_N_PORTS];
  UsbPort ports[UHCI_N_PORTS];
} Uhci;

/* uhci.c */
void uhci_update_line (Uhci *u);
/* A schedule that makes no sense, or isn't in memory. */
void uhci_halt (Uhci *u, unsigned status);

/* uhci-schedule.c */
/* Carries out one frame.  TRUE: something was moved. */
gboolean uhci_frame (Uhci *u, uint32_t number);

G_END_DECLS
