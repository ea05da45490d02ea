// SPDX-License-Identifier: GPL-2.0-or-later
/* tree.c - bounded reading below a root that no link leads out of. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "host/tree_internal.h"

enum {
	PATIENCE = 10000, /* times that a path is looked up */
};

int facet_tree_openat(struct facet_tree *tree, const char *path, int flags, unsigned int mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY)),
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = -1;

	/* The root of this host holds its links by itself. */
	if (tree->old && tree->real) {
		fd = openat(tree->root_fd, path, (int)how.flags, mode);
		return fd < 0 ? -errno : fd;
	}
	/* EAGAIN: while it went up by "..", somebody on this machine renamed or mounted something.
	 */
	for (unsigned int tries = 0; fd < 0 && (!tries || errno == EAGAIN) && tries < PATIENCE;
	     tries++)
		fd = (int)syscall(SYS_openat2, tree->root_fd, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static int open_below(struct facet_tree *tree, const char *path, int flags)
{
	return facet_tree_openat(tree, path, flags, 0);
}

/* An error that another host's reader met, so that its findings come out the same here. */
static int probed_errno(struct facet_tree *tree, const char *path, int code)
{
	facet_autoclose int fd = -1;
	char name[FACET_TREE_PATH + 32], text[16] = "";
	int known;

	if (!tree->probes || code != -ENOENT)
		return code;
	snprintf(name, sizeof(name), PROBES "/errno/%s", path);
	fd = open_below(tree, name, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return code;
	known = atoi(text);
	return known > 0 && known < 4096 ? -known : code;
}

static void remember_errno(struct facet_tree *tree, const char *path, int code)
{
	char name[FACET_TREE_PATH + 32], text[16];

	if (!tree->recorded || code == -ENOENT || code == -ENOTDIR)
		return;
	snprintf(name, sizeof(name), PROBES "/errno/%s", path);
	snprintf(text, sizeof(text), "%d\n", -code);
	facet_tree_remember(tree, FACET_RECORD_FILE, name, text, strlen(text));
}

int facet_tree_open(const char *root, struct facet_tree **ret, struct facet_error *err)
{
	struct facet_tree *tree = calloc(1, sizeof(*tree));
	struct stat this, all;
	int fd, r = 0;

	if (!tree)
		return facet_error_set(err, -ENOMEM, "out of memory");
	tree->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->root_fd < 0) {
		r = facet_error_set(err, -errno, "%s: cannot be opened: %s", root, strerror(errno));
		goto fail;
	}
	tree->real = fstat(tree->root_fd, &this) == 0 && stat("/", &all) == 0 &&
		     this.st_dev == all.st_dev && this.st_ino == all.st_ino;
	fd = open_below(tree, ".", O_RDONLY | O_DIRECTORY);
	tree->old = fd == -ENOSYS || fd == -EPERM;
	if (tree->old && !tree->real) {
		r = facet_error_set(err, fd, "%s: looking at a tree needs Linux 5.6 and openat2()",
				    root);
		goto fail;
	}
	if (fd >= 0)
		close(fd);
	tree->probes = !tree->real && facet_tree_exists(tree, PROBES);
	*ret = tree;
	return 0;
fail:
	facet_tree_close(tree);
	return r;
}

bool facet_tree_is_real(const struct facet_tree *tree)
{
	return tree->real;
}

/* Only regular files: a made-up tree must not make us wait at a pipe. */
static int open_file(struct facet_tree *tree, const char *path)
{
	int r, fd = open_below(tree, path, O_RDONLY | O_NONBLOCK);
	struct stat st;

	r = fd;
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		r = fd >= 0 && S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
		close(fd);
	}
	return r < 0 ? probed_errno(tree, path, r) : r;
}

/* Up to @size bytes of a file. */
static ssize_t read_file(struct facet_tree *tree, const char *path, char *ret, size_t size)
{
	facet_autoclose int fd = open_file(tree, path);
	size_t got = 0;
	ssize_t n = 0;

	if (fd < 0) {
		remember_errno(tree, path, fd);
		return fd;
	}
	while (got < size && (n = read(fd, ret + got, size - got)) > 0)
		got += (size_t)n;
	if (n < 0) {
		n = -errno;
		remember_errno(tree, path, (int)n);
		return n;
	}
	facet_tree_remember(tree, FACET_RECORD_FILE, path, ret, got);
	return (ssize_t)got;
}

