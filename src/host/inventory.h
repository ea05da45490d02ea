/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inventory.h - the GPUs of a host, and the ways in which each can be given to virtual machines. */
#ifndef FACET_HOST_INVENTORY_H
#define FACET_HOST_INVENTORY_H

#include "host/tree.h"

/*
 * A picture of one moment, in plain structs: what the kernel said, beside what it means. What is
 * absent is empty, 0 or -1, and never an error: kernels and drivers differ in what they tell.
 * Sources and how far each can be relied on: docs/abi.md.
 */

enum {
	FACET_HOST_GPUS = 512, /* the rest is not seen; so it is with all that follows */
	FACET_HOST_VFS = 256,
	FACET_HOST_TYPES = 256,
	FACET_HOST_MEMBERS = 256,
	FACET_HOST_BARS = 6,
	FACET_HOST_BDF = 16,
	FACET_HOST_TEXT = 256,
};

enum facet_mechanism {
	FACET_VIRGL,     /* a render node, shared by facet-vgpu processes */
	FACET_VFIO,      /* the whole device */
	FACET_SRIOV,     /* VFs, each given away as a device */
	FACET_MDEV,      /* types of the driver, by UUID */
	FACET_GVTG,      /* the same by Intel's i915 */
	FACET_VENDOR_VF, /* VFs that stay with NVIDIA's driver, which gives each a type */
	FACET_MECHANISM_COUNT,
};
const char *facet_mechanism_name(enum facet_mechanism mechanism);

/* A function on the PCI bus. */
struct facet_host_function {
	char bdf[FACET_HOST_BDF];
	uint16_t vendor, device;
	uint32_t class;
	char driver[FACET_TREE_NAME];
};

/* What an IOMMU keeps together: given away as a whole or not at all. */
struct facet_host_group {
	int id; /* -1: none */
	struct facet_host_function *members;
	unsigned int count;
	bool viable; /* nobody in it is with a driver of the host */
};

struct facet_host_bar {
	uint64_t size;  /* 0: none */
	uint64_t sizes; /* resizable: bit n: it could be 2^n MiB */
};

/* What GVT-g's description tells of a type. */
struct facet_host_gvtg {
	bool known;
	uint32_t low_mib, high_mib, fences, width, height, weight;
};

/* What a driver makes vGPUs as. */
struct facet_host_type {
	char id[FACET_TREE_NAME];   /* "i915-GVTg_V5_4", "nvidia-63", "1428" */
	char name[FACET_TREE_NAME]; /* may be empty */
	char description[FACET_HOST_TEXT];
	char api[FACET_TREE_NAME];
	int64_t available; /* -1: not told */
	unsigned int used;
	struct facet_host_gvtg gvtg;
};

/* A virtual function. */
struct facet_host_vf {
	unsigned int index; /* from 0: virtfn0 */
	char bdf[FACET_HOST_BDF];
	char driver[FACET_TREE_NAME];
	int group;
	bool vendor;  /* it has NVIDIA's files */
	int64_t type; /* of those: what it is now; 0: nothing, -1: not told */
	unsigned int mdev_types;
};

/* Shares of a function as Intel's xe has them. */
struct facet_host_profile {
	unsigned int vf;                                         /* from 1; 0: the PF */
	int64_t exec_quantum_ms, preempt_timeout_us, vram_quota; /* -1: not told */
	char priority[FACET_TREE_NAME];
};

struct facet_host_gpu {
	struct facet_host_function function;
	char name[128];                                      /* by the machine's pci.ids */
	char render[FACET_TREE_NAME], card[FACET_TREE_NAME]; /* "renderD128", "card0" */
	struct facet_host_group group;
	int numa_node;                       /* -1: the kernel knows none */
	char numa_distance[FACET_HOST_TEXT]; /* from that node to each */
	char reset_methods[FACET_TREE_NAME];
	char power_state[16]; /* "D0" */
	char driver_override[FACET_TREE_NAME];
	bool rom, boot_vga;
	struct facet_host_bar bars[FACET_HOST_BARS];

	int64_t vfs_total; /* -1: no SR-IOV */
	int64_t vfs_enabled;
	int64_t vfs_autoprobe; /* -1: not told */
	struct facet_host_vf *vfs;
	unsigned int vf_count;
	struct facet_host_profile *profiles; /* the PF first */
	unsigned int profile_count;

	bool mdev; /* is a parent of mediated devices */
	struct facet_host_type *types;
	unsigned int type_count;
	/* NVIDIA's: what a VF can be made now, by the first that tells; availability is not told.
	 */
	struct facet_host_type *vf_types;
	unsigned int vf_type_count;
};

/* Something that makes mediated devices and is no PCI device. */
struct facet_host_parent {
	char name[FACET_TREE_NAME];
	struct facet_host_type *types;
	unsigned int type_count;
};

struct facet_host {
	char kernel[FACET_TREE_NAME]; /* its release */
	struct facet_names iommus;    /* "dmar0" */
	unsigned int functions;       /* on the PCI buses */
	struct facet_host_gpu *gpus;
	unsigned int count;
	struct facet_host_parent *parents;
	unsigned int parent_count;
};

struct facet_host_options {
	bool all;         /* whatever can be split into parts, also if it is no GPU */
	const char *also; /* BDF of one that is looked at whatever it is, or NULL */
};

/**
 * facet_host_scan() - look at everything once.
 *
 * Needs no privilege; what this process may not read is as if it were absent.
 *
 * Return: 0; -ENOMEM after a sentence in @err. Released by facet_host_destroy(), which takes NULL.
 */
int facet_host_scan(struct facet_tree *tree, const struct facet_host_options *options,
		    struct facet_host **ret, struct facet_error *err);
void facet_host_destroy(struct facet_host *host);

/* Would @driver keep the group of its device from being given away? "" does not. */
bool facet_host_driver_blocks(const char *driver);
/* A driver by which a device is given to VFIO's users: vfio-pci and its variants. */
bool facet_host_driver_is_vfio(const char *driver);

/* --- the parsers, also for their fuzz target --- */

/* "low_gm_size: 64MB\n...": whether all of it was there. */
bool facet_host_parse_gvtg(const char *text, struct facet_host_gvtg *ret);
/* Lines "ID : NAME"; returns how many of at most @max. */
unsigned int facet_host_parse_creatable(const char *text, struct facet_host_type *ret,
					unsigned int max);
/* sysfs' resource file: sizes of the BARs; whether there is a ROM. */
void facet_host_parse_resources(const char *text, struct facet_host_bar ret[FACET_HOST_BARS],
				bool *ret_rom);
/* "[low] normal high": the chosen one. */
void facet_host_parse_choice(const char *text, char *ret, size_t size);

#endif
