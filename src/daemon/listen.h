/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen.h - a listening socket where only this host can reach it. */
#ifndef FACET_DAEMON_LISTEN_H
#define FACET_DAEMON_LISTEN_H

#include "base/error.h"
#include "daemon/rundir.h"

struct facetd_listener {
	int fd;         /* non-blocking; -1: none */
	char path[108]; /* of a unix socket, which goes with it; or "" */
	char name[128]; /* for people: "http://127.0.0.1:9400", or the path */
};

/* @where: a path (with a slash), 127.0.0.1:PORT or [::1]:PORT. @dir: its group may use a path. */
int facetd_listener_open(struct facetd_listener *listener, const char *where,
			 const struct facetd_rundir *dir, struct facet_error *err);
void facetd_listener_close(struct facetd_listener *listener);

#endif
