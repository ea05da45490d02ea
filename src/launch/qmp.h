/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qmp.h - a client of QEMU's machine protocol. QEMU is not trusted: lines and waits have bounds. */
#ifndef FACET_LAUNCH_QMP_H
#define FACET_LAUNCH_QMP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct facet_qmp;

/*
 * @fd: a connected stream socket, taken over also when it fails. Greets QEMU, waiting at most so
 * long; ends early when @pidfd (-1: none) says that QEMU did.
 */
int facet_qmp_create(int fd, int pidfd, int patience_ms, struct facet_qmp **ret,
		     struct facet_error *err);
/* Somebody else's QEMU, by its socket. */
int facet_qmp_connect(const char *path, int patience_ms, struct facet_qmp **ret,
		      struct facet_error *err);
void facet_qmp_destroy(struct facet_qmp *qmp);

/* Readable when facet_qmp_drain() has something to throw away. */
int facet_qmp_fd(const struct facet_qmp *qmp);
/* Events that came; false: QEMU has closed it. */
bool facet_qmp_drain(struct facet_qmp *qmp);

/**
 * facet_qmp_call() - have a command executed.
 * @arguments: an object, taken; NULL: none
 * @ret: what it returned; NULL: not wanted
 *
 * Return: 0; -EREMOTEIO: QEMU refused, and @err has its words; another -errno: the connection.
 */
int facet_qmp_call(struct facet_qmp *qmp, const char *command, json_t *arguments, int patience_ms,
		   json_t **ret, struct facet_error *err);

/* The threads of vCPUs, in order; at most @max. Their number, or negative errno. */
int facet_qmp_vcpus(struct facet_qmp *qmp, pid_t *ret, unsigned int max, int patience_ms,
		    struct facet_error *err);

#endif
