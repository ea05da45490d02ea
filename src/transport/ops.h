/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what a transport provides. Only transport/ includes this. */
#ifndef FACET_TRANSPORT_OPS_H
#define FACET_TRANSPORT_OPS_H

#include "transport/transport.h"

struct facet_transport_ops {
	const char *name;
	int (*create)(const struct facet_transport_config *cfg, struct facet_transport **ret,
		      struct facet_error *err);
	void (*destroy)(struct facet_transport *transport);
	int (*fd)(struct facet_transport *transport);
	int (*dispatch)(struct facet_transport *transport);
	void (*status)(struct facet_transport *transport, struct facet_transport_status *ret);
	int (*handover)(struct facet_transport *transport,
			struct facet_handover *ret); /* optional */
};

/* First member of every transport. */
struct facet_transport {
	const struct facet_transport_ops *ops;
};

extern const struct facet_transport_ops facet_vhost_user_transport, facet_vfio_user_transport,
	facet_loopback_transport;

#endif
