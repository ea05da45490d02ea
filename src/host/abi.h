/* SPDX-License-Identifier: GPL-2.0-or-later */
/* abi.h - which interfaces of a host facet relies on, and how far they can be relied on. */
#ifndef FACET_HOST_ABI_H
#define FACET_HOST_ABI_H

enum facet_abi_label {
	FACET_ABI_STABLE,   /* the kernel's uAPI, or Documentation/ABI/stable, or proc(5) */
	FACET_ABI_TESTING,  /* Documentation/ABI/testing: documented, may change with notice */
	FACET_ABI_CODE,     /* what a driver in the kernel does; no document promises it */
	FACET_ABI_OBSERVED, /* of drivers or programs outside, as seen in some version */
};

struct facet_abi {
	const char *interface; /* a path, or what else is asked */
	enum facet_abi_label label;
	const char *since;    /* a version or date; of what was observed, where */
	const char *document; /* where it is described */
};

enum facet_abi_id {
	FACET_ABI_CLASS_IOMMU,
	FACET_ABI_ACPI_TABLES,
	FACET_ABI_INTEL_IOMMU,
	FACET_ABI_CMDLINE,
	FACET_ABI_CPUINFO,
	FACET_ABI_IOMMU_GROUP,
	FACET_ABI_GROUP_DEVICES,
	FACET_ABI_RESERVED_REGIONS,
	FACET_ABI_UNSAFE_INTERRUPTS,
	FACET_ABI_CONFIG_SPACE,
	FACET_ABI_DRIVER,
	FACET_ABI_DRIVER_OVERRIDE,
	FACET_ABI_UNBIND,
	FACET_ABI_DRIVERS_PROBE,
	FACET_ABI_VFIO_ALIAS,
	FACET_ABI_AT_BOOT,
	FACET_ABI_RESET_METHOD,
	FACET_ABI_BOOT_VGA,
	FACET_ABI_RESIZE,
	FACET_ABI_NUMA_NODE,
	FACET_ABI_VFIO_GROUP,
	FACET_ABI_MODULES,
	FACET_ABI_CONFIG,
	FACET_ABI_SRIOV,
	FACET_ABI_AUTOPROBE,
	FACET_ABI_ENABLE_SRIOV,
	FACET_ABI_XE_ADMIN,
	FACET_ABI_XE_DEBUG,
	FACET_ABI_MDEV_TYPES,
	FACET_ABI_MDEV_AVAILABLE,
	FACET_ABI_MDEV_CREATE,
	FACET_ABI_MDEV_EVENT,
	FACET_ABI_MDEVCTL,
	FACET_ABI_GVTG,
	FACET_ABI_GVTG_PARAMETERS,
	FACET_ABI_NVIDIA_VF,
	FACET_ABI_NVIDIA_MANAGE,
	FACET_ABI_SYSFS_INODE,
	FACET_ABI_VFIO_FDINFO,
	FACET_ABI_DRM,
	FACET_ABI_KVM,
	FACET_ABI_LIMITS,
	FACET_ABI_MEMINFO,
	FACET_ABI_CGROUP,
	FACET_ABI_VERSION,
	FACET_ABI_DPKG,
	FACET_ABI_COUNT,
};

extern const struct facet_abi facet_abi_table[FACET_ABI_COUNT];

/* "stable", "testing", "code", "observed". */
const char *facet_abi_label_name(enum facet_abi_label label);

#endif
