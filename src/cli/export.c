// SPDX-License-Identifier: GPL-2.0-or-later
/* export.c - facet export FILE: a VM for somebody else to run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/vm.h"
#include "launch/libvirt.h"

/* One option a line, as a shell takes it; what has to be there before is a comment. */
static int export_qemu(struct cli *cli, const struct facet_vm_file *file, const struct facet_vm *vm)
{
	struct facet_args args = { 0 };
	struct facet_error err;
	char name[80];

	if (facet_launch_args(file, vm, &args, &err)) {
		facet_args_fini(&args);
		return cli_error(cli, "%s", err.text);
	}
	for (unsigned int i = 0; i < vm->gpus_count; i++) {
		facet_vm_gpu_name(vm, i, name);
		if (facet_vm_gpu_is_vgpu(&vm->gpus[i]))
			printf("# needs vGPU %s: facet create %s\n", name, name);
	}
	for (unsigned int i = 0; i < args.count; i++) {
		facet_autofree char *text = facet_args_quote(args.items[i]);

		printf("%s%s",
		       !i                        ? ""
		       : args.items[i][0] == '-' ? " \\\n\t"
						 : " ",
		       text ? text : "");
	}
	putchar('\n');
	facet_args_fini(&args);
	return cli_flush();
}

static int export_libvirt(struct cli *cli, const struct facet_vm_file *file,
			  const struct facet_vm *vm)
{
	struct facet_error err;

	if (facet_libvirt_write(stdout, file, vm, &err))
		return cli_error(cli, "%s", err.text);
	return cli_flush();
}

/* For ~/.config/systemd/user, or /etc/systemd/system. */
static int export_systemd(const struct facet_vm *vm, const char *path)
{
	printf("[Unit]\n"
	       "Description=Virtual machine %s\n"
	       "Documentation=man:facet-vm(5)\n"
	       "Wants=facetd.service\n"
	       "After=facetd.service network.target\n\n"
	       "[Service]\n"
	       "ExecStart=\"%s/facet\" run --foreground --vm %s \"%s\"\n"
	       "ExecStop=\"%s/facet\" stop %s\n"
	       "KillMode=mixed\n"
	       "TimeoutStopSec=%u\n"
	       "Delegate=yes\n\n"
	       "[Install]\n"
	       "WantedBy=default.target\n",
	       vm->name, FACET_BINDIR, vm->name, path, FACET_BINDIR, vm->name,
	       (vm->stop_seconds ? vm->stop_seconds : FACET_VM_STOP_SECONDS) + 60);
	return cli_flush();
}

static int run(struct cli *cli)
{
	const char *path = cli->arguments[0];
	bool qemu = cli_value(cli, "qemu"), libvirt = cli_value(cli, "libvirt"),
	     systemd = cli_value(cli, "systemd");
	facet_autofree char *full = realpath(path, NULL);
	const struct facet_vm *vm;
	struct facet_vm_file *file;
	int r;

	if (qemu + libvirt + systemd != 1)
		return cli_wrong(cli, "say as what: --qemu, --libvirt or --systemd");
	r = cli_load_vms(cli, path, &file);
	if (r)
		return r;
	vm = cli_choose_vm(cli, file, cli_value(cli, "vm"));
	if (!vm)
		r = CLI_WRONG;
	else if (qemu)
		r = export_qemu(cli, file, vm);
	else if (libvirt)
		r = export_libvirt(cli, file, vm);
	else
		r = export_systemd(vm, full ? full : path);
	facet_vm_file_destroy(file);
	return r;
}

const struct cli_verb cli_export = {
	.name = "export",
	.arguments = "FILE",
	.summary = "Print a virtual machine as QEMU's command line, or for libvirt or systemd",
	.min = 1,
	.max = 1,
	.options = {
		{ "qemu", NULL, "a command line" },
		{ "libvirt", NULL, "domain XML" },
		{ "systemd", NULL, "a unit" },
		{ "vm", "NAME", "which one of the file" },
	},
	.alone = true,
	.run = run,
};
