/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What memory managers and DOS extenders do all the time: a virtual-8086 task whose INT, IRET, PUSHF, CLI, STI, IN and OUT (IOPL is 0) a monitor carries out,
 * and a task of ring 3 that has 1024 pages in 16 frames.  Says on COM1 and on the debug console (0x402):
 *
 *   v86 reflect ROUNDS CALLS SUM PORTS
 *   v86 faults ROUNDS FAULTS SUM
 *   v86 end
 *
 * in hexadecimal, after "v86 begin"; tests/system/test-v86.py has the sums.
 *
 * Memory: 0 the real mode's interrupt table; 0x1000 variables; 0x7c00 this; 0x9000 and 0xa000 stacks of ring 0 and 3; 0x10000 page directory and two tables; 0x14000 TSS; 0x17000 IDT;
 * 0x20000 frames.
 */
#define DEBUGCON  0x402
#define COM1      0x3f8
#define SECTORS   7
#define REFLECTED 20000
#define FAULTING  40000
#define DIRECTORY 0x10000
#define TABLE     0x11000
#define PAGES     0x12000 /* the table of what lies at LINEAR */
#define LINEAR    0x400000
#define TSS       0x14000
#define IDT       0x17000
#define FRAMES    0x20000
#define N_FRAMES  16
/* Variables are far from code. */
#define virtual_if 0x1000
#define calls      0x1004
#define ports      0x1008
#define port       0x100c
#define faults     0x1010
#define oldest     0x1014
#define owners     0x1020
#define STACK0    0x9000
#define STACK3    0xa000
#define STACK_V86 0x6000
#define VM        0x20000
#define IF        0x200

        .code16
        .text
        .globl  start
start:  ljmp    $0, $1f
1:      cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movw    $0x0200 + SECTORS, %ax
        movw    $0x7e00, %bx
        movw    $2, %cx
        xorb    %dh, %dh
        int     $0x13
        jc      2f
        cli
        movw    $service, 0x60 * 4
        movw    $0, 0x60 * 4 + 2
        lgdtl   gdt_pointer
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $protected
2:      hlt
        jmp     2b
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
        .quad   0x00cffb000000ffff
        .quad   0x00cff3000000ffff
        .quad   0x0000890140002068 /* TSS and its map of ports */
        .quad   0
gdt_pointer:
        .word   55
        .long   gdt
idt_pointer:
        .word   0x7ff
        .long   IDT
        .org    510
        .word   0xaa55

/* -- The virtual-8086 task -------------------------------------------------------------------------------------------- */
task:   movl    $REFLECTED, %ecx
        xorl    %ebx, %ebx
        movw    $0x80, %dx
1:      movw    %cx, %ax
        int     $0x60
        addl    %eax, %ebx
        cli
        movb    %cl, %al
        outb    %al, %dx
        inb     %dx, %al
        sti
        movzbl  %al, %eax
        addl    %eax, %ebx
        decl    %ecx
        jnz     1b
        int     $0x61
/* Interrupts are off in it, which the sum would tell. */
service:
        pushfw
        popw    %si
        andw    $IF, %si
        movzwl  %ax, %eax
        leal    3(%eax, %eax, 2), %eax
        movzwl  %si, %esi
        addl    %esi, %eax
        incl    calls
        iretw

        .code32
/* -- The monitor ------------------------------------------------------------------------------------------------------- */
/* What PUSHA leaves, the error code, and the frame. */
#define EAX_  28
#define IP_   36
#define CS_   40
#define FLAGS 44
#define SP_   48
#define SS_   52
protection:
        pushal
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        testl   $VM, FLAGS(%esp)
        jz      wrong
        movzwl  CS_(%esp), %ebx
        shll    $4, %ebx
        movzwl  IP_(%esp), %esi
        addl    %ebx, %esi
        movzwl  SS_(%esp), %ebx
        shll    $4, %ebx
        movzwl  SP_(%esp), %ecx
        movzbl  (%esi), %eax
        cmpb    $0xcd, %al
        je      interrupt
        cmpb    $0xcf, %al
        je      return
        cmpb    $0x9c, %al
        je      push_flags
        cmpb    $0xfa, %al
        je      off
        cmpb    $0xfb, %al
        je      on
        cmpb    $0xee, %al
        je      out
        cmpb    $0xec, %al
        je      in
        jmp     wrong
