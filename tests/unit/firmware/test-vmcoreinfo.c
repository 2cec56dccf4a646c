/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest's note for who reads dumps: where it says that it is, until a reset, and what of it comes into a core file.
 */
#include "core/vm.h"
#include "debug/core-file.h"
#include "firmware/fw-cfg.h"
#include "firmware/vmcoreinfo.h"
#include "tests/unit/chipset/fixture.h"

#include <elf.h>
#include <unistd.h>

#define RAM_SIZE   0x400000
#define DESCRIPTOR 0x100000
#define NOTE       0x3ff000

typedef struct
{
  Vm *vm;
  Region *ram;
  Device *fw_cfg;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->ram, 0, 0, RAM_SIZE, 0);
  f->fw_cfg = fw_cfg_new (f->vm, NULL);
  vmcoreinfo_add (f->fw_cfg);
  vm_unlock (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  region_unref (f->ram);
}

/* There is one file, so its selector is the first. */
static void
tell (Fixture *f, uint16_t format, uint32_t size, uint64_t address)
{
  uint8_t *ram = region_host (f->ram);
  const uint32_t control = GUINT32_TO_BE ((uint32_t)FW_CFG_FILE_FIRST << 16 | 8 | 16),
                 length = GUINT32_TO_BE (16);
  const uint64_t from = GUINT64_TO_BE (DESCRIPTOR + 16);

  memcpy (ram + DESCRIPTOR, &control, 4);
  memcpy (ram + DESCRIPTOR + 4, &length, 4);
  memcpy (ram + DESCRIPTOR + 8, &from, 8);
  memset (ram + DESCRIPTOR + 16, 0, 2);
  memcpy (ram + DESCRIPTOR + 18, &format, 2);
  memcpy (ram + DESCRIPTOR + 20, &size, 4);
  memcpy (ram + DESCRIPTOR + 24, &address, 8);
  outl (f->vm, 0x518, GUINT32_SWAP_LE_BE (DESCRIPTOR));
}

static gboolean
find (Fixture *f, uint64_t *address, uint32_t *size)
{
  gboolean found;

  vm_lock (f->vm);
  found = vmcoreinfo_find (f->fw_cfg, address, size);
  vm_unlock (f->vm);
  return found;
}

static void
test_find (Fixture *f, gconstpointer data)
{
  uint64_t address;
  uint32_t size;

  g_assert_false (find (f, &address, &size));
  tell (f, 1, 4096, 0x123456789abcdef0);
  g_assert_true (find (f, &address, &size));
  g_assert_cmphex (address, ==, 0x123456789abcdef0);
  g_assert_cmpuint (size, ==, 4096);
  /* Formats that nobody knows, and notes of nothing. */
  tell (f, 2, 4096, NOTE);
  g_assert_false (find (f, &address, &size));
  tell (f, 1, 0, NOTE);
  g_assert_false (find (f, &address, &size));
  tell (f, 1, 4096, NOTE);
  g_assert_true (find (f, &address, &size));
  /* The next system is another. */
  vm_lock (f->vm);
  f->fw_cfg->klass->reset (f->fw_cfg);
  vm_unlock (f->vm);
  g_assert_false (find (f, &address, &size));
}

static gboolean
on_note (void *opaque, uint64_t *address, uint32_t *size)
{
  return vmcoreinfo_find (((Fixture *)opaque)->fw_cfg, address, size);
}

/* The notes of a core file, as one run of bytes. */
static char *
notes_of (Fixture *f, gsize *length)
{
  static const EngineClass none = { .name = "none" };
  Engine engine = { .klass = &none };
  g_autofree char *path = NULL, *text = NULL;
  const int fd = g_file_open_tmp ("viv-core-XXXXXX", &path, NULL);
  SaveSink *sink = core_file_sink_new (f->vm, &engine, fd, "core", on_note, f);
  Elf64_Phdr note;
  gsize all;

  g_assert_true (sink->end (sink, NULL));
  sink->free (sink);
  g_assert_true (g_file_get_contents (path, &text, &all, NULL));
  memcpy (&note, text + sizeof (Elf64_Ehdr), sizeof note);
  g_assert_cmpuint (note.p_type, ==, PT_NOTE);
  g_assert_cmpuint (note.p_offset + note.p_filesz, <=, all);
  close (fd);
  unlink (path);
  *length = note.p_filesz;
  return g_memdup2 (text + note.p_offset, note.p_filesz + 1);
}

/* Beside what the guest may say of it. */
static void
assert_note (Fixture *f, const char *name, uint32_t name_size, uint32_t text_size, uint32_t size,
             uint64_t address, gsize wanted)
{
  const Elf64_Nhdr head = { .n_namesz = name_size, .n_descsz = text_size };
  uint8_t *ram = region_host (f->ram);
  g_autofree char *notes = NULL;
  gsize length;

  memset (ram + NOTE, 0, RAM_SIZE - NOTE);
  memcpy (ram + NOTE, &head, sizeof head);
  strcpy ((char *)ram + NOTE + sizeof head, name);
  strcpy ((char *)ram + NOTE + sizeof head + 12, "OSRELEASE=6.1\n");
  tell (f, 1, size, address);
  notes = notes_of (f, &length);
  g_assert_cmpuint (length, ==, wanted);
  if (wanted > 0)
    g_assert_cmpmem (notes, sizeof head + 12 + 14, ram + NOTE, sizeof head + 12 + 14);
}

static void
test_core (Fixture *f, gconstpointer data)
{
  g_autofree char *notes = NULL;
  gsize length;

  notes = notes_of (f, &length);
  g_assert_cmpuint (length, ==, 0);
  assert_note (f, "VMCOREINFO", 11, 14, 4096, NOTE, 12 + 12 + 16);
  assert_note (f, "VMCOREINFO", 11, 14, 12 + 12 + 14, NOTE, 12 + 12 + 16);
  /* Of another name, of a text that isn't in it, beyond memory, over its end, of no size at all. */
  assert_note (f, "VMCOREINFI", 11, 14, 4096, NOTE, 0);
  assert_note (f, "VMCOREINFO", 10, 14, 4096, NOTE, 0);
  assert_note (f, "VMCOREINFO", 11, 14, 12 + 12 + 13, NOTE, 0);
  assert_note (f, "VMCOREINFO", 11, 0xffffffff, 0xffffffff, NOTE, 0);
  assert_note (f, "VMCOREINFO", 11, 5000, 0xffffffff, NOTE, 0);
  assert_note (f, "VMCOREINFO", 11, 14, 4096, 0xfffffffffffffff0, 0);
  assert_note (f, "VMCOREINFO", 11, 14, 4096, RAM_SIZE - 8, 0);
  assert_note (f, "VMCOREINFO", 11, 14, 3, NOTE, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/vmcoreinfo/find", Fixture, NULL, set_up, test_find, tear_down);
  g_test_add ("/vmcoreinfo/core", Fixture, NULL, set_up, test_core, tear_down);
  return g_test_run ();
}
