/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine without devices for tests of the software processor: RAM at 0, a port that counts, processors that the test
 * runs itself.  Guest code is assembled with the test (GUEST_CODE) and copied to where it was assembled for.
 */
#pragma once

#include <string.h>

#include "cpu/soft/engine-soft.h"

#define GUEST_RAM (16u << 20)

typedef struct
{
  Vm *vm;
  Engine *engine;
  SoftCpu *cpu; /* the first one */
  uint8_t *ram;
  Region *region;
  unsigned writes[256]; /* to port 0x80 + n, by value */
  uint32_t last_out;
  unsigned eois[256];
  int vector; /* of the 8259 */
} Guest;

/* `mode` is .code16, .code32 or .code64; labels are local (numbers), addresses count from the code's first byte. */
#define GUEST_CODE(name, mode, text)                                                      \
  extern const uint8_t name##_code[], name##_end[];                                       \
  __asm__(".pushsection .rodata\n.balign 16\n" #name "_code:\n" mode "\n" text "\n" #name \
          "_end:\n.code64\n.popsection\n")

static inline void
guest_put (Guest *g, uint32_t address, const void *bytes, size_t length)
{
  g_assert_cmpuint (address + length, <=, GUEST_RAM);
  memcpy (g->ram + address, bytes, length);
  region_mark_dirty (g->region, address, length);
}

#define GUEST_LOAD(g, address, name) guest_put (g, address, name##_code, (size_t)(name##_end - name##_code))

static inline uint64_t
guest_get (Guest *g, uint32_t address, unsigned size)
{
  uint64_t value = 0;
  memcpy (&value, g->ram + address, size);
  return value;
}

static inline void
guest_set (Guest *g, uint32_t address, uint64_t value, unsigned size)
{
  guest_put (g, address, &value, size);
}

static uint64_t
guest_port_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0x5a5a5a00u | addr;
}

static void
guest_port_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Guest *g = opaque;
  g->writes[value & 0xff]++;
  g->last_out = (uint32_t)value;
}

static int
guest_intack (void *opaque)
{
  Guest *g = opaque;
  g_assert_true (vm_lock_held (g->vm));
  g->vm->processor->set_intr (g->vm->processor_opaque, FALSE);
  return g->vector;
}

static void
guest_eoi (void *opaque, unsigned vector)
{
  ((Guest *)opaque)->eois[vector & 0xff]++;
}

static const IoOps guest_port_ops = { .read = guest_port_read, .write = guest_port_write };

/* With a clock that is moved by hand the test runs the processors, else they have threads. */
static inline Guest *
guest_new_on_clock (const EngineConfig *config, gboolean by_hand)
{
  const unsigned n_cpus = config->n_cpus;
  Guest *g = g_new0 (Guest, 1);
  g_autoptr (GError) error = NULL;

  g->vm = vm_new (NULL, by_hand);
  vm_lock (g->vm);
  g->region = region_new_ram ("ram", GUEST_RAM, RAM_DEFAULT, &error);
  g_assert_no_error (error);
  address_space_map (g->vm->memory, g->region, 0, 0, GUEST_RAM, 0);
  g->ram = region_host (g->region);
  g_autoptr (Region) port = region_new_io ("port", 16, &guest_port_ops, g);
  address_space_map (g->vm->ports, port, 0x80, 0, 16, 0);
  vm_add_ram (g->vm, g->region);
  g->vm->n_cpus = n_cpus;
  g->vm->intack = guest_intack;
  g->vm->intack_opaque = g;
  g->vm->eoi = guest_eoi;
  g->vm->eoi_opaque = g;
  vm_unlock (g->vm);
  g->engine = soft_engine_class.create (g->vm, config, &error);
  g_assert_no_error (error);
  g->cpu = ((SoftEngine *)g->engine)->cpus[0];
  return g;
}

static inline Guest *
guest_new_with (const EngineConfig *config)
{
  return guest_new_on_clock (config, TRUE);
}

static inline Guest *
guest_new (unsigned n_cpus)
{
  const EngineConfig config = { .n_cpus = n_cpus };

  return guest_new_with (&config);
}

static inline void
guest_free (Guest *g)
{
  soft_engine_class.free (g->engine);
  region_unref (g->region);
  vm_free (g->vm);
  g_free (g);
}

