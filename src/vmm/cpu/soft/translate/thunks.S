/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ways between C and translated code.
 *
 * Registers in translated code (those that aren't named hold the guest's; see generate.h):
 *   RSP        the SoftCpu; below it lies the processor's own stack, on which C runs when translated code calls it
 *   RAX        flags as SoftCpu.af, in AH and AL, at all ways out
 *   RSI, RDI   scratch; they carry arguments here
 *   R14        scratch
 *   XMM        the guest's, with MXCSR, if the frame says so (FRAME_LIVE); C is called with them in the frame, and comes back so
 */
#include "cpu/soft/translate/layout.h"

	.macro	save_registers at
	movq	%rbx, \at+0*8(%rsp)
	movq	%rcx, \at+1*8(%rsp)
	movq	%rdx, \at+2*8(%rsp)
	movq	%rbp, \at+3*8(%rsp)
	movq	%r15, \at+4*8(%rsp)
	movq	%r13, \at+5*8(%rsp)
	movq	%r8, \at+6*8(%rsp)
	movq	%r9, \at+7*8(%rsp)
	movq	%r12, \at+12*8(%rsp)
	movq	%r10, \at+13*8(%rsp)
	movq	%r11, \at+14*8(%rsp)
	movw	%ax, \at+FRAME_AF(%rsp)
	.endm

	.macro	load_registers at
	movq	\at+0*8(%rsp), %rbx
	movq	\at+1*8(%rsp), %rcx
	movq	\at+2*8(%rsp), %rdx
	movq	\at+3*8(%rsp), %rbp
	movq	\at+4*8(%rsp), %r15
	movq	\at+5*8(%rsp), %r13
	movq	\at+6*8(%rsp), %r8
	movq	\at+7*8(%rsp), %r9
	movq	\at+12*8(%rsp), %r12
	movq	\at+13*8(%rsp), %r10
	movq	\at+14*8(%rsp), %r11
	movzwl	\at+FRAME_AF(%rsp), %eax
	.endm

	/* C has XMM registers for itself, and MXCSR as it is initially; flags are destroyed. */
	.macro	park_sse at
	cmpl	$0, \at+FRAME_LIVE(%rsp)
	jne	.Lpark\@
.Lparked\@:
	.subsection 1
.Lpark\@:
	cmpl	$2, \at+FRAME_LIVE(%rsp)
	jne	.Llow\@
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vextractf128 $1, %ymm\n, \at+FRAME_YMM+16*\n(%rsp)
	.endr
	vzeroupper
.Llow\@:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps	%xmm\n, \at+FRAME_XMM+16*\n(%rsp)
	.endr
	stmxcsr	\at+FRAME_MXCSR(%rsp)
	ldmxcsr	.Linitial(%rip)
	movl	$0, \at+FRAME_LIVE(%rsp)
	jmp	.Lparked\@
	.previous
	.endm

	.macro	function name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.balign	16
\name:
	.endm

	.section .rodata
	.balign	4
.Linitial:
	.long	0x1f80

	.text

/* void soft_unit_enter (SoftCpu *cpu, const void *entry) */
	function soft_unit_enter
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, FRAME_HOST_SP(%rdi)
	movq	%rdi, %rsp
	movq	%rsi, FRAME_ENTRY(%rsp)
	load_registers 0
	jmpq	*FRAME_ENTRY(%rsp)
	.size	soft_unit_enter, . - soft_unit_enter

/* Jumped to by translated code, with a SoftExit in ESI. */
	function soft_unit_thunk_leave
	save_registers 0
	park_sse 0
	movl	%esi, FRAME_EXIT(%rsp)
.Lleave:
	movq	FRAME_HOST_SP(%rsp), %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	soft_unit_thunk_leave, . - soft_unit_thunk_leave

/* Called by translated code: instructions in ESI by the interpreter.  Comes back, or leaves. */
	function soft_unit_thunk_run
	save_registers 8
	park_sse 8
	leaq	8(%rsp), %rdi
	subq	$8, %rsp
	call	soft_unit_run
	addq	$8, %rsp
	testl	%eax, %eax
	jnz	.Lleave_call
	load_registers 8
	ret
.Lleave_call:
	addq	$8, %rsp
	movl	$0, FRAME_EXIT(%rsp)
	jmp	.Lleave
	.size	soft_unit_thunk_run, . - soft_unit_thunk_run

/* Called by translated code where a look-up failed: the access in ESI, linear address in RDI.  Comes back with the host's address in
 * RDI, or behind the jump that follows the call if the instruction has been carried out, or leaves. */
	function soft_unit_thunk_cold
	/* A store beside code needs no C. */
	pushq	%r14
	movl	%esi, %r14d
	andl	$GAP_ACCESS, %r14d
	cmpl	$GAP_STORE, %r14d
	jne	.Lno_gap
	movl	%edi, %r14d
	shrl	$12, %r14d
	andl	$GAP_MASK, %r14d
	shll	$GAP_SHIFT, %r14d
	addq	16+FRAME_GAP(%rsp), %r14
	subq	(%r14), %rdi
	cmpq	GAP_ROOM(%r14), %rdi
	jae	.Lnot_in_gap
	addq	GAP_HOST(%r14), %rdi
	popq	%r14
	ret
.Lnot_in_gap:
	addq	(%r14), %rdi
.Lno_gap:
	popq	%r14
	save_registers 8
	park_sse 8
	movq	%rdi, %rdx
	leaq	8(%rsp), %rdi
	subq	$8, %rsp
	call	soft_unit_cold
	addq	$8, %rsp
	movq	%rax, %rdi
	cmpq	$1, %rdi
	je	.Lleave_call
	jb	.Ldone
	load_registers 8
	ret
.Ldone:
	addq	$5, (%rsp)
	load_registers 8
	ret
	.size	soft_unit_thunk_cold, . - soft_unit_thunk_cold

/* Called by translated code that is about to use XMM registers.  Changes nothing else, not even flags. */
	function soft_unit_thunk_sse
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps	8+FRAME_XMM+16*\n(%rsp), %xmm\n
	.endr
	ldmxcsr	8+FRAME_MXCSR(%rsp)
	movl	$1, 8+FRAME_LIVE(%rsp)
	ret
	.size	soft_unit_thunk_sse, . - soft_unit_thunk_sse

/* The same for upper halves, where XMM registers are there already. */
	function soft_unit_thunk_high
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vinsertf128 $1, 8+FRAME_YMM+16*\n(%rsp), %ymm\n, %ymm\n
	.endr
	movl	$2, 8+FRAME_LIVE(%rsp)
	ret
	.size	soft_unit_thunk_high, . - soft_unit_thunk_high

/* void soft_unit_serialize (void): what was written into the buffer's other view is what is fetched from here on (SDM volume 3, 8.1.3).
 * IRET serializes, and needs no leave of a hypervisor. */
	function soft_unit_serialize
	movq	%rsp, %rdx
	movl	%ss, %eax
	pushq	%rax
	pushq	%rdx
	pushfq
	movl	%cs, %eax
	pushq	%rax
	leaq	1f(%rip), %rax
	pushq	%rax
	iretq
1:	ret
	.size	soft_unit_serialize, . - soft_unit_serialize

	.section	.note.GNU-stack, "", @progbits
