/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * x87, MMX and SSE of the software processor where the host can't be asked: control bits that user code has no hand in, formats of real
 * mode, pending exceptions, the saved state.  What user code sees is compared with the host by tests/fuzz/cpu.
 */
#define G_LOG_DOMAIN "test-float"

#include <string.h>

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/host.h"

enum
{
  CODE = 0x1000,
  DATA = 0x2000,
  IDT = 0x3000,      /* 32-bit gates */
  HANDLERS = 0x4000, /* 4 bytes a vector */
  STACK = 0x6000,
  GDT = 0x7000,
  RAM_SIZE = 0x10000,
};

typedef struct
{
  Vm *vm;
  Engine *engine;
  SoftCpu *cpu;
  uint8_t *ram;
  CpuState state;
} Fixture;

static void
set_up (Fixture *f, gconstpointer user_data)
{
  g_autoptr (GError) error = NULL;
  EngineConfig config = { .n_cpus = 1 };
  Region *region;

  f->vm = vm_new (NULL, TRUE);
  region = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, &error);
  g_assert_no_error (error);
  vm_lock (f->vm);
  vm_add_ram (f->vm, region);
  address_space_map (f->vm->memory, region, 0, 0, RAM_SIZE, 0);
  vm_unlock (f->vm);
  f->ram = region_host (region);
  region_unref (region);
  f->engine = engine_new (&soft_engine_class, f->vm, &config, &error);
  g_assert_no_error (error);
  f->cpu = ((SoftEngine *)f->engine)->cpus[0];
  g_assert_true (f->engine->klass->get_state (f->engine, 0, &f->state));

  for (unsigned v = 0; v < 32; v++)
    {
      uint64_t gate = (HANDLERS + 4 * v) | 8 << 16 | (uint64_t)0x8e00 << 32;

      memcpy (f->ram + IDT + 8 * v, &gate, 8);
      f->ram[HANDLERS + 4 * v] = 0xf4;
    }
  const uint64_t descriptors[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
  memcpy (f->ram + GDT, descriptors, sizeof descriptors);
}

static void
tear_down (Fixture *f, gconstpointer user_data)
{
  engine_free (f->engine);
  vm_free (f->vm);
}

static CpuSegment
segment (uint16_t selector, uint16_t attributes, uint32_t limit)
{
  return (CpuSegment){ .selector = selector, .attributes = attributes, .limit = limit };
}

/* Runs code in flat 32-bit ring 0, or in real mode with segments at 0; a HLT is appended.  Returns the exception's vector or -1. */
static int
run (Fixture *f, gboolean real, uint32_t cr0, uint32_t cr4, const char *hex)
{
  unsigned n = 0, at;
  CpuSegment code = real ? segment (0, 0x9b, 0xffff) : segment (8, 0xc9b, 0xffffffff);
  CpuSegment data = real ? segment (0, 0x93, 0xffff) : segment (16, 0xc93, 0xffffffff);
  uint64_t rip;

  for (const char *p = hex; *p != '\0'; p++)
    if (g_ascii_isxdigit (p[0]))
      {
        f->ram[CODE + n++] = (uint8_t)(g_ascii_xdigit_value (p[0]) << 4 | g_ascii_xdigit_value (p[1]));
        p++;
      }
  f->ram[CODE + n] = 0xf4;
  address_space_write_memory (f->vm->memory, CODE, f->ram + CODE, n + 1); /* tells the engine */

  f->state.cr0 = cr0 | CR0_ET | (real ? 0 : CR0_PE);
  f->state.cr4 = cr4;
  for (unsigned i = CPU_ES; i <= CPU_GS; i++)
    f->state.segment[i] = i == CPU_CS ? code : data;
  f->state.gdt_base = GDT;
  f->state.gdt_limit = 23;
  f->state.idt_base = IDT;
  f->state.idt_limit = 8 * 32 - 1;
  f->state.rip = CODE;
  f->state.rflags = 2;
  f->state.gpr[CPU_RSP] = STACK;
  f->state.run_state = CPU_RUN_RUNNING;
  g_assert_true (f->engine->klass->set_state (f->engine, 0, &f->state));
  for (unsigned i = 0; i < 100 && f->cpu->run_state == CPU_RUN_RUNNING; i++)
    {
      /* What other code may have left on this thread: an inexact result's flag. */
      __asm__ volatile("fld1\n\tfldpi\n\tfdivrp\n\tfstp %%st(0)" : : : "st", "st(1)");
      soft_cpu_run (f->cpu, 1000);
    }
  g_assert_cmpuint (f->cpu->run_state, ==, CPU_RUN_HALTED);
  rip = f->cpu->reg[SOFT_REG_RIP];
  g_assert_true (f->engine->klass->get_state (f->engine, 0, &f->state));
  at = (unsigned)(rip - HANDLERS) / 4;
  if (rip > HANDLERS && at < 32)
    return (int)at;
  g_assert_cmpuint (rip, ==, CODE + n + 1);
  return -1;
}

