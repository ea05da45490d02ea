// SPDX-License-Identifier: GPL-2.0-or-later
/* listen.c - opens unix sockets and loopback addresses, and refuses all others. */
#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static int refuse(struct facet_error *err, const char *where, const char *why)
{
	return facet_error_set(err, -EINVAL,
			       "--metrics-listen %.60s: %s: give the path of a unix socket (with a "
			       "slash), 127.0.0.1:PORT or [::1]:PORT",
			       where, why);
}

static int parse_port(const char *text, in_port_t *ret)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || port > 65535)
		return -EINVAL;
	*ret = htons((in_port_t)port);
	return 0;
}

/* Only what other hosts cannot reach: whoever connects is answered. */
static int parse_address(const char *where, union address *ret, socklen_t *ret_size,
			 struct facet_error *err)
{
	const char *colon = strrchr(where, ':');
	char host[64];
	in_port_t port;

	if (!colon)
		return refuse(err, where, "no path, and no address with a port");
	if (parse_port(colon + 1, &port))
		return refuse(err, where, "the port must be a number from 0 to 65535");
	snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
	*ret = (union address){ .in = { .sin_family = AF_INET, .sin_port = port } };
	*ret_size = sizeof(ret->in);
	if (strcmp(host, "[::1]") == 0) {
		*ret = (union address){ .in6 = { .sin6_family = AF_INET6,
						 .sin6_port = port,
						 .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
		*ret_size = sizeof(ret->in6);
		return 0;
	}
	if (inet_pton(AF_INET, host, &ret->in.sin_addr) != 1)
		return refuse(err, where, "no address (names are not looked up)");
	if (ntohl(ret->in.sin_addr.s_addr) >> 24 != 127)
		return refuse(err, where,
			      "not of this host alone, and metrics are not for the network");
	return 0;
}

static int open_inet(struct facetd_listener *listener, const char *where, struct facet_error *err)
{
	union address address;
	socklen_t size = 0;
	facet_autoclose int fd = -1;
	int one = 1, r = parse_address(where, &address, &size, err);

	if (r)
		return r;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &address.any, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, &address.any, &size) < 0)
		return facet_error_set(err, -errno, "--metrics-listen %s: %s", where,
				       strerror(errno));
	/* Port 0 lets the kernel choose: people have to be told. */
	snprintf(listener->name, sizeof(listener->name), "http://%.*s:%u",
		 (int)(strrchr(where, ':') - where), where,
		 ntohs(address.any.sa_family == AF_INET ? address.in.sin_port
							: address.in6.sin6_port));
	listener->fd = facet_steal_fd(&fd);
	return 0;
}

/* A socket that somebody left behind makes room; anything else is not ours to remove. */
static int clear_path(const struct sockaddr_un *address, struct facet_error *err)
{
	facet_autoclose int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!S_ISSOCK(st.st_mode))
		return facet_error_set(err, -EEXIST,
				       "--metrics-listen %s: something is there that is no socket: "
				       "remove it, or give another path",
				       address->sun_path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return facet_error_set(err, -EADDRINUSE,
				       "--metrics-listen %s: somebody listens there: end it, or "
				       "give another path",
				       address->sun_path);
	unlink(address->sun_path);
	return 0;
}

static int open_unix(struct facetd_listener *listener, const char *where,
		     const struct facetd_rundir *dir, struct facet_error *err)
{
	union address address = { .un = { .sun_family = AF_UNIX } };
	bool group = dir->shared && dir->group != (gid_t)-1;
	facet_autoclose int fd = -1;
	mode_t old;
	int r;

	if (strlen(where) >= sizeof(address.un.sun_path))
		return facet_error_set(err, -ENAMETOOLONG,
				       "--metrics-listen %.40s...: longer than 107 bytes: give a "
				       "shorter path",
				       where);
	strcpy(address.un.sun_path, where);
	r = clear_path(&address.un, err);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(0177);
	r = fd < 0 || bind(fd, &address.any, sizeof(address.un)) < 0 ? -errno : 0;
	umask(old);
	if (!r && group && (chown(where, (uid_t)-1, dir->group) < 0 || chmod(where, 0660) < 0))
		r = -errno;
	if (!r && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r)
		return facet_error_set(err, r, "--metrics-listen %s: %s", where, strerror(-r));
	strcpy(listener->path, where);
	snprintf(listener->name, sizeof(listener->name), "%s", where);
	listener->fd = facet_steal_fd(&fd);
	return 0;
}

int facetd_listener_open(struct facetd_listener *listener, const char *where,
			 const struct facetd_rundir *dir, struct facet_error *err)
{
	*listener = (struct facetd_listener){ .fd = -1 };
	return strchr(where, '/') ? open_unix(listener, where, dir, err)
				  : open_inet(listener, where, err);
}

void facetd_listener_close(struct facetd_listener *listener)
{
	if (listener->fd < 0)
		return;
	close(listener->fd);
	listener->fd = -1;
	if (listener->path[0])
		unlink(listener->path);
}
