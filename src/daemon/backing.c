// SPDX-License-Identifier: GPL-2.0-or-later
/* backing.c - what the kernel holds a vGPU's process to: cores, processor time, memory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/arbitrated.h"
#include "daemon/eus.h"
#include "daemon/process.h"

#define LOG_AREA "limits"

/*
 * The gate holds a cap to a fraction of a percent; the quota of the control group stands a bit
 * higher, so that it only acts when the gate does not: it stops the whole process, whose device
 * then does not answer for as long.
 *
 * Memory: the group is charged for all that its process touches first, guest memory included, and
 * at its limit the process is ended. So the limit is what the vGPU may have, what a renderer needs
 * for itself, and all of the guest's memory; and there is none as long as that is not known.
 * Private memory alone has the tighter RLIMIT_DATA of the sandbox.
 */
enum {
	CAP_SLACK_PPM = 20000,
	PERIOD_US = 20000,
	MIN_QUOTA_US = 1000,
	TRIM_NS = 8000000, /* between two looks at weights, for each vGPU: they cost */
};
#define RENDERER_BYTES  (384ULL << 20)
#define GUEST_BYTES_MAX (1ULL << 48) /* of a descriptor: sums of all fit, and no host has more */

static const char *name_of(const struct facetd_arbitrated *member)
{
	return member->vgpu->record.name;
}

static const struct facet_cgroups *groups_of(const struct facetd_arbitrated *member)
{
	return &member->gpu->arbitration->cgroups;
}

/* --- cores --- */

static void apply_cores(struct facetd_arbitrated *member)
{
	int proc_fd = member->gpu->arbitration->proc_fd, r;
	cpu_set_t all = member->gpu->arbitration->cores;
	bool was_pinned = member->pinned;

	if (!member->gpu->soft)
		return;
	facetd_admission_cores(member);
	member->pinned = !CPU_EQUAL(&member->cores, &all);
	if (!member->worker || (!member->pinned && !was_pinned))
		return;
	member->threads = facetd_eus_pin(proc_fd, member->worker, &member->cores);
	if (member->threads < 0)
		log_warn("%s: its threads cannot be pinned: %s", name_of(member),
			 strerror(-member->threads));
	r = member->keeper != member->worker
		    ? facetd_eus_pin(proc_fd, member->keeper, &member->cores)
		    : 0;
	if (r < 0)
		log_debug("%s: keeper %d: %s", name_of(member), (int)member->keeper, strerror(-r));
}

void facetd_backing_cores(struct facetd_arbitrated_gpu *gpu)
{
	struct facet_list *link;

	/* Who has a list of its own is to be known before the others get what is left. */
	facet_list_for_each(link, &gpu->members)
		facetd_admission_cores(facet_container_of(link, struct facetd_arbitrated, link));
	facet_list_for_each(link, &gpu->members)
		apply_cores(facet_container_of(link, struct facetd_arbitrated, link));
}

/* --- processor time --- */

static uint64_t quota_wanted(const struct facetd_arbitrated *member)
{
	uint32_t cap = member->vgpu->record.limits.share.cap_ppm;

	if (!member->gpu->soft || cap + CAP_SLACK_PPM >= FACET_SHARE_ALL)
		return 0;
	return cap + CAP_SLACK_PPM;
}

static void apply_quota(struct facetd_arbitrated *member)
{
	uint64_t wanted = quota_wanted(member);
	uint64_t quota_us = wanted * member->gpu->eus * PERIOD_US / FACET_SHARE_ALL;
	struct facet_error err;
	int r = 0;

	member->cpu_why[0] = '\0';
	if (!member->worker || (!wanted && !member->quota_ppm))
		return;
	if (wanted && quota_us < MIN_QUOTA_US)
		quota_us = MIN_QUOTA_US;
	if (wanted)
		r = facet_cgroup_put(groups_of(member), FACET_CGROUP_CPU, name_of(member),
				     member->worker, &err);
	if (!r)
		r = facet_cgroup_limit_cpu(groups_of(member), name_of(member), quota_us, PERIOD_US,
					   &err);
	if (r)
		snprintf(member->cpu_why, sizeof(member->cpu_why), "%s", err.text);
	member->quota_ppm = r ? 0 : wanted;
}

/* At a lead of a whole window, when the gate is closed, a quarter of the weight is left. */
static uint64_t trim(uint64_t weight, int64_t lead_ppm)
{
	int64_t lead = lead_ppm < 0 ? 0 : lead_ppm > FACET_SHARE_ALL ? FACET_SHARE_ALL : lead_ppm;

	return weight * FACET_SHARE_ALL / (FACET_SHARE_ALL + 3 * (uint64_t)lead);
}

/*
 * A vGPU whose threads wait for each other gets less than its weight, beside one whose do not. So
 * the more one leads the others the less it weighs, and the gate has little left to do.
 */
static void apply_weight(struct facetd_arbitrated *member)
{
	facet_cgroup_set_weight(&member->cpu,
				trim(member->threads_ppm, facet_member_lead_ppm(member->member)));
}

