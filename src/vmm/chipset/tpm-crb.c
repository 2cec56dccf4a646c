/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The TPM's command response buffer: PTP 1.05, 6.5.  Locality 0 alone.
 */
#include "chipset/tpm-private.h"

#include <string.h>

enum
{
  LOC_STATE = 0x00,
  LOC_CTRL = 0x08,
  LOC_STS = 0x0c,
  INTF_ID = 0x30,
  INTF_ID_HIGH = 0x34,
  CTRL_REQ = 0x40,
  CTRL_STS = 0x44,
  CTRL_CANCEL = 0x48,
  CTRL_START = 0x4c,
  CTRL_CMD_SIZE = 0x58,
  CTRL_CMD_LADDR = 0x5c,
  CTRL_RSP_SIZE = 0x64,
  CTRL_RSP_LADDR = 0x68,
  DATA_BUFFER = 0x80,

  LOC_STATE_ESTABLISHED = 1 << 0, /* clear: it was */
  LOC_STATE_ASSIGNED = 1 << 1,
  LOC_STATE_VALID = 1 << 7,
  LOC_CTRL_REQUEST = 1 << 0,
  LOC_CTRL_RELINQUISH = 1 << 1,
  LOC_CTRL_RESET_ESTABLISHED = 1 << 3,
  LOC_STS_GRANTED = 1 << 0,

  /* CRB 1.0, the interface that is chosen for good; transfers of 64 bytes. */
  INTF_ID_VALUE = 1 | 1 << 4 | 3 << 11 | 1 << 14 | 1 << 17 | 1 << 19,

  REQ_READY = 1 << 0,
  REQ_IDLE = 1 << 1,
  STS_FATAL = 1 << 0,
  STS_IDLE = 1 << 1,
};

static uint32_t
read_register (Tpm *tpm, unsigned reg)
{
  switch (reg)
    {
    case LOC_STATE:
      return LOC_STATE_VALID | (tpm->active == 0 ? LOC_STATE_ASSIGNED : 0)
             | (tpm->established ? 0 : LOC_STATE_ESTABLISHED);
    case LOC_STS:
      return tpm->active == 0 ? LOC_STS_GRANTED : 0;
    case INTF_ID:
      return INTF_ID_VALUE | TPM_REVISION << 24;
    case INTF_ID_HIGH:
      return TPM_VENDOR | TPM_DEVICE << 16;
    case CTRL_STS:
      return tpm->crb_status;
    case CTRL_CANCEL:
      return tpm->crb_cancel;
    case CTRL_START:
      return tpm->running;
    case CTRL_CMD_SIZE:
    case CTRL_RSP_SIZE:
      return TPM_BUFFER;
    case CTRL_CMD_LADDR:
    case CTRL_RSP_LADDR:
      return TPM_BASE + DATA_BUFFER;
    default:
      return 0; /* requests are done at once */
    }
}

static uint64_t
crb_read (void *opaque, uint64_t addr, unsigned size)
{
  Tpm *tpm = opaque;
  uint32_t value = 0;

  if (!tpm_is_there (tpm))
    return G_MAXUINT64;
  if (addr >= DATA_BUFFER)
    {
      for (unsigned i = 0; i < size && addr - DATA_BUFFER + i < TPM_BUFFER; i++)
        value |= (uint32_t)tpm->buffer[addr - DATA_BUFFER + i] << (8 * i);
      return value;
    }
  /* What crosses to the next register reads as if there were none. */
  return read_register (tpm, (unsigned)addr & ~3u) >> (8 * (addr & 3));
}

static void
start (Tpm *tpm)
{
  if (tpm->running || tpm->active != 0 || (tpm->crb_status & STS_IDLE))
    return;
  tpm->length = TPM_BUFFER;
  if (!tpm_run (tpm))
    tpm->crb_status |= STS_FATAL;
}

static void
write_register (Tpm *tpm, unsigned reg, uint32_t value)
{
  switch (reg)
    {
    case LOC_CTRL:
      if ((value & LOC_CTRL_RESET_ESTABLISHED) && tpm->established)
        tpm_link_reset_established (tpm->link, 0);
      if (value & LOC_CTRL_RELINQUISH)
        tpm->active = TPM_NOBODY;
      else if (value & LOC_CTRL_REQUEST)
        tpm->active = 0;
      break;
    case CTRL_REQ:
      if (value & REQ_READY)
        tpm->crb_status &= (uint32_t)~STS_IDLE;
      else if (value & REQ_IDLE)
        tpm->crb_status |= STS_IDLE;
      break;
    case CTRL_CANCEL:
      tpm->crb_cancel = value & 1;
      break;
    case CTRL_START:
      if (value & 1)
        start (tpm);
      break;
    default:
      break;
    }
}

static void
crb_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Tpm *tpm = opaque;

  if (!tpm_is_there (tpm))
    return;
  if (addr < DATA_BUFFER)
    {
      if ((addr & 3) == 0)
        write_register (tpm, (unsigned)addr, (uint32_t)value);
      return;
    }
  if (tpm->running)
    return;
  for (unsigned i = 0; i < size && addr - DATA_BUFFER + i < TPM_BUFFER; i++)
    tpm->buffer[addr - DATA_BUFFER + i] = (uint8_t)(value >> (8 * i));
}

const IoOps tpm_crb_ops = { .read = crb_read, .write = crb_write, .impl_min = 1, .impl_max = 4 };

void
tpm_crb_reset (Tpm *tpm)
{
  tpm->crb_status = STS_IDLE;
  tpm->crb_cancel = 0;
}

void
tpm_crb_done (Tpm *tpm)
{
  if (tpm->length == 0)
    tpm->crb_status |= STS_FATAL;
  tpm->crb_cancel = 0;
}
