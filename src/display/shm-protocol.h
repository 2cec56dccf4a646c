/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What goes over the socket of display/shm.h, and the shared ring.  Both ends are of one build and one machine: native byte order.
 *
 * Server to viewer                              with descriptors
 *   HELLO    value: SHM_VERSION                 ring memfd (size in `size`)
 *   SCANOUT  serial, geometry                   memfd of the pixels; none and width 0: the screen is off
 *   CURSOR   serial, geometry, hot spot         memfd of the pixels; none and width 0: no shape
 *   WAKE                                        the ring has something, and `waiting` was 1
 * Viewer to server
 *   INTERVAL value: ms, 0 asleep
 *   RESIZE   width, height
 *   ACK      serial, value: the message's type.  One SCANOUT and one CURSOR are in flight at most; what changes before the ACK is sent
 *            after it, newest only, so neither a guest that switches modes nor a viewer that sleeps fills the socket.
 *
 * All descriptors are memory.  An eventfd or a pipe would be one for both ends: either could clear its O_NONBLOCK and empty or fill it between
 * the other's poll() and read() or write(), and hold the other there.  A call on a socket says for itself that it doesn't wait.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define SHM_VERSION 2u

typedef enum
{
  SHM_HELLO = 1,
  SHM_SCANOUT,
  SHM_CURSOR,
  SHM_WAKE,
  SHM_INTERVAL = 16,
  SHM_RESIZE,
  SHM_ACK,
} ShmMessageType;

typedef struct
{
  uint32_t type;
  uint32_t serial;
  uint32_t value;
  uint32_t width, height, stride;
  uint64_t offset, size;
  int32_t hot_x, hot_y;
  uint32_t visible;
  uint32_t reserved;
} ShmMessage;

#define SHM_RING_ENTRIES 256 /* a power of two */
#define SHM_RING_MAGIC   0x52564956u

typedef struct
{
  uint32_t serial; /* of the scanout it belongs to */
  uint16_t x, y, width, height;
} ShmDamage;

/* Single producer, single consumer.  Each side keeps its own index privately and only publishes it: what the other side writes here
 * is a number to be checked, never an address. */
typedef struct
{
  uint32_t magic, version, entries, reserved;
  _Alignas(64) _Atomic uint32_t head; /* written by the VMM; counts without wrapping to the ring's size */
  _Atomic uint32_t overflow; /* the VMM: entries were lost, all is damaged; the viewer takes it back to 0 */
  _Alignas(64) _Atomic uint32_t tail; /* written by the viewer */
  _Atomic uint32_t waiting; /* the viewer: send me a WAKE; the VMM takes it back to 0 when it does */
  _Alignas(64) ShmDamage damage[SHM_RING_ENTRIES];
} ShmRing;
