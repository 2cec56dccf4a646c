/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software half: a processor in a machine of RAM alone, with page tables, descriptors and handlers of a tiny kernel.
 *
 * A case is entered by IRETQ and left by an exception, whose handler halts: its own, or #GP of the HLT at FUZZ_EXIT, to which the code
 * jumps after the instruction.  So the paths that a guest takes are taken here too.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "fuzz.h"

#include <string.h>

#include "cpu/soft/engine-soft.h"

/* Physical memory. */
enum
{
  PHYS_PML4 = 0x1000,
  PHYS_PDPT_LOW = 0x2000,
  PHYS_PDPT_HIGH = 0x3000,
  PHYS_PD_LOW = 0x4000,
  PHYS_PD_HIGH = 0x5000,
  PHYS_PT_LOW = 0x6000,  /* from 0 */
  PHYS_PT_CODE = 0x7000, /* from FUZZ_CODE */
  PHYS_PT_DATA = 0x8000, /* from FUZZ_DATA */
  PHYS_GDT = 0x9000,
  PHYS_IDT = 0xa000,
  PHYS_TSS = 0xb000,
  PHYS_STACK = 0xc000,
  PHYS_HANDLERS = 0xd000, /* 16 bytes a vector */
  PHYS_IRET = 0xe000,
  PHYS_LDT = 0xf000,
  PHYS_CODE = 0x10000, /* two pages */
  PHYS_EXIT = 0x12000,
  PHYS_DATA = 0x13000,
  PHYS_READONLY = 0x14000,
  PHYS_PD_KERNEL = 0x15000, /* from FUZZ_KERNEL_CODE */
  PHYS_FAULTS = 0x17000,    /* the stack of faults in a kernel: IST 1 ends here */
  PHYS_SIZE = 0x200000,
};
#define KERNEL 0xffff800000000000 /* linear address of physical 0 for the kernel */

enum
{
  PTE_PRESENT = 1 << 0,
  PTE_WRITE = 1 << 1,
  PTE_USER = 1 << 2,
  PTE_USED = 3 << 5, /* accessed and dirty */
  PTE_LARGE = 1 << 7,
};

#define PTE_NX ((uint64_t)1 << 63)

enum
{
  KERNEL_CS = 0x10,
  KERNEL_SS = 0x18,
  TSS_SELECTOR = 0x40,
  LDT_SELECTOR = 0x50, /* only in its register */
};

enum
{
  CS64_ATTRIBUTES = 0xa9b,
  CS32_ATTRIBUTES = 0xcfb,
  SHORT_STACK_ATTRIBUTES = 0x8f3,
  DATA_ATTRIBUTES = 0xc93,
  USER = 0x60,
};

typedef struct
{
  Vm *vm;
  Engine *engine;
  SoftCpu *cpu;
  uint8_t *ram;
  CpuState state;
  uint8_t *kernel_ram; /* at FUZZ_KERNEL_CODE */
  gboolean kernel;
  int mode; /* of the segments that are loaded: 0, or 1 for compatibility mode; -1: none */
} Machine;

static Machine machines[2];
static Machine *m = machines; /* the one that works */

static void
put64 (unsigned address, uint64_t value)
{
  memcpy (m->ram + address, &value, 8);
}

static uint64_t
get64 (unsigned address)
{
  uint64_t value;

  memcpy (&value, m->ram + address, 8);
  return value;
}

