// SPDX-License-Identifier: GPL-2.0-or-later
/* bundle.c - what was read, as a tar archive (POSIX ustar). */
#include "host/bundle.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"

enum {
	BLOCK = 512,
	NAME_SIZE = 100,
	PREFIX_SIZE = 155,
};

/* POSIX.1-2017, pax, "ustar Interchange Format". */
struct ustar {
	char name[NAME_SIZE], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag;
	char linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8];
	char prefix[PREFIX_SIZE], padding[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a header is one block");

FACET_DEFINE_CLEANUP(struct facet_scrub, facet_scrub_destroy)

/* A longer path is split at a '/'. */
static bool set_name(struct ustar *h, const char *path)
{
	size_t size = strlen(path), cut;

	if (size <= NAME_SIZE) {
		memcpy(h->name, path, size);
		return true;
	}
	cut = size - NAME_SIZE - 1;
	while (cut < size && path[cut] != '/')
		cut++;
	if (cut > PREFIX_SIZE || cut + 1 >= size)
		return false;
	memcpy(h->prefix, path, cut);
	memcpy(h->name, path + cut + 1, size - cut - 1);
	return true;
}

static void write_entry(FILE *out, const char *path, char type, const char *link,
			const char *content, size_t size)
{
	static const char zeros[BLOCK];
	struct ustar h = { .typeflag = type, .magic = "ustar", .version = { '0', '0' } };
	unsigned int sum = 0;

	if (!set_name(&h, path))
		return; /* longer than any path in /sys that is looked at */
	snprintf(h.mode, sizeof(h.mode), "%07o", type == '5' ? 0755 : 0644);
	snprintf(h.uid, sizeof(h.uid), "%07o", 0);
	snprintf(h.gid, sizeof(h.gid), "%07o", 0);
	snprintf(h.size, sizeof(h.size), "%011zo", size);
	snprintf(h.mtime, sizeof(h.mtime), "%011o", 0);
	if (link)
		memcpy(h.linkname, link, strnlen(link, sizeof(h.linkname)));
	memset(h.chksum, ' ', sizeof(h.chksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(h.chksum, sizeof(h.chksum), "%06o", sum);
	fwrite(&h, sizeof(h), 1, out);
	if (size) {
		fwrite(content, size, 1, out);
		fwrite(zeros, (BLOCK - size % BLOCK) % BLOCK, 1, out);
	}
}

/* Is something in it, of what was read? */
static bool has_children(const struct facet_record *records, unsigned int count, unsigned int at)
{
	size_t size = strlen(records[at].path);

	for (unsigned int i = at + 1; i < count; i++) {
		if (strncmp(records[i].path, records[at].path, size) != 0)
			return false;
		if (records[i].path[size] == '/')
			return true;
	}
	return false;
}

/* 1 if it became an entry, else 0; -ENOMEM. */
static int write_record(struct facet_scrub *scrub, const struct facet_record *records,
			unsigned int count, unsigned int at, FILE *out)
{
	const struct facet_record *r = &records[at];
	char path[2 * FACET_TREE_PATH], target[2 * FACET_TREE_PATH], link[128];
	const char *slash;
	/* What stands in for a name may be longer. */
	size_t size = 2 * r->size + 64;
	facet_autofree char *content = NULL;

	if (r->kind != FACET_RECORD_FILE && has_children(records, count, at))
		return 0;
	facet_scrub_path(scrub, r->path, path, sizeof(path));
	content = malloc(size);
	if (!content)
		return -ENOMEM;
	switch (r->kind) {
	case FACET_RECORD_FILE:
		size = facet_scrub_file(scrub, r->path, r->content, r->size, content, size);
		write_entry(out, path, '0', NULL, content, size);
		break;
	case FACET_RECORD_LINK:
		/* Only its last part is ever looked at. */
		facet_scrub_path(scrub, r->content, target, sizeof(target));
		slash = strrchr(target, '/');
		snprintf(link, sizeof(link), "../%.90s", slash ? slash + 1 : target);
		write_entry(out, path, '2', link, NULL, 0);
		break;
	case FACET_RECORD_DIRECTORY:
		write_entry(out, path, '5', NULL, NULL, 0);
		break;
	case FACET_RECORD_ENTRY:
		write_entry(out, path, '0', NULL, NULL, 0);
		break;
	}
	return 1;
}

int facet_bundle_write(struct facet_tree *tree, FILE *out, struct facet_error *err)
{
	static const char zeros[2 * BLOCK];
	static const char version[] = FACET_VERSION "\n";
	const struct passwd *user = getpwuid(getuid());
	facet_auto(facet_scrub_destroy) struct facet_scrub *scrub = NULL;
	const struct facet_record *records;
	unsigned int count;
	struct utsname name;
	int r, written = 1;

	uname(&name);
	scrub = facet_scrub_create(name.nodename, user ? user->pw_name : NULL);
	r = facet_tree_records(tree, &records, &count);
	if (!scrub || r < 0)
		return facet_error_set(err, -ENOMEM, "out of memory");
	write_entry(out, "facet-probe/facet", '0', NULL, version, sizeof(version) - 1);
	for (unsigned int i = 0; i < count; i++) {
		r = write_record(scrub, records, count, i, out);
		if (r < 0)
			return facet_error_set(err, r, "out of memory");
		written += r;
	}
	fwrite(zeros, sizeof(zeros), 1, out);
	if (fflush(out) != 0 || ferror(out))
		return facet_error_set(err, -EIO, "the archive could not be written");
	return written;
}
