// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmfr_publish.c - what it costs to publish a picture through the sink, beside copies of the same
 * bytes: tests/bench/kvmfr runs it. A line a figure: case who value...
 *
 * A frame's read() copies from memory, as the 2D engine's does; nothing else of an engine is here.
 * Cases and copies take turns in one run. Another process is the client: it looks each
 * millisecond, as Looking Glass's does, and copies what changed.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "base/copy.h"
#include "display/display.h"
#include "viewer/internal.h"

enum { MAX_SHOWN = 1 << 16 };

/* Both processes'. */
struct together {
	atomic_uint done; /* serial of the last picture that the client has finished with */
	atomic_bool ready, quit;
	atomic_bool fast;                  /* the client does not sleep between two looks */
	_Atomic uint64_t acked[MAX_SHOWN]; /* ns, by serial */
};

static struct {
	uint32_t width, height;
	uint8_t *source;
	uint8_t *copy; /* where the next picture would go */
	uint8_t *map;
	size_t bytes, size;
	struct facet_display *display;
	struct facet_sink *sink;
	struct facet_frame frame;
	struct together *together;
	pid_t client;
	int fd;
	char path[64];
} b;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "kvmfr-publish: %s\n", what);
	exit(1);
}

static int on_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		   size_t stride)
{
	const size_t line = (size_t)b.width * 4, part = (size_t)rect->width * 4;
	const uint8_t *from = b.source + rect->y * line + (size_t)rect->x * 4;

	facet_copy_lines(to, stride, from, line, part, rect->height);
	return 0;
}

/* --- the client's process --- */

static void be_client(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct facet_error err;
	struct facet_viewer *v;
	uint32_t serial;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (facet_viewer_open(b.path, 10000, &v, &err) < 0)
		die(err.text);
	while (!atomic_load(&b.together->quit)) {
		if (facet_viewer_step(v, now_ns(CLOCK_MONOTONIC) / 1000000, &err) == 1) {
			serial = v->picture.serial;
			atomic_store(&b.together->acked[serial % MAX_SHOWN],
				     now_ns(CLOCK_MONOTONIC));
			atomic_store(&b.together->done, serial);
			atomic_store(&b.together->ready, true);
		} else {
			nanosleep(&pause, NULL);
		}
	}
	facet_viewer_close(v);
	exit(0);
}

/* --- ours --- */

static void show(const struct facet_rect *damage)
{
	facet_display_commit(b.display, 0, damage);
}

/* The client has finished with @frames pictures: buffers are free. */
static void wait_for_client(uint64_t frames)
{
	const uint64_t until = now_ns(CLOCK_MONOTONIC) + 10000000000ULL;

	while (atomic_load(&b.together->done) < frames) {
		if (now_ns(CLOCK_MONOTONIC) > until)
			die("the client does not follow");
		usleep(50);
	}
}

