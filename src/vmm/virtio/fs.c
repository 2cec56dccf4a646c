/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A chain that was taken keeps its memory until its answer is copied there, or its queue stops; only then and only here is that memory touched.  Requests and
 * the session belong to the device loop, a request's chain to its queue's lock.
 */
#define G_LOG_DOMAIN "virtio-fs"

#include "virtio/fs.h"

#include "base/ready-source.h"
#include "virtio/vhost-user.h"

#include <errno.h>
#include <string.h>

/* 5.11.2 */
enum
{
  QUEUE_HIGH,
  QUEUE_REQUESTS,
  N_QUEUES,
};
#define QUEUE_SIZE 128 /* 124 pages of data, as Linux reckons */
/* 5.11.4 */
enum
{
  CONFIG_TAG = 0,
  CONFIG_QUEUES = 36,
  CONFIG_SIZE = 40,
};
#define HIGH_SLOT (64u << 10)
#define SLOT      (1u << 20)

/* FUSE's headers (linux/fuse.h), little endian here as everything of VIRTIO 1. */
typedef struct
{
  uint32_t length, op;
  uint64_t unique, node;
  uint32_t uid, gid, pid, extra;
} InHeader;
typedef struct
{
  uint32_t length;
  int32_t error;
  uint64_t unique;
} OutHeader;
enum
{
  OP_FORGET = 2,
  OP_WRITE = 16,
  OP_INIT = 26,
  OP_INTERRUPT = 36,
  OP_DESTROY = 38,
  OP_BATCH_FORGET = 42,
};
/* A guest that mounts and unmounts without end. */
#define SESSIONS_A_MINUTE 5
#define NOTICE_EVERY      (10 * G_TIME_SPAN_SECOND)
#define WRITE_PART        40u /* of a write, between its header and the data */

typedef struct VirtFs VirtFs;

typedef struct
{
  VirtChain chain;
  gboolean taken;      /* by room(), until it is answered */
  gboolean put;        /* the other process has it */
  gboolean waits;      /* FUSE_INIT, until there is such a process */
  unsigned generation; /* of its queue */
  InHeader header;     /* our copy, in the host's order */
} Request;

struct VirtFs
{
  VirtDevice virt;
  VirtFsConfig config;
  char tag[VIRT_FS_MAX_TAG + 1];
  gboolean loaded; /* what is held was taken by another process */
  Request requests[N_QUEUES][VHOST_USER_SLOTS];
  gboolean full[N_QUEUES]; /* there was no request left: look again */
  /* The session; NULL: there is none. */
  VhostUser *user;
  unsigned process;
  gboolean over;  /* atomic: it is to end */
  gboolean begin; /* one is to begin */
  GSource *work;  /* does either, without locks */
  gint64 begun[SESSIONS_A_MINUTE];
  unsigned n_begun;
  gint64 said; /* when */
};

static const StateField virt_fs_state[] = {
  STATE_STRUCT (VirtFs, virt, virt_device_state),
  STATE_END,
};

/* -- Answers: the queue's lock held ------------------------------------------------------------------ */

static void
release (Request *request)
{
  virt_chain_clear (&request->chain);
  request->taken = request->put = request->waits = FALSE;
}

static gboolean
is_current (VirtFs *fs, unsigned n, const Request *request)
{
  VirtQueue *queue = &fs->virt.queues[n];

  return request->generation == queue->generation && dma_enabled (&queue->dma);
}

static void
give (VirtFs *fs, unsigned n, Request *request, const void *answer, size_t length)
{
  VirtQueue *queue = &fs->virt.queues[n];

  if (is_current (fs, n, request))
    {
      virt_queue_hold (queue, request->chain.head, FALSE);
      length = virt_chain_write (&request->chain, 0, answer, length);
      virt_give (&fs->virt, n, &request->chain, (uint32_t)length);
    }
  release (request);
}

static gboolean
wants_answer (const InHeader *header)
{
  return header->op != OP_FORGET && header->op != OP_BATCH_FORGET && header->op != OP_INTERRUPT;
}

static void
refuse (VirtFs *fs, unsigned n, Request *request, int error)
{
  const OutHeader answer
      = { GUINT32_TO_LE (sizeof answer), GINT32_TO_LE (-error), GUINT64_TO_LE (request->header.unique) };

  give (fs, n, request, &answer,
        wants_answer (&request->header) && request->chain.in.length >= sizeof answer ? sizeof answer : 0);
}

/* -- The session: device loop ------------------------------------------------------------------------ */

/* All that it had is answered. */
static void
end_session (VirtFs *fs)
{
  VhostUser *user = g_steal_pointer (&fs->user);

  if (user == NULL)
    return;
  vhost_user_free (user);
  if (fs->process != 0)
    fs->config.end (fs->config.opaque, fs->process);
  fs->process = 0;
}

