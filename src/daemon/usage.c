// SPDX-License-Identifier: GPL-2.0-or-later
/* usage.c - what a vGPU got of its GPU, and who holds it to its limits. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "daemon/arbitrated.h"

/* --- usage --- */

/* Over one to two seconds, or since the vGPU is there. */
static uint32_t recent_ppm(struct facetd_arbitrated *member, uint64_t now)
{
	const struct facetd_sample *from = &member->samples[0];
	uint64_t passed, used;

	if (!from->at_ns || now - member->samples[1].at_ns > 1000000000)
		from = &member->samples[1];
	if (!from->at_ns || now <= from->at_ns)
		return 0;
	passed = (now - from->at_ns) * member->gpu->eus;
	used = member->used_ns - from->used_ns;
	return used < passed ? (uint32_t)((double)used * FACET_SHARE_ALL / (double)passed)
			     : FACET_SHARE_ALL;
}

/* The other side writes it meanwhile, and anything: it is copied before it is looked at. */
static void copy(const struct facet_histogram *live, struct facet_histogram *ret)
{
	ret->count = __atomic_load_n(&live->count, __ATOMIC_RELAXED);
	/* It becomes an integer with a sign. */
	ret->sum_us = __atomic_load_n(&live->sum_us, __ATOMIC_RELAXED) & INT64_MAX;
	for (int i = 0; i < FACET_SHARE_BUCKETS; i++)
		ret->buckets[i] = __atomic_load_n(&live->buckets[i], __ATOMIC_RELAXED);
}

static void summarize(const struct facet_histogram *live, struct facetd_percentiles *ret)
{
	struct facet_histogram it;

	copy(live, &it);
	ret->count = it.count;
	ret->mean_us = it.count ? it.sum_us / it.count : 0;
	ret->p50_us = facet_histogram_percentile(&it, 50);
	ret->p99_us = facet_histogram_percentile(&it, 99);
}

static void read_page(const struct facetd_arbitrated *member, struct facetd_usage *ret)
{
	const struct facet_share_page *page = member->page;

	ret->backlog = __atomic_load_n(&page->backlog, __ATOMIC_RELAXED);
	ret->jobs = __atomic_load_n(&page->jobs, __ATOMIC_RELAXED);
	ret->flushes = __atomic_load_n(&page->flushes, __ATOMIC_RELAXED);
	ret->preempts = __atomic_load_n(&page->preempts, __ATOMIC_RELAXED);
	ret->stopped_ns = __atomic_load_n(&page->stopped_ns, __ATOMIC_RELAXED);
	if (__atomic_load_n(&page->job_started_ns, __ATOMIC_RELAXED) == member->job_started_ns &&
	    member->job_started_ns)
		ret->job_used_ns = member->used_ns - member->job_base_ns;
	summarize(&page->wait, &ret->wait);
	summarize(&page->execution, &ret->execution);
	summarize(&page->latency, &ret->latency);
}

void facetd_arbitration_usage(struct facetd_vgpu *vgpu, struct facetd_usage *ret)
{
	struct facetd_arbitrated *member = vgpu->arbitrated;
	uint64_t now = facetd_now_ns();

	*ret = (struct facetd_usage){ .open = true };
	if (!member)
		return;
	if (member->worker)
		facetd_tick_read(member, now);
	ret->used_ns = member->used_ns;
	ret->used_ppm = recent_ppm(member, now);
	ret->entitled_ppm = facet_member_entitled_ppm(member->member);
	ret->throttled_ns = facet_member_throttled_ns(member->member);
	ret->open = member->turn == FACET_TURN_OPEN;
	ret->backlogged = member->wants;
	ret->hangs = member->hangs;
	ret->meter = member->meter_why[0] ? NULL : member->meter.ops->name;
	if (member->page)
		read_page(member, ret);
}

void facetd_arbitration_histograms(const struct facetd_vgpu *vgpu, struct facetd_histograms *ret)
{
	const struct facet_share_page *page = vgpu->arbitrated ? vgpu->arbitrated->page : NULL;

	*ret = (struct facetd_histograms){ .wait = { .count = 0 } };
	if (!page)
		return;
	copy(&page->wait, &ret->wait);
	copy(&page->execution, &ret->execution);
	copy(&page->latency, &ret->latency);
}

/* --- enforcement --- */

const char *facetd_enforcer_name(enum facetd_enforcer who)
{
	static const char *const names[] = {
		[FACETD_BY_HARDWARE] = "hardware",
		[FACETD_BY_KERNEL] = "kernel",
		[FACETD_BY_FACET] = "facet",
		[FACETD_NOT_ENFORCED] = "not enforced",
	};

	return names[who];
}

__attribute__((format(printf, 3, 4))) static void
say(struct facetd_enforcement *ret, enum facetd_enforcer who, const char *fmt, ...)
{
	va_list args;

	ret->who = who;
	va_start(args, fmt);
	vsnprintf(ret->why, sizeof(ret->why), fmt, args);
	va_end(args);
}

