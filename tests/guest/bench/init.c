/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first process of the Linux that the bench boots: says so on the debug console, which both monitors timestamp, and on the
 * console, then turns the machine off.  With a second processor it works before that: alone, and then twice, side by side.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEBUGCON 0x402

#define TURNS 150000000u

static volatile uint32_t sink;

static void
say (const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    outb ((unsigned char)*p, DEBUGCON);
}

static void
work (void)
{
  uint32_t table[256], x = 1;

  for (unsigned i = 0; i < 256; i++)
    table[i] = i * 2654435761u;
  for (unsigned i = 0; i < TURNS; i++)
    {
      x = x * 1664525 + table[x >> 24];
      table[i & 255] += x;
    }
  sink = x;
}

int
main (void)
{
  if (ioperm (DEBUGCON, 1, 1) == 0)
    say ("\nbench init\n");
  if (sysconf (_SC_NPROCESSORS_ONLN) > 1)
    {
      pid_t child;

      work ();
      say ("bench alone\n");
      child = fork ();
      work ();
      if (child == 0)
        _exit (0);
      waitpid (child, NULL, 0);
      say ("bench both\n");
    }
  printf ("bench init\n");
  fflush (stdout);
  sync ();
  reboot (RB_POWER_OFF);
  for (;;)
    pause ();
}
