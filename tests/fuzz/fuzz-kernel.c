/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * libFuzzer: a kernel file for direct boot: bzImage, Multiboot, ELF.  The first byte chooses memory, initrd and command line.
 */
#include "firmware/direct-boot.h"
#include "firmware/fw-cfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const char *const append[] = { NULL, "", "vga=0x317 quiet", "console=ttyS0 xvga=1 vga=ask" };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  KernelKind kind;
  Vm *vm;
  Device *fw_cfg;
  uint8_t how;
  int fd;

  if (length < 1)
    return 0;
  how = data[0];
  data++;
  length--;
  fd = memfd_create ("kernel", MFD_CLOEXEC);
  if (fd < 0 || write (fd, data, length) != (ssize_t)length)
    abort ();
  /* Room for what a header may claim without having it. */
  if (how & 0x40 && ftruncate (fd, (off_t)length + 100000) < 0)
    abort ();
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  direct_boot_identify (data, length, &kind);
  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  fw_cfg = fw_cfg_new (vm, NULL);
  DirectBootModule module = { path, "module" };
  DirectBoot boot = { .kernel = path,
                      .initrd = how & 4 ? path : NULL,
                      .modules = &module,
                      .n_modules = how >> 7,
                      .append = append[how & 3] };
  if (!direct_boot_setup (fw_cfg, &boot, how & 8 ? 64u << 20 : (how >> 4 & 3) << 20, &error) && error == NULL)
    abort ();
  device_free (fw_cfg);
  vm_unlock (vm);
  vm_free (vm);
  close (fd);
  return 0;
}
