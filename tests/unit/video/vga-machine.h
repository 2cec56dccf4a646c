/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine with nothing but a VGA, for tests and the fuzzer.
 */
#pragma once

#include "core/vm.h"
#include "pci/pci.h"
#include "video/vga.h"

#define VRAM_BASE 0xe0000000u
#define MMIO_BASE 0xfe000000u

typedef struct
{
  Vm *vm;
  PciRoot *root;
  PciBus *bus;
  Device *vga;
  AccessCache memory, ports;
} VgaMachine;

static inline void
vga_machine_intx (void *opaque, unsigned pin, gboolean level)
{
}

static inline void
vga_machine_open (VgaMachine *m, const char *vram_mib)
{
  g_autoptr (GError) error = NULL;

  *m = (VgaMachine){ .vm = vm_new (NULL, TRUE) };
  vm_lock (m->vm);
  m->root = pci_root_new (m->vm, vga_machine_intx, NULL, NULL);
  m->bus = pci_root_bus (m->root);
  m->vga = vga_new (m->vm, m->bus, PCI_DEVFN (2, 0), "vga0");
  if (!device_set_property (m->vga, "vram-mib", vram_mib, &error) || !device_realize (m->vga, &error))
    g_error ("%s", error->message);
  m->vga->klass->reset (m->vga);
  pci_bus_config_write (m->bus, PCI_DEVFN (2, 0), PCI_BAR0, VRAM_BASE, 4);
  pci_bus_config_write (m->bus, PCI_DEVFN (2, 0), PCI_BAR0 + 8, MMIO_BASE, 4);
  pci_bus_config_write (m->bus, PCI_DEVFN (2, 0), PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
  vm_unlock (m->vm);
}

static inline void
vga_machine_close (VgaMachine *m)
{
  access_cache_clear (&m->memory);
  access_cache_clear (&m->ports);
  vm_lock (m->vm);
  device_free (m->vga);
  pci_root_free (m->root);
  vm_unlock (m->vm);
  vm_free (m->vm);
}

static inline void
out (VgaMachine *m, uint16_t port, uint32_t value, unsigned size)
{
  address_space_store (m->vm->ports, &m->ports, port, value, size, FALSE);
}

static inline uint32_t
in (VgaMachine *m, uint16_t port, unsigned size)
{
  return (uint32_t)address_space_load (m->vm->ports, &m->ports, port, size, FALSE);
}

static inline void
poke (VgaMachine *m, uint64_t addr, uint64_t value, unsigned size)
{
  address_space_store (m->vm->memory, &m->memory, addr, value, size, FALSE);
}

static inline uint64_t
peek (VgaMachine *m, uint64_t addr, unsigned size)
{
  return address_space_load (m->vm->memory, &m->memory, addr, size, FALSE);
}

static inline void
dispi (VgaMachine *m, uint16_t index, uint16_t value)
{
  out (m, 0x1ce, index, 2);
  out (m, 0x1cf, value, 2);
}

static inline uint16_t
dispi_get (VgaMachine *m, uint16_t index)
{
  out (m, 0x1ce, index, 2);
  return (uint16_t)in (m, 0x1cf, 2);
}

/* Any bytes are a program of register and window accesses.  Looks at the screen now and then. */
static inline void
vga_machine_fuzz (VgaMachine *m, const uint8_t *data, size_t length)
{
  static const uint16_t ports[] = { 0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c8, 0x3c9, 0x3ce,
                                    0x3cf, 0x3d4, 0x3d5, 0x3da, 0x3b4, 0x3b5, 0x3ba, 0x3c7 };

  for (size_t i = 0; i + 8 <= length; i += 8)
    {
      const uint8_t *op = data + i;
      uint32_t value = op[4] | (uint32_t)op[5] << 8 | (uint32_t)op[6] << 16 | (uint32_t)op[7] << 24;
      uint32_t addr = op[1] | (uint32_t)op[2] << 8 | (uint32_t)op[3] << 16;
      unsigned size = 1u << (op[0] >> 4 & 3), io_size = MIN (size, 4);

      switch (op[0] & 0xf)
        {
        case 0:
        case 1:
          out (m, ports[op[1] & 0xf], value, io_size);
          break;
        case 2: /* an indexed register at once */
          {
            static const uint16_t pair[] = { 0x3c4, 0x3ce, 0x3d4, 0x3b4 };
            out (m, pair[op[1] & 3], (uint32_t)op[2] | (uint32_t)op[4] << 8, 2);
          }
          break;
        case 3:
          in (m, 0x3da, 1);
          out (m, 0x3c0, op[1] & 0x1f, 1);
          out (m, 0x3c0, op[4], 1);
          out (m, 0x3c0, 0x20, 1);
          break;
        case 4:
          dispi (m, op[1] % 12, (uint16_t)value);
          break;
        case 5:
          dispi (m, 4, 0x41 | (op[1] & 0xa0));
          break;
        case 6:
          dispi (m, 4, 0);
          break;
        case 7:
        case 8:
          poke (m, 0xa0000 + (addr & 0x1ffff), value * 0x100000001ull, size);
          break;
        case 9:
          peek (m, 0xa0000 + (addr & 0x1ffff), size);
          break;
        case 10:
          poke (m, VRAM_BASE + addr, value, size);
          break;
        case 11:
          poke (m, MMIO_BASE + (addr & 0xfff), value, size);
          break;
        case 12:
          peek (m, MMIO_BASE + (addr & 0xfff), size);
          break;
        case 13:
          in (m, (uint16_t)(0x3b0 + op[1] % 0x30), io_size);
          in (m, (uint16_t)(0x1ce + op[2] % 4), io_size);
          break;
        case 14:
          vm_clock_advance (m->vm->clock, (int64_t)value);
          break;
        default:
          if (op[1] & 1)
            display_output_snapshot (vga_output (m->vga));
          else
            g_free (display_output_text (vga_output (m->vga)));
          break;
        }
    }
  display_output_snapshot (vga_output (m->vga));
}
