/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A function of each form in vex-list.h: operands in YMM0 or EAX (ModRM.reg), YMM1 (vvvv), YMM2 or EDX (ModRM.rm), YMM3 (the register that an immediate
 * names).  They are in the list's order, of each row first those with VEX.L = 0; then by W where it counts; opcode; immediate.  As bytes, since the
 * assembler's names for them would make four hundred lines of one idea.
 */
#include "cpu/soft/vex-list.h"

/* One row; `==` is -1 in the assembler when it is true. */
.macro soft_vex map, pp, first, last, v, w, imm
  .set soft_l, 0
  .rept 2
    .set soft_w, (\w == 1) & 1
    .rept 1 + ((\w == 2) & 1)
      .set soft_opcode, \first
      .rept \last - \first + 1
        .set soft_imm, 0
        .rept 1 + 255 * \imm
          .byte 0xc4, 0xe0 | \map, soft_w << 7 | ((~\v | (\v == 15)) & 15) << 3 | soft_l << 2 | \pp, soft_opcode, 0xc2
          .if \imm
            .byte soft_imm
          .endif
          .byte 0xc3
          .balign 8, 0xcc
          .set soft_imm, soft_imm + 1
        .endr
        .set soft_opcode, soft_opcode + 1
      .endr
      .set soft_w, soft_w + 1
    .endr
    .set soft_l, soft_l + 1
  .endr
.endm
#define ROW(map, pp, first, last, v, w, imm, form, memory, flags) soft_vex map, pp, first, last, v, w, imm;

  .text
  .balign 16
  .globl soft_vex_stubs
  .hidden soft_vex_stubs
soft_vex_stubs:
  VEX_LIST (ROW)
.Lstubs_end:

/* void soft_vex_run (const uint8_t *stub, SoftVexOperands *o): see vex.h for the offsets. */
  .globl soft_vex_run
  .hidden soft_vex_run
  .type soft_vex_run, @function
soft_vex_run:
  .cfi_startproc
  vmovdqa 0(%rsi), %ymm0
  vmovdqa 32(%rsi), %ymm1
  vmovdqa 64(%rsi), %ymm2
  vmovdqa 96(%rsi), %ymm3
  mov 128(%rsi), %rax
  mov 136(%rsi), %rdx
  call *%rdi
  mov %rax, 128(%rsi)
  mov %rdx, 136(%rsi)
  lahf
  seto %al
  mov %ax, 144(%rsi)
  vmovdqa %ymm0, 0(%rsi)
  vmovdqa %ymm2, 64(%rsi)
  vzeroupper
  ret
  .cfi_endproc
  .size soft_vex_run, . - soft_vex_run
  .section .rodata
  .balign 4
  .globl soft_vex_stubs_size
  .hidden soft_vex_stubs_size
soft_vex_stubs_size:
  .long .Lstubs_end - soft_vex_stubs
  .section .note.GNU-stack, "", @progbits
