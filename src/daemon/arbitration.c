// SPDX-License-Identifier: GPL-2.0-or-later
/* arbitration.c - GPUs and their vGPUs, from the first day of each to the last. */
#include "daemon/arbitration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/arbitrated.h"
#include "daemon/gpus.h"
#include "daemon/process.h"

#define LOG_AREA "arbiter"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- the daemon's --- */

/* A whole small file, NUL-terminated; "" when it cannot be read. */
static void read_text(int dir_fd, const char *path, char *ret, size_t size)
{
	facet_autoclose int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);

	ret[n < 0 ? 0 : n] = '\0';
}

static uint64_t half_of_memory(int proc_fd)
{
	char text[512];
	unsigned long long kib = 0;
	const char *line;

	read_text(proc_fd, "meminfo", text, sizeof(text));
	line = strstr(text, "MemTotal:");
	if (!line || sscanf(line, "MemTotal: %llu kB", &kib) != 1)
		return 0;
	return kib * 1024 / 2;
}

/* Tells the control groups of one facetd from another's; the next in this place finds them. */
static void make_id(const char *path, char ret[static 16])
{
	uint64_t hash = 14695981039346656037ULL;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 1099511628211ULL;
	snprintf(ret, 16, "%08x", (unsigned int)(hash ^ hash >> 32));
}

static void find_cgroups(struct facetd_arbitration *a)
{
	char own[4096], id[16];

	read_text(a->proc_fd, "self/cgroup", own, sizeof(own));
	make_id(a->daemon->dir.path, id);
	facet_cgroups_init(&a->cgroups, a->cgroup_fd, own, id);
	facet_cgroups_clean(&a->cgroups);
	for (int i = 0; i < FACET_CGROUP_CONTROLLERS; i++)
		if (facet_cgroups_why(&a->cgroups, i))
			log_info("no kernel limits behind ours: %s",
				 facet_cgroups_why(&a->cgroups, i));
}

int facetd_arbitration_create(struct facetd *daemon, const struct facetd_arbitration_config *cfg,
			      struct facet_error *err)
{
	struct facetd_arbitration *a = calloc(1, sizeof(*a));

	if (!a)
		return facet_error_set(err, -ENOMEM, "arbitration: out of memory");
	a->daemon = daemon;
	a->overcommit = cfg->overcommit;
	facet_list_init(&a->gpus);
	a->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	a->sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	a->cgroup_fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	daemon->arbitration = a;
	if (a->proc_fd < 0 || sched_getaffinity(0, sizeof(a->cores), &a->cores) < 0) {
		int code = -errno;

		facetd_arbitration_destroy(daemon);
		return facet_error_set(err, code, "this host's processors: %s", strerror(-code));
	}
	a->soft_vram_bytes =
		cfg->soft_vram_bytes ? cfg->soft_vram_bytes : half_of_memory(a->proc_fd);
	find_cgroups(a);
	return 0;
}

static void gpu_free(struct facetd_arbitrated_gpu *gpu)
{
	while (!facet_list_empty(&gpu->members))
		facetd_arbitration_detach(
			facet_container_of(gpu->members.next, struct facetd_arbitrated, link)
				->vgpu);
	facetd_tick_stop(gpu);
	facet_arbiter_destroy(gpu->arbiter);
	close_fd(&gpu->idle.fd);
	facet_list_remove(&gpu->link);
	free(gpu);
}

void facetd_arbitration_destroy(struct facetd *daemon)
{
	struct facetd_arbitration *a = facet_steal(daemon->arbitration);

	if (!a)
		return;
	while (!facet_list_empty(&a->gpus))
		gpu_free(facet_container_of(a->gpus.next, struct facetd_arbitrated_gpu, link));
	close_fd(&a->proc_fd);
	close_fd(&a->sys_fd);
	close_fd(&a->cgroup_fd);
	free(a);
}

/* --- GPUs --- */

