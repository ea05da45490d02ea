/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.h - what a host can do that no single file of it says: kernel, KVM, programs. */
#ifndef FACET_HOST_PROBE_H
#define FACET_HOST_PROBE_H

#include "host/tree.h"

enum facet_option {
	FACET_OPTION_UNKNOWN, /* no configuration was found */
	FACET_OPTION_OFF,
	FACET_OPTION_MODULE,
	FACET_OPTION_BUILT_IN,
};

/* CONFIG_@name of the running kernel; in @ret_file what told it. */
enum facet_option facet_probe_option(struct facet_tree *tree, const char *name, char *ret_file,
				     size_t size);

enum facet_module {
	FACET_MODULE_UNKNOWN, /* there is no list of this kernel's modules */
	FACET_MODULE_ABSENT,
	FACET_MODULE_AVAILABLE,
	FACET_MODULE_LOADED,
};

/* @name with '_'. */
enum facet_module facet_probe_module(struct facet_tree *tree, const char *name);

/* A word of the kernel's command line, such as "intel_iommu=": what follows it, of the last one. */
bool facet_probe_argument(struct facet_tree *tree, const char *word, char *ret, size_t size);

/* Makes an empty virtual machine and drops it: 0, or negative errno; -ENODATA: cannot be asked. */
int facet_probe_kvm(struct facet_tree *tree);

/*
 * The version of a program (what it prints for --version, waited for at most 5 s), or of an
 * installed Debian package: 0, or -ENOENT if it is not there, with an empty text.
 */
int facet_probe_program(struct facet_tree *tree, const char *name, char *ret, size_t size);
int facet_probe_package(struct facet_tree *tree, const char *name, char *ret, size_t size);

/* The first two numbers of a version as 1000 * major + minor; 0: none. */
unsigned int facet_probe_version(const char *text);

/* --- the parsers, also for their fuzz target --- */

/* NAME=y or =m in a kernel's configuration. */
enum facet_option facet_parse_option(const char *config, size_t size, const char *name);
/* The version of an installed package in dpkg's status: 0 or -ENOENT. */
int facet_parse_package(const char *status, size_t size, const char *name, char *ret,
			size_t ret_size);
/* Is there a line with module @name in modules.dep or modules.builtin? */
bool facet_parse_module(const char *list, size_t size, const char *name);
/* Unpacks gzip, at most @limit bytes; NULL if it is none. The caller frees it. */
char *facet_gunzip(const uint8_t *data, size_t size, size_t limit, size_t *ret_size);

#endif
