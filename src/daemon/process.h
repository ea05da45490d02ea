/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process.h - starting programs, and knowing them again by process id and start time. */
#ifndef FACET_DAEMON_PROCESS_H
#define FACET_DAEMON_PROCESS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum { FACETD_SPAWN_MAX_FDS = 288 };

struct facetd_spawn {
	const char *program;
	char *const *argv;
	const int *fds; /* become 3, 4, 5... in the child; no others are left */
	unsigned int fd_count;
	int output_fd;          /* stdout */
	int error_fd;           /* stderr */
	const cpu_set_t *cores; /* where it may run; NULL: anywhere */
};

/* In a session of its own. 0, with the id and a pidfd of the caller's. */
int facetd_process_spawn(const struct facetd_spawn *spawn, pid_t *ret_pid, int *ret_pidfd,
			 struct facet_error *err);

/* When a process started, in clock ticks since boot; 0: there is none. */
uint64_t facetd_process_start_time(pid_t pid);

/* A pidfd if @pid is still the process that started then, or -ESRCH. */
int facetd_process_open(pid_t pid, uint64_t start_time, int *ret_pidfd);

/* After the pidfd became readable: "signal 11 (SIGSEGV)", "exit code 1"... Collects a child. */
void facetd_process_end_reason(int pidfd, char *ret, size_t size);

int facetd_process_kill(int pidfd, int signal);

/* The first word of a process's command line without its path, or "". */
void facetd_process_command(pid_t pid, char *ret, size_t size);

/* What a log says last about an error, behind byte @from; without control characters; or "". */
void facetd_log_last_error(const char *path, uint64_t from, char *ret, size_t size);

/*
 * This process is to run soon after it is woken, also when all cores are busy; its children as
 * usual. -EPERM: not as well as with privileges.
 */
int facetd_process_be_prompt(void);
/* The same for a thread that does not get a larger part of a core by it. Best effort. */
void facetd_process_short_slice(pid_t tid);

#endif
