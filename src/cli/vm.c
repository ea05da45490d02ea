// SPDX-License-Identifier: GPL-2.0-or-later
/* vm.c - files of VMs, and the sockets of those that run. */
#include "cli/vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

int cli_load_vms(const struct cli *cli, const char *path, struct facet_vm_file **ret)
{
	struct facet_error err;
	int r = facet_vm_load(path, ret, &err);

	if (!r)
		return 0;
	fprintf(stderr, "facet: %s\n", err.text);
	return r == -ENOMEM ? CLI_FAILED : CLI_WRONG;
}

const struct facet_vm *cli_choose_vm(const struct cli *cli, const struct facet_vm_file *file,
				     const char *name)
{
	if (!name && file->vms_count == 1)
		return &file->vms[0];
	if (!name) {
		cli_wrong(cli, "the file has %u VMs: say which by --vm NAME", file->vms_count);
		return NULL;
	}
	for (unsigned int i = 0; i < file->vms_count; i++)
		if (strcmp(file->vms[i].name, name) == 0)
			return &file->vms[i];
	cli_wrong(cli, "--vm %s: the file has no VM of that name", name);
	return NULL;
}

int cli_vm_socket(const struct cli *cli, const char *name, const char *socket_name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct facet_error err;
	char path[PATH_MAX];

	if (facet_vmdir_path(name, path, &err)) {
		cli_error(cli, "%s", err.text);
		return -1;
	}
	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", path, socket_name) >=
		    (int)sizeof(address.sun_path) ||
	    fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		cli_error(cli, "%s: %s: see `facet ps`", name,
			  errno == ENOENT || errno == ECONNREFUSED ? "does not run"
								   : strerror(errno));
		return -1;
	}
	return facet_steal_fd(&fd);
}
