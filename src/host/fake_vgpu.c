// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_vgpu.c - files that change as the kernel's do when some of them are written. */
#include "host/fake_vgpu.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PARENT "sys/devices/pci0/0000:00:02.0"
#define PF     "sys/devices/pci0/0000:41:00.0"
#define PF_VF  "sys/devices/pci0/0000:41:00.%u"

enum {
	POOL = 8,
};

static void full_path(const struct fake_vgpu *fake, char ret[512], const char *fmt, va_list args)
{
	int n = snprintf(ret, 512, "%s/", fake->root);

	assert_true(n + vsnprintf(ret + n, 512 - (size_t)n, fmt, args) < 512);
}

#define PATH(fake, ret, fmt)                            \
	do {                                            \
		va_list _args;                          \
		va_start(_args, fmt);                   \
		full_path((fake), (ret), (fmt), _args); \
		va_end(_args);                          \
	} while (0)

static void make_above(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
}

void fake_put(struct fake_vgpu *fake, const char *text, const char *fmt, ...)
{
	char path[512];
	FILE *file;

	PATH(fake, path, fmt);
	make_above(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void fake_link(struct fake_vgpu *fake, const char *target, const char *fmt, ...)
{
	char path[512];

	PATH(fake, path, fmt);
	make_above(path);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

void fake_delete(struct fake_vgpu *fake, const char *fmt, ...)
{
	char path[512];

	PATH(fake, path, fmt);
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

bool fake_exists(struct fake_vgpu *fake, const char *fmt, ...)
{
	char path[512];
	struct stat st;

	PATH(fake, path, fmt);
	return lstat(path, &st) == 0;
}

static int64_t read_number(struct fake_vgpu *fake, const char *path)
{
	char full[512];
	long long number = -1;
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", fake->root, path);
	file = fopen(full, "r");
	if (file && fscanf(file, "%lld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

/* --- mediated devices --- */

static const struct {
	const char *name;
	unsigned int cost;
	const char *description;
} types[] = {
	{ "i915-GVTg_V5_8", 1,
	  "low_gm_size: 64MB\nhigh_gm_size: 384MB\nfence: 4\nresolution: 1024x768\nweight: 2\n" },
	{ "i915-GVTg_V5_4", 2,
	  "low_gm_size: 128MB\nhigh_gm_size: 512MB\nfence: 4\nresolution: 1920x1200\nweight: 4\n" },
	{ "i915-GVTg_V5_2", 4,
	  "low_gm_size: 256MB\nhigh_gm_size: 1024MB\nfence: 4\nresolution: 1920x1200\n"
	  "weight: 8\n" },
};

enum {
	TYPES = sizeof(types) / sizeof(types[0]),
};

static void share_out(struct fake_vgpu *fake, int64_t left)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64 "\n", left);
	fake_put(fake, text, PARENT "/left");
	for (unsigned int i = 0; i < TYPES; i++) {
		snprintf(text, sizeof(text), "%" PRId64 "\n", left / types[i].cost);
		fake_put(fake, text, PARENT "/mdev_supported_types/%s/available_instances",
			 types[i].name);
	}
}

void fake_vgpu_add_gvtg(struct fake_vgpu *fake)
{
	for (unsigned int i = 0; i < TYPES; i++) {
		fake_put(fake, "", PARENT "/mdev_supported_types/%s/create", types[i].name);
		fake_put(fake, "vfio-pci\n", PARENT "/mdev_supported_types/%s/device_api",
			 types[i].name);
		fake_put(fake, types[i].description, PARENT "/mdev_supported_types/%s/description",
			 types[i].name);
	}
	share_out(fake, POOL);
	fake_put(fake, "", "sys/bus/mdev/devices/.keep");
	fake_link(fake, "../../devices/pci0/0000:00:02.0", "sys/class/mdev_bus/0000:00:02.0");
	fake_link(fake, "../../../devices/pci0/0000:00:02.0", "sys/bus/pci/devices/0000:00:02.0");
}

static unsigned int cost_of(const char *type)
{
	for (unsigned int i = 0; i < TYPES; i++)
		if (strcmp(types[i].name, type) == 0)
			return types[i].cost;
	return POOL + 1;
}

static int create_mdev(struct fake_vgpu *fake, const char *type, const char *uuid)
{
	int64_t left = read_number(fake, PARENT "/left");
	char target[128];

	if (strlen(uuid) != 36)
		return -EINVAL;
	if (fake_exists(fake, "sys/bus/mdev/devices/%s", uuid))
		return -EEXIST;
	if (left < cost_of(type))
		return -EUSERS;
	share_out(fake, left - cost_of(type));
	fake_put(fake, "", PARENT "/%s/remove", uuid);
	fake_put(fake, "", PARENT "/%s/one", uuid);
	fake_put(fake, "", PARENT "/%s/intel_vgpu/two", uuid);
	fake_link(fake, "../../../kernel/iommu_groups/30", PARENT "/%s/iommu_group", uuid);
	fake_put(fake, "", PARENT "/mdev_supported_types/%s/devices/%s", type, uuid);
	snprintf(target, sizeof(target), "../mdev_supported_types/%s", type);
	fake_link(fake, target, PARENT "/%s/mdev_type", uuid);
	snprintf(target, sizeof(target), "../../../devices/pci0/0000:00:02.0/%s", uuid);
	fake_link(fake, target, "sys/bus/mdev/devices/%s", uuid);
	return 0;
}

static int remove_mdev(struct fake_vgpu *fake, const char *uuid)
{
	char path[512], target[128];
	const char *type;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" PARENT "/%s/mdev_type", fake->root, uuid);
	n = readlink(path, target, sizeof(target) - 1);
	assert_true(n > 0);
	target[n] = '\0';
	type = strrchr(target, '/') + 1;
	share_out(fake, read_number(fake, PARENT "/left") + cost_of(type));
	fake_delete(fake, PARENT "/mdev_supported_types/%s/devices/%s", type, uuid);
	fake_delete(fake, "sys/bus/mdev/devices/%s", uuid);
	fake_delete(fake, PARENT "/%s", uuid);
	return 0;
}

/* --- virtual functions --- */

static void add_vf(struct fake_vgpu *fake, unsigned int vf)
{
	char target[64], from[128], to[128];

	fake_put(fake, "0\n", "sys/devices/new/nvidia/current_vgpu_type");
	fake_put(fake, "ID    : vGPU Name\n11    : NVIDIA X-4Q\n12    : NVIDIA X-8Q\n",
		 "sys/devices/new/nvidia/creatable_vgpu_types");
	fake_link(fake, "../../../bus/pci/drivers/nvidia", "sys/devices/new/driver");
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%u", 40 + vf);
	fake_link(fake, target, "sys/devices/new/iommu_group");
	/* The new one is there before the old one goes, so that it gets another number. */
	fake_delete(fake, "sys/devices/old");
	snprintf(from, sizeof(from), "%s/" PF_VF, fake->root, 4 + vf);
	snprintf(to, sizeof(to), "%s/sys/devices/old", fake->root);
	rename(from, to);
	snprintf(to, sizeof(to), "%s/sys/devices/new", fake->root);
	assert_int_equal(rename(to, from), 0);
	snprintf(target, sizeof(target), "../0000:41:00.%u", 4 + vf);
	fake_link(fake, target, PF "/virtfn%u", vf);
	snprintf(target, sizeof(target), "../../../devices/pci0/0000:41:00.%u", 4 + vf);
	fake_link(fake, target, "sys/bus/pci/devices/0000:41:00.%u", 4 + vf);
}

void fake_vgpu_add_vfs(struct fake_vgpu *fake)
{
	char text[8];

	snprintf(text, sizeof(text), "%d\n", FAKE_VFS);
	fake_put(fake, text, PF "/sriov_numvfs");
	fake_link(fake, "../../../devices/pci0/0000:41:00.0", "sys/bus/pci/devices/0000:41:00.0");
	fake_vgpu_renew_vfs(fake);
}

void fake_vgpu_renew_vfs(struct fake_vgpu *fake)
{
	for (unsigned int i = 0; i < FAKE_VFS; i++)
		add_vf(fake, i);
}

void fake_vgpu_set_type(struct fake_vgpu *fake, unsigned int vf, uint32_t type)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32 "\n", type);
	fake_put(fake, text, "sys/devices/pci0/0000:41:00.%u/nvidia/current_vgpu_type", 4 + vf);
}

uint32_t fake_vgpu_type(struct fake_vgpu *fake, unsigned int vf)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/devices/pci0/0000:41:00.%u/nvidia/current_vgpu_type",
		 4 + vf);
	return (uint32_t)read_number(fake, path);
}

static int write_type(struct fake_vgpu *fake, unsigned int vf, const char *text)
{
	uint32_t type = (uint32_t)strtoul(text, NULL, 10);

	if (type && type != 11 && type != 12)
		return -EINVAL;
	if (type && fake_vgpu_type(fake, vf))
		return -EBUSY;
	if (fake->watch)
		fake->watch(fake->watch_data, vf, type);
	fake_vgpu_set_type(fake, vf, type);
	return 0;
}

/* --- processes --- */

void fake_vgpu_hold(struct fake_vgpu *fake, int pid, int group, bool open)
{
	char target[32];

	snprintf(target, sizeof(target), "/dev/vfio/%d", group);
	fake_put(fake, "qemu-system-x86\n", "proc/%d/comm", pid);
	fake_link(fake, "/dev/null", "proc/%d/fd/0", pid);
	if (open)
		fake_link(fake, target, "proc/%d/fd/7", pid);
	else
		fake_delete(fake, "proc/%d/fd/7", pid);
}

/* --- the calls --- */

/* What is done, apart from faults: 0 or negative errno. */
static int do_write(struct fake_vgpu *fake, const char *path, int fd, const char *text, size_t size)
{
	char copy[256], type[FACET_TREE_NAME], uuid[FACET_TREE_NAME];
	unsigned int vf;

	if (strncmp(path, "sys/", 4) != 0)
		return write(fd, text, size) == (ssize_t)size ? 0 : -errno;
	assert_true(size < sizeof(copy));
	memcpy(copy, text, size);
	copy[size] = '\0';
	snprintf(fake->log + strlen(fake->log), sizeof(fake->log) - strlen(fake->log), "%s=%s\n",
		 path + 4, copy);
	if (sscanf(path, "sys/class/mdev_bus/0000:00:02.0/mdev_supported_types/%63[^/]/create",
		   type) == 1)
		return create_mdev(fake, type, copy);
	if (sscanf(path, "sys/bus/mdev/devices/%63[^/]/", uuid) == 1 && strstr(path, "/remove"))
		return remove_mdev(fake, uuid);
	if (sscanf(path, "sys/bus/pci/devices/0000:41:00.%u/nvidia", &vf) == 1)
		return write_type(fake, vf - 4, copy);
	return ftruncate(fd, 0) < 0 || pwrite(fd, text, size, 0) != (ssize_t)size ? -errno : 0;
}

/* Whether this call has the fault. */
static enum fake_fault next_call(struct fake_vgpu *fake)
{
	bool mine = ++fake->calls == fake->at;

	if (mine && fake->fault == FAKE_KILL)
		_exit(FAKE_KILLED);
	return mine ? fake->fault : FAKE_NONE;
}

static ssize_t fake_write(void *data, const char *path, int fd, const void *text, size_t size)
{
	struct fake_vgpu *fake = data;
	enum fake_fault fault = next_call(fake);
	bool own = strncmp(path, "sys/", 4) != 0;
	int r = 0;

	if (fault == FAKE_FAIL || fault == FAKE_INTERRUPTED) {
		errno = fault == FAKE_FAIL ? fake->fault_errno : EINTR;
		return -1;
	}
	/* Of a file a half is written; a driver has done all or nothing. */
	if (own && (fault == FAKE_SHORT || fault == FAKE_DONE_SHORT))
		return write(fd, text, (size + 1) / 2);
	if (own && fault == FAKE_DONE_EINTR)
		fault = FAKE_NONE;
	if (fault != FAKE_SHORT)
		r = do_write(fake, path, fd, text, size);
	if (fault == FAKE_KILL_BEHIND)
		_exit(FAKE_KILLED);
	if (fault == FAKE_SHORT || fault == FAKE_DONE_SHORT)
		return (ssize_t)(size - 1);
	if (r < 0 || fault == FAKE_DONE_EINTR) {
		errno = r < 0 ? -r : EINTR;
		return -1;
	}
	return (ssize_t)size;
}

/* A signal does not interrupt these. */
static bool fails(struct fake_vgpu *fake, enum fake_fault fault)
{
	if (fault == FAKE_FAIL)
		errno = fake->fault_errno;
	return fault == FAKE_FAIL;
}

static int fake_renameat(void *data, int dir, const char *from, const char *to)
{
	enum fake_fault fault = next_call(data);
	int r = fails(data, fault) ? -1 : renameat(dir, from, dir, to);

	if (fault == FAKE_KILL_BEHIND)
		_exit(FAKE_KILLED);
	return r;
}

static int fake_unlinkat(void *data, int dir, const char *name)
{
	enum fake_fault fault = next_call(data);
	int r = fails(data, fault) ? -1 : unlinkat(dir, name, 0);

	if (fault == FAKE_KILL_BEHIND)
		_exit(FAKE_KILLED);
	return r;
}

const struct facet_edit_calls fake_vgpu_calls = { fake_write, fake_renameat, fake_unlinkat };

int fake_vgpu_edit(struct fake_vgpu *fake, struct facet_edit **ret)
{
	struct facet_edit_config cfg = {
		.root = fake->root,
		.wait_ms = 100,
		.calls = &fake_vgpu_calls,
		.calls_data = fake,
	};

	return facet_edit_open(&cfg, ret, NULL);
}

void fake_vgpu_init(struct fake_vgpu *fake)
{
	*fake = (struct fake_vgpu){ .fault_errno = ENOSPC };
	strcpy(fake->root, "/tmp/facet-vgpu-XXXXXX");
	assert_non_null(mkdtemp(fake->root));
	fake_put(fake, "0c5c7a0e-5d8f-4c57-9a54-3f0f1b1f2d11\n", "proc/sys/kernel/random/boot_id");
	fake_put(fake, "init\n", "proc/1/comm");
	fake_link(fake, "/dev/null", "proc/1/fd/0");
}

void fake_vgpu_fini(struct fake_vgpu *fake)
{
	nftw(fake->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
