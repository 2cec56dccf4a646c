/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Looking into whole machines: no command of the prompt changes a register of any device, a processor or memory, and what it says is what the definition made.
 */
#include "board/look.h"
#include "board/pc.h"
#include "debug/commands.h"
#include "virtio/virtio.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_SIZE (1u << 20)

typedef struct
{
  char *folder;
  MachineDefinition *definition;
  Vm *vm;
  Engine *engine;
  Board *board;
  DebugContext context;
} Fixture;

/* Between them, each kind of device that a definition knows. */
static const char *const machines[][40] = {
  { "display0.video",
    "vga",
    "disk0.path",
    "a.img",
    "cdrom0.path",
    "",
    "floppy0.path",
    "",
    "serial0.backend",
    "socket",
    "serial3.backend",
    "none",
    "net0.kind",
    "none",
    "net0.card",
    "e1000",
    "net1.kind",
    "none",
    "net1.card",
    "rtl8139",
    "usb0.model",
    "xhci",
    "input.pointer",
    "usb",
    "input.keyboard",
    "usb",
    "watchdog0.action",
    "pause",
    "panic0.action",
    "pause",
    "parallel0.path",
    "printed",
    NULL },
  { "disk0.path",     "a.img",  "disk0.bus",  "virtio", "disk1.path",      "b.img",
    "disk1.bus",      "scsi",   "net0.kind",  "none",   "net0.card",       "virtio",
    "net1.kind",      "none",   "net1.card",  "pcnet",  "net2.kind",       "none",
    "net2.card",      "ne2000", "rng0.rate",  "0",      "balloon0.target", "0",
    "console0.agent", "a",      "vsock0.cid", "3",      "input.pointer",   "virtio",
    "input.keyboard", "virtio", NULL },
  { "disk0.path", "a.img", "disk0.bus", "nvme", "disk1.path", "b.img", "disk1.bus", "usb", "usb0.model",
    "ehci", "net0.kind", "none", "net0.card", "e1000e", "machine.virtio-rings", "packed", "rng0.rate", "0",
    NULL },
  { "disk1.path", "b.img", "disk1.bus", "usb", "usb0.model", "uhci", NULL },
};

static void
make_image (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->folder, name, NULL), *zeros = g_malloc0 (IMAGE_SIZE);

  g_assert_true (g_file_set_contents (path, zeros, IMAGE_SIZE, NULL));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  const char *const *keys = data;
  g_autoptr (GError) error = NULL;

  f->folder = g_dir_make_tmp ("viv-look-XXXXXX", NULL);
  make_image (f, "a.img");
  make_image (f, "b.img");
  f->definition = definition_new ("look");
  f->definition->folder = g_strdup (f->folder);
  definition_put (f->definition, "machine.memory", "16M");
  definition_put (f->definition, "machine.cpus", "2");
  for (unsigned i = 0; keys[i] != NULL; i += 2)
    {
      definition_set (f->definition, keys[i], keys[i + 1], &error);
      g_assert_no_error (error);
    }
  f->vm = vm_new (NULL, TRUE);
  f->engine = engine_new (&soft_engine_class, f->vm, &(EngineConfig){ .n_cpus = 2 }, &error);
  g_assert_no_error (error);
  f->board = pc_new (f->vm, f->definition, &error);
  g_assert_no_error (error);
  vm_start (f->vm, TRUE);
  f->context = (DebugContext){ f->vm, f->engine, 0, FALSE, board_views, f->board };
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "a.img", "b.img", "printed" };

  engine_free (f->engine);
  board_free (f->board);
  vm_free (f->vm);
  definition_unref (f->definition);
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (f->folder, names[i], NULL);

      g_remove (path);
    }
  g_rmdir (f->folder);
  g_free (f->folder);
}

/* All that a save has of devices and processors, and a sum over memory. */
static char *
whole_state (Fixture *f)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  for (guint i = 0; i < f->vm->devices->len; i++)
    {
      const Device *device = f->vm->devices->pdata[i];

      state_save (device->klass->state, device, bytes);
    }
  for (unsigned i = 0; i < f->vm->n_cpus; i++)
    f->vm->processor->save (f->vm->processor_opaque, i, bytes);
  g_checksum_update (sum, bytes->data, bytes->len);
  for (guint i = 0; i < f->vm->rams->len; i++)
    {
      Region *ram = f->vm->rams->pdata[i];

      g_checksum_update (sum, region_host (ram), (gssize)region_size (ram));
    }
  return g_strdup (g_checksum_get_string (sum));
}

static char *
ask (Fixture *f, const char *line, gboolean json)
{
  g_autoptr (GError) error = NULL;
  char *answer = debug_command (&f->context, line, json, &error);

  if (answer == NULL)
    g_error ("“%s”: %s", line, error->message);
  return answer;
}

/* What may come behind `line`, so a command that is added is looked at, too. */
static GStrv
completions (Fixture *f, const char *line)
{
  g_autofree char *whole = g_strconcat ("complete ", line, NULL), *text = ask (f, whole, FALSE);

  return g_strsplit (text, "\n", -1);
}

