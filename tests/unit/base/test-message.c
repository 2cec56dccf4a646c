/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void
begin (void)
{
  g_assert_true (message_pair (ends));
}

static void
finish (void)
{
  close (ends[0]);
  close (ends[1]);
}

static unsigned
count_fds (void)
{
  unsigned n = 0;

  for (int fd = 0; fd < 64; fd++)
    n += fcntl (fd, F_GETFD) >= 0;
  return n;
}

static void
test_through (void)
{
  Message out = { .op = 7, .n_fds = 2, .serial = 99, .size = G_MAXUINT64, .result = -5, .a = 1, .b = 2 }, in;
  int fds[MESSAGE_MAX_FDS], some[2] = { open ("/dev/null", O_RDWR), open ("/dev/zero", O_RDONLY) };
  struct stat zero, got;

  begin ();
  message_set_text (&out, "disk0.path");
  g_assert_cmpint (message_receive (ends[1], &in, fds, 0), ==, -ETIMEDOUT);
  g_assert_cmpint (message_send (ends[0], &out, some, -1), ==, 0);
  g_assert_cmpint (message_receive (ends[1], &in, fds, -1), ==, 1);
  g_assert_cmpmem (&in, sizeof in, &out, sizeof out);
  g_assert_cmpint (fds[2], ==, -1);
  g_assert_cmpint (fcntl (fds[0], F_GETFD), ==, FD_CLOEXEC);
  fstat (some[1], &zero);
  fstat (fds[1], &got);
  g_assert_cmpuint (zero.st_rdev, ==, got.st_rdev);
  message_close_fds (fds);
  close (some[0]);
  close (some[1]);
  close (ends[0]);
  g_assert_cmpint (message_receive (ends[1], &in, fds, -1), ==, 0);
  g_assert_cmpint (message_send (ends[1], &out, (int[]){ 0, 0 }, -1), ==, -EPIPE);
  close (ends[1]);
}

/* Bytes as they are, with so many descriptors. */
static void
send_raw (const void *bytes, size_t length, unsigned n_fds)
{
  struct iovec part = { .iov_base = (void *)bytes, .iov_len = length };
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * 32)];
  } control = { 0 };
  struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

  if (n_fds > 0)
    {
      header.msg_control = control.space;
      header.msg_controllen = CMSG_SPACE (sizeof (int) * n_fds);
      struct cmsghdr *rights = CMSG_FIRSTHDR (&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (sizeof (int) * n_fds);
      memset (CMSG_DATA (rights), 0, sizeof (int) * n_fds); /* descriptor 0, so often */
    }
  g_assert_cmpint (sendmsg (ends[0], &header, 0), ==, length);
}

/* None leaves a descriptor behind. */
static void
test_hostile (void)
{
  char bytes[256] = { 0 };
  Message in, said = { .n_fds = 1 };
  int fds[MESSAGE_MAX_FDS];

  begin ();
  unsigned before = count_fds ();
  for (size_t length = 1; length <= sizeof bytes; length++)
    for (unsigned n_fds = 0; n_fds <= 32; n_fds += n_fds < 6 ? 1 : 13)
      {
        int expected = length == sizeof (Message) && n_fds == 0 ? 1 : -EPROTO;

        send_raw (bytes, length, n_fds);
        g_assert_cmpint (message_receive (ends[1], &in, fds, 0), ==, expected);
        g_assert_cmpint (fds[0], ==, -1);
      }
  send_raw (&said, sizeof said, 0);
  g_assert_cmpint (message_receive (ends[1], &in, fds, 0), ==, -EPROTO);
  said.n_fds = MESSAGE_MAX_FDS + 1;
  send_raw (&said, sizeof said, 5);
  g_assert_cmpint (message_receive (ends[1], &in, fds, 0), ==, -EPROTO);
  said.n_fds = 0;
  memset (said.text, 'x', sizeof said.text);
  send_raw (&said, sizeof said, 0);
  g_assert_cmpint (message_receive (ends[1], &in, fds, 0), ==, -EPROTO);
  g_assert_cmpuint (count_fds (), ==, before);
  finish ();
}

/* Who doesn't read keeps nobody. */
static void
test_full (void)
{
  Message out = { 0 };
  unsigned n = 0;
  int code;

  begin ();
  while ((code = message_send (ends[0], &out, NULL, 0)) == 0)
    g_assert_cmpuint (++n, <, 100000);
  g_assert_cmpint (code, ==, -ETIMEDOUT);
  finish ();
}

static void
test_text (void)
{
  const struct
  {
    const char *from, *text;
  } rows[] = {
    { "", "" },
    { "disk0", "disk0" },
    { "12345678901234567890123456789012345", "12345678901234567890123456789012345" },
    { "x12345678901234567890123456789012345", "12345678901234567890123456789012345" },
    { "/srv/ää345678901234567890123456789012345", "ä345678901234567890123456789012345" },
    { "äää3456789012345678901234567890123456", "3456789012345678901234567890123456" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Message message;

      message_set_text (&message, rows[i].from);
      g_assert_cmpstr (message.text, ==, rows[i].text);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message/through", test_through);
  g_test_add_func ("/message/hostile", test_hostile);
  g_test_add_func ("/message/full", test_full);
  g_test_add_func ("/message/text", test_text);
  return g_test_run ();
}
