// SPDX-License-Identifier: GPL-2.0-or-later
/* meter.c - reads processor clocks of processes, DRM's account of them, and idle cores. */
#include "daemon/meter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"

enum {
	MAX_CLIENTS = 64, /* of one process */
	MAX_FILES = 4096, /* that are looked at */
	STAT_MAX = 1 << 17,
};

#define MAX_NS (1ULL << 54) /* half a year: more is a mistake, and sums cannot overflow */

/* --- the processor clock of a process --- */

static int cpu_probe(struct facetd_meter *meter, struct facet_error *err)
{
	int r = clock_getcpuclockid(meter->pid, &meter->clock);

	return r ? facet_error_set(err, -r, "process %d has no clock: %s", (int)meter->pid,
				   strerror(r))
		 : 0;
}

static int cpu_read(struct facetd_meter *meter, uint64_t *ret_ns)
{
	struct timespec ts;

	if (clock_gettime(meter->clock, &ts) < 0)
		return -errno;
	*ret_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	return 0;
}

/* --- what DRM drivers tell of the files that a process has open --- */

/* Drivers name the engine that renders differently; "-capacity" and others are no times. */
static const char *const engines[] = { "render", "gfx", "gpu", "compute", "fragment" };

struct drm_client {
	char device[32];
	uint64_t id, ns;
};

/* True for "drm-engine-render:\t123 ns", any number after render too. */
static bool is_engine(const char *key)
{
	if (strncmp(key, "drm-engine-", 11) != 0 || strncmp(key + 11, "capacity", 8) == 0)
		return false;
	for (size_t i = 0; i < FACET_ARRAY_SIZE(engines); i++) {
		size_t size = strlen(engines[i]);

		if (strncmp(key + 11, engines[i], size) == 0 &&
		    strspn(key + 11 + size, "-0123456789") == strlen(key + 11 + size))
			return true;
	}
	return false;
}

/* The lines of one fdinfo file; true when it is a DRM client's that tells its time. */
static bool parse_fdinfo(char *text, struct drm_client *ret)
{
	struct drm_client client = { 0 };
	bool has_id = false, has_time = false;
	char *line, *next = text;

	while ((line = strsep(&next, "\n"))) {
		char *value = strchr(line, ':');
		uint64_t number;
		char unit[4] = "";

		if (!value)
			continue;
		*value++ = '\0';
		value += strspn(value, " \t");
		if (strcmp(line, "drm-pdev") == 0)
			snprintf(client.device, sizeof(client.device), "%s", value);
		else if (strcmp(line, "drm-client-id") == 0)
			has_id = sscanf(value, "%" SCNu64, &client.id) == 1;
		else if (is_engine(line) && value[0] != '-' &&
			 sscanf(value, "%" SCNu64 " %3s", &number, unit) == 2 &&
			 strcmp(unit, "ns") == 0 && number < MAX_NS) {
			client.ns += number;
			has_time = true;
		}
	}
	*ret = client;
	return has_id && has_time;
}

static bool read_fdinfo(int dir_fd, const char *name, struct drm_client *ret)
{
	facet_autoclose int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return parse_fdinfo(text, ret);
}

/* A duplicated descriptor tells the same client again. */
static void note_client(struct drm_client *clients, unsigned int *count,
			const struct drm_client *client)
{
	for (unsigned int i = 0; i < *count; i++)
		if (clients[i].id == client->id && !strcmp(clients[i].device, client->device)) {
			if (client->ns > clients[i].ns)
				clients[i].ns = client->ns;
			return;
		}
	if (*count < MAX_CLIENTS)
		clients[(*count)++] = *client;
}

