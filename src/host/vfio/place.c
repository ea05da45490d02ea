// SPDX-License-Identifier: GPL-2.0-or-later
/* place.c - finds a PCI device in sysfs, its group, and who else is in that. */
#include "host/vfio/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"

#define DEVICES "sys/bus/pci/devices"

static bool is_there(int root_fd, const char *path)
{
	struct stat st;

	return fstatat(root_fd, path, &st, 0) == 0;
}

/* The last part of what a link points at; "" when there is no link, or the name does not fit. */
static void link_name(int root_fd, const char *path, char *to, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(root_fd, path, target, sizeof(target) - 1);
	const char *name;

	to[0] = '\0';
	if (n <= 0)
		return;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) < size)
		strcpy(to, name);
}

/* "0000:03:00.0" or "03:00.0", into the one name that sysfs has for the device. */
static int parse_address(const char *device, char to[static 16], struct facet_error *err)
{
	const size_t length = strlen(device);
	unsigned int domain = 0, bus, slot, function;
	bool well_formed = strspn(device, "0123456789abcdefABCDEF:.") == length;

	if (length == strlen("0000:03:00.0"))
		well_formed &=
			sscanf(device, "%4x:%2x:%2x.%1x", &domain, &bus, &slot, &function) == 4;
	else
		well_formed &= length == strlen("03:00.0") &&
			       sscanf(device, "%2x:%2x.%1x", &bus, &slot, &function) == 3;
	if (!well_formed || slot > 31 || function > 7)
		return facet_error_set(err, -EINVAL,
				       "'%.80s' is neither a PCI address like 0000:03:00.0 nor the "
				       "path of a socket",
				       device);
	snprintf(to, 16, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return 0;
}

/* The one entry of vfio-dev/, which a device has while a driver of VFIO is bound to it. */
static void find_cdev(int root_fd, const char *address, char *to, size_t size)
{
	char path[128];
	struct dirent *entry;
	DIR *dir;
	int fd;

	to[0] = '\0';
	snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", address);
	fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < size)
			strcpy(to, entry->d_name);
	}
	closedir(dir);
}

static bool driven_by_vfio(int root_fd, const char *address, const char *driver)
{
	char cdev[24];

	/* Linux before 6.1 has no vfio-dev/. */
	if (!strcmp(driver, "vfio-pci"))
		return true;
	find_cdev(root_fd, address, cdev, sizeof(cdev));
	return driver[0] && cdev[0];
}

/* Without a group vfio-pci's probe fails, so a device of such a host never is on it. */
static int not_driven(const struct facet_vfio_place *place, const char *driver,
		      struct facet_error *err)
{
	if (!driver[0] && !place->group[0])
		return facet_error_set(err, -ENOENT,
				       "%s has no driver and no IOMMU group, without which "
				       "vfio-pci does not take it: switch the IOMMU on in the "
				       "firmware and for the kernel (intel_iommu=on)",
				       place->address);
	return facet_error_set(err, driver[0] ? -EBUSY : -ENOENT,
			       "%s is on %s%s: `facet vfio bind %s` gives it to VFIO",
			       place->address, driver[0] ? "the driver " : "no driver", driver,
			       place->address);
}

int facet_vfio_place_find(int root_fd, const char *device, struct facet_vfio_place *ret,
			  struct facet_error *err)
{
	struct facet_vfio_place place;
	char path[128], driver[64];
	int r = parse_address(device, place.address, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), DEVICES "/%s", place.address);
	if (!is_there(root_fd, path))
		return facet_error_set(err, -ENODEV, "there is no PCI device %s: lspci -D has them",
				       place.address);
	snprintf(path, sizeof(path), DEVICES "/%s/driver", place.address);
	link_name(root_fd, path, driver, sizeof(driver));
	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", place.address);
	link_name(root_fd, path, place.group, sizeof(place.group));
	if (!driven_by_vfio(root_fd, place.address, driver))
		return not_driven(&place, driver, err);
	find_cdev(root_fd, place.address, place.cdev, sizeof(place.cdev));
	*ret = place;
	return 0;
}

bool facet_vfio_place_has_cdev(int root_fd, const char *device)
{
	char address[16], cdev[24], path[64];

	if (parse_address(device, address, NULL) < 0 || !is_there(root_fd, "dev/iommu"))
		return false;
	find_cdev(root_fd, address, cdev, sizeof(cdev));
	snprintf(path, sizeof(path), "dev/vfio/devices/%s", cdev);
	return cdev[0] && is_there(root_fd, path);
}

int facet_vfio_place_node(int root_fd, const char *path, struct facet_error *err)
{
	int fd = openat(root_fd, path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return facet_error_set(err, -ENOENT,
				       "/%s is not there: modprobe vfio-pci, or a kernel that has "
				       "it",
				       path);
	case EACCES:
	case EPERM:
		return facet_error_set(err, -errno,
				       "/%s may not be opened by user %u: %m; give that user or a "
				       "group of its read and write access, or be root",
				       path, (unsigned int)geteuid());
	case EBUSY:
		return facet_error_set(err, -EBUSY,
				       "/%s is in use: another process has this device, or one of "
				       "its group (fuser /%s)",
				       path, path);
	default:
		return facet_error_set(err, -errno, "/%s cannot be opened: %m", path);
	}
}

/* As the kernel has it: nobody, VFIO, and two drivers that do no DMA of their own. */
static bool harmless(int root_fd, const char *address, const char *driver)
{
	return !driver[0] || !strcmp(driver, "pci-stub") || !strcmp(driver, "pcieport") ||
	       driven_by_vfio(root_fd, address, driver);
}

void facet_vfio_place_in_the_way(int root_fd, const struct facet_vfio_place *place, char *to,
				 size_t size)
{
	char path[512], driver[64];
	struct dirent *entry;
	size_t at = 0;
	DIR *dir;
	int n, fd;

	to[0] = '\0';
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%s/devices", place->group);
	fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), DEVICES "/%s/driver", entry->d_name);
		link_name(root_fd, path, driver, sizeof(driver));
		if (harmless(root_fd, entry->d_name, driver))
			continue;
		n = snprintf(to + at, size - at, "%s%s (driver %s)", at ? ", " : "", entry->d_name,
			     driver);
		if (n < 0 || (size_t)n >= size - at) {
			to[at] = '\0'; /* those that fit are enough to begin with */
			break;
		}
		at += (size_t)n;
	}
	closedir(dir);
}
