// SPDX-License-Identifier: GPL-2.0-or-later
/* persist.c - files by which a device is with VFIO from the next boot on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/bind_internal.h"

#define DEVICE "sys/bus/pci/devices/%s"

#define RULES    "etc/udev/rules.d"
#define PREFIX   "10-facet-vfio-" /* before 80-drivers.rules, which loads drivers */
#define RULE     RULES "/" PREFIX "%s.rules"
#define MODPROBE "etc/modprobe.d/facet-vfio-%s.conf"
#define DRACUT   "etc/dracut.conf.d/facet-vfio-%s.conf"
#define HOOK     "etc/initramfs-tools/hooks/facet-vfio"

#define HEADER "# Written by `facet vfio bind --persist`; `facet vfio unbind %s` removes it.\n"

static const char hook[] = "#!/bin/sh\n"
			   "# Written by `facet vfio bind --persist`: drivers are loaded in the "
			   "initramfs already, so\n"
			   "# its rules have to be there, too.\n"
			   "[ \"$1\" = prereqs ] && exit 0\n"
			   ". /usr/share/initramfs-tools/hook-functions\n"
			   "mkdir -p \"$DESTDIR/etc/udev/rules.d\"\n"
			   "for rule in /" RULES "/" PREFIX "*.rules; do\n"
			   "\t[ -e \"$rule\" ] || continue\n"
			   "\tcp \"$rule\" \"$DESTDIR/etc/udev/rules.d/\"\n"
			   "\tmanual_add_modules vfio_iommu_type1 "
			   "\"$(sed -n 's/.*modprobe -q \\([a-z0-9_]*\\).*/\\1/p' \"$rule\")\"\n"
			   "done\n";

/* The module of a driver. */
static void module_of(struct facet_tree *tree, const char *driver, char ret[FACET_TREE_NAME])
{
	if (facet_tree_link(tree, ret, FACET_TREE_NAME, "sys/bus/pci/drivers/%s/module", driver) ==
	    0)
		return;
	snprintf(ret, FACET_TREE_NAME, "%s", driver);
	for (char *at = ret; (at = strchr(at, '-'));)
		*at = '_';
}

/* One that is part of the kernel has its devices before any rule is read. */
static int check_former(struct facet_tree *tree, const char *bdf, const char *module,
			struct facet_error *err)
{
	if (!*module || facet_tree_exists(tree, "sys/module/%s/initstate", module) ||
	    !facet_tree_exists(tree, "sys/module/%s", module))
		return 0;
	return facet_error_set(err, -ENOTSUP,
			       "%s: its driver %s is part of the kernel and has it before any "
			       "rule: bind it after each boot, without --persist",
			       bdf, module);
}

/*
 * The identity is in the rule, too: another card in the same slot is not given away. VFIO's driver
 * may be there already, and looks at a device by itself only when one of the two is new.
 */
static int write_rule(struct facet_change *change, const char *bdf, const char *driver,
		      const char *module, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH], text[1024], vendor[16], device[16];

	facet_tree_text(tree, vendor, sizeof(vendor), DEVICE "/vendor", bdf);
	facet_tree_text(tree, device, sizeof(device), DEVICE "/device", bdf);
	snprintf(path, sizeof(path), RULE, bdf);
	snprintf(text, sizeof(text),
		 HEADER "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", "
			"ATTR{vendor}==\"%s\", ATTR{device}==\"%s\", ATTR{driver_override}=\"%s\", "
			"RUN+=\"/bin/sh -c 'modprobe -q %s; "
			"echo %s >/sys/bus/pci/drivers_probe'\"\n",
		 bdf, bdf, vendor, device, driver, module, bdf);
	return facet_change_file(change, path, text, err);
}

/* Only for what this machine makes its initramfs with. */
static int write_initramfs(struct facet_change *change, const char *bdf, const char *module,
			   struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH], text[512];
	int r = 0;

	if (facet_tree_exists(tree, "etc/initramfs-tools") && !facet_tree_exists(tree, HOOK))
		r = facet_change_file(change, HOOK, hook, err);
	if (r < 0 || !facet_tree_exists(tree, "etc/dracut.conf.d"))
		return r;
	snprintf(path, sizeof(path), DRACUT, bdf);
	snprintf(text, sizeof(text),
		 HEADER "install_items+=\" /" RULE " \"\n"
			"add_drivers+=\" vfio_iommu_type1 %s \"\n",
		 bdf, bdf, module);
	return facet_change_file(change, path, text, err);
}

int facet_bind_remember(struct facet_change *change, const char *bdf, const char *driver,
			struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH], text[512], module[FACET_TREE_NAME], old[FACET_TREE_NAME];
	int r;

	module_of(tree, driver, module);
	facet_bind_driver(tree, bdf, text, FACET_TREE_NAME);
	if (facet_host_driver_is_vfio(text))
		text[0] = '\0';
	module_of(tree, text, old);
	r = check_former(tree, bdf, old, err);
	if (r == 0)
		r = write_rule(change, bdf, driver, module, err);
	/* A file from when it was with that driver stays. */
	if (r == 0 && *old) {
		snprintf(path, sizeof(path), MODPROBE, bdf);
		snprintf(text, sizeof(text), HEADER "softdep %s pre: %s\n", bdf, old, module);
		r = facet_change_file(change, path, text, err);
	}
	return r == 0 ? write_initramfs(change, bdf, module, err) : r;
}

static int remove_file(struct facet_change *change, const char *path, struct facet_error *err)
{
	if (!facet_tree_exists(facet_change_tree(change), "%s", path))
		return 0;
	return facet_change_file(change, path, NULL, err);
}

/* Does any device but @bdf need the hook? */
static bool others_persist(struct facet_tree *tree, const char *bdf)
{
	struct facet_names names;
	unsigned int others = 0;

	facet_tree_list(tree, &names, RULES);
	for (unsigned int i = 0; i < names.count; i++)
		others += strncmp(names.items[i], PREFIX, strlen(PREFIX)) == 0 &&
			  strncmp(names.items[i] + strlen(PREFIX), bdf, strlen(bdf)) != 0;
	facet_names_fini(&names);
	return others;
}

int facet_bind_forget(struct facet_change *change, const char *bdf, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char rule[FACET_TREE_PATH], modprobe[FACET_TREE_PATH], dracut[FACET_TREE_PATH];
	int r = 0;

	if (!facet_bind_persists(tree, bdf))
		return 0;
	snprintf(rule, sizeof(rule), RULE, bdf);
	snprintf(modprobe, sizeof(modprobe), MODPROBE, bdf);
	snprintf(dracut, sizeof(dracut), DRACUT, bdf);
	if (!others_persist(tree, bdf))
		r = remove_file(change, HOOK, err);
	if (r == 0)
		r = remove_file(change, rule, err);
	if (r == 0)
		r = remove_file(change, modprobe, err);
	return r == 0 ? remove_file(change, dracut, err) : r;
}

bool facet_bind_persists(struct facet_tree *tree, const char *bdf)
{
	return facet_tree_exists(tree, RULE, bdf);
}
