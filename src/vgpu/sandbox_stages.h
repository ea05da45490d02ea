/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox_stages.h - the stages of the sandbox. Only sandbox*.c and keeper.c include this. */
#ifndef FACET_VGPU_SANDBOX_STAGES_H
#define FACET_VGPU_SANDBOX_STAGES_H

#include "vgpu/sandbox.h"

/* What the stages know of each other. */
struct facet_sandbox {
	const struct facet_sandbox_config *cfg;
	bool own_pids;   /* the worker is the first of its process namespace */
	bool own_users;  /* it has its own user namespace */
	bool own_mounts; /* it may change its mounts */
	int task_fd;     /* of threads, if they are wanted; -1: not yet */
};

/* Each fills in @stage, once: in force or not, and why. */
void facet_sandbox_user(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_namespaces(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_root(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_limits(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_capabilities(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_no_new_privs(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_undumpable(struct facet_sandbox *box, struct facet_sandbox_stage *stage);
void facet_sandbox_syscalls(struct facet_sandbox *box, struct facet_sandbox_stage *stage);

void facet_sandbox_in_force(struct facet_sandbox_stage *stage, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void facet_sandbox_missing(struct facet_sandbox_stage *stage, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Gives this process its own user namespace, in which its user and group are the same. */
int facet_sandbox_unshare_users(void);

/**
 * facet_keeper_split() - become two processes.
 *
 * Return: 0 in the worker, whose stderr goes through the keeper from now on; the keeper never
 * returns. -errno: there is no second process.
 */
int facet_keeper_split(struct facet_sandbox *box, struct facet_error *err);

/* In the worker: die with the keeper. A change of user or capabilities would undo it: do it last.
 */
void facet_keeper_tie(void);

#endif
