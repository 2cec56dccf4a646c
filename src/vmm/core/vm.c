/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's life cycle, lock and main-loop helpers.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm.h"

#include "core/vm-private.h"

#include <string.h>

/* -- Lock ----------------------------------------------------------------------------------------- */

void
vm_lock (Vm *vm)
{
  g_mutex_lock (&vm->lock);
  __atomic_store_n (&vm->priv->owner, g_thread_self (), __ATOMIC_RELAXED);
}

void
vm_unlock (Vm *vm)
{
  __atomic_store_n (&vm->priv->owner, NULL, __ATOMIC_RELAXED);
  g_mutex_unlock (&vm->lock);
}

gboolean
vm_lock_held (Vm *vm)
{
  return __atomic_load_n (&vm->priv->owner, __ATOMIC_RELAXED) == g_thread_self ();
}

/* -- Making --------------------------------------------------------------------------------------- */

Vm *
vm_new (GMainContext *context, gboolean manual_clock)
{
  Vm *vm = g_new0 (Vm, 1);

  vm->priv = g_new0 (VmPrivate, 1);
  vm->context
      = context != NULL ? g_main_context_ref (context) : g_main_context_ref (g_main_context_default ());
  g_mutex_init (&vm->lock);
  g_mutex_init (&vm->priv->request_mutex);
  vm->memory = address_space_new (vm, "memory", 1ULL << 52);
  vm->ports = address_space_new (vm, "ports", 0x10000);
  vm->devices = g_ptr_array_new ();
  vm->rams = g_ptr_array_new_with_free_func ((GDestroyNotify)region_unref);
  vm->priv->state_funcs = g_array_new (FALSE, FALSE, sizeof (VmStateListener));
  vm->priv->reason = g_strdup ("");
  vm->clock = manual_clock ? vm_clock_new_manual (vm) : vm_clock_new (vm, vm->context);
  return vm;
}

void
vm_free (Vm *vm)
{
  if (vm == NULL)
    return;
  if (vm->priv->request_source != NULL)
    g_source_destroy (vm->priv->request_source);
  vm_lock (vm);
  while (vm->devices->len > 0)
    device_free (vm->devices->pdata[vm->devices->len - 1]);
  vm_unlock (vm);
  vm_clock_free (vm->clock);
  address_space_free (vm->memory);
  address_space_free (vm->ports);
  g_ptr_array_unref (vm->devices);
  g_ptr_array_unref (vm->rams);
  g_array_unref (vm->priv->state_funcs);
  for (unsigned i = 0; i < G_N_ELEMENTS (vm->priv->request_reason); i++)
    g_free (vm->priv->request_reason[i]);
  g_free (vm->priv->reason);
  g_mutex_clear (&vm->lock);
  g_mutex_clear (&vm->priv->request_mutex);
  g_main_context_unref (vm->context);
  g_free (vm->priv);
  g_free (vm);
}

void
vm_set_processor (Vm *vm, const VmProcessorOps *ops, void *opaque)
{
  vm->processor = ops;
  vm->processor_opaque = opaque;
}

static void
on_intr (void *opaque, unsigned n, gboolean level)
{
  Vm *vm = opaque;

  if (vm->processor != NULL)
    vm->processor->set_intr (vm->processor_opaque, level);
}

static void
on_nmi (void *opaque, unsigned n, gboolean level)
{
  Vm *vm = opaque;

  if (level && vm->processor != NULL)
    vm->processor->nmi (vm->processor_opaque);
}

IrqLine
vm_intr_line (Vm *vm)
{
  return IRQ_LINE (on_intr, vm, 0);
}

IrqLine
vm_nmi_line (Vm *vm)
{
  return IRQ_LINE (on_nmi, vm, 0);
}

void
vm_add_ram (Vm *vm, Region *region)
{
  g_ptr_array_add (vm->rams, region_ref (region));
}

/* -- Life cycle ----------------------------------------------------------------------------------- */

VmState
vm_state (Vm *vm)
{
  return vm->priv->state;
}

const char *
vm_state_reason (Vm *vm)
{
  return vm->priv->reason;
}

void
vm_add_state_func (Vm *vm, VmStateFunc func, void *opaque)
{
  VmStateListener listener = { func, opaque };

  g_array_append_val (vm->priv->state_funcs, listener);
}

