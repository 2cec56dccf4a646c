/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/networks.h"

#include "base/child.h"
#include "base/net-forward.h"
#include "base/net-place.h"
#include "machine/net-outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

static const MachineDevice *
find_net (const MachineDefinition *definition, unsigned index)
{
  g_autofree char *id = g_strdup_printf ("net%u", index);

  return definition_find (definition, id);
}

static const char *
text_or (const MachineDevice *net, const char *key, const char *fallback)
{
  const char *text = machine_device_text (net, key);

  return text != NULL && *text != '\0' ? text : fallback;
}

void
broker_networks_begin (BrokerNetworks *networks, const MachineDefinition *definition, const char *folder)
{
  networks->folder = folder != NULL ? g_build_filename (folder, "networks", NULL) : NULL;
  for (unsigned i = 0; i < BROKER_MOST_NETWORKS; i++)
    {
      const MachineDevice *net = find_net (definition, i);

      networks->bridges[i].fd = -1;
      if (net != NULL && g_str_equal (machine_device_text (net, "kind"), "bridge"))
        networks->bridges[i].code
            = net_outside_bridge (text_or (net, "bridge", ""), &networks->bridges[i].fd);
    }
  if (networks->folder != NULL)
    net_outside_sweep (networks->folder);
}

void
broker_networks_end (BrokerNetworks *networks)
{
  for (unsigned i = 0; i < BROKER_MOST_NETWORKS; i++)
    if (networks->bridges[i].fd > 0)
      close (networks->bridges[i].fd);
  if (networks->folder != NULL)
    net_outside_sweep (networks->folder);
  g_free (networks->folder);
}

/* -- Plans ----------------------------------------------------------------------------------------- */

static void
add_program (NetworkPlan *plan, unsigned i, const char *name, int extra, const char *option,
             const char *value)
{
  plan->programs[i].name = name;
  plan->programs[i].extra = extra;
  plan->programs[i].options = g_ptr_array_new_with_free_func (g_free);
  if (option == NULL)
    return;
  g_ptr_array_add (plan->programs[i].options, g_strdup (option));
  g_ptr_array_add (plan->programs[i].options, g_strdup (value));
}

void
network_plan_clear (NetworkPlan *plan)
{
  if (plan->wire >= 0)
    close (plan->wire);
  for (unsigned i = 0; i < G_N_ELEMENTS (plan->programs); i++)
    {
      if (plan->programs[i].extra >= 0)
        close (plan->programs[i].extra);
      g_clear_pointer (&plan->programs[i].options, g_ptr_array_unref);
    }
}

static int
plan_user (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
           NetworkPlan *plan)
{
  g_autofree char *tftp = definition_resolve (definition, machine_device_text (net, "tftp"));

  add_program (plan, 0, "vivarium-net", -1, tftp != NULL ? "--tftp" : NULL, tftp);
  return 0;
}

static int
plan_private (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
              NetworkPlan *plan)
{
  int listener = -1, code;

  if (networks->folder == NULL)
    return ENODEV;
  code = net_outside_join (networks->folder, text_or (net, "network", NET_PRIVATE_NAME), &plan->wire,
                           &listener);
  if (code == 0 && listener >= 0)
    add_program (plan, 0, "vivarium-switch", listener, "--outside", "machines");
  return code;
}

static int
plan_multicast (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
                NetworkPlan *plan)
{
  int fd = -1;
  const int code = net_outside_group (text_or (net, "network", NET_GROUP), &fd);

  if (code == 0)
    add_program (plan, 0, "vivarium-switch", fd, "--outside", "group");
  return code;
}

/* NULL where none is set. */
static const char *
endpoint_of (const MachineDevice *net, const char *key)
{
  return text_or (net, key, NULL);
}

static int
plan_udp (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
          NetworkPlan *plan)
{
  const char *remote = endpoint_of (net, "remote");
  int fd = -1, code;

  if (remote == NULL)
    return EINVAL;
  code = net_outside_udp (endpoint_of (net, "local"), remote, &fd);
  if (code == 0)
    add_program (plan, 0, "vivarium-switch", fd, "--outside", "pair");
  return code;
}

