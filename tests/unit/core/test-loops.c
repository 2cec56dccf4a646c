/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices with a loop of their own: what the control loop is at holds up no timer, orders come back to where they were given, and a
 * saved machine is written while the control loop goes on.
 */
#include "core/loop.h"
#include "core/vm.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define RAM_SIZE (8u << 20)
#define PATIENCE (120 * G_TIME_SPAN_SECOND)

/* A device that ticks, and whose one request in flight ends on the device loop. */
typedef struct
{
  Device device;
  VmTimer timer;
  uint32_t ticks;
  gint in_flight; /* atomic */
} Ticker;

#define TICK_NS 200000

static const StateField ticker_fields[] = { STATE_U32 (Ticker, ticks), STATE_END };

static void
on_tick (void *opaque)
{
  Ticker *ticker = opaque;

  ticker->ticks++;
  vm_timer_arm (&ticker->timer, vm_clock_now (ticker->device.vm->clock) + TICK_NS);
}

static gboolean
ticker_realize (Device *device, GError **error)
{
  Ticker *ticker = (Ticker *)device;

  vm_timer_init (&ticker->timer, device->vm->clock, on_tick, ticker);
  return TRUE;
}

static void
ticker_unrealize (Device *device)
{
  vm_timer_cancel (&((Ticker *)device)->timer);
}

static void
ticker_resume (Device *device)
{
  Ticker *ticker = (Ticker *)device;

  vm_timer_arm (&ticker->timer, vm_clock_now (device->vm->clock) + TICK_NS);
}

static gboolean
ticker_drained (Device *device)
{
  return !g_atomic_int_get (&((Ticker *)device)->in_flight);
}

static const DeviceClass ticker_class = {
  .name = "ticker",
  .instance_size = sizeof (Ticker),
  .state = ticker_fields,
  .realize = ticker_realize,
  .unrealize = ticker_unrealize,
  .resume = ticker_resume,
  .drained = ticker_drained,
};

typedef struct
{
  VmLoop *loop;
  Vm *vm;
  Ticker *ticker;
  Region *ram;
  GString *log; /* what came about, in order */
  GThread *control;
} Fixture;

static void
on_state (Vm *vm, VmState state, void *opaque)
{
  static const char *const names[] = { "starting", "running", "pausing", "paused", "crashed", "stopped" };
  Fixture *f = opaque;

  g_assert_true (g_thread_self () == f->control);
  g_assert_false (vm_lock_held (vm));
  g_assert_cmpint (vm_state (vm), ==, state);
  g_string_append_printf (f->log, "%s ", names[state]);
}

static void
setup (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  f->control = g_thread_self ();
  f->loop = vm_loop_new ("devices");
  f->vm = vm_new_with_loops (vm_loop_context (f->loop), NULL, FALSE);
  f->ticker = device_new (f->vm, &ticker_class, "ticker0");
  f->ram = region_new_ram ("ram", RAM_SIZE, RAM_SHARED, &error);
  g_assert_no_error (error);
  for (uint32_t i = 0, x = 1; i < RAM_SIZE; i++) /* hard to compress */
    {
      x = x * 1664525 + 1013904223;
      region_host (f->ram)[i] = (uint8_t)(x >> 24);
    }
  f->log = g_string_new (NULL);
  vm_lock (f->vm);
  vm_add_ram (f->vm, f->ram);
  g_assert_true (device_realize (&f->ticker->device, NULL));
  vm_unlock (f->vm);
  vm_add_state_func (f->vm, on_state, f);
  vm_start (f->vm, TRUE);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSED);
  g_string_truncate (f->log, 0);
  vm_loop_start (f->loop);
}

static void
teardown (Fixture *f, gconstpointer unused)
{
  vm_loop_stop (f->loop);
  vm_free (f->vm);
  vm_loop_free (f->loop);
  region_unref (f->ram);
  g_string_free (f->log, TRUE);
}

typedef struct
{
  Fixture *f;
  const char *name;
  gboolean called;
  double fraction;
} Done;

