/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first process of the Linux in which devices are measured: loads the modules that /modules/order names, does what the lines of /bench say, and says
 * on the debug console, which both monitors timestamp, when each begins and ends.  A line of /bench:
 *
 *   block NAME DEVICE read|write random|sequential SIZE DEPTH THREADS REQUESTS
 *
 * REQUESTS of SIZE bytes each past the page cache, shared among THREADS, of which each keeps DEPTH of them going.
 *
 *   net NAME INTERFACE up|down|requests N PORT
 *
 * Of 10.0.2.15, to PORT of 10.0.2.2: N bytes that way, or from there, or N times a byte there and back.
 *
 *   listen NAME SECONDS
 *
 * To all input devices, until nothing has come for so long; each time something comes is said.
 */
#include <errno.h>
#include <inttypes.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <linux/aio_abi.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEBUGCON    0x402
#define MOST_DEPTH  64
#define MOST_THREAD 16

static void
say (const char *what, const char *name)
{
  char line[128];

  snprintf (line, sizeof line, "\nbench %s %s\n", name, what);
  for (const char *p = line; *p != '\0'; p++)
    outb ((unsigned char)*p, DEBUGCON);
}

__attribute__ ((noreturn)) static void
end (void)
{
  sync ();
  reboot (RB_POWER_OFF);
  for (;;)
    pause ();
}

__attribute__ ((noreturn)) static void
fail (const char *what)
{
  char text[96];

  snprintf (text, sizeof text, "%s: %s", what, strerror (errno));
  say (text, "failed");
  end ();
}

