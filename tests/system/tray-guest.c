/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tray of a CD-ROM drive in a guest of os-virtio.py:  tray-guest open|close DEVICE
 */
#include <fcntl.h>
#include <linux/cdrom.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int
main (int argc, char **argv)
{
  int fd = argc == 3 ? open (argv[2], O_RDONLY | O_NONBLOCK) : -1;

  if (fd < 0 || ioctl (fd, strcmp (argv[1], "open") == 0 ? CDROMEJECT : CDROMCLOSETRAY, 0) < 0)
    {
      perror ("tray-guest");
      return 1;
    }
  return 0;
}
