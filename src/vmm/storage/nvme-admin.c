/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The administrator's commands of an NVMe controller.  NVM Express Base Specification 1.4, 5.
 */
#define G_LOG_DOMAIN "nvme"

#include "storage/nvme-private.h"

#include "config.h"

#include <string.h>

/* 5 */
enum
{
  OPCODE_DELETE_SQ = 0x00,
  OPCODE_CREATE_SQ = 0x01,
  OPCODE_GET_LOG = 0x02,
  OPCODE_DELETE_CQ = 0x04,
  OPCODE_CREATE_CQ = 0x05,
  OPCODE_IDENTIFY = 0x06,
  OPCODE_ABORT = 0x08,
  OPCODE_SET_FEATURES = 0x09,
  OPCODE_GET_FEATURES = 0x0a,
  OPCODE_EVENT = 0x0c,
};
#define CONTIGUOUS (1u << 0) /* 5.3, 5.4: dword 11 */
#define INTERRUPTS (1u << 1)
#define SAVE       (1u << 31) /* 5.21: dword 10 */

#define KELVIN_WARNING  343u
#define KELVIN_CRITICAL 353u

/* -- Queues ------------------------------------------------------------------------------------------------- */

static unsigned
create_cq (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  const uint32_t what = nvme_dword (request, 10), how = nvme_dword (request, 11);
  const unsigned n = what & 0xffff, last = what >> 16, vector = how >> 16;
  const uint64_t base = nvme_qword (request, 6);

  if (n == 0 || n >= nvme->n_queues || nvme->cq[n].enabled)
    return NVME_INVALID_QUEUE;
  if (last == 0 || last >= NVME_MOST_ENTRIES)
    return NVME_INVALID_QUEUE_SIZE;
  if ((how & CONTIGUOUS) == 0)
    return NVME_INVALID_FIELD;
  if ((base & (NVME_PAGE - 1)) != 0)
    return NVME_INVALID_PRP;
  if (vector >= nvme->n_queues)
    return NVME_INVALID_VECTOR;
  g_mutex_lock (&nvme->queues[n].completion_lock);
  nvme->cq[n] = (NvmeCompletion){ .enabled = TRUE,
                                  .interrupts = (how & INTERRUPTS) != 0,
                                  .phase = TRUE,
                                  .size = (uint16_t)(last + 1),
                                  .vector = (uint16_t)vector,
                                  .base = base };
  g_mutex_unlock (&nvme->queues[n].completion_lock);
  return NVME_OK;
}

static unsigned
create_sq (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  const uint32_t what = nvme_dword (request, 10), how = nvme_dword (request, 11);
  const unsigned n = what & 0xffff, last = what >> 16, cq = how >> 16;
  const uint64_t base = nvme_qword (request, 6);

  if (n == 0 || n >= nvme->n_queues || nvme->sq[n].enabled)
    return NVME_INVALID_QUEUE;
  if (cq == 0 || cq >= nvme->n_queues || !nvme->cq[cq].enabled)
    return NVME_NO_COMPLETION_QUEUE;
  if (last == 0 || last >= NVME_MOST_ENTRIES)
    return NVME_INVALID_QUEUE_SIZE;
  if ((how & CONTIGUOUS) == 0)
    return NVME_INVALID_FIELD;
  if ((base & (NVME_PAGE - 1)) != 0)
    return NVME_INVALID_PRP;
  g_mutex_lock (&nvme->queues[n].lock);
  nvme->sq[n]
      = (NvmeSubmission){ .enabled = TRUE, .size = (uint16_t)(last + 1), .cq = (uint16_t)cq, .base = base };
  g_mutex_unlock (&nvme->queues[n].lock);
  return NVME_OK;
}

static unsigned
delete_sq (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  const unsigned n = nvme_dword (request, 10) & 0xffff;

  if (n == 0 || n >= nvme->n_queues || !nvme->sq[n].enabled)
    return NVME_INVALID_QUEUE;
  nvme_drop (nvme, n);
  return NVME_OK;
}

