/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the 82574 has that the 82540 hadn't: MSI and MSI-X with causes of their own, masks that set and causes that clear themselves, semaphores between
 * driver and firmware.  82574 GbE Controller Family Datasheet, 7.4 and chapter 10.
 */
#define G_LOG_DOMAIN "e1000e"

#include "net/e1000-private.h"

#include "pci/msi.h"
#include "pci/msix.h"

#define THROTTLE_NS 256
#define FIRST_CAUSE 20 /* RXQ0, RXQ1, TXQ0, TXQ1, other: in IVAR four bits each, in this order */

/* 7.4.2: beside a cause of old, the queue's or the group's that it belongs to. */
uint32_t
e1000_modern_causes (uint32_t causes)
{
  if (causes & (ICR_RXT0 | ICR_RXDMT0))
    causes |= E1000E_ICR_RXQ0;
  if (causes & E1000E_OTHERS)
    causes |= E1000E_ICR_OTHER;
  return causes;
}

/* FALSE: not yet; the timer comes back to it. */
static gboolean
may_interrupt (E1000 *e, VmTimer *timer, int64_t *next, uint32_t interval)
{
  const int64_t now = e1000_now (e), least = (int64_t)(interval & 0xffff) * THROTTLE_NS;

  if (vm_timer_armed (timer))
    return FALSE;
  /* A saved state may name any time: no more than an interval counts. */
  if (now < *next && *next - now <= least)
    {
      vm_timer_arm (timer, *next);
      return FALSE;
    }
  *next = now + least;
  return TRUE;
}

/* 7.4.4: a message is sent once for a cause, which then clears and masks itself where EIAC says so. */
static void
send_messages (E1000 *e, uint32_t pending)
{
  const uint32_t ivar = e1000_get (e, E1000E_IVAR), clear = e1000_get (e, E1000E_EIAC);

  e->told &= pending;
  for (unsigned i = 0; i < E1000_MESSAGES; i++)
    {
      const uint32_t cause = 1u << (FIRST_CAUSE + i);
      const unsigned entry = ivar >> 4 * i & 15, vector = entry & 7;

      if (!(pending & ~e->told & cause) || !(entry & E1000E_IVAR_VALID) || vector >= E1000_MESSAGES
          || !may_interrupt (e, &e->throttle[vector], &e->next_message[vector],
                             e1000_get (e, E1000E_EITR + 4 * vector)))
        continue;
      if (clear & cause)
        {
          e1000_set (e, E1000_ICR, e1000_get (e, E1000_ICR) & ~cause);
          e1000_set (e, E1000_IMS, e1000_get (e, E1000_IMS) & ~cause);
        }
      else
        {
          e->told |= cause;
        }
      pci_msix_notify (&e->pci, vector);
    }
}

void
e1000_modern_update (E1000 *e)
{
  const uint32_t pending = e1000_get (e, E1000_ICR) & e1000_get (e, E1000_IMS);

  if (pci_msix_enabled (&e->pci))
    {
      pci_device_intx (&e->pci, FALSE);
      send_messages (e, pending);
      return;
    }
  if (pending == 0)
    {
      vm_timer_cancel (&e->quiet);
      e->asserted = FALSE;
    }
  else if (!e->asserted && may_interrupt (e, &e->quiet, &e->next_interrupt, e1000_get (e, E1000_ITR)))
    {
      e->asserted = TRUE;
      if (pci_msi_enabled (&e->pci))
        pci_msi_notify (&e->pci, 0);
    }
  pci_device_intx (&e->pci, e->asserted && !pci_msi_enabled (&e->pci));
}

static void
mask_themselves (E1000 *e)
{
  if (e1000_get (e, E1000_CTRL_EXT) & E1000E_CTRL_EXT_IAME)
    e1000_set (e, E1000_IMS, e1000_get (e, E1000_IMS) & ~e1000_get (e, E1000E_IAM));
}

