/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The PCI function for tests.  See pci-test.h.
 *
 * Threads: registers under the VM lock; the worker never takes that, so that the function may be freed by who holds it.  What both
 * touch is under `lock`, which is held neither over DMA nor while interrupts are sent.
 */
#define G_LOG_DOMAIN "pci-test"

#include "chipset/pci-test.h"

#include "pci/express.h"
#include "pci/msi.h"
#include "pci/msix.h"
#include "pci/pm.h"

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REGISTERS_SIZE 0x1000
#define BELLS_SIZE     0x1000
#define TIMER_VECTOR   7
#define COMMAND_MASK   3
#define VECTOR_SHIFT   8

typedef struct
{
  PciDevice pci;
  Region *registers, *bells;
  VmTimer timer;
  uint32_t scratch, control, misses, ticks, reads;

  GThread *worker;
  int kick, bell[PCI_TEST_N_BELLS]; /* eventfds */
  Dma dma;                          /* the worker's */

  GMutex lock; /* protects what follows */
  gboolean quit, paused, parked;
  uint64_t source, destination;
  uint32_t length, position;
  uint32_t command; /* 0: none is under way */
  uint32_t done, failed;
  uint32_t raise; /* a bit a vector */
  uint32_t rings[PCI_TEST_N_BELLS];
  uint8_t buffer[PCI_TEST_BUFFER]; /* the worker's while a command is under way */
} PciTest;

static const StateField pci_test_state[] = {
  STATE_STRUCT (PciTest, pci, pci_device_state),
  STATE_TIMER (PciTest, timer),
  STATE_U32 (PciTest, scratch),
  STATE_U32_MAX (PciTest, control, PCI_TEST_CONTROL_ARMED),
  STATE_U32 (PciTest, misses),
  STATE_U32 (PciTest, ticks),
  STATE_U32 (PciTest, reads),
  STATE_U64 (PciTest, source),
  STATE_U64 (PciTest, destination),
  STATE_U32_MAX (PciTest, length, PCI_TEST_MAX_LENGTH),
  STATE_U32_MAX (PciTest, position, PCI_TEST_MAX_LENGTH),
  STATE_U32_MAX (PciTest, command, COMMAND_MASK | (PCI_TEST_N_VECTORS - 1) << VECTOR_SHIFT),
  STATE_U32 (PciTest, done),
  STATE_U32 (PciTest, failed),
  STATE_U32_MAX (PciTest, raise, (1u << PCI_TEST_N_VECTORS) - 1),
  STATE_U32_ARRAY (PciTest, rings),
  STATE_U8_ARRAY (PciTest, buffer),
  STATE_END,
};

/* -- Eventfds ------------------------------------------------------------------------------------- */

static uint32_t
event_take (int fd)
{
  uint64_t n = 0;

  return read (fd, &n, sizeof n) == sizeof n ? (uint32_t)n : 0;
}

static void
event_raise (int fd)
{
  const uint64_t one = 1;

  if (write (fd, &one, sizeof one) < 0 && errno != EAGAIN)
    g_warning ("eventfd: %s", g_strerror (errno));
}

/* -- Interrupts: any thread ------------------------------------------------------------------------- */

static void
interrupt (PciTest *t, unsigned vector)
{
  if (pci_msix_enabled (&t->pci))
    pci_msix_notify (&t->pci, vector);
  else if (pci_msi_enabled (&t->pci))
    pci_msi_notify (&t->pci, vector);
  else
    pci_device_intx (&t->pci, TRUE);
}

/* -- The worker ------------------------------------------------------------------------------------- */

/* The lock is held. */
static void
take_bells (PciTest *t)
{
  for (unsigned i = 0; i < PCI_TEST_N_BELLS; i++)
    {
      uint32_t n = event_take (t->bell[i]);

      t->rings[i] += n;
      if (n > 0)
        t->raise |= 1u << i;
    }
}

