// SPDX-License-Identifier: GPL-2.0-or-later
/* toy.c - a PCI function that has one of everything. */
#include "transport/vfio_user/toy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

enum { PAGE = 4096 };

static struct toy *toy_of(struct facet_pci *pci)
{
	return facet_container_of(pci, struct toy, pci);
}

static void dma_done(struct facet_pci_dma *dma, int result)
{
	struct toy *toy = facet_container_of(dma, struct toy, dma);

	toy->busy = false;
	toy->regs.words[TOY_DMA_RESULT / 4] = (uint32_t)result;
	toy->regs.words[TOY_DMA_COUNT / 4]++;
}

static void dma_start(struct toy *toy)
{
	const uint64_t size = toy->regs.wide[TOY_DMA_SIZE / 8];

	if (toy->busy || size > TOY_BUFFER_SIZE)
		return;
	toy->busy = true;
	toy->dma = (struct facet_pci_dma){ toy->regs.wide[TOY_DMA_ADDRESS / 8], toy->buffer, size,
					   toy->regs.words[TOY_DMA_COMMAND / 4] & 2, dma_done };
	facet_pci_dma(&toy->pci, &toy->dma);
}

/* Where these bytes are kept; NULL: nowhere, or not in one place. */
static uint8_t *place(struct toy *toy, unsigned int bar, uint64_t offset, size_t size)
{
	if (bar != 0)
		return NULL;
	if (facet_inside(offset, size, TOY_REGISTERS))
		return toy->regs.bytes + offset;
	if (offset >= TOY_AREA && facet_inside(offset - TOY_AREA, size, PAGE))
		return toy->area + (offset - TOY_AREA);
	if (offset >= TOY_BUFFER && facet_inside(offset - TOY_BUFFER, size, TOY_BUFFER_SIZE))
		return toy->buffer + (offset - TOY_BUFFER);
	return NULL;
}

static void toy_read(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
		     size_t size)
{
	const uint8_t *from = place(toy_of(pci), bar, offset, size);

	if (from)
		memcpy(buf, from, size);
	else
		memset(buf, 0xff, size);
}

static void toy_write(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
		      size_t size)
{
	struct toy *toy = toy_of(pci);
	uint8_t *to = place(toy, bar, offset, size);
	uint32_t value = 0;

	if (!to)
		return;
	memcpy(to, buf, size);
	memcpy(&value, buf, size < sizeof(value) ? size : sizeof(value));
	if (offset == TOY_INTERRUPT)
		facet_pci_interrupt(pci, value);
	else if (offset == TOY_PIN)
		facet_pci_set_intx(pci, value);
	else if (offset == TOY_DMA_COMMAND)
		dma_start(toy);
}

static void toy_reset(struct facet_pci *pci)
{
	struct toy *toy = toy_of(pci);

	facet_pci_dma_cancel(pci, &toy->dma);
	toy->busy = false;
	memset(&toy->regs, 0, sizeof(toy->regs));
	memset(toy->buffer, 0, sizeof(toy->buffer));
	toy->resets++;
}

static void memory_changed(struct facet_pci *pci)
{
	toy_of(pci)->memory_changes++;
}

/* A queue's thread may have looked where to write, and write only now. */
static void vectors_changed(struct facet_pci *pci)
{
	struct toy *toy = toy_of(pci);

	toy->vector_changes++;
	if (!toy->late_fd)
		return;
	eventfd_write(toy->late_fd, 1);
	close(toy->late_fd);
	toy->late_fd = 0;
}

static void toy_destroy(struct facet_pci *pci)
{
	struct toy *toy = toy_of(pci);

	if (toy->area)
		munmap(toy->area, PAGE);
	if (toy->area_fd >= 0)
		close(toy->area_fd);
	if (toy->doorbell.fd >= 0)
		close(toy->doorbell.fd);
	free(toy);
}

static int make_files(struct toy *toy)
{
	toy->doorbell = (struct facet_pci_doorbell){ .bar = 0,
						     .offset = TOY_DOORBELL,
						     .size = 4,
						     .match = true,
						     .value = 7,
						     .fd = eventfd(0, EFD_CLOEXEC) };
	toy->area_fd = memfd_create("toy", MFD_CLOEXEC);
	if (toy->area_fd < 0 || toy->doorbell.fd < 0 ||
	    ftruncate(toy->area_fd, TOY_AREA + PAGE) < 0)
		return -errno;
	toy->area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, toy->area_fd, TOY_AREA);
	if (toy->area == MAP_FAILED) {
		toy->area = NULL;
		return -errno;
	}
	return 0;
}

static int toy_create(const void *config, struct facet_pci_host *host, struct facet_pci **ret,
		      struct facet_error *err)
{
	static const char rom[] = "\x55\xaa rom";
	struct facet_pci_info info = {
		.vendor = 0x1234,
		.device = 0xbeef,
		.class_code = 0xff0000,
		.bars[0] = { .size = TOY_BAR_SIZE,
			     .wide = true,
			     .prefetchable = true,
			     .area_count = 1,
			     .areas = { { TOY_AREA, PAGE } } },
		.bars[2] = { .size = PAGE },
		.bars[4] = { .size = 64, .io = true },
		.intx = true,
		.msi_vectors = 2,
		.msix_vectors = TOY_VECTORS,
		.msix_bar = TOY_MSIX_BAR,
		.msix_pba = TOY_PBA,
		.express = true,
		.rom = rom,
		.rom_size = sizeof(rom),
		.doorbell_count = 1,
	};
	struct toy *toy = calloc(1, sizeof(*toy));
	int r;

	if (!toy)
		return facet_error_set(err, -ENOMEM, "no memory for a toy");
	r = make_files(toy);
	if (r < 0) {
		facet_error_set(err, r, "the toy's files cannot be made");
		toy_destroy(&toy->pci);
		return r;
	}
	info.bars[0].fd = toy->area_fd;
	info.doorbells = &toy->doorbell;
	r = facet_pci_init(&toy->pci, &toy_function, host, &info, err);
	if (r < 0) {
		toy_destroy(&toy->pci);
		return r;
	}
	*ret = &toy->pci;
	return 0;
}

const struct facet_pci_ops toy_function = {
	.name = "toy",
	.create = toy_create,
	.destroy = toy_destroy,
	.reset = toy_reset,
	.bar_read = toy_read,
	.bar_write = toy_write,
	.memory_changed = memory_changed,
	.vectors_changed = vectors_changed,
};
