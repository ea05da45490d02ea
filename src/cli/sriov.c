// SPDX-License-Identifier: GPL-2.0-or-later
/* sriov.c - facet sriov set|show: how many virtual functions, and what each gets. */
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "cli/host.h"
#include "host/bind.h"
#include "host/sriov.h"

/* --- show --- */

static const struct facet_host_profile *find_profile(const struct facet_host_gpu *gpu,
						     unsigned int vf)
{
	for (unsigned int i = 0; i < gpu->profile_count; i++)
		if (gpu->profiles[i].vf == vf)
			return &gpu->profiles[i];
	return NULL;
}

/* "" for what is not told. */
static void format_number(char *ret, size_t size, int64_t number)
{
	snprintf(ret, size, number < 0 ? "" : "%lld", (long long)number);
}

static void add_vf(struct libscols_table *table, const struct facet_host_gpu *gpu,
		   const struct facet_host_vf *vf)
{
	const struct facet_host_profile *p = find_profile(gpu, vf->index + 1);
	char name[40], group[16], quantum[24] = "", timeout[24] = "", vram[16] = "";

	snprintf(name, sizeof(name), "%s/virtfn%u", gpu->function.bdf, vf->index);
	format_number(group, sizeof(group), vf->group);
	if (p) {
		format_number(quantum, sizeof(quantum), p->exec_quantum_ms);
		format_number(timeout, sizeof(timeout), p->preempt_timeout_us);
		if (p->vram_quota >= 0)
			cli_format_bytes(vram, sizeof(vram), (uint64_t)p->vram_quota);
	}
	cli_row(table, (const char *const[]){ name, vf->bdf, *vf->driver ? vf->driver : "-", group,
					      quantum, timeout, p ? p->priority : "", vram });
}

static void show(const struct facet_host_gpu *gpu)
{
	static const struct cli_column columns[] = {
		{ "VF" },          { "DEVICE" },           { "DRIVER" },
		{ "GROUP", true }, { "QUANTUM ms", true }, { "TIMEOUT us", true },
		{ "PRIORITY" },    { "VRAM", true },       { NULL },
	};
	struct libscols_table *table;

	printf("%s %s: %lld of %lld VFs, driver %s%s\n", gpu->function.bdf, gpu->name,
	       (long long)gpu->vfs_enabled, (long long)gpu->vfs_total,
	       *gpu->function.driver ? gpu->function.driver : "none",
	       gpu->vfs_autoprobe == 0 ? ", new ones stay without a driver" : "");
	if (!gpu->vf_count)
		return;
	table = cli_table(columns);
	for (unsigned int i = 0; i < gpu->vf_count; i++)
		add_vf(table, gpu, &gpu->vfs[i]);
	cli_print_table(table);
}

static json_t *vf_json(const struct facet_host_gpu *gpu, const struct facet_host_vf *vf)
{
	const struct facet_host_profile *p = find_profile(gpu, vf->index + 1);
	json_t *object = json_pack("{si ss ss si}", "index", (int)vf->index, "device", vf->bdf,
				   "driver", vf->driver, "group", vf->group);

	if (p)
		json_object_set_new(object, "profile",
				    json_pack("{sI sI sI ss}", "exec_quantum_ms",
					      (json_int_t)p->exec_quantum_ms, "preempt_timeout_us",
					      (json_int_t)p->preempt_timeout_us, "vram_quota",
					      (json_int_t)p->vram_quota, "sched_priority",
					      p->priority));
	return object;
}

static json_t *pf_json(const struct facet_host_gpu *gpu)
{
	json_t *vfs = json_array();

	for (unsigned int i = 0; i < gpu->vf_count; i++)
		json_array_append_new(vfs, vf_json(gpu, &gpu->vfs[i]));
	return json_pack("{ss ss ss sI sI sI so}", "device", gpu->function.bdf, "name", gpu->name,
			 "driver", gpu->function.driver, "total", (json_int_t)gpu->vfs_total,
			 "enabled", (json_int_t)gpu->vfs_enabled, "autoprobe",
			 (json_int_t)gpu->vfs_autoprobe, "vfs", vfs);
}

static int show_host(const struct cli *cli, const struct facet_host *host, const char *bdf)
{
	json_t *rows = cli->json ? json_array() : NULL;
	unsigned int count = 0;

	for (unsigned int i = 0; i < host->count; i++) {
		const struct facet_host_gpu *gpu = &host->gpus[i];

		if (gpu->vfs_total < 0 || (bdf && strcmp(gpu->function.bdf, bdf) != 0))
			continue;
		count++;
		if (cli->json)
			json_array_append_new(rows, pf_json(gpu));
		else
			show(gpu);
	}
	if (cli->json && (count || !bdf))
		return cli_print_json(rows);
	json_decref(rows);
	if (!count && bdf)
		return cli_error(cli, "device %s: has no virtual functions (SR-IOV)", bdf);
	if (!count)
		puts("no device here has virtual functions (SR-IOV)");
	return cli_flush();
}

static int run_show(const struct cli *cli)
{
	const char *bdf = cli->count > 1 ? cli->arguments[1] : NULL;
	const struct facet_host_options options = { .all = true, .also = bdf };
	struct facet_tree *tree;
	struct facet_host *host;
	int r = cli_scan_host(cli, &options, false, &tree, &host);

	if (r)
		return r;
	r = show_host(cli, host, bdf);
	facet_host_destroy(host);
	facet_tree_close(tree);
	return r;
}

