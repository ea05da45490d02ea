// SPDX-License-Identifier: GPL-2.0-or-later
/* bell.c - rings the doorbell, and notices when it is not heard any more. */
#include <errno.h>
#include <unistd.h>

#include "share/internal.h"

/* #syscalls write clock_gettime */

/*
 * A facetd that sleeps gives no heartbeat, and needs none: it is woken by who rings. One that was
 * killed meanwhile is not, and that must be told from one that looked and went to sleep again.
 * So it writes when it looked. The ring's time is from before it rang, and is told after it did:
 * whenever the two are compared, a ring that was heard is older than its answer, and one that was
 * told of has been to be heard for so long.
 */

enum { STALE_NS = FACET_SHARE_STALE_MS * FACET_NS_PER_MS };

void facet_bell_ring(struct facet_bell *bell, uint32_t when)
{
	const uint64_t one = 1;
	uint64_t now;

	if (bell->fd < 0 || FACET_SHARE_LOAD(bell->page->ring) < when)
		return;
	now = facet_share_now();
	while (write(bell->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	if (!facet_bell_waits(bell))
		atomic_store(&bell->rang_ns, now);
}

bool facet_bell_waits(const struct facet_bell *bell)
{
	uint64_t rang = atomic_load(&bell->rang_ns);

	return rang > FACET_SHARE_LOAD(bell->page->answered_ns);
}

bool facet_bell_unheard(struct facet_bell *bell, uint64_t now_ns)
{
	uint64_t rang = atomic_load(&bell->rang_ns);

	if (rang <= FACET_SHARE_LOAD(bell->page->answered_ns))
		return false;
	if (rang != bell->noted_rang_ns) {
		bell->noted_rang_ns = rang;
		bell->noted_ns = now_ns;
	}
	return now_ns - bell->noted_ns >= STALE_NS;
}
