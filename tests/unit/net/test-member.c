/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's end of a network that is a wire: one that is lost and comes again, one that isn't there yet, and one that can't be.
 */
#include "net/member.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  Vm *vm;
  NetPort *port;
  NetMember *member;
  int wire; /* the network's end */
  unsigned n_asked, n_ended;
  int refusal; /* a GIOErrorEnum, or -1 */
  GString *said;
} Fixture;

static int
on_start (void *opaque, const char *id, unsigned *number, GError **error)
{
  Fixture *f = opaque;
  int ends[2];

  f->n_asked++;
  g_assert_cmpstr (id, ==, "net0");
  *number = 0;
  if (f->refusal >= 0)
    {
      g_set_error (error, G_IO_ERROR, f->refusal, "there is no tap");
      return -1;
    }
  if (f->wire >= 0)
    close (f->wire);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  f->wire = ends[1];
  *number = 7;
  return ends[0];
}

static void
on_end (void *opaque, unsigned number)
{
  g_assert_cmpuint (number, ==, 7);
  ((Fixture *)opaque)->n_ended++;
}

static void
on_notice (void *opaque, const char *sentence)
{
  g_string_append_printf (((Fixture *)opaque)->said, "%s\n", sentence);
}

static void
begin (Fixture *f, int refusal)
{
  const NetPortConfig port = { .id = "net0", .network = TRUE };

  *f = (Fixture){ .vm = vm_new (NULL, TRUE), .wire = -1, .refusal = refusal, .said = g_string_new (NULL) };
  vm_lock (f->vm);
  f->port = net_port_new (f->vm, &port);
  vm_unlock (f->vm);
  f->member = net_member_new (&(NetMemberConfig){
      .port = f->port, .id = "net0", .start = on_start, .end = on_end, .notice = on_notice, .opaque = f });
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
end (Fixture *f)
{
  net_member_free (f->member);
  if (f->wire >= 0)
    close (f->wire);
  vm_lock (f->vm);
  net_port_free (f->port);
  vm_unlock (f->vm);
  vm_free (f->vm);
  g_string_free (f->said, TRUE);
}

/* By itself: until it has asked so often. */
static void
wait_until_asked (Fixture *f, unsigned n)
{
  while (f->n_asked < n)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
assert_carries (Fixture *f)
{
  static const NetOffload none;
  uint8_t frame[64] = { 2 }, got[64];
  struct iovec iov = { frame, sizeof frame };

  g_assert_true (net_port_link (f->port));
  g_assert_true (net_port_send (f->port, &none, &iov, 1));
  g_assert_cmpint (recv (f->wire, got, sizeof got, MSG_DONTWAIT), ==, sizeof got);
}

static void
test_lost (void)
{
  Fixture f;

  begin (&f, -1);
  assert_carries (&f);
  for (unsigned i = 2; i < 5; i++)
    {
      close (f.wire);
      f.wire = -1;
      wait_until_asked (&f, i);
      assert_carries (&f);
      g_assert_cmpuint (f.n_ended, ==, i - 1);
    }
  g_assert_cmpstr (f.said->str, ==, "");
  end (&f);
  g_assert_cmpuint (f.n_ended, ==, 4);
}

static void
test_later (void)
{
  Fixture f;

  begin (&f, G_IO_ERROR_WOULD_BLOCK);
  /* The guest's cable is in: it is a matter of time. */
  g_assert_true (net_port_link (f.port));
  wait_until_asked (&f, 3);
  f.refusal = -1;
  wait_until_asked (&f, 4);
  assert_carries (&f);
  g_assert_cmpstr (f.said->str, ==, "");
  end (&f);
}

static void
test_refused (void)
{
  Fixture f;

  begin (&f, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_false (net_port_link (f.port));
  g_assert_cmpstr (f.said->str, ==, "net0: the network is off: there is no tap\n");
  g_assert_cmpuint (f.n_asked, ==, 1);
  end (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net/member/lost", test_lost);
  g_test_add_func ("/net/member/later", test_later);
  g_test_add_func ("/net/member/refused", test_refused);
  return g_test_run ();
}
