// SPDX-License-Identifier: GPL-2.0-or-later
/* qmp.c - facet qmp NAME COMMAND [JSON]: asks QEMU. */
#include <stdio.h>

#include "cli/vm.h"
#include "launch/qmp.h"

enum { PATIENCE_MS = 30000 };

static int run(struct cli *cli)
{
	const char *text = cli->count > 2 ? cli->arguments[2] : NULL;
	json_t *arguments = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	json_t *answer = NULL;
	struct facet_qmp *qmp = NULL;
	struct facet_error err;
	int fd, r;

	if (text && !json_is_object(arguments)) {
		json_decref(arguments);
		return cli_wrong(cli,
				 "arguments %s: must be a JSON object such as "
				 "'{\"id\": \"disk0\"}'",
				 text);
	}
	fd = cli_vm_socket(cli, cli->arguments[0], "qmp");
	if (fd < 0) {
		json_decref(arguments);
		return CLI_FAILED;
	}
	r = facet_qmp_create(fd, -1, PATIENCE_MS, &qmp, &err);
	if (r)
		json_decref(arguments);
	else
		r = facet_qmp_call(qmp, cli->arguments[1], arguments, PATIENCE_MS, &answer, &err);
	facet_qmp_destroy(qmp);
	if (r)
		return cli_error(cli, "%s: %s", cli->arguments[0], err.text);
	return cli_print_json(answer);
}

const struct cli_verb cli_qmp = {
	.name = "qmp",
	.arguments = "NAME COMMAND [JSON]",
	.summary = "Have QEMU execute a command of its machine protocol",
	.min = 2,
	.max = 3,
	.alone = true,
	.run = run,
};
