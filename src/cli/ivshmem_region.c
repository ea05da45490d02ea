// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_region.c - what regions are to be served: NAME,size=64M,vectors=2,... */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "cli/ivshmem.h"

/* Each: 0, or CLI_WRONG after saying why. */
typedef int (*setter)(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		      const char *value);

static bool good_name(const char *name)
{
	size_t size = strlen(name);

	if (!size || size > CLI_IVSHMEM_NAME || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

static int set_name(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		    const char *value)
{
	if (!good_name(value))
		return cli_wrong(
			cli,
			"%s: a name has 1 to 64 letters, digits and _ . -, and begins with "
			"a letter or digit",
			value);
	strcpy(region->name, value);
	return 0;
}

static int set_text(const struct cli *cli, char **text, const char *key, const char *value)
{
	if (!value[0])
		return cli_wrong(cli, "%s: a path must follow", key);
	free(*text);
	*text = strdup(value);
	return *text ? 0 : cli_wrong(cli, "out of memory");
}

static int set_socket(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		      const char *value)
{
	return set_text(cli, &region->socket, key, value);
}

static int set_file(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		    const char *value)
{
	return set_text(cli, &region->file, key, value);
}

static int set_size(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		    const char *value)
{
	char what[64];
	struct facet_error err;

	if (facet_units_bytes(value, &region->size))
		return cli_wrong(cli, "%s %s: must be a number of bytes, or with K, M, G or T: 64M",
				 key, value);
	snprintf(what, sizeof(what), "%s %s", key, value);
	return facet_ivshmem_check_size(what, region->size, &err) ? cli_wrong(cli, "%s", err.text)
								  : 0;
}

static int set_number(const struct cli *cli, const char *key, const char *value, uint32_t max,
		      uint32_t *ret)
{
	uint64_t number;

	if (facet_units_number(value, 1, max, &number))
		return cli_wrong(cli, "%s %s: must be a number from 1 to %u", key, value, max);
	*ret = (uint32_t)number;
	return 0;
}

static int set_vectors(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		       const char *value)
{
	return set_number(cli, key, value, FACET_IVSHMEM_MAX_VECTORS, &region->vectors);
}

static int set_max_peers(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
			 const char *value)
{
	return set_number(cli, key, value, FACET_IVSHMEM_MAX_CLIENTS, &region->max_peers);
}

static int set_mode(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		    const char *value)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	if (!isdigit((unsigned char)value[0]) || *end || mode > 0777 || (mode & 0600) != 0600)
		return cli_wrong(cli, "%s %s: must be octal, from 0600 to 0777, such as 0660", key,
				 value);
	region->mode = (mode_t)mode;
	return 0;
}

static int find_group(const struct cli *cli, const char *key, const char *value, gid_t *ret)
{
	const struct group *group = getgrnam(value);
	uint64_t number;

	if (!group && facet_units_number(value, 0, UINT32_MAX - 1, &number))
		return cli_wrong(cli, "%s %s: there is no group of that name", key, value);
	*ret = group ? group->gr_gid : (gid_t)number;
	return 0;
}

static int set_group(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		     const char *value)
{
	return find_group(cli, key, value, &region->group);
}

static int find_user(const struct cli *cli, const char *key, const char *value, uid_t *ret)
{
	const struct passwd *user = getpwnam(value);
	uint64_t number;

	if (!user && facet_units_number(value, 0, UINT32_MAX - 1, &number))
		return cli_wrong(cli, "%s %s: there is no user of that name", key, value);
	*ret = user ? user->pw_uid : (uid_t)number;
	return 0;
}

/* "a,b" */
static int add_ids(const struct cli *cli, const char *key, const char *value,
		   int (*find)(const struct cli *, const char *, const char *, uint32_t *),
		   uint32_t *list, unsigned int *count)
{
	facet_autofree char *text = strdup(value);
	char *rest = text;
	int r = 0;

	for (char *one; !r && rest && (one = strsep(&rest, ","));) {
		if (*count == CLI_IVSHMEM_USERS)
			return cli_wrong(cli, "%s %s: no more than %d", key, value,
					 CLI_IVSHMEM_USERS);
		r = find(cli, key, one, &list[*count]);
		*count += !r;
	}
	return text ? r : cli_wrong(cli, "out of memory");
}

static int add_uids(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		    const char *value)
{
	return add_ids(cli, key, value, find_user, region->uids, &region->uid_count);
}

static int add_gids(const struct cli *cli, struct cli_ivshmem_region *region, const char *key,
		    const char *value)
{
	return add_ids(cli, key, value, find_group, region->gids, &region->gid_count);
}

static const struct key {
	const char *name;
	setter set;
	bool own; /* cannot be the same for several */
} keys[] = {
	{ "name", set_name, true },     { "socket", set_socket, true }, { "file", set_file, true },
	{ "size", set_size },           { "vectors", set_vectors },     { "mode", set_mode },
	{ "group", set_group },         { "allow-uid", add_uids },      { "allow-gid", add_gids },
	{ "max-peers", set_max_peers },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static int set_key(const struct cli *cli, struct cli_ivshmem_region *region, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		return cli_wrong(cli, "%s: must be KEY=VALUE, such as size=64M", text);
	*equals = '\0';
	for (size_t i = 1; i < KEYS; i++)
		if (strcmp(text, keys[i].name) == 0)
			return keys[i].set(cli, region, text, equals + 1);
	return cli_wrong(cli,
			 "%s=: must be one of socket, file, size, vectors, mode, group, allow-uid, "
			 "allow-gid, max-peers",
			 text);
}

/* "NAME,size=64M" */
static int parse(const struct cli *cli, const char *argument, struct cli_ivshmem_region *region)
{
	facet_autofree char *text = strdup(argument);
	char *rest = text;
	int r = text ? set_name(cli, region, "name", strsep(&rest, ","))
		     : cli_wrong(cli, "out of memory");

	while (!r && rest)
		r = set_key(cli, region, strsep(&rest, ","));
	return r;
}

/* Options hold for every region. */
static int read_options(const struct cli *cli, struct cli_ivshmem_region *region)
{
	char option[32];
	int r = 0;

	for (size_t i = 0; !r && i < KEYS; i++) {
		const char *value = cli_value(cli, keys[i].name);

		snprintf(option, sizeof(option), "--%s", keys[i].name);
		if (value && keys[i].own && cli->count > 1)
			r = cli_wrong(cli, "%s %s: belongs to one region: write it there: %s,...",
				      option, value, cli->arguments[1]);
		else if (value)
			r = keys[i].set(cli, region, option, value);
	}
	return r;
}

static int finish(const struct cli *cli, struct cli_ivshmem_region *regions, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct cli_ivshmem_region *region = &regions[i];

		if (!region->size && !region->file)
			return cli_wrong(cli, "%s: how large? Give --size, such as 64M",
					 region->name);
		if (!region->mode)
			region->mode = region->group == (gid_t)-1 ? 0600 : 0660;
		for (unsigned int n = 0; n < i; n++)
			if (strcmp(regions[n].name, region->name) == 0)
				return cli_wrong(cli, "%s: two regions of that name", region->name);
	}
	return 0;
}

int cli_ivshmem_regions(const struct cli *cli, struct cli_ivshmem_region **ret,
			unsigned int *ret_count)
{
	unsigned int count = cli->count > 1 ? cli->count - 1 : 1;
	struct cli_ivshmem_region *regions = calloc(count, sizeof(*regions));
	struct cli_ivshmem_region common = { .name = "ivshmem", .vectors = 1, .group = (gid_t)-1 };
	int r = regions ? read_options(cli, &common) : cli_error(cli, "out of memory");

	/* The paths of `common` are the first one's: there are none if there are more. */
	for (unsigned int i = 0; regions && i < count; i++)
		regions[i] = common;
	for (unsigned int i = 1; !r && i < cli->count; i++)
		r = parse(cli, cli->arguments[i], &regions[i - 1]);
	if (!r)
		r = finish(cli, regions, count);
	if (r) {
		cli_ivshmem_regions_free(regions, regions ? count : 0);
		return r;
	}
	*ret = regions;
	*ret_count = count;
	return 0;
}

void cli_ivshmem_regions_free(struct cli_ivshmem_region *regions, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		free(regions[i].socket);
		free(regions[i].file);
	}
	free(regions);
}
