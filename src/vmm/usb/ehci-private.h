/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the EHCI: registers and what lies in guest memory.  Numbers are those of EHCI 1.0.
 */
#pragma once

#include "usb/ehci.h"

G_BEGIN_DECLS

/* 2.3 */
enum
{
  USBCMD_RS = 1 << 0,
  USBCMD_RESET = 1 << 1,
  USBCMD_SIZE = 3 << 2,
  USBCMD_PERIODIC = 1 << 4,
  USBCMD_ASYNC = 1 << 5,
  USBCMD_DOORBELL = 1 << 6,

  USBSTS_INT = 1 << 0,
  USBSTS_ERROR = 1 << 1,
  USBSTS_PORT = 1 << 2,
  USBSTS_ROLLOVER = 1 << 3,
  USBSTS_HSE = 1 << 4,
  USBSTS_ADVANCE = 1 << 5,
  USBSTS_CAUSES = 0x3f,
  USBSTS_HALTED = 1 << 12,
  USBSTS_PERIODIC = 1 << 14,
  USBSTS_ASYNC = 1 << 15,

  PORTSC_CCS = 1 << 0,
  PORTSC_CSC = 1 << 1,
  PORTSC_PED = 1 << 2,
  PORTSC_PEDC = 1 << 3,
  PORTSC_OCC = 1 << 5,
  PORTSC_RESUME = 1 << 6,
  PORTSC_SUSPEND = 1 << 7,
  PORTSC_RESET = 1 << 8,
  PORTSC_LINE_J = 2 << 10,
  PORTSC_POWER = 1 << 12,
  PORTSC_OWNER = 1 << 13,
  PORTSC_KEPT = 0x7f << 16 | 3 << 14, /* indicators, test control, wakes */
};

/* 3.3 to 3.7 */
#define LINK_END        (1u << 0)
#define LINK_TYPE_SHIFT 1
enum
{
  LINK_ITD,
  LINK_QH,
  LINK_SITD,
  LINK_FSTN,
};

#define TOKEN_XACT    (1u << 3)
#define TOKEN_BABBLE  (1u << 4)
#define TOKEN_BUFFER  (1u << 5)
#define TOKEN_HALTED  (1u << 6)
#define TOKEN_ACTIVE  (1u << 7)
#define TOKEN_ERRORS  (3u << 10)
#define TOKEN_IOC     (1u << 15)
#define TOKEN_TOGGLE  (1u << 31)
#define EHCI_PAGES    5u
#define EHCI_TD_BYTES (EHCI_PAGES * 4096u)

typedef struct
{
  PciDevice pci;
  Region *registers;
  VmTimer work;
  uint64_t turns;
  Device *companions[EHCI_N_COMPANIONS];

  uint32_t usbcmd, usbsts, usbintr;
  uint32_t periodic_base, async_base, config_flag;
  uint32_t first; /* FRINDEX where it started */
  uint32_t frame; /* the next of the periodic schedule, counted from `started` on */
  int64_t started;
  uint32_t quiet;
  uint32_t portsc[EHCI_N_PORTS];
  UsbPort ports[EHCI_N_PORTS];
  uint8_t buffer[EHCI_TD_BYTES];
} Ehci;

/* ehci.c */
void ehci_halt (Ehci *e);

/* ehci-schedule.c: TRUE: something was moved. */
gboolean ehci_async (Ehci *e);
gboolean ehci_periodic (Ehci *e, uint32_t frame);
/* The device of an address; NULL: none of the controller's. */
UsbDevice *ehci_find_device (Ehci *e, unsigned address);

/* ehci-iso.c: an isochronous descriptor at a link, and where the next one is.  TRUE: something was moved. */
gboolean ehci_iso (Ehci *e, uint32_t address, uint32_t *next);
gboolean ehci_split_iso (Ehci *e, uint32_t address, uint32_t *next);

G_END_DECLS
