/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a server of VNC that strangers have taken over says to the monitor.
 *
 * Input: messages of a byte for the kind, a byte for how it goes, and three numbers.
 */
#include "fuzz.h"

#include "control/vnc-link.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SCREENS 2

enum
{
  HOW_FD = 1 << 0,    /* a descriptor comes with it */
  HOW_SHORT = 1 << 1, /* not all of it */
  HOW_TURN = 1 << 2,  /* the monitor has a turn */
  HOW_LEDS = 1 << 3,  /* the guest changes its lights */
  HOW_LEAVE = 1 << 4,
};

static unsigned gone;

static void
on_ready (void *opaque)
{
  if (gone)
    abort ();
}

static void
on_input (void *opaque, const InputEvent *event)
{
  if (gone || event->type > INPUT_EVENT_WHEEL
      || (event->type == INPUT_EVENT_ABSOLUTE
          && (event->value < 0 || event->value >= N_SCREENS || event->x < 0 || event->x > INPUT_ABSOLUTE_MAX
              || event->y < 0 || event->y > INPUT_ABSOLUTE_MAX)))
    abort ();
}

static void
on_gone (void *opaque, gboolean refused, const char *why)
{
  if (gone++ || why == NULL)
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const DisplaySource source = { NULL };
  static const VncLinkFuncs funcs = { on_ready, on_input, on_gone };
  FuzzBytes bytes = { data, length };
  DisplayOutput *outputs[N_SCREENS];
  int ends[2], listeners[N_SCREENS];

  gone = 0;
  if (!message_pair (ends))
    abort ();
  for (unsigned i = 0; i < N_SCREENS; i++)
    {
      outputs[i] = display_output_new ("fuzz", &source, NULL);
      listeners[i] = STDERR_FILENO;
    }
  display_output_set_scanout (outputs[0], display_output_surface (outputs[0], 32, 32));
  VncLinkConfig config = { .name = "fuzz",
                           .screens = outputs,
                           .listeners = listeners,
                           .n_served = N_SCREENS,
                           .n_screens = N_SCREENS,
                           .password = -1 };
  VncLink *link = vnc_link_new (ends[0], &config, &funcs, NULL);

  while (bytes.length > 0 && !gone)
    {
      Message message = { .op = fuzz_u8 (&bytes) };
      uint8_t how = fuzz_u8 (&bytes);

      message.a = fuzz_u32 (&bytes);
      message.b = fuzz_u32 (&bytes);
      message.result = (int32_t)fuzz_u16 (&bytes) - 0x8000;
      message.size = fuzz_u64 (&bytes);
      message.n_fds = how & HOW_FD;
      if (how & HOW_SHORT)
        (void)!send (ends[1], &message, message.a % sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
      else
        message_send (ends[1], &message, (int[]){ STDERR_FILENO }, 0);
      if (how & HOW_LEDS)
        vnc_link_set_state (link, message.a & 1, message.b);
      if (how & HOW_LEAVE)
        vnc_link_leave (link);
      for (unsigned i = 0; how & HOW_TURN && i < 4; i++)
        g_main_context_iteration (NULL, FALSE);
      if (vnc_link_n_clients (link) > N_SCREENS * VNC_MAX_CLIENTS)
        abort ();
    }
  close (ends[1]);
  while (!gone)
    g_main_context_iteration (NULL, TRUE);
  vnc_link_free (link);
  for (unsigned i = 0; i < N_SCREENS; i++)
    display_output_free (outputs[i]);
  return 0;
}

#define SAID(op, how)               op, how, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0
#define OF(op, how, a, b, value, x) op, how, a, 0, 0, 0, b, 0, 0, 0, value, 0x80, x, 0, 0, 0, x, 0, 0, 0

static void
make (void)
{
  static const uint8_t talk[] = { SAID (VNC_MESSAGE_READY, HOW_TURN),
                                  OF (VNC_MESSAGE_INPUT, 0, INPUT_EVENT_KEY, 30, 1, 0),
                                  OF (VNC_MESSAGE_INPUT, HOW_TURN, INPUT_EVENT_ABSOLUTE, 0, 1, 9),
                                  OF (VNC_MESSAGE_CLIENTS, HOW_LEDS, 1, 3, 0, 0),
                                  SAID (VNC_MESSAGE_STATE_TAKEN, HOW_TURN),
                                  SAID (VNC_MESSAGE_LOOK, HOW_TURN) };
  static const uint8_t leave[] = { SAID (VNC_MESSAGE_READY, HOW_TURN), SAID (VNC_MESSAGE_LOOK, HOW_LEAVE),
                                   SAID (VNC_MESSAGE_READY, HOW_TURN) };
  static const uint8_t failed[] = { OF (VNC_MESSAGE_FAILED, 0, 3, 0, 0, 0) };
  static const uint8_t early[] = { SAID (VNC_MESSAGE_LOOK, 0) };
  static const uint8_t cut[]
      = { SAID (VNC_MESSAGE_READY, HOW_TURN), OF (VNC_MESSAGE_LOOK, HOW_SHORT, 5, 0, 0, 0) };
  static const uint8_t brings[] = { SAID (VNC_MESSAGE_READY, HOW_FD) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (leave, sizeof leave);
  fuzz_seed (failed, sizeof failed);
  fuzz_seed (early, sizeof early);
  fuzz_seed (cut, sizeof cut);
  fuzz_seed (brings, sizeof brings);
}

const FuzzTarget fuzz_target = { "vmm/control/vnc-link.c display/vnc-messages.c base/message.c", 640, make };
