/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Virtio devices on bus 0, each in a slot of its own.
 */
#define G_LOG_DOMAIN "board"

#include "board/virtio.h"

#include "board/ahci.h"
#include "board/usb.h"

#include "machine/start-blame.h"
#include "virtio/balloon.h"
#include "virtio/console.h"
#include "virtio/fs.h"
#include "virtio/input.h"
#include "virtio/rng.h"
#include "virtio/scsi.h"
#include "virtio/vsock.h"

#include <gio/gio.h>
#include <unistd.h>

/* A place for the next one: where board_take_slot() has put it.  NULL: there is none. */
static Device **
take_place (Board *board, const char *id, unsigned *devfn, GError **error)
{
  const unsigned slot = board_take_slot (board, id, error);

  *devfn = PCI_DEVFN (slot, 0);
  return slot != 0 ? &board->functions[slot] : NULL;
}

gboolean
board_made_virtio (Board *board, Device *device)
{
  if (device != NULL
      && g_strcmp0 (definition_text (board->definition, "machine.virtio-rings"), "packed") == 0)
    virt_offer_packed ((VirtDevice *)device);
  return device != NULL;
}

gboolean
board_build_rng (Board *board, const MachineDevice *rng, GError **error)
{
  unsigned devfn;
  Device **place = take_place (board, rng->id, &devfn, error);

  if (place == NULL)
    return FALSE;
  *place = virt_rng_new (board->vm, rng->id, pci_root_bus (board->root), devfn,
                         machine_device_number (rng, "rate"), error);
  return board_made_virtio (board, *place);
}

static void
on_scsi_tray (void *opaque)
{
  board_tray_moved (opaque, 0, 0, FALSE); /* who hears of it looks at all of them */
}

gboolean
board_build_scsi (Board *board, const MachineDevice *disk, GError **error)
{
  unsigned devfn;
  Device **place = take_place (board, "scsi", &devfn, error);

  if (place == NULL)
    return FALSE;
  /* Of a disk; a CD-ROM drive does with one. */
  const unsigned n_queues
      = disk->kind->drive == DRIVE_DISK ? (unsigned)machine_device_number (disk, "queues") : 1;
  *place = virt_scsi_new (board->vm, "scsi", pci_root_bus (board->root), devfn, n_queues, error);
  board->scsi = *place;
  if (*place != NULL)
    virt_scsi_set_tray_func (*place, on_scsi_tray, board);
  return board_made_virtio (board, *place);
}

/* -- Balloon -------------------------------------------------------------------------------------------- */

static uint64_t
memory_of (Board *board)
{
  return region_size (board->low_ram) + (board->high_ram != NULL ? region_size (board->high_ram) : 0);
}

gboolean
board_build_balloon (Board *board, const MachineDevice *balloon, GError **error)
{
  unsigned devfn;
  Device **place = take_place (board, balloon->id, &devfn, error);

  if (place == NULL)
    return FALSE;
  *place = virt_balloon_new (board->vm, balloon->id, pci_root_bus (board->root), devfn, memory_of (board),
                             machine_device_number (balloon, "target"), error);
  board->balloon = *place;
  return board_made_virtio (board, *place);
}

void
board_statistics (Board *board, BoardStatFunc add, void *opaque)
{
  static const char *const names[BALLOON_N_STATS] = {
    [BALLOON_SWAP_IN] = "balloon0.guest-swap-in-bytes",
    [BALLOON_SWAP_OUT] = "balloon0.guest-swap-out-bytes",
    [BALLOON_MAJOR_FAULTS] = "balloon0.guest-major-faults",
    [BALLOON_MINOR_FAULTS] = "balloon0.guest-minor-faults",
    [BALLOON_FREE] = "balloon0.guest-free-bytes",
    [BALLOON_TOTAL] = "balloon0.guest-total-bytes",
    [BALLOON_AVAILABLE] = "balloon0.guest-available-bytes",
    [BALLOON_CACHES] = "balloon0.guest-cache-bytes",
  };
  VirtBalloonInfo info;

  if (board->balloon == NULL)
    return;
  vm_lock (board->vm);
  virt_balloon_look (board->balloon, &info);
  vm_unlock (board->vm);
  add (opaque, "balloon0.target-bytes", info.target);
  add (opaque, "balloon0.actual-bytes", info.actual);
  add (opaque, "balloon0.given-back-bytes", info.given_back);
  for (unsigned i = 0; i < BALLOON_N_STATS; i++)
    if (info.known[i])
      add (opaque, names[i], info.stats[i]);
}

void
board_set_key (Board *board, const char *id, const char *key, const char *value)
{
  uint64_t bytes = 0;

  if (g_str_equal (key, "plugged")
      && (board_usb_plug (board, id, g_str_equal (value, "true"))
          || board_ahci_plug (board, id, g_str_equal (value, "true"))))
    return;
  if (board->balloon == NULL || !g_str_equal (id, board->balloon->id) || !g_str_equal (key, "target"))
    return;
  /* "0" is no size, and all. */
  if (!definition_parse_size (value, &bytes, NULL))
    bytes = 0;
  vm_lock (board->vm);
  virt_balloon_set_target (board->balloon, bytes);
  vm_unlock (board->vm);
}

