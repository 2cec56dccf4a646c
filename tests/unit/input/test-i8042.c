/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The 8042 and its devices, spoken to as firmware and drivers do.
 */
#include <linux/input-event-codes.h>
#include <string.h>

#include "input/i8042.h"

enum
{
  OBF = 0x01,
  AUX = 0x20,
};

typedef struct
{
  Vm *vm;
  InputRouter *router;
  Device *kbc;
  AccessCache cache;
  gboolean level[3]; /* IRQ 1, IRQ 12, A20 */
  unsigned edges[3];
} Fixture;

static void
on_line (void *opaque, unsigned n, gboolean level)
{
  Fixture *f = opaque;

  f->edges[n] += level && !f->level[n];
  f->level[n] = level;
}

static void
setup (Fixture *f)
{
  I8042Config config = { IRQ_LINE (on_line, f, 0), IRQ_LINE (on_line, f, 1), IRQ_LINE (on_line, f, 2), NULL };

  *f = (Fixture){ .vm = vm_new (NULL, TRUE) };
  vm_lock (f->vm);
  config.router = f->router = input_router_new (f->vm);
  f->kbc = i8042_new (f->vm, &config);
  g_assert_true (device_realize (f->kbc, NULL));
  f->kbc->klass->reset (f->kbc);
  vm_unlock (f->vm);
}

static void
teardown (Fixture *f)
{
  access_cache_clear (&f->cache);
  vm_lock (f->vm);
  device_free (f->kbc);
  input_router_free (f->router);
  vm_unlock (f->vm);
  vm_free (f->vm);
}

static void
out (Fixture *f, uint16_t port, uint8_t value)
{
  address_space_store (f->vm->ports, &f->cache, port, value, 1, FALSE);
}

static uint8_t
in (Fixture *f, uint16_t port)
{
  return (uint8_t)address_space_load (f->vm->ports, &f->cache, port, 1, FALSE);
}

/* Polls as drivers do; -1 after 100 ms. */
static int
get (Fixture *f, gboolean aux)
{
  for (unsigned i = 0; i < 1000; i++)
    {
      uint8_t status = in (f, 0x64);
      if (status & OBF)
        {
          g_assert_cmphex (status & AUX, ==, aux ? AUX : 0);
          return in (f, 0x60);
        }
      vm_clock_advance (f->vm->clock, 100000);
    }
  return -1;
}

static void
expect (Fixture *f, gboolean aux, const char *bytes)
{
  g_auto (GStrv) list = g_strsplit (bytes, " ", -1);

  for (unsigned i = 0; list[i] != NULL; i++)
    g_assert_cmphex (get (f, aux), ==, (int)g_ascii_strtoll (list[i], NULL, 16));
  vm_clock_advance (f->vm->clock, 10000000);
  g_assert_cmphex (in (f, 0x64) & OBF, ==, 0);
}

static void
controller (Fixture *f, uint8_t command)
{
  out (f, 0x64, command);
}

static void
controller_arg (Fixture *f, uint8_t command, uint8_t value)
{
  out (f, 0x64, command);
  out (f, 0x60, value);
}

static void
keyboard (Fixture *f, uint8_t value)
{
  out (f, 0x60, value);
}

static void
mouse (Fixture *f, uint8_t value)
{
  controller_arg (f, 0xd4, value);
}

static void
key (Fixture *f, uint16_t code, int value)
{
  InputEvent event = { .type = INPUT_EVENT_KEY, .code = code, .value = value };

  vm_lock (f->vm);
  input_router_send (f->router, &event);
  vm_unlock (f->vm);
}

static void
pointer (Fixture *f, InputEventType type, uint16_t code, int value, int x, int y)
{
  InputEvent event = { .type = type, .code = code, .value = value, .x = x, .y = y };

  vm_lock (f->vm);
  input_router_send (f->router, &event);
  vm_unlock (f->vm);
}

/* Set 2 as it is, nothing translated. */
static void
raw (Fixture *f)
{
  controller_arg (f, 0x60, 0x03);
}

