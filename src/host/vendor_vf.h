/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vendor_vf.h - vGPUs on virtual functions that stay with NVIDIA's driver (vGPU 17 and newer). */
#ifndef FACET_HOST_VENDOR_VF_H
#define FACET_HOST_VENDOR_VF_H

#include "host/change.h"
#include "host/inventory.h"

/*
 * DOC: Theory of Operation
 *
 * A VF becomes a vGPU by the number of a type in nvidia/current_vgpu_type, and is free again after
 * a 0 there. The file says neither who wrote nor when, and paths of VFs come again: after SR-IOV
 * was off and on, 0000:41:00.4 is another device, perhaps another's. A 0 for the old one would end
 * the new one's vGPU under its guest.
 *
 * So each that is taken here has a claim, a file in the state directory: the owner's token, PF and
 * index, the type, the boot, and the instance of the VF - the number of its directory in sysfs,
 * which the kernel never gives twice. It is released only when the token is its owner's, boot,
 * instance and type are still what they were, and no process has it open. Whatever cannot be read,
 * or does not fit, is not touched.
 *
 * What nobody can tell: another tool that writes 0 and the same type again, on the same VF, while
 * no guest has it open and nobody here looks. facet_vendor_vf_reconcile() sees the 0 if it looks in
 * between.
 */
enum {
	FACET_VENDOR_VF_TOKEN = 65, /* with its end: letters, digits, '-', '_', '.' */
	FACET_VENDOR_VF_BOOT = 37,
};

struct facet_vendor_vf_claim {
	char token[FACET_VENDOR_VF_TOKEN];
	char boot[FACET_VENDOR_VF_BOOT];
	char pf[FACET_HOST_BDF];
	unsigned int index; /* from 0: virtfn0 */
	char vf[FACET_HOST_BDF];
	uint64_t instance;
	uint32_t type;
};

enum facet_vendor_vf_state {
	FACET_VENDOR_VF_FREE,    /* no vGPU, no claim */
	FACET_VENDOR_VF_CLAIMED, /* a vGPU, and a claim that fits */
	FACET_VENDOR_VF_LOST,    /* a claim, and no vGPU any more */
	FACET_VENDOR_VF_FOREIGN, /* a vGPU that was not made here, whatever a claim says */
	FACET_VENDOR_VF_UNKNOWN, /* something could not be read: hands off */
};
const char *facet_vendor_vf_state_name(enum facet_vendor_vf_state state);

struct facet_vendor_vf {
	char pf[FACET_HOST_BDF];
	unsigned int index;
	char vf[FACET_HOST_BDF];
	uint64_t instance;
	int64_t current; /* what it says; -1: it cannot be read */
	enum facet_vendor_vf_state state;
	char why[160];                      /* it is in that state; "": nothing to explain */
	bool claimed;                       /* there is a claim that can be read, fitting or not */
	struct facet_vendor_vf_claim claim; /* if so */
};

/**
 * facet_vendor_vf_look() - a VF as it is now.
 *
 * Return: 0; -ENOENT when the PF has no such VF, or it is not with NVIDIA's driver or has no types.
 */
int facet_vendor_vf_look(struct facet_tree *tree, const char *pf, unsigned int index,
			 struct facet_vendor_vf *ret, struct facet_error *err);
/* All of one PF, or of all PFs (NULL); the caller frees *ret. 0 or -ENOMEM. */
int facet_vendor_vf_list(struct facet_tree *tree, const char *pf, struct facet_vendor_vf **ret,
			 unsigned int *ret_count, struct facet_error *err);

/**
 * facet_vendor_vf_take() - make a free VF a vGPU.
 * @type: number or name, as in creatable_vgpu_types
 * @token: of the owner, who alone can release it
 *
 * The claim is on disk before the type is written, and the type is read back.
 *
 * Return: 0; -ENOENT as above; -EINVAL for a type that cannot be made there now; -EBUSY when it is
 * not free, or a process has it open.
 */
int facet_vendor_vf_take(struct facet_change *change, const char *pf, unsigned int index,
			 const char *type, const char *token, struct facet_vendor_vf *ret,
			 struct facet_error *err);

/**
 * facet_vendor_vf_release() - no vGPU any more.
 * @forced: also if a process has it open, or may have; everything else is asked all the same
 *
 * Return: 0, also when the vGPU was gone already; -ENOENT: nothing is claimed there under this
 * token; -ESTALE: the claim does not fit what is there: it was forgotten, and the vGPU not touched;
 * -EBUSY: in use; -EIO: something could not be read.
 */
int facet_vendor_vf_release(struct facet_change *change, const char *pf, unsigned int index,
			    const char *token, bool forced, struct facet_error *err);

/**
 * facet_vendor_vf_reconcile() - forget claims of what is gone: other boots, instances, types.
 * @ret_forgotten: how many
 *
 * Writes to no device. A claim that cannot be read stays, for a person to look at.
 */
int facet_vendor_vf_reconcile(struct facet_change *change, unsigned int *ret_forgotten,
			      struct facet_error *err);

/* --- the parser of claims, also for its fuzz target --- */

/* 0 or -EINVAL. */
int facet_vendor_vf_claim_parse(const char *text, size_t size, struct facet_vendor_vf_claim *ret);
/* The caller frees it; NULL: out of memory. */
char *facet_vendor_vf_claim_format(const struct facet_vendor_vf_claim *claim);

#endif
