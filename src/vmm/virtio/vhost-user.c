/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vhost-user"

#include "virtio/vhost-user.h"

#include "base/message.h"
#include "base/ready-source.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Front-end message types, and what their header has. */
enum
{
  GET_FEATURES = 1,
  SET_FEATURES = 2,
  SET_OWNER = 3,
  SET_MEM_TABLE = 5,
  SET_VRING_NUM = 8,
  SET_VRING_ADDR = 9,
  SET_VRING_BASE = 10,
  SET_VRING_KICK = 12,
  SET_VRING_CALL = 13,
};
enum
{
  FLAG_VERSION = 1,
  FLAG_VERSION_MASK = 3,
  FLAG_REPLY = 1 << 2,
};
typedef struct
{
  uint32_t request, flags, size;
} Header;
typedef struct
{
  uint32_t index, number;
} RingState;
typedef struct
{
  uint32_t index, flags;
  uint64_t descriptors, used, available, log;
} RingAddresses;
typedef struct
{
  uint32_t n, padding;
  uint64_t address, size, user, offset;
} MemoryTable;
typedef struct
{
  Header header;
  union
  {
    uint64_t number;
    RingState state;
    RingAddresses addresses;
    MemoryTable memory;
  };
} __attribute__ ((packed)) Words;

#define F_VERSION_1 (UINT64_C (1) << 32)

/* A split ring (VIRTIO 1.2, 2.7) of ours: a slot has the same descriptors for ever. */
typedef struct
{
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
} Descriptor;
enum
{
  DESCRIPTOR_NEXT = 1,
  DESCRIPTOR_WRITE = 2,
};
#define PER_SLOT  (VHOST_USER_MAX_OUTS + 1)
#define RING_SIZE (VHOST_USER_SLOTS * PER_SLOT)
G_STATIC_ASSERT ((RING_SIZE & (RING_SIZE - 1)) == 0);
typedef struct
{
  Descriptor descriptors[RING_SIZE];
  struct
  {
    uint16_t flags, index, entries[RING_SIZE];
  } available;
  uint8_t pad[64];
  struct
  {
    uint16_t flags, index;
    struct
    {
      uint32_t id, length;
    } entries[RING_SIZE];
  } used;
} Ring;
#define RING_BYTES 0x1000u
G_STATIC_ASSERT (sizeof (Ring) <= RING_BYTES && offsetof (Ring, used) % 4 == 0);

#define MOST_CALLS 32u /* that are heard at once */

/* Where the window is for the other side: no address of ours. */
#define WINDOW_BASE UINT64_C (0x40000000)

typedef struct
{
  Ring *ring;
  uint8_t *slots;
  size_t slot_size;
  /* Ours of two socketpairs: one eventfd for both would let the other side make us wait, by its flags or by a full count. */
  int kick, call, their_kick, their_call;
  GSource *source;
  uint16_t put, seen;
  struct
  {
    gboolean taken;
    size_t out, room;
  } requests[VHOST_USER_SLOTS];
} Queue;

struct VhostUser
{
  VhostUserConfig config;
  int helper, socket, memory; /* -1: not there (yet) */
  uint8_t *window;
  size_t size;
  GSource *helper_source, *source;
  uint8_t heard[sizeof (Header) + sizeof (uint64_t)]; /* of an answer */
  size_t n_heard;
  gboolean ready, lost, hold;
  Queue queues[VHOST_USER_MAX_QUEUES];
};

