/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A definition with drives, made into a machine and used: images of any kind and size, missing, in use, of other formats, media that
 * are changed meanwhile.  The paths are the target's own; nothing else of the host is opened.
 *
 * Input: a byte n, n drives of four bytes { kind and number, image, format and switches, - }, two bytes { firmware and video, memory },
 * then a program for fuzz-machine.h with changes of media in between.
 */
#include "fuzz-machine.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#define MAX_DRIVES 8u

static const struct
{
  const char *name;
  off_t size;
} images[] = { { "empty", 0 },       { "one", 1 },          { "sector", 512 },       { "odd", 1000 },
               { "360k", 368640 },   { "720k", 737280 },    { "1200k", 1228800 },    { "1440k", 1474560 },
               { "2880k", 2949120 }, { "cd", 2048 * 1000 }, { "disk", 16 << 20 },    { "large", 3LL << 40 },
               { "qcow2", 200000 },  { "table", 8 << 20 },  { "readonly", 1474560 }, { "bpb", 1474560 } };
static const char *const others[]
    = { "missing", ".", "fifo", "link", "loop", "socket-name-that-is-not-there/x", "" };

static char *
image_path (unsigned n)
{
  n %= G_N_ELEMENTS (images) + G_N_ELEMENTS (others);
  if (n >= G_N_ELEMENTS (images) && *others[n - G_N_ELEMENTS (images)] == '\0')
    return g_strdup ("");
  return g_build_filename (
      fuzz_folder (), n < G_N_ELEMENTS (images) ? images[n].name : others[n - G_N_ELEMENTS (images)], NULL);
}

static void
once (void)
{
  static gboolean done;

  if (done)
    return;
  done = TRUE;
  for (unsigned i = 0; i < G_N_ELEMENTS (images); i++)
    {
      g_autofree char *path = image_path (i);
      int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      uint8_t head[512] = { 0xeb, 0x3c, 0x90 };

      if (fd < 0 || ftruncate (fd, images[i].size) < 0)
        abort ();
      head[510] = 0x55;
      head[511] = 0xaa;
      if (g_str_equal (images[i].name, "qcow2"))
        memcpy (head, "QFI\xfb\0\0\0\3", 8);
      if (g_str_equal (images[i].name, "table"))
        memcpy (head + 446, "\x80\1\1\0\6\x0f\x3f\x10\x3f\0\0\0\0\x20\0\0", 16);
      if (g_str_equal (images[i].name, "bpb"))
        memcpy (head + 11, "\0\2\1\1\0\2\xe0\0\x40\x0b\xf0\x09\0\x12\0\2\0", 17);
      if (images[i].size >= 512 && i >= 10 && pwrite (fd, head, sizeof head, 0) != sizeof head)
        abort ();
      close (fd);
    }
  g_autofree char *fifo = g_build_filename (fuzz_folder (), "fifo", NULL);
  g_autofree char *link = g_build_filename (fuzz_folder (), "link", NULL);
  g_autofree char *loop = g_build_filename (fuzz_folder (), "loop", NULL);
  g_autofree char *readonly = g_build_filename (fuzz_folder (), "readonly", NULL);
  if (mkfifo (fifo, 0600) < 0 || symlink ("disk", link) < 0 || symlink ("loop", loop) < 0
      || chmod (readonly, 0400) < 0)
    abort ();
}

static void
add_drive (GString *text, FuzzBytes *bytes)
{
  static const char *const kinds[] = { "disk", "cdrom", "floppy", "disk" };
  static const char *const formats[] = { "raw", "raw", "raw", "qcow2", "auto", "", "vmdk", "raw" };
  unsigned what = fuzz_u8 (bytes), image = fuzz_u8 (bytes), how = fuzz_u8 (bytes);
  g_autofree char *path = image_path (image);

  fuzz_u8 (bytes);
  g_string_append_printf (text, "[%s%u]\n", kinds[what & 3], what >> 2 & 31);
  if (how & 0x80)
    g_string_append_printf (text, "path=%s\n", path);
  if (how & 0x40)
    g_string_append_printf (text, "format=%s\n", formats[how & 7]);
  if (how & 0x20)
    g_string_append_printf (text, "readonly=%s\n", how & 1 ? "true" : "false");
  if (how & 0x10)
    g_string_append_printf (text, "snapshot=%s\n", how & 2 ? "true" : "false");
}

static MachineDefinition *
define (FuzzBytes *bytes)
{
  unsigned n = fuzz_u8 (bytes) % (MAX_DRIVES + 1);
  g_autoptr (GString) text
      = g_string_new ("[machine]\nname=fuzz\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\nengine=none\n");
  g_autoptr (GString) drives = g_string_new (NULL);
  g_autofree char *path = g_build_filename (fuzz_folder (), "machine.ini", NULL);
  unsigned how, memory;

  for (unsigned i = 0; i < n; i++)
    add_drive (drives, bytes);
  how = fuzz_u8 (bytes);
  memory = fuzz_u8 (bytes);
  g_string_append_printf (text, "memory=%uM\n", memory & 0x80 ? 3000u + memory : 1 + memory % 32);
  if (how & 1)
    {
      g_autofree char *image = image_path (memory);

      g_string_append_printf (text, "firmware=%s\n", *image != '\0' ? image : "bios");
    }
  if (how & 2)
    {
      g_autofree char *image = image_path (memory / 3);

      g_string_append_printf (text, "kernel=%s\ninitrd=%s\nappend=quiet\n", image, image);
    }
  if (how & 4)
    g_string_append (text, "clock=localtime\nboot=dca\n");
  g_string_append_printf (text, "[display0]\nvideo=%s\nvideo-memory=%u\n", how & 8 ? "none" : "vga",
                          1u << (how >> 4 & 7));
  for (unsigned i = 0; i < (how >> 5); i++)
    g_string_append_printf (text, "[serial%u]\nbackend=socket\n", i);
  g_string_append (text, drives->str);
  return definition_parse (text->str, (gssize)text->len, path, NULL);
}

