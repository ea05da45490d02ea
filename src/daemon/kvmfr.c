// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmfr.c - where the screens of a vGPU are published, for Looking Glass and its like. */
#include "daemon/kvmfr.h"

#include <errno.h>
#include <grp.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/shared_file.h"
#include "wire/kvmfr.h"

#define LOG_AREA "kvmfr"

/* Guests like this size, whatever they are offered first. */
enum { LEAST_WIDTH = 1920, LEAST_HEIGHT = 1080 };

/* --- what is asked for --- */

static bool choose_default(struct facet_varlink_call *call, const struct facetd_rundir *dir,
			   struct facetd_record *record)
{
	struct facetd_kvmfr *k = &record->kvmfr;
	int n = dir->shared ? snprintf(k->path, sizeof(k->path), "/dev/shm/facet-%s", record->name)
			    : snprintf(k->path, sizeof(k->path), "%.80s/%s.kvmfr", dir->path,
				       record->name);

	if (n > 0 && (size_t)n < sizeof(k->path))
		return true;
	facetd_fail_argument(call, "kvmfr", "kvmfr: the path would be too long: name one");
	return false;
}

/*
 * Members of the socket group may ask root for a file; it must not become one that means something
 * to the rest of the system.
 */
static bool may_be_there(const struct facetd_rundir *dir, const char *path)
{
	static const char folder[] = "/dev/shm/";

	if (!dir->shared || dir->group == (gid_t)-1)
		return true;
	return strncmp(path, folder, strlen(folder)) == 0 && !strchr(path + strlen(folder), '/');
}

static bool choose_path(struct facet_varlink_call *call, const struct facetd_rundir *dir,
			struct facetd_record *record)
{
	const char *path = facetd_get_string(call, "kvmfr");

	if (!path[0])
		return choose_default(call, dir, record);
	if (path[0] != '/' || path[strlen(path) - 1] == '/' ||
	    strlen(path) >= sizeof(record->kvmfr.path)) {
		facetd_fail_argument(call, "kvmfr",
				     "kvmfr %.80s: must be the full path of a file, of at most %zu "
				     "bytes",
				     path, sizeof(record->kvmfr.path) - 1);
		return false;
	}
	if (!may_be_there(dir, path)) {
		facetd_fail_argument(call, "kvmfr",
				     "kvmfr %.80s: a facetd of root with a socket group makes them "
				     "in /dev/shm only",
				     path);
		return false;
	}
	strcpy(record->kvmfr.path, path);
	return true;
}

static bool choose_group(struct facet_varlink_call *call, const struct facetd_rundir *dir,
			 struct facetd_record *record)
{
	const char *name = facetd_get_string(call, "kvmfr_group");
	const struct group *group = name ? getgrnam(name) : NULL;

	record->kvmfr.group = group ? group->gr_gid : dir->group;
	if (!name || group)
		return true;
	facetd_fail_argument(call, "kvmfr_group", "group %.40s: there is none of that name", name);
	return false;
}

bool facetd_kvmfr_choose(struct facet_varlink_call *call, const struct facetd *daemon,
			 struct facetd_record *record)
{
	if (facetd_get(call, "kvmfr"))
		return choose_path(call, &daemon->dir, record) &&
		       choose_group(call, &daemon->dir, record);
	if (!facetd_get(call, "kvmfr_group"))
		return true;
	facetd_fail_argument(call, "kvmfr_group",
			     "kvmfr_group: nothing is published without kvmfr");
	return false;
}

/* --- the files --- */

static void path_of(const struct facetd_record *record, unsigned int output, char *ret, size_t size)
{
	if (output)
		snprintf(ret, size, "%s.%u", record->kvmfr.path, output);
	else
		snprintf(ret, size, "%s", record->kvmfr.path);
}

static uint64_t size_for(const struct facetd_record *record)
{
	uint32_t width = record->width > LEAST_WIDTH ? record->width : LEAST_WIDTH;
	uint32_t height = record->height > LEAST_HEIGHT ? record->height : LEAST_HEIGHT;

	return facet_kvmfr_size(width, height);
}

static void warn_of_disk(int fd, const char *path)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC &&
	    fs.f_type != RAMFS_MAGIC)
		log_warn("%s: not in memory: the kernel writes each picture to that disk, too",
			 path);
}

static int make(struct facetd_vgpu *vgpu, unsigned int output, const char *path, int *ret_fd,
		struct facet_error *err)
{
	struct facetd_record *record = &vgpu->record;
	struct facet_file_id *id = &record->kvmfr.files[output];
	facet_autoclose int fd = -1;
	int r = facet_shared_file_make(path, size_for(record), record->kvmfr.group, &fd, id, err);

	if (!r)
		r = facetd_record_save(&vgpu->daemon->dir, record, err);
	if (!r)
		r = facet_shared_file_show(fd, path, err);
	if (r) {
		*id = (struct facet_file_id){ 0 };
		return r;
	}
	warn_of_disk(fd, path);
	*ret_fd = facet_steal_fd(&fd);
	return 0;
}

static int open_one(struct facetd_vgpu *vgpu, unsigned int output, int *ret_fd,
		    struct facet_error *err)
{
	const struct facet_file_id *id = &vgpu->record.kvmfr.files[output];
	char path[sizeof(vgpu->record.kvmfr.path) + 8];
	int r = -ENOENT;

	path_of(&vgpu->record, output, path, sizeof(path));
	if (id->inode)
		r = facet_shared_file_find(path, id, size_for(&vgpu->record), ret_fd, err);
	return r == -ENOENT ? make(vgpu, output, path, ret_fd, err) : r;
}

int facetd_kvmfr_open(struct facetd_vgpu *vgpu, int ret_fds[FACETD_MAX_OUTPUTS],
		      struct facet_error *err)
{
	unsigned int count = vgpu->record.kvmfr.path[0] ? vgpu->record.outputs : 0, i;
	int r = 0;

	for (i = 0; i < FACETD_MAX_OUTPUTS; i++)
		ret_fds[i] = -1;
	for (i = 0; i < count && !r; i++)
		r = open_one(vgpu, i, &ret_fds[i], err);
	for (i = 0; i < count && r; i++) {
		if (ret_fds[i] >= 0)
			close(ret_fds[i]);
		ret_fds[i] = -1;
	}
	return r;
}

void facetd_kvmfr_remove(const struct facetd_vgpu *vgpu)
{
	char path[sizeof(vgpu->record.kvmfr.path) + 8];

	for (unsigned int i = 0; i < FACETD_MAX_OUTPUTS; i++) {
		path_of(&vgpu->record, i, path, sizeof(path));
		if (vgpu->record.kvmfr.files[i].inode)
			facet_shared_file_remove(path, &vgpu->record.kvmfr.files[i]);
	}
}
