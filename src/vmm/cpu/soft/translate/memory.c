/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory operands: the look-up in the translation buffer.
 *
 *   lea  edi, [ea]
 *   mov  esi, edi
 *   shr  esi, 7
 *   and  esi, (entries - 1) * 32
 *   sub  rdi, [rsp + rsi + tag]       where in the page, if it is this page
 *   cmp  rdi, 4096 - size             that, and not over its end
 *   ja   cold
 *   add  rdi, [rsp + rsi + page]
 *   …    [rdi]
 *
 * The tag is the one for writes if anything is written.  All that has no tag goes the interpreter's way: pages not seen yet, registers of
 * devices, ROM, code, pages under a dirty log, data breakpoints.
 */
#include "cpu/soft/translate/generate.h"
#include "cpu/soft/translate/layout.h"

#define ENTRY_SHIFT 5
G_STATIC_ASSERT (sizeof (SoftTlbEntry) == 1 << ENTRY_SHIFT);

unsigned
gen_reg_in (Gen *g, unsigned n, unsigned scratch)
{
  if (soft_host_reg[n] != HOST_NONE)
    return soft_host_reg[n];
  emit_load (&g->e, 8, scratch, gen_reg (n));
  return scratch;
}

void
gen_set_reg (Gen *g, unsigned n, unsigned size, unsigned host)
{
  unsigned own = soft_host_reg[n];

  if (own != HOST_NONE)
    {
      if (own != host || size == 4)
        emit_store (&g->e, size, emit_reg (own), host);
    }
  else if (size == 4)
    {
      /* The upper half is zero: the value came from a 32-bit operation. */
      emit_store (&g->e, 8, gen_reg (n), host);
    }
  else
    emit_store (&g->e, size, gen_reg (n), host);
}

/* The page of the address is known, as is the place in it. */
static gboolean
is_constant (const GenAddress *a, unsigned size)
{
  return a->constant && a->segment == 0 && (int64_t)a->value == (int32_t)a->value
         && (a->value & 0xfff) + size <= 4096;
}

gboolean
gen_can_access (const Gen *g)
{
  const SoftInsn *insn = g->insn;

  return !g->mode64 || insn->address != 2;
}

uint8_t
gen_segment (const Gen *g, unsigned segment)
{
  if (g->mode64)
    return segment >= CPU_FS ? GEN_SEGMENT (segment) : 0;
  return g->flat && (segment == CPU_DS || segment == CPU_ES || segment == CPU_SS) ? 0 : GEN_SEGMENT (segment);
}

GenAddress
gen_operand (const Gen *g)
{
  const SoftInsn *insn = g->insn;
  GenAddress a = { .base = insn->base, .index = insn->index, .scale = insn->scale, .disp = insn->disp };

  a.size = insn->address;
  a.segment = gen_segment (g, insn->seg);
  if (a.index == SOFT_REG_ZERO && (a.base == SOFT_REG_ZERO || a.base == SOFT_REG_RIP))
    {
      a.constant = TRUE;
      a.value = (a.base == SOFT_REG_RIP ? g->unit->rip : 0) + (uint64_t)(int64_t)a.disp;
      if (a.size == 4)
        a.value = (uint32_t)a.value;
      else if (a.size == 2)
        a.value = (uint16_t)a.value;
    }
  return a;
}

/* The sum without the segment's base. */
static void
gen_offset (Gen *g, const GenAddress *a, unsigned host)
{
  Emit *e = &g->e;
  unsigned base, index;

  if (a->size == 2 && !a->constant)
    {
      /* Such code has all registers in the host's. */
      GenAddress sum = *a;
      EmitRm from = emit_reg (host);

      sum.size = 4;
      if (a->index == SOFT_REG_ZERO && a->disp == 0)
        from = gen_reg (a->base);
      else
        gen_offset (g, &sum, host);
      emit_full (e, 0x0fb7, host, 4, from, 2);
    }
  else if (a->constant)
    emit_constant (e, host, a->value);
  else if (a->base == SOFT_REG_ZERO)
    {
      index = gen_reg_in (g, a->index, HOST_RDI);
      if (a->scale == 0 && a->disp == 0)
        emit_load (e, a->size, host, emit_reg (index));
      else if (a->scale == 0)
        emit_lea (e, a->size, host, emit_at (index, a->disp));
      else
        emit_lea (e, a->size, host, emit_at_index (HOST_NONE, index, a->scale, a->disp));
    }
  else
    {
      base = gen_reg_in (g, a->base, HOST_RDI);
      if (a->index != SOFT_REG_ZERO)
        {
          index = gen_reg_in (g, a->index, HOST_RSI);
          emit_lea (e, a->size, host, emit_at_index (base, index, a->scale, a->disp));
        }
      else if (a->disp != 0)
        emit_lea (e, a->size, host, emit_at (base, a->disp));
      else if (base != host || a->size == 4)
        emit_load (e, a->size, host, emit_reg (base));
    }
}

