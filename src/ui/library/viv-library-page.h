/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library: all machines as a grid or a list, searched and sorted.
 */
#pragma once

#include <adwaita.h>

#include "machine/host.h"

G_BEGIN_DECLS

#define VIV_TYPE_LIBRARY_PAGE (viv_library_page_get_type ())
G_DECLARE_FINAL_TYPE (VivLibraryPage, viv_library_page, VIV, LIBRARY_PAGE, AdwBin)

void viv_library_page_set_host (VivLibraryPage *self, VivHost *host);
void viv_library_page_toggle_search (VivLibraryPage *self);
/* Puts the focus on a machine; NULL: on the first. */
void viv_library_page_focus (VivLibraryPage *self, VivMachine *machine);

G_END_DECLS
