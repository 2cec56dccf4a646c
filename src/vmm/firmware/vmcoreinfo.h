/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a guest's kernel has its note for who reads dumps: sizes, offsets and addresses of its own that no symbol file knows, where it was moved to at its start among
 * them.  The file "etc/vmcoreinfo" of fw_cfg, as the "VMCoreInfo device" specification has it; Linux writes there when its driver of fw_cfg is there.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* Behind all other files that the guest may write, so that older saved machines load. */
void vmcoreinfo_add (Device *fw_cfg);
/* The ELF note in guest memory: as the guest says, so nothing of it is sure.  FALSE: it has told of none.  Any thread that holds the VM lock, or while the machine stands. */
gboolean vmcoreinfo_find (Device *fw_cfg, uint64_t *address, uint32_t *size);

G_END_DECLS
