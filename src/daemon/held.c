// SPDX-License-Identifier: GPL-2.0-or-later
/* held.c - keeps and hands on the descriptors that outlive a vGPU's process. */
#include "daemon/held.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strange.h"

void facetd_held_drop(struct facetd_held *held)
{
	while (held->count)
		close(held->items[--held->count].fd);
}

void facetd_held_fini(struct facetd_held *held)
{
	facetd_held_drop(held);
	json_decref(held->state);
	held->state = NULL;
}

int facetd_held_fd(const struct facetd_held *held, const char *name)
{
	for (unsigned int i = 0; i < held->count; i++)
		if (strcmp(held->items[i].name, name) == 0)
			return held->items[i].fd;
	return -1;
}

int facetd_held_front(const struct facetd_held *held)
{
	int fd = facetd_held_fd(held, "vhost-user");

	return fd >= 0 ? fd : facetd_held_fd(held, "vfio-user");
}

/*
 * No successor can go on with what QEMU had mapped and registered by vfio-user; so it is to learn
 * of the death at once, though we hold the socket.
 */
bool facetd_held_hang_up(const struct facetd_held *held)
{
	int fd = facetd_held_fd(held, "vfio-user");

	return fd >= 0 && facetd_held_in_use(held) && shutdown(fd, SHUT_RDWR) == 0;
}

/* A socket tells at once; of other files poll() may ask somebody who does not answer. */
bool facetd_held_in_use(const struct facetd_held *held)
{
	struct pollfd p = { .fd = facetd_held_front(held) };
	int type;

	return p.fd >= 0 &&
	       getsockopt(p.fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof(type) }) == 0 &&
	       poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

static int check_state(json_t *state, struct facet_error *err)
{
	size_t size = state ? json_dumpb(state, NULL, 0, JSON_COMPACT) : 0;

	if (!json_is_object(state) || size == 0 || size > FACETD_HELD_STATE_MAX)
		return facet_error_set(err, -EPROTO, "handover: no state, or more than %d bytes",
				       FACETD_HELD_STATE_MAX);
	return 0;
}

static int take_items(struct facetd_held *held, const json_t *names, int (*take_fd)(void *owner),
		      void *owner, struct facet_error *err)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);
		int fd;

		if (!text || strlen(text) >= sizeof(held->items[0].name) ||
		    facetd_held_fd(held, text) >= 0)
			return facet_error_set(err, -EPROTO, "handover: a strange name");
		fd = take_fd(owner);
		if (fd < 0)
			return facet_error_set(err, -EPROTO, "handover: no descriptor for %s",
					       text);
		if (!facet_strange_is_prompt(fd)) {
			facet_strange_close(fd);
			continue;
		}
		strcpy(held->items[held->count].name, text);
		held->items[held->count++].fd = fd;
	}
	return 0;
}

int facetd_held_take(struct facetd_held *held, const json_t *parameters,
		     int (*take_fd)(void *owner), void *owner, struct facet_error *err)
{
	struct facetd_held *fresh = calloc(1, sizeof(*fresh));
	json_t *names = json_object_get(parameters, "fds");
	int r;

	if (!fresh)
		return facet_error_set(err, -ENOMEM, "handover: out of memory");
	if (!json_is_array(names) || json_array_size(names) > FACETD_HELD_MAX)
		r = facet_error_set(err, -EPROTO, "handover: no list of descriptors");
	else
		r = check_state(json_object_get(parameters, "state"), err);
	if (!r)
		r = take_items(fresh, names, take_fd, owner, err);
	if (r) {
		facetd_held_fini(fresh);
	} else {
		fresh->state = json_incref(json_object_get(parameters, "state"));
		facetd_held_fini(held);
		*held = *fresh;
	}
	free(fresh);
	return r;
}

int facetd_held_memfd(const struct facetd_held *held, int first_number, int *ret)
{
	facet_autoclose int fd = memfd_create("facet-handover", MFD_CLOEXEC);
	json_t *fds = json_object();
	json_t *all = json_pack("{s:o, s:O*}", "fds", fds, "state", held->state);
	int r = fd < 0 ? -errno : 0;

	for (unsigned int i = 0; i < held->count; i++)
		json_object_set_new(fds, held->items[i].name, json_integer(first_number + (int)i));
	if (!r && (!all || json_dumpfd(all, fd, JSON_COMPACT) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		r = -EIO;
	json_decref(all);
	if (!r)
		*ret = facet_steal_fd(&fd);
	return r;
}
