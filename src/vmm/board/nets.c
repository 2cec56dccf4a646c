/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Network cards: which there are, and what they are at.
 */
#define G_LOG_DOMAIN "board"

#include "board/board.h"
#include "board/virtio.h"

#include "base/host-files.h"
#include "block/regular-file.h"
#include "firmware/rom.h"
#include "machine/definition-files.h"
#include "machine/start-blame.h"
#include "net/e1000.h"
#include "net/ne2000.h"
#include "net/pcnet.h"
#include "net/rtl8139.h"
#include "virtio/net.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>

#define ROM_LEAST 2048u
#define ROM_MOST  (1u << 20)

/* By the names of net0.card; virtio's is made by make_card(). */
static const struct
{
  const char *name;
  Device *(*make) (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);
  const DeviceClass *in_slot; /* NULL: it is for conventional PCI */
} cards[] = {
  { "auto", e1000_new, &e1000e_class }, { "virtio", NULL, &virt_net_device_class },
  { "e1000", e1000_new, NULL },         { "e1000e", e1000e_new, &e1000e_class },
  { "rtl8139", rtl8139_new, NULL },     { "pcnet", pcnet_new, NULL },
  { "ne2000", ne2000_new, NULL },
};

static NetMac
parse_mac (const char *text)
{
  NetMac mac = { { 0 } };

  for (unsigned i = 0; i < sizeof mac.bytes && strlen (text) == 17; i++)
    mac.bytes[i]
        = (uint8_t)(g_ascii_xdigit_value (text[3 * i]) << 4 | g_ascii_xdigit_value (text[3 * i + 1]));
  return mac;
}

BoardNet *
board_find_net (Board *board, const char *id)
{
  for (guint i = 0; i < board->nets->len; i++)
    {
      BoardNet *net = g_ptr_array_index (board->nets, i);

      if (g_str_equal (net->id, id))
        return net;
    }
  return NULL;
}

void
board_net_statistics (Board *board, BoardStatFunc add, void *opaque)
{
  for (guint i = 0; i < board->nets->len; i++)
    {
      const BoardNet *net = g_ptr_array_index (board->nets, i);
      NetStatistics statistics;

      net_port_statistics (net->port, &statistics);
      const struct
      {
        const char *name;
        uint64_t value;
      } counts[] = {
        { "sent-packets", statistics.sent.packets },
        { "sent-bytes", statistics.sent.bytes },
        { "sent-dropped", statistics.sent.dropped },
        { "received-packets", statistics.received.packets },
        { "received-bytes", statistics.received.bytes },
        { "received-dropped", statistics.received.dropped },
        { "accepted", statistics.accepted },
        { "refused", statistics.refused },
        { "dump-lost", statistics.dump_lost },
      };

      for (unsigned j = 0; j < G_N_ELEMENTS (counts); j++)
        {
          g_autofree char *name = g_strdup_printf ("%s.%s", net->id, counts[j].name);

          add (opaque, name, counts[j].value);
        }
    }
}

/* A ROM says which device it is for (PCI Firmware 3.0, 5.1.2), and firmware passes over those that it isn't for.  iPXE's finds its card by itself, and some of its
 * ROMs name another card, or none: so this one's is put there, and the sum of all bytes made 0 again by the byte that iPXE has for it, behind its jump. */
static void
name_card (uint8_t *rom, size_t length, const PciDevice *card)
{
  const size_t size = length > 2 ? rom[2] * 512u : 0, at = length > 0x1a ? pci_get16 (rom + 0x18) : 0;
  uint8_t sum = 0;

  if (size < 0x20 || size > length || at + 8 > size || memcmp (rom + at, "PCIR", 4) != 0 || rom[3] != 0xe9
      || memcmp (rom + at + 4, card->config, 4) == 0)
    return;
  memcpy (rom + at + 4, card->config, 4);
  for (size_t i = 0; i < size; i++)
    sum = (uint8_t)(sum + rom[i]);
  rom[6] = (uint8_t)(rom[6] - sum);
}

/* Its boot ROM, of a host that has it; without one the machine boots from what else there is. */
static void
add_boot_rom (Board *board, const MachineDevice *device, PciDevice *card)
{
  const char *name = definition_boot_rom (board->definition, device);
  g_autofree char *path = name != NULL ? firmware_find (name, NULL) : NULL;
  g_autofree char *data = NULL;
  g_autoptr (Region) rom = NULL;
  gsize length, size = ROM_LEAST;

  if (name != NULL && (path == NULL || !regular_file_read (path, ROM_MOST, &data, &length, NULL)))
    g_message ("%s: the host has no %s (package ipxe-qemu), so the machine does not boot from the network",
               device->id, name);
  if (data == NULL)
    return;
  while (size < length)
    size *= 2;
  rom = region_new_ram ("net-rom", size, RAM_ROM, NULL);
  if (rom == NULL)
    return;
  memcpy (region_host (rom), data, length);
  name_card (region_host (rom), length, card);
  pci_device_add_bar (card, PCI_ROM_BAR, rom, PCI_BAR_MEMORY32);
}

/* FALSE and an error; `dump` NULL: none is wanted. */
static gboolean
open_dump (Board *board, const MachineDevice *device, NetDump **dump, GError **error)
{
  g_autofree char *path = definition_resolve (board->definition, machine_device_text (device, "dump"));
  int fd;

  *dump = NULL;
  if (path == NULL)
    return TRUE;
  fd = host_file_open (path, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s.dump: %s can't be written: %s",
                 device->id, path, g_strerror (errno));
  else
    *dump = net_dump_new (fd, path, error);
  if (*dump == NULL)
    viv_start_blame (device->id, "dump");
  return *dump != NULL;
}

