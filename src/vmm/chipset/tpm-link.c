/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * swtpm's control channel and stream of commands.  See tpm-link.h.
 */
#define G_LOG_DOMAIN "tpm"

#include "chipset/tpm-link.h"

#include "core/big-endian.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* swtpm_ioctls(3). */
enum
{
  CMD_INIT = 2,
  CMD_GET_ESTABLISHED = 4,
  CMD_SET_LOCALITY = 5,
  CMD_RESET_ESTABLISHED = 11,
  CMD_GET_STATE = 12,
  CMD_SET_STATE = 13,
  CMD_STOP = 14,
  CMD_SET_DATA_FD = 16,
  CMD_SET_BUFFER_SIZE = 17,

  INIT_DELETE_VOLATILE = 1,
};

#define HEADER       10u /* of a command or an answer: tag, size, code (TPM 2.0 library, part 1, 18) */
#define PATIENCE_US  (10 * G_USEC_PER_SEC)
#define PIECE        4096u
#define MOST_REQUEST 64u

struct TpmLink
{
  Vm *vm;
  int control, data; /* -1: dead */
  TpmLinkDone done;
  void *opaque;
  GSource *source;
  gboolean busy;
  /* What a register has asked for, to be said on the device loop: a processor's thread neither waits nor may it. */
  int wake; /* an eventfd */
  GSource *wake_source;
  const uint8_t *command; /* the caller's, until done(); NULL: none, or it is sent */
  size_t length;
  uint8_t wanted_locality;
  int reset_locality; /* -1: none */
  uint8_t response[TPM_BUFFER];
  size_t have;
  int locality; /* -1: not told */
};

static void
die (TpmLink *link, const char *why)
{
  if (link->control < 0)
    return;
  g_message ("the TPM's process %s; the machine goes on without a TPM until it is started again", why);
  close (link->control);
  close (link->data);
  link->control = link->data = -1;
  if (link->source != NULL)
    g_source_destroy (link->source);
  g_clear_pointer (&link->source, g_source_unref);
}

/* Also tells whose command it had. */
static void
give_up (TpmLink *link, const char *why)
{
  die (link, why);
  if (!link->busy)
    return;
  link->busy = FALSE;
  link->command = NULL;
  link->done (link->opaque, NULL, 0);
}

/* -- Control --------------------------------------------------------------------------------------------- */

/* Waits until `fd` is ready or the time is over. */
static gboolean
wait_for (int fd, short events, gint64 end)
{
  for (;;)
    {
      struct pollfd entry = { .fd = fd, .events = events };
      const gint64 left = end - g_get_monotonic_time ();
      const int n = left > 0 ? poll (&entry, 1, (int)(left / 1000) + 1) : 0;

      if (n > 0)
        return TRUE;
      if (n == 0 || errno != EINTR)
        return FALSE;
    }
}

/* `fd`: one that goes with the first byte; -1. */
static gboolean
send_all (int socket, const uint8_t *bytes, size_t length, int fd, gint64 end)
{
  while (length > 0)
    {
      struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
      union
      {
        char bytes[CMSG_SPACE (sizeof (int))];
        struct cmsghdr header;
      } ancillary = { 0 };
      struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

      if (fd >= 0)
        {
          message.msg_control = &ancillary;
          message.msg_controllen = sizeof ancillary;
          ancillary.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                               .cmsg_type = SCM_RIGHTS,
                                               .cmsg_len = CMSG_LEN (sizeof (int)) };
          memcpy (CMSG_DATA (&ancillary.header), &fd, sizeof fd);
        }
      const ssize_t n = sendmsg (socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN && wait_for (socket, POLLOUT, end))
        continue;
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      fd = -1;
      bytes += n;
      length -= (size_t)n;
    }
  return TRUE;
}

static gboolean
receive_all (int socket, uint8_t *bytes, size_t length, gint64 end)
{
  while (length > 0)
    {
      const ssize_t n = recv (socket, bytes, length, MSG_DONTWAIT);

      if (n < 0 && errno == EAGAIN && wait_for (socket, POLLIN, end))
        continue;
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      bytes += n;
      length -= (size_t)n;
    }
  return TRUE;
}

