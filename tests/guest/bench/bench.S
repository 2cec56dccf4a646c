/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How fast a processor runs: loops of known length in real, protected and long mode, with a line on the debug console (0x402)
 * before each, "bench MODE NAME INSTRUCTIONS" with the number in hexadecimal, and "bench end" after the last.  The bench takes
 * the time between lines.
 *
 * Memory: 0x7c00 this; 0x10000 page tables; 0x20000, 0x30000 and 0x40000 segments of real mode; 0x90000 stack; 0x200000 buffer.
 */
#define DEBUGCON 0x402
#define SECTORS  12
#define BUFFER   0x200000
#define TABLES   0x10000

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_ (a, b)
#define NAME(f)     JOIN (f, MODE)

        .macro  I insn:vararg
        \insn
        .set    count, count + 1
        .endm

        /* ECX counts the turns, so that the body must leave it. */
        .macro  loop mode, name, turns
        movl    $.Lname_\mode\()_\name, %esi
        movl    $.Ltotal_\mode\()_\name, %edx
        call    say_\mode
        .set    turns, \turns
        .set    count, 2
        movl    $\turns, %ecx
        jmp     7f
.Lname_\mode\()_\name:
        .asciz  "\mode \name "
        .balign 16
7:
        .endm
        .macro  endloop mode, name
        decl    %ecx
        jnz     7b
        .set    .Ltotal_\mode\()_\name, count * turns
        .endm

        .code16
        .section .text
        .globl start
start:
        ljmp    $0, $1f
1:      cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movw    $packet, %si
        movb    $0x42, %ah
        int     $0x13
        jc      failed
        cli
        jmp     real
back:   lgdt    gdt_pointer
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmp    $8, $protected
failed: hlt
        jmp     failed

packet: .byte   16, 0
        .word   SECTORS, 0x7e00, 0
        .quad   1
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
        .quad   0x00af9b000000ffff
gdt_pointer:
        .word   31
        .long   gdt
        .org    510
        .word   0xaa55

real:
#include "loops16.h"
        jmp     back

        .code32
protected:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $0x90000, %esp
        /* x87 and SSE on: EM and TS clear, MP set, OSFXSR. */
        movl    %cr0, %eax
        andl    $~0xc, %eax
        orl     $2, %eax
        movl    %eax, %cr0
        movl    %cr4, %eax
        orl     $0x200, %eax
        movl    %eax, %cr4


#define MODE   32
#define REG(n) %e##n
#include "loops.h"
#undef MODE
#undef REG

        /* Long mode: the first GiB in 2 MiB pages. */
        movl    $TABLES, %edi
        xorl    %eax, %eax
        movl    $0x3000 / 4, %ecx
        rep stosl
        movl    $TABLES + 0x1003, TABLES
        movl    $TABLES + 0x2003, TABLES + 0x1000
        movl    $0x83, %eax
        movl    $TABLES + 0x2000, %edi
        movl    $512, %ecx
1:      movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        decl    %ecx
        jnz     1b
        movl    %cr4, %eax
        orl     $0x20, %eax
        movl    %eax, %cr4
        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000000, %eax
        movl    %eax, %cr0
        ljmp    $24, $long_mode

        .code64
long_mode:
#define MODE   64
#define REG(n) %r##n
#include "loops.h"
        movl    $last, %esi
        xorl    %edx, %edx
        call    say_64
1:      hlt
        jmp     1b

prefix: .asciz  "\nbench "
last:   .asciz  "0 end "
hexadecimal:
        .ascii  "0123456789abcdef"
        .balign 16
operands:
        .double 1.0009765625, 0.99951171875, 0.5, 1.25
singles:
        .float  1.0009766, 0.99951172, 0.5, 1.25
result: .fill   16
        /* An error here: it has outgrown what the boot sector loads. */
        .org    512 * (SECTORS + 1)
        .section .note.GNU-stack, "", @progbits
