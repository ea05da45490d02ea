/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process.h - other programs: run to their end, or started and kept by a pidfd. */
#ifndef FACET_LAUNCH_PROCESS_H
#define FACET_LAUNCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct facet_spawn {
	char *const *argv;
	const char *module_dir; /* for $QEMU_MODULE_DIR; NULL: as it is */
	int output_fd;          /* its standard output and error */
	int fd;                 /* becomes 3; -1: none */
	bool tied;              /* the kernel ends it when the thread that started it ends */
};

/* Reaped by who called. 0; negative errno after a sentence. */
int facet_process_spawn(const struct facet_spawn *spawn, pid_t *ret_pid, int *ret_pidfd,
			struct facet_error *err);

/* Runs it to the end; what it wrote, NUL-terminated, malloc()ed, at most @max bytes. */
int facet_process_output(char *const *argv, const char *module_dir, size_t max, int patience_ms,
			 char **ret, struct facet_error *err);

/* In ticks since boot; 0: there is no such process, or it has ended. */
uint64_t facet_process_start_time(pid_t pid);
/* -1: it has ended, or is another by now. */
int facet_process_open(pid_t pid, uint64_t start_time);
int facet_process_signal(int pidfd, int signal, int value);
/* Has it ended? Waits at most so long. */
bool facet_process_wait(int pidfd, int patience_ms);

#endif
