// SPDX-License-Identifier: GPL-2.0-or-later
/* sandbox_root.c - an empty root with what a GL driver is loaded from, and nothing to write to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "vgpu/sandbox_stages.h"

enum {
	MAX_TREES = 48,
};

/* A part of the old root to be seen at the same place in the new one. */
struct tree {
	char path[PATH_MAX];
	char link[PATH_MAX]; /* "": a mount; else the path is a symbolic link to this */
	int fd;              /* of the detached mount */
	bool is_dir;
};

struct forest {
	unsigned int count;
	struct tree trees[MAX_TREES];
};

/* Libraries (the drivers' too), where the loader finds them, and how they are configured. */
static const char *const always[] = {
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/etc/ld.so.cache",
	"/etc/alternatives",
	"/etc/drirc",
	"/etc/glvnd",
	"/usr/share/drirc.d",
	"/usr/share/glvnd",
	"/usr/share/libdrm",
	"/dev/null",
	"/dev/urandom",
};

/* A person who tries another driver says so in one of these. */
static const char *const variables[] = {
	"LD_LIBRARY_PATH",
	"LIBGL_DRIVERS_PATH",
	"GBM_BACKENDS_PATH",
	"__EGL_VENDOR_LIBRARY_DIRS",
};

static struct tree *forest_next(struct forest *forest, const char *path)
{
	struct tree *tree = &forest->trees[forest->count];

	if (forest->count == MAX_TREES ||
	    (size_t)snprintf(tree->path, sizeof(tree->path), "%s", path) >= sizeof(tree->path))
		return NULL;
	tree->link[0] = '\0';
	tree->fd = -1;
	return tree;
}

static void forest_add_link(struct forest *forest, const char *path, const char *to)
{
	struct tree *tree = forest_next(forest, path);

	if (tree && (size_t)snprintf(tree->link, sizeof(tree->link), "%s", to) < sizeof(tree->link))
		forest->count++;
}

/* What is not there is not needed. */
static void forest_add_mount(struct forest *forest, const char *path)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID,
	};
	struct tree *tree = forest_next(forest, path);
	struct stat st;

	if (!tree || stat(path, &st) < 0)
		return;
	tree->is_dir = S_ISDIR(st.st_mode);
	if (!S_ISCHR(st.st_mode))
		attr.attr_set |= MOUNT_ATTR_NODEV;
	tree->fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree->fd < 0)
		return;
	if (mount_setattr(tree->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0) {
		close(tree->fd);
		return;
	}
	forest->count++;
}

static void forest_add(struct forest *forest, const char *path)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0) {
		forest_add_mount(forest, path);
	} else {
		to[n] = '\0';
		forest_add_link(forest, path, to);
	}
}

static void forest_add_variable(struct forest *forest, const char *name)
{
	const char *value = secure_getenv(name);
	facet_autofree char *copy = value ? strdup(value) : NULL;
	char *rest = copy, *path;

	while ((path = strsep(&rest, ":")))
		if (path[0] == '/')
			forest_add_mount(forest, path);
}

/* Its node, and what libdrm and Mesa read in /sys to know which GPU it is. */
static void forest_add_gpu(struct forest *forest, const struct facet_sandbox_config *cfg)
{
	char chars[64], node[PATH_MAX], device[PATH_MAX], path[PATH_MAX + 16];
	struct stat st;

	if (cfg->render_fd < 0 || fstat(cfg->render_fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return;
	forest_add_mount(forest, cfg->render_node);
	snprintf(chars, sizeof(chars), "/sys/dev/char/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	snprintf(path, sizeof(path), "%s/device", chars);
	if (!realpath(chars, node) || !realpath(path, device))
		return;
	forest_add_mount(forest, device); /* the node's own directory lies inside */
	forest_add_link(forest, chars, node);
}

static int make_parents(const char *path)
{
	char part[PATH_MAX];

	for (const char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
		memcpy(part, path, end - path);
		part[end - path] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Into the current directory, which is to be the root. */
static int plant(const struct tree *tree)
{
	const char *path = tree->path + 1;
	int r = make_parents(path), fd;

	if (r < 0)
		return r;
	if (tree->link[0])
		return symlink(tree->link, path) < 0 && errno != EEXIST ? -errno : 0;
	if (tree->is_dir) {
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
	} else {
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	return move_mount(tree->fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int build(struct forest *forest, const char **ret_at)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int r = 0;

	if (chdir("/usr") < 0)
		return -errno;
	umask(0022);
	for (unsigned int i = 0; r == 0 && i < forest->count; i++) {
		*ret_at = forest->trees[i].path;
		r = plant(&forest->trees[i]);
	}
	if (r < 0)
		return r;
	*ret_at = "/";
	if (mount_setattr(AT_FDCWD, ".", 0, &attr, sizeof(attr)) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

/* It is built over /usr, which every system has, and which is covered for this process only. */
static int change_root(struct forest *forest, const char **ret_at)
{
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("facet", "/usr", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0755,size=256k,nr_inodes=512") < 0)
		return -errno;
	r = build(forest, ret_at);
	if (r < 0)
		umount2("/usr", MNT_DETACH); /* as if nothing had been tried */
	if (chdir("/") < 0 && r == 0)
		r = -errno;
	return r;
}

/*
 * The threads of this process, as a mount of its own: from an ordinary descriptor of the host's
 * /proc the way would lead up, and into the files of other processes.
 */
static int clone_threads(void)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			    MOUNT_ATTR_NOEXEC,
	};
	facet_autoclose int tree =
		open_tree(AT_FDCWD, "/proc/self/task", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void facet_sandbox_root(struct facet_sandbox *box, struct facet_sandbox_stage *stage)
{
	facet_autofree struct forest *forest = calloc(1, sizeof(*forest));
	const char *at = "/usr";
	int r;

	if (!box->own_mounts || !forest) {
		facet_sandbox_missing(stage, "%s",
				      forest ? "no mount namespace" : strerror(ENOMEM));
		return;
	}
	for (size_t i = 0; i < FACET_ARRAY_SIZE(always); i++)
		forest_add(forest, always[i]);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(variables); i++)
		forest_add_variable(forest, variables[i]);
	forest_add_gpu(forest, box->cfg);
	if (box->cfg->with_threads)
		box->task_fd = clone_threads();

	r = change_root(forest, &at);
	if (r < 0)
		facet_sandbox_missing(stage, "%.60s: %s", at, strerror(-r));
	else
		facet_sandbox_in_force(stage, "%u read-only parts of the host's", forest->count);
	for (unsigned int i = 0; i < forest->count; i++)
		if (forest->trees[i].fd >= 0)
			close(forest->trees[i].fd);
}
