/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A keyboard of this computer, redirected to the machine, that answers wrongly: descriptors, reports, their lengths, and when.  Behind each controller, under a driver that is as it should be.
 * See fuzz-usb-process.h.
 */
#include "fuzz-usb-process.h"

#define KEYS          (USB_DIR_IN | 1u)
#define REPORT_LENGTH 63u

enum
{
  WHAT_POLL, /* bytes that are asked for */
  WHAT_LEDS,
  WHAT_REPORT,
  WHAT_BEGIN,
  WHAT_CLEAR,
  WHAT_CONNECT,
  WHAT_LATE,
  WHAT_UNASKED,
  WHAT_SUSPEND,
  WHAT_SAVE,
  WHAT_PULL,
  N_WHATS,
};

static const uint8_t descriptors[] = {
  18,   1,    0,    2,    0, 0, 0,    8,
  0x34, 0x12, 0x78, 0x56, 0, 1, 0,    1,
  0,    1, /* */
  9,    2,    34,   0,    1, 1, 0,    0xa0,
  50, /* */
  9,    4,    0,    0,    1, 3, 1,    1,
  0, /* */
  9,    0x21, 0x11, 1,    0, 1, 0x22, REPORT_LENGTH,
  0, /* */
  7,    5,    KEYS, 3,    8, 0, 4,
};

static gboolean
begin (FuzzUsbDriver *d)
{
  const FuzzUsbOps *ops = d->ops;

  if (!ops->begin (d))
    return FALSE;
  ops->control (d, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_DEVICE << 8, 0, 18);
  ops->control (d, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_CONFIGURATION << 8, 0, 9);
  ops->control (d, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_CONFIGURATION << 8, 0, 34);
  ops->control (d, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_STRING << 8 | 1, 0, 255);
  if (ops->control (d, 0, USB_SET_CONFIGURATION, 1, 0, 0) != FUZZ_USB_DONE)
    return FALSE;
  ops->control (d, 0x21, 10, 0, 0, 0); /* idle */
  ops->control (d, 0x81, USB_GET_DESCRIPTOR, 0x2200, 0, REPORT_LENGTH);
  ops->pipe (d, KEYS, USB_ENDPOINT_INTERRUPT, 8);
  return TRUE;
}

static int
answer (FuzzProcess *p, const UsbWire *question, uint8_t *data)
{
  const int standard = fuzz_process_standard (p, question, data);

  if (standard != -3)
    return standard;
  memset (data, 0, 64);
  if (question->header.op == USB_WIRE_CONTROL)
    switch (question->data[0] << 8 | question->data[1])
      {
      case 0x8106:
        return (int)MIN (REPORT_LENGTH, usb_get16 (question->data + 6));
      case 0xa101:
        return (int)MIN (8, usb_get16 (question->data + 6));
      case 0x210a:
      case 0x2109:
        return (int)(question->n_data - USB_SETUP_SIZE);
      default:
        return -1;
      }
  if (question->header.endpoint != KEYS)
    return -1;
  data[2] = (uint8_t)(4 + p->state[0]++ % 20);
  return p->state[0] % 4 == 0 ? -2 : (int)MIN (8, question->header.length);
}

int
LLVMFuzzerTestOneInput (const uint8_t *input, size_t length)
{
  static const FuzzUsbOps *const controllers[] = { &fuzz_usb_xhci, &fuzz_usb_ehci, &fuzz_usb_uhci };
  FuzzBytes bytes = { input, length };
  FuzzProcess p;

  fuzz_process_open (&p, controllers[fuzz_u8 (&bytes) % G_N_ELEMENTS (controllers)], &bytes, answer,
                     descriptors, sizeof descriptors);
  const FuzzUsbOps *ops = p.driver->ops;
  begin (p.driver);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes);

      switch (what)
        {
        case WHAT_POLL:
          ops->transfer (p.driver, KEYS, small & 0x3f);
          break;
        case WHAT_LEDS:
          p.driver->control_data[0] = (uint8_t)small;
          ops->control (p.driver, 0x21, 9, 0x200, 0, 1);
          break;
        case WHAT_REPORT:
          ops->control (p.driver, 0xa1, 1, 0x100, 0, small);
          break;
        case WHAT_BEGIN:
          begin (p.driver);
          break;
        case WHAT_CLEAR:
          ops->control (p.driver, USB_RECIPIENT_ENDPOINT, USB_CLEAR_FEATURE, 0, KEYS, 0);
          break;
        case WHAT_CONNECT:
          fuzz_process_connect (&p);
          begin (p.driver);
          break;
        case WHAT_LATE:
          fuzz_process_late (&p);
          break;
        case WHAT_UNASKED:
          fuzz_process_say (&p, USB_WIRE_DONE, 0, small | (unsigned)fuzz_u8 (&bytes) << 8, 0, 0, NULL, 0);
          break;
        case WHAT_SUSPEND:
          vm_lock (p.driver->usb->vm);
          usb_port_suspend (p.driver->port, small & 1);
          vm_unlock (p.driver->usb->vm);
          break;
        case WHAT_SAVE:
          usb_save_and_load (p.driver->usb);
          break;
        default:
          fuzz_process_close (&p);
          break;
        }
      usb_pump ();
    }
  fuzz_process_end (&p);
  return 0;
}

static void
make (void)
{
  static const uint8_t wrong[] = { WHAT_POLL,
                                   8,
                                   0,
                                   WHAT_POLL,
                                   8,
                                   WRONG_LENGTH,
                                   9,
                                   0,
                                   WHAT_POLL,
                                   3,
                                   WRONG_STATUS,
                                   2,
                                   WHAT_CLEAR,
                                   0,
                                   0,
                                   WHAT_LEDS,
                                   7,
                                   WRONG_STATUS,
                                   1,
                                   WHAT_LEDS,
                                   1,
                                   WRONG_NOTHING,
                                   WHAT_POLL,
                                   8,
                                   WHAT_LATE,
                                   0,
                                   WHAT_REPORT,
                                   8,
                                   WRONG_MORE,
                                   WHAT_UNASKED,
                                   17,
                                   1,
                                   WHAT_SUSPEND,
                                   1,
                                   WHAT_POLL,
                                   8,
                                   WHAT_SUSPEND,
                                   0,
                                   WHAT_SAVE,
                                   0,
                                   WHAT_BEGIN,
                                   0,
                                   0,
                                   0,
                                   0,
                                   WRONG_BYTE,
                                   20,
                                   9,
                                   0,
                                   0,
                                   0,
                                   WHAT_POLL,
                                   8,
                                   WRONG_GONE,
                                   0,
                                   WHAT_CONNECT,
                                   0,
                                   0xd5,
                                   3,
                                   53,
                                   64,
                                   WHAT_PULL,
                                   0,
                                   WHAT_POLL,
                                   8 };

  for (uint8_t controller = 0; controller < 3; controller++)
    {
      uint8_t seed[8 + sizeof wrong] = { controller };

      fuzz_seed (seed, 9);
      memcpy (seed + 8, wrong, sizeof wrong);
      fuzz_seed (seed, sizeof seed);
    }
}

const FuzzTarget fuzz_target = { "vmm/usb/host.c vmm/usb/host-control.c vmm/usb/host-pipe.c", 500, make };
