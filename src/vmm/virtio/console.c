/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Input goes from the far end straight into a buffer that the driver has put there; without one it stays at the far end.  Output of which a slow client
 * has no room for the rest stays in the driver's buffer, of which only the head and how far it was read are kept.
 */
#define G_LOG_DOMAIN "virtio-console"

#include "virtio/console.h"

#include <string.h>

/* 5.3.3 */
#define F_SIZE      VIRT_FEATURE (0)
#define F_PORTS     VIRT_FEATURE (1)
#define F_EMERGENCY VIRT_FEATURE (2)
#define F_ALL       (F_SIZE | F_PORTS | F_EMERGENCY)

/* 5.3.4 */
enum
{
  CONFIG_COLUMNS = 0,
  CONFIG_ROWS = 2,
  CONFIG_PORTS = 4,
  CONFIG_EMERGENCY = 8,
  CONFIG_SIZE = 12,
};
#define COLUMNS 80
#define ROWS    24

/* 5.3.6.2: control messages. */
typedef struct
{
  uint32_t port;
  uint16_t event, value;
} Message;
enum
{
  EVENT_DEVICE_READY,
  EVENT_PORT_ADD,
  EVENT_PORT_REMOVE,
  EVENT_PORT_READY,
  EVENT_CONSOLE,
  EVENT_RESIZE,
  EVENT_OPEN,
  EVENT_NAME,
};

/* 5.3.2: a port has a queue each way; those of control come behind the first port's. */
enum
{
  QUEUE_CONTROL_IN = 2,
  QUEUE_CONTROL_OUT = 3,
  N_QUEUES = 2 + 2 * VIRT_CONSOLE_MAX_PORTS,
};
#define QUEUE_SIZE 64

typedef struct VirtConsole VirtConsole;

typedef struct
{
  VirtConsole *owner;
  SerialPort *far;
  unsigned in, out; /* queues */
  gboolean open;    /* by the guest */
  uint8_t to_tell;  /* a bit an EVENT_… that the driver is yet to hear of this port */
  /* Output that is read in part. */
  gboolean partly;
  uint16_t partly_head;
  uint32_t partly_done;
  /* Input that is just being handed over. */
  const uint8_t *data;
  size_t left;
} Port;

struct VirtConsole
{
  VirtDevice virt;
  VirtChain chain;
  char name[VIRT_CONSOLE_MAX_NAME + 1]; /* of the agent's port */
  unsigned n_ports;
  Port ports[VIRT_CONSOLE_MAX_PORTS];
};

static const StateField port_state[] = {
  STATE_BOOL (Port, open),       STATE_U8 (Port, to_tell),
  STATE_BOOL (Port, partly),     STATE_U16_MAX (Port, partly_head, VIRT_QUEUE_MAX - 1),
  STATE_U32 (Port, partly_done), STATE_END,
};
static const StateField virt_console_state[] = {
  STATE_STRUCT (VirtConsole, virt, virt_device_state),
  STATE_STRUCTS (VirtConsole, ports, Port, port_state),
  STATE_END,
};

static Port *
port_of (VirtConsole *console, unsigned queue)
{
  for (unsigned i = 0; i < console->n_ports; i++)
    if (console->ports[i].in == queue || console->ports[i].out == queue)
      return &console->ports[i];
  return NULL;
}

/* -- Control -------------------------------------------------------------------------------------------- */

static void
tell (Port *port, unsigned event)
{
  port->to_tell |= (uint8_t)(1u << event);
  virt_ring (&port->owner->virt, QUEUE_CONTROL_IN);
}

static Port *
first_to_tell (VirtConsole *console)
{
  for (unsigned i = 0; i < console->n_ports; i++)
    if (console->ports[i].to_tell != 0)
      return &console->ports[i];
  return NULL;
}

/* In the order of their numbers, but for the name, without which nobody knows what opens. */
static void
say (VirtConsole *console, VirtChain *chain)
{
  Port *port = first_to_tell (console);
  uint8_t bytes[sizeof (Message) + sizeof console->name];
  Message message = { 0 };
  size_t length = sizeof message;
  unsigned event = EVENT_NAME;

  if (port == NULL)
    {
      virt_give (&console->virt, QUEUE_CONTROL_IN, chain, 0);
      return;
    }
  if (!(port->to_tell >> EVENT_NAME & 1) || (port->to_tell & 1u << EVENT_PORT_ADD))
    for (event = 0; !(port->to_tell >> event & 1); event++)
      ;
  port->to_tell &= (uint8_t) ~(1u << event);
  message.port = GUINT32_TO_LE ((uint32_t)(port - console->ports));
  message.event = GUINT16_TO_LE ((uint16_t)event);
  message.value = GUINT16_TO_LE (1);
  memcpy (bytes, &message, sizeof message);
  if (event == EVENT_NAME)
    {
      /* Without a zero behind it, as Linux wants it. */
      memcpy (bytes + length, console->name, strlen (console->name));
      length += strlen (console->name);
    }
  length = virt_chain_write (chain, 0, bytes, length);
  virt_give (&console->virt, QUEUE_CONTROL_IN, chain, (uint32_t)length);
}

