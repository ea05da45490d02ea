// SPDX-License-Identifier: GPL-2.0-or-later
/* admission.c - does a vGPU with these limits fit beside the others of its GPU? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cpulist.h"
#include "daemon/arbitrated.h"
#include "daemon/eus.h"

enum { MIN_HANG_MS = 100 };

/* --- memory --- */

static uint64_t vram_given(const struct facetd_arbitrated_gpu *gpu,
			   const struct facetd_arbitrated *except)
{
	struct facet_list *link;
	uint64_t sum = 0;

	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *other =
			facet_container_of(link, struct facetd_arbitrated, link);

		if (other != except)
			sum += other->vgpu->record.limits.vram_bytes;
	}
	return sum;
}

static int admit_vram(const struct facetd_arbitrated_gpu *gpu,
		      const struct facetd_arbitrated *member, const struct facetd_limits *limits,
		      struct facet_error *err)
{
	uint64_t given = vram_given(gpu, member);
	uint64_t left = gpu->vram_bytes > given ? gpu->vram_bytes - given : 0;

	if (gpu->arbitration->overcommit || limits->overcommit || !gpu->vram_bytes ||
	    limits->vram_bytes <= left)
		return 0;
	return facet_error_set(
		err, -ENOSPC,
		"vram %" PRIu64 " MiB: %s has %" PRIu64 " MiB, of which %" PRIu64
		" MiB are left; take less, or promise more than there is (--overcommit)",
		limits->vram_bytes >> 20, gpu->name, gpu->vram_bytes >> 20, left >> 20);
}

/* --- execution units --- */

struct owners {
	cpu_set_t exclusive, listed; /* of the others */
	struct facetd_eus_load load;
	unsigned int anywhere; /* others without a list */
};

static void find_owners(const struct facetd_arbitrated_gpu *gpu,
			const struct facetd_arbitrated *except, struct owners *ret)
{
	struct facet_list *link;

	*ret = (struct owners){ .anywhere = 0 };
	facet_list_for_each(link, &gpu->members)
	{
		struct facetd_arbitrated *other =
			facet_container_of(link, struct facetd_arbitrated, link);

		if (other == except)
			continue;
		if (!other->own_cores) {
			ret->anywhere++;
			continue;
		}
		CPU_OR(&ret->listed, &ret->listed, &other->cores);
		if (other->vgpu->record.limits.eus_exclusive)
			CPU_OR(&ret->exclusive, &ret->exclusive, &other->cores);
		for (int core = 0; core < CPU_SETSIZE; core++)
			ret->load.users[core] += CPU_ISSET(core, &other->cores) ? 1 : 0;
	}
}

/* @set without what is in @without. */
static cpu_set_t cores_without(const cpu_set_t *set, const cpu_set_t *without)
{
	cpu_set_t common, ret;

	CPU_AND(&common, set, without);
	CPU_XOR(&ret, set, &common);
	return ret;
}

static bool overlap(const cpu_set_t *a, const cpu_set_t *b)
{
	cpu_set_t common;

	CPU_AND(&common, a, b);
	return CPU_COUNT(&common) > 0;
}

static int no_room(struct facet_error *err, const struct facetd_arbitrated_gpu *gpu,
		   const char *eus, const cpu_set_t *free)
{
	char text[FACETD_EUS_SIZE] = "none";

	if (CPU_COUNT(free))
		facetd_eus_format(free, text, sizeof(text));
	return facet_error_set(err, -ENOSPC,
			       "eus %s: others have them to themselves; of %s are "
			       "left: %.64s",
			       eus[0] ? eus : "of any", gpu->name, text);
}

static int resolve_number(const struct facetd_arbitrated_gpu *gpu, const struct owners *owners,
			  unsigned int count, struct facetd_limits *limits, cpu_set_t *ret,
			  struct facet_error *err)
{
	cpu_set_t free = cores_without(&gpu->arbitration->cores, &owners->exclusive);
	char text[FACETD_EUS_SIZE];

	if (count > gpu->eus)
		return facet_error_set(err, -EINVAL, "eus %u: %s has %u", count, gpu->name,
				       gpu->eus);
	if (limits->eus_exclusive)
		free = cores_without(&free, &owners->listed);
	if (facetd_eus_pick(gpu->arbitration->sys_fd, count, &free, &owners->load, false, ret))
		return no_room(err, gpu, limits->eus, &free);
	if (facetd_eus_format(ret, text, sizeof(text)))
		return facet_error_set(err, -ENOSPC,
				       "eus %u: the cores that are left lie too far apart: "
				       "name them, as in 0-3",
				       count);
	strcpy(limits->eus, text);
	return 0;
}

static int check_list(const struct facetd_arbitrated_gpu *gpu, const struct owners *owners,
		      const struct facetd_limits *limits, const cpu_set_t *cores,
		      struct facet_error *err)
{
	cpu_set_t strange = cores_without(cores, &gpu->arbitration->cores);
	cpu_set_t free =
		cores_without(&gpu->arbitration->cores,
			      limits->eus_exclusive ? &owners->listed : &owners->exclusive);
	char text[FACETD_EUS_SIZE] = "";

	facetd_eus_format(&gpu->arbitration->cores, text, sizeof(text));
	if (CPU_COUNT(&strange))
		return facet_error_set(err, -EINVAL, "eus %s: %s has %.64s", limits->eus, gpu->name,
				       text);
	if (overlap(cores, limits->eus_exclusive ? &owners->listed : &owners->exclusive))
		return no_room(err, gpu, limits->eus, &free);
	return 0;
}

