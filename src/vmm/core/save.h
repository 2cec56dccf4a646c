/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a saved machine goes: a saver hands sections and pages to a SaveSink, which puts them into a file or a socket (save-sink.c; a
 * snapshot or a migration is another sink).  core/vm-load.c reads what save_sink_new_fd() writes:
 *
 *   "VIVSTATE" format(16) minor(16)
 *   { kind(8) name-length(8) name version(32) length(64) payload }…  in any order, little endian
 *   kind 'E': SHA-256 of all before it
 *
 * A kind in lower case may be skipped by who doesn't know it.  Format 1 and 2 had no versions in the headers, and RAM in one piece.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define SAVE_MAGIC  "VIVSTATE"
#define SAVE_FORMAT 3u
#define SAVE_BATCH  (1u << 20) /* bytes of pages, in a section at most */
#define SAVE_SHA    32u

enum
{
  SAVE_CLOCK = 'C', /* now(64), wall-clock time of its stop(64) */
  SAVE_RAM
  = 'R', /* a region's size(64); its pages come behind it.  In formats 1 and 2: the length is the size, the payload n(32) and
                     a frame of n bytes for each MiB, n 0: zeroes */
  SAVE_PAGES
  = 'M', /* of the region: first page(64), pages(32), n(32) and a zstd frame of n bytes; n 0: zeroes */
  SAVE_DEVICE = 'D',          /* a state table */
  SAVE_DEVICE_OPTIONAL = 'd', /* of a device that another machine may lack (DeviceClass.optional) */
  SAVE_MODEL = 'I',           /* what CPUID said: the engine's */
  SAVE_CPU = 'P',             /* "cpuN": the engine's */
  SAVE_END = 'E',
};

/* All functions are called by one thread at a time, never with the VM lock, and so may wait; they return FALSE with an error and are not called
 * again then. */
typedef struct SaveSink SaveSink;
struct SaveSink
{
  gboolean (*section) (SaveSink *sink, char kind, const char *name, unsigned version, const void *data,
                       size_t length, GError **error);
  /* GUEST_PAGE_SIZE bytes, page `n` of the region; what came for it earlier doesn't count any more.  The guest may write there meanwhile, so
   * they are read once, by copying. */
  gboolean (*page) (SaveSink *sink, Region *region, uint64_t n, const uint8_t *data, GError **error);
  /* That was all. */
  gboolean (*end) (SaveSink *sink, GError **error);
  void (*free) (SaveSink *sink);
};

/* To a file or socket of the caller's, which it closes; waits where a socket is full.  `name` is for errors. */
SaveSink *save_sink_new_fd (int fd, const char *name);
void save_sink_free (SaveSink *sink);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SaveSink, save_sink_free)

/* vm_save_async() into a sink, which is taken, and called on the saving thread; a machine that ran runs on afterwards. */
void vm_save_sink_async (Vm *vm, SaveSink *sink, VmProgressFunc progress, VmDoneFunc done, void *opaque);

/* Saving while the guest runs: memory goes pass by pass, each with what was written since the last one, until little is left; then the
 * machine is paused and the rest goes.
 *
 *   device loop: vm_save_begin()    worker: vm_save_pass()…    the machine paused: vm_save_finish()
 */
typedef struct VmSave VmSave;
/* Device loop, VM lock not held.  `live`: passes come, so writes are logged from now on until vm_save_free(). */
VmSave *vm_save_begin (Vm *vm, SaveSink *sink, gboolean live);
/* Any one thread, VM lock not held.  Sends what was written since the last pass, at first all; `sent` becomes the number of pages. */
gboolean vm_save_pass (VmSave *save, uint64_t *sent, GError **error);
/* Any one thread, VM lock not held, the machine paused and kept so, no pass under way: the last pages, for which the lock is not taken, and all
 * else. */
gboolean vm_save_finish (VmSave *save, GError **error);
/* Also instead of finishing. */
void vm_save_free (VmSave *save);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmSave, vm_save_free)

/* From a file or socket, read to the end of the machine and not further; as vm_load() otherwise.  Waits for the writer: not for a loop
 * if that doesn't deserve trust. */
gboolean vm_load_fd (Vm *vm, int fd, const char *name, GError **error);

G_END_DECLS
