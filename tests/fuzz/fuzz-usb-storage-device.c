/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A disk of this computer, redirected to the machine, that answers wrongly: what it says of itself, its bulk-only transport and its USB Attached SCSI, behind each controller, under a driver
 * that is as it should be.  See fuzz-usb-process.h and fuzz-usb-disk.h.
 */
#include "fuzz-usb-process.h"

#include "fuzz-usb-disk.h"

enum
{
  WHAT_COMMAND,
  WHAT_BEGIN,
  WHAT_CONNECT,
  WHAT_LATE,
  WHAT_UNASKED, /* an answer to nobody's question */
  WHAT_SUSPEND,
  WHAT_SAVE,
  WHAT_PULL,
  N_WHATS,
};

/* Of the device: 20 bytes behind its device descriptor's 18 are a stick's, the other setting a disk's. */
static const uint8_t descriptors[] = {
  18,       1,    0x10,
  2,        0,    0,
  0,        64,   0x34,
  0x12,     0x78, 0x56,
  0,        1,    0,
  1,        0,    1, /* */
  9,        2,    85,
  0,        1,    1,
  0,        0x80, 50, /* */
  9,        4,    0,
  0,        2,    8,
  6,        0x50, 0, /* */
  7,        5,    DISK_IN,
  2,        0,    2,
  0,        7,    5,
  DISK_OUT, 2,    0,
  2,        0, /* */
  9,        4,    0,
  1,        4,    8,
  6,        0x62, 0, /* */
  7,        5,    DISK_IN,
  2,        0,    2,
  0,        4,    0x24,
  3,        0, /* */
  7,        5,    DISK_OUT,
  2,        0,    2,
  0,        4,    0x24,
  4,        0, /* */
  7,        5,    DISK_STATUS,
  2,        0,    2,
  0,        4,    0x24,
  2,        0, /* */
  7,        5,    DISK_COMMAND,
  2,        0,    2,
  0,        4,    0x24,
  1,        0,
};

/* What the device keeps. */
enum
{
  KEEPS_TAG,
  KEEPS_CODE,
  KEEPS_LEFT, /* bytes that it is to give or to be given before its status */
  KEEPS_SAID, /* of USB Attached SCSI: that it is ready */
};

static int
give_data (FuzzProcess *p, const UsbWire *question, uint8_t *data)
{
  const uint32_t n = MIN (p->state[KEEPS_LEFT], question->header.length);

  memset (data, 0, n);
  switch (p->state[KEEPS_CODE])
    {
    case 0x12:
      data[4] = 31;
      break;
    case 0x25: /* 2048 blocks of 512 bytes */
      memcpy (data, (const uint8_t[]){ 0, 0, 7, 0xff, 0, 0, 2, 0 }, MIN (n, 8));
      break;
    default:
      break;
    }
  p->state[KEEPS_LEFT] -= n;
  return (int)n;
}

static void
take_command (FuzzProcess *p, unsigned tag, const uint8_t *cdb, uint32_t length)
{
  p->state[KEEPS_TAG] = tag;
  p->state[KEEPS_CODE] = cdb[0];
  p->state[KEEPS_LEFT] = length;
  p->state[KEEPS_SAID] = 0;
}

static int
give_status (FuzzProcess *p, uint8_t *data)
{
  const unsigned tag = p->state[KEEPS_TAG];

  memset (data, 0, 16);
  data[3] = (uint8_t)tag;
  if (p->state[KEEPS_LEFT] > 0 && p->state[KEEPS_SAID]++ == 0)
    {
      data[0] = p->state[KEEPS_CODE] == 0x2a ? 7 : 6;
      return 4;
    }
  data[0] = 3;
  p->state[KEEPS_LEFT] = 0;
  return tag == 0 ? -2 : 16;
}

