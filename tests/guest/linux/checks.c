/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a Linux program expects of its processor: run inside a guest, says "RESULT name ok" or "RESULT name WRONG why" for each
 * check.  "checks numbers" prints what arithmetic gives, for a comparison with the same program on the host.
 */
#include <errno.h>
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "vectors.h"

static const char *self;

#define CHECK(condition) \
  do                     \
    if (!(condition))    \
      return #condition; \
  while (0)

/* -- Processes -------------------------------------------------------------------------------------- */

static const char *
check_fork (void)
{
  for (int i = 0; i < 40; i++)
    {
      int status;
      pid_t pid = fork ();

      CHECK (pid >= 0);
      if (pid == 0)
        {
          char number[8];
          snprintf (number, sizeof number, "%d", i);
          if (i % 2 == 0)
            execl (self, self, "exit", number, (char *)NULL);
          _exit (i);
        }
      CHECK (waitpid (pid, &status, 0) == pid);
      CHECK (WIFEXITED (status) && WEXITSTATUS (status) == i);
    }
  return NULL;
}

static const char *
check_pipe (void)
{
  static unsigned char out[65536], in[65536];
  int fds[2], status;
  size_t got = 0;

  for (size_t i = 0; i < sizeof out; i++)
    out[i] = (unsigned char)(i * 31 + (i >> 8));
  CHECK (pipe (fds) == 0);
  pid_t pid = fork ();
  if (pid == 0)
    {
      for (size_t at = 0; at < sizeof out;)
        {
          ssize_t n = write (fds[1], out + at, sizeof out - at > 1000 ? 1000 : sizeof out - at);
          if (n <= 0)
            _exit (1);
          at += (size_t)n;
        }
      _exit (0);
    }
  close (fds[1]);
  for (ssize_t n; got < sizeof in && (n = read (fds[0], in + got, sizeof in - got)) > 0; got += (size_t)n)
    ;
  close (fds[0]);
  CHECK (waitpid (pid, &status, 0) == pid && status == 0);
  CHECK (got == sizeof in && memcmp (in, out, sizeof in) == 0);
  return NULL;
}

/* -- Memory and signals ----------------------------------------------------------------------------- */

static sigjmp_buf back;
static volatile sig_atomic_t caught, code;
static void *volatile address;
static volatile int steps;

static void
on_fault (int number, siginfo_t *info, void *context)
{
  caught = number;
  code = info->si_code;
  address = info->si_addr;
  siglongjmp (back, 1);
}

static void
on_trap (int number, siginfo_t *info, void *context)
{
  steps++;
}

static void
on_alarm (int number, siginfo_t *info, void *context)
{
  steps++;
}

static void
handle (int number, void (*handler) (int, siginfo_t *, void *))
{
  struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };

  sigaction (number, &action, NULL);
}

