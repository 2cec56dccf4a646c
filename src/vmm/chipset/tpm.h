/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A TPM 2.0 at 0xfed40000: TCG PC Client Platform TPM Profile (PTP) 1.05, sections 6.4 (FIFO, as TIS 1.3 has it) and 6.5 (command response buffer).
 * No interrupt: drivers poll.  The TPM itself is swtpm, over chipset/tpm-link.h; the firmware is told by a TPM2 table and a device MSFT0101.
 *
 * When the machine is paused the TPM's state is fetched, so that a saved machine has it: the permanent part goes back into swtpm's file with who loads it, as
 * it must be the one that the volatile part was made with.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef enum
{
  TPM_CRB,
  TPM_TIS,
} TpmModel;

#define TPM_BASE 0xfed40000u
#define TPM_LOG_FILE \
  "etc/tpm/log" /* of fw_cfg; where a BIOS notes what it has measured: zeros of TPM_LOG_SIZE bytes */
#define TPM_LOG_SIZE 0x10000u

/* Without swtpm until tpm_connect(): reads then say that nothing is there.  VM lock held. */
Device *tpm_new (Vm *vm, const char *id, TpmModel model, GError **error);
/* Takes the descriptor of swtpm's control channel; before the machine starts.  VM lock held. */
gboolean tpm_connect (Device *tpm, int control, GError **error);

G_END_DECLS