/* SeaBIOS: keyboard_init(). */
static void
test_firmware (void)
{
  Fixture f;

  setup (&f);
  while (in (&f, 0x64) & OBF)
    in (&f, 0x60);
  controller (&f, 0xaa);
  expect (&f, FALSE, "55");
  g_assert_cmphex (in (&f, 0x64) & 4, ==, 4);
  controller (&f, 0xab);
  expect (&f, FALSE, "0");
  controller_arg (&f, 0x60, 0x70 & ~0x40);
  keyboard (&f, 0xff);
  expect (&f, FALSE, "fa aa");
  keyboard (&f, 0xf5);
  expect (&f, FALSE, "fa");
  key (&f, KEY_A, 1);
  key (&f, KEY_A, 0);
  vm_clock_advance (f.vm->clock, 10000000);
  g_assert_cmphex (in (&f, 0x64) & OBF, ==, 0);
  keyboard (&f, 0xf0);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0x02);
  expect (&f, FALSE, "fa");
  controller_arg (&f, 0x60, 0x61);
  keyboard (&f, 0xf4);
  expect (&f, FALSE, "fa");
  controller (&f, 0x20);
  expect (&f, FALSE, "61");
  key (&f, KEY_A, 1);
  key (&f, KEY_A, 0);
  key (&f, KEY_UP, 1);
  key (&f, KEY_UP, 0);
  expect (&f, FALSE, "1e 9e e0 48 e0 c8");
  teardown (&f);
}

/* Linux: i8042.c's probing, then atkbd and psmouse. */
static void
test_linux (void)
{
  Fixture f;

  setup (&f);
  controller (&f, 0x20);
  int ctr = get (&f, FALSE);
  controller_arg (&f, 0x60, (uint8_t)((ctr | 0x10) & ~0x01));
  /* AUX loopback. */
  controller_arg (&f, 0xd3, 0x5a);
  expect (&f, TRUE, "5a");
  controller_arg (&f, 0xd3, 0xa5);
  expect (&f, TRUE, "a5");
  controller (&f, 0xa7);
  controller (&f, 0x20);
  g_assert_cmphex (get (&f, FALSE) & 0x20, ==, 0x20);
  controller (&f, 0xa8);
  controller (&f, 0x20);
  g_assert_cmphex (get (&f, FALSE) & 0x20, ==, 0);
  controller (&f, 0xa9);
  expect (&f, FALSE, "0");
  /* The interrupt test: loopback must raise IRQ 12. */
  controller_arg (&f, 0x60, 0x42 | 0x10);
  f.edges[1] = 0;
  controller_arg (&f, 0xd3, 0xa5);
  g_assert_cmpuint (f.edges[1], ==, 1);
  g_assert_true (f.level[1]);
  expect (&f, TRUE, "a5");
  g_assert_false (f.level[1]);
  controller_arg (&f, 0x60, 0x43);

  /* atkbd: the id is translated. */
  keyboard (&f, 0xf2);
  expect (&f, FALSE, "fa ab 41");
  keyboard (&f, 0xed);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0x07);
  expect (&f, FALSE, "fa");
  g_assert_cmpuint (input_router_leds (f.router), ==, 7);
  keyboard (&f, 0xed);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0x00);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0xf3);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0x00);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0xf4);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0xee);
  expect (&f, FALSE, "ee");
  keyboard (&f, 0x12);
  expect (&f, FALSE, "fe");

  /* psmouse: reset, probes of foreign protocols, then the wheel's knock and five buttons. */
  mouse (&f, 0xff);
  expect (&f, TRUE, "fa aa 0");
  static const uint8_t foreign[] = { 0xe8, 0, 0xe6, 0xe6, 0xe6, 0xe9 };
  for (unsigned i = 0; i < sizeof foreign - 1; i++)
    {
      mouse (&f, foreign[i]);
      expect (&f, TRUE, "fa");
    }
  mouse (&f, 0xe9);
  expect (&f, TRUE, "fa 0 0 64");
  mouse (&f, 0xf2);
  expect (&f, TRUE, "fa 0");
  static const uint8_t wheel[] = { 0xf3, 200, 0xf3, 100, 0xf3, 80 },
                       five[] = { 0xf3, 200, 0xf3, 200, 0xf3, 80 };
  for (unsigned i = 0; i < sizeof wheel; i++)
    {
      mouse (&f, wheel[i]);
      expect (&f, TRUE, "fa");
    }
  mouse (&f, 0xf2);
  expect (&f, TRUE, "fa 3");
  for (unsigned i = 0; i < sizeof five; i++)
    {
      mouse (&f, five[i]);
      expect (&f, TRUE, "fa");
    }
  mouse (&f, 0xf2);
  expect (&f, TRUE, "fa 4");
  mouse (&f, 0xf4);
  expect (&f, TRUE, "fa");
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 5, 3);
  expect (&f, TRUE, "28 5 fd 0");
  pointer (&f, INPUT_EVENT_WHEEL, 0, 0, 0, -1);
  expect (&f, TRUE, "8 0 0 f");
  pointer (&f, INPUT_EVENT_BUTTON, BTN_SIDE, 1, 0, 0);
  expect (&f, TRUE, "8 0 0 10");
  pointer (&f, INPUT_EVENT_BUTTON, BTN_EXTRA, 1, 0, 0);
  expect (&f, TRUE, "8 0 0 30");
  teardown (&f);
}

