/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device of this computer as its monitor finds it (base/usb-wire.h): right where the input has nothing to say, and wrong where it has.  So a driver comes through all that it asks first, and
 * each answer on the way can be the wrong one.  What the device is the target says, by answer().
 */
#pragma once

#include "fuzz-usb.h"
#include "usb-driver.h"

#include "usb/host.h"

#include <glib-unix.h>
#include <sys/socket.h>

typedef struct FuzzProcess FuzzProcess;

/* To a question: what the device answers (`data`, of USB_WIRE_DATA bytes), and how many bytes; of what it is given, how many it takes.  -1: it stalls; -2: nothing yet. */
typedef int (*FuzzAnswer) (FuzzProcess *p, const UsbWire *question, uint8_t *data);

struct FuzzProcess
{
  FuzzUsbDriver *driver;
  FuzzBytes *bytes;
  FuzzAnswer answer;
  const uint8_t *descriptors; /* the device's, and the configuration's */
  uint32_t n_descriptors;
  UsbDevice *host;
  int socket;
  GSource *watch;
  GArray *late; /* uint32_t: serials of questions that have no answer yet */
  unsigned state[4];
};

/* How it answers.  One byte of the input each; those below WRONG, and all behind the input's end, are right. */
enum
{
  WRONG = 0xc0,
  WRONG_STATUS = WRONG, /* which comes behind */
  WRONG_LENGTH,         /* likewise, 16 bits */
  WRONG_BYTE,           /* where, what */
  WRONG_BYTES,          /* all of them */
  WRONG_TWICE,
  WRONG_NOTHING,
  WRONG_LATE,  /* all that had none so far have one first */
  WRONG_IN,    /* with bytes where none belong, or without */
  WRONG_OTHER, /* to another question */
  WRONG_GONE,
  WRONG_MORE, /* a whole transfer's room */
  WRONG_END,
};

static inline void
fuzz_process_say (FuzzProcess *p, unsigned op, unsigned status, uint32_t serial, uint32_t length,
                  uint32_t value, const void *data, uint32_t n_data)
{
  const UsbWireHeader header
      = { .op = (uint16_t)op, .status = (uint8_t)status, .serial = serial, .length = length, .value = value };

  if (p->socket >= 0)
    (void)usb_wire_send (p->socket, &header, data, n_data, -1, FALSE);
}

static inline void
fuzz_process_close (FuzzProcess *p)
{
  if (p->watch != NULL)
    {
      g_source_destroy (p->watch);
      g_clear_pointer (&p->watch, g_source_unref);
    }
  if (p->socket >= 0)
    close (p->socket);
  p->socket = -1;
  g_array_set_size (p->late, 0);
}

static inline void
fuzz_process_late (FuzzProcess *p)
{
  for (guint i = 0; i < p->late->len; i++)
    fuzz_process_say (p, USB_WIRE_DONE, USB_WIRE_OK, g_array_index (p->late, uint32_t, i), 0, 0, NULL, 0);
  g_array_set_size (p->late, 0);
}

static inline gboolean
fuzz_process_is_in (const UsbWire *question)
{
  return (question->header.op == USB_WIRE_CONTROL && question->n_data > 0 ? question->data[0]
                                                                          : question->header.endpoint)
         & USB_DIR_IN;
}

static inline void
fuzz_process_answer (FuzzProcess *p, const UsbWire *question)
{
  static uint8_t data[USB_WIRE_DATA];
  const gboolean in = fuzz_process_is_in (question);
  const unsigned how = fuzz_u8 (p->bytes);
  const int got = p->answer (p, question, data);
  uint32_t length = got < 0 ? 0 : (uint32_t)got, serial = question->header.serial;
  unsigned status = got == -1 ? USB_WIRE_STALLED : USB_WIRE_OK;
  gboolean with = in;

  if (got == -2 && how < WRONG)
    {
      g_array_append_val (p->late, serial);
      return;
    }
  switch (how < WRONG ? how : WRONG + (how - WRONG) % (WRONG_END - WRONG))
    {
    case WRONG_STATUS:
      status = fuzz_u8 (p->bytes) % (USB_WIRE_STATUS_LAST + 2);
      break;
    case WRONG_LENGTH:
      length = fuzz_u16 (p->bytes);
      break;
    case WRONG_BYTE:
      {
        const unsigned at = fuzz_u8 (p->bytes);

        data[at % MAX (length, 1)] = fuzz_u8 (p->bytes);
        break;
      }
    case WRONG_BYTES:
      for (uint32_t i = 0; i < MIN (length, 64); i++)
        data[i] = fuzz_u8 (p->bytes);
      break;
    case WRONG_TWICE:
      fuzz_process_say (p, USB_WIRE_DONE, status, serial, length, 0, data, with ? length : 0);
      break;
    case WRONG_NOTHING:
      g_array_append_val (p->late, serial);
      return;
    case WRONG_LATE:
      fuzz_process_late (p);
      break;
    case WRONG_IN:
      with = !with;
      break;
    case WRONG_OTHER:
      serial ^= fuzz_u8 (p->bytes);
      break;
    case WRONG_GONE:
      fuzz_process_say (p, USB_WIRE_FAILED, fuzz_u8 (p->bytes), 0, 0, 0, NULL, 0);
      return;
    case WRONG_MORE:
      length = USB_WIRE_TRANSFER;
      break;
    default:
      break;
    }
  fuzz_process_say (p, USB_WIRE_DONE, status, serial, length, question->header.value, data,
                    with ? MIN (length, USB_WIRE_DATA) : 0);
}

