// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup.c - makes, fills and removes control groups, of version 1 and of version 2. */
#include "cgroup/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const names[FACET_CGROUP_CONTROLLERS] = { "cpu", "memory" };

/* --- small files --- */

int facet_cgroup_write(int root_fd, const char *path, const char *fmt, ...)
{
	facet_autoclose int fd = openat(root_fd, path, O_WRONLY | O_CLOEXEC);
	char text[64];
	va_list args;
	int n;

	if (fd < 0)
		return -errno;
	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return write(fd, text, (size_t)n) < 0 ? -errno : 0;
}

int facet_cgroup_read(int root_fd, const char *path, char *ret, size_t size)
{
	facet_autoclose int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

static int write_quota_v1(int root_fd, const char *path, uint64_t quota_us, uint64_t period_us)
{
	char quota[PATH_MAX], period[PATH_MAX], text[32];
	int r;

	snprintf(quota, sizeof(quota), "%.4000s/cpu.cfs_quota_us", path);
	snprintf(period, sizeof(period), "%.4000s/cpu.cfs_period_us", path);
	if (!quota_us)
		return facet_cgroup_write(root_fd, quota, "-1");
	if (facet_cgroup_read(root_fd, period, text, sizeof(text)) ||
	    strtoull(text, NULL, 10) != period_us) {
		/* Without a quota first: the old one may be too much for the new period. */
		r = facet_cgroup_write(root_fd, quota, "-1");
		if (!r)
			r = facet_cgroup_write(root_fd, period, "%" PRIu64, period_us);
		if (r)
			return r;
	}
	return facet_cgroup_write(root_fd, quota, "%" PRIu64, quota_us);
}

int facet_cgroup_write_quota(int root_fd, bool v2, const char *path, uint64_t quota_us,
			     uint64_t period_us)
{
	char file[PATH_MAX];

	if (!v2)
		return write_quota_v1(root_fd, path, quota_us, period_us);
	snprintf(file, sizeof(file), "%.4000s/cpu.max", path);
	return quota_us ? facet_cgroup_write(root_fd, file, "%" PRIu64 " %" PRIu64, quota_us,
					     period_us)
			: facet_cgroup_write(root_fd, file, "max");
}

static bool has_word(const char *text, const char *word, const char *separators)
{
	size_t size = strlen(word);

	for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
		size_t n = strcspn(text, separators);

		if (n == size && strncmp(text, word, n) == 0)
			return true;
		text += n;
	}
	return false;
}

/* --- where --- */