/* DOS: an interrupt handler reads 0x60, chains to another that reads it again; A20 by the output port. */
static void
test_dos (void)
{
  Fixture f;

  setup (&f);
  controller_arg (&f, 0x60, 0x65);
  f.edges[0] = 0;
  key (&f, KEY_ENTER, 1);
  vm_clock_advance (f.vm->clock, 1000000);
  g_assert_cmpuint (f.edges[0], ==, 1);
  g_assert_true (f.level[0]);
  g_assert_cmphex (in (&f, 0x60), ==, 0x1c);
  g_assert_false (f.level[0]);
  g_assert_cmphex (in (&f, 0x60), ==, 0x1c);
  key (&f, KEY_ENTER, 0);
  vm_clock_advance (f.vm->clock, 1000000);
  g_assert_cmpuint (f.edges[0], ==, 2);
  g_assert_cmphex (in (&f, 0x60), ==, 0x9c);
  /* Keyboard disabled, then enabled: the code waits in the keyboard. */
  controller (&f, 0xad);
  key (&f, KEY_ESC, 1);
  vm_clock_advance (f.vm->clock, 1000000);
  g_assert_cmphex (in (&f, 0x64) & OBF, ==, 0);
  controller (&f, 0xae);
  expect (&f, FALSE, "1");

  g_assert_true (f.level[2]);
  controller_arg (&f, 0xd1, 0xdd);
  g_assert_false (f.level[2]);
  controller (&f, 0xd0);
  g_assert_cmphex (get (&f, FALSE) & 3, ==, 1);
  controller_arg (&f, 0xd1, 0xdf);
  g_assert_true (f.level[2]);
  controller (&f, 0xdd);
  g_assert_false (f.level[2]);
  controller (&f, 0xdf);
  g_assert_true (f.level[2]);
  controller (&f, 0xc0);
  g_assert_cmphex (get (&f, FALSE) & 0x80, ==, 0x80);
  controller_arg (&f, 0xd2, 0x1e);
  expect (&f, FALSE, "1e");
  controller_arg (&f, 0x65, 0x77);
  controller (&f, 0x25);
  expect (&f, FALSE, "77");
  controller (&f, 0xa4);
  expect (&f, FALSE, "f1");
  /* A reset is asked for, not done here and now. */
  controller (&f, 0xf1);
  controller (&f, 0xfe);
  teardown (&f);
}