/* By the kinds of net0.kind, what there is at the other end of the wire. */
static void
set_network (NetPortConfig *config, const char *kind)
{
  static const struct
  {
    const char *kind;
    unsigned takes;
    gboolean sums_good;
    WireForm form;
  } networks[] = {
    /* libslirp takes segments of TCP over IPv4 whole, and makes all sums itself. */
    { "user", NET_CAN_TSO4, TRUE, { .header = TRUE } },
    { "private", NET_CAN_CHECKSUM | NET_CAN_TSO4 | NET_CAN_TSO6, FALSE, { .header = TRUE } },
    { "tap", NET_CAN_CHECKSUM | NET_CAN_TSO4 | NET_CAN_TSO6, FALSE, { .header = TRUE, .device = TRUE } },
    { "bridge", NET_CAN_CHECKSUM | NET_CAN_TSO4 | NET_CAN_TSO6, FALSE, { .header = TRUE, .device = TRUE } },
    { "multicast", 0, FALSE, { 0 } },
    { "udp", 0, FALSE, { 0 } },
    { "tcp", 0, FALSE, { 0 } },
    { "passt", 0, FALSE, { 0 } },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (networks); i++)
    if (g_strcmp0 (networks[i].kind, kind) == 0)
      {
        config->network = TRUE;
        config->takes = networks[i].takes;
        config->sums_good = networks[i].sums_good;
        config->form = networks[i].form;
      }
}

/* NULL and an error. */
static Device *
make_card (Board *board, unsigned kind, const MachineDevice *device, PciBus *bus, unsigned slot,
           NetPort *port, GError **error)
{
  Device *card;

  if (cards[kind].make != NULL)
    return cards[kind].make (board->vm, device->id, bus, PCI_DEVFN (slot, 0), port, error);
  card = virt_net_new (board->vm, device->id, bus, PCI_DEVFN (slot, 0),
                       (unsigned)machine_device_number (device, "queues"), port, error);
  return board_made_virtio (board, card) ? card : NULL;
}

/* What it is at, behind `slot`; 0: at the ISA bus.  NULL and an error. */
static BoardNet *
begin_net (Board *board, const MachineDevice *device, unsigned slot, GError **error)
{
  g_autofree char *mac = definition_mac (board->definition, device);
  NetPortConfig config = {
    .id = device->id,
    .mac = parse_mac (mac),
    .rate = machine_device_number (device, "rate") * 1024,
    .unplugged = g_strcmp0 (machine_device_text (device, "link"), "down") == 0,
  };
  BoardNet *net;

  set_network (&config, machine_device_text (device, "kind"));
  if (!open_dump (board, device, &config.dump, error))
    return NULL;
  net = g_new0 (BoardNet, 1);
  net->id = g_strdup (device->id);
  net->slot = slot;
  net->in_slot = machine_device_slot (device) > 0;
  net->port = net_port_new (board->vm, &config);
  g_ptr_array_add (board->nets, net);
  return net;
}

gboolean
board_add_net (Board *board, const MachineDevice *device, PciBus *bus, unsigned slot, GError **error)
{
  const char *wanted = machine_device_text (device, "card");

  for (unsigned i = 0; i < G_N_ELEMENTS (cards); i++)
    if (g_strcmp0 (cards[i].name, wanted) == 0)
      {
        BoardNet *net = begin_net (board, device, slot, error);
        Device *card = net != NULL ? make_card (board, i, device, bus, slot, net->port, error) : NULL;

        if (card == NULL)
          return FALSE;
        add_boot_rom (board, device, (PciDevice *)card);
        return TRUE;
      }
  viv_start_blame (device->id, "card");
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "%s: there is no card “%s”", device->id, wanted);
  return FALSE;
}

/* -- In a slot ------------------------------------------------------------------------------------------ */

const DeviceClass *
board_slot_net_class (const MachineDevice *device)
{
  const char *wanted = machine_device_text (device, "card");

  for (unsigned i = 0; i < G_N_ELEMENTS (cards); i++)
    if (g_strcmp0 (cards[i].name, wanted) == 0)
      return cards[i].in_slot;
  return NULL;
}

void
board_prepare_slot_net (Board *board, const MachineDevice *device, Device *card)
{
  BoardNet *net = board_find_net (board, device->id);

  if (card->klass == &e1000e_class)
    e1000e_prepare (card, net->port);
  else
    {
      virt_net_prepare (card, (unsigned)machine_device_number (device, "queues"), net->port);
      board_made_virtio (board, card);
    }
}

gboolean
board_begin_slot_net (Board *board, const MachineDevice *device, GError **error)
{
  gboolean ok;

  vm_lock (board->vm);
  ok = begin_net (board, device, 0, error) != NULL;
  vm_unlock (board->vm);
  return ok;
}

gboolean
board_net_is_isa (const MachineDevice *device)
{
  return g_strcmp0 (machine_device_text (device, "card"), "ne2000-isa") == 0;
}

static gboolean
is_at_isa (const BoardNet *net)
{
  return net->slot == 0 && !net->in_slot;
}

gboolean
board_add_isa_net (Board *board, const MachineDevice *device, IrqLine irq, GError **error)
{
  BoardNet *net;

  for (guint i = 0; i < board->nets->len; i++)
    if (is_at_isa (g_ptr_array_index (board->nets, i)))
      {
        viv_start_blame (device->id, "card");
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                     "%s: the ISA bus has one place for a network card, which is %s's", device->id,
                     ((BoardNet *)g_ptr_array_index (board->nets, i))->id);
        return FALSE;
      }
  net = begin_net (board, device, 0, error);
  return net != NULL && ne2000_isa_new (board->vm, device->id, irq, net->port, error) != NULL;
}
