// SPDX-License-Identifier: GPL-2.0-or-later
/* topology.c - what hwloc says of a host, as plain data. */
#include "place/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	LOCAL = 10,
	SAME_PLACE = 11, /* two kinds of memory beside the same CPUs */
	SAME_PACKAGE = 12,
	ELSEWHERE = 20,
};

#define SYNTHETIC "synthetic:"

struct handle {
	hwloc_topology_t topology;
};

static void handle_fini(struct handle *handle)
{
	hwloc_topology_destroy(handle->topology);
}
FACET_DEFINE_CLEANUP(struct handle, handle_fini)

/* --- nodes --- */

/* hwloc counts pages of all sizes; ordinary ones are the others' rest. */
static void add_pages(const struct hwloc_obj *obj, struct facet_topology_node *node)
{
	const struct hwloc_numanode_attr_s *attr = &obj->attr->numanode;
	unsigned int huge = 0;

	for (unsigned int i = 0; i < attr->page_types_len; i++) {
		const struct hwloc_memory_page_type_s *pages = &attr->page_types[i];
		uint64_t reserved;

		if (pages->size <= 65536 ||
		    __builtin_mul_overflow(pages->size, pages->count, &reserved))
			continue;
		node->memory -= reserved < node->memory ? reserved : node->memory;
		if (huge < FACET_PLACE_PAGE_SIZES)
			node->huge[huge++] =
				(struct facet_topology_pages){ pages->size, pages->count };
	}
}

static int add_nodes(hwloc_topology_t from, struct facet_topology *ret, struct facet_error *err)
{
	int count = hwloc_get_nbobjs_by_type(from, HWLOC_OBJ_NUMANODE);

	if (count < 1 || count > FACET_PLACE_NODES)
		return facet_error_set(err, -EINVAL, "%s: %d NUMA nodes, must be from 1 to %d",
				       ret->source, count, FACET_PLACE_NODES);
	for (int i = 0; i < count; i++) {
		hwloc_obj_t obj = hwloc_get_obj_by_type(from, HWLOC_OBJ_NUMANODE, (unsigned int)i);
		struct facet_topology_node *node = &ret->nodes[ret->node_count++];

		*node = (struct facet_topology_node){ .os = obj->os_index,
						      .memory = obj->attr->numanode.local_memory };
		add_pages(obj, node);
		node->memory_free = node->memory;
	}
	return 0;
}

/* In nodes[]; -1: none of them. */
static int find_node(const struct facet_topology *topology, unsigned int os)
{
	for (unsigned int i = 0; i < topology->node_count; i++)
		if (topology->nodes[i].os == os)
			return (int)i;
	return -1;
}

static int make_up(hwloc_topology_t topology, unsigned int a, unsigned int b)
{
	hwloc_obj_t x = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, a)->parent;
	hwloc_obj_t y = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, b)->parent;

	if (a == b)
		return LOCAL;
	if (x == y)
		return SAME_PLACE;
	return hwloc_get_common_ancestor_obj(topology, x, y)->type == HWLOC_OBJ_MACHINE
		       ? ELSEWHERE
		       : SAME_PACKAGE;
}

static unsigned short clamp_distance(hwloc_uint64_t value)
{
	return value < 1 ? 1 : value > UINT16_MAX ? UINT16_MAX : (unsigned short)value;
}

static void add_distances(hwloc_topology_t from, struct facet_topology *ret)
{
	struct hwloc_distances_s *matrix = NULL;
	unsigned int count = 1;

	for (unsigned int i = 0; i < ret->node_count; i++)
		for (unsigned int j = 0; j < ret->node_count; j++)
			ret->distance[i][j] = (unsigned short)make_up(from, i, j);
	if (hwloc_distances_get_by_type(from, HWLOC_OBJ_NUMANODE, &count, &matrix,
					HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) ||
	    count < 1)
		return;
	for (unsigned int i = 0; i < matrix->nbobjs; i++)
		for (unsigned int j = 0; j < matrix->nbobjs; j++) {
			int a = matrix->objs[i] ? find_node(ret, matrix->objs[i]->os_index) : -1;
			int b = matrix->objs[j] ? find_node(ret, matrix->objs[j]->os_index) : -1;

			if (a >= 0 && b >= 0)
				ret->distance[a][b] =
					clamp_distance(matrix->values[i * matrix->nbobjs + j]);
		}
	ret->distance_known = true;
	hwloc_distances_release(from, matrix);
}

/* --- CPUs and devices --- */

static int add_cpus(hwloc_topology_t from, struct facet_topology *ret, struct facet_error *err)
{
	int count = hwloc_get_nbobjs_by_type(from, HWLOC_OBJ_PU);

	for (int i = 0; i < count; i++) {
		hwloc_obj_t pu = hwloc_get_obj_by_type(from, HWLOC_OBJ_PU, (unsigned int)i);
		hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(from, HWLOC_OBJ_CORE, pu);
		int node = find_node(ret, (unsigned int)hwloc_bitmap_first(pu->nodeset));

		if (pu->os_index >= CPU_SETSIZE || ret->cpu_count == CPU_SETSIZE)
			return facet_error_set(err, -EINVAL,
					       "%s: CPU %u, must be one of the first %d",
					       ret->source, pu->os_index, CPU_SETSIZE);
		ret->cpus[ret->cpu_count++] = (struct facet_topology_cpu){
			.os = (unsigned short)pu->os_index,
			.node = (unsigned short)(node < 0 ? 0 : node),
			.core = (unsigned short)(core ? core->logical_index : (unsigned int)i),
		};
	}
	return count > 0 ? 0 : facet_error_set(err, -EINVAL, "%s: no CPUs", ret->source);
}

