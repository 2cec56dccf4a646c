/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's life cycle: orders, one after the other, and requests of the machine itself.
 */
#define G_LOG_DOMAIN "vm"

#include "base/ready-source.h"
#include "core/save.h"
#include "core/vm-private.h"

#include <gio/gio.h>

/* A client that floods the machine with orders while it drains is told so. */
#define MAX_ORDERS 64

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

/* A file that is being written, for ORDER_SAVE.  As a sink it hands on to the file's, if it isn't told to stop. */
typedef struct
{
  SaveSink parent;
  SaveSink *file;
  uint64_t done, all; /* pages */
  Vm *vm;
  int fd;
  char *name;
  VmProgressFunc progress;
  void *opaque;
  VmSave *saver;
  GThread *thread;
  GSource *ended; /* made ready by the thread */
  gint cancelled; /* atomic */
  int told;       /* of 100, by the thread */
  gboolean ok;
  GError *error;
} SaveWork;

struct VmOrder
{
  OrderKind kind;
  char *reason;
  gboolean begun;
  VmState from; /* the state in which it began */
  VmDoneFunc done;
  void *opaque;
  SaveWork *save;
  VmActFunc act;
  void *data;
  GDestroyNotify drop;
};

/* Where devices have a loop of their own, and this isn't it: on the control loop, or while the machine is made. */
static gboolean
on_control (const Vm *vm)
{
  return vm->priv->control_thread == g_thread_self ();
}

VmState
vm_state (Vm *vm)
{
  return vm->priv->shown_state;
}

const char *
vm_state_reason (Vm *vm)
{
  return vm->priv->shown_reason;
}

void
vm_add_state_func (Vm *vm, VmStateFunc func, void *opaque)
{
  VmStateListener listener = { func, opaque };

  g_array_append_val (vm->priv->state_funcs, listener);
}

typedef struct
{
  VmState state;
  char *reason;
} StateNews;

static void
show_state (Vm *vm, void *data)
{
  StateNews *news = data;
  g_autofree char *old = vm->priv->shown_reason;
  VmState state = news->state;

  vm->priv->shown_reason = g_steal_pointer (&news->reason);
  vm->priv->shown_state = state;
  for (unsigned i = 0; i < vm->priv->state_funcs->len; i++)
    {
      VmStateListener *l = &g_array_index (vm->priv->state_funcs, VmStateListener, i);

      l->func (vm, state, l->opaque);
    }
}

static void
state_news_free (gpointer data)
{
  StateNews *news = data;

  g_free (news->reason);
  g_free (news);
}

static void
set_state (Vm *vm, VmState state, const char *reason)
{
  StateNews *news = g_new (StateNews, 1);

  *news = (StateNews){ state, g_strdup (reason != NULL ? reason : "") };
  vm->priv->state = state;
  if (vm->priv->control_thread != NULL && !on_control (vm))
    {
      vm_tell_control (vm, show_state, news, state_news_free);
      return;
    }
  show_state (vm, news);
  state_news_free (news);
}

/* -- Standing still, and running ------------------------------------------------------------------ */

static gboolean
all_drained (Vm *vm)
{
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->held
          || (device->realized && device->klass->drained != NULL && !device->klass->drained (device)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_drained (Vm *vm)
{
  gboolean drained;

  vm_lock (vm);
  drained = all_drained (vm);
  vm_unlock (vm);
  return drained;
}

static void
stop_processors (Vm *vm)
{
  if (vm->processor != NULL && vm->priv->processors_run)
    vm->processor->pause (vm->processor_opaque);
  vm->priv->processors_run = FALSE;
}

/* VM lock held.  A sleeping guest's processors wait for what wakes it. */
static void
start_processors (Vm *vm)
{
  if (vm->asleep)
    return;
  vm->priv->processors_run = TRUE;
  if (vm->processor != NULL)
    vm->processor->resume (vm->processor_opaque);
}

/* Stops processors, clock and devices.  Requests may still be in flight: see all_drained(). */
static void
halt (Vm *vm)
{
  gboolean ran;

  stop_processors (vm);
  vm_lock (vm);
  ran = vm_clock_running (vm->clock);
  vm_clock_stop (vm->clock);
  if (ran && vm->processor != NULL && vm->processor->clock_stop != NULL)
    vm->processor->clock_stop (vm->processor_opaque);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->pause != NULL)
        device->klass->pause (device);
    }
  vm_unlock (vm);
}