static void
look (Fixture *f, const char *line, const char *before)
{
  g_autofree char *text = ask (f, line, FALSE), *again = ask (f, line, FALSE), *json = ask (f, line, TRUE),
                  *after = whole_state (f);

  g_test_message ("%s\n%s", line, text);
  g_assert_cmpstr (text, ==, again);
  g_assert_cmpint (json[0], ==, '{');
  if (!g_str_equal (before, after))
    g_error ("“%s” changes the machine", line);
}

static void
test_no_effect (Fixture *f, gconstpointer data)
{
  g_auto (GStrv) subjects = completions (f, "info "), devices = completions (f, "info device ");
  g_autofree char *before = whole_state (f);

  g_assert_cmpuint (g_strv_length (subjects), >, 12);
  for (unsigned i = 0; subjects[i] != NULL; i++)
    {
      g_autofree char *line = g_strconcat ("info ", subjects[i], NULL);

      if (!g_str_equal (subjects[i], "device"))
        look (f, line, before);
    }
  g_assert_cmpuint (g_strv_length (devices), ==, f->vm->devices->len);
  for (unsigned i = 0; devices[i] != NULL; i++)
    {
      g_autofree char *line = g_strconcat ("info device ", devices[i], NULL);

      look (f, line, before);
    }
  look (f, "help", before);
  look (f, "xp 0xf0000 4096", before);
  look (f, "page-walk 0x1000", before);
}

static void
has (Fixture *f, const char *line, const char *pattern)
{
  g_autofree char *text = ask (f, line, FALSE);

  if (!g_regex_match_simple (pattern, text, G_REGEX_MULTILINE, 0))
    g_error ("“%s” has nothing like “%s”:\n%s", line, pattern, text);
}

static void
test_ide (Fixture *f, gconstpointer data)
{
  has (f, "info block", "^disk0 +ide 0:0 +1048576  read-write +1 +0 ");
  has (f, "info block", "^cdrom0 +ide 1:0 +-  no medium$");
  has (f, "info block", "^floppy0 +floppy 0 +-  no medium$");
  has (f, "info net", "^net0 +[0-9a-f]{2}\\.0  02:56(:[0-9a-f]{2}){4}  in +(up|down) +1500$");
  has (f, "info net", "^net1 +0 +0 +0 +0 +0 +0 ");
  has (f, "info usb", "^usb0 +1 +\\S+ +[0-9a-f]{4}:[0-9a-f]{4} +0  .*attached");
  has (f, "info statistics", "^memory-bytes +\\d{8}$");
  has (f, "info statistics", "^net1.sent-packets +0$");
}

static void
test_virtio (Fixture *f, gconstpointer data)
{
  has (f, "info queues", "^disk0 +0 +256  off +- +0 +0 +0 +-  0x0 +0x0 +0x0$");
  has (f, "info queues", "^net0 +1 ");
  has (f, "info block", "^disk1 +pci 00:[0-9a-f]{2}.0 target 0 ");
}

/* A queue that a driver has set up and put chains on. */
static void
test_waiting (Fixture *f, gconstpointer data)
{
  const uint8_t index[] = { 3, 0 };

  for (guint i = 0; i < f->vm->devices->len; i++)
    {
      Device *device = f->vm->devices->pdata[i];

      if (!g_str_equal (device->id, "disk0"))
        continue;
      VirtDevice *virt = (VirtDevice *)device;
      VirtQueue *queue = &virt->queues[0];

      queue->enabled = TRUE;
      queue->descriptors = 0x1000;
      queue->available = 0x2000;
      queue->used = 0x3000;
      queue->next_available = 1;
    }
  g_assert_true (address_space_write_memory (f->vm->memory, 0x2002, index, sizeof index));
  has (f, "info queues", "^disk0 +0 +256  split +2 +1 +0 +0 +-  0x1000 +0x2000 +0x3000$");
}

static void
test_usb_disk (Fixture *f, gconstpointer data)
{
  has (f, "info usb", "^usb0\\S* +1 +disk1 ");
  has (f, "info block", "^disk1 +usb +1048576 ");
}

static void
test_complete (Fixture *f, gconstpointer data)
{
  g_auto (GStrv) block = completions (f, "info bl"), cpu = completions (f, "cpu 1 info reg"),
                 device = completions (f, "cpu 1 info device disk");

  g_assert_cmpstr (block[0], ==, "block");
  g_assert_cmpstr (cpu[0], ==, "registers");
  g_assert_cmpstr (device[0], ==, "disk0");
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "ide", "virtio", "nvme", "uhci" };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (machines); i++)
    {
      g_autofree char *path = g_strconcat ("/look/no-effect/", names[i], NULL);

      g_test_add (path, Fixture, machines[i], set_up, test_no_effect, tear_down);
    }
  g_test_add ("/look/ide", Fixture, machines[0], set_up, test_ide, tear_down);
  g_test_add ("/look/virtio", Fixture, machines[1], set_up, test_virtio, tear_down);
  g_test_add ("/look/waiting", Fixture, machines[1], set_up, test_waiting, tear_down);
  g_test_add ("/look/usb-disk", Fixture, machines[2], set_up, test_usb_disk, tear_down);
  g_test_add ("/look/complete", Fixture, machines[1], set_up, test_complete, tear_down);
  return g_test_run ();
}
