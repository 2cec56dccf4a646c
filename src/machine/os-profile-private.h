/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Between os-profile.c and media.c.
 */
#pragma once

#include "machine/os-profile.h"

G_BEGIN_DECLS

/* By an ISO's volume id; NULL: no profile knows it. */
OsProfile *os_profile_for_volume (const char *volume_id);

G_END_DECLS
