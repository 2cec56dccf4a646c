/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The files of the host that a definition names and that its monitor reads or writes.  Broker and monitor each make this list from the same
 * definition, so that a number stands for a file.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

typedef struct
{
  char *path;      /* absolute where the definition has a folder */
  gboolean write;  /* a drive's that keeps what is written on it */
  gboolean create; /* made where it isn't there, with mode 0600 */
  int disk;        /* N of an image of diskN; -1 */
  unsigned depth; /* 0: the disk's own image; 1: the one that it lies on, … (no definition lists one yet) */
} DefinitionFile;

/* DefinitionFile *, freed with the array.  Firmware that comes with Vivarium or the host is among them, at each place where it may be. */
GPtrArray *definition_files (const MachineDefinition *definition);

/* The boot ROM (iPXE) that a network card has where the machine may boot from the network (machine.boot has an n); NULL: none. */
const char *definition_boot_rom (const MachineDefinition *definition, const MachineDevice *net);

/* Where firmware of this name is looked for, in this order; freed with g_strfreev(). */
char **definition_firmware_places (const char *name);

/* UEFI's images by their file names: the code, and the variables that a machine begins with. */
typedef struct
{
  const char *code, *variables;
  /* Secure Boot: `code` keeps the variables in system-management mode, safe from the system; this one, for machines without that mode, doesn't.  NULL:
   * no Secure Boot. */
  const char *code_without_smm;
} UefiImages;
/* NULL: the machine has another firmware. */
const UefiImages *definition_uefi (const MachineDefinition *definition);
/* Where the machine keeps its UEFI variables, in its folder; freed with g_free(). */
char *definition_uefi_variables (const MachineDefinition *definition);

G_END_DECLS
