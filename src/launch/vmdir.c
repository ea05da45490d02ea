// SPDX-License-Identifier: GPL-2.0-or-later
/* vmdir.c - directories of VMs: made, locked, listed, removed. */
#include "launch/vmdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { LONGEST = 100 }; /* sockets below it have at most 107 bytes of path */

int facet_vmdir_base(char ret[static PATH_MAX], struct facet_error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char facet[PATH_MAX];

	if (runtime && runtime[0] == '/')
		snprintf(facet, sizeof(facet), "%s/facet", runtime);
	else if (geteuid() == 0)
		strcpy(facet, "/run/facet");
	else
		return facet_error_set(err, -ENOENT,
				       "XDG_RUNTIME_DIR is not set: log in properly, or set it");
	if (snprintf(ret, PATH_MAX, "%s/vm", facet) >= LONGEST - 20)
		return facet_error_set(err, -ENAMETOOLONG,
				       "%.60s...: too long for sockets below it: set a shorter "
				       "XDG_RUNTIME_DIR",
				       facet);
	if ((mkdir(facet, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST) ||
	    (mkdir(ret, 0700) < 0 && errno != EEXIST))
		return facet_error_set(err, -errno, "%.100s: cannot be made: %s", ret,
				       strerror(errno));
	return 0;
}

int facet_vmdir_path(const char *name, char ret[static PATH_MAX], struct facet_error *err)
{
	char base[PATH_MAX];
	int r = facet_vmdir_base(base, err);

	if (r)
		return r;
	if (!name[0] || name[0] == '.' || strchr(name, '/'))
		return facet_error_set(err, -EINVAL, "%.60s: not the name of a VM", name);
	if (snprintf(ret, PATH_MAX, "%s/%s", base, name) > LONGEST - 10)
		return facet_error_set(err, -ENAMETOOLONG,
				       "%.60s: too long a name for sockets below %.100s", name,
				       base);
	return 0;
}

int facet_vmdir_lock(struct facet_error *err)
{
	char base[PATH_MAX], path[PATH_MAX + 8];
	facet_autoclose int fd = -1;
	int r = facet_vmdir_base(base, err);

	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/.lock", base);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Held while vGPUs are removed, which has bounds of its own. */
	while (fd >= 0 && (r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (fd < 0 || r < 0)
		return facet_error_set(err, -errno, "%.100s: %s", path, strerror(errno));
	return facet_steal_fd(&fd);
}

int facet_vmdir_take(const char *path)
{
	char lock[PATH_MAX + 8];
	facet_autoclose int fd = -1;

	snprintf(lock, sizeof(lock), "%s/lock", path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -EBUSY;
	return facet_steal_fd(&fd);
}

int facet_vmdir_create(const char *name, char ret[static PATH_MAX], int *ret_lock,
		       struct facet_error *err)
{
	int r = facet_vmdir_path(name, ret, err);

	if (r)
		return r;
	if (mkdir(ret, 0700) < 0)
		return facet_error_set(
			err, -errno,
			errno == EEXIST ? "%.60s: runs already" : "%.60s: cannot be made", name);
	r = facet_vmdir_take(ret);
	if (r < 0) {
		rmdir(ret);
		return facet_error_set(err, r, "%.60s: its directory cannot be locked: %s", name,
				       strerror(-r));
	}
	*ret_lock = r;
	return 0;
}

int facet_vmdir_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	/* It is flat; what is not ours and no file stays, and keeps it. */
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **facet_vmdir_list(void)
{
	char base[PATH_MAX];
	char **list = calloc(1, sizeof(*list)), **more;
	DIR *dir = facet_vmdir_base(base, NULL) ? NULL : opendir(base);
	struct dirent *entry;
	size_t count = 0;

	while (dir && list && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		more = reallocarray(list, count + 2, sizeof(*list));
		if (!more)
			break;
		list = more;
		list[count] = strdup(entry->d_name);
		count += list[count] != NULL;
		list[count] = NULL;
	}
	if (dir)
		closedir(dir);
	if (list)
		qsort(list, count, sizeof(*list), by_name);
	return list;
}

void facet_vmdir_tail(const char *path, const char *file, char *ret, size_t size)
{
	char full[PATH_MAX + 40];
	facet_autoclose int fd = -1;
	off_t end;
	ssize_t n;

	snprintf(full, sizeof(full), "%s/%s", path, file);
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	n = end <= 0 ? 0
		     : pread(fd, ret, size - 1, end > (off_t)size - 1 ? end - (off_t)size + 1 : 0);
	ret[n < 0 ? 0 : n] = '\0';
	for (size_t i = strlen(ret); i && ret[i - 1] == '\n';)
		ret[--i] = '\0';
	for (char *p = ret; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n') || (unsigned char)*p >= 0x7f)
			*p = '?';
}
