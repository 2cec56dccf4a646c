/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The processor guest: loads itself from the floppy disk, does what only real mode can, then enters protected mode and C
 * (protected.c).  Results of real mode are words at `real_results`; C prints them.
 */
        .code16
        .section .boot, "ax"
        .globl start
start:  ljmp    $0, $1f
1:      cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        movb    %dl, drive
        movw    $1, %si                 /* LBA; 18 sectors, 2 heads */
        movw    $0x7e00, %bx
2:      movw    %si, %ax
        xorw    %dx, %dx
        movw    $18, %cx
        divw    %cx
        movb    %dl, %cl
        incb    %cl
        movb    %al, %ch
        shrb    $1, %ch
        movb    %al, %dh
        andb    $1, %dh
        movb    drive, %dl
        movw    $0x0201, %ax
        int     $0x13
        jc      3f
        addw    $512, %bx
        incw    %si
        cmpw    $image_sectors, %si
        jb      2b
        jmp     real
3:      hlt
        jmp     3b
drive:  .byte   0
        .org    510
        .word   0xaa55

/* -- Real mode: each test stores what it saw. ----------------------------------------------------- */
        .macro  vector n, handler
        movw    $\handler, \n * 4
        movw    $0, \n * 4 + 2
        .endm
        .macro  store value
        movw    \value, (%di)
        addw    $2, %di
        .endm

real:   cli
        movb    $0xff, %al              /* no interrupts from devices */
        outb    %al, $0x21
        outb    %al, $0xa1
        movw    $real_results, %di
        vector  0x60, on_soft
        .irp    n, 0, 3, 4, 5, 6, 13
        vector  \n, on_fault
        .endr
        vector  1, on_step

        /* INT: IF and TF are clear in the handler and come back by IRET. */
        sti
        stc
        int     $0x60
        pushfw
        popw    %ax
        store   %ax
        cli

        /* Faults save the instruction's address, traps the next one's. */
        movw    $1f, resume
        xorw    %bx, %bx
        movw    $de_insn, insn
de_insn:
        divw    %bx
1:      movw    $1f, resume
        movw    $bp_insn, insn
bp_insn:
        int3
1:      movw    $1f, resume
        movw    $of_insn, insn
        movb    $0x7f, %al
        addb    $1, %al
of_insn:
        into
1:      movw    $1f, resume
        movw    $br_insn, insn
        movw    $9, %ax
br_insn:
        .byte   0x62, 0x06              /* bound %ax, bounds: assemblers disagree about its operands' order */
        .word   bounds
1:      movw    $1f, resume
        movw    $ud_insn, insn
ud_insn:
        ud2
1:      movw    $1f, resume
        movw    $gp_insn, insn
        movw    $0xffff, %bx
gp_insn:
        movw    (%bx), %ax              /* a word across the segment's limit */
1:
        /* Single step: a trap after each of three instructions, and none after MOV SS. */
        movw    $0, steps
        pushfw
        orw     $0x100, (%esp)
        popfw
        nop
        movw    %ss, %ax
        movw    %ax, %ss
        nop
        pushfw
        andw    $0xfeff, (%esp)
        popfw
        movw    steps, %ax
        store   %ax

        /* POPF in real mode sets IOPL and NT. */
        pushw   $0x7002
        popfw
        pushfw
        popw    %ax
        store   %ax
        pushw   $0x0002
        popfw

        /* String operations wrap at 64 KiB. */
        movw    $0x2000, %ax
        movw    %ax, %fs
        movb    $0x5a, %fs:0xffff
        movb    $0xa5, %fs:0
        pushw   %ds
        pushw   %di
        movw    %ax, %ds
        movw    $0xffff, %si
        movw    $scratch, %di
        movw    $2, %cx
        rep movsb
        popw    %di
        popw    %ds
        movw    scratch, %ax
        store   %ax
        store   %si

        /* Unreal mode: the limit of 4 GiB stays when PE is cleared; A20 is open. */
        lgdtl   gdt_pointer
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $0x10, %bx
        movw    %bx, %fs
        andb    $0xfe, %al
        movl    %eax, %cr0
        ljmp    $0, $1f
1:      movl    $0x200000, %ebx
        movl    $0xcafe1234, %fs:(%ebx)
        movl    %fs:(%ebx), %eax
        store   %ax
        xorw    %ax, %ax                /* a selector load in real mode changes the base alone */
        movw    %ax, %fs
        movl    %fs:(%ebx), %eax
        shrl    $16, %eax
        store   %ax

        /* LOOP counts CX; DAA, AAM; shifts count modulo 32. */
        movb    $0x19, %al
        addb    $0x28, %al
        daa
        xorb    %ah, %ah
        store   %ax
        movw    $73, %ax
        aam
        store   %ax
        movw    $0x8001, %ax
        movb    $33, %cl
        shlw    %cl, %ax
        store   %ax
        movw    $sp_test, %ax
        movw    %sp, %bx
        pushw   %sp
        popw    %ax
        subw    %bx, %ax
        store   %ax                     /* 0: since the 286 PUSH SP pushes the old value */