static void
let_run (Vm *vm)
{
  int64_t missed;

  vm_lock (vm);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && !device->held && device->klass->resume != NULL)
        device->klass->resume (device);
    }
  missed = vm_clock_start (vm->clock);
  if (!vm->catch_up)
    missed = 0;
  if (vm->processor != NULL && vm->processor->clock_start != NULL)
    vm->processor->clock_start (vm->processor_opaque, missed);
  for (unsigned i = 0; i < vm->devices->len && missed > 0; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && !device->held && device->klass->missed != NULL)
        device->klass->missed (device, missed);
    }
  start_processors (vm);
  vm_unlock (vm);
}

static void
reset_all (Vm *vm)
{
  vm_lock (vm);
  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->reset != NULL)
        device->klass->reset (device);
    }
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  vm_unlock (vm);
}

/* Requests that end what the guest does; on a machine of metal they take effect at once. */
#define ENDING_REQUESTS \
  (1u << VM_REQUEST_RESET | 1u << VM_REQUEST_POWER_OFF | 1u << VM_REQUEST_INIT | 1u << VM_REQUEST_SLEEP)

/* The request mutex is held. */
static void
hold_or_release (Vm *vm, gboolean hold)
{
  void (*func) (void *opaque);

  if (vm->processor == NULL)
    return;
  func = hold ? vm->processor->hold : vm->processor->release;
  if (func != NULL)
    func (vm->processor_opaque);
}

/* What the processors asked for until they stopped belongs to the time before the reset.  The rest others have asked for. */
static void
forget_requests (Vm *vm)
{
  const unsigned kept = 1u << VM_REQUEST_POWER_OFF | 1u << VM_REQUEST_PAUSE;
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  priv->requests &= kept;
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    if ((kept >> i & 1) == 0)
      g_clear_pointer (&priv->request_reason[i], g_free);
  if ((priv->requests & ENDING_REQUESTS) == 0)
    hold_or_release (vm, FALSE);
  g_mutex_unlock (&priv->request_mutex);
}

static gboolean
is_asleep (Vm *vm)
{
  gboolean asleep;

  vm_lock (vm);
  asleep = vm->asleep;
  vm_unlock (vm);
  return asleep;
}

static const char *
running_reason (Vm *vm)
{
  return is_asleep (vm) ? VM_REASON_ASLEEP : NULL;
}

/* -- Orders --------------------------------------------------------------------------------------- */

static void work (Vm *vm);
static void attach_requests (Vm *vm);
static gboolean has_requests (Vm *vm);
static void serve_requests (Vm *vm);
static void start_save (Vm *vm, VmOrder *order);
static void give_order_first (Vm *vm, OrderKind kind, const char *reason);

typedef struct
{
  Vm *vm;
  VmDoneFunc done; /* NULL: called */
  void *opaque;
  GError *error;
} DoneNews;

static void
tell_done (Vm *vm, void *data)
{
  DoneNews *news = data;
  VmDoneFunc done = g_steal_pointer (&news->done);

  done (vm, news->error, news->opaque);
}

/* The machine goes, and the order that was given to it with it. */
static void
abandon (Vm *vm, VmDoneFunc done, void *opaque)
{
  g_autoptr (GError) error
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the machine was ended meanwhile");

  if (done != NULL)
    done (vm, error, opaque);
}

static void
done_news_free (gpointer data)
{
  DoneNews *news = data;

  abandon (news->vm, news->done, news->opaque);
  g_clear_error (&news->error);
  g_free (news);
}

