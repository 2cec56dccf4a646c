/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's end of a user network, of which the test is the process: one that works, dies, dies too often, refuses, and lies.
 */
#include "net/user.h"

#include "base/net-messages.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  Vm *vm;
  NetPort *port;
  NetUser *user;
  int socket, wire; /* the process's ends */
  unsigned n_started, n_ended;
  gboolean absent;
  GString *said;
} Fixture;

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
hang_up (Fixture *f)
{
  if (f->socket >= 0)
    close (f->socket);
  if (f->wire >= 0)
    close (f->wire);
  f->socket = f->wire = -1;
}

static int
on_start (void *opaque, const char *id, unsigned *number, GError **error)
{
  Fixture *f = opaque;
  int ends[2];

  g_assert_cmpstr (id, ==, "net0");
  if (f->absent)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such program");
      return -1;
    }
  hang_up (f);
  g_assert_true (message_pair (ends));
  f->socket = ends[1];
  *number = ++f->n_started;
  return ends[0];
}

static void
on_end (void *opaque, unsigned number)
{
  Fixture *f = opaque;

  g_assert_cmpuint (number, ==, f->n_started);
  f->n_ended++;
}

static void
on_notice (void *opaque, const char *sentence)
{
  g_string_append_printf (((Fixture *)opaque)->said, "%s\n", sentence);
}

static void
begin (Fixture *f, gboolean absent)
{
  const NetPortConfig port = { .id = "net0", .network = TRUE };

  *f = (Fixture){ .vm = vm_new (NULL, TRUE), .socket = -1, .wire = -1, .absent = absent };
  f->said = g_string_new (NULL);
  vm_lock (f->vm);
  f->port = net_port_new (f->vm, &port);
  vm_unlock (f->vm);
  const NetUserConfig config = { .port = f->port,
                                 .id = "net0",
                                 .name = "--Jörg's  PC 2!",
                                 .bootfile = "boot.ipxe",
                                 .forwards = "tcp::1-:1, udp::2-:2",
                                 .start = on_start,
                                 .end = on_end,
                                 .notice = on_notice,
                                 .opaque = f };
  f->user = net_user_new (&config);
}

static void
end (Fixture *f)
{
  net_user_free (f->user);
  hang_up (f);
  vm_lock (f->vm);
  net_port_free (f->port);
  vm_unlock (f->vm);
  vm_free (f->vm);
  g_string_free (f->said, TRUE);
}

/* What the process hears first, or later; takes the wire. */
static void
hear (Fixture *f, unsigned op, const char *wanted, size_t length)
{
  Message message;
  int fds[MESSAGE_MAX_FDS];
  char text[256];

  g_assert_cmpint (message_receive (f->socket, &message, fds, 0), ==, 1);
  g_assert_cmpuint (message.op, ==, op);
  const ssize_t n = pread (fds[0], text, sizeof text, 0);
  g_assert_cmpmem (text, n, wanted, length);
  close (fds[0]);
  if (op == NET_MESSAGE_START)
    f->wire = fds[1];
}

static void
hear_start (Fixture *f)
{
  static const char config[] = "j-rg-s-pc-2\0boot.ipxe\0tcp::1-:1, udp::2-:2";

  hear (f, NET_MESSAGE_START, config, sizeof config);
}

static void
say (Fixture *f, Message message)
{
  g_assert_cmpint (message_send (f->socket, &message, NULL, 0), ==, 0);
  pump ();
}

