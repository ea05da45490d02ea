// SPDX-License-Identifier: GPL-2.0-or-later
/* sandbox_user.c - who the worker is, and what it may do: nobody, and nothing. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "vgpu/sandbox_stages.h"

enum {
	NOBODY = 65534,
	MAX_FDS = 1024,
	MAX_THREADS = 512, /* a software renderer takes one for each processor, up to 32 */
};
/* Above the quota: GL itself, thread stacks, and what the quota only estimates. */
#define PRIVATE_BYTES (1ULL << 30)

/* A GPU's node may have to be opened once more, by name: its group may. */
static gid_t group_for(const struct facet_sandbox_config *cfg)
{
	struct stat st;

	if (cfg->render_fd >= 0 && fstat(cfg->render_fd, &st) == 0 && st.st_gid)
		return st.st_gid;
	return NOBODY;
}

/* Not root any more, but the mounts and namespaces to come still need what root may do. */
static int raise_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	return 0;
}

void facet_sandbox_user(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	gid_t gid = group_for(box->cfg);

	if (geteuid() != 0) {
		facet_sandbox_in_force(stage, "uid %u", geteuid());
		return;
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0) {
		facet_sandbox_missing(stage, "root cannot become nobody: %s", strerror(errno));
		return;
	}
	/* The change took away the right to write our own /proc files, which the next stage does.
	 */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	raise_permitted();
	facet_sandbox_in_force(stage, "uid %u", geteuid());
}

/* @max: to which it may be raised later. */
static int limit(int resource, rlim_t value, rlim_t max)
{
	struct rlimit old, new = { value, max };

	if (getrlimit(resource, &old) < 0)
		return -errno;
	if (old.rlim_max < new.rlim_max) /* never more than there was */
		new.rlim_max = old.rlim_max;
	if (new.rlim_max < new.rlim_cur)
		new.rlim_cur = new.rlim_max;
	return setrlimit(resource, &new) < 0 ? -errno : 0;
}

static rlim_t data_limit(uint64_t vram_bytes)
{
	return vram_bytes + PRIVATE_BYTES;
}

/* A quota may be raised while the vGPU runs, but not past the memory of the host. */
static rlim_t data_limit_max(uint64_t vram_bytes)
{
	rlim_t memory = (rlim_t)sysconf(_SC_PHYS_PAGES) * (rlim_t)sysconf(_SC_PAGESIZE);

	return data_limit(memory > vram_bytes ? memory : vram_bytes);
}

void facet_sandbox_set_vram(uint64_t vram_bytes)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_DATA, &now) == 0 && now.rlim_cur != RLIM_INFINITY)
		limit(RLIMIT_DATA, data_limit(vram_bytes), now.rlim_max); /* #syscalls prlimit64 */
}

/*
 * The device's quotas come first: they answer the guest. This is for what they cannot see.
 *
 * Private memory is limited by RLIMIT_DATA and not all memory by RLIMIT_AS: the guest's own memory
 * is mapped here too, and may be any size. Threads are counted per user: only where the worker has
 * its users for itself does the number mean anything; elsewhere the system calls allow no process.
 */
void facet_sandbox_limits(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	rlim_t data = data_limit(box->cfg->vram_bytes);
	const struct {
		int resource;
		rlim_t value;
		bool wanted;
	} limits[] = {
		{ RLIMIT_CORE, 0, true },
		{ RLIMIT_NOFILE, MAX_FDS, true },
		{ RLIMIT_DATA, data, true },
		{ RLIMIT_FSIZE, 1ULL << 30, true },
		{ RLIMIT_MEMLOCK, 64 << 10, true },
		{ RLIMIT_MSGQUEUE, 0, true },
		{ RLIMIT_NPROC, MAX_THREADS, box->own_users },
	};

	signal(SIGXFSZ, SIG_IGN); /* a picture too large for its file is an error, not the end */
	for (size_t i = 0; i < FACET_ARRAY_SIZE(limits); i++) {
		rlim_t value = limits[i].value;
		rlim_t max = limits[i].resource == RLIMIT_DATA
				     ? data_limit_max(box->cfg->vram_bytes)
				     : value;
		int r = limits[i].wanted ? limit(limits[i].resource, value, max) : 0;

		if (r < 0) {
			facet_sandbox_missing(stage, "limit %d: %s", limits[i].resource,
					      strerror(-r));
			return;
		}
	}
	facet_sandbox_in_force(stage, "%d files, %s, %llu MiB private memory", MAX_FDS,
			       box->own_users ? "512 threads" : "threads unlimited",
			       (unsigned long long)data >> 20);
}

static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return true;
	return data[0].permitted || data[1].permitted || data[0].effective || data[1].effective;
}

void facet_sandbox_capabilities(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	capng_clear(CAPNG_SELECT_ALL);
	/* The bounding set needs a capability to be emptied: without one there is nothing in it. */
	if (capng_apply(CAPNG_SELECT_ALL) < 0)
		capng_apply(CAPNG_SELECT_CAPS);
	if (has_capabilities())
		facet_sandbox_missing(stage, "they could not be dropped");
	else
		facet_sandbox_in_force(stage, "none");
}

void facet_sandbox_no_new_privs(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		facet_sandbox_missing(stage, "%s", strerror(errno));
	else
		facet_sandbox_in_force(stage, "set");
}

void facet_sandbox_undumpable(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		facet_sandbox_missing(stage, "%s", strerror(errno));
	else
		facet_sandbox_in_force(stage, "set");
}