static void
order_free (gpointer data)
{
  VmOrder *order = data;

  if (order->save != NULL)
    {
      g_clear_error (&order->save->error);
      g_free (order->save->name);
      g_free (order->save);
    }
  if (order->drop != NULL)
    order->drop (order->data);
  g_free (order->reason);
  g_free (order);
}

/* Takes `error`. */
static void
order_end_with (Vm *vm, VmOrder *order, GError *error)
{
  VmDoneFunc done = order->done;
  void *opaque = order->opaque;
  /* A save's progress waits to be told, on the same thread too; its end comes behind it. */
  gboolean tell = vm->priv->control_thread != NULL || order->save != NULL;

  order_free (order);
  if (done == NULL)
    g_clear_error (&error);
  else if (tell)
    {
      DoneNews *news = g_new (DoneNews, 1);

      *news = (DoneNews){ vm, done, opaque, error };
      vm_tell_control (vm, tell_done, news, done_news_free);
    }
  else
    {
      done (vm, error, opaque);
      g_clear_error (&error);
    }
}

static void
order_end (Vm *vm, VmOrder *order, const char *refusal)
{
  order_end_with (vm, order,
                  refusal != NULL ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, refusal) : NULL);
}

/* Why the order can't be carried out in this state; NULL: it can. */
static const char *
order_refusal (const Vm *vm, const VmOrder *order)
{
  switch (vm->priv->state)
    {
    case VM_STATE_STOPPED:
      return order->kind == ORDER_STOP ? NULL : "the machine is off";
    case VM_STATE_STARTING:
      return order->kind == ORDER_STOP ? NULL : "the machine is not on yet";
    case VM_STATE_CRASHED:
      return order->kind == ORDER_PAUSE || order->kind == ORDER_RESUME || order->kind == ORDER_SAVE
                 ? "the machine has crashed; reset it"
                 : NULL;
    default:
      return NULL;
    }
}

static gboolean
nothing_to_do (const Vm *vm, const VmOrder *order)
{
  switch (order->kind)
    {
    case ORDER_PAUSE:
      return vm->priv->state == VM_STATE_PAUSED;
    case ORDER_RESUME:
      return vm->priv->state == VM_STATE_RUNNING;
    case ORDER_STOP:
      return vm->priv->state == VM_STATE_STOPPED;
    case ORDER_CRASH:
      return vm->priv->state == VM_STATE_CRASHED;
    default:
      return FALSE;
    }
}

static void
act (Vm *vm, VmOrder *order)
{
  GError *error = NULL;

  order->act (vm, order->data, &error);
  order_end_with (vm, order, error);
}

/* No processor runs, nothing is in flight. */
static void
carry_out (Vm *vm, VmOrder *order)
{
  switch (order->kind)
    {
    case ORDER_PAUSE:
    case ORDER_SAVE:
      if (vm->priv->state != VM_STATE_PAUSED) /* else its reason stands */
        set_state (vm, VM_STATE_PAUSED, order->reason);
      g_queue_push_head (&vm->priv->orders, order); /* it ends in begin() */
      return;
    case ORDER_RESET:
      forget_requests (vm);
      reset_all (vm);
      if (order->from == VM_STATE_PAUSED)
        {
          set_state (vm, VM_STATE_PAUSED, NULL);
          break;
        }
      G_GNUC_FALLTHROUGH;
    case ORDER_RESUME:
      let_run (vm);
      set_state (vm, VM_STATE_RUNNING, running_reason (vm));
      break;
    case ORDER_STOP:
      set_state (vm, VM_STATE_STOPPED, order->reason);
      break;
    case ORDER_CRASH:
      g_message ("the machine has crashed\n%s", order->reason != NULL ? order->reason : "");
      set_state (vm, VM_STATE_CRASHED, order->reason);
      break;
    case ORDER_ACT:
      g_return_if_reached ();
    }
  order_end (vm, order, NULL);
}

