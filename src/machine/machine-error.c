/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The domain of a machine's errors.
 */
#include "config.h"

#include "machine/machine-error.h"

GQuark
viv_machine_error_quark (void)
{
  return g_quark_from_static_string ("viv-machine-error-quark");
}
