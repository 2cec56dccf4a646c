/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a machine is and does, in words: its state, what runs it and why, what it takes of the host.
 */
#pragma once

#include <adwaita.h>

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_FACTS_WINDOW (viv_facts_window_get_type ())
G_DECLARE_FINAL_TYPE (VivFactsWindow, viv_facts_window, VIV, FACTS_WINDOW, AdwWindow)

GtkWidget *viv_facts_window_new (VivMachine *machine);

G_END_DECLS
