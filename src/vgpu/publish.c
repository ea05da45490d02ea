// SPDX-License-Identifier: GPL-2.0-or-later
/* publish.c - the files that Looking Glass and its like map, and the sinks that write them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/shared_file.h"
#include "vgpu/vgpu.h"
#include "wire/kvmfr.h"

/* The least a screen has room for: guests like this size, whatever they are offered first. */
enum { LEAST_WIDTH = 1920, LEAST_HEIGHT = 1080 };

static uint64_t size_for(const struct facet_vgpu_options *opts)
{
	uint32_t width = opts->width > LEAST_WIDTH ? opts->width : LEAST_WIDTH;
	uint32_t height = opts->height > LEAST_HEIGHT ? opts->height : LEAST_HEIGHT;

	return facet_kvmfr_size(width, height);
}

/* Two publishers in one file would only end each other's clients. Held as long as it is open. */
static int claim(int fd, const char *path, struct facet_error *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return facet_error_set(err, -errno, "--kvmfr %s: %s", path,
			       errno == EWOULDBLOCK
				       ? "another vGPU publishes there; choose another file"
				       : strerror(errno));
}

/* Made for this by somebody (nothing in it yet), or left by an earlier publisher. */
static bool is_for_us(int fd)
{
	char start[WIRE_KVMFR_PAGE] = "", zero[WIRE_KVMFR_PAGE] = "";
	uint32_t magic;

	if (pread(fd, start, sizeof(start), 0) < 0)
		return false;
	memcpy(&magic, start, sizeof(magic));
	return magic == WIRE_LGMP_MAGIC || memcmp(start, zero, sizeof(start)) == 0;
}

/* One that has a size keeps it: somebody may have it mapped. */
static int open_there(const char *path, uint64_t size, int *ret_fd, struct facet_error *err)
{
	facet_autoclose int fd =
		open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return facet_error_set(err, -errno, "--kvmfr %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !is_for_us(fd))
		return facet_error_set(err, -EEXIST,
				       "--kvmfr %s: it holds something else; remove it, or choose "
				       "another file",
				       path);
	r = claim(fd, path, err);
	if (!r)
		r = facet_shared_file_fill(fd, path, st.st_size ? (uint64_t)st.st_size : size, err);
	if (!r)
		*ret_fd = facet_steal_fd(&fd);
	return r;
}

static int make(const char *path, uint64_t size, int *ret_fd, struct facet_error *err)
{
	facet_autoclose int fd = -1;
	struct facet_file_id id;
	int r = facet_shared_file_make(path, size, (gid_t)-1, &fd, &id, err);

	if (!r)
		r = claim(fd, path, err);
	if (!r)
		r = facet_shared_file_show(fd, path, err);
	if (!r)
		*ret_fd = facet_steal_fd(&fd);
	return r;
}

static int open_one(const struct facet_vgpu_options *opts, unsigned int output, int *ret_fd,
		    char **ret_made, struct facet_error *err)
{
	facet_autofree char *path = NULL;
	struct stat st;
	int r;

	if ((output ? asprintf(&path, "%s.%u", opts->kvmfr, output)
		    : asprintf(&path, "%s", opts->kvmfr)) < 0) {
		path = NULL;
		return facet_error_set(err, -ENOMEM, "--kvmfr: out of memory");
	}
	if (lstat(path, &st) == 0)
		return open_there(path, size_for(opts), ret_fd, err);
	r = make(path, size_for(opts), ret_fd, err);
	if (!r)
		*ret_made = facet_steal(path);
	return r;
}

int facet_publish_open(const struct facet_vgpu_options *opts, int ret_fds[FACET_MAX_OUTPUTS],
		       char *made[FACET_PUBLISH_MAX_MADE], struct facet_error *err)
{
	unsigned int count = opts->kvmfr ? opts->outputs : opts->kvmfr_fd_count;
	int r = 0;

	for (unsigned int i = 0; i < FACET_MAX_OUTPUTS; i++)
		ret_fds[i] = opts->kvmfr_fds[i];
	while (*made)
		made++;
	for (unsigned int i = 0; i < count && opts->kvmfr && !r; i++) {
		r = open_one(opts, i, &ret_fds[i], made, err);
		if (*made)
			made++;
	}
	return r;
}

int facet_publish_start(struct facet_vgpu *vgpu, int fds[FACET_MAX_OUTPUTS],
			struct facet_error *err)
{
	struct facet_sink *sink; /* the display's, to its end */
	int r = 0;

	for (unsigned int i = 0; i < FACET_MAX_OUTPUTS && !r; i++) {
		const struct facet_sink_config cfg = {
			.type = "kvmfr",
			.fd = fds[i],
			.output = i,
			.title = vgpu->opts->name,
		};

		r = cfg.fd < 0 ? 0 : facet_display_add_sink(vgpu->display, &cfg, &sink, err);
	}
	return r;
}