static void
build_tables (gboolean low)
{
  const unsigned user_table = PTE_PRESENT | PTE_WRITE | PTE_USER;

  put64 (PHYS_PML4, PHYS_PDPT_LOW | user_table);
  put64 (PHYS_PML4 + 256 * 8, PHYS_PDPT_HIGH | PTE_PRESENT | PTE_WRITE);
  put64 (PHYS_PDPT_LOW, PHYS_PD_LOW | user_table);
  put64 (PHYS_PDPT_HIGH, PHYS_PD_HIGH | PTE_PRESENT | PTE_WRITE);
  put64 (PHYS_PD_HIGH, 0 | PTE_PRESENT | PTE_WRITE | PTE_LARGE);
  put64 (PHYS_PD_LOW, PHYS_PT_LOW | user_table);
  put64 (PHYS_PD_LOW + (FUZZ_CODE >> 21) * 8, PHYS_PT_CODE | user_table);
  put64 (PHYS_PD_LOW + (FUZZ_DATA >> 21) * 8, PHYS_PT_DATA | user_table);
  for (unsigned i = 0; i < 2; i++)
    put64 (PHYS_PT_CODE + i * FUZZ_CODE_STRIDE / FUZZ_PAGE * 8,
           (PHYS_CODE + i * FUZZ_PAGE) | PTE_PRESENT | PTE_USER);
  put64 (PHYS_PT_CODE + (FUZZ_EXIT - FUZZ_CODE) / FUZZ_PAGE * 8, PHYS_EXIT | PTE_PRESENT | PTE_USER);
  put64 (PHYS_PT_DATA, PHYS_DATA | user_table | PTE_NX);
  put64 (PHYS_PT_DATA + 8, PHYS_READONLY | PTE_PRESENT | PTE_USER | PTE_NX);
  for (unsigned i = 0; i < FUZZ_KERNEL_SIZE >> 21; i++)
    put64 (PHYS_PD_KERNEL + i * 8,
           (FUZZ_KERNEL_CODE + (i << 21)) | PTE_PRESENT | PTE_WRITE | PTE_USED | PTE_LARGE);
  if (low)
    put64 (PHYS_PT_LOW + FUZZ_LOW / FUZZ_PAGE * 8, PHYS_DATA | user_table | PTE_NX);

  put64 (PHYS_GDT + KERNEL_CS, 0x00af9b000000ffff);
  put64 (PHYS_GDT + KERNEL_SS, 0x00cf93000000ffff);
  put64 (PHYS_GDT + (FUZZ_CS32 & ~7), 0x00cffb000000ffff);
  put64 (PHYS_GDT + (FUZZ_DS & ~7), 0x00cff3000000ffff);
  put64 (PHYS_GDT + (FUZZ_CS64 & ~7), 0x00affb000000ffff);
  put64 (PHYS_GDT + TSS_SELECTOR, 0x00008b0000000067 | (uint64_t)PHYS_TSS << 16);
  put64 (PHYS_GDT + TSS_SELECTOR + 8, KERNEL >> 32);

  put64 (PHYS_LDT + (FUZZ_SHORT_SS & ~7), 0x008ff3000000ffff);

  put64 (PHYS_TSS + 4, KERNEL + PHYS_STACK + FUZZ_PAGE); /* RSP0 */
  put64 (PHYS_TSS + 0x24, KERNEL + PHYS_FAULTS);         /* IST 1 */
  memset (m->ram + PHYS_TSS + 102, 0xff, 2);             /* no I/O bitmap */
  m->ram[PHYS_TSS + 102] = 0x68;
  m->ram[PHYS_TSS + 103] = 0;

  for (unsigned vector = 0; vector < 256; vector++)
    {
      uint64_t handler = KERNEL + PHYS_HANDLERS + vector * 16;
      /* Interrupt gate, privilege 3 so that INT3 and INTO may pass. */
      put64 (PHYS_IDT + vector * 16,
             (handler & 0xffff) | KERNEL_CS << 16 | (uint64_t)0xee00 << 32 | (handler >> 16 & 0xffff) << 48);
      put64 (PHYS_IDT + vector * 16 + 8, handler >> 32);
      m->ram[PHYS_HANDLERS + vector * 16] = 0xf4; /* HLT */
    }
  m->ram[PHYS_IRET] = 0x48; /* IRETQ */
  m->ram[PHYS_IRET + 1] = 0xcf;
  m->ram[PHYS_EXIT] = 0xf4;
}

static Region *
add_ram (const char *name, uint64_t address, uint64_t size)
{
  g_autoptr (GError) error = NULL;
  Region *region = region_new_ram (name, size, RAM_DEFAULT, &error);

  if (region == NULL)
    g_error ("%s", error->message);
  vm_lock (m->vm);
  vm_add_ram (m->vm, region);
  address_space_map (m->vm->memory, region, address, 0, size, 0);
  vm_unlock (m->vm);
  return region;
}

static CpuSegment
segment (uint16_t selector, uint16_t attributes, uint64_t base, uint32_t limit)
{
  return (CpuSegment){ .selector = selector, .attributes = attributes, .base = base, .limit = limit };
}

/* Kernel mode, with the data segments of a mode of user code. */
static void
load_mode (gboolean compat)
{
  CpuSegment data = compat ? segment (FUZZ_DS, DATA_ATTRIBUTES | USER, 0, 0xffffffff) : segment (0, 0, 0, 0);

  m->state.segment[CPU_CS] = segment (KERNEL_CS, CS64_ATTRIBUTES, 0, 0xffffffff);
  m->state.segment[CPU_SS] = segment (KERNEL_SS, DATA_ATTRIBUTES, 0, 0xffffffff);
  m->state.segment[CPU_DS] = m->state.segment[CPU_ES] = m->state.segment[CPU_FS] = m->state.segment[CPU_GS]
      = data;
  m->state.segment[CPU_TR] = segment (TSS_SELECTOR, 0x8b, KERNEL + PHYS_TSS, 0x67);
  m->state.segment[CPU_LDTR] = segment (LDT_SELECTOR, 0x82, KERNEL + PHYS_LDT, 7);
  m->state.rip = KERNEL + PHYS_IRET;
  m->state.rflags = 2;
  m->state.run_state = CPU_RUN_RUNNING;
  if (!soft_cpu_set_state (m->cpu, &m->state, NULL))
    g_error ("the software processor refuses the state");
  m->mode = compat;
}