/* One step of the transfer.  The lock is held, and let go of over the DMA; nobody else changes what it is about meanwhile. */
static void
step (PciTest *t)
{
  unsigned what = t->command & COMMAND_MASK;
  uint32_t at = t->position, n = MIN (t->length - at, PCI_TEST_STEP);
  uint64_t source = t->source + at, destination = t->destination + at;
  uint8_t *buffer = t->buffer + at % PCI_TEST_BUFFER;
  gboolean ok;

  g_mutex_unlock (&t->lock);
  ok = what == PCI_TEST_COMMAND_FROM_DEVICE || dma_read (&t->dma, source, buffer, n);
  if (ok && what != PCI_TEST_COMMAND_TO_DEVICE)
    ok = dma_write (&t->dma, destination, buffer, n);
  g_mutex_lock (&t->lock);

  t->position += n;
  if (ok && t->position < t->length)
    return;
  t->done += ok;
  t->failed += !ok;
  t->raise |= 1u << (t->command >> VECTOR_SHIFT & (PCI_TEST_N_VECTORS - 1));
  t->command = 0;
}

/* Waits for something to do.  The lock is not held. */
static void
wait_for_work (PciTest *t, gboolean parked)
{
  struct pollfd fds[1 + PCI_TEST_N_BELLS] = { { .fd = t->kick, .events = POLLIN } };

  for (unsigned i = 0; i < PCI_TEST_N_BELLS; i++)
    fds[1 + i] = (struct pollfd){ .fd = t->bell[i], .events = POLLIN };
  while (poll (fds, parked ? 1 : G_N_ELEMENTS (fds), -1) < 0 && errno == EINTR)
    ;
  event_take (t->kick);
}

static gpointer
worker (gpointer data)
{
  PciTest *t = data;

  g_mutex_lock (&t->lock);
  while (!t->quit)
    {
      uint32_t raise;

      /* Also on the way to a stop: what rang before it is told in the saved state. */
      take_bells (t);
      if (t->paused)
        {
          t->parked = TRUE;
          g_mutex_unlock (&t->lock);
          g_main_context_wakeup (t->pci.device.vm->context);
          wait_for_work (t, TRUE);
          g_mutex_lock (&t->lock);
          continue;
        }
      t->parked = FALSE;
      raise = t->raise;
      t->raise = 0;
      if (raise != 0)
        {
          g_mutex_unlock (&t->lock);
          for (unsigned i = 0; i < PCI_TEST_N_VECTORS; i++)
            if (raise >> i & 1)
              interrupt (t, i);
          g_mutex_lock (&t->lock);
        }
      if (t->command != 0)
        {
          step (t);
        }
      else if (t->raise == 0 && !t->paused && !t->quit)
        {
          g_mutex_unlock (&t->lock);
          wait_for_work (t, FALSE);
          g_mutex_lock (&t->lock);
        }
    }
  g_mutex_unlock (&t->lock);
  return NULL;
}

/* -- Registers: VM lock held -------------------------------------------------------------------------- */

static void
on_timer (void *opaque)
{
  PciTest *t = opaque;

  t->ticks++;
  interrupt (t, TIMER_VECTOR);
}

static void
arm (PciTest *t, gboolean on)
{
  const uint64_t value = PCI_TEST_BELL_VALUE;

  for (unsigned i = 0; i < PCI_TEST_N_BELLS; i++)
    {
      gboolean match = i == PCI_TEST_N_BELLS - 1;

      region_set_doorbell (t->bells, match ? PCI_TEST_BELL_MATCH : 4 * i, 4, match ? &value : NULL,
                           on ? t->bell[i] : -1);
    }
}

static void
set_half (uint64_t *value, gboolean high, uint32_t half)
{
  *value = high ? (*value & 0xffffffff) | (uint64_t)half << 32 : (*value & ~0xffffffffull) | half;
}

