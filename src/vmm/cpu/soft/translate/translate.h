/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The translator: code that runs often becomes host code.  x86 to x86-64, instruction by instruction, with the guest's flags in the host's,
 * a fixed place for each register, and the translation buffer's look-up in line.  What has no translation, and what isn't in the translation
 * buffer, goes to the interpreter, which so stays the definition of every instruction.
 *
 * A unit is straight code from one linear address on, within one page, up to a jump, with exits where conditional jumps are taken.  Units of
 * a page jump to each other directly; a jump that comes from elsewhere goes through the unit's guard, which compares the id of (linear page,
 * host page) that it was made for with that in SoftCpu.exec_id, which a flush of the translation buffer clears.  So no link and no jump cache is
 * ever undone when page tables change.
 *
 * Each processor has a translator of its own, which belongs to its thread.
 */
#pragma once

#include <stdio.h>

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/translate/emit.h"

G_BEGIN_DECLS

typedef struct SoftUnit SoftUnit;

/* A poll: a load that faults when somebody wants the processor's attention. */
typedef struct
{
  uint32_t load; /* offsets in the buffer: the load, */
  uint32_t stub; /* and where it goes on if it faults */
} SoftPoll;

/* A way out of a unit that may be linked to another one. */
typedef struct
{
  uint64_t rip;
  uint32_t site;  /* of the jump's distance in the buffer; 0: not linked */
  uint8_t cross;  /* the target is in another page: through its guard */
  uint8_t eflags; /* flags are in EFLAGS there, not in RAX */
  SoftUnit *unit;
} SoftExit;

struct SoftUnit
{
  SoftUnit *hash_next;
  gboolean dead;       /* its code was overwritten */
  SoftBlock *block;    /* its instructions: each followed by an entry that ends a run */
  const uint8_t *host; /* with the next two: what it is found by */
  uint64_t rip;
  uint32_t key;               /* SoftCpu.unit_key */
  uint32_t cs_base, cs_limit; /* of the segment that it is in; 64-bit code: 0 and all ones */
  unsigned jump_class;
  unsigned n_pages;
  uint32_t page_id[2];
  /* Offsets in the buffer. */
  uint32_t start, end;
  uint32_t guard;            /* entry from anywhere, flags in RAX */
  uint32_t entry_rax;        /* from the same page, flags in RAX */
  uint32_t entry_flags;      /* flags in EFLAGS; never the same place, so that both can become jumps */
  uint32_t miss, miss_flags; /* leave with RIP at the unit */
  unsigned n_polls;
  SoftPoll *polls;
  gboolean runs;  /* some of its instructions are interpreted */
  uint8_t checks; /* how often it has been compared with the interpreter */
};

/* Where a jump from the same page goes. */
static inline uint32_t
soft_unit_entry (const SoftUnit *unit, gboolean eflags)
{
  if (eflags)
    return unit->entry_flags;
  return unit->n_pages > 1 ? unit->guard : unit->entry_rax;
}

/* Of SoftCpu.exec_id, for page `i` of the unit. */
static inline unsigned
soft_unit_slot (const SoftUnit *unit, unsigned i)
{
  return (unsigned)(((unit->rip + unit->cs_base) >> 12) + i) & (SOFT_EXEC_SIZE - 1);
}

/* SoftCpu.unit_key: the decoder's key with what else translated code depends on. */
enum
{
  SOFT_UNIT_KEY_MMU_SHIFT = 8,   /* SOFT_MMU_… */
  SOFT_UNIT_KEY_COUNT = 1 << 10, /* budget is counted */
  SOFT_UNIT_KEY_SSE = 1 << 11,   /* SSE instructions don't fault: CR0.EM and TS, CR4.OSFXSR, MXCSR's masks */
  SOFT_UNIT_KEY_AVX = 1 << 12,   /* AVX ones don't: CR0.TS, CR4.OSXSAVE, XCR0, MXCSR's masks */
  SOFT_UNIT_KEY_CS = 1 << 13,    /* CS has a base or a limit: units ask for those that they were made for */
  SOFT_UNIT_KEY_NONE = 1 << 30,  /* this mode isn't translated */
};

#define SOFT_UNIT_MAX_INSNS   64
#define SOFT_UNIT_MAX_EXITS   4
#define SOFT_UNIT_BUFFER_SIZE (64u << 20)
#define SOFT_HEAT_NEVER       0xffff

typedef struct
{
  uint64_t linear, host;
  uint32_t id;
} SoftPageId;

typedef struct SoftCheck SoftCheck;

struct SoftTranslator
{
  SoftCpu *cpu;
  gboolean always;
  /* The buffer's two views, never both in one: what is written is not executed there. */
  uint8_t *write;
  const uint8_t *execute;
  uint32_t used;
  gboolean changed; /* since the last soft_unit_serialize() */
  /* SoftUnit, SoftExit, SoftPoll. */
  uint8_t *arena;
  size_t arena_used;
  SoftUnit **hash;
  SoftUnit **units; /* in the order of the buffer */
  unsigned n_units;
  SoftPageId *pages; /* hash of ids */
  unsigned n_pages;
  uint32_t next_id;
  uint32_t classes[SOFT_N_UNIT_CLASSES]; /* their keys */
  unsigned n_classes;
  void *poll_page, *stop_page; /* readable, and not */
  struct Gen *generator;       /* room for what makes a unit */
  SoftCheck *check;            /* VIVARIUM_SOFT=check, else NULL */
  FILE *perf_map;
  struct
  {
    uint64_t units, insns, native, runs, entered, linked, cold, cold_runs, cold_bounce, misses, unlinked,
        interpreted, flushes;
  } count;
};

