// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - the memory of a region: a sealed memfd, or a file that others can open, too. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "ivshmem/ivshmem.h"

enum { MODE = 0600 };

/* "64M" for whole ones, else bytes. */
static void format_size(char ret[static 32], uint64_t size)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (unit < 3 && size && size % 1024 == 0) {
		size /= 1024;
		unit++;
	}
	snprintf(ret, 32, "%llu%.*s", (unsigned long long)size, unit >= 0,
		 units + (unit >= 0 ? unit : 0));
}

static uint64_t next_power(uint64_t size)
{
	uint64_t power = FACET_IVSHMEM_MIN_SIZE;

	while (power < size && power < FACET_IVSHMEM_MAX_SIZE)
		power <<= 1;
	return power;
}

int facet_ivshmem_check_size(const char *what, uint64_t size, struct facet_error *err)
{
	char text[32];

	format_size(text, next_power(size));
	if (size < FACET_IVSHMEM_MIN_SIZE || size > FACET_IVSHMEM_MAX_SIZE)
		return facet_error_set(err, -EINVAL,
				       "%s: %llu bytes, but it must be from 4K to 1T: %s would do",
				       what, (unsigned long long)size, text);
	if (size & (size - 1))
		return facet_error_set(err, -EINVAL,
				       "%s: %llu bytes are no power of two, which QEMU would not "
				       "survive: the next one is %s",
				       what, (unsigned long long)size, text);
	return 0;
}

static int open_memfd(uint64_t size, struct facet_ivshmem_memory *ret, struct facet_error *err)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int r = facet_ivshmem_check_size("the region", size, err);
	facet_autoclose int fd = -1;

	if (r)
		return r;
	fd = memfd_create("facet-ivshmem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* One client that shrinks it would kill all others by SIGBUS. */
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
		return facet_error_set(err, -errno, "the region: no memory of %llu bytes: %s",
				       (unsigned long long)size, strerror(errno));
	*ret = (struct facet_ivshmem_memory){ .fd = facet_steal_fd(&fd), .size = size };
	return 0;
}

static int open_or_make(const struct facet_ivshmem_memory_config *cfg, bool *ret_created)
{
	mode_t mode = cfg->mode ? cfg->mode : MODE;
	int fd = open(cfg->path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	fd = open(cfg->path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	if ((cfg->gid != (gid_t)-1 && fchown(fd, (uid_t)-1, cfg->gid) < 0) ||
	    fchmod(fd, mode) < 0) {
		r = -errno;
		unlink(cfg->path);
		close(fd);
		return r;
	}
	*ret_created = true;
	return fd;
}

/* Pages of hugetlbfs are few: who maps one that is missing dies. */
static int take_huge_pages(const char *path, int fd, uint64_t size, struct facet_error *err)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != HUGETLBFS_MAGIC)
		return 0;
	if (size % (uint64_t)fs.f_bsize)
		return facet_error_set(
			err, -EINVAL, "%s: %llu bytes are no whole huge pages of %llu KiB", path,
			(unsigned long long)size, (unsigned long long)fs.f_bsize / 1024);
	if (fallocate(fd, 0, 0, (off_t)size) < 0)
		return facet_error_set(
			err, -errno, "%s: %llu huge pages are needed (sysctl vm.nr_hugepages): %s",
			path, (unsigned long long)(size / (uint64_t)fs.f_bsize), strerror(errno));
	return 0;
}

/* @ret_size: as asked for, or what the file has. */
static int fit_file(const struct facet_ivshmem_memory_config *cfg, int fd, uint64_t *ret_size,
		    struct facet_error *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return facet_error_set(err, -EINVAL, "%s: is no file", cfg->path);
	*ret_size = st.st_size ? (uint64_t)st.st_size : cfg->size;
	if (!*ret_size)
		return facet_error_set(err, -EINVAL, "%s: is empty or not there: give a size",
				       cfg->path);
	r = facet_ivshmem_check_size(cfg->path, *ret_size, err);
	if (r)
		return r;
	if (cfg->size && cfg->size != *ret_size)
		return facet_error_set(err, -EINVAL,
				       "%s: has %llu bytes, not %llu: give that size, or none, or "
				       "remove the file",
				       cfg->path, (unsigned long long)*ret_size,
				       (unsigned long long)cfg->size);
	r = take_huge_pages(cfg->path, fd, *ret_size, err);
	if (!r && !st.st_size && ftruncate(fd, (off_t)*ret_size) < 0)
		r = facet_error_set(err, -errno, "%s: cannot be made %llu bytes long: %s",
				    cfg->path, (unsigned long long)*ret_size, strerror(errno));
	return r;
}

int facet_ivshmem_memory_open(const struct facet_ivshmem_memory_config *cfg,
			      struct facet_ivshmem_memory *ret, struct facet_error *err)
{
	facet_autoclose int fd = -1;
	bool created = false;
	uint64_t size;
	int r;

	if (!cfg->path)
		return open_memfd(cfg->size, ret, err);
	/* Before a file is made that nobody can use. */
	r = cfg->size ? facet_ivshmem_check_size(cfg->path, cfg->size, err) : 0;
	if (r)
		return r;
	fd = open_or_make(cfg, &created);
	if (fd < 0)
		return facet_error_set(err, fd, "%s: cannot be opened: %s", cfg->path,
				       strerror(-fd));
	r = fit_file(cfg, fd, &size, err);
	if (r && created)
		unlink(cfg->path);
	if (r)
		return r;
	*ret = (struct facet_ivshmem_memory){ facet_steal_fd(&fd), size, created };
	return 0;
}
