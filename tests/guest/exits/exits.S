/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an exit costs: a boot sector that writes lines to the debug console (0x402) around a number of port writes and of MMIO
 * reads.  The bench takes the time between the lines, beside a loop of as many turns without an exit.
 */
#define TURNS    20000
#define DEBUGCON 0x402
#define HPET     0xfed000f0

        .code16
        .section .text
        .globl start
start:
        ljmp    $0, $1f
1:      cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        /* 4 GiB limit for DS, base 0 ("unreal" mode). */
        lgdt    gdt_pointer
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $8, %bx
        movw    %bx, %ds
        andb    $0xfe, %al
        movl    %eax, %cr0
        xorw    %bx, %bx
        movw    %bx, %ds

        movb    $'0', %bl
        call    line
        movl    $TURNS, %ecx
1:      decl    %ecx
        jnz     1b
        call    line
        movl    $TURNS, %ecx
2:      outb    %al, $0x80
        decl    %ecx
        jnz     2b
        call    line
        movl    $TURNS, %ecx
        movl    $HPET, %esi
3:      movl    (%esi), %eax
        decl    %ecx
        jnz     3b
        call    line
4:      hlt
        jmp     4b

/* "bench N" and a line feed; N counts up. */
line:   movw    $DEBUGCON, %dx
        movw    $text, %si
1:      lodsb
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      movb    %bl, %al
        outb    %al, %dx
        incb    %bl
        movb    $10, %al
        outb    %al, %dx
        ret

text:   .asciz  "\nbench "
        .balign 8
gdt:    .quad   0
        .quad   0x00cf93000000ffff
gdt_pointer:
        .word   15
        .long   gdt
        .org    510
        .word   0xaa55
        .section .note.GNU-stack, "", @progbits
