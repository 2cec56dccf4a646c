/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest's driver of disks on USB, as it should be, by either protocol and with the recovery that they want; what the disk answers is the target's affair.
 */
#pragma once

#include "fuzz-usb.h"
#include "usb-driver.h"

#define DISK_IN      (USB_DIR_IN | 1u)
#define DISK_OUT     2u
#define DISK_STATUS  (USB_DIR_IN | 3u)
#define DISK_COMMAND 4u

typedef struct
{
  FuzzUsbDriver *driver;
  gboolean uas;
  unsigned tag;
} FuzzDisk;

static inline gboolean
fuzz_disk_clear (FuzzDisk *d, unsigned endpoint)
{
  return d->driver->ops->control (d->driver, USB_RECIPIENT_ENDPOINT, USB_CLEAR_FEATURE, 0, endpoint, 0)
         == FUZZ_USB_DONE;
}

/* 6.6 of the bulk-only transport: a reset, and both pipes. */
static inline void
fuzz_disk_recover (FuzzDisk *d)
{
  d->driver->ops->control (d->driver, 0x21, 0xff, 0, 0, 0);
  fuzz_disk_clear (d, DISK_IN);
  fuzz_disk_clear (d, DISK_OUT);
}

/* Enumerated and configured, with or without the setting for USB Attached SCSI.  FALSE: it didn't come that far. */
static inline gboolean
fuzz_disk_begin (FuzzDisk *d, gboolean uas)
{
  const FuzzUsbOps *ops = d->driver->ops;
  const unsigned packet = ops->speeds & 1u << USB_SPEED_HIGH ? 512 : 64;

  d->uas = FALSE;
  if (!ops->begin (d->driver))
    return FALSE;
  ops->control (d->driver, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_DEVICE << 8, 0, 18);
  ops->control (d->driver, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_CONFIGURATION << 8, 0, 9);
  ops->control (d->driver, USB_DIR_IN, USB_GET_DESCRIPTOR, USB_DESCRIPTOR_CONFIGURATION << 8, 0, 255);
  if (ops->control (d->driver, 0, USB_SET_CONFIGURATION, 1, 0, 0) != FUZZ_USB_DONE)
    return FALSE;
  ops->pipe (d->driver, DISK_IN, USB_ENDPOINT_BULK, packet);
  ops->pipe (d->driver, DISK_OUT, USB_ENDPOINT_BULK, packet);
  if (!uas)
    {
      ops->control (d->driver, 0xa1, 0xfe, 0, 0, 1);
      return TRUE;
    }
  d->uas = ops->control (d->driver, 1, USB_SET_INTERFACE, 1, 0, 0) == FUZZ_USB_DONE;
  ops->pipe (d->driver, DISK_STATUS, USB_ENDPOINT_BULK, packet);
  ops->pipe (d->driver, DISK_COMMAND, USB_ENDPOINT_BULK, packet);
  return d->uas;
}

static inline void
fuzz_disk_bulk_only (FuzzDisk *d, const uint8_t *cdb, gboolean in, uint32_t length)
{
  const FuzzUsbOps *ops = d->driver->ops;
  uint8_t *cbw = d->driver->data;
  FuzzUsbEnd end;

  memset (cbw, 0, 31);
  memcpy (cbw, "USBC", 4);
  cbw[4] = (uint8_t)++d->tag;
  pci_set32 (cbw + 8, length);
  cbw[12] = in ? 0x80 : 0;
  cbw[14] = 16;
  memcpy (cbw + 15, cdb, 16);
  if (ops->transfer (d->driver, DISK_OUT, 31) != FUZZ_USB_DONE)
    {
      fuzz_disk_recover (d);
      return;
    }
  if (length > 0)
    {
      end = ops->transfer (d->driver, in ? DISK_IN : DISK_OUT, length);
      if (end == FUZZ_USB_HALTED)
        fuzz_disk_clear (d, in ? DISK_IN : DISK_OUT);
      else if (end == FUZZ_USB_WAITS)
        {
          fuzz_disk_recover (d);
          return;
        }
    }
  end = ops->transfer (d->driver, DISK_IN, 13);
  if (end == FUZZ_USB_HALTED && fuzz_disk_clear (d, DISK_IN))
    end = ops->transfer (d->driver, DISK_IN, 13);
  if (end != FUZZ_USB_DONE || d->driver->data[12] > 1)
    fuzz_disk_recover (d);
}

/* Until a status of the command's, or for as long as the disk has anything to say. */
static inline void
fuzz_disk_attached (FuzzDisk *d, const uint8_t *cdb, gboolean in, uint32_t length)
{
  const FuzzUsbOps *ops = d->driver->ops;
  uint8_t *iu = d->driver->data;

  memset (iu, 0, 32);
  iu[0] = 1;
  iu[3] = (uint8_t)(1 + d->tag++ % 8);
  memcpy (iu + 16, cdb, 16);
  if (ops->transfer (d->driver, DISK_COMMAND, 32) != FUZZ_USB_DONE)
    fuzz_disk_clear (d, DISK_COMMAND);
  for (unsigned i = 0; i < 3; i++)
    {
      const FuzzUsbEnd end = ops->transfer (d->driver, DISK_STATUS, 96);
      const unsigned id = d->driver->data[0];

      if (end == FUZZ_USB_HALTED)
        fuzz_disk_clear (d, DISK_STATUS);
      if (end != FUZZ_USB_DONE || (id != 6 && id != 7)) /* ready to read, to write */
        return;
      if (ops->transfer (d->driver, in ? DISK_IN : DISK_OUT, length) == FUZZ_USB_HALTED)
        fuzz_disk_clear (d, in ? DISK_IN : DISK_OUT);
    }
}

/* One command of those that systems use; `small` says where and how much. */
static inline void
fuzz_disk_command (FuzzDisk *d, unsigned which, unsigned small)
{
  static const struct
  {
    uint8_t code, in;
    uint16_t length;
  } commands[] = { { 0x00, 0, 0 },  { 0x12, 1, 36 },   { 0x25, 1, 8 },    { 0x1a, 1, 192 },
                   { 0x03, 1, 18 }, { 0x28, 1, 1024 }, { 0x2a, 0, 1024 }, { 0x35, 0, 0 },
                   { 0x42, 0, 24 }, { 0x1b, 0, 0 },    { 0x43, 1, 20 },   { 0x9e, 1, 32 },
                   { 0x4a, 1, 8 },  { 0x41, 0, 512 },  { 0x5a, 1, 64 },   { 0xa8, 1, 2048 } };
  const unsigned i = which % G_N_ELEMENTS (commands);
  uint8_t cdb[16] = { commands[i].code };
  const uint32_t length = commands[i].length;

  switch (commands[i].code)
    {
    case 0x28:
    case 0x2a:
    case 0x41:
      cdb[5] = (uint8_t)small;
      cdb[8] = (uint8_t)(length / 512);
      break;
    case 0xa8:
      cdb[5] = (uint8_t)small;
      cdb[9] = 1;
      break;
    case 0x12:
    case 0x1a:
    case 0x03:
      cdb[2] = (uint8_t)(commands[i].code == 0x12 ? 0 : 0x3f);
      cdb[4] = (uint8_t)length;
      break;
    case 0x1b:
      cdb[4] = small & 3;
      break;
    case 0x9e:
      cdb[1] = 0x10;
      cdb[13] = (uint8_t)length;
      break;
    default:
      cdb[8] = (uint8_t)length;
      break;
    }
  if (d->uas)
    fuzz_disk_attached (d, cdb, commands[i].in, length);
  else
    fuzz_disk_bulk_only (d, cdb, commands[i].in, length);
}
