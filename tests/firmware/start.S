/* SPDX-License-Identifier: GPL-2.0-or-later */
/* start.S - from the reset vector to 32 bits, flat, and to main(). */
	.section .start, "ax"
	.code16
start:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	(gdt_pointer - start)
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$8, $flat

	.code32
flat:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x80000, %esp
	/* After a reset, memory is as it was left. */
	movl	$bss_start, %edi
	movl	$bss_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep	stosb
	call	main
1:	hlt
	jmp	1b

	.balign	8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.section .reset, "ax"
	.code16
	ljmpw	$0xf000, $0

	.section .note.GNU-stack, "", @progbits
