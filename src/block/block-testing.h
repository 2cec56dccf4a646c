/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Images for tests: one in memory, and a layer of faults over any.  Reached by BlockConfig.test alone, which only unit tests and the
 * monitor's --test-image set.  It is a list of words, separated by commas:
 *
 *   memory             the content is copied from the file, and changes to it are lost at close
 *   memory=BYTES       no file: zeros
 *   fail=OP:ERRNO      "write:ENOSPC": such requests fail; fail=OP:ERRNO:COUNT only so many, fail=OP:ERRNO:COUNT:SKIP after so many.
 *                      OP is read, write, flush, discard or zeroes, ERRNO a name of errno(3)
 *   partial            a write that fails so has written its first half
 *   delay=N            each request waits for up to N microseconds, at random
 *   volatile           writes are in a cache of the drive until a flush, and lose it at a crash; see block_faults_crash()
 *   crash=N            the N-th write crashes the drive, and ends the process
 *   seed=N             of what is random
 *
 * An empty list makes a layer that does nothing until it is told to.  All functions from any thread.
 */
#pragma once

#include "block/block-driver.h"

G_BEGIN_DECLS

typedef struct BlockFaults BlockFaults;

extern const BlockDriver block_faults_driver;
/* Takes `image` over, on error too. */
void *block_faults_new (const BlockDriver *driver, void *image, const BlockConfig *config, GError **error);
/* The value of a word of the list, "" if it has none; NULL: the word isn't there.  Free with g_free(). */
char *block_test_word (const char *list, const char *word);

/* "FILE:WORDS": images whose file has that base name get those words.  Before the process has other threads. */
gboolean block_testing_name (const char *text, GError **error);
/* Those of the configuration, or of its file's name; NULL: it is no image of a test. */
const char *block_testing_words (const BlockConfig *config);

/* NULL: the image has no such layer. */
BlockFaults *block_get_faults (Block *block);
/* After `skip` more requests of the kind the next `n` fail with a positive errno.  Replaces what was said of it before. */
void block_faults_fail (BlockFaults *faults, BlockOp op, int error, unsigned n, unsigned skip);
void block_faults_set_partial (BlockFaults *faults, gboolean partial);
void block_faults_set_delay (BlockFaults *faults, unsigned us);
/* While on, requests from queues stay here. */
void block_faults_hold (BlockFaults *faults, gboolean on);
unsigned block_faults_held (BlockFaults *faults);
/* Carries out the n-th of those held, on this thread.  FALSE: there is none. */
gboolean block_faults_release (BlockFaults *faults, unsigned n);
/* The power fails: of each sector, what the last flush promised or any one of the writes since is on the image; sectors of one write
 * go each their own way.  From now on all requests fail with EIO. */
void block_faults_crash (BlockFaults *faults);

G_END_DECLS
