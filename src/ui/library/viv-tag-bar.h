/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tags that there are, of which one can be chosen: then the library shows the machines that have it.  Not there without tags.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_TAG_BAR (viv_tag_bar_get_type ())
G_DECLARE_FINAL_TYPE (VivTagBar, viv_tag_bar, VIV, TAG_BAR, AdwBin)

/* Signal "changed": another tag is chosen, by the person or since the one that was is no more. */

/* Nothing happens if they are the same.  Ends with NULL. */
void viv_tag_bar_set_tags (VivTagBar *self, const char *const *tags);
/* NULL: all machines. */
const char *viv_tag_bar_get_chosen (VivTagBar *self);
void viv_tag_bar_choose (VivTagBar *self, const char *tag);

G_END_DECLS
