// SPDX-License-Identifier: GPL-2.0-or-later
/* sink.c - a sink that publishes one output in a KVMFR file, for Looking Glass's clients. */

/**
 * DOC: Theory of Operation
 *
 * A KVMFR file is memory that we and any number of clients map for writing. Nothing wakes anybody
 * through it: clients look each millisecond, and we look for what they did. So there is a thread.
 * It beats (clients want a sign of life each 200 ms), greets those who come, frees what they are
 * done with, posts the pointer, and finds out what is broken. It looks 10 times a second, and more
 * often only while a picture waits for a client that is at work.
 *
 * Pictures. show(), on the engine thread, has the engine read what a buffer lacks straight into
 * that buffer, in the file, and posts it: one copy, no wait. Each of the two buffers keeps account
 * of what changed since it was filled (publisher.h). If none is free, or nobody looks, damage is
 * added up and nothing is read; the thread asks for the picture (facet_display_released) when a
 * buffer comes free or a client comes.
 *
 * Trust. A client, or a guest that has the file as its ivshmem, can write everything at any time.
 * What we go by is in struct kvmfr_publisher, in our own memory; what stands in the file is read
 * once, has to fit to that, and otherwise is nonsense, which ends in a new session: all of the
 * file's administration is written anew, at most once a second. The same when a lock is not given
 * back in 50 ms: its owner is dead, and nobody else can free it. A file that is truncated is the
 * business of base/shm.h, and of a new session too.
 *
 * Off. Clients have no word for a screen that is off. The last picture would stay, and look alive;
 * so one of black is published, once, by the thread: the engine has nothing to read then.
 *
 * Locks. sink->lock is held for a few microseconds, never while pixels move; spinning for a lock in
 * the file is bounded to as much, and then it is the thread that tries again. The display calls
 * cursor() under its own lock: display, then sink.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "display/format.h"
#include "display/kvmfr/publisher.h"
#include "display/ops.h"

#define LOG_AREA "kvmfr"

/* #syscalls fstat getrandom clock_gettime futex rt_sigprocmask close */

struct kvmfr_sink {
	struct facet_sink base;
	int fd;
	unsigned int output;
	pthread_t thread;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t work;  /* for the thread: there is something to do before its time */
	bool quit, busy;
	struct kvmfr_publisher publisher;
};

static struct kvmfr_sink *kvmfr_sink_of(struct facet_sink *base)
{
	return facet_container_of(base, struct kvmfr_sink, base);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* With the lock. */
static void wake(struct kvmfr_sink *sink)
{
	sink->busy = true;
	pthread_cond_signal(&sink->work);
}

static void count_frames(struct kvmfr_sink *sink)
{
	atomic_store_explicit(&sink->base.frames, sink->publisher.serial, memory_order_relaxed);
}

/* --- pictures: engine thread --- */

static void kvmfr_mode(struct facet_sink *base, unsigned int output,
		       const struct facet_frame *frame)
{
	struct kvmfr_sink *sink = kvmfr_sink_of(base);

	if (output != sink->output)
		return;
	pthread_mutex_lock(&sink->lock);
	if (facet_kvmfr_frame_mode(&sink->publisher, frame, now_ms()) < 0)
		log_guest("output %u: its format 0x%x cannot be published", output, frame->fourcc);
	pthread_mutex_unlock(&sink->lock);
}

/* Into the file; turned around there in the few formats that no client knows. */
static int read_rect(const struct kvmfr_fill *fill, const struct facet_frame *frame,
		     const struct facet_rect *rect)
{
	uint8_t *to = fill->pixels + (size_t)rect->y * fill->mode.pitch + (size_t)rect->x * 4;
	int r = frame->read(frame, rect, to, fill->mode.pitch);

	if (r < 0 || fill->mode.type != WIRE_KVMFR_BGRA)
		return r;
	for (uint32_t y = 0; y < rect->height; y++, to += fill->mode.pitch)
		facet_format_to_xrgb(fill->mode.fourcc, (uint32_t *)(void *)to, rect->width);
	return 0;
}

static int read_pixels(const struct kvmfr_fill *fill, const struct facet_frame *frame)
{
	int r = 0;

	facet_shm_thread();
	for (unsigned int i = 0; i < fill->owed.count && r == 0; i++)
		r = read_rect(fill, frame, &fill->owed.rects[i]);
	return r;
}

static void kvmfr_show(struct facet_sink *base, unsigned int output,
		       const struct facet_frame *frame, const struct facet_rect *damage)
{
	struct kvmfr_sink *sink = kvmfr_sink_of(base);
	struct kvmfr_publisher *p = &sink->publisher;
	struct kvmfr_fill fill;
	bool taken;
	int r;

	if (output != sink->output)
		return;
	facet_shm_thread();
	pthread_mutex_lock(&sink->lock);
	taken = !p->off;
	if (taken) {
		facet_kvmfr_frame_damage(p, damage);
		taken = facet_kvmfr_frame_fill(p, now_ms(), &fill);
		if (!taken && p->picture_due && !p->waiting_since &&
		    facet_kvmfr_queue_live(p, &p->frame_queue))
			wake(sink); /* it has to look more often now */
	}
	pthread_mutex_unlock(&sink->lock);
	if (!taken)
		return;

	r = read_pixels(&fill, frame);
	if (r < 0)
		log_guest("output %u: its picture cannot be read: error %d", output, -r);
	pthread_mutex_lock(&sink->lock);
	facet_kvmfr_frame_filled(p, &fill, r == 0, now_ms());
	if (p->post_due || p->picture_due || p->pointer.place_due)
		wake(sink);
	count_frames(sink);
	pthread_mutex_unlock(&sink->lock);
}

static void kvmfr_cursor(struct facet_sink *base, unsigned int output,
			 const struct facet_cursor *cursor, bool image)
{
	struct kvmfr_sink *sink = kvmfr_sink_of(base);

	if (output != sink->output)
		return;
	pthread_mutex_lock(&sink->lock);
	facet_kvmfr_pointer_set(&sink->publisher, cursor, image);
	wake(sink);
	pthread_mutex_unlock(&sink->lock);
}

/* --- the thread; the lock is held but while it waits or paints --- */

static void paint_black(struct kvmfr_sink *sink)
{
	struct kvmfr_publisher *p = &sink->publisher;
	struct kvmfr_fill fill;

	if (!facet_kvmfr_frame_fill(p, now_ms(), &fill))
		return;
	pthread_mutex_unlock(&sink->lock);
	memset(fill.pixels, 0, (size_t)fill.mode.pitch * fill.mode.rows);
	pthread_mutex_lock(&sink->lock);
	facet_kvmfr_frame_filled(p, &fill, true, now_ms());
}

static void ask_for_picture(struct kvmfr_sink *sink)
{
	pthread_mutex_unlock(&sink->lock);
	facet_display_released(sink->base.display);
	pthread_mutex_lock(&sink->lock);
}

static void wait_for_work(struct kvmfr_sink *sink, unsigned int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!sink->busy && !sink->quit &&
	       pthread_cond_timedwait(&sink->work, &sink->lock, &until) != ETIMEDOUT)
		;
	sink->busy = false;
}

