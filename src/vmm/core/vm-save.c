/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Saving a machine: what goes to a sink, in which order; files are written beside their final name and renamed.
 */
#define G_LOG_DOMAIN "state"

#include "core/save.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct VmSave
{
  Vm *vm;
  SaveSink *sink;
  gboolean live, declared;
  GPtrArray *rams; /* Region */
};

VmSave *
vm_save_begin (Vm *vm, SaveSink *sink, gboolean live)
{
  VmSave *save = g_new0 (VmSave, 1);

  save->vm = vm;
  save->sink = sink;
  save->live = live;
  save->rams = g_ptr_array_new_with_free_func ((GDestroyNotify)region_unref);
  vm_lock (vm);
  for (guint i = 0; i < vm->rams->len; i++)
    {
      Region *region = vm->rams->pdata[i];

      g_ptr_array_add (save->rams, region_ref (region));
      if (live)
        region_set_dirty_log (region, DIRTY_MIGRATION, TRUE); /* all pages count as written */
    }
  vm_unlock (vm);
  return save;
}

static gboolean
declare_rams (VmSave *save, GError **error)
{
  for (guint i = 0; !save->declared && i < save->rams->len; i++)
    {
      Region *region = save->rams->pdata[i];
      uint64_t size = GUINT64_TO_LE (region_size (region));

      if (!save->sink->section (save->sink, SAVE_RAM, region_name (region), 0, &size, sizeof size, error))
        return FALSE;
    }
  save->declared = TRUE;
  return TRUE;
}

/* `dirty` NULL: all pages. */
static gboolean
send_pages (VmSave *save, Region *region, const uint64_t *dirty, uint64_t *sent, GError **error)
{
  static const uint8_t zeroes[GUEST_PAGE_SIZE];
  enum
  {
    STRETCH = 256
  };
  uint64_t n_pages = region_size (region) / GUEST_PAGE_SIZE;
  const uint8_t *host = region_host (region);
  gboolean untouched = FALSE;

  for (uint64_t n = 0; n < n_pages; n++)
    {
      /* What is written to behind this look is in the dirty log. */
      if (n % STRETCH == 0)
        untouched
            = region_untouched (region, n * GUEST_PAGE_SIZE, MIN (STRETCH, n_pages - n) * GUEST_PAGE_SIZE);
      if (dirty != NULL && (dirty[n / 64] >> (n % 64) & 1) == 0)
        continue;
      if (!save->sink->page (save->sink, region, n, untouched ? zeroes : host + n * GUEST_PAGE_SIZE, error))
        return FALSE;
      (*sent)++;
    }
  return TRUE;
}

gboolean
vm_save_pass (VmSave *save, uint64_t *sent, GError **error)
{
  *sent = 0;
  if (!declare_rams (save, error))
    return FALSE;
  for (guint i = 0; i < save->rams->len; i++)
    {
      Region *region = save->rams->pdata[i];
      uint64_t n_pages = region_size (region) / GUEST_PAGE_SIZE;
      g_autofree uint64_t *dirty = NULL;
      gboolean any = TRUE;

      if (save->live)
        {
          dirty = g_new (uint64_t, (n_pages + 63) / 64);
          /* The engine's slots change under this lock.  What is written from here on is for the next pass, even if this one has it. */
          vm_lock (save->vm);
          any = region_take_dirty (region, DIRTY_MIGRATION, 0, n_pages, dirty);
          vm_unlock (save->vm);
        }
      if (any && !send_pages (save, region, dirty, sent, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
send_device (VmSave *save, Device *device, GError **error)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  state_save (device->klass->state, device, out);
  return save->sink->section (save->sink, device->klass->optional ? SAVE_DEVICE_OPTIONAL : SAVE_DEVICE,
                              device->id, MAX (device->klass->version, state_version (device->klass->state)),
                              out->data, out->len, error);
}

static gboolean
send_rest (VmSave *save, GError **error)
{
  Vm *vm = save->vm;
  const VmProcessorOps *processor = vm->processor;
  const uint64_t clock[2] = { GUINT64_TO_LE ((uint64_t)vm_clock_now (vm->clock)),
                              GUINT64_TO_LE ((uint64_t)vm_clock_stopped_at (vm->clock)) };

  if (!save->sink->section (save->sink, SAVE_CLOCK, "clock", 0, clock, sizeof clock, error))
    return FALSE;
  for (guint i = 0; i < vm->devices->len; i++)
    if (!send_device (save, vm->devices->pdata[i], error))
      return FALSE;
  if (processor != NULL && processor->save_model != NULL)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();

      processor->save_model (vm->processor_opaque, out);
      if (!save->sink->section (save->sink, SAVE_MODEL, "processor", 0, out->data, out->len, error))
        return FALSE;
    }
  for (unsigned i = 0; i < vm->n_cpus && processor != NULL && processor->save != NULL; i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();
      g_autofree char *name = g_strdup_printf ("cpu%u", i);

      processor->save (vm->processor_opaque, i, out);
      if (!save->sink->section (save->sink, SAVE_CPU, name, 0, out->data, out->len, error))
        return FALSE;
    }
  return save->sink->end (save->sink, error);
}

static gboolean
check_held (Vm *vm, GError **error)
{
  for (guint i = 0; i < vm->devices->len; i++)
    {
      const Device *device = vm->devices->pdata[i];

      if (device->held)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "%s is just being removed or reset: save again",
                       device->id);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
vm_save_finish (VmSave *save, GError **error)
{
  uint64_t sent;
  gboolean ok = vm_save_pass (save, &sent, error);

  vm_lock (save->vm);
  ok = ok && check_held (save->vm, error) && send_rest (save, error);
  vm_unlock (save->vm);
  return ok;
}

void
vm_save_free (VmSave *save)
{
  if (save == NULL)
    return;
  vm_lock (save->vm);
  for (guint i = 0; save->live && i < save->rams->len; i++)
    region_set_dirty_log (save->rams->pdata[i], DIRTY_MIGRATION, FALSE);
  vm_unlock (save->vm);
  g_ptr_array_unref (save->rams);
  g_free (save);
}

/* -- Files ----------------------------------------------------------------------------------------- */

gboolean
vm_save_fd (Vm *vm, int fd, const char *name, GError **error)
{
  g_autoptr (SaveSink) sink = save_sink_new_fd (fd, name);
  g_autoptr (VmSave) save = vm_save_begin (vm, sink, FALSE);

  return vm_save_finish (save, error);
}

gboolean
vm_save (Vm *vm, const char *path, GError **error)
{
  g_autofree char *temporary = g_strdup_printf ("%s.part", path);
  int fd = open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean ok;

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't write %s: %s", temporary,
                   g_strerror (errno));
      return FALSE;
    }
  ok = vm_save_fd (vm, fd, path, error);
  if (ok && fsync (fd) < 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't save the machine to %s: %s",
                   path, g_strerror (errno));
      ok = FALSE;
    }
  close (fd);
  if (ok && rename (temporary, path) < 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't save the machine to %s: %s",
                   path, g_strerror (errno));
      ok = FALSE;
    }
  if (!ok)
    unlink (temporary);
  return ok;
}
