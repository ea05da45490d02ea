/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loopback.h - the guest's side of the loopback transport, for tests, fuzzing and benchmarks. */
#ifndef FACET_TRANSPORT_LOOPBACK_LOOPBACK_H
#define FACET_TRANSPORT_LOOPBACK_LOOPBACK_H

#include "transport/transport.h"

enum {
	FACET_LOOPBACK_MEMORY = 64 << 20, /* bytes of guest memory, at guest-physical 0 */
};

/* The guest's memory, FACET_LOOPBACK_MEMORY bytes; a test may scribble on all of it. */
void *facet_loopback_memory(struct facet_transport *transport);

/* Bump allocation of guest memory for a test: page aligned; reset by facet_loopback_reset(). */
uint64_t facet_loopback_alloc(struct facet_transport *transport, size_t size);

/* The driver resets the device, accepts @features and starts the queues anew. */
void facet_loopback_reset(struct facet_transport *transport, uint64_t features);

/**
 * facet_loopback_send() - put one request into a queue and kick, without waiting.
 * @out: copied into guest memory and split over @out_pieces descriptors (at least 1)
 * @in_size: room for the answer
 *
 * Return: a ticket for facet_loopback_wait(), or -ENOSPC when the ring is full.
 */
int facet_loopback_send(struct facet_transport *transport, unsigned int queue, const void *out,
			size_t out_size, unsigned int out_pieces, size_t in_size);

/* Waits (dispatching) for that answer and copies it. Bytes written, or -ETIMEDOUT after 60 s. */
int facet_loopback_wait(struct facet_transport *transport, unsigned int queue, int ticket, void *in,
			size_t in_size);

/* The device under test. */
struct facet_device *facet_loopback_device(struct facet_transport *transport);

/* How often the device said that its configuration changed. */
unsigned int facet_loopback_config_changes(struct facet_transport *transport);

#endif
