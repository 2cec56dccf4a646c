/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-switch: carries packets between a machine's network card, whose monitor has the other end of the socket, and what else there is at descriptor 4: other
 * machines of the user that come to a listener, a multicast group, a stream (passt), or one other computer by UDP or TCP.  A machine's broker starts it; people have no use for it.
 */
#define G_LOG_DOMAIN "viv-switch"

#include "base/child.h"
#include "confine/helper-start.h"
#include "switch/switch.h"

#include <fcntl.h>

#define HEADER 10u /* of wires of machines on a private network: struct virtio_net_hdr */

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
serve (int socket, int outside)
{
  Switch *self = switch_new (&outsides[outside].config);

  switch_add (self, socket, SWITCH_PACKETS);
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
  gboolean namespaces = TRUE;
  g_autofree char *word = NULL;
  const GOptionEntry entries[] = {
    { "outside", 0, 0, G_OPTION_ARG_STRING, &word,
      "What descriptor 4 is: machines, group, stream, pair, connection or listener", "WORD" },
    { NULL },
  };
  const HelperProgram program = {
    .name = "vivarium-switch", .starter = "broker", .summary = "- a network of machines", .entries = entries
  };
  int socket, outside;
  const int status = helper_begin (&program, argc, argv, &socket, &namespaces);

  if (status >= 0)
    return status;
  outside = find_outside (word);
  if (outside < 0)
    {
      g_printerr ("vivarium-switch: --outside is missing, or no word that there is\n");
      return 2;
    }
  helper_warm_up ();
  if (!helper_confine (&(SandboxConfig){ .helper = TRUE, .namespaces = namespaces }))
    return 1;
  serve (socket, outside);
  return 0;
}
