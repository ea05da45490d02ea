// SPDX-License-Identifier: GPL-2.0-or-later
/* greet.c - the first message each way: versions, and in JSON what each side takes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "host/vfio/socket.h"

enum {
	MAX_TEXT = 4096,
};

/* A number of @object, at least 1 and at most @limit; @missing where it is not said. */
static uint32_t number(const json_t *object, const char *name, uint32_t missing, uint32_t limit)
{
	const json_t *value = json_object_get(object, name);
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : missing;

	return n < 1 ? 1 : n > limit ? limit : (uint32_t)n;
}

static int take_capabilities(struct facet_vfio_socket *sock, const char *text, size_t size,
			     struct facet_error *err)
{
	const json_t *capabilities;
	json_t *root = NULL;

	size = strnlen(text, size);
	if (size) {
		root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(root)) {
			json_decref(root);
			return facet_vfio_socket_protest(sock, "its version is no JSON", err);
		}
	}
	capabilities = json_object_get(root, "capabilities");
	sock->max_fds =
		number(capabilities, "max_msg_fds", VFIO_USER_DEFAULT_FDS, VFIO_USER_MAX_FDS);
	sock->max_xfer = number(capabilities, "max_data_xfer_size", VFIO_USER_DEFAULT_XFER,
				VFIO_USER_DEFAULT_XFER);
	sock->max_maps = number(capabilities, "max_dma_maps", VFIO_USER_DEFAULT_MAPS, UINT32_MAX);
	json_decref(root);
	return 0;
}

int facet_vfio_socket_greet(struct facet_vfio_socket *sock, struct facet_error *err)
{
	struct vfio_user_version version = { VFIO_USER_MAJOR, VFIO_USER_MINOR };
	char text[128];
	struct iovec parts[] = { { &version, sizeof(version) }, { text, 0 } };
	int n, r;

	n = snprintf(text, sizeof(text),
		     "{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%d}}",
		     VFIO_USER_MAX_FDS, VFIO_USER_DEFAULT_XFER);
	parts[1].iov_len = (size_t)n + 1;
	r = facet_vfio_socket_request(sock, VFIO_USER_VERSION, parts, 2, NULL, 0, err);
	if (r < 0)
		return r;
	if ((size_t)r < sizeof(version) || r > MAX_TEXT)
		return facet_vfio_socket_protest(sock, "the size of its version", err);
	memcpy(&version, sock->channel.payload, sizeof(version));
	if (version.major != VFIO_USER_MAJOR || version.minor > VFIO_USER_MINOR)
		return facet_vfio_socket_protest(sock, "it speaks another version than asked for",
						 err);
	r = take_capabilities(sock, (const char *)sock->channel.payload + sizeof(version),
			      (size_t)r - sizeof(version), err);
	facet_vfio_channel_done(&sock->channel);
	return r;
}
