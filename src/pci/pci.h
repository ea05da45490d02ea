/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci.h - the door to PCI functions in software: what one is, and what it may ask its host for. */
#ifndef FACET_PCI_PCI_H
#define FACET_PCI_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "guest/memory.h"

/*
 * DOC: Theory of Operation
 *
 * A function describes itself as data (struct facet_pci_info): ids, BARs, interrupts. From that
 * facet_pci_init() builds a configuration space: three arrays of 4096 bytes, which are the values,
 * the bits that may be written, and the bits that are cleared by writing 1. BAR sizing, bus master,
 * MSI-X enable and the rest are nothing but masks; what has an effect beyond its bit is listed in
 * space.c. The function itself is left with its registers.
 *
 * Whoever carries the accesses (a transport) is the function's host. It calls facet_pci_config_*()
 * and facet_pci_bar_*(), and lends guest memory, interrupts, and DMA to where no memory is shared.
 * Neither knows more of the other than this file says.
 *
 * All calls are made on the loop thread, or in its place by who holds the loop's lock
 * (base/errands.h), but where "any thread" is written.
 */

struct facet_pci;
struct facet_pci_host;

enum {
	FACET_PCI_BARS = 6,
	FACET_PCI_CONFIG_SIZE = 4096,
	FACET_PCI_MAX_VECTORS = 256,
	FACET_PCI_MAX_AREAS = 4,
	FACET_PCI_MAX_ACCESS = 1 << 20, /* bytes of one access */
};

/* --- what a function is --- */

struct facet_pci_area {
	uint64_t offset, size; /* in the BAR; whole pages */
};

struct facet_pci_bar {
	uint64_t size; /* a power of two, at least 16 (I/O: 4); 0: there is none */
	bool io;
	bool wide; /* 64 bits: the next BAR is its upper half, and must be absent */
	bool prefetchable;
	/* What the client may map, so that accesses to it never come here. */
	unsigned int area_count;
	struct facet_pci_area areas[FACET_PCI_MAX_AREAS];
	int fd;             /* file behind the areas; the function's, valid as long as that lives */
	uint64_t fd_offset; /* where in it the BAR begins; whole pages */
};

/* Writes there need not come as accesses: the client may have them turned into events. */
struct facet_pci_doorbell {
	unsigned int bar;
	uint64_t offset;
	uint32_t size; /* 1, 2, 4, 8; 0: any */
	bool match;    /* only writes of @value */
	uint64_t value;
	int fd; /* an eventfd, the function's */
};

struct facet_pci_info {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* 24 bits: class, subclass, programming interface */
	uint8_t revision;
	struct facet_pci_bar bars[FACET_PCI_BARS];

	bool intx;            /* has a pin */
	uint16_t msi_vectors; /* a power of two up to 32; 0: no MSI */
	/* MSI-X: the table and the pending bits lie in a BAR, and are kept by this room. */
	uint16_t msix_vectors;
	uint8_t msix_bar;
	uint32_t msix_table, msix_pba; /* offsets, multiples of 8 */

	bool express;    /* a PCI Express endpoint: extended space, function level reset */
	const void *rom; /* option ROM, borrowed as long as the function lives; NULL: none */
	size_t rom_size;

	const struct facet_pci_doorbell *doorbells; /* borrowed likewise */
	unsigned int doorbell_count;
};

struct facet_pci_ops {
	const char *name;

	/*
	 * Make a function that is served by @host, which outlives it. @config is of the function's
	 * own kind. The function calls facet_pci_init() on its first member.
	 */
	int (*create)(const void *config, struct facet_pci_host *host, struct facet_pci **ret,
		      struct facet_error *err);
	void (*destroy)(struct facet_pci *pci); /* NULL: free() will do */

	/*
	 * As after power-on; configuration space is already. Also when the client has gone, so that
	 * the next one finds nothing of it. DMA under way is to be cancelled.
	 */
	void (*reset)(struct facet_pci *pci);

	/*
	 * An access to BAR @bar, inside it, of 1 to FACET_PCI_MAX_ACCESS bytes, at any alignment;
	 * never to MSI-X's table. Must not wait for anything: a virtual CPU stands still meanwhile,
	 * and QEMU gives up after 5 s.
	 */
	void (*bar_read)(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
			 size_t size);
	void (*bar_write)(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
			  size_t size);

	/* The rest is optional. */

	/*
	 * These bytes of configuration space are about to be read, were written: for capabilities
	 * that are windows to something else.
	 */
	void (*config_read)(struct facet_pci *pci, unsigned int offset, unsigned int size);
	void (*config_written)(struct facet_pci *pci, unsigned int offset, unsigned int size);

	/* host->memory is not what it was: look up again what was looked up in it. */
	void (*memory_changed)(struct facet_pci *pci);

	/* facet_pci_vector_fd() may give something else now, for any vector. */
	void (*vectors_changed)(struct facet_pci *pci);

	/* The host polls @fd, which never changes, and calls @dispatch when it is readable. */
	int (*fd)(struct facet_pci *pci);
	void (*dispatch)(struct facet_pci *pci);
};

/* Values, write masks, write-1-to-clear masks, and where the next capability goes. */
struct facet_pci_config {
	uint8_t value[FACET_PCI_CONFIG_SIZE];
	uint8_t writable[FACET_PCI_CONFIG_SIZE];
	uint8_t clearable[FACET_PCI_CONFIG_SIZE];
	uint8_t initial[FACET_PCI_CONFIG_SIZE]; /* values after a reset */
	uint16_t next, last;                    /* free space; the last capability */
	uint16_t next_extended, last_extended;  /* the same beyond 256 bytes */
	uint16_t express, pm, msi, msix;        /* capabilities; 0: none */
};

