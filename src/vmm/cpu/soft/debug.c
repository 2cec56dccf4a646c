/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Debug registers (SDM volume 3, 17.2) and alignment checks.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"

enum
{
  DR6_BD = 1 << 13,
  DR7_GD = 1 << 13,
};
#define DR6_FIXED 0xffff0ff0u
#define DR7_FIXED 0x400u

/* DR7: two enable bits, then type and length of each. */
static gboolean
enabled (const SoftCpu *cpu, unsigned n)
{
  return ((cpu->dr[7] >> (2 * n)) & 3) != 0;
}

static unsigned
kind (const SoftCpu *cpu, unsigned n)
{
  return (cpu->dr[7] >> (16 + 4 * n)) & 3;
}

static unsigned
length (const SoftCpu *cpu, unsigned n)
{
  static const uint8_t lengths[4] = { 1, 2, 8, 4 };
  return lengths[(cpu->dr[7] >> (18 + 4 * n)) & 3];
}

static void
watch_for_debugger (SoftCpu *cpu, uint64_t linear, unsigned size, gboolean write)
{
  const EngineDebug *debug = &cpu->engine->parent.debug;

  for (unsigned i = 0; i < debug->n_points; i++)
    {
      const EnginePoint *point = &debug->points[i];

      if ((point->kind == ENGINE_POINT_ACCESS || (point->kind == ENGINE_POINT_WRITE && write))
          && (point->address - linear < size || linear - point->address < point->length))
        {
          cpu->debug.hit = TRUE;
          cpu->debug.point = i;
        }
    }
}

void
soft_watch_access (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, gboolean write)
{
  if (cpu->cpl == 3 && (cpu->cr0 & CR0_AM) != 0 && (cpu->eflags & FLAG_AC) != 0 && size <= 8
      && (linear & (size - 1)) != 0)
    soft_raise_error (cpu, insn, EXC_AC, 0);
  if (cpu->debug.watching)
    watch_for_debugger (cpu, linear, size, write);
  for (unsigned i = 0; i < 4; i++)
    if (enabled (cpu, i) && (kind (cpu, i) == 3 || (kind (cpu, i) == 1 && write)))
      {
        uint64_t at = cpu->dr[i] & ~(uint64_t)(length (cpu, i) - 1);
        if (linear < at + length (cpu, i) && at < linear + size)
          {
            cpu->pending_db |= 1u << i;
            /* Leave the block after this instruction. */
            __atomic_store_n (&cpu->threshold, INT64_MAX, __ATOMIC_RELAXED);
            g_atomic_int_or (&cpu->attention, SOFT_ATTENTION_INTERRUPT);
          }
      }
}

void
soft_watch_io (SoftCpu *cpu, unsigned port, unsigned size)
{
  if ((cpu->cr4 & CR4_DE) == 0 || (cpu->dr[7] & 0xff) == 0)
    return;
  for (unsigned i = 0; i < 4; i++)
    if (enabled (cpu, i) && kind (cpu, i) == 2)
      {
        uint64_t at = cpu->dr[i] & ~(uint64_t)(length (cpu, i) - 1);
        if (port < at + length (cpu, i) && at < port + size)
          cpu->pending_db |= 1u << i;
      }
}

void
soft_check_breakpoints (SoftCpu *cpu)
{
  uint64_t linear = (cpu->check[CPU_CS].base + cpu->reg[SOFT_REG_RIP]) & cpu->linear_mask;
  uint32_t hit = 0;

  if ((cpu->eflags & FLAG_RF) != 0)
    return;
  for (unsigned i = 0; i < 4; i++)
    if (enabled (cpu, i) && kind (cpu, i) == 0 && cpu->dr[i] == linear)
      hit |= 1u << i;
  if (hit != 0)
    {
      cpu->dr[6] = (cpu->dr[6] & ~(uint64_t)15) | hit;
      cpu->dr[7] &= ~(uint64_t)DR7_GD;
      soft_raise (cpu, NULL, EXC_DB);
    }
}

