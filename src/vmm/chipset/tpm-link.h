/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's side of swtpm, a TPM 2.0 in a process of its own: commands on a stream of their own, and a control channel (swtpm_ioctls(3): big endian, a
 * request and its answer).  Either is taken for hostile: an answer of another size, one that doesn't come within seconds, or bytes that nobody has asked for
 * end the link for good.
 *
 * Control requests wait for their answer; they are for power-on, reset, saving and loading, while no command is in flight, as swtpm answers them in turn.
 * Commands don't wait: the device loop sends them.  A command can't be cancelled: it is done, and its answer is for nobody.  All functions under the VM lock.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define TPM_BUFFER 3968u /* the longest command and answer: what CRB's registers have room for */

typedef struct TpmLink TpmLink;

/* `response` has at least a header's 10 bytes; NULL: the link has ended.  Device loop. */
typedef void (*TpmLinkDone) (void *opaque, const uint8_t *response, size_t length);

/* Takes the control channel's descriptor.  NULL and an error. */
TpmLink *tpm_link_new (Vm *vm, int control, TpmLinkDone done, void *opaque, GError **error);
void tpm_link_free (TpmLink *link);
/* It can't be used any more. */
gboolean tpm_link_is_dead (const TpmLink *link);
/* Power-on, or a reset: whatever was is broken off.  `resume`: with the volatile state that was set. */
gboolean tpm_link_start (TpmLink *link, gboolean resume);
/* One at a time, from any thread; `command` stays as it is until done() comes.  FALSE: it isn't a command, or the link is dead. */
gboolean tpm_link_submit (TpmLink *link, uint8_t locality, const uint8_t *command, size_t length);
gboolean tpm_link_busy (const TpmLink *link);
gboolean tpm_link_established (TpmLink *link);
/* Nothing while a command is in flight. */
void tpm_link_reset_established (TpmLink *link, uint8_t locality);

typedef enum
{
  TPM_BLOB_PERMANENT = 1,
  TPM_BLOB_VOLATILE = 2,
} TpmBlob;
/* At most `most` bytes; FALSE: there are more, or it can't be had. */
gboolean tpm_link_get_blob (TpmLink *link, TpmBlob which, uint8_t *data, uint32_t most, uint32_t *length);
/* Between tpm_link_stop() and tpm_link_start(). */
gboolean tpm_link_set_blob (TpmLink *link, TpmBlob which, const uint8_t *data, uint32_t length);
gboolean tpm_link_stop (TpmLink *link);

G_END_DECLS
