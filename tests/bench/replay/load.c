// SPDX-License-Identifier: GPL-2.0-or-later
/* load.c - posts frames as they are due, and takes what comes back. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "player.h"
#include "scene.h"

enum {
	MAX_BEHIND_NS = 1000000000, /* frames due so long ago are given up */
};

struct load {
	const struct load_config *config;
	struct player *player;
	struct load_tally tally;
	int64_t start_ns, end_ns, due_ns, report_ns;
	bool going, over;
};

static int64_t ns_of(double ms)
{
	return (int64_t)(ms * 1e6);
}

/* In a burst? And when will that change? */
static bool burst(const struct load *load, int64_t now, int64_t *ret_change)
{
	int64_t on = ns_of(load->config->on_ms), off = ns_of(load->config->off_ms), at;

	*ret_change = INT64_MAX;
	if (!on)
		return true;
	at = (now - load->start_ns) % (on + off);
	*ret_change = now - at + (at < on ? on : on + off);
	return at < on;
}

/* With a period, a frame's latency counts from when it was due, not from when there was room. */
static int post_one(struct load *load, int64_t now)
{
	int64_t period = ns_of(load->config->period_ms), from = period ? load->due_ns : now;
	int r;

	if (!load->player->frame_count)
		load_tally_begin(&load->tally, now);
	r = player_post(load->player, 0, from);
	if (!r)
		load->due_ns += period;
	return r;
}

static void give_up_late(struct load *load, int64_t now)
{
	int64_t period = ns_of(load->config->period_ms);

	for (; period && now - load->due_ns > MAX_BEHIND_NS; load->due_ns += period)
		load->tally.skipped++;
}

/* All that may be posted now; *ret_next is when there will be more. */
static int post(struct load *load, int64_t now, int64_t *ret_next)
{
	int r = 0;

	if (!burst(load, now, ret_next) || !load->going) {
		load->due_ns = now;
		return 0;
	}
	give_up_late(load, now);
	while (!r && load->player->frame_count < load->config->in_flight && load->due_ns <= now)
		r = post_one(load, now);
	if (load->player->frame_count < load->config->in_flight && load->due_ns > now &&
	    load->due_ns < *ret_next)
		*ret_next = load->due_ns;
	return r == -EAGAIN ? 0 : r;
}

static int take(struct load *load)
{
	int64_t posted, now;
	int r;

	while ((r = player_done(load->player, &posted)) > 0) {
		now = scene_now();
		load_tally_frame(&load->tally, now, posted);
	}
	if (load->player->frame_count)
		load_tally_wait(&load->tally, scene_now());
	return r;
}

/* One or more words a read; the last one counts. */
static void obey(struct load *load)
{
	char text[64];
	ssize_t n = read(STDIN_FILENO, text, sizeof(text) - 1);

	if (n <= 0) {
		load->over = n == 0 || (errno != EAGAIN && errno != EINTR);
		return;
	}
	text[n] = 0;
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
		load->going = !strcmp(word, "go");
}

static int sleep_until(struct load *load, int64_t until)
{
	struct port *port = load->player->port;
	struct pollfd fds[] = {
		{ .fd = port->ops->fd(port), .events = POLLIN },
		{ .fd = port->ops->gone_fd(port), .events = POLLIN },
		{ .fd = load->config->control ? STDIN_FILENO : -1, .events = POLLIN },
	};
	int64_t left = until - scene_now();
	struct timespec time = { 0 };
	uint64_t count;

	if (left > 0)
		time = (struct timespec){ left / 1000000000, left % 1000000000 };
	if (ppoll(fds, 3, &time, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents) {
		fprintf(stderr, "the backend has gone\n");
		return -ECONNRESET;
	}
	if (fds[0].revents && read(fds[0].fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	if (fds[2].revents)
		obey(load);
	return 0;
}

static void report_progress(struct load *load, int64_t now)
{
	if (!load->config->interval_ms || now < load->report_ns)
		return;
	load_tally_progress(&load->tally, now);
	load->report_ns += ns_of(load->config->interval_ms);
}

static int step(struct load *load, int64_t now)
{
	int64_t next;
	int r = post(load, now, &next);

	if (r)
		return r;
	next = next < load->end_ns ? next : load->end_ns;
	if (load->config->interval_ms && load->report_ns < next)
		next = load->report_ns;
	r = sleep_until(load, next);
	return r ? r : take(load);
}

int load_play(struct player *player, const struct load_config *config)
{
	struct load load = { .config = config, .player = player, .going = !config->control };
	int64_t now = scene_now();
	int r = 0;

	load.start_ns = load.due_ns = load.report_ns = now;
	load.end_ns = now + ns_of(config->seconds * 1e3);
	printf("{\"ready\": true, \"t_ms\": %.3f}\n", (double)now / 1e6);
	fflush(stdout);
	while (!r && !load.over && now < load.end_ns) {
		r = step(&load, now);
		now = scene_now();
		report_progress(&load, now);
	}
	load_tally_report(&load.tally, config, (double)(now - load.start_ns) / 1e9, player);
	return r;
}