static EmitRm
segment_field (const GenAddress *a, size_t field)
{
  return gen_frame (
      (uint32_t)(offsetof (SoftCpu, check) + (a->segment - 1u) * sizeof (SoftSegmentCheck) + field));
}

static void
add_segment (Gen *g, const GenAddress *a, unsigned host)
{
  if (a->segment != 0)
    emit_rm (&g->e, g->mode64 ? 8 : 4, 0x03, host, segment_field (a, offsetof (SoftSegmentCheck, base)));
}

void
gen_address (Gen *g, const GenAddress *a, unsigned host)
{
  gen_offset (g, a, host);
  add_segment (g, a, host);
}

/* The offset is in `host`: beyond the segment's limit the interpreter does the instruction, which most often raises #GP or #SS. */
static void
check_limit (Gen *g, const GenAddress *a, unsigned host, unsigned size, unsigned access)
{
  Emit *e = &g->e;
  GenCold *cold;

  if (a->segment == 0 || g->mode64)
    return;
  emit_lea (e, 8, HOST_RSI, emit_at (host, size));
  emit_rm (e, 8, 0x3b, HOST_RSI,
           segment_field (a, offsetof (SoftSegmentCheck, top) + ((access & SOFT_ACCESS_WRITE) != 0 ? 8 : 0)));
  cold = gen_cold (g);
  cold->kind = g->sharing ? GEN_COLD_BAIL : GEN_COLD_RUN;
  cold->jump = emit_jcc (e, CC_A);
  cold->flags = g->flags;
}

static uint32_t
tag_offset (const Gen *g, unsigned access)
{
  return (uint32_t)(offsetof (SoftCpu, tlbs) + g->mmu * sizeof (SoftTlbEntry[SOFT_TLB_SIZE])
                    + ((access & SOFT_ACCESS_WRITE) != 0 ? offsetof (SoftTlbEntry, write)
                                                         : offsetof (SoftTlbEntry, read)));
}

static uint32_t
page_offset (const Gen *g)
{
  return (uint32_t)(offsetof (SoftCpu, tlbs) + g->mmu * sizeof (SoftTlbEntry[SOFT_TLB_SIZE])
                    + offsetof (SoftTlbEntry, page));
}

static unsigned
log2_of (unsigned size)
{
  return (unsigned)__builtin_ctz (size);
}

/* Looks up `size` bytes at the address in `host`.  Returns the jump where that fails; found() goes on. */
static uint32_t
look_up (Gen *g, unsigned host, unsigned size, unsigned access)
{
  Emit *e = &g->e;

  emit_load (e, 4, HOST_RSI, emit_reg (host));
  emit_digit (e, 4, 0xc1, 5, emit_reg (HOST_RSI));
  emit8 (e, 12 - ENTRY_SHIFT);
  emit_alu_imm (e, 4, 4, emit_reg (HOST_RSI), (SOFT_TLB_SIZE - 1) << ENTRY_SHIFT);
  emit_rm (e, 8, 0x2b, host, emit_at_index (HOST_RSP, HOST_RSI, 0, tag_offset (g, access)));
  emit_alu_imm (e, 8, 7, emit_reg (host), (int32_t)(4096 - size));
  return emit_jcc (e, CC_A);
}

static void
found (Gen *g, unsigned host)
{
  emit_rm (&g->e, 8, 0x03, host, emit_at_index (HOST_RSP, HOST_RSI, 0, page_offset (g)));
}

/* The largest of `n` windows, where nothing tells which. */
static const SoftWindow *
largest (const SoftWindow *windows, unsigned n)
{
  const SoftWindow *best = windows;

  for (unsigned i = 1; i < n; i++)
    if (windows[i].room > best->room)
      best = &windows[i];
  return best->room != 0 ? best : NULL;
}

static const SoftWindow *
around (const SoftWindow *windows, unsigned n, uint64_t linear)
{
  for (unsigned i = 0; i < n; i++)
    if (soft_in_window (&windows[i], linear))
      return &windows[i];
  return NULL;
}

/* The offset in SoftCpu of a window for the access; 0: none.  What lies in one when the unit is made most likely does so later, and where code
 * runs in one its data do. */
