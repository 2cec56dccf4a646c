/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen seen over VNC, on libvncclient.  The connection runs on a thread of its own; callbacks come on the main context of
 * the thread that made it, with the same funcs as a ShmViewer.
 */
#pragma once

#include "display/input.h"
#include "display/output.h"

G_BEGIN_DECLS

typedef struct VncClient VncClient;

typedef struct
{
  void (*connected) (void *opaque, const char *desktop_name);
  void (*scanout) (void *opaque, const Framebuffer *fb);
  void (*damage) (void *opaque, const Damage *damage);
  void (*cursor) (void *opaque, const DisplayCursor *cursor);
  void (*clipboard) (void *opaque, const char *text);
  void (*leds) (void *opaque, unsigned leds);
  /* A password is asked for; answer with vnc_client_password() (NULL gives up). */
  void (*password) (void *opaque);
  void (*closed) (void *opaque, const GError *error);
} VncClientFuncs;

/* "host:port" (5901), "host" (5900). Errors come through `closed`. */
VncClient *vnc_client_new (const char *address, const VncClientFuncs *funcs, void *opaque);
void vnc_client_free (VncClient *client);
void vnc_client_password (VncClient *client, const char *password);
void vnc_client_input (VncClient *client, const InputEvent *event);
void vnc_client_clipboard (VncClient *client, const char *text);
void vnc_client_resize (VncClient *client, uint32_t width, uint32_t height);
const Framebuffer *vnc_client_framebuffer (VncClient *client);

G_END_DECLS
