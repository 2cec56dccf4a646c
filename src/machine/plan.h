/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a new machine will be: from a medium, a system and what it is to have.  The one place for it: the assistant and `vivctl create`
 * only ask and show.  These are proposals in a definition that nobody has published yet; a person's own choices are set after them.
 */
#pragma once

#include "machine/os-profile.h"

G_BEGIN_DECLS

/* A definition for "choose or drop an image": named after the system or the file, the medium in the right drive, and a disk
 * (group disk0, path "disk0.img", not made yet) if the profile wants one and the medium is not a disk itself.  `*disk_size` is 0
 * without one. */
MachineDefinition *plan_for_medium (const MediaInfo *media, const char *path, uint64_t *disk_size);
/* Without a medium: an empty CD-ROM drive. */
MachineDefinition *plan_empty (const char *name);
/* What the profile proposes, and machine.os.  `os_id` NULL: no system in particular. */
void plan_set_system (MachineDefinition *definition, const char *os_id);
/* A disk with an image of its own, to be made with the machine: its path is the file's name in the machine's folder.  NULL: it has as many
 * disks as it can have. */
MachineDevice *plan_add_new_disk (MachineDefinition *definition);
/* The disk whose image is to be made so, the last if there are several; NULL: none. */
MachineDevice *plan_new_disk (const MachineDefinition *definition);
/* The boot order, by what is in the drives now: a floppy that the person put in starts.  A new disk comes before the CD: empty, it does not
 * boot, so the medium does, and once the system is installed the installer does not come again.  Else a CD that was put in comes
 * before the disk.  Call it when the drives have changed. */
void plan_order (MachineDefinition *definition);

G_END_DECLS
