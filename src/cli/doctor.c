// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor.c - facet doctor: what works on this host, what would, what cannot, and why. */
#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "cli/host.h"

enum {
	DOCTOR_FIX = 3, /* exit codes beside the usual ones */
	DOCTOR_CANNOT = 4,
};

static int exit_code(enum facet_outcome worst)
{
	return worst == FACET_CANNOT ? DOCTOR_CANNOT : worst == FACET_FIX ? DOCTOR_FIX : 0;
}

/* --- for people --- */

static const char *in_words(enum facet_outcome outcome)
{
	static const char *const words[] = {
		"works",  "works", "cannot", "would work after a step", "would work after a fix",
		"cannot",
	};

	return words[outcome];
}

static void print_verdicts(const struct facet_host *host, const struct facet_diagnosis *diagnosis)
{
	static const struct cli_column columns[] = {
		{ "MECHANISM" }, { "VERDICT" }, { "RULE" }, { "BECAUSE" }, { NULL },
	};

	for (unsigned int i = 0; i < host->count; i++) {
		struct libscols_table *table = cli_table(columns);

		printf("%s %s\n", host->gpus[i].function.bdf, host->gpus[i].name);
		for (unsigned int m = 0; m < FACET_MECHANISM_COUNT; m++) {
			const struct facet_verdict *v = &diagnosis->verdicts[i][m];

			cli_row(table, (const char *const[]){
					       facet_mechanism_name(m), in_words(v->outcome),
					       v->because ? v->because->rule : "",
					       v->because ? v->because->verdict : "" });
		}
		cli_print_table(table);
		puts("");
	}
}

/* Every line names the subject, so that each stands alone for grep. */
static void print_finding(const struct facet_finding *f)
{
	printf("%-6s  %s  %s: %s\n", facet_outcome_name(f->outcome), f->rule, f->subject,
	       f->verdict);
	if (*f->file)
		printf("        read   %s: %s\n", f->file, f->found);
	if (*f->fix)
		printf("        do     %s\n", f->fix);
	printf("        relies on %s (%s, %s)\n", f->abi->interface,
	       facet_abi_label_name(f->abi->label), f->abi->since);
}

static int print_diagnosis(const struct facet_host *host, const struct facet_diagnosis *diagnosis,
			   bool all)
{
	unsigned int counts[FACET_CANNOT + 1] = { 0 };

	print_verdicts(host, diagnosis);
	if (!host->count)
		printf("none of %u PCI devices here is a GPU: rules about giving one away do not "
		       "matter\n\n",
		       host->functions);
	for (unsigned int i = 0; i < diagnosis->count; i++) {
		const struct facet_finding *f = &diagnosis->findings[i];

		counts[f->outcome]++;
		if (all || (f->matters && f->outcome != FACET_FINE && f->outcome != FACET_ABSENT))
			print_finding(f);
	}
	printf("%u ok, %u notes, %u absent, %u steps, %u fixes, %u cannot%s\n", counts[FACET_FINE],
	       counts[FACET_NOTE], counts[FACET_ABSENT], counts[FACET_STEP], counts[FACET_FIX],
	       counts[FACET_CANNOT], all ? "" : "; --all shows each");
	return cli_flush();
}

/* --- documents that come from the doctor's own tables --- */

static int print_abi(const struct cli *cli)
{
	json_t *rows = json_array();

	if (!cli->json)
		puts("| interface | label | since | document |\n|---|---|---|---|");
	for (unsigned int i = 0; i < FACET_ABI_COUNT; i++) {
		const struct facet_abi *abi = &facet_abi_table[i];
		const char *label = facet_abi_label_name(abi->label);

		if (cli->json)
			json_array_append_new(rows,
					      json_pack("{s:s, s:s, s:s, s:s}", "interface",
							abi->interface, "label", label, "since",
							abi->since, "document", abi->document));
		else
			printf("| `%s` | %s | %s | %s |\n", abi->interface, label, abi->since,
			       abi->document);
	}
	if (cli->json)
		return cli_print_json(rows);
	json_decref(rows);
	return cli_flush();
}

