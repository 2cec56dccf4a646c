/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The TPM as a device: life, state, ACPI.  See tpm.h; tpm-crb.c and tpm-tis.c have its registers.
 */
#define G_LOG_DOMAIN "tpm"

#include "chipset/common.h"
#include "chipset/tpm-private.h"
#include "core/acpi-pieces.h"
#include "core/big-endian.h"

#include <gio/gio.h>
#include <string.h>

static const StateField tpm_state[] = {
  STATE_U8 (Tpm, active),
  STATE_U8 (Tpm, requested),
  STATE_U8 (Tpm, seized),
  STATE_U8_ARRAY (Tpm, buffer),
  STATE_U32_MAX (Tpm, length, TPM_BUFFER),
  STATE_U32_MAX (Tpm, at, TPM_BUFFER),
  STATE_U8 (Tpm, phase),
  STATE_U32 (Tpm, crb_status),
  STATE_U32 (Tpm, crb_cancel),
  STATE_BUFFER (Tpm, permanent, TPM_MOST_PERMANENT),
  STATE_BUFFER (Tpm, temporary, TPM_MOST_VOLATILE),
  STATE_U32_MAX (Tpm, n_permanent, TPM_MOST_PERMANENT),
  STATE_U32_MAX (Tpm, n_temporary, TPM_MOST_VOLATILE),
  STATE_BOOL (Tpm, known),
  STATE_END,
};

gboolean
tpm_is_there (const Tpm *tpm)
{
  return tpm->link != NULL && !tpm_link_is_dead (tpm->link);
}

static void
on_done (void *opaque, const uint8_t *response, size_t length)
{
  Tpm *tpm = opaque;

  tpm->running = FALSE;
  tpm->at = 0;
  tpm->length = (uint32_t)length;
  if (length > 0)
    memcpy (tpm->buffer, response, length);
  (tpm->model == TPM_CRB ? tpm_crb_done : tpm_tis_done) (tpm);
}

gboolean
tpm_run (Tpm *tpm)
{
  /* What comes after a pause is not what was fetched in it. */
  tpm->known = FALSE;
  tpm->running = tpm->link != NULL && tpm->active < TPM_LOCALITIES
                 && tpm_link_submit (tpm->link, tpm->active, tpm->buffer, tpm->length);
  return tpm->running;
}

/* -- Life ------------------------------------------------------------------------------------------------ */

static void
tpm_reset (Device *device)
{
  Tpm *tpm = (Tpm *)device;

  tpm->active = TPM_NOBODY;
  tpm->requested = tpm->seized = 0;
  tpm->length = tpm->at = 0;
  tpm->running = tpm->known = FALSE;
  memset (tpm->buffer, 0, sizeof tpm->buffer);
  (tpm->model == TPM_CRB ? tpm_crb_reset : tpm_tis_reset) (tpm);
  if (tpm_is_there (tpm) && !tpm_link_start (tpm->link, FALSE))
    device_log (device, "the TPM doesn't start; see what swtpm says in this log");
  tpm->established = tpm_is_there (tpm) && tpm_link_established (tpm->link);
}

/* What a saved machine has of it; fetched where nothing is in flight. */
static void
fetch (Tpm *tpm)
{
  tpm->known = tpm_link_get_blob (tpm->link, TPM_BLOB_PERMANENT, tpm->permanent, TPM_MOST_PERMANENT,
                                  &tpm->n_permanent)
               && tpm_link_get_blob (tpm->link, TPM_BLOB_VOLATILE, tpm->temporary, TPM_MOST_VOLATILE,
                                     &tpm->n_temporary);
  if (!tpm->known)
    device_log (&tpm->device,
                "the TPM's state can't be fetched: a machine that is saved now will be without");
}

static gboolean
tpm_drained (Device *device)
{
  Tpm *tpm = (Tpm *)device;

  if (tpm->running)
    return FALSE;
  if (!tpm->known && tpm_is_there (tpm))
    fetch (tpm);
  return TRUE;
}

static gboolean
tpm_post_load (Device *device, GError **error)
{
  Tpm *tpm = (Tpm *)device;

  if ((tpm->active >= TPM_LOCALITIES && tpm->active != TPM_NOBODY) || tpm->at > tpm->length
      || (tpm->model == TPM_TIS && !tpm_tis_check (tpm)))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "%s: no TPM is in such a state", device->id);
      return FALSE;
    }
  tpm->running = FALSE;
  if (tpm->link == NULL)
    return TRUE;
  if (!tpm->known)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_HOST,
                   "%s: the saved machine has a TPM whose state could not be saved; start the machine anew",
                   device->id);
      return FALSE;
    }
  return TRUE;
}

