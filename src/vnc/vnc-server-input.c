/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screen over VNC: what clients send of keyboard and mouse, turned into input events.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "display/keymap.h"
#include "vnc/vnc-server-private.h"

enum
{
  LED_NUM = 1 << 1,
  LED_CAPS = 1 << 2,
};

/* X11 protocol, appendix A. */
enum
{
  KEYSYM_KP_HOME = 0xff95, /* Left, Up, Right, Down, Prior, Next, End follow */
  KEYSYM_KP_INSERT = 0xff9e,
  KEYSYM_KP_DELETE = 0xff9f,
  KEYSYM_KP_DECIMAL = 0xffae,
  KEYSYM_KP_0 = 0xffb0,
};

/* RFB 3.8, 7.5.5: buttons 4 to 7 are the wheels. */
enum
{
  BUTTON_WHEEL_UP = 3,
  BUTTON_WHEEL_DOWN,
  BUTTON_WHEEL_LEFT,
  BUTTON_WHEEL_RIGHT,
};

static void
emit (VncServerClient *client, InputEventType type, uint16_t code, int value, int x, int y)
{
  VncServer *server = client->server;

  if (server->funcs.input && !server->view_only)
    server->funcs.input (server->opaque, &(InputEvent){ type, code, value, x, y });
}

static gboolean
is_held (VncServerClient *client, uint16_t code)
{
  return client->held[code / 8] >> (code % 8) & 1;
}

static void
key (VncServerClient *client, uint16_t code, gboolean down)
{
  if (code >= KEY_CNT || (!down && !is_held (client, code)))
    return;
  if (down)
    client->held[code / 8] |= 1 << (code % 8);
  else
    client->held[code / 8] &= ~(1 << (code % 8));
  emit (client, INPUT_EVENT_KEY, code, down, 0, 0);
}

/* The keypad's keys are two each.  A client that says which one is meant gets that one, whatever the guest's Num Lock: as the key of
 * the same meaning elsewhere on the keyboard. */
static uint32_t
by_num_lock (uint32_t keysym, gboolean num_lock)
{
  static const uint16_t grey[]
      = { 0xff50, 0xff51, 0xff52, 0xff53, 0xff54, 0xff55, 0xff56, 0xff57 }; /* Home … End */

  if (keysym >= KEYSYM_KP_0 && keysym <= KEYSYM_KP_0 + 9 && !num_lock)
    return '0' + (keysym - KEYSYM_KP_0);
  if (keysym == KEYSYM_KP_DECIMAL && !num_lock)
    return '.';
  if (keysym >= KEYSYM_KP_HOME && keysym < KEYSYM_KP_HOME + G_N_ELEMENTS (grey) && num_lock)
    return grey[keysym - KEYSYM_KP_HOME];
  if (keysym == KEYSYM_KP_INSERT && num_lock)
    return 0xff63;
  if (keysym == KEYSYM_KP_DELETE && num_lock)
    return 0xffff;
  return keysym;
}

