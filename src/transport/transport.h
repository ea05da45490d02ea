/* SPDX-License-Identifier: GPL-2.0-or-later */
/* transport.h - the door to the ways a guest's accesses arrive. */
#ifndef FACET_TRANSPORT_TRANSPORT_H
#define FACET_TRANSPORT_TRANSPORT_H

#include "base/errands.h"
#include "base/error.h"
#include "device/device.h"

struct facet_transport;

/* Memory that the front-end believes to be known: it does not tell it a second time. */
struct facet_handover_region {
	struct facet_guest_region region;
	int fd;
};

enum { FACET_HANDOVER_MAX_RINGS = 2 }; /* more do not fit into a message with most regions */

struct facet_handover_ring {
	int kick_fd, call_fd, err_fd; /* -1: none */
	bool enabled;
	uint32_t size; /* 0: not described yet, and then it has no addresses */
	struct facet_queue_rings rings;
};

/*
 * What another process needs to go on serving a front-end after this one has died. The rings are
 * taken over while the guest's driver runs, if all of it is of one moment: the table, which is
 * shared memory, has the serial number of the last change, and only who is told the same number
 * knows the rings as they are. Without them the front-end tells everything again when the driver
 * starts the next time.
 */
struct facet_handover {
	int front_fd;               /* connected to the front-end */
	int back_fd;                /* our requests to it; -1: none */
	int display_fd;             /* its console; -1: none */
	uint64_t protocol_features; /* agreed on with it */
	unsigned int region_count;
	struct facet_handover_region regions[FACET_GUEST_MAX_REGIONS];

	int table_fd; /* what is under way in the rings; -1: they are not handed over */
	int alive_fd; /* hangs up when this process has ended: only then the rings are free */
	uint64_t serial;
	uint64_t features; /* that the driver accepted */
	uint8_t status;
	bool ran; /* the driver has used a ring */
	unsigned int ring_count;
	struct facet_handover_ring rings[FACET_HANDOVER_MAX_RINGS];
};

/* Nothing: no descriptor, no region, no ring. */
void facet_handover_init(struct facet_handover *handover);
/* Calls @use for each descriptor in it. */
void facet_handover_each_fd(struct facet_handover *handover, void (*use)(void *owner, int *fd),
			    void *owner);

struct facet_transport_config {
	const char *device; /* name of the device model to create: "virtio-gpu" */
	struct facet_device_config device_config;
	int listen_fd;                 /* taken; accepts one front-end after another. -1: none */
	int fd;                        /* taken; one front-end already connected. -1: none */
	struct facet_errands *errands; /* kicks are offered there; borrowed, NULL: nobody helps */
	const struct facet_handover *adopt; /* instead of @fd; its fds are taken. NULL: none */
};

struct facet_transport_status {
	bool connected;       /* a front-end is there */
	bool running;         /* the guest's driver has started the queues */
	bool inherited;       /* by a process that died: what the guest had here is lost */
	uint64_t features;    /* that the driver accepted */
	uint64_t drops;       /* requests refused because they made no sense */
	uint64_t messages;    /* to and from the front-end, where the guest causes them */
	unsigned int regions; /* of guest memory */
	unsigned int
		handovers; /* changes when facet_transport_handover() would say something new */
};

/**
 * facet_transport_create() - open a way for guests.
 * @name: "vhost-user", "vfio-user" or "loopback"
 */
int facet_transport_create(const char *name, const struct facet_transport_config *cfg,
			   struct facet_transport **ret, struct facet_error *err);
void facet_transport_destroy(struct facet_transport *transport);

/* One descriptor to poll (an epoll set of the transport's own); it never changes. */
int facet_transport_fd(struct facet_transport *transport);

/*
 * One non-blocking step. 0; -ENOTCONN when the front-end has gone and none can come again
 * (no listen_fd); never an error for what a guest or front-end did wrong.
 */
int facet_transport_dispatch(struct facet_transport *transport);

void facet_transport_status(struct facet_transport *transport, struct facet_transport_status *ret);

/*
 * What is in use now, for safe-keeping elsewhere: the fds stay the transport's, dup them.
 * 0, or -ENOTCONN when nobody is there.
 */
int facet_transport_handover(struct facet_transport *transport, struct facet_handover *ret);

#endif
