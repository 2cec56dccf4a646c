/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What type and range don't say of a key's value (DefinitionKey.check): whether this one may stand in a definition.  Any thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean key_check_name (const char *value);
gboolean key_check_uuid (const char *value);
gboolean key_check_os (const char *value);
/* Letters of "acdn", each at most once. */
gboolean key_check_boot (const char *value);
gboolean key_check_power_of_two (const char *value);
gboolean key_check_whole_mib (const char *value);
gboolean key_check_vnc (const char *value);
gboolean key_check_serial_address (const char *value);
gboolean key_check_speed (const char *value);
gboolean key_check_topology (const char *value);
gboolean key_check_modules (const char *value);
/* Of a port of a virtio console, and of a shared folder. */
gboolean key_check_port_name (const char *value);
gboolean key_check_tag (const char *value);

G_END_DECLS
