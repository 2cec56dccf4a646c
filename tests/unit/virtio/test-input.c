/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Keyboard, tablet and mouse on virtio: what they say they are, what the router sends, and guests that don't read.
 */
#include "virtio-hostile.h"

#include "virtio/input.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFERS 0x100000u

static InputRouter *router;
static VirtInputKind kind;
static unsigned n_taken; /* of its events, by the driver */

static Device *
make (Driver *d, GError **error)
{
  router = input_router_new (d->vm);
  return virt_input_new (d->vm, "input0", pci_root_bus (d->root), DRIVER_DEVFN, kind, router, error);
}

static void
finish (Driver *d)
{
  vm_lock (d->vm);
  while (d->vm->devices->len > 0)
    device_free (d->vm->devices->pdata[d->vm->devices->len - 1]);
  input_router_free (router);
  vm_unlock (d->vm);
  driver_close (d);
}

static const Hostile hostile = { make, 2, 0, finish };

static void
put_buffers (Driver *d, unsigned first, unsigned n)
{
  for (unsigned i = first; i < first + n; i++)
    {
      driver_describe (d, driver_queue (0), i % DRIVER_SIZE, BUFFERS + 8 * (i % DRIVER_SIZE), 8, DESC_WRITE,
                       0);
      driver_put (d, 0, i % DRIVER_SIZE);
    }
  driver_ring (d, 0);
  driver_pump ();
}

static Device *
begin (Driver *d, VirtInputKind which)
{
  kind = which;
  n_taken = 0;
  Device *device = hostile_open (d, &hostile);
  driver_start (d, VIRT_F_VERSION_1, 2);
  put_buffers (d, 0, DRIVER_SIZE);
  return device;
}

static void
send (Driver *d, InputEventType type, unsigned code, int32_t value, int32_t x, int32_t y)
{
  const InputEvent event = { type, (uint16_t)code, value, x, y };

  vm_lock (d->vm);
  input_router_send (router, &event);
  vm_unlock (d->vm);
  driver_pump ();
}

/* The events that have come since, as "TYPE CODE VALUE; …"; each buffer goes back. */
static char *
heard (Driver *d)
{
  GString *text = g_string_new (NULL);

  while ((uint16_t)n_taken != driver_used (d, 0))
    {
      const uint8_t *event = driver_ram (d, BUFFERS + 8 * driver_used_head (d, 0, n_taken));
      uint16_t type, code;
      int32_t value;

      g_assert_cmpuint (driver_used_length (d, 0, n_taken), ==, 8);
      memcpy (&type, event, 2);
      memcpy (&code, event + 2, 2);
      memcpy (&value, event + 4, 4);
      g_string_append_printf (text, "%u %u %d; ", type, code, value);
      put_buffers (d, n_taken++, 1);
    }
  return g_string_free (text, FALSE);
}

static void
assert_heard (Driver *d, const char *wanted)
{
  g_autofree char *text = heard (d);

  g_assert_cmpstr (text, ==, wanted);
}

static void
test_identity (void)
{
  static const struct
  {
    VirtInputKind kind;
    const char *name;
    unsigned keys, relative, absolute; /* bytes of their bits */
  } kinds[] = { { VIRT_INPUT_KEYBOARD, "Vivarium Keyboard", 32, 0, 0 },
                { VIRT_INPUT_TABLET, "Vivarium Tablet", 35, 2, 1 },
                { VIRT_INPUT_MOUSE, "Vivarium Mouse", 35, 2, 0 },
                { VIRT_INPUT_TOUCHSCREEN, "Vivarium Touchscreen", 42, 0, 8 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      Driver d;
      const unsigned bytes[] = { kinds[i].keys, kinds[i].relative, kinds[i].absolute };
      char name[32] = "";

      begin (&d, kinds[i].kind);
      g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10521af4);
      driver_write (&d, DRIVER_CONFIG, 1, 1);
      for (unsigned j = 0; j < driver_read (&d, DRIVER_CONFIG + 2, 1) && j < sizeof name - 1; j++)
        name[j] = (char)driver_read (&d, DRIVER_CONFIG + 8 + j, 1);
      g_assert_cmpstr (name, ==, kinds[i].name);
      for (unsigned type = EV_KEY; type <= EV_ABS; type++)
        {
          driver_write (&d, DRIVER_CONFIG, 0x11 | type << 8, 2);
          g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 2, 1), ==, bytes[type - EV_KEY]);
        }
      driver_write (&d, DRIVER_CONFIG, 0x12 | ABS_X << 8, 2);
      g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 2, 1), ==, kinds[i].absolute > 0 ? 20 : 0);
      g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 12, 4), ==,
                        kinds[i].absolute > 0 ? INPUT_ABSOLUTE_MAX : 0);
      driver_write (&d, DRIVER_CONFIG, 0xffff, 2);
      g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 2, 1), ==, 0);
      /* At its end, and behind. */
      g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 128, 8), ==, 0);
      g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 136, 8), ==, 0);
      driver_write (&d, DRIVER_CONFIG + 128, UINT64_MAX, 8);
      finish (&d);
    }
}

