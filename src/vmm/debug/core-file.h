/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's memory as an ELF core file (System V ABI, chapter 5; <linux/elfcore.h>), which gdb and crash read: physical memory at its addresses, the kernel's half as the page
 * tables of the first processor map it, and the registers of all processors as notes.
 *
 * A sink for vm_save_sink_async(): all is called on the saving thread while the machine stands.
 */
#pragma once

#include "core/save.h"
#include "cpu/engine.h"

G_BEGIN_DECLS

/* Where the guest has a note of its own for who reads it, in physical memory; FALSE: nowhere.  On the saving thread, the machine standing. */
typedef gboolean (*CoreNoteFunc) (void *opaque, uint64_t *address, uint32_t *size);

/* `note` may be NULL: none.  It is asked when the machine stands.  `fd` is a regular file, empty, and stays the caller's; `name` is for errors. */
SaveSink *core_file_sink_new (Vm *vm, Engine *engine, int fd, const char *name, CoreNoteFunc note,
                              void *opaque);

G_END_DECLS
