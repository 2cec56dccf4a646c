/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The hot-plug guest's way into C on each processor, and its interrupts.  Flat 32-bit segments, no paging.  The others start at
 * 0x8000 in real mode, where the first has copied them from `ap_start`.
 */
#define AP_BASE    0x8000
#define STACK_SIZE 0x4000

        .section .multiboot, "a"
        .balign 4
        .long   0x1badb002, 2, -(0x1badb002 + 2)

        .text
        .globl  start, ap_start, ap_size, vectors
start:  cli
        cld
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $stacks + STACK_SIZE, %esp
        call    boot_main
2:      hlt
        jmp     2b

        .code16
ap_start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   AP_BASE + ap_gdt_pointer - ap_start
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $ap_protected
        .balign 4
ap_gdt_pointer:
        .word   23
        .long   gdt
ap_end:
        .code32

ap_protected:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $1, %eax
        lock xaddl %eax, next_cpu
        leal    1(%eax), %esp
        imull   $STACK_SIZE, %esp
        addl    $stacks, %esp
        pushl   %eax
        call    ap_main
3:      hlt
        jmp     3b

        /* Vector 0x40 + n calls on_vector (n) and ends. */
        .macro  stub n
stub_\n:
        pushal
        cld
        pushl   $\n
        jmp     common
        .endm
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        stub    \n
        .endr
common: call    on_vector
        addl    $4, %esp
        popal
        iretl
        .globl  spurious, fault
spurious:
        iretl
fault:  cli
        call    on_fault
4:      hlt
        jmp     4b

        .data
        .balign 8
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word   23
        .long   gdt
        .balign 4
next_cpu:
        .long   1
ap_size:
        .long   ap_end - ap_start
vectors:
        .long   stub_0, stub_1, stub_2, stub_3, stub_4, stub_5, stub_6, stub_7

        .bss
        .balign 16
stacks: .skip   8 * STACK_SIZE