/* What an ended session had, and what waits for one that won't come. */
static void
refuse_all (VirtFs *fs, int error)
{
  for (unsigned n = 0; n < N_QUEUES; n++)
    {
      g_mutex_lock (&fs->virt.queues[n].lock);
      for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
        if (fs->requests[n][i].put || (fs->requests[n][i].waits && fs->user == NULL))
          refuse (fs, n, &fs->requests[n][i], error);
      g_mutex_unlock (&fs->virt.queues[n].lock);
      virt_ring (&fs->virt, n);
    }
}

static void
say (VirtFs *fs, const char *why)
{
  g_autofree char *sentence = g_strdup_printf ("%s: %s", fs->virt.pci.device.id, why);
  const gint64 now = g_get_monotonic_time ();

  if (fs->said != 0 && now - fs->said < NOTICE_EVERY)
    return;
  fs->said = now;
  g_message ("%s", sentence);
  fs->config.notice (fs->config.opaque, sentence);
}

static void
work_soon (VirtFs *fs)
{
  g_source_set_ready_time (fs->work, 0);
}

static void
end_soon (VirtFs *fs)
{
  __atomic_store_n (&fs->over, TRUE, __ATOMIC_SEQ_CST);
  work_soon (fs);
}

static void
on_lost (void *opaque, int why)
{
  VirtFs *fs = opaque;

  say (
      fs,
      why == ENOENT
          ? "the folder can't be shared: virtiofsd is not installed (package virtiofsd, or qemu-system-common)"
      : why == ENOTDIR ? "the folder can't be shared: it is not there, or is none"
      : why == EPERM
          ? "the folder can't be shared: this host allows no user namespaces, without which virtiofsd can't be confined"
          : "the folder is gone: virtiofsd has ended.  The guest can mount it again");
  end_soon (fs);
}

/* Copies a request to its slot.  FALSE: it is too large.  The queue's lock held. */
static gboolean
put (VirtFs *fs, unsigned n, unsigned slot)
{
  Request *request = &fs->requests[n][slot];
  const size_t out = request->chain.out.length, in = request->chain.in.length,
               most = n == QUEUE_HIGH ? HIGH_SLOT : SLOT;
  size_t pieces[VHOST_USER_MAX_OUTS];
  unsigned n_pieces = 0;
  uint8_t *memory = vhost_user_slot (fs->user, n, slot);

  if (memory == NULL || out > most || in > most - out)
    return FALSE;
  virt_chain_read (&request->chain, 0, memory, out);
  if (fs->config.one_user)
    memset (memory + G_STRUCT_OFFSET (InHeader, uid), 0, 2 * sizeof (uint32_t));
  /* Headers apart from data, which then goes from here to the file. */
  pieces[n_pieces++] = sizeof (InHeader);
  if (request->header.op == OP_WRITE && out > sizeof (InHeader) + WRITE_PART)
    pieces[n_pieces++] = WRITE_PART;
  const size_t before = n_pieces == 2 ? sizeof (InHeader) + WRITE_PART : sizeof (InHeader);
  if (out > before)
    pieces[n_pieces++] = out - before;
  request->put = vhost_user_put (fs->user, n, slot, pieces, n_pieces, in);
  return request->put;
}

static void
on_ready (void *opaque)
{
  VirtFs *fs = opaque;

  g_mutex_lock (&fs->virt.queues[QUEUE_REQUESTS].lock);
  for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
    {
      Request *request = &fs->requests[QUEUE_REQUESTS][i];

      if (!request->waits)
        continue;
      request->waits = FALSE;
      if (!is_current (fs, QUEUE_REQUESTS, request))
        release (request);
      else if (!put (fs, QUEUE_REQUESTS, i))
        refuse (fs, QUEUE_REQUESTS, request, EIO);
    }
  g_mutex_unlock (&fs->virt.queues[QUEUE_REQUESTS].lock);
}

static void
on_done (void *opaque, unsigned n, unsigned slot, const uint8_t *answer, size_t length)
{
  VirtFs *fs = opaque;
  Request *request = &fs->requests[n][slot];
  VirtQueue *queue = &fs->virt.queues[n];

  g_mutex_lock (&queue->lock);
  if (request->put)
    {
      if (request->header.op == OP_DESTROY)
        end_soon (fs);
      give (fs, n, request, answer, length);
    }
  if (fs->full[n])
    virt_ring (&fs->virt, n);
  g_mutex_unlock (&queue->lock);
}

