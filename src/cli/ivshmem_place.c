// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_place.c - finds the servers that run, by their control sockets in one directory. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ivshmem.h"
#include "varlink/client.h"

enum { PATIENCE_MS = 5000 };

int cli_ivshmem_place(struct cli_ivshmem_place *ret, struct facet_error *err)
{
	const char *user = getenv("XDG_RUNTIME_DIR");
	int size;

	if ((!user || user[0] != '/') && geteuid() != 0)
		return facet_error_set(err, -ENOENT, "XDG_RUNTIME_DIR is not set: log in properly");
	size = snprintf(ret->path, sizeof(ret->path), "%s/facet-ivshmem",
			user && user[0] == '/' ? user : "/run");
	/* Room for a name: the path of a socket has 107 bytes. */
	if (size < 0 || (size_t)size >= sizeof(ret->path))
		return facet_error_set(err, -ENAMETOOLONG,
				       "XDG_RUNTIME_DIR=%.40s...: too long for sockets below it",
				       user);
	return 0;
}

/* One server's regions; NULL: it does not answer. */
static json_t *ask(const char *path, int *ret_error)
{
	struct facet_client *client = NULL;
	json_t *message = NULL, *regions;
	int r = facet_client_open(path, &client, NULL);

	if (!r)
		r = facet_client_send(client, "io.facet.ivshmem.List", NULL, NULL, 0, false, NULL);
	if (!r)
		r = facet_client_receive(client, PATIENCE_MS, &message, NULL);
	facet_client_close(client);
	*ret_error = r;
	regions = json_object_get(json_object_get(message, "parameters"), "regions");
	if (!json_is_array(regions)) {
		json_decref(message);
		return NULL;
	}
	json_t *pid = json_object_get(json_object_get(message, "parameters"), "pid"), *region;
	size_t i;

	json_array_foreach(regions, i, region) json_object_set(region, "pid", pid);
	json_incref(regions);
	json_decref(message);
	return regions;
}

static bool is_control(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 8 && strcmp(entry->d_name + size - 8, ".control") == 0;
}

json_t *cli_ivshmem_list(const struct cli_ivshmem_place *place, bool tidy)
{
	DIR *dir = opendir(place->path);
	json_t *all = json_array();
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[sizeof(place->path) + sizeof(entry->d_name) + 1];
		json_t *regions;
		int error;

		if (!is_control(entry))
			continue;
		snprintf(path, sizeof(path), "%s/%s", place->path, entry->d_name);
		regions = ask(path, &error);
		if (regions)
			json_array_extend(all, regions);
		else if (error == -ECONNREFUSED && tidy)
			unlink(path);
		else if (error != -ECONNREFUSED && error != -ENOENT)
			fprintf(stderr, "facet ivshmem: %s: does not answer: %s\n", path,
				strerror(error ? -error : EPROTO));
		json_decref(regions);
	}
	if (dir)
		closedir(dir);
	return all;
}
