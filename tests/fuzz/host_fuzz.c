// SPDX-License-Identifier: GPL-2.0-or-later
/* host_fuzz.c - a host whose files say anything; what is made of it has bounds and is printable. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "host/bundle.h"
#include "host/doctor.h"
#include "host/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPU "sys/bus/pci/devices/0000:01:00.0"
#define VF  "sys/bus/pci/devices/0000:01:00.1"

/* The first byte of a piece says which of these it is what of. */
static const char *const files[] = {
	GPU "/vendor",
	GPU "/device",
	GPU "/resource",
	GPU "/resource1_resize",
	GPU "/numa_node",
	GPU "/reset_method",
	GPU "/power_state",
	GPU "/driver_override",
	GPU "/boot_vga",
	GPU "/config",
	GPU "/sriov_totalvfs",
	GPU "/sriov_numvfs",
	GPU "/mdev_supported_types/i915-GVTg_V5_4/description",
	GPU "/mdev_supported_types/i915-GVTg_V5_4/available_instances",
	VF "/nvidia/creatable_vgpu_types",
	VF "/nvidia/current_vgpu_type",
	"sys/kernel/iommu_groups/7/reserved_regions",
	"sys/class/iommu/dmar0/intel-iommu/ecap",
	"sys/bus/pci/drivers/xe/0000:01:00.0/sriov_admin/vf1/profile/sched_priority",
	"sys/bus/pci/drivers/xe/0000:01:00.0/sriov_admin/vf1/profile/vram_quota",
	"proc/cmdline",
	"proc/cpuinfo",
	"proc/meminfo",
	"proc/self/limits",
	"proc/self/status",
	"proc/self/cgroup",
	"proc/sys/kernel/osrelease",
	"proc/config.gz",
	"boot/config-6.12",
	"lib/modules/6.12/modules.dep",
	"var/lib/dpkg/status",
	"facet-probe/program/qemu-system-x86_64",
	"facet-probe/access/dev/kvm",
	"facet-probe/option/PCI",
	"facet-probe/errno/proc/meminfo",
};

static char root[] = "/tmp/facet-host-fuzz-XXXXXX";

static void put(const char *path, const void *data, size_t size)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *at = full + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(full, 0755);
		*at = '/';
	}
	file = fopen(full, "wb");
	if (!file)
		abort();
	fwrite(data, 1, size, file);
	fclose(file);
}

static void link_to(const char *path, const char *target)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	if (symlink(target, full) < 0)
		abort();
}

static void remove_root(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command) != 0)
		perror(command);
}

/* Files and links that every input has. */
static void make_root(void)
{
	if (!mkdtemp(root))
		abort();
	atexit(remove_root);
	put(GPU "/class", "0x030000", 8);
	put(VF "/class", "0x030000", 8);
	put("sys/kernel/iommu_groups/7/devices/0000:01:00.0", "", 0);
	link_to(GPU "/driver", "../xe");
	link_to(GPU "/iommu_group", "../7");
	link_to(GPU "/virtfn0", "../0000:01:00.1");
	link_to(VF "/physfn", "../0000:01:00.0");
	link_to(VF "/driver", "../nvidia");
	link_to(VF "/iommu_group", "../8");
}

static void check_text(const char *text, size_t space)
{
	size_t size = strnlen(text, space);

	if (size == space)
		abort();
	for (size_t i = 0; i < size; i++)
		if ((text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] > '~')
			abort();
}

static void check(const struct facet_host *host, const struct facet_diagnosis *d)
{
	if (host->count != 1 || host->gpus[0].vf_count > 1 || host->gpus[0].type_count > 1)
		abort();
	for (unsigned int i = 0; i < d->count; i++) {
		check_text(d->findings[i].file, sizeof(d->findings[i].file));
		check_text(d->findings[i].found, sizeof(d->findings[i].found));
		check_text(d->findings[i].verdict, sizeof(d->findings[i].verdict));
		check_text(d->findings[i].fix, sizeof(d->findings[i].fix));
	}
}

static void examine(void)
{
	struct facet_diagnosis diagnosis;
	struct facet_error err;
	struct facet_tree *tree;
	struct facet_host *host;
	FILE *null = fopen("/dev/null", "w");

	if (!null || facet_tree_open(root, &tree, &err) < 0)
		abort();
	facet_tree_record(tree);
	if (facet_host_scan(tree, &(struct facet_host_options){ 0 }, &host, &err) < 0 ||
	    facet_doctor_examine(tree, host, &diagnosis, &err) < 0)
		abort();
	check(host, &diagnosis);
	if (facet_bundle_write(tree, null, &err) <= 0)
		abort();
	fclose(null);
	facet_doctor_fini(&diagnosis);
	facet_host_destroy(host);
	facet_tree_close(tree);
}

/* Pieces: a byte that says which file, two that say how long, and the content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	size_t n;

	if (!made)
		make_root();
	made = true;
	for (size_t i = 0; i < FACET_ARRAY_SIZE(files); i++)
		put(files[i], "", 0);
	while (size > 3) {
		n = (size_t)data[1] << 8 | data[2];
		n = n < size - 3 ? n : size - 3;
		put(files[data[0] % FACET_ARRAY_SIZE(files)], data + 3, n);
		data += n + 3;
		size -= n + 3;
	}
	examine();
	return 0;
}