static uint16_t
word (const Fixture *f, unsigned address)
{
  return (uint16_t)(f->ram[address] | f->ram[address + 1] << 8);
}

static uint32_t
dword (const Fixture *f, unsigned address)
{
  return word (f, address) | (uint32_t)word (f, address + 2) << 16;
}

#define NE CR0_NE
#define OS (CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE)

static void
test_not_available (Fixture *f, gconstpointer user_data)
{
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9e8"), ==, -1); /* FLD1 */
  g_assert_cmpint (run (f, FALSE, NE | CR0_TS, OS, "d9e8"), ==, EXC_NM);
  g_assert_cmpint (run (f, FALSE, NE | CR0_EM, OS, "d9e8"), ==, EXC_NM);
  g_assert_cmpint (run (f, FALSE, NE | CR0_TS, OS, "9b"), ==, -1); /* FWAIT */
  g_assert_cmpint (run (f, FALSE, NE | CR0_TS | CR0_MP, OS, "9b"), ==, EXC_NM);
  g_assert_cmpint (run (f, FALSE, NE | CR0_EM, OS, "9b"), ==, -1);
  g_assert_cmpint (run (f, FALSE, NE | CR0_EM, OS, "0f6fc1"), ==, EXC_UD); /* MOVQ mm0, mm1 */
  g_assert_cmpint (run (f, FALSE, NE | CR0_TS, OS, "0f6fc1"), ==, EXC_NM);
  g_assert_cmpint (run (f, FALSE, NE, 0, "0f28c1"), ==, EXC_UD); /* MOVAPS xmm0, xmm1 */
  g_assert_cmpint (run (f, FALSE, NE | CR0_EM, OS, "0f28c1"), ==, EXC_UD);
  g_assert_cmpint (run (f, FALSE, NE | CR0_TS, OS, "0f28c1"), ==, EXC_NM);
  g_assert_cmpint (run (f, FALSE, NE | CR0_EM, OS, "0fae0500200000"), ==, EXC_NM); /* FXSAVE [2000] */
  g_assert_cmpint (run (f, FALSE, NE | CR0_TS, OS, "0fc30500200000"), ==, -1);     /* MOVNTI [2000], eax */
  g_assert_cmpint (run (f, FALSE, NE, OS & ~CR4_OSXSAVE, "0f01d0"), ==, EXC_UD);   /* XGETBV */
}

static void
test_pending (Fixture *f, gconstpointer user_data)
{
  /* Unmask division by zero, divide; the next instruction that waits reports it, those that don't do not. */
  f->ram[DATA] = 0x7b;
  f->ram[DATA + 1] = 0x03;
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d92d00200000 d9e8 d9ee def9 dfe0 d93d10200000"), ==, -1);
  g_assert_cmphex (f->state.gpr[CPU_RAX] & 0x80ff, ==, 0x8084); /* B, ES, ZE */
  g_assert_cmphex (word (f, DATA + 0x10), ==, 0x37b);
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d92d00200000 d9e8 d9ee def9 9b"), ==, EXC_MF);
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d92d00200000 d9e8 d9ee def9 d9e8"), ==, EXC_MF);
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d92d00200000 d9e8 d9ee def9 0f6fc1"), ==, EXC_MF);
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d92d00200000 d9e8 d9ee def9 dbe2 9b"), ==, -1); /* FNCLEX */
  /* As DOS has it: the interrupt controller is told, and the program goes on. */
  g_assert_cmpint (run (f, FALSE, 0, OS, "dbe3 d92d00200000 d9e8 d9ee def9 9b dfe0"), ==, -1);
}

/* The host's flags are not the guest's, and do not stop the guest's control word from being loaded. */
static void
test_host_flags (Fixture *f, gconstpointer user_data)
{
  f->ram[DATA] = 0x40; /* no exception masked */
  f->ram[DATA + 1] = 0x03;
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9e8 d9e8 d92d00200000 dcc9 dcc9 dfe0"), ==,
                   -1); /* FMUL ST(1), ST */
  g_assert_cmphex (f->state.gpr[CPU_RAX] & 0xff, ==, 0);
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9e8 d9e8 dec9 dfe0"), ==, -1);
  g_assert_cmphex (f->state.gpr[CPU_RAX] & 0xff, ==, 0);
}

/* PCMPISTRI and PCMPISTRM, SDM volume 2B: where two strings differ first, and where at all.  Their operands are in fixed registers of the
 * host, which a call that a sanitizer's build adds may not lose. */