/* What a terminal or JSON would choke on goes, and space at the end. */
static size_t make_harmless(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c > '~')
			text[i] = '?';
	}
	while (size && strchr(" \n\t", text[size - 1]))
		size--;
	text[size] = '\0';
	return size;
}

static int read_text(struct facet_tree *tree, const char *path, char *ret, size_t size)
{
	ssize_t n = read_file(tree, path, ret, size - 1);

	ret[0] = n < 0 ? '\0' : ret[0];
	return n < 0 ? (int)n : (int)make_harmless(ret, (size_t)n);
}

int facet_tree_text(struct facet_tree *tree, char *ret, size_t size, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];

	ret[0] = '\0';
	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	return read_text(tree, path, ret, size);
}

int facet_tree_bytes(struct facet_tree *tree, uint8_t **ret, size_t *ret_size, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];
	facet_autofree char *buf = NULL;
	size_t space = 4096;
	ssize_t n;

	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	/* Sizes that /proc and /sys tell are no help. */
	do {
		free(buf);
		space *= 4;
		buf = malloc(space);
		if (!buf)
			return -ENOMEM;
		n = read_file(tree, path, buf, space);
		if (n < 0)
			return (int)n;
	} while ((size_t)n == space && space < FACET_TREE_FILE);
	*ret = (uint8_t *)facet_steal(buf);
	*ret_size = (size_t)n;
	return 0;
}

int facet_tree_number(struct facet_tree *tree, int64_t *ret, const char *fmt, ...)
{
	char path[FACET_TREE_PATH], text[32], *end;
	long long number;
	int r;

	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	r = read_text(tree, path, text, sizeof(text));
	if (r < 0)
		return r;
	errno = 0;
	number = strtoll(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	if (errno || end == text || *end)
		return -EINVAL;
	*ret = number;
	return 0;
}

/* Where the link at @path leads, in @ret[FACET_TREE_PATH]. */
static int read_target(struct facet_tree *tree, const char *path, char *ret)
{
	facet_autoclose int fd = open_below(tree, path, O_PATH | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", ret, FACET_TREE_PATH - 1);
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno; /* no link */
	facet_tree_remember(tree, FACET_RECORD_LINK, path, ret, (size_t)n);
	make_harmless(ret, (size_t)n);
	return 0;
}

int facet_tree_link(struct facet_tree *tree, char *ret, size_t size, const char *fmt, ...)
{
	char path[FACET_TREE_PATH], target[FACET_TREE_PATH], *slash, *name = target;
	int r;

	ret[0] = '\0';
	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	r = read_target(tree, path, target);
	if (r < 0)
		return r;
	slash = strrchr(target, '/');
	if (slash)
		name = slash + 1;
	/* A part of paths to come. */
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) >= size)
		return -EINVAL;
	strcpy(ret, name);
	return 0;
}

int facet_tree_target(struct facet_tree *tree, char *ret, size_t size, const char *fmt, ...)
{
	char path[FACET_TREE_PATH], target[FACET_TREE_PATH];
	int r;

	ret[0] = '\0';
	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	r = read_target(tree, path, target);
	if (r == 0 && strlen(target) >= size)
		r = -ENAMETOOLONG;
	if (r == 0)
		strcpy(ret, target);
	return r;
}

void facet_tree_boot(struct facet_tree *tree, char *ret, size_t size)
{
	facet_tree_text(tree, ret, size, "proc/sys/kernel/random/boot_id");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool sound_name(const char *name)
{
	if (name[0] == '.' || strlen(name) >= FACET_TREE_NAME)
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '%')
			return false;
	return true;
}

