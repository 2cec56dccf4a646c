/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The test display.
 */
#define G_LOG_DOMAIN "test-display"

#include "video/test-display.h"

#include <string.h>

#define VRAM_SIZE (4u << 20)
#define MMIO_SIZE 8192
#define N_PAGES   (VRAM_SIZE / GUEST_PAGE_SIZE)
#define PAGE_LIST 0x1000

enum
{
  REG_ID = 0x00,
  REG_MODE = 0x04,
  REG_WIDTH = 0x08,
  REG_HEIGHT = 0x0c,
  REG_STRIDE = 0x10,
  REG_OFFSET = 0x14,

  ID = 0x50445456, /* "VTDP" */

  MODE_LINEAR = 1,
  MODE_PAGES = 2,
};

/* What shows.  A copy of it is made under the VM lock, and drawn from without. */
typedef struct
{
  uint32_t mode, width, height, stride, offset;
  uint32_t page[N_PAGES];
} Picture;

typedef struct
{
  PciDevice pci;
  PciBus *bus;
  unsigned devfn;
  Region *vram, *mmio;
  DisplayOutput *output;
  Picture registers; /* VM lock */
  gboolean stale;    /* VM lock: the registers have changed since `shown` was made of them */
  /* The display's thread alone */
  Picture shown;
  uint64_t dirty[N_PAGES / 64];
} TestDisplay;

/* -- Registers: any processor's thread, VM lock held ---------------------------------------------- */

static uint32_t *
find_register (TestDisplay *display, uint64_t addr)
{
  Picture *r = &display->registers;

  switch (addr)
    {
    case REG_MODE:
      return &r->mode;
    case REG_WIDTH:
      return &r->width;
    case REG_HEIGHT:
      return &r->height;
    case REG_STRIDE:
      return &r->stride;
    case REG_OFFSET:
      return &r->offset;
    default:
      return addr >= PAGE_LIST && addr < PAGE_LIST + 4 * N_PAGES ? &r->page[(addr - PAGE_LIST) / 4] : NULL;
    }
}

static uint64_t
mmio_read (void *opaque, uint64_t addr, unsigned size)
{
  const uint32_t *reg = find_register (opaque, addr);

  return addr == REG_ID ? ID : reg != NULL ? *reg : 0;
}

static void
mmio_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  TestDisplay *display = opaque;
  uint32_t *reg = find_register (display, addr);

  if (reg == NULL)
    return;
  *reg = (uint32_t)value;
  display->stale = TRUE;
}

static const IoOps mmio_ops = { .read = mmio_read, .write = mmio_write, .impl_min = 4, .impl_max = 4 };

/* -- Pictures: the display's thread, without the lock but where it says so ------------------------ */

/* The registers are whatever the guest has written. */
static gboolean
is_on (const Picture *p)
{
  uint64_t end;

  if (p->width == 0 || p->height == 0 || p->width > DISPLAY_MAX_SIZE || p->height > DISPLAY_MAX_SIZE
      || p->stride < p->width * 4 || p->stride % 4 != 0 || p->offset % 4 != 0)
    return FALSE;
  end = p->offset + (uint64_t)p->stride * (p->height - 1) + p->width * 4;
  return (p->mode == MODE_LINEAR || p->mode == MODE_PAGES) && end <= VRAM_SIZE;
}

static void
show (TestDisplay *display)
{
  const Picture *p = &display->shown;
  uint8_t *host = region_host (display->vram);

  if (!is_on (p))
    display_output_set_scanout (display->output, NULL);
  else if (p->mode == MODE_LINEAR)
    display_output_set_scanout (display->output, &(Framebuffer){ .width = p->width,
                                                                 .height = p->height,
                                                                 .stride = p->stride,
                                                                 .pixels = host + p->offset,
                                                                 .fd = region_fd (display->vram),
                                                                 .offset = p->offset,
                                                                 .fd_size = VRAM_SIZE });
  else
    {
      struct iovec pages[N_PAGES];

      for (unsigned i = 0; i < N_PAGES; i++)
        pages[i]
            = (struct iovec){ host + (uint64_t)(p->page[i] % N_PAGES) * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE };
      display_output_set_pages (display->output, p->width, p->height, p->stride, p->offset, pages, N_PAGES);
    }
}

static gboolean
page_is_dirty (const TestDisplay *display, uint64_t at)
{
  const Picture *p = &display->shown;
  uint64_t page = at / GUEST_PAGE_SIZE;

  if (p->mode == MODE_PAGES)
    page = p->page[page] % N_PAGES;
  return display->dirty[page / 64] >> (page % 64) & 1;
}

static void
damage (TestDisplay *display)
{
  const Picture *p = &display->shown;

  for (uint32_t y = 0; y < p->height; y++)
    {
      uint64_t first = p->offset + (uint64_t)y * p->stride, last = first + p->width * 4 - 1;
      gboolean dirty = FALSE;

      for (uint64_t at = first; at <= last && !dirty; at = (at / GUEST_PAGE_SIZE + 1) * GUEST_PAGE_SIZE)
        dirty = page_is_dirty (display, at);
      if (dirty)
        display_output_damage (display->output, 0, (int)y, (int)p->width, 1);
    }
}

