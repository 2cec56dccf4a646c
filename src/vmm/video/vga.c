/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VGA as a device: properties, resources, life, state.
 */
#define G_LOG_DOMAIN "vga"

#include <string.h>

#include "block/regular-file.h"
#include "video/vga-private.h"

enum
{
  VGA_VENDOR = 0x1234,
  VGA_DEVICE = 0x1111,
  VGA_SUBSYSTEM_VENDOR = 0x1af4,
  VGA_SUBSYSTEM = 0x1100,
  VGA_CLASS = 0x030000,
  VGA_REVISION = 2, /* has the registers at 0x600 of BAR 2 */
};

enum
{
  BAR_VRAM = 0,
  BAR_MMIO = 2,
};

#define MMIO_SIZE    4096
#define MAX_ROM_SIZE (1024 * 1024)

/* The window lies over RAM, and the short cut over the window. */
#define PRIORITY_WINDOW 10
#define PRIORITY_LINEAR 11

static gboolean
load_rom (Vga *vga, GError **error)
{
  g_autofree char *bytes = NULL;
  gsize length, size = 4096;

  if (vga->romfile == NULL || *vga->romfile == 0)
    return TRUE;
  if (!regular_file_read (vga->romfile, MAX_ROM_SIZE, &bytes, &length, error))
    {
      g_prefix_error (error, "The VGA BIOS: ");
      return FALSE;
    }
  if (length < 512)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                   "The VGA BIOS “%s” has %" G_GSIZE_FORMAT " bytes; a ROM has 512 to %u.", vga->romfile,
                   length, MAX_ROM_SIZE);
      return FALSE;
    }
  while (size < length)
    size *= 2;
  vga->rom = region_new_ram ("vga-rom", size, RAM_ROM, error);
  if (vga->rom == NULL)
    return FALSE;
  memset (region_host (vga->rom), 0xff, size);
  memcpy (region_host (vga->rom), bytes, length);
  return TRUE;
}

static void
map_ports (Vga *vga, unsigned n, const char *name, uint16_t base, uint16_t size, const IoOps *ops)
{
  vga->ports[n] = region_new_io (name, size, ops, vga);
  vga->port_mapping[n] = address_space_map (vga->pci.device.vm->ports, vga->ports[n], base, 0, size, 0);
}

static gboolean
vga_realize (Device *device, GError **error)
{
  Vga *vga = (Vga *)device;
  Vm *vm = device->vm;
  static const PciIdentity identity = {
    .vendor = VGA_VENDOR,
    .device = VGA_DEVICE,
    .subsystem_vendor = VGA_SUBSYSTEM_VENDOR,
    .subsystem = VGA_SUBSYSTEM,
    .class_code = VGA_CLASS,
    .revision = VGA_REVISION,
  };
  uint64_t size = 1u << 20;
  g_autofree char *ram_name = g_strdup_printf ("%s.vram", device->id);

  while (size < (uint64_t)vga->vram_mib << 20)
    size *= 2;
  vga->vram = region_new_ram (ram_name, size, RAM_SHARED, error);
  if (vga->vram == NULL || !load_rom (vga, error))
    {
      g_clear_pointer (&vga->vram, region_unref);
      return FALSE;
    }
  if (!pci_device_init (&vga->pci, vga->bus, vga->devfn, &identity, error))
    {
      g_clear_pointer (&vga->vram, region_unref);
      g_clear_pointer (&vga->rom, region_unref);
      return FALSE;
    }
  vga->memory = region_host (vga->vram);
  vga->mask = (uint32_t)(size - 1);
  vm_add_ram (vm, vga->vram);
  vga_edid_make (vga->edid, vga->xres, vga->yres);

  vga->mmio = region_new_io ("vga-mmio", MMIO_SIZE, &vga_mmio_ops, vga);
  pci_device_add_bar (&vga->pci, BAR_VRAM, vga->vram, PCI_BAR_MEMORY32 | PCI_BAR_PREFETCH);
  pci_device_add_bar (&vga->pci, BAR_MMIO, vga->mmio, PCI_BAR_MEMORY32);
  if (vga->rom != NULL)
    pci_device_add_bar (&vga->pci, PCI_ROM_BAR, vga->rom, PCI_BAR_MEMORY32);

  map_ports (vga, 0, "vga", VGA_PORT_BASE, VGA_PORT_SIZE, &vga_port_ops);
  map_ports (vga, 1, "vga-dispi", VGA_DISPI_BASE, VGA_DISPI_SIZE, &vga_dispi_ops);
  vga->window = region_new_io ("vga-window", VGA_WINDOW_SIZE, &vga_window_ops, vga);
  vga->window_mapping
      = address_space_map (vm->memory, vga->window, VGA_WINDOW_BASE, 0, VGA_WINDOW_SIZE, PRIORITY_WINDOW);
  address_space_begin (vm->memory);
  vga->linear_mapping
      = address_space_map (vm->memory, vga->vram, VGA_WINDOW_BASE, 0, VGA_WINDOW_SIZE / 2, PRIORITY_LINEAR);
  mapping_set_enabled (vga->linear_mapping, FALSE);
  address_space_commit (vm->memory);
  vga->output = display_output_new (device->id, &vga_display_source, vga);
  vga_regs_reset (vga);
  return TRUE;
}

