/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VM generation id: where the guest finds it, and when it changes.
 */
#include "core/vm.h"
#include "firmware/fw-cfg.h"
#include "firmware/vmgenid.h"
#include "tests/unit/chipset/fixture.h"

#define RAM_SIZE   0x400000
#define PAGE       0x200000
#define DESCRIPTOR 0x100000
#define ID_OFFSET  40
#define ID_SIZE    16

typedef struct
{
  Vm *vm;
  Region *ram;
  Device *fw_cfg, *gen;
  unsigned raised;
} Fixture;

static void
on_raise (void *opaque)
{
  ((Fixture *)opaque)->raised++;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->ram, 0, 0, RAM_SIZE, 0);
  f->fw_cfg = fw_cfg_new (f->vm, NULL);
  f->gen = vmgenid_new (f->vm, f->fw_cfg, on_raise, f, NULL);
  vm_unlock (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  region_unref (f->ram);
}

static const uint8_t *
id_of (Fixture *f)
{
  size_t length;
  const uint8_t *page = fw_cfg_file (f->fw_cfg, "etc/vmgenid_guid", &length);

  g_assert_nonnull (page);
  g_assert_cmpuint (length, ==, 4096);
  return page + ID_OFFSET;
}

/* The selector of a file, from the directory as a guest reads it. */
static uint16_t
selector_of (Fixture *f, const char *name)
{
  uint32_t n = 0;

  outw (f->vm, 0x510, FW_CFG_FILE_DIR);
  for (unsigned i = 0; i < 4; i++)
    n = n << 8 | inb (f->vm, 0x511);
  while (n-- > 0)
    {
      uint8_t entry[64];

      for (unsigned i = 0; i < sizeof entry; i++)
        entry[i] = inb (f->vm, 0x511);
      if (g_str_equal (entry + 8, name))
        return (uint16_t)(entry[4] << 8 | entry[5]);
    }
  g_assert_not_reached ();
}

/* WRITE_POINTER of the table loader. */
static void
tell_address (Fixture *f, uint64_t address)
{
  uint8_t *ram = region_host (f->ram);
  const uint32_t control = GUINT32_TO_BE ((uint32_t)selector_of (f, "etc/vmgenid_addr") << 16 | 8 | 16),
                 length = GUINT32_TO_BE (8);
  const uint64_t from = GUINT64_TO_BE (DESCRIPTOR + 16), value = GUINT64_TO_LE (address);

  memcpy (ram + DESCRIPTOR, &control, 4);
  memcpy (ram + DESCRIPTOR + 4, &length, 4);
  memcpy (ram + DESCRIPTOR + 8, &from, 8);
  memcpy (ram + DESCRIPTOR + 16, &value, 8);
  outl (f->vm, 0x518, GUINT32_SWAP_LE_BE (DESCRIPTOR));
}

static void
resume (Fixture *f)
{
  vm_lock (f->vm);
  f->gen->klass->resume (f->gen);
  vm_unlock (f->vm);
}

static void
load_saved (Fixture *f)
{
  g_autoptr (GByteArray) saved = g_byte_array_new ();

  vm_lock (f->vm);
  state_save (f->gen->klass->state, f->gen, saved);
  vm_unlock (f->vm);
  g_assert_true (load_state (f->vm, f->gen, saved->data, saved->len));
}

/* It stays over pauses, and changes where the machine goes on from what was saved: in memory, and the guest hears of it once. */
static void
test_load (Fixture *f, gconstpointer data)
{
  uint8_t *ram = region_host (f->ram), first[ID_SIZE];

  tell_address (f, PAGE);
  memcpy (first, id_of (f), ID_SIZE);
  memcpy (ram + PAGE + ID_OFFSET, first, ID_SIZE); /* firmware */
  resume (f);
  g_assert_cmpuint (f->raised, ==, 0);
  g_assert_cmpmem (id_of (f), ID_SIZE, first, ID_SIZE);

  load_saved (f);
  g_assert_cmpuint (f->raised, ==, 0);
  resume (f);
  g_assert_cmpuint (f->raised, ==, 1);
  g_assert_true (memcmp (id_of (f), first, ID_SIZE) != 0);
  g_assert_cmpmem (ram + PAGE + ID_OFFSET, ID_SIZE, id_of (f), ID_SIZE);
  resume (f);
  g_assert_cmpuint (f->raised, ==, 1);
}

/* A machine that was saved in its firmware, and addresses where no memory is. */
static void
test_nowhere (Fixture *f, gconstpointer data)
{
  static const uint64_t places[]
      = { RAM_SIZE, RAM_SIZE - ID_OFFSET - 8, G_MAXUINT64, G_MAXUINT64 - 4096, 0xfed00000 };

  load_saved (f);
  resume (f);
  g_assert_cmpuint (f->raised, ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    {
      tell_address (f, places[i]);
      load_saved (f);
      resume (f);
      g_assert_cmpuint (f->raised, ==, 0);
    }
  reset_device (f->vm, f->gen);
  load_saved (f);
  resume (f);
  g_assert_cmpuint (f->raised, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/vmgenid/load", Fixture, NULL, set_up, test_load, tear_down);
  g_test_add ("/vmgenid/nowhere", Fixture, NULL, set_up, test_nowhere, tear_down);
  return g_test_run ();
}
