/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine for tests of the protocol: two processors without an engine, 64 KiB of memory.
 */
#pragma once

#include "debug/gdb-stub.h"

#include <gio/gio.h>
#include <string.h>

#define FAKE_MEMORY 65536u
#define FAKE_POINTS 4u

typedef struct
{
  CpuState states[2];
  uint8_t memory[FAKE_MEMORY];
  EngineDebug debug;
  unsigned n_resumed, n_interrupted, n_read;
  char *command;
} FakeMachine;

static gboolean
fake_get_state (void *opaque, unsigned cpu, CpuState *state)
{
  *state = ((FakeMachine *)opaque)->states[cpu];
  return TRUE;
}

static gboolean
fake_set_registers (void *opaque, unsigned cpu, const CpuState *state)
{
  if (!cpu_state_check (state, NULL))
    return FALSE;
  ((FakeMachine *)opaque)->states[cpu] = *state;
  return TRUE;
}

static size_t
fake_read (void *opaque, const CpuState *state, uint64_t address, void *buffer, size_t length)
{
  FakeMachine *fake = opaque;

  if (address >= FAKE_MEMORY)
    return 0;
  length = MIN (length, FAKE_MEMORY - (size_t)address);
  memcpy (buffer, fake->memory + address, length);
  fake->n_read++;
  return length;
}

static gboolean
fake_write (void *opaque, const CpuState *state, uint64_t address, const void *data, size_t length)
{
  if (address >= FAKE_MEMORY || length > FAKE_MEMORY - address)
    return FALSE;
  memcpy (((FakeMachine *)opaque)->memory + address, data, length);
  return TRUE;
}

static gboolean
fake_set_debug (void *opaque, const EngineDebug *debug, GError **error)
{
  if (debug->n_points > FAKE_POINTS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no more than %u", FAKE_POINTS);
      return FALSE;
    }
  ((FakeMachine *)opaque)->debug = *debug;
  return TRUE;
}

static void
fake_resume (void *opaque)
{
  ((FakeMachine *)opaque)->n_resumed++;
}

static void
fake_interrupt (void *opaque)
{
  ((FakeMachine *)opaque)->n_interrupted++;
}

static char *
fake_command (void *opaque, unsigned cpu, const char *line)
{
  FakeMachine *fake = opaque;

  g_free (fake->command);
  fake->command = g_strdup (line);
  return g_strdup_printf ("processor %u: %s\n", cpu, line);
}

static const GdbTarget fake_target = {
  .get_state = fake_get_state,
  .set_registers = fake_set_registers,
  .read = fake_read,
  .write = fake_write,
  .set_debug = fake_set_debug,
  .resume = fake_resume,
  .interrupt = fake_interrupt,
  .command = fake_command,
};

static FakeMachine *
fake_machine_new (void)
{
  FakeMachine *fake = g_new0 (FakeMachine, 1);

  for (unsigned i = 0; i < 2; i++)
    cpu_state_init (&fake->states[i], i == 0);
  for (unsigned i = 0; i < FAKE_MEMORY; i++)
    fake->memory[i] = (uint8_t)(i * 7);
  return fake;
}

static void
fake_machine_free (FakeMachine *fake)
{
  g_free (fake->command);
  g_free (fake);
}
