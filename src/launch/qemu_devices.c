// SPDX-License-Identifier: GPL-2.0-or-later
/* qemu_devices.c - GPUs, display, network, folders and shared memory as QEMU's arguments. */
#include "launch/qemu_devices.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* --- GPUs --- */

/* The address of a socket can be given as JSON only. */
static void add_vfio_user(struct facet_args *args, const char *id, const char *socket)
{
	json_t *device = json_pack("{s:s, s:s, s:{s:s, s:s}}", "driver", "vfio-user-pci", "id", id,
				   "socket", "type", "unix", "path", socket);
	facet_autofree char *text = device ? json_dumps(device, JSON_COMPACT) : NULL;

	json_decref(device);
	facet_args_add(args, "-device");
	if (text)
		facet_args_add(args, text);
	else
		args->failed = true;
}

static void add_vhost_user(struct facet_args *args, const char *id,
			   const struct facet_qemu_gpu *gpu)
{
	char chardev[40], outputs[12], width[12], height[12];

	snprintf(chardev, sizeof(chardev), "%s-socket", id);
	snprintf(outputs, sizeof(outputs), "%u", gpu->outputs);
	snprintf(width, sizeof(width), "%u", gpu->width);
	snprintf(height, sizeof(height), "%u", gpu->height);
	facet_args_option(args, "-chardev", "socket", "id", chardev, "path", gpu->socket, NULL);
	facet_args_option(args, "-device", "vhost-user-gpu-pci", "id", id, "chardev", chardev,
			  "max_outputs", outputs, "xres", width, "yres", height, NULL);
}

/* @made: where it is, if facetd made it. */
static void add_host_device(struct facet_args *args, const char *id, const struct facet_vm_gpu *gpu,
			    const char *made)
{
	char device[80];

	snprintf(device, sizeof(device), "/sys/bus/mdev/devices/%s",
		 gpu->mdev.uuid ? gpu->mdev.uuid : "");
	facet_args_option(args, "-device", "vfio-pci", "id", id, "host", gpu->vfio, "sysfsdev",
			  gpu->vfio ? NULL
			  : made    ? made
				    : device,
			  NULL);
}

static void add_gpus(const struct facet_qemu_config *config, struct facet_args *args)
{
	const struct facet_vm *vm = config->vm;

	for (unsigned int i = 0; i < vm->gpus_count; i++) {
		const struct facet_qemu_gpu *gpu = &config->gpus[i];
		char id[20];

		snprintf(id, sizeof(id), "facet-gpu%u", i);
		if (!gpu->socket)
			add_host_device(args, id, &vm->gpus[i], gpu->device);
		else if (gpu->vfio_user)
			add_vfio_user(args, id, gpu->socket);
		else
			add_vhost_user(args, id, gpu);
	}
}

/* --- display --- */

/* The socket that was chosen, or one of our own. malloc()ed. */
static char *socket_path(const struct facet_qemu_config *config, const char *text, const char *own)
{
	char *ret = NULL;

	if (strcmp(text, "true") != 0)
		return facet_vm_path(config->file, text);
	return asprintf(&ret, "%s/%s", config->directory, own) < 0 ? NULL : ret;
}

static void add_spice(const struct facet_qemu_config *config, struct facet_args *args)
{
	facet_autofree char *path = socket_path(config, config->vm->display.spice, "spice");

	if (path)
		facet_args_option(args, "-spice", NULL, "unix", "on", "addr", path,
				  "disable-ticketing", "on", NULL);
	else
		args->failed = true;
}

static void add_vnc(const struct facet_qemu_config *config, struct facet_args *args)
{
	facet_autofree char *path = socket_path(config, config->vm->display.vnc, "vnc");
	facet_autofree char *first = NULL;

	if (!path || asprintf(&first, "unix:%s", path) < 0)
		args->failed = true;
	else
		facet_args_option(args, "-vnc", first, NULL);
}

static void add_display(const struct facet_qemu_config *config, struct facet_args *args)
{
	const struct facet_vm_display *display = &config->vm->display;
	bool spice = facet_vm_wanted(display->spice), vnc = facet_vm_wanted(display->vnc);

	if (spice)
		add_spice(config, args);
	if (vnc)
		add_vnc(config, args);
	if (!spice && !vnc) {
		facet_args_add(args, "-display");
		facet_args_add(args, "none");
		return;
	}
	if (!config->vm->gpus_count)
		facet_args_option(args, "-device", "VGA", NULL);
	facet_args_option(args, "-device", "virtio-keyboard-pci", NULL);
	facet_args_option(args, "-device", "virtio-tablet-pci", NULL);
}