static gboolean
may_begin (VirtFs *fs)
{
  const gint64 now = g_get_monotonic_time ();
  gint64 *oldest = &fs->begun[fs->n_begun % SESSIONS_A_MINUTE];

  if (fs->n_begun >= SESSIONS_A_MINUTE && now - *oldest < G_TIME_SPAN_MINUTE)
    return FALSE;
  *oldest = now;
  fs->n_begun++;
  return TRUE;
}

static void
begin_session (VirtFs *fs)
{
  const VhostUserConfig config = { .context = fs->virt.pci.device.vm->context,
                                   .n_queues = N_QUEUES,
                                   .slot_size = { HIGH_SLOT, SLOT },
                                   .ready = on_ready,
                                   .done = on_done,
                                   .lost = on_lost,
                                   .opaque = fs };
  g_autoptr (GError) error = NULL;
  int socket = -1;

  if (may_begin (fs))
    socket = fs->config.start (fs->config.opaque, fs->virt.pci.device.id, &fs->process, &error);
  if (socket >= 0)
    fs->user = vhost_user_new (socket, &config);
  else
    say (fs, error != NULL ? error->message : "the guest mounts the folder too often; try again in a minute");
}

/* Sessions begin and end here, when nobody is within one.  A session before a new one had another driver, which was reset or never said that it is going. */
static gboolean
on_work (gpointer data)
{
  VirtFs *fs = data;

  if (__atomic_load_n (&fs->virt.paused, __ATOMIC_RELAXED))
    return G_SOURCE_CONTINUE; /* resume comes here again */
  const gboolean begin = fs->begin, over = __atomic_exchange_n (&fs->over, FALSE, __ATOMIC_SEQ_CST);
  if (!begin && !over)
    return G_SOURCE_CONTINUE;
  fs->begin = FALSE;
  end_session (fs);
  if (begin)
    begin_session (fs);
  refuse_all (fs, ENOTCONN);
  return G_SOURCE_CONTINUE;
}

/* -- Queues ------------------------------------------------------------------------------------------- */

static VirtChain *
fs_room (VirtDevice *virt, unsigned n)
{
  VirtFs *fs = (VirtFs *)virt;

  for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
    if (!fs->requests[n][i].taken
        && (fs->user == NULL || !vhost_user_is_ready (fs->user) || vhost_user_slot (fs->user, n, i) != NULL))
      {
        fs->requests[n][i].taken = TRUE;
        fs->full[n] = FALSE;
        return &fs->requests[n][i].chain;
      }
  fs->full[n] = TRUE;
  return NULL;
}

/* FALSE: there is no whole one. */
static gboolean
look_at_header (Request *request)
{
  InHeader header = { 0 };
  const gboolean whole = virt_chain_read (&request->chain, 0, &header, sizeof header) == sizeof header;

  request->header.op = GUINT32_FROM_LE (header.op);
  request->header.unique = GUINT64_FROM_LE (header.unique);
  return whole;
}

static Request *
request_of (VirtChain *chain)
{
  return (Request *)((char *)chain - G_STRUCT_OFFSET (Request, chain));
}

static void
fs_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  release (request_of (chain));
}

static void
fs_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtFs *fs = (VirtFs *)virt;
  Request *request = request_of (chain);
  const unsigned slot = (unsigned)(request - fs->requests[n]);

  request->generation = virt->queues[n].generation;
  if (!look_at_header (request))
    {
      give (fs, n, request, NULL, 0);
      return;
    }
  if (n == QUEUE_REQUESTS && request->header.op == OP_INIT)
    {
      virt_queue_hold (&virt->queues[n], chain->head, TRUE);
      request->waits = fs->begin = TRUE;
      work_soon (fs);
      return;
    }
  if (fs->user == NULL || !vhost_user_is_ready (fs->user))
    refuse (fs, n, request, ENOTCONN);
  else
    {
      virt_queue_hold (&virt->queues[n], chain->head, TRUE);
      if (!put (fs, n, slot))
        refuse (fs, n, request, EIO);
    }
}

/* What the other process still has it answers to nobody. */
static void
fs_stop (VirtDevice *virt, unsigned n)
{
  VirtFs *fs = (VirtFs *)virt;

  g_mutex_lock (&virt->queues[n].lock);
  for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
    virt_chain_clear (&fs->requests[n][i].chain);
  g_mutex_unlock (&virt->queues[n].lock);
  if (fs->work != NULL)
    end_soon (fs);
}

static const VirtClass virt_fs_class = {
  .type = VIRT_TYPE_FS,
  .class_code = 0x018000, /* storage, other */
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .room = fs_room,
  .run = fs_run,
  .unused = fs_unused,
  .stop = fs_stop,
};

/* -- Life --------------------------------------------------------------------------------------------- */