void
fuzz_soft_select (unsigned n)
{
  m = &machines[n];
}

void
fuzz_soft_yield (unsigned n)
{
  soft_attend (machines[n].cpu, SOFT_ATTENTION_YIELD);
}

gboolean
fuzz_soft_translates (void)
{
  return ((SoftEngine *)m->engine)->cpus[0]->translator != NULL;
}

void
fuzz_soft_count (gboolean count)
{
  soft_cpu_set_counting (m->cpu, count);
}

void
fuzz_soft_init (gboolean low, gboolean fsgsbase)
{
  g_autoptr (GError) error = NULL;
  EngineConfig config = { .n_cpus = 1 };
  Region *region;

  m->vm = vm_new (NULL, TRUE);
  region = add_ram ("ram", 0, PHYS_SIZE);
  m->ram = region_host (region);
  region_unref (region);
  region = add_ram ("kernel", FUZZ_KERNEL_CODE, FUZZ_KERNEL_SIZE);
  m->kernel_ram = region_host (region);
  m->kernel_ram[FUZZ_KERNEL_EXIT - FUZZ_KERNEL_CODE] = 0xf4;
  region_unref (region);
  m->engine = engine_new (&soft_engine_class, m->vm, &config, &error);
  if (m->engine == NULL)
    g_error ("%s", error->message);
  m->cpu = ((SoftEngine *)m->engine)->cpus[0];
  build_tables (low);

  if (!m->engine->klass->get_state (m->engine, 0, &m->state))
    g_error ("no state");
  m->state.gdt_base = KERNEL + PHYS_GDT;
  m->state.gdt_limit = 0x4f;
  m->state.idt_base = KERNEL + PHYS_IDT;
  m->state.idt_limit = 0xfff;
  m->state.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
  m->state.cr3 = PHYS_PML4;
  m->state.cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
  if (fsgsbase)
    m->state.cr4 |= CR4_FSGSBASE;
  m->state.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
  m->state.xcr0 = soft_xcr0_known ();
  m->mode = -1;
}

void
fuzz_soft_free (void)
{
  engine_free (m->engine);
  vm_free (m->vm);
}

void
fuzz_soft_kernel (gboolean kernel)
{
  if (m->kernel == kernel)
    return;
  m->kernel = kernel;
  m->mode = -1;
  put64 (PHYS_PDPT_LOW + (FUZZ_KERNEL_CODE >> 30) * 8, kernel ? PHYS_PD_KERNEL | PTE_PRESENT | PTE_WRITE : 0);
  /* Without another stack a fault would push to where the program's points. */
  for (unsigned vector = 0; vector < 256; vector++)
    m->ram[PHYS_IDT + vector * 16 + 4] = (uint8_t)kernel;
}

void
fuzz_soft_clear (void)
{
  static const uint8_t zeros[0x10000], halt = 0xf4;

  for (unsigned at = 0; at < FUZZ_KERNEL_SIZE; at += sizeof zeros)
    address_space_write_memory (m->vm->memory, FUZZ_KERNEL_CODE + at, zeros, sizeof zeros);
  address_space_write_memory (m->vm->memory, FUZZ_KERNEL_EXIT, &halt, 1);
}

void
fuzz_soft_code (unsigned which, const uint8_t page[FUZZ_PAGE])
{
  if (m->kernel)
    {
      address_space_write_memory (m->vm->memory, FUZZ_KERNEL_CODE, page, FUZZ_PAGE);
      return;
    }
  /* As a device would, so that decoded code is dropped. */
  address_space_write_memory (m->vm->memory, PHYS_CODE + which * FUZZ_PAGE, page, FUZZ_PAGE);
}

static gboolean
has_error_code (unsigned vector)
{
  return vector == EXC_DF || (vector >= EXC_TS && vector <= EXC_PF) || vector == EXC_AC;
}

static void
set_base (unsigned n, uint64_t base)
{
  m->cpu->segment[n].base = base;
  m->cpu->check[n].base = base;
}

