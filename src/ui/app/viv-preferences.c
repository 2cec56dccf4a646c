/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the application keeps what a person prefers.
 */
#define G_LOG_DOMAIN "viv-preferences"

#include "config.h"

#include "ui/app/viv-preferences.h"

GSettings *
viv_settings (void)
{
  static GSettings *settings;
  GSettingsSchemaSource *source;
  g_autoptr (GSettingsSchemaSource) own = NULL;
  g_autoptr (GSettingsSchema) schema = NULL;

  if (settings)
    return settings;
  source = g_settings_schema_source_get_default ();
  if (source)
    schema = g_settings_schema_source_lookup (source, APP_ID, TRUE);
  if (!schema)
    {
      own = g_settings_schema_source_new_from_directory (BUILD_SCHEMA_DIR, source, TRUE, NULL);
      schema = own ? g_settings_schema_source_lookup (own, APP_ID, TRUE) : NULL;
    }
  if (!schema)
    g_error ("The settings schema %s is not installed", APP_ID);
  settings = g_settings_new_full (schema, NULL, NULL);
  return settings;
}
