/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - what the files of this room share. Not for outsiders. */
#ifndef FACET_SHARE_INTERNAL_H
#define FACET_SHARE_INTERNAL_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "share/share.h"

#define FACET_SHARE_LOAD(field)         __atomic_load_n(&(field), __ATOMIC_SEQ_CST)
#define FACET_SHARE_STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_SEQ_CST)
#define FACET_SHARE_ADD(field, value)   __atomic_fetch_add(&(field), (value), __ATOMIC_SEQ_CST)

enum {
	FACET_NS_PER_MS = 1000000,
	/* Mesa's threads leave it unblocked. */
	FACET_STOP_SIGNAL = SIGSYS,
};

/* --- page.c --- */

/* May be called by a signal handler. */
uint64_t facet_share_now(void);
/* Until when @page is closed; 0: it is open. The date of a closed page may have passed. */
uint64_t facet_share_closed_until(const struct facet_share_page *page, uint64_t now_ns);
void facet_share_close_until(struct facet_share_page *page, uint64_t now_ns, uint64_t until_ns);

/* Sleeps while *word is @value; @timeout_ns 0: for ever. May be called by a signal handler. */
void facet_share_wait(const uint32_t *word, uint32_t value, uint64_t timeout_ns);
void facet_share_wake(const uint32_t *word);
/* The gate's thread is to look at the page, though it stays open. */
void facet_share_poke(struct facet_share_page *page);

/* --- bell.c: is there somebody who hears the doorbell? --- */

struct facet_bell {
	struct facet_share_page *page;
	int fd;                /* or -1 */
	atomic_ullong rang_ns; /* of the first that had no answer yet, or of one that had */

	/* The gate's thread's. */
	uint64_t noted_rang_ns, noted_ns;
};

/* Rings if the page asks for @when, FACET_RING_*. Any thread. */
void facet_bell_ring(struct facet_bell *bell, uint32_t when);
/* It rang, and nobody answered yet. Any thread. */
bool facet_bell_waits(const struct facet_bell *bell);
/* It waits since FACET_SHARE_STALE_MS at least: so long it was seen to. Gate's thread. */
bool facet_bell_unheard(struct facet_bell *bell, uint64_t now_ns);

/* --- pace.c: a bucket that time fills; pure --- */

struct facet_pace {
	bool started;
	uint64_t at_ns, used_ns;
	int64_t level; /* EU-ns in the bucket; below 0: owed */
};

/*
 * @used_ns: EU-ns used so far, in all. Returns for how long to be closed now, in ns; 0: run.
 */
uint64_t facet_pace_step(struct facet_pace *pace, uint64_t now_ns, uint64_t used_ns,
			 uint32_t share_ppm, uint32_t eus);

/* --- threads.c: which threads are the renderer's; gate's thread --- */

enum { FACET_STOP_THREADS = 256 };

struct facet_stop_thread {
	_Atomic pid_t tid; /* 0: a place that is free */
	atomic_bool held;  /* its handler waits now */
	bool found;        /* when the list was made */
	/* By its clock: when it was last sent a signal, or then when its handler was done. */
	atomic_ullong used_ns;
};

struct facet_stop_list {
	int task_fd;
	uint64_t seen;        /* threads of the process, when the list was made */
	unsigned int blocked; /* threads that the signal would not reach */
	_Atomic unsigned int count;
	struct facet_stop_thread threads[FACET_STOP_THREADS];
};

/* Is that a name of the renderer's threads? May be called by a signal handler. */
bool facet_stop_is_name(const char *name, const char *engine_name);
/* Makes the list anew if threads came or went. */
void facet_stop_list_refresh(struct facet_stop_list *list, const char *engine_name);

/* --- stop.c --- */

/* What the handler looks at. One a process. */
struct facet_stop_point {
	const struct facet_share_page *page;
	const char *engine_name;
	struct facet_stop_list *list;
	atomic_bool released;
	atomic_uint stops; /* threads that were held, ever */
};

int facet_stop_install(struct facet_stop_point *point);
/* Returns when no handler looks at the point any more, which has to be released. */
void facet_stop_remove(void);
/* The calling thread is the engine's. */
void facet_stop_enter(void);
/* Stops those that are not held and ran since. False: none did. Gate's thread. */
bool facet_stop_running(struct facet_stop_list *list, const char *engine_name);

#endif