/* The code segment of translated code. */
static inline uint32_t
soft_unit_cs_base (const SoftCpu *cpu)
{
  return (uint32_t)cpu->check[CPU_CS].base;
}
static inline uint32_t
soft_unit_cs_limit (const SoftCpu *cpu)
{
  return (cpu->unit_key & SOFT_UNIT_KEY_CS) != 0 ? cpu->segment[CPU_CS].limit : ~(uint32_t)0;
}
/* The unit is what is at that RIP in the processor's mode, if the bytes are. */
static inline gboolean
soft_unit_fits (const SoftCpu *cpu, const SoftUnit *unit, uint64_t rip)
{
  return unit->rip == rip && unit->key == cpu->unit_key && unit->cs_base == soft_unit_cs_base (cpu)
         && unit->cs_limit == soft_unit_cs_limit (cpu);
}

/* What the making of one unit may take at most. */
#define SOFT_UNIT_MAX_CODE  (64u << 10)
#define SOFT_UNIT_MAX_ARENA (16u << 10)

/* -- buffer.c -------------------------------------------------------------------------------------- */
/* NULL with a reason where the host gives no executable memory. */
SoftTranslator *soft_translator_new (SoftCpu *cpu, GError **error);
/* Only tells whether it would work. */
gboolean soft_translator_possible (GError **error);
void soft_translator_free (SoftTranslator *translator);
/* Forgets all translated code; not while any runs. */
void soft_translator_flush (SoftTranslator *translator);
/* Counters to the debug log. */
void soft_translator_report (const SoftTranslator *translator);
/* There may be no room for one more unit. */
gboolean soft_translator_full (const SoftTranslator *translator);
/* Zeroed, for as long as the code lives. */
void *soft_translator_alloc (SoftTranslator *translator, size_t size);
/* Id of a page of code: of `host`, seen at `linear`. */
uint32_t soft_translator_page_id (SoftTranslator *translator, uint64_t linear, const uint8_t *host);
/* Of the processor's present mode and code segment. */
SoftUnit *soft_translator_find (const SoftTranslator *translator, const uint8_t *host, uint64_t rip);
void soft_translator_add (SoftTranslator *translator, SoftUnit *unit);
/* What code has this offset in the buffer; async-signal-safe. */
const SoftUnit *soft_translator_unit_at (const SoftTranslator *translator, uint32_t offset);
static inline uint32_t
soft_translator_ref (const SoftTranslator *translator, const void *object)
{
  return (uint32_t)(((const uint8_t *)object - translator->arena) / 8);
}

/* -- signal.c -------------------------------------------------------------------------------------- */
/* From here on polls of translated code may fault. */
void soft_signal_add (void);
void soft_signal_remove (void);

/* -- generate.c ------------------------------------------------------------------------------------ */
/* Makes a unit of what is at `host`, the host's address of CS:RIP.  NULL: it can't be. */
SoftUnit *soft_unit_make (SoftCpu *cpu, const uint8_t *host, Region *region);

/* -- check.c --------------------------------------------------------------------------------------- */
SoftCheck *soft_check_new (void);
void soft_check_free (SoftCheck *check);
/* TRUE: the unit is to be run, and then soft_check_after(). */
gboolean soft_check_before (SoftCpu *cpu, SoftUnit *unit);
void soft_check_after (SoftCpu *cpu);
/* It may be linked: it need not come back to be compared. */
gboolean soft_check_done (const SoftUnit *unit);

/* -- runtime.c ------------------------------------------------------------------------------------- */
/* Prepares a new processor. */
void soft_unit_setup (SoftCpu *cpu);
/* Runs translated code at CS:RIP, or returns a block for the interpreter. */
SoftBlock *soft_unit_step (SoftCpu *cpu);
void soft_unit_kill (SoftTranslator *translator, SoftUnit *unit);
void soft_unit_enter (SoftCpu *cpu, const void *entry);
void soft_unit_serialize (void);
void soft_unit_thunk_leave (void);
void soft_unit_thunk_run (void);
void soft_unit_thunk_cold (void);
void soft_unit_thunk_sse (void);
void soft_unit_thunk_high (void);
/* Empties jump cache and ids. */
void soft_unit_forget (SoftCpu *cpu);
/* Carries out `n` of the running unit's instructions; TRUE: translated code goes on behind them. */
gboolean soft_unit_interpret (SoftCpu *cpu, const SoftInsn *insn, unsigned n);
/* Called by thunks. */
uint32_t soft_unit_run (SoftCpu *cpu, uint32_t ref);
uintptr_t soft_unit_cold (SoftCpu *cpu, uint32_t ref, uint64_t linear);
/* A handler: ends a run of the interpreter within a unit. */
void soft_unit_stop (SoftCpu *cpu, const SoftInsn *insn);
/* What ESI carries to soft_unit_run() and soft_unit_cold(): where the SoftInsn is in the arena of code, in 16 bytes; above, what kind of
 * access. */
#define SOFT_REF_BITS 24
enum
{
  SOFT_ACCESS_SIZE = 7, /* log2 of bytes */
  SOFT_ACCESS_WRITE = 8,
  SOFT_ACCESS_ALIGNED = 32, /* to its size, or it faults */
  SOFT_ACCESS_WHOLE = 16,   /* not from RAM: the interpreter does the whole instruction */
  SOFT_ACCESS_WINDOW = 64,  /* looked into the window first */
};

G_END_DECLS
