/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The other side of virtio/vhost-user.h, on the test's own thread: it hears what the frontend sets up, and answers requests as its test wants.  For tests and fuzzers.
 */
#pragma once

#include "base/message.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FALSE_QUEUES 2
#define FALSE_RING   64u

typedef struct
{
  int helper, socket; /* its ends; -1: there is none (yet) */
  uint8_t *window;
  uint64_t size, base;
  int kick[FALSE_QUEUES], call[FALSE_QUEUES];
  uint64_t rings[FALSE_QUEUES][3]; /* descriptors, used, available: offsets in the window */
  uint16_t seen[FALSE_QUEUES], given[FALSE_QUEUES];
  uint64_t features; /* what it says it has */
  unsigned n_started;
} FalseVirtiofsd;

static inline void
false_close (FalseVirtiofsd *f)
{
  for (unsigned i = 0; i < FALSE_QUEUES; i++)
    {
      if (f->kick[i] > 0)
        close (f->kick[i]);
      if (f->call[i] > 0)
        close (f->call[i]);
      f->kick[i] = f->call[i] = -1;
      f->seen[i] = f->given[i] = 0;
    }
  if (f->window != NULL)
    munmap (f->window, f->size);
  f->window = NULL;
  if (f->socket >= 0)
    close (f->socket);
  if (f->helper >= 0)
    close (f->helper);
  f->socket = f->helper = -1;
}

/* As a VirtFsConfig's start(). */
static inline int
false_start (void *opaque, const char *id, unsigned *number, GError **error)
{
  FalseVirtiofsd *f = opaque;
  int helper[2], ends[2];

  false_close (f);
  if (!message_pair (helper) || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    g_error ("no sockets");
  f->helper = helper[1];
  f->socket = ends[1];
  message_send (f->helper, &(Message){ .n_fds = 1 }, &ends[0], 0);
  close (ends[0]);
  *number = ++f->n_started;
  return helper[0];
}

static inline void
false_end (void *opaque, unsigned number)
{
}

/* One message of the frontend's.  FALSE: there is none. */
static inline gboolean
false_hear (FalseVirtiofsd *f)
{
  uint32_t header[3], parts[10];
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control;
  struct iovec iov = { header, sizeof header };
  struct msghdr message
      = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  int fd = -1;

  if (f->socket < 0 || recvmsg (f->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof header)
    return FALSE;
  if (message.msg_controllen >= CMSG_LEN (sizeof fd))
    memcpy (&fd, CMSG_DATA (&control.header), sizeof fd);
  if (header[2] > sizeof parts
      || (header[2] > 0 && recv (f->socket, parts, header[2], MSG_DONTWAIT) != header[2]))
    return FALSE;
  const unsigned index = parts[0] % FALSE_QUEUES;
  uint64_t *wide = (uint64_t *)(void *)parts;
  switch (header[0])
    {
    case 1:
      {
        const uint32_t answer[5] = { 1, 5, 8, (uint32_t)f->features, (uint32_t)(f->features >> 32) };
        return send (f->socket, answer, sizeof answer, MSG_NOSIGNAL) == sizeof answer;
      }
    case 5:
      f->base = wide[1];
      f->size = wide[2];
      f->window = mmap (NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      break;
    case 9:
      for (unsigned i = 0; i < 3; i++)
        f->rings[index][i] = wide[1 + i] - f->base;
      break;
    case 12:
      f->kick[index] = fd;
      return TRUE;
    case 13:
      f->call[index] = fd;
      return TRUE;
    default:
      break;
    }
  if (fd >= 0)
    close (fd);
  return TRUE;
}

/* The next request: the index of its first descriptor; -1: there is none. */
static inline int
false_take (FalseVirtiofsd *f, unsigned n)
{
  uint16_t index, head;
  const uint8_t *available = f->window + f->rings[n][2];

  if (f->window == NULL)
    return -1;
  memcpy (&index, available + 2, 2);
  if (index == f->seen[n])
    return -1;
  memcpy (&head, available + 4 + 2 * (f->seen[n]++ % FALSE_RING), 2);
  return head;
}

static inline void
false_give (FalseVirtiofsd *f, unsigned n, uint32_t head, uint32_t length)
{
  uint8_t *used = f->window + f->rings[n][1];
  const uint32_t entry[2] = { head, length };
  const uint64_t one = 1;

  memcpy (used + 4 + 8 * (f->given[n]++ % FALSE_RING), entry, sizeof entry);
  memcpy (used + 2, &f->given[n], 2);
  (void)!send (f->call[n], &one, sizeof one, MSG_DONTWAIT | MSG_NOSIGNAL);
}

typedef struct
{
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
} FalseDescriptor;

static inline FalseDescriptor
false_descriptor (FalseVirtiofsd *f, unsigned n, unsigned i)
{
  FalseDescriptor descriptor;

  memcpy (&descriptor, f->window + f->rings[n][0] + 16ull * (i % FALSE_RING), sizeof descriptor);
  return descriptor;
}

/* The bytes of a request into `buffer`, and where its answer goes. */
static inline size_t
false_read (FalseVirtiofsd *f, unsigned n, unsigned head, uint8_t *buffer, size_t size, uint8_t **answer,
            size_t *room)
{
  size_t length = 0;
  FalseDescriptor descriptor;

  *answer = NULL;
  *room = 0;
  for (unsigned i = head, k = 0; k < FALSE_RING; i = descriptor.next, k++)
    {
      descriptor = false_descriptor (f, n, i);
      g_assert_cmphex (descriptor.address, >=, f->base);
      g_assert_cmphex (descriptor.address - f->base + descriptor.length, <=, f->size);
      if (descriptor.flags & 2)
        {
          *answer = f->window + (descriptor.address - f->base);
          *room = descriptor.length;
        }
      else
        {
          g_assert_cmpuint (length + descriptor.length, <=, size);
          memcpy (buffer + length, f->window + (descriptor.address - f->base), descriptor.length);
          length += descriptor.length;
        }
      if (!(descriptor.flags & 1))
        break;
    }
  return length;
}
