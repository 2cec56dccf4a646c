/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Boot sectors that end badly.  TRIPLE: a fault with an empty interrupt table, which a PC answers with a reset.  Else: FWAIT in
 * ring 0, which a KVM that interprets can't execute; a processor goes on and the guest powers off.
 */
#define COM1      0x3f8
#define CMOS_MARK 0x7e
#define MARK      0xa5

        .code16
        .text
        .globl  start
start:  ljmp    $0, $1f
1:      cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movw    $message, %si
2:      lodsb
        testb   %al, %al
        jz      3f
        movb    %al, %bl
4:      movw    $COM1 + 5, %dx
        inb     %dx, %al
        testb   $0x20, %al
        jz      4b
        movb    %bl, %al
        movw    $COM1, %dx
        outb    %al, %dx
        jmp     2b
3:
#ifdef TRIPLE
        /* Once: a byte of CMOS that firmware doesn't use remembers over the reset. */
        movb    $CMOS_MARK, %al
        outb    %al, $0x70
        inb     $0x71, %al
        cmpb    $MARK, %al
        je      5f
        movb    $MARK, %al
        outb    %al, $0x71
        lgdtl   gdt_pointer
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $protected
        .code32
protected:
        lidtl   nothing
        movw    $0x7f8, %ax             /* beyond the table: #GP, then #DF, then shutdown */
        movw    %ax, %ds
1:      jmp     1b
        .code16
5:      hlt
        jmp     5b
#else
        movl    $0x12345678, %eax
        movl    $0xfeedface, %ebx
        fwait
        movw    $0x604, %dx             /* PM1a control: SLP_EN */
        movw    $0x2000, %ax
        outw    %ax, %dx
1:      hlt
        jmp     1b
#endif
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
gdt_pointer:
        .word   23
        .long   gdt
nothing:
        .word   0
        .long   0
message:
#ifdef TRIPLE
        .asciz  "triple fault comes\r\n"
#else
        .asciz  "fwait comes\r\n"
#endif
        .org    510
        .word   0xaa55
        .section .note.GNU-stack, "", @progbits
