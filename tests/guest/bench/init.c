/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first process of the Linux that the bench boots: says so on the debug console, which both monitors timestamp, and on the
 * console, then turns the machine off.
 */
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/reboot.h>
#include <unistd.h>

#define DEBUGCON 0x402

int
main (void)
{
  static const char text[] = "\nbench init\n";

  if (ioperm (DEBUGCON, 1, 1) == 0)
    for (const char *p = text; *p != '\0'; p++)
      outb ((unsigned char)*p, DEBUGCON);
  printf ("bench init\n");
  fflush (stdout);
  sync ();
  reboot (RB_POWER_OFF);
  for (;;)
    pause ();
}
