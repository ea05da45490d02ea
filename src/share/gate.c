// SPDX-License-Identifier: GPL-2.0-or-later
/* gate.c - lets the engine thread pass, or not; and its own thread, which stops who is through. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "share/internal.h"

/* #syscalls clock_gettime futex clone clone3 getpriority sched_setattr */

enum {
	/*
	 * Closed: who went on is looked for again after so long, then after twice as long. On a
	 * busy host it may be a while until a thread that was not stopped runs again.
	 */
	FIRST_LOOK_NS = 250 * 1000,
	EARLY_LOOK_NS = 2 * FACET_NS_PER_MS,
	EARLY_LOOKS = 6,
	LAST_LOOK_NS = 32 * FACET_NS_PER_MS,
	/* Nobody tells when a date is put off that had passed. */
	LAPSED_LOOK_NS = 5 * FACET_NS_PER_MS,
	PACE_NS = 5 * FACET_NS_PER_MS,
	STALE_NS = FACET_SHARE_STALE_MS * FACET_NS_PER_MS,
	JOIN_NS = FACET_NS_PER_MS,
	SLICE_NS = FACET_NS_PER_MS / 10, /* the shortest that may be asked for */
};

struct facet_gate {
	struct facet_share_page *page;
	struct facet_bell bell;
	pthread_t thread;
	atomic_bool ending;
	atomic_bool asleep;  /* the thread, until it is poked */
	atomic_bool unheard; /* by facetd, which is away */
	struct facet_stop_point point;
	_Atomic(const char *) why_not; /* threads cannot be stopped inside a job */

	/* The gate's thread's. */
	struct facet_stop_list list;
	struct facet_pace pace;
	bool closed;
	unsigned int stops; /* of the point, when it was closed */
	unsigned int looks; /* since then */
	uint64_t stepped_ns, look_ns;
};

static bool is_stale(uint64_t heartbeat, uint64_t now)
{
	return heartbeat && now > heartbeat && now - heartbeat > STALE_NS;
}

static bool is_away(struct facet_gate *gate, uint64_t now)
{
	uint64_t heartbeat = FACET_SHARE_LOAD(gate->page->heartbeat_ns);
	bool unheard = !heartbeat && facet_bell_unheard(&gate->bell, now);

	atomic_store(&gate->unheard, unheard);
	return unheard || is_stale(heartbeat, now);
}

