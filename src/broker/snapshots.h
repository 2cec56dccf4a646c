/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor writes of a snapshot: files of the machine's folder "snapshots" that have no name until they are whole.  So whoever is killed
 * leaves no half file, and a monitor that was taken over neither replaces nor removes what is there.  Only the broker gives names.
 */
#pragma once

#include "base/family.h"

#include <stdint.h>

G_BEGIN_DECLS

/* At a time, not yet kept or dropped. */
#define BROKER_MOST_NEW 64

typedef struct BrokerSnapshots BrokerSnapshots;

/* `folder`: the machine's, absolute, locked to run; what an earlier broker left half written is removed.  The folder "snapshots" is made with the
 * first file. */
BrokerSnapshots *broker_snapshots_new (const char *folder);
/* Forgets what was not kept. */
void broker_snapshots_free (BrokerSnapshots *snapshots);

/* All numbers come from the monitor.  0, or an errno: ENOSPC where `size` bytes do not fit beside what others were promised, EMFILE for too many. */

/* `kind` is a FamilyNew, `index` the disk's.  The descriptor, to read and write, is the caller's. */
int broker_snapshots_add (BrokerSnapshots *snapshots, unsigned kind, unsigned index, uint64_t size,
                          unsigned *number, int *fd);
/* Onto the disk and by name, "00000007-disk0": the `nth` snapshot (from 0) counts on from the highest that was there at the start.  EEXIST where there is one, ERANGE
 * for too many.  Then it is forgotten, as by drop; but who wrote it can write it until he closes it. */
int broker_snapshots_keep (BrokerSnapshots *snapshots, unsigned number, unsigned nth);
int broker_snapshots_drop (BrokerSnapshots *snapshots, unsigned number);

G_END_DECLS
