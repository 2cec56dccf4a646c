/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fw_cfg: items, directory, DMA, hostile descriptors.
 */
#include "firmware/fw-cfg.h"
#include "tests/unit/chipset/fixture.h"

#define RAM_SIZE 0x20000

typedef struct
{
  Vm *vm;
  Device *fw_cfg;
  Region *ram;
  uint8_t *host;
  unsigned selected, written;
  size_t offset, length;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  f->host = region_host (f->ram);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->ram, 0, 0, RAM_SIZE, 0);
  f->fw_cfg = fw_cfg_new (f->vm, NULL);
  vm_unlock (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  region_unref (f->ram);
}

static void
read_bytes (Fixture *f, unsigned selector, void *buffer, size_t n)
{
  outw (f->vm, 0x510, selector);
  for (size_t i = 0; i < n; i++)
    ((uint8_t *)buffer)[i] = inb (f->vm, 0x511);
}

/* Returns what the device leaves in the control field. */
static uint32_t
dma (Fixture *f, uint64_t at, uint32_t control, uint32_t length, uint64_t address)
{
  uint32_t be[4] = { GUINT32_TO_BE (control), GUINT32_TO_BE (length),
                     GUINT32_TO_BE ((uint32_t)(address >> 32)), GUINT32_TO_BE ((uint32_t)address) };

  if (at <= RAM_SIZE - sizeof be)
    memcpy (f->host + at, be, sizeof be);
  outl (f->vm, 0x514, GUINT32_SWAP_LE_BE ((uint32_t)(at >> 32)));
  outl (f->vm, 0x518, GUINT32_SWAP_LE_BE ((uint32_t)at));
  if (at > RAM_SIZE - sizeof be)
    return 0;
  memcpy (be, f->host + at, 4);
  return GUINT32_FROM_BE (be[0]);
}

static void
test_items (Fixture *f, gconstpointer data)
{
  uint8_t buffer[16];

  read_bytes (f, FW_CFG_SIGNATURE, buffer, 6);
  g_assert_cmpmem (buffer, 6, "QEMU\0\0", 6);
  read_bytes (f, FW_CFG_ID, buffer, 4);
  g_assert_cmpmem (buffer, 4, "\3\0\0\0", 4);
  g_assert_cmphex (inl (f->vm, 0x514), ==, 0x554d4551);
  g_assert_cmphex (inl (f->vm, 0x518), ==, 0x47464320);
  fw_cfg_add_u64 (f->fw_cfg, FW_CFG_RAM_SIZE, 0x8000000);
  fw_cfg_add_u16 (f->fw_cfg, FW_CFG_NB_CPUS, 2);
  fw_cfg_add_string (f->fw_cfg, FW_CFG_CMDLINE_DATA, "console=ttyS0");
  fw_cfg_add_item (f->fw_cfg, FW_CFG_ARCH_LOCAL + 3, "e820", 4);
  read_bytes (f, FW_CFG_RAM_SIZE, buffer, 8);
  g_assert_cmpmem (buffer, 8, "\0\0\0\10\0\0\0\0", 8);
  read_bytes (f, FW_CFG_CMDLINE_DATA, buffer, 14);
  g_assert_cmpmem (buffer, 14, "console=ttyS0", 14);
  read_bytes (f, FW_CFG_ARCH_LOCAL + 3, buffer, 5);
  g_assert_cmpmem (buffer, 5, "e820", 5);
  /* Selectors that nothing has. */
  for (unsigned selector = 0; selector <= 0xffff; selector += 17)
    read_bytes (f, selector, buffer, 2);
  read_bytes (f, 0x3fff, buffer, 2);
  g_assert_cmpmem (buffer, 2, "\0\0", 2);
}

