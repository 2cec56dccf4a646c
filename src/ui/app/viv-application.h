/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The application: one instance, its command line and its library.
 */
#pragma once

#include <adwaita.h>

#include "machine/library.h"

G_BEGIN_DECLS

#define VIV_TYPE_APPLICATION (viv_application_get_type ())
G_DECLARE_FINAL_TYPE (VivApplication, viv_application, VIV, APPLICATION, AdwApplication)

VivApplication *viv_application_new (void);
VivLibrary *viv_application_get_library (VivApplication *self);

G_END_DECLS
