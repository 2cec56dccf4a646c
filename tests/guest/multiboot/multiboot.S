/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A Multiboot kernel (Multiboot Specification 0.6.96) that lies in conventional memory, where boot loaders like to keep their own
 * things, and above 1 MiB.  It says over COM1 how it was entered and what it was given.
 */
#define COM1 0x3f8

        .section .multiboot, "a"
        .balign 4
        .long   0x1badb002, 2, -(0x1badb002 + 2)

        .text
        .globl  start
start:
        movl    $stack_end, %esp
        pushfl
        pushl   %ebp
        pushl   %ebx
        pushl   %eax

        movl    $magic_text, %esi
        popl    %eax
        call    field
        popl    %ebx
        movl    $ebp_text, %esi
        popl    %eax
        call    field
        movl    $eflags_text, %esi
        popl    %eax
        call    field
        movl    $flags_text, %esi
        movl    (%ebx), %eax
        call    field
        movl    $map_text, %esi
        movl    44(%ebx), %eax
        call    field
        movl    $line_text, %esi
        call    print
        movl    16(%ebx), %esi
        call    print
        call    newline
        movl    $loader_text, %esi
        call    print
        movl    64(%ebx), %esi
        call    print
        call    newline
        /* This part of us is above 1 MiB. */
        movl    $high_text, %esi
        call    print
        call    newline
        movl    $count_text, %esi
        movl    20(%ebx), %eax
        call    field
        movl    20(%ebx), %ebp
        movl    24(%ebx), %edi
1:      testl   %ebp, %ebp
        jz      2f
        movl    $module_text, %esi
        call    print
        movl    8(%edi), %esi           /* its string */
        call    print
        movl    $colon, %esi
        call    print
        movl    (%edi), %esi            /* its content, which ends with a zero here */
        call    print
        movl    4(%edi), %eax
        subl    (%edi), %eax
        movl    $length_text, %esi
        call    field
        addl    $16, %edi
        decl    %ebp
        jmp     1b
2:      movl    $end_text, %esi
        call    print
        call    newline
3:      hlt
        jmp     3b

/* The text at esi, eax in hexadecimal, an end of line. */
field:
        pushl   %ebp
        pushl   %eax
        call    print
        popl    %eax
        movl    $8, %ebp
1:      roll    $4, %eax
        pushl   %eax
        andl    $15, %eax
        movb    digits(%eax), %al
        call    put
        popl    %eax
        decl    %ebp
        jnz     1b
        popl    %ebp
newline:
        movb    $'\n', %al
put:
        movb    %al, %cl
        movw    $COM1 + 5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        movb    %cl, %al
        movw    $COM1, %dx
        outb    %al, %dx
        ret
print:
        lodsb
        testb   %al, %al
        jz      1f
        call    put
        jmp     print
1:      ret

digits:       .ascii "0123456789abcdef"
magic_text:   .asciz "magic "
ebp_text:     .asciz "ebp "
eflags_text:  .asciz "eflags "
flags_text:   .asciz "flags "
map_text:     .asciz "map-length "
line_text:    .asciz "line "
loader_text:  .asciz "loader "
count_text:   .asciz "modules "
module_text:  .asciz "module "
colon:        .asciz " = "
length_text:  .asciz " length "
end_text:     .asciz "end"

        .section .high, "a"
high_text:    .asciz "high here"

        .bss
        .skip   4096
stack_end:
        .section .note.GNU-stack, "", @progbits
