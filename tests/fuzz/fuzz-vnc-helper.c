/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor that its guest has taken over says to the server of VNC.
 *
 * Input: messages of a byte for the kind, a byte for what comes with it (two descriptors, by their numbers below), and two numbers; the text is
 * made of them.
 */
#include "fuzz.h"

#include "display/shm.h"
#include "vnc/vnc-helper.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_MESSAGES 40 /* fit into the socket's queue */

enum
{
  FD_NONE,
  FD_SCREEN,
  FD_LISTENER,
  FD_PASSWORD,
  FD_EMPTY,
  FD_NULL,
  N_FDS,
};

static int fds[N_FDS] = { -1 };

static void
once (void)
{
  int ends[2];

  if (fds[FD_NULL] > 0)
    return;
  fds[FD_LISTENER] = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listen (fds[FD_LISTENER], 1) != 0 && bind (fds[FD_LISTENER], &(struct sockaddr){ AF_UNIX }, 2) == 0)
    (void)!listen (fds[FD_LISTENER], 1);
  fds[FD_PASSWORD] = memfd_create ("password", MFD_CLOEXEC);
  fds[FD_EMPTY] = memfd_create ("empty", MFD_CLOEXEC);
  fds[FD_NULL] = open ("/dev/null", O_RDWR | O_CLOEXEC);
  if (write (fds[FD_PASSWORD], "secret\n", 7) != 7
      || socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    abort ();
  fds[FD_SCREEN] = ends[0];
  close (ends[1]);
}

static void
on_ended (void *opaque)
{
  *(gboolean *)opaque = TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  gboolean ended = FALSE;
  int ends[2];

  once ();
  if (!message_pair (ends))
    abort ();
  for (unsigned i = 0; i < MOST_MESSAGES && bytes.length > 0; i++)
    {
      Message message = { .op = fuzz_u8 (&bytes) };
      uint8_t brings = fuzz_u8 (&bytes);
      int two[2] = { fds[brings % N_FDS], fds[(brings >> 4) % N_FDS] };

      message.a = fuzz_u32 (&bytes);
      message.b = fuzz_u32 (&bytes);
      memcpy (message.text, &message.a, 8);
      message.n_fds = two[0] < 0 ? 0 : two[1] < 0 ? 1 : 2;
      message_send (ends[1], &message, two, 0);
    }
  shutdown (ends[1], SHUT_WR);
  VncHelper *helper = vnc_helper_new (ends[0]);
  if (helper != NULL && vnc_helper_start (helper, on_ended, &ended))
    while (!ended)
      g_main_context_iteration (NULL, TRUE);
  vnc_helper_free (helper);
  close (ends[1]);
  return 0;
}

#define SAID(op, one, two, a, b) op, (one) | (two) << 4, a, 0, 0, 0, b, 0, 0, 0

static void
make (void)
{
  static const uint8_t whole[] = { SAID (VNC_MESSAGE_NAME, 0, 0, 'V', 'M'),
                                   SAID (VNC_MESSAGE_SCREEN, FD_SCREEN, FD_LISTENER, 0, 0),
                                   SAID (VNC_MESSAGE_SCREEN, FD_SCREEN, FD_LISTENER, 1, 0),
                                   SAID (VNC_MESSAGE_PASSWORD, FD_PASSWORD, 0, 0, 0),
                                   SAID (VNC_MESSAGE_START, 0, 0, 1, 2),
                                   SAID (VNC_MESSAGE_INPUT_STATE, 0, 0, 0, 5),
                                   SAID (VNC_MESSAGE_SIZE, 0, 0, 1, 9) };
  static const uint8_t swapped[]
      = { SAID (VNC_MESSAGE_SCREEN, FD_LISTENER, FD_SCREEN, 0, 0), SAID (VNC_MESSAGE_START, 0, 0, 0, 0) };
  static const uint8_t no_password[]
      = { SAID (VNC_MESSAGE_SCREEN, FD_SCREEN, FD_LISTENER, 0, 0),
          SAID (VNC_MESSAGE_PASSWORD, FD_EMPTY, 0, 0, 0), SAID (VNC_MESSAGE_START, 0, 0, 0, 0) };
  static const uint8_t nothing[] = { SAID (VNC_MESSAGE_START, 0, 0, 0, 0) };
  static const uint8_t wrong[] = { SAID (VNC_MESSAGE_SCREEN, FD_NULL, FD_LISTENER, 0, 0) };

  fuzz_seed (whole, sizeof whole);
  fuzz_seed (swapped, sizeof swapped);
  fuzz_seed (no_password, sizeof no_password);
  fuzz_seed (nothing, sizeof nothing);
  fuzz_seed (wrong, sizeof wrong);
}

const FuzzTarget fuzz_target = { "vnc/vnc-helper.c display/vnc-password.c base/message.c", 400, make };
