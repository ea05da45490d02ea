// SPDX-License-Identifier: GPL-2.0-or-later
/* part_file.c - who has which part: a file for each, made whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/part_internal.h"

enum { FILE_VERSION = 1, MAX_FILE = 8192 };

void facet_part_key(const struct facet_part *part, char ret[static FACET_TREE_NAME])
{
	if (part->uuid[0])
		snprintf(ret, FACET_TREE_NAME, "%s", part->uuid);
	else if (part->vf >= 0)
		snprintf(ret, FACET_TREE_NAME, "%.32s.vf%d", part->gpu, part->vf);
	else
		snprintf(ret, FACET_TREE_NAME, "%s", part->bdf);
}

/* --- reading --- */

/* All of it goes into paths and sentences. */
static bool sound(const char *text, const char *more)
{
	if (text[0] == '.')
		return false;
	for (; *text; text++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-",
			    *text) &&
		    !strchr(more, *text))
			return false;
	return true;
}

static bool copy(char *to, size_t size, const char *from, const char *more)
{
	if (strlen(from) >= size || !sound(from, more))
		return false;
	strcpy(to, from);
	return true;
}

static bool hexadecimal(const char *text, size_t size)
{
	return strlen(text) == size && strspn(text, "0123456789abcdef") == size;
}

/* A type's name and a keeper's directory are texts of others, for people alone. */
static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	for (; *to; to++)
		if (*to < ' ' || *to > '~')
			*to = '?';
}

static int read_part(json_t *json, struct facet_part *p)
{
	const char *token, *mechanism, *gpu, *bdf, *uuid, *parent, *type, *name, *driver, *owner,
		*keeper;
	json_int_t inode;
	int version, bound, ready;

	if (json_unpack(json,
			"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:b, s:I, "
			"s:s, s:s, s:b}",
			"version", &version, "token", &token, "mechanism", &mechanism, "gpu", &gpu,
			"bdf", &bdf, "uuid", &uuid, "parent", &parent, "vf", &p->vf, "type", &type,
			"type_name", &name, "driver", &driver, "group", &p->group, "bound", &bound,
			"inode", &inode, "owner", &owner, "keeper", &keeper, "ready", &ready) < 0 ||
	    version != FILE_VERSION || !facet_part_mechanism(mechanism, &p->mechanism) ||
	    !hexadecimal(token, FACET_PART_TOKEN - 1) ||
	    !copy(p->token, sizeof(p->token), token, "") || !gpu[0] ||
	    !copy(p->gpu, sizeof(p->gpu), gpu, "") || !copy(p->bdf, sizeof(p->bdf), bdf, "") ||
	    !copy(p->uuid, sizeof(p->uuid), uuid, "") || !bdf[0] == !uuid[0] ||
	    !copy(p->parent, sizeof(p->parent), parent, "") ||
	    !copy(p->type, sizeof(p->type), type, " ") ||
	    !copy(p->driver, sizeof(p->driver), driver, "") ||
	    !copy(p->owner, sizeof(p->owner), owner, "") || p->vf < -1 || p->vf > 65535)
		return -EINVAL;
	copy_text(p->type_name, sizeof(p->type_name), name);
	copy_text(p->keeper, sizeof(p->keeper), keeper);
	p->bound = bound;
	p->inode = (uint64_t)inode;
	p->ready = ready;
	return 0;
}

int facet_part_parse(const char *text, size_t size, struct facet_part *ret)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	struct facet_part part = { 0 };
	int r = json ? read_part(json, &part) : -EINVAL;

	json_decref(json);
	if (r == 0)
		*ret = part;
	return r;
}

static int load_one(struct facet_parts *parts, const char *name, struct facet_part *ret)
{
	facet_autoclose int fd =
		openat(parts->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[MAX_FILE], key[FACET_TREE_NAME], expected[FACET_TREE_NAME + 8];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 0)
		return errno == ENOENT ? -ENOENT : -EIO; /* given back just now */
	if (facet_part_parse(text, (size_t)n, ret))
		return -EINVAL;
	facet_part_key(ret, key);
	snprintf(expected, sizeof(expected), "%s.json", key);
	return strcmp(expected, name) == 0 ? 0 : -EINVAL;
}

static int compare_parts(const void *a, const void *b)
{
	const struct facet_part *left = a, *right = b;
	int r = strcmp(left->gpu, right->gpu);

	if (r == 0)
		r = left->vf - right->vf;
	return r ? r : strcmp(left->uuid, right->uuid);
}

static bool is_part(const char *name)
{
	size_t size = strlen(name);

	return size > 5 && strcmp(name + size - 5, ".json") == 0;
}

