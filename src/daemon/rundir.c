// SPDX-License-Identifier: GPL-2.0-or-later
/* rundir.c - makes, locks and cleans the runtime directory. */
#include "daemon/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"

#define LOG_AREA "facetd"

static const char *const vgpu_files[] = { "vhost-user.sock", "vfio-user.sock",
					  "control.sock",    "vgpu.json",
					  "vgpu.json.new",   "log",
					  "spice.sock",      NULL };

bool facetd_name_valid(const char *name)
{
	static const char first[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t size = strlen(name);

	if (size == 0 || size > 64 || !strchr(first, name[0]))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!strchr(first, name[i]) && !strchr("_.-", name[i]))
			return false;
	/* The socket lives beside the folders, and so do the machines of `facet run`. */
	return strcmp(name, "io.facet") != 0 && strcmp(name, "vm") != 0;
}

static int choose_path(struct facetd_rundir *dir, const char *path, struct facet_error *err)
{
	const char *user = getenv("XDG_RUNTIME_DIR");
	int size;

	if (path) {
		char here[PATH_MAX] = "";

		if (path[0] != '/' && !getcwd(here, sizeof(here)))
			return facet_error_set(err, -errno, "the working directory: %s",
					       strerror(errno));
		size = snprintf(dir->path, sizeof(dir->path), "%s%s%s", here,
				path[0] == '/' ? "" : "/", path);
	} else if (user && user[0] == '/') {
		size = snprintf(dir->path, sizeof(dir->path), "%s/facet", user);
	} else if (geteuid() == 0) {
		size = snprintf(dir->path, sizeof(dir->path), "/run/facet");
	} else {
		return facet_error_set(err, -ENOENT,
				       "XDG_RUNTIME_DIR is not set: log in properly, or give "
				       "--runtime-dir DIR");
	}
	/* Room for a short name at least: the path of a socket has 107 bytes. */
	if (size < 0 || size > 80)
		return facet_error_set(
			err, -ENAMETOOLONG,
			"%.40s...: too long for sockets below it (at most 80 bytes): "
			"give a shorter --runtime-dir",
			path ? path : dir->path);
	while (size > 1 && dir->path[size - 1] == '/')
		dir->path[--size] = '\0';
	return 0;
}

static int find_group(struct facetd_rundir *dir, const char *name, struct facet_error *err)
{
	struct group *group;

	dir->group = (gid_t)-1;
	if (!name)
		return 0;
	group = getgrnam(name);
	if (!group)
		return facet_error_set(err, -ENOENT, "group %s: there is none of that name", name);
	dir->group = group->gr_gid;
	return 0;
}

int facetd_rundir_open(struct facetd_rundir *dir, const char *path, const char *group,
		       struct facet_error *err)
{
	int r;

	*dir = (struct facetd_rundir){ .fd = -1, .shared = geteuid() == 0 };
	r = choose_path(dir, path, err);
	if (!r)
		r = find_group(dir, group, err);
	if (r)
		return r;
	if (mkdir(dir->path, dir->shared ? 0755 : 0700) == 0)
		dir->created = true;
	else if (errno != EEXIST)
		return facet_error_set(err, -errno, "%s: cannot be made: %s", dir->path,
				       strerror(errno));
	dir->fd = open(dir->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->fd < 0)
		return facet_error_set(err, -errno, "%s: cannot be opened: %s", dir->path,
				       strerror(errno));
	if (flock(dir->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	r = facet_error_set(err, -errno,
			    "%s: another facetd runs here: end it first, or give another "
			    "--runtime-dir",
			    dir->path);
	close(dir->fd);
	dir->fd = -1;
	return r;
}

void facetd_rundir_close(struct facetd_rundir *dir)
{
	if (dir->fd < 0)
		return;
	unlinkat(dir->fd, "io.facet", 0);
	/* Only an empty one goes: folders of vGPUs stay for the next facetd. */
	if (dir->created)
		rmdir(dir->path);
	close(dir->fd);
	dir->fd = -1;
}

void facetd_rundir_path(const struct facetd_rundir *dir, const char *name, const char *file,
			char ret[static PATH_MAX])
{
	if (name)
		snprintf(ret, PATH_MAX, "%.80s/%s/%s", dir->path, name, file);
	else
		snprintf(ret, PATH_MAX, "%.80s/%s", dir->path, file);
}

static int make_address(const struct facetd_rundir *dir, const char *name, const char *file,
			struct sockaddr_un *ret)
{
	char path[PATH_MAX];

	facetd_rundir_path(dir, name, file, path);
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

int facetd_rundir_listen(const struct facetd_rundir *dir, const char *name, const char *file,
			 mode_t mode, int *ret_fd, struct facet_error *err)
{
	struct sockaddr_un address;
	facet_autoclose int fd = -1;
	mode_t old;
	int r = make_address(dir, name, file, &address);

	if (r)
		return facet_error_set(err, r,
				       "the path of its socket would be longer than 107 bytes: "
				       "choose a shorter name, or --runtime-dir of facetd");
	unlink(address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Nobody else may slip in before the mode is set. */
	old = umask(0177);
	r = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(old);
	if (!r && dir->group != (gid_t)-1 && mode & 0070 &&
	    chown(address.sun_path, (uid_t)-1, dir->group) < 0)
		r = -errno;
	if (!r && (chmod(address.sun_path, mode) < 0 || listen(fd, SOMAXCONN) < 0))
		r = -errno;
	if (r)
		return facet_error_set(err, r, "%s: %s", address.sun_path, strerror(-r));
	*ret_fd = facet_steal_fd(&fd);
	return 0;
}

bool facetd_rundir_listens(const struct facetd_rundir *dir, const char *name, const char *file,
			   int fd)
{
	struct sockaddr_un wanted, got = { 0 };
	socklen_t size = sizeof(got);
	int listening = 0;

	if (make_address(dir, name, file, &wanted) ||
	    getsockname(fd, (struct sockaddr *)&got, &size) < 0)
		return false;
	if (got.sun_family != AF_UNIX ||
	    strncmp(got.sun_path, wanted.sun_path, sizeof(got.sun_path)) != 0)
		return false;
	size = sizeof(listening);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

int facetd_rundir_add(const struct facetd_rundir *dir, const char *name, struct facet_error *err)
{
	if (mkdirat(dir->fd, name, dir->shared ? 0755 : 0700) == 0)
		return 0;
	return facet_error_set(err, -errno, "%s/%s: cannot be made: %s", dir->path, name,
			       errno == EEXIST ? "something is there that is no vGPU of this "
						 "facetd; remove it, or choose another name"
					       : strerror(errno));
}

void facetd_rundir_remove(const struct facetd_rundir *dir, const char *name)
{
	char path[PATH_MAX];

	for (const char *const *file = vgpu_files; *file; file++) {
		facetd_rundir_path(dir, name, *file, path);
		unlink(path);
	}
	if (unlinkat(dir->fd, name, AT_REMOVEDIR) < 0)
		log_warn("%s/%s: cannot be removed: %s", dir->path, name, strerror(errno));
}
