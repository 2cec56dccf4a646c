/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory slots: brings KVM's in line with each new flat view, and fetches its dirty log.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

static gboolean
slot_set (KvmEngine *kvm, unsigned n)
{
  KvmSlot *slot = &kvm->slots[n];
  struct kvm_userspace_memory_region region = {
    .slot = n,
    .flags = (slot->log ? KVM_MEM_LOG_DIRTY_PAGES : 0) | (slot->readonly ? KVM_MEM_READONLY : 0),
    .guest_phys_addr = slot->base,
    .memory_size = slot->used ? slot->size : 0,
    .userspace_addr = (uintptr_t)(region_host (slot->region) + slot->offset),
  };

  if (ioctl (kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
    {
      g_warning ("memory slot at %#" G_GINT64_MODIFIER "x, %#" G_GINT64_MODIFIER "x bytes: %s", slot->base,
                 slot->size, g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

static void
slot_harvest (KvmEngine *kvm, unsigned n)
{
  KvmSlot *slot = &kvm->slots[n];
  uint64_t pages = slot->size / GUEST_PAGE_SIZE;
  g_autofree uint64_t *bitmap = g_new0 (uint64_t, (pages + 63) / 64);
  struct kvm_dirty_log log = { .slot = n, .dirty_bitmap = bitmap };

  if (ioctl (kvm->vm_fd, KVM_GET_DIRTY_LOG, &log) == 0)
    region_merge_dirty (slot->region, slot->offset / GUEST_PAGE_SIZE, pages, bitmap);
}

static void
sync_dirty (Region *region, void *opaque)
{
  KvmEngine *kvm = opaque;

  for (unsigned i = 0; i < kvm->n_slots; i++)
    if (kvm->slots[i].used && kvm->slots[i].log && kvm->slots[i].region == region)
      slot_harvest (kvm, i);
}

static void
slot_remove (KvmEngine *kvm, unsigned n)
{
  KvmSlot *slot = &kvm->slots[n];

  if (slot->log)
    slot_harvest (kvm, n);
  slot->used = FALSE;
  slot_set (kvm, n);
  region_unref (slot->region);
  slot->region = NULL;
}

/* The page-aligned inside of a range of memory.  FALSE if KVM can't map it: then its accesses come to us as MMIO. */
static gboolean
slot_for_range (const FlatRange *range, KvmSlot *slot)
{
  uint64_t start = (range->start + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  uint64_t end = (range->start + range->size) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

  if (!region_is_ram (range->region) || end <= start)
    return FALSE;
  *slot = (KvmSlot){
    .used = TRUE,
    .base = start,
    .size = end - start,
    .offset = range->offset + (start - range->start),
    .region = range->region,
    .readonly = range->readonly,
    .log = region_dirty_log_on (range->region),
  };
  return slot->offset % GUEST_PAGE_SIZE == 0;
}

static gboolean
slot_same_place (const KvmSlot *a, const KvmSlot *b)
{
  return a->base == b->base && a->size == b->size && a->region == b->region && a->offset == b->offset
         && a->readonly == b->readonly;
}

static void
slot_add (KvmEngine *kvm, const KvmSlot *wanted)
{
  for (unsigned i = 0; i < kvm->n_slots; i++)
    {
      if (kvm->slots[i].used)
        continue;
      kvm->slots[i] = *wanted;
      region_ref (wanted->region);
      if (!slot_set (kvm, i))
        {
          kvm->slots[i].used = FALSE;
          region_unref (wanted->region);
          kvm->slots[i].region = NULL;
        }
      else if (wanted->log)
        region_set_sync_dirty (wanted->region, sync_dirty, kvm);
      return;
    }
  g_warning ("no free memory slot");
}

static void
listen_begin (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  KvmEngine *kvm = opaque;
  g_autofree KvmSlot *wanted = g_new0 (KvmSlot, new_view->n_ranges + 1);
  g_autofree gboolean *have = g_new0 (gboolean, new_view->n_ranges + 1);
  unsigned n_wanted = 0;
  gboolean held = FALSE;

  for (unsigned i = 0; i < new_view->n_ranges; i++)
    if (slot_for_range (&new_view->ranges[i], &wanted[n_wanted]))
      n_wanted++;

  /* Slots may not overlap at any moment: take away first, then add.  A processor that fetched an instruction in between would find
   * nothing there; so none runs. */
  for (unsigned i = 0; i < kvm->n_slots; i++)
    {
      KvmSlot *slot = &kvm->slots[i];
      unsigned j;

      if (!slot->used)
        continue;
      for (j = 0; j < n_wanted; j++)
        if (slot_same_place (slot, &wanted[j]))
          break;
      if (j == n_wanted)
        {
          if (!held)
            kvm_hold (kvm);
          held = TRUE;
          slot_remove (kvm, i);
          continue;
        }
      have[j] = TRUE;
      if (slot->log != wanted[j].log)
        {
          if (slot->log)
            slot_harvest (kvm, i);
          slot->log = wanted[j].log;
          slot_set (kvm, i);
          if (slot->log)
            region_set_sync_dirty (slot->region, sync_dirty, kvm);
        }
    }
  for (unsigned j = 0; j < n_wanted; j++)
    if (!have[j])
      slot_add (kvm, &wanted[j]);
}

static void
listen_commit (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  KvmEngine *kvm = opaque;

  if (kvm->hold)
    kvm_release (kvm);
}

const AddressSpaceListener kvm_slots_listener = { .begin = listen_begin, .commit = listen_commit };

void
kvm_slots_free (KvmEngine *kvm)
{
  for (unsigned i = 0; kvm->slots != NULL && i < kvm->n_slots; i++)
    if (kvm->slots[i].used)
      {
        region_set_sync_dirty (kvm->slots[i].region, NULL, NULL);
        slot_remove (kvm, i);
      }
  g_free (kvm->slots);
}
