/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The test display: a scanout of any stride, one that is gathered from pages, and registers that make no sense.
 */
#include "core/vm.h"
#include "video/test-display.h"

#include <string.h>

#define VRAM 0xe0000000u
#define MMIO 0xe1000000u

typedef struct
{
  Vm *vm;
  PciRoot *root;
  PciBus *bus;
  Device *device;
  DisplayOutput *output;
  AccessCache cache;
  DisplayRect damaged; /* of the last frame; empty: none */
} Fixture;

static void
on_intx (void *opaque, unsigned pin, gboolean level)
{
}

static void
setup (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  memset (f, 0, sizeof *f);
  f->vm = vm_new (NULL, TRUE);
  vm_lock (f->vm);
  f->root = pci_root_new (f->vm, on_intx, NULL, NULL);
  f->bus = pci_root_bus (f->root);
  f->device = test_display_new (f->vm, f->bus, PCI_DEVFN (3, 0), "display1", &error);
  g_assert_no_error (error);
  f->output = test_display_output (f->device);
  f->device->klass->reset (f->device);
  pci_bus_config_write (f->bus, PCI_DEVFN (3, 0), PCI_BAR0, VRAM, 4);
  pci_bus_config_write (f->bus, PCI_DEVFN (3, 0), PCI_BAR0 + 4, MMIO, 4);
  pci_bus_config_write (f->bus, PCI_DEVFN (3, 0), PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  vm_unlock (f->vm);
}

static void
teardown (Fixture *f, gconstpointer unused)
{
  access_cache_clear (&f->cache);
  vm_lock (f->vm);
  device_free (f->device);
  pci_root_free (f->root);
  vm_unlock (f->vm);
  vm_free (f->vm);
}

static void
poke (Fixture *f, uint64_t addr, uint32_t value)
{
  address_space_store (f->vm->memory, &f->cache, addr, value, 4, FALSE);
}

static void
set_mode (Fixture *f, uint32_t mode, uint32_t width, uint32_t height, uint32_t stride, uint32_t offset)
{
  const uint32_t values[] = { mode, width, height, stride, offset };

  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    poke (f, MMIO + 4 + 4 * i, values[i]);
}

static uint32_t
pixel (const Framebuffer *fb, uint32_t x, uint32_t y)
{
  return *(const uint32_t *)(fb->pixels + (size_t)y * fb->stride + x * 4);
}

static void
on_damage (void *opaque, const Damage *damage)
{
  DisplayRect *damaged = opaque;

  *damaged = damage->rect[0];
  for (unsigned i = 1; i < damage->n; i++)
    *damaged = display_rect_union (damaged, &damage->rect[i]);
}

/* One more tick of the frame. */
static void
tick (Fixture *f)
{
  f->damaged = (DisplayRect){ 0 };
  display_output_touch (f->output);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_bars (Fixture *f, gconstpointer unused)
{
  uint32_t width, height;
  const Framebuffer *fb = display_output_snapshot (f->output);

  display_output_size (f->output, &width, &height);
  g_assert_cmpuint (width, ==, 640);
  g_assert_cmpuint (height, ==, 480);
  g_assert_cmpuint (fb->width, ==, 640);
  g_assert_cmpint (fb->fd, >=, 0);
  g_assert_cmphex (pixel (fb, 0, 0), ==, 0xc0c0c0);
  g_assert_cmphex (pixel (fb, 639, 479), ==, 0);
  g_assert_cmphex (address_space_load (f->vm->memory, &f->cache, MMIO, 4, FALSE), ==, 0x50445456);
}

static void
test_linear (Fixture *f, gconstpointer unused)
{
  static const DisplayViewerFuncs funcs = { .damage = on_damage };

  set_mode (f, 1, 100, 50, 4444, 40);
  poke (f, VRAM + 40 + 7 * 4444 + 3 * 4, 0x123456);
  const Framebuffer *fb = display_output_snapshot (f->output);
  g_assert_cmpuint (fb->stride, ==, 4444);
  g_assert_cmpuint (fb->offset, ==, 40);
  g_assert_cmphex (pixel (fb, 3, 7), ==, 0x123456);
  DisplayViewer *viewer = display_output_attach (f->output, &funcs, &f->damaged);
  tick (f);
  tick (f);
  g_assert_cmpint (f->damaged.height, ==, 0);
  poke (f, VRAM + 40 + 20 * 4444, 1);
  tick (f);
  g_assert_cmpint (f->damaged.width, ==, 100);
  g_assert_cmpint (f->damaged.y, <=, 20);
  g_assert_cmpint (f->damaged.y + f->damaged.height, >, 20);
  g_assert_cmpint (f->damaged.height, <, 5);
  display_viewer_detach (viewer);
}

/* Pages in reverse order, and rows that go over their ends. */
static void
test_pages (Fixture *f, gconstpointer unused)
{
  static const DisplayViewerFuncs funcs = { .damage = on_damage };
  const uint32_t stride = 1300 * 4, offset = 60;

  for (unsigned i = 0; i < 1024; i++)
    poke (f, MMIO + 0x1000 + 4 * i, 1023 - i);
  set_mode (f, 2, 1299, 200, stride, offset);
  for (unsigned i = 0; i < 200; i++)
    {
      uint32_t at = offset + i * stride + i * 6 * 4;

      poke (f, VRAM + (1023 - at / 4096) * 4096 + at % 4096, 0x010000 + i);
    }
  const Framebuffer *fb = display_output_snapshot (f->output);
  g_assert_cmpuint (fb->width, ==, 1299);
  for (unsigned i = 0; i < 200; i++)
    g_assert_cmphex (pixel (fb, i * 6, i), ==, 0x010000 + i);
  DisplayViewer *viewer = display_output_attach (f->output, &funcs, &f->damaged);
  tick (f);
  tick (f);
  g_assert_cmpint (f->damaged.height, ==, 0);
  uint32_t at = offset + 150 * stride + 900 * 4;
  poke (f, VRAM + (1023 - at / 4096) * 4096 + at % 4096, 0x777777);
  tick (f);
  g_assert_cmpint (f->damaged.height, >, 0);
  g_assert_cmpint (f->damaged.height, <, 5);
  g_assert_cmphex (pixel (display_output_snapshot (f->output), 900, 150), ==, 0x777777);
  display_viewer_detach (viewer);
}

static void
test_hostile (Fixture *f, gconstpointer unused)
{
  static const uint32_t edges[]
      = { 0, 1, 4, 640, 1024, 2560, 16384, 16385, 65536, 0x3ffffc, 0x400000, 0x80000000, ~0u };
  g_autoptr (GRand) rand = g_rand_new_with_seed (20171528);

  for (unsigned round = 0; round < 3000; round++)
    {
      uint32_t value[5], width, height;

      for (unsigned i = 0; i < 5; i++)
        value[i] = g_rand_boolean (rand) ? edges[g_rand_int_range (rand, 0, G_N_ELEMENTS (edges))]
                                         : g_rand_int_range (rand, 0, 700);
      set_mode (f, value[0] % 4, value[1], value[2], value[3], value[4]);
      poke (f, MMIO + 0x1000 + value[1] % 4096, value[2]);
      display_output_size (f->output, &width, &height);
      const Framebuffer *fb = display_output_snapshot (f->output);
      g_assert_cmpuint (fb != NULL ? fb->width : 0, ==, width);
      if (fb != NULL)
        pixel (fb, width - 1, height - 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, setup, func, teardown)
  ADD ("/test-display/bars", test_bars);
  ADD ("/test-display/linear", test_linear);
  ADD ("/test-display/pages", test_pages);
  ADD ("/test-display/hostile", test_hostile);
  return g_test_run ();
}
