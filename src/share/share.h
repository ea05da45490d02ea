/* SPDX-License-Identifier: GPL-2.0-or-later */
/* share.h - the door to the page that facetd's arbiter and a vGPU's process share, and to its gate.
 */
#ifndef FACET_SHARE_SHARE_H
#define FACET_SHARE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * DOC: Theory of Operation
 *
 * One page of memory (a sealed memfd that facetd made) a vGPU, with two writers: facetd says
 * whether the vGPU may run, its process says whether it wants to. No message is sent for a batch.
 *
 * The gate is closed with a date until which it is: a facetd that died stalls nobody. When its
 * heartbeat is old the gate paces itself to share_ppm by the process's own CPU clock; also when
 * there is no heartbeat, for facetd sleeps, and a ring of the doorbell had no answer for as long.
 *
 * Neither side believes the other more than it must: facetd takes only hints from the page, and
 * meters by the kernel's clocks.
 *
 * In the vGPU's process the engine thread passes the gate between jobs. A draw that is under way is
 * stopped, too: the gate's thread sends SIGSYS to the renderer's threads that run, and the handler
 * waits in a futex until the gate is open or the date has come. SIGSYS, because Mesa's threads
 * block every other signal that a program can use (they leave this one to sandboxes).
 *
 * A stopped thread may hold a lock, so where it stops matters:
 *   - never in the C library, the loader or malloc, found by the address it was interrupted at:
 * their locks are the only ones of the renderer's that the loop thread may want. It is tried again
 *     after a moment;
 *   - the engine thread only where it said that it holds none of ours (base/preempt.h);
 *   - the loop thread, the sinks' writers, virglrenderer's own thread and the gate's never.
 * What the renderer's threads hold of their own locks, only they and those who wait for the GPU
 * anyway can wait for. And each stop ends at its date.
 */

enum {
	FACET_SHARE_MAGIC = 0x46534852, /* "FSHR" */
	FACET_SHARE_VERSION = 1,
	FACET_SHARE_BYTES = 4096,
	FACET_SHARE_BUCKETS =
		32, /* of a histogram: bucket i counts [2^i, 2^(i+1)) us; 0 also less */
	FACET_SHARE_STALE_MS = 100, /* a heartbeat older than that: facetd is away */
	FACET_SHARE_MAX_CLOSED_MS =
		50, /* a gate is never closed for longer without saying it again */
};

struct facet_histogram {
	uint64_t count, sum_us;
	uint32_t buckets[FACET_SHARE_BUCKETS];
};

enum {
	FACET_RING_NEVER = 0,
	FACET_RING_ARRIVAL = 1, /* when work comes to an idle vGPU */
	FACET_RING_BOTH = 2,    /* and when the last of it is done: somebody waits for that */
};

/* Every field is read and written whole, by __atomic builtins; times are CLOCK_MONOTONIC. */
struct facet_share_page {
	uint32_t magic, version, size, reserved0;

	/* --- facetd's --- */
	uint32_t open; /* futex: 0 stop, else run; another number of those: look at the rest */
	uint32_t ring; /* when to write to the doorbell: FACET_RING_* */
	uint64_t closed_until_ns;
	uint64_t heartbeat_ns; /* 0: no arbitration now, the gate stands open */
	uint32_t share_ppm;    /* to pace to when the heartbeat is old; of all EUs */
	uint32_t eus;          /* of the GPU */
	uint32_t hang_ms;      /* a job of longer GPU time is a hang; 0: never */
	uint32_t reserved1;
	uint64_t answered_ns; /* whoever rang before that was heard */

	/* --- the vGPU's process --- */
	uint64_t reserved2[3];
	uint32_t backlog;       /* jobs queued or under way, engine's work after them included */
	uint32_t preempts;      /* times that running threads were stopped inside a job */
	uint64_t busy_since_ns; /* since when backlog is not 0; 0: it is */
	uint64_t jobs, flushes;
	uint64_t stopped_ns; /* the gate held work back for so long */
	/*
	 * When the oldest unfinished job began; 0: none. GPU time that the process uses while this
	 * stays the same is that job's: so a hang is found without a system call here per job.
	 */
	uint64_t job_started_ns;
	struct facet_histogram wait, execution, latency; /* queue; engine; submit to done */
};

/* --- facetd's side --- */

/* A new page, open, without a heartbeat. *ret_fd is for the vGPU's process; both the caller's. */
int facet_share_create(struct facet_share_page **ret, int *ret_fd, struct facet_error *err);
/* Maps a page that an earlier facetd made (checked). The fd stays the caller's. */
int facet_share_map(int fd, struct facet_share_page **ret, struct facet_error *err);
void facet_share_unmap(struct facet_share_page *page);

/* Opens or closes, and wakes who waits. Closing again prolongs. */
void facet_share_set_open(struct facet_share_page *page, bool open, uint64_t now_ns);

/*
 * The arbiter is at work, @now_ns. The first beat wakes the gate's thread if there is work: it
 * sleeps for ever without both. @now_ns 0: the arbiter goes to sleep, and the gate is opened.
 */
void facet_share_beat(struct facet_share_page *page, uint64_t now_ns);

/* The doorbell was heard and read; @now_ns is a time after that. */
void facet_share_answer(struct facet_share_page *page, uint64_t now_ns);

/* --- the vGPU's process --- */

struct facet_gate;

struct facet_gate_config {
	int page_fd, doorbell_fd; /* eventfd or -1; both taken on success */
	int task_fd;              /* /proc/self/task, or -1: stops between jobs only; taken, too */
	const char *engine_name; /* of the engine thread and of renderer's threads without a name */
};

/* Starts the gate's thread. One gate a process. */
int facet_gate_create(const struct facet_gate_config *cfg, struct facet_gate **ret,
		      struct facet_error *err);
void facet_gate_destroy(struct facet_gate *gate); /* releases first; NULL is fine */
struct facet_share_page *facet_gate_page(struct facet_gate *gate);

struct facet_gate_state {
	bool open, arbitrated;
	bool paced; /* facetd is away: by the gate itself */
	uint32_t share_ppm;
	const char *why_not; /* NULL: threads can be stopped inside a job; else why they cannot */
};

/* Any thread. */
void facet_gate_state(struct facet_gate *gate, struct facet_gate_state *ret);

/* Holds nobody back from now on: the end has come. Any thread. */
void facet_gate_release(struct facet_gate *gate);

/* The calling thread is the engine's: it may be stopped where it says so (base/preempt.h). */
void facet_gate_enter(struct facet_gate *gate);

/*
 * The backlog went up by @jobs, or down (any thread). The doorbell is rung as the page asks for.
 * NULL gates are open: all these do nothing then.
 */
void facet_gate_arrived(struct facet_gate *gate, unsigned int jobs);
void facet_gate_left(struct facet_gate *gate, unsigned int jobs);

/* Between two jobs: returns when the gate is open; true: it was not. Engine thread. */
bool facet_gate_pass(struct facet_gate *gate);

/* --- both --- */

/* A number for the histogram; any thread. */
void facet_histogram_add(struct facet_histogram *histogram, uint64_t ns);
/* The value below which @percent of the samples lie, in us; 0 when there are none. */
uint64_t facet_histogram_percentile(const struct facet_histogram *histogram, double percent);

#endif
