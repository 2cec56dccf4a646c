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

/* -- Devices and processors ------------------------------------------------------------------------ */

/* A section, copied under the VM lock and sent without it: a slow disk must not hold whoever else wants the lock. */
typedef struct
{
  char kind;
  char *name;
  unsigned version;
  GByteArray *data;
} Section;

static void
section_free (gpointer data)
{
  Section *section = data;

  g_free (section->name);
  g_byte_array_unref (section->data);
  g_free (section);
}

/* What it returns is to be filled. */
static GByteArray *
add_section (GPtrArray *sections, char kind, const char *name, unsigned version)
{
  Section *section = g_new (Section, 1);

  *section = (Section){ kind, g_strdup (name), version, g_byte_array_new () };
  g_ptr_array_add (sections, section);
  return section->data;
}

static void
copy_device (Device *device, GPtrArray *sections)
{
  const DeviceClass *klass = device->klass;

  state_save (klass->state, device,
              add_section (sections, klass->optional ? SAVE_DEVICE_OPTIONAL : SAVE_DEVICE, device->id,
                           MAX (klass->version, state_version (klass->state))));
}

/* VM lock held. */
static GPtrArray *
copy_rest (Vm *vm)
{
  GPtrArray *sections = g_ptr_array_new_with_free_func (section_free);
  const VmProcessorOps *processor = vm->processor;
  const uint64_t clock[2] = { GUINT64_TO_LE ((uint64_t)vm_clock_now (vm->clock)),
                              GUINT64_TO_LE ((uint64_t)vm_clock_stopped_at (vm->clock)) };

  g_byte_array_append (add_section (sections, SAVE_CLOCK, "clock", 0), (const guint8 *)clock, sizeof clock);
  for (guint i = 0; i < vm->devices->len; i++)
    copy_device (vm->devices->pdata[i], sections);
  if (processor != NULL && processor->save_model != NULL)
    processor->save_model (vm->processor_opaque, add_section (sections, SAVE_MODEL, "processor", 0));
  for (unsigned i = 0; i < vm->n_cpus && processor != NULL && processor->save != NULL; i++)
    {
      g_autofree char *name = g_strdup_printf ("cpu%u", i);

      processor->save (vm->processor_opaque, i, add_section (sections, SAVE_CPU, name, 0));
    }
  return sections;
}

/* What is in flight belongs to no state; and memory that came or went with its device is not what the sink was told of. */
static gboolean
check_still (VmSave *save, GError **error)
{
  Vm *vm = save->vm;
  gboolean same = vm->rams->len == save->rams->len;

  for (guint i = 0; same && i < save->rams->len; i++)
    same = vm->rams->pdata[i] == save->rams->pdata[i];
  if (!same)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                           "A device was added or removed meanwhile: save again");
      return FALSE;
    }
  for (guint i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->held
          || (device->realized && device->klass->drained != NULL && !device->klass->drained (device)))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       "%s is just being added, removed or reset: save again", device->id);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
vm_save_finish (VmSave *save, GError **error)
{
  g_autoptr (GPtrArray) sections = NULL;
  uint64_t sent;

  if (!vm_save_pass (save, &sent, error))
    return FALSE;
  vm_lock (save->vm);
  if (check_still (save, error))
    sections = copy_rest (save->vm);
  vm_unlock (save->vm);
  if (sections == NULL)
    return FALSE;
  for (guint i = 0; i < sections->len; i++)
    {
      const Section *s = sections->pdata[i];

      if (!save->sink->section (save->sink, s->kind, s->name, s->version, s->data->data, s->data->len, error))
        return FALSE;
    }
  return save->sink->end (save->sink, error);
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
