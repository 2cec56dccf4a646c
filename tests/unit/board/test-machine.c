/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The whole PC without a processor: what the fuzzers of tests/fuzz found, and a few of their rounds with fixed numbers.
 */
#include "../../fuzz/fuzz-state.c"

#include "block/block-driver.h"

#include <sys/stat.h>

/* Any accesses in any order; a machine that was saved in the middle of them loads again (fuzz_life() checks). */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (unsigned round = 0; round < 4; round++)
    {
      FuzzMachine machine;

      fuzz_machine_open (&machine);
      fuzz_machine_map (&machine);
      for (unsigned i = 0; i < 400 && vm_state (machine.vm) != VM_STATE_STOPPED; i++)
        {
          uint8_t step[FUZZ_STEP];

          for (unsigned k = 0; k < FUZZ_STEP; k++)
            step[k] = (uint8_t)g_rand_int (rand);
          fuzz_machine_step (&machine, step);
        }
      fuzz_machine_close (&machine);
    }
}

/* Descriptors that lie on registers, on themselves, behind the end of RAM; lengths of gigabytes into nothing. */
static void
test_dma_nowhere (void)
{
  FuzzMachine machine;

  fuzz_machine_open (&machine);
  fuzz_machine_map (&machine);
  for (unsigned select = 0; select < 0x40; select++)
    {
      uint32_t read = select << 16 | 8 | 2;

      fuzz_fw_cfg (&machine, FUZZ_DESCRIPTOR, read, 0xffffffff, 0xfed00000);
      fuzz_fw_cfg (&machine, FUZZ_DESCRIPTOR, read, 0xffffffff, 1ULL << 40);
      fuzz_fw_cfg (&machine, FUZZ_DESCRIPTOR, read, 0xffffffff, G_MAXUINT64);
      fuzz_fw_cfg (&machine, FUZZ_DESCRIPTOR, read, 64, FUZZ_DESCRIPTOR - 8);
      fuzz_fw_cfg (&machine, (4u << 20) - 8, read, 64, 0);
      fuzz_fw_cfg (&machine, 0xfec00000, read, 64, 0);
    }
  /* The IDE function's descriptors on the IOAPIC, its table behind RAM. */
  fuzz_out (&machine, 0xc004, 0xfec00000, 4);
  fuzz_out (&machine, 0xc000, 9, 1);
  fuzz_out (&machine, 0x1f2, 1, 1);
  fuzz_out (&machine, 0x1f6, 0xe0, 1);
  fuzz_out (&machine, 0x1f7, 0xc8, 1);
  for (unsigned i = 0; i < 20; i++)
    {
      g_usleep (500);
      fuzz_pump ();
    }
  /* It goes on, and serves: the signature of fw_cfg. */
  g_assert_cmpint (vm_state (machine.vm), ==, VM_STATE_RUNNING);
  fuzz_fw_cfg (&machine, FUZZ_DESCRIPTOR, 0 << 16 | 8 | 2, 4, 0x9000);
  while (address_space_load (machine.vm->memory, &machine.memory, FUZZ_DESCRIPTOR, 4, FALSE) != 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmphex (address_space_load (machine.vm->memory, &machine.memory, 0x9000, 4, FALSE), ==,
                   0x554d4551);
  fuzz_machine_close (&machine);
}

/* Saved states with changed fields and a right checksum: refused, or harmless to go on from. */
static void
test_state (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);

  for (unsigned round = 0; round < 24; round++)
    {
      uint8_t input[1 + 4 * 8 + 20 * FUZZ_STEP];

      for (unsigned i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)g_rand_int (rand);
      input[0] = 1 + round % 4;
      for (unsigned i = 1; i < 33; i += 8)
        input[i] &= 0x1f; /* fields; headers are refused too early to be of interest */
      LLVMFuzzerTestOneInput (input, sizeof input);
    }
  g_clear_pointer (&base, g_free);
  g_clear_pointer (&slots, g_array_unref);
}