/* 10.2.4.1: reading clears while the interrupt is asserted, or nothing may raise one. */
uint32_t
e1000_modern_read_icr (E1000 *e)
{
  const uint32_t icr = e1000_get (e, E1000_ICR), pending = icr & e1000_get (e, E1000_IMS);

  if (pending != 0 || e1000_get (e, E1000_IMS) == 0)
    {
      e1000_set (e, E1000_ICR, 0);
      if (pending != 0)
        mask_themselves (e);
      e1000_modern_update (e);
    }
  return icr | (pending != 0 ? E1000E_ICR_ASSERTED : 0);
}

/* Whoever clears the group's cause clears what belongs to it. */
void
e1000_modern_write_icr (E1000 *e, uint32_t value)
{
  if (value & E1000E_ICR_OTHER)
    value |= E1000E_OTHERS;
  e1000_set (e, E1000_ICR, e1000_get (e, E1000_ICR) & ~value);
  mask_themselves (e);
  e1000_modern_update (e);
}

static uint32_t
bits_of (unsigned offset)
{
  switch (offset)
    {
    case E1000E_EIAC:
      return 0x1f00000;
    case E1000E_IAM:
    case E1000E_IVAR:
    case E1000E_EXTCNF:
    case E1000E_PHY_CTRL:
    case E1000E_PSRCTL:
    case E1000E_TARC:
    case E1000E_TARC + E1000_QUEUE:
    case E1000_TXDCTL + E1000_QUEUE:
    case E1000_RXDCTL + E1000_QUEUE:
    case E1000E_RFCTL:
    case E1000E_MRQC:
    case E1000E_GCR:
    case E1000E_RETA ... E1000E_RETA + 127:
    case E1000E_RSSRK ... E1000E_RSSRK + 39:
    case E1000_TDBAH + E1000_QUEUE:
      return G_MAXUINT32;
    case E1000E_EITR ... E1000E_EITR + 4 * (E1000_MESSAGES - 1):
    case E1000_TDH + E1000_QUEUE:
    case E1000_TDT + E1000_QUEUE:
      return 0xffff;
    case E1000_TDBAL + E1000_QUEUE:
      return ~15u;
    case E1000_TDLEN + E1000_QUEUE:
      return 0xfff80;
    case E1000E_SWSM:
      return 0xf;
    default:
      return 0;
    }
}

gboolean
e1000_modern_write (E1000 *e, unsigned offset, uint32_t value)
{
  const uint32_t bits = bits_of (offset);

  if (offset == E1000_ICR)
    {
      e1000_modern_write_icr (e, value);
      return TRUE;
    }
  if (bits == 0)
    return FALSE;
  e1000_set (e, offset, value & bits);
  if (offset == E1000_TDT + E1000_QUEUE)
    e1000_kick (e);
  else if (offset == E1000E_RFCTL)
    e1000_listen (e);
  else
    e1000_modern_update (e);
  return TRUE;
}

gboolean
e1000_modern_read (E1000 *e, unsigned offset, uint32_t *value)
{
  switch (offset)
    {
    case E1000_ICR:
      *value = e1000_modern_read_icr (e);
      return TRUE;
    case E1000_STATUS:
      *value = e1000_get (e, offset)
               | (e1000_get (e, E1000_CTRL) & E1000E_CTRL_MASTER_DISABLE ? 0 : E1000E_STATUS_MASTER_ENABLE);
      return TRUE;
    case E1000E_SWSM:
      /* The semaphore is the first reader's. */
      *value = e1000_get (e, offset);
      e1000_set (e, offset, *value | E1000E_SWSM_SMBI);
      return TRUE;
    default:
      return FALSE;
    }
}

static void
on_throttle (void *opaque)
{
  E1000 *e = opaque;

  e1000_modern_update (e);
}

void
e1000_modern_init (E1000 *e)
{
  for (unsigned i = 0; i < E1000_MESSAGES; i++)
    vm_timer_init (&e->throttle[i], e->pci.device.vm->clock, on_throttle, e);
}

void
e1000_modern_reset (E1000 *e)
{
  e->asserted = FALSE;
  e->told = e->sent = 0;
  for (unsigned i = 0; i < E1000_MESSAGES; i++)
    e->next_message[i] = 0;
  e1000_set (e, E1000_EECD, e1000_get (e, E1000_EECD) | E1000E_EECD_READ_DONE);
  e1000_set (e, E1000E_EEMNGCTL, 1 << 18); /* the PHY has been configured */
}
