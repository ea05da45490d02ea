// SPDX-License-Identifier: GPL-2.0-or-later
/* look.c - vGPUs on virtual functions as they are, beside the claims on them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/inventory_internal.h"
#include "host/vendor_vf/internal.h"

const char *facet_vendor_vf_state_name(enum facet_vendor_vf_state state)
{
	static const char *const names[] = { "free", "claimed", "lost", "foreign", "unknown" };

	return names[state];
}

/* 0: read; -ENOENT: there is none; others: there is one that says nothing. */
static int read_claim(struct facet_tree *tree, const struct facet_vendor_vf *vf,
		      struct facet_vendor_vf_claim *ret)
{
	facet_autofree uint8_t *text = NULL;
	size_t size;
	int r = facet_tree_bytes(tree, &text, &size, CLAIM, vf->pf, vf->index);

	if (r == 0)
		r = facet_vendor_vf_claim_parse((const char *)text, size, ret);
	if (r == 0 && (strcmp(ret->pf, vf->pf) != 0 || ret->index != vf->index))
		r = -EINVAL;
	return r;
}

__attribute__((format(printf, 3, 4))) static void
judge(struct facet_vendor_vf *vf, enum facet_vendor_vf_state state, const char *fmt, ...)
{
	va_list args;

	vf->state = state;
	va_start(args, fmt);
	vsnprintf(vf->why, sizeof(vf->why), fmt, args);
	va_end(args);
}

/* Does the claim speak of this VF, now? In words why not. */
static const char *misfit(struct facet_tree *tree, const struct facet_vendor_vf *vf)
{
	char boot[FACET_VENDOR_VF_BOOT];

	facet_tree_boot(tree, boot, sizeof(boot));
	if (!*boot || strcmp(vf->claim.boot, boot) != 0)
		return "this host was booted again";
	if (strcmp(vf->claim.vf, vf->vf) != 0 || vf->claim.instance != vf->instance)
		return "SR-IOV was off and on again";
	if (vf->current && vf->current != vf->claim.type)
		return "another type was written";
	return NULL;
}

/* What there is and what is claimed, together. */
static void judge_claim(struct facet_tree *tree, struct facet_vendor_vf *vf, int claimed)
{
	const char *why = claimed == 0 ? misfit(tree, vf) : NULL;

	vf->claimed = claimed == 0;
	if (vf->current < 0)
		judge(vf, FACET_VENDOR_VF_UNKNOWN, "its current type cannot be read");
	else if (claimed && claimed != -ENOENT)
		judge(vf, FACET_VENDOR_VF_UNKNOWN, "/" CLAIM " cannot be read", vf->pf, vf->index);
	else if (claimed)
		judge(vf, vf->current ? FACET_VENDOR_VF_FOREIGN : FACET_VENDOR_VF_FREE, "%s",
		      vf->current ? "it was made by another tool" : "");
	else if (!vf->current)
		judge(vf, FACET_VENDOR_VF_LOST, "%s", why ? why : "0 was written");
	else
		judge(vf, why ? FACET_VENDOR_VF_FOREIGN : FACET_VENDOR_VF_CLAIMED, "%s",
		      why ? why : "");
}

int facet_vendor_vf_look(struct facet_tree *tree, const char *pf, unsigned int index,
			 struct facet_vendor_vf *ret, struct facet_error *err)
{
	struct facet_vendor_vf vf = { .index = index, .current = -1 };

	if (strlen(pf) >= sizeof(vf.pf) || strspn(pf, "0123456789abcdef:.") != strlen(pf) || !*pf)
		return facet_error_set(err, -ENOENT, "%.40s: is no PCI address", pf);
	strcpy(vf.pf, pf);
	if (facet_tree_link(tree, vf.vf, sizeof(vf.vf), PCI "/virtfn%u", pf, index) < 0 ||
	    facet_tree_inode(tree, &vf.instance, PCI "/virtfn%u", pf, index) < 0)
		return facet_error_set(err, -ENOENT, "%s: has no VF %u", pf, index);
	if (!facet_tree_exists(tree, CURRENT, vf.vf))
		return facet_error_set(err, -ENOENT,
				       "%s: VF %u (%s) takes no type: it is not with NVIDIA's "
				       "driver of vGPU 17 or newer",
				       pf, index, vf.vf);
	facet_tree_number(tree, &vf.current, CURRENT, vf.vf);
	if (vf.current > UINT32_MAX)
		vf.current = -1;
	judge_claim(tree, &vf, read_claim(tree, &vf, &vf.claim));
	*ret = vf;
	return 0;
}

/* --- all of them --- */

/* PFs that have VFs. */
static bool has_vfs(struct facet_tree *tree, const char *bdf)
{
	int64_t count = 0;

	return facet_tree_number(tree, &count, PCI "/sriov_numvfs", bdf) == 0 && count > 0;
}

static int add_pf(struct facet_tree *tree, const char *pf, struct facet_vendor_vf **list,
		  unsigned int *count)
{
	struct facet_vendor_vf vf, *more;
	struct facet_names names;
	int index, r = 0;

	facet_tree_list(tree, &names, PCI, pf);
	for (unsigned int i = 0; r == 0 && i < names.count; i++) {
		index = facet_host_numbered(names.items[i], "virtfn");
		if (index < 0 || index >= FACET_HOST_VFS ||
		    facet_vendor_vf_look(tree, pf, (unsigned int)index, &vf, NULL) < 0)
			continue;
		more = realloc(*list, (*count + 1) * sizeof(*more));
		if (more) {
			more[(*count)++] = vf;
			*list = more;
		} else {
			r = -ENOMEM;
		}
	}
	facet_names_fini(&names);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct facet_vendor_vf *left = a, *right = b;
	int r = strcmp(left->pf, right->pf);

	return r ? r : (left->index > right->index) - (left->index < right->index);
}

int facet_vendor_vf_list(struct facet_tree *tree, const char *pf, struct facet_vendor_vf **ret,
			 unsigned int *ret_count, struct facet_error *err)
{
	struct facet_vendor_vf *list = NULL;
	struct facet_names names;
	unsigned int count = 0;
	int r = 0;

	facet_tree_list(tree, &names, "sys/bus/pci/devices");
	for (unsigned int i = 0; r == 0 && i < names.count; i++)
		if ((!pf || strcmp(pf, names.items[i]) == 0) && has_vfs(tree, names.items[i]))
			r = add_pf(tree, names.items[i], &list, &count);
	facet_names_fini(&names);
	if (r < 0) {
		free(list);
		return facet_error_set(err, r, "out of memory");
	}
	if (count)
		qsort(list, count, sizeof(*list), compare);
	*ret = list;
	*ret_count = count;
	return 0;
}
