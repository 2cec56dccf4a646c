/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The native half: a child process that may do nothing but run cases.
 *
 * The child maps code, data and its control words at fixed addresses, gives up all system calls but waiting and ending
 * (seccomp), and enters each instruction through a trampoline that loads every register.  After the instruction a direct
 * jump leads to FUZZ_EXIT, which changes no register, so that a case without a fault costs no signal.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "fuzz.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "cpu/soft/host.h"

typedef struct
{
  uint32_t go[2], done[2]; /* futex words: raised by parent, by child */
  uint32_t ready;          /* the child is contained and waits */
  uint32_t current;        /* case the child is in */
  FuzzBatch batch[2];
} Shared;

/* At FUZZ_CONTROL in the child.  The trampoline uses absolute 32-bit addresses, so the offsets are asserted below. */
typedef struct
{
  FuzzState out;               /* 0x000 */
  uint64_t saved_rsp;          /* of the trampoline's caller */
  uint64_t saved_fs, saved_gs; /* the child's own */
  uint64_t target;             /* the instruction */
  uint32_t far_offset;         /* the same for a far jump to the 32-bit segment */
  uint16_t far_selector;
  uint16_t padding;
  uint32_t mxcsr, stack_selector;
  uint64_t stack[64];
  uint32_t calls; /* the kernel keeps WRFSBASE to itself: bases are set by system calls */
  uint32_t ymm;   /* there are upper halves */
} Control;

#define CONTROL ((Control *)(uintptr_t)FUZZ_CONTROL)
G_STATIC_ASSERT (offsetof (FuzzState, fx) == 192);
G_STATIC_ASSERT (offsetof (FuzzState, rip) == 128);
G_STATIC_ASSERT (sizeof (FuzzState) == 960 && offsetof (FuzzState, ymm) == 704);
G_STATIC_ASSERT (offsetof (Control, saved_rsp) == 960);
G_STATIC_ASSERT (offsetof (Control, target) == 984);
G_STATIC_ASSERT (offsetof (Control, far_offset) == 992);
G_STATIC_ASSERT (offsetof (Control, mxcsr) == 1000);
G_STATIC_ASSERT (offsetof (Control, stack_selector) == 1004);
G_STATIC_ASSERT (offsetof (Control, stack) == 1008);
G_STATIC_ASSERT (offsetof (Control, calls) == 1520);
G_STATIC_ASSERT (offsetof (Control, ymm) == 1524);
G_STATIC_ASSERT (SYS_arch_prctl == 158 && ARCH_SET_FS == 0x1002 && ARCH_SET_GS == 0x1001);

static Shared *shared;
static int code_fd = -1, data_fd = -1;
static uint8_t *code_view; /* the parent's writable view of both code pages */
static pid_t child;
static gboolean low_mapped, compat_works, short_stack_works, has_fsgsbase;

void fuzz_enter (const FuzzState *in, unsigned compat);
void fuzz_leave (void);
void fuzz_return (void);

