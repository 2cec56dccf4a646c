/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Kernel files that lie: every length, every header field at its extremes.
 */
#include "firmware/direct-boot.h"
#include "firmware/fw-cfg.h"

#include <elf.h>
#include <glib/gstdio.h>
#include <string.h>

#define LOW_RAM (16u << 20)

static gboolean
boot (const uint8_t *data, size_t length, uint64_t low_ram)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  Vm *vm = vm_new (NULL, TRUE);
  Device *fw_cfg;
  gboolean ok;
  int fd = g_file_open_tmp ("vivarium-kernel-XXXXXX", &path, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_close (fd, NULL) && g_file_set_contents (path, (const char *)data, (gssize)length, NULL));
  vm_lock (vm);
  fw_cfg = fw_cfg_new (vm, NULL);
  ok = direct_boot_setup (fw_cfg, &(DirectBoot){ .kernel = path, .append = "vga=ask" }, low_ram, &error);
  g_assert_true (ok == (error == NULL));
  if (!ok)
    g_assert_nonnull (strstr (error->message, path)); /* a person must know which file */
  vm_unlock (vm);
  vm_free (vm);
  g_unlink (path);
  return ok;
}

/* Sets each 32-bit word of the header to each extreme. */
static void
mutate (const uint8_t *good, size_t length, size_t from, size_t to)
{
  static const uint32_t values[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 0x100000, 0xff };
  g_autofree uint8_t *bad = g_malloc (length);

  for (size_t at = from; at + 4 <= MIN (to, length); at += 4)
    for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
      {
        memcpy (bad, good, length);
        memcpy (bad + at, &values[i], 4);
        boot (bad, length, LOW_RAM);
      }
  for (size_t n = 0; n < length; n += n < to ? 7 : 997)
    boot (good, n, LOW_RAM);
}

static void
test_linux (void)
{
  static uint8_t image[5 * 512 + 3000];

  image[0x1f1] = 4;
  image[0x1fe] = 0x55;
  image[0x1ff] = 0xaa;
  memcpy (image + 0x202, "HdrS\x0d\x02", 6);
  image[0x211] = 1;
  memset (image + 0x22c, 0x7f, 4);
  image[0x238] = 0xff;
  g_assert_true (boot (image, sizeof image, LOW_RAM));
  g_assert_false (boot (image, sizeof image, 1 << 20)); /* no room */
  g_assert_false (boot (image, sizeof image, 0));
  g_assert_false (boot (image, 5 * 512, LOW_RAM)); /* no kernel behind the setup */
  mutate (image, sizeof image, 0x1f0, 0x260);
}

static void
test_multiboot (void)
{
  static uint32_t image[1000]
      = { 0x1badb002, 0x10000, -(0x1badb002 + 0x10000), 0x100000, 0x100000, 0, 0, 0x100020 };

  g_assert_true (boot ((uint8_t *)image, sizeof image, LOW_RAM));
  g_assert_false (boot ((uint8_t *)image, sizeof image, 1 << 20));
  mutate ((uint8_t *)image, sizeof image, 12, 32);
  /* Conventional memory that is free, from its first byte to its last but the strings; neither the BIOS's nor the loader's. */
  static const struct
  {
    uint32_t address, size;
    gboolean ok;
  } low[] = { { 0x500, 0x1000, TRUE },    { 0x4ff, 0x1000, FALSE },   { 0x7c00, 0x1000, TRUE },
              { 0x8e000, 0x1000, TRUE },  { 0x90000, 0x1000, FALSE }, { 0x80000, 0x10000, FALSE },
              { 0xa0000, 0x1000, FALSE }, { 0x500, 0x8f000, TRUE },   { 0x500, 0x100000, FALSE } };
  for (unsigned i = 0; i < G_N_ELEMENTS (low); i++)
    {
      image[3] = image[4] = low[i].address;
      image[5] = 0;
      image[6] = low[i].address + low[i].size;
      image[7] = low[i].address + 0x20;
      g_assert_true (boot ((uint8_t *)image, sizeof image, LOW_RAM) == low[i].ok);
    }
}

/* An ELF file whose segments lie on both sides of the hole below 1 MiB. */
static void
test_low_segments (void)
{
  struct
  {
    Elf32_Ehdr header;
    Elf32_Phdr segment[2];
    uint32_t multiboot[3];
    uint8_t code[64];
  } image = {
    .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                .e_type = ET_EXEC,
                .e_machine = EM_386,
                .e_entry = 0x1000,
                .e_phoff = sizeof (Elf32_Ehdr),
                .e_phentsize = sizeof (Elf32_Phdr),
                .e_phnum = 2 },
    .multiboot = { 0x1badb002, 0, -0x1badb002u },
  };

  for (unsigned i = 0; i < 2; i++)
    image.segment[i] = (Elf32_Phdr){ .p_type = PT_LOAD,
                                     .p_offset = G_STRUCT_OFFSET (__typeof__ (image), code),
                                     .p_paddr = i == 0 ? 0x1000 : 0x100000,
                                     .p_vaddr = i == 0 ? 0x1000 : 0x100000,
                                     .p_filesz = 64,
                                     .p_memsz = 4096 };
  g_assert_true (boot ((uint8_t *)&image, sizeof image, LOW_RAM));
  image.segment[1].p_paddr = 0x20000;
  g_assert_true (boot ((uint8_t *)&image, sizeof image, LOW_RAM));
  image.segment[1].p_paddr = 0x9f000;
  g_assert_false (boot ((uint8_t *)&image, sizeof image, LOW_RAM));
  image.segment[1].p_paddr = 0xf0000;
  g_assert_false (boot ((uint8_t *)&image, sizeof image, LOW_RAM));
  mutate ((uint8_t *)&image, sizeof image, sizeof (Elf32_Ehdr),
          sizeof (Elf32_Ehdr) + 2 * sizeof (Elf32_Phdr));
}

