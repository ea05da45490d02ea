// SPDX-License-Identifier: GPL-2.0-or-later
/* refine.c - what is free on each node, and where devices are, by /sys. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "place/topology.h"

static bool read_text(int fd, const char *path, char *ret, size_t size)
{
	facet_autoclose int file = openat(fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = file < 0 ? -1 : read(file, ret, size - 1);

	ret[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

static uint64_t read_number(int fd, const char *path)
{
	char text[32];

	return read_text(fd, path, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

/* "Node 0 MemFree:  123 kB", in bytes. */
static uint64_t find_amount(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	uint64_t kib = at ? strtoull(at + strlen(key), NULL, 10) : 0;

	return kib > UINT64_MAX >> 10 ? 0 : kib << 10;
}

/* Clean pages of files and what else can be dropped is as good as free. */
static bool read_free(int node_fd, struct facet_topology_node *node)
{
	static const char *const keys[] = { " MemFree:", " Active(file):", " Inactive(file):",
					    " SReclaimable:" };
	uint64_t sum = 0;
	char text[4096];

	if (!read_text(node_fd, "meminfo", text, sizeof(text)) || !strstr(text, keys[0]))
		return false;
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		sum += find_amount(text, keys[i]);
	node->memory_free = sum < node->memory ? sum : node->memory;
	return true;
}

static void read_huge(int node_fd, struct facet_topology_node *node)
{
	char path[96];

	for (int i = 0; i < FACET_PLACE_PAGE_SIZES && node->huge[i].size; i++) {
		snprintf(path, sizeof(path), "hugepages/hugepages-%llukB/free_hugepages",
			 (unsigned long long)node->huge[i].size >> 10);
		node->huge[i].free = read_number(node_fd, path);
	}
}

/* CPUs that are offline, or not ours, are not near to anything. */
static void read_device(int sys_fd, struct facet_topology *topology,
			struct facet_topology_device *device)
{
	char path[64], text[16];
	long node;

	snprintf(path, sizeof(path), "bus/pci/devices/%s/numa_node", device->bdf);
	if (!read_text(sys_fd, path, text, sizeof(text)))
		return;
	node = strtol(text, NULL, 10);
	for (unsigned int i = 0; node >= 0 && i < topology->node_count; i++)
		if (topology->nodes[i].os == (unsigned long)node)
			device->node = (int)i;
}

void facet_topology_refine(int sys_fd, struct facet_topology *topology)
{
	unsigned int known = 0;
	char path[64];

	for (unsigned int i = 0; i < topology->node_count; i++) {
		facet_autoclose int fd = -1;

		snprintf(path, sizeof(path), "devices/system/node/node%u", topology->nodes[i].os);
		fd = openat(sys_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		known += read_free(fd, &topology->nodes[i]);
		read_huge(fd, &topology->nodes[i]);
	}
	topology->free_known = known == topology->node_count;
	for (unsigned int i = 0; i < topology->device_count; i++)
		read_device(sys_fd, topology, &topology->devices[i]);
}
