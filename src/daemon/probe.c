// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - asks short-lived facet-vgpu processes which mechanisms work on each GPU. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/describe.h"
#include "daemon/gpus.h"
#include "daemon/process.h"

enum { PROBE_TIMEOUT_US = 20000000, MAX_OUTPUT = 64 << 10 };

struct probing;

struct probe {
	struct probing *probing;
	struct facetd_gpu gpu;
	int pidfd, output_fd;
	sd_event_source *end, *timer;
	json_t *mechanisms;
};

struct probing {
	struct facetd *daemon;
	void (*done)(void *owner, json_t *gpus);
	void *owner;
	unsigned int count, pending;
	struct probe probes[FACETD_MAX_GPUS];
};

static void finish(struct probing *probing)
{
	json_t *gpus = json_array();

	for (unsigned int i = 0; i < probing->count; i++) {
		struct probe *probe = &probing->probes[i];

		json_array_append_new(
			gpus, facetd_describe_gpu(probing->daemon, &probe->gpu, probe->mechanisms));
	}
	probing->done(probing->owner, gpus);
	free(probing);
}

/* The same answer for each mechanism: nothing works. */
static json_t *nothing_works(const char *why)
{
	json_t *list = json_array();

	for (const char *const *name = facetd_mechanisms; *name; name++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:o}", "name", *name, "works", 0,
						      "why", facetd_describe_text(why)));
	return list;
}

/* From the words of a process that may have met a strange driver: nothing is taken on trust. */
static json_t *parse(const char *text, size_t size)
{
	json_t *answer = json_loadb(text, size, JSON_DISABLE_EOF_CHECK, NULL), *item;
	json_t *list = json_array();
	size_t i;

	json_array_foreach(json_object_get(answer, "mechanisms"), i, item)
	{
		const char *name, *why;
		int works;

		if (i < 16 && json_unpack(item, "{s:s, s:b, s:s}", "name", &name, "works", &works,
					  "why", &why) == 0)
			json_array_append_new(list,
					      json_pack("{s:o, s:b, s:o}", "name",
							facetd_describe_text(name), "works", works,
							"why", facetd_describe_text(why)));
	}
	json_decref(answer);
	return list;
}

static int on_probe_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct probe *probe = userdata;
	char how[100], why[160];
	char *text = malloc(MAX_OUTPUT);
	ssize_t n = text ? read(probe->output_fd, text, MAX_OUTPUT) : -1;

	facetd_process_end_reason(probe->pidfd, how, sizeof(how));
	snprintf(why, sizeof(why), "facet-vgpu --probe ended with %s", how);
	probe->mechanisms = parse(n > 0 ? text : "", n > 0 ? (size_t)n : 0);
	if (json_array_size(probe->mechanisms) == 0) {
		json_decref(probe->mechanisms);
		probe->mechanisms = nothing_works(why);
	}
	free(text);
	sd_event_source_disable_unref(probe->end);
	sd_event_source_disable_unref(probe->timer);
	close(probe->output_fd);
	close(probe->pidfd);
	if (--probe->probing->pending == 0)
		finish(probe->probing);
	return 0;
}

static int on_probe_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct probe *probe = userdata;

	facetd_process_kill(probe->pidfd, SIGKILL);
	return 0;
}

static int probe_start(struct probe *probe, struct facet_error *err)
{
	const char *program = probe->probing->daemon->program;
	const char *argv[] = { program, "--probe", probe->gpu.node[0] ? "--render-node" : NULL,
			       probe->gpu.node, NULL };
	facet_autoclose int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sd_event *event = probe->probing->daemon->event;
	int pipe_fds[2], r;
	pid_t pid;

	if (null < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return facet_error_set(err, -errno, "probe: %s", strerror(errno));
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	r = facetd_process_spawn(&(struct facetd_spawn){ .program = program,
							 .argv = (char *const *)argv,
							 .output_fd = pipe_fds[1],
							 .error_fd = null },
				 &pid, &probe->pidfd, err);
	close(pipe_fds[1]);
	if (r) {
		close(pipe_fds[0]);
		return r;
	}
	probe->output_fd = pipe_fds[0];
	r = sd_event_add_io(event, &probe->end, probe->pidfd, EPOLLIN, on_probe_end, probe);
	if (r < 0 || sd_event_add_time_relative(event, &probe->timer, CLOCK_MONOTONIC,
						PROBE_TIMEOUT_US, 0, on_probe_timeout, probe) < 0)
		facetd_process_kill(probe->pidfd, SIGKILL);
	if (r >= 0)
		return 0;
	close(probe->output_fd);
	close(probe->pidfd);
	return facet_error_set(err, r, "probe: %s", strerror(-r));
}

int facetd_gpus_probe(struct facetd *daemon, void (*done)(void *owner, json_t *gpus), void *owner,
		      struct facet_error *err)
{
	struct probing *probing = calloc(1, sizeof(*probing));
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	struct facet_error why;

	if (!probing)
		return facet_error_set(err, -ENOMEM, "probe: out of memory");
	*probing = (struct probing){ .daemon = daemon, .done = done, .owner = owner };
	probing->count = facetd_gpus_list("/sys", gpus);
	probing->pending = 1; /* this function's own share: nothing finishes before all began */
	for (unsigned int i = 0; i < probing->count; i++) {
		struct probe *probe = &probing->probes[i];

		*probe = (struct probe){ .probing = probing, .gpu = gpus[i] };
		if (probe_start(probe, &why) == 0)
			probing->pending++;
		else
			probe->mechanisms = nothing_works(why.text);
	}
	if (--probing->pending == 0)
		finish(probing);
	return 0;
}
