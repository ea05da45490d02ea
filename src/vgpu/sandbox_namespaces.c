// SPDX-License-Identifier: GPL-2.0-or-later
/* sandbox_namespaces.c - the worker's own users, network, IPC, names and cgroups. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "vgpu/sandbox_stages.h"

static int write_file(const char *path, const char *text)
{
	facet_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int unshare_users(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char users[32], groups[32];
	int r;

	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = write_file("/proc/self/setgroups", "deny");
	if (!r)
		r = write_file("/proc/self/uid_map", users);
	if (!r)
		r = write_file("/proc/self/gid_map", groups);
	return r;
}

/* There is no way back from a namespace in which one is nobody at all: somebody else goes first. */
int facet_sandbox_unshare_users(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-unshare_users() & 0xff);
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
	return unshare_users();
}

struct name_list {
	char text[80];
	size_t used;
};

static void name_add(struct name_list *list, const char *name)
{
	int n = snprintf(list->text + list->used, sizeof(list->text) - list->used, "%s%s",
			 list->used ? ", " : "", name);

	if (n > 0 && list->used + n < sizeof(list->text))
		list->used += n;
}

void facet_sandbox_namespaces(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	static const struct {
		int flag;
		const char *name;
	} kinds[] = {
		{ CLONE_NEWNS, "mount" }, { CLONE_NEWNET, "network" },   { CLONE_NEWIPC, "ipc" },
		{ CLONE_NEWUTS, "uts" },  { CLONE_NEWCGROUP, "cgroup" },
	};
	struct name_list have = { 0 }, refused = { 0 };
	int why = 0;

	/* Root can do the rest without; but in its own, what it holds is worth nothing outside. */
	if (!box->own_users) {
		why = facet_sandbox_unshare_users();
		box->own_users = why == 0;
	}
	name_add(box->own_users ? &have : &refused, "user");
	name_add(box->own_pids ? &have : &refused, "pid");
	for (size_t i = 0; i < FACET_ARRAY_SIZE(kinds); i++) {
		bool ok = unshare(kinds[i].flag) == 0;

		if (!ok)
			why = -errno;
		else if (kinds[i].flag == CLONE_NEWNS)
			box->own_mounts = true;
		name_add(ok ? &have : &refused, kinds[i].name);
	}
	if (refused.used)
		facet_sandbox_missing(stage, "refused: %s (%s)", refused.text,
				      strerror(why ? -why : EPERM));
	else
		facet_sandbox_in_force(stage, "%s", have.text);
}
