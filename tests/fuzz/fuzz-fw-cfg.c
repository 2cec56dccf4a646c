/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fw_cfg's three ports, with descriptors anywhere, on themselves and on registers.
 *
 * Input: steps of twelve bytes { what and size, …, value (32 bits), value (32 bits) }.
 */
#include "fuzz.h"

#include "firmware/fw-cfg.h"

#include <stdlib.h>

#define RAM_SIZE (64u << 10)
#define STEP     12u

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
  for (size_t i = 0; i + STEP <= length; i += STEP)
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

/* A DMA step: see above. */
static void
dma (GByteArray *out, uint8_t control, uint8_t flags, uint8_t at, uint32_t address, uint32_t length)
{
  const uint8_t step[STEP] = { 4,
                               control,
                               flags,
                               at,
                               (uint8_t)address,
                               (uint8_t)(address >> 8),
                               (uint8_t)(address >> 16),
                               (uint8_t)(address >> 24),
                               (uint8_t)length,
                               (uint8_t)(length >> 8),
                               (uint8_t)(length >> 16),
                               (uint8_t)(length >> 24) };

  g_byte_array_append (out, step, STEP);
}

static void
select_item (GByteArray *out, uint16_t item)
{
  const uint8_t step[STEP] = { 3, (uint8_t)item, (uint8_t)(item >> 8) };

  g_byte_array_append (out, step, STEP);
}

static void
make (void)
{
  static const uint16_t items[] = { 0, 1, 0x15, 0x19, 0x20, 0x21, 0x22, 0x8000, 0x4000, 0xffff };
  g_autoptr (GByteArray) all = g_byte_array_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (items); i++)
    {
      static const uint8_t read[STEP] = { 1, 1 }, read_4[STEP] = { 0x21, 4 }, read_8[STEP] = { 0x11, 0 };
      g_autoptr (GByteArray) one = g_byte_array_new ();

      select_item (one, items[i]);
      for (unsigned k = 0; k < 6; k++)
        g_byte_array_append (one, k & 1 ? read_4 : k & 2 ? read_8 : read, STEP);
      for (uint8_t control = 1; control < 32; control++)
        dma (one, control, (uint8_t)(1 | (control & 4)), 0x80, 0x400 + control,
             (uint32_t)items[i] << 16 | 16);
      dma (one, 8 | 2, 1, 0x80, 0x100, (uint32_t)items[i] << 16 | 4);
      dma (one, 8 | 16, 1, 0x80, 0x100, (uint32_t)items[i] << 16 | 8); /* writes */
      dma (one, 2, 8 | 1, 0x80, 0, 0xffff);                            /* nowhere */
      dma (one, 2, 2, 0x81, 0, 8);                                     /* itself */
      dma (one, 2, 16, 0x81, 0, 8);
      fuzz_seed (one->data, one->len);
      g_byte_array_append (all, one->data, one->len);
    }
  fuzz_seed (all->data, MIN (all->len, 4096));
}

const FuzzTarget fuzz_target = { "vmm/firmware/fw-cfg.c", 4096, make };
