/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices of this computer in a running machine.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

typedef struct
{
  char *id;    /* as the machine knows it */
  char *name;  /* for a person */
  char *place; /* "usb 2"; "": on its way */
} VivUsbDevice;

/* A device of machine/usb-outside.h comes to the machine: its node is opened here.  What the user may not open is an error with what to do. */
void viv_machine_connect_usb (VivMachine *machine, const char *host, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer data);
/* One of the machine's definition ("usb1") that isn't plugged in: the machine's broker opens it. */
void viv_machine_reconnect_usb (VivMachine *machine, const char *id, const char *name,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* The id that the machine knows it by, to be freed; of both. */
char *viv_machine_connect_usb_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* It goes back to this computer. */
void viv_machine_disconnect_usb (VivMachine *machine, const char *id, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data);
gboolean viv_machine_disconnect_usb_finish (VivMachine *machine, GAsyncResult *result, GError **error);
void viv_machine_list_usb (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data);
/* VivUsbDevice *, at most 64. */
GPtrArray *viv_machine_list_usb_finish (VivMachine *machine, GAsyncResult *result, GError **error);

G_END_DECLS
