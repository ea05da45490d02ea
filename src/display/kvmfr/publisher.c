// SPDX-License-Identifier: GPL-2.0-or-later
/* publisher.c - begins, keeps house, and begins anew when the file has become nonsense. */
#include "display/kvmfr/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOG_AREA "kvmfr"

/* #syscalls fstat ftruncate fallocate mmap madvise */

/*
 * Memory that is reserved and mapped before it is needed: without, a full /dev/shm would be a
 * SIGBUS in the middle of a frame. A device's memory is always there.
 */
static int reserve(int fd, const struct facet_shm *shm)
{
	if (fallocate(fd, 0, 0, (off_t)shm->size) < 0 && errno != EOPNOTSUPP && errno != ENODEV &&
	    errno != ESPIPE)
		return -errno;
	madvise(shm->base, shm->size, MADV_POPULATE_WRITE); /* a matter of speed */
	return 0;
}

int facet_kvmfr_publisher_init(struct kvmfr_publisher *p, int fd, uint64_t size, const char *name,
			       uint32_t seed, uint64_t now, struct facet_error *err)
{
	int r;

	memset(p, 0, sizeof(*p));
	p->wire = &wire_kvmfr_b7;
	p->fd = fd;
	p->session = seed;
	facet_kvmfr_records_write(p, name);
	p->shm.size = size;
	r = facet_kvmfr_session_plan(p, err);
	if (r < 0)
		return r;
	r = facet_shm_map(fd, size, &p->shm);
	if (r < 0)
		return facet_error_set(err, r,
				       "kvmfr: the file cannot be mapped (%s); it has to be open "
				       "for reading and writing",
				       strerror(-r));
	r = reserve(fd, &p->shm);
	if (r < 0) {
		facet_shm_unmap(&p->shm);
		return facet_error_set(err, r,
				       "kvmfr: its %llu MiB cannot be reserved (%s); make room "
				       "where the file is",
				       (unsigned long long)size >> 20, strerror(-r));
	}
	facet_kvmfr_session_start(p, now);
	return 0;
}

void facet_kvmfr_publisher_fini(struct kvmfr_publisher *p)
{
	facet_shm_unmap(&p->shm);
}

/* Somebody made the file shorter: as long as it was again, and mapped. */
static int mend(struct kvmfr_publisher *p)
{
	struct stat st;
	int r;

	if (!facet_shm_torn(&p->shm))
		return 0;
	if (fstat(p->fd, &st) < 0 ||
	    ((uint64_t)st.st_size < p->shm.size && ftruncate(p->fd, (off_t)p->shm.size) < 0))
		return -errno;
	r = facet_shm_mend(&p->shm, p->fd);
	return r < 0 ? r : reserve(p->fd, &p->shm);
}

static void begin_anew(struct kvmfr_publisher *p, uint64_t now)
{
	const bool torn = facet_shm_torn(&p->shm);
	int r = mend(p);

	p->session_since = now; /* in either case: not again at once */
	if (r < 0) {
		log_warn("the file was made shorter and cannot be mended (%s); make it anew",
			 strerror(-r));
		return;
	}
	log_info("%s; clients have to begin anew", torn ? "somebody made the file shorter"
							: "somebody wrote nonsense into the file, "
							  "or died with a lock held");
	facet_kvmfr_session_start(p, now);
	facet_kvmfr_frame_forget(p);
}

static void greet(struct kvmfr_publisher *p)
{
	if (facet_kvmfr_queue_new(p, &p->frame_queue))
		p->repost_due = true;
	if (facet_kvmfr_queue_new(p, &p->pointer_queue))
		p->pointer.image_due = p->pointer.place_due = p->pointer.known;
}

static void keep_house(struct kvmfr_publisher *p, uint64_t now)
{
	facet_kvmfr_session_beat(p, now);
	if (p->nonsense)
		return;
	greet(p);
	facet_kvmfr_queue_inbox(p, &p->pointer_queue, now);
	facet_kvmfr_queue_inbox(p, &p->frame_queue, now);
	facet_kvmfr_queue_sweep(p, &p->pointer_queue, now);
	facet_kvmfr_queue_sweep(p, &p->frame_queue, now);
	facet_kvmfr_frame_step(p, now);
	facet_kvmfr_pointer_step(p, now);
}

/* Does a client have to do something before we can go on? They tell nobody when they have. */
static bool is_waiting(const struct kvmfr_publisher *p)
{
	return p->frame_queue.lock_since || p->pointer_queue.lock_since ||
	       p->frame_queue.inbox_since || p->pointer_queue.inbox_since || p->post_due ||
	       p->repost_due || p->pointer.image_due || p->pointer.place_due ||
	       (p->picture_due && facet_kvmfr_queue_live(p, &p->frame_queue));
}

/* A client that works takes a millisecond or a few; one that does not is looked at less often. */
static unsigned int until_next(struct kvmfr_publisher *p, uint64_t now)
{
	const uint64_t done = p->frame_queue.oldest + p->pointer_queue.oldest;
	uint64_t ms;

	if (p->nonsense || !is_waiting(p)) {
		p->waiting_since = 0;
		return KVMFR_IDLE_MS;
	}
	if (!p->waiting_since || p->waiting_for != done) {
		p->waiting_since = now;
		p->waiting_for = done;
	}
	ms = 1 + (now - p->waiting_since) / 16;
	return ms < KVMFR_IDLE_MS ? (unsigned int)ms : KVMFR_IDLE_MS;
}

unsigned int facet_kvmfr_publisher_tick(struct kvmfr_publisher *p, uint64_t now,
					enum kvmfr_wish *ret)
{
	*ret = KVMFR_WISH_NOTHING;
	p->nonsense |= facet_shm_torn(&p->shm);
	if (p->nonsense && !p->filling && now - p->session_since >= KVMFR_SESSION_MS)
		begin_anew(p, now);
	if (!p->nonsense)
		keep_house(p, now);
	if (facet_kvmfr_frame_wished(p, now) && (!p->off || now - p->off_since >= KVMFR_OFF_MS)) {
		*ret = p->off ? KVMFR_WISH_BLACK : KVMFR_WISH_PICTURE;
		p->picture_due = false;
	}
	return until_next(p, now);
}
