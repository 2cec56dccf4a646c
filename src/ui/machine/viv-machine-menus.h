/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The menus of a machine's page.  Their actions are the page's ("machine.…") and its console's ("console.…").
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

/* Key combinations, and the clipboard as keys. */
GMenuModel *viv_menu_send_keys (void);
/* The combinations alone. */
GMenuModel *viv_menu_send_chords (void);
/* A section for each drive whose medium can be changed, and what is in it; no items if there is none.  `missing`: ids of drives whose image is
 * known not to be there; NULL: none. */
GMenuModel *viv_menu_media (VivMachine *machine, GHashTable *missing);
/* Made anew whenever it opens: it names the media in the drives. */
GMenuModel *viv_menu_machine (VivMachine *machine, GHashTable *missing);

G_END_DECLS
