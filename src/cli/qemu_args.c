// SPDX-License-Identifier: GPL-2.0-or-later
/* qemu_args.c - facet qemu-args NAME: what attaches a vGPU to a stock QEMU. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

__attribute__((format(printf, 2, 3))) static void add(json_t *list, const char *fmt, ...)
{
	char text[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(list, json_string(text));
}

static bool is_vfio_user(const json_t *vgpu)
{
	return strcmp(cli_string(vgpu, "transport"), "vfio-user") == 0;
}

/* QEMU ends a value at a comma unless it is doubled. */
static void quote(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from && n + 2 < size; from++) {
		if (*from == ',')
			to[n++] = ',';
		to[n++] = *from;
	}
	to[n] = '\0';
}

/* The vGPU's process reads and writes the guest's memory: it has to be shared. */
static void add_memory(json_t *list, unsigned long long memory)
{
	add(list, "-m");
	add(list, "%lluM", memory >> 20);
	add(list, "-object");
	add(list, "memory-backend-memfd,id=facet-memory,size=%lluM,share=on", memory >> 20);
	add(list, "-machine");
	add(list, "memory-backend=facet-memory");
}

/* Ids of QEMU begin with a letter. */
static void add_vhost_user(json_t *list, const json_t *vgpu)
{
	const char *name = cli_string(vgpu, "name");
	char path[PATH_MAX];

	quote(path, sizeof(path), cli_string(vgpu, "socket"));
	add(list, "-chardev");
	add(list, "socket,id=facet-%s,path=%s", name, path);
	add(list, "-device");
	add(list,
	    "vhost-user-gpu-pci,id=facet-gpu-%s,chardev=facet-%s,max_outputs=%u,xres=%u,yres=%u",
	    name, name, (unsigned int)cli_integer(vgpu, "outputs"),
	    (unsigned int)cli_integer(vgpu, "width"), (unsigned int)cli_integer(vgpu, "height"));
}

/* A socket's address can be given as JSON only; without spaces, for it goes through a shell. */
static void add_vfio_user(json_t *list, const json_t *vgpu)
{
	char id[80];
	json_t *device;
	char *text;

	snprintf(id, sizeof(id), "facet-gpu-%s", cli_string(vgpu, "name"));
	device = json_pack("{s:s, s:s, s:{s:s, s:s}}", "driver", "vfio-user-pci", "id", id,
			   "socket", "type", "unix", "path", cli_string(vgpu, "socket"));
	text = json_dumps(device, JSON_COMPACT);
	add(list, "-device");
	add(list, "%s", text ? text : "");
	free(text);
	json_decref(device);
}

/* --- parts of hardware --- */

/* Else there is no picture before the guest's driver runs. */
static void add_console(char *options, size_t size, const json_t *part)
{
	if (*cli_string(part, "uuid"))
		snprintf(options, size, ",display=on,ramfb=on");
	else
		snprintf(options, size, ",x-vga=on");
}

/* A mediated device has a path only; of a whole device all functions go together. */
static void add_vfio(json_t *list, const json_t *vgpu, bool console)
{
	const json_t *part = json_object_get(vgpu, "part"), *function;
	const char *name = cli_string(vgpu, "name");
	char options[40] = "", suffix[16] = "";
	size_t i;

	if (console)
		add_console(options, sizeof(options), part);
	if (*cli_string(part, "uuid")) {
		add(list, "-device");
		/* ramfb is of the one that cannot be unplugged. */
		add(list, "vfio-pci%s,id=facet-gpu-%s,sysfsdev=%s%s", console ? "-nohotplug" : "",
		    name, cli_string(part, "device"), options);
		return;
	}
	json_array_foreach(json_object_get(part, "functions"), i, function)
	{
		if (i)
			snprintf(suffix, sizeof(suffix), "-%zu", i);
		add(list, "-device");
		add(list, "vfio-pci,id=facet-gpu-%s%s,host=%s%s", name, suffix,
		    json_string_value(function), i ? "" : options);
	}
}

/* All of its memory is pinned for the device; it need not be shared with anybody. */
static json_t *part_for_qemu(const json_t *vgpu, unsigned long long memory, bool console)
{
	json_t *list = json_array();

	if (memory) {
		add(list, "-m");
		add(list, "%lluM", memory >> 20);
	}
	if (console) {
		add(list, "-vga");
		add(list, "none");
	}
	add_vfio(list, vgpu, console);
	return list;
}

static json_t *part_for_cloud_hypervisor(const json_t *vgpu, unsigned long long memory)
{
	const json_t *part = json_object_get(vgpu, "part"), *function;
	json_t *list = json_array();
	size_t i;

	if (memory) {
		add(list, "--memory");
		add(list, "size=%lluM", memory >> 20);
	}
	if (*cli_string(part, "uuid")) {
		add(list, "--device");
		add(list, "path=%s,id=facet-gpu-%s", cli_string(part, "device"),
		    cli_string(vgpu, "name"));
	}
	json_array_foreach(json_object_get(part, "functions"), i, function)
	{
		add(list, "--device");
		add(list, "path=/sys/bus/pci/devices/%s,id=facet-gpu-%s-%zu",
		    json_string_value(function), cli_string(vgpu, "name"), i);
	}
	return list;
}

/* A device that is whole, or whose driver gives its picture to QEMU; a VF has no place for either.
 */
static bool can_be_console(const json_t *vgpu)
{
	const json_t *part = json_object_get(vgpu, "part");

	return *cli_string(part, "uuid") || (strcmp(cli_string(vgpu, "mechanism"), "vfio") == 0 &&
					     json_is_true(json_object_get(part, "vga")));
}