/* --- network --- */

/* "tcp:2222:22" as QEMU wants it: only from this host. */
static void print_forward(FILE *to, const char *port)
{
	char protocol[4];
	unsigned int host, guest;

	if (sscanf(port, "%3[a-z]:%u:%u", protocol, &host, &guest) == 3)
		fprintf(to, ",hostfwd=%s:127.0.0.1:%u-:%u", protocol, host, guest);
}

static void add_user_network(struct facet_args *args, const char *id,
			     const struct facet_vm_network *network)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to) {
		args->failed = true;
		return;
	}
	fprintf(to, "user,id=%s", id);
	for (unsigned int i = 0; i < network->ports_count; i++)
		print_forward(to, network->ports[i]);
	if (fclose(to) != 0) {
		args->failed = true;
	} else {
		facet_args_add(args, "-netdev");
		facet_args_add(args, text);
	}
	free(text);
}

static void add_network(const struct facet_qemu_config *config, struct facet_args *args)
{
	for (unsigned int i = 0; i < config->vm->network_count; i++) {
		const struct facet_vm_network *network = &config->vm->network[i];
		char id[20];

		snprintf(id, sizeof(id), "net%u", i);
		if (network->mode == FACET_VM_BRIDGE)
			facet_args_option(args, "-netdev", "bridge", "id", id, "br",
					  network->bridge, NULL);
		else if (network->mode == FACET_VM_TAP)
			facet_args_option(args, "-netdev", "tap", "id", id, "ifname",
					  network->interface, "script", "no", "downscript", "no",
					  NULL);
		else
			add_user_network(args, id, network);
		facet_args_option(args, "-device", "virtio-net-pci", "netdev", id, "mac",
				  network->mac, NULL);
	}
}

/* --- shared things --- */

static void add_folders(const struct facet_qemu_config *config, struct facet_args *args)
{
	for (unsigned int i = 0; i < config->vm->folders_count; i++) {
		const struct facet_vm_folder *folder = &config->vm->folders[i];
		facet_autofree char *path = facet_vm_path(config->file, folder->path);
		char id[20];

		snprintf(id, sizeof(id), "folder%u", i);
		if (!path) {
			args->failed = true;
			return;
		}
		facet_args_option(args, "-fsdev", "local", "id", id, "path", path, "security_model",
				  "none", "multidevs", "remap", "readonly",
				  folder->readonly ? "on" : NULL, NULL);
		facet_args_option(args, "-device", "virtio-9p-pci", "fsdev", id, "mount_tag",
				  folder->tag, NULL);
	}
}

static void add_region(const struct facet_qemu_config *config, struct facet_args *args,
		       unsigned int index)
{
	const struct facet_vm_ivshmem *region = &config->vm->ivshmem[index];
	facet_autofree char *path =
		facet_vm_path(config->file, region->server ? region->server : region->file);
	char id[20], vectors[12];

	snprintf(id, sizeof(id), "ivshmem%u", index);
	snprintf(vectors, sizeof(vectors), "%u", region->vectors ? region->vectors : 1);
	if (!path) {
		args->failed = true;
	} else if (region->server) {
		facet_args_option(args, "-chardev", "socket", "id", id, "path", path, NULL);
		facet_args_option(args, "-device", "ivshmem-doorbell", "chardev", id, "vectors",
				  vectors, NULL);
	} else {
		facet_args_option(args, "-object", "memory-backend-file", "id", id, "mem-path",
				  path, "size", region->size, "share", "on", NULL);
		facet_args_option(args, "-device", "ivshmem-plain", "memdev", id, "master", "on",
				  NULL);
	}
}

void facet_qemu_devices(const struct facet_qemu_config *config, struct facet_args *args)
{
	add_gpus(config, args);
	add_display(config, args);
	add_network(config, args);
	add_folders(config, args);
	for (unsigned int i = 0; i < config->vm->ivshmem_count; i++)
		add_region(config, args, i);
}
