/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of virtio-vsock that does as it likes (fuzz-virtio.h), with clients and servers at the host that do, too: a step of 0x80 and more is theirs.
 */
#include "fuzz-virtio.h"

#include "virtio/vsock.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define N_QUEUES 3
#define N_ENDS   6

static int ends[N_ENDS] = { -1, -1, -1, -1, -1, -1 }; /* the host's; clients and servers */
static unsigned next_end;

static void
keep (int fd)
{
  int *end = &ends[next_end++ % N_ENDS];

  if (*end >= 0)
    close (*end);
  *end = fd;
}

static int
begin (void *opaque, uint32_t port)
{
  int pair[2];

  if (port % 4 == 3 || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return -1;
  keep (pair[1]);
  return pair[0];
}

enum
{
  HOST_CONNECT = 0x80,
  HOST_SAY,
  HOST_SEND,
  HOST_READ,
  HOST_SHUT,
  HOST_CLOSE,
};

static void
hosts_turn (const struct sockaddr_un *address, FuzzBytes *bytes)
{
  static const char *const words[]
      = { "CONNECT 80\n", "CONNECT 1024\n", "CONN", "ECT 80\nmore", "\n", "nonsense\n" };
  static char buffer[65536];
  const unsigned what = fuzz_u8 (bytes), small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  int *end = &ends[small % N_ENDS];

  (void)fuzz_u32 (bytes);
  if (what == HOST_CONNECT)
    {
      const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

      if (fd >= 0 && connect (fd, (const struct sockaddr *)address, sizeof *address) == 0)
        keep (fd);
      else if (fd >= 0)
        close (fd);
    }
  if (*end < 0)
    return;
  if (what == HOST_SAY)
    {
      const char *word = words[middle % G_N_ELEMENTS (words)];
      (void)!send (*end, word, strlen (word), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  else if (what == HOST_SEND)
    (void)!send (*end, buffer, middle, MSG_DONTWAIT | MSG_NOSIGNAL);
  else if (what == HOST_READ)
    (void)!recv (*end, buffer, sizeof buffer, MSG_DONTWAIT);
  else if (what == HOST_SHUT)
    shutdown (*end, (int)(middle % 3));
  else if (what == HOST_CLOSE)
    {
      close (*end);
      *end = -1;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  VirtVsockConfig config = { .cid = 3, .connect = begin };
  Driver d;

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/vsock", fuzz_folder ());
  unlink (address.sun_path);
  config.listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (config.listener < 0 || bind (config.listener, (struct sockaddr *)&address, sizeof address) < 0
      || listen (config.listener, 4) < 0)
    abort ();
  driver_open (&d);
  vm_lock (d.vm);
  Device *vsock = virt_vsock_new (d.vm, "vsock0", pci_root_bus (d.root), DRIVER_DEVFN, &config, NULL);
  vsock->klass->reset (vsock);
  vm_unlock (d.vm);
  driver_map (&d);
  while (bytes.length > 0)
    if (*bytes.data >= 0x80)
      hosts_turn (&address, &bytes);
    else
      virt_step (&d, vsock, 1, N_QUEUES, &bytes);
  driver_pump ();
  driver_close (&d);
  for (unsigned i = 0; i < N_ENDS; i++)
    {
      if (ends[i] >= 0)
        close (ends[i]);
      ends[i] = -1;
    }
  next_end = 0;
  return 0;
}

#define QUEUE(n) ((n)*4)
/* A packet of the guest's: from port 1000 to `port`, with `more` bytes. */
#define SAY(op, port, more, flags)                                                        \
  STEP (WHAT_BYTES, 0, 0, 3), STEP (WHAT_BYTES, 0, 8, 2), STEP (WHAT_BYTES, 0, 16, 1000), \
      STEP (WHAT_BYTES, 0, 20, port), STEP (WHAT_BYTES, 0, 24, more),                     \
      STEP (WHAT_BYTES, 0, 28, 1 | (op) << 16), STEP (WHAT_BYTES, 0, 32, flags),          \
      STEP (WHAT_BYTES, 0, 36, 0x1000), STEP (WHAT_DESCRIBE, QUEUE (1), 0, 44 + (more)),  \
      STEP (WHAT_PUT, 0x80 | QUEUE (1), 0, 0), STEP (WHAT_PUMP, 0, 0, 0)
#define BUFFER(i) \
  STEP (WHAT_DESCRIBE, QUEUE (0), (i) | DESC_WRITE << 8, 1u << 29 | 0x2000), STEP (WHAT_PUT, 0x80, i, 0)
#define HOST(what, which, middle) STEP (what, which, middle, 0), STEP (WHAT_PUMP, 0, 0, 0)

static void
make (void)
{
  static const uint8_t guest[] = { STEP (WHAT_START, 3, 0, 0),
                                   BUFFER (0),
                                   BUFFER (1),
                                   BUFFER (2),
                                   SAY (1, 5, 0, 0),
                                   SAY (5, 5, 100, 0),
                                   HOST (HOST_READ, 0, 0),
                                   HOST (HOST_SEND, 0, 100),
                                   BUFFER (3),
                                   SAY (7, 5, 0, 0),
                                   HOST (HOST_SEND, 0, 60000),
                                   BUFFER (4),
                                   BUFFER (5),
                                   SAY (6, 5, 0, 0),
                                   SAY (5, 5, 0xf000, 0),
                                   SAY (5, 5, 0xf000, 0),
                                   HOST (HOST_SHUT, 0, 1),
                                   BUFFER (6),
                                   SAY (4, 5, 0, 3),
                                   BUFFER (7),
                                   SAY (3, 5, 0, 0) };
  static const uint8_t host[] = { STEP (WHAT_START, 0, 0, 0),
                                  BUFFER (0),
                                  BUFFER (1),
                                  HOST (HOST_CONNECT, 0, 0),
                                  HOST (HOST_SAY, 0, 2),
                                  HOST (HOST_SAY, 0, 3),
                                  SAY (2, 0x40000000, 0, 0),
                                  HOST (HOST_READ, 0, 0),
                                  BUFFER (2),
                                  SAY (5, 0x40000000, 9, 0),
                                  HOST (HOST_CLOSE, 0, 0),
                                  BUFFER (3),
                                  SAY (3, 0x40000000, 0, 0),
                                  HOST (HOST_CONNECT, 1, 0),
                                  HOST (HOST_SAY, 1, 5),
                                  HOST (HOST_CONNECT, 2, 0),
                                  HOST (HOST_SAY, 2, 0),
                                  HOST (HOST_CLOSE, 2, 0),
                                  BUFFER (4) };
  static const uint8_t saved[] = { STEP (WHAT_START, 1, 0, 0),
                                   BUFFER (0),
                                   SAY (1, 3, 0, 0),
                                   SAY (1, 4, 0, 0),
                                   SAY (1, 4, 0, 0),
                                   STEP (WHAT_DESCRIBE, QUEUE (2), 0 | DESC_WRITE << 8, 1u << 29 | 4),
                                   STEP (WHAT_PUT, 0x80 | QUEUE (2), 0, 0),
                                   SAY (1, 8, 0, 0),
                                   STEP (WHAT_PAUSE, 1, 0, 0),
                                   SAY (5, 8, 20, 0),
                                   BUFFER (1),
                                   STEP (WHAT_CONFIG, 1, 4, 0),
                                   SAY (1, 8, 0, 0),
                                   STEP (WHAT_RESET, 0, 0, 0) };

  virt_seed (guest, sizeof guest, 0);
  virt_seed (host, sizeof host, 0);
  virt_seed (saved, sizeof saved, 0);
}

const FuzzTarget fuzz_target = { "vmm/virtio/vsock.c vmm/virtio/vsock-connection.c", 1600, make };