static void
test_keyboard (void)
{
  Driver d;
  const uint8_t led[8] = { EV_LED, 0, LED_CAPSL, 0, 1, 0, 0, 0 };

  begin (&d, VIRT_INPUT_KEYBOARD);
  send (&d, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
  send (&d, INPUT_EVENT_KEY, KEY_A, 1, 0, 0); /* the guest repeats by itself */
  send (&d, INPUT_EVENT_KEY, KEY_A, 0, 0, 0);
  send (&d, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
  assert_heard (&d, "1 30 1; 0 0 0; 1 30 0; 0 0 0; ");
  memcpy (driver_ram (&d, BUFFERS + 0x1000), led, sizeof led);
  driver_describe (&d, driver_queue (1), 0, BUFFERS + 0x1000, 8, 0, 0);
  driver_put (&d, 1, 0);
  driver_ring (&d, 1);
  driver_pump ();
  g_assert_cmpuint (input_router_leds (router), ==, 4);
  finish (&d);
}

static void
test_tablet (void)
{
  Driver d;

  begin (&d, VIRT_INPUT_TABLET);
  g_assert_true (input_router_is_absolute (router));
  send (&d, INPUT_EVENT_ABSOLUTE, 0, 0, 100, 32767);
  send (&d, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
  send (&d, INPUT_EVENT_WHEEL, 0, 0, 0, 2);
  assert_heard (&d, "3 0 100; 3 1 32767; 0 0 0; 1 272 1; 0 0 0; 3 0 100; 3 1 32767; 2 8 -2; 0 0 0; ");
  /* Its driver leaves: what it holds isn't held any more, and nobody needs no grab. */
  driver_write (&d, DRIVER_STATUS, 0, 1);
  g_assert_false (input_router_is_absolute (router));
  finish (&d);
}

static void
test_mouse (void)
{
  Driver d;

  begin (&d, VIRT_INPUT_MOUSE);
  g_assert_false (input_router_is_absolute (router));
  send (&d, INPUT_EVENT_RELATIVE, 0, 0, 5, -3);
  assert_heard (&d, "2 0 5; 2 1 -3; 0 0 0; ");
  send (&d, INPUT_EVENT_RELATIVE, 0, 0, 0, 7);
  send (&d, INPUT_EVENT_WHEEL, 0, 0, -1, 0);
  assert_heard (&d, "2 1 7; 0 0 0; 2 6 -1; 0 0 0; ");
  finish (&d);
}

/* Who doesn't read loses no key, and finds the pointer where it is now. */
static void
test_slow (void)
{
  Driver d;
  unsigned n = 0;

  begin (&d, VIRT_INPUT_MOUSE);
  for (unsigned i = 0; i < 1000; i++)
    {
      send (&d, INPUT_EVENT_RELATIVE, 0, 0, 1, 0);
      send (&d, INPUT_EVENT_BUTTON, BTN_LEFT, i % 2 == 0, 0, 0);
    }
  g_autoptr (GString) all = g_string_new (NULL);
  for (;;)
    {
      g_autofree char *text = heard (&d);

      if (*text == '\0')
        break;
      g_string_append (all, text);
    }
  int moved = 0;
  for (const char *at = all->str; (at = strstr (at, "1 272 ")) != NULL; at++, n++)
    g_assert_cmpint (at[6], ==, n % 2 == 0 ? '1' : '0');
  g_assert_cmpuint (n, ==, 1000);
  for (const char *at = all->str; (at = strstr (at, "2 0 ")) != NULL; at++)
    moved += atoi (at + 4);
  g_assert_cmpint (moved, ==, 1000);
  finish (&d);
}

/* Type 3: 47 is the slot, 53 and 54 the place, 57 the contact. */
static void
test_touch (void)
{
  Driver d;

  begin (&d, VIRT_INPUT_TOUCHSCREEN);
  driver_write (&d, DRIVER_CONFIG, 0x10, 2);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 2, 1), ==, 1);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 8, 1), ==, 2); /* what is touched is the screen itself */
  driver_write (&d, DRIVER_CONFIG, 0x12 | ABS_MT_SLOT << 8, 2);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 12, 4), ==, INPUT_FINGERS - 1);
  send (&d, INPUT_EVENT_TOUCH, 0, 1, 100, 200);
  assert_heard (&d, "3 47 0; 3 53 100; 3 54 200; 3 57 0; 3 0 100; 3 1 200; 1 330 1; 0 0 0; ");
  send (&d, INPUT_EVENT_TOUCH, 3, 1, 300, 99999);
  assert_heard (&d, "3 47 3; 3 53 300; 3 54 32767; 3 57 1; 0 0 0; ");
  send (&d, INPUT_EVENT_TOUCH, 3, 1, 301, 400);
  assert_heard (&d, "3 47 3; 3 53 301; 3 54 400; 0 0 0; ");
  send (&d, INPUT_EVENT_TOUCH, 0, 0, 0, 0);
  assert_heard (&d, "3 47 0; 3 57 -1; 0 0 0; ");
  /* One that isn't there neither moves nor leaves. */
  send (&d, INPUT_EVENT_TOUCH, 0, 0, 5, 5);
  send (&d, INPUT_EVENT_TOUCH, 10, 1, 5, 5);
  assert_heard (&d, "");
  send (&d, INPUT_EVENT_TOUCH, 3, 0, 0, 0);
  assert_heard (&d, "3 47 3; 3 57 -1; 1 330 0; 0 0 0; ");
  finish (&d);
}

