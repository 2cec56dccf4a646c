/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An interrupt line: a wire with one listener.  Level semantics; an edge is a raise and a lower.
 * Plain values, copied freely.
 *
 * Threads: the lines of the global system interrupts, the 8259 pair and the I/O APIC, and those of PCI functions
 * (pci_device_intx()) are set by any thread, with the VM lock or without it: each has a lock of its own and sees the changes of one
 * wire in one order.  All other lines are set under the VM lock.  A handler on the way of such a line takes no VM lock, and what it
 * calls back under that (the end of an interrupt) is called by who holds it.
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
