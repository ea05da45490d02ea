// SPDX-License-Identifier: GPL-2.0-or-later
/* shared_file.c - files without a name until they are whole, and known by more than their name. */
#include "base/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int facet_shared_file_fill(int fd, const char *path, uint64_t size, struct facet_error *err)
{
	int r;

	do
		r = posix_fallocate(fd, 0, (off_t)size);
	while (r == EINTR);
	if (r == 0)
		return 0;
	return facet_error_set(err, -r, "%s: %llu MiB cannot be had there: %s%s", path,
			       (unsigned long long)(size + (1 << 20) - 1) >> 20, strerror(r),
			       r == ENOSPC ? "; make room, or choose another place" : "");
}

static struct facet_file_id id_of(const struct stat *st)
{
	return (struct facet_file_id){ .device = st->st_dev, .inode = st->st_ino };
}

/* Without a name there is nothing to clean up, whatever happens before it gets one. */
static int open_nameless(const char *path, struct facet_error *err)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return facet_error_set(err, -errno, "%s: no file can be made there: %s", path,
				       strerror(errno));
	return fd;
}

int facet_shared_file_make(const char *path, uint64_t size, gid_t group, int *ret_fd,
			   struct facet_file_id *ret_id, struct facet_error *err)
{
	facet_autoclose int fd = open_nameless(path, err);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) < 0)
		return facet_error_set(err, -errno, "%s: cannot be given to group %u: %s", path,
				       (unsigned int)group, strerror(errno));
	if (fchmod(fd, 0660) < 0 || fstat(fd, &st) < 0)
		return facet_error_set(err, -errno, "%s: %s", path, strerror(errno));
	r = facet_shared_file_fill(fd, path, size, err);
	if (r)
		return r;
	*ret_id = id_of(&st);
	*ret_fd = facet_steal_fd(&fd);
	return 0;
}

int facet_shared_file_show(int fd, const char *path, struct facet_error *err)
{
	char self[40];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	return facet_error_set(
		err, -errno, "%s: %s", path,
		errno == EEXIST ? "something is there that is not ours; remove it, or choose "
				  "another place"
				: strerror(errno));
}

int facet_shared_file_find(const char *path, const struct facet_file_id *id, uint64_t size,
			   int *ret_fd, struct facet_error *err)
{
	/* Whatever it is, it must neither be followed nor waited for. */
	facet_autoclose int fd =
		open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno != ELOOP)
		return facet_error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_dev != id->device ||
	    (uint64_t)st.st_ino != id->inode || !S_ISREG(st.st_mode))
		return facet_error_set(err, -EEXIST, "%s: it is not the file that was made there",
				       path);
	/* Also when it is long enough: holes in it are as bad as an end that comes too early. */
	r = facet_shared_file_fill(fd, path, size, err);
	if (!r)
		*ret_fd = facet_steal_fd(&fd);
	return r;
}

void facet_shared_file_remove(const char *path, const struct facet_file_id *id)
{
	struct stat st;

	if (lstat(path, &st) == 0 && (uint64_t)st.st_dev == id->device &&
	    (uint64_t)st.st_ino == id->inode)
		unlink(path);
}