/* Whatever the guest reads, in the end it knows of no finger, and where each was last. */
static void
test_touch_slow (void)
{
  unsigned down = 0, slot = 0;
  Driver d;

  begin (&d, VIRT_INPUT_TOUCHSCREEN);
  for (unsigned i = 0; i < 3000; i++)
    send (&d, INPUT_EVENT_TOUCH, i % INPUT_FINGERS, i / INPUT_FINGERS % 7 != 6, (int)i, 3000 - (int)i);
  vm_lock (d.vm);
  input_router_release_all (router);
  vm_unlock (d.vm);
  for (g_autofree char *text = heard (&d); *text != '\0'; g_free (text), text = heard (&d))
    {
      g_auto (GStrv) events = g_strsplit (text, "; ", -1);

      for (unsigned i = 0; events[i] != NULL && *events[i] != '\0'; i++)
        {
          int type = 0, code = 0, value = 0;

          g_assert_cmpint (sscanf (events[i], "%d %d %d", &type, &code, &value), ==, 3);
          if (type == EV_ABS && code == ABS_MT_SLOT)
            slot = (unsigned)value;
          g_assert_cmpuint (slot, <, INPUT_FINGERS);
          if (type == EV_ABS && code == ABS_MT_TRACKING_ID)
            {
              /* None comes twice, or leaves twice. */
              g_assert_cmpint (down >> slot & 1, ==, value < 0);
              down ^= 1u << slot;
            }
          else if (type == EV_ABS && code == ABS_MT_POSITION_X)
            g_assert_cmpint (value % INPUT_FINGERS, ==, slot);
        }
    }
  g_assert_cmpuint (down, ==, 0);
  finish (&d);
}

/* A key that was held when the machine was saved is let go where it is loaded. */
static void
test_saved (void)
{
  Driver d;
  Device *device = begin (&d, VIRT_INPUT_KEYBOARD);

  send (&d, INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1, 0, 0);
  assert_heard (&d, "1 42 1; 0 0 0; ");
  hostile_save (&d, device);
  driver_pump ();
  g_autofree char *text = heard (&d);
  g_assert_nonnull (strstr (text, "1 42 0; 0 0 0; "));
  send (&d, INPUT_EVENT_KEY, KEY_B, 1, 0, 0);
  assert_heard (&d, "1 48 1; 0 0 0; ");
  finish (&d);
}

/* So is a finger. */
static void
test_saved_finger (void)
{
  Driver d;
  Device *device = begin (&d, VIRT_INPUT_TOUCHSCREEN);

  send (&d, INPUT_EVENT_TOUCH, 2, 1, 10, 20);
  g_free (heard (&d));
  hostile_save (&d, device);
  driver_pump ();
  g_autofree char *text = heard (&d);
  g_assert_nonnull (strstr (text, "3 47 2; 3 57 -1; 1 330 0; 0 0 0; "));
  finish (&d);
}

static void
test_hostile (void)
{
  for (kind = VIRT_INPUT_KEYBOARD; kind <= VIRT_INPUT_TOUCHSCREEN; kind++)
    {
      hostile_chains (&hostile);
      hostile_rings (&hostile);
      hostile_shapes (&hostile);
      hostile_widths (&hostile);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-input/identity", test_identity);
  g_test_add_func ("/virtio-input/keyboard", test_keyboard);
  g_test_add_func ("/virtio-input/tablet", test_tablet);
  g_test_add_func ("/virtio-input/mouse", test_mouse);
  g_test_add_func ("/virtio-input/slow", test_slow);
  g_test_add_func ("/virtio-input/saved", test_saved);
  g_test_add_func ("/virtio-input/touch", test_touch);
  g_test_add_func ("/virtio-input/touch-slow", test_touch_slow);
  g_test_add_func ("/virtio-input/saved-finger", test_saved_finger);
  g_test_add_func ("/virtio-input/hostile", test_hostile);
  return g_test_run ();
}