static void add_devices(hwloc_topology_t from, struct facet_topology *ret)
{
	hwloc_obj_t obj = NULL;

	while ((obj = hwloc_get_next_pcidev(from, obj)) &&
	       ret->device_count < FACET_PLACE_DEVICES) {
		const struct hwloc_pcidev_attr_s *pci = &obj->attr->pcidev;
		hwloc_obj_t place = hwloc_get_non_io_ancestor_obj(from, obj);
		struct facet_topology_device *device = &ret->devices[ret->device_count++];

		snprintf(device->bdf, sizeof(device->bdf), "%04x:%02x:%02x.%x",
			 pci->domain & 0xffffU, pci->bus, pci->dev, pci->func & 0xfU);
		device->node =
			place && hwloc_bitmap_weight(place->nodeset) == 1
				? find_node(ret, (unsigned int)hwloc_bitmap_first(place->nodeset))
				: -1;
	}
}

/* --- reading --- */

static int fail(const char *source, struct facet_error *err)
{
	return facet_error_set(err, errno > 0 ? -errno : -EINVAL,
			       "%s: hwloc cannot read it: %s: must be \"synthetic:\" and hwloc's "
			       "notation (node:2 core:4 pu:2), or a file made by lstopo FILE.xml",
			       source, errno > 0 ? strerror(errno) : "no topology");
}

static const char *const unwanted[] = {
	"pci", "opencl", "cuda", "nvml", "rsmi", "levelzero", "gl"
};

/* @text: NULL is this host. */
static int load(const char *text, struct facet_topology *ret, struct facet_error *err)
{
	struct handle handle;
	facet_auto(handle_fini) struct handle *guard = NULL;
	const char *synthetic = text && strncmp(text, SYNTHETIC, strlen(SYNTHETIC)) == 0
					? text + strlen(SYNTHETIC)
					: NULL;
	int r;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->source, sizeof(ret->source), "%s", text ? text : "this host");
	errno = 0;
	if (hwloc_topology_init(&handle.topology))
		return facet_error_set(err, -ENOMEM, "hwloc does not start: %s", strerror(errno));
	guard = &handle;
	/*
	 * Of devices only PCI's places are wanted, which Linux itself says: these would open
	 * displays, start drivers of GPUs, and (pci) keep the names of all devices in the world.
	 */
	for (unsigned int i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		hwloc_topology_set_components(
			handle.topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, unwanted[i]);
	hwloc_topology_set_io_types_filter(handle.topology, HWLOC_TYPE_FILTER_KEEP_ALL);
	if (synthetic && hwloc_topology_set_synthetic(handle.topology, synthetic))
		return fail(text, err);
	if (text && !synthetic && hwloc_topology_set_xml(handle.topology, text))
		return fail(text, err);
	if (hwloc_topology_load(handle.topology))
		return fail(ret->source, err);
	r = add_nodes(handle.topology, ret, err);
	if (!r)
		r = add_cpus(handle.topology, ret, err);
	if (r)
		return r;
	add_distances(handle.topology, ret);
	add_devices(handle.topology, ret);
	return 0;
}

int facet_topology_read(struct facet_topology *ret, struct facet_error *err)
{
	facet_autofree struct facet_topology *topology = calloc(1, sizeof(*topology));
	facet_autoclose int sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = topology ? load(NULL, topology, err) : -ENOMEM;

	if (r)
		return topology ? r : facet_error_set(err, r, "out of memory");
	if (sys_fd >= 0)
		facet_topology_refine(sys_fd, topology);
	*ret = *topology;
	return 0;
}

int facet_topology_parse(const char *text, struct facet_topology *ret, struct facet_error *err)
{
	facet_autofree struct facet_topology *topology = calloc(1, sizeof(*topology));
	int r = topology ? load(text, topology, err) : -ENOMEM;

	if (r)
		return topology ? r : facet_error_set(err, r, "out of memory");
	*ret = *topology;
	return 0;
}

static const struct facet_topology_device *find_device(const struct facet_topology *topology,
						       const char *bdf)
{
	for (unsigned int i = 0; i < topology->device_count; i++)
		if (strcmp(topology->devices[i].bdf, bdf) == 0)
			return &topology->devices[i];
	return NULL;
}

int facet_topology_device_node(const struct facet_topology *topology, const char *bdf)
{
	const struct facet_topology_device *device = find_device(topology, bdf);

	return device ? device->node : -1;
}

bool facet_topology_has_device(const struct facet_topology *topology, const char *bdf)
{
	return find_device(topology, bdf);
}