static void
load_modules (void)
{
  FILE *order = fopen ("/modules/order", "r");
  char path[256];

  while (order != NULL && fscanf (order, "%255s", path) == 1)
    {
      const int fd = open (path, O_RDONLY | O_CLOEXEC);

      if (fd < 0 || (syscall (SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST))
        fail (path);
      close (fd);
    }
  if (order != NULL)
    fclose (order);
}

typedef struct
{
  int fd, write, random, depth, requests;
  uint64_t first, length; /* its part of the device, bytes */
  unsigned size;
  uint64_t state;
} Work;

static uint64_t
next_offset (Work *work, uint64_t *at)
{
  const uint64_t n = work->length / work->size;

  if (!work->random)
    return work->first + (*at)++ % n * work->size;
  work->state = work->state * 6364136223846793005u + 1442695040888963407u;
  return work->first + (work->state >> 33) % n * work->size;
}

static void *
run (void *opaque)
{
  Work *work = opaque;
  aio_context_t context = 0;
  struct iocb requests[MOST_DEPTH], *one;
  struct io_event events[MOST_DEPTH];
  char *memory;
  uint64_t at = 0;
  int begun = 0, done = 0;

  if (posix_memalign ((void **)&memory, 4096, (size_t)work->depth * work->size) != 0
      || syscall (SYS_io_setup, work->depth, &context) != 0)
    fail ("io_setup");
  memset (memory, 0x5a, (size_t)work->depth * work->size);
  memset (requests, 0, sizeof requests);
  for (int i = 0; i < work->depth; i++)
    {
      requests[i].aio_fildes = (uint32_t)work->fd;
      requests[i].aio_lio_opcode = work->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
      requests[i].aio_buf = (uint64_t)(uintptr_t)(memory + (size_t)i * work->size);
      requests[i].aio_nbytes = work->size;
      requests[i].aio_data = (uint64_t)i;
    }
  for (; begun < work->depth && begun < work->requests; begun++)
    {
      one = &requests[begun];
      one->aio_offset = (int64_t)next_offset (work, &at);
      if (syscall (SYS_io_submit, context, 1, &one) != 1)
        fail ("io_submit");
    }
  while (done < work->requests)
    {
      const long n = syscall (SYS_io_getevents, context, 1, work->depth, events, NULL);

      if (n < 1)
        fail ("io_getevents");
      for (long i = 0; i < n; i++)
        {
          if (events[i].res != (int64_t)work->size)
            fail ("a request");
          done++;
          if (begun == work->requests)
            continue;
          begun++;
          one = &requests[events[i].data];
          one->aio_offset = (int64_t)next_offset (work, &at);
          if (syscall (SYS_io_submit, context, 1, &one) != 1)
            fail ("io_submit");
        }
    }
  syscall (SYS_io_destroy, context);
  free (memory);
  return NULL;
}

static void
block (const char *line)
{
  char name[32], device[64], direction[8], order[16];
  unsigned size, depth, n_threads, requests;
  pthread_t threads[MOST_THREAD];
  Work works[MOST_THREAD];
  int fd = -1;

  if (sscanf (line, "block %31s %63s %7s %15s %u %u %u %u", name, device, direction, order, &size, &depth,
              &n_threads, &requests)
          != 8
      || depth == 0 || depth > MOST_DEPTH || n_threads == 0 || n_threads > MOST_THREAD || size == 0)
    fail (line);
  /* Drivers probe while this runs. */
  for (int tries = 0; fd < 0 && tries < 200; tries++)
    {
      fd = open (device, O_RDWR | O_DIRECT | O_CLOEXEC);
      if (fd < 0)
        usleep (50000);
    }
  const off_t length = fd < 0 ? -1 : lseek (fd, 0, SEEK_END);
  if (length <= 0)
    fail (device);
  say ("begin", name);
  for (unsigned i = 0; i < n_threads; i++)
    {
      works[i] = (Work){ .fd = fd,
                         .write = strcmp (direction, "write") == 0,
                         .random = strcmp (order, "random") == 0,
                         .depth = (int)depth,
                         .requests = (int)(requests / n_threads),
                         .length = (uint64_t)length / n_threads / size * size,
                         .size = size,
                         .state = i + 1 };
      works[i].first = i * works[i].length;
      if (pthread_create (&threads[i], NULL, run, &works[i]) != 0)
        fail ("a thread");
    }
  for (unsigned i = 0; i < n_threads; i++)
    pthread_join (threads[i], NULL);
  say ("end", name);
  close (fd);
}

static struct sockaddr_in
place (const char *address, unsigned port)
{
  struct sockaddr_in result = { .sin_family = AF_INET, .sin_port = htons ((uint16_t)port) };

  inet_pton (AF_INET, address, &result.sin_addr);
  return result;
}

static void
bring_up (const char *interface)
{
  const int fd = socket (AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = place ("10.0.2.15", 0), mask = place ("255.255.255.0", 0);
  struct ifreq request = { 0 };

  snprintf (request.ifr_name, sizeof request.ifr_name, "%s", interface);
  memcpy (&request.ifr_addr, &address, sizeof address);
  /* Drivers probe while this runs. */
  for (int tries = 0; ioctl (fd, SIOCSIFADDR, &request) != 0; tries++)
    {
      if (tries == 200)
        fail (interface);
      usleep (50000);
    }
  memcpy (&request.ifr_netmask, &mask, sizeof mask);
  if (ioctl (fd, SIOCSIFNETMASK, &request) != 0 || ioctl (fd, SIOCGIFFLAGS, &request) != 0)
    fail (interface);
  request.ifr_flags |= IFF_UP;
  if (ioctl (fd, SIOCSIFFLAGS, &request) != 0)
    fail (interface);
  close (fd);
}

static void
net (const char *line)
{
  static char memory[1 << 16];
  char name[32], interface[16], what[16];
  const int one = 1;
  unsigned port;
  uint64_t n;

  if (sscanf (line, "net %31s %15s %15s %" SCNu64 " %u", name, interface, what, &n, &port) != 5)
    fail (line);
  bring_up (interface);
  struct sockaddr_in there = place ("10.0.2.2", port);
  const int fd = socket (AF_INET, SOCK_STREAM, 0);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect (fd, (struct sockaddr *)&there, sizeof there) != 0)
    fail ("connect");
  say ("begin", name);
  if (strcmp (what, "up") == 0)
    {
      for (uint64_t left = n; left > 0;)
        {
          const ssize_t done = write (fd, memory, left < sizeof memory ? left : sizeof memory);

          if (done <= 0)
            fail ("write");
          left -= (uint64_t)done;
        }
      shutdown (fd, SHUT_WR);
      /* The other end has it all. */
      if (read (fd, memory, 1) != 1)
        fail ("read");
    }
  else if (strcmp (what, "down") == 0)
    {
      for (uint64_t left = n; left > 0;)
        {
          const ssize_t done = read (fd, memory, sizeof memory);

          if (done <= 0)
            fail ("read");
          left -= (uint64_t)done;
        }
    }
  else
    for (uint64_t i = 0; i < n; i++)
      if (write (fd, memory, 1) != 1 || read (fd, memory, 1) != 1)
        fail ("requests");
  say ("end", name);
  close (fd);
}

static void
listen_to (const char *line)
{
  struct pollfd waits[8];
  char name[64], path[32], data[4096];
  unsigned seconds, n = 0;

  if (sscanf (line, "listen %63s %u", name, &seconds) != 2)
    fail (line);
  sleep (4); /* drivers probe while this runs */
  for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++)
    {
      snprintf (path, sizeof path, "/dev/input/event%u", i);
      const int fd = open (path, O_RDONLY | O_CLOEXEC);
      if (fd >= 0)
        waits[n++] = (struct pollfd){ fd, POLLIN, 0 };
    }
  say ("begin", name);
  while (poll (waits, n, (int)seconds * 1000) > 0)
    for (unsigned i = 0; i < n; i++)
      if ((waits[i].revents & POLLIN) && read (waits[i].fd, data, sizeof data) > 0)
        say ("event", name);
  say ("end", name);
  for (unsigned i = 0; i < n; i++)
    close (waits[i].fd);
}

int
main (void)
{
  char line[256];
  FILE *what;

  if (ioperm (DEBUGCON, 1, 1) != 0)
    return 1;
  mount ("proc", "/proc", "proc", 0, NULL);
  mount ("sysfs", "/sys", "sysfs", 0, NULL);
  mount ("dev", "/dev", "devtmpfs", 0, NULL);
  load_modules ();
  what = fopen ("/bench", "r");
  if (what == NULL)
    fail ("/bench");
  while (fgets (line, sizeof line, what) != NULL)
    {
      if (strncmp (line, "net ", 4) == 0)
        net (line);
      else if (strncmp (line, "listen ", 7) == 0)
        listen_to (line);
      else
        block (line);
    }
  say ("done", "all");
  end ();
}
