/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screen of a machine, between the device that scans it out and those who look.
 *
 * A device owns a DisplayOutput and is its DisplaySource.  Viewers (shared memory, VNC, screenshots) attach as
 * DisplayViewers.  While at least one of them is awake, the output calls source->refresh() once a frame tick (16 ms, 1 s if
 * all viewers are thumbnails); the device then says what changed.  With no one awake nothing runs.
 *
 * Threads: one, whose default main context has the frame tick; in the monitor the control loop's (vmm/core/vm.h).  Devices hear of refresh()
 * and the like there, without the VM lock, and never call from elsewhere.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct DisplayOutput DisplayOutput;

#define DISPLAY_MAX_SIZE 16384 /* width and height in pixels */
#define DISPLAY_MAX_PIXELS \
  (64 * 1024 * 1024) /* of one picture that is shown: 256 MiB, twice what a screen of 8K has */
#define DISPLAY_MAX_CURSOR 512

/* Of sources by which a screen of another process comes: below GTK's redraw (GDK_PRIORITY_REDRAW), above idle work. */
#define DISPLAY_PRIORITY_VIEWER (G_PRIORITY_HIGH_IDLE + 30)

typedef struct
{
  int x, y, width, height; /* pixels; empty if width or height is 0 */
} DisplayRect;

/* Pixels are 32 bit, little endian 0x00RRGGBB (the top byte has no meaning). */
typedef struct
{
  uint32_t width, height;
  uint32_t stride;  /* bytes */
  uint8_t *pixels;  /* first pixel, in this process */
  int fd;           /* a memfd sealed against shrinking that holds them, or -1.  Not owned by this struct */
  uint64_t offset;  /* of the first pixel in the memfd */
  uint64_t fd_size; /* bytes */
  GBytes *
      memory; /* of a viewer: `pixels` are there for as long as somebody has a reference to it, on whichever thread.  Not owned by this struct; NULL: not said */
} Framebuffer;

typedef struct
{
  gboolean visible;
  int hot_x, hot_y;
  uint32_t width, height; /* 0: none defined, viewers show their own */
  uint32_t *pixels;       /* premultiplied 0xAARRGGBB, width * height; owned */
} DisplayCursor;

/* Set of dirty rectangles, at most DAMAGE_MAX of them (then they are merged). */
#define DAMAGE_MAX 32
typedef struct
{
  unsigned n;
  DisplayRect rect[DAMAGE_MAX];
} Damage;

void damage_clear (Damage *damage);
/* Clipped to width × height; merges what touches. */
void damage_add (Damage *damage, const DisplayRect *rect, uint32_t width, uint32_t height);
gboolean display_rect_intersect (const DisplayRect *a, const DisplayRect *b, DisplayRect *out);
DisplayRect display_rect_union (const DisplayRect *a, const DisplayRect *b);

typedef struct
{
  /* A frame is wanted: bring the scanout up to date, report with display_output_set_scanout() and _damage(). */
  void (*refresh) (void *opaque);
  /* Somebody began to look (TRUE: turn dirty tracking on; the whole picture is wanted) or all have stopped. */
  void (*watched) (void *opaque, gboolean watched);
  /* The screen as text, a line a row, trailing blanks cut, UTF-8; NULL if the mode isn't text.  May be NULL. */
  char *(*text) (void *opaque);
  /* A viewer would like this size; the device may pass it to the guest or not.  May be NULL. */
  void (*resize) (void *opaque, uint32_t width, uint32_t height);
  /* The size of the mode as it is now, 0 × 0: off; no picture is made.  NULL: refresh() finds out. */
  void (*size) (void *opaque, uint32_t *width, uint32_t *height);
} DisplaySource;

DisplayOutput *display_output_new (const char *name, const DisplaySource *source, void *opaque);
void display_output_free (DisplayOutput *output);
const char *display_output_name (DisplayOutput *output);

/* -- The device's side -- */
/* "This memory, this mode": the whole is damaged.  The memory stays valid until the next call.  NULL: the screen is off (black). */
void display_output_set_scanout (DisplayOutput *output, const Framebuffer *fb);
/* The same for pixels that viewers can't be shown as they are: `read` copies a rectangle of them, whose first pixel goes to `to`, into a
 * surface of the output's; it is called for the whole now and for what is damaged later.  A texture that the host's GPU draws will come
 * this way too: `read` for those who look at memory, and its dmabuf beside it for viewers that take one. */
typedef void (*DisplayReadFunc) (void *opaque, const DisplayRect *rect, uint8_t *to, uint32_t stride);
void display_output_set_reader (DisplayOutput *output, uint32_t width, uint32_t height, DisplayReadFunc read,
                                void *opaque);
/* The same for a picture that lies in pages all over guest memory (virtio-gpu's resources): `offset` bytes into the pieces, strung
 * together, is the first pixel.  The list is copied, the pieces stay valid until the next scanout.  If they don't hold the picture, the
 * screen is off. */
void display_output_set_pages (DisplayOutput *output, uint32_t width, uint32_t height, uint32_t stride,
                               uint64_t offset, const struct iovec *pages, unsigned n);
void display_output_damage (DisplayOutput *output, int x, int y, int width, int height);
/* Copies. */
void display_output_set_cursor (DisplayOutput *output, const DisplayCursor *cursor);
/* Something may have changed though no tick is due (a mode switch); wakes nobody that isn't looking. */
void display_output_touch (DisplayOutput *output);
/* A surface that the device renders into, kept by the output: a sealed memfd that grows as needed. Never NULL. */
Framebuffer *display_output_surface (DisplayOutput *output, uint32_t width, uint32_t height);

/* -- A viewer's side -- */
typedef struct DisplayViewer DisplayViewer;
typedef struct
{
  void (*scanout) (void *opaque, const Framebuffer *fb); /* NULL: off */
  void (*damage) (void *opaque, const Damage *damage);   /* once a tick, only if something changed */
  void (*cursor) (void *opaque, const DisplayCursor *cursor);
} DisplayViewerFuncs;

/* Calls scanout and cursor at once.  A viewer starts awake. */
DisplayViewer *display_output_attach (DisplayOutput *output, const DisplayViewerFuncs *funcs, void *opaque);
void display_viewer_detach (DisplayViewer *viewer);
/* 0 asleep, else the wanted frame interval in ms.  Waking damages the whole. */
void display_viewer_set_interval (DisplayViewer *viewer, unsigned ms);
void display_viewer_resize (DisplayViewer *viewer, uint32_t width, uint32_t height);
/* Brings the scanout up to date now and returns it (owned by the output, valid until control returns to the main loop); NULL: off. */
const Framebuffer *display_output_snapshot (DisplayOutput *output);
/* Pixels; 0 × 0: off.  Makes no picture where the source has size(). */
void display_output_size (DisplayOutput *output, uint32_t *width, uint32_t *height);
char *display_output_text (DisplayOutput *output);
const DisplayCursor *display_output_cursor (DisplayOutput *output);

/* Writes a PNG.  `fd` is not closed. */
gboolean display_write_png (const Framebuffer *fb, int fd, GError **error);

G_END_DECLS
