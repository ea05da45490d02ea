// SPDX-License-Identifier: GPL-2.0-or-later
/* handover.c - what a successor would need, told to whoever keeps it; and being a successor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vgpu/vgpu.h"

#define LOG_AREA "handover"

/*
 * The names that the keeper of the descriptors knows them by. The page and the doorbell are for a
 * keeper that is new itself, and goes on where the earlier one was; a successor gets them by
 * option.
 */
#define FRONT    "vhost-user"
#define BACK     "backend"
#define DISPLAY  "display"
#define SHARE    "share"
#define DOORBELL "doorbell"
#define MEMORY   "memory" /* and a number */

enum { OWN_FDS = 7 };

struct fd_list {
	json_t *names;
	int fds[OWN_FDS + FACET_GUEST_MAX_REGIONS];
	unsigned int count;
};

static void fd_list_add(struct fd_list *list, const char *name, int fd)
{
	if (fd < 0)
		return;
	json_array_append_new(list->names, json_string(name));
	list->fds[list->count++] = fd;
}

/* Addresses are 64 bits wide and JSON's integers have a sign: they come back as they went. */
static json_t *regions_json(const struct facet_handover *now, struct fd_list *list)
{
	json_t *regions = json_array();
	char name[24];

	for (unsigned int i = 0; i < now->region_count; i++) {
		const struct facet_guest_region *r = &now->regions[i].region;

		snprintf(name, sizeof(name), MEMORY "%u", i);
		fd_list_add(list, name, now->regions[i].fd);
		json_array_append_new(regions,
				      json_pack("[I, I, I, I]", (json_int_t)r->gpa,
						(json_int_t)r->user_addr, (json_int_t)r->size,
						(json_int_t)r->fd_offset));
	}
	return regions;
}

/* False: the call has ended. */
static bool tell(struct facet_vgpu *vgpu, struct facet_varlink_call *call, bool continues)
{
	struct facet_handover now = { .front_fd = -1, .back_fd = -1, .display_fd = -1 };
	struct fd_list list = { .names = json_array() };
	json_t *reply, *regions;

	facet_transport_handover(vgpu->transport, &now);
	fd_list_add(&list, "listen", vgpu->opts->listen_fd);
	fd_list_add(&list, "control", vgpu->opts->control_fd);
	fd_list_add(&list, FRONT, now.front_fd);
	fd_list_add(&list, BACK, now.back_fd);
	fd_list_add(&list, DISPLAY, now.display_fd);
	fd_list_add(&list, SHARE, vgpu->share_fd);
	fd_list_add(&list, DOORBELL, vgpu->doorbell_fd);
	regions = regions_json(&now, &list);
	reply = json_pack("{s:o, s:{s:I, s:o}}", "fds", list.names, "state", "protocol_features",
			  (json_int_t)now.protocol_features, "regions", regions);
	return facet_varlink_reply_fds(call, reply, list.fds, list.count, continues) == 0 &&
	       continues;
}

static void watcher_gone(void *owner)
{
	*(struct facet_varlink_call **)owner = NULL;
}

void facet_handover_handle(struct facet_varlink_call *call, void *owner)
{
	struct facet_vgpu *vgpu = owner;
	struct facet_varlink_call **place = NULL;

	for (unsigned int i = 0; i < FACET_HANDOVER_WATCHERS && !place; i++)
		if (!vgpu->watchers[i])
			place = &vgpu->watchers[i];
	if (!facet_varlink_call_more(call)) {
		tell(vgpu, call, false);
	} else if (!place) {
		facet_varlink_fail(call, "io.facet.vgpu.Failed",
				   json_pack("{s:s}", "message", "too many are watching already"));
	} else {
		*place = call;
		facet_varlink_call_on_gone(call, watcher_gone, place);
		tell(vgpu, call, true);
	}
}

void facet_handover_changed(struct facet_vgpu *vgpu)
{
	struct facet_transport_status status;

	facet_transport_status(vgpu->transport, &status);
	if (status.handovers == vgpu->handovers)
		return;
	vgpu->handovers = status.handovers;
	for (unsigned int i = 0; i < FACET_HANDOVER_WATCHERS; i++)
		if (vgpu->watchers[i])
			tell(vgpu, vgpu->watchers[i], true);
}

/* The descriptor of that name, now ours; -1 when there is none. */
static int take(json_t *fds, const char *name)
{
	json_t *number = json_object_get(fds, name);
	int fd = json_is_integer(number) ? (int)json_integer_value(number) : -1;

	return fd >= 3 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
}

static void load_regions(json_t *fds, json_t *regions, struct facet_handover *ret)
{
	json_int_t gpa, user_addr, size, offset;
	json_t *region;
	char name[24];
	size_t i;

	json_array_foreach(regions, i, region)
	{
		struct facet_handover_region *to = &ret->regions[ret->region_count];

		snprintf(name, sizeof(name), MEMORY "%zu", i);
		if (i == FACET_GUEST_MAX_REGIONS ||
		    json_unpack(region, "[I, I, I, I]", &gpa, &user_addr, &size, &offset) < 0)
			return;
		to->region = (struct facet_guest_region){ (uint64_t)gpa, (uint64_t)user_addr,
							  (uint64_t)size, (uint64_t)offset };
		to->fd = take(fds, name);
		ret->region_count += to->fd >= 0;
	}
}

bool facet_handover_load(int fd, struct facet_handover *ret)
{
	json_t *root, *fds, *regions = NULL;
	json_int_t features = 0;

	*ret = (struct facet_handover){ .front_fd = -1, .back_fd = -1, .display_fd = -1 };
	lseek(fd, 0, SEEK_SET);
	root = json_loadfd(fd, 0, NULL);
	close(fd);
	if (json_unpack(root, "{s:o, s?{s?I, s?o}}", "fds", &fds, "state", "protocol_features",
			&features, "regions", &regions) == 0) {
		ret->front_fd = take(fds, FRONT);
		ret->back_fd = take(fds, BACK);
		ret->display_fd = take(fds, DISPLAY);
		ret->protocol_features = (uint64_t)features;
		load_regions(fds, regions, ret);
	}
	json_decref(root);
	if (ret->front_fd < 0)
		log_warn("nothing to adopt: the virtual machine has to connect anew");
	return ret->front_fd >= 0;
}
