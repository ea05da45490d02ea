// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfio-user-edu.c - a PCI device of one's own, in a process of its own: the registers of QEMU's
 * "edu" (docs/specs/edu.rst), with MSI-X. Run vfio-user-edu SOCKET, then a
 *   qemu-system-x86_64 -device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":SOCKET}}'
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "transport/vfio_user/vfio_user.h"

/* Registers; from DMA_FROM on of 64 bits. LIVE reads the inverse of what was written. */
enum { ID = 0x00, LIVE = 0x04, FACTORIAL = 0x08, IRQ_RAISE = 0x60, IRQ_ACK = 0x64 };
enum { STATUS = 0x20, IRQ_STATUS = 0x24 }; /* 0x80: interrupt when a factorial is there */
enum { DMA_FROM = 0x80, DMA_TO = 0x88, DMA_COUNT = 0x90 };
enum { DMA_COMMAND = 0x98 }; /* 1: go, and it goes on; 2: to the guest; 4: interrupt when done */
enum { BUFFER = 0x40000 };   /* where our own memory is, as the DMA engine sees it */

struct edu {
	struct facet_pci pci; /* first */
	uint64_t regs[0xa0 / 8];
	uint8_t buffer[4096];
	struct facet_pci_dma dma;
};
#define REG(edu, reg)  (((uint32_t *)(edu)->regs)[(reg) / 4])
#define WIDE(edu, reg) ((edu)->regs[(reg) / 8])

static void raise_irq(struct edu *edu, uint32_t bits)
{
	REG(edu, IRQ_STATUS) |= bits;
	facet_pci_interrupt(&edu->pci, 0);
}

static void factorial(struct edu *edu, uint32_t n)
{
	for (REG(edu, FACTORIAL) = 1; n > 1 && REG(edu, FACTORIAL); n--) /* soon 0 */
		REG(edu, FACTORIAL) *= n;
	if (REG(edu, STATUS) & 0x80)
		raise_irq(edu, 1);
}

static void dma_done(struct facet_pci_dma *dma, int result)
{
	struct edu *edu = facet_container_of(dma, struct edu, dma);

	WIDE(edu, DMA_COMMAND) &= ~1ull;
	if (WIDE(edu, DMA_COMMAND) & 4)
		raise_irq(edu, 0x100);
}

static void dma_start(struct edu *edu)
{
	bool to_guest = WIDE(edu, DMA_COMMAND) & 2;
	uint64_t from = WIDE(edu, DMA_FROM), to = WIDE(edu, DMA_TO), count = WIDE(edu, DMA_COUNT);
	uint64_t ours = (to_guest ? from : to) - BUFFER;

	edu->dma = (struct facet_pci_dma){ to_guest ? to : from, edu->buffer + ours, count,
					   to_guest, dma_done };
	if (facet_inside(ours, count, sizeof(edu->buffer)))
		facet_pci_dma(&edu->pci, &edu->dma); /* ends in dma_done(), now or later */
	else
		dma_done(&edu->dma, -EINVAL);
}

static bool is_register(uint64_t offset, size_t size)
{
	return offset < 0xa0 && offset % size == 0 && (size == 4 || (size == 8 && offset >= 0x80));
}

static void edu_read(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
		     size_t size)
{
	memset(buf, 0xff, size);
	if (is_register(offset, size))
		memcpy(buf, &REG(facet_container_of(pci, struct edu, pci), offset), size);
}

static void edu_write(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
		      size_t size)
{
	struct edu *edu = facet_container_of(pci, struct edu, pci);
	const bool busy = WIDE(edu, DMA_COMMAND) & 1;
	uint32_t value;

	if (!is_register(offset, size))
		return;
	memcpy(&value, buf, sizeof(value));
	if (offset == LIVE)
		REG(edu, LIVE) = ~value;
	else if (offset == FACTORIAL)
		factorial(edu, value);
	else if (offset == STATUS)
		REG(edu, STATUS) = value & 0x80;
	else if (offset == IRQ_RAISE)
		raise_irq(edu, value);
	else if (offset == IRQ_ACK)
		REG(edu, IRQ_STATUS) &= ~value;
	else if (offset >= DMA_FROM && !busy)
		memcpy(&REG(edu, offset), buf, size);
	if (offset == DMA_COMMAND && value & 1 && !busy)
		dma_start(edu);
}

static void edu_reset(struct facet_pci *pci)
{
	struct edu *edu = facet_container_of(pci, struct edu, pci);

	facet_pci_dma_cancel(pci, &edu->dma);
	memset(edu->regs, 0, offsetof(struct edu, dma) - offsetof(struct edu, regs));
	REG(edu, ID) = 0x010000ed;
}

static const struct facet_pci_ops edu_function;

static int edu_create(const void *config, struct facet_pci_host *host, struct facet_pci **ret,
		      struct facet_error *err)
{
	static const struct facet_pci_info info = { .vendor = 0x1234,
						    .device = 0x11e8,
						    .class_code = 0xff0000,
						    .revision = 0x10,
						    .bars[0] = { .size = 1 << 20 },
						    .express = true,
						    .msix_vectors = 1,
						    .msix_table = 0xfe000,
						    .msix_pba = 0xff000 };
	struct edu *edu = calloc(1, sizeof(*edu));

	if (!edu || facet_pci_init(&edu->pci, &edu_function, host, &info, err) < 0)
		return -ENOMEM;
	edu_reset(&edu->pci);
	*ret = &edu->pci;
	return 0;
}

static const struct facet_pci_ops edu_function = { "edu",     edu_create, NULL,
						   edu_reset, edu_read,   edu_write };

int main(int argc, char **argv)
{
	struct facet_error err = { 0, "usage: vfio-user-edu SOCKET" };

	if (argc == 2)
		facet_vfio_user_run(argv[1], &edu_function, NULL, &err);
	fprintf(stderr, "%s\n", err.text);
	return 1;
}
