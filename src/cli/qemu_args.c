// SPDX-License-Identifier: GPL-2.0-or-later
/* qemu_args.c - facet qemu-args NAME: what attaches a vGPU to a stock QEMU. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
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

static json_t *make(const json_t *vgpu, unsigned long long memory, bool with_memory,
		    const char *spice)
{
	const char *name = cli_string(vgpu, "name");
	json_t *list = json_array();
	char path[PATH_MAX], own[300];

	quote(path, sizeof(path), cli_string(vgpu, "socket"));
	/* The vGPU's process reads and writes the guest's memory: it has to be shared. */
	if (with_memory) {
		add(list, "-m");
		add(list, "%lluM", memory >> 20);
		add(list, "-object");
		add(list, "memory-backend-memfd,id=facet-memory,size=%lluM,share=on", memory >> 20);
		add(list, "-machine");
		add(list, "memory-backend=facet-memory");
	}
	/* Ids of QEMU begin with a letter. */
	add(list, "-chardev");
	add(list, "socket,id=facet-%s,path=%s", name, path);
	add(list, "-device");
	add(list,
	    "vhost-user-gpu-pci,id=facet-gpu-%s,chardev=facet-%s,max_outputs=%u,xres=%u,yres=%u",
	    name, name, (unsigned int)cli_integer(vgpu, "outputs"),
	    (unsigned int)cli_integer(vgpu, "width"), (unsigned int)cli_integer(vgpu, "height"));
	if (!spice)
		return list;
	cli_spice_socket(vgpu, own, sizeof(own));
	quote(path, sizeof(path), spice[0] ? spice : own);
	add(list, "-spice");
	add(list, "unix=on,addr=%s,disable-ticketing=on", path);
	return list;
}

static int run(struct cli *cli)
{
	const char *memory = cli_value(cli, "memory");
	uint64_t bytes = 2ULL << 30;
	json_t *vgpu, *list, *item;
	char *answer;
	size_t i;
	int r;

	if (memory && strcmp(memory, "none") != 0 && cli_bytes(cli, "memory", &bytes))
		return CLI_WRONG;
	if (bytes & ((1 << 20) - 1))
		return cli_wrong(cli, "--memory %s: must be whole megabytes", memory);
	r = facet_show(cli->conn, cli->arguments[0], &answer);
	if (r)
		return cli_failed(cli, r);
	vgpu = cli_parse(cli, answer);
	if (!vgpu)
		return CLI_FAILED;
	list = make(vgpu, bytes, !memory || strcmp(memory, "none") != 0, cli_value(cli, "spice"));
	json_decref(vgpu);
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
		{ "spice", "[=SOCKET]", "and a SPICE socket for the keys and mouse of `facet view`" },
	},
	.run = run,
};