static inline gboolean
fuzz_process_hear (gint socket, GIOCondition condition, gpointer opaque)
{
  static UsbWire question;
  FuzzProcess *p = opaque;
  int fd, code = usb_wire_receive (socket, &question, &fd);

  if (fd >= 0)
    close (fd);
  if (code == 0)
    {
      g_clear_pointer (&p->watch, g_source_unref);
      fuzz_process_close (p);
      return G_SOURCE_REMOVE;
    }
  if (code != 1)
    return G_SOURCE_CONTINUE;
  switch (question.header.op)
    {
    case USB_WIRE_CONTROL:
    case USB_WIRE_BULK:
    case USB_WIRE_INTERRUPT:
    case USB_WIRE_ISO:
      fuzz_process_answer (p, &question);
      break;
    case USB_WIRE_CANCEL: /* what waits there ends */
      for (guint i = 0; i < p->late->len; i++)
        fuzz_process_say (p, USB_WIRE_DONE, USB_WIRE_CANCELLED, g_array_index (p->late, uint32_t, i), 0, 0,
                          NULL, 0);
      g_array_set_size (p->late, 0);
      fuzz_process_say (p, USB_WIRE_DONE, USB_WIRE_OK, question.header.serial, 0, 0, NULL, 0);
      break;
    default:
      fuzz_process_say (p, USB_WIRE_DONE, fuzz_u8 (p->bytes) >= WRONG ? USB_WIRE_ERROR : USB_WIRE_OK,
                        question.header.serial, 0, 0, NULL, 0);
      break;
    }
  return G_SOURCE_CONTINUE;
}

static inline gboolean
fuzz_process_plug (void *opaque, UsbDevice *device, GError **error)
{
  return usb_port_attach (((FuzzProcess *)opaque)->driver->port, device, error);
}

static inline void
fuzz_process_notice (void *opaque, UsbDevice *device, const char *sentence)
{
}

/* The device is put in, or another one in its place; what it says of itself first may be wrong, too. */
static inline void
fuzz_process_connect (FuzzProcess *p)
{
  static uint8_t data[1024];
  const unsigned how = fuzz_u8 (p->bytes);
  uint32_t length = p->n_descriptors;
  unsigned speed = g_bit_storage (p->driver->ops->speeds & ~(1u << USB_SPEED_SUPER)) - 1;
  int ends[2];

  fuzz_process_close (p);
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    abort ();
  p->socket = ends[0];
  p->watch = g_unix_fd_source_new (p->socket, G_IO_IN | G_IO_HUP);
  g_source_set_callback (p->watch, G_SOURCE_FUNC (fuzz_process_hear), p, NULL);
  g_source_attach (p->watch, NULL);
  vm_lock (p->driver->usb->vm);
  usb_host_connect (p->host, "Fuzz", ends[1], -1);
  vm_unlock (p->driver->usb->vm);
  memcpy (data, p->descriptors, length);
  if (how >= WRONG)
    {
      speed = how & 1 ? fuzz_u8 (p->bytes) % (USB_N_SPEEDS + 1) : speed;
      for (unsigned i = how >> 1 & 7; i > 0; i--)
        {
          const unsigned at = fuzz_u8 (p->bytes);

          data[at % length] = fuzz_u8 (p->bytes);
        }
      length = how & 0x10 ? fuzz_u8 (p->bytes) : length;
    }
  fuzz_process_say (p, USB_WIRE_READY, 0, 0, length, speed, data, length);
  usb_pump ();
}

static inline void
fuzz_process_open (FuzzProcess *p, const FuzzUsbOps *ops, FuzzBytes *bytes, FuzzAnswer answer,
                   const uint8_t *descriptors, uint32_t n_descriptors)
{
  const UsbHostConfig config = { fuzz_process_plug, fuzz_process_notice, p };

  *p = (FuzzProcess){ .driver = ops->open (),
                      .bytes = bytes,
                      .answer = answer,
                      .descriptors = descriptors,
                      .n_descriptors = n_descriptors,
                      .socket = -1,
                      .late = g_array_new (FALSE, FALSE, sizeof (uint32_t)) };
  vm_lock (p->driver->usb->vm);
  p->host = usb_host_new (p->driver->usb->vm, "usb1", &config, NULL);
  vm_unlock (p->driver->usb->vm);
  fuzz_process_connect (p);
}

static inline void
fuzz_process_end (FuzzProcess *p)
{
  p->driver->ops->close (p->driver);
  fuzz_process_close (p);
  g_array_unref (p->late);
  usb_pump ();
}

/* Requests to endpoint 0 that all devices know.  What they answer; -3: it is none of these. */
static inline int
fuzz_process_standard (FuzzProcess *p, const UsbWire *question, uint8_t *data)
{
  const uint8_t *setup = question->data;
  uint32_t at = 0, length = 0;

  if (question->header.op != USB_WIRE_CONTROL || question->n_data < USB_SETUP_SIZE)
    return -3;
  if (setup[0] == USB_DIR_IN && setup[1] == USB_GET_DESCRIPTOR && setup[3] == USB_DESCRIPTOR_DEVICE)
    length = p->descriptors[0];
  else if (setup[0] == USB_DIR_IN && setup[1] == USB_GET_DESCRIPTOR
           && setup[3] == USB_DESCRIPTOR_CONFIGURATION)
    {
      at = p->descriptors[0];
      length = p->n_descriptors - at;
    }
  else if (setup[0] == USB_DIR_IN && setup[1] == USB_GET_DESCRIPTOR && setup[3] == USB_DESCRIPTOR_STRING)
    {
      static const uint8_t text[] = { 8, 3, 'f', 0, 'u', 0, 'z', 0 };

      length = MIN (sizeof text, usb_get16 (setup + 6));
      memcpy (data, text, length);
      return (int)length;
    }
  else
    return -3;
  length = MIN (length, usb_get16 (setup + 6));
  memcpy (data, p->descriptors + at, length);
  return (int)length;
}
