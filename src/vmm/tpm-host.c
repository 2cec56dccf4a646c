/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "tpm"

#include "tpm-host.h"

#include "chipset/tpm.h"
#include "confine/broker-link.h"
#include "machine/start-blame.h"

#include <gio/gio.h>

/* A system that has measured itself, or has keys there, can't do without: so this is no matter of a notice. */
gboolean
tpm_host_start (Board *board, GError **error)
{
  unsigned number;
  int control;
  gboolean ok;

  if (board->tpm == NULL)
    return TRUE;
  if (!broker_link_is_up ())
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "The TPM (tpm0) needs the machine's broker: start it by vivctl, or take the TPM away");
      return FALSE;
    }
  control = broker_link_helper (FAMILY_HELPER_TPM, 0, &number, NULL);
  if (control < 0)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
          "The TPM (tpm0) can't be started. Install the package swtpm, or take the TPM away; the machine's folder "
          "must have no comma in its name");
      viv_start_blame ("tpm0", "model");
      return FALSE;
    }
  vm_lock (board->vm);
  ok = tpm_connect (board->tpm, control, error);
  vm_unlock (board->vm);
  if (!ok)
    viv_start_blame ("tpm0", "model");
  return ok;
}
