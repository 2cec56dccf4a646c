/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The log of a monitor.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/monitor-log.h"

#include "machine/plain-text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_TAIL  (64 * 1024)
#define LAST_LINES 12
#define MOST_WORDS 3000 /* bytes */

char *
viv_monitor_log_path (const char *folder)
{
  return g_build_filename (folder, "vmm.log", NULL);
}

int
viv_monitor_log_begin (const char *folder, GError **error)
{
  g_autofree char *path = viv_monitor_log_path (folder);
  g_autofree char *older = g_strconcat (path, ".1", NULL), *oldest = g_strconcat (path, ".2", NULL);

  g_rename (older, oldest);
  g_rename (path, older);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), _ ("can't write the log %s: %s"), path,
                 g_strerror (errno));
  return fd;
}

char *
viv_monitor_log_tail (const char *folder, unsigned lines)
{
  g_autofree char *path = viv_monitor_log_path (folder);
  g_autofree char *buffer = g_malloc (MOST_TAIL + 1);
  struct stat info;

  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return g_strdup ("");
  off_t size = fstat (fd, &info) == 0 && S_ISREG (info.st_mode) ? info.st_size : 0;
  ssize_t length = pread (fd, buffer, MOST_TAIL, MAX (size - MOST_TAIL, 0));
  close (fd);
  length = MAX (length, 0);
  while (length > 0 && buffer[length - 1] == '\n')
    length--;
  buffer[length] = '\0';

  char *start = buffer + length;
  for (unsigned found = 0; start > buffer; start--)
    if (start[-1] == '\n' && ++found == lines)
      break;
  return viv_plain_text (start, buffer + length - start, VIV_PLAIN_MOST_LOG, VIV_PLAIN_DEFAULT);
}

char *
viv_monitor_log_last_words (const char *folder)
{
  g_autofree char *log = viv_monitor_log_tail (folder, LAST_LINES);
  const char *from = log + (strlen (log) > MOST_WORDS ? strlen (log) - MOST_WORDS : 0);

  return viv_plain_text (from, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
}

char *
viv_monitor_log_complaints (const char *words)
{
  g_autoptr (GRegex) notice
      = g_regex_new ("^\\S*-(Message|INFO|DEBUG): [0-9:.]+: .*(\\n|$)", G_REGEX_MULTILINE, 0, NULL);
  g_autofree char *rest = g_regex_replace_literal (notice, words, -1, 0, "", 0, NULL);

  return rest != NULL && *g_strstrip (rest) != '\0' ? g_steal_pointer (&rest) : g_strdup (words);
}

gint64
viv_monitor_log_time (const char *folder)
{
  g_autofree char *path = viv_monitor_log_path (folder);
  struct stat info;

  return stat (path, &info) == 0 ? info.st_mtim.tv_sec : 0;
}
