/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person sorts machines by: "work, windows".  A tag is a line of text without commas or blanks at its ends; of those that differ in
 * case alone the first counts.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TAGS_MAX_LENGTH 512 /* bytes of all tags of a machine */

/* In the order of the alphabet, each once; never NULL.  What is no tag is left out.  `text` may be NULL. */
GStrv tags_parse (const char *text);
/* "a, b"; takes any list that tags_parse() makes. */
char *tags_to_text (const char *const *tags);
/* Whether all of `text` is tags. */
gboolean tags_check (const char *text);
gboolean tags_have (const char *const *tags, const char *tag);
/* `text` with and without tags, as text again. */
char *tags_change (const char *text, const char *const *add, const char *const *remove);

G_END_DECLS
