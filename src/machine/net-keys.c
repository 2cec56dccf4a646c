/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/net-keys.h"

#include "base/net-forward.h"
#include "base/net-messages.h"
#include "base/net-place.h"

#include <glib/gi18n.h>
#include <string.h>

static gboolean
check_mac (const char *value)
{
  if (strlen (value) != 17)
    return FALSE;
  for (unsigned i = 0; i < 17; i++)
    if (i % 3 == 2 ? value[i] != ':' : !g_ascii_isxdigit (value[i]))
      return FALSE;
  /* A group address (bit 0 of the first byte) is nobody's own. */
  return (g_ascii_xdigit_value (value[1]) & 1) == 0 && strcmp (value, "00:00:00:00:00:00") != 0;
}

static gboolean
check_forward (const char *value)
{
  g_autoptr (GArray) forwards = net_forwards_parse (value);

  return forwards != NULL;
}

static gboolean
check_network (const char *value)
{
  struct sockaddr_in group;

  return net_private_name_is_good (value) || net_group_parse (value, &group);
}

static gboolean
check_endpoint (const char *value)
{
  NetEndpoint endpoint;

  return net_endpoint_parse (value, &endpoint);
}

static gboolean
check_bootfile (const char *value)
{
  return strlen (value) <= NET_BOOTFILE_SIZE;
}

const DefinitionKey net_device_keys[] = {
  { .name = "kind",
    .type = KEY_CHOICE,
    .fallback = "user",
    .choices = "user|passt|private|multicast|udp|tcp|tap|bridge|none",
    .spelled = TRUE,
    .help = N_ (
        "Where the adapter leads: user is this computer's network, which sees the guest as one of its programs, and so does passt; private are your "
        "other machines; multicast is a group of computers, udp and tcp one other computer; tap and bridge are this computer's; none leads nowhere") },
  { .name = "network",
    .type = KEY_STRING,
    .max = 32,
    .help = N_ ("The private network's name (“private”), or the multicast group (239.255.86.77:5886)"),
    .accepts = N_ ("a name of letters and digits such as lab-1, or a group such as 239.255.86.77:5886"),
    .check = check_network },
  { .name = "remote",
    .type = KEY_STRING,
    .max = 64,
    .help = N_ (
        "The other computer's end, for the kinds udp and tcp; nobody checks who is there, and nothing is encrypted"),
    .accepts = N_ ("an address and a port, such as 192.0.2.7:5887 or [2001:db8::7]:5887"),
    .check = check_endpoint },
  { .name = "local",
    .type = KEY_STRING,
    .max = 64,
    .help = N_ (
        "This computer's end: with kind tcp where it waits for the other one, instead of remote; with kind udp where it hears it, else any "
        "address and the port of remote"),
    .accepts = N_ ("an address and a port, such as 192.0.2.7:5887 or [2001:db8::7]:5887"),
    .check = check_endpoint },
  { .name = "tap",
    .type = KEY_STRING,
    .max = 15,
    .help = N_ ("This computer's tap that the adapter is at; kind tap"),
    .accepts = N_ ("an interface such as tap0"),
    .check = net_interface_is_good },
  { .name = "bridge",
    .type = KEY_STRING,
    .max = 15,
    .fallback = "br0",
    .help = N_ ("This computer's bridge that the adapter is at; kind bridge"),
    .accepts = N_ ("an interface such as br0"),
    .check = net_interface_is_good },
  { .name = "card",
    .type = KEY_CHOICE,
    .fallback = "auto",
    .choices = "auto|virtio|e1000|e1000e|rtl8139|pcnet|ne2000|ne2000-isa",
    .help = N_ ("The adapter that the guest finds; auto is e1000, which most systems know") },
  { .name = "slot",
    .type = KEY_NUMBER,
    .fallback = "0",
    .max = DEVICE_MAX_SLOT,
    .help = N_ (
        "A slot of the board that the adapter is in, so that it can be pulled while the machine runs; cards e1000e and virtio, "
        "chipset q35; 0: it is in none") },
  { .name = "plugged",
    .type = KEY_BOOL,
    .fallback = "true",
    .help = N_ (
        "Whether an adapter in a slot is plugged in; the guest is asked to let it go, and it is pulled out where the guest "
        "doesn't within 15 seconds"),
    .live = TRUE },
  { .name = "queues",
    .type = KEY_NUMBER,
    .fallback = "1",
    .min = 1,
    .max = 8,
    .help = N_ ("Pairs of queues of card virtio, for guests with several processors") },
  { .name = "mac",
    .type = KEY_STRING,
    .max = 17,
    .help = N_ ("The network adapter's own address"),
    .accepts = N_ ("six bytes of a unicast address, such as 02:5a:00:12:34:56"),
    .check = check_mac },
  { .name = "link",
    .type = KEY_CHOICE,
    .fallback = "up",
    .choices = "up|down",
    .help = N_ ("Whether the cable is in"),
    .live = TRUE },
  { .name = "rate",
    .type = KEY_NUMBER,
    .fallback = "0",
    .max = 100000000,
    .help = N_ ("KiB a second that travel at most each way; 0: as fast as it goes"),
    .live = TRUE },
  { .name = "dump",
    .type = KEY_PATH,
    .help = N_ ("A file that gets a copy of all packets while the machine runs (pcap)") },
  { .name = "forward",
    .type = KEY_STRING,
    .help
    = N_ ("Ports of this computer that lead to the guest, with commas between them; kind user or passt"),
    .accepts = N_ ("a list such as tcp:127.0.0.1:2222-:22,udp::5353-:53"),
    .check = check_forward,
    .live = TRUE },
  { .name = "restrict",
    .type = KEY_BOOL,
    .fallback = "false",
    .help = N_ ("The guest reaches nothing by itself; forwarded ports still lead to it; kind user") },
  { .name = "tftp",
    .type = KEY_PATH,
    .folder = TRUE,
    .help = N_ ("A folder that the guest can read by TFTP, to boot from the network; kind user") },
  { .name = "bootfile",
    .type = KEY_STRING,
    .max = NET_BOOTFILE_SIZE,
    .help = N_ ("The file in that folder that the guest is told to boot from"),
    .accepts = N_ ("a name of at most 127 bytes"),
    .check = check_bootfile },
  { .name = NULL },
};
