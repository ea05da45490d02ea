// SPDX-License-Identifier: GPL-2.0-or-later
/* claim.c - the file that says whose a vGPU is. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/vendor_vf/internal.h"

static bool is_made_of(const char *text, const char *letters, size_t space)
{
	size_t size = strlen(text);

	return size && size < space && strspn(text, letters) == size;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

bool facet_vendor_vf_token_sound(const char *token)
{
	return is_made_of(token, LETTERS DIGITS "-_.", FACET_VENDOR_VF_TOKEN);
}

int facet_vendor_vf_claim_parse(const char *text, size_t size, struct facet_vendor_vf_claim *ret)
{
	const char *token, *boot, *pf, *vf, *instance;
	struct facet_vendor_vf_claim claim = { 0 };
	json_int_t index, type;
	int r = -EINVAL;
	json_t *root = json_loadb(text, size, 0, NULL);
	char *end;

	if (!root)
		return -EINVAL;
	if (json_unpack(root, "{s:s, s:s, s:s, s:I, s:s, s:s, s:I}", "token", &token, "boot", &boot,
			"pf", &pf, "index", &index, "vf", &vf, "instance", &instance, "type",
			&type) == 0 &&
	    facet_vendor_vf_token_sound(token) &&
	    is_made_of(boot, "abcdef-" DIGITS, sizeof(claim.boot)) &&
	    is_made_of(pf, "abcdef:." DIGITS, sizeof(claim.pf)) &&
	    is_made_of(vf, "abcdef:." DIGITS, sizeof(claim.vf)) &&
	    is_made_of(instance, DIGITS, 21) && index >= 0 && index < FACET_HOST_VFS && type > 0 &&
	    type <= UINT32_MAX) {
		strcpy(claim.token, token);
		strcpy(claim.boot, boot);
		strcpy(claim.pf, pf);
		strcpy(claim.vf, vf);
		claim.index = (unsigned int)index;
		claim.type = (uint32_t)type;
		errno = 0;
		claim.instance = strtoull(instance, &end, 10);
		r = errno ? -EINVAL : 0;
	}
	json_decref(root);
	if (r == 0)
		*ret = claim;
	return r;
}

char *facet_vendor_vf_claim_format(const struct facet_vendor_vf_claim *claim)
{
	char instance[24], *text;
	json_t *root;

	/* JSON's numbers end at 2^63 for some readers. */
	snprintf(instance, sizeof(instance), "%" PRIu64, claim->instance);
	root = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:I}", "token", claim->token, "boot",
			 claim->boot, "pf", claim->pf, "index", (json_int_t)claim->index, "vf",
			 claim->vf, "instance", instance, "type", (json_int_t)claim->type);
	text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	return text;
}
