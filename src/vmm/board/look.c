/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The board's part of the prompt.
 */
#define G_LOG_DOMAIN "board"

#include "board/look.h"

#include "usb/usb.h"
#include "virtio/virtio.h"

#include <string.h>

#define U64 "%" G_GINT64_MODIFIER "u"
#define HEX "0x%" G_GINT64_MODIFIER "x"

/* What a device is shows in what its state begins with. */
static gboolean
begins_with (const Device *device, const StateField *fields)
{
  const StateField *first = device->klass->state;

  return first->type == STATE_TYPE_STRUCT && first->offset == 0 && first->fields == fields;
}

/* -- Images ------------------------------------------------------------------------------------------ */

static void
tell_place (const MachineDrive *drive, DebugReport *report)
{
  debug_report_cell (report, "%s", drive->id);
  if (drive->slot != 0)
    debug_report_cell (report, drive->scsi ? "pci 00:%02x.0 target %u" : "pci 00:%02x.0", drive->slot,
                       drive->unit);
  else if (drive->usb)
    debug_report_cell (report, "usb");
  else if (drive->kind == DRIVE_FLOPPY)
    debug_report_cell (report, "floppy %u", drive->unit);
  else
    debug_report_cell (report, "ide %u:%u", drive->channel, drive->unit);
}

static void
tell_load (Block *block, DebugReport *report)
{
  BlockLoad load;

  block_get_load (block, &load);
  debug_report_cell (report, U64, block_size (block));
  debug_report_cell (report, block_read_only (block) ? "read-only" : "read-write");
  debug_report_cell (report, "%u", load.queues);
  debug_report_cell (report, "%u", load.waiting);
  debug_report_cell (report, "%u", load.workers);
  debug_report_cell (report, "%u", load.idle);
}

static void
tell_traffic (const MachineDrive *drive, Block *block, DebugReport *report)
{
  BlockStats stats;

  block_get_stats (block, &stats);
  debug_report_cell (report, "%s", drive->id);
  debug_report_cell (report, U64, stats.reads);
  debug_report_cell (report, U64, stats.read_bytes);
  debug_report_cell (report, U64, stats.writes);
  debug_report_cell (report, U64, stats.written_bytes);
  debug_report_cell (report, U64, stats.flushes);
}

static void
tell_block (void *opaque, DebugReport *report)
{
  Board *board = opaque;

  /* Under the lock no image is taken out. */
  vm_lock (board->vm);
  debug_report_table (report, "drives", "drive where -size access -queues -waiting -workers -idle");
  for (guint i = 0; i < board->drives->len; i++)
    {
      const MachineDrive *drive = board->drives->pdata[i];
      Block *block = board_drive_block (board, drive->id);

      tell_place (drive, report);
      if (block != NULL)
        tell_load (block, report);
      else
        {
          debug_report_cell (report, "-");
          debug_report_cell (report, "no medium");
          debug_report_end_row (report);
        }
    }
  debug_report_table (report, "traffic", "drive -reads -read-bytes -writes -written-bytes -flushes");
  for (guint i = 0; i < board->drives->len; i++)
    {
      const MachineDrive *drive = board->drives->pdata[i];
      Block *block = board_drive_block (board, drive->id);

      if (block != NULL)
        tell_traffic (drive, block, report);
    }
  vm_unlock (board->vm);
}

/* -- Networks ---------------------------------------------------------------------------------------- */

