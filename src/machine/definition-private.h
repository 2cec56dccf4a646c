/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to definition.c (devices and their values) and definition-file.c (machine.ini).
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* Defaults, and neither name nor UUID. */
MachineDefinition *definition_new_empty (void);
/* The device `id`, which can be; made if it isn't there. */
MachineDevice *definition_ensure (MachineDefinition *definition, const char *id);
/* From text as in the file.  Nothing changes on error, which doesn't name the key. */
gboolean machine_device_set (MachineDevice *device, const DefinitionKey *key, const char *text,
                             GError **error);
/* As text for the file: what is set, else the default; NULL: neither. */
char *machine_device_get (const MachineDevice *device, const DefinitionKey *key);

G_END_DECLS
