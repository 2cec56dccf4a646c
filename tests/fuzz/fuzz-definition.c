/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * machine.ini: what loads can be written and loads again.
 */
#include "machine/definition.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (MachineDefinition) definition
      = definition_parse ((const char *)data, size, "/m/machine.ini", NULL);

  if (definition == NULL)
    return 0;
  g_autofree char *text = definition_to_text (definition);
  g_autoptr (MachineDefinition) again = definition_parse (text, -1, "/m/machine.ini", NULL);
  if (again == NULL)
    g_error ("what was written doesn't load");
  return 0;
}
