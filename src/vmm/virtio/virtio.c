/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What all virtio devices do: see virtio.h.
 */
#define G_LOG_DOMAIN "virtio"

#include "virtio/virtio-private.h"

#include "base/ready-source.h"
#include "pci/express.h"
#include "pci/msix.h"
#include "pci/pm.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define VENDOR     0x1af4
#define MODERN     0x1040
#define MSIX_BAR   1
#define ISR_QUEUE  1
#define ISR_CONFIG 2
#define ALL_FEATURES \
  (VIRT_F_INDIRECT | VIRT_F_EVENT_INDEX | VIRT_F_VERSION_1 | VIRT_F_RING_RESET | VIRT_F_ANY_LAYOUT)

const StateField virt_device_state[] = {
  STATE_STRUCT (VirtDevice, pci, pci_device_state),
  STATE_STRUCTS (VirtDevice, queues, VirtQueue, virt_queue_state),
  STATE_U8_ARRAY (VirtDevice, config),
  STATE_U64 (VirtDevice, features),
  STATE_U32 (VirtDevice, offered_half),
  STATE_U32 (VirtDevice, driver_half),
  STATE_U32 (VirtDevice, queue_selected),
  STATE_U8 (VirtDevice, status),
  STATE_U8 (VirtDevice, generation),
  STATE_U16 (VirtDevice, vector),
  STATE_U8_MAX (VirtDevice, isr, ISR_QUEUE | ISR_CONFIG),
  STATE_END,
};

/* -- Interrupts: any thread ------------------------------------------------------------------------ */

static void
interrupt (VirtDevice *virt, uint16_t vector, uint8_t isr)
{
  if (pci_msix_enabled (&virt->pci))
    {
      if (vector != VIRT_NO_VECTOR)
        pci_msix_notify (&virt->pci, vector);
      return;
    }
  g_mutex_lock (&virt->isr_lock);
  virt->isr |= isr;
  pci_device_intx (&virt->pci, TRUE);
  g_mutex_unlock (&virt->isr_lock);
}

void
virt_interrupt_queue (VirtDevice *virt, unsigned n)
{
  interrupt (virt, virt->queues[n].vector, ISR_QUEUE);
}

uint8_t
virt_read_isr (VirtDevice *virt)
{
  uint8_t isr;

  g_mutex_lock (&virt->isr_lock);
  isr = virt->isr;
  virt->isr = 0;
  pci_device_intx (&virt->pci, FALSE);
  g_mutex_unlock (&virt->isr_lock);
  return isr;
}

void
virt_config_changed (VirtDevice *virt)
{
  virt->generation++;
  if (virt->status & VIRT_STATUS_DRIVER_OK)
    interrupt (virt, virt->vector, ISR_CONFIG);
}

static gboolean
has_broken (VirtDevice *virt)
{
  gboolean broken = FALSE;

  for (unsigned i = 0; i < virt->n_queues && !broken; i++)
    {
      g_mutex_lock (&virt->queues[i].lock);
      broken = virt->queues[i].broken;
      g_mutex_unlock (&virt->queues[i].lock);
    }
  return broken;
}

/* Device loop. */
static gboolean
on_failed (gpointer data)
{
  VirtDevice *virt = data;

  vm_lock (virt->pci.device.vm);
  g_clear_pointer (&virt->failing, g_source_unref);
  /* The driver may have begun anew meanwhile. */
  if (!has_broken (virt))
    {
      vm_unlock (virt->pci.device.vm);
      return G_SOURCE_REMOVE;
    }
  device_log (&virt->pci.device, "its driver has set up a queue that makes no sense");
  __atomic_store_n (&virt->status, virt->status | VIRT_STATUS_NEEDS_RESET, __ATOMIC_RELAXED);
  if (virt->status & VIRT_STATUS_DRIVER_OK)
    interrupt (virt, virt->vector, ISR_CONFIG);
  vm_unlock (virt->pci.device.vm);
  return G_SOURCE_REMOVE;
}

/* -- Queues: their thread, the queue's lock held ----------------------------------------------------- */

