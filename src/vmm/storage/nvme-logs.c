/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an NVMe controller tells of itself: logs (5.14), events (5.2).
 */
#define G_LOG_DOMAIN "nvme"

#include "storage/nvme-private.h"

#include "config.h"

#include <string.h>

/* 5.14.1 */
enum
{
  LOG_ERRORS = 1,
  LOG_HEALTH = 2,
  LOG_FIRMWARE = 3,
  LOG_EFFECTS = 5,
};
#define KEEP_EVENT (1u << 15) /* dword 10 */

#define KELVIN_NOW          300u
#define WARNING_TEMPERATURE (1u << 1)
#define WARNING_READ_ONLY   (1u << 3)

static void
set64 (uint8_t *at, uint64_t value)
{
  pci_set32 (at, (uint32_t)value);
  pci_set32 (at + 4, (uint32_t)(value >> 32));
}

/* -- Events ------------------------------------------------------------------------------------------------- */

/* As far as somebody waits for one, and has read the log of the one before. */
static void
deliver (Nvme *nvme)
{
  static const uint8_t logs[NVME_EVENT_TYPES] = { LOG_ERRORS, LOG_HEALTH };

  for (unsigned type = 0; type < NVME_EVENT_TYPES; type++)
    for (NvmeRequest *request = nvme->queues[0].first, *next; request != NULL; request = next)
      {
        next = request->next;
        if (request->state != NVME_EVENT || nvme->events[type] == 0 || (nvme->events_told >> type & 1) != 0)
          continue;
        request->result = type | (nvme->events[type] - 1u) << 8 | (uint32_t)logs[type] << 16;
        nvme->events[type] = 0;
        nvme->events_told |= (uint8_t)(1u << type);
        nvme_end (request, NVME_OK);
      }
}

void
nvme_tell (Nvme *nvme, unsigned type, unsigned what)
{
  if (nvme->events[type] == 0)
    nvme->events[type] = (uint8_t)(what + 1);
  deliver (nvme);
}

unsigned
nvme_ask_for_event (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  unsigned n = 0;

  for (const NvmeRequest *other = nvme->queues[0].first; other != NULL; other = other->next)
    n += other->state == NVME_EVENT;
  if (n >= NVME_EVENTS)
    return NVME_TOO_MANY_EVENTS;
  request->state = NVME_EVENT;
  deliver (nvme);
  return NVME_PENDING;
}

void
nvme_reset_events (Nvme *nvme)
{
  memset (nvme->events, 0, sizeof nvme->events);
  nvme->events_told = 0;
  nvme->warnings = 0;
}

static unsigned
warnings_of (const Nvme *nvme)
{
  const gboolean beyond
      = KELVIN_NOW >= nvme->features[FEATURE_TEMPERATURE] || KELVIN_NOW <= nvme->threshold_low;

  return (beyond ? WARNING_TEMPERATURE : 0) | (block_read_only (nvme->block) ? WARNING_READ_ONLY : 0);
}

/* 5.21.1.11: those that the driver wants to hear of. */
void
nvme_look_at_health (Nvme *nvme)
{
  const unsigned warnings = warnings_of (nvme) & nvme->features[FEATURE_EVENTS];
  const unsigned risen = warnings & ~(unsigned)nvme->warnings;

  nvme->warnings = (uint8_t)warnings;
  /* 5.2.1: a temperature over its limit, or another trouble. */
  if (risen != 0)
    nvme_tell (nvme, NVME_EVENT_HEALTH, (risen & WARNING_TEMPERATURE) != 0 ? 1 : 0);
}

/* -- Logs --------------------------------------------------------------------------------------------------- */