static void
test_works (void)
{
  static const char changed[] = "j-rg-s-pc-2\0boot.ipxe\0tcp::3-:3";
  static const NetOffload none;
  uint8_t frame[64] = { 0 }, got[64];
  struct iovec iov = { frame, sizeof frame };
  g_autoptr (GError) error = NULL;
  Fixture f;

  begin (&f, FALSE);
  hear_start (&f);
  say (&f, (Message){ .op = NET_MESSAGE_REFUSED, .a = 1, .result = EADDRINUSE });
  g_assert_nonnull (strstr (f.said->str, "net0: the port of udp::2-:2 can't be opened"));
  say (&f, (Message){ .op = NET_MESSAGE_READY });
  g_assert_true (net_port_send (f.port, &none, &iov, 1));
  g_assert_cmpint (recv (f.wire, got, sizeof got, MSG_DONTWAIT), ==, 64);
  g_assert_true (net_user_set_forwards (f.user, "tcp::3-:3", &error));
  hear (&f, NET_MESSAGE_FORWARDS, changed, sizeof changed);
  say (&f, (Message){ .op = NET_MESSAGE_DONE, .serial = 1 });
  g_assert_false (net_user_set_forwards (f.user, "nonsense", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (f.n_ended, ==, 0);
  end (&f);
}

/* The card sees it when it is too much only. */
static void
test_dies (void)
{
  g_autoptr (GError) error = NULL;
  Fixture f;

  begin (&f, FALSE);
  for (unsigned i = 0; i < 4; i++)
    {
      g_assert_cmpuint (f.n_started, ==, i + 1);
      hear_start (&f);
      say (&f, (Message){ .op = NET_MESSAGE_READY });
      pump ();
      g_assert_true (net_port_link (f.port));
      /* By its wire alone, by its socket, and by both. */
      if (i == 1)
        {
          close (f.wire);
          f.wire = -1;
        }
      else
        hang_up (&f);
      pump ();
    }
  g_assert_cmpuint (f.n_started, ==, 4);
  g_assert_cmpuint (f.n_ended, ==, 4);
  g_assert_false (net_port_link (f.port));
  g_assert_nonnull (strstr (f.said->str, "net0: the network is off"));
  g_assert_false (net_user_set_forwards (f.user, "", &error));
  end (&f);
}

static void
test_absent (void)
{
  Fixture f;

  begin (&f, TRUE);
  pump ();
  g_assert_false (net_port_link (f.port));
  g_assert_nonnull (strstr (f.said->str, "there is no such program"));
  end (&f);
  /* One that can't, and one that ends before it is ready, are not begun again. */
  for (unsigned i = 0; i < 2; i++)
    {
      begin (&f, FALSE);
      hear_start (&f);
      if (i == 0)
        say (&f, (Message){ .op = NET_MESSAGE_FAILED, .a = NET_FAILURE_CONFINE });
      else
        hang_up (&f);
      pump ();
      g_assert_cmpuint (f.n_started, ==, 1);
      g_assert_cmpuint (f.n_ended, ==, 1);
      g_assert_false (net_port_link (f.port));
      end (&f);
    }
}

static void
test_liars (void)
{
  static const Message lies[] = {
    { .op = 0 },
    { .op = NET_MESSAGE_START },
    { .op = NET_MESSAGE_READY }, /* again */
    { .op = NET_MESSAGE_FAILED },
    { .op = NET_MESSAGE_REFUSED },
    { .op = NET_MESSAGE_REFUSED, .a = UINT32_MAX, .result = 1 },
    { .op = NET_MESSAGE_REFUSED, .a = 0, .result = -1 },
    { .op = NET_MESSAGE_DONE, .serial = 1 },
    { .op = 99 },
  };
  Fixture f;

  for (unsigned i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      begin (&f, FALSE);
      hear_start (&f);
      say (&f, (Message){ .op = NET_MESSAGE_READY });
      say (&f, lies[i]);
      g_assert_cmpuint (f.n_ended, ==, 1);
      g_assert_cmpuint (f.n_started, ==, 2); /* another one takes its place */
      end (&f);
    }
  /* Not a message. */
  begin (&f, FALSE);
  hear_start (&f);
  say (&f, (Message){ .op = NET_MESSAGE_READY });
  g_assert_cmpint (send (f.socket, "x", 1, 0), ==, 1);
  pump ();
  g_assert_cmpuint (f.n_ended, ==, 1);
  end (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net-user/works", test_works);
  g_test_add_func ("/net-user/dies", test_dies);
  g_test_add_func ("/net-user/absent", test_absent);
  g_test_add_func ("/net-user/liars", test_liars);
  return g_test_run ();
}