/* BSD: pckbc reads the command byte, sets translation, and asks for the id with polling. */
static void
test_bsd (void)
{
  Fixture f;

  setup (&f);
  while (get (&f, FALSE) >= 0)
    ;
  controller_arg (&f, 0x60, 0x04 | 0x10 | 0x20);
  controller (&f, 0xaa);
  expect (&f, FALSE, "55");
  controller (&f, 0xa9);
  expect (&f, FALSE, "0");
  mouse (&f, 0xff);
  expect (&f, TRUE, "fa aa 0");
  controller_arg (&f, 0x60, 0x45);
  keyboard (&f, 0xf5);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0xf0);
  expect (&f, FALSE, "fa");
  keyboard (&f, 0x00);
  /* Set 2 comes translated as 0x3f..0x43: 2 is 0x41. */
  expect (&f, FALSE, "fa 41");
  keyboard (&f, 0xff);
  expect (&f, FALSE, "fa aa");
  teardown (&f);
}

static void
test_keys (void)
{
  Fixture f;

  setup (&f);
  raw (&f);
  key (&f, KEY_A, 1);
  key (&f, KEY_A, 0);
  expect (&f, FALSE, "1c f0 1c");
  key (&f, KEY_PAUSE, 1);
  key (&f, KEY_PAUSE, 0);
  expect (&f, FALSE, "e1 14 77 e1 f0 14 f0 77");
  key (&f, KEY_LEFTCTRL, 1);
  key (&f, KEY_PAUSE, 1);
  key (&f, KEY_PAUSE, 0);
  key (&f, KEY_LEFTCTRL, 0);
  expect (&f, FALSE, "14 e0 7e e0 f0 7e f0 14");
  key (&f, KEY_SYSRQ, 1);
  key (&f, KEY_SYSRQ, 0);
  expect (&f, FALSE, "e0 12 e0 7c e0 f0 7c e0 f0 12");
  key (&f, KEY_LEFTALT, 1);
  key (&f, KEY_SYSRQ, 1);
  key (&f, KEY_SYSRQ, 0);
  key (&f, KEY_LEFTALT, 0);
  expect (&f, FALSE, "11 84 f0 84 f0 11");
  key (&f, KEY_RIGHTSHIFT, 1);
  key (&f, KEY_SYSRQ, 1);
  key (&f, KEY_SYSRQ, 0);
  expect (&f, FALSE, "59 e0 7c e0 f0 7c");
  /* Shift is lifted around the grey keys. */
  key (&f, KEY_HOME, 1);
  key (&f, KEY_HOME, 0);
  key (&f, KEY_RIGHTSHIFT, 0);
  expect (&f, FALSE, "e0 f0 59 e0 6c e0 f0 6c e0 59 f0 59");
  /* Num Lock puts one around them. */
  keyboard (&f, 0xed);
  keyboard (&f, 0x02);
  expect (&f, FALSE, "fa");
  key (&f, KEY_LEFT, 1);
  key (&f, KEY_LEFT, 0);
  expect (&f, FALSE, "e0 12 e0 6b e0 f0 6b e0 f0 12");
  /* Set 1. */
  keyboard (&f, 0xf0);
  get (&f, FALSE);
  keyboard (&f, 0x01);
  get (&f, FALSE);
  key (&f, KEY_A, 1);
  key (&f, KEY_A, 0);
  key (&f, KEY_RIGHTCTRL, 1);
  key (&f, KEY_RIGHTCTRL, 0);
  key (&f, KEY_PAUSE, 1);
  key (&f, KEY_PAUSE, 0);
  expect (&f, FALSE, "1e 9e e0 1d e0 9d e1 1d 45 e1 9d c5");
  /* Set 3: makes only, for all keys. */
  keyboard (&f, 0xf0);
  get (&f, FALSE);
  keyboard (&f, 0x03);
  get (&f, FALSE);
  keyboard (&f, 0xf9);
  get (&f, FALSE);
  key (&f, KEY_A, 1);
  key (&f, KEY_A, 0);
  expect (&f, FALSE, "1c");
  keyboard (&f, 0xfa);
  get (&f, FALSE);
  key (&f, KEY_A, 1);
  key (&f, KEY_A, 0);
  expect (&f, FALSE, "1c f0 1c");
  teardown (&f);
}