static void
on_done (Vm *vm, const GError *error, void *opaque)
{
  Done *done = opaque;

  g_assert_true (g_thread_self () == done->f->control);
  g_string_append_printf (done->f->log, "%s:%s ", done->name, error != NULL ? error->message : "done");
  done->called = TRUE;
}

#define turn_until(condition)                                   \
  do                                                            \
    {                                                           \
      gint64 limit_ = g_get_monotonic_time () + PATIENCE;       \
      while (!(condition))                                      \
        {                                                       \
          g_main_context_iteration (NULL, FALSE);               \
          g_assert_cmpint (g_get_monotonic_time (), <, limit_); \
        }                                                       \
    }                                                           \
  while (0)

static uint32_t
ticks (Fixture *f)
{
  uint32_t n;

  vm_lock (f->vm);
  n = f->ticker->ticks;
  vm_unlock (f->vm);
  return n;
}

/* The control loop turns not once, as if it drew a picture or served a client for ever. */
static void
test_timers (Fixture *f, gconstpointer unused)
{
  Done resume = { f, "resume", FALSE, 0 };
  gint64 limit = g_get_monotonic_time () + PATIENCE;

  vm_resume_async (f->vm, on_done, &resume);
  while (ticks (f) < 20)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_usleep (1000);
    }
  g_assert_false (resume.called);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSED); /* as far as control has heard */
  turn_until (resume.called);
  g_assert_cmpstr (f->log->str, ==, "running resume:done ");
}

/* In the order in which they were given, each with the states that it led to before its end. */
static void
test_orders (Fixture *f, gconstpointer unused)
{
  Done resume = { f, "resume", FALSE, 0 }, pause = { f, "pause", FALSE, 0 }, reset = { f, "reset", FALSE, 0 },
       again = { f, "again", FALSE, 0 }, late = { f, "late", FALSE, 0 };

  vm_resume_async (f->vm, on_done, &resume);
  turn_until (resume.called);
  g_atomic_int_set (&f->ticker->in_flight, 1);
  vm_pause_async (f->vm, "to look", on_done, &pause);
  vm_reset_async (f->vm, on_done, &reset);
  vm_resume_async (f->vm, on_done, &again);
  turn_until (vm_state (f->vm) == VM_STATE_PAUSING);
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "to look");
  g_assert_false (pause.called);
  g_atomic_int_set (&f->ticker->in_flight, 0);
  g_main_context_wakeup (f->vm->context);
  turn_until (again.called);
  g_assert_cmpstr (f->log->str, ==,
                   "running resume:done pausing paused pause:done paused reset:done running again:done ");
  g_string_truncate (f->log, 0);
  vm_stop (f->vm, "enough");
  vm_resume_async (f->vm, on_done, &late);
  turn_until (late.called);
  g_assert_cmpstr (f->log->str, ==, "stopped late:the machine is off ");
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "enough");
}

static void
count_done (Vm *vm, const GError *error, void *opaque)
{
  ((unsigned *)opaque)[error != NULL]++;
}

static gboolean
stand (gpointer data)
{
  gint *standing = data;

  g_atomic_int_set (standing, 1);
  while (g_atomic_int_get (standing) == 1)
    g_usleep (1000);
  g_atomic_int_set (standing, 3);
  return G_SOURCE_REMOVE;
}

/* A device loop that stands still, as one does on a disk that doesn't answer: a flood of orders is refused, and its end is not. */
static void
test_flood (Fixture *f, gconstpointer unused)
{
  unsigned ends[2] = { 0, 0 };
  gint standing;

  g_atomic_int_set (&standing, 0);
  g_main_context_invoke (f->vm->context, stand, &standing);
  while (g_atomic_int_get (&standing) == 0)
    g_usleep (1000);
  for (unsigned i = 0; i < 10000; i++)
    vm_reset_async (f->vm, count_done, ends);
  vm_stop (f->vm, "enough");
  turn_until (ends[1] > 9000);
  g_assert_cmpuint (ends[0], ==, 0);
  g_atomic_int_set (&standing, 2);
  turn_until (vm_state (f->vm) == VM_STATE_STOPPED && ends[0] + ends[1] == 10000);
  while (g_atomic_int_get (&standing) != 3)
    g_usleep (1000);
}

