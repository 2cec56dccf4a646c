/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sums over what vector instructions give, and whether a kernel keeps registers apart.
 */
#include "vectors.h"

#include <immintrin.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define V3 __attribute__ ((target ("avx2,fma,f16c,bmi,bmi2,lzcnt,movbe")))

enum
{
  WORDS = 4096,
  ROUNDS = 200,
};

static uint32_t table[WORDS];

static int
usable (void)
{
  /* These ask whether the kernel saves the registers, too. */
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") && __builtin_cpu_supports ("bmi2");
}

static uint64_t
mix (uint64_t sum, uint64_t value)
{
  return ((sum ^ value) << 13 | (sum ^ value) >> 51) * 0x9e3779b97f4a7c15u;
}

V3 static uint64_t
fold (uint64_t sum, __m256i value)
{
  uint64_t words[4];

  _mm256_storeu_si256 ((__m256i *)words, value);
  for (int i = 0; i < 4; i++)
    sum = mix (sum, words[i]);
  return sum;
}

/* Shuffles, gathers, shifts, products. */
V3 static uint64_t
integers (void)
{
  __m256i value = _mm256_set1_epi32 (0x1234567),
          index = _mm256_setr_epi32 (0, 9, 77, 1000, 4095, 2048, 3, 511);
  uint64_t sum = 0;

  for (int i = 0; i < ROUNDS; i++)
    {
      __m256i got = _mm256_i32gather_epi32 ((const int *)table, index, 4);

      value = _mm256_add_epi32 (_mm256_mullo_epi32 (value, got), _mm256_shuffle_epi8 (got, value));
      value = _mm256_xor_si256 (value,
                                _mm256_sllv_epi32 (got, _mm256_and_si256 (value, _mm256_set1_epi32 (31))));
      value = _mm256_permutevar8x32_epi32 (value, index);
      value = _mm256_blendv_epi8 (value, _mm256_permute4x64_epi64 (got, 0x1b), got);
      index = _mm256_and_si256 (_mm256_add_epi32 (value, index), _mm256_set1_epi32 (WORDS - 1));
      sum = fold (sum, value);
    }
  return sum;
}

V3 static uint64_t
fractions (void)
{
  __m256d x = _mm256_setr_pd (0.1, 1.7, -2.5, 1e10), y = _mm256_setr_pd (3, -0.4, 0.25, 1e-3);
  __m256 f = _mm256_set1_ps (0.7f);
  uint64_t sum = 0;

  for (int i = 1; i <= ROUNDS; i++)
    {
      x = _mm256_fmadd_pd (x, y, _mm256_set1_pd (1.0 / i));
      y = _mm256_div_pd (_mm256_sqrt_pd (_mm256_and_pd (x, _mm256_set1_pd (1e100))),
                         _mm256_set1_pd (i + 0.5));
      y = _mm256_min_pd (_mm256_hadd_pd (y, x), _mm256_set1_pd (4));
      x = _mm256_round_pd (_mm256_mul_pd (x, _mm256_set1_pd (0.3)), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
      f = _mm256_fnmadd_ps (f, _mm256_set1_ps (0.9f), _mm256_cvtepi32_ps (_mm256_set1_epi32 (i)));
      f = _mm256_cvtph_ps (_mm256_cvtps_ph (f, 0));
      sum = fold (sum, _mm256_castpd_si256 (x));
      sum = fold (sum, _mm256_castpd_si256 (y));
      sum = fold (sum, _mm256_castps_si256 (f));
    }
  return sum;
}

V3 static uint64_t
bits (void)
{
  uint64_t sum = 0x123456789abcdef;

  for (uint64_t i = 1; i <= ROUNDS; i++)
    {
      uint64_t high, low = _mulx_u64 (sum, i * 0x9e3779b97f4a7c15u, (unsigned long long *)&high);

      sum = mix (sum, _pdep_u64 (low, high) ^ _pext_u64 (high, low));
      sum += _lzcnt_u64 (high) * 64 + _tzcnt_u64 (low) + _bzhi_u64 (sum, (unsigned)i & 63);
      sum ^= _blsr_u64 (sum) + _andn_u64 (high, low) + _bextr_u64 (sum, (unsigned)i & 31, 17);
    }
  return sum;
}

/* What the C library picks for this processor. */
static uint64_t
strings (void)
{
  static char from[WORDS], to[WORDS];
  uint64_t sum = 0;

  for (int i = 0; i < WORDS; i++)
    from[i] = (char)('a' + table[i] % 26);
  for (int i = 1; i < ROUNDS; i++)
    {
      memset (to, i, sizeof to);
      memmove (to + i, from + 2 * i, (size_t)(WORDS - 3 * i));
      to[WORDS - i] = 0;
      sum = mix (sum, strlen (to + i) + (uint64_t)(strchr (from + i, 'q') - from));
      sum = mix (sum, memcmp (to + i, from + 2 * i, (size_t)i) == 0);
    }
  return sum;
}

static void
fill (void)
{
  for (uint32_t i = 0; i < WORDS; i++)
    table[i] = i * 2654435761u ^ i >> 3;
}

void
vectors_print (void)
{
  fill ();
  if (usable ())
    printf ("VECTORS %016llx %016llx %016llx %016llx\n", (unsigned long long)integers (),
            (unsigned long long)fractions (), (unsigned long long)bits (), (unsigned long long)strings ());
  else
    printf ("VECTORS none\n");
}

/* -- Apart ---------------------------------------------------------------------------------------------------------- */

V3 static int
keep (int k)
{
  __m256i a = _mm256_set1_epi32 (k), b = _mm256_set1_epi32 (~k), c = _mm256_set1_epi32 (k * 1000);

  for (int turn = 0; turn < 2000; turn++)
    {
      __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c));
      if (turn % 16 == 0)
        sched_yield ();
      __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c));
      a = _mm256_add_epi32 (a, c);
      a = _mm256_sub_epi32 (a, c);
    }
  b = _mm256_xor_si256 (b, a);
  return _mm256_movemask_epi8 (_mm256_cmpeq_epi32 (a, _mm256_set1_epi32 (k))) == -1
         && _mm256_movemask_epi8 (_mm256_cmpeq_epi32 (b, _mm256_set1_epi32 (-1))) == -1;
}

const char *
vectors_check (void)
{
  enum
  {
    PROCESSES = 6,
  };
  pid_t pids[PROCESSES];
  int wrong = 0;

  if (!usable ())
    return NULL;
  for (int k = 0; k < PROCESSES; k++)
    {
      pids[k] = fork ();
      if (pids[k] == 0)
        _exit (keep (k + 1) ? 0 : 1);
    }
  for (int k = 0; k < PROCESSES; k++)
    {
      int status;

      wrong |= pids[k] < 0 || waitpid (pids[k], &status, 0) != pids[k] || status != 0;
    }
  return wrong ? "another process's vector registers" : NULL;
}