/* Legacy drivers may use a queue before they say that they are ready. */
static gboolean
is_live (const VirtDevice *virt)
{
  return !virt_has (virt, VIRT_F_VERSION_1)
         || __atomic_load_n (&virt->status, __ATOMIC_RELAXED) & VIRT_STATUS_DRIVER_OK;
}

static void
fail (VirtDevice *virt)
{
  GSource *source = g_idle_source_new ();

  /* The lock of the machine comes before the queue's. */
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_failed, virt, NULL);
  if (!__atomic_compare_exchange_n (&virt->failing, &(GSource *){ NULL }, source, FALSE, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
    {
      g_source_unref (source);
      return;
    }
  g_source_attach (source, virt->pci.device.vm->context);
}

void
virt_give (VirtDevice *virt, unsigned n, VirtChain *chain, uint32_t length)
{
  const unsigned head = chain->head;

  virt_chain_clear (chain);
  if (virt_queue_give (&virt->queues[n], head, length))
    virt_interrupt_queue (virt, n);
}

void
virt_queue_look (VirtDevice *virt, unsigned n)
{
  const VirtClass *klass = virt->virt_class;
  VirtQueue *queue = &virt->queues[n];
  VirtChain *chain;
  unsigned taken = 0;
  int code;

  do
    {
      for (;;)
        {
          /* A driver that puts chains as fast as they are done doesn't keep the thread from its other work. */
          if (taken++ >= 2u * queue->largest)
            {
              virt_ring (virt, n);
              return;
            }
          if (__atomic_load_n (&virt->paused, __ATOMIC_RELAXED) || !is_live (virt)
              || (chain = klass->room (virt, n)) == NULL)
            return; /* whoever makes it possible looks again */
          code = virt_queue_take (queue, chain);
          if (code <= 0)
            break;
          klass->run (virt, n, chain);
        }
      klass->unused (virt, n, chain);
      if (code < 0)
        {
          fail (virt);
          return;
        }
    }
  while (!virt_queue_want_bell (queue));
}

int
virt_queue_next (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtQueue *queue = &virt->queues[n];
  int code;

  if (__atomic_load_n (&virt->paused, __ATOMIC_RELAXED) || !is_live (virt) || !queue->enabled || queue->broken
      || !dma_enabled (&queue->dma))
    return -1;
  do
    {
      code = virt_queue_take (queue, chain);
      if (code > 0)
        return 1;
      if (code < 0)
        {
          fail (virt);
          return -1;
        }
    }
  while (!virt_queue_want_bell (queue));
  return 0;
}

static gboolean
on_bell (gint fd, GIOCondition condition, gpointer data)
{
  struct VirtBell *bell = data;
  VirtDevice *virt = bell->virt;
  VirtQueue *queue = &virt->queues[bell->n];
  uint64_t count;

  if (read (fd, &count, sizeof count) != (ssize_t)sizeof count)
    return G_SOURCE_CONTINUE;
  if (virt->virt_class->begin != NULL)
    virt->virt_class->begin (virt, bell->n);
  if (virt->virt_class->locked)
    vm_lock (virt->pci.device.vm);
  g_mutex_lock (&queue->lock);
  virt_queue_look (virt, bell->n);
  g_mutex_unlock (&queue->lock);
  if (virt->virt_class->end != NULL)
    virt->virt_class->end (virt, bell->n);
  if (virt->virt_class->locked)
    vm_unlock (virt->pci.device.vm);
  return G_SOURCE_CONTINUE;
}

void
virt_ring (VirtDevice *virt, unsigned n)
{
  const uint64_t one = 1;

  if (n < virt->n_queues && write (virt->bells[n], &one, sizeof one) < 0 && errno != EAGAIN)
    g_warning ("eventfd: %s", g_strerror (errno));
}

/* -- Registers: VM lock held --------------------------------------------------------------------------- */

VirtQueue *
virt_selected (VirtDevice *virt)
{
  return virt->queue_selected < virt->n_queues ? &virt->queues[virt->queue_selected] : NULL;
}

uint16_t
virt_vector (const VirtDevice *virt, uint64_t value)
{
  return value <= virt->n_queues ? (uint16_t)value : VIRT_NO_VECTOR;
}

/* Its driver finds it as after a reset; nothing of it is in flight. */
static void
stop_queue (VirtDevice *virt, unsigned n)
{
  VirtQueue *queue = &virt->queues[n];

  g_mutex_lock (&queue->lock);
  virt_queue_reset (queue);
  g_mutex_unlock (&queue->lock);
  if (virt->virt_class->stop != NULL)
    virt->virt_class->stop (virt, n);
}

void
virt_enable_queue (VirtDevice *virt, unsigned n, gboolean on)
{
  VirtQueue *queue = &virt->queues[n];

  if (!on)
    {
      stop_queue (virt, n);
      return;
    }
  g_mutex_lock (&queue->lock);
  /* What is on stays as it is: its chains were taken by the layout that it has. */
  if (queue->enabled)
    {
      g_mutex_unlock (&queue->lock);
      return;
    }
  queue->event_index = virt_has (virt, VIRT_F_EVENT_INDEX);
  queue->indirect = virt_has (virt, VIRT_F_INDIRECT);
  queue->packed = virt_has (virt, VIRT_F_RING_PACKED);
  queue->enabled = TRUE;
  g_mutex_unlock (&queue->lock);
  virt_ring (virt, n);
}

static void
stop_all (VirtDevice *virt)
{
  for (unsigned i = 0; i < virt->n_queues; i++)
    stop_queue (virt, i);
}

static void
reset_registers (VirtDevice *virt)
{
  stop_all (virt);
  __atomic_store_n (&virt->features, 0, __ATOMIC_RELAXED);
  virt->offered_half = virt->driver_half = virt->queue_selected = 0;
  __atomic_store_n (&virt->status, 0, __ATOMIC_RELAXED);
  virt->vector = VIRT_NO_VECTOR;
  virt_read_isr (virt);
}

void
virt_write_features (VirtDevice *virt, uint64_t features)
{
  if (!(virt->status & (VIRT_STATUS_FEATURES_OK | VIRT_STATUS_DRIVER_OK)))
    __atomic_store_n (&virt->features, features, __ATOMIC_RELAXED);
}

void
virt_write_status (VirtDevice *virt, uint8_t status)
{
  const uint8_t before = virt->status;

  if (status == 0)
    {
      reset_registers (virt);
      return;
    }
  /* 3.1.1: what the device can't work with is refused by leaving this bit clear. */
  if ((status & VIRT_STATUS_FEATURES_OK) && !(before & VIRT_STATUS_FEATURES_OK)
      && ((virt->features & ~virt->offered) != 0 || !virt_has (virt, VIRT_F_VERSION_1)))
    status &= (uint8_t)~VIRT_STATUS_FEATURES_OK;
  /* Drivers from before 1.0 know no FEATURES_OK, and others leave it out. */
  if (status & ~before & VIRT_STATUS_DRIVER_OK)
    virt_write_features (virt, virt->features & virt->offered);
  /* No bit goes but by a reset (2.1.2). */
  __atomic_store_n (&virt->status, (uint8_t)(before | status), __ATOMIC_RELAXED);
  if (!(status & ~before & VIRT_STATUS_DRIVER_OK))
    return;
  if (virt->virt_class->started != NULL)
    virt->virt_class->started (virt);
  for (unsigned i = 0; i < virt->n_queues; i++)
    virt_ring (virt, i);
}

uint64_t
virt_config_read (VirtDevice *virt, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size && offset + i < virt->virt_class->config_size; i++)
    value |= (uint64_t)(virt->virt_class->config_byte != NULL
                            ? virt->virt_class->config_byte (virt, (unsigned)offset + i)
                            : virt->config[offset + i])
             << 8 * i;
  return value;
}