static int print_rules(const struct cli *cli)
{
	const char *name, *about;
	json_t *rows = json_array();

	for (unsigned int i = 0; facet_doctor_rule(i, &name, &about); i++) {
		if (cli->json)
			json_array_append_new(
				rows, json_pack("{s:s, s:s}", "rule", name, "about", about));
		else
			printf("| `%s` | %s |\n", name, about);
	}
	if (cli->json)
		return cli_print_json(rows);
	json_decref(rows);
	return cli_flush();
}

/* --- a bundle --- */

static int write_bundle(const struct cli *cli, struct facet_tree *tree)
{
	const char *path = cli_value(cli, "bundle");
	FILE *out = fopen(path, "we");
	struct facet_error err;
	int count;

	if (!out)
		return cli_error(cli, "%s: %s", path, strerror(errno));
	count = facet_bundle_write(tree, out, &err);
	if (fclose(out) != 0 && count >= 0)
		count = facet_error_set(&err, -errno, "%s", strerror(errno));
	if (count < 0) {
		remove(path);
		return cli_error(cli, "%s: %s", path, err.text);
	}
	fprintf(stderr,
		"facet: %s holds %d files; look at them before you hand it on. To replay it:\n"
		"  mkdir host && tar -xf %s -C host && facet doctor --root host\n",
		path, count, path);
	return 0;
}

static int report(struct cli *cli, struct facet_tree *tree, const struct facet_host *host)
{
	struct facet_diagnosis diagnosis;
	struct facet_error err;
	int r;

	if (facet_doctor_examine(tree, host, &diagnosis, &err) < 0)
		return cli_error(cli, "%s", err.text);
	if (cli_value(cli, "bundle"))
		r = write_bundle(cli, tree);
	else if (cli->json)
		r = cli_print_json(cli_diagnosis_json(host, &diagnosis));
	else
		r = print_diagnosis(host, &diagnosis, cli_value(cli, "all") != NULL);
	if (r == 0 && !cli_value(cli, "bundle"))
		r = exit_code(diagnosis.worst);
	facet_doctor_fini(&diagnosis);
	return r;
}

static bool has_device(const struct facet_host *host, const char *bdf)
{
	for (unsigned int i = 0; i < host->count; i++)
		if (strcmp(host->gpus[i].function.bdf, bdf) == 0 && host->gpus[i].function.class)
			return true;
	return false;
}

static int run(struct cli *cli)
{
	struct facet_host_options options = {
		.all = cli_value(cli, "all") != NULL,
		.also = cli_value(cli, "device"),
	};
	struct facet_tree *tree;
	struct facet_host *host;
	int r;

	if (cli_value(cli, "abi"))
		return print_abi(cli);
	if (cli_value(cli, "rules"))
		return print_rules(cli);
	if (cli_value(cli, "probe"))
		return cli_run_probe(cli);
	r = cli_scan_host(cli, &options, cli_value(cli, "bundle") != NULL, &tree, &host);
	if (r)
		return r;
	if (options.also && !has_device(host, options.also))
		r = cli_wrong(cli, "device %s: no such PCI device; write it as in 0000:03:00.0",
			      options.also);
	else
		r = report(cli, tree, host);
	facet_host_destroy(host);
	facet_tree_close(tree);
	return r;
}

const struct cli_verb cli_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "Say what of this host works for guests, what does not, and why",
	.options = { { "all", NULL,
		       "say also what is in order, and look at all that can be split" },
		     { "device", "BDF", "look at this PCI device too" },
		     { "root", "DIR", "look at a tree of files in place of this host" },
		     { "bundle", "FILE", "write what is read as a tar archive, without names" },
		     { "probe", "DEVICE", "open this device by VFIO, read, map and reset it" },
		     { "rules", NULL, "list the rules" },
		     { "abi", NULL, "list the interfaces that the rules rely on" } },
	.run = run,
};