/* Completions of requests in flight arrive on the device loop: each of its turns asks whether the last one has. */
typedef struct
{
  GSource source;
  Vm *vm;
} DrainSource;

static gboolean
drain_check (GSource *source)
{
  return is_drained (((DrainSource *)source)->vm);
}

static gboolean
drain_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return drain_check (source);
}

static gboolean
drain_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Vm *vm = ((DrainSource *)source)->vm;
  VmOrder *order = g_steal_pointer (&vm->priv->current);

  g_clear_pointer (&vm->priv->drain, g_source_unref);
  vm->priv->working = TRUE;
  carry_out (vm, order);
  vm->priv->working = FALSE;
  attach_requests (vm);
  work (vm);
  return G_SOURCE_REMOVE;
}

static GSourceFuncs drain_funcs
    = { .prepare = drain_prepare, .check = drain_check, .dispatch = drain_dispatch };

static void
wait_for_drain (Vm *vm, VmOrder *order)
{
  vm->priv->current = order;
  vm->priv->drain = g_source_new (&drain_funcs, sizeof (DrainSource));
  ((DrainSource *)vm->priv->drain)->vm = vm;
  g_source_set_static_name (vm->priv->drain, "vm drain");
  g_source_attach (vm->priv->drain, vm->context);
  if (vm->priv->state != VM_STATE_PAUSED)
    set_state (vm, VM_STATE_PAUSING, order->reason);
}

static void
begin (Vm *vm, VmOrder *order)
{
  const char *refusal = order_refusal (vm, order);

  /* What the processors asked for until they stood comes first: who waits for the pause may want to save the machine. */
  if ((order->kind == ORDER_PAUSE || order->kind == ORDER_SAVE) && vm->priv->state == VM_STATE_PAUSED
      && has_requests (vm))
    {
      g_queue_push_head (&vm->priv->orders, order);
      serve_requests (vm);
      return;
    }
  if (refusal != NULL || nothing_to_do (vm, order))
    {
      order_end (vm, order, refusal);
      return;
    }
  if (order->kind == ORDER_ACT)
    {
      act (vm, order);
      return;
    }
  if (!order->begun)
    order->from = vm->priv->state;
  order->begun = TRUE;
  if (order->kind == ORDER_SAVE && vm->priv->state == VM_STATE_PAUSED)
    {
      /* A device may have come to a machine that was paused before, or be on its way out. */
      if (is_drained (vm))
        start_save (vm, order);
      else
        wait_for_drain (vm, order);
      return;
    }
  if (order->kind == ORDER_RESUME)
    {
      carry_out (vm, order);
      return;
    }
  halt (vm);
  if (is_drained (vm))
    carry_out (vm, order);
  else
    wait_for_drain (vm, order);
}

static void
work (Vm *vm)
{
  if (vm->priv->working)
    return;
  vm->priv->working = TRUE;
  while (vm->priv->current == NULL && !g_queue_is_empty (&vm->priv->orders))
    begin (vm, g_queue_pop_head (&vm->priv->orders));
  vm->priv->working = FALSE;
}

/* -- Saving --------------------------------------------------------------------------------------- */

typedef struct
{
  VmProgressFunc progress;
  double fraction;
  void *opaque;
} ProgressNews;

static void
tell_progress (Vm *vm, void *data)
{
  ProgressNews *news = data;

  news->progress (vm, news->fraction, news->opaque);
}

static void
report_progress (SaveWork *work)
{
  int percent = work->all > 0 ? (int)(work->done * 100 / work->all) : 100;

  if (work->progress == NULL || percent <= work->told)
    return;
  work->told = percent;
  ProgressNews *news = g_new (ProgressNews, 1);
  *news = (ProgressNews){ work->progress, percent / 100.0, work->opaque };
  vm_tell_control (work->vm, tell_progress, news, g_free);
}

static gboolean
may_go_on (SaveWork *work, GError **error)
{
  if (!g_atomic_int_get (&work->cancelled))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
               "Can't save the machine to %s: the machine was ended meanwhile", work->name);
  return FALSE;
}