/* True when the arbiter can do nothing for this vGPU; then it has been said why. */
static bool powerless(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	if (!member->worker)
		say(ret, FACETD_NOT_ENFORCED, "there is no process now");
	else if (!member->page)
		say(ret, FACETD_NOT_ENFORCED,
		    "its process was started by an older facetd and has no gate: restart it");
	else if (member->meter_why[0])
		say(ret, FACETD_NOT_ENFORCED, "cannot be metered: %s", member->meter_why);
	else
		return false;
	return true;
}

static void say_share(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	if (powerless(member, ret))
		return;
	say(ret, FACETD_BY_FACET, "its gate opens and closes by the kernel's account: %s%s",
	    member->meter.ops->name,
	    member->cpu.weight_fd >= 0 ? "; its control group has the share as its weight" : "");
}

static void say_cap(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	if (powerless(member, ret))
		return;
	if (member->quota_ppm)
		say(ret, FACETD_BY_FACET,
		    "its gate; behind it its control group's quota, %.1f %% of the GPU",
		    (double)member->quota_ppm / 10000);
	else if (!member->gpu->soft)
		say(ret, FACETD_BY_FACET, "its gate alone: the kernel has no quota of GPU time");
	else
		say(ret, FACETD_BY_FACET, "its gate alone%s%.120s",
		    member->cpu_why[0] ? "; no kernel quota behind it: " : "", member->cpu_why);
}

static void say_eus(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	if (!member->worker)
		say(ret, FACETD_NOT_ENFORCED, "there is no process now");
	else if (member->threads < 0)
		say(ret, FACETD_NOT_ENFORCED, "its threads cannot be pinned: %s",
		    strerror(-member->threads));
	else
		say(ret, FACETD_BY_KERNEL, "its %d threads are pinned to cores %s%s",
		    member->threads, member->vgpu->record.limits.eus,
		    member->vgpu->record.limits.eus_exclusive ? ", where no other vGPU runs" : "");
}

static void say_vram(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	say(ret, FACETD_BY_FACET,
	    "counted before it is made; past the quota the guest is told OUT_OF_MEMORY");
}

/* In bytes; 0: unlimited or not known. prlimit() asks for privileges that root may lack, too. */
static unsigned long long private_limit(const struct facetd_arbitrated *member)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)member->worker);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Max data size %llu", &bytes) == 1)
			break;
	if (file)
		fclose(file);
	return bytes;
}

static void say_memory(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	unsigned long long bytes;
	char group[120] = "";

	if (!member->worker) {
		say(ret, FACETD_NOT_ENFORCED, "there is no process now");
		return;
	}
	bytes = private_limit(member);
	if (member->memory_why[0])
		snprintf(group, sizeof(group), "no control group: %s", member->memory_why);
	else if (!member->memory_limit)
		snprintf(group, sizeof(group), "control group: no limit before there is a guest");
	else
		snprintf(group, sizeof(group),
			 "control group %" PRIu64 " MiB, %" PRIu64 " of them the guest's",
			 member->memory_limit >> 20, member->guest_bytes >> 20);
	if (bytes)
		say(ret, FACETD_BY_KERNEL, "RLIMIT_DATA %llu MiB; %s", bytes >> 20, group);
	else
		say(ret, member->memory_limit ? FACETD_BY_KERNEL : FACETD_NOT_ENFORCED,
		    "its process runs without a sandbox and RLIMIT_DATA; %s", group);
}

static void say_hang(const struct facetd_arbitrated *member, struct facetd_enforcement *ret)
{
	if (powerless(member, ret))
		return;
	say(ret, FACETD_BY_FACET, "a job of more than %u ms of GPU time: its process is replaced",
	    member->vgpu->record.limits.hang_ms);
}

bool facetd_arbitration_enforcement(const struct facetd_vgpu *vgpu, unsigned int i,
				    struct facetd_enforcement *ret)
{
	const struct facetd_limits *limits = &vgpu->record.limits;
	const struct {
		const char *what;
		void (*say)(const struct facetd_arbitrated *member, struct facetd_enforcement *ret);
		bool given;
	} all[] = {
		{ "share", say_share, true },
		{ "cap", say_cap, limits->share.cap_ppm < FACET_SHARE_ALL },
		{ "reservation", say_share, limits->share.reservation_ppm > 0 },
		{ "eus", say_eus, limits->eus[0] },
		{ "vram", say_vram, true },
		{ "memory", say_memory, true },
		{ "hang", say_hang, limits->hang_ms > 0 },
	};

	for (size_t n = 0; vgpu->arbitrated && n < FACET_ARRAY_SIZE(all); n++) {
		if (!all[n].given || i--)
			continue;
		ret->what = all[n].what;
		all[n].say(vgpu->arbitrated, ret);
		return true;
	}
	return false;
}