/* NULL: it cannot be attached, or not so; that was said. */
static json_t *make_part(struct cli *cli, const json_t *vgpu, unsigned long long memory)
{
	const json_t *part = json_object_get(vgpu, "part");
	const char *vmm = cli_value(cli, "vmm"), *name = cli_string(vgpu, "name");
	bool console = cli_value(cli, "console");

	if (strcmp(cli_string(vgpu, "state"), "failed") == 0 || !json_is_object(part)) {
		cli_error(cli, "%s is not what it was: %s", name, cli_string(vgpu, "reason"));
		return NULL;
	}
	if (cli_value(cli, "spice")) {
		cli_error(cli, "--spice: is for `facet view`, which sees nothing of hardware");
		return NULL;
	}
	if (console && !can_be_console(vgpu)) {
		cli_error(cli, "--console: %s, %s on %s, cannot be one", name,
			  cli_string(vgpu, "mechanism"), cli_string(vgpu, "gpu"));
		return NULL;
	}
	if (vmm && strcmp(vmm, "cloud-hypervisor") == 0)
		return part_for_cloud_hypervisor(vgpu, memory);
	return part_for_qemu(vgpu, memory, console);
}

static json_t *for_qemu(const json_t *vgpu, unsigned long long memory, const char *spice)
{
	char path[PATH_MAX], own[300];
	json_t *list = json_array();

	if (memory)
		add_memory(list, memory);
	if (is_vfio_user(vgpu))
		add_vfio_user(list, vgpu);
	else
		add_vhost_user(list, vgpu);
	if (!spice)
		return list;
	cli_spice_socket(vgpu, own, sizeof(own));
	quote(path, sizeof(path), spice[0] ? spice : own);
	add(list, "-spice");
	add(list, "unix=on,addr=%s,disable-ticketing=on", path);
	return list;
}

static json_t *for_cloud_hypervisor(const json_t *vgpu, unsigned long long memory)
{
	json_t *list = json_array();

	if (memory) {
		add(list, "--memory");
		add(list, "size=%lluM,shared=on", memory >> 20);
	}
	add(list, "--user-device");
	add(list, "socket=%s,id=facet-gpu-%s", cli_string(vgpu, "socket"),
	    cli_string(vgpu, "name"));
	return list;
}

/* Older ones say no more than that they know no such device. */
static void warn_of_old_qemu(struct cli *cli)
{
	FILE *answer = popen("qemu-system-x86_64 --version 2>/dev/null", "re");
	unsigned int major, minor;

	if (!answer)
		return;
	if (fscanf(answer, "QEMU emulator version %u.%u", &major, &minor) == 2 &&
	    (major < 10 || (major == 10 && minor < 1)))
		cli_error(cli,
			  "note: vfio-user-pci needs QEMU 10.1, and qemu-system-x86_64 here is "
			  "%u.%u",
			  major, minor);
	pclose(answer);
}

/* NULL: the virtual machine monitor has no way to attach it; that was said. */
static json_t *make(struct cli *cli, const json_t *vgpu, unsigned long long memory)
{
	const char *vmm = cli_value(cli, "vmm");

	if (cli_is_part(vgpu))
		return make_part(cli, vgpu, memory);
	if (vmm && strcmp(vmm, "cloud-hypervisor") == 0) {
		if (is_vfio_user(vgpu))
			return for_cloud_hypervisor(vgpu, memory);
		cli_error(cli,
			  "cloud-hypervisor attaches vGPUs of `facet create --transport vfio-user` "
			  "only, and %s has vhost-user",
			  cli_string(vgpu, "name"));
		return NULL;
	}
	if (is_vfio_user(vgpu))
		warn_of_old_qemu(cli);
	return for_qemu(vgpu, memory, cli_value(cli, "spice"));
}

static int run(struct cli *cli)
{
	const char *memory = cli_value(cli, "memory"), *vmm = cli_value(cli, "vmm");
	uint64_t bytes = 2ULL << 30;
	json_t *vgpu, *list, *item;
	char *answer;
	size_t i;
	int r;

	if (memory && strcmp(memory, "none") != 0 && cli_bytes(cli, "memory", &bytes))
		return CLI_WRONG;
	if (vmm && strcmp(vmm, "qemu") != 0 && strcmp(vmm, "cloud-hypervisor") != 0)
		return cli_wrong(cli, "--vmm %s: must be qemu or cloud-hypervisor", vmm);
	if (bytes & ((1 << 20) - 1))
		return cli_wrong(cli, "--memory %s: must be whole megabytes", memory);
	r = facet_show(cli->conn, cli->arguments[0], &answer);
	if (r)
		return cli_failed(cli, r);
	vgpu = cli_parse(cli, answer);
	if (!vgpu)
		return CLI_FAILED;
	list = make(cli, vgpu, memory && strcmp(memory, "none") == 0 ? 0 : bytes);
	json_decref(vgpu);
	if (!list)
		return CLI_WRONG;
	if (cli->json)
		return cli_print_json(list);
	json_array_foreach(list, i, item) puts(json_string_value(item));
	json_decref(list);
	return cli_flush();
}

const struct cli_verb cli_qemu_args = {
	.name = "qemu-args",
	.arguments = "NAME",
	.summary = "Print the arguments that attach a vGPU to QEMU, one a line",
	.min = 1,
	.max = 1,
	.options = {
		{ "memory", "SIZE", "of the guest (2G); none: leave the memory to me" },
		{ "vmm", "NAME", "for whom: qemu, or cloud-hypervisor (qemu)" },
		{ "console", NULL, "hardware: its picture is the guest's from power-on" },
		{ "spice", "[=SOCKET]", "and a SPICE socket for the keys and mouse of `facet view`" },
	},
	.run = run,
};