static void
test_directory (Fixture *f, gconstpointer data)
{
  uint8_t buffer[4 + 3 * 64];
  size_t length;

  fw_cfg_add_file (f->fw_cfg, "etc/b", "bee", 3);
  fw_cfg_add_file (f->fw_cfg, "etc/a", "a", 1);
  fw_cfg_add_file (f->fw_cfg, "genroms/x", NULL, 0);
  fw_cfg_add_file (f->fw_cfg, "etc/a", "ay", 2);
  read_bytes (f, FW_CFG_FILE_DIR, buffer, sizeof buffer);
  g_assert_cmpmem (buffer, 4, "\0\0\0\3", 4);
  g_assert_cmpmem (buffer + 4, 8, "\0\0\0\2\0\x20\0\0", 8);
  g_assert_cmpstr ((char *)buffer + 12, ==, "etc/a");
  g_assert_cmpmem (buffer + 68, 8, "\0\0\0\3\0\x21\0\0", 8);
  g_assert_cmpstr ((char *)buffer + 140, ==, "genroms/x");
  read_bytes (f, 0x21, buffer, 4);
  g_assert_cmpmem (buffer, 4, "bee", 4);
  g_assert_cmpmem (fw_cfg_file (f->fw_cfg, "etc/a", &length), 2, "ay", 2);
  g_assert_cmpuint (length, ==, 2);
  g_assert_null (fw_cfg_file (f->fw_cfg, "etc/none", &length));
}

static void
on_select (void *opaque)
{
  Fixture *f = opaque;

  f->selected++;
}

static void
on_written (void *opaque, const uint8_t *content, size_t size, size_t offset, size_t length)
{
  Fixture *f = opaque;

  g_assert_cmpuint (size, ==, 8);
  f->written++;
  f->offset = offset;
  f->length = length;
}

static void
test_dma (Fixture *f, gconstpointer data)
{
  fw_cfg_add_file (f->fw_cfg, "etc/a", "0123456789", 10);
  fw_cfg_add_file_callback (f->fw_cfg, "etc/w", "\0\0\0\0\0\0\0\0", 8, on_select, on_written, f);

  g_assert_cmphex (dma (f, 0x100, 0x20 << 16 | 8 | 2, 4, 0x1000), ==, 0);
  g_assert_cmpmem (f->host + 0x1000, 4, "0123", 4);
  g_assert_cmphex (dma (f, 0x100, 4, 2, 0), ==, 0);
  memset (f->host + 0x1000, 0xee, 16);
  g_assert_cmphex (dma (f, 0x100, 2, 8, 0x1000), ==, 0);
  g_assert_cmpmem (f->host + 0x1000, 9, "6789\0\0\0\0\xee", 9);

  g_assert_cmphex (dma (f, 0x100, 0x21 << 16 | 8 | 4, 2, 0), ==, 0);
  g_assert_cmpuint (f->selected, ==, 1);
  memcpy (f->host + 0x2000, "WXYZ", 4);
  g_assert_cmphex (dma (f, 0x100, 16, 4, 0x2000), ==, 0);
  g_assert_cmpuint (f->written, ==, 1);
  g_assert_cmpuint (f->offset, ==, 2);
  g_assert_cmpuint (f->length, ==, 4);
  g_assert_cmpmem (fw_cfg_file (f->fw_cfg, "etc/w", NULL), 8, "\0\0WXYZ\0\0", 8);
  check_round_trip (f->vm, f->fw_cfg);
  g_assert_cmpmem (fw_cfg_file (f->fw_cfg, "etc/w", NULL), 8, "\0\0WXYZ\0\0", 8);
  g_assert_cmphex (dma (f, 0x100, 16, 3, 0x2000), ==, 1);                  /* past the end */
  g_assert_cmphex (dma (f, 0x100, 0x20 << 16 | 8 | 16, 1, 0x2000), ==, 1); /* not writable */
  g_assert_cmpuint (f->written, ==, 1);
}