next:   incw    IP_(%esp)
back:   popal
        addl    $4, %esp
        iretl

interrupt:
        movzbl  1(%esi), %edi
        cmpl    $0x61, %edi
        je      reflected
        addw    $2, IP_(%esp)
        movl    FLAGS(%esp), %edx
        orl     virtual_if, %edx
        subw    $2, %cx
        movw    %dx, (%ebx, %ecx)
        movl    CS_(%esp), %edx
        subw    $2, %cx
        movw    %dx, (%ebx, %ecx)
        movl    IP_(%esp), %edx
        subw    $2, %cx
        movw    %dx, (%ebx, %ecx)
        movw    %cx, SP_(%esp)
        movl    $0, virtual_if
        movzwl  (, %edi, 4), %edx
        movl    %edx, IP_(%esp)
        movzwl  2(, %edi, 4), %edx
        movl    %edx, CS_(%esp)
        jmp     back
return: movzwl  (%ebx, %ecx), %edx
        movl    %edx, IP_(%esp)
        addw    $2, %cx
        movzwl  (%ebx, %ecx), %edx
        movl    %edx, CS_(%esp)
        addw    $2, %cx
        movzwl  (%ebx, %ecx), %edx
        addw    $2, %cx
        movw    %cx, SP_(%esp)
        movl    %edx, %eax
        andl    $IF, %eax
        movl    %eax, virtual_if
        andl    $0xcd5, %edx
        orl     $VM + 2, %edx
        movl    %edx, FLAGS(%esp)
        jmp     back
push_flags:
        movl    FLAGS(%esp), %edx
        orl     virtual_if, %edx
        subw    $2, %cx
        movw    %dx, (%ebx, %ecx)
        movw    %cx, SP_(%esp)
        jmp     next
off:    movl    $0, virtual_if
        jmp     next
on:     movl    $IF, virtual_if
        jmp     next
out:    movzbl  EAX_(%esp), %edx
        addl    %edx, ports
        movl    %edx, port
        jmp     next
in:     movb    port, %dl
        xorb    $0x5a, %dl
        movb    %dl, EAX_(%esp)
        jmp     next

/* FIFO: the page that has had its frame for the longest gives it away. */
page_fault:
        pushal
        movl    %cr2, %eax
        subl    $LINEAR, %eax
        shrl    $12, %eax
        cmpl    $1024, %eax
        jae     wrong
        incl    faults
        movl    oldest, %edx
        leal    1(%edx), %ecx
        andl    $N_FRAMES - 1, %ecx
        movl    %ecx, oldest
        movl    owners(, %edx, 4), %ecx
        testl   %ecx, %ecx
        js      1f
        movl    $0, PAGES(, %ecx, 4)
        shll    $12, %ecx
        invlpg  LINEAR(%ecx)
1:      movl    %eax, owners(, %edx, 4)
        shll    $12, %edx
        movl    %eax, FRAMES(%edx)
        leal    FRAMES + 7(%edx), %edx
        movl    %edx, PAGES(, %eax, 4)
        popal
        addl    $4, %esp
        iretl

/* -- Both, one after the other ------------------------------------------------------------------------------------------ */
protected:
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $STACK0, %esp
        xorl    %eax, %eax
        movl    $DIRECTORY, %edi
        movl    $(FRAMES + N_FRAMES * 0x1000 - DIRECTORY) / 4, %ecx
        rep stosl
        movl    $virtual_if, %edi
        movl    $(owners - virtual_if) / 4, %ecx
        rep stosl
        movl    $-1, %eax
        movl    $owners, %edi
        movl    $N_FRAMES, %ecx
        rep stosl
        movl    $TABLE + 7, DIRECTORY
        movl    $PAGES + 7, DIRECTORY + 4
        movl    $7, %eax
        movl    $TABLE, %edi
        movl    $1024, %ecx
1:      stosl
        addl    $0x1000, %eax
        loop    1b
        /* Vectors 0 to 0x60 are wrong but for these. */
        movl    $IDT, %edi
        movl    $0x61, %ecx
        movl    $wrong, %eax
        movl    $0x8e00, %edx