static uint64_t process_used(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/*
 * In facetd's place, on the same page: should it only have been slow, its word is the last. What
 * nobody will open, for nobody is there or knows that it is closed, is opened when its date is
 * over.
 */
static void pace(struct facet_gate *gate, uint64_t now, bool away)
{
	struct facet_share_page *page = gate->page;
	bool to_pace = away && FACET_SHARE_LOAD(page->backlog);
	uint64_t pause = 0;

	gate->pace.started &= away;
	if (to_pace)
		pause = facet_pace_step(&gate->pace, now, process_used(),
					FACET_SHARE_LOAD(page->share_ppm),
					FACET_SHARE_LOAD(page->eus));
	else if ((!away && FACET_SHARE_LOAD(page->heartbeat_ns)) ||
		 facet_share_closed_until(page, now))
		return;
	if (pause)
		facet_share_close_until(page, now, now + pause);
	else
		facet_share_set_open(page, true, now);
}

static void learn_why_not(struct facet_gate *gate)
{
	const struct facet_stop_list *list = &gate->list;

	if (list->task_fd < 0)
		atomic_store(&gate->why_not, "the threads of this process cannot be listed");
	else if (list->blocked)
		atomic_store(&gate->why_not, "this Mesa's threads block the signal");
	else
		atomic_store(&gate->why_not, NULL);
}

static void begin_to_close(struct facet_gate *gate)
{
	if (gate->closed)
		return;
	gate->closed = true;
	gate->stops = atomic_load(&gate->point.stops);
	gate->looks = 0;
	gate->look_ns = FIRST_LOOK_NS;
}

/* Returns for how long to sleep. */
static uint64_t hold_back(struct facet_gate *gate, uint64_t now, uint64_t until)
{
	const uint64_t longest = gate->looks < EARLY_LOOKS ? EARLY_LOOK_NS : LAST_LOOK_NS;

	begin_to_close(gate);
	if (facet_stop_running(&gate->list, gate->point.engine_name))
		gate->look_ns = FIRST_LOOK_NS;
	else if (gate->looks++ && gate->look_ns < longest)
		gate->look_ns *= 2;
	learn_why_not(gate);
	return until - now < gate->look_ns ? until - now : gate->look_ns;
}

static void let_go(struct facet_gate *gate)
{
	if (gate->closed && atomic_load(&gate->point.stops) != gate->stops)
		FACET_SHARE_ADD(gate->page->preempts, 1);
	gate->closed = false;
}

/* While there is no work it sleeps for ever: work that comes wakes it when there is cause. */
static uint64_t next_look(const struct facet_gate *gate, bool away)
{
	const struct facet_share_page *page = gate->page;

	if (!FACET_SHARE_LOAD(page->backlog))
		return 0;
	if (away)
		return PACE_NS;
	return FACET_SHARE_LOAD(page->heartbeat_ns) || facet_bell_waits(&gate->bell) ? STALE_NS : 0;
}

/* Returns for how long to sleep if .open stays @open; 0: for ever. */
static uint64_t step(struct facet_gate *gate, uint32_t open)
{
	struct facet_share_page *page = gate->page;
	uint64_t now = facet_share_now(), until;
	bool away = is_away(gate, now);

	if (gate->closed && FACET_SHARE_LOAD(page->backlog))
		FACET_SHARE_ADD(page->stopped_ns, now - gate->stepped_ns);
	gate->stepped_ns = now;
	pace(gate, now, away);
	until = facet_share_closed_until(page, now);
	if (until)
		return hold_back(gate, now, until);
	let_go(gate);
	return open ? next_look(gate, away) : LAPSED_LOOK_NS;
}

/*
 * It works for microseconds, and must not wait for threads that it is to stop: from Linux 6.12 on
 * who asks for a short slice is served before those with a long one.
 */
static void ask_for_short_slices(void)
{
	/* The kernel's sched_attr of 48 bytes, which not every C library has. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { .size = sizeof(attr), .policy = SCHED_OTHER, .runtime = SLICE_NS };

	errno = 0;
	attr.nice = getpriority(PRIO_PROCESS, 0);
	if (!errno)
		syscall(SYS_sched_setattr, 0, &attr, 0); /* older ones see nothing in it */
}

static void *watch(void *arg)
{
	struct facet_gate *gate = arg;

	pthread_setname_np(pthread_self(), "facet-gate");
	ask_for_short_slices();
	while (!atomic_load(&gate->ending)) {
		uint32_t open = FACET_SHARE_LOAD(gate->page->open);
		uint64_t pause;

		/* Before it looks: who brings work after that pokes it. */
		atomic_store(&gate->asleep, true);
		pause = step(gate, open);
		if (pause)
			atomic_store(&gate->asleep, false);
		facet_share_wait(&gate->page->open, open, pause);
	}
	return NULL;
}

/* All signals are others'. */
static int start_thread(struct facet_gate *gate)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&gate->thread, NULL, watch, gate);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return -r;
	return 0;
}

static void stop_thread(struct facet_gate *gate)
{
	struct timespec soon;

	atomic_store(&gate->ending, true);
	/* It may have looked before and go to sleep after: it is woken until it has ended. */
	do {
		facet_share_wake(&gate->page->open);
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += JOIN_NS;
		if (soon.tv_nsec >= 1000000000) {
			soon.tv_nsec -= 1000000000;
			soon.tv_sec++;
		}
	} while (pthread_timedjoin_np(gate->thread, NULL, &soon) == ETIMEDOUT);
}

static int start(struct facet_gate *gate)
{
	int r = facet_stop_install(&gate->point);

	if (r)
		return r;
	r = start_thread(gate);
	if (r)
		facet_stop_remove();
	return r;
}

/* What one that was killed had under way. */
static void forget_predecessor(struct facet_share_page *page)
{
	FACET_SHARE_STORE(page->backlog, 0);
	FACET_SHARE_STORE(page->busy_since_ns, 0);
	FACET_SHARE_STORE(page->job_started_ns, 0);
}