/* amdgpu tells; of the others we do not know, and admit what comes. */
static uint64_t node_vram(int sys_fd, const char *name)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "class/drm/%s/device/mem_info_vram_total", name);
	read_text(sys_fd, path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static struct facetd_arbitrated_gpu *gpu_new(struct facetd_arbitration *a, const char *name)
{
	struct facetd_arbitrated_gpu *gpu = calloc(1, sizeof(*gpu));

	if (!gpu)
		return NULL;
	gpu->arbitration = a;
	snprintf(gpu->name, sizeof(gpu->name), "%s", name);
	gpu->soft = strcmp(name, "soft0") == 0;
	gpu->eus = gpu->soft ? (unsigned int)CPU_COUNT(&a->cores) : 1;
	gpu->vram_bytes = gpu->soft ? a->soft_vram_bytes : node_vram(a->sys_fd, name);
	gpu->idle = (struct facetd_idle){ .proc_fd = a->proc_fd, .fd = -1 };
	gpu->due_ns = UINT64_MAX;
	facet_list_init(&gpu->members);
	if (facet_arbiter_create(gpu->eus, facetd_policies_load(&a->daemon->dir, name),
				 &gpu->arbiter)) {
		free(gpu);
		return NULL;
	}
	facet_list_append(&a->gpus, &gpu->link);
	a->gpu_count++;
	return gpu;
}

struct facetd_arbitrated_gpu *facetd_arbitrated_gpu(struct facetd *daemon, const char *name,
						    struct facet_error *err)
{
	struct facetd_arbitration *a = daemon->arbitration;
	struct facetd_arbitrated_gpu *gpu;
	struct facet_list *link;

	facet_list_for_each(link, &a->gpus)
	{
		gpu = facet_container_of(link, struct facetd_arbitrated_gpu, link);
		if (strcmp(gpu->name, name) == 0)
			return gpu;
	}
	gpu = a->gpu_count < FACETD_MAX_GPUS && strlen(name) < sizeof(gpu->name) ? gpu_new(a, name)
										 : NULL;
	if (!gpu)
		facet_error_set(err, -ENOMEM, "%.32s: out of memory", name);
	return gpu;
}

enum facet_policy facetd_arbitration_policy(struct facetd *daemon, const char *name)
{
	struct facetd_arbitrated_gpu *gpu = facetd_arbitrated_gpu(daemon, name, NULL);

	return gpu ? facet_arbiter_policy(gpu->arbiter) : FACET_POLICY_BEST_EFFORT;
}

/* Each as if it came now, beside those that are there. */
static int all_fit(const struct facetd_arbitrated_gpu *gpu, struct facet_error *err)
{
	struct facet_list *link;
	int r = 0;

	facet_list_for_each(link, &gpu->members)
	{
		const struct facetd_arbitrated *member =
			facet_container_of(link, struct facetd_arbitrated, link);

		if (!r)
			r = facet_arbiter_admit(gpu->arbiter, member->member,
						&member->vgpu->record.limits.share, err);
	}
	return r;
}

int facetd_arbitration_set_policy(struct facetd *daemon, const char *name, enum facet_policy policy,
				  struct facet_error *err)
{
	struct facetd_arbitrated_gpu *gpu = facetd_arbitrated_gpu(daemon, name, err);
	enum facet_policy before;
	int r;

	if (!gpu)
		return -ENOMEM;
	facetd_tick_settle(gpu);
	before = facet_arbiter_policy(gpu->arbiter);
	facet_arbiter_set_policy(gpu->arbiter, policy);
	r = all_fit(gpu, err);
	if (!r)
		r = facetd_policies_save(gpu->arbitration, err);
	if (r) {
		facet_arbiter_set_policy(gpu->arbiter, before);
		return r;
	}
	log_info("%s: policy %s", name, facet_policy_name(policy));
	facetd_tick_changed(gpu);
	return 0;
}

/* --- vGPUs --- */

static void member_free(struct facetd_arbitrated *member)
{
	sd_event_source_disable_unref(member->bell);
	facet_share_unmap(member->page);
	close_fd(&member->page_fd);
	close_fd(&member->doorbell_fd);
	close_fd(&member->worker_pidfd);
	facet_cgroup_close_cpu(&member->cpu);
	free(member);
}

int facetd_arbitration_attach(struct facetd_vgpu *vgpu, struct facet_error *err)
{
	struct facetd_arbitrated_gpu *gpu =
		facetd_arbitrated_gpu(vgpu->daemon, vgpu->record.gpu, err);
	struct facetd_arbitrated *member;
	int r = 0;

	/* One that was there before us has been admitted before. */
	if (gpu && vgpu->fresh)
		r = facetd_arbitration_admit(vgpu->daemon, gpu->name, NULL, &vgpu->record.limits,
					     err);
	if (!gpu || r)
		return gpu ? r : -ENOMEM;
	member = calloc(1, sizeof(*member));
	if (!member)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vgpu->record.name);
	member->gpu = gpu;
	member->turn = FACET_TURN_OPEN;
	member->vgpu = vgpu;
	member->page_fd = member->doorbell_fd = member->worker_pidfd = -1;
	member->cpu = FACET_CGROUP_NO_CPU;
	facetd_meter_init(&member->meter, gpu->soft ? "cpu-clock" : "drm-fdinfo",
			  gpu->arbitration->proc_fd);
	r = facet_member_add(gpu->arbiter, &vgpu->record.limits.share, member, &member->member);
	if (r) {
		member_free(member);
		return facet_error_set(err, r, "%s: %s", vgpu->record.name, strerror(-r));
	}
	facet_list_append(&gpu->members, &member->link);
	gpu->count++;
	vgpu->arbitrated = member;
	facetd_backing_cores(gpu);
	facetd_tick_changed(gpu);
	return 0;
}