/* Those who may run anywhere need somewhere to run. */
static int check_rest(const struct facetd_arbitrated_gpu *gpu, const struct owners *owners,
		      const struct facetd_limits *limits, const cpu_set_t *cores,
		      struct facet_error *err)
{
	cpu_set_t rest = cores_without(&gpu->arbitration->cores, &owners->exclusive);

	if (!limits->eus[0])
		return CPU_COUNT(&rest) ? 0 : no_room(err, gpu, "", &rest);
	if (!limits->eus_exclusive || !owners->anywhere)
		return 0;
	rest = cores_without(&rest, cores);
	if (CPU_COUNT(&rest))
		return 0;
	return facet_error_set(err, -ENOSPC,
			       "eus %s, exclusive: nothing of %s would be left for %u other vGPUs",
			       limits->eus, gpu->name, owners->anywhere);
}

static int admit_eus(const struct facetd_arbitrated_gpu *gpu,
		     const struct facetd_arbitrated *member, struct facetd_limits *limits,
		     struct facet_error *err)
{
	unsigned int count = facetd_eus_number(limits->eus);
	struct facetd_limits resolved = *limits;
	struct owners owners;
	cpu_set_t cores;
	int r = 0;

	CPU_ZERO(&cores);
	if (!gpu->soft && (limits->eus[0] || limits->eus_exclusive))
		return facet_error_set(err, -EOPNOTSUPP,
				       "eus: %s cannot be divided so: no driver of Mesa's lets a "
				       "process choose compute units; use a share or a cap",
				       gpu->name);
	if (limits->eus_exclusive && !limits->eus[0])
		return facet_error_set(err, -EINVAL, "exclusive: say which eus, or how many");
	if (!gpu->soft)
		return 0;
	find_owners(gpu, member, &owners);
	if (count)
		r = resolve_number(gpu, &owners, count, &resolved, &cores, err);
	else if (limits->eus[0] && facet_cpulist_parse(limits->eus, &cores))
		r = facet_error_set(err, -EINVAL,
				    "eus '%s': must be a list of cores like 0-3,5, "
				    "or a number of cores",
				    limits->eus);
	else if (limits->eus[0])
		r = check_list(gpu, &owners, limits, &cores, err);
	if (!r)
		r = check_rest(gpu, &owners, &resolved, &cores, err);
	if (!r)
		*limits = resolved;
	return r;
}

void facetd_admission_cores(struct facetd_arbitrated *member)
{
	const struct facetd_limits *limits = &member->vgpu->record.limits;
	const cpu_set_t *all = &member->gpu->arbitration->cores;
	cpu_set_t cores;
	struct owners owners;

	member->own_cores = limits->eus[0] && facet_cpulist_parse(limits->eus, &cores) == 0;
	if (member->own_cores)
		CPU_AND(&cores, &cores, all);
	/* A host of fewer cores than it was made for. */
	member->own_cores = member->own_cores && CPU_COUNT(&cores);
	if (!member->own_cores) {
		find_owners(member->gpu, member, &owners);
		cores = cores_without(all, &owners.exclusive);
	}
	member->cores = CPU_COUNT(&cores) ? cores : *all;
}

/* --- all of it --- */

int facetd_arbitration_admit(struct facetd *daemon, const char *name,
			     const struct facetd_vgpu *vgpu, struct facetd_limits *limits,
			     struct facet_error *err)
{
	const struct facetd_arbitrated *member = vgpu ? vgpu->arbitrated : NULL;
	struct facet_error why = { .text = "out of memory" };
	struct facetd_arbitrated_gpu *gpu = facetd_arbitrated_gpu(daemon, name, &why);
	int r;

	if (!gpu)
		return facet_error_set(err, -ENOMEM, "%s", why.text);
	if (limits->hang_ms && limits->hang_ms < MIN_HANG_MS)
		return facet_error_set(err, -EINVAL, "hang %u ms: must be 0 (never) or at least %d",
				       limits->hang_ms, MIN_HANG_MS);
	r = facet_arbiter_admit(gpu->arbiter, member ? member->member : NULL, &limits->share, err);
	if (!r)
		r = admit_vram(gpu, member, limits, err);
	if (!r)
		r = admit_eus(gpu, member, limits, err);
	return r;
}

int facetd_arbitration_gpu(struct facetd *daemon, const char *name, struct facetd_gpu_state *ret,
			   struct facet_error *err)
{
	struct facetd_arbitrated_gpu *gpu = facetd_arbitrated_gpu(daemon, name, err);
	struct facet_list *link;

	if (!gpu)
		return -ENOMEM;
	*ret = (struct facetd_gpu_state){
		.policy = facet_arbiter_policy(gpu->arbiter),
		.eus = gpu->eus,
		.vram_bytes = gpu->vram_bytes,
		.vram_given_bytes = vram_given(gpu, NULL),
		.vgpus = gpu->count,
		.arbitrating = gpu->awake,
		.meter = gpu->soft ? "cpu-clock" : "drm-fdinfo",
		.ticks = gpu->ticks,
		.cost_ns = gpu->cost_ns,
	};
	facet_list_for_each(link, &gpu->members) ret->reserved_ppm +=
		facet_container_of(link, struct facetd_arbitrated, link)
			->vgpu->record.limits.share.reservation_ppm;
	return 0;
}
