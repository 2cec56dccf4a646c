/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/net-messages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
net_config_new (const char *hostname, const char *bootfile, const char *forwards)
{
  const char *const texts[NET_CONFIG_TEXTS] = { hostname, bootfile, forwards };
  g_autoptr (GByteArray) all = g_byte_array_new ();
  int fd, code = 0;

  for (unsigned i = 0; i < NET_CONFIG_TEXTS; i++)
    g_byte_array_append (all, (const guint8 *)texts[i], (guint)strlen (texts[i]) + 1);
  if (all->len > NET_CONFIG_SIZE)
    {
      errno = E2BIG;
      return -1;
    }
  fd = memfd_create ("net", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    return -1;
  if (write (fd, all->data, all->len) != (ssize_t)all->len)
    code = errno != 0 ? errno : EIO;
  else if (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
    code = errno;
  if (code == 0)
    return fd;
  close (fd);
  errno = code;
  return -1;
}
