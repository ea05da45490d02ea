// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_sysfs.c - a made-up kernel for tests. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/fake_sysfs.h"

#define DEVICES "sys/bus/pci/devices"
#define DRIVERS "sys/bus/pci/drivers"

enum { LOG = 8192 };

/* Below the root, with the directories above it. */
static void full_path(struct fake_sysfs *fake, char *ret, size_t size, const char *fmt,
		      va_list args)
{
	int n = snprintf(ret, size, "%s/", fake->root);

	vsnprintf(ret + n, size - (size_t)n, fmt, args);
	for (char *slash = strchr(ret + n, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(ret, 0755);
		*slash = '/';
	}
}

#define FULL_PATH(fake, ret, fmt)                                    \
	do {                                                         \
		va_list _args;                                       \
                                                                     \
		va_start(_args, fmt);                                \
		full_path((fake), (ret), sizeof(ret), (fmt), _args); \
		va_end(_args);                                       \
	} while (0)

void fake_sysfs_put(struct fake_sysfs *fake, const char *text, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];
	FILE *file;

	FULL_PATH(fake, path, fmt);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void fake_sysfs_link(struct fake_sysfs *fake, const char *target, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];

	FULL_PATH(fake, path, fmt);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void fake_sysfs_remove(struct fake_sysfs *fake, const char *fmt, ...)
{
	char path[FACET_TREE_PATH];

	FULL_PATH(fake, path, fmt);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fake_sysfs_get(struct fake_sysfs *fake, const char *fmt, ...)
{
	static char text[4096];
	char path[FACET_TREE_PATH];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (facet_tree_link(fake->tree, text, sizeof(text), "%s", path) == -EINVAL)
		facet_tree_text(fake->tree, text, sizeof(text), "%s", path);
	return text;
}

static bool exists(struct fake_sysfs *fake, const char *path)
{
	return facet_tree_exists(fake->tree, "%s", path);
}

/* --- devices and drivers --- */

void fake_sysfs_add_driver(struct fake_sysfs *fake, const char *name)
{
	fake_sysfs_put(fake, "", DRIVERS "/%s/bind", name);
	fake_sysfs_put(fake, "", DRIVERS "/%s/unbind", name);
}

static void attach(struct fake_sysfs *fake, const char *bdf, const char *driver)
{
	char target[128];

	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	fake_sysfs_link(fake, target, DEVICES "/%s/driver", bdf);
	snprintf(target, sizeof(target), "../../devices/%s", bdf);
	fake_sysfs_link(fake, target, DRIVERS "/%s/%s", driver, bdf);
}

static void detach(struct fake_sysfs *fake, const char *bdf, const char *driver)
{
	fake_sysfs_remove(fake, DEVICES "/%s/driver", bdf);
	fake_sysfs_remove(fake, DRIVERS "/%s/%s", driver, bdf);
}

void fake_sysfs_add_device(struct fake_sysfs *fake, const char *bdf, uint32_t class,
			   const char *driver, int group)
{
	char text[64];

	snprintf(text, sizeof(text), "0x%06x\n", class);
	fake_sysfs_put(fake, text, DEVICES "/%s/class", bdf);
	fake_sysfs_put(fake, "0x1234\n", DEVICES "/%s/vendor", bdf);
	fake_sysfs_put(fake, "0x5678\n", DEVICES "/%s/device", bdf);
	fake_sysfs_put(fake, "(null)\n", DEVICES "/%s/driver_override", bdf);
	/* Which driver knows it: of the fake's own. */
	fake_sysfs_put(fake, driver, DEVICES "/%s/fake-native", bdf);
	if (group >= 0) {
		snprintf(text, sizeof(text), "../../../../kernel/iommu_groups/%d", group);
		fake_sysfs_link(fake, text, DEVICES "/%s/iommu_group", bdf);
		snprintf(text, sizeof(text), "../../../../bus/pci/devices/%s", bdf);
		fake_sysfs_link(fake, text, "sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
	}
	if (*driver) {
		fake_sysfs_add_driver(fake, driver);
		attach(fake, bdf, driver);
	}
}

void fake_sysfs_add_sriov(struct fake_sysfs *fake, const char *bdf, unsigned int total,
			  const char *vf_driver)
{
	char text[16];

	snprintf(text, sizeof(text), "%u\n", total);
	fake_sysfs_put(fake, text, DEVICES "/%s/sriov_totalvfs", bdf);
	fake_sysfs_put(fake, "0\n", DEVICES "/%s/sriov_numvfs", bdf);
	fake_sysfs_put(fake, "1\n", DEVICES "/%s/sriov_drivers_autoprobe", bdf);
	fake_sysfs_put(fake, vf_driver, DEVICES "/%s/fake-vf", bdf);
	if (*vf_driver)
		fake_sysfs_add_driver(fake, vf_driver);
}

/* --- what is told the kernel --- */

/* "0000:03:00.0\n" */
static void trim(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
	ret[strcspn(ret, "\n")] = '\0';
}

static void probe(struct fake_sysfs *fake, const char *bdf)
{
	char driver[64], path[FACET_TREE_PATH];

	snprintf(driver, sizeof(driver), "%s",
		 fake_sysfs_get(fake, DEVICES "/%s/driver_override", bdf));
	if (!*driver || strcmp(driver, "(null)") == 0)
		snprintf(driver, sizeof(driver), "%s",
			 fake_sysfs_get(fake, DEVICES "/%s/fake-native", bdf));
	snprintf(path, sizeof(path), DRIVERS "/%s", driver);
	if (*driver && exists(fake, path) && !*fake_sysfs_get(fake, DEVICES "/%s/driver", bdf))
		attach(fake, bdf, driver);
}

static int unbind(struct fake_sysfs *fake, const char *driver, const char *bdf)
{
	if (strcmp(fake_sysfs_get(fake, DEVICES "/%s/driver", bdf), driver) != 0)
		return -ENODEV;
	detach(fake, bdf, driver);
	return 0;
}

static void vf_name(const char *pf, unsigned int index, char *ret, size_t size)
{
	unsigned int domain, bus, slot, function;

	assert_int_equal(sscanf(pf, "%x:%x:%x.%x", &domain, &bus, &slot, &function), 4);
	index += 8 * (slot + 1);
	snprintf(ret, size, "%04x:%02x:%02x.%x", domain, bus, index / 8 % 32, index % 8);
}

static void add_vf(struct fake_sysfs *fake, const char *pf, unsigned int index)
{
	bool autoprobe = *fake_sysfs_get(fake, DEVICES "/%s/sriov_drivers_autoprobe", pf) == '1';
	char vf[16], target[32], native[64];

	vf_name(pf, index, vf, sizeof(vf));
	snprintf(native, sizeof(native), "%s", fake_sysfs_get(fake, DEVICES "/%s/fake-vf", pf));
	fake_sysfs_add_device(fake, vf, 0x030000, "", 100 + (int)index);
	fake_sysfs_put(fake, native, DEVICES "/%s/fake-native", vf);
	snprintf(target, sizeof(target), "../%s", pf);
	fake_sysfs_link(fake, target, DEVICES "/%s/physfn", vf);
	snprintf(target, sizeof(target), "../%s", vf);
	fake_sysfs_link(fake, target, DEVICES "/%s/virtfn%u", pf, index);
	if (autoprobe)
		probe(fake, vf);
}

static void remove_vf(struct fake_sysfs *fake, const char *pf, unsigned int index)
{
	char vf[16], driver[64];

	vf_name(pf, index, vf, sizeof(vf));
	snprintf(driver, sizeof(driver), "%s", fake_sysfs_get(fake, DEVICES "/%s/driver", vf));
	if (*driver)
		detach(fake, vf, driver);
	fake_sysfs_remove(fake, DEVICES "/%s/virtfn%u", pf, index);
	fake_sysfs_remove(fake, "sys/kernel/iommu_groups/%u", 100 + index);
	fake_sysfs_remove(fake, DEVICES "/%s", vf);
}

static int set_numvfs(struct fake_sysfs *fake, const char *pf, const char *text)
{
	unsigned int now = (unsigned int)atoi(fake_sysfs_get(fake, DEVICES "/%s/sriov_numvfs", pf));
	unsigned int total =
		(unsigned int)atoi(fake_sysfs_get(fake, DEVICES "/%s/sriov_totalvfs", pf));
	unsigned int count = (unsigned int)atoi(text);

	if (!*fake_sysfs_get(fake, DEVICES "/%s/driver", pf))
		return -ENOENT;
	if (count > total)
		return -ERANGE;
	if (count && now && count != now)
		return -EBUSY;
	for (unsigned int i = now; i < count; i++)
		add_vf(fake, pf, i);
	for (unsigned int i = count; i < now; i++)
		remove_vf(fake, pf, i);
	fake_sysfs_put(fake, text, DEVICES "/%s/sriov_numvfs", pf);
	return 0;
}

static int react(struct fake_sysfs *fake, const char *path, const char *text)
{
	char name[64], bdf[16];

	trim(bdf, sizeof(bdf), text);
	if (strcmp(path, "sys/bus/pci/drivers_probe") == 0) {
		probe(fake, bdf);
		return 0;
	}
	if (sscanf(path, DRIVERS "/%63[^/]/%15s", name, bdf) == 2 && strcmp(bdf, "unbind") == 0) {
		trim(bdf, sizeof(bdf), text);
		return unbind(fake, name, bdf);
	}
	if (!exists(fake, path))
		return -ENOENT;
	if (sscanf(path, DEVICES "/%15[^/]/%63s", bdf, name) == 2) {
		if (strcmp(name, "sriov_numvfs") == 0)
			return set_numvfs(fake, bdf, text);
		if (strcmp(name, "driver_override") == 0 && (!*text || *text == '\n'))
			text = "(null)\n";
	}
	fake_sysfs_put(fake, text, "%s", path);
	return 0;
}

static int fake_write(void *kernel, const char *path, const char *text)
{
	struct fake_sysfs *fake = kernel;
	bool now = ++fake->writes == fake->fail_at;
	char words[64];
	int r;

	assert_true(fake->writes < LOG);
	trim(words, sizeof(words), text);
	snprintf(fake->log[fake->writes - 1], FACET_TREE_PATH, "%s=%s", path, words);
	if (now && !fake->fail_after) {
		if (fake->fail_with)
			return fake->fail_with;
		_exit(0);
	}
	r = fake->also ? fake->also(fake, path, text) : 1;
	r = r == 1 ? react(fake, path, text) : r;
	if (now && fake->fail_with)
		return fake->fail_with;
	if (now)
		_exit(0);
	return r;
}

struct fake_sysfs *fake_sysfs_create(void)
{
	struct fake_sysfs *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	fake->log = calloc(LOG, sizeof(*fake->log));
	assert_non_null(fake->log);
	strcpy(fake->root, "/tmp/facet-sysfs-XXXXXX");
	assert_non_null(mkdtemp(fake->root));
	fake_sysfs_put(fake, "6.12.0\n", "proc/sys/kernel/osrelease");
	fake_sysfs_put(fake, "0f0f0f0f-0000-4000-8000-000000000001\n",
		       "proc/sys/kernel/random/boot_id");
	fake_sysfs_put(fake, "", "sys/bus/pci/drivers_probe");
	assert_int_equal(facet_tree_open(fake->root, &fake->tree, NULL), 0);
	facet_tree_set_kernel(fake->tree, fake_write, fake);
	return fake;
}

void fake_sysfs_destroy(struct fake_sysfs *fake)
{
	facet_tree_close(fake->tree);
	nftw(fake->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(fake->log);
	free(fake);
}
