/* SPDX-License-Identifier: GPL-2.0-or-later */
/* toy.h - a PCI function that has one of everything, for tests, the fuzzer and measurements. */
#ifndef FACET_VFIO_USER_TOY_H
#define FACET_VFIO_USER_TOY_H

#include "pci/pci.h"

enum {
	TOY_BAR_SIZE = 1 << 17,
	TOY_PLAIN = 0x00,       /* 64 bits that stay as they were written */
	TOY_INTERRUPT = 0x08,   /* written: this vector */
	TOY_PIN = 0x0c,         /* written: the pin's level */
	TOY_DMA_ADDRESS = 0x10, /* of the guest */
	TOY_DMA_SIZE = 0x18,
	TOY_DMA_COMMAND = 0x20, /* 1: from the guest; 2: to it; the result stands in the next two */
	TOY_DMA_RESULT = 0x28,
	TOY_DMA_COUNT = 0x2c, /* transfers that have ended */
	TOY_REGISTERS = 0x30,
	TOY_AREA = 0x8000, /* a page that the client may map */
	TOY_BUFFER = 0x10000,
	TOY_BUFFER_SIZE = 0x10000,
	TOY_DOORBELL = 0x3000,

	TOY_VECTORS = 4,
	TOY_MSIX_BAR = 2,
	TOY_PBA = 0x800,
};

/* What its creator may look at. */
struct toy {
	struct facet_pci pci;
	union {
		uint8_t bytes[TOY_REGISTERS];
		uint32_t words[TOY_REGISTERS / 4];
		uint64_t wide[TOY_REGISTERS / 8];
	} regs;
	struct facet_pci_dma dma;
	bool busy;
	unsigned int resets, memory_changes, vector_changes;
	int late_fd; /* of a vector: rung once more, and closed, when vectors change; 0: none */
	int area_fd;
	uint8_t *area;
	struct facet_pci_doorbell doorbell;
	uint8_t buffer[TOY_BUFFER_SIZE];
};

/* Its create() takes no config. */
extern const struct facet_pci_ops toy_function;

#endif
