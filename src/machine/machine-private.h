/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * For those who make a kind of machine (local-machine.c, a test's own), and for the parts of VivMachine: machine.c (the object and what it
 * shows), machine-calls.c, machine-devices.c, machine-vnc.c and picture.c (what is asked of a machine that runs).
 *
 * A kind says what is so by the functions below; VivMachine notifies.
 */
#pragma once

#include "machine/machine.h"
#include "machine/monitor-link.h"
#include "machine/plain-text.h"

#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* At most once, first of all; absolute.  NULL, or never: it has none. */
void viv_machine_set_folder (VivMachine *self, const char *folder);
/* Takes `definition`; NULL: `error` says why.  `name`: while there is no definition. */
void viv_machine_take_definition (VivMachine *self, MachineDefinition *definition, const char *name,
                                  const char *error);
/* What "error" says of a machine that isn't broken; NULL: nothing. */
void viv_machine_set_error (VivMachine *self, const char *error);
void viv_machine_set_thumbnail (VivMachine *self, const char *path);
void viv_machine_set_low_space (VivMachine *self, const char *sentence);
void viv_machine_set_start_blame (VivMachine *self, const char *key);
/* "state-changed" follows if one of them is another than before, or if `always` is set. */
void viv_machine_set_state (VivMachine *self, const char *state, const char *reason, gboolean always);
/* The connection to what runs it; NULL: none any more.  `pid`: its process, 0 if there is none here. */
void viv_machine_set_proxy (VivMachine *self, VivMachine1 *proxy, pid_t pid);

/* The proxy as what it is. */
VivMachine1 *viv_machine_proxy (VivMachine *self);
void viv_machine_note_answer (VivMachine *self, gboolean answered);
/* After each call to the monitor: has it answered at all?  Takes the call's error, may be NULL, and gives the one for a person. */
GError *viv_machine_note_reply (VivMachine *self, GTask *task, GDBusConnection *connection, GError *error);
/* machine-calls.c.  FALSE: it doesn't run, or doesn't answer, and the task has that error. */
gboolean viv_machine_check_live (VivMachine *self, GTask *task);
/* machine-ask.c.  A call of 25 s that gives a GVariant, all of whose strings are plain and at most `most` bytes long; sinks `parameters`, `fds` may be NULL.
 * For calls of no kind of their own; the finish wants the type that the answer must have. */
void viv_machine_ask (VivMachine *self, const char *method, GVariant *parameters, GUnixFDList *fds,
                      gsize most, VivPlainFlags flags, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer data);
GVariant *viv_machine_ask_finish (VivMachine *self, GAsyncResult *result, const char *type, GError **error);
/* screens.c: VivScreenInfo *; `proxy` NULL: none. */
GPtrArray *viv_screens_read (VivMachine1 *proxy);
/* The error of a D-Bus call for a person: without D-Bus's prefix, and plain. */
void viv_machine_clean_error (GError *error);

G_END_DECLS
