/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Processors of a time: what CPUID answers in their stead, so that a guest finds what it knows, and the same on each host that it moves to.  A baseline only takes
 * away: what it doesn't name still works where the processor below has it, as CPUID is all that is changed.
 * SDM volume 2, CPUID; AMD APM volume 3, appendices D and E; x86-64 psABI 1.0, 3.1.1 (the levels x86-64, -v2 and -v3).
 *
 * All of it is constant; any thread.
 */
#pragma once

#include "cpu/cpu-model.h"

G_BEGIN_DECLS

typedef struct CpuBaseline CpuBaseline;

/* By the definition's name ("486", "x86-64-v2"…).  NULL: "host", or none of ours. */
const CpuBaseline *cpu_baseline_find (const char *name);
/* Turns what the processor below answers to (leaf, subleaf) into the baseline's answer.  `intel`: whose processor it says that it is, which it goes on
 * to say.  NULL is nothing. */
void cpu_baseline_apply (const CpuBaseline *baseline, gboolean intel, uint32_t leaf, uint32_t subleaf,
                         uint32_t out[4]);
/* FALSE and STATE_ERROR_HOST with words for a person, if `have`, which `title` (“KVM on this host”) answers without a baseline, lacks something of it. */
gboolean cpu_baseline_check (const CpuBaseline *baseline, const CpuModel *have, const char *title,
                             GError **error);

G_END_DECLS
