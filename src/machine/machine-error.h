/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What goes wrong with a machine, its folder and its monitor.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define VIV_MACHINE_ERROR (viv_machine_error_quark ())
GQuark viv_machine_error_quark (void);
typedef enum
{
  VIV_MACHINE_ERROR_NOT_RUNNING,
  VIV_MACHINE_ERROR_RUNNING, /* it runs, and must not for this */
  VIV_MACHINE_ERROR_START,   /* the monitor didn't come up; the message has the log's last lines */
  VIV_MACHINE_ERROR_BROKEN,  /* machine.ini can't be used */
  VIV_MACHINE_ERROR_NOT_FOUND,
  VIV_MACHINE_ERROR_EXISTS,
  VIV_MACHINE_ERROR_BUSY,         /* somebody else changes it */
  VIV_MACHINE_ERROR_UNRESPONSIVE, /* its monitor lives and does not answer */
} VivMachineError;

G_END_DECLS