/* A request, and an answer of exactly that size, whose first word is the result: 0 is good.  FALSE on any other; the link is dead only where the answer
 * didn't come. */
static gboolean
ask (TpmLink *link, uint32_t command, const uint8_t *body, size_t length, int fd, uint8_t *answer,
     size_t size)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_US;
  uint8_t request[MOST_REQUEST];

  if (link->control < 0)
    return FALSE;
  put_be32 (request, command);
  if (length > 0)
    memcpy (request + 4, body, length);
  if (!send_all (link->control, request, 4 + length, fd, end)
      || !receive_all (link->control, answer, size, end))
    {
      give_up (link, "doesn't answer");
      return FALSE;
    }
  return get_be32 (answer) == 0;
}

/* The answer is the result alone. */
static gboolean
tell (TpmLink *link, uint32_t command, const uint8_t *body, size_t length)
{
  uint8_t answer[4];

  return ask (link, command, body, length, -1, answer, sizeof answer);
}

gboolean
tpm_link_stop (TpmLink *link)
{
  return tell (link, CMD_STOP, NULL, 0);
}

static void on_readable (int fd, GIOCondition condition, void *opaque);

/* A stream of its own for commands, so that nothing of an older one comes by it. */
static gboolean
open_stream (TpmLink *link)
{
  uint8_t answer[4];
  int ends[2];

  if (link->control < 0 || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return FALSE;
  const gboolean ok = ask (link, CMD_SET_DATA_FD, NULL, 0, ends[1], answer, sizeof answer);
  close (ends[1]);
  if (!ok)
    {
      close (ends[0]);
      return FALSE;
    }
  link->data = ends[0];
  link->source = vm_watch_fd (link->vm, link->data, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, link);
  return TRUE;
}

gboolean
tpm_link_start (TpmLink *link, gboolean resume)
{
  uint8_t size[4], answer[16], flags[4];

  link->locality = -1;
  if (link->busy)
    {
      give_up (link, "is still at a command");
      return FALSE;
    }
  put_be32 (size, TPM_BUFFER);
  put_be32 (flags, resume ? 0 : INIT_DELETE_VOLATILE);
  return tpm_link_stop (link) && ask (link, CMD_SET_BUFFER_SIZE, size, sizeof size, -1, answer, sizeof answer)
         && get_be32 (answer + 4) == TPM_BUFFER && tell (link, CMD_INIT, flags, sizeof flags);
}

gboolean
tpm_link_established (TpmLink *link)
{
  uint8_t answer[8];

  return ask (link, CMD_GET_ESTABLISHED, NULL, 0, -1, answer, sizeof answer) && answer[4] != 0;
}

static void
wake (TpmLink *link)
{
  const uint64_t one = 1;
  const ssize_t n = write (link->wake, &one, sizeof one);

  (void)n;
}

void
tpm_link_reset_established (TpmLink *link, uint8_t locality)
{
  if (link->busy)
    return;
  link->reset_locality = locality;
  wake (link);
}

gboolean
tpm_link_get_blob (TpmLink *link, TpmBlob which, uint8_t *data, uint32_t most, uint32_t *length)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_US;
  uint8_t body[12] = { 0 }, answer[16];

  *length = 0;
  put_be32 (body + 4, which);
  if (!ask (link, CMD_GET_STATE, body, sizeof body, -1, answer, sizeof answer))
    return FALSE;
  /* All at once, from its beginning on. */
  const uint32_t total = get_be32 (answer + 8), n = get_be32 (answer + 12);
  if (n != total || n > most || !receive_all (link->control, data, n, end))
    {
      give_up (link, "doesn't say what is saved of it");
      return FALSE;
    }
  *length = n;
  return TRUE;
}

gboolean
tpm_link_set_blob (TpmLink *link, TpmBlob which, const uint8_t *data, uint32_t length)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_US;
  uint8_t request[16], answer[4];

  if (link->control < 0)
    return FALSE;
  put_be32 (request, CMD_SET_STATE);
  put_be32 (request + 4, 0);
  put_be32 (request + 8, which);
  put_be32 (request + 12, length);
  if (!send_all (link->control, request, sizeof request, -1, end)
      || !send_all (link->control, data, length, -1, end)
      || !receive_all (link->control, answer, sizeof answer, end))
    {
      give_up (link, "doesn't take what was saved of it");
      return FALSE;
    }
  return get_be32 (answer) == 0;
}

