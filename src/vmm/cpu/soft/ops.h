/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Instructions that the decoder picks beside the tables of exec.h: `soft_op_…` are handlers, `soft_do_…` helpers.
 */
#pragma once

#include "cpu/soft/exec.h"

G_BEGIN_DECLS

/* exec-stack.c */
void soft_op_push (SoftCpu *cpu, const SoftInsn *insn); /* r/m or register `b` */
void soft_op_push_imm (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_pop (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_call_any (SoftCpu *cpu, const SoftInsn *insn); /* relative */
void soft_op_ret_any (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_jmp_indirect_any (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_call_indirect_any (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_loop (SoftCpu *cpu, const SoftInsn *insn); /* a: 0 LOOPNE, 1 LOOPE, 2 LOOP, 3 JCXZ */
void soft_op_leave (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_branch_sized (SoftCpu *cpu,
                           const SoftInsn *insn); /* Jcc, JMP, CALL, LOOP with the other operand size */
void soft_do_enter (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_pusha (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_popa (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_pushf (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_popf (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_push_seg (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_pop_seg (SoftCpu *cpu, const SoftInsn *insn);
void soft_push (SoftCpu *cpu, const SoftInsn *insn, uint64_t value, unsigned size);
uint64_t soft_pop (SoftCpu *cpu, const SoftInsn *insn, unsigned size);
void soft_set_sp (SoftCpu *cpu, uint64_t sp);

/* exec-integer.c, exec-multiply.c, exec-bits.c, exec-decimal.c */
void soft_op_ud (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_cmov_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_cbw (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_cwd (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_bswap (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_mul (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_imul1 (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_imul2 (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_imul3 (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_div (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_idiv (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_shift_mem (SoftCpu *cpu,
                        const SoftInsn *insn); /* a: operation; imm: count, or by CL where rep is 1 */
void soft_op_incdec_mem (SoftCpu *cpu, const SoftInsn *insn); /* a: 8 or 9 */
void soft_op_not_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_neg_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_setcc_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_xchg_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_shiftd (SoftCpu *cpu, const SoftInsn *insn); /* opcode bit 3: SHRD; bit 0: by CL */
void soft_op_bt_reg (SoftCpu *cpu,
                     const SoftInsn *insn); /* bit number in register a; index selects BT BTS BTR BTC */
void soft_op_bt_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_bt_imm (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_bsf (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_bsr (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_popcnt (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_crc32 (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_movbe_load (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_movbe_store (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_xlat (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_mov_moffs (SoftCpu *cpu, const SoftInsn *insn); /* imm: offset; a: 0 load, 1 store */
void soft_do_movsxd_16 (SoftCpu *cpu, const SoftInsn *insn); /* from memory */
void soft_do_cmpxchg (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_cmpxchg8b (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_cmpxchg16b (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_xadd (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_bound (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_bcd (SoftCpu *cpu, const SoftInsn *insn); /* DAA DAS AAA AAS AAM AAD by opcode */
void soft_do_salc (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_lahf (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_sahf (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_flag (SoftCpu *cpu, const SoftInsn *insn); /* CMC CLC STC CLD STD */

/* exec-bmi.c */
void soft_op_andn (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_bextr (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_bzhi (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_pdep (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_pext (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_blsr (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_blsmsk (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_blsi (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_tzcnt (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_lzcnt (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_mulx (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_rorx (SoftCpu *cpu, const SoftInsn *insn);
void soft_op_shiftx (SoftCpu *cpu, const SoftInsn *insn); /* imm: 1 SHLX, 2 SARX, 3 SHRX */
void soft_do_adx (SoftCpu *cpu, const SoftInsn *insn);    /* imm: 1 ADOX */
void soft_do_rdrand (SoftCpu *cpu, const SoftInsn *insn); /* imm: 1 RDSEED */
void soft_do_rdpid (SoftCpu *cpu, const SoftInsn *insn);

/* exec-locked.c: what carries out the decoded instruction, whose operand is memory, with LOCK */
SoftHelper soft_locked (const SoftInsn *insn);

/* exec-string.c */
void soft_op_string (SoftCpu *cpu, const SoftInsn *insn);

/* system.c and its kin */
void soft_do_cli (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_sti (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_pause (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_hlt (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_in (SoftCpu *cpu, const SoftInsn *insn); /* imm: port, or 0x10000: DX */
void soft_do_out (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_int (SoftCpu *cpu, const SoftInsn *insn); /* imm: vector */
void soft_do_int1 (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_int3 (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_into (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_iret (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_rsm (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_far_jump (SoftCpu *cpu, const SoftInsn *insn); /* imm: offset; disp: selector */
void soft_do_far_call (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_far_jump_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_far_call_mem (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_far_return (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_load_far_pointer (SoftCpu *cpu, const SoftInsn *insn); /* imm: segment */
void soft_do_mov_from_seg (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_mov_to_seg (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_arpl (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_group6 (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_lar (SoftCpu *cpu, const SoftInsn *insn);  /* and LSL, by opcode */
void soft_do_sgdt (SoftCpu *cpu, const SoftInsn *insn); /* and SIDT, by ModRM */
void soft_do_lgdt (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_smsw (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_lmsw (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_invlpg (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_invpcid (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_swapgs (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_rdtscp (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_rdtsc (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_rdpmc (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_clac (SoftCpu *cpu, const SoftInsn *insn); /* and STAC, by ModRM */
void soft_do_monitor (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_mwait (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_syscall (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_sysret (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_sysenter (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_sysexit (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_clts (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_wbinvd (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_mov_cr (SoftCpu *cpu, const SoftInsn *insn); /* by opcode: 20 from, 22 to */
void soft_do_mov_dr (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_rdmsr (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_wrmsr (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_cpuid (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_fsgsbase (SoftCpu *cpu, const SoftInsn *insn);

G_END_DECLS
