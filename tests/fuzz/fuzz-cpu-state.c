/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A saved processor of which somebody has changed registers, loaded into the software processor, which then runs code from where it
 * is, is reported, saved and loaded again.
 *
 * Input: a byte for the mode that it is changed from, a byte n, n changes of twelve bytes { how, -, place (16 bits), value }, code.
 */
#include "fuzz.h"

#include "../unit/cpu/soft-guest.h"
#include "fuzz-slots.h"

#include <stdlib.h>

#define CHANGE       12u
#define MAX_CHANGES  32u
#define INSTRUCTIONS 400

enum
{
  HOW_SPECIAL = 1 << 0, /* one of values[] */
  HOW_ADD = 1 << 1,
  HOW_BYTE = 1 << 2, /* any byte: names, types, counts */
};

static const uint64_t values[] = { 0,
                                   1,
                                   0xff,
                                   0xffff,
                                   0x7fffffff,
                                   0xffffffff,
                                   0x100000000,
                                   0x7fffffffffff,
                                   0x800000000000,
                                   0xffff800000000000,
                                   G_MAXINT64,
                                   G_MAXUINT64,
                                   CODE,
                                   TABLES,
                                   GDT,
                                   GUEST_RAM - 4 };

static void
change (GByteArray *state, const GArray *slots, const uint8_t *c)
{
  unsigned place = c[2] | (unsigned)c[3] << 8;
  const FuzzSlot *slot = &g_array_index (slots, FuzzSlot, place % slots->len);
  uint64_t value = 0, old = fuzz_slot_number (state->data, slot->at, slot->size);

  memcpy (&value, c + 4, 8);
  if (c[0] & HOW_BYTE)
    {
      state->data[(c[1] << 16 | place) % state->len] = c[4];
      return;
    }
  if (c[0] & HOW_SPECIAL)
    value = values[c[4] % G_N_ELEMENTS (values)];
  if (c[0] & HOW_ADD)
    value = old ^ value;
  memcpy (state->data + slot->at, &value, slot->size);
}

static void
run (Guest *g)
{
  for (unsigned left = INSTRUCTIONS; left > 0 && soft_cpu_runnable (g->cpu); left -= 50)
    {
      soft_cpu_run (g->cpu, 50);
      vm_clock_advance (g->vm->clock, 10000);
    }
}

/* What a processor says of itself it can be given. */
static void
reload (Guest *g)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  g->vm->processor->save (g->vm->processor_opaque, 0, out);
  if (!g->vm->processor->load (g->vm->processor_opaque, 0, out->data, out->len, &error))
    g_error ("a processor doesn't load what it saved: %s", error->message);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const unsigned bits[] = { 16, 32, 32, 64, 64, 32, 64, 16 }, cpls[] = { 0, 0, 3, 0, 3, 0, 0, 0 };
  FuzzBytes bytes = { data, length };
  unsigned mode = fuzz_u8 (&bytes) % 8, n = fuzz_u8 (&bytes) % MAX_CHANGES;
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  g_autoptr (GArray) slots = g_array_new (FALSE, FALSE, sizeof (FuzzSlot));
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  Guest *g = guest_new (1);

  guest_state (g, state, bits[mode], cpls[mode], mode == 2 || mode == 5);
  state_save (cpu_state_fields, state, saved);
  fuzz_find_slots (saved->data, 0, saved->len, slots);
  for (; n > 0 && bytes.length >= CHANGE; n--)
    {
      change (saved, slots, bytes.data);
      bytes.data += CHANGE;
      bytes.length -= CHANGE;
    }
  guest_put (g, CODE, bytes.data, MIN (bytes.length, 0x800));
  if (g->vm->processor->load (g->vm->processor_opaque, 0, saved->data, saved->len, NULL))
    {
      uint64_t physical;

      soft_engine_class.get_state (g->engine, 0, state);
      cpu_state_check (state, NULL);
      cpu_state_translate (g->vm, state, state->rip, &physical);
      reload (g);
      run (g);
      soft_engine_class.get_state (g->engine, 0, state);
      g_free (cpu_state_report (g->vm, state, 0, "fuzz"));
      reload (g);
      g->vm->processor->nmi (g->vm->processor_opaque);
      run (g);
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
  guest_free (g);
  return 0;
}