static void
set_state (Vm *vm, VmState state, const char *reason)
{
  g_autofree char *old = vm->priv->reason;

  vm->priv->reason = g_strdup (reason != NULL ? reason : "");
  vm->priv->state = state;
  for (unsigned i = 0; i < vm->priv->state_funcs->len; i++)
    {
      VmStateListener *l = &g_array_index (vm->priv->state_funcs, VmStateListener, i);

      l->func (vm, state, l->opaque);
    }
}

static gboolean
all_drained (Vm *vm)
{
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->drained != NULL && !device->klass->drained (device))
        return FALSE;
    }
  return TRUE;
}

/* Stops processors, clock and devices.  Completions of requests in flight arrive on the main loop, so it must turn while
 * we wait; `busy` makes life-cycle calls from there come to nothing. */
static void
quiesce (Vm *vm)
{
  vm->priv->busy = TRUE;
  if (vm->processor != NULL && vm->priv->processors_run)
    vm->processor->pause (vm->processor_opaque);
  vm->priv->processors_run = FALSE;
  vm_lock (vm);
  vm_clock_stop (vm->clock);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->pause != NULL)
        device->klass->pause (device);
    }
  while (!all_drained (vm))
    {
      vm_unlock (vm);
      g_main_context_iteration (vm->context, TRUE);
      vm_lock (vm);
    }
  vm_unlock (vm);
  vm->priv->busy = FALSE;
}

static void
let_run (Vm *vm)
{
  vm_lock (vm);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->resume != NULL)
        device->klass->resume (device);
    }
  vm_clock_start (vm->clock);
  vm->priv->processors_run = TRUE;
  if (vm->processor != NULL)
    vm->processor->resume (vm->processor_opaque);
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
vm_pause (Vm *vm, const char *reason)
{
  if (vm->priv->busy || vm->priv->state != VM_STATE_RUNNING)
    return;
  quiesce (vm);
  set_state (vm, VM_STATE_PAUSED, reason);
}

void
vm_resume (Vm *vm)
{
  if (vm->priv->busy || vm->priv->state != VM_STATE_PAUSED)
    return;
  let_run (vm);
  set_state (vm, VM_STATE_RUNNING, NULL);
}

/* What the processors asked for until they stopped belongs to the time before the reset. */
static void
forget_requests (Vm *vm)
{
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  priv->requests &= 1u << VM_REQUEST_POWER_OFF;
  g_clear_pointer (&priv->request_reason[VM_REQUEST_RESET], g_free);
  g_clear_pointer (&priv->request_reason[VM_REQUEST_CRASH], g_free);
  g_clear_pointer (&priv->request_reason[VM_REQUEST_INIT], g_free);
  g_mutex_unlock (&priv->request_mutex);
}

void
vm_reset (Vm *vm)
{
  if (vm->priv->busy || vm->priv->state == VM_STATE_STOPPED || vm->priv->state == VM_STATE_STARTING)
    return;
  quiesce (vm);
  forget_requests (vm);
  reset_all (vm);
  if (vm->priv->state == VM_STATE_PAUSED)
    {
      set_state (vm, VM_STATE_PAUSED, NULL);
      return;
    }
  let_run (vm);
  set_state (vm, VM_STATE_RUNNING, NULL);
}

/* Software of the 286's days returns from protected mode by this several hundred times a second: no state change, no line
 * in the log. */
static void
init_processors (Vm *vm, const char *reason)
{
  gboolean resumes;

  if (vm->priv->state != VM_STATE_RUNNING && vm->priv->state != VM_STATE_PAUSED)
    return;
  vm_lock (vm);
  resumes = vm->firmware_resumes != NULL && vm->firmware_resumes (vm->firmware_resumes_opaque);
  vm_unlock (vm);
  if (!resumes)
    {
      g_message ("reset: %s", reason != NULL ? reason : "");
      vm_reset (vm);
      return;
    }
  g_debug ("INIT: %s", reason != NULL ? reason : "");
  vm->priv->busy = TRUE;
  if (vm->processor != NULL)
    {
      if (vm->priv->processors_run)
        vm->processor->pause (vm->processor_opaque);
      forget_requests (vm);
      vm_lock (vm);
      vm->processor->reset (vm->processor_opaque);
      if (vm->priv->processors_run)
        vm->processor->resume (vm->processor_opaque);
      vm_unlock (vm);
    }
  vm->priv->busy = FALSE;
}

