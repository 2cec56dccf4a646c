/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-vnc"

#include "vnc/confine.h"

#include "vnc/vnc-peer.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

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
confine_helper (void)
{
  const struct rlimit none = { 0, 0 };

  /* A sanitizer looks into its own process at the end. */
  return prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && setrlimit (RLIMIT_CORE, &none) == 0
         && (SANITIZED || prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
         && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}
