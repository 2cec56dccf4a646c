/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a processor says it is: the answers of CPUID, as they are saved with a machine, and what of them another processor must have, too.
 * SDM volume 2, CPUID; AMD APM volume 3, appendices D and E.
 */
#pragma once

#include "core/state.h"

G_BEGIN_DECLS

typedef struct
{
  uint32_t leaf, subleaf;
  uint32_t out[4]; /* EAX, EBX, ECX, EDX */
} CpuidLeaf;

#define CPU_MODEL_LEAVES 160

typedef struct
{
  uint32_t n;
  CpuidLeaf leaf[CPU_MODEL_LEAVES];
} CpuModel;

extern const StateField cpu_model_fields[];

typedef void (*CpuidFunc) (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* Asks for all leaves that are known. */
void cpu_model_read (CpuModel *model, CpuidFunc cpuid, void *opaque);
/* FALSE and zeroes if there is none.  `subleaf` counts where a leaf has such. */
gboolean cpu_model_find (const CpuModel *model, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* What `wanted` has and `have` lacks, in words; NULL: nothing. */
char *cpu_model_missing (const CpuModel *wanted, const CpuModel *have);
/* A guest that has seen `saved` can go on with `have`.  Else FALSE and an error that names what `title` (“KVM on this host”) lacks. */
gboolean cpu_model_check (const CpuModel *saved, const CpuModel *have, const char *title, GError **error);
/* For VmProcessorOps.save_model and load_model; the latter leaves what was loaded in `saved`. */
void cpu_model_save (const CpuModel *model, GByteArray *out);
gboolean cpu_model_load (CpuModel *saved, const CpuModel *have, const char *title, unsigned version,
                         const uint8_t *data, size_t length, GError **error);

G_END_DECLS
