/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * libFuzzer: fw_cfg's three ports, with descriptors anywhere, on themselves and on registers.
 */
#include "firmware/fw-cfg.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

#define RAM_SIZE (64u << 10)

static void
on_written (void *opaque, const uint8_t *content, size_t size, size_t offset, size_t length)
{
  if (offset > size || length > size - offset)
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  AccessCache memory = { 0 }, ports = { 0 };
  Vm *vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  Device *fw_cfg;

  vm_lock (vm);
  address_space_map (vm->memory, ram, 0, 0, RAM_SIZE, 0);
  fw_cfg = fw_cfg_new (vm, NULL);
  fw_cfg_add_file (fw_cfg, "etc/read-only", data, MIN (length, 300));
  fw_cfg_add_file (fw_cfg, "etc/empty", NULL, 0);
  fw_cfg_add_file_callback (fw_cfg, "etc/writable", "01234567", 8, NULL, on_written, NULL);
  fw_cfg_add_string (fw_cfg, FW_CFG_KERNEL_CMDLINE, "line");
  vm_unlock (vm);
  for (size_t i = 0; i + 12 <= length; i += 12)
    {
      const uint8_t *s = data + i;
      uint32_t a = s[4] | (uint32_t)s[5] << 8 | (uint32_t)s[6] << 16 | (uint32_t)s[7] << 24;
      uint32_t b = s[8] | (uint32_t)s[9] << 8 | (uint32_t)s[10] << 16 | (uint32_t)s[11] << 24;
      unsigned size = 1u << (s[0] >> 4) % 4;

      switch (s[0] & 7)
        {
        case 0:
          address_space_store (vm->ports, &ports, 0x510 + s[1] % 16, a, MIN (size, 4), FALSE);
          break;
        case 1:
          address_space_load (vm->ports, &ports, 0x510 + s[1] % 16, MIN (size, 4), FALSE);
          break;
        case 2:
          address_space_store (vm->memory, &memory, a % (2 * RAM_SIZE), b, size, FALSE);
          break;
        case 3:
          address_space_store (vm->ports, &ports, 0x510, s[1] | (s[2] & 0x80) << 8, 2, FALSE);
          break;
        default:
          {
            uint64_t at = s[3] & 1 ? RAM_SIZE - (s[3] >> 1) : s[3] & ~1u;
            uint64_t to = s[2] & 1 ? a : s[2] & 2 ? at + (a & 15) : RAM_SIZE - (a & 0xff);

            address_space_store (vm->memory, &memory, at,
                                 GUINT32_SWAP_LE_BE ((s[1] & 31u) | (b & 0x803f0000u)), 4, FALSE);
            address_space_store (vm->memory, &memory, at + 4, GUINT32_SWAP_LE_BE (s[2] & 4 ? a : b & 0xffff),
                                 4, FALSE);
            address_space_store (vm->memory, &memory, at + 8,
                                 GUINT64_SWAP_LE_BE (s[2] & 8 ? to << 32 | a : to), 8, FALSE);
            address_space_store (vm->ports, &ports, 0x514, s[2] & 16 ? a : 0, 4, FALSE);
            address_space_store (vm->ports, &ports, 0x518, GUINT32_SWAP_LE_BE ((uint32_t)at), 4, FALSE);
          }
          break;
        }
    }
  access_cache_clear (&memory);
  access_cache_clear (&ports);
  vm_free (vm);
  return 0;
}
