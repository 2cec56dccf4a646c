/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Watchdog, pvpanic and TPM.
 */
#define G_LOG_DOMAIN "board"

#include "board/guard.h"

#include "chipset/i6300esb.h"
#include "chipset/pvpanic.h"
#include "chipset/tpm.h"
#include "firmware/fw-cfg.h"

typedef struct
{
  Board *board;
  char *sentence;
} Event;

static void
event_free (gpointer data)
{
  Event *event = data;

  g_free (event->sentence);
  g_free (event);
}

static void
tell (Vm *vm, void *data)
{
  const Event *event = data;

  if (event->board->guest_event != NULL)
    event->board->guest_event (event->board->guest_event_opaque, event->sentence);
}

static void
on_event (void *opaque, const char *sentence)
{
  Event *event = g_new (Event, 1);

  *event = (Event){ opaque, g_strdup (sentence) };
  vm_tell_control (((Board *)opaque)->vm, tell, event, event_free);
}

gboolean
board_build_watchdog (Board *board, const MachineDevice *watchdog, GError **error)
{
  const unsigned slot = board_take_slot (board, watchdog->id, error);

  if (slot == 0)
    return FALSE;
  board->functions[slot]
      = i6300esb_new (board->vm, watchdog->id, pci_root_bus (board->root), PCI_DEVFN (slot, 0),
                      guest_action_parse (machine_device_text (watchdog, "action")), on_event, board, error);
  return board->functions[slot] != NULL;
}

gboolean
board_build_panic (Board *board, const MachineDevice *panic, GError **error)
{
  board->pvpanic
      = pvpanic_new (board->vm, panic->id, guest_action_parse (machine_device_text (panic, "action")),
                     on_event, board, error);
  return board->pvpanic != NULL;
}

gboolean
board_build_tpm (Board *board, const MachineDevice *tpm, GError **error)
{
  const gboolean tis = g_strcmp0 (machine_device_text (tpm, "model"), "tis") == 0;
  g_autofree uint8_t *log = g_malloc0 (TPM_LOG_SIZE);

  board->tpm = tpm_new (board->vm, tpm->id, tis ? TPM_TIS : TPM_CRB, error);
  fw_cfg_add_file (board->fw_cfg, TPM_LOG_FILE, log, TPM_LOG_SIZE);
  return board->tpm != NULL;
}