static int
plan_tcp (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
          NetworkPlan *plan)
{
  const char *local = endpoint_of (net, "local"), *remote = endpoint_of (net, "remote");
  int fd = -1, code;

  if ((local != NULL) == (remote != NULL))
    return EINVAL;
  code = local != NULL ? net_outside_tcp_listen (local, &fd) : net_outside_tcp_connect (remote, &fd);
  if (code == 0)
    add_program (plan, 0, "vivarium-switch", fd, "--outside", local != NULL ? "listener" : "connection");
  return code;
}

static int
plan_tap (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
          NetworkPlan *plan)
{
  int fd = -1;
  const int code = net_outside_tap (text_or (net, "tap", ""), &fd);

  if (code == 0)
    plan->wire = fd;
  return code;
}

/* Once: nobody loses a tap but with its bridge. */
static int
plan_bridge (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
             NetworkPlan *plan)
{
  if (net->number >= BROKER_MOST_NETWORKS)
    return ENODEV;
  plan->wire = networks->bridges[net->number].fd;
  networks->bridges[net->number].fd = -1;
  return plan->wire >= 0                            ? 0
         : networks->bridges[net->number].code != 0 ? networks->bridges[net->number].code
                                                    : ENODEV;
}

/* passt takes "ADDRESS/PORT:GUESTPORT". */
static void
add_forwards (GPtrArray *options, const char *text)
{
  g_autoptr (GArray) forwards = net_forwards_parse (text);

  for (guint i = 0; forwards != NULL && i < forwards->len; i++)
    {
      const NetForward *forward = &g_array_index (forwards, NetForward, i);
      char address[INET6_ADDRSTRLEN];

      if (inet_ntop (forward->ip6 ? AF_INET6 : AF_INET, forward->host, address, sizeof address) == NULL)
        continue;
      g_ptr_array_add (options, g_strdup (forward->udp ? "-u" : "-t"));
      g_ptr_array_add (options,
                       g_strdup_printf ("%s/%u:%u", address, forward->host_port, forward->guest_port));
    }
}

static int
plan_passt (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
            NetworkPlan *plan)
{
  static const char *const options[]
      = { "--foreground", "--quiet", "--stderr", "--mtu", "1500", "--fd", "4" };
  g_autofree char *program = g_find_program_in_path ("passt");
  int ends[2], code;

  if (program == NULL)
    return ENOENT;
  code = net_outside_stream (ends);
  if (code != 0)
    return code;
  add_program (plan, 0, "vivarium-switch", ends[0], "--outside", "stream");
  add_program (plan, 1, "passt", ends[1], NULL, NULL);
  plan->programs[1].foreign = TRUE;
  G_STATIC_ASSERT (CHILD_EXTRA == 4);
  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    g_ptr_array_add (plan->programs[1].options, g_strdup (options[i]));
  add_forwards (plan->programs[1].options, machine_device_text (net, "forward"));
  return 0;
}

int
broker_networks_plan (BrokerNetworks *networks, const MachineDefinition *definition, unsigned index,
                      NetworkPlan *plan)
{
  static const struct
  {
    const char *kind;
    int (*plan) (BrokerNetworks *networks, const MachineDefinition *definition, const MachineDevice *net,
                 NetworkPlan *plan);
  } kinds[] = {
    { "user", plan_user },     { "private", plan_private }, { "multicast", plan_multicast },
    { "udp", plan_udp },       { "tcp", plan_tcp },         { "tap", plan_tap },
    { "bridge", plan_bridge }, { "passt", plan_passt },
  };
  const MachineDevice *net = find_net (definition, index);

  *plan = (NetworkPlan){ .wire = -1, .programs = { { .extra = -1 }, { .extra = -1 } } };
  for (unsigned i = 0; net != NULL && i < G_N_ELEMENTS (kinds); i++)
    if (g_strcmp0 (kinds[i].kind, machine_device_text (net, "kind")) == 0)
      return kinds[i].plan (networks, definition, net, plan);
  return ENOENT;
}