/* --- set --- */

/* Texts of the options as the driver takes them. */
struct texts {
	char quantum[16], timeout[16], vram[24];
};

static int read_profile(const struct cli *cli, struct texts *texts, struct facet_sriov_profile *ret)
{
	const char *priority = cli_value(cli, "priority");
	uint32_t quantum = UINT32_MAX, timeout = UINT32_MAX;
	uint64_t vram = UINT64_MAX;

	if (cli_number(cli, "exec-quantum", 0, UINT32_MAX - 1, &quantum) ||
	    cli_number(cli, "preempt-timeout", 0, UINT32_MAX - 1, &timeout) ||
	    (cli_value(cli, "vram") && cli_bytes(cli, "vram", &vram)))
		return CLI_WRONG;
	if (priority && strcmp(priority, "low") != 0 && strcmp(priority, "normal") != 0 &&
	    strcmp(priority, "high") != 0)
		return cli_wrong(cli, "--priority %s: must be low, normal or high", priority);
	snprintf(texts->quantum, sizeof(texts->quantum), "%u", quantum);
	snprintf(texts->timeout, sizeof(texts->timeout), "%u", timeout);
	snprintf(texts->vram, sizeof(texts->vram), "%llu", (unsigned long long)vram);
	ret->exec_quantum_ms = quantum == UINT32_MAX ? NULL : texts->quantum;
	ret->preempt_timeout_us = timeout == UINT32_MAX ? NULL : texts->timeout;
	ret->vram_quota = vram == UINT64_MAX ? NULL : texts->vram;
	ret->sched_priority = priority;
	return 0;
}

/* VFs by their place at the PF: a path comes again, and may be another's then. */
static int bind_vfs(const struct cli *cli, struct facet_change *change, const char *pf,
		    unsigned int count, struct facet_error *err)
{
	const struct facet_bind_options options = { .forced = cli_value(cli, "force") != NULL };
	char name[40], bdf[FACET_HOST_BDF];
	int r = 0;

	/* What is not there cannot be told about. */
	for (unsigned int i = 0; r == 0 && !facet_change_is_dry(change) && i < count; i++) {
		snprintf(name, sizeof(name), "%s/virtfn%u", pf, i);
		r = facet_bind_find(facet_change_tree(change), name, bdf, err);
		if (r == 0)
			r = facet_bind(change, bdf, &options, err);
	}
	return r;
}

static int run_set(struct cli *cli)
{
	struct facet_sriov_options options = {
		.keep_free = !cli_value(cli, "host-drivers"),
		.forced = cli_value(cli, "force") != NULL,
	};
	const char *pf = cli->arguments[1];
	char bdf[FACET_HOST_BDF];
	struct texts texts;
	struct facet_change *change;
	struct facet_tree *tree;
	struct facet_error err;
	uint32_t count = 0;
	bool dry;
	int r;

	if (!cli_value(cli, "vfs"))
		return cli_wrong(cli, "--vfs N: is missing: how many; 0: none");
	if (cli_number(cli, "vfs", 0, 65535, &count) || read_profile(cli, &texts, &options.profile))
		return CLI_WRONG;
	if (cli_value(cli, "bind") && !options.keep_free)
		return cli_wrong(cli, "--bind: is no company for --host-drivers");
	r = cli_open_change(cli, &tree, &change);
	if (r)
		return r;
	r = facet_bind_find(tree, pf, bdf, &err);
	if (r == 0)
		r = facet_sriov_set(change, bdf, count, &options, &err);
	if (r == 0 && cli_value(cli, "bind"))
		r = bind_vfs(cli, change, bdf, count, &err);
	dry = facet_change_is_dry(change);
	facet_change_close(change);
	facet_tree_close(tree);
	if (r < 0)
		return cli_error(cli, "%s", err.text);
	return dry ? cli_flush() : run_show(cli);
}

static int run(struct cli *cli)
{
	static const struct cli_word words[] = {
		{ "set", "set GPU --vfs N [OPTION]...", 2, 2,
		  " vfs exec-quantum preempt-timeout vram priority host-drivers bind force "
		  "dry-run root " },
		{ "show", "show [GPU]", 1, 2, " root " },
		{ 0 },
	};

	if (cli_check_word(cli, words))
		return CLI_WRONG;
	return strcmp(cli->arguments[0], "set") == 0 ? run_set(cli) : run_show(cli);
}

const struct cli_verb cli_sriov = {
	.name = "sriov",
	.arguments = "set|show [GPU] ...",
	.summary = "Split PCI devices into virtual functions",
	.min = 1,
	.max = 2,
	.alone = true,
	.options = { { "vfs", "N", "set: how many; 0: none" },
		     { "exec-quantum", "MS", "set: each runs so long at a time; 0: no limit (xe)" },
		     { "preempt-timeout", "US", "set: and yields within; 0: no limit (xe)" },
		     { "vram", "SIZE", "set: of each, such as 2G (xe)" },
		     { "priority", "WHICH", "set: low, normal or high (xe)" },
		     { "host-drivers", NULL, "set: drivers of this host may take them" },
		     { "bind", NULL, "set: give each to VFIO" },
		     { "force", NULL, "set: also if VFs that go are in use" },
		     { "dry-run", NULL, "set: print what would be written, and do nothing" },
		     { "root", "DIR", "a tree of files in place of this host" } },
	.run = run,
};
