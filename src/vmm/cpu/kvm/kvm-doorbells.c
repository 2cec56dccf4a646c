/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Doorbells of regions as KVM's ioeventfds (Documentation/virt/kvm/api.rst, 4.59 KVM_IOEVENTFD): the kernel signals them and the
 * processor doesn't leave the guest.  What the kernel refuses (a limit, a length that it doesn't know) comes as an ordinary exit, and
 * address_space_store() rings.  VM lock held.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct
{
  AddressSpace *as;
  uint64_t address; /* in the space */
  Doorbell bell;
  int fd; /* ours: its owner may close the other before the kernel is told */
} KvmDoorbell;

static gboolean
same (const KvmDoorbell *a, const KvmDoorbell *b)
{
  return a->as == b->as && a->address == b->address && a->bell.size == b->bell.size
         && a->bell.match == b->bell.match && a->bell.value == b->bell.value && a->bell.fd == b->bell.fd;
}

static gboolean
contains (const GArray *doorbells, const KvmDoorbell *wanted)
{
  for (unsigned i = 0; i < doorbells->len; i++)
    if (same (&g_array_index (doorbells, KvmDoorbell, i), wanted))
      return TRUE;
  return FALSE;
}

static gboolean
tell (KvmEngine *kvm, const KvmDoorbell *doorbell, gboolean assign)
{
  struct kvm_ioeventfd request = {
    .datamatch = doorbell->bell.value,
    .addr = doorbell->address,
    .len = doorbell->bell.size,
    .fd = doorbell->fd,
    .flags = (doorbell->bell.match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0)
             | (doorbell->as == kvm->engine.vm->ports ? KVM_IOEVENTFD_FLAG_PIO : 0)
             | (assign ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
  };

  return ioctl (kvm->vm_fd, KVM_IOEVENTFD, &request) == 0;
}

/* Those of a view, at the addresses where it has them whole. */
static GArray *
of_view (AddressSpace *as, const FlatView *view)
{
  GArray *doorbells = g_array_new (FALSE, FALSE, sizeof (KvmDoorbell));

  for (unsigned i = 0; i < view->n_ranges; i++)
    {
      const FlatRange *range = &view->ranges[i];
      unsigned n;
      const Doorbell *bells = region_doorbells (range->region, &n);

      for (unsigned k = 0; k < n; k++)
        {
          uint64_t at = bells[k].address - range->offset;
          KvmDoorbell doorbell = { .as = as, .address = range->start + at, .bell = bells[k], .fd = -1 };

          if (bells[k].address >= range->offset && at < range->size
              && range->size - at >= MAX (bells[k].size, 1))
            g_array_append_val (doorbells, doorbell);
        }
    }
  return doorbells;
}

static void
listen_begin (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  KvmEngine *kvm = opaque;
  g_autoptr (GArray) wanted = of_view (as, new_view);

  for (unsigned i = kvm->doorbells->len; i-- > 0;)
    {
      KvmDoorbell *doorbell = &g_array_index (kvm->doorbells, KvmDoorbell, i);

      if (doorbell->as != as || contains (wanted, doorbell))
        continue;
      if (!tell (kvm, doorbell, FALSE))
        g_warning ("taking a doorbell away: %s", g_strerror (errno));
      close (doorbell->fd);
      g_array_remove_index_fast (kvm->doorbells, i);
    }
}

static void
listen_commit (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  KvmEngine *kvm = opaque;
  g_autoptr (GArray) wanted = of_view (as, new_view);

  for (unsigned i = 0; i < wanted->len; i++)
    {
      KvmDoorbell *doorbell = &g_array_index (wanted, KvmDoorbell, i);

      if (contains (kvm->doorbells, doorbell))
        continue;
      doorbell->fd = fcntl (doorbell->bell.fd, F_DUPFD_CLOEXEC, 0);
      if (doorbell->fd >= 0 && tell (kvm, doorbell, TRUE))
        {
          g_array_append_val (kvm->doorbells, *doorbell);
          continue;
        }
      g_debug ("doorbell at %#" G_GINT64_MODIFIER "x: %s", doorbell->address, g_strerror (errno));
      if (doorbell->fd >= 0)
        close (doorbell->fd);
    }
}

static const AddressSpaceListener listener = { .begin = listen_begin, .commit = listen_commit };

void
kvm_doorbells_init (KvmEngine *kvm)
{
  kvm->doorbells = g_array_new (FALSE, FALSE, sizeof (KvmDoorbell));
  address_space_add_listener (kvm->engine.vm->memory, &listener, kvm);
  address_space_add_listener (kvm->engine.vm->ports, &listener, kvm);
}

void
kvm_doorbells_free (KvmEngine *kvm)
{
  if (kvm->doorbells == NULL)
    return;
  address_space_remove_listener (kvm->engine.vm->memory, &listener, kvm);
  address_space_remove_listener (kvm->engine.vm->ports, &listener, kvm);
  for (unsigned i = 0; i < kvm->doorbells->len; i++)
    {
      KvmDoorbell *doorbell = &g_array_index (kvm->doorbells, KvmDoorbell, i);

      tell (kvm, doorbell, FALSE);
      close (doorbell->fd);
    }
  g_array_unref (kvm->doorbells);
}
