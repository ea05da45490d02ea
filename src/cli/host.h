/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h - what `gpus --host` and `doctor` share: they look at this host themselves. */
#ifndef FACET_CLI_HOST_H
#define FACET_CLI_HOST_H

#include "cli/cli.h"
#include "host/bundle.h"
#include "host/change.h"
#include "host/doctor.h"

/*
 * What is below --root. If it is @recorded all that is read is remembered for a bundle. An exit
 * code, after a sentence if it is not 0.
 */
int cli_scan_host(const struct cli *cli, const struct facet_host_options *options, bool recorded,
		  struct facet_tree **ret_tree, struct facet_host **ret);

/* `facet gpus --host`. */
int cli_run_gpus_host(struct cli *cli);
/* For people that facetd shows software alone: one line that says why. */
void cli_say_why_no_gpu(void);

/*
 * For --root and --dry-run: a change of that host, which tells what it writes in a dry run, and
 * else files below /etc. An exit code, after a sentence if it is not 0. The caller closes both.
 */
int cli_open_change(const struct cli *cli, struct facet_tree **ret_tree, struct facet_change **ret);

/* `facet doctor --probe BDF`. An exit code. */
int cli_run_probe(const struct cli *cli);

/* What may follow a verb as its first argument. */
struct cli_word {
	const char *name, *usage;
	unsigned int min, max; /* arguments, itself included */
	const char *options;   /* each with a space before and behind */
};
/* Is it one of these, with what belongs to it? The last is empty. 0, or CLI_WRONG after saying why.
 */
int cli_check_word(const struct cli *cli, const struct cli_word *words);

/* Each is NULL without memory, which cli_print_json() takes. */
json_t *cli_host_json(const struct facet_host *host);
json_t *cli_diagnosis_json(const struct facet_host *host, const struct facet_diagnosis *diagnosis);

#endif