static gboolean
work_section (SaveSink *sink, char kind, const char *name, unsigned version, const void *data, size_t length,
              GError **error)
{
  SaveWork *work = (SaveWork *)sink;

  return may_go_on (work, error)
         && work->file->section (work->file, kind, name, version, data, length, error);
}

static gboolean
work_page (SaveSink *sink, Region *region, uint64_t n, const uint8_t *data, GError **error)
{
  SaveWork *work = (SaveWork *)sink;

  if (!may_go_on (work, error) || !work->file->page (work->file, region, n, data, error))
    return FALSE;
  work->done++;
  report_progress (work);
  return TRUE;
}

static gboolean
work_end (SaveSink *sink, GError **error)
{
  SaveWork *work = (SaveWork *)sink;

  return may_go_on (work, error) && work->file->end (work->file, error);
}

static void
end_save (SaveWork *work)
{
  g_thread_join (g_steal_pointer (&work->thread));
  g_source_destroy (work->ended);
  g_clear_pointer (&work->ended, g_source_unref);
  g_clear_pointer (&work->saver, vm_save_free);
  g_clear_pointer (&work->file, save_sink_free);
}

static gboolean
on_saved (gpointer data)
{
  Vm *vm = data;
  VmOrder *order = g_steal_pointer (&vm->priv->current);
  gboolean go_on;

  end_save (order->save);
  go_on = !order->save->ok && order->from == VM_STATE_RUNNING;
  order_end_with (vm, order, g_steal_pointer (&order->save->error));
  /* As it was before. */
  if (go_on)
    give_order_first (vm, ORDER_RESUME, NULL);
  attach_requests (vm);
  work (vm);
  return G_SOURCE_REMOVE;
}

static gpointer
write_saved (gpointer data)
{
  SaveWork *work = data;

  work->ok = vm_save_finish (work->saver, &work->error);
  g_source_set_ready_time (work->ended, 0);
  return NULL;
}

/* The machine stands still, and stands until on_saved(): `current` keeps later orders and requests waiting. */
static void
start_save (Vm *vm, VmOrder *order)
{
  SaveWork *work = order->save;

  vm->priv->current = order;
  for (GList *l = vm->priv->orders.head; l != NULL; l = l->next)
    if (((VmOrder *)l->data)->kind == ORDER_STOP)
      work->cancelled = 1;
  work->parent = (SaveSink){ .section = work_section, .page = work_page, .end = work_end };
  work->file = save_sink_new_fd (work->fd, work->name);
  work->saver = vm_save_begin (vm, &work->parent, FALSE);
  vm_lock (vm);
  for (unsigned i = 0; i < vm->rams->len; i++)
    work->all += region_size (vm->rams->pdata[i]) / GUEST_PAGE_SIZE;
  vm_unlock (vm);
  work->ended = ready_source_new (vm->context, G_PRIORITY_HIGH, "vm saved", on_saved, vm);
  work->thread = g_thread_new ("save", write_saved, work);
}

/* -- Giving orders -------------------------------------------------------------------------------- */

static VmOrder *
order_new (OrderKind kind, const char *reason, VmDoneFunc done, void *opaque)
{
  VmOrder *order = g_new0 (VmOrder, 1);

  *order = (VmOrder){ .kind = kind, .reason = g_strdup (reason), .done = done, .opaque = opaque };
  return order;
}

static void
take_order (Vm *vm, VmOrder *order)
{
  const VmOrder *current = vm->priv->current;

  if (vm->priv->orders.length >= MAX_ORDERS && order->kind != ORDER_STOP)
    {
      order_end (vm, order, "the machine is busy with earlier orders; try again when they are done");
      return;
    }
  /* Whoever ends the machine doesn't wait for a slow disk. */
  if (order->kind == ORDER_STOP && current != NULL && current->kind == ORDER_SAVE
      && current->save->thread != NULL)
    g_atomic_int_set (&current->save->cancelled, 1);
  g_queue_push_tail (&vm->priv->orders, order);
  work (vm);
}

