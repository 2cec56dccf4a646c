/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Causes become an interrupt: ICR and IMS, the throttle (ITR) and the delays of RDTR, RADV, TIDV and TADV.  8254x manual, 13.4.17-13.4.21, 13.4.30-13.4.31,
 * 13.4.44, and 3.2.7.
 */
#define G_LOG_DOMAIN "e1000"

#include "net/e1000-private.h"

#define THROTTLE_NS 256
#define DELAY_NS    1024
#define DELAY_MASK  0xffff

void
e1000_interrupt_update (E1000 *e)
{
  const uint32_t interval = e1000_get (e, E1000_ITR) & 0xffff;
  int64_t now;

  if (e->modern)
    {
      e1000_modern_update (e);
      return;
    }
  if ((e1000_get (e, E1000_ICR) & e1000_get (e, E1000_IMS)) == 0)
    {
      vm_timer_cancel (&e->quiet);
      pci_device_intx (&e->pci, FALSE);
      return;
    }
  if (e->pci.intx_level || vm_timer_armed (&e->quiet))
    return;
  now = e1000_now (e);
  /* A saved state may name any time: no more than an interval counts. */
  if (now < e->next_interrupt && e->next_interrupt - now <= (int64_t)interval * THROTTLE_NS)
    {
      vm_timer_arm (&e->quiet, e->next_interrupt);
      return;
    }
  e->next_interrupt = now + (int64_t)interval * THROTTLE_NS;
  pci_device_intx (&e->pci, TRUE);
}

void
e1000_interrupt (E1000 *e, uint32_t causes)
{
  e1000_set (e, E1000_ICR, e1000_get (e, E1000_ICR) | (e->modern ? e1000_modern_causes (causes) : causes));
  e1000_interrupt_update (e);
}

static void
on_quiet (void *opaque)
{
  E1000 *e = opaque;

  e->next_interrupt = 0;
  e1000_interrupt_update (e);
}

/* -- Delays ----------------------------------------------------------------------------------------- */

void
e1000_flush_receive (E1000 *e)
{
  vm_timer_cancel (&e->rdtr);
  vm_timer_cancel (&e->radv);
  e1000_interrupt (e, ICR_RXT0);
}

void
e1000_flush_transmit (E1000 *e)
{
  vm_timer_cancel (&e->tidv);
  vm_timer_cancel (&e->tadv);
  e1000_interrupt (e, ICR_TXDW | (e->modern ? e->sent : 0));
  e->sent = 0;
}

static void
on_receive_delay (void *opaque)
{
  e1000_flush_receive (opaque);
}

static void
on_transmit_delay (void *opaque)
{
  e1000_flush_transmit (opaque);
}

/* `packet` starts anew with each packet, `absolute` with the first. */
static void
delay (E1000 *e, VmTimer *packet, unsigned packet_register, VmTimer *absolute, unsigned absolute_register)
{
  const int64_t now = e1000_now (e);
  const uint32_t most = e1000_get (e, absolute_register) & DELAY_MASK;

  vm_timer_arm (packet, now + (int64_t)(e1000_get (e, packet_register) & DELAY_MASK) * DELAY_NS);
  if (most != 0 && !vm_timer_armed (absolute))
    vm_timer_arm (absolute, now + (int64_t)most * DELAY_NS);
}

void
e1000_received (E1000 *e)
{
  if ((e1000_get (e, E1000_RDTR) & DELAY_MASK) == 0)
    e1000_flush_receive (e);
  else
    delay (e, &e->rdtr, E1000_RDTR, &e->radv, E1000_RADV);
}

void
e1000_transmitted (E1000 *e, unsigned queue, gboolean delayed)
{
  /* Each queue's cause is its own; delays are for both. */
  e->sent |= queue > 0 ? E1000E_ICR_TXQ1 : E1000E_ICR_TXQ0;
  if (!delayed || (e1000_get (e, E1000_TIDV) & DELAY_MASK) == 0)
    e1000_flush_transmit (e);
  else
    delay (e, &e->tidv, E1000_TIDV, &e->tadv, E1000_TADV);
}

void
e1000_interrupt_init (E1000 *e)
{
  VmClock *clock = e->pci.device.vm->clock;

  vm_timer_init (&e->quiet, clock, on_quiet, e);
  vm_timer_init (&e->rdtr, clock, on_receive_delay, e);
  vm_timer_init (&e->radv, clock, on_receive_delay, e);
  vm_timer_init (&e->tidv, clock, on_transmit_delay, e);
  vm_timer_init (&e->tadv, clock, on_transmit_delay, e);
}

void
e1000_interrupt_cancel (E1000 *e)
{
  vm_timer_cancel (&e->quiet);
  vm_timer_cancel (&e->rdtr);
  vm_timer_cancel (&e->radv);
  vm_timer_cancel (&e->tidv);
  vm_timer_cancel (&e->tadv);
  for (unsigned i = 0; i < E1000_MESSAGES; i++)
    vm_timer_cancel (&e->throttle[i]);
}
