/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port.h - a virtio-gpu that a recording can be played on, however it is reached. */
#ifndef FACET_BENCH_PORT_H
#define FACET_BENCH_PORT_H

#include <stddef.h>
#include <stdint.h>

/* The guest's memory, at guest-physical 0: rings first, resources, requests. */
enum {
	PORT_MEMORY = 64 << 20,
	PORT_RESOURCES = 1 << 20, /* from here to PORT_REQUESTS: the recording's */
	PORT_REQUESTS = 32 << 20,
};

struct port;

struct port_ops {
	/* A request for the control queue: a ticket, -ENOSPC while the ring is full, or < 0. */
	int (*send)(struct port *port, const void *data, size_t size, size_t room);
	/* Waits for an answer: its bytes, or < 0. */
	int (*wait)(struct port *port, int ticket, void *in, size_t room);
	/* The same without waiting: -EAGAIN. Optional, as fd is. */
	int (*take)(struct port *port, int ticket, void *in, size_t room);
	/* Readable when answers have come; take() looks at it. */
	int (*fd)(struct port *port);
	/* Readable only when whoever is behind the port has gone. Optional. */
	int (*gone_fd)(struct port *port);
	/* A new driver: the device has forgotten everything. */
	int (*reset)(struct port *port);
	void (*destroy)(struct port *port);
};

struct port {
	const struct port_ops *ops;
	uint8_t *memory;
};

/* Prints what is wrong and returns NULL. */
struct port *port_loopback(void);
/* A vhost-user backend that listens at @path. */
struct port *port_vhost_user(const char *path);

#endif