static unsigned
delete_cq (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  const unsigned n = nvme_dword (request, 10) & 0xffff;

  if (n == 0 || n >= nvme->n_queues || !nvme->cq[n].enabled)
    return NVME_INVALID_QUEUE;
  for (unsigned i = 1; i < nvme->n_queues; i++)
    if (nvme->sq[i].enabled && nvme->sq[i].cq == n)
      return NVME_INVALID_DELETION;
  g_mutex_lock (&nvme->queues[n].completion_lock);
  nvme->cq[n].enabled = FALSE;
  g_mutex_unlock (&nvme->queues[n].completion_lock);
  nvme_update_intx (nvme);
  return NVME_OK;
}

/* -- Identify: 5.15 ----------------------------------------------------------------------------------------- */

static void
set64 (uint8_t *at, uint64_t value)
{
  pci_set32 (at, (uint32_t)value);
  pci_set32 (at + 4, (uint32_t)(value >> 32));
}

void
nvme_set_text (uint8_t *at, size_t length, const char *text)
{
  memset (at, ' ', length);
  memcpy (at, text, MIN (strlen (text), length));
}

/* 5.15.2.2, figure 247 */
static void
identify_controller (const Nvme *nvme, uint8_t *data)
{
  g_autofree char *uuid = NULL;
  GString *name = g_string_new ("nqn.2014-08.org.nvmexpress:uuid:");

  for (unsigned i = 0; i < sizeof nvme->uuid; i++)
    g_string_append_printf (name, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", nvme->uuid[i]);
  uuid = g_string_free (name, FALSE);
  memcpy (data, nvme->pci.config + PCI_VENDOR_ID, 2);
  memcpy (data + 2, nvme->pci.config + PCI_SUBSYSTEM_VENDOR_ID, 2);
  nvme_set_text (data + 4, 20, nvme->serial);
  nvme_set_text (data + 24, 40, "Vivarium NVMe");
  nvme_set_text (data + 64, 8, PACKAGE_VERSION);
  data[72] = 6;  /* RAB */
  data[111] = 1; /* CNTRLTYPE: for reads and writes */
  data[77] = NVME_MDTS;
  pci_set32 (data + 80, 0x00010400); /* VER */
  data[258] = 3;                     /* ACL */
  data[259] = NVME_EVENTS - 1;
  data[260] = 3;               /* FRMW: one slot, which can't be changed */
  data[261] = 1 << 1 | 1 << 2; /* LPA: effects of commands; parts of logs */
  data[262] = NVME_ERRORS - 1; /* ELPE */
  pci_set16 (data + 266, KELVIN_WARNING);
  pci_set16 (data + 268, KELVIN_CRITICAL);
  data[512] = 0x66; /* SQES: 64 bytes */
  data[513] = 0x44; /* CQES: 16 */
  pci_set32 (data + 516, NVME_NAMESPACE);
  /* ONCS: compare, dataset management, write zeroes, which value of a feature. */
  pci_set16 (data + 520, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4);
  data[525] = 1 | 3 << 1; /* VWC; FLUSH of all namespaces */
  memcpy (data + 768, uuid, MIN (strlen (uuid), 255));
  pci_set16 (data + 2048, 2500); /* power state 0: 25 W */
}

/* 5.15.2.1, figure 245 */
static void
identify_namespace (const Nvme *nvme, uint8_t *data)
{
  const uint64_t sectors = block_size (nvme->block) / BLOCK_SECTOR_SIZE;

  set64 (data, sectors);
  set64 (data + 8, sectors);
  set64 (data + 16, sectors);
  data[24] = 1 | 1 << 4; /* NSFEAT: thin; what follows from byte 64 on counts */
  pci_set16 (data + 64, NVME_PAGE / BLOCK_SECTOR_SIZE - 1); /* NPWG, NPWA, NPDG, NPDA */
  pci_set16 (data + 66, NVME_PAGE / BLOCK_SECTOR_SIZE - 1);
  pci_set16 (data + 68, NVME_PAGE / BLOCK_SECTOR_SIZE - 1);
  pci_set16 (data + 70, NVME_PAGE / BLOCK_SECTOR_SIZE - 1);
  data[99] = block_read_only (nvme->block);           /* NSATTR */
  memcpy (data + 104, nvme->uuid, sizeof nvme->uuid); /* NGUID */
  data[130] = 9;                                      /* LBADS of format 0 */
}

static unsigned
identify (NvmeRequest *request)
{
  const Nvme *nvme = request->owner;
  const uint32_t space = nvme_dword (request, 1);
  uint8_t data[NVME_PAGE] = { 0 };

  switch (nvme_dword (request, 10) & 0xff)
    {
    case 0:
      if (space == NVME_NAMESPACE)
        identify_namespace (nvme, data);
      else if (space == 0 || space == NVME_ALL)
        return NVME_INVALID_NAMESPACE;
      break; /* of one that isn't active: zeros */
    case 1:
      identify_controller (nvme, data);
      break;
    case 2: /* those above */
      if (space >= NVME_ALL - 1)
        return NVME_INVALID_NAMESPACE;
      pci_set32 (data, space < NVME_NAMESPACE ? NVME_NAMESPACE : 0);
      break;
    case 3:
      if (space != NVME_NAMESPACE)
        return NVME_INVALID_NAMESPACE;
      data[0] = 3; /* a UUID… */
      data[1] = sizeof nvme->uuid;
      memcpy (data + 4, nvme->uuid, sizeof nvme->uuid);
      data[20] = 2; /* …and an NGUID, which is the same bytes */
      data[21] = sizeof nvme->uuid;
      memcpy (data + 24, nvme->uuid, sizeof nvme->uuid);
      break;
    default:
      return NVME_INVALID_FIELD;
    }
  return nvme_answer (request, data, sizeof data);
}

/* -- Features: 5.21, 5.9 ------------------------------------------------------------------------------------- */

static uint32_t
default_of (unsigned feature)
{
  return feature == FEATURE_TEMPERATURE ? KELVIN_WARNING : feature == FEATURE_WRITE_CACHE ? 1 : 0;
}

void
nvme_reset_features (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_N_FEATURES; i++)
    __atomic_store_n (&nvme->features[i], default_of (i), __ATOMIC_RELAXED);
  nvme->threshold_low = 0;
}

