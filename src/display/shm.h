/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen over shared memory, both ends.
 *
 * The ends share a SOCK_SEQPACKET socket pair.  The VMM's end sends HELLO (with the ring's memfd), then
 * SCANOUT (with the memfd of the pixels: the scanout's own memory where it is linear 32 bpp, so nothing is copied), CURSOR; the
 * viewer's end sends INTERVAL, RESIZE and ACK.  Damage goes through the ring; a message is sent for it only when the viewer has asked to be woken.
 * The viewer trusts nothing: size × stride × offset are checked against the memfd, the shrink seal is required.
 */
#pragma once

#include "display/output.h"

G_BEGIN_DECLS

/* -- VMM side -- */
typedef struct ShmServer ShmServer;
/* Takes `socket`; serves until the peer is gone, then calls `closed` (may be NULL) and frees itself. */
ShmServer *shm_server_new (DisplayOutput *output, int socket,
                           void (*closed) (ShmServer *server, void *opaque), void *opaque);
void shm_server_free (ShmServer *server);

/* -- Viewer side (UI, vivctl): GLib main loop of the thread that made it -- */
typedef struct ShmViewer ShmViewer;
typedef struct
{
  /* New memory or mode; `fb` is valid until the next call or shm_viewer_free(); NULL: the screen is off. */
  void (*scanout) (void *opaque, const Framebuffer *fb);
  void (*damage) (void *opaque, const Damage *damage);
  void (*cursor) (void *opaque, const DisplayCursor *cursor);
  void (*closed) (void *opaque, const GError *error); /* error NULL: the machine ended */
} ShmViewerFuncs;

/* Takes `socket`. */
ShmViewer *shm_viewer_new (int socket, const ShmViewerFuncs *funcs, void *opaque, GError **error);
void shm_viewer_free (ShmViewer *viewer);
/* See display_viewer_set_interval(). */
void shm_viewer_set_interval (ShmViewer *viewer, unsigned ms);
void shm_viewer_resize (ShmViewer *viewer, uint32_t width, uint32_t height);
const Framebuffer *shm_viewer_framebuffer (ShmViewer *viewer);

G_END_DECLS
