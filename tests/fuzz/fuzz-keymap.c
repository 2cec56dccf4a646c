/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The key table from any side, and what is typed with it: any text and events to the router and the PS/2 devices, with a guest's
 * driver at the other end that reads, waits, and gives commands.
 *
 * Input: steps: a byte that says what (bits 0-3) and how, and what belongs to it.
 */
#include "fuzz.h"

#include "display/input.h"
#include "display/keymap.h"
#include "input/i8042.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>

typedef struct
{
  Vm *vm;
  InputRouter *router;
  Device *kbc;
  AccessCache ports;
  unsigned typing, typed;
} Fuzz;

/* There and back again. */
static void
check_code (uint16_t code)
{
  uint16_t set1 = keymap_evdev_to_set1 (code);
  uint32_t qnum = keymap_evdev_to_qnum (code);
  uint8_t usb = keymap_evdev_to_usb (code);
  const char *name = keymap_evdev_to_name (code);

  keymap_evdev_to_set2 (code);
  keymap_evdev_to_set3 (code);
  if (set1 != 0 && keymap_evdev_to_set1 (keymap_set1_to_evdev (set1)) != set1)
    g_error ("key %u: set 1 code %x means another key", code, set1);
  if (qnum != 0 && keymap_evdev_to_qnum (keymap_qnum_to_evdev (qnum)) != qnum)
    g_error ("key %u: QEMU's number %x means another key", code, qnum);
  if (usb != 0 && keymap_usb_to_evdev (usb) == 0)
    g_error ("key %u: usage %x means no key", code, usb);
  if (name != NULL && keymap_name_to_evdev (name) != code)
    g_error ("key %u: name %s means another key", code, name);
}

static void
check_symbol (uint32_t symbol)
{
  gboolean shift = 2;
  uint16_t code = keymap_keysym_to_evdev (symbol, &shift);

  if (code >= KEY_CNT || (shift != FALSE && shift != TRUE))
    g_error ("keysym %x: no key", symbol);
  keymap_keysym_to_evdev (symbol, NULL);
  keymap_unichar_to_evdev (symbol, NULL);
  code = keymap_unichar_to_evdev (symbol, &shift);
  if (code != 0 && symbol >= 0x20 && symbol < 0x7f && keymap_evdev_to_keysym (code, shift) != symbol)
    g_error ("character %x is typed as another", symbol);
}

static void
check_chord (const char *text)
{
  uint16_t codes[8];
  unsigned n = 0;
  g_autoptr (GError) error = NULL;

  keymap_name_to_evdev (text);
  if (input_parse_chord (text, codes, &n, &error) != (error == NULL) || n > 8)
    g_error ("“%s”: neither a chord nor an error", text);
}

static void
on_line (void *opaque, unsigned n, gboolean level)
{
}

static void
on_typed (void *opaque, unsigned left)
{
  ((Fuzz *)opaque)->typed++;
}

static void
out (Fuzz *f, uint16_t port, uint8_t value)
{
  address_space_store (f->vm->ports, &f->ports, port, value, 1, FALSE);
}

static void
in (Fuzz *f, uint16_t port)
{
  address_space_load (f->vm->ports, &f->ports, port, 1, FALSE);
}

static void
rest (Fuzz *f, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      vm_clock_advance (f->vm->clock, 5000000);
      g_main_context_iteration (NULL, FALSE);
      in (f, 0x64);
      in (f, 0x60);
    }
}

/* Characters go through the table of a US keyboard; what has no key is code 0 or, with `any`, any code. */
static void
type (Fuzz *f, const char *text, gboolean any)
{
  InputKey keys[256];
  unsigned n = 0;

  for (const char *p = text; *p != '\0' && n + 2 <= G_N_ELEMENTS (keys); p++)
    {
      gboolean shift;
      uint16_t code = any ? (uint16_t)((uint8_t)*p * 5u) : keymap_unichar_to_evdev ((uint8_t)*p, &shift);

      keys[n++] = (InputKey){ code, TRUE };
      keys[n++] = (InputKey){ code, any && (*p & 1) };
    }
  f->typing++;
  vm_lock (f->vm);
  input_router_type (f->router, keys, n, on_typed, f);
  vm_unlock (f->vm);
}

