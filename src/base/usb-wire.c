/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/usb-wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int
usb_wire_send (int socket, const UsbWireHeader *header, const void *data, uint32_t n_data, int fd,
               gboolean wait)
{
  struct iovec parts[] = { { (void *)header, sizeof *header }, { (void *)data, n_data } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = n_data > 0 ? 2 : 1 };
  union
  {
    char bytes[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control = { 0 };
  ssize_t n;

  if (n_data > USB_WIRE_DATA)
    return -EMSGSIZE;
  if (fd >= 0)
    {
      message.msg_control = control.bytes;
      message.msg_controllen = sizeof control.bytes;
      struct cmsghdr *rights = CMSG_FIRSTHDR (&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (sizeof fd);
      memcpy (CMSG_DATA (rights), &fd, sizeof fd);
    }
  do
    n = sendmsg (socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
  while (n < 0 && errno == EINTR);
  return n >= 0 ? 0 : -errno;
}

/* The first descriptor of a message; others are closed. */
static int
take_descriptors (struct msghdr *message, gboolean *too_many)
{
  int first = -1;

  for (struct cmsghdr *part = CMSG_FIRSTHDR (message); part != NULL; part = CMSG_NXTHDR (message, part))
    {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        continue;
      for (size_t at = CMSG_LEN (0); at + sizeof (int) <= part->cmsg_len; at += sizeof (int))
        {
          int fd;

          memcpy (&fd, (const char *)part + at, sizeof fd);
          if (first < 0)
            first = fd;
          else
            {
              close (fd);
              *too_many = TRUE;
            }
        }
    }
  return first;
}

int
usb_wire_receive (int socket, UsbWire *message, int *fd)
{
  struct iovec parts[]
      = { { &message->header, sizeof message->header }, { message->data, sizeof message->data } };
  union
  {
    char bytes[CMSG_SPACE (4 * sizeof (int))];
    struct cmsghdr align;
  } control;
  struct msghdr got = {
    .msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  gboolean bad = FALSE;
  ssize_t n;

  *fd = -1;
  do
    n = recvmsg (socket, &got, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EWOULDBLOCK ? -EAGAIN : errno == ECONNRESET ? 0 : -errno;
  *fd = take_descriptors (&got, &bad);
  if (n == 0 && *fd < 0)
    return 0;
  bad |= (got.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || n < (ssize_t)sizeof message->header
         || (*fd >= 0 && message->header.op != USB_WIRE_OPEN);
  if (!bad)
    {
      message->n_data = (uint32_t)((size_t)n - sizeof message->header);
      return 1;
    }
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
  return -EPROTO;
}
