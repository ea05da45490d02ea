// SPDX-License-Identifier: GPL-2.0-or-later
/* handover.c - what a successor would need, told to whoever keeps it; and being a successor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "varlink/stream.h"
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
#define TABLE    "rings"
#define ALIVE    "alive"
#define SHARE    "share"
#define DOORBELL "doorbell"
#define MEMORY   "memory" /* and a number */
#define KICK     "kick"   /* and its ring's, as the others */
#define CALL     "call"
#define ERR      "err"

enum {
	OWN_FDS = 9,
	FDS_A_RING = 3,
	RINGS_VERSION = 1, /* of what is said about them; others are not understood */
};

struct fd_list {
	json_t *names;
	int fds[OWN_FDS + FDS_A_RING * FACET_HANDOVER_MAX_RINGS + FACET_GUEST_MAX_REGIONS];
	unsigned int count;
};
_Static_assert(FACET_ARRAY_SIZE(((struct fd_list *)NULL)->fds) <= FACET_STREAM_MAX_FDS,
	       "all of them fit into one message");

static void fd_list_add(struct fd_list *list, const char *name, int fd)
{
	if (fd < 0)
		return;
	json_array_append_new(list->names, json_string(name));
	list->fds[list->count++] = fd;
}

static void fd_list_add_numbered(struct fd_list *list, const char *name, unsigned int i, int fd)
{
	char full[24];

	snprintf(full, sizeof(full), "%s%u", name, i);
	fd_list_add(list, full, fd);
}

/* Addresses are 64 bits wide and JSON's integers have a sign: they come back as they went. */
static json_t *regions_json(const struct facet_handover *now, struct fd_list *list)
{
	json_t *regions = json_array();

	for (unsigned int i = 0; i < now->region_count; i++) {
		const struct facet_guest_region *r = &now->regions[i].region;

		fd_list_add_numbered(list, MEMORY, i, now->regions[i].fd);
		json_array_append_new(regions,
				      json_pack("[I, I, I, I]", (json_int_t)r->gpa,
						(json_int_t)r->user_addr, (json_int_t)r->size,
						(json_int_t)r->fd_offset));
	}
	return regions;
}

static json_t *rings_json(const struct facet_handover *now, struct fd_list *list)
{
	json_t *rings = json_array();

	for (unsigned int i = 0; i < now->ring_count; i++) {
		const struct facet_handover_ring *r = &now->rings[i];

		fd_list_add_numbered(list, KICK, i, r->kick_fd);
		fd_list_add_numbered(list, CALL, i, r->call_fd);
		fd_list_add_numbered(list, ERR, i, r->err_fd);
		json_array_append_new(
			rings, json_pack("[b, I, I, I, I, I]", (int)r->enabled, (json_int_t)r->size,
					 (json_int_t)r->rings.space, (json_int_t)r->rings.desc,
					 (json_int_t)r->rings.avail, (json_int_t)r->rings.used));
	}
	return rings;
}

