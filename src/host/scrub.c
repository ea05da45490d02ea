// SPDX-License-Identifier: GPL-2.0-or-later
/* scrub.c - takes out of texts what tells whose they are. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bundle.h"

enum {
	UUID_SIZE = 36,
	MAC_SIZE = 17,
	KNOWN = 4096, /* UUIDs; more are all the same one */
};

struct facet_scrub {
	char host[64], user[64]; /* "" if it is nothing of their own */
	char (*uuids)[UUID_SIZE + 1];
	unsigned int count;
};

/* Names that many have are no secret, and stand for other things too. */
static void take_name(char *ret, size_t size, const char *name)
{
	static const char *const common[] = { "root", "localhost", "debian", "ubuntu", "fedora",
					      "user", "host",      "intel",  "nvidia", "amd" };

	if (!name || strlen(name) < 3)
		return;
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		if (strcmp(name, common[i]) == 0)
			return;
	snprintf(ret, size, "%s", name);
}

struct facet_scrub *facet_scrub_create(const char *host, const char *user)
{
	struct facet_scrub *scrub = calloc(1, sizeof(*scrub));

	if (!scrub)
		return NULL;
	take_name(scrub->host, sizeof(scrub->host), host);
	take_name(scrub->user, sizeof(scrub->user), user);
	scrub->uuids = calloc(KNOWN, sizeof(*scrub->uuids));
	if (!scrub->uuids) {
		free(scrub);
		return NULL;
	}
	return scrub;
}

void facet_scrub_destroy(struct facet_scrub *scrub)
{
	if (scrub)
		free(scrub->uuids);
	free(scrub);
}

/* Does text[n] begin with one made as @shape, in which 'x' is a hexadecimal digit? */
static bool has_shape(const char *text, size_t n, const char *shape)
{
	size_t size = strlen(shape);

	if (n < size || (n > size && isxdigit((unsigned char)text[size])))
		return false;
	for (size_t i = 0; i < size; i++)
		if (shape[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != shape[i])
			return false;
	return true;
}

static unsigned int uuid_number(struct facet_scrub *scrub, const char *text)
{
	for (unsigned int i = 0; i < scrub->count; i++)
		if (strncasecmp(scrub->uuids[i], text, UUID_SIZE) == 0)
			return i + 1;
	if (scrub->count < KNOWN)
		memcpy(scrub->uuids[scrub->count++], text, UUID_SIZE);
	return scrub->count;
}

static bool has_word(const char *text, size_t n, bool at_start, const char *word)
{
	size_t size = strlen(word);

	return size && at_start && n >= size && memcmp(text, word, size) == 0 &&
	       (n == size || !isalnum((unsigned char)text[size]));
}

/* One text without identities; as long as it fits. Names are looked for if @names. */
static size_t replace(struct facet_scrub *scrub, const char *text, size_t n, bool names, char *ret,
		      size_t size)
{
	size_t out = 0, skip;
	char with[48];

	for (size_t i = 0; i < n; i += skip) {
		bool start = i == 0 || !isalnum((unsigned char)text[i - 1]);
		size_t length;

		skip = 1;
		snprintf(with, sizeof(with), "%c", text[i]);
		length = 1;
		if (start && has_shape(text + i, n - i, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")) {
			length = (size_t)snprintf(with, sizeof(with),
						  "00000000-0000-0000-0000-%012u",
						  uuid_number(scrub, text + i));
			skip = UUID_SIZE;
		} else if (start && has_shape(text + i, n - i, "xx:xx:xx:xx:xx:xx")) {
			length = (size_t)snprintf(with, sizeof(with), "00:00:00:00:00:00");
			skip = MAC_SIZE;
		} else if (names && has_word(text + i, n - i, start, scrub->host)) {
			length = (size_t)snprintf(with, sizeof(with), "host");
			skip = strlen(scrub->host);
		} else if (names && has_word(text + i, n - i, start, scrub->user)) {
			length = (size_t)snprintf(with, sizeof(with), "user");
			skip = strlen(scrub->user);
		}
		if (out + length >= size)
			break;
		memcpy(ret + out, with, length);
		out += length;
	}
	ret[out] = '\0';
	return out;
}

/* Of files that tell more than rules ask for: what begins so stays. */
struct filter {
	const char *path;
	char separator;
	const char *keep[16];
};

static const struct filter filters[] = {
	{ "proc/cmdline",
	  ' ',
	  { "intel_iommu=", "amd_iommu=", "iommu=", "iommu.", "intremap=", "i915.", "xe.", "vfio",
	    "kvm", "pci=", "nouveau.", "nvidia", "hugepages",
	    "video=", "module_blacklist=", NULL } },
	{ "proc/cpuinfo", '\n', { "vendor_id", "flags", "model name", NULL } },
	{ "proc/self/status", '\n', { "CapEff:", NULL } },
};

static const struct filter *find_filter(const char *path)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++)
		if (strcmp(filters[i].path, path) == 0)
			return &filters[i];
	return NULL;
}

static bool is_kept(const struct filter *filter, const char *piece)
{
	for (const char *const *keep = filter->keep; *keep; keep++)
		if (strncmp(piece, *keep, strlen(*keep)) == 0)
			return true;
	return false;
}

/* In place, of @text that ends with '\0'. */
static size_t keep_asked_for(const struct filter *filter, char *text, size_t n)
{
	size_t out = 0, size;

	for (size_t i = 0; i < n; i += size + 1) {
		const char *end = memchr(text + i, filter->separator, n - i);

		size = end ? (size_t)(end - text) - i : n - i;
		if (!is_kept(filter, text + i))
			continue;
		memmove(text + out, text + i, size);
		out += size;
		if (out < n)
			text[out++] = filter->separator;
	}
	text[out] = '\0';
	return out;
}

/* Where names of machines and users may turn up. In /sys they are words of drivers. */
static bool may_name(const char *path)
{
	return strncmp(path, "proc/", 5) == 0 || strncmp(path, "sys/fs/cgroup", 13) == 0 ||
	       strncmp(path, "facet-probe/", 12) == 0;
}

size_t facet_scrub_path(struct facet_scrub *scrub, const char *path, char *ret, size_t size)
{
	return replace(scrub, path, strlen(path), may_name(path), ret, size);
}

size_t facet_scrub_file(struct facet_scrub *scrub, const char *path, const char *content, size_t n,
			char *ret, size_t size)
{
	enum { HEADER = 64 }; /* of a configuration space; further on may stand a serial number */
	const struct filter *filter = find_filter(path);
	const char *name = strrchr(path, '/');

	if (name && strcmp(name, "/config") == 0) {
		n = n < HEADER ? n : HEADER;
		n = n < size ? n : size - 1;
		memcpy(ret, content, n);
		ret[n] = '\0';
		return n;
	}
	n = replace(scrub, content, n, may_name(path), ret, size);
	return filter ? keep_asked_for(filter, ret, n) : n;
}