void
virt_config_write (VirtDevice *virt, uint64_t offset, uint64_t value, unsigned size)
{
  gboolean written = FALSE;

  for (unsigned i = 0; i < size && offset + i < MIN (virt->virt_class->config_size, sizeof virt->writable);
       i++)
    if (virt->writable[offset + i])
      {
        virt->config[offset + i] = (uint8_t)(value >> 8 * i);
        written = TRUE;
      }
  if (written && virt->virt_class->configured != NULL)
    virt->virt_class->configured (virt, (unsigned)offset, size);
}

/* -- Life -------------------------------------------------------------------------------------------------- */

/* The device may not reach memory any more: what is on its way ends first. */
static void
on_quiesce (void *opaque)
{
  VirtDevice *virt = opaque;

  for (unsigned i = 0; i < virt->n_queues; i++)
    {
      /* Whoever was at it when the bus master bit went is not any more. */
      g_mutex_lock (&virt->queues[i].lock);
      g_mutex_unlock (&virt->queues[i].lock);
      if (virt->virt_class->settle != NULL)
        virt->virt_class->settle (virt, i);
    }
}

gboolean
virt_device_realize (VirtDevice *virt, const VirtClass *virt_class, unsigned n_queues, uint64_t features,
                     GError **error)
{
  const PciIdentity identity
      = { .vendor = VENDOR,
          .device
          = virt_class->transitional != 0 ? virt_class->transitional : (uint16_t)(MODERN + virt_class->type),
          .subsystem_vendor = VENDOR,
          .subsystem = virt_class->type,
          .class_code = virt_class->class_code,
          .revision = virt_class->transitional != 0 ? 0 : 1,
          .interrupt_pin = 1 };

  g_return_val_if_fail (
      n_queues > 0 && n_queues <= VIRT_MAX_QUEUES
          && (virt_class->config_byte != NULL || virt_class->config_size <= sizeof virt->config),
      FALSE);
  virt->virt_class = virt_class;
  virt->vector = VIRT_NO_VECTOR;
  /* Beside what it was told before. */
  virt->offered |= (features & virt_class->features) | ALL_FEATURES;
  g_mutex_init (&virt->isr_lock);
  for (unsigned i = 0; i < VIRT_MAX_QUEUES; i++)
    virt->bells[i] = -1;
  if (!pci_device_init (&virt->pci, virt->pci.bus, virt->pci.devfn, &identity, error))
    return FALSE;
  virt->pci.dma.quiesce = on_quiesce;
  virt->pci.dma.opaque = virt;
  for (unsigned i = 0; i < VIRT_MAX_QUEUES; i++)
    virt_queue_init (&virt->queues[i], &virt->pci.dma, virt_class->queue_size);
  virt->n_queues = n_queues;
  for (unsigned i = 0; i < n_queues; i++)
    {
      virt->bell_of[i] = (struct VirtBell){ virt, i };
      virt->bells[i] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
      if (virt->bells[i] < 0)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: no eventfd: %s",
                       virt->pci.device.id, g_strerror (errno));
          return FALSE;
        }
      virt->sources[i] = g_unix_fd_source_new (virt->bells[i], G_IO_IN);
      g_source_set_callback (virt->sources[i], G_SOURCE_FUNC (on_bell), &virt->bell_of[i], NULL);
      source_stay_polled (virt->sources[i]);
      g_source_attach (virt->sources[i], virt_queue_context (virt, i));
    }
  pci_msix_add (&virt->pci, n_queues + 1, MSIX_BAR);
  virt_pci_add (virt);
  /* Behind all others: machines that were saved without it have nothing there. */
  pci_pm_add (&virt->pci);
  /* On bus 0 machines have been saved without. */
  if (pci_bus_parent (virt->pci.bus) != NULL)
    pci_express_add (&virt->pci, PCI_EXPRESS_ENDPOINT);
  if (virt_class->transitional != 0)
    virt_legacy_add (virt);
  return TRUE;
}

