/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All that the broker would need of libgio: what its errors are called.  A machine's start would wait for a third as long again until that library and what it
 * needs are there, and each machine have its tables in memory.
 */
#include <errno.h>
#include <gio/gio.h>

GQuark
g_io_error_quark (void)
{
  return g_quark_from_static_string ("g-io-error-quark");
}

GIOErrorEnum
g_io_error_from_errno (gint code)
{
  static const struct
  {
    int code;
    GIOErrorEnum error;
  } known[] = {
    { ENOENT, G_IO_ERROR_NOT_FOUND },
    { EEXIST, G_IO_ERROR_EXISTS },
    { EISDIR, G_IO_ERROR_IS_DIRECTORY },
    { ENOTDIR, G_IO_ERROR_NOT_DIRECTORY },
    { EACCES, G_IO_ERROR_PERMISSION_DENIED },
    { EPERM, G_IO_ERROR_PERMISSION_DENIED },
    { EROFS, G_IO_ERROR_READ_ONLY },
    { ENOSPC, G_IO_ERROR_NO_SPACE },
    { EINVAL, G_IO_ERROR_INVALID_ARGUMENT },
    { ENAMETOOLONG, G_IO_ERROR_FILENAME_TOO_LONG },
    { ELOOP, G_IO_ERROR_TOO_MANY_LINKS },
    { EMFILE, G_IO_ERROR_TOO_MANY_OPEN_FILES },
    { EBUSY, G_IO_ERROR_BUSY },
    { EAGAIN, G_IO_ERROR_WOULD_BLOCK },
    { ETIMEDOUT, G_IO_ERROR_TIMED_OUT },
    { EADDRINUSE, G_IO_ERROR_ADDRESS_IN_USE },
    { ENOTSUP, G_IO_ERROR_NOT_SUPPORTED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].code == code)
      return known[i].error;
  return G_IO_ERROR_FAILED;
}