1:      call    gate
        loop    1b
        movl    $0xee00, %edx
        movl    $IDT + 0x62 * 8, %edi
        movl    $faulted, %eax
        call    gate
        movl    $0x8e00, %edx
        movl    $IDT + 13 * 8, %edi
        movl    $protection, %eax
        call    gate
        movl    $page_fault, %eax
        call    gate
        lidtl   idt_pointer
        /* No port but by the monitor. */
        movl    $STACK0, TSS + 4
        movl    $0x10, TSS + 8
        movw    $0x68, TSS + 0x66
        movl    $TSS + 0x68, %edi
        movl    $0x2000 / 4 + 1, %ecx
        movl    $-1, %eax
        rep stosl
        movl    $0x28, %eax
        ltr     %ax
        movl    $DIRECTORY, %eax
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80000000, %eax
        movl    %eax, %cr0
        jmp     1f
1:      movl    $begin, %esi
        call    print
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $0
        pushl   $STACK_V86
        pushl   $VM + 2
        pushl   $0
        pushl   $task
        iretl
reflected:
        movl    16(%esp), %ebx          /* EBX of PUSHA */
        movl    $STACK0, %esp
        movl    $reflect, %esi
        call    print
        movl    $REFLECTED, %eax
        call    hexadecimal
        movl    calls, %eax
        call    hexadecimal
        movl    %ebx, %eax
        call    hexadecimal
        movl    ports, %eax
        call    hexadecimal
        call    line
        pushl   $0x23
        pushl   $STACK3
        pushl   $2
        pushl   $0x1b
        pushl   $storm
        movl    $0x23, %eax
        movl    %eax, %ds
        movl    %eax, %es
        iretl
storm:  movl    $FAULTING, %ecx
        xorl    %ebx, %ebx
        movl    $1, %eax
1:      imull   $1664525, %eax, %eax
        addl    $1013904223, %eax
        movl    %eax, %edi
        shrl    $22, %edi
        shll    $12, %edi
        movl    %eax, %edx
        shrl    $8, %edx
        andl    $0xffc, %edx
        addl    LINEAR(%edi, %edx), %ebx
        movl    %ecx, LINEAR(%edi, %edx)
        addl    LINEAR(%edi), %ebx
        decl    %ecx
        jnz     1b
        int     $0x62
faulted:
        movl    $STACK0, %esp
        movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    $faults_text, %esi
        call    print
        movl    $FAULTING, %eax
        call    hexadecimal
        movl    faults, %eax
        call    hexadecimal
        movl    %ebx, %eax
        call    hexadecimal
        call    line
        movl    $end, %esi
        call    print
1:      hlt
        jmp     1b
wrong:  movl    $0x10, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    $wrong_text, %esi
        call    print
1:      hlt
        jmp     1b

/* At EDI, to EAX, with the rights in EDX. */
gate:   movw    %ax, (%edi)
        movw    $8, 2(%edi)
        movw    %dx, 4(%edi)
        pushl   %eax
        shrl    $16, %eax
        movw    %ax, 6(%edi)
        popl    %eax
        addl    $8, %edi
        ret

/* AL */
put:    pushl   %edx
        pushl   %eax
        movw    $COM1 + 5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        movl    (%esp), %eax
        movw    $COM1, %dx
        outb    %al, %dx
        movw    $DEBUGCON, %dx
        outb    %al, %dx
        popl    %eax
        popl    %edx
        ret
print:  lodsb
        testb   %al, %al
        jz      1f
        call    put
        jmp     print
1:      ret
hexadecimal:
        movl    %eax, %edx
        movb    $' ', %al
        call    put
        movl    $8, %ecx
1:      roll    $4, %edx
        movl    %edx, %eax
        andl    $15, %eax
        movb    digits(%eax), %al
        call    put
        loop    1b
        ret
line:   movl    $new_line, %esi
        jmp     print

digits: .ascii  "0123456789abcdef"
begin:  .asciz  "v86 begin\r\n"
reflect: .asciz "v86 reflect"
faults_text: .asciz "v86 faults"
end:    .asciz  "v86 end\r\n"
wrong_text: .asciz "v86 wrong\r\n"
new_line: .asciz "\r\n"
        /* An error here: it has outgrown what the boot sector loads. */
        .org    512 * (SECTORS + 1)
        .section .note.GNU-stack, "", @progbits
