/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The TPM's FIFO: PTP 1.05, 6.4, with five localities and no interrupt.
 */
#include "chipset/tpm-private.h"

#include "core/big-endian.h"

#include <string.h>

enum
{
  ACCESS = 0x00,
  INTF_CAPABILITY = 0x14,
  STS = 0x18,
  DATA_FIFO = 0x24,
  INTERFACE_ID = 0x30,
  XDATA_FIFO = 0x80,
  DID_VID = 0xf00,
  RID = 0xf04,

  ACCESS_NOT_ESTABLISHED = 1 << 0,
  ACCESS_REQUEST_USE = 1 << 1,
  ACCESS_PENDING = 1 << 2,
  ACCESS_SEIZE = 1 << 3,
  ACCESS_SEIZED = 1 << 4,
  ACCESS_ACTIVE = 1 << 5,
  ACCESS_VALID = 1 << 7,

  STS_RETRY = 1 << 1,
  STS_SELF_TEST_DONE = 1 << 2,
  STS_EXPECT = 1 << 3,
  STS_AVAILABLE = 1 << 4,
  STS_GO = 1 << 5,
  STS_READY = 1 << 6,
  STS_VALID = 1 << 7,
  STS_BURST_SHIFT = 8,
  STS_RESET_ESTABLISHED = 1 << 25,
  STS_FAMILY_2 = 1 << 26,

  /* Interface 1.3 for TPM 2.0, transfers of 64 bytes, the interrupts that every TPM must say it has. */
  CAPABILITY_VALUE = 3 << 28 | 3 << 9 | 1 << 4 | 1 << 2 | 1 << 1 | 1 << 0,
  /* FIFO, the interface that is chosen for good; all localities; transfers of 64 bytes. */
  INTERFACE_ID_VALUE = 1 << 8 | 3 << 11 | 1 << 13 | 1 << 19,

  HEADER = 10,
};

/* PTP, figure 3. */
enum
{
  PHASE_IDLE,
  PHASE_READY,
  PHASE_RECEPTION,
  PHASE_EXECUTION,
  PHASE_COMPLETION,
  PHASE_WAIT, /* ready as soon as the command is done, whose answer is for nobody */
};

static uint8_t
read_access (Tpm *tpm, unsigned locality)
{
  const uint8_t bit = (uint8_t)(1u << locality);
  uint8_t value = ACCESS_VALID;

  if (tpm->active == locality)
    value |= ACCESS_ACTIVE;
  if (tpm->seized & bit)
    value |= ACCESS_SEIZED;
  if (tpm->requested & bit)
    value |= ACCESS_REQUEST_USE;
  if (tpm->requested & ~bit)
    value |= ACCESS_PENDING;
  if (!tpm->established)
    value |= ACCESS_NOT_ESTABLISHED;
  return value;
}

/* Whether the command in the buffer is one byte or more short of what its header says. */
static gboolean
expects (const Tpm *tpm)
{
  return tpm->length < HEADER || tpm->length < get_be32 (tpm->buffer + 2);
}

static uint32_t
read_status (const Tpm *tpm)
{
  uint32_t value = STS_FAMILY_2 | STS_VALID | STS_SELF_TEST_DONE, burst = 0;

  switch (tpm->phase)
    {
    case PHASE_READY:
      value |= STS_READY;
      burst = TPM_BUFFER;
      break;
    case PHASE_RECEPTION:
      value |= expects (tpm) ? STS_EXPECT : 0;
      burst = TPM_BUFFER - tpm->length;
      break;
    case PHASE_COMPLETION:
      value |= tpm->at < tpm->length ? STS_AVAILABLE : 0;
      burst = tpm->length - tpm->at;
      break;
    default:
      break;
    }
  return value | burst << STS_BURST_SHIFT;
}

static uint8_t
read_byte (Tpm *tpm)
{
  return tpm->phase == PHASE_COMPLETION && tpm->at < tpm->length ? tpm->buffer[tpm->at++] : 0xff;
}

static gboolean
is_fifo (unsigned reg)
{
  return (reg >= DATA_FIFO && reg < DATA_FIFO + 4) || (reg >= XDATA_FIFO && reg < XDATA_FIFO + 4);
}

static uint64_t
tis_read (void *opaque, uint64_t addr, unsigned size)
{
  Tpm *tpm = opaque;
  const unsigned locality = (unsigned)(addr >> 12), reg = (unsigned)addr & 0xfff;
  uint32_t value = 0;

  if (!tpm_is_there (tpm))
    return G_MAXUINT64;
  if (is_fifo (reg))
    {
      for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)(tpm->active == locality ? read_byte (tpm) : 0xff) << (8 * i);
      return value;
    }
  switch (reg & ~3u)
    {
    case ACCESS:
      value = read_access (tpm, locality);
      break;
    case INTF_CAPABILITY:
      value = CAPABILITY_VALUE;
      break;
    case STS:
      value = tpm->active == locality ? read_status (tpm) : G_MAXUINT32;
      break;
    case INTERFACE_ID:
      value = INTERFACE_ID_VALUE | TPM_REVISION << 24;
      break;
    case DID_VID:
      value = TPM_VENDOR | TPM_DEVICE << 16;
      break;
    case RID:
      value = TPM_REVISION;
      break;
    default:
      break;
    }
  return value >> (8 * (reg & 3));
}