sp_test:
        cli
        lgdtl   gdt_pointer
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $protected

on_soft:
        pushw   %bp
        movw    %sp, %bp
        pushfw
        popw    %ax
        store   %ax
        movw    6(%bp), %ax
        store   %ax
        popw    %bp
        iretw

/* Stores how far the saved IP is from the instruction, drops the frame. */
on_fault:
        popw    %ax
        subw    insn, %ax
        store   %ax
        addw    $4, %sp
        jmpw    *resume
on_step:
        incw    steps
        iretw

resume: .word   0
insn:   .word   0
steps:  .word   0
bounds: .word   2, 8
scratch:
        .word   0
        .globl  real_results
real_results:
        .fill   32, 2, 0

        .balign 8
        .globl  gdt
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 08 code */
        .quad   0x00cf93000000ffff      /* 10 data */
        .fill   29, 8, 0                /* protected.c fills the rest */
gdt_pointer:
        .word   32 * 8 - 1
        .long   gdt

        .code32
protected:
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    $0x90000, %esp
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        call    guest
1:      hlt
        jmp     1b

/* -- Catching faults ------------------------------------------------------------------------------ */
        .text
/* void try (void (*f) (void)): calls f; fault.vector is what it raised, 0x100 if it came back. */
        .globl  try
try:    pushl   %ebx
        pushl   %esi
        pushl   %edi
        pushl   %ebp
        movl    %esp, try_stack
        movl    $0x100, fault
        call    *20(%esp)
try_out:
        movl    try_stack, %esp
        popl    %ebp
        popl    %edi
        popl    %esi
        popl    %ebx
        pushl   $2
        popfl
        ret

/* Vectors 0 to 63: error code (0 where the processor pushes none), vector. */
        .globl  stubs
stubs:  .set    n, 0
        .rept   64
        .balign 16
        .if     n == 8 || n == 10 || n == 11 || n == 12 || n == 13 || n == 14 || n == 17
        .else
        pushl   $0
        .endif
        pushl   $n
        jmp     caught
        .set    n, n + 1
        .endr
caught: pushl   %eax
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        popl    %eax
        movl    %ecx, fault + 24
        movl    %esi, fault + 28
        movl    %edi, fault + 32
        popl    fault
        popl    fault + 4
        popl    fault + 8
        popl    fault + 12
        popl    fault + 16
        movl    %cr2, %eax
        movl    %eax, fault + 20
        movl    $0x10, %eax
        movl    %eax, %ss               /* a test may have changed it */
        jmp     try_out

/* void user (void (*f) (void)): f at ring 3; comes back by INT 0x30 (or a fault). */
        .globl  user
user:   movl    4(%esp), %eax
        pushl   $0x23
        pushl   $user_stack_top
        pushl   $0x1b
        pushl   %eax
        movw    $0x23, %cx
        movw    %cx, %ds
        movw    %cx, %es
        lret

/* Target of a call gate with two parameters. */
        .globl  gate_target
gate_target:
        movl    %ds, %ebx
        movl    $0x10, %eax
        movl    %eax, %ds
        movw    %cs, gate_saw
        movw    %ss, gate_saw + 4
        movl    8(%esp), %eax
        movl    %eax, gate_saw + 8
        movl    12(%esp), %eax
        movl    %eax, gate_saw + 12
        movl    4(%esp), %eax
        movl    %eax, gate_saw + 16
        movl    %ebx, %ds
        lret    $8

        .globl  call_gate_user
call_gate_user:
        pushl   $0x2222
        pushl   $0x1111
        lcall   $0x33, $0
        movl    %esp, %ecx              /* the parameters are gone from this stack too */
        int     $0x30

        .globl  task_code
task_code:
        strw    %ax
        movzwl  %ax, %eax
        movl    %eax, task_saw
        pushfl
        popl    %eax
        movl    %eax, task_saw + 4
        movl    %cr0, %eax
        movl    %eax, task_saw + 8
        iretl
        jmp     task_code

        .globl  step_code, step_end, breakpoint_code
step_code:
        pushfl
        orl     $0x100, (%esp)
        popfl
        nop
step_end:
        nop
        ret
breakpoint_code:
        nop
        ret

        .bss
        .balign 16
        .globl  fault, gate_saw, task_saw
fault:  .fill   10, 4
try_stack:
        .long   0
gate_saw:
        .fill   5, 4
task_saw:
        .fill   3, 4
        .fill   256, 4
user_stack_top:
        .long   0
        .section .note.GNU-stack, "", @progbits
