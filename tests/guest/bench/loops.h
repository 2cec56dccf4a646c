/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The loops that the bench measures, for both modes: bench.S includes this for each, with MODE (32, 64) and REG () for a register
 * of the address size.  "I" writes an instruction and counts it.  A body must cost as
 * many instructions on every path.
 */

/* Assembly for the preprocessor. */
/* clang-format off */

/* Additions, logic, shifts, products: no memory. */
        loop    MODE, integer, 60000000
        I addl  %edx, %eax
        I xorl  %eax, %ebx
        I roll  $5, %ebx
        I leal  17(REG (ax), REG (bx), 4), %edx
        I subl  %ecx, %edx
        I imull $0x9e3779b1, %eax, %eax
        I shrl  $3, %edx
        I orl   $0x11, %edx
        I adcl  %edx, %eax
        I movl  %eax, %esi
        I notl  %esi
        I andl  %esi, %ebx
        I cmpl  %ebx, %edx
        I setb  %al
        I movzbl %al, %edi
        I addl  %edi, %ebx
        endloop MODE, integer

/* Loads and stores over 256 KiB: in order, strided, and read-modify-write. */
        loop    MODE, memory, 60000000
        I movl  (REG (si)), %eax
        I addl  4(REG (si)), %eax
        I movl  %eax, 8(REG (si))
        I movzwl 14(REG (si)), %ebx
        I addl  %ebx, 16(REG (si))
        I movl  BUFFER(REG (di)), %edx
        I movl  %edx, BUFFER + 0x40000(REG (di))
        I movb  %bl, 0x40020(REG (si))
        I addl  $32, %esi
        I addl  $4160, %edi
        I andl  $0x3ffff, %edi
        I andl  $0x3ffff, %esi
        I orl   $BUFFER, %esi
        endloop MODE, memory

/* Arithmetic through memory: each turn loads what it has just stored. */
        loop    MODE, mixed, 60000000
        I add   REG (dx), REG (ax)
        I xor   REG (ax), REG (dx)
        I movl  %eax, 0xa0000(REG (si))
        I shr   $3, REG (dx)
        I addl  0xa0000(REG (si)), %edx
        I leal  5(REG (ax), REG (dx), 2), %edi
        I cmpl  $100, %edi
        I jb    1f
        addl    $7, %edx
        jmp     2f
1:      subl    $7, %edx
        nop
2:
        .set    count, count + 2
        endloop MODE, mixed

/* Loads by one base. */
        loop    MODE, loads, 60000000
        I mov   0x90000(REG (si)), REG (ax)
        I mov   0x90008(REG (si)), REG (dx)
        I mov   0x90010(REG (si)), REG (bx)
        I mov   0x90018(REG (si), REG (ax)), REG (di)
        I add   0x90020(REG (si)), REG (di)
        endloop MODE, loads

/* Branches by the bits of a random number: half of them are taken, without a pattern.  Both ways are one instruction long. */
        loop    MODE, branch, 60000000
        I movl  %eax, %edx
        I shll  $13, %edx
        I xorl  %edx, %eax
        I movl  %eax, %edx
        I shrl  $17, %edx
        I xorl  %edx, %eax
        I movl  %eax, %edx
        I shll  $5, %edx
        I xorl  %edx, %eax
        .irp    bit, 1, 2, 4, 8
        I testl $\bit, %eax
        I jz    1f
        I addl  $\bit, %ebx
        jmp     2f
1:      subl    $\bit, %ebx
        nop
2:
        .set    count, count + 1
        .endr
        endloop MODE, branch

/* Calls, returns, pushes and pops, one indirect call. */
        loop    MODE, call, 30000000
        I call  NAME (leaf)
        I call  NAME (nested)
        I push  REG (ax)
        I pop   REG (bx)
        I call  *REG (bp)
        .set    count, count + 2 + 4 + 2
        endloop MODE, call

/* x87: a polynomial, a quotient, a store. */
        loop    MODE, x87, 500000
        I fldl  operands
        I fmull operands + 8
        I faddl operands + 16
        I fldl  operands + 8
        I fdivrp
        I fld   %st(0)
        I fmul  %st(1), %st
        I fsubr %st(1), %st
        I fxch
        I fstpl result
        I fistpl result
        endloop MODE, x87

/* SSE and SSE2: packed and scalar arithmetic, moves, conversions, integers. */
        loop    MODE, sse, 4000000
        I movaps operands, %xmm0
        I mulps  singles, %xmm0
        I addps  %xmm1, %xmm0
        I movapd operands, %xmm2
        I mulpd  operands + 16, %xmm2
        I addsd  %xmm2, %xmm3
        I cvtsi2sdl %ecx, %xmm4
        I divsd  operands + 8, %xmm4
        I paddd  %xmm5, %xmm6
        I pxor   singles, %xmm5
        I pshufd $0x1b, %xmm6, %xmm5
        I movups %xmm0, result
        I cvttsd2si %xmm4, %eax
        endloop MODE, sse

/* Copies of 4 KiB; counts as one instruction a copied word. */
        loop    MODE, string, 1000000
        .set    count, count + 1024
        I movl  $BUFFER, %esi
        I movl  $BUFFER + 0x8000, %edi
        movl    %ecx, %ebx
        I movl  $1024, %ecx
        rep movsl
        I movl  %ebx, %ecx
        .set    count, count + 1
        endloop MODE, string

        jmp     NAME (done)

NAME (leaf):
        ret
NAME (nested):
        call    NAME (leaf)
        call    NAME (leaf)
        incl    %eax
        ret

/* "bench " and the text at ESI, then EDX in hexadecimal; sets up what the loops begin with. */
NAME (say):
        movl    %edx, %ebx
        push    REG (si)
        movl    $prefix, %esi
        call    NAME (print)
        pop     REG (si)
        call    NAME (print)
        movl    $8, %ecx
1:      roll    $4, %ebx
        movl    %ebx, %edi
        andl    $15, %edi
        movb    hexadecimal(REG (di)), %al
        outb    %al, %dx
        decl    %ecx
        jnz     1b
        movb    $10, %al
        outb    %al, %dx
        fninit
        fldl    operands
        fstp    %st(0)
        pxor    %xmm1, %xmm1
        pxor    %xmm3, %xmm3
        movaps  singles, %xmm5
        movaps  singles, %xmm6
        movl    $0x12345678, %eax
        movl    $1, %ebx
        xorl    %edx, %edx
        movl    $BUFFER, %esi
        xorl    %edi, %edi
        movl    $NAME (leaf), %ebp
        ret

NAME (print):
        movl    $DEBUGCON, %edx
1:      lodsb
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        jmp     1b
2:      ret
NAME (done):
