// SPDX-License-Identifier: GPL-2.0-or-later
/* ps.c - facet ps: the virtual machines that run; what dead ones left is swept. */
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/vm.h"

static const struct cli_column columns[] = {
	{ "NAME", false },  { "STATE", false },  { "PID", true },
	{ "VCPUS", true },  { "MEMORY", true },  { "SINCE", true },
	{ "VGPUS", false }, { "REASON", false }, { NULL, false },
};

static void list_vgpus(const struct facet_vm_state *state, char *ret, size_t size)
{
	int used = 0;

	ret[0] = '\0';
	for (unsigned int i = 0; i < state->vgpu_count && used >= 0 && (size_t)used < size; i++)
		used += snprintf(ret + used, size - (size_t)used, "%s%s", i ? "," : "",
				 state->vgpus[i].name);
}

static void add_row(struct libscols_table *table, const char *name,
		    const struct facet_vm_state *state)
{
	char pid[16] = "-", vcpus[16], memory[32], since[32], vgpus[200];

	if (state->qemu)
		snprintf(pid, sizeof(pid), "%d", (int)state->qemu);
	snprintf(vcpus, sizeof(vcpus), "%u", state->vcpus);
	cli_format_bytes(memory, sizeof(memory), state->memory);
	snprintf(since, sizeof(since), "%lld s", (long long)time(NULL) - (long long)state->since);
	list_vgpus(state, vgpus, sizeof(vgpus));
	cli_row(table, (const char *[]){ name, facet_vm_phases[state->phase], pid, vcpus, memory,
					 since, vgpus, state->reason });
}

static json_t *to_json(const char *name, const struct facet_vm_state *state)
{
	json_t *vgpus = json_array();

	for (unsigned int i = 0; i < state->vgpu_count; i++)
		json_array_append_new(vgpus, json_string(state->vgpus[i].name));
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:o}", "name", name,
			 "state", facet_vm_phases[state->phase], "reason", state->reason, "file",
			 state->file, "pid", (int)state->qemu, "supervisor", (int)state->supervisor,
			 "vcpus", (int)state->vcpus, "memory", (json_int_t)state->memory, "since",
			 (json_int_t)state->since, "vgpus", vgpus);
}

static int run(struct cli *cli)
{
	facet_autofree struct facet_vm_state *state = calloc(1, sizeof(*state));
	struct libscols_table *table = cli->json ? NULL : cli_table(columns);
	json_t *list = json_array();
	struct facet_error err;
	char path[PATH_MAX], **names;
	bool any = false;

	if (facet_launch_sweep(&err))
		cli_error(cli, "note: %s", err.text);
	names = facet_vmdir_list();
	for (char **name = names; state && name && *name; name++) {
		if (facet_vmdir_path(*name, path, &err) == 0 &&
		    facet_vmdir_read(path, state, &err) == 0) {
			any = true;
			if (table)
				add_row(table, *name, state);
			else
				json_array_append_new(list, to_json(*name, state));
		}
		free(*name);
	}
	free(names);
	if (cli->json)
		return cli_print_json(list);
	json_decref(list);
	if (!any) {
		puts("no virtual machines: `facet run FILE` starts one");
		scols_unref_table(table);
		return cli_flush();
	}
	return cli_print_table(table);
}

const struct cli_verb cli_ps = {
	.name = "ps",
	.arguments = "",
	.summary = "List virtual machines that `facet run` started",
	.alone = true,
	.run = run,
};
