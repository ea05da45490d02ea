/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu_guest.S - a boot sector whose every vCPU runs and never rests. */
	.code16
	.globl _start
_start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	/* What the others will run, at 0x8000: the last two bytes here. */
	movw $(spin), %si
	movw $0x8000, %di
	movw $2, %cx
	rep movsb
	lgdtl gdt_pointer
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $8, $protected
	.code32
protected:
	movw $16, %ax
	movw %ax, %ds
	/* The local APIC: INIT, then twice "begin at page 8", to all but this one. */
	movl $0xfee00300, %ebx
	movl $0x000c4500, (%ebx)
	movl $10000000, %ecx
1:	loop 1b
	movl $0x000c4608, (%ebx)
	movl $1000000, %ecx
2:	loop 2b
	movl $0x000c4608, (%ebx)
spin:
	jmp spin

	.balign 8
gdt:
	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
	.word 23
	.long gdt
	.org 510
	.word 0xaa55