static void
test_typematic (void)
{
  Fixture f;
  unsigned repeats = 0;

  setup (&f);
  raw (&f);
  key (&f, KEY_B, 1);
  expect (&f, FALSE, "32"); /* looks for 10 ms more */
  vm_clock_advance (f.vm->clock, 480000000);
  g_assert_cmphex (in (&f, 0x64) & OBF, ==, 0);
  /* 500 ms, then 10.9 a second. */
  for (unsigned i = 0; i < 1000; i++)
    {
      vm_clock_advance (f.vm->clock, 1000000);
      if (in (&f, 0x64) & OBF)
        {
          g_assert_cmphex (in (&f, 0x60), ==, 0x32);
          repeats++;
        }
    }
  g_assert_cmpuint (repeats, >=, 10);
  g_assert_cmpuint (repeats, <=, 12);
  key (&f, KEY_B, 0);
  get (&f, FALSE);
  expect (&f, FALSE, "32");
  /* 30 a second after 250 ms; nobody reads: nothing piles up. */
  keyboard (&f, 0xf3);
  get (&f, FALSE);
  keyboard (&f, 0x00);
  get (&f, FALSE);
  key (&f, KEY_B, 1);
  vm_clock_advance (f.vm->clock, 5 * NS_PER_SECOND);
  key (&f, KEY_B, 0);
  expect (&f, FALSE, "32 32 f0 32");
  /* Host repeats are no repeats. */
  key (&f, KEY_C, 1);
  key (&f, KEY_C, 1);
  key (&f, KEY_C, 0);
  expect (&f, FALSE, "21 f0 21");
  teardown (&f);
}

/* A line that comes faster than the guest reads, with grey keys in it: nothing is lost, nothing stays down. */
static void
test_fast (void)
{
  Fixture f;

  setup (&f);
  raw (&f);
  key (&f, KEY_LEFTSHIFT, 1);
  for (unsigned i = 0; i < 500; i++)
    {
      key (&f, KEY_A, 1);
      key (&f, KEY_A, 0);
      key (&f, KEY_UP, 1);
      key (&f, KEY_UP, 0);
    }
  key (&f, KEY_LEFTSHIFT, 0);
  g_assert_cmphex (get (&f, FALSE), ==, 0x12);
  for (unsigned i = 0; i < 500; i++)
    {
      static const uint8_t bytes[]
          = { 0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x12, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xe0, 0x12 };
      for (unsigned k = 0; k < sizeof bytes; k++)
        g_assert_cmphex (get (&f, FALSE), ==, bytes[k]);
    }
  expect (&f, FALSE, "f0 12");
  key (&f, KEY_A, 1);
  expect (&f, FALSE, "1c");
  /* Resend repeats the last byte; a new command drops an old answer. */
  keyboard (&f, 0xfe);
  expect (&f, FALSE, "1c");
  keyboard (&f, 0xf2);
  keyboard (&f, 0xee);
  expect (&f, FALSE, "ee");
  teardown (&f);
}

/* Clicks and moves that come before the guest reads: all of them arrive, in order. */
static void
test_fast_clicks (void)
{
  Fixture f;
  unsigned presses = 0, releases = 0;
  int x = 0;
  uint8_t before = 0;

  setup (&f);
  controller_arg (&f, 0x60, 0x03);
  mouse (&f, 0xf4);
  expect (&f, TRUE, "fa");
  for (unsigned i = 0; i < 100; i++)
    {
      pointer (&f, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
      pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 1, 0);
      pointer (&f, INPUT_EVENT_BUTTON, BTN_LEFT, 0, 0, 0);
      pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 2, 0);
    }
  for (int first; (first = get (&f, TRUE)) >= 0;)
    {
      int dx = get (&f, TRUE);
      get (&f, TRUE);
      presses += (first & 1) && !(before & 1);
      releases += !(first & 1) && (before & 1);
      before = (uint8_t)first;
      x += dx;
    }
  g_assert_cmpuint (presses, ==, 100);
  g_assert_cmpuint (releases, ==, 100);
  g_assert_cmpint (x, ==, 300);
  teardown (&f);
}

