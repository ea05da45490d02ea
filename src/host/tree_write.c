// SPDX-License-Identifier: GPL-2.0-or-later
/* tree_write.c - what is written below a root: to the kernel's files, and files of our own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/tree_internal.h"

void facet_tree_set_kernel(struct facet_tree *tree,
			   int (*react)(void *kernel, const char *path, const char *text),
			   void *kernel)
{
	tree->react = react;
	tree->kernel = kernel;
}

/* One call: a driver takes what it is told at once, or not at all. */
static int write_once(int fd, const char *text, size_t size)
{
	ssize_t n;

	do
		n = write(fd, text, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

int facet_tree_write(struct facet_tree *tree, const char *text, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];
	facet_autoclose int fd = -1;

	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	if (tree->react && !tree->real)
		return tree->react(tree->kernel, path, text);
	fd = facet_tree_openat(tree, path, O_WRONLY | O_TRUNC | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	return write_once(fd, text, strlen(text));
}

/* The directory of @path, made when it is not there. */
static int open_parent(struct facet_tree *tree, const char *path)
{
	facet_autoclose int at = -1;
	char part[FACET_TREE_PATH];
	int fd = facet_tree_openat(tree, ".", O_RDONLY | O_DIRECTORY, 0);

	for (const char *slash = strchr(path, '/'); fd >= 0 && slash;
	     slash = strchr(slash + 1, '/')) {
		const char *name = memrchr(path, '/', (size_t)(slash - path));

		name = name ? name + 1 : path;
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		facet_close_ptr(&at);
		at = fd;
		fd = facet_tree_openat(tree, part, O_RDONLY | O_DIRECTORY, 0);
		if (fd != -ENOENT)
			continue;
		if (mkdirat(at, part + (name - path), 0755) < 0 && errno != EEXIST)
			return -errno;
		fd = facet_tree_openat(tree, part, O_RDONLY | O_DIRECTORY, 0);
	}
	return fd;
}

static int write_all(int fd, const char *content)
{
	size_t size = strlen(content);

	while (size) {
		ssize_t n = write(fd, content, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		content += n;
		size -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_beside(int dir, const char *temporary, const char *content)
{
	facet_autoclose int fd = -1;

	/* Left by somebody who died at this point. */
	unlinkat(dir, temporary, 0);
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    strncmp(content, "#!", 2) == 0 ? 0755 : 0644);
	return fd < 0 ? -errno : write_all(fd, content);
}

int facet_tree_replace(struct facet_tree *tree, const char *content, const char *fmt, ...)
{
	char path[FACET_TREE_PATH], temporary[FACET_TREE_PATH + 8];
	facet_autoclose int dir = -1;
	const char *name;
	int r = 0;

	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	dir = open_parent(tree, path);
	if (dir < 0)
		return dir;
	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	if (!content && unlinkat(dir, name, 0) < 0)
		r = errno == ENOENT ? 0 : -errno;
	if (content)
		r = write_beside(dir, temporary, content);
	if (r == 0 && content && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0 && content)
		unlinkat(dir, temporary, 0);
	/* The name is on disk only with its directory. */
	return r == 0 && fsync(dir) < 0 ? -errno : r;
}
