/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Guest memory, port space and how an access finds its device.
 *
 * A Region is a thing that can be mapped: host memory (RAM, ROM, VRAM) or a pair of functions.
 * An AddressSpace is a set of Mappings of regions, kept as one flat, sorted list of ranges (FlatView)
 * that is rebuilt on change and published by pointer swap.  Readers hold a reference through an
 * AccessCache (one a vCPU, one a Dma), so that the view they use can't go away under them.
 *
 * Threads: mappings and doorbells change under the VM lock.  Loads and stores come from any thread; the dispatcher
 * takes the VM lock around a region's functions, and none of the machine's for a doorbell.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct Vm Vm;
typedef struct Region Region;
typedef struct Mapping Mapping;
typedef struct AddressSpace AddressSpace;

#define GUEST_PAGE_SHIFT 12
#define GUEST_PAGE_SIZE  4096u

/* -- Regions ------------------------------------------------------------------------------------ */

/* Register access.  `addr` is relative to the region, `size` is 1, 2, 4 or 8; the dispatcher guarantees
 * impl_min <= size <= impl_max and addr + size <= the region's size.  Values are little endian numbers. */
typedef struct
{
  uint64_t (*read) (void *opaque, uint64_t addr, unsigned size);
  void (*write) (void *opaque, uint64_t addr, uint64_t value, unsigned size);
  /* Sizes that the functions take.  A wider access is split in ascending order, a narrower read is cut out
   * of a wider one, a narrower write is passed zero-extended at its own address.  0 means 1 and 8. */
  uint8_t impl_min, impl_max;
  /* Sizes that the bus answers at all: others read as all ones and are dropped.  0 means 1 and 8. */
  uint8_t valid_min, valid_max;
} IoOps;

typedef enum
{
  RAM_DEFAULT = 0,
  RAM_SHARED
  = 1 << 0, /* a memfd, sealed against shrinking, growing and writers but us: can be passed to a viewer */
  RAM_HUGE = 1 << 1,      /* ask for huge pages (MADV_HUGEPAGE, or hugetlb where it can be had) */
  RAM_MERGEABLE = 1 << 2, /* offer to KSM (MADV_MERGEABLE) */
  RAM_ROM = 1 << 3,       /* the guest's stores are dropped; the host may write */
} RamFlags;

/* Who asks for dirty pages.  Each has a bitmap of its own. */
typedef enum
{
  DIRTY_DISPLAY,
  DIRTY_MIGRATION,
  N_DIRTY_CLIENTS
} DirtyClient;

/* `size` in bytes, rounded up to whole pages; zero-filled.  NULL and `error` when the host has no memory. */
Region *region_new_ram (const char *name, uint64_t size, RamFlags flags, GError **error);
/* `ops` and `opaque` must outlive the region. */
Region *region_new_io (const char *name, uint64_t size, const IoOps *ops, void *opaque);
/* Stores to a ROM region reach `ops`->write (under the VM lock) instead of being dropped, as a flash memory's commands do; reads and fetches stay those of
 * memory.  `ops` and `opaque` must outlive the region's last mapping.  Before it is mapped. */
void region_set_rom_write (Region *region, const IoOps *ops, void *opaque);
/* For good: reads give all ones and writes are dropped, the functions are not called again.  VM lock held.  A processor that waits
 * for that lock has found the region already and comes to it later, when its device may be gone; so the removal of an I/O
 * region's last mapping does this. */
void region_disconnect (Region *region);
/* A doorbell: a store of `size` bytes (1, 2, 4 or 8; 0: any of them) at `address` in an I/O region writes 1 to an eventfd and has no
 * other effect.  With `value` only a store of that value (NULL: any) does; others reach the region's functions.  KVM's ioeventfd where
 * the engine has it, else done by the thread that stores, without the VM lock.  `fd` is an eventfd with EFD_NONBLOCK and stays the
 * caller's; -1 takes the doorbell of this address, size and value away: when that returns no store writes to the eventfd any more, and
 * those in flight have.  region_disconnect() takes all away.  They are no part of a saved state: who sets them does so again
 * (post_load).  VM lock held.  FALSE: there is no such doorbell, or there is one already, or it lies outside of the region. */
