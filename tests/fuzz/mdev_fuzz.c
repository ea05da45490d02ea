// SPDX-License-Identifier: GPL-2.0-or-later
/* mdev_fuzz.c - definitions, claims and descriptions that say anything; what is taken comes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/mdev.h"
#include "host/vendor_vf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool fact)
{
	if (!fact)
		abort();
}

static void try_definition(const char *text, size_t size)
{
	struct facet_mdev_spec spec = { 0 }, again = { 0 };
	char *written, *rewritten;

	if (facet_mdev_spec_parse(text, size, &spec, NULL) < 0)
		return;
	require(facet_mdev_name_sound(spec.type) && spec.count <= FACET_MDEV_ATTRIBUTES);
	for (unsigned int i = 0; i < spec.count; i++)
		require(!strstr(spec.attributes[i].name, "..") &&
			spec.attributes[i].name[0] != '/' &&
			strlen(spec.attributes[i].value) < FACET_MDEV_VALUE);
	written = facet_mdev_spec_format(&spec);
	require(written && facet_mdev_spec_parse(written, strlen(written), &again, NULL) == 0);
	rewritten = facet_mdev_spec_format(&again);
	require(rewritten && strcmp(written, rewritten) == 0);
	free(written);
	free(rewritten);
	facet_mdev_spec_fini(&spec);
	facet_mdev_spec_fini(&again);
}

static void try_claim(const char *text, size_t size)
{
	struct facet_vendor_vf_claim claim, again;
	char *written;

	if (facet_vendor_vf_claim_parse(text, size, &claim) < 0)
		return;
	require(*claim.token && !strchr(claim.pf, '/') && !strchr(claim.token, '/'));
	written = facet_vendor_vf_claim_format(&claim);
	require(written && facet_vendor_vf_claim_parse(written, strlen(written), &again) == 0);
	require(strcmp(claim.token, again.token) == 0 && claim.instance == again.instance &&
		claim.index == again.index && claim.type == again.type);
	free(written);
}

static void try_description(const char *text)
{
	struct facet_host_type type = { .available = -1 };
	char words[200];

	strncpy(type.description, text, sizeof(type.description) - 1);
	facet_host_parse_gvtg(type.description, &type.gvtg);
	facet_mdev_explain(&type, words, sizeof(words));
	require(strlen(words) < sizeof(words) && !strchr(words, '\n'));
}

/* The first byte says which. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, uuid[FACET_MDEV_UUID];

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	require(text != NULL);
	switch (data[0] % 4) {
	case 0:
		try_definition((const char *)data + 1, size - 1);
		break;
	case 1:
		try_claim((const char *)data + 1, size - 1);
		break;
	case 2:
		try_description(text);
		break;
	default:
		require(!facet_mdev_uuid_parse(text, uuid) || strlen(uuid) == strlen(text));
	}
	free(text);
	return 0;
}
