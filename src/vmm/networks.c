/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "net"

#include "networks.h"

#include "base/child.h"
#include "board/cards.h"
#include "confine/broker-link.h"
#include "machine/paths.h"
#include "net/member.h"
#include "net/user.h"

#include <gio/gio.h>
#include <string.h>

struct Networks
{
  Board *board;
  GPtrArray *users;   /* NetUser */
  GPtrArray *members; /* NetMember */
  Cards *cards;
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

static gboolean
is_set (const MachineDevice *net, const char *key)
{
  const char *text = machine_device_text (net, key);

  return text != NULL && *text != '\0';
}

/* What is wrong with the ends of a network of two computers; NULL: it can't be said better. */
static char *
explain_pair (const MachineDevice *net, const GError *error)
{
  const gboolean tcp = g_str_equal (machine_device_text (net, "kind"), "tcp");
  const gboolean remote = is_set (net, "remote"), local = is_set (net, "local");

  if (tcp && remote == local)
    return g_strdup_printf (
        "with kind tcp one of %s.local, where it waits for the other computer, and %s.remote, where it "
        "connects to, must be set",
        net->id, net->id);
  if (!remote && !tcp)
    return g_strdup_printf ("%s.remote doesn't say where the other computer is", net->id);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    return g_strdup_printf ("%s.local and %s.remote are not of one kind of address", net->id, net->id);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return NULL;
  return g_strdup_printf ("%s.%s can't be had on this computer: %s", net->id,
                          local || !tcp ? "local" : "remote", error->message);
}

/* What a person can do where a network of the host can't be had. */
static void
explain (const MachineDevice *net, GError **error)
{
  const char *kind = machine_device_text (net, "kind"), *name;
  const gboolean rights = g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED),
                 absent = g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND),
                 busy = g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_BUSY),
                 wrong = g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  char *words = NULL;

  if (g_str_equal (kind, "tap"))
    {
      name = machine_device_text (net, "tap");
      if (name == NULL || *name == '\0')
        words = g_strdup_printf ("%s.tap doesn't say which tap", net->id);
      else if (rights)
        words = g_strdup_printf (
            "you may not use the tap “%s”; an administrator can make it for you: ip tuntap add "
            "dev %s mode tap user $USER",
            name, name);
      else if (absent)
        words = g_strdup ("this computer has no /dev/net/tun; an administrator can load it: modprobe tun");
      else if (busy)
        words = g_strdup_printf ("the tap “%s” is used by another program", name);
      else if (wrong)
        words = g_strdup_printf ("“%s” is no tap, or one that was made in another way", name);
    }
  else if (g_str_equal (kind, "bridge"))
    {
      name = machine_device_text (net, "bridge");
      if (absent)
        words = g_strdup (
            "qemu-bridge-helper is not installed, which puts machines on a bridge (Debian: package "
            "qemu-system-common)");
      else if (rights)
        words = g_strdup_printf (
            "qemu-bridge-helper refuses; an administrator can allow the bridge by a line “allow %s” in "
            "/etc/qemu/bridge.conf, and the program needs its rights (chmod u+s); the machine's log has its words",
            name != NULL ? name : "br0");
    }
  else if (wrong && (g_str_equal (kind, "private") || g_str_equal (kind, "multicast")))
    words = g_strdup_printf (g_str_equal (kind, "private") ? "%s.network is no name of a private network"
                                                           : "%s.network is no multicast group",
                             net->id);
  else if (g_str_equal (kind, "udp") || g_str_equal (kind, "tcp"))
    words = explain_pair (net, *error);
  else if (g_str_equal (kind, "passt") && absent)
    words = g_strdup ("passt is not installed (package passt)");
  else if (g_str_equal (kind, "multicast") && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    words = g_strdup_printf ("this computer can't join the group (%s); does it have a network?",
                             (*error)->message);
  if (words == NULL)
    return;
  g_free ((*error)->message);
  (*error)->message = words;
}

static int
on_start_member (void *opaque, const char *id, unsigned *number, GError **error)
{
  const Networks *networks = opaque;
  g_autoptr (GError) why = NULL;
  unsigned index = 0;
  int wire;

  *number = 0;
  if (!broker_link_is_up ())
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "only a broker can open it");
      return -1;
    }
  device_kind_of (id, &index);
  wire = broker_link_helper (FAMILY_HELPER_NET, index, number, &why);
  if (wire < 0)
    {
      explain (definition_find (networks->board->definition, id), &why);
      g_propagate_error (error, g_steal_pointer (&why));
    }
  return wire;
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
begin_member (Networks *networks, const BoardNet *net)
{
  const NetMemberConfig config = {
    .port = net->port,
    .control = networks->board->vm->control,
    .id = net->id,
    .start = on_start_member,
    .end = on_end,
    .notice = on_notice,
    .opaque = networks,
  };

  g_ptr_array_add (networks->members, net_member_new (&config));
}

static void
begin (Networks *networks, const BoardNet *net)
{
  const MachineDefinition *definition = networks->board->definition;
  const MachineDevice *device = definition_find (definition, net->id);
  const char *kind = machine_device_text (device, "kind");
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

  if (g_strcmp0 (kind, "user") == 0)
    g_ptr_array_add (networks->users, net_user_new (&config));
  else if (g_strcmp0 (kind, "none") != 0)
    begin_member (networks, net);
}

Networks *
networks_new (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque)
{
  Networks *networks = g_new0 (Networks, 1);

  networks->board = board;
  networks->notice = notice;
  networks->opaque = opaque;
  networks->users = g_ptr_array_new_with_free_func ((GDestroyNotify)net_user_free);
  networks->members = g_ptr_array_new_with_free_func ((GDestroyNotify)net_member_free);
  networks->cards = cards_new (board, notice, opaque);
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
  g_ptr_array_unref (networks->members);
  cards_free (networks->cards);
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
  else if (net != NULL && g_str_equal (key, "plugged"))
    return cards_set_plugged (networks->cards, id, g_str_equal (value, "true"), error);
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
  if (cards_state (networks->cards, id) != NULL)
    g_variant_builder_add (facts, "{ss}", "in-slot", cards_state (networks->cards, id));
  if (machine_device_text (device, "mac") != NULL)
    return;
  g_autofree char *mac = definition_mac (networks->board->definition, device);
  g_variant_builder_add (facts, "{ss}", "mac", mac);
}