static int
answer (FuzzProcess *p, const UsbWire *question, uint8_t *data)
{
  const int standard = fuzz_process_standard (p, question, data);
  const uint8_t *sent = question->data;

  if (standard != -3)
    return standard;
  if (question->header.op == USB_WIRE_CONTROL)
    {
      data[0] = 0;
      return sent[1] == 0xfe ? 1 : sent[1] == 0xff ? 0 : -1;
    }
  switch (question->header.endpoint)
    {
    case DISK_COMMAND:
      if (question->n_data >= 32)
        take_command (p, sent[3], sent + 16, 1024);
      return (int)question->n_data;
    case DISK_STATUS:
      return give_status (p, data);
    case DISK_OUT:
      if (question->n_data == 31)
        take_command (p, sent[4], sent + 15, pci_get32 (sent + 8) & 0xffff);
      else
        p->state[KEEPS_LEFT] -= MIN (p->state[KEEPS_LEFT], question->n_data);
      return (int)question->n_data;
    case DISK_IN:
      if (p->state[KEEPS_LEFT] > 0)
        return give_data (p, question, data);
      memset (data, 0, 13);
      memcpy (data, "USBS", 4);
      data[4] = (uint8_t)p->state[KEEPS_TAG];
      return (int)MIN (13, question->header.length);
    default:
      return -1;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *input, size_t length)
{
  static const FuzzUsbOps *const controllers[] = { &fuzz_usb_xhci, &fuzz_usb_ehci, &fuzz_usb_uhci };
  FuzzBytes bytes = { input, length };
  const unsigned how = fuzz_u8 (&bytes);
  FuzzDisk disk = { 0 };
  FuzzProcess p;

  fuzz_process_open (&p, controllers[how % G_N_ELEMENTS (controllers)], &bytes, answer, descriptors,
                     sizeof descriptors);
  disk.driver = p.driver;
  fuzz_disk_begin (&disk, how & 0x80);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes);

      switch (what)
        {
        case WHAT_COMMAND:
          fuzz_disk_command (&disk, small, small >> 4);
          break;
        case WHAT_BEGIN:
          fuzz_disk_begin (&disk, small & 1);
          break;
        case WHAT_CONNECT:
          fuzz_process_connect (&p);
          fuzz_disk_begin (&disk, small & 1);
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
  /* A controller and a protocol; the way to a disk that is used, without a wrong answer… */
  for (unsigned how = 0; how < 6; how++)
    {
      uint8_t seed[64] = { (uint8_t)(how % 3 | (how / 3) << 7) };

      fuzz_seed (seed, 1);
      fuzz_seed (seed, sizeof seed); /* …and then commands. */
    }
  static const uint8_t wrong[] = { 0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0, /* as it begins */
                                   WHAT_COMMAND,
                                   1,
                                   0,
                                   WRONG_LENGTH,
                                   200,
                                   0,
                                   0,
                                   WHAT_COMMAND,
                                   5,
                                   0,
                                   WRONG_STATUS,
                                   1,
                                   0,
                                   0,
                                   WHAT_COMMAND,
                                   2,
                                   0,
                                   0,
                                   WRONG_BYTE,
                                   12,
                                   2,
                                   0,
                                   0,
                                   0,
                                   WHAT_COMMAND,
                                   6,
                                   0,
                                   WRONG_NOTHING,
                                   0,
                                   0,
                                   0,
                                   WHAT_LATE,
                                   0,
                                   WHAT_COMMAND,
                                   0,
                                   0,
                                   WRONG_MORE,
                                   WHAT_SAVE,
                                   0,
                                   WHAT_BEGIN,
                                   1,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   WHAT_COMMAND,
                                   5,
                                   0,
                                   WRONG_TWICE,
                                   WRONG_OTHER,
                                   3,
                                   WHAT_PULL,
                                   0,
                                   WHAT_COMMAND,
                                   0,
                                   WHAT_CONNECT,
                                   0,
                                   WRONG | 0x10 | 4,
                                   30,
                                   2,
                                   40,
                                   99,
                                   255 };

  fuzz_seed (wrong, sizeof wrong);
}

const FuzzTarget fuzz_target = { "vmm/usb/host.c vmm/usb/host-control.c vmm/usb/host-pipe.c", 600, make };
