/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-net as its monitor and its guest see it: the test is both, and the host's end of each connection, too.  All of it stays on this computer.
 */
#include "base/child.h"
#include "base/net-messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 60000

static const uint8_t our_mac[6] = { 0x02, 0, 0, 0x11, 0x22, 0x33 };
static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static int monitor = -1, wire = -1;
static pid_t pid;
static uint8_t host_mac[6];

/* -- The monitor's part ---------------------------------------------------------------------------- */

static unsigned start_flags;

static void
begin_with (const char *hostname, const char *bootfile, const char *forwards)
{
  g_autoptr (GError) error = NULL;
  int ends[2], fd = net_config_new (hostname, bootfile, forwards);

  monitor = child_start_helper (VIVARIUM_NET, &pid, &error);
  g_assert_no_error (error);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  wire = ends[0];
  g_assert_cmpint (message_send (monitor, &(Message){ .op = NET_MESSAGE_START, .n_fds = 2, .a = start_flags },
                                 (int[]){ fd, ends[1] }, WAIT_MS),
                   ==, 0);
  close (fd);
  close (ends[1]);
}

static Message
hear (void)
{
  Message message = { 0 };
  int fds[MESSAGE_MAX_FDS];

  g_assert_cmpint (message_receive (monitor, &message, fds, WAIT_MS), ==, 1);
  g_assert_cmpuint (message.n_fds, ==, 0);
  return message;
}

static void
begin (const char *forwards)
{
  begin_with ("vivid", "boot.ipxe", forwards);
  g_assert_cmpuint (hear ().op, ==, NET_MESSAGE_READY);
}

/* It has ended, of its own will. */
static void
ended (void)
{
  int status = 0;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
}

static void
end (void)
{
  close (monitor);
  ended ();
  close (wire);
}

static int
set_forwards (const char *forwards, uint32_t serial)
{
  const int fd = net_config_new ("", "", forwards);
  int n_refused = 0;
  Message message;

  g_assert_cmpint (message_send (monitor,
                                 &(Message){ .op = NET_MESSAGE_FORWARDS, .n_fds = 1, .serial = serial }, &fd,
                                 WAIT_MS),
                   ==, 0);
  close (fd);
  for (; (message = hear ()).op == NET_MESSAGE_REFUSED; n_refused++)
    g_assert_cmpint (message.result, ==, EADDRINUSE);
  g_assert_cmpuint (message.op, ==, NET_MESSAGE_DONE);
  g_assert_cmpuint (message.serial, ==, serial);
  return n_refused;
}

/* -- The guest's part ------------------------------------------------------------------------------ */

static void
put16 (uint8_t *p, unsigned value)
{
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static unsigned
get16 (const uint8_t *p)
{
  return p[0] * 256u + p[1];
}

static void
put_address (uint8_t *p, const char *text)
{
  g_assert_cmpint (inet_pton (AF_INET, text, p), ==, 1);
}

static void
put_packet (const void *packet, size_t length)
{
  uint8_t header[NET_WIRE_HEADER] = { 0 };
  struct iovec iov[] = { { header, sizeof header }, { (void *)packet, length } };
  const struct msghdr message = { .msg_iov = iov, .msg_iovlen = G_N_ELEMENTS (iov) };

  g_assert_cmpint (sendmsg (wire, &message, MSG_NOSIGNAL), ==, sizeof header + length);
}

/* Without its header; -1: there is none. */
static ssize_t
take_packet (void *packet, size_t size)
{
  uint8_t header[NET_WIRE_HEADER];
  struct iovec iov[] = { { header, sizeof header }, { packet, size } };
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = G_N_ELEMENTS (iov) };
  const ssize_t n = recvmsg (wire, &message, MSG_DONTWAIT);

  g_assert_true (n < 0 || n > (ssize_t)sizeof header);
  return n < 0 ? n : n - (ssize_t)sizeof header;
}