/* Until the processor halts with interrupts off, or the budget ends; TRUE if it halted. */
static inline gboolean
guest_run (Guest *g, int64_t budget)
{
  SoftEngine *engine = (SoftEngine *)g->engine;

  for (int64_t left = budget; left > 0; left -= 20000)
    {
      gboolean any = FALSE;
      for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
        if (soft_cpu_runnable (engine->cpus[i]))
          {
            soft_cpu_run (engine->cpus[i], MIN (left, 20000));
            any = TRUE;
          }
      if (!any)
        return g->cpu->run_state == CPU_RUN_HALTED;
    }
  return !soft_cpu_runnable (g->cpu) && g->cpu->run_state == CPU_RUN_HALTED;
}

/* -- States to start from ------------------------------------------------------------------------------------ */

enum
{
  GDT = 0x1000,
  IDT = 0x2000,
  TSS = 0x3000,
  LDT = 0x3800,
  STACK0 = 0x8000, /* top of the ring 0 stack */
  STACK3 = 0x9000,
  STOP = 0x9100, /* HLT: where handlers of all vectors begin, 16 bytes each */
  CODE = 0xb000,
  DATA = 0xd000,
  TABLES = 0x100000,
  /* selectors */
  CS32 = 0x08,
  DS32 = 0x10,
  CS64 = 0x18,
  UCS32 = 0x23,
  UDS32 = 0x2b,
  UCS64 = 0x33,
  TSS_SEL = 0x38,
  FREE_SEL = 0x48,
};

static inline uint64_t
guest_descriptor (uint32_t base, uint32_t limit, unsigned attributes)
{
  return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attributes & 0xff) << 40
         | (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(attributes >> 8 & 15) << 52
         | (uint64_t)(base >> 24) << 56;
}

static inline void
guest_gate (Guest *g, unsigned vector, unsigned selector, uint32_t offset, unsigned type, gboolean wide)
{
  uint64_t low
      = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)type << 40 | (uint64_t)(offset >> 16) << 48;
  if (wide)
    {
      guest_set (g, IDT + vector * 16, low, 8);
      guest_set (g, IDT + vector * 16 + 8, 0, 8);
    }
  else
    guest_set (g, IDT + vector * 8, low, 8);
}

/* Handlers: vector n stores n at DATA - 16 and halts, with the frame on the stack. */
static inline void
guest_handlers (Guest *g, gboolean wide)
{
  for (unsigned i = 0; i < 48; i++)
    {
      /* cli; (push $DS32; pop %ds); movb $n, DATA - 16; hlt */
      uint8_t code32[] = { 0xfa, 0x6a, DS32, 0x1f, 0xc6, 0x05, 0xf0, 0xcf, 0x00, 0x00, (uint8_t)i, 0xf4 };
      uint8_t code64[] = { 0xfa, 0xc6, 0x04, 0x25, 0xf0, 0xcf, 0x00, 0x00, (uint8_t)i, 0xf4 };

      if (wide)
        guest_put (g, STOP + i * 16, code64, sizeof code64);
      else
        guest_put (g, STOP + i * 16, code32, sizeof code32);
      guest_gate (g, i, wide ? CS64 : CS32, STOP + i * 16, 0xee, wide);
    }
  guest_set (g, DATA - 16, 0xff, 1);
}

static inline unsigned
guest_vector (Guest *g)
{
  return (unsigned)guest_get (g, DATA - 16, 1);
}

static inline void
guest_segment (CpuState *s, unsigned n, unsigned selector, uint32_t limit, unsigned attributes)
{
  s->segment[n]
      = (CpuSegment){ .selector = (uint16_t)selector, .limit = limit, .attributes = (uint16_t)attributes };
}

/* Identity map of the first 16 MiB by 4 KiB pages in four levels; entries are at TABLES + 0x3000 + page * 8. */
static inline void
guest_tables64 (Guest *g)
{
  guest_set (g, TABLES, (TABLES + 0x1000) | 7, 8);
  guest_set (g, TABLES + 0x1000, (TABLES + 0x2000) | 7, 8);
  for (unsigned i = 0; i < 8; i++)
    {
      guest_set (g, TABLES + 0x2000 + i * 8, (TABLES + 0x3000 + i * 0x1000) | 7, 8);
      for (unsigned k = 0; k < 512; k++)
        guest_set (g, TABLES + 0x3000 + i * 0x1000 + k * 8, ((uint64_t)(i * 512 + k) << 12) | 7, 8);
    }
}

