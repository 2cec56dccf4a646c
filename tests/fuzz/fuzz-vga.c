/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * libFuzzer: any sequence of VGA register and memory accesses.
 */
#include "../unit/video/vga-machine.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  VgaMachine machine;

  vga_machine_open (&machine, "1");
  vga_machine_fuzz (&machine, data, MIN (length, 4096));
  vga_machine_close (&machine);
  return 0;
}
