/* SPDX-License-Identifier: GPL-2.0-or-later */
/* front_end.h - the messages by which QEMU starts a vhost-user device. */
#ifndef FACET_BENCH_FRONT_END_H
#define FACET_BENCH_FRONT_END_H

#include <stdint.h>

struct facet_queue_rings;

enum {
	FRONT_END_RINGS = 2, /* control and cursor */
};

struct front_end {
	int fd;
	uint64_t features, protocol; /* agreed on */
	int kicks[FRONT_END_RINGS], calls[FRONT_END_RINGS];
};

/* Each prints what is wrong and returns < 0. In this order: */
int front_end_connect(struct front_end *front, const char *path);
/* Features: what is offered of @wanted. */
int front_end_negotiate(struct front_end *front, uint64_t wanted);
int front_end_set_memory(struct front_end *front, int memory_fd, uint64_t size, void *base);
/* @rings: as guest-physical addresses; @base: where those begin in this process. */
int front_end_start_ring(struct front_end *front, unsigned int index, uint16_t size,
			 const struct facet_queue_rings *rings, const void *base);
int front_end_start_driver(struct front_end *front);

/* As when a guest is shut down; frees everything. */
void front_end_stop(struct front_end *front);

#endif
