// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_vgpu.c - files that change as the kernel's do when some of them are written. */
#include "host/fake_vgpu.h"

#include <errno.h>
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

bool fake_exists(struct fake_vgpu *fake, const char *fmt, ...)
{
	char path[512], full[600];
	struct stat st;
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	snprintf(full, sizeof(full), "%s/%s", fake->sysfs->root, path);
	return lstat(full, &st) == 0;
}

static struct fake_vgpu *active;

static int64_t read_number(struct fake_vgpu *fake, const char *path)
{
	int64_t number = -1;

	facet_tree_number(fake->sysfs->tree, &number, "%s", path);
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
	fake_sysfs_put(fake->sysfs, text, PARENT "/left");
	for (unsigned int i = 0; i < TYPES; i++) {
		snprintf(text, sizeof(text), "%" PRId64 "\n", left / types[i].cost);
		fake_sysfs_put(fake->sysfs, text,
			       PARENT "/mdev_supported_types/%s/available_instances",
			       types[i].name);
	}
}

void fake_vgpu_add_gvtg(struct fake_vgpu *fake)
{
	for (unsigned int i = 0; i < TYPES; i++) {
		fake_sysfs_put(fake->sysfs, "", PARENT "/mdev_supported_types/%s/create",
			       types[i].name);
		fake_sysfs_put(fake->sysfs, "vfio-pci\n",
			       PARENT "/mdev_supported_types/%s/device_api", types[i].name);
		fake_sysfs_put(fake->sysfs, types[i].description,
			       PARENT "/mdev_supported_types/%s/description", types[i].name);
	}
	share_out(fake, POOL);
	fake_sysfs_put(fake->sysfs, "", "sys/bus/mdev/devices/.keep");
	fake_sysfs_link(fake->sysfs, "../../devices/pci0/0000:00:02.0",
			"sys/class/mdev_bus/0000:00:02.0");
	fake_sysfs_link(fake->sysfs, "../../../devices/pci0/0000:00:02.0",
			"sys/bus/pci/devices/0000:00:02.0");
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
	fake_sysfs_put(fake->sysfs, "", PARENT "/%s/remove", uuid);
	fake_sysfs_put(fake->sysfs, "", PARENT "/%s/one", uuid);
	fake_sysfs_put(fake->sysfs, "", PARENT "/%s/intel_vgpu/two", uuid);
	fake_sysfs_link(fake->sysfs, "../../../kernel/iommu_groups/30", PARENT "/%s/iommu_group",
			uuid);
	fake_sysfs_put(fake->sysfs, "", PARENT "/mdev_supported_types/%s/devices/%s", type, uuid);
	snprintf(target, sizeof(target), "../mdev_supported_types/%s", type);
	fake_sysfs_link(fake->sysfs, target, PARENT "/%s/mdev_type", uuid);
	snprintf(target, sizeof(target), "../../../devices/pci0/0000:00:02.0/%s", uuid);
	fake_sysfs_link(fake->sysfs, target, "sys/bus/mdev/devices/%s", uuid);
	return 0;
}

static int remove_mdev(struct fake_vgpu *fake, const char *uuid)
{
	char path[512], target[128];
	const char *type;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" PARENT "/%s/mdev_type", fake->sysfs->root, uuid);
	n = readlink(path, target, sizeof(target) - 1);
	assert_true(n > 0);
	target[n] = '\0';
	type = strrchr(target, '/') + 1;
	share_out(fake, read_number(fake, PARENT "/left") + cost_of(type));
	fake_sysfs_remove(fake->sysfs, PARENT "/mdev_supported_types/%s/devices/%s", type, uuid);
	fake_sysfs_remove(fake->sysfs, "sys/bus/mdev/devices/%s", uuid);
	fake_sysfs_remove(fake->sysfs, PARENT "/%s", uuid);
	return 0;
}

/* --- virtual functions --- */

