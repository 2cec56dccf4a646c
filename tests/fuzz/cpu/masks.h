/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What need not be equal, and why.
 */
#pragma once

#include "table.h"

/* Makes equal, in both results, what the manuals leave open or what processors' makers do in different ways. */
void fuzz_mask (const FuzzCase *c, FuzzResult *native, FuzzResult *soft);