/* False: the call has ended. */
static bool tell(struct facet_vgpu *vgpu, struct facet_varlink_call *call, bool continues)
{
	struct fd_list list = { .names = json_array() };
	json_t *reply, *regions, *rings;
	struct facet_handover now;

	facet_handover_init(&now);
	facet_transport_handover(vgpu->transport, &now);
	fd_list_add(&list, "listen", vgpu->opts->listen_fd);
	fd_list_add(&list, "control", vgpu->opts->control_fd);
	fd_list_add(&list, vgpu->opts->transport, now.front_fd);
	fd_list_add(&list, BACK, now.back_fd);
	fd_list_add(&list, DISPLAY, now.display_fd);
	fd_list_add(&list, TABLE, now.table_fd);
	fd_list_add(&list, ALIVE, now.alive_fd);
	fd_list_add(&list, SHARE, vgpu->share_fd);
	fd_list_add(&list, DOORBELL, vgpu->doorbell_fd);
	regions = regions_json(&now, &list);
	rings = rings_json(&now, &list);
	reply = json_pack("{s:o, s:{s:I, s:o, s:i, s:I, s:I, s:i, s:b, s:o}}", "fds", list.names,
			  "state", "protocol_features", (json_int_t)now.protocol_features,
			  "regions", regions, "rings_version", RINGS_VERSION, "serial",
			  (json_int_t)now.serial, "features", (json_int_t)now.features, "status",
			  now.status, "ran", (int)now.ran, "rings", rings);
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

static int take_numbered(json_t *fds, const char *name, size_t i)
{
	char full[24];

	snprintf(full, sizeof(full), "%s%zu", name, i);
	return take(fds, full);
}

static void load_regions(json_t *fds, json_t *regions, struct facet_handover *ret)
{
	json_int_t gpa, user_addr, size, offset;
	json_t *region;
	size_t i;

	json_array_foreach(regions, i, region)
	{
		struct facet_handover_region *to = &ret->regions[ret->region_count];

		if (i == FACET_GUEST_MAX_REGIONS ||
		    json_unpack(region, "[I, I, I, I]", &gpa, &user_addr, &size, &offset) < 0)
			return;
		to->region = (struct facet_guest_region){ (uint64_t)gpa, (uint64_t)user_addr,
							  (uint64_t)size, (uint64_t)offset };
		to->fd = take_numbered(fds, MEMORY, i);
		ret->region_count += to->fd >= 0;
	}
}

static bool load_ring(json_t *fds, json_t *ring, size_t i, struct facet_handover_ring *ret)
{
	json_int_t size, space, desc, avail, used;
	int enabled;

	if (json_unpack(ring, "[b, I, I, I, I, I]", &enabled, &size, &space, &desc, &avail, &used) <
		    0 ||
	    size < 0 || size > UINT32_MAX || space < 0 || space > FACET_QUEUE_USER)
		return false;
	*ret = (struct facet_handover_ring){
		.kick_fd = take_numbered(fds, KICK, i),
		.call_fd = take_numbered(fds, CALL, i),
		.err_fd = take_numbered(fds, ERR, i),
		.enabled = enabled,
		.size = (uint32_t)size,
		.rings = { (enum facet_queue_space)space, (uint64_t)desc, (uint64_t)avail,
			   (uint64_t)used },
	};
	return true;
}

/* All of them, or what was told is not understood: then it counts as not told. */
static void load_rings(json_t *fds, json_t *state, struct facet_handover *ret)
{
	json_int_t serial, features, status, version;
	json_t *rings, *ring;
	int ran;
	size_t i;

	if (json_unpack(state, "{s:I, s:I, s:I, s:I, s:b, s:o}", "rings_version", &version,
			"serial", &serial, "features", &features, "status", &status, "ran", &ran,
			"rings", &rings) < 0 ||
	    version != RINGS_VERSION || json_array_size(rings) > FACET_HANDOVER_MAX_RINGS)
		return;
	json_array_foreach(rings, i, ring)
	{
		if (!load_ring(fds, ring, i, &ret->rings[i]))
			return;
		ret->ring_count++;
	}
	ret->serial = (uint64_t)serial;
	ret->features = (uint64_t)features;
	ret->status = (uint8_t)status;
	ret->ran = ran;
	ret->table_fd = take(fds, TABLE);
	ret->alive_fd = take(fds, ALIVE);
}

bool facet_handover_load(int fd, struct facet_handover *ret)
{
	json_t *root, *fds, *state = NULL;
	json_int_t features = 0;

	facet_handover_init(ret);
	lseek(fd, 0, SEEK_SET);
	root = json_loadfd(fd, 0, NULL);
	close(fd);
	if (json_unpack(root, "{s:o, s?o}", "fds", &fds, "state", &state) == 0) {
		json_unpack(state, "{s:I}", "protocol_features", &features);
		ret->front_fd = take(fds, FRONT);
		ret->back_fd = take(fds, BACK);
		ret->display_fd = take(fds, DISPLAY);
		ret->protocol_features = (uint64_t)features;
		load_regions(fds, json_object_get(state, "regions"), ret);
		load_rings(fds, state, ret);
	}
	json_decref(root);
	if (ret->front_fd < 0)
		log_warn("nothing to adopt: the virtual machine has to connect anew");
	return ret->front_fd >= 0;
}