int facet_gate_create(const struct facet_gate_config *cfg, struct facet_gate **ret,
		      struct facet_error *err)
{
	struct facet_gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return facet_error_set(err, -ENOMEM, "gate: out of memory");
	r = facet_share_map(cfg->page_fd, &gate->page, err);
	if (r) {
		free(gate);
		return r;
	}
	gate->bell = (struct facet_bell){ .page = gate->page, .fd = cfg->doorbell_fd };
	gate->list.task_fd = cfg->task_fd;
	gate->point.page = gate->page;
	gate->point.engine_name = cfg->engine_name;
	gate->point.list = &gate->list;
	learn_why_not(gate);
	forget_predecessor(gate->page);
	r = start(gate);
	if (r) {
		facet_share_unmap(gate->page);
		free(gate);
		return facet_error_set(err, r, "gate: it cannot be started: %s", strerror(-r));
	}
	close(cfg->page_fd); /* #syscalls close */
	*ret = gate;
	return 0;
}

void facet_gate_release(struct facet_gate *gate)
{
	if (!gate)
		return;
	atomic_store(&gate->point.released, true);
	facet_share_wake(&gate->page->open);
}

void facet_gate_destroy(struct facet_gate *gate)
{
	if (!gate)
		return;
	facet_gate_release(gate);
	stop_thread(gate);
	facet_stop_remove();
	forget_predecessor(gate->page);
	facet_share_unmap(gate->page);
	if (gate->bell.fd >= 0)
		close(gate->bell.fd);
	if (gate->list.task_fd >= 0)
		close(gate->list.task_fd);
	free(gate);
}

struct facet_share_page *facet_gate_page(struct facet_gate *gate)
{
	return gate->page;
}

void facet_gate_state(struct facet_gate *gate, struct facet_gate_state *ret)
{
	const struct facet_share_page *page = gate->page;
	uint64_t now = facet_share_now(), heartbeat = FACET_SHARE_LOAD(page->heartbeat_ns);
	bool unheard = atomic_load(&gate->unheard) && facet_bell_waits(&gate->bell);

	*ret = (struct facet_gate_state){
		.open = !facet_share_closed_until(page, now),
		.arbitrated = heartbeat && !is_stale(heartbeat, now),
		.paced = heartbeat ? is_stale(heartbeat, now) : unheard,
		.share_ppm = FACET_SHARE_LOAD(page->share_ppm),
		.why_not = atomic_load(&gate->why_not),
	};
}

void facet_gate_enter(struct facet_gate *gate)
{
	if (gate)
		facet_stop_enter();
}

/* Nothing to do for the thread without a heartbeat, unless nobody gives one. */
static void rouse(struct facet_gate *gate)
{
	if (!FACET_SHARE_LOAD(gate->page->heartbeat_ns) && !facet_bell_waits(&gate->bell))
		return;
	if (atomic_exchange(&gate->asleep, false))
		facet_share_poke(gate->page);
}

void facet_gate_arrived(struct facet_gate *gate, unsigned int jobs)
{
	if (!gate || !jobs || FACET_SHARE_ADD(gate->page->backlog, jobs))
		return;
	FACET_SHARE_STORE(gate->page->busy_since_ns, facet_share_now());
	facet_bell_ring(&gate->bell, FACET_RING_ARRIVAL);
	rouse(gate);
}

/* A job that comes at the same moment has its own, later, busy_since. */
void facet_gate_left(struct facet_gate *gate, unsigned int jobs)
{
	uint64_t since;

	if (!gate || !jobs)
		return;
	since = FACET_SHARE_LOAD(gate->page->busy_since_ns);
	if (FACET_SHARE_ADD(gate->page->backlog, -jobs) != jobs)
		return;
	__atomic_compare_exchange_n(&gate->page->busy_since_ns, &since, 0, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	facet_bell_ring(&gate->bell, FACET_RING_BOTH);
}

bool facet_gate_pass(struct facet_gate *gate)
{
	uint64_t now, until;
	bool held = false;

	while (gate && !FACET_SHARE_LOAD(gate->page->open) && !atomic_load(&gate->point.released)) {
		now = facet_share_now();
		until = facet_share_closed_until(gate->page, now);
		if (!until)
			break;
		held = true;
		facet_share_wait(&gate->page->open, 0, until - now);
	}
	return held;
}
