// SPDX-License-Identifier: GPL-2.0-or-later
/* inventory.c - finds the devices, and fills in what is told of each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "host/inventory_internal.h"

enum {
	CLASS_DISPLAY = 0x03,
	CLASS_ACCELERATOR = 0x1200,
};

const char *facet_mechanism_name(enum facet_mechanism mechanism)
{
	static const char *const names[FACET_MECHANISM_COUNT] = {
		[FACET_VIRGL] = "virgl", [FACET_VFIO] = "vfio",    [FACET_SRIOV] = "sriov",
		[FACET_MDEV] = "mdev",   [FACET_GVTG] = "gvtg-hw", [FACET_VENDOR_VF] = "vendor-vf",
	};

	return names[mechanism];
}

/* The variants for one kind of device are called "mlx5_vfio_pci", "xe-vfio-pci". */
bool facet_host_driver_is_vfio(const char *driver)
{
	size_t size = strlen(driver);

	return size >= 8 && strncmp(driver + size - 8, "vfio", 4) == 0 &&
	       (driver[size - 4] == '-' || driver[size - 4] == '_') &&
	       strcmp(driver + size - 3, "pci") == 0;
}

bool facet_host_driver_blocks(const char *driver)
{
	return *driver && !facet_host_driver_is_vfio(driver) && strcmp(driver, "pci-stub") != 0 &&
	       strcmp(driver, "pcieport") != 0;
}

int facet_host_numbered(const char *name, const char *prefix)
{
	size_t size = strlen(prefix);
	unsigned long number;
	char *end;

	if (strncmp(name, prefix, size) != 0 || name[size] < '0' || name[size] > '9')
		return -1;
	number = strtoul(name + size, &end, 10);
	return *end || number > 0xffffff ? -1 : (int)number;
}

int facet_host_group_of(struct facet_tree *tree, const char *bdf)
{
	char text[FACET_TREE_NAME];

	facet_tree_link(tree, text, sizeof(text), PCI "/iommu_group", bdf);
	return facet_host_numbered(text, "");
}

void facet_host_read_function(struct facet_tree *tree, const char *bdf,
			      struct facet_host_function *ret)
{
	int64_t class = 0, vendor = 0, device = 0;

	snprintf(ret->bdf, sizeof(ret->bdf), "%s", bdf);
	facet_tree_number(tree, &class, PCI "/class", bdf);
	facet_tree_number(tree, &vendor, PCI "/vendor", bdf);
	facet_tree_number(tree, &device, PCI "/device", bdf);
	ret->class = (uint32_t) class;
	ret->vendor = (uint16_t)vendor;
	ret->device = (uint16_t)device;
	facet_tree_link(tree, ret->driver, sizeof(ret->driver), PCI "/driver", bdf);
}

int facet_host_read_group(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	struct facet_host_group *group = &gpu->group;
	struct facet_names names;

	group->id = facet_host_group_of(tree, gpu->function.bdf);
	if (group->id < 0 ||
	    facet_tree_list(tree, &names, "sys/kernel/iommu_groups/%d/devices", group->id) < 0)
		return 0;
	group->viable = true;
	group->members = calloc(names.count ? names.count : 1, sizeof(*group->members));
	for (unsigned int i = 0; group->members && i < names.count; i++) {
		struct facet_host_function *member = &group->members[group->count];

		if (strlen(names.items[i]) >= FACET_HOST_BDF || group->count == FACET_HOST_MEMBERS)
			continue;
		facet_host_read_function(tree, names.items[i], member);
		group->viable &= !facet_host_driver_blocks(member->driver);
		group->count++;
	}
	facet_names_fini(&names);
	return group->members ? 0 : -ENOMEM;
}

static void read_nodes(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	struct facet_names names;

	facet_tree_list(tree, &names, PCI "/drm", gpu->function.bdf);
	for (unsigned int i = 0; i < names.count; i++) {
		if (facet_host_numbered(names.items[i], "renderD") >= 0)
			strcpy(gpu->render, names.items[i]);
		else if (facet_host_numbered(names.items[i], "card") >= 0)
			strcpy(gpu->card, names.items[i]);
	}
	facet_names_fini(&names);
}

static void read_bars(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	const char *bdf = gpu->function.bdf;
	char text[1024], sizes[40];

	facet_tree_text(tree, text, sizeof(text), PCI "/resource", bdf);
	facet_host_parse_resources(text, gpu->bars, &gpu->rom);
	for (unsigned int i = 0; i < FACET_HOST_BARS; i++) {
		if (gpu->bars[i].size && facet_tree_text(tree, sizes, sizeof(sizes),
							 PCI "/resource%u_resize", bdf, i) > 0)
			gpu->bars[i].sizes = strtoull(sizes, NULL, 16);
	}
}

static void read_place(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	const char *bdf = gpu->function.bdf;
	int64_t number = -1;

	facet_tree_number(tree, &number, PCI "/numa_node", bdf);
	gpu->numa_node = number >= 0 && number < 4096 ? (int)number : -1;
	if (gpu->numa_node >= 0)
		facet_tree_text(tree, gpu->numa_distance, sizeof(gpu->numa_distance),
				"sys/devices/system/node/node%d/distance", gpu->numa_node);
	number = 0;
	facet_tree_number(tree, &number, PCI "/boot_vga", bdf);
	gpu->boot_vga = number == 1;
	facet_tree_text(tree, gpu->reset_methods, sizeof(gpu->reset_methods), PCI "/reset_method",
			bdf);
	facet_tree_text(tree, gpu->power_state, sizeof(gpu->power_state), PCI "/power_state", bdf);
	facet_tree_text(tree, gpu->driver_override, sizeof(gpu->driver_override),
			PCI "/driver_override", bdf);
	if (strcmp(gpu->driver_override, "(null)") == 0) /* older kernels' way to say nothing */
		gpu->driver_override[0] = '\0';
}

