// SPDX-License-Identifier: GPL-2.0-or-later
/* gpus_host.c - facet gpus --host: the devices, how each can be given away, and its parts. */
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/host.h"

enum { NAME, DRIVER, GROUP, NODE, USED, FREE, OWNER, WHAT, COLUMNS };

int cli_scan_host(const struct cli *cli, const struct facet_host_options *options, bool recorded,
		  struct facet_tree **ret_tree, struct facet_host **ret)
{
	const char *root = cli_value(cli, "root");
	struct facet_error err;

	if (facet_tree_open(root ? root : "/", ret_tree, &err) < 0)
		return cli_wrong(cli, "%s", err.text);
	if (recorded)
		facet_tree_record(*ret_tree);
	if (facet_host_scan(*ret_tree, options, ret, &err) < 0) {
		facet_tree_close(*ret_tree);
		return cli_error(cli, "%s", err.text);
	}
	return 0;
}

int cli_host_look(const struct cli *cli, struct cli_host *ret)
{
	struct facet_host_options options = { .all = cli_value(cli, "all") != NULL };
	const char *root = cli_value(cli, "root");
	struct facet_parts *parts = NULL;
	struct facet_error err;
	int r;

	*ret = (struct cli_host){ 0 };
	r = cli_scan_host(cli, &options, false, &ret->tree, &ret->host);
	if (r) {
		*ret = (struct cli_host){ 0 };
		return r;
	}
	if (facet_parts_open(root ? root : "/", &parts, &err) ||
	    facet_parts_list(parts, &ret->parts, &ret->part_count, &err))
		cli_error(cli, "owners are not known: %s", err.text);
	facet_parts_close(parts);
	return 0;
}

void cli_host_fini(struct cli_host *host)
{
	facet_host_destroy(host->host);
	facet_tree_close(host->tree);
	free(host->parts);
	*host = (struct cli_host){ 0 };
}

const struct facet_part *cli_host_owner(const struct cli_host *host, const char *gpu, int vf)
{
	for (unsigned int i = 0; i < host->part_count; i++) {
		const struct facet_part *part = &host->parts[i];

		if (part->vf == vf && !part->uuid[0] && strcmp(part->gpu, gpu) == 0)
			return part;
	}
	return NULL;
}

/* --- the tree --- */

static struct libscols_table *new_table(void)
{
	static const char *const headings[COLUMNS] = { "NAME", "DRIVER", "GROUP", "NODE",
						       "USED", "FREE",   "OWNER", "WHAT" };
	struct libscols_table *table = scols_new_table();

	if (!table) {
		fputs("facet: out of memory\n", stderr);
		exit(CLI_FAILED);
	}
	for (int i = 0; i < COLUMNS; i++)
		scols_table_new_column(table, headings[i], 0,
				       i == NAME                 ? SCOLS_FL_TREE
				       : i >= GROUP && i <= FREE ? SCOLS_FL_RIGHT
								 : 0);
	scols_table_enable_ascii(table, !isatty(STDOUT_FILENO));
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	return table;
}

__attribute__((format(printf, 3, 4))) static void set(struct libscols_line *line, int column,
						      const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (line)
		scols_line_set_data(line, (size_t)column, text);
}

/* Lines of one table, each below another. */
static struct libscols_line *add(struct libscols_table *table, struct libscols_line *parent,
				 const char *name)
{
	struct libscols_line *line = scols_table_new_line(table, parent);

	set(line, NAME, "%s", name);
	return line;
}

/* Of the mediated devices of a type those that were given by us; of others the count tells. */
static void add_instances(struct libscols_table *table, struct libscols_line *parent,
			  const struct cli_host *host, const char *gpu, const char *type)
{
	for (unsigned int i = 0; i < host->part_count; i++) {
		const struct facet_part *part = &host->parts[i];

		if (part->uuid[0] && strcmp(part->gpu, gpu) == 0 && strcmp(part->type, type) == 0)
			set(add(table, parent, part->uuid), OWNER, "%s", part->owner);
	}
}