static void
on_refresh (void *opaque)
{
  TestDisplay *display = opaque;
  Vm *vm = display->pci.device.vm;
  gboolean stale, dirty;

  vm_lock (vm);
  stale = display->stale;
  display->stale = FALSE;
  if (stale)
    display->shown = display->registers;
  dirty = region_take_dirty (display->vram, DIRTY_DISPLAY, 0, N_PAGES, display->dirty);
  vm_unlock (vm);

  if (stale)
    show (display);
  else if (dirty && is_on (&display->shown))
    damage (display);
}

static void
on_watched (void *opaque, gboolean watched)
{
  TestDisplay *display = opaque;

  vm_lock (display->pci.device.vm);
  region_set_dirty_log (display->vram, DIRTY_DISPLAY, watched);
  vm_unlock (display->pci.device.vm);
}

static void
on_size (void *opaque, uint32_t *width, uint32_t *height)
{
  TestDisplay *display = opaque;

  vm_lock (display->pci.device.vm);
  *width = is_on (&display->registers) ? display->registers.width : 0;
  *height = is_on (&display->registers) ? display->registers.height : 0;
  vm_unlock (display->pci.device.vm);
}

static const DisplaySource source = { .refresh = on_refresh, .watched = on_watched, .size = on_size };

/* -- Life: VM lock held --------------------------------------------------------------------------- */

static void
test_display_reset (Device *device)
{
  TestDisplay *display = (TestDisplay *)device;
  uint32_t *pixels = (uint32_t *)region_host (display->vram);
  Picture *r = &display->registers;

  pci_device_reset (&display->pci);
  *r = (Picture){ .mode = MODE_LINEAR, .width = 640, .height = 480, .stride = 640 * 4 };
  for (unsigned i = 0; i < N_PAGES; i++)
    r->page[i] = i;
  for (uint32_t y = 0; y < r->height; y++)
    for (uint32_t x = 0; x < r->width; x++)
      {
        unsigned bar = 7 - x / (r->width / 8);

        pixels[y * r->width + x] = (bar & 2 ? 0xc00000 : 0) | (bar & 4 ? 0x00c000 : 0) | (bar & 1 ? 0xc0 : 0);
      }
  region_mark_dirty (display->vram, 0, (uint64_t)r->stride * r->height);
  display->stale = TRUE;
}

static gboolean
test_display_realize (Device *device, GError **error)
{
  TestDisplay *display = (TestDisplay *)device;
  static const PciIdentity identity = { .vendor = 0x1234, .device = 0x7d15, .class_code = 0x038000 };
  g_autofree char *name = g_strdup_printf ("%s.vram", device->id);

  display->vram = region_new_ram (name, VRAM_SIZE, RAM_SHARED, error);
  if (display->vram == NULL
      || !pci_device_init (&display->pci, display->bus, display->devfn, &identity, error))
    {
      g_clear_pointer (&display->vram, region_unref);
      return FALSE;
    }
  vm_add_ram (device->vm, display->vram);
  display->mmio = region_new_io ("test-display", MMIO_SIZE, &mmio_ops, display);
  pci_device_add_bar (&display->pci, 0, display->vram, PCI_BAR_MEMORY32 | PCI_BAR_PREFETCH);
  pci_device_add_bar (&display->pci, 1, display->mmio, PCI_BAR_MEMORY32);
  display->output = display_output_new (device->id, &source, display);
  return TRUE;
}

static void
test_display_unrealize (Device *device)
{
  TestDisplay *display = (TestDisplay *)device;

  g_clear_pointer (&display->output, display_output_free);
  pci_device_exit (&display->pci);
  g_clear_pointer (&display->mmio, region_unref);
  g_clear_pointer (&display->vram, region_unref);
}

static gboolean
test_display_post_load (Device *device, GError **error)
{
  ((TestDisplay *)device)->stale = TRUE;
  return pci_device_post_load (&((TestDisplay *)device)->pci, error);
}

static const StateField test_display_state[] = {
  STATE_STRUCT (TestDisplay, pci, pci_device_state), STATE_U32 (TestDisplay, registers.mode),
  STATE_U32 (TestDisplay, registers.width),          STATE_U32 (TestDisplay, registers.height),
  STATE_U32 (TestDisplay, registers.stride),         STATE_U32 (TestDisplay, registers.offset),
  STATE_U32_ARRAY (TestDisplay, registers.page),     STATE_END,
};

const DeviceClass test_display_class = {
  .name = "test-display",
  .instance_size = sizeof (TestDisplay),
  .state = test_display_state,
  .realize = test_display_realize,
  .reset = test_display_reset,
  .post_load = test_display_post_load,
  .unrealize = test_display_unrealize,
};

Device *
test_display_new (Vm *vm, PciBus *bus, unsigned devfn, const char *id, GError **error)
{
  TestDisplay *display = device_new (vm, &test_display_class, id);

  display->bus = bus;
  display->devfn = devfn;
  if (device_realize (&display->pci.device, error))
    return &display->pci.device;
  device_free (&display->pci.device);
  return NULL;
}

DisplayOutput *
test_display_output (Device *device)
{
  return ((TestDisplay *)device)->output;
}
