/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Orders to a machine whose devices have requests in flight, a guest that sleeps, and timers that are due when the clock stops.
 */
#include "core/vm.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* A device with a request in flight until the test says that it has ended. */
typedef struct
{
  Device device;
  gboolean in_flight;
  unsigned resets;
} Busy;

static const StateField busy_fields[] = { STATE_END };

static gboolean
busy_realize (Device *device, GError **error)
{
  return TRUE;
}

static gboolean
busy_drained (Device *device)
{
  return !((Busy *)device)->in_flight;
}

static void
busy_reset (Device *device)
{
  ((Busy *)device)->resets++;
}

/* On its way out it finds something wrong: there is nobody left to serve that, and so nothing comes of it. */
static void
busy_unrealize (Device *device)
{
  vm_request (device->vm, VM_REQUEST_PAUSE, "too late");
}

static const DeviceClass busy_class = {
  .name = "busy",
  .unrealize = busy_unrealize,
  .instance_size = sizeof (Busy),
  .state = busy_fields,
  .realize = busy_realize,
  .reset = busy_reset,
  .drained = busy_drained,
};

typedef struct
{
  Vm *vm;
  Busy *busy;
  GString *log; /* what came about, in order */
} Fixture;

static void
on_state (Vm *vm, VmState state, void *opaque)
{
  static const char *const names[] = { "starting", "running", "pausing", "paused", "crashed", "stopped" };

  g_string_append_printf (((Fixture *)opaque)->log, "%s ", names[state]);
}

static void
setup (Fixture *f, gconstpointer unused)
{
  f->vm = vm_new (NULL, TRUE);
  f->busy = device_new (f->vm, &busy_class, "busy0");
  f->log = g_string_new (NULL);
  vm_lock (f->vm);
  g_assert_true (device_realize (&f->busy->device, NULL));
  vm_unlock (f->vm);
  vm_start (f->vm, FALSE);
  vm_add_state_func (f->vm, on_state, f);
}

static void
teardown (Fixture *f, gconstpointer unused)
{
  vm_free (f->vm);
  g_string_free (f->log, TRUE);
}

typedef struct
{
  Fixture *f;
  const char *name;
} Done;

static void
on_done (Vm *vm, const GError *error, void *opaque)
{
  Done *done = opaque;

  g_string_append_printf (done->f->log, "%s:%s ", done->name, error != NULL ? error->message : "done");
}

static gboolean
end_request (gpointer data)
{
  ((Busy *)data)->in_flight = FALSE;
  return G_SOURCE_REMOVE;
}

/* A request that ends when the loop turns. */
static void
begin_request (Fixture *f)
{
  f->busy->in_flight = TRUE;
  g_idle_add (end_request, f->busy);
}

static void
settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_pause_waits (Fixture *f, gconstpointer unused)
{
  Done pause = { f, "pause" };

  begin_request (f);
  vm_pause_async (f->vm, "to look", on_done, &pause);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSING);
  g_assert_false (vm_clock_running (f->vm->clock));
  settle ();
  g_assert_cmpstr (f->log->str, ==, "pausing paused pause:done ");
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "to look");
}

/* What comes to an end only when the machine is to stand, and badly, is told though nobody asked for its reason. */
static void
test_pause_with_trouble (Fixture *f, gconstpointer unused)
{
  Done pause = { f, "pause" };

  begin_request (f);
  vm_pause_async (f->vm, "", on_done, &pause);
  vm_request (f->vm, VM_REQUEST_PAUSE, "no room on the disk");
  settle ();
  g_assert_cmpstr (f->log->str, ==, "pausing paused paused pause:done ");
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "no room on the disk");
  vm_resume (f->vm);
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "");
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_RUNNING);
}

/* A pause that comes while a reset waits is not lost; neither is a reset behind a pause. */
static void
test_orders_queue (Fixture *f, gconstpointer unused)
{
  Done reset = { f, "reset" }, pause = { f, "pause" }, again = { f, "again" }, resume = { f, "resume" };

  begin_request (f);
  vm_reset_async (f->vm, on_done, &reset);
  vm_pause_async (f->vm, "", on_done, &pause);
  g_assert_cmpuint (f->busy->resets, ==, 1);
  settle ();
  g_assert_cmpstr (f->log->str, ==, "pausing running reset:done paused pause:done ");
  g_assert_cmpuint (f->busy->resets, ==, 2);

  g_string_truncate (f->log, 0);
  vm_resume (f->vm);
  begin_request (f);
  vm_pause_async (f->vm, "", on_done, &pause);
  vm_reset_async (f->vm, on_done, &again);
  vm_resume_async (f->vm, on_done, &resume);
  settle ();
  g_assert_cmpstr (f->log->str, ==,
                   "running pausing paused pause:done paused again:done running resume:done ");
  g_assert_cmpuint (f->busy->resets, ==, 3);
}