/* What waits when the machine is reset is not for the next system. */
static void
test_forgotten (void)
{
  Fixture f;

  setup (&f);
  raw (&f);
  for (unsigned i = 0; i < 100; i++)
    {
      key (&f, KEY_A, 1);
      key (&f, KEY_A, 0);
    }
  vm_lock (f.vm);
  f.kbc->klass->reset (f.kbc);
  vm_unlock (f.vm);
  raw (&f);
  key (&f, KEY_B, 1);
  expect (&f, FALSE, "32");
  teardown (&f);
}

static void
test_mouse (void)
{
  Fixture f;

  setup (&f);
  controller_arg (&f, 0x60, 0x03);
  /* Off: nothing arrives and nothing is kept. */
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 50, 50);
  mouse (&f, 0xf4);
  expect (&f, TRUE, "fa");
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, -1, -2);
  expect (&f, TRUE, "18 ff 2");
  /* Long ways in several packets. */
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 300, 0);
  expect (&f, TRUE, "8 ff 0 8 2d 0");
  /* A quick click is seen. */
  pointer (&f, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
  pointer (&f, INPUT_EVENT_BUTTON, BTN_LEFT, 0, 0, 0);
  pointer (&f, INPUT_EVENT_BUTTON, BTN_RIGHT, 1, 0, 0);
  pointer (&f, INPUT_EVENT_BUTTON, BTN_RIGHT, 0, 0, 0);
  {
    uint8_t seen = 0;
    for (int value; (value = get (&f, TRUE)) >= 0; get (&f, TRUE), get (&f, TRUE))
      seen |= value & 7;
    g_assert_cmphex (seen, ==, 3);
  }
  /* Endless movement without a reader: bounded, and said to be too much. */
  for (unsigned i = 0; i < 100; i++)
    pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, G_MAXINT32, G_MININT32);
  g_assert_cmphex (get (&f, TRUE) & 0xc8, ==, 0xc8);
  while (get (&f, TRUE) >= 0)
    ;
  /* 2:1 scaling. */
  mouse (&f, 0xe7);
  expect (&f, TRUE, "fa");
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 4, 10);
  expect (&f, TRUE, "28 6 ec");
  mouse (&f, 0xe9);
  expect (&f, TRUE, "fa 30 2 64");
  /* Remote mode: only when asked. */
  mouse (&f, 0xf0);
  expect (&f, TRUE, "fa");
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 4, 0);
  vm_clock_advance (f.vm->clock, 100000000);
  g_assert_cmphex (in (&f, 0x64) & OBF, ==, 0);
  mouse (&f, 0xeb);
  expect (&f, TRUE, "fa 8 4 0");
  mouse (&f, 0xf5);
  expect (&f, TRUE, "fa");
  pointer (&f, INPUT_EVENT_RELATIVE, 0, 0, 0, 1);
  mouse (&f, 0xeb);
  expect (&f, TRUE, "fa 28 0 ff");
  /* Wrap mode echoes. */
  mouse (&f, 0xee);
  expect (&f, TRUE, "fa");
  mouse (&f, 0x42);
  expect (&f, TRUE, "42");
  mouse (&f, 0xf4);
  expect (&f, TRUE, "f4");
  mouse (&f, 0xec);
  expect (&f, TRUE, "fa");
  mouse (&f, 0xe8);
  expect (&f, TRUE, "fa");
  mouse (&f, 0x09);
  expect (&f, TRUE, "fc");
  teardown (&f);
}