static void add_vf(struct fake_vgpu *fake, unsigned int vf)
{
	char target[64], from[128], to[128];

	fake_sysfs_put(fake->sysfs, "0\n", "sys/devices/new/nvidia/current_vgpu_type");
	fake_sysfs_put(fake->sysfs, "ID    : vGPU Name\n11    : NVIDIA X-4Q\n12    : NVIDIA X-8Q\n",
		       "sys/devices/new/nvidia/creatable_vgpu_types");
	fake_sysfs_link(fake->sysfs, "../../../bus/pci/drivers/nvidia", "sys/devices/new/driver");
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%u", 40 + vf);
	fake_sysfs_link(fake->sysfs, target, "sys/devices/new/iommu_group");
	/* The new one is there before the old one goes, so that it gets another number. */
	fake_sysfs_remove(fake->sysfs, "sys/devices/old");
	snprintf(from, sizeof(from), "%s/" PF_VF, fake->sysfs->root, 4 + vf);
	snprintf(to, sizeof(to), "%s/sys/devices/old", fake->sysfs->root);
	rename(from, to);
	snprintf(to, sizeof(to), "%s/sys/devices/new", fake->sysfs->root);
	assert_int_equal(rename(to, from), 0);
	snprintf(target, sizeof(target), "../0000:41:00.%u", 4 + vf);
	fake_sysfs_link(fake->sysfs, target, PF "/virtfn%u", vf);
	snprintf(target, sizeof(target), "../../../devices/pci0/0000:41:00.%u", 4 + vf);
	fake_sysfs_link(fake->sysfs, target, "sys/bus/pci/devices/0000:41:00.%u", 4 + vf);
}

void fake_vgpu_add_vfs(struct fake_vgpu *fake)
{
	char text[8];

	snprintf(text, sizeof(text), "%d\n", FAKE_VFS);
	fake_sysfs_put(fake->sysfs, text, PF "/sriov_numvfs");
	fake_sysfs_link(fake->sysfs, "../../../devices/pci0/0000:41:00.0",
			"sys/bus/pci/devices/0000:41:00.0");
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
	fake_sysfs_put(fake->sysfs, text, "sys/devices/pci0/0000:41:00.%u/nvidia/current_vgpu_type",
		       4 + vf);
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
	fake_sysfs_put(fake->sysfs, "qemu-system-x86\n", "proc/%d/comm", pid);
	fake_sysfs_link(fake->sysfs, "/dev/null", "proc/%d/fd/0", pid);
	if (open)
		fake_sysfs_link(fake->sysfs, target, "proc/%d/fd/7", pid);
	else
		fake_sysfs_remove(fake->sysfs, "proc/%d/fd/7", pid);
}

/* --- what is written --- */

/* 1: nothing of ours. */
static int react(struct fake_vgpu *fake, const char *path, const char *text)
{
	char type[FACET_TREE_NAME], uuid[FACET_TREE_NAME], file[FACET_TREE_NAME];
	unsigned int vf;

	if (sscanf(path, "sys/class/mdev_bus/0000:00:02.0/mdev_supported_types/%63[^/]/%63s", type,
		   file) == 2 &&
	    strcmp(file, "create") == 0)
		return create_mdev(fake, type, text);
	if (sscanf(path, "sys/bus/mdev/devices/%63[^/]/%63s", uuid, file) == 2 &&
	    strcmp(file, "remove") == 0)
		return remove_mdev(fake, uuid);
	if (sscanf(path, "sys/bus/pci/devices/0000:41:00.%u/%63s", &vf, file) == 2 &&
	    strcmp(file, "nvidia/current_vgpu_type") == 0)
		return write_type(fake, vf - 4, text);
	return 1;
}

static int also(struct fake_sysfs *sysfs, const char *path, const char *text)
{
	int r = react(active, path, text);

	if (r == 1 && fake_exists(active, "%s", path)) {
		fake_sysfs_put(sysfs, text, "%s", path);
		r = 0;
	}
	return sysfs->writes == active->lie_at && r == 0 ? active->lie_with : r;
}

struct facet_change *fake_vgpu_change(struct fake_vgpu *fake)
{
	struct facet_change_config cfg = { .tree = fake->sysfs->tree };
	struct facet_change *change;
	struct facet_error err = { 0 };

	if (facet_change_open(&cfg, &change, &err) < 0)
		fail_msg("%s", err.text);
	return change;
}

void fake_vgpu_init(struct fake_vgpu *fake)
{
	*fake = (struct fake_vgpu){ .sysfs = fake_sysfs_create() };
	fake->sysfs->also = also;
	active = fake;
	fake_sysfs_put(fake->sysfs, "init\n", "proc/1/comm");
	fake_sysfs_link(fake->sysfs, "/dev/null", "proc/1/fd/0");
}

void fake_vgpu_fini(struct fake_vgpu *fake)
{
	fake_sysfs_destroy(fake->sysfs);
	active = NULL;
}