static void
test_refusals (Fixture *f, gconstpointer unused)
{
  Done pause = { f, "pause" }, resume = { f, "resume" }, reset = { f, "reset" };

  vm_request (f->vm, VM_REQUEST_CRASH, "registers");
  settle ();
  vm_pause_async (f->vm, "", on_done, &pause);
  vm_resume_async (f->vm, on_done, &resume);
  g_assert_cmpstr (
      f->log->str, ==,
      "crashed pause:the machine has crashed; reset it resume:the machine has crashed; reset it ");
  g_string_truncate (f->log, 0);
  /* The end overtakes nobody, and who waits behind it hears of it. */
  vm_reset (f->vm);
  begin_request (f);
  vm_pause_async (f->vm, "", on_done, &pause);
  vm_stop (f->vm, "end");
  vm_reset_async (f->vm, on_done, &reset);
  settle ();
  g_assert_cmpstr (f->log->str, ==, "running pausing paused pause:done stopped reset:the machine is off ");
}

/* Without an end in sight orders pile up; the flood is told so, an end is not. */
static void
test_flood (Fixture *f, gconstpointer unused)
{
  Done pause = { f, "p" };

  f->busy->in_flight = TRUE;
  for (unsigned i = 0; i < 100; i++)
    vm_pause_async (f->vm, "", on_done, &pause);
  g_assert_nonnull (strstr (f->log->str, "busy with earlier orders"));
  vm_stop (f->vm, "end");
  g_idle_add (end_request, f->busy);
  settle ();
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_STOPPED);
}

/* What the guest asks for while requests drain waits for them and doesn't keep the loop from ending them. */
static void
test_request_while_draining (Fixture *f, gconstpointer unused)
{
  begin_request (f);
  vm_pause (f->vm, "");
  vm_request (f->vm, VM_REQUEST_POWER_OFF, "the guest is done");
  settle ();
  g_assert_cmpstr (f->log->str, ==, "pausing paused stopped ");
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "the guest is done");
}

static void
test_request_before_reset (Fixture *f, gconstpointer unused)
{
  begin_request (f);
  vm_reset (f->vm);
  vm_request (f->vm, VM_REQUEST_CRASH, "of the time before");
  settle ();
  g_assert_cmpstr (f->log->str, ==, "pausing running ");
}

/* A pause doesn't hide that there is nothing to go on with. */
static void
test_crash_in_pause (Fixture *f, gconstpointer unused)
{
  vm_pause (f->vm, "");
  vm_request (f->vm, VM_REQUEST_CRASH, "registers");
  settle ();
  g_assert_cmpstr (f->log->str, ==, "paused crashed ");
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "registers");
}

/* -- Processors ------------------------------------------------------------------------------------- */

typedef struct
{
  double fraction;
  gboolean ended;
} Save;

static void
on_save_progress (Vm *vm, double fraction, void *opaque)
{
  Save *save = opaque;

  g_assert_false (save->ended);
  save->fraction = fraction;
}

static void
on_save_done (Vm *vm, const GError *error, void *opaque)
{
  g_assert_no_error (error);
  ((Save *)opaque)->ended = TRUE;
}

