// SPDX-License-Identifier: GPL-2.0-or-later
/* port_loopback.c - a vGPU inside this process: loopback, virtio-gpu, scheduler and virgl. */
#include <assert.h>
#include <stdio.h>

#include "device/device.h"
#include "display/display.h"
#include "engine/engine.h"
#include "port.h"
#include "sched/sched.h"
#include "transport/loopback/loopback.h"
#include "transport/transport.h"
#include "wire/virtio_gpu.h"

struct loopback_port {
	struct port port;
	struct facet_transport *transport;
};

static struct facet_transport *transport(struct port *port)
{
	return ((struct loopback_port *)port)->transport;
}

static void released(void *owner)
{
	/* Nobody watches, so nothing is ever shown again. */
}

static int send(struct port *port, const void *data, size_t size, size_t room)
{
	int ticket =
		facet_loopback_send(transport(port), WIRE_GPU_QUEUE_CONTROL, data, size, 2, room);

	/* A real device works while its guest goes on: so let it look now. */
	return facet_transport_dispatch(transport(port)) ? -1 : ticket;
}

static int wait_for(struct port *port, int ticket, void *in, size_t room)
{
	return facet_loopback_wait(transport(port), WIRE_GPU_QUEUE_CONTROL, ticket, in, room);
}

static int reset(struct port *port)
{
	facet_loopback_reset(transport(port), UINT64_MAX);
	return 0;
}

static int make_vgpu(struct facet_transport **ret, struct facet_error *err)
{
	static struct facet_display_config display = { .output_count = 1, .released = released };
	struct facet_engine_config engine = { .render_fd = -1 };
	struct facet_sched_config sched = { 0 };
	struct facet_transport_config config = { .device = "virtio-gpu",
						 .listen_fd = -1,
						 .fd = -1 };
	int r;

	display.outputs[0].connected = true;
	r = facet_display_create(&display, &engine.display, err);
	if (!r)
		r = facet_engine_create("virgl", &engine, &sched.engine, err);
	if (!r)
		r = facet_sched_create(&sched, &config.device_config.sched, err);
	if (r)
		return r;
	config.device_config.display = engine.display;
	return facet_transport_create("loopback", &config, ret, err);
}

struct port *port_loopback(void)
{
	/* Lives as long as the process. */
	static const struct port_ops ops = { .send = send, .wait = wait_for, .reset = reset };
	static struct loopback_port port = { .port.ops = &ops };
	struct facet_error err = { .text = "?" };

	static_assert((int)PORT_MEMORY == (int)FACET_LOOPBACK_MEMORY, "what a recording may use");
	if (make_vgpu(&port.transport, &err)) {
		fprintf(stderr, "no vGPU to play on: %s\n", err.text);
		return NULL;
	}
	port.port.memory = facet_loopback_memory(port.transport);
	return &port.port;
}