static void add_types(struct libscols_table *table, struct libscols_line *parent,
		      const struct cli_host *host, const char *gpu,
		      const struct facet_host_type *types, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct facet_host_type *t = &types[i];
		struct libscols_line *line = add(table, parent, t->id);

		if (t->available >= 0) {
			set(line, USED, "%u", t->used);
			set(line, FREE, "%lld", (long long)t->available);
		}
		if (t->gvtg.known)
			set(line, WHAT, "%u+%u MiB, %u fences, up to %ux%u, weight %u",
			    t->gvtg.low_mib, t->gvtg.high_mib, t->gvtg.fences, t->gvtg.width,
			    t->gvtg.height, t->gvtg.weight);
		else
			set(line, WHAT, "%s%s%.*s", t->name,
			    *t->name && *t->description ? ": " : "",
			    (int)strcspn(t->description, "\n"), t->description);
		add_instances(table, line, host, gpu, t->id);
	}
}

static void add_profile(struct libscols_line *line, const struct facet_host_gpu *gpu,
			unsigned int vf)
{
	char quota[16];

	for (unsigned int i = 0; i < gpu->profile_count; i++) {
		const struct facet_host_profile *p = &gpu->profiles[i];

		if (p->vf != vf)
			continue;
		cli_format_bytes(quota, sizeof(quota), p->vram_quota > 0 ? p->vram_quota : 0);
		set(line, WHAT, "quantum %lld ms, preempted after %lld us, VRAM %s",
		    (long long)p->exec_quantum_ms, (long long)p->preempt_timeout_us, quota);
	}
}

static void add_vf(struct libscols_table *table, struct libscols_line *parent,
		   const struct cli_host *host, const struct facet_host_gpu *gpu,
		   const struct facet_host_vf *vf)
{
	const struct facet_part *owner = cli_host_owner(host, gpu->function.bdf, (int)vf->index);
	char name[64];
	struct libscols_line *line;

	snprintf(name, sizeof(name), "VF %u %s", vf->index, vf->bdf);
	line = add(table, parent, name);
	set(line, DRIVER, "%s", *vf->driver ? vf->driver : "-");
	if (vf->group >= 0)
		set(line, GROUP, "%d", vf->group);
	if (owner)
		set(line, OWNER, "%s", owner->owner);
	add_profile(line, gpu, vf->index + 1);
	if (vf->type > 0)
		set(line, WHAT, "type %lld", (long long)vf->type);
	else if (vf->vendor)
		set(line, WHAT, "no type");
}

/* VFs that were given, or that the host itself or a type has; of others nobody tells. */
static unsigned int count_used(const struct cli_host *host, const struct facet_host_gpu *gpu)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < gpu->vf_count; i++) {
		const struct facet_host_vf *vf = &gpu->vfs[i];

		used += cli_host_owner(host, gpu->function.bdf, (int)vf->index) ||
			(vf->vendor ? vf->type > 0 : facet_host_driver_blocks(vf->driver));
	}
	return used;
}

static void add_vfs(struct libscols_table *table, struct libscols_line *parent,
		    const struct cli_host *host, const struct facet_host_gpu *gpu)
{
	bool vendor = gpu->vf_count && gpu->vfs[0].vendor;
	struct libscols_line *line;
	unsigned int used = count_used(host, gpu);

	if (gpu->vfs_total <= 0)
		return;
	line = add(table, parent, facet_mechanism_name(vendor ? FACET_VENDOR_VF : FACET_SRIOV));
	set(line, USED, "%u", used);
	set(line, FREE, "%u", gpu->vf_count - used);
	set(line, WHAT, "%lld VFs of %lld are enabled", (long long)gpu->vfs_enabled,
	    (long long)gpu->vfs_total);
	for (unsigned int i = 0; i < gpu->vf_count; i++)
		add_vf(table, line, host, gpu, &gpu->vfs[i]);
	add_types(table, line, host, gpu->function.bdf, gpu->vf_types, gpu->vf_type_count);
}

static void set_group(struct libscols_line *line, const struct facet_host_gpu *gpu)
{
	unsigned int others = 0, blockers = 0;

	for (unsigned int i = 0; i < gpu->group.count; i++) {
		const struct facet_host_function *member = &gpu->group.members[i];

		if (strcmp(member->bdf, gpu->function.bdf) == 0)
			continue;
		others++;
		blockers += facet_host_driver_blocks(member->driver);
	}
	if (!others)
		set(line, WHAT, "alone in its group");
	else
		set(line, WHAT, "with %u more in its group, of which the host uses %u", others,
		    blockers);
}

