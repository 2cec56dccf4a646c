/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which setting a start has failed for.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/start-blame.h"

#include <string.h>

#define PREFIX "blame "

static char *noted;

void
viv_start_blame (const char *group, const char *name)
{
  if (noted == NULL)
    noted = g_strconcat (group, ".", name, NULL);
}

const char *
viv_start_blame_key (void)
{
  return noted;
}

char *
viv_start_blame_message (void)
{
  return noted != NULL ? g_strconcat (PREFIX, noted, "\n", NULL) : NULL;
}

char *
viv_start_blame_parse (const char *text)
{
  const char *key = g_str_has_prefix (text, PREFIX) ? text + strlen (PREFIX) : NULL;
  const char *end = key != NULL ? strchr (key, '\n') : NULL;
  unsigned dots = 0;

  if (end == NULL || end - key < 3 || end - key >= VIV_START_BLAME_MAX)
    return NULL;
  for (const char *p = key; p < end; p++)
    {
      dots += *p == '.';
      if (!g_ascii_islower (*p) && !g_ascii_isdigit (*p) && *p != '-' && *p != '.')
        return NULL;
    }
  return dots == 1 && *key != '.' && end[-1] != '.' ? g_strndup (key, end - key) : NULL;
}
