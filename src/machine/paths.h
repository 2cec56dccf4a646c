/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where things are: machines, sockets, our own programs.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Folder of machines: $VIVARIUM_DATA_DIR, or $XDG_DATA_HOME/vivarium/machines.  Not made here. */
char *viv_machines_dir (void);
/* $XDG_RUNTIME_DIR/vivarium, or /run/user/UID/vivarium, or /tmp/vivarium-UID: made with mode 0700; an error if somebody else
 * owns it or can look into it. */
char *viv_runtime_dir (GError **error);
/* Folder of throw-away machines (`vivctl run`), in the runtime directory; made. */
char *viv_run_dir (GError **error);
/* The control socket of the machine with this UUID. */
char *viv_socket_path (const char *uuid, GError **error);
/* "vivarium-vmm", "vivarium-vnc", "vivarium": in the build tree that we run from, else installed, else in $PATH; NULL: not there.
 * $VIVARIUM_VMM names the monitor. */
char *viv_find_program (const char *name, GError **error);
/* For a program's main(), after setlocale(): the translations of the build tree that we run from, else the installed ones. */
void viv_bind_text_domain (void);

G_END_DECLS