void facetd_arbitration_detach(struct facetd_vgpu *vgpu)
{
	struct facetd_arbitrated *member = facet_steal(vgpu->arbitrated);
	struct facetd_arbitrated_gpu *gpu;

	if (!member)
		return;
	gpu = member->gpu;
	/* A process that goes on without us keeps to its share by itself. */
	if (member->page)
		facet_share_beat(member->page, facetd_now_ns());
	facet_cgroup_remove(&gpu->arbitration->cgroups, vgpu->record.name);
	facet_member_remove(member->member);
	facet_list_remove(&member->link);
	gpu->count--;
	member_free(member);
	facetd_backing_cores(gpu);
	facetd_tick_changed(gpu);
}

int facetd_arbitration_set(struct facetd_vgpu *vgpu, const struct facetd_limits *limits,
			   struct facet_error *err)
{
	struct facetd_arbitrated *member = vgpu->arbitrated;
	struct facetd_limits resolved = *limits;
	int r = facetd_arbitration_admit(vgpu->daemon, vgpu->record.gpu, vgpu, &resolved, err);

	if (r)
		return r;
	vgpu->record.limits = resolved;
	if (!member)
		return 0;
	facetd_tick_settle(member->gpu);
	facet_member_set(member->member, &resolved.share);
	facetd_backing_apply(member);
	facetd_backing_cores(member->gpu);
	facetd_tick_changed(member->gpu);
	return 0;
}

/* --- the page and the doorbell --- */

static int watch_bell(struct facetd_arbitrated *member)
{
	return sd_event_add_io(member->vgpu->daemon->event, &member->bell, member->doorbell_fd,
			       EPOLLIN, facetd_tick_bell, member);
}

static void make_page(struct facetd_arbitrated *member)
{
	struct facet_error err;

	member->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (member->doorbell_fd < 0 || watch_bell(member) < 0 ||
	    facet_share_create(&member->page, &member->page_fd, &err)) {
		log_warn("%s: its share cannot be enforced: no doorbell or page",
			 member->vgpu->record.name);
		member->bell = sd_event_source_disable_unref(member->bell);
		close_fd(&member->doorbell_fd);
	}
}

static bool is_eventfd(int fd)
{
	char path[40], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	return strcmp(target, "anon_inode:[eventfd]") == 0;
}

/* An earlier facetd made them; the process that has them tells. */
static void take_page_back(struct facetd_arbitrated *member)
{
	const struct facetd_held *held = &member->vgpu->held;
	int page = facetd_held_fd(held, "share"), bell = facetd_held_fd(held, "doorbell");
	struct facet_error err;

	if (member->page || page < 0)
		return;
	if (facet_share_map(page, &member->page, &err)) {
		if (!member->strange)
			log_warn("%s: %s", member->vgpu->record.name, err.text);
		member->strange = true;
		return;
	}
	member->page_fd = fcntl(page, F_DUPFD_CLOEXEC, 3);
	/* Not what it says it is: then nobody wakes us, and we look once a while. */
	if (bell < 0 || !is_eventfd(bell))
		return;
	member->doorbell_fd = fcntl(bell, F_DUPFD_CLOEXEC, 3);
	/* Reading it must never make us wait; the flag may have been taken away. */
	if (member->doorbell_fd < 0 || fcntl(member->doorbell_fd, F_SETFL, O_NONBLOCK) < 0 ||
	    watch_bell(member) < 0)
		close_fd(&member->doorbell_fd);
}