static uint32_t
window_for (const Gen *g, const GenAddress *a, unsigned access)
{
  SoftCpu *cpu = g->cpu;
  const gboolean write = (access & SOFT_ACCESS_WRITE) != 0;
  const SoftWindow *windows = write ? cpu->store_windows : cpu->load_windows, *window;
  const unsigned n = write ? G_N_ELEMENTS (cpu->store_windows) : G_N_ELEMENTS (cpu->load_windows);
  uint64_t linear;

  if (!g->window || a->constant || a->segment != 0 || a->base >= 16 || a->size != (g->mode64 ? 8 : 4))
    return 0;
  if (!gen_predict_near (g, a, &linear))
    window = largest (windows, n);
  else
    {
      if (cpu->tlbs[g->mmu][(linear >> 12) & (SOFT_TLB_SIZE - 1)].read == (linear & SOFT_PAGE_MASK))
        soft_reach_window (cpu, linear);
      window = around (windows, n, linear);
    }
  return window != NULL ? (uint32_t)((const uint8_t *)window - (const uint8_t *)cpu) : 0;
}

static EmitRm
window_field (uint32_t window, size_t field)
{
  return gen_frame (window + (uint32_t)field);
}

/* The host's address of the operand into `host`, or to the cold code that is returned. */
static GenCold *
find (Gen *g, const GenAddress *a, unsigned host, unsigned size, unsigned access)
{
  Emit *e = &g->e;
  uint32_t window = window_for (g, a, access);
  uint32_t jump;
  GenCold *cold;

  gen_offset (g, a, host);
  check_limit (g, a, host, size, access);
  add_segment (g, a, host);
  if (window != 0)
    {
      emit_rm (e, 8, 0x2b, host, window_field (window, offsetof (SoftWindow, low)));
      emit_rm (e, 8, 0x3b, host, window_field (window, offsetof (SoftWindow, room)));
      jump = emit_jcc (e, CC_AE);
      emit_rm (e, 8, 0x03, host, window_field (window, offsetof (SoftWindow, host)));
    }
  else
    {
      jump = look_up (g, host, size, access);
      found (g, host);
    }
  cold = gen_cold (g);
  cold->kind = g->sharing ? GEN_COLD_BAIL : GEN_COLD_ACCESS;
  cold->jump = jump;
  cold->window = window != 0 ? jump : 0;
  cold->window_at = window;
  cold->host = (uint8_t)host;
  cold->size = (uint16_t)size;
  cold->retry = e->at;
  cold->flags = g->flags;
  cold->access = (uint8_t)(access | (window != 0 ? SOFT_ACCESS_WINDOW : 0));
  cold->address = *a;
  return cold;
}

void
gen_cold_window (Gen *g, GenCold *cold)
{
  emit_patch_here (&g->e, cold->window);
  emit_rm (&g->e, 8, 0x03, cold->host, window_field (cold->window_at, offsetof (SoftWindow, low)));
  cold->jump = look_up (g, cold->host, cold->size, cold->access);
  found (g, cold->host);
  emit_jmp_to (&g->e, cold->retry);
}

/* It is what was planned for the running instruction, and looked at by plan.c. */
static gboolean
is_planned (const Gen *g, const GenAddress *a, unsigned size, unsigned access)
{
  const GenEffects *effects = &g->effects[g->n];

  return g->sharing && effects->size == size && !effects->calls
         && effects->write == ((access & SOFT_ACCESS_WRITE) != 0) && effects->address.base == a->base
         && effects->address.index == a->index && effects->address.scale == a->scale
         && effects->address.disp == a->disp;
}

/* The running instruction's access is one that was planned to share a look-up. */
static gboolean
is_shared (const Gen *g, const GenAddress *a, unsigned size, unsigned access)
{
  const GenShare *share = &g->share[g->n];

  return is_planned (g, a, size, access) && share->group != 0
         && (share->first || g->held[share->where].group == share->group);
}

static gboolean
can_use_gs (const Gen *g, const GenAddress *a)
{
  return g->mode64 && g->cpu->gs_distance != 0 && !a->constant && a->segment == 0 && a->size == 8
         && a->base < 16 && (a->index == SOFT_REG_ZERO || soft_host_reg[a->index] != HOST_NONE);
}

/* Base + index + disp, in host registers; RDI may be one of them. */
static EmitRm
sum (Gen *g, const GenAddress *a)
{
  unsigned base = gen_reg_in (g, a->base, HOST_RDI);

  if (a->index != SOFT_REG_ZERO)
    return emit_at_index (base, soft_host_reg[a->index], a->scale, a->disp);
  return emit_at (base, a->disp);
}

