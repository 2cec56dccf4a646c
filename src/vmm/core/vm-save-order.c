/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The order to save: a thread that writes, its progress, and how it is broken off.
 */
#define G_LOG_DOMAIN "vm"

#include "base/ready-source.h"
#include "core/save.h"
#include "core/vm-life-private.h"

#include <gio/gio.h>

/* A file that is being written, for ORDER_SAVE.  As a sink it hands on to the file's, if it isn't told to stop. */
struct VmSaveWork
{
  SaveSink parent;
  SaveSink *file, *given; /* `given`: what `file` will be; NULL: one for `fd` */
  uint64_t done, all;     /* pages */
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
  gboolean ok, runs_on;
  GError *error;
};

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
report_progress (VmSaveWork *work)
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
may_go_on (VmSaveWork *work, GError **error)
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
  VmSaveWork *work = (VmSaveWork *)sink;

  return may_go_on (work, error)
         && work->file->section (work->file, kind, name, version, data, length, error);
}

static gboolean
work_page (SaveSink *sink, Region *region, uint64_t n, const uint8_t *data, GError **error)
{
  VmSaveWork *work = (VmSaveWork *)sink;

  if (!may_go_on (work, error) || !work->file->page (work->file, region, n, data, error))
    return FALSE;
  work->done++;
  report_progress (work);
  return TRUE;
}

static gboolean
work_end (SaveSink *sink, GError **error)
{
  VmSaveWork *work = (VmSaveWork *)sink;

  return may_go_on (work, error) && work->file->end (work->file, error);
}

static void
end_work (VmSaveWork *work)
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

  end_work (order->save);
  go_on = (!order->save->ok || order->save->runs_on) && order->from == VM_STATE_RUNNING
          && !g_atomic_int_get (&order->save->cancelled);
  vm_order_end (vm, order, g_steal_pointer (&order->save->error));
  /* As it was before; but nothing runs once more before its end. */
  if (go_on)
    vm_give_order_first (vm, ORDER_RESUME, NULL);
  vm_attach_requests (vm);
  vm_work_off_orders (vm);
  return G_SOURCE_REMOVE;
}

static gpointer
write_saved (gpointer data)
{
  VmSaveWork *work = data;

  work->ok = vm_save_finish (work->saver, &work->error);
  g_source_set_ready_time (work->ended, 0);
  return NULL;
}

void
vm_save_work_start (Vm *vm, VmOrder *order)
{
  VmSaveWork *work = order->save;

  vm->priv->current = order;
  for (GList *l = vm->priv->orders.head; l != NULL; l = l->next)
    if (((VmOrder *)l->data)->kind == ORDER_STOP)
      work->cancelled = 1;
  work->parent = (SaveSink){ .section = work_section, .page = work_page, .end = work_end };
  work->file = work->given != NULL ? g_steal_pointer (&work->given) : save_sink_new_fd (work->fd, work->name);
  work->saver = vm_save_begin (vm, &work->parent, FALSE);
  vm_lock (vm);
  for (unsigned i = 0; i < vm->rams->len; i++)
    work->all += region_size (vm->rams->pdata[i]) / GUEST_PAGE_SIZE;
  vm_unlock (vm);
  work->ended = ready_source_new (vm->context, G_PRIORITY_HIGH, "vm saved", on_saved, vm);
  work->thread = g_thread_new ("save", write_saved, work);
}

void
vm_save_work_cancel (VmSaveWork *work)
{
  g_atomic_int_set (&work->cancelled, 1);
}

void
vm_save_work_free (VmSaveWork *work)
{
  if (work->thread != NULL)
    {
      vm_save_work_cancel (work);
      end_work (work);
    }
  g_clear_pointer (&work->given, save_sink_free);
  g_clear_error (&work->error);
  g_free (work->name);
  g_free (work);
}

void
vm_save_async (Vm *vm, int fd, const char *name, VmProgressFunc progress, VmDoneFunc done, void *opaque)
{
  VmOrder *order = vm_order_new (ORDER_SAVE, "", done, opaque);

  order->save = g_new0 (VmSaveWork, 1);
  order->save->vm = vm;
  order->save->fd = fd;
  order->save->name = g_strdup (name);
  order->save->progress = progress;
  order->save->opaque = opaque;
  vm_give_order (vm, order);
}

void
vm_save_sink_async (Vm *vm, SaveSink *sink, VmProgressFunc progress, VmDoneFunc done, void *opaque)
{
  VmOrder *order = vm_order_new (ORDER_SAVE, "", done, opaque);

  order->save = g_new0 (VmSaveWork, 1);
  *order->save = (VmSaveWork){
    .vm = vm, .fd = -1, .given = sink, .runs_on = TRUE, .progress = progress, .opaque = opaque
  };
  order->save->name = g_strdup ("the file");
  vm_give_order (vm, order);
}