/* Modules: their number, and where there is no room for them. */
static void
test_modules (void)
{
  static uint32_t image[1000]
      = { 0x1badb002, 0x10000, -(0x1badb002 + 0x10000), 0x100000, 0x100000, 0, 0, 0x100020 };
  static char long_string[0x90000];
  DirectBootModule modules[DIRECT_BOOT_MAX_MODULES + 1];
  g_autofree char *path = NULL;
  DirectBoot direct = { .modules = modules };
  int fd = g_file_open_tmp ("vivarium-kernel-XXXXXX", &path, NULL);

  g_assert_true (g_close (fd, NULL) && g_file_set_contents (path, (const char *)image, sizeof image, NULL));
  memset (long_string, 'x', sizeof long_string - 1);
  direct.kernel = path;
  for (unsigned i = 0; i < G_N_ELEMENTS (modules); i++)
    modules[i] = (DirectBootModule){ path, "a string" };
  for (unsigned i = 0; i < 5; i++)
    {
      static const struct
      {
        unsigned n;
        uint64_t low_ram;
        gboolean initrd, ok;
      } cases[] = { { 2, LOW_RAM, TRUE, TRUE },
                    { DIRECT_BOOT_MAX_MODULES, LOW_RAM, FALSE, TRUE },
                    { DIRECT_BOOT_MAX_MODULES, LOW_RAM, TRUE, FALSE },
                    { 3, 0x202000, FALSE, FALSE },
                    { 1, LOW_RAM, FALSE, FALSE } };
      g_autoptr (GError) error = NULL;
      Vm *vm = vm_new (NULL, TRUE);

      if (i == 4)
        modules[0].string = long_string;
      direct.n_modules = cases[i].n;
      direct.initrd = cases[i].initrd ? path : NULL;
      vm_lock (vm);
      g_assert_true (direct_boot_setup (fw_cfg_new (vm, NULL), &direct, cases[i].low_ram, &error)
                     == cases[i].ok);
      g_assert_true (cases[i].ok == (error == NULL));
      vm_unlock (vm);
      vm_free (vm);
    }
  g_unlink (path);
}

static void
test_pvh (void)
{
  struct
  {
    Elf64_Ehdr header;
    Elf64_Phdr segment[2];
    uint32_t note[3];
    char name[4];
    uint32_t entry;
    uint8_t code[64];
  } image = {
    .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_phoff = sizeof (Elf64_Ehdr),
                .e_phentsize = sizeof (Elf64_Phdr),
                .e_phnum = 2 },
    .note = { 4, 4, 18 },
    .name = "Xen",
    .entry = 0x100000,
  };

  image.segment[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
                                   .p_offset = G_STRUCT_OFFSET (__typeof__ (image), code),
                                   .p_paddr = 0x100000,
                                   .p_filesz = 64,
                                   .p_memsz = 128 };
  image.segment[1] = (Elf64_Phdr){ .p_type = PT_NOTE,
                                   .p_offset = G_STRUCT_OFFSET (__typeof__ (image), note),
                                   .p_filesz = 20 };
  g_assert_true (boot ((uint8_t *)&image, sizeof image, LOW_RAM));
  g_assert_false (boot ((uint8_t *)&image, sizeof image, 1 << 20));
  mutate ((uint8_t *)&image, sizeof image, 16, sizeof image - 64);
}

/* What is no file, or never ends. */
static void
test_not_files (void)
{
  static const char *const paths[] = { "/dev/zero", "/", "/nowhere/kernel" };

  for (unsigned i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (GError) error = NULL;
      Vm *vm = vm_new (NULL, TRUE);
      Device *fw_cfg;

      vm_lock (vm);
      fw_cfg = fw_cfg_new (vm, NULL);
      g_assert_false (direct_boot_setup (fw_cfg, &(DirectBoot){ .kernel = paths[i] }, LOW_RAM, &error));
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, paths[i]));
      vm_unlock (vm);
      vm_free (vm);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/direct-boot/linux", test_linux);
  g_test_add_func ("/direct-boot/multiboot", test_multiboot);
  g_test_add_func ("/direct-boot/low-segments", test_low_segments);
  g_test_add_func ("/direct-boot/modules", test_modules);
  g_test_add_func ("/direct-boot/pvh", test_pvh);
  g_test_add_func ("/direct-boot/not-files", test_not_files);
  return g_test_run ();
}