/* From a thread like a processor's. */
static gpointer
ask (gpointer data)
{
  Fixture *f = data;

  vm_lock (f->vm);
  vm_request (f->vm, VM_REQUEST_PAUSE, "the disk is full");
  vm_unlock (f->vm);
  return NULL;
}

static void
test_requests (Fixture *f, gconstpointer unused)
{
  Done resume = { f, "resume", FALSE, 0 };

  vm_resume_async (f->vm, on_done, &resume);
  turn_until (resume.called);
  g_thread_join (g_thread_new ("processor", ask, f));
  turn_until (vm_state (f->vm) == VM_STATE_PAUSED);
  g_assert_cmpstr (vm_state_reason (f->vm), ==, "the disk is full");
}

static void
on_progress (Vm *vm, double fraction, void *opaque)
{
  Done *done = opaque;

  g_assert_false (done->called);
  g_assert_cmpfloat (fraction, >, done->fraction);
  done->fraction = fraction;
}

/* A machine that runs is saved; what is read again is what it was. */
static void
test_save (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("viv-loops-XXXXXX", &path, &error);
  Done resume = { f, "resume", FALSE, 0 }, save = { f, "save", FALSE, 0 }, again = { f, "again", FALSE, 0 };
  gint64 limit = g_get_monotonic_time () + PATIENCE;

  g_assert_no_error (error);
  vm_resume_async (f->vm, on_done, &resume);
  while (ticks (f) < 3)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_usleep (1000);
    }
  vm_save_async (f->vm, fd, "the file", on_progress, on_done, &save);
  vm_resume_async (f->vm, on_done, &again);
  turn_until (again.called);
  g_assert_cmpstr (f->log->str, ==, "running resume:done paused save:done running again:done ");
  g_assert_cmpfloat (save.fraction, ==, 1);
  vm_pause_async (f->vm, "", NULL, NULL);
  turn_until (vm_state (f->vm) == VM_STATE_PAUSED);
  vm_loop_stop (f->loop);

  Vm *other = vm_new (NULL, TRUE);
  Ticker *ticker = device_new (other, &ticker_class, "ticker0");
  g_autoptr (GError) why = NULL;
  Region *ram = region_new_ram ("ram", RAM_SIZE, RAM_SHARED, &why);
  vm_lock (other);
  vm_add_ram (other, ram);
  g_assert_true (device_realize (&ticker->device, NULL));
  vm_unlock (other);
  vm_start (other, TRUE);
  g_assert_true (vm_load (other, path, &why));
  g_assert_no_error (why);
  g_assert_cmpuint (ticker->ticks, >=, 3);
  g_assert_cmpuint (ticker->ticks, <=, f->ticker->ticks);
  g_assert_cmpmem (region_host (ram), RAM_SIZE, region_host (f->ram), RAM_SIZE);
  vm_free (other);
  region_unref (ram);
  close (fd);
  g_unlink (path);
}

typedef struct
{
  Fixture *f;
  gboolean may, dropped;
  unsigned n;
} Act;

static gboolean
on_act (Vm *vm, void *data, GError **error)
{
  Act *act = data;

  g_assert_true (g_thread_self () != act->f->control);
  g_assert_false (vm_lock_held (vm));
  act->n++;
  if (!act->may)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "it is there");
  return act->may;
}

static void
on_drop (gpointer data)
{
  ((Act *)data)->dropped = TRUE;
}

