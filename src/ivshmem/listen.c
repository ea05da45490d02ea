// SPDX-License-Identifier: GPL-2.0-or-later
/* listen.c - the socket that QEMU connects to. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "ivshmem/ivshmem.h"

/* A socket that somebody left behind makes room; anything else is not ours to remove. */
static int clear_path(const struct sockaddr_un *address, struct facet_error *err)
{
	facet_autoclose int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return facet_error_set(err, -EEXIST,
				       "%s: something is there that is no socket: remove it, or "
				       "give another path",
				       address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return facet_error_set(err, -EADDRINUSE,
				       "%s: somebody listens there: end it, or give another path",
				       address->sun_path);
	unlink(address->sun_path);
	return 0;
}

static int bind_path(int fd, const struct sockaddr_un *address, mode_t mode, gid_t gid)
{
	mode_t old = umask(0177); /* nobody else may slip in before the mode is set */
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(old);
	if (r)
		return r;
	if ((gid != (gid_t)-1 && chown(address->sun_path, (uid_t)-1, gid) < 0) ||
	    chmod(address->sun_path, mode) < 0 || listen(fd, SOMAXCONN) < 0) {
		r = -errno;
		unlink(address->sun_path);
	}
	return r;
}

int facet_ivshmem_listen(const char *path, mode_t mode, gid_t gid,
			 struct facet_ivshmem_listener *ret, struct facet_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = -1;
	struct stat st;
	int r;

	if (!path[0] || strlen(path) >= sizeof(address.sun_path))
		return facet_error_set(err, -ENAMETOOLONG,
				       "socket %.40s...: 1 to 107 bytes are possible: give "
				       "another path",
				       path);
	strcpy(address.sun_path, path);
	r = clear_path(&address, err);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : bind_path(fd, &address, mode, gid);
	if (r)
		return facet_error_set(err, r, "socket %s: %s", path, strerror(-r));
	if (lstat(path, &st) < 0)
		return facet_error_set(err, -errno, "socket %s: %s", path, strerror(errno));
	*ret = (struct facet_ivshmem_listener){ .fd = facet_steal_fd(&fd),
						.device = st.st_dev,
						.inode = st.st_ino };
	strcpy(ret->path, path);
	return 0;
}

void facet_ivshmem_unlisten(struct facet_ivshmem_listener *listener)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	if (lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		unlink(listener->path);
	close(listener->fd);
	listener->fd = -1;
}
