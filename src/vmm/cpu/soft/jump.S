/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * soft_setjmp() and soft_longjmp() (soft.h): what the System V ABI lets a function change stays with the caller.
 */
	.text
	.globl	soft_setjmp, soft_longjmp
	.hidden	soft_setjmp, soft_longjmp
	.type	soft_setjmp, @function
	.type	soft_longjmp, @function
	.balign	16
soft_setjmp:
	movq	%rbx, (%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 48(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 56(%rdi)
	xorl	%eax, %eax
	ret
	.size	soft_setjmp, . - soft_setjmp

	.balign	16
soft_longjmp:
	movq	(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	movl	$1, %eax
	jmpq	*56(%rdi)
	.size	soft_longjmp, . - soft_longjmp
	.section	.note.GNU-stack, "", @progbits