gboolean region_set_doorbell (Region *region, uint64_t address, unsigned size, const uint64_t *value, int fd);
typedef struct
{
  uint64_t address, value;
  unsigned size;  /* 0: any */
  gboolean match; /* `value` counts */
  int fd;
} Doorbell;
/* For engines: all of them, valid until the next change.  VM lock held. */
const Doorbell *region_doorbells (const Region *region, unsigned *n);
Region *region_ref (Region *region);
void region_unref (Region *region);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Region, region_unref)

const char *region_name (const Region *region);
uint64_t region_size (const Region *region);
gboolean region_is_ram (const Region *region); /* ROM too */
gboolean region_is_rom (const Region *region);
/* Host address of the first byte; NULL for I/O. */
uint8_t *region_host (const Region *region);
/* Whether no page of this part was ever written or read, so that it holds zeroes that the host has not yet given memory for (reading it
 * would take that memory, as huge pages even).  FALSE where that can't be known.  Any thread. */
gboolean region_untouched (const Region *region, uint64_t offset, uint64_t length);
/* The memfd of a RAM_SHARED region (owned by the region), else -1. */
int region_fd (const Region *region);

/* Dirty log.  While a client has it on, each page that the guest, a device or DMA has written is in the
 * client's bitmap (bit 0 of word 0 is page 0).  Turning it on marks all pages dirty. */
void region_set_dirty_log (Region *region, DirtyClient client, gboolean on);
gboolean region_dirty_log_on (const Region *region);
/* Called by who writes host memory without the engine's knowledge: devices, DMA, the software processor. */
void region_mark_dirty (Region *region, uint64_t offset, uint64_t length);
/* Fetches what the engine knows (see vm_set_processor()), then copies the bits of pages
 * [first, first + count) to `bitmap` (bit 0 = `first`) and clears them.  Returns FALSE if none was set. */
gboolean region_take_dirty (Region *region, DirtyClient client, uint64_t first, uint64_t count,
                            uint64_t *bitmap);
/* The engine's harvest of one slot: ORs `bitmap` (bit 0 = page `first`) into every client's. */
void region_merge_dirty (Region *region, uint64_t first, uint64_t count, const uint64_t *bitmap);
/* Called before bits are taken, so that the engine can merge what it knows.  Set by the engine. */
typedef void (*RegionSyncDirty) (Region *region, void *opaque);
void region_set_sync_dirty (Region *region, RegionSyncDirty sync, void *opaque);
/* Called by region_mark_dirty(), dirty log or not, on the thread that wrote: the software processor drops code that it has
 * decoded from there.  Set by the engine while no processor runs. */
typedef void (*RegionWritten) (Region *region, uint64_t offset, uint64_t length, void *opaque);
void region_set_written (Region *region, RegionWritten written, void *opaque);

/* -- Address spaces ----------------------------------------------------------------------------- */

/* One contiguous range of a flat view.  Ranges are sorted, don't overlap, and are maximal. */
typedef struct
{
  uint64_t start, size; /* bytes, in the address space */
  Region *region;       /* never NULL */
  uint64_t offset;      /* of `start` in the region */
  gboolean readonly;    /* RAM that the guest may not write now (ROM, PAM) */
  Mapping *mapping;     /* identity only */
} FlatRange;

typedef struct
{
  gint refs;
  unsigned n_ranges;
  uint64_t generation;
  FlatRange ranges[];
} FlatView;

/* One accessor's reference to a view and its last hit.  Zero-initialise; not shared between threads. */
typedef struct
{
  FlatView *view;
  uint64_t generation;
  unsigned last;
} AccessCache;

