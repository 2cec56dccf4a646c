/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parallel port's registers.
 */
#define G_LOG_DOMAIN "chipset"

#include "chipset/parallel.h"

#include "chipset/common.h"
#include "chipset/printer.h"

#include <unistd.h>

typedef struct
{
  Device device;
  uint8_t data, control; /* latches */
  gboolean timeout;      /* of an EPP cycle */
  gboolean
      acknowledge; /* ACK is low until the next look at the status, which is longer than a pulse, and can be seen */

  IrqLine irq;
  Printer *printer; /* NULL: none */
  int fd;           /* until realize */
  char *path;
  Mapping *mapping;
} Parallel;

static const StateField parallel_state[] = {
  STATE_U8 (Parallel, data),
  STATE_U8_MAX (Parallel, control, PARALLEL_CONTROL_ALL),
  STATE_BOOL (Parallel, timeout),
  STATE_BOOL (Parallel, acknowledge),
  STATE_END,
};

static uint8_t
read_status (Parallel *p)
{
  uint8_t status = PARALLEL_STATUS_ONES | PARALLEL_STATUS_NO_ACK;

  if (p->timeout)
    status |= PARALLEL_STATUS_TIMEOUT;
  if (p->printer == NULL)
    return status | PARALLEL_STATUS_READY | PARALLEL_STATUS_NO_ERROR;
  status |= PARALLEL_STATUS_SELECTED;
  if (printer_is_out_of_paper (p->printer))
    status |= PARALLEL_STATUS_NO_PAPER;
  else
    status |= PARALLEL_STATUS_NO_ERROR;
  if (printer_has_room (p->printer))
    status |= PARALLEL_STATUS_READY;
  if (p->acknowledge)
    status &= (uint8_t)~PARALLEL_STATUS_NO_ACK;
  p->acknowledge = FALSE;
  return status;
}

/* STROBE becomes active: the printer takes what is on the data lines, and acknowledges it. */
static void
strobe (Parallel *p)
{
  if (p->printer == NULL || (p->control & PARALLEL_CONTROL_INPUT) != 0 || !printer_put (p->printer, p->data))
    return;
  p->acknowledge = TRUE;
  if ((p->control & PARALLEL_CONTROL_IRQ) != 0)
    irq_pulse (&p->irq);
}

static uint64_t
port_read (void *opaque, uint64_t addr, unsigned size)
{
  Parallel *p = opaque;

  switch (addr)
    {
    case PARALLEL_DATA:
      /* Nobody drives the lines: they are high. */
      return (p->control & PARALLEL_CONTROL_INPUT) != 0 ? 0xff : p->data;
    case PARALLEL_STATUS:
      return read_status (p);
    case PARALLEL_CONTROL:
      return p->control | (uint8_t)~PARALLEL_CONTROL_ALL;
    default:
      p->timeout = TRUE;
      return 0xff;
    }
}

static void
port_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Parallel *p = opaque;
  const uint8_t before = p->control;

  switch (addr)
    {
    case PARALLEL_DATA:
      p->data = (uint8_t)value;
      break;
    case PARALLEL_STATUS:
      if ((value & PARALLEL_STATUS_TIMEOUT) != 0)
        p->timeout = FALSE;
      break;
    case PARALLEL_CONTROL:
      p->control = (uint8_t)value & PARALLEL_CONTROL_ALL;
      if ((p->control & ~before & PARALLEL_CONTROL_STROBE) != 0)
        strobe (p);
      break;
    default:
      p->timeout = TRUE;
      break;
    }
}

static const IoOps port_ops = { .read = port_read, .write = port_write, .impl_min = 1, .impl_max = 1 };

static void
parallel_reset (Device *device)
{
  Parallel *p = (Parallel *)device;

  p->data = 0;
  p->control = PARALLEL_CONTROL_NO_INIT | PARALLEL_CONTROL_SELECT;
  p->timeout = p->acknowledge = FALSE;
}

/* What was printed before a save is in the file, not in the machine. */
static gboolean
parallel_drained (Device *device)
{
  Parallel *p = (Parallel *)device;

  return p->printer == NULL || printer_is_idle (p->printer);
}

static gboolean
parallel_realize (Device *device, GError **error)
{
  Parallel *p = (Parallel *)device;

  p->mapping = chipset_map_io (device->vm->ports, "parallel", PARALLEL_LPT1, PARALLEL_N_PORTS, &port_ops, p);
  if (p->fd >= 0)
    p->printer = printer_new (device->vm, g_steal_fd (&p->fd), p->path, PARALLEL_WAITING);
  return TRUE;
}

static void
parallel_unrealize (Device *device)
{
  Parallel *p = (Parallel *)device;

  g_clear_pointer (&p->mapping, mapping_remove);
  g_clear_pointer (&p->printer, printer_free);
  if (p->fd >= 0)
    close (g_steal_fd (&p->fd));
  g_clear_pointer (&p->path, g_free);
}

/* ACPI 6.5, table 5.161 leaves it to PNP's identities: PNP0400 is a standard port. */
static void
parallel_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "LPT1");
  aml_name_eisa_id (aml, "_HID", "PNP0400");
  aml_name_number (aml, "_UID", 1);
  aml_name_number (aml, "_STA", 0x0f);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, PARALLEL_LPT1, PARALLEL_N_PORTS);
  aml_res_irq (aml, PARALLEL_IRQ);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass parallel_class = {
  .name = "parallel",
  .instance_size = sizeof (Parallel),
  .state = parallel_state,
  .realize = parallel_realize,
  .reset = parallel_reset,
  .drained = parallel_drained,
  .unrealize = parallel_unrealize,
  .acpi = parallel_acpi,
};

Device *
parallel_new (Vm *vm, const char *id, IrqLine irq, int fd, const char *path, GError **error)
{
  Parallel *p = device_new (vm, &parallel_class, id);

  p->irq = irq;
  p->fd = fd;
  p->path = g_strdup (path);
  return chipset_realize (p, error);
}
