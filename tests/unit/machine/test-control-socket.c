/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The place of a control socket: kept by who lives, swept behind who was killed, and never from under who starts.
 */
#include "display/vnc-listen.h"
#include "machine/control-socket.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UUID     "00000000-0000-4000-8000-000000000001"
#define STARTS   100
#define SWEEPERS 2

typedef struct
{
  char *folder, *path, *lock, *vnc, *beside;
} Fixture;

static void
begin (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->folder = g_dir_make_tmp ("viv-place-XXXXXX", &error);
  g_assert_no_error (error);
  f->path = g_build_filename (f->folder, UUID ".sock", NULL);
  f->lock = g_strconcat (f->path, ".lock", NULL);
  f->vnc = g_build_filename (f->folder, "screen", NULL);
  f->beside = g_strconcat (f->vnc, ".1", NULL);
}

static void
end (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (g_rmdir (f->folder), ==, 0); /* nothing is left */
  g_free (f->folder);
  g_free (f->path);
  g_free (f->lock);
  g_free (f->vnc);
  g_free (f->beside);
}

static gboolean
is_there (const char *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static gboolean
answers (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  gboolean good = connect (fd, (struct sockaddr *)&address, sizeof address) == 0;
  close (fd);
  return good;
}

/* A process that makes the place, with VNC if `vnc`, and is killed. */
static void
make_and_die (const Fixture *f, gboolean vnc)
{
  g_autofree char *address = g_strconcat ("unix:", f->vnc, NULL);
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      VncListeners listeners = { 0 };
      ControlSocket *place = control_socket_new (f->path, NULL);

      if (place == NULL || (vnc && !vnc_listen (address, 2, FALSE, &listeners, NULL)))
        _exit (1);
      if (vnc)
        control_socket_note_vnc (place, listeners.addresses[0]);
      raise (SIGKILL);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
}

static void
test_killed (Fixture *f, gconstpointer data)
{
  make_and_die (f, TRUE);
  g_assert_true (is_there (f->path) && is_there (f->lock) && is_there (f->vnc) && is_there (f->beside));
  if (data != NULL)
    control_socket_sweep_all (f->folder);
  else
    control_socket_sweep (f->path);
  g_assert_false (is_there (f->path) || is_there (f->lock) || is_there (f->vnc) || is_there (f->beside));
}

static void
test_living (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL, second = NULL;
  ControlSocket *place = control_socket_new (f->path, &error);

  g_assert_no_error (error);
  control_socket_sweep (f->path);
  control_socket_sweep_all (f->folder);
  g_assert_true (answers (f->path));
  g_autofree char *holder = g_strdup_printf ("(process %d holds", (int)getpid ());
  g_assert_null (control_socket_new (f->path, &second));
  g_assert_error (second, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (second->message, holder));
  g_assert_true (answers (f->path));
  control_socket_free (place);
  g_assert_false (is_there (f->path) || is_there (f->lock));
}

/* The broker was killed; a process of its that has the listener, too, is about to be. */
static void
test_listener_lives (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ControlSocket *place = control_socket_new (f->path, &error);

  g_assert_no_error (error);
  int copy = dup (control_socket_fd (place));
  control_socket_free (place);
  /* As if it had been killed: what it had bound is there, and nobody has the lock. */
  g_assert_cmpint (g_file_set_contents (f->lock, "1\n", -1, NULL), ==, TRUE);
  close (copy);
  copy = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, f->path, sizeof address.sun_path);
  g_assert_cmpint (bind (copy, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (copy, 1), ==, 0);
  control_socket_sweep (f->path);
  g_assert_true (answers (f->path) && is_there (f->lock));
  close (copy);
  control_socket_sweep (f->path);
  g_assert_false (is_there (f->path) || is_there (f->lock));
}

/* Switched off, what was noted goes; what somebody listens on stays, and what nobody noted. */
static void
test_notes (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *address = g_strconcat ("unix:", f->vnc, NULL),
                  *other = g_strconcat (f->vnc, "-other", NULL),
                  *other_address = g_strconcat ("unix:", other, NULL);
  VncListeners ours, others;
  GStatBuf before, after;

  ControlSocket *place = control_socket_new (f->path, &error);
  g_assert_no_error (error);
  g_assert_true (vnc_listen (address, 2, FALSE, &ours, NULL)
                 && vnc_listen (other_address, 1, FALSE, &others, NULL));
  control_socket_note_vnc_at (f->path, ours.addresses[0]);
  control_socket_note_vnc_at (f->path, "two\nlines");
  vnc_listeners_clear (&others);
  control_socket_tidy_vnc (f->path);
  g_assert_true (is_there (f->vnc) && is_there (f->beside) && is_there (other));
  g_assert_cmpint (g_stat (f->lock, &before), ==, 0);
  for (unsigned i = 0; i < 3; i++)
    {
      vnc_listeners_clear (&ours);
      control_socket_tidy_vnc (f->path);
      g_assert_false (is_there (f->vnc) || is_there (f->beside));
      g_assert_true (vnc_listen (address, 2, FALSE, &ours, NULL));
      control_socket_note_vnc_at (f->path, ours.addresses[0]);
    }
  g_assert_cmpint (g_stat (f->lock, &after), ==, 0);
  g_assert_cmpint (after.st_size, ==, before.st_size);
  vnc_listeners_clear (&ours);
  control_socket_free (place);
  g_assert_false (is_there (f->vnc) || is_there (f->beside));
  g_assert_true (is_there (other));
  g_unlink (other);
  control_socket_note_vnc_at (f->path, address); /* it has ended */
  g_assert_false (is_there (f->lock));
}

/* Another program's. */
static void
test_strangers (Fixture *f, gconstpointer data)
{
  g_autofree char *other = g_build_filename (f->folder, "other.sock.lock", NULL);

  g_assert_true (g_file_set_contents (other, "1\n", -1, NULL));
  control_socket_sweep_all (f->folder);
  g_assert_true (is_there (other));
  unlink (other);
}

static volatile gint over;

static gpointer
go_on_sweeping (gpointer data)
{
  const Fixture *f = data;

  while (!g_atomic_int_get (&over))
    {
      control_socket_sweep (f->path);
      control_socket_sweep_all (f->folder);
    }
  return NULL;
}

static void
test_race (Fixture *f, gconstpointer data)
{
  GThread *sweepers[SWEEPERS];

  g_atomic_int_set (&over, 0);
  for (unsigned i = 0; i < SWEEPERS; i++)
    sweepers[i] = g_thread_new ("sweeper", go_on_sweeping, f);
  for (unsigned i = 0; i < STARTS; i++)
    {
      g_autoptr (GError) error = NULL;

      if (i % 2 == 0)
        make_and_die (f, FALSE);
      ControlSocket *place = control_socket_new (f->path, &error);
      g_assert_no_error (error);
      g_assert_true (answers (f->path));
      control_socket_free (place);
    }
  g_atomic_int_set (&over, 1);
  for (unsigned i = 0; i < SWEEPERS; i++)
    g_thread_join (sweepers[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/control-socket/killed", Fixture, NULL, begin, test_killed, end);
  g_test_add ("/control-socket/killed-all", Fixture, "all", begin, test_killed, end);
  g_test_add ("/control-socket/living", Fixture, NULL, begin, test_living, end);
  g_test_add ("/control-socket/listener-lives", Fixture, NULL, begin, test_listener_lives, end);
  g_test_add ("/control-socket/notes", Fixture, NULL, begin, test_notes, end);
  g_test_add ("/control-socket/strangers", Fixture, NULL, begin, test_strangers, end);
  g_test_add ("/control-socket/race", Fixture, NULL, begin, test_race, end);
  return g_test_run ();
}
