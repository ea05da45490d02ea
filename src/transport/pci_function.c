// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pci_function.c - the transport "vfio-user": a virtio device with its PCI face on, served to a
 * vfio-user client. Where the two rooms meet that know nothing of each other.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "transport/ops.h"
#include "transport/vfio_user/vfio_user.h"

struct pci_function {
	struct facet_transport transport;
	struct facet_vfio_user *server;
	bool connected, running;
	unsigned int changes; /* of these two */
};

static struct pci_function *function_of(struct facet_transport *transport)
{
	return facet_container_of(transport, struct pci_function, transport);
}

static int function_create(const struct facet_transport_config *cfg, struct facet_transport **ret,
			   struct facet_error *err)
{
	const struct facet_virtio_pci_config face = {
		.device = cfg->device,
		.device_config = cfg->device_config,
	};
	const struct facet_vfio_user_config server = {
		.function = &facet_virtio_pci,
		.function_config = &face,
		.listen_fd = cfg->listen_fd,
		.fd = cfg->fd,
		.errands = cfg->errands,
	};
	struct pci_function *function = calloc(1, sizeof(*function));
	int r;

	if (!function)
		return facet_error_set(err, -ENOMEM, "no memory for a vfio-user transport");
	function->transport.ops = &facet_vfio_user_transport;
	r = facet_vfio_user_create(&server, &function->server, err);
	if (r < 0) {
		free(function);
		return r;
	}
	*ret = &function->transport;
	return 0;
}

static void function_destroy(struct facet_transport *transport)
{
	facet_vfio_user_destroy(function_of(transport)->server);
	free(function_of(transport));
}

static int function_fd(struct facet_transport *transport)
{
	return facet_vfio_user_fd(function_of(transport)->server);
}

static void note_changes(struct pci_function *function)
{
	struct facet_vfio_user_status now;
	uint64_t features;
	bool running;

	facet_vfio_user_status(function->server, &now);
	facet_virtio_pci_state(facet_vfio_user_function(function->server), &running, &features);
	if (function->connected == now.connected && function->running == running)
		return;
	function->connected = now.connected;
	function->running = running;
	function->changes++;
}

static int function_dispatch(struct facet_transport *transport)
{
	int r = facet_vfio_user_dispatch(function_of(transport)->server);

	note_changes(function_of(transport));
	return r;
}

static void function_status(struct facet_transport *transport, struct facet_transport_status *ret)
{
	struct pci_function *function = function_of(transport);
	struct facet_vfio_user_status now;

	note_changes(function);
	facet_vfio_user_status(function->server, &now);
	facet_virtio_pci_state(facet_vfio_user_function(function->server), &ret->running,
			       &ret->features);
	ret->connected = now.connected;
	ret->drops = now.drops;
	ret->regions = now.regions;
	ret->messages = now.received + now.sent;
	ret->handovers = function->changes;
}

/* Nothing can go on where we stop; but who is at the other end is worth knowing. */
static int function_handover(struct facet_transport *transport, struct facet_handover *ret)
{
	ret->front_fd = facet_vfio_user_client(function_of(transport)->server);
	return ret->front_fd < 0 ? -ENOTCONN : 0;
}

const struct facet_transport_ops facet_vfio_user_transport = {
	.name = "vfio-user",
	.create = function_create,
	.destroy = function_destroy,
	.fd = function_fd,
	.dispatch = function_dispatch,
	.status = function_status,
	.handover = function_handover,
};
