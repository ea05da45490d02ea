// SPDX-License-Identifier: GPL-2.0-or-later
/* tick.c - the arbiter at work: sees who wants to run and who ran, and opens and closes gates. */
#include <errno.h>
#include <signal.h>
#include <sys/uio.h>
#include <time.h>

#include "base/log.h"
#include "daemon/arbitrated.h"
#include "daemon/process.h"

#define LOG_AREA "arbiter"

#define MS 1000000ULL

/*
 * What a tick costs decides how often there is one: so many vGPUs that each takes long cannot make
 * the arbiter take more than 1/120 of a core, within the bounds below.
 */
enum {
	TICK_NS = 4000000,
	MIN_TICK_NS = 1000000,
	MAX_TICK_NS = 30000000, /* and a gate is closed for 50 ms at a time */
	COST_FACTOR = 120,
	PROLONG_NS = 15000000, /* a closed gate is closed again after so long */
	READ_NS = 100000000,   /* everybody's meter is read that often at least */
	IDLE_NS = 20000000,    /* the same for idle cores */
	LINGER_NS = 50000000,  /* nothing to decide for so long: to sleep */
	WATCH_NS = 1000000000, /* asleep, but somebody works: hangs are still looked for */
	SAMPLE_NS = 1000000000,
	BUSY_PERCENT = 25, /* of one EU: who uses that much wants to run, whatever it says */
};

uint64_t facetd_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool says_backlogged(const struct facetd_arbitrated *member)
{
	return member->page && member->worker &&
	       __atomic_load_n(&member->page->backlog, __ATOMIC_SEQ_CST) > 0;
}

/* Who is not heard is not asked to ring: it would wait for an answer. */
static void set_ring(struct facetd_arbitrated *member, uint32_t when)
{
	if (member->page)
		__atomic_store_n(&member->page->ring, member->bell ? when : FACET_RING_NEVER,
				 __ATOMIC_SEQ_CST);
}

/* --- what a vGPU used --- */

static void take_sample(struct facetd_arbitrated *member, uint64_t now)
{
	if (now - member->samples[1].at_ns < SAMPLE_NS)
		return;
	member->samples[0] = member->samples[1];
	member->samples[1] = (struct facetd_sample){ now, member->used_ns };
}

void facetd_tick_read(struct facetd_arbitrated *member, uint64_t now)
{
	uint64_t used = facetd_meter_read(&member->meter);

	member->gpu->used_ns += used - member->used_ns;
	member->used_ns = used;
	member->read_ns = now;
	take_sample(member, now);
}

static void begin_to_judge(struct facetd_arbitrated *member, uint64_t now, bool said)
{
	member->judged_ns = now;
	member->judged_used_ns = member->used_ns;
	member->said = said;
	member->held = member->closed;
}

/* Who was closed may want to run as it did before. Its meter has just been read. */
static void judge(struct facetd_arbitrated *member, uint64_t now)
{
	uint64_t passed = now - member->judged_ns, used = member->used_ns - member->judged_used_ns;
	bool much = used / (passed / 100) >= BUSY_PERCENT;

	member->busy = !member->said && (much || (member->busy && member->held));
	begin_to_judge(member, now, false);
}

/* Its other owner can take the flag O_NONBLOCK away: this read does not rely on it. */
static void drain(int doorbell_fd)
{
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };

	if (preadv2(doorbell_fd, &iov, 1, -1, RWF_NOWAIT) < 0 && errno != EAGAIN)
		log_debug("doorbell: %m");
}

/* Before it is looked at: what comes after the bell was read rings anew. */
static void answer(struct facetd_arbitrated *member)
{
	if (!member->bell)
		return;
	drain(member->doorbell_fd);
	facet_share_answer(member->page, facetd_now_ns());
	sd_event_source_set_enabled(member->bell, SD_EVENT_ON);
}

/*
 * Who was closed and is closed cannot have used anything, nor who has nothing to do. Who rang had
 * something to do, even if it has not any more.
 */
static void look_at(struct facetd_arbitrated *member, uint64_t now)
{
	bool says, to_judge;

	if (member->heard)
		answer(member);
	says = says_backlogged(member) || member->came;
	member->said |= says || member->heard;
	member->held |= member->closed;
	member->running |= (says || member->heard) && !member->closed;
	member->heard = member->came = false;
	to_judge = now - member->judged_ns >= READ_NS;
	if (member->running || to_judge || now - member->read_ns >= READ_NS)
		facetd_tick_read(member, now);
	if (to_judge)
		judge(member, now);
	member->running = (says || member->busy) && !member->closed;
	member->wants = member->worker && (says || member->busy);
	facet_member_observe(member->member, now, member->used_ns - member->base_ns, member->wants);
}

