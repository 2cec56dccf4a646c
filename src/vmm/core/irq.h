/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An interrupt line: a wire with one listener.  Level semantics; an edge is a raise and a lower.
 * Plain values, copied freely; all calls under the VM lock.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef void (*IrqHandler) (void *opaque, unsigned n, gboolean level);

typedef struct
{
  IrqHandler handler; /* NULL: not connected */
  void *opaque;
  unsigned n;
} IrqLine;

#define IRQ_LINE(handler_, opaque_, n_) ((IrqLine){ .handler = (handler_), .opaque = (opaque_), .n = (n_) })

static inline void
irq_set (const IrqLine *line, gboolean level)
{
  if (line->handler != NULL)
    line->handler (line->opaque, line->n, level);
}

static inline void
irq_pulse (const IrqLine *line)
{
  irq_set (line, TRUE);
  irq_set (line, FALSE);
}

G_END_DECLS
