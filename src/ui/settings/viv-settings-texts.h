/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the settings say of keys and kinds of devices, and where people look for them.  The table of keys (machine/definition.h) has what is
 * true of them; a key or kind without a line here is shown all the same, under its own name.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

typedef enum
{
  VIV_PAGE_GENERAL,
  VIV_PAGE_SYSTEM,
  VIV_PAGE_BOOT,
  VIV_PAGE_DISPLAY,
  VIV_PAGE_DEVICE, /* with the device that it is of */
} VivSettingsPage;

typedef struct
{
  const char *key;   /* kind and key: "disk.readonly" */
  const char *title; /* translatable */
  const char *
      help; /* translatable; what it does, where the table's line would say the title again; NULL: the table's */
  VivSettingsPage page;
  const char *group; /* translatable title of the group that begins here; "" goes on */
} VivKeyText;

/* In the order in which they are shown; ends with a NULL key. */
extern const VivKeyText viv_key_texts[];
/* NULL: there is none. */
const VivKeyText *viv_key_text_find (const DeviceKind *kind, const DefinitionKey *key);

typedef struct
{
  const char *kind;
  const char *title; /* translatable: "CD Drive" */
  const char *add;   /* translatable, with a mnemonic: what adds one as it comes */
  const char *icon;
} VivKindText;

/* Of every kind: what has no line goes by the table's label. */
VivKindText viv_kind_text (const DeviceKind *kind);

G_END_DECLS
