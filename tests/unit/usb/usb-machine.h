/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine of RAM and a PCI bus with a USB controller, and what drivers of any of them do.  For tests and fuzzers.
 */
#pragma once

#include "input/router.h"
#include "pci/pci.h"
#include "usb/hid.h"
#include "usb/usb.h"

#include <string.h>

#define USB_RAM   0x800000u
#define USB_BAR   0xf0000000u
#define USB_PORTS 0xc000u
#define USB_DEVFN PCI_DEVFN (3, 0)

typedef struct
{
  Vm *vm;
  PciRoot *root;
  Region *ram;
  AccessCache cache, ports;
  InputRouter *router;
  Device *controller;
  gboolean level; /* of its interrupt */
  unsigned n_interrupts;
} Usb;

static inline void
usb_on_intx (void *opaque, unsigned wire, gboolean level)
{
  Usb *u = opaque;

  u->n_interrupts += level && !u->level;
  u->level = level;
}

static inline void
usb_pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static inline void
usb_open (Usb *u)
{
  *u = (Usb){ .vm = vm_new (NULL, TRUE) };
  vm_lock (u->vm);
  u->ram = region_new_ram ("ram", USB_RAM, RAM_DEFAULT, NULL);
  vm_add_ram (u->vm, u->ram);
  address_space_map (u->vm->memory, u->ram, 0, 0, USB_RAM, 0);
  u->root = pci_root_new (u->vm, usb_on_intx, NULL, u);
  u->router = input_router_new (u->vm);
  vm_clock_start (u->vm->clock);
  vm_unlock (u->vm);
}

static inline void
usb_close (Usb *u)
{
  vm_lock (u->vm);
  while (u->vm->devices->len > 0)
    device_free (u->vm->devices->pdata[u->vm->devices->len - 1]);
  input_router_free (u->router);
  pci_root_free (u->root);
  vm_unlock (u->vm);
  access_cache_clear (&u->cache);
  access_cache_clear (&u->ports);
  vm_free (u->vm);
  region_unref (u->ram);
}

static inline void
usb_config (Usb *u, unsigned devfn, unsigned offset, uint32_t value, unsigned size)
{
  vm_lock (u->vm);
  pci_root_config_write (u->root, 0, devfn, offset, value, size);
  vm_unlock (u->vm);
}

static inline uint32_t
usb_read (Usb *u, unsigned offset, unsigned size)
{
  return (uint32_t)address_space_load (u->vm->memory, &u->cache, USB_BAR + offset, size, FALSE);
}

static inline void
usb_write (Usb *u, unsigned offset, uint64_t value, unsigned size)
{
  address_space_store (u->vm->memory, &u->cache, USB_BAR + offset, value, size, FALSE);
}

static inline uint32_t
usb_in (Usb *u, unsigned port, unsigned size)
{
  return (uint32_t)address_space_load (u->vm->ports, &u->ports, USB_PORTS + port, size, FALSE);
}

static inline void
usb_out (Usb *u, unsigned port, uint32_t value, unsigned size)
{
  address_space_store (u->vm->ports, &u->ports, USB_PORTS + port, value, size, FALSE);
}

static inline uint8_t *
usb_ram (Usb *u, uint64_t address)
{
  return region_host (u->ram) + address;
}

static inline void
usb_put32 (Usb *u, uint64_t address, uint32_t value)
{
  pci_set32 (usb_ram (u, address), value);
}

static inline uint32_t
usb_get32 (Usb *u, uint64_t address)
{
  return pci_get32 (usb_ram (u, address));
}

static inline void
usb_advance (Usb *u, int64_t ns)
{
  vm_lock (u->vm);
  vm_clock_advance (u->vm->clock, ns);
  vm_unlock (u->vm);
  usb_pump ();
}

/* What a device says of itself through its table, and again; all devices, as a saved machine is loaded. */
static inline gboolean
usb_save_and_load (Usb *u)
{
  GPtrArray *devices = u->vm->devices;
  g_autoptr (GPtrArray) states = g_ptr_array_new_with_free_func ((GDestroyNotify)g_byte_array_unref);
  gboolean ok = TRUE;

  vm_lock (u->vm);
  for (guint i = 0; i < devices->len; i++)
    {
      Device *device = g_ptr_array_index (devices, i);

      if (device->klass->pause != NULL)
        device->klass->pause (device);
      g_ptr_array_add (states, g_byte_array_new ());
      state_save (device->klass->state, device, g_ptr_array_index (states, i));
    }
  for (guint i = 0; i < devices->len; i++)
    {
      Device *device = g_ptr_array_index (devices, i);

      device->klass->reset (device);
    }
  for (guint i = 0; i < devices->len; i++)
    {
      Device *device = g_ptr_array_index (devices, i);
      const GByteArray *state = g_ptr_array_index (states, i);

      ok = ok && state_load (device->klass->state, device, state->data, state->len, NULL)
           && (device->klass->post_load == NULL || device->klass->post_load (device, NULL));
    }
  for (guint i = 0; i < devices->len; i++)
    {
      Device *device = g_ptr_array_index (devices, i);

      if (device->klass->resume != NULL)
        device->klass->resume (device);
    }
  vm_unlock (u->vm);
  usb_pump ();
  return ok;
}

static inline void
usb_event (Usb *u, InputEventType type, unsigned code, int32_t value, int32_t x, int32_t y)
{
  const InputEvent event = { type, (uint16_t)code, value, x, y };

  vm_lock (u->vm);
  input_router_send (u->router, &event);
  vm_unlock (u->vm);
  usb_pump ();
}

static inline UsbDevice *
usb_plug_hid (Usb *u, UsbPort *port, const char *id, UsbHidKind kind)
{
  g_autoptr (GError) error = NULL;

  vm_lock (u->vm);
  UsbDevice *device = usb_hid_new (u->vm, id, kind, u->router, &error);
  g_assert_no_error (error);
  device->device.klass->reset (&device->device);
  g_assert_true (usb_port_attach (port, device, &error));
  g_assert_no_error (error);
  vm_unlock (u->vm);
  usb_pump ();
  return device;
}
