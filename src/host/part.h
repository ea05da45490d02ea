/* SPDX-License-Identifier: GPL-2.0-or-later */
/* part.h - gives parts of this host's GPUs to virtual machines: each to one, and to none twice. */
#ifndef FACET_HOST_PART_H
#define FACET_HOST_PART_H

#include "host/inventory.h"

/*
 * DOC: Theory of Operation
 *
 * A part is what one virtual machine gets by VFIO: a whole device, a virtual function, a mediated
 * device. Who has which stands in files, one for each part, below the root: run/facet-parts/. They
 * are written and removed under one lock, which is held from the choice of a part until it is ready
 * for QEMU, so that two programs, or two threads, never choose the same. They go with a reboot, as
 * the parts do.
 *
 * The file of a part is written before the kernel is told anything and removed when the kernel has
 * been told everything. One that was left half done by a program that died is undone by whoever
 * comes next.
 *
 * A token stands for one giving: names, addresses and UUIDs come again, tokens do not. What is not
 * as its token's owner left it is not touched any more; it may be somebody else's by now.
 */
struct facet_parts;
struct facet_holders; /* holders.h */

enum {
	FACET_PART_TOKEN = 33, /* 32 hexadecimal digits, and an end */
	FACET_PART_UUID = 37,
	FACET_PART_OWNER = 65,
	FACET_PART_KEEPER = 256,
	FACET_PARTS_MAX = 4096, /* on one host */
};

struct facet_part {
	char token[FACET_PART_TOKEN];
	enum facet_mechanism mechanism; /* FACET_VFIO and behind */
	char gpu[FACET_TREE_NAME];      /* BDF, or the name of a parent that is no PCI device */
	char bdf[FACET_HOST_BDF];       /* the function that is given; "": a mediated device */
	char uuid[FACET_PART_UUID];     /* of a mediated device, or "" */
	char parent[FACET_TREE_NAME];   /* of a mediated device: @gpu, or a VF of it */
	int vf;                         /* from 0, as virtfn0; -1: none */
	char type[FACET_TREE_NAME];     /* as the driver names it, or "" */
	char type_name[FACET_TREE_NAME];
	char driver[FACET_TREE_NAME]; /* of a function, when it was ready */
	int group;                    /* of a function; -1: none */
	bool bound;                   /* to VFIO's driver by us, so that it goes back */
	uint64_t inode; /* of its directory in sysfs: another device under its name has another */

	char owner[FACET_PART_OWNER];   /* the vGPU */
	char keeper[FACET_PART_KEEPER]; /* who answers for it: a facetd's directory */
	bool ready; /* false: whoever was about to take it or give it back is at it, or died */
};

/* "vfio", "sriov", "mdev", "gvtg-hw", "vendor-vf": is it one of these? */
bool facet_part_mechanism(const char *name, enum facet_mechanism *ret);
/* Such a mechanism has to be told a type. */
bool facet_part_typed(enum facet_mechanism mechanism);

/**
 * facet_parts_open() - look at a host's parts.
 * @root: "/", or a made-up host
 *
 * A handle belongs to one thread. Released by facet_parts_close(), which takes NULL.
 */
int facet_parts_open(const char *root, struct facet_parts **ret, struct facet_error *err);
void facet_parts_close(struct facet_parts *parts);

void facet_part_token(char ret[static FACET_PART_TOKEN]);

struct facet_part_request {
	const char *gpu; /* BDF */
	enum facet_mechanism mechanism;
	const char *type;   /* NULL: none */
	const char *owner;  /* the vGPU, for people */
	const char *keeper; /* for facet_parts_list() */
	const char *token;  /* by facet_part_token(); remembered by the caller before */
};

/**
 * facet_part_take() - make a free part ready for QEMU.
 *
 * Takes a VF that is there and enables none. May take seconds: drivers and resets are waited for.
 *
 * Return: 0; -EINVAL: no such GPU, mechanism or type; -ENOSPC: none is free; -EACCES: needs root;
 * -EBUSY: another program keeps the lock, or somebody uses the device; others from the kernel. The
 * sentence in @err says what to do. After a failure nobody has it.
 */
int facet_part_take(struct facet_parts *parts, const struct facet_part_request *request,
		    struct facet_part *ret, struct facet_error *err);

/**
 * facet_part_release() - give it back: the host is as it was before.
 *
 * Return: 0; -ENOENT: nothing is taken under this token; -ESTALE: it is not as it was left, so that
 * it was not touched, only forgotten; -EBUSY: a process has it open, or another program keeps the
 * lock. Others: it could not be given back, is still taken, and may be tried again.
 */
int facet_part_release(struct facet_parts *parts, const char *token, struct facet_error *err);

/**
 * facet_part_verify() - is it still as it was left?
 * @ret: filled in when something is known under this token
 *
 * Return: 0; -ENOENT: nothing is taken under this token; -ESTALE: it was changed by others, as @err
 * says; -EINPROGRESS: the program that took it, or gave it back, did not finish.
 */
int facet_part_verify(struct facet_parts *parts, const char *token, struct facet_part *ret,
		      struct facet_error *err);

/* All that are taken, by GPU. Needs no privilege. The caller frees *ret. 0 or negative errno. */
int facet_parts_list(struct facet_parts *parts, struct facet_part **ret, unsigned int *ret_count,
		     struct facet_error *err);

/* Its directory below the root: "sys/bus/pci/devices/0000:03:00.1". */
void facet_part_device(const struct facet_part *part, char *ret, size_t size);
/* Who has it open now. */
void facet_part_holders(struct facet_parts *parts, const struct facet_part *part,
			struct facet_holders *ret);

enum { FACET_PART_FUNCTIONS = 8 };

/* What QEMU has to be told of a part. */
struct facet_part_facts {
	/* Of a whole device, also those of its group: a guest that gets one of them needs all. */
	char functions[FACET_PART_FUNCTIONS][FACET_HOST_BDF];
	unsigned int function_count; /* 0: a mediated device */
	bool vga;                    /* the first is a display controller as PCs have them */
};

void facet_part_facts(struct facet_parts *parts, const struct facet_part *part,
		      struct facet_part_facts *ret);

/* What the hardware holds a part to, as its driver tells. */
struct facet_part_limit {
	const char *what; /* "share", "vram", "resolution", ... */
	char text[200];
};

/* For i = 0, 1, ... until false. */
bool facet_part_limit(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		      struct facet_part_limit *ret);

/* --- the parser of the files, also for its fuzz target: 0 or -EINVAL --- */
int facet_part_parse(const char *text, size_t size, struct facet_part *ret);

#endif
