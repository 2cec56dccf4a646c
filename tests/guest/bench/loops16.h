/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The loops of real mode: 16-bit operands, and data by DS, ES and SS at 0x20000, 0x30000 and 0x40000.  As in loops.h; CX counts within ECX.
 */

/* Assembly for the preprocessor. */
/* clang-format off */

/* Additions, logic, shifts, products: no memory. */
        loop    16, integer, 20000000
        I addw  %dx, %ax
        I xorw  %ax, %bx
        I rolw  $5, %bx
        I leaw  17(%bx, %si), %dx
        I subw  %ax, %dx
        I imulw $0x79b1, %ax, %ax
        I shrw  $3, %dx
        I orw   $0x11, %dx
        I adcw  %dx, %ax
        I movw  %ax, %si
        I notw  %si
        I andw  %si, %bx
        I cmpw  %bx, %dx
        I setb  %al
        I movzbw %al, %di
        I addw  %di, %bx
        endloop 16, integer

/* Loads and stores by three segments. */
        loop    16, memory, 20000000
        I movw  (%si), %ax
        I addw  4(%bx, %si), %ax
        I movw  %ax, %es:8(%di)
        I movzbw 14(%si), %bx
        I addw  %bx, %es:16(%si)
        I movw  %bx, -8(%bp)
        I xorw  -6(%bp, %di), %ax
        I movw  0x1234, %dx
        I addw  $6, %si
        I addw  $34, %di
        I andw  $0x7fff, %di
        I andw  $0x3fff, %si
        endloop 16, memory

/* Branches by the bits of a random number, as in loops.h. */
        loop    16, branch, 20000000
        I movw  %ax, %dx
        I shlw  $7, %dx
        I xorw  %dx, %ax
        I movw  %ax, %dx
        I shrw  $9, %dx
        I xorw  %dx, %ax
        I movw  %ax, %dx
        I shlw  $8, %dx
        I xorw  %dx, %ax
        .irp    bit, 1, 2, 4, 8
        I testw $\bit, %ax
        I jz    1f
        I addw  $\bit, %bx
        jmp     2f
1:      subw    $\bit, %bx
        nop
2:
        .set    count, count + 1
        .endr
        endloop 16, branch

/* Calls, returns, pushes and pops, one indirect call. */
        loop    16, call, 10000000
        I call  leaf_16
        I call  nested_16
        I pushw %ax
        I popw  %bx
        I call  *%bp
        .set    count, count + 2 + 4 + 2
        endloop 16, call

/* What sets segment registers: by registers, from the stack, with a pointer. */
        loop    16, segments, 5000000
        I movw  %dx, %es
        I movw  %es:(%si), %ax
        I pushw %ds
        I popw  %es
        I lesw  pointer_16, %bx
        I addw  %es:(%bx), %ax
        I movw  %ds, %di
        I pushw %es
        I popw  %fs
        endloop 16, segments

/* String instructions one by one, as programs of that time have them. */
        loop    16, elements, 10000000
        I lodsb
        I xorb  $0x20, %al
        I stosb
        I movsb
        I cmpsw
        endloop 16, elements

/* Copies of 4 KiB; counts as one instruction a copied word. */
        loop    16, string, 300000
        .set    count, count + 2048
        I xorw  %si, %si
        I movw  $0x4000, %di
        movl    %ecx, %ebx
        I movw  $2048, %cx
        rep movsw
        I movl  %ebx, %ecx
        .set    count, count + 1
        endloop 16, string

        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        jmp     done_16

        .balign 16 /* BP points here: a word at its segment's last byte would fault */
leaf_16:
        ret
nested_16:
        call    leaf_16
        call    leaf_16
        incw    %ax
        ret
        .balign 4
pointer_16:
        .word   0x100, 0x3000

/* "bench " and the text at ESI, then EDX in hexadecimal; sets up what the loops begin with. */
say_16:
        popw    %bp
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movl    %edx, %ebx
        pushw   %si
        movw    $prefix, %si
        call    print_16
        popw    %si
        call    print_16
        movw    $8, %cx
1:      roll    $4, %ebx
        movw    %bx, %di
        andw    $15, %di
        movb    hexadecimal(%di), %al
        outb    %al, %dx
        decw    %cx
        jnz     1b
        movb    $10, %al
        outb    %al, %dx
        movw    %bp, %cx
        movw    $0x2000, %ax
        movw    %ax, %ds
        movw    $0x3000, %dx
        movw    %dx, %es
        movw    $0x4000, %ax
        movw    %ax, %ss
        movl    %cs:pointer_16, %eax
        movl    %eax, pointer_16
        movw    $0x5678, %ax
        movw    $0x40, %bx
        xorw    %si, %si
        xorw    %di, %di
        movw    $leaf_16, %bp
        jmp     *%cx

print_16:
        movw    $DEBUGCON, %dx
1:      lodsb
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      ret
done_16:
