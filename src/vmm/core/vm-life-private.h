/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the files of the machine's life cycle, from the lowest to the highest (orders, saving and requests know each other):
 *
 *   vm-run.c         running and standing still
 *   vm-life.c        the state, and who hears of it
 *   vm-save-order.c  the thread of an order to save
 *   vm-orders.c      orders, one after the other
 *   vm-requests.c    what the machine itself asks for; becomes an order, where it isn't done at once
 *
 * All functions are the device loop's and take the VM lock themselves, unless said otherwise.
 */
#pragma once

#include "core/vm-private.h"

G_BEGIN_DECLS

typedef enum
{
  ORDER_PAUSE,
  ORDER_RESUME,
  ORDER_RESET,
  ORDER_STOP,
  ORDER_CRASH,
  ORDER_SAVE,
  ORDER_ACT,
} OrderKind;

typedef struct VmSaveWork VmSaveWork;

struct VmOrder
{
  OrderKind kind;
  char *reason;
  gboolean begun;
  VmState from; /* the state in which it began */
  VmDoneFunc done;
  void *opaque;
  VmSaveWork *save; /* ORDER_SAVE */
  VmActFunc act;    /* ORDER_ACT, and what follows */
  void *data;
  GDestroyNotify drop;
};

/* Where devices have a loop of their own, and this isn't it: on the control loop, or while the machine is made. */
static inline gboolean
vm_on_control (const Vm *vm)
{
  return vm->priv->control_thread == g_thread_self ();
}

/* vm-run.c */
/* Stops processors, clock and devices.  Requests of devices may still be in flight: see vm_is_drained(). */
void vm_halt (Vm *vm);
gboolean vm_is_drained (Vm *vm);
void vm_let_run (Vm *vm);
/* Devices and processors, all of which stand still. */
void vm_reset_all (Vm *vm);
/* The processors alone. */
void vm_stop_processors (Vm *vm);
/* VM lock held.  A sleeping guest's processors wait for what wakes it. */
void vm_start_processors (Vm *vm);
gboolean vm_is_asleep (Vm *vm);

/* vm-life.c */
/* Tells the control loop, too.  `reason` is copied; NULL: there is nothing to say. */
void vm_set_state (Vm *vm, VmState state, const char *reason);
/* VM_STATE_RUNNING, with its reason where the guest sleeps. */
void vm_set_running (Vm *vm);

/* vm-save-order.c */
/* The machine stands still, and stands until the work is done: the order becomes `current`, which keeps later ones and requests waiting. */
void vm_save_work_start (Vm *vm, VmOrder *order);
/* If it is under way it fails soon; who calls doesn't wait for that. */
void vm_save_work_cancel (VmSaveWork *work);
/* Breaks off what is under way, waits for that, and frees. */
void vm_save_work_free (VmSaveWork *work);

/* vm-orders.c */
/* Any thread that may give orders. */
VmOrder *vm_order_new (OrderKind kind, const char *reason, VmDoneFunc done, void *opaque);
/* Control loop, or device loop.  Takes the order. */
void vm_give_order (Vm *vm, VmOrder *order);
/* Before those that wait. */
void vm_give_order_first (Vm *vm, OrderKind kind, const char *reason);
/* Takes the order and `error`, and tells who gave it; NULL: it was carried out. */
void vm_order_end (Vm *vm, VmOrder *order, GError *error);
/* Goes on with what waits, as far as nothing is under way. */
void vm_work_off_orders (Vm *vm);
/* The machine goes: ends those that wait as cancelled. */
void vm_orders_free (Vm *vm);

/* vm-requests.c */
gboolean vm_has_requests (Vm *vm);
void vm_serve_requests (Vm *vm);
/* Those that waited for the end of an order are served on the loop's next turn. */
void vm_attach_requests (Vm *vm);
/* What the processors asked for until they stopped belongs to the time before a reset.  The rest others have asked for. */
void vm_forget_requests (Vm *vm);

G_END_DECLS