/* Answers who asks for the guest's address; TRUE: it was that. */
static gboolean
answer_arp (const uint8_t *p, size_t length)
{
  uint8_t answer[42];

  if (length < 42 || get16 (p + 12) != 0x0806)
    return FALSE;
  memcpy (host_mac, p + 22, 6);
  if (p[21] != 1 || memcmp (p + 38, (const uint8_t[]){ 10, 0, 2, 15 }, 4) != 0)
    return TRUE;
  memcpy (answer, p, 42);
  memcpy (answer, p + 6, 6);
  memcpy (answer + 6, our_mac, 6);
  answer[21] = 2;
  memcpy (answer + 22, our_mac, 6);
  memcpy (answer + 28, p + 38, 4);
  memcpy (answer + 32, p + 22, 10);
  put_packet (answer, sizeof answer);
  return TRUE;
}

/* The next one that is UDP over IPv4; its length. */
static size_t
take_udp (uint8_t *packet, size_t size)
{
  for (;;)
    {
      struct pollfd wait = { wire, POLLIN, 0 };

      g_assert_cmpint (poll (&wait, 1, WAIT_MS), ==, 1);
      const ssize_t n = take_packet (packet, size);
      g_assert_cmpint (n, >, 0);
      if (!answer_arp (packet, (size_t)n) && n >= 42 && get16 (packet + 12) == 0x0800 && packet[23] == 17)
        return (size_t)n;
    }
}

static uint16_t
ip_sum (const uint8_t *ip)
{
  uint32_t sum = 0;

  for (unsigned i = 0; i < 20; i += 2)
    sum += get16 (ip + i);
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void
put_udp (const uint8_t *mac, const char *from, const char *to, unsigned from_port, unsigned to_port,
         const void *payload, size_t length)
{
  uint8_t p[1514] = { 0 };

  memcpy (p, mac, 6);
  memcpy (p + 6, our_mac, 6);
  put16 (p + 12, 0x0800);
  p[14] = 0x45;
  put16 (p + 16, (unsigned)(28 + length));
  p[22] = 64;
  p[23] = 17;
  put_address (p + 26, from);
  put_address (p + 30, to);
  put16 (p + 24, ip_sum (p + 14));
  put16 (p + 34, from_port);
  put16 (p + 36, to_port);
  put16 (p + 38, (unsigned)(8 + length)); /* without a sum */
  memcpy (p + 42, payload, length);
  put_packet (p, 42 + length);
}

/* Until a guest has had an address nothing finds it. */
static void
dhcp (void)
{
  uint8_t ask[300] = { 1, 1, 6, 0, 1, 2, 3, 4 }, p[2048];
  size_t n;

  for (uint8_t kind = 1; kind <= 3; kind += 2)
    {
      memcpy (ask + 28, our_mac, 6);
      memcpy (ask + 236, (const uint8_t[]){ 99, 130, 83, 99, 53, 1, kind, 50, 4, 10, 0, 2, 15, 255 }, 14);
      put_udp (everybody, "0.0.0.0", "255.255.255.255", 68, 67, ask, sizeof ask);
      n = take_udp (p, sizeof p);
      g_assert_cmpuint (n, >, 42 + 240);
      g_assert_cmpuint (get16 (p + 36), ==, 68);
      g_assert_cmpmem (p + 42 + 16, 4, ((const uint8_t[]){ 10, 0, 2, 15 }), 4);
      g_assert_cmpstr ((const char *)p + 42 + 108, ==, "boot.ipxe");
      g_assert_cmpuint (p[42 + 242], ==, kind == 1 ? 2 : 5);
      g_assert_nonnull (memmem (p + 42, n - 42, "\x0c\x05vivid", 7));
    }
  memcpy (host_mac, p + 6, 6);
}

/* -- The tests ------------------------------------------------------------------------------------- */

static void
test_dhcp (void)
{
  begin ("");
  dhcp ();
  end ();
}

static int
listen_udp (unsigned *port)
{
  struct sockaddr_in place = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof place;
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *)&place, sizeof place), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&place, &length), ==, 0);
  *port = ntohs (place.sin_port);
  return fd;
}

/* To this computer and back. */
static void
test_out (void)
{
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  uint8_t p[2048];
  char text[64];
  unsigned port;
  const int fd = listen_udp (&port);

  begin ("");
  dhcp ();
  put_udp (host_mac, "10.0.2.15", "10.0.2.2", 4444, port, "hello", 5);
  g_assert_cmpint (recvfrom (fd, text, sizeof text, 0, (struct sockaddr *)&from, &length), ==, 5);
  g_assert_cmpmem (text, 5, "hello", 5);
  g_assert_cmpint (sendto (fd, "answer", 6, 0, (struct sockaddr *)&from, length), ==, 6);
  g_assert_cmpuint (take_udp (p, sizeof p), ==, 42 + 6);
  g_assert_cmpuint (get16 (p + 36), ==, 4444);
  g_assert_cmpmem (p + 42, 6, "answer", 6);
  close (fd);
  end ();
}