/* Whether all of what begins at the address is in the window; else the other body does the instruction. */
static void
check_window (Gen *g, const GenAddress *a, uint32_t window)
{
  Emit *e = &g->e;
  GenCold *cold;

  emit_lea (e, 8, HOST_RSI, sum (g, a));
  emit_rm (e, 8, 0x2b, HOST_RSI, window_field (window, offsetof (SoftWindow, low)));
  emit_rm (e, 8, 0x3b, HOST_RSI, window_field (window, offsetof (SoftWindow, gs_room)));
  cold = gen_cold (g);
  cold->kind = GEN_COLD_BAIL;
  cold->jump = emit_jcc (e, CC_AE);
  cold->flags = g->flags;
}

/* The operand, which was found to be in a window.  So the processor needs not wait for the comparison. */
static EmitRm
by_gs (Gen *g, const GenAddress *a)
{
  EmitRm operand = sum (g, a);

  if (g->d->map <= 3 && !g->d->lock)
    {
      operand.gs = 1;
      return operand;
    }
  /* VEX has an encoder of its own, and LOCK may ask for the host's address. */
  emit_lea (&g->e, 8, HOST_RDI, operand);
  emit_load (&g->e, 8, HOST_RSI, GEN_FIELD (gs_distance));
  emit_lea (&g->e, 8, HOST_RDI, emit_at_index (HOST_RDI, HOST_RSI, 0, 0));
  return emit_at (HOST_RDI, 0);
}

gboolean
gen_any_window (Gen *g, const SoftDecode *decodes)
{
  gboolean any = FALSE;

  gen_predict_begin (g);
  for (g->n = 0; g->n < (unsigned)g->block->cost && !any; g->n++)
    {
      const GenEffects *effects = &g->effects[g->n];

      g->insn = &g->block->insns[2 * g->n];
      g->d = &decodes[g->n];
      any = effects->size != 0 && !effects->calls && can_use_gs (g, &effects->address)
            && window_for (g, &effects->address, effects->write ? SOFT_ACCESS_WRITE : 0) != 0;
      gen_predict (g);
    }
  return any;
}

static EmitRm
held_place (const GenShare *share)
{
  return gen_frame ((uint32_t)offsetof (SoftCpu, shared_base) + (share->where - 1u) * 8);
}

EmitRm
gen_access_to (Gen *g, const GenAddress *a, unsigned size, unsigned access)
{
  Emit *e = &g->e;
  GenCold *cold;
  EmitRm operand;
  uint32_t jump;

  if (is_shared (g, a, size, access))
    {
      const GenShare *share = &g->share[g->n];
      const unsigned host = share->where == 0 ? HOST_R14 : HOST_RDI;
      GenHeld *held = &g->held[share->where];

      if (share->first)
        {
          GenAddress begin = *a;
          uint32_t window;

          begin.disp -= share->place;
          gen_flags_lose (g);
          window = can_use_gs (g, &begin) ? window_for (g, &begin, share->write ? SOFT_ACCESS_WRITE : 0) : 0;
          held->by_gs = window != 0;
          held->group = share->group;
          if (held->by_gs)
            check_window (g, &begin, window);
          else
            find (g, &begin, host, share->span, share->write ? SOFT_ACCESS_WRITE : 0);
          if (!held->by_gs && share->where != 0)
            emit_store (e, 8, held_place (share), host);
        }
      else if (!held->by_gs && share->where != 0)
        emit_load (e, 8, host, held_place (share));
      return held->by_gs ? by_gs (g, a) : emit_at (host, share->place);
    }
  if (is_planned (g, a, size, access) && can_use_gs (g, a))
    {
      uint32_t window = window_for (g, a, access);

      if (window != 0)
        {
          gen_flags_lose (g);
          check_window (g, a, window);
          return by_gs (g, a);
        }
    }
  gen_flags_lose (g);
  if (is_constant (a, size))
    {
      uint32_t entry = (uint32_t)((a->value >> 12) & (SOFT_TLB_SIZE - 1)) << ENTRY_SHIFT;

      emit_digit (e, 8, 0x81, 7, gen_frame (tag_offset (g, access) + entry));
      emit32 (e, (uint32_t)(a->value & SOFT_PAGE_MASK));
      jump = emit_jcc (e, CC_NE);
      emit_load (e, 8, HOST_RDI, gen_frame (page_offset (g) + entry));
      operand = emit_at (HOST_RDI, (int64_t)(a->value & 0xfff));
      cold = gen_cold (g);
      cold->kind = g->sharing ? GEN_COLD_BAIL : GEN_COLD_ACCESS;
      cold->jump = jump;
      cold->retry = e->at;
      cold->flags = g->flags;
      cold->access = (uint8_t)access;
      cold->address = *a;
      cold->offset = (uint32_t)operand.disp;
    }
  else
    {
      cold = find (g, a, HOST_RDI, size, access);
      operand = emit_at (HOST_RDI, 0);
    }
  cold->access |= (uint8_t)log2_of (size);
  return operand;
}