static void
check_access (SoftCpu *cpu, const SoftInsn *insn, unsigned *n)
{
  if (cpu->cpl != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (*n == 4 || *n == 5)
    {
      if (cpu->cr4 & CR4_DE)
        soft_raise (cpu, insn, EXC_UD);
      *n += 2;
    }
  if (cpu->dr[7] & DR7_GD)
    {
      cpu->dr[6] |= DR6_BD;
      cpu->dr[7] &= ~(uint64_t)DR7_GD;
      soft_raise (cpu, insn, EXC_DB);
    }
}

void
soft_set_dr (SoftCpu *cpu, const SoftInsn *insn, unsigned n, uint64_t value)
{
  check_access (cpu, insn, &n);
  if (n >= 6 && (value >> 32) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (n == 6)
    value = (value & 0xe00f) | DR6_FIXED;
  else if (n == 7)
    value = (value & 0xffff2bff) | DR7_FIXED;
  cpu->dr[n] = value;
  soft_update_mode (cpu);
}

uint64_t
soft_get_dr (SoftCpu *cpu, const SoftInsn *insn, unsigned n)
{
  check_access (cpu, insn, &n);
  return cpu->dr[n];
}

/* -- A debugger's ----------------------------------------------------------------------------------------------------- */

static SoftDebugNext
stop_for_debugger (SoftCpu *cpu, EngineStopKind kind, unsigned n)
{
  SoftEngine *engine = cpu->engine;
  const EnginePoint *point = kind == ENGINE_STOP_POINT ? &engine->parent.debug.points[n] : NULL;
  const EngineStop stop = { .kind = kind,
                            .cpu = cpu->n,
                            .point = point != NULL ? point->kind : 0,
                            .address = point != NULL ? point->address : 0 };

  cpu->debug.hit = cpu->debug.stepped = FALSE;
  cpu->debug.stopped = TRUE;
  engine_debug_stop (&engine->parent, &stop);
  return SOFT_DEBUG_STOP;
}

SoftDebugNext
soft_debug_next (SoftCpu *cpu)
{
  const EngineDebug *debug = &cpu->engine->parent.debug;
  const uint64_t linear = (cpu->check[CPU_CS].base + cpu->reg[SOFT_REG_RIP]) & cpu->linear_mask;
  const gboolean met = cpu->debug.met && cpu->debug.met_at == linear;
  uint64_t nearest = G_MAXUINT64;
  const SoftBlock *block;

  if (cpu->debug.hit)
    return stop_for_debugger (cpu, ENGINE_STOP_POINT, cpu->debug.point);
  if (cpu->debug.stepped)
    return stop_for_debugger (cpu, ENGINE_STOP_STEP, 0);
  for (unsigned i = 0; i < debug->n_points; i++)
    if (debug->points[i].kind == ENGINE_POINT_EXECUTE)
      {
        const uint64_t distance = (debug->points[i].address - linear) & cpu->linear_mask;

        if (distance == 0 && !met)
          {
            cpu->debug.met = TRUE;
            cpu->debug.met_at = linear;
            return stop_for_debugger (cpu, ENGINE_STOP_POINT, i);
          }
        nearest = MIN (nearest, distance);
      }
  cpu->debug.met = FALSE;
  if (cpu->debug.step)
    {
      /* Before the instruction, as one that faults doesn't come back here. */
      cpu->debug.stepped = TRUE;
      return SOFT_DEBUG_ONE;
    }
  if (cpu->watching || cpu->shadow != 0 || (cpu->eflags & FLAG_TF) != 0 || (cpu->dr[7] & 0xff) != 0 || met)
    return SOFT_DEBUG_ONE;
  block = soft_find_block (cpu);
  return nearest < block->bytes ? SOFT_DEBUG_ONE : SOFT_DEBUG_BLOCK;
}

void
soft_debug_changed (SoftCpu *cpu)
{
  const EngineDebug *debug = &cpu->engine->parent.debug;

  cpu->debug.step = (debug->steps >> cpu->n & 1) != 0;
  cpu->debug.stands = (debug->stands >> cpu->n & 1) != 0;
  cpu->debug.stepped = cpu->debug.hit = FALSE;
  cpu->debug.active = cpu->debug.step || debug->n_points > 0;
  cpu->debug.watching = FALSE;
  for (unsigned i = 0; i < debug->n_points; i++)
    if (debug->points[i].kind != ENGINE_POINT_EXECUTE)
      cpu->debug.watching = TRUE;
  soft_update_mode (cpu);
}
