// SPDX-License-Identifier: GPL-2.0-or-later
/* viewer.c - opens a KVMFR file and looks until there is something new. */
#include "viewer/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "viewer/internal.h"

enum { POLL_NS = 1000 * 1000 };

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- one look --- */

static int lost(struct facet_error *err)
{
	return facet_error_set(err, -EHOSTDOWN,
			       "kvmfr: the publisher shows no sign of life; start the VM");
}

/* Is it still the one that we know? */
static bool is_same(struct facet_viewer *v, uint64_t now)
{
	const struct wire_kvmfr_release *w = v->wire;
	const uint64_t beat = facet_shm_get64(&v->shm, w->lgmp.timestamp);

	if (beat != v->beat) {
		v->beat = beat;
		v->beat_since = now;
		v->lives = true;
	}
	return facet_shm_get32(&v->shm, w->lgmp.magic) == WIRE_LGMP_MAGIC &&
	       facet_shm_get32(&v->shm, w->lgmp.session) == v->info.session;
}

/* 1: it may have a message; 0: not now */
static int be_subscribed(struct facet_viewer *v, struct viewer_queue *q, struct facet_error *err)
{
	int r;

	if (!q->slots)
		return 0;
	if (q->bit >= 0)
		return 1;
	r = facet_viewer_subscribe(v, q);
	if (r == -EUSERS)
		return facet_error_set(err, r, "kvmfr: 32 viewers watch already; end one of them");
	if (r == -EBADMSG)
		return facet_error_set(err, r, "kvmfr: the publisher's queue makes no sense");
	if (r < 0)
		return 0; /* the lock: another time */
	if (q == &v->frame_queue)
		v->whole = true;
	return 1;
}

static int look(struct facet_viewer *v, struct viewer_queue *q, struct viewer_message *ret,
		struct facet_error *err)
{
	int r = be_subscribed(v, q, err);

	if (r > 0)
		r = facet_viewer_peek(v, q, ret);
	if (r == -ESTALE) { /* too slow for its patience: begin anew */
		facet_viewer_unsubscribe(v, q);
		return 0;
	}
	if (r == -EBADMSG)
		facet_error_set(err, r, "kvmfr: the publisher's queue makes no sense");
	return r;
}

/* As many as there can be at most: a publisher that goes on and on does not keep us. */
static int look_for_pointer(struct facet_viewer *v, struct facet_error *err)
{
	struct viewer_message message;
	int r = 1;

	for (uint32_t i = 0; i < v->pointer_queue.slots && i < 256 && r == 1; i++) {
		r = look(v, &v->pointer_queue, &message, err);
		if (r != 1)
			break;
		facet_viewer_take_pointer(v, &message); /* if it is nonsense, the next may not be */
		facet_viewer_done(v, &v->pointer_queue);
	}
	return r < 0 ? r : 0;
}

static int look_for_picture(struct facet_viewer *v, uint64_t now, struct facet_error *err)
{
	struct viewer_message message;
	bool done = false;
	int r = look(v, &v->frame_queue, &message, err);

	if (r != 1)
		return r;
	r = facet_viewer_take_picture(v, &message, now, &done, err);
	if (done)
		facet_viewer_done(v, &v->frame_queue);
	return r;
}

int facet_viewer_step(struct facet_viewer *v, uint64_t now, struct facet_error *err)
{
	int r = 0;

	if (!v->attached)
		r = facet_viewer_attach(v, now, err);
	if (r == 0 && !is_same(v, now)) {
		facet_viewer_detach(v);
		r = facet_viewer_attach(v, now, err);
	}
	if (r == 0)
		r = look_for_pointer(v, err);
	if (r == 0)
		r = look_for_picture(v, now, err);
	if (facet_shm_torn(&v->shm)) {
		facet_viewer_detach(v);
		v->whole = true;
		r = facet_error_set(err, -EIO,
				    "kvmfr: the file has become shorter while it was read");
	}
	if (r == 0 && now - v->beat_since > VIEWER_LOST_MS)
		r = lost(err);
	return r;
}

/* --- life --- */

