/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a broker may have for a monitor: VIVARIUM_FALSE_CHILD says how it behaves.
 */
#include "base/child.h"
#include "base/family.h"
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
is (const char *how)
{
  return g_strcmp0 (g_getenv ("VIVARIUM_FALSE_CHILD"), how) == 0;
}

/* The answer's result; -1: there is none. */
static int
ask (unsigned op, unsigned a)
{
  Message message = { .op = (uint16_t)op, .a = a }, answer;
  int fds[MESSAGE_MAX_FDS];

  if (message_send (CHILD_SOCKET, &message, NULL, -1) != 0
      || message_receive (CHILD_SOCKET, &answer, fds, -1) != 1)
    return -1;
  message_close_fds (fds);
  return answer.result;
}

static void
stay (void)
{
  for (;;)
    pause ();
}

int
main (int argc, char **argv)
{
  const Message question = { .op = FAMILY_LOOK, .n_fds = 1 };
  char text[4096];

  alarm (120); /* whoever forgets us */
  if (is ("stubborn") && g_strcmp0 (argv[1], "--socket") == 0)
    {
      send (CHILD_SOCKET, "x", 1, 0);
      stay ();
    }
  signal (SIGTERM, SIG_IGN);
  signal (SIGPIPE, SIG_IGN);
  if (is ("namespaces") && !g_strv_contains ((const char *const *)argv, "--no-namespaces"))
    return FAMILY_EXIT_NO_NAMESPACES;
  if (is ("told") && !g_strv_contains ((const char *const *)argv, "--no-namespaces"))
    return 1;
  if (is ("size"))
    send (CHILD_SOCKET, text, sizeof (Message) - 1, 0);
  else if (is ("unknown"))
    ask (99, 0);
  else if (is ("late"))
    {
      ask (FAMILY_READY, 0);
      ask (FAMILY_OPEN, FAMILY_FILE_DEFINITION);
    }
  else if (is ("many"))
    while (ask (FAMILY_LOOK, FAMILY_FILE_DEFINITION) >= 0)
      ;
  else if (is ("often")) /* behind its start, where a few are right */
    {
      ask (FAMILY_READY, 0);
      while (ask (FAMILY_DROP, 0) >= 0)
        ;
    }
  else if (is ("snapshot"))
    {
      ask (FAMILY_READY, 0);
      if (ask (FAMILY_NEW, FAMILY_NEW_MEMORY) != 0 || ask (FAMILY_NEW, FAMILY_NEW_PICTURE) != 0
          || ask (FAMILY_KEEP, 1) != 0 || ask (FAMILY_BACKING, 0) != ENOENT)
        return 1;
      return 0;
    }
  else if (is ("descriptor"))
    message_send (CHILD_SOCKET, &question, (int[]){ 0 }, -1);
  else if (is ("unread"))
    {
      const Message open = { .op = FAMILY_OPEN, .a = FAMILY_FILE_DEFINITION };
      while (message_send (CHILD_SOCKET, &open, NULL, -1) == 0)
        ;
    }
  else if (is ("helpers"))
    {
      unsigned n = 0;

      ask (FAMILY_READY, 0);
      while (ask (FAMILY_HELPER, FAMILY_HELPER_VNC) == 0)
        n++;
      return n == FAMILY_MOST_HELPERS ? 0 : 1;
    }
  else if (is ("stubborn")) /* its helper: see main() */
    {
      Message message = { .op = FAMILY_HELPER, .a = FAMILY_HELPER_VNC }, answer;
      struct pollfd gone = { .fd = -1, .events = POLLIN };
      int fds[MESSAGE_MAX_FDS];
      char byte;

      ask (FAMILY_READY, 0);
      if (message_send (CHILD_SOCKET, &message, NULL, -1) != 0
          || message_receive (CHILD_SOCKET, &answer, fds, -1) != 1 || answer.result != 0
          || recv (fds[0], &byte, 1, 0) != 1) /* it runs */
        return 1;
      shutdown (fds[0], SHUT_WR);
      gone.fd = fds[0];
      if (poll (&gone, 1, 200) != 0 || ask (FAMILY_END_HELPER, answer.a + 1) != ESRCH
          || ask (FAMILY_END_HELPER, answer.a) != 0 || poll (&gone, 1, 60000) != 1
          || ask (FAMILY_END_HELPER, answer.a) != ESRCH)
        return 1;
      return 0;
    }
  else if (is ("looks"))
    {
      /* Nothing of the folder's, and none of the user's secrets. */
      struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1 };
      struct stat mine, folder;

      if (g_getenv ("SECRET_TOKEN") != NULL || g_getenv ("LANG") == NULL
          || stat (g_getenv ("VIVARIUM_FOLDER_LOCK"), &folder) != 0)
        return 1;
      for (int fd = 0; fd < 100; fd++)
        if (fstat (fd, &mine) == 0
            && ((mine.st_ino == folder.st_ino && mine.st_dev == folder.st_dev) || S_ISDIR (mine.st_mode)))
          return 2;
      /* What it has let it do this, and nobody minds. */
      (void)fcntl (CHILD_EXTRA, F_OFD_SETLK, &lock);
      lock.l_type = F_UNLCK;
      lock.l_start = lock.l_len = 0;
      (void)fcntl (CHILD_EXTRA, F_OFD_SETLK, &lock);
      ask (FAMILY_READY, 0);
    }
  else if (is ("signal"))
    {
      signal (SIGSEGV, SIG_DFL);
      raise (SIGSEGV);
    }
  else if (is ("flood"))
    {
      memset (text, 'x', sizeof text);
      for (unsigned written = 0; written < (20u << 20);)
        {
          ssize_t n = write (STDERR_FILENO, text, sizeof text);
          written += n > 0 ? (unsigned)n : 0;
        }
      return 0;
    }
  else
    ask (FAMILY_READY, 0);
  if (is ("namespaces") || is ("told"))
    return 0;
  stay ();
}