/* Into 32-bit code with a 16-bit stack.  IRET would load no more than SP, as a processor's does, and leave the kernel's bits above it. */
static void
enter_short_stack (const FuzzCase *c)
{
  load_mode (TRUE);
  m->state.segment[CPU_CS] = segment (FUZZ_CS32, CS32_ATTRIBUTES, 0, 0xffffffff);
  m->state.segment[CPU_SS] = segment (FUZZ_SHORT_SS, SHORT_STACK_ATTRIBUTES, 0, 0xffffffff);
  m->state.rip = c->in.rip;
  m->state.rflags = c->in.rflags | 2;
  memcpy (m->state.gpr, c->in.gpr, sizeof m->state.gpr);
  if (!soft_cpu_set_state (m->cpu, &m->state, NULL))
    g_error ("the software processor refuses the state");
  m->mode = -1;
}

static void
enter_by_iret (const FuzzCase *c)
{
  const unsigned frame = PHYS_STACK + FUZZ_PAGE - 40;

  if (m->mode != c->compat)
    load_mode (c->compat);
  memcpy (m->cpu->reg, c->in.gpr, sizeof c->in.gpr);
  set_base (CPU_FS, c->in.fs_base);
  set_base (CPU_GS, c->in.gs_base);
  put64 (frame, c->in.rip);
  put64 (frame + 8, m->kernel ? KERNEL_CS : c->compat ? FUZZ_CS32 : FUZZ_CS64);
  put64 (frame + 16, c->in.rflags);
  put64 (frame + 24, c->in.gpr[CPU_RSP]);
  put64 (frame + 32, m->kernel ? KERNEL_SS : FUZZ_DS);
  m->cpu->reg[CPU_RSP] = KERNEL + frame;
  m->cpu->reg[SOFT_REG_RIP] = KERNEL + PHYS_IRET;
}

void
fuzz_soft_run (const FuzzCase *c, FuzzResult *result)
{
  static uint8_t area[CPU_XSAVE_SIZE];
  uint8_t *data = m->kernel ? m->kernel_ram + (FUZZ_KERNEL_DATA - FUZZ_KERNEL_CODE) : m->ram + PHYS_DATA;
  const unsigned stack = m->kernel ? PHYS_FAULTS - FUZZ_PAGE : PHYS_STACK;
  unsigned vector, at;

  if (c->short_stack)
    enter_short_stack (c);
  else
    enter_by_iret (c);
  memcpy (data, c->memory, FUZZ_PAGE);
  memcpy (area, c->in.fx, sizeof c->in.fx);
  memcpy (area + 576, c->in.ymm, sizeof c->in.ymm);
  area[512] = 7;
  soft_fpu_load (m->cpu, area);
  m->cpu->run_state = CPU_RUN_RUNNING;
  m->cpu->cr2 = 0;
  for (unsigned tries = 0; m->cpu->run_state == CPU_RUN_RUNNING && tries < 100; tries++)
    soft_cpu_run (m->cpu, 10000);

  memcpy (result->out.gpr, m->cpu->reg, sizeof result->out.gpr);
  soft_fpu_save (m->cpu, area);
  memcpy (result->out.fx, area, sizeof result->out.fx);
  memcpy (result->out.ymm, area + 576, sizeof result->out.ymm);
  memcpy (result->memory, data, FUZZ_PAGE);
  if (m->kernel && m->cpu->run_state == CPU_RUN_HALTED && m->cpu->reg[SOFT_REG_RIP] == FUZZ_KERNEL_EXIT + 1)
    {
      result->vector = -1;
      result->error = 0;
      result->address = 0;
      result->out.rip = c->in.rip + c->length;
      result->out.rflags = soft_get_eflags (m->cpu);
      return;
    }
  vector = (unsigned)(m->cpu->reg[SOFT_REG_RIP] - (KERNEL + PHYS_HANDLERS)) / 16;
  at = (unsigned)(m->cpu->reg[CPU_RSP] - KERNEL);
  if (m->cpu->run_state != CPU_RUN_HALTED || vector > 255 || at < stack || at > stack + FUZZ_PAGE - 40)
    {
      result->vector = 1000; /* lost */
      result->error = 0;
      result->address = m->cpu->reg[SOFT_REG_RIP];
      m->mode = -1;
      return;
    }
  result->error = 0;
  if (has_error_code (vector))
    {
      result->error = (uint32_t)get64 (at);
      at += 8;
    }
  result->out.rip = get64 (at);
  result->out.rflags = get64 (at + 16);
  result->out.gpr[CPU_RSP] = get64 (at + 24);
  result->vector = (int32_t)vector;
  result->address = vector == EXC_PF ? m->cpu->cr2 : 0;
  if (vector == EXC_GP && result->out.rip == FUZZ_EXIT)
    {
      result->vector = -1;
      result->error = 0;
      result->out.rip = c->in.rip + c->length;
    }
}
