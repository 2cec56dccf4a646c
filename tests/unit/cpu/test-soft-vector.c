/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What came with AVX and beside it, as far as no comparison with the host's own instructions (fuzz-cpu) shows it: CPUID, XCR0, who may and who may not,
 * the state's way through files, numbers by chance.
 */
#include "soft-guest.h"

#include "cpu/soft/host.h"

enum
{
  XSTATE = 0x10000, /* an area of XSAVE */
};

static gboolean
need (uint32_t features)
{
  if (soft_host_has (features))
    return TRUE;
  g_test_skip ("this host doesn't have the instructions");
  return FALSE;
}

static void
vector_state (Guest *g, CpuState *s, unsigned bits)
{
  guest_state (g, s, bits, 0, bits == 64);
  s->cr4 |= CR4_OSXSAVE;
  s->xcr0 = soft_xcr0_known ();
}

/* Vector of the exception that the code at CODE ended in, -1 if it halted. */
static int
outcome (Guest *g, const CpuState *s)
{
  guest_set (g, DATA - 16, 0xff, 1);
  guest_start (g, s);
  g_assert_true (guest_run (g, 1000));
  return guest_vector (g) == 0xff ? -1 : (int)guest_vector (g);
}

/* -- Who may --------------------------------------------------------------------------------------------------- */

GUEST_CODE (vector, ".code32", "  .byte 0xc5, 0xf4, 0x58, 0xc2\n cli\n hlt\n"); /* vaddps ymm0, ymm1, ymm2 */
GUEST_CODE (andn, ".code32", "  andn %ecx, %edx, %eax\n cli\n hlt\n");

static void
test_allowed (void)
{
  static const struct
  {
    uint64_t cr0, cr4, xcr0; /* that is taken away; cr0: added */
    int vector;
  } cases[] = {
    { 0, 0, 0, -1 },          { 0, CR4_OSXSAVE, 0, EXC_UD },         { 0, 0, XCR0_AVX, EXC_UD },
    { CR0_TS, 0, 0, EXC_NM }, { CR0_TS, 0, XCR0_AVX, EXC_UD },       { CR0_EM, 0, 0, -1 },
    { 0, CR4_OSFXSR, 0, -1 }, { 0, 0, XCR0_AVX | XCR0_SSE, EXC_UD },
  };
  Guest *g = guest_new (1);
  CpuState s;

  if (!need (SOFT_HOST_AVX))
    return;
  for (unsigned bits = 32; bits <= 64; bits += 32)
    for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
      {
        vector_state (g, &s, bits);
        GUEST_LOAD (g, CODE, vector);
        s.cr0 |= cases[i].cr0;
        s.cr4 &= ~cases[i].cr4;
        s.xcr0 &= ~cases[i].xcr0;
        g_assert_cmpint (outcome (g, &s), ==, cases[i].vector);
        /* The integer ones ask for nothing. */
        if (soft_host_has (SOFT_HOST_BMI1))
          {
            GUEST_LOAD (g, CODE, andn);
            s.gpr[CPU_RCX] = 0xff0f;
            s.gpr[CPU_RDX] = 0x00f0;
            g_assert_cmpint (outcome (g, &s), ==, -1);
            g_assert_cmphex (g->cpu->reg[CPU_RAX], ==, 0xff0f);
          }
      }
  guest_free (g);
}

GUEST_CODE (vector_real, ".code16", "  .byte 0xc5, 0xf4, 0x58, 0xc2\n");
GUEST_CODE (halt_real, ".code16", "  cli\n hlt\n");

/* Where there is no protection, there is no such prefix, and no LDS of a register either. */
static void
test_real (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 16, 0, FALSE);
  GUEST_LOAD (g, CODE, vector_real);
  GUEST_LOAD (g, 0xa000, halt_real);
  guest_set (g, EXC_UD * 4, 0xa000, 4);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmphex (g->cpu->reg[SOFT_REG_RIP], ==, 0xa002);
  guest_free (g);
}

/* -- XCR0, XSAVE ----------------------------------------------------------------------------------------------- */

GUEST_CODE (xsetbv, ".code64", "  xsetbv\n cli\n hlt\n");
GUEST_CODE (xgetbv, ".code64", "  xgetbv\n cli\n hlt\n");

static void
test_xcr0 (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned value = 0; value < 32; value++)
    {
      gboolean good
          = (value & 1) != 0 && (value & ~soft_xcr0_known ()) == 0 && ((value & 4) == 0 || (value & 2) != 0);
      uint32_t out[4];

      vector_state (g, &s, 64);
      GUEST_LOAD (g, CODE, xsetbv);
      s.gpr[CPU_RAX] = value;
      g_assert_cmpint (outcome (g, &s), ==, good ? -1 : EXC_GP);
      if (!good)
        continue;
      soft_cpuid (g->cpu, 0xd, 0, out);
      g_assert_cmphex (out[0], ==, soft_xcr0_known ());
      g_assert_cmpuint (out[1], ==, (value & 4) != 0 ? 832 : 576);
      g_assert_cmpuint (out[2], ==, (soft_xcr0_known () & 4) != 0 ? 832 : 576);
    }
  /* Which of them are in use. */
  vector_state (g, &s, 64);
  GUEST_LOAD (g, CODE, xgetbv);
  s.gpr[CPU_RCX] = 1;
  g_assert_cmpint (outcome (g, &s), ==, -1);
  g_assert_cmphex (g->cpu->reg[CPU_RAX], ==, 3);
  s.gpr[CPU_RCX] = 2;
  g_assert_cmpint (outcome (g, &s), ==, EXC_GP);
  guest_free (g);
}