static void
hear (VirtConsole *console, VirtChain *chain)
{
  Message message;
  const gboolean whole = virt_chain_read (chain, 0, &message, sizeof message) == sizeof message;

  virt_give (&console->virt, QUEUE_CONTROL_OUT, chain, 0);
  if (!whole)
    return;
  const uint32_t n = GUINT32_FROM_LE (message.port);
  const unsigned event = GUINT16_FROM_LE (message.event), value = GUINT16_FROM_LE (message.value);
  Port *port = n < console->n_ports ? &console->ports[n] : NULL;

  if (event == EVENT_DEVICE_READY && value != 0)
    for (unsigned i = 0; i < console->n_ports; i++)
      tell (&console->ports[i], EVENT_PORT_ADD);
  else if (event == EVENT_PORT_READY && port != NULL && value != 0)
    {
      /* Nobody says how large its terminal is, and drivers disagree about the order in which EVENT_RESIZE has rows and columns. */
      tell (port, n == 0 ? EVENT_CONSOLE : EVENT_NAME);
      /* The far end is always there: it keeps what is said. */
      tell (port, EVENT_OPEN);
    }
  else if (event == EVENT_OPEN && port != NULL)
    {
      port->open = value != 0;
      virt_ring (&console->virt, port->in);
    }
}

/* -- Output ----------------------------------------------------------------------------------------------- */

/* TRUE: all of it is out, and given back. */
static gboolean
send (Port *port, VirtChain *chain, size_t done)
{
  VirtDevice *virt = &port->owner->virt;
  const DmaVector *vector = &chain->out;
  size_t offset = done;

  for (unsigned i = 0; i < dma_vector_n (vector); i++)
    {
      const struct iovec *piece = &dma_vector_iov (vector)[i];

      if (offset >= piece->iov_len)
        {
          offset -= piece->iov_len;
          continue;
        }
      const size_t n = MIN (piece->iov_len - offset, serial_port_room (port->far));

      serial_port_write (port->far, (const uint8_t *)piece->iov_base + offset, n);
      done += n;
      if (n < piece->iov_len - offset)
        break;
      offset = 0;
    }
  port->partly = done < vector->length && done <= UINT32_MAX;
  if (port->partly)
    {
      port->partly_head = chain->head;
      port->partly_done = (uint32_t)done;
      virt_chain_clear (chain);
      return FALSE;
    }
  virt_give (virt, port->out, chain, 0);
  return TRUE;
}

/* Also where the driver has made another chain of it meanwhile. */
static gboolean
send_rest (Port *port)
{
  VirtConsole *console = port->owner;
  VirtQueue *queue = &console->virt.queues[port->out];

  if (!queue->enabled || queue->broken || !dma_enabled (&queue->dma)
      || virt_queue_take_again (queue, port->partly_head, &console->chain) < 0)
    {
      port->partly = FALSE;
      return TRUE;
    }
  return send (port, &console->chain, port->partly_done);
}

/* If not, on_room() comes. */
static gboolean
room_for_output (Port *port)
{
  if (!serial_port_can_write (port->far))
    return FALSE;
  if (!port->partly || send_rest (port))
    return TRUE;
  /* It is long: the rest after the loop's other work. */
  if (serial_port_can_write (port->far))
    virt_ring (&port->owner->virt, port->out);
  return FALSE;
}

/* A client has read: VM lock held. */
static void
on_room (void *opaque)
{
  Port *port = opaque;

  virt_ring (&port->owner->virt, port->out);
}

/* -- Input ------------------------------------------------------------------------------------------------ */

/* VM lock held. */
static size_t
on_input (void *opaque, const uint8_t *data, size_t length)
{
  Port *port = opaque;
  VirtDevice *virt = &port->owner->virt;
  VirtQueue *queue = &virt->queues[port->in];

  port->data = data;
  port->left = length;
  g_mutex_lock (&queue->lock);
  virt_queue_look (virt, port->in);
  g_mutex_unlock (&queue->lock);
  length -= port->left;
  port->data = NULL;
  port->left = 0;
  return length;
}

static void
receive (Port *port, VirtChain *chain)
{
  const size_t n = virt_chain_write (chain, 0, port->data, port->left);

  port->data += n;
  port->left -= n;
  virt_give (&port->owner->virt, port->in, chain, (uint32_t)n);
}

/* -- Queues ------------------------------------------------------------------------------------------------- */

static VirtChain *
console_room (VirtDevice *virt, unsigned n)
{
  VirtConsole *console = (VirtConsole *)virt;
  Port *port = port_of (console, n);

  if (n == QUEUE_CONTROL_IN)
    return first_to_tell (console) != NULL ? &console->chain : NULL;
  if (port == NULL)
    return n == QUEUE_CONTROL_OUT ? &console->chain : NULL;
  if (n == port->out)
    return room_for_output (port) ? &console->chain : NULL;
  if (port->left > 0)
    return port->open || !virt_has (virt, F_PORTS) ? &console->chain : NULL;
  serial_port_ready (port->far);
  return NULL;
}