/* swtpm writes what it is given to the machine's folder at once. */
static gboolean
tpm_accept (Device *device, GError **error)
{
  Tpm *tpm = (Tpm *)device;
  g_autofree uint8_t *old = g_malloc0 (TPM_MOST_PERMANENT);
  uint32_t n_old = 0;
  gboolean had;

  if (tpm->link == NULL)
    return TRUE;
  had = tpm_link_get_blob (tpm->link, TPM_BLOB_PERMANENT, old, TPM_MOST_PERMANENT, &n_old);
  if (had && tpm_link_stop (tpm->link)
      && tpm_link_set_blob (tpm->link, TPM_BLOB_PERMANENT, tpm->permanent, tpm->n_permanent)
      && tpm_link_set_blob (tpm->link, TPM_BLOB_VOLATILE, tpm->temporary, tpm->n_temporary)
      && tpm_link_start (tpm->link, TRUE))
    {
      tpm->established = tpm_link_established (tpm->link);
      return TRUE;
    }
  if (had && tpm_link_set_blob (tpm->link, TPM_BLOB_PERMANENT, old, n_old))
    tpm_link_start (tpm->link, FALSE);
  g_set_error (error, STATE_ERROR, STATE_ERROR_HOST,
               "%s: swtpm doesn't take the state that was saved of the TPM", device->id);
  return FALSE;
}

static gboolean
tpm_realize (Device *device, GError **error)
{
  Tpm *tpm = (Tpm *)device;

  tpm->permanent = g_malloc0 (TPM_MOST_PERMANENT);
  tpm->temporary = g_malloc0 (TPM_MOST_VOLATILE);
  tpm->active = TPM_NOBODY;
  tpm->mapping = tpm->model == TPM_CRB
                     ? chipset_map_io (device->vm->memory, "tpm-crb", TPM_BASE, 0x1000, &tpm_crb_ops, tpm)
                     : chipset_map_io (device->vm->memory, "tpm-tis", TPM_BASE, TPM_LOCALITIES * 0x1000,
                                       &tpm_tis_ops, tpm);
  return TRUE;
}

static void
tpm_unrealize (Device *device)
{
  Tpm *tpm = (Tpm *)device;

  g_clear_pointer (&tpm->mapping, mapping_remove);
  g_clear_pointer (&tpm->link, tpm_link_free);
  g_clear_pointer (&tpm->permanent, g_free);
  g_clear_pointer (&tpm->temporary, g_free);
}

/* -- ACPI ------------------------------------------------------------------------------------------------ */

/* TCG ACPI Specification 1.2, tables 7 and 8. */
enum
{
  TPM2_REVISION = 4,
  START_TIS = 6,
  START_CRB = 7,
  CONTROL_AREA = 0x40, /* CRB: from its page on */
};

static void
tpm_acpi (Device *device, AcpiPieces *pieces)
{
  const Tpm *tpm = (const Tpm *)device;
  const gboolean crb = tpm->model == TPM_CRB;
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_SB), *table;

  aml_begin_device (aml, "TPM");
  aml_name_string (aml, "_HID", "MSFT0101");
  aml_name_unicode (aml, "_STR", "TPM 2.0 Device");
  aml_name_number (aml, "_UID", 1);
  aml_name_number (aml, "_STA", 0x0f);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_memory (aml, TRUE, TPM_BASE, crb ? 0x1000 : TPM_LOCALITIES * 0x1000);
  aml_end (aml);
  aml_end (aml);

  acpi_place_file (pieces, TPM_LOG_FILE, 1, FALSE);
  table = acpi_table_begin (pieces, "TPM2", TPM2_REVISION);
  aml_put (table, 0, 2); /* a client */
  aml_put (table, 0, 2);
  aml_put (table, crb ? TPM_BASE + CONTROL_AREA : 0, 8);
  aml_put (table, crb ? START_CRB : START_TIS, 4);
  aml_put (table, 0, 8); /* of the method: 12 bytes */
  aml_put (table, 0, 4);
  aml_put (table, TPM_LOG_SIZE, 4);
  acpi_table_pointer (pieces, TPM_LOG_FILE, 0, 8);
  acpi_table_end (pieces);
}

static const DeviceClass tpm_class = {
  .name = "tpm",
  .instance_size = sizeof (Tpm),
  .state = tpm_state,
  .realize = tpm_realize,
  .reset = tpm_reset,
  .drained = tpm_drained,
  .post_load = tpm_post_load,
  .accept = tpm_accept,
  .unrealize = tpm_unrealize,
  .acpi = tpm_acpi,
};

Device *
tpm_new (Vm *vm, const char *id, TpmModel model, GError **error)
{
  Tpm *tpm = device_new (vm, &tpm_class, id);

  tpm->model = model;
  return chipset_realize (tpm, error);
}

gboolean
tpm_connect (Device *device, int control, GError **error)
{
  Tpm *tpm = (Tpm *)device;

  tpm->link = tpm_link_new (device->vm, control, on_done, tpm, error);
  return tpm->link != NULL;
}
