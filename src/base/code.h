/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What those agree on who hand a guest's code to the decoder: the prompt of a monitor, the client, vivarium-decode.
 */
#pragma once

#define CODE_MOST_BYTES       4096u
#define CODE_DEFAULT_BYTES    64u
#define CODE_MOST_INSTRUCTION 15u /* bytes; SDM volume 2, 2.3.11 */
/* A line of the decoder's answer has at most so many bytes. */
#define CODE_MOST_LINE 320u
