/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sockets of virtio-vsock in a guest of os-virtio.py:  vsock-guest listen PORT [WORD, said when somebody has connected] < answer > what-came,  vsock-guest connect PORT < what > answer.
 */
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST 2

/* All of one, and its end. */
static int
copy (int from, int to)
{
  static char buffer[65536];
  ssize_t n;

  while ((n = read (from, buffer, sizeof buffer)) > 0)
    for (ssize_t at = 0, done; at < n; at += done)
      if ((done = write (to, buffer + at, (size_t)(n - at))) <= 0)
        return 0;
  return n == 0;
}

int
main (int argc, char **argv)
{
  struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
  int fd = socket (AF_VSOCK, SOCK_STREAM, 0);

  if (argc < 3 || fd < 0)
    return 2;
  address.svm_port = (unsigned)strtoul (argv[2], NULL, 10);
  if (strcmp (argv[1], "listen") == 0)
    {
      if (bind (fd, (struct sockaddr *)&address, sizeof address) < 0 || listen (fd, 1) < 0)
        return 2;
      fd = accept (fd, NULL, NULL);
      if (fd >= 0 && argc > 3)
        fprintf (stderr, "%s\n", argv[3]);
    }
  else
    {
      address.svm_cid = HOST;
      if (connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
        {
          perror ("connect");
          return 3;
        }
    }
  if (fd < 0)
    return 2;
  /* The listener hears all before it answers, who connects says all before it hears. */
  if (strcmp (argv[1], "listen") == 0)
    return !(copy (fd, STDOUT_FILENO) && copy (STDIN_FILENO, fd));
  return !(copy (STDIN_FILENO, fd) && shutdown (fd, SHUT_WR) == 0 && copy (fd, STDOUT_FILENO));
}