/* Registers to memory by each of the three, others in between, and back. */
GUEST_CODE (xsave, ".code64",
            "  mov $0x10000, %edi\n mov $7, %eax\n xor %edx, %edx\n  xsave (%rdi)\n"
            "  vxorps %ymm15, %ymm15, %ymm15\n vzeroupper\n xrstor (%rdi)\n cli\n hlt\n");
GUEST_CODE (xsaveopt, ".code64",
            "  mov $0x10000, %edi\n mov $7, %eax\n xor %edx, %edx\n  xsaveopt (%rdi)\n"
            "  vxorps %ymm15, %ymm15, %ymm15\n vzeroupper\n xrstor (%rdi)\n cli\n hlt\n");
GUEST_CODE (xsavec, ".code64",
            "  mov $0x10000, %edi\n mov $7, %eax\n xor %edx, %edx\n  xsavec (%rdi)\n"
            "  vxorps %ymm15, %ymm15, %ymm15\n vzeroupper\n xrstor (%rdi)\n cli\n hlt\n");

static void
fill_vectors (CpuState *s)
{
  s->xsave[512] = 7;
  for (unsigned i = 0; i < 256; i++)
    {
      s->xsave[160 + i] = (uint8_t)(i * 3 + 1);
      s->xsave[576 + i] = (uint8_t)(i * 5 + 2);
    }
}

static void
test_xsave (void)
{
  Guest *g = guest_new (1);
  CpuState s, after;

  if (!need (SOFT_HOST_AVX))
    return;
  for (unsigned i = 0; i < 3; i++)
    {
      vector_state (g, &s, 64);
      fill_vectors (&s);
      memset (g->ram + XSTATE, 0, 1024);
      if (i == 0)
        GUEST_LOAD (g, CODE, xsave);
      else if (i == 1)
        GUEST_LOAD (g, CODE, xsaveopt);
      else
        GUEST_LOAD (g, CODE, xsavec);
      g_assert_cmpint (outcome (g, &s), ==, -1);
      soft_engine_class.get_state (g->engine, 0, &after);
      g_assert_cmpmem (s.xsave + 160, 256, after.xsave + 160, 256);
      g_assert_cmpmem (s.xsave + 576, 256, after.xsave + 576, 256);
      g_assert_cmpmem (s.xsave + 576, 256, g->ram + XSTATE + 576, 256);
      g_assert_cmphex (guest_get (g, XSTATE + 512, 8), ==, 7);
      g_assert_cmphex (guest_get (g, XSTATE + 520, 8), ==, i == 2 ? 0x8000000000000007 : 0);
    }
  guest_free (g);
}

/* -- Saved state ----------------------------------------------------------------------------------------------- */

static void
test_saved (void)
{
  Guest *g = guest_new (1), *other = guest_new (1);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  CpuState s, after;

  if (!need (SOFT_HOST_AVX))
    return;
  vector_state (g, &s, 64);
  fill_vectors (&s);
  guest_start (g, &s);
  g->vm->processor->save (g->vm->processor_opaque, 0, bytes);
  g_assert_true (
      other->vm->processor->load (other->vm->processor_opaque, 0, bytes->data, bytes->len, &error));
  g_assert_no_error (error);
  soft_engine_class.get_state (other->engine, 0, &after);
  g_assert_cmpmem (s.xsave + 576, 256, after.xsave + 576, 256);
  g_assert_cmphex (after.xcr0, ==, 7);
  /* A file says what no processor has: AVX on without SSE. */
  s.xcr0 = 5;
  guest_start (g, &s);
  g_assert_cmphex (g->cpu->xcr0, ==, 1);
  /* It doesn't say that there are upper halves: they are zero, whatever lies there. */
  s.xcr0 = 7;
  s.xsave[512] = 3;
  guest_start (g, &s);
  soft_engine_class.get_state (g->engine, 0, &after);
  for (unsigned i = 0; i < 256; i++)
    g_assert_cmphex (after.xsave[576 + i], ==, 0);
  guest_free (g);
  guest_free (other);
}

/* -- A processor of that time ------------------------------------------------------------------------------------ */

