/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox.h - what a vGPU gives up before it sees a byte of a guest. */
#ifndef FACET_VGPU_SANDBOX_H
#define FACET_VGPU_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * DOC: Theory of Operation
 *
 * The program splits in two. The keeper stays outside, sees no byte of a guest, and is what the
 * caller supervises: it passes signals in, relays messages out (so many a second, however chatty
 * a guest makes the renderer), ends as the worker ended, and removes the files that were made.
 * The worker goes through the stages below, in this order, before its first thread starts:
 *
 *	user		not root: root becomes nobody
 *	namespaces	its own users, processes, network, IPC, host name and cgroups
 *	root		an empty read-only root with what a GL driver is loaded from, nothing else
 *	limits		files, threads, file size, private memory, no core dumps
 *	capabilities	none, and none to be had
 *	no-new-privs	not by exec either
 *	undumpable	no other process of this user may look inside
 *	syscalls	a list of allowed system calls (scripts/seccomp-list makes it)
 *
 * A stage that this host refuses is reported and the rest still happens, unless the mode is strict.
 */
enum facet_sandbox_mode {
	FACET_SANDBOX_AUTO,
	FACET_SANDBOX_OFF,
	FACET_SANDBOX_STRICT,
};

struct facet_sandbox_config {
	enum facet_sandbox_mode mode;
	const char *render_node; /* NULL: no GPU */
	int render_fd;           /* open on it, or -1 */
	uint64_t vram_bytes;     /* what guest pictures may take: the limit must leave it */
	const char *const *made; /* files that the keeper removes in the end; ends with NULL */
	bool with_threads;       /* somebody will want to know this process's threads */
};

enum facet_sandbox_what {
	FACET_SANDBOX_USER,
	FACET_SANDBOX_NAMESPACES,
	FACET_SANDBOX_ROOT,
	FACET_SANDBOX_LIMITS,
	FACET_SANDBOX_CAPABILITIES,
	FACET_SANDBOX_NO_NEW_PRIVS,
	FACET_SANDBOX_UNDUMPABLE,
	FACET_SANDBOX_SYSCALLS,
	FACET_SANDBOX_STAGES,
};

struct facet_sandbox_stage {
	const char *what;
	bool in_force;
	char why[120]; /* why not; or what exactly */
};

struct facet_sandbox_report {
	struct facet_sandbox_stage stages[FACET_SANDBOX_STAGES];
	pid_t pid;    /* of the worker, as the caller sees it */
	int statm_fd; /* its /proc/self/statm, where /proc is gone; -1: none */
	int task_fd;  /* its /proc/self/task, if it was asked for; -1: none */
	bool kept;    /* there is a keeper, which removes the files */
	bool padded;  /* a sanitizer keeps what was freed: the process's size tells nothing */
};

/**
 * facet_sandbox_enter() - split, and lock the worker in.
 *
 * Call while there is one thread, with SIGTERM, SIGINT and SIGCHLD blocked. Returns in the worker
 * only. After it: no file can be opened but to read what a GL driver needs, no process and no
 * socket made.
 *
 * Return: 0; in strict mode -EPERM when a stage is not in force.
 */
int facet_sandbox_enter(const struct facet_sandbox_config *cfg, struct facet_sandbox_report *ret,
			struct facet_error *err);

/* Another quota of memory: the limit of private memory follows, as far as it may. */
void facet_sandbox_set_vram(uint64_t vram_bytes);

#endif
