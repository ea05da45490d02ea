// SPDX-License-Identifier: GPL-2.0-or-later
/* qemu.c - what stands in the file becomes QEMU's arguments: the machine itself. */
#include "launch/qemu.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "launch/qemu_devices.h"

char *facet_qemu_overlay(const char *directory, unsigned int index)
{
	char *ret = NULL;

	return asprintf(&ret, "%s/overlay-%u.qcow2", directory, index) < 0 ? NULL : ret;
}

const char *facet_qemu_uefi(void)
{
	static const char *const places[] = { "/usr/share/OVMF/OVMF_CODE_4M.fd",
					      "/usr/share/OVMF/OVMF_CODE.fd",
					      "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
					      "/usr/share/edk2/ovmf/OVMF_CODE.fd" };

	for (size_t i = 0; i < FACET_ARRAY_SIZE(places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static bool needs_shared_memory(const struct facet_vm *vm)
{
	bool shared = vm->memory.shared;

	for (unsigned int i = 0; i < vm->gpus_count; i++)
		shared |= facet_vm_gpu_is_vgpu(&vm->gpus[i]);
	return shared;
}

/* Helpers are started only for a bridge; all else has been opened by then, or never is. */
static void add_sandbox(const struct facet_vm *vm, struct facet_args *args)
{
	bool helper = false;

	for (unsigned int i = 0; i < vm->network_count; i++)
		helper |= vm->network[i].mode == FACET_VM_BRIDGE;
	facet_args_option(args, "-sandbox", "on", "obsolete", "deny", "elevateprivileges",
			  helper ? "children" : "deny", "spawn", helper ? "allow" : "deny",
			  "resourcecontrol", "deny", NULL);
}

static void add_accelerator(const struct facet_qemu_config *config, struct facet_args *args)
{
	const struct facet_vm *vm = config->vm;
	bool kvm = vm->accel == FACET_VM_KVM ||
		   (vm->accel == FACET_VM_ACCEL_AUTO && config->qemu->kvm);

	facet_args_option(args, "-machine", vm->machine ? vm->machine : "q35", "memory-backend",
			  "facet-ram", NULL);
	if (kvm)
		facet_args_option(args, "-accel", "kvm", NULL);
	if (vm->accel != FACET_VM_KVM)
		facet_args_option(args, "-accel", "tcg", "thread", "multi", "tb-size", "256", NULL);
	facet_args_add(args, "-cpu");
	facet_args_add(args, vm->cpu.model ? vm->cpu.model : "max");
}

static void add_cpus(const struct facet_vm *vm, struct facet_args *args)
{
	const struct facet_vm_topology *t = &vm->cpu.topology;

	facet_args_add(args, "-smp");
	if (t->sockets || t->cores || t->threads)
		facet_args_addf(args, "%u,sockets=%u,cores=%u,threads=%u", facet_vm_vcpus(vm),
				t->sockets ? t->sockets : 1, t->cores ? t->cores : 1,
				t->threads ? t->threads : 1);
	else
		facet_args_addf(args, "%u", facet_vm_vcpus(vm));
}

/* "0,2-3": the option is given once for each part. */
static void print_nodes(FILE *to, const char *nodes)
{
	size_t size;

	for (; *nodes; nodes += size + (nodes[size] == ',')) {
		size = strcspn(nodes, ",");
		fprintf(to, ",host-nodes=%.*s", (int)size, nodes);
	}
	fputs(",policy=bind", to);
}

/* All of it is made of numbers and of words that were checked. */
static void add_memory(const struct facet_qemu_config *config, struct facet_args *args)
{
	const struct facet_vm_memory *memory = &config->vm->memory;
	uint64_t megabytes = facet_vm_memory_bytes(config->vm) >> 20;
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to) {
		args->failed = true;
		return;
	}
	fprintf(to, "memory-backend-memfd,id=facet-ram,size=%" PRIu64 "M,share=%s", megabytes,
		needs_shared_memory(config->vm) ? "on" : "off");
	if (memory->hugepages)
		fprintf(to, ",hugetlb=on,hugetlbsize=%s", memory->hugepages);
	if (config->host_nodes)
		print_nodes(to, config->host_nodes);
	args->failed |= fclose(to) != 0;
	facet_args_add(args, "-m");
	facet_args_addf(args, "%" PRIu64 "M", megabytes);
	facet_args_add(args, "-object");
	facet_args_add(args, text ? text : "");
	free(text);
}

/* --- what it boots --- */

static void add_drive(struct facet_args *args, unsigned int index, const char *file,
		      const char *format, bool readonly, bool snapshot)
{
	char id[20];

	snprintf(id, sizeof(id), "disk%u", index);
	facet_args_option(args, "-drive", NULL, "if", "none", "id", id, "file", file, "format",
			  format, "readonly", readonly ? "on" : NULL, "snapshot",
			  snapshot ? "on" : NULL, NULL);
	facet_args_option(args, "-device", "virtio-blk-pci", "drive", id, NULL);
}

static void add_image(const struct facet_qemu_config *config, struct facet_args *args)
{
	facet_autofree char *root = NULL;
	const char *append = config->vm->guest.append;

	if (asprintf(&root, "%s/root.erofs", config->image) < 0) {
		args->failed = true;
		return;
	}
	facet_args_add(args, "-kernel");
	facet_args_addf(args, "%s/vmlinuz", config->image);
	facet_args_add(args, "-initrd");
	facet_args_addf(args, "%s/initrd", config->image);
	facet_args_add(args, "-append");
	facet_args_addf(args, "console=ttyS0 panic=-1 quiet%s%s", append ? " " : "",
			append ? append : "");
	/* The guest's init takes the first one. */
	add_drive(args, 99, root, "raw", true, false);
}

static void add_path(const struct facet_qemu_config *config, struct facet_args *args,
		     const char *option, const char *path)
{
	facet_autofree char *full = path ? facet_vm_path(config->file, path) : NULL;

	if (!path)
		return;
	if (!full) {
		args->failed = true;
		return;
	}
	facet_args_add(args, option);
	facet_args_add(args, full);
}

static void add_disks(const struct facet_qemu_config *config, struct facet_args *args)
{
	const struct facet_vm_guest *guest = &config->vm->guest;

	for (unsigned int i = 0; i < guest->disks_count; i++) {
		const struct facet_vm_disk *disk = &guest->disks[i];
		facet_autofree char *file = disk->overlay ? facet_qemu_overlay(config->directory, i)
							  : facet_vm_path(config->file, disk->file);

		if (file)
			add_drive(args, i, file,
				  disk->overlay || disk->format == FACET_VM_QCOW2 ? "qcow2" : "raw",
				  disk->readonly, disk->snapshot);
		else
			args->failed = true;
	}
}

static void add_iso(const struct facet_qemu_config *config, struct facet_args *args)
{
	const char *iso = config->vm->guest.iso;
	facet_autofree char *file = iso ? facet_vm_path(config->file, iso) : NULL;

	if (!iso)
		return;
	if (!file)
		args->failed = true;
	else
		facet_args_option(args, "-drive", NULL, "if", "none", "id", "cd", "media", "cdrom",
				  "readonly", "on", "file", file, NULL);
	facet_args_option(args, "-device", "ide-cd", "drive", "cd", NULL);
}

static void add_firmware(const struct facet_qemu_config *config, struct facet_args *args)
{
	const char *firmware = config->vm->guest.firmware;
	facet_autofree char *file = NULL;

	if (!firmware || strcmp(firmware, "seabios") == 0)
		return;
	if (strcmp(firmware, "uefi") == 0)
		file = strdup(facet_qemu_uefi() ?: "OVMF_CODE.fd");
	else
		file = facet_vm_path(config->file, firmware);
	if (!file)
		args->failed = true;
	else
		facet_args_option(args, "-drive", NULL, "if", "pflash", "format", "raw", "readonly",
				  "on", "file", file, NULL);
}

static void add_guest(const struct facet_qemu_config *config, struct facet_args *args)
{
	const struct facet_vm_guest *guest = &config->vm->guest;

	add_firmware(config, args);
	if (config->image)
		add_image(config, args);
	add_path(config, args, "-kernel", guest->kernel);
	add_path(config, args, "-initrd", guest->initrd);
	if (guest->kernel && guest->append) {
		facet_args_add(args, "-append");
		facet_args_add(args, guest->append);
	}
	add_disks(config, args);
	add_iso(config, args);
}

/* --- how it is reached --- */

static void add_sockets(const struct facet_qemu_config *config, struct facet_args *args)
{
	facet_autofree char *console = NULL, *serial = NULL, *qmp = NULL;

	if (asprintf(&console, "%s/console", config->directory) < 0 ||
	    asprintf(&serial, "%s/serial.log", config->directory) < 0 ||
	    asprintf(&qmp, "%s/qmp", config->directory) < 0) {
		args->failed = true;
		return;
	}
	facet_args_option(args, "-chardev", "socket", "id", "facet-console", "path", console,
			  "server", "on", "wait", "off", "logfile", serial, "logappend", "on",
			  NULL);
	facet_args_add(args, "-serial");
	facet_args_add(args, "chardev:facet-console");
	facet_args_option(args, "-chardev", "socket", "id", "facet-qmp", "path", qmp, "server",
			  "on", "wait", "off", NULL);
	facet_args_add(args, "-qmp");
	facet_args_add(args, "chardev:facet-qmp");
	if (!config->supervised)
		return;
	facet_args_option(args, "-chardev", "socket", "id", "facet-supervisor", "fd", "3", NULL);
	facet_args_add(args, "-qmp");
	facet_args_add(args, "chardev:facet-supervisor");
	facet_args_add(args, "-S");
}

int facet_qemu_args(const struct facet_qemu_config *config, struct facet_args *ret,
		    struct facet_error *err)
{
	const struct facet_vm *vm = config->vm;

	for (unsigned int i = 0; i < config->qemu->argv.count; i++)
		facet_args_add(ret, config->qemu->argv.items[i]);
	facet_args_add(ret, "-nodefaults");
	facet_args_add(ret, "-no-user-config");
	facet_args_option(ret, "-name", NULL, "guest", vm->name, "debug-threads", "on", NULL);
	add_sandbox(vm, ret);
	add_accelerator(config, ret);
	add_cpus(vm, ret);
	add_memory(config, ret);
	add_guest(config, ret);
	add_sockets(config, ret);
	facet_qemu_devices(config, ret);
	for (unsigned int i = 0; i < vm->extra_count; i++)
		facet_args_add(ret, vm->extra[i]);
	return ret->failed ? facet_error_set(err, -ENOMEM, "%s: out of memory", vm->name) : 0;
}
