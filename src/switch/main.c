/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-switch: carries packets between a machine's network card, whose monitor has the other end of the socket, and what else there is at descriptor 4: other
 * machines of the user that come to a listener, a multicast group, a stream (passt), or one other computer by UDP or TCP.  A machine's broker starts it; people have no use for it.
 */
#define G_LOG_DOMAIN "viv-switch"

#include "config.h"

#include "base/child.h"
#include "confine/sandbox.h"
#include "switch/switch.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HEADER 10u /* of wires of machines on a private network: struct virtio_net_hdr */

/* What libraries open at their first use and could not behind the walls. */
static void
warm_up (void)
{
  const char *charset;
  static GIConv converter; /* is a library, which stays loaded while it is open */

  g_setenv ("TZ", g_file_test ("/etc/localtime", G_FILE_TEST_EXISTS) ? ":/etc/localtime" : "UTC", FALSE);
  g_time_zone_unref (g_time_zone_new_local ());
  tzset ();
  if (!g_get_charset (&charset))
    converter = g_iconv_open (charset, "UTF-8");
  (void)converter;
  g_random_int ();
}

static gboolean
confine (gboolean namespaces)
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

/* What descriptor 4 can be. */
static const struct
{
  const char *word;
  gboolean listens;
  SwitchKind kind;
  SwitchConfig config;
} outsides[] = {
  { "machines", TRUE, SWITCH_PACKETS, { .header = HEADER } },
  { "group", FALSE, SWITCH_GROUP, { .patient = TRUE } },
  { "stream", FALSE, SWITCH_STREAM, { .patient = TRUE } },
  /* Another computer may be slow for long: then packets are lost, as on any network. */
  { "pair", FALSE, SWITCH_PAIR, { 0 } },
  { "connection", FALSE, SWITCH_STREAM, { 0 } },
  { "listener", TRUE, SWITCH_STREAM, { 0 } },
};

static int
find_outside (const char *word)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (outsides); i++)
    if (g_strcmp0 (outsides[i].word, word) == 0)
      return (int)i;
  return -1;
}

static void
serve (int outside)
{
  Switch *self = switch_new (&outsides[outside].config);

  switch_add (self, CHILD_SOCKET, SWITCH_PACKETS);
  if (outsides[outside].listens)
    {
      (void)fcntl (CHILD_EXTRA, F_SETFL, O_NONBLOCK);
      switch_listen (self, CHILD_EXTRA, outsides[outside].kind);
    }
  else
    switch_add (self, CHILD_EXTRA, outsides[outside].kind);
  while (switch_turn (self, -1))
    ;
  switch_free (self);
}

int
main (int argc, char **argv)
{
  gboolean no_namespaces = FALSE;
  char *outside = NULL;
  const GOptionEntry entries[] = {
    { "outside", 0, 0, G_OPTION_ARG_STRING, &outside,
      "What descriptor 4 is: machines, group, stream, pair, connection or listener", "WORD" },
    { "no-namespaces", 0, 0, G_OPTION_ARG_NONE, &no_namespaces, "Confine it without namespaces of its own",
      NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- a network of machines");

  /* What it says is for the log: no catalogues of translations. */
  setlocale (LC_CTYPE, "");
  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      g_print ("vivarium-switch %s\n", PACKAGE_VERSION);
      return 0;
    }
  if (argc < 5 || !g_str_equal (argv[1], "--socket") || !g_str_equal (argv[2], "3"))
    {
      g_printerr (
          "vivarium-switch is started by a machine's broker: vivarium-switch --socket %d --outside WORD\n",
          CHILD_SOCKET);
      return 2;
    }
  argv[2] = argv[0];
  argc -= 2;
  argv += 2;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, NULL) || argc != 1 || find_outside (outside) < 0)
    return 2;
  /* It ends when the broker does, which hears these itself. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  warm_up ();
  /* Before anybody is heard. */
  if (!confine (!no_namespaces))
    return 1;
  serve (find_outside (outside));
  return 0;
}
