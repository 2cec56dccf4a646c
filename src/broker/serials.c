/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/serials.h"

#include "machine/serial-outside.h"

#include <errno.h>

int
broker_serials_open (const MachineDefinition *definition, unsigned number, gboolean again, int *fd,
                     char *name)
{
  g_autofree char *id = g_strdup_printf ("serial%u", number);
  const MachineDevice *serial = definition_find (definition, id);
  const SerialOutside kind = serial != NULL ? serial_outside_kind (serial) : SERIAL_OUTSIDE_NONE;

  if (kind == SERIAL_OUTSIDE_NONE)
    return ENOENT;
  if (again && kind != SERIAL_OUTSIDE_CALL && kind != SERIAL_OUTSIDE_LINE)
    return EPERM;
  return serial_outside_open (definition, serial, fd, name);
}

void
broker_serials_tidy (const MachineDefinition *definition)
{
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = definition->devices->pdata[i];

      if (g_str_equal (device->kind->name, "serial"))
        serial_outside_tidy (definition, device);
    }
}