/* fuzz_enter (rdi: state, esi: compat); fuzz_leave is jumped to from FUZZ_EXIT with all registers as the case left them. */
__asm__(".text\n"
        ".globl fuzz_enter, fuzz_leave, fuzz_return\n"
        "fuzz_enter:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, 0x3a5c73c0\n"
        "  test %esi, %esi\n  jz 1f\n"
        "  mov $0x2b, %eax\n  mov %eax, %ds\n  mov %eax, %es\n  mov %eax, %fs\n  mov %eax, %gs\n"
        "  mov 0x3a5c73ec, %eax\n  mov %eax, %ss\n"
        "  jmp 2f\n"
        "1: cmpl $0, 0x3a5c75f0\n  jne 4f\n"
        "  mov 144(%rdi), %rax\n  wrfsbase %rax\n"
        "  mov 152(%rdi), %rax\n  wrgsbase %rax\n"
        "  jmp 2f\n"
        "4: mov %rdi, %rbx\n  mov %esi, %ebp\n"
        "  mov $158, %eax\n  mov $0x1002, %edi\n  mov 144(%rbx), %rsi\n  syscall\n"
        "  mov $158, %eax\n  mov $0x1001, %edi\n  mov 152(%rbx), %rsi\n  syscall\n"
        "  mov %rbx, %rdi\n  mov %ebp, %esi\n"
        "2: fxrstor64 192(%rdi)\n"
        "  cmpl $0, 0x3a5c75f4\n  jz 7f\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "  vinsertf128 $1, 704 + 16 * \\n(%rdi), %ymm\\n, %ymm\\n\n"
        ".endr\n"
        "7:\n"
        "  test %esi, %esi\n"
        "  pushq 136(%rdi)\n" /* the flags are the case's from here on: only moves and jumps follow */
        "  jnz 3f\n"
        "  popfq\n"
        "  mov 0(%rdi), %rax\n  mov 8(%rdi), %rcx\n  mov 16(%rdi), %rdx\n  mov 24(%rdi), %rbx\n"
        "  mov 32(%rdi), %rsp\n  mov 40(%rdi), %rbp\n  mov 48(%rdi), %rsi\n"
        "  mov 64(%rdi), %r8\n  mov 72(%rdi), %r9\n  mov 80(%rdi), %r10\n  mov 88(%rdi), %r11\n"
        "  mov 96(%rdi), %r12\n  mov 104(%rdi), %r13\n  mov 112(%rdi), %r14\n  mov 120(%rdi), %r15\n"
        "  mov 56(%rdi), %rdi\n"
        "  jmp *0x3a5c73d8\n"
        "3: popfq\n"
        "  mov 0(%rdi), %rax\n  mov 8(%rdi), %rcx\n  mov 16(%rdi), %rdx\n  mov 24(%rdi), %rbx\n"
        "  mov 32(%rdi), %rsp\n  mov 40(%rdi), %rbp\n  mov 48(%rdi), %rsi\n  mov 56(%rdi), %rdi\n"
        "  ljmp *0x3a5c73e0\n"
        "fuzz_leave:\n"
        "  mov %rax, 0x3a5c7000\n  mov %rcx, 0x3a5c7008\n  mov %rdx, 0x3a5c7010\n  mov %rbx, 0x3a5c7018\n"
        "  mov %rsp, 0x3a5c7020\n  mov %rbp, 0x3a5c7028\n  mov %rsi, 0x3a5c7030\n  mov %rdi, 0x3a5c7038\n"
        "  mov %r8, 0x3a5c7040\n  mov %r9, 0x3a5c7048\n  mov %r10, 0x3a5c7050\n  mov %r11, 0x3a5c7058\n"
        "  mov %r12, 0x3a5c7060\n  mov %r13, 0x3a5c7068\n  mov %r14, 0x3a5c7070\n  mov %r15, 0x3a5c7078\n"
        "  mov $0x3a5c75f0, %rsp\n  pushfq\n  popq 0x3a5c7088\n"
        "  fxsave64 0x3a5c70c0\n"
        "  cmpl $0, 0x3a5c75f4\n  jz fuzz_return\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "  vextractf128 $1, %ymm\\n, 0x3a5c72c0 + 16 * \\n\n"
        ".endr\n"
        "  vzeroupper\n"
        "fuzz_return:\n"
        "  mov 0x3a5c73c0, %rsp\n"
        "  pushq $0x202\n  popfq\n"
        "  fninit\n  ldmxcsr 0x3a5c73e8\n"
        "  mov $0x2b, %eax\n  mov %eax, %ss\n"
        "  xor %eax, %eax\n  mov %eax, %ds\n  mov %eax, %es\n  mov %eax, %fs\n  mov %eax, %gs\n"
        "  cmpl $0, 0x3a5c75f0\n  jne 5f\n"
        "  mov 0x3a5c73c8, %rax\n  wrfsbase %rax\n"
        "  mov 0x3a5c73d0, %rax\n  wrgsbase %rax\n"
        "  jmp 6f\n"
        "5: mov $158, %eax\n  mov $0x1002, %edi\n  mov 0x3a5c73c8, %rsi\n  syscall\n"
        "  mov $158, %eax\n  mov $0x1001, %edi\n  mov 0x3a5c73d0, %rsi\n  syscall\n"
        "6: pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n");

static FuzzResult *signal_result;