static gboolean
is_feature (unsigned feature)
{
  return feature == FEATURE_ARBITRATION || feature == FEATURE_POWER
         || (feature >= FEATURE_TEMPERATURE && feature <= FEATURE_EVENTS);
}

static unsigned
get_feature (NvmeRequest *request, unsigned feature)
{
  Nvme *nvme = request->owner;
  const unsigned vector = nvme_dword (request, 11) & 0xffff;

  const uint32_t which = nvme_dword (request, 11);
  const unsigned select = nvme_dword (request, 10) >> 8 & 7;

  if (select > 3)
    return NVME_INVALID_FIELD;
  if (select == 3) /* nothing can be saved, most of it changed */
    request->result = feature == FEATURE_POWER || feature == FEATURE_VECTOR ? 0 : 1 << 2;
  else if (feature == FEATURE_QUEUES)
    request->result = (nvme->n_queues - 2) | (nvme->n_queues - 2) << 16;
  else if (feature == FEATURE_VECTOR && vector >= nvme->n_queues)
    return NVME_INVALID_FIELD;
  else if (feature == FEATURE_VECTOR)
    request->result = vector;
  /* 5.21.1.4: a limit each way, of the one sensor. */
  else if (feature == FEATURE_TEMPERATURE && (which & 0xf0000) != 0)
    request->result = (which >> 20 & 3) == 0 ? 0xffff : 0;
  else if (feature == FEATURE_TEMPERATURE && (which >> 20 & 3) != 0)
    request->result = select == 0 ? nvme->threshold_low : 0;
  /* 5.9.1: what wasn't saved is what it is by itself. */
  else if (select != 0)
    request->result = default_of (feature);
  else
    request->result = nvme->features[feature];
  return NVME_OK;
}