static int read_gpu(struct facet_tree *tree, const char *bdf, struct facet_host_gpu *gpu)
{
	char path[FACET_TREE_PATH];
	int r;

	facet_host_read_function(tree, bdf, &gpu->function);
	read_place(tree, gpu);
	read_nodes(tree, gpu);
	read_bars(tree, gpu);
	snprintf(path, sizeof(path), PCI, bdf);
	gpu->mdev = facet_tree_exists(tree, "%s/mdev_supported_types", path);
	r = facet_host_read_group(tree, gpu);
	if (r == 0)
		r = facet_host_read_vfs(tree, gpu);
	if (r == 0)
		r = facet_host_read_profiles(tree, gpu);
	if (r == 0)
		r = facet_host_read_types(tree, path, &gpu->types, &gpu->type_count);
	return r;
}

/* VFs belong to their PF. */
static bool is_wanted(struct facet_tree *tree, const char *bdf,
		      const struct facet_host_options *options)
{
	char pf[FACET_TREE_NAME];
	int64_t class = 0, total = 0;

	if (options->also && strcmp(options->also, bdf) == 0)
		return true;
	facet_tree_number(tree, &class, PCI "/class", bdf);
	if (class >> 16 == CLASS_DISPLAY || class >> 8 == CLASS_ACCELERATOR)
		return facet_tree_link(tree, pf, sizeof(pf), PCI "/physfn", bdf) < 0;
	if (!options->all)
		return false;
	facet_tree_number(tree, &total, PCI "/sriov_totalvfs", bdf);
	return total > 0 || facet_tree_exists(tree, PCI "/mdev_supported_types", bdf);
}

static int read_gpus(struct facet_tree *tree, const struct facet_host_options *options,
		     struct facet_host *host)
{
	struct facet_names names;
	unsigned int space = 0;
	int r = 0;

	facet_tree_list(tree, &names, "sys/bus/pci/devices");
	host->functions = names.count;
	for (unsigned int i = 0; r == 0 && i < names.count && host->count < FACET_HOST_GPUS; i++) {
		void *more = host->gpus;

		if (strlen(names.items[i]) >= FACET_HOST_BDF ||
		    !is_wanted(tree, names.items[i], options))
			continue;
		if (host->count == space) {
			space = space ? 2 * space : 8;
			more = reallocarray(host->gpus, space, sizeof(*host->gpus));
		}
		r = more ? 0 : -ENOMEM;
		if (r < 0)
			break;
		host->gpus = more;
		host->gpus[host->count] = (struct facet_host_gpu){ 0 };
		r = read_gpu(tree, names.items[i], &host->gpus[host->count++]);
	}
	facet_names_fini(&names);
	return r;
}

static int read_parents(struct facet_tree *tree, struct facet_host *host)
{
	char path[FACET_TREE_PATH];
	struct facet_names names;
	int r = 0;

	facet_tree_list(tree, &names, "sys/class/mdev_bus");
	host->parents = calloc(names.count ? names.count : 1, sizeof(*host->parents));
	if (!host->parents)
		r = -ENOMEM;
	for (unsigned int i = 0; r == 0 && i < names.count; i++) {
		struct facet_host_parent *parent = &host->parents[host->parent_count];

		if (strlen(names.items[i]) < FACET_HOST_BDF &&
		    facet_tree_exists(tree, PCI, names.items[i]))
			continue;
		strcpy(parent->name, names.items[i]);
		snprintf(path, sizeof(path), "sys/class/mdev_bus/%s", names.items[i]);
		r = facet_host_read_types(tree, path, &parent->types, &parent->type_count);
		host->parent_count++;
	}
	facet_names_fini(&names);
	return r;
}

int facet_host_scan(struct facet_tree *tree, const struct facet_host_options *options,
		    struct facet_host **ret, struct facet_error *err)
{
	struct facet_host *host = calloc(1, sizeof(*host));
	int r = host ? 0 : -ENOMEM;

	if (r == 0) {
		facet_tree_text(tree, host->kernel, sizeof(host->kernel),
				"proc/sys/kernel/osrelease");
		facet_tree_list(tree, &host->iommus, "sys/class/iommu");
		r = read_gpus(tree, options, host);
	}
	if (r == 0)
		r = read_parents(tree, host);
	if (r < 0) {
		facet_host_destroy(host);
		return facet_error_set(err, r, "out of memory");
	}
	facet_host_name_gpus(host);
	*ret = host;
	return 0;
}

void facet_host_destroy(struct facet_host *host)
{
	if (!host)
		return;
	for (unsigned int i = 0; i < host->count; i++) {
		free(host->gpus[i].group.members);
		free(host->gpus[i].vfs);
		free(host->gpus[i].profiles);
		free(host->gpus[i].types);
		free(host->gpus[i].vf_types);
	}
	for (unsigned int i = 0; i < host->parent_count; i++)
		free(host->parents[i].types);
	free(host->gpus);
	free(host->parents);
	facet_names_fini(&host->iommus);
	free(host);
}
