/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The application: one instance, its command line and its library.
 */
#pragma once

#include <adwaita.h>

#include "machine/host.h"

G_BEGIN_DECLS

#define VIV_TYPE_APPLICATION (viv_application_get_type ())
G_DECLARE_FINAL_TYPE (VivApplication, viv_application, VIV, APPLICATION, AdwApplication)

VivApplication *viv_application_new (void);
VivHost *viv_application_get_host (VivApplication *self);

G_END_DECLS
