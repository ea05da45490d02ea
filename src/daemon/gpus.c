// SPDX-License-Identifier: GPL-2.0-or-later
/* gpus.c - lists render nodes, soft0, and the words for how they are divided. */
#include "daemon/gpus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

const char *const facetd_mechanisms[] = {
#if HAVE_VIRGL
	"virgl",
#endif
	"2d", NULL
};

/* The last part of what a link points to, or "". */
static void link_name(const char *dir, const char *node, const char *file, char *ret, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/class/drm/%s/%s", dir, node, file);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	snprintf(ret, size, "%.*s", (int)size - 1,
		 strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

/* "8086" from a file that says "0x8086", or "". */
static void read_id(const char *dir, const char *node, const char *file, char *ret, size_t size)
{
	char path[PATH_MAX], text[16];
	facet_autoclose int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/class/drm/%s/device/%s", dir, node, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	snprintf(ret, size, "%.*s", (int)size - 1, strncmp(text, "0x", 2) == 0 ? text + 2 : text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct facetd_gpu *)a)->name, ((const struct facetd_gpu *)b)->name);
}

static void fill(const char *sysfs, const char *node, struct facetd_gpu *ret)
{
	char vendor[8], device[8], bus[16];

	*ret = (struct facetd_gpu){ 0 };
	snprintf(ret->name, sizeof(ret->name), "%s", node);
	snprintf(ret->node, sizeof(ret->node), "/dev/dri/%s", node);
	link_name(sysfs, node, "device/driver", ret->driver, sizeof(ret->driver));
	link_name(sysfs, node, "device", bus, sizeof(bus));
	read_id(sysfs, node, "vendor", vendor, sizeof(vendor));
	read_id(sysfs, node, "device", device, sizeof(device));
	if (vendor[0])
		snprintf(ret->address, sizeof(ret->address), "%s %s:%s", bus, vendor, device);
	else
		snprintf(ret->address, sizeof(ret->address), "%s", bus);
}

unsigned int facetd_gpus_list(const char *sysfs, struct facetd_gpu ret[static FACETD_MAX_GPUS])
{
	char path[PATH_MAX];
	unsigned int count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/drm", sysfs);
	dir = opendir(path);
	while (dir && count < FACETD_MAX_GPUS - 1 && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "renderD", 7) == 0 && strlen(entry->d_name) < 16)
			fill(sysfs, entry->d_name, &ret[count++]);
	if (dir)
		closedir(dir);
	qsort(ret, count, sizeof(ret[0]), by_name);
	ret[count++] = (struct facetd_gpu){ .name = "soft0", .driver = "llvmpipe" };
	return count;
}

bool facetd_gpus_has(const char *sysfs, const char *name)
{
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	unsigned int count = facetd_gpus_list(sysfs, gpus);

	for (unsigned int i = 0; i < count; i++)
		if (strcmp(gpus[i].name, name) == 0)
			return true;
	return false;
}

static const char *const policy_words[FACET_POLICIES] = {
	[FACET_POLICY_BEST_EFFORT] = "best_effort",
	[FACET_POLICY_EQUAL] = "equal",
	[FACET_POLICY_FIXED] = "fixed",
};

const char *facetd_gpus_policy_word(enum facet_policy policy)
{
	return policy_words[policy];
}

int facetd_gpus_policy(const char *word, enum facet_policy *ret)
{
	for (unsigned int i = 0; i < FACET_POLICIES; i++) {
		if (strcmp(word, policy_words[i]) == 0) {
			*ret = (enum facet_policy)i;
			return 0;
		}
	}
	return -EINVAL;
}

unsigned int facetd_gpus_weights(const struct facetd *daemon, const char *gpu)
{
	struct facet_list *link;
	unsigned int sum = 0;

	facet_list_for_each(link, &daemon->vgpus)
	{
		const struct facetd_record *r =
			&facet_container_of(link, struct facetd_vgpu, link)->record;

		if (strcmp(r->gpu, gpu) == 0)
			sum += r->limits.share.weight;
	}
	return sum;
}