static void
send_to_port (unsigned port, const char *text)
{
  struct sockaddr_in place = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                               .sin_port = htons ((uint16_t)port) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (sendto (fd, text, strlen (text), 0, (struct sockaddr *)&place, sizeof place), ==,
                   strlen (text));
  close (fd);
}

static void
test_forwards (void)
{
  unsigned port, other, taken;
  const int free_one = listen_udp (&port), free_two = listen_udp (&other), held = listen_udp (&taken);
  g_autofree char *one = g_strdup_printf ("udp::%u-:7000", port);
  g_autofree char *two = g_strdup_printf ("udp::%u-:7001,udp::%u-:7002", other, taken);
  g_autofree char *both = g_strdup_printf ("%s,%s", one, two);
  uint8_t p[2048];

  close (free_one);
  close (free_two);
  begin (one);
  dhcp ();
  send_to_port (port, "in");
  g_assert_cmpuint (take_udp (p, sizeof p), ==, 42 + 2);
  g_assert_cmpuint (get16 (p + 36), ==, 7000);
  /* Others while it runs; a port that somebody has is told. */
  g_assert_cmpint (set_forwards (both, 7), ==, 1);
  send_to_port (port, "in");
  take_udp (p, sizeof p);
  g_assert_cmpuint (get16 (p + 36), ==, 7000);
  send_to_port (other, "in");
  take_udp (p, sizeof p);
  g_assert_cmpuint (get16 (p + 36), ==, 7001);
  /* And gone: the port is free again. */
  g_assert_cmpint (set_forwards ("", 8), ==, 0);
  struct sockaddr_in place = { .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                               .sin_port = htons ((uint16_t)port) };
  const int again = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (again, (struct sockaddr *)&place, sizeof place), ==, 0);
  close (again);
  close (held);
  end ();
}

/* A guest that is kept in has its address and what comes to it; what it sends to others gets nowhere. */
static void
test_restricted (void)
{
  unsigned port, out;
  const int free_one = listen_udp (&port), fd = listen_udp (&out);
  g_autofree char *one = g_strdup_printf ("udp::%u-:7000", port);
  uint8_t p[2048];
  char text[64];

  close (free_one);
  start_flags = NET_START_RESTRICTED;
  begin (one);
  start_flags = 0;
  dhcp ();
  put_udp (host_mac, "10.0.2.15", "10.0.2.2", 4444, out, "hello", 5);
  /* Behind that one on the same way. */
  send_to_port (port, "in");
  g_assert_cmpuint (take_udp (p, sizeof p), ==, 42 + 2);
  g_assert_cmpuint (get16 (p + 36), ==, 7000);
  g_assert_cmpint (recv (fd, text, sizeof text, MSG_DONTWAIT), <, 0);
  close (fd);
  end ();
}

static void
test_refused_at_start (void)
{
  unsigned taken;
  const int held = listen_udp (&taken);
  g_autofree char *one = g_strdup_printf ("udp::%u-:7000", taken);

  begin_with ("", "", one);
  const Message message = hear ();
  g_assert_cmpuint (message.op, ==, NET_MESSAGE_REFUSED);
  g_assert_cmpuint (message.a, ==, 0);
  g_assert_cmpint (message.result, ==, EADDRINUSE);
  g_assert_cmpuint (hear ().op, ==, NET_MESSAGE_READY);
  close (held);
  end ();
}

