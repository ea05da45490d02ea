// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_control.c - answers io.facet.ivshmem: the regions, and who shares them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/ivshmem.h"
#include "varlink/varlink.h"

#include "io.facet.ivshmem.varlink.h"

static void read_process(pid_t pid, char *ret, size_t size)
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(ret, (int)size, file))
		ret[0] = '\0';
	if (file)
		fclose(file);
	ret[strcspn(ret, "\n")] = '\0';
	/* It chose its name itself. */
	for (; *ret; ret++)
		if (*ret < ' ' || *ret > '~')
			*ret = '?';
}

static void add_peer(void *owner, const struct facet_ivshmem_client *client)
{
	json_t *peers = owner;
	struct timespec now;
	char process[32];

	clock_gettime(CLOCK_MONOTONIC, &now);
	read_process(client->pid, process, sizeof(process));
	json_array_append_new(peers, json_pack("{s:i, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
					       "id", (int)client->id, "pid", (int)client->pid,
					       "process", process, "uid", (json_int_t)client->uid,
					       "gid", (json_int_t)client->gid, "since_ns",
					       (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec -
						       (json_int_t)client->since_ns,
					       "sent", (json_int_t)client->sent, "waiting",
					       (json_int_t)client->waiting, "waiting_max",
					       (json_int_t)client->waiting_max));
}

static json_t *describe(const struct cli_ivshmem_share *share)
{
	struct facet_ivshmem_server_stats stats;
	json_t *peers = json_array();

	facet_ivshmem_server_stats(share->server, &stats);
	facet_ivshmem_server_each(share->server, add_peer, peers);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I}", "name",
			 share->asked->name, "socket", share->listener.path, "file",
			 share->asked->file ? share->asked->file : "", "size_bytes",
			 (json_int_t)share->memory.size, "vectors", (json_int_t)stats.vectors,
			 "max_peers", (json_int_t)stats.max_clients, "peers", peers, "joined",
			 (json_int_t)stats.joined, "left", (json_int_t)stats.left, "refused",
			 (json_int_t)stats.refused, "dropped", (json_int_t)stats.dropped);
}

json_t *cli_ivshmem_describe(const struct cli_ivshmem *all)
{
	json_t *regions = json_array();

	for (unsigned int i = 0; i < all->count; i++)
		json_array_append_new(regions, describe(&all->shares[i]));
	return regions;
}

static void handle_list(struct facet_varlink_call *call, void *owner)
{
	facet_varlink_reply(call, json_pack("{s:i, s:o}", "pid", (int)getpid(), "regions",
					    cli_ivshmem_describe(owner)));
}

int cli_ivshmem_control(struct cli_ivshmem *all, struct facet_error *err)
{
	static const struct facet_varlink_method methods[] = {
		{ "io.facet.ivshmem.List", handle_list },
		{ 0 },
	};
	static const struct facet_varlink_interface interface = {
		.name = "io.facet.ivshmem",
		.description = io_facet_ivshmem_varlink,
		.methods = methods,
	};
	static const struct facet_varlink_interface *const interfaces[] = { &interface, NULL };
	char path[sizeof(all->place.path) + 32];
	int r;

	snprintf(path, sizeof(path), "%s/%d.control", all->place.path, (int)getpid());
	r = facet_ivshmem_listen(path, 0600, (gid_t)-1, &all->control_listener, err);
	if (r)
		return r;
	return facet_varlink_server_create(
		&(struct facet_varlink_server_config){
			.event = all->event,
			.listen_fd = all->control_listener.fd,
			.product = "facet ivshmem",
			.interfaces = interfaces,
			.owner = all,
			.max_connections = 8,
		},
		&all->control, err);
}