/* Whoever waits for a save may free what progress is told to when it has ended. */
static void
test_save_ends_last (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("viv-life-XXXXXX", &path, &error);
  Save save = { 0 };
  Region *ram;

  g_assert_no_error (error);
  ram = region_new_ram ("ram", 0x10000, RAM_SHARED, &error);
  g_assert_no_error (error);
  memset (region_host (ram), 0x5A, 0x10000);
  vm_lock (f->vm);
  vm_add_ram (f->vm, ram);
  vm_unlock (f->vm);
  vm_save_async (f->vm, fd, "the file", on_save_progress, on_save_done, &save);
  while (!save.ended)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpfloat (save.fraction, ==, 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  region_unref (ram);
  close (fd);
  g_unlink (path);
}

/* Whoever gave an order hears of it once, whatever becomes of the machine. */
static void
on_abandoned (Vm *vm, const GError *error, void *opaque)
{
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  ++*(unsigned *)opaque;
}

static void
test_abandoned (void)
{
  unsigned heard = 0;
  Fixture f;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("viv-life-XXXXXX", &path, NULL);

  setup (&f, NULL);
  begin_request (&f);
  vm_pause_async (f.vm, "", on_abandoned, &heard); /* waits for the device */
  vm_save_async (f.vm, fd, "the file", NULL, on_abandoned, &heard);
  vm_reset_async (f.vm, on_abandoned, &heard);
  g_idle_remove_by_data (f.busy);
  teardown (&f, NULL);
  g_assert_cmpuint (heard, ==, 3);

  setup (&f, NULL);
  vm_save_async (f.vm, fd, "the file", NULL, on_abandoned, &heard); /* its thread runs */
  teardown (&f, NULL);
  g_assert_cmpuint (heard, ==, 4);
  close (fd);
  g_unlink (path);
}

static void
on_save_refused (Vm *vm, const GError *error, void *opaque)
{
  g_assert_nonnull (error);
  ((Save *)opaque)->ended = TRUE;
}

/* A machine that is ended while it is saved does not run for another moment first: what it wrote then would be in its disks and in no file. */
static void
test_save_stopped (Fixture *f, gconstpointer unused)
{
  Save save = { 0 };
  int fds[2];
  uint8_t byte;
  Region *ram;

  /* A save that stands still in a pipe, and ends when nobody reads that any more. */
  signal (SIGPIPE, SIG_IGN);
  g_assert_cmpint (pipe (fds), ==, 0);
  ram = region_new_ram ("ram", 0x100000, RAM_SHARED, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  for (unsigned i = 0; i < 0x100000; i++)
    region_host (ram)[i] = (uint8_t)g_rand_int (rand);
  vm_lock (f->vm);
  vm_add_ram (f->vm, ram);
  vm_unlock (f->vm);
  vm_save_async (f->vm, fds[1], "the pipe", NULL, on_save_refused, &save);
  while (read (fds[0], &byte, 1) != 1)
    ;
  vm_stop (f->vm, "the end");
  close (fds[0]);
  while (!save.ended)
    g_main_context_iteration (NULL, TRUE);
  settle ();
  g_assert_cmpstr (f->log->str, ==, "paused stopped ");
  region_unref (ram);
  close (fds[1]);
}

/* A machine that was paused before is saved when its bus has let go of what leaves, and is paused for the same reason all the time. */
static void
test_save_waits (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("viv-life-XXXXXX", &path, &error);
  Save save = { 0 };
  Done resume = { f, "resume" };

  g_assert_no_error (error);
  vm_pause (f->vm, "the disk is full");
  f->busy->device.held = TRUE;
  g_assert_false (vm_save_fd (f->vm, fd, "the file", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  vm_save_async (f->vm, fd, "the file", NULL, on_save_done, &save);
  vm_resume_async (f->vm, on_done, &resume);
  settle ();
  g_assert_false (save.ended);
  g_assert_cmpstr (f->log->str, ==, "paused ");
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "the disk is full");
  f->busy->device.held = FALSE;
  while (!save.ended)
    g_main_context_iteration (NULL, TRUE);
  settle ();
  g_assert_cmpstr (f->log->str, ==, "paused running resume:done ");
  close (fd);
  g_unlink (path);
}

typedef struct
{
  unsigned resumed, paused, reset;
  Vm *vm;
  int asks; /* VmRequest with which it stops, once; -1: none */
} Processor;

static void
processor_resume (void *opaque)
{
  ((Processor *)opaque)->resumed++;
}

static void
processor_pause (void *opaque)
{
  Processor *p = opaque;

  p->paused++;
  if (p->vm != NULL && p->asks >= 0)
    vm_request (p->vm, (VmRequest)p->asks, "its last words");
  p->asks = -1;
}

static void
processor_reset (void *opaque)
{
  ((Processor *)opaque)->reset++;
}

static const VmProcessorOps processor_ops
    = { .resume = processor_resume, .pause = processor_pause, .reset = processor_reset };

static gboolean
always (void *opaque)
{
  return TRUE;
}

/* What a processor asked for until it stood is done when a pause is: who then saves the machine saves what came of it, and not one
 * that waits for ever for its reset. */
static void
test_request_before_pause (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    VmRequest asks;
    const char *log;
    unsigned reset, resets; /* of processors, of devices */
  } cases[] = {
    { VM_REQUEST_RESET, "paused paused pause:done ", 1, 1 },
    { VM_REQUEST_INIT, "paused pause:done ", 1, 0 },
    { VM_REQUEST_CRASH, "paused crashed pause:the machine has crashed; reset it ", 0, 0 },
    { VM_REQUEST_POWER_OFF, "paused stopped pause:the machine is off ", 0, 0 },
  };
  Processor p = { .vm = f->vm, .asks = -1 };
  Done pause = { f, "pause" };

  vm_set_processor (f->vm, &processor_ops, &p);
  f->vm->firmware_resumes = always;
  vm_reset (f->vm);
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      unsigned reset = p.reset, resets = f->busy->resets;

      g_string_truncate (f->log, 0);
      p.asks = (int)cases[i].asks;
      vm_pause_async (f->vm, "", on_done, &pause);
      g_assert_cmpstr (f->log->str, ==, cases[i].log);
      g_assert_cmpuint (p.reset - reset, ==, cases[i].reset);
      g_assert_cmpuint (f->busy->resets - resets, ==, cases[i].resets);
      /* And not once more. */
      settle ();
      g_assert_cmpstr (f->log->str, ==, cases[i].log);
      g_assert_cmpuint (p.reset - reset, ==, cases[i].reset);
      if (cases[i].asks == VM_REQUEST_CRASH)
        vm_reset (f->vm);
      else
        vm_resume (f->vm);
    }
  vm_set_processor (f->vm, NULL, NULL);
}

/* Orders that were given behind the pause stay behind what the guest asked for before it. */
static void
test_request_goes_first (Fixture *f, gconstpointer unused)
{
  Processor p = { .vm = f->vm, .asks = -1 };
  Done pause = { f, "pause" }, resume = { f, "resume" };

  vm_set_processor (f->vm, &processor_ops, &p);
  vm_reset (f->vm);
  g_string_truncate (f->log, 0);
  begin_request (f);
  p.asks = VM_REQUEST_RESET;
  vm_pause_async (f->vm, "", on_done, &pause);
  vm_resume_async (f->vm, on_done, &resume);
  settle ();
  g_assert_cmpstr (f->log->str, ==, "pausing paused paused pause:done running resume:done ");
  vm_stop (f->vm, NULL);
  vm_set_processor (f->vm, NULL, NULL);
}

/* A disk that is full pauses the machine whatever its guest wants in the same moment: its write would wait for ever. */
static void
test_pause_beside_others (Fixture *f, gconstpointer unused)
{
  static const VmRequest others[] = { VM_REQUEST_INIT, VM_REQUEST_SLEEP, VM_REQUEST_WAKE, VM_REQUEST_RESET };
  Processor p = { .vm = f->vm, .asks = -1 };

  vm_set_processor (f->vm, &processor_ops, &p);
  f->vm->firmware_resumes = always;
  for (unsigned i = 0; i < G_N_ELEMENTS (others); i++)
    {
      vm_request (f->vm, others[i], "a test");
      vm_request (f->vm, VM_REQUEST_PAUSE, "no room");
      settle ();
      g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSED);
      g_assert_cmpstr (vm_state_reason (f->vm), ==, "no room");
      vm_resume (f->vm);
    }
  /* In the moment of an INIT. */
  p.asks = VM_REQUEST_PAUSE;
  vm_request (f->vm, VM_REQUEST_INIT, "a test");
  settle ();
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSED);
  vm_stop (f->vm, NULL);
  vm_set_processor (f->vm, NULL, NULL);
}

