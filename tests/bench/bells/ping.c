// SPDX-License-Identifier: GPL-2.0-or-later
/* ping.c - round trips of doorbells between two processes, beside bare eventfds.
 *
 * usage: ivshmem-ping SOCKET TURNS ROUND_TRIPS
 * The other end is a second process, a peer of the server at SOCKET as this one. In each turn one
 * after the other, so that what else this machine does concerns all alike:
 *   bare   two eventfds, read and write
 *   bells  two vectors' eventfds that came from the server, read and write
 *   peer   the same by the library: poll, dispatch, ring; and bare-poll, the bare ones with poll
 * Prints "NAME NANOSECONDS" for each, the mean of a round trip.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/error.h"
#include "ivshmem/ivshmem.h"

enum {
	VECTOR = 0,
	PATIENCE_MS = 60000,
};

/* One of the two; @in and @out are of the kind that is measured. */
struct side {
	struct facet_ivshmem_peer *peer;
	unsigned int id, other, rang;
	bool ready, first; /* which one begins */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void on_rang(void *owner, unsigned int vector)
{
	((struct side *)owner)->rang++;
}

static void on_ready(void *owner)
{
	struct side *side = owner;
	uint64_t size;
	void *memory;

	facet_ivshmem_peer_ready(side->peer, &side->id, &memory, &size);
	side->ready = true;
}

static void on_changed(void *owner, unsigned int id, unsigned int vectors)
{
	struct side *side = owner;

	if (side->ready && id != side->id && vectors)
		side->other = id;
}

static void step(struct side *side)
{
	struct pollfd p = { .fd = facet_ivshmem_peer_fd(side->peer), .events = POLLIN };
	struct facet_error err;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		die("poll");
	if (facet_ivshmem_peer_dispatch(side->peer, &err)) {
		fprintf(stderr, "ivshmem-ping: %s\n", err.text);
		exit(1);
	}
}

/* --- the ways to pass the ball --- */

static void take(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		die("read");
}

static void give(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("write");
}

static void trips_fd(const struct side *side, int in, int out, long trips)
{
	for (long i = 0; i < trips; i++) {
		if (side->first)
			give(out);
		take(in);
		if (!side->first)
			give(out);
	}
}

static void trips_poll(const struct side *side, int in, int out, long trips)
{
	struct pollfd p = { .fd = in, .events = POLLIN };

	for (long i = 0; i < trips; i++) {
		if (side->first)
			give(out);
		if (poll(&p, 1, PATIENCE_MS) != 1)
			die("poll");
		take(in);
		if (!side->first)
			give(out);
	}
}

static void trips_peer(struct side *side, long trips)
{
	for (long i = 0; i < trips; i++) {
		if (side->first && facet_ivshmem_peer_ring(side->peer, side->other, VECTOR))
			die("ring");
		for (side->rang = 0; !side->rang;)
			step(side);
		if (!side->first && facet_ivshmem_peer_ring(side->peer, side->other, VECTOR))
			die("ring");
	}
}

/* --- the turns --- */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void block(int fd, bool yes)
{
	if (fcntl(fd, F_SETFL, yes ? 0 : O_NONBLOCK) < 0)
		die("fcntl");
}

static void turn(struct side *side, const int bare[2], long trips)
{
	static const char *const names[] = { "bare", "bells", "bare-poll", "peer" };
	int mine = facet_ivshmem_peer_vector_fd(side->peer, side->id, VECTOR);
	int theirs = facet_ivshmem_peer_vector_fd(side->peer, side->other, VECTOR);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		double start = now_ns();

		if (i == 1)
			block(mine, true);
		if (i == 0)
			trips_fd(side, bare[!side->first], bare[side->first], trips);
		else if (i == 1)
			trips_fd(side, mine, theirs, trips);
		else if (i == 2)
			trips_poll(side, bare[!side->first], bare[side->first], trips);
		else
			trips_peer(side, trips);
		if (i == 1)
			block(mine, false);
		if (side->first)
			printf("%s %.1f\n", names[i], (now_ns() - start) / (double)trips);
	}
}

static void play(bool first, const char *path, const int bare[2], long turns, long trips)
{
	struct side side = { .first = first, .other = UINT32_MAX };
	const struct facet_ivshmem_peer_config cfg = {
		.fd = -1,
		.path = path,
		.ready = on_ready,
		.rang = on_rang,
		.changed = on_changed,
		.owner = &side,
	};
	struct facet_error err;

	if (facet_ivshmem_peer_create(&cfg, &side.peer, &err)) {
		fprintf(stderr, "ivshmem-ping: %s\n", err.text);
		exit(1);
	}
	while (side.other == UINT32_MAX || !facet_ivshmem_peer_vectors(side.peer, side.other) ||
	       !facet_ivshmem_peer_vectors(side.peer, side.id))
		step(&side);
	/* Both know each other before one begins. */
	trips_fd(&side, bare[!first], bare[first], 1);
	for (long i = 0; i < turns; i++)
		turn(&side, bare, trips);
	facet_ivshmem_peer_destroy(side.peer);
}

int main(int argc, char **argv)
{
	int bare[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) }, status;
	pid_t child;

	if (argc != 4) {
		fputs("usage: ivshmem-ping SOCKET TURNS ROUND_TRIPS\n", stderr);
		return 2;
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		play(false, argv[1], bare, atol(argv[2]), atol(argv[3]));
		return 0;
	}
	play(true, argv[1], bare, atol(argv[2]), atol(argv[3]));
	return waitpid(child, &status, 0) != child || status != 0;
}
