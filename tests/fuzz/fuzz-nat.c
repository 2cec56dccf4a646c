/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest on the user network that sends what it likes, and takes what comes or doesn't.  All of it stays in a network without an outside; where there can be none the
 * guest is kept in.
 *
 * Input: a byte for what the network is; then packets of two bytes for their length and a byte for what is put right in them (sums, addresses), which random
 * bytes never are.
 */
#include "fuzz.h"

#include "base/net-forward.h"
#include "base/net-messages.h"
#include "nat/nat.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_PACKETS 60
#define LONGEST      2000u

/* libslirp keeps the name of a file that was asked for by TFTP, also at its end, which in vivarium-net is that of the process. */
const char *__asan_default_options (void);
const char *
__asan_default_options (void)
{
  return "detect_leaks=0";
}

static int ready = -1; /* always to be read */
static gboolean alone;

static void
once (void)
{
  struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  g_autofree char *file = g_build_filename (fuzz_folder (), "boot", NULL);
  int fd;

  if (ready >= 0)
    return;
  ready = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  g_file_set_contents (file, "kernel", 6, NULL);
  alone = unshare (CLONE_NEWUSER | CLONE_NEWNET) == 0;
  fd = alone ? socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  if (fd < 0)
    return;
  (void)ioctl (fd, SIOCSIFFLAGS, &request);
  close (fd);
}

/* -- What is put right ----------------------------------------------------------------------------- */

static uint32_t
add (uint32_t sum, const uint8_t *data, size_t length)
{
  for (size_t i = 0; i < length; i++)
    sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
  return sum;
}

static void
put_sum (uint8_t *at, uint32_t sum)
{
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  at[0] = (uint8_t)(~sum >> 8);
  at[1] = (uint8_t)~sum;
}

