// SPDX-License-Identifier: GPL-2.0-or-later
/* transport.c - the list of transports, and what callers of the door go through. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "transport/ops.h"

static const struct facet_transport_ops *const transports[] = {
	&facet_vhost_user_transport,
	&facet_loopback_transport,
};

int facet_transport_create(const char *name, const struct facet_transport_config *cfg,
			   struct facet_transport **ret, struct facet_error *err)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(transports); i++) {
		if (!strcmp(transports[i]->name, name))
			return transports[i]->create(cfg, ret, err);
	}
	return facet_error_set(err, -EINVAL,
			       "transport '%s' is not known; use \"vhost-user\" or \"loopback\"",
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