static void start(uint32_t width, uint32_t height)
{
	const struct facet_display_config cfg = { .output_count = 1 };
	struct facet_error err;

	b.width = width;
	b.height = height;
	b.bytes = (size_t)width * height * 4;
	b.source = aligned_alloc(4096, b.bytes);
	b.size = facet_kvmfr_size(width, height);
	b.fd = memfd_create("kvmfr-bench", MFD_CLOEXEC);
	snprintf(b.path, sizeof(b.path), "/proc/%d/fd/%d", getpid(), b.fd);
	if (!b.source || ftruncate(b.fd, (off_t)b.size) < 0)
		die("not enough memory");
	b.map = mmap(NULL, b.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, b.fd, 0);
	if (b.map == MAP_FAILED)
		die("not enough memory");
	memset(b.source, 0x5a, b.bytes);
	b.frame = (struct facet_frame){ .width = width,
					.height = height,
					.fourcc = DRM_FORMAT_XRGB8888,
					.dmabuf_fd = -1,
					.read = on_read };
	b.together = mmap(NULL, sizeof(*b.together), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (facet_display_create(&cfg, &b.display, &err) < 0 ||
	    facet_display_add_sink(b.display,
				   &(struct facet_sink_config){
					   .type = "kvmfr", .fd = dup(b.fd), .title = "bench" },
				   &b.sink, &err) < 0)
		die(err.text);
	facet_display_set_scanout(b.display, 0, &b.frame);
}

static void start_client(void)
{
	const struct facet_rect all = { 0, 0, b.width, b.height };

	b.client = fork();
	if (b.client == 0)
		be_client();
	while (!atomic_load(&b.together->ready)) {
		if (waitpid(b.client, NULL, WNOHANG) == b.client)
			die("there is no client");
		show(&all);
		usleep(10000);
	}
	wait_for_client(facet_sink_frames(b.sink));
}

static void stop(void)
{
	atomic_store(&b.together->quit, true);
	if (b.client > 0)
		waitpid(b.client, NULL, 0);
	b.client = 0;
	facet_display_remove_sink(b.display, b.sink);
	facet_display_destroy(b.display);
	close(b.fd);
	free(b.source);
	munmap(b.map, b.size);
	munmap(b.together, sizeof(*b.together));
}

/* --- figures: ms of this thread's processor time, whoever else runs --- */

static double once(void (*what)(const struct facet_rect *), const struct facet_rect *rect)
{
	uint64_t before = now_ns(CLOCK_THREAD_CPUTIME_ID);

	what(rect);
	return (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - before) / 1e6;
}

/* Of a picture that is really taken: a buffer was free. The client has finished with it. */
static double publish(const struct facet_rect *damage)
{
	const uint64_t before = facet_sink_frames(b.sink);
	double ms = once(show, damage);

	if (facet_sink_frames(b.sink) != before + 1)
		die("a picture was not taken");
	wait_for_client(before + 1);
	return ms;
}

static void copy_plainly(const struct facet_rect *rect)
{
	memcpy(b.copy, b.source, b.bytes);
}

static void copy_past_caches(const struct facet_rect *rect)
{
	facet_copy_past_caches(b.copy, b.source, b.bytes);
}

static void say(const char *what, const char *who, double value)
{
	printf("%ux%u %s %s %.6f\n", b.width, b.height, what, who, value);
	fflush(stdout);
}

/*
 * Copies go to the same memory, in turn as pictures do: it matters to a processor's caches who has
 * read there last. The client is waiting meanwhile.
 */
static void choose_buffer(int turn)
{
	const struct wire_lgmp6_queue *q = &((struct wire_lgmp6_header *)(void *)b.map)->queues[1];
	const struct wire_lgmp6_message *ring = (void *)(b.map + q->messages);
	const uint32_t slot = (q->position + q->slots - 1 - (uint32_t)turn % 2) % q->slots;

	b.copy = b.map + ring[slot].offset + WIRE_KVMFR_PAGE;
}

static void measure_copies(int rounds)
{
	const struct facet_rect all = { 0, 0, b.width, b.height };
	/* A tenth of the pixels, in the middle, as a window has them. */
	const struct facet_rect tenth = { b.width / 4, b.height / 4, b.width / 2, b.height / 5 };

	for (int i = 0; i < rounds; i++) {
		choose_buffer(i);
		for (int turn = 0; turn < 3; turn++) { /* each is first as often */
			switch ((i + turn) % 3) {
			case 0:
				say("full", "memcpy", once(copy_plainly, NULL));
				break;
			case 1:
				say("full", "past-caches", once(copy_past_caches, NULL));
				break;
			case 2:
				say("full", "facet", publish(&all));
				break;
			}
		}
		publish(&tenth); /* this buffer lacked the last full one; the next does not */
		publish(&tenth);
		say("tenth", "facet", publish(&tenth));
	}
}

/* From the guest's flush until the client has copied what changed and says so. */
static void measure_acks(int rounds)
{
	const struct facet_rect tenth = { b.width / 4, b.height / 4, b.width / 2, b.height / 5 };
	uint64_t flushed;
	uint32_t serial;

	for (int i = 0; i < rounds; i++) {
		usleep(3000 + i * 37 % 1000); /* at any moment of the client's sleep */
		flushed = now_ns(CLOCK_MONOTONIC);
		publish(&tenth);
		serial = atomic_load(&b.together->done);
		say("ack", "facet",
		    (double)(atomic_load(&b.together->acked[serial % MAX_SHOWN]) - flushed) / 1e6);
	}
}

static void measure_cursor(int rounds)
{
	uint64_t before;

	for (int i = 0; i < rounds; i++) {
		before = now_ns(CLOCK_PROCESS_CPUTIME_ID); /* the sink's thread posts it */
		for (int j = 0; j < 20; j++) {
			facet_display_move_cursor(b.display, 0, i, j, true);
			usleep(2000);
		}
		say("cursor", "facet",
		    (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - before) / 20 / 1e6);
	}
}

/* Nothing changes: processor time and wake-ups of this process, whose only other thread is ours. */
static void measure_idle(unsigned int seconds, const char *what)
{
	struct rusage before, after;
	uint64_t cpu, wall;

	usleep(300000);
	getrusage(RUSAGE_SELF, &before);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall = now_ns(CLOCK_MONOTONIC);
	usleep(seconds * 1000000);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	getrusage(RUSAGE_SELF, &after);
	say(what, "facet", 100.0 * (double)cpu / (double)wall);
	say(what, "wakeups", (double)(after.ru_nvcsw - before.ru_nvcsw) / ((double)wall / 1e9));
}

int main(int argc, char **argv)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = { { 1920, 1080 }, { 3840, 2160 } };
	int rounds = argc == 2 ? atoi(argv[1]) : 0;

	if (rounds <= 0) {
		fprintf(stderr, "usage: %s ROUNDS\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < 2; i++) {
		start(sizes[i].width, sizes[i].height);
		if (i == 0)
			measure_idle(rounds < 100 ? 2 : 10, "unwatched");
		start_client();
		measure_copies(rounds);
		if (i == 0) {
			measure_acks(rounds * 2);
			measure_cursor(rounds);
			measure_idle(rounds < 100 ? 2 : 10, "still");
		}
		stop();
	}
	return 0;
}