static void
put_right (uint8_t *frame, size_t length, uint8_t what)
{
  static const uint8_t ours[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, host[6] = { 0x52, 0x55, 10, 0, 2, 2 };
  const gboolean ip6 = (what & 1) != 0;
  uint8_t *ip = frame + 14;
  const size_t header = ip6 ? 40 : 20;
  size_t rest, place;
  uint32_t sum;

  if (length < 14 || (what & 0x80) != 0)
    return;
  memcpy (frame, host, 6);
  memcpy (frame + 6, ours, 6);
  if ((what & 2) != 0)
    return; /* ARP, or anything */
  frame[12] = ip6 ? 0x86 : 0x08;
  frame[13] = ip6 ? 0xdd : 0;
  if (length < 14 + header + 8)
    return;
  rest = length - 14 - header;
  if (ip6)
    {
      ip[0] = 0x60;
      ip[4] = (uint8_t)(rest >> 8);
      ip[5] = (uint8_t)rest;
    }
  else
    {
      ip[0] = 0x45;
      ip[2] = (uint8_t)((header + rest) >> 8);
      ip[3] = (uint8_t)(header + rest);
      if ((what & 4) == 0)
        ip[6] = ip[7] = 0;
      ip[10] = ip[11] = 0;
      put_sum (ip + 10, add (0, ip, header));
    }
  const uint8_t protocol = ip6 ? ip[6] : ip[9];
  place = protocol == 6 ? 16 : protocol == 17 ? 6 : protocol == 1 || protocol == 58 ? 2 : 0;
  if (place == 0 || rest < place + 2)
    return;
  if (protocol == 17)
    {
      ip[header + 4] = (uint8_t)(rest >> 8);
      ip[header + 5] = (uint8_t)rest;
    }
  ip[header + place] = ip[header + place + 1] = 0;
  sum = protocol == 1 ? 0 : add ((uint32_t)rest + protocol, ip + (ip6 ? 8 : 12), ip6 ? 32 : 8);
  put_sum (ip + header + place, add (sum, ip + header, rest));
}

/* -- The guest ------------------------------------------------------------------------------------- */

static void
on_refused (void *opaque, unsigned forward, int code)
{
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  static uint8_t all[NET_WIRE_HEADER + LONGEST], got[70000];
  uint8_t *frame = all + NET_WIRE_HEADER;
  const uint8_t kind = fuzz_u8 (&bytes);
  int ends[2];
  Nat *nat;

  once ();
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    abort ();
  nat = nat_new (&(NatConfig){ .hostname = "fuzz",
                               .bootfile = kind & 2 ? "boot" : "",
                               .tftp = kind & 2 ? fuzz_folder () : NULL,
                               .restricted = (kind & 1) != 0 || !alone },
                 ends[1]);
  if (nat == NULL)
    abort ();
  if ((kind & 4) != 0 && alone)
    {
      g_autoptr (GArray) forwards
          = net_forwards_parse ("tcp::2222-:22,udp::5353-:53,tcp:[::1]:80-[fec0::15]:80");

      nat_set_forwards (nat, forwards, on_refused, NULL);
    }
  for (unsigned i = 0; i < MOST_PACKETS && bytes.length > 0; i++)
    {
      const size_t wanted = fuzz_u16 (&bytes) % (LONGEST + 1);
      const uint8_t what = fuzz_u8 (&bytes);
      const size_t given = MIN (wanted, bytes.length);

      memset (frame, 0, wanted);
      memcpy (frame, bytes.data, given);
      bytes.data += given;
      bytes.length -= given;
      put_right (frame, wanted, what);
      if (wanted > 0)
        (void)!send (ends[0], all, NET_WIRE_HEADER + wanted, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (!nat_run (nat, ready))
        break;
      if ((kind & 8) == 0)
        while (recv (ends[0], got, sizeof got, MSG_DONTWAIT) > 0)
          ;
    }
  nat_run (nat, ready);
  nat_free (nat);
  close (ends[0]);
  return 0;
}

/* -- Seeds ----------------------------------------------------------------------------------------- */

static void
put (GByteArray *all, uint8_t what, const void *frame, size_t length)
{
  const uint8_t head[] = { (uint8_t)length, (uint8_t)(length >> 8), what };

  g_byte_array_append (all, head, sizeof head);
  g_byte_array_append (all, frame, (guint)length);
}

/* An IPv4 packet from the guest; ports are those of TCP and UDP. */
static void
put_ip (GByteArray *all, uint8_t protocol, const uint8_t to[4], unsigned port, const void *data,
        size_t length)
{
  static const uint8_t from[4] = { 10, 0, 2, 15 };
  uint8_t frame[1514] = { 0 };
  uint8_t *ip = frame + 14;

  ip[8] = 64;
  ip[9] = protocol;
  memcpy (ip + 12, from, 4);
  memcpy (ip + 16, to, 4);
  ip[20] = 0x10;
  ip[22] = (uint8_t)(port >> 8);
  ip[23] = (uint8_t)port;
  memcpy (ip + 20 + (protocol == 1 ? 0 : protocol == 6 ? 4 : 8), data, length);
  put (all, 0, frame, 14 + 20 + (protocol == 1 ? 0 : protocol == 6 ? 4 : 8) + length);
}

static void
make (void)
{
  static const uint8_t gateway[4] = { 10, 0, 2, 2 }, names[4] = { 10, 0, 2, 3 },
                       all_of_it[4] = { 255, 255, 255, 255 };
  static const uint8_t syn[16] = { 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0 },
                       echo[16] = { 8, 0, 0, 0, 0, 1, 0, 1 };
  static const uint8_t arp[28] = { 0,  1, 8, 0,  6, 4, 0, 1, 0x52, 0x54, 0,  0x12, 0x34, 0x56,
                                   10, 0, 2, 15, 0, 0, 0, 0, 0,    0,    10, 0,    2,    2 };
  static const uint8_t query[] = "\0\1\1\0\0\1\0\0\0\0\0\0\4host\4test\0\0\1\0\1";
  uint8_t dhcp[300] = { 1, 1, 6, 0, 1, 2, 3, 4 }, frame[14 + 28] = { 0 }, solicit[14 + 40 + 24] = { 0 };

  memcpy (dhcp + 28, (const uint8_t[]){ 0x52, 0x54, 0, 0x12, 0x34, 0x56 }, 6);
  memcpy (dhcp + 236, (const uint8_t[]){ 99, 130, 83, 99, 53, 1, 1, 55, 3, 1, 3, 6, 255 }, 13);
  frame[12] = 8;
  frame[13] = 6;
  memcpy (frame + 14, arp, sizeof arp);
  solicit[14 + 6] = 58;
  solicit[14 + 7] = 255;
  solicit[14 + 8] = 0xfe;
  solicit[14 + 9] = 0x80;
  solicit[14 + 23] = 1;
  memcpy (solicit + 14 + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
  solicit[14 + 40] = 133;
  for (uint8_t kind = 0; kind < 16; kind += 3)
    {
      g_autoptr (GByteArray) all = g_byte_array_new ();

      g_byte_array_append (all, &kind, 1);
      put (all, 2, frame, sizeof frame);
      put_ip (all, 17, all_of_it, 67, dhcp, sizeof dhcp);
      put_ip (all, 6, gateway, 80, syn, sizeof syn);
      put_ip (all, 1, gateway, 0, echo, sizeof echo);
      put_ip (all, 17, names, 53, query, sizeof query - 1);
      put_ip (all, 17, gateway, 69, "\0\1boot\0octet\0blksize\0001024", 26);
      put (all, 1, solicit, sizeof solicit);
      fuzz_seed (all->data, all->len);
    }
  fuzz_word ("\x0a\0\2\2", 4);
  fuzz_word ("\x0a\0\2\3", 4);
  fuzz_word ("\x0a\0\2\x0f", 4);
  fuzz_word ("\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
  fuzz_word ("c\x82Sc", 4);
}

const FuzzTarget fuzz_target = { .room = "nat", .max_length = 8192, .make = make };