static const char *
check_mmap (void)
{
  long page = sysconf (_SC_PAGESIZE);
  unsigned char *p = mmap (NULL, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int *shared = mmap (NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status;

  CHECK (p != MAP_FAILED && shared != MAP_FAILED);
  for (int i = 0; i < 64; i++)
    p[i * page + i] = (unsigned char)(i + 1);
  *shared = 1;
  pid_t pid = fork ();
  if (pid == 0)
    {
      /* Copy on write: the parent keeps its own. */
      for (int i = 0; i < 64; i++)
        p[i * page + i] ^= 0xff;
      *shared = 2;
      _exit (0);
    }
  CHECK (waitpid (pid, &status, 0) == pid && status == 0);
  for (int i = 0; i < 64; i++)
    CHECK (p[i * page + i] == i + 1);
  CHECK (*shared == 2);

  handle (SIGSEGV, on_fault);
  CHECK (mprotect (p + page, page, PROT_READ) == 0);
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    *(volatile unsigned char *)(p + page + 5) = 1;
  CHECK (caught == SIGSEGV && code == SEGV_ACCERR && address == p + page + 5);
  CHECK (munmap (p + 2 * page, page) == 0);
  /* Across a page border, the second page missing: nothing is written. */
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    {
      mprotect (p + page, page, PROT_READ | PROT_WRITE);
      p[2 * page - 1] = 0x5a;
      *(volatile uint64_t *)(p + 2 * page - 4) = UINT64_MAX;
    }
  CHECK (caught == SIGSEGV && address == p + 2 * page && p[2 * page - 1] == 0x5a);
  /* No code in data. */
  p[0] = 0xc3;
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    ((void (*) (void)) (uintptr_t)p) ();
  CHECK (caught == SIGSEGV && address == p);
  CHECK (mprotect (p, page, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
  /* Code that is written, run, rewritten and run. */
  for (int i = 0; i < 300; i++)
    {
      const unsigned char program[] = { 0xb8, (unsigned char)i, (unsigned char)(i >> 8), 0, 0, 0xc3 };
      memcpy (p, program, sizeof program);
      CHECK (((int (*) (void)) (uintptr_t)p) () == i);
    }
  munmap (p, 64 * page);
  return NULL;
}

static const char *
check_signals (void)
{
  struct itimerval timer = { { 0, 10000 }, { 0, 10000 } }, off = { 0 };
  stack_t stack = { .ss_sp = malloc (65536), .ss_size = 65536 };
  volatile int zero = 0;

  sigaltstack (&stack, NULL);
  handle (SIGFPE, on_fault);
  handle (SIGILL, on_fault);
  handle (SIGTRAP, on_trap);
  handle (SIGALRM, on_alarm);
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    zero = 7 / zero;
  CHECK (caught == SIGFPE && code == FPE_INTDIV);
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    __asm__ volatile("ud2");
  CHECK (caught == SIGILL);
  /* Masked and unmasked floating point exceptions. */
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    {
      volatile double d = 0;
      feclearexcept (FE_ALL_EXCEPT);
      feenableexcept (FE_DIVBYZERO);
      d = 1 / d;
    }
  fedisableexcept (FE_ALL_EXCEPT);
  feclearexcept (FE_ALL_EXCEPT);
  CHECK (caught == SIGFPE && code == FPE_FLTDIV);
  caught = 0;
  if (sigsetjmp (back, 1) == 0)
    {
      uint16_t control = 0x37b;
      __asm__ volatile("fldcw %0; fldz; fld1; fdivp; fwait" : : "m"(control));
    }
  __asm__ volatile("fninit");
  CHECK (caught == SIGFPE && code == FPE_FLTDIV);
  steps = 0;
  __asm__ volatile("int3");
  CHECK (steps == 1);
  steps = 0;
  __asm__ volatile("pushf; orq $0x100, (%%rsp); popf; nop; nop; nop; pushf; andq $~0x100, (%%rsp); popf"
                   :
                   :
                   : "memory", "cc");
  CHECK (steps == 6);
  steps = 0;
  setitimer (ITIMER_REAL, &timer, NULL);
  while (steps < 20)
    ;
  setitimer (ITIMER_REAL, &off, NULL);
  return NULL;
}

/* -- Time ------------------------------------------------------------------------------------------- */

static double
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *
check_timers (void)
{
  struct timespec t = { 0, 50000000 };
  double start = now (), before = start;

  for (int i = 0; i < 100000; i++)
    {
      double next = now ();
      CHECK (next >= before);
      before = next;
    }
  start = now ();
  for (int i = 0; i < 4; i++)
    CHECK (nanosleep (&t, NULL) == 0);
  CHECK (now () - start >= 0.2 && now () - start < 20);
  return NULL;
}

/* -- Processors ------------------------------------------------------------------------------------- */

#define ROUNDS 20000

static _Atomic int turn, total, ready;

static void *
player (void *data)
{
  int me = (int)(intptr_t)data;
  cpu_set_t set;

  CPU_ZERO (&set);
  CPU_SET (me, &set);
  if (sched_setaffinity (0, sizeof set, &set) < 0)
    return (void *)1;
  ready++;
  while (ready < 2)
    sched_yield ();
  for (int i = 0; i < ROUNDS; i++)
    {
      while (atomic_load (&turn) != me)
        __builtin_ia32_pause ();
      if (sched_getcpu () != me)
        return (void *)2;
      atomic_store (&turn, !me);
    }
  for (int i = 0; i < 200000; i++)
    atomic_fetch_add (&total, 1);
  return NULL;
}

static const char *
check_smp (void)
{
  cpu_set_t set;
  pthread_t threads[2];
  void *result;

  CHECK (sched_getaffinity (0, sizeof set, &set) == 0 && CPU_COUNT (&set) >= 2);
  for (intptr_t i = 0; i < 2; i++)
    CHECK (pthread_create (&threads[i], NULL, player, (void *)i) == 0);
  for (int i = 0; i < 2; i++)
    {
      CHECK (pthread_join (threads[i], &result) == 0);
      CHECK (result == NULL);
    }
  CHECK (total == 400000);
  return NULL;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ball;

static void *
catcher (void *data)
{
  int me = (int)(intptr_t)data;

  for (int i = 0; i < 1000; i++)
    {
      pthread_mutex_lock (&lock);
      while ((ball & 1) != me)
        pthread_cond_wait (&changed, &lock);
      ball++;
      pthread_cond_broadcast (&changed);
      pthread_mutex_unlock (&lock);
    }
  return NULL;
}

static const char *
check_futex (void)
{
  pthread_t threads[2];

  for (intptr_t i = 0; i < 2; i++)
    CHECK (pthread_create (&threads[i], NULL, catcher, (void *)i) == 0);
  for (int i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
  CHECK (ball == 2000);
  return NULL;
}

/* -- Arithmetic ------------------------------------------------------------------------------------- */

static void
numbers (void)
{
  double s = 0;
  float f = 0;
  long double l = 0;
  uint64_t h = 14695981039346656037u;

  for (int i = 1; i <= 20000; i++)
    {
      volatile double x = i * 0.37;
      s += sin (x) / i + sqrt (x) - log (x) * exp (-x / 1000) + atan2 (x, 3) + pow (x, 0.3);
      f += (float)cos (x) * 0.1f + (float)i / 7;
      l += sinl (x) / i + cosl (l) + logl (x) - expl (-x / 500) + sqrtl (x) + tanl (x / 1e5L)
           + fmodl (x * 1e5L, 7);
      h = (h ^ (uint64_t)(int64_t)(s * 1000)) * 1099511628211u;
      h = (h << 7 | h >> 57) / ((uint64_t)i | 1) + h % (uint64_t)i;
    }
  printf ("NUMBERS %a %a %La %016llx %d\n", s, (double)f, l, (unsigned long long)h,
          (int)lrint (2.5) + (int)rint (-3.5));
}

static const char *
check_context (void)
{
  /* Several processes with registers of their own. */
  pid_t pids[4];

  for (int k = 0; k < 4; k++)
    {
      pids[k] = fork ();
      if (pids[k] == 0)
        {
          double first = 0;
          long double long_first = 0;
          for (int turns = 0; turns < 10; turns++)
            {
              double sum = 0;
              long double long_sum = 0;
              for (int i = 1; i < 20000; i++)
                {
                  sum += 1.0 / (i + k);
                  long_sum += 1.0L / (i * (k + 1));
                }
              if (turns > 0 && (sum != first || long_sum != long_first))
                _exit (1);
              first = sum;
              long_first = long_sum;
            }
          _exit (0);
        }
    }
  for (int k = 0; k < 4; k++)
    {
      int status;
      CHECK (waitpid (pids[k], &status, 0) == pids[k] && status == 0);
    }
  return NULL;
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    const char *(*check) (void);
  } checks[] = {
    { "fork", check_fork },       { "pipe", check_pipe },     { "mmap", check_mmap },
    { "signals", check_signals }, { "timers", check_timers }, { "context", check_context },
    { "smp", check_smp },         { "futex", check_futex },   { "vectors", vectors_check },
  };

  self = argv[0];
  if (argc == 3 && strcmp (argv[1], "exit") == 0)
    return atoi (argv[2]);
  if (argc == 2 && strcmp (argv[1], "numbers") == 0)
    {
      numbers ();
      vectors_print ();
      return 0;
    }
  for (unsigned i = 0; i < sizeof checks / sizeof checks[0]; i++)
    {
      const char *wrong = checks[i].check ();
      printf ("RESULT %s %s%s\n", checks[i].name, wrong ? "WRONG " : "ok", wrong ? wrong : "");
      fflush (stdout);
    }
  return 0;
}