/* Runs with the case's FS base and flags: no thread-local storage, no instrumentation, and no way back but fuzz_return. */
__attribute__ ((no_sanitize ("address", "undefined"), no_stack_protector)) static void
on_signal (int number G_GNUC_UNUSED, siginfo_t *info G_GNUC_UNUSED, void *context)
{
  static const uint8_t order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
  const ucontext_t *uc = context;
  const greg_t *regs = uc->uc_mcontext.gregs;
  FuzzState *out = &CONTROL->out;

  __asm__ volatile("pushq $0x202\n  popfq" ::: "memory", "cc");
  for (unsigned i = 0; i < 16; i++)
    out->gpr[i] = (uint64_t)regs[order[i]];
  out->rip = (uint64_t)regs[REG_RIP];
  out->rflags = (uint64_t)regs[REG_EFL];
  __builtin_memcpy (out->fx, uc->uc_mcontext.fpregs, 512);
  /* Behind it XSAVE's header and, if the header says that it is there, the component (volume 1, 13.4.2). */
  const uint8_t *area = (const uint8_t *)uc->uc_mcontext.fpregs;
  for (unsigned i = 0; i < sizeof out->ymm; i++)
    out->ymm[i] = CONTROL->ymm != 0 && (area[512] & 4) != 0 ? area[576 + i] : 0;
  signal_result->vector = (int32_t)regs[REG_TRAPNO];
  signal_result->error = (uint32_t)regs[REG_ERR];
  signal_result->address = regs[REG_TRAPNO] == 14 ? (uint64_t)regs[REG_CR2] : 0;
  __asm__ volatile("jmp fuzz_return");
  __builtin_unreachable ();
}

static long
futex (uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
  return syscall (SYS_futex, word, op, value, timeout, NULL, 0);
}

static void
run_case (const FuzzCase *c, FuzzResult *result)
{
  memcpy ((void *)(uintptr_t)FUZZ_DATA, c->memory, FUZZ_PAGE);
  signal_result = result;
  result->vector = -1;
  result->error = 0;
  result->address = 0;
  CONTROL->target = c->in.rip;
  CONTROL->far_offset = (uint32_t)c->in.rip;
  CONTROL->far_selector = FUZZ_CS32;
  CONTROL->stack_selector = c->short_stack ? FUZZ_SHORT_SS : FUZZ_DS;
  CONTROL->out.rip = c->in.rip + c->length;
  fuzz_enter (&c->in, c->compat);
  memcpy (&result->out, &CONTROL->out, sizeof result->out);
  memcpy (result->memory, (void *)(uintptr_t)FUZZ_DATA, FUZZ_PAGE);
}

static void
contain (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, arch)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 4, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 3, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
      || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    {
      perror ("fuzz-cpu: the child can't be contained");
      _exit (1);
    }
}

static void
map_or_die (uint32_t address, size_t size, int protection, int fd, off_t offset)
{
  void *want = (void *)(uintptr_t)address;

  if (mmap (want, size, protection,
            fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED : MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
            offset)
      != want)
    {
      perror ("fuzz-cpu: mmap in the child");
      _exit (1);
    }
}