/* What is there of the guest's packets makes it no worse. */
static void
test_hostile_guest (void)
{
  uint8_t p[2048];
  g_autofree uint8_t *big = g_malloc0 (70000);

  begin ("");
  dhcp ();
  for (unsigned length = 1; length < 120; length++)
    for (unsigned kind = 0; kind < 6; kind++)
      {
        static const uint16_t types[6] = { 0x0800, 0x86dd, 0x0806, 0x0800, 0x0800, 0x86dd };

        for (unsigned i = 0; i < length; i++)
          p[i] = (uint8_t)(i * 37 + length);
        if (length > 14)
          put16 (p + 12, types[kind]);
        if (length > 24 && kind >= 3)
          {
            p[14] = kind == 5 ? 0x60 : 0x45;
            put16 (p + 16, length - 14);
            p[kind == 5 ? 20 : 23] = kind == 4 ? 17 : 6;
          }
        put_packet (p, length);
        /* It must not wait for us. */
        while (take_packet (big, 70000) > 0)
          ;
      }
  memcpy (big, host_mac, 6);
  put16 (big + 12, 0x0800);
  big[14] = 0x45;
  put16 (big + 16, 65535);
  put_packet (big, 65549);
  put_packet (big, 65600);
  put_packet (big, 70000); /* dropped */
  dhcp ();
  end ();
}

/* A guest that reads nothing. */
static void
test_slow_guest (void)
{
  static const char text[1000];
  unsigned port;
  const int probe = listen_udp (&port);
  g_autofree char *one = g_strdup_printf ("udp::%u-:7000", port);

  close (probe);
  begin (one);
  dhcp ();
  send_to_port (port, "in");
  uint8_t p[2048];
  take_udp (p, sizeof p); /* it knows our address now */
  for (unsigned i = 0; i < 5000; i++)
    {
      struct sockaddr_in place = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                   .sin_port = htons ((uint16_t)port) };
      const int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      (void)sendto (fd, text, sizeof text, 0, (struct sockaddr *)&place, sizeof place);
      close (fd);
    }
  /* It answers its monitor all the same. */
  g_assert_cmpint (set_forwards (one, 3), ==, 0);
  end ();
}

static void
test_tftp (void)
{
  g_autofree char *folder = g_dir_make_tmp ("vivarium-tftp-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "boot.txt", NULL),
                  *secret = g_strconcat (folder, "-secret", NULL);
  char option[] = "--socket", number[] = "3", tftp[] = "--tftp";
  char program[] = VIVARIUM_NET;
  char *const arguments[] = { program, option, number, tftp, folder, NULL };
  const ChildFiles ours = { -1, -1, -1 };
  g_autoptr (GError) error = NULL;
  int ends[2], fd = net_config_new ("vivid", "boot.ipxe", "");
  uint8_t p[2048];

  g_assert_true (g_file_set_contents (file, "over tftp", -1, &error));
  g_assert_true (g_file_set_contents (secret, "a secret", -1, &error));
  monitor = child_start (arguments, &ours, &pid, &error);
  g_assert_no_error (error);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  wire = ends[0];
  message_send (monitor, &(Message){ .op = NET_MESSAGE_START, .n_fds = 2 }, (int[]){ fd, ends[1] }, WAIT_MS);
  close (fd);
  close (ends[1]);
  g_assert_cmpuint (hear ().op, ==, NET_MESSAGE_READY);
  dhcp ();
  put_udp (host_mac, "10.0.2.15", "10.0.2.2", 2000, 69, "\0\1boot.txt\0octet", 17);
  g_assert_cmpuint (take_udp (p, sizeof p), ==, 42 + 4 + 9);
  g_assert_cmpmem (p + 46, 9, "over tftp", 9);
  /* Out of the folder there is nothing. */
  g_autofree char *base = g_path_get_basename (secret);
  g_autofree char *above = g_strdup_printf ("../%s", base);
  g_autoptr (GByteArray) ask = g_byte_array_new ();
  g_byte_array_append (ask, (const guint8 *)"\0\1", 2);
  g_byte_array_append (ask, (const guint8 *)above, (guint)strlen (above) + 1);
  g_byte_array_append (ask, (const guint8 *)"octet", 6);
  put_udp (host_mac, "10.0.2.15", "10.0.2.2", 2001, 69, ask->data, ask->len);
  take_udp (p, sizeof p);
  g_assert_cmpuint (get16 (p + 42), ==, 5); /* an error */
  end ();
  g_unlink (file);
  g_unlink (secret);
  g_rmdir (folder);
}

/* -- Liars ----------------------------------------------------------------------------------------- */

static void
start_only (void)
{
  g_autoptr (GError) error = NULL;

  monitor = child_start_helper (VIVARIUM_NET, &pid, &error);
  g_assert_no_error (error);
}

/* It says that it can't, or just ends. */
static void
refuses (const Message *first, const int *fds)
{
  Message message;
  int none[MESSAGE_MAX_FDS];

  start_only ();
  message_send (monitor, first, fds, WAIT_MS);
  const int code = message_receive (monitor, &message, none, WAIT_MS);
  g_assert_true (code <= 0 || message.op == NET_MESSAGE_FAILED);
  ended ();
  close (monitor);
}

static int
plain_memfd (const char *bytes, size_t length, int seals)
{
  const int fd = memfd_create ("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (ftruncate (fd, (off_t)length), ==, 0);
  g_assert_cmpint (pwrite (fd, bytes, MIN (length, 16384), 0), ==, MIN (length, 16384));
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, seals), ==, 0);
  return fd;
}