/* All together count for as many threads as if each drew with all execution units. */
void facetd_backing_weights(struct facetd_arbitrated_gpu *gpu)
{
	const uint64_t threads_ppm = (uint64_t)gpu->count * gpu->eus * FACET_SHARE_ALL;
	struct facetd_arbitrated *member;
	struct facet_list *link;
	uint64_t all_ppm = 1;

	facet_list_for_each(link, &gpu->members)
	{
		member = facet_container_of(link, struct facetd_arbitrated, link);
		all_ppm += facet_member_entitled_ppm(member->member);
	}
	facet_list_for_each(link, &gpu->members)
	{
		member = facet_container_of(link, struct facetd_arbitrated, link);
		member->threads_ppm =
			threads_ppm * facet_member_entitled_ppm(member->member) / all_ppm;
		apply_weight(member);
	}
}

void facetd_backing_trim(struct facetd_arbitrated_gpu *gpu, uint64_t now_ns)
{
	struct facet_list *link;

	if (now_ns - gpu->trimmed_ns < TRIM_NS * gpu->count)
		return;
	gpu->trimmed_ns = now_ns;
	facet_list_for_each(link, &gpu->members)
		apply_weight(facet_container_of(link, struct facetd_arbitrated, link));
}

bool facetd_backing_yield(struct facetd_arbitrated *member, bool yields)
{
	bool idles = facet_cgroup_set_idle(&member->cpu, yields);

	apply_weight(member);
	return idles;
}

/* What a predecessor left is overwritten. */
static void open_cpu(struct facetd_arbitrated *member)
{
	struct facet_error err;
	int r;

	if (!member->gpu->soft)
		return;
	r = facet_cgroup_put(groups_of(member), FACET_CGROUP_CPU, name_of(member), member->worker,
			     &err);
	if (!r)
		r = facet_cgroup_open_cpu(groups_of(member), name_of(member), &member->cpu, &err);
	if (r) {
		log_debug("%s: the kernel does not know its share: %s", name_of(member), err.text);
		return;
	}
	facet_arbiter_set_spares(member->gpu->arbiter, member->cpu.idle_fd >= 0);
	member->cpu.idle = member->cpu.idle_fd >= 0;
	facet_cgroup_set_idle(&member->cpu, false);
	facetd_backing_weights(member->gpu);
}

/* --- memory --- */

static void apply_memory(struct facetd_arbitrated *member)
{
	uint64_t limit =
		member->vgpu->record.limits.vram_bytes + RENDERER_BYTES + member->guest_bytes;
	struct facet_error err;
	int r;

	if (!member->worker)
		return;
	member->memory_why[0] = '\0';
	if (!member->guest_bytes)
		limit = 0;
	r = facet_cgroup_put(groups_of(member), FACET_CGROUP_MEMORY, name_of(member),
			     member->worker, &err);
	if (!r)
		r = facet_cgroup_limit_memory(groups_of(member), name_of(member), limit, &err);
	if (r)
		snprintf(member->memory_why, sizeof(member->memory_why), "%s", err.text);
	else
		member->memory_limit = limit;
}

/* What is known of it here: who keeps the file, if it is of FUSE, is not asked and waited for. */
static uint64_t size_of(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &st) < 0 ? 0
										      : st.stx_size;
}

void facetd_backing_memory(struct facetd_arbitrated *member)
{
	const struct facetd_held *held = &member->vgpu->held;
	uint64_t before = member->guest_bytes, size;

	member->guest_bytes = 0;
	/* Several regions may be parts of one file: counted again, which is only generous. */
	for (unsigned int i = 0; i < held->count; i++) {
		size = strncmp(held->items[i].name, "memory", 6) == 0 ? size_of(held->items[i].fd)
								      : 0;
		member->guest_bytes += size < GUEST_BYTES_MAX ? size : GUEST_BYTES_MAX;
	}
	if (member->guest_bytes != before)
		apply_memory(member);
}

/* Its loop answers the guest, and its gate stops others: they must not wait for those long. */
static void make_prompt(const struct facetd_arbitrated *member)
{
	char path[64], name[16] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)member->worker);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		facet_autoclose int fd = -1;
		ssize_t n;

		snprintf(path, sizeof(path), "%.16s/comm", entry->d_name);
		fd = openat(dirfd(dir), path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
		name[n < 0 ? 0 : n] = '\0';
		if (atoi(entry->d_name) == member->worker || strcmp(name, "facet-gate\n") == 0)
			facetd_process_short_slice(atoi(entry->d_name));
	}
	if (dir)
		closedir(dir);
}

void facetd_backing_start(struct facetd_arbitrated *member)
{
	make_prompt(member);
	facet_cgroup_close_cpu(&member->cpu);
	open_cpu(member);
	facetd_backing_apply(member);
}

void facetd_backing_stop(struct facetd_arbitrated *member)
{
	uint64_t kills = facet_cgroup_oom_kills(groups_of(member), name_of(member));

	if (kills > member->oom_kills)
		log_warn("%s: the kernel ended its process, at the limit of %llu MiB of its "
			 "control group",
			 name_of(member), (unsigned long long)member->memory_limit >> 20);
	member->oom_kills = kills;
	member->memory_limit = 0;
	facet_cgroup_close_cpu(&member->cpu);
}

void facetd_backing_apply(struct facetd_arbitrated *member)
{
	apply_quota(member);
	apply_memory(member);
}