/* -- Console -------------------------------------------------------------------------------------------- */

static SerialPort *
new_port (Board *board, unsigned number)
{
  board->serial[number] = serial_port_new (board->vm);
  board->n_serials = MAX (board->n_serials, number + 1);
  return board->serial[number];
}

gboolean
board_build_console (Board *board, const MachineDevice *console, GError **error)
{
  const char *agent = machine_device_text (console, "agent");
  VirtConsoleConfig config = { .agent_name = agent };
  unsigned devfn;
  Device **place = take_place (board, console->id, &devfn, error);

  if (place == NULL)
    return FALSE;
  config.console = new_port (board, DEVICE_PORT_CONSOLE);
  if (agent != NULL && *agent != '\0')
    config.agent = new_port (board, DEVICE_PORT_AGENT);
  *place = virt_console_new (board->vm, console->id, pci_root_bus (board->root), devfn, &config, error);
  return board_made_virtio (board, *place);
}

/* -- Shared folders -------------------------------------------------------------------------------------- */

static int
on_share_start (void *opaque, const char *id, unsigned *number, GError **error)
{
  const BoardShares *shares = &((Board *)opaque)->shares;

  if (shares->start != NULL)
    return shares->start (shares->opaque, id, number, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "nobody starts its process");
  return -1;
}

static void
on_share_end (void *opaque, unsigned number)
{
  const BoardShares *shares = &((Board *)opaque)->shares;

  if (shares->end != NULL)
    shares->end (shares->opaque, number);
}

static void
on_share_notice (void *opaque, const char *sentence)
{
  const BoardShares *shares = &((Board *)opaque)->shares;

  if (shares->notice != NULL)
    shares->notice (shares->opaque, sentence);
}

gboolean
board_build_share (Board *board, const MachineDevice *share, GError **error)
{
  const char *tag = machine_device_text (share, "tag"), *path = machine_device_text (share, "path");
  const VirtFsConfig config = { .tag = tag != NULL && *tag != '\0' ? tag : share->id,
                                .one_user = geteuid () != 0,
                                .start = on_share_start,
                                .end = on_share_end,
                                .notice = on_share_notice,
                                .opaque = board };
  unsigned devfn;
  Device **place = take_place (board, share->id, &devfn, error);

  if (place == NULL)
    return FALSE;
  if (path == NULL || *path == '\0')
    {
      viv_start_blame (share->id, "path");
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "%s.path names no folder; set it, or remove the shared folder", share->id);
      return FALSE;
    }
  *place = virt_fs_new (board->vm, share->id, pci_root_bus (board->root), devfn, &config, error);
  return board_made_virtio (board, *place);
}

/* -- Sockets ------------------------------------------------------------------------------------------------ */

static int
on_vsock_connect (void *opaque, uint32_t port)
{
  const BoardVsock *host = &((Board *)opaque)->vsock_host;

  return host->connect != NULL ? host->connect (host->opaque, port) : -1;
}

gboolean
board_build_vsock (Board *board, const MachineDevice *vsock, GError **error)
{
  const VirtVsockConfig config = {
    .cid = machine_device_number (vsock, "cid"), .listener = -1, .connect = on_vsock_connect, .opaque = board
  };
  unsigned devfn;
  Device **place = take_place (board, vsock->id, &devfn, error);

  if (place == NULL)
    return FALSE;
  *place = virt_vsock_new (board->vm, vsock->id, pci_root_bus (board->root), devfn, &config, error);
  board->vsock = *place;
  return board_made_virtio (board, *place);
}

void
board_serve_vsock (Board *board, int listener)
{
  vm_lock (board->vm);
  virt_vsock_serve (board->vsock, listener);
  vm_unlock (board->vm);
}

/* -- Keyboard and pointer ---------------------------------------------------------------------------------- */

static gboolean
build_one (Board *board, const char *id, VirtInputKind kind, GError **error)
{
  unsigned devfn;
  Device **place = take_place (board, id, &devfn, error);

  if (place == NULL)
    return FALSE;
  *place = virt_input_new (board->vm, id, pci_root_bus (board->root), devfn, kind, board->router, error);
  return board_made_virtio (board, *place);
}

static gboolean
is_virtio (const MachineDevice *input, const char *key)
{
  return g_strcmp0 (machine_device_text (input, key), "virtio") == 0;
}

gboolean
board_build_input (Board *board, const MachineDevice *input, GError **error)
{
  const gboolean absolute = machine_device_flag (input, "absolute-pointer");

  return (!is_virtio (input, "keyboard") || build_one (board, "keyboard", VIRT_INPUT_KEYBOARD, error))
         && (!is_virtio (input, "pointer")
             || build_one (board, absolute ? "tablet" : "mouse",
                           absolute ? VIRT_INPUT_TABLET : VIRT_INPUT_MOUSE, error))
         && (!machine_device_flag (input, "touchscreen")
             || build_one (board, "touchscreen", VIRT_INPUT_TOUCHSCREEN, error));
}
