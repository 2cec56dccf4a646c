/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-vnc"

#include "vnc/confine.h"

#include "confine/sandbox.h"
#include "vnc/vnc-peer.h"

#include <time.h>

static GIConv converters[3]; /* a converter is a library, which stays loaded while one is open */

void
confine_warm_up (void)
{
  const char *charset;

  /* With a name, neither GLib nor the C library asks again which one /etc/localtime is. */
  g_setenv ("TZ", g_file_test ("/etc/localtime", G_FILE_TEST_EXISTS) ? ":/etc/localtime" : "UTC", FALSE);
  g_time_zone_unref (g_time_zone_new_local ());
  tzset ();
  /* Clipboards, and the log. */
  converters[0] = g_iconv_open ("ISO-8859-1", "UTF-8");
  converters[1] = g_iconv_open ("UTF-8", "ISO-8859-1");
  if (!g_get_charset (&charset))
    converters[2] = g_iconv_open (charset, "UTF-8");
  g_random_int ();
  vnc_peer_warm_up ();
}

gboolean
confine_helper (gboolean namespaces)
{
  const char *environment = g_getenv ("VIVARIUM_SANDBOX");
  const SandboxConfig config
      = { .helper = TRUE, .namespaces = namespaces, .trap = g_strcmp0 (environment, "trap") == 0 };
  g_autoptr (GError) error = NULL;

  /* A sanitizer's report needs files. */
  if (sandbox_is_sanitized () && g_strcmp0 (environment, "0") == 0)
    return TRUE;
  if (sandbox_enter (&config, &error))
    return TRUE;
  g_printerr ("%s\n", error->message);
  return FALSE;
}