static void
set_asleep (Fixture *f, gboolean asleep)
{
  vm_lock (f->vm);
  f->vm->asleep = asleep;
  vm_unlock (f->vm);
  vm_request (f->vm, asleep ? VM_REQUEST_SLEEP : VM_REQUEST_WAKE, "a test");
}

static void
test_sleep (Fixture *f, gconstpointer unused)
{
  Processor p = { 0 };

  vm_set_processor (f->vm, &processor_ops, &p);
  vm_reset (f->vm);
  g_assert_cmpuint (p.resumed, ==, 1);
  set_asleep (f, TRUE);
  settle ();
  g_assert_cmpuint (p.paused, ==, 2);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_RUNNING);
  g_assert_cmpstr (vm_state_reason (f->vm), ==, VM_REASON_ASLEEP);
  g_assert_true (vm_clock_running (f->vm->clock));
  /* A pause and what ends it don't wake the guest. */
  vm_pause (f->vm, "");
  vm_resume (f->vm);
  g_assert_cmpuint (p.resumed, ==, 1);
  g_assert_cmpstr (vm_state_reason (f->vm), ==, VM_REASON_ASLEEP);
  set_asleep (f, FALSE);
  settle ();
  g_assert_cmpuint (p.reset, ==, 2);
  g_assert_cmpuint (p.resumed, ==, 2);
  g_assert_cmpuint (f->busy->resets, ==, 2); /* devices keep what they have */
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "");
  /* Awake again before the processors stood. */
  set_asleep (f, TRUE);
  set_asleep (f, FALSE);
  settle ();
  g_assert_cmpuint (p.reset, ==, 3);
  g_assert_cmpuint (p.resumed, ==, 3);
  vm_stop (f->vm, NULL);
  vm_set_processor (f->vm, NULL, NULL);
}

