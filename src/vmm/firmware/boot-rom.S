/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Option ROM for direct boot, run by SeaBIOS as a boot entry (BIOS Boot Specification 1.01, appendix A: BEV).  It reads a
 * descriptor from fw_cfg (see direct-boot.c, which fills it), has each piece moved to its place by fw_cfg's DMA (which
 * reaches all of memory, so no unreal mode is needed), and enters the kernel:
 *   linux   real mode, Documentation/arch/x86/boot.rst
 *   pm32    32-bit protected mode, flat: Multiboot 1 and PVH, with the memory map that the BIOS gives and the RSDP
 *
 * A kernel may want any of conventional memory below 0x90000, so all of ours lies above: in segment 0x9000 0x7c00 stack, 0x7e00 DMA
 * control, 0x7e80 far pointer and GDT, 0x8000 descriptor, 0x9000 memory map.
 * The checksum is set when the ROM is handed to fw_cfg.
 */
#define SEGMENT           0x9000
#define LINEAR(offset)    (SEGMENT * 16 + (offset))
#define DESCRIPTOR        0x8000
#define DESCRIPTOR_SIZE   1024
#define D_MODE            (DESCRIPTOR + 0)
#define D_N_PIECES        (DESCRIPTOR + 4)
#define D_ENTRY           (DESCRIPTOR + 8)
#define D_EAX             (DESCRIPTOR + 12)
#define D_EBX             (DESCRIPTOR + 16)
#define D_MAP_PREFIX      (DESCRIPTOR + 20)
#define D_MAP             (DESCRIPTOR + 24)
#define D_MAP_COUNT_AT    (DESCRIPTOR + 28)
#define D_MAP_COUNT_UNIT  (DESCRIPTOR + 32)
#define D_RSDP_AT         (DESCRIPTOR + 36)
#define D_PIECES          (DESCRIPTOR + 64)
#define DESCRIPTOR_ITEM   0x8010

#define FW_CFG_DMA_HIGH   0x514
#define FW_CFG_DMA_LOW    0x518
#define DMA_READ          0x02
#define DMA_SELECT        0x08
#define CONTROL           0x7e00
#define FAR_POINTER       0x7e80
#define GDT_POINTER       0x7e88
#define GDT               0x7e90
#define MAP_LIMIT         128

        .section .rodata
        .balign 16
        .globl firmware_boot_rom
        .globl firmware_boot_rom_end
        .code16
firmware_boot_rom:
        .byte   0x55, 0xaa, (firmware_boot_rom_end - firmware_boot_rom) / 512
        jmp     init
        .org    firmware_boot_rom + 0x1a
        .word   pnp - firmware_boot_rom
        .balign 16
pnp:
        .ascii  "$PnP"
        .byte   1, 2                    /* revision, length in 16 bytes */
        .word   0                       /* no further header */
        .byte   0, 0                    /* reserved, checksum: SeaBIOS does not look */
        .long   0
        .word   manufacturer - firmware_boot_rom
        .word   product - firmware_boot_rom
        .byte   0, 0, 0
        .byte   0xe4
        .word   0, 0
        .word   bev - firmware_boot_rom
        .word   0, 0
manufacturer:
        .asciz  "Vivarium"
product:
        .asciz  "Kernel of the machine's definition"

init:
        movw    $0x20, %ax              /* a boot entry is attached */
        lretw

/* eax: control, ecx: length, edx:edi: address */
dma:
        bswapl  %eax
        movl    %eax, CONTROL
        bswapl  %ecx
        movl    %ecx, CONTROL + 4
        bswapl  %edx
        movl    %edx, CONTROL + 8
        bswapl  %edi
        movl    %edi, CONTROL + 12
        xorl    %eax, %eax
        movw    $FW_CFG_DMA_HIGH, %dx
        outl    %eax, %dx
        movl    $LINEAR(CONTROL), %eax
        bswapl  %eax
        movw    $FW_CFG_DMA_LOW, %dx
        outl    %eax, %dx
1:      movl    CONTROL, %eax
        bswapl  %eax
        andl    $~1, %eax               /* bit 0 is an error: nothing to be done about it here */
        jnz     1b
        ret

