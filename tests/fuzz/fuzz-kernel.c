/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A kernel file for direct boot: bzImage, Multiboot, ELF.
 *
 * Input: a byte for memory, initrd and command line, a byte for modules (how many, and whether a Multiboot header's checksum is made
 * right, which no mutation does), the file.
 */
#include "fuzz.h"

#include "firmware/direct-boot.h"
#include "firmware/fw-cfg.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void
mend_multiboot (uint8_t *file, size_t length)
{
  for (size_t at = 0; at + 12 <= MIN (length, 8192); at += 4)
    {
      uint32_t word[3];

      memcpy (word, file + at, sizeof word);
      if (word[0] != 0x1badb002)
        continue;
      word[2] = -(word[0] + word[1]);
      memcpy (file + at, word, sizeof word);
      return;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const char *const append[] = { NULL, "", "vga=0x317 quiet", "console=ttyS0 xvga=1 vga=ask" };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  KernelKind kind;
  Vm *vm;
  Device *fw_cfg;
  g_autofree uint8_t *file = NULL;
  DirectBootModule modules[DIRECT_BOOT_MAX_MODULES];
  uint8_t how, how_many;
  int fd;

  if (length < 2)
    return 0;
  how = data[0];
  how_many = data[1];
  length -= 2;
  file = g_memdup2 (data + 2, length);
  data = file;
  if (how_many & 0x80)
    mend_multiboot (file, length);
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
  for (unsigned i = 0; i < G_N_ELEMENTS (modules); i++)
    modules[i] = (DirectBootModule){ path, "module" };
  DirectBoot boot = { .kernel = path,
                      .initrd = how & 4 ? path : NULL,
                      .modules = modules,
                      .n_modules = how_many % (DIRECT_BOOT_MAX_MODULES + 1),
                      .append = append[how & 3] };
  if (!direct_boot_setup (fw_cfg, &boot, how & 8 ? 64u << 20 : (how >> 4 & 3) << 20, &error) && error == NULL)
    abort ();
  device_free (fw_cfg);
  vm_unlock (vm);
  vm_free (vm);
  close (fd);
  return 0;
}

static void
seed (char how, char how_many, const void *file, size_t length)
{
  g_autoptr (GByteArray) input = g_byte_array_new ();

  g_byte_array_append (input, (const guint8 *)&how, 1);
  g_byte_array_append (input, (const guint8 *)&how_many, 1);
  g_byte_array_append (input, file, (guint)length);
  fuzz_seed (input->data, input->len);
}

static void
make_linux (void)
{
  uint8_t file[4096] = { 0 };

  file[0x1f1] = 2;
  memcpy (file + 0x1fe, "\x55\xaa\xeb\x66HdrS\x0f\x02", 10);
  file[0x211] = 1;
  memcpy (file + 0x22c, "\xff\xff\xff\x7f", 4);
  memcpy (file + 0x238, "\xff\x07\0\0", 4);
  for (unsigned how = 0; how < 16; how += 3)
    seed ((char)(0x48 | how), (char)(how == 12), file, 2048);
  seed (0x3e, 0, file, sizeof file);
  file[0x207] = 1; /* protocol 2.01 */
  seed (0x0c, 0, file, 2048);
  file[0x207] = 2;
  file[0x206] = 2;
  seed (0x0e, 0, file, 2048);
}

static void
make_multiboot (void)
{
  uint32_t words[64] = { 0x1badb002, 0x10003, 0, 0x100000, 0x100000, 0x100080, 0x101000, 0x100020 };

  seed (0x08, (char)0x80, words, sizeof words);
  seed (0x0e, (char)0x83, words, sizeof words);
  seed (0x0e, (char)0xa0, words, sizeof words);
  words[3] = words[4] = 0x8000; /* below 1 MiB */
  words[5] = words[6] = 0;
  seed (0x0c, (char)0x81, words, sizeof words);
  words[1] = 0x10023; /* asks for what nobody has */
  seed (0x08, (char)0x80, words, sizeof words);
}

static void
make_elf (void)
{
  struct
  {
    Elf64_Ehdr header;
    Elf64_Phdr segment[3];
    uint32_t note[3];
    char name[4];
    uint32_t entry;
    uint32_t multiboot[3];
    uint8_t code[64];
  } image = { .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                          .e_type = ET_EXEC,
                          .e_machine = EM_X86_64,
                          .e_entry = 0x100000,
                          .e_phoff = sizeof (Elf64_Ehdr),
                          .e_phentsize = sizeof (Elf64_Phdr),
                          .e_phnum = 3 },
              .note = { 4, 4, 18 },
              .name = "Xen",
              .entry = 0x100000,
              .multiboot = { 0, 0, 0 } };
  struct
  {
    Elf32_Ehdr header;
    Elf32_Phdr segment[2];
    uint32_t multiboot[3];
    uint8_t code[64];
  } small = { .header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                          .e_type = ET_EXEC,
                          .e_machine = EM_386,
                          .e_entry = 0xc0100000,
                          .e_phoff = sizeof (Elf32_Ehdr),
                          .e_phentsize = sizeof (Elf32_Phdr),
                          .e_phnum = 2 },
              .multiboot = { 0x1badb002, 3, 0 } };

  image.segment[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
                                   .p_offset = 0,
                                   .p_paddr = 0x100000,
                                   .p_vaddr = 0xffffffff80100000,
                                   .p_filesz = sizeof image,
                                   .p_memsz = 0x2000 };
  image.segment[1]
      = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = G_STRUCT_OFFSET (typeof (image), note), .p_filesz = 20 };
  image.segment[2] = (Elf64_Phdr){
    .p_type = PT_LOAD, .p_offset = 64, .p_paddr = 0x9000, .p_vaddr = 0x9000, .p_filesz = 64, .p_memsz = 64
  };
  seed (0x08, 0, &image, sizeof image);
  seed (0x0e, 2, &image, sizeof image);
  seed (0x1e, 0x20, &image, sizeof image);
  image.multiboot[0] = 0x1badb002;
  seed (0x0e, (char)0x82, &image, sizeof image);
  small.segment[0] = (Elf32_Phdr){
    .p_type = PT_LOAD, .p_paddr = 0x100000, .p_vaddr = 0xc0100000, .p_filesz = sizeof small, .p_memsz = 0x2000
  };
  small.segment[1] = (Elf32_Phdr){
    .p_type = PT_LOAD, .p_paddr = 0x1000, .p_vaddr = 0x1000, .p_filesz = 16, .p_memsz = 32
  };
  seed (0x08, (char)0x80, &small, sizeof small);
  seed (0x1e, (char)0x82, &small, sizeof small);
}

static void
make (void)
{
  static const uint32_t magics[]
      = { 0x1badb002, 0x10003, 18, PT_LOAD, PT_NOTE, 0x100000, 0x90000, 0xfffff000 };

  for (unsigned i = 0; i < G_N_ELEMENTS (magics); i++)
    fuzz_word (&magics[i], 4);
  fuzz_word_text ("HdrS");
  fuzz_word_text ("\x55\xaa");
  fuzz_word_text ("\x7f"
                  "ELF");
  make_linux ();
  make_multiboot ();
  make_elf ();
}

const FuzzTarget fuzz_target
    = { "vmm/firmware/direct-boot.c vmm/firmware/direct-boot-elf.c vmm/firmware/direct-boot-linux.c "
        "vmm/firmware/direct-boot-multiboot.c vmm/firmware/direct-boot-pvh.c",
        16384, make };
