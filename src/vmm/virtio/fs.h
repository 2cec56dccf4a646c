/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-fs: a folder of the host, by the messages of FUSE.  VIRTIO 1.2, 5.11.
 *
 * What they ask virtiofsd does, a process of its own (virtio/vhost-user.h); it is started when a driver begins a session (FUSE_INIT) and ends with that
 * session: unmounting, a reset, or the machine.  What it knows of open files is in no saved state; a machine that goes on from one finds
 * its folder gone (ENOTCONN), until the guest mounts it again.
 */
#pragma once

#include "virtio/virtio.h"

G_BEGIN_DECLS

#define VIRT_FS_MAX_TAG 36u /* bytes */

typedef struct
{
  const char *tag; /* what the guest mounts it by */
  /* A host that isn't root can't make files of others: who asks is root, whoever asks. */
  gboolean one_user;
  /* Starts virtiofsd: the socket that vhost_user_new() wants, and a number for end(); -1 and an error.  Device loop, a queue's lock held. */
  int (*start) (void *opaque, const char *id, unsigned *number, GError **error);
  void (*end) (void *opaque, unsigned number);
  /* A sentence for a person.  Likewise. */
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
} VirtFsConfig;

/* NULL and an error where it fails.  VM lock held. */
Device *virt_fs_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtFsConfig *config,
                     GError **error);

G_END_DECLS
