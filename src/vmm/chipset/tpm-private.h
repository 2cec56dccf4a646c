/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the TPM's two interfaces have in common.  Private to tpm*.c.
 */
#pragma once

#include "chipset/tpm-link.h"
#include "chipset/tpm.h"

G_BEGIN_DECLS

#define TPM_LOCALITIES 5u
#define TPM_NOBODY     0xffu
/* PTP, table 19 and 27: who made it, and what. */
#define TPM_VENDOR   0x1014u
#define TPM_DEVICE   0x0001u
#define TPM_REVISION 0x01u
/* Of saved states. */
#define TPM_MOST_PERMANENT 0x10000u
#define TPM_MOST_VOLATILE  0x4000u

typedef struct
{
  Device device;
  TpmModel model;
  TpmLink *link; /* NULL: not connected */
  Mapping *mapping;

  uint8_t active;             /* locality, or TPM_NOBODY */
  uint8_t requested, seized;  /* a bit a locality */
  uint8_t buffer[TPM_BUFFER]; /* the command, then its answer */
  uint32_t length, at;        /* of what is in the buffer; FIFO: where it is read or written */
  uint8_t phase;              /* FIFO's */
  gboolean running;           /* a command is with swtpm */
  gboolean
      established; /* a dynamic launch was; changes with a reset only, as there is no locality 4 for it */
  uint32_t crb_status, crb_cancel;

  uint8_t *permanent, *temporary;
  uint32_t n_permanent, n_temporary;
  gboolean known; /* they are the TPM's, as of the last pause */
} Tpm;

/* Has swtpm do what is in the buffer.  FALSE: it can't. */
gboolean tpm_run (Tpm *tpm);
gboolean tpm_is_there (const Tpm *tpm);

extern const IoOps tpm_crb_ops, tpm_tis_ops;
void tpm_crb_reset (Tpm *tpm);
void tpm_tis_reset (Tpm *tpm);
/* The answer is in the buffer; `length` 0: there is none. */
void tpm_crb_done (Tpm *tpm);
void tpm_tis_done (Tpm *tpm);
/* A loaded state makes sense. */
gboolean tpm_tis_check (const Tpm *tpm);

G_END_DECLS
