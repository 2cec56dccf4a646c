/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the files of the cards e1000 and e1000e, which is the same with more (`modern`):
 *
 *   e1000.c            PCI, life
 *   e1000-doors.c      registers
 *   e1000-modern.c     what e1000e has more: messages, semaphores
 *   e1000-rom.c        EEPROM, PHY, link
 *   e1000-interrupt.c  causes, delays
 *   e1000-transmit.c   from the ring to the network
 *   e1000-receive.c    from the network to the ring
 *
 * All under the VM lock.  Registers are the guest's and so is a saved state's: each user of one checks it where it uses it.
 */
#pragma once

#include "net/e1000-registers.h"
#include "net/microwire.h"
#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

#define E1000_ROM_WORDS MICROWIRE_WORDS
#define E1000_CRC       4u
#define E1000_QUEUES    2u     /* transmit queues of e1000e; e1000 has one */
#define E1000_QUEUE     0x100u /* from the registers of one to those of the next */
#define E1000_MESSAGES  5u

typedef struct
{
  uint32_t ip, l4, length, more; /* the descriptor as it was given */
  gboolean valid;
} E1000Context;

typedef struct
{
  E1000Context sums, segments;
  gboolean skip; /* what can't be a packet, up to its end */
} E1000Queue;

typedef struct
{
  PciDevice pci;
  NetPort *port;
  gboolean modern;
  Region *registers, *ports;
  uint32_t reg[E1000_END / 4];
  uint32_t port_address; /* IOADDR */

  /* EEPROM, PHY */
  uint16_t rom[E1000_ROM_WORDS]; /* made anew at each start */
  uint16_t phy[PHY_N];
  Microwire wire;
  VmTimer negotiation;

  /* Interrupts */
  VmTimer quiet;          /* ITR: no interrupt before */
  VmTimer rdtr, radv;     /* receive delays */
  VmTimer tidv, tadv;     /* transmit delays */
  int64_t next_interrupt; /* ns */

  /* e1000e's */
  gboolean asserted;                    /* MSI was sent for what is pending */
  uint32_t sent;                        /* TXQ…: queues that wait for the transmit delay's end */
  uint32_t told;                        /* causes of MSI-X likewise */
  VmTimer throttle[E1000_MESSAGES];     /* EITR */
  int64_t next_message[E1000_MESSAGES]; /* ns */

  /* Transmit */
  VmTimer work;
  int64_t next_work; /* ns: others on the loop come first */
  E1000Queue queues[E1000_QUEUES];
  uint8_t packet[NET_MAX_PACKET];
} E1000;

static inline uint32_t
e1000_get (const E1000 *e, unsigned offset)
{
  return e->reg[offset / 4];
}
static inline void
e1000_set (E1000 *e, unsigned offset, uint32_t value)
{
  e->reg[offset / 4] = value;
}
static inline int64_t
e1000_now (const E1000 *e)
{
  return vm_clock_now (e->pci.device.vm->clock);
}

/* Descriptors of a ring of so many bytes: LEN counts in 128 bytes, 20 bits. */
static inline unsigned
e1000_ring_size (uint32_t length)
{
  return (length & 0xfff80) / 16;
}
static inline uint64_t
e1000_ring_base (const E1000 *e, unsigned low)
{
  return ((uint64_t)e1000_get (e, low + 4) << 32 | e1000_get (e, low)) & ~15ull;
}

/* e1000-rom.c */
void e1000_rom_init (E1000 *e);
/* The card's address again in RAL 0. */
void e1000_rom_load (E1000 *e);
void e1000_eecd_write (E1000 *e, uint32_t value);
void e1000_eerd_write (E1000 *e, uint32_t value);
void e1000_mdic_write (E1000 *e, uint32_t value);
void e1000_phy_reset (E1000 *e);
/* Negotiates anew. */
void e1000_phy_restart (E1000 *e);
gboolean e1000_phy_loops (const E1000 *e);
gboolean e1000_link (const E1000 *e);
/* Cable, PHY or CTRL have changed: STATUS, and the interrupt. */
void e1000_link_update (E1000 *e);
void e1000_on_negotiated (void *opaque);

/* e1000-doors.c */
extern const IoOps e1000_registers_ops, e1000_ports_ops;
#define E1000_REGISTERS_SIZE 0x20000u
/* By CTRL.RST: all but the PHY (13.4.1). */
void e1000_reset_registers (E1000 *e);

/* e1000-modern.c */
void e1000_modern_init (E1000 *e);
void e1000_modern_reset (E1000 *e);
uint32_t e1000_modern_causes (uint32_t causes);
void e1000_modern_update (E1000 *e);
uint32_t e1000_modern_read_icr (E1000 *e);
void e1000_modern_write_icr (E1000 *e, uint32_t value);
/* FALSE: it is none of these registers. */
gboolean e1000_modern_write (E1000 *e, unsigned offset, uint32_t value);
gboolean e1000_modern_read (E1000 *e, unsigned offset, uint32_t *value);

/* e1000-interrupt.c */
void e1000_interrupt (E1000 *e, uint32_t causes);
/* ICR or IMS have changed. */
void e1000_interrupt_update (E1000 *e);
void e1000_received (E1000 *e);
/* One with IDE (`delayed`), or without. */
void e1000_transmitted (E1000 *e, unsigned queue, gboolean delayed);
void e1000_flush_receive (E1000 *e);
void e1000_flush_transmit (E1000 *e);
void e1000_interrupt_init (E1000 *e);
void e1000_interrupt_cancel (E1000 *e);

/* e1000-transmit.c */
/* There may be something to send: soon, on the device loop. */
void e1000_kick (E1000 *e);
void e1000_on_work (void *opaque);

/* e1000-receive.c */
/* FALSE: there is no room. */
gboolean e1000_receive_frame (E1000 *e, const NetOffload *offload, const uint8_t *packet, size_t length);
/* RDT, RCTL or something else that lets packets in has changed. */
void e1000_listen (E1000 *e);

/* Statistics, 13.7: a counter stops at its end; a pair counts bytes. */
void e1000_count (E1000 *e, unsigned counter);
void e1000_count_bytes (E1000 *e, unsigned low, size_t length);
/* The counter for packets of so many bytes with CRC, of six from `first` on. */
void e1000_count_size (E1000 *e, unsigned first, size_t length);

G_END_DECLS
