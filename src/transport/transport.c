// SPDX-License-Identifier: GPL-2.0-or-later
/* transport.c - the list of transports, and what callers of the door go through. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "transport/ops.h"

static const struct facet_transport_ops *const transports[] = {
	&facet_vhost_user_transport,
	&facet_vfio_user_transport,
	&facet_loopback_transport,
};

void facet_handover_init(struct facet_handover *handover)
{
	*handover = (struct facet_handover){
		.front_fd = -1, .back_fd = -1, .display_fd = -1, .table_fd = -1, .alive_fd = -1
	};
}

void facet_handover_each_fd(struct facet_handover *handover, void (*use)(void *owner, int *fd),
			    void *owner)
{
	int *const single[] = { &handover->front_fd, &handover->back_fd, &handover->display_fd,
				&handover->table_fd, &handover->alive_fd };

	for (size_t i = 0; i < FACET_ARRAY_SIZE(single); i++)
		use(owner, single[i]);
	for (unsigned int i = 0; i < handover->region_count; i++)
		use(owner, &handover->regions[i].fd);
	for (unsigned int i = 0; i < handover->ring_count; i++) {
		use(owner, &handover->rings[i].kick_fd);
		use(owner, &handover->rings[i].call_fd);
		use(owner, &handover->rings[i].err_fd);
	}
}

int facet_transport_create(const char *name, const struct facet_transport_config *cfg,
			   struct facet_transport **ret, struct facet_error *err)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(transports); i++) {
		if (!strcmp(transports[i]->name, name))
			return transports[i]->create(cfg, ret, err);
	}
	return facet_error_set(err, -EINVAL,
			       "transport '%s' is not known; use \"vhost-user\", \"vfio-user\" or "
			       "\"loopback\"",
			       name);
}

void facet_transport_destroy(struct facet_transport *transport)
{
	if (transport)
		transport->ops->destroy(transport);
}

int facet_transport_fd(struct facet_transport *transport)
{
	return transport->ops->fd(transport);
}

int facet_transport_dispatch(struct facet_transport *transport)
{
	return transport->ops->dispatch(transport);
}

void facet_transport_status(struct facet_transport *transport, struct facet_transport_status *ret)
{
	*ret = (struct facet_transport_status){ 0 };
	transport->ops->status(transport, ret);
}

int facet_transport_handover(struct facet_transport *transport, struct facet_handover *ret)
{
	return transport->ops->handover ? transport->ops->handover(transport, ret) : -ENOTCONN;
}
