/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h - what `gpus --host` and `doctor` share: they look at this host themselves. */
#ifndef FACET_CLI_HOST_H
#define FACET_CLI_HOST_H

#include "cli/cli.h"
#include "host/bundle.h"
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

/* Each is NULL without memory, which cli_print_json() takes. */
json_t *cli_host_json(const struct facet_host *host);
json_t *cli_diagnosis_json(const struct facet_host *host, const struct facet_diagnosis *diagnosis);

#endif