/* What was used until now is not for the limits to come: while nothing is decided nobody looks. */
void facetd_tick_settle(struct facetd_arbitrated_gpu *gpu)
{
	const uint64_t now = facetd_now_ns();
	struct facet_list *link;

	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		if (!member->worker)
			continue;
		facetd_tick_read(member, now);
		facet_member_observe(member->member, now, member->used_ns - member->base_ns,
				     member->wants);
	}
}

static void look_for_idle(struct facetd_arbitrated_gpu *gpu, uint64_t now)
{
	uint64_t idle = 0, passed = now - gpu->idle_read_ns;

	if (passed < IDLE_NS)
		return;
	if (gpu->soft) {
		idle = facetd_idle_read(&gpu->idle, &gpu->arbitration->cores);
	} else if (gpu->idle_read_ns) {
		/* What our vGPUs did not use; others may have. */
		uint64_t all = passed * gpu->eus;
		uint64_t used = gpu->used_ns - gpu->idle_used_ns;

		idle = gpu->idle_ns + (all > used ? all - used : 0);
	}
	gpu->idle_used_ns = gpu->used_ns;
	gpu->idle_read_ns = now;
	if (idle > gpu->idle_ns)
		gpu->idle_ns = idle;
	facet_arbiter_observe_idle(gpu->arbiter, now, gpu->idle_ns);
}

/* --- hangs --- */

static void kill_hung(struct facetd_arbitrated *member)
{
	const struct facetd_vgpu *vgpu = member->vgpu;

	log_warn("%s: a job used the GPU for more than %u ms: facet-vgpu %d is ended",
		 vgpu->record.name, vgpu->record.limits.hang_ms, (int)vgpu->record.pid);
	member->hung = true;
	member->hangs++;
	if (facetd_process_kill(member->worker_pidfd, SIGKILL))
		facetd_process_kill(vgpu->pidfd, SIGKILL);
}

/* What its process used while the oldest job stayed the same, that job used. */
static void look_for_hang(struct facetd_arbitrated *member)
{
	uint64_t limit = member->vgpu->record.limits.hang_ms * MS, started;

	if (!member->page || !member->worker || member->hung)
		return;
	started = __atomic_load_n(&member->page->job_started_ns, __ATOMIC_SEQ_CST);
	if (started != member->job_started_ns) {
		member->job_started_ns = started;
		member->job_base_ns = member->used_ns;
	} else if (started && limit && member->used_ns - member->job_base_ns > limit) {
		kill_hung(member);
	}
}

/* --- gates --- */

/* Who is closed keeps its priority. Where the kernel knows no lower one there is no spare. */
static void set_gate(struct facetd_arbitrated *member, enum facet_turn turn, uint64_t now)
{
	bool open = turn == FACET_TURN_OPEN;

	if (open)
		facetd_backing_yield(member, false);
	else if (turn == FACET_TURN_SPARE)
		open = facetd_backing_yield(member, true);
	member->turn = turn;
	member->closed = !open;
	member->turned_ns = now;
	if (member->page)
		facet_share_set_open(member->page, open, now);
}

static void on_change(struct facet_member *policy_member, enum facet_turn turn)
{
	set_gate(facet_member_owner(policy_member), turn, facetd_now_ns());
}

static void beat(struct facetd_arbitrated *member, uint64_t now)
{
	enum facet_turn turn = facet_member_turn(member->member);

	if (member->page)
		facet_share_beat(member->page, now);
	if (turn != member->turn ||
	    (turn != FACET_TURN_OPEN && now - member->turned_ns >= PROLONG_NS))
		set_gate(member, turn, now);
}

/* --- sleeping and waking --- */

static int set_timer(struct facetd_arbitrated_gpu *gpu, uint64_t at_ns);

/* All are asked to ring, but who works alone; false: somebody began meanwhile. */
static bool ask_to_be_woken(struct facetd_arbitrated_gpu *gpu, const struct facetd_arbitrated *lone)
{
	struct facet_list *link;
	bool quiet = true;

	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		set_ring(member, member == lone ? FACET_RING_NEVER : FACET_RING_ARRIVAL);
		/* After asking: from now on it rings. */
		quiet &= member == lone || !says_backlogged(member);
	}
	return quiet;
}