static void
test_liars (void)
{
  static const char zeros[16385];
  const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  int pair[2], streams[2], fifo[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams), ==, 0);
  g_assert_cmpint (pipe2 (fifo, O_CLOEXEC), ==, 0);
  const int good = net_config_new ("", "", "");
  const int configs[] = {
    plain_memfd ("\0\0", 3, 0),             /* not sealed */
    plain_memfd ("\0\0", 3, F_SEAL_SHRINK), /* nor enough */
    plain_memfd ("", 0, all),               /* empty */
    plain_memfd ("\0\0", 2, all),           /* two texts */
    plain_memfd ("\0\0\0", 4, all),         /* four */
    plain_memfd ("\0\0x", 3, all),          /* no end */
    plain_memfd (zeros, sizeof zeros, all), /* too long */
    plain_memfd ("-\0\0", 4, all),          /* no host's name */
    plain_memfd ("a b\0\0", 6, all),        /* nor this */
    plain_memfd ("\0\xff\0", 4, all),       /* no text */
    plain_memfd ("\0\0tcp::0-:0", 12, all), /* no forward */
    net_config_new ("", zeros, "x"),        /* nor this */
    fifo[0],
    pair[0],
  };
  g_autofree char *long_name = g_strnfill (NET_BOOTFILE_SIZE + 1, 'x');
  const int long_boot = net_config_new ("", long_name, "");

  for (unsigned i = 0; i < G_N_ELEMENTS (configs); i++)
    {
      g_test_message ("configuration %u", i);
      refuses (&(Message){ .op = NET_MESSAGE_START, .n_fds = 2 }, (int[]){ configs[i], pair[1] });
    }
  refuses (&(Message){ .op = NET_MESSAGE_START, .n_fds = 2 }, (int[]){ long_boot, pair[1] });
  refuses (&(Message){ .op = NET_MESSAGE_START, .n_fds = 2 }, (int[]){ good, streams[1] });
  refuses (&(Message){ .op = NET_MESSAGE_START, .n_fds = 2 }, (int[]){ good, fifo[1] });
  refuses (&(Message){ .op = NET_MESSAGE_START, .n_fds = 1 }, &good);
  refuses (&(Message){ .op = NET_MESSAGE_START }, NULL);
  refuses (&(Message){ .op = NET_MESSAGE_FORWARDS, .n_fds = 1 }, &good);
  refuses (&(Message){ .op = 99 }, NULL);
  /* Later. */
  for (unsigned op = 0; op < 10; op++)
    {
      begin ("");
      message_send (monitor, &(Message){ .op = (uint16_t)op, .n_fds = op % 2 == 0 }, &fifo[0], WAIT_MS);
      ended ();
      close (monitor);
      close (wire);
    }
  /* The wire's end is its own. */
  begin ("");
  close (wire);
  ended ();
  close (monitor);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nat/dhcp", test_dhcp);
  g_test_add_func ("/nat/out", test_out);
  g_test_add_func ("/nat/forwards", test_forwards);
  g_test_add_func ("/nat/restricted", test_restricted);
  g_test_add_func ("/nat/refused-at-start", test_refused_at_start);
  g_test_add_func ("/nat/hostile-guest", test_hostile_guest);
  g_test_add_func ("/nat/slow-guest", test_slow_guest);
  g_test_add_func ("/nat/tftp", test_tftp);
  g_test_add_func ("/nat/liars", test_liars);
  return g_test_run ();
}