static void *run(void *arg)
{
	struct kvmfr_sink *sink = arg;
	enum kvmfr_wish wish;
	unsigned int ms;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	facet_shm_thread();
	pthread_mutex_lock(&sink->lock);
	while (!sink->quit) {
		ms = facet_kvmfr_publisher_tick(&sink->publisher, now_ms(), &wish);
		if (wish == KVMFR_WISH_BLACK)
			paint_black(sink);
		else if (wish == KVMFR_WISH_PICTURE)
			ask_for_picture(sink);
		count_frames(sink);
		wait_for_work(sink, ms);
	}
	pthread_mutex_unlock(&sink->lock);
	return NULL;
}

/* --- life: loop thread --- */

static int size_of(int fd, uint64_t *ret)
{
	struct stat st;
	int size;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*ret = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISCHR(st.st_mode))
		return -EINVAL;
	size = ioctl(fd, WIRE_KVMFR_IOCTL_SIZE, 0); /* before the sandbox is closed */
	if (size <= 0)
		return size < 0 ? -errno : -EINVAL;
	*ret = (uint64_t)size;
	return 0;
}

static void free_sink(struct kvmfr_sink *sink)
{
	facet_kvmfr_publisher_fini(&sink->publisher);
	pthread_cond_destroy(&sink->work);
	pthread_mutex_destroy(&sink->lock);
	free(sink);
}

static struct kvmfr_sink *alloc_sink(struct facet_display *display,
				     const struct facet_sink_config *cfg)
{
	struct kvmfr_sink *sink = calloc(1, sizeof(*sink));
	pthread_condattr_t attr;

	if (!sink)
		return NULL;
	sink->base.ops = &facet_kvmfr_sink;
	sink->base.display = display;
	sink->fd = cfg->fd;
	sink->output = cfg->output;
	pthread_mutex_init(&sink->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sink->work, &attr);
	pthread_condattr_destroy(&attr);
	return sink;
}

static int start(struct kvmfr_sink *sink, const char *title, struct facet_error *err)
{
	uint32_t seed = (uint32_t)now_ms();
	uint64_t size;
	int r = size_of(sink->fd, &size);

	if (r < 0)
		return facet_error_set(err, r,
				       "kvmfr: it needs a regular file that has its size already, "
				       "or a node /dev/kvmfrN (%s)",
				       strerror(-r));
	(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK); /* any number will do */
	facet_shm_thread();
	r = facet_kvmfr_publisher_init(&sink->publisher, sink->fd, size, title, seed, now_ms(),
				       err);
	if (r < 0)
		return r;
	r = -pthread_create(&sink->thread, NULL, run, sink);
	if (r < 0)
		return facet_error_set(err, r, "kvmfr: no thread can be started (%s); allow more",
				       strerror(-r));
	return 0;
}

static int kvmfr_create(struct facet_display *display, const struct facet_sink_config *cfg,
			struct facet_sink **ret, struct facet_error *err)
{
	struct kvmfr_sink *sink;
	int r;

	if (cfg->output >= facet_display_output_count(display))
		return facet_error_set(err, -EINVAL,
				       "kvmfr: there is no output %u; the outputs are 0 to %u",
				       cfg->output, facet_display_output_count(display) - 1);
	sink = alloc_sink(display, cfg);
	if (!sink)
		return facet_error_set(err, -ENOMEM, "kvmfr: not enough memory");
	r = start(sink, cfg->title, err);
	if (r < 0) {
		free_sink(sink);
		return r;
	}
	*ret = &sink->base;
	return 0;
}

static void kvmfr_destroy(struct facet_sink *base)
{
	struct kvmfr_sink *sink = kvmfr_sink_of(base);

	pthread_mutex_lock(&sink->lock);
	sink->quit = true;
	pthread_cond_signal(&sink->work);
	pthread_mutex_unlock(&sink->lock);
	pthread_join(sink->thread, NULL);
	close(sink->fd);
	free_sink(sink);
}

const struct facet_sink_ops facet_kvmfr_sink = {
	.name = "kvmfr",
	.create = kvmfr_create,
	.destroy = kvmfr_destroy,
	.mode = kvmfr_mode,
	.show = kvmfr_show,
	.cursor = kvmfr_cursor,
};
