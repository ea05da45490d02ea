// SPDX-License-Identifier: GPL-2.0-or-later
/* exchange.c - a host program among virtual machines: the other end of facet-ivshmem in the guest.
 *
 * usage: ivshmem-exchange SOCKET ROUNDS
 * Takes part in the region as a peer, says its id, and answers the guest's blocks until it has had
 * so many. Prints what it sent and received.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../guest/exchange.h"
#include "ivshmem/ivshmem.h"

enum { PATIENCE_MS = 300000 };

struct host {
	struct facet_ivshmem_peer *peer;
	struct letters *letters;
	uint8_t *memory;
	uint64_t size, rounds, done;
	unsigned int id, guest, rings;
	struct totals totals;
	bool failed;
};

static void on_ready(void *owner)
{
	struct host *host = owner;
	void *memory;

	facet_ivshmem_peer_ready(host->peer, &host->id, &memory, &host->size);
	host->memory = memory;
	host->letters = memory;
	printf("id=%u\n", host->id);
	fflush(stdout);
}

/* The one other peer is the guest. */
static void on_changed(void *owner, unsigned int id, unsigned int vectors)
{
	struct host *host = owner;

	if (id != host->id && vectors)
		host->guest = id;
}

static void answer(struct host *host, uint64_t round)
{
	volatile struct letters *letters = host->letters;
	uint64_t sum =
		exchange_sum((void *)(host->memory + exchange_offset(round, host->size, false)));

	if (sum != letters->guest.sum) {
		fprintf(stderr, "round %llu: the guest's block is damaged\n",
			(unsigned long long)round);
		host->failed = true;
		return;
	}
	host->totals.received = exchange_add(host->totals.received, sum);
	sum = exchange_write((void *)(host->memory + exchange_offset(round, host->size, true)),
			     ~round);
	host->totals.sent = exchange_add(host->totals.sent, sum);
	letters->host.sum = sum;
	atomic_thread_fence(memory_order_seq_cst);
	letters->host.round = round;
	if (facet_ivshmem_peer_ring(host->peer, host->guest, GUEST_VECTOR))
		host->failed = true;
	host->done = round;
}

static void on_rang(void *owner, unsigned int vector)
{
	struct host *host = owner;
	uint64_t round = ((volatile struct letters *)host->letters)->guest.round;

	host->rings++;
	atomic_thread_fence(memory_order_seq_cst);
	if (vector == HOST_VECTOR && round == host->done + 1)
		answer(host, round);
}

int main(int argc, char **argv)
{
	struct host host = { 0 };
	struct facet_ivshmem_peer_config cfg = {
		.fd = -1,
		.ready = on_ready,
		.rang = on_rang,
		.changed = on_changed,
		.owner = &host,
	};
	struct facet_error err;
	struct pollfd p = { .events = POLLIN };
	int r;

	if (argc != 3) {
		fputs("usage: ivshmem-exchange SOCKET ROUNDS\n", stderr);
		return 2;
	}
	cfg.path = argv[1];
	host.rounds = strtoull(argv[2], NULL, 10);
	r = facet_ivshmem_peer_create(&cfg, &host.peer, &err);
	while (!r && !host.failed && host.done < host.rounds) {
		p.fd = facet_ivshmem_peer_fd(host.peer);
		if (poll(&p, 1, PATIENCE_MS) != 1)
			r = facet_error_set(&err, -ETIMEDOUT, "round %llu: nobody rings",
					    (unsigned long long)host.done);
		else
			r = facet_ivshmem_peer_dispatch(host.peer, &err);
	}
	if (r)
		fprintf(stderr, "ivshmem-exchange: %s\n", err.text);
	facet_ivshmem_peer_destroy(host.peer);
	printf("sent=%016llx received=%016llx rings=%u\n", (unsigned long long)host.totals.sent,
	       (unsigned long long)host.totals.received, host.rings);
	return r || host.failed;
}