static void
use (FuzzMachine *m, FuzzBytes *bytes)
{
  for (unsigned i = 0; i < 64 && bytes->length >= FUZZ_STEP && vm_state (m->vm) != VM_STATE_STOPPED; i++)
    {
      const uint8_t *s = bytes->data;

      bytes->data += FUZZ_STEP;
      bytes->length -= FUZZ_STEP;
      if (s[0] == 0xff)
        {
          static const char *const ids[] = { "cdrom0", "floppy0", "floppy1", "cdrom1", "disk0", "nothing" };
          const char *id = ids[s[1] % G_N_ELEMENTS (ids)];
          g_autofree char *path = image_path (s[2]);
          g_autoptr (GError) error = NULL;

          if (board_change_media (m->board, id, *path != '\0' ? path : NULL, -1, s[3] & 1, s[3] >> 1 & 1,
                                  &error)
              != (error == NULL))
            g_error ("%s: neither changed nor an error", id);
          board_drive_block (m->board, id);
        }
      else if ((s[0] & 15) < 14 || s[1] != 4) /* its own images, not fuzz-machine.h's */
        fuzz_machine_step (m, s);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  EngineConfig config = { .n_cpus = 1 };
  g_autoptr (MachineDefinition) definition = NULL;
  g_autoptr (GError) error = NULL;
  FuzzMachine m = { 0 };

  fuzz_once ();
  once ();
  definition = define (&bytes);
  if (definition == NULL)
    return 0;
  m.vm = vm_new (NULL, TRUE);
  m.engine = engine_new (&none_engine_class, m.vm, &config, &error);
  if (m.engine == NULL)
    abort ();
  m.board = pc_new (m.vm, definition, &error);
  if (m.board != NULL)
    {
      vm_start (m.vm, FALSE);
      fuzz_machine_map (&m);
      use (&m, &bytes);
      vm_stop (m.vm, "done");
    }
  else if (error == NULL)
    g_error ("no machine and no error");
  access_cache_clear (&m.memory);
  access_cache_clear (&m.ports);
  engine_free (m.engine);
  if (m.board != NULL)
    board_free (m.board);
  for (unsigned i = 0; i < 8; i++)
    fuzz_pump ();
  vm_free (m.vm);
  return 0;
}

static void
make (void)
{
  const unsigned n_images = G_N_ELEMENTS (images) + G_N_ELEMENTS (others);

  for (unsigned kind = 0; kind < 3; kind++)
    for (unsigned image = 0; image < n_images; image++)
      for (unsigned how = 0; how < 2; how++)
        {
          const uint8_t seed[] = { 1,
                                   (uint8_t)kind,
                                   (uint8_t)image,
                                   how ? 0xb3 : 0x80,
                                   0,
                                   0,
                                   4, /* its firmware and memory */
                                   0xff,
                                   (uint8_t)kind,
                                   (uint8_t)(image + 3),
                                   (uint8_t)how,
                                   0,
                                   0,
                                   0,
                                   0,
                                   13,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0xff,
                                   1,
                                   (uint8_t)(n_images - 1),
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   14,
                                   5,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0 };

          fuzz_seed (seed, sizeof seed);
        }
  for (unsigned how = 0; how < 256; how += 5)
    {
      const uint8_t seed[]
          = { 2, 0, 10, 0xd0, 0, 1, 9, 0x80, 0, (uint8_t)how, (uint8_t)(how * 7), 14, 0, 0, 0, 0, 0, 0, 0 };

      fuzz_seed (seed, sizeof seed);
    }
  static const uint8_t many[]
      = { 8, 0,    10,   0x92, 0, 4,  13,   0x92, 0, 1,    9,    0x80, 0, 5, 9,    0x80, 0,
          2, 7,    0x80, 0,    6, 15, 0xa1, 0,    8, 10,   0x80, 0,    9, 9, 0x80, 0,    0x64,
          8, 0xff, 4,    1,    0, 0,  0,    0,    0, 0xff, 5,    1,    0, 0, 0,    0,    0 };
  static const uint8_t four[]
      = { 6,  0,    10, 0x92, 0, 4,    13, 0x92, 0, 1, 9, 0x80, 0, 5,    9, 0x80, 0, 2, 7, 0x80, 0, 6,
          15, 0xa1, 0,  0x64, 8, 0xff, 0,  9,    0, 0, 0, 0,    0, 0xff, 3, 9,    0, 0, 0, 0,    0 };
  fuzz_seed (many, sizeof many);
  fuzz_seed (four, sizeof four);
}

const FuzzTarget fuzz_target = { "vmm/board block", 512, make };
