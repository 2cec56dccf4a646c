/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "net"

#include "networks.h"

#include "base/child.h"
#include "confine/broker-link.h"
#include "machine/paths.h"
#include "net/user.h"

#include <gio/gio.h>
#include <string.h>

struct Networks
{
  Board *board;
  GPtrArray *users; /* NetUser */
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
};

static void
on_ended (GPid pid, int status, gpointer data)
{
}

/* Without a broker, for who debugs. */
static int
start_by_hand (const Networks *networks, const char *id, GError **error)
{
  const MachineDefinition *definition = networks->board->definition;
  const MachineDevice *net = definition_find (definition, id);
  g_autofree char *program = viv_find_program ("vivarium-net", error),
                  *tftp = definition_resolve (definition, machine_device_text (net, "tftp"));
  const ChildFiles ours = { -1, -1, -1 };
  char option[] = "--socket", number[] = { '0' + CHILD_SOCKET, '\0' }, folder[] = "--tftp";
  char *const arguments[] = { program, option, number, tftp != NULL ? folder : NULL, tftp, NULL };
  pid_t pid;
  int socket = program != NULL ? child_start (arguments, &ours, &pid, error) : -1;

  if (socket >= 0)
    g_child_watch_add (pid, on_ended, NULL); /* nobody else waits for it */
  return socket;
}

static int
on_start (void *opaque, const char *id, unsigned *number, GError **error)
{
  unsigned index = 0;

  *number = 0;
  if (!broker_link_is_up ())
    return start_by_hand (opaque, id, error);
  device_kind_of (id, &index);
  return broker_link_helper (FAMILY_HELPER_NET, index, number, error);
}

static void
on_end (void *opaque, unsigned number)
{
  if (broker_link_is_up ())
    broker_link_end_helper (number);
}

static void
on_notice (void *opaque, const char *sentence)
{
  Networks *networks = opaque;

  networks->notice (networks->opaque, sentence);
}

static void
begin (Networks *networks, const BoardNet *net)
{
  const MachineDefinition *definition = networks->board->definition;
  const MachineDevice *device = definition_find (definition, net->id);
  const NetUserConfig config = {
    .port = net->port,
    .control = networks->board->vm->control,
    .id = net->id,
    .name = definition_text (definition, "machine.name"),
    .bootfile = machine_device_text (device, "bootfile"),
    .forwards = machine_device_text (device, "forward"),
    .restricted = machine_device_flag (device, "restrict"),
    .start = on_start,
    .end = on_end,
    .notice = on_notice,
    .opaque = networks,
  };

  if (g_strcmp0 (machine_device_text (device, "kind"), "user") == 0)
    g_ptr_array_add (networks->users, net_user_new (&config));
}

Networks *
networks_new (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque)
{
  Networks *networks = g_new0 (Networks, 1);

  networks->board = board;
  networks->notice = notice;
  networks->opaque = opaque;
  networks->users = g_ptr_array_new_with_free_func ((GDestroyNotify)net_user_free);
  for (guint i = 0; i < board->nets->len; i++)
    begin (networks, g_ptr_array_index (board->nets, i));
  return networks;
}

void
networks_free (Networks *networks)
{
  if (networks == NULL)
    return;
  g_ptr_array_unref (networks->users);
  g_free (networks);
}

static NetUser *
find_user (Networks *networks, const char *id)
{
  for (guint i = 0; i < networks->users->len; i++)
    if (g_str_equal (net_user_id (networks->users->pdata[i]), id))
      return networks->users->pdata[i];
  return NULL;
}

gboolean
networks_set (Networks *networks, const char *id, const char *key, const char *value, GError **error)
{
  const BoardNet *net = board_find_net (networks->board, id);
  NetUser *user = find_user (networks, id);

  if (net != NULL && g_str_equal (key, "link"))
    net_port_plug_cable (net->port, !g_str_equal (value, "down"));
  else if (net != NULL && g_str_equal (key, "rate"))
    net_port_set_rate (net->port, g_ascii_strtoull (value, NULL, 10) * 1024);
  else if (user != NULL && g_str_equal (key, "forward"))
    return net_user_set_forwards (user, value, error);
  return TRUE;
}

void
networks_facts (Networks *networks, const char *id, GVariantBuilder *facts)
{
  const BoardNet *net = board_find_net (networks->board, id);
  const MachineDevice *device = definition_find (networks->board->definition, id);

  if (net == NULL)
    return;
  g_variant_builder_add (facts, "{ss}", "link-state", net_port_link (net->port) ? "up" : "down");
  if (machine_device_text (device, "mac") != NULL)
    return;
  g_autofree char *mac = definition_mac (networks->board->definition, device);
  g_variant_builder_add (facts, "{ss}", "mac", mac);
}
