/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Keys and pointers to a VNC server.  On the connection's thread.
 */
#define G_LOG_DOMAIN "viv-vnc-client"

#include "display/keymap.h"
#include "display/vnc-client-private.h"

#include <linux/input-event-codes.h>

#define RELATIVE_ORIGIN 0x7fff

static gboolean
send_key (VncClient *client, const InputEvent *event)
{
  gboolean down = event->value != 0;
  uint32_t keysym;

  if (event->code >= KEY_CNT)
    return TRUE;
  if (event->code == KEY_LEFTSHIFT || event->code == KEY_RIGHTSHIFT)
    client->shift[event->code == KEY_RIGHTSHIFT] = down;
  /* A key goes up as what it went down as, whatever Shift did in between. */
  keysym = client->pressed[event->code];
  if (keysym == 0 || down)
    keysym = keymap_evdev_to_keysym (event->code, client->shift[0] || client->shift[1]);
  client->pressed[event->code] = down ? keysym : 0;
  if (keymap_evdev_to_qnum (event->code)
      && SendExtendedKeyEvent (client->rfb, keysym, keymap_evdev_to_qnum (event->code), down))
    return TRUE;
  return keysym == 0 || SendKeyEvent (client->rfb, keysym, down);
}

static gboolean
send_pointer (VncClient *client, unsigned buttons)
{
  if (client->relative)
    return SendPointerEvent (client->rfb, RELATIVE_ORIGIN, RELATIVE_ORIGIN, buttons);
  return SendPointerEvent (client->rfb, client->x, client->y, buttons);
}

static gboolean
send_wheel (VncClient *client, int clicks, unsigned back, unsigned forth)
{
  unsigned button = clicks < 0 ? back : forth;

  for (int i = MIN (ABS (clicks), 20); i > 0; i--)
    if (!send_pointer (client, client->buttons | button) || !send_pointer (client, client->buttons))
      return FALSE;
  return TRUE;
}

gboolean
vnc_client_send_input (VncClient *client, const InputEvent *event)
{
  static const struct
  {
    uint16_t code;
    unsigned mask;
  } buttons[] = { { BTN_LEFT, 1 }, { BTN_MIDDLE, 2 }, { BTN_RIGHT, 4 }, { BTN_SIDE, 0x80 } };
  int width = client->drawn->fb.width, height = client->drawn->fb.height;

  switch (event->type)
    {
    case INPUT_EVENT_KEY:
      return send_key (client, event);
    case INPUT_EVENT_BUTTON:
      for (unsigned i = 0; i < G_N_ELEMENTS (buttons); i++)
        if (buttons[i].code == event->code)
          client->buttons
              = event->value ? client->buttons | buttons[i].mask : client->buttons & ~buttons[i].mask;
      return send_pointer (client, client->buttons);
    case INPUT_EVENT_ABSOLUTE:
      client->x = ((int64_t)CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX) * (width - 1) + INPUT_ABSOLUTE_MAX / 2)
                  / INPUT_ABSOLUTE_MAX;
      client->y = ((int64_t)CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX) * (height - 1) + INPUT_ABSOLUTE_MAX / 2)
                  / INPUT_ABSOLUTE_MAX;
      return client->relative || send_pointer (client, client->buttons);
    case INPUT_EVENT_RELATIVE:
      if (client->relative)
        return SendPointerEvent (
            client->rfb, RELATIVE_ORIGIN + CLAMP (event->x, -RELATIVE_ORIGIN, RELATIVE_ORIGIN),
            RELATIVE_ORIGIN + CLAMP (event->y, -RELATIVE_ORIGIN, RELATIVE_ORIGIN), client->buttons);
      client->x = CLAMP ((int64_t)client->x + event->x, 0, width - 1);
      client->y = CLAMP ((int64_t)client->y + event->y, 0, height - 1);
      return send_pointer (client, client->buttons);
    case INPUT_EVENT_WHEEL:
      return send_wheel (client, event->y, 1 << 3, 1 << 4) && send_wheel (client, event->x, 1 << 5, 1 << 6);
    default:
      return TRUE;
    }
}
