/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * libFuzzer: a guest that does anything to the whole PC: ports, memory-mapped registers, configuration space, DMA descriptors, with
 * time, resets, media changes, saved states and input in between.
 */
#include "fuzz-machine.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzMachine machine;

  fuzz_machine_open (&machine);
  fuzz_machine_map (&machine);
  fuzz_machine_run (&machine, data, MIN (length, 4096));
  fuzz_machine_close (&machine);
  return 0;
}