/* 5.14.1.1, figure 192 */
void
nvme_log_error (Nvme *nvme, unsigned sq, unsigned id, unsigned status, uint64_t lba)
{
  uint8_t *entry = nvme->errors;

  g_mutex_lock (&nvme->log_lock);
  memmove (entry + NVME_ERROR_SIZE, entry, sizeof nvme->errors - NVME_ERROR_SIZE);
  memset (entry, 0, NVME_ERROR_SIZE);
  set64 (entry, ++nvme->n_errors);
  pci_set16 (entry + 8, (uint16_t)sq);
  pci_set16 (entry + 10, (uint16_t)id);
  pci_set16 (entry + 12, (uint16_t)(status << 1));
  pci_set16 (entry + 14, 0xffff); /* no field of the command is to blame */
  set64 (entry + 16, lba);
  pci_set32 (entry + 24, sq == 0xffff ? 0 : NVME_NAMESPACE);
  g_mutex_unlock (&nvme->log_lock);
}

/* 5.14.1.2 */
static void
tell_health (Nvme *nvme, uint8_t *data)
{
  BlockStats stats;

  block_get_stats (nvme->block, &stats);
  data[0] = (uint8_t)warnings_of (nvme);
  pci_set16 (data + 1, KELVIN_NOW);
  data[3] = 100; /* spare, of which 10 is little */
  data[4] = 10;
  set64 (data + 32, stats.read_bytes / 512000); /* in thousands of 512 bytes */
  set64 (data + 48, stats.written_bytes / 512000);
  set64 (data + 64, __atomic_load_n (&nvme->commands_read, __ATOMIC_RELAXED));
  set64 (data + 80, __atomic_load_n (&nvme->commands_written, __ATOMIC_RELAXED));
  set64 (data + 112, 1); /* power cycles */
  set64 (data + 160, __atomic_load_n (&nvme->n_media_errors, __ATOMIC_RELAXED));
  g_mutex_lock (&nvme->log_lock);
  set64 (data + 176, nvme->n_errors);
  g_mutex_unlock (&nvme->log_lock);
}

/* 5.14.1.5: bit 0 says that there is a command, bit 1 that it changes data. */
static void
tell_effects (uint8_t *data)
{
  static const uint8_t admin[] = { 0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0c };
  static const uint8_t io[] = { 0x00, 0x01, 0x02, 0x05, 0x08, 0x09 };

  for (unsigned i = 0; i < sizeof admin; i++)
    data[4 * admin[i]] = 1;
  for (unsigned i = 0; i < sizeof io; i++)
    data[1024 + 4 * io[i]] = io[i] == 0x00 || io[i] == 0x02 || io[i] == 0x05 ? 1 : 3;
}

unsigned
nvme_get_log (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  const uint32_t what = nvme_dword (request, 10);
  const uint64_t wanted = ((uint64_t)(nvme_dword (request, 11) & 0xffff) << 16 | what >> 16) + 1;
  const uint64_t offset = nvme_qword (request, 12);
  uint8_t data[NVME_PAGE] = { 0 };
  uint32_t size = 512;
  unsigned status;

  switch (what & 0xff)
    {
    case LOG_ERRORS:
      size = sizeof nvme->errors;
      g_mutex_lock (&nvme->log_lock);
      memcpy (data, nvme->errors, size);
      g_mutex_unlock (&nvme->log_lock);
      break;
    case LOG_HEALTH:
      tell_health (nvme, data);
      break;
    case LOG_FIRMWARE:
      data[0] = 1;
      nvme_set_text (data + 8, 8, PACKAGE_VERSION);
      break;
    case LOG_EFFECTS:
      size = NVME_PAGE;
      tell_effects (data);
      break;
    default:
      return NVME_INVALID_LOG;
    }
  if (offset > size || (offset & 3) != 0)
    return NVME_INVALID_FIELD;
  /* What is behind a log's end is zeros. */
  status = nvme_answer (request, data + offset, (uint32_t)MIN (4 * wanted, sizeof data - offset));
  if (status == NVME_OK && (what & KEEP_EVENT) == 0 && (what & 0xff) <= LOG_HEALTH)
    {
      nvme->events_told &= (uint8_t) ~(1u << ((what & 0xff) - LOG_ERRORS));
      deliver (nvme);
    }
  return status;
}