/* First member of every function. */
struct facet_pci {
	const struct facet_pci_ops *ops;
	struct facet_pci_host *host;
	struct facet_pci_info info;
	struct facet_pci_config config;
	uint8_t msix_table[FACET_PCI_MAX_VECTORS * 16];
	bool intx_level; /* of the pin, were it not disabled */
};

/* --- for functions --- */

/**
 * facet_pci_init() - fill in a function from its description.
 * @info: copied
 *
 * Return: 0, or -EINVAL with a sentence about what in @info makes no sense.
 */
int facet_pci_init(struct facet_pci *pci, const struct facet_pci_ops *ops,
		   struct facet_pci_host *host, const struct facet_pci_info *info,
		   struct facet_error *err);

/**
 * facet_pci_add_capability() - one more capability, after facet_pci_init().
 * @id: 0x09 is a vendor's own
 * @body: what follows id and next pointer
 * @writable: as long as @body; NULL: all of it is read only
 *
 * Return: its offset in configuration space; -ENOSPC.
 */
int facet_pci_add_capability(struct facet_pci *pci, uint8_t id, const void *body,
			     const void *writable, unsigned int size);

/* The same in extended space; @body follows the four bytes of header. -EINVAL when not express. */
int facet_pci_add_extended(struct facet_pci *pci, uint16_t id, uint8_t version, const void *body,
			   const void *writable, unsigned int size);

/* May it read and write guest memory, and send MSIs? */
bool facet_pci_bus_master(const struct facet_pci *pci);
/* Which kind of interrupt has the driver chosen? Neither: INTx, where it has a pin. */
bool facet_pci_msix_enabled(const struct facet_pci *pci);
bool facet_pci_msi_enabled(const struct facet_pci *pci);

/*
 * One transfer between the function and memory of the guest, shared with us or not. The struct
 * and @data belong to the host until @done, which is called exactly once, on the loop thread,
 * perhaps before facet_pci_dma() returns; -EFAULT: not the guest's memory, -EPERM: it may not be
 * written, or the function is no bus master, -ENOTCONN: the client has gone, -EIO: it refused.
 */
struct facet_pci_dma {
	uint64_t address;
	void *data;
	size_t size;
	bool to_guest; /* data is written to the guest, else read from it */
	void (*done)(struct facet_pci_dma *dma, int result);

	struct facet_list link; /* from here on the host's own */
	size_t finished, asked;
	uint16_t id;
};

/* --- what the host lends --- */

struct facet_pci_host_ops {
	void (*interrupt)(struct facet_pci_host *host, unsigned int vector);
	void (*set_intx)(struct facet_pci_host *host, bool level);
	bool (*pending)(struct facet_pci_host *host, unsigned int vector);
	int (*vector_fd)(struct facet_pci_host *host, unsigned int vector);
	void (*dma)(struct facet_pci_host *host, struct facet_pci *pci, struct facet_pci_dma *dma);
	void (*dma_cancel)(struct facet_pci_host *host, struct facet_pci_dma *dma);
};

struct facet_pci_host {
	const struct facet_pci_host_ops *ops;
	struct facet_guest_memory *memory; /* what the client shares with us; may be nothing */
};

/* An MSI-X (or MSI) message. Any thread. */
static inline void facet_pci_interrupt(struct facet_pci *pci, unsigned int vector)
{
	pci->host->ops->interrupt(pci->host, vector);
}

/* The pin; it stays at @level. */
void facet_pci_set_intx(struct facet_pci *pci, bool level);

/*
 * What to write 1 to instead of calling facet_pci_interrupt(): for facet_queue_set_call(), which
 * wants a dup. Borrowed until vectors_changed; -1: nobody listens.
 */
static inline int facet_pci_vector_fd(struct facet_pci *pci, unsigned int vector)
{
	return pci->host->ops->vector_fd(pci->host, vector);
}

static inline void facet_pci_dma(struct facet_pci *pci, struct facet_pci_dma *dma)
{
	pci->host->ops->dma(pci->host, pci, dma);
}

/* @dma is the function's again, and @done is not called. Harmless when it is not under way. */
static inline void facet_pci_dma_cancel(struct facet_pci *pci, struct facet_pci_dma *dma)
{
	pci->host->ops->dma_cancel(pci->host, dma);
}

/* --- for hosts --- */

void facet_pci_destroy(struct facet_pci *pci);
void facet_pci_reset(struct facet_pci *pci);

/* Inside the space: -EINVAL otherwise. */
int facet_pci_config_read(struct facet_pci *pci, uint64_t offset, void *buf, size_t size);
int facet_pci_config_write(struct facet_pci *pci, uint64_t offset, const void *buf, size_t size);
int facet_pci_bar_read(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
		       size_t size);
int facet_pci_bar_write(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
			size_t size);
int facet_pci_rom_read(struct facet_pci *pci, uint64_t offset, void *buf, size_t size);
/* As its BAR says: a power of two; 0: there is none. */
size_t facet_pci_rom_size(const struct facet_pci *pci);
/* 256 or 4096. */
size_t facet_pci_config_size(const struct facet_pci *pci);

#endif