/* Of a machine that can't be made nothing stays: the image of the drive that was in order is free again. */
static void
test_half_made (void)
{
  static const char *const wrong[]
      = { "[disk1]\npath=/nowhere/disk.img\n", "[disk1]\n", "[floppy0]\npath=/\n", "[cdrom0]\npath=/\n" };
  g_autofree char *image = g_build_filename (fuzz_folder (), "half-made.img", NULL);

  g_assert_true (g_file_set_contents (image, "x", 1, NULL));
  g_assert_cmpint (truncate (image, 1 << 20), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *text = g_strdup_printf (
          "[machine]\nname=half\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\nengine=none\nmemory=4M\n"
          "[disk0]\npath=%s\nformat=raw\n%s",
          image, wrong[i]);
      g_autoptr (GError) error = NULL;
      g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);
      const EngineConfig one = { .n_cpus = 1 };
      const BlockConfig config = { .path = image, .format = "raw" };
      Vm *vm = vm_new (NULL, TRUE);

      g_assert_no_error (error);
      Engine *engine = engine_new (&none_engine_class, vm, &one, &error);
      g_assert_no_error (error);
      g_assert_null (pc_new (vm, definition, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
      engine_free (engine);
      fuzz_pump ();
      Block *block = block_open (&config, &error);
      g_assert_no_error (error);
      block_close (block);
      vm_free (vm);
    }
}

static Vm *watched;
static unsigned syncs;

static int
sync_without_lock (int fd)
{
  g_assert_false (vm_lock_held (watched));
  syncs++;
  return fdatasync (fd);
}

/* What a guest has written on a floppy is brought to the disk when it is taken out, which may last: the machine doesn't wait for that. */
static void
test_eject_unlocked (void)
{
  const BlockFileCalls real = block_file_calls;
  const EngineConfig one = { .n_cpus = 1 };
  g_autofree char *image = g_build_filename (fuzz_folder (), "floppy.img", NULL);
  g_autofree char *text
      = g_strdup_printf ("[machine]\nname=floppy\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\n"
                         "engine=none\nmemory=4M\n[floppy0]\npath=%s\n[cdrom0]\npath=\n",
                         image);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (image, "x", 1, NULL));
  g_assert_cmpint (truncate (image, 1440 * 1024), ==, 0);
  g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);
  g_assert_no_error (error);
  watched = vm_new (NULL, TRUE);
  Engine *engine = engine_new (&none_engine_class, watched, &one, &error);
  Board *board = pc_new (watched, definition, &error);
  g_assert_no_error (error);
  block_file_calls.fdatasync = sync_without_lock;
  g_assert_true (board_change_media (board, "floppy0", NULL, -1, FALSE, FALSE, &error));
  g_assert_cmpuint (syncs, ==, 1);
  block_file_calls = real;
  g_assert_null (board_drive_block (board, "floppy0"));
  const MachineDrive *drive = board->drives->pdata[1], *cdrom = board->drives->pdata[0];
  g_assert_null (machine_drive_medium (drive));
  g_assert_true (board_change_media (board, "floppy0", image, -1, FALSE, FALSE, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (machine_drive_medium (drive), ==, image);
  g_assert_false (drive->readonly);
  g_assert_true (board_change_media (board, "floppy0", NULL, -1, FALSE, FALSE, &error));
  g_assert_true (board_change_media (board, "floppy0", image, -1, TRUE, FALSE, &error));
  g_assert_no_error (error);
  g_assert_true (drive->readonly);
  /* A CD stays one that can't be written, whatever is asked. */
  g_assert_cmpstr (cdrom->id, ==, "cdrom0");
  g_assert_true (cdrom->readonly);
  g_assert_true (board_change_media (board, "cdrom0", image, -1, FALSE, FALSE, &error));
  g_assert_no_error (error);
  g_assert_true (cdrom->readonly);
  g_assert_true (block_read_only (board_drive_block (board, "cdrom0")));
  g_assert_true (board_change_media (board, "cdrom0", NULL, -1, FALSE, FALSE, &error));
  g_assert_true (cdrom->readonly);
  engine_free (engine);
  board_free (board);
  vm_free (watched);
  unlink (image);
}

/* A pipe in the firmware's place neither hangs the start nor is read for ever. */
static void
test_firmware_not_file (void)
{
  g_autofree char *fifo = g_build_filename (fuzz_folder (), "fifo", NULL);

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  const char *const places[] = { fifo, "/dev/zero", "/proc/self/maps" };
  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *text = g_strdup_printf (
          "[machine]\nname=a\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\nengine=none\nmemory=4M\nfirmware=%s\n",
          places[i]);
      g_autoptr (GError) error = NULL;
      g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);
      g_assert_no_error (error);
      Vm *vm = vm_new (NULL, TRUE);
      g_assert_null (pc_new (vm, definition, &error));
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, places[i]));
      vm_free (vm);
    }
  unlink (fifo);
}

/* The kernel has been asked for huge pages at this address. */
static gboolean
asked_for_huge (const void *address)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gboolean here = FALSE;

  g_assert_true (g_file_get_contents ("/proc/self/smaps", &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      unsigned long first, end;

      if (sscanf (lines[i], "%lx-%lx ", &first, &end) == 2)
        here = first <= (uintptr_t)address && (uintptr_t)address < end;
      else if (here && g_str_has_prefix (lines[i], "VmFlags:"))
        return strstr (lines[i], " hg") != NULL;
    }
  return FALSE;
}

/* RAM of a machine with the software processor is in huge pages, if the host has any. */
static void
test_huge_pages (void)
{
  static const struct
  {
    const EngineClass *klass;
    const char *lines;
    gboolean huge;
  } cases[] = { { &none_engine_class, "", FALSE },
                { &none_engine_class, "memory-huge=yes\n", TRUE },
                { &soft_engine_class, "", TRUE } };

  if (!g_file_test ("/sys/kernel/mm/transparent_hugepage/enabled", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("this host's kernel has no huge pages");
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf (
          "[machine]\nname=huge\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\nmemory=8M\n%s", cases[i].lines);
      g_autoptr (GError) error = NULL;
      g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);
      const EngineConfig one = { .n_cpus = 1 };
      Vm *vm = vm_new (NULL, TRUE);
      Engine *engine;
      Board *board;

      g_assert_no_error (error);
      engine = engine_new (cases[i].klass, vm, &one, &error);
      g_assert_no_error (error);
      board = pc_new (vm, definition, &error);
      g_assert_no_error (error);
      g_assert_cmpint (asked_for_huge (region_host (vm->rams->pdata[0])), ==, cases[i].huge);
      g_assert_nonnull (board);
      engine_free (engine);
      board_free (board);
      fuzz_pump ();
      vm_free (vm);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/machine/random", test_random);
  g_test_add_func ("/machine/state", test_state);
  g_test_add_func ("/machine/dma-nowhere", test_dma_nowhere);
  g_test_add_func ("/machine/half-made", test_half_made);
  g_test_add_func ("/machine/eject-unlocked", test_eject_unlocked);
  g_test_add_func ("/machine/firmware-not-file", test_firmware_not_file);
  g_test_add_func ("/machine/huge-pages", test_huge_pages);
  return g_test_run ();
}
