/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a fuzz target says of itself.  It is a program of its own: fuzz-NAME.c with LLVMFuzzerTestOneInput() and `fuzz_target`.
 * `fuzz-NAME --make FOLDER` writes what tests/fuzz/run needs: seeds (FOLDER/seeds), the dictionary (FOLDER/words) and the rest
 * (FOLDER/facts).  So no seed lies about in the tree that nothing makes any more.
 * In a build without libFuzzer (driver.c) the program runs each of its seeds once, or the inputs that are named.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

G_BEGIN_DECLS

typedef struct
{
  /* Files and folders under src/, separated by blanks, whose blocks the target is there to reach. */
  const char *room;
  /* Bytes: more leads no further and costs time. */
  size_t max_length;
  /* Calls fuzz_seed() and fuzz_word(). */
  void (*make) (void);
} FuzzTarget;

/* The target's own. */
extern const FuzzTarget fuzz_target;
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

/* Calls `take` with each seed; with the dictionary's words as they come, too, if `words` isn't NULL. */
void fuzz_make (void (*take) (const void *data, size_t length), GString *words);
/* A g_critical() is a finding from now on. */
void fuzz_catch_criticals (void);

/* For fuzz_target.make.  One more input. */
void fuzz_seed (const void *data, size_t length);
/* One more word of the dictionary. */
void fuzz_word (const void *data, size_t length);
#define fuzz_word_text(text) fuzz_word (text, strlen (text))

/* A folder of this process below $TMPDIR, removed at the end; for sockets and images. */
const char *fuzz_folder (void);

/* Little-endian bytes of an input that is read in order; zeroes after its end. */
typedef struct
{
  const uint8_t *data;
  size_t length;
} FuzzBytes;
uint8_t fuzz_u8 (FuzzBytes *bytes);
uint16_t fuzz_u16 (FuzzBytes *bytes);
uint32_t fuzz_u32 (FuzzBytes *bytes);
uint64_t fuzz_u64 (FuzzBytes *bytes);
/* At most `most` bytes as a C string, without its zero bytes; to be freed. */
char *fuzz_text (FuzzBytes *bytes, size_t most);

G_END_DECLS
