/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ivshmem.h - what the parts of `facet ivshmem` share. */
#ifndef FACET_CLI_IVSHMEM_H
#define FACET_CLI_IVSHMEM_H

#include <limits.h>
#include <systemd/sd-event.h>

#include "cli/cli.h"
#include "ivshmem/ivshmem.h"

enum {
	CLI_IVSHMEM_NAME = 64,
	CLI_IVSHMEM_USERS = 32,
};

/* --- the place where servers are found --- */

struct cli_ivshmem_place {
	char path[80]; /* $XDG_RUNTIME_DIR/facet-ivshmem, or root's /run/facet-ivshmem */
};

int cli_ivshmem_place(struct cli_ivshmem_place *ret, struct facet_error *err);

/*
 * Asks each server that runs: [region, ...], each with its server's "pid". Whose control socket
 * nobody answers any more is removed if @tidy.
 */
json_t *cli_ivshmem_list(const struct cli_ivshmem_place *place, bool tidy);

/* --- what is asked for --- */

struct cli_ivshmem_region {
	char name[CLI_IVSHMEM_NAME + 1];
	char *socket, *file; /* NULL: not given */
	uint64_t size;       /* 0: as the file has */
	uint32_t vectors, max_peers;
	mode_t mode;
	gid_t group;
	unsigned int uid_count, gid_count;
	uid_t uids[CLI_IVSHMEM_USERS];
	gid_t gids[CLI_IVSHMEM_USERS];
};

/* From the options and the arguments behind the first. 0, or CLI_WRONG after saying why. */
int cli_ivshmem_regions(const struct cli *cli, struct cli_ivshmem_region **ret,
			unsigned int *ret_count);
void cli_ivshmem_regions_free(struct cli_ivshmem_region *regions, unsigned int count);

/* --- a server that runs --- */

struct cli_ivshmem_share {
	struct cli_ivshmem_region *asked;
	struct facet_ivshmem_memory memory;
	struct facet_ivshmem_listener listener;
	struct facet_ivshmem_server *server;
};

struct cli_ivshmem {
	const struct cli *cli;
	sd_event *event;
	struct cli_ivshmem_place place;
	struct facet_ivshmem_listener control_listener;
	struct facet_varlink_server *control;
	struct cli_ivshmem_share *shares;
	unsigned int count;
};

/* As `List` of io.facet.ivshmem describes them. */
json_t *cli_ivshmem_describe(const struct cli_ivshmem *all);
int cli_ivshmem_control(struct cli_ivshmem *all, struct facet_error *err);

/* --- the words behind `facet ivshmem` --- */

int cli_ivshmem_serve(struct cli *cli);
int cli_ivshmem_ls(struct cli *cli);
int cli_ivshmem_qemu_args(struct cli *cli);

#endif
