/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * National DP8390D with the memory and the ports of an NE2000 around it, whatever bus that sits on.  DP8390D/NS32490D data sheet, chapters 7 to 12; RTL8029AS
 * data sheet for the identity in page 0.
 *
 * Ports (32): 0x00-0x0f the chip, 0x10-0x17 data, 0x18-0x1f reset.  Memory as the chip sees it: address and signature at 0, each byte twice; RAM of 16 KiB at 0x4000.
 * All under the VM lock.
 */
#pragma once

#include "core/state.h"
#include "net/net.h"

G_BEGIN_DECLS

#define DP8390_PORTS 32u
#define DP8390_RAM   0x4000u

typedef struct
{
  Vm *vm;
  NetPort *port;
  void (*interrupt) (void *opaque, gboolean level);
  void *opaque;
  gboolean identity; /* as RTL8029 it says who it is */

  uint8_t prom[32]; /* made anew at each start */
  uint8_t ram[DP8390_RAM];
  uint8_t command, start, stop, boundary, current;
  uint8_t transmit_page, transmit_status, receive_status;
  uint8_t isr, imr, rcr, tcr, dcr;
  uint8_t address[6], multicast[8];
  uint8_t missed; /* CNTR2 */
  uint16_t transmit_count, remote_address, remote_count, remote_left;
} Dp8390;

extern const StateField dp8390_state[];

/* In realize. */
void dp8390_init (Dp8390 *d, Vm *vm, NetPort *port);
void dp8390_reset (Dp8390 *d);
void dp8390_post_load (Dp8390 *d);
/* 1, 2 or 4 bytes; wider ones mean something at the data port alone. */
uint32_t dp8390_read (Dp8390 *d, unsigned offset, unsigned size);
void dp8390_write (Dp8390 *d, unsigned offset, uint32_t value, unsigned size);

G_END_DECLS
