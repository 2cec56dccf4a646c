/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "machine/vnc-start.h"

#include "display/vnc-password.h"

#include <unistd.h>

gboolean
viv_vnc_prepare (const MachineDefinition *definition, const char *address, const char *password_file,
                 unsigned n, VncListeners *listeners, int *password, GError **error)
{
  g_autofree char *path
      = password_file != NULL
            ? g_strdup (password_file)
            : definition_resolve (definition, definition_text (definition, "display0.vnc-password-file"));
  gboolean secret = path != NULL && *path != '\0';

  *password = -1;
  if (address == NULL)
    address = definition_text (definition, "display0.vnc-address");
  if (address == NULL || *address == '\0')
    return TRUE;
  if (secret)
    *password = vnc_password_open (path, error);
  if (secret && *password < 0)
    return FALSE;
  if (vnc_listen (address, n, secret, listeners, error))
    return TRUE;
  if (*password >= 0)
    close (*password);
  *password = -1;
  return FALSE;
}
