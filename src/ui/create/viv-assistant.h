/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The way to a new machine: an image or none, then name, memory, processors and disk.
 */
#pragma once

#include <adwaita.h>

#include "machine/host.h"

G_BEGIN_DECLS

#define VIV_TYPE_ASSISTANT (viv_assistant_get_type ())
G_DECLARE_FINAL_TYPE (VivAssistant, viv_assistant, VIV, ASSISTANT, AdwWindow)

GtkWidget *viv_assistant_new (VivHost *host);
/* As if it had been chosen or dropped; what is wrong with it is said in the window. */
void viv_assistant_set_image (VivAssistant *self, GFile *image);
/* TRUE while a file is read to see what it is. */
gboolean viv_assistant_is_looking (VivAssistant *self);

G_END_DECLS
