/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory by linear and physical address.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/memory.h"

static gboolean
place (Vm *vm, const CpuState *state, uint64_t address, uint64_t *physical)
{
  if (state != NULL)
    return cpu_state_translate (vm, state, address, physical);
  *physical = address;
  return TRUE;
}

static size_t
within_page (uint64_t address, size_t length)
{
  return MIN (length, GUEST_PAGE_SIZE - (size_t)(address & (GUEST_PAGE_SIZE - 1)));
}

size_t
debug_read_memory (Vm *vm, const CpuState *state, uint64_t address, void *buffer, size_t length)
{
  size_t done = 0;

  while (done < length)
    {
      size_t part = within_page (address + done, length - done);
      uint64_t physical;

      if (!place (vm, state, address + done, &physical)
          || !address_space_read_memory (vm->memory, physical, (uint8_t *)buffer + done, part))
        break;
      done += part;
    }
  return done;
}

gboolean
debug_write_memory (Vm *vm, const CpuState *state, uint64_t address, const void *data, size_t length)
{
  g_autofree uint8_t *before = g_malloc (length + 1);

  /* Nothing is written before all of it is known to be there. */
  if (debug_read_memory (vm, state, address, before, length) < length)
    return FALSE;
  for (size_t done = 0; done < length;)
    {
      size_t part = within_page (address + done, length - done);
      uint64_t physical;

      if (!place (vm, state, address + done, &physical)
          || !address_space_write_memory (vm->memory, physical, (const uint8_t *)data + done, part))
        return FALSE;
      done += part;
    }
  return TRUE;
}
