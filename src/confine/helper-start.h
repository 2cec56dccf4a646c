/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The start that the programs have in common which a machine's monitor or broker starts beside it: PROGRAM --socket N [OPTION…].  In main(), on the only thread:
 *
 *   helper_begin()    the command line
 *   helper_warm_up()  and what else libraries open at their first use
 *   helper_confine()  before anybody is heard
 */
#pragma once

#include "confine/sandbox.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name;            /* of the program */
  const char *starter;         /* who starts it: “monitor” */
  const char *summary;         /* for --help */
  const GOptionEntry *entries; /* its own options; NULL: none */
} HelperProgram;

/* What it says is for the log, so there are no catalogues of translations, and it ends when its starter does, which hears signals of the terminal itself.  -1 and the socket, and
 * whether namespaces may be tried; else the status to exit with: there is nothing to do. */
int helper_begin (const HelperProgram *program, int argc, char **argv, int *socket, gboolean *namespaces);
/* Time zone, character set, random numbers. */
void helper_warm_up (void);
/* `config`, and VIVARIUM_SANDBOX.  FALSE: the walls don't stand, and why was said. */
gboolean helper_confine (const SandboxConfig *config);

G_END_DECLS
