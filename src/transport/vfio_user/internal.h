/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - the vfio-user server inside. Only vfio_user/ includes this. */
#ifndef FACET_VFIO_USER_INTERNAL_H
#define FACET_VFIO_USER_INTERNAL_H

#include <linux/vfio.h>
#include <pthread.h>

#include "transport/vfio_user/channel.h"
#include "transport/vfio_user/vfio_user.h"

enum {
	VFU_MAX_MAPS = FACET_GUEST_MAX_REGIONS,
	VFU_IRQS = VFIO_PCI_MSIX_IRQ_INDEX + 1,
};

/* What the client lets us reach by DMA. */
struct vfu_map {
	uint64_t address, size;
	uint32_t flags; /* VFIO_DMA_MAP_FLAG_ */
	bool shared;    /* in vfu->memory; else by messages only */
};

struct vfu_vector {
	int trigger_fd; /* the client's; -1: it does not listen */
	int held_fd;    /* counts what happens while it is masked; -1: never was */
	bool masked;
};

struct vfu_irq {
	unsigned int count;
	unsigned int armed; /* vectors with a trigger */
	struct vfu_vector *vectors;
};

struct facet_vfio_user {
	struct facet_pci_host host;
	struct facet_pci *pci;
	int epoll_fd, listen_fd, again_fd;
	struct facet_errands *errands; /* borrowed; NULL: none */
	struct facet_errand came;      /* messages on main */

	struct vfu_channel main; /* the client's requests, our replies */
	struct vfu_channel twin; /* our requests, where it offered that; else they go over main */
	bool agreed;             /* on a version */
	bool serving;            /* a request, whose reply is being built in main.out */
	uint32_t client_fds, client_xfer;
	unsigned int complaints; /* said about this client */
	uint64_t drops, received, sent;

	struct vfu_map maps[VFU_MAX_MAPS];
	unsigned int map_count;
	struct facet_list dmas; /* struct facet_pci_dma, under way */
	uint16_t next_id;

	pthread_mutex_t irq_lock; /* of what interrupt() looks at, from any thread */
	struct vfu_irq irqs[VFU_IRQS];
	bool intx_level;
};

/* A request, and the reply that is built behind @out's header. */
struct vfu_request {
	const struct vfu_message *message;
	uint8_t *out;
	size_t out_size;
	int out_fds[VFIO_USER_MAX_FDS]; /* borrowed */
	unsigned int out_fd_count;
};

/* --- vfio_user.c --- */

/* One line about what a client did wrong; a few for each, then silence. */
void vfu_complain(struct facet_vfio_user *vfu, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int vfu_watch_twin(struct facet_vfio_user *vfu);
/* Something was sent, or taken in: wait for what can be done next. */
void vfu_update_waits(struct facet_vfio_user *vfu);

/* --- version.c --- */

int vfu_version(struct facet_vfio_user *vfu, struct vfu_request *request);

/* --- requests.c --- */

/* Serve one request. Negative: the connection is no use any more. */
int vfu_serve(struct facet_vfio_user *vfu, const struct vfu_message *message);
/* The first @size bytes of the payload; false when it is shorter. */
bool vfu_take(const struct vfu_request *request, void *to, size_t size);
void vfu_give(struct vfu_request *request, const void *from, size_t size);

/* --- irqs.c --- */

int vfu_irqs_init(struct facet_vfio_user *vfu);
void vfu_irqs_fini(struct facet_vfio_user *vfu);
/* The client has gone. */
void vfu_irqs_forget(struct facet_vfio_user *vfu);
int vfu_get_irq_info(struct facet_vfio_user *vfu, struct vfu_request *request);
int vfu_set_irqs(struct facet_vfio_user *vfu, struct vfu_request *request);

void vfu_interrupt(struct facet_pci_host *host, unsigned int vector);
void vfu_set_intx(struct facet_pci_host *host, bool level);
bool vfu_pending(struct facet_pci_host *host, unsigned int vector);
int vfu_vector_fd(struct facet_pci_host *host, unsigned int vector);

/* --- dma.c --- */

int vfu_dma_map(struct facet_vfio_user *vfu, struct vfu_request *request);
int vfu_dma_unmap(struct facet_vfio_user *vfu, struct vfu_request *request);
/* The client has gone: nothing is mapped, and what is under way fails. */
void vfu_dma_forget(struct facet_vfio_user *vfu);
/* A reply to a request of ours, on @channel. Negative: the connection is no use any more. */
int vfu_dma_reply(struct facet_vfio_user *vfu, const struct vfu_message *message);
/* Send what had to wait, as long as that is possible. */
void vfu_dma_resume(struct facet_vfio_user *vfu);

void vfu_dma(struct facet_pci_host *host, struct facet_pci *pci, struct facet_pci_dma *dma);
void vfu_dma_cancel(struct facet_pci_host *host, struct facet_pci_dma *dma);

#endif