static void
test_state (void)
{
  Fixture a, b;
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (2017);

  setup (&a);
  raw (&a);
  mouse (&a, 0xf4);
  get (&a, TRUE);
  key (&a, KEY_Q, 1);
  key (&a, KEY_Q, 0);
  pointer (&a, INPUT_EVENT_RELATIVE, 0, 0, 7, 0);
  key (&a, KEY_LEFTCTRL, 1);
  state_save (i8042_class.state, a.kbc, saved);
  setup (&b);
  vm_lock (b.vm);
  g_assert_true (state_load (i8042_class.state, b.kbc, saved->data, saved->len, &error));
  g_assert_true (i8042_class.post_load (b.kbc, &error));
  vm_unlock (b.vm);
  for (const uint8_t *p = (const uint8_t[]){ 0x15, 0xf0, 0x15, 0x14, 0xf0, 0x14 }, *end = p + 6; p < end; p++)
    g_assert_cmphex (get (&b, FALSE), ==, *p);
  expect (&b, TRUE, "8 7 0");

  for (unsigned i = 0; i < 3000; i++)
    {
      g_autofree uint8_t *copy = g_memdup2 (saved->data, saved->len);

      for (unsigned k = 0; k < 4; k++)
        copy[g_rand_int_range (rand, 0, (int)saved->len)] = (uint8_t)g_rand_int (rand);
      vm_lock (b.vm);
      if (state_load (i8042_class.state, b.kbc, copy, saved->len, NULL))
        i8042_class.post_load (b.kbc, NULL);
      vm_unlock (b.vm);
      in (&b, 0x60);
      keyboard (&b, (uint8_t)i);
      mouse (&b, (uint8_t)i);
      key (&b, (uint16_t)(i % 300), (int)(i & 1));
      pointer (&b, INPUT_EVENT_RELATIVE, 0, 0, (int)i, 3);
      if (i % 100 == 0)
        vm_clock_advance (b.vm->clock, 1000000);
    }
  teardown (&a);
  teardown (&b);
}

static void
test_hostile (void)
{
  Fixture f;
  g_autoptr (GRand) rand = g_rand_new_with_seed (42);

  setup (&f);
  for (unsigned i = 0; i < 200000; i++)
    {
      uint32_t r = g_rand_int (rand);
      switch (r & 7)
        {
        case 0:
        case 1:
          out (&f, 0x60, (uint8_t)(r >> 8));
          break;
        case 2:
          /* Each reset request would be logged. */
          if ((r >> 8 & 0xf0) != 0xf0 && (r >> 8 & 0xff) != 0xd1)
            out (&f, 0x64, (uint8_t)(r >> 8));
          break;
        case 3:
          mouse (&f, (uint8_t)(r >> 8));
          break;
        case 4:
          in (&f, r & 0x100 ? 0x60 : 0x64);
          break;
        case 5:
          key (&f, (uint16_t)(r >> 8 & 0x3ff), (int)(r >> 20 & 1));
          break;
        case 6:
          pointer (&f, (InputEventType)(1 + (r >> 8) % 4), (uint16_t)(BTN_LEFT + (r >> 12 & 7)),
                   (int)(r >> 20 & 1), (int)(r >> 4), (int)r);
          break;
        default:
          vm_clock_advance (f.vm->clock, r >> 12);
          break;
        }
    }
  teardown (&f);
}

/* A machine ends with a key held: letting go of it is one more byte, and no timer for it may stay behind. */
static void
test_gone (void)
{
  Fixture f;

  setup (&f);
  key (&f, KEY_A, 1);
  for (unsigned i = 0; i < 4; i++)
    {
      vm_clock_advance (f.vm->clock, 10000000);
      in (&f, 0x60);
    }
  access_cache_clear (&f.cache);
  vm_lock (f.vm);
  device_free (f.kbc);
  g_assert_cmpint (vm_clock_next_deadline (f.vm->clock), ==, -1);
  input_router_free (f.router);
  vm_unlock (f.vm);
  vm_free (f.vm);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/i8042/firmware", test_firmware);
  g_test_add_func ("/i8042/linux", test_linux);
  g_test_add_func ("/i8042/dos", test_dos);
  g_test_add_func ("/i8042/bsd", test_bsd);
  g_test_add_func ("/i8042/keys", test_keys);
  g_test_add_func ("/i8042/typematic", test_typematic);
  g_test_add_func ("/i8042/fast", test_fast);
  g_test_add_func ("/i8042/fast-clicks", test_fast_clicks);
  g_test_add_func ("/i8042/forgotten", test_forgotten);
  g_test_add_func ("/i8042/mouse", test_mouse);
  g_test_add_func ("/i8042/state", test_state);
  g_test_add_func ("/i8042/hostile", test_hostile);
  g_test_add_func ("/i8042/gone", test_gone);
  return g_test_run ();
}
