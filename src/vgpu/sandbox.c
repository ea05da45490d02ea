// SPDX-License-Identifier: GPL-2.0-or-later
/* sandbox.c - the stages in their order, and what is said about them. */
#include "vgpu/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vgpu/sandbox_stages.h"

/* Shadow memory, /proc/self/maps and ptrace: a sanitizer wants all that a sandbox takes away. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

static const struct {
	const char *what;
	void (*enter)(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
} stages[FACET_SANDBOX_STAGES] = {
	[FACET_SANDBOX_USER] = { "user", facet_sandbox_user },
	[FACET_SANDBOX_NAMESPACES] = { "namespaces", facet_sandbox_namespaces },
	[FACET_SANDBOX_ROOT] = { "root", facet_sandbox_root },
	[FACET_SANDBOX_LIMITS] = { "limits", facet_sandbox_limits },
	[FACET_SANDBOX_CAPABILITIES] = { "capabilities", facet_sandbox_capabilities },
	[FACET_SANDBOX_NO_NEW_PRIVS] = { "no-new-privs", facet_sandbox_no_new_privs },
	[FACET_SANDBOX_UNDUMPABLE] = { "undumpable", facet_sandbox_undumpable },
	[FACET_SANDBOX_SYSCALLS] = { "syscalls", facet_sandbox_syscalls },
};

static void stage_say(struct facet_sandbox_stage *stage, bool in_force, const char *fmt,
		      va_list args)
{
	stage->in_force = in_force;
	vsnprintf(stage->why, sizeof(stage->why), fmt, args);
}

void facet_sandbox_in_force(struct facet_sandbox_stage *stage, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	stage_say(stage, true, fmt, args);
	va_end(args);
}

void facet_sandbox_missing(struct facet_sandbox_stage *stage, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	stage_say(stage, false, fmt, args);
	va_end(args);
}

/* A worker that is number 1 to itself has another number for the world, and for its /proc. */
static void look_outside(struct facet_sandbox_report *report)
{
	char text[16] = "";

	report->pid = readlink("/proc/self", text, sizeof(text) - 1) < 0 ? getpid() : atoi(text);
	report->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* As long as /proc is there to be seen, there is nothing to hide. */
static int open_threads(const struct facet_sandbox *box)
{
	if (!box->cfg->with_threads || box->task_fd >= 0)
		return box->task_fd;
	return open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void enter_nothing(struct facet_sandbox_report *report, const char *why)
{
	for (int i = 0; i < FACET_SANDBOX_STAGES; i++)
		facet_sandbox_missing(&report->stages[i], "%s", why);
}

static int check_strict(const struct facet_sandbox_report *report, struct facet_error *err)
{
	for (int i = 0; i < FACET_SANDBOX_STAGES; i++) {
		const struct facet_sandbox_stage *stage = &report->stages[i];

		if (!stage->in_force)
			return facet_error_set(err, -EPERM,
					       "sandbox: '%s' is not in force (%s); use "
					       "--sandbox=auto to run without it",
					       stage->what, stage->why);
	}
	return 0;
}

int facet_sandbox_enter(const struct facet_sandbox_config *cfg, struct facet_sandbox_report *ret,
			struct facet_error *err)
{
	struct facet_sandbox_report report = { .padded = WITH_SANITIZER };
	struct facet_sandbox box = { .cfg = cfg, .task_fd = -1 };
	int r;

	for (int i = 0; i < FACET_SANDBOX_STAGES; i++)
		report.stages[i].what = stages[i].what;
	if (cfg->mode == FACET_SANDBOX_OFF) {
		look_outside(&report);
		enter_nothing(&report, "--sandbox=off");
		report.task_fd = open_threads(&box);
	} else if (WITH_SANITIZER) {
		look_outside(&report);
		enter_nothing(&report, "this build carries a sanitizer");
		report.task_fd = open_threads(&box);
	} else {
		r = facet_keeper_split(&box, err);
		if (r < 0)
			return r;
		report.kept = true;
		look_outside(&report);
		for (int i = 0; i < FACET_SANDBOX_SYSCALLS; i++)
			stages[i].enter(&box, &report.stages[i]);
		report.task_fd = open_threads(&box);
		facet_keeper_tie();
		facet_sandbox_syscalls(&box, &report.stages[FACET_SANDBOX_SYSCALLS]);
	}
	*ret = report;
	return cfg->mode == FACET_SANDBOX_STRICT ? check_strict(&report, err) : 0;
}