bev:
        cli
        cld
        movw    $SEGMENT, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movl    $(DESCRIPTOR_ITEM << 16 | DMA_SELECT | DMA_READ), %eax
        movl    $DESCRIPTOR_SIZE, %ecx
        xorl    %edx, %edx
        movl    $LINEAR(DESCRIPTOR), %edi
        call    dma

        movw    D_N_PIECES, %bx
        movw    $D_PIECES, %si
1:      testw   %bx, %bx
        jz      2f
        movzwl  (%si), %eax
        shll    $16, %eax
        orl     $(DMA_SELECT | DMA_READ), %eax
        movl    4(%si), %ecx
        movl    8(%si), %edi
        movl    12(%si), %edx
        call    dma
        addw    $16, %si
        decw    %bx
        jmp     1b
2:      cmpl    $0, D_MODE
        jne     protected

        movw    $0x1000, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movw    $0xe000, %sp
        ljmpw   $0x1020, $0

protected:
        /* The BIOS's memory map, 24 bytes an entry. */
        sti
        xorl    %ebx, %ebx
        xorl    %ebp, %ebp
        movl    D_MAP, %edi             /* linear; our segment's offsets from here on */
        subl    $LINEAR(0), %edi
1:      movl    $0xe820, %eax
        movl    $0x534d4150, %edx       /* "SMAP" */
        movl    $20, %ecx
        pushl   %edi
        int     $0x15
        popl    %edi
        jc      2f
        cmpl    $0x534d4150, %eax
        jne     2f
        cmpl    $0, D_MAP_PREFIX
        je      3f
        movl    $20, -4(%di)
3:      addl    $24, %edi
        incl    %ebp
        cmpl    $MAP_LIMIT, %ebp
        jae     2f
        testl   %ebx, %ebx
        jnz     1b
2:      cli
        movl    D_MAP_COUNT_AT, %edi    /* linear, as what follows: the structure lies below our segment */
        testl   %edi, %edi
        jz      1f
        movl    %ebp, %eax
        mull    D_MAP_COUNT_UNIT
        call    store

        /* The RSDP, on a 16-byte boundary of 0xe0000 to 0xfffff. */
1:      movl    D_RSDP_AT, %edi
        testl   %edi, %edi
        jz      enter
        movw    $0xe000, %ax
1:      movw    %ax, %es
        cmpl    $0x20445352, %es:0      /* "RSD " */
        jne     2f
        cmpl    $0x20525450, %es:4      /* "PTR " */
        jne     2f
        movzwl  %ax, %eax
        shll    $4, %eax
        call    store                   /* the upper half is 0 */
        jmp     enter
2:      incw    %ax
        jnz     1b

enter:
        movl    $0, GDT
        movl    $0, GDT + 4
        movl    $0x0000ffff, GDT + 8    /* 0x08: code, flat, 32 bit */
        movl    $0x00cf9b00, GDT + 12
        movl    $0x0000ffff, GDT + 16   /* 0x10: data */
        movl    $0x00cf9300, GDT + 20
        movl    $0x0000ffff, GDT + 24   /* 0x18: TSS, 32 bit, for PVH */
        movl    $0x00008b00, GDT + 28
        movw    $31, GDT_POINTER
        movl    $LINEAR(GDT), GDT_POINTER + 2
        xorl    %eax, %eax
        movw    %cs, %ax
        shll    $4, %eax
        addl    $(protected32 - firmware_boot_rom), %eax
        movl    %eax, FAR_POINTER
        movw    $8, FAR_POINTER + 4
        lgdtl   GDT_POINTER
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   *FAR_POINTER

/* eax to the linear address edi, below 1 MiB. */
store:
        pushl   %edi
        pushw   %es
        rorl    $4, %edi
        movw    %di, %es
        shrl    $28, %edi
        movl    %eax, %es:(%di)
        popw    %es
        popl    %edi
        ret

        .code32
protected32:
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    $LINEAR(0x7c00), %esp
        /* Nothing of ours stays in the other registers; EFLAGS has its one fixed bit. */
        movl    LINEAR(D_EAX), %eax
        movl    LINEAR(D_EBX), %ebx
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        xorl    %esi, %esi
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        pushl   $2
        popfl
        jmp     *LINEAR(D_ENTRY)

        .balign 512
firmware_boot_rom_end:
        .section .note.GNU-stack, "", @progbits