/* Our path in the hierarchy of a controller ("" is version 2's), from /proc/self/cgroup. */
static bool find_own(const char *own, const char *controller, char *ret, size_t size)
{
	while (*own) {
		const char *list = strchr(own, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		const char *end = strchrnul(own, '\n');
		char words[128];

		if (path && path < end) {
			snprintf(words, sizeof(words), "%.*s", (int)(path - list - 1), list + 1);
			if (controller[0] ? has_word(words, controller, ",") : !words[0])
				return snprintf(ret, size, "%.*s", (int)(end - path - 1),
						path + 1) < (int)size;
		}
		own = *end ? end + 1 : end;
	}
	return false;
}

/* A path of another namespace is not there: what we see as the root is then ours. */
static void settle_path(int root_fd, const char *mount, const char *own, char ret[static PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
	if (faccessat(root_fd, ret, F_OK, 0) < 0)
		snprintf(ret, PATH_MAX, "%s", mount);
}

__attribute__((format(printf, 2, 3))) static void nowhere(struct facet_cgroup_place *place,
							  const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(place->why, sizeof(place->why), fmt, args);
	va_end(args);
	place->path[0] = '\0';
}

static void check_writable(int root_fd, struct facet_cgroup_place *place)
{
	if (faccessat(root_fd, place->path, W_OK, AT_EACCESS) < 0)
		nowhere(place, "control group %.80s: %s", place->path, strerror(errno));
}

static void find_v1(struct facet_cgroups *groups, enum facet_cgroup_controller controller,
		    const char *own)
{
	struct facet_cgroup_place *place = &groups->places[controller];
	char path[PATH_MAX / 2];

	if (faccessat(groups->root_fd, names[controller], F_OK, 0) < 0 ||
	    !find_own(own, names[controller], path, sizeof(path))) {
		nowhere(place, "this host has no %s controller that we can see", names[controller]);
		return;
	}
	settle_path(groups->root_fd, names[controller], path, place->path);
	check_writable(groups->root_fd, place);
}

/*
 * The kernel may still allow cpu there, which is one for threads, too: but then no process can be
 * put below. Only the root group, which has no type, is different.
 */
static bool has_processes(int root_fd, const char *base)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%.4000s/cgroup.type", base);
	if (faccessat(root_fd, path, F_OK, 0) < 0)
		return false;
	snprintf(path, sizeof(path), "%.4000s/cgroup.procs", base);
	return facet_cgroup_read(root_fd, path, text, sizeof(text)) == 0 && text[0];
}

/* May groups below @base have this controller? The kernel is asked, by switching it on. */
static void enable_v2(struct facet_cgroups *groups, enum facet_cgroup_controller controller,
		      const char *base)
{
	struct facet_cgroup_place *place = &groups->places[controller];
	char path[PATH_MAX], text[256];
	int r;

	snprintf(path, sizeof(path), "%.4000s/cgroup.controllers", base);
	if (facet_cgroup_read(groups->root_fd, path, text, sizeof(text)) ||
	    !has_word(text, names[controller], " \n")) {
		nowhere(place,
			"the %s controller is not delegated to facetd's control group: "
			"Delegate=%s in its unit does that",
			names[controller], names[controller]);
		return;
	}
	snprintf(path, sizeof(path), "%.4000s/cgroup.subtree_control", base);
	r = facet_cgroup_read(groups->root_fd, path, text, sizeof(text));
	if (!r && has_processes(groups->root_fd, base))
		r = -EBUSY;
	if (!r && !has_word(text, names[controller], " \n"))
		r = facet_cgroup_write(groups->root_fd, path, "+%s", names[controller]);
	if (r == -EBUSY)
		nowhere(place, "facetd's control group has processes of its own: systemd 254 "
			       "gives it one called facetd below (DelegateSubgroup=)");
	else if (r)
		nowhere(place, "control group %.80s: %s", base, strerror(-r));
	else
		snprintf(place->path, sizeof(place->path), "%s", base);
	if (place->path[0])
		check_writable(groups->root_fd, place);
}

static void find_v2(struct facet_cgroups *groups, const char *mount, const char *own)
{
	char path[PATH_MAX / 2], base[PATH_MAX];
	size_t size;

	if (!find_own(own, "", path, sizeof(path)))
		strcpy(path, "/");
	settle_path(groups->root_fd, mount, path, base);
	size = strlen(base);
	if (size > 7 && strcmp(base + size - 7, "/facetd") == 0)
		base[size - 7] = '\0';
	for (int i = 0; i < FACET_CGROUP_CONTROLLERS; i++)
		enable_v2(groups, i, base);
}

void facet_cgroups_init(struct facet_cgroups *groups, int root_fd, const char *own, const char *id)
{
	*groups = (struct facet_cgroups){ .root_fd = root_fd };
	snprintf(groups->id, sizeof(groups->id), "%s", id);
	groups->v2 = faccessat(root_fd, "cgroup.controllers", F_OK, 0) == 0;
	if (groups->v2) {
		find_v2(groups, ".", own);
		return;
	}
	for (int i = 0; i < FACET_CGROUP_CONTROLLERS; i++)
		find_v1(groups, i, own);
}

const char *facet_cgroups_why(const struct facet_cgroups *groups,
			      enum facet_cgroup_controller controller)
{
	return groups->places[controller].path[0] ? NULL : groups->places[controller].why;
}

/* --- groups --- */

/* "cpu/facet-ID-NAME/FILE"; false when there is no place for groups. */
static bool group_path(const struct facet_cgroups *groups, enum facet_cgroup_controller controller,
		       const char *name, const char *file, char ret[static PATH_MAX])
{
	const struct facet_cgroup_place *place = &groups->places[controller];

	return place->path[0] &&
	       snprintf(ret, PATH_MAX, "%s/facet-%s-%s%s%s", place->path, groups->id, name,
			file ? "/" : "", file ? file : "") < PATH_MAX;
}

static int fail(const struct facet_cgroups *groups, enum facet_cgroup_controller controller,
		int code, const char *what, struct facet_error *err)
{
	const char *why = facet_cgroups_why(groups, controller);

	if (why)
		return facet_error_set(err, -EOPNOTSUPP, "%s", why);
	return facet_error_set(err, code, "control group, %s: %s", what, strerror(-code));
}

int facet_cgroup_put(const struct facet_cgroups *groups, enum facet_cgroup_controller controller,
		     const char *name, pid_t pid, struct facet_error *err)
{
	char path[PATH_MAX];
	int r;

	if (!group_path(groups, controller, name, NULL, path))
		return fail(groups, controller, -ENAMETOOLONG, name, err);
	if (mkdirat(groups->root_fd, path, 0755) < 0 && errno != EEXIST)
		return fail(groups, controller, -errno, path, err);
	group_path(groups, controller, name, "cgroup.procs", path);
	r = facet_cgroup_write(groups->root_fd, path, "%d", (int)pid);
	return r ? fail(groups, controller, r, path, err) : 0;
}

int facet_cgroup_limit_cpu(const struct facet_cgroups *groups, const char *name, uint64_t quota_us,
			   uint64_t period_us, struct facet_error *err)
{
	char path[PATH_MAX];
	int r;

	if (!group_path(groups, FACET_CGROUP_CPU, name, NULL, path))
		return fail(groups, FACET_CGROUP_CPU, -ENAMETOOLONG, name, err);
	r = facet_cgroup_write_quota(groups->root_fd, groups->v2, path, quota_us, period_us);
	return r ? fail(groups, FACET_CGROUP_CPU, r, groups->v2 ? "cpu.max" : "cpu.cfs_quota_us",
			err)
		 : 0;
}

int facet_cgroup_open_cpu(const struct facet_cgroups *groups, const char *name,
			  struct facet_cgroup_cpu *ret, struct facet_error *err)
{
	const char *weight = groups->v2 ? "cpu.weight" : "cpu.shares";
	facet_autoclose int weight_fd = -1, idle_fd = -1;
	char path[PATH_MAX];

	if (!group_path(groups, FACET_CGROUP_CPU, name, weight, path))
		return fail(groups, FACET_CGROUP_CPU, -ENAMETOOLONG, name, err);
	weight_fd = openat(groups->root_fd, path, O_WRONLY | O_CLOEXEC);
	if (weight_fd < 0)
		return fail(groups, FACET_CGROUP_CPU, -errno, weight, err);
	group_path(groups, FACET_CGROUP_CPU, name, "cpu.idle", path);
	idle_fd = openat(groups->root_fd, path, O_WRONLY | O_CLOEXEC);
	*ret = (struct facet_cgroup_cpu){ .unit = groups->v2 ? 100 : 1024,
					  .most = groups->v2 ? 10000 : 262144,
					  .weight_fd = facet_steal_fd(&weight_fd),
					  .idle_fd = facet_steal_fd(&idle_fd) };
	return 0;
}

void facet_cgroup_close_cpu(struct facet_cgroup_cpu *cpu)
{
	if (cpu->weight_fd >= 0)
		close(cpu->weight_fd);
	if (cpu->idle_fd >= 0)
		close(cpu->idle_fd);
	*cpu = FACET_CGROUP_NO_CPU;
}

static bool put_number(int fd, unsigned int number)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", number);

	return fd >= 0 && pwrite(fd, text, (size_t)n, 0) == n;
}

