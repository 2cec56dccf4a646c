/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "attack.h"

#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char **names;
static Prey prey;

void
attack_give_up (const char *text)
{
  fprintf (stderr, "attack: %s\n", text);
  exit (2);
}

void
attack_run (void)
{
  char line[96];

  for (char **name = names; *name != NULL; name++)
    {
      int code = op_find (*name) (&prey);
      int n = snprintf (line, sizeof line, "%s: %s\n", *name, code == 0 ? "works" : strerrorname_np (code));

      if (write (STDOUT_FILENO, line, (size_t)n) != n)
        _exit (3);
    }
  _exit (0);
}

static void
read_prey (const char *text)
{
  char **words = g_strsplit (text, ":", -1);

  if (g_strv_length (words) != 6)
    attack_give_up ("VIVARIUM_ATTACK_PREY=FOLDER:OUTSIDE:SIBLING:DATAGRAMS:VICTIM:PORT");
  g_autofree char *disk = g_build_filename (words[0], "disk", NULL);
  g_autofree char *file = g_build_filename (words[1], "file", NULL);
  prey = (Prey){ .folder = words[0],
                 .outside = words[1],
                 .sibling = words[2],
                 .datagrams = words[3],
                 .victim = (pid_t)atoi (words[4]),
                 .tcp_port = atoi (words[5]),
                 .file_ro = open (file, O_RDONLY | O_CLOEXEC),
                 .file_rw = open (disk, O_RDWR | O_CLOEXEC),
                 .memfd = memfd_create ("attack", MFD_CLOEXEC) };
  if (prey.file_ro < 0 || prey.file_rw < 0 || prey.memfd < 0 || ftruncate (prey.memfd, 4096) < 0
      || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, prey.pair) < 0)
    attack_give_up (strerror (errno));
  prey.unit_rw = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, prey.memfd, 0);
}

void
attack_read (const char *what)
{
  const char *text = getenv ("VIVARIUM_ATTACK_PREY");

  names = g_strsplit (what, ",", -1);
  for (char **name = names; *name != NULL; name++)
    if (op_find (*name) == NULL)
      attack_give_up ("no such operation");
  read_prey (text != NULL ? text : "");
}