static void ask_all(struct facetd_arbitrated_gpu *gpu, uint32_t when)
{
	struct facet_list *link;

	facet_list_for_each(link, &gpu->members)
		set_ring(facet_container_of(link, struct facetd_arbitrated, link), when);
}

static struct facetd_arbitrated *who_wants(const struct facetd_arbitrated_gpu *gpu,
					   unsigned int *ret_count)
{
	struct facetd_arbitrated *found = NULL, *member;
	struct facet_list *link;

	*ret_count = 0;
	facet_list_for_each(link, &gpu->members)
	{
		member = facet_container_of(link, struct facetd_arbitrated, link);
		if (member->wants) {
			found = member;
			++*ret_count;
		}
	}
	return found;
}

/*
 * The next look of one that sleeps: for hangs, and for those who cannot ring; and one when all have
 * come to rest, so that what they used in the last second, which is nothing, is known later.
 */
static uint64_t next_watch(const struct facetd_arbitrated_gpu *gpu, uint64_t now, bool lone)
{
	struct facet_list *link;
	bool used = false;

	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		if (member->worker && !member->bell)
			return now + READ_NS;
		used |= member->used_ns - member->samples[1].used_ns > MS;
	}
	return lone || used ? now + WATCH_NS : UINT64_MAX;
}

static bool go_to_sleep(struct facetd_arbitrated_gpu *gpu, uint64_t now)
{
	unsigned int count;
	struct facetd_arbitrated *lone = who_wants(gpu, &count);
	struct facet_list *link;

	if (count > 1 || !ask_to_be_woken(gpu, lone))
		return false;
	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		facetd_backing_yield(member, false);
		member->turn = FACET_TURN_OPEN;
		member->closed = false;
		member->running = true; /* as far as we shall know */
		begin_to_judge(member, now, member == lone || !member->bell);
		if (!member->page)
			continue;
		/* Whatever it rang for when we were awake. */
		facet_share_answer(member->page, facetd_now_ns());
		facet_share_beat(member->page, 0);
	}
	gpu->awake = false;
	set_timer(gpu, next_watch(gpu, now, lone));
	return true;
}

/* --- the tick --- */

static void look_at_all(struct facetd_arbitrated_gpu *gpu, uint64_t now)
{
	struct facet_list *link;

	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		look_at(member, now);
		look_for_hang(member);
	}
	look_for_idle(gpu, now);
}

/* Somebody waits for those that may run: what they leave is to be given away at once. */
static bool is_contended(const struct facetd_arbitrated_gpu *gpu)
{
	struct facet_list *link;
	bool runs = false, waits = false;

	facet_list_for_each(link, &gpu->members)
	{
		const struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		runs |= member->wants && member->turn == FACET_TURN_OPEN;
		waits |= member->wants && member->turn != FACET_TURN_OPEN;
	}
	return runs && waits;
}

static void beat_all(struct facetd_arbitrated_gpu *gpu, uint64_t now)
{
	struct facet_list *link;

	facet_list_for_each(link, &gpu->members)
		beat(facet_container_of(link, struct facetd_arbitrated, link), now);
	ask_all(gpu, is_contended(gpu) ? FACET_RING_BOTH : FACET_RING_ARRIVAL);
}

/* From the beginning of one tick to that of the next, by what they cost. */
static uint64_t least_pause(const struct facetd_arbitrated_gpu *gpu)
{
	uint64_t least = gpu->tick_cost_ns * COST_FACTOR;

	return least < MIN_TICK_NS ? MIN_TICK_NS : least > MAX_TICK_NS ? MAX_TICK_NS : least;
}

static uint64_t next_tick(const struct facetd_arbitrated_gpu *gpu, uint64_t now, uint64_t wanted)
{
	uint64_t least = least_pause(gpu), most = TICK_NS;

	most = most < least ? least : most;
	if (wanted < now + least)
		return now + least;
	return wanted > now + most ? now + most : wanted;
}

/*
 * All since the end of the tick before, what the event loop and the kernel do for a tick included;
 * after a sleep just this one.
 */
static void account(struct facetd_arbitrated_gpu *gpu, uint64_t began_ns)
{
	uint64_t now = thread_ns(), cost = now - (gpu->ended_ns ? gpu->ended_ns : began_ns);

	gpu->ended_ns = gpu->awake ? now : 0;
	gpu->ticks++;
	gpu->cost_ns += cost;
	gpu->tick_cost_ns = (gpu->tick_cost_ns * 7 + cost) / 8;
}