void facetd_arbitration_exec(struct facetd_vgpu *vgpu, struct facetd_arbitration_exec *ret)
{
	struct facetd_arbitrated *member = vgpu->arbitrated;

	*ret = (struct facetd_arbitration_exec){ .share_fd = -1, .doorbell_fd = -1 };
	if (!member)
		return;
	if (!member->page)
		make_page(member);
	facetd_backing_cores(member->gpu);
	ret->share_fd = member->page_fd;
	ret->doorbell_fd = member->doorbell_fd;
	ret->pinned = member->pinned;
	ret->cores = member->cores;
	ret->eu_count = member->pinned ? (unsigned int)CPU_COUNT(&member->cores) : 0;
	facetd_tick_changed(member->gpu);
}

/* --- the process --- */

/* The keeper's child; or the process itself, when it has no keeper. */
static pid_t find_worker(int proc_fd, pid_t keeper)
{
	char path[64], text[64];
	int pid;

	snprintf(path, sizeof(path), "%d/task/%d/children", (int)keeper, (int)keeper);
	read_text(proc_fd, path, text, sizeof(text));
	return sscanf(text, "%d", &pid) == 1 ? pid : keeper;
}

static void meet_worker(struct facetd_arbitrated *member)
{
	int proc_fd = member->gpu->arbitration->proc_fd;
	uint64_t before = member->used_ns;
	struct facet_error err;
	pid_t worker;

	member->keeper = member->vgpu->record.pid;
	member->strange = false;
	worker = find_worker(proc_fd, member->keeper);
	close_fd(&member->worker_pidfd);
	/* Is it still the same after it was opened? Its number could have been given anew. */
	if (facetd_process_open(worker, facetd_process_start_time(worker), &member->worker_pidfd) ||
	    find_worker(proc_fd, member->keeper) != worker)
		return;
	member->worker = worker;
	member->meter_why[0] = '\0';
	if (facetd_meter_start(&member->meter, worker, &err))
		snprintf(member->meter_why, sizeof(member->meter_why), "%s", err.text);
	member->used_ns = facetd_meter_read(&member->meter);
	member->read_ns = facetd_now_ns();
	/* What it used until now, at its start or under an earlier facetd, is not held against it.
	 */
	member->base_ns += member->used_ns - before;
	facetd_backing_start(member);
	facetd_backing_cores(member->gpu);
}

void facetd_arbitration_started(struct facetd_vgpu *vgpu)
{
	struct facetd_arbitrated *member = vgpu->arbitrated;

	if (!member)
		return;
	take_page_back(member);
	if (!member->worker || member->keeper != vgpu->record.pid)
		meet_worker(member);
	facetd_backing_memory(member);
	facetd_tick_changed(member->gpu);
}

static void part_from_worker(struct facetd_arbitrated *member)
{
	if (!member->worker)
		return;
	facetd_tick_read(member, facetd_now_ns());
	facetd_meter_stop(&member->meter);
	member->worker = member->keeper = 0;
	facetd_backing_stop(member);
	close_fd(&member->worker_pidfd);
	member->running = member->busy = member->wants = false;
	member->job_started_ns = 0;
	facet_member_observe(member->member, facetd_now_ns(), member->used_ns - member->base_ns,
			     false);
	facetd_tick_changed(member->gpu);
}

bool facetd_arbitration_stopped(struct facetd_vgpu *vgpu, char *ret_why, size_t size)
{
	struct facetd_arbitrated *member = vgpu->arbitrated;

	if (!member)
		return false;
	part_from_worker(member);
	if (!member->hung)
		return false;
	member->hung = false;
	snprintf(ret_why, size, "hang: a job used the GPU for more than %u ms; reset",
		 vgpu->record.limits.hang_ms);
	return true;
}