static void
close_one (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

static void
drop_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
lose (VhostUser *user, int why)
{
  if (user->lost)
    return;
  user->lost = TRUE;
  user->ready = FALSE;
  drop_source (&user->helper_source);
  drop_source (&user->source);
  for (unsigned i = 0; i < user->config.n_queues; i++)
    drop_source (&user->queues[i].source);
  user->config.lost (user->config.opaque, why);
}

/* -- Rings ----------------------------------------------------------------------------------------- */

/* FALSE: it makes no sense. */
static gboolean
take_used (VhostUser *user, unsigned n)
{
  Queue *queue = &user->queues[n];
  const uint16_t end = __atomic_load_n (&queue->ring->used.index, __ATOMIC_ACQUIRE);

  if ((uint16_t)(end - queue->seen) > RING_SIZE)
    return FALSE;
  while (queue->seen != end)
    {
      const unsigned at = queue->seen % RING_SIZE;
      const uint32_t id = __atomic_load_n (&queue->ring->used.entries[at].id, __ATOMIC_RELAXED);
      const uint32_t length = __atomic_load_n (&queue->ring->used.entries[at].length, __ATOMIC_RELAXED);
      const unsigned slot = id / PER_SLOT;

      if (id % PER_SLOT != 0 || slot >= VHOST_USER_SLOTS || !queue->requests[slot].taken)
        return FALSE;
      queue->seen++;
      queue->requests[slot].taken = FALSE;
      user->config.done (user->config.opaque, n, slot,
                         queue->slots + slot * queue->slot_size + queue->requests[slot].out,
                         MIN (length, queue->requests[slot].room));
      if (user->lost)
        return TRUE;
    }
  return TRUE;
}

void
vhost_user_look (VhostUser *user)
{
  for (unsigned i = 0; i < user->config.n_queues && user->ready && !user->hold; i++)
    if (!take_used (user, i))
      {
        g_message ("the other side's ring makes no sense");
        lose (user, 0);
      }
}

void
vhost_user_hold (VhostUser *user, gboolean hold)
{
  user->hold = hold;
}

static gboolean
on_call (gint fd, GIOCondition condition, gpointer data)
{
  VhostUser *user = data;
  uint64_t one;
  ssize_t n = -1;

  /* One that calls without end has the loop's next turns, and not all of this one. */
  for (unsigned i = 0; i < MOST_CALLS && (n = recv (fd, &one, sizeof one, MSG_DONTWAIT)) > 0; i++)
    ;
  if (n == 0)
    {
      lose (user, 0);
      return G_SOURCE_REMOVE;
    }
  vhost_user_look (user);
  return G_SOURCE_CONTINUE;
}

gboolean
vhost_user_is_ready (const VhostUser *user)
{
  return user->ready;
}

uint8_t *
vhost_user_slot (VhostUser *user, unsigned queue, unsigned slot)
{
  Queue *own = &user->queues[queue];

  return user->ready && !own->requests[slot].taken ? own->slots + slot * own->slot_size : NULL;
}

gboolean
vhost_user_put (VhostUser *user, unsigned queue, unsigned slot, const size_t *pieces, unsigned n_pieces,
                size_t room)
{
  Queue *own = &user->queues[queue];
  Descriptor *descriptor = &own->ring->descriptors[slot * PER_SLOT];
  const uint64_t base = WINDOW_BASE + (uint64_t)(own->slots - user->window) + (uint64_t)slot * own->slot_size;
  const uint64_t one = 1;
  size_t out = 0;
  unsigned i;

  for (i = 0; i < n_pieces && i < VHOST_USER_MAX_OUTS && pieces[i] <= own->slot_size - out; i++)
    {
      descriptor[i] = (Descriptor){ base + out, (uint32_t)pieces[i], DESCRIPTOR_NEXT,
                                    (uint16_t)(slot * PER_SLOT + i + 1) };
      out += pieces[i];
    }
  if (n_pieces == 0 || i < n_pieces || room > own->slot_size - out)
    return FALSE;
  if (room > 0)
    descriptor[i] = (Descriptor){ base + out, (uint32_t)room, DESCRIPTOR_WRITE, 0 };
  else
    descriptor[i - 1].flags = 0;
  own->requests[slot].taken = TRUE;
  own->requests[slot].out = out;
  own->requests[slot].room = room;
  own->ring->available.entries[own->put++ % RING_SIZE] = (uint16_t)(slot * PER_SLOT);
  __atomic_store_n (&own->ring->available.index, own->put, __ATOMIC_RELEASE);
  /* Full: it has been told often enough.  Gone: its connection says so, too. */
  (void)!send (own->kick, &one, sizeof one, MSG_DONTWAIT | MSG_NOSIGNAL);
  return TRUE;
}

/* -- Messages -------------------------------------------------------------------------------------- */

static gboolean
say (VhostUser *user, Words *words, size_t size, int fd)
{
  struct iovec iov = { words, sizeof words->header + size };
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { .bytes = { 0 } };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

  words->header.flags = FLAG_VERSION;
  words->header.size = (uint32_t)size;
  if (fd >= 0)
    {
      message.msg_control = &control;
      message.msg_controllen = sizeof control;
      control.header.cmsg_level = SOL_SOCKET;
      control.header.cmsg_type = SCM_RIGHTS;
      control.header.cmsg_len = CMSG_LEN (sizeof fd);
      memcpy (CMSG_DATA (&control.header), &fd, sizeof fd);
    }
  /* All that is ever said is less than a socket takes. */
  return sendmsg (user->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)iov.iov_len;
}

static gboolean
say_number (VhostUser *user, uint32_t request, uint64_t number, int fd)
{
  Words words = { .header = { .request = request }, .number = number };

  return say (user, &words, sizeof words.number, fd);
}

static gboolean
say_state (VhostUser *user, uint32_t request, unsigned index, unsigned number)
{
  Words words = { .header = { .request = request }, .state = { index, number } };

  return say (user, &words, sizeof words.state, -1);
}

static uint64_t
address_of (const VhostUser *user, const void *what)
{
  return WINDOW_BASE + (uint64_t)((const uint8_t *)what - user->window);
}

static gboolean
set_up_queue (VhostUser *user, unsigned n)
{
  Queue *queue = &user->queues[n];
  Words addresses = { .header = { .request = SET_VRING_ADDR },
                      .addresses = { n, 0, address_of (user, queue->ring->descriptors),
                                     address_of (user, &queue->ring->used),
                                     address_of (user, &queue->ring->available), 0 } };

  return say_state (user, SET_VRING_NUM, n, RING_SIZE) && say_state (user, SET_VRING_BASE, n, 0)
         && say (user, &addresses, sizeof addresses.addresses, -1)
         && say_number (user, SET_VRING_CALL, n, queue->their_call)
         && say_number (user, SET_VRING_KICK, n, queue->their_kick);
}

/* What it has is known: the rest needs no answer.  Without VHOST_USER_F_PROTOCOL_FEATURES rings are on when they are kicked. */
static gboolean
set_up (VhostUser *user, uint64_t features)
{
  Words memory = { .header = { .request = SET_MEM_TABLE },
                   .memory = { 1, 0, WINDOW_BASE, user->size, WINDOW_BASE, 0 } };

  if (!(features & F_VERSION_1) || !say_number (user, SET_FEATURES, F_VERSION_1, -1)
      || !say (user, &memory, sizeof memory.memory, user->memory))
    return FALSE;
  for (unsigned i = 0; i < user->config.n_queues; i++)
    {
      if (!set_up_queue (user, i))
        return FALSE;
      /* So that its end is heard of. */
      close_one (&user->queues[i].their_kick);
      close_one (&user->queues[i].their_call);
    }
  user->ready = TRUE;
  user->config.ready (user->config.opaque);
  return TRUE;
}

static gboolean
on_answer (gint fd, GIOCondition condition, gpointer data)
{
  VhostUser *user = data;
  Words words;

  /* Nothing was asked but its features. */
  const ssize_t n = recv (fd, user->heard + user->n_heard, sizeof user->heard - user->n_heard, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      lose (user, 0);
      return G_SOURCE_REMOVE;
    }
  user->n_heard += (size_t)n;
  if (user->n_heard < sizeof user->heard)
    return G_SOURCE_CONTINUE;
  memcpy (&words, user->heard, sizeof user->heard);
  if (user->ready || words.header.request != GET_FEATURES || words.header.size != sizeof words.number
      || (words.header.flags & (FLAG_VERSION_MASK | FLAG_REPLY)) != (FLAG_VERSION | FLAG_REPLY)
      || !set_up (user, words.number))
    {
      g_message ("the other side's answer makes no sense");
      lose (user, 0);
      return G_SOURCE_REMOVE;
    }
  /* From here on it has nothing to say, and what it says is too much. */
  user->n_heard = 0;
  return G_SOURCE_CONTINUE;
}

/* -- Life ------------------------------------------------------------------------------------------ */

/* Either end takes the eight bytes of an eventfd's count. */
static gboolean
pair (int *ours, int *theirs)
{
  int ends[2];

  if (!message_pair (ends))
    return FALSE;
  *ours = ends[0];
  *theirs = ends[1];
  return TRUE;
}

static gboolean
make_window (VhostUser *user)
{
  size_t at = 0;

  for (unsigned i = 0; i < user->config.n_queues; i++)
    user->size += RING_BYTES + VHOST_USER_SLOTS * user->config.slot_size[i];
  user->memory = memfd_create ("requests", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (user->memory < 0 || ftruncate (user->memory, (off_t)user->size) < 0
      || fcntl (user->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
    return FALSE;
  void *window = mmap (NULL, user->size, PROT_READ | PROT_WRITE, MAP_SHARED, user->memory, 0);
  if (window == MAP_FAILED)
    return FALSE;
  user->window = window;
  for (unsigned i = 0; i < user->config.n_queues; i++)
    {
      Queue *queue = &user->queues[i];

      queue->ring = (Ring *)(void *)(user->window + at);
      queue->slots = user->window + at + RING_BYTES;
      queue->slot_size = user->config.slot_size[i];
      at += RING_BYTES + VHOST_USER_SLOTS * queue->slot_size;
      if (!pair (&queue->kick, &queue->their_kick) || !pair (&queue->call, &queue->their_call))
        return FALSE;
    }
  return TRUE;
}

static GSource *
watch (VhostUser *user, int fd, GUnixFDSourceFunc func)
{
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP | G_IO_ERR);

  g_source_set_callback (source, G_SOURCE_FUNC (func), user, NULL);
  source_stay_polled (source);
  g_source_attach (source, user->config.context);
  return source;
}

/* The connection, or why there is none. */
static gboolean
on_helper (gint fd, GIOCondition condition, gpointer data)
{
  VhostUser *user = data;
  int fds[MESSAGE_MAX_FDS] = { -1, -1, -1, -1 };
  Words words = { .header = { .request = SET_OWNER } };
  Message message = { 0 };
  const int code = message_receive (user->helper, &message, fds, 0);

  if (code == -ETIMEDOUT)
    return G_SOURCE_CONTINUE;
  if (code == 1 && message.result == 0 && message.n_fds == 1 && make_window (user))
    {
      user->socket = fds[0];
      for (unsigned i = 0; i < user->config.n_queues; i++)
        user->queues[i].source = watch (user, user->queues[i].call, on_call);
      user->source = watch (user, user->socket, on_answer);
      const gboolean said = say (user, &words, 0, -1);
      words.header.request = GET_FEATURES;
      if (said && say (user, &words, 0, -1))
        {
          g_clear_pointer (&user->helper_source, g_source_unref);
          return G_SOURCE_REMOVE;
        }
    }
  else if (code == 1)
    message_close_fds (fds);
  lose (user, code == 1 && message.result > 0 ? message.result : 0);
  return G_SOURCE_REMOVE;
}

VhostUser *
vhost_user_new (int helper, const VhostUserConfig *config)
{
  VhostUser *user = g_new0 (VhostUser, 1);

  user->config = *config;
  user->helper = helper;
  user->socket = user->memory = -1;
  for (unsigned i = 0; i < VHOST_USER_MAX_QUEUES; i++)
    user->queues[i].kick = user->queues[i].call = user->queues[i].their_kick = user->queues[i].their_call
        = -1;
  user->helper_source = watch (user, helper, on_helper);
  return user;
}

void
vhost_user_free (VhostUser *user)
{
  if (user == NULL)
    return;
  drop_source (&user->helper_source);
  drop_source (&user->source);
  for (unsigned i = 0; i < VHOST_USER_MAX_QUEUES; i++)
    {
      Queue *queue = &user->queues[i];

      drop_source (&queue->source);
      close_one (&queue->kick);
      close_one (&queue->call);
      close_one (&queue->their_kick);
      close_one (&queue->their_call);
    }
  close_one (&user->helper);
  close_one (&user->socket);
  if (user->window != NULL)
    munmap (user->window, user->size);
  close_one (&user->memory);
  g_free (user);
}
