// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_serve.c - facet ivshmem serve: one or several regions, until SIGTERM. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/ivshmem.h"
#include "varlink/varlink.h"

#define LOG_AREA "ivshmem"

/* --- a region --- */

static int on_server(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	facet_ivshmem_server_dispatch(userdata);
	return 0;
}

/* A file's path is told to others, who may be elsewhere. */
static int make_absolute(struct cli_ivshmem_region *region, struct facet_error *err)
{
	char *path = region->file ? realpath(region->file, NULL) : NULL;

	if (region->file && !path)
		return facet_error_set(err, -errno, "%s: %s", region->file, strerror(errno));
	if (path) {
		free(region->file);
		region->file = path;
	}
	return 0;
}

static int make_absolute_socket(const struct cli_ivshmem *all, struct cli_ivshmem_region *region,
				struct facet_error *err)
{
	char here[PATH_MAX] = "", *path;
	int r;

	if (region->socket && region->socket[0] == '/')
		return 0;
	if (region->socket && !getcwd(here, sizeof(here)))
		return facet_error_set(err, -errno, "the working directory: %s", strerror(errno));
	r = region->socket ? asprintf(&path, "%s/%s", here, region->socket)
			   : asprintf(&path, "%s/%s.sock", all->place.path, region->name);
	if (r < 0)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", region->name);
	free(region->socket);
	region->socket = path;
	return 0;
}

static int open_share(struct cli_ivshmem *all, struct cli_ivshmem_share *share,
		      struct facet_error *err)
{
	struct cli_ivshmem_region *asked = share->asked;
	const struct facet_ivshmem_memory_config memory = { asked->file, asked->size, asked->mode,
							    asked->group };
	int r = make_absolute_socket(all, asked, err);

	/* First the socket: who runs there already keeps the file, too. */
	if (!r)
		r = facet_ivshmem_listen(asked->socket, asked->mode, asked->group, &share->listener,
					 err);
	if (!r)
		r = facet_ivshmem_memory_open(&memory, &share->memory, err);
	if (!r)
		r = make_absolute(asked, err);
	if (!r)
		r = facet_ivshmem_server_create(
			&(struct facet_ivshmem_server_config){
				.name = asked->name,
				.listen_fd = share->listener.fd,
				.memory_fd = share->memory.fd,
				.vectors = asked->vectors,
				.max_clients = asked->max_peers,
				.uids = asked->uids,
				.gids = asked->gids,
				.uid_count = asked->uid_count,
				.gid_count = asked->gid_count,
			},
			&share->server, err);
	if (!r && sd_event_add_io(all->event, NULL, facet_ivshmem_server_fd(share->server), EPOLLIN,
				  on_server, share->server) < 0)
		r = facet_error_set(err, -ENOMEM, "%s: cannot be watched", asked->name);
	return r;
}

static void close_share(struct cli_ivshmem_share *share)
{
	facet_ivshmem_unlisten(&share->listener);
	facet_ivshmem_server_destroy(share->server);
	if (share->memory.fd >= 0)
		close(share->memory.fd);
	if (share->memory.created)
		unlink(share->asked->file);
}

/* --- the program --- */

/* Two of one name could not be told apart by `qemu-args`. */
static int check_names(const struct cli_ivshmem *all, struct facet_error *err)
{
	json_t *regions = cli_ivshmem_list(&all->place, true), *region;
	size_t i;
	int r = 0;

	json_array_foreach(regions, i, region)
	{
		for (unsigned int n = 0; !r && n < all->count; n++)
			if (strcmp(cli_string(region, "name"), all->shares[n].asked->name) == 0)
				r = facet_error_set(err, -EEXIST,
						    "%s: process %d serves a region of that name: "
						    "end it, or give another --name",
						    all->shares[n].asked->name,
						    (int)cli_integer(region, "pid"));
	}
	json_decref(regions);
	return r;
}

/* Each peer takes one, and one for each vector. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int set_up(struct cli_ivshmem *all, struct facet_error *err)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	r = sd_event_new(&all->event);
	if (r >= 0)
		r = sd_event_add_signal(all->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(all->event, NULL, SIGINT, NULL, NULL);
	if (r < 0)
		return facet_error_set(err, r, "event loop: %s", strerror(-r));
	r = cli_ivshmem_place(&all->place, err);
	if (r)
		return r;
	if (mkdir(all->place.path, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST)
		return facet_error_set(err, -errno, "%s: cannot be made: %s", all->place.path,
				       strerror(errno));
	return check_names(all, err);
}

static int say_ready(const struct cli_ivshmem *all)
{
	for (unsigned int i = 0; i < all->count; i++) {
		const struct cli_ivshmem_share *share = &all->shares[i];
		char size[16];

		cli_format_bytes(size, sizeof(size), share->memory.size);
		log_info("%s: %s, %u vectors, at %s: `facet ivshmem qemu-args %s` tells how to "
			 "attach it",
			 share->asked->name, size, share->asked->vectors, share->listener.path,
			 share->asked->name);
	}
	sd_notify(0, "READY=1");
	return all->cli->json ? cli_print_json(cli_ivshmem_describe(all)) : 0;
}

static int serve(struct cli_ivshmem *all, struct facet_error *err)
{
	int r = set_up(all, err);

	for (unsigned int i = 0; !r && i < all->count; i++)
		r = open_share(all, &all->shares[i], err);
	if (!r)
		r = cli_ivshmem_control(all, err);
	if (r)
		return r;
	if (say_ready(all))
		return facet_error_set(err, -EIO, "standard output: cannot be written");
	r = sd_event_loop(all->event);
	sd_notify(0, "STOPPING=1");
	return r < 0 ? facet_error_set(err, r, "event loop: %s", strerror(-r)) : 0;
}

static void tidy_up(struct cli_ivshmem *all)
{
	facet_varlink_server_destroy(all->control);
	facet_ivshmem_unlisten(&all->control_listener);
	for (unsigned int i = 0; i < all->count; i++)
		close_share(&all->shares[i]);
	sd_event_unref(all->event);
	/* Not if others have theirs there. */
	rmdir(all->place.path);
}

int cli_ivshmem_serve(struct cli *cli)
{
	struct cli_ivshmem all = { .cli = cli, .control_listener.fd = -1 };
	struct cli_ivshmem_region *regions;
	struct facet_error err;
	int r = cli_ivshmem_regions(cli, &regions, &all.count);

	if (r)
		return r;
	all.shares = calloc(all.count, sizeof(*all.shares));
	if (!all.shares) {
		cli_ivshmem_regions_free(regions, all.count);
		return cli_error(cli, "out of memory");
	}
	for (unsigned int i = 0; i < all.count; i++)
		all.shares[i] = (struct cli_ivshmem_share){
			.asked = &regions[i],
			.memory.fd = -1,
			.listener.fd = -1,
		};
	r = serve(&all, &err);
	tidy_up(&all);
	free(all.shares);
	cli_ivshmem_regions_free(regions, all.count);
	if (!r)
		return 0;
	cli_error(cli, "%s", err.text);
	return r == -EINVAL ? CLI_WRONG : CLI_FAILED;
}
