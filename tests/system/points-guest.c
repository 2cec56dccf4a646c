/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a pointing device says in a guest of os-points.py:  points-guest DEVICE; a line "POINT X Y" for each press of its first button, with where it was then.
 */
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <unistd.h>

int
main (int argc, char **argv)
{
  const int fd = argc > 1 ? open (argv[1], O_RDONLY) : -1;
  int x = 0, y = 0, pressed = 0; /* the kernel tells changes only */
  struct input_event event;

  if (fd < 0)
    return 2;
  while (read (fd, &event, sizeof event) == (ssize_t)sizeof event)
    {
      if (event.type == EV_ABS && event.code == ABS_X)
        x = event.value;
      if (event.type == EV_ABS && event.code == ABS_Y)
        y = event.value;
      if (event.type == EV_KEY && event.code == BTN_LEFT)
        pressed = event.value;
      if (event.type != EV_SYN || !pressed)
        continue;
      printf ("POINT %d %d\n", x, y);
      fflush (stdout);
      pressed = 0;
    }
  return 0;
}