/* -- Commands -------------------------------------------------------------------------------------------- */

static void
on_readable (int fd, GIOCondition condition, void *opaque)
{
  TpmLink *link = opaque;
  const size_t want = link->have < HEADER ? HEADER : get_be32 (link->response + 2);
  const ssize_t n = recv (link->data, link->response + link->have, want - link->have, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0 || !link->busy)
    {
      give_up (link, n <= 0 ? "has ended" : "answers what nobody has asked");
      return;
    }
  link->have += (size_t)n;
  if (link->have < HEADER)
    return;
  const uint32_t size = get_be32 (link->response + 2);
  if (size < HEADER || size > TPM_BUFFER)
    {
      give_up (link, "gives answers that are none");
      return;
    }
  if (link->have < size)
    return;
  link->have = 0;
  link->busy = FALSE;
  link->done (link->opaque, link->response, size);
}

gboolean
tpm_link_submit (TpmLink *link, uint8_t locality, const uint8_t *command, size_t length)
{
  if (link->control < 0 || link->busy || length < HEADER || length > TPM_BUFFER
      || get_be32 (command + 2) < HEADER || get_be32 (command + 2) > length)
    return FALSE;
  link->busy = TRUE;
  link->command = command;
  link->length = get_be32 (command + 2);
  link->wanted_locality = locality;
  wake (link);
  return TRUE;
}

static void
send_command (TpmLink *link)
{
  const uint8_t *command = g_steal_pointer (&link->command);

  link->have = 0;
  if (link->locality != link->wanted_locality)
    {
      if (!tell (link, CMD_SET_LOCALITY, &link->wanted_locality, 1))
        {
          give_up (link, "doesn't know the locality");
          return;
        }
      link->locality = link->wanted_locality;
    }
  /* It has no other command, so there is room. */
  if (!send_all (link->data, command, link->length, -1, g_get_monotonic_time () + PATIENCE_US))
    give_up (link, "takes no commands");
}

static void
on_wake (int fd, GIOCondition condition, void *opaque)
{
  TpmLink *link = opaque;
  uint64_t count;
  const ssize_t n = read (fd, &count, sizeof count);
  const uint8_t locality = (uint8_t)link->reset_locality;

  (void)n;
  if (link->reset_locality >= 0)
    tell (link, CMD_RESET_ESTABLISHED, &locality, 1);
  link->reset_locality = -1;
  if (link->command != NULL)
    send_command (link);
}

gboolean
tpm_link_busy (const TpmLink *link)
{
  return link->busy;
}

gboolean
tpm_link_is_dead (const TpmLink *link)
{
  return link->control < 0;
}

TpmLink *
tpm_link_new (Vm *vm, int control, TpmLinkDone done, void *opaque, GError **error)
{
  TpmLink *link = g_new0 (TpmLink, 1);

  link->vm = vm;
  link->control = control;
  link->data = -1;
  link->done = done;
  link->opaque = opaque;
  link->locality = link->reset_locality = -1;
  link->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (link->wake >= 0)
    link->wake_source = vm_watch_fd (vm, link->wake, G_IO_IN, on_wake, link);
  if (link->wake >= 0 && open_stream (link))
    return link;
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_FAILED,
      "The TPM's process (swtpm) doesn't answer. Install the package swtpm, or look into the machine's log");
  tpm_link_free (link);
  return NULL;
}

void
tpm_link_free (TpmLink *link)
{
  if (link == NULL)
    return;
  if (link->source != NULL)
    g_source_destroy (link->source);
  g_clear_pointer (&link->source, g_source_unref);
  if (link->wake_source != NULL)
    g_source_destroy (link->wake_source);
  g_clear_pointer (&link->wake_source, g_source_unref);
  if (link->wake >= 0)
    close (link->wake);
  if (link->control >= 0)
    close (link->control);
  if (link->data >= 0)
    close (link->data);
  g_free (link);
}