static int drm_sum(struct facetd_meter *meter, uint64_t *ret_ns, unsigned int *ret_clients)
{
	struct drm_client clients[MAX_CLIENTS], client;
	unsigned int count = 0, files = 0;
	struct dirent *entry;
	char path[32];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%d/fdinfo", (int)meter->pid);
	fd = openat(meter->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = -errno;

		if (fd >= 0)
			close(fd);
		return code;
	}
	while ((entry = readdir(dir)) && files++ < MAX_FILES)
		if (entry->d_name[0] != '.' && read_fdinfo(fd, entry->d_name, &client))
			note_client(clients, &count, &client);
	closedir(dir);
	*ret_ns = 0;
	*ret_clients = count;
	for (unsigned int i = 0; i < count; i++)
		*ret_ns += clients[i].ns;
	return 0;
}

static int drm_read(struct facetd_meter *meter, uint64_t *ret_ns)
{
	unsigned int clients;

	return drm_sum(meter, ret_ns, &clients);
}

static int drm_probe(struct facetd_meter *meter, struct facet_error *err)
{
	unsigned int clients;
	uint64_t ns;
	int r = drm_sum(meter, &ns, &clients);

	if (r)
		return facet_error_set(err, r, "/proc/%d/fdinfo: %s%s", (int)meter->pid,
				       strerror(-r),
				       r == -EACCES ? ": facetd has to be root to read it" : "");
	if (!clients)
		return facet_error_set(err, -ENODATA,
				       "this GPU's driver tells no engine time in "
				       "/proc/PID/fdinfo");
	return 0;
}

/* --- the door --- */

static const struct facetd_meter_ops meters[] = {
	{ "cpu-clock", cpu_probe, cpu_read },
	{ "drm-fdinfo", drm_probe, drm_read },
};

void facetd_meter_init(struct facetd_meter *meter, const char *name, int proc_fd)
{
	*meter = (struct facetd_meter){ .proc_fd = proc_fd };
	for (size_t i = 0; i < FACET_ARRAY_SIZE(meters); i++)
		if (strcmp(meters[i].name, name) == 0)
			meter->ops = &meters[i];
}

void facetd_meter_stop(struct facetd_meter *meter)
{
	if (meter->pid)
		facetd_meter_read(meter); /* its last word, if it can still be had */
	meter->pid = 0;
	meter->before_ns = meter->last_ns;
}

int facetd_meter_start(struct facetd_meter *meter, pid_t pid, struct facet_error *err)
{
	int r;

	if (meter->pid == pid)
		return 0;
	facetd_meter_stop(meter);
	meter->pid = pid;
	r = meter->ops->probe(meter, err);
	if (r)
		meter->pid = 0;
	return r;
}

uint64_t facetd_meter_read(struct facetd_meter *meter)
{
	uint64_t ns, sum;

	if (meter->pid && meter->ops->read(meter, &ns) == 0 &&
	    !__builtin_add_overflow(meter->before_ns, ns, &sum) && sum > meter->last_ns)
		meter->last_ns = sum;
	return meter->last_ns;
}

/* --- idle cores --- */

/* "cpu3 user nice system idle iowait ...", in ticks. */
static uint64_t idle_ticks(const char *line, const cpu_set_t *cores)
{
	uint64_t idle, iowait;
	unsigned int core;

	if (sscanf(line, "cpu%u %*u %*u %*u %" SCNu64 " %" SCNu64, &core, &idle, &iowait) != 3 ||
	    core >= CPU_SETSIZE || !CPU_ISSET(core, cores))
		return 0;
	return idle + iowait;
}

uint64_t facetd_idle_read(struct facetd_idle *idle, const cpu_set_t *cores)
{
	static char text[STAT_MAX];
	char *line, *next = text;
	uint64_t ticks = 0;
	ssize_t n;

	if (idle->fd < 0)
		idle->fd = openat(idle->proc_fd, "stat", O_RDONLY | O_CLOEXEC);
	n = idle->fd < 0 ? -1 : pread(idle->fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The first line is the sum of all; the cores follow it directly. */
	strsep(&next, "\n");
	while ((line = strsep(&next, "\n")) && strncmp(line, "cpu", 3) == 0)
		ticks += idle_ticks(line, cores);
	return ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}
