/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The welcome machine's way from the BIOS to C: loads the rest of itself (floppy by CHS, disk by LBA; a CD's El Torito
 * entry has loaded everything already), asks the BIOS for memory, font and a VBE mode, enters protected mode.
 *
 * Memory: 0x5000 what was found out (struct boot_info in main.c), 0x6000 VBE mode information, 0x7c00 this, 0x20000 the
 * 8x16 font, 0x90000 stack downwards.
 */
#define INFO       0x5000
#define MODE_INFO  0x6000
#define FONT_SEG   0x2000
#define VBE_MODE   0x143        /* 800x600, 32 bpp */
#define SIGNATURE  0x49564956   /* "VIVI" at the second sector */

        .code16
        .section .boot, "ax"
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
        sti
        movb    %dl, INFO
        cmpl    $SIGNATURE, 0x7e00
        je      loaded
        testb   $0x80, %dl
        jnz     disk

        /* Floppy: 18 sectors, 2 heads; one sector at a time with three tries. */
        movw    $1, %si                 /* LBA */
        movw    $0x7e00, %bx
2:      movw    $3, %di
3:      movw    %si, %ax
        xorw    %dx, %dx
        movw    $18, %cx
        divw    %cx
        movb    %dl, %cl
        incb    %cl                     /* sector */
        movb    %al, %ch
        shrb    $1, %ch                 /* cylinder */
        movb    %al, %dh
        andb    $1, %dh                 /* head */
        movb    INFO, %dl
        movw    $0x0201, %ax
        int     $0x13
        jnc     4f
        xorw    %ax, %ax
        int     $0x13
        decw    %di
        jnz     3b
        jmp     failed
4:      addw    $512, %bx
        incw    %si
        cmpw    $image_sectors, %si
        jb      2b
        jmp     loaded

disk:   movw    $packet, %si
        movb    $0x42, %ah
        int     $0x13
        jc      failed
loaded: cmpl    $SIGNATURE, 0x7e00
        jne     failed
        jmp     second

failed: movw    $message, %si
1:      lodsb
        testb   %al, %al
        jz      2f
        movw    $0x0007, %bx
        movb    $0x0e, %ah
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b

message:
        .asciz  "The welcome machine can't be read from this drive."
        .balign 4
packet: .byte   16, 0
        .word   image_sectors - 1
        .word   0x7e00, 0
        .quad   1

        .org    510
        .word   0xaa55

        /* -- Second sector -- */
        .long   SIGNATURE
second:
        /* Memory: the sum of what INT 15h, E820 calls usable. */
        xorl    %ebx, %ebx
        movl    $0, INFO + 4
        movl    $0, INFO + 8
1:      movl    $0xe820, %eax
        movl    $0x534d4150, %edx
        movl    $20, %ecx
        movw    $0x5800, %di
        int     $0x15
        jc      2f
        cmpl    $1, 0x5810
        jne     3f
        movl    0x5808, %eax
        addl    %eax, INFO + 4
        movl    0x580c, %eax
        adcl    %eax, INFO + 8
3:      testl   %ebx, %ebx
        jnz     1b
2:
        /* The ROM's 8x16 font. */
        pushw   %ds
        pushw   %es
        movw    $0x1130, %ax
        movb    $6, %bh
        int     $0x10
        pushw   %es
        popw    %ds
        movw    %bp, %si
        movw    $FONT_SEG, %ax
        movw    %ax, %es
        xorw    %di, %di
        movw    $4096, %cx
        rep movsb
        popw    %es
        popw    %ds

        movw    $0x4f01, %ax
        movw    $VBE_MODE, %cx
        movw    $MODE_INFO, %di
        int     $0x10
        movw    %ax, INFO + 12
        movw    $0x4f02, %ax
        movw    $(0x4000 | VBE_MODE), %bx
        int     $0x10
        movw    %ax, INFO + 14

        cli
        lgdtl   gdt_pointer
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $protected

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
gdt_pointer:
        .word   23
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
        call    welcome
1:      hlt
        jmp     1b

        .text
/* unsigned wait_interrupt (void): sleeps until an interrupt and returns its vector.  Interrupts are taken nowhere else, so a
 * handler need not return to where it came from: it drops its frame and goes on here.  (Some KVMs interpret ring 0 and can't
 * execute a 32-bit IRET.) */
        .globl  wait_interrupt
wait_interrupt:
        pushl   %ebx
        pushl   %esi
        pushl   %edi
        pushl   %ebp
        movl    %esp, saved_stack
        sti
        hlt
        cli
        xorl    %eax, %eax              /* woken without an interrupt */
woken:  movl    saved_stack, %esp
        popl    %ebp
        popl    %edi
        popl    %esi
        popl    %ebx
        ret

        .globl  interrupt_stubs
interrupt_stubs:
        .set    vector, 0x20
        .rept   16
        .balign 16
        movl    $vector, %eax
        jmp     woken
        .set    vector, vector + 1
        .endr

        .bss
        .balign 4
saved_stack:
        .long   0
        .section .note.GNU-stack, "", @progbits
