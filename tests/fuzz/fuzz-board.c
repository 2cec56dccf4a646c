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
  /* Bus mastering and decoding on, so that few bytes lead deep. */
  vm_lock (machine.vm);
  vm_unlock (machine.vm);
  for (unsigned i = 0; i < 3; i++)
    {
      static const uint8_t devfns[] = { PCI_DEVFN (1, 1), PCI_DEVFN (1, 3), PCI_DEVFN (2, 0) };

      fuzz_out (&machine, 0xcf8, 0x80000004u | (uint32_t)devfns[i] << 8, 4);
      fuzz_out (&machine, 0xcfc, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    }
  fuzz_out (&machine, 0xcf8, 0x80000920u, 4);
  fuzz_out (&machine, 0xcfc, 0xc001, 4);
  fuzz_out (&machine, 0xcf8, 0x80000b40u, 4);
  fuzz_out (&machine, 0xcfc, 0x601, 4);
  fuzz_out (&machine, 0xcf8, 0x80000b80u, 4);
  fuzz_out (&machine, 0xcfc, 1, 1);
  fuzz_out (&machine, 0xcf8, 0x80001010u, 4);
  fuzz_out (&machine, 0xcfc, 0xe0000000u, 4);
  fuzz_out (&machine, 0xcf8, 0x80001018u, 4);
  fuzz_out (&machine, 0xcfc, 0xfe000000u, 4);
  fuzz_machine_run (&machine, data, MIN (length, 4096));
  fuzz_machine_close (&machine);
  return 0;
}