/* The lock is held. */
static void
write_transfer (PciTest *t, uint64_t addr, uint32_t value)
{
  if (t->command != 0)
    return;
  switch (addr)
    {
    case PCI_TEST_SOURCE:
    case PCI_TEST_SOURCE + 4:
      set_half (&t->source, addr != PCI_TEST_SOURCE, value);
      break;
    case PCI_TEST_DESTINATION:
    case PCI_TEST_DESTINATION + 4:
      set_half (&t->destination, addr != PCI_TEST_DESTINATION, value);
      break;
    case PCI_TEST_LENGTH:
      t->length = MIN (value, PCI_TEST_MAX_LENGTH);
      break;
    default:
      if ((value & COMMAND_MASK) == 0)
        break;
      t->command = value & (COMMAND_MASK | (PCI_TEST_N_VECTORS - 1) << VECTOR_SHIFT);
      t->position = 0;
      event_raise (t->kick);
      break;
    }
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  PciTest *t = opaque;
  uint32_t value = (uint32_t)wide;

  switch (addr)
    {
    case PCI_TEST_SCRATCH:
      t->scratch = value;
      break;
    case PCI_TEST_CONTROL:
      t->control = value & PCI_TEST_CONTROL_ARMED;
      arm (t, t->control != 0);
      break;
    case PCI_TEST_SOURCE ... PCI_TEST_COMMAND:
      g_mutex_lock (&t->lock);
      write_transfer (t, addr, value);
      g_mutex_unlock (&t->lock);
      break;
    case PCI_TEST_RAISE:
      g_mutex_lock (&t->lock);
      t->raise |= 1u << (value % PCI_TEST_N_VECTORS);
      g_mutex_unlock (&t->lock);
      event_raise (t->kick);
      break;
    case PCI_TEST_RAISE_NOW:
      interrupt (t, value % PCI_TEST_N_VECTORS);
      break;
    case PCI_TEST_ACK:
      pci_device_intx (&t->pci, FALSE);
      break;
    case PCI_TEST_TIMER:
      vm_timer_arm (&t->timer, vm_clock_now (t->pci.device.vm->clock) + value * 1000ll);
      break;
    default:
      break;
    }
}

/* The lock is held. */
static uint32_t
read_shared (const PciTest *t, uint64_t addr)
{
  switch (addr)
    {
    case PCI_TEST_STATUS:
      return t->command != 0 ? PCI_TEST_STATUS_BUSY : 0;
    case PCI_TEST_SOURCE:
    case PCI_TEST_SOURCE + 4:
      return (uint32_t)(t->source >> (addr == PCI_TEST_SOURCE ? 0 : 32));
    case PCI_TEST_DESTINATION:
    case PCI_TEST_DESTINATION + 4:
      return (uint32_t)(t->destination >> (addr == PCI_TEST_DESTINATION ? 0 : 32));
    case PCI_TEST_LENGTH:
      return t->length;
    case PCI_TEST_DONE:
      return t->done;
    case PCI_TEST_FAILED:
      return t->failed;
    case PCI_TEST_RINGS ... PCI_TEST_RINGS + 4 * (PCI_TEST_N_BELLS - 1):
      return t->rings[(addr - PCI_TEST_RINGS) / 4];
    default:
      return 0;
    }
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  PciTest *t = opaque;
  uint32_t value;

  switch (addr)
    {
    case PCI_TEST_IDENTITY:
      return PCI_TEST_ID;
    case PCI_TEST_SCRATCH:
      return t->scratch;
    case PCI_TEST_CONTROL:
      return t->control;
    case PCI_TEST_MISSES:
      return t->misses;
    case PCI_TEST_TICKS:
      return t->ticks;
    case PCI_TEST_READS:
      return t->reads++;
    default:
      break;
    }
  g_mutex_lock (&t->lock);
  value = read_shared (t, addr);
  g_mutex_unlock (&t->lock);
  return value;
}

static uint64_t
bells_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0;
}

static void
bells_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  ((PciTest *)opaque)->misses++;
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 4, .impl_max = 4, .valid_min = 4 };
static const IoOps bells_ops = { .read = bells_read, .write = bells_write };

/* -- Life --------------------------------------------------------------------------------------------- */

static void
pci_test_pause (Device *device)
{
  PciTest *t = (PciTest *)device;

  g_mutex_lock (&t->lock);
  t->paused = TRUE;
  g_mutex_unlock (&t->lock);
  event_raise (t->kick);
}

static gboolean
pci_test_drained (Device *device)
{
  PciTest *t = (PciTest *)device;
  gboolean drained;

  g_mutex_lock (&t->lock);
  drained = !t->paused || t->parked;
  g_mutex_unlock (&t->lock);
  return drained;
}

static void
pci_test_resume (Device *device)
{
  PciTest *t = (PciTest *)device;

  g_mutex_lock (&t->lock);
  t->paused = FALSE;
  g_mutex_unlock (&t->lock);
  event_raise (t->kick);
}