static void
test_strings (Fixture *f, gconstpointer user_data)
{
  memcpy (f->ram + DATA, "reading\0________", 16);
  memcpy (f->ram + DATA + 0x10, "reaming\0????????", 16);
  /* MOVDQU xmm1, [2000]; MOVDQU xmm2, [2010] */
#define LOAD "f30f6f0d00200000 f30f6f1510200000 "
  g_assert_cmpint (run (f, FALSE, NE, OS, LOAD "660f3a63ca18 9c 58"), ==, -1); /* …; PUSHF; POP EAX */
  g_assert_cmpuint (f->state.gpr[CPU_RCX], ==, 3);
  g_assert_cmphex (f->state.gpr[CPU_RAX] & 0x8d5, ==,
                   0xc1); /* CF: they do; ZF, SF: both end; not at 0: no OF */
  g_assert_cmpint (run (f, FALSE, NE, OS, LOAD "660f3a62ca18 f30f7f0520200000"), ==,
                   -1); /* MOVDQU [2020], xmm0 */
  g_assert_cmphex (dword (f, DATA + 0x20), ==, 8);
  g_assert_cmpint (run (f, FALSE, NE, OS, LOAD "660f6fd1 660f3a63ca18 9c 58"), ==,
                   -1); /* MOVDQA xmm2, xmm1 */
  g_assert_cmpuint (f->state.gpr[CPU_RCX], ==, 16);
  g_assert_cmphex (f->state.gpr[CPU_RAX] & 0x8d5, ==, 0xc0);
#undef LOAD
}

static void
test_simd_exception (Fixture *f, gconstpointer user_data)
{
  /* MXCSR with division by zero unmasked; 1 / 0. */
  const uint32_t mxcsr = 0x1d80, one = 0x3f800000;

  memcpy (f->ram + DATA, &mxcsr, 4);
  memcpy (f->ram + DATA + 4, &one, 4);
  const char *code = "0fae1500200000 f30f100504200000 0f57c9 f30f5ec1 0fae1d10200000";
  g_assert_cmpint (run (f, FALSE, NE, OS, code), ==, EXC_XM);
  g_assert_cmphex (f->state.xsave[24], ==, 0x84); /* ZE is there for the handler */
  g_assert_cmpint (run (f, FALSE, NE, OS & ~CR4_OSXMMEXCPT, code), ==, EXC_UD);
  const uint32_t masked = 0x1f80;
  memcpy (f->ram + DATA, &masked, 4);
  g_assert_cmpint (run (f, FALSE, NE, OS, code), ==, -1);
  g_assert_cmphex (dword (f, DATA + 0x10), ==, 0x1f84);
  const uint32_t reserved = 0x11f80;
  memcpy (f->ram + DATA, &reserved, 4);
  g_assert_cmpint (run (f, FALSE, NE, OS, code), ==, EXC_GP);
}

/* SDM volume 1, figures 8-9 to 8-12. */
static void
test_environment (Fixture *f, gconstpointer user_data)
{
  /* FNINIT; FLD1; FADD dword [2004]; FNSTENV [2010] */
  memset (f->ram + DATA, 0, 64);
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9e8 d80504200000 d93510200000"), ==, -1);
  g_assert_cmphex (dword (f, DATA + 0x10), ==, 0xffff037f);
  g_assert_cmphex (dword (f, DATA + 0x14), ==, 0xffff3800);
  g_assert_cmphex (dword (f, DATA + 0x18), ==, 0xffff3fff);
  g_assert_cmphex (dword (f, DATA + 0x1c), ==, CODE + 4);
  g_assert_cmphex (dword (f, DATA + 0x20), ==, 0x00050008);
  g_assert_cmphex (dword (f, DATA + 0x24), ==, DATA + 4);
  g_assert_cmphex (dword (f, DATA + 0x28), ==, 0xffff0010);
  /* With 66h: the 16-bit format, which has no opcode. */
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9e8 d80504200000 66d93510200000"), ==, -1);
  g_assert_cmphex (word (f, DATA + 0x16), ==, CODE + 4);
  g_assert_cmphex (word (f, DATA + 0x18), ==, 8);
  g_assert_cmphex (word (f, DATA + 0x1a), ==, DATA + 4);
  g_assert_cmphex (word (f, DATA + 0x1c), ==, 0x10);
  /* Real mode: linear addresses and the opcode. */
  g_assert_cmpint (run (f, TRUE, NE, 0, "dbe3 d9e8 d8060420 d9361020"), ==, -1);
  g_assert_cmphex (word (f, DATA + 0x16), ==, CODE + 4);
  g_assert_cmphex (word (f, DATA + 0x18), ==, 0x006);
  g_assert_cmphex (word (f, DATA + 0x1a), ==, DATA + 4);
  g_assert_cmphex (word (f, DATA + 0x1c), ==, 0);
  /* FNSTENV masks all exceptions; FLDENV brings them back. */
  f->ram[DATA] = 0x40;
  f->ram[DATA + 1] = 0x03;
  g_assert_cmpint (
      run (f, FALSE, NE, OS, "dbe3 d92d00200000 d93510200000 d93d40200000 d92510200000 d93d42200000"), ==,
      -1);
  g_assert_cmphex (word (f, DATA + 0x40), ==, 0x37f);
  g_assert_cmphex (word (f, DATA + 0x42), ==, 0x340);
}

