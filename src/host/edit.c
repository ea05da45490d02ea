// SPDX-License-Identifier: GPL-2.0-or-later
/* edit.c - a lock, and writes that are whole or not there. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "host/edit.h"
#include "host/tree_internal.h"

enum {
	WAIT_MS = 10000,
	STEP_MS = 20,
};

struct facet_edit {
	struct facet_tree *tree;
	struct facet_edit_config cfg; /* root is the caller's: not looked at any more */
	int lock_fd;
};

static ssize_t call_write(void *data, const char *path, int fd, const void *text, size_t size)
{
	return write(fd, text, size);
}

static int call_renameat(void *data, int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to);
}

static int call_unlinkat(void *data, int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

static const struct facet_edit_calls kernel = { call_write, call_renameat, call_unlinkat };

/* --- directories --- */

/*
 * The directory of @path, made if it is not there, and in @ret_name what is behind it. Negative
 * errno; -ENOENT also if it is not to be made.
 */
static int open_directory(struct facet_edit *edit, const char *path, bool make,
			  const char **ret_name)
{
	char above[FACET_TREE_PATH];
	const char *slash = strrchr(path, '/'), *name;
	int fd, parent;

	*ret_name = slash ? slash + 1 : path;
	if (slash)
		snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
	fd = facet_tree_open_below(edit->tree, slash ? above : ".", O_RDONLY | O_DIRECTORY);
	if (fd != -ENOENT || !make || !slash)
		return fd;
	parent = open_directory(edit, above, true, &name);
	if (parent < 0)
		return parent;
	fd = mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	close(parent);
	return fd < 0 ? fd : facet_tree_open_below(edit->tree, above, O_RDONLY | O_DIRECTORY);
}

/* --- the lock --- */

static int wait_for_lock(struct facet_edit *edit)
{
	unsigned int left = edit->cfg.wait_ms ? edit->cfg.wait_ms : WAIT_MS;

	while (flock(edit->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (left < STEP_MS)
			return -EBUSY;
		left -= STEP_MS;
		nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000l }, NULL);
	}
	return 0;
}

static int take_lock(struct facet_edit *edit, struct facet_error *err)
{
	const char *name;
	facet_autoclose int dir = open_directory(edit, FACET_EDIT_STATE "/lock", true, &name);
	int r = dir < 0 ? dir : 0;

	if (r == 0) {
		edit->lock_fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = edit->lock_fd < 0 ? -errno : wait_for_lock(edit);
	}
	if (r == -EBUSY)
		return facet_error_set(err, r,
				       "/" FACET_EDIT_STATE "/lock: another facet is changing this "
				       "host: try again when it has ended");
	if (r < 0)
		return facet_error_set(err, r, "/" FACET_EDIT_STATE "/lock: %s%s", strerror(-r),
				       r == -EACCES ? ": changing a host takes root" : "");
	return 0;
}

int facet_edit_open(const struct facet_edit_config *cfg, struct facet_edit **ret,
		    struct facet_error *err)
{
	struct facet_edit *edit = calloc(1, sizeof(*edit));
	int r;

	if (!edit)
		return facet_error_set(err, -ENOMEM, "out of memory");
	edit->cfg = *cfg;
	edit->lock_fd = -1;
	if (!edit->cfg.calls)
		edit->cfg.calls = &kernel;
	r = facet_tree_open(cfg->root, &edit->tree, err);
	if (r == 0 && !cfg->dry)
		r = take_lock(edit, err);
	if (r < 0) {
		facet_edit_close(edit);
		return r;
	}
	*ret = edit;
	return 0;
}

void facet_edit_close(struct facet_edit *edit)
{
	if (!edit)
		return;
	if (edit->lock_fd >= 0)
		close(edit->lock_fd);
	facet_tree_close(edit->tree);
	free(edit);
}

struct facet_tree *facet_edit_tree(struct facet_edit *edit)
{
	return edit->tree;
}

bool facet_edit_is_dry(const struct facet_edit *edit)
{
	return edit->cfg.dry;
}

/* --- writes --- */

/* True: that was all. */
static bool tell(struct facet_edit *edit, const char *path, const char *text)
{
	if (edit->cfg.told)
		edit->cfg.told(edit->cfg.data, path, text);
	return edit->cfg.dry;
}

int facet_edit_write(struct facet_edit *edit, const char *text, const char *fmt, ...)
{
	facet_autoclose int fd = -1;
	char path[FACET_TREE_PATH];
	ssize_t n;

	FACET_TREE_FORMAT(path, fmt, -ENAMETOOLONG);
	if (tell(edit, path, text))
		return 0;
	fd = facet_tree_open_below(edit->tree, path, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	n = edit->cfg.calls->write(edit->cfg.calls_data, path, fd, text, strlen(text));
	return n < 0 ? -errno : (size_t)n < strlen(text) ? 1 : 0;
}

static int write_all(struct facet_edit *edit, const char *path, int fd, const char *text)
{
	size_t size = strlen(text), done = 0;
	ssize_t n;

	while (done < size) {
		n = edit->cfg.calls->write(edit->cfg.calls_data, path, fd, text + done,
					   size - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The name is hidden from those who list the directory, and the same when it is tried again. */
static int replace(struct facet_edit *edit, const char *path, int dir, const char *name,
		   const char *text)
{
	char hidden[FACET_TREE_NAME + 16];
	facet_autoclose int fd = -1;
	int r;

	snprintf(hidden, sizeof(hidden), ".%s.facet", name);
	fd = openat(dir, hidden, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(edit, path, fd, text);
	if (r == 0 && edit->cfg.calls->renameat(edit->cfg.calls_data, dir, hidden, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, hidden, 0);
	else if (fsync(dir) < 0)
		r = -errno;
	return r;
}

int facet_edit_put(struct facet_edit *edit, const char *text, const char *fmt, ...)
{
	facet_autoclose int dir = -1;
	char path[FACET_TREE_PATH];
	const char *name;

	FACET_TREE_FORMAT(path, fmt, -ENAMETOOLONG);
	if (tell(edit, path, text))
		return 0;
	dir = open_directory(edit, path, true, &name);
	return dir < 0 ? dir : replace(edit, path, dir, name, text);
}

int facet_edit_remove(struct facet_edit *edit, const char *fmt, ...)
{
	facet_autoclose int dir = -1;
	char path[FACET_TREE_PATH];
	const char *name;

	FACET_TREE_FORMAT(path, fmt, -ENAMETOOLONG);
	if (tell(edit, path, NULL))
		return 0;
	dir = open_directory(edit, path, false, &name);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (edit->cfg.calls->unlinkat(edit->cfg.calls_data, dir, name) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(dir) < 0 ? -errno : 0;
}