static void
pci_test_reset (Device *device)
{
  PciTest *t = (PciTest *)device;

  pci_device_reset (&t->pci);
  vm_timer_cancel (&t->timer);
  arm (t, FALSE);
  t->scratch = t->control = t->misses = t->ticks = t->reads = 0;
  g_mutex_lock (&t->lock);
  take_bells (t);
  t->source = t->destination = 0;
  t->length = t->position = t->command = t->done = t->failed = t->raise = 0;
  memset (t->rings, 0, sizeof t->rings);
  memset (t->buffer, 0, sizeof t->buffer);
  g_mutex_unlock (&t->lock);
}

static gboolean
pci_test_post_load (Device *device, GError **error)
{
  PciTest *t = (PciTest *)device;

  if (t->position > t->length || t->position % PCI_TEST_STEP != 0)
    {
      g_set_error_literal (error, STATE_ERROR, STATE_ERROR_RANGE, "The transfer is beyond its end");
      return FALSE;
    }
  arm (t, t->control != 0);
  return pci_device_post_load (&t->pci, error);
}

static void
close_all (PciTest *t)
{
  if (t->kick >= 0)
    close (t->kick);
  for (unsigned i = 0; i < PCI_TEST_N_BELLS; i++)
    if (t->bell[i] >= 0)
      close (t->bell[i]);
}

static gboolean
open_all (PciTest *t, GError **error)
{
  gboolean ok = (t->kick = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0;

  for (unsigned i = 0; i < PCI_TEST_N_BELLS; i++)
    ok &= (t->bell[i] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0;
  if (ok)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES, "The host has no more eventfds");
  close_all (t);
  return FALSE;
}

static gboolean
pci_test_realize (Device *device, GError **error)
{
  /* Vendor and device of a project for educational devices; the programming interface tells it from those. */
  static const PciIdentity identity = { .vendor = 0x1234,
                                        .device = 0x11e9,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0xff0000,
                                        .revision = 1,
                                        .interrupt_pin = 1 };
  PciTest *t = (PciTest *)device;
  PciDevice *pci = &t->pci;

  if (!pci_device_init (pci, pci->bus, pci->devfn, &identity, error) || !open_all (t, error))
    return FALSE;
  t->registers = region_new_io ("pci-test", REGISTERS_SIZE, &registers_ops, t);
  t->bells = region_new_io ("pci-test-bells", BELLS_SIZE, &bells_ops, t);
  pci_device_add_bar (pci, 0, t->registers, PCI_BAR_MEMORY32);
  pci_device_add_bar (pci, 2, t->bells, PCI_BAR_MEMORY64 | PCI_BAR_PREFETCH);
  pci_pm_add (pci);
  pci_msi_add (pci, 4, PCI_MSI_64BIT | PCI_MSI_MASKS);
  pci_msix_add (pci, PCI_TEST_N_VECTORS, 4);
  if (pci_bus_parent (pci->bus) != NULL)
    pci_express_add (pci, PCI_EXPRESS_ENDPOINT);
  vm_timer_init (&t->timer, device->vm->clock, on_timer, t);
  dma_init_queue (&t->dma, &pci->dma);
  g_mutex_init (&t->lock);
  t->worker = g_thread_new ("pci-test", worker, t);
  return TRUE;
}

static void
pci_test_unrealize (Device *device)
{
  PciTest *t = (PciTest *)device;

  /* The worker waits for nothing that is ours; it must be gone before what it interrupts by.  The doorbells' eventfds are closed when
   * no store writes to them any more. */
  g_mutex_lock (&t->lock);
  t->quit = TRUE;
  g_mutex_unlock (&t->lock);
  event_raise (t->kick);
  g_thread_join (t->worker);
  vm_timer_cancel (&t->timer);
  pci_device_exit (&t->pci);
  dma_clear (&t->dma);
  close_all (t);
  region_unref (t->registers);
  region_unref (t->bells);
  g_mutex_clear (&t->lock);
}

const DeviceClass pci_test_class = {
  .name = "pci-test",
  .instance_size = sizeof (PciTest),
  .state = pci_test_state,
  .realize = pci_test_realize,
  .reset = pci_test_reset,
  .pause = pci_test_pause,
  .drained = pci_test_drained,
  .resume = pci_test_resume,
  .post_load = pci_test_post_load,
  .unrealize = pci_test_unrealize,
};
