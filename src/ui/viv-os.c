/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Operating systems as a person sees them.
 */
#include "config.h"

#include "ui/viv-os.h"

#include <glib/gi18n.h>

/* The names in data/os that are more than a name; xgettext can't read them there.  tests/display/test-windows.c compares. */
static const char *const names[] G_GNUC_UNUSED = {
  N_ ("Windows 1 to 3"),
  N_ ("Small Linux"),
  N_ ("Another system"),
  N_ ("Windows 95, 98 and Me"),
  N_ ("Windows 2000, XP and Server 2003"),
  N_ ("Windows Vista, 7 and 8"),
  N_ ("Windows 10 and later"),
};

const char *
viv_os_name (const char *name)
{
  return name && *name ? _ (name) : "";
}
