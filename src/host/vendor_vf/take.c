// SPDX-License-Identifier: GPL-2.0-or-later
/* take.c - a type written to a virtual function, and taken from it again by its owner alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/holders.h"
#include "host/inventory_internal.h"
#include "host/vendor_vf/internal.h"

enum {
	CREATABLE_SIZE = 16384,
};

static int out_of_memory(struct facet_error *err)
{
	return facet_error_set(err, -ENOMEM, "out of memory");
}

/* --- the type --- */

/* By number or by name, of those that can be made now. */
static int find_type(struct facet_tree *tree, const struct facet_vendor_vf *vf, const char *type,
		     uint32_t *ret, struct facet_error *err)
{
	facet_autofree struct facet_host_type *types = calloc(FACET_HOST_TYPES, sizeof(*types));
	facet_autofree char *text = malloc(CREATABLE_SIZE);
	unsigned int count;
	unsigned long id = 0;

	if (!types || !text)
		return out_of_memory(err);
	facet_tree_text(tree, text, CREATABLE_SIZE, CREATABLE, vf->vf);
	count = facet_host_parse_creatable(text, types, FACET_HOST_TYPES);
	for (unsigned int i = 0; i < count && !id; i++)
		if (strcmp(types[i].id, type) == 0 || strcmp(types[i].name, type) == 0)
			id = strtoul(types[i].id, NULL, 10);
	if (!id || id > UINT32_MAX)
		return facet_error_set(err, -EINVAL,
				       "%.64s: %s can be made none of these now (%u other types): "
				       "/" CREATABLE " has them",
				       type, vf->vf, count, vf->vf);
	*ret = (uint32_t)id;
	return 0;
}

/* What the file says; -1: it says nothing. */
static int64_t read_current(struct facet_tree *tree, const char *vf)
{
	int64_t current = -1;

	facet_tree_number(tree, &current, CURRENT, vf);
	return current;
}

/*
 * One number into the file, and whether it stands there then. The journal does not undo it: a guard
 * by the file alone would take another's vGPU for ours, and the claim says more.
 */
static int write_type(struct facet_change *change, const struct facet_vendor_vf *vf, uint32_t type,
		      struct facet_error *err)
{
	char path[FACET_TREE_PATH], text[16], what[FACET_TREE_NAME];
	int r;

	snprintf(path, sizeof(path), CURRENT, vf->vf);
	snprintf(text, sizeof(text), "%" PRIu32, type);
	snprintf(what, sizeof(what), "vendor-vf %s VF %u type %s", vf->pf, vf->index, text);
	r = facet_change_begin(change, what, err);
	if (r == 0)
		r = facet_change_do(change,
				    &(struct facet_change_step){ .path = path, .text = text }, err);
	/* Only of what was cut short what stands there tells more than the write did. */
	if ((r == 0 || r == -EIO || r == -EINTR) && !facet_change_is_dry(change)) {
		if (read_current(facet_change_tree(change), vf->vf) == type)
			r = 0;
		else if (r == 0)
			r = facet_error_set(err, -EIO,
					    "/%s: took %s, and says something else: see "
					    "dmesg",
					    path, text);
	}
	/* There is nothing to undo: a journal that cannot be ended changes nothing about it. */
	facet_change_end(change, r, NULL);
	return r;
}

/* --- taking --- */

static int check_free(struct facet_tree *tree, const struct facet_vendor_vf *vf,
		      struct facet_error *err)
{
	char path[FACET_TREE_PATH];

	if (vf->state == FACET_VENDOR_VF_UNKNOWN)
		return facet_error_set(err, -EIO, "%s: VF %u: %s", vf->pf, vf->index, vf->why);
	if (vf->current)
		return facet_error_set(
			err, -EBUSY, "%s: VF %u (%s) is a vGPU of type %d already%s%s", vf->pf,
			vf->index, vf->vf, (int)vf->current, *vf->why ? ": " : "", vf->why);
	snprintf(path, sizeof(path), PCI, vf->vf);
	return facet_holders_refuse(tree, path, vf->vf, false, err);
}

/* Not by the journal either: it has to outlive what is done about it. */
static int put_claim(struct facet_change *change, const struct facet_vendor_vf_claim *claim,
		     struct facet_error *err)
{
	facet_autofree char *text = facet_vendor_vf_claim_format(claim);
	int r = 0;

	if (!text)
		return out_of_memory(err);
	if (!facet_change_is_dry(change))
		r = facet_tree_replace(facet_change_tree(change), text, CLAIM, claim->pf,
				       claim->index);
	return r < 0 ? facet_error_set(err, r, "/" CLAIM ": %s", claim->pf, claim->index,
				       strerror(-r))
		     : 0;
}

static int drop_claim(struct facet_change *change, const struct facet_vendor_vf *vf,
		      struct facet_error *err)
{
	int r = 0;

	if (!facet_change_is_dry(change))
		r = facet_tree_replace(facet_change_tree(change), NULL, CLAIM, vf->pf, vf->index);
	return r < 0 ? facet_error_set(err, r, "/" CLAIM ": %s", vf->pf, vf->index, strerror(-r))
		     : 0;
}

/*
 * What the driver refused is not ours, even if the same number stands there now: another wrote it.
 * Otherwise the claim stays unless it is certain that nothing of ours stands there.
 */
static void give_up(struct facet_change *change, const struct facet_vendor_vf *vf, int r)
{
	int64_t current = read_current(facet_change_tree(change), vf->vf);

	if ((r != -EINTR && r != -EIO) || (current >= 0 && current != vf->claim.type))
		drop_claim(change, vf, NULL);
}

