/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm.h - what the verbs of VMs share. */
#ifndef FACET_CLI_VM_H
#define FACET_CLI_VM_H

#include "cli/cli.h"
#include "launch/launch.h"

/* Reads a file, and says what is wrong with it: an exit code. */
int cli_load_vms(const struct cli *cli, const char *path, struct facet_vm_file **ret);

/* The only VM of the file, or that of the name; NULL after saying why not. */
const struct facet_vm *cli_choose_vm(const struct cli *cli, const struct facet_vm_file *file,
				     const char *name);

/* Connects to a socket in the directory of a VM that runs; -1 after saying why not. */
int cli_vm_socket(const struct cli *cli, const char *name, const char *socket);

#endif