static void
vga_unrealize (Device *device)
{
  Vga *vga = (Vga *)device;

  g_clear_pointer (&vga->output, display_output_free);
  g_clear_pointer (&vga->linear_mapping, mapping_remove);
  g_clear_pointer (&vga->window_mapping, mapping_remove);
  for (unsigned i = 0; i < G_N_ELEMENTS (vga->ports); i++)
    {
      g_clear_pointer (&vga->port_mapping[i], mapping_remove);
      g_clear_pointer (&vga->ports[i], region_unref);
    }
  pci_device_exit (&vga->pci);
  g_clear_pointer (&vga->window, region_unref);
  g_clear_pointer (&vga->mmio, region_unref);
  g_clear_pointer (&vga->rom, region_unref);
  g_clear_pointer (&vga->vram, region_unref);
}

static void
vga_reset (Device *device)
{
  Vga *vga = (Vga *)device;

  pci_device_reset (&vga->pci);
  vga_regs_reset (vga);
  vga_memory_update (vga);
}

static gboolean
vga_post_load (Device *device, GError **error)
{
  Vga *vga = (Vga *)device;

  if (!pci_device_post_load (&vga->pci, error))
    return FALSE;
  vga->poll_time = vga->poll_retrace = -1;
  vga->stale = TRUE;
  vga->redraw = TRUE;
  vga_memory_update (vga);
  return TRUE;
}

static const StateField vga_state[] = {
  STATE_STRUCT (Vga, pci, pci_device_state),
  STATE_U8 (Vga, misc),
  STATE_U8 (Vga, feature),
  STATE_U8 (Vga, enable),
  STATE_U8_MAX (Vga, seq_index, 7),
  STATE_U8_ARRAY (Vga, seq),
  STATE_U8_MAX (Vga, gdc_index, 15),
  STATE_U8_ARRAY (Vga, gdc),
  STATE_U8 (Vga, crtc_index),
  STATE_U8_ARRAY (Vga, crtc),
  STATE_U8 (Vga, mono_index),
  STATE_U8_ARRAY (Vga, mono_crtc),
  STATE_U32 (Vga, mono_written),
  STATE_U8_MAX (Vga, attr_index, 0x3f),
  STATE_U8_ARRAY (Vga, attr),
  STATE_BOOL (Vga, attr_data),
  STATE_U8 (Vga, pel_mask),
  STATE_U8_MAX (Vga, dac_state, 3),
  STATE_U8 (Vga, dac_read),
  STATE_U8 (Vga, dac_write),
  STATE_U8_MAX (Vga, dac_phase, 2),
  STATE_U8_ARRAY (Vga, dac_latch),
  STATE_U8_ARRAY (Vga, dac),
  STATE_U32 (Vga, latch),
  STATE_U16 (Vga, dispi_index),
  STATE_U16_ARRAY (Vga, dispi),
  STATE_BOOL (Vga, big_endian),
  STATE_END,
};

static const DeviceProperty vga_properties[] = {
  { "vram-mib", PROPERTY_U32, offsetof (Vga, vram_mib), "16", 1, 256,
    "Video memory in MiB, rounded up to a power of two" },
  { "romfile", PROPERTY_STRING, offsetof (Vga, romfile), NULL, 0, 0, "File with the VGA BIOS" },
  { "xres", PROPERTY_U32, offsetof (Vga, xres), "1280", 640, 4088, "Width that the monitor prefers" },
  { "yres", PROPERTY_U32, offsetof (Vga, yres), "800", 480, 4095, "Height that the monitor prefers" },
  { .name = NULL },
};

const DeviceClass vga_class = {
  .name = "vga",
  .instance_size = sizeof (Vga),
  .state = vga_state,
  .properties = vga_properties,
  .realize = vga_realize,
  .reset = vga_reset,
  .post_load = vga_post_load,
  .unrealize = vga_unrealize,
};

Device *
vga_new (Vm *vm, PciBus *bus, unsigned devfn, const char *id)
{
  Vga *vga = device_new (vm, &vga_class, id);

  vga->bus = bus;
  vga->devfn = devfn;
  return &vga->pci.device;
}

DisplayOutput *
vga_output (Device *device)
{
  return ((Vga *)device)->output;
}
