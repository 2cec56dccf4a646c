/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "net"

#include "net/member.h"

#include "base/ready-source.h"

#include <gio/gio.h>

/* How long it is waited before the wire is asked for again: at first, then twice as long each time, and as at first again when one has held so long. */
#define FIRST_WAIT (G_TIME_SPAN_MILLISECOND * 50)
#define LAST_WAIT  (G_TIME_SPAN_SECOND * 5)

struct NetMember
{
  NetMemberConfig config;
  char *id;
  unsigned process;
  gint64 wait;  /* before the next one, µs */
  gint64 since; /* that there is a wire */
  GSource *lost, *again;
};

static void
end_process (NetMember *member)
{
  if (member->process != 0)
    member->config.end (member->config.opaque, member->process);
  member->process = 0;
}

static void
later (NetMember *member)
{
  g_source_set_ready_time (member->again, g_get_monotonic_time () + member->wait);
  member->wait = MIN (2 * member->wait, LAST_WAIT);
}

static void
begin (NetMember *member)
{
  g_autoptr (GError) error = NULL;
  const int wire = member->config.start (member->config.opaque, member->id, &member->process, &error);

  if (wire >= 0)
    {
      member->since = g_get_monotonic_time ();
      net_port_connect (member->config.port, wire);
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      g_debug ("%s: %s", member->id, error->message);
      later (member);
      return;
    }
  net_port_set_network (member->config.port, FALSE);
  g_autofree char *sentence = g_strdup_printf ("%s: the network is off: %s", member->id, error->message);
  g_message ("%s", sentence);
  member->config.notice (member->config.opaque, sentence);
}

/* Control loop. */
static gboolean
on_lost (gpointer data)
{
  NetMember *member = data;

  end_process (member);
  if (g_get_monotonic_time () - member->since > LAST_WAIT)
    member->wait = FIRST_WAIT;
  later (member);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_again (gpointer data)
{
  begin (data);
  return G_SOURCE_CONTINUE;
}

/* Device loop. */
static void
on_wire_lost (void *opaque)
{
  g_source_set_ready_time (((NetMember *)opaque)->lost, 0);
}

NetMember *
net_member_new (const NetMemberConfig *config)
{
  NetMember *member = g_new0 (NetMember, 1);

  member->config = *config;
  member->id = g_strdup (config->id);
  member->wait = FIRST_WAIT;
  member->lost = ready_source_new (config->control, G_PRIORITY_DEFAULT, "net-lost", on_lost, member);
  member->again = ready_source_new (config->control, G_PRIORITY_DEFAULT, "net-again", on_again, member);
  net_port_set_lost_func (config->port, on_wire_lost, member);
  begin (member);
  return member;
}

void
net_member_free (NetMember *member)
{
  if (member == NULL)
    return;
  net_port_set_lost_func (member->config.port, NULL, NULL);
  end_process (member);
  g_source_destroy (member->lost);
  g_source_unref (member->lost);
  g_source_destroy (member->again);
  g_source_unref (member->again);
  g_free (member->id);
  g_free (member);
}
