/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The other side of chipset/tpm-link.h for tests: a thread that answers control requests (swtpm_ioctls(3)) and commands, with lies where told.  Its
 * permanent and volatile state are a few bytes, of which a command changes one.
 */
#pragma once

#include "core/big-endian.h"

#include <glib.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum
{
  FAKE_HONEST,
  FAKE_SHORT_ANSWER, /* half a header, then the end */
  FAKE_LONG_ANSWER,  /* its size is 2^32 - 1 */
  FAKE_TINY_ANSWER,  /* its size is 3 */
  FAKE_UNASKED,      /* two answers for one */
  FAKE_NO_CONTROL,   /* hangs up at the first request */
  FAKE_LONG_BLOB,    /* a state of 2^31 bytes */
  FAKE_REFUSES,      /* each request fails */
  FAKE_HANGS_UP,     /* instead of an answer */
  FAKE_LAST = FAKE_HANGS_UP,
  FAKE_REFUSES_VOLATILE, /* takes a permanent state and no volatile one */
} FakeLie;

typedef struct
{
  GThread *thread;
  int control, data, stop[2];
  volatile gint lie;
  uint8_t state[3][16]; /* by kind of blob */
  uint32_t state_size[3];
  unsigned inits, commands, last_flags, locality;
} FakeSwtpm;

static inline gboolean
fake_read (int fd, void *to, size_t n)
{
  return recv (fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static inline void
fake_write (int fd, const void *from, size_t n)
{
  const ssize_t sent = send (fd, from, n, MSG_NOSIGNAL);

  (void)sent;
}

/* The request's number, and the descriptor that came with it. */
static inline gboolean
fake_request (FakeSwtpm *fake, uint32_t *command, int *fd)
{
  uint8_t word[4];
  struct iovec iov = { word, sizeof word };
  union
  {
    char bytes[CMSG_SPACE (sizeof (int))];
    struct cmsghdr header;
  } ancillary;
  struct msghdr message
      = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary };

  *fd = -1;
  if (recvmsg (fake->control, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof word)
    return FALSE;
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  if (header != NULL && header->cmsg_type == SCM_RIGHTS)
    memcpy (fd, CMSG_DATA (header), sizeof *fd);
  *command = get_be32 (word);
  return TRUE;
}

static inline gboolean
fake_control (FakeSwtpm *fake)
{
  static const struct
  {
    unsigned command, body, answer;
  } sizes[] = { { 2, 4, 4 },   { 4, 0, 8 },  { 5, 1, 4 },  { 11, 1, 4 }, { 12, 12, 16 },
                { 13, 12, 4 }, { 14, 0, 4 }, { 16, 0, 4 }, { 17, 4, 16 } };
  const FakeLie lie = (FakeLie)g_atomic_int_get (&fake->lie);
  uint8_t body[16] = { 0 }, answer[16] = { 0 };
  unsigned i = 0;
  uint32_t command;
  int fd;

  if (!fake_request (fake, &command, &fd) || lie == FAKE_NO_CONTROL)
    return FALSE;
  while (i < G_N_ELEMENTS (sizes) && sizes[i].command != command)
    i++;
  g_assert_cmpuint (i, <, G_N_ELEMENTS (sizes));
  if (sizes[i].body > 0 && !fake_read (fake->control, body, sizes[i].body))
    return FALSE;
  if (fd >= 0)
    {
      if (fake->data >= 0)
        close (fake->data);
      fake->data = fd;
    }
  const uint32_t kind = MIN (get_be32 (body + 4), 2);
  if (command == 2)
    {
      fake->inits++;
      fake->last_flags = get_be32 (body);
    }
  else if (command == 5)
    fake->locality = body[0];
  else if (command == 12)
    {
      put_be32 (answer + 8, lie == FAKE_LONG_BLOB ? 0x80000000u : fake->state_size[kind]);
      put_be32 (answer + 12, lie == FAKE_LONG_BLOB ? 0x80000000u : fake->state_size[kind]);
    }
  else if (command == 13)
    {
      fake->state_size[kind] = get_be32 (body + 8);
      g_assert_cmpuint (fake->state_size[kind], <=, 16);
      if (!fake_read (fake->control, fake->state[kind], fake->state_size[kind]))
        return FALSE;
    }
  else if (command == 17)
    put_be32 (answer + 4, get_be32 (body));
  if (lie == FAKE_REFUSES || (lie == FAKE_REFUSES_VOLATILE && command == 13 && kind == 2))
    put_be32 (answer, 9);
  fake_write (fake->control, answer, sizes[i].answer);
  if (command == 12 && lie != FAKE_REFUSES && lie != FAKE_LONG_BLOB)
    fake_write (fake->control, fake->state[kind], fake->state_size[kind]);
  return TRUE;
}

/* Its answer is the command's bytes behind the header, backwards. */
static inline gboolean
fake_command (FakeSwtpm *fake)
{
  uint8_t command[4096], answer[4096];

  if (!fake_read (fake->data, command, 10))
    return FALSE;
  const uint32_t size = get_be32 (command + 2);
  g_assert_cmpuint (size, >=, 10);
  g_assert_cmpuint (size, <=, 3968);
  if (size > 10 && !fake_read (fake->data, command + 10, size - 10))
    return FALSE;
  fake->commands++;
  fake->state[2][0]++;
  memcpy (answer, "\x80\x01\0\0\0\0\0\0\0\0", 10);
  put_be32 (answer + 2, size);
  for (uint32_t i = 10; i < size; i++)
    answer[i] = command[size + 9 - i];
  switch ((FakeLie)g_atomic_int_get (&fake->lie))
    {
    case FAKE_SHORT_ANSWER:
      fake_write (fake->data, answer, 5);
      return FALSE;
    case FAKE_LONG_ANSWER:
      put_be32 (answer + 2, 0xffffffffu);
      break;
    case FAKE_TINY_ANSWER:
      put_be32 (answer + 2, 3);
      break;
    case FAKE_UNASKED:
      fake_write (fake->data, answer, size);
      break;
    case FAKE_HANGS_UP:
      return FALSE;
    default:
      break;
    }
  fake_write (fake->data, answer, size);
  return TRUE;
}

static inline gpointer
fake_run (gpointer data)
{
  FakeSwtpm *fake = data;

  for (;;)
    {
      struct pollfd fds[3] = { { .fd = fake->control, .events = POLLIN },
                               { .fd = fake->data, .events = POLLIN },
                               { .fd = fake->stop[0], .events = POLLIN } };

      poll (fds, 3, -1);
      if (fds[2].revents != 0 || (fds[0].revents != 0 && !fake_control (fake))
          || (fds[0].revents == 0 && fds[1].revents != 0 && !fake_command (fake)))
        break;
    }
  close (fake->control);
  if (fake->data >= 0)
    close (fake->data);
  return NULL;
}

/* The control channel's end for who connects. */
static inline int
fake_start (FakeSwtpm *fake, FakeLie lie)
{
  int ends[2];

  memset (fake, 0, sizeof *fake);
  fake->data = -1;
  fake->lie = lie;
  fake->state_size[1] = 5;
  fake->state_size[2] = 7;
  memcpy (fake->state[1], "perm", 5);
  memcpy (fake->state[2], "\0olatile", 7);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fake->stop), ==, 0);
  fake->control = ends[1];
  fake->thread = g_thread_new ("fake-swtpm", fake_run, fake);
  return ends[0];
}

static inline void
fake_end (FakeSwtpm *fake)
{
  fake_write (fake->stop[1], "x", 1);
  g_thread_join (fake->thread);
  close (fake->stop[0]);
  close (fake->stop[1]);
}
