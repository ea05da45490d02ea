// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_ls.c - facet ivshmem ls, and qemu-args: what the servers that run have. */
#include <stdio.h>
#include <string.h>

#include "cli/ivshmem.h"

static const struct cli_column columns[] = {
	{ "REGION" },    { "SIZE", true },  { "VECTORS", true }, { "PEER", true },    { "PROCESS" },
	{ "UID", true }, { "SINCE", true }, { "SENT", true },    { "WAITING", true }, { "SOCKET" },
	{ NULL },
};

static void format_time(char *ret, size_t size, uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	if (s < 120)
		snprintf(ret, size, "%us", (unsigned int)s);
	else if (s < 7200)
		snprintf(ret, size, "%umin", (unsigned int)(s / 60));
	else
		snprintf(ret, size, "%uh", (unsigned int)(s / 3600));
}

static void add_peer(struct libscols_table *table, const json_t *region, const json_t *peer)
{
	char size[16], vectors[16], id[16] = "-", process[64] = "-", uid[16] = "-";
	char since[16] = "-", sent[24] = "-", waiting[16] = "-";

	cli_format_bytes(size, sizeof(size), cli_integer(region, "size_bytes"));
	snprintf(vectors, sizeof(vectors), "%u", (unsigned int)cli_integer(region, "vectors"));
	if (peer) {
		snprintf(id, sizeof(id), "%u", (unsigned int)cli_integer(peer, "id"));
		snprintf(process, sizeof(process), "%s:%d", cli_string(peer, "process"),
			 (int)cli_integer(peer, "pid"));
		snprintf(uid, sizeof(uid), "%u", (unsigned int)cli_integer(peer, "uid"));
		format_time(since, sizeof(since), cli_integer(peer, "since_ns"));
		snprintf(sent, sizeof(sent), "%llu", (unsigned long long)cli_integer(peer, "sent"));
		snprintf(waiting, sizeof(waiting), "%u",
			 (unsigned int)cli_integer(peer, "waiting"));
	}
	cli_row(table,
		(const char *const[]){ cli_string(region, "name"), size, vectors, id, process, uid,
				       since, sent, waiting, cli_string(region, "socket") });
}

/* A line for each peer, so that every line stands alone for grep and awk. */
static void add(struct libscols_table *table, const json_t *region)
{
	json_t *peers = json_object_get(region, "peers"), *peer;
	size_t i;

	json_array_foreach(peers, i, peer) add_peer(table, region, peer);
	if (!json_array_size(peers))
		add_peer(table, region, NULL);
}

static json_t *list(const struct cli *cli)
{
	struct cli_ivshmem_place place;
	struct facet_error err;

	if (!cli_ivshmem_place(&place, &err))
		return cli_ivshmem_list(&place, false);
	cli_error(cli, "%s", err.text);
	return NULL;
}

int cli_ivshmem_ls(struct cli *cli)
{
	struct libscols_table *table;
	json_t *regions = list(cli), *region;
	size_t i;

	if (!regions)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(regions);
	if (!json_array_size(regions))
		fputs("no regions: `facet ivshmem serve --size 64M` makes one\n", stderr);
	table = cli_table(columns);
	json_array_foreach(regions, i, region) add(table, region);
	json_decref(regions);
	return cli_print_table(table);
}

/* QEMU ends a value at a comma unless it is doubled. */
static void quote(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from && n + 2 < size; from++) {
		if (*from == ',')
			to[n++] = ',';
		to[n++] = *from;
	}
	to[n] = '\0';
}

/* A region's name may begin with a digit, which an id of QEMU's may not. */
static json_t *make_arguments(const json_t *region, bool plain)
{
	const char *name = cli_string(region, "name");
	char path[2 * PATH_MAX], first[2 * PATH_MAX + 200], second[200];

	if (plain) {
		quote(path, sizeof(path), cli_string(region, "file"));
		snprintf(first, sizeof(first),
			 "memory-backend-file,id=ivshmem-%s,share=on,mem-path=%s,size=%llu", name,
			 path, (unsigned long long)cli_integer(region, "size_bytes"));
		snprintf(second, sizeof(second), "ivshmem-plain,memdev=ivshmem-%s", name);
		return json_pack("[s, s, s, s]", "-object", first, "-device", second);
	}
	quote(path, sizeof(path), cli_string(region, "socket"));
	snprintf(first, sizeof(first), "socket,id=ivshmem-%s,path=%s", name, path);
	snprintf(second, sizeof(second), "ivshmem-doorbell,chardev=ivshmem-%s,vectors=%u", name,
		 (unsigned int)cli_integer(region, "vectors"));
	return json_pack("[s, s, s, s]", "-chardev", first, "-device", second);
}

static int print_arguments(struct cli *cli, const json_t *region)
{
	bool plain = cli_value(cli, "plain");
	json_t *arguments, *one;
	size_t i;

	if (plain && !cli_string(region, "file")[0])
		return cli_wrong(cli,
				 "%s: its memory is in no file that QEMU could open: serve it "
				 "with --file",
				 cli->arguments[1]);
	arguments = make_arguments(region, plain);
	if (cli->json)
		return cli_print_json(arguments);
	json_array_foreach(arguments, i, one) puts(json_string_value(one));
	json_decref(arguments);
	return cli_flush();
}

int cli_ivshmem_qemu_args(struct cli *cli)
{
	json_t *regions = list(cli), *region, *found = NULL;
	size_t i;
	int r;

	if (!regions)
		return CLI_FAILED;
	json_array_foreach(regions, i, region)
	{
		if (strcmp(cli_string(region, "name"), cli->arguments[1]) == 0)
			found = region;
	}
	if (found)
		r = print_arguments(cli, found);
	else
		r = cli_error(cli, "%s: no server has that region: see `facet ivshmem ls`",
			      cli->arguments[1]);
	json_decref(regions);
	return r;
}