static void
child_main (void)
{
  static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS };
  size_t stack_size = 65536 + (size_t)getauxval (AT_MINSIGSTKSZ);
  stack_t stack
      = { .ss_sp = mmap (NULL, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
          .ss_size = stack_size };
  struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  uint8_t exit_code[6] = { 0xff, 0x25, 2, 0, 0, 0 }; /* jmp *2(%rip): aligned, for cases with EFLAGS.AC */
  uint64_t leave = (uint64_t)(uintptr_t)fuzz_leave;

  map_or_die (FUZZ_CODE, FUZZ_PAGE, PROT_READ | PROT_EXEC, code_fd, 0);
  map_or_die (FUZZ_CODE + FUZZ_CODE_STRIDE, FUZZ_PAGE, PROT_READ | PROT_EXEC, code_fd, FUZZ_PAGE);
  map_or_die (FUZZ_EXIT, FUZZ_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, -1, 0);
  map_or_die (FUZZ_DATA, FUZZ_PAGE, PROT_READ | PROT_WRITE, data_fd, 0);
  map_or_die (FUZZ_READONLY, FUZZ_PAGE, PROT_READ, data_fd, FUZZ_PAGE);
  map_or_die (FUZZ_CONTROL, sizeof (Control), PROT_READ | PROT_WRITE, -1, 0);
  if (low_mapped)
    map_or_die (FUZZ_LOW, FUZZ_PAGE, PROT_READ | PROT_WRITE, data_fd, 0);
  memcpy ((void *)(uintptr_t)FUZZ_EXIT, exit_code, sizeof exit_code);
  memcpy ((void *)(uintptr_t)(FUZZ_EXIT + 8), &leave, 8);
  mprotect ((void *)(uintptr_t)FUZZ_EXIT, FUZZ_PAGE, PROT_READ | PROT_EXEC);
  CONTROL->mxcsr = 0x1f80;
  CONTROL->calls = !has_fsgsbase;
  CONTROL->ymm = fuzz_native_ymm ();
  if (syscall (SYS_arch_prctl, ARCH_GET_FS, &CONTROL->saved_fs) != 0
      || syscall (SYS_arch_prctl, ARCH_GET_GS, &CONTROL->saved_gs) != 0)
    {
      perror ("fuzz-cpu: arch_prctl in the child");
      _exit (1);
    }

  sigaltstack (&stack, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaction (signals[i], &action, NULL);
  contain ();
  __atomic_store_n (&shared->ready, 1, __ATOMIC_RELEASE);
  futex (&shared->ready, FUTEX_WAKE, 1, NULL);

  for (unsigned which = 0;; which ^= 1)
    {
      FuzzBatch *batch = &shared->batch[which];

      while (__atomic_load_n (&shared->go[which], __ATOMIC_ACQUIRE) == 0)
        futex (&shared->go[which], FUTEX_WAIT, 0, NULL);
      __atomic_store_n (&shared->go[which], 0, __ATOMIC_RELAXED);
      for (uint32_t i = 0; i < batch->n_cases; i++)
        {
          __atomic_store_n (&shared->current, i, __ATOMIC_RELAXED);
          if (!batch->cases[i].skip)
            run_case (&batch->cases[i], &batch->native[i]);
        }
      __atomic_store_n (&shared->done[which], 1, __ATOMIC_RELEASE);
      futex (&shared->done[which], FUTEX_WAKE, 1, NULL);
    }
}

static void
start_child (void)
{
  memset (shared->go, 0, sizeof shared->go);
  memset (shared->done, 0, sizeof shared->done);
  fflush (NULL);
  child = fork ();
  if (child == 0)
    child_main ();
}

/* The LDT's first descriptor; inherited by the child. */
static gboolean
make_short_stack (void)
{
  struct user_desc descriptor = {
    .entry_number = FUZZ_SHORT_SS >> 3,
    .limit = 0xfffff,
    .limit_in_pages = 1,
    .useable = 1,
  };

  return syscall (SYS_modify_ldt, 1, &descriptor, sizeof descriptor) == 0;
}

/* A far jump to the 32-bit segment and back, in a process of its own: some kernels and hypervisors have none. */
static gboolean
probe_compat (void)
{
  pid_t pid = fork ();
  int status = 0;

  if (pid == 0)
    {
      uint8_t code[] = { 0x40, 0xea, 0x20, 0, 0, FUZZ_CODE >> 24, FUZZ_CS64, 0 }; /* inc eax; ljmp 0x33:... */
      uint8_t *page = (uint8_t *)(uintptr_t)FUZZ_CODE;
      static struct
      {
        uint32_t offset;
        uint16_t selector;
      } far_pointer = { FUZZ_CODE, FUZZ_CS32 };
      static const int faults[] = { SIGSEGV, SIGILL, SIGBUS };
      uint64_t value = 0xffffffff;

      /* Its fault is an answer, not one of ours that a sanitizer is to tell of. */
      for (unsigned i = 0; i < G_N_ELEMENTS (faults); i++)
        signal (faults[i], SIG_DFL);
      map_or_die (FUZZ_CODE, FUZZ_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, -1, 0);
      memcpy (page, code, sizeof code);
      page[0x20] = 0x41; /* jmp *%r13 */
      page[0x21] = 0xff;
      page[0x22] = 0xe5;
      /* RSP's upper half need not survive the visit. */
      __asm__ volatile("mov %%rsp, %%r12\n  lea 1f(%%rip), %%r13\n  ljmp *%1\n1: mov %%r12, %%rsp\n"
                       : "+a"(value)
                       : "m"(far_pointer)
                       : "r12", "r13", "memory", "cc");
      _exit (value == 0 ? 0 : 1);
    }
  waitpid (pid, &status, 0);
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

gboolean
fuzz_native_start (void)
{
  has_fsgsbase = (getauxval (AT_HWCAP2) & (1 << 1)) != 0;
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  code_fd = memfd_create ("fuzz-code", MFD_CLOEXEC);
  data_fd = memfd_create ("fuzz-data", MFD_CLOEXEC);
  if (shared == MAP_FAILED || code_fd < 0 || data_fd < 0 || ftruncate (code_fd, 2 * FUZZ_PAGE) != 0
      || ftruncate (data_fd, 2 * FUZZ_PAGE) != 0)
    {
      perror ("fuzz-cpu: shared memory");
      return FALSE;
    }
  code_view = mmap (NULL, 2 * FUZZ_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, code_fd, 0);
  if (code_view == MAP_FAILED)
    return FALSE;

  void *low = mmap ((void *)(uintptr_t)FUZZ_LOW, FUZZ_PAGE, PROT_READ,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  low_mapped = low == (void *)(uintptr_t)FUZZ_LOW;
  if (low != MAP_FAILED)
    munmap (low, FUZZ_PAGE);
  compat_works = probe_compat ();
  short_stack_works = compat_works && make_short_stack ();
  start_child ();
  for (unsigned tries = 0; child > 0 && __atomic_load_n (&shared->ready, __ATOMIC_ACQUIRE) == 0 && tries < 30;
       tries++)
    {
      struct timespec second = { 1, 0 };
      int status;

      futex (&shared->ready, FUTEX_WAIT, 0, &second);
      if (waitpid (child, &status, WNOHANG) == child)
        child = -1;
    }
  if (child <= 0 || shared->ready == 0)
    {
      printf ("fuzz-cpu: no contained process can be had on this host\n");
      return FALSE;
    }
  return TRUE;
}

static void
end_child (void)
{
  int status;

  kill (child, SIGKILL);
  waitpid (child, &status, 0);
}

void
fuzz_native_stop (void)
{
  end_child ();
  munmap (code_view, 2 * FUZZ_PAGE);
  munmap (shared, sizeof *shared);
  close (code_fd);
  close (data_fd);
}

FuzzBatch *
fuzz_native_batch (unsigned which)
{
  return &shared->batch[which];
}

gboolean
fuzz_native_low (void)
{
  return low_mapped;
}

gboolean
fuzz_native_compat (void)
{
  return compat_works;
}

gboolean
fuzz_native_fsgsbase (void)
{
  return has_fsgsbase;
}

gboolean
fuzz_native_ymm (void)
{
  return soft_host_has (SOFT_HOST_AVX);
}

gboolean
fuzz_native_short_stack (void)
{
  return short_stack_works;
}

void
fuzz_native_submit (unsigned which)
{
  fuzz_fill_code (&shared->batch[which], code_view + which * FUZZ_PAGE);
  __atomic_store_n (&shared->done[which], 0, __ATOMIC_RELAXED);
  __atomic_store_n (&shared->go[which], 1, __ATOMIC_RELEASE);
  futex (&shared->go[which], FUTEX_WAKE, 1, NULL);
}

gboolean
fuzz_native_wait (unsigned which, unsigned *culprit)
{
  static unsigned next;

  /* The child takes the batches in turn. */
  g_assert (which == next);
  for (unsigned tries = 0; __atomic_load_n (&shared->done[which], __ATOMIC_ACQUIRE) == 0; tries++)
    {
      struct timespec second = { 1, 0 };
      int status;

      futex (&shared->done[which], FUTEX_WAIT, 0, &second);
      if (__atomic_load_n (&shared->done[which], __ATOMIC_ACQUIRE) != 0)
        break;
      gboolean died = waitpid (child, &status, WNOHANG) == child;
      if (died || tries >= 20)
        {
          *culprit = shared->current;
          if (!died)
            end_child ();
          next = 0;
          start_child ();
          return FALSE;
        }
    }
  next ^= 1;
  return TRUE;
}
