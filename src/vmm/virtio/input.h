/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-input: a keyboard, a tablet that tells positions, a mouse that tells movements, a touchscreen.  VIRTIO 1.2, 5.8.
 */
#pragma once

#include "input/router.h"
#include "virtio/virtio.h"

G_BEGIN_DECLS

typedef enum
{
  VIRT_INPUT_KEYBOARD,
  VIRT_INPUT_TABLET,
  VIRT_INPUT_MOUSE,
  VIRT_INPUT_TOUCHSCREEN,
} VirtInputKind;

/* The router must outlive it.  NULL and an error where it fails.  VM lock held. */
Device *virt_input_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, VirtInputKind kind,
                        InputRouter *router, GError **error);

G_END_DECLS