int facet_vendor_vf_take(struct facet_change *change, const char *pf, unsigned int index,
			 const char *type, const char *token, struct facet_vendor_vf *ret,
			 struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	struct facet_vendor_vf vf;
	uint32_t id;
	int r = facet_vendor_vf_look(tree, pf, index, &vf, err);

	if (r == 0 && !facet_vendor_vf_token_sound(token))
		r = facet_error_set(err, -EINVAL, "a token is letters, digits, '-', '_' and '.'");
	r = r ? r : check_free(tree, &vf, err);
	r = r ? r : find_type(tree, &vf, type, &id, err);
	if (r < 0)
		return r;
	vf.claim = (struct facet_vendor_vf_claim){ .index = index,
						   .instance = vf.instance,
						   .type = id };
	strcpy(vf.claim.token, token);
	strcpy(vf.claim.pf, vf.pf);
	strcpy(vf.claim.vf, vf.vf);
	facet_tree_boot(tree, vf.claim.boot, sizeof(vf.claim.boot));
	if (!*vf.claim.boot)
		return facet_error_set(err, -EIO,
				       "/proc/sys/kernel/random/boot_id: cannot be read");
	r = put_claim(change, &vf.claim, err);
	if (r < 0)
		return r;
	r = write_type(change, &vf, id, err);
	if (r < 0) {
		give_up(change, &vf, r);
		return r;
	}
	vf.current = id;
	vf.claimed = true;
	vf.state = FACET_VENDOR_VF_CLAIMED;
	*ret = vf;
	return 0;
}

/* --- releasing --- */

static int forget(struct facet_change *change, const struct facet_vendor_vf *vf,
		  struct facet_error *err)
{
	int r = drop_claim(change, vf, err);

	return r < 0 ? r
		     : facet_error_set(err, -ESTALE,
				       "%s: VF %u is another's now (%s): not touched, only "
				       "forgotten",
				       vf->pf, vf->index, vf->why);
}

static int clear(struct facet_change *change, const struct facet_vendor_vf *vf, bool forced,
		 struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	struct facet_vendor_vf now;
	char path[FACET_TREE_PATH];
	int r;

	snprintf(path, sizeof(path), PCI, vf->vf);
	r = facet_holders_refuse(tree, path, vf->vf, forced, err);
	if (r < 0)
		return r;
	/* Looking at all processes took its time. */
	r = facet_vendor_vf_look(tree, vf->pf, vf->index, &now, err);
	if (r < 0)
		return r;
	if (now.state != FACET_VENDOR_VF_CLAIMED || now.instance != vf->instance)
		return facet_error_set(err, -EAGAIN, "%s: VF %u changed meanwhile: look again",
				       vf->pf, vf->index);
	r = write_type(change, vf, 0, err);
	return r < 0 ? r : drop_claim(change, vf, err);
}

int facet_vendor_vf_release(struct facet_change *change, const char *pf, unsigned int index,
			    const char *token, bool forced, struct facet_error *err)
{
	struct facet_vendor_vf vf;
	int r = facet_vendor_vf_look(facet_change_tree(change), pf, index, &vf, err);

	if (r < 0)
		return r;
	if (vf.state == FACET_VENDOR_VF_UNKNOWN)
		return facet_error_set(err, -EIO, "%s: VF %u: %s: not touched", pf, index, vf.why);
	if (!vf.claimed || strcmp(vf.claim.token, token) != 0)
		return facet_error_set(err, -ENOENT,
				       "%s: VF %u: nothing is claimed there under this token", pf,
				       index);
	switch (vf.state) {
	case FACET_VENDOR_VF_LOST:
		return drop_claim(change, &vf, err);
	case FACET_VENDOR_VF_CLAIMED:
		return clear(change, &vf, forced, err);
	case FACET_VENDOR_VF_FREE:
	case FACET_VENDOR_VF_FOREIGN:
	case FACET_VENDOR_VF_UNKNOWN:
		break;
	}
	return forget(change, &vf, err);
}

/* --- claims without what they are about --- */

/* "0000:41:00.0.3": a PF and an index. */
static bool split_name(const char *name, char pf[FACET_HOST_BDF], unsigned int *ret_index)
{
	const char *dot = strrchr(name, '.');
	int index = dot ? facet_host_numbered(dot, ".") : -1;

	if (index < 0 || (size_t)(dot - name) >= FACET_HOST_BDF)
		return false;
	snprintf(pf, FACET_HOST_BDF, "%.*s", (int)(dot - name), name);
	*ret_index = (unsigned int)index;
	return true;
}

/* True: it speaks of nothing that is there. */
static bool is_over(struct facet_tree *tree, const char *pf, unsigned int index)
{
	struct facet_vendor_vf vf = { 0 };

	if (facet_vendor_vf_look(tree, pf, index, &vf, NULL) == 0)
		return vf.claimed &&
		       (vf.state == FACET_VENDOR_VF_LOST || vf.state == FACET_VENDOR_VF_FOREIGN);
	/* The VF is not there. If only its driver is away, its vGPU may be as well, or may not. */
	return !facet_tree_exists(tree, PCI "/virtfn%u", pf, index);
}

int facet_vendor_vf_reconcile(struct facet_change *change, unsigned int *ret_forgotten,
			      struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	unsigned int forgotten = 0;
	struct facet_vendor_vf vf;
	struct facet_names names;
	int r = 0;

	facet_tree_list(tree, &names, CLAIMS);
	for (unsigned int i = 0; r == 0 && i < names.count; i++) {
		vf = (struct facet_vendor_vf){ 0 };
		if (!split_name(names.items[i], vf.pf, &vf.index) ||
		    !is_over(tree, vf.pf, vf.index))
			continue;
		r = drop_claim(change, &vf, err);
		forgotten += r == 0;
	}
	facet_names_fini(&names);
	*ret_forgotten = forgotten;
	return r;
}