/* Told of each new view, under the VM lock: `old` (NULL at first) and `new`.  begin() before any accessor uses it (KVM stops
 * processors and brings its memory slots in line), commit() when all that look anew find it (the software processor drops its
 * TLB, KVM lets processors go on).  Either may be NULL.  Also called when a region's dirty log is turned on or off, or its doorbells
 * change (old and new then have equal ranges). */
typedef void (*AddressSpaceFunc) (AddressSpace *as, const FlatView *old_view, const FlatView *new_view,
                                  void *opaque);
typedef struct
{
  AddressSpaceFunc begin, commit;
} AddressSpaceListener;

/* `size`: number of addresses (0 stands for 2^64).  The space starts empty: reads give all ones. */
AddressSpace *address_space_new (Vm *vm, const char *name, uint64_t size);
/* A space that follows another one, `below`: a mapping of its own hides what lies below, whatever the priorities.  It has no view of its own before something
 * was mapped here (address_space_is_used()).  A space can have one such over it, which is freed first. */
AddressSpace *address_space_new_over (AddressSpace *below, const char *name);
/* Any thread. */
gboolean address_space_is_used (AddressSpace *as);
void address_space_free (AddressSpace *as);
void address_space_add_listener (AddressSpace *as, const AddressSpaceListener *listener, void *opaque);
void address_space_remove_listener (AddressSpace *as, const AddressSpaceListener *listener, void *opaque);

/* Maps [offset, offset + size) of `region` at `base`.  Where mappings overlap the higher priority wins, then
 * the later one.  The mapping takes a reference; it starts enabled.  Mapping a region twice makes an alias. */
Mapping *address_space_map (AddressSpace *as, Region *region, uint64_t base, uint64_t offset, uint64_t size,
                            int priority);
void mapping_set_enabled (Mapping *mapping, gboolean enabled);
void mapping_set_readonly (Mapping *mapping, gboolean readonly);
void mapping_move (Mapping *mapping, uint64_t base);
void mapping_set_offset (Mapping *mapping, uint64_t offset, uint64_t size);
gboolean mapping_enabled (const Mapping *mapping);
uint64_t mapping_base (const Mapping *mapping);
/* Frees it; see region_disconnect(). */
void mapping_remove (Mapping *mapping);
/* Several changes, one rebuild.  Nests. */
void address_space_begin (AddressSpace *as);
void address_space_commit (AddressSpace *as);

/* The present view, with a reference. */
FlatView *address_space_ref_view (AddressSpace *as);
void flat_view_unref (FlatView *view);
/* Raised at each publication; an accessor whose copy differs must refresh. */
uint64_t address_space_generation (AddressSpace *as);

/* The range that holds `addr`, or NULL.  Valid until the next call with this cache. */
const FlatRange *access_cache_find (AccessCache *cache, AddressSpace *as, uint64_t addr);
void access_cache_clear (AccessCache *cache);

/* An access by a processor: one value of 1, 2, 4 or 8 bytes, any alignment.  Takes the VM lock where the region
 * needs it; `locked` says that the caller has it already. */
uint64_t address_space_load (AddressSpace *as, AccessCache *cache, uint64_t addr, unsigned size,
                             gboolean locked);
void address_space_store (AddressSpace *as, AccessCache *cache, uint64_t addr, uint64_t value, unsigned size,
                          gboolean locked);

/* Plain bytes to and from RAM and ROM for loaders, debuggers and screenshots; registers are not touched.  FALSE if any
 * byte isn't memory (then nothing, or a part, was copied).  address_space_write_memory() writes ROM too. */
gboolean address_space_read_memory (AddressSpace *as, uint64_t addr, void *buffer, size_t length);
gboolean address_space_write_memory (AddressSpace *as, uint64_t addr, const void *buffer, size_t length);

G_END_DECLS