/* -- Due timers ----------------------------------------------------------------------------------- */

static void
on_timer (void *opaque)
{
  ++*(unsigned *)opaque;
}

/* A timer that falls due while the loop is elsewhere fires before the clock stands, not never (who saves the machine then sees a
 * device of which one can't say whether it has fired). */
static void
test_due_at_stop (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, FALSE);
  unsigned due = 0, later = 0;
  VmTimer first, second;
  int64_t at;

  vm_timer_init (&first, vm->clock, on_timer, &due);
  vm_timer_init (&second, vm->clock, on_timer, &later);
  vm_start (vm, FALSE);
  at = vm_clock_now (vm->clock) + 1000;
  vm_timer_arm (&first, at);
  vm_timer_arm (&second, at + 3600 * NS_PER_SECOND);
  while (vm_clock_now (vm->clock) <= at)
    ;
  vm_pause (vm, "");
  g_assert_cmpuint (due, ==, 1);
  g_assert_cmpuint (later, ==, 0);
  g_assert_false (vm_timer_armed (&first));
  g_assert_true (vm_timer_armed (&second));
  vm_timer_cancel (&second);
  vm_stop (vm, NULL);
}

static void
on_eager (void *opaque)
{
  VmTimer *timer = opaque;

  vm_timer_arm (timer, 0);
}

static void
test_eager_at_stop (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, FALSE);
  VmTimer timer;

  vm_timer_init (&timer, vm->clock, on_eager, &timer);
  vm_start (vm, FALSE);
  vm_timer_arm (&timer, 0);
  vm_pause (vm, "");
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
  vm_timer_cancel (&timer);
  vm_stop (vm, NULL);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*func) (Fixture *, gconstpointer);
  } tests[] = {
    { "/life/pause-waits", test_pause_waits },
    { "/life/pause-with-trouble", test_pause_with_trouble },
    { "/life/orders-queue", test_orders_queue },
    { "/life/refusals", test_refusals },
    { "/life/flood", test_flood },
    { "/life/request-while-draining", test_request_while_draining },
    { "/life/request-before-reset", test_request_before_reset },
    { "/life/crash-in-pause", test_crash_in_pause },
    { "/life/request-before-pause", test_request_before_pause },
    { "/life/request-goes-first", test_request_goes_first },
    { "/life/pause-beside-others", test_pause_beside_others },
    { "/life/sleep", test_sleep },
    { "/life/save-ends-last", test_save_ends_last },
    { "/life/save-waits", test_save_waits },
    { "/life/save-stopped", test_save_stopped },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, setup, tests[i].func, teardown);
  g_test_add_func ("/life/due-at-stop", test_due_at_stop);
  g_test_add_func ("/life/abandoned", test_abandoned);
  g_test_add_func ("/life/eager-at-stop", test_eager_at_stop);
  return g_test_run ();
}