/* 0 or -ENOMEM. */
static int read_names(DIR *dir, struct facet_names *names)
{
	struct dirent *entry;
	size_t space = 0;
	void *more;

	while (names->count < FACET_TREE_NAMES && (entry = readdir(dir))) {
		if (!sound_name(entry->d_name))
			continue;
		if (names->count == space) {
			space = space ? 2 * space : 32;
			more = realloc(names->items, space * sizeof(*names->items));
			if (!more)
				return -ENOMEM;
			names->items = more;
		}
		strcpy(names->items[names->count++], entry->d_name);
	}
	return 0;
}

static void remember_names(struct facet_tree *tree, const char *path,
			   const struct facet_names *names)
{
	char entry[FACET_TREE_PATH + FACET_TREE_NAME];

	facet_tree_remember(tree, FACET_RECORD_DIRECTORY, path, NULL, 0);
	for (unsigned int i = 0; tree->recorded && i < names->count; i++) {
		snprintf(entry, sizeof(entry), "%s/%s", path, names->items[i]);
		facet_tree_remember(tree, FACET_RECORD_ENTRY, entry, NULL, 0);
	}
}

int facet_tree_list(struct facet_tree *tree, struct facet_names *ret, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];
	struct facet_names names = { 0 };
	DIR *dir;
	int fd, r;

	*ret = (struct facet_names){ 0 };
	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	fd = open_below(tree, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	r = read_names(dir, &names);
	closedir(dir);
	if (r < 0) {
		facet_names_fini(&names);
		return r;
	}
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	remember_names(tree, path, &names);
	*ret = names;
	return 0;
}

void facet_names_fini(struct facet_names *names)
{
	free(names->items);
	*names = (struct facet_names){ 0 };
}

bool facet_tree_exists(struct facet_tree *tree, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];
	facet_autoclose int fd = -1;
	struct stat st;

	FORMAT_PATH(path, fmt, false);
	fd = open_below(tree, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	facet_tree_remember(tree, S_ISDIR(st.st_mode) ? FACET_RECORD_DIRECTORY : FACET_RECORD_ENTRY,
			    path, NULL, 0);
	return true;
}

int facet_tree_inode(struct facet_tree *tree, uint64_t *ret, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];
	facet_autoclose int fd = -1;
	struct stat st;

	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	fd = facet_tree_openat(tree, path, O_PATH, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

static int ask_access(struct facet_tree *tree, const char *name, char *ret, size_t size)
{
	facet_autoclose int fd = open_below(tree, name + strlen("access/"), O_PATH);
	int code = fd < 0 ? -fd : 0;

	/* By its descriptor, so that no link is followed again; libc's has no AT_EMPTY_PATH. */
	if (fd >= 0 && syscall(SYS_faccessat2, fd, "", R_OK | W_OK, AT_EMPTY_PATH | AT_EACCESS) < 0)
		code = errno;
	return snprintf(ret, size, "%d", code);
}

int facet_tree_access(struct facet_tree *tree, const char *fmt, ...)
{
	char path[FACET_TREE_PATH], name[FACET_TREE_PATH + 16], text[16];
	int r;

	FORMAT_PATH(path, fmt, -ENAMETOOLONG);
	snprintf(name, sizeof(name), "access/%s", path);
	r = facet_tree_probe(tree, text, sizeof(text), name, ask_access);
	return r < 0 ? r : -abs(atoi(text));
}

int facet_tree_probe(struct facet_tree *tree, char *ret, size_t size, const char *name,
		     int (*ask)(struct facet_tree *tree, const char *name, char *ret, size_t size))
{
	bool recorded = tree->recorded;
	char path[FACET_TREE_PATH + 32];
	int r = -ENOENT;

	snprintf(path, sizeof(path), PROBES "/%s", name);
	ret[0] = '\0';
	if (tree->probes)
		r = read_text(tree, path, ret, size);
	if (r >= 0)
		return r;
	/* Of what it reads only the answer is kept. */
	tree->recorded = false;
	r = ask(tree, name, ret, size);
	tree->recorded = recorded;
	if (r < 0) {
		ret[0] = '\0';
		return r;
	}
	r = (int)make_harmless(ret, strlen(ret));
	facet_tree_remember(tree, FACET_RECORD_FILE, path, ret, (size_t)r);
	return r;
}
