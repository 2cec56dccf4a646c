/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a broker may have for a monitor: FALSE_CHILD says how it behaves.
 */
#include "base/child.h"
#include "base/family.h"
#include "base/message.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean
is (const char *how)
{
  return g_strcmp0 (g_getenv ("FALSE_CHILD"), how) == 0;
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