int facet_viewer_create(int fd, uint64_t size, uint32_t client_id, struct facet_viewer **ret,
			struct facet_error *err)
{
	struct facet_viewer *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return facet_error_set(err, -ENOMEM, "kvmfr: not enough memory");
	v->client_id = client_id;
	v->frame_queue.bit = v->pointer_queue.bit = -1;
	r = facet_shm_map(fd, size, &v->shm);
	if (r < 0) {
		free(v);
		return facet_error_set(err, r, "kvmfr: the file cannot be mapped: %s",
				       strerror(-r));
	}
	facet_shm_thread();
	v->fd = fd;
	*ret = v;
	return 0;
}

static int open_file(const char *path, uint64_t *ret_size, struct facet_error *err)
{
	facet_autoclose int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int size;

	if (fd < 0)
		return facet_error_set(
			err, -errno,
			"kvmfr: it cannot be opened for reading and writing, which a "
			"viewer has to (%s)",
			strerror(errno));
	if (fstat(fd, &st) < 0)
		return facet_error_set(err, -errno, "kvmfr: %s", strerror(errno));
	*ret_size = (uint64_t)st.st_size;
	if (S_ISCHR(st.st_mode)) {
		size = ioctl(fd, WIRE_KVMFR_IOCTL_SIZE, 0);
		*ret_size = size > 0 ? (uint64_t)size : 0;
	} else if (!S_ISREG(st.st_mode)) {
		*ret_size = 0;
	}
	if (*ret_size < sizeof(struct wire_lgmp6_header))
		return facet_error_set(
			err, -ENODATA,
			"kvmfr: it is no such file; give one that somebody publishes "
			"in, or a node /dev/kvmfrN");
	return facet_steal_fd(&fd);
}

/* Looks until somebody lives there. What is wrong may be so only because he is just beginning. */
static int find_publisher(struct facet_viewer *v, int timeout_ms, struct facet_error *err)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	const uint64_t until = now_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
	uint64_t now;
	int r = 0;

	do {
		now = now_ms();
		if (!v->attached)
			r = facet_viewer_attach(v, now, err);
		if (r == 0 && !is_same(v, now))
			facet_viewer_detach(v);
		if (r == 0 && v->attached && v->lives)
			return 0;
		if (r == -EPROTONOSUPPORT)
			return r;
		nanosleep(&pause, NULL);
	} while (now < until);
	return r < 0 ? r : lost(err);
}

int facet_viewer_open(const char *path, int timeout_ms, struct facet_viewer **ret,
		      struct facet_error *err)
{
	struct facet_viewer *v;
	uint32_t id = (uint32_t)getpid();
	uint64_t size;
	int fd = open_file(path, &size, err), r;

	if (fd < 0)
		return fd;
	(void)!getrandom(&id, sizeof(id), GRND_NONBLOCK); /* nobody relies on it */
	r = facet_viewer_create(fd, size, id, &v, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = find_publisher(v, timeout_ms, err);
	if (r < 0) {
		facet_viewer_close(v);
		return r;
	}
	*ret = v;
	return 0;
}

void facet_viewer_close(struct facet_viewer *v)
{
	if (!v)
		return;
	if (v->attached && is_same(v, 0)) {
		facet_viewer_unsubscribe(v, &v->frame_queue);
		facet_viewer_unsubscribe(v, &v->pointer_queue);
	}
	facet_shm_unmap(&v->shm);
	close(v->fd);
	free(v->pixels);
	free(v->halves);
	free(v->cursor_pixels);
	free(v);
}

const struct facet_viewer_info *facet_viewer_info(const struct facet_viewer *v)
{
	return &v->info;
}

void facet_viewer_cursor(struct facet_viewer *v, struct facet_viewer_cursor *ret)
{
	*ret = v->cursor;
}

int facet_viewer_next(struct facet_viewer *v, int timeout_ms, struct facet_viewer_picture *ret,
		      struct facet_error *err)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	const uint64_t until = now_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
	uint64_t now;
	int r;

	facet_shm_thread();
	for (;;) {
		now = now_ms();
		r = facet_viewer_step(v, now, err);
		if (r == 1)
			break;
		if (r == -EBADMSG || r == -ENOMEM || r == -EUSERS || r == -EPROTONOSUPPORT)
			return r;
		if (now >= until)
			return r < 0 ? r
				     : facet_error_set(err, -ETIMEDOUT,
						       "kvmfr: no new picture in %d ms",
						       timeout_ms);
		nanosleep(&pause, NULL);
	}
	*ret = v->picture;
	return 0;
}