static void
console_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
console_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtConsole *console = (VirtConsole *)virt;
  Port *port = port_of (console, n);

  if (n == QUEUE_CONTROL_IN)
    say (console, chain);
  else if (n == QUEUE_CONTROL_OUT)
    hear (console, chain);
  else if (n == port->out)
    send (port, chain, 0);
  else
    receive (port, chain);
}

static void
console_stop (VirtDevice *virt, unsigned n)
{
  VirtConsole *console = (VirtConsole *)virt;
  Port *port = port_of (console, n);

  if (port != NULL && n == port->out)
    port->partly = FALSE;
  else if (port != NULL)
    port->open = FALSE;
  else if (n == QUEUE_CONTROL_IN)
    for (unsigned i = 0; i < console->n_ports; i++)
      console->ports[i].to_tell = 0;
}

/* 5.3.4: a letter from a driver that has no queue yet. */
static void
console_configured (VirtDevice *virt, unsigned offset, unsigned size)
{
  const uint8_t letter = virt->config[CONFIG_EMERGENCY];

  if (offset <= CONFIG_EMERGENCY && offset + size > CONFIG_EMERGENCY)
    serial_port_write (((VirtConsole *)virt)->ports[0].far, &letter, 1);
}

static const VirtClass virt_console_class = {
  .type = VIRT_TYPE_CONSOLE,
  .transitional = 0x1003,
  .class_code = 0x078000, /* communication, other */
  .features = F_ALL,
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .locked = TRUE,
  .room = console_room,
  .run = console_run,
  .unused = console_unused,
  .stop = console_stop,
  .configured = console_configured,
};

/* -- Life ----------------------------------------------------------------------------------------------------- */

static void
fill_config (VirtConsole *console)
{
  pci_set16 (console->virt.config + CONFIG_COLUMNS, COLUMNS);
  pci_set16 (console->virt.config + CONFIG_ROWS, ROWS);
  pci_set32 (console->virt.config + CONFIG_PORTS, console->n_ports);
}

static gboolean
virt_console_realize (Device *device, GError **error)
{
  VirtConsole *console = (VirtConsole *)device;

  virt_chain_init (&console->chain);
  fill_config (console);
  memset (console->virt.writable + CONFIG_EMERGENCY, 0xff, 4);
  if (!virt_device_realize (&console->virt, &virt_console_class, 2 + 2 * console->n_ports, F_ALL, error))
    return FALSE;
  for (unsigned i = 0; i < console->n_ports; i++)
    {
      serial_port_set_room_func (console->ports[i].far, on_room, &console->ports[i]);
      serial_port_connect (console->ports[i].far, on_input, &console->ports[i]);
    }
  return TRUE;
}

static gboolean
virt_console_post_load (Device *device, GError **error)
{
  VirtConsole *console = (VirtConsole *)device;

  fill_config (console);
  for (unsigned i = 0; i < console->n_ports; i++)
    {
      Port *port = &console->ports[i];

      port->to_tell &= 1u << EVENT_PORT_ADD | 1u << EVENT_CONSOLE | 1u << EVENT_OPEN | 1u << EVENT_NAME;
    }
  return virt_device_post_load (&console->virt, error);
}

static void
virt_console_unrealize (Device *device)
{
  VirtConsole *console = (VirtConsole *)device;

  for (unsigned i = 0; i < console->n_ports; i++)
    {
      serial_port_set_room_func (console->ports[i].far, NULL, NULL);
      serial_port_connect (console->ports[i].far, NULL, NULL);
    }
  virt_device_unrealize (&console->virt);
  virt_chain_free (&console->chain);
}

static const DeviceClass virt_console_device_class = {
  .name = "virtio-console",
  .version = 1,
  .instance_size = sizeof (VirtConsole),
  .state = virt_console_state,
  .realize = virt_console_realize,
  .reset = virt_plain_reset,
  .pause = virt_plain_pause,
  .resume = virt_plain_resume,
  .post_load = virt_console_post_load,
  .unrealize = virt_console_unrealize,
};

Device *
virt_console_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtConsoleConfig *config,
                  GError **error)
{
  VirtConsole *console = device_new (vm, &virt_console_device_class, id);
  SerialPort *const fars[VIRT_CONSOLE_MAX_PORTS] = { config->console, config->agent };

  console->virt.pci.bus = bus;
  console->virt.pci.devfn = (uint8_t)devfn;
  console->n_ports = config->agent != NULL ? 2 : 1;
  for (unsigned i = 0; i < VIRT_CONSOLE_MAX_PORTS; i++)
    console->ports[i] = (Port){
      .owner = console, .far = fars[i], .in = i == 0 ? 0 : 2 + 2 * i, .out = i == 0 ? 1 : 3 + 2 * i
    };
  if (config->agent != NULL)
    g_strlcpy (console->name, config->agent_name, sizeof console->name);
  if (device_realize (&console->virt.pci.device, error))
    return &console->virt.pci.device;
  device_free (&console->virt.pci.device);
  return NULL;
}
