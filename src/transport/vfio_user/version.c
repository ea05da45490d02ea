// SPDX-License-Identifier: GPL-2.0-or-later
/* version.c - what client and server agree on before anything else. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "transport/vfio_user/internal.h"

/* #syscalls socketpair fcntl close */

enum { MAX_JSON = 4096 };

static void json_free(json_t **json)
{
	json_decref(*json);
}
#define autojson __attribute__((cleanup(json_free)))

/* A whole number in [@low, @high]; what was not said is @otherwise. */
static int take_number(const json_t *caps, const char *name, json_int_t low, json_int_t high,
		       uint32_t otherwise, uint32_t *ret)
{
	const json_t *value = json_object_get(caps, name);
	json_int_t n;

	*ret = otherwise;
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < low)
		return -EINVAL;
	n = json_integer_value(value);
	*ret = (uint32_t)(n < high ? n : high);
	return 0;
}

/* @caps is NULL when the client did not say anything. */
static int take_capabilities(struct facet_vfio_user *vfu, const json_t *caps)
{
	const json_t *twin = json_object_get(caps, "twin_socket");
	uint32_t sizes;
	int r;

	r = take_number(caps, "max_msg_fds", 0, VFIO_USER_MAX_FDS, VFIO_USER_DEFAULT_FDS,
			&vfu->client_fds);
	if (!r)
		r = take_number(caps, "max_data_xfer_size", 1, VFU_MAX_XFER, VFIO_USER_DEFAULT_XFER,
				&vfu->client_xfer);
	if (!r)
		r = take_number(caps, "pgsizes", 1, UINT32_MAX, VFIO_USER_DEFAULT_PGSIZES, &sizes);
	if (!r && twin && !json_is_object(twin))
		r = -EINVAL;
	return r;
}

/* A channel of its own for our requests; *ret_fd is the client's end, to be closed when sent. */
static int make_twin(struct facet_vfio_user *vfu, int *ret_fd)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = vfu_channel_open(&vfu->twin, pair[0]);
	if (!r)
		r = vfu_watch_twin(vfu);
	if (r < 0) {
		vfu_channel_close(&vfu->twin);
		close(pair[1]);
		return r;
	}
	*ret_fd = pair[1];
	return 0;
}

/*
 * Of what the client named, what we have; nothing else, so that the reply is never longer than
 * the request: QEMU has no more room for it.
 */
static json_t *answer(struct facet_vfio_user *vfu, const json_t *caps, int *ret_twin)
{
	json_t *ours = json_object();

	if (json_object_get(caps, "max_msg_fds"))
		json_object_set_new(ours, "max_msg_fds", json_integer(VFIO_USER_MAX_FDS));
	if (json_object_get(caps, "max_data_xfer_size"))
		json_object_set_new(ours, "max_data_xfer_size", json_integer(VFU_MAX_XFER));
	if (json_object_get(caps, "max_dma_maps"))
		json_object_set_new(ours, "max_dma_maps", json_integer(VFU_MAX_MAPS));
	if (json_object_get(caps, "pgsizes"))
		json_object_set_new(ours, "pgsizes", json_integer(VFIO_USER_DEFAULT_PGSIZES));
	if (json_is_true(json_object_get(caps, "write_multiple")))
		json_object_set_new(ours, "write_multiple", json_true());
	if (json_is_true(json_object_get(json_object_get(caps, "twin_socket"), "supported")) &&
	    vfu->client_fds && !make_twin(vfu, ret_twin))
		json_object_set_new(ours, "twin_socket",
				    json_pack("{sbsi}", "supported", 1, "fd_index", 0));
	return json_pack("{so}", "capabilities", ours);
}

static int parse(const struct vfu_request *request, json_t **ret)
{
	const char *text =
		(const char *)request->message->payload + sizeof(struct vfio_user_version);
	const size_t size = request->message->size - sizeof(struct vfio_user_version);

	*ret = NULL;
	if (!size)
		return 0;
	if (size > MAX_JSON || text[size - 1])
		return -EINVAL;
	*ret = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	return *ret && json_is_object(*ret) ? 0 : -EINVAL;
}

int vfu_version(struct facet_vfio_user *vfu, struct vfu_request *request)
{
	autojson json_t *said = NULL, *ours = NULL;
	struct vfio_user_version version;
	const json_t *caps;
	int twin = -1, r;
	size_t length;

	if (vfu->agreed || !vfu_take(request, &version, sizeof(version)))
		return -EINVAL;
	if (version.major != VFIO_USER_MAJOR) {
		vfu_complain(vfu, "the client speaks vfio-user %u.%u, this is 0.%d", version.major,
			     version.minor, VFIO_USER_MINOR);
		return -EINVAL;
	}
	r = parse(request, &said);
	caps = json_object_get(said, "capabilities");
	if (!r && caps && !json_is_object(caps))
		r = -EINVAL;
	if (!r)
		r = take_capabilities(vfu, caps);
	if (r < 0) {
		vfu_complain(vfu, "the client's capabilities make no sense");
		return r;
	}

	version.minor = VFIO_USER_MINOR;
	vfu_give(request, &version, sizeof(version));
	ours = answer(vfu, caps, &twin);
	if (twin >= 0)
		request->out_fds[request->out_fd_count++] = twin; /* vfu_serve() closes it */
	if (said) {
		length = json_dumpb(ours, (char *)request->out + request->out_size, MAX_JSON,
				    JSON_COMPACT);
		request->out_size += length;
		request->out[request->out_size++] = 0;
	}
	vfu->agreed = true;
	return 0;
}