static void
tell_net (void *opaque, DebugReport *report)
{
  Board *board = opaque;

  debug_report_table (report, "cards", "card slot mac cable link -mtu");
  for (guint i = 0; i < board->nets->len; i++)
    {
      const BoardNet *net = board->nets->pdata[i];
      const NetMac mac = net_port_mac (net->port);

      debug_report_cell (report, "%s", net->id);
      debug_report_cell (report, "%02x.0", net->slot);
      debug_report_cell (report, "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1], mac.bytes[2],
                         mac.bytes[3], mac.bytes[4], mac.bytes[5]);
      debug_report_cell (report, net_port_cable (net->port) ? "in" : "out");
      debug_report_cell (report, net_port_link (net->port) ? "up" : "down");
      debug_report_cell (report, "%u", net_port_mtu (net->port));
    }
  debug_report_table (report, "packets",
                      "card -sent -sent-bytes -sent-dropped -received -received-bytes -received-dropped "
                      "-accepted -refused");
  for (guint i = 0; i < board->nets->len; i++)
    {
      const BoardNet *net = board->nets->pdata[i];
      NetStatistics s;

      net_port_statistics (net->port, &s);
      const uint64_t counts[] = { s.sent.packets,   s.sent.bytes,       s.sent.dropped, s.received.packets,
                                  s.received.bytes, s.received.dropped, s.accepted,     s.refused };

      debug_report_cell (report, "%s", net->id);
      for (unsigned j = 0; j < G_N_ELEMENTS (counts); j++)
        debug_report_cell (report, U64, counts[j]);
    }
}

/* -- Virtqueues -------------------------------------------------------------------------------------- */

static unsigned
count_held (const VirtQueue *queue)
{
  unsigned n = 0;

  for (unsigned i = 0; i < sizeof queue->held; i++)
    n += (unsigned)__builtin_popcount (queue->held[i]);
  return n;
}

/* VIRTIO 1.2, 2.7.6: how far the driver is.  A packed ring has no such index: FALSE. */
static gboolean
driver_index (Vm *vm, const VirtQueue *queue, uint16_t *index)
{
  uint8_t bytes[2];

  if (!queue->enabled || queue->packed
      || !address_space_read_memory (vm->memory, queue->available + 2, bytes, sizeof bytes))
    return FALSE;
  *index = (uint16_t)(bytes[0] | bytes[1] << 8);
  return TRUE;
}

static void
tell_queue (Vm *vm, const Device *device, unsigned n, VirtQueue *queue, DebugReport *report)
{
  uint16_t index;

  g_mutex_lock (&queue->lock);
  debug_report_cell (report, "%s", device->id);
  debug_report_cell (report, "%u", n);
  debug_report_cell (report, "%u", queue->size);
  debug_report_cell (report, queue->broken     ? "broken"
                             : !queue->enabled ? "off"
                             : queue->packed   ? "packed"
                                               : "split");
  if (driver_index (vm, queue, &index))
    debug_report_cell (report, "%u", (uint16_t)(index - queue->next_available));
  else
    debug_report_cell (report, "-");
  debug_report_cell (report, "%u", queue->next_available);
  debug_report_cell (report, "%u", queue->next_used);
  debug_report_cell (report, "%u", count_held (queue));
  debug_report_cell (report, queue->vector == 0xffff ? "-" : "%u", queue->vector);
  debug_report_cell (report, HEX, queue->descriptors);
  debug_report_cell (report, HEX, queue->available);
  debug_report_cell (report, HEX, queue->used);
  g_mutex_unlock (&queue->lock);
}

static void
tell_queues (void *opaque, DebugReport *report)
{
  Board *board = opaque;
  GPtrArray *devices = board->vm->devices;

  debug_report_table (
      report, "queues",
      "device -queue -size ring -waiting -taken -given -held -vector descriptors driver used");
  vm_lock (board->vm);
  for (guint i = 0; i < devices->len; i++)
    if (begins_with (devices->pdata[i], virt_device_state))
      {
        VirtDevice *virt = devices->pdata[i];

        for (unsigned n = 0; n < virt->n_queues; n++)
          tell_queue (board->vm, &virt->pci.device, n, &virt->queues[n], report);
      }
  vm_unlock (board->vm);
}

/* -- USB --------------------------------------------------------------------------------------------- */

/* The controller has no hub, and its ports are its own. */
static const Device *
controller_of (const UsbDevice *usb)
{
  const UsbPort *port = usb->port;

  while (port != NULL && port->hub != NULL)
    port = port->hub->port;
  return port != NULL ? port->opaque : NULL;
}