int facet_part_load(struct facet_parts *parts, struct facet_part **ret, unsigned int *ret_count,
		    struct facet_error *err)
{
	struct facet_names names;
	struct facet_part *list;
	unsigned int count = 0;
	int r;

	*ret = NULL;
	*ret_count = 0;
	r = facet_parts_find_dir(parts, false);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = facet_tree_list(parts->tree, &names, FACET_PARTS_DIR);
	if (r < 0)
		return facet_error_set(err, r, "/" FACET_PARTS_DIR ": %s", strerror(-r));
	list = calloc(names.count ? names.count : 1, sizeof(*list));
	r = list ? 0 : facet_error_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; r == 0 && i < names.count && count < FACET_PARTS_MAX; i++) {
		if (!is_part(names.items[i]))
			continue;
		r = load_one(parts, names.items[i], &list[count]);
		count += r == 0;
		/* Who cannot tell whose a part is must not give any away. */
		r = r == 0 || r == -ENOENT
			    ? 0
			    : facet_error_set(err, r,
					      "/" FACET_PARTS_DIR "/%s: cannot be read, or facet "
					      "did not write it so: remove it if nobody uses that "
					      "part",
					      names.items[i]);
	}
	facet_names_fini(&names);
	if (r) {
		free(list);
		return r;
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_parts);
	*ret = list;
	*ret_count = count;
	return 0;
}

/* --- writing --- */

static char *format(const struct facet_part *p)
{
	json_t *json = json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:b, s:I, s:s, s:s, "
		"s:b}",
		"version", FILE_VERSION, "token", p->token, "mechanism",
		facet_mechanism_name(p->mechanism), "gpu", p->gpu, "bdf", p->bdf, "uuid", p->uuid,
		"parent", p->parent, "vf", p->vf, "type", p->type, "type_name", p->type_name,
		"driver", p->driver, "group", p->group, "bound", (int)p->bound, "inode",
		(json_int_t)p->inode, "owner", p->owner, "keeper", p->keeper, "ready",
		(int)p->ready);
	char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

	json_decref(json);
	return text;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Under a name of its own, which the lock keeps from others; what a dead program left goes. */
static int write_fresh(struct facet_parts *parts, const struct facet_part *part, char ret[48])
{
	facet_autofree char *text = format(part);
	facet_autoclose int fd = -1;
	int r;

	if (!text)
		return -ENOMEM;
	snprintf(ret, 48, "%s.new", part->token);
	unlinkat(parts->dir_fd, ret, 0);
	fd = openat(parts->dir_fd, ret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	/* Others may look, whatever the umask. */
	r = fchmod(fd, 0644) < 0 ? -errno : write_all(fd, text, strlen(text));
	if (r)
		unlinkat(parts->dir_fd, ret, 0);
	return r;
}

static int put(struct facet_parts *parts, const struct facet_part *part, bool replace,
	       struct facet_error *err)
{
	char key[FACET_TREE_NAME], name[FACET_TREE_NAME + 8], fresh[48];
	int r = write_fresh(parts, part, fresh), dir = parts->dir_fd;

	facet_part_key(part, key);
	snprintf(name, sizeof(name), "%s.json", key);
	if (r == 0 && replace)
		r = renameat(dir, fresh, dir, name) < 0 ? -errno : 0;
	else if (r == 0)
		r = linkat(dir, fresh, dir, name, 0) < 0 ? -errno : 0;
	if (r || !replace)
		unlinkat(dir, fresh, 0);
	if (r == 0 && fsync(dir) < 0 && errno != EINVAL)
		r = -errno;
	return r ? facet_error_set(err, r, "/" FACET_PARTS_DIR "/%s: %s", name, strerror(-r)) : 0;
}

int facet_part_add(struct facet_parts *parts, const struct facet_part *part,
		   struct facet_error *err)
{
	return put(parts, part, false, err);
}

int facet_part_replace(struct facet_parts *parts, const struct facet_part *part,
		       struct facet_error *err)
{
	return put(parts, part, true, err);
}

int facet_part_drop(struct facet_parts *parts, const struct facet_part *part,
		    struct facet_error *err)
{
	char key[FACET_TREE_NAME], name[FACET_TREE_NAME + 8];

	facet_part_key(part, key);
	snprintf(name, sizeof(name), "%s.json", key);
	if (unlinkat(parts->dir_fd, name, 0) < 0 && errno != ENOENT)
		return facet_error_set(err, -errno, "/" FACET_PARTS_DIR "/%s: %s", name,
				       strerror(errno));
	return 0;
}