static inline void
guest_tables32 (Guest *g)
{
  for (unsigned i = 0; i < 4; i++)
    {
      guest_set (g, TABLES + i * 4, (TABLES + 0x1000 + i * 0x1000) | 7, 4);
      for (unsigned k = 0; k < 1024; k++)
        guest_set (g, TABLES + 0x1000 + i * 0x1000 + k * 4, ((i * 1024 + k) << 12) | 7, 4);
    }
}

static inline void
guest_state (Guest *g, CpuState *s, unsigned bits, unsigned cpl, gboolean paging)
{
  soft_engine_class.get_state (g->engine, 0, s);
  memset (s->gpr, 0, sizeof s->gpr);
  s->rflags = 2;
  s->rip = CODE;
  s->run_state = CPU_RUN_RUNNING;
  s->interrupt_shadow = 0;
  s->efer = 0;
  if (bits == 16)
    {
      s->cr0 = 0x10;
      for (unsigned i = 0; i < 6; i++)
        guest_segment (s, i, 0, 0xffff, 0x93);
      s->gpr[CPU_RSP] = STACK0;
      s->idt_base = 0;
      s->idt_limit = 0x3ff;
      return;
    }
  guest_set (g, GDT, 0, 8);
  guest_set (g, GDT + 0x08, guest_descriptor (0, 0xfffff, 0xc9b), 8);
  guest_set (g, GDT + 0x10, guest_descriptor (0, 0xfffff, 0xc93), 8);
  guest_set (g, GDT + 0x18, guest_descriptor (0, 0xfffff, 0xa9b), 8);
  guest_set (g, GDT + 0x20, guest_descriptor (0, 0xfffff, 0xcfb), 8);
  guest_set (g, GDT + 0x28, guest_descriptor (0, 0xfffff, 0xcf3), 8);
  guest_set (g, GDT + 0x30, guest_descriptor (0, 0xfffff, 0xafb), 8);
  guest_set (g, GDT + 0x38, guest_descriptor (TSS, 0x7ff, 0x8b), 8);
  guest_set (g, GDT + 0x40, 0, 8);
  s->gdt_base = GDT;
  s->gdt_limit = 0xfff;
  s->idt_base = IDT;
  s->idt_limit = 0xfff;
  memset (g->ram + TSS, 0, 0x800);
  guest_set (g, TSS + 0x66, 0x800, 2); /* no permission map */
  guest_handlers (g, bits == 64);
  if (bits == 64)
    {
      guest_set (g, TSS + 4, STACK0, 8);
      guest_segment (s, CPU_CS, cpl == 3 ? UCS64 : CS64, 0xffffffff, cpl == 3 ? 0xafb : 0xa9b);
      guest_tables64 (g);
      s->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
      s->cr4 = CR4_PAE | CR4_OSFXSR;
      s->cr0 = 0x80000031;
    }
  else
    {
      guest_set (g, TSS + 4, STACK0, 4);
      guest_set (g, TSS + 8, DS32, 4);
      guest_segment (s, CPU_CS, cpl == 3 ? UCS32 : CS32, 0xffffffff, cpl == 3 ? 0xcfb : 0xc9b);
      s->cr0 = 0x31 | (paging ? 0x80000000u : 0);
      s->cr4 = CR4_OSFXSR;
      if (paging)
        guest_tables32 (g);
    }
  s->cr3 = TABLES;
  for (unsigned i = 0; i < 6; i++)
    if (i != CPU_CS)
      guest_segment (s, i, cpl == 3 ? UDS32 : DS32, 0xffffffff, cpl == 3 ? 0xcf3 : 0xc93);
  s->segment[CPU_TR] = (CpuSegment){ .selector = TSS_SEL, .base = TSS, .limit = 0x7ff, .attributes = 0x8b };
  s->segment[CPU_LDTR] = (CpuSegment){ 0 };
  s->gpr[CPU_RSP] = cpl == 3 ? STACK3 : STACK0;
}

/* Four levels that end in pages of 2 MiB, the kernel's; entries are at TABLES + 0x2000 + n * 8. */
static inline void
guest_large_pages (Guest *g)
{
  guest_set (g, TABLES, (TABLES + 0x1000) | 0x23, 8);
  guest_set (g, TABLES + 0x1000, (TABLES + 0x2000) | 0x23, 8);
  for (unsigned i = 0; i < 8; i++)
    guest_set (g, TABLES + 0x2000 + i * 8, ((uint64_t)i << 21) | 0xe3, 8);
}

static inline void
guest_start (Guest *g, const CpuState *s)
{
  g_assert_true (soft_engine_class.set_state (g->engine, 0, s));
}
