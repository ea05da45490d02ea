/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm.h - a virtual machine as a file describes it: facet-vm(5). */
#ifndef FACET_LAUNCH_VM_H
#define FACET_LAUNCH_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	FACET_VM_MAX = 64,          /* in one file */
	FACET_VM_LIST = 32,         /* GPUs, disks, networks, ... of one VM */
	FACET_VM_EXTRA = 256,       /* arguments for QEMU */
	FACET_VM_FILE = 256 << 10,  /* bytes of a file */
	FACET_VM_STOP_SECONDS = 30, /* where the file says nothing */
};

/*
 * Texts are as written and have been checked: facet_units_bytes() and its like cannot fail on them.
 * NULL, 0, false: not given. Paths are not resolved: facet_vm_path().
 */
struct facet_vm_disk {
	char *file;
	unsigned int format; /* enum facet_vm_format */
	bool overlay;        /* writes go to a qcow2 file that ends with the VM */
	bool snapshot;       /* the same, hidden by QEMU */
	bool readonly;
};

enum facet_vm_format { FACET_VM_RAW, FACET_VM_QCOW2 };

struct facet_vm_guest {
	char *image; /* "debian": the built-in guest */
	char *kernel, *initrd, *append;
	char *iso, *firmware; /* firmware: "seabios", "uefi", or a file */
	struct facet_vm_disk *disks;
	unsigned int disks_count;
};

struct facet_vm_topology {
	unsigned int sockets, cores, threads;
};

struct facet_vm_cpu {
	unsigned int count;
	struct facet_vm_topology topology;
	char *model;
	unsigned int share; /* weight beside other VMs */
	char *cap;          /* percent of one CPU of the host: "150%" */
	char *pinning;      /* "auto", "none", or CPUs: "2-3,6" */
};

enum facet_vm_policy { FACET_VM_PREFER, FACET_VM_STRICT, FACET_VM_SPREAD };

struct facet_vm_memory {
	char *size, *hugepages; /* hugepages: "2M", "1G" */
	bool shared;            /* as soon as a vGPU needs it, it is */
	char *nodes;            /* "auto", or NUMA nodes of the host: "0,1" */
	unsigned int policy;    /* enum facet_vm_policy */
};

struct facet_vm_mdev {
	char *parent, *type, *uuid;
};

struct facet_vm_sriov {
	char *pf;
};

/* One of: a vGPU of facetd (gpu and what follows), or a device of the host's (vfio, sriov, mdev).
 */
struct facet_vm_gpu {
	char *gpu, *mechanism, *type, *transport;
	unsigned int share; /* weight, 1 to 10000 */
	char *cap, *reservation, *vram, *eus, *size;
	unsigned int outputs;
	char *vfio; /* "0000:01:00.0" */
	struct facet_vm_sriov sriov;
	struct facet_vm_mdev mdev;
};

/* Each: "true", "false", or the path of the file or socket. */
struct facet_vm_display {
	char *looking_glass, *spice, *vnc;
};

enum facet_vm_mode { FACET_VM_USER, FACET_VM_BRIDGE, FACET_VM_TAP };

struct facet_vm_network {
	unsigned int mode; /* enum facet_vm_mode */
	char *bridge, *interface, *mac;
	char **ports; /* "tcp:2222:22" */
	unsigned int ports_count;
};

struct facet_vm_folder {
	char *path, *tag;
	bool readonly;
};

struct facet_vm_ivshmem {
	char *file, *size; /* plain memory */
	char *server;      /* or by the socket of a server, with doorbells */
	unsigned int vectors;
};

/* Programs, given the VM's name and what happens: "prepare", "started", "stopped". */
struct facet_vm_hooks {
	char *prepare, *started, *stopped;
};

struct facet_vm {
	char *name;
	char *qemu, *machine;
	unsigned int accel; /* enum facet_vm_accel */
	unsigned int stop_seconds;
	struct facet_vm_guest guest;
	struct facet_vm_cpu cpu;
	struct facet_vm_memory memory;
	struct facet_vm_gpu *gpus;
	unsigned int gpus_count;
	struct facet_vm_display display;
	struct facet_vm_network *network;
	unsigned int network_count;
	struct facet_vm_folder *folders;
	unsigned int folders_count;
	struct facet_vm_ivshmem *ivshmem;
	unsigned int ivshmem_count;
	char **extra;
	unsigned int extra_count;
	struct facet_vm_hooks hooks;
};

enum facet_vm_accel { FACET_VM_ACCEL_AUTO, FACET_VM_KVM, FACET_VM_TCG };

/* What a file describes: one VM, or those below `vms:`. */
struct facet_vm_file {
	char *directory; /* relative paths begin there */
	struct facet_vm *vms;
	unsigned int vms_count;
};

/**
 * facet_vm_load() - read and check a file.
 *
 * Whatever is in there: bounded in time and memory, no alias is followed, nothing is opened.
 *
 * Return: 0 and a file for facet_vm_file_destroy(); -EINVAL: what is wrong, as "FILE:LINE: KEY
 * FOUND: must be ALLOWED"; another -errno when it cannot be read.
 */
int facet_vm_load(const char *path, struct facet_vm_file **ret, struct facet_error *err);
/* The same of a text; @path is what errors call it, and where relative paths begin. */
int facet_vm_parse(const char *path, const char *text, size_t size, struct facet_vm_file **ret,
		   struct facet_error *err);
/* The text of a file, if it is not too large. malloc()ed. */
int facet_vm_read(const char *path, char **ret, size_t *ret_size, struct facet_error *err);
void facet_vm_file_destroy(struct facet_vm_file *file);

/* A path of the file's, as one that does not depend on where we are: malloc()ed; NULL: no memory.
 */
char *facet_vm_path(const struct facet_vm_file *file, const char *path);

/* Conversions with the defaults. */
unsigned int facet_vm_vcpus(const struct facet_vm *vm);
uint64_t facet_vm_memory_bytes(const struct facet_vm *vm);
uint64_t facet_vm_cpu_cap_ppm(const struct facet_vm *vm); /* of one CPU; 0: none */
/* Does a process of facetd's serve it? */
bool facet_vm_gpu_is_vgpu(const struct facet_vm_gpu *gpu);
/* Is it a part of the host's that facetd takes for it, and gives back? */
bool facet_vm_gpu_is_part(const struct facet_vm_gpu *gpu);
/* The name of vGPU @index in facetd: the VM's, from the second on with its number. */
void facet_vm_gpu_name(const struct facet_vm *vm, unsigned int index, char ret[static 80]);
/* "true" or a path: it is wanted. */
bool facet_vm_wanted(const char *text);

#endif
