/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/device-checks.h"

#include "display/vnc-address.h"
#include "machine/boot-modules.h"
#include "machine/cpu-speed.h"
#include "machine/cpu-topology.h"
#include "machine/definition.h"
#include "machine/serial-outside.h"

#include <string.h>

#define MIB (1024ull * 1024)

gboolean
key_check_name (const char *value)
{
  return definition_check_name (value, NULL);
}

gboolean
key_check_uuid (const char *value)
{
  return g_uuid_string_is_valid (value);
}

gboolean
key_check_os (const char *value)
{
  for (const char *p = value; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("._-+", *p) == NULL)
      return FALSE;
  return *value != '\0';
}

/* Letters of "acdn", each at most once. */
gboolean
key_check_boot (const char *value)
{
  for (const char *p = value; *p != '\0'; p++)
    if (strchr ("acdn", *p) == NULL || strchr (p + 1, *p) != NULL)
      return FALSE;
  return *value != '\0';
}

/* A BAR's size is a power of two. */
gboolean
key_check_power_of_two (const char *value)
{
  guint64 n = g_ascii_strtoull (value, NULL, 10);
  return n != 0 && (n & (n - 1)) == 0;
}

gboolean
key_check_whole_mib (const char *value)
{
  uint64_t bytes;
  return definition_parse_size (value, &bytes, NULL) && bytes % MIB == 0;
}

gboolean
key_check_vnc (const char *value)
{
  g_auto (VncAddress) address = { 0 };

  return vnc_address_parse (value, 0, &address)
         && (address.path != NULL ? address.path[0] == '/' : address.host[0] != '\0');
}

gboolean
key_check_serial_address (const char *value)
{
  struct sockaddr_storage place;
  socklen_t length;

  return *value == '\0' || serial_outside_parse (value, &place, &length);
}

gboolean
key_check_speed (const char *value)
{
  return cpu_speed_parse (value) != 0;
}

gboolean
key_check_topology (const char *value)
{
  CpuTopology topology;
  return cpu_topology_parse (value, &topology);
}

gboolean
key_check_modules (const char *value)
{
  g_autoptr (GPtrArray) modules = boot_modules_parse (value, NULL);
  return modules != NULL;
}

gboolean
key_check_port_name (const char *value)
{
  for (const char *p = value; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && strchr ("._-", *p) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
key_check_tag (const char *value)
{
  return strlen (value) <= 36;
}
