/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Functions that are to stand still.  See quiet.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/quiet.h"
#include "pci/pci-private.h"

struct PciQuiet
{
  PciRoot *root;
  PciDevice *pci;
  PciQuietFunc func;
  PciQuietAfter after;
  void *opaque;
};

typedef struct
{
  GSource source;
  PciRoot *root;
} QuietSource;

static gboolean
is_drained (PciDevice *pci)
{
  Device *device = &pci->device;

  return device->klass->drained == NULL || device->klass->drained (device);
}

/* Takes it off the list; the caller frees it. */
static struct PciQuiet *
take (PciDevice *pci)
{
  struct PciQuiet *quiet = pci->quiet;

  pci->quiet = NULL;
  pci->device.held = FALSE;
  g_ptr_array_remove (quiet->root->quiets, quiet);
  g_atomic_int_set (&quiet->root->n_quiets, (gint)quiet->root->quiets->len);
  return quiet;
}

void
pci_quiet_end (PciDevice *pci)
{
  struct PciQuiet *quiet = take (pci);

  if (quiet->after != NULL)
    quiet->after (quiet->opaque, FALSE);
  g_free (quiet);
}

void
pci_device_quiet (PciRoot *root, PciDevice *pci, PciQuietFunc func, PciQuietAfter after, void *opaque)
{
  Device *device = &pci->device;
  struct PciQuiet *quiet = g_new0 (struct PciQuiet, 1);

  if (pci->quiet != NULL)
    pci_quiet_end (pci);
  *quiet = (struct PciQuiet){ root, pci, func, after, opaque };
  pci->quiet = quiet;
  device->held = TRUE;
  if (device->klass->pause != NULL)
    device->klass->pause (device);
  g_ptr_array_add (root->quiets, quiet);
  g_atomic_int_set (&root->n_quiets, (gint)root->quiets->len);
  g_main_context_wakeup (root->vm->context);
}

/* -- Reset ---------------------------------------------------------------------------------------- */

static void
finish_reset (PciDevice *pci, void *opaque)
{
  Device *device = &pci->device;

  pci->off = FALSE;
  if (device->klass->reset != NULL)
    device->klass->reset (device);
  /* The devices run if and only if the clock does. */
  if (device->klass->resume != NULL && vm_clock_running (device->vm->clock))
    device->klass->resume (device);
}

void
pci_device_reset_quietly (PciDevice *pci)
{
  Device *device = &pci->device;

  if (pci->quiet != NULL || pci->bus == NULL)
    return;
  pci->off = TRUE;
  pci_device_update (pci);
  if (device->klass->pause != NULL)
    device->klass->pause (device);
  if (is_drained (pci))
    finish_reset (pci, NULL);
  else
    pci_device_quiet (pci->bus->root, pci, finish_reset, NULL, NULL);
}

/* -- The device loop's part --------------------------------------------------------------------------- */

static struct PciQuiet *
find_drained (PciRoot *root)
{
  for (unsigned i = 0; i < root->quiets->len; i++)
    {
      struct PciQuiet *quiet = g_ptr_array_index (root->quiets, i);

      if (is_drained (quiet->pci))
        return quiet;
    }
  return NULL;
}

static gboolean
quiet_check (GSource *source)
{
  PciRoot *root = ((QuietSource *)source)->root;
  gboolean any;

  if (g_atomic_int_get (&root->n_quiets) == 0)
    return FALSE;
  vm_lock (root->vm);
  any = find_drained (root) != NULL;
  vm_unlock (root->vm);
  return any;
}

static gboolean
quiet_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return quiet_check (source);
}

static gboolean
quiet_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  PciRoot *root = ((QuietSource *)source)->root;
  struct PciQuiet *quiet;

  vm_lock (root->vm);
  while ((quiet = find_drained (root)) != NULL)
    {
      PciDevice *pci = quiet->pci;

      take (pci);
      quiet->func (pci, quiet->opaque);
      vm_unlock (root->vm);
      if (quiet->after != NULL)
        quiet->after (quiet->opaque, TRUE);
      g_free (quiet);
      vm_lock (root->vm);
    }
  vm_unlock (root->vm);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs quiet_funcs
    = { .prepare = quiet_prepare, .check = quiet_check, .dispatch = quiet_dispatch };

void
pci_quiet_attach (PciRoot *root)
{
  root->quiets = g_ptr_array_new ();
  root->quiet_source = g_source_new (&quiet_funcs, sizeof (QuietSource));
  ((QuietSource *)root->quiet_source)->root = root;
  g_source_set_static_name (root->quiet_source, "pci quiet");
  g_source_attach (root->quiet_source, root->vm->context);
}

void
pci_quiet_detach (PciRoot *root)
{
  g_source_destroy (root->quiet_source);
  g_source_unref (root->quiet_source);
  while (root->quiets->len > 0)
    pci_quiet_end (((struct PciQuiet *)g_ptr_array_index (root->quiets, 0))->pci);
  g_ptr_array_unref (root->quiets);
}
