/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One table of keys: evdev ↔ PS/2 set 1 and set 2 ↔ USB HID usage ↔ X keysym ↔ QEMU key number ↔ name.
 * The table is in keymap-table.h; everything else is derived from it.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* 0 where there is none.  Prefixed scan codes have 0xe0 in bits 8-15; Pause has 0xe1 there (set 1 0xe11d, set 2 0xe114: the
 * keyboard sends e1 1d 45 e1 9d c5, e1 14 77 e1 f0 14 f0 77 and no break).  Hangeul and Hanja (0xf2, 0xf1 in both sets) make no break
 * code either. */
uint16_t keymap_evdev_to_set1 (uint16_t code);
uint16_t keymap_evdev_to_set2 (uint16_t code);
uint16_t keymap_evdev_to_set3 (uint16_t code);
uint8_t keymap_evdev_to_usb (uint16_t code);
uint16_t keymap_set1_to_evdev (uint16_t scan);
uint16_t keymap_usb_to_evdev (uint8_t usage);
/* QEMU's extended key event carries "XT" codes: set 1 with 0x80 for the 0xe0 prefix. */
uint16_t keymap_qnum_to_evdev (uint32_t qnum);
uint32_t keymap_evdev_to_qnum (uint16_t code);
/* On a US keyboard.  `*shift` says whether Shift must be held for that keysym. */
uint16_t keymap_keysym_to_evdev (uint32_t keysym, gboolean *shift);
/* For a Unicode character on a US keyboard; 0 if it has none. */
uint16_t keymap_unichar_to_evdev (gunichar c, gboolean *shift);
uint32_t keymap_evdev_to_keysym (uint16_t code, gboolean shift);
/* "esc", "ret", "f1", "a", "kp_7", "meta_l", …; also evdev's own names ("KEY_ESC"). */
uint16_t keymap_name_to_evdev (const char *name);
const char *keymap_evdev_to_name (uint16_t code);

G_END_DECLS
