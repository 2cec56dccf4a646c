/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * libFuzzer: a saved machine of which fields and bytes were changed by somebody who also knows how to make the checksum, loaded,
 * run for a while, saved again.
 *
 * Input: a byte n, n changes of eight bytes { what, place (16 bits), -, value (32 bits) }, then a program for fuzz-machine.h.
 */
#include "fuzz-machine.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

#define SHA_LENGTH 32u

typedef struct
{
  size_t at;
  unsigned size;
} Slot;

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
find_slots (size_t at, size_t end)
{
  static const unsigned sizes[]
      = { [STATE_TYPE_BOOL] = 1, [STATE_TYPE_U8] = 1,    [STATE_TYPE_U16] = 2,    [STATE_TYPE_U32] = 4,
          [STATE_TYPE_U64] = 8,  [STATE_TYPE_TIMER] = 8, [STATE_TYPE_BUFFER] = 1, [STATE_TYPE_STRUCT] = 0 };

  while (at < end)
    {
      size_t name = (uint8_t)base[at];
      unsigned type = (uint8_t)base[at + 1 + name];
      uint64_t count = number (at + 2 + name, 4);

      at += 6 + name;
      for (uint64_t i = 0; i < count; i++)
        {
          Slot slot = { at, sizes[type] };

          if (type == STATE_TYPE_STRUCT)
            {
              size_t inner = number (at, 4);

              find_slots (at + 4, at + 4 + inner);
              at += 4 + inner;
              continue;
            }
          if (i < 64)
            g_array_append_val (slots, slot);
          at += sizes[type];
        }
    }
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

  slots = g_array_new (FALSE, FALSE, sizeof (Slot));
  while (at < base_length)
    {
      char kind = base[at];
      size_t name = (uint8_t)base[at + 1];
      uint64_t length = number (at + 2 + name, 8);

      if (devices_from == 0 && kind == 'D')
        devices_from = at;
      at += 10 + name;
      if (kind == 'D')
        find_slots (at, at + length);
      else if (kind == 'C')
        {
          Slot slot = { at, 8 };

          g_array_append_val (slots, slot);
        }
      if (kind == 'R')
        for (uint64_t done = 0; done < length; done += 1u << 20)
          at += 4 + number (at, 4);
      else
        at += length;
    }
}

static void
change (char *state, const uint8_t *c)
{
  static const uint64_t values[8] = { 0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, G_MAXINT64, G_MAXUINT64 };
  unsigned place = c[1] | (unsigned)c[2] << 8;
  uint32_t value32 = c[4] | (uint32_t)c[5] << 8 | (uint32_t)c[6] << 16 | (uint32_t)c[7] << 24;
  const Slot *slot = &g_array_index (slots, Slot, place % slots->len);
  uint64_t value = c[0] & 8 ? values[value32 & 7] : value32 * (c[0] & 16 ? 0x100000001ull : 1);

  if ((c[0] & 0xe0) == 0xe0) /* any byte of headers, names, counts */
    state[devices_from + (value32 >> 8) % (base_length - devices_from - SHA_LENGTH)] = (char)value32;
  else
    memcpy (state + slot->at, &value, slot->size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  g_autofree char *state = NULL, *path = NULL;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GError) error = NULL;
  gsize digest = SHA_LENGTH;
  FuzzMachine machine;
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
  g_checksum_update (sum, (const guchar *)state, (gssize)(base_length - SHA_LENGTH));
  g_checksum_get_digest (sum, (guint8 *)state + base_length - SHA_LENGTH, &digest);
  path = fuzz_memfd (&fd);
  if (write (fd, state, base_length) != (ssize_t)base_length)
    abort ();

  fuzz_machine_open (&machine);
  fuzz_machine_pause (&machine);
  if (vm_load (machine.vm, path, &error))
    {
      vm_resume (machine.vm);
      display_output_snapshot (machine.board->output);
      fuzz_machine_run (&machine, data, MIN (length, 1024));
      vm_clock_advance (machine.vm->clock, 50 * 1000 * 1000);
      g_free (display_output_text (machine.board->output));
      display_output_snapshot (machine.board->output);
      fuzz_machine_pause (&machine);
    }
  close (fd);
  fuzz_machine_close (&machine);
  return 0;
}