gboolean
gen_is_locked (const Gen *g)
{
  const SoftInsn *insn = g->insn;
  const unsigned op = g->d->opcode;

  /* Behind VEX the prefix's place is something else's. */
  if (!insn->mem || g->d->map >= SOFT_MAP_VEX)
    return FALSE;
  if (g->d->map == 0 && (op | 1) == 0x87)
    return TRUE;
  return insn->lock && (g->cpu->beside || (g->d->map == 0 && op >= 0x80 && op <= 0x83 && insn->imm == 0));
}

void
gen_lock (Gen *g)
{
  if (gen_is_locked (g))
    emit8 (&g->e, 0xf0);
}

/* The interpreter does the instruction if its operand isn't aligned, and so may lie in two cache lines; flags are in RAX. */
static void
check_whole (Gen *g, EmitRm operand, unsigned size)
{
  unsigned reg = HOST_RDI;

  if (operand.disp != 0 || operand.base != HOST_RDI || operand.index != HOST_NONE)
    {
      emit_lea (&g->e, 8, HOST_RSI, operand);
      reg = HOST_RSI;
    }
  emit_digit (&g->e, 1, 0xf6, 0, emit_reg (reg));
  emit8 (&g->e, size - 1);
  gen_run_if (g, CC_NE);
}

EmitRm
gen_access (Gen *g, unsigned size, unsigned access)
{
  GenAddress a = gen_operand (g);
  const gboolean check = gen_is_locked (g) && size > 1 && size < 16;
  EmitRm operand;

  if (check)
    gen_flags_clobber (g);
  operand = gen_access_to (g, &a, size, access);
  if (check)
    check_whole (g, operand, size);
  return operand;
}

EmitRm
gen_aligned (Gen *g, EmitRm operand)
{
  return gen_aligned_to (g, operand, 16);
}

EmitRm
gen_aligned_to (Gen *g, EmitRm operand, unsigned size)
{
  Emit *e = &g->e;
  GenAddress a = gen_operand (g);

  if (a.constant && a.segment == 0 && (a.value & (size - 1)) == 0)
    return operand;
  if (operand.base != HOST_RDI || operand.index != HOST_NONE || operand.disp != 0)
    {
      uint8_t gs = operand.gs;

      operand.gs = 0;
      emit_lea (e, 8, HOST_RDI, operand);
      operand = emit_at (HOST_RDI, 0);
      operand.gs = gs;
    }
  /* Pages are aligned, so either address tells. */
  emit_digit (e, 1, 0xf6, 0, emit_reg (HOST_RDI));
  emit8 (e, size - 1);
  gen_run_if (g, CC_NE);
  return operand;
}

EmitRm
gen_access_stack (Gen *g, unsigned reg, int32_t disp, unsigned size, unsigned access)
{
  GenAddress a = { .base = (uint8_t)reg, .index = SOFT_REG_ZERO, .disp = disp, .size = g->stack };

  a.segment = gen_segment (g, CPU_SS);
  return gen_access_to (g, &a, size, access);
}

void
gen_cold_access (Gen *g, const GenCold *cold)
{
  Emit *e = &g->e;
  uint32_t fix = 0;

  emit_patch_here (e, cold->jump);
  g->flags = cold->flags;
  gen_flags_save (g);
  gen_address (g, &cold->address, HOST_RDI);
  emit_constant (e, HOST_RSI, gen_ref (g, cold->insn, cold->access));
  emit_digit (e, 4, 0xff, 2, gen_frame (FRAME_COLD));
  /* It comes back here with the address, */
  if (cold->offset != 0 || cold->sse)
    fix = emit_jmp (e);
  else
    emit_jmp_to (e, cold->retry);
  /* or here. */
  gen_revive_sse (g, cold);
  if ((cold->next_flags & FLAGS_EFLAGS) != 0)
    {
      g->flags = FLAGS_RAX;
      gen_flags_load (g);
    }
  emit_jmp_to (e, cold->next);
  if (fix != 0)
    {
      emit_patch_here (e, fix);
      gen_revive_sse (g, cold);
      if (cold->offset != 0)
        emit_lea (e, 8, HOST_RDI, emit_at (HOST_RDI, -(int64_t)cold->offset));
      emit_jmp_to (e, cold->retry);
    }
}