static gboolean
on_given (gpointer data)
{
  Vm *vm = data;
  VmOrder *order;

  do
    {
      g_mutex_lock (&vm->priv->request_mutex);
      order = g_queue_pop_head (&vm->priv->given);
      if (order == NULL)
        vm->priv->given_source = NULL;
      g_mutex_unlock (&vm->priv->request_mutex);
      if (order != NULL)
        take_order (vm, order);
    }
  while (order != NULL);
  return G_SOURCE_REMOVE;
}

static void
give (Vm *vm, VmOrder *order)
{
  VmPrivate *priv = vm->priv;

  if (!on_control (vm))
    {
      take_order (vm, order);
      return;
    }
  g_mutex_lock (&priv->request_mutex);
  g_queue_push_tail (&priv->given, order);
  if (priv->given_source == NULL)
    {
      priv->given_source = g_idle_source_new ();
      g_source_set_priority (priv->given_source, G_PRIORITY_HIGH);
      g_source_set_callback (priv->given_source, on_given, vm, NULL);
      g_source_set_static_name (priv->given_source, "vm orders");
      g_source_attach (priv->given_source, vm->context);
      g_source_unref (priv->given_source);
    }
  g_mutex_unlock (&priv->request_mutex);
}

static void
give_order (Vm *vm, OrderKind kind, const char *reason, VmDoneFunc done, void *opaque)
{
  give (vm, order_new (kind, reason, done, opaque));
}

/* Device loop. */
static void
give_order_first (Vm *vm, OrderKind kind, const char *reason)
{
  g_queue_push_head (&vm->priv->orders, order_new (kind, reason, NULL, NULL));
  work (vm);
}

void
vm_start (Vm *vm, gboolean paused)
{
  reset_all (vm);
  if (paused)
    {
      set_state (vm, VM_STATE_PAUSED, NULL);
      return;
    }
  let_run (vm);
  set_state (vm, VM_STATE_RUNNING, NULL);
}

void
vm_pause_async (Vm *vm, const char *reason, VmDoneFunc done, void *opaque)
{
  give_order (vm, ORDER_PAUSE, reason, done, opaque);
}

void
vm_resume_async (Vm *vm, VmDoneFunc done, void *opaque)
{
  give_order (vm, ORDER_RESUME, NULL, done, opaque);
}

void
vm_reset_async (Vm *vm, VmDoneFunc done, void *opaque)
{
  give_order (vm, ORDER_RESET, NULL, done, opaque);
}

void
vm_pause (Vm *vm, const char *reason)
{
  give_order (vm, ORDER_PAUSE, reason, NULL, NULL);
}

void
vm_resume (Vm *vm)
{
  give_order (vm, ORDER_RESUME, NULL, NULL, NULL);
}

void
vm_reset (Vm *vm)
{
  give_order (vm, ORDER_RESET, NULL, NULL, NULL);
}

void
vm_save_async (Vm *vm, int fd, const char *name, VmProgressFunc progress, VmDoneFunc done, void *opaque)
{
  VmOrder *order = order_new (ORDER_SAVE, "", done, opaque);

  order->save = g_new0 (SaveWork, 1);
  order->save->vm = vm;
  order->save->fd = fd;
  order->save->name = g_strdup (name);
  order->save->progress = progress;
  order->save->opaque = opaque;
  give (vm, order);
}

void
vm_act_async (Vm *vm, VmActFunc func, void *data, GDestroyNotify drop, VmDoneFunc done, void *opaque)
{
  VmOrder *order = order_new (ORDER_ACT, NULL, done, opaque);

  order->act = func;
  order->data = data;
  order->drop = drop;
  give (vm, order);
}

void
vm_stop (Vm *vm, const char *reason)
{
  give_order (vm, ORDER_STOP, reason, NULL, NULL);
}