static void
test_v3 (void)
{
  const EngineConfig config = { 1, cpu_baseline_find ("x86-64-v3"), 0 };
  Guest *g;
  uint32_t out[4];

  if (!need (SOFT_HOST_AVX | SOFT_HOST_FMA | SOFT_HOST_F16C | SOFT_HOST_BMI1 | SOFT_HOST_BMI2
             | SOFT_HOST_LZCNT))
    return;
  g = guest_new_with (&config);
  soft_cpuid (g->cpu, 1, 0, out);
  g_assert_cmphex (out[2] & (1u << 12 | 1 << 28 | 1 << 29), ==, 1u << 12 | 1 << 28 | 1 << 29);
  g_assert_cmphex (out[2] & (1u << 1 | 1 << 25 | 1 << 30), ==,
                   0); /* not of the model: PCLMULQDQ, AES, RDRAND */
  soft_cpuid (g->cpu, 0xd, 0, out);
  g_assert_cmphex (out[0], ==, 7);
  g_assert_cmpuint (out[2], ==, 832);
  guest_free (g);
}

/* -- Numbers by chance ----------------------------------------------------------------------------------------- */

GUEST_CODE (rdrand, ".code64", "1: rdrand %rbx\n jnc 1b\n  rdrand %rcx\n jnc 1b\n cli\n hlt\n");
GUEST_CODE (rdpid, ".code64", "  rdpid %rbx\n cli\n hlt\n");

static void
test_random (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  vector_state (g, &s, 64);
  GUEST_LOAD (g, CODE, rdpid);
  for (unsigned i = 0; i < s.n_msrs; i++)
    if (s.msr[i].index == 0xc0000103) /* TSC_AUX */
      s.msr[i].value = 0x1234567;
  g_assert_cmpint (outcome (g, &s), ==, -1);
  g_assert_cmphex (g->cpu->reg[CPU_RBX], ==, 0x1234567);
  if (soft_host_has (SOFT_HOST_RDRAND))
    {
      GUEST_LOAD (g, CODE, rdrand);
      g_assert_cmpint (outcome (g, &s), ==, -1);
      g_assert_cmphex (g->cpu->reg[CPU_RBX], !=, g->cpu->reg[CPU_RCX]);
      g_assert_cmphex (soft_get_eflags (g->cpu) & FLAGS_ARITHMETIC, ==, FLAG_CF);
    }
  guest_free (g);
}

/* -- A host without all that ------------------------------------------------------------------------------------- */

GUEST_CODE (tzcnt, ".code64", "  mov $0, %eax\n mov $77, %ebx\n tzcnt %eax, %ebx\n cli\n hlt\n");
GUEST_CODE (aes, ".code64", "  aesenc %xmm0, %xmm1\n cli\n hlt\n");

static void
without (void)
{
  Guest *g;
  CpuState s;
  uint32_t out[4];

  soft_host_forget (~0u);
  g = guest_new (1);
  soft_cpuid (g->cpu, 1, 0, out);
  g_assert_cmphex (out[2] & (1u << 1 | 1 << 12 | 1 << 25 | 1 << 28 | 1 << 29 | 1 << 30), ==, 0);
  soft_cpuid (g->cpu, 7, 0, out);
  g_assert_cmphex (out[1] & (1u << 3 | 1 << 5 | 1 << 8 | 1 << 18 | 1 << 29), ==, 0);
  soft_cpuid (g->cpu, 0x80000001, 0, out);
  g_assert_cmphex (out[2] & 1u << 5, ==, 0);
  soft_cpuid (g->cpu, 0xd, 2, out);
  g_assert_cmphex (out[0], ==, 0);
  g_assert_cmphex (soft_xcr0_known (), ==, 3);

  vector_state (g, &s, 64);
  GUEST_LOAD (g, CODE, vector);
  g_assert_cmpint (outcome (g, &s), ==, EXC_UD);
  GUEST_LOAD (g, CODE, andn);
  g_assert_cmpint (outcome (g, &s), ==, EXC_UD);
  GUEST_LOAD (g, CODE, aes);
  g_assert_cmpint (outcome (g, &s), ==, EXC_UD);
  GUEST_LOAD (g, CODE, rdrand);
  g_assert_cmpint (outcome (g, &s), ==, EXC_UD);
  /* BSF leaves its destination then. */
  GUEST_LOAD (g, CODE, tzcnt);
  g_assert_cmpint (outcome (g, &s), ==, -1);
  g_assert_cmpuint (g->cpu->reg[CPU_RBX], ==, 77);
  /* A machine that was saved with it doesn't go on. */
  s.xcr0 = 7;
  g_assert_false (soft_cpu_set_state (g->cpu, &s, NULL));
  guest_free (g);
}

static void
test_without (void)
{
  if (g_test_subprocess ())
    {
      without ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-vector/without", test_without);
  g_test_add_func ("/soft-vector/allowed", test_allowed);
  g_test_add_func ("/soft-vector/real", test_real);
  g_test_add_func ("/soft-vector/xcr0", test_xcr0);
  g_test_add_func ("/soft-vector/xsave", test_xsave);
  g_test_add_func ("/soft-vector/saved", test_saved);
  g_test_add_func ("/soft-vector/v3", test_v3);
  g_test_add_func ("/soft-vector/random", test_random);
  return g_test_run ();
}