void
vm_stop (Vm *vm, const char *reason)
{
  if (vm->priv->state == VM_STATE_STOPPED)
    return;
  if (vm->priv->busy)
    {
      /* Called from a callback while requests drain: a wish to end may come late, but is not lost. */
      vm_request (vm, VM_REQUEST_POWER_OFF, reason);
      return;
    }
  quiesce (vm);
  set_state (vm, VM_STATE_STOPPED, reason);
}

/* -- Requests ------------------------------------------------------------------------------------- */

static gboolean
on_requests (gpointer data)
{
  Vm *vm = data;
  unsigned pending;
  char *taken[VM_N_REQUESTS];

  if (vm->priv->busy)
    return G_SOURCE_CONTINUE;
  g_mutex_lock (&vm->priv->request_mutex);
  pending = vm->priv->requests;
  vm->priv->requests = 0;
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    taken[i] = g_steal_pointer (&vm->priv->request_reason[i]);
  vm->priv->request_source = NULL;
  g_mutex_unlock (&vm->priv->request_mutex);

  if (pending & 1u << VM_REQUEST_POWER_OFF)
    vm_stop (vm, taken[VM_REQUEST_POWER_OFF]);
  /* A processor runs on for a few instructions after the write that asked for a reset, into whatever comes then: firmware
   * has a triple fault there as its second way.  So a reset goes before a crash. */
  else if (pending & 1u << VM_REQUEST_RESET)
    {
      g_message ("reset: %s", taken[VM_REQUEST_RESET] ? taken[VM_REQUEST_RESET] : "");
      vm_reset (vm);
    }
  else if (pending & 1u << VM_REQUEST_INIT)
    init_processors (vm, taken[VM_REQUEST_INIT]);
  else if (pending & 1u << VM_REQUEST_CRASH)
    {
      if (vm->priv->state == VM_STATE_RUNNING)
        {
          quiesce (vm);
          g_message ("the machine has crashed\n%s", taken[VM_REQUEST_CRASH] ? taken[VM_REQUEST_CRASH] : "");
          set_state (vm, VM_STATE_CRASHED, taken[VM_REQUEST_CRASH]);
        }
    }
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    g_free (taken[i]);
  return G_SOURCE_REMOVE;
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
  if (priv->request_source == NULL)
    {
      priv->request_source = g_idle_source_new ();
      g_source_set_priority (priv->request_source, G_PRIORITY_HIGH);
      g_source_set_callback (priv->request_source, on_requests, vm, NULL);
      g_source_attach (priv->request_source, vm->context);
      g_source_unref (priv->request_source);
    }
  g_mutex_unlock (&priv->request_mutex);
}

/* -- Main loop ------------------------------------------------------------------------------------ */

typedef struct
{
  Vm *vm;
  VmFunc func;
  VmFdFunc fd_func;
  void *opaque;
} LoopCall;

static gboolean
on_loop_call (gpointer data)
{
  LoopCall *call = data;

  vm_lock (call->vm);
  call->func (call->opaque);
  vm_unlock (call->vm);
  return G_SOURCE_REMOVE;
}

void
vm_run_on_loop (Vm *vm, VmFunc func, void *opaque)
{
  LoopCall *call = g_new0 (LoopCall, 1);
  GSource *source = g_idle_source_new ();

  *call = (LoopCall){ .vm = vm, .func = func, .opaque = opaque };
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_loop_call, call, g_free);
  g_source_attach (source, vm->context);
  g_source_unref (source);
  // cppcheck-suppress memleak ; the source frees it
}

typedef struct
{
  GSource source;
  LoopCall call;
  int fd;
  gpointer tag;
} FdSource;

static gboolean
fd_watch_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  FdSource *watch = (FdSource *)source;

  vm_lock (watch->call.vm);
  if (!g_source_is_destroyed (source))
    watch->call.fd_func (watch->fd, g_source_query_unix_fd (source, watch->tag), watch->call.opaque);
  vm_unlock (watch->call.vm);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_watch_funcs = { .dispatch = fd_watch_dispatch };

GSource *
vm_watch_fd (Vm *vm, int fd, GIOCondition condition, VmFdFunc func, void *opaque)
{
  FdSource *watch = (FdSource *)g_source_new (&fd_watch_funcs, sizeof (FdSource));

  watch->call = (LoopCall){ .vm = vm, .fd_func = func, .opaque = opaque };
  watch->fd = fd;
  watch->tag = g_source_add_unix_fd (&watch->source, fd, condition);
  g_source_attach (&watch->source, vm->context);
  return &watch->source;
}