/* -- Requests ------------------------------------------------------------------------------------- */

/* Software of the 286's days returns from protected mode by this several hundred times a second: no state change, no line
 * in the log. */
static void
init_processors (Vm *vm, const char *reason)
{
  gboolean resumes, ran = vm->priv->processors_run;

  if (vm->priv->state != VM_STATE_RUNNING && vm->priv->state != VM_STATE_PAUSED)
    return;
  vm_lock (vm);
  resumes = vm->firmware_resumes != NULL && vm->firmware_resumes (vm->firmware_resumes_opaque);
  vm_unlock (vm);
  if (!resumes)
    {
      g_message ("reset: %s", reason != NULL ? reason : "");
      give_order_first (vm, ORDER_RESET, NULL);
      return;
    }
  g_debug ("INIT: %s", reason != NULL ? reason : "");
  stop_processors (vm);
  forget_requests (vm);
  vm_lock (vm);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  if (ran)
    start_processors (vm);
  vm_unlock (vm);
}

/* Suspend to RAM: the processors lose their state, all else keeps its own. */
static void
fall_asleep (Vm *vm)
{
  if (vm->priv->state != VM_STATE_RUNNING || !is_asleep (vm))
    return;
  stop_processors (vm);
  g_message ("the guest sleeps");
  set_state (vm, VM_STATE_RUNNING, running_reason (vm));
}

static void
wake_up (Vm *vm, const char *reason)
{
  if (vm->priv->state != VM_STATE_RUNNING && vm->priv->state != VM_STATE_PAUSED)
    return;
  stop_processors (vm);
  g_message ("the guest wakes: %s", reason != NULL ? reason : "");
  vm_lock (vm);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  if (vm->priv->state == VM_STATE_RUNNING)
    start_processors (vm);
  vm_unlock (vm);
  if (vm->priv->state == VM_STATE_RUNNING)
    set_state (vm, VM_STATE_RUNNING, NULL);
}

static gboolean
has_requests (Vm *vm)
{
  gboolean any;

  g_mutex_lock (&vm->priv->request_mutex);
  any = vm->priv->requests != 0;
  g_mutex_unlock (&vm->priv->request_mutex);
  return any;
}

/* An order that comes of a request goes before those that wait: the guest was first. */
static void
serve_requests (Vm *vm)
{
  VmPrivate *priv = vm->priv;
  unsigned pending;
  char *taken[VM_N_REQUESTS];

  g_mutex_lock (&priv->request_mutex);
  pending = priv->requests;
  priv->requests = 0;
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    taken[i] = g_steal_pointer (&priv->request_reason[i]);
  g_mutex_unlock (&priv->request_mutex);

  if (pending & 1u << VM_REQUEST_POWER_OFF)
    give_order_first (vm, ORDER_STOP, taken[VM_REQUEST_POWER_OFF]);
  /* Another processor may have crashed meanwhile: a reset goes before that. */
  else if (pending & 1u << VM_REQUEST_RESET)
    {
      g_message ("reset: %s", taken[VM_REQUEST_RESET] ? taken[VM_REQUEST_RESET] : "");
      give_order_first (vm, ORDER_RESET, NULL);
    }
  else if (pending & 1u << VM_REQUEST_WAKE)
    wake_up (vm, taken[VM_REQUEST_WAKE]);
  else if (pending & 1u << VM_REQUEST_SLEEP)
    fall_asleep (vm);
  else if (pending & 1u << VM_REQUEST_INIT)
    init_processors (vm, taken[VM_REQUEST_INIT]);
  else if (pending & 1u << VM_REQUEST_CRASH)
    give_order_first (vm, ORDER_CRASH, taken[VM_REQUEST_CRASH]);
  /* Whatever the guest wants, this comes from outside of it, and something waits until the machine goes on. */
  if (pending & 1u << VM_REQUEST_PAUSE)
    {
      g_message ("paused: %s", taken[VM_REQUEST_PAUSE] ? taken[VM_REQUEST_PAUSE] : "");
      /* It may stand already, because somebody wished so; what is to be put right is to be told all the same. */
      if (priv->state == VM_STATE_PAUSED)
        set_state (vm, VM_STATE_PAUSED, taken[VM_REQUEST_PAUSE]);
      else
        give_order_first (vm, ORDER_PAUSE, taken[VM_REQUEST_PAUSE]);
    }
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    g_free (taken[i]);
  if ((pending & ENDING_REQUESTS) != 0)
    {
      g_mutex_lock (&priv->request_mutex);
      if ((priv->requests & ENDING_REQUESTS) == 0)
        hold_or_release (vm, FALSE);
      g_mutex_unlock (&priv->request_mutex);
    }
}

