/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The floppy controller's interrupt and phases.  82077AA data sheet, chapter 5.
 */
#define G_LOG_DOMAIN "fdc"

#include "storage/fdc-internal.h"

/* -- Interrupt ----------------------------------------------------------------------------------- */

void
fdc_update_irq (Fdc *fdc)
{
  gboolean level = fdc->irq_pending && (fdc->dor & DOR_DMA_GATE);

  if (level == fdc->irq_level)
    return;
  fdc->irq_level = level;
  irq_set (&fdc->irq, level);
}

void
fdc_raise (Fdc *fdc)
{
  fdc->irq_pending = TRUE;
  fdc_update_irq (fdc);
}

void
fdc_lower (Fdc *fdc)
{
  fdc->irq_pending = FALSE;
  fdc_update_irq (fdc);
}

/* -- Phases -------------------------------------------------------------------------------------- */

void
fdc_enter_command (Fdc *fdc)
{
  fdc->phase = FDC_PHASE_COMMAND;
  fdc->fifo_pos = fdc->fifo_len = 0;
}

void
fdc_result (Fdc *fdc, unsigned n_bytes, gboolean interrupt)
{
  fdc->phase = FDC_PHASE_RESULT;
  fdc->fifo_pos = 0;
  fdc->fifo_len = (uint8_t)MIN (n_bytes, FDC_FIFO_SIZE);
  if (interrupt)
    fdc_raise (fdc);
}

void
fdc_result_byte (Fdc *fdc, uint8_t value)
{
  fdc->fifo[0] = value;
  fdc_result (fdc, 1, FALSE);
}