static void
step (Fuzz *f, FuzzBytes *bytes)
{
  unsigned what = fuzz_u8 (bytes);

  switch (what & 15)
    {
    case 0:
      check_code (fuzz_u16 (bytes));
      break;
    case 1:
      check_symbol (fuzz_u32 (bytes) & (what & 0x80 ? G_MAXUINT32 : 0xffff));
      break;
    case 2:
      {
        g_autofree char *text = fuzz_text (bytes, 4 + (what >> 4) * 4);

        check_chord (text);
        break;
      }
    case 3:
      {
        uint32_t value = fuzz_u32 (bytes);

        keymap_set1_to_evdev ((uint16_t)value);
        keymap_set1_to_evdev (0xe000 | (value & 0xff));
        keymap_usb_to_evdev ((uint8_t)value);
        keymap_qnum_to_evdev (what & 0x80 ? value : value & 0xff);
        keymap_evdev_to_keysym ((uint16_t)value, value >> 31);
        break;
      }
    case 4:
    case 5:
      {
        g_autofree char *text = fuzz_text (bytes, 1 + (what >> 4) * 3);

        type (f, text, (what & 1) != 0);
        break;
      }
    case 6:
    case 7:
      {
        InputEvent event = { (InputEventType)(what >> 4 & 7), 0, what >> 7, 0, 0 };

        event.code = fuzz_u16 (bytes) & 0x3ff;
        event.x = (int8_t)fuzz_u8 (bytes);
        event.y = (int8_t)fuzz_u8 (bytes);
        if (event.code & 0x200)
          {
            event.x *= 300;
            event.y *= 300;
          }
        if (event.type > INPUT_EVENT_WHEEL)
          event.type = INPUT_EVENT_KEY;
        vm_lock (f->vm);
        input_router_send (f->router, &event);
        vm_unlock (f->vm);
        break;
      }
    case 8:
      vm_lock (f->vm);
      input_router_release_all (f->router);
      input_router_is_absolute (f->router);
      input_router_leds (f->router);
      vm_unlock (f->vm);
      break;
    case 9:
      out (f, 0x64, fuzz_u8 (bytes));
      if (what & 0x80)
        out (f, 0x60, fuzz_u8 (bytes));
      break;
    case 10: /* the keyboard */
      out (f, 0x60, fuzz_u8 (bytes));
      rest (f, what >> 4 & 3);
      break;
    case 11: /* the mouse */
      out (f, 0x64, 0xd4);
      out (f, 0x60, fuzz_u8 (bytes));
      rest (f, what >> 4 & 3);
      break;
    case 12:
      vm_lock (f->vm);
      f->kbc->klass->reset (f->kbc);
      vm_unlock (f->vm);
      break;
    default:
      rest (f, 1 + (what >> 4));
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  Fuzz f = { .vm = vm_new (NULL, TRUE) };
  I8042Config config
      = { IRQ_LINE (on_line, NULL, 0), IRQ_LINE (on_line, NULL, 1), IRQ_LINE (on_line, NULL, 2), NULL };

  vm_lock (f.vm);
  config.router = f.router = input_router_new (f.vm);
  f.kbc = i8042_new (f.vm, &config);
  if (!device_realize (f.kbc, NULL))
    abort ();
  f.kbc->klass->reset (f.kbc);
  vm_unlock (f.vm);
  while (bytes.length > 0)
    step (&f, &bytes);
  rest (&f, 4);
  access_cache_clear (&f.ports);
  vm_lock (f.vm);
  device_free (f.kbc);
  input_router_free (f.router);
  vm_unlock (f.vm);
  vm_free (f.vm);
  if (f.typed > f.typing)
    g_error ("a text was typed twice");
  return 0;
}

static GByteArray *program;

static void
add (const void *data, size_t length)
{
  g_byte_array_append (program, data, (guint)length);
}
#define ADD(text) add (text, sizeof text - 1)

static void
end (void)
{
  fuzz_seed (program->data, program->len);
  g_byte_array_set_size (program, 0);
}

static void
make (void)
{
  static const char *const chords[]
      = { "ctrl-alt-delete", "shift-f10", "ret",  "a",       "kp_7",        "KEY_ESC",
          "meta_l-x",        "-",         "a--b", "nothing", "alt-sysrq-b", "1-2-3-4-5-6-7-8-9" };
  static const char *const texts[]
      = { "Hello, World!\n", "\t~!@#$%^&*()_+{}|:\"<>?", "\303\274\342\202\254x", "\b\033\177", "" };

  program = g_byte_array_new ();
  for (unsigned code = 0; code < KEY_CNT; code++)
    {
      const char *name = keymap_evdev_to_name ((uint16_t)code);

      if (name == NULL)
        continue;
      add ((const uint8_t[]){ 0, (uint8_t)code, (uint8_t)(code >> 8) }, 3);
      add ((const uint8_t[]){ 0x86, (uint8_t)code, (uint8_t)(code >> 8), 0, 0 }, 5);
      add ((const uint8_t[]){ 0x06, (uint8_t)code, (uint8_t)(code >> 8), 0, 0 }, 5);
      if (code % 8 == 7)
        {
          ADD ("\x1f");
          end ();
        }
      fuzz_word_text (name);
    }
  for (uint32_t symbol = 0; symbol < 0x200; symbol += 3)
    {
      const uint32_t both[] = { symbol, 0xff00 + symbol };

      for (unsigned i = 0; i < 2; i++)
        {
          ADD ("\x01");
          add (&both[i], 4);
        }
      if (program->len > 400)
        end ();
    }
  ADD ("\x81\x41\0\0\1\x81\xe4\0\0\1\x81\0\0\x11\1\x81\3\xfe\0\0");
  end ();
  for (unsigned i = 0; i < 256; i += 16)
    {
      for (unsigned k = 0; k < 16; k++)
        add ((const uint8_t[]){ 3, (uint8_t)(i + k), (k & 1) ? 0xe0 : (k & 2) ? 0xe1 : 0, 0, 0 }, 5);
      if (i % 64 == 48)
        end ();
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (chords); i++)
    {
      fuzz_word_text (chords[i]);
      add ((const uint8_t[]){ (uint8_t)(2 | (strlen (chords[i]) + 3 - 4) / 4 << 4) }, 1);
      add (chords[i], strlen (chords[i]));
      end ();
    }
  for (unsigned set = 1; set < 4; set++)
    for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
      {
        ADD ("\x1a\xf0\x1a");
        add ((const uint8_t[]){ (uint8_t)set }, 1);
        if (i & 1)
          ADD ("\x89\x60\x03");
        add ((const uint8_t[]){ (uint8_t)(4 | (strlen (texts[i]) + 1) / 3 << 4) }, 1);
        add (texts[i], strlen (texts[i]));
        ADD ("\xff\xff\x08\xff");
        end ();
      }
  for (unsigned command = 0; command < 256; command++)
    {
      if (command >= 0x20)
        add ((const uint8_t[]){ 0x89, (uint8_t)command, 0x47 }, 3);
      if (command >= 0xe0)
        add ((const uint8_t[]){ 0x2a, (uint8_t)command, 0x1a, 2, 0x2b, (uint8_t)command, 0x1b, 2, 0x16, 0, 0,
                                5, 5 },
             13);
      if (command % 16 == 15)
        {
          ADD ("\x1f\x0c\x1f");
          end ();
        }
    }
  /* A wheel mouse: 200, 100, 80 samples a second, then reporting on. */
  ADD (
      "\x89\x60\x03\x1b\xf3\x1b\xc8\x1b\xf3\x1b\x64\x1b\xf3\x1b\x50\x1b\xf2\x1b\xf4\xc6\0\2\5\xfb\x96\x10\1\0\0\x9f\x46\0\0\1\1\xff");
  ADD (
      "\x1b\xf3\x1b\xc8\x1b\xf3\x1b\xc8\x1b\xf3\x1b\x50\x1b\xf2\x1b\xf4\x96\x13\1\0\0\x46\0\0\1\3\xff\x1b\xeb\x1b\xf0\x1b\xeb\x1b\xe9");
  end ();
}

const FuzzTarget fuzz_target = { "display/keymap.c display/input.c vmm/input", 1024, make };
