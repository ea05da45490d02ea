// SPDX-License-Identifier: GPL-2.0-or-later
/* variant.c - which driver of VFIO's a device gets: one that was made for it, or vfio-pci. */
#include <errno.h>
#include <fnmatch.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/bind.h"

/* Characters of a pattern that stand for themselves: the more, the closer it fits. */
static size_t closeness(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++)
		n += *pattern != '*';
	return n;
}

/* The module whose alias fits @alias best: "vfio_pci:v00008086d..."; "" if none does. */
static void match(char *aliases, const char *alias, char ret[FACET_TREE_NAME])
{
	size_t best = 0;
	char *rest = aliases;

	ret[0] = '\0';
	for (char *line; (line = strsep(&rest, "\n"));) {
		char pattern[160], module[FACET_TREE_NAME];

		if (strncmp(line, "alias vfio_pci:", 15) != 0 ||
		    sscanf(line, "alias %159s %63s", pattern, module) != 2 ||
		    strspn(module, "abcdefghijklmnopqrstuvwxyz0123456789_") < strlen(module) ||
		    fnmatch(pattern, alias, 0) != 0 || closeness(pattern) <= best)
			continue;
		best = closeness(pattern);
		strcpy(ret, module);
	}
}

static void find_module(struct facet_tree *tree, const char *bdf, char ret[FACET_TREE_NAME])
{
	char alias[160] = "vfio_", kernel[FACET_TREE_NAME];
	facet_autofree uint8_t *bytes = NULL;
	facet_autofree char *aliases = NULL;
	size_t size;

	ret[0] = '\0';
	facet_tree_text(tree, alias + 5, sizeof(alias) - 5, "sys/bus/pci/devices/%s/modalias", bdf);
	facet_tree_text(tree, kernel, sizeof(kernel), "proc/sys/kernel/osrelease");
	if (facet_tree_bytes(tree, &bytes, &size, "lib/modules/%s/modules.alias", kernel) < 0)
		return;
	aliases = strndup((const char *)bytes, size);
	if (aliases)
		match(aliases, alias, ret);
}

/* Of a module that is loaded: some have hyphens in their driver's name, others have not. */
static bool driver_of(struct facet_tree *tree, const char *module, char ret[FACET_TREE_NAME])
{
	struct facet_names names;
	bool found = false;

	facet_tree_list(tree, &names, "sys/module/%s/drivers", module);
	for (unsigned int i = 0; !found && i < names.count; i++) {
		found = strncmp(names.items[i], "pci:", 4) == 0 &&
			facet_host_driver_is_vfio(names.items[i] + 4);
		if (found)
			strcpy(ret, names.items[i] + 4);
	}
	facet_names_fini(&names);
	return found;
}

/* Whether it did is seen by the driver, which then is there. */
static void load(struct facet_change *change, const char *module)
{
	const char *const argv[] = { "modprobe", "-q", "--", module, NULL };
	pid_t pid;

	if (!facet_tree_is_real(facet_change_tree(change)) || facet_change_is_dry(change) ||
	    posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ) != 0)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int facet_bind_choose(struct facet_change *change, const char *bdf, const char *wanted,
		      char ret[FACET_TREE_NAME], struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char module[FACET_TREE_NAME] = "";

	if (wanted && (!facet_host_driver_is_vfio(wanted) || strlen(wanted) >= FACET_TREE_NAME ||
		       strchr(wanted, '/')))
		return facet_error_set(err, -EINVAL, "driver %.40s: is none of VFIO's", wanted);
	if (!wanted)
		find_module(tree, bdf, module);
	if (*module && !driver_of(tree, module, ret))
		load(change, module);
	if (*module && driver_of(tree, module, ret))
		return 0;
	snprintf(ret, FACET_TREE_NAME, "%s", wanted ? wanted : "vfio-pci");
	if (!facet_tree_exists(tree, "sys/bus/pci/drivers/%s", ret))
		load(change, ret);
	if (facet_change_is_dry(change) || facet_tree_exists(tree, "sys/bus/pci/drivers/%s", ret))
		return 0;
	return facet_error_set(err, -ENOENT, "driver %s is not there; load it (`modprobe %s`)", ret,
			       ret);
}