/* What changes the machine's parts waits for the file, and is answered as orders are. */
static void
test_acts (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("viv-loops-XXXXXX", &path, &error);
  Done save = { f, "save", FALSE, 0 }, first = { f, "first", FALSE, 0 }, second = { f, "second", FALSE, 0 },
       late = { f, "late", FALSE, 0 };
  Act good = { f, TRUE, FALSE, 0 }, bad = { f, FALSE, FALSE, 0 }, never = { f, TRUE, FALSE, 0 };

  g_assert_no_error (error);
  vm_save_async (f->vm, fd, "the file", NULL, on_done, &save);
  vm_act_async (f->vm, on_act, &good, on_drop, on_done, &first);
  vm_act_async (f->vm, on_act, &bad, on_drop, on_done, &second);
  turn_until (second.called);
  g_assert_cmpstr (f->log->str, ==, "save:done first:done second:it is there ");
  g_assert_true (good.dropped && bad.dropped);
  g_assert_cmpuint (good.n + bad.n, ==, 2);
  vm_stop (f->vm, "the end");
  vm_act_async (f->vm, on_act, &never, on_drop, on_done, &late);
  turn_until (late.called);
  g_assert_true (g_str_has_suffix (f->log->str, "stopped late:the machine is off "));
  g_assert_true (never.dropped);
  g_assert_cmpuint (never.n, ==, 0);
  close (fd);
  g_unlink (path);
}

/* Where there is no room the machine goes on as before. */
static void
test_save_fails (Fixture *f, gconstpointer unused)
{
  Done resume = { f, "resume", FALSE, 0 }, save = { f, "save", FALSE, 0 };
  int fd = open ("/dev/full", O_WRONLY | O_CLOEXEC);

  vm_resume_async (f->vm, on_done, &resume);
  vm_save_async (f->vm, fd, "the file", NULL, on_done, &save);
  turn_until (save.called);
  turn_until (vm_state (f->vm) == VM_STATE_RUNNING);
  g_assert_cmpstr (
      f->log->str, ==,
      "running resume:done paused save:Can't save the machine to the file: No space left on device "
      "running ");
  close (fd);
}

static void
on_refused (Vm *vm, const GError *error, void *opaque)
{
  if (error != NULL && strstr (error->message, "busy") != NULL)
    *(gboolean *)opaque = TRUE;
}

/* The end comes in the middle of it: the file takes a part and then nothing. */
static void
test_save_broken_off (Fixture *f, gconstpointer unused)
{
  Done save = { f, "save", FALSE, 0 };
  gint64 limit = g_get_monotonic_time () + PATIENCE;
  gboolean busy = FALSE;
  char buffer[4096];
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  vm_save_async (f->vm, fds[1], "the file", NULL, on_done, &save);
  /* Behind the head of the file it is in the midst of a chunk, which the pipe doesn't hold. */
  for (ssize_t got = 0; got < 512;)
    {
      ssize_t n = read (fds[0], buffer, sizeof buffer);

      g_assert_cmpint (n, >, 0);
      got += n;
    }
  vm_stop (f->vm, "enough");
  /* When orders behind it are too many, it was heard. */
  for (unsigned i = 0; i < 100; i++)
    vm_resume_async (f->vm, on_refused, &busy);
  turn_until (busy);
  g_assert_false (save.called);
  g_assert_cmpint (fcntl (fds[0], F_SETFL, O_NONBLOCK), ==, 0);
  while (!save.called)
    {
      g_assert_cmpint (read (fds[0], buffer, sizeof buffer), !=, 0);
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_nonnull (strstr (f->log->str, "save:Can't save the machine to the file: the machine was ended"));
  turn_until (vm_state (f->vm) == VM_STATE_STOPPED);
  close (fds[0]);
  close (fds[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, setup, func, teardown)
  ADD ("/vm/loops/timers", test_timers);
  ADD ("/vm/loops/orders", test_orders);
  ADD ("/vm/loops/flood", test_flood);
  ADD ("/vm/loops/requests", test_requests);
  ADD ("/vm/loops/save", test_save);
  ADD ("/vm/loops/acts", test_acts);
  ADD ("/vm/loops/save-fails", test_save_fails);
  ADD ("/vm/loops/save-broken-off", test_save_broken_off);
  return g_test_run ();
}