/* False: there is nothing to decide, and it has been so for a while. */
static bool decide(struct facetd_arbitrated_gpu *gpu, uint64_t now, uint64_t *ret_next_ns)
{
	facet_arbiter_step(gpu->arbiter, now, on_change, ret_next_ns);
	if (*ret_next_ns != UINT64_MAX) {
		gpu->quiet_since_ns = 0;
		return true;
	}
	if (!gpu->quiet_since_ns)
		gpu->quiet_since_ns = now;
	return now - gpu->quiet_since_ns < LINGER_NS;
}

/* Woken by a bell or by the watch, a lone worker is no reason to stay up. */
static void tick(struct facetd_arbitrated_gpu *gpu)
{
	uint64_t began = thread_ns(), now = facetd_now_ns(), next;
	bool was_awake = gpu->awake, up;

	gpu->awake = true;
	gpu->rung = false;
	gpu->ticked_ns = now;
	if (!was_awake)
		gpu->quiet_since_ns = 0;
	look_at_all(gpu, now);
	up = decide(gpu, now, &next);
	if (!was_awake && next == UINT64_MAX)
		up = false;
	if (up || !go_to_sleep(gpu, now)) {
		beat_all(gpu, now);
		facetd_backing_trim(gpu, now);
		set_timer(gpu, next_tick(gpu, now, next));
	}
	account(gpu, began);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	tick(userdata);
	return 0;
}

static int set_timer(struct facetd_arbitrated_gpu *gpu, uint64_t at_ns)
{
	int r;

	gpu->due_ns = at_ns;
	if (!gpu->timer) {
		if (at_ns == UINT64_MAX)
			return 0;
		return sd_event_add_time(gpu->arbitration->daemon->event, &gpu->timer,
					 CLOCK_MONOTONIC, at_ns / 1000, 1, on_timer, gpu);
	}
	if (at_ns == UINT64_MAX)
		return sd_event_source_set_enabled(gpu->timer, SD_EVENT_OFF);
	r = sd_event_source_set_time(gpu->timer, at_ns / 1000);
	return r < 0 ? r : sd_event_source_set_enabled(gpu->timer, SD_EVENT_ONESHOT);
}

/* The next tick is to be at that time, if it was not to be before. */
static void tick_from(struct facetd_arbitrated_gpu *gpu, uint64_t at_ns)
{
	uint64_t now = facetd_now_ns();

	at_ns = at_ns < now ? now : at_ns;
	if (at_ns < gpu->due_ns)
		set_timer(gpu, at_ns);
}

/*
 * The next tick comes sooner, but not before its time: awake that is what ticks may cost, asleep
 * the usual 4 ms. Who rings for nothing all the time gets no further. Once there will be a tick
 * nobody is asked to ring any more; and who does all the same is heard once until then.
 */
int facetd_tick_bell(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct facetd_arbitrated *member = userdata;
	struct facetd_arbitrated_gpu *gpu = member->gpu;
	uint64_t earliest = gpu->ticked_ns + (gpu->awake ? least_pause(gpu) : TICK_NS);

	member->heard = true;
	member->came |= !gpu->awake;
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (!gpu->rung)
		ask_all(gpu, FACET_RING_NEVER);
	gpu->rung = true;
	tick_from(gpu, earliest);
	return 0;
}

void facetd_tick_changed(struct facetd_arbitrated_gpu *gpu)
{
	struct facet_list *link;

	facetd_backing_weights(gpu);
	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		if (!member->page)
			continue;
		__atomic_store_n(&member->page->share_ppm,
				 facet_member_entitled_ppm(member->member), __ATOMIC_SEQ_CST);
		__atomic_store_n(&member->page->eus, gpu->eus, __ATOMIC_SEQ_CST);
		__atomic_store_n(&member->page->hang_ms, member->vgpu->record.limits.hang_ms,
				 __ATOMIC_SEQ_CST);
	}
	if (gpu->count)
		tick_from(gpu, gpu->ticked_ns + least_pause(gpu));
	else
		set_timer(gpu, UINT64_MAX);
}

void facetd_tick_stop(struct facetd_arbitrated_gpu *gpu)
{
	gpu->timer = sd_event_source_disable_unref(gpu->timer);
	gpu->awake = false;
}