static void
make (void)
{
  static const uint8_t programs[][24] = {
    { 0xf4 },                                                       /* hlt */
    { 0x0f, 0xa2, 0x0f, 0x31, 0xf4 },                               /* cpuid, rdtsc */
    { 0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0, 0x0f, 0x22, 0xd8, 0xf4 }, /* mov cr0, cr3 */
    { 0x0f, 0x01, 0x15, 0, 0, 0, 0, 0x0f, 0x01, 0x1d, 0, 0, 0, 0, 0xf4 },
    { 0xcd, 0x80, 0xcf },                               /* int 0x80, iret */
    { 0xfb, 0xf4, 0xeb, 0xfc },                         /* sti, hlt */
    { 0x0f, 0x05, 0x0f, 0x34, 0x0f, 0x35, 0x0f, 0x07 }, /* syscall, sysenter, … */
    { 0xd9, 0xe8, 0xde, 0xc1, 0x9b, 0x0f, 0xae, 0x05 }, /* x87, fxsave */
    { 0x0f, 0x58, 0xc1, 0x66, 0x0f, 0xfe, 0xc1, 0xf4 }, /* SSE */
    { 0x0f, 0x32, 0x0f, 0x30, 0xf4 },                   /* rdmsr, wrmsr */
    { 0xe4, 0x80, 0xe6, 0x80, 0xf3, 0xa4, 0xf4 },       /* in, out, rep movsb */
    { 0x9a, 0, 0, 0, 0, 8, 0, 0xea, 0, 0, 0, 0, 8, 0 }, /* far call, jump */
    { 0x1e, 0x1f, 0x0e, 0x07, 0x8e, 0xd8, 0xcb },       /* segments */
    { 0xa1, 0x20, 0, 0xe0, 0xfe, 0xf4 },                /* the local APIC */
  };
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  g_autoptr (GArray) slots = g_array_new (FALSE, FALSE, sizeof (FuzzSlot));
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  cpu_state_init (state, TRUE);
  state_save (cpu_state_fields, state, saved);
  fuzz_find_slots (saved->data, 0, saved->len, slots);
  for (unsigned mode = 0; mode < 5; mode++)
    for (unsigned i = 0; i < G_N_ELEMENTS (programs); i++)
      {
        uint8_t seed[2 + sizeof programs[0]] = { (uint8_t)mode, 0 };

        memcpy (seed + 2, programs[i], sizeof programs[i]);
        fuzz_seed (seed, sizeof seed);
      }
  /* Each register with values that are often wrong. */
  for (unsigned i = 0; i < slots->len; i += i < 100 ? 1 : 17)
    for (unsigned k = i % 3; k < 3; k += 3)
      {
        uint8_t seed[2 + CHANGE + 8] = {
          (uint8_t)((i + k) % 5), 1, HOW_SPECIAL | (k == 1 ? HOW_ADD : 0), 0, (uint8_t)i, (uint8_t)(i >> 8),
          (uint8_t)(i + 5 * k)
        };

        memcpy (seed + 2 + CHANGE, programs[i % G_N_ELEMENTS (programs)], 8);
        fuzz_seed (seed, sizeof seed);
      }
  for (unsigned i = 0; i < 32; i++)
    {
      const uint8_t seed[2 + CHANGE] = { 3, 1, HOW_BYTE, 0, (uint8_t)(i * 5), 0, (uint8_t)i };

      fuzz_seed (seed, sizeof seed);
    }
}

const FuzzTarget fuzz_target = { "vmm/cpu/cpu-state.c vmm/cpu/soft/cpu.c vmm/cpu/soft/mode.c", 512, make };