/* Of a group that idles the weight cannot be set; and the kernel forgets the one it had. */
void facet_cgroup_set_weight(struct facet_cgroup_cpu *cpu, uint64_t threads_ppm)
{
	uint64_t weight = threads_ppm * cpu->unit / 1000000;

	weight = weight < 2 ? 2 : weight > cpu->most ? cpu->most : weight;
	if (cpu->idle || weight == cpu->weight || !put_number(cpu->weight_fd, (unsigned int)weight))
		return;
	cpu->weight = (unsigned int)weight;
}

bool facet_cgroup_set_idle(struct facet_cgroup_cpu *cpu, bool idle)
{
	if (cpu->idle != idle && put_number(cpu->idle_fd, idle)) {
		cpu->idle = idle;
		cpu->weight = 0;
	}
	return cpu->idle;
}

/* A number in a file of the group, or behind @key in one of several lines; 0: none. */
static uint64_t read_number(const struct facet_cgroups *groups, const char *name, const char *file,
			    const char *key)
{
	char path[PATH_MAX], text[512], *at = text;

	if (!group_path(groups, FACET_CGROUP_MEMORY, name, file, path) ||
	    facet_cgroup_read(groups->root_fd, path, text, sizeof(text)))
		return 0;
	if (key) {
		at = strstr(text, key);
		at = at ? at + strlen(key) : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

int facet_cgroup_limit_memory(const struct facet_cgroups *groups, const char *name, uint64_t bytes,
			      struct facet_error *err)
{
	const char *file = groups->v2 ? "memory.max" : "memory.limit_in_bytes";
	uint64_t used = read_number(groups, name,
				    groups->v2 ? "memory.current" : "memory.usage_in_bytes", NULL);
	char path[PATH_MAX];
	int r;

	if (!group_path(groups, FACET_CGROUP_MEMORY, name, file, path))
		return fail(groups, FACET_CGROUP_MEMORY, -ENAMETOOLONG, name, err);
	/* Version 2 would end the process, version 1 refuses. */
	if (bytes && used > bytes)
		return facet_error_set(
			err, -EBUSY, "%" PRIu64 " MiB are in use: its kernel limit stays as it was",
			used >> 20);
	if (bytes)
		r = facet_cgroup_write(groups->root_fd, path, "%" PRIu64, bytes);
	else
		r = facet_cgroup_write(groups->root_fd, path, groups->v2 ? "max" : "-1");
	return r ? fail(groups, FACET_CGROUP_MEMORY, r, file, err) : 0;
}

uint64_t facet_cgroup_oom_kills(const struct facet_cgroups *groups, const char *name)
{
	return read_number(groups, name, groups->v2 ? "memory.events" : "memory.oom_control",
			   "oom_kill ");
}

void facet_cgroup_remove(const struct facet_cgroups *groups, const char *name)
{
	char path[PATH_MAX];

	for (int i = 0; i < FACET_CGROUP_CONTROLLERS; i++)
		if (group_path(groups, i, name, NULL, path))
			unlinkat(groups->root_fd, path, AT_REMOVEDIR);
}

static void clean_place(const struct facet_cgroups *groups, const char *base)
{
	int fd = openat(groups->root_fd, base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char prefix[32];
	int n = snprintf(prefix, sizeof(prefix), "facet-%s-", groups->id);

	/* The kernel keeps a group that has processes: those are vGPUs that still run. */
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, (size_t)n) == 0)
			unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

void facet_cgroups_clean(const struct facet_cgroups *groups)
{
	for (int i = 0; i < FACET_CGROUP_CONTROLLERS; i++)
		if (groups->places[i].path[0])
			clean_place(groups, groups->places[i].path);
}