/* A keysym says what character is wanted, the guest's keyboard is a US one: Shift is put right around the press. */
static void
key_by_keysym (VncServerClient *client, uint32_t keysym, gboolean down)
{
  gboolean shift, left = is_held (client, KEY_LEFTSHIFT), right = is_held (client, KEY_RIGHTSHIFT);

  if (!down)
    {
      /* Num Lock may have changed since the press; what isn't held isn't released. */
      for (unsigned num_lock = 0; num_lock < 2; num_lock++)
        key (client, keymap_keysym_to_evdev (by_num_lock (keysym, num_lock != 0), NULL), FALSE);
      return;
    }
  keysym = by_num_lock (keysym, (client->server->leds & LED_NUM) != 0);
  uint16_t code = keymap_keysym_to_evdev (keysym, &shift);
  gboolean character = (keysym > ' ' && keysym < 0x7f) || keysym >= 0x01000000;

  if (code == 0)
    return;
  if ((keysym >= 'a' && keysym <= 'z') || (keysym >= 'A' && keysym <= 'Z'))
    shift ^= (client->server->leds & LED_CAPS) != 0;
  if (!character || shift == (left || right))
    {
      key (client, code, TRUE);
      return;
    }
  if (shift)
    {
      emit (client, INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1, 0, 0);
      key (client, code, TRUE);
      emit (client, INPUT_EVENT_KEY, KEY_LEFTSHIFT, 0, 0, 0);
      return;
    }
  if (left)
    emit (client, INPUT_EVENT_KEY, KEY_LEFTSHIFT, 0, 0, 0);
  if (right)
    emit (client, INPUT_EVENT_KEY, KEY_RIGHTSHIFT, 0, 0, 0);
  key (client, code, TRUE);
  if (left)
    emit (client, INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1, 0, 0);
  if (right)
    emit (client, INPUT_EVENT_KEY, KEY_RIGHTSHIFT, 1, 0, 0);
}

void
vnc_server_key (VncServerClient *client, const VncPeerEvent *event)
{
  uint16_t code = event->qnum ? keymap_qnum_to_evdev (event->qnum) : 0;

  if (code == 0)
    {
      key_by_keysym (client, event->keysym, event->down);
      return;
    }
  key (client, code, event->down);
}

static void
press_buttons (VncServerClient *client, unsigned mask)
{
  static const uint16_t codes[8] = { BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, 0, 0, 0, 0, BTN_SIDE };
  unsigned changed = mask ^ client->buttons;

  client->buttons = mask;
  for (unsigned i = 0; i < 8; i++)
    {
      gboolean down = mask >> i & 1;

      if (!(changed >> i & 1))
        continue;
      if (codes[i])
        emit (client, INPUT_EVENT_BUTTON, codes[i], down, 0, 0);
      else if (down)
        emit (client, INPUT_EVENT_WHEEL, 0, 0, (i == BUTTON_WHEEL_RIGHT) - (i == BUTTON_WHEEL_LEFT),
              (i == BUTTON_WHEEL_DOWN) - (i == BUTTON_WHEEL_UP));
    }
}

static int
scale (int position, uint32_t size)
{
  return size < 2 ? 0 : (int)((int64_t)CLAMP (position, 0, (int)size - 1) * INPUT_ABSOLUTE_MAX / (size - 1));
}

void
vnc_server_pointer (VncServerClient *client, const VncPeerEvent *event)
{
  VncServer *server = client->server;
  uint32_t width, height;

  if (event->relative)
    {
      if (event->x || event->y)
        emit (client, INPUT_EVENT_RELATIVE, 0, 0, event->x, event->y);
      client->placed = FALSE;
    }
  else if (server->absolute)
    {
      vnc_peer_get_size (client->peer, &width, &height);
      if (!client->placed || client->x != event->x || client->y != event->y)
        emit (client, INPUT_EVENT_ABSOLUTE, 0, (int)server->screen, scale (event->x, width),
              scale (event->y, height));
    }
  else if (client->placed && (client->x != event->x || client->y != event->y))
    emit (client, INPUT_EVENT_RELATIVE, 0, 0, event->x - client->x, event->y - client->y);
  if (!event->relative)
    {
      client->placed = TRUE;
      client->x = event->x;
      client->y = event->y;
    }
  press_buttons (client, event->mask);
}

void
vnc_server_release_all (VncServerClient *client)
{
  for (unsigned code = 0; code < KEY_CNT; code++)
    if (is_held (client, code))
      key (client, code, FALSE);
  press_buttons (client, client->buttons
                             & (1 << BUTTON_WHEEL_UP | 1 << BUTTON_WHEEL_DOWN | 1 << BUTTON_WHEEL_LEFT
                                | 1 << BUTTON_WHEEL_RIGHT));
  client->buttons = 0;
}
