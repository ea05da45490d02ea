/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mdev.h - facet mdev: what the files of its words share. */
#ifndef FACET_CLI_MDEV_H
#define FACET_CLI_MDEV_H

#include "cli/cli.h"
#include "host/mdev.h"

/* Below --root; an exit code after a sentence. */
int cli_mdev_tree(const struct cli *cli, struct facet_tree **ret);

/* The words that look, and those that change. An exit code. */
int cli_mdev_types(struct cli *cli);
int cli_mdev_ls(struct cli *cli);
int cli_mdev_create(struct cli *cli);
int cli_mdev_rm(struct cli *cli);
int cli_mdev_define(struct cli *cli);
int cli_mdev_undefine(struct cli *cli);
int cli_mdev_start(struct cli *cli);
int cli_mdev_stop(struct cli *cli);
int cli_mdev_modify(struct cli *cli);

#endif
