/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Protected mode as the processor's manual (Intel SDM volume 3, chapters 3 to 7, 17, 20) has it: each line on the serial port
 * tells a vector, error code and what was seen.  expected.txt has what a processor answers.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define COM1 0x3f8

extern u16 real_results[32];
extern u64 gdt[32];
extern u8 stubs[], step_code[], step_end[], breakpoint_code[], gate_target[], task_code[], call_gate_user[];
extern struct
{
  u32 vector, error, eip, cs, flags, cr2, ecx, esi, edi, spare;
} fault;
extern u32 gate_saw[5], task_saw[3];
void try (void (*f) (void));
void user (void (*f) (void));
void guest (void);

static struct
{
  u16 low, selector, flags, high;
} idt[64];

static struct tss
{
  u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs,
      ss, ds, fs, gs, ldt;
  u16 trap, io_base;
  u8 redirect[32];
  u8 io[8193];
} __attribute__ ((packed)) main_tss, other_tss;
static u32 other_stack[256], ring0_stack[256];
static u32 directory[1024] __attribute__ ((aligned (4096))), table[1024] __attribute__ ((aligned (4096)));
static u8 window[8192] __attribute__ ((aligned (4096)));

/* -- Output --------------------------------------------------------------------------------------- */

static inline void
outb (u16 port, u8 value)
{
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8
inb (u16 port)
{
  u8 value;

  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static void
say (const char *text)
{
  for (; *text; text++)
    {
      while (!(inb (COM1 + 5) & 0x20))
        ;
      outb (COM1, (u8)*text);
    }
}

static void
number (const char *label, u32 value)
{
  char text[10], *at = text + 9;

  *at = 0;
  do
    *--at = "0123456789abcdef"[value & 15];
  while (value >>= 4);
  say (label);
  say (at);
}

static void
result (const char *name)
{
  say (name);
  number (": vector ", fault.vector);
  number (" error ", fault.error);
}

static void
caught (const char *name, void (*f) (void))
{
  fault.error = 0;
  try (f);
  result (name);
  say ("\n");
}

/* -- Descriptors ---------------------------------------------------------------------------------- */

static void
descriptor (unsigned selector, u32 base, u32 limit, u8 access, u8 flags)
{
  gdt[selector >> 3] = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40
                       | (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static void
gate (unsigned n, u32 target, u16 selector, u8 access)
{
  idt[n].low = (u16)target;
  idt[n].selector = selector;
  idt[n].flags = (u16)(access << 8);
  idt[n].high = (u16)(target >> 16);
}

static void
tables (void)
{
  struct
  {
    u16 limit;
    u32 base;
  } __attribute__ ((packed)) pointer = { sizeof idt - 1, (u32)idt };

  for (unsigned i = 0; i < 64; i++)
    gate (i, (u32)stubs + i * 16, 8, i == 0x30 || i == 3 ? 0xee : 0x8e);
  __asm__ volatile("lidt %0" : : "m"(pointer));
  descriptor (0x18, 0, 0xfffff, 0xfb, 0xc); /* user code */
  descriptor (0x20, 0, 0xfffff, 0xf3, 0xc); /* user data */
  descriptor (0x28, (u32)&main_tss, sizeof main_tss - 1, 0x89, 0);
  gdt[6] = ((u32)gate_target & 0xffff) | 8u << 16 | (u64)0xec02 << 32
           | (u64)((u32)gate_target >> 16) << 48; /* 30: call gate, DPL 3, 2 dwords */
  descriptor (0x38, (u32)&other_tss, sizeof other_tss - 1, 0x89, 0);
  descriptor (0x40, 0, 0xfffff, 0x13, 0xc);      /* not present data */
  descriptor (0x48, (u32)window, 15, 0x93, 4);   /* 16 bytes */
  descriptor (0x50, (u32)window, 15, 0x91, 4);   /* read only */
  descriptor (0x58, (u32)window, 15, 0x99, 4);   /* execute only */
  descriptor (0x60, (u32)window, 0xff, 0x97, 4); /* expands down from 0x100 */
  gdt[13] = (u64)0x8500 << 32 | 0x38u << 16;     /* 68: task gate */
  descriptor (0x70, 0, 0xfffff, 0x1b, 0xc);      /* not present code */
  main_tss.ss0 = 0x10;
  main_tss.esp0 = (u32)(ring0_stack + 256);
  main_tss.io_base = __builtin_offsetof(struct tss, io);
  for (unsigned i = 0; i < sizeof main_tss.io; i++)
    main_tss.io[i] = 0xff;
  main_tss.io[0x80 / 8] = 0xfe; /* port 0x80 is free */
  __asm__ volatile("ltr %w0" : : "r"(0x28));
}

/* -- Segments ------------------------------------------------------------------------------------- */

/* A function in assembly; try() keeps all registers. */
#define ASM(name, code) \
  void name (void);     \
  __asm__(".text\n" #name ": " code "; ret");

ASM (divide, "xor %ebx, %ebx; mov $1, %eax; cdq; div %ebx")
ASM (divide_overflow, "mov $1, %edx; mov $1, %ebx; div %ebx")
ASM (breakpoint, "int3")
ASM (overflow, "mov $0x7fffffff, %eax; inc %eax; into")
ASM (undefined, "ud2")
ASM (load_beyond, "mov $0x7f8, %eax; mov %eax, %ds")
ASM (load_absent, "mov $0x40, %eax; mov %eax, %es")
ASM (load_absent_stack, "mov $0x40, %eax; mov %eax, %ss")
ASM (load_null_stack, "xor %eax, %eax; mov %eax, %ss")
ASM (load_user_stack, "mov $0x23, %eax; mov %eax, %ss")
ASM (load_read_only_stack, "mov $0x50, %eax; mov %eax, %ss")
ASM (load_execute_only, "mov $0x58, %eax; mov %eax, %es")
ASM (load_tss, "mov $0x28, %eax; mov %eax, %es")
ASM (null_access, "xor %eax, %eax; mov %eax, %es; mov %es:0, %eax")
ASM (inside_limit, "mov $0x48, %eax; mov %eax, %es; mov %es:12, %eax")
ASM (across_limit, "mov $0x48, %eax; mov %eax, %es; mov %es:13, %eax")
ASM (write_read_only, "mov $0x50, %eax; mov %eax, %es; movb $1, %es:0")
ASM (write_code, "movb $1, %cs:0x7000")
ASM (below_expand_down, "mov $0x60, %eax; mov %eax, %es; movb %es:0xff, %al")
ASM (in_expand_down, "mov $0x60, %eax; mov %eax, %es; movb %es:0x100, %al")
ASM (call_data, "lcall $0x10, $0")
ASM (call_null, "lcall $0, $0")
ASM (call_absent, "lcall $0x70, $0")
ASM (jump_user, "ljmp $0x1b, $0")
ASM (ltr_busy, "mov $0x28, %eax; ltr %ax")
ASM (iret_null, "pushl $2; pushl $0; pushl $0; iret")
ASM (lock_register, ".byte 0xf0, 0x01, 0xc0")
ASM (long_instruction,
     ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90")
ASM (task_switched, "mov %cr0, %eax; or $8, %eax; mov %eax, %cr0; fnop")
ASM (emulated_fpu, "mov %cr0, %eax; and $~8, %eax; or $4, %eax; mov %eax, %cr0; fnop")
ASM (fpu_on, "clts; mov %cr0, %eax; and $~4, %eax; mov %eax, %cr0; fninit; fnop")
ASM (bad_msr, "mov $0xdead0000, %ecx; rdmsr")
ASM (reserved_cr4, "mov %cr4, %eax; or $0x80000000, %eax; mov %eax, %cr4")
ASM (paging_without_protection, "mov %cr0, %eax; and $~1, %eax; or $0x80000000, %eax; mov %eax, %cr0")
ASM (cr1, ".byte 0x0f, 0x20, 0xc8")

static int bounds[2] = { 2, 8 };
static void
bound (void)
{
  __asm__ volatile("bound %0, %1" : : "r"(9), "m"(bounds));
}

static void
segments (void)
{
  caught ("#DE by zero", divide);
  caught ("#DE too large", divide_overflow);
  caught ("INT3", breakpoint);
  caught ("INTO", overflow);
  caught ("BOUND", bound);
  caught ("UD2", undefined);
  caught ("DS beyond the table", load_beyond);
  caught ("ES not present", load_absent);
  caught ("SS not present", load_absent_stack);
  caught ("SS null", load_null_stack);
  caught ("SS of ring 3", load_user_stack);
  caught ("SS read only", load_read_only_stack);
  caught ("ES execute only", load_execute_only);
  caught ("ES a task segment", load_tss);
  caught ("access through null", null_access);
  caught ("last dword of a segment", inside_limit);
  caught ("dword across the limit", across_limit);
  caught ("write to read only", write_read_only);
  caught ("write to code", write_code);
  caught ("below an expand-down segment", below_expand_down);
  caught ("in an expand-down segment", in_expand_down);
  caught ("far call to data", call_data);
  caught ("far call to null", call_null);
  caught ("far call to absent code", call_absent);
  caught ("far jump to ring 3", jump_user);
  caught ("LTR of a busy task", ltr_busy);
  caught ("IRET to null", iret_null);
  caught ("LOCK with a register", lock_register);
  caught ("16 bytes of instruction", long_instruction);
  caught ("x87 with TS", task_switched);
  caught ("x87 with EM", emulated_fpu);
  caught ("x87 on", fpu_on);
  caught ("RDMSR of none", bad_msr);
  caught ("CR4 reserved bit", reserved_cr4);
  caught ("PG without PE", paging_without_protection);
  caught ("MOV from CR1", cr1);
}

/* -- Ring 3 --------------------------------------------------------------------------------------- */

ASM (user_return, "int $0x30")
ASM (user_cli, "cli")
ASM (user_hlt, "hlt")
ASM (user_in, "inb $0x60, %al")
ASM (user_in_free, "inb $0x80, %al; int $0x30")
ASM (user_in_across, "inw $0x80, %ax")
ASM (user_int, "int $0x31")
ASM (user_int3, "int3")
ASM (user_kernel_data, "mov $0x10, %eax; mov %eax, %ds")
ASM (user_cr0, "mov %cr0, %eax")
ASM (user_popf, "pushl $0x3202; popf; pushf; pop %ecx; int $0x30")
ASM (user_call_kernel, "lcall $8, $0")

static void (*user_function) (void);
static void
to_user (void)
{
  user (user_function);
}

static void
in_user (const char *name, void (*f) (void))
{
  user_function = f;
  fault.error = 0;
  try (to_user);
  result (name);
  number (" cs ", fault.cs);
  say ("\n");
}

static void
rings (void)
{
  in_user ("ring 3 and back", user_return);
  in_user ("ring 3 CLI", user_cli);
  in_user ("ring 3 HLT", user_hlt);
  in_user ("ring 3 IN", user_in);
  in_user ("ring 3 IN of a free port", user_in_free);
  in_user ("ring 3 IN of a free and a barred port", user_in_across);
  in_user ("ring 3 INT of a ring 0 gate", user_int);
  in_user ("ring 3 INT3", user_int3);
  in_user ("ring 3 loads ring 0 data", user_kernel_data);
  in_user ("ring 3 reads CR0", user_cr0);
  in_user ("ring 3 calls ring 0", user_call_kernel);
  in_user ("ring 3 POPF", user_popf);
  number ("  flags ", fault.ecx);
  say ("\n");
  in_user ("ring 3 through a call gate", (void (*) (void))call_gate_user);
  number ("  saw cs ", gate_saw[0]);
  number (" ss ", gate_saw[1]);
  number (" parameters ", gate_saw[2]);
  number (" ", gate_saw[3]);
  number (" caller ", gate_saw[4]);
  say ("\n");
}

/* -- Tasks ---------------------------------------------------------------------------------------- */

ASM (call_task, "lcall $0x38, $0")
ASM (call_task_gate, "lcall $0x68, $0")
ASM (call_own_task, "lcall $0x28, $0")

static void
task (const char *name, void (*f) (void))
{
  other_tss.eip = (u32)task_code;
  other_tss.eflags = 2;
  other_tss.esp = (u32)(other_stack + 256);
  other_tss.cs = 8;
  other_tss.ss = other_tss.ds = other_tss.es = other_tss.fs = other_tss.gs = 0x10;
  caught (name, f);
  number ("  TR ", task_saw[0]);
  number (" NT ", task_saw[1] >> 14 & 1);
  number (" TS ", task_saw[2] >> 3 & 1);
  number (" link ", other_tss.link & 0xffff);
  number (" types ", (u32)(gdt[5] >> 40) & 15);
  number (" ", (u32)(gdt[7] >> 40) & 15);
  say ("\n");
  __asm__ volatile("clts");
}

static void
tasks (void)
{
  task ("call of a task", call_task);
  task ("call of a task gate", call_task_gate);
  caught ("call of the busy task", call_own_task);
  other_tss.cs = 0x10;
  other_tss.eip = (u32)task_code;
  gdt[5] &= ~((u64)2 << 40); /* what the fault in the new task leaves behind is not looked at */
  gdt[5] |= (u64)2 << 40;
}

/* -- Debug registers ------------------------------------------------------------------------------ */

static u32
dr6 (void)
{
  u32 value;

  __asm__ volatile("mov %%dr6, %0" : "=r"(value));
  __asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0));
  return value & 0xe00f;
}

static void
watched_write (void)
{
  __asm__ volatile("movb $1, %0; nop; nop" : "=m"(window[100]));
}

static void
watched_read (void)
{
  __asm__ volatile("movb %0, %%al; nop; nop" : : "m"(window[100]) : "eax");
}

ASM (general_detect, "mov $0x2400, %eax; mov %eax, %dr7; mov %dr0, %eax")

static void
debug (const char *name, void (*f) (void), u32 address, u32 dr7)
{
  __asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(address), "r"(dr7));
  fault.error = 0;
  try (f);
  __asm__ volatile("mov %0, %%dr7" : : "r"(0x400));
  result (name);
  number (" DR6 ", dr6 ());
  say ("\n");
}

static void
debugging (void)
{
  dr6 ();
  debug ("single step", (void (*) (void))step_code, 0, 0x400);
  number ("  after ", fault.eip - (u32)step_end);
  say ("\n");
  debug ("instruction breakpoint", (void (*) (void))breakpoint_code, (u32)breakpoint_code, 0x402);
  number ("  at ", fault.eip - (u32)breakpoint_code);
  say ("\n");
  debug ("write breakpoint, write", watched_write, (u32)(window + 100), 0x10402);
  debug ("write breakpoint, read", watched_read, (u32)(window + 100), 0x10402);
  debug ("access breakpoint, read", watched_read, (u32)(window + 100), 0x30402);
  debug ("four bytes, the next written", watched_write, (u32)(window + 96), 0xd0402);
  debug ("general detect", general_detect, 0, 0x400);
}

/* -- Paging --------------------------------------------------------------------------------------- */

#define WINDOW 0x00800000u /* two pages that are mapped as a test likes */

ASM (page_read, "movb 0x800000, %al")
ASM (page_write, "movb $1, 0x800000")
ASM (page_read_user, "movb 0x800000, %al; int $0x30")
ASM (page_write_user, "movb $1, 0x800000; int $0x30")
ASM (page_across, "movl $0x11223344, 0x800ffe")
ASM (page_string, "mov $0x800ff0, %edi; mov $0x20, %ecx; mov $0x5a, %al; cld; rep stosb")
ASM (page_jump, "mov $0x800000, %eax; jmp *%eax")

static void
map (unsigned page, u32 flags)
{
  table[page] = (u32)(window + page * 4096) | flags;
  __asm__ volatile("invlpg (%0)" : : "r"(WINDOW + page * 4096) : "memory");
}

static void
paged (const char *name, void (*f) (void), int ring3)
{
  fault.error = 0;
  __asm__ volatile("mov %0, %%cr2" : : "r"(0));
  user_function = f;
  try (ring3 ? to_user : f);
  result (name);
  number (" CR2 ", fault.vector == 14 ? fault.cr2 : 0);
  number (" bits ", table[0] & 0xfff);
  say ("\n");
}

static void
paging (void)
{
  u32 cr0, cr4;

  for (unsigned i = 0; i < 1024; i++)
    directory[i] = i << 22 | 0x87; /* 4 MiB pages, all identical */
  directory[WINDOW >> 22] = (u32)table | 7;
  __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
  __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 0x10));
  __asm__ volatile("mov %0, %%cr3" : : "r"(directory));
  __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
  __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | 0x80000000));
  map (0, 0);
  paged ("absent read", page_read, 0);
  paged ("absent write", page_write, 0);
  paged ("absent read, ring 3", page_read_user, 1);
  map (0, 5);
  paged ("read sets accessed", page_read, 0);
  paged ("read only, write without WP", page_write, 0);
  map (0, 5);
  __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | 0x80010000));
  paged ("read only, write with WP", page_write, 0);
  paged ("read only, write, ring 3", page_write_user, 1);
  map (0, 3);
  paged ("write sets dirty", page_write, 0);
  window[0] = 0xc3;
  map (0, 3);
  paged ("execute", page_jump, 0);
  map (0, 7);
  map (1, 0);
  window[4094] = window[4095] = 0;
  paged ("write across to an absent page", page_across, 0);
  number ("  first page has ", (u32)window[4094] << 8 | window[4095]);
  say ("\n");
  paged ("REP STOSB into an absent page", page_string, 0);
  number ("  left ", fault.ecx);
  number (" at ", fault.edi);
  say ("\n");
  directory[WINDOW >> 22] = 0;
  __asm__ volatile("mov %0, %%cr3" : : "r"(directory));
  paged ("absent table", page_read, 0);
  __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~0x80010000u));
}

void
guest (void)
{
  outb (COM1 + 1, 0);
  outb (COM1 + 3, 3);
  say ("cpu start\n");
  for (unsigned i = 0; i < 19; i++)
    {
      number ("real ", i);
      number (": ", real_results[i]);
      say ("\n");
    }
  tables ();
  segments ();
  rings ();
  tasks ();
  debugging ();
  paging ();
  say ("cpu done\n");
}
