/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The BIOS test's way from the boot sector to C in real mode, and what C can't say: software interrupts with all registers,
 * interrupt handlers, resets that come back.
 *
 * Memory: 0x7c00 this and the C part (all segments 0), stack below 0x7c00 downwards, 0x30000 buffers.
 */
#define SIGNATURE 0x534f4942   /* "BIOS", the last word: the firmware of a CD loads all, a floppy's or a disk's a part */

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
        movb    %dl, boot_drive
        cmpl    $SIGNATURE, image_end - 4
        je      loaded
        testb   $0x80, %dl
        jnz     disk
        movw    $1, %si                 /* LBA */
        movw    $0x7e0, %bx             /* segment */
2:      movw    $3, %di
3:      movw    %bx, %es
        pushw   %bx
        xorw    %bx, %bx
        movw    %si, %ax
        xorw    %dx, %dx
        movw    $18, %cx
        divw    %cx
        movb    %dl, %cl
        incb    %cl                     /* sector */
        movb    %al, %ch
        shrb    $1, %ch                 /* cylinder */
        movb    %al, %dh
        andb    $1, %dh                 /* head */
        movb    boot_drive, %dl
        movw    $0x0201, %ax
        int     $0x13
        popw    %bx
        jnc     4f
        xorw    %ax, %ax
        int     $0x13
        decw    %di
        jnz     3b
        jmp     failed
4:      addw    $0x20, %bx
        incw    %si
        cmpw    $image_sectors, %si
        jb      2b
        jmp     loaded
disk:   movw    $packet, %si
        movb    $0x42, %ah
        int     $0x13
        jc      failed
loaded: xorw    %ax, %ax
        movw    %ax, %es
        cmpl    $SIGNATURE, image_end - 4
        je      second
failed: hlt
        jmp     failed

        .globl  boot_drive
boot_drive:
        .byte   0
        .balign 4
packet: .byte   16, 0
        .word   image_sectors - 1
        .word   0x7e00, 0
        .quad   1
        .org    510
        .word   0xaa55

second: movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        movl    $0x7c00, %esp
        calll   bios_test
1:      hlt
        jmp     1b

        .text
/* void bios (unsigned n, struct regs *r): INT n with the registers of `r`, which get what it returned. */
        .globl  bios
bios:   pushal
        movl    36(%esp), %eax
        movb    %al, 1f + 1
        movl    40(%esp), %esi
        movl    %esi, regs_at
        movl    4(%esi), %ebx
        movl    8(%esi), %ecx
        movl    12(%esi), %edx
        movl    20(%esi), %edi
        movl    24(%esi), %ebp
        movw    30(%esi), %es
        pushw   28(%esi)
        movl    0(%esi), %eax
        movl    16(%esi), %esi
        popw    %ds
        jmp     1f                      /* the number has just been written */
1:      int     $0
        pushfl
        pushw   %ds
        pushl   %esi
        movw    $0, %si
        movw    %si, %ds
        movl    regs_at, %esi
        movl    %eax, 0(%esi)
        movl    %ebx, 4(%esi)
        movl    %ecx, 8(%esi)
        movl    %edx, 12(%esi)
        movl    %edi, 20(%esi)
        movl    %ebp, 24(%esi)
        movw    %es, 30(%esi)
        popl    %eax
        movl    %eax, 16(%esi)
        popw    %ax
        movw    %ax, 28(%esi)
        popl    %eax
        movl    %eax, 32(%esi)
        xorw    %ax, %ax
        movw    %ax, %es
        cld
        popal
        retl

/* A handler for INT 70h that acknowledges the RTC and counts. */
        .globl  rtc_handler
rtc_handler:
        pushw   %ax
        incl    %cs:rtc_count
        movb    $0x0c, %al
        outb    %al, $0x70
        inb     $0x71, %al
        movb    $0x20, %al
        outb    %al, $0xa0
        outb    %al, $0x20
        popw    %ax
        iretw

/* Called far by the BIOS with status, x, y, 0 on the stack for each packet of the pointing device. */
        .globl  mouse_handler
mouse_handler:
        pushw   %bp
        movw    %sp, %bp
        pushw   %ax
        movw    12(%bp), %ax
        movb    %al, %cs:mouse_packet
        movw    10(%bp), %ax
        movb    %al, %cs:mouse_packet + 1
        movw    8(%bp), %ax
        movb    %al, %cs:mouse_packet + 2
        incl    %cs:mouse_count
        popw    %ax
        popw    %bp
        lretw

/* unsigned pull_init (unsigned how): resets the processor as 286 software did, with the shutdown byte set to come back through
 * 0040:0067.  1: the 8042 pulses its line, 2: port 0x92, 3: a triple fault.  Returns what the processor's CS base says
 * of itself: 1 if it came back. */
        .globl  pull_init
pull_init:
        pushal
        movl    36(%esp), %ebx
        cli
        movb    $0x8f, %al
        outb    %al, $0x70
        movb    $0x0a, %al
        outb    %al, $0x71
        movw    $back, 0x467
        movw    $0, 0x469
        movl    %esp, saved_stack
        cmpb    $2, %bl
        je      2f
        ja      3f
        movb    $0xfe, %al
        outb    %al, $0x64
        jmp     4f
2:      inb     $0x92, %al
        andb    $0xfe, %al
        outb    %al, $0x92
        orb     $1, %al
        outb    %al, $0x92
        jmp     4f
3:      lidtl   no_idt
        int     $3
4:      hlt
        jmp     4b
back:   cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    saved_stack, %esp
        lidtl   real_idt
        movb    $0x0f, %al
        outb    %al, $0x70
        sti
        popal
        movl    $1, %eax
        retl

        .balign 4
no_idt: .word   0
        .long   0
real_idt:
        .word   0x3ff
        .long   0
        .bss
        .balign 4
regs_at:
        .long   0
saved_stack:
        .long   0
        .globl  rtc_count, mouse_count, mouse_packet
rtc_count:
        .long   0
mouse_count:
        .long   0
mouse_packet:
        .long   0
        .section .tail, "a"
        .long   SIGNATURE
        .section .note.GNU-stack, "", @progbits
