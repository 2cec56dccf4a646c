/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each chain is filled at once and given back.  With a rate the device has so many bytes to give, which a timer gives it anew; a chain that comes when
 * there are none waits in the ring.
 */
#define G_LOG_DOMAIN "virtio-rng"

#include "virtio/rng.h"

#include <errno.h>
#include <sys/random.h>

#define QUEUE_SIZE 64
#define MOST       65536u /* bytes for one chain: a driver that wants more asks again */
#define TICK_NS    (NS_PER_SECOND / 10)

typedef struct
{
  VirtDevice virt;
  VirtChain chain;
  uint64_t rate, budget; /* bytes; the latter for this tick */
  VmTimer tick;          /* armed while the budget isn't whole */
} VirtRng;

static const StateField virt_rng_state[] = {
  STATE_STRUCT (VirtRng, virt, virt_device_state),
  STATE_END,
};

static uint64_t
whole_budget (const VirtRng *rng)
{
  return MAX (rng->rate / (NS_PER_SECOND / TICK_NS), 1);
}

static VirtChain *
rng_room (VirtDevice *virt, unsigned n)
{
  VirtRng *rng = (VirtRng *)virt;

  return rng->rate == 0 || rng->budget > 0 ? &rng->chain : NULL;
}

static void
rng_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
rng_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtRng *rng = (VirtRng *)virt;
  const size_t most = (size_t)MIN (rng->rate != 0 ? rng->budget : MOST, MOST);
  size_t done = 0;

  for (unsigned i = 0; i < dma_vector_n (&chain->in) && done < most; i++)
    {
      const struct iovec *piece = &dma_vector_iov (&chain->in)[i];
      uint8_t *at = piece->iov_base, *end = at + MIN (piece->iov_len, most - done);

      while (at < end)
        {
          ssize_t got = getrandom (at, (size_t)(end - at), GRND_NONBLOCK);

          if (got < 0 && errno == EINTR)
            continue;
          if (got <= 0)
            break;
          at += got;
          done += (size_t)got;
        }
      /* A host without any yet gives none. */
      if (at < end)
        break;
    }
  virt_give (virt, n, chain, (uint32_t)done);
  if (rng->rate == 0)
    return;
  rng->budget -= done;
  if (!vm_timer_armed (&rng->tick))
    vm_timer_arm (&rng->tick, vm_clock_now (virt->pci.device.vm->clock) + TICK_NS);
}

/* Device loop, VM lock held. */
static void
on_tick (void *opaque)
{
  VirtRng *rng = opaque;
  VirtQueue *queue = &rng->virt.queues[0];

  g_mutex_lock (&queue->lock);
  rng->budget = whole_budget (rng);
  virt_queue_look (&rng->virt, 0);
  g_mutex_unlock (&queue->lock);
}

static const VirtClass virt_rng_class = {
  .type = VIRT_TYPE_ENTROPY,
  .transitional = 0x1005,
  .class_code = 0x00ff00, /* of no class */
  .queue_size = QUEUE_SIZE,
  .locked = TRUE,
  .room = rng_room,
  .run = rng_run,
  .unused = rng_unused,
};

static gboolean
virt_rng_realize (Device *device, GError **error)
{
  VirtRng *rng = (VirtRng *)device;

  virt_chain_init (&rng->chain);
  rng->budget = whole_budget (rng);
  vm_timer_init (&rng->tick, device->vm->clock, on_tick, rng);
  return virt_device_realize (&rng->virt, &virt_rng_class, 1, 0, error);
}

static void
virt_rng_unrealize (Device *device)
{
  VirtRng *rng = (VirtRng *)device;

  vm_timer_cancel (&rng->tick);
  virt_device_unrealize (&rng->virt);
  virt_chain_free (&rng->chain);
}

static const DeviceClass virt_rng_device_class = {
  .name = "virtio-rng",
  .version = 1,
  .instance_size = sizeof (VirtRng),
  .state = virt_rng_state,
  .realize = virt_rng_realize,
  .reset = virt_plain_reset,
  .pause = virt_plain_pause,
  .resume = virt_plain_resume,
  .post_load = virt_plain_post_load,
  .unrealize = virt_rng_unrealize,
};

Device *
virt_rng_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, uint64_t rate, GError **error)
{
  VirtRng *rng = device_new (vm, &virt_rng_device_class, id);

  rng->virt.pci.bus = bus;
  rng->virt.pci.devfn = (uint8_t)devfn;
  rng->rate = rate;
  if (device_realize (&rng->virt.pci.device, error))
    return &rng->virt.pci.device;
  device_free (&rng->virt.pci.device);
  return NULL;
}