static void
fill_config (VirtFs *fs)
{
  memset (fs->virt.config, 0, CONFIG_SIZE);
  memcpy (fs->virt.config + CONFIG_TAG, fs->tag, strlen (fs->tag));
  pci_set32 (fs->virt.config + CONFIG_QUEUES, N_QUEUES - 1);
}

static gboolean
virt_fs_realize (Device *device, GError **error)
{
  VirtFs *fs = (VirtFs *)device;

  for (unsigned n = 0; n < N_QUEUES; n++)
    for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
      virt_chain_init (&fs->requests[n][i].chain);
  fill_config (fs);
  if (!virt_device_realize (&fs->virt, &virt_fs_class, N_QUEUES, 0, error))
    return FALSE;
  fs->work = ready_source_new (device->vm->context, G_PRIORITY_DEFAULT, "virtio-fs", on_work, fs);
  return TRUE;
}

static void
virt_fs_reset (Device *device)
{
  VirtFs *fs = (VirtFs *)device;

  fs->loaded = FALSE;
  virt_device_reset (&fs->virt);
}

static void
virt_fs_pause (Device *device)
{
  VirtFs *fs = (VirtFs *)device;

  virt_device_pause (&fs->virt);
  if (fs->user != NULL)
    vhost_user_hold (fs->user, TRUE);
}

/* What another process had in its hands: that is gone with it. */
static void
refuse_held (VirtFs *fs, unsigned n)
{
  VirtQueue *queue = &fs->virt.queues[n];
  Request request = { .generation = queue->generation };

  virt_chain_init (&request.chain);
  for (unsigned head = 0; head < queue->size && !queue->broken; head++)
    if ((queue->held[head / 8] >> head % 8 & 1) && virt_queue_take_again (queue, head, &request.chain) > 0)
      {
        look_at_header (&request);
        refuse (fs, n, &request, ENOTCONN);
      }
  virt_chain_free (&request.chain);
}

static void
virt_fs_resume (Device *device)
{
  VirtFs *fs = (VirtFs *)device;

  for (unsigned n = 0; n < N_QUEUES && fs->loaded; n++)
    {
      VirtQueue *queue = &fs->virt.queues[n];

      g_mutex_lock (&queue->lock);
      if (queue->enabled && !queue->broken && dma_enabled (&queue->dma))
        refuse_held (fs, n);
      memset (queue->held, 0, sizeof queue->held);
      g_mutex_unlock (&queue->lock);
    }
  fs->loaded = FALSE;
  virt_device_resume (&fs->virt);
  if (fs->user != NULL)
    {
      vhost_user_hold (fs->user, FALSE);
      vhost_user_look (fs->user);
    }
  work_soon (fs);
}

static gboolean
virt_fs_post_load (Device *device, GError **error)
{
  VirtFs *fs = (VirtFs *)device;

  fill_config (fs);
  fs->loaded = TRUE;
  /* What this process had in its own hands was another machine's. */
  for (unsigned n = 0; n < N_QUEUES; n++)
    {
      VirtQueue *queue = &fs->virt.queues[n];

      g_mutex_lock (&queue->lock);
      for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
        fs->requests[n][i].generation = queue->generation - 1;
      g_mutex_unlock (&queue->lock);
    }
  end_soon (fs);
  return virt_device_post_load (&fs->virt, error);
}

static void
virt_fs_unrealize (Device *device)
{
  VirtFs *fs = (VirtFs *)device;

  if (fs->work != NULL)
    g_source_destroy (fs->work);
  g_clear_pointer (&fs->work, g_source_unref);
  end_session (fs);
  virt_device_unrealize (&fs->virt);
  for (unsigned n = 0; n < N_QUEUES; n++)
    for (unsigned i = 0; i < VHOST_USER_SLOTS; i++)
      virt_chain_free (&fs->requests[n][i].chain);
}

static const DeviceClass virt_fs_device_class = {
  .name = "virtio-fs",
  .version = 1,
  .instance_size = sizeof (VirtFs),
  .state = virt_fs_state,
  .realize = virt_fs_realize,
  .reset = virt_fs_reset,
  .pause = virt_fs_pause,
  .resume = virt_fs_resume,
  .post_load = virt_fs_post_load,
  .unrealize = virt_fs_unrealize,
};

Device *
virt_fs_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtFsConfig *config, GError **error)
{
  VirtFs *fs = device_new (vm, &virt_fs_device_class, id);

  fs->virt.pci.bus = bus;
  fs->virt.pci.devfn = (uint8_t)devfn;
  fs->config = *config;
  fs->config.tag = NULL; /* the caller's */
  g_strlcpy (fs->tag, config->tag, sizeof fs->tag);
  if (device_realize (&fs->virt.pci.device, error))
    return &fs->virt.pci.device;
  device_free (&fs->virt.pci.device);
  return NULL;
}
