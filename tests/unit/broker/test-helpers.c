/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of a broker's helpers, with programs that do nothing.
 */
#include "broker/helpers.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static pid_t
start_one (BrokerHelpers *helpers, unsigned *number)
{
  int fd = -1;

  g_assert_cmpint (broker_helpers_start (helpers, FAMILY_HELPER_VNC, 0, number, &fd), ==, 0);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
  return g_array_index (helpers->living, FamilyProcess, helpers->living->len - 1).pid;
}

/* One has died, and before that is looked at another one is ended and one is begun. */
static void
test_bury (void)
{
  BrokerHelpers helpers = { .log = STDERR_FILENO };
  struct pollfd waits[FAMILY_MOST_HELPERS];
  unsigned numbers[4];
  pid_t pids[4];

  broker_helpers_begin (&helpers);
  for (unsigned i = 0; i < 3; i++)
    pids[i] = start_one (&helpers, &numbers[i]);
  kill (pids[1], SIGKILL);
  g_assert_cmpuint (broker_helpers_wait (&helpers, waits), ==, 3);
  g_assert_cmpint (poll (waits, 3, -1), ==, 1);
  g_assert_cmpint (waits[1].revents, !=, 0);
  g_assert_cmpint (broker_helpers_end (&helpers, numbers[0]), ==, 0);
  pids[3] = start_one (&helpers, &numbers[3]);

  broker_helpers_bury (&helpers);
  g_assert_cmpuint (helpers.living->len, ==, 2);
  for (unsigned i = 0; i < 2; i++)
    {
      const FamilyProcess *process = &g_array_index (helpers.living, FamilyProcess, i);

      g_assert_cmpuint (process->number, ==, numbers[2 + i]);
      g_assert_cmpint (kill (process->pid, 0), ==, 0);
    }
  g_assert_cmpint (broker_helpers_end (&helpers, numbers[1]), ==, ESRCH);
  broker_helpers_clear (&helpers);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmpint (kill (pids[i], 0), !=, 0);
}

static void
test_most (void)
{
  BrokerHelpers helpers = { .log = STDERR_FILENO };
  unsigned number;
  int fd = -1;

  broker_helpers_begin (&helpers);
  for (unsigned i = 0; i < FAMILY_MOST_HELPERS; i++)
    start_one (&helpers, &number);
  g_assert_cmpint (broker_helpers_start (&helpers, FAMILY_HELPER_VNC, 0, &number, &fd), ==, EAGAIN);
  /* Nor behind their end: so many in a minute. */
  g_assert_cmpint (broker_helpers_end (&helpers, 1), ==, 0);
  g_assert_cmpint (broker_helpers_start (&helpers, FAMILY_HELPER_VNC, 0, &number, &fd), ==, EAGAIN);
  g_assert_cmpint (broker_helpers_start (&helpers, FAMILY_N_HELPERS, 0, &number, &fd), ==, EINVAL);
  g_assert_cmpint (fd, ==, -1);
  broker_helpers_clear (&helpers);
}

int
main (int argc, char **argv)
{
  g_setenv ("VIVARIUM_VNC", FALSE_CHILD, TRUE);
  g_setenv ("VIVARIUM_FALSE_CHILD", "stubborn", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/broker-helpers/bury", test_bury);
  g_test_add_func ("/broker-helpers/most", test_most);
  return g_test_run ();
}
