/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One connection of virtio-vsock: its two ends, what waits between them, and the credit that both sides have (VIRTIO 1.2, 5.10.6.3).  No queue and no packet's
 * bytes: the device (vsock.c) asks which packet this one has to send, and tells what came.
 *
 * Threads: the VM lock held.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define VSOCK_BUFFER (64u << 10) /* of what the guest has sent and the host's end hasn't taken; its credit */

/* 5.10.6 */
typedef enum
{
  VSOCK_INVALID,
  VSOCK_REQUEST,
  VSOCK_RESPONSE,
  VSOCK_RST,
  VSOCK_SHUTDOWN,
  VSOCK_RW,
  VSOCK_CREDIT_UPDATE,
  VSOCK_CREDIT_REQUEST,
} VsockOp;
enum
{
  VSOCK_SHUTDOWN_RECEIVE = 1,
  VSOCK_SHUTDOWN_SEND = 2,
  VSOCK_SHUTDOWN_BOTH = 3,
};

typedef enum
{
  VSOCK_GREETING,  /* a client that hasn't said yet what it wants */
  VSOCK_REQUESTED, /* the guest has yet to answer */
  VSOCK_CONNECTED,
  VSOCK_ENDED, /* the guest is to hear of it, and then it is gone */
} VsockState;

typedef struct VsockConnection VsockConnection;
struct VsockConnection
{
  Vm *vm;
  int fd; /* the host's end; -1: gone */
  VsockState state;
  uint32_t guest_port, host_port;
  /* Something to send to the guest, or it is over: the device looks again. */
  void (*changed) (VsockConnection *connection);
  void *opaque;

  unsigned to_send;      /* a bit a VsockOp */
  unsigned to_shut_down; /* what VSOCK_SHUTDOWN says */
  gboolean readable;     /* perhaps: nobody watches for it */
  gboolean host_ended;   /* nothing comes from there any more */
  unsigned guest_ended;  /* VSOCK_SHUTDOWN_… of the guest's */
  GSource *source;
  GIOCondition watched;

  GByteArray *waiting;                 /* for the host's end */
  uint32_t forwarded, told;            /* bytes that it has taken, and the guest was told that it has */
  uint32_t sent, peer_size, peer_took; /* the guest's credit for us */
};

VsockConnection *vsock_connection_new (Vm *vm, int fd, VsockState state,
                                       void (*changed) (VsockConnection *connection), void *opaque);
void vsock_connection_free (VsockConnection *connection);

/* -- From the guest */
void vsock_connection_credit (VsockConnection *connection, uint32_t size, uint32_t took);
/* FALSE: more than its credit; it is over. */
gboolean vsock_connection_take (VsockConnection *connection, const uint8_t *data, size_t length);
void vsock_connection_shut_down (VsockConnection *connection, unsigned flags);
/* The guest has taken a client's connection. */
void vsock_connection_answered (VsockConnection *connection);
/* Nothing is said to the guest. */
void vsock_connection_drop (VsockConnection *connection);
/* It is told: VSOCK_RST. */
void vsock_connection_reset (VsockConnection *connection);

/* -- For the guest */
/* What is to be sent next; VSOCK_INVALID: nothing now.  VSOCK_RW: perhaps there is something to read. */
VsockOp vsock_connection_next (VsockConnection *connection);
/* Of a VSOCK_RW: bytes read, at most `most` and what the guest has room for; 0: there were none after all. */
size_t vsock_connection_read (VsockConnection *connection, uint8_t *data, size_t most);
/* It was. */
void vsock_connection_sent (VsockConnection *connection, VsockOp op);
/* Both sides are through. */
gboolean vsock_connection_is_over (const VsockConnection *connection);
/* Watches the host's end for what it is waiting for. */
void vsock_connection_watch (VsockConnection *connection);

G_END_DECLS