static unsigned
set_feature (NvmeRequest *request, unsigned feature)
{
  Nvme *nvme = request->owner;
  const uint32_t value = nvme_dword (request, 11);

  if ((nvme_dword (request, 10) & SAVE) != 0)
    return NVME_NOT_SAVEABLE;
  switch (feature)
    {
    case FEATURE_QUEUES:
      /* 5.21.1.7: 65,535 is one too many. */
      if ((value & 0xffff) == 0xffff || value >> 16 == 0xffff)
        return NVME_INVALID_FIELD;
      return get_feature (request, feature);
    case FEATURE_WRITE_CACHE:
      __atomic_store_n (&nvme->features[feature], value & 1, __ATOMIC_RELAXED);
      return NVME_OK;
    case FEATURE_VECTOR:
      return (value & 0xffff) < nvme->n_queues ? NVME_OK : NVME_INVALID_FIELD;
    case FEATURE_POWER:
      return (value & 0x1f) == 0 ? NVME_OK : NVME_INVALID_FIELD;
    case FEATURE_TEMPERATURE:
      if ((value >> 20 & 3) > 1)
        return NVME_INVALID_FIELD;
      if ((value & 0xf0000) == 0 && (value >> 20 & 3) == 0)
        nvme->features[feature] = value & 0xffff;
      else if ((value & 0xf0000) == 0)
        nvme->threshold_low = value & 0xffff;
      nvme_look_at_health (nvme);
      return NVME_OK;
    case FEATURE_EVENTS:
      nvme->features[feature] = value & 0xff;
      nvme_look_at_health (nvme);
      return NVME_OK;
    default:
      nvme->features[feature] = value;
      return NVME_OK;
    }
}

/* -- All of them -------------------------------------------------------------------------------------------- */

/* 5.1: commands of the image end soon by themselves; events can be given up. */
static unsigned
abort_command (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  const uint32_t which = nvme_dword (request, 10);

  request->result = 1; /* it was not */
  for (NvmeRequest *other = nvme->queues[0].first; other != NULL && (which & 0xffff) == 0;
       other = other->next)
    {
      if (other->state != NVME_EVENT || pci_get16 (other->command + 2) != which >> 16)
        continue;
      nvme_end (other, NVME_ABORTED);
      request->result = 0;
      break;
    }
  return NVME_OK;
}

unsigned
nvme_admin (NvmeRequest *request)
{
  const unsigned feature = nvme_dword (request, 10) & 0xff;

  switch (request->command[0])
    {
    case OPCODE_DELETE_SQ:
      return delete_sq (request);
    case OPCODE_CREATE_SQ:
      return create_sq (request);
    case OPCODE_GET_LOG:
      return nvme_get_log (request);
    case OPCODE_DELETE_CQ:
      return delete_cq (request);
    case OPCODE_CREATE_CQ:
      return create_cq (request);
    case OPCODE_IDENTIFY:
      return identify (request);
    case OPCODE_ABORT:
      return abort_command (request);
    case OPCODE_SET_FEATURES:
      return is_feature (feature) ? set_feature (request, feature) : NVME_INVALID_FIELD;
    case OPCODE_GET_FEATURES:
      return is_feature (feature) ? get_feature (request, feature) : NVME_INVALID_FIELD;
    case OPCODE_EVENT:
      return nvme_ask_for_event (request);
    default:
      return NVME_INVALID_OPCODE;
    }
}