static gboolean
on_requests (gpointer data)
{
  Vm *vm = data;

  g_mutex_lock (&vm->priv->request_mutex);
  vm->priv->request_source = NULL;
  g_mutex_unlock (&vm->priv->request_mutex);
  /* While an order waits they wait, too: a reset is to forget what was asked for before it. */
  if (vm->priv->current == NULL)
    serve_requests (vm);
  return G_SOURCE_REMOVE;
}

static void
attach_requests (Vm *vm)
{
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  if (priv->requests != 0 && priv->request_source == NULL)
    {
      priv->request_source = g_idle_source_new ();
      g_source_set_priority (priv->request_source, G_PRIORITY_HIGH);
      g_source_set_callback (priv->request_source, on_requests, vm, NULL);
      g_source_attach (priv->request_source, vm->context);
      g_source_unref (priv->request_source);
    }
  g_mutex_unlock (&priv->request_mutex);
}

void
vm_request (Vm *vm, VmRequest request, const char *reason)
{
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  if ((priv->requests & 1u << request) == 0)
    {
      priv->requests |= 1u << request;
      g_free (priv->request_reason[request]);
      priv->request_reason[request] = g_strdup (reason);
    }
  if ((ENDING_REQUESTS & 1u << request) != 0)
    hold_or_release (vm, TRUE);
  g_mutex_unlock (&priv->request_mutex);
  attach_requests (vm);
}

void
vm_life_init (Vm *vm)
{
  g_mutex_init (&vm->priv->request_mutex);
  vm->priv->state_funcs = g_array_new (FALSE, FALSE, sizeof (VmStateListener));
  vm->priv->shown_reason = g_strdup ("");
  g_queue_init (&vm->priv->orders);
  g_queue_init (&vm->priv->given);
}

static void
abandon_order (Vm *vm, VmOrder *order)
{
  VmDoneFunc done = order->done;
  void *opaque = order->opaque;

  order_free (order);
  abandon (vm, done, opaque);
}

void
vm_life_free (Vm *vm)
{
  VmOrder *order;

  if (vm->priv->request_source != NULL)
    g_source_destroy (vm->priv->request_source);
  if (vm->priv->drain != NULL)
    {
      g_source_destroy (vm->priv->drain);
      g_source_unref (vm->priv->drain);
    }
  order = g_steal_pointer (&vm->priv->current);
  if (order != NULL && order->kind == ORDER_SAVE && order->save->thread != NULL)
    {
      g_atomic_int_set (&order->save->cancelled, 1);
      end_save (order->save);
    }
  if (order != NULL)
    abandon_order (vm, order);
  while ((order = g_queue_pop_head (&vm->priv->orders)) != NULL)
    abandon_order (vm, order);
  if (vm->priv->given_source != NULL)
    g_source_destroy (vm->priv->given_source);
  while ((order = g_queue_pop_head (&vm->priv->given)) != NULL)
    abandon_order (vm, order);
  g_array_unref (vm->priv->state_funcs);
  g_free (vm->priv->shown_reason);
  g_mutex_clear (&vm->priv->request_mutex);
  for (unsigned i = 0; i < G_N_ELEMENTS (vm->priv->request_reason); i++)
    g_free (vm->priv->request_reason[i]);
}
