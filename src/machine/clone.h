/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine of its own with what another one has: its settings, copies of its disks, of its UEFI variables and of its TPM's state.  What a person only inserts (a
 * CD), what is never written, and kernels elsewhere stay where they are and serve both.  New are the name, the UUID, and so the addresses of network cards and
 * the serial numbers of drives.
 *
 * The copies wait beside the machines, in a hidden folder that is locked, until viv_host_create() takes them; what a maker who was killed left is swept away as
 * half-made machines are.  The machine that is copied must be off, and where it was started meanwhile there is no clone.
 */
#pragma once

#include "machine/folder.h"
#include "machine/image-copy.h"

G_BEGIN_DECLS

typedef struct VivClone VivClone;

/* `machines` is the folder of machines, `definition` one that is published (it has a folder).  `new_tpm`: the TPM begins empty, so it can't open what the first
 * one has sealed.  An error is for a person: it runs, or a disk can't be copied.  Blocks no longer than it takes to look at files. */
VivClone *viv_clone_new (const char *machines, const MachineDefinition *definition, const char *name,
                         gboolean new_tpm, GError **error);
/* Copies; blocks for as long as it takes, on any thread. */
gboolean viv_clone_copy (VivClone *clone, GCancellable *cancellable, ImageCopyFunc progress, gpointer data,
                         GError **error);
/* What viv_host_create() wants; the clone's. */
MachineDefinition *viv_clone_definition (const VivClone *clone);
const VivNewImage *viv_clone_images (const VivClone *clone, unsigned *n);
/* With the copies, if nobody has taken them. */
void viv_clone_free (VivClone *clone);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VivClone, viv_clone_free)

G_END_DECLS