/* Not what it might be after some step: that is the doctor's. */
static void add_mechanisms(struct libscols_table *table, struct libscols_line *parent,
			   const struct cli_host *host, const struct facet_host_gpu *gpu)
{
	const struct facet_part *owner = cli_host_owner(host, gpu->function.bdf, -1);
	struct libscols_line *line;
	bool gvtg = gpu->type_count && strstr(gpu->types[0].id, "GVTg");

	if (*gpu->render)
		set(add(table, parent, facet_mechanism_name(FACET_VIRGL)), WHAT, "/dev/dri/%s",
		    gpu->render);
	if (gpu->group.id >= 0) {
		bool free = !owner && facet_host_driver_is_vfio(gpu->function.driver);

		line = add(table, parent, facet_mechanism_name(FACET_VFIO));
		set(line, USED, "%d", !free);
		set(line, FREE, "%d", free);
		if (owner)
			set(line, OWNER, "%s", owner->owner);
		set_group(line, gpu);
	}
	add_vfs(table, parent, host, gpu);
	if (gpu->type_count)
		add_types(table,
			  add(table, parent, facet_mechanism_name(gvtg ? FACET_GVTG : FACET_MDEV)),
			  host, gpu->function.bdf, gpu->types, gpu->type_count);
}

static void add_gpu(struct libscols_table *table, const struct cli_host *host,
		    const struct facet_host_gpu *gpu)
{
	struct libscols_line *line = add(table, NULL, gpu->function.bdf);

	set(line, DRIVER, "%s", *gpu->function.driver ? gpu->function.driver : "-");
	if (gpu->group.id >= 0)
		set(line, GROUP, "%d", gpu->group.id);
	if (gpu->numa_node >= 0)
		set(line, NODE, "%d", gpu->numa_node);
	set(line, WHAT, "%s%s", gpu->name, gpu->boot_vga ? " (console)" : "");
	add_mechanisms(table, line, host, gpu);
}

static void say_none(const struct facet_host *host)
{
	if (host->functions)
		fprintf(stderr, "facet: none of %u PCI devices here is a GPU\n", host->functions);
	else
		fputs("facet: there is no PCI device here, and so no GPU of hardware\n", stderr);
}

char *cli_host_text(const struct cli_host *all)
{
	const struct facet_host *host = all->host;
	struct libscols_table *table;
	char *text = NULL, *lines = NULL;

	if (!host->count && !host->parent_count) {
		say_none(host);
		return strdup("");
	}
	table = new_table();
	for (unsigned int i = 0; i < host->count; i++)
		add_gpu(table, all, &host->gpus[i]);
	for (unsigned int i = 0; i < host->parent_count; i++)
		add_types(table, add(table, NULL, host->parents[i].name), all,
			  host->parents[i].name, host->parents[i].types,
			  host->parents[i].type_count);
	if (scols_print_table_to_string(table, &text) == 0 && asprintf(&lines, "%s\n", text) < 0)
		lines = NULL;
	free(text);
	scols_unref_table(table);
	return lines;
}

static int print_tree(struct cli *cli, const struct cli_host *host)
{
	char *text = cli_host_text(host);

	if (!text)
		return cli_error(cli, "out of memory");
	fputs(text, stdout);
	free(text);
	return cli_flush();
}

int cli_run_gpus_host(struct cli *cli)
{
	struct cli_host host;
	int r;

	if (cli_value(cli, "watch"))
		return cli_watch_host(cli);
	r = cli_host_look(cli, &host);
	if (r == 0)
		r = cli->json ? cli_print_json(cli_host_json(&host)) : print_tree(cli, &host);
	cli_host_fini(&host);
	return r;
}

void cli_say_why_no_gpu(void)
{
	struct facet_tree *tree;
	struct facet_host *host;
	const struct facet_host_gpu *gpu;

	if (facet_tree_open("/", &tree, NULL) < 0)
		return;
	if (facet_host_scan(tree, &(struct facet_host_options){ 0 }, &host, NULL) == 0) {
		gpu = host->gpus;
		if (!host->count)
			say_none(host);
		else
			fprintf(stderr, "facet: %s %s%s: `facet doctor` says more\n", gpu->name,
				*gpu->render ? "is not offered by this facetd"
					     : "has no render node, driver ",
				*gpu->render            ? ""
				: *gpu->function.driver ? gpu->function.driver
							: "none");
		facet_host_destroy(host);
	}
	facet_tree_close(tree);
}
