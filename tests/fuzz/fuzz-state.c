/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A saved machine of which fields and bytes were changed by somebody who also knows how to make the checksum, loaded,
 * run for a while, saved again.
 *
 * Input: a byte n, n changes of eight bytes { what, place (16 bits), -, value (32 bits) }, then a program for fuzz-machine.h.
 */
#include "fuzz-machine.h"
#include "fuzz-slots.h"

#include "core/save.h"

#include <stdio.h>

static char *base;
static gsize base_length;
static GArray *slots;       /* every element of every field */
static size_t devices_from; /* the first device's section */

static uint64_t
number (size_t at, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, base + at, size);
  return value;
}

static void
make_base (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  FuzzMachine machine;
  size_t at = 12;

  fuzz_once ();
  path = g_strdup_printf ("%s.base", fuzz_image);
  fuzz_machine_open (&machine);
  fuzz_machine_pause (&machine);
  if (!vm_save (machine.vm, path, &error) || !g_file_get_contents (path, &base, &base_length, &error))
    g_error ("%s", error->message);
  unlink (path);
  fuzz_machine_close (&machine);

  slots = g_array_new (FALSE, FALSE, sizeof (FuzzSlot));
  while (at < base_length)
    {
      char kind = base[at];
      size_t name = (uint8_t)base[at + 1];
      uint64_t length = number (at + 6 + name, 8);
      FuzzSlot version = { at + 2 + name, 4 }, first = { at + 14 + name, 8 };

      /* Headers, names and counts of all that isn't memory's. */
      if (devices_from == 0 && kind == SAVE_CLOCK)
        devices_from = at;
      at += 14 + name;
      if (kind == SAVE_DEVICE)
        g_array_append_val (slots, version);
      if (kind == SAVE_PAGES)
        {
          FuzzSlot count = { at + 8, 4 }, packed = { at + 12, 4 };

          g_array_append_val (slots, first);
          g_array_append_val (slots, count);
          g_array_append_val (slots, packed);
        }
      if (kind == SAVE_DEVICE || kind == SAVE_DEVICE_OPTIONAL || kind == SAVE_MODEL)
        fuzz_find_slots ((const uint8_t *)base, at, at + length, slots);
      else if (kind == SAVE_CLOCK || kind == SAVE_RAM)
        g_array_append_val (slots, first);
      at += length;
    }
}

static void
change (char *state, const uint8_t *c)
{
  static const uint64_t values[8] = { 0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, G_MAXINT64, G_MAXUINT64 };
  unsigned place = c[1] | (unsigned)c[2] << 8;
  uint32_t value32 = c[4] | (uint32_t)c[5] << 8 | (uint32_t)c[6] << 16 | (uint32_t)c[7] << 24;
  const FuzzSlot *slot = &g_array_index (slots, FuzzSlot, place % slots->len);
  uint64_t value = c[0] & 8 ? values[value32 & 7] : value32 * (c[0] & 16 ? 0x100000001ull : 1);

  if ((c[0] & 0xe0) == 0xe0) /* any byte of headers, names, counts */
    state[devices_from + (value32 >> 8) % (base_length - devices_from - SAVE_SHA)] = (char)value32;
  else
    memcpy (state + slot->at, &value, slot->size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  g_autofree char *state = NULL, *path = NULL;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GError) error = NULL;
  gsize digest = SAVE_SHA;
  FuzzMachine machine;
  gboolean loaded;
  unsigned n;
  int fd;

  if (base == NULL)
    make_base ();
  if (length < 1)
    return 0;
  n = data[0] % 32;
  data++;
  length--;
  state = g_memdup2 (base, base_length);
  for (; n > 0 && length >= 8; n--, data += 8, length -= 8)
    change (state, data);
  g_checksum_update (sum, (const guchar *)state, (gssize)(base_length - SAVE_SHA));
  g_checksum_get_digest (sum, (guint8 *)state + base_length - SAVE_SHA, &digest);
  path = fuzz_memfd (&fd);
  if (write (fd, state, base_length) != (ssize_t)base_length)
    abort ();

  fuzz_machine_open (&machine);
  fuzz_machine_pause (&machine);
  /* A file is checked as a whole first, a stream as it comes. */
  if (length > 0 && data[0] & 1)
    {
      lseek (fd, 0, SEEK_SET);
      loaded = vm_load_fd (machine.vm, fd, "fuzz", &error);
    }
  else
    loaded = vm_load (machine.vm, path, &error);
  if (loaded)
    {
      vm_resume (machine.vm);
      display_output_snapshot (machine.board->outputs->pdata[0]);
      fuzz_machine_run (&machine, data, length);
      vm_clock_advance (machine.vm->clock, 50 * 1000 * 1000);
      g_free (display_output_text (machine.board->outputs->pdata[0]));
      display_output_snapshot (machine.board->outputs->pdata[0]);
      fuzz_machine_pause (&machine);
    }
  close (fd);
  fuzz_machine_close (&machine);
  return 0;
}

static void
make (void)
{
  static const uint8_t run[][FUZZ_STEP]
      = { { 12, 0, 0, 0, 0xff, 0xff, 0xff, 0x0f }, { 14, 5 }, { 14, 0 }, { 14, 6 } };

  /* Each element of each field with the values that are most often wrong, sixteen to an input. */
  make_base ();
  for (unsigned from = 0; from < slots->len; from += 31)
    for (unsigned value = from % 8; value < 8; value += 8)
      {
        uint8_t seed[1 + 31 * 8 + sizeof run] = { 31 };

        for (unsigned i = 0; i < 31; i++)
          {
            uint8_t *c = seed + 1 + 8 * i;

            c[0] = 8;
            c[1] = (uint8_t)(from + i);
            c[2] = (uint8_t)((from + i) >> 8);
            c[4] = (uint8_t)(value + i);
          }
        memcpy (seed + 1 + 31 * 8, run, sizeof run);
        fuzz_seed (seed, sizeof seed);
      }
  for (unsigned i = 0; i < 16; i++)
    {
      const uint8_t seed[9] = { 1, 0xe0, 0, 0, 0, (uint8_t)(i * 37), (uint8_t)(i * 151), (uint8_t)i, 0 };

      fuzz_seed (seed, sizeof seed);
    }
}

const FuzzTarget fuzz_target = {
  "vmm/core/state.c vmm/core/vm-load.c vmm/core/vm-save.c vmm/core/save-sink.c vmm/core/vm.c vmm/core/clock.c",
  1024, make
};
