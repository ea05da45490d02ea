// SPDX-License-Identifier: GPL-2.0-or-later
/* persist.c - devices that are with VFIO from boot on, and which driver of VFIO's a device gets. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/bind.h"
#include "host/bind_internal.h"
#include "host/inventory.h"

#define DEVICE "sys/bus/pci/devices/%s"

/* One file each for a group, by the device it was asked for. */
#define RULES   "etc/udev/rules.d/10-facet-vfio-%s.rules"
#define MODULES "etc/modules-load.d/facet-vfio-%s.conf"
#define OPTIONS "etc/modprobe.d/facet-vfio-%s.conf"

#define HEADER "# Written by `facet vfio bind --persist %s`; `facet vfio unbind` removes it.\n"

struct text {
	char *data;
	size_t size;
	FILE *file;
};

static bool text_open(struct text *text)
{
	*text = (struct text){ 0 };
	text->file = open_memstream(&text->data, &text->size);
	return text->file;
}

/* The identity is in the rule, too: another card in the same slot is not given away. */
static void add_rule(struct facet_tree *tree, FILE *to, const char *bdf)
{
	char vendor[16], device[16], driver[FACET_TREE_NAME];

	facet_tree_text(tree, vendor, sizeof(vendor), DEVICE "/vendor", bdf);
	facet_tree_text(tree, device, sizeof(device), DEVICE "/device", bdf);
	facet_bind_choose(tree, bdf, driver, sizeof(driver));
	fprintf(to,
		"ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", ATTR{vendor}==\"%s\", "
		"ATTR{device}==\"%s\", ATTR{driver_override}=\"%s\"\n",
		bdf, vendor, device, driver);
}

/* A module that knows it loads VFIO first, whose driver the override then names. */
static void add_softdep(struct facet_tree *tree, FILE *to, const char *bdf)
{
	char module[FACET_TREE_NAME];

	if (facet_tree_link(tree, module, sizeof(module), DEVICE "/driver/module", bdf) < 0)
		facet_bind_driver(tree, bdf, module, sizeof(module));
	if (*module && !facet_host_driver_is_vfio(module))
		fprintf(to, "softdep %s pre: vfio-pci\n", module);
}

static int write_texts(struct facet_change *change, const char *bdf, const char *rules,
		       const char *options, const char *modules, struct facet_error *err)
{
	char path[FACET_TREE_PATH];
	int r;

	snprintf(path, sizeof(path), RULES, bdf);
	r = facet_change_file(change, path, rules, err);
	if (r == 0) {
		snprintf(path, sizeof(path), OPTIONS, bdf);
		r = facet_change_file(change, path, options, err);
	}
	if (r == 0) {
		snprintf(path, sizeof(path), MODULES, bdf);
		r = facet_change_file(change, path, modules, err);
	}
	return r;
}

static int write_files(struct facet_change *change, const char *bdf,
		       const struct facet_names *members, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	struct text rules, options;
	char modules[256];
	int r = -ENOMEM;

	if (!text_open(&rules))
		return facet_error_set(err, -ENOMEM, "out of memory");
	if (text_open(&options)) {
		fprintf(rules.file, HEADER, bdf);
		fprintf(options.file, HEADER, bdf);
		for (unsigned int i = 0; i < members->count; i++) {
			add_rule(tree, rules.file, members->items[i]);
			add_softdep(tree, options.file, members->items[i]);
		}
		r = fclose(options.file) ? -ENOMEM : 0;
	}
	r = fclose(rules.file) ? -ENOMEM : r;
	snprintf(modules, sizeof(modules), HEADER "vfio-pci\n", bdf);
	if (r < 0)
		facet_error_set(err, r, "out of memory");
	else
		r = write_texts(change, bdf, rules.data, options.data, modules, err);
	free(rules.data);
	free(options.data);
	return r;
}

int facet_bind_persist(struct facet_change *change, const char *bdf, bool on,
		       struct facet_error *err)
{
	struct facet_names members = { 0 };
	char what[64];
	int r = 0;

	if (on)
		r = facet_bind_group(facet_change_tree(change), bdf, &members, err);
	snprintf(what, sizeof(what), "what happens to %.16s at boot", bdf);
	if (r == 0)
		r = facet_change_begin(change, what, err);
	if (r == 0)
		r = on ? write_files(change, bdf, &members, err)
		       : write_texts(change, bdf, NULL, NULL, NULL, err);
	facet_names_fini(&members);
	return facet_change_end(change, r, err);
}

bool facet_bind_persists(struct facet_tree *tree, const char *bdf)
{
	return facet_tree_exists(tree, RULES, bdf);
}

/* --- variants of vfio-pci --- */

/* Characters of a pattern that stand for themselves: the more, the closer it fits. */
static size_t closeness(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++)
		n += *pattern != '*';
	return n;
}

/* The module whose alias fits @alias best: "vfio_pci:v00008086d..."; "" if none does. */
static void find_module(char *aliases, const char *alias, char *ret, size_t size)
{
	size_t best = 0;
	char *rest = aliases;

	ret[0] = '\0';
	for (char *line; (line = strsep(&rest, "\n"));) {
		char pattern[160], module[64];

		if (strncmp(line, "alias vfio_pci:", 15) != 0 ||
		    sscanf(line, "alias %159s %63s", pattern, module) != 2 ||
		    fnmatch(pattern, alias, 0) != 0 || closeness(pattern) <= best)
			continue;
		best = closeness(pattern);
		snprintf(ret, size, "%s", module);
	}
}

void facet_bind_choose(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	facet_autofree uint8_t *bytes = NULL;
	facet_autofree char *aliases = NULL;
	char alias[160], kernel[FACET_TREE_NAME], wanted[180], driver[FACET_TREE_NAME];
	size_t count;

	snprintf(ret, size, "vfio-pci");
	facet_tree_text(tree, alias, sizeof(alias), DEVICE "/modalias", bdf);
	facet_tree_text(tree, kernel, sizeof(kernel), "proc/sys/kernel/osrelease");
	if (facet_tree_bytes(tree, &bytes, &count, "lib/modules/%s/modules.alias", kernel) == 0)
		aliases = strndup((const char *)bytes, count);
	if (!aliases)
		return;
	snprintf(wanted, sizeof(wanted), "vfio_%s", alias);
	find_module(aliases, wanted, driver, sizeof(driver));
	/* Modules have underscores where drivers have hyphens. */
	for (char *c = driver; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (*driver && facet_tree_exists(tree, "sys/bus/pci/drivers/%s", driver))
		snprintf(ret, size, "%s", driver);
}