static void
test_mmx_tags (Fixture *f, gconstpointer user_data)
{
  /* FNINIT; FLD1; MOVD mm3, eax; FNSTSW [2000]; FNSTENV [2010] */
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9e8 0f6ed8 dd3d00200000 d93510200000"), ==, -1);
  g_assert_cmphex (word (f, DATA), ==, 0);
  g_assert_cmphex (word (f, DATA + 0x18) & 0xc0, ==, 0x80); /* an exponent of all ones is special */
  g_assert_cmpint (run (f, FALSE, NE, OS, "0f77 d93510200000"), ==, -1); /* EMMS */
  g_assert_cmphex (word (f, DATA + 0x18), ==, 0xffff);
}

static void
test_xcr0 (Fixture *f, gconstpointer user_data)
{
  g_assert_cmpint (run (f, FALSE, NE, OS, "b803000000 31d2 31c9 0f01d1 31c0 0f01d0"), ==,
                   -1); /* XSETBV 3; XGETBV */
  g_assert_cmphex (f->state.gpr[CPU_RAX], ==, 3);
  g_assert_cmphex (f->state.xcr0, ==, 3);
  g_assert_cmpint (run (f, FALSE, NE, OS, "b802000000 31d2 31c9 0f01d1"), ==, EXC_GP); /* x87 can't be off */
  g_assert_cmpint (run (f, FALSE, NE, OS, "b807000000 31d2 31c9 0f01d1"), ==,
                   soft_host_has (SOFT_HOST_AVX) ? -1 : EXC_GP);
  g_assert_cmpint (run (f, FALSE, NE, OS, "b805000000 31d2 31c9 0f01d1"), ==,
                   EXC_GP); /* AVX isn't without SSE */
  g_assert_cmpint (run (f, FALSE, NE, OS, "b80b000000 31d2 31c9 0f01d1"), ==,
                   EXC_GP); /* no bounds registers */
  g_assert_cmpint (run (f, FALSE, NE, OS, "b803000000 31d2 b901000000 0f01d1"), ==, EXC_GP);
}

/* The state as others see it, saved in the middle of a computation, and with hostile bytes. */
static void
test_state (Fixture *f, gconstpointer user_data)
{
  CpuState first;
  const uint8_t pi[10] = { 0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40 };

  /* FNINIT; FLDPI; FLD1; PCMPEQB xmm5, xmm5 */
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 d9eb d9e8 660f74ed"), ==, -1);
  g_assert_cmpmem (f->state.xsave + 32 + 16, 10, pi, 10);
  g_assert_cmphex (f->state.xsave[4], ==, 0xc0); /* physical registers 6 and 7 */
  g_assert_cmphex (f->state.xsave[160 + 5 * 16 + 15], ==, 0xff);
  first = f->state;
  g_assert_cmpint (run (f, FALSE, NE, OS, "dbe3 660fefed"), ==, -1);
  f->state = first;
  g_assert_cmpint (run (f, FALSE, NE, OS, "90"), ==, -1);
  g_assert_cmpmem (first.xsave, 576, f->state.xsave, 576);
  /* FSTP ST; FSTP tbyte [2000] */
  g_assert_cmpint (run (f, FALSE, NE, OS, "ddd8 db3d00200000"), ==, -1);
  g_assert_cmpmem (f->ram + DATA, 10, pi, 10);

  memset (f->state.xsave, 0xff, sizeof f->state.xsave);
  run (f, FALSE, NE, OS, "dbe2 dbe3 d9e8 f30f58c1");
  g_assert_cmphex (*(uint32_t *)(f->state.xsave + 24) & ~0xffffu, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/float/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("not-available", test_not_available);
  ADD ("pending", test_pending);
  ADD ("host-flags", test_host_flags);
  ADD ("strings", test_strings);
  ADD ("simd-exception", test_simd_exception);
  ADD ("environment", test_environment);
  ADD ("mmx-tags", test_mmx_tags);
  ADD ("xcr0", test_xcr0);
  ADD ("state", test_state);
  return g_test_run ();
}