/* A long item comes in pieces, with the machine's lock free in between; what is asked for behind an item isn't written. */
static void
test_long (Fixture *f, gconstpointer data)
{
  const size_t length = 3 * 1024 * 1024 + 5;
  g_autofree uint8_t *content = g_malloc (length);
  Region *ram = region_new_ram ("more", 0x800000, RAM_DEFAULT, NULL);
  uint8_t *host = region_host (ram);
  Mapping *mapping;
  unsigned turns = 0;

  for (size_t i = 0; i < length; i++)
    content[i] = (uint8_t)(i * 7 + i / 4096);
  vm_lock (f->vm);
  mapping = address_space_map (f->vm->memory, ram, 0x1000000, 0, 0x800000, 0);
  fw_cfg_add_file (f->fw_cfg, "etc/long", content, length);
  fw_cfg_add_file (f->fw_cfg, "etc/short", "short", 5);
  vm_unlock (f->vm);
  memset (host, 0xee, 0x800000);
  g_assert_cmphex (dma (f, 0x100, 0x20 << 16 | 8 | 2, (uint32_t)length, 0x1000000), !=, 0); /* at work */
  /* Another one meanwhile is refused, and harms nothing. */
  g_assert_cmphex (dma (f, 0x200, 0x21 << 16 | 8 | 2, 5, 0x1000), ==, 1);
  check_round_trip (f->vm, f->fw_cfg);
  for (; f->host[0x103] != 0 && turns < 1000; turns++)
    {
      vm_clock_advance (f->vm->clock, 1000000);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpmem (f->host + 0x100, 4, "\0\0\0\0", 4);
  g_assert_cmpuint (turns, >, 0);
  g_assert_cmpmem (host, length, content, length);
  g_assert_cmphex (host[length], ==, 0xee);
  /* Hardly anything is written behind the end of an item, however much is asked for. */
  memset (host, 0xee, 0x800000);
  g_assert_cmphex (dma (f, 0x100, 0x21 << 16 | 8 | 2, 0x800000, 0x1000000), ==, 0);
  g_assert_cmpmem (host, 9, "short\0\0\0\0", 9);
  g_assert_cmphex (host[0x10000], ==, 0xee);
  /* A reset forgets the read. */
  dma (f, 0x100, 0x20 << 16 | 8 | 2, (uint32_t)length, 0x1000000);
  vm_lock (f->vm);
  f->fw_cfg->klass->reset (f->fw_cfg);
  vm_unlock (f->vm);
  memset (host, 0xee, 0x800000);
  vm_clock_advance (f->vm->clock, 1000000000);
  g_assert_cmphex (host[length - 1], ==, 0xee);
  g_assert_cmphex (dma (f, 0x100, 0x21 << 16 | 8 | 2, 5, 0x1000000), ==, 0);
  vm_lock (f->vm);
  mapping_remove (mapping);
  vm_unlock (f->vm);
  region_unref (ram);
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  static const uint64_t places[] = { 0,        0x100,      RAM_SIZE - 16, RAM_SIZE - 15, RAM_SIZE - 1,
                                     RAM_SIZE, 0xffffffff, G_MAXUINT64,   1ull << 52,    G_MAXUINT64 - 15 };

  fw_cfg_add_file_callback (f->fw_cfg, "etc/w", "\0\0\0\0\0\0\0\0", 8, on_select, on_written, f);
  g_assert_cmphex (dma (f, 0x100, 8 | 2, G_MAXUINT32, 0x1000), ==, 0); /* longer than memory, not the item */
  g_assert_cmphex (dma (f, 0x100, 8 | 2, 8, RAM_SIZE - 4), ==, 1);
  g_assert_cmphex (dma (f, 0x100, 2, 4, RAM_SIZE - 2), ==, 1);
  g_assert_cmphex (dma (f, 0x100, 0x20 << 16 | 8 | 16, 4, RAM_SIZE - 2), ==, 1);
  g_assert_cmphex (dma (f, 0x100, 2, 16, 0x100), ==, 0); /* over its own descriptor */
  for (unsigned i = 0; i < 2000; i++)
    dma (f, places[g_rand_int (rand) % G_N_ELEMENTS (places)], g_rand_int (rand) & 0x8021001f,
         g_rand_boolean (rand) ? g_rand_int (rand) : g_rand_int (rand) & 15,
         places[g_rand_int (rand) % G_N_ELEMENTS (places)]);
  for (unsigned i = 0; i < 2000; i++)
    store (f->vm, f->vm->ports, 0x510 + g_rand_int (rand) % 12, g_rand_int (rand),
           1u << g_rand_int_range (rand, 0, 3));
  check_hostile (f->vm, f->fw_cfg, 0x510, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/fw-cfg/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (items);
  ADD (directory);
  ADD (dma);
  ADD (long);
  ADD (hostile);
  return g_test_run ();
}
