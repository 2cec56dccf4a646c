/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-console: a terminal and, if wanted, a named channel for an agent in the guest.  VIRTIO 1.2, 5.3.
 *
 * The far ends are serial ports' (serial/serial.h): what the guest sends is kept there, clients attach and leave as they like.
 */
#pragma once

#include "serial/serial.h"
#include "virtio/virtio.h"

G_BEGIN_DECLS

#define VIRT_CONSOLE_MAX_PORTS 2
#define VIRT_CONSOLE_MAX_NAME  63u

typedef struct
{
  SerialPort *console, *agent; /* borrowed; they must outlive the device.  `agent` NULL: there is none */
  const char *agent_name;      /* such as "org.qemu.guest_agent.0": at most VIRT_CONSOLE_MAX_NAME bytes */
} VirtConsoleConfig;

/* NULL and an error where it fails.  VM lock held. */
Device *virt_console_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn,
                          const VirtConsoleConfig *config, GError **error);

G_END_DECLS