static gint
by_place (gconstpointer a, gconstpointer b)
{
  const UsbDevice *const *one = a, *const *other = b;
  const Device *controllers[] = { controller_of (*one), controller_of (*other) };
  g_autofree char *place = usb_device_path (*one), *other_place = usb_device_path (*other);

  if (controllers[0] != controllers[1])
    return controllers[0] == NULL   ? 1
           : controllers[1] == NULL ? -1
                                    : strcmp (controllers[0]->id, controllers[1]->id);
  return strcmp (place, other_place);
}

static const char *
usb_state (const UsbDevice *usb)
{
  return usb->port == NULL         ? "pulled out"
         : usb->suspended          ? "suspended"
         : usb->configuration != 0 ? "configured"
         : usb->address != 0       ? "addressed"
                                   : "attached";
}

static void
tell_usb (void *opaque, DebugReport *report)
{
  static const char *const speeds[USB_N_SPEEDS] = { "1.5 Mbit/s", "12 Mbit/s", "480 Mbit/s", "5 Gbit/s" };
  Board *board = opaque;
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  debug_report_table (report, "usb", "controller port device id -address speed state name");
  vm_lock (board->vm);
  for (guint i = 0; i < board->vm->devices->len; i++)
    if (begins_with (board->vm->devices->pdata[i], usb_device_state))
      g_ptr_array_add (found, board->vm->devices->pdata[i]);
  g_ptr_array_sort (found, by_place);
  for (guint i = 0; i < found->len; i++)
    {
      const UsbDevice *usb = found->pdata[i];
      const Device *controller = controller_of (usb);
      const UsbDescription *description = usb->model->description;
      g_autofree char *place = usb_device_path (usb);

      debug_report_cell (report, "%s", controller != NULL ? controller->id : "-");
      debug_report_cell (report, "%s", *place != '\0' ? place : "-");
      debug_report_cell (report, "%s", usb->device.id);
      debug_report_cell (report, "%04x:%04x", description->vendor, description->product);
      debug_report_cell (report, "%u", usb->address);
      debug_report_cell (report, "%s", usb->port != NULL ? speeds[MIN (usb->speed, USB_N_SPEEDS - 1)] : "-");
      debug_report_cell (report, "%s", usb_state (usb));
      debug_report_cell (report, "%s", description->name);
    }
  vm_unlock (board->vm);
}

/* -- Counts ------------------------------------------------------------------------------------------ */

static void
add_count (void *report, const char *name, uint64_t value)
{
  debug_report_cell (report, "%s", name);
  debug_report_cell (report, U64, value);
}

static void
tell_statistics (void *opaque, DebugReport *report)
{
  Board *board = opaque;
  Vm *vm = board->vm;
  uint64_t ram = 0;

  debug_report_table (report, "statistics", "key value");
  add_count (report, "guest-time-ns", (uint64_t)vm_clock_now (vm->clock));
  vm_lock (vm);
  for (guint i = 0; i < vm->rams->len; i++)
    ram += region_size (vm->rams->pdata[i]);
  add_count (report, "memory-bytes", ram);
  add_count (report, "devices", vm->devices->len);
  vm_unlock (vm);
  if (vm->processor != NULL && vm->processor->exits != NULL)
    add_count (report, "processor-exits", vm->processor->exits (vm->processor_opaque));
  board_statistics (board, add_count, report);
  board_net_statistics (board, add_count, report);
}

const DebugView board_views[] = {
  { "info block", "Drives: images, how much waits for them, what was read and written.", tell_block },
  { "info net", "Network cards: cable, link, packets.", tell_net },
  { "info queues", "The virtqueues of all virtio devices: how far driver and device are.", tell_queues },
  { "info usb", "What is plugged into which port on USB, and what the guest has made of it.", tell_usb },
  { "info statistics", "Counts of the machine and its devices.", tell_statistics },
  { NULL },
};
