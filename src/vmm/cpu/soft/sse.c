/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decoding of MMX and SSE: which function an opcode with its mandatory prefix has.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu.h"
#include "cpu/soft/host.h"
#include "cpu/soft/sse.h"

/* By map 0F, 0F 38, 0F 3A; prefix; opcode.  Where ModRM.reg counts, the first of its entries, which are neighbours. */
static const SoftSseEntry *lookup[3][4][256];

static void
build_lookup (void)
{
  static const SoftSseEntry *const tables[]
      = { soft_sse_move_table,      soft_sse_integer_table, soft_sse_float_table,
          soft_sse_immediate_table, soft_mmx_table,         soft_sse_state_table };

  for (unsigned i = 0; i < G_N_ELEMENTS (tables); i++)
    for (const SoftSseEntry *entry = tables[i]; entry->reg != NULL || entry->mem != NULL; entry++)
      {
        const SoftSseEntry **place = &lookup[entry->map - 1][entry->prefix][entry->opcode];

        if (!soft_host_has (entry->flags >> 8))
          continue;
        g_assert (*place == NULL || entry->digit >= 0);
        if (*place == NULL)
          *place = entry;
      }
}

static const SoftSseEntry *
find_digit (const SoftSseEntry *entry, unsigned digit)
{
  const SoftSseEntry *first = entry;

  for (; entry->map == first->map && entry->prefix == first->prefix && entry->opcode == first->opcode;
       entry++)
    if (entry->digit == (int)digit)
      return entry;
  return NULL;
}

gboolean
soft_decode_sse (SoftDecode *d, SoftInsn *insn)
{
  static gsize built;
  unsigned prefix = d->rep == 0xf3 ? SSE_F3 : d->rep == 0xf2 ? SSE_F2 : d->opsize ? SSE_66 : SSE_NP;
  const SoftSseEntry *entry;
  SoftHelper helper;

  if (g_once_init_enter (&built))
    {
      build_lookup ();
      g_once_init_leave (&built, 1);
    }
  if (d->map < 1 || d->map > 3)
    return FALSE;
  entry = lookup[d->map - 1][prefix][d->opcode];
  insn->opcode = (uint16_t)(d->map << 8 | d->opcode);
  insn->size = (d->rex & 8) != 0 ? 8 : 4;
  if (d->map == 1 && d->opcode == 0x77)
    {
      if (entry == NULL)
        return FALSE;
      soft_decode_call (insn, entry->reg);
      return TRUE;
    }
  if (entry == NULL && !(d->map == 1 && d->opcode == 0xae && prefix == SSE_F3))
    return FALSE;

  soft_decode_modrm (d, insn);
  if (entry == NULL)
    return !insn->mem && (insn->modrm >> 3 & 7) < 4 && soft_decode_fsgsbase (d, insn);
  if (!insn->mem)
    {
      insn->address = d->address_size;
      insn->seg = d->segment >= 0 ? (uint8_t)d->segment : CPU_DS;
    }
  if (entry->digit >= 0)
    {
      entry = find_digit (entry, insn->modrm >> 3 & 7);
      if (entry == NULL || (d->opcode == 0x01 && insn->modrm != 0xd0 && insn->modrm != 0xd1))
        return FALSE;
      /* 0F 01 D0 and D1 differ in ModRM.rm only. */
      if (d->opcode == 0x01 && insn->modrm == 0xd1)
        entry++;
    }
  helper = insn->mem ? entry->mem : entry->reg;
  if (helper == NULL)
    return FALSE;
  insn->a = d->reg;
  insn->b = d->rm;
  if ((entry->flags & SSE_IMM8) != 0)
    insn->imm = soft_fetch8 (d);
  soft_decode_call (insn, helper);
  return TRUE;
}