/* Nobody's command goes on in another's name. */
static void
give_to (Tpm *tpm, uint8_t locality)
{
  tpm->active = locality;
  if (locality < TPM_LOCALITIES)
    tpm->requested &= (uint8_t) ~(1u << locality);
  tpm->phase = PHASE_IDLE;
}

static void
relinquish (Tpm *tpm)
{
  unsigned next = TPM_LOCALITIES;

  /* The highest first. */
  while (next > 0 && !(tpm->requested >> (next - 1) & 1))
    next--;
  give_to (tpm, next > 0 ? (uint8_t)(next - 1) : TPM_NOBODY);
}

static void
write_access (Tpm *tpm, uint8_t locality, uint8_t value)
{
  const uint8_t bit = (uint8_t)(1u << locality);

  if (value & ACCESS_ACTIVE)
    {
      if (tpm->active == locality)
        relinquish (tpm);
      else
        tpm->requested &= (uint8_t)~bit;
    }
  if (value & ACCESS_SEIZED)
    tpm->seized &= (uint8_t)~bit;
  if ((value & ACCESS_SEIZE) && (tpm->active == TPM_NOBODY || locality > tpm->active))
    {
      if (tpm->active != TPM_NOBODY)
        tpm->seized |= (uint8_t)(1u << tpm->active);
      give_to (tpm, locality);
    }
  if (value & ACCESS_REQUEST_USE)
    {
      if (tpm->active == TPM_NOBODY)
        give_to (tpm, locality);
      else if (tpm->active != locality)
        tpm->requested |= bit;
    }
}

static void
write_status (Tpm *tpm, uint32_t value)
{
  if ((value & STS_RESET_ESTABLISHED) && tpm->established)
    tpm_link_reset_established (tpm->link, tpm->active);
  switch (value & (STS_READY | STS_GO | STS_RETRY))
    {
    case STS_READY:
      tpm->phase = tpm->running ? PHASE_WAIT : PHASE_READY;
      if (!tpm->running)
        tpm->length = tpm->at = 0;
      break;
    case STS_GO:
      if (tpm->phase == PHASE_RECEPTION && !expects (tpm) && !tpm->running)
        tpm->phase = tpm_run (tpm) ? PHASE_EXECUTION : PHASE_IDLE;
      break;
    case STS_RETRY:
      if (tpm->phase == PHASE_COMPLETION)
        tpm->at = 0;
      break;
    default:
      break;
    }
}

static void
write_byte (Tpm *tpm, uint8_t value)
{
  if (tpm->running || (tpm->phase != PHASE_READY && tpm->phase != PHASE_RECEPTION))
    return;
  tpm->phase = PHASE_RECEPTION;
  /* More than it says, or than there is room for: the TPM expects none, and takes none. */
  if (tpm->length < TPM_BUFFER && expects (tpm))
    tpm->buffer[tpm->length++] = value;
}

static void
tis_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Tpm *tpm = opaque;
  const uint8_t locality = (uint8_t)(addr >> 12);
  const unsigned reg = (unsigned)addr & 0xfff;

  if (!tpm_is_there (tpm))
    return;
  if (reg == ACCESS)
    write_access (tpm, locality, (uint8_t)value);
  else if (tpm->active != locality)
    return;
  else if (is_fifo (reg))
    for (unsigned i = 0; i < size; i++)
      write_byte (tpm, (uint8_t)(value >> (8 * i)));
  else if (reg == STS)
    write_status (tpm, (uint32_t)value);
}

const IoOps tpm_tis_ops = { .read = tis_read, .write = tis_write, .impl_min = 1, .impl_max = 4 };

void
tpm_tis_reset (Tpm *tpm)
{
  tpm->phase = PHASE_IDLE;
}

void
tpm_tis_done (Tpm *tpm)
{
  /* Whoever asked may have gone on to something else. */
  if (tpm->phase == PHASE_EXECUTION && tpm->length > 0)
    {
      tpm->phase = PHASE_COMPLETION;
      return;
    }
  tpm->phase = tpm->phase == PHASE_WAIT ? PHASE_READY : PHASE_IDLE;
  tpm->length = 0;
}

gboolean
tpm_tis_check (const Tpm *tpm)
{
  /* A command in flight is waited for before a machine is saved. */
  return tpm->phase <= PHASE_COMPLETION && tpm->phase != PHASE_EXECUTION;
}