void
virt_offer_packed (VirtDevice *virt)
{
  virt->offered |= VIRT_F_RING_PACKED;
}

static gboolean
is_threaded (const VirtDevice *virt, unsigned n)
{
  return virt->virt_class->threaded && n >= virt->virt_class->first_threaded;
}

GMainContext *
virt_queue_context (const VirtDevice *virt, unsigned n)
{
  Vm *vm = virt->pci.device.vm;

  return is_threaded (virt, n) ? vm_io_context (vm, n - virt->virt_class->first_threaded) : vm->context;
}

void
virt_queue_call (VirtDevice *virt, unsigned n, VmFunc func, void *opaque)
{
  vm_io_call (virt->pci.device.vm, n - virt->virt_class->first_threaded, func, opaque);
}

static void
end_source (void *opaque)
{
  GSource **source = opaque;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
virt_device_retire (VirtDevice *virt)
{
  virt_device_pause (virt);
  for (unsigned i = 0; i < virt->n_queues; i++)
    if (virt->sources[i] != NULL && is_threaded (virt, i))
      virt_queue_call (virt, i, end_source, &virt->sources[i]);
    else if (virt->sources[i] != NULL)
      end_source (&virt->sources[i]);
}

void
virt_device_unrealize (VirtDevice *virt)
{
  if (virt->virt_class == NULL)
    return;
  virt_device_retire (virt);
  if (virt->failing != NULL)
    {
      g_source_destroy (virt->failing);
      g_clear_pointer (&virt->failing, g_source_unref);
    }
  /* No doorbell writes to an eventfd once its region has left. */
  pci_device_exit (&virt->pci);
  g_clear_pointer (&virt->registers, region_unref);
  g_clear_pointer (&virt->legacy, region_unref);
  for (unsigned i = 0; i < VIRT_MAX_QUEUES; i++)
    {
      if (virt->bells[i] >= 0)
        close (virt->bells[i]);
      virt->bells[i] = -1;
      if (virt->n_queues > 0)
        virt_queue_clear (&virt->queues[i]);
    }
  g_mutex_clear (&virt->isr_lock);
  virt->n_queues = 0;
  virt->virt_class = NULL;
}

void
virt_device_reset (VirtDevice *virt)
{
  reset_registers (virt);
  pci_device_reset (&virt->pci);
}

/* Whoever is at a queue on another thread stops before the next chain. */
void
virt_device_pause (VirtDevice *virt)
{
  __atomic_store_n (&virt->paused, TRUE, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < virt->n_queues; i++)
    {
      g_mutex_lock (&virt->queues[i].lock);
      g_mutex_unlock (&virt->queues[i].lock);
    }
}

void
virt_ended (VirtDevice *virt)
{
  if (__atomic_load_n (&virt->paused, __ATOMIC_SEQ_CST))
    g_main_context_wakeup (virt->pci.device.vm->context);
}

/* What rang meanwhile was forgotten. */
void
virt_device_resume (VirtDevice *virt)
{
  __atomic_store_n (&virt->paused, FALSE, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < virt->n_queues; i++)
    virt_ring (virt, i);
}

gboolean
virt_device_post_load (VirtDevice *virt, GError **error)
{
  /* What a driver asked for and wasn't offered stands there until it is refused. */
  gboolean valid = !(virt->status & VIRT_STATUS_FEATURES_OK) || (virt->features & ~virt->offered) == 0;

  for (unsigned i = 0; i < VIRT_MAX_QUEUES; i++)
    {
      VirtQueue *queue = &virt->queues[i];

      valid = valid && virt_queue_valid (queue) && (i < virt->n_queues || !queue->enabled);
      queue->vector = virt_vector (virt, queue->vector);
    }
  virt->vector = virt_vector (virt, virt->vector);
  if (!valid)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "%s: the saved queues can't be this device's",
                   virt->pci.device.id);
      return FALSE;
    }
  if (!pci_device_post_load (&virt->pci, error))
    return FALSE;
  pci_device_intx (&virt->pci, virt->isr != 0);
  /* Saved before its driver was told. */
  if (!(virt->status & VIRT_STATUS_NEEDS_RESET) && has_broken (virt))
    fail (virt);
  return TRUE;
}

void
virt_plain_reset (Device *device)
{
  virt_device_reset ((VirtDevice *)device);
}

void
virt_plain_pause (Device *device)
{
  virt_device_pause ((VirtDevice *)device);
}

void
virt_plain_resume (Device *device)
{
  virt_device_resume ((VirtDevice *)device);
}

gboolean
virt_plain_post_load (Device *device, GError **error)
{
  return virt_device_post_load ((VirtDevice *)device, error);
}
